"""The official validator's checklist for Institutions 2, numbers 6 to 14, and what partners see beyond it.

Every answer is signed, verified and held to the official schema by `network.judge`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.cast import NOON, institution
from tests.ewp.asking import FAKE, Asking, every_combination
from tests.ewp.network import HEI, PARTNER, Network
from tests.institutions.telling import HEALTH, OFFICE, PROFILE
from vaihto.ewp.apis.institutions import INSTITUTIONS, endpoints
from vaihto.ewp.apis.institutions.messages import InstitutionsResponse
from vaihto.ewp.calls import Call
from vaihto.ewp.protocol.http import Parameters, Request
from vaihto.institutions import actions
from vaihto.institutions.facts import UnitFacts
from vaihto.institutions.models import Institution
from vaihto.institutions.values import Link
from vaihto.journal.actors import Actor

MOST = INSTITUTIONS.limit("max-hei-ids")
SYSTEM = Actor.system()

pytestmark = every_combination


@pytest.fixture
def ask(network: Network, method: str, signed: bool) -> Asking:
    return Asking(
        network,
        "institutions/v2",
        InstitutionsResponse.read,
        method=method,
        signed=signed,
    )


@pytest.fixture
def whole(network: Network) -> Institution:
    """The hosted institution with everything that it can tell, its units a tree."""
    place = network.institution
    actions.edit_profile(actor=SYSTEM, institution=place, facts=PROFILE, now=NOON)
    root = actions.add_unit(
        actor=SYSTEM,
        institution=place,
        facts=UnitFacts(code="UN", name="University", names={"en": "University"}),
        now=NOON,
    )
    actions.choose_root(actor=SYSTEM, institution=place, unit=root, now=NOON)
    actions.add_unit(
        actor=SYSTEM,
        institution=place,
        facts=replace(HEALTH, parent=root.ounit_id),
        now=NOON,
    )
    actions.add_unit(
        actor=SYSTEM,
        institution=place,
        facts=replace(HEALTH, code="HIDDEN", exposed=False),
        now=NOON,
    )
    actions.add_contact(actor=SYSTEM, institution=place, facts=OFFICE, now=NOON)
    place.refresh_from_db()
    return place


def test_6_a_known_institution_is_given_and_no_other(ask: Asking, whole: Institution) -> None:
    institution("other.example")
    assert [one.hei_id for one in ask.found(("hei_id", HEI))] == [HEI]


def test_7_an_unknown_institution_is_left_out(ask: Asking) -> None:
    assert ask.found(("hei_id", FAKE)) == []


def test_8_beside_an_unknown_one_the_known_is_given(ask: Asking) -> None:
    assert [one.hei_id for one in ask.found(("hei_id", HEI), ("hei_id", FAKE))] == [HEI]


def test_9_without_a_parameter_nothing_can_be_answered(ask: Asking) -> None:
    assert ask.status() == 400


@pytest.mark.parametrize("hei_id", [HEI, FAKE])
def test_10_and_11_more_than_the_limit_is_refused_known_or_not(ask: Asking, hei_id: str) -> None:
    assert ask.status(*[("hei_id", hei_id)] * (MOST + 1)) == 400


def test_12_as_many_as_the_limit_are_taken(ask: Asking) -> None:
    assert [one.hei_id for one in ask.found(*[("hei_id", HEI)] * MOST)] == [HEI]


def test_13_a_parameter_of_another_name_is_no_parameter(ask: Asking) -> None:
    assert ask.status(("hei_id_param", HEI)) == 400
    assert [one.hei_id for one in ask.found(("hei_id", HEI), ("hei_id_param", "x"))] == [HEI]


def test_14_the_root_is_among_the_units(ask: Asking, whole: Institution) -> None:
    (found,) = ask.found(("hei_id", HEI))
    assert whole.root_unit is not None
    assert found.root_ounit_id == whole.root_unit.ounit_id
    assert found.root_ounit_id in found.ounit_ids
    assert len(found.ounit_ids) == 2  # the hidden one is not told


def test_14_a_root_that_is_hidden_is_not_told(ask: Asking, whole: Institution) -> None:
    assert whole.root_unit is not None
    actions.expose_units(
        actor=SYSTEM,
        institution=whole,
        ounit_ids=[whole.root_unit.ounit_id],
        exposed=False,
        now=NOON,
    )
    (found,) = ask.found(("hei_id", HEI))
    assert (found.root_ounit_id, len(found.ounit_ids)) == ("", 1)


# --- Beyond the checklist --------------------------------------------------------------------------


def test_everything_an_institution_tells_arrives(ask: Asking, whole: Institution) -> None:
    (found,) = ask.found(("hei_id", HEI))
    assert found.names == (
        ("en", "University of Northlake"),
        ("fi", "Pohjoisjärven yliopisto"),
    )
    assert found.other_ids == whole.other_ids
    assert dict(found.other_ids)["previous-schac"] == "northlake-college.example"
    assert found.abbreviation == "UN"
    assert found.street_address is not None
    assert (found.street_address.street, found.street_address.country) == ("Revontulentie", "FI")
    assert found.mailing_address is not None
    assert found.mailing_address.lines == ("International Services", "PO Box 17")
    assert found.websites == (
        ("", "https://aalto-north.example/"),
        ("fi", "https://aalto-north.example/fi"),
    )
    assert found.catalogue_urls == (("en", "https://aalto-north.example/courses"),)
    (contact,) = found.contacts
    assert contact.emails == ("international@aalto-north.example",)
    assert contact.phones[0].e164 == "+441632960010"
    assert contact.roles == (("en", "Answers partners.\n\nOpen on Tuesdays."),)


def test_of_an_institution_that_others_host_only_names_and_identifiers_are_told(
    ask: Asking,
) -> None:
    other = institution("other.example", name="Other", hosted=False, pic="999900002")
    actions.edit_profile(
        actor=SYSTEM, institution=other, facts=replace(PROFILE, name="Other"), now=NOON
    )
    actions.add_contact(actor=SYSTEM, institution=other, facts=OFFICE, now=NOON)
    found, home = ask.found(("hei_id", "other.example"), ("hei_id", HEI))
    assert (found.hei_id, home.hei_id) == ("other.example", HEI)
    assert dict(found.names)["en"] == "University of Northlake"
    assert found.contacts == ()
    assert found.websites == ()


def test_what_files_brought_never_makes_an_answer_invalid(ask: Asking, whole: Institution) -> None:
    Institution.objects.filter(pk=whole.pk).update(
        website="https://a b.example/<>",
        names={"en": "Bell \x07 & <Sons>", "no language": "Ääkkönen", "fi": "  "},
        abbreviation="  ",
        oid=" ",
    )
    (found,) = ask.found(("hei_id", HEI))
    assert found.websites == (("fi", "https://aalto-north.example/fi"),)
    assert found.names[0] == ("en", "Bell � & <Sons>")
    assert ("", "Ääkkönen") in found.names


def test_four_queries_whatever_is_asked(ask: Asking, whole: Institution) -> None:
    asked = [("hei_id", HEI)]
    ask.found(*asked)
    with CaptureQueriesContext(connection) as one:
        ask.found(*asked)
    for number in range(5):
        place = institution(f"more-{number}.example")
        actions.add_unit(actor=SYSTEM, institution=place, facts=HEALTH, now=NOON)
        actions.add_contact(actor=SYSTEM, institution=place, facts=OFFICE, now=NOON)
        asked.append(("hei_id", place.hei_id))
    with CaptureQueriesContext(connection) as six:
        assert len(ask.found(*asked)) == 6
    assert len(six) == len(one)
    about = [query["sql"] for query in six if 'FROM "institutions_' in query["sql"]]
    # One more finds the institution that is addressed.
    assert len(about) == 5


def test_a_page_is_told_once(ask: Asking, whole: Institution) -> None:
    actions.edit_profile(
        actor=SYSTEM,
        institution=whole,
        facts=replace(PROFILE, websites=(Link(PROFILE.website), Link(PROFILE.website, "en"))),
        now=NOON,
    )
    (found,) = ask.found(("hei_id", HEI))
    assert found.websites == (("", PROFILE.website), ("en", PROFILE.website))


def test_what_is_asked_again_at_once_is_remembered_for_a_moment(
    ask: Asking, whole: Institution, settings: Settings
) -> None:
    call = Call(
        institution=whole,
        callers=(PARTNER,),
        request=Request(ask.method, "/"),
        parameters=Parameters((("hei_id", HEI),)),
        now=NOON,
        api=INSTITUTIONS,
        endpoint=INSTITUTIONS.endpoints[0],
    )

    def abbreviation() -> str:
        (found,) = InstitutionsResponse.read(endpoints.institutions(call)).message.heis
        return found.abbreviation

    endpoints._ANSWERS.clear()
    try:
        settings.EWP_KEYS_REMEMBERED_SECONDS = 60.0
        assert abbreviation() == "UN"
        Institution.objects.filter(pk=whole.pk).update(abbreviation="NEW")
        assert abbreviation() == "UN"
        settings.EWP_KEYS_REMEMBERED_SECONDS = 0.0
        assert abbreviation() == "NEW"
    finally:
        endpoints._ANSWERS.clear()

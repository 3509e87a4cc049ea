"""The official validator's checklist for Organizational Units 2, numbers 15 to 24, and the shape of what is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import NOON, institution
from tests.ewp.asking import FAKE, Asking, every_combination
from tests.ewp.network import HEI, Network
from tests.institutions.telling import HEALTH, OFFICE, STREET
from vaihto.ewp.apis.institutions import OUNITS, mapping
from vaihto.ewp.apis.institutions.messages import OunitsResponse
from vaihto.institutions import actions
from vaihto.institutions.facts import UnitFacts
from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.queries import told
from vaihto.journal.actors import Actor

MOST = OUNITS.limit("max-ounit-ids")
SYSTEM = Actor.system()
ROOT = UnitFacts(code="UN", name="University", names={"en": "University"}, exposed=True)

pytestmark = every_combination


@pytest.fixture
def ask(network: Network, method: str, signed: bool) -> Asking:
    return Asking(
        network,
        "ounits/v2",
        OunitsResponse.read,
        method=method,
        signed=signed,
        always=[("hei_id", HEI)],
    )


def codes(ask: Asking, *pairs: tuple[str, str]) -> list[str]:
    """The codes of the units that were found."""
    return [one.code for one in ask.found(*pairs)]


@pytest.fixture
def unit(network: Network) -> Unit:
    """An exposed unit of the hosted institution, beside a hidden one."""
    place = network.institution
    made = actions.add_unit(actor=SYSTEM, institution=place, facts=HEALTH, now=NOON)
    actions.add_unit(
        actor=SYSTEM,
        institution=place,
        facts=replace(HEALTH, code="HIDDEN", exposed=False),
        now=NOON,
    )
    return made


def test_15_a_known_unit_is_given_by_its_id(ask: Asking, unit: Unit) -> None:
    (found,) = ask.found(("ounit_id", unit.ounit_id))
    assert (found.ounit_id, found.code) == (unit.ounit_id, "HEALTH")


def test_16_a_known_unit_is_given_by_its_code(ask: Asking, unit: Unit) -> None:
    (found,) = ask.found(("ounit_code", "HEALTH"))
    assert found.ounit_id == unit.ounit_id


def test_17_unknown_units_are_left_out(ask: Asking, unit: Unit) -> None:
    assert ask.found(("ounit_id", FAKE)) == []
    assert codes(ask, ("ounit_id", unit.ounit_id), ("ounit_id", FAKE)) == ["HEALTH"]
    assert codes(ask, ("ounit_code", "HEALTH"), ("ounit_code", FAKE)) == ["HEALTH"]


def test_18_institution_and_units_are_required(ask: Asking, unit: Unit) -> None:
    assert ask.status() == 400
    assert ask.status(("ounit_id", unit.ounit_id)) == 400
    assert ask.status(("hei_id", HEI)) == 400


@pytest.mark.parametrize("hei_id", [FAKE, "neighbour.example"])
def test_19_units_of_another_institution_are_not_asked_here(
    ask: Asking, unit: Unit, hei_id: str
) -> None:
    institution("neighbour.example")
    assert ask.status(("hei_id", hei_id), ("ounit_id", unit.ounit_id)) == 400
    assert ask.status(("hei_id", hei_id), ("ounit_code", "HEALTH")) == 400


@pytest.mark.parametrize("name", ["ounit_id", "ounit_code"])
def test_20_more_than_the_limit_is_refused_known_or_not(ask: Asking, unit: Unit, name: str) -> None:
    known = unit.ounit_id if name == "ounit_id" else "HEALTH"
    for value in (known, FAKE):
        assert ask.status(("hei_id", HEI), *[(name, value)] * (MOST + 1)) == 400


def test_21_as_many_as_the_limit_are_taken(ask: Asking, unit: Unit) -> None:
    assert codes(ask, *[("ounit_id", unit.ounit_id)] * MOST) == ["HEALTH"]
    assert codes(ask, *[("ounit_code", "HEALTH")] * MOST) == ["HEALTH"]


def test_22_a_parameter_of_another_name_is_no_parameter(ask: Asking, unit: Unit) -> None:
    assert ask.status(("ounit_id_param", unit.ounit_id)) == 400
    assert ask.status(("hei_id", HEI), ("ounit_id_param", unit.ounit_id)) == 400


def test_23_ids_and_codes_are_not_asked_together(ask: Asking, unit: Unit) -> None:
    asked = (("hei_id", HEI), ("ounit_id", unit.ounit_id), ("ounit_code", "HEALTH"))
    assert ask.status(*asked) == 400


def test_24_one_institution_once(ask: Asking, unit: Unit) -> None:
    about = ("ounit_id", unit.ounit_id)
    assert ask.status(("hei_id", HEI), ("hei_id", HEI), about) == 400
    assert ask.status(("hei_id", HEI), ("hei_id", FAKE), about) == 400


# --- Beyond the checklist --------------------------------------------------------------------------


def test_a_unit_that_is_hidden_looks_like_one_that_is_not_there(ask: Asking, unit: Unit) -> None:
    hidden = Unit.objects.get(code="HIDDEN")
    assert ask.found(("ounit_id", hidden.ounit_id)) == []
    assert ask.found(("ounit_code", "HIDDEN")) == []


def test_units_are_told_flat_unless_they_form_one_tree(
    ask: Asking,
    unit: Unit,
    network: Network,
) -> None:
    place = network.institution
    root = actions.add_unit(actor=SYSTEM, institution=place, facts=ROOT, now=NOON)
    middle = Unit.objects.get(code="HIDDEN")
    actions.edit_unit(
        actor=SYSTEM,
        unit=unit,
        facts=replace(HEALTH, ounit_id=unit.ounit_id, parent=middle.ounit_id),
        now=NOON,
    )
    both = (("ounit_id", unit.ounit_id), ("ounit_id", root.ounit_id))
    assert {one.parent_ounit_id for one in ask.found(*both)} == {""}
    actions.choose_root(actor=SYSTEM, institution=place, unit=root, now=NOON)
    # Above the unit stands a hidden one, above that the root: so the root is told as its parent.
    parents = {one.code: one.parent_ounit_id for one in ask.found(*both)}
    assert parents == {"HEALTH": root.ounit_id, "UN": ""}


def test_everything_of_a_unit_arrives(ask: Asking, unit: Unit) -> None:
    facts = replace(
        HEALTH,
        ounit_id=unit.ounit_id,
        street_address=STREET,
        logo_url="https://aalto-north.example/health.png",
    )
    actions.edit_unit(actor=SYSTEM, unit=unit, facts=facts, now=NOON)
    actions.add_contact(
        actor=SYSTEM,
        institution=unit.institution,
        facts=replace(OFFICE, unit=unit.ounit_id),
        now=NOON,
    )
    (found,) = ask.found(("ounit_id", unit.ounit_id))
    assert found.names == (("en", "Faculty of Health"), ("fi", "Terveystieteet"))
    assert found.abbreviation == "FH"
    assert found.street_address is not None
    assert found.street_address.country == "FI"
    assert found.websites == (("", "https://aalto-north.example/health"),)
    assert found.logo_url == "https://aalto-north.example/health.png"
    assert [contact.names for contact in found.contacts] == [(("en", "International Services"),)]


def test_every_unit_that_is_listed_can_be_asked_for(
    ask: Asking,
    unit: Unit,
    network: Network,
) -> None:
    listed = mapping.hei(told([Institution.objects.get(hei_id=HEI)])[0])
    assert listed is not None
    found = ask.found(*(("ounit_id", each) for each in listed.ounit_ids))
    assert tuple(one.ounit_id for one in found) == listed.ounit_ids


def test_as_many_queries_for_fifty_units_as_for_one(
    ask: Asking,
    unit: Unit,
    network: Network,
) -> None:
    asked = [("ounit_code", "HEALTH")]
    ask.found(*asked)
    with CaptureQueriesContext(connection) as one:
        ask.found(*asked)
    for number in range(MOST - 1):
        code = f"N{number:02}"
        actions.add_unit(
            actor=SYSTEM,
            institution=network.institution,
            facts=replace(HEALTH, code=code),
            now=NOON,
        )
        asked.append(("ounit_code", code))
    with CaptureQueriesContext(connection) as fifty:
        assert len(ask.found(*asked)) == MOST
    assert len(fifty) == len(one)

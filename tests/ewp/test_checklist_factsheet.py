"""The official validator's checklist for Factsheet 1, numbers 25 to 32, and what keeps a factsheet back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cast import NOON, institution
from tests.ewp.asking import FAKE, Asking, every_combination
from tests.ewp.network import HEI, Network
from tests.institutions.telling import FACTSHEET as FACTS
from vaihto.ewp.apis.institutions import FACTSHEET
from vaihto.ewp.apis.institutions.messages import FactsheetResponse
from vaihto.institutions import actions
from vaihto.institutions.models import Institution
from vaihto.institutions.values import Information
from vaihto.journal.actors import Actor

MOST = FACTSHEET.limit("max-hei-ids")
SYSTEM = Actor.system()

pytestmark = every_combination


@pytest.fixture
def ask(network: Network, method: str, signed: bool) -> Asking:
    return Asking(
        network,
        "factsheet/v1",
        FactsheetResponse.read,
        method=method,
        signed=signed,
    )


@pytest.fixture
def place(network: Network) -> Institution:
    """The hosted institution with its factsheet."""
    actions.edit_factsheet(actor=SYSTEM, institution=network.institution, facts=FACTS, now=NOON)
    return network.institution


def test_25_a_known_institution_is_given_and_no_other(ask: Asking, place: Institution) -> None:
    assert [one.hei_id for one in ask.found(("hei_id", HEI))] == [HEI]


def test_26_an_unknown_institution_is_left_out(ask: Asking, place: Institution) -> None:
    assert ask.found(("hei_id", FAKE)) == []


def test_27_beside_an_unknown_one_the_known_is_given(ask: Asking, place: Institution) -> None:
    assert [one.hei_id for one in ask.found(("hei_id", HEI), ("hei_id", FAKE))] == [HEI]


def test_28_without_a_parameter_nothing_can_be_answered(ask: Asking, place: Institution) -> None:
    assert ask.status() == 400


@pytest.mark.parametrize("hei_id", [HEI, FAKE])
def test_29_and_30_more_than_the_limit_is_refused_known_or_not(
    ask: Asking, place: Institution, hei_id: str
) -> None:
    assert ask.status(*[("hei_id", hei_id)] * (MOST + 1)) == 400


def test_31_as_many_as_the_limit_are_taken(ask: Asking, place: Institution) -> None:
    assert [one.hei_id for one in ask.found(*[("hei_id", HEI)] * MOST)] == [HEI]


def test_32_a_parameter_of_another_name_is_no_parameter(ask: Asking, place: Institution) -> None:
    assert ask.status(("hei_id_param", HEI)) == 400


# --- Beyond the checklist --------------------------------------------------------------------------


def test_everything_of_a_factsheet_arrives(ask: Asking, place: Institution) -> None:
    (found,) = ask.found(("hei_id", HEI))
    assert (found.nominations_autumn, found.nominations_spring) == ("04-15", "10-01")
    assert (found.applications_autumn, found.applications_spring) == ("05-02", "10-15")
    assert (found.decision_weeks, found.transcript_weeks) == (4, 5)
    for name in ("application", "housing", "visa", "insurance"):
        entry, told = getattr(found, name), getattr(FACTS, name)
        assert (entry.email, entry.phone.e164) == (told.email, told.phone.e164)
        assert entry.websites == tuple((link.language, link.url) for link in told.websites)
    assert [one.name for one in found.requirements] == ["Motivation letter", "Health declaration"]
    assert [(one.type, one.name, one.description) for one in found.accessibility] == [
        ("infrastructure", "Step-free campus", "Lifts.")
    ]
    assert [one.type for one in found.more] == ["Recognition"]


def test_an_unfinished_factsheet_is_told_to_nobody(ask: Asking, place: Institution) -> None:
    actions.edit_factsheet(
        actor=SYSTEM, institution=place, facts=replace(FACTS, visa=Information()), now=NOON
    )
    assert ask.found(("hei_id", HEI)) == []


def test_of_institutions_that_others_host_no_factsheet_is_told(
    ask: Asking, place: Institution
) -> None:
    other = institution("other.example", hosted=False)
    neighbour = institution("neighbour.example")
    for one in (other, neighbour):
        actions.edit_factsheet(actor=SYSTEM, institution=one, facts=FACTS, now=NOON)
    asked = [("hei_id", one.hei_id) for one in (other, neighbour)]
    assert [one.hei_id for one in ask.found(*asked)] == ["neighbour.example"]


def test_who_has_it_already_is_told_so_without_the_text(ask: Asking, place: Institution) -> None:
    # Judged with the signature, as header and answer only count when they are signed.
    first = ask.network.request("factsheet/v1", query=f"hei_id={HEI}")
    mark = ask.network.send(first).header("ETag")
    assert mark is not None
    again = ask.answer([("hei_id", HEI)], If_None_Match=mark)
    assert (again.status, bool(again.body)) == (
        (304, False) if ask.method == "GET" else (200, True)
    )
    actions.edit_factsheet(
        actor=SYSTEM, institution=place, facts=replace(FACTS, decision_weeks=3), now=NOON
    )
    assert ask.answer([("hei_id", HEI)], If_None_Match=mark).status == 200

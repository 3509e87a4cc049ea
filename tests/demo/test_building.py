"""The demo in the database: built through the actions, for a demo only, into an empty place only."""

from __future__ import annotations

import pytest

from vaihto.demo import building
from vaihto.demo.accounts import GUESTS, OFFICES, PASSWORD
from vaihto.demo.alliance import HOUSES
from vaihto.demo.building import NotEmpty, build
from vaihto.demo.invention import TINY
from vaihto.institutions.models import Institution, Unit
from vaihto.journal.models import Entry
from vaihto.mobilities.models import Mobility, Side
from vaihto.people.models import Account, Person, Role, StudentRecord


def test_every_invented_fact_is_accepted_and_stored(tiny: building.Built) -> None:
    assert Side.objects.count() == tiny.counts["mobilities"] + tiny.counts["visits"]
    assert StudentRecord.objects.count() == tiny.counts["students"]
    assert Institution.objects.hosted().count() == 4
    assert Unit.objects.filter(institution__hosted=False).count() == 0


def test_a_stay_between_two_hosted_institutions_is_one_mobility_with_two_sides(
    tiny: building.Built,
) -> None:
    side = Side.objects.get(institution__hei_id="tuulisalmi.example", key="T-900001-1")
    directions = sorted(side.mobility.sides.values_list("institution__hei_id", "direction"))
    assert directions == [("costaclara.example", "incoming"), ("tuulisalmi.example", "outgoing")]
    assert Person.objects.filter(family_name="Virtanen", given_names="Aino").count() == 1


def test_every_mobility_has_a_journal_line_of_the_same_day(tiny: building.Built) -> None:
    lines = Entry.objects.filter(verb="mobility.created")
    assert lines.count() == Mobility.objects.count()
    assert {line.at.date().isoformat() for line in lines[:50]} == {"2026-03-01"}


def test_each_guest_can_sign_in_and_is_what_it_says(tiny: building.Built) -> None:
    offices = [office for office in OFFICES if HOUSES[office.institution].hosted]
    assert Account.objects.count() == len(GUESTS) + len(offices)
    for guest in GUESTS:
        account = Account.objects.get(username=guest.username)
        assert account.is_operator == guest.is_operator
        assert [role.name for role in account.roles.all()] == ([guest.role] if guest.role else [])
    assert Account.objects.get(username="demo-registrar").check_password(PASSWORD)
    assert str(Account.objects.get(username="demo-student").person) == "Aino Virtanen"
    unit = Role.objects.get(account__username="demo-coordinator").unit
    assert unit is not None
    assert unit.code == "TEC"


def test_a_second_demo_is_not_built_beside_the_first(tiny: building.Built) -> None:
    with pytest.raises(NotEmpty):
        build(size=TINY)

"""The demo split over several installations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.demo.conftest import NODE
from vaihto.agreements.models import Agreement, ReceivedCopy
from vaihto.demo.accounts import GUESTS
from vaihto.demo.building import Built, NotAMember, found_alliance
from vaihto.institutions.models import Institution
from vaihto.mobilities.models import Mobility
from vaihto.offers.models import LearningOpportunity
from vaihto.people.models import Account, Person, Role

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _demo(db: None, settings: Any) -> None:
    settings.DEMO = True


def test_a_node_hosts_the_members_that_are_named_and_knows_the_others(node: Built) -> None:
    hosted = Institution.objects.hosted().values_list("hei_id", flat=True)
    assert sorted(hosted) == ["costaclara.example", "javorec.example"]
    assert Institution.objects.filter(hei_id="tuulisalmi.example", hosted=False).exists()
    assert not Person.objects.exists()
    assert not Mobility.objects.exists()


def test_everybody_who_can_sign_in_works_at_the_first_hosted_institution(node: Built) -> None:
    told = Role.objects.filter(account__username__in=[guest.username for guest in GUESTS])
    places = told.exclude(institution=None).values_list("institution__hei_id", flat=True)
    assert set(places) == {NODE[0]}
    assert Account.objects.filter(username="demo-agreements").exists()


def test_every_hosted_institution_has_an_office_of_its_own_that_may_approve(node: Built) -> None:
    held = {
        (role.institution.hei_id if role.institution else "", role.name)
        for role in Role.objects.filter(
            account__username__in=["demo-javorec", "demo-costaclara", "demo-tuulisalmi"]
        ).select_related("institution")
    }
    both = (Role.Name.AGREEMENT_MANAGER, Role.Name.SIGNATORY)
    assert held == {(hei_id, name) for hei_id in NODE for name in both}


def test_a_partner_without_a_node_has_a_contact_to_invite(node: Built) -> None:
    copies = [copy.current.copy for copy in ReceivedCopy.objects.exclude(current=None)]
    assert copies
    assert all(copy is not None and copy.author.contacts[0].emails for copy in copies)


def test_what_is_dealt_out_is_the_same_whatever_was_in_the_database_before(node: Built) -> None:
    states = Agreement.objects.order_by("institution__hei_id", "partner__hei_id")
    assert list(states.values_list("institution__hei_id", "listed_state")) == [
        ("costaclara.example", "modification"),
        ("costaclara.example", "mapped"),
        ("costaclara.example", "approved-by-partner"),
        ("javorec.example", "mapped"),
        ("javorec.example", "approved-by-partner"),
        ("javorec.example", "mapped"),
    ]


def test_a_node_keeps_the_catalogues_of_those_it_hosts_only(node: Built) -> None:
    places = LearningOpportunity.objects.values_list("institution__hei_id", flat=True)
    assert set(places) == set(NODE)


def test_only_members_can_be_hosted() -> None:
    with pytest.raises(NotAMember):
        found_alliance(hosts=["granvik.example"])

"""The invented network of the demo: believable, the same every time, and asked by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from vaihto.demo import CATALOGUE_URL, alliance
from vaihto.demo.invention import TODAY
from vaihto.demo.network import confirm, tell_of_network
from vaihto.ewp import capabilities as listing
from vaihto.ewp import dealings, examining, exchanges, explained, registry
from vaihto.ewp.doctor import Finding
from vaihto.ewp.explained import of_exchange
from vaihto.ewp.models import Exchange, Key, PartnerCopy
from vaihto.ewp.partners import partner_copies
from vaihto.institutions import capabilities
from vaihto.institutions.actions import bring_institutions
from vaihto.institutions.models import Alliance, Capability, Institution
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor

SYSTEM = Actor.system()
EVENING = timezone.make_aware(datetime.combine(TODAY, time(18)))


def found_institutions() -> None:
    """Institutions alone: the network needs no people."""
    first = EVENING - timedelta(days=265)
    Alliance.objects.create(code=alliance.ALLIANCE, name=alliance.ALLIANCE_NAME)
    bring_institutions(actor=SYSTEM, facts=alliance.institutions(), now=first)
    hosted = [house.hei_id for house in alliance.HOSTED]
    Institution.objects.filter(hei_id__in=hosted).update(hosted=True)


@pytest.fixture(scope="module")
def _told(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with (
        django_db_blocker.unblock(),  # type: ignore[attr-defined]
        override_settings(DEMO=True, CATALOGUE_URL=CATALOGUE_URL),
        transaction.atomic(),
    ):
        found_institutions()
        tell_of_network(today=TODAY)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def told(_told: None, db: None) -> Iterator[None]:
    """Institutions with what went on between them and their partners."""
    registry.forget()
    yield
    registry.forget()


def test_the_catalogue_names_partners_and_strangers(told: None) -> None:
    copy = registry.overview(now=EVENING)
    assert copy.institutions > 150
    assert {entry.element for entry in registry.apis_of("montalvor.example")} > {
        "iias",
        "omobilities",
    }
    assert registry.hei_by_erasmus_code("P MONTALV01") == "montalvor.example"
    assert not any(entry.usable for entry in registry.apis_of("heidebeek.example"))


def test_it_stays_fresh_without_anybody_to_ask(told: None) -> None:
    later = EVENING + timedelta(days=30)
    assert registry.overview(now=later).state is registry.State.TOO_OLD
    confirm(later)
    assert registry.overview(now=later).state is registry.State.FRESH


def test_what_was_there_in_spring_is_live_since_spring(told: None) -> None:
    rows = Capability.objects.filter(source=Capability.Source.CATALOGUE)
    assert set(rows.values_list("state", flat=True)) == {"live"}
    since = {
        row.interface: row.since for row in rows.filter(institution__hei_id="montalvor.example")
    }
    assert since["iias"] < since["omobilities"]
    assert listing.PROCESSES["omobilities"] == "nominations"


def test_some_partners_fail_each_in_its_own_way(told: None) -> None:
    found = {
        one.newest.partner: one.newest.outcome
        for one in dealings.failing(actor=SYSTEM, now=EVENING)
    }
    assert found == {
        "rivalta-nuova.example": "partner-failed",
        "lindenwerder.example": "bad-digest",
        "granvik.example": "not-xml",
        "klarsund.example": "bad-request",
    }


def test_every_exchange_can_be_read_and_explained(told: None) -> None:
    for one in Exchange.objects.all():
        request, answer = exchanges.read(one)
        assert request.method == one.method
        assert answer is not None
        assert "…" not in str(of_exchange(one)), one.outcome
        assert str(explained.of_signature(one))


def test_something_waits_something_is_set_aside_something_has_ended(told: None) -> None:
    states = set(Notification.objects.values_list("state", flat=True))
    assert states == {"waiting", "set-aside", "done", "expired"}
    open_rows = Notification.objects.open().filter(state="waiting")
    assert all(row.first_at <= row.due_at <= row.expires_at for row in open_rows)
    linked = Exchange.objects.exclude(notification_id=None)
    known = set(Notification.objects.values_list("pk", flat=True))
    assert linked.exists()
    assert set(linked.values_list("notification_id", flat=True)) <= known


def test_what_partners_told_can_be_read(told: None) -> None:
    assert PartnerCopy.objects.exists()
    for copy in partner_copies("montalvor.example").values():
        assert copy.message is not None
        assert copy.problems == ()
    failed = partner_copies("rivalta-nuova.example")["institutions"]
    assert failed.failure is not None
    assert failed.is_stale(EVENING)


def test_the_doctor_was_here(told: None) -> None:
    own = examining.last()
    assert own is not None
    for one in (*own.findings, *_findings("lindenwerder.example"), *_findings("montalvor.example")):
        assert "…" not in str(one), one.code
    certificates = examining.certificates(examining.recent(since=EVENING - timedelta(days=3)))
    assert [one.partner for one in certificates][:2] == ["montalvor.example", ""]


def _findings(partner: str) -> tuple[Finding, ...]:
    found = examining.last(partner)
    assert found is not None
    return found.findings


def test_one_key_is_being_rolled_over(told: None) -> None:
    coming = Key.objects.published().filter(signs_from__gt=EVENING)
    assert [key.institution.hei_id for key in coming if key.institution] == ["hopearanta.example"]


def test_the_survey_rounds_differ_in_both_directions() -> None:
    first, second = ("".join(each[at] for each in alliance._ANSWERS.values()) for at in (0, 1))
    order = {letter: number for number, letter in enumerate("unt l".replace(" ", ""))}
    steps = {
        (order[there] > order[here]) - (order[there] < order[here])
        for here, there in zip(first, second, strict=True)
    }
    assert steps == {-1, 0, 1}
    assert capabilities.MAIN

"""The demo has a past: something frozen, something sent, something corrected since."""

from __future__ import annotations

from vaihto.classification.models import Collection
from vaihto.demo.building import Built, moment
from vaihto.demo.invention import TODAY
from vaihto.institutions.models import Institution
from vaihto.journal.models import Entry
from vaihto.people.access import actor_of
from vaihto.people.models import Account
from vaihto.virta.actions import export, is_overdue
from vaihto.virta.models import ExportRun

HOUSES = ("tuulisalmi.example", "hopearanta.example")


def test_a_file_was_sent_and_a_month_has_passed(past: Built) -> None:
    for hei_id in HOUSES:
        house = Institution.objects.get(hei_id=hei_id)
        run = ExportRun.objects.get(institution=house)
        assert run.state == ExportRun.State.MADE
        assert run.delivery_proof
        assert is_overdue(house, today=TODAY)


def test_the_next_file_differs_by_what_was_corrected_since(past: Built) -> None:
    house = Institution.objects.get(hei_id=HOUSES[0])
    actor = actor_of(Account.objects.get(username="demo-registrar"), today=TODAY)
    corrections = Entry.objects.filter(
        institution_id=house.pk, actor_label="Rauni Rekola", verb="mobility.changed"
    ).count()
    assert corrections > 0
    run = export(actor=actor, institution=house, now=moment(TODAY))
    assert run.difference["changed"] == corrections
    assert run.difference["new"] == 0
    assert run.difference["gone"] <= 1


def test_a_collection_was_frozen_in_march(past: Built) -> None:
    kept = Collection.objects.filter(institution__hei_id=HOUSES[0]).get()
    assert kept.extraction == "oph_long_outgoing"
    assert (kept.year, kept.frozen_at.month) == (2025, 3)
    assert kept.count > 0


def test_nobody_did_anything_before_everything_was_brought(past: Built) -> None:
    brought = Entry.objects.filter(verb="mobility.created").order_by("at")[0].at
    assert not Entry.objects.filter(at__lt=brought).exists()

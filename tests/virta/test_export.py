"""Making a file for the warehouse: what goes in, what stays out, what is compared and refused."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.cast import NOON, Cast
from vaihto.classification.actions import rules_in_force
from vaihto.classification.models import Edition, Period
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.refusals import Invalid, NotAllowed
from vaihto.virta import actions
from vaihto.virta.document import read_document
from vaihto.virta.models import ExportRun, Form
from vaihto.virta.records import Liikkuvuusjakso, Opiskelija

pytestmark = pytest.mark.django_db


def period(cast: Cast, **facts: object) -> Period:
    """Aino's stay as a period that the rules have built, complete unless said otherwise."""
    Period.objects.filter(side=cast.outgoing).delete()
    values = {
        "id": cast.outgoing.pk * 1000,
        "side": cast.outgoing,
        "institution": cast.sending,
        "index": 0,
        "key": cast.outgoing.key,
        "start": date(2026, 1, 10),
        "end": date(2026, 5, 31),
        "days": 142,
        "direction": "outgoing",
        "country": "620",
        "type": "1",
        "programme": "101",
        "classifications": [],
        **facts,
    }
    return Period.objects.create(**values)


def export(cast: Cast, **how: object) -> ExportRun:
    return actions.export(
        actor=cast.actor(cast.bruno), institution=cast.sending, **{"now": NOON, **how}
    )


def test_a_reader_of_another_institution_makes_no_file(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        actions.export(actor=cast.actor(cast.dara), institution=cast.sending, now=NOON)
    assert ExportRun.objects.count() == 0


def test_a_foreign_institution_has_no_national_file(cast: Cast) -> None:
    with pytest.raises(actions.NotFinnish):
        actions.export(actor=cast.actor(cast.chiara), institution=cast.receiving, now=NOON)


def test_the_periods_that_are_sent_are_in_the_file(cast: Cast) -> None:
    period(cast)

    run = export(cast)

    assert [record.avain for record in read_document(run.file)] == ["M-AINO"]
    assert run.counts == {"Liikkuvuusjakso": 1}
    assert run.left_out == 0
    assert run.is_valid is not False
    assert run.edition
    line = Entry.objects.about(run).get()
    assert (line.verb, line.actor_label) == ("exported to VIRTA", "Bruno")


def test_a_run_names_the_edition_of_the_rules_that_is_in_force(cast: Cast) -> None:
    period(cast)
    rules_in_force(now=NOON)
    own = Edition.objects.get()

    assert export(cast).edition == own.key

    other = Edition.objects.create(
        key="0123456789abcdef", adopted_at=NOON + timedelta(days=1), adopted_by="Ada"
    )
    assert export(cast).edition == other.key


def test_the_same_records_give_the_same_bytes(cast: Cast) -> None:
    period(cast)

    first, second = export(cast), export(cast, now=NOON + timedelta(days=1))

    assert first.digest == second.digest
    assert first.file.read_bytes() == second.file.read_bytes()
    assert second.difference == {"new": 0, "changed": 0, "gone": 0}


def test_a_record_with_an_error_stays_out_and_is_listed(cast: Cast) -> None:
    period(cast, country="246")
    good = period_of_incoming_trip(cast)

    run = export(cast)

    assert [record.avain for record in read_document(run.file)] == [good.key]
    assert run.left_out == 1
    assert run.checks["Q09"] == {"severity": "error", "count": 1}
    lines = actions.read_lines(run.findings_file)
    assert lines[0]["severity"] == "error"
    assert ("Q09", "M-AINO") in {(line["check"], line["key"]) for line in lines}


def period_of_incoming_trip(cast: Cast) -> Period:
    """A second period of Aino's, without anything wrong."""
    return Period.objects.create(
        id=cast.outgoing.pk * 1000 + 1,
        side=cast.outgoing,
        institution=cast.sending,
        index=1,
        key="M-AINO.2",
        start=date(2026, 8, 1),
        end=date(2026, 9, 30),
        days=61,
        direction="outgoing",
        country="620",
        type="1",
        programme="101",
        classifications=[],
    )


def test_nothing_to_write_is_a_refusal_and_the_run_says_so(cast: Cast) -> None:
    with pytest.raises(Invalid):
        export(cast)
    run = ExportRun.objects.get()
    assert run.state == ExportRun.State.REFUSED
    assert run.refusal["code"] == "virta.no-records"


def test_what_changed_since_the_last_file_is_told_field_by_field(cast: Cast) -> None:
    period(cast)
    period_of_incoming_trip(cast)
    export(cast)
    cast.mobility.segments.update(end=date(2026, 6, 15))
    period(cast, end=date(2026, 6, 15), days=157)

    run = export(cast, now=NOON + timedelta(days=1))

    assert run.difference == {"new": 0, "changed": 1, "gone": 1}
    assert actions.read_lines(run.difference_file) == [
        {
            "kind": "Liikkuvuusjakso",
            "key": "M-AINO",
            "what": "changed",
            "fields": {"LoppuPvm": ["2026-05-31", "2026-06-15"]},
        },
        {"kind": "Liikkuvuusjakso", "key": "M-AINO.2", "what": "gone", "fields": {}},
    ]


def test_the_nested_whole_needs_the_institutions_word(cast: Cast) -> None:
    period(cast)
    with pytest.raises(actions.NotEverything):
        export(cast, form=Form.NESTED)


def test_the_nested_whole_that_would_lose_records_needs_a_persons_yes(cast: Cast) -> None:
    cast.sending.holds_everything = True
    cast.sending.save()
    cast.attainment.delete()
    period(cast)
    period_of_incoming_trip(cast)
    first = export(cast, form=Form.NESTED)
    assert [type(record) for record in read_document(first.file)].count(Liikkuvuusjakso) == 2
    period(cast)

    with pytest.raises(actions.WouldBeLost) as refusal:
        export(cast, form=Form.NESTED, now=NOON + timedelta(days=1))
    assert refusal.value.facts["gone"] == 1
    assert "M-AINO.2" in str(refusal.value)

    run = export(cast, form=Form.NESTED, now=NOON + timedelta(days=2), accept_loss=True)
    assert run.previous == first
    assert run.difference["gone"] == 1
    assert [r.avain for r in read_document(run.file) if isinstance(r, Opiskelija)] == ["AINO-1"]


@pytest.mark.parametrize("form", [Form.STUDENTS, Form.RIGHTS])
def test_each_kind_of_record_has_its_own_file(cast: Cast, form: Form) -> None:
    run = export(cast, form=form)
    assert sum(run.counts.values()) == 1
    assert next(iter(read_document(run.file))) is not None


def test_the_background_work_makes_the_same_file(cast: Cast) -> None:
    from vaihto.jobs import actions as jobs  # noqa: PLC0415 - only here
    from vaihto.jobs.models import Work  # noqa: PLC0415 - only here

    period(cast)
    run = actions.ask_for_export(actor=cast.actor(cast.bruno), institution=cast.sending, now=NOON)

    work = jobs.run(Work.objects.get(pk=run.work_id))

    assert work.state == Work.State.DONE
    run.refresh_from_db()
    assert run.state == ExportRun.State.MADE
    assert run.digest == export(cast).digest


def test_the_proof_of_delivery_is_kept(cast: Cast) -> None:
    period(cast)
    run = export(cast)
    bruno = cast.actor(cast.bruno)

    with pytest.raises(Invalid):
        actions.record_delivery(
            actor=bruno, run=run, delivered_on=date(2026, 11, 19), proof="x", now=NOON
        )
    with pytest.raises(Invalid):
        actions.record_delivery(
            actor=bruno, run=run, delivered_on=date(2026, 11, 20), proof=" ", now=NOON
        )
    actions.record_delivery(
        actor=bruno, run=run, delivered_on=date(2026, 11, 20), proof="receipt 77", now=NOON
    )

    run.refresh_from_db()
    assert (run.delivered_on, run.delivery_proof, run.delivery_by) == (
        date(2026, 11, 20),
        "receipt 77",
        "Bruno",
    )
    assert Entry.objects.about(run).filter(verb="recorded the delivery").count() == 1


@pytest.mark.parametrize(
    ("last", "due"),
    [
        (date(2024, 1, 15), date(2024, 2, 15)),
        (date(2024, 1, 31), date(2024, 2, 29)),
        (date(2023, 1, 31), date(2023, 2, 28)),
        (date(2024, 12, 5), date(2025, 1, 5)),
    ],
)
def test_the_next_transfer_is_due_a_calendar_month_later(last: date, due: date) -> None:
    assert actions.next_due(last) == due


def test_a_month_without_a_transfer_is_overdue(cast: Cast) -> None:
    period(cast)
    assert actions.is_overdue(cast.sending, today=date(2026, 11, 20))
    export(cast)
    assert not actions.is_overdue(cast.sending, today=date(2026, 12, 20))
    assert actions.is_overdue(cast.sending, today=date(2026, 12, 21))


def test_the_system_may_export_for_the_operator(cast: Cast) -> None:
    period(cast)
    run = actions.export(
        actor=Actor.system("night"),
        institution=cast.sending,
        now=datetime(2026, 11, 21, 3, 0, tzinfo=UTC),
    )
    assert run.made_by == "night"


def test_a_worker_knows_every_kind_of_work_without_having_seen_a_page() -> None:
    program = (
        "import django; django.setup(); "
        "from vaihto.jobs.actions import _HANDLERS; print(*sorted(_HANDLERS))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "vaihto.settings"},
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert {"virta.export", "imports.preview", "imports.confirm", "imports.undo"} <= set(
        told.stdout.split()
    )

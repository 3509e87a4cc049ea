"""Making a file for the warehouse, and what follows: the checks, the difference, the proof of delivery.

A batch replaces what was sent before (V05). So the ordinary file is the separate one of mobility periods, and
the nested whole is made only where the institution has declared that this installation holds everything;
even then a batch that lacks what the last one had is refused until a person has seen the list and said so.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from vaihto.classification import ruleset
from vaihto.classification.models import Edition
from vaihto.institutions.models import Institution
from vaihto.jobs import actions as jobs
from vaihto.jobs.progress import Progress
from vaihto.journal import actions as journal
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Invalid, Refusal
from vaihto.virta import checking, stored, writing
from vaihto.virta.comparison import differences
from vaihto.virta.models import ExportRun, Form
from vaihto.virta.problems import Problem
from vaihto.virta.records import KIND_OF, Record
from vaihto.virta.stored import LeftOut
from vaihto.virta.validation import Validation, official
from vaihto.wording import mark as _

GONE_SHOWN = 20


class NotFinnish(Refusal):
    """The national export concerns Finnish institutions only."""

    sentence = _("%(institution)s is not a Finnish institution with a national code.")
    remedy = _("Choose a Finnish institution, or enter its five-digit code on its page.")


class NotEverything(Refusal):
    """Somebody asked for the nested whole of an institution whose records are not all here."""

    sentence = _(
        "The nested whole replaces everything that %(institution)s has sent before, and the institution has "
        "not declared that this installation holds all of it."
    )
    remedy = _(
        "Make the separate file of mobility periods, or let a registrar declare on the institution's page that "
        "every record is here."
    )


class WouldBeLost(Refusal):
    """The nested whole lacks records that the last one had."""

    sentence = _(
        "The last whole batch had %(gone)s records that this one lacks; sending it would remove them from the "
        "warehouse. Among them: %(examples)s."
    )
    remedy = _("Read the list, bring the missing records in, or confirm that they are to go.")


@transaction.atomic
def ask_for_export(
    *,
    actor: Actor,
    institution: Institution,
    form: str = Form.PERIODS,
    accept_loss: bool = False,
    now: datetime,
) -> ExportRun:
    """Starts a run in the background; its page shows how far it is."""
    run = _new_run(
        actor=actor, institution=institution, form=form, accept_loss=accept_loss, now=now
    )
    work = jobs.start(
        kind="virta.export", actor=actor, subject_id=run.pk, institution_id=institution.pk
    )
    run.work_id = work.pk
    run.save(update_fields=["work_id"])
    return run


def export(
    *,
    actor: Actor,
    institution: Institution,
    form: str = Form.PERIODS,
    accept_loss: bool = False,
    now: datetime,
    tell: Callable[[int, int | None, str], None] | None = None,
) -> ExportRun:
    """Makes the file now, in this process. Raises what `ask_for_export` and the run refuse."""
    run = _new_run(
        actor=actor, institution=institution, form=form, accept_loss=accept_loss, now=now
    )
    return make(run, actor=actor, now=now, tell=tell)


def _new_run(
    *, actor: Actor, institution: Institution, form: str, accept_loss: bool, now: datetime
) -> ExportRun:
    actor.require(May.VIRTA_EXPORT, institution.pk)
    if not institution.is_finnish or not institution.national_code:
        raise NotFinnish("virta.not-finnish", institution=institution.name)
    if form not in Form.values:
        raise Invalid("virta.form", field="form")
    if form == Form.NESTED and not institution.holds_everything:
        raise NotEverything("virta.not-everything", institution=institution.name)
    return ExportRun.objects.create(
        institution=institution,
        form=form,
        asked_at=now,
        made_by=actor.label,
        account_id=actor.account_id,
        loss_accepted=accept_loss,
        previous=last_made(institution, form),
    )


def last_made(institution: Institution, form: str) -> ExportRun | None:
    """The newest run of that form which ended with a file."""
    return (
        ExportRun.objects.made().filter(institution=institution, form=form).order_by("-pk").first()
    )


@jobs.handles("virta.export")
def _export_work(progress: Progress) -> dict[str, Any]:
    run = ExportRun.objects.select_related("institution").get(pk=int(progress.work.subject_id))
    actor = Actor.system(run.made_by)
    make(run, actor=actor, now=timezone.now(), tell=progress.at)
    return {"run": run.pk}


def make(
    run: ExportRun,
    *,
    actor: Actor,
    now: datetime,
    tell: Callable[[int, int | None, str], None] | None = None,
) -> ExportRun:
    """Checks, writes, validates and compares; the run then says what came of it."""
    tell = tell or _nobody
    run.folder.mkdir(parents=True, exist_ok=True)
    try:
        _write_file(run, tell)
    except Refusal as refusal:
        run.state = ExportRun.State.REFUSED
        run.refusal = {
            "code": refusal.code,
            "sentence": refusal.sentence,
            "remedy": refusal.remedy,
            "facts": {name: str(value) for name, value in refusal.facts.items()},
        }
        run.save()
        raise
    with transaction.atomic():
        run.state = ExportRun.State.MADE
        run.made_at = now
        run.save()
        journal.record(
            actor,
            "exported to VIRTA",
            run,
            at=now,
            institution_id=run.institution_id,
            changes={"form": ["", run.form], "records": ["", sum(run.counts.values())]},
        )
    return run


def _nobody(_done: int, _total: int | None, _step: str) -> None:
    """Nobody watches."""


def _write_file(run: ExportRun, tell: Callable[[int, int | None, str], None]) -> None:
    institution = run.institution
    total = stored.period_rows(institution).count()
    tell(0, total, "checking")
    found = checking.check_institution(institution, today=run.asked_at.date())
    _keep_findings(run, found)
    by = official(settings.SCHEMAS)
    left_out = found.left_out
    # A record the official schema refuses although the checks passed it stays out too, and is named.
    for _attempt in range(2):
        _write_once(run, left_out, tell, total)
        refused = list(_schema_problems(run, by))
        if not refused:
            break
        found.add_schema_problems(refused)
        _keep_findings(run, found)
    run.is_valid = None if by is None else not refused
    run.schema_version = by.versions.get(run.form, "") if by else ""
    adopted = Edition.objects.adopted()
    run.edition = adopted.key if adopted else ruleset.OWN.key
    run.left_out = found.left_out_of(run.form)
    tell(total, total, "comparing")
    _compare(run)


def _write_once(
    run: ExportRun, left_out: LeftOut, tell: Callable[[int, int | None, str], None], total: int
) -> None:
    counts: Counter[str] = Counter()

    def counted(records: Iterator[Any]) -> Iterator[Any]:
        for done, record in enumerate(records, start=1):
            counts[KIND_OF[type(record)].element] += 1
            if done % 1000 == 0:
                tell(min(done, total), total, "writing")
            yield record

    fresh = run.file.with_suffix(".part")
    digest = hashlib.sha256()
    with fresh.open("wb") as file:
        _writer(run.form)(_Digesting(file, digest), counted(_records(run, left_out)))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(run.file)
    run.counts = dict(sorted(counts.items()))
    run.digest = digest.hexdigest()
    run.size = run.file.stat().st_size


class _Digesting:
    """A file that takes the digest of what passes through."""

    def __init__(self, file: BinaryIO, digest: hashlib._Hash) -> None:
        self.file = file
        self.digest = digest

    def write(self, piece: bytes) -> int:
        self.digest.update(piece)
        return self.file.write(piece)


def _records(run: ExportRun, left_out: LeftOut) -> Iterator[Record]:
    institution = run.institution
    match run.form:
        case Form.PERIODS:
            yield from stored.periods(institution, without=left_out.periods)
        case Form.STUDENTS:
            yield from (s for s in stored.students(institution) if s.avain not in left_out.students)
        case Form.RIGHTS:
            yield from (r for r in stored.rights(institution) if r.avain not in left_out.rights)
        case Form.ENROLMENTS:
            yield from stored.enrolments(institution)
        case Form.ATTAINMENTS:
            yield from (
                a for a in stored.attainments(institution) if a.avain not in left_out.attainments
            )
        case Form.NESTED:
            yield from stored.nested(institution, without=left_out)


def _writer(form: str) -> Callable[[Any, Iterator[Any]], int]:
    writers: dict[Form, Callable[..., int]] = {
        Form.PERIODS: writing.write_periods,
        Form.STUDENTS: writing.write_students,
        Form.RIGHTS: writing.write_rights,
        Form.ENROLMENTS: writing.write_enrolments,
        Form.ATTAINMENTS: writing.write_attainments,
        Form.NESTED: writing.write_virta,
    }
    return writers[Form(form)]


def _schema_problems(run: ExportRun, by: Any) -> Iterator[Problem]:
    yield from Validation(run.file, by)


def _keep_findings(run: ExportRun, found: checking.Found) -> None:
    run.checks = found.summary
    _write_lines(run.findings_file, (line.as_dict() for line in found.lines))


def _write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, default=str))
            file.write("\n")


def _compare(run: ExportRun) -> None:
    before = run.previous.file if run.previous and run.previous.file.exists() else None
    counts: Counter[str] = Counter()
    gone: list[str] = []

    def rows() -> Iterator[dict[str, Any]]:
        for each in differences(before, run.file):
            counts[each.what] += 1
            if each.what == "gone" and len(gone) < GONE_SHOWN:
                gone.append(f"{each.kind} {each.key}")
            if before is not None:
                yield {
                    "kind": each.kind,
                    "key": each.key,
                    "what": each.what,
                    "fields": each.fields,
                }

    _write_lines(run.difference_file, rows())
    run.difference = {"new": counts["new"], "changed": counts["changed"], "gone": counts["gone"]}
    if run.form == Form.NESTED and counts["gone"] and not run.loss_accepted:
        raise WouldBeLost("virta.would-be-lost", gone=counts["gone"], examples=", ".join(gone[:5]))


@transaction.atomic
def record_delivery(
    *, actor: Actor, run: ExportRun, delivered_on: date, proof: str, now: datetime
) -> None:
    """Writes down that the file was handed over: the receipt's number, a link, a sentence."""
    actor.require(May.VIRTA_EXPORT, run.institution_id)
    if run.state != ExportRun.State.MADE:
        raise Invalid(
            "virta.not-made",
            sentence=_("This run made no file, so nothing can have been delivered."),
        )
    if delivered_on > now.date() or (run.made_at and delivered_on < run.made_at.date()):
        raise Invalid(
            "virta.delivery-day",
            sentence=_("The day of delivery lies between the day the file was made and today."),
            field="delivered_on",
        )
    if not proof.strip():
        raise Invalid(
            "virta.no-proof",
            sentence=_(
                "Say what proves the delivery: the number of the receipt, or who confirmed it."
            ),
            field="proof",
        )
    before = run.delivery_proof
    run.delivered_on, run.delivery_proof, run.delivery_by = delivered_on, proof.strip(), actor.label
    run.save(update_fields=["delivered_on", "delivery_proof", "delivery_by"])
    journal.record(
        actor,
        "recorded the delivery",
        run,
        at=now,
        institution_id=run.institution_id,
        changes={"delivery_proof": [before, run.delivery_proof]},
    )


def next_due(last_transfer: date) -> date:
    """One calendar month later, clipped to the last day of a shorter month (V04)."""
    year, month = divmod(last_transfer.month, 12)
    year, month = last_transfer.year + year, month + 1
    return date(year, month, min(last_transfer.day, calendar.monthrange(year, month)[1]))


def last_transfer(institution: Institution) -> date | None:
    """The day of the last delivery; where none was recorded, the day the last file was made."""
    run = ExportRun.objects.made().filter(institution=institution).order_by("-asked_at").first()
    if run is None:
        return None
    delivered = (
        ExportRun.objects.made()
        .filter(institution=institution, delivered_on__isnull=False)
        .order_by("-delivered_on")
        .first()
    )
    days = [d for d in (delivered.delivered_on if delivered else None,) if d]
    if run.made_at:
        days.append(run.made_at.date())
    return max(days, default=None)


def is_overdue(institution: Institution, *, today: date) -> bool:
    """Has a month passed without a transfer? Never having sent anything is overdue too (V04, Q40)."""
    last = last_transfer(institution)
    return last is None or today > next_due(last)


def read_lines(path: Path, *, start: int = 0, count: int = 200) -> list[dict[str, Any]]:
    """A page of a list that a run keeps beside its file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in islice(file, start, start + count)]

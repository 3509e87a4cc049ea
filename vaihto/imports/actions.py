"""Bringing a file in: reading it, saying what would happen, doing it, taking it back.

Pages call `open_batch`, `confirm` and `undo`, which start background work; commands and the work itself call
`receive`, `make_preview`, `carry_out` and `take_back`, which do it here and now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from vaihto.imports.books import (
    BookWriter,
    batch_folder,
    forget_batch,
    image_entry,
    keep_file,
    opened_file,
    source_file,
)
from vaihto.imports.kinds import Arrival, Kind, Part, kind_named
from vaihto.imports.models import Batch
from vaihto.imports.problems import problem_of
from vaihto.imports.taking_back import refuse_touched, restore
from vaihto.imports.walking import Tell, coming_of, count, fill, unhurried
from vaihto.institutions.models import Institution
from vaihto.jobs.actions import handles, start
from vaihto.jobs.growth import tell_of_growth
from vaihto.jobs.models import Work
from vaihto.jobs.progress import Progress
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Image, Outcome
from vaihto.people.access import actor_of
from vaihto.people.models import Account
from vaihto.refusals import NotAllowed, Refusal
from vaihto.wording import mark as _

_KEPT_DAYS = 90


class NotNow(Refusal):
    """The batch is not in a state in which this can be done."""

    sentence = _("This batch is not waiting for that.")
    remedy = _("Look at the batch again; somebody may have been quicker.")


class LinesRefused(Refusal):
    """All or nothing, and not all lines are good."""

    sentence = _("%(count)s records are refused, so nothing was brought in.")
    remedy = _("Correct the refused lines and bring the file again, or take the good lines only.")


def _silent(_done: int, _total: int | None, _step: str) -> None:
    """Nobody watches."""


# --- Asking ------------------------------------------------------------------------------------


def _require(actor: Actor, kind: Kind, institution: Institution | None) -> None:
    if kind.for_institution:
        if institution is None or not institution.hosted:
            raise NotAllowed(
                "imports.not-hosted",
                sentence=_("Files of this kind are brought in for an institution hosted here."),
                remedy=_("Choose the institution."),
            )
        actor.require(kind.may, institution.pk)
    else:
        actor.require_any([May.INSTITUTIONS_EDIT, May.ALLIANCE_EDIT])


def receive(
    *,
    actor: Actor,
    institution: Institution | None,
    kind: str,
    file: BinaryIO | Path,
    name: str,
    now: datetime,
) -> Batch:
    """Keeps the file and makes the batch; nothing is read yet.

    Refuses when the actor may not, the kind is unknown, or the file is larger than the installation takes.
    """
    known = kind_named(kind)
    _require(actor, known, institution)
    digest, size = keep_file(file, limit_bytes=settings.UPLOAD_LIMIT_BYTES)
    return Batch.objects.create(
        kind=kind,
        institution=institution if known.for_institution else None,
        account_id=actor.account_id,
        actor_label=actor.label,
        name=Path(name).name[:255] or kind,
        digest=digest,
        size=size,
        made_at=now,
    )


@transaction.atomic
def open_batch(
    *,
    actor: Actor,
    institution: Institution | None,
    kind: str,
    file: BinaryIO | Path,
    name: str,
    now: datetime,
) -> Batch:
    """Keeps the file and starts to read it in the background; the preview follows."""
    batch = receive(actor=actor, institution=institution, kind=kind, file=file, name=name, now=now)
    _start(batch, "imports.preview", actor)
    return batch


@transaction.atomic
def confirm(*, actor: Actor, batch: Batch, mode: str, now: datetime) -> Work:
    """Starts to bring the batch in. Refuses at once when lines are refused and all were wanted."""
    batch = _taken(actor, batch, {Batch.State.PREVIEWED})
    if mode not in Batch.Mode.values:
        raise NotNow("imports.unknown-mode")
    if mode == Batch.Mode.ALL_OR_NOTHING and batch.refused:
        raise LinesRefused("imports.lines-refused", count=batch.refused)
    batch.mode = mode
    batch.state = Batch.State.CONFIRMING
    batch.refusal = {}
    batch.save(update_fields=["mode", "state", "refusal"])
    return _start(batch, "imports.confirm", actor)


@transaction.atomic
def undo(*, actor: Actor, batch: Batch, now: datetime) -> Work:
    """Starts to take the batch back. Refuses at once when something else touched its records since."""
    batch = _taken(actor, batch, {Batch.State.DONE})
    refuse_touched(batch)
    batch.state = Batch.State.UNDOING
    batch.refusal = {}
    batch.save(update_fields=["state", "refusal"])
    return _start(batch, "imports.undo", actor)


# Where a batch is again when the work under way failed for a fault of ours.
_RESTING = {Batch.State.CONFIRMING: Batch.State.PREVIEWED, Batch.State.UNDOING: Batch.State.DONE}


def _taken(actor: Actor, batch: Batch, states: set[Batch.State]) -> Batch:
    """The batch, locked, if the actor may and it is in one of the states."""
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    _require(actor, kind_named(batch.kind), batch.institution)
    state = Batch.State(batch.state)
    if state in _RESTING and Work.objects.filter(
        pk=batch.work_id or 0, state__in=[Work.State.FAILED, Work.State.REFUSED]
    ):
        state = _RESTING[state]
    if state not in states:
        raise NotNow("imports.not-now", state=batch.state)
    return batch


def _start(batch: Batch, kind: str, actor: Actor) -> Work:
    work = start(kind=kind, actor=actor, subject_id=batch.pk, institution_id=batch.institution_id)
    batch.work_id = work.pk
    batch.save(update_fields=["work_id"])
    return work


@contextmanager
def _opened(batch: Batch) -> Iterator[Arrival]:
    """The file of a batch, opened as its kind; the file is there while the block lasts."""
    with opened_file(batch.digest) as file:
        yield kind_named(batch.kind).open(file, name=batch.name, institution=batch.institution)


# --- Doing -------------------------------------------------------------------------------------


def make_preview(*, actor: Actor, batch: Batch, now: datetime, tell: Tell = _silent) -> Batch:
    """Reads the whole file and says of each record what would happen. Nothing but the batch is written.

    A file that cannot be read leaves the batch refused, with the reason, and raises it.
    """
    try:
        _require(actor, kind_named(batch.kind), batch.institution)
        tell(0, None, _("Reading"))
        counts = _plan_all(actor, batch, tell)
    except Refusal as refusal:
        batch.state = Batch.State.REFUSED
        batch.refusal = _told(refusal)
        batch.save(update_fields=["state", "refusal"])
        raise
    count(batch, counts)
    batch.state = Batch.State.PREVIEWED
    batch.previewed_at = now
    batch.refusal = {}
    batch.save()
    return batch


def _plan_all(actor: Actor, batch: Batch, tell: Tell) -> Counter[str]:
    """Writes the book of the preview and notes on the batch what the file is."""
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        arrival = stack.enter_context(_opened(batch))
        stack.enter_context(unhurried())
        book = stack.enter_context(BookWriter(batch_folder(batch.pk) / "preview"))
        coming = coming_of(arrival)

        def plan(part: Part, facts: list[Any], seen: dict[Any, int]) -> list[Outcome]:
            return part.plan(
                actor=actor, institution=batch.institution, facts=facts, seen=seen, coming=coming
            )

        for told in fill(book, arrival, plan, tell, _("Comparing")):
            counts = told[0]
        batch.lines = arrival.lines
        batch.described = dict(arrival.described)
        batch.notes = [[sentence, facts] for sentence, facts in arrival.notes]
    return counts


def carry_out(
    *, actor: Actor, batch: Batch, mode: str, now: datetime, tell: Tell = _silent
) -> Batch:
    """Brings the batch in, in one transaction; safe to run twice.

    All or nothing: one refused record refuses the whole with `LinesRefused`. With the good lines, refused ones
    are left out and can be downloaded.
    """
    _require(actor, kind_named(batch.kind), batch.institution)
    try:
        with _opened(batch) as arrival, transaction.atomic():
            batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
            if batch.state == Batch.State.DONE:
                return batch
            if batch.state not in {Batch.State.PREVIEWED, Batch.State.CONFIRMING}:
                raise NotNow("imports.not-now", state=batch.state)
            counts = _bring_all(actor, batch, arrival, mode, now, tell)
            tell_of_growth()
            count(batch, counts)
            batch.mode = mode
            batch.state = Batch.State.DONE
            batch.confirmed_at = now
            batch.refusal = {}
            batch.save()
            record(
                actor,
                "import.confirmed",
                batch,
                at=now,
                institution_id=batch.institution_id,
                changes={name: [0, count] for name, count in batch.counts().items()},
                batch=batch.journal_name,
            )
    except Refusal as refusal:
        Batch.objects.filter(pk=batch.pk, state=Batch.State.CONFIRMING).update(
            state=Batch.State.PREVIEWED, refusal=_told(refusal)
        )
        raise
    return batch


def _bring_all(
    actor: Actor, batch: Batch, arrival: Arrival, mode: str, now: datetime, tell: Tell
) -> Counter[str]:
    folder = batch_folder(batch.pk)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        stack.enter_context(unhurried())
        images = stack.enter_context(BookWriter(folder / "images"))
        book = stack.enter_context(BookWriter(folder / "done"))

        def keep(rows: Sequence[Image]) -> None:
            for row in rows:
                images.add("rows", image_entry(row))

        def bring(part: Part, facts: list[Any], seen: dict[Any, int]) -> list[Outcome]:
            return part.bring(
                actor=actor,
                institution=batch.institution,
                facts=facts,
                now=now,
                batch=batch.journal_name,
                seen=seen,
                keep=keep,
            )

        for told in fill(book, arrival, bring, tell, _("Writing")):
            counts, refused = told
            if refused is not None and mode == Batch.Mode.ALL_OR_NOTHING:
                first = problem_of(refused["problems"][0])
                raise LinesRefused(
                    "imports.line-refused",
                    sentence=_("Line %(line)s is refused, so nothing was brought in: %(what)s"),
                    line=first.line,
                    what=str(first),
                )
    return counts


def take_back(*, actor: Actor, batch: Batch, now: datetime, tell: Tell = _silent) -> Batch:
    """Makes every record what it was before the batch, in one transaction; safe to run twice.

    Refuses with `TouchedSince` or `ReferredTo` when something else touched its records, and changes nothing.
    """
    _require(actor, kind_named(batch.kind), batch.institution)
    try:
        with transaction.atomic():
            batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
            if batch.state == Batch.State.UNDONE:
                return batch
            if batch.state not in {Batch.State.DONE, Batch.State.UNDOING}:
                raise NotNow("imports.not-now", state=batch.state)
            tell(0, batch.records, _("Taking back"))
            restore(actor=actor, batch=batch, now=now)
            batch.state = Batch.State.UNDONE
            batch.undone_at = now
            batch.refusal = {}
            batch.save(update_fields=["state", "undone_at", "refusal"])
            tell(batch.records, batch.records, _("Taking back"))
    except Refusal as refusal:
        Batch.objects.filter(pk=batch.pk, state=Batch.State.UNDOING).update(
            state=Batch.State.DONE, refusal=_told(refusal)
        )
        raise
    return batch


def _told(refusal: Refusal) -> dict[str, Any]:
    return {
        "code": refusal.code,
        "sentence": refusal.sentence,
        "remedy": refusal.remedy,
        "facts": {name: str(value) for name, value in refusal.facts.items()},
    }


# --- In the background -------------------------------------------------------------------------


def _actor_of(work: Work, now: datetime) -> Actor:
    """Whoever started the work, with what the roles of today allow."""
    if work.account_id is None:
        return Actor.system()
    return actor_of(Account.objects.get(pk=work.account_id), today=timezone.localdate(now))


@handles("imports.preview")
def _preview_work(progress: Progress) -> dict[str, Any]:
    now = timezone.now()
    batch = Batch.objects.get(pk=progress.work.subject_id)
    actor = _actor_of(progress.work, now)
    return make_preview(actor=actor, batch=batch, now=now, tell=progress.at).counts()


@handles("imports.confirm")
def _confirm_work(progress: Progress) -> dict[str, Any]:
    now = timezone.now()
    batch = Batch.objects.get(pk=progress.work.subject_id)
    actor = _actor_of(progress.work, now)
    done = carry_out(actor=actor, batch=batch, mode=batch.mode, now=now, tell=progress.at)
    return done.counts()


@handles("imports.undo")
def _undo_work(progress: Progress) -> dict[str, Any]:
    now = timezone.now()
    batch = Batch.objects.get(pk=progress.work.subject_id)
    actor = _actor_of(progress.work, now)
    return take_back(actor=actor, batch=batch, now=now, tell=progress.at).counts()


@every("imports.forget-files", at=time(3, 20))
def forget_files(now: datetime) -> None:
    """Brought files hold personal data in the clear: ninety days after the last word they go.

    The batch and the journal stay; taking the batch back is then no longer possible.
    """
    old = now - timedelta(days=_KEPT_DAYS)
    ended = Batch.objects.filter(files_gone_at__isnull=True).filter(
        Q(confirmed_at__lt=old) | Q(confirmed_at__isnull=True, made_at__lt=old)
    )
    for batch in ended:
        forget_batch(batch.pk)
        batch.files_gone_at = now
        batch.save(update_fields=["files_gone_at"])
        if not Batch.objects.filter(digest=batch.digest, files_gone_at__isnull=True).exists():
            source_file(batch.digest).unlink(missing_ok=True)

"""Bringing a file in: reading it, saying what would happen, doing it, taking it back.

Pages call `open_batch`, `confirm` and `undo`, which start background work; commands and the work itself call
`receive`, `make_preview`, `carry_out` and `take_back`, which do it here and now.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Min, OuterRef, ProtectedError, Q
from django.utils import timezone

from vaihto.imports.books import (
    Book,
    BookWriter,
    batch_folder,
    forget_batch,
    image_entry,
    image_of,
    keep_file,
    source_file,
)
from vaihto.imports.kinds import Arrival, Kind, Part, Record, kind_named
from vaihto.imports.models import Batch
from vaihto.imports.problems import problems_of
from vaihto.institutions.models import Institution
from vaihto.jobs.actions import handles, start
from vaihto.jobs.announcements import announce
from vaihto.jobs.models import Work
from vaihto.jobs.progress import Progress
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record, record_all
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Coming, Image, Outcome, Verdict, put_back
from vaihto.journal.models import Entry
from vaihto.mobilities.actions import MOBILITIES_CHANGED
from vaihto.mobilities.models import Side
from vaihto.people.access import actor_of
from vaihto.people.actions import RECORDS_CHANGED
from vaihto.people.models import Account, StudyRight
from vaihto.refusals import NotAllowed, Refusal
from vaihto.transcripts.models import Attainment
from vaihto.wording import mark as _

Tell = Callable[[int, int | None, str], None]
_CHUNK = 2000
_TOLD_EVERY = 100
_KEPT_DAYS = 90


class NotNow(Refusal):
    """The batch is not in a state in which this can be done."""

    sentence = _("This batch is not waiting for that.")
    remedy = _("Look at the batch again; somebody may have been quicker.")


class LinesRefused(Refusal):
    """All or nothing, and not all lines are good."""

    sentence = _("%(count)s records are refused, so nothing was brought in.")
    remedy = _("Correct the refused lines and bring the file again, or take the good lines only.")


class TouchedSince(Refusal):
    """Something else touched the records of the batch."""

    sentence = _("%(count)s of its records were changed by something else since, as %(example)s.")
    remedy = _("Take back the later changes first, or correct the records by hand.")


class ReferredTo(Refusal):
    """Later records refer to records of the batch."""

    sentence = _("Other records refer to what this batch created (%(kinds)s).")
    remedy = _("Take back the later batches first.")


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
        actor.require(May.IMPORTS_RUN, institution.pk)
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
    _refuse_touched(batch)
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


# --- Walking through a file --------------------------------------------------------------------


class _OnlyRepeated(dict[Any, int]):
    """Keys met so far, of those that come twice in the file; the others need not be remembered."""

    def __init__(self, repeated: frozenset[str]) -> None:
        super().__init__()
        self._repeated = repeated

    def setdefault(self, key: Any, default: int = 0) -> int:  # type: ignore[override]  # never absent
        """Remembers a key that will come again."""
        return super().setdefault(key, default) if key in self._repeated else default


class _Only(set[str]):
    """Keys to come, of those that somebody in the file names."""

    def __init__(self, wanted: frozenset[str]) -> None:
        super().__init__()
        self._wanted = wanted

    def add(self, key: str) -> None:
        """Remembers a key that is named elsewhere."""
        if key in self._wanted:
            super().add(key)


def _coming(arrival: Arrival) -> Coming:
    if arrival.referred is None:
        return Coming()
    wanted = frozenset(arrival.referred)
    return Coming(_Only(wanted), _Only(wanted), _Only(wanted))


@contextmanager
def _unhurried() -> Iterator[None]:
    """A piece of a file makes and drops half a million small values, none of them in cycles.

    Looking for cycles after every few hundred, as Python does, costs a third of the time of a preview.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


Do = Callable[[Part, list[Any], dict[Any, int]], list[Outcome]]


def _walk(arrival: Arrival, do: Do) -> Iterator[tuple[Part, Record, Outcome | None]]:
    """Each record of a file with its outcome; None where reading already found what is wrong."""
    seen: dict[str, dict[Any, int]] = {}
    for part, records in arrival.pieces():
        keys = seen.setdefault(
            part.name,
            {} if arrival.repeated is None else _OnlyRepeated(frozenset(arrival.repeated)),
        )
        facts = [each.facts for each in records if each.facts is not None]
        outcomes = iter(do(part, facts, keys) if facts else ())
        for each in records:
            yield part, each, None if each.facts is None else next(outcomes)


def _opened(batch: Batch) -> Arrival:
    file = source_file(batch.digest)
    if not file.is_file():
        raise NotNow(
            "imports.file-gone",
            sentence=_("The file of this batch is no longer kept."),
            remedy=_("Bring it again."),
        )
    return kind_named(batch.kind).open(file, name=batch.name, institution=batch.institution)


def _entry(part: Part, each: Record, outcome: Outcome | None) -> tuple[str, dict[str, Any]]:
    """Shelf and entry of one record in the book of a batch."""
    entry: dict[str, Any] = {"line": each.line, "key": each.key, "part": part.name}
    if outcome is None or outcome.verdict is Verdict.REFUSED:
        entry["lines"] = list(each.lines)
        refusals = each.problems if outcome is None else outcome.refusals
        entry["problems"] = problems_of(refusals, part=part, line=each.line)
        return str(Verdict.REFUSED), entry
    if outcome.changes:
        entry["changes"] = {
            part.columns.get(name, name): change for name, change in outcome.changes.items()
        }
    return str(outcome.verdict), entry


def _fill(
    book: BookWriter, arrival: Arrival, do: Do, tell: Tell, step: str
) -> Iterator[tuple[Counter[str], dict[str, Any] | None]]:
    """Walks and writes the book; after each record the counts so far, and the entry if it was refused."""
    counts: Counter[str] = Counter()
    lines = arrival.lines
    for number, (part, each, outcome) in enumerate(_walk(arrival, do), start=1):
        shelf, entry = _entry(part, each, outcome)
        counts[shelf] += 1
        if shelf != Verdict.UNCHANGED:
            book.add(shelf, entry)
        if not number % _TOLD_EVERY:
            tell(min(each.line, lines), lines, step)
        yield counts, entry if shelf == Verdict.REFUSED else None
    tell(lines, lines, step)


def _count(batch: Batch, counts: Counter[str]) -> None:
    for verdict in Verdict:
        setattr(batch, str(verdict), counts[str(verdict)])


# --- Doing -------------------------------------------------------------------------------------


def make_preview(*, actor: Actor, batch: Batch, now: datetime, tell: Tell = _silent) -> Batch:
    """Reads the whole file and says of each record what would happen. Nothing but the batch is written.

    A file that cannot be read leaves the batch refused, with the reason, and raises it.
    """
    try:
        _require(actor, kind_named(batch.kind), batch.institution)
        tell(0, None, _("Reading"))
        arrival = _opened(batch)
        coming = _coming(arrival)

        def plan(part: Part, facts: list[Any], seen: dict[Any, int]) -> list[Outcome]:
            return part.plan(
                actor=actor, institution=batch.institution, facts=facts, seen=seen, coming=coming
            )

        counts: Counter[str] = Counter()
        with _unhurried(), BookWriter(batch_folder(batch.pk) / "preview") as book:
            for told in _fill(book, arrival, plan, tell, _("Comparing")):
                counts = told[0]
    except Refusal as refusal:
        batch.state = Batch.State.REFUSED
        batch.refusal = _told(refusal)
        batch.save(update_fields=["state", "refusal"])
        raise
    _count(batch, counts)
    batch.lines = arrival.lines
    batch.described = dict(arrival.described)
    batch.notes = [[sentence, facts] for sentence, facts in arrival.notes]
    batch.state = Batch.State.PREVIEWED
    batch.previewed_at = now
    batch.refusal = {}
    batch.save()
    return batch


def carry_out(
    *, actor: Actor, batch: Batch, mode: str, now: datetime, tell: Tell = _silent
) -> Batch:
    """Brings the batch in, in one transaction; safe to run twice.

    All or nothing: one refused record refuses the whole with `LinesRefused`. With the good lines, refused ones
    are left out and can be downloaded.
    """
    _require(actor, kind_named(batch.kind), batch.institution)
    arrival = _opened(batch)
    try:
        with transaction.atomic():
            batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
            if batch.state == Batch.State.DONE:
                return batch
            if batch.state not in {Batch.State.PREVIEWED, Batch.State.CONFIRMING}:
                raise NotNow("imports.not-now", state=batch.state)
            counts = _bring_all(actor, batch, arrival, mode, now, tell)
            _count(batch, counts)
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
        stack.enter_context(_unhurried())
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

        for counts, refused in _fill(book, arrival, bring, tell, _("Writing")):
            if refused is not None and mode == Batch.Mode.ALL_OR_NOTHING:
                raise LinesRefused(
                    "imports.lines-refused",
                    count=counts[str(Verdict.REFUSED)],
                    line=refused["line"],
                )
    return counts


def take_back(*, actor: Actor, batch: Batch, now: datetime, tell: Tell = _silent) -> Batch:
    """Makes every record what it was before the batch, in one transaction.

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
            _refuse_touched(batch)
            touched = _touched(batch)
            rows = Book(batch_folder(batch.pk) / "images").entries("rows", backwards=True)
            tell(0, batch.records, _("Taking back"))
            try:
                put_back(image_of(entry) for entry in rows)
            except ProtectedError as error:
                kinds = sorted({str(each._meta.verbose_name) for each in error.protected_objects})
                raise ReferredTo("imports.referred-to", kinds=", ".join(kinds)) from error
            _write_undone(actor, batch, now)
            batch.state = Batch.State.UNDONE
            batch.undone_at = now
            batch.refusal = {}
            batch.save(update_fields=["state", "undone_at", "refusal"])
            _announce_undone(touched)
            tell(batch.records, batch.records, _("Taking back"))
    except Refusal as refusal:
        Batch.objects.filter(pk=batch.pk, state=Batch.State.UNDOING).update(
            state=Batch.State.DONE, refusal=_told(refusal)
        )
        raise
    return batch


def _lines_of(batch: Batch) -> Any:
    return Entry.objects.filter(batch=batch.journal_name).exclude(
        subject_type=Batch._meta.label_lower
    )


def _refuse_touched(batch: Batch) -> None:
    """Refuses when the journal has later lines of others about records of the batch."""
    own = _lines_of(batch)
    first = own.aggregate(first=Min("pk"))["first"]
    if first is None:
        return
    later = (
        Entry.objects.filter(
            Exists(
                own.filter(subject_type=OuterRef("subject_type"), subject_id=OuterRef("subject_id"))
            ),
            pk__gt=first,
        )
        .exclude(batch=batch.journal_name)
        .order_by("pk")
    )
    count = later.values("subject_type", "subject_id").distinct().order_by().count()
    if count:
        example = later.values_list("subject_label", flat=True).first()
        raise TouchedSince("imports.touched-since", count=count, example=example)


def _touched(batch: Batch) -> tuple[list[int], list[int]]:
    """Sides that were there before the batch, and persons whose rights or attainments it changed."""
    sides: set[int] = set()
    persons: set[int] = set()
    lookups: dict[str, Callable[[list[int]], Any]] = {
        "people.studyright": lambda ids: StudyRight.objects.filter(pk__in=ids).values_list(
            "student__person_id", flat=True
        ),
        "transcripts.attainment": lambda ids: Attainment.objects.filter(pk__in=ids).values_list(
            "student__person_id", flat=True
        ),
    }
    for kind, lookup in lookups.items():
        for ids in _subjects(batch, kind):
            persons.update(lookup(ids))
    for ids in _subjects(batch, "mobilities.mobility"):
        sides.update(Side.objects.filter(mobility__in=ids).values_list("pk", flat=True))
    return sorted(sides), sorted(persons)


def _subjects(batch: Batch, kind: str) -> Iterator[list[int]]:
    found: list[int] = []
    ids = (
        _lines_of(batch)
        .filter(subject_type=kind)
        .order_by("pk")
        .values_list("subject_id", flat=True)
    )
    for subject in ids.iterator(chunk_size=_CHUNK):
        found.append(int(subject))
        if len(found) >= _CHUNK:
            yield found
            found = []
    if found:
        yield found


def _announce_undone(touched: tuple[list[int], list[int]]) -> None:
    sides, persons = touched
    left = [
        pk
        for at in range(0, len(sides), _CHUNK)
        for pk in Side.objects.filter(pk__in=sides[at : at + _CHUNK]).values_list("pk", flat=True)
    ]
    if left:
        announce(MOBILITIES_CHANGED, side_ids=left)
    if persons:
        announce(RECORDS_CHANGED, person_ids=persons)


def _write_undone(actor: Actor, batch: Batch, now: datetime) -> None:
    """One line for each record: what was changed, backwards."""
    lines: list[Entry] = []
    undone = f"{batch.journal_name}:undone"
    for line in _lines_of(batch).order_by("pk").iterator(chunk_size=_CHUNK):
        lines.append(
            Entry(
                at=now,
                actor_kind=str(actor.kind),
                actor_label=actor.label,
                account_id=actor.account_id,
                behalf_of=actor.behalf_of,
                verb="import.undone",
                subject_type=line.subject_type,
                subject_id=line.subject_id,
                subject_label=line.subject_label,
                institution_id=line.institution_id,
                changes={name: list(reversed(change)) for name, change in line.changes.items()},
                reason=line.verb,
                batch=undone,
            )
        )
        if len(lines) >= _CHUNK:
            record_all(lines)
            lines = []
    record_all(lines)
    record(actor, "import.undone", batch, at=now, institution_id=batch.institution_id, batch=undone)


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

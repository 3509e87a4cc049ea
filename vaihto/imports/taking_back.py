"""Taking a batch back, while nothing else touched its records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, Min, OuterRef, ProtectedError

from vaihto.imports.books import Book, batch_folder, image_of
from vaihto.imports.models import Batch
from vaihto.jobs.announcements import announce
from vaihto.journal.actions import record, record_all
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import put_back
from vaihto.journal.models import Entry
from vaihto.mobilities.actions import MOBILITIES_CHANGED
from vaihto.mobilities.models import Side
from vaihto.offers import actions as offers
from vaihto.offers.models import Realisation
from vaihto.people.actions import RECORDS_CHANGED
from vaihto.people.models import StudyRight
from vaihto.refusals import Refusal
from vaihto.transcripts.models import Attainment
from vaihto.wording import mark as _

_CHUNK = 2000


class TouchedSince(Refusal):
    """Something else touched the records of the batch."""

    sentence = _("%(count)s of its records were changed by something else since, as %(example)s.")
    remedy = _("Take back the later changes first, or correct the records by hand.")


class ReferredTo(Refusal):
    """Later records refer to records of the batch."""

    sentence = _("Other records refer to what this batch created (%(kinds)s).")
    remedy = _("Take back the later batches first.")


def _lines_of(batch: Batch) -> Any:
    return Entry.objects.filter(batch=batch.journal_name).exclude(
        subject_type=Batch._meta.label_lower
    )


def refuse_touched(batch: Batch) -> None:
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


def restore(*, actor: Actor, batch: Batch, now: datetime) -> None:
    """Puts every row back as it was and writes it down. Runs in a transaction.

    Refuses with `TouchedSince` or `ReferredTo`.
    """
    refuse_touched(batch)
    touched = _touched(batch)
    entries = _entries_touched(batch)
    rows = Book(batch_folder(batch.pk) / "images").entries("rows", backwards=True)
    try:
        put_back(image_of(entry) for entry in rows)
    except ProtectedError as error:
        kinds = sorted({str(each._meta.verbose_name) for each in error.protected_objects})
        raise ReferredTo("imports.referred-to", kinds=", ".join(kinds)) from error
    _write_undone(actor, batch, now)
    _announce_undone(touched)
    for at in range(0, len(entries), _CHUNK):
        # Partners that asked meanwhile must learn of this change too.
        offers.touch(opportunity_ids=entries[at : at + _CHUNK], now=now)


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


def _entries_touched(batch: Batch) -> list[int]:
    """Entries of the catalogue that the batch changed, or realisations of which it brought or changed."""
    found: set[int] = set()
    for ids in _subjects(batch, "offers.learningopportunity"):
        found.update(ids)
    for ids in _subjects(batch, "offers.realisation"):
        found.update(
            Realisation.objects.filter(pk__in=ids).values_list("opportunity_id", flat=True)
        )
    return sorted(found)


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

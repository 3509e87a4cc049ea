"""What changed between two files of the same form: new, changed field by field, gone.

Both files stream in key order, so memory stays flat. A nested document is compared record by record as well,
by kind and key; its students come in key order, and a student's records are compared within the student.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vaihto.virta.document import read_document
from vaihto.virta.records import KIND_OF, Opiskelija, Record, key_of


@dataclass(frozen=True)
class Difference:
    """One record that is not the same in both files. `fields` maps name to [before, after]."""

    kind: str
    key: str
    what: str  # new, changed, gone
    fields: dict[str, list[str]] = field(default_factory=dict)


def differences(before: Path | None, after: Path) -> Iterator[Difference]:
    """From the file `before` to the file `after`; without a file before, everything is new."""
    earlier = _records(before) if before is not None else iter(())
    later = _records(after)
    old, new = next(earlier, None), next(later, None)
    while old is not None or new is not None:
        if new is not None and (old is None or new[0] < old[0]):
            yield Difference(_kind(new[1]), new[0][-1], "new")
            new = next(later, None)
        elif old is not None and (new is None or old[0] < new[0]):
            yield Difference(_kind(old[1]), old[0][-1], "gone")
            old = next(earlier, None)
        elif old is not None and new is not None:
            if old[1] != new[1]:
                yield Difference(_kind(new[1]), new[0][-1], "changed", _fields(old[1], new[1]))
            old, new = next(earlier, None), next(later, None)


_ORDER = {record: number for number, record in enumerate(KIND_OF)}


def _records(path: Path) -> Iterator[tuple[tuple[str, int, str], Record]]:
    """Each record with the place it sorts by: student (nested only), kind, key."""
    document = read_document(path)
    student = ""
    held: list[tuple[tuple[str, int, str], Record]] = []
    nested = document.root == "Virta"
    for record in document:
        if nested and isinstance(record, Opiskelija):
            yield from sorted(held, key=lambda pair: pair[0])
            held = []
            student = record.avain
        place = (student if nested else "", _ORDER[type(record)], key_of(record))
        if nested:
            held.append((place, record))
        else:
            yield place, record
    yield from sorted(held, key=lambda pair: pair[0])


def _kind(record: Record) -> str:
    return KIND_OF[type(record)].element


def _fields(before: Record, after: Record) -> dict[str, list[str]]:
    return {
        declared.name: [
            _shown(getattr(before, declared.name)),
            _shown(getattr(after, declared.name)),
        ]
        for declared in dataclasses.fields(after)
        if getattr(before, declared.name) != getattr(after, declared.name)
    }


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(_shown(part) for part in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [_shown(getattr(value, part.name)) for part in dataclasses.fields(value)]
        return " ".join(part for part in parts if part)
    return str(value)

"""Walking through a file: each record with what would become, or became, of it, written into a book."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from vaihto.imports.books import BookWriter
from vaihto.imports.kinds import Arrival, Part, Record, kinds
from vaihto.imports.models import Batch
from vaihto.imports.problems import problems_of
from vaihto.journal.bringing import Coming, Outcome, Verdict

Tell = Callable[[int, int | None, str], None]
_TOLD_EVERY = 100


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


def coming_of(arrival: Arrival) -> Coming:
    if arrival.referred is None:
        return Coming()
    wanted = frozenset(arrival.referred)
    return Coming(_Only(wanted), _Only(wanted), _Only(wanted))


@contextmanager
def unhurried() -> Iterator[None]:
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


def walk(arrival: Arrival, do: Do) -> Iterator[tuple[Part, Record, Outcome | None]]:
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


def entry_of(
    part: Part, each: Record, outcome: Outcome | None, *, with_values: bool = False
) -> tuple[str, dict[str, Any]]:
    """Shelf and entry of one record in the book of a batch; of a new one what it says, where that is wanted."""
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
    if with_values and outcome.verdict is Verdict.CREATED:
        entry["values"] = _values(part, each.facts)
    return str(outcome.verdict), entry


VALUES_OF_FIRST = 500
"""Of so many new records the book says what they say: enough to see that the file was read as it was meant."""

_NOT_SHOWN = frozenset({"kept_aside"})  # what we do not model, as it came


def _values(part: Part, facts: Any) -> dict[str, Any]:
    """What a record says, by the names of its file; None stands for what is protected."""
    secret = _secret_fields()
    return {
        part.columns.get(one.name, one.name): None if one.name in secret else value
        for one in fields(facts)
        if one.name not in _NOT_SHOWN and (value := _plain(getattr(facts, one.name))) is not None
    }


@cache
def _secret_fields() -> frozenset[str]:
    columns = (column for kind in kinds().values() for column in getattr(kind, "columns", ()))
    return frozenset(column.fact for column in columns if column.is_secret)


def _plain(value: Any) -> Any:
    """As JSON can hold it; None for what says nothing."""
    if is_dataclass(value):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, Mapping):
        held = {str(name): _plain(part) for name, part in value.items()}
        return {name: part for name, part in held.items() if part is not None} or None
    if isinstance(value, list | tuple | set | frozenset):
        return [part for part in map(_plain, value) if part is not None] or None
    if value is None or value == "" or isinstance(value, bool | int):
        return None if value == "" else value
    return str(value)


def fill(
    book: BookWriter, arrival: Arrival, do: Do, tell: Tell, step: str
) -> Iterator[tuple[Counter[str], dict[str, Any] | None]]:
    """Walks and writes the book; after each record the counts so far, and the entry if it was refused."""
    counts: Counter[str] = Counter()
    lines = arrival.lines
    for number, (part, each, outcome) in enumerate(walk(arrival, do), start=1):
        shelf, entry = entry_of(
            part, each, outcome, with_values=counts[str(Verdict.CREATED)] < VALUES_OF_FIRST
        )
        counts[shelf] += 1
        if shelf != Verdict.UNCHANGED:
            book.add(shelf, entry)
        if not number % _TOLD_EVERY:
            tell(min(each.line, lines), lines, step)
        yield counts, entry if shelf == Verdict.REFUSED else None
    tell(lines, lines, step)


def count(batch: Batch, counts: Counter[str]) -> None:
    for verdict in Verdict:
        setattr(batch, str(verdict), counts[str(verdict)])

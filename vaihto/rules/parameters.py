"""Numbers and choices that change on a day: read from the first document of `<topic>.yaml`.

long_period_minimum:
  label: {en: …, fi: …, sv: …}
  unit: days
  source: {title: …, section: …, read: 2026-01-15}
  open_point: A01                  # optional: a reading of ours where the sources are silent
  by: programme                    # optional: then each value is a mapping, `other` for the rest
  values:
    1900-01-01: 87
    2031-01-01: expected           # announced, not yet known; ignored
    2035-01-01: null               # the parameter ends here
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any  # values are plain YAML values

import polars as pl

from vaihto.rules import declarations
from vaihto.rules.declarations import Unreadable

PlainValue = int | float | bool | str | date
Value = PlainValue | None
Values = Value | dict[str, Value]

UNITS = (
    "days", "months", "years", "hours", "weeks", "persons", "institutions", "countries", "credits",
    "euro", "percent", "kilometres", "choice", "yes or no", "count", "level", "characters",
)  # fmt: skip


class BeforeFirstValue(LookupError):
    """Asked for a day on which the parameter had no value yet."""

    def __init__(self, name: str, day: date, first: date) -> None:
        super().__init__(f"{name} has no value on {day}: the first is of {first}")
        self.name, self.day, self.first = name, day, first


@dataclass(frozen=True)
class Source:
    """Where a value was read, and when."""

    title: str
    section: str
    read: date


@dataclass(frozen=True)
class Parameter:
    """A value with days of change, each valid from its day (included) to the next."""

    name: str
    topic: str
    label: dict[str, str]
    unit: str
    source: Source
    values: tuple[tuple[date, Values], ...]
    open_point: str | None = None
    by: str | None = None

    def at(
        self, day: pl.Expr, *, by: pl.Expr | None = None, instead: pl.Expr | None = None
    ) -> pl.Expr:
        """The value on each row's own day; missing before the first value and after a null end.

        `by` is the column that chooses among the values where they differ by programme or alliance;
        `instead` is a column with an institution's own choice, used where it is not missing.
        """
        if (by is None) != (self.by is None):
            raise TypeError(f"{self.name}: a column is needed exactly where values differ by one")
        if by is None and len(self.values) == 1 and self.values[0][0] <= date(1900, 1, 1):
            found = pl.lit(self.values[0][1])  # one value for ever: nothing to look up
        else:
            found = pl.lit(None)
            for since, value in self.values:
                found = pl.when(day >= since).then(_among(value, by)).otherwise(found)
        return found if instead is None else pl.coalesce(instead, found)

    def on(self, day: date, *, by: str | None = None) -> Value:
        """The value on one day; None after a null end.

        Raises `BeforeFirstValue` when there was none yet.
        """
        valid = [value for since, value in self.values if since <= day]
        if not valid:
            raise BeforeFirstValue(self.name, day, self.values[0][0])
        value = valid[-1]
        if isinstance(value, dict):
            return value.get(by or "other", value.get("other"))
        return value


def _among(value: Values, by: pl.Expr | None) -> pl.Expr:
    if not isinstance(value, dict) or by is None:
        return pl.lit(value)
    found = pl.lit(value.get("other"))
    for key, one in value.items():
        if key != "other":
            found = pl.when(by == key).then(pl.lit(one)).otherwise(found)
    return found


@lru_cache(maxsize=1)
def parameters() -> dict[str, Parameter]:
    """All parameters of all topics by name; a name may stand in one topic only."""
    found: dict[str, Parameter] = {}
    for topic in declarations.topics():
        for name, entry in declarations.parameters_of(topic).items():
            if name in found:
                raise Unreadable(f"{topic}.yaml: {name} stands in {found[name].topic}.yaml too")
            found[name] = read_parameter(topic, name, entry)
    return found


def parameter(name: str) -> Parameter:
    """The parameter of that name."""
    return parameters()[name]


def read_parameter(topic: str, name: str, entry: Any) -> Parameter:
    """A checked parameter from its YAML entry; the refusal names file and place."""
    where = f"{topic}.yaml: {name}"
    declarations.require_keys(
        entry, where=where, required=("label", "unit", "source", "values"),
        optional=("open_point", "by"),
    )  # fmt: skip
    source = entry["source"]
    declarations.require_keys(
        source, where=f"{where}: source", required=("title", "section", "read")
    )
    if entry["unit"] not in UNITS:
        raise Unreadable(f"{where}: unknown unit {entry['unit']!r}")
    return Parameter(
        name=name,
        topic=topic,
        label=declarations.in_languages(entry["label"], where=f"{where}: label"),
        unit=entry["unit"],
        source=Source(str(source["title"]), str(source["section"]), source["read"]),
        values=_dated(entry["values"], where=where, by=entry.get("by")),
        open_point=entry.get("open_point"),
        by=entry.get("by"),
    )


def _dated(values: Any, *, where: str, by: str | None) -> tuple[tuple[date, Values], ...]:
    if not isinstance(values, dict) or not values:
        raise Unreadable(f"{where}: values are days with a value each")
    known: list[tuple[date, Values]] = []
    for day, value in values.items():
        if type(day) is not date:
            raise Unreadable(f"{where}: {day!r} is not a day")
        if value == "expected":
            continue
        if isinstance(value, dict) != (by is not None) and value is not None:
            raise Unreadable(f"{where}: {day}: `by` and values by key belong together")
        known.append((day, value))
    if not known:
        raise Unreadable(f"{where}: no value is known yet")
    return tuple(sorted(known, key=lambda one: one[0]))

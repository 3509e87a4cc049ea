"""Questions and their answers: participation of an alliance, with goal, gap and small groups protected.

Protection (S38, T08). A cell of 1 to 4 persons is shown as "1-4"; larger ones are rounded to the nearest
three; a cell whose *complement* within a wider question that is answered too (partners outside the
alliance, the rest of a group, everybody who did not take part) is 1 to 4 is not shown either. Totals are
made of the published cells, with a fixed stand-in for each hidden one, so that nothing can be learnt of a
hidden cell by subtraction: the same total would be shown whatever it holds.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Any

import polars as pl

from vaihto.classification import participation
from vaihto.classification.models import Edition, Tally
from vaihto.classification.participation import BREAKDOWNS, GROUPS, MODES, STUDENT_GROUPS
from vaihto.codes import country_name
from vaihto.institutions.models import Alliance, Headcount, Institution
from vaihto.journal.actors import Actor
from vaihto.observatory.models import Goal
from vaihto.refusals import Invalid, Unknown
from vaihto.rules.publishing import masked
from vaihto.wording import mark as _

ALL_MODES = ""
FIRST_YEAR, LAST_YEAR = 1990, 2100
YEARS_AT_ONCE = 15
SMALLEST = 5  # S38: fewer are not told apart
STAND_IN = 2  # what a hidden cell adds to a total

ALLIANCE_ROW = "alliance"


class Unanswerable(Invalid):
    """The address asks for something that is not a question; never answered with a guess."""

    sentence = _("“%(value)s” is not a value of %(field)s.")
    remedy = _("Choose from the form above the figures.")


# --- The question ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What is asked. No institutions means all members; `by` breaks events up instead of giving rates."""

    alliance: str
    years: tuple[int, ...]
    institutions: tuple[str, ...] = ()
    mode: str = ALL_MODES
    group: str = "students"
    inside: bool = False
    rate: str = Tally.Rate.YEARLY.value
    by: str = ""

    FIELDS = ("year", "institution", "mode", "group", "scope", "rate", "by")

    def address(self) -> str:
        """The question as the query part of an address, always in the same order."""
        from urllib.parse import urlencode  # noqa: PLC0415 - used here only

        pairs: list[tuple[str, str]] = [("year", str(year)) for year in self.years]
        pairs += [("institution", one) for one in self.institutions]
        pairs += [
            (name, value)
            for name, value, usual in (
                ("mode", self.mode, ALL_MODES),
                ("group", self.group, "students"),
                ("scope", "inside" if self.inside else "any", "any"),
                ("rate", self.rate, Tally.Rate.YEARLY.value),
                ("by", self.by, ""),
            )
            if value != usual
        ]
        return urlencode(pairs)


def read(alliance: str, asked: Mapping[str, Sequence[str]], *, today: date) -> Question:
    """The question in an address: field -> its values, as they came.

    Unknown fields, values and repeated single fields are refused with `Unanswerable`. Without years, the
    five up to last year are asked.
    """
    for name in asked:
        if name not in Question.FIELDS:
            raise Unanswerable("question.field", field=name, value=name)
    mode = _one(asked, "mode", ALL_MODES, {"", "all", *map(str, MODES)})
    group = _one(asked, "group", "students", set(GROUPS))
    rate = _one(asked, "rate", Tally.Rate.YEARLY.value, set(Tally.Rate.values))
    if rate == Tally.Rate.STUDIES and group not in STUDENT_GROUPS:
        raise Unanswerable(
            "question.rate",
            field="rate",
            value=rate,
            sentence=_("Only students have a rate during studies."),
        )
    return Question(
        alliance=alliance,
        years=_years(asked.get("year", ()), today),
        institutions=tuple(sorted({one for one in asked.get("institution", ()) if one})),
        mode="" if mode == "all" else mode,
        group=group,
        inside=_one(asked, "scope", "any", {"any", "inside"}) == "inside",
        rate=rate,
        by=_one(asked, "by", "", {"", *BREAKDOWNS}),
    )


def _one(asked: Mapping[str, Sequence[str]], name: str, usual: str, possible: set[str]) -> str:
    values = asked.get(name) or [usual]
    if len(values) != 1 or values[0] not in possible:
        raise Unanswerable("question.value", field=name, value=", ".join(values))
    return values[0]


def _years(values: Sequence[str], today: date) -> tuple[int, ...]:
    if not values:
        return tuple(range(today.year - 5, today.year))
    found = set()
    for value in values:
        if not (value.isascii() and value.isdigit() and FIRST_YEAR <= int(value) <= LAST_YEAR):
            raise Unanswerable("question.value", field="year", value=value)
        found.add(int(value))
    if len(found) > YEARS_AT_ONCE:
        raise Unanswerable(
            "question.years",
            field="year",
            value=len(found),
            most=YEARS_AT_ONCE,
            sentence=_("At most %(most)s years are answered at once."),
        )
    return tuple(sorted(found))


# --- The answer --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A published number: rounded, or hidden. `text` is what people read."""

    number: int | None
    text: str

    @property
    def is_hidden(self) -> bool:
        """Is there only a range, or nothing at all?"""
        return self.number is None


HIDDEN_SMALL = Shown(None, f"1-{SMALLEST - 1}")
HIDDEN_COMPLEMENT = Shown(None, "·")
ABSENT = Shown(None, "")


@dataclass(frozen=True)
class Base:
    """A denominator with where it comes from and of which day."""

    count: int
    source: str
    as_of: date | None
    year: int


@dataclass(frozen=True)
class Cell:
    """What is told of one institution (or the alliance), year and mode."""

    persons: Shown
    events: Shown
    base: Base | None = None
    rate: Fraction | None = None
    goal: Decimal | None = None

    @property
    def gap(self) -> Fraction | None:
        """How far the rate is below the goal, as a share; negative where the goal is passed."""
        if self.rate is None or self.goal is None:
            return None
        return Fraction(self.goal) - self.rate

    @property
    def persons_to_goal(self) -> int | None:
        """How many more persons would reach the goal; 0 where it is reached."""
        if self.base is None or self.goal is None or self.persons.number is None:
            return None
        return max(0, ceil(Fraction(self.goal) * self.base.count) - self.persons.number)


@dataclass(frozen=True)
class Row:
    """One line: an institution, or the alliance, in one year; or a value of a breakdown."""

    key: str
    label: str
    year: int
    cells: Mapping[str, Cell]  # mode -> cell; "" is all modes together


@dataclass(frozen=True)
class Note:
    """Something to be said beside the figures: a marked sentence and the values it names."""

    sentence: str
    facts: Mapping[str, str]

    def __str__(self) -> str:
        return self.sentence % self.facts


@dataclass(frozen=True)
class Series:
    """An answer: the one value that charts, tables, CSV and JSON are made of."""

    question: Question
    unit: str
    definition: str
    edition: str
    goal_definition: str
    modes: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()

    def of(self, key: str) -> tuple[Row, ...]:
        """The lines of one institution (by hei_id) or of `ALLIANCE_ROW`, oldest year first."""
        return tuple(row for row in self.rows if row.key == key)

    def places(self) -> tuple[str, ...]:
        """The institutions in the order of the lines, the alliance last."""
        return tuple(dict.fromkeys(row.key for row in self.rows))


YEARLY = _(
    "Persons with at least one counted event that started in the year, each once, divided by the number of "
    "such persons at the institution in that year."
)
STUDIES = _(
    "Persons who graduated in the year and took part in at least one counted event until then, each once, "
    "divided by all who graduated in the year."
)
EVENTS = _("Counted events that started in the year.")
COUNTED_ARE = _(
    "Counted are physical, blended and virtual mobilities of the institution's own people that took place or "
    "are under way; fully virtual ones from 1 ECTS (students) or 8 hours (staff)."
)
INSIDE = _("Only events with another full member of the alliance.")
PROTECTED = _(
    "Groups of 1 to 4 are not told apart, larger numbers are rounded to the nearest three, and shares are "
    "made of the rounded numbers."
)
NO_BASE = _(
    "No headcount is known for %(institutions)s; no rate can be told there or for the alliance."
)
NOT_HERE = _(
    "The records of these members are not kept here, so they are not in the figures, nor in those of the "
    "alliance: %(institutions)s."
)
PERSONS, EVENTS_UNIT = _("persons"), _("events")


def answer(question: Question, *, actor: Actor) -> Series:
    """The answer to a question, protected for the public whoever asks.

    Raises `Unknown` when the alliance does not exist, `Unanswerable` for an institution that is no member.
    Costs a handful of queries, whatever the size of the data.
    """
    alliance = Alliance.objects.visible_to(actor).filter(code=question.alliance).first()
    if alliance is None:
        raise Unknown("alliance.unknown")
    members = {year: participation.members_of(alliance, year) for year in question.years}
    places = {
        place.pk: place
        for place in Institution.objects.filter(
            pk__in={one for some in members.values() for one in some}
        )
    }
    known = {place.hei_id for place in places.values()}
    for one in question.institutions:
        if one not in known:
            raise Unanswerable("question.value", field="institution", value=one)
    figures = participation.figures(alliance, question.rate, question.years)
    asked = [
        place
        for place in sorted(places.values(), key=lambda one: one.name)
        if not question.institutions or place.hei_id in question.institutions
    ]
    # Of a member whose records are elsewhere nothing is known, which is not the same as nobody moving.
    chosen = [place for place in asked if place.hosted]
    elsewhere = [place.name for place in asked if not place.hosted]
    members = {year: [one for one in some if places[one].hosted] for year, some in members.items()}
    if question.by:
        return _breakdown(question, figures, chosen)
    goals = _Goals(alliance)
    bases = _Bases(question, figures, places)
    rows: list[Row] = []
    lacking: set[str] = set()
    for year in question.years:
        table = _Protected(figures[year], question)
        in_year = [place for place in chosen if place.pk in members[year]]
        own = {place.pk: bases.of(place.pk, year) for place in in_year}
        lacking |= {place.name for place in in_year if own[place.pk] is None}
        rows += [
            _row(
                question,
                place.hei_id,
                place.name,
                year,
                table.cells([place.pk]),
                own[place.pk],
                goals,
            )
            for place in in_year
        ]
        if len(in_year) > 1:
            whole = not question.institutions and len(in_year) == len(members[year])
            rows.append(
                _row(question, ALLIANCE_ROW, alliance.name, year,
                     table.cells([place.pk for place in in_year], whole=whole),
                     _together(own.values()), goals)
            )  # fmt: skip
    order = {key: at for at, key in enumerate([*[p.hei_id for p in chosen], ALLIANCE_ROW])}
    rows.sort(key=lambda row: (order[row.key], row.year))
    notes = [Note(NO_BASE, {"institutions": ", ".join(sorted(lacking))})] if lacking else []
    if elsewhere:
        notes.append(Note(NOT_HERE, {"institutions": ", ".join(elsewhere)}))
    return Series(
        question=question,
        unit=PERSONS,
        definition=" ".join(definitions(question)),
        edition=_edition(),
        goal_definition=goals.definition(question.group, question.years[-1]),
        modes=(question.mode,) if question.mode else (*map(str, MODES), ALL_MODES),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def definitions(question: Question) -> list[str]:
    if question.by:
        first = EVENTS
    else:
        first = YEARLY if question.rate == Tally.Rate.YEARLY else STUDIES
    return [first, COUNTED_ARE, *([INSIDE] if question.inside else []), PROTECTED]


def _edition() -> str:
    adopted = Edition.objects.adopted()
    return adopted.key if adopted else ""


def _row(
    question: Question,
    key: str,
    label: str,
    year: int,
    cells: Mapping[str, Cell],
    base: Base | None,
    goals: _Goals,
) -> Row:
    return Row(
        key=key,
        label=label,
        year=year,
        cells={
            mode: _rated(cell, base, goals.of(question.group, mode, year))
            for mode, cell in cells.items()
            if mode in ((question.mode,) if question.mode else cells)
        },
    )


def _rated(cell: Cell, base: Base | None, goal: Decimal | None) -> Cell:
    """The cell with its rate; hidden where the rest of the institution would be a small group."""
    if base is None or base.count == 0:
        return replace(cell, base=base, goal=goal)
    number = cell.persons.number
    if number is None:
        return replace(cell, base=base, goal=goal)
    if 0 < base.count - number < SMALLEST:
        text = f">{base.count - SMALLEST}"
        return replace(cell, persons=Shown(None, text), base=base, goal=goal)
    return replace(cell, base=base, goal=goal, rate=min(Fraction(number, base.count), Fraction(1)))


@lru_cache(maxsize=50_000)
def shown(count: int) -> Shown:
    """A count as it is published."""
    number = masked([count])[0]
    return HIDDEN_SMALL if number is None else Shown(number, str(number))


class _Protected:
    """One year's persons and events of a question by institution and mode, protected cell by cell."""

    def __init__(self, figures: pl.DataFrame, question: Question) -> None:
        self.question = question
        rows = figures.filter(pl.col("by") == "").select(
            "institution", "group", "inside", "modes", "persons", "events"
        )
        self.persons: dict[tuple[int | None, str, bool], dict[int, int]] = {}
        self.events: dict[tuple[int | None, str, bool], dict[int, int]] = {}
        for place, group, inside, modes, persons, events in rows.iter_rows():
            self.persons.setdefault((place, group, inside), {})[modes] = persons
            self.events.setdefault((place, group, inside), {})[modes] = events

    def _with(self, place: int | None, group: str, inside: bool, bits: int) -> int:
        """Persons who took part in at least one of the modes in `bits`."""
        sets = self.persons.get((place, group, inside), {})
        return sum(count for modes, count in sets.items() if modes & bits)

    def _wider(self) -> list[tuple[str, bool]]:
        """The questions that hold this one: of the whole group, of any partner."""
        group, inside = self.question.group, self.question.inside
        whole = {"doctoral": "students", "teachers": "staff", "other_staff": "staff"}.get(group)
        found = [(group, False)] if inside else []
        return found + ([(whole, inside)] if whole else [])

    def atom(self, place: int, bit: int) -> tuple[Shown, int]:
        """One institution and mode: what is shown, and what it adds to totals."""
        group, inside = self.question.group, self.question.inside
        count = self._with(place, group, inside, bit)
        if 0 < count < SMALLEST:
            return HIDDEN_SMALL, STAND_IN
        if count:
            for wider_group, wider_inside in self._wider():
                more = self._with(place, wider_group, wider_inside, bit)
                if 0 < more - count < SMALLEST:
                    return HIDDEN_COMPLEMENT, shown(more).number or STAND_IN
        return shown(count), count

    def cells(self, places: Sequence[int], *, whole: bool = False) -> dict[str, Cell]:
        """Each mode and all modes together, over these institutions; `whole` when they are all members."""
        group, inside = self.question.group, self.question.inside
        atoms = {(place, bit): self.atom(place, bit) for place in places for bit in MODES.values()}
        cells: dict[str, Cell] = {}
        for mode, bits in [*((str(mode), bit) for mode, bit in MODES.items()), (ALL_MODES, 7)]:
            taken = [(place, bit) for place in places for bit in MODES.values() if bit & bits]
            hidden = [one for one in taken if atoms[one][0].is_hidden]
            if len(taken) == 1:
                (place, bit) = taken[0]
                persons = atoms[taken[0]][0]
                events = (
                    persons
                    if persons.is_hidden
                    else shown(self.events.get((place, group, inside), {}).get(bit, 0))
                )
                cells[mode] = Cell(persons, events)
                continue
            if whole and not hidden:
                count = self._with(None, group, inside, bits)
            else:
                count = sum(
                    self._with(
                        place,
                        group,
                        inside,
                        sum(b for b in MODES.values() if b & bits and (place, b) not in hidden),
                    )
                    for place in places
                ) + sum(atoms[one][1] for one in hidden)
            events_count = sum(
                atoms[(place, bit)][1]
                if (place, bit) in hidden
                else self.events.get((place, group, inside), {}).get(bit, 0)
                for place, bit in taken
            )
            cells[mode] = Cell(
                HIDDEN_COMPLEMENT if self._gives_away(places, bits) else shown(count),
                shown(events_count),
            )
        return cells

    def _gives_away(self, places: Sequence[int], bits: int) -> bool:
        """Would this number, beside that of a wider question, tell of a small rest?"""
        group, inside = self.question.group, self.question.inside
        count = sum(self._with(place, group, inside, bits) for place in places)
        return count > 0 and any(
            0 < sum(self._with(place, *wider, bits) for place in places) - count < SMALLEST
            for wider in self._wider()
        )


class _Goals:
    """The goals of an alliance, read once."""

    def __init__(self, alliance: Alliance) -> None:
        self.alliance = alliance
        self.dated = list(Goal.objects.filter(alliance=alliance).order_by("since"))

    def _found(self, group: str, mode: str, year: int) -> Goal | None:
        for groups in ((group,), ("staff",) if group in ("teachers", "other_staff") else ()):
            fitting = [
                goal
                for goal in self.dated
                if goal.group in groups and goal.mode == mode and goal.since <= date(year, 12, 31)
            ]
            if fitting:
                return fitting[-1]
        return None

    def of(self, group: str, mode: str, year: int) -> Decimal | None:
        """The share to be reached; without a dated goal the alliance's own for all modes together."""
        found = self._found(group, mode, year)
        if found is not None:
            return found.share
        if mode or group == "doctoral":
            return None
        usual = self.alliance.goal_students if group in STUDENT_GROUPS else self.alliance.goal_staff
        return Decimal(str(usual))

    def definition(self, group: str, year: int) -> str:
        """Name and version of the definition the goal was set by."""
        found = self._found(group, ALL_MODES, year)
        if found is not None:
            return found.definition
        return "E70" if group in STUDENT_GROUPS else "E71"


class _Bases:
    """Denominators: headcounts of the year (else the latest before it), or the cohort of graduates."""

    GROUPS: Mapping[str, tuple[tuple[str, ...], ...]] = {
        "students": (("students",),),
        "doctoral": (("doctoral",),),
        "staff": (("staff",), ("teachers", "other_staff")),
        "teachers": (("teachers",),),
        "other_staff": (("other_staff",),),
    }

    def __init__(
        self,
        question: Question,
        figures: Mapping[int, pl.DataFrame],
        places: Mapping[int, Institution],
    ) -> None:
        self.question = question
        self.known: dict[tuple[int, str], list[Headcount]] = {}
        self.cohorts: dict[tuple[int, int], int] = {}
        if question.rate == Tally.Rate.STUDIES:
            for year in question.years:
                sizes = figures[year].filter(
                    pl.col("by") == participation.COHORT, pl.col("group") == question.group
                )
                for place, size in sizes.select("institution", "persons").iter_rows():
                    self.cohorts[place, year] = size
            return
        wanted = {group for groups in self.GROUPS[question.group] for group in groups}
        for one in Headcount.objects.filter(
            institution__in=places, group__in=wanted, year__lte=max(question.years)
        ).order_by("year"):
            self.known.setdefault((one.institution_id, one.group), []).append(one)

    def of(self, place: int, year: int) -> Base | None:
        """The denominator of one institution and year, or None where nobody knows it."""
        if self.question.rate == Tally.Rate.STUDIES:
            return Base(self.cohorts.get((place, year), 0), "", None, year)
        for groups in self.GROUPS[self.question.group]:
            found = [self._latest(place, group, year) for group in groups]
            counts = [one for one in found if one is not None]
            if len(counts) == len(groups):
                return _together(Base(one.count, one.source, one.as_of, one.year) for one in counts)
        return None

    def _latest(self, place: int, group: str, year: int) -> Headcount | None:
        fitting = [one for one in self.known.get((place, group), ()) if one.year <= year]
        return fitting[-1] if fitting else None


def _together(bases: Iterable[Base | None]) -> Base | None:
    """The sum of several denominators, dated by the oldest; None where one is not known."""
    known = []
    for one in bases:
        if one is None:
            return None
        known.append(one)
    if not known:
        return None
    days = [one.as_of for one in known if one.as_of is not None]
    sources = list(dict.fromkeys(one.source for one in known if one.source))
    return Base(
        count=sum(one.count for one in known),
        source="; ".join(sources),
        as_of=min(days) if days else None,
        year=min(one.year for one in known),
    )


# --- Breakdowns --------------------------------------------------------------------------------


def _breakdown(
    question: Question, figures: Mapping[int, pl.DataFrame], chosen: Sequence[Institution]
) -> Series:
    """Events by country, programme, level or partner; the total is made of what is shown."""
    rows: list[Row] = []
    for year in question.years:
        table = figures[year].filter(
            pl.col("by") == question.by,
            pl.col("group") == question.group,
            pl.col("inside") == question.inside,
            pl.col("institution").is_in([place.pk for place in chosen]),
        )
        counted = (
            table.group_by("value")
            .agg(pl.col("persons", "events").sum())
            .sort(["events", "value"], descending=[True, False])
        )
        total_persons = total_events = 0
        for value, persons, events in counted.iter_rows():
            seen = shown(persons)
            cell = Cell(seen, seen if seen.is_hidden else shown(events))
            total_persons += STAND_IN if seen.is_hidden else persons
            total_events += STAND_IN if seen.is_hidden else events
            rows.append(Row(value, value, year, {ALL_MODES: cell}))
        rows.append(
            Row(
                ALLIANCE_ROW,
                "",
                year,
                {ALL_MODES: Cell(shown(total_persons), shown(total_events))},
            )
        )
    return Series(
        question=question,
        unit=EVENTS_UNIT,
        definition=" ".join(definitions(question)),
        edition=_edition(),
        goal_definition="",
        modes=(ALL_MODES,),
        rows=tuple(_named(question, rows)),
    )


def _named(question: Question, rows: list[Row]) -> list[Row]:
    if question.by == "partner":
        numbers = {int(row.key) for row in rows if row.key.isdigit()}
        names = {
            str(pk): name
            for pk, name in Institution.objects.filter(pk__in=numbers).values_list("pk", "name")
        }
        return [replace(row, label=names.get(row.key, row.label)) for row in rows]
    if question.by == "country":
        return [
            row if row.key == ALLIANCE_ROW else replace(row, label=country_name(row.key) or row.key)
            for row in rows
        ]
    return rows


# --- The other faces ---------------------------------------------------------------------------


def as_records(series: Series) -> list[dict[str, Any]]:
    """One mapping per line and mode, with plain values; what table, CSV and JSON show."""
    return [
        {
            "key": row.key,
            "label": row.label,
            "year": row.year,
            "mode": mode or "all",
            "persons": cell.persons.text,
            "events": cell.events.text,
            "base": cell.base.count if cell.base else None,
            "base_source": cell.base.source if cell.base else "",
            "base_as_of": cell.base.as_of.isoformat() if cell.base and cell.base.as_of else "",
            "rate": round(float(cell.rate), 4) if cell.rate is not None else None,
            "goal": float(cell.goal) if cell.goal is not None else None,
            "gap": round(float(cell.gap), 4) if cell.gap is not None else None,
            "persons_to_goal": cell.persons_to_goal,
        }
        for row in series.rows
        for mode, cell in row.cells.items()
    ]


def as_csv(series: Series) -> str:
    """The answer as CSV with the definition on top; text that a spreadsheet would run is defused."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["definition", guarded(series.definition)])
    writer.writerow(["definition of the goal", guarded(series.goal_definition)])
    writer.writerow(["rules edition", series.edition])
    records = as_records(series)
    writer.writerow(list(records[0]) if records else ["key"])
    for record in records:
        writer.writerow([guarded(value) for value in record.values()])
    return out.getvalue()


def as_json(series: Series) -> str:
    """The answer as JSON."""
    return json.dumps(
        {
            "question": series.question.address(),
            "alliance": series.question.alliance,
            "unit": series.unit,
            "definition": series.definition,
            "goal_definition": series.goal_definition,
            "edition": series.edition,
            "notes": [str(note) for note in series.notes],
            "rows": as_records(series),
        },
        ensure_ascii=False,
    )


def guarded(value: object) -> object:
    """Text that begins like a formula gets an apostrophe before it; everything else stays."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value

"""Tables as kinds of file: columns declared once, from which reading, templates and refused lines follow.

A line holds one record; where a record has parts (the segments of a mobility, the states of a study right), it
takes one line for each part, with the columns of the record itself repeated or left empty below the first.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import xlsxwriter
from django.conf import settings
from django.utils.translation import gettext

from vaihto.imports.cells import Parse, Remembering, guarded, parse_text, unguarded
from vaihto.imports.kinds import kinds
from vaihto.imports.reading import (
    Line,
    Survey,
    Table,
    Unreadable,
    as_key,
    open_csv,
    open_xlsx,
    plain_header,
    shape_of,
    survey,
)
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import CHUNK, Coming, Keep, Outcome, missing
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

PROBLEM_COLUMNS = ("problem_line", "problem")
_LEFT_OUT = frozenset(plain_header(name) for name in PROBLEM_COLUMNS)
_PARTS_LIMIT = 500
_SHOWN = 120

Values = dict[str, Any]
Action = Callable[..., list[Outcome]]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: what it is called in three languages, what may stand in it, and which fact it becomes.

    `name` is the technical name and, with blanks for underscores, the English one. `field` is the field of the
    facts, where it is called otherwise. `of_part` columns describe a part of the record. `examples` are one cell
    for each example line.
    """

    name: str
    fi: str
    sv: str
    says: str
    examples: tuple[str, ...] = ()
    parse: Parse = parse_text
    required: bool = False
    field: str = ""
    of_part: bool = False
    is_secret: bool = False
    choices: tuple[str, ...] = ()

    @property
    def fact(self) -> str:
        """The field of the facts this column speaks of."""
        return self.field or self.name

    @property
    def headers(self) -> tuple[str, ...]:
        """All names it may have in a file."""
        return (self.name, self.name.replace("_", " "), self.fi, self.sv)


@dataclass
class Row:
    """A record as the table holds it: a `kinds.Record`."""

    line: int
    lines: tuple[int, ...]
    key: str
    facts: Any | None
    problems: tuple[Refusal, ...]


@dataclass(frozen=True, kw_only=True)
class TableKind:
    """A kind of file that is a table. `build` makes the facts from the values of the record and of its parts.

    `key` is the column by which a record is found again, empty where several together do that; `refers` is a
    column that names another record of the same file.
    """

    name: str
    label: str
    explanation: str
    columns: tuple[Column, ...]
    build: Callable[[Values, list[Values]], Any]
    plan: Action
    bring: Action
    key: str = "key"
    refers: str = ""
    part_fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    for_institution: bool = True
    endings: tuple[str, ...] = (".csv", ".xlsx")

    @cached_property
    def by_header(self) -> dict[str, Column]:
        """Column by every name it may have."""
        return {plain_header(name): column for column in self.columns for name in column.headers}

    @cached_property
    def has_parts(self) -> bool:
        """May a record take several lines?"""
        return any(column.of_part for column in self.columns)

    def open(self, file: Path, *, name: str, institution: Institution | None) -> TableArrival:
        """The table, surveyed. Refuses what is no table, or not one of this kind."""
        table = open_table(file, known_headers=known_headers())
        places = self._placed(table.header)
        at = {column.name: place for place, column in places.items()}
        found = survey(
            table, key=at.get(self.key), refers=at.get(self.refers), in_runs=self.has_parts
        )
        if not found.lines:
            raise Unreadable(
                "file.no-lines",
                sentence=_("There are no lines below the names of the columns."),
                remedy=_("Choose the file with the data in it."),
            )
        return TableArrival(self, table, places, found)

    def _placed(self, header: Sequence[str]) -> dict[int, Column]:
        """Which column stands where. Refuses a header that is another kind's, twice, unknown or incomplete."""
        places: dict[int, Column] = {}
        unknown: list[str] = []
        for place, name in enumerate(header):
            column = self.by_header.get(plain_header(name))
            if column is None:
                if name and not name.startswith("#") and plain_header(name) not in _LEFT_OUT:
                    unknown.append(name)
                continue
            if column in places.values():
                raise Unreadable(
                    "file.column-twice",
                    sentence=_("The column “%(column)s” stands there twice."),
                    remedy=_("Keep one of the two."),
                    column=name,
                )
            places[place] = column
        absent = [c.name for c in self.columns if c.required and c not in places.values()]
        if unknown or absent:
            self._refuse_other_kind(header, len(places))
        if absent:
            raise Unreadable(
                "file.column-missing",
                sentence=_("Columns are missing: %(columns)s."),
                remedy=_("Add them, or take the template of this kind."),
                columns=", ".join(absent),
            )
        if unknown:
            raise self._unknown(unknown)
        return places

    def _refuse_other_kind(self, header: Sequence[str], own: int) -> None:
        plain = {plain_header(name) for name in header}
        best, most = "", own
        for other in _tables():
            if other is self:
                continue
            found = {c.name for name in plain if (c := other.by_header.get(name)) is not None}
            is_whole = all(c.name in found for c in other.columns if c.required)
            if is_whole and len(found) > most:
                best, most = other.name, len(found)
        if best:
            raise Unreadable(
                "file.other-kind",
                sentence=_("This looks like a file of another kind: %(kind)s."),
                remedy=_("Choose that kind, or another file."),
                kind=best,
            )

    def _unknown(self, names: Sequence[str]) -> Unreadable:
        known = [header for column in self.columns for header in column.headers]
        near = [
            close[0] for name in names if (close := difflib.get_close_matches(name, known, n=1))
        ]
        return Unreadable(
            "file.column-unknown",
            sentence=_("Columns that nobody knows here: %(columns)s."),
            remedy=(
                _(
                    "Did you mean %(near)s? Rename the column, delete it, "
                    "or put # before its name to leave it out."
                )
                if near
                else _("Rename the column, delete it, or put # before its name to leave it out.")
            ),
            columns=", ".join(names),
            near=", ".join(near),
        )

    # --- Files that go out --------------------------------------------------------------------

    def template(self, shape: str) -> bytes:
        """A file to fill in: names of the columns, example lines, and (XLSX) a sheet that explains them."""
        examples = max(len(column.examples) for column in self.columns)
        lines = [
            [column.examples[at] if at < len(column.examples) else "" for column in self.columns]
            for at in range(examples)
        ]
        header = [column.name for column in self.columns]
        if shape == "csv":
            text = io.StringIO()
            writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
            writer.writerows([header, *lines])
            return text.getvalue().encode("utf-8-sig")
        return _workbook(
            [
                (self.name, [header, *lines]),
                (gettext("Columns"), self._explained()),
            ]
        )

    def _explained(self) -> list[list[str]]:
        head = [
            gettext("Column"),
            "suomeksi",
            "på svenska",
            gettext("Required"),
            gettext("What stands in it"),
            gettext("Values"),
        ]
        return [
            head,
            *(
                [
                    column.name,
                    column.fi,
                    column.sv,
                    gettext("yes") if column.required else "",
                    gettext(column.says),
                    ", ".join(column.choices),
                ]
                for column in self.columns
            ),
            [],
            ["", "", "", "", gettext(self.explanation), ""],
        ]

    def refused_lines(
        self, file: Path, *, problems: Iterator[tuple[int, str]], shape: str, target: Path
    ) -> None:
        """The lines with problems as they came, and two columns that say what is wrong. Formulas are guarded."""
        table = open_table(file, known_headers=known_headers())
        kept = [at for at, name in enumerate(table.header) if plain_header(name) not in _LEFT_OUT]
        header = [*(table.header[at] for at in kept), *PROBLEM_COLUMNS]
        rows = (
            [
                *(line.cells[at] if at < len(line.cells) else "" for at in kept),
                str(line.number),
                words,
            ]
            for line, words in _picked(table, problems)
        )
        if shape == "csv":
            with target.open("w", encoding="utf-8-sig", newline="") as output:
                writer = csv.writer(output, delimiter=";", lineterminator="\r\n")
                writer.writerow(header)
                writer.writerows([guarded(cell) for cell in row] for row in rows)
            return
        _write_workbook(target, [(self.name, _with_header(header, rows))])


def _with_header(header: list[str], rows: Iterator[list[str]]) -> Iterator[list[str]]:
    yield header
    yield from rows


def _picked(table: Table, problems: Iterator[tuple[int, str]]) -> Iterator[tuple[Line, str]]:
    """The lines of a table that are named, both in the order of the file."""
    wanted = next(problems, None)
    for line in table.lines():
        while wanted is not None and wanted[0] < line.number:
            wanted = next(problems, None)
        if wanted is None:
            return
        if wanted[0] == line.number:
            yield line, wanted[1]


def _workbook(sheets: Sequence[tuple[str, Sequence[Sequence[str]]]]) -> bytes:
    packed = io.BytesIO()
    _write_workbook(packed, sheets)
    return packed.getvalue()


def _write_workbook(target: Any, sheets: Sequence[tuple[str, Any]]) -> None:
    """Writes sheets of text; no cell is ever a formula, a number or a link."""
    output = target if isinstance(target, io.BytesIO) else str(target)
    with xlsxwriter.Workbook(output, {"constant_memory": True, "in_memory": False}) as book:
        as_text = book.add_format({"num_format": "@"})
        bold = book.add_format({"num_format": "@", "bold": True})
        for name, lines in sheets:
            sheet = book.add_worksheet(name[:31])
            sheet.set_column(0, 40, 18, as_text)
            sheet.freeze_panes(1, 0)
            for at, line in enumerate(lines):
                if at >= _SHEET_LINES:
                    break
                for place, cell in enumerate(line):
                    if cell:
                        sheet.write_string(at, place, cell[:32_000], bold if at == 0 else as_text)


_SHEET_LINES = 1_048_576


def open_table(file: Path, *, known_headers: frozenset[str]) -> Table:
    """The table in a file, whatever it is written as. Refuses with `Unreadable`."""
    match shape_of(file):
        case "csv":
            return open_csv(file, known_headers=known_headers)
        case "xlsx":
            return open_xlsx(
                file, limit_bytes=settings.XLSX_LIMIT_BYTES, known_headers=known_headers
            )
    raise Unreadable(
        "file.xml",
        sentence=_("This is an XML document, not a table."),
        remedy=_("Choose the kind that reads XML, or bring the table as CSV or XLSX."),
    )


def _tables() -> list[TableKind]:
    """The kinds that are tables."""
    every: list[object] = list(kinds().values())
    return [kind for kind in every if isinstance(kind, TableKind)]


def known_headers() -> frozenset[str]:
    """Every name of a column of every table here; tells which delimiter a file uses."""
    return frozenset(name for table in _tables() for name in table.by_header)


# --- An opened table ---------------------------------------------------------------------------


@dataclass
class TablePart:
    """The one part of a table: a `kinds.Part`."""

    kind: TableKind
    said: Collection[str]
    columns: dict[str, str]

    @property
    def name(self) -> str:
        """The name of the kind."""
        return self.kind.name

    @property
    def label(self) -> str:
        """What people call it."""
        return self.kind.label

    def _where(self, institution: Institution | None) -> dict[str, Any]:
        return {"institution": institution} if self.kind.for_institution else {}

    def plan(
        self,
        *,
        actor: Actor,
        institution: Institution | None,
        facts: Sequence[Any],
        seen: dict[Any, int],
        coming: Coming,
    ) -> list[Outcome]:
        """What would happen."""
        more = {"coming": coming} if self.kind.for_institution else {}
        return self.kind.plan(
            actor=actor,
            facts=facts,
            said=self.said,
            seen=seen,
            **self._where(institution),
            **more,
        )

    def bring(
        self,
        *,
        actor: Actor,
        institution: Institution | None,
        facts: Sequence[Any],
        now: datetime,
        batch: str,
        seen: dict[Any, int],
        keep: Keep,
    ) -> list[Outcome]:
        """Does it."""
        return self.kind.bring(
            actor=actor,
            facts=facts,
            now=now,
            batch=batch,
            said=self.said,
            seen=seen,
            keep=keep,
            **self._where(institution),
        )


_Reader = tuple[int, str, Parse, Column]


class TableArrival:
    """A table of one kind, opened and surveyed: a `kinds.Arrival`."""

    def __init__(
        self, kind: TableKind, table: Table, places: dict[int, Column], found: Survey
    ) -> None:
        self.kind = kind
        self.table = table
        self.lines = found.lines
        self.described = {"shape": table.shape, **table.described}
        self.repeated: Collection[str] | None = found.repeated if kind.key else None
        self.referred: Collection[str] | None = found.referred
        left_out = [name for name in table.header if name.startswith("#")]
        self.notes: list[tuple[str, dict[str, Any]]] = (
            [(_("Columns left out: %(columns)s."), {"columns": ", ".join(left_out)})]
            if left_out
            else []
        )
        self._headers = {place: table.header[place] for place in range(len(table.header))}
        readers = [
            (place, column.name, _reader(column), column) for place, column in places.items()
        ]
        self._whole: list[_Reader] = [each for each in readers if not each[3].of_part]
        self._parts: list[_Reader] = [each for each in readers if each[3].of_part]
        self._width = len(table.header)
        self._key = next((place for place, c in places.items() if c.name == kind.key), None)
        self.part = TablePart(kind, _said(kind, places.values()), self._names(places))

    def _names(self, places: dict[int, Column]) -> dict[str, str]:
        """What the file calls the column of each field; for a field of several columns, the first of them."""
        names: dict[str, str] = {}
        for place, column in places.items():
            names.setdefault(column.fact, self._headers[place])
            names.setdefault(column.name, self._headers[place])
        return names

    def pieces(self) -> Iterator[tuple[TablePart, list[Row]]]:
        """The records in pieces."""
        piece: list[Row] = []
        for row in self._grouped() if self.kind.has_parts else self._single():
            piece.append(row)
            if len(piece) >= CHUNK:
                yield self.part, piece
                piece = []
        if piece:
            yield self.part, piece

    def _single(self) -> Iterator[Row]:
        build, whole, key = self.kind.build, self._whole, self._key
        for line in self.table.lines():
            problems: list[Refusal] = []
            values = self._values(line, whole, problems)
            self._strays(line, problems)
            name = as_key(line.cells[key]) if key is not None and key < len(line.cells) else ""
            facts = None if problems else build(values, [])
            yield Row(line.number, (line.number,), name, facts, tuple(problems))

    def _grouped(self) -> Iterator[Row]:
        """Lines of one key that follow each other are one record."""
        group: list[Line] = []
        key = ""
        place = self._key if self._key is not None else 0
        for line in self.table.lines():
            value = as_key(line.cells[place]) if place < len(line.cells) else ""
            if group and (value != key or not value or len(group) > _PARTS_LIMIT):
                yield self._record(key, group)
                group = []
            group.append(line)
            key = value
        if group:
            yield self._record(key, group)

    def _record(self, key: str, group: list[Line]) -> Row:
        problems: list[Refusal] = []
        first = group[0]
        values = self._values(first, self._whole, problems)
        parts: list[Values] = []
        for line in group:
            self._strays(line, problems)
            if line is not first:
                self._agrees(first, line, problems)
            part = self._values(line, self._parts, problems)
            if part and part in parts and not problems:
                problems.append(_part_twice(line.number))
            if part:
                parts.append(part)
        facts = None if problems else self.kind.build(values, parts)
        numbers = tuple(line.number for line in group)
        return Row(first.number, numbers, key, facts, tuple(problems))

    def _agrees(self, first: Line, line: Line, problems: list[Refusal]) -> None:
        """Below the first line of a record its own columns are repeated or empty."""
        for place, _name, _parse, column in self._whole:
            text = line.cells[place].strip() if place < len(line.cells) else ""
            stated = first.cells[place].strip() if place < len(first.cells) else ""
            if text and text != stated:
                problems.append(
                    Invalid(
                        "cell.disagrees",
                        sentence=_("“%(value)s” differs from “%(first)s” in line %(first_line)s."),
                        remedy=_("Lines of one record repeat its columns or leave them empty."),
                        field=column.fact,
                        column=self._headers[place],
                        line=line.number,
                        value="" if column.is_secret else text[:_SHOWN],
                        first="" if column.is_secret else stated[:_SHOWN],
                        first_line=first.number,
                    )
                )

    def _values(self, line: Line, readers: list[_Reader], problems: list[Refusal]) -> Values:
        """What the cells say, by name of the column; empty cells say nothing."""
        values: Values = {}
        cells = line.cells
        width = len(cells)
        for place, name, parse, column in readers:
            text = cells[place] if place < width else ""
            if text:
                text = text.strip()
                if text[:1] == "'":
                    text = unguarded(text)
            if text:
                try:
                    values[name] = parse(text)
                except Invalid as problem:
                    problems.append(self._at(problem, line, place, column, text))
            elif column.required and not column.of_part:
                problems.append(self._at(missing(column.fact), line, place, column, ""))
        return values

    def _at(self, problem: Invalid, line: Line, place: int, column: Column, text: str) -> Invalid:
        """A fresh refusal that knows where it stands; parsers remember values, never refusals."""
        return Invalid(
            problem.code,
            sentence=problem.sentence,
            remedy=problem.remedy,
            **{
                **problem.facts,
                "field": column.fact,
                "column": self._headers[place],
                "line": line.number,
                "value": "" if column.is_secret else text[:_SHOWN],
            },
        )

    def _strays(self, line: Line, problems: list[Refusal]) -> None:
        """Formulas, and cells to the right of the table."""
        if not line.formulas and len(line.cells) <= self._width:
            return
        problems.extend(
            Invalid(
                "cell.formula",
                sentence=_("This cell holds a formula, and formulas are never evaluated."),
                remedy=_("Copy the cells and paste them as values."),
                field="",
                column=self._headers.get(place, f"{place + 1}"),
                line=line.number,
                value="",
            )
            for place in line.formulas
        )
        for place in range(self._width, len(line.cells)):
            if line.cells[place].strip():
                problems.append(
                    Invalid(
                        "line.too-many-cells",
                        sentence=_("The line has more cells than there are columns."),
                        remedy=_(
                            "Look for a delimiter within a text that is not in quotation marks."
                        ),
                        field="",
                        column=f"{place + 1}",
                        line=line.number,
                        value=line.cells[place][:_SHOWN],
                    )
                )
                return


def _part_twice(number: int) -> Invalid:
    return Invalid(
        "record.part-twice",
        sentence=_("Line %(line)s repeats a part of the record."),
        remedy=_("Delete the line."),
        field="key",
        line=number,
        value="",
    )


def _reader(column: Column) -> Parse:
    """The parser of a column; those of repeating values remember them."""
    return column.parse if column.parse is parse_text else Remembering(column.parse).__getitem__


def _said(kind: TableKind, columns: Collection[Column]) -> frozenset[str]:
    """Fields the file speaks of, by the columns it has."""
    said = {column.fact for column in columns if not column.of_part}
    names = {column.name for column in columns}
    said |= {part for part, own in kind.part_fields.items() if names & set(own)}
    return frozenset(said)

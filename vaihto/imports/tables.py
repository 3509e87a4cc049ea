"""Tables as kinds of file: columns declared once, from which reading, templates and refused lines follow.

A line holds one record; where a record has parts (the segments of a mobility, the states of a study right), it
takes one line for each part, with the columns of the record itself repeated or left empty below the first.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from vaihto.imports.arrivals import TableArrival, Values
from vaihto.imports.cells import guarded
from vaihto.imports.columns import Column
from vaihto.imports.kinds import kinds
from vaihto.imports.reading import (
    Line,
    Table,
    Unreadable,
    open_csv,
    plain_header,
    shape_of,
    survey,
)
from vaihto.imports.spreadsheets import open_xlsx
from vaihto.imports.workbooks import workbook, write_workbook
from vaihto.institutions.models import Institution
from vaihto.journal.actors import May
from vaihto.journal.bringing import Outcome
from vaihto.wording import mark as _

__all__ = ["PROBLEM_COLUMNS", "Column", "TableKind", "Values", "known_headers", "open_table"]

PROBLEM_COLUMNS = ("problem_line", "problem")
_LEFT_OUT = frozenset(plain_header(name) for name in PROBLEM_COLUMNS)

Action = Callable[..., list[Outcome]]


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
    may: May = May.IMPORTS_RUN
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
        return workbook(
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
        write_workbook(target, [(self.name, _with_header(header, rows))])


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

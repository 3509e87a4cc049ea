"""A table that has been opened: its lines as records with facts, or with what is wrong in which cell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vaihto.imports.cells import Parse, Remembering, parse_text, unguarded
from vaihto.imports.columns import Column
from vaihto.imports.reading import Line, Survey, Table, as_key
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import CHUNK, Coming, Keep, Outcome, missing
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

if TYPE_CHECKING:
    from vaihto.imports.tables import TableKind

_PARTS_LIMIT = 500
_SHOWN = 120

Values = dict[str, Any]


@dataclass
class Row:
    """A record as the table holds it: a `kinds.Record`."""

    line: int
    lines: tuple[int, ...]
    key: str
    facts: Any | None
    problems: tuple[Refusal, ...]


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

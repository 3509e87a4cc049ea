"""Reading untrusted spreadsheets (XLSX): measured before they are opened, and never evaluated.

An archive is unpacked once without keeping anything, so that a bomb is found; the sheet is looked through for the
place of every cell and formula; only then the kept values are read. Formulas are refused where they stand, macros
are not looked at, entities and references to other files are refused.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, ClassVar

from lxml import etree
from python_calamine import CalamineError, CalamineWorkbook

from vaihto.imports.reading import Line, Table, Unreadable, refuse, save_as
from vaihto.wording import mark as _

_PIECE = 1 << 20
_ARCHIVE_PARTS = 2_000
_UNPACKED_LIMIT = 300 * 1024 * 1024
_UNPACKED_RATIO = 200
_CELLS_LIMIT = 2_000_000
_AREA_LIMIT = 4_000_000
_WHOLE_FLOAT_LIMIT = 10**15
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass
class XlsxTable(Table):
    """The first sheet with something in it. Kept values only; a cell with a formula is named, never read."""

    shape: ClassVar[str] = "xlsx"
    file: Path
    sheet: str
    formulas: dict[int, set[int]]
    macros: bool
    header: list[str] = field(default_factory=list)
    header_line: int = 1

    @property
    def described(self) -> dict[str, str]:  # type: ignore[override]  # computed here, kept there
        """What was read, to be shown."""
        return {"sheet": self.sheet} | ({"macros": "ignored"} if self.macros else {})

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every line with its number, header included."""
        try:
            with CalamineWorkbook.from_path(str(self.file)) as book:
                sheet = book.get_sheet_by_name(self.sheet)
                # Row by row, from the first of the sheet; columns begin at the first that is used.
                left = [""] * (sheet.start or (0, 0))[1]
                for number, cells in enumerate(sheet.iter_rows(), start=1):
                    yield number, left + [cell_text(cell) for cell in cells]
        except CalamineError as error:
            raise save_as(
                "file.broken-archive", _("The spreadsheet is broken and cannot be opened.")
            ) from error

    def lines(self) -> Iterator[Line]:
        """The lines below the header, blank ones left out."""
        for number, cells in self.rows():
            formulas = tuple(sorted(self.formulas.get(number, ())))
            if number > self.header_line and (formulas or any(cells)):
                yield Line(number, cells, formulas)


def cell_text(cell: Any) -> str:
    """A kept value of a spreadsheet as the text a person would have typed."""
    match cell:
        case str():
            return cell.strip()
        case bool():
            return "yes" if cell else "no"
        case float():
            if cell.is_integer():
                # A spreadsheet keeps fifteen digits; a longer number has been changed already.
                return str(int(cell)) if abs(cell) < _WHOLE_FLOAT_LIMIT else f"{cell:.6e}"
            return repr(cell)
        case datetime():
            at_midnight = (cell.hour, cell.minute, cell.second) == (0, 0, 0)
            return cell.date().isoformat() if at_midnight else cell.isoformat(" ", "minutes")
        case date() | time():
            return cell.isoformat()
    return "" if cell is None else str(cell)


def open_xlsx(file: Path, *, limit_bytes: int, known_headers: frozenset[str]) -> XlsxTable:
    """The spreadsheet, after its archive and its sheet have been measured.

    Above `limit_bytes` it is refused with the advice to bring CSV, which is read line by line.
    """
    size = file.stat().st_size
    if size > limit_bytes:
        raise refuse(
            "file.xlsx-too-large",
            _("The spreadsheet has %(size)s MiB; up to %(limit)s MiB are read."),
            _("Save it as CSV: that is read line by line, whatever its size."),
            size=round(size / 2**20, 1),
            limit=limit_bytes // 2**20,
        )
    macros = _measured(file)
    with zipfile.ZipFile(file) as archive:
        sheets = _sheets(archive)
        for name, part in sheets:
            formulas = _scanned(archive, part)
            if formulas is None:
                continue
            table = XlsxTable(file, name, formulas, macros)
            for number, cells in table.rows():
                if any(cells):
                    table.header, table.header_line = [cell.strip() for cell in cells], number
                    return table
    raise refuse("file.empty", _("The file is empty."), _("Choose the file with the data in it."))


def _measured(file: Path) -> bool:
    """Unpacks everything once without keeping it. Refuses what grows out of proportion.

    Answers whether there are macros, which nobody will look at.
    """
    packed = max(file.stat().st_size, 1)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            promised = sum(part.file_size for part in parts)
            if (
                len(parts) > _ARCHIVE_PARTS
                or promised > _UNPACKED_LIMIT
                or promised > packed * _UNPACKED_RATIO + _PIECE
            ):
                raise _bomb(promised)
            unpacked = 0
            for part in parts:
                with archive.open(part) as source:
                    while piece := source.read(_PIECE):
                        unpacked += len(piece)
                        if unpacked > _UNPACKED_LIMIT:
                            raise _bomb(unpacked)
            return any(part.filename.endswith("vbaProject.bin") for part in parts)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise save_as(
            "file.broken-archive", _("The spreadsheet is broken and cannot be opened.")
        ) from error


def _bomb(size: int) -> Unreadable:
    return refuse(
        "file.archive-bomb",
        _("The spreadsheet would unpack to %(size)s MiB, far more than a table of its size."),
        _("Save the table as CSV and bring that file."),
        size=size // 2**20,
    )


def _parser_events(source: Any, tag: tuple[str, ...]) -> Iterator[Any]:
    """Elements of an XML part of the archive: no entities, no network, nothing huge."""
    for _event, element in etree.iterparse(
        source,
        events=("end",),
        tag=tag,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    ):
        yield element
        element.clear()
        while element.getprevious() is not None and element.getparent() is not None:
            del element.getparent()[0]


def _xml_of(archive: zipfile.ZipFile, part: str) -> Any:
    try:
        raw = archive.read(part)
        if b"<!DOCTYPE" in raw[:2048].upper():
            raise save_as(
                "file.declared-entities", _("The spreadsheet declares entities of its own.")
            )
        return etree.fromstring(
            raw, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        )
    except (KeyError, etree.XMLSyntaxError) as error:
        raise save_as(
            "file.broken-archive", _("The spreadsheet is broken and cannot be opened.")
        ) from error


def _sheets(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """Names of the sheets with the part each lies in, in the order of the tabs."""
    book = _xml_of(archive, "xl/workbook.xml")
    relations = _xml_of(archive, "xl/_rels/workbook.xml.rels")
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    found = []
    for sheet in book.iter(f"{_SHEET}sheet"):
        target = targets.get(sheet.get(_RELATION), "")
        part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if part in archive.namelist() and "worksheets" in part and sheet.get("state") is None:
            found.append((sheet.get("name", ""), part))
    return found


_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")


def _scanned(archive: zipfile.ZipFile, part: str) -> dict[int, set[int]] | None:
    """Where the formulas are: line -> columns from 0; None for a sheet without values.

    Refuses a sheet whose first and last cell span more than four million cells: the reader would make room for
    all of them.
    """
    formulas: dict[int, set[int]] = {}
    top = left = 10**9
    bottom = right = -1
    line = column = -1
    cells = 0
    try:
        with archive.open(part) as source:
            head = source.read(2048)
        if b"<!DOCTYPE" in head.upper():
            raise save_as(
                "file.declared-entities", _("The spreadsheet declares entities of its own.")
            )
        with archive.open(part) as source:
            for cell in _parser_events(source, (f"{_SHEET}c",)):
                place = _PLACE.fullmatch(cell.get("r") or "")
                if place is None:
                    line, column = max(line, 0), column + 1
                else:
                    line, column = int(place[2]) - 1, _column_number(place[1])
                top, bottom = min(top, line), max(bottom, line)
                left, right = min(left, column), max(right, column)
                cells += 1
                if cells > _CELLS_LIMIT:
                    raise refuse(
                        "file.sheet-too-large",
                        _("The sheet has more than %(limit)s cells."),
                        _("Save it as CSV: that is read line by line, whatever its size."),
                        limit=_CELLS_LIMIT,
                    )
                if cell.find(f"{_SHEET}f") is not None:
                    formulas.setdefault(line + 1, set()).add(column)
    except (etree.XMLSyntaxError, zipfile.BadZipFile) as error:
        raise save_as(
            "file.broken-archive", _("The spreadsheet is broken and cannot be opened.")
        ) from error
    if bottom < 0:
        return None
    if (bottom - top + 1) * (right - left + 1) > _AREA_LIMIT:
        raise refuse(
            "file.sheet-too-wide",
            _("The sheet reaches to line %(line)s and column %(column)s, with little in between."),
            _("Delete stray cells far from the table, or save it as CSV."),
            line=bottom + 1,
            column=right + 1,
        )
    return formulas


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1

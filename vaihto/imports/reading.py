"""Reading untrusted tables: what a file is, how it is written, and CSV of any usual delimiter and encoding.

A file is first *surveyed*: what it is, how it is written, how many lines it has, which keys come twice. Then its
lines are read one by one, so that a million of them need no more memory than a thousand. Spreadsheets are read in
`spreadsheets.py`.
"""

from __future__ import annotations

import csv
import re
import zipfile
from array import array
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from vaihto.imports.cells import parse_text, unguarded
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

DELIMITERS = (";", ",", "\t", "|")
_PIECE = 1 << 20
_CELL_LIMIT = 100_000
_LINE_LIMIT = 1_000_000


class Unreadable(Refusal):
    """The file as a whole cannot be read as a table."""

    sentence = _("This file cannot be read.")


# --- What kind of file it is -------------------------------------------------------------------


def refuse(code: str, sentence: str, remedy: str, **facts: object) -> Unreadable:
    """Why the file cannot be read."""
    return Unreadable(code, sentence=sentence, remedy=remedy, **facts)


def save_as(code: str, sentence: str, **facts: object) -> Unreadable:
    """Why the file cannot be read, with the advice to save the table otherwise."""
    return refuse(
        code, sentence, _("Save the table as XLSX or as CSV and bring that file."), **facts
    )


_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "file.pdf", _("This is a PDF document, not a table.")),
    (
        b"\xd0\xcf\x11\xe0",
        "file.old-office",
        _("This is an old Excel file (.xls) or one protected with a password."),
    ),
    (b"\x1f\x8b", "file.packed", _("This file is packed.")),
    (b"7z\xbc\xaf", "file.packed", _("This file is packed.")),
    (b"Rar!", "file.packed", _("This file is packed.")),
    (b"\x89PNG", "file.picture", _("This is a picture, not a table.")),
    (b"\xff\xd8\xff", "file.picture", _("This is a picture, not a table.")),
    (b"GIF8", "file.picture", _("This is a picture, not a table.")),
)


def shape_of(file: Path) -> str:
    """`csv`, `xlsx` or `xml`, by what the file holds and not by what it is called.

    Refuses with `Unreadable` what is empty or anything else.
    """
    with file.open("rb") as source:
        start = source.read(8192)
    if not start.strip(b" \t\r\n\0" + BOM_UTF8):
        raise refuse(
            "file.empty", _("The file is empty."), _("Choose the file with the data in it.")
        )
    for beginning, code, sentence in _BEGINNINGS:
        if start.startswith(beginning):
            raise save_as(code, sentence)
    if start.startswith(b"PK"):
        return _shape_of_archive(file)
    text = start.removeprefix(BOM_UTF8).lstrip()
    if text.startswith(b"<"):
        if text[:15].lower().startswith((b"<!doctype html", b"<html")):
            raise save_as("file.web-page", _("This is a web page, not a table."))
        return "xml"
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "csv"
    if b"\0" in start and not _wide(start):
        raise save_as("file.binary", _("This is not a table but a file of some program."))
    return "csv"


def _wide(start: bytes) -> str:
    """The name of the two-byte encoding that Latin text without a mark seems to be written in, or nothing."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > len(start) * 0.3 and even < odd / 20:
        return "utf-16-le"
    if even > len(start) * 0.3 and odd < even / 20:
        return "utf-16-be"
    return ""


def _shape_of_archive(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise save_as(
            "file.broken-archive", _("The spreadsheet is broken and cannot be opened.")
        ) from error
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "mimetype" in names and "content.xml" in names:
        raise save_as("file.ods", _("This is an OpenDocument spreadsheet (.ods)."))
    if "xl/workbook.bin" in names:
        raise save_as("file.xlsb", _("This is a binary Excel file (.xlsb)."))
    raise save_as("file.packed", _("This file is packed."))


# --- Encoding ----------------------------------------------------------------------------------

_UTF8_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH = re.compile(rb"[\x80-\xff]")
_CONTROLS = re.compile(rb"[\x80-\x9f]")
_NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def encoding_of(file: Path) -> str:
    """How the text is written: utf-8-sig, utf-8, utf-16, iso-8859-1 or windows-1252.

    A file that is UTF-8 but for a few bytes is broken, not Latin: it is refused with the lines named.
    """
    with file.open("rb") as source:
        start = source.read(8192)
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return _decodable(file, "utf-16")
    if wide := _wide(start):
        return _decodable(file, wide)
    try:
        _decode_all(file, "utf-8")
    except UnicodeDecodeError:
        return _eight_bit(file)
    return "utf-8-sig" if start.startswith(BOM_UTF8) else "utf-8"


def _decode_all(file: Path, encoding: str) -> None:
    decoder = getincrementaldecoder(encoding)("strict")
    with file.open("rb") as source:
        while piece := source.read(_PIECE):
            decoder.decode(piece)
    decoder.decode(b"", final=True)


def _decodable(file: Path, encoding: str) -> str:
    try:
        _decode_all(file, encoding)
    except UnicodeDecodeError as error:
        raise refuse(
            "file.broken-encoding",
            _("The text is marked as UTF-16 but is broken."),
            _("Save the file anew as CSV UTF-8."),
            lines="",
        ) from error
    return encoding


def _eight_bit(file: Path) -> str:
    """Latin, unless the text has more valid UTF-8 than broken."""
    whole = broken = controls = 0
    lines: list[int] = []
    odd_lines: list[int] = []
    with file.open("rb") as source:
        for number, line in enumerate(source, start=1):
            if not _HIGH.search(line):
                continue
            rest, sequences = _UTF8_SEQUENCE.subn(b"", line)
            bad = len(_HIGH.findall(rest))
            whole += sequences
            broken += bad
            controls += len(_CONTROLS.findall(line))
            if bad and len(lines) < 10:
                lines.append(number)
            if len(odd_lines) < 10 and _NOT_WINDOWS.search(line):
                odd_lines.append(number)
    if whole > broken or (controls and odd_lines):
        named = lines if whole > broken else odd_lines
        raise refuse(
            "file.broken-encoding",
            _("Some letters cannot be read: line %(lines)s."),
            _("Correct these lines, or save the file anew as CSV UTF-8."),
            lines=", ".join(map(str, named)),
        )
    return "windows-1252" if controls else "iso-8859-1"


# --- A table, whatever it lies in --------------------------------------------------------------


@dataclass
class Line:
    """One line of a table: its number in the file, its cells as text, and cells that hold formulas."""

    __slots__ = ("cells", "formulas", "number")

    number: int
    cells: list[str]
    formulas: tuple[int, ...]


class Table:
    """A table that can be read again and again from its first line."""

    shape: ClassVar[str]
    header: list[str]
    described: dict[str, str]

    def lines(self) -> Iterator[Line]:
        """The lines below the header, blank ones left out."""
        raise NotImplementedError


@dataclass
class CsvTable(Table):
    """A CSV file. Refuses with `Unreadable` when a line cannot be parted into cells."""

    shape: ClassVar[str] = "csv"
    file: Path
    encoding: str
    delimiter: str
    header: list[str] = field(default_factory=list)
    header_line: int = 1

    @property
    def described(self) -> dict[str, str]:  # type: ignore[override]  # computed here, kept there
        """How the file is written, to be shown."""
        return {"encoding": self.encoding, "delimiter": self.delimiter}

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every line with its number, header included."""
        csv.field_size_limit(_CELL_LIMIT)
        with self.file.open(encoding=self.encoding, newline="") as source:
            reader = csv.reader(_bounded(source), delimiter=self.delimiter, strict=True)
            number = 1
            try:
                for cells in reader:
                    yield number, cells
                    number = reader.line_num + 1
            except csv.Error as error:
                raise refuse(
                    "file.broken-line",
                    _("Line %(line)s cannot be parted into cells (%(reason)s)."),
                    _("Look for a quotation mark that is not closed, there or just above."),
                    line=number,
                    reason=str(error),
                ) from error

    def lines(self) -> Iterator[Line]:
        """The lines below the header, blank ones left out."""
        first = self.header_line
        for number, cells in self.rows():
            if number > first and any(cells):
                yield Line(number, cells, ())


def _bounded(source: Iterable[str]) -> Iterator[str]:
    """The lines of a text; one that never ends is refused before it fills the memory."""
    readline = source.readline  # type: ignore[attr-defined]  # a text file
    number = 0
    while text := readline(_LINE_LIMIT):
        number += 1
        if len(text) >= _LINE_LIMIT:
            raise refuse(
                "file.endless-line",
                _("Line %(line)s is longer than a million characters."),
                _("This does not look like a table. Save it anew as CSV."),
                line=number,
            )
        yield text


def open_csv(file: Path, *, known_headers: frozenset[str]) -> CsvTable:
    """The CSV file with encoding and delimiter found: the delimiter that yields most known headers wins."""
    encoding = encoding_of(file)
    best: tuple[int, int, int] = (-1, -1, 0)
    found: CsvTable | None = None
    for order, delimiter in enumerate(DELIMITERS):
        table = CsvTable(file, encoding, delimiter)
        try:
            number, header = _first_row(table)
        except Unreadable:
            continue
        known = sum(1 for cell in header if plain_header(cell) in known_headers)
        score = (known, len(header), -order)
        if score > best:
            best, found = score, table
            table.header, table.header_line = header, number
    if found is None or not any(found.header):
        raise refuse(
            "file.no-header",
            _("The first line with the names of the columns is missing."),
            _("Take the template of this kind and copy your data into it."),
        )
    return found


def _first_row(table: CsvTable) -> tuple[int, list[str]]:
    """The header: the first line that is not blank and not Excel's hint on its delimiter."""
    for number, cells in table.rows():
        text = "".join(cells).strip("\ufeff \t")
        if not text or (number == 1 and text.casefold() in {"sep=", "sep=" + table.delimiter}):
            continue
        return number, [cell.strip() for cell in cells]
    raise refuse("file.empty", _("The file is empty."), _("Choose the file with the data in it."))


def plain_header(name: str) -> str:
    """The name of a column without case, blanks and marks, to compare it with the known ones."""
    return re.sub(r"[\s_*-]+", " ", name.strip("\ufeff \t'\"")).strip().casefold()


# --- Surveying ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """What one reading of the whole told: how many lines, and which keys come again after another."""

    lines: int
    repeated: frozenset[str]
    referred: frozenset[str]


def survey(table: Table, *, key: int | None, refers: int | None, in_runs: bool) -> Survey:
    """Reads the whole once. `key` is the column whose values name records, `refers` one that names others.

    `in_runs`: lines of one key that follow each other are one record, and only a key that comes again later is
    repeated. Only hashes are kept, so that a million keys need eight megabytes.
    """
    hashes = array("q")
    remember = hashes.append
    lines = 0
    before: str | None = None
    referred: set[str] = set()
    for line in table.lines():
        lines += 1
        cells = line.cells
        if key is not None and len(cells) > key and (cells[key] != before or not in_runs):
            before = cells[key]
            remember(hash(as_key(before)))
        if refers is not None and len(cells) > refers and cells[refers]:
            referred.add(as_key(cells[refers]))
    twice = _twice(hashes)
    repeated: set[str] = set()
    if twice and key is not None:
        for line in table.lines():
            if len(line.cells) > key and hash(value := as_key(line.cells[key])) in twice:
                repeated.add(value)
    return Survey(lines, frozenset(repeated), frozenset(referred))


def as_key(text: str) -> str:
    """A key as the facts will have it."""
    text = unguarded(text.strip())
    if text.isprintable():
        return text
    try:
        return parse_text(text)
    except Invalid:
        return text


def _twice(hashes: array[int]) -> set[int]:
    """Numbers that stand in the array more than once."""
    if len(hashes) < 50_000:
        ordered = sorted(hashes)
        return {one for one, other in pairwise(ordered) if one == other}
    import polars as pl  # noqa: PLC0415 - slow import, needed for large files only

    column = pl.Series(hashes, dtype=pl.Int64)
    return set(column.filter(column.is_duplicated()).unique().to_list())

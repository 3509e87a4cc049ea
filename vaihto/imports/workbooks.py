"""Writing spreadsheets of text: no cell is ever a formula, a number or a link."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import xlsxwriter

_SHEET_LINES = 1_048_576

Sheets = Sequence[tuple[str, Iterable[Sequence[str]]]]


def workbook(sheets: Sheets) -> bytes:
    """A workbook in memory."""
    packed = io.BytesIO()
    write_workbook(packed, sheets)
    return packed.getvalue()


def write_workbook(target: Path | io.BytesIO, sheets: Sheets) -> None:
    """Writes sheets, line by line; the first line of each is its heading."""
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

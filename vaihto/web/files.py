"""Tables as files to take along: CSV written as it is read, XLSX up to a size. Formulas are never made."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from django.http import HttpResponse, StreamingHttpResponse

from vaihto.refusals import Refusal
from vaihto.wording import mark as _

XLSX_ROWS = 100_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


class TooManyRows(Refusal):
    """More rows than a spreadsheet is made of here."""

    sentence = _("A spreadsheet is made of at most %(limit)s rows.")
    remedy = _("Choose fewer rows with the filters, or take the CSV file.")


def guarded(value: object) -> object:
    """A value as it may stand in a CSV file: text that a spreadsheet would run gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, int | float | Decimal):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


class _Line:
    """What a CSV writer writes to: hands each line back at once."""

    def write(self, text: str) -> str:
        return text


def _lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\N{BYTE ORDER MARK}" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([guarded(value) for value in row])


def csv_file(
    name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A CSV file in UTF-8 with commas, sent while the rows are read; memory stays flat."""
    response = StreamingHttpResponse(_lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def xlsx_file(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A spreadsheet. Refuses with `TooManyRows` beyond what fits into memory."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "remove_timezone": True,
        },
    )
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, header, bold)
    sheet.freeze_panes(1, 0)
    for number, row in enumerate(rows, start=1):
        if number > XLSX_ROWS:
            book.close()
            raise TooManyRows("export.too-many-rows", limit=XLSX_ROWS)
        for column, value in enumerate(row):
            _write(sheet, number, column, value, day)
    book.close()
    response = HttpResponse(
        buffer.getvalue(),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return response


def _write(sheet: Any, row: int, column: int, value: object, day: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_string(row, column, "yes" if value else "no")
    elif isinstance(value, date | datetime):
        sheet.write_datetime(row, column, value, day)
    elif isinstance(value, int | float | Decimal):
        sheet.write_number(row, column, float(value) if isinstance(value, Decimal) else value)
    else:
        sheet.write_string(row, column, str(value))

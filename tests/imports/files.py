"""Files for the tests: small tables, and every way in which a file can be bad."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from typing import Any

import xlsxwriter

PERSONS = """key;family_name;given_names;gender;citizenships;birth_date;learner_number;unit
S-1;Esimerkki;Eeva;2;246;2002-04-17;1.2.246.562.24.00000000021;ENG
S-2;Ähtäri;Örjan;mies;FI, SE;3.9.2001;;
"""
MOBILITIES = """key;student_key;direction;purpose;programme;partner;segment_mode;segment_place;segment_start;segment_end;planned_credits
M-1;AINO-1;outgoing;study;erasmus;porto-vale.example;virtual;home;2025-08-18;2025-08-29;30
M-1;;;;;;physical;host;1.9.2025;15.12.2025;
M-2;AINO-1;lähtevä;harjoittelu;own_agreement;porto-vale.example;physical;host;2026-02-01;2026-04-30;7,5
"""


def xlsx(
    rows: list[list[Any]], *, formulas: dict[str, str] | None = None, sheets: int = 1
) -> bytes:
    """A spreadsheet with typed cells; `formulas` maps a cell such as B2 to its formula."""
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number in range(sheets):
            sheet = book.add_worksheet(f"Sheet{number + 1}")
            for at, row in enumerate(rows):
                for place, cell in enumerate(row):
                    if isinstance(cell, date):
                        sheet.write_datetime(at, place, cell, day)
                    elif cell is not None:
                        sheet.write(at, place, cell)
            for cell, formula in (formulas or {}).items():
                sheet.write_formula(cell, formula, value="42")
    return packed.getvalue()


def rezipped(packed: bytes, **parts: bytes) -> bytes:
    """The archive with parts replaced or added; `__` stands for `/` in a name."""
    named = {name.replace("__", "/"): content for name, content in parts.items()}
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for item in source.infolist():
            if item.filename not in named:
                target.writestr(item.filename, source.read(item))
        for name, content in named.items():
            target.writestr(name, content)
    return out.getvalue()


def sheet_xml(body: str, *, declaration: str = "") -> bytes:
    """The XML of a worksheet."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{declaration}'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{body}</sheetData></worksheet>"
    ).encode()

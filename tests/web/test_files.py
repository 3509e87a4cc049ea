from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest
from python_calamine import CalamineWorkbook

from vaihto.web.files import XLSX_ROWS, TooManyRows, csv_file, guarded, xlsx_file


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+358", "-2", "@SUM(A1)", "\tx", "\rx", "|calc", "%0A", "\n=1"],
)
def test_text_that_a_spreadsheet_would_run_is_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Virtanen", "Virtanen"),
        (-3, -3),
        (Decimal("2.50"), Decimal("2.50")),
        (None, ""),
        (True, "yes"),
        (date(2024, 2, 29), "2024-02-29"),
    ],
)
def test_other_values_stay_as_they_are(value: object, written: object) -> None:
    assert guarded(value) == written


def test_a_csv_file_is_sent_while_it_is_read() -> None:
    asked = []

    def rows():  # type: ignore[no-untyped-def]
        for number in range(3):
            asked.append(number)
            yield ["=cmd", number]

    lines = iter(csv_file("list", ["name", "number"], rows()))
    assert next(lines).decode() == "\ufeffname,number\r\n"
    assert asked == []
    assert next(lines).decode() == "'=cmd,0\r\n"
    assert asked == [0]


def test_a_spreadsheet_holds_text_and_never_a_formula() -> None:
    made = xlsx_file("list", ["name", "day", "n"], [["=1+1", date(2024, 2, 29), Decimal("2.5")]])
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(made.content)).get_sheet_by_index(0)
    assert sheet.to_python() == [["name", "day", "n"], ["=1+1", date(2024, 2, 29), 2.5]]
    assert b"<f>" not in made.content


def test_a_spreadsheet_too_long_is_refused_with_the_advice_to_take_csv() -> None:
    with pytest.raises(TooManyRows) as refused:
        xlsx_file("list", ["n"], ([n] for n in range(XLSX_ROWS + 1)))
    assert "CSV" in refused.value.remedy

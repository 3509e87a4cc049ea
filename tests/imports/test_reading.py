"""Every way in which a table can be written, and every way in which it can be bad."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.imports.files import MOBILITIES, PERSONS, rezipped, sheet_xml, xlsx
from vaihto.imports import cells, spreadsheets
from vaihto.imports.kinds import kind_named, kinds
from vaihto.imports.reading import Unreadable, shape_of
from vaihto.refusals import Invalid


def opened(folder: Path, content: bytes, kind: str = "persons"):
    file = folder / "file"
    file.write_bytes(content)
    return kind_named(kind).open(file, name="file", institution=None)


def rows(arrival):
    return [row for _part, piece in arrival.pieces() for row in piece]


def refusal(folder: Path, content: bytes, kind: str = "persons") -> Unreadable:
    with pytest.raises(Unreadable) as refused:
        rows(opened(folder, content, kind))
    sentence = refused.value.sentence % refused.value.facts
    assert "%(" not in sentence
    assert refused.value.remedy
    assert "%(" not in refused.value.remedy % refused.value.facts
    return refused.value


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_any_usual_encoding_and_delimiter_is_found_and_shown(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    text = PERSONS.replace("FI, SE", "FI SE").replace(";", delimiter)
    if encoding == "cp1252":
        text = text.replace("Esimerkki", "Esimerkki–Šikh")
    arrival = opened(tmp_path, text.encode(encoding))
    people = [row.facts for row in rows(arrival)]
    assert [p.given_names for p in people] == ["Eeva", "Örjan"]
    assert people[1].family_name == "Ähtäri"
    assert people[1].citizenships == ("246", "752")
    assert people[1].birth_date == date(2001, 9, 3)
    assert arrival.described["delimiter"] == delimiter
    shown = {"latin-1": "iso-8859-1", "cp1252": "windows-1252"}.get(encoding, encoding)
    assert arrival.described["encoding"] == shown
    assert arrival.lines == 2


def test_headers_are_known_in_three_languages_whatever_their_case(tmp_path: Path) -> None:
    text = "Opiskelija-avain;FÖRNAMN;family name;*syntymäaika\nS-1;Eeva;E;1.2.2003\n"
    (row,) = rows(opened(tmp_path, text.encode()))
    assert (row.key, row.facts.given_names, row.facts.birth_date) == (
        "S-1",
        "Eeva",
        date(2003, 2, 1),
    )


def test_the_delimiter_hint_of_excel_is_stepped_over(tmp_path: Path) -> None:
    arrival = opened(tmp_path, ("sep=;\n" + PERSONS).encode())
    assert [row.line for row in rows(arrival)] == [3, 4]


def test_lines_are_numbered_as_in_the_file_also_with_breaks_in_cells_and_blank_lines(
    tmp_path: Path,
) -> None:
    text = 'key;family_name\nS-1;"two\nlines"\n\n;;\nS-2;x\n'
    found = rows(opened(tmp_path, text.encode()))
    assert [(row.line, row.key) for row in found] == [(2, "S-1"), (6, "S-2")]
    assert found[0].facts.family_name == "two lines"


def test_said_names_the_columns_there_are(tmp_path: Path) -> None:
    arrival = opened(tmp_path, b"key;email\nS-1;a@b.example\n")
    ((part, _rows),) = arrival.pieces()
    assert part.said == {"key", "email"}


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf", b"\0" * 100])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content).code == "file.empty"


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"key;family_name\n").code == "file.no-lines"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"%PDF-1.7 ...", "file.pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "file.old-office"),
        (b"\x1f\x8b\x08\0abc", "file.packed"),
        (b"\x89PNG\r\n\x1a\n", "file.picture"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0" * 50, "file.binary"),
        (b"PK\x03\x04 broken", "file.broken-archive"),
        (b"<?xml version='1.0'?><Virta/>", "file.xml"),
        (b"<!DOCTYPE html><html>", "file.web-page"),
    ],
)
def test_what_is_no_table_is_refused_by_what_it_holds(
    tmp_path: Path, content: bytes, code: str
) -> None:
    assert refusal(tmp_path, content).code == code


def test_a_packed_folder_and_an_opendocument_sheet_are_refused_with_advice(tmp_path: Path) -> None:
    for parts, code in (
        ({"data.csv": PERSONS}, "file.packed"),
        ({"mimetype": "application/vnd", "content.xml": "<x/>"}, "file.ods"),
        ({"xl/workbook.bin": "x"}, "file.xlsb"),
    ):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in parts.items():
                archive.writestr(name, text)
        assert refusal(tmp_path, packed.getvalue()).code == code


def test_a_file_of_another_kind_is_recognised(tmp_path: Path) -> None:
    found = refusal(tmp_path, MOBILITIES.encode(), kind="persons")
    assert (found.code, found.facts["kind"]) == ("file.other-kind", "mobilities")


def test_missing_unknown_and_double_columns_are_named(tmp_path: Path) -> None:
    found = refusal(tmp_path, b"family_name;given_names\nA;B\n")
    assert (found.code, found.facts["columns"]) == ("file.column-missing", "key")
    found = refusal(tmp_path, b"key;famly_name;Shoe size\nA;B;44\n")
    assert (found.code, found.facts["columns"]) == ("file.column-unknown", "famly_name, Shoe size")
    assert "family_name" in found.facts["near"]
    found = refusal(tmp_path, b"key;sukunimi;family_name\nA;B;C\n")
    assert found.code == "file.column-twice"


def test_a_column_with_a_hash_is_left_out_and_said_so(tmp_path: Path) -> None:
    arrival = opened(tmp_path, b"key;#note;family_name\nA;whatever;B\n")
    assert rows(arrival)[0].facts.family_name == "B"
    assert arrival.notes[0][1] == {"columns": "#note"}


def test_a_broken_letter_in_utf8_is_named_by_line_and_never_read_as_latin(tmp_path: Path) -> None:
    text = PERSONS.encode() + b"S-3;Br\xf6ken;X;;;;;\n" + "S-4;Ämmä;Ö;;;;;\n".encode()
    found = refusal(tmp_path, text)
    assert (found.code, found.facts["lines"]) == ("file.broken-encoding", "4")


def test_a_quotation_mark_that_never_closes_is_named_by_line(tmp_path: Path) -> None:
    found = refusal(tmp_path, b'key;family_name\nS-1;A\nS-2;"B\nS-3;C\n')
    assert (found.code, found.facts["line"]) == ("file.broken-line", 3)


def test_an_endless_line_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"key;family_name\n" + b"x" * 1_200_000).code in {
        "file.endless-line",
        "file.broken-line",
    }


def test_a_cell_beyond_the_last_column_refuses_its_line(tmp_path: Path) -> None:
    found = rows(opened(tmp_path, b"key;family_name\nS-1;A;;\nS-2;B;C\n"))
    assert found[0].facts is not None
    assert [p.code for p in found[1].problems] == ["line.too-many-cells"]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("31.2.2001", "cell.no-such-day"),
        ("2001-13-01", "cell.no-such-day"),
        ("1/2/2001", "cell.not-a-day"),
        ("yesterday", "cell.not-a-day"),
    ],
)
def test_an_impossible_day_is_refused_with_line_column_and_value(
    tmp_path: Path, cell: str, code: str
) -> None:
    (row,) = rows(opened(tmp_path, f"key;Birth date\nS-1;{cell}\n".encode()))
    (problem,) = row.problems
    assert row.facts is None
    assert problem.code == code
    assert (problem.facts["line"], problem.facts["column"], problem.facts["value"]) == (
        2,
        "Birth date",
        cell,
    )


def test_a_protected_value_is_never_told(tmp_path: Path) -> None:
    (row,) = rows(opened(tmp_path, b"key;identity_code\nS-1;010203\x01A\n"))
    assert [p.facts["value"] for p in row.problems] == [""]


def test_segments_of_a_mobility_stand_on_lines_one_below_the_other(tmp_path: Path) -> None:
    first, second = rows(opened(tmp_path, MOBILITIES.encode(), "mobilities"))
    assert first.lines == (2, 3)
    assert [(s.mode, s.place, s.start) for s in first.facts.segments] == [
        ("virtual", "home", date(2025, 8, 18)),
        ("physical", "host", date(2025, 9, 1)),
    ]
    assert (second.facts.direction, second.facts.purpose) == ("outgoing", "traineeship")
    assert second.facts.planned_credits == Decimal("7.5")


def test_lines_of_a_record_that_disagree_or_repeat_are_refused(tmp_path: Path) -> None:
    text = MOBILITIES.replace("M-1;;;;;;", "M-1;OTHER;;;;;")
    (problem,) = rows(opened(tmp_path, text.encode(), "mobilities"))[0].problems
    assert (problem.code, problem.facts["line"], problem.facts["column"]) == (
        "cell.disagrees",
        3,
        "student_key",
    )
    line = MOBILITIES.splitlines()[3]
    (problem,) = rows(opened(tmp_path, f"{MOBILITIES}{line}\n".encode(), "mobilities"))[1].problems
    assert (problem.code, problem.facts["line"]) == ("record.part-twice", 5)


def test_a_key_that_comes_again_later_is_surveyed(tmp_path: Path) -> None:
    lines = MOBILITIES.splitlines()
    arrival = opened(tmp_path, "\n".join([*lines, lines[1]]).encode(), "mobilities")
    assert arrival.repeated == {"M-1"}
    assert opened(tmp_path, MOBILITIES.encode(), "mobilities").repeated == frozenset()


def test_states_spells_and_primacies_come_from_lines_of_a_right(tmp_path: Path) -> None:
    text = (
        "key;student_key;type;start;state;state_start;state_end;municipality;is_primary\n"
        "R-1;S-1;2;2022-08-01;1;;2025-05-31;398;yes\n"
        "R-1;;;;3;2025-06-01;;;\n"
    )
    (row,) = rows(opened(tmp_path, text.encode(), "study_rights"))
    right = row.facts
    assert [(s.code, s.start, s.end) for s in right.states] == [
        ("1", date(2022, 8, 1), date(2025, 5, 31)),
        ("3", date(2025, 6, 1), None),
    ]
    assert [(s.municipality, s.start, s.end) for s in right.spells] == [
        ("398", date(2022, 8, 1), None)
    ]
    assert [(p.start, p.end) for p in right.primacies] == [(date(2022, 8, 1), None)]


# --- Spreadsheets ------------------------------------------------------------------------------

SHEET = [
    ["key", "family_name", "birth_date", "citizenships", "residence"],
    ["S-1", "Esimerkki", date(2002, 4, 17), 246, "091"],
    ["S-2", "Ähtäri", "3.9.2001", "056", 398],
]


def test_a_spreadsheet_is_read_by_its_kept_values(tmp_path: Path) -> None:
    arrival = opened(tmp_path, xlsx(SHEET))
    people = [row.facts for row in rows(arrival)]
    assert [p.birth_date for p in people] == [date(2002, 4, 17), date(2001, 9, 3)]
    assert [p.citizenships for p in people] == [("246",), ("056",)]
    assert [p.residence for p in people] == ["091", "398"]
    assert arrival.described == {"shape": "xlsx", "sheet": "Sheet1"}
    assert [row.line for row in rows(arrival)] == [2, 3]


def test_a_table_that_begins_below_and_to_the_right_keeps_its_line_numbers(tmp_path: Path) -> None:
    shifted = [[], [None, None], *[[None, *row] for row in SHEET]]
    found = rows(opened(tmp_path, xlsx(shifted)))
    assert [(row.line, row.key) for row in found] == [(4, "S-1"), (5, "S-2")]


def test_a_formula_is_refused_where_it_stands_and_never_evaluated(tmp_path: Path) -> None:
    found = rows(opened(tmp_path, xlsx(SHEET, formulas={"B3": "=HYPERLINK(A1)"})))
    assert found[0].facts is not None
    (problem,) = found[1].problems
    assert (problem.code, problem.facts["line"], problem.facts["column"]) == (
        "cell.formula",
        3,
        "family_name",
    )


def test_macros_are_ignored_and_said_so(tmp_path: Path) -> None:
    arrival = opened(
        tmp_path, rezipped(xlsx(SHEET), xl__vbaProject__bin=b"x", **{"xl/vbaProject.bin": b"MZ"})
    )
    assert arrival.described["macros"] == "ignored"
    assert len(rows(arrival)) == 2


def test_a_spreadsheet_above_the_limit_is_refused_with_the_advice_to_bring_csv(
    tmp_path: Path, settings
) -> None:
    settings.XLSX_LIMIT_BYTES = 1000
    found = refusal(tmp_path, xlsx(SHEET))
    assert found.code == "file.xlsx-too-large"
    assert "CSV" in found.remedy


def test_an_archive_bomb_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    bomb = rezipped(xlsx(SHEET), **{"xl/media/zeros.bin": b"\0" * 60_000_000})
    assert len(bomb) < 200_000
    assert refusal(tmp_path, bomb).code == "file.archive-bomb"


def test_a_sheet_with_a_stray_cell_far_away_is_refused_before_it_fills_the_memory(
    tmp_path: Path,
) -> None:
    body = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>key</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576" t="n"><v>1</v></c></row>'
    )
    wide = rezipped(xlsx(SHEET), **{"xl/worksheets/sheet1.xml": sheet_xml(body)})
    found = refusal(tmp_path, wide)
    assert (found.code, found.facts["line"]) == ("file.sheet-too-wide", 1_048_576)


def test_a_sheet_of_too_many_cells_is_refused_with_the_advice_to_bring_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "_CELLS_LIMIT", 10)
    found = refusal(tmp_path, xlsx(SHEET))
    assert found.code == "file.sheet-too-large"
    assert "CSV" in found.remedy


def test_entities_and_external_references_in_a_sheet_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("leaked")
    declaration = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'
    body = '<row r="1"><c r="A1" t="inlineStr"><is><t>&e;</t></is></c></row>'
    for part in ("xl/worksheets/sheet1.xml", "xl/workbook.xml"):
        bad = rezipped(xlsx(SHEET), **{part: sheet_xml(body, declaration=declaration)})
        assert refusal(tmp_path, bad).code == "file.declared-entities"


def test_a_broken_spreadsheet_is_refused(tmp_path: Path) -> None:
    good = xlsx(SHEET)
    for bad in (good[: len(good) // 2], rezipped(good, **{"xl/worksheets/sheet1.xml": b"<broken"})):
        assert refusal(tmp_path, bad).code == "file.broken-archive"


def test_a_long_number_that_the_spreadsheet_has_rounded_is_not_taken_for_a_key() -> None:
    assert cells.guarded("x") == "x"
    from vaihto.imports.spreadsheets import cell_text  # noqa: PLC0415

    assert cell_text(123456789012345.0) == "123456789012345"
    assert "e+" in cell_text(12345678901234567890.0)


# --- Cells -------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_guarded_cell_is_no_formula_and_comes_back_as_it_was(start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    assert cells.guarded(text).startswith("'")
    assert cells.unguarded(cells.guarded(text)) == text


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text())
def test_guarding_changes_nothing_that_comes_back(text: str) -> None:
    assert cells.unguarded(cells.guarded(text)) == text or text.startswith("'")


@pytest.mark.parametrize(
    ("text", "value"),
    [("7,5", "7.5"), ("7.5", "7.5"), ("1 234,50", "1234.50"), ("1\u00a0234", "1234"), ("30", "30")],
)
def test_decimals_have_comma_or_point(text: str, value: str) -> None:
    assert cells.parse_decimal(text) == Decimal(value)


@pytest.mark.parametrize("text", ["7.5.1", "seven", "1e5", "NaN", "12,34,5", "٣"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        cells.parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("Kyllä", True), ("JA", True), ("ei", False), ("nej", False)]
)
def test_yes_and_no_in_three_languages(text: str, value: bool) -> None:
    assert cells.parse_yes_no(text) is value


def test_moments_are_local_unless_they_say_otherwise() -> None:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    parse = cells.moment_parser(ZoneInfo("Europe/Helsinki"))
    assert parse("2025-03-03 09:00").isoformat() == "2025-03-03T09:00:00+02:00"
    assert parse("3.3.2025 9.00").utcoffset().total_seconds() == 7200
    assert parse("2025-03-03T09:00Z").isoformat() == "2025-03-03T09:00:00+00:00"


@pytest.mark.parametrize(("text", "value"), [("56", "056"), ("be", "056"), ("246", "246")])
def test_countries_survive_lost_zeros(text: str, value: str) -> None:
    assert cells.parse_country(text) == value


# --- Templates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["csv", "xlsx"])
@pytest.mark.parametrize(
    "name",
    [
        "persons",
        "employments",
        "study_rights",
        "attainments",
        "mobilities",
        "staff_visits",
        "headcounts",
        "survey",
        "institutions",
    ],
)
def test_a_template_is_a_file_of_its_kind_whose_examples_can_be_read(
    tmp_path: Path, name: str, shape: str
) -> None:
    arrival = opened(tmp_path, kinds()[name].template(shape), name)
    found = rows(arrival)
    assert found
    assert [row.problems for row in found] == [()] * len(found)


def test_the_shape_is_what_the_file_holds_not_what_it_is_called(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(xlsx(SHEET))
    assert shape_of(file) == "xlsx"

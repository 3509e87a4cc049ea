"""The file that one brings into the demo: 500 mobilities, each of its 20 faults found where it was put."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from vaihto.demo import files
from vaihto.demo.files import FAULTS


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


@pytest.fixture(scope="module")
def faulty() -> list[dict[str, str]]:
    return rows(files.mobilities_csv())


@pytest.fixture(scope="module")
def correct() -> list[dict[str, str]]:
    return rows(files.mobilities_csv(corrected=True))


def test_there_are_five_hundred_mobilities(correct: list[dict[str, str]]) -> None:
    assert len({row["key"] for row in correct}) == 500
    assert len({row["student_key"] for row in correct}) == 500


def test_twenty_records_differ_from_the_correct_file_each_by_one_column(
    faulty: list[dict[str, str]], correct: list[dict[str, str]]
) -> None:
    found: dict[str, set[str]] = {}
    for wrong, right in zip(faulty, correct, strict=True):
        for column, value in right.items():
            if wrong[column] != value:
                found.setdefault(right["key"], set()).add(column)
    assert found == {f"T-26-{fault.place:04d}": {fault.column} for fault in FAULTS}
    assert len(FAULTS) == 20


def test_no_two_faults_are_of_the_same_sort() -> None:
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)


def test_the_file_is_the_same_at_every_run(faulty: list[dict[str, str]]) -> None:
    assert rows(files.mobilities_csv()) == faulty


def test_students_and_rights_of_the_file_can_be_brought_before_it(
    correct: list[dict[str, str]],
) -> None:
    students = {row["key"] for row in rows(files.persons_csv())}
    rights = {row["key"]: row["student_key"] for row in rows(files.study_rights_csv())}
    assert {row["student_key"] for row in correct} == students
    assert all(rights[row["right_key"]] == row["student_key"] for row in correct)


def test_a_demo_puts_the_files_where_its_pages_offer_them(
    tmp_path: Path, settings: pytest.FixtureRequest
) -> None:
    settings.DATA = tmp_path  # type: ignore[attr-defined]
    folder = files.write_files()
    assert sorted(file.name for file in folder.iterdir()) == [
        "mobilities-500.csv",
        "persons-500.csv",
        "study-rights-500.csv",
    ]
    assert (folder / "mobilities-500.csv").read_bytes() == files.mobilities_csv()

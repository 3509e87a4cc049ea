"""Memory does not grow with the file."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.virta.documents import PROJECT

MEASURE = """
import io, resource, sys
from pathlib import Path
from bench.virta import periods
from vaihto.virta.check import default_schemas
from vaihto.virta.document import read_document
from vaihto.virta.records import Liikkuvuusjakso, Opiskelija
from vaihto.virta.validation import Validation, official
from vaihto.virta.writing import write_periods, write_virta

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def one_student(size):
    yield Opiskelija(avain="S")
    yield from periods(size)

def through(size):
    for name, write, records in (
        ("separate", write_periods, periods(size)),
        ("nested", write_virta, one_student(size)),
    ):
        path = Path(sys.argv[1]) / name
        with path.open("wb") as file:
            write(file, records)
        assert sum(1 for record in read_document(path)) >= size
        check = Validation(path, official(default_schemas()))
        assert list(check) == []
        assert check.counts["Liikkuvuusjakso"] == size

through(12_000)
small = peak()
through(int(sys.argv[2]))
print(peak() - small)
"""


@pytest.mark.slow
def test_writing_reading_and_validating_stay_flat_however_many_records_a_student_has(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path), "36000"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout) < 25

"""`vaihto ewp hash` prints what the contract says, without Django, database or setting, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SHARED
from vaihto.command import DONE, REFUSED, WRONG_USE
from vaihto.ewp.hashing import main

PROJECT = Path(__file__).resolve().parents[2]
CASES = SHARED / "testdata" / "ewp" / "iia-hash"


@pytest.fixture
def case() -> Path:
    if not CASES.is_dir():
        pytest.skip("no ../shared beside the project")
    return CASES / "12-two-agreements-one-terminated.xml"


def test_every_file_has_one_object_in_order(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = json.loads((CASES / "expected.json").read_text("utf-8"))["samples"]
    names = [str(CASES / one["file"]) for one in recorded]
    assert main(names) == DONE
    assert json.loads(capsys.readouterr().out) == [
        {
            "file": str(CASES / one["file"]),
            "agreements": [
                {"iia_id": iia["iia_id"], "hash": iia["sha256"]} for iia in one["expected"]
            ],
        }
        for one in recorded
    ]


def test_each_alone_is_a_choice(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(case)]) == DONE
    as_it_is = json.loads(capsys.readouterr().out)[0]["agreements"]
    assert main(["--each-alone", "--text", str(case)]) == DONE
    alone = json.loads(capsys.readouterr().out)[0]["agreements"]
    assert [one["iia_id"] for one in alone] == [one["iia_id"] for one in as_it_is]
    assert (alone[0]["hash"] == as_it_is[0]["hash"], alone[1]["hash"] == as_it_is[1]["hash"]) == (
        True,
        False,
    )
    assert alone[1]["text"].startswith("_iia-id_1=")


def test_a_bad_file_is_told_and_the_others_are_hashed(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_bytes(b"<iias-get-response>")
    absent = str(tmp_path / "absent.xml")
    assert main([str(broken), str(case), absent, str(tmp_path)]) == REFUSED
    told = capsys.readouterr()
    answers = json.loads(told.out)
    assert [(one["file"], len(one["agreements"])) for one in answers] == [
        (str(broken), 0),
        (str(case), 2),
        (absent, 0),
        (str(tmp_path), 0),
    ]
    assert f"{broken}: Not well-formed" in told.err
    assert f"{absent}: No such file or directory." in told.err


def test_it_starts_without_django_and_despite_wrong_settings(tmp_path: Path, case: Path) -> None:
    code = (
        "import sys\nfrom vaihto.command import main\n"
        "code = main(['ewp', 'hash', *sys.argv[1:]])\n"
        "assert not {'django', 'vaihto.settings'} & set(sys.modules)\nsys.exit(code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(case)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "VAIHTO_NONSENSE": "1", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (DONE, "")
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == WRONG_USE
    assert "FILE" in capsys.readouterr().err

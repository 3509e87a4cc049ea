# ruff: noqa: S311  dice for tests keep no secret
"""`vaihto virta check` answers in words, whatever it is handed."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest

from tests.virta.documents import (
    OFFICIAL,
    PROJECT,
    SCHEMAS,
    WITHOUT_SCHEMAS,
    nested,
    period,
    separate,
    student,
)
from vaihto.virta import check
from vaihto.virta.check import main
from vaihto.virta.records import (
    NAMESPACE,
    AikajaksoTyyppi,
    Liikkuvuusjakso,
    Opiskelija,
    Opiskeluoikeus,
    TilaTyyppi,
)

TODAY = date(2025, 1, 15)
PERIODS = separate([period()], Liikkuvuusjakso)
RIGHT = Opiskeluoikeus(
    avain="R-1",
    opiskelijaAvain="S-1",
    AlkuPvm="2021-08-01",
    Tila=(TilaTyyppi(AlkuPvm="2021-08-01", Koodi="1"),),
    Tyyppi="1",
    Myontaja="02472",
    Ensisijaisuus=(AikajaksoTyyppi(AlkuPvm="2021-08-01"),),
)
STUDENT = student(Henkilotunnus="131052-308T")


@pytest.fixture
def checked(tmp_path: Path, capsys):
    """Checks a document of given bytes; answers the exit code and what was printed."""

    def run(document: bytes, *options: str, name: str = "file.xml") -> tuple[int, str]:
        path = tmp_path / name
        path.write_bytes(document)
        code = main([*options, str(path)], today=TODAY)
        shown = capsys.readouterr()
        assert shown.err == ""
        assert "Traceback" not in shown.out
        return code, shown.out

    return run


def test_a_valid_file_is_said_to_be_valid(checked):
    code, said = checked(PERIODS)
    assert code == 0
    if OFFICIAL is not None:
        assert "valid by the official schema (Virta 1." in said
    assert "mobility period: 1" in said


def test_without_schemas_our_own_check_decides_and_says_so(checked, monkeypatch, tmp_path):
    monkeypatch.setenv("VAIHTO_SCHEMAS", str(tmp_path))
    code, said = checked(PERIODS)
    assert (code, "official schemas were not found" in said) == (0, True)
    code, said = checked(PERIODS.replace(b"724", b"72"))
    assert (code, "not valid by Vaihto's own rules" in said) == (1, True)


@pytest.mark.parametrize("where", ["Virta.xsd beside", "in virta/"])
@pytest.mark.skipif(OFFICIAL is None, reason=WITHOUT_SCHEMAS)
def test_a_folder_of_schemas_can_be_named(checked, where):
    folder = SCHEMAS / "virta" if where == "Virta.xsd beside" else SCHEMAS
    code, said = checked(PERIODS, "--schemas", str(folder))
    assert (code, "valid by the official schema" in said) == (0, True)


def test_wrong_use_is_told_apart(tmp_path, capsys):
    assert main([]) == 2
    assert main(["--outo", "x.xml"]) == 2
    assert main(["--language", "de", "x.xml"]) == 2
    assert main(["--schemas", str(tmp_path), "x.xml"]) == 2
    assert "no Virta.xsd" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "examples:" in capsys.readouterr().out


LOL = b'<?xml version="1.0"?><!DOCTYPE Virta [<!ENTITY a0 "lol">' + b"".join(
    b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)
)

BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "The file is empty."),
    "blanks only": (b"\xef\xbb\xbf \n\n", "The file is empty."),
    "text": (b"Maa;Alku\n056;2024-01-01\n", "This is not an XML file."),
    "JSON": (b'{"a": 1}', "This is not an XML file."),
    "binary": (bytes(range(256)) * 40, "This is not an XML file."),
    "gzip": (gzip.compress(PERIODS), "packed file (gzip)"),
    "spreadsheet": (b"PK\x03\x04" + b"x" * 100, "spreadsheet"),
    "PDF": (b"%PDF-1.7 ...", "This is a PDF"),
    "web page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "document type"),
    "HTML without type": (b"<html><body>Not found</body></html>", "outermost element is html"),
    "cut off": (PERIODS[:-60], "breaks off"),
    "cut in a tag": (PERIODS[: PERIODS.index(b"<Maa") + 3], "breaks off"),
    "tag not closed": (PERIODS.replace(b"</Maa>", b""), "opened and not closed"),
    "wrong encoding": (b'<?xml version="1.0" encoding="UTF-8"?>' + f'<Opiskelijat xmlns="{NAMESPACE}"><Opiskelija avain="1"><Sukunimi>'.encode() + "Määttä".encode("latin-1") + b"</Sukunimi></Opiskelija></Opiskelijat>", "encoding"),
    "UTF-32": ('<?xml version="1.0" encoding="UTF-32"?><Virta/>'.encode("utf-32"), "UTF-32"),
    "unknown encoding": (PERIODS.replace(b"UTF-8", b"UTF-77"), "encoding"),
    "bare ampersand": (PERIODS.replace(b"M-1", b"M & 1"), "bare &"),
    "unknown name": (PERIODS.replace(b"M-1", b"M&auml;1"), "between & and ;"),
    "billion laughs": (LOL + b']><Virta xmlns="%s"><Opiskelija avain="&a11;"/></Virta>' % NAMESPACE.encode(), "document type"),
    "billion laughs in text": (LOL + b']><Virta xmlns="%s"><Opiskelija avain="1"><Sukunimi>&a11;</Sukunimi></Opiskelija></Virta>' % NAMESPACE.encode(), "document type"),
    "external entity": (b'<!DOCTYPE Virta [<!ENTITY x SYSTEM "file:///etc/passwd">]><Virta xmlns="%s"><Opiskelija avain="1"><Sukunimi>&x;</Sukunimi></Opiskelija></Virta>' % NAMESPACE.encode(), "document type"),
    "another root": (b'<Opiskelija xmlns="%s" avain="1"/>' % NAMESPACE.encode(), "outermost element is Opiskelija"),
    "no namespace": (PERIODS.replace(b' xmlns="%s"' % NAMESPACE.encode(), b""), "has no namespace"),
    "another namespace": (PERIODS.replace(b"2015/09/01", b"2013/01/29"), "its namespace is “urn:mace:funet.fi:virta/2013/01/29”"),
    "namespace with braces": (PERIODS.replace(b"urn:mace", b"urn:}mace"), "does not belong to VIRTA"),
    "second namespace with braces": (PERIODS.replace(b" xmlns=", b' xmlns:x="a}b" xmlns='), "not a proper one"),
    "prefix without meaning": (PERIODS.replace(b"<Maa>", b"<v:Maa>").replace(b"</Maa>", b"</v:Maa>"), "prefix that is declared nowhere"),
    "attribute twice": (PERIODS.replace(b'avain="M-1"', b'avain="M-1" avain="M-2"'), "same attribute twice"),
    "something after the end": (PERIODS + b"<a/>", "after the end"),
    "two documents": (PERIODS + PERIODS, "correct XML"),
    "very deep": (b"<Virta xmlns='%s'>" % NAMESPACE.encode() + b"<a>" * 5000, "depth"),
    "a huge text": (b'<Opiskelijat xmlns="%s"><Opiskelija avain="1"><Sukunimi>' % NAMESPACE.encode() + b"x" * 11_000_000 + b"</Sukunimi></Opiskelija></Opiskelijat>", "every sensible size"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_any_input_is_answered_in_words(checked, case):
    document, says = BAD[case]
    code, said = checked(document)
    assert code == 1
    assert says in said, said
    assert "→" in said
    assert len(said) < 1500


CRUMBS = [
    b"<",
    b">",
    b"&",
    b'"',
    b"\x00",
    b"\xff",
    b"</",
    b"<!--",
    b"<![CDATA[",
    b"<?",
    b"",
    b'xmlns="x"',
]
CRUMBS += [
    b"9999-12-31",
    b"0001-01-01",
    b"12024-02-29",
    b"1900-01-01",
    b"9" * 30,
    b"1e400",
    b"S-1",
    b"M-1",
]


@pytest.mark.parametrize(
    "seed", [*range(60), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(60, 400))]
)
def test_a_file_damaged_anywhere_is_answered_in_words(checked, seed):
    dice = random.Random(seed)
    document = nested([STUDENT, RIGHT, period(), period(avain="M-2", Luokittelu=("a", "b"))])
    for _ in range(dice.choice([1, 1, 2, 5])):
        start = dice.randrange(len(document))
        end = start + dice.randrange(40)
        values = list(re.finditer(rb">([^<>]+)<", document))
        if dice.random() < 0.4 and values:
            start, end = dice.choice(values).span(1)
        document = document[:start] + dice.choice(CRUMBS) + document[end:]
    code, said = checked(document or b"<", *dice.choice([[], ["--json"], ["--strict"]]))
    assert code in {0, 1}
    assert "%(" not in said
    assert "official schema does not accept" not in said


def test_something_after_the_end_of_a_long_file_is_seen(checked):
    document = separate([period(avain=f"M-{n}") for n in range(2000)], Liikkuvuusjakso)
    code, said = checked(document + b"\n<!-- a remark is allowed -->\n")
    assert code == 0
    code, said = checked(document + b"\n" * 70_000 + b"<a/>")
    assert (code, "after the end" in said) == (1, True)


def test_missing_files_and_folders_are_answered_in_words(tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path / "none.xml"), "x" * 5000], today=TODAY) == 1
    said = capsys.readouterr().out
    assert "This is a folder" in said
    assert "There is no such file." in said


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "iso-8859-15"])
def test_other_encodings_are_read(checked, encoding):
    text = (
        separate([student(Sukunimi="Määttä")], Opiskelija)
        .decode()
        .replace('"UTF-8"', f'"{encoding}"')
    )
    document = text.replace("utf-8-sig", "utf-8").encode(encoding)
    assert checked(document)[0] == 0


def test_each_file_has_its_own_verdict(checked, tmp_path, capsys):
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_bytes(PERIODS)
    bad.write_bytes(PERIODS.replace(b"724", b"FI"))
    assert main([str(good), str(bad)], today=TODAY) == 1
    said = capsys.readouterr().out
    assert f"{bad}: not valid" in said
    assert f"{good}: not valid" not in said
    assert "line 3, mobility period M-1 (Liikkuvuusjakso)" in said
    assert "Maa (country) has the value “FI”, which is not in its code list." in said


def test_many_problems_are_cut_in_print_and_whole_in_json(checked):
    document = separate([period(avain=f"M-{n}", Maa="56") for n in range(700)], Liikkuvuusjakso)
    code, said = checked(document)
    assert code == 1
    assert said.count("Maa (country)") == check.PRINTED
    assert "and 500 more" in said
    assert "Problems: 700." in said
    code, said = checked(document, "--json")
    (file,) = json.loads(said)["files"]
    assert len(file["problems"]) == 700
    assert file["problems"][699] == {
        "code": "value-code",
        "record": "Liikkuvuusjakso",
        "key": "M-699",
        "line": 702,
        "place": "Maa",
        "value": "56",
        "says": "Maa (country) has the value “56”, which is not in its code list.",
        "do": "Write 056: zeros in front belong to the code.",
    }
    assert file["valid"] is False


def test_json_of_files_that_cannot_be_read_is_json_too(capsys, tmp_path):
    assert main(["--json", str(tmp_path), str(tmp_path / "none")], today=TODAY) == 1
    told = json.loads(capsys.readouterr().out)
    assert [file["problems"][0]["code"] for file in told["files"]] == [
        "virta.file-folder",
        "virta.file-missing",
    ]
    assert told["checks"] == []


# --- checks before sending ------------------------------------------------------------------------


def test_a_sound_batch_passes_even_strictly(checked):
    document = nested([STUDENT, RIGHT, period(LoppuPvm="2024-12-20", AlkuPvm="2024-08-28")])
    code, said = checked(document, "--strict")
    assert (code, "Errors: 0" in said or "found nothing" in said) == (0, True), said


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Maa": "246"}, "Q09"),
        ({"Tyyppi": None}, "Q11"),
        ({"Liikkuvuusohjelma": None}, "Q14"),
        ({"LoppuPvm": "2023-08-27"}, "Q07"),
        ({"opiskelijaAvain": "S-9"}, "Q04"),
        ({"opiskeluoikeusAvain": "R-9"}, "Q05"),
        ({"Suunta": "2"}, "Q12"),
        ({"Luokittelu": ("b",), "AlkuPvm": "2021-09-01", "LoppuPvm": "2021-12-01"}, "Q18"),
    ],
)
def test_errors_of_the_checks_are_told_and_count_when_strict(checked, changed, expected):
    document = nested([STUDENT, RIGHT, period(**changed)])
    code, said = checked(document)
    assert code == 0
    assert f"{expected} error, line" in said, said
    assert "mobility period M-1 (Liikkuvuusjakso)" in said
    assert checked(document, "--strict")[0] == 1
    told = json.loads(checked(document, "--json")[1])
    assert expected in {finding["check"] for finding in told["checks"][0]["findings"]}


def test_separate_files_of_different_kinds_are_one_batch(tmp_path, capsys):
    paths = []
    for name, document in (
        ("s.xml", separate([STUDENT], Opiskelija)),
        ("r.xml", separate([RIGHT], Opiskeluoikeus)),
        (
            "p.xml",
            separate([period(), period(avain="M-2", opiskelijaAvain="S-2")], Liikkuvuusjakso),
        ),
    ):
        paths.append(str(tmp_path / name))
        (tmp_path / name).write_bytes(document)
    assert main(["--json", *paths], today=TODAY) == 0
    (batch,) = json.loads(capsys.readouterr().out)["checks"]
    assert batch["files"] == paths
    assert [finding["key"] for finding in batch["findings"] if finding["check"] == "Q04"] == ["M-2"]
    assert main(["--json", paths[2], paths[2]], today=TODAY) == 0
    assert len(json.loads(capsys.readouterr().out)["checks"]) == 2


def test_a_separate_file_alone_is_not_asked_for_what_it_cannot_hold(checked):
    told = json.loads(checked(PERIODS, "--json")[1])
    assert {"Q04", "Q05"} & {finding["check"] for finding in told["checks"][0]["findings"]} == set()


def test_a_file_that_breaks_off_is_not_checked_further(checked):
    document = nested([STUDENT, RIGHT, period(Maa="246")])[:-40]
    assert json.loads(checked(document, "--json")[1])["checks"] == []


def test_records_that_the_schema_refuses_are_not_checked_further(checked):
    told = json.loads(
        checked(nested([STUDENT, RIGHT, period(AlkuPvm="x", Maa="246")]), "--json")[1]
    )
    about = {(finding["record"], finding["key"]) for finding in told["checks"][0]["findings"]}
    assert ("Liikkuvuusjakso", "M-1") not in about


# --- as a command ---------------------------------------------------------------------------------

BARE = """import sys
from vaihto.virta.check import main
code = main(sys.argv[1:])
assert 'django' not in sys.modules
sys.exit(code)"""


def bare(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The check in a process that has no setting, and a terminal that knows ASCII only."""
    return subprocess.run(
        [sys.executable, "-c", BARE, *arguments],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONIOENCODING": "ascii", **environment},
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_it_works_without_any_setting_and_without_django(tmp_path):
    path = tmp_path / "periods.xml"
    path.write_bytes(PERIODS.replace(b"724", b"56"))
    ended = bare(str(path))
    assert (ended.returncode, ended.stderr) == (1, b"")
    assert b"056" in ended.stdout


def test_a_reader_that_goes_away_is_no_fault(tmp_path):
    path = tmp_path / "periods.xml"
    path.write_bytes(
        separate([period(avain=f"M-{n}", Maa="56") for n in range(9000)], Liikkuvuusjakso)
    )
    command = f'"{sys.executable}" -c "$CODE" --json "{path}" | head -1'
    ended = subprocess.run(
        ["bash", "-c", command], cwd=PROJECT, capture_output=True, check=False, timeout=120,
        env={"PATH": os.environ["PATH"], "CODE": BARE},
    )  # fmt: skip
    assert ended.stderr == b""


def test_a_zip_bomb_is_not_opened(checked, tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("x", b"0" * 5_000_000)
    assert checked((tmp_path / "bomb.zip").read_bytes())[0] == 1

"""Official schemas come from wherever they are, are recognised by content, and can lead nowhere."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from vaihto.command import DONE, REFUSED, WRONG_USE, main, schemas


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """Three small files stand for the published ones."""
    folder = tmp_path / "digests"
    folder.mkdir()
    files = {"Virta.xsd": b"<a/>", "tyypit.xsd": b"<b/>"}
    api = {"api-v1/response.xsd": b"<c/>"}
    import hashlib  # noqa: PLC0415

    for name, content in (("virta", files), ("ewp", api)):
        (folder / f"{name}.sha256").write_text(
            "".join(
                f"{hashlib.sha256(text).hexdigest()}  {path}\n" for path, text in content.items()
            )
        )
    monkeypatch.setattr(schemas, "_DIGESTS", folder)
    return {**files, **api}


def archive(kind: str, folder: Path, members: dict[str, bytes]) -> Path:
    if kind == "folder":
        source = folder / "source"
        for name, content in members.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
        return source
    file = folder / f"source.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
            for name, content in members.items():
                made.writestr(name, content)
    else:
        with tarfile.open(file, "w:gz") as made:
            for name, content in members.items():
                about = tarfile.TarInfo(name)
                about.size = len(content)
                made.addfile(about, io.BytesIO(content))
    return file


def written(target: Path) -> dict[str, bytes]:
    return {
        file.relative_to(target).as_posix(): file.read_bytes()
        for file in target.rglob("*")
        if file.is_file()
    }


WHOLE = {
    "virta/Virta.xsd": b"<a/>",
    "virta/tyypit.xsd": b"<b/>",
    "ewp/api-v1/response.xsd": b"<c/>",
}


@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_files_are_found_wherever_they_lie(kind: str, known: object, tmp_path: Path) -> None:
    source = archive(
        kind,
        tmp_path,
        {
            "project-main/XML-skeemat/Virta.xsd": b"<a/>",
            "project-main/renamed.xsd": b"<b/>",
            "deep/api-v1/response.xsd": b"<c/>",
            "project-main/README.md": b"words",
        },
    )
    target = tmp_path / "target"
    assert main(["schemas", "install", "--from", str(source), "--to", str(target)]) == DONE
    assert written(target) == WHOLE


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_name_that_leads_outside_leads_nowhere(kind: str, known: object, tmp_path: Path) -> None:
    evil = {"../../../outside.xsd": b"<evil/>", "../Virta.xsd": b"<a/>", "tyypit.xsd": b"<b/>"}
    source = archive(kind, tmp_path, evil)
    target = tmp_path / "in" / "target"
    assert main(["schemas", "install", "--from", str(source), "--to", str(target)]) == DONE
    assert sorted(written(target)) == ["virta/Virta.xsd", "virta/tyypit.xsd"]
    assert not list(tmp_path.rglob("outside.xsd"))


def test_a_changed_file_is_refused_until_it_is_accepted(
    known: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = archive("zip", tmp_path, {"Virta.xsd": b"<newer/>", "tyypit.xsd": b"<b/>"})
    words = [
        "schemas",
        "install",
        "--from",
        str(source),
        "--to",
        str(tmp_path / "target"),
        "--json",
    ]
    assert main(words) == REFUSED
    virta = json.loads(capsys.readouterr().out)["sets"][0]
    assert (virta["installed"], virta["missing"], virta["changed"]) == (
        ["tyypit.xsd"],
        ["Virta.xsd"],
        ["Virta.xsd"],
    )
    assert main([*words, "--accept-changed"]) == DONE
    assert written(tmp_path / "target")["virta/Virta.xsd"] == b"<newer/>"


def test_what_unpacks_to_more_than_any_schema_is_not_unpacked(
    known: object, tmp_path: Path
) -> None:
    bomb = b" " * (schemas._LARGEST + 10)
    source = archive("zip", tmp_path, {"Virta.xsd": bomb, "tyypit.xsd": b"<b/>"})
    told = schemas.fill(tmp_path / "target", schemas.read(source), accept_changed=True)
    assert (told[0].installed, told[0].missing) == (["tyypit.xsd"], ["Virta.xsd"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"not an archive"])
def test_what_is_no_archive_is_wrong_use(
    content: bytes, known: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source.zip"
    source.write_bytes(content)
    assert (
        main(["schemas", "install", "--from", str(source), "--to", str(tmp_path / "t")])
        == WRONG_USE
    )
    assert "archive" in capsys.readouterr().err


def test_the_schemas_beside_the_project_are_those_we_know(
    virta_schemas: Path, tmp_path: Path
) -> None:
    told = schemas.fill(tmp_path, schemas.read(virta_schemas.parent))
    assert [(one.name, one.is_whole, one.changed) for one in told] == [
        ("virta", True, []),
        ("ewp", True, []),
    ]

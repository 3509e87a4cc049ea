"""`vaihto schemas install`: fills the folder of official schemas, which are never part of this project.

We keep only the SHA-256 of each file. A source may be laid out as it likes: files are recognised by what
they contain, and written under the names we know, so nothing in an archive can lead anywhere else.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from vaihto import environment
from vaihto.command import DONE, REFUSED, WRONG_USE
from vaihto.command.arguments import parser_of, print_json, with_json

_DIGESTS = Path(__file__).parent / "digests"
SETS = ("virta", "ewp")
_LARGEST = 8 * 1024 * 1024
_MOST_FILES = 50_000
_LARGEST_ARCHIVE = 300 * 1024 * 1024
_ENDINGS = (".xsd", ".xml")
PUBLISHERS = {
    "virta": "https://github.com/CSCfi/VIRTA-Opintotietopalvelu/archive/401b3af62566c26c8ff0cc66ca94cbe9277ee443.zip",
    "ewp": "https://github.com/erasmus-without-paper/ewp-registry-service/archive/refs/heads/master.zip",
}


class _Unusable(Exception):
    """The source is no folder or archive we can read; the text says why."""


@dataclass
class Outcome:
    """What became of one set of schemas."""

    name: str
    installed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Is every file there, each as we know it or accepted as changed?"""
        return not self.missing

    @property
    def is_absent(self) -> bool:
        """Does the source know nothing of this set?"""
        return not self.installed and not self.changed


def digests(name: str) -> dict[str, str]:
    """Path -> SHA-256 of each file of a set, as last published and read by us."""
    lines = (_DIGESTS / f"{name}.sha256").read_text("ascii").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines)
    return {path: digest for digest, path in pairs}


def install(arguments: list[str]) -> int:
    """Fills the folder; 0 when every set that the source holds is whole."""
    parser = with_json(parser_of("schemas install"))
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--from", dest="source", type=Path, metavar="FOLDER|ARCHIVE")
    source.add_argument(
        "--from-publishers",
        action="store_true",
        help="fetch from the publishers' public repositories (needs the network)",
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="VAIHTO_SCHEMAS, else `schemas` in the data folder",
    )
    parser.add_argument(
        "--accept-changed",
        action="store_true",
        help="take files whose content we do not know, by their names",
    )
    chosen = parser.parse_args(arguments)
    named = os.environ.get("VAIHTO_SCHEMAS")
    target = chosen.to or (
        Path(named).expanduser() if named else environment.data_folder() / "schemas"
    )
    try:
        outcomes = (
            _from_publishers(target, accept_changed=chosen.accept_changed, quiet=chosen.json)
            if chosen.from_publishers
            else fill(target, read(chosen.source), accept_changed=chosen.accept_changed)
        )
    except _Unusable as error:
        print(f"vaihto: {error}", file=sys.stderr)
        return WRONG_USE if not chosen.from_publishers else REFUSED
    if chosen.json:
        print_json({"folder": str(target), "sets": [vars(outcome) for outcome in outcomes]})
    else:
        for outcome in outcomes:
            print(_told(outcome, target))
    held = [outcome for outcome in outcomes if not outcome.is_absent]
    return DONE if held and all(outcome.is_whole for outcome in held) else REFUSED


def fill(
    target: Path, source: Iterator[tuple[str, bytes]], *, accept_changed: bool = False
) -> list[Outcome]:
    """Writes every known file of the source under `target`; see `Outcome` for what is told."""
    wanted = {name: digests(name) for name in SETS}
    by_digest: dict[str, list[tuple[str, str]]] = {}
    for name, files in wanted.items():
        for path, digest in files.items():
            by_digest.setdefault(digest, []).append((name, path))
    found: dict[tuple[str, str], bytes] = {}
    by_name: dict[tuple[str, str], bytes] = {}
    for where, content in source:
        known = by_digest.get(hashlib.sha256(content).hexdigest(), [])
        for place in known:
            found[place] = content
        if not known:
            for place in _named(where, wanted):
                by_name.setdefault(place, content)
    return [
        _install_set(name, wanted[name], found, by_name, target / name, accept_changed)
        for name in SETS
    ]


def _named(where: str, wanted: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """The files of ours that this one has the name of, though not the content."""
    parts = PurePosixPath(where).parts
    return [
        (name, path)
        for name, files in wanted.items()
        for path in files
        if parts[-len(PurePosixPath(path).parts) :] == PurePosixPath(path).parts
        and not (name == "virta" and any("ewp" in part or "elmo" in part for part in parts))
    ]


def _install_set(
    name: str,
    wanted: dict[str, str],
    found: dict[tuple[str, str], bytes],
    by_name: dict[tuple[str, str], bytes],
    folder: Path,
    accept_changed: bool,
) -> Outcome:
    outcome = Outcome(name)
    for path in wanted:
        content = found.get((name, path))
        if content is None and (changed := by_name.get((name, path))) is not None:
            outcome.changed.append(path)
            content = changed if accept_changed else None
        if content is None:
            outcome.missing.append(path)
            continue
        outcome.installed.append(path)
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}.new")
        fresh.write_bytes(content)
        fresh.replace(file)
    return outcome


def _told(outcome: Outcome, target: Path) -> str:
    total = len(outcome.installed) + len(outcome.missing)
    if outcome.is_absent:
        return f"{outcome.name}: nothing of it found in the source."
    line = f"{outcome.name}: {len(outcome.installed)} of {total} files in {target / outcome.name}."
    if outcome.changed:
        line += f"\n  Changed since we read them: {', '.join(outcome.changed[:5])}"
        line += "." if outcome.is_whole else "; --accept-changed takes them as they are."
    unexplained = [path for path in outcome.missing if path not in outcome.changed]
    if unexplained:
        line += f"\n  Missing: {', '.join(unexplained[:5])}{' …' if len(unexplained) > 5 else ''}"
    return line


def read(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each schema file in a folder, a zip or a tar archive, one at a time."""
    if source.is_dir():
        return _folder(source)
    if not source.is_file():
        raise _Unusable(f"{source} is neither a folder nor an archive.")
    if zipfile.is_zipfile(source):
        return _zip(source)
    if tarfile.is_tarfile(source):
        return _tar(source)
    raise _Unusable(f"{source} is neither a folder, nor a zip, nor a tar archive.")


def _folder(source: Path) -> Iterator[tuple[str, bytes]]:
    for number, file in enumerate(sorted(source.rglob("*"))):
        _few(number)
        if file.suffix in _ENDINGS and file.is_file() and file.stat().st_size <= _LARGEST:
            yield file.relative_to(source).as_posix(), file.read_bytes()


def _zip(source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(source) as archive:
            for number, member in enumerate(archive.infolist()):
                _few(number)
                if member.filename.endswith(_ENDINGS) and not member.flag_bits & 0x1:
                    with archive.open(member) as content:
                        yield from _bounded(member.filename, content)
    except (zipfile.BadZipFile, EOFError) as error:
        raise _Unusable(f"{source} is a broken archive.") from error


def _tar(source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(source) as archive:
            for number, member in enumerate(archive):
                _few(number)
                if member.isfile() and member.name.endswith(_ENDINGS):
                    content = archive.extractfile(member)
                    if content is not None:
                        yield from _bounded(member.name, content)
    except (tarfile.TarError, EOFError) as error:
        raise _Unusable(f"{source} is a broken archive.") from error


def _bounded(name: str, content: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """The content unless it unpacks to more than any schema is."""
    unpacked = content.read(_LARGEST + 1)
    if len(unpacked) <= _LARGEST:
        yield name, unpacked


def _few(number: int) -> None:
    if number > _MOST_FILES:
        raise _Unusable(
            f"The source holds more than {_MOST_FILES} files; name the folder of schemas."
        )


def _from_publishers(target: Path, *, accept_changed: bool, quiet: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for name, address in PUBLISHERS.items():
        if not quiet:
            print(f"{name}: fetching {address}")
        with tempfile.NamedTemporaryFile(suffix=".zip") as kept:
            _fetch(address, kept)
            told = fill(target, read(Path(kept.name)), accept_changed=accept_changed)
        outcomes += [outcome for outcome in told if outcome.name == name]
    return outcomes


def _fetch(address: str, into: IO[bytes]) -> None:
    authority = os.environ.get("VAIHTO_CA_FILE")
    trust = ssl.create_default_context(cafile=authority or None)
    try:
        with urllib.request.urlopen(address, timeout=60, context=trust) as answer:  # noqa: S310 - https, ours
            got = 0
            while piece := answer.read(1 << 20):
                got += len(piece)
                if got > _LARGEST_ARCHIVE:
                    raise _Unusable(f"{address} is larger than expected.")
                into.write(piece)
    except (urllib.error.URLError, TimeoutError) as error:
        raise _Unusable(
            f"{address} could not be fetched ({getattr(error, 'reason', error)}). "
            "Download it elsewhere and use --from."
        ) from error
    into.flush()

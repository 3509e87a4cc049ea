"""What lies beside the database: brought files by digest, what would become of each line, and rows as they were.

A book holds entries in packed pages of fifty with an index, so that page 12,345 of a million is read as fast as
the first. Everything is readable by the owner of the process only; brought files, which hold identity codes as
they came, are sealed as protected fields are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from django.conf import settings

from vaihto.journal.bringing import Image
from vaihto.people.secrecy import seal, unseal
from vaihto.refusals import Refusal
from vaihto.wording import mark as _

PAGE = 50
_PIECE = 1 << 20


class TooLarge(Refusal):
    """The file is larger than the installation takes."""

    sentence = _("The file is larger than %(limit)s MiB.")
    remedy = _("Part it into several files.")


class FileGone(Refusal):
    """The brought file is no longer kept."""

    sentence = _("The file of this batch is no longer kept.")
    remedy = _("Bring it again.")


def _home() -> Path:
    folder = Path(settings.DATA) / "imports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def source_file(digest: str) -> Path:
    """Where the brought file of this digest lies."""
    return _home() / "files" / digest[:2] / digest


def batch_folder(batch_id: int) -> Path:
    """Where what belongs to one batch lies."""
    return _home() / "batches" / str(batch_id)


def keep_file(source: BinaryIO | Path, *, limit_bytes: int) -> tuple[str, int]:
    """Keeps a brought file, sealed with the field keys; answers its digest and size. Refuses with `TooLarge`."""
    digest = hashlib.sha256()
    size = 0
    folder = _home() / "files"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=folder)  # made with mode 0600
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            for piece in _pieces(source):
                size += len(piece)
                if size > limit_bytes:
                    raise TooLarge("file.too-large", limit=limit_bytes // 2**20)
                digest.update(piece)
                target.write(seal(piece) + b"\n")
        place = source_file(digest.hexdigest())
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
    return digest.hexdigest(), size


@contextmanager
def opened_file(digest: str) -> Iterator[Path]:
    """The brought file as it came, readable while the block lasts. Refuses with `FileGone`."""
    sealed = source_file(digest)
    if not sealed.is_file():
        raise FileGone("imports.file-gone")
    handle, name = tempfile.mkstemp(dir=_home())
    plain = Path(name)
    try:
        with os.fdopen(handle, "wb") as target, sealed.open("rb") as source:
            for line in source:
                target.write(unseal(line.rstrip(b"\n")))
        yield plain
    finally:
        plain.unlink(missing_ok=True)


def _pieces(source: BinaryIO | Path) -> Iterator[bytes]:
    if isinstance(source, Path):
        with source.open("rb") as opened:
            yield from _pieces(opened)
        return
    while piece := source.read(_PIECE):
        yield piece


def forget_batch(batch_id: int) -> None:
    """Removes what belongs to one batch."""
    shutil.rmtree(batch_folder(batch_id), ignore_errors=True)


# --- Entries in pages --------------------------------------------------------------------------


@dataclass
class _Shelf:
    """One sequence of entries, being written."""

    pages: BinaryIO
    index: array[int] = field(default_factory=lambda: array("Q", [0]))
    waiting: list[Any] = field(default_factory=list)

    def add(self, entry: Any) -> None:
        self.waiting.append(entry)
        if len(self.waiting) >= PAGE:
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            packed = zlib.compress(
                json.dumps(self.waiting, ensure_ascii=False, separators=(",", ":")).encode(), 1
            )
            self.pages.write(packed)
            self.index.append(self.index[-1] + len(packed))
            self.waiting = []


class BookWriter:
    """Writes entries under names; the book appears whole when the writer leaves without a fault."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._shelves: dict[str, _Shelf] = {}

    def __enter__(self) -> Self:
        self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fresh = Path(tempfile.mkdtemp(dir=self._place.parent))
        return self

    def add(self, shelf: str, entry: Any) -> None:
        """One entry (what JSON can hold) at the end of a shelf."""
        if shelf not in self._shelves:
            self._shelves[shelf] = _Shelf((self._fresh / f"{shelf}.pages").open("wb"))
        self._shelves[shelf].add(entry)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _fault: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for name, shelf in self._shelves.items():
            if kind is None:
                shelf.flush()
            shelf.pages.close()
            with (self._fresh / f"{name}.index").open("wb") as target:
                shelf.index.tofile(target)
        if kind is not None:
            shutil.rmtree(self._fresh, ignore_errors=True)
            return
        shutil.rmtree(self._place, ignore_errors=True)
        self._fresh.replace(self._place)


@dataclass(frozen=True)
class Book:
    """A written book. A shelf that was never written is empty."""

    place: Path

    def _index(self, shelf: str) -> array[int]:
        offsets = array("Q")
        file = self.place / f"{shelf}.index"
        if not file.is_file():
            return array("Q", [0])
        offsets.frombytes(file.read_bytes())
        return offsets

    def pages(self, shelf: str) -> int:
        """How many pages of fifty there are."""
        return len(self._index(shelf)) - 1

    def page(self, shelf: str, number: int) -> list[Any]:
        """The entries of a page, counted from 1; an empty list beyond the last."""
        offsets = self._index(shelf)
        if not 1 <= number < len(offsets):
            return []
        return self._read(shelf, offsets[number - 1], offsets[number])

    def entries(self, shelf: str, *, backwards: bool = False) -> Iterator[Any]:
        """All entries, first to last or last to first, one page in memory at a time."""
        offsets = self._index(shelf)
        numbers: Sequence[int] = range(1, len(offsets))
        for number in reversed(numbers) if backwards else numbers:
            entries = self._read(shelf, offsets[number - 1], offsets[number])
            yield from reversed(entries) if backwards else entries

    def _read(self, shelf: str, start: int, end: int) -> list[Any]:
        with (self.place / f"{shelf}.pages").open("rb") as source:
            source.seek(start)
            found: list[Any] = json.loads(zlib.decompress(source.read(end - start)))
        return found


def image_entry(image: Image) -> list[Any]:
    """A row as it was, as an entry."""
    return [image.model, image.pk, image.was, image.gone]


def image_of(entry: Sequence[Any]) -> Image:
    """The row as it was."""
    model, pk, was, gone = entry
    return Image(model, pk, was, gone)

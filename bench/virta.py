"""How fast VIRTA files are written, read and validated, against the limits that the machine sets.

Each measurement runs in a process of its own, so that its memory is its own. The bench reports and
never fails: aims stand beside the figures.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from lxml import etree

from vaihto.virta.check import default_schemas
from vaihto.virta.document import read_document
from vaihto.virta.records import NAMESPACE, Liikkuvuusjakso
from vaihto.virta.validation import Validation, official
from vaihto.virta.writing import write_periods

PUBLISHED_AT_MOST = 100_000
"""The published schema is slow and its rate does not change with the size: it is given so many records."""


@dataclass(frozen=True)
class Measured:
    """Records per second, and by how many MiB the process grew at its peak."""

    rate: float
    grown_mib: float


def run(sizes: Sequence[int]) -> list[str]:
    """Lines of figures for files of so many mobility periods each."""
    lines = [f"VIRTA files, {os.cpu_count()} cores"]
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            lines += _of_size(size, Path(folder))
    return lines


def _of_size(size: int, folder: Path) -> list[str]:
    file = folder / "periods.xml"
    constant = _measure(_write_constant, folder / "constant.xml", size)
    written = _measure(_write, file, size)
    read = _measure(_read, file, size)
    lines = [
        (
            f"export {size:,} periods: {written.rate:,.0f}/s, {written.rate / constant.rate:.0%} of lxml's writer "
            f"fed with constant rows ({constant.rate:,.0f}/s; aim 60%), grown by {written.grown_mib:.0f} MiB (aim 200)"
        ),
        f"read {size:,} periods: {read.rate:,.0f}/s, grown by {read.grown_mib:.0f} MiB",
    ]
    schema = official(default_schemas())
    if schema is None:
        return [*lines, "validation: left out, the official schemas are not there"]
    ours = _measure(_validate, file, size)
    sample = folder / "sample.xml"
    fewer = min(size, PUBLISHED_AT_MOST)
    _write(sample, fewer)
    published = _measure(_validate_published, sample, fewer)
    lines.append(
        f"validate {size:,} periods: {ours.rate:,.0f}/s, {ours.rate / published.rate:.1f} times the published "
        f"schema through iterparse ({published.rate:,.0f}/s over {fewer:,}; aim 4), "
        f"grown by {ours.grown_mib:.0f} MiB"
    )
    return lines


def _measure(work: Callable[[Path, int], None], file: Path, size: int) -> Measured:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_timed, work, file, size).result()


def _timed(work: Callable[[Path, int], None], file: Path, size: int) -> Measured:
    before = _peak_mib()
    started = time.perf_counter()
    work(file, size)
    return Measured(size / (time.perf_counter() - started), _peak_mib() - before)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def periods(size: int) -> Iterator[Liikkuvuusjakso]:
    """Invented periods, in the order of their keys."""
    for number in range(size):
        yield Liikkuvuusjakso(
            avain=f"M-{number:08}",
            opiskelijaAvain=f"S-{number // 3:08}",
            opiskeluoikeusAvain=f"R-{number // 3:08}",
            Myontaja="02472",
            AlkuPvm=f"20{10 + number % 15}-08-28",
            LoppuPvm=f"20{10 + number % 15}-12-20",
            Suunta="12"[number % 2],
            Maa=("056", "380", "724", "752")[number % 4],
            Tyyppi="1",
            Liikkuvuusohjelma="101",
            OpiskeluoikeusTyyppi="1",
        )


def _write(file: Path, size: int) -> None:
    with file.open("wb") as out:
        write_periods(out, periods(size))


_CONSTANT_KEYS = {
    "avain": "M-00000001",
    "opiskelijaAvain": "S-00000001",
    "opiskeluoikeusAvain": "R-00000001",
}
_CONSTANT_VALUES = tuple(
    (f"{{{NAMESPACE}}}{name}", value)
    for name, value in (
        ("Myontaja", "02472"),
        ("AlkuPvm", "2023-08-28"),
        ("LoppuPvm", "2023-12-20"),
        ("Suunta", "1"),
        ("Maa", "056"),
        ("Tyyppi", "1"),
        ("Liikkuvuusohjelma", "101"),
        ("OpiskeluoikeusTyyppi", "1"),
    )
)


def _write_constant(file: Path, size: int) -> None:
    """The limit: the same file from values that cost nothing."""
    record = f"{{{NAMESPACE}}}Liikkuvuusjakso"
    root = f"{{{NAMESPACE}}}Liikkuvuusjaksot"
    with file.open("wb") as out, etree.xmlfile(out, encoding="UTF-8") as xml:
        xml.write_declaration()
        with xml.element(root, nsmap={None: NAMESPACE}):
            for _number in range(size):
                with xml.element(record, _CONSTANT_KEYS):
                    for name, value in _CONSTANT_VALUES:
                        with xml.element(name):
                            xml.write(value)
                xml.write("\n")


def _read(file: Path, size: int) -> None:
    if sum(1 for _record in read_document(file)) != size:
        raise AssertionError("not all records were read")


def _validate(file: Path, size: int) -> None:
    if any(True for _problem in Validation(file, official(default_schemas()))):
        raise AssertionError("the file should be valid")


def _validate_published(file: Path, size: int) -> None:
    """The limit: the schema as published, while parsing, freeing each record."""
    schema = official(default_schemas())
    if schema is None:
        return
    with file.open("rb") as source:
        for _event, element in etree.iterparse(
            source, tag=f"{{{NAMESPACE}}}Liikkuvuusjakso", schema=schema.published
        ):
            element.clear(keep_tail=True)
            while element.getprevious() is not None:
                del element.getparent()[0]

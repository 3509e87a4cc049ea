"""Reading batches: what would become or became of their lines, page by page, and the files to take away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaihto.imports.books import PAGE, Book, batch_folder, opened_file
from vaihto.imports.kinds import Kind, kind_named, kinds
from vaihto.imports.models import Batch
from vaihto.imports.problems import Problem, by_line, problem_of
from vaihto.jobs.models import Work
from vaihto.jobs.progress import seen
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Verdict
from vaihto.refusals import Unknown


@dataclass(frozen=True)
class Fate:
    """One record of a file: where it stands, its key, and what would become or became of it.

    `values` is what a new one says, by the names of its file, None for what is protected; empty beyond the first.
    """

    line: int
    lines: tuple[int, ...]
    key: str
    part: str
    changes: dict[str, list[Any]]
    values: dict[str, Any]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Fates:
    """A page of records of one verdict. `number` counts from 1."""

    verdict: str
    number: int
    pages: int
    count: int
    fates: tuple[Fate, ...]


def kinds_for(actor: Actor) -> list[Kind]:
    """The kinds of file the actor may bring somewhere."""
    may_all = actor.has(May.INSTITUTIONS_EDIT) or actor.has(May.ALLIANCE_EDIT)
    if actor.sees_everything:
        return list(kinds().values())
    # Alliance grants name no institution, so `has` without one does not see them.
    may_all = may_all or bool(actor.alliances(May.ALLIANCE_EDIT))
    return [
        kind
        for kind in kinds().values()
        if (actor.has(kind.may) if kind.for_institution else may_all)
    ]


def work_of(batch: Batch) -> Work | None:
    """The background work of a batch with the newest figures of its progress."""
    work = Work.objects.filter(pk=batch.work_id).first() if batch.work_id else None
    return seen(work) if work is not None else None


def _book(batch: Batch) -> Book:
    folder = batch_folder(batch.pk)
    done = batch.state in {Batch.State.DONE, Batch.State.UNDOING, Batch.State.UNDONE}
    return Book(folder / ("done" if done else "preview"))


def fates(batch: Batch, verdict: str, *, page: int = 1) -> Fates:
    """A page of fifty records that are created, changed or refused; unchanged ones are only counted."""
    if verdict not in set(Verdict):
        raise Unknown("imports.unknown-verdict", verdict=verdict)
    book = _book(batch)
    return Fates(
        verdict,
        page,
        book.pages(verdict),
        getattr(batch, verdict),
        tuple(_fate(entry) for entry in book.page(verdict, page)),
    )


def all_fates(batch: Batch, verdict: str) -> Iterator[Fate]:
    """Every record of a verdict, one page in memory at a time."""
    return (_fate(entry) for entry in _book(batch).entries(verdict))


def _fate(entry: dict[str, Any]) -> Fate:
    return Fate(
        line=entry["line"],
        lines=tuple(entry.get("lines", [entry["line"]])),
        key=entry["key"],
        part=entry["part"],
        changes=entry.get("changes", {}),
        values=entry.get("values", {}),
        problems=tuple(problem_of(each) for each in entry.get("problems", ())),
    )


def page_size() -> int:
    """How many records stand on a page."""
    return PAGE


def refused_lines(batch: Batch, shape: str) -> Path:
    """A file with the refused lines as they came and what is wrong with each; the caller deletes its folder.

    `shape` is `csv` or `xlsx`. Every cell is guarded so that no spreadsheet takes it for a formula.
    """
    if shape not in {"csv", "xlsx"}:
        raise Unknown("imports.no-such-file", shape=shape)
    folder = Path(tempfile.mkdtemp(prefix="vaihto-"))
    target = folder / f"{Path(batch.name).stem}-refused.{shape}"
    with opened_file(batch.digest) as source:
        kind_named(batch.kind).refused_lines(
            source,
            problems=by_line(_book(batch).entries(str(Verdict.REFUSED))),
            shape=shape,
            target=target,
        )
    return target


def refused_bytes(batch: Batch, shape: str) -> bytes:
    """The same, whole in memory: for batches whose refused lines are few."""
    target = refused_lines(batch, shape)
    try:
        return target.read_bytes()
    finally:
        shutil.rmtree(target.parent, ignore_errors=True)


def template(kind: str, shape: str) -> bytes:
    """A file of a kind to fill in, as `csv` or `xlsx`, with examples; XLSX also explains the columns."""
    if shape not in {"csv", "xlsx"}:
        raise Unknown("imports.no-such-file", shape=shape)
    return kind_named(kind).template(shape)

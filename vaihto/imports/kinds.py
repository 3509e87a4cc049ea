"""What a kind of file is, for everybody who brings one: ours here, and those other rooms add by setting.

`settings.IMPORT_KINDS` names objects by dotted path; each has the attributes of `Kind`. Nothing is inherited:
whatever has these attributes is a kind, so that rooms beside this one need not know it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Coming, Keep, Outcome
from vaihto.refusals import Refusal, Unknown
from vaihto.wording import mark as _

_OURS = tuple(
    f"vaihto.imports.{module}.KIND"
    for module in (
        "persons",
        "study_rights",
        "attainments",
        "mobilities",
        "employments",
        "staff_visits",
        "headcounts",
        "survey",
        "institutions",
        "courses",
        "realisations",
    )
)


class Record(Protocol):
    """One fact with the place it came from.

    `facts` is None when reading already found `problems`; each problem's facts name `field`, and `column` where
    it is known as the file names it. `line` is the first of the `lines` the fact stands on.
    """

    line: int
    lines: Sequence[int]
    key: str
    facts: Any | None
    problems: Sequence[Refusal]


class Part(Protocol):
    """Facts of one sort within a file, with the actions that plan and bring them.

    `said` names the fields the file speaks of (None: all). Both functions answer one outcome for each fact, in
    order. `columns` maps a field of the facts to what the file calls it.
    """

    name: str
    label: str
    said: Collection[str] | None
    columns: dict[str, str]

    def plan(
        self,
        *,
        actor: Actor,
        institution: Institution | None,
        facts: Sequence[Any],
        seen: dict[Any, int],
        coming: Coming,
    ) -> list[Outcome]:
        """What would happen; writes nothing."""

    def bring(
        self,
        *,
        actor: Actor,
        institution: Institution | None,
        facts: Sequence[Any],
        now: datetime,
        batch: str,
        seen: dict[Any, int],
        keep: Keep,
    ) -> list[Outcome]:
        """Does it. Runs in the transaction of the batch."""


class Arrival(Protocol):
    """An opened file. `described` is shown (encoding, delimiter, sheet, schema); `lines` is how long it is.

    `notes` are sentences (marked for the translators) about what of the file is not read or only kept aside,
    each with its facts. `repeated` are the keys that come twice; None where that is not known beforehand.
    `referred` are keys that facts of the file name in other facts of it; None where that may be any.
    """

    described: dict[str, str]
    lines: int
    notes: Sequence[tuple[str, dict[str, Any]]]
    repeated: Collection[str] | None
    referred: Collection[str] | None

    def pieces(self) -> Iterator[tuple[Part, Sequence[Record]]]:
        """The facts in pieces of at most some two thousand, in an order in which what is referred to comes first."""


class Kind(Protocol):
    """A kind of file. `endings` are what the page offers to choose; the file itself decides what it is.

    `for_institution`: are the facts those of one hosted institution, or of many?
    """

    @property
    def name(self) -> str:
        """By which settings, addresses and the command know it."""

    @property
    def label(self) -> str:
        """What people call it; marked for the translators."""

    @property
    def explanation(self) -> str:
        """What one line of it is; marked for the translators."""

    @property
    def endings(self) -> tuple[str, ...]:
        """As `.csv`."""

    @property
    def for_institution(self) -> bool:
        """Is a hosted institution to be chosen?"""

    @property
    def may(self) -> May:
        """What one must be allowed at the hosted institution; for others see `actions`."""

    def open(self, file: Path, *, name: str, institution: Institution | None) -> Arrival:
        """The file, surveyed. Refuses (with any `Refusal`) what is not of this kind or cannot be read."""

    def refused_lines(
        self,
        file: Path,
        *,
        problems: Iterator[tuple[int, str]],
        shape: str,
        target: Path,
    ) -> None:
        """Writes the lines that were refused, as a file to correct and bring again.

        `problems` are line numbers in order, each with what is wrong there; `shape` is `csv` or `xlsx`.
        """

    def template(self, shape: str) -> bytes:
        """A file to fill in, with examples; empty where there is none."""


class UnknownKind(Unknown):
    """There is no such kind of file."""

    sentence = _("There is no kind of file called “%(kind)s”.")


@lru_cache(maxsize=1)
def kinds() -> dict[str, Kind]:
    """All kinds by name: our tables first, then those of other rooms."""
    found: list[Kind] = [import_string(path) for path in (*_OURS, *settings.IMPORT_KINDS)]
    return {kind.name: kind for kind in found}


def names_by_right() -> dict[May, frozenset[str]]:
    """The kinds of one hosted institution by what one must be allowed there to bring them."""
    found: dict[May, set[str]] = {}
    for kind in kinds().values():
        if kind.for_institution:
            found.setdefault(kind.may, set()).add(kind.name)
    return {may: frozenset(names) for may, names in found.items()}


def kind_named(name: str) -> Kind:
    """The kind of this name. Refuses with `UnknownKind`."""
    found = kinds().get(name)
    if found is None:
        raise UnknownKind("imports.unknown-kind", kind=name)
    return found

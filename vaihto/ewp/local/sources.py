"""Which manifests a registry imports, and how it runs. Nothing here needs a framework."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CATALOGUE = "/catalogue-v1.xml"


class Malformed(ValueError):
    """A list of sources that cannot be understood; the text names the line."""


@dataclass(frozen=True)
class Source:
    """Where a manifest is, and which institution it may speak for: a pattern for the whole id, empty for any."""

    url: str
    heis: str = ""

    def allows(self, hei_id: str) -> bool:
        """May this source cover the institution?"""
        return not self.heis or re.fullmatch(self.heis, hei_id) is not None


def read_sources(lines: Sequence[str], *, place: str = "") -> list[Source]:
    """Sources from lines of an address and perhaps a pattern for the id of the institution. Raises `Malformed`.

    Empty lines and what follows `#` at the start of a word are left out.
    """
    found: dict[str, Source] = {}
    for number, line in enumerate(lines, start=1):
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if not words:
            continue
        where = f"{place}line {number}: " if place else ""
        if len(words) > 2 or not words[0].startswith("https://"):
            raise Malformed(
                f"{where}{line.strip()!r} is not an https address and perhaps a pattern."
            )
        source = Source(*words)
        try:
            re.compile(source.heis)
        except re.error as error:
            raise Malformed(f"{where}the pattern {source.heis!r}: {error}.") from error
        found[source.url] = source
    return list(found.values())


@dataclass(frozen=True)
class Own:
    """What the registry says about itself: where its catalogue is, who runs it, whom to write to."""

    catalogue_url: str
    provider: str
    emails: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """How a registry runs. `sources_file` is read again before every round."""

    folder: Path
    own: Own
    sources: tuple[Source, ...] = ()
    sources_file: Path | None = None
    schemas: Path | None = None
    pause_seconds: float = 300
    allow_private: bool = False

    def listed(self) -> list[Source]:
        """The sources now: those named, and those of the file. Raises `Malformed`."""
        found = {source.url: source for source in self.sources}
        if self.sources_file is not None:
            try:
                lines = self.sources_file.read_text("utf-8").splitlines()
            except OSError as error:
                raise Malformed(
                    f"{self.sources_file} cannot be read ({error.strerror})."
                ) from error
            place = f"{self.sources_file}, "
            found |= {source.url: source for source in read_sources(lines, place=place)}
        return list(found.values())

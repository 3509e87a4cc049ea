"""The registry at work: which sources there are, what each gave last, and the catalogue made of it all.

Everything lives in one folder: `sources/` with a status and the last good version of each manifest, `catalogue.xml`
and `catalogue.json` beside it. A restart goes on where it stopped. One process writes there.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vaihto.ewp import outcomes, transport
from vaihto.ewp.apis.discovery.messages import Manifest
from vaihto.ewp.local.cataloguing import write_catalogue, write_manifest
from vaihto.ewp.local.importing import (
    Imported,
    Network,
    Notice,
    NotImported,
    Severity,
    gravest,
    import_manifest,
)
from vaihto.ewp.local.sources import Malformed, Options, Source
from vaihto.ewp.protocol.xml import MalformedXml
from vaihto.ewp.schemas import official

logger = logging.getLogger("vaihto.registry")

LIMITS = transport.Limits(
    connect_seconds=10, read_seconds=10, total_seconds=30, answer_bytes=5 * 1024 * 1024
)
_FETCHED_AT_ONCE = 8

Fetch = Callable[[str], bytes]


def over_the_wire(url: str) -> bytes:
    """The manifest at the address. Raises `transport.Broken`."""
    response = transport.fetch(url, limits=LIMITS).response
    if response.status != 200:
        raise transport.Broken("unexpected-status", status=response.status)
    return transport.decoded(response, limit=LIMITS.answer_bytes)


@dataclass(frozen=True)
class Status:
    """What is known about one source. `imported_at` is when its content was last taken over with a change."""

    url: str
    heis: str = ""
    asked_at: datetime | None = None
    imported_at: datetime | None = None
    severity: Severity | None = None  # None before the first try
    notices: tuple[Notice, ...] = ()
    hei_id: str = ""


@dataclass(frozen=True)
class Edition:
    """A catalogue with what identifies it."""

    document: bytes
    etag: str
    since: datetime


@dataclass
class _Kept:
    """A source with everything we hold of it."""

    source: Source
    status: Status
    imported: Imported | None = None
    number: int = 0  # of the answer that was taken last


@dataclass(frozen=True)
class _Answer:
    """What a fetch brought; numbers grow in the order in which was asked."""

    number: int
    manifest: bytes | transport.Broken


def _now() -> datetime:
    return datetime.now(UTC)


class LocalRegistry:
    """Imports manifests and holds the catalogue; safe to use from many threads."""

    def __init__(
        self,
        options: Options,
        *,
        fetch: Fetch = over_the_wire,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.options = options
        self._fetch = fetch
        self._clock = clock
        self._official = official(options.schemas)
        self._kept: dict[str, _Kept] = {}
        self._edition: Edition | None = None
        self._writing = threading.RLock()
        self._numbers = itertools.count(1)
        (options.folder / "sources").mkdir(parents=True, exist_ok=True)
        self._edition = self._stored_edition()
        self.update_sources()
        listed = {file for url in self._kept for file in self._files(url)}
        for file in (options.folder / "sources").iterdir():
            if file not in listed:
                file.unlink()

    # --- What others ask

    def edition(self) -> Edition | None:
        """The present catalogue, None before the first was made."""
        return self._edition

    def statuses(self) -> list[Status]:
        """Every source, in the order of the list."""
        return [kept.status for kept in list(self._kept.values())]

    def status(self, url: str) -> Status | None:
        """One source, None when it is not on the list."""
        kept = self._kept.get(url)
        return None if kept is None else kept.status

    # --- Work

    def update_sources(self) -> None:
        """Reads the list of sources again; what left it leaves the catalogue. Raises `Malformed`."""
        listed = {source.url: source for source in self.options.listed()}
        with self._writing:
            kept = {}
            for url, source in listed.items():
                before = self._kept.get(url)
                kept[url] = (
                    before if before and before.source == source else self._from_folder(source)
                )
            for url in self._kept.keys() - kept.keys():
                for file in self._files(url):
                    file.unlink(missing_ok=True)
            changed = list(kept) != list(self._kept)
            self._kept = kept
            if changed and self._edition is not None:
                self._publish()

    def reload_all(self) -> None:
        """One round: every manifest is fetched, then imported one after the other, then the catalogue is made."""
        try:
            self.update_sources()
        except Malformed as error:
            logger.error("the list of sources is not read: %s", error)  # noqa: TRY400 - said in full
        urls = list(self._kept)
        with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
            answers = list(pool.map(self._asked, urls))
        with self._writing:
            for url, answer in zip(urls, answers, strict=True):
                self._take(url, answer)
            self._publish()

    def reload(self, url: str) -> Status | None:
        """Fetches one manifest now and publishes what changed; None when it is not on the list."""
        if url not in self._kept:
            return None
        answer = self._asked(url)
        with self._writing:
            self._take(url, answer)
            self._publish()
        return self.status(url)

    def run(self, stop: threading.Event) -> None:
        """Rounds until told to stop."""
        while True:
            try:
                self.reload_all()
            except OSError as error:  # a full disk is no reason to stop serving
                logger.error("the round failed: %s", error)  # noqa: TRY400 - said in full
            if stop.wait(self.options.pause_seconds):
                return

    def _asked(self, url: str) -> _Answer:
        number = next(self._numbers)
        try:
            return _Answer(number, self._fetch(url))
        except transport.Broken as broken:
            return _Answer(number, broken)

    def _take(self, url: str, answer: _Answer) -> None:
        """Takes over what came; a round waits for its slowest node, and is overtaken by who is asked for now."""
        kept = self._kept.get(url)
        if kept is None or answer.number < kept.number:
            return
        kept.number, came = answer.number, answer.manifest
        now = self._clock()
        status = replace(kept.status, asked_at=now)
        if isinstance(came, transport.Broken):
            said = str(outcomes.Outcome(came.code, came.facts))
            notice = Notice(Severity.ERROR, f"The manifest cannot be fetched. {said}")
            status = replace(status, severity=Severity.ERROR, notices=(notice,))
        else:
            try:
                status = self._import(kept, came, status, now)
            except Exception:
                # The registry's own edge: what one manifest does to us must not keep the others out.
                logger.exception("a manifest could not be judged: %s", url)
                notice = Notice(Severity.ERROR, "The registry failed on this manifest.")
                status = replace(status, severity=Severity.ERROR, notices=(notice,))
        kept.status = status
        self._keep(kept)

    def _import(self, kept: _Kept, answer: bytes, status: Status, now: datetime) -> Status:
        others = [
            each.imported
            for each in self._kept.values()
            if each.imported is not None and each is not kept
        ]
        network = Network(others, kept.imported, self.options.allow_private)
        try:
            imported, notices = import_manifest(
                answer, kept.source, network, official=self._official
            )
        except NotImported as refused:
            return replace(status, severity=Severity.ERROR, notices=refused.notices)
        if kept.imported is None or imported.manifest != kept.imported.manifest:
            status = replace(status, imported_at=now)
        kept.imported = imported
        return replace(status, severity=gravest(notices), notices=notices, hei_id=imported.hei_id)

    def _publish(self) -> None:
        hosts = [kept.imported for kept in self._kept.values() if kept.imported is not None]
        document = write_catalogue(self.options.own, hosts)
        etag = hashlib.sha256(document).hexdigest()
        if self._edition is not None and self._edition.etag == etag:
            return
        edition = Edition(document, etag, self._clock().replace(microsecond=0))
        _write(self.options.folder / "catalogue.xml", document)
        about = {"etag": etag, "since": edition.since.isoformat()}
        _write(self.options.folder / "catalogue.json", json.dumps(about).encode())
        self._edition = edition

    # --- The folder

    def _files(self, url: str) -> tuple[Path, Path]:
        name = hashlib.sha256(url.encode()).hexdigest()[:32]
        folder = self.options.folder / "sources"
        return folder / f"{name}.json", folder / f"{name}.xml"

    def _keep(self, kept: _Kept) -> None:
        about, manifest = self._files(kept.source.url)
        if kept.imported is not None:
            _write(manifest, write_manifest(kept.imported.manifest))
        told = json.dumps(asdict(kept.status), default=_plain, indent=1, ensure_ascii=False)
        _write(about, told.encode())

    def _from_folder(self, source: Source) -> _Kept:
        about, file = self._files(source.url)
        try:
            status = _read_status(json.loads(about.read_bytes()), source)
            manifest = Manifest.read(file.read_bytes()).message if file.exists() else None
        except (OSError, ValueError, KeyError, TypeError, MalformedXml):
            return _Kept(source, Status(source.url, source.heis))
        covered = manifest.covered if manifest is not None else None
        if manifest is None or (covered is not None and not source.allows(covered.hei_id)):
            return _Kept(source, status)
        return _Kept(source, status, Imported(source, manifest))

    def _stored_edition(self) -> Edition | None:
        try:
            document = (self.options.folder / "catalogue.xml").read_bytes()
            about = json.loads((self.options.folder / "catalogue.json").read_bytes())
            since = datetime.fromisoformat(about["since"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        etag = hashlib.sha256(document).hexdigest()
        return Edition(document, etag, since) if about.get("etag") == etag else None


def _plain(thing: object) -> str:
    return thing.isoformat() if isinstance(thing, datetime) else str(thing)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _read_status(about: dict[str, Any], source: Source) -> Status:
    return Status(
        url=source.url,
        heis=source.heis,
        asked_at=_moment(about["asked_at"]),
        imported_at=_moment(about["imported_at"]),
        severity=Severity(about["severity"]) if about["severity"] else None,
        notices=tuple(
            Notice(Severity(one["severity"]), one["sentence"]) for one in about["notices"]
        ),
        hei_id=about["hei_id"],
    )


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, also when the machine stops in between."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_bytes(content)
    fresh.replace(file)

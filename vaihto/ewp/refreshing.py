"""Keeping our copy of the catalogue true: asked for when due, read whole, taken over by difference.

Source: the registry's rules for clients (reference of the network, section 1.5): conditional requests, expiry between
one minute and three hours, at most once a minute, three minutes after a failure, the old document until the new one
is wholly read. Start reading at `refresh`.
"""

from __future__ import annotations

import email.utils
import hashlib
import json
import logging
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from vaihto.ewp import capabilities, transport
from vaihto.ewp.apis.registry import messages
from vaihto.ewp.models import Catalogue, Host, HostApi, HostKey, ListedInstitution
from vaihto.ewp.protocol.http import Response, header
from vaihto.ewp.protocol.xml import MalformedXml
from vaihto.jobs.timetable import every

logger = logging.getLogger("vaihto.ewp")

PRODUCTION = "https://registry.erasmuswithoutpaper.eu/catalogue-v1.xml"
DEVELOPMENT = "https://dev-registry.erasmuswithoutpaper.eu/catalogue-v1.xml"

LIMIT_BYTES = 256 * 1024 * 1024  # of the document, unpacked; the production one has a tenth of it
_SHORTEST, _USUAL, _LONGEST = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=3)
_PAUSE, _PAUSE_AFTER_FAILURE = timedelta(seconds=60), timedelta(seconds=180)

PATIENT = transport.Limits(
    connect_seconds=10, read_seconds=60, total_seconds=300, answer_bytes=LIMIT_BYTES
)
# While somebody's request waits for the answer.
HURRIED = transport.Limits(
    connect_seconds=4, read_seconds=8, total_seconds=15, answer_bytes=LIMIT_BYTES
)


@dataclass(frozen=True)
class Question:
    """What the registry is asked: the newest document, unless it is the one we have."""

    url: str
    etag: str = ""
    last_modified: str = ""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of a conditional request."""
        pairs = (
            ("Accept", "application/xml, text/xml"),
            ("Accept-Encoding", "gzip"),
            ("If-None-Match", self.etag),
            ("If-Modified-Since", self.last_modified),
        )
        return tuple((name, value) for name, value in pairs if value)


Fetch = Callable[[Question, transport.Limits], Response]


def over_the_wire(question: Question, limits: transport.Limits) -> Response:
    """The registry's answer, its body unpacked. Raises `transport.Broken`."""
    received = transport.fetch(question.url, headers=question.headers, limits=limits).response
    body = transport.decoded(received, limit=limits.answer_bytes)
    return Response(received.status, received.headers, body)


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did. `outcome` is changed, unchanged, failed, not-due or unset."""

    outcome: str
    failure: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    hosts_written: int = 0
    hosts_removed: int = 0
    wrong_keys: tuple[str, ...] = ()

    @property
    def has_answer(self) -> bool:
        """Did the registry answer with something usable?"""
        return self.outcome in {"changed", "unchanged"}


def refresh(
    *,
    now: datetime,
    limits: transport.Limits = PATIENT,
    early: bool = False,
    at_once: bool = False,
    fetch: Fetch = over_the_wire,
) -> Refreshed:
    """Asks the registry for the newest catalogue, if that is due, and takes it over.

    Due is what has expired, at most once a minute and three minutes after a failure, whichever process asked.
    `early` asks before the expiry, within those pauses; `at_once` is an operator's wish and waits for nothing. Until
    the new document is wholly read the old one answers; a document that cannot be read changes nothing.
    """
    url = settings.CATALOGUE_URL
    if not url:
        return Refreshed("unset")
    row, _created = Catalogue.objects.defer("document").get_or_create(url=url)
    # Looked at before the claim is written: what is not due must not wait for a database that is being written.
    if not (at_once or ((early or _has_expired(row, now)) and _pause_is_over(row, now))):
        return Refreshed("not-due")
    if not _claim(row, now, at_once=at_once):
        return Refreshed("not-due")
    try:
        answer = fetch(Question(url, row.etag, row.last_modified), limits)
        return _answered(row, answer, now)
    except transport.Broken as broken:
        return _failed(row, broken)


def is_due(*, now: datetime) -> bool:
    """Would a refresh ask the registry now?"""
    row = Catalogue.objects.filter(url=settings.CATALOGUE_URL).defer("document").first()
    return row is None or (_has_expired(row, now) and _pause_is_over(row, now))


def _pause_is_over(row: Catalogue, now: datetime) -> bool:
    if row.asked_at is None:
        return True
    pause = _PAUSE_AFTER_FAILURE if row.failure else _PAUSE
    # A clock that was put back must not stop us until it has caught up.
    return row.asked_at <= now - pause or row.asked_at > now + _PAUSE_AFTER_FAILURE


def _has_expired(row: Catalogue, now: datetime) -> bool:
    return not row.digest or row.expires_at is None or row.expires_at <= now


def _claim(row: Catalogue, now: datetime, *, at_once: bool) -> bool:
    """Of all processes that want to ask, one may: the one that writes when it asked."""
    mine = Catalogue.objects.filter(pk=row.pk)
    if not at_once:
        mine = mine.filter(
            Q(asked_at__isnull=True)
            | Q(asked_at__lte=now - _PAUSE, failure="")
            | Q(asked_at__lte=now - _PAUSE_AFTER_FAILURE)
            | Q(asked_at__gt=now + _PAUSE_AFTER_FAILURE)
        )
    return bool(mine.update(asked_at=now))


def expiry(headers: tuple[tuple[str, str], ...], *, now: datetime) -> datetime:
    """Until when a document is fresh: as its headers say, between one minute and three hours, else a quarter hour.

    `Expires` is read as a distance from the answer's own `Date`, so that our clock does not matter.
    """
    said = _USUAL
    control = (header(headers, "cache-control") or "").lower()
    age = re.search(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", control)
    expires, date = (_moment(header(headers, name)) for name in ("expires", "date"))
    if "no-cache" in control or "no-store" in control:
        said = _SHORTEST
    elif age:
        said = timedelta(seconds=int(age[1]))
    elif expires is not None:
        said = expires - (date or now)
    return now + min(max(said, _SHORTEST), _LONGEST)


def _moment(text: str | None) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _news(answer: Response, now: datetime) -> dict[str, Any]:
    """What a usable answer says about itself."""
    return {
        "confirmed_at": now,
        "expires_at": expiry(answer.headers, now=now),
        "failure": "",
    }


def _validators(answer: Response) -> dict[str, str]:
    """What makes the next request conditional; too long or strange to be kept is the same as absent."""
    found = {}
    for column, name, most in (
        ("etag", "etag", 200),
        ("last_modified", "last-modified", 60),
    ):
        value = answer.header(name) or ""
        found[column] = value if len(value) <= most and value.isascii() else ""
    return found


def _answered(row: Catalogue, answer: Response, now: datetime) -> Refreshed:
    """Takes the answer over. Raises `transport.Broken` when it cannot be used."""
    if answer.status == 304 and row.digest:
        Catalogue.objects.filter(pk=row.pk).update(**_news(answer, now))
        return Refreshed("unchanged")
    if answer.status != 200:
        raise transport.Broken("unexpected-status", status=answer.status)
    try:
        return _take(row, answer, now)
    except MalformedXml as error:
        raise transport.Broken("not-a-catalogue", reason=str(error)) from error


def _failed(row: Catalogue, broken: transport.Broken) -> Refreshed:
    facts = {name: str(value)[:120] for name, value in broken.facts.items() if name != "url"}
    told = f"{broken.code} {json.dumps(facts, ensure_ascii=False)}"
    Catalogue.objects.filter(pk=row.pk).update(failure=told if len(told) <= 300 else broken.code)
    logger.warning("the catalogue was not refreshed", extra={"code": broken.code})
    return Refreshed("failed", broken.code, facts)


def _take(row: Catalogue, answer: Response, now: datetime) -> Refreshed:
    """Takes a document over. Raises `MalformedXml`, and then nothing has changed."""
    digest = hashlib.sha256(answer.body).hexdigest()
    if digest == row.digest:
        Catalogue.objects.filter(pk=row.pk).update(**_news(answer, now), **_validators(answer))
        return Refreshed("unchanged")
    known = set(Host.objects.filter(catalogue_id=row.pk).values_list("digest", flat=True))
    read = messages.Catalogue.read(answer.body, known=known)
    if read.wrong_keys:
        logger.warning("keys with wrong fingerprints", extra={"keys": read.wrong_keys[:20]})
    with transaction.atomic():
        present = Catalogue.objects.select_for_update().defer("document").get(pk=row.pk)
        if present.digest != row.digest:
            # Another process took an edition over while we read; what we compared with is gone.
            return Refreshed("unchanged")
        written, removed = _write_hosts(row.pk, read)
        _write_institutions(row.pk, read.institutions)
        Catalogue.objects.filter(pk=row.pk).update(
            document=answer.body,
            digest=digest,
            size=len(answer.body),
            changed_at=now,
            **_news(answer, now),
            **_validators(answer),
        )
        capabilities.learn(catalogue_id=row.pk, is_production=row.url == PRODUCTION, now=now)
    return Refreshed(
        "changed", hosts_written=written, hosts_removed=removed, wrong_keys=read.wrong_keys
    )


# --- Writing it down by difference -------------------------------------------------------------

_AT_ONCE = 500


def _write_hosts(catalogue_id: int, read: messages.Catalogue) -> tuple[int, int]:
    """Makes the hosts what the document says; equal ones are left alone. Returns how many came and went."""
    have: dict[str, list[int]] = defaultdict(list)
    for pk, digest in Host.objects.filter(catalogue_id=catalogue_id).values_list("pk", "digest"):
        have[digest].append(pk)
    fresh: list[messages.CatalogueHost] = []
    for host in read.hosts:
        if have.get(host.digest):
            have[host.digest].pop()
        elif not host.known:
            fresh.append(host)
    gone = [pk for pks in have.values() for pk in pks]
    for start in range(0, len(gone), _AT_ONCE):
        Host.objects.filter(pk__in=gone[start : start + _AT_ONCE]).delete()
    rows = Host.objects.bulk_create(
        [
            Host(
                catalogue_id=catalogue_id,
                number=host.number,
                digest=host.digest,
                provider=host.provider[:300],
                emails=list(host.emails),
                hei_ids=list(host.hei_ids),
            )
            for host in fresh
        ],
        batch_size=_AT_ONCE,
    )
    pairs = list(zip(rows, fresh, strict=True))
    HostApi.objects.bulk_create(
        [row for host, said in pairs for row in _api_rows(host, said)], batch_size=_AT_ONCE
    )
    HostKey.objects.bulk_create(
        [row for host, said in pairs for row in _key_rows(host, said, read.keys)],
        batch_size=_AT_ONCE,
    )
    return len(fresh), len(gone)


def _api_rows(host: Host, said: messages.CatalogueHost) -> Iterable[HostApi]:
    for hei_id in said.hei_ids:
        for api in said.apis:
            if not _fits(hei_id=hei_id, namespace=api.namespace, element=api.element):
                continue
            yield HostApi(
                host=host,
                hei_id=hei_id,
                namespace=api.namespace,
                element=api.element,
                version=api.version[:30],
                urls=dict(api.urls),
                limits=dict(api.limits),
                flags=dict(api.flags),
                client_auth=list(api.client_auth),
                server_auth=list(api.server_auth),
                emails=list(api.emails),
            )


_LENGTHS = {"hei_id": 120, "namespace": 200, "element": 60}  # of the columns


def _fits(**texts: str) -> bool:
    """Can the names be kept? Longer ones belong to no API that anybody calls."""
    return all(text and len(text) <= _LENGTHS[name] for name, text in texts.items())


def _key_rows(
    host: Host, said: messages.CatalogueHost, keys: Mapping[str, str]
) -> Iterable[HostKey]:
    for purpose, fingerprints in (
        (HostKey.Purpose.CLIENT, said.client_keys),
        (HostKey.Purpose.SERVER, said.server_keys),
    ):
        for fingerprint in fingerprints:
            yield HostKey(
                host=host, purpose=purpose, fingerprint=fingerprint, public=keys[fingerprint]
            )


def erasmus_code(text: str) -> str:
    """An Erasmus code in the form in which we compare: upper case, one blank between its parts."""
    return " ".join(text.upper().split())


def _write_institutions(catalogue_id: int, said: tuple[messages.CatalogueHei, ...]) -> None:
    """Makes the institutions what the document says; what two elements say of one is put together."""
    wanted: dict[str, tuple[list[list[str]], list[list[str]]]] = {}
    for hei in said:
        if _fits(hei_id=hei.hei_id):
            names, others = wanted.setdefault(hei.hei_id, ([], []))
            names.extend([list(pair) for pair in hei.names if list(pair) not in names])
            others.extend([list(pair) for pair in hei.other_ids if list(pair) not in others])
    have = {row.hei_id: row for row in ListedInstitution.objects.filter(catalogue_id=catalogue_id)}
    gone = [row.pk for hei_id, row in have.items() if hei_id not in wanted]
    for start in range(0, len(gone), _AT_ONCE):
        ListedInstitution.objects.filter(pk__in=gone[start : start + _AT_ONCE]).delete()
    fresh: list[ListedInstitution] = []
    changed: list[ListedInstitution] = []
    for hei_id, (names, others) in wanted.items():
        row = have.get(hei_id)
        if row is not None and row.names == names and row.other_ids == others:
            continue
        told = row or ListedInstitution(catalogue_id=catalogue_id, hei_id=hei_id)
        told.names, told.other_ids = names, others
        told.erasmus_code = next(
            (erasmus_code(text)[:40] for kind, text in others if kind == "erasmus"), ""
        )
        words = [hei_id, *(name for _language, name in names), *(text for _kind, text in others)]
        told.search = "\n".join(" ".join(word.lower().split()) for word in words)
        (fresh if row is None else changed).append(told)
    ListedInstitution.objects.bulk_create(fresh, batch_size=_AT_ONCE)
    ListedInstitution.objects.bulk_update(
        changed, ["names", "other_ids", "erasmus_code", "search"], batch_size=_AT_ONCE
    )


# --- By the clock ------------------------------------------------------------------------------

_fetching = threading.Lock()


@every("ewp.catalogue", pause=timedelta(seconds=30))
def keep_fresh(now: datetime) -> None:
    """Refreshes what has expired, beside the worker's own work: a long import must not keep a withdrawn key alive."""
    if settings.CATALOGUE_URL and is_due(now=now) and _fetching.acquire(blocking=False):
        threading.Thread(target=_fetch_beside, args=(now,), name="catalogue", daemon=True).start()


def _fetch_beside(now: datetime) -> None:
    try:
        refresh(now=now)
    except DatabaseError:
        logger.warning("the database did not take the catalogue; it is asked for again")
    finally:
        connection.close()
        _fetching.release()


@every("ewp.capabilities", pause=timedelta(hours=6))
def learn_capabilities(now: datetime) -> None:
    """Institutions that became known since the catalogue last changed get their capabilities too."""
    row = Catalogue.objects.filter(url=settings.CATALOGUE_URL).exclude(digest="").defer("document")
    for catalogue in row:
        with transaction.atomic():
            capabilities.learn(
                catalogue_id=catalogue.pk, is_production=catalogue.url == PRODUCTION, now=now
            )

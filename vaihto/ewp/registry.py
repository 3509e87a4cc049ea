"""Who is who in the network: which endpoint, which key, which institution, as the catalogue says.

What belongs here: questions to our copy of the catalogue. What does not: how the copy is made (`refreshing.py`), and
calling anybody. Start reading at `client_key` and `entries`.

Only the catalogue that `VAIHTO_CATALOGUE_URL` names counts. When the registry is away its last good copy answers,
until that is five days past its expiry. Source: the reference of the network, sections 1.4 and 1.5.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from vaihto.ewp.models import Catalogue, HostApi, HostKey, ListedInstitution
from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.refreshing import HURRIED, erasmus_code, refresh
from vaihto.refusals import Refusal
from vaihto.wording import mark as _

logger = logging.getLogger("vaihto.ewp")

TRUSTED_AFTER_EXPIRY = timedelta(days=5)


class TooOld(Refusal):
    """The last good copy is so old that keys in it may have been withdrawn long ago."""

    sentence = _(
        "The registry has not confirmed our copy of the catalogue for too long, so it is not trusted any more."
    )
    remedy = _("See with `vaihto ewp catalogue --refresh` why the registry cannot be reached.")


# --- Answers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class KnownKey:
    """A key of the catalogue that belongs to somebody.

    `hei_ids` are the institutions in whose name it may sign requests: none at all is possible, and so are several.
    A key that only signs answers is known too, but `signs_requests` is False.
    """

    fingerprint: str
    public: str  # base64 of the DER SubjectPublicKeyInfo on one line
    hei_ids: tuple[str, ...] = ()
    signs_requests: bool = True


@dataclass(frozen=True)
class Entry:
    """One API of one institution at one host.

    `version` is () where the entry states none that can be understood. Methods are names: httpsig, anonymous,
    tlscert.
    """

    hei_id: str
    host_id: int
    provider: str
    namespace: str
    element: str
    version: tuple[int, ...] = ()
    stated_version: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    client_auth: tuple[str, ...] = ()
    server_auth: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()

    @property
    def major(self) -> int | None:
        """The number N of `stable-vN` in the namespace; None outside the network's own namespaces."""
        return _major(self.namespace)

    @property
    def usable(self) -> bool:
        """Can we call it: by signature, or without any authentication?"""
        return "httpsig" in self.client_auth or "anonymous" in self.client_auth

    def limit(self, name: str) -> int:
        """The number under `max-…`, 1 when the entry says none."""
        return max(1, self.limits.get(name, 1))


_STABLE = re.compile(re.escape(EWP) + r"[\w-]+/(?:blob|tree)/stable-v(\d{1,4})(?:/|$)", re.ASCII)
_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,3}", re.ASCII)


def _major(namespace: str) -> int | None:
    found = _STABLE.match(namespace)
    return int(found[1]) if found else None


def version_of(text: str) -> tuple[int, ...]:
    """`2.0.1` as numbers; () for anything else."""
    return tuple(map(int, text.split("."))) if _VERSION.fullmatch(text) else ()


def client_key(fingerprint: str, *, now: datetime, ask_again: bool = True) -> KnownKey | None:
    """The key under this fingerprint, None when nobody in the network has it.

    For an unknown key the registry is asked once more, if that is due (at most once a minute for the whole
    installation), because a partner may have joined just now. Raises `TooOld`.
    """
    copy = _copy()
    found = None if copy is None else copy.key(fingerprint)
    lacking = found is None or (copy is not None and copy.is_too_old(now))
    if lacking and ask_again and _asked_again(now):
        forget()
        copy = _copy()
        found = None if copy is None else copy.key(fingerprint)
    if copy is not None:
        copy.require_trust(now)
    return found


def _asked_again(now: datetime) -> bool:
    """Did the registry answer just now? Where the database is too busy to write that down, nobody is asked."""
    try:
        return refresh(now=now, limits=HURRIED, early=True).has_answer
    except OperationalError:
        logger.warning("the database was too busy to ask the registry for a new partner")
        return False


def entries(
    hei_id: str,
    element: str,
    *,
    major: int | None = None,
    minimum: str = "",
    now: datetime | None = None,
) -> list[Entry]:
    """Where the API of that name is served for the institution, best first: usable ones, then by version.

    `major` keeps those of one namespace generation, `minimum` those that state at least that version. Every host of
    the institution is looked at. Entries that we cannot call are last. Raises `TooOld`.
    """
    copy = _copy()
    if copy is None:
        return []
    copy.require_trust(now or timezone.now())
    least = version_of(minimum)
    return [
        entry
        for entry in copy.entries(hei_id, element)
        if (major is None or entry.major == major)
        and (not least or (entry.version and _at_least(entry.version, least)))
    ]


def _at_least(version: tuple[int, ...], least: tuple[int, ...]) -> bool:
    length = max(len(version), len(least))
    return (*version, *[0] * (length - len(version))) >= (*least, *[0] * (length - len(least)))


def receivers(
    hei_id: str, element: str, *, major: int | None = None, now: datetime | None = None
) -> list[Entry]:
    """Whom to notify: of every host of the institution that has the API, the best entry. Raises `TooOld`."""
    by_host: dict[int, Entry] = {}
    for entry in entries(hei_id, element, major=major, now=now):
        by_host.setdefault(entry.host_id, entry)
    return list(by_host.values())


def may_sign_answer(entry: Entry, fingerprint: str) -> str | None:
    """The public key under this fingerprint, if the very host of the entry signs answers with it; else None.

    The same key at another host does not count, even where both claim one address.
    """
    copy = _copy()
    return None if copy is None else copy.server_key(entry.host_id, fingerprint)


def apis_of(hei_id: str) -> list[Entry]:
    """Every API of the institution, by name, newest version first."""
    copy = _copy()
    if copy is None:
        return []
    rows = _entries_of(HostApi.objects.filter(hei_id=hei_id, host__catalogue_id=copy.pk))
    return sorted(rows, key=lambda entry: (entry.element, *_best(entry)))


def listed(hei_id: str) -> ListedInstitution | None:
    """The institution as the catalogue names it."""
    return _institutions().filter(hei_id=hei_id).first()


def hei_by_erasmus_code(code: str) -> str | None:
    """The id of the institution with this Erasmus code, whatever its case and blanks."""
    wanted = erasmus_code(code)
    if not wanted:
        return None
    found = _institutions().filter(erasmus_code=wanted).values_list("hei_id", flat=True).first()
    return found or _by_other_id("erasmus", wanted)


def successor(hei_id: str) -> str | None:
    """The present id of an institution that changed its domain: itself when it is listed, None when unknown."""
    return hei_id if listed(hei_id) is not None else _by_other_id("previous-schac", hei_id)


def _by_other_id(kind: str, value: str) -> str | None:
    wanted = " ".join(value.lower().split())
    for row in _institutions().filter(search__contains=wanted).order_by("hei_id"):
        for each, text in row.other_ids:
            if each == kind and " ".join(text.lower().split()) == wanted:
                return row.hei_id
    return None


def _institutions() -> QuerySet[ListedInstitution]:
    return ListedInstitution.objects.filter(catalogue__url=settings.CATALOGUE_URL)


# --- How good our copy is ----------------------------------------------------------------------


class State(StrEnum):
    UNSET = "unset"  # no address of a catalogue is set
    NEVER = "never"  # it was never fetched
    FRESH = "fresh"
    STALE = "stale"  # past its expiry, still used
    TOO_OLD = "too-old"  # not used any more


@dataclass(frozen=True)
class Overview:
    """Our copy of the catalogue. `failure` is a code of `outcomes`, `failure_facts` what its sentence names."""

    url: str
    state: State
    age: timedelta | None = None  # since the registry last confirmed it
    asked_at: datetime | None = None
    confirmed_at: datetime | None = None
    changed_at: datetime | None = None
    expires_at: datetime | None = None
    failure: str = ""
    failure_facts: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    size: int = 0
    hosts: int = 0
    institutions: int = 0

    @property
    def is_trusted(self) -> bool:
        """Does it answer questions?"""
        return self.state in {State.FRESH, State.STALE}


def overview(*, now: datetime) -> Overview:
    """How old our copy is, whether it is trusted, and why the last try failed, if it did."""
    url = settings.CATALOGUE_URL
    if not url:
        return Overview(url="", state=State.UNSET)
    row = Catalogue.objects.filter(url=url).defer("document").first()
    if row is None:
        return Overview(url=url, state=State.NEVER)
    failure, facts = _read_failure(row.failure)
    confirmed = row.confirmed_at
    return Overview(
        url=url,
        state=_state(row, now),
        age=None if confirmed is None else max(now - confirmed, timedelta()),
        asked_at=row.asked_at,
        confirmed_at=confirmed,
        changed_at=row.changed_at,
        expires_at=row.expires_at,
        failure=failure,
        failure_facts=facts,
        digest=row.digest,
        size=row.size,
        hosts=row.hosts.count(),
        institutions=row.institutions.count(),
    )


def _state(row: Catalogue, now: datetime) -> State:
    if not row.digest or row.expires_at is None:
        return State.NEVER
    if now > row.expires_at + TRUSTED_AFTER_EXPIRY:
        return State.TOO_OLD
    return State.STALE if now > row.expires_at else State.FRESH


def _read_failure(text: str) -> tuple[str, dict[str, Any]]:
    code, _blank, rest = text.partition(" ")
    try:
        facts = json.loads(rest) if rest else {}
    except ValueError:
        facts = {}
    return code, facts if isinstance(facts, dict) else {}


# --- What a process remembers between two questions --------------------------------------------

_MOST_REMEMBERED = 20_000


class _Copy:
    """Answers found in one edition of the catalogue, so that a signed request costs no query.

    Only what was asked is held, never the whole catalogue.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.pk: int = row["pk"]
        self.edition = (row["pk"], row["digest"])
        self.url: str = row["url"]
        self.expires_at: datetime | None = row["expires_at"]
        self.checked = time.monotonic()
        self._keys: dict[str, KnownKey | None] = {}
        self._entries: dict[tuple[str, str], tuple[Entry, ...]] = {}
        self._server_keys: dict[tuple[int, str], str | None] = {}

    def is_too_old(self, now: datetime) -> bool:
        return self.expires_at is not None and now > self.expires_at + TRUSTED_AFTER_EXPIRY

    def require_trust(self, now: datetime) -> None:
        if self.is_too_old(now):
            raise TooOld("ewp.catalogue-too-old", url=self.url)

    def key(self, fingerprint: str) -> KnownKey | None:
        if fingerprint not in self._keys:
            _bound(self._keys)
            self._keys[fingerprint] = _find_key(self.pk, fingerprint)
        return self._keys[fingerprint]

    def entries(self, hei_id: str, element: str) -> tuple[Entry, ...]:
        asked = (hei_id, element)
        if asked not in self._entries:
            _bound(self._entries)
            rows = HostApi.objects.filter(
                hei_id=hei_id, element=element, host__catalogue_id=self.pk
            )
            self._entries[asked] = tuple(sorted(_entries_of(rows), key=_best))
        return self._entries[asked]

    def server_key(self, host_id: int, fingerprint: str) -> str | None:
        asked = (host_id, fingerprint)
        if asked not in self._server_keys:
            _bound(self._server_keys)
            self._server_keys[asked] = (
                HostKey.objects.filter(
                    host_id=host_id,
                    host__catalogue_id=self.pk,
                    purpose=HostKey.Purpose.SERVER,
                    fingerprint=fingerprint,
                )
                .values_list("public", flat=True)
                .first()
            )
        return self._server_keys[asked]


def _bound(remembered: dict[Any, Any]) -> None:
    """Strangers may ask for keys nobody has; what is remembered of them stays small."""
    if len(remembered) >= _MOST_REMEMBERED:
        remembered.clear()


_held: _Copy | None = None


def forget() -> None:
    """The next question looks at the database again."""
    global _held  # noqa: PLW0603 - one memory per process
    _held = None


def _copy() -> _Copy | None:
    """The edition that counts now; None before there is one. Looked at anew every second or two."""
    global _held  # noqa: PLW0603 - one memory per process
    held, url, seconds = _held, settings.CATALOGUE_URL, settings.CATALOGUE_REMEMBERED_SECONDS
    # Not a moment that means anything, only how long this process has relied on its memory.
    if held is not None and held.url == url and time.monotonic() - held.checked < seconds:
        return held
    row = (
        Catalogue.objects.filter(url=url)
        .exclude(digest="")
        .values("pk", "url", "digest", "expires_at")
        .first()
        if url
        else None
    )
    if row is None:
        _held = None
        return None
    if seconds and held is not None and held.edition == (row["pk"], row["digest"]):
        held.checked, held.expires_at = time.monotonic(), row["expires_at"]
        return held
    _held = _Copy(row)
    return _held


def _find_key(catalogue_id: int, fingerprint: str) -> KnownKey | None:
    rows = list(
        HostKey.objects.filter(host__catalogue_id=catalogue_id, fingerprint=fingerprint)
        .order_by("host__number")
        .values_list("public", "purpose", "host__hei_ids")
    )
    if not rows:
        return None
    asking = [hei_ids for _public, purpose, hei_ids in rows if purpose == HostKey.Purpose.CLIENT]
    return KnownKey(
        fingerprint=fingerprint,
        public=rows[0][0],
        hei_ids=tuple(dict.fromkeys(hei_id for hei_ids in asking for hei_id in hei_ids)),
        signs_requests=bool(asking),
    )


def _entries_of(rows: QuerySet[HostApi]) -> list[Entry]:
    return [
        Entry(
            hei_id=row.hei_id,
            host_id=row.host_id,
            provider=row.host.provider,
            namespace=row.namespace,
            element=row.element,
            version=version_of(row.version),
            stated_version=row.version,
            urls=row.urls,
            limits=row.limits,
            flags=row.flags,
            client_auth=tuple(row.client_auth),
            server_auth=tuple(row.server_auth),
            emails=tuple(row.emails or row.host.emails),
        )
        for row in rows.select_related("host")
        if _major(row.namespace) is not None
    ]


def _best(entry: Entry) -> tuple[Any, ...]:
    """Usable first, then the highest version, then a steady order."""
    return (
        not entry.usable,
        [-part for part in entry.version] or [1],
        -(entry.major or 0),
        entry.host_id,
    )

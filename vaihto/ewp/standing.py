"""How our own node stands: its keys and where each is in its life, and what the registry knows of each institution.

Only reading; keys are changed in `keys.py`. Start reading at `keys_of_node` and `listings`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings

from vaihto.ewp import keys, manifest, registry
from vaihto.ewp.models import HostKey, Key
from vaihto.institutions.models import Institution

SHOULD_BE_LISTED_AFTER = timedelta(minutes=30)
"""The registry reads manifests every few minutes, and our copy of the catalogue is a quarter of an hour old at most."""

_WITHDRAWN_SHOWN = timedelta(days=60)


class State(StrEnum):
    """Where a key is in its life."""

    SIGNS = "signs"
    COMING = "coming"  # published, signs later
    FADING = "fading"  # published still, its successor signs
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class KeyStanding:
    """A key and what happens to it next. `is_listed` is None where there is no catalogue to look into."""

    key: Key
    state: State
    is_listed: bool | None
    fades_at: datetime | None = None  # when it is withdrawn by itself

    @property
    def is_needed(self) -> bool:
        """Does it sign now or soon, so that partners have to know it?"""
        return self.state in {State.SIGNS, State.COMING}

    def is_late(self, now: datetime) -> bool:
        """Should the catalogue know it by now, and does not?"""
        return (
            self.is_listed is False
            and self.is_needed
            and self.key.created_at <= now - SHOULD_BE_LISTED_AFTER
        )


def keys_of_node(*, now: datetime) -> list[KeyStanding]:
    """Every published key and those withdrawn of late, by institution and purpose, the newest first. Two queries."""
    rows = [
        key
        for key in Key.objects.select_related("institution").order_by("-signs_from", "-pk")
        if key.withdrawn_at is None or key.withdrawn_at > now - _WITHDRAWN_SHOWN
    ]
    named = _named([key.fingerprint for key in rows if key.withdrawn_at is None])
    found = [
        KeyStanding(
            key,
            _state(key, rows, now),
            None if named is None else key.fingerprint in named,
            _fades_at(key, rows, now),
        )
        for key in rows
    ]
    return sorted(
        found,
        key=lambda one: (
            one.key.institution.name if one.key.institution is not None else "",
            one.key.purpose,
        ),
    )


def _named(fingerprints: Iterable[str]) -> frozenset[str] | None:
    """Which of them the catalogue names; None where no catalogue is set."""
    if not settings.CATALOGUE_URL:
        return None
    rows = HostKey.objects.filter(
        host__catalogue__url=settings.CATALOGUE_URL, fingerprint__in=list(fingerprints)
    )
    return frozenset(rows.values_list("fingerprint", flat=True))


def _alike(key: Key, rows: Iterable[Key]) -> list[Key]:
    return [
        other
        for other in rows
        if other.withdrawn_at is None
        and (other.institution_id, other.purpose) == (key.institution_id, key.purpose)
    ]


def _state(key: Key, rows: list[Key], now: datetime) -> State:
    if key.withdrawn_at is not None:
        return State.WITHDRAWN
    if key.signs_from > now:
        return State.COMING
    signing = [other for other in _alike(key, rows) if other.signs_from <= now]
    newest = max(signing, key=lambda other: (other.signs_from, other.pk))
    return State.SIGNS if newest.pk == key.pk else State.FADING


def _fades_at(key: Key, rows: list[Key], now: datetime) -> datetime | None:
    later = [other.signs_from for other in _alike(key, rows) if other.signs_from > key.signs_from]
    return min(later) + keys.FADING if later and key.withdrawn_at is None else None


@dataclass(frozen=True)
class Listing:
    """What the catalogue says of an institution that we host. `missing` are APIs we announce and it does not name."""

    institution: Institution
    manifest_url: str
    is_listed: bool
    announced: int
    missing: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()  # named, at another address than ours


def listings() -> list[Listing]:
    """Every hosted institution, by name."""
    return [_listing(one) for one in Institution.objects.hosted().order_by("name")]


def _listing(institution: Institution) -> Listing:
    hei_id = institution.hei_id
    seen = {(one.namespace, one.element): dict(one.urls) for one in registry.apis_of(hei_id)}
    announced = [
        manifest.entry_of(api, hei_id) for api in manifest.served_apis() if api.http_security
    ]
    missing, elsewhere = [], []
    for entry in announced:
        named = f"{entry.element} {entry.version}"
        urls = seen.get((entry.namespace, entry.element))
        if urls is None:
            missing.append(named)
        elif urls != {name: text for name, text in entry.parts if name.endswith("url")}:
            elsewhere.append(named)
    return Listing(
        institution=institution,
        manifest_url=manifest.manifest_url(hei_id),
        is_listed=bool(seen) or registry.listed(hei_id) is not None,
        announced=len(announced),
        missing=tuple(missing),
        elsewhere=tuple(elsewhere),
    )

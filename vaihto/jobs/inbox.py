"""What comes in from partners: kept before the answer leaves, fetched afterwards; and asked for every night.

A notification says that something changed, not what. Who can fetch it says `fetches` from above; who can ask a
partner for everything that changed since a moment says `pulls`, because notifications get lost. Fetching happens
at least once and brings the newest state, so it must be safe to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from vaihto.jobs import outbox
from vaihto.jobs.delivery import Carrier, Lane, Outcome, Policy, Slip
from vaihto.jobs.models import CaughtUp, Notification
from vaihto.jobs.timetable import every

Direction = Notification.Direction

OVERLAP = timedelta(minutes=5)
"""Asked again before the last pull's moment: clocks differ, and what was being written then was not seen."""

FULL_EVERY = timedelta(days=7)
"""After so long everything is asked for, since what was deleted stands in no list of changes."""

_LONGEST_ID = 300
"""No identifier of the network is longer than 64 characters; some partners are generous."""

Fetch = Callable[[Sequence[Slip]], Outcome]
Pairs = Callable[[datetime], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class Asked:
    """A pull: what `partner` changed since a moment of its own clock; everything, when there is none."""

    hei_id: str
    partner: str
    api: str
    since: datetime | None


@dataclass(frozen=True)
class _Fetcher:
    fetch: Fetch
    most: int

    def at_once(self, slip: Slip) -> int:
        return self.most

    def deliver(self, slips: Sequence[Slip]) -> Outcome:
        return self.fetch(slips)


@dataclass(frozen=True)
class _Puller:
    pull: Callable[[Asked], Outcome]
    pairs: Pairs

    def at_once(self, slip: Slip) -> int:
        return 1

    def deliver(self, slips: Sequence[Slip]) -> Outcome:
        slip = slips[0]
        since = since_when(slip.hei_id, slip.partner, slip.api, now=timezone.now())
        outcome = self.pull(Asked(slip.hei_id, slip.partner, slip.api, since))
        return replace(outcome, facts={**outcome.facts, "full": since is None})


FETCHERS: dict[str, Carrier] = {}
PULLERS: dict[str, _Puller] = {}


def fetches(api: str, *, at_once: int = 1) -> Callable[[Fetch], Fetch]:
    """Names the function that fetches what notifications of `api` tell of, up to `at_once` objects together."""

    def register(fetch: Fetch) -> Fetch:
        FETCHERS[api] = _Fetcher(fetch, at_once)
        return fetch

    return register


def pulls(
    api: str, *, pairs: Pairs
) -> Callable[[Callable[[Asked], Outcome]], Callable[[Asked], Outcome]]:
    """Names the function that asks a partner what changed and hands the ids to `receive`.

    `pairs` gives (our hei_id, partner) for whom that makes sense tonight. The answer's `server_time` is the
    partner's clock when it was asked; without it the next pull asks from the same moment again.
    """

    def register(pull: Callable[[Asked], Outcome]) -> Callable[[Asked], Outcome]:
        PULLERS[api] = _Puller(pull, pairs)
        return pull

    return register


def receive(
    *,
    hei_id: str,
    partner: str,
    api: str,
    object_ids: Iterable[str],
    now: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Keeps a partner's word that these objects changed; equal word that still waits is one.

    Returns when it is kept, so that the partner may be answered. What cannot be an identifier is passed over:
    unknown ids are no error. Source: EWP architecture, change notification receivers, receiver.
    """
    usable = [one for one in object_ids if 0 < len(one) <= _LONGEST_ID and one.isprintable()]
    with transaction.atomic():
        outbox.write(
            Direction.IN,
            hei_id=hei_id,
            partner=partner,
            api=api,
            object_ids=usable,
            now=now,
            facts=facts,
        )


def ask(*, hei_id: str, partner: str, api: str, now: datetime) -> None:
    """Asks the partner what changed, now and not at night; "refresh now"."""
    with transaction.atomic():
        outbox.write(
            Direction.PULL, hei_id=hei_id, partner=partner, api=api, object_ids=[""], now=now
        )


@every("notifications.catch-up", at=time(1, 30))
def catch_up(now: datetime) -> None:
    """Asks every partner what changed since the last time."""
    for api, puller in PULLERS.items():
        for hei_id, partner in puller.pairs(now):
            ask(hei_id=hei_id, partner=partner, api=api, now=now)


def since_when(hei_id: str, partner: str, api: str, *, now: datetime) -> datetime | None:
    """From which moment of the partner's clock to ask; None for everything."""
    known = CaughtUp.objects.filter(hei_id=hei_id, partner=partner, api=api).first()
    if known is None or known.server_time is None or known.full_at is None:
        return None
    return None if now - known.full_at >= FULL_EVERY else known.server_time - OVERLAP


def _caught_up(slip: Slip, outcome: Outcome, now: datetime) -> None:
    known, _new = CaughtUp.objects.get_or_create(
        hei_id=slip.hei_id, partner=slip.partner, api=slip.api
    )
    known.succeeded_at = now
    if outcome.server_time is not None:
        known.server_time = outcome.server_time
        if outcome.facts.get("full"):
            known.full_at = now
    known.save()


# Fetching writes into the database, and asking may bring much: fewer at a time than what is merely sent.
IN_LANE = Lane(Direction.IN, FETCHERS, Policy(threads=8, batch=64))
PULL_LANE = Lane(Direction.PULL, PULLERS, Policy(threads=4, batch=16), arrived=_caught_up)
outbox.LANES[Direction.IN] = IN_LANE
outbox.LANES[Direction.PULL] = PULL_LANE

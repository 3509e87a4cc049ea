"""Deeds on what is under way between two nodes: word that comes late, twice, out of order or not at all."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from vaihto.agreements.models import Agreement
from vaihto.jobs import inbox, outbox
from vaihto.jobs.models import Notification


def send(_facts: dict[str, Any]) -> int:
    """Only what is due to go out goes out; what came meanwhile is not looked at."""
    return outbox.round_over("out").arrived


def fetch(_facts: dict[str, Any]) -> int:
    """Only what word has come of is fetched."""
    return outbox.round_over("in").arrived


def _open(facts: dict[str, Any]) -> QuerySet[Notification]:
    """Word between the two that is still under way, out and in."""
    return Notification.objects.filter(hei_id=facts["own"], partner=facts["partner"], ended_at=None)


def delay(facts: dict[str, Any]) -> int:
    """Some of what is under way comes a day later, or when it is let go."""
    chance = random.Random(facts["seed"])  # noqa: S311 - a walk, not a secret
    late = [pk for pk in _open(facts).values_list("pk", flat=True) if chance.random() < 0.5]
    return _open(facts).filter(pk__in=late).update(due_at=timezone.now() + timedelta(days=1))


def shuffle(facts: dict[str, Any]) -> int:
    """All that is under way, late or not, is due now, in an order that nobody meant."""
    chance = random.Random(facts["seed"])  # noqa: S311 - a walk, not a secret
    rows = list(_open(facts))
    for row in rows:
        row.due_at = timezone.now() - timedelta(seconds=chance.uniform(1, 1000))
        row.save(update_fields=["due_at"])
    return len(rows)


def double(facts: dict[str, Any]) -> int:
    """Whatever the partner ever told us about this agreement it tells us once more."""
    one = Agreement.objects.get(institution__hei_id=facts["own"], code=facts["code"])
    heard = Notification.objects.filter(
        direction="in", hei_id=facts["own"], partner=facts["partner"],
        object_id__in=[one.iia_id, one.partner_iia_id],
    )  # fmt: skip
    again = set(heard.values_list("api", "object_id"))
    for api, object_id in sorted(again):
        inbox.receive(
            hei_id=facts["own"], partner=facts["partner"], api=api, object_ids=[object_id],
            now=timezone.now(),
        )  # fmt: skip
    return len(again)


def pull(facts: dict[str, Any]) -> int:
    """Asks the partner what it changed, as every night."""
    for _try in range(5):  # who is too busy to answer is asked again, without a worker's pause
        inbox.ask(hei_id=facts["own"], partner=facts["partner"], api="iias", now=timezone.now())
        if arrived := outbox.round_over("pull").arrived:
            return arrived
    return 0


def waiting(facts: dict[str, Any]) -> int:
    """How much is under way."""
    return _open(facts).count()


DEEDS = (send, fetch, delay, shuffle, double, pull, waiting)

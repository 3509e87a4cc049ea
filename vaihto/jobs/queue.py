"""The one door to the library that runs work: enqueueing, waking, and the wish to stop.

What is to be done always stands in a table of ours; a task only says "go and look". So a task may be lost with
its broker, may come twice, and may come late: whoever looks finds what is there.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django_tasks.base import Task

from vaihto.jobs.models import Bell

logger = logging.getLogger("vaihto.jobs")

FORGOTTEN_AFTER = timedelta(seconds=30)
"""A bell that nobody answered for so long is rung again: its task was lost, or its ringer died before asking."""

stopping = threading.Event()
"""Set when this worker was asked to end: work that comes in pieces begins no further piece."""


def has_broker() -> bool:
    """Is the queue elsewhere than in the database?"""
    return bool(settings.TASKS["default"].get("ENQUEUE_ON_COMMIT"))


def enqueue(task: Task[..., Any], *arguments: Any) -> None:
    """Asks for a task: in the database with the open transaction, from a broker after it.

    A broker that does not answer is no fault of the change: it is logged, and what waits in the tables is asked
    for again by `sweep` of whoever keeps it.
    """
    if has_broker():
        transaction.on_commit(lambda: _ask(task, arguments))
    else:
        task.enqueue(*arguments)


_SULKING_SECONDS = 5.0
_silent_since = 0.0  # monotonic seconds; 0 while the broker answers


def _ask(task: Task[..., Any], arguments: tuple[Any, ...]) -> None:
    """Asks the broker, and not again for a moment after it was silent: nobody's page shall wait for it."""
    from redis.exceptions import RedisError  # noqa: PLC0415 - only where a broker is set

    global _silent_since  # noqa: PLW0603 - one broker per process
    if _silent_since and time.monotonic() - _silent_since < _SULKING_SECONDS:
        return
    try:
        task.enqueue(*arguments)
        _silent_since = 0.0
    except (RedisError, OSError):
        _silent_since = time.monotonic()
        logger.warning("the broker did not answer", extra={"task": task.name})


def answers() -> bool:
    """Does the queue answer? The database's is as well as the database, which others ask."""
    if not has_broker():
        return True
    import django_rq  # noqa: PLC0415 - only where a broker is set
    from redis.exceptions import RedisError  # noqa: PLC0415

    try:
        return bool(django_rq.get_connection().ping())
    except (RedisError, OSError):
        return False


def ring(name: str, task: Task[..., Any], *arguments: Any, now: datetime) -> bool:
    """Asks for `task` unless somebody has and it has not begun. Call it after the commit of what it shall find.

    Of many callers one enqueues, so that a thousand changes make one task and not a thousand.
    """
    silent = Q(rung_at__isnull=True) | Q(rung_at__lt=now - FORGOTTEN_AFTER)
    bell = Bell.objects.filter(name=name)
    if not bell.filter(silent).exists():  # a reading asks no lock
        if bell.exists():
            return False
        Bell.objects.get_or_create(name=name)
    with transaction.atomic():
        if not bell.filter(silent).update(rung_at=now):
            return False
        enqueue(task, *arguments)
    return True


def answer(name: str) -> None:
    """The task has begun: who changes something from now on rings anew."""
    Bell.objects.filter(name=name, rung_at__isnull=False).update(rung_at=None)

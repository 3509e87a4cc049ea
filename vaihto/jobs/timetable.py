"""Work that comes round by itself: declared next to the function it runs, run by the ticker of `vaihto work`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from vaihto.jobs.models import Ran

logger = logging.getLogger("vaihto.jobs")


@dataclass(frozen=True)
class Timed:
    """A function that runs once a day after `at` (local time), or every `pause`."""

    name: str
    run: Callable[[datetime], None]
    at: time | None = None
    pause: timedelta | None = None

    def is_due(self, *, last: datetime | None, now: datetime) -> bool:
        """Is it time? `now` is a local moment; `last` is when it ran last."""
        if self.pause is not None:
            return last is None or now - last >= self.pause
        if self.at is None:
            return False
        today = now.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0)
        return now >= today and (last is None or last < today)


TIMETABLE: dict[str, Timed] = {}


def every(
    name: str, *, at: time | None = None, pause: timedelta | None = None
) -> Callable[[Callable[[datetime], None]], Callable[[datetime], None]]:
    """Puts a function on the timetable."""

    def register(run: Callable[[datetime], None]) -> Callable[[datetime], None]:
        TIMETABLE[name] = Timed(name, run, at, pause)
        return run

    return register


def tick(*, now: datetime) -> list[str]:
    """Runs what is due, each once over all workers; returns the names of what ran.

    One row per name says when it ran last; it is claimed by a conditional update, so that of many workers
    one runs it. What is not due costs one reading query and no lock.
    """
    done: list[str] = []
    ran = dict(Ran.objects.values_list("name", "last"))
    for timed in list(TIMETABLE.values()):
        if not timed.is_due(last=ran.get(timed.name), now=now):
            continue
        if timed.name not in ran:
            Ran.objects.get_or_create(name=timed.name)
        if not Ran.objects.filter(name=timed.name, last=ran.get(timed.name)).update(last=now):
            continue
        try:
            timed.run(now)
        except Exception:
            # The ticker's own edge: one entry that fails does not stop the others.
            logger.exception("timed work failed", extra={"timed": timed.name})
            continue
        done.append(timed.name)
    return done

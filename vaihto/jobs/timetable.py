"""Work that comes round by itself: declared next to the function it runs, run by the ticker of `vaihto work`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import models, transaction


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
        today = now.replace(
            hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0
        )
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


def tick(*, now: datetime, ran: type[models.Model]) -> list[str]:
    """Runs what is due, each once over all workers; returns the names of what ran.

    `ran` keeps one row per name; the row is claimed by a conditional update, so that of many workers one runs it.
    """
    done: list[str] = []
    for timed in TIMETABLE.values():
        with transaction.atomic():
            row, _created = ran._default_manager.get_or_create(name=timed.name)
        if not timed.is_due(last=row.last, now=now):
            continue
        claimed = ran._default_manager.filter(pk=row.pk, last=row.last).update(last=now)
        if claimed:
            timed.run(now)
            done.append(timed.name)
    return done

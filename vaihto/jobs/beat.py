"""Who of the workers is alive, and what a dead one left behind.

Each worker says so every few seconds. PostgreSQL: a row in a table. SQLite: a file beside the database,
because a long import holds the only write lock and the heart must go on beating.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection

from vaihto.jobs.models import Beat

PAUSE = timedelta(seconds=10)
SILENT_AFTER = timedelta(seconds=60)


_current = ""


def current() -> str:
    """The name of the worker that this process is; empty where it is none."""
    return _current


def become(worker: str) -> None:
    """From now on this process is `worker`."""
    global _current  # noqa: PLW0603 - a process is one worker at a time
    _current = worker


def _folder() -> Path:
    return Path(settings.DATA) / "workers"


def beat(worker: str, *, now: datetime) -> None:
    """`worker` is alive at `now`."""
    if connection.vendor == "sqlite":
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{worker}.new"
        fresh.write_text(json.dumps({"at": now.astimezone(UTC).isoformat()}), "utf-8")
        fresh.replace(folder / f"{worker}.json")
        return
    Beat.objects.update_or_create(worker=worker, defaults={"at": now})


def beats() -> dict[str, datetime]:
    """When each known worker was alive last."""
    if connection.vendor != "sqlite":
        return dict(Beat.objects.values_list("worker", "at"))
    known: dict[str, datetime] = {}
    for file in _folder().glob("*.json"):
        try:
            known[file.stem] = datetime.fromisoformat(json.loads(file.read_text("utf-8"))["at"])
        except (OSError, ValueError, KeyError):
            continue
    return known


def stop(worker: str) -> None:
    """`worker` has ended properly and is not missed."""
    if connection.vendor == "sqlite":
        (_folder() / f"{worker}.json").unlink(missing_ok=True)
        return
    Beat.objects.filter(worker=worker).delete()


def alive(*, now: datetime) -> list[str]:
    """The workers that were heard of within the last minute."""
    return sorted(worker for worker, at in beats().items() if now - at <= SILENT_AFTER)


def silent(*, now: datetime) -> list[str]:
    """The workers that stopped without saying so."""
    return sorted(worker for worker, at in beats().items() if now - at > SILENT_AFTER)

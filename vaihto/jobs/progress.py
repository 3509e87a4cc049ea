"""How far a long work is, visible to others while its transaction is still open.

PostgreSQL: a second connection writes the row. SQLite allows one writer at a time, and the work itself is
that writer; there the figures go to a small file beside the database, which one machine always shares.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, connection

from vaihto.jobs.models import Work

logger = logging.getLogger("vaihto.jobs")

_PAUSE_SECONDS = 0.5
_PATIENCE = "500ms"


def _file(work_id: int) -> Path:
    return Path(settings.DATA) / "progress" / f"{work_id}.json"


@dataclass
class Progress:
    """Handed to the function that does the work; call `at` as often as you like."""

    work: Work
    _told: float = 0.0

    def at(self, done: int, total: int | None = None, step: str = "") -> None:
        """`done` of `total` are finished; told to others at most twice a second, and at the end."""
        now = time.monotonic()
        if now - self._told < _PAUSE_SECONDS and done != total:
            return
        self._told = now
        if total is not None:
            self.work.total = total
        self.work.done = done
        self.work.step = step or self.work.step
        if connection.vendor == "sqlite":
            self._tell_file()
        else:
            self._tell_row()

    def _tell_file(self) -> None:
        file = _file(self.work.pk)
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text(
            json.dumps({"done": self.work.done, "total": self.work.total, "step": self.work.step}),
            "utf-8",
        )
        fresh.replace(file)

    def _tell_row(self) -> None:
        if not connection.in_atomic_block:
            self.work.save(update_fields=["done", "total", "step"])
            return
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [_PATIENCE])
                cursor.execute(
                    "UPDATE jobs_work SET done = %s, total = %s, step = %s WHERE id = %s",
                    [self.work.done, self.work.total, self.work.step, self.work.pk],
                )
        except OperationalError:
            # Somebody holds the row, perhaps this very transaction, which would wait for itself for ever;
            # or no connection is free. The work is worth more than its figures.
            logger.info("progress not told", extra={"work": self.work.pk})
        finally:
            other.close()


def seen(work: Work) -> Work:
    """The work with the newest figures of its progress."""
    if connection.vendor == "sqlite" and not work.has_ended:
        try:
            told = json.loads(_file(work.pk).read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return work
        work.done, work.total, work.step = told["done"], told["total"], told["step"]
    return work


def forget(work: Work) -> None:
    """Removes the progress file of a work that has ended."""
    _file(work.pk).unlink(missing_ok=True)

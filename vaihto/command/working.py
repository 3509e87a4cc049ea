"""Background work: one task at a time, and beside it a ticker for the heartbeat and the timetable."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from datetime import datetime
from types import FrameType

from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from django_tasks_db.management.commands.db_worker import Worker

from vaihto.command import DONE
from vaihto.command.arguments import parser_of
from vaihto.jobs import beat
from vaihto.jobs.actions import ask_again, resume_lost
from vaihto.jobs.delivery import is_due
from vaihto.jobs.outbox import LANES, round_over, wake
from vaihto.jobs.queue import has_broker, stopping
from vaihto.jobs.timetable import tick

logger = logging.getLogger("vaihto.jobs")


def work(arguments: list[str]) -> int:
    """Works until SIGTERM or SIGINT; the task at hand is finished first, a second signal breaks it off."""
    parser = parser_of("work")
    parser.add_argument(
        "--until-idle",
        action="store_true",
        help="do what waits, then end instead of waiting for more",
    )
    parser.add_argument(
        "--no-timed", action="store_true", help="leave the timetable to another worker"
    )
    chosen = parser.parse_args(arguments)
    name = f"{socket.gethostname()[:40]}-{os.getpid()}"
    beat.become(name)
    # From before the first beat on: who is asked to end while still starting leaves no beat behind.
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, _end_at_once)
    ticker = Ticker(name, timed=not (chosen.no_timed or chosen.until_idle))
    try:
        ticker.start()
        if chosen.until_idle:
            _work_off_notifications()
        if has_broker():
            from vaihto.command import brokering  # noqa: PLC0415 - only where a broker is set

            brokering.work(name, until_idle=chosen.until_idle)
        else:
            _work_from_database(name, until_idle=chosen.until_idle)
    finally:
        ticker.stop()
    return DONE


def _end_at_once(_signum: int, _frame: FrameType | None) -> None:
    stopping.set()
    sys.exit(DONE)


def _work_off_notifications() -> None:
    """What is due goes now, even if its task was lost or lies in another queue."""
    for direction in LANES:
        if is_due(direction, now=timezone.now()):
            round_over(direction)


class _Worker(Worker):
    """The library's worker; when asked to end it lets go of work that comes in pieces."""

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        stopping.set()
        super().shutdown(signum, frame)


def _work_from_database(name: str, *, until_idle: bool) -> None:
    worker = _Worker(
        queue_names=["*"],
        interval=0.5,
        batch=until_idle,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id=name,
        excluded_queue_names=[],
    )
    worker.configure_signals()
    worker.run()


class Ticker:
    """A thread beside the worker; it beats, resumes what was left or lost, and runs the timetable."""

    def __init__(self, name: str, *, timed: bool) -> None:
        self._name = name
        self._timed = timed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Says at once that this worker is alive, and goes on saying so."""
        beat.beat(self._name, now=timezone.now())
        resume_lost(now=timezone.now())
        wake(timezone.now())
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and says that this worker is not missed."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        beat.stop(self._name)

    def _run(self) -> None:
        while not self._stop.wait(beat.PAUSE.total_seconds()):
            self.once(now=timezone.localtime())
        connection.close()

    def once(self, *, now: datetime) -> None:
        """One round. A database that is busy or away is no reason to die: the next round comes."""
        close_old_connections()
        try:
            beat.beat(self._name, now=now)
            resume_lost(now=now)
            ask_again(now=now)
            if self._timed:
                tick(now=now)
        except DatabaseError:
            logger.warning("the database did not answer the ticker")

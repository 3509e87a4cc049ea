"""Background work that a Redis server hands out.

The library's worker ends itself when its connection breaks in the middle of something; here it begins again, until
it is asked to end. What was lost with the server's memory is asked for again by the tickers.
"""

from __future__ import annotations

import logging
from datetime import datetime
from types import FrameType

import django_rq
from django.db import close_old_connections
from django_tasks_rq import Job
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.job import Job as AnyJob
from rq.queue import Queue
from rq.worker.base import StopRequested

from vaihto.jobs.queue import stopping

logger = logging.getLogger("vaihto.jobs")

_PAUSE_SECONDS = 2.0


class Worker(SimpleWorker):
    """Runs tasks in this process, beside the ticker's thread; a fork would leave that thread behind."""

    max_connection_wait_time = 5.0

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """The task at hand is finished first; work that comes in pieces begins no further one."""
        stopping.set()
        super().request_stop(signum, frame)

    def set_shutdown_requested_date(self) -> None:
        """Says nothing to the server: this runs in the handler of a signal, in the middle of a task."""
        self._shutdown_requested_date = datetime.now().astimezone()

    def execute_job(self, job: AnyJob, queue: Queue) -> None:
        """One task, with a database connection that is still good."""
        close_old_connections()
        try:
            super().execute_job(job, queue)
        finally:
            close_old_connections()


def work(name: str, *, until_idle: bool) -> None:
    """Works until asked to end, or until nothing waits."""
    round_number = 0
    while not stopping.is_set():
        round_number += 1
        try:
            queue = django_rq.get_queue("default", job_class=Job)
            worker = Worker(
                [queue],
                name=f"{name}-{round_number}",
                connection=queue.connection,
                job_class=Job,
                serializer=queue.serializer,
                log_job_description=False,
            )
            worker.work(burst=until_idle, logging_level="WARNING")
        except StopRequested:
            return
        except (RedisError, OSError):
            logger.warning("the broker does not answer")
        else:
            if until_idle:
                return
        stopping.wait(_PAUSE_SECONDS)

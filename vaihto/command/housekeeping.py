"""Timed work of the installation itself: what libraries keep longer than anybody needs it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.management import call_command
from django.db.models import QuerySet
from django_tasks_db.compat import TaskResultStatus
from django_tasks_db.models import DBTaskResult

_KEPT_DAYS = 14


def tidy(now: datetime) -> None:
    """Removes ended sessions, old sign-in attempts, and the queue's records of tasks that ended."""
    call_command("clearsessions")
    call_command("axes_reset_logs", f"--age={_KEPT_DAYS}", verbosity=0)
    _lost(now).update(status=TaskResultStatus.FAILED, finished_at=now)
    call_command("prune_db_task_results", f"--min-age-days={_KEPT_DAYS}", verbosity=0)


def _lost(now: datetime) -> QuerySet[DBTaskResult]:
    """Tasks whose worker died; the work itself was resumed under a new task long ago."""
    return DBTaskResult.objects.filter(
        status=TaskResultStatus.RUNNING, started_at__lt=now - timedelta(days=2)
    )

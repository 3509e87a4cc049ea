"""Starting long work, and running it.

A room says `@handles("imports.confirm")` over the function that does the work; `start` writes the `Work` row
and enqueues it in the transaction of the change. The function must be safe to run twice: a worker that dies
leaves the work running, and `resume_lost` starts it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.utils import timezone
from django_tasks import task

from vaihto.jobs import beat, queue
from vaihto.jobs.models import Work
from vaihto.jobs.progress import Progress, forget
from vaihto.journal.actors import Actor
from vaihto.refusals import Refusal

logger = logging.getLogger("vaihto.jobs")

_ATTEMPTS = 3

Handler = Callable[[Progress], dict[str, Any]]
_HANDLERS: dict[str, Handler] = {}


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Names the function that does the work of this kind; its answer becomes `Work.result`."""

    def register(handler: Handler) -> Handler:
        _HANDLERS[kind] = handler
        return handler

    return register


def start(
    *, kind: str, actor: Actor, subject_id: object = "", institution_id: int | None = None
) -> Work:
    """Writes the work down and enqueues it; it begins when a worker is free."""
    if kind not in _HANDLERS:
        raise LookupError(f"nobody handles {kind}")
    work = Work.objects.create(
        kind=kind,
        subject_id=str(subject_id),
        account_id=actor.account_id,
        institution_id=institution_id,
    )
    _enqueue(work)
    return work


def _enqueue(work: Work) -> None:
    Work.objects.filter(pk=work.pk).update(enqueued_at=timezone.now())
    queue.enqueue(run_work, work.pk)


@task()
def run_work(work_id: int) -> None:
    """Runs one work to its end. A refusal is an end; a fault is logged and marks the work failed."""
    taken = Work.objects.filter(pk=work_id, state__in=[Work.State.WAITING]).update(
        state=Work.State.RUNNING,
        started_at=timezone.now(),
        worker=beat.current(),
        attempts=F("attempts") + 1,
    )
    if not taken:
        return
    run(Work.objects.get(pk=work_id))


def run(work: Work) -> Work:
    """Does the work in this process; used by the task, by commands and by tests."""
    if work.state != Work.State.RUNNING:
        work.state = Work.State.RUNNING
        work.started_at = timezone.now()
        work.save(update_fields=["state", "started_at"])
    progress = Progress(work)
    try:
        work.result = _HANDLERS[work.kind](progress)
        work.state = Work.State.DONE
    except Refusal as refusal:
        work.state = Work.State.REFUSED
        work.refusal = {
            "code": refusal.code,
            "sentence": refusal.sentence,
            "remedy": refusal.remedy,
            "facts": {name: str(value) for name, value in refusal.facts.items()},
        }
    except Exception:
        # The worker's own edge: the fault is logged with its trace, the work is somebody's task.
        logger.exception("work failed", extra={"work": work.pk, "kind": work.kind})
        work.state = Work.State.FAILED
        work.ended_at = timezone.now()
        work.save()
        forget(work)
        raise
    work.ended_at = timezone.now()
    work.save()
    forget(work)
    return work


def resume_lost(*, now: datetime, after: timedelta = timedelta(hours=6)) -> int:
    """Starts again what a dead worker left running; returns how many.

    Work without a worker (a command did it) counts as lost after a while. What was lost three times has
    probably ended its workers itself, and fails for good.
    """
    known = beat.beats()
    dead = {name for name, at in known.items() if now - at > 2 * beat.SILENT_AFTER}
    count = 0
    for work in Work.objects.filter(state=Work.State.RUNNING):
        started = work.started_at or work.created_at
        is_lost = (
            work.worker in dead
            or (work.worker and work.worker not in known and now - started > beat.SILENT_AFTER)
            or now - started > after
        )
        if not is_lost or work.worker == beat.current() != "":
            continue
        gives_up = work.attempts >= _ATTEMPTS
        changed = Work.objects.filter(
            pk=work.pk, state=Work.State.RUNNING, worker=work.worker
        ).update(
            state=Work.State.FAILED if gives_up else Work.State.WAITING,
            ended_at=now if gives_up else None,
        )
        if not changed:
            continue
        if gives_up:
            logger.error("work lost too often", extra={"work": work.pk, "kind": work.kind})
            continue
        logger.warning("work resumed", extra={"work": work.pk, "kind": work.kind})
        _enqueue(work)
        count += 1
    for name in dead:
        beat.stop(name)
    return count


def ask_again(*, now: datetime, after: timedelta = timedelta(minutes=5), most: int = 50) -> int:
    """Asks again for work that waits too long; returns how many.

    Its task was lost with a broker, or with a worker that died between taking the task and the work. A task
    too many does nothing: of all that name the work one takes it.
    """
    asked_long_ago = Q(enqueued_at__isnull=True) | Q(enqueued_at__lte=now - after)
    waiting = Work.objects.filter(asked_long_ago, state=Work.State.WAITING).order_by("created_at")
    count = 0
    for work in waiting[:most]:
        if Work.objects.filter(pk=work.pk, enqueued_at=work.enqueued_at).update(enqueued_at=now):
            queue.enqueue(run_work, work.pk)
            count += 1
    return count

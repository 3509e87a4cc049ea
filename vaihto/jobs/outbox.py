"""What goes out to partners: written with the change, carried afterwards.

`notify` stands in the transaction of the change, so that there is neither a change without word of it nor word of a
change that was rolled back. Who carries an API says `carries` from above; this room knows no protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks import task

from vaihto.jobs import delivery, queue
from vaihto.jobs.delivery import Carrier, Done, Lane, Policy, Round
from vaihto.jobs.models import Notification
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Stale
from vaihto.wording import mark as _

Direction = Notification.Direction
State = Notification.State

KEPT = timedelta(days=90)
"""How long what has ended can still be seen."""

CARRIERS: dict[str, Carrier] = {}
LANE = Lane(Direction.OUT, CARRIERS, Policy(threads=max(1, settings.SENDING_THREADS)))


def carries(api: str, carrier: Carrier) -> None:
    """From now on `carrier` brings word of `api` to partners."""
    CARRIERS[api] = carrier


def notify(
    *,
    hei_id: str,
    partner: str,
    api: str,
    object_ids: Iterable[str],
    now: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """The partner shall hear that these objects of `hei_id` changed. Belongs in the transaction of the change.

    Word that still waits is not said twice; word that is on its way is said once more afterwards. `facts` are
    further parameters that follow from the object; of merged word the newest count.
    """
    write(
        Direction.OUT,
        hei_id=hei_id,
        partner=partner,
        api=api,
        object_ids=object_ids,
        now=now,
        facts=facts,
    )


def write(
    direction: Notification.Direction,
    *,
    hei_id: str,
    partner: str,
    api: str,
    object_ids: Iterable[str],
    now: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Writes notifications of one direction and wakes who works them off. `notify` and the inbox use it."""
    known = dict(facts or {})
    # In one order always, so that two changes with the same objects do not wait for each other crosswise.
    for object_id in sorted(set(object_ids)):
        delivery.put(
            Notification(
                direction=direction,
                hei_id=hei_id,
                partner=partner,
                api=api,
                object_id=object_id,
                facts=known,
                due_at=now,
                first_at=now,
                changed_at=now,
                expires_at=now + timedelta(hours=settings.NOTIFICATION_HOURS),
            )
        )
    wake_after_commit(direction)


def wake_after_commit(direction: Notification.Direction) -> None:
    """Has the lane worked off as soon as the open transaction is committed; asked for once per transaction."""
    connection = transaction.get_connection()
    asked = [hook[1] for hook in connection.run_on_commit]
    if not any(getattr(hook, "direction", None) == direction for hook in asked):
        transaction.on_commit(_Wake(direction), robust=True)


class _Wake:
    """Rings for a lane when it is called."""

    def __init__(self, direction: Notification.Direction) -> None:
        self.direction = direction

    def __call__(self) -> None:
        queue.ring(self.direction, work_off, self.direction, now=timezone.now())


LANES: dict[str, Lane] = {Direction.OUT: LANE}
"""By direction; the inbox adds its own."""


@task()
def work_off(direction: str) -> None:
    """One round over a lane, and another asked for when something due is left."""
    if direction in LANES:
        round_over(direction)


def round_over(direction: str) -> Done:
    """Works the lane off in this process."""
    queue.answer(direction)

    def ring() -> None:
        queue.ring(direction, work_off, direction, now=timezone.now())

    done = Round(LANES[direction], clock=timezone.now).run(on_plenty=ring)
    if done.more:
        ring()
    return done


class NotOpen(Stale):
    """The notification is not in a state in which that can be done."""

    sentence = _("This notification has moved on meanwhile.")
    remedy = _("Look at its present state.")


def _require(actor: Actor, institution_id: int | None) -> None:
    if not (actor.sees_everything or actor.is_operator):
        actor.require(May.INSTITUTIONS_EDIT, institution_id or 0)


def send_again(
    *,
    actor: Actor,
    notification: Notification,
    now: datetime,
    institution_id: int | None = None,
) -> None:
    """Tries it again now: what waits for a later time, what was set aside, and anew what has ended.

    Operators may, and who keeps the institution, whose id the caller gives. What is on its way is left alone.
    """
    _require(actor, institution_id)
    with transaction.atomic():
        row = Notification.objects.select_for_update().get(pk=notification.pk)
        if row.claimed_until is not None and row.claimed_until > now:
            raise NotOpen("notification.under-way")
        if row.ended_at is None:
            Notification.objects.filter(pk=row.pk).update(faults=0)
        write(
            Direction(row.direction),
            hei_id=row.hei_id,
            partner=row.partner,
            api=row.api,
            object_ids=[row.object_id],
            facts=row.facts,
            now=now,
        )
        record(actor, "sent again", row, at=now, institution_id=institution_id)


def dismiss(
    *,
    actor: Actor,
    notification: Notification,
    reason: str,
    now: datetime,
    institution_id: int | None = None,
) -> None:
    """Lets what was set aside rest: nobody is told any more. The next change of the object is told again."""
    _require(actor, institution_id)
    with transaction.atomic():
        rested = Notification.objects.filter(pk=notification.pk, state=State.SET_ASIDE)
        if not rested.update(state=State.DISMISSED, ended_at=now):
            raise NotOpen("notification.not-set-aside")
        record(
            actor, "dismissed", notification, at=now, institution_id=institution_id, reason=reason
        )


def set_aside(*, hei_ids: Iterable[str] | None = None) -> QuerySet[Notification]:
    """What waits for the operator, the longest-waiting first; of some institutions, or of all."""
    found = Notification.objects.filter(state=State.SET_ASIDE).order_by("tried_at", "pk")
    return found if hei_ids is None else found.filter(hei_id__in=list(hei_ids))


@every("notifications.forget", at=time(3, 40))
def forget(now: datetime) -> None:
    """Deletes what ended long ago, a thousand at a time."""
    old = Notification.objects.filter(ended_at__lt=now - KEPT)
    while pks := list(old.values_list("pk", flat=True)[:1000]):
        Notification.objects.filter(pk__in=pks).delete()


@every("notifications.wake", pause=timedelta(seconds=9))
def wake(now: datetime) -> None:
    """Rings for every lane in which something is due: after a pause, a lost task, or a worker that died."""
    for direction in LANES:
        if delivery.is_due(direction, now=now):
            queue.ring(direction, work_off, direction, now=now)

"""Letters to our own people: how much waits for them on *Your turn*, at the rhythm that each has chosen.

A letter says kinds and numbers and where to look, never whose matter it is: it may lie in a mailbox for years.
Without anything waiting none goes.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import ngettext
from django_tasks import task

from vaihto.jobs import mailing, queue
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor
from vaihto.people.access import actor_of
from vaihto.people.models import Account
from vaihto.refusals import NotAllowed
from vaihto.web.models import Reminder
from vaihto.web.turn import queues

logger = logging.getLogger("vaihto.web")

Rhythm = Reminder.Rhythm

# When letters go, local time: before the office opens.
MORNING = time(6, 30)
_AGAIN_AFTER = timedelta(hours=2)  # when the mail server did not take it
_LEASE = timedelta(minutes=15)  # who began a letter and ended without a word is thought dead
_AT_ONCE = 50
_SATURDAY = 5


# Choosing -------------------------------------------------------------------------------------------


def next_morning(rhythm: str, *, after: datetime) -> datetime | None:
    """The next morning of this rhythm after a moment; None without letters."""
    if rhythm == Rhythm.NEVER:
        return None
    local = timezone.localtime(after)
    day = local.date() if local.time() < MORNING else local.date() + timedelta(days=1)
    while not _is_day(rhythm, day):
        day += timedelta(days=1)
    return timezone.make_aware(datetime.combine(day, MORNING))


def _is_day(rhythm: str, day: date) -> bool:
    return day.weekday() == 0 if rhythm == Rhythm.WEEKLY else day.weekday() < _SATURDAY


def rhythm_of(account: Account) -> str:
    """How often the account gets letters; weekly where nothing was chosen."""
    chosen = Reminder.objects.filter(account=account).values_list("rhythm", flat=True).first()
    return chosen or Rhythm.WEEKLY.value


@transaction.atomic
def choose(*, actor: Actor, account: Account, rhythm: str, now: datetime) -> None:
    """Keeps how often the account gets letters; choosing the same again does nothing."""
    if actor.account_id != account.pk:
        raise NotAllowed("account.not-own")
    before = rhythm_of(account)
    due_at = next_morning(rhythm, after=now)
    Reminder.objects.update_or_create(
        account=account, defaults={"rhythm": rhythm, "due_at": due_at, "failure": ""}
    )
    if before != rhythm:
        record(actor, "account.reminders", account, at=now, changes={"rhythm": [before, rhythm]})


# Sending --------------------------------------------------------------------------------------------


@every("web.reminders", pause=timedelta(minutes=5))
def wake(now: datetime) -> None:
    """Gives new accounts their first morning, and rings when letters are due."""
    if not settings.SENDS_MAIL:
        return
    first = next_morning(Rhythm.WEEKLY, after=now)
    new = Account.objects.filter(is_active=True, reminder=None).exclude(email="")
    Reminder.objects.bulk_create(
        [Reminder(account=account, due_at=first) for account in new], ignore_conflicts=True
    )
    if _due(now).exists():
        queue.ring("reminders", remind, now=now)


@task()
def remind() -> None:
    """Sends what is due, some letters at a time."""
    queue.answer("reminders")
    if send_due(now=timezone.now()) == _AT_ONCE:
        queue.ring("reminders", remind, now=timezone.now())


def _due(now: datetime) -> QuerySet[Reminder]:
    return Reminder.objects.filter(due_at__lte=now)


def send_due(*, now: datetime) -> int:
    """Sends the letters that are due; answers how many accounts were looked at. Without a mail server none."""
    if not settings.SENDS_MAIL:
        return 0
    rows = list(_due(now).select_related("account").order_by("due_at", "pk")[:_AT_ONCE])
    for row in rows:
        mine = Reminder.objects.filter(pk=row.pk, due_at=row.due_at)
        if mine.update(due_at=now + _LEASE):
            _send(row, now=now)
    return len(rows)


def _send(row: Reminder, *, now: datetime) -> None:
    account = row.account
    made = composed(account, now=now) if account.is_active and account.email else None
    failure = mailing.post(made, to=account.email) if made else ""
    if failure:
        logger.warning("reminder not sent", extra={"account": account.pk, "code": failure})
    due_at = now + _AGAIN_AFTER if failure else next_morning(row.rhythm, after=now)
    # Whoever chose another rhythm meanwhile keeps the morning that follows from it.
    Reminder.objects.filter(pk=row.pk, due_at=now + _LEASE).update(due_at=due_at, failure=failure)


def composed(account: Account, *, now: datetime) -> mailing.Composed | None:
    """The letter in the language of the account; None when nothing waits."""
    today = timezone.localdate(now)
    language = account.language or settings.LANGUAGE_CODE
    with translation.override(language):
        start = settings.PUBLIC_URL + reverse("web:turn")  # which also brings all sources
        waiting = queues(actor_of(account, today=today), today)
        if not waiting:
            return None
        total = sum(one.total for one in waiting)
        context = {
            "name": account.get_full_name(),
            "waiting": waiting,
            "address": start,
            "settings_address": f"{settings.PUBLIC_URL}{reverse('web:account')}#reminders",
        }
        subject = ngettext(
            "Your turn: %(count)s thing waits for you",
            "Your turn: %(count)s things wait for you",
            total,
        ) % {"count": total}
        return mailing.composed("web/letters/reminder", context, subject=subject, language=language)

"""Letters to guests: written with the change, merged while they wait, sent in the background.

A letter says what is new when it goes, not what was new when it was written; without news it does not go at all.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext
from django_tasks import task

from vaihto.agreements.models import Agreement, Side
from vaihto.agreements.terms import stored
from vaihto.channels.models import GuestLink, Letter
from vaihto.jobs import mailing, queue
from vaihto.jobs.timetable import every
from vaihto.wording import mark as _

logger = logging.getLogger("vaihto.channels")

MERGED_FOR = timedelta(minutes=2)
"""So long a letter with news waits for more news."""

_LEASE = timedelta(minutes=10)
_TRIES = 8
_AT_ONCE = 100
_KEPT = timedelta(days=90)

_NEWS: dict[str, str] = {
    "changed": _("The proposal was changed."),
    "ends": _("It is proposed to end the agreement as a whole."),
    "approved": _("Our institution has approved your version."),
    "approval-withdrawn": _("Our institution has taken its approval back."),
    "in-force": _("Both sides have approved: the agreement is in force."),
    "ended": _("Both sides have approved the end: the agreement is ended."),
    "note": _("There is a note for you."),
}


def known(agreement: Agreement) -> dict[str, Any]:
    """Everything of the agreement that would be news to a guest, in short."""
    terms = json.dumps(stored(agreement.terms.without_contacts()), sort_keys=True)
    note = agreement.remarks.filter(side=Side.OURS, for_partner=True).order_by("-at", "-pk").first()
    mutual = agreement.mutual
    return {
        "terms": hashlib.sha256(terms.encode()).hexdigest(),
        "ends": agreement.terms.is_terminated,
        "given": agreement.given.digest if agreement.given else "",
        "mutual": mutual.pk if mutual else 0,
        "over": bool(mutual and mutual.terminates),
        "note": note.pk if note else 0,
    }


def news(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Codes of what happened between two times; the most important first."""
    found = []
    if now["mutual"] != before.get("mutual", 0):
        found.append("ended" if now["over"] else "in-force")
    if now["terms"] != before.get("terms", now["terms"]):
        found.append("ends" if now["ends"] and not before.get("ends") else "changed")
    if now["given"] != before.get("given", "") and not found:
        found.append("approved" if now["given"] else "approval-withdrawn")
    if now["note"] != before.get("note", 0):
        found.append("note")
    return found


def write(link: GuestLink, occasion: Letter.Occasion, *, now: datetime) -> None:
    """The contact shall be written to. Belongs in the transaction of the change; calls nobody."""
    GuestLink.objects.select_for_update().get(pk=link.pk)  # one at a time for each contact
    waiting = Letter.objects.filter(link=link, ended_at__isnull=True).first()
    soon = now + MERGED_FOR if occasion is Letter.Occasion.NEWS else now
    if waiting is None:
        Letter.objects.create(link=link, occasion=occasion, due_at=soon)
    elif occasion is not Letter.Occasion.NEWS:
        Letter.objects.filter(pk=waiting.pk).update(occasion=occasion, due_at=soon)
    transaction.on_commit(_ring, robust=True)


def forget(link: GuestLink, *, now: datetime) -> None:
    """What waits for this contact does not go out."""
    Letter.objects.filter(link=link, ended_at__isnull=True).update(ended_at=now)


def _ring() -> None:
    queue.ring("letters", post, now=timezone.now())


@task()
def post() -> None:
    """Sends what is due."""
    queue.answer("letters")
    if send_due(now=timezone.now()) == _AT_ONCE:
        _ring()


@every("channels.letters", pause=timedelta(seconds=20))
def wake(now: datetime) -> None:
    """Rings when a letter is due: after its short wait, a failure, or a worker that died."""
    if settings.SENDS_MAIL and _due(now).exists():
        queue.ring("letters", post, now=now)


@every("channels.forget-letters", pause=timedelta(hours=12))
def forget_old(now: datetime) -> None:
    """Letters that went, or never will, are forgotten after a while."""
    Letter.objects.filter(ended_at__lt=now - _KEPT).delete()


def _due(now: datetime) -> Any:
    return Letter.objects.filter(ended_at__isnull=True, due_at__lte=now)


def send_due(*, now: datetime, most: int = _AT_ONCE) -> int:
    """Sends the letters that are due; answers how many were looked at. Without a mail server they wait."""
    if not settings.SENDS_MAIL:
        return 0
    rows = list(_due(now).order_by("due_at", "pk").values_list("pk", "due_at", "tries")[:most])
    for pk, due_at, tries in rows:
        mine = Letter.objects.filter(pk=pk, due_at=due_at, ended_at__isnull=True)
        if mine.update(due_at=now + _LEASE, tries=tries + 1):
            _send(pk, now=now)
    return len(rows)


def _send(pk: int, *, now: datetime) -> None:
    letter = Letter.objects.select_related(
        "link",
        "link__institution",
        "link__agreement",
        "link__agreement__institution",
        "link__agreement__partner",
        "link__agreement__current",
        "link__agreement__given",
        "link__agreement__mutual",
    ).get(pk=pk)
    link, present = letter.link, known(letter.link.agreement)
    made = composed(link, Letter.Occasion(letter.occasion), present, now=now)
    mine = Letter.objects.filter(pk=pk, due_at=letter.due_at, ended_at__isnull=True)
    if made is None:
        _end(mine, link, link.told, now=now)
        return
    if code := mailing.post(made, to=link.address):
        gives_up = letter.tries >= _TRIES
        mine.update(
            failure=code,
            due_at=now + timedelta(minutes=2**letter.tries),
            ended_at=now if gives_up else None,
        )
        logger.warning("letter not sent", extra={"letter": pk, "code": code, "tries": letter.tries})
        return
    _end(mine, link, present, now=now, was_sent=True, failure="")


@transaction.atomic
def _end(
    mine: QuerySet[Letter], link: GuestLink, told: dict[str, Any], *, now: datetime, **facts: Any
) -> None:
    """The letter is done with. What happened while it was on its way joined nothing, and is written of now."""
    # So that `write` comes before or after.
    held = GuestLink.objects.select_for_update().get(pk=link.pk)
    mine.update(ended_at=now, **facts)  # unless another occasion took it up meanwhile
    if held.told == link.told:  # else the guest has come and seen more
        held.told = told
        held.save(update_fields=["told"])
    agreement = Agreement.objects.get(pk=link.agreement_id)
    if held.is_open(now) and not agreement.deleted_at and news(held.told, known(agreement)):
        write(held, Letter.Occasion.NEWS, now=now)


def composed(
    link: GuestLink, occasion: Letter.Occasion, present: Mapping[str, Any], *, now: datetime
) -> mailing.Composed | None:
    """The letter in the guest's language; None when there is nothing to say."""
    from vaihto.channels.guest import secret_of  # noqa: PLC0415 - letters are what the channel writes

    said = news(link.told, present) if occasion is Letter.Occasion.NEWS else []
    is_closed = not link.is_open(now) or link.agreement.deleted_at
    if occasion is Letter.Occasion.NEWS and (not said or is_closed):
        return None
    if occasion is Letter.Occasion.INVITED and is_closed:
        return None
    secret = secret_of(link) if occasion is not Letter.Occasion.WITHDRAWN else None
    agreement = link.agreement
    with translation.override(link.language):
        sender = agreement.institution.names.get(link.language) or agreement.institution.name
        facts = {"institution": sender, "code": agreement.code}
        subjects = {
            Letter.Occasion.INVITED: gettext("%(institution)s: agreement %(code)s for you to read"),
            Letter.Occasion.NEWS: gettext("%(institution)s: news on agreement %(code)s"),
            Letter.Occasion.WITHDRAWN: gettext("%(institution)s: your link to %(code)s is closed"),
        }
        context = {
            "link": link,
            "institution": sender,
            "partner": agreement.partner.names.get(link.language) or agreement.partner.name,
            "code": agreement.code,
            "is_invitation": occasion is Letter.Occasion.INVITED,
            "is_withdrawn": occasion is Letter.Occasion.WITHDRAWN,
            "passed_on_by": link.created_by if link.passed_on_from_id else "",
            "news": [gettext(_NEWS[code]) for code in said],
            "address": f"{settings.PUBLIC_URL}/g/{secret}" if secret else "",
            "until": timezone.localdate(link.expires_at),
        }
        return mailing.composed(
            "letters/guest", context, subject=subjects[occasion] % facts, language=link.language
        )

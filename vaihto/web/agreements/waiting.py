"""What waits in the office of agreements: our turn, late partners, endings, January, proposals, vanished copies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaihto.agreements import words
from vaihto.agreements.models import Agreement, ReceivedCopy
from vaihto.agreements.queries import (
    IN_FORCE,
    academic_year_of,
    expiring,
    gone_in_force,
    proposals,
    without_successor,
)
from vaihto.agreements.standing import Next, Turn
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.people.models import within_reach
from vaihto.web.offers.words import name_of
from vaihto.web.turn import LIMIT, Queue, Waiting, source

COUNTED_TO = 500
# Days before the end of January from which the numbers of the coming year are a matter.
_JANUARY_FROM = timedelta(days=45)


def _mine(actor: Actor, may: May) -> QuerySet[Agreement] | None:
    """Agreements on which the actor may act, not all that it reads; None for those who may nowhere."""
    if actor.sees_everything:
        return Agreement.objects.filter(deleted_at__isnull=True)
    grants = actor.reach(may)
    if not grants:
        return None
    return Agreement.objects.filter(
        within_reach(grants, "institution", "unit"), deleted_at__isnull=True
    )


def _line(one: Agreement, about: str, *, deed: str, today: date, at: str = "") -> Waiting:
    late = one.turn_until is not None and one.turn_until < today
    return Waiting(
        title=f"{one.code} · {name_of(one.partner)}",
        about=about,
        href=at or reverse("agreements:agreement", args=[one.pk]),
        since=one.turn_since.date() if one.turn_since else None,
        until=one.turn_until,
        tone="bad" if late else "plain",
        deed=deed,
    )


def _queue(
    found: QuerySet[Agreement],
    *,
    key: str,
    title: str,
    why: str,
    deed: str,
    today: date,
    href: str,
    does: Callable[[Agreement], str] | None = None,
) -> Queue:
    """Agreements as a queue; `does` is where the button leads to, else it is the agreement's page."""
    total = found.order_by()[: COUNTED_TO + 1].count()
    rows = found.select_related("partner")[:LIMIT] if total else []
    return Queue(
        key=key,
        title=title,
        why=why,
        lines=[
            _line(
                one,
                words.to_do(one.listed_turn, one.listed_next, one.listed_state),
                deed=deed,
                today=today,
                at=does(one) if does else "",
            )
            for one in rows
        ],
        total=min(total, COUNTED_TO),
        capped=total > COUNTED_TO,
        all_href=href,
    )


@source
def to_approve(actor: Actor, today: date) -> Queue | None:
    """Partner's copies that only wait for our approval, for those with the mandate."""
    mine = _mine(actor, May.AGREEMENTS_APPROVE)
    if mine is None:
        return None
    return _queue(
        mine.filter(listed_turn=Turn.OURS.value, listed_next=Next.APPROVE.value).order_by(
            "turn_until", "pk"
        ),
        key="agreements-approve",
        title=_("Agreements to approve"),
        why=_("Both copies say the same; only our approval is missing."),
        deed=_("Read and approve"),
        does=lambda one: reverse("agreements:approve", args=[one.pk]),
        today=today,
        href=f"{reverse('agreements:register')}?turn=ours&sort=waits",
    )


@source
def our_turn(actor: Actor, today: date) -> Queue | None:
    """Agreements that wait for a deed of ours other than an approval."""
    mine = _mine(actor, May.AGREEMENTS_EDIT)
    if mine is None:
        return None
    return _queue(
        mine.filter(listed_turn=Turn.OURS.value)
        .exclude(listed_next=Next.APPROVE.value)
        .order_by("turn_until", "pk"),
        key="agreements-ours",
        title=_("Agreements that wait for us"),
        why=_("The partner cannot go on before we have."),
        deed=_("Open"),
        today=today,
        href=f"{reverse('agreements:register')}?turn=ours&sort=waits",
    )


@source
def late_partners(actor: Actor, today: date) -> Queue | None:
    """Partners whose answer is overdue."""
    mine = _mine(actor, May.AGREEMENTS_EDIT)
    if mine is None:
        return None
    return _queue(
        mine.filter(listed_turn=Turn.PARTNER.value, turn_until__lt=today).order_by(
            "turn_until", "pk"
        ),
        key="agreements-late",
        title=_("Partners to remind"),
        why=_("The partner's answer is overdue."),
        deed=_("Remind"),
        does=lambda one: reverse("agreements:deed", args=[one.pk, "remind"]),
        today=today,
        href=f"{reverse('agreements:register')}?turn=partner&sort=waits",
    )


def _offer(one: ReceivedCopy) -> str:
    """What a proposal is, in a few words: the partner's code and how much it says."""
    copy = one.current.copy if one.current else None
    if copy is None:
        return _("It could not be read.")
    count = len(copy.terms.conditions)
    text = ngettext("%(count)s condition", "%(count)s conditions", count) % {"count": count}
    return ", ".join(filter(None, (copy.author.code, text)))


@source
def received(actor: Actor, _today: date) -> Queue | None:
    """Proposals of partners that nobody has answered."""
    grants = actor.reach(May.AGREEMENTS_EDIT)
    if not grants:
        return None
    places = Institution.objects.hosted().filter(pk__in=[g.institution_id for g in grants])
    found = proposals(places).order_by("first_at", "pk")
    total = found.order_by()[: COUNTED_TO + 1].count()
    return Queue(
        key="agreements-received",
        title=_("Proposals of partners"),
        why=_("Take them in, link them to an agreement of ours, or set them aside."),
        lines=[
            Waiting(
                title=name_of(one.partner),
                about=_offer(one),
                href=reverse("agreements:proposal", args=[one.pk]),
                since=one.first_at.date(),
                deed=_("Open"),
            )
            for one in (found.select_related("partner", "current")[:LIMIT] if total else [])
        ],
        total=min(total, COUNTED_TO),
        capped=total > COUNTED_TO,
        all_href=reverse("agreements:proposals"),
    )


@source
def ending(actor: Actor, today: date) -> Queue | None:
    """Agreements whose last academic year is the present one, with nothing that lasts longer."""
    mine = _mine(actor, May.AGREEMENTS_EDIT)
    if mine is None:
        return None
    year = academic_year_of(today)
    found = without_successor(expiring(mine, last_year=year)).order_by("partner__name", "pk")
    total = found.order_by()[: COUNTED_TO + 1].count()
    return Queue(
        key="agreements-ending",
        title=_("Agreements that end this year"),
        why=_("This academic year is their last one, and nothing follows yet."),
        lines=[
            Waiting(
                title=f"{one.code} · {name_of(one.partner)}",
                href=str(f"{reverse('agreements:new')}?partner={one.partner_id}&from={one.pk}"),
                until=date(year + 1, 7, 31),
                deed=_("Renew"),
            )
            for one in (found.select_related("partner")[:LIMIT] if total else [])
        ],
        total=min(total, COUNTED_TO),
        capped=total > COUNTED_TO,
        all_href=reverse("agreements:calendar"),
    )


@source
def january(actor: Actor, today: date) -> Queue | None:
    """Before the end of January: numbers of the coming year that are still talked about."""
    limit = date(today.year if today.month <= 1 else today.year + 1, 1, 31)
    mine = _mine(actor, May.AGREEMENTS_EDIT)
    if mine is None or limit - today > _JANUARY_FROM:
        return None
    found = (
        mine.filter(
            listed_state__in=IN_FORCE, first_year__lte=limit.year, last_year__gte=limit.year
        )
        .exclude(listed_turn=Turn.NOBODY.value)
        .order_by("turn_until", "pk")
    )
    queue = _queue(
        found,
        key="agreements-january",
        title=_("Numbers for %(year)s") % {"year": f"{limit.year}/{limit.year + 1}"},
        why=_("Changed numbers of the coming academic year are agreed on by the end of January."),
        deed=_("Open"),
        today=today,
        href=f"{reverse('agreements:register')}?state=modification",
    )
    return queue


@source
def vanished(actor: Actor, today: date) -> Queue | None:
    """In force, yet the partner no longer serves its copy."""
    mine = _mine(actor, May.AGREEMENTS_EDIT)
    if mine is None:
        return None
    return _queue(
        gone_in_force(mine).order_by("pk"),
        key="agreements-vanished",
        title=_("Copies that vanished"),
        why=_(
            "The partner no longer serves its copy, although the agreement is in force. Ask the partner."
        ),
        deed=_("Open"),
        today=today,
        href=reverse("agreements:proposals") + "?set=bad",
    )

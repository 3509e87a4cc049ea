"""What goes on between our institutions and a partner: last contact both ways, what waits, what failed and since when.

What belongs here: reading exchanges and notifications together, for many partners in a constant number of queries.
What does not: what a code means (`explained.py`) and doing anything about it (`jobs.outbox`). Start reading at `of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery

from vaihto.ewp import ticket
from vaihto.ewp.models import Exchange, ListedInstitution
from vaihto.ewp.ticket import History, Ticket
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Notification, NotificationQuerySet
from vaihto.journal.actors import Actor, May

GOOD = ("ok", "not-modified")
FAILING_WITHIN = timedelta(days=30)
"""An older failure that nothing followed says little about today."""

_MOST_PLACES = 200
_LOOKED_AT = 500  # exchanges that went wrong, the newest


def places_of(actor: Actor) -> QuerySet[Institution]:
    """The hosted institutions whose dealings with partners the actor may see."""
    hosted = Institution.objects.hosted()
    if actor.sees_everything or actor.is_operator:
        return hosted
    places = actor.institutions(May.AGREEMENTS_READ)
    return hosted if places is None else hosted.filter(pk__in=places)


def kept_places_of(actor: Actor) -> QuerySet[Institution]:
    """Those for which the actor may send again, dismiss, and read what was sent."""
    hosted = Institution.objects.hosted()
    if actor.sees_everything or actor.is_operator:
        return hosted
    places = actor.institutions(May.INSTITUTIONS_EDIT)
    return hosted if places is None else hosted.filter(pk__in=places)


def notifications_of(actor: Actor) -> NotificationQuerySet:
    """Word to and from partners that concerns the actor's institutions."""
    if actor.sees_everything or actor.is_operator:
        return Notification.objects.all()
    hei_ids = list(places_of(actor).values_list("hei_id", flat=True)[:_MOST_PLACES])
    return Notification.objects.between(hei_ids)


def kept_notifications_of(actor: Actor) -> NotificationQuerySet:
    """Those that the actor may send again or let rest."""
    if actor.sees_everything or actor.is_operator:
        return Notification.objects.all()
    hei_ids = list(kept_places_of(actor).values_list("hei_id", flat=True)[:_MOST_PLACES])
    return Notification.objects.between(hei_ids)


# One line for each of many partners ------------------------------------------------------------


@dataclass(frozen=True)
class Contact:
    """An exchange as far as a list needs it."""

    exchange_id: int
    at: datetime
    outcome: str
    blame: str
    api: str

    @property
    def is_good(self) -> bool:
        """Did it go well?"""
        return not self.blame and self.outcome in GOOD


@dataclass
class Dealings:
    """What goes on with one partner. `asked_us` and `we_asked` are the last contacts."""

    hei_id: str
    asked_us: Contact | None = None
    we_asked: Contact | None = None
    waiting: int = 0
    waiting_since: datetime | None = None
    set_aside: int = 0

    @property
    def is_failing(self) -> bool:
        """Did our last question fail, or is something set aside?"""
        return bool(self.set_aside) or (self.we_asked is not None and not self.we_asked.is_good)


def of(hei_ids: Iterable[str], *, actor: Actor) -> dict[str, Dealings]:
    """The dealings with each of these partners, however many in four queries.

    The partners have to be known here or in the catalogue; of others there is nothing but what waits.
    """
    asked = list(dict.fromkeys(hei_ids))
    found = {hei_id: Dealings(hei_id) for hei_id in asked}
    if not asked:
        return found
    contacts = _last_contacts(asked, actor)
    for (hei_id, direction), contact in contacts.items():
        if direction == Exchange.Direction.IN:
            found[hei_id].asked_us = contact
        else:
            found[hei_id].we_asked = contact
    rows = (
        notifications_of(actor)
        .open()
        .filter(partner__in=asked)
        .order_by()
        .values("partner", "state")
        .annotate(count=Count("pk"), since=Min("first_at"))
    )
    for row in rows:
        one = found[row["partner"]]
        if row["state"] == Notification.State.SET_ASIDE:
            one.set_aside = row["count"]
        else:
            one.waiting, one.waiting_since = row["count"], row["since"]
    return found


def _last_contacts(hei_ids: Sequence[str], actor: Actor) -> dict[tuple[str, str], Contact]:
    """The newest exchange with each partner each way: two look-ups in an index for each of them."""
    numbers: set[int] = set()
    listed = ListedInstitution.objects.filter(catalogue__url=settings.CATALOGUE_URL)
    bases: tuple[QuerySet[Any], ...] = (Institution.objects.all(), listed)
    for base in bases:
        rows = (
            base.filter(hei_id__in=hei_ids)
            .order_by()
            .annotate(
                last_in=_newest(Exchange.Direction.IN, actor),
                last_out=_newest(Exchange.Direction.OUT, actor),
            )
            .values_list("last_in", "last_out")
        )
        numbers |= {number for pair in rows for number in pair if number is not None}
    columns = ("partner", "direction", "pk", "at", "outcome", "blame", "api")
    return {
        (partner, direction): Contact(pk, at, outcome, blame, api)
        for partner, direction, pk, at, outcome, blame, api in Exchange.objects.filter(
            pk__in=numbers
        )
        .order_by()
        .values_list(*columns)
    }


def _newest(direction: Exchange.Direction, actor: Actor) -> Subquery:
    newest = Exchange.objects.beside(actor).filter(partner=OuterRef("hei_id"), direction=direction)
    return Subquery(newest.order_by("-at", "-pk").values("pk")[:1])


# What goes wrong -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """A way in which questions to a partner fail, and have not gone well since."""

    newest: Exchange
    history: History = field(default_factory=History)


def failing(*, actor: Actor, now: datetime, partner: str = "") -> list[Trouble]:
    """Our questions that failed within thirty days and have not succeeded since, the newest of each kind.

    A kind is the partner, the API and how it ended. Of all partners, or of one.
    """
    since = now - FAILING_WITHIN
    went_wrong = Exchange.objects.beside(actor).filter(
        ~Q(blame=""), direction=Exchange.Direction.OUT, at__gte=since
    )
    if partner:
        went_wrong = went_wrong.filter(partner=partner)
    better = Exchange.objects.filter(
        partner=OuterRef("partner"),
        direction=Exchange.Direction.OUT,
        api=OuterRef("api"),
        institution=OuterRef("institution"),
        blame="",
        at__gt=OuterRef("at"),
    )
    rows = (
        went_wrong.exclude(Exists(better))
        .select_related("institution")
        .defer("request", "answer")
        .order_by("-at", "-pk")
    )
    kinds: dict[tuple[str, str, str], list[Exchange]] = {}
    for row in rows[:_LOOKED_AT]:
        kinds.setdefault((row.partner, row.api, row.outcome), []).append(row)
    return [
        Trouble(group[0], History(times=len(group), since=group[-1].at)) for group in kinds.values()
    ]


def ticket_about(exchange: Exchange, *, actor: Actor) -> Ticket:
    """The ticket about one exchange, with how often it went like this."""
    return ticket.of_exchange_with(exchange, history=_history(exchange, actor))


def ticket_of(partner: str, *, actor: Actor, now: datetime) -> Ticket | None:
    """The ticket about all that goes wrong with a partner; None where nothing does.

    Besides our questions that fail these are the partner's requests that we refused in the last thirty days.
    """
    troubles = [one.newest for one in failing(actor=actor, now=now, partner=partner)]
    refused = (
        Exchange.objects.beside(actor)
        .filter(
            partner=partner,
            direction=Exchange.Direction.IN,
            blame=Exchange.Blame.THEIRS,
            at__gte=now - FAILING_WITHIN,
        )
        .order_by("-at", "-pk")[:100]
    )
    kinds: dict[tuple[str, str], Exchange] = {}
    for row in refused:
        kinds.setdefault((row.api, row.outcome), row)
    numbers = [one.pk for one in (*troubles, *kinds.values())][:10]
    rows = Exchange.objects.filter(pk__in=numbers).select_related("institution")
    ordered = sorted(rows, key=lambda row: numbers.index(row.pk))
    return ticket.of_partner([(row, _history(row, actor)) for row in ordered], partner=partner)


def _history(exchange: Exchange, actor: Actor) -> History:
    alike = Exchange.objects.beside(actor).filter(
        partner=exchange.partner,
        direction=exchange.direction,
        api=exchange.api,
        at__gte=exchange.at - timedelta(days=30),
        at__lte=exchange.at,
    )
    good = (
        alike.filter(blame="", outcome__in=GOOD)
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    since = alike.filter(outcome=exchange.outcome)
    since = since.filter(at__gt=good) if good is not None else since
    told = since.order_by().aggregate(times=Count("pk"), first=Min("at"))
    return History(times=told["times"] or 1, since=told["first"], last_good=good)

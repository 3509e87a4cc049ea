"""What lists and overviews ask of agreements: proposals that wait, what they resemble, places of a year."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import F, Q, QuerySet

from vaihto.agreements.comparison import Comparison, Weight, compare
from vaihto.agreements.models import (
    Agreement,
    Place,
    ReceivedCopy,
    ReceivedRevision,
)
from vaihto.agreements.standing import State
from vaihto.agreements.terms import Kind, Terms
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor

# First month of an academic year in the north; what starts in it or later belongs to the year beginning.
FIRST_MONTH = 8
IN_FORCE = (State.IN_FORCE.value, State.MODIFICATION.value, State.TERMINATION.value)


def academic_year_of(day: date) -> int:
    """First number of the academic year of a day, from the first of August."""
    return day.year if day.month >= FIRST_MONTH else day.year - 1


@dataclass(frozen=True)
class Suggestion:
    """An agreement of ours that a partner's copy may be about, and how the two compare."""

    agreement: Agreement
    comparison: Comparison

    @property
    def alike(self) -> int:
        """Conditions of the partner's copy that one of ours answers without a difference that blocks."""
        return sum(
            not pair.is_lonely and all(one.weight is not Weight.BLOCKS for one in pair.differences)
            for pair in self.comparison.pairs
        )

    @property
    def answered(self) -> int:
        """Conditions of the partner's copy that one of ours answers at all."""
        return sum(not pair.is_lonely for pair in self.comparison.pairs)


def proposals(institutions: QuerySet[Institution]) -> QuerySet[ReceivedCopy]:
    """Copies of partners that belong to no agreement of ours and still wait for an answer."""
    return ReceivedCopy.objects.filter(
        institution__in=institutions,
        agreement__isnull=True,
        ignored_at__isnull=True,
        gone_at__isnull=True,
    )


def readable(received: ReceivedCopy) -> Terms | None:
    """The terms of the partner's last good copy; None where none could be read."""
    copy = received.current.copy if received.current else None
    return copy.terms if copy else None


def newest(received: ReceivedCopy) -> ReceivedRevision | None:
    """What came last, good or bad."""
    return received.revisions.order_by("-number").first()


def linkable(received: ReceivedCopy, *, readable_by: Actor | None = None) -> QuerySet[Agreement]:
    """Agreements of ours with the same partner that no copy of the partner is linked to."""
    ours = Agreement.objects.all()
    return (
        (ours if readable_by is None else ours.visible_to(readable_by))
        .filter(
            institution=received.institution_id,
            partner=received.partner_id,
            deleted_at__isnull=True,
        )
        .exclude(copies__gone_at__isnull=True, copies__isnull=False)
        .select_related("current", "institution", "partner", "unit")
        .order_by("-created_at")
    )


def suggestions(
    received: ReceivedCopy, *, readable_by: Actor | None = None, most: int = 10
) -> list[Suggestion]:
    """Which agreements of ours the partner's copy may be about, the likeliest first."""
    theirs = readable(received)
    if theirs is None:
        return []
    ours = linkable(received, readable_by=readable_by)[:50]
    found = [Suggestion(one, compare(one.terms, theirs)) for one in ours]
    found.sort(key=lambda one: (-one.alike, -one.answered, len(one.comparison.pairs)))
    return found[:most]


def places_of_year(
    agreements: QuerySet[Agreement], year: int, *, binding: bool = True
) -> list[Place]:
    """What agreements give in an academic year by its first number, condition by condition.

    `binding`: only what is in force; otherwise also what is proposed.
    """
    found = Place.objects.filter(
        agreement__in=agreements.filter(deleted_at__isnull=True, is_trial=False),
        first__lte=year,
        last__gte=year,
    )
    if binding:
        found = found.filter(is_binding=True)
    return list(
        found.select_related("agreement", "sending", "receiving").order_by(
            "agreement__partner__name", "agreement", "number"
        )
    )


def codes_of(text: str) -> list[str]:
    """The codes of a text with commas around each."""
    return [code for code in text.split(",") if code]


@dataclass(frozen=True)
class Balance:
    """What goes to and comes from one partner in a year, in people; None where a number is not defined."""

    partner: Institution
    out: int
    back: int

    @property
    def difference(self) -> int:
        """How many more go than come."""
        return self.out - self.back


def balances(
    places: Iterable[Place], institution: Institution, kinds: frozenset[Kind]
) -> list[Balance]:
    """The places of some kinds by partner, as many as go and as many as come."""
    partners: dict[int, Institution] = {}
    out: dict[int, int] = {}
    back: dict[int, int] = {}
    for place in places:
        if Kind(place.kind) not in kinds:
            continue
        goes = place.sending_id == institution.pk
        partner = place.receiving if goes else place.sending
        partners[partner.pk] = partner
        side = out if goes else back
        side[partner.pk] = side.get(partner.pk, 0) + (place.people or 0)
    return [
        Balance(partner, out.get(pk, 0), back.get(pk, 0))
        for pk, partner in sorted(partners.items(), key=lambda one: one[1].name)
    ]


def gone_in_force(agreements: QuerySet[Agreement]) -> QuerySet[Agreement]:
    """In force, yet the partner no longer serves its copy."""
    return agreements.filter(
        Q(copies__gone_at__isnull=False) | Q(copies__missed_at__isnull=False),
        listed_state__in=IN_FORCE,
    ).distinct()


def expiring(agreements: QuerySet[Agreement], *, last_year: int) -> QuerySet[Agreement]:
    """In force, and `last_year` (first number) is the last academic year."""
    return agreements.filter(listed_state__in=IN_FORCE, last_year=last_year, is_trial=False)


def without_successor(agreements: QuerySet[Agreement]) -> QuerySet[Agreement]:
    """Those with whose partner nothing lasts longer, of the same institution."""
    longer = Agreement.objects.filter(deleted_at__isnull=True).exclude(
        listed_state=State.TERMINATED.value
    )
    return agreements.exclude(
        pk__in=agreements.filter(
            partner__agreements_as_partner__in=longer,
            partner__agreements_as_partner__institution=F("institution"),
            partner__agreements_as_partner__last_year__gt=F("last_year"),
        ).values("pk")
    )

"""The text of an alliance agreement: what it says between two members, and how a member's copy stands to it.

One text is written once and holds between any two members. Each pair of members keeps a bilateral agreement all the
same, since networks, approvals and authorities know no other; how far it follows the text is derived, not stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from django.db.models import Q

from vaihto.agreements.comparison import compare
from vaihto.agreements.models import (
    Agreement,
    AllianceAgreement,
    AllianceText,
    ReceivedCopy,
)
from vaihto.agreements.terms import Condition, Terms, read_terms, stored
from vaihto.institutions.models import Institution


@dataclass(frozen=True)
class Line:
    """A condition of a text. It holds from every sender to every receiver; none named means every member."""

    condition: Condition  # institutions and units empty
    senders: tuple[str, ...] = ()  # hei ids
    receivers: tuple[str, ...] = ()

    def holds(self, sending: str, receiving: str) -> bool:
        """Does it hold in this direction?"""
        return (not self.senders or sending in self.senders) and (
            not self.receivers or receiving in self.receivers
        )


def read_lines(rows: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """Lines from the JSON of `stored_lines`."""
    blank = {"sending": "", "receiving": ""}
    terms = read_terms({"conditions": [{**blank, **row} for row in rows]})
    return tuple(
        Line(condition, tuple(row.get("senders") or ()), tuple(row.get("receivers") or ()))
        for condition, row in zip(terms.conditions, rows, strict=True)
    )


def stored_lines(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """As JSON, nothing left out."""
    return [
        {
            **stored(Terms((line.condition,)))["conditions"][0],
            "senders": list(line.senders),
            "receivers": list(line.receivers),
        }
        for line in lines
    ]


def terms_between(lines: Sequence[Line], one: str, other: str) -> Terms:
    """What the text says between two members (hei ids); the same whichever of them is named first."""
    first, second = sorted((one, other))
    return Terms(
        tuple(
            replace(line.condition, sending=sending, receiving=receiving)
            for line in lines
            for sending, receiving in ((first, second), (second, first))
            if line.holds(sending, receiving)
        )
    ).grouped()


class Step(StrEnum):
    """How a copy stands to the text."""

    MISSING = "missing"  # there is no agreement yet
    ELSEWHERE = "elsewhere"  # an agreement of the same years does not know of the text
    IN_STEP = "in-step"
    BEHIND = "behind"  # it says what an earlier text said
    DEPARTS = "departs"
    ENDED = "ended"


def step_of(terms: Terms, texts: Sequence[Terms]) -> Step:
    """How a copy stands to the adopted texts, the newest first: spelling and order do not count, words do."""
    if terms.is_terminated:
        return Step.ENDED
    for place, said in enumerate(texts):
        if compare(said, terms).is_equivalent:
            return Step.BEHIND if place else Step.IN_STEP
    return Step.DEPARTS


@dataclass(frozen=True)
class Bilateral:
    """What one hosted member has with another under an alliance agreement.

    `theirs` is how the partner's copy stands, None while we have none. `elsewhere` are agreements of ours with the
    same partner, programme and years that do not follow the text; `offered` is a copy of the partner that does.
    """

    institution: Institution
    partner: Institution
    says: Terms
    step: Step
    agreement: Agreement | None = None
    theirs: Step | None = None
    elsewhere: tuple[Agreement, ...] = ()
    offered: ReceivedCopy | None = None


@dataclass(frozen=True)
class Holding:
    """What of an alliance agreement holds on a day: its adopted texts, and whom the newest binds."""

    agreement: AllianceAgreement
    texts: tuple[AllianceText, ...]  # adopted, the newest first
    taking_part: tuple[Institution, ...]
    bound: tuple[Institution, ...]  # those of them that consented to the newest text
    lines: tuple[tuple[Line, ...], ...] = field(repr=False, default=())

    @property
    def text(self) -> AllianceText | None:
        """What counts now; None before the first adoption and after the agreement was closed."""
        return None if self.agreement.closed_at or not self.texts else self.texts[0]

    def between(self, one: Institution, other: Institution) -> tuple[Terms, ...]:
        """What each adopted text says between two members, the newest first."""
        return tuple(terms_between(lines, one.hei_id, other.hei_id) for lines in self.lines)


def participants(agreement: AllianceAgreement, *, on: date) -> list[Institution]:
    """Who takes part on a day, by name."""
    rows = agreement.participants.filter(
        Q(until__isnull=True) | Q(until__gte=on), since__lte=on
    ).select_related("institution")
    return sorted((row.institution for row in rows), key=lambda one: one.name)


def holding(agreement: AllianceAgreement, *, on: date) -> Holding:
    """What of an alliance agreement holds on a day."""
    texts = tuple(agreement.texts.filter(adopted_at__isnull=False).order_by("-number"))
    here = tuple(participants(agreement, on=on))
    consented = set(texts[0].consents.values_list("institution", flat=True)) if texts else set()
    return Holding(
        agreement,
        texts,
        here,
        tuple(one for one in here if one.pk in consented),
        tuple(read_lines(text.lines) for text in texts),
    )


def texts_between(
    institutions: Iterable[Institution], partner: Institution, *, on: date
) -> list[tuple[Institution, AllianceText, Terms]]:
    """The texts that hold between one of ours and the partner, with what they say."""
    found = []
    both = AllianceAgreement.objects.filter(
        closed_at__isnull=True, participants__institution=partner
    )
    for whole in both.distinct():
        now = holding(whole, on=on)
        if now.text is None or partner not in now.bound:
            continue
        found += [
            (one, now.text, now.between(one, partner)[0])
            for one in institutions
            if one in now.bound and one != partner
        ]
    return found


def bilaterals(
    now: Holding, *, of: Iterable[Institution] | None = None, among: Institution | None = None
) -> list[Bilateral]:
    """What each hosted member that is bound has with each other one; `of` only these, `among` only with that one."""
    if now.text is None:
        return []
    ours = [one for one in now.bound if one.hosted and (of is None or one in set(of))]
    alive = list(
        Agreement.objects.whole()
        .filter(institution__in=ours, partner__in=now.bound, deleted_at__isnull=True)
        .order_by("pk")
    )
    offers = list(
        ReceivedCopy.objects.filter(
            institution__in=ours,
            partner__in=now.bound,
            agreement__isnull=True,
            ignored_at__isnull=True,
            gone_at__isnull=True,
            current__is_good=True,
        ).select_related("current", "institution", "partner")
    )
    return [
        _bilateral(now, one, other, alive, offers)
        for one in ours
        for other in now.bound
        if other != one and (among is None or other == among)
    ]


def _bilateral(
    now: Holding,
    one: Institution,
    other: Institution,
    alive: Sequence[Agreement],
    offers: Sequence[ReceivedCopy],
) -> Bilateral:
    said = now.between(one, other)
    mine = [each for each in alive if (each.institution_id, each.partner_id) == (one.pk, other.pk)]
    following = [each for each in mine if each.alliance_agreement_id == now.agreement.pk]
    if following:
        agreement = following[-1]
        received = agreement.received_copy
        theirs = received.current.copy if received and received.current else None
        return Bilateral(
            one,
            other,
            said[0],
            step_of(agreement.terms, said),
            agreement,
            step_of(theirs.terms, said) if theirs else None,
        )
    years = {year for condition in said[0].conditions for year in condition.years}
    elsewhere = tuple(
        each
        for each in mine
        if each.programme == now.agreement.programme
        and not each.terms.is_terminated
        and years & {year for condition in each.terms.conditions for year in condition.years}
    )
    offered = next(
        (
            each
            for each in offers
            if (each.institution_id, each.partner_id) == (one.pk, other.pk)
            and each.current
            and (copy := each.current.copy)
            and step_of(copy.terms, said[:1]) is Step.IN_STEP
        ),
        None,
    )
    step = Step.ELSEWHERE if elsewhere else Step.MISSING
    return Bilateral(one, other, said[0], step, elsewhere=elsewhere, offered=offered)

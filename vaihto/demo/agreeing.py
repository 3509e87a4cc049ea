"""Agreements of the demo, in every state: made through the actions, with partners who answer as real ones do.

A partner that is not hosted here has no machine to ask, so what it serves is invented and comes in through the same
door as from the network. The days lie in the past of the demo's today.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import combinations
from uuid import NAMESPACE_DNS, uuid5

from django.utils import timezone

from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, Channel, Programme, ReceivedCopy
from vaihto.agreements.terms import (
    Condition,
    Contact,
    Copy,
    Kind,
    LanguageSkill,
    Party,
    SubjectArea,
    Terms,
    stored,
)
from vaihto.demo import alliance
from vaihto.demo.luck import seeded
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, ActorKind

_FIELDS = (
    "0613",
    "0311",
    "0231",
    "0732",
    "0913",
    "0114",
    "0215",
    "0521",
    "0413",
    "1015",
    "0922",
    "0031",
)
# Country of the receiving institution -> the language that it teaches in beside English.
_LANGUAGE_OF = {
    "246": "fi",
    "752": "sv",
    "724": "es",
    "203": "cs",
    "380": "it",
    "276": "de",
    "620": "pt",
    "191": "hr",
}
_MANY = 40


@dataclass
class Clock:
    """Moments of office hours, each later than the one before and none after the demo's today."""

    at: datetime
    last: datetime
    chance: random.Random = field(default_factory=lambda: seeded("agreements", "clock"))

    def __call__(self) -> datetime:
        step = timedelta(days=self.chance.randint(2, 12), minutes=self.chance.randint(1, 400))
        self.at = min(self.at + step, self.last)
        self.last += timedelta(seconds=1)  # what is done on the last day still has its order
        return self.at


def _moment(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(9)))


def _partner(institution: Institution) -> Actor:
    return Actor(kind=ActorKind.PARTNER, label=institution.hei_id)


def _condition(
    chance: random.Random,
    kind: Kind,
    sending: Institution,
    receiving: Institution,
    *,
    first: int,
    last: int,
    southern: bool = False,
) -> Condition:
    def year(number: int) -> str:
        return f"{number}/{number if southern else number + 1}"

    people = chance.choice((1, 2, 2, 3, 4, 5))
    skills = [LanguageSkill("en", chance.choice(("B1", "B2", "B2")))]
    if own := _LANGUAGE_OF.get(receiving.country):
        skills.append(LanguageSkill(own, "B1"))
    is_student = kind.is_student
    return Condition(
        kind=kind,
        sending=sending.hei_id,
        receiving=receiving.hei_id,
        first_year=year(first),
        last_year=year(last),
        people=str(people),
        skills=tuple(skills) if kind.needs_language else (),
        areas=tuple(SubjectArea(code) for code in chance.sample(_FIELDS, chance.choice((1, 1, 2)))),
        months=str(people * chance.choice((5, 10))) if is_student else None,
        days=None if is_student else str(people * chance.choice((3, 5))),
        blended=chance.choice(("true", "false")) if is_student else None,
        levels=chance.choice((("6",), ("6", "7"), ("7",), ("6", "7", "8"))) if is_student else (),
    )


def terms_between(
    own: Institution,
    partner: Institution,
    *,
    chance: random.Random,
    kinds: Sequence[Kind] = (Kind.STUDIES, Kind.TEACHING),
    first: int = 2026,
    last: int = 2028,
    southern: bool = False,
) -> Terms:
    """Conditions of these kinds in both directions, the same both ways but for fields and numbers."""
    conditions = []
    for kind in kinds:
        there = _condition(chance, kind, own, partner, first=first, last=last, southern=southern)
        back = _condition(chance, kind, partner, own, first=first, last=last)
        conditions += [there, back]
    return Terms(tuple(conditions))


def _office(of: Institution) -> Contact:
    """Whom to write to."""
    return Contact(names=(("en", "International Office"),), emails=(f"international@{of.hei_id}",))


def _plain_contacts(of: Institution) -> object:
    """The same as an agreement keeps it."""
    return stored(Party(of.hei_id, contacts=(_office(of),)))["contacts"]


@dataclass
class Table:
    """Both sides of one negotiation: what we do is real, what the partner does is invented."""

    own: Institution
    partner: Institution
    actor: Actor
    clock: Clock
    channel: Channel = Channel.EWP
    programme: str = Programme.ERASMUS

    def their_id(self, agreement: Agreement) -> str:
        """The partner's id of its copy, the same at every run."""
        return str(uuid5(NAMESPACE_DNS, f"{agreement.code}.{self.partner.hei_id}"))

    def draft(self, terms: Terms) -> Agreement:
        """Only we know of it."""
        made = actions.create(
            actor=self.actor,
            institution=self.own,
            partner=self.partner,
            terms=terms,
            now=self.clock(),
            programme=self.programme,
        )
        return actions.edit_particulars(
            actor=self.actor,
            agreement=made,
            now=self.clock(),
            contacts=_plain_contacts(self.own),
        )

    def proposed(self, terms: Terms) -> Agreement:
        """The partner may see it."""
        return actions.propose(actor=self.actor, agreement=self.draft(terms), now=self.clock())

    def answer(
        self, agreement: Agreement, terms: Terms | None = None, *, spoilt: bool = False
    ) -> ReceivedCopy:
        """The partner serves its copy, with our terms unless it wants others."""
        agreement.refresh_from_db()
        copy = Copy(
            author=Party(
                self.partner.hei_id,
                self.their_id(agreement),
                f"P/{agreement.pk}",
                contacts=(_office(self.partner),),
            ),
            other=Party(self.own.hei_id, agreement.iia_id, agreement.code),
            terms=terms or agreement.terms,
            in_effect=agreement.mutual_id is not None,
        )
        document, digest = form().write(copy)
        return actions.receive_copy(
            actor=_partner(self.partner),
            institution=self.own,
            partner=self.partner,
            iia_id=self.their_id(agreement),
            document=document,
            copy=copy,
            digest=digest,
            published="f" * 64 if spoilt else digest,
            channel=self.channel,
            now=self.clock(),
        )

    def we_approve(self, agreement: Agreement) -> None:
        """Our signatory approves the partner's copy."""
        agreement.refresh_from_db()
        received = agreement.received_copy
        if received is None or received.current is None:
            raise AssertionError("nothing to approve")
        actions.approve(
            actor=self.actor,
            agreement=agreement,
            digest=received.current.digest,
            now=self.clock(),
            mandate="Vice-Rector for International Affairs",
        )

    def they_approve(self, agreement: Agreement) -> None:
        """The partner approves our copy."""
        agreement.refresh_from_db()
        if agreement.current is None:
            raise AssertionError("nothing to approve")
        actions.receive_approval(
            actor=_partner(self.partner),
            agreement=agreement,
            digest=agreement.current.digest,
            proof=bytes(agreement.current.document),
            proof_type="application/xml",
            channel=self.channel,
            now=self.clock(),
            mandate="Institutional coordinator",
        )

    def mapped(self, terms: Terms) -> Agreement:
        """Both copies name each other."""
        agreement = self.proposed(terms)
        self.answer(agreement)
        return agreement

    def in_force(self, terms: Terms) -> Agreement:
        """Both sides have approved."""
        agreement = self.mapped(terms)
        self.we_approve(agreement)
        self.they_approve(agreement)
        agreement.refresh_from_db()
        return agreement

    def changed(self, terms: Terms, new: Terms) -> Agreement:
        """In force, and we want something else."""
        agreement = self.in_force(terms)
        return actions.edit(actor=self.actor, agreement=agreement, terms=new, now=self.clock())

    def ending(self, terms: Terms) -> Agreement:
        """In force, and we want to end it."""
        agreement = self.in_force(terms)
        return actions.terminate(actor=self.actor, agreement=agreement, now=self.clock())

    def ended(self, terms: Terms) -> Agreement:
        """Both have ended it."""
        agreement = self.ending(terms)
        self.answer(agreement)
        self.we_approve(agreement)
        self.they_approve(agreement)
        agreement.refresh_from_db()
        return agreement

    def offered(self, terms: Terms, *, number: int) -> ReceivedCopy:
        """The partner proposes something of which we have no copy."""
        iia_id = str(
            uuid5(NAMESPACE_DNS, f"offer-{number}.{self.own.hei_id}.{self.partner.hei_id}")
        )
        copy = Copy(
            author=Party(
                self.partner.hei_id, iia_id, f"OFFER/{number}", contacts=(_office(self.partner),)
            ),
            other=Party(self.own.hei_id),
            terms=terms,
        )
        document, digest = form().write(copy)
        return actions.receive_copy(
            actor=_partner(self.partner),
            institution=self.own,
            partner=self.partner,
            iia_id=iia_id,
            document=document,
            copy=copy,
            digest=digest,
            published=digest,
            channel=self.channel,
            now=self.clock(),
        )


_ALL = (Kind.STUDIES, Kind.TRAINEESHIP, Kind.TEACHING, Kind.TRAINING)
_Stage = Callable[[Table, random.Random], object]


def _plain(table: Table, chance: random.Random, **facts: object) -> Terms:
    return terms_between(table.own, table.partner, chance=chance, **facts)  # type: ignore[arg-type]


def _counter(table: Table, chance: random.Random) -> None:
    agreement = table.mapped(_plain(table, chance))
    table.answer(agreement, _plain(table, chance))


def _change(table: Table, chance: random.Random) -> None:
    table.changed(_plain(table, chance), _plain(table, chance))


def _spoilt(table: Table, chance: random.Random) -> None:
    agreement = table.mapped(_plain(table, chance))
    table.answer(agreement, _plain(table, chance), spoilt=True)


def _half(table: Table, chance: random.Random) -> None:
    table.we_approve(table.mapped(_plain(table, chance)))


def _other_half(table: Table, chance: random.Random) -> None:
    table.they_approve(table.mapped(_plain(table, chance)))


def _many(table: Table, chance: random.Random) -> None:
    table.in_force(Terms(tuple(_plain(table, chance).conditions * (_MANY // 4))))


STAGES: dict[str, _Stage] = {
    "in force": lambda t, c: t.in_force(_plain(t, c)),
    "in force, every kind": lambda t, c: t.in_force(_plain(t, c, kinds=_ALL)),
    "expiring": lambda t, c: t.in_force(_plain(t, c, first=2022, last=2026)),
    "draft": lambda t, c: t.draft(Terms(_plain(t, c).conditions[:1])),
    "proposed": lambda t, c: t.proposed(_plain(t, c)),
    "mapped": lambda t, c: t.mapped(_plain(t, c)),
    "approved by us": _half,
    "approved by the partner": _other_half,
    "counter-proposal": _counter,
    "modification": _change,
    "termination": lambda t, c: t.ending(_plain(t, c)),
    "terminated": lambda t, c: t.ended(_plain(t, c, first=2021, last=2025)),
    "wrong hash": _spoilt,
    "offered": lambda t, c: t.offered(_plain(t, c), number=c.randint(1, 9999)),
    "southern years": lambda t, c: t.in_force(_plain(t, c, southern=True)),
    "one long year": lambda t, c: t.proposed(_plain(t, c, first=2027, last=2027)),
    "many conditions": _many,
}

# What each hosted institution has, partner by partner, in the order of the partners.
_DEALT = (
    "in force, every kind", "in force", "expiring", "in force", "modification", "counter-proposal",
    "approved by the partner", "mapped", "proposed", "in force", "approved by us", "wrong hash",
    "expiring", "offered", "in force", "termination", "draft", "terminated", "in force", "many conditions",
)  # fmt: skip
# Where a member begins in that order; the same on every installation.
_FIRST_DEALT = {house.hei_id: place for place, house in enumerate(alliance.MEMBERS, start=1)}
_SOUTH = {"redgum.example", "valleandino.example"}

# Countries of the programme, and those of the rest of the world that it also pays for; others agree bilaterally.
_PROGRAMME = {
    "040", "056", "100", "191", "196", "203", "208", "233", "246", "250", "276", "300", "348", "352", "372", "380",
    "428", "438", "440", "442", "470", "528", "578", "616", "620", "642", "688", "703", "705", "724", "752", "792",
    "807",
}  # fmt: skip
_WORLD = {"036", "152", "404", "704"}


def _programme_with(partner: Institution) -> str:
    """Under which rules institutions of the programme exchange with this one."""
    if partner.country in _PROGRAMME:
        return Programme.ERASMUS
    return Programme.ERASMUS_WORLD if partner.country in _WORLD else Programme.BILATERAL


def agree(
    hosted: Iterable[Institution],
    *,
    since: datetime,
    today: date,
    actor: Actor,
    elsewhere: frozenset[str],
    at_most: int,
) -> int:
    """Agreements of every hosted institution with its partners; gives how many conversations there are.

    They begin on some day after `since`; each institution has at most so many.
    `elsewhere` are hosted on other nodes of the same network: they speak for themselves, so nothing is invented.
    """
    count = 0
    for own in hosted:
        partners = (
            Institution.objects.filter(hosted=False)
            .exclude(hei_id__in=elsewhere)
            .order_by("hei_id")
        )[:at_most]
        for place, partner in enumerate(partners):
            chance = seeded("agreement", own.hei_id, partner.hei_id)
            days = max((_moment(today) - since).days - 60, 1)
            start = since + timedelta(days=chance.randint(0, days))
            table = Table(own, partner, actor, Clock(start, _moment(today)))
            stage = _DEALT[(place + _FIRST_DEALT[own.hei_id]) % len(_DEALT)]
            table.programme = _programme_with(partner)
            if partner.hei_id in _SOUTH:
                stage, table.channel = "southern years", Channel.PAPER
            STAGES[stage](table, chance)
            count += 1
    return count


# What two institutions of this installation have with each other, pair by pair.
_NEIGHBOURS = ("theirs to approve", "changed", "offered", "in force", "in force", "in force")


def agree_with_neighbours(
    hosted: Sequence[Institution], *, since: datetime, today: date, actor: Actor
) -> int:
    """Agreements between institutions of this installation, whose two sides are both real.

    What waits, waits for the one that comes first. Gives how many there are.
    """
    pairs = list(combinations(hosted, 2))
    for place, (own, partner) in enumerate(pairs):
        chance = seeded("agreement", own.hei_id, partner.hei_id)
        days = max((_moment(today) - since).days - 60, 1)
        clock = Clock(
            since + timedelta(days=days // 2 + chance.randint(0, days // 2)), _moment(today)
        )
        first, second = Table(own, partner, actor, clock), Table(partner, own, actor, clock)
        stage = _NEIGHBOURS[place % len(_NEIGHBOURS)]
        theirs = second.proposed(terms_between(partner, own, chance=chance))
        if stage == "offered":
            continue
        received = ReceivedCopy.objects.get(institution=own, partner=partner, iia_id=theirs.iia_id)
        ours = actions.take_in(actor=actor, received=received, now=clock())
        ours = actions.edit_particulars(
            actor=actor, agreement=ours, now=clock(), contacts=_plain_contacts(own)
        )
        second.we_approve(theirs)
        if stage == "theirs to approve":
            continue
        first.we_approve(ours)
        if stage == "changed":
            theirs.refresh_from_db()
            new = terms_between(partner, own, chance=chance)
            actions.edit(actor=actor, agreement=theirs, terms=new, now=clock())
    return len(pairs)


def agree_in_every_way(own: Institution, partner: Institution, *, today: date, actor: Actor) -> int:
    """One agreement with this partner in every state and shape, so that a test tool finds them all."""
    for name, stage in STAGES.items():
        chance = seeded("every", name, own.hei_id, partner.hei_id)
        start = _moment(today - timedelta(days=300))
        stage(Table(own, partner, actor, Clock(start, _moment(today))), chance)
    return len(STAGES)

"""Two universities that talk about agreements in one database, with a wire that does what the test says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.cast import institution
from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, Channel, ReceivedCopy
from vaihto.agreements.terms import (
    Condition,
    Copy,
    Kind,
    LanguageSkill,
    SubjectArea,
    Terms,
    read_copy,
    stored,
)
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
US = Actor.system("Agnes")


@dataclass
class Clock:
    """A clock that moves on by itself, a minute a look."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at


def studies(sending: str, receiving: str, **changed: object) -> Condition:
    """A complete condition for two students a year."""
    facts: dict[str, object] = {
        "kind": Kind.STUDIES,
        "sending": sending,
        "receiving": receiving,
        "first_year": "2026/2027",
        "last_year": "2028/2029",
        "people": "2",
        "skills": (LanguageSkill("en", "B2"),),
        "areas": (SubjectArea("0613"),),
        "months": "10",
        "blended": "false",
        "levels": ("6", "7"),
        **changed,
    }
    return Condition(**facts)  # type: ignore[arg-type]


def both_ways(one: str, other: str, **changed: object) -> Terms:
    """The same condition in both directions."""
    return Terms((studies(one, other, **changed), studies(other, one, **changed)))


@dataclass
class University:
    """One side: its institution, and the agreement it has with the other (once there is one)."""

    institution: Institution
    agreement: Agreement | None = None

    def look(self) -> Agreement:
        assert self.agreement is not None
        self.agreement = Agreement.objects.get(pk=self.agreement.pk)
        return self.agreement


@dataclass
class Two:
    """Both sides and the wire between them."""

    a: University
    b: University
    clock: Clock

    @classmethod
    def meet(cls) -> Two:
        return cls(
            University(institution("a.example")), University(institution("b.example")), Clock()
        )

    def other(self, side: University) -> University:
        return self.b if side is self.a else self.a

    def deliver_copy(self, source: University) -> ReceivedCopy | None:
        """The other side gets what `source` serves now."""
        target = self.other(source)
        agreement = source.look()
        served = agreement.shared_at and not agreement.deleted_at
        known = ReceivedCopy.objects.filter(
            institution=target.institution, partner=source.institution, iia_id=agreement.iia_id
        ).first()
        if not served:
            if known is None:
                return None
            return actions.miss_copy(actor=US, received=known, now=self.clock())
        assert agreement.current is not None
        document = bytes(agreement.current.document)
        copy = form().read(document)
        got = actions.receive_copy(
            actor=US,
            institution=target.institution,
            partner=source.institution,
            iia_id=agreement.iia_id,
            document=document,
            copy=copy,
            digest=agreement.current.digest,
            published=agreement.current.digest,
            channel=Channel.EWP,
            now=self.clock(),
        )
        if got.agreement_id and target.agreement is None:
            target.agreement = got.agreement
        return got

    def deliver_approval(self, source: University) -> None:
        """The other side asks which version of its copy `source` has approved."""
        target = self.other(source)
        if target.agreement is None:
            return
        ours = target.look()
        theirs = Agreement.objects.filter(
            institution=source.institution,
            partner=target.institution,
            partner_iia_id=ours.iia_id,
            deleted_at__isnull=True,
        ).first()
        digest = theirs.given.digest if theirs and theirs.given else ""
        actions.receive_approval(
            actor=US,
            agreement=ours,
            digest=digest,
            proof=digest.encode(),
            proof_type="text/plain",
            channel=Channel.EWP,
            now=self.clock(),
        )

    def settle(self) -> None:
        """Everything is delivered until nothing new comes."""
        for _turn in range(4):
            for side in (self.a, self.b):
                if side.agreement is not None:
                    self.deliver_copy(side)
                    self.deliver_approval(side)

    def approve(self, side: University) -> None:
        agreement = side.look()
        received = agreement.received_copy
        assert received is not None
        assert received.current is not None
        actions.approve(
            actor=US, agreement=agreement, digest=received.current.digest, now=self.clock()
        )

    def agree(self, terms: Terms | None = None) -> None:
        """From nothing to in force."""
        self.a.agreement = actions.create(
            actor=US,
            institution=self.a.institution,
            partner=self.b.institution,
            terms=terms or both_ways("a.example", "b.example"),
            now=self.clock(),
        )
        actions.propose(actor=US, agreement=self.a.agreement, now=self.clock())
        received = self.deliver_copy(self.a)
        assert received is not None
        self.b.agreement = actions.take_in(actor=US, received=received, now=self.clock())
        self.settle()
        self.approve(self.a)
        self.approve(self.b)
        self.settle()


class PlainForm:
    """A form for tests of this room alone: JSON, hashed without what is not approved."""

    def write(self, copy: Copy) -> tuple[bytes, str]:
        hashed = [
            copy.author.iia_id,
            copy.other.iia_id,
            stored(copy.terms.without_contacts()),
        ]
        digest = hashlib.sha256(json.dumps(hashed).encode()).hexdigest()
        return json.dumps(stored(copy)).encode(), digest

    def read(self, document: bytes) -> Copy:
        return read_copy(json.loads(document))

"""What lives bring along: facts by institution and by kind, in the order in which actions can take them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from vaihto.mobilities.facts import MobilityFacts, VisitFacts
from vaihto.people.facts import EmploymentFacts, StudentFacts, StudyRightFacts, TermEnrolmentFacts
from vaihto.transcripts.facts import AttainmentFacts


@dataclass
class Records:
    """Facts of one institution."""

    students: list[StudentFacts] = field(default_factory=list)
    rights: list[StudyRightFacts] = field(default_factory=list)
    enrolments: list[TermEnrolmentFacts] = field(default_factory=list)
    employments: list[EmploymentFacts] = field(default_factory=list)
    mobilities: list[MobilityFacts] = field(default_factory=list)
    visits: list[VisitFacts] = field(default_factory=list)
    attainments: list[AttainmentFacts] = field(default_factory=list)

    def extend(self, other: Records) -> None:
        """Takes over what the other holds."""
        for name in self.__dataclass_fields__:
            getattr(self, name).extend(getattr(other, name))

    def count(self) -> dict[str, int]:
        """How many facts of each kind."""
        return {name: len(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass
class Gathered:
    """Facts of several institutions, by hei_id."""

    houses: dict[str, Records] = field(default_factory=dict)

    def at(self, hei_id: str) -> Records:
        """The records of one institution, empty at first."""
        return self.houses.setdefault(hei_id, Records())

    def extend(self, other: Gathered) -> None:
        """Takes over what the other holds."""
        for hei_id, records in other.houses.items():
            self.at(hei_id).extend(records)

    def count(self) -> dict[str, int]:
        """How many facts of each kind over all institutions."""
        total: dict[str, int] = {}
        for records in self.houses.values():
            for name, number in records.count().items():
                total[name] = total.get(name, 0) + number
        return total


def gather(lives: Iterable[Gathered]) -> Gathered:
    """All lives in one."""
    whole = Gathered()
    for life in lives:
        whole.extend(life)
    return whole


def digest(gathered: Gathered) -> str:
    """A fingerprint of every fact; two inventions are the same when theirs are."""
    mixed = hashlib.sha256()
    for hei_id in sorted(gathered.houses):
        records = gathered.houses[hei_id]
        for name in records.__dataclass_fields__:
            for fact in getattr(records, name):
                mixed.update(repr(fact).encode())
    return mixed.hexdigest()

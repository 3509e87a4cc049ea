"""What institutions can do over which interface: the present state, survey rounds, and how two rounds differ.

Two sources tell: the registry's catalogue, whose newest line holds until the next, and survey rounds, which are true of
their day. Where both speak of an interface the catalogue is believed, because it is what partners' systems see; that
the survey says otherwise is shown. Start reading at `matrix`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from vaihto.institutions.models import Capability, Institution

State = Capability.State
Source = Capability.Source

# Process and interface, in the order of a mobility's life. The first of a process is the one that counts for it.
INTERFACES: tuple[tuple[str, str], ...] = (
    ("institution_data", "institutions"),
    ("institution_data", "organizational-units"),
    ("institution_data", "factsheet"),
    ("courses", "courses"),
    ("courses", "simple-course-replication"),
    ("files", "file"),
    ("agreements", "iias"),
    ("agreements", "iias-approval"),
    ("agreements", "iia-cnr"),
    ("agreements", "iia-approval-cnr"),
    ("nominations", "omobilities"),
    ("nominations", "omobility-cnr"),
    ("learning_agreements", "omobility-las"),
    ("learning_agreements", "omobility-la-cnr"),
    ("arrivals", "imobilities"),
    ("arrivals", "imobility-cnr"),
    ("transcripts", "imobility-tors"),
    ("transcripts", "imobility-tor-cnr"),
    ("staff_mobility", "staff"),
)
MAIN: tuple[str, ...] = (
    "institutions", "factsheet", "courses", "iias", "omobilities", "omobility-las", "imobilities", "imobility-tors",
    "staff",
)  # fmt: skip
"""The columns of the matrix unless all are wanted."""

_ORDER = {interface: number for number, (_process, interface) in enumerate(INTERFACES)}
_PROCESS_OF = {interface: process for process, interface in INTERFACES}


def process_of(interface: str) -> str:
    """The process that an interface serves; `other` for one that we do not know."""
    return _PROCESS_OF.get(interface, "other")


def in_order(interfaces: Iterable[str]) -> list[str]:
    """Interfaces in the order of a mobility's life, unknown ones last by name."""
    return sorted(set(interfaces), key=lambda one: (_ORDER.get(one, len(_ORDER)), one))


@dataclass(frozen=True)
class Standing:
    """What is known of one interface at one institution. `disputed_by` is a survey that says otherwise."""

    newest: Capability
    disputed_by: Capability | None = None


@dataclass(frozen=True)
class Matrix:
    """Institution and interface -> what is known; what is not there is not known."""

    known: Mapping[tuple[int, str], Standing]
    interfaces: tuple[str, ...]

    def at(self, institution_id: int, interface: str) -> Standing | None:
        """What is known at one place."""
        return self.known.get((institution_id, interface))

    def count(self, interface: str, state: Capability.State) -> int:
        """At how many institutions the interface is in a state."""
        return sum(
            one.newest.state == state
            for (_pk, name), one in self.known.items()
            if name == interface
        )


def matrix(institutions: Iterable[Institution]) -> Matrix:
    """The present state of all these institutions. One query."""
    rows = Capability.objects.filter(institution__in=list(institutions)).order_by("since", "pk")
    told: dict[tuple[int, str], dict[str, Capability]] = {}
    for row in rows:
        told.setdefault((row.institution_id, row.interface), {})[row.source] = row
    known: dict[tuple[int, str], Standing] = {}
    for place, by_source in told.items():
        listed, surveyed = by_source.get(Source.CATALOGUE), by_source.get(Source.SURVEY)
        newest = listed or surveyed
        if newest is None:
            continue
        disputed = (
            surveyed
            if listed is not None and surveyed is not None and surveyed.state != listed.state
            else None
        )
        known[place] = Standing(newest, disputed)
    return Matrix(known, tuple(in_order(interface for _pk, interface in known)))


# Survey rounds ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    """A round of the survey: its name, the first and last day of its answers, and what they were."""

    name: str
    first: date
    last: date
    institutions: int
    states: Mapping[str, int] = field(default_factory=dict)


def rounds(institutions: Iterable[Institution]) -> list[Round]:
    """All rounds in which one of the institutions answered, the newest first. One query."""
    rows = (
        Capability.objects.filter(institution__in=list(institutions), source=Source.SURVEY)
        .exclude(survey_round="")
        .order_by("since")
        .values_list("survey_round", "since", "institution_id", "state")
    )
    days: dict[str, list[date]] = {}
    places: dict[str, set[int]] = {}
    states: dict[str, Counter[str]] = {}
    for name, since, place, state in rows:
        days.setdefault(name, []).append(since)
        places.setdefault(name, set()).add(place)
        states.setdefault(name, Counter())[state] += 1
    found = [
        Round(name, days[name][0], days[name][-1], len(places[name]), dict(states[name]))
        for name in days
    ]
    return sorted(found, key=lambda one: (one.last, one.name), reverse=True)


def answers(institutions: Iterable[Institution], survey_round: str) -> list[Capability]:
    """What these institutions answered in a round."""
    rows = Capability.objects.filter(
        institution__in=list(institutions), source=Source.SURVEY, survey_round=survey_round
    )
    found = rows.select_related("institution").order_by("institution__name", "pk")
    return sorted(found, key=lambda row: (row.institution.name, _ORDER.get(row.interface, 99)))


class Step(StrEnum):
    """In which direction an answer went between two rounds."""

    FORWARD = "forward"  # nearer to live
    BACK = "back"
    OTHER = "other"  # the state is the same, version, system or channel is not
    NEW = "new"  # answered for the first time
    GONE = "gone"  # not answered any more
    SAME = "same"


@dataclass(frozen=True)
class Difference:
    """One institution and interface in two rounds."""

    institution: Institution
    interface: str
    before: Capability | None
    after: Capability | None
    step: Step

    @property
    def changed(self) -> tuple[str, ...]:
        """The fields that differ, where both rounds have an answer."""
        if self.before is None or self.after is None:
            return ()
        return tuple(
            name
            for name in ("state", "version", "system", "channel")
            if getattr(self.before, name) != getattr(self.after, name)
        )


_NEARNESS = {State.UNKNOWN: 0, State.NONE: 0, State.TESTING: 1, State.LIVE: 2}


def difference(before: Sequence[Capability], after: Sequence[Capability]) -> list[Difference]:
    """How the answers of two rounds differ, also where they do not, by institution and interface."""
    first = {(row.institution_id, row.interface): row for row in before}
    second = {(row.institution_id, row.interface): row for row in after}
    names = {row.institution_id: row.institution for row in (*before, *after)}
    found = []
    for pk, interface in {**first, **second}:
        one, other = first.get((pk, interface)), second.get((pk, interface))
        found.append(Difference(names[pk], interface, one, other, _step(one, other)))
    return sorted(found, key=lambda each: (each.institution.name, _ORDER.get(each.interface, 99)))


def _step(before: Capability | None, after: Capability | None) -> Step:
    if before is None:
        return Step.NEW
    if after is None:
        return Step.GONE
    here, there = _NEARNESS[State(before.state)], _NEARNESS[State(after.state)]
    if there != here:
        return Step.FORWARD if there > here else Step.BACK
    alike = ("state", "version", "system", "channel")
    if all(getattr(before, name) == getattr(after, name) for name in alike):
        return Step.SAME
    return Step.OTHER

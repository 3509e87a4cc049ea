"""Staff visits as the institution states them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaihto.journal.bringing import (
    Draft,
    Lengths,
    Outcome,
    Verdict,
    missing,
    refused,
    reversed_days,
    unknown_code,
    unknown_key,
    wrong_days,
    wrong_number,
)
from vaihto.mobilities.bringing.parties import wrong_choices
from vaihto.mobilities.bringing.segments import SegmentRow
from vaihto.mobilities.bringing.settling import (
    Changed,
    Stated,
    known_of,
    parties_stated,
    settle,
    spoken_columns,
    wrong_place,
)
from vaihto.mobilities.facts import VisitFacts
from vaihto.mobilities.models import Kind, Mobility, Mode, Place, Purpose, Side, StaffVisit
from vaihto.people.bringing.setting import Setting
from vaihto.people.models import Employment, Person
from vaihto.refusals import Refusal

_LENGTHS = Lengths(
    Mobility,
    Side,
    StaffVisit,
    Person,
    partner=120,
    partner_country=3,
    unit=60,
    employment_key=100,
)
_PURPOSES = frozenset({Purpose.TEACHING, Purpose.TRAINING, Purpose.RESEARCH})
_COLUMNS = ("purpose", "programme", "action", "call_year", "host_organisation", "state")


def _wrong_visit(facts: VisitFacts) -> list[Refusal]:
    """What cannot be true wherever it is stated."""
    found: list[Refusal] = [missing("key")] if not facts.key else []
    found += _LENGTHS.wrong(facts)
    found += wrong_choices(facts, _PURPOSES)
    if facts.content not in StaffVisit.Content.values:
        found.append(
            unknown_code("content", facts.content, expected=", ".join(StaffVisit.Content.values))
        )
    if not facts.employment_key and not facts.family_name:
        found.append(missing("employment_key" if facts.direction == "outgoing" else "family_name"))
    found += wrong_days(facts.start, facts.end)
    found += wrong_number("hours", facts.hours, whole=6)
    found += wrong_number("teaching_hours", facts.teaching_hours, whole=4)
    if facts.started_at and facts.ended_at and facts.ended_at <= facts.started_at:
        found.append(
            reversed_days(
                "ended_at", start=facts.started_at.isoformat(), end=facts.ended_at.isoformat()
            )
        )
    return found


def draft_visits(
    piece: Sequence[tuple[int, VisitFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
    changed: Changed,
) -> list[Outcome]:
    """What becomes of each staff visit and, for incoming visitors, the person named."""
    institution = setting.institution
    known = known_of(piece, setting, Kind.STAFF)
    employments = {
        employment.key: employment
        for employment in Employment.objects.filter(
            institution=institution,
            key__in={facts.employment_key for _at, facts in piece if facts.employment_key},
        ).order_by()
    }
    names = spoken_columns(setting, (*_COLUMNS, "partner", "partner_country", "direction", "unit"))
    outcomes: list[Outcome] = []
    for at, facts in piece:
        side = known.sides.get(facts.key)
        employment = employments.get(facts.employment_key)
        wrong = _wrong_visit(facts)
        if facts.employment_key and employment is None:
            wrong.append(unknown_key("employment_key", facts.employment_key))
        wrong += wrong_place(facts, side, known, setting, seen, at, Kind.STAFF)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        person: Person | None = None
        renamed: dict[str, Any] = {}
        if employment is None and side is None:
            person = Person(family_name=facts.family_name, given_names=facts.given_names)
            if draft is not None:
                draft.create(person)
                draft.line("person.created", person)
        elif employment is None and side is not None and facts.family_name:
            renamed = {
                name: getattr(facts, name)
                for name in ("family_name", "given_names")
                if getattr(facts, name) != getattr(side.mobility.person, name)
                and setting.says(name)
            }
        parties = parties_stated(facts, side, known, setting)
        stated = Stated(
            facts.key,
            person,
            employment.person_id if employment else None,
            {name: getattr(facts, name) for name in _COLUMNS} | parties,
            {"direction": facts.direction, "unit_id": setting.units.get(facts.unit)},
            [_visit_row(facts, parties)],
            names,
            visit={
                "employment_id": employment.pk if employment else None,
                "content": facts.content,
                "started_at": facts.started_at,
                "ended_at": facts.ended_at,
                "hours": facts.hours,
                "teaching_hours": facts.teaching_hours,
            },
        )
        outcome, _side = settle(at, stated, side, known, setting, draft, changed, Kind.STAFF)
        if renamed and side is not None:
            who = side.mobility.person
            in_words = {name: [getattr(who, name), value] for name, value in renamed.items()}
            outcome.changes |= in_words
            outcome.verdict = Verdict.CHANGED
            if draft is not None:
                draft.change(who, **renamed)
                draft.line("person.changed", who, in_words)
        outcomes.append(outcome)
    return outcomes


def _visit_row(facts: VisitFacts, parties: dict[str, Any]) -> SegmentRow:
    """The one part of a visit: at the host, or from home where it was virtual."""
    mode = Mode.VIRTUAL if facts.virtual else Mode.PHYSICAL
    place = Place.HOME if facts.virtual else Place.HOST
    country = parties["sending_country" if facts.virtual else "receiving_country"]
    return (mode.value, place.value, country, facts.start, facts.end, "", False)

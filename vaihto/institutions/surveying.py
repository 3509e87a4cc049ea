"""Comparing answers of a survey round with what is stored. `actions/capabilities.py` is the door."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from vaihto.institutions.bringing import Desk
from vaihto.institutions.capabilities import process_of
from vaihto.institutions.facts import AbilityFacts
from vaihto.institutions.models import Capability, Institution, Membership
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import (
    Draft,
    Lengths,
    Outcome,
    Verdict,
    differences,
    missing,
    refused,
    repeated,
    unknown_code,
    unknown_key,
    wrong_days,
)
from vaihto.refusals import Invalid, NotAllowed, Refusal
from vaihto.wording import mark as _

CHANNELS = ("ewp", "here", "guest", "file")
_LENGTHS = Lengths(Capability, institution=120)
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_FIELDS = tuple((name, name) for name in ("since", "state", "version", "system", "channel"))


def may_answer_for(actor: Actor) -> frozenset[int] | None:
    """The institutions whose answers the actor may enter: the own ones, and members of the own alliance."""
    own = actor.institutions(May.INSTITUTIONS_EDIT)
    alliances = actor.alliances(May.ALLIANCE_EDIT)
    if own is None or alliances is None:
        return None
    members = (
        Membership.objects.filter(alliance__in=alliances).values_list("institution", flat=True)
        if alliances
        else ()
    )
    return own | frozenset(members)


def _wrong(facts: AbilityFacts) -> list[Refusal]:
    found: list[Refusal] = [
        missing(name)
        for name in ("institution", "survey_round", "interface", "state")
        if not getattr(facts, name)
    ]
    found += _LENGTHS.wrong(facts)
    if facts.state and facts.state not in Capability.State.values:
        found.append(
            unknown_code("state", facts.state, expected=", ".join(Capability.State.values))
        )
    if facts.channel and facts.channel not in CHANNELS:
        found.append(unknown_code("channel", facts.channel, expected=", ".join(CHANNELS)))
    if facts.interface and not _NAME.fullmatch(facts.interface):
        found.append(
            Invalid(
                "survey.interface-form",
                sentence=_("“%(value)s” does not look like the name of an interface."),
                remedy=_("Write it in small letters without blanks, as in omobility-las."),
                field="interface",
                value=facts.interface,
            )
        )
    return [*found, *wrong_days(facts.since, None, start_field="since")]


def _taken(day: date, other: str) -> Invalid:
    return Invalid(
        "survey.day-taken",
        sentence=_("The round “%(other)s” has an answer of the same day for this interface."),
        remedy=_("Two rounds cannot have the same day; choose another."),
        field="since",
        value=day,
        other=other,
    )


def draft_abilities(
    piece: Sequence[tuple[int, AbilityFacts]],
    desk: Desk,
    draft: Draft | None,
    seen: dict[Any, int],
) -> list[Outcome]:
    """What becomes of each answer."""
    institutions = {
        one.hei_id: one
        for one in Institution.objects.filter(
            hei_id__in={facts.institution for _at, facts in piece}
        ).order_by()
    }
    in_reach = may_answer_for(desk.actor)
    stored: dict[tuple[int, str, str, str], Capability] = {}
    by_day: dict[tuple[int, str, str, date], Capability] = {}
    for row in Capability.objects.filter(
        institution__in=[one.pk for one in institutions.values()], source=Capability.Source.SURVEY
    ).order_by("pk"):
        stored[row.institution_id, row.survey_round, row.process, row.interface] = row
        by_day[row.institution_id, row.process, row.interface, row.since] = row
    outcomes: list[Outcome] = []
    for at, facts in piece:
        key = f"{facts.institution} {facts.survey_round} {facts.interface}"
        institution = institutions.get(facts.institution)
        wrong = _wrong(facts)
        if institution is None:
            if facts.institution:
                wrong.append(unknown_key("institution", facts.institution))
        elif in_reach is not None and institution.pk not in in_reach:
            wrong.append(NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT), field="institution"))
        if key in seen:
            wrong.append(repeated(key, first=seen[key]))
        seen.setdefault(key, at)
        process = facts.process or process_of(facts.interface)
        known = None
        if institution is not None:
            known = stored.get((institution.pk, facts.survey_round, process, facts.interface))
            other = by_day.get((institution.pk, process, facts.interface, facts.since))
            if other is not None and other.survey_round != facts.survey_round:
                wrong.append(_taken(facts.since, other.survey_round))
        if wrong or institution is None:
            outcomes.append(refused(at, key, wrong))
        elif known is None:
            outcomes.append(_created(at, key, facts, process, institution, draft))
        else:
            outcomes.append(_changed(at, key, facts, known, draft))
    return outcomes


def _created(
    at: int,
    key: str,
    facts: AbilityFacts,
    process: str,
    institution: Institution,
    draft: Draft | None,
) -> Outcome:
    outcome = Outcome(at, key, Verdict.CREATED)
    if draft is not None:
        outcome.record = row = Capability(
            institution=institution,
            process=process,
            interface=facts.interface,
            source=Capability.Source.SURVEY,
            survey_round=facts.survey_round,
            **{name: getattr(facts, name) for name, _column in _FIELDS},
        )
        draft.create(row)
        changes = {facts.interface: [None, facts.state], "survey_round": [None, facts.survey_round]}
        draft.line("capability.created", row, changes, institution_id=institution.pk)
    return outcome


def _changed(
    at: int, key: str, facts: AbilityFacts, known: Capability, draft: Draft | None
) -> Outcome:
    changes = differences(facts, known, _FIELDS)
    if draft is not None and changes:
        draft.change(known, **{name: getattr(facts, name) for name in changes})
        draft.line("capability.changed", known, changes, institution_id=known.institution_id)
    verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
    return Outcome(at, key, verdict, changes, record=known)

"""Student mobilities as the institution states them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaihto.codes import STUDY_RIGHT_TYPE
from vaihto.journal.bringing import (
    Draft,
    Lengths,
    Outcome,
    Verdict,
    missing,
    refused,
    unknown_code,
    unknown_key,
    wrong_number,
)
from vaihto.mobilities.bringing.parties import wrong_choices
from vaihto.mobilities.bringing.segments import segment_rows, stored_rows, wrong_segments
from vaihto.mobilities.bringing.settling import (
    Changed,
    Known,
    Stated,
    known_of,
    parties_stated,
    settle,
    spoken_columns,
    wrong_place,
)
from vaihto.mobilities.facts import MobilityFacts
from vaihto.mobilities.models import (
    ChangeReason,
    Direction,
    Kind,
    Mobility,
    Purpose,
    Side,
)
from vaihto.people.bringing.setting import (
    KnownStudent,
    Setting,
    owner_of,
    students_by_key,
    wrong_code,
)
from vaihto.people.models import StudyRight
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

_LENGTHS = Lengths(Mobility, Side, partner=120, partner_country=3, nested_in=100, unit=60)
_CHANGE_REASONS = frozenset(ChangeReason.values)
_SIDE_FIELDS = (
    "partner",
    "partner_country",
    "direction",
    "student_key",
    "right_key",
    "level",
    "home_degree_abroad",
    "adult_education",
    "unit",
    "kept_aside",
)
_PURPOSES = frozenset({Purpose.STUDY, Purpose.TRAINEESHIP, Purpose.COMBINED})
_COLUMNS = (
    "purpose",
    "programme",
    "action",
    "call_year",
    "funding",
    "host_organisation",
    "part_of_degree",
    "planned_blended",
    "agreed_as_one_whole",
    "change_reason",
    "end_is_estimate",
    "planned_credits",
    "bip_id",
    "state",
)


def _wrong_mobility(facts: MobilityFacts) -> list[Refusal]:
    """What cannot be true wherever it is stated."""
    found: list[Refusal] = [
        missing(name) for name in ("key", "student_key") if not getattr(facts, name)
    ]
    found += _LENGTHS.wrong(facts)
    found += wrong_choices(facts, _PURPOSES)
    if facts.change_reason and facts.change_reason not in _CHANGE_REASONS:
        found.append(
            unknown_code(
                "change_reason", facts.change_reason, expected=", ".join(sorted(_CHANGE_REASONS))
            )
        )
    found += wrong_code("level", facts.level, STUDY_RIGHT_TYPE)
    return found + wrong_number("planned_credits", facts.planned_credits, whole=4)


def draft_mobilities(
    piece: Sequence[tuple[int, MobilityFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
    changed: Changed,
) -> list[Outcome]:
    """What becomes of each student mobility."""
    institution = setting.institution
    known = known_of(piece, setting, Kind.STUDENT)
    students = students_by_key(institution, {facts.student_key for _at, facts in piece})
    rights = {
        right.key: right
        for right in StudyRight.objects.filter(
            institution=institution,
            key__in={facts.right_key for _at, facts in piece if facts.right_key},
        ).order_by()
    }
    names = spoken_columns(setting, (*_COLUMNS, *_SIDE_FIELDS))
    _find_candidates(known, piece, students, setting)
    outcomes: list[Outcome] = []
    # Inner trips last: the incoming stay each is made from may stand below it.
    for at, facts in sorted(piece, key=lambda numbered: bool(numbered[1].nested_in)):
        side = known.sides.get(facts.key)
        parties = parties_stated(facts, side, known, setting)
        other = parties[
            "receiving_country" if facts.direction == Direction.OUTGOING else "sending_country"
        ]
        rows = segment_rows(
            facts.segments, direction=facts.direction, own=institution.country, other=other
        )
        owner = owner_of(facts.student_key, students, setting, earlier=None)
        wrong = _wrong_mobility(facts)
        wrong += wrong_place(facts, side, known, setting, seen, at, Kind.STUDENT)
        if side is None or setting.says("segments"):
            wrong += wrong_segments(
                rows, direction=facts.direction, own=institution.country, state=facts.state
            )
        # A role for one unit holds for the unit of the mobility, whatever the student's.
        if owner.record is None:
            wrong += owner.wrong
        wrong += _wrong_nesting(facts, known, setting)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        if facts.direction == Direction.INCOMING:
            setting.coming.mobilities.add(facts.key)
        if owner.record is None or (
            draft is None and side is None and facts.key not in known.outer
        ):
            outcomes.append(Outcome(at, facts.key, Verdict.CREATED))
            continue
        stated = Stated(
            facts.key,
            None,
            owner.record.person_id,
            {name: getattr(facts, name) for name in _COLUMNS} | parties,
            _side_values(facts, owner.record, rights.get(facts.right_key), setting),
            rows,
            names,
        )
        outcome, settled = settle(at, stated, side, known, setting, draft, changed, Kind.STUDENT)
        outcomes.append(outcome)
        if settled is not None:
            if settled.direction == Direction.INCOMING:
                known.nested.setdefault(settled.key, settled)
            _nest(settled, known.nested.get(facts.nested_in), outcome, setting, draft, changed)
    return sorted(outcomes, key=lambda outcome: outcome.index)


def _side_values(
    facts: MobilityFacts, student: KnownStudent, right: StudyRight | None, setting: Setting
) -> dict[str, Any]:
    """Columns of the side. A right of another student is not linked; its key stays, so that checks name it."""
    return {
        "direction": facts.direction,
        "student_id": student.pk,
        "student_key": facts.student_key,
        "right_id": right.pk if right and right.student_id == student.pk else None,
        "right_key": facts.right_key,
        "level": facts.level,
        "home_degree_abroad": facts.home_degree_abroad,
        "adult_education": facts.adult_education,
        "unit_id": setting.units.get(facts.unit),
        "kept_aside": dict(facts.kept_aside),
    }


def _wrong_nesting(facts: MobilityFacts, known: Known, setting: Setting) -> list[Refusal]:
    """The stay an inner trip is made from is not known, or is not an incoming one."""
    if not facts.nested_in:
        return []
    outer = known.nested.get(facts.nested_in)
    if outer is None and facts.nested_in not in setting.coming.mobilities:
        return [unknown_key("nested_in", facts.nested_in)]
    if facts.direction != Direction.OUTGOING or (
        outer is not None and outer.direction != Direction.INCOMING
    ):
        return [
            Invalid(
                "mobility.nested-direction",
                sentence=_("Only an outgoing trip can be made from within an incoming stay."),
                remedy=_("Name an incoming mobility of the same student, or leave the cell empty."),
                field="nested_in",
                value=facts.nested_in,
            )
        ]
    return []


def _nest(
    side: Side,
    outer: Side | None,
    outcome: Outcome,
    setting: Setting,
    draft: Draft | None,
    changed: Changed,
) -> None:
    """Links a trip to the incoming stay it is made from, once both rows exist (V21)."""
    if not setting.says("nested_in"):
        return
    before = side.nested_in
    if (before.key if before else "") == (outer.key if outer else ""):
        return
    if outcome.verdict is not Verdict.CREATED:
        outcome.changes["nested_in"] = [before.key if before else "", outer.key if outer else ""]
        outcome.verdict = Verdict.CHANGED
    if draft is None:
        return
    if outer is None:
        draft.change(side, nested_in_id=None)
    else:
        changed.nested.append((side, outer))
    if outcome.verdict is Verdict.CHANGED:
        draft.line("mobility.changed", side.mobility, {"nested_in": outcome.changes["nested_in"]})
        changed.sides.append(side)


def _find_candidates(
    known: Known,
    piece: Sequence[tuple[int, MobilityFacts]],
    students: dict[str, KnownStudent],
    setting: Setting,
) -> None:
    """Mobilities that another institution here has stated and that a new fact may be about."""
    persons = {
        students[facts.student_key].person_id
        for _at, facts in piece
        if facts.student_key in students
        and facts.key not in known.sides
        and facts.partner in known.partners
        and known.partners[facts.partner].hosted
    }
    if not persons:
        return
    found = (
        Mobility.objects.filter(kind=Kind.STUDENT, person__in=persons)
        .exclude(sides__institution=setting.institution)
        .order_by("pk")
    )
    for mobility in found:
        known.candidates.setdefault(mobility.person_id, []).append(mobility)
    ids = [mobility.pk for group in known.candidates.values() for mobility in group]
    known.segments |= stored_rows(ids)

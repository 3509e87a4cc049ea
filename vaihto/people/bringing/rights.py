"""Study rights with their timelines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vaihto.codes import (
    FUNDING_SOURCE,
    STUDY_RIGHT_CLASSIFICATION,
    STUDY_RIGHT_STATE,
    STUDY_RIGHT_TYPE,
)
from vaihto.institutions.models import Institution
from vaihto.journal.bringing import (
    Draft,
    Lengths,
    Outcome,
    Verdict,
    differences,
    missing,
    refused,
    repeated,
    wrong_days,
)
from vaihto.people.bringing.setting import (
    KnownStudent,
    Setting,
    owner_of,
    students_by_key,
    wrong_code,
)
from vaihto.people.facts import PrimacyFacts, SpellFacts, StateFacts, StudyRightFacts
from vaihto.people.models import (
    Primacy,
    StudyRight,
    StudyRightSpell,
    StudyRightState,
)
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

_LENGTHS = Lengths(StudyRight, StudyRightSpell, student_key=100)


def _spell_row(spell: SpellFacts | StudyRightSpell) -> tuple[Any, ...]:
    return (
        spell.start,
        spell.end,
        spell.module,
        spell.education_code,
        spell.municipality,
        spell.language,
        spell.funding_source,
        tuple(spell.classifications),
        tuple(sorted(spell.names.items())),
        tuple(spell.qualifications),
    )


def _state_row(state: StateFacts | StudyRightState) -> tuple[Any, ...]:
    return (state.start, state.end, state.code)


def _primacy_row(primacy: PrimacyFacts | Primacy) -> tuple[Any, ...]:
    return (primacy.start, primacy.end)


def _days(row: tuple[Any, ...]) -> str:
    start, end, *rest = row
    words = " ".join(
        ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
        for value in rest
        if value
    )
    return f"{start}–{end or ''} {words}".strip()


_TIMELINES: tuple[tuple[str, type[Any], Callable[[Any], tuple[Any, ...]]], ...] = (
    ("states", StudyRightState, _state_row),
    ("spells", StudyRightSpell, _spell_row),
    ("primacies", Primacy, _primacy_row),
)
_RIGHT_FIELDS = (
    ("start", "start"),
    ("end", "end"),
    ("granted_by", "granted_by"),
    ("kept_aside", "kept_aside"),
)


def _wrong_right(facts: StudyRightFacts) -> list[Refusal]:
    found: list[Refusal] = [
        missing(name) for name in ("key", "student_key", "type") if not getattr(facts, name)
    ]
    found += _LENGTHS.wrong(facts)
    found += wrong_code("type", facts.type, STUDY_RIGHT_TYPE)
    found += wrong_days(facts.start, facts.end)
    for state in facts.states:
        found += wrong_code("states", state.code, STUDY_RIGHT_STATE)
        found += wrong_days(state.start, state.end, start_field="states", end_field="states")
    for spell in facts.spells:
        found += _LENGTHS.wrong(spell)
        found += wrong_code("funding_source", spell.funding_source, FUNDING_SOURCE)
        for code in spell.classifications:
            found += wrong_code("classifications", code, STUDY_RIGHT_CLASSIFICATION)
        found += wrong_days(spell.start, spell.end, start_field="spells", end_field="spells")
    for primacy in facts.primacies:
        found += wrong_days(
            primacy.start, primacy.end, start_field="primacies", end_field="primacies"
        )
    return found


def keeps_its_type(key: str, *, stored: str, wanted: str) -> Invalid:
    """A study right has one type for its whole life (V46)."""
    return Invalid(
        "study-right.type-is-for-life",
        sentence=_("The right has type %(type)s, and a right keeps its type for its whole life."),
        remedy=_("Bring the new type as a new right with a key of its own."),
        field="type",
        value=wanted,
        type=stored,
        key=key,
    )


def draft_study_rights(
    piece: Sequence[tuple[int, StudyRightFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
    touched: set[int],
) -> list[Outcome]:
    """What becomes of each study right; persons whose rights change are added to `touched`."""
    stored = {
        right.key: right
        for right in StudyRight.objects.filter(
            institution=setting.institution, key__in=[facts.key for _at, facts in piece]
        )
        .select_related("student")
        .order_by()
    }
    students = students_by_key(setting.institution, {facts.student_key for _at, facts in piece})
    lines = _stored_timelines([right.pk for right in stored.values()])
    outcomes: list[Outcome] = []
    for at, facts in piece:
        right = stored.get(facts.key)
        wrong = _wrong_right(facts)
        owner = owner_of(
            facts.student_key, students, setting, earlier=right.student if right else None
        )
        wrong += owner.wrong
        if facts.key in seen:
            wrong.append(repeated(facts.key, first=seen[facts.key]))
        seen.setdefault(facts.key, at)
        if right is not None and right.type != facts.type and facts.type in STUDY_RIGHT_TYPE:
            wrong.append(keeps_its_type(facts.key, stored=right.type, wanted=facts.type))
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        setting.coming.rights.add(facts.key)
        if right is None or owner.record is None:
            outcome = Outcome(at, facts.key, Verdict.CREATED)
            if draft is not None and owner.record is not None:
                outcome.record = new_right(facts, owner.record, setting.institution, draft)
                touched.add(owner.record.person_id)
            outcomes.append(outcome)
            continue
        changes = _right_changes(facts, right, owner.record, lines, setting, draft)
        if changes:
            touched |= {owner.record.person_id, right.student.person_id}
        verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
        outcomes.append(Outcome(at, facts.key, verdict, changes, record=right))
    return outcomes


_Timelines = dict[str, dict[int, list[Any]]]


def _stored_timelines(right_ids: Sequence[int]) -> _Timelines:
    """States, spells and primacies of rights, by right."""
    found: _Timelines = {name: {} for name, _model, _row in _TIMELINES}
    if right_ids:
        for name, model, _row in _TIMELINES:
            for part in model.objects.filter(right__in=right_ids).order_by("start", "pk"):
                found[name].setdefault(part.right_id, []).append(part)
    return found


def _right_changes(
    facts: StudyRightFacts,
    right: StudyRight,
    student: KnownStudent,
    lines: _Timelines,
    setting: Setting,
    draft: Draft | None,
) -> dict[str, list[Any]]:
    """What of a stored right changes; each timeline that is spoken of is replaced as a whole."""
    changes = differences(facts, right, setting.spoken(_RIGHT_FIELDS))
    values = {name: getattr(facts, name) for name in changes}
    if student.pk != right.student_id:
        changes["student_key"] = [right.student.key, student.key]
        values["student_id"] = student.pk
    for name, model, row in _TIMELINES:
        if not setting.says(name):
            continue
        old = lines[name].get(right.pk, [])
        before = sorted(map(row, old), key=repr)
        after = sorted(map(row, getattr(facts, name)), key=repr)
        if before == after:
            continue
        changes[name] = [[_days(part) for part in before], [_days(part) for part in after]]
        if draft is not None:
            for part in old:
                draft.remove(part)
            for part in getattr(facts, name):
                draft.create(_part(model, part, right))
    if draft is not None and changes:
        if values:
            draft.change(right, **values)
        draft.line("study-right.changed", right, changes)
    return changes


def new_right(
    facts: StudyRightFacts, student: KnownStudent, institution: Institution, draft: Draft
) -> StudyRight:
    """A right with its timelines, drafted."""
    right = StudyRight(
        student_id=student.pk,
        institution=institution,
        key=facts.key,
        type=facts.type,
        start=facts.start,
        end=facts.end,
        granted_by=facts.granted_by,
        kept_aside=dict(facts.kept_aside),
    )
    draft.create(right)
    for name, model, _row in _TIMELINES:
        for part in getattr(facts, name):
            draft.create(_part(model, part, right))
    draft.line("study-right.created", right)
    return right


def _part(model: type[Any], part: StateFacts | SpellFacts | PrimacyFacts, right: StudyRight) -> Any:
    match part:
        case StateFacts():
            return model(right=right, start=part.start, end=part.end, code=part.code)
        case PrimacyFacts():
            return model(right=right, start=part.start, end=part.end)
    return model(
        right=right,
        start=part.start,
        end=part.end,
        module=part.module,
        education_code=part.education_code,
        municipality=part.municipality,
        language=part.language,
        funding_source=part.funding_source,
        classifications=list(part.classifications),
        names=dict(part.names),
        qualifications=list(part.qualifications),
    )

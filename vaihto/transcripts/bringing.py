"""Comparing facts about attainments with what is stored. `actions.py` is the door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vaihto.codes import ATTAINMENT_CLASSIFICATION, ATTAINMENT_KIND, COUNTRY
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
    wrong_number,
)
from vaihto.mobilities.models import Side
from vaihto.people.bringing.setting import (
    KnownStudent,
    Setting,
    owner_of,
    students_by_key,
    wrong_code,
)
from vaihto.people.models import StudyRight
from vaihto.refusals import Refusal
from vaihto.transcripts.facts import AttainmentFacts
from vaihto.transcripts.models import Attainment

_LENGTHS = Lengths(Attainment, student_key=100, right_key=100, mobility_key=100)
_FIELDS = tuple(
    (name, name)
    for name in (
        "kind",
        "names",
        "credits",
        "grade_scale",
        "grade",
        "completed_on",
        "recognised_on",
        "granted_by",
        "source_code",
        "source_country",
        "classifications",
        "education_code",
        "module",
        "language",
        "is_traineeship",
        "granting_country",
        "completed_in_country",
        "kept_aside",
    )
)


def _wrong(facts: AttainmentFacts) -> list[Refusal]:
    found: list[Refusal] = [
        missing(name) for name in ("key", "student_key", "kind") if not getattr(facts, name)
    ]
    found += _LENGTHS.wrong(facts)
    found += wrong_code("kind", facts.kind, ATTAINMENT_KIND)
    if facts.granted_by not in Attainment.GrantedBy.values:
        found.append(
            unknown_code(
                "granted_by", facts.granted_by, expected=", ".join(Attainment.GrantedBy.values)
            )
        )
    for code in facts.classifications:
        found += wrong_code("classifications", code, ATTAINMENT_CLASSIFICATION)
    for name in ("source_country", "granting_country", "completed_in_country"):
        found += wrong_code(name, getattr(facts, name), COUNTRY)
    found += wrong_number("credits", facts.credits, whole=6)
    if facts.completed_on is None and facts.recognised_on is None:
        found.append(missing("completed_on"))
    found += wrong_days(facts.completed_on, None, start_field="completed_on")
    found += wrong_days(facts.recognised_on, None, start_field="recognised_on")
    return found


def draft_attainments(
    piece: Sequence[tuple[int, AttainmentFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
    touched: set[int],
) -> list[Outcome]:
    """What becomes of each attainment; persons whose attainments change are added to `touched`."""
    institution = setting.institution
    stored = {
        attainment.key: attainment
        for attainment in Attainment.objects.filter(
            institution=institution, key__in=[facts.key for _at, facts in piece]
        )
        .select_related("student", "right")
        .order_by()
    }
    students = students_by_key(institution, {facts.student_key for _at, facts in piece})
    right_keys = {facts.right_key for _at, facts in piece if facts.right_key}
    rights = {
        right.key: right
        for right in StudyRight.objects.filter(
            institution=institution, key__in=right_keys
        ).order_by()
    }
    sides = {
        side.key: side.mobility_id
        for side in Side.objects.filter(
            institution=institution,
            key__in={facts.mobility_key for _at, facts in piece if facts.mobility_key},
        ).order_by()
    }
    outcomes: list[Outcome] = []
    for at, facts in piece:
        attainment = stored.get(facts.key)
        owner = owner_of(
            facts.student_key,
            students,
            setting,
            earlier=attainment.student if attainment else None,
        )
        right = rights.get(facts.right_key)
        wrong = [*_wrong(facts), *owner.wrong]
        wrong += _wrong_links(facts, owner.record, right, sides, setting)
        if facts.key in seen:
            wrong.append(repeated(facts.key, first=seen[facts.key]))
        seen.setdefault(facts.key, at)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        links = _Links(owner.record, right, sides.get(facts.mobility_key))
        if attainment is None or owner.record is None:
            outcome = Outcome(at, facts.key, Verdict.CREATED)
            if draft is not None and owner.record is not None:
                outcome.record = _new_attainment(facts, owner.record, links, setting, draft)
                touched.add(owner.record.person_id)
        else:
            changes = _changes(facts, attainment, links, setting, draft)
            if changes:
                touched |= {owner.record.person_id, attainment.student.person_id}
            verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
            outcome = Outcome(at, facts.key, verdict, changes, record=attainment)
        outcomes.append(outcome)
    return outcomes


@dataclass(frozen=True)
class _Links:
    student: KnownStudent | None
    right: StudyRight | None
    mobility_id: int | None


def _wrong_links(
    facts: AttainmentFacts,
    student: KnownStudent | None,
    right: StudyRight | None,
    sides: dict[str, int],
    setting: Setting,
) -> list[Refusal]:
    """Records named that are not here, or a right that is another student's."""
    found: list[Refusal] = []
    is_anothers = right is not None and student is not None and right.student_id != student.pk
    if facts.right_key and (
        is_anothers or (right is None and facts.right_key not in setting.coming.rights)
    ):
        found.append(unknown_key("right_key", facts.right_key))
    if facts.mobility_key and not (
        facts.mobility_key in sides or facts.mobility_key in setting.coming.mobilities
    ):
        found.append(unknown_key("mobility_key", facts.mobility_key))
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _new_attainment(
    facts: AttainmentFacts, student: KnownStudent, links: _Links, setting: Setting, draft: Draft
) -> Attainment:
    attainment = Attainment(
        institution=setting.institution,
        student_id=student.pk,
        right=links.right,
        mobility_id=links.mobility_id,
        key=facts.key,
        **{name: _plain(getattr(facts, name)) for name, _column in _FIELDS},
    )
    draft.create(attainment)
    draft.line("attainment.created", attainment)
    return attainment


def _changes(
    facts: AttainmentFacts,
    attainment: Attainment,
    links: _Links,
    setting: Setting,
    draft: Draft | None,
) -> dict[str, list[Any]]:
    changes = differences(facts, attainment, setting.spoken(_FIELDS))
    values = {name: _plain(getattr(facts, name)) for name in changes}
    if links.student is not None and links.student.pk != attainment.student_id:
        changes["student_key"] = [attainment.student.key, links.student.key]
        values["student_id"] = links.student.pk
    right_id = links.right.pk if links.right else None
    if setting.says("right_key") and right_id != attainment.right_id:
        changes["right_key"] = [attainment.right.key if attainment.right else "", facts.right_key]
        values["right_id"] = right_id
    if setting.says("mobility_key") and links.mobility_id != attainment.mobility_id:
        changes["mobility_key"] = [
            "" if attainment.mobility_id is None else "…",
            facts.mobility_key,
        ]
        values["mobility_id"] = links.mobility_id
    if draft is not None and changes:
        draft.change(attainment, **values)
        draft.line("attainment.changed", attainment, changes)
    return changes

"""Comparing facts about attainments with what is stored. `actions.py` is the door."""

from __future__ import annotations

from collections.abc import Sequence

from vaihto.codes import ATTAINMENT_CLASSIFICATION, ATTAINMENT_KIND, COUNTRY
from vaihto.journal.bringing import (
    Draft,
    Lengths,
    Outcome,
    Verdict,
    differences,
    missing,
    not_in_reach,
    refused,
    repeated,
    unknown_code,
    unknown_key,
    wrong_days,
    wrong_number,
)
from vaihto.mobilities.models import Side
from vaihto.people.bringing import Setting, students_by_key, wrong_code
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
        for right in StudyRight.objects.filter(institution=institution, key__in=right_keys).order_by()
    }
    sides = {
        side.key: side.mobility_id
        for side in Side.objects.filter(
            institution=institution,
            key__in={facts.mobility_key for _at, facts in piece if facts.mobility_key},
        ).order_by()
    }
    fields = setting.spoken(_FIELDS)
    outcomes: list[Outcome] = []
    for at, facts in piece:
        attainment = stored.get(facts.key)
        student = students.get(facts.student_key)
        right = rights.get(facts.right_key)
        mobility_id = sides.get(facts.mobility_key)
        wrong = _wrong(facts)
        if student is None and facts.student_key:
            wrong.append(unknown_key("student_key", facts.student_key))
        if facts.right_key and (
            right is None or (student is not None and right.student_id != student.pk)
        ):
            wrong.append(unknown_key("right_key", facts.right_key))
        if facts.mobility_key and mobility_id is None:
            wrong.append(unknown_key("mobility_key", facts.mobility_key))
        if facts.key in seen:
            wrong.append(repeated(facts.key, first=seen[facts.key]))
        seen.setdefault(facts.key, at)
        if setting.reach is not None and student is not None:
            concerned = {student.unit_id} | (
                {attainment.student.unit_id} if attainment is not None else set()
            )
            if not concerned <= setting.reach:
                wrong.append(not_in_reach("student_key", facts.student_key))
        if wrong or student is None:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        if attainment is None:
            outcome = Outcome(at, facts.key, Verdict.CREATED)
            outcomes.append(outcome)
            if draft is not None:
                outcome.record = attainment = Attainment(
                    institution=institution,
                    student=student,
                    right=right,
                    mobility_id=mobility_id,
                    key=facts.key,
                    **{
                        name: list(value) if isinstance(value, tuple) else value
                        for name, value in ((name, getattr(facts, name)) for name, _c in _FIELDS)
                    },
                )
                draft.create(attainment)
                draft.line("attainment.created", attainment)
                touched.add(student.person_id)
            continue
        changes = differences(facts, attainment, fields)
        values = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in ((name, getattr(facts, name)) for name in changes)
        }
        if student.pk != attainment.student_id:
            changes["student_key"] = [attainment.student.key, student.key]
            values["student_id"] = student.pk
        if setting.says("right_key") and (right.pk if right else None) != attainment.right_id:
            changes["right_key"] = [attainment.right.key if attainment.right else "", facts.right_key]
            values["right_id"] = right.pk if right else None
        if setting.says("mobility_key") and mobility_id != attainment.mobility_id:
            changes["mobility_key"] = ["", facts.mobility_key]
            values["mobility_id"] = mobility_id
        if draft is not None and changes:
            touched |= {student.person_id, attainment.student.person_id}
            draft.change(attainment, **values)
            draft.line("attainment.changed", attainment, changes)
        verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
        outcomes.append(Outcome(at, facts.key, verdict, changes, record=attainment))
    return outcomes

"""Term enrolments, kept as they came."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from vaihto.codes import TERM_ENROLMENT_STATE
from vaihto.journal.bringing import (
    Draft,
    Outcome,
    Verdict,
    differences,
    missing,
    refused,
    wrong_days,
)
from vaihto.people.bringing.setting import Setting, owner_of, students_by_key, wrong_code
from vaihto.people.facts import TermEnrolmentFacts
from vaihto.people.models import StudyRight, TermEnrolment
from vaihto.refusals import Refusal


def digest_of(document: str) -> str:
    """By which a term enrolment is found again."""
    return hashlib.sha256(document.encode()).hexdigest()


def draft_term_enrolments(
    piece: Sequence[tuple[int, TermEnrolmentFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[tuple[str, str], int],
) -> list[Outcome]:
    """What becomes of each term enrolment.

    One with the same student, right and first day but another document is the same enrolment, changed.
    """
    students = students_by_key(setting.institution, {facts.student_key for _at, facts in piece})
    rights = {
        right.key: right
        for right in StudyRight.objects.filter(
            institution=setting.institution,
            key__in={facts.right_key for _at, facts in piece if facts.right_key},
        ).order_by()
    }
    by_digest: dict[tuple[int, str], TermEnrolment] = {}
    by_day: dict[tuple[int, int | None, Any], list[TermEnrolment]] = {}
    for enrolment in TermEnrolment.objects.filter(
        student__in=[student.pk for student in students.values()]
    ).order_by("pk"):
        by_digest[enrolment.student_id, enrolment.digest] = enrolment
        by_day.setdefault((enrolment.student_id, enrolment.right_id, enrolment.start), []).append(
            enrolment
        )
    brought = {digest_of(facts.document) for _at, facts in piece}
    outcomes: list[Outcome] = []
    for at, facts in piece:
        key = f"{facts.student_key} {facts.start}"
        owner = owner_of(facts.student_key, students, setting, earlier=None)
        wrong = [*_wrong_enrolment(facts), *owner.wrong]
        if wrong:
            outcomes.append(refused(at, key, wrong))
            continue
        student, right, digest = (
            owner.record,
            rights.get(facts.right_key),
            digest_of(facts.document),
        )
        known = by_digest.get((student.pk, digest)) if student else None
        if known is not None or (facts.student_key, digest) in seen:
            outcomes.append(Outcome(at, key, Verdict.UNCHANGED, record=known))
            continue
        seen[facts.student_key, digest] = at
        same_term = (student.pk if student else 0, right.pk if right else None, facts.start)
        before = next((e for e in by_day.get(same_term, ()) if e.digest not in brought), None)
        if before is not None:
            brought.add(before.digest)
            outcomes.append(_changed(at, key, facts, before, draft))
            continue
        outcome = Outcome(at, key, Verdict.CREATED)
        if draft is not None and student is not None:
            outcome.record = enrolment = TermEnrolment(
                student_id=student.pk,
                right=right,
                start=facts.start,
                end=facts.end,
                state=facts.state,
                document=facts.document,
                digest=digest,
            )
            draft.create(enrolment)
            draft.line("term-enrolment.created", enrolment)
        outcomes.append(outcome)
    return outcomes


def _wrong_enrolment(facts: TermEnrolmentFacts) -> list[Refusal]:
    found: list[Refusal] = [
        missing(name) for name in ("student_key", "state", "document") if not getattr(facts, name)
    ]
    found += wrong_code("state", facts.state, TERM_ENROLMENT_STATE)
    return found + wrong_days(facts.start, facts.end)


def _changed(
    at: int, key: str, facts: TermEnrolmentFacts, before: TermEnrolment, draft: Draft | None
) -> Outcome:
    digest = digest_of(facts.document)
    changes = differences(facts, before, (("end", "end"), ("state", "state")))
    changes["document"] = [before.digest[:12], digest[:12]]
    if draft is not None:
        draft.change(
            before, end=facts.end, state=facts.state, document=facts.document, digest=digest
        )
        draft.line("term-enrolment.changed", before, changes)
    return Outcome(at, key, Verdict.CHANGED, changes, record=before)

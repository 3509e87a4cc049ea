"""Changing persons, study rights and employments: in batches as files bring them, and one at a time.

The `plan_…` twin of each `bring_…` says what would happen and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction

from vaihto.codes import STUDY_RIGHT_TYPE
from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import Announcement, announce
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Coming, Draft, Keep, Outcome, Verdict, units_in_reach
from vaihto.people.bringing import pieces
from vaihto.people.bringing.employments import draft_employments
from vaihto.people.bringing.enrolments import draft_term_enrolments
from vaihto.people.bringing.rights import draft_study_rights
from vaihto.people.bringing.students import draft_students
from vaihto.people.facts import (
    EmploymentFacts,
    StudentFacts,
    StudyRightFacts,
    TermEnrolmentFacts,
)
from vaihto.people.models import StudentRecord, StudyRight, StudyRightSpell
from vaihto.refusals import Invalid, NotAllowed
from vaihto.wording import mark as _

# Facts changed from which the verdicts on these persons' mobilities are made.
RECORDS_CHANGED = Announcement("people.records-changed", fields=("person_ids",))

DOUBLE_DEGREE = "7"


def plan_students(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[StudentFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_students` would do with each fact, in order. Nothing is written."""
    return pieces.plan(
        draft_students,
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


def bring_students(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[StudentFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Students of the institution, found again by key; safe to run twice.

    The same learner number or identity code is the same person, also across institutions; student records are
    never merged (V10). `said` names the fields the facts speak of: the others keep what is stored (None: all of
    them are spoken of). `seen` carries the keys met in earlier calls of the same file. `keep` is handed images
    of rows as they were. A refused fact is answered in its outcome and leaves the others alone.
    """
    return pieces.bring(
        draft_students,
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


def plan_study_rights(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[StudyRightFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_study_rights` would do with each fact, in order. Nothing is written."""
    return pieces.plan(
        pieces.remembering(draft_study_rights, set()),
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


def bring_study_rights(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[StudyRightFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Study rights with their timelines, found again by key; a right keeps its type for life (V46).

    Arguments as in `bring_students`. Each timeline that is spoken of is replaced as a whole.
    """
    touched: set[int] = set()
    return pieces.bring(
        pieces.remembering(draft_study_rights, touched),
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
        finished=lambda: _tell(touched),
    )


def _tell(touched: set[int]) -> None:
    """Records of these persons changed."""
    if touched:
        announce(RECORDS_CHANGED, person_ids=sorted(touched))


def plan_term_enrolments(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[TermEnrolmentFacts],
    said: Collection[str] | None = None,
    seen: dict[tuple[str, str], int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_term_enrolments` would do with each fact, in order. Nothing is written."""
    return pieces.plan(
        draft_term_enrolments,
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


def bring_term_enrolments(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[TermEnrolmentFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[tuple[str, str], int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Term enrolments as they came; arguments as in `bring_students`."""
    return pieces.bring(
        draft_term_enrolments,
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


def plan_employments(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[EmploymentFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_employments` would do with each fact, in order. Nothing is written."""
    return pieces.plan(
        draft_employments,
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


def bring_employments(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[EmploymentFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Employments with the persons who hold them, found again by key; arguments as in `bring_students`."""
    return pieces.bring(
        draft_employments,
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


# --- One record at a time ----------------------------------------------------------------------


def _require_right(actor: Actor, right: StudyRight) -> None:
    reach = units_in_reach(actor, May.PEOPLE_EDIT, right.institution_id)
    if reach is not None and right.student.unit_id not in reach:
        raise NotAllowed("not-allowed", may=str(May.PEOPLE_EDIT))


@transaction.atomic
def give_up_double_degree(
    *, actor: Actor, right: StudyRight, on: date, now: datetime, reason: str = ""
) -> StudyRight:
    """The student stops aiming at the double degree on a day, the last of the spell classified 7.

    A new spell without it begins the next day on the same right; mobility periods are not touched (V23).
    """
    right = (
        StudyRight.objects.select_for_update(of=("self",))
        .select_related("student")
        .get(pk=right.pk)
    )
    _require_right(actor, right)
    spells = list(right.spells.order_by("start", "pk"))
    ending = next(
        (
            spell
            for spell in spells
            if DOUBLE_DEGREE in spell.classifications
            and spell.start <= on
            and (spell.end is None or on <= spell.end)
        ),
        None,
    )
    if ending is None:
        raise Invalid(
            "study-right.no-double-degree",
            sentence=_("On %(on)s the right is not part of a double degree."),
            remedy=_("Choose a day within the time that is classified as a double degree."),
            field="on",
            on=on,
        )
    draft = Draft(actor, now, right.institution_id, reason=reason)
    before = [f"{s.start}–{s.end or ''} {', '.join(s.classifications)}".strip() for s in spells]
    last = ending.end or right.end
    if last is None or on < last:
        draft.create(
            StudyRightSpell(
                right=right,
                start=on + timedelta(days=1),
                end=ending.end,
                module=ending.module,
                education_code=ending.education_code,
                municipality=ending.municipality,
                language=ending.language,
                funding_source=ending.funding_source,
                classifications=[c for c in ending.classifications if c != DOUBLE_DEGREE],
                names=ending.names,
                qualifications=ending.qualifications,
            )
        )
        draft.change(ending, end=on)
    for spell in spells:
        if spell.start > on and DOUBLE_DEGREE in spell.classifications:
            kept = [code for code in spell.classifications if code != DOUBLE_DEGREE]
            draft.change(spell, classifications=kept)
    draft.line("study-right.double-degree-given-up", right, {"spells": [before, [f"{on}: 7 → –"]]})
    draft.write()
    announce(RECORDS_CHANGED, person_ids=[right.student.person_id])
    return right


@transaction.atomic
def add_degree_right(
    *,
    actor: Actor,
    student: StudentRecord,
    facts: StudyRightFacts,
    now: datetime,
) -> StudyRight:
    """A new right leading to a degree beside what the student has; an exchange right stays as it is (V02)."""
    kind = STUDY_RIGHT_TYPE.get(facts.type)
    if kind is None or kind.facts["degree_leading"] != "yes":
        raise Invalid(
            "study-right.not-degree-leading",
            sentence=_("A right of type “%(value)s” does not lead to a degree."),
            remedy=_("Choose a type that leads to a degree."),
            field="type",
            value=facts.type,
        )
    if facts.student_key != student.key:
        raise Invalid(
            "study-right.other-student",
            sentence=_("The new right names another student."),
            field="student_key",
            value=facts.student_key,
        )
    if StudyRight.objects.filter(institution=student.institution, key=facts.key).exists():
        raise Invalid(
            "study-right.key-taken",
            sentence=_("There is already a study right with the key “%(value)s”."),
            remedy=_("A new right needs a key of its own; the earlier one stays as it is."),
            field="key",
            value=facts.key,
        )
    (outcome,) = bring_study_rights(
        actor=actor, institution=student.institution, facts=[facts], now=now
    )
    if outcome.verdict is Verdict.REFUSED:
        raise outcome.refusals[0]
    return StudyRight.objects.get(institution=student.institution, key=facts.key)


@transaction.atomic
def correct_student(
    *,
    actor: Actor,
    institution: Institution,
    facts: StudentFacts,
    now: datetime,
    said: Collection[str] | None = None,
) -> Outcome:
    """One student's facts from a form. Refuses with the first thing that is wrong."""
    (outcome,) = bring_students(
        actor=actor, institution=institution, facts=[facts], now=now, said=said
    )
    if outcome.verdict is Verdict.REFUSED:
        raise outcome.refusals[0]
    return outcome

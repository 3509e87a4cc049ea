"""Stored records as VIRTA records, streamed in the order of their keys.

Keys are ordered by code point on every database, so that the same records give the same bytes and two
files can be compared while both stream. Memory holds one chunk.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models import F
from django.db.models.functions import Collate

from vaihto.classification.models import Period
from vaihto.institutions.models import Institution
from vaihto.people.facts import (
    PrimacyFacts,
    SpellFacts,
    StateFacts,
    StudentFacts,
    StudyRightFacts,
)
from vaihto.people.models import StudentRecord, StudyRight, TermEnrolment
from vaihto.transcripts.facts import AttainmentFacts
from vaihto.transcripts.models import Attainment
from vaihto.virta import crosswalk
from vaihto.virta.fragments import record_of
from vaihto.virta.records import (
    Liikkuvuusjakso,
    LukukausiIlmoittautuminen,
    Opintosuoritus,
    Opiskelija,
    Opiskeluoikeus,
    Record,
)

CHUNK = 2000

M = TypeVar("M", bound=models.Model)


def in_key_order(rows: models.QuerySet[M], field_name: str = "key") -> models.QuerySet[M]:
    """Rows ordered by code point of their key."""
    if connection.vendor == "postgresql":
        return rows.order_by(Collate(F(field_name), "C"), "pk")
    return rows.order_by(field_name, "pk")


@dataclass
class LeftOut:
    """Keys that stay out of the file, by kind of record; filled by the checks."""

    periods: set[str] = field(default_factory=set)
    attainments: set[str] = field(default_factory=set)
    rights: set[str] = field(default_factory=set)
    students: set[str] = field(default_factory=set)


# --- one kind of record at a time --------------------------------------------------------------


def student_facts(stored: StudentRecord) -> StudentFacts:
    """The stored student record in the form in which it would be brought."""
    person = stored.person
    return StudentFacts(
        key=stored.key,
        family_name=person.family_name,
        given_names=person.given_names,
        gender=person.gender,
        citizenships=tuple(person.citizenships),
        learner_number=person.learner_number,
        identity_code=person.identity_code,
        mother_tongue=stored.mother_tongue,
        residence=stored.residence,
        first_enrolled=stored.first_enrolled,
        kept_aside=stored.kept_aside,
    )


def study_right_facts(stored: StudyRight) -> StudyRightFacts:
    """The stored right with its timelines; expects them prefetched, in date order."""
    return StudyRightFacts(
        key=stored.key,
        student_key=stored.student.key,
        type=stored.type,
        start=stored.start,
        end=stored.end,
        granted_by=stored.granted_by,
        states=tuple(
            StateFacts(code=s.code, start=s.start, end=s.end) for s in stored.states.all()
        ),
        spells=tuple(
            SpellFacts(
                start=s.start,
                end=s.end,
                module=s.module,
                education_code=s.education_code,
                municipality=s.municipality,
                language=s.language,
                funding_source=s.funding_source,
                classifications=tuple(s.classifications),
                names=s.names,
                qualifications=tuple(s.qualifications),
            )
            for s in stored.spells.all()
        ),
        primacies=tuple(PrimacyFacts(start=p.start, end=p.end) for p in stored.primacies.all()),
        kept_aside=stored.kept_aside,
    )


def attainment_facts(stored: Attainment) -> AttainmentFacts:
    """The stored attainment in the form in which it would be brought."""
    return AttainmentFacts(
        key=stored.key,
        student_key=stored.student.key,
        right_key=stored.right.key if stored.right else "",
        kind=stored.kind,
        names=stored.names,
        credits=stored.credits,
        grade_scale=stored.grade_scale,
        grade=stored.grade,
        completed_on=stored.completed_on,
        recognised_on=stored.recognised_on,
        granted_by=stored.granted_by,
        source_code=stored.source_code,
        classifications=tuple(stored.classifications),
        education_code=stored.education_code,
        module=stored.module,
        language=stored.language,
        is_traineeship=stored.is_traineeship,
        kept_aside=stored.kept_aside,
    )


def _student_rows(institution: Institution) -> models.QuerySet[StudentRecord]:
    return in_key_order(
        StudentRecord.objects.filter(institution=institution).select_related("person")
    )


def _right_rows(institution: Institution) -> models.QuerySet[StudyRight]:
    return in_key_order(
        StudyRight.objects.filter(institution=institution)
        .select_related("student")
        .prefetch_related("states", "spells", "primacies")
    )


def _attainment_rows(institution: Institution) -> models.QuerySet[Attainment]:
    return in_key_order(
        Attainment.objects.filter(institution=institution).select_related(
            "student", "right", "mobility"
        )
    )


def students(institution: Institution) -> Iterator[Opiskelija]:
    """All student records of the institution."""
    for stored in _student_rows(institution).iterator(chunk_size=CHUNK):
        yield crosswalk.student_record(student_facts(stored))


def rights(institution: Institution) -> Iterator[Opiskeluoikeus]:
    """All study rights of the institution."""
    for stored in _right_rows(institution).iterator(chunk_size=CHUNK):
        yield _right(stored, institution)


def _right(stored: StudyRight, institution: Institution) -> Opiskeluoikeus:
    return crosswalk.study_right_record(
        study_right_facts(stored), institution_code=institution.national_code
    )


def enrolments(institution: Institution) -> Iterator[LukukausiIlmoittautuminen]:
    """All term enrolments of the institution, as they came."""
    rows = in_key_order(
        TermEnrolment.objects.filter(student__institution=institution), "student__key"
    )
    for document in rows.values_list("document", flat=True).iterator(chunk_size=CHUNK):
        yield record_of(document, LukukausiIlmoittautuminen)


def attainments(institution: Institution) -> Iterator[Opintosuoritus]:
    """All attainments of the institution."""
    for stored in _attainment_rows(institution).iterator(chunk_size=CHUNK):
        yield _attainment(stored, institution)


def _attainment(stored: Attainment, institution: Institution) -> Opintosuoritus:
    return crosswalk.attainment_record(
        attainment_facts(stored),
        institution_code=institution.national_code,
        missing_completion=stored.mobility.end if stored.mobility else None,
    )


_PERIOD_COLUMNS = (
    "key",
    "start",
    "end",
    "direction",
    "country",
    "type",
    "programme",
    "level",
    "classifications",
    "side__student__key",
    "side__student_key",
    "side__right__key",
    "side__right_key",
    "side__kept_aside",
)


def period_rows(institution: Institution) -> models.QuerySet[Period]:
    """The periods that go into the next export."""
    return Period.objects.filter(institution=institution, sent=True)


def periods(
    institution: Institution, *, without: frozenset[str] | set[str] = frozenset()
) -> Iterator[Liikkuvuusjakso]:
    """The periods that are sent, but those whose keys are in `without`."""
    for record in periods_of(institution, period_rows(institution)):
        if record.avain not in without:
            yield record


def periods_of(
    institution: Institution, rows: models.QuerySet[Period]
) -> Iterator[Liikkuvuusjakso]:
    """These periods of the institution as they would be sent."""
    chosen = in_key_order(rows).values_list(*_PERIOD_COLUMNS)
    for row in chosen.iterator(chunk_size=CHUNK):
        yield _period(row, institution.national_code)


def _period(row: tuple[Any, ...], code: str) -> Liikkuvuusjakso:
    (key, start, end, direction, country, type_code, programme, level, classes) = row[:9]
    (student, student_key, right, right_key, kept) = row[9:14]
    return crosswalk.period_record(
        institution_code=code,
        key=key,
        student_key=student or student_key,
        right_key=right or right_key,
        start=start,
        end=end,
        direction=direction,
        country=country,
        type_code=type_code,
        programme_code=programme,
        level=level,
        classifications=tuple(classes),
        kept_aside=kept,
    )


# --- the nested whole --------------------------------------------------------------------------


def nested(institution: Institution, *, without: LeftOut) -> Iterator[Record]:
    """Each student, then that student's rights, enrolments, attainments and periods."""
    found = _student_rows(institution).iterator(chunk_size=CHUNK)
    while chunk := list(itertools.islice(found, CHUNK)):
        yield from _nested_chunk(institution, chunk, without)


def _nested_chunk(
    institution: Institution, chunk: list[StudentRecord], without: LeftOut
) -> Iterator[Record]:
    ids = [student.pk for student in chunk]
    rights_of = _grouped(
        _right_rows(institution).filter(student__in=ids), lambda right: right.student_id
    )
    attainments_of = _grouped(
        _attainment_rows(institution).filter(student__in=ids),
        lambda attainment: attainment.student_id,
    )
    enrolments_of: dict[int, list[str]] = defaultdict(list)
    for student_id, document in TermEnrolment.objects.filter(student__in=ids).values_list(
        "student_id", "document"
    ):
        enrolments_of[student_id].append(document)
    periods_of: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    rows = in_key_order(period_rows(institution).filter(side__student__in=ids))
    for row in rows.values_list(*_PERIOD_COLUMNS, "side__student_id"):
        periods_of[row[-1]].append(row)
    for student in chunk:
        if student.key in without.students:
            continue
        yield crosswalk.student_record(student_facts(student))
        for right in rights_of[student.pk]:
            if right.key not in without.rights:
                yield _right(right, institution)
        for document in enrolments_of[student.pk]:
            yield record_of(document, LukukausiIlmoittautuminen)
        for attainment in attainments_of[student.pk]:
            if attainment.key not in without.attainments:
                yield _attainment(attainment, institution)
        for row in periods_of[student.pk]:
            if row[0] not in without.periods:
                yield _period(row, institution.national_code)


def _grouped(rows: Iterable[M], owner: Callable[[M], int]) -> dict[int, list[M]]:
    groups: dict[int, list[M]] = defaultdict(list)
    for row in rows:
        groups[owner(row)].append(row)
    return groups

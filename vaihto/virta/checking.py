"""The checks before sending, over the stored records of one institution.

The rules see the records of some thousand students at a time, so memory stays flat at any size; nothing a check
compares reaches beyond one student, but for the counts by year and the last transfer, which are asked once.
An error keeps the record out of the file. Everything found is written to a list, errors first.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import ExtractYear

from vaihto.classification.models import Period
from vaihto.institutions.models import Institution
from vaihto.mobilities.models import Segment
from vaihto.people.models import (
    Primacy,
    StudentRecord,
    StudyRight,
    StudyRightSpell,
    StudyRightState,
    TermEnrolment,
)
from vaihto.rules import batches, frames
from vaihto.rules.batches import Batch
from vaihto.rules.checks import check_frames
from vaihto.transcripts.models import Attainment
from vaihto.virta.models import ExportRun, Form
from vaihto.virta.problems import Problem, Step
from vaihto.virta.stored import LeftOut, period_rows

STUDENTS_AT_ONCE = 20_000
AT_ONCE = 1000  # keys in one statement: few enough for every database
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Line:
    """One finding: which check, how grave, about which record, and the values it compared."""

    check: str
    severity: str
    kind: str
    key: str
    student: str
    compared: str  # JSON

    def as_dict(self) -> dict[str, Any]:
        """As it lies in the list beside the file."""
        return {
            "check": self.check,
            "severity": self.severity,
            "kind": self.kind,
            "key": self.key,
            "student": self.student,
            "compared": json.loads(self.compared),
        }


@dataclass
class Found:
    """What the checks found in all records."""

    by_severity: dict[str, list[Line]] = field(
        default_factory=lambda: {severity: [] for severity in SEVERITIES}
    )
    left_out: LeftOut = field(default_factory=LeftOut)
    schema_problems: list[Problem] = field(default_factory=list)

    @property
    def lines(self) -> Iterator[Line]:
        """All findings, errors first."""
        for severity in SEVERITIES:
            yield from self.by_severity[severity]

    @property
    def summary(self) -> dict[str, dict[str, Any]]:
        """Check -> how many findings, and how grave."""
        counts: Counter[tuple[str, str]] = Counter(
            (line.check, line.severity) for line in self.lines
        )
        return {
            check: {"severity": severity, "count": count}
            for (check, severity), count in sorted(counts.items())
        }

    def left_out_of(self, form: str) -> int:
        """How many records an error keeps out of a file of this form."""
        out = self.left_out
        kept_out = {
            Form.PERIODS: (out.periods,),
            Form.STUDENTS: (out.students,),
            Form.RIGHTS: (out.rights,),
            Form.ENROLMENTS: (),
            Form.ATTAINMENTS: (out.attainments,),
            Form.NESTED: (out.periods, out.students, out.rights, out.attainments),
        }[Form(form)]
        return sum(len(keys) for keys in kept_out)

    def add(self, findings: pl.DataFrame) -> None:
        """Findings of the rules; the record of an error stays out."""
        for row in findings.iter_rows(named=True):
            line = Line(
                check=row["check"],
                severity=row["severity"],
                kind=row["kind"] or "",
                key=row["key"] or "",
                student=row["person"] or "",
                compared=row["compared"],
            )
            self.by_severity[line.severity].append(line)
            if line.severity == "error":
                self._leave_out(line.kind, line.key)

    def _leave_out(self, kind: str, key: str) -> None:
        keys = {
            "period": self.left_out.periods,
            "Liikkuvuusjakso": self.left_out.periods,
            "attainment": self.left_out.attainments,
            "Opintosuoritus": self.left_out.attainments,
            "study_right": self.left_out.rights,
            "Opiskeluoikeus": self.left_out.rights,
            "student": self.left_out.students,
            "Opiskelija": self.left_out.students,
        }.get(kind)
        if keys is not None and key:
            keys.add(key)

    def add_schema_problems(self, problems: Iterable[Problem]) -> None:
        """What the official schema refused although the checks had passed it (Q01)."""
        for problem in problems:
            self.schema_problems.append(problem)
            self.by_severity["error"].append(
                Line(
                    check="Q01",
                    severity="error",
                    kind=problem.kind,
                    key=problem.key,
                    student="",
                    compared=json.dumps({"problem": _kept(problem)}),
                )
            )
            self._leave_out(problem.kind, problem.key)


def _kept(problem: Problem) -> dict[str, Any]:
    """A problem as it lies in the list; values of a student are personal data and stay out of it."""
    kept = dataclasses.asdict(problem)
    if problem.kind == "Opiskelija":
        kept["value"] = None
    return kept


def problem_of(kept: dict[str, Any]) -> Problem:
    """The problem that `_kept` wrote down."""
    return Problem(**{**kept, "steps": tuple(Step(**step) for step in kept["steps"])})


def check_institution(institution: Institution, *, today: date) -> Found:
    """Everything the 50 checks find in the records of the institution."""
    found = Found()
    for students in _portions(institution):
        found.add(check_frames(_batch(institution, students, today=today)))
    found.add(check_frames(_without_student(institution, today=today)))
    found.add(check_frames(_once(institution, today=today)))
    return found


def _portions(institution: Institution) -> Iterator[tuple[int, int]]:
    """First and last number of some thousand student records each."""
    numbers = list(
        StudentRecord.objects.filter(institution=institution)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    for start in range(0, len(numbers), STUDENTS_AT_ONCE):
        portion = numbers[start : start + STUDENTS_AT_ONCE]
        yield portion[0], portion[-1]


def _frame(
    rows: Iterable[Sequence[Any]], names: Sequence[str], schema: frames.Schema
) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={name: schema[name] for name in names}, orient="row")


def _batch(institution: Institution, students: tuple[int, int], *, today: date) -> Batch:
    within = {"institution": institution}
    code = institution.national_code
    rights = StudyRight.objects.filter(**within, student__pk__range=students)
    periods = period_rows(institution).filter(side__student__pk__range=students)
    attainments = Attainment.objects.filter(**within, student__pk__range=students)
    return Batch(
        periods=_periods(periods, code, _earned(attainments)),
        students=_students(institution, students),
        study_rights=_rights(rights),
        states=_timeline(StudyRightState, students, institution, "code", frames.STATES),
        spells=_spells(students, institution),
        primary=_primary(students, institution),
        attainments=_attainments(attainments, code),
        degrees=_degrees(attainments),
        enrolments=_enrolments(institution, students),
        segments=_parts(periods, code),
        as_of=today,
    )


_PERIOD_NAMES = (
    "period",
    "person",
    "institution",
    "right",
    "direction",
    "start",
    "end",
    "country",
    "type",
    "programme",
    "level",
    "classifications",
    "planned_blended",
    "end_is_estimate",
    "adult_education",
    "change_reason",
    "partner_country",
    "credits",
)


def _periods(
    rows: QuerySet[Period], code: str, earned: Mapping[int, Decimal | None]
) -> pl.DataFrame:
    values = rows.values_list(
        "key",
        "side__student__key",
        "side__student_key",
        "side__right__key",
        "side__right_key",
        "direction",
        "start",
        "end",
        "country",
        "type",
        "programme",
        "level",
        "classifications",
        "side__mobility__planned_blended",
        "side__mobility__end_is_estimate",
        "side__adult_education",
        "side__mobility__change_reason",
        "side__mobility__sending_institution__country",
        "side__mobility__receiving_institution__country",
        "side__mobility_id",
    )
    return _frame(
        (
            (
                key,
                student or student_key or None,
                code,
                right or right_key or None,
                direction,
                start,
                end,
                country or None,
                type_code or None,
                programme or None,
                level or None,
                classes,
                blended,
                estimate,
                adult,
                reason or None,
                receiver if direction == "outgoing" else sender,
                _as_number(earned.get(mobility)),
            )
            for (
                key,
                student,
                student_key,
                right,
                right_key,
                direction,
                start,
                end,
                country,
                type_code,
                programme,
                level,
                classes,
                blended,
                estimate,
                adult,
                reason,
                sender,
                receiver,
                mobility,
            ) in values.iterator(chunk_size=5000)
        ),
        _PERIOD_NAMES,
        batches.PERIODS_TO_SEND,
    )


def _as_number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _earned(attainments: QuerySet[Attainment]) -> dict[int, Decimal | None]:
    """Credits that came of each mobility."""
    found = (
        attainments.filter(mobility__isnull=False)
        .order_by()
        .values_list("mobility_id")
        .annotate(Sum("credits"))
    )
    return {mobility: earned for mobility, earned in found if mobility is not None}


def _students(institution: Institution, students: tuple[int, int]) -> pl.DataFrame:
    values = StudentRecord.objects.filter(institution=institution, pk__range=students).values_list(
        "key",
        "person__identity_hash",
        "person__learner_number",
        "person__gender",
        "person__citizenships",
        "person__family_name",
        "person__given_names",
    )
    return _frame(
        (
            (
                key,
                institution.national_code,
                bool(identity),
                number or None,
                gender or None,
                citizenships[0] if citizenships else None,
                family or None,
                given or None,
            )
            for key, identity, number, gender, citizenships, family, given in values
        ),
        (
            "person",
            "institution",
            "has_identity_code",
            "learner_number",
            "gender",
            "citizenship",
            "family_name",
            "given_names",
        ),
        batches.STUDENTS,
    )


def _rights(rights: QuerySet[StudyRight]) -> pl.DataFrame:
    values = rights.values_list(
        "student__key", "key", "institution__national_code", "type", "start", "end"
    )
    return _frame(
        values.iterator(chunk_size=5000),
        ("person", "right", "institution", "type", "start", "end"),
        batches.RIGHTS_TO_SEND,
    )


def _timeline(
    model: type[StudyRightState],
    students: tuple[int, int],
    institution: Institution,
    column: str,
    schema: frames.Schema,
) -> pl.DataFrame:
    values = model.objects.filter(
        right__institution=institution, right__student__pk__range=students
    ).values_list("right__student__key", "right__key", column, "start", "end")
    return _frame(
        values.iterator(chunk_size=5000), ("person", "right", column, "start", "end"), schema
    )


def _spells(students: tuple[int, int], institution: Institution) -> pl.DataFrame:
    values = StudyRightSpell.objects.filter(
        right__institution=institution, right__student__pk__range=students
    ).values_list(
        "right__student__key", "right__key", "start", "end", "classifications", "funding_source"
    )
    return _frame(
        (
            (student, right, start, end, classes, source or None)
            for student, right, start, end, classes, source in values.iterator(chunk_size=5000)
        ),
        ("person", "right", "start", "end", "classifications", "funding_source"),
        frames.SPELLS,
    )


def _primary(students: tuple[int, int], institution: Institution) -> pl.DataFrame:
    values = Primacy.objects.filter(
        right__institution=institution, right__student__pk__range=students
    ).values_list("right__student__key", "right__key", "start", "end")
    return _frame(
        values.iterator(chunk_size=5000), ("person", "right", "start", "end"), frames.PRIMARY
    )


_ATTAINMENT_NAMES = (
    "attainment",
    "person",
    "right",
    "institution",
    "student",
    "kind",
    "ects",
    "granted_by",
    "completed",
    "recognised_on",
    "source_code",
    "classifications",
    "traineeship",
    "abroad",
    "mobility_start",
    "mobility_end",
    "mobility_purpose",
)


def _attainments(attainments: QuerySet[Attainment], code: str) -> pl.DataFrame:
    names = [name for name in _ATTAINMENT_NAMES if name in batches.ATTAINMENTS_TO_SEND]
    values = attainments.annotate(
        stay_start=F("mobility__start"), stay_end=F("mobility__end"), purpose=F("mobility__purpose")
    ).values_list(
        "key",
        "student__key",
        "right__key",
        "kind",
        "credits",
        "granted_by",
        "completed_on",
        "recognised_on",
        "source_code",
        "classifications",
        "is_traineeship",
        "stay_start",
        "stay_end",
        "purpose",
    )
    rows = (
        {
            "attainment": key,
            "person": student,
            "right": right,
            "institution": code,
            "student": "incoming_exchange" if "2" in classes else "degree",
            "kind": kind,
            "ects": None if credits_ is None else float(credits_),
            "granted_by": "foreign_hei" if granted == "foreign_other" else granted,
            # A missing completion date goes out as the last day of the stay (V18).
            "completed": completed or stay_end,
            "recognised_on": recognised,
            "source_code": source or _SOURCE_OF.get(granted),
            "classifications": classes,
            "traineeship": traineeship,
            "abroad": "8" in classes,
            "mobility_start": stay_start,
            "mobility_end": stay_end,
            "mobility_purpose": purpose,
        }
        for (
            key,
            student,
            right,
            kind,
            credits_,
            granted,
            completed,
            recognised,
            source,
            classes,
            traineeship,
            stay_start,
            stay_end,
            purpose,
        ) in values.iterator(chunk_size=5000)
    )
    return _frame(
        (tuple(row[name] for name in names) for row in rows), names, batches.ATTAINMENTS_TO_SEND
    )


_SOURCE_OF = {"foreign_hei": "UK", "foreign_other": "UM"}


def _degrees(attainments: QuerySet[Attainment]) -> pl.DataFrame:
    values = attainments.filter(kind="1", completed_on__isnull=False).values_list(
        "student__key", "right__key", "completed_on"
    )
    return _frame(values, ("person", "right", "date"), frames.DEGREES)


def _enrolments(institution: Institution, students: tuple[int, int]) -> pl.DataFrame:
    values = TermEnrolment.objects.filter(
        student__institution=institution, student__pk__range=students
    ).values_list("student__key", "student__institution__national_code", "state", "start", "end")
    return _frame(
        values.iterator(chunk_size=5000),
        ("person", "institution", "state", "start", "end"),
        batches.ENROLMENTS,
    )


def _parts(periods: QuerySet[Period], code: str) -> pl.DataFrame:
    """Dated parts that are not cancelled, each with the period that its days touch.

    A mobility may have become several periods; a virtual part belongs to all of them.
    """
    spans: dict[int, list[tuple[str, date, date]]] = defaultdict(list)
    for mobility, key, start, end in periods.values_list(
        "side__mobility_id", "key", "start", "end"
    ).iterator(chunk_size=5000):
        spans[mobility].append((key, start, end))
    rows = []
    mobilities = list(spans)
    for at in range(0, len(mobilities), AT_ONCE):
        segments = Segment.objects.filter(
            mobility_id__in=mobilities[at : at + AT_ONCE], cancelled=False
        )
        for mobility, mode, place, first, last in segments.values_list(
            "mobility_id", "mode", "place", "start", "end"
        ):
            if first is None or last is None:
                continue  # a virtual part of unknown days has none that could be sent
            rows += [
                (key, code, mode, place, first, last)
                for key, start, end in spans[mobility]
                if mode == "virtual" or not (last < start or first > end)
            ]
    return _frame(rows, ("period", "institution", "mode", "place", "start", "end"), batches.PARTS)


def _without_student(institution: Institution, *, today: date) -> Batch:
    """Periods whose student nobody knows here (Q04)."""
    rows = period_rows(institution).filter(side__student__isnull=True)
    return Batch(
        periods=_periods(rows, institution.national_code, {}),
        students=pl.DataFrame(schema=batches.STUDENTS),
        as_of=today,
    )


def _once(institution: Institution, *, today: date) -> Batch:
    """What is asked of the whole: counts by year (Q39), the last transfer (Q40)."""
    code = institution.national_code
    yearly = (
        period_rows(institution)
        .annotate(year=ExtractYear("start"))
        .values("year")
        .annotate(periods=Count("pk"))
        .values_list("year", "periods")
        .order_by("year")
    )
    last = (
        ExportRun.objects.made()
        .filter(institution=institution)
        .order_by("-made_at")
        .values_list("made_at", flat=True)
        .first()
    )
    return Batch(
        yearly=_frame(
            ((code, year, count) for year, count in yearly),
            ("institution", "year", "periods"),
            batches.YEARLY,
        ),
        transfers=_frame(
            [(code, last.date() if last else None)],
            ("institution", "last_transfer"),
            batches.TRANSFERS,
        ),
        as_of=today,
    )

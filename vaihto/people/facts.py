"""Facts about persons as a file, a form or the demo brings them. Keys are the institution's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, kw_only=True)
class StudentFacts:
    """A person as a student record of the institution, found again by `key`."""

    key: str
    family_name: str = ""
    given_names: str = ""
    gender: str = ""
    citizenships: tuple[str, ...] = ()
    birth_date: date | None = None
    email: str = ""
    learner_number: str = ""
    identity_code: str = ""
    esis: tuple[str, ...] = ()
    mother_tongue: str = ""
    residence: str = ""
    first_enrolled: date | None = None
    unit: str = ""  # unit code
    kept_aside: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StateFacts:
    code: str
    start: date
    end: date | None = None


@dataclass(frozen=True, kw_only=True)
class SpellFacts:
    start: date
    end: date | None = None
    module: str = ""
    education_code: str = ""
    municipality: str = ""
    language: str = ""
    funding_source: str = ""
    classifications: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    qualifications: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PrimacyFacts:
    start: date
    end: date | None = None


@dataclass(frozen=True, kw_only=True)
class StudyRightFacts:
    """A study right with everything on its timeline, found again by `key`."""

    key: str
    student_key: str
    type: str
    start: date
    end: date | None = None
    granted_by: str = ""
    states: tuple[StateFacts, ...] = ()
    spells: tuple[SpellFacts, ...] = ()
    primacies: tuple[PrimacyFacts, ...] = ()
    kept_aside: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TermEnrolmentFacts:
    """A term enrolment as it came; found again by the digest of its document."""

    student_key: str
    right_key: str = ""
    start: date
    end: date | None = None
    state: str
    document: str


@dataclass(frozen=True, kw_only=True)
class EmploymentFacts:
    """A person as staff of the institution, found again by `key`."""

    key: str
    family_name: str = ""
    given_names: str = ""
    gender: str = ""
    email: str = ""
    learner_number: str = ""
    identity_code: str = ""
    group: str = "teaching"
    title: str = ""
    unit: str = ""
    start: date
    end: date | None = None

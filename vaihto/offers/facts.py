"""Facts about the catalogue as a file, a form or the demo brings them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from vaihto.institutions.values import Link


@dataclass(frozen=True, kw_only=True)
class OpportunityFacts:
    """One programme, module, course or class, found again by `key` within its institution.

    `part_of` are keys of what contains it.
    """

    key: str = ""
    kind: str = "course"
    code: str = ""
    titles: dict[str, str] = field(default_factory=dict)  # language tag -> text
    descriptions: dict[str, str] = field(default_factory=dict)
    unit: str = ""  # code of the organising unit
    isced_code: str = ""
    subject_area: str = ""
    eqf_level: int | None = None
    addresses: tuple[Link, ...] = ()
    part_of: tuple[str, ...] = ()
    exposed: bool = False


@dataclass(frozen=True, kw_only=True)
class CreditFacts:
    """Credits of one scheme; `ects` is the one everybody knows. `level`: Bachelor, Master, PhD or empty."""

    scheme: str
    value: Decimal
    level: str = ""


@dataclass(frozen=True, kw_only=True)
class RealisationFacts:
    """A learning opportunity taught from one day to another, found again by `key` within the opportunity.

    `opportunity` is the key of the learning opportunity. The term is the `term_number`-th of `term_count` of the
    academic year. `results` are pairs of a grade or category and how many got it.
    """

    opportunity: str = ""
    key: str = ""
    start: date
    end: date
    academic_year: str = ""
    term_number: int | None = None
    term_count: int | None = None
    term_names: dict[str, str] = field(default_factory=dict)
    term_start: date | None = None
    term_end: date | None = None
    grading_labels: dict[str, str] = field(default_factory=dict)
    grading_descriptions: dict[str, str] = field(default_factory=dict)
    results: tuple[tuple[str, int], ...] = ()
    results_descriptions: dict[str, str] = field(default_factory=dict)
    credits: tuple[CreditFacts, ...] = ()
    language: str = ""
    engagement_hours: Decimal | None = None

"""Facts about attainments as a file, a form or the demo brings them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class AttainmentFacts:
    """One attainment, found again by `key`; kind 1 is a degree."""

    key: str
    student_key: str
    right_key: str = ""
    mobility_key: str = ""
    kind: str = "2"
    names: dict[str, str] = field(default_factory=dict)
    credits: Decimal | None = None
    grade_scale: str = ""
    grade: str = ""
    completed_on: date | None = None
    recognised_on: date | None = None
    granted_by: str = "home"
    source_code: str = ""
    source_country: str = ""
    classifications: tuple[str, ...] = ()
    education_code: str = ""
    module: str = ""
    language: str = ""
    is_traineeship: bool = False
    granting_country: str = ""
    completed_in_country: str = ""
    kept_aside: dict[str, str] = field(default_factory=dict)

"""Facts about a mobility as one institution states them in a file, a form or the demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class SegmentFacts:
    """A dated part; both days included. Virtual parts of unknown days have none."""

    mode: str
    place: str
    country: str = ""
    start: date | None = None
    end: date | None = None
    purpose: str = ""
    cancelled: bool = False


@dataclass(frozen=True, kw_only=True)
class MobilityFacts:
    """A student mobility as the institution sees it, found again by `key`.

    `partner` is the hei_id of the other institution (the receiver of an outgoing student, the sender of
    an incoming one); `partner_country` stands in where no institution is known.
    """

    key: str
    student_key: str
    direction: str
    purpose: str
    programme: str = "unknown"
    action: str = ""
    call_year: int | None = None
    funding: str = ""
    partner: str = ""
    partner_country: str = ""
    host_organisation: str = ""
    part_of_degree: bool | None = True
    planned_blended: bool = False
    agreed_as_one_whole: bool = False
    change_reason: str = ""
    end_is_estimate: bool = False
    planned_credits: Decimal | None = None
    bip_id: str = ""
    state: str = "done"
    right_key: str = ""
    level: str = ""
    home_degree_abroad: bool | None = None
    adult_education: bool = False
    nested_in: str = ""  # key of the incoming mobility this trip is made from
    unit: str = ""
    segments: tuple[SegmentFacts, ...] = ()
    kept_aside: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class VisitFacts:
    """A staff visit as the institution sees it, found again by `key`.

    Moments or hours: one of the two says how long it lasted (S45, S47).
    """

    key: str
    employment_key: str = ""  # outgoing: whose; incoming visitors are named below
    family_name: str = ""
    given_names: str = ""
    direction: str
    purpose: str = "teaching"
    programme: str = "unknown"
    action: str = ""
    call_year: int | None = None
    partner: str = ""
    partner_country: str = ""
    host_organisation: str = ""
    content: str
    start: date
    end: date
    started_at: datetime | None = None
    ended_at: datetime | None = None
    hours: Decimal | None = None
    teaching_hours: Decimal | None = None
    virtual: bool = False
    state: str = "done"
    unit: str = ""

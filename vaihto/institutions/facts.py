"""Facts about institutions as a file, a form or the demo brings them; None means "not said"."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, kw_only=True)
class InstitutionFacts:
    """One institution, found again by `hei_id`."""

    hei_id: str
    name: str
    names: dict[str, str] = field(default_factory=dict)
    country: str  # numeric code
    city: str = ""
    sector: str = "university"
    national_code: str = ""
    erasmus_code: str = ""
    pic: str = ""
    oid: str = ""
    ror: str = ""
    website: str = ""
    # Alliance code and kind of membership with its days, where the file says so.
    alliance: str = ""
    membership: str = ""
    member_since: date | None = None
    member_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class HeadcountFacts:
    """A dated denominator, found again by institution, year and group."""

    institution: str  # hei_id
    year: int
    group: str
    count: int
    source: str
    as_of: date

"""Facts about institutions as a file, a form or the demo brings them; None means "not said"."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from datetime import date

from vaihto.institutions.values import (
    NO_ADDRESS,
    NO_INFORMATION,
    Accessibility,
    Address,
    Information,
    Link,
    MoreInformation,
    Phone,
    Requirement,
)


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


@dataclass(frozen=True, kw_only=True)
class AbilityFacts:
    """One answer of a survey round, found again by institution, round and interface.

    `process` follows from the interface where it is empty. `since` is the day of the answer.
    """

    institution: str  # hei_id
    survey_round: str
    since: date
    interface: str
    state: str
    process: str = ""
    version: str = ""
    system: str = ""
    channel: str = ""


# --- What partners need ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ProfileFacts:
    """What an institution tells its partners about itself; names as in `InstitutionFacts`."""

    name: str
    names: dict[str, str] = field(default_factory=dict)
    city: str = ""
    abbreviation: str = ""
    previous_hei_ids: tuple[str, ...] = ()
    erasmus_code: str = ""
    pic: str = ""
    erasmus_charter: str = ""
    oid: str = ""
    ror: str = ""
    street_address: Address = NO_ADDRESS
    mailing_address: Address = NO_ADDRESS
    website: str = ""
    websites: tuple[Link, ...] = ()
    logo_url: str = ""
    factsheet_urls: tuple[Link, ...] = ()
    catalogue_urls: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UnitFacts:
    """One unit, found again by `ounit_id`; `parent` is the ounit_id of the unit above, empty at the top."""

    ounit_id: str = ""
    parent: str = ""
    code: str
    name: str
    names: dict[str, str] = field(default_factory=dict)
    abbreviation: str = ""
    exposed: bool = False
    street_address: Address = NO_ADDRESS
    mailing_address: Address = NO_ADDRESS
    websites: tuple[Link, ...] = ()
    logo_url: str = ""
    factsheet_urls: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContactFacts:
    """One contact; `unit` is an ounit_id, empty for the whole institution. Languages may be empty."""

    unit: str = ""
    purpose: str = "other"
    names: dict[str, str] = field(default_factory=dict)
    given_names: str = ""
    family_name: str = ""
    gender: str = ""
    phones: tuple[Phone, ...] = ()
    faxes: tuple[Phone, ...] = ()
    emails: tuple[str, ...] = ()
    street_address: Address = NO_ADDRESS
    mailing_address: Address = NO_ADDRESS
    roles: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FactsheetFacts:
    """A factsheet, perhaps unfinished. Days are MM-DD."""

    nominations_autumn: str = ""
    nominations_spring: str = ""
    applications_autumn: str = ""
    applications_spring: str = ""
    application: Information = NO_INFORMATION
    housing: Information = NO_INFORMATION
    visa: Information = NO_INFORMATION
    insurance: Information = NO_INFORMATION
    requirements: tuple[Requirement, ...] = ()
    decision_weeks: int | None = None
    transcript_weeks: int | None = None
    accessibility: tuple[Accessibility, ...] = ()
    more: tuple[MoreInformation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Told:
    """Everything one institution has to tell its partners, in the order in which they will see it."""

    hei_id: str
    country: str  # numeric code
    hosted: bool
    profile: ProfileFacts
    other_ids: tuple[tuple[str, str], ...] = ()
    root: str = ""  # ounit_id of the unit that stands for the whole
    units: tuple[UnitFacts, ...] = ()
    contacts: tuple[ContactFacts, ...] = ()
    factsheet: FactsheetFacts | None = None

    def contacts_of(self, ounit_id: str = "") -> tuple[ContactFacts, ...]:
        """The contacts of a unit, or those of the institution itself."""
        return tuple(one for one in self.contacts if one.unit == ounit_id)


def seen(facts: ProfileFacts | UnitFacts | ContactFacts | FactsheetFacts) -> str:
    """A short mark of a state of the facts, so that a form can tell whether somebody else was quicker."""
    return hashlib.sha256(repr(_sorted(facts)).encode()).hexdigest()[:20]


def _sorted(facts: object) -> list[tuple[str, object]]:
    """Fields with their values; a mapping in the order of its keys, which databases do not keep."""
    return [
        (one.name, sorted(value.items()) if isinstance(value, dict) else value)
        for one in fields(facts)  # type: ignore[arg-type]
        for value in [getattr(facts, one.name)]
    ]

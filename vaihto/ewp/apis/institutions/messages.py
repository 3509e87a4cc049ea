"""Institutions 2, Organizational Units 2 and Mobility Factsheet 1 as values.

Sources: ewp-specs-api-institutions 2.2.0, ewp-specs-api-ounits 2.1.1, ewp-specs-api-factsheet 1.2.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.types import (
    EMAIL,
    HEI_ID,
    HTTP,
    HTTPS,
    IDENTIFIER,
    MONTH_DAY,
    PREFIXES,
    Address,
    Contact,
    Notes,
    Phone,
    Read,
    Texts,
    Unwritable,
    one_of,
    put,
    put_addresses,
    put_each,
    put_if,
    put_other_ids,
    put_texts,
    put_whole,
    root_of,
)
from vaihto.ewp.protocol.xml import Builder, Element

INSTITUTIONS = f"{EWP}ewp-specs-api-institutions/tree/stable-v2"
OUNITS = f"{EWP}ewp-specs-api-ounits/tree/stable-v2"
FACTSHEET = f"{EWP}ewp-specs-api-factsheet/tree/stable-v1"

_CONTACT_PREFIXES = {prefix: PREFIXES[prefix] for prefix in ("a", "c", "p")}
_NO_PHONE = Phone()
_ACCESSIBILITY_TYPE = one_of("infrastructure", "service")


# --- institutions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hei:
    """General data of one institution. `other_ids` are pairs of type and value."""

    hei_id: str
    names: Texts
    other_ids: tuple[tuple[str, str], ...] = ()
    abbreviation: str = ""
    street_address: Address | None = None
    mailing_address: Address | None = None
    websites: Texts = ()
    logo_url: str = ""
    factsheet_urls: Texts = ()
    catalogue_urls: Texts = ()
    contacts: tuple[Contact, ...] = ()
    root_ounit_id: str = ""  # stands among `ounit_ids` too
    ounit_ids: tuple[str, ...] = ()

    @classmethod
    def read(cls, element: Element, notes: Notes) -> Self:
        """From a `hei` element."""
        return cls(
            hei_id=notes.text(element, "hei-id"),
            other_ids=_other_ids(element),
            names=notes.texts(element, "name"),
            abbreviation=element.text_or("abbreviation"),
            street_address=Address.read_if(element, "street-address"),
            mailing_address=Address.read_if(element, "mailing-address"),
            websites=element.in_languages("website-url"),
            logo_url=element.text_or("logo-url"),
            factsheet_urls=element.in_languages("mobility-factsheet-url"),
            catalogue_urls=element.in_languages("course-catalogue-url"),
            contacts=Contact.read_all(element, notes),
            root_ounit_id=element.text_or("root-ounit-id"),
            ounit_ids=element.texts("ounit-id"),
        )

    def put(self, parent: Builder) -> None:
        """As a child of the root. Raises `Unwritable`."""
        hei = parent.add("hei")
        put(hei, "hei-id", self.hei_id, HEI_ID)
        put_other_ids(hei, "other-id", self.other_ids)
        put_texts(hei, "name", self.names, at_least=1)
        put_if(hei, "abbreviation", self.abbreviation)
        put_addresses(hei, self.street_address, self.mailing_address)
        put_texts(hei, "website-url", self.websites, HTTP)
        put_if(hei, "logo-url", self.logo_url, HTTPS)
        put_texts(hei, "mobility-factsheet-url", self.factsheet_urls, HTTP)
        put_texts(hei, "course-catalogue-url", self.catalogue_urls, HTTP)
        for contact in self.contacts:
            contact.put(hei)
        if self.root_ounit_id and self.root_ounit_id not in self.ounit_ids:
            raise Unwritable("root-ounit-id must be one of the unit ids.")
        put_if(hei, "root-ounit-id", self.root_ounit_id, IDENTIFIER)
        put_each(hei, "ounit-id", self.ounit_ids, IDENTIFIER)


def _other_ids(hei: Element) -> tuple[tuple[str, str], ...]:
    found = [(one.attribute("type") or "", one.value) for one in hei.children("other-id")]
    return tuple((kind, value) for kind, value in found if value)


@dataclass(frozen=True)
class InstitutionsResponse:
    """The institutions that were asked for and are known."""

    heis: tuple[Hei, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """From an answer. An institution without its id is left out. Raises `MalformedXml`."""
        root, notes = root_of(document, "institutions-response", INSTITUTIONS), Notes()
        heis = [Hei.read(one, notes) for one in root.children("hei")]
        return Read(cls(tuple(hei for hei in heis if hei.hei_id)), notes.problems)

    def write(self) -> bytes:
        """The document. Raises `Unwritable`."""
        root = Builder("institutions-response", INSTITUTIONS, _CONTACT_PREFIXES)
        for hei in self.heis:
            hei.put(root)
        return root.write()


# --- organizational units -------------------------------------------------------------------------


@dataclass(frozen=True)
class Ounit:
    """A faculty, school or department. `code` is for people, `ounit_id` never changes."""

    ounit_id: str
    code: str
    names: Texts
    abbreviation: str = ""
    parent_ounit_id: str = ""
    street_address: Address | None = None
    mailing_address: Address | None = None
    websites: Texts = ()
    logo_url: str = ""
    factsheet_urls: Texts = ()  # for this unit only
    contacts: tuple[Contact, ...] = ()

    @classmethod
    def read(cls, element: Element, notes: Notes) -> Self:
        """From an `ounit` element."""
        return cls(
            ounit_id=notes.text(element, "ounit-id"),
            code=notes.text(element, "ounit-code"),
            names=notes.texts(element, "name"),
            abbreviation=element.text_or("abbreviation"),
            parent_ounit_id=element.text_or("parent-ounit-id"),
            street_address=Address.read_if(element, "street-address"),
            mailing_address=Address.read_if(element, "mailing-address"),
            websites=element.in_languages("website-url"),
            logo_url=element.text_or("logo-url"),
            factsheet_urls=element.in_languages("mobility-factsheet-url"),
            contacts=Contact.read_all(element, notes),
        )

    def put(self, parent: Builder) -> None:
        """As a child of the root. Raises `Unwritable`."""
        ounit = parent.add("ounit")
        put(ounit, "ounit-id", self.ounit_id, IDENTIFIER)
        put(ounit, "ounit-code", self.code)
        put_texts(ounit, "name", self.names, at_least=1)
        put_if(ounit, "abbreviation", self.abbreviation)
        put_if(ounit, "parent-ounit-id", self.parent_ounit_id, IDENTIFIER)
        put_addresses(ounit, self.street_address, self.mailing_address)
        put_texts(ounit, "website-url", self.websites, HTTP)
        put_if(ounit, "logo-url", self.logo_url, HTTPS)
        put_texts(ounit, "mobility-factsheet-url", self.factsheet_urls, HTTP)
        for contact in self.contacts:
            contact.put(ounit)


@dataclass(frozen=True)
class OunitsResponse:
    """The units that were asked for and are known; parents may or may not be among them."""

    ounits: tuple[Ounit, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """From an answer. A unit without its id is left out. Raises `MalformedXml`."""
        root, notes = root_of(document, "ounits-response", OUNITS), Notes()
        ounits = [Ounit.read(one, notes) for one in root.children("ounit")]
        return Read(cls(tuple(ounit for ounit in ounits if ounit.ounit_id)), notes.problems)

    def write(self) -> bytes:
        """The document. Raises `Unwritable`."""
        root = Builder("ounits-response", OUNITS, _CONTACT_PREFIXES)
        for ounit in self.ounits:
            ounit.put(root)
        return root.write()


# --- factsheet ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Information:
    """Where to ask about one thing: all three are needed."""

    email: str = ""
    phone: Phone = _NO_PHONE
    websites: Texts = ()

    @classmethod
    def read(cls, parent: Element, name: str, notes: Notes) -> Self:
        """From the child of that name, of type InformationEntry."""
        element = notes.child(parent, name)
        if element is None:
            return cls()
        phone = notes.child(element, "phone-number", PREFIXES["p"])
        return cls(
            email=notes.text(element, "email"),
            phone=_NO_PHONE if phone is None else Phone.read(phone),
            websites=notes.texts(element, "website-url"),
        )

    def put(self, parent: Builder, name: str) -> None:
        """As a child of `parent`. Raises `Unwritable`."""
        entry = parent.add(name)
        put(entry, "email", self.email, EMAIL)
        self.phone.put(entry, "p:phone-number")
        put_texts(entry, "website-url", self.websites, HTTP, at_least=1)


@dataclass(frozen=True)
class Requirement:
    """Something to hand in or to know of; seven names are reserved for what goes with a nomination."""

    name: str
    details: str
    websites: Texts = ()


@dataclass(frozen=True)
class Accessibility:
    """An accessible place (`infrastructure`) or help for those who need it (`service`)."""

    type: str
    name: str
    information: Information
    description: str = ""


@dataclass(frozen=True)
class MoreInformation:
    """A further entry, about anything."""

    type: str
    information: Information


@dataclass(frozen=True)
class Factsheet:
    """What to know before coming. Days are MM-DD, by the end of which something must have arrived."""

    hei_id: str
    nominations_autumn: str
    nominations_spring: str
    applications_autumn: str
    applications_spring: str
    application: Information
    housing: Information
    visa: Information
    insurance: Information
    decision_weeks: int | None  # should not exceed five; None only when a partner leaves it out
    transcript_weeks: int | None
    requirements: tuple[Requirement, ...] = ()
    accessibility: tuple[Accessibility, ...] = ()
    more: tuple[MoreInformation, ...] = ()

    @classmethod
    def read(cls, element: Element, notes: Notes) -> Self:
        """From a `factsheet` element."""
        calendar = notes.child(element, "calendar")
        nominations = _term_days(calendar, "student-nominations", notes)
        applications = _term_days(calendar, "student-applications", notes)
        return cls(
            hei_id=notes.text(element, "hei-id"),
            nominations_autumn=nominations[0],
            nominations_spring=nominations[1],
            applications_autumn=applications[0],
            applications_spring=applications[1],
            application=Information.read(element, "application-info", notes),
            requirements=tuple(
                Requirement(
                    notes.text(one, "name"),
                    notes.text(one, "details"),
                    one.in_languages("information-website"),
                )
                for one in element.children("additional-requirement")
            ),
            decision_weeks=notes.whole(element, "decision-weeks-limit", needed=True),
            transcript_weeks=notes.whole(element, "tor-weeks-limit", needed=True),
            accessibility=tuple(
                Accessibility(
                    type=notes.text(one, "type"),
                    name=notes.text(one, "name"),
                    description=one.text_or("description"),
                    information=Information.read(one, "information", notes),
                )
                for one in element.children("accessibility")
            ),
            housing=Information.read(element, "housing-info", notes),
            visa=Information.read(element, "visa-info", notes),
            insurance=Information.read(element, "insurance-info", notes),
            more=tuple(
                MoreInformation(notes.text(one, "type"), Information.read(one, "info", notes))
                for one in element.children("additional-info")
            ),
        )

    def put(self, parent: Builder) -> None:
        """As a child of the root. Raises `Unwritable`."""
        sheet = parent.add("factsheet")
        put(sheet, "hei-id", self.hei_id, HEI_ID)
        calendar = sheet.add("calendar")
        _put_term_days(
            calendar, "student-nominations", self.nominations_autumn, self.nominations_spring
        )
        _put_term_days(
            calendar, "student-applications", self.applications_autumn, self.applications_spring
        )
        self.application.put(sheet, "application-info")
        for requirement in self.requirements:
            needed = sheet.add("additional-requirement")
            put(needed, "name", requirement.name)
            put(needed, "details", requirement.details)
            put_texts(needed, "information-website", requirement.websites, HTTP)
        put_whole(sheet, "decision-weeks-limit", self.decision_weeks)
        put_whole(sheet, "tor-weeks-limit", self.transcript_weeks)
        for one in self.accessibility:
            access = sheet.add("accessibility")
            put(access, "type", one.type, _ACCESSIBILITY_TYPE)
            put(access, "name", one.name)
            put_if(access, "description", one.description)
            one.information.put(access, "information")
        self.housing.put(sheet, "housing-info")
        self.visa.put(sheet, "visa-info")
        self.insurance.put(sheet, "insurance-info")
        for entry in self.more:
            further = sheet.add("additional-info")
            put(further, "type", entry.type)
            entry.information.put(further, "info")


def _term_days(calendar: Element | None, name: str, notes: Notes) -> tuple[str, str]:
    days = None if calendar is None else notes.child(calendar, name)
    if days is None:
        return "", ""
    return notes.month_day(days, "autumn-term"), notes.month_day(days, "spring-term")


def _put_term_days(calendar: Builder, name: str, autumn: str, spring: str) -> None:
    days = calendar.add(name)
    for term, day in (("autumn-term", autumn), ("spring-term", spring)):
        if not MONTH_DAY.fits(day):
            raise Unwritable(f"{name}/{term} must be {MONTH_DAY.says}.")
        days.add(term, f"--{day}")


@dataclass(frozen=True)
class FactsheetResponse:
    """The factsheets of the institutions that were asked for."""

    factsheets: tuple[Factsheet, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """From an answer. A factsheet without its institution is left out. Raises `MalformedXml`."""
        root, notes = root_of(document, "factsheet-response", FACTSHEET), Notes()
        sheets = [Factsheet.read(one, notes) for one in root.children("factsheet")]
        return Read(cls(tuple(sheet for sheet in sheets if sheet.hei_id)), notes.problems)

    def write(self) -> bytes:
        """The document. Raises `Unwritable`."""
        root = Builder("factsheet-response", FACTSHEET, {"p": PREFIXES["p"]})
        for sheet in self.factsheets:
            sheet.put(root)
        return root.write()

"""What is missing or doubtful in what an institution tells its partners, for each of the three interfaces.

Pure: it looks at facts and answers gaps. What the schema requires (`REQUIRED`) keeps something from being
published; what partners expect (`EXPECTED`) does not, but they will ask. Each gap has a sentence, what to do, and
the place where it is mended. Sources: institutions 2, ounits 2 and factsheet 1; the network's validator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from vaihto.codes.erasmus_code import is_erasmus_code
from vaihto.institutions.facts import ContactFacts, FactsheetFacts, Told, UnitFacts
from vaihto.institutions.values import (
    Address,
    Information,
    Link,
)
from vaihto.wording import mark as _

MOST_WEEKS = 5


class Interface(StrEnum):
    """The three interfaces over which institution data is told."""

    INSTITUTIONS = "institutions"
    UNITS = "organizational-units"
    FACTSHEET = "factsheet"


class Weight(StrEnum):
    """How much a gap matters."""

    REQUIRED = "required"  # without it nothing can be published
    EXPECTED = "expected"  # partners rely on it


@dataclass(frozen=True)
class Place:
    """Where a gap is mended: a page (profile, units, unit, contacts, contact, factsheet), a record, a field."""

    page: str
    field: str = ""
    key: str = ""  # ounit_id of a unit, place of a contact


@dataclass(frozen=True)
class Gap:
    """One thing that is missing or doubtful. `facts` are the values that `sentence` names."""

    code: str
    weight: Weight
    place: Place
    sentence: str
    remedy: str = ""
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Completeness:
    """How complete what one interface tells is. `asked` counts what was looked at, gaps included."""

    interface: Interface
    asked: int
    gaps: tuple[Gap, ...]

    @property
    def required(self) -> tuple[Gap, ...]:
        """The gaps that keep it from being published."""
        return tuple(gap for gap in self.gaps if gap.weight is Weight.REQUIRED)

    @property
    def can_be_published(self) -> bool:
        """Does it have everything the schema requires?"""
        return not self.required

    @property
    def percent(self) -> int:
        """The share of what was asked that is there, in whole per cent; 100 only when nothing is missing."""
        return (self.asked - len(self.gaps)) * 100 // self.asked if self.asked else 100


class _Sheet:
    """Collects what was asked and what was found wanting."""

    def __init__(self) -> None:
        self.asked = 0
        self.gaps: list[Gap] = []

    def ask(
        self,
        is_there: object,
        code: str,
        weight: Weight,
        place: Place,
        sentence: str,
        remedy: str = "",
        **facts: object,
    ) -> bool:
        """Asks one thing; what is not there becomes a gap."""
        self.asked += 1
        if not is_there:
            self.gaps.append(Gap(code, weight, place, sentence, remedy, facts))
        return bool(is_there)

    def answer(self, interface: Interface) -> Completeness:
        """What came of it, required things first."""
        ordered = sorted(self.gaps, key=lambda gap: gap.weight is not Weight.REQUIRED)
        return Completeness(interface, self.asked, tuple(ordered))


def completeness(told: Told) -> tuple[Completeness, Completeness, Completeness]:
    """Institutions, units and factsheet of one institution."""
    return of_institution(told), of_units(told), of_factsheet(told.factsheet)


def _in_english(links: Sequence[Link]) -> bool:
    """Is one of the pages in English, or does it choose the language by itself?"""
    return any(link.language.partition("-")[0] in {"", "en"} for link in links)


def _is_located(address: Address) -> bool:
    """Can it be found on a map: a line or a street, a place and a country?"""
    return bool((address.lines or address.street) and address.locality and address.country)


# --- Institutions ------------------------------------------------------------------------------


def of_institution(told: Told) -> Completeness:
    """What the Institutions interface can tell."""
    sheet, profile = _Sheet(), told.profile
    sheet.ask(
        profile.name.strip() or any(profile.names.values()),
        "name",
        Weight.REQUIRED,
        Place("profile", "name"),
        _("The institution has no name."),
    )
    sheet.ask(
        profile.names.get("en"),
        "name-english",
        Weight.EXPECTED,
        Place("profile", "names"),
        _("There is no English name."),
        _("Partners list institutions by their English name."),
    )
    if sheet.ask(
        profile.erasmus_code,
        "erasmus-code",
        Weight.EXPECTED,
        Place("profile", "erasmus_code"),
        _("There is no Erasmus code."),
        _("Partners look institutions up by it and grant agreements name it."),
    ):
        sheet.ask(
            is_erasmus_code(profile.erasmus_code),
            "erasmus-code-form",
            Weight.EXPECTED,
            Place("profile", "erasmus_code"),
            _("“%(value)s” does not have the form of an Erasmus code."),
            _("Country part of three characters, city, number, as in SF HELSINK01."),
            value=profile.erasmus_code,
        )
    if sheet.ask(
        profile.pic,
        "pic",
        Weight.EXPECTED,
        Place("profile", "pic"),
        _("There is no participant identification code (PIC)."),
        _("It is the second key by which partners find an institution."),
    ):
        sheet.ask(
            len(profile.pic) == 9 and profile.pic.isdecimal(),
            "pic-form",
            Weight.EXPECTED,
            Place("profile", "pic"),
            _("“%(value)s” is not a PIC."),
            _("A PIC has nine digits."),
            value=profile.pic,
        )
    sheet.ask(
        profile.erasmus_charter,
        "charter",
        Weight.EXPECTED,
        Place("profile", "erasmus_charter"),
        _("The number of the Erasmus charter (ECHE) is not given."),
        _("Agreements inside the programme need a charter on both sides."),
    )
    sheet.ask(
        _is_located(profile.street_address),
        "street-address",
        Weight.EXPECTED,
        Place("profile", "street_address-lines"),
        _("There is no street address with place and country."),
        _("Students paste it into a map."),
    )
    sheet.ask(
        profile.website or profile.websites,
        "website",
        Weight.EXPECTED,
        Place("profile", "website"),
        _("There is no website."),
    )
    sheet.ask(
        _in_english(profile.factsheet_urls) if profile.factsheet_urls else False,
        "factsheet-page",
        Weight.EXPECTED,
        Place("profile", "factsheet_urls"),
        _("There is no page or file in English for incoming students."),
        _("Give the public address of one."),
    )
    sheet.ask(
        profile.catalogue_urls,
        "catalogue-page",
        Weight.EXPECTED,
        Place("profile", "catalogue_urls"),
        _("There is no address of the course catalogue."),
    )
    sheet.ask(
        profile.logo_url,
        "logo",
        Weight.EXPECTED,
        Place("profile", "logo_url"),
        _("There is no logo."),
        _("About square, on white or transparent ground, reachable without signing in."),
    )
    _ask_for_contacts(sheet, told.contacts)
    if told.root:
        exposed = {unit.ounit_id for unit in told.units if unit.exposed}
        sheet.ask(
            told.root in exposed,
            "root-exposed",
            Weight.EXPECTED,
            Place("units"),
            _("The unit that stands for the whole institution is not told to partners."),
            _("Expose it; until then the units are told as a flat list."),
        )
    return sheet.answer(Interface.INSTITUTIONS)


def _ask_for_contacts(sheet: _Sheet, contacts: Sequence[ContactFacts]) -> None:
    own = [(at, one) for at, one in enumerate(contacts) if not one.unit]
    if not sheet.ask(
        own,
        "contact",
        Weight.EXPECTED,
        Place("contacts"),
        _("There is no contact of the institution."),
        _("Add the office that answers partners about mobility."),
    ):
        return
    sheet.ask(
        any(one.emails for _at, one in own),
        "contact-email",
        Weight.EXPECTED,
        Place("contacts"),
        _("No contact has an e-mail address."),
        _("Partners match contacts by e-mail."),
    )
    for at, one in own:
        shown = next(iter(one.names.values()), "")
        sheet.ask(
            one.emails,
            "contact-without-email",
            Weight.EXPECTED,
            Place("contact", "emails", str(at)),
            _("The contact “%(name)s” has no e-mail address."),
            name=shown,
        )
        sheet.ask(
            "en" in one.names or "" in one.names,
            "contact-english",
            Weight.EXPECTED,
            Place("contact", "names", str(at)),
            _("The contact “%(name)s” has no English name."),
            name=shown,
        )


# --- Units -------------------------------------------------------------------------------------


def exposed_parent(unit: UnitFacts, units: dict[str, UnitFacts]) -> str:
    """The nearest unit above that partners see; empty at the top. `units` are all, by ounit_id."""
    step, left = units.get(unit.parent), len(units)
    while step is not None and not step.exposed and left:
        step, left = units.get(step.parent), left - 1
    return step.ounit_id if step is not None and step.exposed else ""


def is_tree(told: Told) -> bool:
    """Do the units that partners see form one tree under the root? Otherwise they are told as a flat list."""
    units = {unit.ounit_id: unit for unit in told.units}
    root = units.get(told.root)
    if root is None or not root.exposed or exposed_parent(root, units):
        return False
    return all(
        exposed_parent(unit, units)
        for unit in told.units
        if unit.exposed and unit.ounit_id != told.root
    )


def of_units(told: Told) -> Completeness:
    """What the Organizational Units interface can tell."""
    sheet = _Sheet()
    exposed = [unit for unit in told.units if unit.exposed]
    sheet.ask(
        exposed,
        "unit",
        Weight.EXPECTED,
        Place("units"),
        _("No unit is told to partners."),
        _("Expose the faculties and schools that take part in mobility; agreements name them."),
    )
    if exposed and told.root:
        sheet.ask(
            is_tree(told),
            "tree",
            Weight.EXPECTED,
            Place("units"),
            _("The units do not form one tree, so partners see a flat list."),
            _("Put every exposed unit below the one that stands for the whole."),
        )
    for unit in exposed:
        facts = {"name": unit.name or unit.code}
        sheet.ask(
            unit.code.strip() and (unit.name.strip() or any(unit.names.values())),
            "unit-name",
            Weight.REQUIRED,
            Place("unit", "name", unit.ounit_id),
            _("The unit “%(name)s” has no name or no code."),
            "",
            **facts,
        )
        sheet.ask(
            unit.names.get("en"),
            "unit-english",
            Weight.EXPECTED,
            Place("unit", "names", unit.ounit_id),
            _("The unit “%(name)s” has no English name."),
            "",
            **facts,
        )
        sheet.ask(
            any(one.emails for one in told.contacts if one.unit in {unit.ounit_id, ""}),
            "unit-contact",
            Weight.EXPECTED,
            Place("contacts"),
            _("Neither the unit “%(name)s” nor the institution has a contact with e-mail."),
            "",
            **facts,
        )
    return sheet.answer(Interface.UNITS)


# --- Factsheet ---------------------------------------------------------------------------------

_DAYS: tuple[tuple[str, str], ...] = (
    ("nominations_autumn", _("The last day of nominations for autumn is not given.")),
    ("nominations_spring", _("The last day of nominations for spring is not given.")),
    ("applications_autumn", _("The last day of applications for autumn is not given.")),
    ("applications_spring", _("The last day of applications for spring is not given.")),
)
_EMAILS: dict[str, str] = {
    "application": _("Applications: there is no e-mail address."),
    "housing": _("Housing: there is no e-mail address."),
    "visa": _("Visa: there is no e-mail address."),
    "insurance": _("Insurance: there is no e-mail address."),
}
_PHONES: dict[str, str] = {
    "application": _("Applications: there is no telephone number."),
    "housing": _("Housing: there is no telephone number."),
    "visa": _("Visa: there is no telephone number."),
    "insurance": _("Insurance: there is no telephone number."),
}
_PAGES: dict[str, str] = {
    "application": _("Applications: there is no web page."),
    "housing": _("Housing: there is no web page."),
    "visa": _("Visa: there is no web page."),
    "insurance": _("Insurance: there is no web page."),
}
_ALL_THREE = _("Every entry of a factsheet needs e-mail, telephone and web page.")


def of_factsheet(factsheet: FactsheetFacts | None) -> Completeness:
    """What the Factsheet interface can tell. Without a factsheet everything required is missing."""
    sheet, facts = _Sheet(), factsheet or FactsheetFacts()
    for name, sentence in _DAYS:
        sheet.ask(getattr(facts, name), name, Weight.REQUIRED, Place("factsheet", name), sentence)
    for term in ("autumn", "spring"):
        nominations = getattr(facts, f"nominations_{term}")
        applications = getattr(facts, f"applications_{term}")
        if nominations and applications:
            sheet.ask(
                _follows(nominations, applications),
                f"applications_{term}-before-nominations",
                Weight.EXPECTED,
                Place("factsheet", f"applications_{term}"),
                _("Applications end before nominations do."),
                _("Usually students apply after they were nominated; check the days."),
            )
    for name in _EMAILS:
        _ask_for_entry(sheet, name, getattr(facts, name))
    _ask_for_weeks(sheet, facts)
    for at, requirement in enumerate(facts.requirements):
        place = f"requirements-{at}"
        for part in ("name", "details"):
            sheet.ask(
                getattr(requirement, part).strip(),
                f"requirement-{part}",
                Weight.REQUIRED,
                Place("factsheet", f"{place}-{part}"),
                _("Requirement %(number)s lacks its name.")
                if part == "name"
                else _("Requirement %(number)s does not say what is asked."),
                number=at + 1,
            )
    for at, access in enumerate(facts.accessibility):
        sheet.ask(
            access.type and access.name.strip() and access.information.is_complete,
            "accessibility-entry",
            Weight.REQUIRED,
            Place("factsheet", _first_empty(f"accessibility-{at}", access.type, access.name,
                                            access.information)),
            _("Accessibility %(number)s lacks its kind, its name, e-mail, telephone or web page."),
            _ALL_THREE,
            number=at + 1,
        )  # fmt: skip
    sheet.ask(
        facts.accessibility,
        "accessibility",
        Weight.EXPECTED,
        Place("factsheet", "accessibility"),
        _("Nothing is said about accessibility."),
        _("Students with a disability ask for it before they choose."),
    )
    for at, more in enumerate(facts.more):
        sheet.ask(
            more.type.strip() and more.information.is_complete,
            "more-entry",
            Weight.REQUIRED,
            Place("factsheet", _first_empty(f"more-{at}", more.type, "-", more.information)),
            _("Further information %(number)s lacks its subject, e-mail, telephone or web page."),
            _ALL_THREE,
            number=at + 1,
        )
    return sheet.answer(Interface.FACTSHEET)


def _follows(first: str, second: str) -> bool:
    """Is the day MM-DD `second` in the half year from `first` on, over the turn of the year too?"""
    days = [int(day[:2]) * 31 + int(day[3:]) for day in (first, second)]
    return (days[1] - days[0]) % 372 <= 186


def _ask_for_entry(sheet: _Sheet, name: str, entry: Information) -> None:
    for part, sentences in (("email", _EMAILS), ("phone", _PHONES), ("websites", _PAGES)):
        sheet.ask(
            getattr(entry, part),
            f"{name}-{part}",
            Weight.REQUIRED,
            Place("factsheet", f"{name}-{_FIRST_FIELD[part]}"),
            sentences[name],
            _ALL_THREE,
        )
    if entry.websites:
        sheet.ask(
            _in_english(entry.websites),
            f"{name}-english",
            Weight.EXPECTED,
            Place("factsheet", f"{name}-websites-0-url"),
            _("None of the web pages is in English."),
            _("Add the English page."),
        )


_FIRST_FIELD = {"email": "email", "phone": "phone-e164", "websites": "websites-0-url"}


def _first_empty(place: str, kind: str, name: str, entry: Information) -> str:
    """The first field of an entry that has nothing in it."""
    parts: Iterator[tuple[str, object]] = iter(
        (
            ("type", kind),
            ("name", name),
            ("information-email", entry.email),
            ("information-phone-e164", entry.phone),
            ("information-websites-0-url", entry.websites),
        )
    )
    return next((f"{place}-{part}" for part, value in parts if not value), place)


def _ask_for_weeks(sheet: _Sheet, facts: FactsheetFacts) -> None:
    for name, missing, too_long in (
        (
            "decision_weeks",
            _("It is not said within how many weeks applications are decided."),
            _(
                "Applications are decided within %(weeks)s weeks; five are the most that is advised."
            ),
        ),
        (
            "transcript_weeks",
            _("It is not said within how many weeks transcripts are sent."),
            _("Transcripts are sent within %(weeks)s weeks; five are the most that is advised."),
        ),
    ):
        weeks = getattr(facts, name)
        if sheet.ask(weeks is not None, name, Weight.REQUIRED, Place("factsheet", name), missing):
            sheet.ask(
                weeks <= MOST_WEEKS,
                f"{name}-long",
                Weight.EXPECTED,
                Place("factsheet", name),
                too_long,
                weeks=weeks,
            )

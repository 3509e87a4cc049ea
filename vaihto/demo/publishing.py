"""What the hosted institutions tell their partners: profile, units, contacts, factsheet, and courses to come for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal

from vaihto.demo.alliance import House
from vaihto.demo.programmes import COURSES, DEGREES
from vaihto.institutions.actions import (
    add_contact,
    edit_factsheet,
    edit_profile,
    expose_units,
)
from vaihto.institutions.facts import ContactFacts, FactsheetFacts, ProfileFacts
from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.values import (
    Accessibility,
    Address,
    Information,
    Link,
    MoreInformation,
    Phone,
    Requirement,
)
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Outcome
from vaihto.offers.actions import bring_opportunities, bring_realisations
from vaihto.offers.facts import CreditFacts, OpportunityFacts, RealisationFacts

_ECTS = Decimal(5)
# Field of study and unit of each course, unit by house: what a house without such a unit teaches, its first one does.
_FIELDS: tuple[tuple[str, str], ...] = (
    ("0521", "MAR NAT"),
    ("0231", "LET HUM BUS"),
    ("0619", "INF TEC ENG"),
    ("0713", "TEC ENG"),
    ("0821", "LES NAT FOO"),
    ("0231", "LET LAN HUM"),
    ("0311", "ECO EKO SOC BUS"),
    ("0222", "HUM LET"),
    ("0413", "BUS ECO EKO SOC"),
    ("0542", "INF NAT SOC"),
    ("0811", "FOO NAT LES"),
    ("0913", "HEA"),
    ("0413", "BUS ECO EKO"),
    ("0212", "BUS TEC"),
    ("0714", "ENG TEC INF"),
    ("0312", "SOC HEA EDU"),
)
_LEVELS = {"1": 6, "2": 6, "3": 7, "4": 7, "6": 8, "7": 8}  # type of study right -> EQF


def publish(
    house: House, institution: Institution, *, actor: Actor, today: date, now: datetime
) -> Iterator[tuple[str, list[Outcome]]]:
    """Writes all of it; gives what files could bring too, as kind and outcomes."""
    edit_profile(actor=actor, institution=institution, facts=_profile(house), now=now)
    units = list(Unit.objects.filter(institution=institution).order_by("code"))
    expose_units(
        actor=actor,
        institution=institution,
        ounit_ids=[unit.ounit_id for unit in units],
        exposed=True,
        now=now,
    )
    for contact in _contacts(house):
        add_contact(actor=actor, institution=institution, facts=contact, now=now)
    edit_factsheet(actor=actor, institution=institution, facts=_factsheet(house), now=now)
    codes = [unit.code for unit in units]
    offers = list(_opportunities(house, codes))
    outcomes = bring_opportunities(actor=actor, institution=institution, facts=offers, now=now)
    yield "catalogue entries", outcomes
    yield (
        "realisations",
        bring_realisations(
            actor=actor,
            institution=institution,
            facts=list(_realisations(house, offers, today)),
            now=now,
        ),
    )


def _site(house: House, page: str = "", language: str = "en") -> Link:
    return Link(f"https://www.{house.hei_id}/{page}", language)


def _phone(house: House, extension: str) -> Phone:
    """A number in a range that no country has (+999), so that nobody is rung up."""
    return Phone(e164=f"+999{sum(house.hei_id.encode()) % 10_000:04d}{extension}")


def _address(house: House) -> Address:
    return Address(
        building_number="1",
        street="Campus Road",
        postal_code=f"{10_000 + sum(house.hei_id.encode())}",
        locality=house.city,
        country=house.country,
    )


def _profile(house: House) -> ProfileFacts:
    return ProfileFacts(
        name=house.name,
        names={"en": house.name, **dict(house.names)},
        city=house.city,
        abbreviation=house.hei_id.partition(".")[0][:4].upper(),
        erasmus_code=house.erasmus_code,
        street_address=_address(house),
        mailing_address=Address(
            recipients=(house.name,), lines=("P.O. Box 1", house.city), country=house.country
        ),
        website=f"https://www.{house.hei_id}/",
        websites=(_site(house, "en"),),
        factsheet_urls=(_site(house, "incoming/factsheet"),),
        catalogue_urls=(_site(house, "courses"),),
    )


def _contacts(house: House) -> Iterator[ContactFacts]:
    for purpose, name, extension, says in (
        ("coordination", "International Office", "10", "Agreements, questions of principle"),
        ("incoming", "Incoming student mobility", "11", "Nominations, applications, arrival"),
        ("outgoing", "Outgoing student mobility", "12", "Learning agreements, transcripts"),
        ("technical", "Exchange of data", "13", "The EWP node of this institution"),
    ):
        yield ContactFacts(
            purpose=purpose,
            names={"en": name},
            phones=(_phone(house, extension),),
            emails=(f"{purpose}@{house.domain}",),
            roles={"en": says},
        )


def _factsheet(house: House) -> FactsheetFacts:
    def about(page: str, extension: str) -> Information:
        return Information(
            email=f"incoming@{house.domain}",
            phone=_phone(house, extension),
            websites=(_site(house, f"incoming/{page}"),),
        )

    autumn, spring = ("04-30", "09-30") if house.terms == "finland" else ("05-15", "10-31")
    return FactsheetFacts(
        nominations_autumn=autumn,
        nominations_spring=spring,
        applications_autumn="05-31",
        applications_spring="11-15",
        application=about("apply", "11"),
        housing=about("housing", "14"),
        visa=about("permits", "15"),
        insurance=about("insurance", "15"),
        requirements=(
            Requirement("Transcript of Records", "All studies so far, in English."),
            Requirement("Language certificate", "English at level B2 or better."),
        ),
        decision_weeks=4,
        transcript_weeks=5,
        accessibility=(
            Accessibility(
                "infrastructure",
                "Lecture halls",
                "Step-free access and induction loops.",
                about("access", "16"),
            ),
        ),
        more=(MoreInformation("Orientation week", about("orientation", "11")),),
    )


def _opportunities(house: House, codes: list[str]) -> Iterator[OpportunityFacts]:
    """Degree programmes first, then the courses; one in two belongs to a programme of its unit."""
    degrees = DEGREES.get(house.hei_id, ())
    for degree in degrees:
        yield OpportunityFacts(
            key=f"P-{degree.module}",
            kind="programme",
            code=degree.module,
            titles=dict(degree.names),
            unit=degree.unit if degree.unit in codes else "",
            eqf_level=_LEVELS[degree.type],
            addresses=(_site(house, f"programmes/{degree.module.lower()}"),),
            exposed=True,
        )
    for number, ((english, finnish), (field, units)) in enumerate(
        zip(COURSES, _FIELDS, strict=True), start=1
    ):
        unit = next((code for code in units.split() if code in codes), codes[0] if codes else "")
        within = [d for d in degrees if d.unit == unit and d.type in {"1", "2"}][: number % 2]
        yield OpportunityFacts(
            key=f"C-{number:02d}",
            kind="course",
            code=f"{house.hei_id[:3].upper()}{100 + number}",
            titles={"en": english, **({"fi": finnish} if house.is_finnish else {})},
            descriptions={
                "en": f"{english} for exchange students: lectures, a project in mixed groups, a written report."
            },
            unit=unit,
            isced_code=field,
            eqf_level=6 if number % 3 else 7,
            addresses=(_site(house, f"courses/c{number}"),),
            part_of=tuple(f"P-{degree.module}" for degree in within),
            exposed=True,
        )


def _realisations(
    house: House, offers: Iterable[OpportunityFacts], today: date
) -> Iterator[RealisationFacts]:
    """Every course in one term of this academic year and of the next."""
    first = today.year - (today.month < 8)
    courses = [offer for offer in offers if offer.kind == "course"]
    for number, course in enumerate(courses):
        for year in (first, first + 1):
            autumn = number % 2 == 0
            start = date(year, 9, 1) if autumn else date(year + 1, 1, 10)
            end = date(year, 12, 15) if autumn else date(year + 1, 5, 31)
            yield RealisationFacts(
                opportunity=course.key,
                key=f"{course.key}-{year}",
                start=start,
                end=end,
                academic_year=f"{year}/{year + 1}",
                term_number=1 if autumn else 2,
                term_count=2,
                term_names={"en": f"Autumn term {year}" if autumn else f"Spring term {year + 1}"},
                credits=(
                    CreditFacts(
                        scheme="ects", value=_ECTS, level="Bachelor" if number % 3 else "Master"
                    ),
                ),
                language="en",
                engagement_hours=Decimal(135),
            )

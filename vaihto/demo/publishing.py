"""What the hosted institutions publish: what they tell of themselves, and courses to come for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal

from vaihto.demo.alliance import House
from vaihto.demo.programmes import COURSES, DEGREES
from vaihto.demo.telling import tell
from vaihto.institutions.models import Institution
from vaihto.institutions.values import Link
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
    tell(house, institution, actor=actor, now=now)
    codes = sorted(code for code, _name in house.units)
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

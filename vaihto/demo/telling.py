"""What the members tell their partners: names, addresses, units, contacts and factsheets, all invented.

Most tell everything. Hopearanta has forgotten things that partners expect, Klarsund and Zlatna Luka have never
finished their factsheets: so that completeness has something to show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from vaihto.demo.alliance import House, ounit_id
from vaihto.institutions.actions import (
    add_contact,
    add_unit,
    choose_root,
    edit_factsheet,
    edit_profile,
    edit_unit,
)
from vaihto.institutions.facts import ContactFacts, FactsheetFacts, ProfileFacts, UnitFacts
from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.queries import unit_of
from vaihto.institutions.values import (
    NO_INFORMATION,
    Accessibility,
    Address,
    Information,
    Link,
    MoreInformation,
    Phone,
    Requirement,
)
from vaihto.journal.actors import Actor


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a member stands and how it writes its address; the number gives it invented identifiers."""

    number: int
    street: str
    building: str
    postal_code: str
    abbreviation: str
    office: str  # its international office in its own language
    root: str = ""  # code of the unit that stands for the whole; empty for a flat list


_SITES: dict[str, Site] = {
    "tuulisalmi.example": Site(
        number=1,
        street="Tuulenpolku",
        building="4",
        postal_code="99871",
        abbreviation="TY",
        office="Kansainväliset palvelut",
        root="TY",
    ),
    "hopearanta.example": Site(
        number=2,
        street="Rantaraitti",
        building="17 B",
        postal_code="99652",
        abbreviation="HOAMK",
        office="Kansainvälinen toimisto",
    ),
    "klarsund.example": Site(
        number=3,
        street="Segelgatan",
        building="9",
        postal_code="99340",
        abbreviation="YHK",
        office="Internationella byrån",
    ),
    "costaclara.example": Site(
        number=4,
        street="Paseo de los Faros",
        building="22",
        postal_code="99104",
        abbreviation="UCC",
        office="Oficina de Relaciones Internacionales",
        root="UCC",
    ),
    "javorec.example": Site(
        number=5,
        street="Pod Javory",
        building="310/6",
        postal_code="999 05",
        abbreviation="UJ",
        office="Zahraniční oddělení",
    ),
    "rivalta-nuova.example": Site(
        number=6,
        street="Via dei Gelsi",
        building="40",
        postal_code="99006",
        abbreviation="URN",
        office="Ufficio Relazioni Internazionali",
    ),
    "lindenwerder.example": Site(
        number=7,
        street="Am Treidelpfad",
        building="11",
        postal_code="99997",
        abbreviation="HLW",
        office="Akademisches Auslandsamt",
    ),
    "montalvor.example": Site(
        number=8,
        street="Rua das Amendoeiras",
        building="58",
        postal_code="9990-008",
        abbreviation="UM",
        office="Gabinete de Relações Internacionais",
    ),
    "zlatnaluka.example": Site(
        number=9,
        street="Ulica svjetionika",
        building="3",
        postal_code="99909",
        abbreviation="UZL",
        office="Ured za međunarodnu suradnju",
    ),
}
_UNITS_IN_ENGLISH = {
    "Facultad de Economía": "Faculty of Economics",
    "Facultad de Ciencias del Mar": "Faculty of Marine Sciences",
    "Facultad de Letras": "Faculty of Arts",
    "Lesnická fakulta": "Faculty of Forestry",
    "Ekonomická fakulta": "Faculty of Economics",
    "Fakulta informatiky": "Faculty of Informatics",
}
_FORGETFUL = "hopearanta.example"
_UNFINISHED = frozenset({"klarsund.example", "zlatnaluka.example"})


def tell(house: House, institution: Institution, *, actor: Actor, now: datetime) -> None:
    """Writes down what the member tells; units only where they are kept here, as others publish their own."""
    edit_profile(actor=actor, institution=institution, facts=profile(house), now=now)
    if institution.hosted:
        _tell_units(house, institution, actor=actor, now=now)
    for contact in contacts(house):
        add_contact(actor=actor, institution=institution, facts=contact, now=now)
    edit_factsheet(actor=actor, institution=institution, facts=factsheet(house), now=now)


def _tell_units(house: House, institution: Institution, *, actor: Actor, now: datetime) -> None:
    site = _SITES[house.hei_id]
    for unit in Unit.objects.filter(institution=institution).order_by("code"):
        english = _UNITS_IN_ENGLISH.get(unit.name, unit.name)
        facts = replace(
            unit_of(unit),
            names={"en": english, **({house.language: unit.name} if english != unit.name else {})},
            exposed=True,
            websites=(_page(house, f"units/{unit.code.lower()}"),),
        )
        edit_unit(actor=actor, unit=unit, facts=facts, now=now)
    if site.root:
        names = _names(house)
        root = add_unit(
            actor=actor,
            institution=institution,
            facts=UnitFacts(
                ounit_id=ounit_id(house, site.root),
                code=site.root,
                name=house.name,
                names=names,
                exposed=True,
            ),
            now=now,
        )
        choose_root(actor=actor, institution=institution, unit=root, now=now)


def _names(house: House) -> dict[str, str]:
    """Names by language: the name itself is the English one unless another is given as such."""
    names = dict(house.names)
    return {**names, house.language: house.name} if "en" in names else {"en": house.name, **names}


def _page(house: House, page: str = "", language: str = "en") -> Link:
    return Link(f"https://www.{house.hei_id}/{page}", language)


def _phone(house: House, extension: str) -> Phone:
    """A number in a range that no country has (+999), so that nobody is rung up."""
    return Phone(e164=f"+999{_SITES[house.hei_id].number:04d}{extension}")


def profile(house: House) -> ProfileFacts:
    """Names, identifiers, addresses and pages."""
    site = _SITES[house.hei_id]
    whole = ProfileFacts(
        name=house.name,
        names=_names(house),
        city=house.city,
        abbreviation=site.abbreviation,
        previous_hei_ids=("tuulisalmen-korkeakoulu.example",) if site.number == 1 else (),
        erasmus_code=house.erasmus_code,
        pic=f"1000000{site.number:02d}",
        erasmus_charter=f"1000{site.number:02d}-EPP-1-2021-1-XX-EPPKA3-ECHE",
        street_address=Address(
            recipients=(house.name,),
            street=site.street,
            building_number=site.building,
            postal_code=site.postal_code,
            locality=house.city,
            country=house.country,
        ),
        mailing_address=Address(
            recipients=(house.name,),
            lines=(site.office, f"PO Box {site.number}"),
            postal_code=site.postal_code,
            locality=house.city,
            country=house.country,
        ),
        website=f"https://www.{house.hei_id}/",
        websites=(_page(house, "en/"), _page(house, f"{house.language}/", house.language)),
        logo_url=f"https://www.{house.hei_id}/logo.svg",
        factsheet_urls=(_page(house, "en/exchange/factsheet.pdf"),),
        catalogue_urls=(_page(house, "en/courses"),),
    )
    if house.hei_id == _FORGETFUL:
        return replace(
            whole,
            erasmus_charter="",
            logo_url="",
            factsheet_urls=(_page(house, "fi/vaihto", "fi"),),
        )
    if house.hei_id in _UNFINISHED:
        return replace(whole, pic="", catalogue_urls=())
    return whole


def contacts(house: House) -> Iterator[ContactFacts]:
    """Offices and roles, the mobility office first."""
    site = _SITES[house.hei_id]
    forgetful = house.hei_id == _FORGETFUL
    for purpose, english, own, address, extension, says in (
        (
            "coordination",
            "International Services",
            site.office,
            "international",
            "10",
            "Agreements and everything that has no contact of its own.",
        ),
        (
            "incoming",
            "Incoming exchange students",
            "",
            "incoming",
            "11",
            "Nominations, applications and arrival of students who come to us.",
        ),
        (
            "outgoing",
            "Outgoing exchange students",
            "",
            "outgoing",
            "12",
            "Learning agreements and transcripts of students who go abroad.",
        ),
        ("staff", "Staff exchange", "", "staff-exchange", "13", "Teaching visits and training."),
        ("technical", "Exchange of data", "", "ewp", "14", "The EWP node of the institution."),
    ):
        yield ContactFacts(
            purpose=purpose,
            names={"en": english, **({house.language: own} if own else {})},
            phones=(_phone(house, extension),),
            emails=() if forgetful and purpose == "outgoing" else (f"{address}@{house.domain}",),
            roles={"en": says},
        )


def factsheet(house: House) -> FactsheetFacts:
    """Deadlines, requirements and where to ask."""

    def about(page: str, extension: str, address: str = "incoming") -> Information:
        return Information(
            email=f"{address}@{house.domain}",
            phone=_phone(house, extension),
            websites=(
                _page(house, f"en/exchange/{page}"),
                _page(house, f"{house.language}/exchange/{page}", house.language),
            ),
        )

    autumn, spring = {
        "finland": ("04-15", "10-01"),
        "germany": ("05-31", "11-15"),
        "south": ("05-15", "10-15"),
    }.get(house.terms, ("05-10", "10-31"))
    later = {"04-15": "05-02", "05-31": "06-15", "05-15": "06-01", "05-10": "05-31"}[autumn]
    much_later = {"10-01": "10-15", "11-15": "11-30", "10-15": "11-01", "10-31": "11-15"}[spring]
    whole = FactsheetFacts(
        nominations_autumn=autumn,
        nominations_spring=spring,
        applications_autumn=later,
        applications_spring=much_later,
        application=about("apply", "11"),
        housing=about("housing", "15", "housing"),
        visa=about("permits", "16"),
        insurance=about("insurance", "16"),
        requirements=(
            Requirement("Transcript of Records", "All studies so far, in English."),
            Requirement(
                "Language certificate",
                "Level B2 of the language of the courses.",
                (_page(house, "en/exchange/languages"),),
            ),
            Requirement("Portfolio", "Only for studies in design and architecture."),
        ),
        decision_weeks=4,
        transcript_weeks=5,
        accessibility=(
            Accessibility(
                "infrastructure",
                "Step-free main campus",
                "Lifts, ramps and induction loops in all teaching buildings.",
                about("access", "17", "access"),
            ),
            Accessibility(
                "service",
                "Individual study arrangements",
                "More time in examinations, material in accessible form.",
                about("support", "17", "access"),
            ),
        ),
        more=(MoreInformation("Orientation week", about("orientation", "11")),),
    )
    if house.hei_id == _FORGETFUL:
        return replace(whole, transcript_weeks=8, accessibility=())
    if house.hei_id in _UNFINISHED:
        half = Information(email=whole.visa.email)
        return replace(whole, visa=half, insurance=NO_INFORMATION, decision_weeks=None)
    return whole

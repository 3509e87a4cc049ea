"""A profile, a contact and a factsheet with everything in them, for the tests of this room and of those above."""

from __future__ import annotations

from vaihto.institutions.facts import ContactFacts, FactsheetFacts, ProfileFacts, UnitFacts
from vaihto.institutions.values import (
    Accessibility,
    Address,
    Information,
    Link,
    MoreInformation,
    Phone,
    Requirement,
)

STREET = Address(
    recipients=("University of Northlake",),
    street="Revontulentie",
    building_number="12",
    postal_code="99999",
    locality="Lumila",
    country="246",
)
BOX = Address(
    lines=("International Services", "PO Box 17"),
    postal_code="99999",
    locality="Lumila",
    country="246",
)
PROFILE = ProfileFacts(
    name="University of Northlake",
    names={"fi": "Pohjoisjärven yliopisto", "en": "University of Northlake"},
    city="Lumila",
    abbreviation="UN",
    previous_hei_ids=("northlake-college.example",),
    erasmus_code="SF NORTHLA01",
    pic="999900017",
    erasmus_charter="990017-EPP-1-2021-1-XX-EPPKA3-ECHE",
    street_address=STREET,
    mailing_address=BOX,
    website="https://aalto-north.example/",
    websites=(Link("https://aalto-north.example/fi", "fi"),),
    logo_url="https://aalto-north.example/logo.svg",
    factsheet_urls=(Link("https://aalto-north.example/factsheet.pdf", "en"),),
    catalogue_urls=(Link("https://aalto-north.example/courses", "en"),),
)
OFFICE = ContactFacts(
    purpose="coordination",
    names={"en": "International Services"},
    phones=(Phone("+441632960010", "204"),),
    faxes=(Phone("+441632960011"),),
    emails=("international@aalto-north.example",),
    roles={"en": "Answers partners.\n\nOpen on Tuesdays."},
)
HEALTH = UnitFacts(
    code="HEALTH",
    name="Faculty of Health",
    names={"en": "Faculty of Health", "fi": "Terveystieteet"},
    abbreviation="FH",
    exposed=True,
    websites=(Link("https://aalto-north.example/health"),),
)


def information(about: str) -> Information:
    """An entry with all three parts."""
    return Information(
        f"{about}@aalto-north.example",
        Phone("+441632960021"),
        (Link(f"https://aalto-north.example/{about}", "en"),),
    )


FACTSHEET = FactsheetFacts(
    nominations_autumn="04-15",
    nominations_spring="10-01",
    applications_autumn="05-02",
    applications_spring="10-15",
    application=information("apply"),
    housing=information("housing"),
    visa=information("visa"),
    insurance=information("insurance"),
    requirements=(
        Requirement("Motivation letter", "One page."),
        Requirement("Health declaration", "Bring the signed form."),
    ),
    decision_weeks=4,
    transcript_weeks=5,
    accessibility=(
        Accessibility("infrastructure", "Step-free campus", "Lifts.", information("access")),
    ),
    more=(MoreInformation("Recognition", information("recognition")),),
)

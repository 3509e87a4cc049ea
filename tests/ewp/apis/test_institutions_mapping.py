"""Whatever may be stored can be told: what `shapes` lets pass is written, and valid by the official schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.institutions.telling import FACTSHEET, HEALTH, OFFICE, PROFILE
from vaihto.ewp.apis.institutions import mapping
from vaihto.ewp.apis.institutions.messages import (
    FactsheetResponse,
    InstitutionsResponse,
    OunitsResponse,
)
from vaihto.ewp.protocol.types import EMAIL, HTTP, HTTPS, IDENTIFIER, LANGUAGE_TAG
from vaihto.ewp.schemas import Official
from vaihto.institutions.completeness import of_factsheet
from vaihto.institutions.facts import ContactFacts, FactsheetFacts, ProfileFacts, Told, UnitFacts
from vaihto.institutions.shapes import (
    wrong_contact,
    wrong_factsheet,
    wrong_profile,
    wrong_unit,
)
from vaihto.institutions.values import (
    Accessibility,
    Address,
    Information,
    Link,
    MoreInformation,
    Phone,
    Requirement,
)

# What could be typed; that single values fit is tried with anything at all.
some = st.sampled_from(["Office", "Ä & <Sons>", "line\nbreak", "  x ", "a\ufffdb", "\u202eevil"])
texts = st.one_of(st.just(""), some)
languages = st.sampled_from(["", "en", "fi", "pt-BR", "sr-Latn-RS", "mis"])
urls = st.sampled_from(
    [
        "https://a.example",
        "http://a.example:8080/x?y=1&z=%20#f",
        "https://[2001:db8::1]/",
        "https://ä.example/ö",
        "https://a.example/(x);y=~!*'",
    ]
)
links = st.lists(st.builds(Link, urls, languages), max_size=2).map(tuple)
phones = st.builds(Phone, st.sampled_from(["+358291", "+123456789012345"]), texts, texts)
streets = st.builds(Address, street=some, unit=texts, delivery_points=st.just(("x",)))
lines = st.builds(
    Address,
    recipients=st.lists(some, max_size=2).map(tuple),
    lines=st.lists(some, max_size=4).map(tuple),
    postal_code=texts,
    locality=texts,
    country=st.sampled_from(["", "246", "724", "056"]),
)
addresses = st.one_of(streets, lines)
names = st.dictionaries(languages, some, max_size=3)
emails = st.sampled_from(["a@b.example", "x.y+z@b-c.example", "o'neill@b.example"])
informations = st.builds(Information, emails, phones, links)
several = settings(max_examples=50, deadline=None)


@settings(deadline=None)
@given(
    st.one_of(
        st.text(), st.text().map("https://a.example/".__add__), st.text().map("http://".__add__)
    )
)
def test_an_address_that_may_be_stored_fits_the_schema(text: str) -> None:
    if text and not wrong_profile(replace(PROFILE, website=text)):
        assert HTTP.fits(text)
    if text and not wrong_profile(replace(PROFILE, logo_url=text)):
        assert HTTPS.fits(text)


@settings(deadline=None)
@given(st.one_of(st.emails(), st.text(), st.text().map("a@".__add__)))
def test_an_e_mail_address_that_may_be_stored_fits_the_schema(text: str) -> None:
    if text and not wrong_contact(replace(OFFICE, emails=(text,))):
        assert EMAIL.fits(text)


@settings(deadline=None)
@given(st.text())
def test_a_language_and_a_unit_id_that_may_be_stored_fit_the_schema(text: str) -> None:
    if text and not wrong_profile(replace(PROFILE, websites=(Link(PROFILE.website, text),))):
        assert LANGUAGE_TAG.fits(text)
    if text and not wrong_unit(replace(HEALTH, ounit_id=text)):
        assert IDENTIFIER.fits(text)


def told(**parts: Any) -> Told:
    return Told(
        **{"hei_id": "a.example", "country": "246", "hosted": True, "profile": PROFILE, **parts}
    )


@several
@given(
    st.builds(
        ProfileFacts,
        name=some,
        names=names,
        abbreviation=texts,
        street_address=addresses,
        mailing_address=addresses,
        websites=links,
        logo_url=st.sampled_from(["", "https://a.example/logo.svg"]),
        factsheet_urls=links,
        catalogue_urls=links,
    )
)
def test_a_profile_that_may_be_stored_can_be_told(
    ewp_schemas: Official, facts: ProfileFacts
) -> None:
    assert wrong_profile(facts) == []
    hei = mapping.hei(told(profile=facts))
    assert hei is not None
    document = InstitutionsResponse((hei,)).write()
    assert ewp_schemas.problems(document) == []
    assert InstitutionsResponse.read(document).problems == ()


@several
@given(
    st.builds(
        ContactFacts,
        names=names,
        given_names=texts,
        family_name=texts,
        gender=st.sampled_from(["", "0", "1", "2", "9"]),
        phones=st.lists(phones, max_size=2).map(tuple),
        faxes=st.lists(phones, max_size=1).map(tuple),
        emails=st.lists(emails, max_size=2).map(tuple),
        street_address=addresses,
        roles=names,
    ),
    st.builds(
        UnitFacts,
        ounit_id=st.sampled_from(["4711", "x" * 64]),
        code=some,
        name=some,
        names=names,
        exposed=st.just(True),
        mailing_address=addresses,
        websites=links,
    ),
)
def test_contacts_and_units_that_may_be_stored_can_be_told(
    ewp_schemas: Official, contact: ContactFacts, unit: UnitFacts
) -> None:
    assume(contact.names)
    assert wrong_contact(contact) == []
    assert wrong_unit(unit) == []
    whole = told(units=(unit,), contacts=(contact,))
    document = OunitsResponse(mapping.ounits(whole)).write()
    hei = mapping.hei(told(contacts=(contact,)))
    assert hei is not None
    assert len(hei.contacts) == 1
    written = InstitutionsResponse((hei,)).write()
    for each in (document, written):
        assert ewp_schemas.problems(each) == []


@several
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "application": informations,
            "housing": informations,
            "requirements": st.lists(st.builds(Requirement, some, some, links), max_size=2).map(
                tuple
            ),
            "accessibility": st.lists(
                st.builds(
                    Accessibility,
                    st.sampled_from(["service", "infrastructure"]),
                    some,
                    texts,
                    informations,
                ),
                max_size=2,
            ).map(tuple),
            "more": st.lists(st.builds(MoreInformation, some, informations), max_size=2).map(tuple),
        },
    )
)
def test_a_factsheet_that_may_be_published_can_be_told(
    ewp_schemas: Official, change: dict[str, Any]
) -> None:
    facts = FactsheetFacts(
        **{**{name: getattr(FACTSHEET, name) for name in vars(FACTSHEET)}, **change}
    )
    assert wrong_factsheet(facts) == []
    sheet = mapping.factsheet(told(factsheet=facts))
    assert (sheet is not None) == of_factsheet(facts).can_be_published
    if sheet is not None:
        document = FactsheetResponse((sheet,)).write()
        assert ewp_schemas.problems(document) == []
        assert FactsheetResponse.read(document).message.factsheets[0].hei_id == "a.example"

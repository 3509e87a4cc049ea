"""What can be wrong with the form of what an institution tells its partners. `actions` is the door.

Each function answers refusals whose `field` names the place: `websites-1-url` is the address of the second
website. What is merely missing or doubtful is said by `completeness.py`; here stands what cannot be stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from vaihto.codes import country_by_alpha2
from vaihto.institutions.facts import ContactFacts, FactsheetFacts, ProfileFacts, UnitFacts
from vaihto.institutions.models import Contact, Institution, Unit
from vaihto.institutions.values import (
    RESERVED_REQUIREMENTS,
    Accessibility,
    Address,
    Information,
    Link,
    MoreInformation,
    Phone,
    Requirement,
)
from vaihto.journal.bringing import Lengths, missing, unknown_code
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

LONGEST_TEXT, LONGEST_LINE, LONGEST_URL = 4000, 300, 500
MOST_ROWS = 50  # of anything that is repeated
_HEI_ID = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")
_E164 = re.compile(r"\+[0-9]{4,15}")
_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_DAYS_OF = (
    0,
    31,
    28,
    31,
    30,
    31,
    30,
    31,
    31,
    30,
    31,
    30,
    31,
)  # 29 February comes once in four years
# What XML 1.0 cannot carry, whatever the encoding.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Absolute web addresses with a host; other signs are written percent-encoded (RFC 3986, and what schemas allow).
_SIGN = r"(?:[^\s\[\]<>\"{}|\\^`%#]|%[0-9A-Fa-f]{2})"
_REST = rf"(?::[0-9]{{1,5}})?(?:[/?]{_SIGN}*)?(?:#{_SIGN}*)?"
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#\[\]<>\"{}|\\^`%:@]+)"
_URL = re.compile(rf"https?://{_HOST}{_REST}")
_SECURE_URL = re.compile(rf"https://{_HOST}{_REST}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+\.[^@\s]+")
_OUNIT_ID = re.compile(r"[!-~]{1,64}")
_PROFILE = Lengths(Institution)
_UNIT = Lengths(Unit, ounit_id=64, parent=64)
_CONTACT = Lengths(Contact, unit=64, purpose=20)


def _text(field: str, value: str, *, most: int = LONGEST_LINE) -> list[Refusal]:
    """A text that is too long, or holds what is no text."""
    if len(value) > most:
        return [
            Invalid(
                "fact.too-long",
                sentence=_("This is %(length)s characters long; there is room for %(limit)s."),
                remedy=_("Shorten it."),
                field=field,
                value=value[:40] + "…",
                length=len(value),
                limit=most,
            )
        ]
    if value and not value.strip():
        return [missing(field)]
    if _NO_TEXT.search(value):
        return [
            Invalid(
                "fact.control-character",
                sentence=_("This holds a character that is not text."),
                remedy=_("Type the value anew."),
                field=field,
                value=_NO_TEXT.sub("�", value)[:40],
            )
        ]
    return []


def _too_many(field: str, values: Sequence[object] | Mapping[str, str]) -> list[Refusal]:
    if len(values) <= MOST_ROWS:
        return []
    return [
        Invalid(
            "institution.too-many",
            sentence=_("There are %(count)s of these; there is room for %(limit)s."),
            remedy=_("Keep those that partners need."),
            field=field,
            count=len(values),
            limit=MOST_ROWS,
        )
    ]


def _language(field: str, value: str) -> list[Refusal]:
    if not value or _LANGUAGE.fullmatch(value):
        return []
    return [
        Invalid(
            "institution.language-form",
            sentence=_("“%(value)s” is not a language code."),
            remedy=_("Use the short code of the language, as in en, fi or pt-BR."),
            field=field,
            value=value,
        )
    ]


def _url(field: str, value: str, *, secure: bool = False) -> list[Refusal]:
    found = _text(field, value, most=LONGEST_URL)
    if found or not value:
        return found
    if any(sign.isspace() for sign in value):
        return [
            Invalid(
                "institution.url-blank",
                sentence=_("A web address holds no blanks."),
                remedy=_("Copy it from the browser."),
                field=field,
                value=value,
            )
        ]
    if not (_SECURE_URL if secure else _URL).fullmatch(value):
        return [
            Invalid(
                "institution.url-form",
                sentence=_("“%(value)s” is not a web address that partners can open."),
                remedy=_("It begins with https://.")
                if secure
                else _("It begins with https:// or http:// and names a site."),
                field=field,
                value=value,
            )
        ]
    return []


def _links(field: str, links: Sequence[Link]) -> list[Refusal]:
    found = _too_many(field, links)
    for at, link in enumerate(links):
        if not link.url:
            found.append(missing(f"{field}-{at}-url"))
        found += _url(f"{field}-{at}-url", link.url)
        found += _language(f"{field}-{at}-language", link.language)
    return found


def _names(field: str, names: Mapping[str, str]) -> list[Refusal]:
    found = _too_many(field, names)
    for at, (language, text) in enumerate(names.items()):
        found += _language(f"{field}-{at}-language", language)
        found += _text(f"{field}-{at}-text", text, most=LONGEST_TEXT)
        if not text.strip():
            found.append(missing(f"{field}-{at}-text"))
    return found


def _email(field: str, value: str) -> list[Refusal]:
    found = _text(field, value)
    if found or not value:
        return found
    try:
        validate_email(value)
        is_valid = _EMAIL.fullmatch(value) is not None
    except ValidationError:
        is_valid = False
    if is_valid:
        return []
    return [
        Invalid(
            "institution.email-form",
            sentence=_("“%(value)s” is not an e-mail address."),
            remedy=_("Write it as in exchange@university.example."),
            field=field,
            value=value,
        )
    ]


def _phone(field: str, phone: Phone) -> list[Refusal]:
    found = _text(f"{field}-ext", phone.ext, most=20) + _text(
        f"{field}-other", phone.other, most=100
    )
    if phone.e164 and not _E164.fullmatch(phone.e164):
        found.append(
            Invalid(
                "institution.phone-form",
                sentence=_("“%(value)s” is not a number in the international form."),
                remedy=_("Begin with + and the country code, as in +358 29 123 4567."),
                field=f"{field}-e164",
                value=phone.e164,
            )
        )
    if phone.ext and not (phone.e164 or phone.other):
        found.append(missing(f"{field}-e164"))
    return found


def _phones(field: str, phones: Sequence[Phone]) -> list[Refusal]:
    found = _too_many(field, phones)
    for at, phone in enumerate(phones):
        found += _phone(f"{field}-{at}", phone)
    return found


def _address(field: str, address: Address) -> list[Refusal]:
    found: list[Refusal] = []
    if address.lines and address.is_structured:
        found.append(
            Invalid(
                "institution.address-twice",
                sentence=_("The address is given both as lines and as street with number."),
                remedy=_("Keep one of the two; partners can be told one only."),
                field=f"{field}-lines",
            )
        )
    if len(address.lines) > 4:
        found.append(
            Invalid(
                "institution.address-lines",
                sentence=_("An address has four lines at most, beside postal code and place."),
                remedy=_("Put two of them on one line."),
                field=f"{field}-lines",
            )
        )
    for name in ("recipients", "lines", "delivery_points"):
        for line in getattr(address, name):
            found += _text(f"{field}-{name}", line)
    for name in (
        "building_number",
        "building_name",
        "street",
        "unit",
        "floor",
        "post_office_box",
        "postal_code",
        "locality",
        "region",
    ):
        found += _text(f"{field}-{name}", getattr(address, name))
    if address.country and address.country not in country_by_alpha2().values():
        found.append(
            unknown_code(f"{field}-country", address.country, expected="ISO 3166-1 numeric")
        )
    return found


def _information(field: str, entry: Information) -> list[Refusal]:
    return [
        *_email(f"{field}-email", entry.email),
        *_phone(f"{field}-phone", entry.phone),
        *_links(f"{field}-websites", entry.websites),
    ]


def wrong_profile(facts: ProfileFacts) -> list[Refusal]:
    """What cannot be stored of an institution's data."""
    found: list[Refusal] = [] if facts.name.strip() else [missing("name")]
    found += _PROFILE.wrong(facts)
    found += _names("names", facts.names)
    found += _too_many("previous_hei_ids", facts.previous_hei_ids)
    found += [
        Invalid(
            "institution.hei-id-form",
            sentence=_("“%(value)s” does not look like the domain name of an institution."),
            remedy=_("Write it in small letters, as in helsinki.fi."),
            field="previous_hei_ids",
            value=former,
        )
        for former in facts.previous_hei_ids
        if not _HEI_ID.fullmatch(former)
    ]
    for name in (
        "name",
        "city",
        "abbreviation",
        "erasmus_code",
        "pic",
        "erasmus_charter",
        "oid",
        "ror",
    ):
        found += _text(name, getattr(facts, name))
    found += _address("street_address", facts.street_address)
    found += _address("mailing_address", facts.mailing_address)
    found += _url("website", facts.website)
    found += _links("websites", facts.websites)
    found += _url("logo_url", facts.logo_url, secure=True)
    found += _links("factsheet_urls", facts.factsheet_urls)
    found += _links("catalogue_urls", facts.catalogue_urls)
    return _once(found)


def wrong_unit(facts: UnitFacts) -> list[Refusal]:
    """What cannot be stored of a unit."""
    found: list[Refusal] = [
        missing(name) for name in ("code", "name") if not getattr(facts, name).strip()
    ]
    found += _UNIT.wrong(facts)
    for name in ("code", "name", "abbreviation"):
        found += _text(name, getattr(facts, name))
    if facts.ounit_id and not _OUNIT_ID.fullmatch(facts.ounit_id):
        found.append(
            Invalid(
                "unit.id-form",
                sentence=_("“%(value)s” cannot be an identifier in the network."),
                remedy=_("It has at most 64 signs of ASCII and no blanks."),
                field="ounit_id",
                value=facts.ounit_id,
            )
        )
    found += _names("names", facts.names)
    found += _address("street_address", facts.street_address)
    found += _address("mailing_address", facts.mailing_address)
    found += _links("websites", facts.websites)
    found += _url("logo_url", facts.logo_url, secure=True)
    found += _links("factsheet_urls", facts.factsheet_urls)
    return _once(found)


def wrong_contact(facts: ContactFacts) -> list[Refusal]:
    """What cannot be stored of a contact. A name to be shown is required even beside a person's names."""
    found: list[Refusal] = _CONTACT.wrong(facts)
    if not facts.names:
        found.append(missing("names-0-text"))
    found += _names("names", facts.names)
    found += _names("roles", facts.roles)
    for name in ("given_names", "family_name"):
        found += _text(name, getattr(facts, name))
    if facts.purpose not in Contact.Purpose.values:
        found.append(
            unknown_code("purpose", facts.purpose, expected=", ".join(Contact.Purpose.values))
        )
    if facts.gender not in Contact.Gender.values:
        found.append(
            unknown_code("gender", facts.gender, expected=", ".join(Contact.Gender.values))
        )
    found += _too_many("emails", facts.emails)
    for email in facts.emails:
        found += _email("emails", email)
    found += _phones("phones", facts.phones)
    found += _phones("faxes", facts.faxes)
    found += _address("street_address", facts.street_address)
    found += _address("mailing_address", facts.mailing_address)
    return _once(found)


def is_day(text: str) -> bool:
    """Is it MM-DD, a day that every year has?"""
    if not _DAY.fullmatch(text):
        return False
    return int(text[3:]) <= _DAYS_OF[int(text[:2])]


def wrong_factsheet(facts: FactsheetFacts) -> list[Refusal]:
    """What cannot be stored of a factsheet, finished or not."""
    found: list[Refusal] = [
        Invalid(
            "factsheet.day-form",
            sentence=_("“%(value)s” is not a day that every year has."),
            remedy=_("Choose a month and a day of it; 29 February comes once in four years."),
            field=name,
            value=getattr(facts, name),
        )
        for name in (
            "nominations_autumn",
            "nominations_spring",
            "applications_autumn",
            "applications_spring",
        )
        if getattr(facts, name) and not is_day(getattr(facts, name))
    ]
    for name in ("decision_weeks", "transcript_weeks"):
        weeks = getattr(facts, name)
        if weeks is not None and not 1 <= weeks <= 52:
            found.append(
                Invalid(
                    "fact.out-of-range",
                    sentence=_("%(value)s is not between %(low)s and %(high)s."),
                    remedy=_("Correct the number."),
                    field=name,
                    value=weeks,
                    low=1,
                    high=52,
                )
            )
    for name in ("application", "housing", "visa", "insurance"):
        found += _information(name, getattr(facts, name))
    for at, requirement in enumerate(facts.requirements):
        found += _requirement(f"requirements-{at}", requirement)
    for at, access in enumerate(facts.accessibility):
        found += _accessibility(f"accessibility-{at}", access)
    for at, more in enumerate(facts.more):
        found += _more(f"more-{at}", more)
    found += _too_many("requirements", facts.requirements)
    found += _too_many("accessibility", facts.accessibility)
    found += _too_many("more", facts.more)
    return _once(found)


def _requirement(field: str, one: Requirement) -> list[Refusal]:
    found = _text(f"{field}-name", one.name) + _text(
        f"{field}-details", one.details, most=LONGEST_TEXT
    )
    near = next(
        (
            known
            for known in RESERVED_REQUIREMENTS
            if known != one.name and known.casefold() == " ".join(one.name.casefold().split())
        ),
        None,
    )
    if near:
        found.append(
            Invalid(
                "factsheet.reserved-name",
                sentence=_("“%(value)s” is almost the reserved name “%(near)s”."),
                remedy=_("Choose the reserved name from the list, or another name."),
                field=f"{field}-name",
                value=one.name,
                near=near,
            )
        )
    return found + _links(f"{field}-websites", one.websites)


def _accessibility(field: str, one: Accessibility) -> list[Refusal]:
    found = _text(f"{field}-name", one.name)
    found += _text(f"{field}-description", one.description, most=LONGEST_TEXT)
    if one.type not in {"", "infrastructure", "service"}:
        found.append(unknown_code(f"{field}-type", one.type, expected="infrastructure, service"))
    return found + _information(f"{field}-information", one.information)


def _more(field: str, one: MoreInformation) -> list[Refusal]:
    return [
        *_text(f"{field}-type", one.type),
        *_information(f"{field}-information", one.information),
    ]


def _once(found: Iterable[Refusal]) -> list[Refusal]:
    """Each place is spoken of once per kind of fault."""
    kept: dict[tuple[str, object], Refusal] = {}
    for refusal in found:
        kept.setdefault((refusal.code, refusal.facts.get("field")), refusal)
    return list(kept.values())

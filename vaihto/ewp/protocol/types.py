"""Types that messages share: how they are read and written, texts with a language, addresses, contacts, terms.

Reading takes what is there: `Notes` collects what is missing or malformed while the rest is read. Writing is
strict: `put` refuses a value that its `Form` does not allow, so that a schema has nothing left to object to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Generic, Self, TypeVar

from vaihto.ewp.protocol import dates
from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.xml import Builder, Element, MalformedXml, MissingElement, parse

M_co = TypeVar("M_co", covariant=True)
V = TypeVar("V")

Texts = tuple[tuple[str, str], ...]
"""Pairs of language (BCP 47, empty where none is said) and text or address."""

PREFIXES = {
    "a": f"{EWP}ewp-specs-types-address/tree/stable-v1",
    "c": f"{EWP}ewp-specs-types-contact/tree/stable-v1",
    "p": f"{EWP}ewp-specs-types-phonenumber/tree/stable-v1",
    "trm": f"{EWP}ewp-specs-types-academic-term/tree/stable-v1",
}
"""The prefixes that the types here are written with: give them to the root."""

_PROBLEMS = 100


# --- reading --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read(Generic[M_co]):
    """What could be read, and in English what is missing or malformed in it, without the values themselves."""

    message: M_co
    problems: tuple[str, ...] = ()


class Notes:
    """Collects the problems of a document of which the rest is read all the same."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    @property
    def problems(self) -> tuple[str, ...]:
        """What was noted, the first hundred."""
        return tuple(self._problems)

    def add(self, problem: str) -> None:
        """Notes one problem."""
        if len(self._problems) < _PROBLEMS:
            self._problems.append(problem)

    def child(self, parent: Element, name: str, namespace: str | None = None) -> Element | None:
        """A child that should be there; None and a note when it is not."""
        try:
            return parent.child(name, namespace)
        except MissingElement as missing:
            self.add(str(missing))
            return None

    def text(self, parent: Element, name: str, namespace: str | None = None) -> str:
        """The text of a child that should be there; empty and a note when it is absent or blank."""
        try:
            return parent.text(name, namespace)
        except MissingElement as missing:
            self.add(str(missing))
            return ""

    def texts(self, parent: Element, name: str, namespace: str | None = None) -> Texts:
        """Texts with their languages, of which at least one should be there."""
        found = parent.in_languages(name, namespace)
        if not found:
            self.text(parent, name, namespace)
        return found

    def whole(self, parent: Element, name: str, *, needed: bool = False) -> int | None:
        """A whole number; None when it is absent, with a note when it is needed or malformed."""
        return self._value(parent, name, _whole, needed=needed)

    def decimal(self, parent: Element, name: str, *, needed: bool = False) -> Decimal | None:
        """An `xs:decimal`; None as above."""
        return self._value(parent, name, _decimal, needed=needed)

    def day(
        self, parent: Element, name: str, namespace: str | None = None, *, needed: bool = False
    ) -> date | None:
        """An `xs:date`; None as above."""
        return self._value(parent, name, dates.read_day, namespace, needed=needed)

    def month_day(self, parent: Element, name: str) -> str:
        """A needed `xs:gMonthDay` as MM-DD; empty when it is absent or malformed, with a note."""
        return self._value(parent, name, _month_day, needed=True) or ""

    def _value(
        self,
        parent: Element,
        name: str,
        read: Callable[[str], V],
        namespace: str | None = None,
        *,
        needed: bool,
    ) -> V | None:
        text = (
            self.text(parent, name, namespace)
            if needed
            else parent.text_or(name, namespace=namespace)
        )
        if not text:
            return None
        try:
            return read(text)
        except ValueError as error:
            self.add(f"{parent.name}/{name} is {error}.")
            return None


def root_of(document: bytes, name: str, namespace: str) -> Element:
    """The root of a message. Raises `MalformedXml`, also when it is another message."""
    root = parse(document)
    if not root.is_a(name, namespace):
        raise MalformedXml(f"The root is {root.name} in {root.namespace or 'no namespace'}.")
    return root


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError("not a whole number")
    return int(text)


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})", text):
        raise ValueError("not a decimal number")
    return Decimal(text)


def _month_day(text: str) -> str:
    found = re.fullmatch(r"--([0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?", text)
    if found is None or not _is_month_day(found[1]):
        raise ValueError("not a day of the year such as --04-15")
    return found[1]


def _is_month_day(text: str) -> bool:
    try:
        date.fromisoformat(f"2000-{text}")  # a leap year
    except ValueError:
        return False
    return len(text) == 5


# --- writing --------------------------------------------------------------------------------------


class Unwritable(ValueError):
    """A message that we may not send, because a value is missing or malformed; names the element."""


@dataclass(frozen=True)
class Form:
    """What a text of one simple type looks like."""

    says: str
    pattern: re.Pattern[str]
    also: Callable[[str], bool] | None = None

    def fits(self, text: str) -> bool:
        """May the text stand in an element of this type?"""
        return self.pattern.fullmatch(text) is not None and (self.also is None or self.also(text))


def _form(pattern: str, says: str, also: Callable[[str], bool] | None = None) -> Form:
    return Form(says, re.compile(pattern), also)


def one_of(*words: str) -> Form:
    """The form of an element that may only say one of these."""
    return _form("|".join(re.escape(word) for word in words), f"one of {', '.join(words)}")


_URI = r"(?:[^\s\[\]<>\"{}|\\^`%#\x00-\x1f]|%[0-9A-Fa-f]{2})"
_AUTHORITY = r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#\[\]<>\"{}|\\^`%:@]+)(?::[0-9]{1,5})?"

TEXT = _form(r"(?s).*\S.*", "some text")
LINE = _form(r"[^\n\r]*\S[^\n\r]*", "some text on one line")
IDENTIFIER = _form(r"[!-~]{1,64}", "1 to 64 characters of ASCII without blanks")
HEI_ID = _form(r"\S{1,120}", "a SCHAC identifier")
EMAIL = _form(r"[^@\s]+@[^@\s.]+\.[^@\s]+", "an e-mail address")
HTTP = _form(rf"https?://{_AUTHORITY}(?:[/?]{_URI}*)?(?:#{_URI}*)?", "a web address")
HTTPS = _form(
    rf"https://{_AUTHORITY}(?:[/?]{_URI}*)?(?:#{_URI}*)?", "an address that begins with https://"
)
COUNTRY = _form(r"[A-Z]{2}", "two capital letters (ISO 3166-1)")
LANGUAGE_TAG = _form(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*", "a language tag such as en")
GENDER = _form(r"[0129]", "0, 1, 2 or 9")
E164 = _form(r"\+[0-9]{1,15}", "a number such as +358291234567")
ACADEMIC_YEAR = _form(r"[0-9]{4}/[0-9]{4}", "a year such as 2026/2027")
TERM_ID = _form(r"[0-9]{4}/[0-9]{4}-[1-9]/[1-9]", "a term such as 2026/2027-1/2")
MONTH_DAY = _form(r"[0-9]{2}-[0-9]{2}", "a day of the year such as 04-15", _is_month_day)


def put(parent: Builder, name: str, text: str, form: Form = TEXT) -> Builder:
    """A child with its text, which must be of that form. Raises `Unwritable`."""
    if not form.fits(text):
        raise Unwritable(f"{name} must be {form.says}.")
    return parent.add(name, text)


def put_if(parent: Builder, name: str, text: str, form: Form = TEXT) -> None:
    """The same unless the text is empty."""
    if text:
        put(parent, name, text, form)


def put_each(
    parent: Builder, name: str, texts: Iterable[str], form: Form = TEXT, *, at_least: int = 0
) -> None:
    """A child for each text."""
    count = 0
    for text in texts:
        put(parent, name, text, form)
        count += 1
    if count < at_least:
        raise Unwritable(f"{name} is missing.")


def put_texts(
    parent: Builder, name: str, texts: Texts, form: Form = TEXT, *, at_least: int = 0
) -> None:
    """A child for each pair of language and text."""
    if len(texts) < at_least:
        raise Unwritable(f"{name} is missing.")
    for language, text in texts:
        if not form.fits(text):
            raise Unwritable(f"{name} must be {form.says}.")
        if language and not LANGUAGE_TAG.fits(language):
            raise Unwritable(f"The language of {name} must be {LANGUAGE_TAG.says}.")
        parent.add(name, text, {"xml:lang": language} if language else None)


def put_other_ids(parent: Builder, name: str, ids: Iterable[tuple[str, str]]) -> None:
    """A child for each pair of type and value of a further identifier of an institution."""
    for kind, value in ids:
        if not LINE.fits(kind):
            raise Unwritable(f"The type of {name} must be {LINE.says}.")
        parent.add(name, value, {"type": kind})


def put_whole(parent: Builder, name: str, number: int | None) -> None:
    """A needed whole number. Raises `Unwritable` for None."""
    if number is None:
        raise Unwritable(f"{name} is missing.")
    parent.add(name, number)


def put_decimal(parent: Builder, name: str, number: Decimal | None) -> None:
    """A needed decimal number, written without an exponent. Raises `Unwritable`."""
    if number is None or not number.is_finite():
        raise Unwritable(f"{name} is missing.")
    parent.add(name, format(number, "f"))


def put_day(parent: Builder, name: str, day: date | None) -> None:
    """A needed day, written without an offset. Raises `Unwritable` for None."""
    if day is None:
        raise Unwritable(f"{name} is missing.")
    parent.add(name, day.isoformat())


# --- the types ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Phone:
    """A telephone or fax number. Source: ewp-specs-types-phonenumber 1.0.1."""

    e164: str = ""
    ext: str = ""
    other: str = ""  # last resort, a reader may ignore it

    @classmethod
    def read(cls, element: Element) -> Self:
        """From an element of type PhoneNumber."""
        return cls(
            *(element.text_or(name, "", PREFIXES["p"]) for name in ("e164", "ext", "other-format"))
        )

    def put(self, parent: Builder, name: str) -> None:
        """As a child of `parent`. Raises `Unwritable`, also for an empty number."""
        if not (self.e164 or self.other):
            raise Unwritable(f"{name} is missing.")
        number = parent.add(name)
        put_if(number, "p:e164", self.e164, E164)
        put_if(number, "p:ext", self.ext)
        put_if(number, "p:other-format", self.other)


_STREET_PARTS = (
    ("buildingNumber", "building_number"),
    ("buildingName", "building_name"),
    ("streetName", "street"),
    ("unit", "unit"),
    ("floor", "floor"),
    ("postOfficeBox", "post_office_box"),
)
_PLACE_PARTS = (("postalCode", "postal_code"), ("locality", "locality"), ("region", "region"))
_LINES = 4


@dataclass(frozen=True)
class Address:
    """A postal address: free `lines` (four at most) or the parts of a street address, never both.

    Source: FlexibleAddress of ewp-specs-types-address 1.0.2.
    """

    recipients: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    building_number: str = ""
    building_name: str = ""
    street: str = ""
    unit: str = ""
    floor: str = ""
    post_office_box: str = ""
    delivery_points: tuple[str, ...] = ()
    postal_code: str = ""
    locality: str = ""
    region: str = ""
    country: str = ""  # ISO 3166-1, two letters

    @classmethod
    def read(cls, element: Element) -> Self:
        """From an element of type FlexibleAddress."""
        space = PREFIXES["a"]
        parts = {
            field: element.text_or(name, "", space) for name, field in _STREET_PARTS + _PLACE_PARTS
        }
        return cls(
            recipients=element.texts("recipientName", space),
            lines=element.texts("addressLine", space),
            delivery_points=element.texts("deliveryPointCode", space),
            country=element.text_or("country", "", space),
            **parts,
        )

    @classmethod
    def read_if(cls, parent: Element, name: str) -> Self | None:
        """From the child of that name, `street-address` or `mailing-address`, where there is one."""
        found = parent.find(name, PREFIXES["a"])
        return None if found is None else cls.read(found)

    def put(self, parent: Builder, name: str) -> None:
        """As a child of `parent`. Raises `Unwritable` for lines beside street parts, and for a fifth line."""
        street = [(element, getattr(self, field)) for element, field in _STREET_PARTS]
        if self.lines and (self.delivery_points or any(text for _element, text in street)):
            raise Unwritable(f"{name} has lines or the parts of a street address, not both.")
        if len(self.lines) > _LINES:
            raise Unwritable(f"{name} has at most four lines.")
        address = parent.add(name)
        put_each(address, "a:recipientName", self.recipients)
        put_each(address, "a:addressLine", self.lines)
        for element, text in street:
            put_if(address, f"a:{element}", text)
        put_each(address, "a:deliveryPointCode", self.delivery_points)
        for element, field in _PLACE_PARTS:
            put_if(address, f"a:{element}", getattr(self, field))
        put_if(address, "a:country", self.country, COUNTRY)


def put_addresses(parent: Builder, street: Address | None, mailing: Address | None) -> None:
    """Both addresses where there are any, in the order of every type that has them."""
    if street is not None:
        street.put(parent, "a:street-address")
    if mailing is not None:
        mailing.put(parent, "a:mailing-address")


@dataclass(frozen=True)
class Contact:
    """Whom to write to: a person, an office or a role. Source: ewp-specs-types-contact 1.1.0."""

    names: Texts
    given_names: Texts = ()
    family_names: Texts = ()
    gender: str = ""  # 0, 1, 2, 9 (ISO 5218)
    phones: tuple[Phone, ...] = ()
    faxes: tuple[Phone, ...] = ()
    emails: tuple[str, ...] = ()
    street_address: Address | None = None
    mailing_address: Address | None = None
    roles: Texts = ()  # when to use this contact; line breaks matter

    @classmethod
    def read(cls, element: Element, notes: Notes) -> Self:
        """From an element of type Contact."""
        space, phone = PREFIXES["c"], PREFIXES["p"]
        return cls(
            names=notes.texts(element, "contact-name", space),
            given_names=element.in_languages("person-given-names", space),
            family_names=element.in_languages("person-family-name", space),
            gender=element.text_or("person-gender", "", space),
            phones=tuple(Phone.read(one) for one in element.children("phone-number", phone)),
            faxes=tuple(Phone.read(one) for one in element.children("fax-number", phone)),
            emails=element.texts("email", space),
            street_address=Address.read_if(element, "street-address"),
            mailing_address=Address.read_if(element, "mailing-address"),
            roles=element.in_languages("role-description", space),
        )

    @classmethod
    def read_all(cls, parent: Element, notes: Notes) -> tuple[Self, ...]:
        """Every `contact` of a parent, in order."""
        found = parent.children("contact", PREFIXES["c"])
        return tuple(cls.read(one, notes) for one in found)

    def put(self, parent: Builder, name: str = "c:contact") -> None:
        """As a child of `parent`. Raises `Unwritable`."""
        contact = parent.add(name)
        put_texts(contact, "c:contact-name", self.names, at_least=1)
        put_texts(contact, "c:person-given-names", self.given_names)
        put_texts(contact, "c:person-family-name", self.family_names)
        put_if(contact, "c:person-gender", self.gender, GENDER)
        for phone in self.phones:
            phone.put(contact, "p:phone-number")
        for fax in self.faxes:
            fax.put(contact, "p:fax-number")
        put_each(contact, "c:email", self.emails, EMAIL)
        put_addresses(contact, self.street_address, self.mailing_address)
        put_texts(contact, "c:role-description", self.roles)


@dataclass(frozen=True)
class AcademicTerm:
    """A term of an academic year; both days included. Source: ewp-specs-types-academic-term 1.1.0."""

    year: str  # 2026/2027
    names: Texts
    start: date | None
    end: date | None
    ewp_id: str = ""  # 2026/2027-1/2: year, number of the term, terms in the year

    @classmethod
    def read(cls, element: Element, notes: Notes) -> Self:
        """From an element of type AcademicTerm."""
        space = PREFIXES["trm"]
        return cls(
            year=notes.text(element, "academic-year-id", space),
            names=notes.texts(element, "display-name", space),
            start=notes.day(element, "start-date", space, needed=True),
            end=notes.day(element, "end-date", space, needed=True),
            ewp_id=element.text_or("ewp-id", "", space),
        )

    def put(self, parent: Builder, name: str = "trm:academic-term") -> None:
        """As a child of `parent`. Raises `Unwritable`."""
        term = parent.add(name)
        put(term, "trm:academic-year-id", self.year, ACADEMIC_YEAR)
        put_if(term, "trm:ewp-id", self.ewp_id, TERM_ID)
        put_texts(term, "trm:display-name", self.names, at_least=1)
        put_day(term, "trm:start-date", self.start)
        put_day(term, "trm:end-date", self.end)

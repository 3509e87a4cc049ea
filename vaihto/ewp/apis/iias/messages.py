"""Interinstitutional Agreements 7 and their approval as values.

What is hashed is kept exactly as written: nothing is trimmed, an empty element is not an absent one.
Sources: ewp-specs-api-iias 7.0.0, ewp-specs-api-iias-approval 2.0.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from vaihto.agreements.terms import (
    Condition,
    Contact,
    Copy,
    Kind,
    LanguageSkill,
    Party,
    SubjectArea,
    Terms,
    read_yes,
)
from vaihto.codes import COUNTRY, country_by_alpha2
from vaihto.ewp.protocol import types
from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.iia_hash import agreement_hashes
from vaihto.ewp.protocol.types import (
    HEI_ID,
    IDENTIFIER,
    PREFIXES,
    Form,
    Notes,
    Read,
    Unwritable,
    put,
    put_each,
    root_of,
)
from vaihto.ewp.protocol.xml import Builder, Element
from vaihto.institutions.values import Address, Phone

GET = f"{EWP}ewp-specs-api-iias/blob/stable-v7/endpoints/get-response.xsd"
INDEX = f"{EWP}ewp-specs-api-iias/blob/stable-v7/endpoints/index-response.xsd"
STATS = f"{EWP}ewp-specs-api-iias/blob/stable-v7/endpoints/stats-response.xsd"
APPROVAL = f"{EWP}ewp-specs-api-iias-approval/tree/stable-v2"

_ELEMENTS: dict[Kind, str] = {
    Kind.STUDIES: "student-studies-mobility-spec",
    Kind.TRAINEESHIP: "student-traineeship-mobility-spec",
    Kind.TEACHING: "staff-teacher-mobility-spec",
    Kind.TRAINING: "staff-training-mobility-spec",
}
_KINDS = {name: kind for kind, name in _ELEMENTS.items()}
_HASH = Form("64 hexadecimal digits", re.compile("[0-9a-f]{64}"))


# --- contacts: the types of the wire beside those of our records ------------------------------------


def _address(read: types.Address | None) -> Address | None:
    if read is None:
        return None
    return Address(
        recipients=read.recipients,
        lines=read.lines,
        building_number=read.building_number,
        building_name=read.building_name,
        street=read.street,
        unit=read.unit,
        floor=read.floor,
        post_office_box=read.post_office_box,
        delivery_points=read.delivery_points,
        postal_code=read.postal_code,
        locality=read.locality,
        region=read.region,
        country=country_by_alpha2().get(read.country, read.country),
    )


def _phone(read: types.Phone) -> Phone:
    return Phone(read.e164, read.ext, read.other)


def _read_contact(element: Element, notes: Notes) -> Contact:
    read = types.Contact.read(element, notes)
    return Contact(
        names=read.names,
        given_names=read.given_names,
        family_names=read.family_names,
        gender=read.gender,
        phones=tuple(map(_phone, read.phones)),
        faxes=tuple(map(_phone, read.faxes)),
        emails=read.emails,
        street=_address(read.street_address),
        mailing=_address(read.mailing_address),
        roles=read.roles,
    )


def _write_address(address: Address | None) -> types.Address | None:
    if not address:
        return None
    code = COUNTRY.get(address.country)
    return types.Address(
        recipients=address.recipients,
        lines=address.lines,
        building_number=address.building_number,
        building_name=address.building_name,
        street=address.street,
        unit=address.unit,
        floor=address.floor,
        post_office_box=address.post_office_box,
        delivery_points=address.delivery_points,
        postal_code=address.postal_code,
        locality=address.locality,
        region=address.region,
        country=code.facts["alpha2"] if code else address.country,
    )


def _put_contact(parent: Builder, name: str, contact: Contact) -> None:
    types.Contact(
        names=contact.names,
        given_names=contact.given_names,
        family_names=contact.family_names,
        gender=contact.gender,
        phones=tuple(types.Phone(one.e164, one.ext, one.other) for one in contact.phones),
        faxes=tuple(types.Phone(one.e164, one.ext, one.other) for one in contact.faxes),
        emails=contact.emails,
        street_address=_write_address(contact.street),
        mailing_address=_write_address(contact.mailing),
        roles=contact.roles,
    ).put(parent, name)


# --- conditions -----------------------------------------------------------------------------------


def _raw(parent: Element, name: str) -> str | None:
    """The text exactly as it stands; None when the element is absent."""
    found = parent.find(name)
    return None if found is None else found.raw


def _needed(parent: Element, name: str, notes: Notes) -> str:
    found = notes.child(parent, name)
    return "" if found is None else found.raw


def _is_filler(element: Element | None) -> bool:
    return element is not None and read_yes(element.attribute("not-yet-defined")) is True


def _read_area(element: Element, notes: Notes) -> SubjectArea:
    code = notes.child(element, "isced-f-code")
    return SubjectArea(
        isced=code.raw if code else "",
        clarification=_raw(element, "isced-clarification"),
        v6_value=(code.attribute("v6-value") or "") if code else "",
    )


def _read_skill(element: Element, notes: Notes) -> LanguageSkill:
    area = element.find("subject-area")
    return LanguageSkill(
        language=_needed(element, "language", notes),
        level=_raw(element, "cefr-level"),
        area=_read_area(area, notes) if area else None,
        not_yet_defined=_is_filler(element),
    )


def _read_condition(element: Element, kind: Kind, notes: Notes) -> Condition:
    people = element.find("mobilities-per-year")
    if people is None:
        notes.text(element, "mobilities-per-year")
    return Condition(
        kind=kind,
        sending=_needed(element, "sending-hei-id", notes),
        receiving=_needed(element, "receiving-hei-id", notes),
        first_year=_needed(element, "receiving-first-academic-year-id", notes),
        last_year=_needed(element, "receiving-last-academic-year-id", notes),
        people=people.raw if people else "",
        people_not_yet_defined=_is_filler(people),
        sending_unit=_raw(element, "sending-ounit-id"),
        receiving_unit=_raw(element, "receiving-ounit-id"),
        skills=tuple(
            _read_skill(one, notes) for one in element.children("recommended-language-skill")
        ),
        areas=tuple(_read_area(one, notes) for one in element.children("subject-area")),
        other_terms=_raw(element, "other-info-terms"),
        months=_raw(element, "total-months-per-year"),
        days=_raw(element, "total-days-per-year"),
        blended=_raw(element, "blended"),
        levels=tuple(one.raw for one in element.children("eqf-level")),
        sending_contacts=tuple(
            _read_contact(one, notes) for one in element.children("sending-contact")
        ),
        receiving_contacts=tuple(
            _read_contact(one, notes) for one in element.children("receiving-contact")
        ),
    )


def _put_raw(parent: Builder, name: str, text: str | None) -> None:
    """As it was written, also when empty; nothing for None."""
    if text is not None:
        parent.add(name, text)


def _put_area(parent: Builder, area: SubjectArea) -> None:
    element = parent.add("subject-area")
    old = {"v6-value": area.v6_value} if area.v6_value else None
    element.add("isced-f-code", area.isced, old)
    _put_raw(element, "isced-clarification", area.clarification)


def _put_condition(parent: Builder, condition: Condition) -> None:
    element = parent.add(_ELEMENTS[condition.kind])
    filler = {"not-yet-defined": "true"}
    element.add("sending-hei-id", condition.sending)
    _put_raw(element, "sending-ounit-id", condition.sending_unit)
    for contact in condition.sending_contacts:
        _put_contact(element, "sending-contact", contact)
    element.add("receiving-hei-id", condition.receiving)
    _put_raw(element, "receiving-ounit-id", condition.receiving_unit)
    for contact in condition.receiving_contacts:
        _put_contact(element, "receiving-contact", contact)
    element.add("receiving-first-academic-year-id", condition.first_year)
    element.add("receiving-last-academic-year-id", condition.last_year)
    element.add(
        "mobilities-per-year",
        condition.people,
        filler if condition.people_not_yet_defined else None,
    )
    for skill in condition.skills:
        wanted = element.add(
            "recommended-language-skill", attributes=filler if skill.not_yet_defined else None
        )
        wanted.add("language", skill.language)
        _put_raw(wanted, "cefr-level", skill.level)
        if skill.area:
            _put_area(wanted, skill.area)
    for area in condition.areas:
        _put_area(element, area)
    _put_raw(element, "other-info-terms", condition.other_terms)
    _put_raw(element, "total-months-per-year", condition.months)
    _put_raw(element, "total-days-per-year", condition.days)
    _put_raw(element, "blended", condition.blended)
    for level in condition.levels:
        element.add("eqf-level", level)


# --- get ------------------------------------------------------------------------------------------


def _read_party(element: Element, notes: Notes) -> Party:
    signing = element.find("signing-contact")
    return Party(
        hei_id=notes.text(element, "hei-id"),
        iia_id=_raw(element, "iia-id"),
        code=_raw(element, "iia-code"),
        unit=_raw(element, "ounit-id"),
        signing_contact=_read_contact(signing, notes) if signing else None,
        signing_date=element.text_or("signing-date") or None,
        contacts=tuple(
            _read_contact(one, notes) for one in element.children("contact", PREFIXES["c"])
        ),
    )


def _put_party(parent: Builder, party: Party) -> None:
    element = parent.add("partner")
    put(element, "hei-id", party.hei_id, HEI_ID)
    _put_raw(element, "ounit-id", party.unit)
    _put_raw(element, "iia-id", party.iia_id)
    _put_raw(element, "iia-code", party.code)
    if party.signing_contact:
        _put_contact(element, "signing-contact", party.signing_contact)
    _put_raw(element, "signing-date", party.signing_date)
    for contact in party.contacts:
        _put_contact(element, "c:contact", contact)


@dataclass(frozen=True)
class Iia:
    """One agreement of a response with the hash published with it, and what is missing or malformed in it."""

    copy: Copy
    hash: str = ""
    problems: tuple[str, ...] = ()

    @classmethod
    def read(cls, element: Element) -> Self:
        """From an `iia` element that names two partners."""
        notes = Notes()
        author, other = (_read_party(one, notes) for one in element.children("partner"))
        agreed = notes.child(element, "cooperation-conditions")
        conditions = [
            _read_condition(one, _KINDS[one.name], notes)
            for one in (agreed.children() if agreed else ())
            if one.name in _KINDS and one.namespace == GET
        ]
        published = notes.text(element, "iia-hash")
        return cls(
            copy=Copy(
                author=author,
                other=other,
                terms=Terms(
                    tuple(conditions),
                    agreed.attribute("terminated-as-a-whole") if agreed else None,
                ),
                in_effect=read_yes(element.text_or("in-effect")) is True,
                pdf_file=element.text_or("pdf-file") or None,
            ),
            hash=published,
            problems=notes.problems,
        )

    def put(self, parent: Builder) -> None:
        """As a child of the root. Raises `Unwritable`."""
        iia = parent.add("iia")
        _put_party(iia, self.copy.author)
        _put_party(iia, self.copy.other)
        iia.add("in-effect", self.copy.in_effect)
        terms = self.copy.terms
        agreed = iia.add(
            "cooperation-conditions",
            attributes={"terminated-as-a-whole": terms.terminated} if terms.terminated else None,
        )
        for condition in terms.grouped().conditions:
            _put_condition(agreed, condition)
        put(iia, "iia-hash", self.hash, _HASH)
        if self.copy.pdf_file:
            iia.add("pdf-file", self.copy.pdf_file)


@dataclass(frozen=True)
class IiasGetResponse:
    """The agreements that were asked for and that the caller may see.

    `unreadable` says what else stands in the answer: the id, where there is one, and what is wrong with it.
    """

    iias: tuple[Iia, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """Tolerantly: what is wrong with one agreement concerns no other. Raises `MalformedXml`."""
        root = root_of(document, "iias-get-response", GET)
        iias: list[Iia] = []
        unreadable: list[tuple[str, str]] = []
        for one in root.children():
            partners = one.children("partner")
            if not one.is_a("iia", GET):
                unreadable.append(("", f"The answer holds the element {one.name}."))
            elif len(partners) != 2:
                iia_id = (_raw(partners[0], "iia-id") or "") if partners else ""
                told = f"An iia has {len(partners)} partners instead of two."
                unreadable.append((iia_id, told))
            else:
                iias.append(Iia.read(one))
        notes = Notes()
        for problem in (*(p for one in iias for p in one.problems), *(p for _id, p in unreadable)):
            notes.add(problem)
        return Read(cls(tuple(iias), tuple(unreadable)), notes.problems)

    def write(self) -> bytes:
        """Strictly. Raises `Unwritable`."""
        prefixes = {prefix: PREFIXES[prefix] for prefix in ("a", "c", "p")}
        root = Builder("iias-get-response", GET, prefixes)
        for iia in self.iias:
            iia.put(root)
        return root.write()


_NO_HASH = "0" * 64
_BLANK = f"<iia-hash>{_NO_HASH}</iia-hash>".encode()


def hashed(copy: Copy) -> tuple[bytes, str]:
    """The response that serves this copy alone, and its hash, computed from the very bytes that are sent.

    Raises `Unwritable` when the copy lacks what every response must have.
    """
    blank = IiasGetResponse((Iia(copy, _NO_HASH),)).write()
    (found,) = agreement_hashes(blank, each_alone=True)
    # The hash is no part of what is hashed; no text can hold the element, for its "<" would be written "&lt;".
    before, after = blank.split(_BLANK)
    return before + _BLANK.replace(_NO_HASH.encode(), found.hash.encode()) + after, found.hash


def with_hash(iia: Iia) -> Iia:
    """The agreement with the hash that its copy has."""
    return replace(iia, hash=hashed(iia.copy)[1])


# --- index, stats, approval ---------------------------------------------------------


@dataclass(frozen=True)
class IiasIndexResponse:
    """Ids of the server's copies that the caller may read."""

    iia_ids: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """Tolerantly. Raises `MalformedXml`."""
        return Read(cls(root_of(document, "iias-index-response", INDEX).texts("iia-id")))

    def write(self) -> bytes:
        """Strictly. Raises `Unwritable`."""
        root = Builder("iias-index-response", INDEX)
        put_each(root, "iia-id", self.iia_ids, IDENTIFIER)
        return root.write()


_COUNTS = (
    "iia-fetchable",
    "iia-local-unapproved-partner-approved",
    "iia-local-approved-partner-unapproved",
    "iia-both-approved",
)


@dataclass(frozen=True)
class IiasStatsResponse:
    """How many of our agreements partners may fetch, and which side has approved the present copies."""

    fetchable: int
    partner_only: int
    ours_only: int
    both: int

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """Tolerantly; a missing number is 0 and noted. Raises `MalformedXml`."""
        notes = Notes()
        root = root_of(document, "iias-stats-response", STATS)
        return Read(
            cls(*(notes.whole(root, name, needed=True) or 0 for name in _COUNTS)), notes.problems
        )

    def write(self) -> bytes:
        """Strictly. Raises `Unwritable` for a negative number."""
        root = Builder("iias-stats-response", STATS)
        counts = (self.fetchable, self.partner_only, self.ours_only, self.both)
        for name, count in zip(_COUNTS, counts, strict=True):
            if count < 0:
                raise Unwritable(f"{name} must not be negative.")
            root.add(name, count)
        return root.write()


@dataclass(frozen=True)
class GivenApproval:
    """Which version of the caller's copy is approved; `iia_id` is the caller's."""

    iia_id: str
    hash: str
    pdf_file: str = ""


@dataclass(frozen=True)
class IiasApprovalResponse:
    """Approvals of the caller's copies; what is not approved is left out."""

    approvals: tuple[GivenApproval, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """Tolerantly: an approval without id or without a hash counts as none, and is noted. Raises `MalformedXml`."""
        notes = Notes()
        root = root_of(document, "iias-approval-response", APPROVAL)
        found = [
            GivenApproval(
                notes.text(one, "iia-id"), notes.text(one, "iia-hash"), one.text_or("pdf-file")
            )
            for one in root.children("approval")
        ]
        for one in found:
            if one.hash and not _HASH.fits(one.hash):
                notes.add(f"An iia-hash is not {_HASH.says}.")
        good = (one for one in found if one.iia_id and _HASH.fits(one.hash))
        return Read(cls(tuple(good)), notes.problems)

    def write(self) -> bytes:
        """Strictly. Raises `Unwritable`."""
        root = Builder("iias-approval-response", APPROVAL)
        for one in self.approvals:
            approval = root.add("approval")
            put(approval, "iia-id", one.iia_id, IDENTIFIER)
            put(approval, "iia-hash", one.hash, _HASH)
            if one.pdf_file:
                approval.add("pdf-file", one.pdf_file)
        return root.write()

"""What an agreement says: its conditions, written exactly as their author wrote them.

An approval is bound to a hash of the text of both copies, so the spelling matters: `20` and `20.00` are the same
number and another agreement. Values are therefore kept as text, an absent element (None) differs from an empty one
(""), and the order of every list is the author's. Beside each text stands a property that reads it.
Source: EWP Interinstitutional Agreements 7.0, get response; the IIA hash, version 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from vaihto.institutions.values import Address, Phone

_YEAR = re.compile(r"[0-9]{4}/[0-9]{4}")


class Kind(StrEnum):
    """What is exchanged; in the order in which conditions are grouped."""

    STUDIES = "studies"
    TRAINEESHIP = "traineeship"
    TEACHING = "teaching"
    TRAINING = "training"

    @property
    def is_student(self) -> bool:
        """Do students move, and not staff?"""
        return self in {Kind.STUDIES, Kind.TRAINEESHIP}

    @property
    def needs_language(self) -> bool:
        """Must a condition of this kind name a language? (EWP IIAs 7: studies and teaching.)"""
        return self in {Kind.STUDIES, Kind.TEACHING}


ORDER: tuple[Kind, ...] = tuple(Kind)


@dataclass(frozen=True)
class SubjectArea:
    """A field of study: ISCED-F 2013, four digits, with words that narrow it.

    `v6_value` is the shorter code approved under version 6; while it stands, the four digits are a filler.
    """

    isced: str
    clarification: str | None = None
    v6_value: str = ""


@dataclass(frozen=True)
class LanguageSkill:
    """A language asked for, with its CEFR level, perhaps only for one field.

    `not_yet_defined`: a filler carried over from version 6, not to be shown as agreed.
    """

    language: str
    level: str | None = None
    area: SubjectArea | None = None
    not_yet_defined: bool = False


Texts = tuple[tuple[str, str], ...]  # pairs of language (BCP 47, "" when not said) and text


@dataclass(frozen=True)
class Contact:
    """A person, office or role to turn to. Not part of what is approved."""

    names: Texts = ()
    given_names: Texts = ()
    family_names: Texts = ()
    gender: str = ""  # ISO 5218
    phones: tuple[Phone, ...] = ()
    faxes: tuple[Phone, ...] = ()
    emails: tuple[str, ...] = ()
    street: Address | None = None
    mailing: Address | None = None
    roles: Texts = ()

    @property
    def name(self) -> str:
        """The name to show."""
        return self.names[0][1] if self.names else ""


# As XML spells decimals; no exponent, with which a few letters would be a number of a million digits.
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})")


def read_number(text: str | None) -> Decimal | None:
    """The number a text spells, None for no number."""
    spelled = (text or "").strip()
    return Decimal(spelled) if _NUMBER.fullmatch(spelled) else None


def read_yes(text: str | None) -> bool | None:
    """The truth an XML boolean spells, None for neither."""
    return {"true": True, "1": True, "false": False, "0": False}.get((text or "").strip())


def first_number_of(year: str) -> int | None:
    """2026 of `2026/2027`; None when it is no academic year."""
    return int(year[:4]) if _YEAR.fullmatch(year) else None


@dataclass(frozen=True)
class Condition:
    """One direction of one kind of mobility under the agreement.

    `first_year` and `last_year` are academic years of the receiving side, both included: `2026/2027` north,
    `2026/2026` south of the equator. `people` is the upper limit per academic year. `months` (students) and `days`
    (staff) are totals of all people of a year together. Units are ids of the institution they belong to.
    """

    kind: Kind
    sending: str
    receiving: str
    first_year: str
    last_year: str
    people: str
    people_not_yet_defined: bool = False
    sending_unit: str | None = None
    receiving_unit: str | None = None
    skills: tuple[LanguageSkill, ...] = ()
    areas: tuple[SubjectArea, ...] = ()
    other_terms: str | None = None
    months: str | None = None
    days: str | None = None
    blended: str | None = None  # students: true or false
    levels: tuple[str, ...] = ()  # EQF, students only
    sending_contacts: tuple[Contact, ...] = ()
    receiving_contacts: tuple[Contact, ...] = ()

    @property
    def people_count(self) -> int | None:
        """People per academic year; None while it is a filler or no number."""
        number = read_number(self.people)
        if number is None or self.people_not_yet_defined:
            return None
        return int(number)

    @property
    def takes_blended(self) -> bool:
        """Are students with a short physical and a virtual part welcome?"""
        return read_yes(self.blended) is True

    @property
    def years(self) -> range:
        """First numbers of the academic years, the last included; empty when they cannot be read."""
        first, last = first_number_of(self.first_year), first_number_of(self.last_year)
        return range(first, last + 1) if first is not None and last is not None else range(0)

    @property
    def is_legacy(self) -> bool:
        """Does it carry fillers from version 6? Then nobody may approve it anew."""
        areas = (*self.areas, *(skill.area for skill in self.skills if skill.area))
        return (
            self.people_not_yet_defined
            or any(skill.not_yet_defined for skill in self.skills)
            or any(area.v6_value for area in areas)
        )

    def without_contacts(self) -> Self:
        """What of it is approved."""
        return replace(self, sending_contacts=(), receiving_contacts=())


@dataclass(frozen=True)
class Party:
    """One of the two partners as one copy names it. `unit` is a unit id of that partner."""

    hei_id: str
    iia_id: str | None = None
    code: str | None = None
    unit: str | None = None
    signing_contact: Contact | None = None
    signing_date: str | None = None
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True)
class Terms:
    """All conditions of one copy, in the order in which it serves them."""

    conditions: tuple[Condition, ...] = ()
    terminated: str | None = None  # as written: "true" when the agreement is ended as a whole

    @property
    def is_terminated(self) -> bool:
        """Is the agreement ended as a whole?"""
        return read_yes(self.terminated) is True

    @property
    def is_legacy(self) -> bool:
        """Does any condition carry fillers from version 6?"""
        return any(condition.is_legacy for condition in self.conditions)

    def grouped(self) -> Terms:
        """The same, conditions grouped by kind in the order of the schema, order inside each group kept."""
        return replace(
            self, conditions=tuple(c for kind in ORDER for c in self.conditions if c.kind is kind)
        )

    def without_contacts(self) -> Terms:
        """What of it is approved."""
        return replace(self, conditions=tuple(c.without_contacts() for c in self.conditions))


@dataclass(frozen=True)
class Copy:
    """One side's copy as it is served: its author first, then the other."""

    author: Party
    other: Party
    terms: Terms
    in_effect: bool = False
    pdf_file: str | None = None


def stored(value: Terms | Party | Copy) -> dict[str, Any]:
    """As JSON, nothing left out."""
    return asdict(value)


def _pairs(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((row[0], row[1]) for row in rows)


def _contact(row: Mapping[str, Any]) -> Contact:
    street, mailing = row.get("street"), row.get("mailing")
    return Contact(
        names=_pairs(row.get("names", ())),
        given_names=_pairs(row.get("given_names", ())),
        family_names=_pairs(row.get("family_names", ())),
        gender=row.get("gender", ""),
        phones=tuple(map(Phone.made, row.get("phones", ()))),
        faxes=tuple(map(Phone.made, row.get("faxes", ()))),
        emails=tuple(row.get("emails", ())),
        street=Address.made(street) if street else None,
        mailing=Address.made(mailing) if mailing else None,
        roles=_pairs(row.get("roles", ())),
    )


def _area(row: Mapping[str, Any]) -> SubjectArea:
    return SubjectArea(row["isced"], row.get("clarification"), row.get("v6_value", ""))


def _skill(row: Mapping[str, Any]) -> LanguageSkill:
    area = row.get("area")
    return LanguageSkill(
        row["language"],
        row.get("level"),
        _area(area) if area else None,
        row.get("not_yet_defined", False),
    )


_PLAIN = tuple(
    one.name
    for one in fields(Condition)
    if one.name
    not in {"kind", "skills", "areas", "levels", "sending_contacts", "receiving_contacts"}
)


def _condition(row: Mapping[str, Any]) -> Condition:
    return Condition(
        kind=Kind(row["kind"]),
        **{name: row[name] for name in _PLAIN if name in row},
        skills=tuple(map(_skill, row.get("skills", ()))),
        areas=tuple(map(_area, row.get("areas", ()))),
        levels=tuple(row.get("levels", ())),
        sending_contacts=tuple(map(_contact, row.get("sending_contacts", ()))),
        receiving_contacts=tuple(map(_contact, row.get("receiving_contacts", ()))),
    )


def read_terms(row: Mapping[str, Any]) -> Terms:
    """Terms from the JSON of `stored`."""
    return Terms(tuple(map(_condition, row.get("conditions", ()))), row.get("terminated"))


def read_party(row: Mapping[str, Any]) -> Party:
    """A party from the JSON of `stored`."""
    signing = row.get("signing_contact")
    return Party(
        hei_id=row["hei_id"],
        iia_id=row.get("iia_id"),
        code=row.get("code"),
        unit=row.get("unit"),
        signing_contact=_contact(signing) if signing else None,
        signing_date=row.get("signing_date"),
        contacts=tuple(map(_contact, row.get("contacts", ()))),
    )


def read_copy(row: Mapping[str, Any]) -> Copy:
    """A copy from the JSON of `stored`."""
    return Copy(
        author=read_party(row["author"]),
        other=read_party(row["other"]),
        terms=read_terms(row["terms"]),
        in_effect=row.get("in_effect", False),
        pdf_file=row.get("pdf_file"),
    )

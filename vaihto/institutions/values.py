"""Small values that institutions, units, contacts and factsheets are made of: addresses, phones, links, entries.

They are frozen, compare by content, and are false when nothing in them is filled in. `stored` and `made` turn
them into JSON and back; empty parts are left out.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

_V = TypeVar("_V", bound="Value")


@dataclass(frozen=True)
class Value:
    """What the values of this room share."""

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))

    def stored(self) -> dict[str, Any]:
        """As JSON, without its empty parts."""
        return {
            one.name: _stored(getattr(self, one.name))
            for one in fields(self)
            if getattr(self, one.name)
        }

    @classmethod
    def made(cls, data: Mapping[str, Any]) -> Self:
        """From JSON as `stored` wrote it; names that are not known are left out."""
        hints = _hints(cls)
        return cls(**{name: _made(hints[name], data[name]) for name in hints if name in data})


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(kind: type) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


def _stored(value: Any) -> Any:
    if isinstance(value, Value):
        return value.stored()
    if isinstance(value, tuple):
        return [_stored(one) for one in value]
    return value


def _made(hint: Any, data: Any) -> Any:
    if get_origin(hint) is tuple:
        return tuple(_made(get_args(hint)[0], one) for one in data)
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if isinstance(hint, type) and issubclass(hint, Value):
        return hint.made(data)
    return data


@dataclass(frozen=True)
class Link(Value):
    """A public web address and the language of what stands there; no language where the site chooses itself."""

    url: str = ""
    language: str = ""  # BCP 47


@dataclass(frozen=True)
class Phone(Value):
    """A telephone number. `e164` is the international form, as in +358291234567."""

    e164: str = ""
    ext: str = ""
    other: str = ""  # last resort, a reader may ignore it

    def __str__(self) -> str:
        number = self.e164 or self.other
        return f"{number} ({self.ext})" if self.ext else number


@dataclass(frozen=True)
class Address(Value):
    """A postal address: either free `lines` (four at most) or the parts of a street address, never both.

    `country` is the numeric ISO code of our own lists. Source: EWP address type 1.
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
    country: str = ""

    @property
    def is_structured(self) -> bool:
        """Does it name street, building or box by parts?"""
        return bool(
            self.building_number
            or self.building_name
            or self.street
            or self.unit
            or self.floor
            or self.post_office_box
            or self.delivery_points
        )


@dataclass(frozen=True)
class Information(Value):
    """Where to ask about one thing. A factsheet needs all three for every entry (factsheet 1, InformationEntry)."""

    email: str = ""
    phone: Phone = Phone()
    websites: tuple[Link, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Is there an e-mail address, a telephone number and a web page?"""
        return bool(self.email and self.phone and self.websites)


NO_ADDRESS, NO_PHONE, NO_INFORMATION = Address(), Phone(), Information()


@dataclass(frozen=True)
class Requirement(Value):
    """Something an applicant must hand in or know of. Seven names are reserved, see `RESERVED_REQUIREMENTS`."""

    name: str = ""
    details: str = ""
    websites: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Accessibility(Value):
    """An accessible place (`infrastructure`) or help for those who need it (`service`)."""

    type: str = ""
    name: str = ""
    description: str = ""
    information: Information = NO_INFORMATION


@dataclass(frozen=True)
class MoreInformation(Value):
    """A further entry of the factsheet, about anything."""

    type: str = ""
    information: Information = NO_INFORMATION


# The student hands these in through the nominations API. Written exactly so (factsheet 1, additional-requirement).
RESERVED_REQUIREMENTS = (
    "Motivation letter",
    "Transcript of Records",
    "Language certificate",
    "Reference letter",
    "Other document",
    "Portfolio",
    "CV",
)


def made_many(kind: type[_V], data: list[Mapping[str, Any]]) -> tuple[_V, ...]:
    """Several values from JSON, in their order."""
    return tuple(kind.made(one) for one in data)

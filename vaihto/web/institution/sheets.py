"""Long forms that are sent at once: single fields, pieces such as an address, and lists of rows.

A sheet is shown from values, judged when it was sent, or shown again with a row added and nothing judged yet.
Whatever was typed stays in it. A refusal or a gap finds its field by name: `websites-1-url`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from django.forms import BoundField
from django.http import QueryDict
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.codes import COUNTRY, country_name
from vaihto.institutions.values import (
    Accessibility,
    Address,
    Information,
    Link,
    MoreInformation,
    Phone,
    Requirement,
)
from vaihto.refusals import Refusal
from vaihto.web.fields import ChoiceField
from vaihto.web.wording import sentence_of

MOST_ROWS = 50
LONGEST_TYPED = 4000


class Piece(forms.Form):
    """A part of a sheet that makes one value. `names` says into which dictionary a row goes, if into one."""

    into_dict: ClassVar[bool] = False

    @classmethod
    def initial_of(cls, value: Any) -> dict[str, Any]:
        """What the fields show for a value."""
        raise NotImplementedError

    @property
    def value(self) -> Any:
        """The value of valid fields; false when nothing was typed."""
        raise NotImplementedError


def _text(label: Any, *, most: int = 300, hint: Any = "", rows: int = 0) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows}) if rows else forms.TextInput()
    return forms.CharField(
        label=label, required=False, max_length=most, help_text=hint, widget=widget
    )


def _language() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Language"),
        required=False,
        max_length=12,
        widget=forms.TextInput(attrs={"list": "languages", "autocapitalize": "none"}),
    )


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a text that hold something, without blanks around them."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def number_of(text: str) -> str:
    """A telephone number as it was typed, in the international form where it can be told: +358291234567."""
    plain = re.sub(r"\(0\)|[\s().\-/\u00a0\u2013]", "", text)
    return f"+{plain[2:]}" if plain.startswith("00") else plain


class AddressPiece(Piece):
    """An address, as lines or as street with number."""

    recipients = _text(gettext_lazy("Recipient"), most=1000, rows=2)
    lines = _text(
        gettext_lazy("Address lines"),
        most=1300,
        rows=3,
        hint=gettext_lazy("At most four. Leave them empty when street and number are given below."),
    )
    street = _text(gettext_lazy("Street"))
    building_number = _text(gettext_lazy("Number"))
    postal_code = _text(gettext_lazy("Postal code"))
    locality = _text(gettext_lazy("Place"))
    region = _text(gettext_lazy("Region"))
    country = ChoiceField(label=gettext_lazy("Country"), required=False)
    building_name = _text(gettext_lazy("Name of the building"))
    unit = _text(gettext_lazy("Flat or room"))
    floor = _text(gettext_lazy("Floor"))
    post_office_box = _text(gettext_lazy("Post office box"))
    delivery_points = _text(gettext_lazy("Delivery point codes"), most=1000, rows=2)

    seldom: ClassVar = ("building_name", "unit", "floor", "post_office_box", "delivery_points")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = get_language() or "en"
        codes = [c.code for c in COUNTRY if c.facts["accepted_by_schema"] == "yes"]
        named = sorted((country_name(code, language), code) for code in codes)
        self.fields["country"].choices = [  # type: ignore[attr-defined]
            ("", "–"),
            *((code, name) for name, code in named),
        ]

    @classmethod
    def initial_of(cls, value: Address) -> dict[str, Any]:
        several = {
            name: "\n".join(getattr(value, name))
            for name in ("recipients", "lines", "delivery_points")
        }
        return {name: getattr(value, name) for name in cls.base_fields} | several

    @property
    def value(self) -> Address:
        given = dict(self.cleaned_data)
        for name in ("recipients", "lines", "delivery_points"):
            given[name] = lines_of(given[name])
        return Address(**given)


class LinkRow(Piece):
    """A web page and its language."""

    url = _text(gettext_lazy("Address of the page"), most=500)
    language = _language()

    @classmethod
    def initial_of(cls, value: Link) -> dict[str, Any]:
        return {"url": value.url, "language": value.language}

    @property
    def value(self) -> Link:
        return Link(self.cleaned_data["url"], self.cleaned_data["language"])


class NameRow(Piece):
    """A name in a language."""

    into_dict = True

    text = _text(gettext_lazy("Name"))
    language = _language()

    @classmethod
    def initial_of(cls, value: tuple[str, str]) -> dict[str, Any]:
        return {"language": value[0], "text": value[1]}

    @property
    def value(self) -> tuple[str, str] | None:
        """Language and text."""
        given = self.cleaned_data["language"], self.cleaned_data["text"]
        return given if any(given) else None


class RoleRow(NameRow):
    """When to use a contact, in a language."""

    text = _text(gettext_lazy("When to use this contact"), most=LONGEST_TYPED, rows=3)
    field_order = ("text", "language")


class PhoneRow(Piece):
    """A telephone number."""

    e164 = _text(gettext_lazy("Number"), most=40, hint="+358 29 123 4567")
    ext = _text(gettext_lazy("Extension"), most=20)

    @classmethod
    def initial_of(cls, value: Phone) -> dict[str, Any]:
        return {"e164": value.e164, "ext": value.ext}

    @property
    def value(self) -> Phone:
        return Phone(number_of(self.cleaned_data["e164"]), self.cleaned_data["ext"])


# Names with hyphens cannot be attributes of a class, so these fields are put into the form by hand.
_INFORMATION: Mapping[str, Callable[[], forms.Field]] = {
    "email": lambda: _text(gettext_lazy("E-mail")),
    "phone-e164": lambda: _text(gettext_lazy("Telephone"), most=40, hint="+358 29 123 4567"),
    "phone-ext": lambda: _text(gettext_lazy("Extension"), most=20),
    "websites-0-url": lambda: _text(gettext_lazy("Web page"), most=500),
    "websites-0-language": _language,
    "websites-1-url": lambda: _text(gettext_lazy("Another web page"), most=500),
    "websites-1-language": _language,
}


def _links_initial(links: Sequence[Link], before: str = "") -> dict[str, Any]:
    return {
        f"{before}websites-{at}-{name}": getattr(link, name)
        for at, link in enumerate(links[:2])
        for name in ("url", "language")
    }


def _links_of(given: Mapping[str, Any], before: str = "") -> tuple[Link, ...]:
    links = (
        Link(given[f"{before}websites-{at}-url"], given[f"{before}websites-{at}-language"])
        for at in (0, 1)
    )
    return tuple(link for link in links if link.url)


def _information_initial(value: Information, before: str = "") -> dict[str, Any]:
    return {
        f"{before}email": value.email,
        f"{before}phone-e164": value.phone.e164,
        f"{before}phone-ext": value.phone.ext,
        **_links_initial(value.websites, before),
    }


def _information_of(given: Mapping[str, Any], before: str = "") -> Information:
    return Information(
        given[f"{before}email"],
        Phone(number_of(given[f"{before}phone-e164"]), given[f"{before}phone-ext"]),
        _links_of(given, before),
    )


class InformationPiece(Piece):
    """Where to ask: e-mail, telephone and web pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, make in _INFORMATION.items():
            self.fields[name] = make()

    @classmethod
    def initial_of(cls, value: Information) -> dict[str, Any]:
        return _information_initial(value)

    @property
    def value(self) -> Information:
        return _information_of(self.cleaned_data)


class RequirementRow(Piece):
    """Something an applicant must hand in or know of."""

    name = forms.CharField(
        label=gettext_lazy("What"),
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"list": "requirements-names"}),
        help_text=gettext_lazy("One of the seven documents of the list, or anything else."),
    )
    details = _text(gettext_lazy("What is asked"), most=LONGEST_TYPED, rows=2)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in (
            "websites-0-url",
            "websites-0-language",
            "websites-1-url",
            "websites-1-language",
        ):
            self.fields[name] = _INFORMATION[name]()

    @classmethod
    def initial_of(cls, value: Requirement) -> dict[str, Any]:
        return {
            "name": value.name,
            "details": value.details,
            **_links_initial(value.websites),
        }

    @property
    def value(self) -> Requirement:
        given = self.cleaned_data
        return Requirement(given["name"], given["details"], _links_of(given))


class AccessibilityRow(Piece):
    """An accessible place or service."""

    type = ChoiceField(label=gettext_lazy("Kind"), required=False)
    name = _text(gettext_lazy("Name"))
    description = _text(gettext_lazy("Description"), most=LONGEST_TYPED, rows=2)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["type"].choices = [  # type: ignore[attr-defined]
            ("", "–"),
            ("infrastructure", _("Buildings and rooms")),
            ("service", _("Help and services")),
        ]
        for name, make in _INFORMATION.items():
            self.fields[f"information-{name}"] = make()

    @classmethod
    def initial_of(cls, value: Accessibility) -> dict[str, Any]:
        return {
            "type": value.type,
            "name": value.name,
            "description": value.description,
            **_information_initial(value.information, "information-"),
        }

    @property
    def value(self) -> Accessibility:
        given = self.cleaned_data
        return Accessibility(
            given["type"],
            given["name"],
            given["description"],
            _information_of(given, "information-"),
        )


class MoreRow(Piece):
    """A further entry about anything."""

    type = _text(gettext_lazy("Subject"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, make in _INFORMATION.items():
            self.fields[f"information-{name}"] = make()

    @classmethod
    def initial_of(cls, value: MoreInformation) -> dict[str, Any]:
        return {"type": value.type, **_information_initial(value.information, "information-")}

    @property
    def value(self) -> MoreInformation:
        given = self.cleaned_data
        return MoreInformation(given["type"], _information_of(given, "information-"))


# --- The sheet ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """What the page shows under one heading."""

    anchor: str
    title: str
    note: str = ""
    fields: Sequence[BoundField] = ()
    seldom: Sequence[BoundField] = ()  # behind a fold
    rows: Sequence[forms.Form] | None = None
    row_word: str = ""
    short: bool = False  # labels do not say what is optional, the note does

    @property
    def groups(self) -> list[list[BoundField]]:
        """The fields, those together that stand on one line."""
        return _together(self.fields)

    @property
    def worded_rows(self) -> list[tuple[list[list[BoundField]], str]]:
        """The fields of each row, grouped alike, with what the row is called."""
        return [
            (_together(list(row)), self.row_word % {"number": number})
            for number, row in enumerate(self.rows or (), 1)
        ]

    @property
    def seldom_is_used(self) -> bool:
        """Does something stand behind the fold, or is something wrong there?"""
        return any(bound.value() or bound.errors for bound in self.seldom)


# These stand on the line of the field before them.
_SHORT_FIELDS = ("language", "-ext")


def _together(fields: Sequence[BoundField]) -> list[list[BoundField]]:
    groups: list[list[BoundField]] = []
    for bound in fields:
        if groups and (bound.name == "ext" or bound.name.endswith(_SHORT_FIELDS)):
            groups[-1].append(bound)
        else:
            groups.append([bound])
    return groups


@dataclass(frozen=True)
class Layout:
    """Of what a sheet is made: one form of single fields, pieces and lists of rows by their names."""

    main: Callable[..., forms.Form]
    pieces: Mapping[str, type[Piece]] = field(default_factory=dict)
    rows: Mapping[str, type[Piece]] = field(default_factory=dict)


class Sheet:
    """A sheet in one of its three states; see the module."""

    def __init__(
        self, layout: Layout, *, values: Mapping[str, Any] | None, data: Any = None
    ) -> None:
        self.layout = layout
        if data is not None:
            self.main = layout.main(data)
            self.pieces = {name: kind(data, prefix=name) for name, kind in layout.pieces.items()}
            self.rows = {
                name: [kind(data, prefix=f"{name}-{at}") for at in range(_count(data, name))]
                for name, kind in layout.rows.items()
            }
            return
        shown = values or {}
        self.main = layout.main(initial=shown)
        self.pieces = {
            name: kind(prefix=name, initial=kind.initial_of(shown[name]))
            for name, kind in layout.pieces.items()
        }
        self.rows = {}
        for name, kind in layout.rows.items():
            value = shown[name]
            each = sorted(value.items(), key=_english_first) if isinstance(value, dict) else value
            initials = [kind.initial_of(one) for one in each]
            self._fill(name, kind, [*initials, {}])

    def _fill(self, name: str, kind: type[Piece], initials: Sequence[Mapping[str, Any]]) -> None:
        self.rows[name] = [
            kind(prefix=f"{name}-{at}", initial=dict(initial))
            for at, initial in enumerate(initials[:MOST_ROWS])
        ]

    @classmethod
    def again(cls, layout: Layout, data: QueryDict, *, add: str) -> Sheet:
        """What was sent, not judged, with one more row in the list `add`."""
        sheet = cls(layout, values=None, data=data)
        sheet.main = layout.main(initial=_typed(sheet.main))
        sheet.pieces = {
            name: layout.pieces[name](prefix=name, initial=_typed(piece))
            for name, piece in sheet.pieces.items()
        }
        for name, rows in list(sheet.rows.items()):
            initials: list[Mapping[str, Any]] = [_typed(row) for row in rows]
            sheet._fill(name, layout.rows[name], [*initials, {}] if name == add else initials)
        return sheet

    @property
    def all_forms(self) -> list[forms.Form]:
        """Every form of the sheet, for the summary of errors."""
        return [
            self.main,
            *self.pieces.values(),
            *(row for rows in self.rows.values() for row in rows),
        ]

    def is_valid(self) -> bool:
        """Has every field a possible form, and does each language stand once in a list of names?"""
        valid = [one.is_valid() for one in self.all_forms]
        for rows in self.rows.values():
            languages: set[str] = set()
            for row in rows:
                if not row.into_dict or not row.is_valid() or not row.value:
                    continue
                if row.value[0] in languages:
                    row.add_error("language", _("This language stands here twice."))
                    valid.append(False)
                else:
                    languages.add(row.value[0])
        return all(valid)

    @property
    def values(self) -> dict[str, Any]:
        """The values of a valid sheet by name; empty rows are left out."""
        found = dict(self.main.cleaned_data)
        found |= {name: piece.value for name, piece in self.pieces.items()}
        for name, rows in self.rows.items():
            given = [row.value for row in rows if row.value]
            found[name] = dict(given) if self.layout.rows[name].into_dict else tuple(given)
        return found

    def tell(self, refusals: Iterable[Refusal]) -> None:
        """Puts refusals beside the fields they are about."""
        for refusal in refusals:
            told = sentence_of(refusal)
            text = _("%(sentence)s %(remedy)s") % {
                "sentence": told.sentence,
                "remedy": told.remedy,
            }
            self.tell_at(str(refusal.facts.get("field", "")), text.strip())

    def tell_at(self, place: str, text: str) -> None:
        """Puts a sentence beside the field of that name; what has no field stands on top."""
        form, name = self._find(place)
        form.add_error(name, text)

    def _find(self, place: str) -> tuple[forms.Form, str | None]:
        if place in self.main.fields:
            return self.main, place
        for name, piece in self.pieces.items():
            rest = place.removeprefix(f"{name}-")
            if rest != place and rest in piece.fields:
                return piece, rest
        for name, rows in self.rows.items():
            found = re.fullmatch(rf"{re.escape(name)}-(\d+)-(.+)", place)
            if found is None:
                continue
            filled = [row for row in rows if row.value] or rows
            at = int(found[1])
            if at < len(filled) and found[2] in filled[at].fields:
                return filled[at], found[2]
        return self.main, None

    # What a page shows of it ---------------------------------------------------------------

    def single(
        self,
        anchor: str,
        title: str,
        *names: str,
        note: str = "",
        seldom: Sequence[str] = (),
        short: bool = False,
    ) -> Section:
        """Single fields under a heading."""
        return Section(
            anchor,
            title,
            note,
            [self.main[name] for name in names],
            [self.main[name] for name in seldom],
            short=short,
        )

    def piece(self, name: str, title: str, *, note: str = "") -> Section:
        """A piece under a heading."""
        piece = self.pieces[name]
        seldom = getattr(piece, "seldom", ())
        return Section(
            name,
            title,
            note,
            [bound for bound in piece if bound.name not in seldom],
            [piece[each] for each in seldom],
            short=isinstance(piece, InformationPiece),
        )

    def several(self, name: str, title: str, *, word: str, note: str = "") -> Section:
        """Rows under a heading; `word` with `%(number)s` names each."""
        return Section(name, title, note, rows=self.rows[name], row_word=word)


def _english_first(pair: tuple[str, str]) -> tuple[bool, str]:
    return (pair[0] != "en", pair[0])


def _count(data: Any, name: str) -> int:
    told = str(data.get(f"{name}-count", ""))
    return min(int(told), MOST_ROWS) if told.isdecimal() and len(told) < 4 else 0


def _typed(form: forms.Form) -> dict[str, Any]:
    """What was typed into the fields of a form, as it came."""
    return {
        name: one.widget.value_from_datadict(form.data, {}, form.add_prefix(name))
        for name, one in form.fields.items()
    }

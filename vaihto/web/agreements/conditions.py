"""The conditions of an agreement as a form: rows that are added, moved and removed without scripts.

What is shown is a list of plain rows; a button that changes the rows sends everything, so nothing typed is lost.
Every row remembers which condition it came from, and what was not touched goes back as it was written: `20.00`
stays `20.00`, because approvals are bound to the spelling.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django import forms
from django.forms import BoundField
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.agreements import words
from vaihto.agreements.checks import Finding
from vaihto.agreements.models import Agreement
from vaihto.agreements.terms import (
    Condition,
    Contact,
    Kind,
    LanguageSkill,
    SubjectArea,
    Terms,
    read_yes,
)
from vaihto.codes import ISCED_F
from vaihto.ewp.apis.institutions import OUNITS
from vaihto.ewp.partners import partner_copy
from vaihto.institutions.models import Institution, Unit
from vaihto.web.agreements.contacts import Contacts, in_words, key_of, known_contacts
from vaihto.web.fields import ChoiceField
from vaihto.web.offers.words import language_choices, name_of, reader
from vaihto.web.wording import filled

MOST_CONDITIONS = 300
_MOST_ROWS = 40
_MOST_UNITS = 400
_CODE = re.compile(r"\s*([0-9]{1,4})\b")
_LEVELS = ("5", "6", "7", "8")
_CEFR = ("A1", "A2", "B1", "B2", "C1", "C2")

Row = dict[str, Any]


def clean_text(text: str) -> str:
    """A text as it is kept: one kind of line end, composed characters, no blanks around it."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _same(one: str | None, other: str | None) -> bool:
    """Did the browser bring back what it was given? It changes line ends and blanks by itself."""
    return " ".join(clean_text(one or "").split()) == " ".join(clean_text(other or "").split())


# Rows from conditions, and back -------------------------------------------------------------------


def field_text(area: SubjectArea | None) -> str:
    """A field of study as it stands in the form: its code and its name."""
    if area is None:
        return ""
    code = area.v6_value or area.isced
    name = ISCED_F.name(code, reader())
    return code if name == code else f"{code} {name}"


def _code_of(text: str) -> str:
    found = _CODE.match(text)
    return found.group(1) if found else _code_named(clean_text(text))


def _code_named(text: str) -> str:
    """The detailed field that has this name, or alone has it in its name; else the text as it is."""
    wanted = text.casefold()
    if len(wanted) < 4:
        return text
    found = set()
    for code in ISCED_F:
        if code.facts["level"] != "detailed":
            continue
        names = [name.casefold() for name in code.names.values()]
        if wanted in names:
            return code.code
        if any(wanted in name for name in names):
            found.add(code.code)
    return found.pop() if len(found) == 1 else text


def row_of(condition: Condition, ours: str, partner: str, origin: int | None = None) -> Row:
    """A condition as the form shows it."""
    direction = {(ours, partner): "out", (partner, ours): "in"}.get(
        (condition.sending, condition.receiving), ""
    )
    units = (condition.sending_unit or "", condition.receiving_unit or "")
    contacts = (condition.sending_contacts, condition.receiving_contacts)
    our_unit, partner_unit = units if direction != "in" else (units[1], units[0])
    ours_named, theirs_named = contacts if direction != "in" else contacts[::-1]
    blended = read_yes(condition.blended)
    return {
        "origin": "" if origin is None else str(origin),
        "kind": condition.kind.value,
        "direction": direction,
        "first_year": condition.first_year,
        "last_year": condition.last_year,
        "people": condition.people,
        "people_open": condition.people_not_yet_defined,
        "months": condition.months or "",
        "days": condition.days or "",
        "blended": "" if blended is None else "yes" if blended else "no",
        "levels": [level.strip() for level in condition.levels],
        "our_unit": our_unit,
        "partner_unit": partner_unit,
        "our_contacts": [key_of(one) for one in ours_named],
        "partner_contacts": [key_of(one) for one in theirs_named],
        "other_terms": condition.other_terms or "",
        "areas": [
            {
                "origin": str(place),
                "field": field_text(area),
                "clarification": area.clarification or "",
            }
            for place, area in enumerate(condition.areas)
        ],
        "skills": [
            {
                "origin": str(place),
                "language": skill.language,
                "level": skill.level or "",
                "field": field_text(skill.area),
            }
            for place, skill in enumerate(condition.skills)
        ],
    }


def rows_of(terms: Terms, ours: str, partner: str) -> list[Row]:
    """All conditions as the form shows them."""
    return [row_of(one, ours, partner, place) for place, one in enumerate(terms.conditions)]


def _kept(before: str | None, shown: str, sent: str) -> str | None:
    """The stored text where nothing was typed, else what was typed; empty is absent."""
    return before if _same(shown, sent) else clean_text(sent) or None


def _area(row: Row, before: Sequence[SubjectArea]) -> SubjectArea:
    old = _at(before, row["origin"])
    if old is not None and _code_of(row["field"]) == (old.v6_value or old.isced):
        said = _kept(old.clarification, old.clarification or "", row["clarification"])
        return old if said == old.clarification else replace(old, clarification=said)
    return SubjectArea(_code_of(row["field"]), clean_text(row["clarification"]) or None)


def _skill(row: Row, before: Sequence[LanguageSkill]) -> LanguageSkill:
    old = _at(before, row["origin"])
    area = SubjectArea(_code_of(row["field"])) if row["field"].strip() else None
    if old is not None and old.area is not None and area is not None:
        known = old.area.v6_value or old.area.isced
        area = old.area if known == area.isced else area
    level = row["level"] or None
    if old is not None and (row["language"], row["level"], area) == (
        old.language,
        old.level or "",
        old.area,
    ):
        return old
    return LanguageSkill(row["language"], level, area)


def _at(values: Sequence[Any], origin: str) -> Any:
    place = int(origin) if origin.isdecimal() else -1
    return values[place] if 0 <= place < len(values) else None


def _named(keys: Sequence[str], before: Sequence[Contact], known: Contacts) -> tuple[Contact, ...]:
    """The contacts of these keys: those that stood there in their order, then the new ones."""
    stay = [one for one in before if key_of(one) in keys]
    there = {key_of(one) for one in stay}
    return (*stay, *(known[key] for key in keys if key in known and key not in there))


def condition_of(
    row: Row, before: Condition | None, ours: str, partner: str, contacts: Contacts | None = None
) -> Condition:
    """What a row says; everything that was not touched as it was written before.

    `contacts` are those that the form offered; without them it asked for none, and they stay.
    """
    kind = Kind(row["kind"])
    old = before or Condition(kind, "", "", "", "", "")
    shown = row_of(old, ours, partner)
    if before is None:
        shown["direction"] = ""
    changed: dict[str, Any] = {"kind": kind}
    if row["direction"] != shown["direction"]:
        goes = row["direction"] == "out"
        changed["sending"], changed["receiving"] = (ours, partner) if goes else (partner, ours)
        changed["sending_contacts"] = old.receiving_contacts
        changed["receiving_contacts"] = old.sending_contacts
    sides = ("sending_unit", "receiving_unit")
    turned = row["direction"] == "in"
    for name, (our_side, their_side) in (("our_unit", sides), ("partner_unit", sides[::-1])):
        column = their_side if turned else our_side
        if row[name] != shown[name] or row["direction"] != shown["direction"]:
            changed[column] = row[name] or None
    if contacts is not None:
        turned_before = shown["direction"] == "in"
        stood = (old.sending_contacts, old.receiving_contacts)
        ours_stood, theirs_stood = stood[::-1] if turned_before else stood
        both = (
            _named(row["our_contacts"], ours_stood, contacts),
            _named(row["partner_contacts"], theirs_stood, contacts),
        )
        changed["sending_contacts"], changed["receiving_contacts"] = both[::-1] if turned else both
    for name in ("first_year", "last_year", "people"):
        changed[name] = _kept(getattr(old, name), shown[name], row[name]) or ""
    for name in ("months", "days"):
        said = row[name].replace(",", ".") if not _same(shown[name], row[name]) else row[name]
        changed[name] = _kept(getattr(old, name), shown[name], said)
    changed["other_terms"] = _kept(old.other_terms, shown["other_terms"], row["other_terms"])
    changed["people_not_yet_defined"] = (
        old.people_not_yet_defined and bool(row["people_open"]) and changed["people"] == old.people
    )
    if row["blended"] != shown["blended"]:
        changed["blended"] = {"yes": "true", "no": "false"}.get(row["blended"])
    if sorted(row["levels"]) != sorted(set(shown["levels"])):
        changed["levels"] = tuple(row["levels"])
    changed["areas"] = tuple(_area(one, old.areas) for one in row["areas"] if one["field"].strip())
    changed["skills"] = tuple(
        _skill(one, old.skills)
        for one in row["skills"]
        if one["language"] or one["level"] or one["field"].strip()
    )
    return replace(old, **changed)


def terms_of(
    rows: Sequence[Row], before: Terms, ours: str, partner: str, contacts: Contacts | None = None
) -> Terms:
    """What all rows say; `before` are the terms that the rows were made of."""
    return replace(
        before,
        conditions=tuple(
            condition_of(row, _at(before.conditions, row["origin"]), ours, partner, contacts)
            for row in rows
        ),
    )


# What was sent ------------------------------------------------------------------------------------


_TEXTS = (
    "origin", "kind", "direction", "first_year", "last_year", "people", "months", "days", "blended",
    "our_unit", "partner_unit", "other_terms",
)  # fmt: skip


def _count(data: QueryDict, name: str, most: int) -> int:
    text = data.get(name, "")
    return min(int(text), most) if text.isdecimal() and len(text) < 6 else 0


def _inner(data: QueryDict, prefix: str, names: Sequence[str]) -> list[Row]:
    return [
        {name: data.get(f"{prefix}{at}-{name}", "") for name in names}
        for at in range(_count(data, f"{prefix}count", _MOST_ROWS))
    ]


def sent(data: QueryDict) -> list[Row]:
    """The rows as they stand in what was sent; a row of an unknown kind is left out."""
    found = []
    for at in range(_count(data, "c-count", MOST_CONDITIONS)):
        prefix = f"c{at}-"
        row: Row = {name: data.get(prefix + name, "") for name in _TEXTS}
        if row["kind"] not in set(Kind):
            continue
        row["people_open"] = bool(data.get(prefix + "people_open"))
        for name in ("levels", "our_contacts", "partner_contacts"):
            row[name] = data.getlist(prefix + name)
        row["areas"] = _inner(data, prefix + "a", ("origin", "field", "clarification"))
        row["skills"] = _inner(data, prefix + "s", ("origin", "language", "level", "field"))
        found.append(row)
    return found


def empty_row(kind: Kind, direction: str, like: Row | None = None) -> Row:
    """A new condition; years are those of `like`."""
    return {
        "origin": "",
        "kind": kind.value,
        "direction": direction,
        "first_year": like["first_year"] if like else "",
        "last_year": like["last_year"] if like else "",
        "people": "",
        "people_open": False,
        "months": "",
        "days": "",
        "blended": "no" if kind.is_student else "",
        "levels": [],
        "our_unit": "",
        "partner_unit": "",
        "our_contacts": [],
        "partner_contacts": [],
        "other_terms": "",
        "areas": [],
        "skills": [],
    }


def mirrored(row: Row) -> Row:
    """The same in the other direction."""
    return {
        **row,
        "origin": "",
        "direction": "in" if row["direction"] == "out" else "out",
        "people_open": False,
        "levels": list(row["levels"]),
        "our_contacts": list(row["our_contacts"]),
        "partner_contacts": list(row["partner_contacts"]),
        "areas": [{**one, "origin": ""} for one in row["areas"]],
        "skills": [{**one, "origin": ""} for one in row["skills"]],
    }


def rearranged(rows: list[Row], wanted: str, data: QueryDict) -> tuple[list[Row], int | None]:
    """The rows after a button such as `remove:2`, and the place to look at; unknown ones change nothing."""
    deed, _colon, number = wanted.partition(":")
    if deed == "add":
        return _added(rows, data)
    at = int(number) if number.isdecimal() and int(number) < len(rows) else -1
    if at < 0:
        return rows, None
    rows = list(rows)
    if deed == "remove":
        del rows[at]
        return rows, min(at, len(rows) - 1) if rows else None
    if deed in {"up", "down"}:
        other = at + (1 if deed == "down" else -1)
        if 0 <= other < len(rows):
            rows[at], rows[other] = rows[other], rows[at]
            return rows, other
    elif deed == "mirror":
        rows.insert(at + 1, mirrored(rows[at]))
        return rows, at + 1
    elif deed == "field":
        rows[at] = {**rows[at], "areas": [*rows[at]["areas"], dict(_NO_AREA)]}
    elif deed == "language":
        rows[at] = {**rows[at], "skills": [*rows[at]["skills"], dict(_NO_SKILL)]}
    return rows, at


_NO_AREA = {"origin": "", "field": "", "clarification": ""}
_NO_SKILL = {"origin": "", "language": "", "level": "", "field": ""}


def _added(rows: list[Row], data: QueryDict) -> tuple[list[Row], int | None]:
    kind = data.get("new-kind", "")
    if kind not in set(Kind) or len(rows) >= MOST_CONDITIONS:
        return rows, None
    direction = data.get("new-direction", "")
    directions = ["out", "in"] if direction == "both" else ["in" if direction == "in" else "out"]
    like = rows[-1] if rows else None
    return [*rows, *(empty_row(Kind(kind), each, like) for each in directions)], len(rows)


# The forms ----------------------------------------------------------------------------------------


def _lists() -> dict[str, Any]:
    return {"list": "fields-of-study", "autocomplete": "off"}


class ConditionForm(forms.Form):
    """One condition without its rows of fields and languages."""

    direction = ChoiceField(label=gettext_lazy("Direction"))
    first_year = forms.CharField(
        label=gettext_lazy("First academic year"), required=False, max_length=20
    )
    last_year = forms.CharField(
        label=gettext_lazy("Last academic year"), required=False, max_length=20
    )
    people = forms.CharField(label=gettext_lazy("People per year"), required=False, max_length=20)
    people_open = forms.BooleanField(
        label=gettext_lazy("The number is not defined yet"),
        required=False,
        help_text=gettext_lazy(
            "Carried over from an older version; take the mark away to agree on it."
        ),
    )
    months = forms.CharField(
        label=gettext_lazy("Months per year, all students together"), required=False, max_length=20
    )
    days = forms.CharField(
        label=gettext_lazy("Days per year, all staff together"), required=False, max_length=20
    )
    blended = ChoiceField(label=gettext_lazy("Blended mobility possible"), required=False)
    our_unit = ChoiceField(label=gettext_lazy("Our unit"), required=False)
    partner_unit = ChoiceField(label=gettext_lazy("Partner's unit"), required=False)
    levels = forms.MultipleChoiceField(
        label=gettext_lazy("Levels"), required=False, widget=forms.CheckboxSelectMultiple
    )
    our_contacts = forms.MultipleChoiceField(
        label=gettext_lazy("Our contacts"), required=False, widget=forms.CheckboxSelectMultiple
    )
    partner_contacts = forms.MultipleChoiceField(
        label=gettext_lazy("Partner's contacts"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    other_terms = forms.CharField(
        label=gettext_lazy("Other terms"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, row: Row, *, around: Around, **kwargs: Any) -> None:
        data = {f"{kwargs['prefix']}-{name}": value for name, value in row.items()}
        super().__init__(data, **kwargs)
        kind = Kind(row["kind"])
        directions = [("out", around.out), ("in", around.back)]
        if row["direction"] not in {"out", "in"}:
            directions.insert(0, ("", _("between others than the two partners")))
            self.fields["direction"].required = False
        self._choose("direction", directions)
        self._choose("blended", [("", "–"), ("no", _("no")), ("yes", _("yes"))])
        self._choose("our_unit", around.units(around.ours, row["our_unit"]))
        self._choose("partner_unit", around.units(around.partner, row["partner_unit"]))
        levels = [*_LEVELS, *(one for one in row["levels"] if one not in _LEVELS)]
        self._choose("levels", [(one, _level(one)) for one in levels])
        for name, known in (
            ("our_contacts", around.our_contacts),
            ("partner_contacts", around.partner_contacts),
        ):
            if known:
                self._choose(name, [(key, in_words(one)) for key, one in known.items()])
            else:
                del self.fields[name]
        if not row["people_open"]:
            del self.fields["people_open"]
        # What does not belong to this kind is shown only where somebody entered it all the same.
        for name in ("months", "blended", "levels") if not kind.is_student else ("days",):
            if not row[name]:
                del self.fields[name]
        for name in ("our_unit", "partner_unit"):
            if len(self.fields[name].choices) < 2:  # type: ignore[attr-defined]
                del self.fields[name]

    def _choose(self, name: str, choices: Any) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


def _level(code: str) -> str:
    return _(words.LEVELS[code]) if code in words.LEVELS else code


class AreaForm(forms.Form):
    """A field of study with what narrows it."""

    origin = forms.CharField(required=False, widget=forms.HiddenInput)
    field = forms.CharField(
        label=gettext_lazy("Field of study"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs=_lists()),
    )
    clarification = forms.CharField(
        label=gettext_lazy("Only this part of it"), required=False, max_length=2000
    )


class SkillForm(forms.Form):
    """A language with its level, perhaps for one field only."""

    origin = forms.CharField(required=False, widget=forms.HiddenInput)
    language = ChoiceField(label=gettext_lazy("Language"), required=False)
    level = ChoiceField(label=gettext_lazy("Language level"), required=False)
    field = forms.CharField(
        label=gettext_lazy("Only for this field"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs=_lists()),
    )

    def __init__(self, data: Any, *, languages: Any, chosen: Row, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        known = {tag for tag, _name in languages}
        more = [(chosen["language"], words.language_name(chosen["language"]))]
        self.fields["language"].choices = (  # type: ignore[attr-defined]
            languages if chosen["language"] in known else [*languages, *more]
        )
        levels = [one for one in (chosen["level"],) if one and one not in _CEFR]
        self.fields["level"].choices = [  # type: ignore[attr-defined]
            ("", "–"),
            *((one, one) for one in (*_CEFR, *levels)),
        ]


@dataclass
class Around:
    """What the forms of all conditions share: the two partners, their units, the languages."""

    ours: Institution
    partner: Institution
    languages: list[tuple[str, str]] = field(default_factory=language_choices)
    our_contacts: Contacts = field(default_factory=dict)
    partner_contacts: Contacts = field(default_factory=dict)
    _units: dict[int, list[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, agreement: Agreement) -> Around:
        """The surroundings of one agreement."""
        ours, theirs = known_contacts(agreement)
        return cls(
            agreement.institution, agreement.partner, our_contacts=ours, partner_contacts=theirs
        )

    @property
    def contacts(self) -> Contacts:
        """Whom a condition may name, on either side."""
        return {**self.our_contacts, **self.partner_contacts}

    @property
    def out(self) -> str:
        """The direction away from us, in words."""
        return _("from us to %(partner)s") % {"partner": name_of(self.partner)}

    @property
    def back(self) -> str:
        """The direction to us, in words."""
        return _("from %(partner)s to us") % {"partner": name_of(self.partner)}

    def form(self, row: Row, prefix: str) -> ConditionForm:
        """The form of one condition."""
        return ConditionForm(row, around=self, prefix=prefix)

    def units(self, of: Institution, chosen: str) -> list[tuple[str, str]]:
        """Units by their ids: ours, or those the partner publishes; the chosen one whatever it is."""
        if of.pk not in self._units:
            self._units[of.pk] = units_of(of)
        found = self._units[of.pk]
        if chosen and chosen not in {key for key, _name in found}:
            found = [*found, (chosen, chosen)]
        return [("", _("the whole institution")), *found]


def units_of(institution: Institution) -> list[tuple[str, str]]:
    """Ids and names of the units of an institution, as kept here or as it publishes them."""
    rows = Unit.objects.filter(institution=institution).order_by("name")[:_MOST_UNITS]
    found = {one.ounit_id: one.names.get(reader()) or one.name for one in rows}
    if not institution.hosted:
        told = partner_copy(institution.hei_id, OUNITS)
        for unit in told.message.ounits[:_MOST_UNITS] if told and told.message else ():
            found.setdefault(unit.ounit_id, unit.names[0][1] if unit.names else unit.code)
    return sorted(found.items(), key=lambda one: one[1])


_CONTACTS = ("our_contacts", "partner_contacts")


@dataclass
class Shown:
    """One condition as the page shows it."""

    at: int
    row: Row
    title: str
    form: ConditionForm
    areas: list[AreaForm]
    skills: list[SkillForm]
    problems: list[str] = field(default_factory=list)
    advice: list[tuple[str, str]] = field(default_factory=list)  # id of the field, sentence

    @property
    def forms(self) -> list[forms.Form]:
        """Everything that may hold an error."""
        return [self.form, *self.areas, *self.skills]

    @property
    def plain_fields(self) -> list[BoundField]:
        """Those that stand beside each other; the others have a place of their own."""
        apart = {"other_terms", "levels", *_CONTACTS, "senders", "receivers"}
        return [bound for bound in self.form.visible_fields() if bound.name not in apart]

    @property
    def contact_fields(self) -> list[BoundField]:
        """Boxes of contacts, ours and the partner's, where there are any to choose."""
        return [self.form[name] for name in _CONTACTS if name in self.form.fields]

    @property
    def contact_count(self) -> int:
        """How many contacts are chosen for this condition alone."""
        return len(self.row["our_contacts"]) + len(self.row["partner_contacts"])

    @property
    def number(self) -> int:
        """As people count."""
        return self.at + 1


def shown(rows: Iterable[Row], around: Around) -> list[Shown]:
    """The forms of all conditions; each has at least one row for a field and one for a language."""
    return [_one(at, row, around) for at, row in enumerate(rows)]


def _one(at: int, row: Row, around: Around) -> Shown:
    prefix = f"c{at}"
    areas, skills = row["areas"] or [dict(_NO_AREA)], row["skills"] or [dict(_NO_SKILL)]
    form = around.form(row, prefix)
    made_areas = [
        AreaForm(_data(f"{prefix}-a{place}", one), prefix=f"{prefix}-a{place}")
        for place, one in enumerate(areas)
    ]
    made_skills = [
        SkillForm(
            _data(f"{prefix}-s{place}", one),
            prefix=f"{prefix}-s{place}",
            languages=around.languages,
            chosen=one,
        )
        for place, one in enumerate(skills)
    ]
    title = _(words.KINDS[Kind(row["kind"])])
    return Shown(at, row, title, form, made_areas, made_skills)


def _data(prefix: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}-{name}": value for name, value in row.items()}


_FIELD_OF = {"sending": "direction", "receiving": "direction"}


def put(findings: Sequence[Finding], conditions: Sequence[Shown]) -> list[str]:
    """Puts findings beside their fields: what blocks as an error, the rest as advice.

    Answers the sentences that belong to no condition.
    """
    general = []
    for found in findings:
        sentence = filled(found.sentence, {"value": found.value})
        if found.place is None or found.place >= len(conditions):
            general.append(sentence)
            continue
        one = conditions[found.place]
        target, name = _place_of(one, found)
        if found.blocks:
            target.is_valid()
            target.add_error(name if name in target.fields else None, sentence)
        else:
            bound = target[name] if name in target.fields else None
            one.advice.append((bound.id_for_label if bound else "", sentence))
    return general


def _place_of(one: Shown, found: Finding) -> tuple[forms.Form, str]:
    """The form and field that a finding is about."""
    if found.field == "areas":
        for form, row in zip(one.areas, one.row["areas"], strict=False):
            if found.value and found.value in {_code_of(row["field"]), row["clarification"]}:
                return form, "field"
        for skill, row in zip(one.skills, one.row["skills"], strict=False):
            if found.value and found.value == _code_of(row["field"]):
                return skill, "field"
        return one.areas[0], "field"
    if found.field == "skills":
        for skill, row in zip(one.skills, one.row["skills"], strict=False):
            for name in ("level", "language"):
                if found.value and row[name] == found.value:
                    return skill, name
        return one.skills[0], "language"
    return one.form, _FIELD_OF.get(found.field, found.field)


def fields_of_study() -> list[str]:
    """What may be chosen as a field: every detailed one, code and name."""
    language = reader()
    return [
        f"{code.code} {code.name(language)}"
        for code in ISCED_F
        if code.facts["level"] == "detailed"
    ]

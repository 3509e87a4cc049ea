"""What is wrong or doubtful in terms before they are shown to the partner, in the form's words.

What *blocks* the network would refuse or a rule forbids; the rest a person should look at.
Source: EWP IIAs 7; the Commission's agreement template 2021 to 2029 (reference, section 9).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vaihto.agreements.terms import (
    Condition,
    Kind,
    SubjectArea,
    Terms,
    first_number_of,
    read_number,
    read_yes,
)
from vaihto.codes import ISCED_F
from vaihto.wording import mark as _

# First numbers of the academic years of the programme period in which agreements are made now.
PROGRAMME_FIRST, PROGRAMME_LAST = 2021, 2028

_Told = tuple[str, str, str]  # code, field of the condition, value the sentence names

# Code -> does it block, and the sentence.
SAYS: dict[str, tuple[bool, str]] = {
    "empty": (True, _("An agreement needs at least one condition to be proposed.")),
    "parties": (True, _("A condition goes from one of the two partners to the other.")),
    "year-shape": (
        True,
        _(
            "“%(value)s” is no academic year. Write 2026/2027, "
            "or 2026/2026 where the year follows the calendar."
        ),
    ),
    "no-year": (
        True,
        _(
            "The academic year is missing. Write 2026/2027, "
            "or 2026/2026 where the year follows the calendar."
        ),
    ),
    "years-reversed": (True, _("The last academic year is before the first.")),
    "year-outside-programme": (
        False,
        _("“%(value)s” lies outside the programme period 2021/2022 to 2028/2029."),
    ),
    "people": (True, _("People per year must be a whole number of at least 1.")),
    "unit-of-time": (True, _("Students are counted in months, staff in days.")),
    "time": (True, _("“%(value)s” must be more than 0, with two decimals at most.")),
    "time-per-person": (
        False,
        _("This is the total of all people together; it looks like less than one person needs."),
    ),
    "isced-shape": (True, _("“%(value)s” is no ISCED-F code of four digits.")),
    "isced-unknown": (False, _("“%(value)s” is not in the ISCED-F list of 2013.")),
    "clarification-repeats": (
        False,
        _("The clarification repeats the name of the field; leave it out or narrow it."),
    ),
    "no-area": (
        False,
        _("No field of study is named, so every field may use these places."),
    ),
    "no-language": (
        True,
        _("Name at least one language: the network asks for it in studies and teaching."),
    ),
    "language-missing": (True, _("Choose a language for the level or field, or empty the row.")),
    "language-shape": (True, _("“%(value)s” is no language code such as en or sv.")),
    "level-shape": (True, _("“%(value)s” is no level from A1 to C2.")),
    "level-low": (
        False,
        _("The template advises at least B1 for studies and B2 for teaching."),
    ),
    "blended": (True, _("Say whether blended mobility is possible.")),
    "students-only": (True, _("Level and blended mobility concern students only.")),
    "eqf": (True, _("“%(value)s” is no level; use 5 to 8.")),
    "eqf-low": (False, _("Level %(value)s is below higher education; use 5 to 8.")),
    "legacy": (
        True,
        _("It carries fillers from an older version; complete them before anybody approves."),
    ),
}


@dataclass(frozen=True)
class Finding:
    """Something about the condition at `place` (None: about the whole); `field` is a name of `Condition`."""

    code: str
    place: int | None = None
    field: str = ""
    value: str = ""

    @property
    def blocks(self) -> bool:
        """Does it keep the agreement from being proposed?"""
        return SAYS[self.code][0]

    @property
    def sentence(self) -> str:
        """The English sentence; may name `%(value)s`."""
        return SAYS[self.code][1]


def is_academic_year(text: str) -> bool:
    """Is it `2026/2027`, or `2026/2026` as in the south?"""
    first = first_number_of(text)
    return first is not None and int(text[5:]) in {first, first + 1}


def _years(condition: Condition) -> Iterator[_Told]:
    wrong = [
        (name, text)
        for name in ("first_year", "last_year")
        if not is_academic_year(text := getattr(condition, name))
    ]
    if wrong:
        yield from (
            ("year-shape" if text.strip() else "no-year", name, text) for name, text in wrong
        )
    elif not condition.years:
        yield "years-reversed", "last_year", condition.last_year
    elif condition.years[0] < PROGRAMME_FIRST:
        yield "year-outside-programme", "first_year", condition.first_year
    elif condition.years[-1] > PROGRAMME_LAST:
        yield "year-outside-programme", "last_year", condition.last_year


def _numbers(condition: Condition) -> Iterator[_Told]:
    people = read_number(condition.people)
    if people is None or people < 1 or people != people.to_integral_value():
        yield "people", "people", condition.people
        people = None
    meant = "months" if condition.kind.is_student else "days"
    for name in ("months", "days"):
        text = getattr(condition, name)
        if not text:
            continue
        number = read_number(text)
        if name != meant:
            yield "unit-of-time", name, text
        elif number is None or number <= 0 or (number * 100) % 1:
            yield "time", name, text
        elif people and number < people / 2:
            yield "time-per-person", name, text


def _area(area: SubjectArea) -> Iterator[_Told]:
    if not re.fullmatch(r"[0-9]{4}", area.isced):
        yield "isced-shape", "areas", area.isced
    elif area.isced not in ISCED_F:
        yield "isced-unknown", "areas", area.isced
    elif area.clarification and area.clarification.strip() in ISCED_F[area.isced].names.values():
        yield "clarification-repeats", "areas", area.clarification


def _areas(condition: Condition) -> Iterator[_Told]:
    for area in (*condition.areas, *(skill.area for skill in condition.skills if skill.area)):
        yield from _area(area)
    if not condition.areas:
        yield "no-area", "areas", ""


def _skills(condition: Condition) -> Iterator[_Told]:
    if condition.kind.needs_language and not condition.skills:
        yield "no-language", "skills", ""
    for skill in condition.skills:
        if not skill.language:
            yield "language-missing", "skills", ""
        elif not re.fullmatch(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", skill.language):
            yield "language-shape", "skills", skill.language
        if skill.level and not re.fullmatch(r"[ABC][12]", skill.level):
            yield "level-shape", "skills", skill.level
    least = {Kind.STUDIES: "B1", Kind.TEACHING: "B2"}.get(condition.kind)
    levels = [skill.level for skill in condition.skills if skill.level]
    if least and levels and max(levels) < least:
        yield "level-low", "skills", max(levels)


def _students(condition: Condition) -> Iterator[_Told]:
    if condition.kind.is_student and read_yes(condition.blended) is None:
        yield "blended", "blended", condition.blended or ""
    if not condition.kind.is_student and (condition.levels or condition.blended is not None):
        yield "students-only", "levels", ""
    for level in condition.levels:
        if level.strip() in {"1", "2", "3", "4"}:
            yield "eqf-low", "levels", level
        elif level.strip() not in {"5", "6", "7", "8"}:
            yield "eqf", "levels", level


def check(terms: Terms, *, parties: frozenset[str]) -> list[Finding]:
    """Everything to say about these terms; `parties` are the hei ids of the two partners."""
    findings: list[Finding] = [] if terms.conditions else [Finding("empty")]
    for place, condition in enumerate(terms.conditions):
        if {condition.sending, condition.receiving} != parties:
            findings.append(Finding("parties", place, "sending", condition.sending))
        for look in (_years, _numbers, _skills, _areas, _students):
            findings += [Finding(code, place, name, value) for code, name, value in look(condition)]
        if condition.is_legacy:
            findings.append(Finding("legacy", place))
    return findings

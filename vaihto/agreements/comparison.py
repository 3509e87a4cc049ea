"""Our copy beside the partner's: which condition answers which, where they differ, and what forbids approval.

Two questions are kept apart. *Strict*: is the hashed text after the ids the same? Some systems approve nothing
else. *Equivalent*: do both say the same, whatever the order of lists and the spelling of numbers?
Source: EWP reference for agreements, 4.4; the argument among providers is told there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from vaihto.agreements.terms import (
    Condition,
    LanguageSkill,
    SubjectArea,
    Terms,
    read_number,
    read_yes,
)


class Weight(StrEnum):
    """What a difference means for approval."""

    BLOCKS = "blocks"  # numbers, years, directions and the like must match
    DISCUSS = "discuss"  # a person decides whether it matters
    SPELLING = (
        "spelling"  # same meaning, other spelling or order: only the strict comparison sees it
    )


@dataclass(frozen=True)
class Difference:
    """One field in which two conditions differ; values as written, for the page to put into words."""

    field: str
    ours: Any
    theirs: Any
    weight: Weight


@dataclass(frozen=True)
class Pair:
    """A condition of ours and the one of the partner that answers it; either may be missing.

    `ours_at` and `theirs_at` are their places in the two copies, counted from 0.
    """

    ours: Condition | None
    theirs: Condition | None
    ours_at: int | None
    theirs_at: int | None
    differences: tuple[Difference, ...] = ()

    @property
    def is_lonely(self) -> bool:
        """Does one copy have it and the other not?"""
        return self.ours is None or self.theirs is None


@dataclass(frozen=True)
class Comparison:
    """Two copies side by side, in the order of ours, then what only the partner has."""

    pairs: tuple[Pair, ...]
    termination: Difference | None = None
    order_differs: bool = False

    @property
    def weights(self) -> frozenset[Weight]:
        """Every weight that occurs."""
        found = {one.weight for pair in self.pairs for one in pair.differences}
        if any(pair.is_lonely for pair in self.pairs) or self.termination:
            found.add(Weight.BLOCKS)
        if self.order_differs:
            found.add(Weight.SPELLING)
        return frozenset(found)

    @property
    def blocking(self) -> int:
        """How many conditions forbid an approval."""
        return sum(
            pair.is_lonely or any(one.weight is Weight.BLOCKS for one in pair.differences)
            for pair in self.pairs
        )

    @property
    def only_ends(self) -> bool:
        """Does nothing forbid an approval but that one copy ends the agreement and the other does not?"""
        return self.termination is not None and not self.blocking

    @property
    def is_strict(self) -> bool:
        """Would the hashed texts after the ids be the same?"""
        return not self.weights

    @property
    def is_equivalent(self) -> bool:
        """Do both say the same?"""
        return not self.weights - {Weight.SPELLING}

    @property
    def is_approvable(self) -> bool:
        """May a person approve, perhaps accepting differences in words?"""
        return Weight.BLOCKS not in self.weights


def _number(text: str | None) -> Decimal | str | None:
    number = read_number(text)
    return text if number is None else number


def _words(text: str | None) -> str:
    return " ".join((text or "").split())


def _area(area: SubjectArea) -> tuple[str, str]:
    return area.v6_value or area.isced, _words(area.clarification)


def _skill(skill: LanguageSkill) -> tuple[str, str, tuple[str, str] | None]:
    language = skill.language.replace("_", "-").split("-")[0].lower()
    return language, skill.level or "", _area(skill.area) if skill.area else None


def _spelled(condition: Condition, name: str) -> Any:
    return getattr(condition, name)


def _multiset(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(values, key=repr))


@dataclass(frozen=True)
class _Field:
    name: str
    means: Callable[[Condition], Any]
    weight: Weight


# In the order of the paper form.
_FIELDS: tuple[_Field, ...] = (
    _Field("kind", lambda c: c.kind, Weight.BLOCKS),
    _Field("sending", lambda c: c.sending, Weight.BLOCKS),
    _Field("sending_unit", lambda c: c.sending_unit or "", Weight.DISCUSS),
    _Field("receiving", lambda c: c.receiving, Weight.BLOCKS),
    _Field("receiving_unit", lambda c: c.receiving_unit or "", Weight.DISCUSS),
    _Field("first_year", lambda c: c.first_year, Weight.BLOCKS),
    _Field("last_year", lambda c: c.last_year, Weight.BLOCKS),
    _Field("people", lambda c: _number(c.people), Weight.BLOCKS),
    _Field("people_not_yet_defined", lambda c: c.people_not_yet_defined, Weight.BLOCKS),
    _Field("skills", lambda c: _multiset(map(_skill, c.skills)), Weight.DISCUSS),
    _Field("areas", lambda c: _multiset(map(_area, c.areas)), Weight.DISCUSS),
    _Field("other_terms", lambda c: _words(c.other_terms), Weight.DISCUSS),
    _Field("months", lambda c: _number(c.months), Weight.BLOCKS),
    _Field("blended", lambda c: read_yes(c.blended), Weight.DISCUSS),
    _Field("levels", lambda c: _multiset({level.strip() for level in c.levels}), Weight.DISCUSS),
    _Field("days", lambda c: _number(c.days), Weight.BLOCKS),
)

# Two conditions are about the same thing when these are equal; the later ones are given up one by one.
_SAME: tuple[Callable[[Condition], Any], ...] = (
    lambda c: (c.kind, c.sending, c.receiving),
    lambda c: (c.sending_unit or "", c.receiving_unit or ""),
    lambda c: (c.first_year, c.last_year),
    lambda c: tuple(sorted({area.isced for area in c.areas})),
    lambda c: tuple(sorted(set(c.levels))),
    lambda c: _number(c.people),
)


def _differences(ours: Condition, theirs: Condition) -> tuple[Difference, ...]:
    found = []
    for field in _FIELDS:
        mine, other = _spelled(ours, field.name), _spelled(theirs, field.name)
        if mine == other:
            continue
        same = field.means(ours) == field.means(theirs)
        found.append(Difference(field.name, mine, other, Weight.SPELLING if same else field.weight))
    return tuple(found)


def _matched(ours: list[Condition], theirs: list[Condition]) -> dict[int, int]:
    """Place of ours -> place of theirs. Equal ones first, then ever less alike; kind and direction always agree."""
    matched: dict[int, int] = {}
    free = set(range(len(theirs)))
    for depth in range(len(_SAME), 0, -1):
        keys = _SAME[:depth]
        waiting: dict[Any, list[int]] = {}
        for place in sorted(free):
            waiting.setdefault(tuple(key(theirs[place]) for key in keys), []).append(place)
        for place, condition in enumerate(ours):
            if place in matched:
                continue
            candidates = waiting.get(tuple(key(condition) for key in keys))
            if candidates:
                taken = candidates.pop(0)
                matched[place] = taken
                free.discard(taken)
    return matched


def compare(ours: Terms, theirs: Terms) -> Comparison:
    """Both copies side by side. Contacts are not compared: they are not what is approved."""
    mine = [c.without_contacts() for c in ours.grouped().conditions]
    other = [c.without_contacts() for c in theirs.grouped().conditions]
    matched = _matched(mine, other)
    pairs = [
        Pair(
            condition,
            other[matched[place]] if place in matched else None,
            place,
            matched.get(place),
            _differences(condition, other[matched[place]]) if place in matched else (),
        )
        for place, condition in enumerate(mine)
    ]
    answered = set(matched.values())
    pairs += [
        Pair(None, condition, None, place)
        for place, condition in enumerate(other)
        if place not in answered
    ]
    places = [matched[place] for place in sorted(matched)]
    termination = None
    if ours.is_terminated != theirs.is_terminated:
        termination = Difference("terminated", ours.terminated, theirs.terminated, Weight.BLOCKS)
    return Comparison(tuple(pairs), termination, order_differs=places != sorted(places))

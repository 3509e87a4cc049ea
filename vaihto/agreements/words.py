"""Agreements in people's words, in the active language: kinds, fields, values, states and what to do next.

Pages, letters, papers and spreadsheets all speak from here, so that one thing has one name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from babel import Locale
from babel.core import UnknownLocaleError
from django.utils.translation import get_language, gettext, ngettext

from vaihto.agreements.comparison import Comparison, Difference, Pair, Weight
from vaihto.agreements.standing import Next, State, Turn
from vaihto.agreements.terms import (
    Condition,
    Kind,
    LanguageSkill,
    SubjectArea,
    read_number,
    read_yes,
)
from vaihto.codes import ISCED_F
from vaihto.wording import mark as _

KINDS: dict[Kind, str] = {
    Kind.STUDIES: _("Student mobility for studies"),
    Kind.TRAINEESHIP: _("Student mobility for traineeships"),
    Kind.TEACHING: _("Staff mobility for teaching"),
    Kind.TRAINING: _("Staff mobility for training"),
}

FIELDS: dict[str, str] = {
    "kind": _("Kind of mobility"),
    "sending": _("Sending institution"),
    "sending_unit": _("Sending unit"),
    "receiving": _("Receiving institution"),
    "receiving_unit": _("Receiving unit"),
    "first_year": _("First academic year"),
    "last_year": _("Last academic year"),
    "people": _("People per year"),
    "people_not_yet_defined": _("Number not yet defined"),
    "skills": _("Languages"),
    "areas": _("Fields of study"),
    "other_terms": _("Other terms"),
    "months": _("Months per year, all students together"),
    "days": _("Days per year, all staff together"),
    "blended": _("Blended mobility possible"),
    "levels": _("Levels"),
    "terminated": _("Ended as a whole"),
}

LEVELS: dict[str, str] = {
    "5": _("short cycle (EQF 5)"),
    "6": _("bachelor (EQF 6)"),
    "7": _("master (EQF 7)"),
    "8": _("doctorate (EQF 8)"),
}

STATES: dict[State, str] = {
    State.DRAFT: _("Draft"),
    State.RECEIVED: _("Proposal received"),
    State.PROPOSED: _("Proposed"),
    State.MAPPED: _("Under negotiation"),
    State.APPROVED_BY_US: _("Approved by us"),
    State.APPROVED_BY_PARTNER: _("Approved by the partner"),
    State.IN_FORCE: _("In force"),
    State.MODIFICATION: _("In force, change under way"),
    State.TERMINATION: _("In force, ending under way"),
    State.TERMINATED: _("Ended"),
    State.IGNORED: _("Set aside"),
    State.DELETED: _("Deleted"),
}

TURNS: dict[Turn, str] = {
    Turn.OURS: _("Our turn"),
    Turn.PARTNER: _("The partner's turn"),
    Turn.NOBODY: _("Nobody's turn"),
}

TO_DO: dict[tuple[Turn, Next], str] = {
    (Turn.OURS, Next.SHARE): _("Finish the draft and propose it to the partner."),
    (Turn.OURS, Next.ANSWER): _("Take the proposal in, link it to an agreement, or set it aside."),
    (Turn.PARTNER, Next.TAKE_UP): _("The partner has to make its copy."),
    (Turn.PARTNER, Next.NAME_OURS): _("The partner's copy has to name ours."),
    (Turn.OURS, Next.NAME_THEIRS): _("Link the partner's copy to this agreement."),
    (Turn.OURS, Next.AGREE): _("The partner changed its copy: take it over or propose ours."),
    (Turn.PARTNER, Next.AGREE): _("The copies differ; the partner has to answer our change."),
    (Turn.OURS, Next.APPROVE): _("Approve the partner's copy."),
    (Turn.PARTNER, Next.APPROVE): _("The partner has to approve our copy."),
    (Turn.NOBODY, Next.NOTHING): _("Nothing has to be done."),
}

_TO_ANSWER_THE_END: dict[Turn, str] = {
    Turn.OURS: _("The end of the agreement is proposed: agree to it, or propose something else."),
    Turn.PARTNER: _("The end of the agreement is proposed, and the partner has to answer."),
}

OBSTACLES: dict[str, str] = {
    "not-shared": _("The agreement has not been proposed to the partner."),
    "no-copy": _("The partner has no copy yet."),
    "gone": _("The partner no longer serves its copy."),
    "bad-copy": _("The partner's copy could not be read, or its hash does not fit its content."),
    "no-answer": _(
        "The partner's system did not answer when it was asked last, so nobody can know whether its copy "
        "is still the same. It is asked anew before anything is approved."
    ),
    "not-mapped-by-us": _("Our copy does not name the partner's id yet."),
    "not-mapped-by-partner": _("The partner's copy does not name our id yet."),
    "legacy": _("The partner's copy carries fillers from an older version."),
    "unsound": _(
        "The partner's copy breaks the network's rules, for instance with a year or a number that is none."
    ),
    "differs": _("Numbers, years or directions differ between the two copies."),
    "approved": _("You have approved this copy already."),
}

PROBLEMS: dict[str, str] = {
    "wrong-hash": _(
        "The hash published with the copy does not fit its content; the partner's system is at fault."
    ),
    "incomplete": _("Something that every copy must have is missing."),
    "unreadable": _("The copy could not be read."),
    "other-agreement": _(
        "The partner's system answered with other agreements than the one that was asked for."
    ),
    "said-twice": _("The partner's system answered with two different versions of this agreement."),
    "wrong-first-partner": _("The copy names another institution as its author."),
    "wrong-second-partner": _("The copy is about another partner than us."),
}


def language_name(code: str) -> str:
    """A language in the reader's language: `en` → English; the code itself when nobody knows it."""
    try:
        name = Locale.parse(code.replace("-", "_")).get_display_name(get_language() or "en")
    except (UnknownLocaleError, ValueError):
        return code
    return name or code


def field_of_study(area: SubjectArea) -> str:
    """A field with its code, and what narrows it."""
    code = area.v6_value or area.isced
    name = ISCED_F.name(code, get_language() or "en")
    text = code if name == code else f"{code} {name}"
    return f"{text} ({area.clarification})" if area.clarification else text


def skill(asked: LanguageSkill) -> str:
    """A language with its level, and the field when it is asked only there."""
    if asked.not_yet_defined:
        return gettext("not yet defined")
    text = f"{language_name(asked.language)} {asked.level or ''}".strip()
    return f"{text}: {field_of_study(asked.area)}" if asked.area else text


def number(text: str | None) -> str:
    """A number without needless zeros."""
    read = read_number(text)
    return (text or "") if read is None else f"{read.normalize():f}"


def years(condition: Condition) -> str:
    """The span of academic years."""
    if condition.first_year == condition.last_year:
        return condition.first_year
    return f"{condition.first_year} – {condition.last_year}"


def _yes(text: str | None) -> str:
    said = read_yes(text)
    if said is None:
        return text or ""
    return gettext("yes") if said else gettext("no")


def _list(values: list[str]) -> str:
    return "; ".join(values)


_SHOWN: dict[str, Callable[[Any], str]] = {
    "kind": lambda value: gettext(KINDS[value]),
    "people": number,
    "people_not_yet_defined": lambda value: gettext("yes") if value else gettext("no"),
    "months": number,
    "days": number,
    "skills": lambda value: _list([skill(one) for one in value]),
    "areas": lambda value: _list([field_of_study(one) for one in value]),
    "levels": lambda value: _list([gettext(LEVELS.get(one.strip(), one)) for one in value]),
    "blended": _yes,
    "terminated": _yes,
}


def value(field: str, of: Any, names: Mapping[str, str] | None = None) -> str:
    """A field's value in words; `names` turns hei ids and unit ids into names. Nothing is the empty string."""
    if of is None or of in ("", ()):
        return ""
    if field in {"sending", "receiving", "sending_unit", "receiving_unit"}:
        return (names or {}).get(str(of), str(of))
    shown = _SHOWN.get(field)
    return shown(of) if shown else str(of)


def people(condition: Condition) -> str:
    """How many a year, in words."""
    count = condition.people_count
    if count is None:
        return gettext("number not yet defined")
    if condition.kind.is_student:
        text = ngettext("%(count)s student a year", "%(count)s students a year", count)
    else:
        text = ngettext("%(count)s person a year", "%(count)s persons a year", count)
    return text % {"count": count}


def summary(condition: Condition, names: Mapping[str, str] | None = None) -> str:
    """One line: kind, direction, number, fields."""
    known = names or {}
    sending, receiving = (known.get(one, one) for one in (condition.sending, condition.receiving))
    direction = f"{sending} → {receiving}"
    return ", ".join([gettext(KINDS[condition.kind]), direction, people(condition)])


_MEANINGS: dict[Weight, str] = {
    Weight.BLOCKS: _("must be the same before anybody can approve"),
    Weight.DISCUSS: _("may differ if both accept it"),
    Weight.SPELLING: _("the same in other words or order"),
}


def difference(found: Difference, names: Mapping[str, str] | None = None) -> str:
    """A difference as a sentence."""
    ours = value(found.field, found.ours, names) or gettext("nothing")
    theirs = value(found.field, found.theirs, names) or gettext("nothing")
    if found.weight is Weight.SPELLING and ours == theirs:
        return gettext("%(field)s: the same, written or ordered in another way.") % {
            "field": gettext(FIELDS[found.field])
        }
    return gettext("%(field)s: we say “%(ours)s”, the partner says “%(theirs)s”.") % {
        "field": gettext(FIELDS[found.field]),
        "ours": ours,
        "theirs": theirs,
    }


def meaning(weight: Weight) -> str:
    """What a difference of this weight means."""
    return gettext(_MEANINGS[weight])


def lonely(pair: Pair) -> str:
    """What to say of a condition that only one copy has."""
    if pair.theirs is None:
        return gettext("Only our copy has this condition.")
    return gettext("Only the partner's copy has this condition.")


def to_do(turn: str, deed: str, state: str = "") -> str:
    """What has to be done next, as a sentence."""
    if state == State.TERMINATION and deed == Next.AGREE:
        return gettext(_TO_ANSWER_THE_END[Turn(turn)])
    return gettext(TO_DO.get((Turn(turn), Next(deed)), TO_DO[Turn.NOBODY, Next.NOTHING]))


def obstacle(code: str, seen: Comparison | None) -> str:
    """What forbids an approval, as a sentence; `seen` are the two copies."""
    if code == "differs" and seen is not None and seen.only_ends:
        return gettext("Only one of the two copies ends the agreement as a whole.")
    return gettext(OBSTACLES[code])


def state(code: str) -> str:
    """The name of a state."""
    return gettext(STATES[State(code)])


def turn(whose: Turn) -> str:
    """Whose turn it is."""
    return gettext(TURNS[whose])

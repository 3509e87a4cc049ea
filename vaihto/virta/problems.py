"""What can be wrong with a VIRTA file, in the words of a registrar.

A `Problem` holds a code and facts; `told` makes the sentences, in the language of the translator that
is handed in. Values of personal fields are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vaihto import codes
from vaihto.virta.records import KIND_BY_ELEMENT
from vaihto.wording import mark as _

Translate = Callable[[str], str]

LONGEST_VALUE_SHOWN = 60
_PERSONAL = frozenset({"Henkilotunnus", "Sukunimi", "Etunimet", "KansallinenOppijanumero"})


@dataclass(frozen=True)
class Step:
    """One step into a record: the name of an element or attribute, its words, and which one it is.

    `number` counts repeated elements from 1; 0 stands for an element that cannot be repeated.
    """

    name: str
    label: str = ""
    number: int = 0

    @property
    def written(self) -> str:
        """The step as a path has it: `Tila[2]`."""
        return f"{self.name}[{self.number}]" if self.number > 1 else self.name


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file.

    `kind` and `key` name the record (empty for the file as a whole), `line` is the line of the element
    in the file or 0, `steps` lead from the record to the place. `sentence` and `remedy` are English
    source texts over `facts`, of which `place` and `value` are filled in by `told`.
    """

    code: str
    sentence: str
    remedy: str = ""
    kind: str = ""
    key: str = ""
    line: int = 0
    steps: tuple[Step, ...] = ()
    value: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The place inside the record, for machines: `Jakso[2]/Koulutuskunta`."""
        return "/".join(step.written for step in self.steps)

    @property
    def identity(self) -> tuple[str, str, str, int, str]:
        """What makes it the same problem when it is met twice."""
        return (self.code, self.kind, self.key, self.line, self.path)


@dataclass(frozen=True)
class Told:
    """A problem in one language: which record, what is wrong, what to do."""

    record: str
    sentence: str
    remedy: str


def told(problem: Problem, translate: Translate, *, language: str = "en") -> Told:
    """The sentences of a problem; `language` is for the names of codes."""
    facts = dict(problem.facts)
    if facts.get("list") and "allowed" in facts:
        facts["allowed"] = _with_names(facts["allowed"], facts["list"], language)
    facts["place"] = _place(problem.steps, translate)
    facts["value"] = shown(problem)
    if "parent_label" in facts:
        facts["parent"] = _named(facts["parent"], facts["parent_label"], translate)
    return Told(
        _record(problem, translate),
        translate(problem.sentence) % facts,
        translate(problem.remedy) % facts if problem.remedy else "",
    )


def _with_names(allowed: str, file: str, language: str) -> str:
    names = next(known for known in codes.LISTS if known.file == file)
    return ", ".join(f"{code} ({names.name(code, language)})" for code in allowed.split(", "))


def shown(problem: Problem) -> str:
    """The value as it may be shown: personal ones hidden, long ones cut, blanks made visible."""
    value = problem.value or ""
    if problem.steps and problem.steps[-1].name in _PERSONAL:
        return re.sub(r"\w", "•", value)[:LONGEST_VALUE_SHOWN]
    value = value.replace("\n", "⏎").replace("\t", "⇥").replace("\r", "⏎")
    return value if len(value) <= LONGEST_VALUE_SHOWN else value[:LONGEST_VALUE_SHOWN] + "…"


def _record(problem: Problem, translate: Translate) -> str:
    if not problem.kind:
        return ""
    label = translate(KIND_BY_ELEMENT[problem.kind].label)
    if not problem.key:
        return translate(_("%(label)s without a key (%(element)s)")) % {
            "label": label,
            "element": problem.kind,
        }
    return translate(_("%(label)s %(key)s (%(element)s)")) % {
        "label": label,
        "key": problem.key,
        "element": problem.kind,
    }


def _place(steps: tuple[Step, ...], translate: Translate) -> str:
    if not steps:
        return ""
    path = "/".join(step.written for step in steps)
    return _named(path, steps[-1].label, translate)


def _named(name: str, label: str, translate: Translate) -> str:
    return f"{name} ({translate(label)})" if label else name


@dataclass(frozen=True)
class Saying:
    """The sentence of a code, and its remedies: the first whose fact is there is taken."""

    sentence: str
    remedies: tuple[tuple[str, str], ...]

    def remedy(self, facts: Mapping[str, str]) -> str:
        return next((text for fact, text in self.remedies if not fact or fact in facts), "")


def _say(sentence: str, *remedies: tuple[str, str] | str) -> Saying:
    return Saying(sentence, tuple(("", r) if isinstance(r, str) else r for r in remedies))


SAYINGS: dict[str, Saying] = {
    # values
    "value-empty": _say(
        _("%(place)s is empty."),
        ("optional", _("Give a value, or leave the element out.")),
        _("Give a value: it is required."),
    ),
    "value-long": _say(
        _("%(place)s has %(length)s characters; at most %(longest)s are allowed."),
        _("Shorten it."),
    ),
    "value-identity": _say(
        _("%(place)s “%(value)s” is not a personal identity code (the value is hidden here)."),
        _(
            "Write a code such as 131052-308T, or only the birth date with its separator such as "
            "131052-, or leave it out. Temporary codes (900 to 999) are not accepted."
        ),
    ),
    "value-day": _say(
        _("%(place)s has the value “%(value)s”, which is not a date as VIRTA writes it."),
        ("suggestion", _("Write %(suggestion)s (year-month-day).")),
        _("Write year-month-day, for example 2025-09-01."),
    ),
    "value-day-impossible": _say(
        _("%(place)s has the value “%(value)s”: there is no such day."),
        _("Give the right day."),
    ),
    "value-day-early": _say(
        _("%(place)s has the value “%(value)s”; dates before 1900-01-01 are not accepted."),
        _("Give the right day."),
    ),
    "value-number": _say(
        _("%(place)s has the value “%(value)s”, which is not a number."),
        ("suggestion", _("Write %(suggestion)s, with a point for the decimals.")),
        _("Write digits, with a point for the decimals, for example 7.5."),
    ),
    "value-number-digits": _say(
        _("%(place)s has the value “%(value)s”; at most six decimals are allowed."),
        _("Round it."),
    ),
    "value-number-range": _say(
        _("%(place)s has the value “%(value)s”; it must be between %(least)s and %(most)s."),
        _("Give the right number: a share of half is 0.5."),
    ),
    "value-whole": _say(
        _("%(place)s has the value “%(value)s”, which is not a whole number."),
        _("Write digits only."),
    ),
    "value-switch": _say(
        _("%(place)s has the value “%(value)s”; it must say yes or no."),
        _("Write 1 or true for yes, 0 or false for no."),
    ),
    "value-code": _say(
        _("%(place)s has the value “%(value)s”, which is not in its code list."),
        ("country", _("Write %(country)s: countries have numbers of three digits in VIRTA.")),
        ("without_blanks", _("Write %(without_blanks)s, without blanks or line ends around it.")),
        ("other_case", _("Write %(other_case)s: capital and small letters are not the same.")),
        ("zeros", _("Write %(zeros)s: zeros in front belong to the code.")),
        ("allowed", _("Use one of: %(allowed)s.")),
        ("example", _("Use a code of the national list, written exactly, such as %(example)s.")),
        _("Use a code of the national list, written exactly."),
    ),
    "value-code-unaccepted": _say(
        _(
            "%(place)s has the value “%(value)s”: a national code that the transfer does not accept."
        ),
        _("Write 999 (unknown), and keep the true value in your own register."),
    ),
    "value-code-shape": _say(
        _("%(place)s has the value “%(value)s”, which does not look like a code of its list."),
        _("Use a code of the national list, zeros in front included."),
    ),
    # elements and attributes
    "element-missing": _say(
        _("%(place)s is missing."),
        ("after", _("Add it after %(after)s.")),
        _("Add it as the first element."),
    ),
    "element-unknown": _say(
        _("%(parent)s has an element %(place)s that VIRTA does not know there."),
        ("suggestion", _("Perhaps %(suggestion)s is meant. Otherwise remove it.")),
        _("Remove it, or put it where it belongs."),
    ),
    "element-namespace": _say(
        _("The element %(place)s does not belong to the namespace of VIRTA."),
        _("Remove its prefix and any xmlns of its own."),
    ),
    "element-order": _say(
        _("%(place)s stands in the wrong order: it comes after %(after)s."),
        _("Move it before %(after)s: the order of elements is fixed."),
    ),
    "element-repeated": _say(
        _("%(place)s stands more than once in %(parent)s."),
        _("Keep one of them."),
    ),
    "element-choice-none": _say(
        _("%(place)s holds no scale."),
        _("Put exactly one of these into it: %(allowed)s."),
    ),
    "element-choice-many": _say(
        _("%(place)s holds more than one scale."),
        _("Keep exactly one of: %(allowed)s."),
    ),
    "element-inside": _say(
        _("%(place)s must hold a value only, but there are elements inside it."),
        _("Remove the elements and write the value."),
    ),
    "attribute-missing": _say(
        _("%(place)s is missing."),
        _('Add it as an attribute: %(name)s="…".'),
    ),
    "attribute-unknown": _say(
        _("%(parent)s has an attribute %(place)s that VIRTA does not know there."),
        ("suggestion", _("Perhaps %(suggestion)s is meant: the letters must be exactly so.")),
        _("Remove it."),
    ),
    "record-outside": _say(
        _("%(place)s stands directly in %(parent)s."),
        _("Put it inside %(list)s."),
    ),
    "text-alone": _say(
        _("%(parent)s holds only the text “%(value)s”, but it must hold elements."),
        _("Put the text into the element inside it, for example %(first)s."),
    ),
    "text-between": _say(
        _("%(parent)s has the text “%(value)s” between its elements."),
        _("Remove the text, or put it into an element of its own."),
    ),
    # the file as a whole
    "list-empty": _say(
        _("%(place)s holds no record."),
        _("Leave the empty element out, or bring at least one record."),
    ),
    "schema": _say(
        _("The official schema does not accept this: %(detail)s"),
        _("Compare with the national description of the element."),
    ),
}


def problem(
    code: str,
    *,
    kind: str = "",
    key: str = "",
    line: int = 0,
    steps: tuple[Step, ...] = (),
    value: str | None = None,
    facts: Mapping[str, str] | None = None,
) -> Problem:
    """A problem with the sentence and remedy of its code."""
    facts = facts or {}
    saying = SAYINGS[code]
    return Problem(
        code, saying.sentence, saying.remedy(facts), kind, key, line, steps, value, facts
    )

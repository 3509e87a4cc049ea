"""Refused lines as people read them: where, what stands there, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from vaihto.imports.kinds import Part
from vaihto.journal.bringing import shown
from vaihto.refusals import Refusal

_HIDDEN_FIELDS = frozenset({"identity_code"})
_SHOWN = 120


def problems_of(refusals: Iterable[Refusal], *, part: Part, line: int) -> list[dict[str, Any]]:
    """Refusals as entries of a book; a protected value is never among the facts."""
    found = []
    for refusal in refusals:
        facts = dict(refusal.facts)
        field = str(facts.pop("field", ""))
        value = "" if field in _HIDDEN_FIELDS else facts.get("value", "")
        facts["value"] = value
        found.append(
            {
                "line": facts.pop("line", line),
                "column": facts.pop("column", "") or part.columns.get(field, field),
                "value": str(shown(value) if value is not None else "")[:_SHOWN],
                "code": refusal.code,
                "sentence": refusal.sentence,
                "remedy": refusal.remedy,
                "facts": {name: str(fact)[:200] for name, fact in facts.items()},
            }
        )
    return found


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in the reader's language."""

    line: int
    column: str
    value: str
    code: str
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.column}: " if self.column else ""
        return f"{where}{self.what} {self.remedy}".strip()


def _said(sentence: str, facts: dict[str, str]) -> str:
    if not sentence:
        return ""
    try:
        return gettext(sentence) % facts
    except (KeyError, TypeError, ValueError):
        return gettext(sentence)


def problem_of(entry: dict[str, Any]) -> Problem:
    """The problem an entry of a book tells of."""
    facts = entry["facts"] | {"line": entry["line"]}
    return Problem(
        line=entry["line"],
        column=entry["column"],
        value=entry["value"],
        code=entry["code"],
        what=_said(entry["sentence"], facts),
        remedy=_said(entry["remedy"], facts),
    )


def told(refusal: dict[str, Any]) -> tuple[str, str]:
    """What a kept refusal (of a batch or a work) says, and what to do, in the reader's language."""
    facts = refusal.get("facts", {})
    return _said(refusal.get("sentence", ""), facts), _said(refusal.get("remedy", ""), facts)


def by_line(entries: Iterable[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """Line numbers of refused records in order, each with what is wrong there.

    A record of several lines is refused whole: its lines stay together, and each carries its own problems.
    """
    for entry in entries:
        words: dict[int, list[str]] = {line: [] for line in entry["lines"]}
        for each in entry["problems"]:
            problem = problem_of(each)
            words.setdefault(problem.line, []).append(str(problem))
        for line in sorted(words):
            yield line, " | ".join(words[line])

"""The cases beside the rules: read by coordinators, run as tests.

    - name: Eighty-seven days make a long period
      rule: S07
      row: {start: 2025-09-01, days: 87}           # columns of the rule's subject
      expect: {holds: true, days: 87, limit: 87}   # holds, and any compared values
    - name: Does not apply
      rule: S07
      row: {direction: incoming}
      expect: null                                 # the rule has nothing to say about such a row

A case that needs more than one row (a whole mobility with its rights) has `given` instead of `row`; what
it means is the topic's business, its test hands in a function.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any  # cases hold plain values

from vaihto.rules import declarations
from vaihto.rules.findings import Rule, evaluate


@dataclass(frozen=True)
class Case:
    """One situation and what must be found."""

    topic: str
    name: str
    rule: str | None
    row: dict[str, Any] | None
    given: dict[str, Any] | None
    expect: Any


@cache
def cases_of(topic: str) -> tuple[Case, ...]:
    """All cases of `<topic>.cases.yaml`, read once; the refusal names file and place."""
    path = declarations.ROOM / f"{topic}.cases.yaml"
    found = []
    for number, entry in enumerate(list(next(declarations.documents(path), []) or []), start=1):
        where = f"{path.name}: case {number}"
        declarations.require_keys(
            entry,
            where=where,
            required=("name", "expect"),
            optional=("rule", "row", "given"),
        )
        if ("row" in entry) == ("given" in entry):
            raise declarations.Unreadable(f"{where}: exactly one of row and given is needed")
        found.append(
            Case(
                topic, entry["name"], entry.get("rule"), entry.get("row"), entry.get("given"),
                entry["expect"],
            )
        )  # fmt: skip
    return tuple(found)


def disagreements(case: Case, rule: Rule) -> list[str]:
    """What a row case expects and the rule does not find; empty when they agree."""
    frame = rule.subject.frame([case.row or {}])
    values = evaluate(frame.lazy(), [rule]).collect().row(0, named=True)[rule.code]
    if case.expect is None:
        return [] if values is None else [f"{rule.code} applies: {values}"]
    if values is None:
        return [f"{rule.code} does not apply"]
    return differences(case.expect, values, rule.code)


def differences(expected: Any, actual: Any, at: str = "") -> list[str]:
    """Where `actual` lacks what `expected` names; mappings may hold more than expected."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        lines = []
        for key, value in expected.items():
            if key not in actual:
                lines.append(f"{at}.{key} is absent")
            else:
                lines += differences(value, actual[key], f"{at}.{key}")
        return lines
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [
            line
            for number, (one, other) in enumerate(zip(expected, actual, strict=True))
            for line in differences(one, other, f"{at}[{number}]")
        ]
    same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return [] if same else [f"{at}: expected {expected!r}, found {actual!r}"]

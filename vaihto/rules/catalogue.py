"""All rules of all topics, in the order of the references; written by hand, a test finds a gap."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from vaihto.rules.findings import Rule

# Each of these modules has a tuple RULES. The order is the order in lists for people.
TOPICS: tuple[str, ...] = (
    "finland", "checks", "student", "grants", "blended", "staff", "participation", "restated",
)  # fmt: skip


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """Every rule once; a code declared twice is a mistake of ours."""
    found: dict[str, Rule] = {}
    for topic in TOPICS:
        for one in import_module(f"vaihto.rules.{topic}").RULES:
            if one.code in found:
                raise ValueError(f"{one.code} is declared in {found[one.code].topic} and {topic}")
            found[one.code] = one
    return tuple(found.values())


def rule_of(code: str) -> Rule:
    """The rule with that code."""
    return _by_code()[code]


@lru_cache(maxsize=1)
def _by_code() -> dict[str, Rule]:
    return {one.code: one for one in rules()}

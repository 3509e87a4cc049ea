"""The Finnish rules as the users' reference numbers them: E90 to E105.

None of them decides anything itself: each is made of rules V and S, which stand in `finland.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from vaihto.rules import finland
from vaihto.rules.findings import Finding, Rule

_OF = {one.code: one for one in finland.RULES}
_TOPIC = "restated"


def _together(*rules: Rule) -> Finding:
    """Holds where each of the rules that apply holds; applies where any of them does."""
    applies: pl.Expr = pl.lit(value=False)
    holds: pl.Expr = pl.lit(value=True)
    compared: dict[str, pl.Expr] = {}
    for one in rules:
        finding = one.finding
        here = pl.lit(value=True) if finding.when is None else finding.when.fill_null(value=False)
        applies = applies | here
        holds = holds & pl.when(here).then(finding.holds).otherwise(statement=True)
        compared |= finding.compared
    return Finding(holds, when=applies, **compared)


def _same(code: str, *of: str) -> Rule:
    rules = [_OF[one] for one in of]
    logic: Callable[[], Finding]
    if len(rules) == 1:
        logic = rules[0].logic
    else:
        logic = lambda: _together(*rules)  # noqa: E731  # a rule's logic is a function
    return Rule(code, _TOPIC, rules[0].subject, logic)


def _outside_studies() -> Finding:
    """Neither after graduation (V38) nor before the studies (V39)."""
    after, before = _OF["V38"].finding, _OF["V39"].finding
    is_after = (after.holds & _applies(after)).fill_null(value=False)
    is_before = (before.holds & _applies(before)).fill_null(value=False)
    return Finding(
        ~is_after & ~is_before,
        when=finland.outgoing & pl.col("host_days"),
        start=before.compared["start"],
        right_start=before.compared["right_start"],
        degree_date=after.compared["degree_date"],
    )


def _applies(finding: Finding) -> pl.Expr:
    return pl.lit(value=True) if finding.when is None else finding.when.fill_null(value=False)


RULES: tuple[Rule, ...] = (
    _same("E90", "V04"),
    _same("E91", "S07"),
    _same("E92", "S04"),
    _same("E93", "V48"),
    _same("E94", "V33", "V34"),
    _same("E95", "S13"),
    _same("E96", "V23"),
    _same("E97", "V14"),
    _same("E98", "V12"),
    _same("E99", "V36"),
    _same("E100", "V18"),
    _same("E101", "V21"),
    Rule("E102", _TOPIC, _OF["V38"].subject, _outside_studies),
    _same("E103", "V25"),
    _same("E104", "S01"),
    _same("E105", "V24"),
)

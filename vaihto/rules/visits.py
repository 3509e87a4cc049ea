"""Staff visits of universities of applied sciences as the ministry counts them (S45 to S49).

Days are begun days of 24 hours. An outgoing visit has the clock of the travel system, an incoming one
the time at the host. What is missing makes the verdict missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any  # facts hold plain values

import polars as pl

from vaihto.rules import finland, given
from vaihto.rules.findings import Rule, evaluate, found
from vaihto.rules.frames import STAFF_VISIT

RULES_OF_VISITS: tuple[Rule, ...] = tuple(
    one for one in finland.RULES if one.code in ("S45", "S46", "S47", "S48", "S49")
)
_OF = {one.code: one for one in RULES_OF_VISITS}
# The order in which a reason is looked for: what it was, then how long.
DECIDING = ("S48", "S45", "S47")


def judge_visits(visits: pl.LazyFrame) -> pl.LazyFrame:
    """Staff visits (columns of the subject) with `counted`, `days`, `length` and `year`."""
    content = _OF["S48"].finding
    outgoing, incoming = _OF["S45"].finding, _OF["S47"].finding
    long_enough = (
        pl.when(pl.col("direction") == "outgoing")
        .then(outgoing.holds)
        .when(pl.col("direction") == "incoming")
        .then(incoming.holds)
    )
    long = _OF["S46"].finding
    return visits.with_columns(
        counted=content.holds & long_enough,
        days=long.compared["days"],
        length=pl.when(long.holds).then(pl.lit("long")).when(~long.holds).then(pl.lit("short")),
        year=pl.col("start").dt.year(),
    )


def judge_visit(facts: Mapping[str, Any], *, language: str = "en") -> dict[str, Any]:
    """One visit: `counted`, `days`, `length`, `year`, and the rule and sentence that decided.

    `facts` are those of the contract: `direction`, `hours`, `start`, `content`. A verdict that cannot
    be told has `counted` None and `missing`, the names of what is not known.
    """
    row = {
        "direction": facts.get("direction"),
        "hours": None if facts.get("hours") is None else float(facts["hours"]),
        "start": given.day(facts.get("start")),
        "content": content_of(facts.get("content")),
        "ask_year": None,
    }
    frame = evaluate(judge_visits(STAFF_VISIT.frame([row]).lazy()), RULES_OF_VISITS).collect()
    values = frame.row(0, named=True)
    result: dict[str, Any] = {key: values[key] for key in ("counted", "days", "length", "year")}
    lines = {line["rule"]: line for line in found(values, RULES_OF_VISITS)}
    if result["counted"] is None:
        result["missing"] = [key for key in ("direction", "hours", "content") if row[key] is None]
    deciding = [
        lines[code] for code in DECIDING if code in lines and lines[code]["holds"] is not True
    ]
    chosen = deciding[0] if deciding and not result["counted"] else lines["S49"]
    result["rule"] = chosen["rule"]
    result["reason"] = _OF[chosen["rule"]].sentence(chosen["holds"], chosen["compared"], language)
    result["findings"] = list(lines.values())
    return result


def content_of(content: object) -> str | None:
    """The content that decides: of several (`teaching and conference`), one that is counted.

    Words are compared without regard to case, hyphens and underscores.
    """
    if content is None:
        return None
    parts = (
        content if isinstance(content, list | tuple) else re.split(r"[,;/+]| and ", str(content))
    )
    words = [re.sub(r"[\s_-]+", " ", str(part)).strip().casefold() for part in parts]
    counted = [word for word in words if word in finland.COUNTED_CONTENT]
    return (counted or words)[0]

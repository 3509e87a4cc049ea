"""How figures are published: small counts masked, others rounded, averages only of enough periods.

The limits are those of the rules S38 and S40; here they are applied to whole columns of figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import polars as pl

from vaihto.rules import finland

_RULES = {one.code: one for one in finland.RULES if one.code in ("S38", "S40")}
BIG = pl.Int64()


def mask(counts: Iterable[int | None]) -> list[str | None]:
    """The text published for each count: 0 as "0", 1 to 4 as "1-4", others to the nearest three.

    A missing count stays missing. A negative one is no count: ValueError. Source: S38, A21.
    """
    given = list(counts)
    figures = _rounded(one for one in given if one is not None).iter_rows()
    texts = (f"1-{limit - 1}" if rounded is None else str(rounded) for rounded, limit in figures)
    return [None if one is None else next(texts) for one in given]


def masked(counts: Iterable[int]) -> list[int | None]:
    """The published number for each count; None where only a range is published."""
    return _rounded(counts)["rounded"].to_list()


def share(part: int, whole: int) -> Fraction | None:
    """The published share, made of the published numbers; None where it must not be told."""
    published_part, published_whole = masked([part, whole])
    if published_part is None or not published_whole:
        return None
    return min(Fraction(published_part, published_whole), Fraction(1))


def average(days: Sequence[int]) -> Fraction | None:
    """The mean length in days; None when fewer periods than the rule asks for. Source: S40."""
    frame = pl.DataFrame({"periods": [len(days)]}, schema={"periods": BIG})
    enough = frame.select(_RULES["S40"].finding.holds.alias("holds")).item()
    return Fraction(sum(days), len(days)) if enough else None


def _rounded(counts: Iterable[int]) -> pl.DataFrame:
    frame = pl.DataFrame({"count": list(counts)}, schema={"count": BIG})
    if (frame["count"] < 0).any():
        raise ValueError("a count is a whole number, at least nought")
    compared = _RULES["S38"].finding.compared
    return frame.select(compared["rounded"].alias("rounded"), compared["limit"].alias("limit"))

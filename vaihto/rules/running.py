"""Runs a plan over tables."""

from __future__ import annotations

import polars as pl

FEW = 1_000
_AS_IT_STANDS = pl.QueryOptFlags.none()


def run(plan: pl.LazyFrame, *, rows: int) -> pl.DataFrame:
    """The table of a plan over about `rows` rows.

    Over few rows a plan is run as it stands: looking for a better one would take longer than running it.
    """
    return plan.collect(optimizations=_AS_IT_STANDS) if rows < FEW else plan.collect()

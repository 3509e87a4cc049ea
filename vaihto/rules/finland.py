"""Finland: VIRTA recording rules V01 to V50 and statistics rules S01 to S51 of the reference.

One rule here is one expression about rows of its subject. Building periods from segments and the
order in which the tests decide are in `judging.py`.
"""

from __future__ import annotations

import polars as pl

from vaihto.rules.findings import Finding, Rule, rule
from vaihto.rules.frames import PERIOD
from vaihto.rules.parameters import parameter


@rule("S07", on=PERIOD)
def long_period() -> Finding:
    """Lasts at least the national minimum of a long period, as it stood on the first day."""
    limit = parameter("long_period_minimum").at(pl.col("start"))
    return Finding(pl.col("days") >= limit, days=pl.col("days"), limit=limit)


RULES: tuple[Rule, ...] = (long_period,)

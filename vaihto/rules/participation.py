"""Taking part, as an alliance counts it: rules E70 and E78 of the reference.

The first day of the event decides which values hold. A person is counted once per rate (E74) and the scope
is chosen by whoever asks (E75); both are questions to the verdicts, not rules about one event.
"""

from __future__ import annotations

import polars as pl

from vaihto.rules.findings import Finding, Rule, Subject, rule
from vaihto.rules.frames import DAY, TEXT
from vaihto.rules.parameters import parameter

EVENT = Subject(
    "event of mobility",
    {
        "kind": TEXT,  # student, staff
        "mode": TEXT,  # physical, blended, virtual
        "state": TEXT,  # planned, agreed, ongoing, done, cancelled
        "start": DAY,
        "content": TEXT,  # of a staff visit
        "credits": pl.Float64(),  # recorded, else planned
        "hours": pl.Float64(),  # of a staff visit
    },
)
TOOK_PLACE = ("ongoing", "done")
MODES = ("physical", "blended", "virtual")


@rule("E70", on=EVENT)
def takes_part() -> Finding:
    """A physical, blended or virtual mobility that took place or is under way; no mere conference."""
    mode, state = pl.col("mode"), pl.col("state")
    conference = (pl.col("content") == "conference").fill_null(value=False)
    return Finding(
        mode.is_in(MODES) & state.is_in(TOOK_PLACE) & ~conference,
        mode=mode,
        state=state,
        content=pl.col("content"),
    )


@rule("E78", on=EVENT)
def virtual_is_enough() -> Finding:
    """A fully virtual event has the least size: credits of a student, hours of staff."""
    staff = pl.col("kind") == "staff"
    day = pl.col("start")
    limit = (
        pl.when(staff)
        .then(parameter("virtual_min_hours_of_staff").at(day))
        .otherwise(parameter("virtual_min_credits").at(day))
        .cast(pl.Float64)
    )
    size = pl.when(staff).then("hours").otherwise("credits")
    return Finding(size >= limit, when=pl.col("mode") == "virtual", size=size, limit=limit)


RULES: tuple[Rule, ...] = (takes_part, virtual_is_enough)

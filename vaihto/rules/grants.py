"""What money pays for: funded days, extensions, zero-grant stays, and estimates of amounts.

Rules E13, E14, E16 and E46. The amounts of E40 to E45 are parameters by call year; `travel_support`
and `individual_support` give estimates from them, never promises.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from vaihto.rules import student
from vaihto.rules.findings import Finding, Rule, rule
from vaihto.rules.parameters import parameter
from vaihto.rules.stays import STAY
from vaihto.rules.student import call, days

TRAVEL_BANDS = (
    (10, "travel_10_99"),
    (100, "travel_100_499"),
    (500, "travel_500_1999"),
    (2000, "travel_2000_2999"),
    (3000, "travel_3000_3999"),
    (4000, "travel_4000_7999"),
    (8000, "travel_8000"),
)


def least_days() -> pl.Expr:
    """The least physical days of a student stay of its type."""
    long = (
        pl.when(student.traineeship)
        .then(parameter("long_traineeship_min_days").at(call))
        .otherwise(parameter("long_study_min_days").at(call))
    )
    return pl.when(student.short()).then(parameter("short_min_days").at(call)).otherwise(long)


@rule("E13", on=STAY)
def travel_days() -> Finding:
    """Funded travel days have a limit; they add to the grant, never to the least length."""
    travel = pl.col("travel_days")
    green = pl.when(pl.col("green_travel").fill_null(value=False)).then(pl.lit("green"))
    limit = parameter("funded_travel_days").at(call, by=green.otherwise(pl.lit("other")))
    return Finding(
        travel <= limit,
        when=travel.is_not_null(),
        travel_days=travel,
        limit=limit,
        physical_days=days,
        funded_days=days + pl.min_horizontal(travel, limit),
    )


@rule("E14", on=STAY)
def extension_in_time() -> Finding:
    """An extension is asked for a month before the planned end and follows without a gap."""
    notice = parameter("extension_request_days").at(call)
    due = pl.col("planned_end").dt.offset_by(pl.format("-{}d", notice))
    next_day = pl.col("planned_end").dt.offset_by("1d")
    follows = (pl.col("extension_start") <= next_day) | pl.col("holidays_between").fill_null(
        value=False
    )
    requested = pl.col("extension_requested_on")
    return Finding(
        (requested <= due) & follows,
        when=requested.is_not_null(),
        requested_on=requested,
        due=due,
        planned_end=pl.col("planned_end"),
        extension_start=pl.col("extension_start"),
    )


@rule("E16", on=STAY)
def zero_grant_obeys_the_same_limits() -> Finding:
    """A zero-grant participant is within the limits of the same type of stay."""
    by_type = pl.lit(None, dtype=pl.Boolean)
    for one in (
        student.long_studies,
        student.long_traineeship,
        student.short_blended_studies,
        student.short_blended_traineeship,
        student.doctoral_stay,
    ):
        finding = one.finding
        applies = pl.lit(value=True) if finding.when is None else finding.when
        by_type = pl.when(applies).then(finding.holds).otherwise(by_type)
    return Finding(
        by_type,
        when=student.student & pl.col("zero_grant") & (days > 0),
        days=days,
        least=least_days(),
        virtual_part=pl.col("virtual_part"),
    )


@rule("E46", on=STAY)
def funded_part_is_long_enough() -> Finding:
    """A partly unfunded stay has a funded part of at least the least length of its type."""
    funded, least = pl.col("funded_days"), least_days()
    return Finding(
        funded >= least,
        when=student.student & ~student.zero_grant & funded.is_not_null(),
        funded_days=funded,
        least=least,
        days=days,
    )


RULES: tuple[Rule, ...] = (
    travel_days,
    extension_in_time,
    zero_grant_obeys_the_same_limits,
    funded_part_is_long_enough,
)


def travel_support(*, kilometres: int, call_year: int, green: bool = False) -> int | None:
    """Estimated travel support in euro for a return trip by one-way distance; None where there is none.

    Where a band has no green amount the standard one holds. Source: E40.
    """
    band = None
    for least, name in TRAVEL_BANDS:
        if kilometres >= least:
            band = name
    if band is None:
        return None
    day = date(call_year, 1, 1)
    standard = _euro(band, day, by="standard")
    return (_euro(band, day, by="green") or standard) if green else standard


def short_stay_support(*, physical_days: int, call_year: int) -> int:
    """Estimated individual support in euro of a short student stay, by its days. Source: E43."""
    day = date(call_year, 1, 1)
    turn = _euro("short_support_turn_days", day) or 0
    early, late = _euro("short_support_early", day) or 0, _euro("short_support_late", day) or 0
    return min(physical_days, turn) * early + max(physical_days - turn, 0) * late


def _euro(name: str, day: date, *, by: str | None = None) -> int | None:
    value = parameter(name).on(day, by=by)
    return value if isinstance(value, int) else None

"""Periods from the parts of a mobility: which exist, with which days and which country.

The order is that of the reference, 3.3, "Building periods from the parts of a mobility", steps 1 to 5.
Works on one partition: mobilities carry a row number `m`, and nothing here is done row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from vaihto.rules import finland
from vaihto.rules.parameters import parameter
from vaihto.rules.running import run

_BITS = 21  # a day number fits: 2**21 days after 1970 is in the year 7711
_LATEST = date(9999, 12, 31)


@dataclass(frozen=True)
class Built:
    """The periods of a partition, and what the parts of each mobility say."""

    periods: pl.DataFrame  # m, number, start, end, country, virtual_between
    parts: pl.DataFrame  # m, host_days, virtual_from_home, …, covid_used


def build(mobilities: pl.DataFrame, segments: pl.DataFrame) -> Built:
    """Periods of all mobilities; a mobility without a part in the other country has none."""
    dated = _with_meaning(mobilities, segments)
    parts = _about_parts(mobilities, dated)
    living = (
        dated.filter("present")
        .join(parts.select("m", "covid_used"), on="m", how="left")
        .sort("m", "country", "start", "end", nulls_last=True)
        .with_row_index("row")
    )
    joined, unknown = _joined_across_virtual(living, dated.filter("from_home"))
    periods = _blocks(living, joined)
    covid = parts.filter("covid_used")
    if covid.height:
        periods = pl.concat([periods, _covid_periods(covid, living)])
    periods = periods.sort("m", "start", "end", "country", nulls_last=True)
    first = (pl.col("m") != pl.col("m").shift(1)).fill_null(value=True)
    row = pl.int_range(pl.len(), dtype=pl.Int32)
    periods = periods.with_columns(number=row - pl.when(first).then(row).forward_fill())
    parts = parts.with_columns(
        joining_unknown=pl.col("m").is_in(unknown.implode()),
        virtual_outside=pl.col("m").is_in(_outside(periods, dated).implode()),
    )
    return Built(periods, parts)


def _with_meaning(mobilities: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Parts that were not cancelled, each with what it counts as (steps 1 and 2; V31, V32, A14, A23).

    For an incoming stay `country` is the country of departure; only days in Finland are present days.
    """
    physical, virtual = pl.col("mode") == "physical", pl.col("mode") == "virtual"
    host, third = pl.col("place") == "host", pl.col("place") == "third"
    abroad = finland.incoming | pl.col("country").ne_missing(finland.FINLAND)
    lived = (host | (physical & third & finland.outgoing)) & abroad
    joined = segments.lazy().join(
        mobilities.lazy().select("m", "mobility", "direction", "agreed_as_one_whole"), on="mobility"
    )
    cancelled = pl.col("cancelled").fill_null(value=False)
    return (
        joined.filter(~cancelled)
        .select(
            "m",
            "agreed_as_one_whole",
            "country",
            "start",
            "end",
            present=lived.fill_null(value=False),
            from_home=(virtual & (pl.col("place") == "home")).fill_null(value=False),
            elsewhere=(virtual & third).fill_null(value=False),
            hybrid=(virtual & lived).fill_null(value=False),
        )
        .pipe(run, rows=mobilities.height)
    )


def _about_parts(mobilities: pl.DataFrame, dated: pl.DataFrame) -> pl.DataFrame:
    """One row per mobility: what its parts say together, and whether COVID days count (step 4)."""
    about = (
        dated.lazy()
        .group_by("m")
        .agg(
            host_days=pl.col("present").any(),
            virtual_from_home=pl.col("from_home").any(),
            virtual_elsewhere=pl.col("elsewhere").any(),
            hybrid=pl.col("hybrid").any(),
            parts_start=pl.col("start").min(),
            parts_end=pl.col("end").max(),
            undated=pl.col("start").is_null().any() | pl.col("end").is_null().any(),
        )
    )
    flags = ["host_days", "virtual_from_home", "virtual_elsewhere", "hybrid", "undated"]
    covid = (
        (pl.col("change_reason") == "covid")
        & parameter("covid_exception").at(pl.col("parts_start"))
        & finland.chosen_covid()
        & pl.col("host_days")
        & pl.col("virtual_from_home")
    )
    return (
        mobilities.lazy()
        .select("m", "change_reason", "use_covid_exception")
        .join(about, on="m", how="left")
        .with_columns(pl.col(flags).fill_null(value=False))
        .with_columns(covid_used=covid.fill_null(value=False))
        .drop("change_reason", "use_covid_exception")
        .pipe(run, rows=mobilities.height)
    )


def _previous_end() -> pl.Expr:
    """Latest end of the earlier parts in the same country of the same mobility; else missing.

    One running maximum over the whole sorted table: the number of the group stands in the high bits,
    so that it begins anew with every group.
    """
    last = pl.coalesce("end", "start", pl.lit(date(1900, 1, 1))).cast(pl.Int32).cast(pl.Int64)
    packed = (pl.col("group").cast(pl.Int64) + 1) * 2**_BITS + last + 2 ** (_BITS - 1)
    before = packed.cum_max().shift(1)
    same = (before // 2**_BITS) == pl.col("group").cast(pl.Int64) + 1
    day = (before % 2**_BITS - 2 ** (_BITS - 1)).cast(pl.Int32).cast(pl.Date)
    return pl.when(same).then(day)


def _joined_across_virtual(
    living: pl.DataFrame, from_home: pl.DataFrame
) -> tuple[pl.Series, pl.Series]:
    """Rows that continue the part before them across virtual study from home (V30).

    Second: mobilities where it is missing whether the parts are one agreed whole, and it matters.
    """
    with_group = living.with_columns(group=pl.struct("m", "country").rle_id()).with_columns(
        previous=_previous_end()
    )
    gaps = with_group.filter(
        (pl.col("start") > pl.col("previous").dt.offset_by("1d"))
        & pl.col("agreed_as_one_whole").fill_null(value=True)
    ).select("row", "m", "country", "agreed_as_one_whole", "start", "previous")
    if not gaps.height or not from_home.height:
        return pl.Series("row", [], pl.UInt32), pl.Series("m", [], pl.UInt32)
    between = gaps.join(from_home.select("m", vstart="start", vend="end"), on="m").filter(
        (pl.col("vstart") < pl.col("start")) & (pl.col("vend") > pl.col("previous"))
    )
    others = between.join(
        living.select("m", other="country", ostart="start", oend="end"), on="m"
    ).filter(
        pl.col("other").ne_missing(pl.col("country"))
        & (pl.col("ostart") < pl.col("start"))
        & (pl.col("oend") > pl.col("previous"))
    )
    between = between.filter(~pl.col("row").is_in(others["row"].implode()))
    agreed = pl.col("agreed_as_one_whole")
    return between.filter(agreed)["row"].unique(), between.filter(agreed.is_null())["m"].unique()


def _blocks(living: pl.DataFrame, joined: pl.Series) -> pl.DataFrame:
    """Parts of one country that follow each other without a gap of a day, as one period (step 5)."""
    continues = (pl.col("start") <= pl.col("previous").dt.offset_by("1d")).fill_null(value=False)
    joins = pl.col("row").is_in(joined.implode())
    return (
        living.lazy()
        .filter(~pl.col("covid_used"))
        .with_columns(group=pl.struct("m", "country").rle_id())
        .with_columns(previous=_previous_end(), joins=joins)
        .with_columns(block=(~(continues | pl.col("joins"))).cum_sum())
        .group_by("block")
        .agg(
            pl.col("m").first(),
            pl.col("country").first(),
            pl.col("start").min(),
            pl.col("end").max(),
            virtual_between=pl.col("joins").any(),
            no_start=pl.col("start").is_null().any(),
            no_end=pl.col("end").is_null().any(),
        )
        .select(
            "m",
            "country",
            pl.when(~pl.col("no_start")).then("start").alias("start"),
            pl.when(~pl.col("no_end")).then("end").alias("end"),
            "virtual_between",
        )
        .pipe(run, rows=living.height)
    )


def _covid_periods(covid: pl.DataFrame, living: pl.DataFrame) -> pl.DataFrame:
    """One period from the first to the last day of all parts; country of the first part lived there."""
    country = (
        living.filter("covid_used")
        .sort("m", "start", "country")
        .group_by("m")
        .agg(pl.col("country").first())
    )
    known = ~pl.col("undated")
    return covid.join(country, on="m").select(
        "m",
        "country",
        start="parts_start",
        end=pl.when(known).then("parts_end"),
        virtual_between=pl.lit(value=False),
    )


def _outside(periods: pl.DataFrame, dated: pl.DataFrame) -> pl.Series:
    """Mobilities with virtual days that lie in no period (V29)."""
    virtual = (
        dated.filter(pl.col("from_home") | pl.col("elsewhere"))
        .filter(pl.col("start").is_not_null() & pl.col("end").is_not_null())
        .select("m", vstart="start", vend="end")
        .with_row_index("part")
    )
    inside = (
        virtual.join(periods.select("m", "start", "end"), on="m")
        .filter((pl.col("vstart") >= pl.col("start")) & (pl.col("vend") <= pl.col("end")))["part"]
        .unique()
    )
    return virtual.filter(~pl.col("part").is_in(inside.implode()))["m"].unique()

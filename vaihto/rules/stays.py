"""Stays as the programme rules read them: mobilities of students and staff with their physical days.

One row per mobility. Days have both ends included; the physical days are those of all physical parts
and of online study while living in the destination (E11). Months are counted as the programmes do, a
month as thirty days whatever its length (`months`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from vaihto.rules.batches import Table, conform
from vaihto.rules.findings import Subject
from vaihto.rules.frames import DAY, FLAG, KEY, SEGMENTS, TEXT, WHOLE, Schema

NUMBER = pl.Float64()

STAYS: Schema = {
    "mobility": KEY,
    "kind": TEXT,  # student, staff
    "purpose": TEXT,  # study, traineeship, combined; teaching, training, teaching_and_training
    "format": TEXT,  # long, short; missing: as many days as a short one may have make it short
    "action": TEXT,  # ka131, ka171, nordplus, semp, …: of the money
    "call_year": WHOLE,
    "cycle": TEXT,  # first, second, third
    "one_tier": FLAG,  # one long programme instead of the first and second cycle
    "doctoral": FLAG,  # set also for post-docs; missing: third cycle
    "sending_country": TEXT,
    "receiving_country": TEXT,
    "residence_country": TEXT,
    "override_reason": TEXT,  # why a rule about countries is overridden
    "start": DAY,  # as stated
    "end": DAY,
    "planned_end": DAY,
    "planned_credits": NUMBER,
    "zero_grant": FLAG,
    "funded_days": WHOLE,
    "previous_months": NUMBER,  # used in the same cycle before, zero-grant included
    "no_double_funding": FLAG,  # declared
    "force_majeure": FLAG,
    "evidence": FLAG,  # of force majeure
    "graduated_on": DAY,
    "selected_on": DAY,
    "weekly_hours": NUMBER,
    "bip_id": TEXT,
    "travel_days": WHOLE,
    "green_travel": FLAG,
    "extension_requested_on": DAY,
    "extension_start": DAY,
    "holidays_between": FLAG,
    "participant_accepted_on": DAY,
    "sender_accepted_on": DAY,
    "receiver_accepted_on": DAY,
    "teaching_hours": NUMBER,
    "training_form": TEXT,  # course, staff_week, job_shadowing, observation, conference
    "agreement_valid": FLAG,  # an inter-institutional agreement covers field and year
    "alliance_waives_agreement": FLAG,
    "invited_enterprise_staff": FLAG,
    "doctoral_employee": FLAG,
    "travels_as": TEXT,  # student, staff
    "role_decided_on": DAY,
    "applied_on": DAY,
}

STAY = Subject(
    "stay",
    {
        **STAYS,
        "physical_days": WHOLE,
        "physical_months": NUMBER,
        "physical_start": DAY,
        "physical_end": DAY,
        "physical_blocks": WHOLE,  # separate stretches of days
        "virtual_days": WHOLE,
        "virtual_part": FLAG,
        "virtual_elsewhere": FLAG,  # a virtual part that is not done from home
    },
)


@dataclass(frozen=True)
class ErasmusFrames:
    """Mobilities (columns of `STAYS`) and their parts (`frames.SEGMENTS`)."""

    mobilities: Table
    segments: Table


def months(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Months from `start` to `end`, both included, with thirty days to every month.

    1 September to 31 October is two, the whole of February one. This is how the Commission's tool and
    the grant tables count; it keeps a full academic year of 365 days at twelve months.
    """
    after = end.dt.offset_by("1d")
    year, month = after.dt.year() - start.dt.year(), after.dt.month().cast(WHOLE)
    whole = year * 12 + month - start.dt.month().cast(WHOLE)
    day = pl.min_horizontal(after.dt.day().cast(WHOLE), 30)
    first = pl.min_horizontal(start.dt.day().cast(WHOLE), 30)
    return whole + (day - first) / 30


def prepared(tables: ErasmusFrames) -> pl.LazyFrame:
    """Rows of the subject `STAY`."""
    stays = conform(tables.mobilities, STAYS)
    segments = conform(tables.segments, SEGMENTS).filter(
        ~pl.col("cancelled").fill_null(value=False)
    )
    parts = _about_parts(segments)
    blocks = _blocks(segments.filter(_present()))
    joined = (
        stays.join(parts, on="mobility", how="left", maintain_order="left")
        .join(blocks, on="mobility", how="left", maintain_order="left")
        .with_columns(
            virtual_part=pl.col("virtual_part").fill_null(value=False),
            physical_days=pl.when(~pl.col("undated").fill_null(value=False)).then(
                pl.col("physical_days").fill_null(0)
            ),
        )
    )
    return conform(joined, STAY.schema)


def _present() -> pl.Expr:
    """Lived in the destination, online study there included."""
    host = pl.col("place") == "host"
    return host | ((pl.col("mode") == "physical") & (pl.col("place") != "home"))


def _about_parts(segments: pl.LazyFrame) -> pl.LazyFrame:
    """Per mobility what its virtual parts are, and whether a physical one lacks a day."""
    virtual = (pl.col("mode") == "virtual") & ~_present()
    length = (pl.col("end") - pl.col("start")).dt.total_days() + 1
    return segments.group_by("mobility").agg(
        virtual_part=virtual.any(),
        virtual_elsewhere=(virtual & (pl.col("place") != "home")).any(),
        virtual_days=length.filter(virtual).sum(),
        undated=(_present() & length.is_null()).any(),
    )


def _blocks(present: pl.LazyFrame) -> pl.LazyFrame:
    """Physical days, months and stretches: parts that overlap or follow each other are one stretch."""
    reached = pl.col("end").cum_max().shift(1).over("mobility", order_by=["start", "end"])
    stretches = (
        present.with_columns(reached=reached)
        .with_columns(
            new=(pl.col("start") > pl.col("reached").dt.offset_by("1d")).fill_null(value=True)
        )
        .with_columns(
            block=pl.col("new").cast(WHOLE).cum_sum().over("mobility", order_by=["start", "end"])
        )
        .group_by("mobility", "block")
        .agg(pl.col("start").min(), pl.col("end").max())
    )
    return stretches.group_by("mobility").agg(
        physical_days=((pl.col("end") - pl.col("start")).dt.total_days() + 1).sum(),
        physical_months=months(pl.col("start"), pl.col("end")).sum(),
        physical_start=pl.col("start").min(),
        physical_end=pl.col("end").max(),
        physical_blocks=pl.len(),
    )

"""Blended intensive programmes (BIP): rules E20 to E30, about the programme and about its learners.

The call year of the programme's grant decides which values hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from vaihto.rules import staff
from vaihto.rules.batches import Table, conform
from vaihto.rules.findings import Finding, Rule, Subject, rule
from vaihto.rules.frames import DAY, FLAG, KEY, TEXT, WHOLE, Schema, empty
from vaihto.rules.parameters import parameter

PROGRAMMES: Schema = {
    "programme": KEY,
    "call_year": WHOLE,
    "bip_id": TEXT,  # from the grant agreement; cannot be made by the beneficiary
    "physical_start": DAY,
    "physical_end": DAY,
    "student_credits": pl.Float64(),
}
PARTNERS: Schema = {
    "programme": KEY,
    "institution": KEY,
    "country": TEXT,
    "charter_valid": FLAG,
    "coordinating": FLAG,
    "receiving": FLAG,
    "partner": FLAG,  # missing: it is one
}
SESSIONS: Schema = {"programme": KEY, "day": DAY, "together": FLAG}
LEARNERS: Schema = {
    "programme": KEY,
    "person": KEY,
    "role": TEXT,  # student, staff_learner, deliverer
    "activity": TEXT,  # study, training, teaching
    "institution": KEY,
    "country": TEXT,  # of the sending institution
    "action": TEXT,  # ka131, ka171, …
    "bip_id": TEXT,
    "agreement_covers_field": FLAG,
}

BIP = Subject(
    "blended intensive programme",
    {
        **PROGRAMMES,
        "physical_days": WHOLE,
        "institutions": WHOLE,  # of programme countries
        "countries": WHOLE,
        "without_charter": WHOLE,
        "coordinators": WHOLE,
        "receivers": WHOLE,
        "receiver_is_partner": FLAG,
        "other_partners": WHOLE,  # neither coordinating nor receiving, or one of the two where distinct
        "sessions_together": WHOLE,
        "counted_learners": WHOLE,
        "without_id": WHOLE,  # participants whose record does not carry the identifier
    },
)
BIP_LEARNER = Subject(
    "participant of a blended intensive programme",
    {**LEARNERS, "call_year": WHOLE, "host_country": TEXT},
)

ACTIVITY_OF_ROLE = {"student": "study", "staff_learner": "training", "deliverer": "teaching"}

call = pl.date(pl.col("call_year"), 1, 1)


@dataclass(frozen=True)
class Bips:
    """Programmes with their partners, joint sessions and participants."""

    programmes: Table
    partners: Table = field(default_factory=lambda: empty(PARTNERS))
    sessions: Table = field(default_factory=lambda: empty(SESSIONS))
    learners: Table = field(default_factory=lambda: empty(LEARNERS))


@rule("E20", on=BIP)
def enough_partners() -> Finding:
    """Three institutions of three programme countries, each with a valid charter."""
    heis = parameter("bip_min_institutions").at(call)
    countries = parameter("bip_min_countries").at(call)
    return Finding(
        (pl.col("institutions") >= heis)
        & (pl.col("countries") >= countries)
        & (pl.col("without_charter") == 0),
        institutions=pl.col("institutions"),
        countries=pl.col("countries"),
        least_institutions=heis,
        least_countries=countries,
        without_charter=pl.col("without_charter"),
    )


@rule("E21", on=BIP)
def physical_part() -> Finding:
    """The physical part has 5 to 30 days; the virtual part has no limit."""
    least, most = parameter("bip_min_days").at(call), parameter("bip_max_days").at(call)
    days = pl.col("physical_days")
    return Finding((days >= least) & (days <= most), days=days, least=least, most=most)


@rule("E22", on=BIP)
def virtual_part_together() -> Finding:
    """The learners meet online at the same time at least once."""
    sessions = pl.col("sessions_together")
    return Finding(sessions >= 1, sessions=sessions)


@rule("E23", on=BIP)
def enough_credits() -> Finding:
    """Students get at least three credits."""
    needed = parameter("bip_min_credits").at(call)
    given = pl.col("student_credits")
    return Finding(given >= needed, credits=given, needed=needed)


@rule("E24", on=BIP)
def enough_learners() -> Finding:
    """The least number of counted mobile learners of the call year is reached."""
    least = parameter("bip_min_learners").at(call)
    return Finding(
        pl.col("counted_learners") >= least,
        learners=pl.col("counted_learners"),
        least=least,
        call_year=pl.col("call_year"),
    )


@rule("E25", on=BIP)
def organisational_support() -> Finding:
    """All counted learners are within the number that brings organisational support."""
    most = parameter("bip_supported_learners").at(call)
    amount = parameter("bip_support_per_learner").at(call)
    learners = pl.col("counted_learners")
    return Finding(
        learners <= most,
        learners=learners,
        most=most,
        euro=pl.min_horizontal(learners, most) * amount,
    )


@rule("E26", on=BIP_LEARNER)
def counted_learner() -> Finding:
    """Counted: a KA131 learner from another programme country than the host's; no deliverer."""
    country = pl.col("country")
    role, action = pl.col("role"), pl.col("action").str.to_lowercase()
    return Finding(
        role.is_in(["student", "staff_learner"])
        & (country != pl.col("host_country"))
        & staff.programme_country(country)
        & (action == "ka131"),
        role=role,
        home_country=country,
        host_country=pl.col("host_country"),
        action=action,
    )


@rule("E27", on=BIP)
def roles_of_partners() -> Finding:
    """One coordinates, one receives and is a partner, and at least two more are partners."""
    others = pl.col("other_partners")
    least = parameter("bip_min_other_partners").at(call)
    return Finding(
        (pl.col("coordinators") == 1)
        & (pl.col("receivers") == 1)
        & pl.col("receiver_is_partner")
        & (others >= least),
        coordinators=pl.col("coordinators"),
        receivers=pl.col("receivers"),
        receiver_is_partner=pl.col("receiver_is_partner"),
        others=others,
        least=least,
    )


@rule("E28", on=BIP)
def identifier_is_carried() -> Finding:
    """The identifier of the grant agreement is there and on every participant's record."""
    bip_id = pl.col("bip_id")
    return Finding(
        bip_id.is_not_null() & (pl.col("without_id") == 0),
        bip_id=bip_id.fill_null("-"),
        without=pl.col("without_id"),
    )


@rule("E29", on=BIP_LEARNER)
def activity_fits_the_role() -> Finding:
    """Students study, staff learners train, deliverers teach."""
    role, activity = pl.col("role"), pl.col("activity")
    meant = role.replace_strict(ACTIVITY_OF_ROLE, default=None, return_dtype=pl.String)
    return Finding(activity == meant, role=role, activity=activity, meant=meant)


@rule("E30", on=BIP_LEARNER)
def agreement_covers_the_field() -> Finding:
    """A sent student comes under an inter-institutional agreement that covers the field."""
    covers = pl.col("agreement_covers_field")
    sent = (pl.col("role") == "student") & (pl.col("country") != pl.col("host_country"))
    return Finding(covers, when=sent, agreement=covers)


RULES: tuple[Rule, ...] = (
    enough_partners,
    physical_part,
    virtual_part_together,
    enough_credits,
    enough_learners,
    organisational_support,
    counted_learner,
    roles_of_partners,
    identifier_is_carried,
    activity_fits_the_role,
    agreement_covers_the_field,
)


def prepared_learners(bips: Bips) -> pl.LazyFrame:
    """Rows of the subject `BIP_LEARNER`."""
    partners = conform(bips.partners, PARTNERS)
    hosts = partners.filter(pl.col("receiving")).group_by("programme").agg(
        host_country=pl.col("country").first()
    )  # fmt: skip
    years = conform(bips.programmes, PROGRAMMES).select("programme", "call_year")
    joined = conform(bips.learners, LEARNERS).join(years, on="programme", how="left", maintain_order="left").join(
        hosts, on="programme", how="left", maintain_order="left"
    )  # fmt: skip
    return conform(joined, BIP_LEARNER.schema)


def prepared_programmes(bips: Bips) -> pl.LazyFrame:
    """Rows of the subject `BIP`."""
    programmes = conform(bips.programmes, PROGRAMMES)
    sessions = conform(bips.sessions, SESSIONS).group_by("programme").agg(
        sessions_together=pl.col("together").fill_null(value=False).sum()
    )  # fmt: skip
    learners = (
        prepared_learners(bips)
        .join(
            programmes.select("programme", own_id="bip_id"),
            on="programme",
            how="left",
            maintain_order="left",
        )
        .group_by("programme")
        .agg(
            counted_learners=counted_learner.finding.holds.sum(),
            learners_unknown=counted_learner.finding.holds.is_null().any(),
            without_id=(pl.col("bip_id").is_null() | (pl.col("bip_id") != pl.col("own_id"))).sum(),
        )
    )
    counts = ("institutions", "countries", "without_charter", "coordinators", "receivers",
              "other_partners", "sessions_together", "counted_learners", "without_id")  # fmt: skip
    joined = (
        programmes.join(
            _about_partners(bips, programmes), on="programme", how="left", maintain_order="left"
        )
        .join(sessions, on="programme", how="left", maintain_order="left")
        .join(learners, on="programme", how="left", maintain_order="left")
        .with_columns(
            *[pl.col(name).fill_null(0) for name in counts],
            physical_days=(pl.col("physical_end") - pl.col("physical_start")).dt.total_days() + 1,
        )
        .with_columns(
            counted_learners=pl.when(~pl.col("learners_unknown").fill_null(value=False)).then(
                "counted_learners"
            )
        )
    )
    return conform(joined, BIP.schema)


def _about_partners(bips: Bips, programmes: pl.LazyFrame) -> pl.LazyFrame:
    partner = pl.col("partner").fill_null(value=True)
    leading = pl.col("coordinating") | pl.col("receiving")
    return (
        conform(bips.partners, PARTNERS)
        .join(
            programmes.select("programme", "call_year"),
            on="programme",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            eligible=staff.programme_country(pl.col("country")),
            **{name: pl.col(name).fill_null(value=False) for name in ("coordinating", "receiving")},
        )
        .group_by("programme")
        .agg(
            institutions=pl.col("institution").filter(pl.col("eligible") & partner).n_unique(),
            countries=pl.col("country").filter(pl.col("eligible") & partner).n_unique(),
            without_charter=(partner & ~pl.col("charter_valid").fill_null(value=False)).sum(),
            coordinators=pl.col("coordinating").sum(),
            receivers=pl.col("receiving").sum(),
            receiver_is_partner=(pl.col("receiving") & partner).any(),
            # A coordinator that does not receive, or a receiver that does not coordinate, is one of
            # the partners beside the other.
            other_partners=(partner & ~leading).sum()
            + (leading.sum() - 1).clip(lower_bound=0).cast(pl.Int64),
        )
    )

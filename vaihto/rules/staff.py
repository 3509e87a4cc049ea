"""Staff mobility with European money: rules E31 to E37. The call year of the grant decides."""

from __future__ import annotations

import polars as pl

from vaihto.rules.findings import Finding, Rule, rule
from vaihto.rules.parameters import parameter
from vaihto.rules.stays import STAY
from vaihto.rules.student import call, days

staff = pl.col("kind") == "staff"
teaches = pl.col("purpose").is_in(["teaching", "teaching_and_training"])
trains = pl.col("purpose").is_in(["training", "teaching_and_training"])
TRAINING_FORMS = ("course", "staff_week", "job_shadowing", "observation")
WEEK = 7


def programme_country(country: pl.Expr) -> pl.Expr:
    """Is the country an EU Member State or associated to the programme in that call year."""
    member = parameter("programme_country").at(call, by=country).cast(pl.Boolean)
    return pl.when(country.is_not_null()).then(member)


def hours_needed(per_week: pl.Expr) -> pl.Expr:
    """Hours for the physical days: in full for each week or shorter stay, then in proportion."""
    full, rest = days // WEEK, days % WEEK
    return pl.when(days < WEEK).then(per_week).otherwise(per_week * (full + rest / WEEK))


@rule("E31", on=STAY)
def staff_length() -> Finding:
    """Consecutive days within the limits, travel excluded; KA131 between programme countries."""
    action = pl.col("action").str.to_lowercase()
    who = (
        pl.when(pl.col("invited_enterprise_staff").fill_null(value=False))
        .then(pl.lit("enterprise"))
        .when(action == "ka171")
        .then(pl.lit("ka171"))
        .otherwise(pl.lit("other"))
    )
    least = parameter("staff_min_days").at(call, by=who)
    most = parameter("staff_max_days").at(call)
    sending, receiving = pl.col("sending_country"), pl.col("receiving_country")
    between = programme_country(sending) & programme_country(receiving)
    in_programme = pl.when(action == "ka131").then(between).otherwise(statement=True)
    consecutive = pl.col("physical_blocks") == 1
    return Finding(
        (days >= least) & (days <= most) & consecutive & in_programme,
        when=staff,
        days=days,
        least=least,
        most=most,
        blocks=pl.col("physical_blocks"),
        sending=sending,
        receiving=receiving,
    )


@rule("E32", on=STAY)
def teaching_hours() -> Finding:
    """At least eight hours a week or shorter stay, in proportion for a further incomplete week."""
    needed = hours_needed(parameter("teaching_hours_week").at(call))
    hours = pl.col("teaching_hours")
    return Finding(
        hours >= needed,
        when=staff & (pl.col("purpose") == "teaching"),
        hours=hours,
        needed=needed.round(1),
        days=days,
    )


@rule("E33", on=STAY)
def teaching_hours_with_training() -> Finding:
    """Teaching combined with training: at least four hours a week, counted the same way."""
    needed = hours_needed(parameter("teaching_hours_week_combined").at(call))
    hours = pl.col("teaching_hours")
    return Finding(
        hours >= needed,
        when=staff & (pl.col("purpose") == "teaching_and_training"),
        hours=hours,
        needed=needed.round(1),
        days=days,
    )


@rule("E34", on=STAY)
def training_is_eligible() -> Finding:
    """A course, staff week, job shadowing or observation; a conference alone is not."""
    form = pl.col("training_form")
    return Finding(form.is_in(TRAINING_FORMS), when=staff & trains, form=form)


@rule("E35", on=STAY)
def agreed_before_the_start() -> Finding:
    """Participant, sender and receiver accepted the mobility agreement before the first day."""
    start = pl.coalesce("start", "physical_start")
    names = ("participant", "sender", "receiver")
    accepted = {name: pl.col(f"{name}_accepted_on") for name in names}
    return Finding(
        pl.all_horizontal(day < start for day in accepted.values()),
        when=staff,
        start=start,
        **accepted,
    )


@rule("E36", on=STAY)
def teaching_needs_an_agreement() -> Finding:
    """Teaching needs a valid inter-institutional agreement, unless the alliance waives it."""
    waived = pl.col("alliance_waives_agreement").fill_null(value=False)
    return Finding(
        pl.col("agreement_valid") | waived,
        when=staff & teaches,
        agreement=pl.col("agreement_valid"),
        waived=waived,
    )


@rule("E37", on=STAY)
def employed_doctoral_candidate() -> Finding:
    """An employed doctoral candidate travels as staff or student, decided before applying."""
    role, decided = pl.col("travels_as"), pl.col("role_decided_on")
    return Finding(
        role.is_in(["staff", "student"]) & (decided <= pl.col("applied_on")),
        when=pl.col("doctoral_employee"),
        role=role,
        decided_on=decided,
        applied_on=pl.col("applied_on"),
    )


RULES: tuple[Rule, ...] = (
    staff_length,
    teaching_hours,
    teaching_hours_with_training,
    training_is_eligible,
    agreed_before_the_start,
    teaching_needs_an_agreement,
    employed_doctoral_candidate,
)

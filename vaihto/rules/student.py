"""Student mobility with European money: rules E01 to E12 and E15.

The call year of the grant decides which values hold, never the day of travel (E01). Rules about amounts
and funded days stand in `grants.py`.
"""

from __future__ import annotations

import polars as pl

from vaihto.rules.findings import Finding, Rule, rule
from vaihto.rules.parameters import parameter
from vaihto.rules.stays import STAY

call = pl.date(pl.col("call_year"), 1, 1)
days, month_count = pl.col("physical_days"), pl.col("physical_months")
student = pl.col("kind") == "student"
traineeship = pl.col("purpose") == "traineeship"
studies = pl.col("purpose").is_in(["study", "combined"])
doctoral = pl.coalesce("doctoral", pl.col("cycle") == "third").fill_null(value=False)
zero_grant = pl.col("zero_grant").fill_null(value=False)
excused = (pl.col("force_majeure") & pl.col("evidence")).fill_null(value=False)


def short() -> pl.Expr:
    """Said to be short, else no longer than a short one may be."""
    limit = parameter("short_max_days").at(call)
    return pl.coalesce(pl.col("format") == "short", days <= limit)


def within_short() -> pl.Expr:
    """As many days as a short stay may have."""
    least, most = parameter("short_min_days").at(call), parameter("short_max_days").at(call)
    return ((days >= least) | excused) & (days <= most)


def within_long(least: pl.Expr) -> pl.Expr:
    """From the least days to the most months of a long stay; the least is waived by force majeure."""
    return ((days >= least) | excused) & (month_count <= parameter("long_max_months").at(call))


@rule("E01", on=STAY)
def rules_follow_the_call() -> Finding:
    """The rules of the action and call year of the money are held here."""
    action = pl.col("action")
    known = parameter("programme_rules_held").at(call, by=action.str.to_lowercase())
    return Finding(
        pl.when(action.is_not_null()).then(known.cast(pl.Boolean)),
        action=action,
        call_year=pl.col("call_year"),
        start=pl.col("start"),
    )


@rule("E02", on=STAY)
def months_of_a_cycle() -> Finding:
    """All stays of one study cycle are together at most twelve months, zero-grant included."""
    tier = pl.when(pl.col("one_tier").fill_null(value=False)).then(pl.lit("one_tier"))
    limit = parameter("cycle_max_months").at(call, by=tier.otherwise(pl.lit("other")))
    total = pl.col("previous_months") + month_count
    return Finding(
        total.round(6) <= limit,
        when=student & (days > 0),
        previous=pl.col("previous_months"),
        this=month_count.round(2),
        limit=limit,
        cycle=pl.col("cycle"),
    )


@rule("E03", on=STAY)
def another_country() -> Finding:
    """The physical part is neither in the sending country nor in the country of residence."""
    receiving = pl.col("receiving_country")
    return Finding(
        (receiving != pl.col("sending_country")) & (receiving != pl.col("residence_country")),
        when=days > 0,
        receiving=receiving,
        sending=pl.col("sending_country"),
        residence=pl.col("residence_country"),
    )


@rule("E04", on=STAY)
def no_double_financing() -> Finding:
    """The participant has declared that no other EU money pays for the same activity."""
    declared = pl.col("no_double_funding")
    return Finding(declared, when=~zero_grant, declared=declared)


@rule("E05", on=STAY)
def long_studies() -> Finding:
    """A long stay for studies has at least two months and at most twelve."""
    least = parameter("long_study_min_days").at(call)
    return Finding(
        within_long(least),
        when=student & studies & ~doctoral & ~short(),
        days=days,
        least=least,
        months=month_count.round(2),
        most=parameter("long_max_months").at(call),
        excused=excused,
    )


@rule("E06", on=STAY)
def long_traineeship() -> Finding:
    """A long traineeship has two to twelve months and is full-time where the hours are known."""
    least = parameter("long_traineeship_min_days").at(call)
    hours = parameter("traineeship_week_hours").at(call)
    full_time = pl.col("weekly_hours").is_null() | (pl.col("weekly_hours") >= hours)
    return Finding(
        within_long(least) & full_time,
        when=student & traineeship & ~doctoral & ~short(),
        days=days,
        least=least,
        months=month_count.round(2),
        most=parameter("long_max_months").at(call),
        weekly_hours=pl.col("weekly_hours"),
        hours=hours,
    )


@rule("E07", on=STAY)
def recent_graduate() -> Finding:
    """A graduate was selected before graduating and is back within twelve months of it."""
    within = parameter("graduate_max_months").at(call)
    latest = pl.col("graduated_on").dt.offset_by(pl.format("{}mo", within))
    selected = pl.col("selected_on")
    return Finding(
        (selected <= pl.col("graduated_on")) & (pl.col("end") <= latest),
        when=student & traineeship & (pl.col("start") > pl.col("graduated_on")),
        selected_on=selected,
        graduated_on=pl.col("graduated_on"),
        end=pl.col("end"),
        latest=latest,
    )


@rule("E08", on=STAY)
def short_blended_studies() -> Finding:
    """Short studies: 5 to 30 physical days, a virtual part, at least three credits for the whole."""
    credits_needed = parameter("short_min_credits").at(call)
    return Finding(
        within_short() & pl.col("virtual_part") & (pl.col("planned_credits") >= credits_needed),
        when=student & studies & ~doctoral & short() & (days > 0),
        days=days,
        least=parameter("short_min_days").at(call),
        most=parameter("short_max_days").at(call),
        virtual_part=pl.col("virtual_part"),
        credits=pl.col("planned_credits"),
        needed=credits_needed,
    )


@rule("E09", on=STAY)
def short_blended_traineeship() -> Finding:
    """A short traineeship: 5 to 30 physical days and a virtual part of any length."""
    return Finding(
        within_short() & pl.col("virtual_part"),
        when=student & traineeship & ~doctoral & short() & (days > 0),
        days=days,
        least=parameter("short_min_days").at(call),
        most=parameter("short_max_days").at(call),
        virtual_part=pl.col("virtual_part"),
    )


@rule("E10", on=STAY)
def doctoral_stay() -> Finding:
    """Doctoral: 5 to 30 days or two to twelve months; inside a BIP also virtual part and credits."""
    least = parameter("long_study_min_days").at(call)
    credits_needed = parameter("short_min_credits").at(call)
    in_bip = pl.col("bip_id").is_not_null()
    bip = pl.col("virtual_part") & (pl.col("planned_credits") >= credits_needed)
    return Finding(
        (within_short() | within_long(least)) & (~in_bip | bip),
        when=student & doctoral & (days > 0),
        days=days,
        short=parameter("short_max_days").at(call),
        least=least,
        bip=in_bip,
        virtual_part=pl.col("virtual_part"),
        credits=pl.col("planned_credits").fill_null(0),
    )


@rule("E11", on=STAY)
def virtual_part_from_home() -> Finding:
    """The virtual part is done from the home country; its days do not add to the physical days."""
    return Finding(
        ~pl.col("virtual_elsewhere"),
        when=pl.col("virtual_part"),
        physical_days=days,
        virtual_days=pl.col("virtual_days"),
    )


@rule("E12", on=STAY)
def presence_decides_the_days() -> Finding:
    """Start and end are the first and last day on which presence at the host is required."""
    first, last = pl.col("physical_start"), pl.col("physical_end")
    return Finding(
        (pl.col("start") == first) & (pl.col("end") == last),
        when=(days > 0) & pl.col("start").is_not_null(),
        start=pl.col("start"),
        end=pl.col("end"),
        first=first,
        last=last,
    )


@rule("E15", on=STAY)
def force_majeure_is_proved() -> Finding:
    """Force majeure waives the least length when there is evidence."""
    return Finding(
        pl.col("evidence").fill_null(value=False), when=pl.col("force_majeure"), days=days
    )


RULES: tuple[Rule, ...] = (
    rules_follow_the_call,
    months_of_a_cycle,
    another_country,
    no_double_financing,
    long_studies,
    long_traineeship,
    recent_graduate,
    short_blended_studies,
    short_blended_traineeship,
    doctoral_stay,
    virtual_part_from_home,
    presence_decides_the_days,
    force_majeure_is_proved,
)

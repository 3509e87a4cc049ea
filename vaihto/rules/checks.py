"""Checks before sending: Q01 to Q50 of the reference.

A check is a rule about one row of a batch (`batches.py` prepares the rows). What is not given is not
checked: a comparison with a missing value is missing and reports nothing; only the checks that ask
whether something is there (Q01, Q06, Q11, Q12, Q14, Q37, Q38) see that it is absent.
Effect and severity are one thing: a check that blocks is an error, one that warns a warning, one that
explains an info.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any  # facts and compared values are plain values of any kind

import polars as pl

from vaihto.codes import (
    ATTAINMENT_KIND,
    COUNTRY,
    FINLAND,
    FUNDING_SOURCE,
    GENDER,
    HEI,
    MOBILITY_CLASSIFICATION,
    MOBILITY_PROGRAMME,
    MOBILITY_TYPE,
    ORGANISATION_SPECIAL,
    STUDY_RIGHT_CLASSIFICATION,
    STUDY_RIGHT_STATE,
    STUDY_RIGHT_TYPE,
    TERM_ENROLMENT_STATE,
    UNKNOWN_COUNTRY,
    country_name,
)
from vaihto.rules import batches, declarations, finland, given
from vaihto.rules.batches import (
    CHECKED_ATTAINMENT,
    CHECKED_KEY,
    CHECKED_PERIOD,
    CHECKED_RIGHT,
    CHECKED_STUDENT,
    CHECKED_TRANSFER,
    CHECKED_VALUE,
    CREDITED,
    PRIMACY,
    YEAR_AGAINST_YEAR,
    Batch,
    conform,
)
from vaihto.rules.findings import Effect, Finding, Rule, rule
from vaihto.rules.frames import GRADUATE, KEY, TEXT, Schema
from vaihto.rules.parameters import parameter
from vaihto.rules.running import FEW, run

SEVERITY = {Effect.BLOCK: "error", Effect.WARN: "warning", Effect.EXPLAIN: "info"}
CHECK_FINDINGS: Schema = {
    "check": TEXT,
    "severity": TEXT,  # error blocks the record, warning must be seen by a person, info only shows
    "kind": TEXT,  # period, study_right, attainment, student, graduate, institution, …
    "institution": TEXT,
    "person": KEY,
    "key": KEY,  # key of the record
    "compared": TEXT,  # the compared values as a JSON object
}
SLICE = 250_000

UAS_LEVELS, UNIVERSITY_LEVELS = ("1", "3"), ("2", "4", "6", "7")
OWN_ARRANGEMENT, ERASMUS = "107", "101"
BLENDED, ADULT = "b", "a"

ACCEPTED_COUNTRIES = tuple(c.code for c in COUNTRY if c.facts["accepted_by_schema"] == "yes")
COUNTRIES_WITHOUT_CODE = tuple(c.code for c in COUNTRY if c.facts["accepted_by_schema"] != "yes")
CURRENT_HEIS = tuple(c.code for c in HEI if c.facts["status"] == "current")
MERGED_HEIS = tuple(c.code for c in HEI if c.facts["status"] == "merged")

# Which list a value belongs to, by kind of record and field. Countries that the national list has and
# the schema does not are left to Q10.
LISTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("period", "direction"): ("outgoing", "incoming"),
    ("period", "country"): tuple(COUNTRY.codes),
    ("period", "type"): tuple(MOBILITY_TYPE.codes),
    ("period", "programme"): tuple(MOBILITY_PROGRAMME.codes),
    ("period", "level"): tuple(STUDY_RIGHT_TYPE.codes),
    ("period", "classifications"): tuple(MOBILITY_CLASSIFICATION.codes),
    ("study_right", "type"): tuple(STUDY_RIGHT_TYPE.codes),
    ("state", "code"): tuple(STUDY_RIGHT_STATE.codes),
    ("spell", "classifications"): tuple(STUDY_RIGHT_CLASSIFICATION.codes),
    ("spell", "funding_source"): tuple(FUNDING_SOURCE.codes),
    ("attainment", "kind"): tuple(ATTAINMENT_KIND.codes),
    ("attainment", "source_code"): (*ORGANISATION_SPECIAL.codes, *HEI.codes),
    ("enrolment", "state"): tuple(TERM_ENROLMENT_STATE.codes),
    ("student", "gender"): tuple(GENDER.codes),
    ("student", "citizenship"): tuple(COUNTRY.codes),
}
PLURAL = frozenset({"classifications"})  # fields that hold a list of codes
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "period": ("period", "person", "institution", "direction", "country"),
    "study_right": ("right", "person", "institution", "type", "start"),
    "attainment": ("attainment", "person", "institution", "kind", "ects", "completed"),
    "student": ("person",),
}

start, end, days = pl.col("start"), pl.col("end"), pl.col("days")
outgoing, incoming = pl.col("direction") == "outgoing", pl.col("direction") == "incoming"
programme, level, country = pl.col("programme"), pl.col("level"), pl.col("country")
as_of = pl.col("as_of")
DAY_ONE = pl.lit(finland.DAY_ONE)


def classified(code: str) -> pl.Expr:
    """The period carries this classification; none given means none."""
    return pl.col("classifications").list.contains(code).fill_null(value=False)


def fixed(name: str) -> pl.Expr:
    """A parameter of the checks themselves, which does not change with the record."""
    return parameter(name).at(DAY_ONE)


# --- The batch as a whole ----------------------------------------------------------------------


@rule("Q01", on=CHECKED_VALUE)
def valid_by_the_schema() -> Finding:
    """A field that the schema demands has a value."""
    return Finding(
        pl.col("value").is_not_null(),
        when=pl.col("required"),
        kind=pl.col("kind"),
        field=pl.col("field"),
    )


@rule("Q02", on=CHECKED_VALUE)
def institution_is_current() -> Finding:
    """Five digits, in the list, and current; a merged one only where role 5 names it as such."""
    value = pl.col("value")
    merged = value.is_in(MERGED_HEIS) & pl.col("merged_grantor").fill_null(value=False)
    successor = value.replace_strict(
        {code: HEI[code].facts["successor_code"] for code in MERGED_HEIS},
        default=None,
        return_dtype=pl.String,
    )
    return Finding(
        value.is_in(CURRENT_HEIS) | merged,
        when=(pl.col("field") == "institution") & value.is_not_null(),
        value=value,
        successor=successor,
    )


@rule("Q03", on=CHECKED_KEY)
def key_is_unique() -> Finding:
    """A key stands once inside the institution for its kind of record."""
    return Finding(
        pl.col("times") == 1, kind=pl.col("kind"), key=pl.col("key"), times=pl.col("times")
    )


@rule("Q04", on=CHECKED_PERIOD)
def student_is_in_the_batch() -> Finding:
    """The student of the period is one of the batch."""
    return Finding(pl.col("student_known"), student=pl.col("person"))


@rule("Q05", on=CHECKED_PERIOD)
def right_is_theirs() -> Finding:
    """The named study right exists and is of the same student and institution."""
    return Finding(
        pl.col("right_is_theirs"),
        when=pl.col("right").is_not_null(),
        right=pl.col("right"),
        known=pl.col("right_known"),
    )


# --- Dates and codes ---------------------------------------------------------------------------


@rule("Q06", on=CHECKED_PERIOD)
def dates_are_there() -> Finding:
    """Both days are there; for an unfinished stay the end is the estimate."""
    return Finding(start.is_not_null() & end.is_not_null(), start=start, end=end)


@rule("Q07", on=CHECKED_PERIOD)
def dates_are_possible() -> Finding:
    """The end is not before the start, the start neither too old nor too far ahead."""
    earliest = fixed("check_earliest_start")
    latest = as_of.dt.offset_by(pl.format("{}y", fixed("check_years_ahead")))
    return Finding(
        (end >= start) & (start >= earliest) & (start <= latest),
        start=start,
        end=end,
        earliest=earliest,
        latest=latest,
    )


@rule("Q08", on=CHECKED_VALUE)
def code_is_in_its_list() -> Finding:
    """A code stands in the list of its field, letter for letter."""
    value = pl.col("value")
    listed = pl.lit(None, dtype=pl.Boolean)
    for (kind, field), codes in LISTS.items():
        here = (pl.col("kind") == kind) & (pl.col("field") == field)
        listed = pl.when(here).then(value.is_in(codes)).otherwise(listed)
    padded = value.str.extract(r"^(\d+)").str.pad_start(3, "0")
    meant = pl.when((pl.col("field") == "country") & padded.is_in(ACCEPTED_COUNTRIES)).then(padded)
    return Finding(
        listed,
        when=value.is_not_null(),
        kind=pl.col("kind"),
        field=pl.col("field"),
        value=value,
        meant=meant,
    )


@rule("Q09", on=CHECKED_PERIOD)
def country_is_not_finland() -> Finding:
    """The country is not our own."""
    return Finding(country != FINLAND, country=country, direction=pl.col("direction"))


@rule("Q10", on=CHECKED_PERIOD)
def country_has_a_code() -> Finding:
    """The country is known and has a code that the schema accepts."""
    named_only = country.is_null() & pl.col("country_name").is_not_null()
    return Finding(
        ~(named_only | (country == UNKNOWN_COUNTRY) | country.is_in(COUNTRIES_WITHOUT_CODE)),
        when=country.is_not_null() | named_only,
        country=country,
        name=pl.col("country_name"),
        sent=pl.lit(UNKNOWN_COUNTRY),
    )


@rule("Q11", on=CHECKED_PERIOD)
def type_is_there() -> Finding:
    """Exchange or traineeship is said."""
    return Finding(pl.col("type").is_not_null(), type=pl.col("type"))


@rule("Q12", on=CHECKED_PERIOD)
def level_is_there() -> Finding:
    """An incoming period has the level of the studies here."""
    return Finding(level.is_not_null(), when=incoming, level=level)


@rule("Q13", on=CHECKED_PERIOD)
def level_fits_the_sector() -> Finding:
    """The level of an incoming period leads to a degree that the institution's sector has."""
    sector = pl.col("sector")
    fits = (
        pl.when(sector == "uas")
        .then(level.is_in(UAS_LEVELS))
        .when(sector == "university")
        .then(level.is_in(UNIVERSITY_LEVELS))
        .otherwise(statement=True)
    )
    return Finding(
        level.is_in(finland.DEGREE_TYPES) & fits,
        when=incoming & level.is_in(tuple(STUDY_RIGHT_TYPE.codes)),
        level=level,
        sector=sector,
    )


@rule("Q14", on=CHECKED_PERIOD)
def programme_is_there() -> Finding:
    """The programme or agreement frame is said."""
    return Finding(programme.is_not_null(), programme=programme)


@rule("Q15", on=CHECKED_PERIOD)
def programme_is_known() -> Finding:
    """A period under the common definitions has a known programme."""
    since = parameter("common_definitions_since").at(start)
    return Finding(
        start < since, when=programme == finland.UNKNOWN_PROGRAMME, start=start, since=since
    )


@rule("Q16", on=CHECKED_PERIOD)
def programme_fits_the_frame() -> Finding:
    """An own arrangement has no agreement place; Erasmus+ has an Erasmus+ frame."""
    return Finding(
        pl.when(programme == OWN_ARRANGEMENT)
        .then(~pl.col("agreement_linked"))
        .otherwise(pl.col("erasmus_frame")),
        when=programme.is_in([OWN_ARRANGEMENT, ERASMUS]),
        programme=programme,
        agreement=pl.col("agreement_linked"),
        erasmus=pl.col("erasmus_frame"),
    )


@rule("Q17", on=CHECKED_PERIOD)
def type_fits_the_learning_agreement() -> Finding:
    """A traineeship is not agreed as studies only, an exchange not as a placement only."""
    purpose = pl.col("agreement_purpose")
    against = (
        pl.when(pl.col("type") == finland.TRAINEESHIP)
        .then(pl.lit("study"))
        .when(pl.col("type") == finland.EXCHANGE)
        .then(pl.lit("traineeship"))
    )
    return Finding(purpose != against, type=pl.col("type"), agreed=purpose)


@rule("Q18", on=CHECKED_PERIOD)
def blended_is_recorded_then() -> Finding:
    """Blended stands only on periods that start on or after its first day."""
    since = parameter("blended_since").at(start)
    return Finding(start >= since, when=classified(BLENDED), start=start, since=since)


@rule("Q19", on=CHECKED_PERIOD)
def at_most_twelve_months() -> Finding:
    """Ends before the anniversary of its first day."""
    limit = finland.anniversary(start)
    return Finding(end < limit, start=start, end=end, anniversary=limit)


@rule("Q20", on=CHECKED_PERIOD)
def no_overlap() -> Finding:
    """No other period of the student in the same direction shares a day with it."""
    other = pl.col("overlaps_with")
    return Finding(other.is_null(), other=other, start=start, end=end)


@rule("Q21", on=CHECKED_PERIOD)
def blended_as_planned() -> Finding:
    """Blended is marked exactly when a virtual part was planned."""
    planned, marked = pl.col("planned_blended"), classified(BLENDED)
    return Finding(
        planned == marked,
        when=start >= parameter("blended_since").at(start),
        planned=planned,
        marked=marked,
    )


# --- Study rights ------------------------------------------------------------------------------


@rule("Q22", on=CHECKED_RIGHT)
def states_are_whole() -> Finding:
    """The states cover the right without gap or overlap."""
    gap, overlap = pl.col("states_gap"), pl.col("states_overlap")
    return Finding(
        gap.is_null() & overlap.is_null(),
        when=pl.col("states_given"),
        right=pl.col("right"),
        gap=gap,
        overlap=overlap,
    )


@rule("Q23", on=CHECKED_RIGHT)
def spells_are_whole() -> Finding:
    """The spells cover the right without gap or overlap."""
    gap, overlap = pl.col("spells_gap"), pl.col("spells_overlap")
    return Finding(
        gap.is_null() & overlap.is_null(),
        when=pl.col("spells_given"),
        right=pl.col("right"),
        gap=gap,
        overlap=overlap,
    )


@rule("Q24", on=PRIMACY)
def one_primary_right() -> Finding:
    """On no day two rights are primary, and on the first day of a period one is."""
    overlap = pl.col("overlap")
    return Finding(
        pl.when(pl.col("period").is_null() & start.is_null())
        .then(overlap.is_null())
        .otherwise(pl.col("covered")),
        overlap=overlap,
        period=pl.col("period"),
        start=start,
    )


@rule("Q25", on=CHECKED_PERIOD)
def right_is_active() -> Finding:
    """The named right is active on the first day."""
    return Finding(
        pl.col("right_active"),
        when=pl.col("right").is_not_null(),
        right=pl.col("right"),
        start=start,
    )


@rule("Q26", on=CHECKED_PERIOD)
def exchange_right_only() -> Finding:
    """An incoming student has an exchange right for the whole period and no degree right in it."""
    covers, degree = pl.col("exchange_right_covers"), pl.col("degree_right_in_common")
    return Finding(covers & ~degree, when=incoming, exchange_right=covers, degree_right=degree)


@rule("Q27", on=CREDITED)
def credits_and_period_together() -> Finding:
    """A period that ended long ago has credits, and credits from abroad have a period."""
    recorded = pl.col("credits")
    due = end.dt.offset_by(pl.format("{}mo", fixed("check_credits_months")))
    without_period = end.is_null() & pl.col("period").is_null()
    return Finding(
        pl.when(without_period)
        .then(recorded.fill_null(0) <= 0)
        .otherwise((recorded > 0) | (as_of <= due)),
        period=pl.col("period"),
        end=end,
        due=due,
        credits=recorded,
    )


@rule("Q28", on=CHECKED_PERIOD)
def estimate_is_confirmed() -> Finding:
    """An estimated end lies not in the past."""
    return Finding(end >= as_of, when=pl.col("end_is_estimate"), end=end, as_of=as_of)


@rule("Q29", on=CHECKED_PERIOD)
def during_studies() -> Finding:
    """The period starts neither before the study right nor after graduation."""
    return Finding(
        (start >= pl.col("right_start")) & ~pl.col("right_over"),
        start=start,
        right_start=pl.col("right_start"),
        over=pl.col("right_over"),
    )


# --- Attainments -------------------------------------------------------------------------------

recognised_on = pl.col("recognised_on")
traineeship = pl.col("traineeship").fill_null(value=False)
from_abroad = (pl.col("granted_by") == "foreign_hei") & ~traineeship
completed = pl.coalesce("completed", pl.when(from_abroad).then(pl.col("mobility_end")))  # V18


@rule("Q30", on=CHECKED_ATTAINMENT)
def exchange_credits_are_recognised() -> Finding:
    """Credits of a foreign HEI have a recognition date and a foreign source."""
    source = finland.recognised_attainment.finding.compared["source"]
    return Finding(
        recognised_on.is_not_null() & source.is_in([finland.FOREIGN_HEI, finland.FOREIGN_OTHER]),
        when=from_abroad,
        recognised_on=recognised_on,
        source=source,
    )


@rule("Q31", on=CHECKED_ATTAINMENT)
def traineeship_is_our_own() -> Finding:
    """A traineeship has no recognition date, no source, and is granted at home."""
    rule_of_traineeship = finland.traineeship_is_never_recognised.finding
    home = (pl.col("granted_by") == "home").fill_null(value=True)
    return Finding(
        rule_of_traineeship.holds & home,
        when=traineeship,
        recognised_on=recognised_on,
        source=pl.col("source_code"),
        granted_by=pl.col("granted_by"),
        other_granter=pl.when(pl.col("granted_by") != "home").then("granted_by"),
    )


@rule("Q32", on=CHECKED_ATTAINMENT)
def recognised_after_completion() -> Finding:
    """The decision is not before the completion."""
    return Finding(recognised_on >= completed, completed=completed, recognised_on=recognised_on)


@rule("Q33", on=CHECKED_ATTAINMENT)
def traineeship_abroad_is_classified() -> Finding:
    """The home attainment of a traineeship period is marked as a traineeship abroad."""
    return Finding(
        finland.abroad_traineeship(),
        when=(pl.col("mobility_purpose") == "traineeship")
        & (pl.col("granted_by") == "home")
        & (pl.col("student") == "degree"),
        traineeship=pl.col("traineeship"),
        abroad=pl.col("abroad"),
    )


@rule("Q34", on=CHECKED_ATTAINMENT)
def completed_during_the_period() -> Finding:
    """The completion is at most so many days outside the period."""
    limit = fixed("check_completion_days")
    early = pl.col("mobility_start").dt.offset_by(pl.format("-{}d", limit))
    late = pl.col("mobility_end").dt.offset_by(pl.format("{}d", limit))
    of_the_stay = from_abroad | (pl.col("student") == "incoming_exchange")
    return Finding(
        (pl.col("completed") >= early) & (pl.col("completed") <= late),
        when=of_the_stay & ~pl.col("fully_virtual").fill_null(value=False),
        completed=pl.col("completed"),
        start=pl.col("mobility_start"),
        end=pl.col("mobility_end"),
        limit=limit,
    )


# --- Length, students --------------------------------------------------------------------------


@rule("Q35", on=CHECKED_PERIOD)
def long_enough_for_oph() -> Finding:
    """Reaches the lower limit of the OPH collection."""
    limit = parameter("oph_short_min_days").at(start)
    return Finding(days >= limit, when=days >= 1, days=days, limit=limit)


@rule("Q36", on=CHECKED_PERIOD)
def length_is_clear() -> Finding:
    """The length is not exactly at a limit, where the other way of counting gives another class."""
    long = parameter("long_period_minimum").at(start)
    short = parameter("oph_short_min_days").at(start)
    return Finding((days != long) & (days != short), days=days, long=long, short=short)


@rule("Q37", on=CHECKED_STUDENT)
def student_can_be_identified() -> Finding:
    """The student has an identity code or a learner number."""
    number = pl.col("learner_number")
    return Finding(
        pl.col("has_identity_code").fill_null(value=False) | number.is_not_null(),
        has_identity_code=pl.col("has_identity_code"),
    )


@rule("Q38", on=CHECKED_STUDENT)
def student_is_described() -> Finding:
    """Without an identity code gender, citizenship and names come from the institution."""
    names = ("gender", "citizenship", "family_name", "given_names")
    lacking = pl.concat_list(
        pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in names
    ).list.drop_nulls()
    return Finding(
        lacking.list.len() == 0,
        when=~pl.col("has_identity_code").fill_null(value=False),
        lacking=lacking,
    )


# --- The institution's year --------------------------------------------------------------------


@rule("Q39", on=YEAR_AGAINST_YEAR)
def number_is_steady() -> Finding:
    """The number of periods neither falls nor rises sharply against the year before."""
    percent = fixed("check_yearly_change_percent")
    now, before = pl.col("periods") * 100, pl.col("periods_year_before")
    return Finding(
        (now >= before * (100 - percent)) & (now <= before * (100 + percent)),
        year=pl.col("year"),
        periods=pl.col("periods"),
        before=before,
        percent=percent,
    )


@rule("Q40", on=CHECKED_TRANSFER)
def transfer_is_recent() -> Finding:
    """A month has not passed since the last transfer; shortly before a collection, not a day."""
    monthly = finland.transfer_is_in_time.finding.compared["due"]
    today, collection = pl.col("today"), pl.col("next_collection")
    ahead = (collection - today).dt.total_days()
    soon = (ahead >= 0) & (ahead <= fixed("check_daily_transfer_days"))
    daily = pl.col("last_transfer").dt.offset_by("1d")
    due = pl.when(soon).then(daily).otherwise(monthly)
    never = pl.col("last_transfer").is_null()
    return Finding(
        pl.when(never).then(statement=False).otherwise(today <= due),
        last=pl.col("last_transfer"),
        due=due,
        today=today,
        collection=collection,
    )


def collection_of(day: pl.Expr) -> pl.Expr:
    """The day of the collection for periods that start in the year of `day`.

    Where it is not known, the usual turn of February and March of the year after.
    """
    usual = pl.format("{}-{}", day.dt.year() + 1, fixed("collection_usual_day"))
    return pl.coalesce(parameter("collection_day").at(day), usual.str.to_date(strict=False))


@rule("Q41", on=CHECKED_PERIOD)
def unchanged_since_the_collection() -> Finding:
    """The period did not change after the collection of its year."""
    changed, collection = pl.col("changed_on"), collection_of(start)
    return Finding(changed <= collection, start=start, changed_on=changed, collection=collection)


@rule("Q42", on=CHECKED_PERIOD)
def not_entered_twice() -> Finding:
    """No other period has the same student, direction, country and first day."""
    return Finding(
        pl.col("same_as").is_null(), other=pl.col("same_as"), country=country, start=start
    )


@rule("Q43", on=GRADUATE)
def graduate_has_a_period() -> Finding:
    """A graduate with credits from abroad has a period (V07)."""
    return finland.graduate_has_her_periods.finding


@rule("Q44", on=CHECKED_PERIOD)
def not_enrolled_as_absent() -> Finding:
    """The student is not enrolled as absent while away."""
    return Finding(~pl.col("enrolled_absent"), when=outgoing, start=start, end=end)


# --- Against what the installation knows more of -----------------------------------------------


@rule("Q45", on=CHECKED_PERIOD)
def dates_follow_the_parts() -> Finding:
    """The dates are those of the physical parts, but for the COVID exception."""
    covid = (pl.col("change_reason") == "covid") & parameter("covid_exception").at(start)
    first, last = pl.col("physical_start"), pl.col("physical_end")
    return Finding(
        (start == first) & (end == last),
        when=~covid.fill_null(value=False),
        start=start,
        end=end,
        physical_start=first,
        physical_end=last,
    )


@rule("Q46", on=CHECKED_PERIOD)
def virtual_dates_stay_here() -> Finding:
    """No day of a virtual part outside the stay is sent, but for the COVID exception."""
    covid = (pl.col("change_reason") == "covid") & parameter("covid_exception").at(start)
    return Finding(
        ~pl.col("virtual_inside"),
        when=~covid.fill_null(value=False),
        start=start,
        end=end,
        physical_start=pl.col("physical_start"),
        physical_end=pl.col("physical_end"),
    )


@rule("Q47", on=CHECKED_PERIOD)
def level_repeats_the_right() -> Finding:
    """On an outgoing period the level is empty or the type of its right."""
    return Finding(
        level == pl.col("right_type"), when=outgoing, level=level, right_type=pl.col("right_type")
    )


@rule("Q48", on=CHECKED_PERIOD)
def country_of_the_institution_abroad() -> Finding:
    """The country of the period is the country of the institution abroad."""
    partner = pl.col("partner_country")
    return Finding(country == partner, country=country, partner=partner)


@rule("Q49", on=CHECKED_RIGHT)
def double_degree_is_closed() -> Finding:
    """After the aim was given up no spell is classified as a double degree."""
    return Finding(
        ~pl.col("double_open"),
        when=pl.col("given_up_on").is_not_null(),
        right=pl.col("right"),
        given_up_on=pl.col("given_up_on"),
    )


@rule("Q50", on=CHECKED_PERIOD)
def adult_education_agrees() -> Finding:
    """`a` stands exactly where level 1 is studied as adult education."""
    of_period = pl.when(incoming).then(level).otherwise(pl.coalesce("right_type", "level"))
    adult = pl.coalesce("adult_on_right", "adult_education")
    marked = classified(ADULT)
    return Finding(
        marked == ((of_period == "1") & adult), level=of_period, adult=adult, marked=marked
    )


RULES: tuple[Rule, ...] = (
    valid_by_the_schema,
    institution_is_current,
    key_is_unique,
    student_is_in_the_batch,
    right_is_theirs,
    dates_are_there,
    dates_are_possible,
    code_is_in_its_list,
    country_is_not_finland,
    country_has_a_code,
    type_is_there,
    level_is_there,
    level_fits_the_sector,
    programme_is_there,
    programme_is_known,
    programme_fits_the_frame,
    type_fits_the_learning_agreement,
    blended_is_recorded_then,
    at_most_twelve_months,
    no_overlap,
    blended_as_planned,
    states_are_whole,
    spells_are_whole,
    one_primary_right,
    right_is_active,
    exchange_right_only,
    credits_and_period_together,
    estimate_is_confirmed,
    during_studies,
    exchange_credits_are_recognised,
    traineeship_is_our_own,
    recognised_after_completion,
    traineeship_abroad_is_classified,
    completed_during_the_period,
    long_enough_for_oph,
    length_is_clear,
    student_can_be_identified,
    student_is_described,
    number_is_steady,
    transfer_is_recent,
    unchanged_since_the_collection,
    not_entered_twice,
    graduate_has_a_period,
    not_enrolled_as_absent,
    dates_follow_the_parts,
    virtual_dates_stay_here,
    level_repeats_the_right,
    country_of_the_institution_abroad,
    double_degree_is_closed,
    adult_education_agrees,
)
_OF = {one.code: one for one in RULES}


# --- A whole batch -----------------------------------------------------------------------------


def check_frames(batch: Batch, *, rows: int = SLICE) -> pl.DataFrame:
    """What the checks find in a batch: one row per failing check and record, in a fixed order.

    Columns of `CHECK_FINDINGS`. Tables that are None are not checked. Periods are taken `rows` at a
    time, so that memory holds the batch and one slice of comparisons.
    """
    whole = batches.conformed(batch)
    found = [*_value_findings(whole), *_key_findings(whole), *_record_findings(whole)]
    if whole.periods is not None:
        periods = batches.in_memory(whole.periods).with_row_index("row")
        pairs = batches.paired_periods(periods)
        rules = _about(CHECKED_PERIOD.name)
        for part in periods.iter_slices(rows):
            found += _failing(
                batches.checked_periods(whole, part, pairs), rules, "period", "period"
            )
    if not found:
        return pl.DataFrame(schema=CHECK_FINDINGS)
    return pl.concat(found).sort("check", "kind", "institution", "person", "key", "compared")


@cache
def _about(subject: str) -> list[Rule]:
    return [one for one in RULES if one.subject.name == subject]


def _failing(
    frame: pl.DataFrame, rules: Iterable[Rule], kind: str | None, key: str
) -> Iterator[pl.DataFrame]:
    """Findings of the rows for which a rule applies and does not hold."""
    if not frame.height:
        return
    codes = tuple(one.code for one in rules)
    fails = run(frame.lazy().select(_failures(codes)), rows=frame.height)
    for one in map(_OF.__getitem__, codes):
        if not fails[one.code].any():
            continue
        rows = frame.filter(fails[one.code])
        present = set(rows.columns)
        yield rows.select(
            check=pl.lit(one.code),
            severity=pl.lit(severity(one)),
            kind=pl.lit(kind) if kind is not None else pl.col("kind"),
            institution=pl.col("institution"),
            person=pl.col("person") if "person" in present else pl.lit(None, dtype=KEY),
            key=pl.col(key).cast(KEY),
            compared=pl.struct(
                value.alias(name) for name, value in one.finding.compared.items()
            ).struct.json_encode(),
        )


@cache
def _failures(codes: tuple[str, ...]) -> list[pl.Expr]:
    return [_fails(_OF[code]).alias(code) for code in codes]


def _fails(one: Rule) -> pl.Expr:
    fails = ~one.finding.holds.cast(pl.Boolean)
    if one.finding.when is not None:
        fails = fails & one.finding.when
    return fails.fill_null(value=False)


def _value_findings(batch: Batch) -> Iterator[pl.DataFrame]:
    """Q01, Q02 and Q08 over every field they speak of; only rows in question become values."""
    tables = [
        ("period", batch.periods, "period"),
        ("study_right", batch.study_rights, "right"),
        ("attainment", batch.attainments, "attainment"),
        ("student", batch.students, "person"),
        ("state", batch.states, "right"),
        ("spell", batch.spells, "right"),
        ("enrolment", batch.enrolments, "person"),
    ]
    values: list[pl.LazyFrame] = []
    for kind, table, key in tables:
        if table is None:
            continue
        lazy, rows = table.lazy(), batches.in_memory(table).height
        questions = [
            *[(field, True, _absent(field)) for field in REQUIRED.get(kind, ())],
            *[
                (field, False, _unlisted(kind, field))
                for of_kind, field in LISTS
                if of_kind == kind
            ],
        ]
        if kind in ("period", "study_right"):
            odd = ~pl.col("institution").is_in(CURRENT_HEIS)
            questions.append(("institution", False, odd))
        if rows < FEW:  # most have no answer, which is quicker to see than to work out
            any_ = lazy.select(mask.any().alias(str(n)) for n, (*_, mask) in enumerate(questions))
            answered = run(any_, rows=rows).row(0)
            questions = [one for one, found in zip(questions, answered, strict=True) if found]
        for field, required, mask in questions:
            asked = lazy.filter(mask)
            if not required and field in PLURAL:
                asked = asked.explode(field).filter(~pl.col(field).is_in(LISTS[kind, field]))
            values.append(_as_values(asked, kind, key, field, required=required))
    if values:
        frame = pl.concat(pl.collect_all(values))
        yield from _failing(frame, _about(CHECKED_VALUE.name), None, "key")


def _absent(field: str) -> pl.Expr:
    if field == "country":  # a country known by name only is a matter for Q10
        return pl.col("country").is_null() & pl.col("country_name").is_null()
    if field == "completed":  # the last day of the period stands for it (V18)
        return completed.is_null()
    return pl.col(field).is_null()


def _unlisted(kind: str, field: str) -> pl.Expr:
    if field in PLURAL:  # each code is asked one by one when the lists are taken apart
        return pl.col(field).list.len() > 0
    return ~pl.col(field).is_in(LISTS[kind, field])


def _as_values(
    table: pl.LazyFrame, kind: str, key: str, field: str, *, required: bool = False
) -> pl.LazyFrame:
    present = set(table.collect_schema().names())
    lazy = table.with_columns(
        kind=pl.lit(kind),
        key=pl.col(key),
        field=pl.lit(field),
        value=pl.lit(None, dtype=TEXT) if required else pl.col(field),
        required=pl.lit(required),
    )
    if "institution" not in present:
        lazy = lazy.with_columns(institution=pl.lit(None, dtype=TEXT))
    return conform(lazy, CHECKED_VALUE.schema)


def _key_findings(batch: Batch) -> Iterator[pl.DataFrame]:
    """Q03 over the keys of every kind of record."""
    tables = [
        ("period", batch.periods, "period"),
        ("study_right", batch.study_rights, "right"),
        ("attainment", batch.attainments, "attainment"),
        ("student", batch.students, "person"),
    ]
    for kind, table, key in tables:
        if table is None or batches.in_memory(table).height < 2:
            continue
        repeated = (
            table.lazy()
            .filter(pl.col(key).is_not_null())
            .group_by("institution", key)
            .agg(times=pl.len(), owner=pl.first("person"))
            .filter(pl.col("times") > 1)
            .with_columns(key=pl.col(key), kind=pl.lit(kind), person=pl.col("owner"))
        )
        yield from _failing(
            conform(repeated, CHECKED_KEY.schema).collect(), _about(CHECKED_KEY.name), None, "key"
        )


def _record_findings(batch: Batch) -> Iterator[pl.DataFrame]:
    """The checks about study rights, attainments, students, graduates and the institution itself."""
    if batch.study_rights is not None:
        rights = batches.checked_rights(batch)
        yield from _failing(rights, _about(CHECKED_RIGHT.name), "study_right", "right")
        if batch.primary is not None:
            primacies = batches.primacies(batch)
            yield from _failing(primacies, _about(PRIMACY.name), "period", "period")
    if batch.attainments is not None:
        attainments = batches.in_memory(batch.attainments)
        yield from _failing(
            attainments, _about(CHECKED_ATTAINMENT.name), "attainment", "attainment"
        )
    yield from _failing(batches.credited(batch), _about(CREDITED.name), "period", "period")
    if batch.students is not None:
        students = batches.in_memory(batch.students)
        yield from _failing(students, _about(CHECKED_STUDENT.name), "student", "person")
    if batch.degrees is not None and batch.attainments is not None and batch.periods is not None:
        graduates = conform(batches.graduates(batch), GRADUATE.schema).collect()
        yield from _failing(graduates, _about(GRADUATE.name), "graduate", "person")
    if batch.yearly is not None:
        years = _against_year_before(batch.yearly.lazy())
        yield from _failing(years, _about(YEAR_AGAINST_YEAR.name), "institution", "year")
    if batch.transfers is not None and batch.as_of is not None:
        transfers = _transfers(batch.transfers.lazy(), batch.as_of)
        yield from _failing(transfers, _about(CHECKED_TRANSFER.name), "institution", "institution")


def yearly_counts(periods: pl.LazyFrame) -> pl.LazyFrame:
    """Periods by institution and start year, as the check Q39 reads them."""
    return (
        periods.filter(pl.col("start").is_not_null())
        .group_by("institution", year=pl.col("start").dt.year())
        .agg(periods=pl.len())
    )


def _against_year_before(yearly: pl.LazyFrame) -> pl.DataFrame:
    before = yearly.select(
        "institution", year=pl.col("year") + 1, periods_year_before=pl.col("periods")
    )
    joined = yearly.join(before, on=["institution", "year"], how="left", nulls_equal=True)
    return conform(joined, YEAR_AGAINST_YEAR.schema).collect()


def _transfers(transfers: pl.LazyFrame, today: date) -> pl.DataFrame:
    this_year = pl.lit(date(today.year - 1, 1, 1))
    lazy = transfers.with_columns(today=pl.lit(today), next_collection=collection_of(this_year))
    return conform(lazy, CHECKED_TRANSFER.schema).collect()


def severity(one: Rule) -> str:
    """error, warning or info."""
    return SEVERITY[one.effect]


# --- Sentences ---------------------------------------------------------------------------------


def message(check: str, compared: Mapping[str, Any] | str, *, language: str = "en") -> str:
    """The sentence of a finding in plain words: what is wrong with which value, and what to do.

    `compared` is the column of that name, or its values.
    """
    values = json.loads(compared) if isinstance(compared, str) else compared
    shown = {name: _spoken(value, language) for name, value in values.items()}
    for name in COUNTRIES & shown.keys():
        known = COUNTRY.get(shown[name])
        if known is not None:
            shown[name] = f"{known.code} ({country_name(known.code, language)})"
    return _OF[check].sentence(False, shown, language)


COUNTRIES = frozenset({"country", "partner"})


def _spoken(value: Any, language: str) -> Any:
    if value is None:
        return "–"
    if isinstance(value, str):
        if value.endswith(given.NUMBER):
            number = declarations.words_of("checks")["number"][language]
            return f"{value.removesuffix(given.NUMBER)} ({number})"
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    return value


def as_list(findings: pl.DataFrame, *, language: str = "en") -> list[dict[str, str]]:
    """Findings as the contract writes them: `check`, `severity`, `message`."""
    return [
        {
            "check": row["check"],
            "severity": row["severity"],
            "message": message(row["check"], row["compared"], language=language),
        }
        for row in findings.iter_rows(named=True)
    ]


# --- Single facts ------------------------------------------------------------------------------


def validate(
    facts: Mapping[str, Any], *, today: date | None = None, language: str = "en"
) -> list[dict[str, str]]:
    """What the checks find in the facts of the contract's kind `validation`.

    `today` stands for `as_of` where the facts do not give it; without either, what depends on the day
    of asking is not checked. All periods and rights are taken to be of one student.
    """
    batch = given.batch_of(facts, today=today)
    found = [check_frames(batch)]
    if facts.get("credits") is not None and batch.periods is None:
        alone = CREDITED.frame([{"credits": float(facts["credits"])}])
        found += _failing(alone, _about(CREDITED.name), "period", "period")
    if facts.get("institution") is not None:
        institution = {"kind": "period", "field": "institution", "value": str(facts["institution"])}
        found += _failing(
            CHECKED_VALUE.frame([institution]), _about(CHECKED_VALUE.name), None, "key"
        )
    # Keys and the institution belong to a batch; a fact sheet need not repeat them.
    of_sheet = pl.col("compared").str.contains('"field":"(direction|country)"')
    asked = (pl.col("check") != "Q01") | ((pl.col("kind") == "period") & of_sheet)
    once = pl.concat(found).filter(asked).unique(
        pl.struct("check", pl.when(pl.col("check") != "Q02").then("key"), "compared"),
        keep="first",
        maintain_order=True,
    )  # fmt: skip
    return as_list(once.sort("check", maintain_order=True), language=language)


def validate_attainments(
    attainments: pl.DataFrame, *, mobility_counted: bool = True, language: str = "en"
) -> list[dict[str, str]]:
    """What the checks find in the attainments of one student, as the contract writes it.

    Without a counted mobility there is no period of type 2 that would ask for classification 8 (Q33),
    nor one whose dates a completion could miss (Q34).
    """
    findings = check_frames(Batch(attainments=attainments))
    wanted = ["Q08", "Q30", "Q31", "Q32", *(["Q33", "Q34"] if mobility_counted else [])]
    no_date = (pl.col("check") == "Q01") & pl.col("compared").str.contains('"field":"completed"')
    return as_list(findings.filter(pl.col("check").is_in(wanted) | no_date), language=language)

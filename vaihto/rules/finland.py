"""Finland: VIRTA recording rules V01 to V50 and statistics rules S01 to S51 of the reference.

One rule here is one comparison about rows of its subject; the columns are explained in `frames.py`.
Building periods from segments is in `building.py`, the order in which tests decide in `judging.py`.
The day that decides is the first day of the period unless the rule says otherwise.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from vaihto.rules.findings import Finding, Rule, rule
from vaihto.rules.frames import (
    ATTAINMENT,
    GRADUATE,
    PERIOD,
    PUBLISHED,
    RECORD,
    RIGHT,
    STAFF_VISIT,
    TRANSFER,
    YEARLY_COUNT,
)
from vaihto.rules.parameters import parameter

FINLAND = "246"
DEGREE_TYPES = ("1", "2", "3", "4", "6", "7")
DOCTORAL_TYPES = ("6", "7")
EXCHANGE_RIGHT = "9"
ACTIVE = "1"
JOINT, DOUBLE, ADULT = "6", "7", "3"
COMMISSIONED = "4"

EXCHANGE, TRAINEESHIP = "1", "2"
TYPE_OF_PURPOSE = {"study": EXCHANGE, "combined": EXCHANGE, "traineeship": TRAINEESHIP}
CODE_OF_PROGRAMME = {
    "erasmus": "101",
    "other_eu": "102",
    "nordic": "103",
    "other_international": "104",
    "national": "105",
    "own_agreement": "106",
    "free_mover": "107",
    "other": "108",
    "unknown": "999",
}
UNKNOWN_PROGRAMME = "999"
FOREIGN_HEI, FOREIGN_OTHER = "UK", "UM"
COUNTED_CONTENT = ("teaching", "research", "expert work")
VIRTUAL_DATE_FIELDS = ("virtual_start", "virtual_end")
SECONDARY_FIELD = "secondary_education_country"

DAY_ONE = date(1900, 1, 1)

start, end, days = pl.col("start"), pl.col("end"), pl.col("days")
outgoing = pl.col("direction") == "outgoing"
incoming = pl.col("direction") == "incoming"
nested = pl.col("nested_in_incoming").fill_null(value=False)
doctoral = (
    pl.when(outgoing).then(pl.col("right_type")).otherwise(pl.col("level")).is_in(DOCTORAL_TYPES)
)
virtual_somewhere = pl.col("virtual_from_home") | pl.col("virtual_elsewhere")


def anniversary(day: pl.Expr) -> pl.Expr:
    """The same day a year later; 1 March after 29 February."""
    later = day.dt.offset_by("1y")
    return pl.when(later.dt.day() == day.dt.day()).then(later).otherwise(later.dt.offset_by("1d"))


def estimated() -> pl.Expr:
    """The end is an estimate: marked so, or still ahead on the day of asking."""
    ahead = (pl.col("as_of") < end).fill_null(value=False)
    return pl.col("end_is_estimate").fill_null(value=False) | ahead


def recognised() -> pl.Expr:
    """Created by an administrative act: a recognition date, a source, or another granting body."""
    from_elsewhere = pl.col("granted_by").is_in(["foreign_hei", "finnish_hei"])
    return (
        pl.col("recognised_on").is_not_null() | pl.col("source_code").is_not_null() | from_elsewhere
    )


def abroad_traineeship() -> pl.Expr:
    """A traineeship that was done abroad."""
    return pl.col("traineeship").fill_null(value=False) & pl.col("abroad").fill_null(value=False)


# --- Recording and storage ---------------------------------------------------------------------


@rule("V01", on=YEARLY_COUNT)
def completeness() -> Finding:
    """The year is not sharply below the year after it; else it is probably incomplete."""
    drop = parameter("completeness_drop_percent").at(pl.date(pl.col("year"), 1, 1))
    enough = pl.col("periods") * 100 >= pl.col("periods_next_year") * (100 - drop)
    return Finding(
        enough,
        year=pl.col("year"),
        periods=pl.col("periods"),
        next_year=pl.col("periods_next_year"),
        percent=drop,
    )


@rule("V02", on=RIGHT)
def exchange_right_apart() -> Finding:
    """An exchange right stays one; a later degree right is a new right."""
    return Finding(
        pl.col("other_type").is_null() | (pl.col("other_type") == EXCHANGE_RIGHT),
        when=pl.col("type") == EXCHANGE_RIGHT,
        type=pl.col("type"),
        other_type=pl.col("other_type"),
    )


@rule("V03", on=PERIOD)
def level_is_filled() -> Finding:
    """An incoming period has its level."""
    level = pl.col("main_level_in_finland")
    return Finding(level.is_not_null(), when=incoming, level=level)


@rule("V04", on=TRANSFER)
def transfer_is_in_time() -> Finding:
    """Today is not after the last transfer plus one calendar month."""
    due = pl.col("last_transfer").dt.offset_by("1mo")  # clipped to the end of a shorter month
    return Finding(
        pl.col("today") <= due, last=pl.col("last_transfer"), due=due, today=pl.col("today")
    )


@rule("V05", on=RECORD)
def batch_is_everything() -> Finding:
    """The batch holds the record exactly when the source does."""
    return Finding(
        pl.col("in_batch") == pl.col("in_source"),
        key=pl.col("key"),
        in_source=pl.col("in_source"),
        in_batch=pl.col("in_batch"),
    )


@rule("V06", on=PERIOD)
def history_is_stored() -> Finding:
    """A period from before the common definitions has the same fields; 999 where unknown."""
    return Finding(
        pl.col("programme_code").is_not_null(),
        when=start < parameter("common_definitions_since").at(start),
        start=start,
        programme=pl.col("programme_code"),
    )


@rule("V07", on=GRADUATE)
def graduate_has_her_periods() -> Finding:
    """A graduate with credits from abroad has a period, whenever it was."""
    first = parameter("tk_graduations_since").at(pl.col("degree_date"))
    return Finding(
        (pl.col("periods") > 0) | (pl.col("credits_from_abroad").fill_null(0) <= 0),
        when=pl.col("degree_date").dt.year() >= first,
        degree_date=pl.col("degree_date"),
        periods=pl.col("periods"),
        credits=pl.col("credits_from_abroad"),
    )


@rule("V08", on=PERIOD)
def common_definitions() -> Finding:
    """Starts on or after the day from which the common definitions hold."""
    since = parameter("common_definitions_since").at(start)
    return Finding(start >= since, start=start, since=since)


@rule("V09", on=RECORD)
def student_is_known() -> Finding:
    """The student key of the period is one of the register's."""
    return Finding(
        pl.col("student_known"),
        when=pl.col("kind") == "period",
        key=pl.col("key"),
        student=pl.col("student_key"),
    )


@rule("V10", on=RECORD)
def one_person_several_institutions() -> Finding:
    """Records of two institutions carry one learner number; their student keys stay apart."""
    return Finding(
        pl.col("learner_number") == pl.col("other_learner_number"),
        when=pl.col("institution") != pl.col("other_institution"),
        institution=pl.col("institution"),
        other_institution=pl.col("other_institution"),
    )


@rule("V11", on=RECORD)
def key_is_unique_and_stable() -> Finding:
    """The key stands once in the batch and is the one of the batch before."""
    stable = pl.col("previous_key").is_null() | (pl.col("previous_key") == pl.col("key"))
    return Finding(
        (pl.col("times") == 1) & stable,
        key=pl.col("key"),
        times=pl.col("times"),
        before=pl.coalesce("previous_key", "key"),
    )


@rule("V12", on=PERIOD)
def level_is_of_the_studies_here() -> Finding:
    """The level of an incoming student is a degree level, that of the studies in Finland."""
    level = pl.col("main_level_in_finland")
    return Finding(level.is_in(DEGREE_TYPES), when=incoming, level=level)


@rule("V13", on=PERIOD)
def doctoral_is_recorded() -> Finding:
    """Licentiate and doctoral students' mobility is recorded although staff data may have it too."""
    kind = pl.when(outgoing).then(pl.col("right_type")).otherwise(pl.col("level"))
    return Finding(doctoral, when=kind.is_not_null(), type=kind)


@rule("V14", on=PERIOD)
def programme_is_the_frame() -> Finding:
    """The programme comes from the agreement or frame, whatever money pays."""
    return Finding(
        pl.col("programme_code").is_not_null(),
        frame=pl.col("programme"),
        code=pl.col("programme_code"),
        funding=pl.col("funding").fill_null("-"),
    )


@rule("V15", on=PERIOD)
def programme_is_one_code() -> Finding:
    """The frame leads to exactly one code of the national list."""
    return Finding(
        pl.col("programme_code").is_in(list(CODE_OF_PROGRAMME.values())),
        frame=pl.col("programme"),
        code=pl.col("programme_code"),
    )


@rule("V16", on=PERIOD)
def commissioned_is_recorded() -> Finding:
    """A period during commissioned education is recorded like any other."""
    return Finding(pl.col("host_days"), when=pl.col("commissioned"), start=start)


@rule("V17", on=PERIOD)
def commissioned_is_seen_on_the_spell() -> Finding:
    """The spell of the right on the first day is paid as commissioned education."""
    return Finding(
        pl.col("commissioned"),
        when=pl.col("right").is_not_null(),
        right=pl.col("right"),
        start=start,
    )


@rule("V18", on=ATTAINMENT)
def completion_date() -> Finding:
    """The completion date is known; else the last day of the period stands for it."""
    return Finding(
        pl.col("completed").is_not_null(),
        when=pl.col("granted_by") == "foreign_hei",
        completed=pl.col("completed"),
        used=pl.coalesce("completed", "mobility_end"),
    )


@rule("V19", on=ATTAINMENT)
def two_dates() -> Finding:
    """Completion and recognition are two days, the decision not before the completion."""
    return Finding(
        pl.col("completed") <= pl.col("recognised_on"),
        when=pl.col("recognised_on").is_not_null(),
        completed=pl.col("completed"),
        recognised_on=pl.col("recognised_on"),
    )


@rule("V20", on=ATTAINMENT)
def recognised_attainment() -> Finding:
    """An attainment granted elsewhere carries a recognition date; a foreign HEI is source UK."""
    source = pl.coalesce(
        "source_code", pl.when(pl.col("granted_by") == "foreign_hei").then(pl.lit(FOREIGN_HEI))
    )
    return Finding(
        pl.col("recognised_on").is_not_null(),
        when=pl.col("granted_by").is_in(["foreign_hei", "finnish_hei"]),
        granted_by=pl.col("granted_by"),
        recognised_on=pl.col("recognised_on"),
        source=source,
    )


@rule("V21", on=PERIOD)
def outgoing_inside_incoming() -> Finding:
    """A stay abroad inside an incoming one is stored when it belongs to the same studies."""
    return Finding(
        pl.col("part_of_degree"), when=nested & outgoing, part_of_degree=pl.col("part_of_degree")
    )


@rule("V22", on=RIGHT)
def joint_programme_as_the_institution_chose() -> Finding:
    """The right of a student of a joint or double programme is stored as the institution chose."""
    classified = pl.col("classifications").list.contains(JOINT) | pl.col(
        "classifications"
    ).list.contains(DOUBLE)
    as_degree = pl.col("type").is_in(DEGREE_TYPES) & classified.fill_null(value=False)
    as_exchange = pl.col("type") == EXCHANGE_RIGHT
    policy = pl.col("policy")
    return Finding(
        pl.when(policy == "degree_right")
        .then(as_degree)
        .when(policy == "exchange_right")
        .then(as_exchange),
        when=policy.is_not_null(),
        policy=policy,
        type=pl.col("type"),
    )


@rule("V23", on=RIGHT)
def giving_up_the_double_degree() -> Finding:
    """The spell with the double degree ends on the day of giving up; the next begins the day after."""
    given_up = pl.col("given_up_on")
    return Finding(
        (pl.col("double_spell_end") == given_up)
        & (pl.col("next_spell_start") == given_up.dt.offset_by("1d")),
        when=given_up.is_not_null(),
        given_up_on=given_up,
        spell_end=pl.col("double_spell_end"),
        next_start=pl.col("next_spell_start"),
    )


@rule("V24", on=RECORD)
def kept_permanently() -> Finding:
    """Register data is kept for good; a purge of it is refused."""
    kept = parameter("register_kept_permanently").at(pl.lit(DAY_ONE), by=pl.col("sector"))
    registers = ["period", "study_right", "enrolment", "attainment", "student"]
    return Finding(
        kept & pl.col("kind").is_in(registers), kind=pl.col("kind"), sector=pl.col("sector")
    )


@rule("V25", on=PERIOD)
def incoming_trainee() -> Finding:
    """An incoming trainee has a degree right at home and the traineeship is part of that degree."""
    at_home, part = pl.col("home_degree_right_abroad"), pl.col("part_of_degree")
    return Finding(
        at_home & part,
        when=incoming & (pl.col("purpose") == "traineeship"),
        home_degree_right_abroad=at_home,
        part_of_degree=part,
    )


@rule("V26", on=ATTAINMENT)
def credits_of_an_incoming_trainee() -> Finding:
    """Stored when measured in ECTS and possible as a part of a Finnish degree."""
    ects, fits = pl.col("ects_based"), pl.col("could_be_part_of_finnish_degree")
    return Finding(
        ects & fits, when=pl.col("student") == "incoming_trainee", ects_based=ects, fits=fits
    )


@rule("V27", on=PERIOD)
def exchange_right_needs_a_degree_abroad() -> Finding:
    """The incoming student completes a whole degree abroad."""
    at_home = pl.col("home_degree_right_abroad")
    return Finding(at_home, when=incoming, home_degree_right_abroad=at_home)


@rule("V28", on=PERIOD)
def blended_is_asked() -> Finding:
    """Blended is asked of short and long periods alike, from its first day on."""
    since = parameter("blended_since").at(start)
    return Finding(start >= since, start=start, since=since, days=days)


@rule("V29", on=PERIOD)
def dates_follow_the_physical_stay() -> Finding:
    """Virtual days before, after or between are outside the dates of the period."""
    return Finding(
        pl.col("virtual_outside"),
        when=virtual_somewhere & pl.col("host_days"),
        start=start,
        end=end,
        parts_start=pl.col("parts_start"),
        parts_end=pl.col("parts_end"),
    )


@rule("V30", on=PERIOD)
def virtual_between_two_physical_parts() -> Finding:
    """Virtual days between two physical parts of one agreed whole are in the length."""
    return Finding(
        pl.col("virtual_between"),
        when=pl.col("virtual_from_home") & pl.col("host_days"),
        agreed_as_one_whole=pl.col("agreed_as_one_whole"),
        start=start,
        end=end,
        days=days,
    )


@rule("V31", on=PERIOD)
def online_in_the_destination() -> Finding:
    """Online study while living in the destination is being there."""
    return Finding(
        pl.col("hybrid"), when=pl.col("hybrid") | virtual_somewhere, country=pl.col("country")
    )


@rule("V32", on=PERIOD)
def virtual_from_the_country_of_departure() -> Finding:
    """The virtual part is done from the country the student leaves from."""
    return Finding(
        ~pl.col("virtual_elsewhere"), when=virtual_somewhere, direction=pl.col("direction")
    )


@rule("V33", on=PERIOD)
def blended_not_backwards() -> Finding:
    """Blended is recorded of periods that start on or after its first day."""
    since = parameter("blended_since").at(start)
    return Finding(
        start >= since,
        when=pl.col("virtual_from_home") & pl.col("planned_blended"),
        start=start,
        since=since,
    )


@rule("V34", on=PERIOD)
def planned_and_agreed() -> Finding:
    """The virtual part was planned and agreed beforehand."""
    return Finding(
        pl.col("planned_blended"),
        when=pl.col("virtual_from_home"),
        planned_blended=pl.col("planned_blended"),
        reason=pl.col("change_reason").fill_null("-"),
    )


@rule("V35", on=PERIOD)
def combined_is_stored_as_exchange() -> Finding:
    """Studies and traineeship in one are stored as student exchange."""
    return Finding(
        pl.col("type_code") == EXCHANGE,
        when=pl.col("purpose") == "combined",
        type=pl.col("type_code"),
    )


@rule("V36", on=ATTAINMENT)
def traineeship_credits_are_our_own() -> Finding:
    """Credits of a traineeship abroad are granted at home: no recognition date, no source."""
    return Finding(
        pl.col("recognised_on").is_null() & pl.col("source_code").is_null(),
        when=abroad_traineeship(),
        recognised_on=pl.col("recognised_on"),
        source=pl.col("source_code"),
    )


@rule("V37", on=PERIOD)
def end_is_an_estimate() -> Finding:
    """Unfinished on the day of asking, or marked so: the end is the estimate of the moment."""
    return Finding(
        estimated(),
        when=pl.col("as_of").is_not_null() | pl.col("end_is_estimate").fill_null(value=False),
        end=end,
        as_of=pl.col("as_of"),
    )


@rule("V38", on=PERIOD)
def after_graduation_may_be_stored() -> Finding:
    """A period after the degree may be stored; it is not counted."""
    return Finding(
        pl.col("degree_before") < start,
        when=outgoing & pl.col("degree_before").is_not_null() & ~pl.col("active_degree_right"),
        start=start,
        degree_date=pl.col("degree_before"),
    )


@rule("V39", on=PERIOD)
def before_studies_is_not_sent() -> Finding:
    """A stay before the studies is by default not sent."""
    return Finding(
        start < pl.col("degree_right_later"),
        when=outgoing & pl.col("degree_right_later").is_not_null() & ~pl.col("active_degree_right"),
        start=start,
        right_start=pl.col("degree_right_later"),
    )


@rule("V40", on=PERIOD)
def country_is_not_finland() -> Finding:
    """Destination of the outgoing, country of departure of the incoming: never Finland."""
    return Finding(
        pl.col("country") != FINLAND,
        when=pl.col("host_days"),
        direction=pl.col("direction"),
        country=pl.col("country"),
    )


@rule("V41", on=PERIOD)
def level_of_an_outgoing_period() -> Finding:
    """On an outgoing period the level is empty or the type of the linked right."""
    return Finding(
        pl.col("level").is_null() | (pl.col("level") == pl.col("linked_type")),
        when=outgoing & pl.col("host_days"),
        level=pl.col("level").fill_null("-"),
        right_type=pl.col("linked_type").fill_null("-"),
    )


@rule("V42", on=RECORD)
def virtual_dates_stay_at_home() -> Finding:
    """The days of a virtual part are never sent."""
    return Finding(
        ~pl.col("field").is_in(VIRTUAL_DATE_FIELDS),
        when=pl.col("kind") == "period",
        field=pl.col("field"),
    )


@rule("V43", on=PERIOD)
def type_and_programme_are_there() -> Finding:
    """Type and programme are required of us although the schema leaves them optional."""
    return Finding(
        pl.col("type_code").is_not_null() & pl.col("programme_code").is_not_null(),
        when=pl.col("host_days"),
        type=pl.col("type_code"),
        programme=pl.col("programme_code"),
    )


@rule("V44", on=RECORD)
def secondary_school_is_not_ours_to_send() -> Finding:
    """The country of secondary education is not in what we send."""
    return Finding(pl.col("field") != SECONDARY_FIELD, field=pl.col("field"))


@rule("V45", on=PERIOD)
def adult_education() -> Finding:
    """A bachelor student of a university of applied sciences in adult education gets the mark a."""
    adult = pl.col("adult_education").fill_null(value=False) | pl.col("adult_spell")
    level = pl.col("level")
    return Finding(adult, when=level == "1", level=level, adult_education=adult)


@rule("V46", on=RIGHT)
def timelines_are_whole() -> Finding:
    """States and spells cover the right without gap or overlap; primacy does not overlap."""
    return Finding(
        pl.col("states_whole") & pl.col("spells_whole") & ~pl.col("primacy_overlaps"),
        states_whole=pl.col("states_whole"),
        spells_whole=pl.col("spells_whole"),
        primacy_overlaps=pl.col("primacy_overlaps"),
    )


@rule("V47", on=PERIOD)
def only_an_active_right_makes_a_student() -> Finding:
    """A degree-leading right of the institution is in state 1 on the first day."""
    return Finding(
        pl.col("active_degree_right"),
        when=outgoing & ~nested,
        start=start,
        active_degree_right=pl.col("active_degree_right"),
    )


@rule("V48", on=PERIOD)
def fully_virtual_gives_no_period() -> Finding:
    """Some part is lived in the other country; without one there is no period."""
    return Finding(pl.col("host_days"), host_days=pl.col("host_days"))


@rule("V49", on=PERIOD)
def covid_exception() -> Finding:
    """Distance days from home because of COVID are in the length, when the institution says so."""
    first = pl.col("parts_start")
    return Finding(
        pl.col("covid_used"),
        when=pl.col("change_reason") == "covid",
        parts_start=first,
        allowed=parameter("covid_exception").at(first),
        chosen=chosen_covid(),
        host_days=pl.col("host_days"),
    )


def chosen_covid() -> pl.Expr:
    """The institution's choice to use the COVID exception, else the default."""
    default = parameter("use_covid_exception")
    return default.at(pl.lit(DAY_ONE), instead=pl.col("use_covid_exception"))


@rule("V50", on=ATTAINMENT)
def all_ects_attainments() -> Finding:
    """Every attainment inside the ECTS frame is brought."""
    ects = pl.col("ects_based").fill_null(value=True)
    return Finding(ects, ects=pl.col("ects"), ects_based=ects)


# --- Statistics --------------------------------------------------------------------------------


@rule("S01", on=TRANSFER)
def year_of_the_collection() -> Finding:
    """The collection takes the periods of the calendar year before the extraction."""
    year = pl.col("extraction").dt.year() - 1
    return Finding(start.dt.year() == year, start=start, year=year, extraction=pl.col("extraction"))


@rule("S02", on=PERIOD)
def basic_premise() -> Finding:
    """A degree student who does part of that degree in another country."""
    degree = (
        pl.when(incoming | nested)
        .then(pl.when(incoming).then(pl.col("home_degree_right_abroad")).otherwise(other_is_true()))
        .otherwise(pl.col("active_degree_right"))
    )
    return Finding(
        degree & pl.col("part_of_degree"), degree=degree, part_of_degree=pl.col("part_of_degree")
    )


def other_is_true() -> pl.Expr:
    """For a nested stay the degree exists abroad (A13)."""
    return pl.lit(value=True)


@rule("S03", on=PERIOD)
def physical_between_countries() -> Finding:
    """Some of it is physical, in another country."""
    return Finding(
        pl.col("host_days"), host_days=pl.col("host_days"), virtual=pl.col("virtual_from_home")
    )


@rule("S04", on=PERIOD)
def start_year() -> Finding:
    """Starts in the asked year."""
    year = start.dt.year()
    return Finding(
        year == pl.col("oph_year"),
        when=pl.col("oph_year").is_not_null(),
        start_year=year,
        asked=pl.col("oph_year"),
    )


@rule("S05", on=PERIOD)
def estimate_decides_the_class() -> Finding:
    """Unfinished: the length class comes from the estimated end."""
    limit = parameter("long_period_minimum").at(start)
    return Finding(days >= limit, when=estimated(), days=days, limit=limit, end=end)


@rule("S06", on=PERIOD)
def longer_than_twelve_months() -> Finding:
    """Ends on or after the anniversary of its first day; counted in the start year only."""
    limit = anniversary(start)
    return Finding(end >= limit, when=pl.col("host_days"), start=start, end=end, anniversary=limit)


@rule("S07", on=PERIOD)
def long_period() -> Finding:
    """Lasts at least the national minimum of a long period, as it stood on the first day."""
    limit = parameter("long_period_minimum").at(start)
    return Finding(days >= limit, when=pl.col("host_days"), days=days, limit=limit)


@rule("S08", on=PERIOD)
def lower_limit_at_oph() -> Finding:
    """Has at least the days that the OPH collection asks of a short period."""
    limit = parameter("oph_short_min_days").at(start)
    return Finding(days >= limit, when=pl.col("host_days"), days=days, limit=limit)


@rule("S09", on=PERIOD)
def no_lower_limit_at_tk() -> Finding:
    """One day is enough for Statistics Finland."""
    limit = parameter("tk_short_min_days").at(start)
    return Finding(days >= limit, when=outgoing & pl.col("host_days"), days=days, limit=limit)


@rule("S10", on=PERIOD)
def part_of_the_studies() -> Finding:
    """The stay is part of the degree studies."""
    return Finding(pl.col("part_of_degree"), part_of_degree=pl.col("part_of_degree"))


@rule("S11", on=PERIOD)
def several_periods_in_a_year() -> Finding:
    """The person has several periods that start in this year; each is a row of its own."""
    return Finding(
        pl.col("periods_same_year") > 1,
        when=pl.col("host_days"),
        periods=pl.col("periods_same_year"),
        year=start.dt.year(),
    )


@rule("S12", on=PERIOD)
def combined_is_counted_as_exchange() -> Finding:
    """Both collections treat studies with traineeship as student exchange."""
    return Finding(
        pl.col("type_code") == EXCHANGE,
        when=pl.col("purpose") == "combined",
        type=pl.col("type_code"),
    )


@rule("S13", on=PERIOD)
def incoming_without_degree_right_here() -> Finding:
    """No day in common with an active degree-leading right at the same institution."""
    return Finding(
        ~pl.col("degree_right_in_common"),
        when=incoming & pl.col("host_days"),
        start=start,
        end=end,
        degree_right_in_common=pl.col("degree_right_in_common"),
    )


@rule("S14", on=PERIOD)
def not_after_graduation() -> Finding:
    """No degree was completed before the first day, or another degree right is active."""
    return Finding(
        pl.col("active_degree_right") | pl.col("degree_before").is_null(),
        when=outgoing & pl.col("host_days"),
        start=start,
        degree_date=pl.col("degree_before"),
    )


@rule("S15", on=PERIOD)
def not_before_studies() -> Finding:
    """An active degree right exists on the first day, or none starts later."""
    return Finding(
        pl.col("active_degree_right") | pl.col("degree_right_later").is_null(),
        when=outgoing & pl.col("host_days"),
        start=start,
        right_start=pl.coalesce("degree_right_later", "right_start"),
    )


@rule("S16", on=ATTAINMENT)
def credits_of_a_traineeship_before_studies() -> Finding:
    """The attainment was entered during studies, so its credits count though the stay does not."""
    return Finding(
        pl.col("completed") >= pl.col("study_right_start"),
        when=pl.col("traineeship").fill_null(value=False)
        & (pl.col("mobility_start") < pl.col("study_right_start")),
        completed=pl.col("completed"),
        right_start=pl.col("study_right_start"),
        credits=pl.col("ects"),
    )


@rule("S17", on=PERIOD)
def commissioned_by_the_general_criteria() -> Finding:
    """Commissioned education is counted when the general criteria are met."""
    return Finding(
        pl.col("part_of_degree"),
        when=pl.col("commissioned"),
        part_of_degree=pl.col("part_of_degree"),
        days=days,
    )


@rule("S18", on=PERIOD)
def fully_virtual_is_not_counted() -> Finding:
    """Some part is lived in the other country; a fully virtual mobility is not counted."""
    return Finding(pl.col("host_days"), host_days=pl.col("host_days"))


@rule("S19", on=PERIOD)
def covid_years() -> Finding:
    """Distance days may be counted into a partly physical period that began in 2020 or 2021."""
    first = pl.col("parts_start")
    return Finding(
        parameter("covid_exception").at(first) & pl.col("host_days"),
        when=pl.col("change_reason") == "covid",
        parts_start=first,
        host_days=pl.col("host_days"),
    )


@rule("S20", on=RECORD)
def virtual_dates_are_not_collected() -> Finding:
    """OPH collects the classification, not the days of the virtual part."""
    return Finding(
        ~pl.col("field").is_in(VIRTUAL_DATE_FIELDS),
        when=pl.col("kind") == "period",
        field=pl.col("field"),
    )


@rule("S21", on=PERIOD)
def plan_decides() -> Finding:
    """Blended when it was planned and agreed as partly virtual."""
    return Finding(
        pl.col("planned_blended"),
        when=pl.col("virtual_from_home") & (start >= parameter("blended_since").at(start)),
        planned_blended=pl.col("planned_blended"),
    )


@rule("S22", on=PERIOD)
def personal_change_is_not_blended() -> Finding:
    """A physical period that became partly virtual against the agreement is not blended."""
    return Finding(
        ~pl.col("planned_blended"),
        when=pl.col("virtual_from_home") & (pl.col("change_reason") == "personal"),
        planned_blended=pl.col("planned_blended"),
    )


@rule("S23", on=PERIOD)
def blended_is_known_from() -> Finding:
    """From its first day on blended is yes or no; before it is published as unknown."""
    since = parameter("blended_since").at(start)
    return Finding(start >= since, start=start, since=since)


@rule("S24", on=PERIOD)
def programme_of_short_periods() -> Finding:
    """The programme is collected of long periods always, of short ones from its first day on."""
    since = parameter("programme_of_short_since").at(start)
    limit = parameter("long_period_minimum").at(start)
    return Finding(
        (days >= limit) | (start >= since),
        when=pl.col("host_days"),
        days=days,
        start=start,
        since=since,
    )


@rule("S25", on=PERIOD)
def primary_right() -> Finding:
    """A right is primary on the first day; otherwise another rule chose one."""
    return Finding(
        pl.col("right_by") == "primacy",
        when=pl.col("right").is_not_null(),
        right=pl.col("right"),
        chosen_by=pl.col("right_by"),
    )


@rule("S26", on=PERIOD)
def graduate_of_the_year() -> Finding:
    """A degree of the student is dated in the asked year."""
    return Finding(
        pl.col("degree_date").dt.year().eq_missing(pl.col("tk_year"))
        & pl.col("tk_year").is_not_null(),
        when=outgoing & pl.col("tk_year").is_not_null(),
        degree_date=pl.col("degree_date"),
        asked=pl.col("tk_year"),
    )


@rule("S27", on=PERIOD)
def degree_country() -> Finding:
    """The degree was granted in the country where it was completed; else the latter is its country."""
    granted, completed = pl.col("degree_granting_country"), pl.col("degree_completed_in")
    return Finding(
        granted == completed,
        when=granted.is_not_null() & completed.is_not_null(),
        granting_country=granted,
        completed_in=completed,
    )


@rule("S28", on=PERIOD)
def mandatory_for_eurostat() -> Finding:
    """Long periods of graduates must be reported to Eurostat; short ones Finland adds."""
    limit = parameter("long_period_minimum").at(start)
    return Finding(days >= limit, when=outgoing & pl.col("host_days"), days=days, limit=limit)


@rule("S29", on=PERIOD)
def abroad_only() -> Finding:
    """Statistics Finland collects stays abroad, also of nobody who came and graduated later."""
    return Finding(outgoing, direction=pl.col("direction"))


@rule("S30", on=PERIOD)
def old_periods_count() -> Finding:
    """Periods from before the common definitions belong to a graduate's periods too."""
    return Finding(
        start.is_not_null(),
        when=outgoing & (start < parameter("common_definitions_since").at(start)),
        start=start,
    )


@rule("S31", on=RECORD)
def secondary_country_from_admissions() -> Finding:
    """The country of secondary education comes from the student selection register."""
    return Finding(pl.col("field") != SECONDARY_FIELD, field=pl.col("field"))


def counted_kind() -> pl.Expr:
    """Kinds 3 (not to be counted) and 4 (internal) are left out."""
    return pl.col("kind").is_in(["1", "2"])


def completed_in_asked_year() -> pl.Expr:
    """Completed in the asked calendar year; the last day of the period stands for a missing day."""
    return pl.coalesce("completed", "mobility_end").dt.year() == pl.col("ask_year")


@rule("S32", on=ATTAINMENT)
def own_credits() -> Finding:
    """A degree student's accepted attainment of the year that is not recognised."""
    return Finding(
        counted_kind() & ~recognised() & completed_in_asked_year(),
        when=pl.col("student") == "degree",
        kind=pl.col("kind"),
        recognised=recognised(),
        completed=pl.coalesce("completed", "mobility_end"),
        asked=pl.col("ask_year"),
        credits=pl.col("ects"),
    )


@rule("S33", on=ATTAINMENT)
def recognised_from_abroad() -> Finding:
    """Completed at a foreign HEI and recognised into a degree: a column of its own."""
    completed = pl.coalesce("completed", "mobility_end")
    by_completion = parameter("recognised_year_by_completion").at(pl.lit(DAY_ONE))
    day = pl.when(by_completion).then(completed).otherwise(pl.col("recognised_on"))
    foreign = (pl.col("granted_by") == "foreign_hei") | (pl.col("source_code") == FOREIGN_HEI)
    return Finding(
        counted_kind()
        & ~pl.col("traineeship").fill_null(value=False)
        & foreign.fill_null(value=False)
        & (day.dt.year() == pl.col("ask_year")),
        when=(pl.col("student") == "degree") & recognised(),
        granted_by=pl.col("granted_by"),
        day=day,
        asked=pl.col("ask_year"),
        credits=pl.col("ects"),
    )


@rule("S34", on=ATTAINMENT)
def traineeship_abroad() -> Finding:
    """Credits of a traineeship abroad stand in their own column beside own credits."""
    return Finding(
        counted_kind() & completed_in_asked_year(),
        when=abroad_traineeship(),
        completed=pl.coalesce("completed", "mobility_end"),
        asked=pl.col("ask_year"),
        credits=pl.col("ects"),
    )


@rule("S35", on=ATTAINMENT)
def incoming_exchange() -> Finding:
    """Credits completed by incoming exchange students stand in their own column."""
    return Finding(
        counted_kind() & completed_in_asked_year(),
        when=pl.col("student") == "incoming_exchange",
        completed=pl.coalesce("completed", "mobility_end"),
        asked=pl.col("ask_year"),
        credits=pl.col("ects"),
    )


@rule("S36", on=ATTAINMENT)
def traineeship_is_never_recognised() -> Finding:
    """A traineeship has neither recognition date nor source."""
    return Finding(
        pl.col("recognised_on").is_null() & pl.col("source_code").is_null(),
        when=pl.col("traineeship").fill_null(value=False),
        recognised_on=pl.col("recognised_on"),
        source=pl.col("source_code"),
    )


@rule("S37", on=PERIOD)
def doctoral_overlap() -> Finding:
    """The stay of a licentiate or doctoral student may be in the staff data too; both count."""
    kind = pl.when(outgoing).then(pl.col("right_type")).otherwise(pl.col("level"))
    return Finding(doctoral, when=kind.is_not_null() & pl.col("host_days"), type=kind)


@rule("S38", on=PUBLISHED)
def small_numbers_are_masked() -> Finding:
    """Five or more is rounded to the nearest three; one to four is masked; nought is shown."""
    count = pl.col("count")
    least = parameter("published_smallest_count").at(pl.lit(DAY_ONE))
    base = parameter("published_rounding").at(pl.lit(DAY_ONE))
    rounded = (count + base // 2) // base * base
    return Finding(
        (count >= least) | (count == 0),
        count=count,
        rounded=pl.when(count >= least).then(rounded).when(count == 0).then(0),
        limit=least,
    )


@rule("S39", on=RECORD)
def counted_once_by_key() -> Finding:
    """Institution and key name a period; the same key twice counts once."""
    return Finding(
        pl.col("times") == 1,
        institution=pl.col("institution"),
        key=pl.col("key"),
        times=pl.col("times"),
    )


@rule("S40", on=PUBLISHED)
def average_needs_five() -> Finding:
    """An average length is shown of enough periods."""
    limit = parameter("published_smallest_average").at(pl.lit(DAY_ONE))
    return Finding(
        pl.col("periods") >= limit,
        when=pl.col("periods").is_not_null(),
        periods=pl.col("periods"),
        limit=limit,
    )


@rule("S41", on=PUBLISHED)
def share_of_graduates() -> Finding:
    """The share of the year's graduates with at least one period can be told."""
    share = pl.col("graduates_with_period") * 100 / pl.col("graduates")
    return Finding(
        pl.col("graduates") > 0,
        when=pl.col("graduates").is_not_null(),
        graduates=pl.col("graduates"),
        with_period=pl.col("graduates_with_period"),
        percent=pl.when(pl.col("graduates") > 0).then(share),
    )


@rule("S42", on=PERIOD)
def free_mover() -> Finding:
    """Arranged by the student; counted like others when part of the degree."""
    code = pl.col("programme_code")
    return Finding(code == CODE_OF_PROGRAMME["free_mover"], when=pl.col("host_days"), code=code)


@rule("S43", on=PERIOD)
def outgoing_needs_a_degree_right() -> Finding:
    """A degree-leading right here is active on the first day, or the stay is inside an incoming one."""
    return Finding(
        nested | pl.col("active_degree_right"),
        when=outgoing & pl.col("host_days"),
        start=start,
        active_degree_right=pl.col("active_degree_right"),
        nested=nested,
    )


@rule("S44", on=TRANSFER)
def published_in_march() -> Finding:
    """The year of the start is visible from the tenth of March of the year after."""
    visible = pl.date(start.dt.year() + 1, 3, 10)
    return Finding(pl.col("today") >= visible, start=start, visible=visible, today=pl.col("today"))


def staff_days() -> pl.Expr:
    """Begun days of 24 hours."""
    return (pl.col("hours") / 24).ceil().cast(pl.Int32)


@rule("S45", on=STAFF_VISIT)
def staff_length() -> Finding:
    """An outgoing visit lasts at least one day; begun days of 24 hours are counted."""
    limit = parameter("staff_outgoing_min_hours").at(start)
    return Finding(
        pl.col("hours") >= limit,
        when=outgoing,
        hours=pl.col("hours"),
        limit=limit,
        days=staff_days(),
    )


@rule("S46", on=STAFF_VISIT)
def staff_long() -> Finding:
    """A long visit lasts thirty days or more."""
    limit = parameter("staff_long_min_days").at(start)
    return Finding(staff_days() >= limit, days=staff_days(), limit=limit)


@rule("S47", on=STAFF_VISIT)
def staff_incoming() -> Finding:
    """An incoming visit lasts at least one working day at the host."""
    limit = parameter("staff_incoming_min_hours").at(start)
    return Finding(
        pl.col("hours") >= limit,
        when=incoming,
        hours=pl.col("hours"),
        limit=limit,
        days=staff_days(),
    )


@rule("S48", on=STAFF_VISIT)
def staff_content() -> Finding:
    """Teaching, research or expert work; a conference or a single guest lecture is no visit."""
    return Finding(pl.col("content").is_in(COUNTED_CONTENT), content=pl.col("content"))


@rule("S49", on=STAFF_VISIT)
def staff_year() -> Finding:
    """One row per visit, in the year it started."""
    year = start.dt.year()
    asked = pl.coalesce("ask_year", year)
    return Finding(year == asked, start=start, year=year, asked=asked)


@rule("S50", on=PERIOD)
def outgoing_part_of_a_double_degree() -> Finding:
    """The institution counts its double degree students' stays at the partner."""
    counted = parameter("count_outgoing_double_degree").at(
        start, instead=pl.col("count_outgoing_double_degree")
    )
    return Finding(counted, when=outgoing & pl.col("double_degree"), counted=counted)


@rule("S51", on=TRANSFER)
def one_common_moment() -> Finding:
    """The record did not change after the day of the collection."""
    changed, frozen = pl.col("changed_on"), pl.col("frozen_on")
    return Finding(changed <= frozen, changed_on=changed, frozen_on=frozen)


RULES: tuple[Rule, ...] = (
    completeness,
    exchange_right_apart,
    level_is_filled,
    transfer_is_in_time,
    batch_is_everything,
    history_is_stored,
    graduate_has_her_periods,
    common_definitions,
    student_is_known,
    one_person_several_institutions,
    key_is_unique_and_stable,
    level_is_of_the_studies_here,
    doctoral_is_recorded,
    programme_is_the_frame,
    programme_is_one_code,
    commissioned_is_recorded,
    commissioned_is_seen_on_the_spell,
    completion_date,
    two_dates,
    recognised_attainment,
    outgoing_inside_incoming,
    joint_programme_as_the_institution_chose,
    giving_up_the_double_degree,
    kept_permanently,
    incoming_trainee,
    credits_of_an_incoming_trainee,
    exchange_right_needs_a_degree_abroad,
    blended_is_asked,
    dates_follow_the_physical_stay,
    virtual_between_two_physical_parts,
    online_in_the_destination,
    virtual_from_the_country_of_departure,
    blended_not_backwards,
    planned_and_agreed,
    combined_is_stored_as_exchange,
    traineeship_credits_are_our_own,
    end_is_an_estimate,
    after_graduation_may_be_stored,
    before_studies_is_not_sent,
    country_is_not_finland,
    level_of_an_outgoing_period,
    virtual_dates_stay_at_home,
    type_and_programme_are_there,
    secondary_school_is_not_ours_to_send,
    adult_education,
    timelines_are_whole,
    only_an_active_right_makes_a_student,
    fully_virtual_gives_no_period,
    covid_exception,
    all_ects_attainments,
    year_of_the_collection,
    basic_premise,
    physical_between_countries,
    start_year,
    estimate_decides_the_class,
    longer_than_twelve_months,
    long_period,
    lower_limit_at_oph,
    no_lower_limit_at_tk,
    part_of_the_studies,
    several_periods_in_a_year,
    combined_is_counted_as_exchange,
    incoming_without_degree_right_here,
    not_after_graduation,
    not_before_studies,
    credits_of_a_traineeship_before_studies,
    commissioned_by_the_general_criteria,
    fully_virtual_is_not_counted,
    covid_years,
    virtual_dates_are_not_collected,
    plan_decides,
    personal_change_is_not_blended,
    blended_is_known_from,
    programme_of_short_periods,
    primary_right,
    graduate_of_the_year,
    degree_country,
    mandatory_for_eurostat,
    abroad_only,
    old_periods_count,
    secondary_country_from_admissions,
    own_credits,
    recognised_from_abroad,
    traineeship_abroad,
    incoming_exchange,
    traineeship_is_never_recognised,
    doctoral_overlap,
    small_numbers_are_masked,
    counted_once_by_key,
    average_needs_five,
    share_of_graduates,
    free_mover,
    outgoing_needs_a_degree_right,
    published_in_march,
    staff_length,
    staff_long,
    staff_incoming,
    staff_content,
    staff_year,
    outgoing_part_of_a_double_degree,
    one_common_moment,
)

"""What the rules say of some persons' records, as the rows that are stored: columns in, rows out.

No database here. The schemes: VIRTA (recorded, sent or not), OPH, Statistics Finland, the ministry's
credits and staff visits, and the alliance's participation. The national ones concern sides of Finnish
institutions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from vaihto.classification import columns
from vaihto.classification.columns import Columns, Places
from vaihto.classification.models import PERIODS_OF_A_SIDE, Group, MobilityMode, Scheme
from vaihto.institutions.models import Institution
from vaihto.mobilities.models import Kind, State
from vaihto.rules import frames
from vaihto.wording import mark as _

# Reasons of ours, beside those of the reference (3.4).
CANCELLED = "X_CANCELLED"
NOT_AGREED = "X_NOT_AGREED"
NOT_BEGUN = "X_NOT_BEGUN"
CONFERENCE = "X_CONFERENCE_ONLY"
TOO_SMALL = "X_VIRTUAL_TOO_SMALL"
OWN_REASONS = {
    CANCELLED: _("The mobility was cancelled."),
    NOT_AGREED: _("The mobility is planned and not yet agreed."),
    NOT_BEGUN: _("The mobility is agreed and has not begun."),
    CONFERENCE: _("Attending a conference alone is not a mobility."),
    TOO_SMALL: _("The virtual mobility is smaller than the least that counts."),
}

DOCTORAL_LEVELS = ("6", "7")
EXCHANGE_RIGHT = "9"
TEACHING_PURPOSES = ("teaching", "research")

JUDGEMENTS: dict[str, pl.DataType] = {
    "side": pl.Int64(),
    "mode": pl.String(),
    "reason_code": pl.String(),
    "note_codes": pl.String(),  # JSON
    "kept": pl.String(),  # JSON
}
PERIODS: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "side": pl.Int64(),
    "institution": pl.Int64(),
    "index": pl.Int32(),
    "start": pl.Date(),
    "end": pl.Date(),
    "days": pl.Int32(),
    "direction": pl.String(),
    "country": pl.String(),
    "type": pl.String(),
    "programme": pl.String(),
    "level": pl.String(),
    "classifications": pl.String(),  # JSON
    "right": pl.Int64(),
    "right_by": pl.String(),
    "belongs_to": pl.Int64(),
    "sent": pl.Boolean(),
}
VERDICTS: dict[str, pl.DataType] = {
    "side": pl.Int64(),
    "period": pl.Int64(),
    "institution": pl.Int64(),
    "person": pl.Int64(),
    "partner": pl.Int64(),
    "group": pl.String(),
    "direction": pl.String(),
    "scheme": pl.String(),
    "included": pl.Boolean(),
    "kind": pl.String(),
    "amount": pl.Float64(),
    "year": pl.Int32(),
    "reason_code": pl.String(),
    "rule": pl.String(),
    "missing": pl.String(),  # JSON
}
# Verdicts before the facts of their side are joined.
_SAID = [
    "side",
    "number",
    "scheme",
    "included",
    "kind",
    "amount",
    "year",
    "reason_code",
    "rule",
    "missing",
]


@dataclass(frozen=True)
class Outcome:
    """Rows to be stored, without the keys of periods, which only the institution's register knows."""

    judgements: pl.DataFrame
    periods: pl.DataFrame
    verdicts: pl.DataFrame


def judge(records: Columns, at: Places, *, by: Any) -> Outcome:
    """Judges everything in `records` by the rules `by` (see `ruleset`)."""
    judged = by.judging.judge(
        records.rules, oph_year="own", tk_year="own", partition=2 * columns.PERSONS_IN_A_PART * 8
    )
    sides = _with_modes(records, judged.facts, at)
    students = sides.filter(pl.col("judged") & (pl.col("kind") == Kind.STUDENT))
    earned = _earned(records.attainments)
    uas = [pk for pk, sector in at.sectors.items() if sector == Institution.Sector.UAS]
    visits = _visits(sides, uas, by)
    erasmus = _erasmus(sides, records.segments, earned, by)
    participation = _participation(sides, earned, by)
    stored_periods = _periods(judged.periods, sides)
    said = pl.concat(
        [
            _virta(judged, students),
            _collections(judged.verdicts, students),
            _credits(records, sides, by),
            visits.select(_SAID),
            # A fully virtual stay is not in the rules of the money at all.
            erasmus.filter(pl.col("rule").is_not_null()).select(_SAID),
            participation.select(_SAID),
        ]
    )
    return Outcome(
        judgements=_judgements(
            _with_right_keys(judged, records.right_keys),
            sides,
            (visits, erasmus, participation),
        ),
        periods=stored_periods,
        verdicts=_verdicts(said, sides, stored_periods),
    )


# --- Sides -------------------------------------------------------------------------------------


def _with_modes(records: Columns, facts: pl.DataFrame, at: Places) -> pl.DataFrame:
    """Sides with mode, group, partner, first day, and whether and by whose rules they are judged."""
    virtual, physical = pl.col("mode") == "virtual", pl.col("mode") == "physical"
    there = physical | (virtual & (pl.col("place") == "host") & pl.col("hybrid"))
    lived = (
        records.segments.lazy()
        .filter(~pl.col("cancelled"))
        # Online study while living in the host country is being there (V31, E11).
        .with_columns(
            hybrid=(physical & (pl.col("place") == "host"))
            .any()
            .over("side")
            .fill_null(value=False)
        )
        .group_by("side")
        .agg(
            physical=there.any(),
            virtual=(virtual & ~there).any(),
            first=pl.col("start").min(),
        )
    )
    chosen = (
        facts.lazy()
        .group_by("mobility")
        .agg(chosen_type=pl.col("right_type").drop_nulls().first())
        .rename({"mobility": "side"})
    )
    mode = (
        pl.when(pl.col("physical") & pl.col("virtual"))
        .then(pl.lit(MobilityMode.BLENDED.value))
        .when("physical")
        .then(pl.lit(MobilityMode.PHYSICAL.value))
        .when("virtual")
        .then(pl.lit(MobilityMode.VIRTUAL.value))
    )
    outgoing = pl.col("direction") == "outgoing"
    level = pl.when(outgoing).then(pl.coalesce("right_type", "chosen_type")).otherwise("level")
    teaches = pl.coalesce(
        pl.col("visit_group") == "teaching", pl.col("purpose").is_in(TEACHING_PURPOSES)
    )
    student = pl.col("kind") == Kind.STUDENT
    group = (
        pl.when(student & level.is_in(DOCTORAL_LEVELS))
        .then(pl.lit(Group.DOCTORAL.value))
        .when(student)
        .then(pl.lit(Group.STUDENTS.value))
        .when(teaches)
        .then(pl.lit(Group.TEACHERS.value))
        .otherwise(pl.lit(Group.OTHER_STAFF.value))
    )
    finnish = [pk for pk in at.names if at.is_finnish(pk)]
    return (
        records.sides.lazy()
        .join(lived, on="side", how="left")
        .join(chosen, on="side", how="left")
        .with_columns(
            mode=mode,
            group=group,
            partner=pl.when(outgoing).then("receiving_id").otherwise("sending_id"),
            first=pl.coalesce("first", "first_day"),
            national=pl.col("institution_id").is_in(finnish),
            judged=~pl.col("state").is_in(columns.NOT_JUDGED),
        )
        .collect()
    )


# --- Recorded, and counted by the two collections ------------------------------------------------


def as_json_list(names: pl.Expr) -> pl.Expr:
    """A list of codes as JSON text; codes need no escaping."""
    joined = names.list.join('","')
    return (
        pl.when(names.list.len() > 0)
        .then(pl.concat_str(pl.lit('["'), joined, pl.lit('"]')))
        .otherwise(pl.lit("[]"))
    )


def _period_id() -> pl.Expr:
    return pl.col("side") * PERIODS_OF_A_SIDE + pl.col("number")


def _periods(periods: pl.DataFrame, sides: pl.DataFrame) -> pl.DataFrame:
    """Periods of Finnish institutions whose days are known."""
    return (
        periods.lazy()
        .rename({"mobility": "side"})
        .drop("institution")
        .join(
            sides.lazy()
            .filter("national")
            .select("side", "send_anyway", institution="institution_id"),
            on="side",
        )
        .filter(pl.col("start").is_not_null() & pl.col("end").is_not_null())
        .select(
            id=_period_id(),
            side="side",
            institution="institution",
            index="number",
            start="start",
            end="end",
            days="days",
            direction="direction",
            country=pl.col("country").fill_null(""),
            type=pl.col("type_code").fill_null(""),
            programme=pl.col("programme_code").fill_null(""),
            level=pl.col("level").fill_null(""),
            classifications=as_json_list(pl.col("classifications")),
            right=pl.col("right").cast(pl.Int64),
            right_by=pl.col("right_by").fill_null(""),
            belongs_to=pl.col("belongs_to").cast(pl.Int64),
            sent=pl.col("sent_by_default").fill_null(value=True) | pl.col("send_anyway"),
        )
        .cast(pl.Schema(PERIODS))
        .sort("id")
        .collect()
    )


def _nothing_recorded() -> tuple[pl.Expr, pl.Expr]:
    """Why nothing may be recorded of a mobility, and the rule that says so (V25, V27, V48)."""
    incoming = pl.col("direction") == "incoming"
    not_at_home = incoming & ~pl.col("home_degree_right_abroad").fill_null(value=True)
    trainee = pl.col("purpose") == "traineeship"
    free = incoming & trainee & ~pl.col("part_of_degree").fill_null(value=True)
    reason = (
        pl.when(not_at_home)
        .then(pl.lit("X_INCOMING_NO_HOME_DEGREE"))
        .when(~pl.col("host_days"))
        .then(pl.lit("X_FULLY_VIRTUAL"))
        .when(free)
        .then(pl.lit("X_NOT_PART_OF_STUDIES"))
    )
    rule = (
        pl.when(not_at_home & trainee)
        .then(pl.lit("V25"))
        .when(not_at_home)
        .then(pl.lit("V27"))
        .when(~pl.col("host_days"))
        .then(pl.lit("V48"))
        .when(free)
        .then(pl.lit("V25"))
    )
    return reason, rule


def _virta(judged: Any, students: pl.DataFrame) -> pl.DataFrame:
    """Whether each period is sent to VIRTA; one line without a period where nothing may be recorded."""
    reason, rule = _nothing_recorded()
    after = pl.col("degree_before").is_not_null()
    before = pl.col("degree_right_later").is_not_null()
    not_part = ~pl.col("part_of_degree").fill_null(value=True)
    recorded = pl.col("number").is_not_null()
    sent = pl.col("sent_by_default").fill_null(value=True) | pl.col("send_anyway")
    days_known = pl.col("start").is_not_null() & pl.col("end").is_not_null()
    return (
        judged.facts.lazy()
        .join(
            judged.periods.lazy().select("mobility", "number", "sent_by_default"),
            on=["mobility", "number"],
            how="left",
        )
        .rename({"mobility": "side"})
        .join(students.lazy().filter("national").select("side", "send_anyway", "first"), on="side")
        .select(
            side="side",
            number="number",
            scheme=pl.lit(Scheme.VIRTA.value),
            included=pl.when(~recorded).then(pl.lit(value=False)).when(days_known).then(sent),
            kind=pl.when(recorded & days_known & sent)
            .then(pl.lit("sent"))
            .when(recorded)
            .then(pl.lit("recorded"))
            .otherwise(pl.lit("")),
            amount=pl.lit(None, pl.Float64),
            year=pl.coalesce("start", "first").dt.year(),
            reason_code=pl.when(~recorded)
            .then(reason)
            .when(days_known & ~sent)
            .then(
                pl.when(not_part)
                .then(pl.lit("X_NOT_PART_OF_STUDIES"))
                .when(after)
                .then(pl.lit("X_AFTER_GRADUATION"))
                .when(before)
                .then(pl.lit("X_BEFORE_STUDIES"))
            ),
            rule=pl.when(~recorded)
            .then(rule)
            .when(sent)
            .then(pl.lit("V40"))
            .when(not_part)
            .then(pl.lit("S10"))
            .when(after)
            .then(pl.lit("V38"))
            .otherwise(pl.lit("V39")),
            missing=pl.when(recorded & pl.col("start").is_null())
            .then(pl.lit('["segments.start"]'))
            .when(recorded & pl.col("end").is_null())
            .then(pl.lit('["segments.end"]')),
        )
        .select(_SAID)
        .cast({"number": pl.Int32, "year": pl.Int32, "side": pl.Int64})
        .collect()
    )


def _collections(verdicts: pl.DataFrame, students: pl.DataFrame) -> pl.DataFrame:
    """What OPH and Statistics Finland make of each period, each for the year it belongs to."""
    return (
        verdicts.lazy()
        .rename({"mobility": "side"})
        .join(students.lazy().filter("national").select("side", "first"), on="side")
        .with_columns(
            # A mobility without a period would have counted in the year it began.
            year=pl.when(pl.col("scheme") == Scheme.OPH)
            .then(pl.coalesce("year", pl.col("first").dt.year()))
            .otherwise("year")
        )
        .select(
            side="side",
            number="number",
            scheme="scheme",
            included="included",
            kind=pl.col("kind").fill_null(""),
            amount=pl.lit(None, pl.Float64),
            year="year",
            reason_code=pl.col("reason").fill_null(""),
            rule=pl.col("rule").fill_null(""),
            missing=as_json_list(pl.col("missing")),
        )
        .cast({"number": pl.Int32, "year": pl.Int32, "side": pl.Int64})
        .collect()
    )


# --- Credits and visits of the ministry ----------------------------------------------------------


def credit_table(attainments: pl.DataFrame, sides: pl.DataFrame, at_names: pl.Expr) -> pl.DataFrame:
    """Attainments with what their mobility says of them, as the credit rules want it.

    Whatever is in the register with credits was measured in ECTS and accepted by the institution.
    """
    of_mobility = sides.select(
        "mobility_id",
        "institution_id",
        "side",
        "direction",
        "purpose",
        "first_day",
        "last_day",
        mobility_mode="mode",
    )
    incoming = (pl.col("direction") == "incoming").fill_null(value=False)
    trainee = pl.col("purpose") == "traineeship"
    return (
        attainments.lazy()
        .join(of_mobility.lazy(), on=["mobility_id", "institution_id"], how="left")
        .with_columns(
            institution=at_names,
            student=pl.when(incoming & trainee)
            .then(pl.lit("incoming_trainee"))
            .when(incoming | (pl.col("right_type") == EXCHANGE_RIGHT).fill_null(value=False))
            .then(pl.lit("incoming_exchange"))
            .otherwise(pl.lit("degree")),
            abroad=pl.col("side").is_not_null() & ~incoming,
            ects_based=pl.lit(value=True),
            could_be_part_of_finnish_degree=pl.lit(value=True),
            mobility_start="first_day",
            mobility_end="last_day",
            mobility_purpose="purpose",
            fully_virtual=pl.col("mobility_mode") == MobilityMode.VIRTUAL,
        )
        .with_columns(ask_year=pl.coalesce("completed", "mobility_end").dt.year())
        .collect()
    )


def counted_credits(table: pl.DataFrame, by: Any) -> pl.DataFrame:
    """Attainments with the ministry's columns, each holding the credits it counts."""
    schema = {
        **frames.ATTAINMENTS,
        "attainment": pl.Int64(),
        "person": pl.Int64(),
        "right": pl.Int64(),
    }
    absent = [
        pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in table.columns
    ]
    rows = table.lazy().with_columns(absent)
    counted: pl.DataFrame = by.credits.count_attainments(
        by.credits.record_attainments(rows)
    ).collect()
    return counted


def _credits(records: Columns, sides: pl.DataFrame, by: Any) -> pl.DataFrame:
    """The ministry's credits of each mobility, by column and year of completion."""
    national = sides.filter("national")
    linked = records.attainments.filter(
        pl.col("mobility_id").is_not_null() & pl.col("kind").ne_missing(columns.DEGREE)
    )
    table = credit_table(linked, national, pl.col("institution_id").cast(pl.String)).filter(
        pl.col("side").is_not_null()
    )
    if not table.height:
        return pl.DataFrame(schema=_schema_of_said())
    counted = counted_credits(table, by)
    long = pl.concat(
        counted.lazy().select(
            "side",
            year="ask_year",
            kind=pl.lit(column),
            amount=pl.col(column),
            rule=pl.lit(rule),
        )
        for column, rule in by.credits.COLUMNS.items()
    ).collect()
    unknown = pl.col("amount").is_null()
    by_column = (
        long.lazy()
        .filter(unknown | (pl.col("amount") > 0))
        .group_by("side", "year", "kind", "rule")
        .agg(pl.col("amount").sum(), lacks=unknown.any())
        .with_columns(
            included=pl.when(~pl.col("lacks")).then(pl.lit(value=True)),
            missing=pl.when("lacks").then(pl.lit('["credits"]')),
        )
        .collect()
    )
    none = (
        long.lazy()
        .join(by_column.lazy().select("side").unique(), on="side", how="anti")
        .group_by("side")
        .agg(pl.col("year").min())
        .select(
            "side",
            "year",
            kind=pl.lit(""),
            amount=pl.lit(0.0),
            rule=pl.lit("S32"),
            included=pl.lit(value=False),
            missing=pl.lit(None, pl.String),
        )
        .collect()
    )
    return (
        pl.concat([by_column.select(none.columns), none])
        .with_columns(
            number=pl.lit(None, pl.Int32),
            scheme=pl.lit(Scheme.OKM.value),
            reason_code=pl.lit(None, pl.String),
        )
        .select(_SAID)
        .cast({"year": pl.Int32, "side": pl.Int64})
    )


def _schema_of_said() -> dict[str, pl.DataType]:
    return {name: VERDICTS[name] if name != "number" else pl.Int32() for name in _SAID}


def _visits(sides: pl.DataFrame, uas: Sequence[int], by: Any) -> pl.DataFrame:
    """Staff visits of universities of applied sciences as the ministry counts them, with findings."""
    moments = (pl.col("ended_at") - pl.col("started_at")).dt.total_seconds() / 3600
    visits = sides.filter(
        "judged",
        "national",
        # The collection of staff visits is that of universities of applied sciences (S45).
        pl.col("institution_id").is_in(uas),
        pl.col("kind") == Kind.STAFF,
        pl.col("mode").ne_missing(MobilityMode.VIRTUAL),
    ).select(
        "side",
        "institution_id",
        "direction",
        hours=pl.coalesce("hours", moments),
        start="first",
        content="content",
        ask_year=pl.lit(None, pl.Int32),
    )
    rules = by.visits.RULES_OF_VISITS
    judged = by.findings.evaluate(by.visits.judge_visits(visits.lazy()), rules).collect()
    failed = pl.lit("S49")
    for code in reversed(by.visits.DECIDING):
        holds = pl.col(code).struct.field("holds")
        wrong = pl.col(code).is_not_null() & ~holds.fill_null(value=False)
        failed = pl.when(wrong).then(pl.lit(code)).otherwise(failed)
    return judged.select(
        "side",
        number=pl.lit(None, pl.Int32),
        scheme=pl.lit(Scheme.OKM.value),
        included="counted",
        kind=pl.col("length").fill_null(""),
        amount=pl.col("days").cast(pl.Float64),
        year=pl.col("year").cast(pl.Int32),
        reason_code=pl.lit(None, pl.String),
        rule=pl.when("counted").then(pl.lit("S46")).otherwise(failed),
        missing=pl.when(pl.col("counted").is_null()).then(
            pl.when(pl.col("content").is_null())
            .then(pl.lit('["content"]'))
            .otherwise(pl.lit('["hours"]'))
        ),
        findings=_findings_of_one(rules),
    )


def _findings_of_one(rules: Sequence[Any]) -> pl.Expr:
    """The struct columns of rules as one JSON object; rules that do not apply are left out."""
    return _without_nulls(pl.struct(one.code for one in rules).struct.json_encode())


def _without_nulls(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r'"[A-Z]\d+":null,?', "").str.replace(",}$", "}")


# --- Erasmus+ ------------------------------------------------------------------------------------

# The programme's rules whose facts are in our records; the others ask for grants and agreements.
ERASMUS_RULES = ("E02", "E05", "E06", "E08", "E09", "E10", "E11", "E15", "E31", "E32", "E34")
_CYCLES = {"1": "first", "2": "first", "3": "second", "4": "second", "6": "third", "7": "third"}
_TRAINING_FORMS = {
    "training": "course",
    "job shadowing": "job_shadowing",
    "conference": "conference",
}
_DAYS_OF_A_MONTH = 30


def _erasmus(
    sides: pl.DataFrame, segments: pl.DataFrame, earned: pl.LazyFrame, by: Any
) -> pl.DataFrame:
    """Whether the stays that an institution sends with Erasmus+ fit its rules, with findings."""
    sent = sides.filter(
        "judged", pl.col("programme") == "erasmus", pl.col("direction") == "outgoing"
    )
    parts = segments.join(sent.select("side"), on="side", how="semi").rename({"side": "mobility"})
    stays = (
        sent.lazy()
        .join(earned, on="mobility_id", how="left")
        .join(_months_before(sent, segments), on="side", how="left")
        .select(
            "kind",
            "purpose",
            "action",
            "call_year",
            "sending_country",
            "receiving_country",
            "force_majeure",
            "bip_id",
            "teaching_hours",
            "person",
            mobility="side",
            cycle=pl.coalesce("right_type", "chosen_type").replace_strict(
                _CYCLES, default=None, return_dtype=pl.String
            ),
            start="first",
            end="last_day",
            planned_credits=pl.coalesce("planned_credits", "earned"),
            evidence="force_majeure",  # the register's own flag is its evidence
            previous_months=pl.col("months_before").fill_null(0.0),
            training_form=pl.col("content").replace_strict(
                _TRAINING_FORMS, default=None, return_dtype=pl.String
            ),
        )
        .collect()
    )
    rules = [one for one in by.erasmus.RULES_OF_STAYS if one.code in ERASMUS_RULES]
    prepared = by.stays.prepared(
        by.stays.ErasmusFrames(
            mobilities=stays.with_columns(pl.col("mobility").cast(pl.String)),
            segments=parts.with_columns(pl.col("mobility").cast(pl.String)),
        )
    )
    found = by.findings.evaluate(prepared, rules).collect()
    blocks = [one.code for one in rules if one.effect == "block"]
    fails = {code: ~pl.col(code).struct.field("holds") for code in blocks}
    is_open = {
        code: pl.col(code).is_not_null() & pl.col(code).struct.field("holds").is_null()
        for code in blocks
    }
    length = ("E05", "E06", "E08", "E09", "E10", "E31")
    judged = found.lazy().select(
        pl.col("mobility").cast(pl.Int64),
        failing=_first_of(fails),
        open=_first_of(is_open),
        length_rule=_first_of({code: pl.col(code).is_not_null() for code in length}),
        findings=_findings_of_one(rules),
    )
    lacking = (
        pl.when(pl.col("call_year").is_null())
        .then(pl.lit('["call_year"]'))
        .when(pl.col("start").is_null())
        .then(pl.lit('["segments.start"]'))
        .when(pl.col("cycle").is_null() & (pl.col("kind") == Kind.STUDENT))
        .then(pl.lit('["study_right"]'))
        .when(pl.col("planned_credits").is_null())
        .then(pl.lit('["planned_credits"]'))
        .otherwise(pl.lit('["segments.end"]'))
    )
    fits = (
        pl.when(pl.col("failing").is_not_null())
        .then(pl.lit(value=False))
        .when(pl.col("open").is_null())
        .then(pl.lit(value=True))
    )
    return (
        stays.lazy()
        .join(judged, on="mobility")
        .with_columns(fits=fits)
        .select(
            side="mobility",
            number=pl.lit(None, pl.Int32),
            scheme=pl.lit(Scheme.ERASMUS.value),
            included="fits",
            kind=pl.lit(""),
            amount=pl.lit(None, pl.Float64),
            year=pl.col("call_year").cast(pl.Int32),
            reason_code=pl.lit(None, pl.String),
            rule=pl.coalesce("failing", "open", "length_rule"),
            missing=pl.when(pl.col("fits").is_null()).then(lacking),
            findings="findings",
        )
        .collect()
    )


def _first_of(conditions: dict[str, pl.Expr]) -> pl.Expr:
    """The first code whose condition is true."""
    return pl.coalesce(
        pl.when(condition.fill_null(value=False)).then(pl.lit(code))
        for code, condition in conditions.items()
    )


def _months_before(sent: pl.DataFrame, segments: pl.DataFrame) -> pl.LazyFrame:
    """Months of earlier stays of the person in the same cycle, sent by the same institution (E02)."""
    length = (pl.col("end") - pl.col("start")).dt.total_days() + 1
    days = (
        segments.lazy()
        .filter(~pl.col("cancelled") & (pl.col("place") == "host"))
        .group_by("side")
        .agg(days=length.sum())
    )
    return (
        sent.lazy()
        .filter(pl.col("kind") == Kind.STUDENT)
        .join(days, on="side", how="left")
        .with_columns(
            cycle=pl.coalesce("right_type", "chosen_type").replace_strict(
                _CYCLES, default="", return_dtype=pl.String
            ),
            days=pl.col("days").fill_null(0),
        )
        .sort("person", "institution_id", "first", "side")
        .select(
            "side",
            months_before=(
                (pl.col("days").cum_sum() - pl.col("days")).over(
                    "person", "institution_id", "cycle"
                )
                / _DAYS_OF_A_MONTH
            ),
        )
    )


# --- The alliance --------------------------------------------------------------------------------


def _earned(attainments: pl.DataFrame) -> pl.LazyFrame:
    """Credits recorded from each mobility; the larger sum where two institutions recorded them."""
    return (
        attainments.lazy()
        .filter(pl.col("mobility_id").is_not_null())
        .group_by("mobility_id", "institution_id")
        .agg(pl.col("ects").sum())
        .group_by("mobility_id")
        .agg(earned=pl.col("ects").max())
    )


def _participation(sides: pl.DataFrame, earned: pl.LazyFrame, by: Any) -> pl.DataFrame:
    """Whether each side is an event of the alliance's figures (E70 to E79), with findings."""
    moments = (pl.col("ended_at") - pl.col("started_at")).dt.total_seconds() / 3600
    events = (
        sides.lazy()
        .join(earned, on="mobility_id", how="left")
        .with_columns(
            start="first",
            hours=pl.coalesce("hours", moments),
            credits=pl.when(pl.col("earned") > 0)
            .then("earned")
            .otherwise(pl.col("planned_credits")),
        )
    )
    takes_part, enough = (by.participation.takes_part, by.participation.virtual_is_enough)
    judged = by.findings.evaluate(events, by.participation.RULES).collect()
    part = pl.col(takes_part.code).struct.field("holds")
    size = (
        pl.when(pl.col(enough.code).is_not_null())
        .then(pl.col(enough.code).struct.field("holds"))
        .otherwise(pl.lit(value=True))
    )
    known = pl.col("first").is_not_null()
    included = (
        pl.when(~part | ~size)
        .then(pl.lit(value=False))
        .when(part & size & known)
        .then(pl.lit(value=True))
    )
    reason = (
        pl.when(pl.col("state") == State.CANCELLED)
        .then(pl.lit(CANCELLED))
        .when(pl.col("state") == State.PLANNED)
        .then(pl.lit(NOT_AGREED))
        .when(pl.col("state") == State.AGREED)
        .then(pl.lit(NOT_BEGUN))
        .when((pl.col("content") == "conference").fill_null(value=False))
        .then(pl.lit(CONFERENCE))
        .when(~size)
        .then(pl.lit(TOO_SMALL))
    )
    lacking = (
        pl.when(pl.col("mode").is_null())
        .then(pl.lit('["segments"]'))
        .when(~known)
        .then(pl.lit('["segments.start"]'))
        .when(pl.col("kind") == Kind.STAFF)
        .then(pl.lit('["hours"]'))
        .otherwise(pl.lit('["credits"]'))
    )
    return judged.with_columns(said=included, mode_kind=pl.col("mode").fill_null("")).select(
        "side",
        number=pl.lit(None, pl.Int32),
        scheme=pl.lit(Scheme.ALLIANCE.value),
        included="said",
        kind="mode_kind",
        amount=pl.lit(None, pl.Float64),
        year=pl.col("first").dt.year().cast(pl.Int32),
        reason_code=pl.when(~pl.col("said")).then(reason),
        rule=pl.when(~part | pl.col(enough.code).is_null())
        .then(pl.lit(takes_part.code))
        .otherwise(pl.lit(enough.code)),
        missing=pl.when(pl.col("said").is_null()).then(lacking),
        findings=_findings_of_one(by.participation.RULES),
    )


def _with_right_keys(judged: Any, keys: pl.DataFrame) -> Any:
    """Findings name a study right as its register does, not by the number of our row."""
    facts = judged.facts.with_columns(pl.col("right").cast(pl.Int64)).join(
        keys, on="right", how="left", maintain_order="left"
    )
    return replace(judged, facts=facts.with_columns(right="right_key"))


# --- Rows ----------------------------------------------------------------------------------------


def _judgements(judged: Any, sides: pl.DataFrame, others: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One row per side: mode, why nothing is recorded, notes, and all findings as JSON.

    Findings are a list of objects: `period` (its place; missing for the mobility as a whole) and
    `rules`, rule code to `holds` and the compared values.
    """
    reason, _rule = _nothing_recorded()
    why = (
        judged.facts.lazy()
        .filter(pl.col("number").is_null())
        .select(reason.alias("why"), side="mobility")
    )
    notes = (
        judged.periods.lazy()
        .select("notes", side="mobility")
        .explode("notes")
        .drop_nulls()
        .unique(maintain_order=True)
        .group_by("side", maintain_order=True)
        .agg("notes")
    )
    numbered = judged.findings_as_json().lazy().rename({"mobility": "side"})
    plain = [
        one.lazy().select("side", pl.lit(None, pl.Int32).alias("number"), "findings")
        for one in others
    ]
    findings = (
        pl.concat(
            [
                numbered.select(
                    pl.col("side").cast(pl.Int64),
                    pl.col("number").cast(pl.Int32),
                    _without_nulls(pl.col("findings")).alias("findings"),
                ),
                *plain,
            ]
        )
        .filter(pl.col("findings") != "{}")
        .sort("side", "number", nulls_last=True, maintain_order=True)
        .select(
            "side",
            one=pl.concat_str(
                pl.lit('{"period":'),
                pl.col("number").cast(pl.String).fill_null("null"),
                pl.lit(',"rules":'),
                "findings",
                pl.lit("}"),
            ),
        )
        .group_by("side", maintain_order=True)
        .agg(pl.col("one"))
        .select(
            "side",
            findings=pl.concat_str(pl.lit("["), pl.col("one").list.join(","), pl.lit("]")),
        )
    )
    not_judged = (
        pl.when(pl.col("state") == State.CANCELLED)
        .then(pl.lit(CANCELLED))
        .when(pl.col("state") == State.PLANNED)
        .then(pl.lit(NOT_AGREED))
    )
    return (
        sides.lazy()
        .join(why, on="side", how="left")
        .join(notes, on="side", how="left")
        .join(findings, on="side", how="left")
        .select(
            "side",
            mode=pl.col("mode").fill_null(""),
            reason_code=pl.coalesce(not_judged, "why", pl.lit("")),
            note_codes=pl.when(pl.col("notes").is_not_null())
            .then(as_json_list(pl.col("notes")))
            .otherwise(pl.lit("[]")),
            kept=pl.col("findings").fill_null("[]"),
        )
        .cast(pl.Schema(JUDGEMENTS))
        .sort("side")
        .collect()
    )


def _verdicts(said: pl.DataFrame, sides: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """Verdicts with the facts of their side, in an order that depends on nothing else."""
    of_side = sides.lazy().select(
        "side", "person", "partner", "group", "direction", institution="institution_id"
    )
    return (
        said.lazy()
        .with_columns(period=_period_id())
        .join(periods.lazy().select(period="id", known=pl.lit(value=True)), on="period", how="left")
        .join(of_side, on="side")
        .with_columns(
            period=pl.when("known").then("period"),
            reason_code=pl.col("reason_code").fill_null(""),
            rule=pl.col("rule").fill_null(""),
            kind=pl.col("kind").fill_null(""),
            missing=pl.col("missing").fill_null("[]"),
        )
        .sort("side", "scheme", "number", "year", "kind", nulls_last=True)
        .select(list(VERDICTS))
        .cast(pl.Schema(VERDICTS))
        .collect()
    )

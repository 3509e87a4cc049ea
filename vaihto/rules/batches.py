"""A batch for the national warehouse as the checks Q01 to Q50 read it: its tables and their rows.

A table that is left out was not given, and what it would say is not checked; an empty table was given
and is empty. Keys are unique inside an institution. Days have both ends included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from vaihto.codes import HEI
from vaihto.rules import finland
from vaihto.rules.findings import Subject
from vaihto.rules.frames import (
    ATTAINMENTS,
    CODES,
    DAY,
    DEGREES,
    FLAG,
    KEY,
    PRIMARY,
    SPELLS,
    STATES,
    STUDY_RIGHTS,
    TEXT,
    TRANSFER,
    WHOLE,
    Schema,
)
from vaihto.rules.parameters import parameter

# --- What is handed in -------------------------------------------------------------------------

PERIODS_TO_SEND: Schema = {
    "period": KEY,
    "person": KEY,
    "institution": TEXT,
    "merged_grantor": FLAG,  # the old institution stands as organisation role 5
    "right": KEY,  # study right key of the period
    "direction": TEXT,  # outgoing, incoming
    "start": DAY,
    "end": DAY,
    "country": TEXT,
    "country_name": TEXT,  # the true country where the code cannot say it
    "type": TEXT,
    "programme": TEXT,
    "level": TEXT,
    "classifications": CODES,
    "planned_blended": FLAG,
    "end_is_estimate": FLAG,
    "adult_education": FLAG,
    "change_reason": TEXT,
    "agreement_linked": FLAG,  # the stay uses a place of an agreement
    "erasmus_frame": FLAG,  # that frame is Erasmus+
    "agreement_purpose": TEXT,  # of the learning agreement: study, traineeship, combined
    "partner_country": TEXT,  # country of the institution abroad
    "credits": pl.Float64(),  # ECTS recorded from the period
    "changed_on": DAY,
}
STUDENTS: Schema = {
    "person": KEY,
    "institution": TEXT,
    "has_identity_code": FLAG,
    "learner_number": TEXT,
    "gender": TEXT,
    "citizenship": TEXT,
    "family_name": TEXT,
    "given_names": TEXT,
}
RIGHTS_TO_SEND: Schema = {
    **STUDY_RIGHTS,
    "merged_grantor": FLAG,
    "given_up_on": DAY,  # the day the double degree aim was given up
}
ATTAINMENTS_TO_SEND: Schema = {**ATTAINMENTS, "mobility_purpose": TEXT, "period": KEY}
ENROLMENTS: Schema = {
    "person": KEY,
    "institution": TEXT,
    "state": TEXT,
    "start": DAY,
    "end": DAY,
}
PARTS: Schema = {
    "period": KEY,
    "institution": TEXT,
    "mode": TEXT,
    "place": TEXT,
    "start": DAY,
    "end": DAY,
}
YEARLY: Schema = {"institution": TEXT, "year": WHOLE, "periods": WHOLE}
TRANSFERS: Schema = {"institution": TEXT, "last_transfer": DAY}

Table = pl.DataFrame | pl.LazyFrame


@dataclass(frozen=True)
class Batch:
    """All records of one batch, and the day on which it is checked."""

    periods: Table | None = None
    students: Table | None = None
    study_rights: Table | None = None
    states: Table | None = None
    spells: Table | None = None
    primary: Table | None = None
    attainments: Table | None = None
    degrees: Table | None = None
    enrolments: Table | None = None
    segments: Table | None = None  # parts of the stay behind each period
    yearly: Table | None = None  # periods by start year
    transfers: Table | None = None  # last successful transfer
    as_of: date | None = None


TABLES: Mapping[str, Schema] = {
    "periods": PERIODS_TO_SEND,
    "students": STUDENTS,
    "study_rights": RIGHTS_TO_SEND,
    "states": STATES,
    "spells": SPELLS,
    "primary": PRIMARY,
    "attainments": ATTAINMENTS_TO_SEND,
    "degrees": DEGREES,
    "enrolments": ENROLMENTS,
    "segments": PARTS,
    "yearly": YEARLY,
    "transfers": TRANSFERS,
}


def conform(table: Table, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """The table with exactly the columns of the schema; what it lacks is missing in every row."""
    lazy = table.lazy()
    if isinstance(table, pl.DataFrame) and table.schema == schema:
        return lazy
    present = set(lazy.collect_schema().names())
    return lazy.select(
        (pl.col(name) if name in present else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    )


def in_memory(table: Table | None) -> pl.DataFrame:
    """A table that was given, as a whole."""
    if table is None:
        raise ValueError("this table was not given")
    return table.lazy().collect()


def conformed(batch: Batch) -> Batch:
    """The batch with whole tables in memory, each with the columns of its schema."""
    tables: dict[str, Table] = {}
    for name, schema in TABLES.items():
        table = getattr(batch, name)
        if table is not None:
            same = isinstance(table, pl.DataFrame) and table.schema == schema
            tables[name] = table if same else conform(table, schema).collect()
    return Batch(**tables, as_of=batch.as_of)


# --- What checks speak of ----------------------------------------------------------------------

CHECKED_PERIOD = Subject(
    "period of a batch",
    {
        **PERIODS_TO_SEND,
        "as_of": DAY,
        "days": WHOLE,
        "sector": TEXT,  # university, uas
        "student_known": FLAG,
        "right_known": FLAG,  # a study right has that key
        "right_is_theirs": FLAG,  # … and is of the same student and institution
        "right_active": FLAG,  # the named right is in state 1 on the first day
        "right_type": TEXT,  # of the right the period belongs to: the named one, else the only one
        "right_start": DAY,  # earliest start of the rights it may belong to
        "right_over": FLAG,  # all of them were graduated from, or ended, before the first day
        "exchange_right_covers": FLAG,
        "degree_right_in_common": FLAG,
        "adult_on_right": FLAG,  # the spell of its right on the first day is adult education
        "physical_start": DAY,
        "physical_end": DAY,
        "virtual_inside": FLAG,  # the days sent hold days of a virtual part outside the stay
        "enrolled_absent": FLAG,
        "overlaps_with": KEY,  # another period of the student in the same direction
        "same_as": KEY,  # another with the same student, direction, country and first day
    },
)
CHECKED_VALUE = Subject(
    "value of a record",
    {
        "kind": TEXT,  # period, student, study_right, attainment, …
        "institution": TEXT,
        "person": KEY,
        "key": KEY,
        "field": TEXT,
        "value": TEXT,
        "required": FLAG,
        "merged_grantor": FLAG,
    },
)
CHECKED_KEY = Subject(
    "key of a record",
    {"kind": TEXT, "institution": TEXT, "person": KEY, "key": KEY, "times": WHOLE},
)
CHECKED_RIGHT = Subject(
    "study right of a batch",
    {
        **RIGHTS_TO_SEND,
        "states_gap": DAY,  # first day that no state covers
        "states_overlap": DAY,  # first day that two states cover
        "spells_gap": DAY,
        "spells_overlap": DAY,
        "states_given": FLAG,
        "spells_given": FLAG,
        "double_open": FLAG,  # a spell classified 7 has days after the day of giving up
    },
)
PRIMACY = Subject(
    "primacy of a student",
    {
        "institution": TEXT,
        "person": KEY,
        "overlap": DAY,  # first day on which two rights are primary
        "period": KEY,
        "start": DAY,
        "covered": FLAG,  # one right is primary on the first day of the period
    },
)
CREDITED = Subject(
    "credits and the stay they come from",
    {
        "institution": TEXT,
        "person": KEY,
        "period": KEY,
        "end": DAY,
        "as_of": DAY,
        "credits": pl.Float64(),
    },
)
CHECKED_ATTAINMENT = Subject("attainment of a batch", ATTAINMENTS_TO_SEND)
CHECKED_STUDENT = Subject("student of a batch", STUDENTS)
YEAR_AGAINST_YEAR = Subject(
    "number of periods against the year before",
    {**YEARLY, "periods_year_before": WHOLE},
)
CHECKED_TRANSFER = Subject("transfers", {**TRANSFER.schema, "next_collection": DAY})

# --- Rows of the subjects ----------------------------------------------------------------------

SECTOR = {code.code: code.facts["sector"] for code in HEI}
_FOREVER = date(9999, 12, 31)
_NOWHERE = ""


def checked_periods(batch: Batch, rows: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Periods (some rows of the batch) with everything the checks compare.

    `pairs` is `paired_periods` of the whole batch.
    """
    base = rows.with_columns(
        pl.col("institution").fill_null(_NOWHERE),
        as_of=pl.lit(batch.as_of, dtype=DAY),
        days=(pl.col("end") - pl.col("start")).dt.total_days().cast(WHOLE) + _both_ends(),
        sector=pl.col("institution").replace_strict(SECTOR, default=None, return_dtype=TEXT),
    )
    parts = [
        pairs,
        _student_facts(batch, base),
        _right_facts(batch, base),
        _enrolment_facts(batch, base),
        _part_facts(batch, base),
    ]
    for part in parts:
        if part is not None:
            base = base.join(part, on="row", how="left", maintain_order="left")
    full = conform(base, {"row": pl.UInt32(), **CHECKED_PERIOD.schema}).collect()
    return full.with_columns(
        institution=pl.when(pl.col("institution") != _NOWHERE).then(pl.col("institution"))
    )


def _both_ends() -> int:
    return int(parameter("day_count").on(finland.DAY_ONE) == "inclusive")


def paired_periods(periods: pl.DataFrame) -> pl.DataFrame:
    """Rows that overlap with, or repeat, another period of the same student and direction.

    One sort for all; a running latest end per student finds overlaps. A period that shares one day with
    another overlaps it.
    """
    if periods.height < 2:
        alone = {"row": pl.UInt32(), "overlaps_with": TEXT, "same_as": TEXT}
        return pl.DataFrame(schema=alone)
    keys = ["institution", "person", "direction"]
    known = periods.filter(pl.col("person").is_not_null() & pl.col("start").is_not_null())
    ordered = known.select("row", *keys, "period", "country", "start", "end").sort(
        *keys, "start", "end", "row"
    )
    group = pl.struct(keys).rle_id()
    last = pl.max_horizontal("end", "start")
    marked = ordered.with_columns(
        group=group, last=last, reached=_reached_before(group, last)
    ).with_columns(
        # The period whose end is the latest so far, as the rows after it see it.
        holder=pl.when((pl.col("last") > pl.col("reached")).fill_null(value=True))
        .then(pl.col("period").fill_null("?"))
        .forward_fill()
        .shift(1)
    )
    same_start = (
        (pl.col("start") == pl.col("start").shift(1))
        & (pl.col("group") == pl.col("group").shift(1))
    ).fill_null(value=False)
    overlapping = marked.filter(pl.col("start") <= pl.col("reached")).select(
        "row", overlaps_with="holder"
    )
    repeated = (
        marked.filter(same_start | same_start.shift(-1).fill_null(value=False))
        .sort("group", "start", "country", "row")
        .with_columns(
            again=pl.all_horizontal(
                pl.col(name) == pl.col(name).shift(1) for name in ("group", "start", "country")
            ),
            twin=pl.col("period").shift(1),
        )
        .filter("again")
        .select("row", same_as=pl.col("twin").fill_null("?"))
    )
    return overlapping.join(repeated, on="row", how="full", coalesce=True)


def _reached_before(group: pl.Expr, last: pl.Expr) -> pl.Expr:
    """The latest of the last days of earlier rows of the same group; missing in its first row.

    Rows are sorted by group (numbered 0, 1, …) and start. One running maximum over all rows: a group's
    number stands above the day, so that an earlier group never reaches into a later one.
    """
    number = group.cast(pl.Int64) * 2**32
    day = last.to_physical().cast(pl.Int64) + _SHIFT
    reached = (number + day).cum_max().shift(1)
    days = pl.when(reached >= number).then(reached - number - _SHIFT)
    return days.cast(pl.Int32).cast(pl.Date)


_SHIFT = 2**24  # makes every day number positive


def _student_facts(batch: Batch, periods: pl.DataFrame) -> pl.DataFrame | None:
    if batch.students is None:
        return None
    students = in_memory(batch.students).select("person", "institution").unique()
    students = students.with_columns(pl.col("institution").fill_null(_NOWHERE), student_known=True)
    found = periods.select("row", "person", "institution").join(
        students, on=["person", "institution"], how="left"
    )
    return found.select("row", student_known=pl.col("student_known").fill_null(value=False))


def _right_facts(batch: Batch, periods: pl.DataFrame) -> pl.DataFrame | None:
    """What the study rights of the student at the same institution say of each period."""
    if batch.study_rights is None:
        return None
    people = periods.select("person").unique()
    rights = (
        in_memory(batch.study_rights)
        .with_columns(pl.col("institution").fill_null(_NOWHERE))
        .with_row_index("r")
    )
    known_keys = rights.select("right").unique()
    rights = rights.join(people, on="person", how="semi", nulls_equal=True)
    candidates = (
        periods.select("row", "person", "institution", "direction", "start", "end", named="right")
        .join(
            rights, on=["person", "institution"], how="inner", nulls_equal=True, suffix="_of_right"
        )
        .with_columns(is_named=pl.col("named") == pl.col("right"))
        .with_columns(
            degree_type=pl.col("type").is_in(finland.DEGREE_TYPES),
            last=pl.col("end_of_right").fill_null(_FOREVER),
        )
    )
    stretches = _states_of(batch, rights, candidates)
    candidates = candidates.join(stretches, on=["row", "r"], how="left")
    candidates = _with_graduation(batch, candidates)
    adult = _adult_on_right(batch, rights, candidates)
    facts = _about_rights(batch, candidates)
    named = periods.select("row", "right").with_columns(
        right_known=pl.col("right").is_in(known_keys["right"].implode())
    )
    facts = named.select("row", "right", "right_known").join(facts, on="row", how="left")
    given = pl.col("right").is_not_null()
    facts = facts.with_columns(
        right_known=pl.when(given).then(pl.col("right_known").fill_null(value=False)),
        right_is_theirs=pl.when(given).then(pl.col("named_rows").fill_null(0) > 0),
        exchange_right_covers=pl.col("exchange_right_covers").fill_null(value=False),
        degree_right_in_common=pl.col("degree_right_in_common").fill_null(value=False),
    ).drop("right", "named_rows")
    return facts.join(adult, on="row", how="left") if adult is not None else facts


def _states_of(batch: Batch, rights: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Per period and right: active on the first day, in the period, graduated by the first day."""
    empty = {"row": pl.UInt32(), "r": pl.UInt32(), "on_start": FLAG, "in_period": FLAG}
    schema = {**empty, "graduated_state": FLAG, "has_states": FLAG}
    if batch.states is None:
        return pl.DataFrame(schema=schema)
    states = (
        in_memory(batch.states)
        .join(
            rights.select("person", "right", "r", right_from="start", right_to="end"),
            on=["person", "right"],
            nulls_equal=True,
        )
        .select(
            "r",
            "code",
            since=pl.coalesce("start", "right_from"),
            until=pl.coalesce("end", "right_to", pl.lit(_FOREVER)),
        )
    )
    joined = candidates.select("row", "r", "start", "end").join(states, on="r")
    active = pl.col("code") == finland.ACTIVE
    covers = (pl.col("since") <= pl.col("start")) & (pl.col("start") <= pl.col("until"))
    common = (pl.col("since") <= pl.col("end")) & (pl.col("start") <= pl.col("until"))
    return (
        joined.group_by("row", "r")
        .agg(
            on_start=(active & covers).any(),
            in_period=(active & common).any(),
            graduated_state=(
                (pl.col("code") == GRADUATED) & (pl.col("since") <= pl.col("start"))
            ).any(),
            has_states=pl.lit(value=True),
        )
        .select(pl.col(name).cast(kind) for name, kind in schema.items())
    )


GRADUATED = "3"


def _with_graduation(batch: Batch, candidates: pl.DataFrame) -> pl.DataFrame:
    """Whether the person had graduated from the right, or it had ended, before the first day."""
    if batch.degrees is None:
        by_degree = pl.lit(value=False)
    else:
        dated = (
            in_memory(batch.degrees).group_by("person", "right").agg(degree=pl.col("date").min())
        )
        candidates = candidates.join(dated, on=["person", "right"], how="left", nulls_equal=True)
        by_degree = (pl.col("degree") < pl.col("start")).fill_null(value=False)
    ended = pl.col("last") < pl.col("start")
    return candidates.with_columns(
        over=by_degree
        | pl.when(pl.col("has_states"))
        .then(pl.col("graduated_state") & ~pl.col("on_start"))
        .otherwise(ended),
    )


def _about_rights(batch: Batch, candidates: pl.DataFrame) -> pl.DataFrame:
    """One row per period that has any right here."""
    # The rights a period may belong to: the named one, else for an outgoing one the degree rights.
    mine = pl.when(pl.col("named").is_not_null()).then(pl.col("is_named")).otherwise(
        (pl.col("direction") == "outgoing") & pl.col("degree_type")
    ).fill_null(value=False)  # fmt: skip
    exchange = pl.col("type") == finland.EXCHANGE_RIGHT
    covers = (pl.col("start_of_right") <= pl.col("start")) & (pl.col("end") <= pl.col("last"))
    by_dates = (pl.col("start_of_right") <= pl.col("end")) & (pl.col("start") <= pl.col("last"))
    in_common = pl.when(pl.col("has_states")).then(pl.col("in_period")).otherwise(by_dates)
    named = pl.col("is_named").fill_null(value=False)
    return candidates.group_by("row").agg(
        named_rows=named.sum(),
        right_active=pl.col("on_start").filter(named & pl.col("has_states")).first(),
        right_type=pl.when(mine.sum() == 1).then(pl.col("type").filter(mine).first()),
        right_start=pl.col("start_of_right").filter(mine).min(),
        right_over=pl.when(mine.any()).then(pl.col("over").filter(mine).all()),
        exchange_right_covers=(exchange & covers).any(),
        degree_right_in_common=(pl.col("degree_type") & in_common).any(),
    )


def _adult_on_right(
    batch: Batch, rights: pl.DataFrame, candidates: pl.DataFrame
) -> pl.DataFrame | None:
    """Is the spell on the first day, of the right the period belongs to, adult education."""
    if batch.spells is None:
        return None
    mine = candidates.filter(
        pl.col("is_named") | (pl.col("named").is_null() & pl.col("degree_type"))
    ).select("row", "r", "start")
    spells = (
        in_memory(batch.spells)
        .join(
            rights.select("person", "right", "r", right_from="start", right_to="end"),
            on=["person", "right"],
            nulls_equal=True,
        )
        .select(
            "r",
            since=pl.coalesce("start", "right_from"),
            until=pl.coalesce("end", "right_to", pl.lit(_FOREVER)),
            adult=pl.col("classifications").list.contains(finland.ADULT).fill_null(value=False),
        )
    )
    return (
        mine.join(spells, on="r")
        .filter(pl.col("start").is_between(pl.col("since"), pl.col("until")))
        .group_by("row")
        .agg(adult_on_right=pl.col("adult").any())
    )


def _enrolment_facts(batch: Batch, periods: pl.DataFrame) -> pl.DataFrame | None:
    if batch.enrolments is None:
        return None
    absent = (
        in_memory(batch.enrolments)
        .filter(pl.col("state").is_in(ABSENT))
        .with_columns(pl.col("institution").fill_null(_NOWHERE))
    )
    found = (
        periods.filter(pl.col("direction") == "outgoing")
        .select("row", "person", "institution", "start", "end")
        .join(absent, on=["person", "institution"], nulls_equal=True, suffix="_of_term")
        .filter(
            (pl.col("start_of_term") <= pl.col("end"))
            & (pl.col("start") <= pl.col("end_of_term").fill_null(_FOREVER))
        )
        .select("row", enrolled_absent=True)
        .unique()
    )
    return periods.select("row").join(found, on="row", how="left").select(
        "row", pl.col("enrolled_absent").fill_null(value=False)
    )  # fmt: skip


ABSENT = ("2", "3")


def _part_facts(batch: Batch, periods: pl.DataFrame) -> pl.DataFrame | None:
    """First and last day of the physical parts; do the days sent hold virtual days outside them."""
    if batch.segments is None:
        return None
    parts = (
        in_memory(batch.segments)
        .with_columns(pl.col("institution").fill_null(_NOWHERE))
        .rename({"start": "since", "end": "until"})
    )
    joined = periods.select("row", "period", "institution", "start", "end").join(
        parts, on=["period", "institution"], nulls_equal=True
    )
    present = (pl.col("place") == "host") | (
        (pl.col("mode") == "physical") & (pl.col("place") != "home")
    )
    days = joined.group_by("row").agg(
        physical_start=pl.col("since").filter(present).min(),
        physical_end=pl.col("until").filter(present).max(),
    )
    virtual = (
        joined.filter(~present & (pl.col("mode") == "virtual"))
        .join(days, on="row")
        .filter(
            ((pl.col("since") < pl.col("physical_start")) & (pl.col("start") < pl.col("physical_start"))
             & (pl.col("start") <= pl.col("until")))
            | ((pl.col("until") > pl.col("physical_end")) & (pl.col("end") > pl.col("physical_end"))
               & (pl.col("end") >= pl.col("since")))
        )
        .select("row", virtual_inside=True)
        .unique()
    )  # fmt: skip
    return days.join(virtual, on="row", how="left").with_columns(
        pl.col("virtual_inside").fill_null(value=False)
    )


def checked_rights(batch: Batch) -> pl.DataFrame:
    """Study rights with the faults of their timelines."""
    rights = in_memory(batch.study_rights).with_row_index("r")
    for name, table in (("states", batch.states), ("spells", batch.spells)):
        faults = _timeline_faults(rights, None if table is None else in_memory(table))
        if faults is not None:
            rights = rights.join(
                faults.rename(
                    {"gap": f"{name}_gap", "overlap": f"{name}_overlap", "given": f"{name}_given"}
                ),
                on="r",
                how="left",
            )
    if batch.spells is not None:
        open_double = (
            in_memory(batch.spells)
            .filter(pl.col("classifications").list.contains(finland.DOUBLE))
            .join(
                rights.select("person", "right", "r", "given_up_on", right_to="end"),
                on=["person", "right"],
                nulls_equal=True,
            )
            .filter(pl.coalesce("end", "right_to", pl.lit(_FOREVER)) > pl.col("given_up_on"))
            .select("r", double_open=True)
            .unique()
        )
        rights = rights.join(open_double, on="r", how="left").with_columns(
            pl.col("double_open").fill_null(value=False)
        )
    return conform(rights, CHECKED_RIGHT.schema).collect()


def _timeline_faults(rights: pl.DataFrame, table: pl.DataFrame | None) -> pl.DataFrame | None:
    """First uncovered and first doubly covered day of each right that has stretches at all (V46).

    A stretch without an end runs to the end of its right; what lies after that end is no fault.
    """
    if table is None:
        return None
    far = pl.lit(_FOREVER)
    stretches = (
        table.join(
            rights.select("person", "right", "r", right_from="start", right_to="end"),
            on=["person", "right"],
            nulls_equal=True,
        )
        .with_columns(
            since=pl.coalesce("start", "right_from"),
            until=pl.coalesce(
                "end",
                pl.when(pl.col("right_to").is_not_null()).then(
                    pl.max_horizontal("right_to", "start")
                ),
                far,
            ),
        )
        .sort("r", "since", "until")
        .with_columns(before=_reached_before(pl.col("r").rle_id(), pl.col("until")))
    )
    expected = (
        pl.when(pl.col("before").is_null())
        .then(pl.col("right_from"))
        .when(pl.col("before") < far)
        .then(pl.col("before").dt.offset_by("1d"))
    )
    inside = expected <= pl.col("right_to").fill_null(far)
    gap = pl.when((pl.col("since") > expected) & inside).then(expected)
    overlap = pl.when(pl.col("since") <= pl.col("before")).then(pl.col("since"))
    return (
        stretches.with_columns(gap=gap, overlap=overlap)
        .group_by("r")
        .agg(
            gap=pl.col("gap").min(),
            overlap=pl.col("overlap").min(),
            reached=pl.col("until").max(),
            right_to=pl.col("right_to").first(),
            given=pl.lit(value=True),
        )
        .with_columns(
            gap=pl.coalesce(
                "gap",
                pl.when(pl.col("reached") < pl.col("right_to").fill_null(far)).then(
                    pl.col("reached").dt.offset_by("1d")
                ),
            )
        )
        .select("r", "gap", "overlap", "given")
    )


def primacies(batch: Batch) -> pl.DataFrame:
    """Days on which two rights of one student are primary, and periods that begin without any."""
    rights = in_memory(batch.study_rights).with_columns(
        pl.col("institution").fill_null(_NOWHERE)
    )  # fmt: skip
    spells = (
        in_memory(batch.primary)
        .join(
            rights.select("person", "right", "institution", right_to="end", right_from="start"),
            on=["person", "right"],
            nulls_equal=True,
        )
        .with_columns(
            since=pl.coalesce("start", "right_from"),
            until=pl.coalesce("end", "right_to", pl.lit(_FOREVER)),
        )
        .sort("institution", "person", "since", "until")
        .with_columns(
            before=_reached_before(pl.struct("institution", "person").rle_id(), pl.col("until"))
        )
    )  # fmt: skip
    overlaps = (
        spells.filter(pl.col("since") <= pl.col("before"))
        .group_by("institution", "person")
        .agg(overlap=pl.col("since").min())
    )
    tables = [conform(overlaps, PRIMACY.schema)]
    if batch.periods is not None:
        tables.append(_starts_without_primacy(batch, spells))
    found = pl.concat(tables).collect()
    return found.with_columns(
        institution=pl.when(pl.col("institution") != _NOWHERE).then(pl.col("institution"))
    )


def _starts_without_primacy(batch: Batch, spells: pl.DataFrame) -> pl.LazyFrame:
    starts = (
        in_memory(batch.periods)
        .select("period", "person", pl.col("institution").fill_null(_NOWHERE), "start")
        .filter(pl.col("start").is_not_null())
        .with_row_index("row")
    )
    covered = (
        starts.join(spells, on=["person", "institution"], nulls_equal=True, suffix="_of_spell")
        .filter(pl.col("start").is_between(pl.col("since"), pl.col("until")))
        .select("row")
        .unique()
    )
    bare = starts.join(covered, on="row", how="anti").with_columns(covered=False)
    return conform(bare, PRIMACY.schema)


def credited(batch: Batch) -> pl.DataFrame:
    """Periods with the credits recorded from them, and people with credits from abroad but no period."""
    tables = []
    periods = None if batch.periods is None else in_memory(batch.periods)
    if periods is not None:
        tables.append(
            conform(
                _with_credits(batch, periods).filter(pl.col("credits").is_not_null()),
                CREDITED.schema,
            )
        )
    if batch.attainments is not None and periods is not None:
        bare = (
            in_memory(batch.attainments)
            .filter((pl.col("granted_by") == "foreign_hei") & ~pl.col("fully_virtual").fill_null(value=False))
            .join(periods, on=["person", "institution"], how="anti", nulls_equal=True)
            .group_by("person", "institution")
            .agg(credits=pl.col("ects").sum())
        )  # fmt: skip
        tables.append(conform(bare, CREDITED.schema))
    if not tables:
        return pl.DataFrame(schema=dict(CREDITED.schema))
    return pl.concat(tables).collect().with_columns(as_of=pl.lit(batch.as_of, dtype=DAY))


def _with_credits(batch: Batch, periods: pl.DataFrame) -> pl.DataFrame:
    """Credits given with the period, else those of the student's attainments of that time.

    An attainment belongs to a period by its key; without keys, any attainment recorded from abroad or
    as a traineeship abroad from the first day of the period on is enough.
    """
    if batch.attainments is None:
        return periods
    from_mobility = (
        (pl.col("granted_by") == "foreign_hei")
        | (pl.col("traineeship") & pl.col("abroad"))
        | pl.col("student").is_in(["incoming_exchange", "incoming_trainee"])
    )
    attainments = in_memory(batch.attainments).filter(from_mobility.fill_null(value=False))
    by_key = (
        attainments.filter(pl.col("period").is_not_null())
        .group_by("institution", "period")
        .agg(by_key=pl.col("ects").sum())
    )
    by_person = attainments.filter(pl.col("period").is_null()).group_by("institution", "person").agg(
        by_person=pl.col("ects").sum(), latest=pl.max_horizontal("completed", "recognised_on").max()
    )  # fmt: skip
    joined = periods.join(by_key, on=["institution", "period"], how="left", nulls_equal=True).join(
        by_person, on=["institution", "person"], how="left", nulls_equal=True
    )
    theirs = pl.when(pl.col("latest").is_null() | (pl.col("latest") >= pl.col("start"))).then(
        pl.col("by_person")
    )
    return joined.with_columns(
        credits=pl.coalesce("credits", "by_key", theirs, pl.lit(0.0))
    ).drop("by_key", "by_person", "latest")  # fmt: skip


def graduates(batch: Batch) -> pl.DataFrame:
    """Graduates with the number of their periods and the credits recognised from abroad."""
    frame = in_memory(batch.degrees).group_by("person").agg(degree_date=pl.col("date").max())
    if batch.periods is not None:
        counts = in_memory(batch.periods).group_by("person").agg(
            periods=pl.len().cast(WHOLE), institution=pl.col("institution").first()
        )  # fmt: skip
        frame = frame.join(counts, on="person", how="left", nulls_equal=True).with_columns(
            pl.col("periods").fill_null(0)
        )
    if batch.attainments is not None:
        abroad = (
            in_memory(batch.attainments)
            .filter((pl.col("granted_by") == "foreign_hei") & ~pl.col("fully_virtual").fill_null(value=False))
            .group_by("person")
            .agg(credits_from_abroad=pl.col("ects").sum(), at=pl.col("institution").first())
        )  # fmt: skip
        frame = frame.join(abroad, on="person", how="left", nulls_equal=True)
        if "institution" in frame.columns:
            frame = frame.with_columns(institution=pl.coalesce("institution", "at"))
        else:
            frame = frame.rename({"at": "institution"})
    return frame

"""Judges mobilities: their periods, whether each collection counts them, and why.

One call for one mobility and for a million: tables in, tables out. `judge` works through partitions by
person, so that memory stays flat; `judge_partitions` gives them one by one for those who store as they
go. The tests of a collection and their order are the two tables of the reference, 3.3: the first test
that fails gives the reason. A test that a missing value leaves open makes the verdict "cannot be told",
unless another test fails for certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import polars as pl

from vaihto.rules import belonging, building, finland, frames
from vaihto.rules.findings import Rule, evaluate
from vaihto.rules.frames import Frames
from vaihto.rules.parameters import parameter
from vaihto.rules.running import run

PARTITION = 100_000  # mobilities judged at a time

# The asked year: a number for all, "own" for the period's own (start year; graduation year of the
# degree it belongs to), "column" for the column `oph_year` / `tk_year` of the mobilities, None for
# not asked.
Year = int | Literal["own", "column"] | None
DayCount = Literal["inclusive", "difference"]

NOTES = (
    "N_BLENDED",
    "N_BLENDED_BEFORE_2022",
    "N_BLENDED_NOT_PLANNED",
    "N_VIRTUAL_OUTSIDE_NOT_COUNTED",
    "N_VIRTUAL_BETWEEN_COUNTED",
    "N_HYBRID_IN_DESTINATION",
    "N_COVID_REMOTE_COUNTED",
    "N_COMBINED_AS_EXCHANGE",
    "N_OVER_12_MONTHS",
    "N_END_ESTIMATED",
    "N_MULTIPLE_IN_YEAR",
    "N_COMMISSIONED",
    "N_DOCTORAL_OVERLAP",
    "N_NESTED_OUTGOING",
    "N_DEGREE_COUNTRY_DIFFERS",
    "N_DAYCOUNT_BORDERLINE",
    "N_PRIMARY_RIGHT_FALLBACK",
    "N_PRIMARY_DIFFERS_FROM_LINK",
    "N_EXTENDS_PAST_GRADUATION",
    "N_FREE_MOVER",
    "N_DOUBLE_DEGREE",
)
# What may be missing, by the name under which it was handed in.
INPUTS = (
    "part_of_degree",
    "home_degree_right_abroad",
    "segments.start",
    "segments.end",
    "study_rights.states",
    "agreed_as_one_whole",
    "degrees.right",
    "direction",
    "study_rights.start",
)

PERIOD_RULES: tuple[Rule, ...] = tuple(one for one in finland.RULES if one.subject is frames.PERIOD)


@dataclass(frozen=True)
class Judgement:
    """What was found, in the tables of `frames`; the periods of a mobility are in date order.

    `facts` has everything the rules compare, one row per period (and one without `number` per mobility
    of which nothing may be recorded); `findings` is made from it when asked.
    """

    periods: pl.DataFrame
    verdicts: pl.DataFrame
    facts: pl.DataFrame

    def findings(self, rules: Sequence[Rule] = PERIOD_RULES) -> pl.DataFrame:
        """`mobility`, `number` and one struct column per rule (`holds` and the compared values)."""
        return (
            evaluate(self.facts.lazy(), rules)
            .select("mobility", "number", *[one.code for one in rules])
            .collect()
        )

    def findings_as_json(self, rules: Sequence[Rule] = PERIOD_RULES) -> pl.DataFrame:
        """`mobility`, `number`, `findings`: one JSON object per row, rule code to holds and values.

        A rule that does not apply stands as null.
        """
        every = pl.struct(one.column() for one in rules).struct.json_encode()
        return self.facts.lazy().select("mobility", "number", findings=every).collect()


@dataclass(frozen=True)
class Test:
    """One step of a collection's order: passes, fails with a reason, or is open."""

    rule: pl.Expr  # code of the rule that speaks when it fails
    passes: pl.Expr
    reason: pl.Expr
    needs: tuple[str, ...] = ()  # names of INPUTS that leave it open when missing


def judge(
    tables: Frames,
    *,
    oph_year: Year = "own",
    tk_year: Year = "own",
    day_count: DayCount | None = None,
    partition: int = PARTITION,
) -> Judgement:
    """Periods, verdicts and facts of all mobilities handed in."""
    done = list(
        judge_partitions(
            tables, oph_year=oph_year, tk_year=tk_year, day_count=day_count, partition=partition
        )
    )
    if len(done) == 1:
        return done[0]
    return Judgement(
        periods=pl.concat([one.periods for one in done], rechunk=False),
        verdicts=pl.concat([one.verdicts for one in done], rechunk=False),
        facts=pl.concat([one.facts for one in done], rechunk=False),
    )


def judge_partitions(
    tables: Frames,
    *,
    oph_year: Year = "own",
    tk_year: Year = "own",
    day_count: DayCount | None = None,
    partition: int = PARTITION,
) -> Iterator[Judgement]:
    """The same, a partition of whole persons at a time."""
    count = day_count or parameter("day_count").on(finland.DAY_ONE)
    if count not in get_args(DayCount):
        raise ValueError(f"days are counted inclusive or by difference, not {count}")
    for part in _partitions(tables, partition):
        yield _judge(part, oph_year=oph_year, tk_year=tk_year, both_ends=count == "inclusive")


def judged_in_order(judgement: Judgement) -> Judgement:
    """Rows by mobility and number: for comparing two judgements of the same tables."""
    by = ["mobility", "number"]
    return Judgement(
        judgement.periods.sort(by),
        judgement.verdicts.sort([*by, "scheme"]),
        judgement.facts.sort(by),
    )


# --- Tables in ---------------------------------------------------------------------------------


_KEYS = {"mobility": "mobility", "person": "person", "right": "right", "study_right_key": "right"}


def _complete(tables: Frames) -> dict[str, pl.LazyFrame]:
    """All tables with all columns of their schemas; absent ones are missing in every row.

    Keys get one type everywhere: the first that is not text (an empty table or an empty column does
    not know what its keys are), else text.
    """
    given = {name: getattr(tables, name).lazy() for name in frames.TABLES}
    present = {name: table.collect_schema() for name, table in given.items()}
    keys: dict[str, pl.DataType] = {}
    for columns in present.values():
        for column, key in _KEYS.items():
            kind = columns.get(column)
            if kind is not None and kind not in (pl.String, pl.Null):
                keys.setdefault(key, kind)
    complete = {}
    for name, schema in frames.TABLES.items():
        columns = present[name]
        chosen = []
        for column, declared in schema.items():
            kind = keys.get(_KEYS.get(column, ""), declared)
            if column not in columns:
                chosen.append(pl.lit(None, kind).alias(column))
            else:
                same = columns[column] == kind
                chosen.append(pl.col(column) if same else pl.col(column).cast(kind))
        asked = [year for year in ("oph_year", "tk_year") if year in columns]
        complete[name] = given[name].select(*chosen, *asked)
    return complete


def _partitions(tables: Frames, size: int) -> Iterator[Frames]:
    """Tables with all columns, cut so that a person is never divided."""
    whole = _complete(tables)
    rows = whole["mobilities"].select(pl.len()).collect().item()
    if rows <= size:
        yield Frames(**{name: table.collect() for name, table in whole.items()})
        return
    count = -(-rows // size)
    part = (pl.col("person").hash(seed=1) % count).cast(pl.UInt32)
    persons = whole["mobilities"].select("mobility", part=part)
    for number in range(count):
        mine = {
            name: table.filter(part == number)
            for name, table in whole.items()
            if name != "segments"
        }
        of_part = persons.filter(pl.col("part") == number).select("mobility")
        mine["segments"] = whole["segments"].join(of_part, on="mobility", how="semi")
        yield Frames(**{name: table.collect(engine="streaming") for name, table in mine.items()})


# --- One partition -----------------------------------------------------------------------------


def _judge(tables: Frames, *, oph_year: Year, tk_year: Year, both_ends: bool) -> Judgement:
    mobilities = tables.mobilities.lazy().collect().with_row_index("m")
    facts = _facts(mobilities, tables, oph_year=oph_year, tk_year=tk_year, both_ends=both_ends)
    verdicts = []
    oph = tk = None
    if oph_year is not None:
        oph = _decided(facts, "oph")
        verdicts.append(oph)
    if tk_year is not None:
        tk = _decided(facts, "tk")
        verdicts.append(tk)
    facts = facts.with_columns(periods_same_year=_several(facts, oph))
    recorded = facts.filter(pl.col("number").is_not_null())
    periods = _with_notes(recorded).select(list(frames.PERIODS))
    empty = frames.empty(frames.VERDICTS).with_columns(
        pl.col("mobility").cast(facts.schema["mobility"])
    )
    return Judgement(periods, pl.concat(verdicts) if verdicts else empty, facts)


def _facts(
    mobilities: pl.DataFrame, tables: Frames, *, oph_year: Year, tk_year: Year, both_ends: bool
) -> pl.DataFrame:
    """One row per period with everything that rules compare."""
    built = building.build(mobilities, tables.segments.lazy().collect())
    recordable = _recordable()
    base = (
        mobilities.lazy()
        .join(built.parts.lazy(), on="m", how="left", maintain_order="left")
        .with_columns(may_be_recorded=recordable)
        .join(built.periods.lazy(), on="m", how="left", maintain_order="left_right")
        .filter(pl.col("may_be_recorded") | (pl.col("number").fill_null(0) == 0))
        .with_columns(
            [
                pl.when("may_be_recorded").then(name).alias(name)
                for name in ("number", "start", "end", "country")
            ]
        )
        .with_columns(
            nested=finland.nested,
            virtual_between=pl.col("virtual_between").fill_null(value=False),
            days=(finland.end - finland.start).dt.total_days().cast(pl.Int32) + int(both_ends),
            type_code=pl.col("purpose").replace_strict(
                finland.TYPE_OF_PURPOSE, default=None, return_dtype=pl.String
            ),
            programme_code=pl.col("programme").replace_strict(
                finland.CODE_OF_PROGRAMME, default=None, return_dtype=pl.String
            ),
        )
        .pipe(run, rows=mobilities.height)
        .with_row_index("pid")
    )
    rights = belonging.numbered_rights(tables.study_rights.lazy().collect())
    degrees = belonging.graduations(rights, tables.degrees.lazy().collect())
    stretches = belonging.timeline(
        rights,
        tables.states.lazy().collect(),
        tables.primary.lazy().collect(),
        tables.spells.lazy().collect(),
    )
    pairs = belonging.candidates(base, rights, stretches, degrees)
    chosen = belonging.chosen(pairs)
    no = pl.lit(value=False)
    unknown = ("active_degree_right", "degree_right_in_common")
    flags = ("joint_degree", "double_degree", "commissioned", "adult_spell")
    beside = _beside(base, chosen.with_columns(has_rights=pl.lit(value=True)))
    with_rights = run(
        beside.lazy().with_columns(
            *[pl.when("has_rights").then(name).otherwise(no).alias(name) for name in unknown],
            *[pl.col(name).fill_null(no) for name in (*flags, "exchange_right_covers")],
            # A link to a right that is not there names another right than any degree's.
            belongs_to=pl.coalesce("belongs_to", "study_right_key"),
            **_asked(oph_year, "oph_year", mobilities, finland.start.dt.year()),
            **_asked(tk_year, "tk_year", mobilities, pl.lit(None, pl.Int32)),
        ),
        rows=mobilities.height,
    )
    graduation = belonging.degree_of_the_year(with_rights, degrees, own_year=tk_year == "own")
    outgoing_type = pl.coalesce("linked_type", "right_type")
    facts = (
        _beside(with_rights, graduation)
        .lazy()
        .with_columns(
            level=pl.when(finland.incoming)
            .then("main_level_in_finland")
            .when(outgoing_type.is_in(finland.DEGREE_TYPES))
            .then(outgoing_type),
            linked_type=outgoing_type,
            degree_of_right=pl.max_horizontal(
                _from(pl.col("right_degree")), _from(pl.col("belongs_degree"))
            ),
            nested_in_incoming=pl.col("nested"),
        )
    )
    if tk_year == "own":
        facts = facts.with_columns(tk_year=pl.col("degree_date").dt.year())
    return run(facts, rows=mobilities.height)


def _beside(rows: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """Rows with the columns that `more` has for their `pid`; the wide rows themselves are not copied."""
    matched = rows.select("pid").join(more, on="pid", how="left", maintain_order="left")
    return pl.concat([rows, matched.drop("pid")], how="horizontal")


def _from(degree: pl.Expr) -> pl.Expr:
    """A degree date that is not before the first day."""
    return pl.when(degree >= finland.start).then(degree)


def _asked(year: Year, name: str, mobilities: pl.DataFrame, own: pl.Expr) -> dict[str, pl.Expr]:
    if year == "column":
        given = pl.col(name) if name in mobilities.columns else pl.lit(None)
        return {name: given.cast(pl.Int32)}
    return {name: (own if year == "own" else pl.lit(year)).cast(pl.Int32)}


def _recordable() -> pl.Expr:
    """May anything be recorded of the mobility (V25, V27, V48)?"""
    not_at_home = finland.incoming & ~pl.col("home_degree_right_abroad")
    trainee = finland.incoming & (pl.col("purpose") == "traineeship")
    free_trainee = trainee & ~pl.col("part_of_degree")
    nothing = ~pl.col("host_days") | not_at_home | free_trainee
    # What is missing does not forbid: the verdict will say that it cannot be told.
    return (~nothing.fill_null(value=False)) & pl.col("host_days")


def _several(facts: pl.DataFrame, oph: pl.DataFrame | None) -> pl.Series:
    """How many counted periods of the same person here start in the same year (S11)."""
    recorded = facts["number"].is_not_null()
    counted = recorded
    if oph is not None:
        asked = facts["oph_year"].is_not_null()
        counted = (asked & oph["included"].fill_null(value=False)) | (~asked & recorded)
    return (
        facts.lazy()
        .select("person", "institution", "number", year=finland.start.dt.year(), counted=counted)
        .select(
            pl.when("counted")
            .then(pl.col("counted").sum().over("person", "institution", "year"))
            .otherwise(pl.lit(0))
            .cast(pl.Int32)
            .alias("n")
        )
        .pipe(run, rows=facts.height)["n"]
    )


# --- The order of the tests --------------------------------------------------------------------


def _rule(one: Rule) -> pl.Expr:
    return pl.lit(one.code)


def _says(one: Rule) -> pl.Expr:
    """The deciding expression of a rule."""
    return one.finding.holds


_not_graduated = finland.not_after_graduation
_degree_right_reason = (
    pl.when(pl.col("degree_before").is_not_null())
    .then(pl.lit("X_AFTER_GRADUATION"))
    .when(pl.col("degree_right_later").is_not_null())
    .then(pl.lit("X_BEFORE_STUDIES"))
    .otherwise(pl.lit("X_NO_DEGREE_RIGHT"))
)
_degree_right_rule = (
    pl.when(pl.col("degree_before").is_not_null())
    .then(pl.lit("S14"))
    .when(pl.col("degree_right_later").is_not_null())
    .then(pl.lit("S15"))
    .otherwise(pl.lit("S43"))
)
_whole_known = pl.when(~pl.col("joining_unknown")).then(pl.lit(value=True))

OPH: tuple[Test, ...] = (
    Test(
        _rule(finland.exchange_right_needs_a_degree_abroad),
        finland.outgoing | pl.col("home_degree_right_abroad"),
        pl.lit("X_INCOMING_NO_HOME_DEGREE"),
        ("direction", "home_degree_right_abroad"),
    ),
    Test(
        _rule(finland.fully_virtual_is_not_counted),
        _says(finland.fully_virtual_is_not_counted),
        pl.lit("X_FULLY_VIRTUAL"),
    ),
    Test(
        _rule(finland.part_of_the_studies),
        _says(finland.part_of_the_studies),
        pl.lit("X_NOT_PART_OF_STUDIES"),
        ("part_of_degree",),
    ),
    Test(
        _rule(finland.start_year),
        _says(finland.start_year),
        pl.lit("X_OTHER_YEAR"),
        ("segments.start",),
    ),
    Test(
        _degree_right_rule,
        finland.incoming | _says(finland.outgoing_needs_a_degree_right),
        _degree_right_reason,
        ("segments.start", "study_rights.states"),
    ),
    Test(
        _rule(finland.incoming_without_degree_right_here),
        finland.outgoing | _says(finland.incoming_without_degree_right_here),
        pl.lit("X_INCOMING_HAS_DEGREE_RIGHT"),
        ("segments.start", "segments.end", "study_rights.states"),
    ),
    Test(
        # No reason code of the national list says this; the note does (A15).
        _rule(finland.outgoing_part_of_a_double_degree),
        finland.incoming
        | ~pl.col("double_degree")
        | _says(finland.outgoing_part_of_a_double_degree),
        pl.lit("N_DOUBLE_DEGREE"),
    ),
    Test(
        _rule(finland.lower_limit_at_oph),
        _says(finland.lower_limit_at_oph),
        pl.lit("X_TOO_SHORT_OPH"),
        ("segments.start", "segments.end"),
    ),
    Test(_rule(finland.virtual_between_two_physical_parts), _whole_known, pl.lit(None, pl.String),
         ("agreed_as_one_whole",)),
)  # fmt: skip

_belongs = (
    pl.when(pl.col("nested") | ~pl.col("degree_here"))
    .then(pl.lit(value=False))
    .when(pl.col("belongs_to").is_null())
    .then(pl.col("degree_here"))
    .otherwise((pl.col("degree_right") == pl.col("belongs_to")) & pl.col("degree_here"))
)

TK: tuple[Test, ...] = (
    Test(
        _rule(finland.abroad_only),
        _says(finland.abroad_only),
        pl.lit("X_INCOMING_NOT_TK"),
        ("direction",),
    ),
    OPH[1],
    OPH[2],
    Test(
        _rule(finland.graduate_of_the_year),
        _says(finland.graduate_of_the_year),
        pl.lit("X_NOT_GRADUATED_IN_YEAR"),
    ),
    Test(
        _rule(finland.graduate_of_the_year),
        _belongs,
        pl.when(~pl.col("degree_here") & ~pl.col("nested"))
        .then(pl.lit("X_OTHER_INSTITUTION"))
        .otherwise(pl.lit("X_LINKED_TO_OTHER_DEGREE")),
        ("degrees.right",),
    ),
    Test(
        _rule(finland.not_before_studies),
        finland.start >= pl.col("degree_right_start"),
        pl.lit("X_BEFORE_STUDIES"),
        ("segments.start", "degrees.right", "study_rights.start"),
    ),
    Test(
        _rule(finland.not_after_graduation),
        finland.start <= pl.col("degree_date"),
        pl.lit("X_AFTER_GRADUATION"),
        ("segments.start",),
    ),
    Test(
        _rule(finland.long_period),
        pl.when(pl.col("days").is_not_null()).then(pl.lit(value=True)),
        pl.lit(None, pl.String),
        ("segments.start", "segments.end"),
    ),
    OPH[-1],
)


def _length() -> pl.Expr:
    is_long = _says(finland.long_period)
    return pl.when(is_long).then(pl.lit("long")).otherwise(pl.lit("short"))


def _oph_kind() -> pl.Expr:
    return pl.concat_str(_length(), pl.col("direction"), separator="_")


@lru_cache(maxsize=2)
def _steps(scheme: str) -> tuple[list[pl.Expr], ...]:
    """Columns that decide, layer by layer: the tests, the first that failed, the verdict."""
    tests, kind, year = (
        (OPH, _oph_kind(), "oph_year") if scheme == "oph" else (TK, _length(), "tk_year")
    )
    failed = pl.lit(None, pl.Int8)
    for number in reversed(range(len(tests))):
        fails = (~pl.col(f"t{number}")).fill_null(value=False)
        failed = pl.when(fails).then(pl.lit(number, pl.Int8)).otherwise(failed)
    open_ = pl.any_horizontal(pl.col(f"t{number}").is_null() for number in range(len(tests)))
    passed = pl.col("failed").is_null()
    included = pl.when(~passed).then(pl.lit(value=False)).when(~pl.col("open")).then(passed)
    reason = rule = pl.lit(None, pl.String)
    for number, test in enumerate(tests):
        this = pl.col("failed") == number
        reason = pl.when(this).then(test.reason).otherwise(reason)
        rule = pl.when(this).then(test.rule).otherwise(rule)
    lacking = pl.when(pl.col("included").is_null()).then(_lacking_mask(tests)).otherwise(0)
    verdict = {
        "scheme": pl.lit(scheme),
        "year": pl.col(year),
        "included": pl.col("included"),
        "kind": pl.when("included").then(kind),
        "counted_year": pl.when("included").then(year),
        "reason": reason,
        "rule": pl.when("included").then(_rule(finland.long_period)).otherwise(rule),
        "missing": lacking,
    }
    return (
        [test.passes.alias(f"t{number}") for number, test in enumerate(tests)],
        [failed.alias("failed"), open_.alias("open")],
        [included.alias("included")],
        [
            pl.col("mobility"),
            pl.col("number"),
            *[value.alias(name) for name, value in verdict.items()],
        ],
    )


def _decided(facts: pl.DataFrame, scheme: str) -> pl.DataFrame:
    """The verdict of one collection on every row of facts, in the order of the rows."""
    tests, first, included, verdict = _steps(scheme)
    plan = facts.lazy().with_columns(tests).with_columns(first).with_columns(included)
    return run(plan.select(verdict), rows=facts.height).with_columns(
        missing=_named("missing", INPUTS)
    )


def _lacking_mask(tests: tuple[Test, ...]) -> pl.Expr:
    """A bit per input of INPUTS that is missing and leaves a test open."""
    lacks = {
        "part_of_degree": pl.col("part_of_degree").is_null(),
        "home_degree_right_abroad": pl.col("home_degree_right_abroad").is_null(),
        "segments.start": finland.start.is_null(),
        "segments.end": finland.end.is_null(),
        "study_rights.states": finland.start.is_not_null() & finland.end.is_not_null(),
        "agreed_as_one_whole": pl.col("joining_unknown"),
        "degrees.right": pl.col("degree_here").is_null(),
        "direction": pl.col("direction").is_null(),
        "study_rights.start": pl.col("degree_here") & pl.col("degree_right_start").is_null(),
    }
    mask = pl.lit(0, pl.Int32)
    for bit, name in enumerate(INPUTS):
        numbers = [number for number, test in enumerate(tests) if name in test.needs]
        if numbers:
            open_ = pl.any_horizontal(pl.col(f"t{number}").is_null() for number in numbers)
            mask = mask + pl.when(open_ & lacks[name]).then(2**bit).otherwise(0).cast(pl.Int32)
    return mask


def _named(column: str, names: Sequence[str]) -> pl.Expr:
    """The names whose bits are set; few different sets exist, so each is spelled once."""

    def spelled(masks: pl.Series) -> pl.Series:
        unique = masks.unique()
        lists = [
            [name for bit, name in enumerate(names) if mask >> bit & 1] for mask in unique.to_list()
        ]
        kinds = {"names": pl.List(pl.String)}
        look_up = pl.DataFrame({"mask": unique, "names": lists}, schema_overrides=kinds)
        rows = pl.DataFrame({"mask": masks})
        return rows.join(look_up, on="mask", how="left", maintain_order="left")["names"]

    return pl.col(column).map_batches(spelled, return_dtype=pl.List(pl.String))


# --- Notes and classifications -----------------------------------------------------------------


def _with_notes(recorded: pl.DataFrame) -> pl.DataFrame:
    """Periods with the codes of their classifications and notes."""
    return run(recorded.lazy().with_columns(_marks()), rows=recorded.height).with_columns(
        classifications=_named("classifications", ("a", "b")), notes=_named("notes", NOTES)
    )


@lru_cache(maxsize=1)
def _marks() -> list[pl.Expr]:
    """Classifications and notes as bits, and whether the period is sent unless somebody says no."""
    home = pl.col("virtual_from_home")
    planned = pl.col("planned_blended").fill_null(value=False)
    since = parameter("blended_since").at(finland.start)
    new = (finland.start >= since).fill_null(value=False)
    blended = home & planned & new
    adult = (pl.col("level") == "1") & (
        pl.col("adult_education").fill_null(value=False) | pl.col("adult_spell")
    )
    long_limit = parameter("long_period_minimum").at(finland.start)
    short_limit = parameter("oph_short_min_days").at(finland.start)
    both_ends = (finland.end - finland.start).dt.total_days() + 1
    by = pl.col("right_by")
    notes = {
        "N_BLENDED": blended,
        "N_BLENDED_BEFORE_2022": home & planned & ~new,
        "N_BLENDED_NOT_PLANNED": home & ~planned & ~pl.col("covid_used"),
        "N_VIRTUAL_OUTSIDE_NOT_COUNTED": pl.col("virtual_outside"),
        "N_VIRTUAL_BETWEEN_COUNTED": pl.col("virtual_between"),
        "N_HYBRID_IN_DESTINATION": pl.col("hybrid"),
        "N_COVID_REMOTE_COUNTED": pl.col("covid_used"),
        "N_COMBINED_AS_EXCHANGE": pl.col("purpose") == "combined",
        "N_OVER_12_MONTHS": _says(finland.longer_than_twelve_months),
        "N_END_ESTIMATED": finland.estimated(),
        "N_MULTIPLE_IN_YEAR": _says(finland.several_periods_in_a_year),
        "N_COMMISSIONED": pl.col("commissioned"),
        "N_DOCTORAL_OVERLAP": _says(finland.doctoral_overlap),
        "N_NESTED_OUTGOING": pl.col("nested") & finland.outgoing,
        "N_DEGREE_COUNTRY_DIFFERS": ~_says(finland.degree_country) & finland.outgoing,
        "N_DAYCOUNT_BORDERLINE": (both_ends == long_limit) | (both_ends == short_limit),
        "N_PRIMARY_RIGHT_FALLBACK": by != "primacy",
        "N_PRIMARY_DIFFERS_FROM_LINK": (by == "primacy")
        & (pl.col("right") != pl.col("study_right_key")),
        "N_EXTENDS_PAST_GRADUATION": finland.outgoing
        & (pl.col("degree_of_right") >= finland.start)
        & (pl.col("degree_of_right") < finland.end),
        "N_FREE_MOVER": _says(finland.free_mover),
        "N_DOUBLE_DEGREE": pl.col("joint_degree") | pl.col("double_degree"),
    }
    return [
        _mask({"a": adult, "b": blended}, ("a", "b")).alias("classifications"),
        _mask(notes, NOTES).alias("notes"),
        _sent_by_default().alias("sent_by_default"),
    ]


def _sent_by_default() -> pl.Expr:
    """Not after graduation (V38), not before studies (V39), not outside the studies of an outgoing."""
    student = pl.col("active_degree_right").fill_null(value=True)
    outside_studies = ~student & (
        pl.col("degree_before").is_not_null() | pl.col("degree_right_later").is_not_null()
    )
    not_part = ~pl.col("part_of_degree").fill_null(value=True)
    own = finland.outgoing & ~pl.col("nested")
    return ~((own & outside_studies) | (finland.outgoing & not_part))


def _mask(flags: dict[str, pl.Expr], names: Sequence[str]) -> pl.Expr:
    mask = pl.lit(0, pl.Int32)
    for bit, name in enumerate(names):
        mask = mask + pl.when(flags[name]).then(2**bit).otherwise(0).cast(pl.Int32)
    return mask

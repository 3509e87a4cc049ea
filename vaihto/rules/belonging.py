"""Which study rights and degrees matter to a period: primary right, activity, graduation.

Sources: reference 4.3 (primary study right, A06, A07), 3.3 (tests 4 of both collections), A16 (to which
graduation a period belongs), A08 (what "at the same time" means).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from vaihto.rules import finland
from vaihto.rules.running import run

_FOREVER = date(9999, 12, 31)
_ROWS = 2**28  # candidates of one partition are fewer
RIGHT_BY = {0: "primacy", 1: "primacy", 2: "link", 3: "exchange_right", 4: "active_right"}


def numbered_rights(rights: pl.DataFrame) -> pl.DataFrame:
    """Study rights with a row number `r`, by key: where nothing else decides, the first key does."""
    return (
        rights.sort("person", "right")
        .with_row_index("r")
        .with_columns(last=pl.col("end").fill_null(_FOREVER), degree_type=_is(finland.DEGREE_TYPES))
    )


def _is(types: tuple[str, ...]) -> pl.Expr:
    return pl.col("type").is_in(types)


def timeline(
    rights: pl.DataFrame, states: pl.DataFrame, primary: pl.DataFrame, spells: pl.DataFrame
) -> pl.DataFrame:
    """States, primacy and spells of all rights as one table of dated stretches.

    A stretch without an end runs to the end of its right.
    """
    keys = rights.lazy().select("person", "right", "r", right_start="start", right_last="last")
    lists = pl.col("classifications")

    def stretch(table: pl.DataFrame, **facts: pl.Expr) -> pl.LazyFrame:
        none = {name: pl.lit(None, pl.Boolean) for name in ("state", "joint", "double", "paid")}
        return (
            table.lazy()
            .join(keys, on=["person", "right"])
            .select(
                "r",
                start=pl.coalesce("start", "right_start"),
                last=pl.coalesce("end", "right_last"),
                **{
                    **none,
                    "adult": pl.lit(None, pl.Boolean),
                    "primacy": pl.lit(None, pl.Boolean),
                    **facts,
                },
            )
        )

    def has(code: str) -> pl.Expr:
        return lists.list.contains(code).fill_null(value=False)

    return pl.concat(
        [
            stretch(states, state=pl.col("code") == finland.ACTIVE),
            stretch(primary, primacy=pl.lit(value=True)),
            stretch(
                spells,
                joint=has(finland.JOINT),
                double=has(finland.DOUBLE),
                adult=has(finland.ADULT),
                paid=(pl.col("funding_source") == finland.COMMISSIONED).fill_null(value=False),
            ),
        ]
    ).pipe(run, rows=rights.height)


def graduations(rights: pl.DataFrame, degrees: pl.DataFrame) -> pl.DataFrame:
    """Degrees with the right they come from; row number, institution and start are missing without."""
    return degrees.sort("person", "right", "date").join(
        rights.select(
            "person", "right", "r", "institution", right_start="start", right_type="type"
        ),
        on=["person", "right"],
        how="left",
        maintain_order="left",
    )


def candidates(
    periods: pl.DataFrame,
    rights: pl.DataFrame,
    stretches: pl.DataFrame,
    degrees: pl.DataFrame,
) -> pl.DataFrame:
    """Every pair of a period and a right of its person, with what the right is to the period."""
    graduated = (
        degrees.lazy()
        .filter(pl.col("r").is_not_null())
        .group_by("r")
        .agg(first_degree=pl.col("date").min(), last_degree=pl.col("date").max())
    )
    pairs = (
        periods.lazy()
        .select("pid", "person", "institution", "start", "end", "study_right_key", "direction",
                "nested")
        .join(
            rights.lazy().select(
                "person", "r", "right", "type", "degree_type", right_start="start",
                right_last="last", right_institution="institution",
            ),
            on="person",
            maintain_order="left_right",
        )
        .with_columns(
            here=pl.col("right_institution") == pl.col("institution"),
            linked=(pl.col("right") == pl.col("study_right_key")).fill_null(value=False),
        )
        .filter(pl.col("here") | pl.col("linked"))
        .join(graduated, on="r", how="left", maintain_order="left")
        .pipe(run, rows=periods.height)
        .with_row_index("c")
    )  # fmt: skip
    day = pl.col("start")
    on_day = (pl.col("from") <= day) & (pl.col("to") >= day)
    day_before = (pl.col("from") < day) & (pl.col("to") >= day.dt.offset_by("-1d"))
    in_common = (pl.col("from") <= pl.col("end")) & (pl.col("to") >= day)
    within = pl.max_horizontal("from", "right_start") <= pl.min_horizontal("to", "right_last")
    no = pl.lit(value=False)
    is_state = pl.col("primacy").is_null() & pl.col("joint").is_null()
    active = pl.when(is_state).then(pl.col("state")).otherwise(no)
    about = (
        pairs.lazy()
        .select("c", "r", "start", "end", "right_start", "right_last")
        .join(stretches.lazy().rename({"start": "from", "last": "to"}), on="r")
        .select(
            "c",
            has_states=is_state,
            state_on_day=on_day & active,
            state_day_before=day_before & active,
            state_in_common=in_common & within & active,
            primary=on_day & pl.col("primacy"),
            joint=on_day & pl.col("joint"),
            double=on_day & pl.col("double"),
            adult=on_day & pl.col("adult"),
            paid=on_day & pl.col("paid"),
        )
        .group_by("c")
        .agg(
            pl.col("state_on_day", "state_in_common").any(ignore_nulls=False),
            pl.col(
                "has_states", "state_day_before", "primary", "joint", "double", "adult", "paid"
            ).any(),
        )
    )
    covers = (pl.col("right_start") <= day) & (pl.col("right_last") >= day)
    touches = (pl.col("right_start") <= pl.col("end")) & (pl.col("right_last") >= day)
    unknown = pl.lit(None, pl.Boolean)
    stated = pl.col("has_states")
    graduates_today = (pl.col("last_degree") == day) & pl.col("state_day_before")  # A05
    flags = ["has_states", "state_day_before", "primary", "joint", "double", "adult", "paid"]
    return (
        pairs.lazy()
        .join(about, on="c", how="left")
        .with_columns(pl.col(flags).fill_null(value=False))
        .with_columns(
            covers=covers,
            active=covers
            & pl.when(stated)
            .then(pl.col("state_on_day") | graduates_today.fill_null(value=False))
            .otherwise(unknown),
            in_common=touches & pl.when(stated).then("state_in_common").otherwise(unknown),
            graduated_before=(pl.col("first_degree") < day).fill_null(value=False),
        )
        .pipe(run, rows=periods.height)
    )


def chosen(pairs: pl.DataFrame) -> pl.DataFrame:
    """Per period: the primary right (4.3), the linked right, and what the rights say together."""
    day = pl.col("start")
    outgoing_like = (pl.col("direction") == "outgoing") & ~pl.col("nested")
    exchange = (pl.col("type") == finland.EXCHANGE_RIGHT) & (
        (pl.col("right_start") <= pl.col("end")) & (pl.col("right_last") >= day)
    )
    active = pl.col("active").fill_null(value=False) & pl.col("degree_type")
    # Two rights primary at once are a mistake (Q24); the one of the right kind is meant.
    fits = pl.when(outgoing_like).then("degree_type").otherwise(exchange)
    rank = (
        pl.when(pl.col("here") & pl.col("primary") & fits)
        .then(0)
        .when(pl.col("here") & pl.col("primary"))
        .then(1)
        .when(pl.col("here") & pl.col("linked"))
        .then(2)
        .when(pl.col("here") & ~outgoing_like & exchange)
        .then(3)
        .when(pl.col("here") & outgoing_like & active)
        .then(4)
    ).cast(pl.Int64)
    began = pl.coalesce("right_start", pl.lit(date(1900, 1, 1))).cast(pl.Int32).cast(pl.Int64)
    began = began + 2**20  # days before 1970 are negative
    row = pl.col("c").cast(pl.Int64)
    level = pl.col("type").str.to_integer(strict=False, dtype=pl.Int64).fill_null(0)
    belongs = (
        pl.when(pl.col("linked"))
        .then(4)
        .when(pl.col("nested") | ~pl.col("degree_type"))
        .then(None)
        .when(pl.col("primary"))
        .then(3)
        .when(pl.col("active").fill_null(value=False))
        .then(2)
        .when(pl.col("covers"))
        .then(1)
    ).cast(pl.Int64)
    # The best candidate by one whole number: rank, then day of beginning, then row.
    scored = pairs.lazy().with_columns(
        primary_score=(rank * 2**22 + began) * _ROWS + row,
        belongs_score=((belongs * 2**22 + began) * 32 + level) * _ROWS + row,
    )
    here_degree = pl.col("here") & pl.col("degree_type")
    student = pl.col("active") & ~pl.col("graduated_before")
    per_period = (
        scored.group_by("pid")
        .agg(
            primary_score=pl.col("primary_score").min(),
            belongs_score=pl.col("belongs_score").max(),
            active_degree_right=(here_degree & student).any(ignore_nulls=False),
            degree_right_later=pl.when(here_degree & (pl.col("right_start") > day))
            .then("right_start")
            .min(),
            degree_right_in_common=(here_degree & pl.col("in_common")).any(ignore_nulls=False),
            exchange_right_covers=(
                pl.col("here")
                & (pl.col("type") == finland.EXCHANGE_RIGHT)
                & (pl.col("right_start") <= day)
                & (pl.col("right_last") >= pl.col("end"))
            ).any(),
        )
        .with_columns(
            c=(pl.col("primary_score") % _ROWS).cast(pl.UInt32),
            right_by=(pl.col("primary_score") // (_ROWS * 2**22)).replace_strict(
                RIGHT_BY, return_dtype=pl.String, default=None
            ),
            b=(pl.col("belongs_score") % _ROWS).cast(pl.UInt32),
        )
        .drop("primary_score", "belongs_score")
        .pipe(run, rows=pairs.height)
    )
    primary = pairs.lazy().select(
        "c", "right", right_type="type", right_start="right_start", joint_degree="joint",
        double_degree="double", commissioned="paid", adult_spell="adult",
        right_degree="last_degree",
    )  # fmt: skip
    belonging = pairs.lazy().select(
        b="c", belongs_to="right", belongs_to_start="right_start", belongs_degree="last_degree"
    )
    linked = pairs.lazy().filter("linked").group_by("pid").agg(linked_type=pl.col("type").first())
    return (
        per_period.lazy()
        .join(primary, on="c", how="left")
        .join(belonging, on="b", how="left")
        .join(linked, on="pid", how="left")
        .drop("b", "c")
        .pipe(run, rows=pairs.height)
    )


def degree_of_the_year(
    periods: pl.DataFrame, degrees: pl.DataFrame, *, own_year: bool
) -> pl.DataFrame:
    """Per period: the degree that decides in the asked graduation year, and what came before.

    `periods` has pid, person, institution, start, belongs_to, nested, tk_year. With `own_year` the
    year is that of the degree the period belongs to, and no degree of another right is taken.
    """
    matches = pl.col("right") == pl.col("belongs_to")
    undetermined = pl.col("belongs_to").is_null() & ~pl.col("nested")
    here = pl.col("degree_here")
    before = pl.col("date") < pl.col("start")
    score: pl.Expr
    if own_year:
        # Belongs to no right: the last degree before the stay, else the first after it.
        score = (
            pl.when(matches & ~pl.col("nested"))
            .then(4)
            .when(undetermined & here & before)
            .then(2)
            .when(undetermined & here)
            .then(1)
        )
        order = pl.when(score == 1).then(-_day("date")).otherwise(_day("date"))
        asked = pl.lit(value=True)
    else:
        score = (
            pl.when(matches & here & ~pl.col("nested"))
            .then(4)
            .when(undetermined & here)
            .then(3)
            .when(here)
            .then(2)
            .otherwise(1)
        )
        order = _day("date")
        asked = (pl.col("date").dt.year() == pl.col("tk_year")).fill_null(value=False)
    pairs = (
        periods.lazy()
        .select("pid", "person", "institution", "start", "belongs_to", "nested", "tk_year")
        .join(
            degrees.lazy().select(
                "person", "right", "date", "right_start", "granting_country",
                "completed_in_country", degree_institution="institution",
            ),
            on="person",
            maintain_order="left_right",
        )
        .with_columns(degree_here=pl.col("degree_institution") == pl.col("institution"))
        .pipe(run, rows=periods.height)
        .with_row_index("d")
    )  # fmt: skip
    best = pl.when(asked).then(
        (score.cast(pl.Int64) * 2**22 + order + 2**21) * _ROWS + pl.col("d").cast(pl.Int64)
    )
    # A degree without a right here is taken for one of this institution.
    earlier = pl.when(before & here.fill_null(value=True)).then("date")
    per_period = (
        pairs.lazy()
        .group_by("pid")
        .agg(best=best.max(), degree_before=earlier.max())
        .with_columns(d=(pl.col("best") % _ROWS).cast(pl.UInt32))
        .drop("best")
    )
    taken = pairs.lazy().select(
        "d", "degree_here", degree_date="date", degree_right="right",
        degree_right_start="right_start", degree_granting_country="granting_country",
        degree_completed_in="completed_in_country",
    )  # fmt: skip
    return per_period.join(taken, on="d", how="left").drop("d").pipe(run, rows=periods.height)


def _day(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int32).cast(pl.Int64)

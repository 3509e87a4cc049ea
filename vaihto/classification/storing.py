"""Writing what was judged: only what changed, in few strokes, with keys of periods that stay.

A side that is said the same of again is not written again. Deleting and inserting go past the ORM's objects,
for a million judgements are six million rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import polars as pl
from django.db import connection, models

from vaihto.classification.columns import PERSONS_AT_ONCE, Persons
from vaihto.classification.models import Judgement, Period, Scheme, Verdict
from vaihto.classification.outcome import Outcome
from vaihto.mobilities.models import Side

# A key that could have been made for a later period of another side.
_LOOKS_MADE = re.compile(r"\.\d+(-\d+)?$")
_ROWS_AT_ONCE = 20_000


def changed(outcome: Outcome, persons: Persons) -> pl.DataFrame:
    """Those of whom something else is said than what is stored: `side`, `digest`, and `before` where known."""
    stored = list(
        Judgement.objects.filter(persons.of("side__mobility__person_id"))
        .order_by()
        .values_list("side_id", "digest")
    )
    before = pl.DataFrame(stored, schema={"side": pl.Int64(), "before": pl.String()}, orient="row")
    return (
        digests(outcome)
        .join(before, on="side", how="left")
        .filter(pl.col("digest").ne_missing(pl.col("before")))
    )


def digests(outcome: Outcome) -> pl.DataFrame:
    """One digest per side over everything that is said of it."""
    texts = outcome.judgements.select("side", _as_text(outcome.judgements).alias("said"))
    for table in (outcome.periods, outcome.verdicts):
        lines = (
            table.lazy()
            .select("side", _as_text(table).alias("line"))
            .group_by("side", maintain_order=True)
            .agg(pl.col("line").str.join("\n").alias("more"))
            .collect()
        )
        texts = texts.join(lines, on="side", how="left").select(
            "side", pl.concat_str("said", pl.lit("\n"), pl.col("more").fill_null(""))
        )
    return texts.select(
        "side",
        pl.Series(
            "digest",
            [blake2b(said.encode(), digest_size=16).hexdigest() for said in texts["said"]],
            dtype=pl.String(),
        ),
    )


def _as_text(table: pl.DataFrame) -> pl.Expr:
    return pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null("\x00") for name in table.columns], separator="\x1f"
    )


def write(
    outcome: Outcome, sides: pl.DataFrame, keys: pl.DataFrame, *, edition: str, now: datetime
) -> None:
    """Replaces what is stored of these sides (see `changed`) by what is said now.

    `keys` has the key of each `side`.
    """
    known = sides.filter(pl.col("before").is_not_null())["side"].to_list()
    judgements = (
        outcome.judgements.join(sides.select("side", "digest"), on="side")
        .with_columns(edition=pl.lit(edition), judged_at=pl.lit(now.isoformat(sep=" ")))
        .sort("side")
    )
    mine = sides.select("side")
    periods = _with_keys(outcome.periods.join(mine, on="side", how="semi"), keys, known)
    verdicts = outcome.verdicts.join(mine, on="side", how="semi")
    for some in _portions(known):
        Verdict.objects.filter(side__in=some)._raw_delete(using=connection.alias)
        Period.objects.filter(side__in=some)._raw_delete(using=connection.alias)
        Judgement.objects.filter(side__in=some)._raw_delete(using=connection.alias)
    _insert(Judgement, judgements)
    _insert(Period, periods)
    _insert(Verdict, verdicts)


def years_of_events(outcome: Outcome, sides: pl.DataFrame) -> set[int]:
    """The years in which these sides counted as events of an alliance, and in which they do now."""
    events = outcome.verdicts.filter(pl.col("scheme") == Scheme.ALLIANCE)
    now = events.join(sides.select("side"), on="side", how="semi")["year"]
    years: set[int] = set(now.drop_nulls().unique())
    for some in _portions(sides.filter(pl.col("before").is_not_null())["side"].to_list()):
        years.update(
            year
            for year in Verdict.objects.filter(side__in=some, scheme=Scheme.ALLIANCE)
            .order_by()
            .values_list("year", flat=True)
            .distinct()
            if year is not None
        )
    return years


def _portions(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(numbers), PERSONS_AT_ONCE):
        yield numbers[at : at + PERSONS_AT_ONCE]


# --- Keys of periods -----------------------------------------------------------------------------


def _with_keys(periods: pl.DataFrame, of_sides: pl.DataFrame, known: Sequence[int]) -> pl.DataFrame:
    """Periods with their keys (V11).

    A stored period keeps the key it has. The first period of a side takes the key of the side, a further
    one adds its place; where that is somebody else's key already, the next free one of that form is taken.
    """
    if not periods.height:
        return periods.with_columns(key=pl.lit("", pl.String))
    sides: dict[int, str] = dict(of_sides.select("side", "key").iter_rows())
    kept: dict[int, str] = {}
    for some in _portions(known):
        kept.update(Period.objects.filter(side__in=some).order_by().values_list("pk", "key"))
    keys: list[str] = []
    doubtful: list[int] = []
    rows = list(periods.select("id", "side", "institution", "index").iter_rows())
    for at, (number, side, _institution, index) in enumerate(rows):
        key = kept.get(number)
        if key is None:
            key = sides[side] if index == 0 else f"{sides[side]}.{index + 1}"
            if index or _LOOKS_MADE.search(key):
                doubtful.append(at)
        keys.append(key)
    if doubtful:
        _set_apart(rows, keys, doubtful)
    return periods.with_columns(pl.Series("key", keys, dtype=pl.String()))


def _set_apart(
    rows: Sequence[tuple[int, int, int, int]], keys: list[str], doubtful: Sequence[int]
) -> None:
    """Finds free keys for the new periods at `doubtful` where theirs are taken."""
    waiting = set(doubtful)
    mine = {
        (row[2], key): row[1]
        for at, (row, key) in enumerate(zip(rows, keys, strict=True))
        if at not in waiting
    }
    for place in sorted({rows[at][2] for at in doubtful}):
        wanted = [at for at in doubtful if rows[at][2] == place]
        taken = _taken(place, [keys[at] for at in wanted])
        for at in wanted:
            side, index, plain = rows[at][1], rows[at][3], keys[at]
            tries = 0
            while (
                mine.get((place, keys[at]), side) != side
                or (place, keys[at]) in mine
                or any(
                    owner != side and (index or not is_side)
                    for owner, is_side in taken.get(keys[at], ())
                )
            ):
                tries += 1
                keys[at] = f"{plain}-{tries}"
                if keys[at] not in taken:
                    taken |= _taken(place, [keys[at]])
            mine[place, keys[at]] = side


def _taken(institution: int, keys: Sequence[str]) -> dict[str, list[tuple[int, bool]]]:
    """Who has these keys: sides (True) and stored periods (False), by the number of the side."""
    found: dict[str, list[tuple[int, bool]]] = {key: [] for key in keys}
    for at in range(0, len(keys), PERSONS_AT_ONCE):
        some = keys[at : at + PERSONS_AT_ONCE]
        for key, side in Side.objects.filter(institution=institution, key__in=some).values_list(
            "key", "pk"
        ):
            found[key].append((side, True))
        for key, side in Period.objects.filter(institution=institution, key__in=some).values_list(
            "key", "side_id"
        ):
            found[key].append((side, False))
    return found


# --- Rows in bulk ----------------------------------------------------------------------------------


def _insert(model: type[models.Model], rows: pl.DataFrame) -> None:
    """All rows of the table into the model's table; columns have the names of the fields."""
    if not rows.height:
        return
    fields: dict[str, Any] = {one.name: one for one in model._meta.concrete_fields}
    columns: list[str] = [fields[name].column for name in rows.columns]
    as_plain = rows.select(
        pl.col(name).cast(pl.String) if rows.schema[name] == pl.Date else pl.col(name)
        for name in rows.columns
    )
    quote = connection.ops.quote_name
    table, names = quote(model._meta.db_table), ", ".join(quote(column) for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in as_plain.iter_rows():
                    copy.write_row(row)
            return
        places = ", ".join(["%s"] * len(columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - our own names
        for at in range(0, as_plain.height, _ROWS_AT_ONCE):
            cursor.executemany(statement, as_plain.slice(at, _ROWS_AT_ONCE).rows())

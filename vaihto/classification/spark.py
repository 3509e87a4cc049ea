"""The same judging on a Spark cluster, for more records than one machine should hold.

No second implementation: each executor maps `rules.judging` over Arrow batches. A row is one person with the
person's records nested in lists, so that a person is never divided. Needs the extra `vaihto[spark]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from vaihto.rules import judging
from vaihto.rules.frames import TABLES, Frames

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

# What comes back, one row per verdict.
VERDICTS_DDL = (
    "mobility long, number int, scheme string, year int, included boolean, kind string, "
    "counted_year int, reason string, rule string, missing array<string>"
)


def by_person(tables: Frames) -> pl.DataFrame:
    """One row per person with all tables nested; what a cluster reads from Parquet."""
    mobilities = tables.mobilities.lazy()
    segments = tables.segments.lazy().join(
        mobilities.select("mobility", "person"), on="mobility", how="inner"
    )
    nested = mobilities.group_by("person").agg(pl.struct(pl.exclude("person")).alias("mobilities"))
    for name in TABLES:
        if name == "mobilities":
            continue
        table = segments if name == "segments" else getattr(tables, name).lazy()
        lists = table.group_by("person").agg(pl.struct(pl.exclude("person")).alias(name))
        nested = nested.join(lists, on="person", how="left")
    return nested.sort("person").collect()


def tables_of(persons: pl.DataFrame) -> Frames:
    """The tables that `by_person` nested."""
    return Frames(
        **{
            name: _unnested(persons, name).drop("person")
            if name == "segments"
            else _unnested(persons, name)
            for name in TABLES
        }
    )


def _unnested(persons: pl.DataFrame, name: str) -> pl.DataFrame:
    return (
        persons.select("person", name).drop_nulls(name).explode(name).drop_nulls(name).unnest(name)
    )


def judge_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What an executor does: persons in, verdicts out."""
    import pyarrow as pa  # noqa: PLC0415 - slow import, on executors only

    for batch in batches:
        persons = pl.from_arrow(batch)
        if not isinstance(persons, pl.DataFrame) or not persons.height:
            continue
        verdicts = judging.judge(tables_of(persons)).verdicts
        table = verdicts.with_columns(pl.col("mobility").cast(pl.Int64)).to_arrow(
            compat_level=pl.CompatLevel.oldest()
        )
        wanted = pa.schema(
            [
                ("mobility", pa.int64()),
                ("number", pa.int32()),
                ("scheme", pa.string()),
                ("year", pa.int32()),
                ("included", pa.bool_()),
                ("kind", pa.string()),
                ("counted_year", pa.int32()),
                ("reason", pa.string()),
                ("rule", pa.string()),
                ("missing", pa.list_(pa.string())),
            ]
        )
        yield from table.cast(wanted).to_batches()


def judge(persons: DataFrame) -> Any:
    """Verdicts of all mobilities of a Spark table of persons (see `by_person`)."""
    return persons.mapInArrow(judge_batches, VERDICTS_DDL)

"""The same judging on a local Spark, held to the result of one process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import polars as pl

from bench import judging as measured
from vaihto.classification import spark
from vaihto.rules import judging


def judge(folder: Path, _size: int) -> None:
    """Judges the Parquet tables in `folder` on Spark and compares verdict by verdict."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only where it is there

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    tables = measured._read(folder)
    nested, out = folder / "persons.parquet", folder / "verdicts-of-spark.parquet"
    spark.by_person(tables).write_parquet(nested, row_group_size=5_000)
    session = (
        SparkSession.builder.master(f"local[{os.cpu_count()}]")
        .appName("vaihto-bench")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "10000")
        .config("spark.sql.parquet.enableVectorizedReader", "false")
        .getOrCreate()
    )
    try:
        session.sparkContext.setLogLevel("ERROR")
        persons = session.read.parquet(str(nested)).repartition(4 * (os.cpu_count() or 1))
        spark.judge(persons).write.mode("overwrite").parquet(str(out))
    finally:
        session.stop()
    theirs = _sorted(pl.read_parquet(out / "*.parquet"))
    ours = _sorted(
        pl.concat(part.verdicts for part in judging.judge_partitions(tables)).select(theirs.columns)
    )
    if not theirs.equals(ours):
        raise AssertionError("Spark says otherwise than one process")


def _sorted(verdicts: pl.DataFrame) -> pl.DataFrame:
    return verdicts.with_columns(pl.col("missing").list.join(",")).sort(
        "mobility", "number", "scheme", nulls_last=True
    )

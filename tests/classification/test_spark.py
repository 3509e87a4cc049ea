"""What a cluster reads is the same records: nested by person and taken apart again."""

from __future__ import annotations

import importlib.util

import polars as pl
import pytest

from bench.judging import loop, tables
from vaihto.classification import spark
from vaihto.rules import judging


def verdicts(of: judging.Judgement) -> pl.DataFrame:
    return judging.judged_in_order(of).verdicts


def test_records_nested_by_person_are_judged_as_the_tables_are() -> None:
    whole = tables(400)

    assert verdicts(judging.judge(spark.tables_of(spark.by_person(whole)))).equals(
        verdicts(judging.judge(whole))
    )


def test_an_executor_s_batches_are_judged_as_the_tables_are() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not installed")
    whole = tables(400)
    batches = spark.by_person(whole).to_arrow().to_batches(max_chunksize=7)

    found = pl.concat(pl.from_arrow(one) for one in spark.judge_batches(iter(batches)))

    assert found.sort("mobility", "number", "scheme").equals(
        verdicts(judging.judge(whole)).cast(dict(found.schema))
    )


def test_the_plain_loop_of_the_bench_says_what_the_rules_say() -> None:
    whole = tables(800)
    by_rules = judging.judge(whole, tk_year=None).verdicts.filter(pl.col("number").is_not_null())

    assert dict(loop(whole)) == {
        (row[0], row[1]): row[2:]
        for row in by_rules.select("mobility", "number", "included", "kind", "reason").iter_rows()
    }

"""Parameters and findings: what they refuse, and what a missing value does."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from vaihto.rules.declarations import Unreadable
from vaihto.rules.edition import edition
from vaihto.rules.findings import Finding, Rule, Subject, evaluate, found
from vaihto.rules.parameters import BeforeFirstValue, Parameter, read_parameter

ENTRY = {
    "label": {"en": "Limit", "fi": "Raja", "sv": "Gräns"},
    "unit": "days",
    "source": {"title": "A text", "section": "1", "read": date(2026, 1, 1)},
    "values": {
        date(2020, 1, 1): 5,
        date(2022, 1, 1): 6,
        date(2024, 1, 1): None,
        date(2030, 1, 1): "expected",
    },
}


def limit(**changes: object) -> Parameter:
    return read_parameter("topic", "limit", {**ENTRY, **changes})


def test_a_value_holds_from_its_day_to_the_day_before_the_next() -> None:
    days = [date(2021, 12, 31), date(2022, 1, 1), date(2023, 12, 31), date(2024, 1, 1)]
    frame = pl.DataFrame({"start": days})
    assert frame.select(limit().at(pl.col("start")).alias("x"))["x"].to_list() == [
        5,
        6,
        6,
        None,
    ]
    assert [limit().on(day) for day in days] == [5, 6, 6, None]


def test_an_expected_value_does_not_count() -> None:
    assert limit().on(date(2031, 1, 1)) is None


def test_asking_before_the_first_value_is_an_error_of_its_own() -> None:
    with pytest.raises(BeforeFirstValue):
        limit().on(date(2019, 12, 31))
    frame = pl.DataFrame({"start": [date(2019, 12, 31)]})
    assert frame.select(limit().at(pl.col("start")).alias("x"))["x"].to_list() == [None]


def test_values_may_differ_by_programme() -> None:
    one = limit(by="programme", values={date(2020, 1, 1): {"nordic": 3, "other": 4}})
    frame = pl.DataFrame({"start": [date(2021, 1, 1)] * 3, "programme": ["nordic", "x", None]})
    values = frame.select(one.at(pl.col("start"), by=pl.col("programme")).alias("x"))["x"]
    assert values.to_list() == [3, 4, 4]
    assert one.on(date(2021, 1, 1), by="nordic") == 3


def test_an_institution_may_choose_instead() -> None:
    frame = pl.DataFrame({"start": [date(2021, 1, 1)] * 2, "own": [9, None]})
    chosen = frame.select(limit().at(pl.col("start"), instead=pl.col("own")).alias("x"))["x"]
    assert chosen.to_list() == [9, 5]


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"unit": "bananas"},
        {"values": {}},
        {"values": {"2020": 1}},
        {"label": {"en": "Limit", "fi": "Raja"}},
    ],
)
def test_a_wrong_declaration_is_refused_by_file_and_name(
    change: dict[str, object],
) -> None:
    with pytest.raises(Unreadable, match=r"topic\.yaml: limit"):
        limit(**change)


SUBJECT = Subject("thing", {"days": pl.Int32(), "kind": pl.String()})


def enough() -> Finding:
    return Finding(pl.col("days") >= 5, when=pl.col("kind") != "other", days=pl.col("days"))


RULE = Rule("T99", "topic", SUBJECT, enough)


def test_a_missing_value_cannot_be_told_and_is_never_a_silent_no() -> None:
    rows = SUBJECT.frame([{"days": 5, "kind": "x"}, {"kind": "x"}, {"days": 4, "kind": "other"}])
    frame = evaluate(rows.lazy(), [RULE]).collect()
    lines = [found(row, [RULE]) for row in frame.iter_rows(named=True)]
    assert lines == [
        [{"rule": "T99", "holds": True, "compared": {"days": 5}}],
        [{"rule": "T99", "holds": None, "compared": {"days": None}}],
        [],
    ]


def test_the_edition_is_a_digest() -> None:
    assert len(edition()) == 16
    assert edition() == edition()

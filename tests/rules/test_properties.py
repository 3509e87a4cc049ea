"""What holds for every table: one by one, in any order, and shifted by whole days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaihto.rules import frames, judging
from vaihto.rules.frames import Frames

FIRST = date(2019, 6, 1)
DAYS = st.integers(0, 2200).map(lambda days: FIRST + timedelta(days=days))
FLAG = st.sampled_from([True, True, True, False, None])
SOME = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def stretch(draw: st.DrawFn, *, longest: int = 120) -> dict[str, Any]:
    start = draw(DAYS)
    return {"start": start, "end": start + timedelta(days=draw(st.integers(0, longest)))}


@st.composite
def segment(draw: st.DrawFn) -> dict[str, Any]:
    days = draw(stretch())
    if draw(st.integers(0, 19)) == 0:
        days["end"] = None
    return {
        "mode": draw(st.sampled_from(["physical", "physical", "virtual"])),
        "place": draw(st.sampled_from(["host", "host", "home", "third"])),
        "country": draw(st.sampled_from(["056", "250", "246"])),
        **days,
    }


@st.composite
def person(draw: st.DrawFn) -> dict[str, Any]:
    right = draw(stretch(longest=1500))
    return {
        "mobilities": draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "direction": st.sampled_from(["outgoing", "incoming"]),
                        "purpose": st.sampled_from(["study", "traineeship", "combined"]),
                        "programme": st.sampled_from(["erasmus", "free_mover", None]),
                        "part_of_degree": FLAG,
                        "planned_blended": FLAG,
                        "agreed_as_one_whole": FLAG,
                        "change_reason": st.sampled_from([None, "covid", "personal"]),
                        "home_degree_right_abroad": FLAG,
                        "main_level_in_finland": st.sampled_from(["1", "7", None]),
                        "study_right_key": st.sampled_from([None, None, "0", "1", "x"]),
                        "nested_in_incoming": st.sampled_from([False, False, False, True]),
                        "segments": st.lists(segment(), max_size=4),
                    }
                ),
                min_size=1,
                max_size=3,
            )
        ),
        "rights": [
            {
                "type": draw(st.sampled_from(["1", "4", "9", "13"])),
                "institution": draw(st.sampled_from(["02472", "02472", "10122"])),
                **right,
                "state": draw(st.sampled_from(["1", "1", "2", None])),
                "primary": draw(st.booleans()),
                "degree": draw(st.sampled_from([None, right["end"]])),
            }
            for right in [right, draw(stretch(longest=1500))][: draw(st.integers(0, 2))]
        ],
    }


def tables(people: list[dict[str, Any]]) -> Frames:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in frames.TABLES}
    for place, one in enumerate(people):
        who = str(place)
        for number, mobility in enumerate(one["mobilities"]):
            key = f"{place}/{number}"
            values = {name: value for name, value in mobility.items() if name != "segments"}
            rows["mobilities"].append(
                {"mobility": key, "person": who, "institution": "02472", **values}
            )
            rows["segments"] += [{"mobility": key, **part} for part in mobility["segments"]]
        for number, right in enumerate(one["rights"]):
            both = {"person": who, "right": str(number)}
            days = {"start": right["start"], "end": right["end"]}
            rows["study_rights"].append(
                both | days | {name: right[name] for name in ("institution", "type")}
            )
            rows["states"].append(both | days | {"code": right["state"]})
            rows["spells"].append(both | days | {"classifications": ["7"], "funding_source": "4"})
            if right["primary"]:
                rows["primary"].append(both | days)
            if right["degree"]:
                rows["degrees"].append(both | {"date": right["degree"]})
    return Frames(
        **{
            name: pl.DataFrame(rows[name], schema=schema, orient="row")
            for name, schema in frames.TABLES.items()
        }
    )


def told(judgement: judging.Judgement) -> tuple[list[Any], list[Any], list[Any]]:
    """Everything that was found, as plain rows in one order."""
    ordered = judging.judged_in_order(judgement)
    findings = ordered.findings().drop("mobility", "number").rows()
    return ordered.periods.rows(), ordered.verdicts.rows(), findings


@SOME
@given(st.lists(person(), min_size=1, max_size=4))
def test_a_table_is_judged_exactly_as_its_persons_one_by_one(people: list[dict[str, Any]]) -> None:
    whole = tables(people)
    together = told(judging.judge(whole, oph_year=2021, tk_year="own"))
    alone: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for place in range(len(people)):
        mine = pl.col("person") == str(place)
        of_mine = pl.col("mobility").str.starts_with(f"{place}/")
        part = Frames(
            **{
                name: getattr(whole, name).filter(of_mine if name == "segments" else mine)
                for name in frames.TABLES
            }
        )
        found = told(judging.judge(part, oph_year=2021, tk_year="own"))
        for rows, more in zip(alone, found, strict=True):
            rows.extend(more)
    assert together == alone


@SOME
@given(st.lists(person(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(people: list[dict[str, Any]], chance: Any) -> None:
    whole = tables(people)
    shuffled = Frames(
        **{
            name: getattr(whole, name).sample(
                fraction=1.0, shuffle=True, seed=chance.randrange(10**6)
            )
            for name in frames.TABLES
        }
    )
    judged = told(judging.judge(whole, oph_year="own", tk_year=2022))
    assert judged == told(judging.judge(shuffled, oph_year="own", tk_year=2022))


@SOME
@given(st.lists(person(), min_size=1, max_size=4))
def test_partitions_change_nothing(people: list[dict[str, Any]]) -> None:
    whole = tables(people)
    judged = told(judging.judge(whole, oph_year="own", tk_year="own"))
    assert judged == told(judging.judge(whole, oph_year="own", tk_year="own", partition=1))


@SOME
@given(person(), st.integers(-400, 400))
def test_shifting_a_stay_by_whole_days_keeps_its_length(one: dict[str, Any], days: int) -> None:
    without_covid = one | {
        "mobilities": [stay | {"change_reason": None} for stay in one["mobilities"]]
    }
    whole = tables([without_covid])
    by = timedelta(days=days)
    shifted = replace(
        whole, segments=whole.segments.with_columns(pl.col("start") + by, pl.col("end") + by)
    )
    before, after = judging.judge(whole).periods, judging.judge(shifted).periods
    by_key = ["mobility", "number"]
    assert before.sort(by_key)["days"].to_list() == after.sort(by_key)["days"].to_list()
    assert (before.sort(by_key)["start"] + by).to_list() == after.sort(by_key)["start"].to_list()


@SOME
@given(st.lists(segment(), min_size=1, max_size=6), st.booleans())
def test_periods_of_one_country_never_share_a_day(
    segments: list[dict[str, Any]], whole: bool
) -> None:
    stay = {
        "direction": "outgoing",
        "purpose": "study",
        "programme": "erasmus",
        "part_of_degree": True,
        "planned_blended": True,
        "agreed_as_one_whole": whole,
        "segments": [part for part in segments if part["end"]],
    }
    periods = judging.judge(tables([{"mobilities": [stay], "rights": []}])).periods
    by_country: dict[str, date] = {}
    for row in periods.sort("start").iter_rows(named=True):
        last = by_country.get(row["country"])
        assert last is None or row["start"] > last + timedelta(days=1)
        by_country[row["country"]] = row["end"]
        assert row["country"] != "246"
        assert row["days"] == (row["end"] - row["start"]).days + 1


@pytest.mark.parametrize("keys", [pl.Int64(), pl.String()])
def test_keys_may_be_numbers_and_tables_may_lack_columns(keys: pl.DataType) -> None:
    few = Frames(
        mobilities=pl.DataFrame(
            {"mobility": [7], "person": [3], "institution": ["02472"], "direction": ["outgoing"],
             "part_of_degree": [True]},
        ).with_columns(pl.col("mobility", "person").cast(keys)),
        segments=pl.DataFrame(
            {"mobility": [7], "mode": ["physical"], "place": ["host"], "country": ["056"],
             "start": [date(2023, 1, 9)], "end": [date(2023, 5, 31)]},
        ).with_columns(pl.col("mobility").cast(keys)),
    )  # fmt: skip
    judgement = judging.judge(few, oph_year=2023, tk_year=None)
    assert judgement.periods["days"].to_list() == [143]
    assert judgement.periods.schema["mobility"] == keys
    assert judgement.verdicts["reason"].to_list() == ["X_NO_DEGREE_RIGHT"]


def test_days_may_be_counted_by_difference() -> None:
    whole = tables(
        [
            {
                "mobilities": [
                    {
                        "direction": "outgoing",
                        "part_of_degree": True,
                        "segments": [
                            {
                                "mode": "physical",
                                "place": "host",
                                "country": "056",
                                "start": date(2022, 9, 1),
                                "end": date(2022, 11, 26),
                            }
                        ],
                    }
                ],
                "rights": [],
            }
        ]
    )
    assert judging.judge(whole, day_count="difference").periods["days"].to_list() == [86]
    assert judging.judge(whole, day_count="inclusive").periods["days"].to_list() == [87]


def test_of_two_primary_rights_the_one_of_the_right_kind_is_meant_at_every_run() -> None:
    days = {"start": date(2023, 8, 1), "end": date(2023, 12, 31), "institution": "02472"}
    rights = [
        days | {"type": kind, "state": "1", "primary": True, "degree": None}
        for kind in ("4", "9", "13")
    ]
    stay = {"mode": "physical", "place": "host", "country": "056", **days}
    del stay["institution"]
    for direction, chosen in (("incoming", "1"), ("outgoing", "0")):
        one = {"direction": direction, "part_of_degree": True, "home_degree_right_abroad": True}
        whole = tables([{"mobilities": [one | {"segments": [stay]}], "rights": rights}])
        found = {judging.judge(whole).periods["right"].item() for _ in range(20)}
        assert found == {chosen}


def test_a_table_without_mobilities_is_judged_too() -> None:
    judgement = judging.judge(
        Frames(mobilities=frames.empty(frames.MOBILITIES), segments=frames.empty(frames.SEGMENTS))
    )
    assert judgement.periods.is_empty()
    assert judgement.verdicts.is_empty()
    assert judgement.findings().is_empty()

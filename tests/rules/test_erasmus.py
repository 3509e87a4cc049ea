"""Programme rules over many mobilities: judged as one by one; days and months as the programmes count."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaihto.rules import blended, erasmus, grants, stays
from vaihto.rules.frames import SEGMENTS
from vaihto.rules.stays import ErasmusFrames

FIRST = date(2023, 9, 1)


def tables(stays_: list[dict[str, Any]], parts: list[dict[str, Any]]) -> ErasmusFrames:
    def whole(rows: list[dict[str, Any]], schema: dict[str, Any]) -> pl.DataFrame:
        return pl.DataFrame(
            [{n: row.get(n) for n in schema} for row in rows], schema=schema, orient="row"
        )

    return ErasmusFrames(whole(stays_, stays.STAYS), whole(parts, SEGMENTS))


def part(mobility: str, start: date, days: int, **facts: str) -> dict[str, Any]:
    values = {"mode": "physical", "place": "host", "country": "056", **facts}
    return {"mobility": mobility, "start": start, "end": start + timedelta(days=days - 1), **values}


def student(mobility: str, **facts: Any) -> dict[str, Any]:
    return {
        "mobility": mobility, "kind": "student", "purpose": "study", "action": "KA131",
        "call_year": 2023, "cycle": "first", "sending_country": "246", "receiving_country": "056",
        "residence_country": "246", "previous_months": 0.0, "planned_credits": 3.0,
        "no_double_funding": True, **facts,
    }  # fmt: skip


def holding(findings: pl.DataFrame, mobility: str) -> dict[str, bool | None]:
    mine = findings.filter(pl.col("mobility") == mobility)
    return dict(zip(mine["rule"], mine["holds"], strict=True))


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2022, 9, 1), date(2023, 8, 31), 12.0),
        (date(2022, 9, 1), date(2023, 9, 1), 12 + 1 / 30),
        (date(2023, 2, 1), date(2023, 2, 28), 1.0),
        (date(2024, 2, 1), date(2024, 2, 29), 1.0),
        (date(2023, 9, 15), date(2023, 9, 30), 16 / 30),
        (date(2023, 1, 31), date(2023, 1, 31), 1 / 30),
        (date(2023, 9, 4), date(2023, 9, 8), 5 / 30),
    ],
)
def test_a_month_has_thirty_days(start: date, end: date, months: float) -> None:
    frame = pl.DataFrame({"start": [start], "end": [end]})
    found = frame.select(m=stays.months(pl.col("start"), pl.col("end")))["m"].item()
    assert found == pytest.approx(months)


def test_an_ordinary_autumn_fits() -> None:
    findings = erasmus.judge_erasmus(tables([student("M")], [part("M", FIRST, 111)]))
    assert holding(findings, "M") == {
        "E01": True, "E02": True, "E03": True, "E04": True, "E05": True,
    }  # fmt: skip
    assert erasmus.verdicts(findings).rows() == [("M", True, None, 0)]


def test_a_week_without_a_virtual_part_does_not() -> None:
    findings = erasmus.judge_erasmus(tables([student("M")], [part("M", FIRST, 5)]))
    assert holding(findings, "M")["E08"] is False
    assert erasmus.verdicts(findings).rows() == [("M", False, "E08", 0)]


def test_physical_days_do_not_grow_with_virtual_ones_but_with_online_study_there() -> None:
    parts = [
        part("M", FIRST, 5),
        part("M", FIRST + timedelta(days=5), 3, mode="virtual"),
        part("M", FIRST + timedelta(days=20), 30, mode="virtual", place="home", country="246"),
    ]
    row = stays.prepared(tables([student("M")], parts)).collect().row(0, named=True)
    names = ("physical_days", "virtual_days", "virtual_part", "physical_blocks")
    assert [row[name] for name in names] == [8, 30, True, 1]


def test_what_is_missing_cannot_be_told() -> None:
    one = student("M", previous_months=None)
    findings = erasmus.judge_erasmus(tables([one], [part("M", FIRST, 111)]))
    assert erasmus.verdicts(findings).rows() == [("M", None, "E02", 0)]


def test_without_a_grant_too_many_months_only_warn() -> None:
    stays_ = [
        student(key, previous_months=10.0, zero_grant=zero)
        for key, zero in (("A", False), ("B", True))
    ]
    parts = [part(key, FIRST, 111) for key in ("A", "B")]
    findings = erasmus.judge_erasmus(tables(stays_, parts))
    effects = findings.filter(pl.col("rule") == "E02").select("mobility", "holds", "effect").rows()
    assert effects == [("A", False, "block"), ("B", False, "warn")]


many = st.lists(
    st.fixed_dictionaries(
        {
            "days": st.integers(1, 130),
            "virtual": st.booleans(),
            "purpose": st.sampled_from(["study", "traineeship", "combined"]),
            "cycle": st.sampled_from(["first", "third", None]),
            "call_year": st.sampled_from([2020, 2021, 2024, None]),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=10, deadline=None)
@given(many)
def test_a_table_is_judged_as_its_rows(rows: list[dict[str, Any]]) -> None:
    stays_, parts = [], []
    for number, row in enumerate(rows):
        key = f"M{number}"
        stays_.append(student(key, **{n: row[n] for n in ("purpose", "cycle", "call_year")}))
        parts.append(part(key, FIRST, row["days"]))
        if row["virtual"]:
            parts.append(part(key, FIRST - timedelta(days=9), 5, mode="virtual", place="home"))
    whole = erasmus.judge_erasmus(tables(stays_, parts))
    alone = [
        erasmus.judge_erasmus(tables([one], [p for p in parts if p["mobility"] == one["mobility"]]))
        for one in stays_
    ]
    assert whole.rows() == pl.concat(alone).rows()
    assert erasmus.judge_erasmus(tables(stays_, parts), partition=2).rows() == whole.rows()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(-400, 400))
def test_shifting_a_stay_keeps_its_days(days: int, shift: int) -> None:
    one = tables([student("M")], [part("M", FIRST, days)])
    other = tables([student("M")], [part("M", FIRST + timedelta(days=shift), days)])
    assert (
        stays.prepared(one).collect()["physical_days"].to_list()
        == stays.prepared(other).collect()["physical_days"].to_list()
        == [days]
    )


def test_a_bip_is_judged_with_its_partners_and_learners() -> None:
    partners = [
        {"programme": "B", "institution": name, "country": country, "charter_valid": True,
         "coordinating": name == "x", "receiving": name == "x"}
        for name, country in (("x", "056"), ("y", "246"), ("z", "203"))
    ]  # fmt: skip
    learners = [
        {"programme": "B", "person": f"P{n}", "role": "student", "activity": "study",
         "country": "056" if n == 0 else "246", "action": "KA131", "bip_id": "ID",
         "agreement_covers_field": True}
        for n in range(11)
    ]  # fmt: skip
    bips = blended.Bips(
        programmes=pl.DataFrame(
            [{"programme": "B", "call_year": 2024, "bip_id": "ID", "physical_start": FIRST,
              "physical_end": FIRST + timedelta(days=4), "student_credits": 3.0}]
        ),
        partners=pl.DataFrame(partners),
        sessions=pl.DataFrame([{"programme": "B", "day": FIRST, "together": True}]),
        learners=pl.DataFrame(learners),
    )  # fmt: skip
    findings = erasmus.judge_bips(bips)
    of_programme = findings.filter(pl.col("person").is_null())
    assert dict(zip(of_programme["rule"], of_programme["holds"], strict=True)) == dict.fromkeys(
        ("E20", "E21", "E22", "E23", "E24", "E25", "E27", "E28"), True
    )
    counted = findings.filter(pl.col("rule") == "E26")
    assert counted["holds"].to_list() == [False, *[True] * 10]


def test_estimates_follow_the_call() -> None:
    assert grants.travel_support(kilometres=600, call_year=2023, green=True) == 320
    assert grants.travel_support(kilometres=600, call_year=2024, green=True) == 417
    assert grants.travel_support(kilometres=99, call_year=2024) == 28
    assert grants.travel_support(kilometres=100, call_year=2024) == 211
    assert grants.travel_support(kilometres=9, call_year=2024) is None
    assert grants.travel_support(kilometres=9000, call_year=2024, green=True) == 1735
    assert grants.short_stay_support(physical_days=15, call_year=2024) == 14 * 79 + 56

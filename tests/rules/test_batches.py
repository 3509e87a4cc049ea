"""A batch is checked exactly as its records one by one, in any order, in any slices."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from vaihto.rules import batches, checks
from vaihto.rules.batches import Batch

FIRST = date(2023, 1, 1)
day = st.integers(0, 400).map(lambda n: FIRST + timedelta(days=n))
periods_of_few = st.lists(
    st.fixed_dictionaries(
        {
            "person": st.sampled_from(["A", "B"]),
            "direction": st.sampled_from(["outgoing", "incoming"]),
            "country": st.sampled_from(["056", "246", "999", "56", None]),
            "start": st.one_of(day, st.none()),
            "days": st.integers(-1, 120),
            "type": st.sampled_from(["1", "2", None]),
            "level": st.sampled_from(["1", "2", "9", None]),
            "classifications": st.sampled_from([[], ["b"], ["a", "b"], ["x"]]),
        }
    ),
    min_size=1,
    max_size=8,
)


def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Periods with keys; the end is so many days after the start, both included."""
    filled = []
    for number, row in enumerate(rows):
        start = row["start"]
        end = None if start is None else start + timedelta(days=row["days"] - 1)
        values = {**row, "period": f"M{number}", "institution": "02472", "programme": "101"}
        filled.append({**values, "end": end})
    names = batches.PERIODS_TO_SEND
    return pl.DataFrame(
        [{name: row.get(name) for name in names} for row in filled], schema=names, orient="row"
    )


def found(batch: Batch, **how: int) -> list[tuple[Any, ...]]:
    return checks.check_frames(batch, **how).rows()


@settings(max_examples=40, deadline=None)
@given(periods_of_few)
def test_slices_do_not_matter(rows: list[dict[str, Any]]) -> None:
    whole = Batch(periods=table(rows))
    assert found(whole, rows=2) == found(whole)


@settings(max_examples=40, deadline=None)
@given(periods_of_few, st.randoms())
def test_order_does_not_matter_where_no_two_periods_are_compared(
    rows: list[dict[str, Any]], random: Any
) -> None:
    periods = table(rows)
    shuffled = periods.sample(fraction=1, shuffle=True, seed=random.randrange(1000))
    alone = ~pl.col("check").is_in(["Q20", "Q42"])
    one = checks.check_frames(Batch(periods=periods)).filter(alone)
    other = checks.check_frames(Batch(periods=shuffled)).filter(alone)
    assert one.rows() == other.rows()


@settings(max_examples=60, deadline=None)
@given(periods_of_few)
def test_overlaps_are_those_that_comparing_all_pairs_finds(rows: list[dict[str, Any]]) -> None:
    periods = table([row for row in rows if row["start"] is not None and row["days"] > 0])
    pairs = batches.paired_periods(periods.with_row_index("row"))
    known = list(periods.iter_rows(named=True))
    overlapping = 0
    for person in ("A", "B"):
        for direction in ("outgoing", "incoming"):
            group = sorted(
                (p["start"], p["end"])
                for p in known
                if p["person"] == person and p["direction"] == direction
            )
            for number, (start, _end) in enumerate(group):
                overlapping += any(start <= end for _start, end in group[:number])
    assert pairs["overlaps_with"].drop_nulls().len() == overlapping


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(day, st.integers(0, 60)), min_size=1, max_size=5))
def test_a_timeline_is_whole_exactly_when_every_day_has_one_state(
    stretches: list[tuple[date, int]],
) -> None:
    right_start, right_end = FIRST, FIRST + timedelta(days=200)
    states = [
        {"person": "A", "right": "R", "code": "1", "start": start,
         "end": start + timedelta(days=length)}
        for start, length in stretches
    ]  # fmt: skip
    right = {"person": "A", "right": "R", "institution": "02472", "type": "1"}
    batch = Batch(
        study_rights=pl.DataFrame([{**right, "start": right_start, "end": right_end}]),
        states=pl.DataFrame(states),
    )
    checked = batches.checked_rights(batches.conformed(batch)).row(0, named=True)
    covered: dict[date, int] = {}
    for state in states:
        for number in range((state["end"] - state["start"]).days + 1):
            one = state["start"] + timedelta(days=number)
            covered[one] = covered.get(one, 0) + 1
    days_of_right = [right_start + timedelta(days=n) for n in range(201)]
    gap = next((one for one in days_of_right if one not in covered), None)
    twice = min((one for one, times in covered.items() if times > 1), default=None)
    assert checked["states_gap"] == gap
    assert checked["states_overlap"] == twice


def test_what_was_not_given_is_not_checked() -> None:
    assert checks.check_frames(Batch()).rows() == []
    only_rights = Batch(study_rights=pl.DataFrame(schema=batches.RIGHTS_TO_SEND))
    assert checks.check_frames(only_rights).rows() == []


def test_a_period_of_a_student_who_is_not_in_the_batch_is_an_error() -> None:
    rows = [
        {"person": person, "direction": "outgoing", "country": "056", "start": FIRST,
         "days": 100, "type": "1", "level": None, "classifications": []}
        for person in ("A", "C")
    ]  # fmt: skip
    students = pl.DataFrame(
        [{"person": "A", "institution": "02472", "has_identity_code": True}],
        schema_overrides={"person": pl.String},
    )
    lines = checks.check_frames(Batch(periods=table(rows), students=students))
    assert lines.select("check", "person", "key").rows() == [("Q04", "C", "M1")]


def test_the_whole_batch_knows_credits_graduates_terms_and_transfers() -> None:
    periods = table(
        [
            {"person": "A", "direction": "outgoing", "country": "056", "start": FIRST,
             "days": 100, "type": "1", "level": None, "classifications": []}
        ]
    )  # fmt: skip
    attainments = pl.DataFrame(
        [
            {"attainment": "T1", "person": "B", "institution": "02472", "student": "degree",
             "kind": "2", "ects": 30.0, "granted_by": "foreign_hei", "completed": FIRST,
             "recognised_on": FIRST}
        ]
    )  # fmt: skip
    batch = Batch(
        periods=periods,
        attainments=attainments,
        degrees=pl.DataFrame([{"person": "B", "right": "R", "date": date(2023, 6, 1)}]),
        enrolments=pl.DataFrame(
            [{"person": "A", "institution": "02472", "state": "2", "start": FIRST,
              "end": date(2023, 7, 31)}]
        ),
        yearly=pl.DataFrame(
            [{"institution": "02472", "year": year, "periods": count}
             for year, count in ((2022, 100), (2023, 59))]
        ),
        transfers=pl.DataFrame([{"institution": "02472", "last_transfer": date(2024, 4, 1)}]),
        as_of=date(2024, 5, 2),
    )  # fmt: skip
    lines = checks.check_frames(batch).select("check", "kind", "key").rows()
    assert lines == [
        ("Q27", "period", "M0"),
        ("Q27", "period", None),
        ("Q39", "institution", "2023"),
        ("Q40", "institution", "02472"),
        ("Q43", "graduate", "B"),
        ("Q44", "period", "M0"),
    ]


def test_a_message_names_the_value_in_the_readers_language() -> None:
    lines = checks.check_frames(Batch(periods=table([
        {"person": "A", "direction": "incoming", "country": "056", "start": date(2021, 12, 31),
         "days": 100, "type": "1", "level": "1", "classifications": ["b"]}
    ])))  # fmt: skip
    said = {one: checks.as_list(lines, language=one)[0]["message"] for one in ("en", "fi", "sv")}
    assert said["en"].startswith(
        "The period is marked blended (b) but starts on 2021-12-31, before"
    )
    assert said["fi"].startswith("Jakso on merkitty monimuotoiseksi (b), mutta se alkaa 31.12.2021")
    assert said["sv"].startswith("Perioden är märkt som blandad (b) men börjar 2021-12-31, före")

"""Verdicts are stored with reasons and findings, and stay what they are until something changes."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tests.cast import NOON, Cast, mobility, side, student, study_right
from vaihto.classification import actions, columns
from vaihto.classification.models import Edition, Judgement, Period, Verdict
from vaihto.mobilities.models import Direction, Mobility, Segment, Side
from vaihto.transcripts.models import Attainment

pytestmark = pytest.mark.django_db


def judge(*sides: Side) -> actions.Run:
    return actions.judge_sides(side_ids=[one.pk for one in sides], now=NOON)


def said(of: Side) -> dict[str, tuple[Any, ...]]:
    """Scheme -> included, kind, year, reason; the last one where a scheme has several."""
    return {
        one.scheme: (one.included, one.kind, one.year, one.reason_code)
        for one in Verdict.objects.filter(side=of)
    }


def stay(cast: Cast, *, key: str, start: date, end: date, **facts: Any) -> Side:
    """Another outgoing stay of Aino's."""
    made = mobility(
        person=cast.student.person,
        sending=cast.sending,
        receiving=cast.receiving,
        start=start,
        end=end,
        part_of_degree=True,
        **facts,
    )
    return side(
        made, cast.sending, Direction.OUTGOING, key=key, student=cast.student, right=cast.right
    )


def test_a_long_stay_is_recorded_counted_by_oph_and_by_the_alliance(cast: Cast) -> None:
    Mobility.objects.filter(pk=cast.mobility.pk).update(part_of_degree=True)

    judge(cast.outgoing)

    period = Period.objects.get(side=cast.outgoing)
    assert (period.key, period.start, period.end, period.days, period.country) == (
        "M-AINO",
        date(2026, 1, 10),
        date(2026, 5, 31),
        142,
        "620",
    )
    assert (period.type, period.programme, period.right_id, period.right_by) == (
        "1",
        "101",
        cast.right.pk,
        "primacy",
    )
    assert said(cast.outgoing) == {
        "virta": (True, "sent", 2026, ""),
        "oph": (True, "long_outgoing", 2026, ""),
        "tk": (False, "", None, "X_NOT_GRADUATED_IN_YEAR"),
        "okm": (True, "own_credits", 2026, ""),
        "erasmus": (None, "", None, ""),
        "alliance": (True, "physical", 2026, ""),
    }
    assert Verdict.objects.get(side=cast.outgoing, scheme="oph").period == period


def test_findings_keep_the_values_that_were_compared(cast: Cast) -> None:
    judge(cast.outgoing)

    findings = Judgement.objects.get(side=cast.outgoing).findings
    by_rule = {(one["rule"], one["period"]): (one["holds"], one["compared"]) for one in findings}
    assert by_rule["S07", 0] == (True, {"days": 142, "limit": 87})
    assert by_rule["S25", 0] == (True, {"right": "AINO-R1", "chosen_by": "primacy"})
    assert by_rule["E70", None] == (
        True,
        {"mode": "physical", "state": "done", "content": None},
    )


def test_an_unknown_part_of_the_degree_cannot_be_told(cast: Cast) -> None:
    judge(cast.outgoing)

    verdict = Verdict.objects.get(side=cast.outgoing, scheme="oph")
    assert (verdict.included, verdict.missing) == (None, ["part_of_degree"])


def test_a_side_of_a_university_abroad_has_no_national_verdict(cast: Cast) -> None:
    judge(cast.incoming)

    assert said(cast.incoming) == {"alliance": (True, "physical", 2026, "")}
    assert not Period.objects.filter(side=cast.incoming).exists()


def test_incoming_periods_have_the_country_of_departure(cast: Cast) -> None:
    guest = student(cast.third, key="GUEST")
    made = mobility(
        person=guest.person,
        sending=cast.receiving,
        receiving=cast.third,
        part_of_degree=True,
    )
    exchange = study_right(guest, type="9", start=date(2026, 1, 1), end=date(2026, 6, 30))
    incoming = side(
        made,
        cast.third,
        Direction.INCOMING,
        student=guest,
        right=exchange,
        level="2",
        home_degree_abroad=True,
    )

    judge(incoming)

    period = Period.objects.get(side=incoming)
    assert (period.country, period.level, period.direction) == ("620", "2", "incoming")
    assert said(incoming)["oph"] == (True, "long_incoming", 2026, "")


def test_a_virtual_mobility_gives_no_period_but_counts_for_the_alliance(cast: Cast) -> None:
    online = stay(
        cast, key="ONLINE", start=date(2026, 2, 1), end=date(2026, 3, 1), planned_credits=3
    )
    Segment.objects.filter(mobility=online.mobility).update(
        mode="virtual", place="home", country="246"
    )

    judge(online)

    assert said(online)["virta"] == (False, "", 2026, "X_FULLY_VIRTUAL")
    assert said(online)["oph"] == (False, "", 2026, "X_FULLY_VIRTUAL")
    assert said(online)["alliance"] == (True, "virtual", 2026, "")
    assert Judgement.objects.get(side=online).reason_code == "X_FULLY_VIRTUAL"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (None, (None, "virtual", 2026, "")),
        ("0.99", (False, "virtual", 2026, "X_VIRTUAL_TOO_SMALL")),
        (1, (True, "virtual", 2026, "")),
    ],
)
def test_a_virtual_mobility_counts_from_one_credit(
    cast: Cast, size: Any, expected: tuple[Any, ...]
) -> None:
    online = stay(
        cast, key="ONLINE", start=date(2026, 2, 1), end=date(2026, 3, 1), planned_credits=size
    )
    Segment.objects.filter(mobility=online.mobility).update(
        mode="virtual", place="home", country="246"
    )

    judge(online)

    assert said(online)["alliance"] == expected


@pytest.mark.parametrize(
    ("state", "reason"), [("cancelled", "X_CANCELLED"), ("planned", "X_NOT_AGREED")]
)
def test_what_was_called_off_or_never_agreed_leaves_no_period(
    cast: Cast, state: str, reason: str
) -> None:
    judge(cast.outgoing)
    Mobility.objects.filter(pk=cast.mobility.pk).update(state=state)

    judge(cast.outgoing)

    assert not Period.objects.filter(side=cast.outgoing).exists()
    assert Judgement.objects.get(side=cast.outgoing).reason_code == reason
    assert said(cast.outgoing)["alliance"] == (False, "physical", 2026, reason)
    assert "oph" not in said(cast.outgoing)


def test_saying_the_same_again_writes_nothing(cast: Cast) -> None:
    assert judge(cast.outgoing) == actions.Run(judged=2, changed=2)
    numbers = sorted(Verdict.objects.values_list("pk", flat=True))

    assert judge(cast.outgoing) == actions.Run(judged=2, changed=0)
    assert sorted(Verdict.objects.values_list("pk", flat=True)) == numbers


def test_the_nightly_run_says_what_was_said_when_records_changed(cast: Cast) -> None:
    stay(cast, key="M2", start=date(2024, 9, 1), end=date(2024, 11, 25))
    judge(cast.outgoing)

    assert actions.judge_all(now=NOON) == actions.Run(judged=3, changed=0)


def test_a_degree_makes_the_stay_count_in_the_year_of_graduation(cast: Cast) -> None:
    Mobility.objects.filter(pk=cast.mobility.pk).update(part_of_degree=True)
    judge(cast.outgoing)
    Attainment.objects.create(
        institution=cast.sending,
        student=cast.student,
        right=cast.right,
        key="DEGREE",
        kind="1",
        completed_on=date(2026, 6, 15),
    )

    actions.judge_persons(person_ids=[cast.student.person_id], now=NOON)

    assert said(cast.outgoing)["tk"] == (True, "long", 2026, "")
    period = Period.objects.get(side=cast.outgoing)
    assert period.belongs_to == cast.right


def test_a_second_stay_in_the_year_is_noted_on_both(cast: Cast) -> None:
    Mobility.objects.filter(pk=cast.mobility.pk).update(part_of_degree=True)
    other = stay(cast, key="M2", start=date(2026, 9, 1), end=date(2026, 10, 25))

    judge(other)

    notes = dict(Judgement.objects.values_list("side__key", "note_codes"))
    assert notes["M-AINO"] == notes["M2"] == ["N_MULTIPLE_IN_YEAR"]


def two_countries(cast: Cast, key: str) -> Side:
    """A stay in two countries, hence two periods."""
    made = stay(cast, key=key, start=date(2025, 9, 1), end=date(2025, 9, 30))
    Segment.objects.create(
        mobility=made.mobility,
        mode="physical",
        place="host",
        country="724",
        start=date(2025, 10, 1),
        end=date(2025, 12, 20),
    )
    return made


def test_further_periods_add_their_place_to_the_key(cast: Cast) -> None:
    judge(two_countries(cast, "TWO"))

    assert list(Period.objects.filter(side__key="TWO").values_list("key", "country")) == [
        ("TWO", "620"),
        ("TWO.2", "724"),
    ]


def test_a_made_key_gives_way_to_the_key_of_another_mobility(cast: Cast) -> None:
    stay(cast, key="TWO.2", start=date(2024, 9, 1), end=date(2024, 12, 1))
    judge(two_countries(cast, "TWO"))

    assert sorted(
        Period.objects.filter(side__key__startswith="TWO").values_list("side__key", "key")
    ) == [("TWO", "TWO"), ("TWO", "TWO.2-1"), ("TWO.2", "TWO.2")]


def test_a_period_keeps_its_key_when_a_mobility_with_that_key_comes_later(cast: Cast) -> None:
    judge(two_countries(cast, "TWO"))
    late = stay(cast, key="TWO.2", start=date(2024, 9, 1), end=date(2024, 12, 1))

    judge(late)

    assert sorted(
        Period.objects.filter(side__key__startswith="TWO").values_list("side__key", "key")
    ) == [("TWO", "TWO"), ("TWO", "TWO.2"), ("TWO.2", "TWO.2-1")]


def test_the_edition_stands_with_the_judgement(cast: Cast) -> None:
    judge(cast.outgoing)

    adopted = Edition.objects.adopted()
    assert adopted is not None
    assert set(Judgement.objects.values_list("edition", flat=True)) == {adopted.key}


def test_judging_one_side_costs_the_same_however_many_stays(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    judge(cast.outgoing)
    for year in (2021, 2022, 2023):
        stay(cast, key=f"M{year}", start=date(year, 9, 1), end=date(year, 12, 1))

    with django_assert_max_num_queries(25):  # one of them locks, where the database can
        judge(cast.outgoing)


def test_stored_columns_are_readable_json(cast: Cast) -> None:
    judge(cast.outgoing)

    for value in Judgement.objects.values_list("kept", "note_codes"):
        assert json.dumps(value)


@pytest.mark.parametrize(
    ("last", "expected"),
    [(date(2026, 3, 10), (True, "E05")), (date(2026, 3, 9), (False, "E05"))],
)
def test_an_erasmus_stay_of_sixty_days_fits_the_rules_of_its_money(
    cast: Cast, last: date, expected: tuple[bool, str]
) -> None:
    one = stay(
        cast,
        key="KA131",
        start=date(2026, 1, 10),
        end=last,
        action="KA131",
        call_year=2025,
        programme="erasmus",
    )

    judge(one)

    verdict = Verdict.objects.get(side=one, scheme="erasmus")
    assert (verdict.included, verdict.rule, verdict.year) == (*expected, 2025)
    found = {line["rule"]: line for line in Judgement.objects.get(side=one).findings}
    assert found["E05"]["compared"]["days"] == (last - date(2026, 1, 10)).days + 1


def test_without_the_call_year_the_rules_of_the_money_cannot_be_told(cast: Cast) -> None:
    judge(cast.outgoing)

    verdict = Verdict.objects.get(side=cast.outgoing, scheme="erasmus")
    assert (verdict.included, verdict.missing) == (None, ["call_year"])


@pytest.mark.parametrize(("size", "parts"), [(1, 3), (2, 2), (3, 1), (100, 1)])
def test_everybody_is_in_exactly_one_part(cast: Cast, size: int, parts: int) -> None:
    persons = [cast.student.person_id]
    for number in range(2):
        owner = student(cast.sending, key=f"P{number}")
        made = mobility(person=owner.person, sending=cast.sending, receiving=cast.receiving)
        side(made, cast.sending, Direction.OUTGOING, student=owner)
        persons.append(owner.person_id)

    found = columns.partitions(size=size)

    assert len(found) == parts
    for person in persons:
        assert sum(one.first <= person <= one.last for one in found) == 1

"""Participation is told per person, against dated goals and denominators, and small groups stay hidden."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.cast import NOON, TODAY, Cast
from vaihto.classification import participation
from vaihto.classification.models import Fresh, Tally, Verdict
from vaihto.institutions.models import Headcount, Institution
from vaihto.journal.actors import Actor
from vaihto.mobilities.models import Direction, Mobility, Side
from vaihto.observatory import actions, charts, measures
from vaihto.observatory.measures import ALLIANCE_ROW, Question, Unanswerable
from vaihto.people.models import Person, StudentRecord, StudyRight
from vaihto.refusals import Invalid, NotAllowed, Unknown
from vaihto.transcripts.models import Attainment

pytestmark = pytest.mark.django_db
ANYBODY = Actor.stranger()


def people(count: int) -> list[Person]:
    return Person.objects.bulk_create(
        [Person(family_name="X", given_names="") for _ in range(count)]
    )


def take_part(
    cast: Cast,
    who: list[Person],
    *,
    at: Institution | None = None,
    mode: str = "physical",
    year: int = 2025,
    partner: Institution | None = None,
    group: str = "students",
    included: bool | None = True,
) -> None:
    """One counted event each, as judging would have stored it."""
    place = at or cast.sending
    host = partner or cast.receiving
    for person in who:
        made = Mobility.objects.create(
            kind="student",
            person=person,
            purpose="study",
            programme="erasmus",
            sending_institution=place,
            receiving_institution=host,
            receiving_country=host.country,
        )
        one = Side.objects.create(
            mobility=made, institution=place, direction=Direction.OUTGOING, key=f"E{made.pk}"
        )
        Verdict.objects.create(
            side=one,
            institution=place,
            person=person,
            partner=host,
            group=group,
            direction="outgoing",
            scheme="alliance",
            included=included,
            kind=mode,
            year=year,
        )


def headcount(place: Institution, count: int, group: str = "students", year: int = 2025) -> None:
    Headcount.objects.create(
        institution=place,
        year=year,
        group=group,
        count=count,
        source="Register",
        as_of=date(year, 9, 20),
    )


def ask(cast: Cast, **question: Any) -> measures.Series:
    wanted = Question(alliance=cast.alliance.code, **{"years": (2025,), **question})
    return measures.answer(wanted, actor=ANYBODY)


def cell(series: measures.Series, key: str, mode: str = "", year: int = 2025) -> measures.Cell:
    return next(row for row in series.of(key) if row.year == year).cells[mode]


# --- What is counted ---------------------------------------------------------------------------


def test_half_of_the_students_is_half_however_often_they_go(cast: Cast) -> None:
    movers = people(60)
    take_part(cast, movers)
    take_part(cast, movers[:9], mode="blended")
    take_part(cast, movers[:9])
    headcount(cast.sending, 120)

    one = cell(ask(cast), cast.sending.hei_id)

    assert (one.persons.text, one.events.text, one.rate) == ("60", "78", Fraction(1, 2))
    assert (one.goal, one.gap, one.persons_to_goal) == (Decimal("0.5"), Fraction(0), 0)
    assert one.base == measures.Base(120, "Register", date(2025, 9, 20), 2025)


def test_only_counted_events_of_the_year_count(cast: Cast) -> None:
    take_part(cast, people(9))
    take_part(cast, people(9), year=2024)
    take_part(cast, people(9), included=False)
    take_part(cast, people(9), included=None)

    assert cell(ask(cast), cast.sending.hei_id).persons.text == "9"


def test_the_scope_inside_takes_partners_that_are_members_only(cast: Cast) -> None:
    outsider = Institution.objects.create(hei_id="far.example", name="Far", country="392")
    take_part(cast, people(12))
    take_part(cast, people(9), partner=outsider)

    assert cell(ask(cast), cast.sending.hei_id).persons.text == "21"
    assert cell(ask(cast, inside=True), cast.sending.hei_id).persons.text == "12"


def test_a_person_of_two_members_is_one_person_of_the_alliance(cast: Cast) -> None:
    both = people(6)
    take_part(cast, both)
    take_part(cast, both, at=cast.third)
    series = ask(cast)

    assert cell(series, cast.sending.hei_id).persons.text == "6"
    assert cell(series, cast.third.hei_id).persons.text == "6"
    assert cell(series, ALLIANCE_ROW).persons.text == "6"


def test_doctoral_candidates_are_students_and_a_group_of_their_own(cast: Cast) -> None:
    take_part(cast, people(12))
    take_part(cast, people(6), group="doctoral")

    assert cell(ask(cast), cast.sending.hei_id).persons.text == "18"
    assert cell(ask(cast, group="doctoral"), cast.sending.hei_id).persons.text == "6"


def test_staff_is_teachers_and_others_with_their_headcounts_together(cast: Cast) -> None:
    take_part(cast, people(9), group="teachers")
    take_part(cast, people(6), group="other_staff")
    headcount(cast.sending, 20, "teachers")
    headcount(cast.sending, 10, "other_staff")

    one = cell(ask(cast, group="staff"), cast.sending.hei_id)

    assert (one.persons.text, one.rate) == ("15", Fraction(1, 2))


def test_the_rate_during_studies_takes_the_graduates_of_the_year(cast: Cast) -> None:
    went, stayed = people(6), people(6)
    take_part(cast, went, year=2023)
    for person in (*went, *stayed):
        record = StudentRecord.objects.create(
            person=person, institution=cast.sending, key=f"G{person.pk}"
        )
        right = StudyRight.objects.create(
            student=record, institution=cast.sending, key=f"G{person.pk}", type="2",
            start=date(2021, 8, 1),
        )  # fmt: skip
        Attainment.objects.create(
            institution=cast.sending, student=record, right=right, key=f"G{person.pk}",
            kind="1", completed_on=date(2025, 6, 1),
        )  # fmt: skip

    one = cell(ask(cast, rate="studies"), cast.sending.hei_id)

    assert (one.persons.text, one.base and one.base.count, one.rate) == ("6", 12, Fraction(1, 2))
    assert cell(ask(cast), cast.sending.hei_id).persons.text == "0"


def test_without_a_headcount_no_rate_is_told(cast: Cast) -> None:
    take_part(cast, people(30))
    headcount(cast.third, 100)
    series = ask(cast)

    assert cell(series, cast.sending.hei_id).rate is None
    assert cell(series, ALLIANCE_ROW).rate is None
    assert "University of Northlake" in str(series.notes[0])


def test_the_latest_headcount_before_the_year_stands_in_with_its_day(cast: Cast) -> None:
    take_part(cast, people(30))
    headcount(cast.sending, 100, year=2023)

    base = cell(ask(cast), cast.sending.hei_id).base

    assert base == measures.Base(100, "Register", date(2023, 9, 20), 2023)


# --- Goals -------------------------------------------------------------------------------------


def set_goal(cast: Cast, goal: str, **facts: Any) -> None:
    actions.set_goal(
        **{
            "actor": cast.actor(cast.secretary),
            "alliance": cast.alliance,
            "group": "students",
            "since": date(2025, 1, 1),
            "share": Decimal(goal),
            "definition": "goals 2",
            "source": "Board, 3 March",
            "now": NOON,
            **facts,
        }
    )


def test_another_goal_changes_the_gap_at_once_and_names_its_definition(cast: Cast) -> None:
    take_part(cast, people(30))
    headcount(cast.sending, 100)
    before = cell(ask(cast), cast.sending.hei_id).gap

    set_goal(cast, "0.6")
    series = ask(cast)

    assert before == Fraction(1, 5)
    one = cell(series, cast.sending.hei_id)
    assert (one.gap, one.persons_to_goal) == (Fraction(3, 10), 30)
    assert series.goal_definition == "goals 2"


def test_a_goal_holds_from_its_day(cast: Cast) -> None:
    set_goal(cast, "0.6", since=date(2025, 6, 1))
    take_part(cast, people(30))
    take_part(cast, people(30), year=2024)
    series = ask(cast, years=(2024, 2025))

    assert cell(series, cast.sending.hei_id, year=2024).goal == Decimal("0.5")
    assert cell(series, cast.sending.hei_id, year=2025).goal == Decimal("0.6")


def test_only_the_secretariat_sets_goals(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        set_goal(cast, "0.6", actor=cast.actor(cast.bruno))


@pytest.mark.parametrize(
    "wrong", [{"share": Decimal(0)}, {"share": Decimal("1.1")}, {"group": "cats"}]
)
def test_an_impossible_goal_is_refused(cast: Cast, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        set_goal(cast, "0.6", **wrong)


# --- Small groups ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (1, "1-4"), (4, "1-4"), (5, "6"), (7, "6"), (100, "99")]
)
def test_counts_are_published_as_the_national_service_does(
    cast: Cast, count: int, text: str
) -> None:
    take_part(cast, people(count))

    assert cell(ask(cast), cast.sending.hei_id).persons.text == text


def published(series: measures.Series) -> list[dict[str, Any]]:
    return measures.as_records(series)


@pytest.mark.parametrize(("one", "other"), [(1, 4), (2, 3), (1, 2)])
def test_a_hidden_group_changes_nothing_that_is_published(cast: Cast, one: int, other: int) -> None:
    """Whatever can be subtracted from what: with one or four hidden, the same is shown."""
    take_part(cast, people(200))
    take_part(cast, people(40), mode="blended")
    take_part(cast, people(30), at=cast.third)
    headcount(cast.sending, 1000)
    headcount(cast.third, 500)
    headcount(cast.receiving, 500)
    take_part(cast, people(one), mode="virtual")
    first = [published(ask(cast)), published(ask(cast, mode="virtual"))]

    Verdict.objects.filter(kind="virtual").delete()
    take_part(cast, people(other), mode="virtual")
    second = [published(ask(cast)), published(ask(cast, mode="virtual"))]

    assert first == second
    hidden = cell(ask(cast), cast.sending.hei_id, "virtual")
    assert (hidden.persons.text, hidden.events.text, hidden.rate) == ("1-4", "1-4", None)


def test_the_rest_of_a_wider_question_is_not_given_away(cast: Cast) -> None:
    outsider = Institution.objects.create(hei_id="far.example", name="Far", country="392")
    take_part(cast, people(50))
    take_part(cast, people(2), partner=outsider)

    inside = ask(cast, inside=True)

    assert cell(ask(cast), cast.sending.hei_id).persons.text == "51"
    assert cell(inside, cast.sending.hei_id, "physical").persons.text == "·"
    assert cell(inside, cast.sending.hei_id).persons.text == "·"


def test_who_did_not_take_part_is_a_group_too(cast: Cast) -> None:
    take_part(cast, people(51))
    headcount(cast.sending, 54)

    one = cell(ask(cast), cast.sending.hei_id)

    assert (one.persons.text, one.rate) == (">49", None)


def test_a_breakdown_hides_small_values_and_its_total_is_made_of_what_is_shown(
    cast: Cast,
) -> None:
    abroad = Institution.objects.create(hei_id="far.example", name="Far", country="392")
    take_part(cast, people(30))
    take_part(cast, people(3), partner=abroad)

    series = ask(cast, by="country")

    assert [(row.label, row.cells[""].events.text) for row in series.rows] == [
        ("Portugal", "30"),
        ("Japan", "1-4"),
        ("", "33"),
    ]


# --- Tallies -----------------------------------------------------------------------------------


def test_the_kept_tallies_answer_as_the_verdicts_do(cast: Cast) -> None:
    take_part(cast, people(30))
    take_part(cast, people(9), at=cast.third, mode="virtual")
    headcount(cast.sending, 100)
    live = [
        published(ask(cast)),
        published(ask(cast, by="country")),
        published(ask(cast, inside=True)),
    ]

    participation.refresh(now=NOON)

    assert Fresh.objects.filter(stale=False).count() == 2
    kept = [
        published(ask(cast)),
        published(ask(cast, by="country")),
        published(ask(cast, inside=True)),
    ]
    assert kept == live
    assert Tally.objects.exists()


def test_stale_tallies_are_not_read(cast: Cast) -> None:
    take_part(cast, people(30))
    participation.refresh(now=NOON)
    take_part(cast, people(30))
    assert cell(ask(cast), cast.sending.hei_id).persons.text == "30"

    participation.mark_stale([cast.sending.pk], [2025])

    assert cell(ask(cast), cast.sending.hei_id).persons.text == "60"


def test_only_the_years_that_changed_become_stale(cast: Cast) -> None:
    for year in (2023, 2024, 2025):
        take_part(cast, people(6), year=year)
    participation.refresh(now=NOON)

    participation.mark_stale([cast.sending.pk], [2024])

    stale = Fresh.objects.filter(stale=True).values_list("rate", "year")
    assert sorted(stale) == [("studies", 2024), ("studies", 2025), ("yearly", 2024)]


@pytest.mark.parametrize("members", [1, 3])
def test_an_answer_costs_the_same_number_of_queries_however_many_members(
    cast: Cast, members: int, django_assert_num_queries: Any
) -> None:
    for place in (cast.sending, cast.third, cast.receiving)[:members]:
        take_part(cast, people(6), at=place)
        headcount(place, 100)
    participation.refresh(now=NOON)

    with django_assert_num_queries(8):
        ask(cast)


# --- Questions ---------------------------------------------------------------------------------


def test_an_address_is_read_and_written_back() -> None:
    asked = {
        "year": ["2024", "2023"],
        "institution": ["b.example", "a.example"],
        "mode": ["virtual"],
        "group": ["staff"],
        "scope": ["inside"],
    }

    question = measures.read("heroes", asked, today=TODAY)

    assert question == Question(
        alliance="heroes",
        years=(2023, 2024),
        institutions=("a.example", "b.example"),
        mode="virtual",
        group="staff",
        inside=True,
    )
    assert question.address() == (
        "year=2023&year=2024&institution=a.example&institution=b.example"
        "&mode=virtual&group=staff&scope=inside"
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"year": ["soon"]},
        {"year": ["٢٠٢٤"]},
        {"year": [str(year) for year in range(2000, 2020)]},
        {"mode": ["telepathic"]},
        {"mode": ["physical", "virtual"]},
        {"group": ["cats"]},
        {"scope": ["galaxy"]},
        {"rate": ["daily"]},
        {"rate": ["studies"], "group": ["staff"]},
        {"by": ["name"]},
        {"colour": ["red"]},
    ],
)
def test_what_is_not_a_question_is_refused(asked: dict[str, list[str]]) -> None:
    with pytest.raises(Unanswerable):
        measures.read("heroes", asked, today=TODAY)


def test_an_institution_outside_the_alliance_is_refused(cast: Cast) -> None:
    with pytest.raises(Unanswerable):
        ask(cast, institutions=("far.example",))


def test_an_unknown_alliance_is_unknown(cast: Cast) -> None:
    with pytest.raises(Unknown):
        measures.answer(Question(alliance="none", years=(2025,)), actor=ANYBODY)


# --- The four faces ----------------------------------------------------------------------------


def test_csv_and_json_tell_the_same_as_the_table_with_the_definition(cast: Cast) -> None:
    Institution.objects.filter(pk=cast.third.pk).update(name="=HYPERLINK(1)")
    take_part(cast, people(30))
    headcount(cast.sending, 100)
    series = ask(cast)

    lines = list(csv.reader(io.StringIO(measures.as_csv(series))))
    document = json.loads(measures.as_json(series))

    assert lines[0] == ["definition", series.definition]
    assert len(lines) == 4 + len(document["rows"]) == 4 + len(measures.as_records(series))
    assert {line[1] for line in lines[4:]} >= {"'=HYPERLINK(1)", "University of Northlake"}
    first = document["rows"][0]
    assert (first["label"], first["mode"], first["rate"]) == (
        "'=HYPERLINK(1)"[1:],
        "physical",
        None,
    )


def test_charts_say_their_numbers_and_bring_no_style_of_their_own(cast: Cast) -> None:
    Institution.objects.filter(pk=cast.third.pk).update(name="<b>Third</b>")
    take_part(cast, people(30))
    take_part(cast, people(2), at=cast.third)
    for place in (cast.sending, cast.third, cast.receiving):
        headcount(place, 100)
    series = ask(cast, years=(2024, 2025))
    drawn = [
        charts.bars(series, title="Participation", year=2025),
        charts.stacked(series, title="Modes", year=2025),
        charts.lines(series, title="Years"),
        charts.breakdown(ask(cast, by="country"), title="Countries", year=2025),
        charts.funnel([("Applied", 10), ("Went", 6)], title="Funnel"),
    ]

    for picture in drawn:
        assert picture.startswith('<svg class="chart" role="img" aria-labelledby="')
        assert "<title id=" in picture
        assert "<desc id=" in picture
        assert "style=" not in picture
        assert "<b>" not in picture
    assert "University of Northlake: 30 %" in drawn[0]
    assert 'class="chart-hidden"' in drawn[0]


def test_a_member_whose_records_are_elsewhere_is_named_and_not_counted_as_nobody_moving(
    cast: Cast,
) -> None:
    Institution.objects.filter(pk=cast.third.pk).update(hosted=False)

    told = measures.answer(
        measures.Question(alliance="test-alliance", years=(2026,)), actor=cast.actor(cast.secretary)
    )

    assert "third.example" not in {row.key for row in told.rows}
    assert [
        note.facts["institutions"] for note in told.notes if "not kept here" in note.sentence
    ] == ["University of Thirdtown"]

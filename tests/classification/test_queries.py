"""What pages are told: why something counts, and what a collection would hold today."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.cast import NOON, Cast, mobility, side, student, study_right
from vaihto.classification import actions, collections, queries
from vaihto.classification.models import Verdict
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.mobilities.models import Direction, Mobility, Segment, Side, StaffVisit
from vaihto.people.models import Person
from vaihto.refusals import NotAllowed
from vaihto.transcripts.models import Attainment

pytestmark = pytest.mark.django_db


def stay(cast: Cast, key: str, start: date, end: date, **facts: Any) -> Side:
    facts = {"part_of_degree": True, **facts}
    made = mobility(
        person=cast.student.person,
        sending=cast.sending,
        receiving=cast.receiving,
        start=start,
        end=end,
        **facts,
    )
    return side(
        made, cast.sending, Direction.OUTGOING, key=key, student=cast.student, right=cast.right
    )


def asked(cast: Cast, extraction: str, year: int) -> dict[str, Any]:
    return {
        "actor": cast.actor(cast.bruno),
        "institution": cast.sending,
        "extraction": extraction,
        "year": year,
    }


@pytest.fixture
def judged(cast: Cast) -> Cast:
    Mobility.objects.filter(pk=cast.mobility.pk).update(part_of_degree=True)
    stay(cast, "SHORT", date(2026, 6, 10), date(2026, 6, 15))
    stay(cast, "TINY", date(2026, 7, 1), date(2026, 7, 5))
    stay(cast, "NOT-PART", date(2026, 8, 1), date(2026, 8, 20), part_of_degree=False)
    stay(cast, "UNKNOWN", date(2026, 9, 1), date(2026, 9, 20), part_of_degree=None)
    online = stay(cast, "ONLINE", date(2026, 10, 1), date(2026, 11, 1))
    Segment.objects.filter(mobility=online.mobility).update(mode="virtual", place="home")
    actions.judge_all(now=NOON)
    return cast


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "142 days is at least 87: long."),
        ("fi", "142 päivää on vähintään 87: pitkä."),
        ("sv", "142 dagar är minst 87: lång."),
    ],
)
def test_the_explanation_says_the_compared_values_in_the_reader_s_language(
    judged: Cast, language: str, sentence: str
) -> None:
    rows = queries.explanation(judged.outgoing, language)

    oph = next(row for row in rows if row.scheme == "oph")
    assert (oph.included, oph.rule, oph.sentence) == (True, "S07", sentence)


def test_every_line_of_an_explanation_has_a_rule_and_a_sentence(judged: Cast) -> None:
    for of in Side.objects.all():
        for row in queries.explanation(of, "en"):
            assert row.rule or row.missing, (of.key, row.scheme)
            said = row.sentence or row.reason or row.missing or row.scheme == "okm"
            assert said, (of.key, row.scheme, row.rule)
            assert row.reason or not row.reason_code


def test_a_rehearsal_lists_what_is_taken_and_what_is_left_out_with_the_reason(
    judged: Cast,
) -> None:
    found = queries.rehearsal(**asked(judged, "oph_short_outgoing", 2026))

    assert (found.included, found.excluded, found.not_told) == (1, 3, 1)
    assert found.reasons == {
        "X_FULLY_VIRTUAL": 1,
        "X_NOT_PART_OF_STUDIES": 1,
        "X_TOO_SHORT_OPH": 1,
    }
    assert found.totals["country"] == (queries.Total("620", 1),)
    taken = queries.rows(**asked(judged, "oph_short_outgoing", 2026))
    assert [row.key for row in taken] == ["SHORT"]
    left = queries.rows(**asked(judged, "oph_short_outgoing", 2026), included=False)
    assert [(row.key, row.reason_code) for row in left] == [
        ("TINY", "X_TOO_SHORT_OPH"),
        ("NOT-PART", "X_NOT_PART_OF_STUDIES"),
        ("ONLINE", "X_FULLY_VIRTUAL"),
    ]
    not_told = queries.rows(**asked(judged, "oph_short_outgoing", 2026), included=None)
    assert [(row.key, row.missing) for row in not_told] == [("UNKNOWN", ("part_of_degree",))]


def test_a_line_of_the_long_extraction_has_the_national_columns(judged: Cast) -> None:
    (row,) = queries.rows(**asked(judged, "oph_long_outgoing", 2026))

    assert row.values == {
        "hetu": "x",
        "jaksoAlkupvm": "2026-01-10",
        "jaksoLoppupvm": "2026-05-31",
        "kesto": 142,
        "kohdemaa": "620",
        "liikkuvuusohjelma": "101",
        "liikkuvuudenluokittelu": "",
        "tyyppi": "1",
        "koultyp": "",
        "opintoaste": "1",
        "koulutuskoodi": "623101",
        "oppilaitos": "01903",
        "sp": "9",
        "xika": 24,
        "xxaloitusvuosi": 2022,
        "opiskelijaavain": "AINO-1",
        "opiskeluoikeusavain": "AINO-R1",
        "liikkuvuusjaksoavain": "M-AINO",
    }


def test_the_programme_of_short_periods_is_a_column_from_2022_on(judged: Cast) -> None:
    stay(judged, "OLD", date(2021, 9, 1), date(2021, 10, 1))
    study_right(judged.student, key="OLD-R", start=date(2019, 8, 1), end=date(2022, 7, 31))
    actions.judge_all(now=NOON)

    (old,) = queries.rows(**asked(judged, "oph_short_outgoing", 2021))
    (new,) = queries.rows(**asked(judged, "oph_short_outgoing", 2026))

    assert (old.values["liikkuvuusohjelma"], new.values["liikkuvuusohjelma"]) == ("", "101")


def test_statistics_finland_gets_the_periods_of_the_year_s_graduates(judged: Cast) -> None:
    Attainment.objects.create(
        institution=judged.sending,
        student=judged.student,
        right=judged.right,
        key="DEGREE",
        kind="1",
        completed_on=date(2026, 12, 15),
        education_code="623101",
    )
    actions.judge_all(now=NOON)

    found = queries.rehearsal(**asked(judged, "tk", 2026))
    lines = queries.rows(**asked(judged, "tk", 2026))

    assert (found.included, found.graduates, found.graduates_with_mobility) == (3, 1, 1)
    assert [
        (row.key, row.values["kesto"], row.values["pituusluokka"], row.values["pitkatJaksot"])
        for row in lines
    ] == [("M-AINO", 142, "2", 1), ("SHORT", 6, "2", 1), ("TINY", 5, "2", 1)]


def test_credits_stand_in_the_ministry_s_columns(judged: Cast) -> None:
    shared = {
        "institution": judged.sending,
        "student": judged.student,
        "right": judged.right,
        "kind": "2",
        "completed_on": date(2026, 5, 20),
    }
    Attainment.objects.create(
        key="ABROAD",
        credits=Decimal(30),
        granted_by="foreign_hei",
        recognised_on=date(2026, 6, 20),
        mobility=judged.mobility,
        **shared,
    )
    Attainment.objects.create(
        key="PLACEMENT",
        credits=Decimal(15),
        is_traineeship=True,
        mobility=judged.mobility,
        **shared,
    )
    Attainment.objects.create(key="NOT-COUNTED", credits=Decimal(5), **{**shared, "kind": "4"})

    found = queries.rehearsal(**asked(judged, "okm", 2026))

    assert {total.value: total.amount for total in found.totals["column"]} == {
        "perustutkinto": 20.0,  # the course of the cast and the placement
        "hyvaksiluetut": 30.0,
        "ulkomaaHarjoittelu": 15.0,
        "kvVaihto": 0.0,
    }
    assert (found.included, found.excluded) == (3, 1)
    lines = queries.rows(**asked(judged, "okm", 2026))
    assert [(row.key, row.values["laajuus"]) for row in lines] == [
        ("ABROAD", 30),
        ("ATT-1", 5),
        ("PLACEMENT", 15),
    ]


def visit(cast: Cast, key: str, *, hours: str, content: str = "teaching") -> Side:
    person = Person.objects.create(family_name="Vierailija", given_names=key)
    made = mobility(
        person=person,
        sending=cast.third,
        receiving=cast.receiving,
        start=date(2026, 3, 2),
        end=date(2026, 3, 6),
        kind="staff",
        purpose="teaching",
    )
    StaffVisit.objects.create(mobility=made, hours=Decimal(hours), content=content)
    return side(made, cast.third, Direction.OUTGOING, key=key)


def test_staff_visits_of_a_university_of_applied_sciences_are_counted_in_begun_days(
    cast: Cast,
) -> None:
    Institution.objects.filter(pk=cast.third.pk).update(sector="uas")
    for one, hours, content in (
        ("V25", "25", "teaching"),
        ("V23", "23", "teaching"),
        ("CONF", "72", "conference"),
    ):
        visit(cast, one, hours=hours, content=content)
    actions.judge_all(now=NOON)

    wanted = {
        "actor": Actor.system(),
        "institution": cast.third,
        "extraction": "okm_staff",
        "year": 2026,
    }
    (row,) = queries.rows(**wanted)
    left = queries.rows(**wanted, included=False)

    assert (row.key, row.values["paivat"], row.values["pituus"]) == ("V25", 2, "short")
    assert [(one.key, one.rule) for one in left] == [("V23", "S45"), ("CONF", "S48")]


def test_staff_visits_of_a_university_are_no_matter_of_that_collection(cast: Cast) -> None:
    visit(cast, "V25", hours="25")
    actions.judge_all(now=NOON)

    assert not Verdict.objects.filter(scheme="okm", side__key="V25").exists()


def test_a_rehearsal_is_for_those_who_may_read_the_register_as_a_whole(judged: Cast) -> None:
    for stranger in (judged.dara, judged.chiara, judged.secretary):
        with pytest.raises(NotAllowed):
            queries.rehearsal(
                **{**asked(judged, "oph_long_outgoing", 2026), "actor": judged.actor(stranger)}
            )


def test_what_cannot_be_told_is_shown_to_those_who_see_the_record(judged: Cast) -> None:
    of_bruno = queries.cannot_be_told(judged.actor(judged.bruno))
    of_dara = queries.cannot_be_told(judged.actor(judged.dara))

    assert {one.side.key for one in of_bruno} >= {"UNKNOWN"}
    assert {one.institution_id for one in of_bruno} == {judged.sending.pk}
    assert list(of_dara) == []


@pytest.mark.parametrize("count", [1, 3])
def test_the_lines_cost_the_same_number_of_queries_however_many(
    cast: Cast, count: int, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        owner = student(cast.sending, key=f"X{number}")
        right = study_right(owner)
        made = mobility(
            person=owner.person,
            sending=cast.sending,
            receiving=cast.receiving,
            part_of_degree=True,
            start=date(2025, 1, 10),
            end=date(2025, 5, 31),
        )
        side(made, cast.sending, Direction.OUTGOING, student=owner, right=right)
    actions.judge_all(now=NOON)
    wanted = asked(cast, "oph_long_outgoing", 2025)

    with django_assert_num_queries(2):
        assert len(queries.rows(**wanted)) == count
    with django_assert_num_queries(2):
        assert queries.rehearsal(**wanted).included == count


def test_a_frozen_collection_tells_what_is_new_gone_and_changed(judged: Cast) -> None:
    wanted = asked(judged, "oph_short_outgoing", 2026)
    stay(judged, "GOES", date(2026, 11, 1), date(2026, 11, 10))
    actions.judge_all(now=NOON)
    kept = collections.freeze(**wanted, note="Extraction of March", now=NOON)

    short = Side.objects.get(key="SHORT")
    Segment.objects.filter(mobility=short.mobility).update(end=date(2026, 6, 20))
    Mobility.objects.filter(sides__key="GOES").update(state="cancelled")
    stay(judged, "COMES", date(2026, 11, 11), date(2026, 11, 20))
    actions.judge_all(now=NOON)

    assert [line["key"] for line in collections.frozen_lines(kept)] == ["SHORT", "GOES"]
    found = collections.compare(actor=wanted["actor"], collection=kept, now=NOON)
    assert [line["key"] for line in found.new] == ["COMES"]
    assert [line["key"] for line in found.gone] == ["GOES"]
    assert [(one.key, one.field, one.before, one.after) for one in found.changed] == [
        ("SHORT", "jaksoLoppupvm", "2026-06-15", "2026-06-20"),
        ("SHORT", "kesto", 6, 11),
    ]
    assert found.same == 0


def test_the_same_records_freeze_to_the_same_digest(judged: Cast) -> None:
    wanted = asked(judged, "oph_long_outgoing", 2026)

    one = collections.freeze(**wanted, now=NOON)
    other = collections.freeze(**wanted, now=NOON.replace(hour=13))

    assert one.digest == other.digest
    assert one.count == 1


def test_only_who_may_send_freezes(judged: Cast) -> None:
    with pytest.raises(NotAllowed):
        collections.freeze(
            **{**asked(judged, "oph_long_outgoing", 2026), "actor": judged.actor(judged.dara)},
            now=NOON,
        )


def test_an_unknown_extraction_is_refused(judged: Cast) -> None:
    with pytest.raises(queries.UnknownExtraction):
        queries.rows(**asked(judged, "cimo", 2026))


@pytest.mark.django_db(transaction=True)
def test_a_held_rehearsal_is_made_anew_when_something_else_is_said(
    committed_cast: Cast, django_assert_num_queries: Any
) -> None:
    cast = committed_cast
    Mobility.objects.filter(pk=cast.mobility.pk).update(part_of_degree=True)
    actions.judge_all(now=NOON)
    wanted = asked(cast, "oph_long_outgoing", 2026)
    assert queries.rehearsal(**wanted).included == 1
    with django_assert_num_queries(1):
        assert queries.rehearsal(**wanted).included == 1

    stay(cast, "NEW", date(2026, 6, 10), date(2026, 12, 15))
    actions.judge_all(now=NOON)

    assert queries.rehearsal(**wanted).included == 2

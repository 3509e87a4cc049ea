"""Mobilities as files bring them and pages correct them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.cast import NOON, TODAY, Cast
from vaihto.jobs.announcements import on
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Image, put_back
from vaihto.journal.models import Entry
from vaihto.mobilities import actions
from vaihto.mobilities.facts import MobilityFacts, SegmentFacts, VisitFacts
from vaihto.mobilities.models import Mobility, Segment, Side, StaffVisit
from vaihto.people.actions import bring_study_rights
from vaihto.people.facts import StudyRightFacts
from vaihto.people.models import Person
from vaihto.refusals import Invalid, NotAllowed, Stale

pytestmark = pytest.mark.django_db

AUTUMN = SegmentFacts(mode="physical", place="host", start=date(2025, 9, 1), end=date(2025, 12, 15))
OUT = MobilityFacts(
    key="M-1",
    student_key="AINO-1",
    direction="outgoing",
    purpose="study",
    programme="erasmus",
    call_year=2025,
    partner="porto-vale.example",
    planned_credits=Decimal(30),
    right_key="AINO-R1",
    segments=(AUTUMN,),
)
IN = replace(
    OUT,
    key="V-1",
    student_key="AINO-AT-VALE",
    direction="incoming",
    partner="aalto-north.example",
    right_key="",
    level="2",
)
VISIT = VisitFacts(
    key="T-1",
    employment_key="E-1",
    direction="outgoing",
    purpose="teaching",
    programme="erasmus",
    partner="porto-vale.example",
    content="teaching",
    start=date(2026, 3, 2),
    end=date(2026, 3, 6),
    hours=Decimal(40),
    teaching_hours=Decimal(8),
)


def bring(cast: Cast, *facts: MobilityFacts, at: str = "sending", **rest: object):
    return actions.bring_mobilities(
        actor=Actor.system(), institution=getattr(cast, at), facts=facts, now=NOON, **rest
    )


def visits(cast: Cast, *facts: VisitFacts, at: str = "sending"):
    return actions.bring_visits(
        actor=Actor.system(), institution=getattr(cast, at), facts=facts, now=NOON
    )


def verdicts(outcomes) -> list[str]:
    return [str(outcome.verdict) for outcome in outcomes]


def problems(outcome) -> list[tuple[str, object]]:
    return [(refusal.code, refusal.facts["field"]) for refusal in outcome.refusals]


def test_a_mobility_comes_with_its_segments_and_twice_changes_nothing(cast: Cast) -> None:
    assert verdicts(bring(cast, OUT)) == ["created"]
    lines = Entry.objects.count()
    assert verdicts(bring(cast, OUT)) == ["unchanged"]
    assert Entry.objects.count() == lines
    side = Side.objects.get(key="M-1")
    mobility = side.mobility
    assert (mobility.start, mobility.end, mobility.version) == (AUTUMN.start, AUTUMN.end, 1)
    assert (mobility.sending_country, mobility.receiving_country) == ("246", "620")
    assert mobility.receiving_institution == cast.receiving
    assert (side.right, side.student) == (cast.right, cast.student)
    assert [s.country for s in mobility.segments.all()] == ["620"]


def test_a_plan_says_the_same_as_bringing_and_writes_nothing(cast: Cast) -> None:
    facts = [OUT, replace(OUT, key="M-2", segments=()), OUT, replace(OUT, key="M-AINO")]
    before = (Mobility.objects.count(), Segment.objects.count(), Entry.objects.count())
    planned = actions.plan_mobilities(actor=Actor.system(), institution=cast.sending, facts=facts)
    assert before == (Mobility.objects.count(), Segment.objects.count(), Entry.objects.count())
    brought = bring(cast, *facts)
    assert verdicts(planned) == verdicts(brought) == ["created", "refused", "refused", "changed"]
    assert [o.changes for o in planned] == [o.changes for o in brought]


def test_a_changed_stay_is_told_in_words_and_announced(cast: Cast) -> None:
    bring(cast, OUT)
    heard: list[list[int]] = []
    on(actions.MOBILITIES_CHANGED, lambda *, side_ids: heard.append(side_ids))
    longer = replace(
        OUT, segments=(replace(AUTUMN, end=date(2026, 1, 31)),), partner="", partner_country="724"
    )
    (outcome,) = bring(cast, longer)
    assert outcome.changes == {
        "partner": ["porto-vale.example", None],
        "partner_country": ["620", "724"],
        "segments": [
            ["2025-09-01–2025-12-15 physical host 620"],
            ["2025-09-01–2026-01-31 physical host 724"],
        ],
    }
    side = Side.objects.get(key="M-1")
    assert (side.mobility.end, side.mobility.version) == (date(2026, 1, 31), 2)
    assert heard == [[side.pk]]
    assert Entry.objects.about(side.mobility).first().changes == outcome.changes


def test_what_a_file_does_not_speak_of_stays(cast: Cast) -> None:
    bring(cast, replace(OUT, planned_blended=True, funding="Erasmus+ grant"))
    (outcome,) = bring(cast, replace(OUT, call_year=2024), said={"key", "student_key", "call_year"})
    assert outcome.changes == {"call_year": [2025, 2024]}
    assert Side.objects.get(key="M-1").mobility.planned_blended


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"key": ""}, ("fact.missing", "key")),
        ({"student_key": "nobody"}, ("fact.unknown-key", "student_key")),
        ({"direction": "sideways"}, ("fact.unknown-code", "direction")),
        ({"purpose": "teaching"}, ("fact.unknown-code", "purpose")),
        ({"programme": "101"}, ("fact.unknown-code", "programme")),
        ({"partner": "nowhere.example"}, ("mobility.partner-unknown", "partner")),
        ({"partner": "", "partner_country": ""}, ("fact.missing", "partner_country")),
        ({"partner_country": "246"}, ("mobility.own-country", "partner_country")),
        ({"partner_country": "56"}, ("fact.unknown-code", "partner_country")),
        (
            {"partner": "aalto-north.example", "partner_country": "724"},
            ("mobility.partner-is-oneself", "partner"),
        ),
        ({"level": "99"}, ("fact.unknown-code", "level")),
        ({"change_reason": "war"}, ("fact.unknown-code", "change_reason")),
        ({"call_year": 25}, ("fact.out-of-range", "call_year")),
        ({"planned_credits": Decimal(-1)}, ("fact.impossible-number", "planned_credits")),
        ({"planned_credits": Decimal("NaN")}, ("fact.impossible-number", "planned_credits")),
        ({"nested_in": "M-9"}, ("fact.unknown-key", "nested_in")),
        ({"unit": "LAW"}, ("fact.unknown-code", "unit")),
        ({"segments": ()}, ("fact.missing", "segments")),
        (
            {"segments": (replace(AUTUMN, end=date(2025, 8, 1)),)},
            ("fact.dates-reversed", "segment_end"),
        ),
        ({"segments": (replace(AUTUMN, start=None),)}, ("fact.missing", "segment_start")),
        (
            {"segments": (replace(AUTUMN, start=date(1025, 9, 1)),)},
            ("fact.impossible-day", "segment_start"),
        ),
        (
            {"segments": (replace(AUTUMN, country="246"),)},
            ("mobility.own-country", "segment_country"),
        ),
        ({"segments": (replace(AUTUMN, mode="x"),)}, ("fact.unknown-code", "segment_mode")),
        (
            {"segments": (replace(AUTUMN, cancelled=True),)},
            ("mobility.all-parts-cancelled", "segment_cancelled"),
        ),
    ],
)
def test_a_wrong_fact_is_refused_with_its_field(cast: Cast, wrong, problem) -> None:
    (outcome,) = bring(cast, replace(OUT, **wrong))
    assert problem in problems(outcome)
    if "partner_country" not in wrong and "direction" not in wrong:
        assert problems(outcome) == [problem] or "nested" in wrong or wrong.get("partner")
    assert all("%(" not in str(refusal) for refusal in outcome.refusals)
    assert not Side.objects.filter(key="M-1").exists()


def test_a_virtual_part_of_an_old_register_needs_no_days(cast: Cast) -> None:
    blended = replace(OUT, segments=(AUTUMN, SegmentFacts(mode="virtual", place="home")))
    assert verdicts(bring(cast, blended)) == ["created"]
    assert verdicts(bring(cast, blended)) == ["unchanged"]


def test_the_host_part_of_an_incoming_stay_lies_here_however_the_register_writes_it(
    cast: Cast,
) -> None:
    departure = replace(IN, segments=(replace(AUTUMN, country="246"),))
    assert verdicts(bring(cast, departure, at="receiving")) == ["created"]
    side = Side.objects.get(key="V-1")
    assert side.mobility.sending_country == "246"
    assert [s.country for s in side.mobility.segments.all()] == ["620"]
    (outcome,) = bring(
        cast, replace(IN, segments=(replace(AUTUMN, country="724"),)), at="receiving"
    )
    assert problems(outcome) == [("mobility.incoming-host-elsewhere", "segment_country")]


def test_two_institutions_that_state_the_same_share_one_mobility(cast: Cast) -> None:
    bring(cast, OUT)
    bring(cast, IN, at="receiving")
    sides = Side.objects.filter(key__in=["M-1", "V-1"])
    assert len({side.mobility_id for side in sides}) == 1
    assert verdicts(bring(cast, IN, at="receiving")) == ["unchanged"]
    assert Mobility.objects.count() == 2


def test_other_days_make_a_mobility_of_its_own(cast: Cast) -> None:
    bring(cast, OUT)
    bring(cast, replace(IN, segments=(replace(AUTUMN, end=date(2025, 12, 16)),)), at="receiving")
    assert Side.objects.get(key="M-1").mobility != Side.objects.get(key="V-1").mobility


def test_who_states_something_else_later_parts_without_touching_the_other_register(
    cast: Cast,
) -> None:
    bring(cast, OUT)
    bring(cast, IN, at="receiving")
    bring(cast, replace(IN, segments=(replace(AUTUMN, end=date(2025, 11, 1)),)), at="receiving")
    ours, theirs = Side.objects.get(key="M-1").mobility, Side.objects.get(key="V-1").mobility
    assert ours != theirs
    assert (ours.end, theirs.end) == (AUTUMN.end, date(2025, 11, 1))
    assert [s.end for s in ours.segments.all()] == [AUTUMN.end]
    assert [s.end for s in theirs.segments.all()] == [date(2025, 11, 1)]


def test_a_level_stated_by_one_side_only_leaves_the_mobility_shared(cast: Cast) -> None:
    bring(cast, OUT)
    bring(cast, IN, at="receiving")
    bring(cast, replace(IN, level="4"), at="receiving")
    assert Side.objects.get(key="M-1").mobility == Side.objects.get(key="V-1").mobility


def test_a_trip_is_nested_in_the_incoming_stay_it_is_made_from_whatever_the_order(
    cast: Cast,
) -> None:
    trip = replace(
        OUT,
        key="V-TRIP",
        student_key="AINO-AT-VALE",
        partner="third.example",
        right_key="",
        nested_in="V-1",
        segments=(replace(AUTUMN, start=date(2025, 10, 1), end=date(2025, 10, 9)),),
    )
    facts = [trip, IN]
    planned = actions.plan_mobilities(actor=Actor.system(), institution=cast.receiving, facts=facts)
    assert verdicts(planned) == ["created", "created"]
    assert verdicts(bring(cast, *facts, at="receiving")) == ["created", "created"]
    assert Side.objects.get(key="V-TRIP").nested_in.key == "V-1"
    assert verdicts(bring(cast, *facts, at="receiving")) == ["unchanged", "unchanged"]
    (outcome,) = bring(cast, replace(trip, nested_in=""), at="receiving")
    assert outcome.changes == {"nested_in": ["V-1", ""]}
    assert Side.objects.get(key="V-TRIP").nested_in is None


def test_an_unknown_study_right_is_kept_by_key_and_linked_when_it_comes(cast: Cast) -> None:
    bring(cast, replace(OUT, right_key="R-LATER"))
    side = Side.objects.get(key="M-1")
    assert (side.right, side.right_key) == (None, "R-LATER")
    bring_study_rights(
        actor=Actor.system(),
        institution=cast.sending,
        facts=[
            StudyRightFacts(key="R-LATER", student_key="AINO-1", type="4", start=date(2024, 8, 1))
        ],
        now=NOON,
    )
    side.refresh_from_db()
    assert side.right is not None
    assert side.right.key == "R-LATER"
    assert verdicts(bring(cast, replace(OUT, right_key="R-LATER"))) == ["unchanged"]


def test_a_staff_visit_comes_with_its_hours_and_twice_changes_nothing(cast: Cast) -> None:
    assert verdicts(visits(cast, VISIT)) == ["created"]
    assert verdicts(visits(cast, VISIT)) == ["unchanged"]
    visit = StaffVisit.objects.get()
    assert (visit.hours, visit.employment) == (Decimal(40), cast.employment)
    assert visit.mobility.person == cast.employment.person
    (outcome,) = visits(cast, replace(VISIT, hours=None, content="research", end=date(2026, 3, 5)))
    assert set(outcome.changes) == {"hours", "content", "segments"}
    visit.refresh_from_db()
    assert (visit.hours, visit.content) == (None, "research")


def test_an_incoming_visitor_is_named_and_found_again_by_the_key(cast: Cast) -> None:
    guest = replace(
        VISIT,
        key="G-1",
        employment_key="",
        family_name="Vieras",
        given_names="Vera",
        direction="incoming",
        partner="porto-vale.example",
    )
    people = Person.objects.count()
    visits(cast, guest)
    assert verdicts(visits(cast, guest)) == ["unchanged"]
    (outcome,) = visits(cast, replace(guest, family_name="Vierailija"))
    assert outcome.changes == {"family_name": ["Vieras", "Vierailija"]}
    assert Person.objects.count() == people + 1


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"content": "shopping"}, ("fact.unknown-code", "content")),
        ({"purpose": "study"}, ("fact.unknown-code", "purpose")),
        ({"employment_key": ""}, ("fact.missing", "employment_key")),
        ({"employment_key": "E-404"}, ("fact.unknown-key", "employment_key")),
        ({"end": date(2026, 3, 1)}, ("fact.dates-reversed", "end")),
        ({"key": "M-AINO"}, ("mobility.other-kind", "key")),
        (
            {
                "started_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
                "ended_at": datetime(2026, 3, 2, 8, tzinfo=UTC),
            },
            ("fact.dates-reversed", "ended_at"),
        ),
    ],
)
def test_a_wrong_visit_is_refused_with_its_field(cast: Cast, wrong, problem) -> None:
    (outcome,) = visits(cast, replace(VISIT, **wrong))
    assert problems(outcome) == [problem]


def test_a_correction_needs_the_version_that_was_read(cast: Cast) -> None:
    bring(cast, OUT)
    side = Side.objects.get(key="M-1")
    bruno = cast.actor(cast.bruno, today=TODAY)
    corrected = replace(OUT, call_year=2024)
    actions.correct(
        actor=bruno, side=side, facts=corrected, seen_version=1, now=NOON, reason="typing error"
    )
    line = Entry.objects.about(side.mobility).first()
    assert (line.changes, line.reason, line.actor_label) == (
        {"call_year": [2025, 2024]},
        "typing error",
        "Bruno",
    )
    with pytest.raises(Stale):
        actions.correct(actor=bruno, side=side, facts=OUT, seen_version=1, now=NOON)
    with pytest.raises(Invalid) as refused:
        actions.correct(
            actor=bruno, side=side, facts=replace(OUT, key="M-X"), seen_version=2, now=NOON
        )
    assert refused.value.code == "mobility.key-is-stable"
    with pytest.raises(Invalid) as refused:
        actions.correct(
            actor=bruno, side=side, facts=replace(OUT, level="99"), seen_version=2, now=NOON
        )
    assert refused.value.facts["field"] == "level"


def test_nobody_corrects_another_institution(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        actions.correct(
            actor=cast.actor(cast.chiara, today=TODAY),
            side=cast.outgoing,
            facts=replace(OUT, key="M-AINO"),
            seen_version=1,
            now=NOON,
        )


def test_a_cancelled_mobility_stays_with_its_history(cast: Cast) -> None:
    bring(cast, OUT)
    side = Side.objects.get(key="M-1")
    bruno = cast.actor(cast.bruno, today=TODAY)
    actions.cancel(actor=bruno, side=side, seen_version=1, now=NOON, reason="stayed at home")
    side.mobility.refresh_from_db()
    assert (side.mobility.state, side.mobility.version) == ("cancelled", 2)
    with pytest.raises(Invalid):
        actions.cancel(actor=bruno, side=side, seen_version=2, now=NOON)


def test_a_purge_is_refused_with_the_reason_and_the_asking_is_kept(cast: Cast) -> None:
    """V24."""
    refusal = actions.purge(
        actor=cast.actor(cast.bruno, today=TODAY), side=cast.outgoing, now=NOON, reason="GDPR"
    )
    assert refusal.code == "mobility.kept-for-good"
    assert "kept permanently" in str(refusal)
    assert Entry.objects.about(cast.mobility).get().verb == "mobility.purge-refused"
    assert Side.objects.filter(pk=cast.outgoing.pk).exists()


def test_images_put_back_exactly_what_was(cast: Cast) -> None:
    bring(cast, OUT)
    bring(cast, IN, at="receiving")

    def everything() -> list[object]:
        return [
            sorted(map(str, model.objects.values_list()))
            for model in (Mobility, Segment, Side, StaffVisit, Person)
        ]

    before = everything()
    images: list[Image] = []
    bring(
        cast,
        replace(OUT, segments=(replace(AUTUMN, end=date(2026, 1, 31)),), call_year=2020),
        replace(OUT, key="M-NEW", partner_country="724"),
        keep=images.extend,
    )
    assert everything() != before
    put_back(reversed(images))
    assert everything() == before


def test_queries_do_not_grow_with_the_number_of_facts(
    cast: Cast, django_assert_max_num_queries
) -> None:
    facts = [replace(OUT, key=f"K{n}") for n in range(60)]
    with django_assert_max_num_queries(8):
        actions.plan_mobilities(actor=Actor.system(), institution=cast.sending, facts=facts)
    bring(cast, *facts)
    with django_assert_max_num_queries(9):
        outcomes = actions.plan_mobilities(
            actor=Actor.system(), institution=cast.sending, facts=facts
        )
    assert set(verdicts(outcomes)) == {"unchanged"}

"""Persons, rights and employments as files bring them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from tests.cast import NOON, TODAY, Cast
from vaihto.jobs.announcements import on
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Image, Verdict, put_back
from vaihto.journal.models import Entry
from vaihto.people import actions
from vaihto.people.facts import (
    EmploymentFacts,
    PrimacyFacts,
    SpellFacts,
    StateFacts,
    StudentFacts,
    StudyRightFacts,
    TermEnrolmentFacts,
)
from vaihto.people.models import Employment, Person, StudentRecord, StudyRight, TermEnrolment
from vaihto.refusals import Invalid, NotAllowed

pytestmark = pytest.mark.django_db

EEVA = StudentFacts(
    key="S-1",
    family_name="Esimerkki",
    given_names="Eeva",
    gender="2",
    citizenships=("246",),
    birth_date=date(2001, 3, 4),
    learner_number="1.2.246.562.24.00000000077",
    identity_code="040301A123B",
    email="eeva@example.org",
    unit="ENG",
)
RIGHT = StudyRightFacts(
    key="R-1",
    student_key="AINO-1",
    type="4",
    start=date(2024, 8, 1),
    states=(StateFacts(code="1", start=date(2024, 8, 1)),),
    spells=(SpellFacts(start=date(2024, 8, 1), municipality="398", classifications=("7", "5")),),
    primacies=(PrimacyFacts(start=date(2024, 8, 1)),),
)


@pytest.fixture
def _as_before() -> Iterator[None]:
    """No listener of a test hears the next one."""
    listeners = actions.RECORDS_CHANGED._listeners
    before = list(listeners)
    yield
    listeners[:] = before


def bring(cast: Cast, *facts: StudentFacts, at: str = "sending", **rest: object):
    return actions.bring_students(
        actor=Actor.system(), institution=getattr(cast, at), facts=facts, now=NOON, **rest
    )


def rights(cast: Cast, *facts: StudyRightFacts):
    return actions.bring_study_rights(
        actor=Actor.system(), institution=cast.sending, facts=facts, now=NOON
    )


def verdicts(outcomes) -> list[str]:
    return [str(outcome.verdict) for outcome in outcomes]


def codes(outcome) -> list[str]:
    return [refusal.code for refusal in outcome.refusals]


def test_the_same_student_twice_changes_nothing_the_second_time(cast: Cast) -> None:
    assert verdicts(bring(cast, EEVA)) == ["created"]
    lines = Entry.objects.count()
    assert verdicts(bring(cast, EEVA)) == ["unchanged"]
    assert Entry.objects.count() == lines
    record = StudentRecord.objects.get(key="S-1")
    assert (record.person.full_name, record.unit.code) == ("Eeva Esimerkki", "ENG")
    assert record.person.identity_code == "040301A123B"
    assert Person.objects.with_identity_code("040301a123b").get() == record.person


def test_a_changed_field_is_told_with_before_and_after_and_written_into_the_journal(
    cast: Cast,
) -> None:
    bring(cast, EEVA)
    (outcome,) = bring(cast, replace(EEVA, family_name="Toinen", unit=""), batch="b1")
    assert outcome.changes == {"family_name": ["Esimerkki", "Toinen"], "unit": ["ENG", ""]}
    by_subject = {e.subject_type: e.changes for e in Entry.objects.filter(batch="b1")}
    assert by_subject == {
        "people.person": {"family_name": ["Esimerkki", "Toinen"]},
        "people.studentrecord": {"unit": ["ENG", ""]},
    }


def test_a_changed_identity_code_stands_in_the_journal_by_name_only(cast: Cast) -> None:
    bring(cast, EEVA)
    (outcome,) = bring(cast, replace(EEVA, identity_code="040301A999C"), batch="b2")
    assert outcome.changes == {"identity_code": [None, None]}
    text = str(list(Entry.objects.filter(batch="b2").values()))
    assert "040301" not in text


def test_a_plan_says_the_same_as_bringing_and_writes_nothing(cast: Cast) -> None:
    before = (Person.objects.count(), Entry.objects.count())
    facts = [EEVA, replace(EEVA, key="S-2", learner_number="x", identity_code=""), EEVA]
    planned = actions.plan_students(actor=Actor.system(), institution=cast.sending, facts=facts)
    assert (Person.objects.count(), Entry.objects.count()) == before
    assert verdicts(planned) == verdicts(bring(cast, *facts)) == ["created", "created", "refused"]


def test_one_learner_number_is_one_person_with_a_student_record_at_each_institution(
    cast: Cast,
) -> None:
    bring(cast, EEVA)
    bring(cast, replace(EEVA, key="77", unit="", identity_code=""), at="receiving")
    records = StudentRecord.objects.filter(key__in=["S-1", "77"])
    assert records.count() == 2
    assert len({record.person_id for record in records}) == 1


def test_a_birth_date_in_place_of_an_identity_code_joins_nobody(cast: Cast) -> None:
    facts = replace(EEVA, learner_number="", identity_code="010203A")
    bring(cast, facts, replace(facts, key="S-2"))
    assert (
        StudentRecord.objects.get(key="S-1").person != StudentRecord.objects.get(key="S-2").person
    )


def test_two_new_records_with_one_identity_code_are_one_person(cast: Cast) -> None:
    facts = replace(EEVA, learner_number="")
    bring(cast, facts, replace(facts, key="S-2"))
    assert (
        StudentRecord.objects.get(key="S-1").person == StudentRecord.objects.get(key="S-2").person
    )


def test_two_lines_that_contradict_each_other_about_one_person_are_refused(cast: Cast) -> None:
    facts = [EEVA, replace(EEVA, key="S-2", gender="1")]
    planned = actions.plan_students(actor=Actor.system(), institution=cast.sending, facts=facts)
    brought = bring(cast, *facts)
    for outcomes in (planned, brought, bring(cast, *facts)):
        assert codes(outcomes[1]) == ["person.told-differently"]
    assert verdicts(bring(cast, EEVA, replace(EEVA, key="S-2", identity_code="040301A"))) == [
        "unchanged",
        "created",
    ]


def test_an_identifier_of_somebody_else_is_refused_in_words(cast: Cast) -> None:
    bring(cast, EEVA)
    (outcome,) = bring(
        cast, replace(EEVA, key="AINO-1", learner_number="", identity_code=EEVA.identity_code)
    )
    assert codes(outcome) == ["person.identifiers-conflict"]
    (outcome,) = bring(cast, replace(EEVA, key="S-9", identity_code="050505A555X"))
    assert codes(outcome) == ["person.identifiers-conflict"]


def test_what_a_file_does_not_speak_of_stays(cast: Cast) -> None:
    bring(cast, replace(EEVA, residence="398", mother_tongue="fi"))
    (outcome,) = bring(cast, replace(EEVA, mother_tongue="sv"), said={"key", "mother_tongue"})
    assert outcome.changes == {"mother_tongue": ["fi", "sv"]}
    record = StudentRecord.objects.get(key="S-1")
    assert (record.residence, record.unit.code) == ("398", "ENG")


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"key": ""}, "fact.missing", "key"),
        ({"gender": "3"}, "fact.unknown-code", "gender"),
        ({"citizenships": ("FI",)}, "fact.unknown-code", "citizenships"),
        ({"birth_date": date(1812, 1, 1)}, "fact.impossible-day", "birth_date"),
        ({"first_enrolled": date(1999, 1, 1)}, "fact.dates-reversed", "first_enrolled"),
        ({"unit": "LAW"}, "fact.unknown-code", "unit"),
        ({"email": "eeva"}, "person.email-form", "email"),
        ({"identity_code": "04.03.2001"}, "person.identity-code-form", "identity_code"),
        ({"family_name": "x" * 201}, "fact.too-long", "family_name"),
        ({"family_name": "a\0b"}, "fact.control-character", "family_name"),
    ],
)
def test_a_wrong_fact_is_refused_with_its_field(cast: Cast, wrong, code, field) -> None:
    (outcome,) = bring(cast, replace(EEVA, **wrong))
    assert [(r.code, r.facts["field"]) for r in outcome.refusals] == [(code, field)]
    assert "%(" not in str(outcome.refusals[0])
    assert not StudentRecord.objects.filter(key=wrong.get("key", "S-1")).exists()


def test_refused_lines_leave_the_others_alone(cast: Cast) -> None:
    outcomes = bring(cast, replace(EEVA, gender="3"), replace(EEVA, key="S-2"))
    assert verdicts(outcomes) == ["refused", "created"]


def test_a_reader_may_bring_nothing_and_a_registrar_only_at_home(cast: Cast) -> None:
    bruno = cast.actor(cast.bruno, today=TODAY)
    with pytest.raises(NotAllowed):
        actions.bring_students(actor=bruno, institution=cast.receiving, facts=[EEVA], now=NOON)
    with pytest.raises(NotAllowed):
        actions.plan_students(
            actor=cast.actor(cast.dara, today=TODAY), institution=cast.third, facts=[EEVA]
        )


def test_a_role_for_one_unit_reaches_records_of_that_unit_only(cast: Cast) -> None:
    cast.bruno.roles.update(unit=cast.unit)
    bruno = cast.actor(cast.bruno, today=TODAY)
    outcomes = actions.bring_students(
        actor=bruno,
        institution=cast.sending,
        facts=[EEVA, replace(EEVA, key="S-2", unit=""), StudentFacts(key="AINO-1", unit="ENG")],
        now=NOON,
    )
    assert verdicts(outcomes) == ["created", "refused", "refused"]
    assert codes(outcomes[2]) == ["fact.unit-not-in-reach"]


@pytest.mark.usefixtures("_as_before")
def test_a_study_right_comes_with_its_timelines_and_twice_changes_nothing(cast: Cast) -> None:
    heard: list[list[int]] = []
    on(actions.RECORDS_CHANGED, lambda *, person_ids: heard.append(person_ids))
    assert verdicts(rights(cast, RIGHT)) == ["created"]
    assert verdicts(rights(cast, RIGHT)) == ["unchanged"]
    right = StudyRight.objects.get(key="R-1")
    assert [s.classifications for s in right.spells.all()] == [["7", "5"]]
    assert [s.code for s in right.states.all()] == ["1"]
    assert heard == [[cast.student.person_id]]


def test_a_timeline_is_replaced_as_a_whole(cast: Cast) -> None:
    rights(cast, RIGHT)
    ended = replace(
        RIGHT,
        states=(
            StateFacts(code="1", start=date(2024, 8, 1), end=date(2025, 5, 31)),
            StateFacts(code="3", start=date(2025, 6, 1)),
        ),
    )
    (outcome,) = rights(cast, ended)
    assert outcome.changes == {
        "states": [["2024-08-01– 1"], ["2024-08-01–2025-05-31 1", "2025-06-01– 3"]]
    }
    assert StudyRight.objects.get(key="R-1").states.count() == 2


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"type": "99"}, "fact.unknown-code"),
        ({"end": date(2024, 7, 31)}, "fact.dates-reversed"),
        ({"student_key": "nobody"}, "fact.unknown-key"),
        ({"states": (StateFacts(code="9", start=date(2024, 8, 1)),)}, "fact.unknown-code"),
    ],
)
def test_a_wrong_study_right_is_refused(cast: Cast, wrong, code) -> None:
    (outcome,) = rights(cast, replace(RIGHT, **wrong))
    assert codes(outcome) == [code]


def test_a_right_keeps_its_type_for_life(cast: Cast) -> None:
    rights(cast, RIGHT)
    (outcome,) = rights(cast, replace(RIGHT, type="2"))
    assert codes(outcome) == ["study-right.type-is-for-life"]


def test_giving_up_the_double_degree_ends_the_spell_that_day_on_the_same_right(cast: Cast) -> None:
    """V23: given up 2025-11-15, new spell without 7 from 2025-11-16; no new right, periods untouched."""
    rights(cast, RIGHT)
    right = StudyRight.objects.get(key="R-1")
    actions.give_up_double_degree(
        actor=cast.actor(cast.bruno), right=right, on=date(2025, 11, 15), now=NOON
    )
    assert [(s.start, s.end, s.classifications) for s in right.spells.order_by("start")] == [
        (date(2024, 8, 1), date(2025, 11, 15), ["7", "5"]),
        (date(2025, 11, 16), None, ["5"]),
    ]
    assert StudyRight.objects.filter(student=cast.student).count() == 2
    assert Entry.objects.about(right).first().verb == "study-right.double-degree-given-up"
    with pytest.raises(Invalid):
        actions.give_up_double_degree(
            actor=cast.actor(cast.bruno), right=right, on=date(2025, 12, 1), now=NOON
        )


def test_a_degree_right_is_added_beside_the_exchange_right_which_stays(cast: Cast) -> None:
    """V02."""
    exchange = replace(RIGHT, key="X-1", type="9", spells=(), end=date(2024, 12, 31))
    rights(cast, exchange)
    before = StudyRight.objects.filter(key="X-1").values().get()
    added = actions.add_degree_right(
        actor=cast.actor(cast.bruno), student=cast.student, facts=RIGHT, now=NOON
    )
    assert added.type == "4"
    assert StudyRight.objects.filter(key="X-1").values().get() == before
    for wrong in (replace(RIGHT, key="X-2", type="9"), replace(RIGHT, key="X-1")):
        with pytest.raises(Invalid):
            actions.add_degree_right(
                actor=cast.actor(cast.bruno), student=cast.student, facts=wrong, now=NOON
            )


def test_term_enrolments_are_kept_once_and_replaced_when_the_same_term_comes_anew(
    cast: Cast,
) -> None:
    facts = TermEnrolmentFacts(
        student_key="AINO-1",
        right_key="AINO-R1",
        start=date(2025, 8, 1),
        end=date(2025, 12, 31),
        state="1",
        document="<a/>",
    )

    def enrol(*all_facts: TermEnrolmentFacts) -> list[str]:
        return verdicts(
            actions.bring_term_enrolments(
                actor=Actor.system(), institution=cast.sending, facts=all_facts, now=NOON
            )
        )

    assert enrol(facts, facts) == ["created", "unchanged"]
    assert enrol(replace(facts, state="2", document="<b/>")) == ["changed"]
    assert enrol(replace(facts, state="2", document="<b/>")) == ["unchanged"]
    assert list(TermEnrolment.objects.values_list("state", "document")) == [("2", "<b/>")]


def test_an_employment_brings_its_person_and_knows_the_student_of_the_same_number(
    cast: Cast,
) -> None:
    facts = EmploymentFacts(
        key="E-9",
        family_name="Virtanen-Leakable",
        learner_number=cast.student.person.learner_number,
        group="other",
        start=date(2025, 1, 1),
    )

    def employ(*all_facts: EmploymentFacts):
        return actions.bring_employments(
            actor=Actor.system(), institution=cast.sending, facts=all_facts, now=NOON
        )

    assert verdicts(employ(facts)) == ["created"]
    assert verdicts(employ(facts)) == ["unchanged"]
    assert Employment.objects.get(key="E-9").person == cast.student.person
    assert codes(employ(replace(facts, group="cook", end=date(2024, 1, 1)))[0]) == [
        "fact.unknown-code",
        "fact.dates-reversed",
    ]


def test_images_put_back_exactly_what_was(cast: Cast) -> None:
    bring(cast, EEVA)
    rights(cast, RIGHT)

    def everything() -> list[object]:
        return [
            sorted(map(str, model.objects.values_list()))
            for model in (Person, StudentRecord, StudyRight)
        ] + [sorted(str(s) for s in StudyRight.objects.get(key="R-1").states.values_list())]

    before = everything()
    images: list[Image] = []
    bring(
        cast,
        replace(EEVA, family_name="Toinen", identity_code="040301A999C"),
        replace(EEVA, key="S-3", learner_number="", identity_code=""),
        keep=images.extend,
    )
    actions.bring_study_rights(
        actor=Actor.system(),
        institution=cast.sending,
        facts=[replace(RIGHT, end=date(2025, 1, 1), states=())],
        now=NOON,
        keep=images.extend,
    )
    assert everything() != before
    assert "040301" not in str(images)
    put_back(reversed(images))
    after = everything()
    # The encrypted code is written anew with the same value; compare what people read.
    assert after[1:] == before[1:]
    person = Person.objects.get(learner_number=EEVA.learner_number)
    assert (person.family_name, person.identity_code) == ("Esimerkki", "040301A123B")
    assert Person.objects.with_identity_code("040301A123B").get() == person


def test_queries_do_not_grow_with_the_number_of_facts(
    cast: Cast, django_assert_num_queries
) -> None:
    facts = [
        replace(EEVA, key=f"K{n}", learner_number=f"L{n}", identity_code="") for n in range(50)
    ]
    for some in (facts[:2], facts):
        with django_assert_num_queries(3):
            actions.plan_students(actor=Actor.system(), institution=cast.sending, facts=some)
    assert Verdict.CREATED == "created"

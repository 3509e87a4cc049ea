"""A large demo is many copies of a small one, each a world of its own."""

from __future__ import annotations

from django.db.models import F

from vaihto.classification.models import Period
from vaihto.demo import multiplying
from vaihto.demo.building import Built
from vaihto.journal.models import Entry
from vaihto.mobilities.models import Mobility, Segment, Side
from vaihto.people.models import Person, StudyRight


def test_every_model_that_leads_to_a_person_is_copied_or_left_out_knowingly() -> None:
    """Judgements are made anew; accounts and background work belong to nobody's copy."""
    known = {
        "classification.Judgement",
        "classification.Period",
        "classification.Verdict",
        "classification.Waiting",
        "people.Account",
        "people.ExternalLogin",
        "people.Role",
        "people.TermEnrolment",
    }
    met = {
        label
        for label in multiplying.left_out()
        if label.split(".")[0]
        in {"people", "mobilities", "transcripts", "classification", "institutions"}
    }
    assert met - known == set()


def test_copies_have_the_same_stays_and_verdicts_under_other_keys(thrice: Built) -> None:
    home = {"institution__hei_id": "tuulisalmi.example"}
    sides = [Side.objects.get(**home, key=f"T-900004-1{tail}") for tail in ("", "-1", "-2")]
    assert len({side.mobility_id for side in sides}) == 3
    assert len({side.mobility.person_id for side in sides}) == 3
    assert len({side.student_id for side in sides}) == 3
    for side in sides:
        assert side.student is not None
        assert side.right is not None
        assert side.right.student_id == side.student_id
        assert side.student.person_id == side.mobility.person_id
        assert [part.days for part in side.periods.all()] == [91]
        assert "N_BLENDED" in side.judgement.note_codes
    numbers = list(
        Person.objects.filter(given_names="Onni", family_name="Niemi").values_list(
            "learner_number", flat=True
        )
    )
    assert len(set(numbers)) == 3
    assert {len(number) for number in numbers} == {len(numbers[0])}


def test_nothing_in_a_copy_refers_to_another_copy(thrice: Built) -> None:
    assert Side.objects.count() % 3 == 0
    assert Segment.objects.count() % 3 == 0
    elsewhere = Side.objects.filter(student__isnull=False).exclude(
        mobility__person=F("student__person")
    )
    assert not elsewhere.exists()
    assert not Side.objects.exclude(right=None).exclude(student=F("right__student")).exists()
    outer = Side.objects.get(institution__hei_id="tuulisalmi.example", key="T-IN-900015-2")
    inner = Side.objects.get(institution__hei_id="tuulisalmi.example", key="T-IN-900015-TRIP-2")
    assert inner.nested_in_id == outer.pk
    keys = StudyRight.objects.values_list("institution", "key")
    assert len(set(keys)) == len(keys)
    periods = Period.objects.values_list("institution", "key")
    assert len(set(periods)) == len(periods)
    lines = Entry.objects.filter(verb="mobility.created").values_list("subject_id", flat=True)
    assert sorted(map(int, lines)) == sorted(Mobility.objects.values_list("pk", flat=True))


def test_after_copying_new_records_get_numbers_of_their_own(thrice: Built) -> None:
    highest = Person.objects.order_by("-pk")[0].pk
    assert Person.objects.create(family_name="New").pk > highest

"""Attainments as files bring them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.cast import NOON, Cast
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.transcripts import actions
from vaihto.transcripts.facts import AttainmentFacts
from vaihto.transcripts.models import Attainment

pytestmark = pytest.mark.django_db

COURSE = AttainmentFacts(
    key="A-1",
    student_key="AINO-1",
    right_key="AINO-R1",
    mobility_key="M-AINO",
    names={"en": "Harbour law"},
    credits=Decimal("7.5"),
    completed_on=date(2026, 5, 20),
    recognised_on=date(2026, 6, 30),
    granted_by="foreign_hei",
    source_code="UK",
    source_country="620",
)


def bring(cast: Cast, *facts: AttainmentFacts):
    return actions.bring_attainments(
        actor=Actor.system(), institution=cast.sending, facts=facts, now=NOON
    )


def test_an_attainment_twice_changes_nothing_the_second_time(cast: Cast) -> None:
    assert [str(o.verdict) for o in bring(cast, COURSE)] == ["created"]
    lines = Entry.objects.count()
    assert [str(o.verdict) for o in bring(cast, COURSE)] == ["unchanged"]
    assert Entry.objects.count() == lines
    stored = Attainment.objects.get(key="A-1")
    assert (stored.right, stored.mobility) == (cast.right, cast.mobility)


def test_completion_and_recognition_stay_two_dates(cast: Cast) -> None:
    """V19."""
    bring(cast, COURSE)
    (outcome,) = bring(cast, replace(COURSE, completed_on=None))
    assert outcome.changes == {"completed_on": ["2026-05-20", None]}
    stored = Attainment.objects.get(key="A-1")
    assert (stored.completed_on, stored.recognised_on) == (None, date(2026, 6, 30))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"kind": "9"}, ("fact.unknown-code", "kind")),
        ({"granted_by": "moon"}, ("fact.unknown-code", "granted_by")),
        ({"classifications": ("99",)}, ("fact.unknown-code", "classifications")),
        ({"source_country": "UK"}, ("fact.unknown-code", "source_country")),
        ({"credits": Decimal("7.555")}, ("fact.impossible-number", "credits")),
        ({"completed_on": None, "recognised_on": None}, ("fact.missing", "completed_on")),
        ({"completed_on": date(2926, 5, 20)}, ("fact.impossible-day", "completed_on")),
        ({"student_key": "nobody", "right_key": ""}, ("fact.unknown-key", "student_key")),
        ({"right_key": "R-404"}, ("fact.unknown-key", "right_key")),
        ({"mobility_key": "M-404"}, ("fact.unknown-key", "mobility_key")),
    ],
)
def test_a_wrong_fact_is_refused_with_its_field(cast: Cast, wrong, problem) -> None:
    (outcome,) = bring(cast, replace(COURSE, **wrong))
    assert [(r.code, r.facts["field"]) for r in outcome.refusals] == [problem]


def test_a_plan_says_the_same_as_bringing(cast: Cast) -> None:
    facts = [COURSE, replace(COURSE, key="ATT-1", kind="1"), replace(COURSE, kind="9"), COURSE]
    planned = actions.plan_attainments(actor=Actor.system(), institution=cast.sending, facts=facts)
    brought = bring(cast, *facts)
    assert [(str(o.verdict), o.changes) for o in planned] == [
        (str(o.verdict), o.changes) for o in brought
    ]
    assert [str(o.verdict) for o in brought] == ["created", "changed", "refused", "refused"]

"""Other rules are tried before they are adopted: exactly those whose verdict changes are found."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.cast import NOON, Cast, account, mobility, role, side
from vaihto.classification import actions, ruleset, trial
from vaihto.classification.models import Edition, Judgement, Period, Verdict
from vaihto.classification.ruleset import UnreadableParameters
from vaihto.jobs.actions import run as run_work
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.mobilities.models import Direction, Mobility, Side
from vaihto.people.models import Role
from vaihto.refusals import Invalid, NotAllowed

pytestmark = pytest.mark.django_db

STRICTER = "long_period_minimum:\n  values:\n    1900-01-01: 90\n"


def stay(cast: Cast, key: str, start: date, end: date) -> Side:
    made = mobility(
        person=cast.student.person,
        sending=cast.sending,
        receiving=cast.receiving,
        start=start,
        end=end,
        part_of_degree=True,
    )
    return side(
        made, cast.sending, Direction.OUTGOING, key=key, student=cast.student, right=cast.right
    )


@pytest.fixture
def judged(cast: Cast) -> Cast:
    """Aino's stays of 142, 90, 89, 87 and 86 days; four of them long today."""
    Mobility.objects.filter(pk=cast.mobility.pk).update(part_of_degree=True)
    stay(cast, "D90", date(2025, 1, 1), date(2025, 3, 31))
    stay(cast, "D89", date(2024, 1, 1), date(2024, 3, 29))
    stay(cast, "D87", date(2023, 1, 1), date(2023, 3, 28))
    stay(cast, "D86", date(2022, 9, 1), date(2022, 11, 25))
    actions.judge_all(now=NOON)
    return cast


def test_trying_finds_exactly_those_whose_verdict_would_change(judged: Cast) -> None:
    found = trial.run(ruleset.with_parameters(STRICTER))

    assert (found.judged, found.changed) == (6, 2)
    assert {
        (change.key, change.scheme, change.before["kind"], change.after["kind"])
        for change in found.changes
        if change.before and change.after
    } == {
        ("D89", "oph", "long_outgoing", "short_outgoing"),
        ("D87", "oph", "long_outgoing", "short_outgoing"),
    }
    assert dict(found.by_rule) == {"S07": 2}


def test_trying_the_rules_in_force_finds_nothing(judged: Cast) -> None:
    found = trial.run(ruleset.OWN)

    assert (found.judged, found.changed, found.changes) == (6, 0, [])


def test_trying_stores_no_verdict(judged: Cast) -> None:
    before = list(Verdict.objects.order_by("pk").values_list("pk", "kind"))

    trial.run(ruleset.with_parameters(STRICTER))

    assert list(Verdict.objects.order_by("pk").values_list("pk", "kind")) == before


def test_an_adopted_edition_judges_everybody_and_whoever_changes_later(judged: Cast) -> None:
    actor = Actor.system("test")
    edition = actions.propose(actor=actor, parameters=STRICTER, note="Board", now=NOON)
    found = actions.try_edition(edition=edition)

    run_work(actions.adopt(actor=actor, edition=edition, now=NOON))

    assert found.changed == 2
    assert edition.trial["by_rule"] == {"S07": 2}
    kinds = dict(Verdict.objects.filter(scheme="oph").values_list("side__key", "kind"))
    assert (kinds["D90"], kinds["D89"], kinds["D87"]) == (
        "long_outgoing",
        "short_outgoing",
        "short_outgoing",
    )
    assert set(Judgement.objects.values_list("edition", flat=True)) == {edition.key}
    later = stay(judged, "LATER", date(2021, 1, 1), date(2021, 3, 29))
    actions.judge_sides(side_ids=[later.pk], now=NOON)
    assert Verdict.objects.get(side=later, scheme="tk").included is False
    assert Entry.objects.filter(verb="edition.adopted").count() == 1


def test_the_edition_in_force_cannot_be_adopted_again(judged: Cast) -> None:
    actor = Actor.system("test")
    in_force = Edition.objects.adopted()
    assert in_force is not None

    with pytest.raises(Invalid, match="in force"):
        actions.adopt(actor=actor, edition=in_force, now=NOON)


def test_only_who_may_adopt_rules_proposes_them(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        actions.propose(actor=cast.actor(cast.bruno), parameters=STRICTER, now=NOON)
    administrator = account("hanna")
    role(administrator, Role.Name.ADMINISTRATOR, cast.sending)

    edition = actions.propose(actor=cast.actor(administrator), parameters=STRICTER, now=NOON)

    assert edition.adopted_at is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unheard_of: {values: {1900-01-01: 1}}", "unheard_of"),
        ("long_period_minimum: {values: {soon: 1}}", "not a day"),
        ("- a list", "mapping"),
        ("a: [", "parsing"),
    ],
)
def test_a_file_that_is_no_parameter_file_is_refused_in_words(text: str, problem: str) -> None:
    with pytest.raises(UnreadableParameters, match=problem):
        ruleset.with_parameters(text)


def test_newer_rules_of_the_program_wait_to_be_adopted(judged: Cast) -> None:
    assert actions.edition_waiting() is None
    Edition.objects.update(key="0123456789abcdef")

    assert actions.edition_waiting() == ruleset.OWN.key


def test_the_command_previews_whose_verdict_would_change(judged: Cast, tmp_path: Path) -> None:
    file = tmp_path / "proposal.yaml"
    file.write_text(STRICTER, "utf-8")
    out = io.StringIO()

    call_command("classification", "preview", parameters=file, json=True, stdout=out)

    answer: dict[str, Any] = json.loads(out.getvalue())
    assert (answer["judged"], answer["changed"]) == (6, 2)
    assert {change["key"] for change in answer["changes"]} == {"D89", "D87"}


def test_the_command_judges_nobody_by_rules_that_were_not_adopted(judged: Cast) -> None:
    Edition.objects.update(key="0123456789abcdef")
    out = io.StringIO()

    with pytest.raises(SystemExit) as exit_:
        call_command("classification", "run", stderr=out)

    assert exit_.value.code == 1
    assert "preview" in out.getvalue()


def test_the_command_judges_everybody(judged: Cast) -> None:
    Verdict.objects.all().delete()
    Period.objects.all().delete()
    Judgement.objects.all().delete()
    out = io.StringIO()

    call_command("classification", "run", json=True, stdout=out)

    assert json.loads(out.getvalue()) == {"judged": 6, "changed": 6}

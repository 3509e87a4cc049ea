"""What institutions can do: the present state out of two sources, survey rounds, and how two of them differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.cast import NOON, Cast, account, role
from vaihto.institutions import actions, capabilities
from vaihto.institutions.capabilities import Step
from vaihto.institutions.facts import AbilityFacts
from vaihto.institutions.models import Capability
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.people.models import Role
from vaihto.refusals import Invalid, NotAllowed

pytestmark = pytest.mark.django_db

SPRING, AUTUMN = ("Spring", date(2025, 4, 15)), ("Autumn", date(2026, 10, 5))


def answer(hei_id: str, interface: str, state: str, when: tuple[str, date], **more: str):
    name, day = when
    return AbilityFacts(
        institution=hei_id,
        survey_round=name,
        since=day,
        interface=interface,
        state=state,
        **more,
    )


def bring(*facts: AbilityFacts, actor: Actor | None = None):
    found = actions.bring_abilities(actor=actor or Actor.system(), facts=facts, now=NOON)
    return [str(outcome.verdict) for outcome in found]


def codes(outcomes) -> list[str]:
    return [refusal.code for outcome in outcomes for refusal in outcome.refusals]


def test_an_answer_is_found_again_by_institution_round_and_interface(cast: Cast) -> None:
    live = answer("porto-vale.example", "iias", "live", SPRING, version="7.0")
    assert bring(live) == ["created"]
    assert bring(live) == ["unchanged"]
    assert bring(replace(live, state="testing")) == ["changed"]
    row = Capability.objects.get()
    assert (row.process, row.state, row.source) == ("agreements", "testing", "survey")
    assert [line.verb for line in Entry.objects.about(row).order_by("pk")] == [
        "capability.created",
        "capability.changed",
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "perhaps"}, "fact.unknown-code"),
        ({"channel": "pigeon"}, "fact.unknown-code"),
        ({"institution": "nowhere.example"}, "fact.unknown-key"),
        ({"interface": "Learning agreements"}, "survey.interface-form"),
        ({"survey_round": ""}, "fact.missing"),
        ({"since": date(1800, 1, 1)}, "fact.impossible-day"),
        ({"system": "x" * 200}, "fact.too-long"),
    ],
)
def test_what_cannot_be_an_answer_is_refused(cast: Cast, change: dict, code: str) -> None:
    wrong = replace(answer("porto-vale.example", "iias", "live", SPRING), **change)
    outcomes = actions.plan_abilities(actor=Actor.system(), facts=[wrong])
    assert codes(outcomes) == [code]


def test_two_rounds_cannot_have_the_same_day(cast: Cast) -> None:
    assert bring(answer("porto-vale.example", "iias", "live", SPRING)) == ["created"]
    again = answer("porto-vale.example", "iias", "none", ("Another", SPRING[1]))
    outcomes = actions.plan_abilities(actor=Actor.system(), facts=[again])
    assert codes(outcomes) == ["survey.day-taken"]


def test_the_secretariat_answers_for_members_and_a_manager_for_the_own_institution(
    cast: Cast,
) -> None:
    manager = account("manager")
    role(manager, Role.Name.AGREEMENT_MANAGER, cast.sending)
    own = answer("aalto-north.example", "iias", "live", SPRING)
    others = answer("porto-vale.example", "iias", "live", SPRING)
    assert bring(own, others, actor=cast.actor(manager)) == ["created", "refused"]
    assert bring(own, others, actor=cast.actor(cast.secretary)) == ["unchanged", "created"]
    with pytest.raises(NotAllowed):
        bring(own, actor=cast.actor(cast.dara))
    with pytest.raises(NotAllowed):
        actions.answer_survey(
            actor=cast.actor(manager),
            institution=cast.receiving,
            survey_round="Spring",
            facts=[],
            now=NOON,
        )


def test_answering_anew_takes_away_what_is_not_answered_any_more(cast: Cast) -> None:
    first = [
        answer("porto-vale.example", "iias", "live", SPRING),
        answer("porto-vale.example", "courses", "none", SPRING),
    ]
    bring(*first, answer("porto-vale.example", "courses", "none", AUTUMN))
    actions.answer_survey(
        actor=Actor.system(),
        institution=cast.receiving,
        survey_round="Spring",
        facts=first[:1],
        now=NOON,
    )
    left = Capability.objects.values_list("survey_round", "interface")
    assert sorted(left) == [("Autumn", "courses"), ("Spring", "iias")]
    assert Entry.objects.filter(verb="capability.removed").count() == 1
    with pytest.raises(Invalid):
        actions.answer_survey(
            actor=Actor.system(),
            institution=cast.receiving,
            survey_round="Spring",
            facts=[replace(first[0], state="perhaps")],
            now=NOON,
        )


def test_the_catalogue_is_believed_and_a_survey_that_says_otherwise_is_shown(cast: Cast) -> None:
    bring(
        answer("porto-vale.example", "iias", "live", SPRING),
        answer("porto-vale.example", "iias", "testing", AUTUMN),
        answer("porto-vale.example", "courses", "none", AUTUMN),
    )
    for interface, state in (("iias", "live"), ("file", "live")):
        Capability.objects.create(
            institution=cast.receiving,
            process="agreements",
            interface=interface,
            state=state,
            source="catalogue",
            since=date(2026, 1, 7),
        )
    found = capabilities.matrix([cast.sending, cast.receiving])
    pk = cast.receiving.pk
    agreements = found.at(pk, "iias")
    assert agreements is not None
    assert (agreements.newest.source, agreements.newest.state) == ("catalogue", "live")
    assert agreements.disputed_by is not None
    assert agreements.disputed_by.survey_round == "Autumn"
    courses = found.at(pk, "courses")
    assert courses is not None
    assert (courses.newest.state, courses.disputed_by) == ("none", None)
    assert found.at(cast.sending.pk, "iias") is None
    assert found.interfaces == ("courses", "file", "iias")
    assert found.count("iias", Capability.State.LIVE) == 1


def test_rounds_are_told_newest_first_with_who_answered(cast: Cast) -> None:
    bring(
        answer("porto-vale.example", "iias", "live", SPRING),
        answer("aalto-north.example", "iias", "none", AUTUMN),
        answer("porto-vale.example", "iias", "live", AUTUMN),
    )
    found = capabilities.rounds([cast.sending, cast.receiving])
    assert [(one.name, one.institutions, one.states) for one in found] == [
        ("Autumn", 2, {"none": 1, "live": 1}),
        ("Spring", 1, {"live": 1}),
    ]
    assert [one.name for one in capabilities.rounds([cast.sending])] == ["Autumn"]


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        ("none", "testing", Step.FORWARD),
        ("unknown", "live", Step.FORWARD),
        ("live", "testing", Step.BACK),
        ("testing", "none", Step.BACK),
        ("unknown", "none", Step.OTHER),
        ("live", "live", Step.SAME),
        ("", "live", Step.NEW),
        ("live", "", Step.GONE),
    ],
)
def test_a_difference_says_in_which_direction_it_went(
    cast: Cast, before: str, after: str, step: Step
) -> None:
    if before:
        bring(answer("porto-vale.example", "iias", before, SPRING))
    if after:
        bring(answer("porto-vale.example", "iias", after, AUTUMN))
    places = [cast.receiving]
    (found,) = capabilities.difference(
        capabilities.answers(places, "Spring"), capabilities.answers(places, "Autumn")
    )
    assert found.step is step
    assert found.changed == (("state",) if before and after and before != after else ())


def test_another_version_alone_is_a_difference_too(cast: Cast) -> None:
    bring(answer("porto-vale.example", "iias", "live", SPRING, version="6.3"))
    bring(answer("porto-vale.example", "iias", "live", AUTUMN, version="7.0"))
    (found,) = capabilities.difference(
        capabilities.answers([cast.receiving], "Spring"),
        capabilities.answers([cast.receiving], "Autumn"),
    )
    assert (found.step, found.changed) == (Step.OTHER, ("version",))

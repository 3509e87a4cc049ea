"""Institutions and headcounts as files bring them; choices and declarations."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.cast import NOON, TODAY, Cast
from tests.cast import role as give_role
from vaihto.institutions import actions
from vaihto.institutions.facts import HeadcountFacts, InstitutionFacts
from vaihto.institutions.models import Headcount, Institution, Membership
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.mobilities.bringing.parties import partners_named
from vaihto.people.models import Role
from vaihto.refusals import NotAllowed

pytestmark = pytest.mark.django_db

SEVILLE = InstitutionFacts(
    hei_id="sevilla.example",
    name="University of Sevilla",
    country="724",
    erasmus_code="E  SEVILLA99",
    alliance="test-alliance",
    membership="associate",
    member_since=date(2024, 1, 1),
)
COUNT = HeadcountFacts(
    institution="porto-vale.example",
    year=2025,
    group="students",
    count=23000,
    source="Annual report",
    as_of=date(2025, 12, 31),
)


def bring(*facts: InstitutionFacts, actor: Actor | None = None):
    return actions.bring_institutions(actor=actor or Actor.system(), facts=facts, now=NOON)


def count(*facts: HeadcountFacts, actor: Actor | None = None):
    return actions.bring_headcounts(actor=actor or Actor.system(), facts=facts, now=NOON)


def verdicts(outcomes) -> list[str]:
    return [str(outcome.verdict) for outcome in outcomes]


def test_an_institution_comes_with_its_membership_and_twice_changes_nothing(cast: Cast) -> None:
    assert verdicts(bring(SEVILLE)) == ["created"]
    lines = Entry.objects.count()
    assert verdicts(bring(SEVILLE)) == ["unchanged"]
    assert Entry.objects.count() == lines
    assert Membership.objects.get(institution__hei_id="sevilla.example").kind == "associate"
    assert not Institution.objects.get(hei_id="sevilla.example").hosted
    (outcome,) = bring(replace(SEVILLE, city="Sevilla", member_until=date(2025, 12, 31)))
    assert outcome.changes == {"city": ["", "Sevilla"], "member_until": [None, "2025-12-31"]}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"hei_id": "Sevilla University"}, "institution.hei-id-form"),
        ({"country": "ES"}, "fact.unknown-code"),
        ({"national_code": "99999"}, "fact.unknown-code"),
        ({"national_code": "01903"}, "institution.national-code-taken"),
        ({"website": "javascript:alert(1)"}, "institution.website-form"),
        ({"alliance": "no-such"}, "fact.unknown-key"),
        ({"member_until": date(2023, 1, 1)}, "fact.dates-reversed"),
        ({"name": ""}, "fact.missing"),
    ],
)
def test_a_wrong_fact_is_refused(cast: Cast, wrong, code) -> None:
    (outcome,) = bring(replace(SEVILLE, **wrong))
    assert [refusal.code for refusal in outcome.refusals] == [code]


def test_headcounts_are_found_again_by_institution_year_and_group(cast: Cast) -> None:
    assert verdicts(count(COUNT, replace(COUNT, year=2024), COUNT)) == [
        "created",
        "created",
        "refused",
    ]
    (outcome,) = count(replace(COUNT, count=23001))
    assert outcome.changes == {"count": [23000, 23001]}
    (outcome,) = count(replace(COUNT, institution="no.example"))
    assert outcome.refusals[0].code == "fact.unknown-key"
    assert Headcount.objects.count() == 2


def test_the_secretariat_counts_members_and_a_registrar_of_one_does_not(cast: Cast) -> None:
    secretary = cast.actor(cast.secretary, today=TODAY)
    Institution.objects.create(hei_id="outside.example", name="Outside", country="752")
    outcomes = count(COUNT, replace(COUNT, institution="outside.example"), actor=secretary)
    assert verdicts(outcomes) == ["created", "refused"]
    with pytest.raises(NotAllowed):
        count(COUNT, actor=cast.actor(cast.bruno, today=TODAY))


def test_a_hosted_institution_is_changed_by_its_own_administrator_only(cast: Cast) -> None:
    give_role(cast.dara, Role.Name.ADMINISTRATOR, cast.third)
    dara = cast.actor(cast.dara, today=TODAY)
    facts = InstitutionFacts(hei_id="third.example", name="New name", country="246")
    said = {"hei_id", "name"}
    outcomes = actions.bring_institutions(
        actor=dara,
        facts=[facts, replace(facts, hei_id="porto-vale.example")],
        now=NOON,
        said=said,
    )
    assert verdicts(outcomes) == ["changed", "refused"]
    edited = actions.edit(actor=dara, facts=replace(facts, name="Third"), now=NOON, said=said)
    assert edited.name == "Third"
    with pytest.raises(NotAllowed):
        actions.edit(
            actor=dara, facts=replace(facts, hei_id="porto-vale.example"), now=NOON, said=said
        )


def test_the_registrar_declares_that_everything_is_held_here(cast: Cast) -> None:
    bruno = cast.actor(cast.bruno, today=TODAY)
    declared = actions.declare_holds_everything(
        actor=bruno, institution=cast.sending, holds=True, now=NOON, reason="moved in"
    )
    assert declared.holds_everything
    assert Entry.objects.about(declared).get().changes == {"holds_everything": [False, True]}
    with pytest.raises(NotAllowed):
        actions.declare_holds_everything(actor=bruno, institution=cast.third, holds=True, now=NOON)


def test_a_choice_is_written_down_and_none_goes_back_to_the_default(cast: Cast) -> None:
    choice = {"actor": Actor.system(), "institution": cast.sending, "name": "use_covid_exception"}
    assert actions.choose(**choice, value=False, now=NOON).choices == {"use_covid_exception": False}
    assert actions.choose(**choice, value=None, now=NOON).choices == {}
    assert Entry.objects.about(cast.sending).count() == 2


def test_an_erasmus_code_that_lost_its_blanks_finds_them_again(cast: Cast) -> None:
    bring(replace(SEVILLE, erasmus_code="e sevilla99"))
    assert Institution.objects.get(hei_id="sevilla.example").erasmus_code == "E  SEVILLA99"
    assert verdicts(bring(replace(SEVILLE, erasmus_code="E  SEVILLA99"))) == ["unchanged"]
    for written in ("E SEVILLA99", "E  SEVILLA99", "e sevilla99"):
        found = partners_named([written, "porto-vale.example", "nowhere"])
        assert found[written].hei_id == "sevilla.example"
        assert "nowhere" not in found

"""One agreed text over many members: consented to, yielding bilateral agreements, followed, departed from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.agreements.two import NOON, studies
from tests.cast import institution
from vaihto.agreements import actions, serving
from vaihto.agreements.alliances import (
    Bilateral,
    Line,
    Step,
    bilaterals,
    holding,
    read_lines,
    step_of,
    stored_lines,
    terms_between,
    texts_between,
)
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, AllianceAgreement, AllianceText, Channel
from vaihto.agreements.standing import Next
from vaihto.agreements.terms import Contact, Kind, Terms
from vaihto.institutions.models import Alliance, Institution, Membership
from vaihto.jobs.actions import run_work
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor, Grant, May
from vaihto.journal.models import Entry
from vaihto.refusals import Invalid, NotAllowed

pytestmark = pytest.mark.django_db

US = Actor.system("Agnes")
LINE = Line(studies("", ""))
STAFF = Line(
    replace(
        studies("", "", people="3"),
        kind=Kind.TEACHING, months=None, days="15", blended=None, levels=(),
    )
)  # fmt: skip


class League:
    """An alliance of hosted members a, b, c and one elsewhere, d."""

    def __init__(self) -> None:
        self.alliance = Alliance.objects.create(code="league", name="League")
        self.a, self.b, self.c = (institution(f"{name}.example") for name in "abc")
        self.d = institution("d.example", hosted=False)
        self.all = [self.a, self.b, self.c, self.d]
        for one in self.all:
            Membership.objects.create(
                alliance=self.alliance,
                institution=one,
                kind=Membership.Kind.MEMBER,
                since=NOON.date() - timedelta(days=400),
            )
        self.now = NOON

    def begin(self, *members: Institution) -> AllianceAgreement:
        return actions.begin_alliance_agreement(
            actor=US,
            alliance=self.alliance,
            name="Open campus",
            members=members or self.all,
            now=self.now,
        )

    def put(self, whole: AllianceAgreement, *lines: Line) -> AllianceText:
        actions.write_text(actor=US, agreement=whole, lines=lines, now=self.now)
        return actions.put_text(actor=US, agreement=whole, now=self.now)

    def agree(self, text: AllianceText, *members: Institution) -> None:
        for one in members or self.all:
            actions.consent(
                actor=US, text=text, institution=one, note="letter of 3 May", now=self.now
            )
        text.refresh_from_db()

    def follow(self) -> dict[str, object]:
        """The background work that an adoption asked for."""
        work = Work.objects.filter(kind="agreements.follow-text").latest("pk")
        run_work.func(work.pk)
        work.refresh_from_db()
        assert work.state == Work.State.DONE, work.refusal
        return work.result

    def adopt(self, *lines: Line) -> AllianceAgreement:
        whole = self.begin()
        self.agree(self.put(whole, *lines))
        self.follow()
        return whole

    def steps(self, whole: AllianceAgreement) -> dict[str, str]:
        return {
            f"{one.institution.hei_id[0]}{one.partner.hei_id[0]}": one.step.value
            for one in self.bilaterals(whole)
        }

    def bilaterals(self, whole: AllianceAgreement) -> list[Bilateral]:
        return bilaterals(holding(whole, on=self.now.date()))

    def between(self, one: Institution, other: Institution) -> Agreement:
        return Agreement.objects.whole().get(institution=one, partner=other, deleted_at=None)


@pytest.fixture
def league() -> League:
    return League()


# What a text says ---------------------------------------------------------------------------------


def test_a_line_holds_in_both_directions_unless_it_names_who_sends_or_receives() -> None:
    lines = (LINE, replace(STAFF, senders=("a.example",)))
    said = terms_between(lines, "b.example", "a.example")
    assert [(one.kind, one.sending, one.receiving) for one in said.conditions] == [
        (Kind.STUDIES, "a.example", "b.example"),
        (Kind.STUDIES, "b.example", "a.example"),
        (Kind.TEACHING, "a.example", "b.example"),
    ]
    assert said == terms_between(lines, "a.example", "b.example"), "both spell it the same way"
    assert (
        terms_between((replace(STAFF, receivers=("c.example",)),), "a.example", "b.example")
        == Terms()
    )


def test_lines_come_back_from_json_as_they_were() -> None:
    lines = (replace(LINE, senders=("a.example",), receivers=("b.example", "c.example")), STAFF)
    assert read_lines(stored_lines(lines)) == lines


def test_a_copy_is_in_step_behind_or_departs_whatever_its_spelling() -> None:
    first = terms_between((LINE,), "a.example", "b.example")
    second = terms_between(
        (replace(LINE, condition=studies("", "", people="4")),), "a.example", "b.example"
    )
    spelled = replace(
        second, conditions=tuple(replace(one, people="4.0") for one in reversed(second.conditions))
    )
    assert step_of(spelled, [second, first]) is Step.IN_STEP
    assert step_of(first, [second, first]) is Step.BEHIND
    other = Terms(second.conditions[:1])
    assert step_of(other, [second, first]) is Step.DEPARTS
    assert step_of(replace(second, terminated="true"), [second]) is Step.ENDED


# From a draft to its adoption ---------------------------------------------------------------------


def test_a_text_is_adopted_when_the_last_member_consents(league: League) -> None:
    whole = league.begin()
    text = league.put(whole, LINE)
    league.agree(text, league.a, league.b, league.c)
    assert text.adopted_at is None
    assert not Work.objects.filter(kind="agreements.follow-text").exists()
    league.agree(text, league.d)
    assert text.adopted_at == league.now
    assert Work.objects.filter(kind="agreements.follow-text").count() == 1


def test_who_does_not_go_along_can_be_left_out_and_the_others_go_on(league: League) -> None:
    whole = league.begin()
    text = league.put(whole, LINE)
    league.agree(text, league.a, league.b)
    actions.set_members(actor=US, agreement=whole, members=[league.a, league.b], now=league.now)
    text.refresh_from_db()
    assert text.adopted_at == league.now


def test_a_text_that_is_before_the_members_does_not_change(league: League) -> None:
    whole = league.begin()
    league.put(whole, LINE)
    with pytest.raises(actions.WrongState, match="does not change any more"):
        actions.write_text(actor=US, agreement=whole, lines=[STAFF], now=league.now)
    actions.drop_text(actor=US, agreement=whole, now=league.now, reason="numbers too high")
    second = actions.write_text(actor=US, agreement=whole, lines=[STAFF], now=league.now)
    assert second.number == 2
    with pytest.raises(actions.WrongState, match="not before the members"):
        actions.consent(actor=US, text=second, institution=league.a, now=league.now)


def test_an_incomplete_text_is_not_put_to_the_members(league: League) -> None:
    whole = league.begin()
    with pytest.raises(actions.NotReady):
        actions.put_text(actor=US, agreement=whole, now=league.now)
    silent = Line(studies("", "", skills=(), people="many"))
    only_from_a = replace(LINE, senders=("a.example",))
    for lines, expected in (
        ((silent,), {"people", "no-language"}),
        ((only_from_a,), {"nothing-between"}),
    ):
        actions.write_text(actor=US, agreement=whole, lines=lines, now=league.now)
        with pytest.raises(actions.NotReady) as refused:
            actions.put_text(actor=US, agreement=whole, now=league.now)
        assert expected <= {code for code, *_rest in refused.value.facts["findings"]}  # type: ignore[union-attr]


def test_a_member_without_a_system_here_needs_a_word_on_how_it_consented(league: League) -> None:
    text = league.put(league.begin(), LINE)
    with pytest.raises(Invalid) as refused:
        actions.consent(actor=US, text=text, institution=league.d, now=league.now)
    assert refused.value.facts["field"] == "note"


def test_only_the_secretariat_writes_and_only_the_mandate_of_a_member_consents(
    league: League,
) -> None:
    def one_who(may: May, **where: object) -> Actor:
        return Actor(
            kind=US.kind.PERSON, label="x", account_id=1,
            grants=(Grant(frozenset({may}), **where),),  # type: ignore[arg-type]
        )  # fmt: skip

    secretary = one_who(May.ALLIANCE_EDIT, alliance_id=league.alliance.pk)
    stranger = one_who(May.ALLIANCE_EDIT, alliance_id=league.alliance.pk + 1)
    rector = one_who(May.AGREEMENTS_APPROVE, institution_id=league.a.pk)
    whole = actions.begin_alliance_agreement(
        actor=secretary, alliance=league.alliance, name="Text", members=league.all, now=NOON
    )
    with pytest.raises(NotAllowed):
        actions.write_text(actor=stranger, agreement=whole, lines=[LINE], now=NOON)
    with pytest.raises(NotAllowed):
        actions.put_text(actor=rector, agreement=whole, now=NOON)
    text = league.put(whole, LINE)
    actions.consent(actor=rector, text=text, institution=league.a, now=NOON)
    for actor, place in ((rector, league.b), (secretary, league.b), (rector, league.d)):
        with pytest.raises(NotAllowed):
            actions.consent(actor=actor, text=text, institution=place, now=NOON, note="x")
    actions.consent(actor=secretary, text=text, institution=league.d, now=NOON, note="letter")
    verbs = set(Entry.objects.values_list("verb", flat=True))
    assert {
        f"alliance-agreements.{v}" for v in ("begin", "members", "write", "put", "consent")
    } <= verbs


# The bilateral agreements -------------------------------------------------------------------------


def test_an_adopted_text_yields_the_agreements_of_every_pair(league: League) -> None:
    whole = league.adopt(LINE, STAFF)
    assert set(league.steps(whole).values()) == {Step.IN_STEP.value}
    assert len(league.steps(whole)) == 9, "three hosted members, three others each"
    for one, other in ((league.a, league.b), (league.b, league.a)):
        mine = league.between(one, other)
        assert mine.alliance_agreement == whole
        assert mine.shared_at is not None
        assert serving.compared(mine).is_strict  # type: ignore[union-attr]
        assert mine.listed_next == Next.APPROVE
    assert league.between(league.a, league.d).shared_at is not None


def test_the_pair_comes_into_force_by_the_approvals_of_both_and_not_by_the_consent(
    league: League,
) -> None:
    league.adopt(LINE)
    mine, theirs = league.between(league.a, league.b), league.between(league.b, league.a)
    assert mine.mutual is None
    assert theirs.mutual is None
    for one in (mine, theirs):
        received = one.received_copy
        assert received is not None
        assert received.current is not None
        actions.approve(actor=US, agreement=one, digest=received.current.digest, now=league.now)
    assert league.between(league.a, league.b).mutual is not None
    assert league.between(league.b, league.a).mutual is not None


def test_following_twice_changes_nothing(league: League) -> None:
    whole = league.adopt(LINE)
    before = list(Agreement.objects.values_list("pk", "current__number"))
    done = actions.follow_text(agreement=whole, now=league.now)
    assert done == {"counts": {"nothing": 9}, "refused": []}
    assert list(Agreement.objects.values_list("pk", "current__number")) == before


def test_a_new_text_changes_the_copies_in_step_and_leaves_departures_to_people(
    league: League,
) -> None:
    whole = league.adopt(LINE)
    departing = league.between(league.c, league.d)
    wish = Terms(tuple(replace(one, people="9") for one in departing.terms.conditions))
    actions.edit(actor=US, agreement=departing, terms=wish, now=league.now)
    kept = league.between(league.a, league.b)
    named = replace(
        kept.terms,
        conditions=tuple(
            replace(one, receiving_contacts=(Contact(names=(("en", "Desk"),)),))
            for one in kept.terms.conditions
        ),
    )
    actions.edit(actor=US, agreement=kept, terms=named, now=league.now)
    assert league.steps(whole)["ab"] == Step.IN_STEP, "contacts are nobody's departure"

    league.agree(league.put(whole, Line(studies("", "", people="5"))))
    assert league.steps(whole)["ab"] == Step.BEHIND
    result = league.follow()
    assert result["counts"] == {"changed": 8, "departs": 1}
    assert league.steps(whole)["cd"] == Step.DEPARTS
    assert league.between(league.c, league.d).terms.conditions[0].people == "9"
    moved = league.between(league.a, league.b)
    assert {one.people for one in moved.terms.conditions} == {"5"}
    assert {one.receiving_contacts[0].name for one in moved.terms.conditions} == {"Desk"}

    actions.take_text(actor=US, agreement=league.between(league.c, league.d), now=league.now)
    assert league.steps(whole)["cd"] == Step.IN_STEP


def test_a_partners_own_copy_is_held_against_the_text_too(league: League) -> None:
    whole = league.adopt(LINE)
    theirs = league.between(league.b, league.a)
    wish = Terms(theirs.terms.conditions[:1])
    actions.edit(actor=US, agreement=theirs, terms=wish, now=league.now)
    one = next(
        each
        for each in league.bilaterals(whole)
        if (each.institution, each.partner) == (league.a, league.b)
    )
    assert (one.step, one.theirs) == (Step.IN_STEP, Step.DEPARTS)


def test_a_proposal_of_a_partner_that_says_what_the_text_says_is_taken_in(league: League) -> None:
    whole = league.begin(league.a, league.d)
    text = league.put(whole, LINE)
    elsewhere = actions.create(
        actor=US, institution=institution("x.example"), partner=league.a,
        terms=terms_between((LINE,), "a.example", "d.example"), now=league.now,
    )  # fmt: skip
    copy = replace(
        elsewhere.current.copy,  # type: ignore[union-attr]
        author=replace(elsewhere.current.copy.author, hei_id="d.example", iia_id="d-1"),  # type: ignore[union-attr]
    )
    document, digest = form().write(copy)
    actions.receive_copy(
        actor=US, institution=league.a, partner=league.d, iia_id="d-1", document=document,
        copy=form().read(document), digest=digest, published=digest, channel=Channel.EWP, now=league.now,
    )  # fmt: skip
    league.agree(text, league.a, league.d)
    assert league.follow()["counts"] == {"taken-in": 1}
    assert league.between(league.a, league.d).partner_iia_id == "d-1"


def test_an_agreement_of_the_same_years_is_not_doubled_but_bound_by_a_person(
    league: League,
) -> None:
    old = actions.create(
        actor=US, institution=league.a, partner=league.d, now=league.now,
        terms=terms_between((Line(studies("", "", people="7")),), "a.example", "d.example"),
    )  # fmt: skip
    whole = league.adopt(LINE)
    assert league.steps(whole)["ad"] == Step.ELSEWHERE
    assert Agreement.objects.filter(institution=league.a, partner=league.d).count() == 1
    actions.bind(actor=US, agreement=old, to=whole, now=league.now)
    assert league.steps(whole)["ad"] == Step.DEPARTS
    actions.release(actor=US, agreement=old, now=league.now, reason="kept apart for the faculty")
    assert league.steps(whole)["ad"] == Step.ELSEWHERE
    with pytest.raises(Invalid):
        actions.release(
            actor=US, agreement=league.between(league.a, league.b), now=league.now, reason=" "
        )


def test_who_joins_later_is_bound_once_it_consents(league: League) -> None:
    whole = league.begin(league.a, league.b)
    text = league.put(whole, LINE)
    league.agree(text, league.a, league.b)
    league.follow()
    actions.set_members(actor=US, agreement=whole, members=league.all[:3], now=league.now)
    assert set(league.steps(whole)) == {"ab", "ba"}
    league.agree(text, league.c)
    assert league.follow()["counts"] == {"made": 2, "taken-in": 2, "nothing": 2}


def test_nothing_follows_a_closed_agreement(league: League) -> None:
    whole = league.adopt(LINE)
    assert texts_between([league.a], league.b, on=NOON.date())
    actions.close_alliance_agreement(actor=US, agreement=whole, now=league.now, reason="ended")
    whole.refresh_from_db()
    assert league.steps(whole) == {}
    assert texts_between([league.a], league.b, on=NOON.date()) == []
    assert league.between(league.a, league.b).alliance_agreement == whole, "history stays"
    with pytest.raises(actions.WrongState):
        actions.write_text(actor=US, agreement=whole, lines=[LINE], now=league.now)

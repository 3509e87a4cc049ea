"""The life of an agreement between two sides: every transition of the reference's table, and walks at random."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.agreements.two import US, Two, both_ways, studies
from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, Approval, Pair
from vaihto.agreements.serving import binding_terms, standing
from vaihto.agreements.standing import Next, State, Turn
from vaihto.agreements.terms import Terms
from vaihto.refusals import Refusal, Stale

A, B = "a.example", "b.example"


def _state(side: object) -> State:
    return standing(side.look()).state  # type: ignore[attr-defined]


def test_a_draft_is_seen_by_nobody_else(two: Two) -> None:
    two.a.agreement = actions.create(
        actor=US, institution=two.a.institution, partner=two.b.institution,
        terms=both_ways(A, B), now=two.clock(),
    )  # fmt: skip
    assert _state(two.a) is State.DRAFT
    assert two.deliver_copy(two.a) is None
    assert not Agreement.objects.served_to((B,)).exists()


def test_terms_that_the_network_would_refuse_are_not_proposed(two: Two) -> None:
    draft = actions.create(
        actor=US, institution=two.a.institution, partner=two.b.institution,
        terms=Terms((studies(A, B, skills=()),)), now=two.clock(),
    )  # fmt: skip
    with pytest.raises(actions.NotReady) as refused:
        actions.propose(actor=US, agreement=draft, now=two.clock())
    assert refused.value.facts["findings"] == [("no-language", 0, "skills", "")]


def test_ids_are_exchanged_before_anybody_may_approve(two: Two) -> None:
    two.a.agreement = actions.create(
        actor=US, institution=two.a.institution, partner=two.b.institution,
        terms=both_ways(A, B), now=two.clock(),
    )  # fmt: skip
    actions.propose(actor=US, agreement=two.a.agreement, now=two.clock())
    assert _state(two.a) is State.PROPOSED
    received = two.deliver_copy(two.a)
    assert received is not None
    two.b.agreement = actions.take_in(actor=US, received=received, now=two.clock())
    # B names A's id; A does not know B's yet, so A's hash is about to change.
    assert actions.obstacles(two.b.look()) == ["not-mapped-by-partner"]
    two.deliver_copy(two.b)
    assert two.a.look().partner_iia_id == two.b.look().iia_id
    two.deliver_copy(two.a)
    assert actions.obstacles(two.b.look()) == []
    assert _state(two.a) is State.MAPPED
    assert standing(two.a.look()).next == (Turn.OURS, Next.APPROVE)


def test_two_approvals_bring_it_into_force_on_both_sides(two: Two) -> None:
    two.agree()
    assert _state(two.a) is State.IN_FORCE
    assert _state(two.b) is State.IN_FORCE
    pair_a, pair_b = (
        Pair.objects.get(agreement=two.a.agreement),
        Pair.objects.get(agreement=two.b.agreement),
    )
    assert (pair_a.ours.digest, pair_a.theirs.digest) == (pair_b.theirs.digest, pair_b.ours.digest)
    assert two.a.look().places.filter(is_binding=True).count() == 2


def test_what_is_in_force_binds_while_a_change_is_talked_about(two: Two) -> None:
    two.agree()
    before = binding_terms(two.a.look())
    actions.edit(
        actor=US, agreement=two.a.look(), terms=both_ways(A, B, people="5"), now=two.clock()
    )
    two.settle()
    assert _state(two.a) is State.MODIFICATION
    assert _state(two.b) is State.MODIFICATION
    assert binding_terms(two.a.look()) == before
    assert standing(two.b.look()).next == (Turn.OURS, Next.AGREE)
    received = two.b.look().received_copy
    assert received is not None
    assert received.current is not None
    actions.take_theirs(
        actor=US, agreement=two.b.look(), digest=received.current.digest, now=two.clock()
    )
    two.settle()
    two.approve(two.a)
    two.approve(two.b)
    two.settle()
    assert _state(two.a) is State.IN_FORCE
    assert _state(two.b) is State.IN_FORCE
    found = binding_terms(two.b.look())
    assert found is not None
    assert {c.people for c in found.conditions} == {"5"}


def test_reverting_needs_no_new_approval_while_the_partner_still_confirms_the_old_copy(
    two: Two,
) -> None:
    two.agree()
    actions.edit(
        actor=US, agreement=two.a.look(), terms=both_ways(A, B, people="5"), now=two.clock()
    )
    two.settle()
    assert standing(two.a.look()).can_revert
    actions.revert(actor=US, agreement=two.a.look(), now=two.clock())
    two.settle()
    assert _state(two.a) is State.IN_FORCE
    assert _state(two.b) is State.IN_FORCE
    assert Pair.objects.filter(agreement=two.a.agreement).count() == 1


def test_an_approval_that_did_not_become_mutual_can_be_taken_back(two: Two) -> None:
    two.agree()
    first = two.b.look().given
    actions.edit(
        actor=US, agreement=two.a.look(), terms=both_ways(A, B, months="12"), now=two.clock()
    )
    two.settle()
    received = two.b.look().received_copy
    assert received is not None
    assert received.current is not None
    actions.take_theirs(
        actor=US, agreement=two.b.look(), digest=received.current.digest, now=two.clock()
    )
    two.settle()
    two.approve(two.b)
    actions.withdraw_approval(actor=US, agreement=two.b.look(), now=two.clock())
    given = two.b.look().given
    assert given is not None
    assert first is not None
    assert given.digest == first.digest
    assert Approval.objects.filter(agreement=two.b.agreement, side="ours").count() == 3


def test_ending_as_a_whole_needs_both_and_can_be_undone_before(two: Two) -> None:
    two.agree()
    actions.terminate(actor=US, agreement=two.a.look(), now=two.clock())
    two.settle()
    assert _state(two.a) is State.TERMINATION
    assert binding_terms(two.a.look()) is not None
    actions.terminate(actor=US, agreement=two.b.look(), now=two.clock())
    two.settle()
    two.approve(two.a)
    two.approve(two.b)
    two.settle()
    assert _state(two.a) is State.TERMINATED
    assert _state(two.b) is State.TERMINATED
    assert binding_terms(two.a.look()) is None
    assert not two.a.look().places.exists()


def test_a_proposal_may_be_deleted_and_the_partner_lets_go_after_a_second_look(two: Two) -> None:
    two.a.agreement = actions.create(
        actor=US, institution=two.a.institution, partner=two.b.institution,
        terms=both_ways(A, B), now=two.clock(),
    )  # fmt: skip
    actions.propose(actor=US, agreement=two.a.agreement, now=two.clock())
    received = two.deliver_copy(two.a)
    assert received is not None
    two.b.agreement = actions.take_in(actor=US, received=received, now=two.clock())
    two.settle()
    actions.delete(actor=US, agreement=two.a.look(), now=two.clock())
    two.deliver_copy(two.a)
    assert two.b.look().partner_iia_id, "one look is not enough"
    two.clock.at += timedelta(minutes=20)
    two.deliver_copy(two.a)
    assert two.b.look().partner_iia_id == ""
    assert _state(two.b) is State.PROPOSED


def test_what_was_in_force_is_never_deleted_nor_lost_with_the_partners_copy(two: Two) -> None:
    two.agree()
    with pytest.raises(actions.BoundForGood):
        actions.delete(actor=US, agreement=two.a.look(), now=two.clock())
    received = two.b.look().received_copy
    assert received is not None
    for _look in range(3):
        two.clock.at += timedelta(days=1)
        actions.miss_copy(actor=US, received=received, now=two.clock())
    assert two.b.look().partner_iia_id == two.a.look().iia_id
    assert _state(two.b) is State.IN_FORCE


def test_nobody_approves_a_copy_that_changed_after_it_was_read(two: Two) -> None:
    two.agree()
    seen = two.b.look().received_copy
    assert seen is not None
    assert seen.current is not None
    digest = seen.current.digest
    actions.edit(
        actor=US, agreement=two.a.look(), terms=both_ways(A, B, people="9"), now=two.clock()
    )
    two.deliver_copy(two.a)
    with pytest.raises(Stale):
        actions.approve(actor=US, agreement=two.b.look(), digest=digest, now=two.clock())


def test_numbers_that_differ_forbid_approval_and_words_do_not(two: Two) -> None:
    two.agree()
    terms = both_ways(A, B, other_terms="Nominations by April.")
    actions.edit(actor=US, agreement=two.a.look(), terms=terms, now=two.clock())
    two.settle()
    assert actions.obstacles(two.b.look()) == []
    actions.edit(
        actor=US, agreement=two.a.look(), terms=both_ways(A, B, people="3"), now=two.clock()
    )
    two.settle()
    assert actions.obstacles(two.b.look()) == ["differs"]


def test_an_unchanged_copy_is_told_to_nobody(two: Two) -> None:
    two.agree()
    before = two.a.look().revisions.count()
    actions.edit(actor=US, agreement=two.a.look(), terms=two.a.look().terms, now=two.clock())
    assert two.a.look().revisions.count() == before


def test_what_both_approved_binds_both_although_one_had_moved_on_before_it_heard(two: Two) -> None:
    two.agree()
    actions.edit(
        actor=US, agreement=two.a.look(), terms=both_ways(A, B, people="5"), now=two.clock()
    )
    two.settle()
    received = two.b.look().received_copy
    assert received is not None
    assert received.current is not None
    actions.take_theirs(
        actor=US, agreement=two.b.look(), digest=received.current.digest, now=two.clock()
    )
    two.settle()
    two.approve(two.b)
    two.approve(two.a)
    two.deliver_approval(two.a)
    actions.edit(
        actor=US, agreement=two.a.look(), terms=both_ways(A, B, people="7"), now=two.clock()
    )
    two.settle()
    for side in (two.a, two.b):
        bound = binding_terms(side.look())
        assert bound is not None
        assert {c.people for c in bound.conditions} == {"5"}
        assert _state(side) is State.MODIFICATION


def _deeds(two: Two, chance: random.Random) -> list[str]:
    side = chance.choice((two.a, two.b))
    deeds = {
        "edit": lambda: actions.edit(
            actor=US,
            agreement=side.look(),
            terms=replace(
                both_ways(A, B, people=str(chance.randint(1, 3))),
                terminated=chance.choice((None, None, None, "true"))
                if side.look().mutual_id
                else None,
            ),
            now=two.clock(),
        ),
        "take": lambda: actions.take_theirs(
            actor=US,
            agreement=side.look(),
            digest=side.look().received_copy.current.digest,  # type: ignore[union-attr]
            now=two.clock(),
        ),
        "approve": lambda: two.approve(side),
        "withdraw": lambda: (
            # Taking an approval back begins with a look at what the partner says.
            two.deliver_approval(two.other(side)),
            actions.withdraw_approval(actor=US, agreement=side.look(), now=two.clock()),
        ),
        "revert": lambda: actions.revert(actor=US, agreement=side.look(), now=two.clock()),
        "copy": lambda: two.deliver_copy(side),
        "approval": lambda: two.deliver_approval(side),
    }
    name = chance.choice(list(deeds))
    try:
        deeds[name]()
    except (Refusal, AssertionError) as refused:
        return [f"{side.institution.hei_id} {name}: {refused}"]
    return [f"{side.institution.hei_id} {name}"]


@pytest.mark.parametrize("seed", range(8))
def test_after_any_walk_both_sides_agree_on_what_is_in_force(two: Two, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a walk, not a secret
    two.agree()
    told: list[str] = []
    for _step in range(30):
        told += _deeds(two, chance)
    two.settle()
    mutual_a, mutual_b = two.a.look().mutual, two.b.look().mutual
    assert mutual_a is not None
    assert mutual_b is not None
    assert (mutual_a.ours.digest, mutual_a.theirs.digest) == (
        mutual_b.theirs.digest,
        mutual_b.ours.digest,
    ), "\n".join(told)
    for approval in Approval.objects.exclude(digest=""):
        assert approval.document, "an approval keeps what was approved"
        assert form().write(form().read(bytes(approval.document)))[1] == approval.digest

"""Each of the eighteen steps follows from what happened; take one thing away, and that step says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaihto.ewp.apis.iias.steps import (
    GRACE,
    ORDER,
    SAYS,
    Call,
    Deed,
    Given,
    Ours,
    State,
    Step,
    Story,
    Theirs,
    Version,
    Waiting,
    steps,
)

NINE = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LATER = NINE + timedelta(hours=3)
O1, O2, T1, T2 = "ours-1", "ours-2", "theirs-1", "theirs-2"


def at(minute: int) -> datetime:
    return NINE + timedelta(minutes=minute)


def call(pk: int, minute: int, what: str, about: str = "", **more: Any) -> Call:
    """`>get`: we asked; `<get`: the partner did. `pk` names it in the tests."""
    api, endpoint = {
        "cnr": ("iia-cnr", "url"),
        "acnr": ("iia-approval-cnr", "url"),
        "index": ("iias", "index-url"),
        "get": ("iias", "get-url"),
        "approval": ("iias-approval", "url"),
    }[what[1:]]
    return Call(
        pk, at(minute), what[0] == ">", api, endpoint, frozenset({about} if about else ()), **more
    )


def listing(*ids: str, **hashes: str) -> dict[str, Any]:
    return {"listed": frozenset((*ids, *hashes)), "hashes": hashes}


def got(iia_id: str, digest: str) -> dict[str, Any]:
    return {"listed": frozenset({iia_id}), "hashes": {iia_id: digest}}


# What happened in a trial in which all went well; the numbers name the calls.
CALLS = (
    call(1, 1, ">cnr", O1),
    call(2, 5, "<cnr", T1),
    call(3, 6, ">get", T1, **got(T1, "t1")),
    call(4, 7, "<get", O1, **got(O1, "o1")),
    call(5, 8, ">cnr", O2),
    call(6, 9, "<cnr", T2),
    call(7, 10, ">get", T2, **got(T2, "x")),
    call(8, 11, "<index", **listing(O1, O2)),
    call(9, 12, ">index", **listing(T1, T2)),
    call(10, 21, ">cnr", O1),
    call(11, 25, "<cnr", T1),
    call(12, 26, ">get", T1, **got(T1, "t2")),
    call(13, 31, ">cnr", O1),
    call(14, 35, "<cnr", T1),
    call(15, 36, ">get", T1, **got(T1, "t3")),
    call(16, 37, "<get", O1, **got(O1, "o3")),
    call(17, 41, ">acnr", T1),
    call(18, 42, "<approval", T1, **got(T1, "t3")),
    call(19, 45, "<acnr", O1),
    call(20, 46, ">approval", O1, **got(O1, "o3")),
)
OURS = Ours(
    O1,
    "TEST-1",
    at(0),
    (
        Version(at(0), "o0", "one"),
        Version(at(6), "o1", "one"),
        Version(at(20), "o2", "two"),
        Version(at(30), "o3", "three"),
    ),
    given=(Given("t3", at(40)),),
    taken=(Given("o3", at(46)),),
)
THEIRS = Theirs(
    T1,
    at(6),
    (Version(at(6), "t1", "one"), Version(at(26), "t2", "two"), Version(at(36), "t3", "three")),
    of=O1,
)
WHOLE = Story(
    we_start=True,
    calls=CALLS,
    ours=(OURS, Ours(O2, "TEST-2", at(8), (Version(at(8), "x", "one"),))),
    theirs=(THEIRS, Theirs(T2, at(10), (Version(at(10), "x", "one"),), of=O2)),
)


def without(*numbers: int, story: Story = WHOLE) -> Story:
    return replace(story, calls=tuple(one for one in story.calls if one.pk not in numbers))


def failing(number: int, story: Story = WHOLE, **facts: Any) -> Story:
    """The call ended badly."""
    bad = {
        "good": False,
        "listed": frozenset(),
        "hashes": {},
        "code": "timeout",
        "sentence": "%(host)s was silent.",
        "blame": "theirs",
        "facts": {"host": "p.example"},
        **facts,
    }
    calls = tuple(replace(one, **bad) if one.pk == number else one for one in story.calls)
    return replace(story, calls=calls)


def first(story: Story = WHOLE, **changed: Any) -> Story:
    """Our first agreement is another."""
    return replace(story, ours=(replace(story.ours[0], **changed), *story.ours[1:]))


def theirs(story: Story = WHOLE, **changed: Any) -> Story:
    """The partner's first copy is another."""
    return replace(story, theirs=(replace(story.theirs[0], **changed), *story.theirs[1:]))


def seen(story: Story, deed: Deed, *, ours: bool, now: datetime = LATER) -> Step:
    (step,) = [one for one in steps(story, now=now) if (one.deed, one.ours) == (deed, ours)]
    return step


def test_there_are_eighteen_steps_nine_for_each() -> None:
    assert len(ORDER) == 18
    assert sorted(deed for deed, is_a in ORDER if is_a) == sorted(Deed)


def test_each_is_done_when_all_happened_and_names_the_call_that_shows_it() -> None:
    found = steps(WHOLE, now=LATER)
    assert [one.state for one in found] == [State.DONE] * 18
    shown = [one.evidence[0].exchange for one in found]
    assert shown == [1, 2, 5, 6, 8, 9, 4, 3, 10, 11, 13, 14, 15, 16, 17, 19, 20, 18]


def test_seen_from_the_other_side_the_same_calls_show_the_same_steps() -> None:
    """Who began is A: the partner's deeds then come first."""
    found = steps(replace(WHOLE, we_start=False), now=LATER)
    assert [one.state for one in found] == [State.DONE] * 18
    assert [one.ours for one in found[:4]] == [False, True, False, True]
    shown = [one.evidence[0].exchange for one in found]
    assert shown == [2, 1, 6, 5, 9, 8, 3, 4, 11, 10, 14, 13, 16, 15, 19, 17, 18, 20]


def test_in_the_beginning_one_side_can_do_something_and_the_other_waits() -> None:
    told = steps(Story(we_start=True), now=NINE)
    assert [one.state for one in told] == [State.OURS, *[State.LATER] * 17]
    assert told[0].act == "create"
    told = steps(Story(we_start=False), now=NINE)
    assert [one.state for one in told] == [State.PARTNER, *[State.LATER] * 17]
    assert not any(one.act for one in told)


BAD_COPY = Version(at(37), "t4", "four", "wrong-hash")


@pytest.mark.parametrize(
    ("story", "deed", "ours", "state", "code"),
    [
        # Ours: word has to arrive, what we ask has to be answered.
        (without(1, 10, 13), Deed.CREATE, True, State.OURS, "word-on-its-way"),
        (failing(1, without(10, 13)), Deed.CREATE, True, State.FAILED, "timeout"),
        (without(10, 13), Deed.EDIT, True, State.OURS, "word-on-its-way"),
        (failing(13), Deed.EDIT_MORE, True, State.FAILED, "timeout"),
        (without(9), Deed.INDEX, True, State.OURS, "to-index"),
        (failing(9), Deed.INDEX, True, State.FAILED, "timeout"),
        (failing(3, without(12, 15)), Deed.GET, True, State.FAILED, "timeout"),
        (without(3, 12, 15), Deed.GET, True, State.OURS, "to-get"),
        (without(15), Deed.GET_EDITED, True, State.OURS, "to-get"),
        (without(17), Deed.APPROVE, True, State.OURS, "word-on-its-way"),
        (failing(17), Deed.APPROVE, True, State.FAILED, "timeout"),
        (first(given=()), Deed.APPROVE, True, State.OURS, "to-approve"),
        (first(given=(Given("t2", at(28)),)), Deed.APPROVE, True, State.OURS, "to-approve"),
        (without(20), Deed.CHECK, True, State.OURS, "to-check"),
        (failing(20), Deed.CHECK, True, State.FAILED, "timeout"),
        # The partner's: its word, its questions, its approval.
        (without(2), Deed.CREATE, False, State.FAILED, "no-word"),
        (without(6), Deed.CREATE_MORE, False, State.FAILED, "no-word"),
        (without(11, 14), Deed.EDIT, False, State.FAILED, "no-word-of-edit"),
        (without(14), Deed.EDIT_MORE, False, State.FAILED, "no-word-of-edit"),
        (failing(14, code="bad-parameter"), Deed.EDIT_MORE, False, State.FAILED, "bad-parameter"),
        (theirs(versions=THEIRS.versions[:2]), Deed.EDIT_MORE, False, State.PARTNER, "awaits-edit-more"),
        (theirs(versions=THEIRS.versions[:1]), Deed.EDIT, False, State.PARTNER, "awaits-edit"),
        (without(8), Deed.INDEX, False, State.PARTNER, "awaits-index"),
        (failing(8, code="unsigned"), Deed.INDEX, False, State.FAILED, "unsigned"),
        (without(4, 16), Deed.GET, False, State.PARTNER, "awaits-get"),
        (failing(4, without(16)), Deed.GET, False, State.FAILED, "timeout"),
        (without(16), Deed.GET_EDITED, False, State.PARTNER, "awaits-get-edited"),
        (first(without(19), taken=()), Deed.APPROVE, False, State.PARTNER, "awaits-approval"),
        (without(19), Deed.APPROVE, False, State.FAILED, "no-word-of-approval"),
        (failing(19, first(taken=())), Deed.APPROVE, False, State.FAILED, "timeout"),
        (without(18), Deed.CHECK, False, State.PARTNER, "awaits-check"),
        (failing(18), Deed.CHECK, False, State.FAILED, "timeout"),
    ],
)  # fmt: skip
def test_without_its_evidence_a_step_says_what_is_missing(
    story: Story, deed: Deed, ours: bool, state: State, code: str
) -> None:
    found = seen(story, deed, ours=ours)
    assert (found.state, found.code) == (state, code)


def test_what_fails_is_told_with_sentence_blame_and_the_exchange() -> None:
    found = seen(failing(9), Deed.INDEX, ours=True)
    assert found.sentence == "%(host)s was silent."
    assert (found.blame, found.facts, found.act) == ("theirs", {"host": "p.example"}, "index")
    assert [one.exchange for one in found.evidence] == [9]


def test_word_that_never_left_tells_why() -> None:
    lost = Waiting("iia-cnr", O1, at(1), "not-in-catalogue", "It is not listed.", blame="theirs")
    found = seen(replace(without(1), waiting=(lost,)), Deed.CREATE, ours=True)
    assert found.state is State.DONE, "word of a later change is word of the agreement too"
    quiet = replace(without(1, 10, 13), waiting=(lost,))
    found = seen(quiet, Deed.CREATE, ours=True)
    assert (found.state, found.code, found.blame) == (State.FAILED, "not-in-catalogue", "theirs")


def test_a_partner_has_some_minutes_before_its_word_is_missed() -> None:
    story = without(14)
    soon = seen(story, Deed.EDIT_MORE, ours=False, now=at(36) + GRACE)
    assert (soon.state, soon.code) == (State.PARTNER, "word-not-yet")
    late = seen(story, Deed.EDIT_MORE, ours=False, now=at(37) + GRACE)
    assert (late.state, late.code) == (State.FAILED, "no-word-of-edit")


def test_word_of_an_earlier_change_is_no_word_of_a_later_one() -> None:
    """We looked after that word, and the copy still said the old thing: the change came without any."""
    looked = call(30, 34, ">get", T1, **got(T1, "t2"))
    early = tuple(replace(one, at=at(33)) if one.pk == 14 else one for one in CALLS)
    story = replace(WHOLE, calls=tuple(sorted((*early, looked), key=lambda one: one.at)))
    found = seen(story, Deed.EDIT_MORE, ours=False)
    assert (found.state, found.code) == (State.FAILED, "no-word-of-edit")


def test_missing_word_does_not_hold_the_next_steps_up() -> None:
    found = steps(without(2), now=LATER)
    assert found[1].state is State.FAILED
    assert [one.state for one in found[2:]] == [State.DONE] * 16


@pytest.mark.parametrize(
    ("versions", "state"),
    [
        ((*THEIRS.versions, BAD_COPY), State.FAILED),
        ((*THEIRS.versions[:2], replace(THEIRS.versions[2], problem="wrong-hash")), State.FAILED),
        ((*THEIRS.versions, BAD_COPY, replace(THEIRS.versions[2], at=at(39))), State.DONE),
    ],
)
def test_a_changed_copy_whose_hash_does_not_fit_fails_until_it_is_mended(
    versions: tuple[Version, ...], state: State
) -> None:
    found = seen(theirs(versions=versions), Deed.GET_EDITED, ours=True)
    assert found.state is state
    if state is State.FAILED:
        assert (found.code, found.blame) == ("wrong-hash", "theirs")
    assert seen(theirs(versions=versions), Deed.GET, ours=True).state is State.DONE


def test_a_first_copy_whose_hash_does_not_fit_is_no_change_once_mended() -> None:
    bad = replace(THEIRS.versions[0], problem="wrong-hash", at=at(5))
    only_bad = theirs(versions=(bad,))
    assert seen(only_bad, Deed.GET, ours=True).code == "wrong-hash"
    assert seen(only_bad, Deed.EDIT, ours=False).state is State.PARTNER
    mended = theirs(versions=(bad, *THEIRS.versions))
    assert [one.state for one in steps(mended, now=LATER)] == [State.DONE] * 18


def _index(**more: Any) -> Story:
    return replace(without(9), calls=(*without(9).calls, call(31, 50, ">index", **more)))


@pytest.mark.parametrize(
    ("story", "code"),
    [
        (_index(**listing(T2)), "not-in-index"),
        (_index(**listing(T2), narrowed=True), "to-index"),
        (replace(_index(**listing(T2)), calls=(call(31, 2, ">index"), *without(9).calls)), "to-index"),
    ],
)  # fmt: skip
def test_a_list_without_the_agreement_is_held_against_the_partner_only_when_it_had_to_be_there(
    story: Story, code: str
) -> None:
    assert seen(story, Deed.INDEX, ours=True).code == code


def test_a_partner_that_asks_with_a_filter_learns_what_is_wrong() -> None:
    asked = call(31, 20, "<index", narrowed=True)
    story = replace(without(8), calls=(*without(8).calls, asked))
    found = seen(story, Deed.INDEX, ours=False)
    assert (found.state, found.code) == (State.PARTNER, "index-without-ours")


def test_word_of_something_that_is_not_served_is_the_partners_fault() -> None:
    """Its notification came, and its answer to the question that followed was empty."""
    story = Story(
        we_start=True,
        ours=(replace(OURS, versions=OURS.versions[:2], given=(), taken=()),),
        calls=(CALLS[0], CALLS[1], call(40, 6, ">get", T1)),
    )
    found = seen(story, Deed.GET, ours=True)
    assert (found.state, found.code, found.facts) == (State.FAILED, "not-served", {"iia_id": T1})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({}, "approval-missing"),
        (got(O1, "o2"), "approval-of-earlier"),
        (got(O1, "o9"), "approval-other-hash"),
    ],
)
def test_an_approval_has_to_name_our_present_hash(answer: dict[str, Any], code: str) -> None:
    story = first(without(20), taken=())
    story = replace(story, calls=(*story.calls, call(41, 47, ">approval", O1, **answer)))
    found = seen(story, Deed.CHECK, ours=True)
    assert (found.state, found.code, found.blame) == (State.FAILED, code, "theirs")


def test_asking_before_the_partner_approved_is_held_against_nobody() -> None:
    story = first(without(19, 20), taken=())
    story = replace(story, calls=(*story.calls, call(41, 47, ">approval", O1)))
    assert seen(story, Deed.CHECK, ours=True).state is State.LATER


@pytest.mark.parametrize(
    ("obstacles", "state", "code", "act"),
    [
        (("differs",), State.OURS, "to-take-theirs", "take-theirs"),
        (("gone",), State.PARTNER, "gone", ""),
        (("legacy",), State.PARTNER, "legacy", ""),
    ],
)
def test_what_forbids_the_approval_is_said_at_its_step(
    obstacles: tuple[str, ...], state: State, code: str, act: str
) -> None:
    found = seen(first(given=(), obstacles=obstacles), Deed.APPROVE, ours=True)
    assert (found.state, found.code, found.act) == (state, code, act)


@pytest.mark.parametrize(
    ("obstacle", "state"),
    [("not-mapped-by-partner", State.PARTNER), ("not-mapped-by-us", State.OURS)],
)
def test_nobody_changes_a_copy_before_both_name_each_other(obstacle: str, state: State) -> None:
    story = first(versions=OURS.versions[:2], obstacles=(obstacle,))
    found = seen(story, Deed.EDIT, ours=True)
    assert (found.state, found.code, found.act) == (state, obstacle, "")


def test_agreements_that_the_partner_had_before_prove_nothing() -> None:
    story = replace(Story(we_start=True), calls=CALLS[:2], ours=(OURS,), older=frozenset({T1}))
    assert seen(story, Deed.CREATE, ours=False).code == "awaits-create"


def test_new_ids_of_a_copy_are_no_change_of_its_terms() -> None:
    same = (*THEIRS.versions[:1], replace(THEIRS.versions[1], terms="one"))
    assert seen(theirs(versions=same), Deed.EDIT, ours=False).code == "awaits-edit"


@pytest.mark.parametrize("look", [lambda said: said[1], lambda said: said[2]])
def test_every_sentence_takes_only_facts_that_are_given(
    look: Callable[[tuple[str, str, str]], str],
) -> None:
    for said in SAYS.values():
        assert look(said) % {"iia_id": "x", "digest": "y"} is not None
        assert said[0] in {"", "theirs", "ours"}

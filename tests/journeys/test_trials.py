"""A guided trial of agreements against another node: every step seen, and a partner's fault named where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.journeys.agreeing import Office, ask_for_list, office, work
from vaihto.command.box import Network

pytestmark = pytest.mark.slow

A, B = "tuulisalmi.example", "costaclara.example"


@pytest.fixture
def offices(network: Network) -> Iterator[tuple[Office, Office]]:
    """One at each of two nodes, with the newest catalogue."""
    with (
        office(network.node("north"), own=A, partner=B) as north,
        office(network.node("south"), own=B, partner=A) as south,
    ):
        assert north("know") == south("know") == 1
        yield north, south
    with office(network.node("north"), own=A, partner=B) as north:
        north("end_open_trials")


def _begun(north: Office, south: Office) -> tuple[int, Callable[..., dict[str, Any]]]:
    """A trial that north begins, and how it stands after a deed and after all word has gone."""
    trial = north("try_partner")

    def after(act: str = "", **facts: Any) -> dict[str, Any]:
        told = north("step", trial=trial, act=act, **facts)
        assert "refused" not in told, told
        work(north, south)
        found: dict[str, Any] = north("step", trial=trial, **facts)
        return found

    return trial, after


def _exchanged(north: Office, south: Office, after: Callable[..., dict[str, Any]]) -> list[str]:
    """Steps 1 to 8; the codes of both test agreements."""
    after("create")
    told = after("create")
    codes = [code for code, _iia_id in told["agreements"]]
    for code, iia_id in told["agreements"]:
        south("take_in", code, iia_id=iia_id)
    work(north, south)
    ask_for_list(south, north)
    south("get", iia_id=told["agreements"][0][1])
    told = after("index")
    assert told["states"][:8] == ["done"] * 8, told
    return codes


def test_all_eighteen_steps_are_seen_when_both_sides_do_their_part(
    offices: tuple[Office, Office],
) -> None:
    north, south = offices
    trial, after = _begun(north, south)
    told = north("step", trial=trial)
    assert told["codes"] == ["to-create", *["later"] * 17]
    assert north("try_partner")["refused"] == "trial.under-way"
    assert north("step", trial=trial, act="edit")["refused"] == "trial.not-due"
    told = after("create")
    assert told["states"][0] == "done"
    assert told["codes"][1:3] == ["awaits-create", "to-create"]
    assert north("step", trial=trial, act="edit")["refused"] == "trial.not-due"
    told = after("create")
    first, second = [code for code, _iia_id in told["agreements"]]
    for code, iia_id in told["agreements"]:
        south("take_in", code, iia_id=iia_id)
    work(north, south)
    told = after()
    assert told["states"][:4] == ["done"] * 4
    assert told["codes"][4:6] == ["awaits-index", "to-index"]
    ask_for_list(south, north)
    told = after("index")
    assert told["states"][:8] == ["done"] * 8
    assert told["codes"][8] == "to-edit"
    for number in (9, 11):
        told = after("edit")
        assert told["states"][number - 1] == "done"
        assert told["states"][number] == "partner"
        south("take_theirs", first)
        work(north, south)
    told = after()
    assert told["states"][:14] == ["done"] * 14
    assert told["codes"][14:] == ["to-approve", "awaits-approval", "later", "later"]
    north("approve", first)
    work(north, south)
    assert after()["states"][14:] == ["done", "partner", "later", "done"]
    south("approve", first)
    work(north, south)
    told = after()
    assert told["states"] == ["done"] * 18
    assert told["exchanges"] == [1] * 18, "every step is shown by an exchange"
    assert north("see", first)["state"] == south("see", first)["state"] == "in-force"
    # A test gives nobody a place; the partner's own agreement is a real one to its system.
    assert north("given_places", first) == 0
    assert south("given_places", first) == 2
    # The report stays as it was; what was never in force is gone, the other is to be ended.
    assert north("end_trial", trial=trial) == ["done"] * 18
    work(north, south)
    assert north("see", second)["state"] == "deleted"
    assert north("see", first)["state"] == south("see", first)["state"] == "termination"
    assert north("step", trial=trial)["states"] == ["done"] * 18
    assert north("step", trial=trial, act="look")["refused"] == "trial.ended"


def test_a_partner_may_begin_and_the_steps_are_counted_from_its_side(
    offices: tuple[Office, Office],
) -> None:
    north, south = offices
    trial = north("try_partner", we_start=False)
    assert north("step", trial=trial)["codes"][:2] == ["awaits-create", "later"]
    made = []
    for number in (1, 2):  # one after the other: word of two at once comes in any order
        made.append(south("create", f"Theirs-{trial}-{number}")["id"])
        work(north, south)
        assert "refused" not in north("step", trial=trial, act="take-in")
        work(north, south)
    told = north("step", trial=trial, act="index")
    assert told["states"][:5] == ["done"] * 5, told
    (first, ours), _second = told["agreements"]
    ask_for_list(south, north)
    south("get", iia_id=ours)
    for people in ("4", "5"):
        south("edit", f"Theirs-{trial}-1", people=people)
        work(north, south)
        told = north("step", trial=trial, act="edit")
        assert "refused" not in told, told
        work(north, south)
    told = north("step", trial=trial)
    assert told["states"][:14] == ["done"] * 14, told
    assert north("see", first)["partner_id"] == made[0]
    south("approve", f"Theirs-{trial}-1")
    work(north, south)
    north("approve", first)
    work(north, south)
    assert north("step", trial=trial)["states"] == ["done"] * 18
    assert north("end_trial", trial=trial) == ["done"] * 18


def test_a_partner_that_sends_no_word_is_named_with_the_step(
    offices: tuple[Office, Office],
) -> None:
    north, south = offices
    trial, after = _begun(north, south)
    told = after("create")
    code, iia_id = told["agreements"][0]
    south("take_in", code, iia_id=iia_id)
    south("lose")
    # Its copy is found because we ask for the list; no word of it ever came.
    assert after("index" if "to-index" in told["codes"] else "look")["codes"][1] == "word-not-yet"
    told = north("step", trial=trial, minutes_later=10)
    assert (told["codes"][1], told["states"][1], told["blame"][1]) == (
        "no-word",
        "failed",
        "theirs",
    )
    north("end_trial", trial=trial)


def test_a_partner_that_serves_a_wrong_hash_is_named_with_the_step(
    offices: tuple[Office, Office],
) -> None:
    north, south = offices
    trial, after = _begun(north, south)
    first, _second = _exchanged(north, south, after)
    after("edit")
    south("take_theirs", first)
    work(north, south)
    after("edit")
    south("take_theirs", first)
    south("spoil", first)
    work(north, south)
    told = after()
    assert (told["codes"][12], told["states"][12], told["blame"][12]) == (
        "wrong-hash",
        "failed",
        "theirs",
    )
    assert told["states"][:12] == ["done"] * 12
    assert told["states"][14] == "later", "nobody approves on a hash that does not fit"
    assert north("end_trial", trial=trial)[12] == "failed"

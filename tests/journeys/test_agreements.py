"""Two nodes of a real network bring agreements from a proposal to in force, and on: processes of their own, over TLS."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.journeys.agreeing import Office, office, work
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


def test_the_eighteen_steps_of_the_service_desk_pass_in_both_directions(
    offices: tuple[Office, Office],
) -> None:
    north, south = offices
    before = {one.own: (set(one("proposals")), set(one("index"))) for one in offices}

    def fresh(one: Office, name: str) -> set[str]:
        """What is new since the test began: the network is shared with other journeys."""
        return set(one(name)) - before[one.own][name == "index"]

    # 1–4: each creates an agreement and notifies, and one more.
    from_a = [north("create", f"A-{n}")["id"] for n in (1, 2)]
    from_b = [south("create", f"B-{n}")["id"] for n in (1, 2)]
    work(north, south)
    assert fresh(south, "proposals") == set(from_a), "copies were fetched"
    assert fresh(north, "proposals") == set(from_b)
    # 5–6: the index.
    assert fresh(south, "index") == set(from_a)
    assert fresh(north, "index") == set(from_b)
    # 7–8: get; id, content and hash are verified.
    for node, iia_id in ((south, from_a[0]), (north, from_b[0])):
        got = node("get", iia_id=iia_id)
        assert (got["outcome"], got["signature"], got["good"]) == ("ok", "verified", True)
    # The partner takes the first of each into a copy of its own; ids are exchanged.
    south("take_in", "A-1", iia_id=from_a[0])
    north("take_in", "B-1", iia_id=from_b[0])
    work(north, south)
    for node, code in ((north, "A-1"), (south, "A-1"), (north, "B-1")):
        assert node("see", code)["state"] == "mapped"
    # 9–12: each edits and notifies, and once more.
    for people in ("3", "4"):
        north("edit", "A-1", people=people)
        south("edit", "B-1", people=people)
        work(north, south)
    # 13–14: the edited agreement is here with its new hash, and the difference is shown.
    assert south("differences", "A-1") == ["people"]
    assert north("differences", "B-1") == ["people"]
    assert south("see", "A-1")["theirs"] == north("see", "A-1")["ours"]
    south("take_theirs", "A-1")
    north("take_theirs", "B-1")
    work(north, south)
    # 15–16: each approves the other's copy and notifies.
    approved = north("approve", "A-1")
    assert approved["state"] == "approved-by-us"
    assert south("approve", "A-1")["state"] in {"in-force", "approved-by-us"}
    work(north, south)
    # 17–18: the Approval API names id and hash; both sides show the agreement as approved by both.
    ours, theirs = north("look", "A-1"), south("look", "A-1")
    assert ours["received"] == ours["ours"] == theirs["given"] == theirs["theirs"]
    assert theirs["received"] == theirs["ours"] == ours["given"] == ours["theirs"]
    assert ours["state"] == theirs["state"] == "in-force"
    assert ours["bound"] == theirs["bound"] == ["4"]
    # Afterwards: a change, back again, and the end.
    north("edit", "A-1", people="9")
    work(north, south)
    assert south("see", "A-1")["state"] == "modification"
    assert south("see", "A-1")["bound"] == ["4"], "the old terms bind meanwhile"
    north("simple", "A-1", verb="revert")
    work(north, south)
    assert south("see", "A-1")["state"] == "in-force"
    north("simple", "A-1", verb="terminate")
    work(north, south)
    assert south("see", "A-1")["state"] == "termination"
    south("simple", "A-1", verb="terminate")
    work(north, south)
    north("approve", "A-1")
    south("approve", "A-1")
    work(north, south)
    for node in (north, south):
        told = node("look", "A-1")
        assert (told["state"], told["bound"]) == ("terminated", None)


def test_a_lost_notification_is_made_good_by_a_look(offices: tuple[Office, Office]) -> None:
    north, south = offices
    made = north("create", "L-1")
    work(north, south)
    south("take_in", "L-1", iia_id=made["id"])
    assert south("lose", "L-1") >= 1
    work(north, south)
    assert north("see", "L-1")["partner_id"] == "", "nobody told"
    told = south("look", "L-1")
    assert told["fresh"]
    theirs = south("see", "L-1")
    # The nightly pull, or a person: the partner's copy is fetched by its id.
    assert north("get", "L-1", iia_id=theirs["id"])["good"]
    assert north("see", "L-1")["partner_id"] == theirs["id"]
    assert north("simple", "L-1", verb="delete")["state"] == "deleted"
    assert south("get", "L-1", iia_id=made["id"])["outcome"] == "ok"
    assert south("see", "L-1")["partner_id"] == made["id"], "one look is not enough"


_STEPS = ("edit", "take_theirs", "approve", "withdraw", "revert", "terminate", "work", "lose", "tell_again")  # fmt: skip


def _walk(offices: tuple[Office, Office], *, seed: int, steps: int) -> None:
    """Both sides do what they like, word is lost, late, doubled and out of order; then everything is told and read."""
    chance = random.Random(seed)  # noqa: S311 - a walk, not a secret
    north, south = offices
    code = f"W-{seed}-{steps}"
    made = north("create", code)
    work(north, south)
    south("take_in", code, iia_id=made["id"])
    work(north, south)
    told: list[str] = []
    for _step in range(steps):
        one, name = chance.choice(offices), chance.choice(_STEPS)
        facts = {"people": str(chance.randint(1, 3))} if name == "edit" else {}
        if name in {"revert", "terminate"}:
            answer = one("simple", code, verb=name)
        else:
            answer = one(name, code, **facts)
        told.append(f"{one.own} {name} {facts}: {answer}")
    for one in offices:
        one("tell_again", code)
    work(north, south)
    ours, theirs = north("look", code), south("look", code)
    work(north, south)
    ours, theirs = north("look", code), south("look", code)
    story = "\n".join(told)
    assert ours["fresh"], story
    assert theirs["fresh"], story
    assert ours["bound"] == theirs["bound"], story
    assert ours["mutual"] == theirs["mutual"][::-1], story
    assert north("proven", code), story
    assert south("proven", code), story


@pytest.mark.parametrize("seed", range(2))
def test_whatever_was_lost_late_or_doubled_both_agree_in_the_end(
    offices: tuple[Office, Office], seed: int
) -> None:
    _walk(offices, seed=seed, steps=20)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 160))
def test_long_walks_end_with_both_agreeing(offices: tuple[Office, Office], seed: int) -> None:
    _walk(offices, seed=seed, steps=80)

"""Two nodes of a real network bring agreements from a proposal to in force, and on: processes of their own, over TLS."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

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


SIDES = st.sampled_from([0, 1])
SEEDS = st.integers(0, 10_000)


class Walk(RuleBasedStateMachine):
    """Both sides do what they like; word is lost, late, doubled and out of order. Then the queues run empty.

    What was lost is made good by the nightly question and by nothing else.
    """

    offices: ClassVar[tuple[Office, Office]]
    walks: ClassVar[int] = 0
    steps: ClassVar[int] = 0
    stories: ClassVar[list[str]] = []  # of walks that went wrong: two nodes never do the same twice

    def __init__(self) -> None:
        super().__init__()
        self.north, self.south = self.offices
        self.code = f"W-{uuid.uuid4().hex[:12]}"
        self.told: list[str] = []
        made = self.north("create", self.code)
        work(*self.offices)
        self.south("take_in", self.code, iia_id=made["id"])
        work(*self.offices)

    def _do(self, side: int, name: str, **facts: Any) -> None:
        one = self.offices[side]
        Walk.steps += 1
        self.told.append(f"{one.own} {name} {facts}: {one(name, self.code, **facts)}")

    @rule(side=SIDES, people=st.integers(1, 3))
    def edit(self, side: int, people: int) -> None:
        """Another number, perhaps the same."""
        self._do(side, "edit", people=str(people))

    @rule(side=SIDES)
    def take_theirs(self, side: int) -> None:
        """Our copy says what theirs says."""
        self._do(side, "take_theirs")

    @rule(side=SIDES)
    def approve(self, side: int) -> None:
        """Looks and approves."""
        self._do(side, "approve")

    @rule(side=SIDES)
    def withdraw(self, side: int) -> None:
        """Takes an approval back."""
        self._do(side, "withdraw")

    @rule(side=SIDES, verb=st.sampled_from(["revert", "terminate"]))
    def turn_back_or_end(self, side: int, verb: str) -> None:
        """Back to what is in force, or towards the end."""
        self._do(side, "simple", verb=verb)

    @rule(side=SIDES, lane=st.sampled_from(["send", "fetch"]))
    def carry(self, side: int, lane: str) -> None:
        """One direction of one side's worker."""
        self._do(side, lane)

    @rule(side=SIDES, what=st.sampled_from(["delay", "shuffle"]), seed=SEEDS)
    def mix_up(self, side: int, what: str, seed: int) -> None:
        """Word comes late, or in another order."""
        self._do(side, what, seed=seed)

    @rule(side=SIDES, what=st.sampled_from(["double", "tell_again", "lose"]))
    def repeat_or_lose(self, side: int, what: str) -> None:
        """Word comes twice, or never."""
        self._do(side, what)

    def teardown(self) -> None:
        """Nothing is under way any more, and every night the partner is asked."""
        Walk.walks += 1
        try:
            self._end()
        except AssertionError as error:
            Walk.stories.append(str(error))
            raise

    def _end(self) -> None:
        for one in self.offices:
            one("shuffle", self.code, seed=1)
        work(*self.offices)
        for one in self.offices:
            assert one("pull", self.code) == 1
        work(*self.offices)
        ours, theirs = self.north("see", self.code), self.south("see", self.code)
        story = "\n".join([*self.told, str(ours), str(theirs)])
        assert self.north("waiting") == self.south("waiting") == 0, story
        assert (ours["theirs"], theirs["theirs"]) == (theirs["ours"], ours["ours"]), story
        assert ours["bound"] == theirs["bound"], story
        assert ours["mutual"] == theirs["mutual"][::-1], story
        assert self.north("proven", self.code), story
        assert self.south("proven", self.code), story


def _walks(offices: tuple[Office, Office], *, number: int, count: int, steps: int) -> None:
    Walk.offices, Walk.stories = offices, []
    chosen = seed(number)(lambda: Walk())
    try:
        run_state_machine_as_test(
            chosen,
            settings=settings(
                max_examples=count,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # a walk takes seconds; its story is told instead
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        assert not Walk.stories, Walk.stories[0]


def test_whatever_was_lost_late_or_doubled_both_agree_in_the_end(
    offices: tuple[Office, Office],
) -> None:
    _walks(offices, number=1, count=3, steps=20)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(100, 130))
def test_long_walks_end_with_both_agreeing(offices: tuple[Office, Office], number: int) -> None:
    _walks(offices, number=number, count=4, steps=60)
    sys.stderr.write(f"seed {number}: {Walk.walks} walks, {Walk.steps} steps so far\n")

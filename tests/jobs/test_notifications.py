"""Word to and from partners: written with the change, merged, at least once, in order, never lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django_tasks_db.models import DBTaskResult

from tests.cast import NOON, Cast
from vaihto.jobs import delivery, inbox, outbox, queue
from vaihto.jobs.delivery import Done, Ended, Lane, Outcome, Policy, Round, Slip
from vaihto.jobs.models import Bell, CaughtUp, Notification
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.refusals import NotAllowed

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
Direction, State = Notification.Direction, Notification.State

ARRIVED = Outcome(Ended.ARRIVED, "ok")
LATER = Outcome(Ended.LATER, "server-error", "theirs", {"status": 500})
SILENT = Outcome(Ended.SILENT, "timeout", "network")
REFUSED = Outcome(Ended.REFUSED, "refused", "ours", {"status": 400})
NOBODY = Outcome(Ended.NOBODY, "no-receiver", "theirs")


@dataclass
class Partner:
    """A carrier in memory: answers as told, arrival by default, and remembers what came."""

    most: int = 1
    outcomes: list[Outcome | Exception | Callable[[Sequence[Slip]], Outcome]] = field(
        default_factory=list
    )
    came: list[list[str]] = field(default_factory=list)

    def at_once(self, slip: Slip) -> int:
        return self.most

    def deliver(self, slips: Sequence[Slip]) -> Outcome:
        self.came.append([slip.object_id for slip in slips])
        answer = self.outcomes.pop(0) if self.outcomes else ARRIVED
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Outcome) else answer(slips)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def partner() -> Partner:
    return Partner()


@pytest.fixture(autouse=True)
def _tables(db: None) -> None:
    """Every test here reads and writes."""


Work = Callable[..., Done]


@pytest.fixture
def work(partner: Partner, clock: Clock) -> Work:
    """Works the outbox off once at the moment of the clock, with one thread."""

    def round_over(policy: Policy | None = None, **carriers: Partner) -> Done:
        lane = Lane(
            Direction.OUT,
            {"iia-cnr": partner, **carriers},
            policy or Policy(threads=1),
        )
        return Round(lane, clock=clock).run()

    return round_over


def notify(*object_ids: str, now: datetime = NOON, **other: Any) -> None:
    given = {"hei_id": "us.example", "partner": "them.example", "api": "iia-cnr", **other}
    outbox.notify(object_ids=object_ids or ["a"], now=now, **given)


def rows(**other: Any) -> list[Notification]:
    return list(Notification.objects.filter(**other).order_by("pk"))


def only() -> Notification:
    return Notification.objects.get()


# Writing


def test_word_is_written_with_the_change_or_not_at_all() -> None:
    def change() -> None:
        with transaction.atomic():
            notify()
            raise ValueError("the change was refused")

    with pytest.raises(ValueError, match="refused"):
        change()
    assert rows() == []


@pytest.mark.django_db(transaction=True)
def test_word_outside_the_transaction_of_a_change_is_refused() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        notify()


def test_word_that_waits_is_not_said_twice() -> None:
    notify("a")
    notify("a", "b", "a", now=NOON + MINUTE)
    assert [(row.object_id, row.changes, row.first_at, row.changed_at) for row in rows()] == [
        ("a", 2, NOON, NOON + MINUTE),
        ("b", 1, NOON + MINUTE, NOON + MINUTE),
    ]


def test_only_equal_word_is_merged() -> None:
    notify()
    for other in (
        {"hei_id": "me.example"},
        {"partner": "you.example"},
        {"api": "iia-approval-cnr"},
    ):
        notify(**other)
        notify(**other)
    inbox.receive(
        hei_id="us.example", partner="them.example", api="iia-cnr", object_ids=["a"], now=NOON
    )
    assert sorted(row.changes for row in rows()) == [1, 1, 2, 2, 2]


def test_the_database_itself_keeps_equal_open_rows_one() -> None:
    notify()
    row = only()
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_a_commit_asks_for_one_round_however_many_changes() -> None:
    for _time in range(3):
        with transaction.atomic():
            notify("a", "b")
            notify("c")
    assert [each.args_kwargs["args"] for each in DBTaskResult.objects.all()] == [["out"]]


@pytest.mark.django_db(transaction=True)
def test_a_bell_that_nobody_answers_is_rung_again() -> None:
    with transaction.atomic():
        notify(now=NOON)
    Bell.objects.update(rung_at=NOON)
    outbox.wake(NOON + timedelta(seconds=10))
    assert DBTaskResult.objects.count() == 1
    outbox.wake(NOON + timedelta(seconds=40))
    assert DBTaskResult.objects.count() == 2


# Carrying


def test_what_arrives_is_done(work: Work, partner: Partner) -> None:
    notify("a", "b")
    assert work() == Done(arrived=2)
    assert partner.came == [["a"], ["b"]]
    assert {(row.state, row.attempts, row.outcome, row.claimed_by) for row in rows()} == {
        ("done", 1, "ok", "")
    }


def test_after_it_is_done_a_change_is_word_of_its_own(work: Work, partner: Partner) -> None:
    notify()
    work()
    notify()
    work()
    assert (partner.came, [row.state for row in rows()]) == ([["a"], ["a"]], ["done", "done"])


def test_a_change_during_the_sending_causes_another_sending(work: Work, partner: Partner) -> None:
    notify()

    def change_meanwhile(_slips: Sequence[Slip]) -> Outcome:
        return ARRIVED

    partner.outcomes = [change_meanwhile]
    claimed: list[int] = []

    class Changing(Partner):
        def at_once(self, slip: Slip) -> int:  # asked after the claim, in the round's own thread
            if not claimed:
                claimed.append(slip.number)
                notify(now=NOON + MINUTE)
            return 1

    changing = Changing()
    assert work(**{"iia-cnr": changing}).arrived == 1
    assert changing.came == [["a"], ["a"]]
    assert (only().state, only().changes) == ("done", 2)


def test_slips_of_one_kind_go_together_as_many_as_the_api_takes(
    work: Work, partner: Partner
) -> None:
    partner.most = 3
    notify("a", "b", "c", "d")
    notify("e", facts={"sending_hei_id": "us.example"})
    notify("f", partner="other.example")
    work()
    assert sorted(partner.came) == [["a", "b", "c"], ["d"], ["e"], ["f"]]


def test_after_silence_the_pauses_grow_until_it_expires(
    work: Work, partner: Partner, clock: Clock
) -> None:
    partner.outcomes = [SILENT] * 40
    notify()
    waits: list[float] = []
    while only().state == State.WAITING:
        work()
        row = only()
        waits.append((row.due_at - clock.now).total_seconds())
        clock.now = max(row.due_at, clock.now)
    row = only()
    assert (4 < waits[0] < 6, 27 <= waits[1] <= 33) == (True, True)
    assert all(later > 1.5 * earlier for earlier, later in pairwise(waits[:7]))
    assert (row.state, row.outcome, row.blame) == ("expired", "timeout", "network")
    assert row.ended_at == clock.now == NOON + 24 * HOUR
    assert row.attempts == len(partner.came) < 20


def test_a_change_begins_anew_with_short_pauses_and_a_whole_day(
    work: Work, partner: Partner, clock: Clock
) -> None:
    partner.outcomes = [LATER] * 3
    notify()
    for _time in range(3):
        work()
        clock.now = only().due_at
    notify(now=clock.now)
    row = only()
    assert (row.attempts, row.due_at, row.expires_at) == (0, clock.now, clock.now + 24 * HOUR)


def test_what_is_refused_is_not_repeated_and_becomes_a_task(
    work: Work, partner: Partner, clock: Clock
) -> None:
    partner.outcomes = [REFUSED]
    notify()
    assert work().set_aside == 1
    clock.now += 48 * HOUR
    work()
    row = only()
    assert partner.came == [["a"]]
    assert (row.state, row.outcome, row.blame, row.outcome_facts, row.ended_at) == (
        "set-aside",
        "refused",
        "ours",
        {"status": 400},
        None,
    )


def test_a_new_change_takes_up_what_was_set_aside(work: Work, partner: Partner) -> None:
    partner.outcomes = [REFUSED]
    notify()
    work()
    notify()
    work()
    assert (only().state, partner.came) == ("done", [["a"], ["a"]])


def test_what_is_refused_together_is_tried_apart(work: Work, partner: Partner) -> None:
    def refuse_b(slips: Sequence[Slip]) -> Outcome:
        return REFUSED if "b" in {slip.object_id for slip in slips} else ARRIVED

    partner.most = 3
    partner.outcomes = [refuse_b] * 4
    notify("a", "b", "c")
    work()
    assert partner.came == [["a", "b", "c"], ["a"], ["b"], ["c"]]
    assert [row.state for row in rows()] == ["done", "set-aside", "done"]


def test_without_a_receiver_it_is_kept_a_day_then_dropped(
    work: Work, partner: Partner, clock: Clock
) -> None:
    partner.outcomes = [NOBODY] * 40
    notify()
    work()
    assert only().state == State.WAITING
    while only().state == State.WAITING:
        clock.now = only().due_at
        work()
    assert (only().state, only().ended_at) == ("dropped", NOON + 24 * HOUR)


def test_a_receiver_that_comes_back_in_time_hears_it(
    work: Work, partner: Partner, clock: Clock
) -> None:
    partner.outcomes = [NOBODY]
    notify()
    work()
    clock.now = only().due_at
    work()
    assert only().state == State.DONE


def test_an_api_that_nobody_carries_waits_too(work: Work) -> None:
    notify(api="omobility-cnr")
    work()
    assert (only().state, only().outcome, only().blame) == ("waiting", "no-carrier", "ours")


def test_a_silent_partner_is_tried_by_one_and_the_rest_wait_behind(
    work: Work, partner: Partner, clock: Clock
) -> None:
    partner.outcomes = [SILENT]
    notify("a", "b", "c")
    notify("x", partner="other.example")
    work()
    waiting = rows(state="waiting")
    assert sorted(partner.came) == [["a"], ["x"]]
    assert [row.attempts for row in waiting] == [1, 0, 0]
    assert {row.outcome for row in waiting} == {"timeout"}
    assert waiting[0].due_at < waiting[1].due_at
    clock.now = waiting[1].due_at
    work()
    assert partner.came[2:] == [["a"], ["b"], ["c"]]


def test_when_a_partner_answers_again_what_waited_for_it_is_due(
    work: Work, partner: Partner, clock: Clock
) -> None:
    partner.outcomes = [SILENT, SILENT, SILENT]
    notify("a")
    for _time in range(3):
        work()
        clock.now = only().due_at
    partner.outcomes = [SILENT]
    work()
    notify("b", now=clock.now)
    assert only_of("a").due_at > clock.now + MINUTE
    work()
    assert (only_of("a").state, only_of("b").state) == ("done", "done")


def only_of(object_id: str) -> Notification:
    return Notification.objects.get(object_id=object_id)


def test_of_merged_word_the_newest_parameters_count(work: Work, partner: Partner) -> None:
    seen: list[Any] = []

    def look(slips: Sequence[Slip]) -> Outcome:
        seen.extend(slip.facts for slip in slips)
        return ARRIVED

    partner.outcomes = [look]
    notify("a", facts={"n": 1})
    notify("a", facts={"n": 2})
    work()
    assert seen == [{"n": 2}]


# Breaking down


def test_a_fault_of_ours_is_repeated_a_few_times_then_set_aside(
    work: Work, partner: Partner, clock: Clock
) -> None:
    partner.outcomes = [ValueError("poison")] * 9
    notify()
    for _time in range(9):
        work()
        clock.now += HOUR
    row = only()
    assert (len(partner.came), row.state, row.outcome, row.blame, row.attempts) == (
        5,
        "set-aside",
        "fault",
        "ours",
        0,
    )


def test_a_poisoned_one_does_not_keep_its_companions(
    work: Work, partner: Partner, clock: Clock
) -> None:
    def stumble(slips: Sequence[Slip]) -> Outcome:
        if "b" in {slip.object_id for slip in slips}:
            raise ValueError("poison")
        return ARRIVED

    partner.most = 3
    partner.outcomes = [stumble] * 12
    notify("a", "b", "c")
    for _time in range(8):
        work()
        clock.now += HOUR
    assert [row.state for row in rows()] == ["done", "set-aside", "done"]


def die_holding(clock: Clock, *, alone: bool = False, most: int = 100) -> list[str]:
    """A worker claims what it can and is never heard of again."""
    dying = Round(Lane(Direction.OUT, {}), clock=clock)
    return [slip.object_id for slip in dying._claim(most, alone=alone)]


def test_what_a_dead_worker_held_is_taken_when_its_claim_ends(
    work: Work, partner: Partner, clock: Clock
) -> None:
    notify("a", "b")
    assert die_holding(clock) == ["a", "b"]
    work()
    assert partner.came == []
    clock.now += MINUTE
    assert delivery.is_due("out", now=clock.now)
    work()
    assert (partner.came, {row.state for row in rows()}) == ([["a"], ["b"]], {"done"})


def test_what_ends_its_workers_goes_alone_and_is_set_aside(
    work: Work, partner: Partner, clock: Clock
) -> None:
    notify("poison", "innocent")
    for _time in range(2):
        assert sorted(die_holding(clock)) == ["innocent", "poison"]
        clock.now += HOUR
    assert die_holding(clock) == []  # both are suspect: they go with nothing else held
    clock.now += HOUR
    while only_of("poison").state == State.WAITING:
        if die_holding(clock, alone=True, most=1) == ["innocent"]:
            Notification.objects.filter(object_id="innocent").update(
                claimed_until=None, claimed_by="", due_at=clock.now + timedelta(days=9)
            )
        clock.now += HOUR
    clock.now += timedelta(days=9)
    work()
    assert (only_of("poison").state, only_of("poison").outcome) == ("set-aside", "broke-down")
    assert (only_of("innocent").state, partner.came) == ("done", [["innocent"]])


def test_who_lost_its_claim_writes_nothing(clock: Clock, partner: Partner) -> None:
    notify()
    late = Round(Lane(Direction.OUT, {"iia-cnr": partner}, Policy(threads=1)), clock=clock)
    slips = late._claim(10)
    clock.now += MINUTE
    die_holding(clock)
    late._flying = {slip.number: slip for slip in slips}
    late._landed = [delivery._Landed(slips, ARRIVED, time.monotonic())]
    late._settle()
    assert (only().state, late._flying) == ("waiting", {})


def test_a_round_whose_time_is_over_gives_back_what_it_did_not_begin(
    work: Work, partner: Partner, clock: Clock
) -> None:
    def slow(_slips: Sequence[Slip]) -> Outcome:
        time.sleep(0.05)
        return ARRIVED

    partner.outcomes = [slow] * 50
    notify(*(f"{number:02}" for number in range(50)))
    done = work(Policy(threads=1, seconds=0.2))
    assert (done.more, 0 < done.arrived < 50) == (True, True)
    assert {row.claimed_by for row in rows()} == {""}


@pytest.fixture
def _asked_to_stop() -> Iterator[None]:
    queue.stopping.set()
    yield
    queue.stopping.clear()


@pytest.mark.usefixtures("_asked_to_stop")
def test_a_worker_asked_to_end_begins_nothing(work: Work, partner: Partner) -> None:
    notify()
    assert (work(), partner.came) == (Done(more=True), [])


def test_a_partner_with_much_waiting_does_not_keep_the_others_waiting(
    work: Work, partner: Partner
) -> None:
    notify(*(f"{number:03}" for number in range(100)))
    notify("x", partner="other.example")
    work(Policy(threads=2, batch=16))
    assert partner.came.index(["x"]) < 5


@pytest.mark.django_db(transaction=True)
def test_a_change_that_stays_open_keeps_no_other_word_waiting(clock: Clock) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    held, over = threading.Event(), threading.Event()

    def change() -> None:
        with transaction.atomic():
            notify("a")
            held.set()
            over.wait(60)
        connection.close()

    changing = threading.Thread(target=change)

    def change_meanwhile(_slips: Sequence[Slip]) -> Outcome:
        changing.start()
        held.wait(60)
        return ARRIVED

    came: list[tuple[str, bool]] = []

    class Here(Partner):
        def deliver(self, slips: Sequence[Slip]) -> Outcome:
            came.append((slips[0].object_id, over.is_set()))
            if slips[0].object_id == "c":
                over.set()
            return change_meanwhile(slips) if came == [("a", False)] else ARRIVED

    with transaction.atomic():
        notify("a", "b", "c")
    lane = Lane(Direction.OUT, {"iia-cnr": Here()}, Policy(threads=1))
    done = Round(lane, clock=clock).run()
    changing.join(60)
    assert came == [("a", False), ("b", False), ("c", False), ("a", True)]
    assert (done.arrived, [row.state for row in rows()]) == (3, ["done"] * 3)


# The operator


def test_the_operator_sends_again_what_was_set_aside(
    work: Work, partner: Partner, cast: Cast
) -> None:
    partner.outcomes = [REFUSED]
    notify()
    work()
    assert list(outbox.set_aside()) == [only()]
    assert list(outbox.set_aside(hei_ids=["other.example"])) == []
    outbox.send_again(actor=cast.actor(cast.operator), notification=only(), now=NOON)
    work()
    assert (only().state, list(outbox.set_aside())) == ("done", [])
    assert Entry.objects.about(only()).get().verb == "sent again"


def test_what_expired_is_sent_anew(work: Work, partner: Partner, clock: Clock) -> None:
    partner.outcomes = [SILENT] * 2
    notify()
    work()
    clock.now += 25 * HOUR
    work()
    assert only().state == State.EXPIRED
    outbox.send_again(actor=Actor.system(), notification=only(), now=clock.now)
    work()
    assert [row.state for row in rows()] == ["expired", "done"]


def test_what_is_on_its_way_is_not_sent_again(clock: Clock) -> None:
    notify()
    die_holding(clock)
    with pytest.raises(outbox.NotOpen):
        outbox.send_again(actor=Actor.system(), notification=only(), now=NOON)


def test_what_is_dismissed_rests_until_the_next_change(work: Work, partner: Partner) -> None:
    partner.outcomes = [REFUSED]
    notify()
    with pytest.raises(outbox.NotOpen):
        outbox.dismiss(actor=Actor.system(), notification=only(), reason="", now=NOON)
    work()
    outbox.dismiss(actor=Actor.system(), notification=only(), reason="closed", now=NOON)
    notify()
    work()
    assert [row.state for row in rows()] == ["dismissed", "done"]


def test_only_operators_and_the_institutions_keepers_act_on_notifications(cast: Cast) -> None:
    notify()
    for who in (cast.aino, cast.dara):
        with pytest.raises(NotAllowed):
            outbox.send_again(actor=cast.actor(who), notification=only(), now=NOON)
        with pytest.raises(NotAllowed):
            outbox.dismiss(actor=cast.actor(who), notification=only(), reason="", now=NOON)
    assert list(Notification.objects.visible_to(cast.actor(cast.dara))) == []
    assert list(Notification.objects.visible_to(cast.actor(cast.operator))) == [only()]


def test_what_ended_long_ago_is_forgotten(work: Work, partner: Partner) -> None:
    notify("a", "b")
    partner.outcomes = [ARRIVED, LATER]
    work()
    outbox.forget(NOON + timedelta(days=91))
    assert [row.object_id for row in rows()] == ["b"]


# Coming in


def receive(*object_ids: str, now: datetime = NOON, **other: Any) -> None:
    given = {"hei_id": "us.example", "partner": "them.example", "api": "iia-cnr", **other}
    inbox.receive(object_ids=object_ids or ["a"], now=now, **given)


def test_a_repeated_notification_is_one_and_is_fetched_once(clock: Clock, partner: Partner) -> None:
    receive("a")
    receive("a", "b")
    lane = replace(inbox.IN_LANE, carriers={"iia-cnr": partner}, policy=Policy(threads=1))
    Round(lane, clock=clock).run()
    assert sorted(partner.came) == [["a"], ["b"]]


def test_what_cannot_be_an_identifier_is_passed_over() -> None:
    receive("good", "", "x" * 301, "nul\0", "line\nbreak")
    assert [row.object_id for row in rows()] == ["good"]


def test_a_fetch_names_its_api_and_how_many_at_once(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(inbox, "FETCHERS", {})

    @inbox.fetches("iia-cnr", at_once=2)
    def fetch(slips: Sequence[Slip]) -> Outcome:
        seen.append([slip.object_id for slip in slips])
        return ARRIVED

    receive("a", "b", "c")
    lane = replace(inbox.IN_LANE, carriers=inbox.FETCHERS, policy=Policy(threads=1))
    Round(lane, clock=clock).run()
    assert seen == [["a", "b"], ["c"]]


@pytest.mark.django_db(transaction=True)
def test_the_nightly_pull_asks_from_the_partners_clock_with_an_overlap(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    asked: list[inbox.Asked] = []
    theirs = NOON - timedelta(minutes=3)
    monkeypatch.setattr(inbox, "PULLERS", {})

    @inbox.pulls("iias", pairs=lambda _now: [("us.example", "them.example")])
    def pull(question: inbox.Asked) -> Outcome:
        asked.append(question)
        if len(asked) == 2:
            return LATER
        return Outcome(Ended.ARRIVED, "ok", server_time=theirs)

    lane = replace(inbox.PULL_LANE, carriers=inbox.PULLERS, policy=Policy(threads=1))
    monkeypatch.setattr("vaihto.jobs.inbox.timezone.now", clock)

    def night() -> None:
        inbox.catch_up(clock.now)
        Round(lane, clock=clock).run()

    night()
    clock.now += timedelta(days=1)
    night()
    clock.now += HOUR
    Round(lane, clock=clock).run()
    clock.now += timedelta(days=7)
    night()
    assert [question.since for question in asked] == [
        None,  # never asked before
        theirs - inbox.OVERLAP,
        theirs - inbox.OVERLAP,  # the one before failed and told nothing
        None,  # everything once a week
    ]
    assert CaughtUp.objects.get().server_time == theirs


def test_a_pull_that_still_waits_is_not_asked_twice() -> None:
    for _time in range(2):
        inbox.ask(hei_id="us.example", partner="them.example", api="iias", now=NOON)
    assert (only().direction, only().changes) == ("pull", 2)

"""How notifications are worked off: claimed for a short while, carried by threads, settled.

A round claims due rows and commits, so that no transaction is open while a partner is waited for; threads carry
them; outcomes are written as they come. A claim ends by itself, so what a dead worker held is taken by another.
Everything arrives at least once, what concerns one object in order.

The same round serves what goes out (`outbox.py`), what came in and is to be fetched, and what we ask of partners
(`inbox.py`); a `Lane` says which. Source of the rules: EWP architecture, change notification receivers, sender.
"""

from __future__ import annotations

import logging
import queue as queues
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any, Protocol, assert_never

from django.db import DatabaseError, close_old_connections, connections, transaction
from django.db.models import F, Q, QuerySet

from vaihto.jobs.announcements import Announcement, announce
from vaihto.jobs.models import Notification
from vaihto.jobs.queue import stopping

logger = logging.getLogger("vaihto.jobs")

SET_ASIDE = Announcement("notification.set-aside", fields=("notification_id",))

State = Notification.State
Clock = Callable[[], datetime]


class Ended(StrEnum):
    """How one try ended, and with it whether another can help."""

    ARRIVED = "arrived"
    LATER = "later"  # the partner's trouble with this one
    SILENT = "silent"  # the partner's trouble with everything: no answer, or "not now"
    NOBODY = "nobody"  # nobody listens at present
    REFUSED = "refused"  # repeating cannot help
    FAULT = "fault"  # ours


@dataclass(frozen=True)
class Outcome:
    """What a carrier found. `code` and `facts` make the sentence; no personal data in them."""

    ended: Ended
    code: str = ""
    blame: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    server_time: datetime | None = None  # the partner's clock, where a pull asks for it


@dataclass(frozen=True)
class Slip:
    """A notification as a carrier gets it."""

    number: int
    hei_id: str
    partner: str
    api: str
    object_id: str
    facts: Mapping[str, Any]
    first_at: datetime
    changed_at: datetime
    attempts: int
    changes: int
    apart: bool

    def goes_with(self, other: Slip) -> bool:
        """May both go in one request? All but the object is the same."""
        return (
            (self.hei_id, self.partner, self.api) == (other.hei_id, other.partner, other.api)
            and self.facts == other.facts
            and not (self.apart or other.apart)
        )


class Carrier(Protocol):
    """Who brings word to a partner, or fetches what word was of. Registered from above, per API.

    `deliver` runs in a thread of its own, must end within minutes, and may be called twice for the same slip.
    """

    def at_once(self, slip: Slip) -> int:
        """How many slips like this one delivery takes, at least 1. Asks no network."""
        ...

    def deliver(self, slips: Sequence[Slip]) -> Outcome:
        """Carries slips that have all but the object in common; one outcome for all of them."""
        ...


@dataclass(frozen=True)
class Policy:
    """How much at once, how long, how often."""

    threads: int = 32
    batch: int = 128  # claimed at once, and the most that is held
    lease: timedelta = timedelta(seconds=60)
    seconds: float = 20  # after which a round begins nothing new, so that other work gets its turn
    pauses: tuple[timedelta, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(hours=2),
        timedelta(hours=4),
    )
    faults: int = 5  # after so many break-downs on our side it is set aside
    alone_after: int = 2  # after so many nothing else is held beside it, so that it harms nobody

    def pause(self, attempts: int) -> timedelta:
        """How long to wait after so many attempts, spread by a tenth so that not all come at once."""
        wait = self.pauses[min(max(attempts, 1), len(self.pauses)) - 1]
        return wait * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


@dataclass(frozen=True)
class Lane:
    """Which notifications, who carries each API, and how."""

    direction: Notification.Direction
    carriers: Mapping[str, Carrier]
    policy: Policy = Policy()
    arrived: Callable[[Slip, Outcome, datetime], None] | None = None  # in the settling transaction


# --- Writing down ------------------------------------------------------------------------------

_KEY = ("direction", "hei_id", "partner", "api", "object_id")


def put(row: Notification) -> None:
    """Writes the row, or merges it into the equal open one, which then begins anew with the present change.

    One statement, so that two transactions with equal rows wait for each other and neither loses. Both databases
    understand it; the framework cannot say it for a constraint with a condition.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "a notification is written in the transaction of the change it tells of"
        )
    connection = transaction.get_connection()
    fields = [each for each in Notification._meta.concrete_fields if not each.primary_key]
    quote = connection.ops.quote_name
    table = quote(Notification._meta.db_table)
    columns = ", ".join(quote(each.column) for each in fields)
    values = [each.get_db_prep_save(getattr(row, each.attname), connection) for each in fields]
    fresh = ", ".join(
        f"{quote(name)} = excluded.{quote(name)}"
        for name in ("facts", "due_at", "changed_at", "expires_at", "attempts", "state")
    )
    places = ", ".join(["%s"] * len(fields))
    sql = (
        f"INSERT INTO {table} ({columns}) VALUES ({places}) "  # noqa: S608 - names come from the model
        f"ON CONFLICT ({', '.join(quote(name) for name in _KEY)}) WHERE {quote('ended_at')} IS NULL "
        f"DO UPDATE SET {quote('changes')} = {table}.{quote('changes')} + 1, {fresh}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _due(direction: str, now: datetime) -> QuerySet[Notification]:
    """What could be claimed: due, and held by nobody."""
    return Notification.objects.filter(
        Q(claimed_until__isnull=True) | Q(claimed_until__lte=now),
        direction=direction,
        state=State.WAITING,
        due_at__lte=now,
    )


def is_due(direction: str, *, now: datetime) -> bool:
    """Is there anything that a round could claim?"""
    return _due(direction, now).exists()


# --- A round -----------------------------------------------------------------------------------


_AT_FIRST = 4
"""Requests at a time to a partner of which nothing is known."""

_FEW = 4
"""At least so many are claimed for one partner at a time, so that many partners do not mean many queries."""

_PARTNERS_SECONDS = 0.5

_TRIES = 3
"""So often others may take what was chosen; after that they are many enough."""

_HANGS_SECONDS = 900.0
"""No carrier may be under way for so long; the client's own limits end far earlier."""


@dataclass(frozen=True)
class _Landed:
    slips: Sequence[Slip]
    outcome: Outcome
    at: float  # monotonic seconds


@dataclass(frozen=True)
class Done:
    """What a round did."""

    arrived: int = 0
    later: int = 0
    set_aside: int = 0
    more: bool = False  # something due was left


class Round:
    """One worker's round over a lane: until nothing is due, its time is over, or it shall stop."""

    def __init__(self, lane: Lane, *, clock: Clock) -> None:
        self._lane = lane
        self._policy = lane.policy
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._buffer: list[Slip] = []
        self._flying: dict[int, Slip] = {}
        self._landed: list[_Landed] = []
        self._heard: set[str] = set()  # partners that answered in this round
        self._allowed: Counter[str] = Counter()  # requests at a time, by partner
        self._requests: Counter[str] = Counter()  # under way, by partner
        self._count: Counter[str] = Counter()
        self._renewed = self._moved = time.monotonic()
        self._names: list[str] = []
        self._asked = 0.0
        self._threads = _Threads(lane)
        self.more = False

    def run(self, *, on_plenty: Callable[[], None] | None = None) -> Done:
        """Works. `on_plenty` is called once when there is more than this worker can hold."""
        begun = time.monotonic()
        try:
            self._together(begun, on_plenty)
            self._one_by_one(begun)
        finally:
            self._threads.end()
            self._release()
        return Done(
            arrived=self._count["arrived"],
            later=self._count["later"],
            set_aside=self._count["set-aside"],
            more=self.more,
        )

    def _may_begin(self, begun: float) -> bool:
        return not stopping.is_set() and time.monotonic() - begun < self._policy.seconds

    def _together(self, begun: float, on_plenty: Callable[[], None] | None) -> None:
        looked = False  # and found nothing, since something last changed
        while True:
            may_begin = self._may_begin(begun)
            if may_begin and not looked and len(self._buffer) < self._policy.threads:
                room = self._policy.batch - len(self._buffer) - len(self._flying)
                claimed = self._claim(room)
                self._buffer += claimed
                looked = not claimed
            if may_begin:
                self._fill()
            if (
                on_plenty is not None
                and self._buffer
                and self._threads.busy >= self._policy.threads
            ):
                on_plenty()
                on_plenty = None
            if not self._flying and (not may_begin or (looked and not self._buffer)):
                self.more = not may_begin
                return
            if self._collect():
                looked = False

    def _fill(self) -> None:
        """Gives the threads enough to go on while this one writes."""
        while self._threads.busy < self._policy.threads + self._ahead and self._launch():
            pass

    @property
    def _ahead(self) -> int:
        return self._policy.threads // 2

    def _launch(self) -> bool:
        """Sends what is next for the partner with the fewest requests under way; False when nothing may go."""
        best: Slip | None = None
        for slip in self._buffer:
            under_way = self._requests[slip.partner]
            if under_way < self._limit(slip) and (
                best is None or under_way < self._requests[best.partner]
            ):
                best = slip
                if not under_way:
                    break
        if best is None:
            return False
        self._send(best, self._buffer)
        return True

    def _limit(self, slip: Slip) -> int:
        """A partner that was in trouble gets one request, an unknown one four, one that answers ever more."""
        return self._allowed[slip.partner] or (1 if slip.attempts else _AT_FIRST)

    def _send(self, slip: Slip, others: list[Slip]) -> None:
        carrier = self._lane.carriers.get(slip.api)
        group = [slip]
        if carrier is not None and not slip.apart and (most := _at_once(carrier, slip)) > 1:
            like = (other for other in others if other is not slip and other.goes_with(slip))
            group += islice(like, most - 1)
        for one in group:
            others.remove(one)
            self._flying[one.number] = one
        self._requests[slip.partner] += 1
        self._threads.carry(carrier, group)

    def _collect(self) -> bool:
        """Waits a moment for what lands, and settles it. Was anything settled?"""
        before = len(self._flying)
        came = self._threads.landed()
        for slips, outcome in came:
            self._landed.append(_Landed(slips, outcome, time.monotonic()))
            self._requests[slips[0].partner] -= 1
            if outcome.ended in {Ended.ARRIVED, Ended.REFUSED}:
                doubled = 2 * self._limit(slips[0])
                most = self._policy.threads + self._ahead
                self._allowed[slips[0].partner] = min(doubled, most)
            elif outcome.ended is Ended.SILENT:
                self._allowed[slips[0].partner] = 1
        if came:
            self._moved = time.monotonic()
        elif time.monotonic() - self._moved > _HANGS_SECONDS:
            raise TimeoutError("a carrier hangs; its claims end by themselves")
        elif self._landed:
            time.sleep(0.05)  # a change has the row in hand; it will not be long
        try:
            self._settle()
            self._renew()
        except DatabaseError:
            # Somebody holds the database, or it is away. What landed is kept and settled in the next moment;
            # if that does not come in time, the claim ends and it is carried again.
            logger.warning("the database did not answer a round")
            close_old_connections()
            time.sleep(0.2)
            self._forget()
        return len(self._flying) < before

    def _forget(self) -> None:
        """Lets go of what landed and could not be written while the claim stood."""
        oldest = time.monotonic() - 2 * self._policy.lease.total_seconds()
        for landed in self._landed:
            if landed.at < oldest:
                for slip in landed.slips:
                    self._flying.pop(slip.number, None)
        self._landed = [landed for landed in self._landed if landed.at >= oldest]

    # Claiming

    def _claim(self, most: int, *, alone: bool = False) -> list[Slip]:
        """Claims up to `most` due rows, the partners in turn; what broke down often `alone`, one at a time."""
        if not (self._buffer or self._flying):
            self._asked = 0.0  # nothing at hand: whatever is remembered, look
        for _try in range(_TRIES):
            # Chosen without a lock, which on SQLite nobody else could have meanwhile.
            chosen = self._in_turn(self._may_claim(self._clock(), alone=alone), most)
            if not chosen:
                return []
            claimed, taken = self._take(chosen, alone=alone)
            if claimed or not taken:
                return claimed
        return []

    def _may_claim(self, now: datetime, *, alone: bool) -> QuerySet[Notification]:
        due = _due(self._lane.direction, now)
        limit = self._policy.alone_after
        return due.filter(faults__gte=limit) if alone else due.filter(faults__lt=limit)

    def _take(self, chosen: list[int], *, alone: bool) -> tuple[list[Slip], bool]:
        """Claims those of the chosen that nobody took meanwhile; and whether anybody had."""
        now = self._clock()
        with transaction.atomic():
            free = self._may_claim(now, alone=alone).filter(pk__in=chosen)
            rows = list(free.order_by("due_at", "pk").select_for_update(skip_locked=True))
            for row in rows:
                if row.claimed_until is not None:
                    self._broke_down(row, now=now)
            claimed = [
                row
                for row in rows
                if row.state == State.WAITING
                and row.due_at <= now
                and (alone or row.faults < self._policy.alone_after)
            ]
            Notification.objects.filter(pk__in=[row.pk for row in claimed]).update(
                claimed_until=now + self._policy.lease, claimed_by=self._token
            )
        return [_slip(row) for row in claimed], len(rows) < len(chosen)

    def _in_turn(self, due: QuerySet[Notification], most: int) -> list[int]:
        """A few for each partner, in changing order: much for one partner keeps no other waiting."""
        held = Counter(slip.partner for slip in self._buffer)
        partners = self._partners(due)
        random.shuffle(partners)
        found: list[int] = []
        while partners and len(found) < most:
            share = max(_FEW, (most - len(found)) // len(partners))
            going_on = []
            for partner in partners:
                # Twice what may be under way: a partner that is slow does not fill what is held.
                room = 2 * (self._allowed[partner] or _AT_FIRST) - held[partner]
                wanted = min(share, most - len(found), room)
                if wanted <= 0:
                    continue
                theirs = due.filter(partner=partner).exclude(pk__in=found)
                pks = theirs.order_by("due_at", "pk").values_list("pk", flat=True)[:wanted]
                found += pks
                held[partner] += len(pks)
                if len(pks) == wanted:
                    going_on.append(partner)
            partners = going_on
        return found

    def _partners(self, due: QuerySet[Notification]) -> list[str]:
        """For whom something is due; remembered for a moment, since the answer grows with what waits."""
        if time.monotonic() - self._asked > _PARTNERS_SECONDS:
            names = due.order_by().values_list("partner", flat=True).distinct()
            self._names = list(names)
            self._asked = time.monotonic()
        return list(self._names)

    def _broke_down(self, row: Notification, *, now: datetime) -> None:
        """Who held it ended without a word. When that happens again and again, it is perhaps this one's doing."""
        row.faults += 1
        row.apart = True
        row.claimed_until, row.claimed_by = None, ""
        row.tried_at, row.outcome, row.outcome_facts = now, "broke-down", {}
        row.blame = Notification.Blame.OURS
        if row.faults >= self._policy.faults:
            row.state = State.SET_ASIDE
        elif row.faults >= self._policy.alone_after:
            row.due_at = now + self._policy.pause(row.faults)
        row.save()
        if row.state == State.SET_ASIDE:
            self._tell_set_aside(row)

    def _tell_set_aside(self, row: Notification) -> None:
        self._count["set-aside"] += 1
        logger.error(
            "notification set aside",
            extra={"notification": row.pk, "api": row.api, "outcome": row.outcome},
        )
        announce(SET_ASIDE, notification_id=row.pk)

    def _one_by_one(self, begun: float) -> None:
        """What broke down twice goes alone, with nothing else held: if it ends this process, only it is suspect."""
        while self._may_begin(begun):
            claimed = self._claim(1, alone=True)
            if not claimed:
                return
            self._send(claimed[0], claimed)  # which stands in the list until it flies
            while self._flying:
                self._collect()
        self.more = True

    # Settling

    def _settle(self) -> None:
        """Writes what landed. Rows that an open transaction of a change holds are left for the next moment.

        Waiting for them here, with other rows in hand, could end in a deadlock with that change.
        """
        if not self._landed:
            return
        now = self._clock()
        outcomes = {
            slip.number: (slip, landed.outcome, len(landed.slips))
            for landed in self._landed
            for slip in landed.slips
        }
        with transaction.atomic():
            free = Notification.objects.filter(pk__in=outcomes).select_for_update(skip_locked=True)
            rows = {row.pk: row for row in free}
            arrived: list[Notification] = []
            for pk, row in rows.items():
                slip, outcome, together = outcomes[pk]
                if row.claimed_by != self._token:
                    continue  # the claim ended, another carries it once more
                if outcome.ended is Ended.ARRIVED and self._lane.arrived is not None:
                    self._lane.arrived(slip, outcome, now)
                if outcome.ended is Ended.ARRIVED and row.changes == slip.changes:
                    arrived.append(row)
                else:
                    self._settle_one(row, slip, outcome, together=together, now=now)
            self._settle_arrived(arrived, {pk: outcomes[pk][1].code for pk in rows}, now)
            for partner in {row.partner for row in arrived}:
                self._hear_again(partner, now)
        for pk in rows:
            self._flying.pop(pk, None)
        self._landed = [
            replace(landed, slips=left)
            for landed in self._landed
            if (left := [slip for slip in landed.slips if slip.number not in rows])
        ]
        self._forget()

    def _settle_arrived(
        self, rows: list[Notification], codes: Mapping[int, str], now: datetime
    ) -> None:
        by_code: dict[str, list[int]] = {}
        for row in rows:
            by_code.setdefault(codes[row.pk], []).append(row.pk)
        for code, pks in by_code.items():
            Notification.objects.filter(pk__in=pks).update(
                state=State.DONE,
                ended_at=now,
                tried_at=now,
                outcome=code,
                outcome_facts={},
                blame="",
                awaits_partner=False,
                attempts=F("attempts") + 1,
                claimed_until=None,
                claimed_by="",
            )
        self._count["arrived"] += len(rows)

    def _settle_one(
        self, row: Notification, slip: Slip, outcome: Outcome, *, together: int, now: datetime
    ) -> None:
        """A row that goes on, or ends otherwise than by arriving."""
        is_newer = row.changes != slip.changes
        row.claimed_until, row.claimed_by = None, ""
        row.tried_at, row.outcome, row.blame = now, outcome.code, outcome.blame
        row.outcome_facts = dict(outcome.facts)
        row.awaits_partner = outcome.ended is Ended.SILENT
        row.attempts += outcome.ended is not Ended.FAULT
        later = now + self._policy.pause(row.attempts)
        match outcome.ended:
            case Ended.ARRIVED:  # and changed meanwhile
                row.attempts, row.due_at = 0, now
            case Ended.REFUSED if together > 1:
                row.apart, row.due_at = True, now
            case Ended.REFUSED if is_newer:
                row.due_at = later
            case Ended.REFUSED:
                row.state = State.SET_ASIDE
            case Ended.FAULT:
                row.faults += 1
                row.apart = True
                row.due_at = now + self._policy.pause(row.faults)
                if row.faults >= self._policy.faults:
                    row.state = State.SET_ASIDE
            case Ended.LATER | Ended.SILENT | Ended.NOBODY:
                if now >= row.expires_at:
                    nobody = outcome.ended is Ended.NOBODY
                    row.state = State.DROPPED if nobody else State.EXPIRED
                    row.ended_at = now
                else:
                    row.due_at = min(later, row.expires_at)
            case _ as never:
                assert_never(never)
        row.save()
        self._count["later"] += 1
        if row.state == State.SET_ASIDE:
            self._tell_set_aside(row)
        if outcome.ended is Ended.SILENT:
            self._postpone(row, outcome, now)

    def _postpone(self, row: Notification, outcome: Outcome, now: datetime) -> None:
        """The partner is silent: what else is due for it waits behind the one that found out."""
        self._buffer = [slip for slip in self._buffer if slip.partner != row.partner]
        others = Notification.objects.filter(
            Q(claimed_until__isnull=True) | Q(claimed_by=self._token),
            direction=row.direction,
            partner=row.partner,
            state=State.WAITING,
            due_at__lte=now,
        ).exclude(pk__in=self._flying)
        free = list(others.select_for_update(skip_locked=True).values_list("pk", "expires_at"))
        told = {
            "claimed_until": None,
            "claimed_by": "",
            "awaits_partner": True,
            "outcome": outcome.code,
            "outcome_facts": dict(outcome.facts),
            "blame": outcome.blame,
        }
        until = max(row.due_at, now + timedelta(seconds=1)) + timedelta(milliseconds=10)
        waiting = [pk for pk, expires_at in free if expires_at > now]
        over = [pk for pk, expires_at in free if expires_at <= now]
        for some in _pieces(waiting):
            Notification.objects.filter(pk__in=some).update(due_at=until, **told)
        for some in _pieces(over):
            Notification.objects.filter(pk__in=some).update(
                state=State.EXPIRED, ended_at=now, **told
            )

    def _hear_again(self, partner: str, now: datetime) -> None:
        """A partner answers: what waited for its silence to end is due at once. Asked once a round."""
        if partner in self._heard:
            return
        self._heard.add(partner)
        waiting = Notification.objects.filter(
            direction=self._lane.direction,
            partner=partner,
            state=State.WAITING,
            awaits_partner=True,
            claimed_until__isnull=True,
            due_at__gt=now,
        )
        free = list(waiting.select_for_update(skip_locked=True).values_list("pk", flat=True))
        for some in _pieces(free):
            Notification.objects.filter(pk__in=some).update(due_at=now)

    # Holding

    def _held(self) -> QuerySet[Notification]:
        return Notification.objects.filter(claimed_by=self._token)

    def _renew(self) -> None:
        """Holds on to what is held before the claim ends."""
        if time.monotonic() - self._renewed < self._policy.lease.total_seconds() / 3:
            return
        begun = time.monotonic()
        if begun - self._renewed >= self._policy.lease.total_seconds():
            self._buffer = []  # too late: another may hold them by now
        with transaction.atomic():
            free = set(
                self._held().select_for_update(skip_locked=True).values_list("pk", flat=True)
            )
            self._held().filter(pk__in=free).update(
                claimed_until=self._clock() + self._policy.lease
            )
        self._renewed = begun
        # What a change has in hand could not be renewed; it goes out after that change, by whoever claims it.
        self._buffer = [slip for slip in self._buffer if slip.number in free]

    def _release(self) -> None:
        """Gives back what was claimed and not begun."""
        left = [slip.number for slip in self._buffer]
        self._buffer = []
        if not left:
            return
        try:
            with transaction.atomic():
                held = self._held().filter(pk__in=left).select_for_update(skip_locked=True)
                free = list(held.values_list("pk", flat=True))
                self._held().filter(pk__in=free).update(claimed_until=None, claimed_by="")
        except DatabaseError:
            logger.warning("claims could not be given back and end by themselves")


def _slip(row: Notification) -> Slip:
    return Slip(
        number=row.pk,
        hei_id=row.hei_id,
        partner=row.partner,
        api=row.api,
        object_id=row.object_id,
        facts=row.facts,
        first_at=row.first_at,
        changed_at=row.changed_at,
        attempts=row.attempts,
        changes=row.changes,
        apart=row.apart,
    )


def _pieces(pks: list[int], size: int = 500) -> list[list[int]]:
    return [pks[start : start + size] for start in range(0, len(pks), size)]


def _at_once(carrier: Carrier, slip: Slip) -> int:
    try:
        return max(1, carrier.at_once(slip))
    except Exception:
        # The worker's own edge, as in `_Threads`: `deliver` will fail alike and be counted.
        logger.exception("a carrier could not say how many", extra={"api": slip.api})
        return 1


class _Threads:
    """Threads that carry, begun as they are needed; each closes its database connection at the end."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._waiting: queues.SimpleQueue[tuple[Carrier | None, list[Slip]] | None] = (
            queues.SimpleQueue()
        )
        self._came: queues.SimpleQueue[tuple[Sequence[Slip], Outcome]] = queues.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.busy = 0

    def carry(self, carrier: Carrier | None, slips: list[Slip]) -> None:
        """Hands a group to a thread."""
        self.busy += 1
        if len(self._threads) < min(self.busy, self._lane.policy.threads):
            thread = threading.Thread(
                target=self._work, name=f"{self._lane.direction}-{len(self._threads)}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        self._waiting.put((carrier, slips))

    def landed(self, *, seconds: float = 0.5) -> list[tuple[Sequence[Slip], Outcome]]:
        """What came back, waiting a moment for the first; empty when nothing did."""
        found: list[tuple[Sequence[Slip], Outcome]] = []
        try:
            found.append(self._came.get(timeout=seconds) if self.busy else self._came.get_nowait())
            while True:
                found.append(self._came.get_nowait())
        except queues.Empty:
            pass
        self.busy -= len(found)
        return found

    def end(self) -> None:
        """Lets the threads end; one that still waits for a partner is not waited for."""
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(timeout=0.1 if self.busy else 5)

    def _work(self) -> None:
        try:
            while (task := self._waiting.get()) is not None:
                carrier, slips = task
                self._came.put((slips, self._carry(carrier, slips)))
        finally:
            connections.close_all()

    def _carry(self, carrier: Carrier | None, slips: list[Slip]) -> Outcome:
        if carrier is None:
            return Outcome(Ended.NOBODY, "no-carrier", Notification.Blame.OURS)
        try:
            return carrier.deliver(slips)
        except Exception:
            # The worker's own edge: the fault is logged with its trace and counted; after some of them the
            # notification is somebody's task.
            logger.exception("a carrier failed", extra={"api": slips[0].api})
            close_old_connections()
            return Outcome(Ended.FAULT, "fault", Notification.Blame.OURS)

"""Workers and writers as processes that can be killed: forked from one that has loaded everything.

`python -m tests.jobs.trial PORT JOURNAL`, told by lines on standard input what to begin; answers with the process
id. Everything is the product's own but the carrier, which posts to `listener.py`, and the pauses, which are short.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

PARTNERS = ("one.example", "two.example", "three.example")
TIMEOUT_SECONDS = 1.0
OBJECTS = 25  # of each writer, partner and API


class Carrier:
    """Posts ids, and the version that the word is of, to the listener."""

    def __init__(self, port: int, most: int) -> None:
        self._port = port
        self._most = most

    def at_once(self, slip: object) -> int:
        return self._most

    def deliver(self, slips: Sequence[object]) -> object:
        from vaihto.jobs.delivery import Ended, Outcome  # noqa: PLC0415 - app ready

        came = [[slip.object_id, slip.facts.get("version")] for slip in slips]
        body = json.dumps({"asked": time.monotonic(), "came": came})
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", f"/{slips[0].partner}", body)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return Outcome(Ended.SILENT, "no-answer", "network")
        finally:
            connection.close()
        ended = {200: Ended.ARRIVED, 503: Ended.SILENT, 400: Ended.REFUSED}
        return Outcome(ended.get(status, Ended.LATER), str(status))


def hurry() -> None:
    """Pauses of a test: fractions of seconds where the product has seconds and minutes."""
    from vaihto.jobs import beat, outbox, queue, timetable  # noqa: PLC0415 - app ready

    policy = replace(
        outbox.LANE.policy,
        threads=16,
        lease=timedelta(seconds=4),
        seconds=3,
        pauses=tuple(timedelta(seconds=seconds) for seconds in (0.1, 0.2, 0.4)),
    )
    for direction, lane in outbox.LANES.items():
        outbox.LANES[direction] = replace(lane, policy=policy)
    queue.FORGOTTEN_AFTER = timedelta(seconds=1.5)
    beat.PAUSE = timedelta(seconds=0.3)
    wake = timetable.TIMETABLE["notifications.wake"]
    timetable.TIMETABLE.clear()
    timetable.TIMETABLE["notifications.wake"] = replace(wake, pause=timedelta(seconds=0.2))


def write(writer: int, seed: int, pace: float, journal: Path) -> None:
    """Changes objects until it is over, and takes some changes back. Each try and each commit is written down."""
    from django.db import transaction  # noqa: PLC0415 - app ready
    from django.utils import timezone  # noqa: PLC0415 - app ready

    from vaihto.jobs import inbox, outbox  # noqa: PLC0415 - app ready

    chance = random.Random(seed)  # noqa: S311 - no secret
    book = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    version = 0

    def note(*what: object) -> None:
        os.write(book, json.dumps(what).encode() + b"\n")

    over = Path(f"{journal}.over")
    while not over.exists():
        version += 1
        partner = chance.choice(PARTNERS)
        api = chance.choice(("versioned", "grouped", "heard"))
        key = f"{writer}-{chance.randrange(OBJECTS)}"
        facts = {} if api == "grouped" else {"version": version}
        tell = inbox.receive if api == "heard" else outbox.notify
        taken_back = chance.random() < 0.1
        note("try", partner, f"{api}/{key}", version, time.monotonic())
        with transaction.atomic():
            tell(
                hei_id="us.example",
                partner=partner,
                api=api,
                object_ids=[f"{api}/{key}"],
                facts=facts,
                now=timezone.now(),
            )
            if taken_back:
                transaction.set_rollback(True)
            before = time.monotonic()
        note("taken back" if taken_back else "done", partner, f"{api}/{key}", version, before)
        time.sleep(chance.uniform(0, 2 * pace))


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(port: str, journal: str) -> None:
    from vaihto.command.framework import start_django  # noqa: PLC0415 - app ready

    start_django()
    from django_tasks import task_backends  # noqa: PLC0415 - app ready

    from vaihto.command import working  # noqa: PLC0415 - app ready
    from vaihto.jobs import inbox, outbox  # noqa: PLC0415 - app ready

    if os.environ.get("VAIHTO_TASKS"):
        from vaihto.command import brokering  # noqa: F401, PLC0415 - loaded before the fork
    outbox.carries("versioned", Carrier(int(port), 1))
    outbox.carries("grouped", Carrier(int(port), 4))
    inbox.FETCHERS["heard"] = Carrier(int(port), 1)
    hurry()
    _ = task_backends["default"]
    _say("ready")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the killed
    children: list[int] = []
    for line in sys.stdin:
        words = line.split()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            if words[0] == "work":
                os._exit(working.work([]))
            writer, seed, pace = words[1:]
            write(int(writer), int(seed), float(pace), Path(journal))
            os._exit(0)
        children.append(pid)
        _say(pid)
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])

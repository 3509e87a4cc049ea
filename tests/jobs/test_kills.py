"""Workers die at any moment, and nothing is lost: what was committed arrives, in order, and nothing else does.

Real processes, killed by SIGKILL at seeded moments while changes are written and a partner over HTTP is slow, answers
with errors or not at all. The same with Redis as the queue, which is killed as well and forgets everything.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection, transaction
from django.utils import timezone

from tests.jobs.trial import TIMEOUT_SECONDS
from vaihto.jobs import outbox
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor

PROJECT = Path(__file__).resolve().parents[2]
SEED = 20261122
_PATIENCE_SECONDS = 120  # for what comes sooner on any machine that is not very busy
needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def until(answer: Any, *, seconds: float) -> Any:
    """The first true answer; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := answer():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def database_url() -> str:
    """The address of the database of this test."""
    about = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{about['NAME']}"
    return f"postgres://{about['USER']}:{about['PASSWORD']}@{about['HOST']}:{about['PORT']}/{about['NAME']}"


@dataclass
class Trial:
    """The processes of one run, and what they wrote down."""

    folder: Path
    stack: ExitStack
    environment: dict[str, str] = field(default_factory=dict)
    workers: list[int] = field(default_factory=list)
    writers: list[int] = field(default_factory=list)
    killed: int = 0

    def begin(self, seed: int) -> None:
        port_file = self.folder / "port"
        listener = [sys.executable, "-m", "tests.jobs.listener", port_file, self.record, str(seed)]
        self._process(listener)
        until(port_file.exists, seconds=60)
        self.zygote = self._process(
            [sys.executable, "-m", "tests.jobs.trial", port_file.read_text(), self.journal],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                **self.settings,
            },
            text=True,
        )
        assert self.zygote.stdout is not None
        assert self.zygote.stdout.readline() == "ready\n"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "VAIHTO_DATABASE_URL": database_url(),
            "VAIHTO_DATA": str(self.folder / "data"),
            "VAIHTO_LOG_LEVEL": "ERROR",
            **self.environment,
        }

    @property
    def record(self) -> Path:
        return self.folder / "record"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def _process(self, command: list[Any], **options: Any) -> subprocess.Popen[str]:
        errors = self.stack.enter_context((self.folder / "errors").open("a"))
        process = subprocess.Popen(
            [str(word) for word in command], cwd=PROJECT, stderr=errors, **options
        )

        def end() -> None:
            if process.stdin is not None:
                process.stdin.close()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()

        self.stack.callback(end)
        return process

    def fork(self, *words: object) -> int:
        assert self.zygote.stdin is not None
        assert self.zygote.stdout is not None
        self.zygote.stdin.write(" ".join(map(str, words)) + "\n")
        self.zygote.stdin.flush()
        return int(self.zygote.stdout.readline())

    def kill(self, pids: list[int], chance: random.Random) -> None:
        pid = pids.pop(chance.randrange(len(pids)))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed += 1

    def changes(self) -> int:
        """How many changes were committed so far."""
        return self.journal.read_text().count('["done"') if self.journal.exists() else 0

    def end(self) -> None:
        """Nobody changes anything any more, and the partner is well."""
        Path(f"{self.journal}.over").touch()
        until(lambda: not any(map(_lives, self.writers)), seconds=60)
        Path(f"{self.record}.well").touch()

    def drained(self) -> bool:
        """Is nothing on its way any more? What was set aside is sent again, as its operator would."""
        for row in Notification.objects.filter(state=Notification.State.SET_ASIDE):
            outbox.send_again(actor=Actor.system(), notification=row, now=timezone.now())
        return not Notification.objects.open().exists()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with ExitStack() as stack:
        yield Trial(tmp_path, stack)


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def judge(trial: Trial) -> tuple[int, int]:
    """Fails unless all that was committed arrived, in order, and nothing else; how many changes and arrivals.

    What a slow listener took up only after its caller had given up says nothing about the order.
    """
    done: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    open_ended: dict[tuple[str, str], set[int]] = defaultdict(set)
    for what, partner, key, version, at in lines(trial.journal):
        if what == "try":
            open_ended[partner, key].add(version)  # a writer killed now may have committed or not
        else:
            open_ended[partner, key].discard(version)
            if what == "done":
                done[partner, key].append((version, at))
    arrived: dict[tuple[str, str], list[tuple[int | None, float, int]]] = defaultdict(list)
    record = lines(trial.record)
    in_time = [line for line in record if line["at"] - line["asked"] < TIMEOUT_SECONDS]
    for line in record:
        for key, version in line["came"]:
            arrived[line["partner"], key].append((version, line["at"], line["status"]))

    phantoms = {
        key: strangers
        for key, came in arrived.items()
        if (
            strangers := {version for version, _at, _status in came if version is not None}
            - {version for version, _at in done[key]}
            - open_ended[key]
        )
    }
    unheard_of = {key for key in arrived if not done[key] and not open_ended[key]}
    lost = {
        key: (changes[-1], arrived[key])
        for key, changes in done.items()
        if changes and not any(_tells(one, changes[-1]) for one in arrived[key])
    }
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    for line in in_time:
        for key, version in line["came"]:
            if version is not None:
                told[line["partner"], key].append(version)
    disorder = {key: versions for key, versions in told.items() if versions != sorted(versions)}
    assert (phantoms, unheard_of, lost, disorder) == ({}, set(), {}, {})
    assert list(_overlaps(in_time)) == []
    return sum(map(len, done.values())), len(record)


def _overlaps(record: list[Any]) -> Iterator[tuple[str, str, float]]:
    """Objects that came once more while the one before was still being answered, and waited for."""
    busy: dict[tuple[str, str], float] = {}
    for line in record:
        for key, _version in line["came"]:
            if line["at"] < busy.get((line["partner"], key), 0):
                yield line["partner"], key, line["at"]
            if line["until"] - line["asked"] < TIMEOUT_SECONDS:
                busy[line["partner"], key] = line["until"]


def _tells(arrival: tuple[int | None, float, int], change: tuple[int, float]) -> bool:
    """Was this arrival, which the partner accepted, word of that change?"""
    version, at, status = arrival
    return status == 200 and (at >= change[1] if version is None else version >= change[0])


def rage(
    trial: Trial,
    *,
    seed: int,
    seconds: float,
    kills: int,
    changes: int,
    workers: int = 3,
    writers: int = 2,
    pace: float,
) -> None:
    """Writes, works and kills for so long, and on a slow machine until it was enough; then all are well."""
    chance = _chance(seed)
    trial.begin(seed)
    trial.workers = [trial.fork("work") for _number in range(workers)]
    number = 0
    end = time.monotonic() + seconds
    patience = end + _PATIENCE_SECONDS
    while (now := time.monotonic()) < end or (
        now < patience and (trial.killed < kills or trial.changes() < changes)
    ):
        while len(trial.writers) < writers:
            number += 1
            trial.writers.append(trial.fork("write", number, seed + number, pace))
        time.sleep(chance.uniform(0.05, 0.7))
        if chance.random() < 0.85:
            trial.kill(trial.workers, chance)
            trial.workers.append(trial.fork("work"))
        else:
            trial.kill(trial.writers, chance)
    trial.end()


def test_nothing_is_lost_when_workers_are_killed(trial: Trial) -> None:
    rage(trial, seed=SEED, seconds=7, kills=8, changes=100, pace=0.01)
    until(trial.drained, seconds=_PATIENCE_SECONDS)
    changes, _arrivals = judge(trial)
    assert (trial.killed >= 8, changes >= 100) == (True, True)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_in_a_long_rage(trial: Trial, seed: int) -> None:
    rage(
        trial, seed=SEED + 1000 * seed, seconds=100, kills=51, changes=1000, workers=4, writers=3,
        pace=0.02,
    )  # fmt: skip
    until(trial.drained, seconds=_PATIENCE_SECONDS)
    changes, arrivals = judge(trial)
    sys.stdout.write(
        f"seed {seed}: {changes} changes, {arrivals} arrivals, {trial.killed} killed\n"
    )
    assert trial.killed > 50


class Redis:
    """A server on a free port that keeps nothing, and can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        if not self._port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._port = probe.getsockname()[1]
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", str(self._folder), "--loglevel", "warning"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

        def answers() -> bool:
            with redis.Redis.from_url(self.url) as client, suppress(redis.RedisError):
                return bool(client.ping())
            return False

        until(answers, seconds=60)

    def is_waited_at(self) -> bool:
        """Does a worker wait for tasks?"""
        with redis.Redis.from_url(self.url) as client:
            return any(
                client.hget(one, "state") == b"idle" for one in client.smembers("rq:workers")
            )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)


@contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    server = Redis(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@needs_redis
def test_nothing_is_lost_when_redis_forgets_and_a_worker_is_killed(
    trial: Trial, tmp_path: Path
) -> None:
    broker = trial.stack.enter_context(redis_server(tmp_path))
    trial.environment["VAIHTO_TASKS"] = broker.url
    trial.begin(SEED)
    trial.workers = [trial.fork("work"), trial.fork("work")]
    trial.writers = [trial.fork("write", 1, SEED, 0.01)]
    time.sleep(2)
    trial.kill(trial.workers, _chance(SEED))
    time.sleep(1)
    broker.kill()
    time.sleep(1)
    broker.start()
    time.sleep(2)
    until(lambda: trial.changes() > 50, seconds=60)
    trial.end()
    until(trial.drained, seconds=_PATIENCE_SECONDS)
    changes, _arrivals = judge(trial)
    assert changes > 50


@needs_redis
def test_a_worker_over_redis_does_what_waits_and_ends_when_asked(
    trial: Trial, tmp_path: Path
) -> None:
    broker = trial.stack.enter_context(redis_server(tmp_path))
    trial.environment["VAIHTO_TASKS"] = broker.url
    vaihto = [sys.executable, "-c", "import sys; from vaihto.command import main; sys.exit(main())"]
    about: dict[str, Any] = {
        "cwd": PROJECT,
        "env": {"PATH": os.environ["PATH"], **trial.settings},
    }
    with transaction.atomic():
        outbox.notify(
            hei_id="us.example",
            partner="them.example",
            api="nobody-carries-this",
            object_ids=["a"],
            now=timezone.now(),
        )
    subprocess.run([*vaihto, "work", "--until-idle"], check=True, timeout=120, **about)
    assert Notification.objects.get().outcome == "no-carrier"
    worker = subprocess.Popen([*vaihto, "work"], **about)
    try:
        until(broker.is_waited_at, seconds=_PATIENCE_SECONDS)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.wait(10)

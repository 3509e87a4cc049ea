"""The processes an operator starts: they begin, say they are alive, and end when asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from vaihto.command.demonstration import free_port
from vaihto.command.processes import answers

PROJECT = Path(__file__).resolve().parents[2]
VAIHTO = [sys.executable, "-c", "import sys; from vaihto.command import main; sys.exit(main())"]
pytestmark = pytest.mark.slow

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with empty tables, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    environment = {"PATH": os.environ["PATH"], "VAIHTO_DATA": str(folder)}
    subprocess.run([*VAIHTO, "migrate"], cwd=PROJECT, env=environment, check=True, timeout=120)
    return folder


@pytest.fixture
def start(tmp_path: Path, migrated: Path) -> Iterator[Start]:
    """Starts `vaihto …` with a database of its own; what still runs afterwards is ended."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*VAIHTO, *words],
            cwd=PROJECT,
            env={
                "PATH": os.environ["PATH"],
                "VAIHTO_DATA": str(tmp_path),
                "VAIHTO_LOG_LEVEL": "WARNING",
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a group of its own, so that what it started ends with it
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def until(answer: Callable[[], object], *, seconds: float = 120) -> object:
    """The first true answer; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := answer():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def done(process: subprocess.Popen[str], *, words: str = "") -> tuple[int, str, str]:
    out, err = process.communicate(words, timeout=120)
    return process.returncode, out, err


def asked(url: str) -> tuple[int, dict[str, object]] | None:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, json.load(answer)
    except (OSError, ValueError):
        return None


def test_a_worker_beats_and_ends_when_asked(start: Start, tmp_path: Path) -> None:
    worker = start("work")
    until(lambda: list((tmp_path / "workers").glob("*.json")))
    worker.send_signal(signal.SIGTERM)
    assert done(worker) == (0, "", "")
    assert list((tmp_path / "workers").glob("*.json")) == []


def test_a_worker_until_idle_ends_by_itself(start: Start) -> None:
    assert done(start("work", "--until-idle"))[0] == 0


def test_an_account_is_added_and_its_password_changed(start: Start) -> None:
    told = done(start("accounts", "add", "olli", "--operator"), words="a long enough passphrase\n")
    assert told == (0, "olli: added\n", "")
    assert done(start("accounts", "add", "olli"), words="x\n")[0] == 1
    code, _out, err = done(start("accounts", "password", "olli"), words="short\n")
    assert (code, "too short" in err) == (1, True)
    assert done(start("accounts", "password", "olli"), words="another long passphrase\n")[0] == 0


def test_the_server_answers_under_a_path(start: Start) -> None:
    port = free_port(18_900 + os.getpid() % 500)
    address = f"http://127.0.0.1:{port}/vaihto"
    start("serve", "--port", str(port), "--workers", "1", VAIHTO_PUBLIC_URL=address)
    until(lambda: asked(f"{address}/health"))
    with urllib.request.urlopen(f"{address}/", timeout=60) as answer:
        page = answer.read().decode()
        assert answer.url == f"{address}/sign-in?next=/vaihto/"
    (style,) = re.findall(r'href="(/vaihto/static/web/vaihto[^"]*\.css)"', page)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{style}", timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/css")


def test_the_server_answers_is_ready_with_a_worker_and_ends_when_asked(
    start: Start, tmp_path: Path
) -> None:
    no_tables = done(start("serve", VAIHTO_DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3"))
    assert (no_tables[0], "vaihto migrate" in no_tables[2]) == (1, True)
    port = free_port(18_400 + os.getpid() % 500)
    server = start("serve", "--port", str(port), "--workers", "1")
    health = f"http://127.0.0.1:{port}/health"
    assert until(lambda: asked(health)) == (200, {"alive": True})

    without = asked(f"http://127.0.0.1:{port}/ready")
    worker = start("work")
    until(lambda: list((tmp_path / "workers").glob("*.json")))
    with_worker = asked(f"http://127.0.0.1:{port}/ready")
    told = {"database": True, "catalogue": None}
    assert (without, with_worker) == (
        (503, {**told, "ready": False, "worker": False}),
        (200, {**told, "ready": True, "worker": True}),
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as figures:
        assert 'vaihto_workers{state="alive"} 1.0' in figures.read().decode()

    for process in (worker, server):
        process.send_signal(signal.SIGTERM)
    assert [done(worker)[0], done(server)[0]] == [0, 0]
    assert asked(health) is None


def test_where_something_else_speaks_nothing_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            caller, _address = listener.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(b"\x15\x03\x03\x00\x02\x02\r\n")

        speaker = threading.Thread(target=speak)
        speaker.start()
        has_tried = iter([False, True])
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/ready"
        assert not answers(address, seconds=60, give_up=lambda: next(has_tried))
        speaker.join()

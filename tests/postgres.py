"""Runs a command with a PostgreSQL of its own: `python -m tests.postgres make test`.

The server lives in a temporary folder on a free port of the loopback, writes nothing to disk for safety,
and is gone afterwards. Debian's package is enough; the server refuses to run as root, so there it runs as
the package's user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=256MB",
    "max_connections=50",
    # No count and no cleaning at moments of its own: the same tests then run by the same plans.
    "autovacuum=off",
    # Far beyond what a test needs, so that a wait without end fails where it happens and is named.
    "lock_timeout=60s",
    "statement_timeout=180s",
    "idle_in_transaction_session_timeout=600s",
)
_PATIENCE_SECONDS = 10  # for what was asked to end


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest where there are several."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda file: int(file.parts[-3].split(".")[0]),
    )
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _as_ordinary_user(folder: Path) -> list[str]:
    """What stands before a command so that it does not run as root; makes the folder that user's."""
    if os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return ["runuser", "-u", name, "--"]
    raise SystemExit("There is neither a user postgres nor nobody to run PostgreSQL as.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server() -> Iterator[str]:
    """The address of a running, empty server."""
    binaries = programs()
    if binaries is None:
        raise SystemExit("PostgreSQL is not on this machine (Debian: apt-get install postgresql).")
    folder = Path(tempfile.mkdtemp(prefix="vaihto-postgres-"))
    try:
        before = _as_ordinary_user(folder)
        data, port = folder / "data", _free_port()

        def run(*words: object) -> None:
            subprocess.run(list(map(str, words)), check=True, stdout=subprocess.DEVNULL, cwd=folder)

        run(
            *before, binaries / "initdb", "-D", data, "-U", "vaihto", "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        options = " ".join([f"-p {port}", f"-k {folder}", *(f"-c {one}" for one in _SETTINGS)])
        control = [*before, binaries / "pg_ctl", "-D", data, "-w", "-t", "60"]
        run(*control, "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgres://vaihto@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(command: list[str]) -> int:
    """Runs the command with `VAIHTO_DATABASE_URL` set; its exit code is ours."""
    if not command:
        print(__doc__)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    with server() as address:
        environment = {**os.environ, "VAIHTO_DATABASE_URL": address}
        run = subprocess.Popen(command, env=environment, start_new_session=True)
        try:
            return run.wait()
        finally:
            _end_group(run)


def _end_group(run: subprocess.Popen[bytes]) -> None:
    """Ends what the command left behind, or all of it; what does not end when asked is killed."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with suppress(ProcessLookupError):  # raised once nobody of the group is left
        os.killpg(run.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            run.poll()  # else the command itself would count as left
            os.killpg(run.pid, 0)
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def _end(number: int, _frame: object) -> NoReturn:
    for again in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)  # a second one would break off the stopping
    raise SystemExit(128 + number)  # so that the server is stopped on the way out


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

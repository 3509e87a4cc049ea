"""Starting our own processes, waiting until they answer, and ending every one of them by its id."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType

HOST = "127.0.0.1"
# Enough for slow pages not to block a worker, few enough for SQLite (measured, see the decisions).
_THREADS = 4
_STOP_SECONDS = 20
_LAST_PORT = 65_535
PATIENCE_SECONDS = 5.0

Child = subprocess.Popen[bytes]


def program(name: str) -> str:
    """Where a program of this installation is: `vaihto`, `granian`."""
    return str(Path(sys.executable).with_name(name))


def server_command(
    *,
    host: str,
    port: int,
    workers: int,
    path: str = "",
    certificate: Path | None = None,
    key: Path | None = None,
) -> list[str]:
    """The command line of the web server; with certificate and key it speaks TLS itself."""
    secured = (
        [
            f"--ssl-certificate={certificate}",
            f"--ssl-keyfile={key}",
            "--ssl-protocol-min=tls1.2",
            # What partners sign is the request line and headers of HTTP/1.1.
            "--http=1",
        ]
        if certificate and key
        else []
    )
    return [
        program("granian"),
        "--interface=wsgi",
        "--no-ws",
        f"--host={host}",
        f"--port={port}",
        f"--workers={workers}",
        f"--blocking-threads={_THREADS}",
        "--respawn-failed-workers",
        "--workers-kill-timeout=30s",
        "--log-level=warning",
        *secured,
        *([f"--url-path-prefix={path}"] if path else []),
        "vaihto.wsgi:application",
    ]


# Asks Linux for a SIGTERM when the parent dies, then becomes the command.
_TIE = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)


def _tied(command: list[str]) -> list[str]:
    """The command as one that does not outlive us, however we end; where the system knows no such tie, as it is."""
    if sys.platform != "linux":
        return command
    return [sys.executable, "-S", "-c", _TIE, str(os.getpid()), *command]


def start(
    command: list[str], *, environ: Mapping[str, str] | None = None, log: Path | None = None
) -> Child:
    """A child in a session of its own, so that Ctrl-C reaches only us, and we end it in order.

    Its words go to the end of the log where one is named. If we are killed ourselves, it ends too.
    """
    command = _tied(command)
    if log is None:
        return subprocess.Popen(command, env=environ, start_new_session=True)
    with log.open("ab") as opened:
        return subprocess.Popen(
            command,
            env=environ,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=opened,
            stderr=subprocess.STDOUT,
        )


def end(children: Iterable[Child]) -> None:
    """Asks each to end and waits; one that does not is killed with what it has started."""
    children = list(children)
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children:
        try:
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill(child)


def kill(child: Child) -> None:
    """Ends a child and what it has started, as a power cut would."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # it leads a session of its own
    child.wait()


def on_signals() -> Callable[[], bool]:
    """From now on Ctrl-C, SIGTERM and a closed terminal are noted; the answer asks whether one came."""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    return lambda: bool(came)


def answers(
    address: str,
    *,
    seconds: float,
    give_up: Callable[[], bool],
    authority: Path | None = None,
    trusting: bool = False,
) -> bool:
    """Waits until the address answers with 200; False when time is over or there is no sense in waiting.

    `trusting` asks for no certificate: for a server that we have started ourselves.
    """
    context = ssl.create_default_context(cafile=authority)
    if trusting:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not give_up():
        try:
            with urllib.request.urlopen(address, timeout=5, context=context) as answer:  # noqa: S310
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError):
            pass
        time.sleep(0.1)
    return False


def refused_to_listen(host: str, port: int) -> str:
    """Why nobody can listen there and what to do, or nothing; who is just ending gets a few seconds.

    The server itself would not notice: it shares a port with whoever has it, and each gets half of the requests.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        reason = _refusal(host, port)
        if not reason:
            return ""
        if time.monotonic() >= deadline:
            return (
                f"{host} port {port} cannot be listened at ({reason}). "
                "End what listens there, or choose another with --port."
            )
        time.sleep(0.1)


def _refusal(host: str, port: int) -> str:
    try:
        family, kind, _protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def free_port(first: int, *, tried: int = 20) -> int | None:
    """The first port from `first` on that nobody listens to; 0 takes any."""
    for port in range(first, first + tried) if first else (0,):
        if port > _LAST_PORT:
            break
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return None

"""Reading the body of a request that may be too big, come slowly, or never end.

The web server hands us a stream that blocks without a limit of time, and it stands still as a whole when a request
ends while another thread still reads its body (granian 2.8). So a thread that reads cannot be given up. Instead few
threads may wait for bodies at a time, and a watcher hangs up on clients that keep one waiting for too long, whose
read then ends. A proxy that holds requests back until they are complete makes all this idle, and every installation
on the open network should have one.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from vaihto.ewp.protocol.errors import Trouble

# Of the four threads that each web process runs (`command/serving.py`), so many may wait for bodies of partners.
_MOST_WAITING = 2
_OPEN_FILES = Path("/proc/self/fd")
# Milliseconds since data was sent, in the kernel's `struct tcp_info`: after eight bytes and nine numbers.
_LAST_SENT_OFFSET = 8 + 9 * 4


@dataclass(frozen=True)
class Client:
    """Who is at the other end, and the port of ours it came to."""

    address: str
    port: str

    @classmethod
    def of(cls, environ: dict[str, Any]) -> Self:
        """The client of a request."""
        return cls(environ.get("REMOTE_ADDR", ""), environ.get("SERVER_PORT", ""))


class Stream(Protocol):
    """`wsgi.input`."""

    def read(self, size: int = -1, /) -> bytes:
        """Blocks until so many bytes or the end came."""


@dataclass(frozen=True, eq=False)
class _Wait:
    """A thread that reads what a client sends, since a monotonic time."""

    client: Client
    since: float


class Watcher:
    """Knows who waits for a body, and hangs up on clients that take too long. One lives in each process."""

    def __init__(self, *, seconds: float, most: int = _MOST_WAITING) -> None:
        self._seconds = seconds
        self._most = most
        self._lock = threading.Lock()
        self._waits: set[_Wait] = set()
        self._changed = threading.Event()
        self._pid = 0

    def body(self, environ: dict[str, Any], *, limit: int) -> bytes:
        """The whole body of a request.

        Raises `Trouble`: 400 malformed or cut short, 408 too slow, 413 too big, 503 when too many are waited for.
        """
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        size = _size(environ.get("CONTENT_LENGTH") or "")
        if size is not None and size > limit:
            raise _too_big(limit)
        if not chunked and not size:
            return b""
        wanted = limit + 1 if chunked or size is None else size
        began = time.monotonic()
        with self._waiting(Client.of(environ), refusing=True):
            try:
                body = environ["wsgi.input"].read(wanted)
            except (OSError, RuntimeError, ValueError) as error:
                # What servers raise when the client goes away or sends broken chunks.
                raise _malformed("The body could not be received.") from error
        if time.monotonic() - began >= self._seconds:
            raise Trouble(
                408, f"The body did not arrive within {self._seconds:g} seconds.", code="too-slow"
            )
        if len(body) > limit:
            raise _too_big(limit)
        if size is not None and not chunked and len(body) != size:
            raise _malformed(
                f"Content-Length says {size} bytes, but the body ended after {len(body)}."
            )
        return bytes(body)

    def watched(self, environ: dict[str, Any]) -> Watched:
        """The same stream for those who read it piece by piece; each piece has its time."""
        return Watched(self, environ["wsgi.input"], Client.of(environ))

    @contextmanager
    def _waiting(self, client: Client, *, refusing: bool) -> Iterator[None]:
        wait = _Wait(client, time.monotonic())
        with self._lock:
            if refusing and len(self._waits) >= self._most:
                raise Trouble(
                    503,
                    "Too many requests are being received slowly. Try again in a moment.",
                    code="busy",
                    headers=(("Retry-After", "5"),),
                )
            self._waits.add(wait)
            if self._pid != os.getpid():  # servers fork, and threads stay behind
                self._pid = os.getpid()
                threading.Thread(target=self._watch, name="bodies", daemon=True).start()
        self._changed.set()
        try:
            yield
        finally:
            with self._lock:
                self._waits.discard(wait)

    def _watch(self) -> None:
        while True:
            self._changed.wait()
            with self._lock:
                late = time.monotonic() - self._seconds
                over = [wait for wait in self._waits if wait.since <= late]
                if not self._waits:
                    self._changed.clear()
            for wait in over:
                hang_up(wait.client, silent_seconds=self._seconds)
            time.sleep(self._seconds / 10)


class Watched:
    """A stream whose reader is watched."""

    def __init__(self, watcher: Watcher, stream: Any, client: Client) -> None:
        self._watcher = watcher
        self._stream = stream
        self._client = client

    def read(self, *size: int) -> bytes:
        """As the stream reads."""
        with self._watcher._waiting(self._client, refusing=False):
            data: bytes = self._stream.read(*size)
        return data

    def readline(self, *size: int) -> bytes:
        """As the stream reads."""
        with self._watcher._waiting(self._client, refusing=False):
            line: bytes = self._stream.readline(*size)
        return line

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line


def hang_up(client: Client, *, silent_seconds: float) -> int:
    """Closes connections of a client on which we have sent nothing for so long; gives their number.

    The server does not tell which connection a request came by. That of a request whose body is awaited is among
    those of its client on which nothing was sent meanwhile. The others are idle, and may be closed at any time, or
    await a body too. Does nothing where there is no `/proc`.
    """
    closed = 0
    with suppress(OSError):
        for entry in list(_OPEN_FILES.iterdir()):
            with suppress(OSError, ValueError):
                if entry.readlink().name.startswith("socket:"):
                    closed += _closed_if_silent(int(entry.name), client, silent_seconds)
    return closed


def _closed_if_silent(descriptor: int, client: Client, seconds: float) -> bool:
    with socket.socket(fileno=os.dup(descriptor)) as plug:
        if plug.type != socket.SOCK_STREAM or plug.family not in {socket.AF_INET, socket.AF_INET6}:
            return False
        if plug.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return False
        # The port tells them from connections of our own, to the database for one.
        if str(plug.getsockname()[1]) != client.port:
            return False
        if _plain(plug.getpeername()[0]) != _plain(client.address):
            return False
        about = plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        (last_sent_ms,) = struct.unpack_from("=I", about, _LAST_SENT_OFFSET)
        # A little less than the wait: it began after the head had been read.
        if last_sent_ms < (seconds - 1) * 1000:
            return False
        plug.shutdown(socket.SHUT_RDWR)
        return True


def _plain(address: str) -> str:
    """IPv4 as IPv4, also where the server listens for both."""
    return address.removeprefix("::ffff:")


def _too_big(limit: int) -> Trouble:
    return Trouble(413, f"The body may have at most {limit} bytes.", code="too-big")


def _malformed(says: str) -> Trouble:
    return Trouble(400, says, code="malformed-body")


def _size(stated: str) -> int | None:
    if not stated:
        return None
    if not (stated.isascii() and stated.isdigit() and len(stated) < 19):
        raise _malformed("Content-Length must be a whole number.")
    return int(stated)

"""Reading the body of a request that may come slowly, never end, or be too big.

The web server hands us a stream that blocks and cannot be told to stop. So a thread of our own reads it while the
server's thread waits for so long and no longer. A thread that was given up ends when its client goes away; there are
few of them, and when all are held nobody waits: the next one is told to come again. A proxy that holds requests back
until they are complete makes all this idle, and every installation on the open network should have one.
"""

from __future__ import annotations

import queue
import threading
from typing import Protocol

from vaihto.ewp.protocol.errors import Trouble

_MOST_READERS = 32
_SECONDS = 15.0
# While that many threads of the server wait already, the next one waits for less, so that pages go on being served.
_PATIENT = 2
_SECONDS_WHEN_BUSY = 3.0


class Stream(Protocol):
    """`wsgi.input`."""

    def read(self, size: int = -1, /) -> bytes:
        """Blocks until so many bytes or the end came."""


def too_big(limit: int) -> Trouble:
    """Status 413."""
    return Trouble(413, f"The body may have at most {limit} bytes.", code="too-big")


def _malformed(says: str) -> Trouble:
    return Trouble(400, says, code="malformed-body")


class Readers:
    """The threads that read. One of these lives in each process."""

    def __init__(
        self,
        *,
        most: int = _MOST_READERS,
        seconds: float = _SECONDS,
        seconds_when_busy: float = _SECONDS_WHEN_BUSY,
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._seconds_when_busy = seconds_when_busy
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[Stream, int, queue.SimpleQueue[bytes | None]]] = (
            queue.SimpleQueue()
        )
        self._threads = 0
        self._busy = 0  # threads that read, also those that were given up
        self._waiting = 0  # threads of the server that wait

    def read(self, stream: Stream, *, stated: str, chunked: bool, limit: int) -> bytes:
        """The whole body. `stated` is the Content-Length, empty when there is none.

        Raises `Trouble`: 400 malformed or cut short, 408 too slow, 413 too big, 503 when all readers are held.
        """
        size = _size(stated)
        if size is None and not chunked:
            return b""
        if size is not None and size > limit:
            raise too_big(limit)
        if size == 0 and not chunked:
            return b""
        body = self._read(stream, limit + 1 if chunked or size is None else size)
        if len(body) > limit:
            raise too_big(limit)
        if size is not None and not chunked and len(body) != size:
            raise _malformed(
                f"Content-Length says {size} bytes, but the body ended after {len(body)}."
            )
        return body

    def _read(self, stream: Stream, size: int) -> bytes:
        reply: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with self._lock:
            if self._busy >= self._most:
                raise Trouble(
                    503,
                    "Too many requests are being received slowly. Try again in a minute.",
                    code="busy",
                    headers=(("Retry-After", "60"),),
                )
            self._busy += 1
            self._waiting += 1
            seconds = self._seconds if self._waiting <= _PATIENT else self._seconds_when_busy
            if self._busy > self._threads:
                self._threads += 1
                threading.Thread(target=self._work, name="bodies", daemon=True).start()
        self._jobs.put((stream, size, reply))
        try:
            body = reply.get(timeout=seconds)
        except queue.Empty:
            raise Trouble(
                408, f"The body did not arrive within {seconds:g} seconds.", code="too-slow"
            ) from None
        finally:
            with self._lock:
                self._waiting -= 1
        if body is None:
            raise _malformed("The body could not be received.")
        return body

    def _work(self) -> None:
        while True:
            stream, size, reply = self._jobs.get()
            try:
                body = stream.read(size)
            except (OSError, RuntimeError, ValueError):
                # What servers raise when the client goes away or sends broken chunks.
                body = None
            with self._lock:
                self._busy -= 1
            reply.put(body)


def _size(stated: str) -> int | None:
    if not stated:
        return None
    if not (stated.isascii() and stated.isdigit() and len(stated) < 19):
        raise _malformed("Content-Length must be a whole number.")
    return int(stated)

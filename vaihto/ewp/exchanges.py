"""What was asked and answered, byte for byte: kept sealed, read again, forgotten after a year.

Evidence is written before the answer leaves. Readings that change nothing are written in batches by a thread of
their own, out of a bounded buffer; what does not fit is counted (`/metrics`) and lost, because no answer may wait
for it.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from multiprocessing.util import Finalize
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, transaction
from prometheus_client import Counter

from vaihto.ewp.models import Exchange
from vaihto.ewp.protocol.http import Headers, Request, Response
from vaihto.institutions.models import Institution
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.people.secrecy import seal, unseal

logger = logging.getLogger("vaihto.ewp")

LOST = Counter(
    "vaihto_ewp_exchanges_lost_total", "Exchanges that were not kept, by reason.", ["reason"]
)

_PAUSE_SECONDS = 0.5
_BATCH = 200
_MOST_WAITING = 5_000
_MOST_WAITING_BYTES = 64 * 1024 * 1024
_DELETED_AT_ONCE = 500


# Bytes as they crossed the wire


def _spelled(start: str, headers: Headers, body: bytes) -> bytes:
    head = [start, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(head).encode("latin-1", "replace") + body


def _packed(plain: bytes) -> bytes:
    """Sealed; XML shrinks to a fifth before."""
    return seal(zlib.compress(plain, 1))


def _unpacked(sealed: bytes) -> tuple[str, Headers, bytes]:
    head, _blank, body = zlib.decompress(unseal(sealed)).partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return start, tuple((name, value) for name, _colon, value in pairs), body


def read(exchange: Exchange) -> tuple[Request, Response | None]:
    """The request and the answer of an exchange; None when no answer came. Raises `KeyMissing`."""
    start, headers, body = _unpacked(bytes(exchange.request))
    method, _blank, target = start.partition(" ")
    request = Request(method, target, headers, body)
    if not exchange.answer:
        return request, None
    start, headers, body = _unpacked(bytes(exchange.answer))
    return request, Response(int(start), headers, body)


@transaction.atomic
def opened(
    *, actor: Actor, exchange: Exchange, now: datetime, what: str = "content"
) -> tuple[Request, Response | None]:
    """The bytes for a person, who is written into the journal: bodies may hold personal data.

    Operators may, and who keeps the institution. `what` says which part. Raises `NotAllowed`, `KeyMissing`.
    """
    if not (actor.sees_everything or actor.is_operator):
        actor.require(May.INSTITUTIONS_EDIT, exchange.institution_id or 0)
    content = read(exchange)
    record(
        actor,
        "ewp.exchange-opened",
        exchange,
        at=now,
        institution_id=exchange.institution_id,
        reason=what,
    )
    return content


# Keeping


@dataclass(frozen=True)
class _Unsealed:
    """An exchange whose bytes still have to be sealed."""

    row: Exchange
    request: Request
    answer: Response | None

    @property
    def size(self) -> int:
        return len(self.request.body) + (len(self.answer.body) if self.answer else 0) + 2_000

    def sealed(self) -> Exchange:
        row, request, answer = self.row, self.request, self.answer
        plain = _spelled(f"{request.method} {request.target}", request.headers, request.body)
        row.request, row.request_bytes = _packed(plain), len(plain)
        if answer is not None:
            plain = _spelled(str(answer.status), answer.headers, answer.body)
            row.answer, row.answer_bytes = _packed(plain), len(plain)
        return row


def _unsealed(request: Request, answer: Response | None, facts: Mapping[str, Any]) -> _Unsealed:
    row = Exchange(
        method=request.method[:10],
        request_id=(request.header("x-request-id") or "")[:100],
        status=None if answer is None else answer.status,
        **facts,
    )
    return _Unsealed(row, request, answer)


def keep_outgoing(
    *,
    institution: Institution,
    partner: str,
    api: str,
    version: str,
    endpoint: str,
    url: str,
    request: Request,
    answer: Response | None,
    at: datetime,
    took_ms: int,
    signature: str,
    outcome: str,
    blame: str = "",
    repeatable: bool = False,
    facts: Mapping[str, Any] | None = None,
    notification_id: int | None = None,
) -> Exchange:
    """Writes down what we asked and what came, at once. `url` is kept without its query; ids may stand there."""
    kept = _unsealed(
        request,
        answer,
        {
            "direction": Exchange.Direction.OUT,
            "institution": institution,
            "partner": partner[:120],
            "api": api,
            "version": version[:20],
            "endpoint": endpoint,
            "url": url.partition("?")[0][:2000],
            "at": at,
            "took_ms": took_ms,
            "signature": signature[:40],
            "outcome": outcome,
            "blame": blame,
            "repeatable": repeatable,
            "facts": dict(facts or {}),
            "notification_id": notification_id,
        },
    ).sealed()
    kept.save()
    return kept


def keep_incoming(
    *,
    institution: Institution | None,
    callers: tuple[str, ...],
    api: str,
    version: str,
    endpoint: str,
    request: Request,
    answer: Response,
    at: datetime,
    took_ms: int,
    signature: str,
    outcome: str,
    blame: str = "",
    facts: Mapping[str, Any] | None = None,
    at_once: bool,
) -> Exchange | None:
    """Writes down what a partner asked and what we answered; gives the row when it was written at once.

    A caller that speaks for several institutions is kept under the first, all of them among the facts.
    """
    kept = _unsealed(
        request,
        answer,
        {
            "direction": Exchange.Direction.IN,
            "institution_id": institution.pk if institution is not None else None,
            "partner": callers[0][:120] if callers else "",
            "api": api,
            "version": version[:20],
            "endpoint": endpoint,
            "url": request.path[:2000],
            "at": at,
            "took_ms": took_ms,
            "signature": signature[:40],
            "outcome": outcome,
            "blame": blame,
            "facts": {**(facts or {}), **({"callers": list(callers)} if len(callers) > 1 else {})},
        },
    )
    if at_once or not settings.EWP_KEEP_IN_BATCHES:
        row = kept.sealed()
        row.save()
        return row
    _buffer().put(kept)
    return None


@dataclass
class _Buffer:
    """What waits to be written by a thread of this process. Nobody waits for it but the end of the process."""

    waiting: deque[_Unsealed] = field(default_factory=deque)
    waiting_bytes: int = 0
    pid: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.Lock = field(default_factory=threading.Lock)
    awake: threading.Event = field(default_factory=threading.Event)

    def put(self, kept: _Unsealed) -> None:
        with self.lock:
            full = (
                len(self.waiting) >= _MOST_WAITING
                or self.waiting_bytes + kept.size > _MOST_WAITING_BYTES
            )
            if not full:
                self.waiting.append(kept)
                self.waiting_bytes += kept.size
        if full:
            LOST.labels("buffer full").inc()
        self.awake.set()

    def run(self) -> None:
        """The thread: writes whenever something waits, gathering for half a second."""
        while True:
            self.awake.wait()
            self.awake.clear()
            self.write()
            connection.close()  # a thread that may wait for hours holds none
            threading.Event().wait(_PAUSE_SECONDS)

    def write(self) -> None:
        """Writes all that waits, in batches. What the database refuses twice is lost and counted."""
        with self.writing:
            while batch := self._taken():
                close_old_connections()
                rows = [kept.sealed() for kept in batch]
                try:
                    _saved(rows)
                except DatabaseError:
                    LOST.labels("database").inc(len(rows))
                    logger.exception("exchanges not kept", extra={"exchanges": len(rows)})

    def _taken(self) -> list[_Unsealed]:
        with self.lock:
            batch = [self.waiting.popleft() for _ in range(min(_BATCH, len(self.waiting)))]
            self.waiting_bytes -= sum(kept.size for kept in batch)
        return batch


def _saved(rows: list[Exchange]) -> None:
    try:
        Exchange.objects.bulk_create(rows)
    except DatabaseError:
        # A connection that the server closed meanwhile, or a database that was locked for long.
        connection.close()
        Exchange.objects.bulk_create(rows)


_held: _Buffer | None = None
_starting = threading.Lock()


def _buffer() -> _Buffer:
    """The buffer of this very process: a forked one begins with an empty one and a thread of its own."""
    global _held  # noqa: PLW0603 - one per process
    if _held is None or _held.pid != os.getpid():
        with _starting:
            if _held is None or _held.pid != os.getpid():
                _held = _Buffer()
                threading.Thread(target=_held.run, name="exchanges", daemon=True).start()
                # A process that was forked by a server ends without `atexit`.
                atexit.register(flush)
                Finalize(None, flush, exitpriority=100)
    return _held


def flush() -> None:
    """Writes at once what waits in this process; the end of the process calls it too."""
    if _held is not None and _held.pid == os.getpid():
        _held.write()


# Forgetting


@every("ewp.forget-exchanges", at=time(3, 40))
def forget(now: datetime) -> None:
    """Deletes exchanges older than `VAIHTO_EWP_KEEP_DAYS`, a few hundred in each transaction."""
    limit = now - timedelta(days=settings.EWP_KEEP_DAYS)
    while True:
        old = Exchange.objects.filter(at__lt=limit).order_by("pk")
        found = list(old.values_list("pk", flat=True)[:_DELETED_AT_ONCE])
        if not found:
            return
        Exchange.objects.filter(pk__in=found).delete()

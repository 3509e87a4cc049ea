"""The wire: whom we may connect to, how long it may take, how much may come.

What belongs here: addresses, certificates, time and size, and one pool of connections per process. What does not:
anything of EWP; `client.py` signs, verifies and judges. A name is looked up once, every address behind it is
checked, and the connection goes to a checked address, so that a second look-up cannot lead elsewhere.
"""

from __future__ import annotations

import concurrent.futures
import errno
import functools
import ipaddress
import os
import re
import socket
import ssl
import time
import zlib
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import certifi
import httpcore
from django.conf import settings

from vaihto.ewp.protocol.http import Request, Response

USER_AGENT = "Vaihto"
_PIECE_KEPT = 64 * 1024  # of an answer that was refused for its size
_MOST_MEMBERS = 1000  # of a gzip file that was put together from several


def _resolvers() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(8, thread_name_prefix="resolver")


_RESOLVERS = _resolvers()

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Limits:
    """How long and how much, in seconds and bytes."""

    connect_seconds: float = 10
    read_seconds: float = 60
    total_seconds: float = 180
    answer_bytes: int = 50 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """An https address taken apart: where to connect, and what stands on the request line."""

    host: str  # ASCII, lower case, an IPv6 address without brackets
    port: int
    target: str

    @property
    def host_header(self) -> str:
        """The value that really goes out: with the port where it is not 443."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == 443 else f"{name}:{self.port}"


@dataclass(frozen=True)
class Received:
    """An answer whose bytes are as they were transferred, nothing decoded."""

    response: Response
    certificate_until: datetime | None = None  # when the server's certificate expires


class Broken(Exception):
    """No usable answer came. `code` is one of `outcomes`, `facts` are what its sentence names.

    `part` is what had come before it broke, where a status line had.
    """

    def __init__(self, code: str, *, part: Response | None = None, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
        self.part = part


def place(url: str) -> Place:
    """The parts of an https address. Raises `Broken` for anything else, credentials and fragments included."""
    if not url.isprintable() or re.search(r'[\s"<>\\^`{|}]', url):
        raise Broken("address-unusable", url=url[:200])
    try:
        parts = urlsplit(url)
        port = parts.port or 443
        host = (parts.hostname or "").rstrip(".")
        host = host if ":" in host else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError) as error:
        raise Broken("address-unusable", url=url[:200]) from error
    if parts.scheme != "https" or not host or "@" in parts.netloc or parts.fragment:
        raise Broken("address-unusable", url=_without_credentials(url))
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._[]") or "/"
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._[]?")
    return Place(host, port, f"{path}?{query}" if query else path)


def _without_credentials(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", url)[:200]


# --- Addresses ---------------------------------------------------------------------------------


def is_public(address: Address) -> bool:
    """Does this address lead into the public internet, also when it wraps an older one?"""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _translated(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside 64:ff9b::/96 (RFC 6052), which the library takes for public."""
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def resolve(host: str, port: int, *, timeout: float, allow_private: bool) -> list[Address]:
    """Every address of `host`, each allowed. Raises `Broken` when it has none, or one that is not allowed."""
    try:
        found = [ipaddress.ip_address(host)]
    except ValueError:
        found = _looked_up(host, port, timeout)
    for address in found:
        allowed = (
            not (address.is_multicast or address.is_unspecified)
            if allow_private
            else is_public(address)
        )
        if not allowed:
            raise Broken("address-private", host=host, address=str(address))
    return found


def _looked_up(host: str, port: int, timeout: float) -> list[Address]:
    try:
        waiting = _RESOLVERS.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        rows = waiting.result(timeout)
    except (TimeoutError, concurrent.futures.TimeoutError) as error:
        raise Broken("name-server-silent", host=host) from error
    except (socket.gaierror, UnicodeError) as error:
        silent = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        raise Broken("name-server-silent" if silent else "no-such-host", host=host) from error
    names = dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows)
    return [ipaddress.ip_address(name) for name in names]


# --- The pool ----------------------------------------------------------------------------------

_deadline: ContextVar[float] = ContextVar("deadline")
_connected: ContextVar[bool] = ContextVar("connected", default=False)


def _left(timeout: float | None) -> float:
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise Broken("too-slow")
    return left if timeout is None else min(timeout, left)


class _BoundedStream(httpcore.NetworkStream):
    """A connection none of whose waits outlasts the request it is used for."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._stream.read(max_bytes, _left(timeout))
        except httpcore.ReadTimeout:
            _left(None)  # the whole time is up, not the time to wait for a piece
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, _left(timeout))
        except httpcore.ConnectError as error:
            code, facts = _unprotected(error.__cause__)
            raise Broken(code, **facts) from error
        return _BoundedStream(stream)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to addresses that were checked, and to nothing else."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        _connected.set(True)
        started = time.monotonic()
        whole = _left(timeout)
        addresses = resolve(host, port, timeout=whole, allow_private=self._allow_private)
        failure = "connect-timeout"
        for number, address in enumerate(addresses):
            left = whole - (time.monotonic() - started)
            if left <= 0:
                break
            share = left / (len(addresses) - number)  # the later ones get their turn
            try:
                return _BoundedStream(
                    self._plain.connect_tcp(str(address), port, share, local_address, [])
                )
            except httpcore.ConnectTimeout:
                failure = "connect-timeout"
            except httpcore.ConnectError as error:
                failure = _unconnected(error.__cause__)
        raise Broken(failure, host=host, port=port)


@functools.lru_cache(maxsize=4)
def _pool(ca_file: Path | None, _changed: int, allow_private: bool) -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        ssl_context=tls_context(ca_file),
        max_connections=128,
        max_keepalive_connections=32,
        keepalive_expiry=20,
        network_backend=_CheckedBackend(allow_private=allow_private),
    )


def _begin_anew() -> None:
    """A forked process inherits neither connections that its parent uses nor threads that it does not have."""
    global _RESOLVERS  # noqa: PLW0603 - one per process
    _pool.cache_clear()
    _RESOLVERS = _resolvers()


os.register_at_fork(after_in_child=_begin_anew)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies against the public authorities, those of this machine, and the extra file."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_default_verify_paths()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise Broken("ca-file-unusable", file=ca_file.name) from error
    return context


def _own_pool() -> httpcore.ConnectionPool:
    file: Path | None = settings.CA_FILE
    try:
        changed = file.stat().st_mtime_ns if file is not None else 0
    except OSError as error:
        raise Broken("ca-file-unusable", file=str(file and file.name)) from error
    return _pool(file, changed, settings.ALLOW_PRIVATE_ADDRESSES)


# --- One exchange ------------------------------------------------------------------------------


def send(request: Request, *, to: Place, limits: Limits) -> Received:
    """The answer to exactly these bytes; nothing is added, followed or decoded. Raises `Broken`.

    `request.target` must be what `to` says with its parameters; `Host` must be among the headers.
    """
    pool = _own_pool()
    ends = time.monotonic() + limits.total_seconds
    deadline, connected = _deadline.set(ends), _connected.set(False)
    try:
        try:
            return _once(pool, request, to, limits)
        except Broken as broken:
            # A connection kept open from an earlier call may have been closed by the other side just now.
            stale = broken.code == "connection-closed" and broken.part is None
            if not stale or _connected.get():
                raise
            return _once(pool, request, to, limits)
    finally:
        _deadline.reset(deadline)
        _connected.reset(connected)


def _once(pool: httpcore.ConnectionPool, request: Request, to: Place, limits: Limits) -> Received:
    url = httpcore.URL(
        scheme=b"https", host=to.host.encode(), port=to.port, target=request.target.encode("ascii")
    )
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers]
    timeouts = {
        "connect": limits.connect_seconds,
        "read": limits.read_seconds,
        "write": limits.read_seconds,
        "pool": limits.connect_seconds,
    }
    part: Response | None = None
    try:
        with pool.stream(
            request.method,
            url,
            headers=headers,
            # Without a body the library must not add a length that we do not keep.
            content=request.body or None,
            extensions={"timeout": timeouts},
        ) as answer:
            part = Response(
                answer.status,
                tuple(
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in answer.headers
                ),
            )
            until = _expiry(answer.extensions.get("network_stream"))
            return Received(replace(part, body=_body(answer, part, limits)), until)
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise _named(error, to, part) from error
    except Broken as broken:
        broken.part = broken.part or part
        broken.facts = {"host": to.host, "port": to.port, **broken.facts}
        raise


def _body(answer: httpcore.Response, part: Response, limits: Limits) -> bytes:
    pieces: list[bytes] = []
    size = 0
    announced = part.header("content-length") or ""
    too_large = announced.isdigit() and int(announced) > limits.answer_bytes
    if not too_large:
        for piece in answer.iter_stream():
            pieces.append(piece)
            size += len(piece)
            _left(None)
            if size > limits.answer_bytes:
                too_large = True
                break
    if too_large:
        kept = b"".join(pieces)[:_PIECE_KEPT]
        raise Broken(
            "answer-too-large",
            part=replace(part, body=kept),
            limit_mb=limits.answer_bytes // 1024 // 1024,
        )
    return b"".join(pieces)


def _expiry(stream: Any) -> datetime | None:
    plug = stream.get_extra_info("socket") if stream is not None else None
    if not isinstance(plug, ssl.SSLSocket):
        return None
    certificate = plug.getpeercert() or {}
    until = certificate.get("notAfter")
    if not isinstance(until, str):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)


# --- Names for what goes wrong -----------------------------------------------------------------

_CERTIFICATE = {  # OpenSSL's X509_V_ERR_…
    7: "certificate-unknown-issuer",  # signed with another key than the authority of that name
    9: "certificate-not-yet-valid",
    10: "certificate-expired",
    18: "certificate-unknown-issuer",
    19: "certificate-unknown-issuer",
    20: "certificate-unknown-issuer",
    21: "certificate-unknown-issuer",
    23: "certificate-revoked",
    62: "certificate-wrong-host",
    64: "certificate-wrong-host",
}
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


def _named(error: Exception, to: Place, part: Response | None) -> Broken:
    """What happened, in one of our codes."""
    if isinstance(error, httpcore.TimeoutException):
        code = {
            httpcore.ConnectTimeout: "connect-timeout",
            httpcore.PoolTimeout: "too-many-calls",
        }.get(type(error), "timeout")
    elif part is not None:
        code = "answer-cut-short"
    elif isinstance(error, httpcore.NetworkError) or "disconnected" in str(error):
        code = "connection-closed"
    else:
        code = "not-http"
    return Broken(code, part=part, host=to.host, port=to.port)


def _unconnected(cause: BaseException | None) -> str:
    number = cause.errno if isinstance(cause, OSError) else None
    if number in _UNREACHABLE:
        return "unreachable"
    return "connect-timeout" if number == errno.ETIMEDOUT else "connection-refused"


def _unprotected(cause: BaseException | None) -> tuple[str, dict[str, Any]]:
    """Why no protected connection came about."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        code = _CERTIFICATE.get(cause.verify_code, "certificate-refused")
        return code, {"reason": cause.verify_message or "not accepted"}
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return "tls-failed", {"reason": cause.reason.lower().replace("_", " ")}
    return "tls-failed", {"reason": "connection closed"}


# --- Reading a public document -----------------------------------------------------------------


def fetch(
    url: str, *, headers: tuple[tuple[str, str], ...] = (), limits: Limits | None = None
) -> Received:
    """The answer to an anonymous GET: for the catalogue and for manifests. Raises `Broken`.

    No redirect is followed. The body is as transferred: without an `Accept-Encoding` among the headers a server
    should not compress; `decoded` takes off what it put on.
    """
    to = place(url)
    own = (("Host", to.host_header), ("User-Agent", USER_AGENT), *headers)
    return send(Request("GET", to.target, own), to=to, limits=limits or Limits())


def decoded(response: Response, *, limit: int) -> bytes:
    """The body without its `Content-Encoding`, at most `limit` bytes. Raises `Broken`."""
    coding = (response.header("content-encoding") or "identity").strip().lower()
    if coding == "identity" or not response.body:
        return response.body
    if coding not in {"gzip", "x-gzip"}:
        raise Broken("unknown-encoding", coding=coding[:40])
    pieces: list[bytes] = []
    size = 0
    left = response.body
    while left:
        if len(pieces) == _MOST_MEMBERS:
            raise Broken("broken-encoding")
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            pieces.append(member.decompress(left, limit - size + 1))
        except zlib.error as error:
            raise Broken("broken-encoding") from error
        size += len(pieces[-1])
        if size > limit:
            raise Broken("answer-too-large", limit_mb=limit // 1024 // 1024)
        if not member.eof:
            raise Broken("broken-encoding")
        left = member.unused_data
    return b"".join(pieces)

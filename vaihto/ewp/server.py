"""A partner's way in: everything under `/ewp/`, in front of Django, from raw request to signed answer.

What belongs here: recognising the endpoint and the caller, the checks in the order of the specification, and the one
table from errors to answers. What does not: what an endpoint says (`apis/`). Start reading at `Gate.answer`.

The WSGI server in front decodes the path and gives no raw target, and it joins repeated headers by a comma without a
blank. All our paths are plain ASCII and no header of the network occurs twice, so what was signed can be rebuilt
(`request_of`). Nothing here sets cookies, redirects or looks at languages.
"""

from __future__ import annotations

import gzip
import importlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils import timezone
from prometheus_client import Counter, Histogram

from vaihto.ewp import exchanges, keys, registry, schemas
from vaihto.ewp.apis import APIS
from vaihto.ewp.bodies import Watcher
from vaihto.ewp.calls import Call
from vaihto.ewp.models import Exchange, Key
from vaihto.ewp.protocol import httpsig
from vaihto.ewp.protocol.api import Api, Endpoint, Keep, Reading
from vaihto.ewp.protocol.errors import Trouble, status_of
from vaihto.ewp.protocol.http import Headers, MalformedForm, Parameters, Request, Response
from vaihto.ewp.protocol.xml import MalformedXml
from vaihto.institutions.models import Institution
from vaihto.people.secrecy import KeyMissing
from vaihto.refusals import Refusal, Stale

logger = logging.getLogger("vaihto.ewp")

ANSWERED = Counter(
    "vaihto_ewp_answers_total", "EWP requests answered, by API and status.", ["api", "status"]
)
SECONDS = Histogram(
    "vaihto_ewp_answer_seconds",
    "Seconds from the request's head to the signed answer, by API.",
    ["api"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)

PREFIX = "/ewp/"
XML_TYPE = "application/xml; charset=utf-8"
FORM_LIMIT_BYTES = 1024 * 1024
DOCUMENT_LIMIT_BYTES = 20 * 1024 * 1024

_FORM_TYPES = frozenset({"application/x-www-form-urlencoded"})
_DOCUMENT_TYPES = frozenset({"text/xml", "application/xml"})
_COMPRESSED_FROM_BYTES = 1024
_GZIP = re.compile(r"\s*gzip\s*(?:;\s*q\s*=\s*(?:1(?:\.0*)?|0?\.0*[1-9][0-9]*)\s*)?")
_STRANGERS_BODY_BYTES = 4096  # so much is kept of what nobody has signed for
_REPLAYED_WITHIN = 2 * httpsig.SKEW
_REMEMBERED = 10_000  # callers and addressed institutions
_STRANGERS_PER_SECOND = 5  # so many failed requests of strangers are kept
# Some servers lay the process's own variables under those of the request.
_NO_HEADERS = {name: value for name, value in os.environ.items() if name.startswith("HTTP_")}

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass
class Progress:
    """What is known of a request so far; errors are answered and kept with it."""

    request: Request
    now: datetime
    institution: Institution | None = None
    api: Api | None = None
    endpoint: Endpoint | None = None
    verified: httpsig.Verified | None = None
    signature: str = ""  # verified, unsigned, or the code of the refusal
    code: str = "ok"
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def callers(self) -> tuple[str, ...]:
        """The institutions that are proven to ask."""
        return self.verified.hei_ids if self.verified is not None else ()

    @property
    def is_evidence(self) -> bool:
        """Must the exchange be written before the answer leaves?"""
        return (
            self.verified is not None
            and self.endpoint is not None
            and self.endpoint.keep is Keep.AT_ONCE
        )


# From the server's words to a request


def request_of(environ: dict[str, Any], body: bytes = b"") -> Request:
    """The request as it stood on the wire, as far as WSGI tells.

    The prefix is that of the public address, whether a proxy stripped it or the server did.
    """
    headers: list[tuple[str, str]] = []
    for name, value in environ.items():
        if name.startswith("HTTP_") and _NO_HEADERS.get(name) != value:
            headers.append((name[5:].replace("_", "-").title(), value))
        elif name == "CONTENT_TYPE" and value:
            headers.append(("Content-Type", value))
        elif name == "CONTENT_LENGTH":
            # Some servers forget a length of nought that was sent and signed.
            headers.append(("Content-Length", value or "0"))
    path = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe="/:@!$&'()*+,;=~-._")
    query = environ.get("QUERY_STRING", "")
    target = urlsplit(settings.PUBLIC_URL).path + path + (f"?{query}" if query else "")
    return Request(environ["REQUEST_METHOD"], target, tuple(headers), body)


@cache
def _hosts(public_url: str) -> frozenset[str]:
    """Values of `Host` under which we are reached; the official validator leaves the port out."""
    parts = urlsplit(public_url)
    name = (parts.hostname or "").lower()
    name = f"[{name}]" if ":" in name else name
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return frozenset({name, f"{name}:{port}"})


# Routes, from the declarations


@dataclass(frozen=True)
class Route:
    """An endpoint and the function that answers it."""

    api: Api
    endpoint: Endpoint
    answer: Callable[[Call], Response | bytes]


def routes(apis: Iterable[Api]) -> dict[str, Route]:
    """What follows `/ewp/<hei_id>/`, and who answers it."""
    found: dict[str, Route] = {}
    for api in apis:
        for endpoint in api.endpoints:
            if endpoint.answer is None:
                continue
            if endpoint.path in found:
                raise ValueError(f"two endpoints have the path {endpoint.path}")
            found[endpoint.path] = Route(api, endpoint, _function(endpoint.answer))
    return found


def _function(answer: Callable[[Any], Any] | str) -> Callable[[Any], Any]:
    if not isinstance(answer, str):
        return answer
    module, name = answer.split(":")
    function: Callable[[Any], Any] = getattr(importlib.import_module(module), name)
    return function


# Limits for each caller


class Buckets:
    """So many requests per second for each caller, ten seconds' worth at once. Counted in this process only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}  # caller: requests left, and when that was

    def takes(self, caller: str, *, rate: float, at: float) -> bool:
        """May the caller be served now? `at` is a monotonic time; a rate of 0 is no limit."""
        if rate <= 0:
            return True
        with self._lock:
            if len(self._left) > _REMEMBERED:
                self._left.clear()
            left, when = self._left.get(caller, (10.0 * rate, at))
            left = min(10.0 * rate, left + (at - when) * rate)
            enough = left >= 1
            self._left[caller] = (left - 1 if enough else left, at)
        return enough


class Gate:
    """The WSGI application for everything under `/ewp/`."""

    def __init__(self, apis: Iterable[Api] = APIS, *, watcher: Watcher | None = None) -> None:
        self._routes = routes(apis)
        self._watcher = watcher or Watcher(seconds=settings.EWP_BODY_SECONDS)
        self._buckets = Buckets()
        self._institutions: dict[str, tuple[float, Institution | None]] = {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        """Answers one request; never raises."""
        request_started.send(sender=type(self), environ=environ)
        try:
            response = self.answer(environ, now=timezone.now())
        finally:
            request_finished.send(sender=type(self))
        status = HTTPStatus(response.status)
        headers = [*response.headers, ("X-Content-Type-Options", "nosniff")]
        if status is not HTTPStatus.NOT_MODIFIED:
            headers.append(("Content-Length", str(len(response.body))))
        start_response(f"{status.value} {status.phrase}", headers)
        return [response.body]

    def answer(self, environ: dict[str, Any], *, now: datetime) -> Response:
        """The signed answer to whatever came; kept, counted and logged."""
        began = time.perf_counter()
        progress = Progress(request_of(environ), now)
        try:
            response = self._answered(progress, environ)
        except Trouble as trouble:
            response = _of_trouble(progress, trouble)
        except registry.TooOld:
            response = _of_trouble(progress, _away("catalogue-too-old", _TOO_OLD, seconds=600))
        except (OperationalError, InterfaceError):
            logger.exception("the database did not answer", extra=_event(progress))
            response = _of_trouble(progress, _away("database", _NO_DATABASE, seconds=10))
        except Exception:
            # The edge of the node: whatever went wrong, a partner gets a well-formed answer.
            logger.exception("EWP request failed", extra=_event(progress))
            response = _of_trouble(progress, Trouble(500, _FAULT, code="fault"))
        if progress.request.method == "HEAD":
            response = replace(response, body=b"")  # no server sends one, and the digest is signed
        response = _sealed(progress, response)
        took = time.perf_counter() - began
        self._keep(progress, response, took_ms=round(took * 1000))
        api = progress.api.key if progress.api is not None else "none"
        ANSWERED.labels(api, response.status).inc()
        SECONDS.labels(api).observe(took)
        logger.info(
            "EWP request",
            extra={
                **_event(progress),
                "status": response.status,
                "outcome": progress.code,
                "milliseconds": round(took * 1000),
            },
        )
        return response

    def _answered(self, progress: Progress, environ: dict[str, Any]) -> Response:
        route = self._route(progress, environ)
        _check_method(progress.request, route)
        self._read_body(progress, environ, route)
        try:
            progress.verified = _verified(progress, route)
        except httpsig.SignatureRefused as refused:
            progress.signature = refused.code
            raise
        progress.signature = "unsigned" if progress.verified.is_anonymous else "verified"
        self._check_pace(progress)
        _check_repetition(progress, route)
        call = Call(
            institution=_required(progress.institution),
            callers=tuple(dict.fromkeys(progress.verified.hei_ids)),
            request=progress.verified.request,
            parameters=_parameters(progress.request, route.endpoint.reading),
            now=progress.now,
            api=route.api,
            endpoint=route.endpoint,
        )
        answer = _by_endpoint(route, call)
        if isinstance(answer, bytes):
            schemas.check_outgoing(answer)
            answer = Response(200, (("Content-Type", XML_TYPE),), answer)
        return _compressed(answer, progress.verified.request)

    def _route(self, progress: Progress, environ: dict[str, Any]) -> Route:
        hei_id, _slash, rest = environ.get("PATH_INFO", "").removeprefix(PREFIX).partition("/")
        progress.institution = self._hosted(hei_id)
        route = self._routes.get(rest)
        if progress.institution is None or route is None:
            raise Trouble(404, "There is no EWP endpoint at this address.", code="no-endpoint")
        progress.api, progress.endpoint = route.api, route.endpoint
        return route

    def _hosted(self, hei_id: str) -> Institution | None:
        """The hosted institution of that id; asked of the database every two seconds at most."""
        if not 0 < len(hei_id) <= 120 or not hei_id.isascii() or not hei_id.isprintable():
            return None
        known = self._institutions.get(hei_id)
        at = time.monotonic()
        if known is not None and at - known[0] < settings.EWP_KEYS_REMEMBERED_SECONDS:
            return known[1]
        found = Institution.objects.hosted().filter(hei_id=hei_id).first()
        if len(self._institutions) > _REMEMBERED:
            self._institutions.clear()
        self._institutions[hei_id] = (at, found)
        return found

    def _read_body(self, progress: Progress, environ: dict[str, Any], route: Route) -> None:
        if not route.endpoint.anonymous and progress.request.header("authorization") is None:
            return  # it will be refused whatever it says
        documents = route.endpoint.reading is Reading.POST_XML
        limit = DOCUMENT_LIMIT_BYTES if documents else FORM_LIMIT_BYTES
        body = self._watcher.body(environ, limit=limit)
        progress.request = replace(progress.request, body=body)

    def _check_pace(self, progress: Progress) -> None:
        """Each caller has its share; nobody is counted who has not proven who it is."""
        verified = _required_verified(progress)
        if verified.is_anonymous:
            return
        caller = " ".join(verified.hei_ids) or verified.key_id
        rate = settings.EWP_CALLS_PER_SECOND
        if not self._buckets.takes(caller, rate=rate, at=time.monotonic()):
            raise Trouble(
                503,
                f"More than {rate} requests per second for a while. Try again in a moment.",
                code="too-many",
                headers=(("Retry-After", "5"),),
            )

    def _keep(self, progress: Progress, response: Response, *, took_ms: int) -> None:
        """Writes the exchange down: evidence now, readings soon, and of strangers the beginning, and not all."""
        request = progress.request
        if progress.verified is None:
            if not self._buckets.takes(
                "(strangers)", rate=_STRANGERS_PER_SECOND, at=time.monotonic()
            ):
                exchanges.LOST.labels("strangers").inc()
                return
            if len(request.body) > _STRANGERS_BODY_BYTES:
                progress.facts["body_bytes"] = len(request.body)
                request = replace(request, body=request.body[:_STRANGERS_BODY_BYTES])
        try:
            exchanges.keep_incoming(
                institution=progress.institution,
                callers=progress.callers,
                api=progress.api.element if progress.api is not None else "",
                version=progress.api.version if progress.api is not None else "",
                endpoint=progress.endpoint.name if progress.endpoint is not None else "",
                request=request,
                answer=response,
                at=progress.now,
                took_ms=took_ms,
                signature=progress.signature,
                outcome=progress.code,
                blame=_blame(response.status),
                facts=progress.facts,
                at_once=progress.is_evidence,
            )
        except DatabaseError:
            # What was done is done; the answer has to say so.
            exchanges.LOST.labels("database").inc()
            logger.exception("exchange not kept", extra=_event(progress))


def _blame(status: int) -> Exchange.Blame:
    if status < 400:
        return Exchange.Blame.NOBODY
    return Exchange.Blame.THEIRS if status < 500 else Exchange.Blame.OURS


def _required(institution: Institution | None) -> Institution:
    assert institution is not None  # noqa: S101 - a route was found
    return institution


def _check_method(request: Request, route: Route) -> None:
    methods = route.endpoint.reading.methods
    if request.method not in methods:
        raise Trouble(
            405,
            f"This endpoint takes {' and '.join(methods)}.",
            code="wrong-method",
            headers=(("Allow", ", ".join(methods)),),
        )


def _verified(progress: Progress, route: Route) -> httpsig.Verified:
    def verify(request: Request) -> httpsig.Verified:
        return httpsig.verify_request(
            request,
            find_key=lambda fingerprint: registry.client_key(fingerprint, now=progress.now),
            hosts=_hosts(settings.PUBLIC_URL),
            now=progress.now,
            anonymous=route.endpoint.anonymous,
        )

    try:
        return verify(progress.request)
    except httpsig.SignatureRefused as refused:
        if refused.code != "bad-signature" or "?" in progress.request.target:
            raise
        # The server does not tell a target that ends in a question mark from one that has none.
        asked = replace(progress.request, target=f"{progress.request.target}?")
        try:
            verified = verify(asked)
        except httpsig.SignatureRefused:
            raise refused from None
        progress.request = asked
        return verified


def _check_repetition(progress: Progress, route: Route) -> None:
    """What changes something is done once, also when its signed request is sent twice within ten minutes."""
    verified = _required_verified(progress)
    if route.endpoint.reading is not Reading.POST_XML or not verified.request_id:
        return
    again = Exchange.objects.filter(
        direction=Exchange.Direction.IN,
        request_id=verified.request_id,
        signature="verified",
        partner=verified.hei_ids[0] if verified.hei_ids else "",
        at__gte=progress.now - _REPLAYED_WITHIN,
        status__lt=500,
    )
    if again.exists():
        raise Trouble(
            400, "X-Request-Id was used already; every request needs a new one.", code="repeated"
        )


def _required_verified(progress: Progress) -> httpsig.Verified:
    assert progress.verified is not None  # noqa: S101 - it was just set
    return progress.verified


def _parameters(request: Request, reading: Reading) -> Parameters:
    """GET: of the query only. POST: of the form only, the query is ignored. Documents have none.

    Source: ewp-specs-architecture, "HTTP methods and parameters".
    """
    if request.method == "GET":
        return _form(request.query, "The query")
    kind, _semicolon, rest = (request.header("content-type") or "").partition(";")
    allowed = _DOCUMENT_TYPES if reading is Reading.POST_XML else _FORM_TYPES
    coding = request.header("content-encoding") or "identity"
    charset = rest.partition("charset=")[2].partition(";")[0].strip(' "').lower()
    if (
        (kind.strip().lower() or min(allowed)) not in allowed
        or coding.lower() != "identity"
        or (reading is not Reading.POST_XML and charset not in {"", "utf-8", "us-ascii"})
    ):
        raise Trouble(
            415,
            f"Content-Type must be {' or '.join(sorted(allowed))} in UTF-8, without content coding.",
            code="wrong-type",
        )
    if reading is Reading.POST_XML:
        return Parameters()
    return _form(request.body, "The form")


def _form(text: str | bytes, what: str) -> Parameters:
    try:
        parameters = Parameters.read(text)
    except MalformedForm as error:
        raise Trouble(400, f"{what} cannot be read: {error}.", code="malformed-form") from error
    if any("\0" in name or "\0" in value for name, value in parameters.pairs):
        raise Trouble(400, f"{what} contains a character of value 0.", code="malformed-form")
    return parameters


def _by_endpoint(route: Route, call: Call) -> Response | bytes:
    """The endpoint's answer; what it refuses becomes a status. Source: house style 3.6, the one table."""
    try:
        return route.answer(call)
    except KeyMissing:
        raise  # ours to put right
    except MalformedXml as error:
        raise Trouble(400, f"The document cannot be read: {error}", code="malformed-xml") from error
    except Refusal as refusal:
        # Only in a conflict has a person at the caller done something that they can mend.
        users = (("en", str(refusal)),) if isinstance(refusal, Stale) else ()
        raise Trouble(status_of(refusal), str(refusal), code=refusal.code, users=users) from refusal


# The way out


_FAULT = "Something went wrong here. It has been logged."
_NO_DATABASE = "The database here did not answer. Try again in a moment."
_TOO_OLD = (
    "The catalogue here has not been confirmed by the registry for too long, so nobody can be recognised. "
    "Try again later."
)


def _away(code: str, says: str, *, seconds: int) -> Trouble:
    return Trouble(503, says, code=code, headers=(("Retry-After", str(seconds)),))


def _of_trouble(progress: Progress, trouble: Trouble) -> Response:
    progress.code = trouble.code
    progress.facts["says"] = trouble.body.developer[:300]
    headers: Headers = (("Content-Type", XML_TYPE), *trouble.headers)
    return Response(trouble.status, headers, trouble.body.write())


def _compressed(response: Response, request: Request) -> Response:
    """Packed, where the caller takes it and there is something to win. Only signed wishes count."""
    wished = (request.header("accept-encoding") or "").lower()
    takes = any(_GZIP.fullmatch(coding) for coding in wished.split(","))
    kind = response.header("content-type") or ""
    if not takes or len(response.body) < _COMPRESSED_FROM_BYTES or "xml" not in kind:
        return response
    if response.header("content-encoding") is not None:
        return response
    return Response(
        response.status,
        (*response.headers, ("Content-Encoding", "gzip")),
        gzip.compress(response.body, 5, mtime=0),
    )


def _sealed(progress: Progress, response: Response) -> Response:
    """With what repeats the request, and signed if the request asked, whether it was right or wrong."""
    response = replace(response, headers=(*response.headers, *httpsig.echoed(progress.request)))
    if not httpsig.asks_signature(progress.request):
        return response
    try:
        signer = _signer(progress)
    except (KeyMissing, DatabaseError):
        logger.exception("no answer can be signed")
        signer = None
    if signer is None:
        return response
    return httpsig.sign_response(response, signer=signer, now=progress.now)


def _signer(progress: Progress) -> httpsig.Signer | None:
    """The key of the addressed institution, or the shared one; made here if nobody has asked for a manifest yet."""
    institution, now = progress.institution, progress.now
    signer = keys.signing_key(institution=institution, purpose=Key.Purpose.SERVER, now=now)
    hosted = institution or (Institution.objects.hosted().first() if signer is None else None)
    if signer is None and hosted is not None:
        keys.ensure(institution=hosted, now=now)
        signer = keys.signing_key(institution=institution, purpose=Key.Purpose.SERVER, now=now)
    return signer


def _event(progress: Progress) -> dict[str, Any]:
    """What the log may say of a request: identifiers of institutions, never of persons."""
    return {
        "institution": progress.institution.hei_id if progress.institution is not None else "",
        "partner": " ".join(progress.callers),
        "api": progress.api.key if progress.api is not None else "",
        "endpoint": progress.endpoint.name if progress.endpoint is not None else "",
        "method": progress.request.method[:10],
    }

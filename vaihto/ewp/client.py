"""Calling partners: the right host, a signed request, an answer that is proven to be theirs, kept and judged.

What belongs here: one call from choice to outcome. What does not: sockets (`transport.py`), the sentences
(`outcomes.py`), and what a message means (`apis/`). Start reading at `call`. No call is made inside a transaction
of the caller's that holds locks others wait for: a partner may take a minute.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from django.conf import settings

from vaihto.ewp import exchanges, keys, outcomes, registry, schemas, transport
from vaihto.ewp.models import Exchange, Key
from vaihto.ewp.outcomes import Outcome
from vaihto.ewp.protocol import httpsig, xml
from vaihto.ewp.protocol.api import Api, Endpoint, Reading
from vaihto.ewp.protocol.errors import ErrorResponse
from vaihto.ewp.protocol.http import Headers, Request, Response
from vaihto.ewp.protocol.types import Read
from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import Announcement, announce
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, ActorKind

logger = logging.getLogger("vaihto.ewp")

# A call to a partner failed. Heard by those who tell the network's Monitoring.
FAILED = Announcement(
    "ewp.call-failed",
    fields=("institution_id", "partner", "api", "endpoint", "status", "message", "outcome", "at"),
)

_LONGEST_QUERY = 1500  # bytes; more goes as a form, because proxies cut long request lines

Message = TypeVar("Message")


@dataclass(frozen=True)
class Answer(Generic[Message]):
    """How a call ended, and what came.

    `headers` are only those that the partner signed, where it signs. `body` is unpacked. `signature` is verified,
    unsigned, or the code of what is wrong with it; empty when nothing came. `message` is what `read` made of the
    body; `problems` says in English what is missing or malformed in a message that could be read all the same, without
    the values, and `schema_problems` in how many places the official schema disagrees with it.
    """

    outcome: Outcome
    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    signature: str = ""
    message: Message | None = None
    problems: tuple[str, ...] = ()
    schema_problems: int = 0
    entry: registry.Entry | None = None
    exchange: Exchange | None = None
    certificate_until: datetime | None = None

    @property
    def is_good(self) -> bool:
        """Did the partner answer with what was asked for?"""
        return self.outcome.is_good

    def header(self, name: str) -> str | None:
        """A header of the answer that may be relied on."""
        return Response(self.status or 0, self.headers).header(name)


@dataclass(frozen=True)
class Target:
    """Where a call goes: the entry of the catalogue, and how it wants to be asked."""

    entry: registry.Entry
    url: str
    place: transport.Place
    signs: bool  # else anonymous
    wants_signature: bool


class _Ended(Exception):
    """A call ends before or after its exchange."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.outcome = Outcome(code, facts)


@dataclass(frozen=True)
class _Asked:
    """Everything about the question that is the same until its end."""

    institution: Institution
    partner: str
    api: Api
    endpoint: Endpoint
    actor: Actor
    now: datetime
    notification_id: int | None
    report: bool
    started: float = field(default_factory=time.monotonic)

    @property
    def moment(self) -> datetime:
        """Now, not when the call began."""
        return self.now + timedelta(seconds=time.monotonic() - self.started)


def call(
    *,
    institution: Institution,
    partner: str,
    api: Api,
    endpoint: str = "url",
    parameters: Sequence[tuple[str, str]] = (),
    document: bytes = b"",
    actor: Actor,
    now: datetime,
    read: Callable[[bytes], Read[Message]] | None = None,
    etag: str = "",
    method: str = "",
    entry: registry.Entry | None = None,
    notification_id: int | None = None,
    report: bool = True,
) -> Answer[Message]:
    """Asks one endpoint of a partner in the name of a hosted institution. Never raises for what the partner does.

    `endpoint` is the element of the manifest entry (`url`, `get-url`, …). `document` is the body of an update.
    `read` makes a message of the body, and without it any body is good. `etag` makes the question conditional.
    `method` is chosen by the API and the length unless it is given. `entry` is one that was chosen before.
    `report` off keeps a failure from the network's Monitoring: for tests that a person runs.
    """
    asked = _Asked(
        institution=institution,
        partner=partner,
        api=api,
        endpoint=_endpoint(api, endpoint),
        actor=actor,
        now=now,
        notification_id=notification_id,
        report=report,
    )
    try:
        target = choose(partner, api, endpoint, now=now, entry=entry)
        request = _request(asked, target, parameters, document, etag, method)
    except _Ended as ended:
        return _finish(asked, Answer(ended.outcome, entry=entry))
    return _finish(asked, _exchange(asked, target, request, read))


def call_in_batches(
    *,
    institution: Institution,
    partner: str,
    api: Api,
    endpoint: str = "url",
    name: str,
    values: Sequence[str],
    limit: str,
    parameters: Sequence[tuple[str, str]] = (),
    actor: Actor,
    now: datetime,
    read: Callable[[bytes], Read[Message]] | None = None,
    report: bool = True,
) -> Iterator[Answer[Message]]:
    """Asks for many values of one parameter, at most as many at once as the partner announces under `limit`.

    Ends after the first answer that is not good. Source: ewp-specs-architecture, limits on ids; without a number
    one at a time.
    """
    started = time.monotonic()
    try:
        entry = choose(partner, api, endpoint, now=now).entry
    except _Ended:
        entry = None  # the first call says why
    size = min(entry.limit(limit), _most(api, limit)) if entry is not None else 1
    for start in range(0, len(values), size):
        answer = call(
            institution=institution,
            partner=partner,
            api=api,
            endpoint=endpoint,
            parameters=[*parameters, *((name, value) for value in values[start : start + size])],
            actor=actor,
            now=now + timedelta(seconds=time.monotonic() - started),
            read=read,
            entry=entry,
            report=report,
        )
        yield answer
        if not answer.is_good:
            return


def _most(api: Api, limit: str) -> int:
    """A partner may announce any number; we never ask for more than a few hundred at once."""
    return max(dict(api.limits).get(limit, 0), 200)


def _endpoint(api: Api, name: str) -> Endpoint:
    return next(each for each in api.endpoints if each.name == name)


# --- Choosing ----------------------------------------------------------------------------------


def choose(
    partner: str, api: Api, endpoint: str, *, now: datetime, entry: registry.Entry | None = None
) -> Target:
    """The best of the partner's hosts for this API in the version we speak.

    Raises an error that `call` turns into an outcome. Source: the reference, 1.4 and 3.1.
    """
    if entry is None:
        entry = _best_entry(partner, api, now)
    if not entry.usable:
        methods = ", ".join(entry.client_auth) or "none"
        raise _Ended("security-unusable", partner=partner, api=api.element, methods=methods)
    url = entry.urls.get(endpoint, "")
    if not url:
        raise _Ended("endpoint-missing", partner=partner, api=api.element, endpoint=endpoint)
    try:
        place = transport.place(url)
    except transport.Broken as broken:
        raise _Ended(broken.code, **broken.facts) from broken
    return Target(
        entry=entry,
        url=url,
        place=place,
        signs="httpsig" in entry.client_auth,
        wants_signature="httpsig" in entry.server_auth,
    )


def _best_entry(partner: str, api: Api, now: datetime) -> registry.Entry:
    try:
        found = registry.entries(partner, api.element, now=now)
    except registry.TooOld as error:
        raise _Ended("catalogue-too-old") from error
    spoken = [entry for entry in found if entry.namespace == api.namespace]
    if spoken:
        return spoken[0]
    facts = {"partner": partner, "api": api.element}
    if found:
        versions = sorted({entry.stated_version or f"v{entry.major}" for entry in found})
        raise _Ended("other-version", versions=", ".join(versions), **facts)
    never = {registry.State.UNSET, registry.State.NEVER}
    if registry.overview(now=now).state in never:
        raise _Ended("no-catalogue")
    raise _Ended("not-in-catalogue", **facts)


# --- Asking ------------------------------------------------------------------------------------


def _request(
    asked: _Asked,
    target: Target,
    parameters: Sequence[tuple[str, str]],
    document: bytes,
    etag: str,
    method: str,
) -> Request:
    """The request as it goes out, signed where the partner takes signatures."""
    to = target.place
    form = urlencode(parameters, quote_via=quote)
    method = method or _method(asked.endpoint.reading, form)
    headers: list[tuple[str, str]] = [
        ("Host", to.host_header),
        ("User-Agent", transport.USER_AGENT),
        # Proxies that pack an answer after it was signed break its digest.
        ("Accept-Encoding", "identity"),
    ]
    line, body = to.target, document
    if method == "GET":
        joined = "&" if "?" in line else "?"
        line += f"{joined}{form}" if form else ""
    else:
        kind = "application/xml" if document else "application/x-www-form-urlencoded"
        body = document or form.encode("ascii")
        headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
    if etag:
        headers.append(("If-None-Match", etag))
    request = Request(method, line, tuple(headers), body)
    request_id = str(uuid.uuid4())
    if target.signs:
        return httpsig.sign_request(
            request,
            signer=_signer(asked),
            now=asked.now,
            request_id=request_id,
            wants_signature=target.wants_signature,
        )
    wanted = (("Accept-Signature", httpsig.ALGORITHM), ("Want-Digest", "SHA-256"))
    more = wanted if target.wants_signature else ()
    return replace(request, headers=(*request.headers, ("X-Request-Id", request_id), *more))


def _method(reading: Reading, form: str) -> str:
    if reading is Reading.GET_AND_POST:
        return "GET" if len(form) <= _LONGEST_QUERY else "POST"
    return reading.methods[0]


def _signer(asked: _Asked) -> httpsig.Signer:
    signer = keys.signing_key(
        institution=asked.institution, purpose=Key.Purpose.CLIENT, now=asked.now
    )
    if signer is None:
        raise _Ended("own-key-missing", institution=asked.institution.hei_id)
    return signer


def _exchange(
    asked: _Asked,
    target: Target,
    request: Request,
    read: Callable[[bytes], Read[Message]] | None,
) -> Answer[Message]:
    """Sends, judges, keeps."""
    limits = transport.Limits(answer_bytes=settings.EWP_ANSWER_LIMIT_BYTES)
    response: Response | None = None
    try:
        received = transport.send(request, to=target.place, limits=limits)
        response = received.response
        answer = _judged(asked, target, request, response, read)
        answer = replace(answer, certificate_until=received.certificate_until)
    except transport.Broken as broken:
        response = broken.part or response
        status = response.status if response is not None else None
        facts = {"host": target.place.host, **broken.facts}
        answer = Answer(Outcome(broken.code, facts), status=status)
    exchange = _keep(asked, target, request, response, answer)
    return replace(answer, entry=target.entry, exchange=exchange)


# --- Judging -----------------------------------------------------------------------------------


def _judged(
    asked: _Asked,
    target: Target,
    request: Request,
    response: Response,
    read: Callable[[bytes], Read[Message]] | None,
) -> Answer[Message]:
    """What an answer that arrived whole is worth. Raises `transport.Broken` for one that cannot be unpacked."""
    trusted, signature, trouble = _verified(asked, target, request, response)
    body = transport.decoded(trusted, limit=settings.EWP_ANSWER_LIMIT_BYTES)
    answer: Answer[Message] = Answer(
        Outcome("ok"), response.status, trusted.headers, body, signature
    )
    if response.status not in {200, 304}:
        # Over TLS an error may come unsigned, or signed wrongly because the request was not understood.
        return replace(answer, outcome=_of_status(asked, target, response.status, body))
    if trouble is not None:
        return replace(answer, outcome=trouble, body=b"")
    if response.status == 304:
        asked_whether = request.header("if-none-match") is not None
        facts = {"host": target.place.host, "status": 304}
        return replace(
            answer,
            outcome=Outcome("not-modified" if asked_whether else "unexpected-status", facts),
        )
    return answer if read is None else _understood(answer, read)


def _verified(
    asked: _Asked, target: Target, request: Request, response: Response
) -> tuple[Response, str, Outcome | None]:
    """The answer reduced to what was signed, the verdict, and the outcome if it may not be used."""
    if not target.wants_signature:
        stray = response.header("x-request-id")
        if stray is not None and stray != request.header("x-request-id"):
            says = "X-Request-Id is not the one of the request."
            return response, "unsigned", Outcome("other-request-id", {"detail": says})
        return response, "unsigned", None
    try:
        try:
            trusted = _proven(asked, target.entry, request, response)
        except httpsig.AnswerRefused as refused:
            newer = _newer_entry(asked, target) if refused.code == "unknown-key" else None
            if newer is None:
                raise
            trusted = _proven(asked, newer, request, response)
    except httpsig.AnswerRefused as refused:
        code = refused.code
        if code == "unknown-key" and _is_known_elsewhere(response, asked.now):
            code = "key-of-another"
        facts = {"detail": refused.says, "key": _key_id(response)}
        return response, code, Outcome(code, facts)
    return trusted, "verified", None


def _proven(asked: _Asked, entry: registry.Entry, request: Request, response: Response) -> Response:
    return httpsig.verify_response(
        response,
        request=request,
        find_key=lambda fingerprint: registry.may_sign_answer(entry, fingerprint),
        now=asked.moment,
    )


def _newer_entry(asked: _Asked, target: Target) -> registry.Entry | None:
    """The entry of the same address in a catalogue that is newer than the one we chose by; None without news.

    A partner may have changed its keys just now. The registry is asked at most once a minute, whoever asks; perhaps
    another process has the news already.
    """
    registry.refresh(now=asked.moment, early=True)
    registry.forget()
    name = asked.endpoint.name
    try:
        found = registry.entries(asked.partner, asked.api.element, now=asked.moment)
    except registry.TooOld:
        return None
    for entry in found:
        if entry.host_id != target.entry.host_id and entry.urls.get(name) == target.url:
            return entry
    return None


def _key_id(response: Response) -> str:
    try:
        return httpsig.read_parameters(response.header("signature") or "").key_id[:64]
    except ValueError:
        return ""


def _is_known_elsewhere(response: Response, now: datetime) -> bool:
    try:
        found = registry.client_key(_key_id(response), now=now, ask_again=False)
    except registry.TooOld:
        return False
    return found is not None


def _of_status(asked: _Asked, target: Target, status: int, body: bytes) -> Outcome:
    said = ErrorResponse.read(body) if body else None
    return outcomes.of_status(
        status,
        host=target.place.host,
        message=said.developer if said is not None else "",
        key_is_young=target.signs and _key_is_young(asked),
    )


def _key_is_young(asked: _Asked) -> bool:
    """May parts of the network not know our key yet?"""
    signer = _signer(asked)
    return Key.objects.filter(
        fingerprint=signer.key_id, created_at__gt=asked.now - keys.SPREADING
    ).exists()


def _understood(answer: Answer[Message], read: Callable[[bytes], Read[Message]]) -> Answer[Message]:
    try:
        found = read(answer.body)
    except xml.MalformedXml as error:
        facts = {"detail": str(error)[:300]}
        return replace(answer, outcome=Outcome(_why_unreadable(answer.body, error), facts))
    disagreements = schemas.problems(answer.body, settings.SCHEMAS) or ()
    return replace(
        answer,
        message=found.message,
        problems=found.problems,
        schema_problems=len(disagreements),
    )


def _why_unreadable(body: bytes, error: xml.MalformedXml) -> str:
    if isinstance(error, xml.MissingElement):
        return "message-incomplete"
    try:
        xml.parse(body)
    except xml.MalformedXml:
        return "not-xml"
    return "other-document"


# --- Keeping -----------------------------------------------------------------------------------


def _keep(
    asked: _Asked,
    target: Target,
    request: Request,
    response: Response | None,
    answer: Answer[Any],
) -> Exchange:
    facts = {name: str(value) for name, value in answer.outcome.facts.items()}
    if answer.problems:
        facts["problems"] = "; ".join(answer.problems[:5])[:500]
    if answer.schema_problems:
        facts["schema_problems"] = str(answer.schema_problems)
    exchange = exchanges.keep_outgoing(
        institution=asked.institution,
        partner=asked.partner,
        api=asked.api.element,
        version=target.entry.stated_version,
        endpoint=asked.endpoint.name,
        url=target.url,
        request=request,
        answer=response,
        at=asked.now,
        took_ms=round((time.monotonic() - asked.started) * 1000),
        signature=answer.signature,
        outcome=answer.outcome.code,
        blame=str(answer.outcome.blame),
        repeatable=answer.outcome.repeatable,
        facts=facts,
        notification_id=asked.notification_id,
    )
    if asked.actor.kind is ActorKind.PERSON:
        record(
            asked.actor,
            "called a partner",
            exchange,
            at=asked.now,
            institution_id=asked.institution.pk,
        )
    return exchange


def _finish(asked: _Asked, answer: Answer[Message]) -> Answer[Message]:
    """Says in the log how it ended, and announces a failure."""
    event = {
        "partner": asked.partner,
        "api": asked.api.element,
        "endpoint": asked.endpoint.name,
        "status": answer.status,
        "outcome": answer.outcome.code,
        "exchange": answer.exchange.pk if answer.exchange is not None else None,
    }
    if answer.is_good:
        logger.info("partner called", extra=event)
        return answer
    logger.warning("call to partner failed", extra=event)
    if asked.report:
        facts = answer.outcome.facts
        announce(
            FAILED,
            institution_id=asked.institution.pk,
            partner=asked.partner,
            api=asked.api.element,
            endpoint=asked.endpoint.name,
            status=answer.status,
            message=str(facts.get("said", "")),
            outcome=answer.outcome,
            at=asked.now,
        )
    return answer

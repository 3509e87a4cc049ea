"""The text that goes into a partner's ticket system: what happened, plain words and technical facts, no personal data.

English, whatever the language of the page: whoever reads it programs a node elsewhere. Names of parameters are told,
their values never, nor any e-mail address, nor a header that could hold either; where a message quotes a value of
the request, it is struck out.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vaihto.ewp import exchanges
from vaihto.ewp.explained import of_exchange, reference_of
from vaihto.ewp.models import Exchange
from vaihto.ewp.outcomes import said_by_partner
from vaihto.ewp.protocol import httpsig, xml
from vaihto.ewp.protocol.http import MalformedForm, Parameters, Request, Response
from vaihto.people.secrecy import KeyMissing

STRUCK = "[…]"
_SHORTEST = 3  # letters; shorter values would strike out half of the sentence
_MOST_VALUES = 5_000
_WORD = re.compile(r"\b(?:[^\W\d_a-zß-ÿ][\w-]{3,}|[\w-]*\d[\w-]{3,})\b")
_LISTED = 5


@dataclass(frozen=True)
class Ticket:
    """Subject and text."""

    subject: str
    text: str

    def __str__(self) -> str:
        return f"Subject: {self.subject}\n\n{self.text}"


@dataclass(frozen=True)
class History:
    """How often it went like this: since when, and when it last went well."""

    times: int = 1
    since: datetime | None = None
    last_good: datetime | None = None


def of_exchange_with(exchange: Exchange, *, history: History | None = None) -> Ticket:
    """The ticket about one exchange."""
    request, answer = _content(exchange)
    hidden = _Hidden.of(exchange, request, answer)
    what = hidden.struck(str(of_exchange(exchange)))
    api = " ".join(part for part in (exchange.api, exchange.version) if part) or "EWP"
    lines = [
        "Hello,",
        "",
        _opening(exchange),
        "",
        "What happened",
        _paragraph(what),
    ]
    if reference := reference_of(exchange):
        lines += ["", "What the specification says", _paragraph(reference)]
    lines += ["", "Technical facts"]
    facts = [*_facts(exchange, request, answer, hidden), *_told(history)]
    width = max(len(term) for term, _value in facts)
    lines += [f"  {term:<{width}}  {value}" for term, value in facts]
    lines += [
        "",
        "The exchange is kept here byte for byte. Values of parameters are left out on purpose.",
    ]
    subject = f"EWP: {api} between {_ours(exchange)} and {exchange.partner or 'an unknown caller'}: {exchange.outcome}"
    return Ticket(subject, "\n".join(lines))


def of_partner(found: Sequence[tuple[Exchange, History]], *, partner: str) -> Ticket | None:
    """One ticket about all that goes wrong with a partner, the newest first; None where nothing does."""
    tickets = [of_exchange_with(exchange, history=history) for exchange, history in found[:_LISTED]]
    if not tickets:
        return None
    if len(tickets) == 1:
        return tickets[0]
    parts = [
        f"{number}. {one.subject.removeprefix('EWP: ')}\n\n{_body(one.text)}"
        for number, one in enumerate(tickets, 1)
    ]
    opening = (
        f"Hello,\n\n{len(tickets)} things do not work between our EWP node and that of {partner}."
    )
    closing = (
        "The exchanges are kept here byte for byte. Values of parameters are left out on purpose."
    )
    return Ticket(
        f"EWP: {len(tickets)} problems between our node and {partner}",
        "\n\n".join([opening, *parts, closing]),
    )


def _paragraph(text: str) -> str:
    return textwrap.fill(
        text,
        78,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _body(text: str) -> str:
    """Without greeting and closing."""
    return text.partition("What happened")[2].rpartition("\n\n")[0].join(["What happened", ""])


def _ours(exchange: Exchange) -> str:
    return exchange.institution.hei_id if exchange.institution is not None else "our node"


def _opening(exchange: Exchange) -> str:
    if exchange.direction == Exchange.Direction.OUT:
        return f"{_ours(exchange)} asked the EWP node of {exchange.partner} and got no answer that it could use."
    if exchange.blame == Exchange.Blame.OURS:
        return f"The EWP node of {_ours(exchange)} could not answer a request of {exchange.partner or 'yours'}."
    caller = exchange.partner or "your node"
    return f"The EWP node of {_ours(exchange)} refused a request of {caller}."


def _facts(
    exchange: Exchange, request: Request | None, answer: Response | None, hidden: _Hidden
) -> Iterator[tuple[str, str]]:
    yield "Time (UTC)", _moment(exchange.at)
    if exchange.api:
        yield "API", f"{exchange.api} {exchange.version}".strip()
        yield "Endpoint", exchange.endpoint or "url"
    yield "Request", f"{exchange.method} {hidden.struck(exchange.url)}"
    if request is not None and (names := _names(request)):
        yield "Parameters", ", ".join(names)
    if exchange.request_id:
        yield "X-Request-Id", hidden.struck(exchange.request_id)
    if request is not None and (key := _key(request.header("authorization"))):
        yield "Request signed by", f"key {key}"
    if exchange.status is None:
        yield "Answer", f"none after {exchange.took_ms} ms"
        return
    yield "Answer", f"status {exchange.status} after {exchange.took_ms} ms"
    if answer is None:
        return
    kind = (answer.header("content-type") or "no Content-Type").partition(";")[0]
    coding = answer.header("content-encoding")
    yield (
        "Content",
        f"{len(answer.body)} bytes, {hidden.struck(kind)}{f', {coding[:20]}' if coding else ''}",
    )
    yield "Digest of the body", httpsig.digest(answer.body)
    if stated := answer.header("digest"):
        yield "Digest as stated", hidden.struck(stated[:120])
    if key := _key(answer.header("signature")):
        yield "Answer signed by", f"key {key}"
    if exchange.signature:
        yield "Signature", exchange.signature


def _told(history: History | None) -> Iterator[tuple[str, str]]:
    if history is None:
        return
    if history.times > 1 and history.since is not None:
        yield "So far", f"{history.times} times since {_moment(history.since)} UTC"
    good = "none is kept" if history.last_good is None else f"{_moment(history.last_good)} UTC"
    yield "Last that went well", good


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


_KEY_ID = re.compile(r'keyId\s*=\s*"([0-9a-fA-F]{64})"')


def _key(header: str | None) -> str:
    found = _KEY_ID.search(header or "")
    return found[1].lower() if found else ""


def _content(exchange: Exchange) -> tuple[Request | None, Response | None]:
    try:
        return exchanges.read(exchange)
    except KeyMissing:
        return None, None


# What must not be told -------------------------------------------------------------------------

_NAME = re.compile(r"[\w-]{1,60}", re.ASCII)


def _parameters(request: Request) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for text in (request.query, request.body):
        try:
            found += Parameters.read(text).pairs
        except MalformedForm:
            continue
    return found


def _names(request: Request) -> list[str]:
    """Names of parameters, each with how often it was given."""
    counts: dict[str, int] = {}
    for name, _value in _parameters(request)[:_MOST_VALUES]:
        if _NAME.fullmatch(name):
            counts[name] = counts.get(name, 0) + 1
    return [name if count == 1 else f"{name} ({count} times)" for name, count in counts.items()]


@dataclass(frozen=True)
class _Hidden:
    """Values that stand in the request or the answer and are struck out wherever a message repeats them."""

    values: tuple[str, ...]  # the longest first

    @classmethod
    def of(cls, exchange: Exchange, request: Request | None, answer: Response | None) -> _Hidden:
        public = {exchange.partner, _ours(exchange), exchange.api, exchange.endpoint, ""}
        found: set[str] = set()
        if request is not None:
            found |= {value for name, value in _parameters(request) if not name.endswith("hei_id")}
            found |= set(_texts(request.body))
        if answer is not None:
            found |= set(_texts(answer.body)) if (exchange.status or 0) < 400 else set()
        kept = {each.strip() for each in found}
        # Of a longer text also the words that could be a name or a number.
        kept |= {word for each in kept for word in _WORD.findall(each)}
        kept = {each for each in kept if len(each) >= _SHORTEST and each not in public}
        return cls(tuple(sorted(kept, key=len, reverse=True)[:_MOST_VALUES]))

    def struck(self, text: str) -> str:
        """The text without any of the values and without e-mail addresses."""
        plain = said_by_partner(text)
        for value in self.values:
            if value in plain:
                plain = plain.replace(value, STRUCK)
        return plain


def _texts(body: bytes) -> Iterable[str]:
    """The texts of an XML document; of anything else none."""
    if body.lstrip()[:1] != b"<":
        return ()
    try:
        root = xml.parse(body)
    except xml.MalformedXml:
        return ()
    return [text for node in root.node.iter("*") if (text := (node.text or "").strip())]

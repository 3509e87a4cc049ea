"""One exchange: what happened in words, a ticket, and for those who may the bytes; each opening is journaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from lxml import etree

from vaihto.ewp import dealings, exchanges, explained, transport
from vaihto.ewp.models import Exchange
from vaihto.ewp.protocol import xml
from vaihto.ewp.protocol.http import Headers, MalformedForm, Parameters, Request, Response
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed, Unknown
from vaihto.web import components
from vaihto.web.components import Cell, Column, Fact, Row, Tab
from vaihto.web.frame import Request as PageRequest
from vaihto.web.frame import page
from vaihto.web.network import log
from vaihto.web.network.pages import (
    api_word,
    blame_badge,
    code_lines,
    document,
    moment,
    remedy,
    sees_log,
    sentence,
    took,
)

_SHOWN_BYTES = 200_000  # larger bodies are only for taking along
_HEX_BYTES = 512
_MOST_PARAMETERS = 500
PARTS = ("request", "answer")


def _seen(request: PageRequest, pk: int) -> Exchange:
    if not sees_log(request.actor):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_READ))
    one = (
        Exchange.objects.listed_to(request.actor)
        .select_related("institution")
        .filter(pk=pk)
        .first()
    )
    if one is None:
        raise Unknown("exchange.unknown")
    return one


def may_open(actor: Actor, one: Exchange) -> bool:
    """Operators, and who keeps the institution."""
    return actor.is_operator or (
        one.institution_id is not None and actor.has(May.INSTITUTIONS_EDIT, one.institution_id)
    )


def _frame(request: PageRequest, one: Exchange, current: str) -> dict[str, Any]:
    partner = one.partner or _("an unknown caller")
    heading = (
        _("%(what)s: %(partner)s asked us")
        if one.direction == Exchange.Direction.IN
        else _("%(what)s: we asked %(partner)s")
    )
    views = [("exchange", _("What happened"))]
    if may_open(request.actor, one):
        views.append(("exchange-content", _("Request and answer")))
    return {
        "heading": heading
        % {"what": api_word(one.api) if one.api else _("Something else"), "partner": partner},
        "lead": moment(one.at),
        "trail": [(_("Exchanges"), reverse("network:exchanges"))],
        "tabs": components.tabs(
            [
                Tab(word, reverse(f"network:{name}", args=[one.pk]), name == current)
                for name, word in views
            ],
            label=_("Pages about the exchange"),
        ),
        "one": one,
    }


def exchange(request: PageRequest, pk: int) -> HttpResponse:
    """What happened, whose fault it was, what to do, and a ticket text; nothing of the content."""
    one = _seen(request, pk)
    told = explained.of_exchange(one)
    is_opened = may_open(request.actor, one)
    ticket = dealings.ticket_about(one, actor=request.actor) if one.blame else None
    word, tone = log.outcome_of(one)
    partner = (
        Fact(_("Partner"), one.partner, reverse("network:partner", args=[one.partner]))
        if one.partner
        else Fact(_("Partner"), _("not recognised"))
    )
    callers = one.facts.get("callers", [])
    return page(
        request,
        "network/exchange.html",
        **_frame(request, one, "exchange"),
        outcome=components.badge(word, tone),
        blame=components.badge(*blame_badge(one.blame)) if one.blame else "",
        sentence=sentence(told, quoting=is_opened),
        remedy=remedy(told),
        reference=explained.reference_of(one),
        signature=sentence(explained.of_signature(one), quoting=is_opened),
        facts=components.facts(
            [
                Fact(_("When"), moment(one.at)),
                partner,
                *([Fact(_("Speaks for"), callers)] if callers else []),
                Fact(
                    _("Our institution"),
                    one.institution.name if one.institution is not None else _("none"),
                ),
                Fact(_("Interface"), f"{one.api} {one.version}".strip() or "–"),
                Fact(_("Endpoint"), one.endpoint or "–"),
                Fact(_("Address"), f"{one.method} {one.url}"),
                Fact(_("Request id"), one.request_id or _("none")),
                Fact(_("Status"), one.status if one.status is not None else _("no answer")),
                Fact(_("Took"), took(one.took_ms)),
                Fact(_("Size of the request"), _bytes(one.request_bytes)),
                Fact(_("Size of the answer"), _bytes(one.answer_bytes)),
                Fact(_("Code"), one.outcome),
            ]
        ),
        notification=one.notification_id,
        ticket=ticket,
        lines=len(ticket.text.splitlines()) + 1 if ticket is not None else 0,
    )


def _bytes(number: int) -> str:
    return _("%(number)s bytes") % {"number": components.number(number)}


# The content -----------------------------------------------------------------------------------


def _require_open(request: PageRequest, one: Exchange) -> None:
    if not may_open(request.actor, one):
        raise NotAllowed("not-allowed", may=str(May.INSTITUTIONS_EDIT))


@dataclass(frozen=True)
class _Shown:
    """A request or an answer as people read it."""

    title: str
    line: str  # request line or status
    headers: SafeString
    parameters: SafeString | str
    pretty: SafeString | str
    raw: SafeString | str
    note: str
    downloads: SafeString | str


def content(request: PageRequest, pk: int) -> HttpResponse:
    """Request line, headers and body of both; that somebody opened them is written into the journal."""
    one = _seen(request, pk)
    _require_open(request, one)
    asked, answered = exchanges.opened(actor=request.actor, exchange=one, now=request.now)
    return page(
        request,
        "network/content.html",
        **_frame(request, one, "exchange-content"),
        sentence=sentence(explained.of_signature(one), quoting=True),
        parts=[_request(one, asked), *([_answer(one, answered)] if answered is not None else [])],
        no_answer=answered is None,
    )


def _request(one: Exchange, asked: Request) -> _Shown:
    body = asked.body
    form = _parameters(asked.query) or _parameters(body)
    pretty = _pretty(body)
    is_form = bool(form) and not pretty
    return _Shown(
        title=_("Request"),
        line=f"{asked.method} {asked.target}",
        headers=_headers(asked.headers, _("Headers of the request")),
        parameters=form,
        pretty=document(pretty, label=_("Body of the request, in order")) if pretty else "",
        raw=_raw(body, _("Body of the request as it was sent")) if body else "",
        note=_note(body, is_form=is_form),
        downloads=_downloads(one, "request", body),
    )


def _answer(one: Exchange, answered: Response) -> _Shown:
    try:
        body = transport.decoded(answered, limit=20 * 1024 * 1024)
        packed = body is not answered.body
    except transport.Broken:
        body, packed = answered.body, False
    pretty = _pretty(body)
    note = _("It was packed on its way and is shown unpacked.") if packed else ""
    return _Shown(
        title=_("Answer"),
        line=str(answered.status),
        headers=_headers(answered.headers, _("Headers of the answer")),
        parameters="",
        pretty=document(pretty, label=_("Body of the answer, in order")) if pretty else "",
        raw=_raw(body, _("Body of the answer as it came")) if body else "",
        note=" ".join(part for part in (note, _note(body, is_form=False)) if part),
        downloads=_downloads(one, "answer", answered.body),
    )


def _headers(headers: Headers, caption: str) -> SafeString:
    return components.table(
        caption,
        [Column(label=_("Header")), Column(label=_("Value"))],
        [Row([name, Cell(code_lines([value]))]) for name, value in headers],
        hide_caption=True,
    )


def _parameters(text: str | bytes) -> SafeString | str:
    try:
        pairs = Parameters.read(text).pairs if text else ()
    except MalformedForm:
        return ""
    if not pairs or (isinstance(text, bytes) and b"=" not in text):
        return ""
    return components.table(
        _("Parameters"),
        [Column(label=_("Name")), Column(label=_("Value"))],
        [Row([name, Cell(code_lines([value]))]) for name, value in pairs[:_MOST_PARAMETERS]],
    )


def _pretty(body: bytes) -> str:
    """XML with its elements on lines of their own; nothing for anything else."""
    if len(body) > _SHOWN_BYTES or body.lstrip()[:1] != b"<":
        return ""
    try:
        root = xml.parse(body).node
    except xml.MalformedXml:
        return ""
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")


def _raw(body: bytes, label: str) -> SafeString | str:
    if len(body) > _SHOWN_BYTES:
        return ""
    try:
        return document(body.decode("utf-8"), label=label)
    except UnicodeDecodeError:
        return document(body[:_HEX_BYTES].hex(" ", 2), label=label)


def _note(body: bytes, *, is_form: bool) -> str:
    if not body:
        return _("There is no body.")
    if len(body) > _SHOWN_BYTES:
        return _("The body has %(number)s bytes; take it along to read it.") % {
            "number": components.number(len(body))
        }
    if is_form:
        return ""
    if body.lstrip()[:1] != b"<":
        return _("The body is no XML.")
    return "" if _pretty(body) else _("The body looks like XML and cannot be read as such.")


def _downloads(one: Exchange, part: str, body: bytes) -> SafeString | str:
    if not body:
        return ""
    return components.downloads(
        [
            components.Download(
                _("The body as it crossed the wire"),
                reverse("network:exchange-raw", args=[one.pk, part]),
                "BIN",
                _bytes(len(body)),
            )
        ]
    )


def raw(request: PageRequest, pk: int, part: str) -> HttpResponse:
    """The body as it crossed the wire, to take along; journaled like every opening."""
    one = _seen(request, pk)
    _require_open(request, one)
    if part not in PARTS:
        raise Unknown("exchange.unknown")
    asked, answered = exchanges.opened(
        actor=request.actor, exchange=one, now=request.now, what=part
    )
    body = asked.body if part == "request" else answered.body if answered is not None else b""
    response = HttpResponse(body, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="exchange-{one.pk}-{part}.bin"'
    response["X-Content-Type-Options"] = "nosniff"
    return response

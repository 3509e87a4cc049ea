"""Both institutions beside each other: what each tells about deadlines, applications, housing and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import formats
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from vaihto.web import components
from vaihto.web.agreements.agreement import agreement_of, trail
from vaihto.web.agreements.sheets import (
    DEADLINES,
    PIECES,
    Sheet,
    contact_parts,
    requirements_of,
    sheet_of,
    sheet_words,
)
from vaihto.web.components import Cell, Column, Row
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of


def next_day(text: str, today: date) -> str:
    """A day of every year (MM-DD, or --MM-DD as the network writes it) as the next such date."""
    parts = [part for part in text.replace("--", "").split("-") if part]
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        return text
    month, day = map(int, parts)
    for year in (today.year, today.year + 1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return str(formats.date_format(found, "DATE_FORMAT"))
    return text


def _information(piece: Any) -> SafeString | str:
    if piece is None:
        return ""
    email, phone, links = contact_parts(piece)
    parts = [format_html('<a href="mailto:{0}">{0}</a>', email)] if email else []
    parts += [conditional_escape(phone)] if phone else []
    parts += [_link(one) for one in links]
    return format_html_join(", ", "{}", ((part,) for part in parts))


def _link(address: str) -> SafeString:
    """An address of the web as a link; anything else only as text."""
    if not address.startswith(("https://", "http://")):
        return conditional_escape(address)
    return format_html('<a href="{0}" rel="noopener noreferrer">{0}</a>', address)


def _lines(sheet: Sheet, today: date) -> dict[str, Any]:
    if sheet.facts is None:
        return {}
    facts = sheet.facts
    found: dict[str, Any] = {
        name: next_day(getattr(facts, name) or "", today) for name in DEADLINES
    }
    for name in ("decision_weeks", "transcript_weeks"):
        value = getattr(facts, name)
        found[name] = "" if value is None else str(value)
    for name in PIECES:
        found[name] = _information(getattr(facts, name))
    found["requirements"] = requirements_of(facts)
    return found


def factsheets(request: Request, pk: int) -> HttpResponse:
    """Our factsheet and the partner's, line by line."""
    one = agreement_of(request, pk)
    ours, theirs = sheet_of(one.institution), sheet_of(one.partner)
    left, right = _lines(ours, request.today), _lines(theirs, request.today)
    rows: Sequence[Row] = [
        Row([word, Cell(left.get(name, "") or "–"), Cell(right.get(name, "") or "–")])
        for name, word in sheet_words().items()
    ]
    missing = [
        _("%(institution)s publishes no factsheet.") % {"institution": name_of(each)}
        for each, sheet in ((one.institution, ours), (one.partner, theirs))
        if sheet.facts is None
    ]
    return page(
        request,
        "agreements/factsheets.html",
        heading=_("Both institutions"),
        lead=_("What the institutions tell about coming to them. It may change at any time and needs no approval."),
        trail=trail(one),
        missing=missing,
        table=components.table(
            _("Factsheets"),
            [
                Column(label=_("About")),
                Column(label=name_of(one.institution), hint=ours.origin),
                Column(label=name_of(one.partner), hint=theirs.origin),
            ],
            rows,
            hide_caption=True,
        ),
        pages=[
            (name_of(each), reverse("office:institution", args=[each.pk]))
            for each in (one.institution, one.partner)
        ],
    )  # fmt: skip

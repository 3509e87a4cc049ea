"""A guest proposes changes: the office's own form, seen from the partner's side."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from vaihto.agreements import actions
from vaihto.agreements.checks import check
from vaihto.agreements.models import Agreement
from vaihto.agreements.terms import ORDER, Terms
from vaihto.agreements.words import KINDS
from vaihto.channels import guest
from vaihto.channels.models import GuestLink
from vaihto.refusals import Refusal, Stale
from vaihto.web import components
from vaihto.web.agreements.conditions import (
    Around,
    Row,
    Shown,
    clean_text,
    fields_of_study,
    put,
    rearranged,
    rows_of,
    sent,
    shown,
    terms_of,
)
from vaihto.web.frame import Request
from vaihto.web.guest.door import behind_the_door, guest_page
from vaihto.web.guest.reading import back, context
from vaihto.web.wording import sentence_of


def _base(one: Agreement, wanted: str) -> tuple[str, Terms]:
    """The terms that the form begins with: our proposal, or with `own` the guest's last version."""
    received = one.received_copy
    theirs = received.current.copy if received and received.current else None
    if wanted.startswith("own") and theirs is not None:
        return "own", theirs.terms
    return "proposal", one.terms


@behind_the_door
def propose(request: Request, link: GuestLink, secret: str) -> HttpResponseBase:
    """The conditions as a form; a button that changes rows sends everything."""
    one = link.agreement
    theirs, ours = one.partner.hei_id, one.institution.hei_id
    is_sent = request.method == "POST"
    data = request.POST if is_sent else request.GET
    base, before = _base(one, data.get("base", ""))
    seen = one.current.digest if one.current else ""
    if not is_sent:
        return _page(request, link, secret, rows_of(before, theirs, ours), base=base, seen=seen)
    rows = sent(request.POST)
    known = request.POST.get("seen", "")
    if wanted := request.POST.get("do", ""):
        rows, at = rearranged(rows, wanted, request.POST)
        return _page(request, link, secret, rows, base=base, seen=known, at=at)
    terms = terms_of(rows, before, theirs, ours)
    conditions = shown(rows, Around(one.partner, one.institution))
    valid = [form.is_valid() for each in conditions for form in each.forms]  # each is asked
    if not all(valid):
        return _page(
            request, link, secret, rows, base=base, seen=known, conditions=conditions, status=400
        )
    note = clean_text(request.POST.get("note", "")[:5000])
    try:
        guest.propose(link=link, terms=terms, seen=known, now=request.now, note=note)
    except Stale as refusal:
        notice = components.notice(
            _("Your values are still below. Sending again proposes them."),
            tone="warn",
            title=sentence_of(refusal).sentence,
        )
        return _page(request, link, secret, rows, base=base, seen=seen, notice=notice, status=409)
    except actions.NotReady:
        return _page(request, link, secret, rows, base=base, seen=known, look=True, status=400)
    except Refusal as refusal:
        told = sentence_of(refusal)
        notice = components.notice(told.remedy, tone="bad", title=told.sentence)
        return _page(request, link, secret, rows, base=base, seen=known, notice=notice, status=409)
    messages.success(
        request, _("Your version was sent. You will get a letter when there is an answer.")
    )
    return back(secret)


def _page(
    request: Request,
    link: GuestLink,
    secret: str,
    rows: list[Row],
    *,
    base: str,
    seen: str,
    conditions: list[Shown] | None = None,
    look: bool = False,
    at: int | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    one = link.agreement
    around = Around(one.partner, one.institution)
    made = conditions if conditions is not None else shown(rows, around)
    general: list[str] = []
    if look:
        parties = frozenset({one.institution.hei_id, one.partner.hei_id})
        terms = terms_of(rows, _base(one, base)[1], one.partner.hei_id, one.institution.hei_id)
        general = put(check(terms, parties=parties), made)
    wrong = look or conditions is not None
    return guest_page(
        request,
        "guest/propose.html",
        status=status,
        heading=_("Propose changes"),
        secret=secret,
        **context(link),
        notice=notice,
        general=general,
        conditions=made,
        all_forms=[form for each in made for form in each.forms] if wrong else [],
        base=base,
        seen=seen,
        fields_of_study=fields_of_study() if made else [],
        kinds=[(kind.value, _(KINDS[kind])) for kind in ORDER],
        directions=[("both", _("in both directions")), ("out", around.out), ("in", around.back)],
        at=at,
        note=request.POST.get("note", ""),
    )

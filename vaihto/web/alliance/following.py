"""Copies of the members beside the alliance's text: brought in step, or left as they are by a person's decision."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.agreements import actions
from vaihto.agreements.alliances import Bilateral, Step, bilaterals, holding
from vaihto.agreements.comparison import Weight, compare
from vaihto.agreements.models import Agreement, AllianceAgreement
from vaihto.institutions.models import Institution
from vaihto.journal.actors import May
from vaihto.refusals import NotAllowed, Refusal
from vaihto.web import components
from vaihto.web.agreements.agreement import conditions_table
from vaihto.web.agreements.comparing import Speech, boxes
from vaihto.web.agreements.conditions import clean_text
from vaihto.web.alliance.texts import (
    address,
    names_of_members,
    own_places,
    reads_all,
    refused,
    step_badge,
    trail,
    whole_of,
)
from vaihto.web.components import Cell, Column, Row
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of
from vaihto.web.wording import sentence_of


@require_POST
def step(request: Request, code: str, pk: int) -> HttpResponse:
    """Brings one's own copies in step now; each tells what came of it."""
    whole = whole_of(request, code, pk)
    now = holding(whole, on=request.today)
    places = own_places(request.actor, May.AGREEMENTS_EDIT, now.bound)
    if not places:
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    rows = [
        _stepped(request, whole, one, other)
        for one in places
        for other in now.bound
        if other != one
    ]
    return page(
        request,
        "agreements/results.html",
        heading=_("Brought in step"),
        lead=whole.name,
        trail=trail(whole),
        table=components.table(
            _("Results"),
            (
                Column(label=_("Member")),
                Column(label=_("With")),
                Column(label=_("What came of it")),
            ),
            rows,
            hide_caption=True,
        ),
        back=address(whole),
        back_word=_("Back to the agreed text"),
    )


def _stepped(
    request: Request, whole: AllianceAgreement, one: Institution, other: Institution
) -> Row:
    try:
        came = actions.bring_in_step(
            actor=request.actor,
            agreement=whole,
            institution=one,
            partner=other,
            now=request.now,
        )
    except Refusal as refusal:
        said = sentence_of(refusal)
        word = Cell(components.badge(_("refused"), "bad"), note=f"{said.sentence} {said.remedy}")
    else:
        word = Cell(_done_word(came.value))
    return Row((name_of(one), name_of(other), word))


def _done_word(came: str) -> str:
    return {
        "made": _("made and proposed"),
        "taken-in": _("the partner's copy taken in"),
        "changed": _("changed to the new text"),
        "nothing": _("was in step"),
        "departs": _("departs on purpose; left as it is"),
        "elsewhere": _("another agreement of these years; left as it is"),
    }[came]


# One member's copy --------------------------------------------------------------------------------


def copy(request: Request, code: str, pk: int, member: int, partner: int) -> HttpResponse:
    """Where the copy of a member departs from the text, condition by condition, and what to do about it."""
    whole = whole_of(request, code, pk)
    now = holding(whole, on=request.today)
    one, other = (
        next((each for each in now.bound if each.pk == number), None)
        for number in (member, partner)
    )
    if one is None or other is None or not one.hosted or one == other:
        raise Http404
    if not (reads_all(request.actor, whole) or request.actor.has(May.AGREEMENTS_READ, one.pk)):
        raise Http404
    (row,) = bilaterals(now, of=[one], among=other)
    unit = row.agreement.unit_id if row.agreement else None
    may_change = request.actor.has(May.AGREEMENTS_EDIT, one.pk, unit)
    if request.method == "POST":
        if not may_change:
            raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
        return _decided(request, whole, row)
    names = names_of_members(now.taking_part)
    received = row.agreement.received_copy if row.agreement else None
    theirs = received.current.copy if received and received.current else None
    seen = compare(row.says, row.agreement.terms) if row.agreement else None
    return page(
        request,
        "alliance/copy.html",
        heading=_("%(member)s with %(partner)s")
        % {"member": name_of(one), "partner": name_of(other)},
        lead=_("%(name)s, text %(number)s")
        % {"name": whole.name, "number": now.text.number if now.text else 0},
        trail=trail(whole),
        whole=whole,
        row=row,
        state=step_badge(row.step),
        sentence=_sentence(row),
        why=row.agreement.current.note
        if row.step is Step.DEPARTS and row.agreement and row.agreement.current
        else "",
        boxes=boxes(seen, names, takes=False, speech=_of_copy()) if seen else [],
        left={"title": _("The text")},
        right={"title": _("The member's copy")},
        theirs=step_badge(row.theirs) if row.theirs else "",
        their_boxes=boxes(compare(row.says, theirs.terms), names, takes=False, speech=_of_copy())
        if theirs and row.theirs is not Step.IN_STEP
        else [],
        their_side={"title": _("The partner's copy")},
        says=conditions_table(row.says, names, caption=_("What the text says"))
        if seen is None
        else "",
        may_change=may_change,
        may_open=row.agreement is not None and request.actor.has(May.AGREEMENTS_READ, one.pk),
        seen=row.agreement.current.number if row.agreement and row.agreement.current else 0,
        elsewhere=row.elsewhere,
    )


def _of_copy() -> Speech:
    """Between the text and a copy: any difference but spelling is a departure."""
    departs = _("departs from the text")
    return Speech(
        only_left=_("only in the text"),
        only_right=_("only in the copy"),
        differs={
            Weight.BLOCKS: departs,
            Weight.DISCUSS: departs,
            Weight.SPELLING: _("the same, written otherwise"),
        },
    )


def _sentence(row: Bilateral) -> str:
    return {
        Step.MISSING: _("There is no agreement between the two yet."),
        Step.ELSEWHERE: _(
            "The two have an agreement of these years that does not follow the text. "
            "It is neither changed nor doubled."
        ),
        Step.IN_STEP: _("The copy says what the text says."),
        Step.BEHIND: _("The copy says what an earlier text said."),
        Step.DEPARTS: _("The copy was changed and says something else than the text."),
        Step.ENDED: _("The agreement is ended as a whole."),
    }[row.step]


def _decided(request: Request, whole: AllianceAgreement, row: Bilateral) -> HttpResponse:
    deed = request.POST.get("deed", "")
    facts: dict[str, Any] = {"actor": request.actor, "now": request.now}
    number = request.POST.get("seen", "")
    try:
        if deed == "take" and row.agreement:
            actions.take_text(
                **facts,
                agreement=row.agreement,
                seen=int(number) if number.isdecimal() else None,
            )
            messages.success(request, _("Our copy says what the text says now."))
        elif deed == "step":
            came = actions.bring_in_step(
                **facts, agreement=whole, institution=row.institution, partner=row.partner
            )
            messages.success(request, _done_word(came.value).capitalize() + ".")
        elif deed == "bind" and (found := _chosen(row, request.POST.get("agreement", ""))):
            actions.bind(**facts, agreement=found, to=whole)
            messages.success(request, _("The agreement follows the text from now on."))
        elif deed == "release" and row.agreement:
            reason = clean_text(request.POST.get("reason", "")[:2000])
            actions.release(**facts, agreement=row.agreement, reason=reason)
            messages.success(request, _("The agreement no longer follows the text."))
        else:
            messages.warning(request, _("Nothing was done: the state has changed meanwhile."))
    except Refusal as refusal:
        refused(request, refusal)
    return HttpResponseRedirect(address(whole, "copy", row.institution.pk, row.partner.pk))


def _chosen(row: Bilateral, number: str) -> Agreement | None:
    return next((one for one in row.elsewhere if str(one.pk) == number), None)

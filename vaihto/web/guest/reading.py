"""What a guest reads: where it stands, the proposal in words, the comparison, what was written, and the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.agreements import words
from vaihto.agreements.comparison import Comparison, compare
from vaihto.agreements.models import Agreement, Side
from vaihto.agreements.paper import names_of, pdf
from vaihto.agreements.serving import standing
from vaihto.agreements.standing import Standing, State
from vaihto.agreements.terms import Condition, Terms
from vaihto.channels import guest, reaching
from vaihto.channels.models import Channel, GuestLink
from vaihto.refusals import Refusal
from vaihto.web import components
from vaihto.web.agreements.agreement import people_of
from vaihto.web.agreements.comparing import boxes
from vaihto.web.agreements.contacts import in_words
from vaihto.web.agreements.remarks import subject_of, subjects, subjects_of
from vaihto.web.agreements.sheets import general_rows
from vaihto.web.components import Event, Fact, Tone
from vaihto.web.frame import Request
from vaihto.web.guest.door import behind_the_door, guest_page
from vaihto.web.offers.words import name_of
from vaihto.web.wording import sentence_of

_FIELDS = (
    "sending_unit", "receiving_unit", "months", "days", "areas", "levels", "skills", "blended", "other_terms",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One condition as a guest reads it."""

    number: int
    title: str
    facts: SafeString


def told(terms: Terms, names: dict[str, str]) -> list[Told]:
    """Every condition in words."""
    return [
        Told(number, _(words.KINDS[one.kind]), _facts(one, names))
        for number, one in enumerate(terms.conditions, 1)
    ]


def _facts(one: Condition, names: dict[str, str]) -> SafeString:
    direction = " → ".join(
        words.value(field, getattr(one, field), names) for field in ("sending", "receiving")
    )
    lines = [
        Fact(_("Direction"), direction),
        Fact(_("Academic years"), words.years(one)),
        Fact(_("How many"), words.people(one)),
    ]
    lines += [
        Fact(_(words.FIELDS[field]), words.value(field, said, names))
        for field in _FIELDS
        if (said := getattr(one, field)) not in (None, "", ())
    ]
    if people := [in_words(who) for who in (*one.sending_contacts, *one.receiving_contacts)]:
        lines.append(Fact(_("Contacts"), "; ".join(people)))
    return components.facts(lines, wide=True)


def names_for(link: GuestLink) -> dict[str, str]:
    """Names of both institutions and of units, as this reader knows them."""
    agreement = link.agreement
    return names_of(agreement) | {
        one.hei_id: name_of(one) for one in (agreement.institution, agreement.partner)
    }


@dataclass(frozen=True)
class Stands:
    """Where the conversation stands, as the guest sees it."""

    word: str
    tone: Tone
    sentence: str
    more: tuple[str, ...] = ()
    agreed: str = ""  # heading of the conditions where they are no proposal any more
    may_approve: bool = False
    may_propose: bool = False
    may_withdraw: bool = False
    may_end: bool = False
    may_take_back: bool = False

    @property
    def is_turn(self) -> bool:
        """Does everybody wait for the guest?"""
        return self.tone == "warn"


def stands(agreement: Agreement, found: Standing) -> Stands:
    """The state in the guest's words, and what it may do."""
    us = {"institution": name_of(agreement.institution)}
    by_link = reaching.channel_of(agreement.institution, agreement.partner) is Channel.GUEST
    mutual = agreement.mutual
    more = []
    if found.moved and mutual and not mutual.terminates:
        more.append(_("What was agreed before stays in force until both sides approve the change."))
    if found.ours_terminates and found.state is not State.TERMINATED:
        more.append(_("The proposal is to end the agreement as a whole."))
    if not by_link:
        more.append(
            _(
                "Both institutions talk about this agreement in another way now; here you can read it."
            )
        )
    taken_before = mutual.taken.digest if mutual else ""
    may = {
        "may_approve": by_link and not found.approved_by_partner,
        "may_propose": by_link and found.state is not State.TERMINATED,
        "may_withdraw": by_link
        and found.approved_by_partner
        and agreement.taken is not None
        and agreement.taken.digest != taken_before,
        "may_end": by_link and found.state is State.IN_FORCE,
        "may_take_back": by_link
        and mutual is not None
        and bool(found.theirs)
        and found.theirs != mutual.theirs.digest,
    }
    word, tone, sentence = _said(found, us)
    if found.approved_by_us and not found.approved_by_partner and found.equivalent:
        more.insert(0, _("%(institution)s has approved already.") % us)
    agreed = ""
    if found.state in {State.IN_FORCE, State.TERMINATED}:
        is_over = found.state is State.TERMINATED
        agreed = _("What was in force") if is_over else _("What is in force")
    return Stands(word, tone, sentence, tuple(more), agreed, **may)


def _said(found: Standing, us: dict[str, str]) -> tuple[str, Tone, str]:
    if found.state is State.TERMINATED:
        return _("Ended"), "plain", _("Both sides have ended this agreement.")
    if found.state is State.IN_FORCE:
        return _("In force"), "good", _("Both sides have approved. Nothing has to be done.")
    if found.approved_by_partner and (found.equivalent or not found.theirs):
        return (
            _("Approved by you"),
            "info",
            _("You have approved. %(institution)s has to approve now.") % us,
        )
    if found.theirs and not found.equivalent and not found.last_edit_ours:
        if found.theirs_terminates and not found.ours_terminates:
            return (
                _("End proposed by you"),
                "info",
                _("You proposed to end the agreement. %(institution)s has to answer.") % us,
            )
        return (
            _("Changes proposed by you"),
            "info",
            _("You proposed changes. %(institution)s has to answer them.") % us,
        )
    return (
        _("Your turn"),
        "warn",
        _("Please read the proposal. Then approve it, or propose changes."),
    )


def comparison_of(agreement: Agreement) -> Comparison | None:
    """The guest's own last version beside our copy; None while it has none."""
    received = agreement.received_copy
    theirs = received.current.copy if received and received.current else None
    return compare(theirs.terms, agreement.terms) if theirs else None


def _differences(seen: Comparison, names: dict[str, str]) -> list[dict[str, Any]]:
    """Only what differs, condition by condition: on a phone the rest would hide it."""
    return [
        {
            "number": box.number,
            "title": box.title,
            "state": box.state,
            "lonely": ""
            if not box.is_missing
            else _("Only your version has this condition.")
            if pair.theirs is None
            else _("Only the proposal has this condition."),
            "lines": [] if box.is_missing else [line for line in box.lines if line.word],
        }
        for box, pair in zip(boxes(seen, names, takes=False), seen.pairs, strict=True)
        if box.differs
    ]


def _written(agreement: Agreement) -> SafeString:
    notes = [one for one in agreement.remarks.all() if one.for_partner][-100:]
    about = subjects_of(notes)
    return components.timeline(
        [
            Event(
                at=one.at,
                title=" ".join(
                    filter(
                        None,
                        (
                            name_of(
                                agreement.partner
                                if one.side == Side.PARTNER
                                else agreement.institution
                            ),
                            about[one.pk],
                        ),
                    )
                ),
                text=one.text,
                by=one.by if one.side == Side.PARTNER else "",
                tone="info" if one.side == Side.OURS else "plain",
            )
            for one in reversed(notes)
        ]
    )


@behind_the_door
def agreement(request: Request, link: GuestLink, secret: str) -> HttpResponse:
    """Everything on one page."""
    one = link.agreement
    found = standing(one)
    names = names_for(link)
    seen = comparison_of(one)
    differs = seen is not None and not seen.is_equivalent
    mutual = one.mutual
    bound = mutual.ours.copy.terms if mutual and found.moved and not mutual.terminates else None
    partner, us = name_of(one.partner), name_of(one.institution)
    return guest_page(
        request,
        "guest/agreement.html",
        heading=_("Agreement between %(institution)s and %(partner)s")
        % {"institution": us, "partner": partner},
        secret=secret,
        link=link,
        one=one,
        institution=us,
        stands=stands(one, found),
        proposal=told(one.terms, names),
        compares=differs,
        differences=_differences(seen, names) if seen and differs else [],
        ending=bool(seen and seen.termination),
        bound=told(bound, names) if bound else [],
        people=people_of(one.current.copy if one.current else None),
        written=_written(one),
        subjects=subjects(one.terms, names),
        has_notes=one.remarks.filter(for_partner=True).exists(),
        code=one.code,
        can_pass_on=link.may_pass_on,
        papers=one.attachments.filter(side=Side.PARTNER),
    )


@behind_the_door
def paper(request: Request, link: GuestLink, secret: str) -> HttpResponse:
    """The agreement as a PDF: the proposal, or with `?text=bound` what is in force."""
    one = link.agreement
    of = one.mutual if request.GET.get("text") == "bound" else None
    if of is None and one.mutual and not standing(one).moved:
        of = one.mutual
    language = get_language() or "en"
    general = general_rows(one, language=language)
    content = pdf(one, of=of, language=language, general=general)
    answer = HttpResponse(content, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{one.code}.pdf"'
    return answer


def back(secret: str, *, at: str = "") -> HttpResponseRedirect:
    """To the agreement."""
    return HttpResponseRedirect(reverse("guest:agreement", args=[secret]) + at)


def refused(request: Request, refusal: Refusal) -> None:
    """A refusal as a message."""
    said = sentence_of(refusal)
    messages.warning(request, f"{said.sentence} {said.remedy}".strip())


@behind_the_door
@require_POST
def comment(request: Request, link: GuestLink, secret: str) -> HttpResponseBase:
    """The guest writes something."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    try:
        place = subject_of(request.POST.get("condition", ""), link.agreement.terms)
        guest.comment(link=link, text=text, now=request.now, condition=place)
    except Refusal as refusal:
        refused(request, refusal)
    else:
        messages.success(request, _("Your comment was sent."))
    return back(secret, at="#written")


def context(link: GuestLink) -> dict[str, Any]:
    """What every page behind the door names."""
    one = link.agreement
    return {
        "link": link,
        "one": one,
        "institution": name_of(one.institution),
        "partner": name_of(one.partner),
        "code": one.code,
    }

"""What the office does for a partner without EWP: links for guests, signed papers, and the partner's new copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.agreements import actions
from vaihto.agreements.attachments import MOST_BYTES
from vaihto.agreements.models import Agreement, ReceivedCopy
from vaihto.channels import file as by_file
from vaihto.channels import guest, reaching
from vaihto.channels.models import Channel, GuestLink, Letter, SignedPaper
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed, Refusal, Stale
from vaihto.web import components
from vaihto.web.agreements.agreement import agreement_of, trail
from vaihto.web.components import Cell, Column, Row
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.rows import tell
from vaihto.web.offers.words import name_of
from vaihto.web.wording import label, sentence_of, shown


def _kept_by(request: Request, pk: int, may: May = May.AGREEMENTS_EDIT) -> Agreement:
    """The agreement, for those who may do this with it."""
    one = agreement_of(request, pk)
    if not request.actor.has(may, one.institution_id, one.unit_id):
        raise NotAllowed("not-allowed", may=str(may))
    return one


def refused(request: Request, refusal: Refusal) -> None:
    """A refusal as a message."""
    said = sentence_of(refusal)
    messages.warning(request, f"{said.sentence} {said.remedy}".strip())


# Links --------------------------------------------------------------------------------------------


class InviteForm(forms.Form):
    """Who gets a link."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    address = forms.EmailField(label=gettext_lazy("E-mail address"))
    function = forms.CharField(label=gettext_lazy("Function"), max_length=200, required=False)
    language = ChoiceField(label=gettext_lazy("Language"))
    days = forms.IntegerField(
        label=gettext_lazy("Open for how many days"), min_value=1, max_value=guest.MOST_DAYS
    )
    may_pass_on = forms.BooleanField(
        label=gettext_lazy("The guest may pass it on to a colleague; you will see to whom"),
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [  # type: ignore[attr-defined]
            (code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES
        ]


def _first_guess(one: Agreement, actor: Actor) -> dict[str, Any]:
    """Whom the office will want to invite: a contact in the partner's copy, a guest of before, or one of another copy.

    Who has a link already is left out.
    """
    found: dict[str, Any] = {"language": "en", "days": guest.DAYS, "may_pass_on": True}
    invited = {
        address.casefold()
        for address in one.guest_links.filter(withdrawn_at__isnull=True).values_list(
            "address", flat=True
        )
    }
    return next(
        (found | who for who in _known(one, actor) if who["address"].casefold() not in invited),
        found,
    )


def _known(one: Agreement, actor: Actor) -> Iterator[dict[str, Any]]:
    """People at this partner of whom the reader may know, the likeliest first."""
    yield from _named_in(one.received_copy)
    others = (
        Agreement.objects.visible_to(actor)
        .filter(institution=one.institution, partner=one.partner)
        .exclude(pk=one.pk)
    )
    for link in GuestLink.objects.filter(agreement__in=others)[:20]:
        facts = ("name", "address", "function", "language")
        yield {name: getattr(link, name) for name in facts}
    copies = ReceivedCopy.objects.filter(agreement__in=others, gone_at__isnull=True)
    for received in copies.select_related("current").order_by("-pk")[:20]:
        yield from _named_in(received)


def _named_in(received: ReceivedCopy | None) -> Iterator[dict[str, Any]]:
    copy = received.current.copy if received and received.current else None
    for contact in copy.author.contacts if copy else ():
        if contact.emails:
            yield {"name": contact.name, "address": contact.emails[0]}


def links(request: Request, pk: int) -> HttpResponse:
    """Who has a link to this agreement, and a form to invite somebody."""
    one = _kept_by(request, pk)
    way = reaching.channel_of(one.institution, one.partner)
    is_sent = request.method == "POST"
    form = InviteForm(request.POST if is_sent else None, initial=_first_guess(one, request.actor))
    if is_sent and form.is_valid():
        try:
            guest.invite(actor=request.actor, agreement=one, now=request.now, **form.cleaned_data)
        except Refusal as refusal:
            tell(form, refusal)
        else:
            messages.success(request, _("The link is made, and a letter with it is on its way."))
            return HttpResponseRedirect(reverse("without-ewp:links", args=[pk]))
    return page(
        request,
        "guest/links.html",
        status=400 if is_sent else 200,
        heading=_("Links for guests"),
        lead=_("%(partner)s reads and answers the agreement in the browser, without an account.")
        % {"partner": name_of(one.partner)},
        trail=trail(one),
        one=one,
        form=form,
        can_invite=way is Channel.GUEST and bool(one.shared_at) and not one.deleted_at,
        is_shared=bool(one.shared_at),
        way=label(Channel, way),
        can_choose=way is not Channel.GUEST
        and Channel.GUEST in reaching.possible(one.institution, one.partner),
        sends_mail=settings.SENDS_MAIL,
        rows=[_told(link, request) for link in one.guest_links.select_related("passed_on_from")],
        default_days=guest.DAYS,
    )


def _told(link: GuestLink, request: Request) -> dict[str, Any]:
    if link.withdrawn_at:
        state = components.badge(_("Withdrawn"), "bad")
    elif not link.is_open(request.now):
        state = components.badge(_("Expired"), "warn")
    else:
        state = components.badge(_("Open"), "good")
    letter = link.letters.order_by("-pk").first()
    waits = letter is not None and letter.ended_at is None
    failed = letter is not None and bool(letter.failure) and not letter.was_sent
    return {
        "link": link,
        "state": state,
        "language": get_language_info(link.language)["name_local"],
        "is_open": link.is_open(request.now),
        "letter": _("The letter could not be handed over (%(code)s).") % {"code": letter.failure}
        if letter and failed
        else _("A letter waits to be sent: %(occasion)s.")
        % {"occasion": label(Letter.Occasion, letter.occasion)}
        if letter and waits
        else "",
    }


@require_POST
def change(request: Request, pk: int, link_pk: int, deed: str) -> HttpResponse:
    """Withdraws or renews a link, or says whether it may be passed on."""
    one = _kept_by(request, pk)
    link = one.guest_links.filter(pk=link_pk).first()
    if link is None or deed not in {"withdraw", "renew", "allow", "forbid"}:
        raise Http404
    facts: dict[str, Any] = {"actor": request.actor, "link": link, "now": request.now}
    days = request.POST.get("days", "")
    try:
        if deed == "withdraw":
            guest.withdraw(**facts)
            told = _("The link is withdrawn; it opens nothing any more.")
        elif deed == "renew":
            guest.renew(
                **facts, days=int(days) if days.isdecimal() and len(days) < 5 else guest.DAYS
            )
            told = _("The link stays open longer. The guest is written to.")
        else:
            guest.allow_passing_on(**facts, allowed=deed == "allow")
            told = _("The choice is kept.")
    except Refusal as refusal:
        refused(request, refusal)
    else:
        messages.success(request, told)
    return HttpResponseRedirect(reverse("without-ewp:links", args=[pk]))


# Signed papers ------------------------------------------------------------------------------------


class SignedForm(forms.Form):
    """A paper that the partner signed."""

    signed_by = forms.CharField(label=gettext_lazy("Who signed for the partner"), max_length=200)
    mandate = forms.CharField(
        label=gettext_lazy("As what"),
        max_length=200,
        help_text=gettext_lazy("The function of who signed, for example Rector."),
    )
    signed_on = forms.DateField(
        label=gettext_lazy("Day of the signature"), widget=forms.DateInput(attrs={"type": "date"})
    )
    file = forms.FileField(
        label=gettext_lazy("Signed PDF"),
        help_text=gettext_lazy("Up to 10 MB. It is kept sealed with the agreement."),
        widget=forms.ClearableFileInput(attrs={"accept": "application/pdf,.pdf"}),
    )


def papers(request: Request, pk: int) -> HttpResponse:
    """Papers the partner signed: bringing one, and settling what waits."""
    one = agreement_of(request, pk)
    may_edit = request.actor.has(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id)
    may_approve = request.actor.has(May.AGREEMENTS_APPROVE, one.institution_id, one.unit_id)
    if not (may_edit or may_approve):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    is_sent = request.method == "POST"
    if is_sent and not may_edit:
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    form = SignedForm(request.POST if is_sent else None, request.FILES if is_sent else None)
    if is_sent and form.is_valid():
        given = form.cleaned_data
        upload = given.pop("file")
        try:
            by_file.bring_signed(
                actor=request.actor,
                agreement=one,
                name=upload.name,
                content=upload.read(MOST_BYTES + 1),
                seen=request.POST.get("seen", ""),
                now=request.now,
                **given,
            )
        except Refusal as refusal:
            tell(form, refusal)
        else:
            messages.success(
                request, _("The paper is kept. A second person who may approve has to confirm it.")
            )
            return HttpResponseRedirect(reverse("without-ewp:papers", args=[pk]))
    found = list(one.signed_papers.select_related("attachment"))
    waiting = next((paper for paper in found if paper.settled_at is None), None)
    return page(
        request,
        "guest/papers.html",
        status=400 if is_sent else 200,
        heading=_("Signed papers of the partner"),
        lead=_("A PDF that the partner signed counts as its approval once a second person has confirmed it."),
        trail=trail(one),
        one=one,
        form=form,
        waiting=waiting,
        is_mine=waiting is not None
        and (waiting.account_id, waiting.by) == (request.actor.account_id, request.actor.label),
        moved=waiting is not None and one.current is not None and waiting.digest != one.current.digest,
        may_edit=may_edit,
        may_approve=may_approve,
        can_bring=may_edit and waiting is None and bool(one.shared_at) and not one.deleted_at,
        seen=one.current.digest if one.current else "",
        rows=components.table(
            _("Signed papers"),
            [
                Column(label=_("Brought")),
                Column(label=_("Signed by")),
                Column(label=_("File")),
                Column(label=_("Outcome")),
            ],
            [_paper_row(paper) for paper in found],
            hide_caption=True,
            empty_text=_("None yet."),
        ),
    )  # fmt: skip


def _paper_row(paper: SignedPaper) -> Row:
    outcome = Cell(_("waits"), tone="warn")
    if paper.settled_at:
        word = _("confirmed") if paper.confirmed else _("refused")
        outcome = Cell(word, note=f"{paper.settled_by}. {paper.reason}".strip())
    address = reverse("agreements:attachment", args=[paper.agreement_id, paper.attachment_id])
    return Row(
        [
            Cell(shown(paper.at), note=paper.by, nowrap=True),
            Cell(paper.signed_by, note=f"{paper.mandate}, {shown(paper.signed_on)}"),
            Cell(paper.attachment.name, href=address),
            outcome,
        ]
    )


@require_POST
def settle(request: Request, pk: int, paper_pk: int, deed: str) -> HttpResponse:
    """Confirms or refuses a signed paper."""
    may = May.AGREEMENTS_APPROVE if deed == "confirm" else May.AGREEMENTS_EDIT
    one = _kept_by(request, pk, may)
    paper = one.signed_papers.filter(pk=paper_pk).first()
    if paper is None or deed not in {"confirm", "refuse"}:
        raise Http404
    facts: dict[str, Any] = {"actor": request.actor, "paper": paper, "now": request.now}
    try:
        if deed == "confirm":
            by_file.confirm_signed(**facts)
            messages.success(request, _("The paper counts as the partner's approval now."))
        else:
            by_file.refuse_signed(**facts, reason=request.POST.get("reason", ""))
            messages.success(request, _("The paper is refused. It stays among the files."))
    except Refusal as refusal:
        refused(request, refusal)
    return HttpResponseRedirect(reverse("without-ewp:papers", args=[pk]))


# The partner's copy under another id --------------------------------------------------------------


def instead(request: Request, pk: int) -> HttpResponse:
    """The partner has a copy of its own under another id now: it takes the place of the one from the link or file."""
    one = _kept_by(request, pk)
    waiting = ReceivedCopy.objects.filter(
        institution=one.institution,
        partner=one.partner,
        agreement__isnull=True,
        gone_at__isnull=True,
        current__isnull=False,
    )
    if request.method == "POST":
        wanted = request.POST.get("copy", "")
        chosen = (
            waiting.filter(pk=int(wanted)).first()
            if wanted.isdecimal() and len(wanted) < 19
            else None
        )
        try:
            if chosen is None:
                raise Stale("guest.no-copy-chosen")
            actions.link_instead(
                actor=request.actor, received=chosen, agreement=one, now=request.now
            )
        except Refusal as refusal:
            refused(request, refusal)
        else:
            messages.success(request, _("The agreement is linked to the partner's new copy."))
            return HttpResponseRedirect(reverse("agreements:agreement", args=[pk]))
    return page(
        request,
        "guest/instead.html",
        heading=_("The partner's copy under a new id"),
        lead=_(
            "When a partner joins the network, its system gives the agreement an id of its own."
        ),
        trail=trail(one),
        one=one,
        now=one.received_copy,
        in_force=one.mutual_id is not None,
        waiting=waiting.select_related("current")[:100],
    )

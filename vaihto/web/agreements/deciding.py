"""Decisions on an agreement: approving exactly what was read, taking back, ending, deleting; each asks first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from vaihto.agreements import actions, words
from vaihto.agreements.checks import Finding
from vaihto.agreements.comparison import Weight
from vaihto.agreements.models import Agreement
from vaihto.agreements.serving import compared, standing
from vaihto.channels import reaching
from vaihto.channels.models import Channel
from vaihto.journal.actors import May
from vaihto.people.models import Role
from vaihto.refusals import NotAllowed, Refusal, Stale
from vaihto.web import components
from vaihto.web.agreements.agreement import (
    agreement_of,
    conditions_table,
    deeds,
    reader_names,
    trail,
)
from vaihto.web.agreements.conditions import clean_text
from vaihto.web.agreements.register import reminder
from vaihto.web.agreements.remarks import subject_of
from vaihto.web.agreements.troubles import not_fresh
from vaihto.web.components import Fact
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of
from vaihto.web.wording import filled, label, sentence_of, shown


def back_to(one: Agreement) -> str:
    """The page of the agreement."""
    return reverse("agreements:agreement", args=[one.pk])


def refused(request: Request, refusal: Refusal) -> None:
    """Puts a refusal on top of the next page."""
    told = sentence_of(refusal)
    messages.warning(request, f"{told.sentence} {told.remedy}".strip())


def _require(request: Request, may: May, one: Agreement) -> None:
    if not request.actor.has(may, one.institution_id, one.unit_id):
        raise NotAllowed("not-allowed", may=str(may))


# Approving ----------------------------------------------------------------------------------------


class MandateForm(forms.Form):
    """In which capacity one approves, and that one has read it."""

    mandate = forms.CharField(
        label=gettext_lazy("You approve as"),
        max_length=200,
        help_text=gettext_lazy("Your office and mandate; kept with the approval and printed."),
        error_messages={"required": gettext_lazy("Say in which capacity you approve.")},
    )
    read = forms.BooleanField(
        label=gettext_lazy("I have read what stands above and approve it for my institution"),
        error_messages={"required": gettext_lazy("Mark that you have read what stands above.")},
    )


def _mandate(request: Request, one: Agreement) -> str:
    """What the person said last, else the name of the role."""
    last = (
        one.institution.agreements.filter(approvals__by=request.actor.label, approvals__side="ours")
        .exclude(approvals__mandate="")
        .order_by("-approvals__at")
        .values_list("approvals__mandate", flat=True)
        .first()
    )
    return last or f"{label(Role.Name, Role.Name.SIGNATORY)}, {name_of(one.institution)}"


def approve(request: Request, pk: int) -> HttpResponse:
    """Shows exactly what would be approved, as the partner serves it this moment; then approves that."""
    one = agreement_of(request, pk)
    _require(request, May.AGREEMENTS_APPROVE, one)
    look = reaching.look(one, actor=request.actor, now=request.now)
    one = agreement_of(request, pk)
    is_sent = request.method == "POST"
    form = MandateForm(
        request.POST if is_sent else None, initial={"mandate": _mandate(request, one)}
    )
    notice, status = "", 200
    if is_sent and look.fresh and form.is_valid():
        try:
            actions.approve(
                actor=request.actor,
                agreement=one,
                digest=request.POST.get("digest", ""),
                mandate=form.cleaned_data["mandate"],
                now=request.now,
            )
        except Stale as refusal:
            told = sentence_of(refusal)
            notice = components.notice(
                _("Below stands what the partner says now. Nothing has been approved."),
                tone="warn",
                title=told.sentence,
            )
            form, status = MandateForm(initial={"mandate": form.cleaned_data["mandate"]}), 409
            one = agreement_of(request, pk)
        except actions.NotApprovable:
            one, status = agreement_of(request, pk), 409
        else:
            messages.success(
                request,
                _("The partner's copy is approved. The partner is told."),
            )
            return HttpResponseRedirect(back_to(one))
    elif is_sent and look.fresh:
        status = 400
    if not look.fresh:
        status = 503 if is_sent else 200
        notice = components.notice(
            _("Nobody can know now whether this is still what the partner says. Try again later."),
            tone="bad",
            title=not_fresh(look),
        )
    return _approval_page(request, one, form, notice=notice, fresh=look.fresh, status=status)


def _approval_page(
    request: Request, one: Agreement, form: MandateForm, *, notice: str, fresh: bool, status: int
) -> HttpResponse:
    names, received = reader_names(one), one.received_copy
    revision = received.current if received else None
    copy = revision.copy if revision else None
    seen = compared(one)
    blocked = [words.obstacle(code, seen) for code in actions.obstacles(one)]
    accepted = [
        f"{words.summary(pair.theirs, names)}. {words.difference(found, names)}"
        for pair in (seen.pairs if seen else ())
        for found in pair.differences
        if found.weight is Weight.DISCUSS and pair.theirs
    ]
    people = ""
    if copy:
        party = copy.author
        people = "; ".join(
            ", ".join(filter(None, (who.name, *who.emails)))
            for who in (
                *([party.signing_contact] if party.signing_contact else []),
                *party.contacts,
            )
        )
    return page(
        request,
        "agreements/approve.html",
        status=status,
        heading=_("Approve the copy of %(partner)s") % {"partner": name_of(one.partner)},
        trail=trail(one),
        one=one,
        notice=notice,
        fresh=fresh,
        blocked=blocked,
        form=form,
        accepted=accepted,
        ends=copy is not None and copy.terms.is_terminated,
        digest=revision.digest if revision else "",
        conditions=conditions_table(copy.terms, names, caption=_("The partner's copy"))
        if copy
        else None,
        facts=components.facts(
            [
                Fact(_("Copy of"), name_of(one.partner)),
                Fact(_("Partner's code"), copy.author.code or ""),
                Fact(_("Partner's id"), received.iia_id),
                Fact(_("Version"), revision.number),
                Fact(_("Came"), shown(revision.came_at)),
                Fact(_("Confirmed"), shown(received.confirmed_at)),
                Fact(_("Partner's contacts"), people),
                Fact(_("Who approves"), request.actor.label),
                Fact(_("For"), name_of(one.institution)),
            ]
        )
        if revision and copy and received
        else None,
        back=back_to(one),
    )


# Looking, writing, channels -----------------------------------------------------------------------


@require_POST
def look(request: Request, pk: int) -> HttpResponse:
    """Asks the partner's side now."""
    one = agreement_of(request, pk)
    _require(request, May.AGREEMENTS_EDIT, one)
    before = _known(one)
    seen = reaching.look(one, actor=request.actor, now=request.now)
    if not seen.fresh:
        messages.warning(request, not_fresh(seen))
    elif _known(agreement_of(request, pk)) != before:
        messages.success(request, _("The partner's side was asked; something is new."))
    else:
        messages.success(request, _("The partner's side was asked; nothing is new."))
    return HttpResponseRedirect(back_to(one))


@require_POST
def remark(request: Request, pk: int) -> HttpResponse:
    """Writes a note, for colleagues or for the partner too."""
    one = agreement_of(request, pk)
    _require(request, May.AGREEMENTS_EDIT, one)
    try:
        actions.remark(
            actor=request.actor,
            agreement=one,
            text=request.POST.get("text", "")[:5000].replace("\r\n", "\n"),
            for_partner=request.POST.get("for_partner") == "yes",
            condition=subject_of(request.POST.get("condition", ""), one.terms),
            now=request.now,
        )
    except Refusal as refusal:
        refused(request, refusal)
    else:
        messages.success(request, _("The note is kept."))
    return HttpResponseRedirect(f"{back_to(one)}#history")


@require_POST
def channel(request: Request, pk: int) -> HttpResponse:
    """Chooses how the partner is reached from now on; what was said stays."""
    one = agreement_of(request, pk)
    _require(request, May.AGREEMENTS_EDIT, one)
    wanted = request.POST.get("channel", "")
    if wanted in Channel.values:
        try:
            reaching.choose(
                actor=request.actor,
                institution=one.institution,
                partner=one.partner,
                channel=Channel(wanted),
                now=request.now,
            )
        except Refusal as refusal:
            refused(request, refusal)
        else:
            messages.success(
                request,
                _("%(partner)s is reached so from now on: %(channel)s.")
                % {"partner": name_of(one.partner), "channel": label(Channel, wanted)},
            )
    return HttpResponseRedirect(back_to(one))


# Deeds that ask first -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """How a deed is asked about: its words, what will happen, and whether the partner's side is seen first."""

    heading: Any
    sentence: Any
    consequences: tuple[Any, ...]
    word: Any
    done: Any
    act: Callable[..., Any]
    may: May = May.AGREEMENTS_EDIT
    danger: bool = False
    looks: bool = False
    reason: str = ""  # "", "may" (a reason for the history) or "note" (to the partner)


def _revert(*, reason: str, **facts: Any) -> None:
    actions.revert(**facts)


def _withdraw(*, reason: str, **facts: Any) -> None:
    actions.withdraw_approval(**facts)


def _propose(*, reason: str, **facts: Any) -> None:
    actions.propose(**facts)


def _remind(*, reason: str, **facts: Any) -> None:
    reaching.remind(note=clean_text(reason), **facts)


_DEEDS: dict[str, _Asked] = {
    "remind": _Asked(
        heading=gettext_lazy("Remind the partner"),
        sentence=gettext_lazy("The partner is told once more that it is its turn."),
        consequences=(
            gettext_lazy("Over the network word of our copy and of our approval goes out again; "
                         "the partner's system then fetches both."),
            gettext_lazy("Partners with a link get a letter with the note below."),
        ),
        word=gettext_lazy("Remind"),
        done=gettext_lazy("The partner is reminded."),
        act=_remind,
        reason="note",
    ),
    "propose": _Asked(
        heading=gettext_lazy("Propose to the partner"),
        sentence=gettext_lazy("The partner sees our copy from now on."),
        consequences=(
            gettext_lazy("The partner is told over its channel."),
            gettext_lazy("Nothing is in force before both sides have approved."),
        ),
        word=gettext_lazy("Propose"),
        done=gettext_lazy("The agreement was proposed to the partner."),
        act=_propose,
    ),
    "revert": _Asked(
        heading=gettext_lazy("Go back to what is in force"),
        sentence=gettext_lazy("Our copy will say again, byte for byte, what both sides approved last."),
        consequences=(
            gettext_lazy("Our change is given up; it stays in the history."),
            gettext_lazy("If we approved a newer copy of the partner, that approval is taken back."),
            gettext_lazy("The partner is told."),
        ),
        word=gettext_lazy("Go back"),
        done=gettext_lazy("Our copy says again what is in force."),
        act=_revert,
        looks=True,
    ),
    "withdraw-approval": _Asked(
        heading=gettext_lazy("Take our approval back"),
        sentence=gettext_lazy("We will no longer say that the partner's present copy is approved."),
        consequences=(
            gettext_lazy("The partner's side is looked at first: if it has approved meanwhile, "
                         "the agreement is in force and nothing can be taken back."),
            gettext_lazy("What was in force before stays in force."),
            gettext_lazy("The partner is told."),
        ),
        word=gettext_lazy("Take the approval back"),
        done=gettext_lazy("Our approval is taken back."),
        act=_withdraw,
        may=May.AGREEMENTS_APPROVE,
        looks=True,
    ),
    "terminate": _Asked(
        heading=gettext_lazy("End the agreement"),
        sentence=gettext_lazy("Our copy will say that the agreement is ended as a whole."),
        consequences=(
            gettext_lazy("It ends when both sides have approved such copies; until then it stays in force."),
            gettext_lazy("The template asks for notice of one academic year: notice by 1 September "
                         "takes effect on 1 September of the next year."),
            gettext_lazy("To end it only from a year on, shorten the last academic year instead."),
        ),
        word=gettext_lazy("Propose the end"),
        done=gettext_lazy("Our copy says that the agreement is ended. The partner is told."),
        act=actions.terminate,
        danger=True,
        reason="may",
    ),
    "delete": _Asked(
        heading=gettext_lazy("Delete the agreement"),
        sentence=gettext_lazy("The agreement is taken out of the network for good."),
        consequences=(
            gettext_lazy("The partner's side is looked at first: an agreement in force cannot be deleted."),
            gettext_lazy("Its id is never used again. Its history stays here."),
            gettext_lazy("The partner finds that our copy is gone."),
        ),
        word=gettext_lazy("Delete it"),
        done=gettext_lazy("The agreement is deleted."),
        act=actions.delete,
        danger=True,
        looks=True,
        reason="may",
    ),
    "unlink": _Asked(
        heading=gettext_lazy("Unlink the partner's copy"),
        sentence=gettext_lazy("Our agreement and the partner's copy will no longer be the same one."),
        consequences=(
            gettext_lazy("The copy becomes a proposal again, to be linked to another agreement."),
            gettext_lazy("Our copy no longer names the partner's id, so approvals no longer fit it."),
        ),
        word=gettext_lazy("Unlink"),
        done=gettext_lazy("The partner's copy is unlinked."),
        act=actions.unlink,
        danger=True,
        reason="may",
    ),
}  # fmt: skip


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Kept in the history."),
    )


class NoteForm(forms.Form):
    """What to write to the partner."""

    reason = forms.CharField(
        label=gettext_lazy("A note to the partner"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "Kept in the history. The network itself carries no notes; partners with a link or on this "
            "installation read it."
        ),
    )


def _form(request: Request, one: Agreement, asked: _Asked) -> ReasonForm | NoteForm | None:
    data = request.POST if request.method == "POST" else None
    if asked.reason == "note":
        return NoteForm(data, initial={"reason": reminder(one)})
    return ReasonForm(data) if asked.reason else None


def _known(one: Agreement) -> str:
    """What one knows of both sides, short: a decision made on other knowledge asks again."""
    found = standing(one)
    parts = (found.ours, found.theirs, found.given, found.received)
    return ":".join([found.state.value, *(part[:12] for part in parts)])


def deed(request: Request, pk: int, deed: str) -> HttpResponse:
    """Asks, says what will happen, and does it."""
    asked = _DEEDS.get(deed)
    one = agreement_of(request, pk)
    if asked is None:
        raise Http404
    _require(request, asked.may, one)
    notice, status = "", 200
    form = _form(request, one, asked)
    if request.method == "POST" and (form is None or form.is_valid()):
        if asked.looks:
            look = reaching.look(one, actor=request.actor, now=request.now)
            one = agreement_of(request, pk)
            if not look.fresh:
                notice, status = not_fresh(look), 503
        if not notice and "known" in request.POST and request.POST["known"] != _known(one):
            notice, status = _("Something changed meanwhile. Read again, then decide."), 409
        if not notice:
            answer = _done(request, one, asked, form)
            if answer is not None:
                return answer
            one, status = agreement_of(request, pk), 409
    elif request.method != "POST" and asked.looks:
        look = reaching.look(one, actor=request.actor, now=request.now)
        one = agreement_of(request, pk)
        if not look.fresh:
            notice = not_fresh(look)
    offered = {each.name for each in deeds(one, standing(one), request.actor)}
    if deed not in offered and not notice:
        notice = _("This is not possible in the present state of the agreement.")
    return page(
        request,
        "agreements/deed.html",
        status=status,
        heading=asked.heading,
        trail=trail(one),
        notice=components.notice(notice, tone="warn") if notice else "",
        sentence=asked.sentence,
        about=components.facts(
            [
                Fact(_("Agreement"), str(one)),
                Fact(_("Partner"), name_of(one.partner)),
                Fact(_("State"), words.state(standing(one).state.value)),
            ]
        ),
        consequences=asked.consequences,
        form=form,
        hidden=[("known", _known(one))],
        deed=asked.word,
        danger=asked.danger,
        possible=deed in offered,
        back=back_to(one),
    )


def _done(
    request: Request, one: Agreement, asked: _Asked, form: ReasonForm | NoteForm | None
) -> HttpResponse | None:
    try:
        asked.act(
            actor=request.actor,
            agreement=one,
            now=request.now,
            reason=form.cleaned_data["reason"] if form else "",
        )
    except actions.NotReady as refusal:
        told = sentence_of(refusal)
        messages.warning(request, f"{told.sentence} {told.remedy}")
        return HttpResponseRedirect(f"{reverse('agreements:edit', args=[one.pk])}?check=all")
    except Refusal as refusal:
        refused(request, refusal)
        return None
    messages.success(request, str(asked.done))
    if one.deleted_at or asked.act is actions.delete:
        return HttpResponseRedirect(reverse("agreements:register"))
    return HttpResponseRedirect(back_to(one))


def finding_sentence(found: Finding) -> str:
    """A finding in words."""
    return filled(found.sentence, {"value": found.value})

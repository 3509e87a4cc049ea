"""Deeds about agreed texts: begun, put to the members, consented to, taken back, closed; each says what it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from vaihto.agreements import actions
from vaihto.agreements.alliances import holding, participants, read_lines
from vaihto.agreements.comparison import compare
from vaihto.agreements.models import AllianceAgreement, Programme
from vaihto.institutions.models import Institution
from vaihto.journal.actors import May
from vaihto.refusals import NotAllowed, Refusal
from vaihto.web import components
from vaihto.web.agreements.agreement import conditions_table
from vaihto.web.agreements.comparing import boxes
from vaihto.web.agreements.conditions import clean_text
from vaihto.web.alliance.overview import may_edit, visible_alliance
from vaihto.web.alliance.texts import (
    address,
    names_of_members,
    of_texts,
    open_text,
    refused,
    spoken,
    trail,
    whole_of,
)
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.rows import tell
from vaihto.web.offers.words import name_of
from vaihto.web.wording import options, sentence_of


class MembersForm(forms.Form):
    """Who takes part."""

    members = forms.MultipleChoiceField(
        label=gettext_lazy("Who takes part"), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any, *, choices: Sequence[Institution], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.known = {one.hei_id: one for one in choices}
        self.fields["members"].choices = [  # type: ignore[attr-defined]
            (one.hei_id, name_of(one)) for one in choices
        ]

    @property
    def chosen(self) -> list[Institution]:
        """The members that were chosen."""
        return [self.known[key] for key in self.cleaned_data["members"]]


class BeginForm(MembersForm):
    """A new text over many members."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    programme = ChoiceField(label=gettext_lazy("Programme"))
    field_order = ("name", "programme", "members")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["programme"].choices = options(Programme)  # type: ignore[attr-defined]


def begin(request: Request, code: str) -> HttpResponse:
    """A new agreed text: its name, its programme and its members."""
    alliance = visible_alliance(request, code)
    if not may_edit(request.actor, alliance):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))
    choices = sorted(alliance.members(on=request.today), key=name_of)
    form = BeginForm(
        request.POST if request.method == "POST" else None,
        choices=choices,
        initial={"members": [one.hei_id for one in choices], "programme": Programme.ERASMUS},
    )
    if request.method == "POST" and form.is_valid():
        try:
            whole = actions.begin_alliance_agreement(
                actor=request.actor,
                alliance=alliance,
                name=clean_text(form.cleaned_data["name"]),
                programme=form.cleaned_data["programme"],
                members=form.chosen,
                now=request.now,
            )
        except Refusal as refusal:
            tell(form, refusal)
        else:
            return HttpResponseRedirect(address(whole, "write-agreement"))
    return page(
        request,
        "alliance/members.html",
        status=400 if form.errors else 200,
        heading=_("New agreed text"),
        lead=alliance.name,
        trail=trail(alliance),
        form=form,
        word=_("Go on to the conditions"),
        back=reverse("alliance:agreements", args=[code]),
    )


def members(request: Request, code: str, pk: int) -> HttpResponse:
    """Who takes part from today on."""
    whole = whole_of(request, code, pk)
    if not may_edit(request.actor, whole.alliance):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))
    present = participants(whole, on=request.today)
    choices = sorted({*whole.alliance.members(on=request.today), *present}, key=name_of)
    form = MembersForm(
        request.POST if request.method == "POST" else None,
        choices=choices,
        initial={"members": [one.hei_id for one in present]},
    )
    if request.method == "POST" and form.is_valid():
        try:
            actions.set_members(
                actor=request.actor, agreement=whole, members=form.chosen, now=request.now
            )
        except Refusal as refusal:
            tell(form, refusal)
        else:
            messages.success(request, _("These members take part from today on."))
            return HttpResponseRedirect(address(whole))
    return page(
        request,
        "alliance/members.html",
        status=400 if form.errors else 200,
        heading=_("Who takes part"),
        lead=whole.name,
        trail=trail(whole),
        form=form,
        word=_("Save"),
        hint=_(
            "Who joins is bound once it has consented to the text that counts. Who leaves keeps its "
            "agreements; they are changed or ended one by one."
        ),
        back=address(whole),
    )


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )


class ProofForm(forms.Form):
    """How a member without a system here gave its word."""

    note = forms.CharField(
        label=gettext_lazy("How and when it consented"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "For instance: letter of the rector, 3 May 2026, kept in the archive."
        ),
    )


def consent(request: Request, code: str, pk: int, member: int) -> HttpResponse:
    """What the member binds itself to, word by word; then its consent."""
    whole = whole_of(request, code, pk)
    now = holding(whole, on=request.today)
    one = next((each for each in now.taking_part if each.pk == member), None)
    talked = open_text(whole)
    text = talked if talked and talked.put_at else now.text
    if one is None or text is None:
        raise Http404
    if one.hosted:
        request.actor.require(May.AGREEMENTS_APPROVE, one.pk, None)
    elif not may_edit(request.actor, whole.alliance):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))
    form = None if one.hosted else ProofForm(request.POST if request.method == "POST" else None)
    notice, status = "", 200
    if request.method == "POST" and (form is None or form.is_valid()):
        if request.POST.get("text") != str(text.pk):
            notice, status = (
                components.notice(
                    _(
                        "Below stands what is before the members now. You have consented to nothing."
                    ),
                    tone="warn",
                    title=_("The text was replaced after you opened it."),
                ),
                409,
            )
        else:
            try:
                actions.consent(
                    actor=request.actor,
                    text=text,
                    institution=one,
                    note=clean_text(form.cleaned_data["note"]) if form else "",
                    now=request.now,
                )
            except Refusal as refusal:
                told = sentence_of(refusal)
                notice = components.notice(told.remedy, tone="bad", title=told.sentence)
                status = 409
            else:
                text.refresh_from_db()
                messages.success(
                    request,
                    _(
                        "Everybody has consented: the text counts, and the copies are brought in step."
                    )
                    if text.adopted_at
                    else _("The consent is kept. The text counts once everybody has consented."),
                )
                return HttpResponseRedirect(address(whole))
    names = names_of_members(now.taking_part)
    return page(
        request,
        "agreements/deed.html",
        status=400 if form is not None and form.errors else status,
        heading=_("Consent of %(institution)s") % {"institution": name_of(one)},
        lead=_("%(name)s, text %(number)s") % {"name": whole.name, "number": text.number},
        trail=trail(whole),
        form=form,
        notice=notice,
        hidden=[("text", str(text.pk))],
        sentence=text.note,
        about=conditions_table(
            spoken(read_lines(text.lines), names), {}, caption=_("What the text says")
        ),
        boxes=boxes(
            compare(spoken(now.lines[0], names), spoken(read_lines(text.lines), names)),
            {},
            takes=False,
            speech=of_texts(),
        )
        if now.text and now.text != text
        else [],
        left={"title": _("What counts")},
        right={"title": _("The new text")},
        consequences=[
            ngettext(
                "It holds between you and %(count)s other member once everybody has consented.",
                "It holds between you and each of %(count)s other members once everybody has consented.",
                len(now.taking_part) - 1,
            )
            % {"count": len(now.taking_part) - 1},
            _(
                "Your copies are then made and proposed, or changed where they said what the text before said."
            ),
            _("Each agreement comes into force only when both partners have approved it."),
            _("A copy that you changed on purpose stays as it is; you decide about it."),
        ],
        possible=True,
        danger=False,
        deed=_("Consent for %(institution)s") % {"institution": name_of(one)},
        back=address(whole),
    )


def take_back(request: Request, code: str, pk: int) -> HttpResponse:
    """Takes the text that is talked about back."""
    return _with_reason(
        request,
        whole_of(request, code, pk),
        heading=_("Take the text back"),
        consequences=[
            _("What counted before goes on counting."),
            _("Consents to the text that is taken back are kept as history and bind nobody."),
        ],
        deed=_("Take the text back"),
        act=actions.drop_text,
        told=_("The text was taken back."),
    )


def close(request: Request, code: str, pk: int) -> HttpResponse:
    """Nothing follows the text any more."""
    return _with_reason(
        request,
        whole_of(request, code, pk),
        heading=_("Close this agreed text"),
        consequences=[
            _("Nothing is kept in step with it any more, and it cannot be opened again."),
            _(
                "The agreements between members stay as they are; each is ended by its two partners."
            ),
        ],
        deed=_("Close it"),
        act=actions.close_alliance_agreement,
        told=_("The agreed text is closed."),
    )


def _with_reason(
    request: Request,
    whole: AllianceAgreement,
    *,
    heading: str,
    consequences: Sequence[str],
    deed: str,
    act: Any,
    told: str,
) -> HttpResponse:
    if not may_edit(request.actor, whole.alliance):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))
    form = ReasonForm(request.POST if request.method == "POST" else None)
    notice = ""
    if request.method == "POST" and form.is_valid():
        try:
            act(
                actor=request.actor,
                agreement=whole,
                reason=clean_text(form.cleaned_data["reason"]),
                now=request.now,
            )
        except Refusal as refusal:
            said = sentence_of(refusal)
            notice = components.notice(said.remedy, tone="bad", title=said.sentence)
        else:
            messages.success(request, told)
            return HttpResponseRedirect(address(whole))
    return page(
        request,
        "agreements/deed.html",
        status=400 if form.errors else 409 if notice else 200,
        heading=heading,
        lead=whole.name,
        trail=trail(whole),
        form=form,
        notice=notice,
        hidden=[],
        sentence="",
        about="",
        consequences=consequences,
        possible=True,
        danger=True,
        deed=deed,
        back=address(whole),
    )


@require_POST
def put(request: Request, code: str, pk: int) -> HttpResponse:
    """Lays the draft before the members."""
    whole = whole_of(request, code, pk)
    if not may_edit(request.actor, whole.alliance):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))
    try:
        text = actions.put_text(actor=request.actor, agreement=whole, now=request.now)
    except actions.NotReady:
        messages.warning(
            request, _("The text is not complete yet. What is missing is marked below.")
        )
        return HttpResponseRedirect(address(whole, "write-agreement") + "?check=")
    except Refusal as refusal:
        refused(request, refusal)
    else:
        messages.success(
            request, _("Text %(number)s is before the members.") % {"number": text.number}
        )
    return HttpResponseRedirect(address(whole))

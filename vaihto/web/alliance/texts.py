"""The agreed texts of an alliance: which there are, who consented, what they say, and which copies follow them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from vaihto.agreements import actions
from vaihto.agreements.alliances import (
    Bilateral,
    Holding,
    Line,
    Step,
    bilaterals,
    holding,
    participants,
    read_lines,
)
from vaihto.agreements.comparison import Weight, compare
from vaihto.agreements.models import AllianceAgreement, AllianceText, Programme
from vaihto.agreements.terms import Terms
from vaihto.institutions.models import Alliance, Institution
from vaihto.journal.actors import Actor, May
from vaihto.journal.models import Entry
from vaihto.refusals import NotAllowed, Refusal
from vaihto.web import components
from vaihto.web.agreements.agreement import conditions_table
from vaihto.web.agreements.comparing import Speech, boxes
from vaihto.web.agreements.conditions import clean_text
from vaihto.web.agreements.register import state_badge
from vaihto.web.alliance.overview import may_edit, views_of, visible_alliance
from vaihto.web.components import Cell, Column, Event, Row, Tone
from vaihto.web.deeds import events
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.rows import tell
from vaihto.web.offers.words import name_of
from vaihto.web.wording import label, options, sentence_of, shown

STEP_TONES: dict[Step, Tone] = {
    Step.MISSING: "warn",
    Step.ELSEWHERE: "warn",
    Step.IN_STEP: "good",
    Step.BEHIND: "warn",
    Step.DEPARTS: "bad",
    Step.ENDED: "plain",
}


def step_word(step: Step) -> str:
    """How a copy stands to the text, in words."""
    return {
        Step.MISSING: _("no agreement yet"),
        Step.ELSEWHERE: _("another agreement of these years"),
        Step.IN_STEP: _("in step"),
        Step.BEHIND: _("says what an earlier text said"),
        Step.DEPARTS: _("departs from the text"),
        Step.ENDED: _("ended"),
    }[step]


def step_badge(step: Step) -> SafeString:
    """The same on its colour."""
    return components.badge(step_word(step), STEP_TONES[step])


# What one may see and do --------------------------------------------------------------------------


def whole_of(request: Request, code: str, pk: int) -> AllianceAgreement:
    """The alliance agreement, for those who may know of it; to others there is none."""
    alliance = visible_alliance(request, code)
    found = (
        AllianceAgreement.objects.visible_to(request.actor)
        .select_related("alliance")
        .filter(alliance=alliance, pk=pk)
        .first()
    )
    if found is None:
        raise Http404
    return found


def trail(whole: AllianceAgreement | Alliance) -> list[tuple[str, str]]:
    """Where pages about an agreed text lie."""
    alliance = whole if isinstance(whole, Alliance) else whole.alliance
    links = [
        (alliance.name, reverse("alliance:alliance", args=[alliance.code])),
        (_("Agreed texts"), reverse("alliance:agreements", args=[alliance.code])),
    ]
    if isinstance(whole, AllianceAgreement):
        links.append((whole.name, address(whole)))
    return links


def address(whole: AllianceAgreement, page_name: str = "agreement", *more: Any) -> str:
    """The address of a page about it."""
    return reverse(f"alliance:{page_name}", args=[whole.alliance.code, whole.pk, *more])


def reads_all(actor: Actor, whole: AllianceAgreement) -> bool:
    """Does the actor read for the alliance, and not only for its own institution?"""
    alliances = actor.alliances(May.ALLIANCE_READ)
    return alliances is None or whole.alliance_id in alliances


def own_places(actor: Actor, may: May, among: Sequence[Institution]) -> list[Institution]:
    """Those of the members for which the actor may do that, as a whole institution."""
    return [one for one in among if one.hosted and actor.has(may, one.pk)]


def open_text(whole: AllianceAgreement) -> AllianceText | None:
    """The text that is talked about."""
    return whole.texts.filter(adopted_at__isnull=True, dropped_at__isnull=True).first()


def spoken(lines: Sequence[Line], names: Mapping[str, str]) -> Terms:
    """Lines as conditions for reading: who sends and receives are names, or every member."""

    def who(hei_ids: Sequence[str]) -> str:
        return ", ".join(names.get(one, one) for one in hei_ids) or _("every member")

    return Terms(
        tuple(
            replace(line.condition, sending=who(line.senders), receiving=who(line.receivers))
            for line in lines
        )
    ).grouped()


def names_of_members(members: Sequence[Institution]) -> dict[str, str]:
    """Names by hei id, in the reader's language."""
    return {one.hei_id: name_of(one) for one in members}


# All of an alliance -------------------------------------------------------------------------------


def listed(request: Request, code: str) -> HttpResponse:
    """The agreed texts of an alliance that one may know of."""
    alliance = visible_alliance(request, code)
    found = (
        AllianceAgreement.objects.visible_to(request.actor)
        .filter(alliance=alliance)
        .select_related("alliance")
        .order_by("closed_at", "name")
    )
    rows = []
    for whole in found:
        text = holding(whole, on=request.today).text
        talked = open_text(whole)
        rows.append(
            Row(
                (
                    Cell(whole.name, href=address(whole)),
                    label(Programme, whole.programme),
                    len(participants(whole, on=request.today)),
                    Cell(
                        _("Text %(number)s") % {"number": text.number} if text else "–",
                        note=shown(text.adopted_at.date()) if text and text.adopted_at else "",
                    ),
                    _state(whole, talked),
                )
            )
        )
    return page(
        request,
        "alliance/agreements.html",
        heading=_("Agreed texts"),
        lead=alliance.name,
        views=views_of(alliance, "agreements", request.actor),
        alliance=alliance,
        may_begin=may_edit(request.actor, alliance),
        table=components.table(
            _("Agreed texts"),
            (
                Column(label=_("Name")),
                Column(label=_("Programme")),
                Column(label=_("Members"), numeric=True),
                Column(label=_("What counts")),
                Column(label=_("State")),
            ),
            rows,
            hide_caption=True,
            empty_text=_("No text over many members has been written yet."),
        ),
    )


def _state(whole: AllianceAgreement, talked: AllianceText | None) -> SafeString:
    if whole.closed_at:
        return components.badge(_("closed"), "plain")
    if talked is None:
        return components.badge(_("adopted"), "good")
    if talked.put_at:
        return components.badge(
            _("text %(number)s is before the members") % {"number": talked.number}, "warn"
        )
    return components.badge(_("text %(number)s is being written") % {"number": talked.number})


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


# One ----------------------------------------------------------------------------------------------


def agreement(request: Request, code: str, pk: int) -> HttpResponse:
    """One agreed text: who consented, what it says, what a new one would change, and the members' copies."""
    whole = whole_of(request, code, pk)
    actor = request.actor
    now = holding(whole, on=request.today)
    talked = open_text(whole)
    names = names_of_members(now.taking_part)
    may_write = may_edit(actor, whole.alliance) and not whole.closed_at
    about = talked if talked and talked.put_at else now.text
    before = spoken(now.lines[0], names) if now.text else Terms()
    new = spoken(read_lines(talked.lines), names) if talked else None
    editing = own_places(actor, May.AGREEMENTS_EDIT, now.bound)
    mine = None if reads_all(actor, whole) else own_places(actor, May.AGREEMENTS_READ, now.bound)
    rows = bilaterals(now, of=mine)
    counts = Counter(row.step for row in rows)
    return page(
        request,
        "alliance/agreement.html",
        heading=whole.name,
        lead=f"{whole.alliance.name} · {label(Programme, whole.programme)}",
        trail=trail(whole)[:-1],
        whole=whole,
        text=now.text,
        talked=talked,
        may_write=may_write,
        may_see_draft=may_edit(actor, whole.alliance),
        missing=_missing(talked, now) if talked and talked.put_at else "",
        consents=_consents(whole, about, now, actor) if about else "",
        text_table=conditions_table(before, {}, caption=_("What counts")) if now.text else "",
        changes=boxes(compare(before, new), {}, takes=False, speech=_of_texts())
        if new and now.text
        else [],
        new_table=conditions_table(new, {}, caption=_("The new text"))
        if new and not now.text
        else "",
        sides=({"title": _("What counts")}, {"title": _("The new text")}),
        counts=[(step_badge(step), counts[step]) for step in Step if counts[step]],
        copies=_copies(whole, rows) if rows else "",
        may_step=[one for one in editing if _to_do(rows, one)],
        history=components.timeline(_history(whole)),
    )


def _of_texts() -> Speech:
    """Between what counts and what is new: nothing is wrong, something changes."""
    changed = _("changed")
    return Speech(
        only_left=_("left out"),
        only_right=_("new"),
        differs={
            Weight.BLOCKS: changed,
            Weight.DISCUSS: changed,
            Weight.SPELLING: _("the same, written otherwise"),
        },
    )


def _history(whole: AllianceAgreement) -> list[Event]:
    """What was done; with a consent, whose it was."""
    entries = list(Entry.objects.about(whole).order_by("-at", "-pk")[:100])
    names = {
        one.pk: name_of(one)
        for one in Institution.objects.filter(pk__in={e.institution_id for e in entries} - {None})
    }
    return [
        replace(event, title=f"{event.title}: {names[entry.institution_id]}")
        if entry.institution_id in names
        else event
        for event, entry in zip(events(entries, short=True), entries, strict=True)
    ]


def _to_do(rows: Sequence[Bilateral], one: Institution) -> bool:
    return any(row.institution == one and row.step in {Step.MISSING, Step.BEHIND} for row in rows)


def _missing(talked: AllianceText, now: Holding) -> str:
    given = set(talked.consents.values_list("institution", flat=True))
    waits = [name_of(one) for one in now.taking_part if one.pk not in given]
    return ", ".join(waits)


def _consents(
    whole: AllianceAgreement, text: AllianceText, now: Holding, actor: Actor
) -> SafeString:
    given = {one.institution_id: one for one in text.consents.all()}
    secretary = may_edit(actor, whole.alliance)
    rows = []
    for one in now.taking_part:
        consent = given.get(one.pk)
        may = (
            actor.has(May.AGREEMENTS_APPROVE, one.pk) if one.hosted else secretary
        ) and not whole.closed_at
        if consent:
            word = Cell(components.badge(_("consented"), "good"), note=consent.note)
        elif may:
            word = Cell(_("Read and consent"), href=address(whole, "consent", one.pk))
        else:
            word = Cell(components.badge(_("waits"), "warn"))
        rows.append(
            Row(
                (
                    Cell(name_of(one), note="" if one.hosted else _("not on this installation")),
                    word,
                    Cell(shown(consent.at) if consent else "", nowrap=True),
                    consent.by if consent else "",
                )
            )
        )
    return components.table(
        _("Consent to text %(number)s") % {"number": text.number},
        (
            Column(label=_("Member")),
            Column(label=_("Consent")),
            Column(label=_("When")),
            Column(label=_("By")),
        ),
        rows,
        hide_caption=True,
    )


def _copies(whole: AllianceAgreement, rows: Sequence[Bilateral]) -> SafeString:
    return components.table(
        _("Copies of the members"),
        (
            Column(label=_("Member")),
            Column(label=_("With")),
            Column(label=_("Its copy")),
            Column(label=_("The partner's copy")),
            Column(label=_("Agreement")),
        ),
        [
            Row(
                (
                    name_of(row.institution),
                    name_of(row.partner),
                    Cell(
                        step_word(row.step),
                        href=address(whole, "copy", row.institution.pk, row.partner.pk),
                    ),
                    step_badge(row.theirs) if row.theirs else "–",
                    state_badge(row.agreement.listed_state) if row.agreement else "–",
                )
            )
            for row in sorted(
                rows, key=lambda row: (row.step is Step.IN_STEP, row.institution.name)
            )
        ],
        hide_caption=True,
    )


# Deeds --------------------------------------------------------------------------------------------


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
        request.actor.require(May.AGREEMENTS_APPROVE, one.pk)
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
            speech=_of_texts(),
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
        deed=_("Take it back"),
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


def refused(request: Request, refusal: Refusal) -> None:
    """Puts a refusal on top of the next page."""
    told = sentence_of(refusal)
    messages.warning(request, f"{told.sentence} {told.remedy}".strip())

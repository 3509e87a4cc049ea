"""The agreed texts of an alliance: which there are, who consented, what they say, and which copies follow them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

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
from vaihto.refusals import Refusal
from vaihto.web import components
from vaihto.web.agreements.agreement import conditions_table
from vaihto.web.agreements.comparing import Speech, boxes
from vaihto.web.agreements.register import state_badge
from vaihto.web.alliance.overview import may_edit, views_of, visible_alliance
from vaihto.web.components import Cell, Column, Event, Row, Tone
from vaihto.web.deeds import events
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of
from vaihto.web.wording import label, sentence_of, shown

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
    return [one for one in among if one.hosted and actor.has(may, one.pk, None)]


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
    readable = [one for one in now.bound if one.hosted and actor.has(May.AGREEMENTS_READ, one.pk)]
    mine = None if reads_all(actor, whole) else readable
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
        changes=boxes(compare(before, new), {}, takes=False, speech=of_texts())
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


def of_texts() -> Speech:
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
        calm=True,
    )


def _history(whole: AllianceAgreement) -> list[Event]:
    """What was done; with a consent, whose it was."""
    entries = list(Entry.objects.about(whole).order_by("-at", "-pk")[:100])
    names = {
        one.pk: name_of(one)
        for one in Institution.objects.filter(
            pk__in={e.institution_id for e in entries if e.institution_id}
        )
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
            actor.has(May.AGREEMENTS_APPROVE, one.pk, None) if one.hosted else secretary
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


def refused(request: Request, refusal: Refusal) -> None:
    """Puts a refusal on top of the next page."""
    told = sentence_of(refusal)
    messages.warning(request, f"{told.sentence} {told.remedy}".strip())

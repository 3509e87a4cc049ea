"""The page of one programme, module, course or class, and the small decisions about it."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from vaihto.codes import ISCED_F, language_name
from vaihto.institutions.completeness import Gap
from vaihto.journal.actors import Actor, May
from vaihto.journal.models import Entry
from vaihto.offers import actions
from vaihto.offers.completeness import ASKED, gaps
from vaihto.offers.models import Kind, LearningOpportunity, Realisation
from vaihto.refusals import NotAllowed, Unknown
from vaihto.web import components
from vaihto.web.components import Cell, Column, Fact, Row
from vaihto.web.deeds import events
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import (
    credit_number,
    credits_of,
    level_name,
    name_of,
    reader,
    state_of,
    text_and_language,
)
from vaihto.web.wording import filled, label, shown


def seen(actor: Actor, pk: int) -> LearningOpportunity:
    """The entry, if the actor may see it. Refuses with `Unknown`."""
    one = (
        LearningOpportunity.objects.visible_to(actor)
        .filter(pk=pk)
        .select_related("institution", "unit")
        .first()
    )
    if one is None:
        raise Unknown("offer.unknown")
    return one


def kept(actor: Actor, pk: int) -> LearningOpportunity:
    """The entry, for those who may change it. Refuses with `Unknown` or `NotAllowed`."""
    one = seen(actor, pk)
    if not actions.may_edit(actor, one):
        raise NotAllowed("not-allowed", may=str(May.OFFERS_EDIT))
    return one


def trail(one: LearningOpportunity | None = None) -> list[tuple[str, str]]:
    """Where a page below the catalogue, or below an entry of it, lies."""
    found = [(_("Programmes and courses"), reverse("offers:catalogue"))]
    if one is not None:
        found.append((one.code or one.title, reverse("offers:offer", args=[one.pk])))
    return found


@login_not_required
def offer(request: Request, pk: int) -> HttpResponse:
    """The page, for everybody who may see the entry."""
    actor = request.actor
    one = seen(actor, pk)
    realisations = list(one.realisations.order_by("start", "pk"))
    parts = _entries(actor, one.parts.all())
    wholes = _entries(actor, one.wholes.all())
    may_edit = actions.may_edit(actor, one)
    is_own = may_edit or actor.sees_everything or one.institution_id in {
        grant.institution_id for grant in actor.grants
    }  # fmt: skip
    title, tag = text_and_language(one.titles)
    entries = (
        list(Entry.objects.visible_to(actor).about(one)[:20])
        if actor.is_operator or actor.has(May.JOURNAL_READ, one.institution_id)
        else []
    )
    return page(
        request,
        "offers/offer.html",
        heading=title,
        heading_language=tag,
        lead=", ".join(
            part for part in (label(Kind, one.kind), one.code, name_of(one.institution)) if part
        ),
        trail=trail(),
        one=one,
        facts=components.facts(_facts(one, is_own=is_own)),
        descriptions=_descriptions(one),
        parts=_table(_("It contains"), parts) if parts else None,
        wholes=_table(_("It is part of"), wholes) if wholes else None,
        realisations=_realisations(realisations, may_edit=may_edit),
        may_edit=may_edit,
        is_own=is_own,
        state=components.badge(*state_of(one)),
        says=_says(one),
        gap_lines=_gap_lines(one, gaps(one, realisations)) if is_own else [],
        complete=_complete(gaps(one, realisations)),
        timeline=components.timeline(events(entries)) if entries else None,
    )


def _facts(one: LearningOpportunity, *, is_own: bool) -> list[Fact]:
    others = [
        (text, tag)
        for tag, text in one.titles.items()
        if text and text != text_and_language(one.titles)[0]
    ]
    found = [
        Fact(
            _("Institution"),
            name_of(one.institution),
            reverse("office:institution", args=[one.institution_id]) if is_own else "",
        ),
        Fact(_("Organised by"), one.unit.names.get(reader()) or one.unit.name if one.unit else ""),
        Fact(_("Code"), one.code),
        Fact(
            _("Field of study (ISCED-F)"),
            f"{ISCED_F.name(one.isced_code, reader())} ({one.isced_code})"
            if one.isced_code
            else "",
        ),
        Fact(_("Level (EQF)"), level_name(one.eqf_level)),
    ]
    found += [Fact(_("Title in %(language)s") % {"language": language_name(tag, reader())}, text, lang=tag)
              for text, tag in others]  # fmt: skip
    found += [
        Fact(
            _("Page (%(language)s)") % {"language": language_name(link.language, reader())}
            if link.language
            else _("Page"),
            link.url,
            link.url,
        )
        for link in one.addresses
    ]
    if one.subject_area:
        found.append(Fact(_("Erasmus subject code"), one.subject_area))
    if is_own:
        found.append(Fact(_("Key in the register"), one.key))
        found.append(Fact(_("Identifier for partners"), one.los_id))
        found.append(Fact(_("Changed"), one.modified_at))
    return found


def _descriptions(one: LearningOpportunity) -> list[tuple[str, str, str]]:
    """Language, its name and the text: the reader's own first, then English, then the others."""
    own = reader()
    ordered = sorted(
        ((tag, text) for tag, text in one.descriptions.items() if text),
        key=lambda pair: (pair[0] != own, pair[0] != "en", pair[0]),
    )
    return [(tag, language_name(tag, own), text) for tag, text in ordered]


def _entries(actor: Actor, found: object) -> list[LearningOpportunity]:
    query = LearningOpportunity.objects.visible_to(actor).filter(
        pk__in=found.order_by().values("pk")  # type: ignore[attr-defined]
    )
    return list(query.filter(withdrawn_at__isnull=True).order_by("kind", "title", "pk")[:500])


def _table(caption: str, found: Sequence[LearningOpportunity]) -> SafeString:
    rows = []
    for one in found:
        title, tag = text_and_language(one.titles)
        rows.append(
            Row(
                [
                    Cell(title, href=reverse("offers:offer", args=[one.pk]), lang=tag),
                    Cell(one.code, nowrap=True),
                    label(Kind, one.kind),
                    one.eqf_level,
                ]
            )
        )
    return components.table(
        caption,
        [
            Column(label=_("Title")),
            Column(label=_("Code")),
            Column(label=_("Kind")),
            Column(label=_("Level")),
        ],
        rows,
    )


def _realisations(found: Sequence[Realisation], *, may_edit: bool) -> SafeString:
    return components.table(
        _("When it is taught"),
        [
            Column(label=_("Days")),
            Column(label=_("Term")),
            Column(label=_("Credits")),
            Column(label=_("Language")),
            Column(label=_("Hours of work"), numeric=True),
            Column(label=_("Grading")),
            *([Column(label=_("Change"))] if may_edit else []),
        ],
        [_realisation(one, may_edit=may_edit) for one in found],
        hide_caption=True,
        empty_text=_("No realisation is planned."),
    )


def _realisation(one: Realisation, *, may_edit: bool) -> Row:
    term, term_tag = text_and_language(one.term_names)
    grading, grading_tag = text_and_language(one.grading_labels)
    explained, _tag = text_and_language(one.grading_descriptions)
    results = ", ".join(f"{category}: {count}" for category, count in one.results)
    days = f"{shown(one.start)} – {shown(one.end)}"
    cells: list[Cell | object] = [
        Cell(days, nowrap=True),
        Cell(term or one.academic_year, lang=term_tag, note=one.academic_year if term else ""),
        Cell(credits_of(one), note=one.credit_list[0].level if one.credits else ""),
        language_name(one.language, reader()),
        credit_number(one.engagement_hours) if one.engagement_hours is not None else "",
        Cell(
            grading,
            lang=grading_tag,
            note=" ".join(
                part
                for part in (
                    explained,
                    _("Earlier: %(results)s.") % {"results": results} if results else "",
                )
                if part
            ),
        ),
    ]
    if may_edit:
        links = [
            (reverse("offers:edit-realisation", args=[one.pk]), _("Edit"), days),
            (reverse("offers:remove-realisation", args=[one.pk]), _("Remove"), days),
        ]
        cells.append(
            Cell(format_html_join(" ", '<a href="{}">{}<span class="hidden"> {}</span></a>', links))
        )
    return Row(cells)


def _says(one: LearningOpportunity) -> str:
    """Who sees the entry, in a sentence."""
    if one.withdrawn_at is not None:
        return _("It was withdrawn on %(day)s. Nobody outside the institution sees it.") % {
            "day": shown(one.withdrawn_at.date())
        }
    if one.exposed:
        return _("Partners and the public see it.")
    return _("Only the institution sees it.")


def _complete(found: Sequence[Gap]) -> str:
    if not found:
        return _("Nothing that partners ask for is missing.")
    return _("%(there)s of %(asked)s things that partners ask for are there.") % {
        "there": ASKED - len(found),
        "asked": ASKED,
    }


def _gap_lines(one: LearningOpportunity, found: Sequence[Gap]) -> list[tuple[str, str, str]]:
    """What is missing, what to do, and where."""
    return [
        (filled(gap.sentence, gap.facts), filled(gap.remedy, gap.facts), _where(one, gap))
        for gap in found
    ]


def _where(one: LearningOpportunity, gap: Gap) -> str:
    place = gap.place
    if place.field == "realisations":
        return reverse("offers:new-realisation", args=[one.pk])
    anchors = {"titles": "#texts", "credits": "#credits"}
    anchor = anchors.get(place.field, f"#id_{place.field}")
    if place.key:
        return reverse("offers:edit-realisation", args=[int(place.key)]) + anchor
    return reverse("offers:edit", args=[one.pk]) + anchor


# Deeds -------------------------------------------------------------------------------------------


@require_POST
def expose(request: Request, pk: int) -> HttpResponse:
    """Shows the entry to partners and the public, or hides it."""
    one = kept(request.actor, pk)
    exposed = request.POST.get("exposed") == "yes"
    actions.expose(actor=request.actor, opportunities=[one], exposed=exposed, now=request.now)
    messages.success(
        request,
        _("Partners and the public see it now.")
        if exposed
        else _("Only the institution sees it now."),
    )
    return HttpResponseRedirect(reverse("offers:offer", args=[pk]))


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Kept in the journal."),
    )


def withdraw(request: Request, pk: int) -> HttpResponse:
    """Takes the entry out of the catalogue, after asking."""
    one = kept(request.actor, pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.withdraw(
            actor=request.actor,
            opportunity=one,
            now=request.now,
            reason=form.cleaned_data["reason"],
        )
        messages.success(request, _("The entry was withdrawn."))
        return HttpResponseRedirect(reverse("offers:offer", args=[pk]))
    return page(
        request,
        "web/confirm.html",
        heading=_("Withdraw %(name)s") % {"name": one.code or one.title},
        trail=trail(one),
        sentence=format_html("{}", _("Take this out of the catalogue?")),
        consequences=[
            _("Partners and the public no longer find it."),
            _("Its code can be given to another entry."),
            _("Nothing is deleted: it can be brought back, and its identifier stays its own."),
        ],
        form=form,
        deed=_("Withdraw"),
        danger=True,
        back=reverse("offers:offer", args=[pk]),
    )


@require_POST
def bring_back(request: Request, pk: int) -> HttpResponse:
    """Puts a withdrawn entry into the catalogue again."""
    one = kept(request.actor, pk)
    actions.bring_back(actor=request.actor, opportunity=one, now=request.now)
    messages.success(request, _("The entry is in the catalogue again."))
    return HttpResponseRedirect(reverse("offers:offer", args=[pk]))

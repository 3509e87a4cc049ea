"""Copies that partners propose: read in words, taken in, linked to one of ours, or set aside."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.agreements import actions, words
from vaihto.agreements.models import (
    Channel,
    Programme,
    ReceivedCopy,
    ReceivedRevision,
)
from vaihto.agreements.queries import Suggestion, linkable, newest, suggestions
from vaihto.agreements.terms import Copy
from vaihto.codes import country_name
from vaihto.institutions.models import Institution, Unit
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed, Refusal
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.agreements.agreement import conditions_table
from vaihto.web.agreements.comparing import Version, boxes, verdict
from vaihto.web.agreements.deciding import finding_sentence
from vaihto.web.agreements.editing import unit_choices
from vaihto.web.agreements.register import readable_places
from vaihto.web.agreements.troubles import problem_word
from vaihto.web.components import Cell, Column, Fact, Row, Tab
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, orders_of, page_of
from vaihto.web.offers.rows import tell
from vaihto.web.offers.words import name_of
from vaihto.web.wording import label, options, sentence_of, shown

_SORTS = {"came": (Order("first_at", descending=True),), "partner": (Order("partner__name"),)}
_SETS = ("waiting", "ignored", "bad", "gone")


def _seen(actor: Actor) -> QuerySet[ReceivedCopy]:
    return ReceivedCopy.objects.filter(institution__in=readable_places(actor))


def _narrowed(found: QuerySet[ReceivedCopy], which: str) -> QuerySet[ReceivedCopy]:
    if which == "bad":
        return found.filter(gone_at__isnull=True).exclude(failure="")
    found = found.filter(agreement__isnull=True)
    if which == "gone":
        return found.filter(gone_at__isnull=False)
    found = found.filter(gone_at__isnull=True)
    if which == "ignored":
        return found.filter(ignored_at__isnull=False)
    return found.filter(ignored_at__isnull=True)


def proposals(request: Request) -> HttpResponse:
    """The list: what waits, what was set aside, what cannot be read, what is gone."""
    request.actor.require(May.AGREEMENTS_READ)
    address = Address.of(request)
    which = address.get("set") if address.get("set") in _SETS else "waiting"
    everything = _seen(request.actor)
    counts = {each: _narrowed(everything, each).count() for each in _SETS}
    sort, orders = orders_of(address.get("sort"), _SORTS, default="came")
    found = _narrowed(everything, which).select_related(
        "partner", "institution", "current", "agreement"
    )
    part = page_of(found, orders, address)
    titles = {
        "waiting": _("Waiting"),
        "ignored": _("Set aside"),
        "bad": _("Not readable"),
        "gone": _("Gone"),
    }
    here = Address(request.path)
    return page(
        request,
        "agreements/proposals.html",
        heading=_("Proposals of partners"),
        lead=_("Copies that partners serve to us and that belong to no agreement of ours yet."),
        trail=[(_("Agreements"), reverse("agreements:register"))],
        tabs=components.tabs(
            [
                Tab(titles[each], str(here.having(set=each)), each == which, counts[each])
                for each in _SETS
            ],
            label=_("Which proposals"),
        ),
        table=components.table(
            _("Proposals"),
            [
                Column(label=_("Partner"), sort="partner"),
                Column(label=_("Came"), sort="came"),
                Column(label=_("Partner's code")),
                Column(label=_("What it says")),
                Column(label=_("State")),
            ],
            [_row(one, which) for one in part.rows],
            address=address,
            sort=sort,
            paging=part.paging,
            hide_caption=True,
            empty_text=_("Nothing here. Partners' new copies appear by themselves."),
        ),
    )


def _row(one: ReceivedCopy, which: str) -> Row:
    copy = one.current.copy if one.current else None
    language = get_language() or "en"
    says = ""
    if copy:
        count = len(copy.terms.conditions)
        says = ngettext("%(count)s condition", "%(count)s conditions", count) % {"count": count}
        spans = sorted({year for each in copy.terms.conditions for year in each.years})
        if spans:
            says += f", {spans[0]}–{spans[-1] + 1}"
    href = reverse("agreements:proposal", args=[one.pk])
    if one.failure:
        state = Cell(_("Problem"), tone="bad", note=problem_word(one.failure))
    elif one.agreement:
        state = Cell(str(one.agreement))
    else:
        state = Cell(_("Set aside"), tone="plain") if which == "ignored" else Cell("")
    return Row(
        [
            Cell(name_of(one.partner), href=href, note=country_name(one.partner.country, language)),
            Cell(shown(one.first_at.date()), nowrap=True, note=name_of(one.institution)),
            Cell((copy.author.code or "") if copy else "", note=one.iia_id),
            says,
            state,
        ]
    )


def _one(request: Request, pk: int) -> ReceivedCopy:
    found = (
        _seen(request.actor)
        .select_related("partner", "institution", "current", "agreement")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise Http404
    return found


class TakeInForm(forms.Form):
    """What our own agreement needs beside the partner's terms."""

    programme = ChoiceField(label=gettext_lazy("Programme"))
    code = forms.CharField(
        label=gettext_lazy("Our code"),
        required=False,
        max_length=60,
        help_text=gettext_lazy("Left empty, the next free one is given."),
    )
    unit = ChoiceField(label=gettext_lazy("Our unit"), required=False)

    def __init__(self, data: Any, *, institution: Institution, actor: Actor) -> None:
        super().__init__(data, initial={"programme": Programme.ERASMUS})
        self.fields["programme"].choices = options(Programme)  # type: ignore[attr-defined]
        choices = unit_choices([institution], actor)
        self.fields["unit"].choices = choices  # type: ignore[attr-defined]


def proposal(request: Request, pk: int) -> HttpResponse:
    """One proposal in words, with what can be done with it."""
    return _page(request, _one(request, pk))


def _page(
    request: Request, one: ReceivedCopy, *, form: TakeInForm | None = None, status: int = 200
) -> HttpResponse:
    may_edit = request.actor.has(May.AGREEMENTS_EDIT, one.institution_id)
    copy = one.current.copy if one.current else None
    names = {each.hei_id: name_of(each) for each in (one.institution, one.partner)}
    last = newest(one)
    is_open = one.agreement is None and one.gone_at is None and copy is not None
    found = suggestions(one, readable_by=request.actor) if is_open else []
    beside = next((s for s in found if str(s.agreement.pk) == request.GET.get("with")), None)
    own = (
        TakeInForm(None, institution=one.institution, actor=request.actor) if form is None else form
    )
    return page(
        request,
        "agreements/proposal.html",
        status=status,
        heading=_("Proposal of %(partner)s") % {"partner": name_of(one.partner)},
        trail=[
            (_("Agreements"), reverse("agreements:register")),
            (_("Proposals of partners"), reverse("agreements:proposals")),
        ],
        one=one,
        form=own,
        may_edit=may_edit,
        is_open=is_open,
        is_ignored=one.ignored_at is not None,
        problem=_problem(one, last),
        faults=_faults(one, copy),
        facts=components.facts(_facts(one, copy)),
        conditions=conditions_table(copy.terms, names, caption=_("What it says")) if copy else None,
        ends=copy is not None and copy.terms.is_terminated,
        suggestions=[_suggested(each) for each in found],
        beside=beside,
        boxes=boxes(beside.comparison, names, takes=False) if beside else [],
        verdict=verdict(beside.comparison) if beside else "",
        left=Version("", beside.agreement.code, "", beside.agreement.terms) if beside else None,
        right=Version("", _("Partner's copy"), "", copy.terms) if copy else None,
    )


def _facts(one: ReceivedCopy, copy: Copy | None) -> list[Fact]:
    revision = one.current
    lines = [
        Fact(_("For"), name_of(one.institution)),
        Fact(_("Partner's id"), one.iia_id),
        Fact(_("Partner's code"), (copy.author.code or "") if copy else ""),
        Fact(_("Partner names our agreement"), (copy.other.iia_id or "") if copy else ""),
        Fact(_("First came"), shown(one.first_at)),
        Fact(_("Confirmed"), shown(one.confirmed_at)),
        Fact(_("Version"), revision.number if revision else ""),
        Fact(_("Came over"), label(Channel, revision.channel) if revision else ""),
        Fact(_("Note of the partner"), revision.note if revision else ""),
        Fact(
            _("Partner's contacts"),
            "; ".join(
                ", ".join(filter(None, (who.name, *who.emails))) for who in copy.author.contacts
            )
            if copy
            else "",
        ),
    ]
    return [line for line in lines if line.value != ""]  # what the partner left out is not unknown


def _problem(one: ReceivedCopy, last: ReceivedRevision | None) -> Any:
    """What is wrong with what came last, and who has to mend it."""
    if one.gone_at:
        return components.notice(
            _("The partner took it back on %(day)s.") % {"day": shown(one.gone_at.date())},
            tone="plain",
            title=_("The partner no longer serves this copy."),
        )
    if not one.failure:
        return ""
    said = [problem_word(one.failure)]
    if last is not None and not last.is_good:
        for code, fact in last.problems[:10]:
            line = problem_word(code)
            said.append(f"{line} ({fact})" if fact else line)
        said = list(dict.fromkeys(said[1:] or said))
    kept = (
        _("What came before stays valid.") if one.current else _("There is no earlier good copy.")
    )
    return components.notice(
        " ".join([*said, kept, _("The partner's system has to mend this; nothing was taken over.")])
        if last is not None and not last.is_good
        else " ".join([*said, kept]),
        tone="bad",
        title=_("The last copy could not be used."),
    )


def _faults(one: ReceivedCopy, copy: Copy | None) -> list[str]:
    """What keeps a readable copy from being taken in, condition by condition."""
    found = actions.unsound(one, copy.terms) if copy else []
    return [
        _("Condition %(number)s: %(sentence)s")
        % {"number": (each.place or 0) + 1, "sentence": finding_sentence(each)}
        for each in found[:20]
    ]


def _suggested(one: Suggestion) -> dict[str, Any]:
    pairs = len(one.comparison.pairs)
    return {
        "pk": one.agreement.pk,
        "code": one.agreement.code,
        "state": words.state(one.agreement.listed_state),
        "says": _("%(alike)s of %(all)s conditions agree") % {"alike": one.alike, "all": pairs},
        "shared": one.agreement.shared_at is not None,
    }


def _require(request: Request, one: ReceivedCopy) -> None:
    if not request.actor.has(May.AGREEMENTS_EDIT, one.institution_id):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))


def _refused(request: Request, refusal: Refusal) -> None:
    told = sentence_of(refusal)
    messages.warning(request, f"{told.sentence} {told.remedy}".strip())


@require_POST
def take_in(request: Request, pk: int) -> HttpResponse:
    """Makes an agreement of ours with exactly the partner's terms."""
    one = _one(request, pk)
    _require(request, one)
    form = TakeInForm(request.POST, institution=one.institution, actor=request.actor)
    if form.is_valid():
        given = form.cleaned_data
        unit = given["unit"]
        try:
            made = actions.take_in(
                actor=request.actor,
                received=one,
                programme=given["programme"],
                code=given["code"],
                unit=Unit.objects.filter(institution=one.institution, pk=int(unit)).first()
                if unit
                else None,
                now=request.now,
            )
        except Refusal as refusal:
            tell(form, refusal)
        else:
            messages.success(
                request,
                _("We have a copy with the partner's terms now. The partner is told of it."),
            )
            return HttpResponseRedirect(reverse("agreements:agreement", args=[made.pk]))
    return _page(request, one, form=form, status=400)


@require_POST
def link(request: Request, pk: int) -> HttpResponse:
    """Says that the copy and one of our agreements are the same one."""
    one = _one(request, pk)
    _require(request, one)
    number = request.POST.get("agreement", "")
    ours = (
        linkable(one, readable_by=request.actor).filter(pk=int(number)).first()
        if number.isdecimal() and len(number) < 19
        else None
    )
    if ours is None:
        messages.warning(request, _("Choose the agreement first."))
        return HttpResponseRedirect(reverse("agreements:proposal", args=[pk]))
    try:
        actions.link(actor=request.actor, received=one, agreement=ours, now=request.now)
    except actions.NotReady:
        messages.warning(
            request, _("Our draft is not complete yet, and linking shows it to the partner.")
        )
        return HttpResponseRedirect(f"{reverse('agreements:edit', args=[ours.pk])}?check=all")
    except Refusal as refusal:
        _refused(request, refusal)
        return HttpResponseRedirect(reverse("agreements:proposal", args=[pk]))
    messages.success(request, _("The copies are linked. Compare them next."))
    return HttpResponseRedirect(reverse("agreements:comparison", args=[ours.pk]))


@require_POST
def ignore(request: Request, pk: int) -> HttpResponse:
    """Sets a proposal aside, or brings it back."""
    one = _one(request, pk)
    _require(request, one)
    aside = request.POST.get("deed") != "look-again"
    try:
        actions.ignore(actor=request.actor, received=one, ignored=aside, now=request.now)
    except Refusal as refusal:
        _refused(request, refusal)
    else:
        told = (
            _("The proposal is set aside. The partner is told nothing.")
            if aside
            else _("The proposal waits again.")
        )
        messages.success(request, told)
    return HttpResponseRedirect(reverse("agreements:proposals"))

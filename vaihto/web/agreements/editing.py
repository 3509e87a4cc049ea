"""Beginning an agreement, and changing our copy of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vaihto.agreements import actions
from vaihto.agreements.alliances import texts_between
from vaihto.agreements.checks import check
from vaihto.agreements.models import Agreement, AllianceText, Programme
from vaihto.agreements.terms import ORDER, Terms
from vaihto.agreements.words import KINDS
from vaihto.ewp import registry
from vaihto.ewp.apis.iias.following import meet
from vaihto.institutions.models import Institution, Unit
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed, Refusal, Stale
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.agreements.agreement import agreement_of, trail
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
from vaihto.web.agreements.register import state_badge, years_of
from vaihto.web.agreements.years import shifted
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.rows import tell
from vaihto.web.offers.words import name_of, reader
from vaihto.web.wording import options, sentence_of

_MOST_FOUND = 30


def places_of(actor: Actor) -> list[Institution]:
    """Hosted institutions whose agreements the actor keeps. Refuses with `NotAllowed` where there is none."""
    within = actor.institutions(May.AGREEMENTS_EDIT)
    hosted = Institution.objects.hosted().order_by("name")
    found = list(hosted if within is None else hosted.filter(pk__in=within))
    if not found:
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    return found


# A new one ----------------------------------------------------------------------------------------


class NewForm(forms.Form):
    """What a new agreement needs before its conditions are written."""

    institution = ChoiceField(label=gettext_lazy("Our institution"))
    programme = ChoiceField(label=gettext_lazy("Programme"))
    code = forms.CharField(
        label=gettext_lazy("Our code"),
        required=False,
        max_length=60,
        help_text=gettext_lazy("Left empty, the next free one is given."),
    )
    unit = ChoiceField(
        label=gettext_lazy("Our unit"),
        required=False,
        help_text=gettext_lazy("Where the agreement belongs to one unit only."),
    )
    start = forms.ChoiceField(label=gettext_lazy("Begin with"), widget=forms.RadioSelect)
    years = forms.IntegerField(
        label=gettext_lazy("Move the academic years on by"),
        required=False,
        min_value=0,
        max_value=20,
        help_text=gettext_lazy("When it begins with an earlier agreement."),
    )

    def __init__(
        self,
        data: Any,
        *,
        places: list[Institution],
        earlier: list[Agreement],
        texts: list[tuple[Institution, AllianceText, Terms]],
        initial: dict[str, Any],
        units: list[tuple[str, Any]],
    ) -> None:
        super().__init__(data, initial=initial)
        choose = self._choose
        choose("institution", [(one.hei_id, name_of(one)) for one in places])
        choose("programme", options(Programme))
        choose("unit", units)
        starts = [("", _("Nothing: write the conditions from scratch"))]
        starts += [
            (
                str(one.pk),
                _("%(code)s, %(years)s: the same conditions with later years")
                % {"code": one.code, "years": years_of(one)},
            )
            for one in earlier
        ]
        starts += [
            (
                f"text-{text.pk}",
                _("%(name)s: what the alliance agreed on") % {"name": text.agreement.name},
            )
            for _place, text, _said in texts
        ]
        choose("start", starts)
        self.fields["start"].required = False
        if len(places) == 1:
            del self.fields["institution"]
        if [key for key, _word in units] == [""]:
            del self.fields["unit"]
        if len(starts) == 1:
            del self.fields["start"]
        if not earlier:
            del self.fields["years"]

    def _choose(self, name: str, choices: Any) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


def unit_choices(places: list[Institution], actor: Actor) -> list[tuple[str, Any]]:
    """Where the actor may keep agreements: units by institution, and the whole of it where that is within reach."""
    may = May.AGREEMENTS_EDIT
    found: dict[int, list[tuple[str, str]]] = {}
    for unit in Unit.objects.filter(institution__in=places).order_by("name")[:1000]:
        if actor.has(may, unit.institution_id, unit.pk):
            name = unit.names.get(reader()) or unit.name
            found.setdefault(unit.institution_id, []).append((str(unit.pk), name))
    is_whole = any(actor.has(may, one.pk, None) for one in places)
    whole: list[tuple[str, Any]] = [("", _("The whole institution"))] if is_whole else []
    if len(places) == 1:
        return [*whole, *found.get(places[0].pk, [])]
    return [*whole, *((name_of(one), found[one.pk]) for one in places if one.pk in found)]


def new(request: Request) -> HttpResponse:
    """First the partner, then what it begins with; the conditions are written on the next page."""
    places = places_of(request.actor)
    partner = _partner(request.GET.get("partner", ""))
    if partner is None:
        return _choose_partner(request)
    earlier = list(
        Agreement.objects.visible_to(request.actor)
        .filter(
            institution__in=places,
            partner=partner,
            deleted_at__isnull=True,
            first_year__isnull=False,
        )
        .select_related("institution", "current")
        .order_by("-last_year", "-pk")[:10]
    )
    texts = texts_between(places, partner, on=request.today)
    start = request.GET.get("from", "")
    like = next((one for one in earlier if str(one.pk) == start), None)
    initial = {
        "institution": (like.institution if like else places[0]).hei_id,
        "programme": like.programme if like else Programme.ERASMUS,
        "unit": str(like.unit_id) if like and like.unit_id else "",
        "start": start,
        "years": _length(like or (earlier[0] if earlier else None)),
    }
    form = NewForm(
        request.POST if request.method == "POST" else None,
        places=places,
        earlier=earlier,
        texts=texts,
        initial=initial,
        units=unit_choices(places, request.actor),
    )
    if request.method == "POST" and form.is_valid():
        made = _made(request, form, places, partner, earlier, texts)
        if made is not None:
            messages.success(request, _("The draft was made. Only we see it until it is proposed."))
            return HttpResponseRedirect(reverse("agreements:edit", args=[made.pk]))
    return page(
        request,
        "agreements/new.html",
        status=400 if form.errors else 200,
        heading=_("New agreement with %(partner)s") % {"partner": name_of(partner)},
        trail=trail(),
        form=form,
        partner=partner,
        back=reverse("agreements:register"),
    )


def _length(like: Agreement | None) -> int:
    if like is None or like.first_year is None or like.last_year is None:
        return 1
    return like.last_year - like.first_year + 1


def _made(
    request: Request,
    form: NewForm,
    places: list[Institution],
    partner: Institution,
    earlier: list[Agreement],
    texts: list[tuple[Institution, AllianceText, Terms]],
) -> Agreement | None:
    given = form.cleaned_data
    place = next((one for one in places if one.hei_id == given.get("institution")), places[0])
    like = next((one for one in earlier if str(one.pk) == given.get("start")), None)
    terms = Terms()
    if like is not None:
        by = given.get("years")
        terms = shifted(like.terms.without_contacts(), _length(like) if by is None else by)
    text, said = next(
        (
            (one, said)
            for own, one, said in texts
            if own == place and given.get("start") == f"text-{one.pk}"
        ),
        (None, terms),
    )
    terms = said
    unit = given.get("unit")
    try:
        return actions.create(
            actor=request.actor,
            institution=place,
            partner=partner,
            terms=terms,
            programme=given["programme"],
            code=clean_text(given["code"]),
            unit=Unit.objects.filter(institution=place, pk=int(unit)).first() if unit else None,
            alliance_agreement=text.agreement if text is not None else None,
            now=request.now,
        )
    except Refusal as refusal:
        tell(form, refusal)
        return None


def _partner(text: str) -> Institution | None:
    """The partner by its number, or by its identifier where the network's catalogue knows it."""
    if text.isdecimal() and len(text) < 19:
        return Institution.objects.filter(pk=int(text)).first()
    if not text:
        return None
    known = Institution.objects.filter(hei_id=text).first()
    return known or (meet(text) if registry.listed(text) else None)


def _choose_partner(request: Request) -> HttpResponse:
    asked = request.GET.get("q", "").strip()[:100]
    found: list[tuple[str, str, str]] = []
    if asked:
        rows = Institution.objects.all()
        for word in asked.split():
            rows = rows.filter(
                Q(name__icontains=word)
                | Q(names__icontains=word)
                | Q(hei_id__icontains=word)
                | Q(erasmus_code__icontains=word)
                | Q(city__icontains=word)
            )
        found = [
            (
                str(one.pk),
                name_of(one),
                ", ".join(filter(None, (one.city, one.country_name(reader()), one.hei_id))),
            )
            for one in rows.order_by("name", "pk")[:_MOST_FOUND]
        ]
        if not found and registry.listed(asked):
            listed = registry.listed(asked)
            name = listed.names[0][1] if listed and listed.names else asked
            found = [(asked, name, _("in the network's catalogue"))]
    here = Address.of(request)
    return page(
        request,
        "agreements/partner.html",
        heading=_("New agreement"),
        lead=_("Choose the partner first."),
        trail=trail(),
        asked=asked,
        found=[
            (str(here.without("q").having(partner=key)), name, about) for key, name, about in found
        ],
        has_more=len(found) == _MOST_FOUND,
    )


# Our copy -----------------------------------------------------------------------------------------


def edit(request: Request, pk: int) -> HttpResponse:
    """Our copy: its conditions, one box each."""
    one = agreement_of(request, pk)
    if not request.actor.has(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    if one.deleted_at or one.current is None:
        return HttpResponseRedirect(reverse("agreements:agreement", args=[pk]))
    if request.method != "POST":
        rows = rows_of(one.terms, one.institution.hei_id, one.partner.hei_id)
        look = bool(one.shared_at) or "check" in request.GET
        return _page(request, one, rows, base=one.current.number, look=look)
    base = _number(request.POST.get("base", ""), one.current.number)
    rows = sent(request.POST)
    if wanted := request.POST.get("do", ""):
        rows, at = rearranged(rows, wanted, request.POST)
        return _page(request, one, rows, base=base, at=at)
    return _saved(request, one, rows, base)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else otherwise


def _before(one: Agreement, base: int) -> Terms:
    """The terms the rows were made of."""
    if one.current and one.current.number == base:
        return one.current.copy.terms
    revision = one.revisions.filter(number=base).first()
    return revision.copy.terms if revision else Terms()


def _terms(one: Agreement, rows: list[Row], base: int, around: Around) -> Terms:
    ours, partner = one.institution.hei_id, one.partner.hei_id
    return terms_of(rows, _before(one, base), ours, partner, around.contacts)


def _saved(request: Request, one: Agreement, rows: list[Row], base: int) -> HttpResponse:
    around = Around.of(one)
    terms = _terms(one, rows, base, around)
    conditions = shown(rows, around)
    valid = [form.is_valid() for each in conditions for form in each.forms]
    if not all(valid):
        return _page(request, one, rows, base=base, conditions=conditions, status=400)
    note = clean_text(request.POST.get("note", "")[:5000])
    current = one.current.number if one.current else None
    try:
        changed = actions.edit(
            actor=request.actor,
            agreement=one,
            terms=terms,
            now=request.now,
            seen=_number(request.POST.get("seen", ""), base),
            note=note,
        )
        if note and one.shared_at:
            actions.remark(
                actor=request.actor, agreement=one, text=note, now=request.now, for_partner=True
            )
    except Stale as refusal:
        told = sentence_of(refusal)
        stale = components.notice(
            _("Your values are still below. Saving again makes them the present ones."),
            tone="warn",
            title=told.sentence,
        )
        fresh = agreement_of(request, one.pk)
        return _page(request, fresh, rows, base=base, notice=stale, status=409)
    except actions.NotReady:
        return _page(request, one, rows, base=base, look=True, status=400)
    except Refusal as refusal:
        told = sentence_of(refusal)
        notice = components.notice(told.remedy, tone="bad", title=told.sentence)
        return _page(request, one, rows, base=base, notice=notice, status=409)
    if request.POST.get("then") == "propose" and not changed.shared_at:
        return _proposed(request, changed)
    is_new = changed.current is not None and changed.current.number != current
    _tell_saved(request, changed, is_new=is_new)
    return HttpResponseRedirect(reverse("agreements:agreement", args=[one.pk]))


def _tell_saved(request: Request, one: Agreement, *, is_new: bool) -> None:
    if not is_new:
        messages.info(request, _("Nothing was changed, so our copy stays as it was."))
        return
    messages.success(request, _("Our copy was changed."))
    if one.shared_at:
        return
    parties = frozenset({one.institution.hei_id, one.partner.hei_id})
    if count := sum(found.blocks for found in check(one.terms, parties=parties)):
        text = ngettext(
            "%(count)s point is missing or wrong before it can be proposed.",
            "%(count)s points are missing or wrong before it can be proposed.",
            count,
        )
        messages.warning(request, text % {"count": count})


def _proposed(request: Request, one: Agreement) -> HttpResponse:
    try:
        actions.propose(actor=request.actor, agreement=one, now=request.now)
    except actions.NotReady:
        one = agreement_of(request, one.pk)
        rows = rows_of(one.terms, one.institution.hei_id, one.partner.hei_id)
        saved = components.notice(
            _("The draft is saved. It can be proposed once these points are mended."), tone="info"
        )
        base = one.current.number if one.current else 1
        return _page(request, one, rows, base=base, look=True, notice=saved, status=400)
    messages.success(request, _("The agreement was proposed to the partner."))
    return HttpResponseRedirect(reverse("agreements:agreement", args=[one.pk]))


def _page(
    request: Request,
    one: Agreement,
    rows: list[Row],
    *,
    base: int,
    conditions: list[Shown] | None = None,
    look: bool = False,
    at: int | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    around = Around.of(one)
    made = conditions if conditions is not None else shown(rows, around)
    general: list[str] = []
    if look:
        terms = _terms(one, rows, base, around)
        parties = frozenset({one.institution.hei_id, one.partner.hei_id})
        general = put(check(terms, parties=parties), made)
    wrong = look or conditions is not None
    everything = [form for each in made for form in each.forms] if wrong else []
    return page(
        request,
        "agreements/edit.html",
        status=status,
        heading=_("Our copy: %(code)s") % {"code": one.code},
        lead=_("Agreement with %(partner)s") % {"partner": name_of(one.partner)},
        trail=trail(one),
        one=one,
        state=state_badge(one.listed_state),
        notice=notice,
        general=general,
        conditions=made,
        all_forms=everything,
        advice=[(each, line) for each in made for line in each.advice],
        base=base,
        seen=one.current.number if one.current else base,
        fields_of_study=fields_of_study() if made else [],
        kinds=[(kind.value, _(KINDS[kind])) for kind in ORDER],
        directions=[("both", _("in both directions")), ("out", around.out), ("in", around.back)],
        at=at,
        note=request.POST.get("note", ""),
        back=reverse("agreements:agreement", args=[one.pk]),
    )

"""The list of agreements: whatever the programme and the channel, in one list with the same states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.agreements import actions, words
from vaihto.agreements.checks import Finding
from vaihto.agreements.models import Agreement, Place, Programme
from vaihto.agreements.queries import proposals
from vaihto.agreements.serving import days_left
from vaihto.agreements.standing import State, Turn
from vaihto.channels import reaching
from vaihto.channels.models import Channel
from vaihto.codes import ISCED_F, country_name
from vaihto.institutions.models import Institution, Unit
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Refusal
from vaihto.web import components
from vaihto.web.account.signing_in import safe_next
from vaihto.web.address import Address
from vaihto.web.agreements.troubles import not_fresh
from vaihto.web.agreements.years import shifted
from vaihto.web.components import Cell, Column, Download, Row, Tab, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.files import csv_file
from vaihto.web.frame import Request, page
from vaihto.web.kept import kept_views
from vaihto.web.listing import Order, orders_of, page_of
from vaihto.web.offers.words import name_of
from vaihto.web.wording import filled, label, options, sentence_of, shown

SORTS: dict[str, Sequence[Order]] = {
    "created": (Order("created_at", descending=True),),
    "code": (Order("code"),),
    "waits": (Order("turn_since", nullable=True),),
    "expires": (Order("last_year", nullable=True), Order("code")),
    "partner": (Order("partner__name"), Order("code")),
}
TONES: dict[State, Tone] = {
    State.IN_FORCE: "good",
    State.MODIFICATION: "info",
    State.TERMINATION: "warn",
    State.APPROVED_BY_US: "info",
    State.APPROVED_BY_PARTNER: "warn",
    State.TERMINATED: "plain",
    State.DELETED: "plain",
}
_DELETED = State.DELETED.value


class Filters(forms.Form):
    """What the list may be narrowed by; the address keeps it, so a filter is saved by keeping the address."""

    q = forms.CharField(label=gettext_lazy("Partner or code"), required=False, max_length=100)
    institution = ChoiceField(label=gettext_lazy("Institution"), required=False)
    country = ChoiceField(label=gettext_lazy("Country"), required=False)
    state = ChoiceField(label=gettext_lazy("State"), required=False)
    turn = ChoiceField(label=gettext_lazy("Whose turn"), required=False)
    programme = ChoiceField(label=gettext_lazy("Programme"), required=False)
    unit = ChoiceField(label=gettext_lazy("Unit"), required=False)
    channel = ChoiceField(label=gettext_lazy("Reached over"), required=False)
    field = ChoiceField(label=gettext_lazy("Field of study"), required=False)
    year = ChoiceField(label=gettext_lazy("Academic year"), required=False)
    expires = ChoiceField(label=gettext_lazy("Last year"), required=False)

    def __init__(self, data: Any, *, actor: Actor, today: date) -> None:
        super().__init__(data, auto_id="filter_%s")
        seen = Agreement.objects.visible_to(actor)
        owned = Exists(seen.order_by().filter(institution=OuterRef("pk")))
        places = sorted(
            readable_places(actor).filter(owned).values_list("hei_id", "name"),
            key=lambda pair: pair[1],
        )
        years = [
            (str(year), f"{year}/{year + 1}") for year in range(today.year - 5, today.year + 8)
        ]
        units = _units(seen, many=len(places) > 1)
        for name, choices in (
            ("institution", places),
            ("country", _countries(seen)),
            ("state", _states()),
            ("turn", [(turn.value, words.turn(turn)) for turn in Turn]),
            ("programme", options(Programme)),
            ("unit", units),
            ("channel", options(Channel)),
            ("field", _fields()),
            ("year", years),
            ("expires", years),
        ):
            self.fields[name].choices = [("", _("Any")), *choices]  # type: ignore[attr-defined]
        if len(places) < 2:
            del self.fields["institution"]
        if not units:
            del self.fields["unit"]


MORE = ("programme", "unit", "channel", "field", "year", "expires")


def _units(seen: QuerySet[Agreement], *, many: bool) -> list[tuple[str, str]]:
    used = Exists(seen.order_by().filter(unit=OuterRef("pk")))
    rows = Unit.objects.filter(used).select_related("institution")
    return [
        (str(one.pk), f"{one.name} ({one.institution.name})" if many else one.name)
        for one in rows.order_by("name")[:300]
    ]


def _countries(seen: QuerySet[Agreement]) -> list[tuple[str, str]]:
    language = get_language() or "en"
    codes = seen.order_by().values_list("partner__country", flat=True).distinct()
    return sorted(((code, country_name(code, language)) for code in codes), key=lambda one: one[1])


def _states() -> list[tuple[str, str]]:
    left_out = {State.RECEIVED, State.IGNORED}
    return [(one.value, words.state(one.value)) for one in State if one not in left_out]


def _fields() -> list[tuple[str, str]]:
    language = get_language() or "en"
    return [
        (code.code, f"{code.code} {code.name(language)}") for code in ISCED_F if len(code.code) == 2
    ]


def narrowed(actor: Actor, chosen: dict[str, Any]) -> QuerySet[Agreement]:
    """Agreements the actor may see that fit what was chosen; deleted ones only when asked for."""
    found = Agreement.objects.visible_to(actor)
    for word in chosen.get("q", "").split():
        found = found.filter(
            Q(partner__name__icontains=word)
            | Q(partner__names__icontains=word)
            | Q(partner__hei_id__icontains=word)
            | Q(partner__erasmus_code__icontains=word)
            | Q(code__icontains=word)
            | Q(partner_code__icontains=word)
        )
    for name, field in (
        ("institution", "institution__hei_id"),
        ("country", "partner__country"),
        ("turn", "listed_turn"),
        ("programme", "programme"),
        ("unit", "unit"),
        ("expires", "last_year"),
    ):
        if chosen.get(name):
            found = found.filter(**{field: chosen[name]})
    state = chosen.get("state")
    found = found.filter(listed_state=state) if state else found.exclude(listed_state=_DELETED)
    places = Place.objects.filter(agreement=OuterRef("pk"))
    if chosen.get("field"):
        places = places.filter(areas__contains=f",{chosen['field']}")
    if chosen.get("year"):
        year = int(chosen["year"])
        places = places.filter(first__lte=year, last__gte=year)
    if chosen.get("field") or chosen.get("year"):
        found = found.filter(Exists(places))
    if chosen.get("channel"):
        found = found.filter(_reached_over(found, Channel(chosen["channel"])))
    return found


def _reached_over(found: QuerySet[Agreement], channel: Channel) -> Q:
    """Agreements whose partner is reached over this channel now; worked out pair by pair."""
    pairs = found.order_by().values_list("institution", "partner").distinct()
    known = Institution.objects.in_bulk({pk for pair in pairs for pk in pair})
    partners: dict[int, list[Institution]] = {}
    for institution, partner in pairs:
        partners.setdefault(institution, []).append(known[partner])
    condition = Q(pk__in=[])
    for institution, all_of in partners.items():
        found_over = reaching.channels_of(known[institution], all_of)
        wanted = [pk for pk, over in found_over.items() if over == channel]
        condition |= Q(institution=institution, partner__in=wanted)
    return condition


def chosen_of(request: Request) -> tuple[Filters, dict[str, Any]]:
    form = Filters(request.GET, actor=request.actor, today=request.today)
    form.is_valid()
    return form, form.cleaned_data


def state_badge(code: str) -> SafeString:
    """A state as a word on its colour."""
    return components.badge(words.state(code), TONES.get(State(code), "plain"))


def waits(agreement: Agreement, today: date) -> Cell:
    """Whose turn it is, and since when."""
    turn = Turn(agreement.listed_turn)
    if turn is Turn.NOBODY:
        return Cell("–")
    left = days_left(agreement, today=today)
    late = left is not None and left < 0
    note = ""
    if agreement.turn_since:
        note = _("since %(day)s") % {"day": shown(agreement.turn_since.date())}
    tone: Tone = "bad" if late else "warn" if turn is Turn.OURS else "plain"
    return Cell(words.turn(turn), tone=tone, note=note)


def years_of(agreement: Agreement) -> str:
    """First and last academic year by their first numbers."""
    if agreement.first_year is None or agreement.last_year is None:
        return "–"
    return f"{agreement.first_year}–{agreement.last_year + 1}"


def _row(one: Agreement, language: str, today: date, *, many: bool) -> Row:
    partner = one.partner.names.get(language) or one.partner.name
    return Row(
        cells=[
            Cell(
                partner,
                href=reverse("agreements:agreement", args=[one.pk]),
                note=country_name(one.partner.country, language),
            ),
            Cell(one.code, note=one.institution.name if many else "", nowrap=True),
            Cell(state_badge(one.listed_state)),
            waits(one, today),
            Cell(label(Programme, one.programme)),
            Cell(years_of(one), nowrap=True),
        ],
        key=str(one.pk),
        name=f"{one.code} {partner}",
    )


def register(request: Request) -> HttpResponse:
    """The list."""
    actor = request.actor
    actor.require(May.AGREEMENTS_READ)
    form, chosen = chosen_of(request)
    address = Address.of(request)
    sort, orders = orders_of(address.get("sort"), SORTS, default="created")
    found = narrowed(actor, chosen).select_related("partner", "institution")
    within = actor.institutions(May.AGREEMENTS_READ)
    # Each institution's can be read in order from an index; all together they would have to be sorted.
    streams = [found.filter(institution=pk) for pk in sorted(within or ())]
    part = page_of(found, orders, address, streams=streams)
    language = get_language() or "en"
    many = "institution" in form.fields
    may_edit = actor.has(May.AGREEMENTS_EDIT)
    table = components.table(
        _("Agreements"),
        [
            Column(label=_("Partner"), sort="partner"),
            Column(label=_("Code"), sort="code"),
            Column(label=_("State")),
            Column(label=_("Waits for"), sort="waits"),
            Column(label=_("Programme")),
            Column(label=_("Years"), sort="expires"),
        ],
        [_row(one, language, request.today, many=many) for one in part.rows],
        address=address,
        sort=sort,
        paging=part.paging,
        selects="pick" if may_edit else "",
        selected=frozenset(str(one.pk) for one in part.rows)
        if address.get("pick") == "all"
        else frozenset(),
        hide_caption=True,
        empty_text=_("No agreement fits. Take a filter away, or begin a new agreement."),
    )
    waiting = proposals(readable_places(actor)).count() if may_edit else 0
    return page(
        request,
        "agreements/register.html",
        heading=_("Agreements"),
        lead=_(
            "Every agreement in one list, whatever the programme and however the partner is reached."
        ),
        tabs=views(request, "register"),
        filters=components.filters(form, address, more=MORE),
        kept=kept_views(request, "agreements:register", address),
        table=table,
        may_edit=may_edit,
        waiting=waiting,
        here=str(address),
        downloads=components.downloads(
            [
                Download(
                    _("What the filters show"),
                    str(
                        address.without("after", "before", "n", "pick").at(
                            reverse("agreements:register-csv")
                        )
                    ),
                    "CSV",
                )
            ]
        ),
    )


def readable_places(actor: Actor) -> QuerySet[Institution]:
    """Hosted institutions whose agreements the actor reads."""
    within = actor.institutions(May.AGREEMENTS_READ)
    hosted = Institution.objects.hosted()
    return hosted if within is None else hosted.filter(pk__in=within)


def views(request: Request, current: str) -> SafeString:
    """The ways to look at the same agreements; the filters go along."""
    here = Address.of(request).without("after", "before", "n", "pick", "sort")
    return components.tabs(
        [
            Tab(word, str(here.at(reverse(f"agreements:{name}"))), name == current)
            for name, word in (
                ("register", _("List")),
                ("map", _("Partners by country")),
                ("calendar", _("Calendar")),
                ("places", _("Places")),
                ("proposals", _("Proposals")),
            )
        ],
        label=_("Ways to look at the agreements"),
    )


_HEADER = [
    "code", "institution", "partner", "partner_name", "partner_country", "programme", "state", "turn",
    "turn_since", "turn_until", "first_year", "last_year", "partner_code",
]  # fmt: skip


def _lines(found: QuerySet[Agreement]) -> Iterator[list[object]]:
    for one in found.select_related("institution", "partner").order_by("pk").iterator(1000):
        yield [
            one.code, one.institution.hei_id, one.partner.hei_id, one.partner.name, one.partner.country,
            one.programme, one.listed_state, one.listed_turn,
            one.turn_since.date() if one.turn_since else None, one.turn_until, one.first_year,
            one.last_year, one.partner_code,
        ]  # fmt: skip


def as_csv(request: Request) -> HttpResponseBase:
    """What the filters show, as CSV."""
    request.actor.require(May.AGREEMENTS_READ)
    _form, chosen = chosen_of(request)
    return csv_file("agreements", _HEADER, _lines(narrowed(request.actor, chosen)))


class _NotDone(Exception):
    """Nothing was done with this one, and its sentence says why; it stops no other."""


# Each answers what came of it, in a sentence; a refusal is told beside its row.
Deed = Callable[[Request, Agreement], str]


def _propose(request: Request, one: Agreement) -> str:
    if one.shared_at:
        raise _NotDone(_("It was proposed before."))
    actions.propose(actor=request.actor, agreement=one, now=request.now)
    return _("Proposed to the partner.")


def _look(request: Request, one: Agreement) -> str:
    if not one.shared_at or one.deleted_at:
        raise _NotDone(_("The partner does not know of it."))
    request.actor.require(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id)
    seen = reaching.look(one, actor=request.actor, now=request.now)
    if not seen.fresh:
        raise _NotDone(not_fresh(seen))
    now = Agreement.objects.get(pk=one.pk)
    if now.listed_state == one.listed_state and now.listed_turn == one.listed_turn:
        return _("Asked; nothing is new.")
    return _("Asked; it stands here now: %(state)s.") % {"state": words.state(now.listed_state)}


def reminder(one: Agreement) -> str:
    """What to write when nobody writes anything else; in English, which partners read."""
    with translation.override("en"):
        text = _("We kindly remind you of the agreement %(code)s, which waits for your answer.")
    return text % {"code": one.partner_code or one.code}


def _remind(request: Request, one: Agreement) -> str:
    reaching.remind(actor=request.actor, agreement=one, now=request.now, note=reminder(one))
    return _("The partner is reminded.")


def _renew(request: Request, one: Agreement) -> str:
    if one.first_year is None or one.last_year is None:
        raise _NotDone(_("It has no academic years that could be moved."))
    terms = shifted(one.terms.without_contacts(), one.last_year - one.first_year + 1)
    alike = Agreement.objects.filter(
        institution=one.institution_id,
        partner=one.partner_id,
        programme=one.programme,
        unit=one.unit_id,
        last_year__gt=one.last_year,
        deleted_at__isnull=True,
    )
    for each in alike.select_related("current").order_by("pk"):
        if each.terms.without_contacts() == terms:
            raise _NotDone(
                _("%(code)s says the same for the next period already.") % {"code": each.code}
            )
    made = actions.create(
        actor=request.actor,
        institution=one.institution,
        partner=one.partner,
        terms=terms,
        programme=one.programme,
        unit=one.unit,
        now=request.now,
    )
    return _("Draft %(code)s was made for the next period.") % {"code": made.code}


_DEEDS: dict[str, Deed] = {"propose": _propose, "look": _look, "remind": _remind, "renew": _renew}


# Deeds that ask something first, on a page of their own.
_OF_MANY = {"edit": "agreements:bulk", "contact": "agreements:handover"}


@require_POST
def selected(request: Request) -> HttpResponseBase:
    """A deed on the selected agreements; each has its own result, and one that is refused stops no other."""
    request.actor.require(May.AGREEMENTS_EDIT)
    picked = [value for value in request.POST.getlist("pick") if value.isdecimal()][:500]
    numbers = [int(value) for value in picked if len(value) < 19]
    found = Agreement.objects.visible_to(request.actor).filter(pk__in=numbers)
    wanted = request.POST.get("deed", "")
    if not numbers:
        messages.warning(request, _("Select at least one agreement first."))
        return HttpResponseRedirect(safe_next(request, "agreements:register"))
    if wanted == "csv":
        return csv_file("agreements", _HEADER, _lines(found))
    if wanted in _OF_MANY:
        here = Address(reverse(_OF_MANY[wanted])).having(pick=[str(pk) for pk in numbers])
        return HttpResponseRedirect(str(here))
    if wanted not in _DEEDS:
        return HttpResponseRedirect(safe_next(request, "agreements:register"))
    rows = []
    whole = found.select_related("institution", "partner", "unit", "current", "mutual")
    for one in whole.order_by("code"):
        try:
            rows.append(result_row(one, _DEEDS[wanted](request, one)))
        except _NotDone as why:
            rows.append(result_row(one, str(why), is_done=False))
        except Refusal as refusal:
            rows.append(result_row(one, refused_because(refusal), refused=True))
    return results(request, rows, back=safe_next(request, "agreements:register"))


def refused_because(refusal: Refusal) -> str:
    """Why one of many was refused; here no field is marked, so what is wrong in the terms is named."""
    if isinstance(refusal, actions.NotReady):
        parts = cast("list[tuple[str, int | None, str, str]]", refusal.facts["findings"])
        findings = [Finding(*part) for part in parts]
        said = [filled(found.sentence, {"value": found.value}) for found in findings]
        return " ".join(dict.fromkeys(said))
    told = sentence_of(refusal)
    return f"{told.sentence} {told.remedy}".strip()


def result_row(one: Agreement, told: str, *, refused: bool = False, is_done: bool = True) -> Row:
    """What came of a deed on one of many."""
    result = Cell(_("done"), tone="good") if is_done else Cell(_("nothing done"), tone="plain")
    return Row(
        [
            Cell(one.code, href=reverse("agreements:agreement", args=[one.pk])),
            name_of(one.partner),
            Cell(_("refused"), tone="bad") if refused else result,
            told,
        ]
    )


def results(request: Request, rows: list[Row], *, back: str) -> HttpResponse:
    """What came of a deed on many agreements, one by one."""
    return page(
        request,
        "agreements/results.html",
        heading=_("What came of it"),
        trail=[(_("Agreements"), reverse("agreements:register"))],
        table=components.table(
            _("Results"),
            [
                Column(label=_("Code")),
                Column(label=_("Partner")),
                Column(label=_("Result")),
                Column(label=_("In words")),
            ],
            rows,
            hide_caption=True,
        ),
        back=back,
    )

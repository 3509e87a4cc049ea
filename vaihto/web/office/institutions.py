"""Institutions: the list, and one with its units, memberships, headcounts, capabilities and choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.codes import country_name
from vaihto.codes.erasmus_code import normal_erasmus_code
from vaihto.institutions import actions
from vaihto.institutions.models import Capability, Headcount, Institution, Membership, Unit
from vaihto.journal.actors import May
from vaihto.journal.models import Entry
from vaihto.offers.models import LearningOpportunity
from vaihto.refusals import NotAllowed, Refusal, Unknown
from vaihto.rules.parameters import parameters
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Fact, Row, Tone
from vaihto.web.deeds import events
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, orders_of, page_of
from vaihto.web.office.mobility import name_in
from vaihto.web.wording import label, sentence_of, shown

SORTS: dict[str, Sequence[Order]] = {"name": (Order("name"),), "country": (Order("country"),)}
# Parameters that an institution decides for itself; each is a yes or no with a default.
CHOICES = ("use_covid_exception", "count_outgoing_double_degree")
_STATES: dict[str, Tone] = {
    Capability.State.LIVE: "good",
    Capability.State.TESTING: "info",
    Capability.State.NONE: "plain",
    Capability.State.UNKNOWN: "warn",
}


class Filters(forms.Form):
    """What the list of institutions may be narrowed by."""

    name = forms.CharField(label=gettext_lazy("Name or identifier"), required=False, max_length=100)
    country = ChoiceField(label=gettext_lazy("Country"), required=False)
    what = ChoiceField(label=gettext_lazy("Which"), required=False)

    def __init__(self, data: Any, *, language: str) -> None:
        super().__init__(data, auto_id="filter_%s")
        codes = Institution.objects.order_by().values_list("country", flat=True).distinct()
        named = sorted((country_name(code, language), code) for code in codes)
        self.fields["country"].choices = [  # type: ignore[attr-defined]
            ("", _("Any")),
            *((code, name) for name, code in named),
        ]
        self.fields["what"].choices = [  # type: ignore[attr-defined]
            ("", _("Any")),
            ("hosted", _("Records kept here")),
            ("member", _("Members of an alliance")),
        ]


def institutions(request: Request) -> HttpResponse:
    """The list of institutions."""
    language = get_language() or "en"
    form = Filters(request.GET, language=language)
    form.is_valid()
    chosen = form.cleaned_data
    found = Institution.objects.visible_to(request.actor)
    if chosen.get("name"):
        text = chosen["name"].strip()
        found = found.filter(
            Q(name__icontains=text)
            | Q(names__icontains=text)
            | Q(hei_id__icontains=text)
            | Q(erasmus_code__icontains=text)
            | Q(erasmus_code=normal_erasmus_code(text))
            | Q(national_code=text)
        )
    if chosen.get("country"):
        found = found.filter(country=chosen["country"])
    if chosen.get("what") == "hosted":
        found = found.hosted()
    elif chosen.get("what") == "member":
        found = found.filter(pk__in=Membership.objects.values("institution"))
    address = Address.of(request)
    sort, orders = orders_of(address.get("sort"), SORTS, default="name")
    listed = page_of(found, orders, address)
    return page(
        request,
        "office/people.html",
        heading=_("Institutions"),
        filters=components.filters(form, address),
        table=components.table(
            _("Institutions"),
            [
                Column(label=_("Name"), sort="name"),
                Column(label=_("Country"), sort="country"),
                Column(label=_("Identifier")),
                Column(label=_("Erasmus code")),
                Column(label=_("Records")),
            ],
            [
                Row(
                    [
                        Cell(
                            one.names.get(language) or one.name,
                            href=reverse("office:institution", args=[one.pk]),
                            note=one.city,
                        ),
                        country_name(one.country, language),
                        one.hei_id,
                        Cell(one.erasmus_code, nowrap=True),
                        Cell(_("kept here"), tone="info") if one.hosted else "",
                    ]
                )
                for one in listed.rows
            ],
            address=address,
            sort=sort,
            paging=listed.paging,
            hide_caption=True,
            empty_text=_("No institution fits the filters."),
        ),
    )


def _seen(request: Request, pk: int) -> Institution:
    one = Institution.objects.visible_to(request.actor).filter(pk=pk).first()
    if one is None:
        raise Unknown("institution.unknown")
    return one


def institution(request: Request, pk: int) -> HttpResponse:
    """The page of an institution."""
    one = _seen(request, pk)
    language = get_language() or "en"
    actor = request.actor
    can_choose = actor.has(May.INSTITUTIONS_EDIT, one.pk)
    can_declare = actor.has(May.VIRTA_EXPORT, one.pk)
    entries = (
        list(Entry.objects.visible_to(actor).about(one)[:20])
        if actor.is_operator or actor.has(May.JOURNAL_READ, one.pk)
        else []
    )
    return page(
        request,
        "office/institution.html",
        heading=one.names.get(language) or one.name,
        lead=", ".join(
            part for part in (one.city, country_name(one.country, language), one.hei_id) if part
        ),
        trail=[(_("Institutions"), reverse("office:institutions"))],
        one=one,
        facts=components.facts(
            [
                Fact(_("Identifier"), one.hei_id),
                Fact(_("Erasmus code"), one.erasmus_code),
                Fact(_("National code"), one.national_code),
                Fact("PIC", one.pic),
                Fact("OID", one.oid),
                Fact("ROR", one.ror),
                Fact(_("Sector"), label(Institution.Sector, one.sector)),
                Fact(_("Website"), one.website, one.website),
                Fact(_("Names"), ", ".join(dict.fromkeys(one.names.values()))),
                Fact(_("Records kept here"), one.hosted),
                *_catalogue(request, one),
            ]
        ),
        memberships=_memberships(one),
        units=_units(one),
        headcounts=_headcounts(one),
        capabilities=_capabilities(one),
        choices=[_choice(one, name, language) for name in CHOICES]
        if one.hosted and one.is_finnish
        else [],
        can_choose=can_choose,
        can_declare=can_declare and one.is_finnish,
        timeline=components.timeline(events(entries)) if entries else None,
    )


def _catalogue(request: Request, one: Institution) -> list[Fact]:
    """Where its programmes and courses are, if this installation knows any."""
    if not LearningOpportunity.objects.visible_to(request.actor).filter(institution=one).exists():
        return []
    address = Address(reverse("offers:catalogue")).having(institution=one.hei_id)
    return [Fact(_("Programmes and courses"), _("See the catalogue"), str(address))]


def _memberships(one: Institution) -> SafeString | None:
    found = list(one.memberships.select_related("alliance").order_by("since"))
    if not found:
        return None
    return components.table(
        _("Alliances"),
        [
            Column(label=_("Alliance")),
            Column(label=_("As")),
            Column(label=_("From")),
            Column(label=_("Until")),
        ],
        [
            Row(
                [
                    m.alliance.name,
                    label(Membership.Kind, m.kind),
                    Cell(m.since, nowrap=True),
                    Cell(m.until, nowrap=True),
                ]
            )
            for m in found
        ],
    )


def _units(one: Institution) -> SafeString | None:
    found = list(Unit.objects.filter(institution=one).order_by("code")[:500])
    if not found:
        return None
    children: dict[int | None, list[Unit]] = {}
    known = {unit.pk for unit in found}
    for unit in found:
        parent = unit.parent_id if unit.parent_id in known else None
        children.setdefault(parent, []).append(unit)
    rows: list[Row] = []

    def add(parent: int | None, depth: int) -> None:
        for unit in children.get(parent, []):
            rows.append(Row([Cell("\N{NO-BREAK SPACE}" * 4 * depth + unit.name), unit.code]))
            if depth < len(found):
                add(unit.pk, depth + 1)

    add(None, 0)
    return components.table(_("Units"), [Column(label=_("Name")), Column(label=_("Code"))], rows)


def _headcounts(one: Institution) -> SafeString | None:
    """Groups down, years across; the newest source stands beside."""
    found = list(Headcount.objects.filter(institution=one).order_by("-year", "group")[:120])
    if not found:
        return None
    years = sorted({h.year for h in found})[-6:]
    rows = []
    for group in Headcount.Group.values:
        counts = {h.year: h for h in found if h.group == group}
        if not counts:
            continue
        newest = counts[max(counts)]
        rows.append(
            Row(
                [
                    label(Headcount.Group, group),
                    *(components.number(counts[y].count) if y in counts else "–" for y in years),
                    Cell(newest.source, note=_("as of %(day)s") % {"day": shown(newest.as_of)}),
                ]
            )
        )
    return components.table(
        _("Headcounts"),
        [
            Column(label=_("Group")),
            *(Column(label=str(year), numeric=True) for year in years),
            Column(label=_("Source of the newest")),
        ],
        rows,
    )


def _capabilities(one: Institution) -> SafeString | None:
    """What is known now of each interface, with what was known before."""
    found = list(
        Capability.objects.filter(institution=one).order_by("process", "interface", "-since")[:200]
    )
    if not found:
        return None
    known: dict[tuple[str, str], list[Capability]] = {}
    for item in found:
        known.setdefault((item.process, item.interface), []).append(item)
    rows = []
    for newest, *older in known.values():
        before = ", ".join(
            _("%(state)s on %(day)s")
            % {"state": label(Capability.State, item.state), "day": shown(item.since)}
            for item in older
        )
        rows.append(
            Row(
                [
                    process_word(newest.process),
                    f"{newest.interface} {newest.version}".strip(),
                    Cell(label(Capability.State, newest.state), tone=_STATES[newest.state]),
                    newest.system,
                    Cell(label(Capability.Source, newest.source), note=newest.survey_round),
                    Cell(newest.since, nowrap=True),
                    before,
                ]
            )
        )
    return components.table(
        _("What it can do, and how we know"),
        [
            Column(label=_("Process")),
            Column(label=_("Interface")),
            Column(label=_("State")),
            Column(label=_("System")),
            Column(label=_("Source")),
            Column(label=_("As of")),
            Column(label=_("Before")),
        ],
        rows,
    )


_PROCESSES = {
    "agreements": gettext_lazy("Agreements"),
    "nominations": gettext_lazy("Nominations"),
    "learning_agreements": gettext_lazy("Learning agreements"),
    "transcripts": gettext_lazy("Transcripts"),
    "staff_mobility": gettext_lazy("Staff mobility"),
    "courses": gettext_lazy("Courses"),
}


def process_word(process: str) -> str:
    """A process in words; an unknown one as it is written."""
    return str(_PROCESSES.get(process) or process.replace("_", " "))


# Choices ---------------------------------------------------------------------------------------


def _choice(one: Institution, name: str, language: str) -> Mapping[str, Any]:
    parameter = parameters()[name]
    default = bool(parameter.values[-1][1])
    chosen = one.choices.get(name)
    return {
        "name": name,
        "label": parameter.label.get(language) or parameter.label["en"],
        "default": _("yes") if default else _("no"),
        "value": chosen if chosen is not None else default,
        "is_default": chosen is None,
        "source": name_in({"en": parameter.source.title}, language),
    }


class ChoiceForm(forms.Form):
    """One choice of the institution with the reason for it."""

    value = forms.ChoiceField(label=gettext_lazy("Choice"), widget=forms.RadioSelect)
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=500,
        help_text=gettext_lazy("Kept in the journal."),
    )


_VALUES = {"yes": True, "no": False, "default": None}


def choose(request: Request, pk: int) -> HttpResponse:
    """A choice where the rules leave one; afterwards everybody of the institution is judged anew."""
    one = _seen(request, pk)
    if not request.actor.has(May.INSTITUTIONS_EDIT, one.pk):
        raise NotAllowed("not-allowed", may=str(May.INSTITUTIONS_EDIT))
    name = request.GET.get("name", "")
    if name not in CHOICES:
        raise Unknown("institution.choice-unknown")
    known = _choice(one, name, get_language() or "en")
    present = one.choices.get(name)
    form = ChoiceForm(
        request.POST if request.method == "POST" else None,
        initial={"value": {True: "yes", False: "no", None: "default"}[present]},
    )
    form.fields["value"].choices = [  # type: ignore[attr-defined]
        ("yes", _("Yes")),
        ("no", _("No")),
        ("default", _("The default, which is: %(value)s") % {"value": known["default"]}),
    ]
    back = reverse("office:institution", args=[one.pk])
    if request.method == "POST" and form.is_valid():
        actions.choose(
            actor=request.actor,
            institution=one,
            name=name,
            value=_VALUES[form.cleaned_data["value"]],
            now=request.now,
            reason=form.cleaned_data["reason"],
        )
        messages.success(request, _("The choice is kept; mobilities are judged anew by it."))
        return HttpResponseRedirect(back)
    return page(
        request,
        "web/confirm.html",
        heading=known["label"],
        trail=[(_("Institutions"), reverse("office:institutions")), (one.name, back)],
        sentence=_("The rules leave this to the institution. Source: %(source)s.")
        % {"source": known["source"]},
        consequences=[_("Verdicts of the institution's mobilities may change.")],
        form=form,
        deed=_("Keep the choice"),
        back=back,
    )


class DeclareForm(forms.Form):
    """The registrar's declaration about what is held here."""

    holds = forms.BooleanField(
        label=gettext_lazy("This installation holds every record that goes to the warehouse"),
        required=False,
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=500,
        help_text=gettext_lazy("Kept in the journal."),
    )


def declare(request: Request, pk: int) -> HttpResponse:
    """Whether the whole nested document may be made from this installation (V05)."""
    one = _seen(request, pk)
    if not request.actor.has(May.VIRTA_EXPORT, one.pk):
        raise NotAllowed("not-allowed", may=str(May.VIRTA_EXPORT))
    form = DeclareForm(
        request.POST if request.method == "POST" else None, initial={"holds": one.holds_everything}
    )
    back = reverse("office:institution", args=[one.pk])
    if request.method == "POST" and form.is_valid():
        try:
            actions.declare_holds_everything(
                actor=request.actor,
                institution=one,
                holds=form.cleaned_data["holds"],
                now=request.now,
                reason=form.cleaned_data["reason"],
            )
        except Refusal as refusal:
            form.add_error(None, sentence_of(refusal).sentence)
        else:
            messages.success(request, _("The declaration is kept."))
            return HttpResponseRedirect(back)
    return page(
        request,
        "web/confirm.html",
        heading=_("What this installation holds"),
        trail=[(_("Institutions"), reverse("office:institutions")), (one.name, back)],
        sentence=_(
            "A whole batch replaces everything that was sent before. It is made here only when this "
            "installation holds every record of the institution."
        ),
        consequences=[
            _("With the declaration, the nested document with all kinds of record can be made."),
            _("Without it, only the separate files are made."),
        ],
        form=form,
        deed=_("Keep the declaration"),
        back=back,
    )

"""The catalogue as a list: for strangers what is exposed, for the offices everything of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models import Exists, Max, Min, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from vaihto.codes import ISCED_F, language_name
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.offers import actions
from vaihto.offers.completeness import with_gaps
from vaihto.offers.models import Kind, LearningOpportunity, Realisation
from vaihto.web import components
from vaihto.web.account.signing_in import safe_next
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Download, Row
from vaihto.web.fields import ChoiceField
from vaihto.web.files import csv_file
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, orders_of, page_of
from vaihto.web.offers.words import (
    academic_year_of,
    credits_range,
    languages_of,
    level_name,
    name_of,
    reader,
    state_of,
    text_and_language,
)
from vaihto.web.wording import label, options, shown

SORTS: dict[str, Sequence[Order]] = {
    "title": (Order("title"),),
    "code": (Order("code"), Order("title")),
    "level": (Order("eqf_level", nullable=True), Order("title")),
    "changed": (Order("modified_at"),),
}
_YEARS = 15


class Filters(forms.Form):
    """What the catalogue may be narrowed by."""

    q = forms.CharField(label=gettext_lazy("Title or code"), required=False, max_length=100)
    institution = ChoiceField(label=gettext_lazy("Institution"), required=False)
    kind = ChoiceField(label=gettext_lazy("Kind"), required=False)
    field = ChoiceField(label=gettext_lazy("Field of study"), required=False)
    language = ChoiceField(label=gettext_lazy("Language"), required=False)
    level = ChoiceField(label=gettext_lazy("Level"), required=False)
    year = ChoiceField(label=gettext_lazy("Taught in"), required=False)
    state = ChoiceField(label=gettext_lazy("Shown"), required=False)

    def __init__(self, data: Any, *, actor: Actor) -> None:
        super().__init__(data, auto_id="filter_%s")
        seen = LearningOpportunity.objects.visible_to(actor)
        taught = Realisation.objects.filter(opportunity__in=seen.order_by().values("pk"))
        for name, choices in (
            ("institution", _institutions(seen)),
            ("kind", options(Kind)),
            ("field", _fields(seen)),
            ("language", _languages(taught)),
            ("level", [(str(level), level_name(level)) for level in range(5, 9)]),
            ("year", _years(taught)),
            ("state", _states()),
        ):
            self.fields[name].choices = [("", _("Any")), *choices]  # type: ignore[attr-defined]
        if not keeps(actor):
            del self.fields["state"]


def keeps(actor: Actor) -> bool:
    """Does the actor see more than what is exposed?"""
    return actor.sees_everything or any(grant.institution_id for grant in actor.grants)


def _institutions(seen: QuerySet[LearningOpportunity]) -> list[tuple[str, str]]:
    found = Institution.objects.filter(pk__in=seen.order_by().values("institution")).order_by()
    return sorted(((one.hei_id, name_of(one)) for one in found), key=lambda pair: pair[1])


def _fields(seen: QuerySet[LearningOpportunity]) -> list[tuple[str, Any]]:
    """The broad and narrow fields in which there is something."""
    codes = set(
        seen.exclude(isced_code="").order_by().values_list("isced_code", flat=True).distinct()
    )
    groups: list[tuple[str, Any]] = []
    for broad in sorted({code[:2] for code in codes}):
        name = ISCED_F.name(broad, reader())
        narrow = sorted({code[:3] for code in codes if code[:2] == broad and len(code) > 2})
        within = [(code, f"{code} {ISCED_F.name(code, reader())}") for code in narrow]
        groups.append((name, [(broad, _("%(field)s, all") % {"field": name}), *within]))
    return groups


def _languages(taught: QuerySet[Realisation]) -> list[tuple[str, str]]:
    tags = taught.exclude(language="").order_by().values_list("language", flat=True)
    primary = {tag.partition("-")[0] for tag in tags.distinct()}
    return sorted(
        ((tag, language_name(tag, reader())) for tag in primary), key=lambda pair: pair[1]
    )


def _years(taught: QuerySet[Realisation]) -> list[tuple[str, str]]:
    days = taught.aggregate(first=Min("start"), last=Max("end"))
    if days["first"] is None:
        return []
    last = int(academic_year_of(days["last"])[:4])
    first = max(int(academic_year_of(days["first"])[:4]), last - _YEARS)
    years = [f"{year}/{year + 1}" for year in range(last, first - 1, -1)]
    return [(year, year) for year in years]


def _states() -> list[tuple[str, str]]:
    return [
        ("exposed", _("Exposed")),
        ("hidden", _("Not exposed")),
        ("gaps", _("Something is missing")),
        ("withdrawn", _("Withdrawn")),
    ]


def narrowed(actor: Actor, chosen: dict[str, Any]) -> QuerySet[LearningOpportunity]:
    """Entries the actor may see that fit what was chosen; withdrawn ones only when they are asked for."""
    found = LearningOpportunity.objects.visible_to(actor)
    for word in chosen.get("q", "").casefold().split():
        found = found.filter(search__contains=word)
    if chosen.get("institution"):
        found = found.filter(institution__hei_id=chosen["institution"])
    if chosen.get("kind"):
        found = found.filter(kind=chosen["kind"])
    if chosen.get("field"):
        found = found.filter(isced_code__startswith=chosen["field"])
    if chosen.get("level"):
        found = found.filter(eqf_level=int(chosen["level"]))
    taught = _taught(chosen)
    if taught is not None:
        found = found.filter(Exists(taught.filter(opportunity=OuterRef("pk"))))
    state = chosen.get("state")
    if state != "withdrawn":
        found = found.filter(withdrawn_at__isnull=True)
    if state == "withdrawn":
        found = found.filter(withdrawn_at__isnull=False)
    elif state == "exposed":
        found = found.filter(exposed=True)
    elif state == "hidden":
        found = found.filter(exposed=False)
    elif state == "gaps":
        found = found.filter(with_gaps())
    return found


def _taught(chosen: dict[str, Any]) -> QuerySet[Realisation] | None:
    """Realisations in the language and the year that were chosen; None where neither was."""
    if not (chosen.get("language") or chosen.get("year")):
        return None
    found = Realisation.objects.all()
    if chosen.get("language"):
        tag = chosen["language"]
        found = found.filter(Q(language=tag) | Q(language__startswith=f"{tag}-"))
    if chosen.get("year"):
        first = int(chosen["year"][:4])
        found = found.filter(
            Q(academic_year=chosen["year"])
            | Q(academic_year="", start__lte=date(first + 1, 7, 31), end__gte=date(first, 8, 1))
        )
    return found


def _chosen(request: Request) -> tuple[Filters, dict[str, Any]]:
    form = Filters(request.GET, actor=request.actor)
    form.is_valid()
    return form, form.cleaned_data


@login_not_required
def catalogue(request: Request) -> HttpResponse:
    """The list, for everybody."""
    actor = request.actor
    form, chosen = _chosen(request)
    address = Address.of(request)
    sort, orders = orders_of(address.get("sort"), SORTS, default="title")
    found = (
        narrowed(actor, chosen)
        .select_related("institution")
        .defer("descriptions")
        .prefetch_related(Prefetch("realisations", Realisation.objects.order_by("start", "pk")))
    )
    listed = page_of(found, orders, address)
    is_keeper = keeps(actor)
    may_edit = actor.has(May.OFFERS_EDIT)
    rows = [
        _row(one, chosen.get("year", ""), request.today, with_state=is_keeper)
        for one in listed.rows
    ]
    return page(
        request,
        "offers/catalogue.html",
        heading=_("Programmes and courses"),
        lead=_("What the universities here teach and open to exchange students."),
        filters=components.filters(form, address, more=("field", "level", "year", "state")),
        table=components.table(
            _("Programmes and courses"),
            [
                Column(label=_("Title"), sort="title"),
                Column(label=_("Code"), sort="code"),
                Column(label=_("Institution")),
                Column(label=_("Kind")),
                Column(label=_("Level"), sort="level"),
                Column(label=_("ECTS"), numeric=True),
                Column(label=_("Language")),
                Column(label=_("Taught")),
                *([Column(label=_("Shown"))] if is_keeper else []),
            ],
            rows,
            address=address,
            sort=sort,
            paging=listed.paging,
            selects="pick" if may_edit else "",
            selected=frozenset(row.key for row in rows)
            if address.get("pick") == "all"
            else frozenset(),
            hide_caption=True,
            empty_text=_("Nothing in the catalogue fits the filters."),
        ),
        downloads=components.downloads(
            [
                Download(
                    _("What the filters show"),
                    str(
                        address.without("after", "before", "n", "pick").at(
                            reverse("offers:catalogue-csv")
                        )
                    ),
                    "CSV",
                )
            ]
        ),
        may_edit=may_edit,
        here=str(address),
    )


def _row(one: LearningOpportunity, year: str, today: date, *, with_state: bool) -> Row:
    realisations = list(one.realisations.all())
    title, tag = text_and_language(one.titles)
    field = ISCED_F.name(one.isced_code, reader())
    state = state_of(one)
    return Row(
        [
            Cell(title, href=reverse("offers:offer", args=[one.pk]), lang=tag, note=field),
            Cell(one.code, nowrap=True),
            name_of(one.institution),
            label(Kind, one.kind),
            one.eqf_level,
            credits_range(realisations),
            languages_of(realisations),
            _when(realisations, year, today),
            *([Cell(state[0], tone=state[1])] if with_state else []),
        ],
        key=str(one.pk),
        name=one.code or title,
    )


def _when(realisations: Sequence[Realisation], year: str, today: date) -> Cell:
    """The realisation of the asked year, else the one under way or next, else the last one."""
    within = [
        one
        for one in realisations
        if not year or year in {one.academic_year, academic_year_of(one.start)}
    ]
    if not within:
        return Cell("")
    one = next((each for each in within if each.end >= today), within[-1])
    days = f"{shown(one.start)} – {shown(one.end)}"
    term, tag = text_and_language(one.term_names)
    return Cell(term, lang=tag, note=days) if term else Cell(days)


# Taking along, and deeds on several --------------------------------------------------------------

_HEADER = [
    "institution", "los_id", "key", "kind", "code", "title_en", "title", "title_language", "unit", "isced_code",
    "eqf_level", "part_of", "start", "end", "academic_year", "ects", "language", "exposed", "withdrawn",
]  # fmt: skip
_AT_ONCE = 1000


def _lines(actor: Actor, found: QuerySet[LearningOpportunity]) -> Iterator[list[object]]:
    """A line for each realisation, or one for an entry that has none."""
    numbers = list(found.order_by("title", "pk").values_list("pk", flat=True))
    for at in range(0, len(numbers), _AT_ONCE):
        piece = (
            LearningOpportunity.objects.filter(pk__in=numbers[at : at + _AT_ONCE])
            .select_related("institution", "unit")
            .prefetch_related(
                Prefetch("realisations", Realisation.objects.order_by("start", "pk")),
                Prefetch("wholes", LearningOpportunity.objects.visible_to(actor)),
            )
            .order_by("title", "pk")
        )
        for one in piece:
            title, tag = one.title_in(reader())
            entry = [
                one.institution.hei_id, one.los_id, one.key, one.kind, one.code, one.titles.get("en", ""), title,
                tag, one.unit.code if one.unit else "", one.isced_code, one.eqf_level,
                ", ".join(whole.code or whole.los_id for whole in one.wholes.all()),
            ]  # fmt: skip
            after = [one.exposed, one.withdrawn_at is not None]
            realisations = list(one.realisations.all())
            for each in realisations:
                yield [
                    *entry, each.start, each.end, each.academic_year, each.ects, each.language, *after
                ]  # fmt: skip
            if not realisations:
                yield [*entry, None, None, "", None, "", *after]


@login_not_required
def as_csv(request: Request) -> HttpResponseBase:
    """What the filters show, as CSV."""
    _form, chosen = _chosen(request)
    found = narrowed(request.actor, chosen)
    return csv_file("catalogue", _HEADER, _lines(request.actor, found))


@require_POST
def selected(request: Request) -> HttpResponseBase:
    """Exposes or hides the entries that were selected."""
    request.actor.require(May.OFFERS_EDIT)
    numbers = [int(value) for value in request.POST.getlist("pick") if value.isdecimal()][:500]
    found = [
        one
        for one in LearningOpportunity.objects.visible_to(request.actor).filter(pk__in=numbers)
        if actions.may_edit(request.actor, one)
    ]
    exposed = request.POST.get("deed") == "expose"
    if exposed or request.POST.get("deed") == "hide":
        count = actions.expose(
            actor=request.actor, opportunities=found, exposed=exposed, now=request.now
        )
        told = (
            ngettext(
                "%(count)d entry is shown to partners and the public now.",
                "%(count)d entries are shown to partners and the public now.",
                count,
            )
            if exposed
            else ngettext(
                "%(count)d entry is hidden now.", "%(count)d entries are hidden now.", count
            )
        )
        messages.success(request, told % {"count": count})
        if len(found) < len(numbers):
            messages.warning(request, _("Entries of other institutions and units were left alone."))
    return HttpResponseRedirect(safe_next(request, reverse("offers:catalogue")))

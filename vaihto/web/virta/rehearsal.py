"""What each authority would count today: totals, record by record, frozen, and compared with later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from vaihto.classification import collections, queries
from vaihto.classification.models import Collection
from vaihto.codes import MOBILITY_PROGRAMME, MOBILITY_TYPE, STUDY_RIGHT_TYPE, country_name
from vaihto.institutions.models import Institution
from vaihto.journal.actors import May
from vaihto.observatory import charts
from vaihto.refusals import NotAllowed, Unknown
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Download, Figure, Paging, Row, Tab
from vaihto.web.explain import kind_word, missing_word
from vaihto.web.files import csv_file
from vaihto.web.frame import Frame, Request, page
from vaihto.web.virta.runs import finnish_places
from vaihto.web.wording import shown

PAGE = 50
EXTRACTIONS = {
    "oph_long_outgoing": gettext_lazy("OPH: long outgoing"),
    "oph_short_outgoing": gettext_lazy("OPH: short outgoing"),
    "oph_long_incoming": gettext_lazy("OPH: long incoming"),
    "oph_short_incoming": gettext_lazy("OPH: short incoming"),
    queries.TK: gettext_lazy("Statistics Finland: graduates"),
    queries.OKM: gettext_lazy("Ministry: credits"),
    queries.OKM_STAFF: gettext_lazy("Ministry: staff visits"),
}
DIMENSIONS = {
    "country": gettext_lazy("By country"),
    "programme": gettext_lazy("By programme"),
    "length": gettext_lazy("By length"),
    "level": gettext_lazy("By level"),
    "type": gettext_lazy("By type"),
}
_WHICH = {
    "counted": (True, gettext_lazy("Counted")),
    "left-out": (False, gettext_lazy("Left out")),
    "not-told": (None, gettext_lazy("Cannot be told")),
}
# Columns that hold an identity code are for those who may see it.
_SENSITIVE = frozenset({"hetu"})


@dataclass(frozen=True)
class Asked:
    """What the address asks for."""

    institution: Institution
    extraction: str
    year: int


class Question(forms.Form):
    """Whose collection of which year."""

    institution = forms.ChoiceField(label=gettext_lazy("Institution"))
    year = forms.ChoiceField(label=gettext_lazy("Year"))

    def __init__(
        self, *args: Any, places: Sequence[Institution], years: Sequence[int], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["institution"].choices = [(p.hei_id, p.name) for p in places]  # type: ignore[attr-defined]
        self.fields["year"].choices = [(str(year), str(year)) for year in years]  # type: ignore[attr-defined]


def _asked(request: Request) -> tuple[Asked, list[Institution], list[int]]:
    places = finnish_places(request.actor, May.VIRTA_READ)
    if not places:
        raise NotAllowed("not-allowed")
    wanted = request.GET.get("institution", "")
    place = next((p for p in places if p.hei_id == wanted), places[0])
    if wanted and place.hei_id != wanted:
        raise Unknown("virta.unknown-institution")
    years = queries.years_of(request.actor, place) or [request.today.year - 1]
    text = request.GET.get("year", "")
    usual = request.today.year - 1
    year = (
        int(text)
        if text.isdecimal() and len(text) == 4
        else (usual if usual in years else years[0])
    )
    extraction = request.GET.get("collection", "oph_long_outgoing")
    if extraction not in EXTRACTIONS:
        raise Unknown("virta.unknown-collection")
    return Asked(place, extraction, year), places, sorted({*years, year}, reverse=True)


def rehearsal(request: Request) -> HttpResponse:
    """One collection of one year as it would be today."""
    asked, places, years = _asked(request)
    address = Address.of(request)
    language = Frame(request, request.actor).language
    told = queries.rehearsal(
        actor=request.actor,
        institution=asked.institution,
        extraction=asked.extraction,
        year=asked.year,
    )
    which = request.GET.get("which", "counted")
    included = _WHICH.get(which, _WHICH["counted"])[0]
    start = _start(address)
    lines = queries.rows(
        actor=request.actor,
        institution=asked.institution,
        extraction=asked.extraction,
        year=asked.year,
        included=included,
        offset=start,
        limit=PAGE + 1,
    )
    here = address.without("n", "which")
    form = Question(
        {"institution": asked.institution.hei_id, "year": str(asked.year)},
        places=places,
        years=years,
    )
    counts = {"counted": told.included, "left-out": told.excluded, "not-told": told.not_told}
    return page(
        request,
        "virta/rehearsal.html",
        heading=_("Rehearsal"),
        lead=_("What would be counted today of %(institution)s for %(year)s.")
        % {"institution": asked.institution.name, "year": asked.year},
        filters=components.filters(form, here, keeps=("collection",)),
        question=asked,
        collections=components.tabs(
            [
                Tab(
                    str(word),
                    str(address.without("n", "which").having(collection=key)),
                    key == asked.extraction,
                )
                for key, word in EXTRACTIONS.items()
            ],
            label=_("Collection"),
        ),
        cards=components.cards(_figures(told)),
        charts=_charts(told, asked, address, language),
        reasons=_reasons(told, language),
        tabs=components.tabs(
            [
                Tab(str(word), str(here.having(which=key)), key == which, counts[key])
                for key, (_value, word) in _WHICH.items()
            ],
            label=_("Which records"),
        ),
        table=_table(told, lines[:PAGE], request, address, start, language, more=len(lines) > PAGE),
        downloads=components.downloads(
            [
                Download(
                    _("These records"),
                    str(address.without("n").at(reverse("virta:rehearsal-csv"))),
                    "CSV",
                )
            ]
        ),
        frozen=_frozen(request, asked),
        may_freeze=request.actor.has(May.VIRTA_EXPORT, asked.institution.pk),
    )


def _start(address: Address) -> int:
    text = address.get("n")
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _figures(told: queries.Rehearsal) -> list[Figure]:
    figures = [
        Figure(label=_("Counted"), value=told.included),
        Figure(label=_("Left out"), value=told.excluded),
        Figure(
            label=_("Cannot be told"), value=told.not_told, tone="warn" if told.not_told else "good"
        ),
    ]
    if told.graduates is not None:
        share = (
            round(100 * (told.graduates_with_mobility or 0) / told.graduates)
            if told.graduates
            else None
        )
        figures.append(
            Figure(
                label=_("Graduates with a period"),
                value=told.graduates_with_mobility,
                note=_("of %(graduates)s graduates, %(share)s %%")
                % {"graduates": shown(told.graduates), "share": shown(share)}
                if share is not None
                else "",
            )
        )
    return figures


def value_word(dimension: str, value: str, language: str) -> str:
    """A value of a dimension as people call it."""
    if not value:
        return _("not known")
    match dimension:
        case "country":
            return country_name(value, language)
        case "programme":
            return MOBILITY_PROGRAMME.name(value, language)
        case "type":
            return MOBILITY_TYPE.name(value, language)
        case "level":
            return STUDY_RIGHT_TYPE.name(value, language)
    return kind_word(value)


def _charts(
    told: queries.Rehearsal, asked: Asked, address: Address, language: str
) -> list[SafeString]:
    made = []
    for dimension, title in DIMENSIONS.items():
        totals = told.totals.get(dimension, ())
        if not totals or all(not total.value for total in totals):
            continue
        rows = [(value_word(dimension, total.value, language), total.count) for total in totals]
        drawing = charts.funnel(rows[:15], title=str(title))
        table = components.table(
            str(title),
            (Column(label=_("Value")), Column(label=_("Records"), numeric=True)),
            [Row(row) for row in rows],
            hide_caption=True,
        )
        made.append(
            components.chart(
                str(title),
                SafeString(drawing),
                table=table,
                csv=str(
                    Address(reverse("virta:totals-csv"), address.params)
                    .without("n", "which")
                    .having(by=dimension)
                ),
            )
        )
    return made


def totals_csv(request: Request) -> StreamingHttpResponse:
    """The numbers of one chart."""
    asked, _places, _years = _asked(request)
    dimension = request.GET.get("by", "")
    if dimension not in DIMENSIONS:
        raise Unknown("virta.unknown-dimension")
    language = Frame(request, request.actor).language
    told = queries.rehearsal(
        actor=request.actor,
        institution=asked.institution,
        extraction=asked.extraction,
        year=asked.year,
    )
    return csv_file(
        f"{asked.extraction}-{asked.year}-{dimension}",
        ("code", str(DIMENSIONS[dimension]), _("Records")),
        (
            (total.value, value_word(dimension, total.value, language), total.count)
            for total in told.totals.get(dimension, ())
        ),
    )


def _reasons(told: queries.Rehearsal, language: str) -> str:
    if not told.reasons:
        return ""
    return components.table(
        _("Why records are left out"),
        (
            Column(label=_("Code")),
            Column(label=_("Reason")),
            Column(label=_("Records"), numeric=True),
        ),
        [
            Row(
                (
                    code,
                    queries.reason_sentence(code, language) if code.startswith("X_") else "",
                    count,
                )
            )
            for code, count in told.reasons.items()
        ],
        hide_caption=True,
    )


def _columns(told: queries.Rehearsal, request: Request, institution: Institution) -> list[str]:
    sensitive = request.actor.has(May.PEOPLE_SENSITIVE, institution.pk)
    return [name for name in told.columns if sensitive or name not in _SENSITIVE]


def _table(
    told: queries.Rehearsal,
    lines: Sequence[queries.Row],
    request: Request,
    address: Address,
    start: int,
    language: str,
    *,
    more: bool,
) -> str:
    shown_columns = [
        name
        for name in told.columns
        if name not in _SENSITIVE and any(line.values.get(name) not in (None, "") for line in lines)
    ][:12]
    return components.table(
        _("Records"),
        (
            Column(label=_("Key")),
            Column(label=_("Why")),
            *(Column(label=name) for name in shown_columns),
        ),
        [
            Row(
                (
                    Cell(
                        line.key,
                        href=reverse("office:mobility", args=[line.mobility_id])
                        if line.mobility_id
                        else "",
                        nowrap=True,
                    ),
                    _why(line, language),
                    *(line.values.get(name) for name in shown_columns),
                )
            )
            for line in lines
        ],
        hide_caption=True,
        empty_text=_("No record."),
        paging=Paging(
            first=start + 1,
            last=start + len(lines),
            previous=str(address.having(n=max(start - PAGE, 0) or None)) if start else "",
            next=str(address.having(n=start + PAGE)) if more else "",
        )
        if start or more
        else None,
    )


def _why(line: queries.Row, language: str) -> str:
    if line.included is None:
        return _("not known: %(names)s") % {
            "names": ", ".join(missing_word(name) for name in line.missing)
        }
    if line.included:
        return line.rule
    return queries.reason_sentence(line.reason_code, language) or line.rule


def rehearsal_csv(request: Request) -> StreamingHttpResponse:
    """All records that the page shows, with every column of the collection."""
    asked, _places, _years = _asked(request)
    language = Frame(request, request.actor).language
    included = _WHICH.get(request.GET.get("which", "counted"), _WHICH["counted"])[0]
    names = [
        name
        for name in queries.columns_of(asked.extraction)
        if name not in _SENSITIVE or request.actor.has(May.PEOPLE_SENSITIVE, asked.institution.pk)
    ]
    found = queries.rows(
        actor=request.actor,
        institution=asked.institution,
        extraction=asked.extraction,
        year=asked.year,
        included=included,
    )
    return csv_file(
        f"{asked.extraction}-{asked.year}",
        ("key", "reason_code", "why", *names),
        (
            (line.key, line.reason_code, _why(line, language), *(line.values.get(n) for n in names))
            for line in found
        ),
    )


def _frozen(request: Request, asked: Asked) -> str:
    kept = Collection.objects.visible_to(request.actor).filter(
        institution=asked.institution, extraction=asked.extraction, year=asked.year
    )
    return components.table(
        _("Frozen collections"),
        (
            Column(label=_("Frozen")),
            Column(label=_("By")),
            Column(label=_("Records"), numeric=True),
            Column(label=_("Note")),
        ),
        [
            Row(
                (
                    Cell(one.frozen_at, href=reverse("virta:collection", args=[one.pk])),
                    one.frozen_by,
                    one.count,
                    one.note,
                )
            )
            for one in kept.defer("rows")[:50]
        ],
        hide_caption=True,
        empty_text=_("Nothing is frozen for this collection and year."),
    )


@require_POST
def freeze(request: Request) -> HttpResponse:
    """Keeps the collection as it is now, for good."""
    places = finnish_places(request.actor, May.VIRTA_EXPORT)
    place = next((p for p in places if p.hei_id == request.POST.get("institution")), None)
    extraction, year = request.POST.get("collection", ""), request.POST.get("year", "")
    if place is None or extraction not in EXTRACTIONS or not (year.isdecimal() and len(year) == 4):
        raise Unknown("virta.unknown-collection")
    kept = collections.freeze(
        actor=request.actor,
        institution=place,
        extraction=extraction,
        year=int(year),
        note=request.POST.get("note", "").strip()[:500],
        now=request.now,
    )
    messages.success(request, _("The collection is frozen as it is now."))
    return redirect("virta:collection", pk=kept.pk)


def collection(request: Request, pk: int) -> HttpResponse:
    """A frozen collection against today."""
    kept = (
        Collection.objects.visible_to(request.actor)
        .select_related("institution")
        .filter(pk=pk)
        .first()
    )
    if kept is None:
        raise Unknown("virta.unknown-collection")
    told = collections.compare(actor=request.actor, collection=kept, now=request.now)
    changed = [
        Row((one.key, one.field, shown(one.before), shown(one.after)))
        for one in told.changed
        if one.field not in _SENSITIVE
    ]
    return page(
        request,
        "virta/collection.html",
        heading=_("%(collection)s %(year)s, frozen %(day)s")
        % {
            "collection": EXTRACTIONS.get(kept.extraction, kept.extraction),
            "year": kept.year,
            "day": shown(kept.frozen_at),
        },
        trail=(
            (
                _("Rehearsal"),
                str(
                    Address(reverse("virta:rehearsal")).having(
                        institution=kept.institution.hei_id,
                        collection=kept.extraction,
                        year=kept.year,
                    )
                ),
            ),
        ),
        facts=components.facts(
            (
                (_("Institution"), kept.institution.name),
                (_("Frozen by"), kept.frozen_by),
                (_("Records"), kept.count),
                (_("Edition of the rules then"), kept.edition),
                (_("Edition of the rules now"), told.edition_now),
                (_("SHA-256"), kept.digest),
                (_("Note"), kept.note),
            )
        ),
        cards=components.cards(
            [
                Figure(label=_("The same today"), value=told.same),
                Figure(label=_("New since then"), value=len(told.new)),
                Figure(label=_("Gone since then"), value=len(told.gone)),
                Figure(label=_("Changed values"), value=len(told.changed)),
            ]
        ),
        changed=components.table(
            _("Changed values"),
            (
                Column(label=_("Key")),
                Column(label=_("Field")),
                Column(label=_("Then")),
                Column(label=_("Now")),
            ),
            changed[:500],
            hide_caption=True,
            empty_text=_("No value changed."),
        ),
        new=[line["key"] for line in told.new[:200]],
        gone=[line["key"] for line in told.gone[:200]],
    )

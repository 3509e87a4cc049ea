"""Participation by mode, year and institution against the goal: one answer as charts, table, CSV and JSON."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.observatory import charts, measures
from vaihto.observatory.measures import ALL_MODES, Question, Series
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.alliance.overview import percent, views_of, visible_alliance
from vaihto.web.components import Cell, Column, Download, Row
from vaihto.web.frame import Request, page
from vaihto.web.wording import filled

MODES = {
    "": gettext_lazy("all modes"),
    "physical": gettext_lazy("physical"),
    "blended": gettext_lazy("blended"),
    "virtual": gettext_lazy("virtual"),
}
GROUPS = {
    "students": gettext_lazy("Students"),
    "doctoral": gettext_lazy("Doctoral candidates"),
    "staff": gettext_lazy("All staff"),
    "teachers": gettext_lazy("Teachers and researchers"),
    "other_staff": gettext_lazy("Other staff"),
}
BREAKDOWNS = {
    "": gettext_lazy("by institution, as rates"),
    "country": gettext_lazy("by partner country, as events"),
    "programme": gettext_lazy("by programme, as events"),
    "level": gettext_lazy("by level, as events"),
}


def mode_word(mode: str) -> str:
    """The word for a mode; the empty one is all of them."""
    return str(MODES.get("" if mode == "all" else mode, mode))


class Asking(forms.Form):
    """The question as a form; the address has the same fields."""

    group = forms.ChoiceField(label=gettext_lazy("Group"), required=False)
    mode = forms.ChoiceField(label=gettext_lazy("Mode"), required=False)
    scope = forms.ChoiceField(label=gettext_lazy("Partners"), required=False)
    rate = forms.ChoiceField(label=gettext_lazy("Rate"), required=False)
    by = forms.ChoiceField(label=gettext_lazy("Show"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, list[tuple[str, str]]] = {
            "group": [(key, str(word)) for key, word in GROUPS.items()],
            "mode": [(key, str(word)) for key, word in MODES.items()],
            "scope": [
                ("any", _("any partner")),
                ("inside", _("members of the alliance only")),
            ],
            "rate": [("yearly", _("in the year")), ("studies", _("during studies, of graduates"))],
            "by": [
                (key, str(word))
                for key, word in BREAKDOWNS.items()
                if not key or key in measures.BREAKDOWNS
            ],
        }
        for name, pairs in choices.items():
            self.fields[name].choices = pairs  # type: ignore[attr-defined]  # choice fields


def _question(request: Request, code: str) -> Question:
    asked = {name: [v for v in values if v] for name, values in request.GET.lists()}
    return measures.read(code, {k: v for k, v in asked.items() if v}, today=request.today)


def participation(request: Request, code: str) -> HttpResponse:
    """The figures with their definition, dated denominators and small groups protected."""
    found = visible_alliance(request, code)
    question = _question(request, code)
    series = measures.answer(question, actor=request.actor)
    address = Address.of(request)
    return page(
        request,
        "alliance/participation.html",
        heading=_("Participation"),
        lead=found.name,
        trail=((_("Alliance"), reverse("alliance:alliance", args=[code])),),
        views=views_of(found, "participation", request.actor),
        filters=components.filters(
            Asking(
                {
                    "group": question.group,
                    "mode": question.mode,
                    "scope": "inside" if question.inside else "any",
                    "rate": question.rate,
                    "by": question.by,
                }
            ),
            address,
            keeps=("year", "institution"),
        ),
        definition=_definition(series),
        goal_definition=series.goal_definition,
        edition=series.edition,
        notes=[filled(note, {}) for note in series.notes],
        pictures=_pictures(series, address, code),
        table=_table(series),
        downloads=components.downloads(
            [
                Download(
                    _("These figures with their definition"),
                    str(address.at(reverse("alliance:participation-csv", args=[code]))),
                    "CSV",
                ),
                Download(
                    _("The same for programs"),
                    str(address.at(reverse("alliance:participation-json", args=[code]))),
                    "JSON",
                ),
            ]
        ),
    )


def _definition(series: Series) -> str:
    """The sentences of the definition, each in the reader's language."""
    question = series.question
    return " ".join(_(sentence) for sentence in measures.definitions(question))


def _pictures(series: Series, address: Address, code: str) -> list[SafeString]:
    years = sorted({row.year for row in series.rows})
    if not years:
        return []
    newest = years[-1]
    csv = str(address.at(reverse("alliance:participation-csv", args=[code])))
    drawn: list[tuple[str, str]]
    if series.question.by:
        title = _("Events in %(year)s") % {"year": newest}
        drawn = [(title, charts.breakdown(series, title=title, year=newest))]
    else:
        over = _("Participation over the years")
        rates = _("Participation in %(year)s against the goal") % {"year": newest}
        drawn = [
            (over, charts.lines(series, title=over)),
            (rates, charts.bars(series, title=rates, year=newest, say=_)),
        ]
        if not series.question.mode:
            modes = _("Events by mode in %(year)s") % {"year": newest}
            drawn.append((modes, charts.stacked(series, title=modes, year=newest, say=mode_word)))
    table = _table(series)
    return [
        components.chart(
            title,
            SafeString(drawing),  # noqa: S308 - drawn by us, every text in it escaped
            table=table,
            csv=csv,
        )
        for title, drawing in drawn
    ]


def _table(series: Series) -> SafeString:
    rated = not series.question.by
    columns = [
        Column(label=_("Institution") if rated else _("Value")),
        Column(label=_("Year"), numeric=True),
        Column(label=_("Mode")),
        Column(label=_("Persons"), numeric=True),
        Column(label=_("Events"), numeric=True),
    ]
    if rated:
        columns += [
            Column(label=_("Of"), numeric=True),
            Column(label=_("Source")),
            Column(label=_("Rate"), numeric=True),
            Column(label=_("Goal"), numeric=True),
            Column(label=_("Gap"), numeric=True),
        ]
    rows = []
    for row in series.rows:
        for mode, cell in row.cells.items():
            values: list[object] = [
                row.label,
                Cell(str(row.year)),
                mode_word(mode),
                cell.persons.text,
                cell.events.text,
            ]
            if rated:
                base = cell.base
                values += [
                    base.count if base else "",
                    Cell(base.source if base else "", note=str(base.year) if base else ""),
                    percent(cell.rate),
                    percent(float(cell.goal)) if cell.goal is not None else "–",
                    percent(cell.gap),
                ]
            rows.append(Row(values, tone="info" if mode == ALL_MODES else None))
    return components.table(_("Participation"), columns, rows, hide_caption=True)


def as_csv(request: Request, code: str) -> HttpResponse:
    """The same answer as CSV, definition on top."""
    visible_alliance(request, code)
    series = measures.answer(_question(request, code), actor=request.actor)
    response = HttpResponse(measures.as_csv(series), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="participation-{code}.csv"'
    return response


def as_json(request: Request, code: str) -> HttpResponse:
    """The same answer as JSON."""
    visible_alliance(request, code)
    series = measures.answer(_question(request, code), actor=request.actor)
    return HttpResponse(measures.as_json(series), content_type="application/json")

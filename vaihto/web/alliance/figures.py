"""Participation by mode, year and institution against the goal: one answer as charts, table, CSV and JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.codes import STUDY_RIGHT_TYPE, country_name
from vaihto.mobilities.models import Programme
from vaihto.observatory import charts, measures
from vaihto.observatory.measures import ALL_MODES, ALLIANCE_ROW, Question, Series
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.alliance.overview import percent, views_of, visible_alliance
from vaihto.web.components import Cell, Column, Download, Row
from vaihto.web.frame import Request, page
from vaihto.web.wording import filled, label, shown

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
    "partner": gettext_lazy("by partner, as events"),
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
    series = _named(measures.answer(question, actor=request.actor))
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
        notes=[filled(note.sentence, note.facts) for note in series.notes],
        pictures=_pictures(series, address, code),
        tables=_tables(series),
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


def _named(series: Series) -> Series:
    """The answer with the values of a breakdown as people call them; the keys stay what they are."""
    by = series.question.by
    if not by:
        return series
    language = get_language() or "en"

    def called(key: str, usual: str) -> str:
        if key == ALLIANCE_ROW:
            return _("Together")
        if not key:
            return _("not known")
        match by:
            case "country":
                return country_name(key, language) or usual
            case "programme":
                return label(Programme, key)
            case "level":
                return STUDY_RIGHT_TYPE.name(key, language)
        return usual

    return replace(
        series, rows=tuple(replace(row, label=called(row.key, row.label)) for row in series.rows)
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
    drawn: list[tuple[str, str, SafeString]]
    if series.question.by:
        title = _("Events in %(year)s") % {"year": newest}
        picture = charts.breakdown(series, title=title, year=newest)
        drawn = [(title, picture, _breakdown_table(series, newest))]
    else:
        over = _("Participation over the years")
        rates = _("Participation in %(year)s against the goal") % {"year": newest}
        table = _year_table(series, newest)
        drawn = [
            (rates, charts.bars(series, title=rates, year=newest, say=_), table),
            (over, charts.lines(series, title=over), _years_table(series)),
        ]
        if not series.question.mode:
            modes = _("Events by mode in %(year)s") % {"year": newest}
            picture = charts.stacked(series, title=modes, year=newest, say=mode_word)
            drawn.append((modes, picture, table))
    return [
        components.chart(
            title,
            SafeString(drawing),
            table=table,
            csv=csv,
        )
        for title, drawing, table in drawn
    ]


def _year_table(series: Series, year: int) -> SafeString:
    """One line per institution: persons by mode, everybody, and against the goal."""
    modes = series.modes
    whole = ALL_MODES if ALL_MODES in modes else modes[0]
    columns = [
        Column(label=_("Institution")),
        *(
            Column(label=_("Persons, %(mode)s") % {"mode": mode_word(mode)}, numeric=True)
            for mode in modes
        ),
        Column(label=_("Events"), numeric=True),
        Column(label=_("Of"), numeric=True),
        Column(label=_("Rate"), numeric=True),
        Column(label=_("Goal"), numeric=True),
        Column(label=_("Gap"), numeric=True),
        Column(label=_("Source of the denominator")),
    ]
    rows = []
    for row in series.rows:
        if row.year != year:
            continue
        cell = row.cells[whole]
        base = cell.base
        rows.append(
            Row(
                (
                    row.label,
                    *(row.cells[mode].persons.text for mode in modes),
                    cell.events.text,
                    base.count if base else "",
                    percent(cell.rate),
                    percent(float(cell.goal)) if cell.goal is not None else "–",
                    percent(cell.gap),
                    Cell(
                        base.source if base else "",
                        note=shown(base.as_of) if base and base.as_of else "",
                    ),
                ),
                tone="info" if row.key == ALLIANCE_ROW else None,
            )
        )
    return components.table(str(year), columns, rows, hide_caption=True)


def _years_table(series: Series) -> SafeString:
    """One line per institution, its rate in each year."""
    whole = ALL_MODES if ALL_MODES in series.modes else series.modes[0]
    years = sorted({row.year for row in series.rows})
    return components.table(
        _("Participation over the years"),
        (
            Column(label=_("Institution")),
            *(Column(label=str(year), numeric=True) for year in years),
        ),
        [
            Row(
                (
                    series.of(key)[0].label,
                    *(
                        next(
                            (
                                percent(r.cells[whole].rate)
                                for r in series.of(key)
                                if r.year == year
                            ),
                            "–",
                        )
                        for year in years
                    ),
                )
            )
            for key in series.places()
        ],
        hide_caption=True,
    )


def _breakdown_table(series: Series, year: int) -> SafeString:
    return components.table(
        str(year),
        (Column(label=_("Value")), Column(label=_("Events"), numeric=True)),
        [
            Row(
                (row.label, row.cells[ALL_MODES].events.text),
                tone="info" if row.key == ALLIANCE_ROW else None,
            )
            for row in series.rows
            if row.year == year
        ],
        hide_caption=True,
    )


def _tables(series: Series) -> list[tuple[int, SafeString]]:
    """The numbers of each year, the newest first."""
    years = sorted({row.year for row in series.rows}, reverse=True)
    made = _breakdown_table if series.question.by else _year_table
    return [(year, made(series, year)) for year in years]


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

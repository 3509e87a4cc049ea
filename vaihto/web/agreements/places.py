"""What the agreements of an academic year give, what is used and left, and the balance with each partner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.agreements import words
from vaihto.agreements.models import Agreement, Place
from vaihto.agreements.queries import academic_year_of, balances, codes_of, places_of_year
from vaihto.agreements.terms import ORDER, Kind
from vaihto.codes import ISCED_F
from vaihto.institutions.models import Institution
from vaihto.journal.actors import May
from vaihto.mobilities.queries import used
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.agreements.register import readable_places, views
from vaihto.web.components import Cell, Column, Download, Row
from vaihto.web.fields import ChoiceField
from vaihto.web.files import csv_file
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of

_STUDENTS = frozenset(kind for kind in Kind if kind.is_student)
_STAFF = frozenset(Kind) - _STUDENTS


class PlacesForm(forms.Form):
    """Whose places, of which year, and which of them."""

    institution = ChoiceField(label=gettext_lazy("Institution"), required=False)
    year = ChoiceField(label=gettext_lazy("Academic year"), required=False)
    who = ChoiceField(label=gettext_lazy("Who travels"), required=False)
    field = ChoiceField(label=gettext_lazy("Field of study"), required=False)
    level = ChoiceField(label=gettext_lazy("Level"), required=False)
    also = ChoiceField(label=gettext_lazy("Which agreements"), required=False)

    def __init__(self, data: Any, *, places: Sequence[Institution], today: date) -> None:
        super().__init__(data, auto_id="filter_%s")
        this = academic_year_of(today)
        language = get_language() or "en"
        for name, choices in (
            ("institution", [(one.hei_id, name_of(one)) for one in places]),
            ("year", [(str(y), f"{y}/{y + 1}") for y in range(this - 4, this + 6)]),
            ("who", [("", _("Everybody")), ("students", _("Students")), ("staff", _("Staff"))]),
            (
                "field",
                [
                    ("", _("Any")),
                    *(
                        (code.code, f"{code.code} {code.name(language)}")
                        for code in ISCED_F
                        if len(code.code) == 2
                    ),
                ],
            ),
            ("level", [("", _("Any")), *((code, _(word)) for code, word in words.LEVELS.items())]),
            ("also", [("", _("in force")), ("all", _("in force or proposed"))]),
        ):
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        if len(places) < 2:
            del self.fields["institution"]


@dataclass(frozen=True)
class _Asked:
    """What was asked, and the places that answer it."""

    form: PlacesForm
    institution: Institution | None
    year: int
    kinds: frozenset[Kind]
    places: list[Place]
    used: Counter[tuple[int, int, Kind]]
    narrowed: bool  # to fields or levels: what is used is known by pair and kind only


def _asked(request: Request) -> _Asked:
    request.actor.require(May.AGREEMENTS_READ)
    hosts = list(readable_places(request.actor).order_by("name"))
    this = academic_year_of(request.today)
    data = request.GET.copy()
    data.setdefault("year", str(this))
    if hosts:
        data.setdefault("institution", hosts[0].hei_id)
    form = PlacesForm(data, places=hosts, today=request.today)
    form.is_valid()
    given = form.cleaned_data
    wanted = given.get("institution")
    host = next((one for one in hosts if one.hei_id == wanted), hosts[0] if hosts else None)
    year = int(given.get("year") or this)
    kinds = {"students": _STUDENTS, "staff": _STAFF}.get(given.get("who", ""), frozenset(Kind))
    if host is None:
        return _Asked(form, None, year, kinds, [], Counter(), narrowed=False)
    agreements = Agreement.objects.visible_to(request.actor).filter(institution=host)
    found = places_of_year(agreements, year, binding=given.get("also") != "all")
    field, level = given.get("field", ""), given.get("level", "")
    kept = [
        one
        for one in found
        if Kind(one.kind) in kinds
        and (not field or not codes_of(one.areas) or f",{field}" in f",{one.areas.strip(',')}")
        and (not level or not codes_of(one.levels) or level in codes_of(one.levels))
    ]
    may_count = request.actor.has(May.MOBILITIES_READ, host.pk)
    return _Asked(
        form,
        host,
        year,
        kinds,
        kept,
        used(host.pk, year) if may_count else Counter(),
        narrowed=bool(field or level),
    )


def _partner(place: Place, host: Institution) -> tuple[Institution, bool]:
    goes = place.sending_id == host.pk
    return (place.receiving if goes else place.sending), goes


@dataclass(frozen=True)
class _Line:
    partner: Institution
    kind: Kind
    goes: bool
    given: int
    is_open: bool  # some number is not defined
    used: int

    @property
    def left(self) -> int:
        return self.given - self.used


def _lines(asked: _Asked) -> list[_Line]:
    """By partner, kind and direction."""
    host = asked.institution
    if host is None:
        return []
    partners: dict[int, Institution] = {}
    given: Counter[tuple[int, Kind, bool]] = Counter()
    unknown: set[tuple[int, Kind, bool]] = set()
    for place in asked.places:
        partner, goes = _partner(place, host)
        partners[partner.pk] = partner
        key = (partner.pk, Kind(place.kind), goes)
        given[key] += place.people or 0
        if place.people is None:
            unknown.add(key)
    order = sorted(given, key=lambda key: (partners[key[0]].name, ORDER.index(key[1]), not key[2]))
    return [
        _Line(
            partners[pk],
            kind,
            goes,
            given[pk, kind, goes],
            (pk, kind, goes) in unknown,
            asked.used[(host.pk, pk, kind) if goes else (pk, host.pk, kind)],
        )
        for pk, kind, goes in order
    ]


def _direction(*, goes: bool) -> str:
    return _("from us") if goes else _("to us")


def places(request: Request) -> HttpResponse:
    """The places of a year."""
    asked = _asked(request)
    lines = _lines(asked)
    address = Address.of(request)
    return page(
        request,
        "agreements/places.html",
        heading=_("Agreements"),
        tabs=views(request, "places"),
        filters=components.filters(asked.form, address, more=("field", "level", "also")),
        year=f"{asked.year}/{asked.year + 1}",
        by_partner=_by_partner(asked, lines),
        by_field=_by_field(asked),
        by_level=_by_level(asked),
        balance=_balance(asked, lines),
        narrowed=asked.narrowed,
        downloads=components.downloads(
            [Download(_("Places"), str(address.at(reverse("agreements:places-csv"))), "CSV")]
        ),
    )


def _by_partner(asked: _Asked, lines: Sequence[_Line]) -> Any:
    columns = [
        Column(label=_("Partner")),
        Column(label=_("Kind of mobility")),
        Column(label=_("Direction")),
        Column(label=_("Places"), numeric=True),
    ]
    if not asked.narrowed:
        columns += [Column(label=_("Used"), numeric=True), Column(label=_("Left"), numeric=True)]
    register = Address(reverse("agreements:register"))
    rows = []
    for one in lines:
        cells: list[Cell | object] = [
            Cell(
                name_of(one.partner),
                href=str(register.having(q=one.partner.hei_id, year=str(asked.year))),
            ),
            _(words.KINDS[one.kind]),
            _direction(goes=one.goes),
            Cell(one.given, note=_("and a number not yet defined") if one.is_open else ""),
        ]
        if not asked.narrowed:
            over = one.left < 0 and not one.is_open
            cells += [one.used, Cell(one.left, tone="warn" if over else None)]
        rows.append(Row(cells))
    foot: list[Cell | object] = [_("Together"), "", "", sum(one.given for one in lines)]
    if not asked.narrowed:
        foot += [sum(one.used for one in lines), sum(one.left for one in lines)]
    return components.table(
        _("Places by partner"),
        columns,
        rows,
        foot=foot if rows else (),
        hide_caption=True,
        empty_text=_("No agreement gives places in this year."),
    )


def _by_field(asked: _Asked) -> Any:
    """Places by broad field; a condition with several fields counts in each of them."""
    language = get_language() or "en"
    counted: Counter[tuple[str, bool]] = Counter()
    host = asked.institution
    for place in asked.places:
        broad = sorted({code[:2] for code in codes_of(place.areas)}) or [""]
        for code in broad:
            counted[code, place.sending_id == (host.pk if host else 0)] += place.people or 0
    return _two_ways(
        _("Places by field of study"),
        _("Field of study"),
        [
            (f"{code} {ISCED_F.name(code, language)}" if code else _("every field"), code)
            for code in sorted({code for code, _goes in counted})
        ],
        counted,
    )


def _by_level(asked: _Asked) -> Any:
    counted: Counter[tuple[str, bool]] = Counter()
    host = asked.institution
    for place in asked.places:
        if not Kind(place.kind).is_student:
            continue
        for code in codes_of(place.levels) or [""]:
            counted[code, place.sending_id == (host.pk if host else 0)] += place.people or 0
    return _two_ways(
        _("Student places by level"),
        _("Level"),
        [
            (_(words.LEVELS[code]) if code in words.LEVELS else code or _("every level"), code)
            for code in sorted({code for code, _goes in counted})
        ],
        counted,
    )


def _two_ways(
    title: str, label: str, rows: list[tuple[str, str]], counted: Counter[tuple[str, bool]]
) -> Any:
    return components.table(
        title,
        [
            Column(label=label),
            Column(label=_direction(goes=True), numeric=True),
            Column(label=_direction(goes=False), numeric=True),
        ],
        [Row([word, counted[code, True], counted[code, False]]) for word, code in rows],
        hide_caption=True,
        empty_text=_("No places."),
    )


def _balance(asked: _Asked, lines: Sequence[_Line]) -> Any:
    host = asked.institution
    found = balances(asked.places, host, asked.kinds) if host else []
    went: Counter[tuple[int, bool]] = Counter()
    for one in lines:
        went[one.partner.pk, one.goes] += one.used
    return components.table(
        _("Exchange balance"),
        [
            Column(label=_("Partner")),
            Column(label=_("Places from us"), numeric=True),
            Column(label=_("Places to us"), numeric=True),
            Column(label=_("Balance of places"), numeric=True),
            Column(label=_("Went"), numeric=True),
            Column(label=_("Came"), numeric=True),
            Column(label=_("Balance of people"), numeric=True),
        ],
        [
            Row(
                [
                    name_of(one.partner),
                    one.out,
                    one.back,
                    _signed(one.difference),
                    went[one.partner.pk, True],
                    went[one.partner.pk, False],
                    _signed(went[one.partner.pk, True] - went[one.partner.pk, False]),
                ]
            )
            for one in found
        ],
        hide_caption=True,
        empty_text=_("No places."),
    )


def _signed(number: int) -> str:
    return f"+{number}" if number > 0 else f"−{-number}" if number < 0 else "0"


_HEADER = [
    "institution", "partner", "code", "academic_year", "kind", "direction", "people", "time", "fields",
    "levels", "blended", "in_force",
]  # fmt: skip


def _csv_lines(asked: _Asked) -> Iterator[list[object]]:
    for place in asked.places:
        if asked.institution is None:
            return
        partner, goes = _partner(place, asked.institution)
        yield [
            asked.institution.hei_id, partner.hei_id, place.agreement.code,
            f"{asked.year}/{asked.year + 1}", place.kind, "outgoing" if goes else "incoming",
            place.people, place.time, " ".join(codes_of(place.areas)), " ".join(codes_of(place.levels)),
            place.blended, place.is_binding,
        ]  # fmt: skip


def as_csv(request: Request) -> HttpResponseBase:
    """The same places condition by condition."""
    return csv_file("places", _HEADER, _csv_lines(_asked(request)))

"""The same agreements seen from further away: where the partners are, and when agreements end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from vaihto.agreements import words
from vaihto.agreements.models import Agreement
from vaihto.agreements.queries import IN_FORCE, academic_year_of, without_successor
from vaihto.agreements.standing import Turn
from vaihto.codes import COUNTRY, country_name
from vaihto.journal.actors import May
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.agreements.register import (
    MORE,
    chosen_of,
    narrowed,
    state_badge,
    views,
)
from vaihto.web.components import Cell, Column, Event, Figure, Row
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of

# Column and row of each country on the tile map; neighbours lie about where they lie on the earth.
_TILES: dict[str, tuple[int, int]] = {
    "IS": (0, 0), "NO": (5, 0), "SE": (6, 0), "FI": (7, 0),
    "EE": (8, 1), "RU": (9, 1),
    "IE": (1, 2), "GB": (2, 2), "DK": (5, 2), "LV": (8, 2), "BY": (9, 2),
    "NL": (4, 3), "DE": (5, 3), "PL": (6, 3), "LT": (8, 3), "UA": (9, 3),
    "BE": (3, 4), "LU": (4, 4), "CZ": (6, 4), "SK": (7, 4), "MD": (9, 4),
    "FR": (3, 5), "CH": (4, 5), "LI": (5, 5), "AT": (6, 5), "HU": (7, 5), "RO": (8, 5),
    "PT": (1, 6), "ES": (2, 6), "AD": (3, 6), "IT": (5, 6), "SI": (6, 6), "HR": (7, 6), "RS": (8, 6),
    "BG": (9, 6), "GE": (11, 6),
    "BA": (7, 7), "ME": (8, 7), "MK": (9, 7), "TR": (10, 7), "AM": (11, 7), "AZ": (12, 7),
    "MT": (5, 8), "AL": (8, 8), "GR": (9, 8), "CY": (11, 8),
}  # fmt: skip
_TILE, _GAP = 52, 4
_DEGREES = (1, 3, 8, 20)  # from how many partners on a tile is darker


@dataclass(frozen=True)
class Country:
    """One country's share of the agreements."""

    code: str
    alpha2: str
    name: str
    partners: int
    agreements: int
    in_force: int
    ours: int


def _countries(found: QuerySet[Agreement]) -> list[Country]:
    language = get_language() or "en"
    rows = (
        found.order_by()
        .values("partner__country")
        .annotate(
            partners=Count("partner", distinct=True),
            agreements=Count("pk"),
            in_force=Count("pk", filter=Q(listed_state__in=IN_FORCE)),
            ours=Count("pk", filter=Q(listed_turn=Turn.OURS.value)),
        )
    )
    made = []
    for row in rows:
        known = COUNTRY.get(row["partner__country"])
        made.append(
            Country(
                row["partner__country"],
                str(known.facts["alpha2"] or "") if known else "",
                country_name(row["partner__country"], language),
                row["partners"],
                row["agreements"],
                row["in_force"],
                row["ours"],
            )
        )
    return sorted(made, key=lambda one: (-one.partners, one.name))


def _drawn(countries: Iterable[Country]) -> SafeString:
    """A map of tiles: one square a country, darker with more partners; no colour carries the number alone."""
    by_alpha = {one.alpha2: one for one in countries}
    width = max(x for x, _y in _TILES.values()) + 1
    height = max(y for _x, y in _TILES.values()) + 1
    step = _TILE + _GAP
    parts = []
    for alpha2, (column, row) in _TILES.items():
        one = by_alpha.get(alpha2)
        count = one.partners if one else 0
        degree = sum(count >= least for least in _DEGREES)
        x, y = column * step, row * step
        parts.append(
            f'<rect class="tile tile-{degree}" x="{x}" y="{y}" width="{_TILE}" height="{_TILE}" rx="4"></rect>'
            f'<text class="tile-name tile-ink-{degree}" x="{x + 6}" y="{y + 16}">{alpha2}</text>'
        )
        if count:
            parts.append(
                f'<text class="tile-count tile-ink-{degree}" x="{x + _TILE / 2}" y="{y + 40}"'
                f' text-anchor="middle">{count}</text>'
            )
    said = "; ".join(
        f"{one.name}: {one.partners}" for one in by_alpha.values() if one.alpha2 in _TILES
    )
    title = _("Partners by country, Europe as tiles")
    description = said or _("No partner in Europe.")
    return format_html(
        '<svg role="img" class="tiles" viewBox="0 0 {} {}" aria-labelledby="map-title map-desc">'
        '<title id="map-title">{}</title><desc id="map-desc">{}</desc>{}</svg>',
        width * step - _GAP,
        height * step - _GAP,
        title,
        description,
        mark_safe("".join(parts)),  # noqa: S308 - numbers and letters of our own table
    )


def partner_map(request: Request) -> HttpResponse:
    """Partners by country, as tiles and as a table."""
    request.actor.require(May.AGREEMENTS_READ)
    form, chosen = chosen_of(request)
    address = Address.of(request)
    countries = _countries(narrowed(request.actor, chosen))
    listed = address.at(reverse("agreements:register"))
    table = components.table(
        _("Partners by country"),
        [
            Column(label=_("Country")),
            Column(label=_("Partners"), numeric=True),
            Column(label=_("Agreements"), numeric=True),
            Column(label=_("In force"), numeric=True),
            Column(label=_("Our turn"), numeric=True),
        ],
        [
            Row(
                [
                    Cell(one.name, href=str(listed.having(country=one.code))),
                    one.partners,
                    one.agreements,
                    one.in_force,
                    Cell(one.ours, href=str(listed.having(country=one.code, turn="ours")))
                    if one.ours
                    else 0,
                ]
            )
            for one in countries
        ],
        foot=[
            _("Together"),
            sum(one.partners for one in countries),
            sum(one.agreements for one in countries),
            sum(one.in_force for one in countries),
            sum(one.ours for one in countries),
        ],
        hide_caption=True,
    )
    beyond = [one for one in countries if one.alpha2 not in _TILES]
    return page(
        request,
        "agreements/map.html",
        heading=_("Agreements"),
        tabs=views(request, "map"),
        filters=components.filters(form, address, more=MORE),
        drawing=_drawn(countries),
        degrees=_degrees(),
        beyond=[f"{one.name} {one.partners}" for one in beyond],
        table=table,
    )


def _degrees() -> list[tuple[int, str]]:
    ends = [*(str(least - 1) for least in _DEGREES[1:]), ""]
    found = [(0, _("none"))]
    for number, (least, most) in enumerate(zip(_DEGREES, ends, strict=True), 1):
        found.append(
            (number, f"{least}–{most}" if most else _("%(least)s or more") % {"least": least})
        )
    return found


# When agreements end ------------------------------------------------------------------------------


_YEARS_AHEAD = 7
_MOST_ROWS = 100


def calendar(request: Request) -> HttpResponse:
    """What has to be done until when, and which agreements end with which academic year."""
    request.actor.require(May.AGREEMENTS_READ)
    form, chosen = chosen_of(request)
    address = Address.of(request)
    found = narrowed(request.actor, chosen)
    this = academic_year_of(request.today)
    alive = found.filter(listed_state__in=IN_FORCE)
    counts: dict[int, int] = dict(
        alive.filter(last_year__gte=this - 1, last_year__lt=this + _YEARS_AHEAD)
        .order_by()
        .values_list("last_year")
        .annotate(count=Count("pk"))
    )
    late = alive.filter(last_year__lt=this).count()
    listed = address.at(reverse("agreements:register"))
    may_edit = request.actor.has(May.AGREEMENTS_EDIT)
    return page(
        request,
        "agreements/calendar.html",
        heading=_("Agreements"),
        tabs=views(request, "calendar"),
        filters=components.filters(form, address, more=MORE),
        figures=components.cards(
            [
                Figure(
                    label=_("End with %(year)s") % {"year": f"{year}/{year + 1}"},
                    value=counts.get(year, 0),
                    href=str(listed.having(expires=str(year))),
                    tone="warn" if year == this and counts.get(year) else "plain",
                )
                for year in range(this, this + 4)
            ],
            label=_("How many agreements end when"),
        ),
        late=late,
        dates=components.timeline(_dates(found, counts, request.today)),
        years=[_year(alive, year, request) for year in sorted(counts) if year >= this],
        may_edit=may_edit,
        here=str(address),
    )


def _dates(found: QuerySet[Agreement], counts: dict[int, int], today: date) -> list[Event]:
    """The days to come on which something is due, in order."""
    events: list[tuple[date, Event]] = []

    def add(day: date, title: str, text: str = "", **more: Any) -> None:
        if day >= today:
            events.append((day, Event(at=day, title=title, text=text, future=True, **more)))

    waiting = (
        found.filter(turn_until__gte=today)
        .exclude(listed_turn=Turn.NOBODY.value)
        .order_by()
        .values_list("turn_until", "listed_turn")
        .annotate(count=Count("pk"))
        .order_by("turn_until")[:20]
    )
    for day, turn, count in waiting:
        text = ngettext("%(count)s answer is due", "%(count)s answers are due", count)
        add(
            day,
            text % {"count": count},
            words.turn(Turn(turn)),
            tone="warn" if turn == Turn.OURS else "plain",
        )
    for year in range(today.year, today.year + 3):
        add(
            date(year, 1, 31),
            _("Numbers for %(year)s") % {"year": f"{year}/{year + 1}"},
            _("Last day to agree on numbers of the coming academic year."),
            tone="info",
        )
        add(
            date(year, 9, 1),
            _("Notice of ending"),
            _("Notice given by this day takes effect on 1 September %(year)s.")
            % {"year": year + 1},
        )
    for year, ending in counts.items():
        text = ngettext("%(count)s agreement ends", "%(count)s agreements end", ending)
        add(
            date(year + 1, 7, 31),
            text % {"count": ending},
            _("The last academic year is over."),
            tone="warn",
        )
    return [event for _day, event in sorted(events, key=lambda pair: pair[0])]


def _year(alive: QuerySet[Agreement], year: int, request: Request) -> dict[str, Any]:
    ending = alive.filter(last_year=year)
    rows = list(
        ending.select_related("partner", "institution").order_by("partner__name", "pk")[
            : _MOST_ROWS + 1
        ]
    )
    alone = set(without_successor(ending).values_list("pk", flat=True))
    return {
        "title": f"{year}/{year + 1}",
        "key": year,
        "more": len(rows) > _MOST_ROWS,
        "table": components.table(
            _("Agreements that end with %(year)s") % {"year": f"{year}/{year + 1}"},
            [
                Column(label=_("Partner")),
                Column(label=_("Code")),
                Column(label=_("State")),
                Column(label=_("Afterwards")),
            ],
            [
                Row(
                    [
                        Cell(
                            name_of(one.partner),
                            href=reverse("agreements:agreement", args=[one.pk]),
                        ),
                        one.code,
                        Cell(state_badge(one.listed_state)),
                        Cell(_("nothing yet"), tone="warn")
                        if one.pk in alone
                        else Cell(_("another agreement lasts longer")),
                    ],
                    key=str(one.pk),
                    name=f"{one.code} {name_of(one.partner)}",
                )
                for one in rows[:_MOST_ROWS]
            ],
            selects="pick" if request.actor.has(May.AGREEMENTS_EDIT) else "",
            hide_caption=True,
        ),
    }

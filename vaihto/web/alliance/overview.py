"""Alliances, their members, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _

from vaihto.institutions.models import Alliance, Membership
from vaihto.journal.actors import Actor, May
from vaihto.observatory import measures
from vaihto.observatory.measures import ALL_MODES, ALLIANCE_ROW, Question, Series
from vaihto.refusals import Unknown
from vaihto.web import components
from vaihto.web.components import Cell, Column, Figure, Row, Tab
from vaihto.web.frame import Frame, Request, page
from vaihto.web.wording import label


def visible_alliance(request: Request, code: str) -> Alliance:
    """The alliance of that code, or the answer that there is none."""
    found = Alliance.objects.visible_to(request.actor).filter(code=code).first()
    if found is None:
        raise Unknown("alliance.unknown")
    return found


def may_edit(actor: Actor, alliance: Alliance) -> bool:
    """May the actor set this alliance's goals?"""
    places = actor.alliances(May.ALLIANCE_EDIT)
    return places is None or alliance.pk in places


def views_of(alliance: Alliance, current: str, actor: Actor) -> str:
    """The pages about one alliance, as tabs."""
    links = [
        Tab(_("Members"), reverse("alliance:alliance", args=[alliance.code]), current == "members"),
        Tab(
            _("Participation"),
            reverse("alliance:participation", args=[alliance.code]),
            current == "participation",
        ),
        Tab(_("Goals"), reverse("alliance:goals", args=[alliance.code]), current == "goals"),
    ]
    if actor.has(May.AGREEMENTS_READ) or actor.alliances(May.ALLIANCE_READ) != frozenset():
        href = reverse("alliance:agreements", args=[alliance.code])
        links.append(Tab(_("Agreed texts"), href, current == "agreements"))
    return components.tabs(links, label=_("Pages about the alliance"))


def overview(request: Request) -> HttpResponse:
    """All alliances; the only one at once."""
    found = list(Alliance.objects.visible_to(request.actor))
    if len(found) == 1:
        return redirect("alliance:alliance", code=found[0].code)
    return page(
        request,
        "alliance/overview.html",
        heading=_("Alliances"),
        table=components.table(
            _("Alliances"),
            (Column(label=_("Alliance")), Column(label=_("Members"), numeric=True)),
            [
                Row(
                    (
                        Cell(one.name, href=reverse("alliance:alliance", args=[one.code])),
                        one.members(on=request.today).count(),
                    )
                )
                for one in found
            ],
            hide_caption=True,
            empty_text=_("There is no alliance yet."),
        ),
    )


def percent(share: Fraction | float | None) -> str:
    """A share as whole per cent and one decimal; nothing where it is not known."""
    if share is None:
        return "–"
    return _("%(number)s\N{NO-BREAK SPACE}%%") % {
        "number": formats.number_format(round(float(share) * 100, 1))
    }


def headline(series: Series, group: str) -> Figure:
    """The rate of the newest year of the alliance as a whole against its goal."""
    words = _("Students who took part") if group == "students" else _("Staff who took part")
    rows = series.of(ALLIANCE_ROW)
    cells = [
        (row.year, row.cells[ALL_MODES]) for row in rows if row.cells[ALL_MODES].rate is not None
    ]
    if not cells:
        return Figure(label=words, value=None, note=_("no headcount is known"))
    year, cell = cells[-1]
    reached = cell.gap is not None and cell.gap <= 0
    note = (
        _("in %(year)s; goal %(goal)s, %(persons)s persons to go")
        % {
            "year": year,
            "goal": percent(float(cell.goal) if cell.goal is not None else None),
            "persons": formats.number_format(cell.persons_to_goal or 0, force_grouping=True),
        }
        if cell.goal is not None
        else _("in %(year)s") % {"year": year}
    )
    return Figure(
        label=words, value=percent(cell.rate), note=note, tone="good" if reached else "plain"
    )


def alliance(request: Request, code: str) -> HttpResponse:
    """One alliance: the newest figures, the members and associates with their dates."""
    found = visible_alliance(request, code)
    language = Frame(request, request.actor).language
    years = tuple(range(request.today.year - 3, request.today.year))
    series = {
        group: measures.answer(
            Question(alliance=code, years=years, group=group), actor=request.actor
        )
        for group in ("students", "staff")
    }
    memberships = list(
        Membership.objects.filter(alliance=found)
        .select_related("institution")
        .order_by("kind", "institution__name")
    )
    return page(
        request,
        "alliance/alliance.html",
        heading=found.name,
        views=views_of(found, "members", request.actor),
        cards=components.cards(
            [
                Figure(
                    label=_("Members"),
                    value=_on(memberships, request.today, Membership.Kind.MEMBER),
                ),
                Figure(
                    label=_("Associate partners"),
                    value=_on(memberships, request.today, Membership.Kind.ASSOCIATE),
                ),
                *(headline(series[group], group) for group in series),
            ]
        ),
        table=components.table(
            _("Members and associate partners"),
            (
                Column(label=_("Institution")),
                Column(label=_("Country")),
                Column(label=_("Membership")),
                Column(label=_("Since")),
                Column(label=_("Until")),
                Column(label=_("Records kept here")),
            ),
            [
                Row(
                    (
                        Cell(
                            one.institution.name,
                            href=reverse("office:institution", args=[one.institution_id])
                            if not request.actor.is_stranger
                            else "",
                        ),
                        one.institution.country_name(language),
                        label(Membership.Kind, one.kind),
                        one.since,
                        one.until,
                        _("yes") if one.institution.hosted else _("no"),
                    )
                )
                for one in memberships
            ],
            hide_caption=True,
        ),
    )


def _on(memberships: Sequence[Membership], day: date, kind: str) -> int:
    return sum(
        one.kind == kind and one.since <= day and (one.until is None or one.until >= day)
        for one in memberships
    )

"""Background work: what waits, what runs, what failed and why."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from vaihto.jobs.models import Work
from vaihto.refusals import NotAllowed
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Row, Tab
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, page_of
from vaihto.web.work import progress_of


def works(request: Request) -> HttpResponse:
    """All background work, newest first; for operators."""
    if not request.actor.is_operator:
        raise NotAllowed("operators-only")
    address = Address.of(request)
    shown_state = address.get("state")
    found = Work.objects.visible_to(request.actor)
    if shown_state == "open":
        found = found.filter(state__in=[Work.State.WAITING, Work.State.RUNNING])
    elif shown_state == "failed":
        found = found.filter(state=Work.State.FAILED)
    shown = page_of(found, (Order("created_at", descending=True),), address)
    return page(
        request,
        "operations/works.html",
        heading=_("Background work"),
        tabs=components.tabs(
            [
                Tab(_("All"), str(address.having(state=None)), not shown_state),
                Tab(
                    _("Waiting and running"),
                    str(address.having(state="open")),
                    shown_state == "open",
                ),
                Tab(_("Failed"), str(address.having(state="failed")), shown_state == "failed"),
            ],
            label=_("Which work"),
        ),
        table=components.table(
            _("Background work"),
            [
                Column(label=_("Number")),
                Column(label=_("What")),
                Column(label=_("State")),
                Column(label=_("Done"), numeric=True),
                Column(label=_("Asked")),
                Column(label=_("Began")),
                Column(label=_("Ended")),
                Column(label=_("Why it did not work")),
            ],
            [_row(one) for one in shown.rows],
            paging=shown.paging,
            hide_caption=True,
            empty_text=_("No work."),
        ),
    )


def _row(one: Work) -> Row:
    seen = progress_of(one)
    return Row(
        [
            Cell(f"{one.pk}", href=reverse("web:work", args=[one.pk])),
            seen.label,
            Cell(seen.state, tone=seen.tone),
            f"{seen.percent} %" if seen.percent is not None else components.number(seen.done),
            Cell(one.created_at, nowrap=True),
            Cell(one.started_at, nowrap=True),
            Cell(one.ended_at, nowrap=True),
            seen.problem,
        ]
    )

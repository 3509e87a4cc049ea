"""What is stored about me, my mobilities, do they count, and who has it."""

from __future__ import annotations

from collections import defaultdict

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from vaihto.classification.models import Verdict
from vaihto.mobilities.models import Side
from vaihto.people.models import Person
from vaihto.refusals import Unknown
from vaihto.web import components, explain
from vaihto.web.components import Cell, Column, Row
from vaihto.web.frame import Request, page
from vaihto.web.office.people import about


def own(request: Request) -> HttpResponse:
    """One's own page. An account without a person has none."""
    me = Person.objects.filter(pk=request.actor.person_id or 0).first()
    if me is None:
        raise Unknown("person.unknown")
    return page(
        request,
        "student/own.html",
        heading=_("My data"),
        lead=_("What the institutions have stored about you, and what counts."),
        counted=_counted(me),
        **about(request, me),
    )


def _counted(me: Person) -> object:
    """One's mobilities with who counts them, in words."""
    sides = list(
        Side.objects.filter(mobility__person=me)
        .select_related("mobility", "institution")
        .order_by("-mobility__start", "pk")[:100]
    )
    verdicts: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in Verdict.objects.filter(side__in=sides).order_by("scheme", "pk"):
        verdicts[verdict.side_id].append(verdict)
    if not sides:
        return None
    return components.table(
        _("Do my mobilities count?"),
        [
            Column(label=_("Mobility")),
            Column(label=_("First day")),
            Column(label=_("Last day")),
            Column(label=_("According to")),
            Column(label=_("Verdicts")),
        ],
        [
            Row(
                [
                    Cell(side.key, href=reverse("office:mobility", args=[side.mobility_id])),
                    Cell(side.mobility.start, nowrap=True),
                    Cell(side.mobility.end, nowrap=True),
                    side.institution.name,
                    ", ".join(
                        dict.fromkeys(
                            explain.short_answer(v) for v in explain.in_order(verdicts[side.pk])
                        )
                    )
                    or _("not judged yet"),
                ]
            )
            for side in sides
        ],
    )

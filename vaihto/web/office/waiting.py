"""What waits for the offices: ends to confirm, levels to add, verdicts that cannot be told."""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from vaihto.classification.models import Verdict
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Direction, Kind, Mobility, Side, State
from vaihto.people.models import within_reach
from vaihto.web import explain
from vaihto.web.turn import LIMIT, Queue, Waiting, source

COUNTED_TO = 500
# How long an end may stay an estimate before it presses.
_PRESSES_AFTER = timedelta(days=30)


@source
def ends_to_confirm(actor: Actor, today: date) -> Queue | None:
    """Estimated last days that have passed (Q28)."""
    grants = actor.reach(May.MOBILITIES_EDIT)
    if not grants:
        return None
    sides = Side.objects.filter(
        within_reach(grants, "institution", "unit"), mobility=OuterRef("pk")
    )
    found = (
        Mobility.objects.filter(Exists(sides), end_is_estimate=True, end__lt=today)
        .exclude(state=State.CANCELLED)
        .order_by("end", "pk")
    )
    total = found.order_by()[: COUNTED_TO + 1].count()
    lines = [
        Waiting(
            title=one.person.full_name or f"#{one.pk}",
            about=_("estimated last day %(day)s") % {"day": explain.shown(one.end)},
            href=reverse("office:mobility", args=[one.pk]),
            since=one.end + timedelta(days=1) if one.end else None,
            tone="warn" if one.end and today - one.end > _PRESSES_AFTER else "plain",
            deed=_("Confirm"),
        )
        for one in found.select_related("person")[:LIMIT]
    ]
    return Queue(
        key="ends",
        title=_("Last days to confirm"),
        why=_("The estimated last day has passed. The length decides how the mobility counts."),
        lines=lines,
        total=min(total, COUNTED_TO),
        capped=total > COUNTED_TO,
        all_href=f"{reverse('office:mobilities')}?wait=end&sort=end",
    )


@source
def levels_to_add(actor: Actor, today: date) -> Queue | None:
    """Incoming students without a level of education (V03, Q12)."""
    grants = actor.reach(May.MOBILITIES_EDIT)
    if not grants:
        return None
    found = (
        Side.objects.filter(
            within_reach(grants, "institution", "unit"),
            direction=Direction.INCOMING,
            level="",
            institution__country="246",
            mobility__kind=Kind.STUDENT,
            mobility__start__lte=today,
        )
        .exclude(mobility__state=State.CANCELLED)
        .order_by("-mobility__start", "pk")
    )
    total = found.order_by()[: COUNTED_TO + 1].count()
    lines = [
        Waiting(
            title=side.mobility.person.full_name or side.key,
            about=side.key,
            href=reverse("office:correct", args=[side.pk]),
            since=side.mobility.start,
            deed=_("Add the level"),
        )
        for side in found.select_related("mobility__person")[:LIMIT]
    ]
    return Queue(
        key="levels",
        title=_("Incoming students without a level"),
        why=_("Without the level of education the period cannot be sent to VIRTA."),
        lines=lines,
        total=min(total, COUNTED_TO),
        capped=total > COUNTED_TO,
        all_href=f"{reverse('office:mobilities')}?wait=level",
    )


@source
def verdicts_to_tell(actor: Actor, _today: date) -> Queue | None:
    """Verdicts that cannot be told because something is not known."""
    grants = actor.reach(May.MOBILITIES_EDIT)
    if not grants:
        return None
    found = Verdict.objects.filter(
        within_reach(grants, "institution", "side__unit"), included__isnull=True
    )
    numbers = list(found.order_by().values_list("side", flat=True).distinct()[: COUNTED_TO + 1])
    shown = (
        Side.objects.filter(pk__in=numbers)
        .select_related("mobility__person", "judgement")
        .order_by("-mobility__start", "pk")[:LIMIT]
    )
    missing: dict[int, dict[str, None]] = {}
    for verdict in Verdict.objects.filter(side__in=[side.pk for side in shown], included=None):
        missing.setdefault(verdict.side_id, {}).update(dict.fromkeys(verdict.missing))
    lines = [
        Waiting(
            title=side.mobility.person.full_name or side.key,
            about=_("not known: %(what)s")
            % {"what": ", ".join(explain.missing_word(name) for name in missing.get(side.pk, {}))},
            href=reverse("office:mobility", args=[side.mobility_id]),
            since=timezone.localdate(side.judgement.judged_at)
            if hasattr(side, "judgement")
            else None,
            deed=_("Look"),
        )
        for side in shown
    ]
    return Queue(
        key="verdicts",
        title=_("Verdicts that cannot be told"),
        why=_("The rules lack a fact. Once it is added, the mobility is judged by itself."),
        lines=lines,
        total=min(len(numbers), COUNTED_TO),
        capped=len(numbers) > COUNTED_TO,
        all_href=f"{reverse('office:mobilities')}?wait=verdict",
    )

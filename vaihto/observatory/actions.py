"""Setting and withdrawing goals: the only things the observatory writes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from vaihto.institutions.models import Alliance
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.observatory.models import Goal
from vaihto.refusals import Invalid, NotAllowed
from vaihto.wording import mark as _


def _require(actor: Actor, alliance: Alliance) -> None:
    places = actor.alliances(May.ALLIANCE_EDIT)
    if places is not None and alliance.pk not in places:
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))


@transaction.atomic
def set_goal(
    *,
    actor: Actor,
    alliance: Alliance,
    group: str,
    mode: str = "",
    since: date,
    share: Decimal,
    definition: str,
    source: str,
    now: datetime,
) -> Goal:
    """Sets what is to be reached from a day on; the same day again replaces the goal."""
    _require(actor, alliance)
    if group not in Goal.Group.values:
        raise Invalid("goal.group", field="group", sentence=_("There is no such group."))
    if mode and mode not in Goal.Mode.values:
        raise Invalid("goal.mode", field="mode", sentence=_("There is no such mode."))
    if not 0 < share <= 1:
        raise Invalid(
            "goal.share",
            field="share",
            sentence=_("A goal is a share above 0 and at most 100 per cent."),
        )
    before = Goal.objects.filter(alliance=alliance, group=group, mode=mode, since=since).first()
    goal, _created = Goal.objects.update_or_create(
        alliance=alliance,
        group=group,
        mode=mode,
        since=since,
        defaults={"share": share, "definition": definition, "source": source},
    )
    record(
        actor,
        "goal.set",
        goal,
        at=now,
        changes={
            "share": [str(before.share) if before else None, str(share)],
            "definition": [before.definition if before else None, definition],
        },
        reason=source,
    )
    return goal


@transaction.atomic
def withdraw_goal(*, actor: Actor, goal: Goal, now: datetime) -> None:
    """Takes a goal back; the one before it is in force again."""
    _require(actor, goal.alliance)
    record(actor, "goal.withdraw", goal, at=now, changes={"share": [str(goal.share), None]})
    goal.delete()

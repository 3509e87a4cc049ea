"""Entering what institutions answered in a survey round. What the catalogue says is written by the EWP node."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from vaihto.institutions.actions.institutions import bring_each, plan_each
from vaihto.institutions.bringing import Desk
from vaihto.institutions.facts import AbilityFacts
from vaihto.institutions.models import Capability, Institution
from vaihto.institutions.surveying import draft_abilities, may_answer_for
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Draft, Keep, Outcome, Verdict
from vaihto.refusals import NotAllowed


def plan_abilities(
    *,
    actor: Actor,
    facts: Sequence[AbilityFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
) -> list[Outcome]:
    """What `bring_abilities` would do with each answer, in order. Nothing is written."""
    return plan_each(draft_abilities, actor=actor, facts=facts, said=said, seen=seen)


def bring_abilities(
    *,
    actor: Actor,
    facts: Sequence[AbilityFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Answers of a survey, found again by institution, round and interface; safe to run twice.

    The secretariat may for members of its alliance, an agreement manager for the own institution.
    """
    return bring_each(
        draft_abilities,
        actor=actor,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


@transaction.atomic
def answer_survey(
    *,
    actor: Actor,
    institution: Institution,
    survey_round: str,
    facts: Sequence[AbilityFacts],
    now: datetime,
) -> None:
    """Makes the answers of an institution in a round exactly these. Refuses with the first thing that is wrong."""
    in_reach = may_answer_for(actor)
    if in_reach is not None and institution.pk not in in_reach:
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))
    draft = Draft(actor, now, None)
    for outcome in draft_abilities(list(enumerate(facts)), Desk(actor, None), draft, {}):
        if outcome.verdict is Verdict.REFUSED:
            raise outcome.refusals[0]
    kept = {one.interface for one in facts}
    rows = Capability.objects.filter(
        institution=institution, source=Capability.Source.SURVEY, survey_round=survey_round
    )
    for row in rows:
        if row.interface not in kept:
            draft.line(
                "capability.removed",
                row,
                {row.interface: [row.state, None]},
                institution_id=institution.pk,
            )
            draft.remove(row)
    draft.write()

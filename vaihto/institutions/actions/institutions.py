"""Changing institutions, memberships, headcounts, and what an institution has chosen or declared.

The `plan_…` twin of each `bring_…` says what would happen and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from vaihto.institutions.bringing import Desk, draft_headcounts, draft_institutions
from vaihto.institutions.facts import HeadcountFacts, InstitutionFacts
from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import Announcement, announce
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Draft, Keep, Outcome, Verdict, chunks
from vaihto.refusals import Invalid
from vaihto.wording import mark as _

# An institution chose otherwise where the rules leave a choice: its verdicts may change.
CHOICES_CHANGED = Announcement("institutions.choices-changed", fields=("institution_id",))
# What an institution tells its partners changed; `what` is profile, units, contacts or factsheet.
INSTITUTION_CHANGED = Announcement("institutions.changed", fields=("institution_id", "what"))

_Facts = TypeVar("_Facts")
_DraftOf = Callable[
    [Sequence[tuple[int, _Facts]], Desk, Draft | None, dict[Any, int]], list[Outcome]
]


def plan_each(
    draft_of: _DraftOf[_Facts],
    *,
    actor: Actor,
    facts: Sequence[_Facts],
    said: Collection[str] | None,
    seen: dict[Any, int] | None,
) -> list[Outcome]:
    """What a draft of this kind would do with each fact, in order."""
    actor.require_any([May.INSTITUTIONS_EDIT, May.ALLIANCE_EDIT])
    desk = Desk(actor, said)
    keys: dict[Any, int] = {} if seen is None else seen
    return [outcome for piece in chunks(facts) for outcome in draft_of(piece, desk, None, keys)]


def bring_each(
    draft_of: _DraftOf[_Facts],
    *,
    actor: Actor,
    facts: Sequence[_Facts],
    now: datetime,
    batch: str,
    said: Collection[str] | None,
    seen: dict[Any, int] | None,
    keep: Keep | None,
) -> list[Outcome]:
    """Writes what a draft of this kind makes of the facts, piece by piece, in one transaction."""
    actor.require_any([May.INSTITUTIONS_EDIT, May.ALLIANCE_EDIT])
    desk = Desk(actor, said)
    keys: dict[Any, int] = {} if seen is None else seen
    outcomes: list[Outcome] = []
    with transaction.atomic():
        for piece in chunks(facts):
            draft = Draft(actor, now, None, batch, keep=keep)
            outcomes += draft_of(piece, desk, draft, keys)
            draft.write()
        _tell(outcomes)
    return outcomes


def _tell(outcomes: Sequence[Outcome]) -> None:
    """Institutions that were created or changed are announced."""
    for outcome in outcomes:
        if isinstance(outcome.record, Institution) and outcome.verdict in {
            Verdict.CREATED,
            Verdict.CHANGED,
        }:
            announce(INSTITUTION_CHANGED, institution_id=outcome.record.pk, what="profile")


def plan_institutions(
    *,
    actor: Actor,
    facts: Sequence[InstitutionFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
) -> list[Outcome]:
    """What `bring_institutions` would do with each fact, in order. Nothing is written."""
    return plan_each(draft_institutions, actor=actor, facts=facts, said=said, seen=seen)


def bring_institutions(
    *,
    actor: Actor,
    facts: Sequence[InstitutionFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Institutions with their membership in an alliance, found again by hei_id; safe to run twice.

    Whether an institution is hosted here is never brought in a file. `said`, `seen` and `keep` as in
    `people.actions.bring_students`.
    """
    return bring_each(
        draft_institutions,
        actor=actor,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


def plan_headcounts(
    *,
    actor: Actor,
    facts: Sequence[HeadcountFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
) -> list[Outcome]:
    """What `bring_headcounts` would do with each fact, in order. Nothing is written."""
    return plan_each(draft_headcounts, actor=actor, facts=facts, said=said, seen=seen)


def bring_headcounts(
    *,
    actor: Actor,
    facts: Sequence[HeadcountFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Headcounts, found again by institution, year and group; safe to run twice."""
    return bring_each(
        draft_headcounts,
        actor=actor,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


# --- One institution at a time -----------------------------------------------------------------


def edit(
    *,
    actor: Actor,
    facts: InstitutionFacts,
    now: datetime,
    said: Collection[str] | None = None,
    reason: str = "",
) -> Institution:
    """One institution's facts from a form. Refuses with the first thing that is wrong."""
    actor.require_any([May.INSTITUTIONS_EDIT, May.ALLIANCE_EDIT])
    with transaction.atomic():
        draft = Draft(actor, now, None, reason=reason)
        (outcome,) = draft_institutions([(0, facts)], Desk(actor, said), draft, {})
        if outcome.verdict is Verdict.REFUSED:
            raise outcome.refusals[0]
        draft.write()
        _tell([outcome])
    return Institution.objects.get(hei_id=facts.hei_id)


@transaction.atomic
def declare_holds_everything(
    *, actor: Actor, institution: Institution, holds: bool, now: datetime, reason: str = ""
) -> Institution:
    """The registrar declares whether every record for the national warehouse is kept in this installation.

    Only then is the whole nested document made, because a batch replaces what was sent before (V05).
    """
    actor.require(May.VIRTA_EXPORT, institution.pk)
    institution = Institution.objects.select_for_update().get(pk=institution.pk)
    if institution.holds_everything == holds:
        return institution
    institution.holds_everything = holds
    institution.save(update_fields=["holds_everything"])
    record(
        actor,
        "institution.declared",
        institution,
        at=now,
        institution_id=institution.pk,
        changes={"holds_everything": [not holds, holds]},
        reason=reason,
    )
    return institution


@transaction.atomic
def choose(
    *,
    actor: Actor,
    institution: Institution,
    name: str,
    value: Any,
    now: datetime,
    reason: str = "",
) -> Institution:
    """What the institution chooses where the rules leave a choice; `value` None goes back to the default."""
    actor.require(May.INSTITUTIONS_EDIT, institution.pk)
    if not name:
        raise Invalid(
            "institution.choice-unnamed", sentence=_("Name what is chosen."), field="name"
        )
    institution = Institution.objects.select_for_update().get(pk=institution.pk)
    before = institution.choices.get(name)
    if before == value:
        return institution
    if value is None:
        del institution.choices[name]
    else:
        institution.choices[name] = value
    institution.save(update_fields=["choices"])
    record(
        actor,
        "institution.chose",
        institution,
        at=now,
        institution_id=institution.pk,
        changes={name: [before, value]},
        reason=reason,
    )
    announce(CHOICES_CHANGED, institution_id=institution.pk)
    return institution

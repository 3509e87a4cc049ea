"""Changing the catalogue: in batches as files bring it, and one entry at a time as pages do.

The `plan_…` twin of each `bring_…` says what would happen and writes nothing. Whatever changes an entry, what it
contains or its realisations moves its `modified_at`, because partners ask what changed since they last looked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from django.db import transaction

from vaihto.institutions.models import Institution
from vaihto.journal.actions import entry as journal_entry
from vaihto.journal.actions import record, record_all
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import (
    Coming,
    Draft,
    Keep,
    Outcome,
    Verdict,
    not_in_reach,
    shown,
    units_in_reach,
)
from vaihto.offers.bringing import (
    code_taken,
    contains_itself,
    draft_opportunities,
    draft_realisations,
    is_above,
    whole_narrower,
)
from vaihto.offers.facts import OpportunityFacts, RealisationFacts
from vaihto.offers.models import Containment, Kind, LearningOpportunity, Realisation
from vaihto.people.bringing import pieces
from vaihto.people.bringing.setting import Setting
from vaihto.refusals import Invalid, NotAllowed, Refusal, Stale
from vaihto.wording import mark as _


class Withdrawn(Refusal):
    """The entry is no longer in the catalogue."""

    sentence = _("This was withdrawn from the catalogue.")
    remedy = _("Bring it back first.")


def _written(now: datetime) -> Callable[[list[Outcome]], None]:
    """After each piece: what contains an entry that was exposed or hidden has changed for partners too."""

    def touch_wholes(settled: list[Outcome]) -> None:
        exposed = [one.record.pk for one in settled if one.record and "exposed" in one.changes]
        _touch_wholes(exposed, now=now)

    return touch_wholes


def plan_opportunities(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[OpportunityFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_opportunities` would do with each fact, in order. Nothing is written."""
    return pieces.plan(
        draft_opportunities,
        may=May.OFFERS_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


def bring_opportunities(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[OpportunityFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Programmes, modules, courses and classes, found again by key; safe to run twice.

    What contains something comes before it. An entry made by hand that has the code and no key yet is taken over.
    What was withdrawn here stays withdrawn. `said`, `seen` and `keep` as in `people.actions.bring_students`.
    """
    return pieces.bring(
        draft_opportunities,
        may=May.OFFERS_EDIT,
        written=_written(now),
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


def plan_realisations(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[RealisationFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_realisations` would do with each fact, in order. Nothing is written."""
    return pieces.plan(
        draft_realisations,
        may=May.OFFERS_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


def bring_realisations(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[RealisationFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Realisations, found again by the key of the opportunity and their own; safe to run twice."""
    return pieces.bring(
        draft_realisations,
        may=May.OFFERS_EDIT,
        written=_written(now),
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


# --- One entry at a time -----------------------------------------------------------------------


def _setting(
    actor: Actor, institution: Institution, said: Collection[str] | None = None
) -> Setting:
    reach = units_in_reach(actor, May.OFFERS_EDIT, institution.pk)
    return Setting.of(institution, reach=reach, said=said)


def _only(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of the one fact. Refuses with the first thing that is wrong."""
    (outcome,) = outcomes
    if outcome.verdict is Verdict.REFUSED:
        raise outcome.refusals[0]
    return outcome


@transaction.atomic
def create(
    *, actor: Actor, institution: Institution, facts: OpportunityFacts, now: datetime
) -> LearningOpportunity:
    """A new entry of the catalogue of a hosted institution, found by its identifier from now on."""
    setting = _setting(actor, institution)
    if not institution.hosted:
        raise NotAllowed(
            "offer.not-hosted",
            sentence=_("The catalogue of this institution is not kept here."),
            remedy=_("Choose an institution whose records are kept here."),
        )
    draft = Draft(actor, now, institution.pk)
    outcome = _only(draft_opportunities([(0, facts)], setting, draft, {}))
    draft.write()
    assert isinstance(outcome.record, LearningOpportunity)  # noqa: S101 - it was created
    return outcome.record


@transaction.atomic
def edit(
    *,
    actor: Actor,
    opportunity: LearningOpportunity,
    facts: OpportunityFacts,
    now: datetime,
    said: Collection[str] | None = None,
    seen: datetime | None = None,
    reason: str = "",
) -> LearningOpportunity:
    """New facts about an entry. Refuses with `Stale` when it changed after `seen`."""
    opportunity = _locked(actor, opportunity)
    if seen is not None and opportunity.modified_at != seen:
        raise Stale("offer.stale")
    setting = _setting(actor, opportunity.institution, said)
    draft = Draft(actor, now, opportunity.institution_id, reason=reason)
    outcome = _only(draft_opportunities([(0, facts)], setting, draft, {}, given=opportunity))
    draft.write()
    if "exposed" in outcome.changes:
        _touch_wholes([opportunity.pk], now=now)
    return opportunity


@transaction.atomic
def expose(
    *,
    actor: Actor,
    opportunities: Iterable[LearningOpportunity],
    exposed: bool,
    now: datetime,
    reason: str = "",
) -> int:
    """Shows entries to partners and the public, or hides them; answers how many that changed.

    Withdrawn ones are left as they are.
    """
    ids = {one.pk for one in opportunities}
    found = list(
        LearningOpportunity.objects.select_for_update(of=("self",))
        .filter(pk__in=ids, withdrawn_at__isnull=True)
        .exclude(exposed=exposed)
        .order_by("pk")
    )
    for one in found:
        _require(actor, one)
    LearningOpportunity.objects.filter(pk__in=[one.pk for one in found]).update(
        exposed=exposed, modified_at=now
    )
    record_all(
        journal_entry(
            actor,
            "opportunity.exposed" if exposed else "opportunity.hidden",
            one,
            at=now,
            institution_id=one.institution_id,
            changes={"exposed": [not exposed, exposed]},
            reason=reason,
        )
        for one in found
    )
    _touch_wholes([one.pk for one in found], now=now)
    return len(found)


@transaction.atomic
def withdraw(
    *, actor: Actor, opportunity: LearningOpportunity, now: datetime, reason: str = ""
) -> LearningOpportunity:
    """Takes an entry out of the catalogue. Its identifier is never given to another; it can be brought back."""
    opportunity = _locked(actor, opportunity)
    if opportunity.withdrawn_at is not None:
        return opportunity
    return _set_withdrawn(actor, opportunity, now, now, "opportunity.withdrawn", reason)


@transaction.atomic
def bring_back(
    *, actor: Actor, opportunity: LearningOpportunity, now: datetime, reason: str = ""
) -> LearningOpportunity:
    """Puts a withdrawn entry into the catalogue again. Refuses when its code names another one by now."""
    opportunity = _locked(actor, opportunity)
    if opportunity.withdrawn_at is None:
        return opportunity
    holder = (
        LearningOpportunity.objects.filter(
            institution=opportunity.institution_id,
            code=opportunity.code,
            withdrawn_at__isnull=True,
        ).first()
        if opportunity.code
        else None
    )
    if holder is not None:
        raise code_taken(opportunity.code, holder.title)
    return _set_withdrawn(actor, opportunity, None, now, "opportunity.brought-back", reason)


def _set_withdrawn(
    actor: Actor,
    opportunity: LearningOpportunity,
    at: datetime | None,
    now: datetime,
    verb: str,
    reason: str,
) -> LearningOpportunity:
    before = opportunity.withdrawn_at
    opportunity.withdrawn_at = at
    opportunity.modified_at = now
    opportunity.save(update_fields=["withdrawn_at", "modified_at"])
    record(
        actor,
        verb,
        opportunity,
        at=now,
        institution_id=opportunity.institution_id,
        changes={"withdrawn_at": [shown(before), shown(at)]},
        reason=reason,
    )
    _touch_wholes([opportunity.pk], now=now)
    return opportunity


@transaction.atomic
def add_part(
    *, actor: Actor, whole: LearningOpportunity, part: LearningOpportunity, now: datetime
) -> None:
    """`whole` contains `part` from now on. Refuses what is wider than the whole, and circles."""
    whole = _locked(actor, whole)
    part = LearningOpportunity.objects.get(pk=part.pk)
    if part.institution_id != whole.institution_id:
        raise Invalid(
            "offer.other-institution",
            sentence=_("“%(value)s” belongs to the catalogue of another institution."),
            field="part",
            value=str(part),
        )
    if Kind(whole.kind).width < Kind(part.kind).width:
        raise whole_narrower(str(whole))
    above: dict[int | str, set[int | str]] = {}
    links = Containment.objects.filter(whole__institution=whole.institution_id)
    for below, over in links.values_list("part_id", "whole_id"):
        above.setdefault(below, set()).add(over)
    if is_above(above, whole.pk, part.pk):
        raise contains_itself(str(part))
    _link, is_new = Containment.objects.get_or_create(whole=whole, part=part)
    if is_new:
        _parts_changed(actor, whole, "opportunity.part-added", ["", str(part)], now)


@transaction.atomic
def remove_part(
    *, actor: Actor, whole: LearningOpportunity, part: LearningOpportunity, now: datetime
) -> None:
    """`whole` no longer contains `part`; both stay in the catalogue."""
    whole = _locked(actor, whole)
    removed, _by_kind = Containment.objects.filter(whole=whole, part=part).delete()
    if removed:
        _parts_changed(actor, whole, "opportunity.part-removed", [str(part), ""], now)


def _parts_changed(
    actor: Actor, whole: LearningOpportunity, verb: str, change: list[str], now: datetime
) -> None:
    whole.modified_at = now
    whole.save(update_fields=["modified_at"])
    record(
        actor,
        verb,
        whole,
        at=now,
        institution_id=whole.institution_id,
        changes={"parts": change},
    )


@transaction.atomic
def add_realisation(
    *, actor: Actor, opportunity: LearningOpportunity, facts: RealisationFacts, now: datetime
) -> Realisation:
    """The opportunity is taught once more."""
    opportunity = _locked(actor, opportunity)
    if opportunity.withdrawn_at is not None:
        raise Withdrawn("offer.withdrawn")
    setting = _setting(actor, opportunity.institution)
    draft = Draft(actor, now, opportunity.institution_id)
    outcome = _only(draft_realisations([(0, facts)], setting, draft, {}, given=opportunity))
    draft.write()
    assert isinstance(outcome.record, Realisation)  # noqa: S101 - it was created
    return outcome.record


@transaction.atomic
def edit_realisation(
    *,
    actor: Actor,
    realisation: Realisation,
    facts: RealisationFacts,
    now: datetime,
    said: Collection[str] | None = None,
    seen: datetime | None = None,
) -> Realisation:
    """New facts about a realisation. Refuses with `Stale` when its opportunity changed after `seen`."""
    opportunity = _locked(actor, realisation.opportunity)
    if seen is not None and opportunity.modified_at != seen:
        raise Stale("offer.stale")
    realisation = Realisation.objects.get(pk=realisation.pk)
    realisation.opportunity = opportunity
    setting = _setting(actor, opportunity.institution, said)
    draft = Draft(actor, now, opportunity.institution_id)
    _only(draft_realisations([(0, facts)], setting, draft, {}, given=realisation))
    draft.write()
    return realisation


@transaction.atomic
def remove_realisation(
    *, actor: Actor, realisation: Realisation, now: datetime, reason: str = ""
) -> None:
    """A realisation that is not held after all. Its identifier is never given to another."""
    opportunity = _locked(actor, realisation.opportunity)
    record(
        actor,
        "realisation.removed",
        realisation,
        at=now,
        institution_id=opportunity.institution_id,
        changes={"loi_id": [realisation.loi_id, ""]},
        reason=reason,
    )
    Realisation.objects.filter(pk=realisation.pk).delete()
    opportunity.modified_at = now
    opportunity.save(update_fields=["modified_at"])


def touch(*, opportunity_ids: Collection[int], now: datetime) -> None:
    """Says that entries changed now, with what contains them: for who put rows back as they were."""
    LearningOpportunity.objects.filter(pk__in=opportunity_ids).update(modified_at=now)
    _touch_wholes(opportunity_ids, now=now)


def _touch_wholes(ids: Collection[int], *, now: datetime) -> None:
    """What partners see of a whole changes when a part of it appears or disappears."""
    if ids:
        LearningOpportunity.objects.filter(
            pk__in=Containment.objects.filter(part__in=ids).values("whole")
        ).update(modified_at=now)


def may_edit(actor: Actor, opportunity: LearningOpportunity) -> bool:
    """May the actor change this entry? One whose role holds for a unit changes what that unit organises."""
    if actor.sees_everything:
        return True
    return any(
        grant.institution_id == opportunity.institution_id
        and (grant.unit_ids is None or opportunity.unit_id in grant.unit_ids)
        for grant in actor.reach(May.OFFERS_EDIT)
    )


def _require(actor: Actor, opportunity: LearningOpportunity) -> None:
    actor.require(May.OFFERS_EDIT, opportunity.institution_id)
    if not may_edit(actor, opportunity):
        raise not_in_reach("unit", str(opportunity))


def _locked(actor: Actor, opportunity: LearningOpportunity) -> LearningOpportunity:
    _require(actor, opportunity)
    return (
        LearningOpportunity.objects.select_for_update(of=("self",))
        .select_related("institution")
        .get(pk=opportunity.pk)
    )

"""Changing mobilities: in batches as files bring them, and one at a time from pages.

The `plan_…` twin of each `bring_…` says what would happen and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import Announcement, announce
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Coming, Draft, Keep, Outcome, Verdict, chunks, units_in_reach
from vaihto.mobilities.bringing.settling import Changed
from vaihto.mobilities.bringing.students import draft_mobilities
from vaihto.mobilities.bringing.visits import draft_visits
from vaihto.mobilities.facts import MobilityFacts, VisitFacts
from vaihto.mobilities.models import Mobility, Side, State
from vaihto.people.bringing.setting import Setting
from vaihto.people.models import StudyRight
from vaihto.refusals import Invalid, NotAllowed, Refusal, Stale
from vaihto.wording import mark as _

# Facts changed from which the verdicts on these sides are made.
MOBILITIES_CHANGED = Announcement("mobilities.changed", fields=("side_ids",))

_Facts = TypeVar("_Facts")
_DraftOf = Callable[
    [Sequence[tuple[int, _Facts]], Setting, Draft | None, dict[str, int], Changed], list[Outcome]
]


class KeptForGood(Refusal):
    """Register data is kept permanently."""

    sentence = _(
        "Register data on studies and mobility is kept permanently, so this mobility is not deleted."
    )
    remedy = _(
        "A wrong fact is corrected and a stay that did not happen is cancelled; both keep their history. "
        "The ground is the decision of the National Archives of 19 September 2016."
    )


def _plan(
    draft_of: _DraftOf[_Facts],
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[_Facts],
    said: Collection[str] | None,
    seen: dict[str, int] | None,
    coming: Coming | None,
) -> list[Outcome]:
    reach = units_in_reach(actor, May.MOBILITIES_EDIT, institution.pk)
    setting = Setting.of(institution, reach=reach, said=said, coming=coming)
    keys: dict[str, int] = {} if seen is None else seen
    return [
        outcome
        for piece in chunks(facts)
        for outcome in draft_of(piece, setting, None, keys, Changed())
    ]


def _bring(
    draft_of: _DraftOf[_Facts],
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[_Facts],
    now: datetime,
    batch: str,
    said: Collection[str] | None,
    seen: dict[str, int] | None,
    keep: Keep | None,
    reason: str = "",
) -> list[Outcome]:
    reach = units_in_reach(actor, May.MOBILITIES_EDIT, institution.pk)
    setting = Setting.of(institution, reach=reach, said=said)
    keys: dict[str, int] = {} if seen is None else seen
    outcomes: list[Outcome] = []
    with transaction.atomic():
        touched: set[int] = set()
        for piece in chunks(facts):
            changed = Changed()
            draft = Draft(actor, now, institution.pk, batch, reason, keep)
            outcomes += draft_of(piece, setting, draft, keys, changed)
            draft.write()
            if changed.nested:
                links = Draft(actor, now, institution.pk, batch, reason, keep)
                for inner, outer in changed.nested:
                    links.change(inner, nested_in=outer)
                links.write()
            touched |= {side.pk for side in changed.sides}
        if touched:
            announce(MOBILITIES_CHANGED, side_ids=sorted(touched))
    return outcomes


def plan_mobilities(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[MobilityFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_mobilities` would do with each fact, in order. Nothing is written."""
    return _plan(
        draft_mobilities,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


def bring_mobilities(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[MobilityFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Student mobilities as the institution states them, found again by key; safe to run twice.

    The student must be known here; a study right that is not yet known is kept by its key and linked when it
    comes. A partner here that has stated exactly the same shares the mobility. `said` names the fields the
    facts speak of: the others keep what is stored. `seen` carries the keys met in earlier calls of the same
    file, `keep` is handed images of rows as they were. `record` of an outcome is the `Side`.
    """
    return _bring(
        draft_mobilities,
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


def plan_visits(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[VisitFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_visits` would do with each fact, in order. Nothing is written."""
    return _plan(
        draft_visits,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


def bring_visits(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[VisitFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Staff visits as the institution states them, found again by key; arguments as in `bring_mobilities`."""
    return _bring(
        draft_visits,
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
    )


def link_rights(*, person_ids: Sequence[int]) -> None:
    """Sides that named a study right before it was known are linked to it; listens to `RECORDS_CHANGED`."""
    for start in range(0, len(person_ids), 2000):
        waiting = list(
            Side.objects.filter(
                mobility__person__in=person_ids[start : start + 2000], right__isnull=True
            )
            .exclude(right_key="")
            .order_by("pk")
        )
        if not waiting:
            continue
        rights = {
            (right.institution_id, right.student_id, right.key): right
            for right in StudyRight.objects.filter(
                student__in={side.student_id for side in waiting if side.student_id}
            )
        }
        linked: list[Side] = []
        for side in waiting:
            right = rights.get((side.institution_id, side.student_id or 0, side.right_key))
            if right is not None:
                side.right = right
                linked.append(side)
        Side.objects.bulk_update(linked, ["right"], batch_size=200)


# --- One mobility at a time --------------------------------------------------------------------


def _locked(side: Side, seen_version: int) -> Side:
    """The side with its mobility locked. Refuses with `Stale` when it changed since it was read."""
    mobility = Mobility.objects.select_for_update().get(pk=side.mobility_id)
    if mobility.version != seen_version:
        raise Stale("mobility.stale", seen=seen_version, now=mobility.version)
    return Side.objects.select_related("mobility", "institution").get(pk=side.pk)


def _require_side(actor: Actor, side: Side) -> None:
    reach = units_in_reach(actor, May.MOBILITIES_EDIT, side.institution_id)
    if reach is not None and side.unit_id not in reach:
        raise NotAllowed("not-allowed", may=str(May.MOBILITIES_EDIT))


@transaction.atomic
def correct(
    *,
    actor: Actor,
    side: Side,
    facts: MobilityFacts | VisitFacts,
    seen_version: int,
    now: datetime,
    reason: str = "",
    said: Collection[str] | None = None,
) -> Outcome:
    """The institution's statement, corrected on a page; the journal keeps what it was.

    Refuses with `Stale` when somebody else changed the mobility after `seen_version`, and with the first thing
    that is wrong. The key of a mobility does not change (V11).
    """
    _require_side(actor, side)
    side = _locked(side, seen_version)
    if facts.key != side.key:
        raise Invalid(
            "mobility.key-is-stable",
            sentence=_("The key of a mobility stays the same, “%(value)s” is another."),
            remedy=_("A changed key would be a new period in the statistics. Keep the key."),
            field="key",
            value=facts.key,
        )
    draft_of: Any = draft_visits if isinstance(facts, VisitFacts) else draft_mobilities
    (outcome,) = _bring(
        draft_of,
        actor=actor,
        institution=side.institution,
        facts=[facts],
        now=now,
        batch="",
        said=said,
        seen=None,
        keep=None,
        reason=reason,
    )
    if outcome.verdict is Verdict.REFUSED:
        raise outcome.refusals[0]
    return outcome


@transaction.atomic
def cancel(
    *, actor: Actor, side: Side, seen_version: int, now: datetime, reason: str = ""
) -> Mobility:
    """The stay does not happen, or did not; the record and its history stay."""
    _require_side(actor, side)
    mobility = _locked(side, seen_version).mobility
    if mobility.state == State.CANCELLED:
        raise Invalid(
            "mobility.already-cancelled", sentence=_("This mobility is cancelled already.")
        )
    before = mobility.state
    mobility.state = State.CANCELLED
    mobility.version += 1
    mobility.save(update_fields=["state", "version"])
    record(
        actor,
        "mobility.cancelled",
        mobility,
        at=now,
        institution_id=side.institution_id,
        changes={"state": [before, mobility.state]},
        reason=reason,
    )
    sides = sorted(mobility.sides.values_list("pk", flat=True))
    announce(MOBILITIES_CHANGED, side_ids=sides)
    return mobility


@transaction.atomic
def send_anyway(*, actor: Actor, side: Side, wanted: bool, now: datetime, reason: str = "") -> Side:
    """Whether periods that are not sent by default are sent all the same (V38, V39)."""
    _require_side(actor, side)
    side = Side.objects.select_for_update(of=("self",)).select_related("mobility").get(pk=side.pk)
    if side.send_anyway == wanted:
        return side
    side.send_anyway = wanted
    side.save(update_fields=["send_anyway"])
    record(
        actor,
        "mobility.send-anyway",
        side.mobility,
        at=now,
        institution_id=side.institution_id,
        changes={"send_anyway": [not wanted, wanted]},
        reason=reason,
    )
    announce(MOBILITIES_CHANGED, side_ids=[side.pk])
    return side


def purge(*, actor: Actor, side: Side, now: datetime, reason: str = "") -> KeptForGood:
    """Register data is never deleted (V24): the asking is written down, and the refusal handed back.

    The refusal is returned and not raised, so that no transaction around it takes back the journal line; whoever
    asked shows it, or raises it after the line is safe.
    """
    _require_side(actor, side)
    with transaction.atomic():
        record(
            actor,
            "mobility.purge-refused",
            side.mobility,
            at=now,
            institution_id=side.institution_id,
            reason=reason,
        )
    return KeptForGood("mobility.kept-for-good", rule="V24", key=side.key)

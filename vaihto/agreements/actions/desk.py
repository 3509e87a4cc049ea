"""What all actions on agreements share: refusals, the lock, the journal line, what must hold before a deed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vaihto.agreements.checks import Finding, check
from vaihto.agreements.forms import uses
from vaihto.agreements.models import (
    Agreement,
    ReceivedCopy,
)
from vaihto.agreements.terms import Copy, Terms
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Refusal, Stale
from vaihto.wording import mark as _


class NotReady(Refusal):
    """The terms cannot be proposed as they are; `findings` tells why."""

    sentence = _("The agreement cannot be proposed yet: %(count)s points are missing or wrong.")
    remedy = _("Correct the marked fields.")


class NotApprovable(Refusal):
    """Something stands between the copies and an approval."""

    sentence = _("The partner's copy cannot be approved as it is.")


class BoundForGood(Refusal):
    """An agreement that was in force cannot be deleted."""

    sentence = _("An agreement that was in force cannot be deleted.")
    remedy = _("End it, or shorten its last academic year, and let both sides approve that.")


class InUse(Refusal):
    """People travel or travelled under it."""

    sentence = _(
        "Mobilities run or ran under this agreement (%(count)s), so it cannot be ended as a whole."
    )
    remedy = _("Shorten the last academic year instead and let both sides approve that.")


class WrongState(Refusal):
    """The deed does not fit where the conversation stands."""

    sentence = _("This is not possible in the present state of the agreement.")


class LinkedElsewhere(Refusal):
    """One copy of the partner belongs to one agreement only."""

    sentence = _("The partner's copy %(iia_id)s is already linked to agreement %(other)s.")
    remedy = _("Unlink it there first, if that was a mistake.")


def locked(agreement: Agreement) -> Agreement:
    """The agreement as the database has it now, with what every action reads; others wait until we are done."""
    return Agreement.objects.whole().select_for_update(of=("self",)).get(pk=agreement.pk)


def require(actor: Actor, may: May, agreement: Agreement) -> None:
    """Refuses unless the actor may do that at the agreement's institution and unit."""
    actor.require(may, agreement.institution_id, agreement.unit_id)


def require_unused(agreement: Agreement) -> None:
    """Refuses to end as a whole what people travel or travelled under (T13)."""
    if count := uses(agreement):
        raise InUse("agreements.in-use", count=count)


def note_down(
    actor: Actor,
    verb: str,
    agreement: Agreement,
    now: datetime,
    *,
    reason: str = "",
    changes: Mapping[str, Any] | None = None,
) -> None:
    """One line in the journal."""
    record(
        actor,
        f"agreements.{verb}",
        agreement,
        at=now,
        institution_id=agreement.institution_id,
        changes=changes,
        reason=reason,
    )


def require_fresh(agreement: Agreement, seen: int | None) -> None:
    """Refuses when somebody changed our copy after the actor read revision `seen`."""
    if seen is not None and agreement.current and agreement.current.number != seen:
        raise Stale("agreements.stale", number=agreement.current.number)


def require_alive(agreement: Agreement) -> None:
    """Refuses for a deleted agreement."""
    if agreement.deleted_at:
        raise WrongState("agreements.deleted", sentence=_("This agreement has been deleted."))


def require_complete(agreement: Agreement, terms: Terms) -> None:
    """Refuses terms that the network would refuse, with what is wrong in them."""
    parties = frozenset({agreement.institution.hei_id, agreement.partner.hei_id})
    if blocking := [f for f in check(terms, parties=parties) if f.blocks]:
        raise NotReady(
            "agreements.not-ready",
            count=len(blocking),
            findings=[(f.code, f.place, f.field, f.value) for f in blocking],
        )


class Unsound(Refusal):
    """The partner's copy says what no copy may say; `findings` tells what."""

    sentence = _("The partner's copy breaks the network's rules in %(count)s points.")
    remedy = _("Tell the partner what has to be mended; a better copy is fetched by itself.")


# An agreement may begin empty, and one of version 6 with its fillers; neither is approved.
_BEARABLE = frozenset({"empty", "legacy"})


def unsound(received: ReceivedCopy, terms: Terms) -> list[Finding]:
    """What in the partner's terms the network's rules forbid. Source: EWP reference for agreements, 5.1."""
    parties = frozenset({received.institution.hei_id, received.partner.hei_id})
    found = check(terms, parties=parties)
    return [one for one in found if one.blocks and one.code not in _BEARABLE]


def require_sound(received: ReceivedCopy, terms: Terms) -> None:
    """Refuses terms that we could not serve ourselves without breaking the rules."""
    if found := unsound(received, terms):
        raise Unsound(
            "agreements.unsound",
            count=len(found),
            findings=[(f.code, f.place, f.field, f.value) for f in found],
        )


def good_copy(found: ReceivedCopy) -> Copy:
    """What the partner's copy says. Refuses while there is none that can be read."""
    said = found.current.copy if found.current else None
    if said is None or found.gone_at:
        raise WrongState(
            "agreements.no-good-copy",
            sentence=_("There is no readable copy of the partner at the moment."),
            remedy=_("Ask for it again, or ask the partner to mend it."),
        )
    return said


def require_free(found: ReceivedCopy) -> None:
    """Refuses when the copy is linked to an agreement already."""
    if found.agreement:
        raise LinkedElsewhere(
            "agreements.linked-elsewhere", iia_id=found.iia_id, other=found.agreement.code
        )


def require_same_copy(received: ReceivedCopy, digest: str) -> None:
    """Refuses when the partner's copy is no longer the one the actor has read."""
    if received.current is None or received.current.digest != digest:
        raise Stale(
            "agreements.partner-changed",
            sentence=_("The partner changed its copy after you opened it."),
            remedy=_("Read the new comparison and decide again."),
        )

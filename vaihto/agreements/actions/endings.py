"""Going back to what is in force, ending as a whole, and deleting what never was."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from vaihto.agreements.actions.approvals import take_back
from vaihto.agreements.actions.desk import (
    BoundForGood,
    WrongState,
    locked,
    note_down,
    require,
    require_alive,
    require_unused,
)
from vaihto.agreements.models import (
    Agreement,
    Revision,
)
from vaihto.agreements.serving import (
    COPY_CHANGED,
    add_revision,
    serve,
    settle,
    standing,
)
from vaihto.jobs.announcements import announce
from vaihto.journal.actors import Actor, May
from vaihto.wording import mark as _


@transaction.atomic
def revert(*, actor: Actor, agreement: Agreement, now: datetime) -> Agreement:
    """Our copy is again, byte for byte, what is in force (T10, T11); an approval of a newer copy is taken back with it.

    Whether the partner must approve once more follows from what it approved meanwhile.
    """
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    if agreement.mutual is None:
        raise WrongState("agreements.never-in-force")
    pair = agreement.mutual
    if agreement.given and agreement.given.digest != pair.given.digest:
        require(actor, May.AGREEMENTS_APPROVE, agreement)
        take_back(agreement, actor=actor, now=now)
    # The first document of a pair still says "not in effect yet"; the terms and ids are what is hashed.
    add = serve(
        agreement, pair.ours.copy.terms, actor=actor, now=now, cause=Revision.Cause.REVERTED
    )
    if agreement.current and agreement.current.digest != pair.ours.digest:
        add = add_revision(
            agreement,
            pair.ours.copy,
            bytes(pair.ours.document),
            pair.ours.digest,
            actor=actor,
            now=now,
            cause=Revision.Cause.REVERTED,
        )
    if add:
        note_down(actor, "revert", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def terminate(*, actor: Actor, agreement: Agreement, now: datetime, reason: str = "") -> Agreement:
    """Marks our copy as ended as a whole (T13, T14); it ends when both sides have approved such copies."""
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    if agreement.mutual is None or agreement.mutual.terminates:
        raise WrongState(
            "agreements.not-in-force",
            sentence=_("Only an agreement in force can be ended; a proposal is deleted."),
        )
    require_unused(agreement)
    terms = replace(agreement.terms, terminated="true")
    if terms.is_legacy:
        raise WrongState(
            "agreements.legacy",
            sentence=_(
                "Complete the fillers from the older version first; the ended copy is approved anew."
            ),
        )
    if serve(agreement, terms, actor=actor, now=now, cause=Revision.Cause.ENDED, note=reason):
        note_down(actor, "terminate", agreement, now, reason=reason)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def delete(*, actor: Actor, agreement: Agreement, now: datetime, reason: str = "") -> None:
    """Takes the agreement out of the network for good (T15); its id is never used again and its history stays here."""
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    if agreement.mutual:
        raise BoundForGood("agreements.bound")
    if standing(agreement).is_mutual:
        raise BoundForGood("agreements.bound")
    agreement.deleted_at = agreement.served_at = now
    agreement.save(update_fields=["deleted_at", "served_at"])
    for copy in agreement.copies.all():
        copy.agreement = None
        copy.save(update_fields=["agreement"])
    if agreement.shared_at:
        announce(COPY_CHANGED, agreement=agreement)
    note_down(actor, "delete", agreement, now, reason=reason)
    settle(agreement, actor=actor, now=now)

"""Approvals: ours of the partner's copy, and the partner's of ours. Proofs are added, never changed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from vaihto.agreements.actions.desk import (
    NotApprovable,
    WrongState,
    locked,
    note_down,
    require,
    require_same_copy,
    unsound,
)
from vaihto.agreements.comparison import Weight
from vaihto.agreements.models import (
    Agreement,
    Approval,
    Channel,
    ReceivedCopy,
    Side,
)
from vaihto.agreements.serving import (
    APPROVAL_CHANGED,
    compared,
    settle,
    standing,
)
from vaihto.jobs.announcements import announce
from vaihto.journal.actors import Actor, May
from vaihto.wording import mark as _


def obstacles(agreement: Agreement) -> list[str]:
    """Codes of what forbids approving the partner's copy now; empty when it may be approved.

    `not-shared`, `no-copy`, `gone`, `bad-copy`, `no-answer`, `not-mapped-by-us`, `not-mapped-by-partner`, `legacy`,
    `unsound`, `differs`, `approved` (already).
    """
    received = agreement.received_copy
    if agreement.deleted_at or not agreement.shared_at:
        return ["not-shared"]
    if received is None or received.current is None:
        return ["no-copy"]
    if received.gone_at:
        return ["gone"]
    if received.failure:
        return [_trouble(received)]
    now = standing(agreement)
    found = []
    if not now.names_theirs:
        found.append("not-mapped-by-us")
    if not now.names_ours:
        found.append("not-mapped-by-partner")
    said = received.current.copy
    if said and said.terms.is_legacy:
        found.append("legacy")
    elif said and unsound(received, said.terms):
        found.append("unsound")
    seen = compared(agreement)
    if seen and Weight.BLOCKS in seen.weights:
        found.append("differs")
    if now.approved_by_us:
        found.append("approved")
    return found


def heard(agreement: Agreement) -> None:
    """The partner's side has just been seen over its present channel: an earlier silence counts no more.

    A copy that could not be used, or one that vanished, goes on counting.
    """
    received = agreement.received_copy
    if received is not None and received.failure and _trouble(received) == "no-answer":
        ReceivedCopy.objects.filter(pk=received.pk).update(failure="")


def _trouble(received: ReceivedCopy) -> str:
    """Why the newest look at the partner's copy does not count."""
    if received.failure == "gone-in-force":
        return "gone"
    last = received.revisions.order_by("-number").first()
    return "bad-copy" if last is not None and not last.is_good else "no-answer"


@transaction.atomic
def approve(
    *,
    actor: Actor,
    agreement: Agreement,
    digest: str,
    now: datetime,
    mandate: str = "",
) -> Agreement:
    """We approve the partner's copy with this hash (T7); its exact bytes are kept with who approved, and as what.

    The caller has fetched the copy just before; `digest` is what the person saw. Raises `NotApprovable` with the
    obstacles' codes, `Stale` when the copy is another by now.
    """
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_APPROVE, agreement)
    received = agreement.received_copy
    if received is not None:
        require_same_copy(received, digest)
    if found := obstacles(agreement):
        raise NotApprovable("agreements.not-approvable", obstacles=found)
    if received is None or received.current is None:
        raise AssertionError("an approvable agreement without a copy")
    agreement.given = Approval.objects.create(
        agreement=agreement,
        side=Side.OURS,
        digest=digest,
        document=bytes(received.current.document),
        channel=received.current.channel,
        at=now,
        by=actor.label,
        mandate=mandate,
    )
    agreement.save(update_fields=["given"])
    announce(APPROVAL_CHANGED, agreement=agreement)
    note_down(actor, "approve", agreement, now, changes={"digest": ["", digest]})
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def withdraw_approval(*, actor: Actor, agreement: Agreement, now: datetime) -> Agreement:
    """Takes back an approval that did not become mutual (T12): what we said at the last pair holds again."""
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_APPROVE, agreement)
    if not take_back(agreement, actor=actor, now=now):
        raise WrongState(
            "agreements.nothing-to-withdraw",
            sentence=_("There is no approval of ours that could still be taken back."),
        )
    note_down(actor, "withdraw-approval", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


def take_back(agreement: Agreement, *, actor: Actor, now: datetime) -> bool:
    """What we approved at the last pair holds again; False when it does already."""
    before = agreement.mutual.given if agreement.mutual else None
    digest = before.digest if before else ""
    if agreement.given is None or agreement.given.digest == digest:
        return False
    agreement.given = Approval.objects.create(
        agreement=agreement,
        side=Side.OURS,
        digest=digest,
        document=bytes(before.document) if before else b"",
        channel=agreement.given.channel,
        withdraws=True,
        at=now,
        by=actor.label,
    )
    agreement.save(update_fields=["given"])
    announce(APPROVAL_CHANGED, agreement=agreement)
    return True


@transaction.atomic
def receive_approval(
    *,
    actor: Actor,
    agreement: Agreement,
    digest: str,
    proof: bytes,
    proof_type: str,
    channel: Channel,
    now: datetime,
    mandate: str = "",
    file_id: str = "",
) -> Agreement:
    """The partner says which version of our copy it has approved (T8), empty for none. Saying it again adds nothing.

    After a pair was in force an empty answer takes nothing away: the proof is kept and the office is told.
    """
    agreement = locked(agreement)
    last = agreement.taken
    if (last.digest if last else "") == digest:
        return agreement
    document = b""
    if digest:
        approved = agreement.revisions.filter(digest=digest).order_by("-number").first()
        document = bytes(approved.document) if approved else b""
    approval = Approval.objects.create(
        agreement=agreement,
        side=Side.PARTNER,
        digest=digest,
        document=document,
        proof=proof,
        proof_type=proof_type,
        channel=channel,
        withdraws=not digest,
        at=now,
        by=actor.label,
        mandate=mandate,
        file_id=file_id,
    )
    if digest or agreement.mutual is None:
        agreement.taken = approval
        agreement.save(update_fields=["taken"])
    note_down(actor, "receive-approval", agreement, now, changes={"digest": ["", digest]})
    settle(agreement, actor=actor, now=now)
    return agreement

"""Agreements by file: nothing goes by itself, an office hands over a spreadsheet or a paper.

A PDF that the partner signed counts as its approval once a second person, one who may approve, has looked at it.
"""

from __future__ import annotations

import json
from datetime import date, datetime

from django.db import transaction

from vaihto.agreements.actions import WrongState, receive_approval
from vaihto.agreements.attachments import attach
from vaihto.agreements.models import Agreement
from vaihto.agreements.models import Channel as Way
from vaihto.channels import theirs
from vaihto.channels.models import SignedPaper
from vaihto.channels.reaching import Look
from vaihto.institutions.models import Institution
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, ActorKind, May
from vaihto.refusals import Invalid, Refusal, Stale
from vaihto.wording import mark as _


class SecondPerson(Refusal):
    """Nobody confirms a paper that they brought themselves."""

    sentence = _("Whoever brought the paper cannot confirm it.")
    remedy = _("Ask a colleague who may approve agreements.")


class File:
    """Carries nothing by itself: people do."""

    def copy_changed(self, agreement: Agreement) -> None:
        """Nothing goes out by itself."""

    def approval_changed(self, agreement: Agreement) -> None:
        """Nothing goes out by itself."""

    def look(self, agreement: Agreement, *, actor: Actor, now: datetime) -> Look:
        """What was handed over is here."""
        return Look(fresh=True)


def reaches(institution: Institution, partner: Institution) -> bool:
    """Everybody who is not here can be handed a file."""
    return institution.hosted and not partner.hosted


def _note(actor: Actor, verb: str, paper: SignedPaper, now: datetime, *, reason: str = "") -> None:
    record(
        actor,
        f"channels.{verb}",
        paper.agreement,
        at=now,
        institution_id=paper.agreement.institution_id,
        changes={"signed_by": ["", f"{paper.signed_by} ({paper.mandate})"]},
        reason=reason,
    )


@transaction.atomic
def bring_signed(
    *,
    actor: Actor,
    agreement: Agreement,
    name: str,
    content: bytes,
    signed_by: str,
    mandate: str,
    signed_on: date,
    seen: str,
    now: datetime,
) -> SignedPaper:
    """Keeps a PDF in which the partner signed our copy with the hash `seen`; a second person has to confirm it."""
    agreement = theirs.locked(agreement)
    actor.require(May.AGREEMENTS_EDIT, agreement.institution_id, agreement.unit_id)
    if agreement.deleted_at or not agreement.shared_at or agreement.current is None:
        raise WrongState("agreements.not-shared")
    if agreement.current.digest != seen:
        raise Stale("agreements.stale", number=agreement.current.number)
    for field, said in (("signed_by", signed_by), ("mandate", mandate)):
        if not said.strip():
            raise Invalid(
                "file.who-signed",
                field=field,
                sentence=_("Say who signed for the partner, and as what."),
            )
    if signed_on > now.date():
        raise Invalid(
            "file.signed-later", field="signed_on", sentence=_("This day has not come yet.")
        )
    if agreement.signed_papers.filter(settled_at__isnull=True).exists():
        raise WrongState(
            "file.waits-already",
            sentence=_("Another signed paper of this agreement still waits to be confirmed."),
            remedy=_("Settle that one first."),
        )
    paper = SignedPaper.objects.create(
        agreement=agreement,
        attachment=attach(actor=actor, agreement=agreement, name=name, content=content, now=now),
        digest=seen,
        signed_by=" ".join(signed_by.split())[:200],
        mandate=" ".join(mandate.split())[:200],
        signed_on=signed_on,
        at=now,
        by=actor.label,
        account_id=actor.account_id,
    )
    _note(actor, "bring-signed", paper, now)
    return paper


def _waiting(paper: SignedPaper) -> SignedPaper:
    paper = (
        SignedPaper.objects.select_for_update(of=("self",))
        .select_related("attachment")
        .get(pk=paper.pk)
    )
    if paper.settled_at:
        raise WrongState("file.settled", sentence=_("Somebody has settled this paper already."))
    return paper


@transaction.atomic
def confirm_signed(*, actor: Actor, paper: SignedPaper, now: datetime) -> Agreement:
    """The paper says what our copy says, and who signed may do so: it is the partner's approval from now on.

    Refuses with `SecondPerson` to whoever brought it, and with `Stale` when our copy is another one by now.
    """
    agreement = theirs.locked(paper.agreement)
    actor.require(May.AGREEMENTS_APPROVE, agreement.institution_id, agreement.unit_id)
    paper = _waiting(paper)
    if (actor.account_id, actor.label) == (paper.account_id, paper.by):
        raise SecondPerson("file.second-person")
    if agreement.current is None or agreement.current.digest != paper.digest:
        raise Stale(
            "file.moved",
            sentence=_("Our copy was changed after this paper was signed."),
            remedy=_("Refuse the paper, and let the partner sign the present copy."),
        )
    partner = Actor(
        kind=ActorKind.PARTNER,
        label=f"{paper.signed_by}, {paper.mandate}, {agreement.partner.hei_id}"[:200],
    )
    agreement = theirs.agree(agreement, actor=partner, channel=Way.FILE, now=now)
    if agreement.current is None:
        raise AssertionError("a shared agreement without a copy")
    proof = {
        "signed by": paper.signed_by,
        "as": paper.mandate,
        "on": paper.signed_on.isoformat(),
        "brought by": paper.by,
        "confirmed by": actor.label,
        "file": {"name": paper.attachment.name, "sha256": paper.attachment.digest},
        "hash of the copy that was signed": paper.digest,
        "at": now.isoformat(),
    }
    receive_approval(
        actor=partner,
        agreement=agreement,
        digest=agreement.current.digest,
        proof=json.dumps(proof, ensure_ascii=False, indent=1).encode(),
        proof_type="application/json",
        channel=Way.FILE,
        now=now,
        mandate=paper.mandate,
        file_id=paper.attachment.digest,
    )
    _settle(actor, paper, now, confirmed=True)
    return theirs.locked(agreement)


@transaction.atomic
def refuse_signed(*, actor: Actor, paper: SignedPaper, reason: str, now: datetime) -> SignedPaper:
    """The paper is not the partner's approval; it stays among the files."""
    agreement = theirs.locked(paper.agreement)
    actor.require(May.AGREEMENTS_EDIT, agreement.institution_id, agreement.unit_id)
    paper = _waiting(paper)
    if not reason.strip():
        raise Invalid("file.reason", field="reason", sentence=_("Say why."))
    return _settle(actor, paper, now, confirmed=False, reason=reason.strip()[:500])


def _settle(
    actor: Actor, paper: SignedPaper, now: datetime, *, confirmed: bool, reason: str = ""
) -> SignedPaper:
    paper.settled_at, paper.settled_by = now, actor.label
    paper.confirmed, paper.reason = confirmed, reason
    paper.save(update_fields=["settled_at", "settled_by", "confirmed", "reason"])
    _note(actor, "confirm-signed" if confirmed else "refuse-signed", paper, now, reason=reason)
    return paper

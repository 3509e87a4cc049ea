"""Both universities on this installation: the same conversation without the wire.

What one side serves the other receives in the same transaction, through the same doors as from a partner's machine.
"""

from __future__ import annotations

from datetime import datetime

from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, ReceivedCopy
from vaihto.agreements.models import Channel as Way
from vaihto.channels.reaching import Look
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, ActorKind


def _partner(institution: Institution) -> Actor:
    return Actor(kind=ActorKind.PARTNER, label=institution.hei_id)


def reaches(institution: Institution, partner: Institution) -> bool:
    """Are both hosted here?"""
    return institution.hosted and partner.hosted


class Here:
    """Carries agreements between two institutions of this installation."""

    def copy_changed(self, agreement: Agreement) -> None:
        """The other side receives the copy as it now is, or finds it gone."""
        at = agreement.served_at
        if at is None or agreement.current is None:
            return
        who = _partner(agreement.institution)
        if agreement.deleted_at:
            known = ReceivedCopy.objects.filter(
                institution=agreement.partner,
                partner=agreement.institution,
                iia_id=agreement.iia_id,
            ).first()
            if known is not None:
                # No wire can have lost anything, so one look is as good as two.
                actions.miss_copy(actor=who, received=known, now=at, certain=True)
            return
        document = bytes(agreement.current.document)
        actions.receive_copy(
            actor=who,
            institution=agreement.partner,
            partner=agreement.institution,
            iia_id=agreement.iia_id,
            document=document,
            copy=form().read(document),
            digest=agreement.current.digest,
            published=agreement.current.digest,
            channel=Way.HERE,
            now=at,
            note=agreement.current.note,
        )

    def approval_changed(self, agreement: Agreement) -> None:
        """The other side learns what is approved of its copy."""
        theirs = (
            Agreement.objects.served()
            .filter(
                institution=agreement.partner,
                partner=agreement.institution,
                iia_id=agreement.partner_iia_id,
            )
            .first()
        )
        given = agreement.given
        if theirs is None or given is None:
            return
        actions.receive_approval(
            actor=_partner(agreement.institution),
            agreement=theirs,
            digest=given.digest,
            proof=bytes(given.document),
            proof_type="application/xml",
            channel=Way.HERE,
            now=given.at,
            mandate=given.mandate,
            file_id=given.file_id,
        )

    def look(self, agreement: Agreement, *, actor: Actor, now: datetime) -> Look:
        """Nothing can be late here."""
        return Look(fresh=True)

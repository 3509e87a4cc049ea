"""The partner's copy where no system of the partner writes it: what a guest, a file or a signed paper says.

It is written in the same form as every copy, from the partner's side, so that hashes, approvals and proofs are the
same as over EWP, and a partner may come over to EWP later without losing any of them.
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, Channel, ReceivedCopy, ReceivedRevision
from vaihto.agreements.serving import compared, standing
from vaihto.agreements.terms import Contact, Copy, Party, Terms
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor


def locked(agreement: Agreement) -> Agreement:
    """The agreement as the database has it now; others wait until we are done."""
    return (
        Agreement.objects.select_for_update(of=("self",))
        .select_related("institution", "partner", "unit", "current", "given", "taken", "mutual")
        .get(pk=agreement.pk)
    )


def say(
    agreement: Agreement,
    terms: Terms,
    *,
    actor: Actor,
    channel: Channel,
    now: datetime,
    contact: Contact | None = None,
    note: str = "",
) -> Agreement:
    """The partner's copy says this from now on; the same terms again change nothing.

    Terms that the partner's copy had before come back with the very bytes they had then, so that approvals of them
    hold again.
    """
    terms = terms.without_contacts().grouped()
    known = agreement.received_copy
    said = known.current.copy if known and known.current else None
    if said is not None and said.terms.without_contacts() == terms:
        return agreement
    iia_id = known.iia_id if known else agreement.partner_iia_id or f"{channel.value}-{uuid4()}"
    before = _said_before(known, terms)
    if before is not None:
        document, digest = bytes(before.document), before.digest
    else:
        unit = agreement.unit.ounit_id if agreement.unit else None
        document, digest = form().write(
            Copy(
                author=Party(
                    hei_id=agreement.partner.hei_id,
                    iia_id=iia_id,
                    code=agreement.partner_code or None,
                    unit=agreement.partner_unit or None,
                    contacts=(contact,) if contact else (),
                ),
                other=Party(
                    hei_id=agreement.institution.hei_id,
                    iia_id=agreement.iia_id,
                    code=agreement.code,
                    unit=unit,
                ),
                terms=terms,
                in_effect=agreement.mutual_id is not None,
            )
        )
    actions.receive_copy(
        actor=actor,
        institution=agreement.institution,
        partner=agreement.partner,
        iia_id=iia_id,
        document=document,
        copy=form().read(document),
        digest=digest,
        published=digest,
        channel=channel,
        now=now,
        note=note,
    )
    return locked(agreement)


def _said_before(known: ReceivedCopy | None, terms: Terms) -> ReceivedRevision | None:
    if known is None:
        return None
    good = ReceivedRevision.objects.filter(of=known, is_good=True).order_by("-number")[:200]
    for revision in good:
        said = revision.copy
        if said is not None and said.terms.without_contacts() == terms:
            return revision
    return None


def agree(
    agreement: Agreement,
    *,
    actor: Actor,
    channel: Channel,
    now: datetime,
    contact: Contact | None = None,
) -> Agreement:
    """The partner's copy says what ours says, unless we have approved it as it is and the two may stand so."""
    seen = compared(agreement)
    if seen is not None and seen.is_approvable and standing(agreement).approved_by_us:
        return agreement
    return say(agreement, agreement.terms, actor=actor, channel=channel, now=now, contact=contact)


def propose(
    *,
    institution: Institution,
    partner: Institution,
    terms: Terms,
    code: str,
    actor: Actor,
    channel: Channel,
    now: datetime,
) -> ReceivedCopy:
    """A proposal of the partner that answers no agreement of ours; it waits to be taken in."""
    iia_id = f"{channel.value}-{uuid4()}"
    document, digest = form().write(
        Copy(
            author=Party(hei_id=partner.hei_id, iia_id=iia_id, code=code or None),
            other=Party(hei_id=institution.hei_id),
            terms=terms.without_contacts().grouped(),
        )
    )
    return actions.receive_copy(
        actor=actor,
        institution=institution,
        partner=partner,
        iia_id=iia_id,
        document=document,
        copy=form().read(document),
        digest=digest,
        published=digest,
        channel=channel,
        now=now,
    )

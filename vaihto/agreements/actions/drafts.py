"""Our own copy: drafted, edited, proposed, and written about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from django.db import transaction

from vaihto.agreements.actions.desk import (
    WrongState,
    locked,
    note_down,
    require,
    require_alive,
    require_complete,
    require_fresh,
    require_same_copy,
)
from vaihto.agreements.models import (
    Agreement,
    AllianceAgreement,
    Programme,
    Remark,
    Revision,
    Side,
)
from vaihto.agreements.serving import (
    COPY_CHANGED,
    WRITTEN_TO_PARTNER,
    our_party,
    serve,
    settle,
)
from vaihto.agreements.terms import Condition, Contact, Terms, stored
from vaihto.institutions.models import Institution, Unit
from vaihto.jobs.announcements import announce
from vaihto.journal.actors import Actor, ActorKind, May
from vaihto.refusals import Invalid
from vaihto.wording import mark as _


def next_code(institution: Institution, *, today: date) -> str:
    """A code for a new agreement: first word of the hei id, year, running number."""
    start = f"{institution.hei_id.split('.')[0].upper()}-{today.year}-"
    used = Agreement.objects.filter(institution=institution, code__startswith=start)
    numbers = [
        int(code.removeprefix(start))
        for code in used.values_list("code", flat=True)
        if code.removeprefix(start).isdigit()
    ]
    return f"{start}{max(numbers, default=0) + 1:04d}"


@transaction.atomic
def create(
    *,
    actor: Actor,
    institution: Institution,
    partner: Institution,
    terms: Terms,
    now: datetime,
    programme: str = Programme.ERASMUS,
    code: str = "",
    unit: Unit | None = None,
    note: str = "",
    alliance_agreement: AllianceAgreement | None = None,
    is_trial: bool = False,
) -> Agreement:
    """A draft; only we know of it. Terms may be incomplete, they are checked when it is proposed."""
    actor.require(May.AGREEMENTS_EDIT, institution.pk, unit.pk if unit else None)
    if not institution.hosted:
        raise Invalid("agreements.not-hosted", field="institution")
    if institution.pk == partner.pk:
        raise Invalid(
            "agreements.with-itself",
            field="partner",
            sentence=_("An agreement needs two different institutions."),
        )
    code = code.strip() or next_code(institution, today=now.date())
    if Agreement.objects.filter(institution=institution, code=code).exists():
        raise Invalid(
            "agreements.code-taken",
            field="code",
            sentence=_("Another agreement already has the code %(taken)s."),
            taken=code,
        )
    agreement = Agreement.objects.create(
        institution=institution,
        partner=partner,
        unit=unit,
        programme=programme,
        code=code,
        note=note,
        alliance_agreement=alliance_agreement,
        is_trial=is_trial,
        created_at=now,
    )
    serve(agreement, terms, actor=actor, now=now, cause=Revision.Cause.CREATED)
    note_down(actor, "create", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def edit(
    *,
    actor: Actor,
    agreement: Agreement,
    terms: Terms,
    now: datetime,
    seen: int | None = None,
    note: str = "",
    cause: Revision.Cause = Revision.Cause.EDITED,
) -> Agreement:
    """Our copy says this from now on (T5). `seen` is the number of the revision the actor had read.

    What is in force stays in force until both sides approve the new copies; approvals are not taken back.
    A change of contacts alone is no change of what is agreed, and gives the turn to nobody.
    """
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    require_fresh(agreement, seen)
    is_same = terms.grouped().without_contacts() == agreement.terms.without_contacts()
    if is_same and cause is Revision.Cause.EDITED:
        cause = Revision.Cause.CONTACTS
    if agreement.shared_at:
        require_complete(agreement, terms)
    if serve(agreement, terms, actor=actor, now=now, cause=cause, note=note):
        note_down(actor, "edit", agreement, now, reason=note)
    settle(agreement, actor=actor, now=now)
    return agreement


_PARTICULARS = frozenset(
    {"signing_contact", "signing_date", "contacts", "note", "unit", "partner_unit", "programme"}
)


@transaction.atomic
def edit_particulars(
    *, actor: Actor, agreement: Agreement, now: datetime, **changed: Any
) -> Agreement:
    """Contacts, signing data, units, programme and our own note: nothing of it is approved by anybody.

    Takes names of `_PARTICULARS`; raises TypeError for any other.
    """
    if unknown := set(changed) - _PARTICULARS:
        raise TypeError(f"not particulars: {sorted(unknown)}")
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    for name, value in changed.items():
        setattr(agreement, name, value)
    agreement.save(update_fields=list(changed))
    serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.CONTACTS)
    note_down(actor, "edit-particulars", agreement, now, changes={name: [] for name in changed})
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def replace_contact(
    *,
    actor: Actor,
    agreement: Agreement,
    old: Callable[[Contact], bool],
    new: Contact | None,
    now: datetime,
) -> bool:
    """Another contact of ours in the place of one that left, wherever our copy names it; None names nobody there.

    Nothing of it is approved by anybody. False when the copy does not name the old one.
    """
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    party = our_party(agreement, agreement.institution.hei_id)

    def changed(contacts: tuple[Contact, ...]) -> tuple[Contact, ...]:
        found = [new if old(one) else one for one in contacts]
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def condition(one: Condition) -> Condition:
        if one.sending == party.hei_id:
            return replace(one, sending_contacts=changed(one.sending_contacts))
        return replace(one, receiving_contacts=changed(one.receiving_contacts))

    before = agreement.terms
    terms = replace(before, conditions=tuple(map(condition, before.conditions)))
    signing = changed((party.signing_contact,) if party.signing_contact else ())
    after = replace(
        party, contacts=changed(party.contacts), signing_contact=signing[0] if signing else None
    )
    if (after, terms) == (party, before):
        return False
    kept = stored(after)
    agreement.contacts, agreement.signing_contact = kept["contacts"], kept["signing_contact"]
    agreement.save(update_fields=["contacts", "signing_contact"])
    serve(agreement, terms, actor=actor, now=now, cause=Revision.Cause.CONTACTS)
    note_down(actor, "replace-contact", agreement, now, changes={"contacts": []})
    settle(agreement, actor=actor, now=now)
    return True


@transaction.atomic
def propose(*, actor: Actor, agreement: Agreement, now: datetime) -> Agreement:
    """Shows the draft to the partner (T1). Raises `NotReady` while the form is incomplete."""
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    if agreement.shared_at:
        return agreement
    require_complete(agreement, agreement.terms)
    agreement.shared_at = agreement.served_at = now
    agreement.save(update_fields=["shared_at", "served_at"])
    announce(COPY_CHANGED, agreement=agreement)
    note_down(actor, "propose", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def propose_again(
    *, actor: Actor, agreement: Agreement, now: datetime, digest: str, note: str = ""
) -> Agreement:
    """We stand by our copy after the partner changed its own (T6): the same bytes, told anew; it is its turn.

    `digest` is the hash of the partner's copy that the actor had read.
    """
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    received, ours = agreement.received_copy, agreement.current
    if received is None or ours is None or not agreement.shared_at:
        raise WrongState("agreements.not-linked")
    require_same_copy(received, digest)
    agreement.current = Revision.objects.create(
        agreement=agreement,
        number=ours.number + 1,
        cause=Revision.Cause.AGAIN,
        stored=ours.stored,
        document=bytes(ours.document),
        digest=ours.digest,
        made_at=now,
        made_by=actor.label,
        note=note,
    )
    agreement.save(update_fields=["current"])
    announce(COPY_CHANGED, agreement=agreement)
    note_down(actor, "propose-again", agreement, now, reason=note)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def remark(
    *,
    actor: Actor,
    agreement: Agreement,
    text: str,
    now: datetime,
    for_partner: bool = False,
    condition: int | None = None,
) -> Remark:
    """Writes a remark, for colleagues or for the partner too (where the channel can carry it)."""
    is_partner = actor.kind is ActorKind.PARTNER
    if not is_partner:
        require(actor, May.AGREEMENTS_EDIT, agreement)
    if not text.strip():
        raise Invalid("agreements.empty-remark", field="text", sentence=_("Write something."))
    written = Remark.objects.create(
        agreement=agreement,
        side=Side.PARTNER if is_partner else Side.OURS,
        by=actor.label,
        at=now,
        text=text.strip(),
        for_partner=for_partner or is_partner,
        condition=condition,
    )
    if for_partner and not is_partner and agreement.shared_at and not agreement.deleted_at:
        announce(WRITTEN_TO_PARTNER, agreement=agreement)
    note_down(actor, "remark", agreement, now)
    return written

"""Every verb of the conversation about an agreement, whatever the channel. Numbers T1–T17 are the reference's.

Partners' systems, guests, files and our own people come through the same doors. Each action locks the agreement,
journals one line, and ends in `serving.settle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from vaihto.agreements.checks import check
from vaihto.agreements.comparison import Weight
from vaihto.agreements.forms import uses
from vaihto.agreements.models import (
    Agreement,
    AllianceAgreement,
    Approval,
    Channel,
    Programme,
    ReceivedCopy,
    ReceivedRevision,
    Remark,
    Revision,
    Side,
)
from vaihto.agreements.serving import (
    APPROVAL_CHANGED,
    COPY_CHANGED,
    WRITTEN_TO_PARTNER,
    add_revision,
    compared,
    serve,
    settle,
    standing,
)
from vaihto.agreements.terms import Copy, Terms, stored
from vaihto.institutions.models import Institution, Unit
from vaihto.jobs.announcements import announce
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, ActorKind, May
from vaihto.refusals import Invalid, Refusal, Stale
from vaihto.wording import mark as _

# A partner's copy that cannot be found twice, this far apart, is gone (T16).
SECOND_LOOK_AFTER = timedelta(minutes=10)


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
        "%(count)s mobilities run or ran under this agreement, so it cannot be ended as a whole."
    )
    remedy = _("Shorten the last academic year instead and let both sides approve that.")


class WrongState(Refusal):
    """The deed does not fit where the conversation stands."""

    sentence = _("This is not possible in the present state of the agreement.")


class LinkedElsewhere(Refusal):
    """One copy of the partner belongs to one agreement only."""

    sentence = _("The partner's copy %(iia_id)s is already linked to agreement %(other)s.")
    remedy = _("Unlink it there first, if that was a mistake.")


def _locked(agreement: Agreement) -> Agreement:
    """The agreement as the database has it now, with what every action reads; others wait until we are done."""
    return Agreement.objects.whole().select_for_update(of=("self",)).get(pk=agreement.pk)


def _may(actor: Actor, may: May, agreement: Agreement) -> None:
    actor.require(may, agreement.institution_id, agreement.unit_id)


def _note(
    actor: Actor,
    verb: str,
    agreement: Agreement,
    now: datetime,
    *,
    reason: str = "",
    changes: Mapping[str, Any] | None = None,
) -> None:
    record(
        actor,
        f"agreements.{verb}",
        agreement,
        at=now,
        institution_id=agreement.institution_id,
        changes=changes,
        reason=reason,
    )


def _fresh(agreement: Agreement, seen: int | None) -> None:
    """Refuses when somebody changed our copy after the actor read revision `seen`."""
    if seen is not None and agreement.current and agreement.current.number != seen:
        raise Stale("agreements.stale", number=agreement.current.number)


def _alive(agreement: Agreement) -> None:
    if agreement.deleted_at:
        raise WrongState("agreements.deleted", sentence=_("This agreement has been deleted."))


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
        created_at=now,
    )
    serve(agreement, terms, actor=actor, now=now, cause=Revision.Cause.CREATED)
    _note(actor, "create", agreement, now)
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
    """
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    _alive(agreement)
    _fresh(agreement, seen)
    if agreement.shared_at:
        _complete(agreement, terms)
    if serve(agreement, terms, actor=actor, now=now, cause=cause, note=note):
        _note(actor, "edit", agreement, now, reason=note)
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
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    _alive(agreement)
    for name, value in changed.items():
        setattr(agreement, name, value)
    agreement.save(update_fields=list(changed))
    serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.CONTACTS)
    _note(actor, "edit-particulars", agreement, now, changes={name: [] for name in changed})
    settle(agreement, actor=actor, now=now)
    return agreement


def _complete(agreement: Agreement, terms: Terms) -> None:
    parties = frozenset({agreement.institution.hei_id, agreement.partner.hei_id})
    if blocking := [f for f in check(terms, parties=parties) if f.blocks]:
        raise NotReady(
            "agreements.not-ready",
            count=len(blocking),
            findings=[(f.code, f.place, f.field, f.value) for f in blocking],
        )


@transaction.atomic
def propose(*, actor: Actor, agreement: Agreement, now: datetime) -> Agreement:
    """Shows the draft to the partner (T1). Raises `NotReady` while the form is incomplete."""
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    _alive(agreement)
    if agreement.shared_at:
        return agreement
    _complete(agreement, agreement.terms)
    agreement.shared_at = agreement.served_at = now
    agreement.save(update_fields=["shared_at", "served_at"])
    announce(COPY_CHANGED, agreement=agreement)
    _note(actor, "propose", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def propose_again(
    *, actor: Actor, agreement: Agreement, now: datetime, digest: str, note: str = ""
) -> Agreement:
    """We stand by our copy after the partner changed its own (T6): the same bytes, told anew; it is its turn.

    `digest` is the hash of the partner's copy that the actor had read.
    """
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    _alive(agreement)
    received, ours = agreement.received_copy, agreement.current
    if received is None or ours is None or not agreement.shared_at:
        raise WrongState("agreements.not-linked")
    _same_copy(received, digest)
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
    _note(actor, "propose-again", agreement, now, reason=note)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def receive_copy(
    *,
    actor: Actor,
    institution: Institution,
    partner: Institution,
    iia_id: str,
    document: bytes,
    copy: Copy | None,
    digest: str,
    published: str,
    channel: Channel,
    now: datetime,
    problems: tuple[tuple[str, str], ...] = (),
    note: str = "",
) -> ReceivedCopy:
    """The partner's copy came (T2, T4, T6), good or bad; coming again changes nothing but the time it was confirmed.

    A bad one (`copy` is None, or its hash is not the published one) is kept for diagnosis; the last good one stays.
    """
    found, _created = ReceivedCopy.objects.select_for_update().get_or_create(
        institution=institution, partner=partner, iia_id=iia_id, defaults={"first_at": now}
    )
    is_good = copy is not None and digest == published and not problems
    last = found.revisions.order_by("-number").first()
    is_new = last is None or bytes(last.document) != document or last.is_good != is_good
    revision = last
    if is_new:
        revision = ReceivedRevision.objects.create(
            of=found,
            number=last.number + 1 if last else 1,
            channel=channel,
            stored=stored(copy) if copy else None,
            document=document,
            digest=digest,
            published=published,
            is_good=is_good,
            problems=[list(problem) for problem in problems]
            or ([["wrong-hash", published]] if copy and digest != published else []),
            came_at=now,
            note=note,
        )
    found.asked_at = now
    found.missed_at = found.gone_at = None
    if is_good:
        found.confirmed_at = now
        found.failure = ""
        found.current = revision
        if is_new:
            found.ignored_at = None  # something new was said, so it is looked at again
    elif revision and revision.problems:
        found.failure = revision.problems[0][0]
    found.save()
    if is_good and copy is not None:
        _follow_ids(found, copy, actor=actor, now=now)
    if is_new and found.agreement:
        agreement = _locked(found.agreement)
        _note(actor, "receive" if is_good else "receive-bad", agreement, now)
        settle(agreement, actor=actor, now=now)
    return found


def _follow_ids(found: ReceivedCopy, copy: Copy, *, actor: Actor, now: datetime) -> None:
    """Maps when the partner's copy names an agreement of ours that is free (T4); follows its code and unit."""
    if found.agreement is None and copy.other.iia_id:
        ours = Agreement.objects.filter(
            institution=found.institution,
            partner=found.partner,
            iia_id=copy.other.iia_id,
            shared_at__isnull=False,
            deleted_at__isnull=True,
        ).first()
        if (
            ours is not None
            and not ours.copies.exists()
            and ours.partner_iia_id in {"", found.iia_id}
        ):
            _map(ours, found, copy, actor=actor, now=now)
    elif found.agreement and (
        found.agreement.partner_code != (copy.author.code or "")
        or found.agreement.partner_unit != (copy.author.unit or "")
    ):
        agreement = _locked(found.agreement)
        agreement.partner_code = (copy.author.code or "")[:200]
        agreement.partner_unit = (copy.author.unit or "")[:64]
        agreement.save(update_fields=["partner_code", "partner_unit"])
        serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.CONTACTS)


def _map(
    agreement: Agreement, found: ReceivedCopy, copy: Copy, *, actor: Actor, now: datetime
) -> None:
    agreement = _locked(agreement)
    found.agreement = agreement
    found.save(update_fields=["agreement"])
    agreement.partner_iia_id = found.iia_id
    agreement.partner_code = (copy.author.code or "")[:200]
    agreement.partner_unit = (copy.author.unit or "")[:64]
    agreement.save(update_fields=["partner_iia_id", "partner_code", "partner_unit"])
    serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.MAPPED)
    _note(actor, "map", agreement, now, changes={"partner_iia_id": ["", found.iia_id]})
    settle(agreement, actor=actor, now=now)


def _good(found: ReceivedCopy) -> Copy:
    said = found.current.copy if found.current else None
    if said is None or found.gone_at:
        raise WrongState(
            "agreements.no-good-copy",
            sentence=_("There is no readable copy of the partner at the moment."),
            remedy=_("Ask for it again, or ask the partner to mend it."),
        )
    return said


def _free(found: ReceivedCopy) -> None:
    if found.agreement:
        raise LinkedElsewhere(
            "agreements.linked-elsewhere", iia_id=found.iia_id, other=found.agreement.code
        )


@transaction.atomic
def take_in(
    *,
    actor: Actor,
    received: ReceivedCopy,
    now: datetime,
    programme: str = Programme.ERASMUS,
    code: str = "",
    unit: Unit | None = None,
) -> Agreement:
    """An agreement of ours with exactly the partner's terms, order and spelling (T3), shown to the partner at once."""
    received = (
        ReceivedCopy.objects.select_for_update(of=("self",))
        .select_related("institution", "partner", "agreement", "current")
        .get(pk=received.pk)
    )
    actor.require(May.AGREEMENTS_EDIT, received.institution_id, unit.pk if unit else None)
    _free(received)
    copy = _good(received)
    agreement = Agreement.objects.create(
        institution=received.institution,
        partner=received.partner,
        unit=unit,
        programme=programme,
        code=code.strip() or next_code(received.institution, today=now.date()),
        partner_iia_id=received.iia_id,
        partner_code=(copy.author.code or "")[:200],
        partner_unit=(copy.author.unit or "")[:64],
        created_at=now,
        shared_at=now,
    )
    received.agreement = agreement
    received.ignored_at = None
    received.save(update_fields=["agreement", "ignored_at"])
    serve(
        agreement,
        copy.terms.without_contacts(),
        actor=actor,
        now=now,
        cause=Revision.Cause.TAKEN,
    )
    _note(actor, "take-in", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def link(*, actor: Actor, received: ReceivedCopy, agreement: Agreement, now: datetime) -> Agreement:
    """Says that the partner's copy and our agreement are the same one (T3); our copy names the partner's id."""
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    _alive(agreement)
    _free(received)
    copy = _good(received)
    if (received.institution_id, received.partner_id) != (
        agreement.institution_id,
        agreement.partner_id,
    ):
        raise Invalid("agreements.other-partner", field="agreement")
    if agreement.copies.filter(gone_at__isnull=True).exists():
        raise WrongState(
            "agreements.already-linked",
            sentence=_("This agreement is already linked to a copy of the partner."),
        )
    if not agreement.shared_at:
        _complete(agreement, agreement.terms)
        agreement.shared_at = now
        agreement.save(update_fields=["shared_at"])
    _map(agreement, received, copy, actor=actor, now=now)
    agreement.refresh_from_db()
    return agreement


@transaction.atomic
def link_instead(
    *, actor: Actor, received: ReceivedCopy, agreement: Agreement, now: datetime
) -> Agreement:
    """The partner keeps its copy under another id from now on, as when a guest's university joins the network.

    The earlier copy is gone but stays linked, so that everything approved under its id can still be proved; what is
    in force stays so until both sides approve the new pair.
    """
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    _alive(agreement)
    before = agreement.received_copy
    _free(received)
    _good(received)
    if (received.institution_id, received.partner_id) != (
        agreement.institution_id,
        agreement.partner_id,
    ):
        raise Invalid("agreements.other-partner", field="agreement")
    if before is not None:
        before.gone_at = now
        before.save(update_fields=["gone_at"])
        _note(
            actor,
            "supersede-copy",
            agreement,
            now,
            changes={"partner_iia_id": [before.iia_id, received.iia_id]},
        )
    return link(actor=actor, received=received, agreement=agreement, now=now)


@transaction.atomic
def unlink(*, actor: Actor, agreement: Agreement, now: datetime, reason: str) -> Agreement:
    """Undoes a wrong link. After an agreement was in force this needs a reason, which is journaled."""
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    copy = agreement.received_copy
    if copy is None:
        raise WrongState("agreements.not-linked")
    if agreement.mutual and not reason.strip():
        raise Invalid(
            "agreements.reason-needed",
            field="reason",
            sentence=_("Say why: this agreement was in force."),
        )
    copy.agreement = None
    copy.save(update_fields=["agreement"])
    agreement.partner_iia_id = agreement.partner_code = agreement.partner_unit = ""
    agreement.save(update_fields=["partner_iia_id", "partner_code", "partner_unit"])
    serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.MAPPED)
    _note(actor, "unlink", agreement, now, reason=reason)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def ignore(*, actor: Actor, received: ReceivedCopy, now: datetime, ignored: bool = True) -> None:
    """Sets a proposal aside, or brings it back; the partner is told nothing, for there is no such message."""
    actor.require(May.AGREEMENTS_EDIT, received.institution_id)
    _free(received)
    received.ignored_at = now if ignored else None
    received.save(update_fields=["ignored_at"])
    record(
        actor,
        "agreements.ignore" if ignored else "agreements.look-again",
        received,
        at=now,
        institution_id=received.institution_id,
    )


@transaction.atomic
def take_theirs(
    *,
    actor: Actor,
    agreement: Agreement,
    now: datetime,
    digest: str,
    places: frozenset[int] | None = None,
    seen: int | None = None,
) -> Agreement:
    """Our copy says what the partner's says, spelling and order included.

    With `places` (of the partner's conditions, counted from 0) only those are taken over, each in the place of the
    condition of ours that answers it. `digest` is the hash of the partner's copy that the actor had read.
    """
    agreement = _locked(agreement)
    received = agreement.received_copy
    if received is None:
        raise WrongState("agreements.not-linked")
    theirs = _good(received)
    _same_copy(received, digest)
    if places is None:
        terms = theirs.terms.without_contacts()
    else:
        terms = _with_taken(agreement, places)
    return edit(
        actor=actor,
        agreement=agreement,
        terms=terms,
        now=now,
        seen=seen,
        cause=Revision.Cause.TAKEN,
    )


def _with_taken(agreement: Agreement, places: frozenset[int]) -> Terms:
    seen = compared(agreement)
    if seen is None:
        raise WrongState("agreements.not-linked")
    kept = []
    for pair in seen.pairs:
        takes = pair.theirs_at is not None and pair.theirs_at in places
        chosen = pair.theirs if takes else pair.ours
        if chosen is not None:
            kept.append(chosen)
    return replace(agreement.terms.grouped(), conditions=tuple(kept))


def _same_copy(received: ReceivedCopy, digest: str) -> None:
    """Refuses when the partner's copy is no longer the one the actor has read."""
    if received.current is None or received.current.digest != digest:
        raise Stale(
            "agreements.partner-changed",
            sentence=_("The partner changed its copy after you opened it."),
            remedy=_("Read the new comparison and decide again."),
        )


def obstacles(agreement: Agreement) -> list[str]:
    """Codes of what forbids approving the partner's copy now; empty when it may be approved.

    `not-shared`, `no-copy`, `gone`, `bad-copy`, `not-mapped-by-us`, `not-mapped-by-partner`, `legacy`, `differs`,
    `approved` (already).
    """
    received = agreement.received_copy
    if agreement.deleted_at or not agreement.shared_at:
        return ["not-shared"]
    if received is None or received.current is None:
        return ["no-copy"]
    if received.gone_at:
        return ["gone"]
    if received.failure:
        return ["bad-copy"]
    now = standing(agreement)
    found = []
    if not now.names_theirs:
        found.append("not-mapped-by-us")
    if not now.names_ours:
        found.append("not-mapped-by-partner")
    said = received.current.copy
    if said and said.terms.is_legacy:
        found.append("legacy")
    seen = compared(agreement)
    if seen and Weight.BLOCKS in seen.weights:
        found.append("differs")
    if now.approved_by_us:
        found.append("approved")
    return found


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
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_APPROVE, agreement)
    received = agreement.received_copy
    if received is not None:
        _same_copy(received, digest)
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
    _note(actor, "approve", agreement, now, changes={"digest": ["", digest]})
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def withdraw_approval(*, actor: Actor, agreement: Agreement, now: datetime) -> Agreement:
    """Takes back an approval that did not become mutual (T12): what we said at the last pair holds again."""
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_APPROVE, agreement)
    if not _withdraw(agreement, actor=actor, now=now):
        raise WrongState(
            "agreements.nothing-to-withdraw",
            sentence=_("There is no approval of ours that could still be taken back."),
        )
    _note(actor, "withdraw-approval", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


def _withdraw(agreement: Agreement, *, actor: Actor, now: datetime) -> bool:
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
    agreement = _locked(agreement)
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
    _note(actor, "receive-approval", agreement, now, changes={"digest": ["", digest]})
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def revert(*, actor: Actor, agreement: Agreement, now: datetime) -> Agreement:
    """Our copy is again, byte for byte, what is in force (T10, T11); an approval of a newer copy is taken back with it.

    Whether the partner must approve once more follows from what it approved meanwhile.
    """
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    if agreement.mutual is None:
        raise WrongState("agreements.never-in-force")
    pair = agreement.mutual
    if agreement.given and agreement.given.digest != pair.given.digest:
        _may(actor, May.AGREEMENTS_APPROVE, agreement)
        _withdraw(agreement, actor=actor, now=now)
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
        _note(actor, "revert", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def terminate(*, actor: Actor, agreement: Agreement, now: datetime, reason: str = "") -> Agreement:
    """Marks our copy as ended as a whole (T13, T14); it ends when both sides have approved such copies."""
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    if agreement.mutual is None or agreement.mutual.terminates:
        raise WrongState(
            "agreements.not-in-force",
            sentence=_("Only an agreement in force can be ended; a proposal is deleted."),
        )
    if count := uses(agreement):
        raise InUse("agreements.in-use", count=count)
    terms = replace(agreement.terms, terminated="true")
    if terms.is_legacy:
        raise WrongState(
            "agreements.legacy",
            sentence=_(
                "Complete the fillers from the older version first; the ended copy is approved anew."
            ),
        )
    if serve(agreement, terms, actor=actor, now=now, cause=Revision.Cause.ENDED, note=reason):
        _note(actor, "terminate", agreement, now, reason=reason)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def delete(*, actor: Actor, agreement: Agreement, now: datetime, reason: str = "") -> None:
    """Takes the agreement out of the network for good (T15); its id is never used again and its history stays here."""
    agreement = _locked(agreement)
    _may(actor, May.AGREEMENTS_EDIT, agreement)
    _alive(agreement)
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
    _note(actor, "delete", agreement, now, reason=reason)
    settle(agreement, actor=actor, now=now)


@transaction.atomic
def miss_copy(
    *, actor: Actor, received: ReceivedCopy, now: datetime, certain: bool = False
) -> ReceivedCopy:
    """The partner no longer serves its copy (T16, T17). Believed at a second look; never after it was in force.

    `certain`: a channel that cannot err says so, and no second look is needed.
    """
    received = (
        ReceivedCopy.objects.select_for_update(of=("self",))
        .select_related("agreement")
        .get(pk=received.pk)
    )
    received.asked_at = now
    if received.gone_at:
        received.save(update_fields=["asked_at"])
        return received
    agreement = _locked(received.agreement) if received.agreement else None
    is_second = certain or (
        received.missed_at is not None and now - received.missed_at >= SECOND_LOOK_AFTER
    )
    if not is_second or (agreement and agreement.mutual):
        if received.missed_at is None:
            received.missed_at = now
            if agreement and agreement.mutual:
                received.failure = "gone-in-force"
                _note(actor, "miss-copy-in-force", agreement, now)
        received.save(update_fields=["asked_at", "missed_at", "failure"])
        return received
    received.gone_at = now
    received.agreement = None
    received.save(update_fields=["asked_at", "gone_at", "agreement"])
    if agreement:
        agreement.partner_iia_id = agreement.partner_code = agreement.partner_unit = ""
        agreement.save(update_fields=["partner_iia_id", "partner_code", "partner_unit"])
        _withdraw(agreement, actor=actor, now=now)
        serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.MAPPED)
        _note(actor, "partner-deleted", agreement, now)
        settle(agreement, actor=actor, now=now)
    return received


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
        _may(actor, May.AGREEMENTS_EDIT, agreement)
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
    _note(actor, "remark", agreement, now)
    return written

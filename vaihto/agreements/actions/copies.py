"""The partner's copy: received, taken in, linked to ours, taken over, and missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from vaihto.agreements.actions.approvals import take_back
from vaihto.agreements.actions.desk import (
    WrongState,
    good_copy,
    locked,
    note_down,
    require,
    require_alive,
    require_complete,
    require_free,
    require_same_copy,
    require_sound,
    require_unused,
)
from vaihto.agreements.actions.drafts import edit, next_code
from vaihto.agreements.models import (
    Agreement,
    Channel,
    Programme,
    ReceivedCopy,
    ReceivedRevision,
    Revision,
)
from vaihto.agreements.serving import (
    compared,
    serve,
    settle,
)
from vaihto.agreements.terms import Copy, Terms, stored
from vaihto.institutions.models import Institution, Unit
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Invalid
from vaihto.wording import mark as _

# A partner's copy that cannot be found twice, this far apart, is gone (T16).
SECOND_LOOK_AFTER = timedelta(minutes=10)


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
    published = published[:64]  # longer is none of the network's
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
    found.missed_at = None
    if is_good and not _is_superseded(found):
        found.gone_at = None
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
        agreement = locked(found.agreement)
        note_down(actor, "receive" if is_good else "receive-bad", agreement, now)
        settle(agreement, actor=actor, now=now)
    return found


def _is_superseded(found: ReceivedCopy) -> bool:
    """Does the partner keep the agreement under another id by now? Then this copy is history (see `link_instead`)."""
    return (
        found.agreement is not None
        and found.agreement.copies.filter(gone_at__isnull=True).exclude(pk=found.pk).exists()
    )


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
    elif (
        found.agreement
        and not found.gone_at
        and (
            found.agreement.partner_code != (copy.author.code or "")[:200]
            or found.agreement.partner_unit != (copy.author.unit or "")[:64]
        )
    ):
        agreement = locked(found.agreement)
        agreement.partner_code = (copy.author.code or "")[:200]
        agreement.partner_unit = (copy.author.unit or "")[:64]
        agreement.save(update_fields=["partner_code", "partner_unit"])
        serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.CONTACTS)


def _map(
    agreement: Agreement, found: ReceivedCopy, copy: Copy, *, actor: Actor, now: datetime
) -> None:
    agreement = locked(agreement)
    found.agreement = agreement
    found.save(update_fields=["agreement"])
    agreement.partner_iia_id = found.iia_id
    agreement.partner_code = (copy.author.code or "")[:200]
    agreement.partner_unit = (copy.author.unit or "")[:64]
    agreement.save(update_fields=["partner_iia_id", "partner_code", "partner_unit"])
    serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.MAPPED)
    note_down(actor, "map", agreement, now, changes={"partner_iia_id": ["", found.iia_id]})
    settle(agreement, actor=actor, now=now)


@transaction.atomic
def take_in(
    *,
    actor: Actor,
    received: ReceivedCopy,
    now: datetime,
    programme: str = Programme.ERASMUS,
    code: str = "",
    unit: Unit | None = None,
    is_trial: bool = False,
) -> Agreement:
    """An agreement of ours with exactly the partner's terms, order and spelling (T3), shown to the partner at once."""
    received = (
        ReceivedCopy.objects.select_for_update(of=("self",))
        .select_related("institution", "partner", "agreement", "current")
        .get(pk=received.pk)
    )
    actor.require(May.AGREEMENTS_EDIT, received.institution_id, unit.pk if unit else None)
    require_free(received)
    copy = good_copy(received)
    require_sound(received, copy.terms)
    agreement = Agreement.objects.create(
        institution=received.institution,
        partner=received.partner,
        unit=unit,
        programme=programme,
        code=code.strip() or next_code(received.institution, today=now.date()),
        partner_iia_id=received.iia_id,
        partner_code=(copy.author.code or "")[:200],
        partner_unit=(copy.author.unit or "")[:64],
        is_trial=is_trial,
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
    note_down(actor, "take-in", agreement, now)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def link(*, actor: Actor, received: ReceivedCopy, agreement: Agreement, now: datetime) -> Agreement:
    """Says that the partner's copy and our agreement are the same one (T3); our copy names the partner's id."""
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    require_free(received)
    copy = good_copy(received)
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
        require_complete(agreement, agreement.terms)
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
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    before = agreement.received_copy
    require_free(received)
    good_copy(received)
    if (received.institution_id, received.partner_id) != (
        agreement.institution_id,
        agreement.partner_id,
    ):
        raise Invalid("agreements.other-partner", field="agreement")
    if before is not None:
        before.gone_at = now
        before.save(update_fields=["gone_at"])
        note_down(
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
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
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
    note_down(actor, "unlink", agreement, now, reason=reason)
    settle(agreement, actor=actor, now=now)
    return agreement


@transaction.atomic
def ignore(*, actor: Actor, received: ReceivedCopy, now: datetime, ignored: bool = True) -> None:
    """Sets a proposal aside, or brings it back; the partner is told nothing, for there is no such message."""
    actor.require(May.AGREEMENTS_EDIT, received.institution_id)
    require_free(received)
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
    agreement = locked(agreement)
    received = agreement.received_copy
    if received is None:
        raise WrongState("agreements.not-linked")
    theirs = good_copy(received)
    require_same_copy(received, digest)
    if places is None:
        terms = theirs.terms.without_contacts()
    else:
        terms = _with_taken(agreement, places)
    if terms.is_terminated and not agreement.terms.is_terminated:
        require_unused(agreement)
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
    agreement = locked(received.agreement) if received.agreement else None
    is_second = certain or (
        received.missed_at is not None and now - received.missed_at >= SECOND_LOOK_AFTER
    )
    if not is_second or (agreement and agreement.mutual):
        if received.missed_at is None:
            received.missed_at = now
            if agreement and agreement.mutual:
                received.failure = "gone-in-force"
                note_down(actor, "miss-copy-in-force", agreement, now)
        received.save(update_fields=["asked_at", "missed_at", "failure"])
        return received
    received.gone_at = now
    received.agreement = None
    received.save(update_fields=["asked_at", "gone_at", "agreement"])
    if agreement:
        agreement.partner_iia_id = agreement.partner_code = agreement.partner_unit = ""
        agreement.save(update_fields=["partner_iia_id", "partner_code", "partner_unit"])
        take_back(agreement, actor=actor, now=now)
        serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.MAPPED)
        note_down(actor, "partner-deleted", agreement, now)
        settle(agreement, actor=actor, now=now)
    return received

"""What follows from every change: the copy served anew, the pair in force, the columns of lists, the places.

Every action ends in `settle`. It alone makes revisions and pairs and announces, so that nothing is told to a partner
whose bytes have not changed, and nothing that changed stays untold.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Max

from vaihto.agreements.comparison import Comparison, compare
from vaihto.agreements.forms import form
from vaihto.agreements.models import (
    Agreement,
    Pair,
    Place,
    ReceivedRevision,
    Revision,
    standing_of,
)
from vaihto.agreements.standing import Standing, Turn
from vaihto.agreements.terms import Copy, Party, Terms, read_number, read_party, stored
from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import Announcement, announce
from vaihto.journal.actors import Actor

# What the partner gets for our id changed, appeared or vanished.
COPY_CHANGED = Announcement("agreements.copy-changed", fields=("agreement",))
# What we say about the approval of the partner's copy changed.
APPROVAL_CHANGED = Announcement("agreements.approval-changed", fields=("agreement",))
# Somebody has to do something: the turn went to another side, or to another deed.
TURN_CHANGED = Announcement("agreements.turn-changed", fields=("agreement",))
# We wrote a remark that the partner may read; not every channel can carry it.
WRITTEN_TO_PARTNER = Announcement("agreements.written-to-partner", fields=("agreement",))
CAME_INTO_FORCE = Announcement("agreements.came-into-force", fields=("agreement",))

# Days a side has for its turn before it is reminded; an office answers within a month in common practice.
DAYS_TO_ANSWER = 30

_CONTENT = {
    Revision.Cause.CREATED,
    Revision.Cause.EDITED,
    Revision.Cause.TAKEN,
    Revision.Cause.REVERTED,
    Revision.Cause.ENDED,
    Revision.Cause.AGAIN,
}


def our_party(agreement: Agreement, hei_id: str) -> Party:
    """Our side as our copy names it."""
    return read_party(
        {
            "hei_id": hei_id,
            "iia_id": agreement.iia_id,
            "code": agreement.code,
            "unit": agreement.unit.ounit_id if agreement.unit else None,
            "signing_contact": agreement.signing_contact,
            "signing_date": agreement.signing_date.isoformat() if agreement.signing_date else None,
            "contacts": agreement.contacts,
        }
    )


def as_served(agreement: Agreement, terms: Terms) -> Copy:
    """Our copy with these terms, as the partner gets it."""
    return Copy(
        author=our_party(agreement, agreement.institution.hei_id),
        other=Party(
            hei_id=agreement.partner.hei_id,
            iia_id=agreement.partner_iia_id or None,
            code=agreement.partner_code or None,
            unit=agreement.partner_unit or None,
        ),
        terms=terms.grouped(),
        in_effect=agreement.mutual_id is not None,
    )


def serve(
    agreement: Agreement,
    terms: Terms,
    *,
    actor: Actor,
    now: datetime,
    cause: Revision.Cause,
    note: str = "",
) -> bool:
    """Writes our copy anew; False when the bytes are what they were. Announces when a partner can see it."""
    copy = as_served(agreement, terms)
    document, digest = form().write(copy)
    return add_revision(
        agreement, copy, document, digest, actor=actor, now=now, cause=cause, note=note
    )


def add_revision(
    agreement: Agreement,
    copy: Copy,
    document: bytes,
    digest: str,
    *,
    actor: Actor,
    now: datetime,
    cause: Revision.Cause,
    note: str = "",
) -> bool:
    """Makes these bytes what we serve; False when they already are."""
    if agreement.current and bytes(agreement.current.document) == document:
        return False
    last = agreement.revisions.aggregate(last=Max("number"))["last"] or 0
    agreement.current = Revision.objects.create(
        agreement=agreement,
        number=last + 1,
        cause=cause,
        stored=stored(copy),
        document=document,
        digest=digest,
        made_at=now,
        made_by=actor.label,
        note=note,
    )
    agreement.served_at = now
    agreement.save(update_fields=["current", "served_at"])
    if agreement.shared_at and not agreement.deleted_at:
        announce(COPY_CHANGED, agreement=agreement)
    return True


def compared(agreement: Agreement) -> Comparison | None:
    """Our copy beside the partner's; None while either is missing."""
    copy = agreement.received_copy
    theirs = copy.current.copy if copy and copy.current else None
    if theirs is None or agreement.current is None:
        return None
    return compare(agreement.current.copy.terms, theirs.terms)


def _partner_changed_at(agreement: Agreement) -> datetime | None:
    """When the partner's terms (not its ids or contacts) last changed."""
    copy = agreement.received_copy
    if copy is None:
        return None
    before: Terms | None = None
    changed: datetime | None = None
    revisions = ReceivedRevision.objects.filter(of=copy, is_good=True).order_by("number")
    for revision in revisions:
        said = revision.copy
        terms = said.terms.without_contacts() if said else None
        if terms != before:
            before, changed = terms, revision.came_at
    return changed


def _we_changed_at(agreement: Agreement) -> datetime | None:
    return agreement.revisions.filter(cause__in=_CONTENT).aggregate(at=Max("made_at"))["at"]


def _approved(agreement: Agreement) -> tuple[Revision, ReceivedRevision] | None:
    """Our revision that the partner approved last, and the partner's that we did; None while one is not known."""
    if not (agreement.given and agreement.taken and agreement.given.digest):
        return None
    ours = agreement.revisions.filter(digest=agreement.taken.digest).order_by("number").last()
    theirs = (
        ReceivedRevision.objects.filter(
            of__agreement=agreement, digest=agreement.given.digest, is_good=True
        )
        .order_by("number")
        .last()
    )
    return (ours, theirs) if ours and theirs else None


def _approved_agree(agreement: Agreement) -> bool:
    found = _approved(agreement)
    theirs = found[1].copy if found else None
    if found is None or theirs is None:
        return False
    if found[0].copy.other.iia_id != found[1].of.iia_id:
        return False  # an approval given while the partner's copy had another id
    return compare(found[0].copy.terms, theirs.terms).is_approvable


def standing(agreement: Agreement) -> Standing:
    """Where the conversation stands, from the items themselves."""
    seen = compared(agreement)
    equivalent = seen.is_equivalent if seen else False
    ours, theirs = None, None
    if seen and not equivalent:
        ours, theirs = _we_changed_at(agreement), _partner_changed_at(agreement)
    return standing_of(
        agreement,
        equivalent=equivalent,
        approved_agree=_approved_agree(agreement),
        last_edit_ours=theirs is None or (ours is not None and ours >= theirs),
    )


def settle(agreement: Agreement, *, actor: Actor, now: datetime) -> Standing:
    """Draws the consequences of a change; every action ends here.

    A pair that both sides have approved becomes what binds. The first pair makes our copy say that it is or was in
    effect, which the partner is told; that is no part of the hash and needs no new approval.
    """
    _read_again(agreement)
    found = standing(agreement)
    if found.binds_anew:
        _come_into_force(agreement, actor=actor, now=now)
        _read_again(agreement)
        found = standing(agreement)
    _list(agreement, found, now=now)
    list_places(agreement)
    return found


def _read_again(agreement: Agreement) -> None:
    """What the database has now: announcing may have come back to this very agreement, where both sides live here.

    The two institutions and the unit stay as they were read; they are no part of the conversation.
    """
    kept = agreement._state.fields_cache
    fresh = Agreement.objects.conversation().get(pk=agreement.pk)
    agreement.__dict__.update(fresh.__dict__)
    for name in ("institution", "partner", "unit"):
        if name in kept:
            agreement._state.fields_cache[name] = kept[name]


def _come_into_force(agreement: Agreement, *, actor: Actor, now: datetime) -> None:
    approved = _approved(agreement)
    if approved is None or agreement.given is None or agreement.taken is None:
        raise AssertionError("a mutual approval without its proofs")
    ours, theirs = approved
    said = theirs.copy
    is_first = agreement.mutual is None
    agreement.mutual = Pair.objects.create(
        agreement=agreement,
        ours=ours,
        theirs=theirs,
        given=agreement.given,
        taken=agreement.taken,
        terminates=ours.copy.terms.is_terminated and bool(said and said.terms.is_terminated),
        at=now,
    )
    agreement.save(update_fields=["mutual"])
    if is_first:
        serve(agreement, agreement.terms, actor=actor, now=now, cause=Revision.Cause.IN_FORCE)
    announce(CAME_INTO_FORCE, agreement=agreement)


def _list(agreement: Agreement, found: Standing, *, now: datetime) -> None:
    turn, deed = found.next
    moved = (agreement.listed_turn, agreement.listed_next) != (turn.value, deed.value)
    agreement.listed_state = found.state.value
    agreement.listed_turn, agreement.listed_next = turn.value, deed.value
    if moved or agreement.turn_since is None:
        agreement.turn_since = now
        agreement.turn_until = (
            None if turn is Turn.NOBODY else now.date() + timedelta(days=DAYS_TO_ANSWER)
        )
    years = [c.years for c in agreement.terms.conditions if c.years]
    agreement.first_year = min((span[0] for span in years), default=None)
    agreement.last_year = max((span[-1] for span in years), default=None)
    agreement.save(
        update_fields=[
            "listed_state",
            "listed_turn",
            "listed_next",
            "turn_since",
            "turn_until",
            "first_year",
            "last_year",
        ]
    )
    if moved:
        announce(TURN_CHANGED, agreement=agreement)


def binding_terms(agreement: Agreement) -> Terms | None:
    """What binds now: the terms of the last pair; None when nothing does, also after an ending."""
    if agreement.mutual is None or agreement.mutual.terminates:
        return None
    return agreement.mutual.ours.copy.terms


def list_places(agreement: Agreement) -> None:
    """Takes the binding terms (else the served ones) apart into `Place` rows, where they are others than before."""
    of = f"{agreement.mutual_id}:{agreement.current_id}:{bool(agreement.deleted_at)}"
    if agreement.listed_of == of:
        return
    agreement.listed_of = of
    agreement.save(update_fields=["listed_of"])
    binding = binding_terms(agreement)
    over = agreement.deleted_at or (agreement.mutual and agreement.mutual.terminates)
    terms = Terms() if over else binding or agreement.terms
    sides: dict[str, Institution] = {
        one.hei_id: one for one in (agreement.institution, agreement.partner)
    }
    places = [
        Place(
            agreement=agreement,
            number=number,
            # What only tries the connection gives nobody a place, also when it is in force.
            is_binding=binding is not None and not agreement.is_trial,
            kind=condition.kind.value,
            sending=sides[condition.sending],
            receiving=sides[condition.receiving],
            first=condition.years[0],
            last=condition.years[-1],
            people=_count(condition.people_count),
            time=_time(condition.months if condition.kind.is_student else condition.days),
            areas=_codes(a.v6_value or a.isced for a in condition.areas),
            levels=_codes(level.strip() for level in condition.levels),
            blended=condition.takes_blended,
        )
        for number, condition in enumerate(terms.conditions)
        if condition.years and condition.sending in sides and condition.receiving in sides
    ]
    agreement.places.all().delete()
    Place.objects.bulk_create(places)


def _count(people: int | None) -> int | None:
    """A number that a count can be made of; what nobody can mean counts as not said."""
    return people if people is not None and 0 <= people < 10**6 else None


def _codes(codes: Iterable[str]) -> str:
    """Each code once, with commas around."""
    return f",{''.join(f'{code},' for code in dict.fromkeys(codes))}"


def _time(text: str | None) -> Decimal | None:
    number = read_number(text)
    return number.quantize(Decimal("0.01")) if number is not None and number < 10**8 else None


def days_left(agreement: Agreement, *, today: date) -> int | None:
    """Days until the turn should be over, negative when it is late; None when nobody has to act."""
    return (agreement.turn_until - today).days if agreement.turn_until else None

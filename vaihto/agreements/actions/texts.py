"""The agreed text of an alliance: written by its secretariat, consented to by its members, followed by their copies.

A member's consent is the mandate to make and propose its copies; it approves no agreement. Approvals stay with each
pair of members, over the channel between them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Any

from django.db import transaction
from django.utils import timezone

from vaihto.agreements.actions.copies import take_in
from vaihto.agreements.actions.desk import (
    NotReady,
    WrongState,
    locked,
    note_down,
    require,
    require_alive,
)
from vaihto.agreements.actions.drafts import create, edit, propose
from vaihto.agreements.alliances import (
    Bilateral,
    Line,
    Step,
    bilaterals,
    holding,
    participants,
    read_lines,
    stored_lines,
    terms_between,
)
from vaihto.agreements.checks import check
from vaihto.agreements.comparison import compare
from vaihto.agreements.models import (
    Agreement,
    AllianceAgreement,
    AllianceText,
    Consent,
    Participant,
    Programme,
)
from vaihto.agreements.terms import Terms
from vaihto.institutions.models import Alliance, Institution
from vaihto.jobs.actions import handles, start
from vaihto.jobs.progress import Progress
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Invalid, NotAllowed, Refusal, Stale
from vaihto.wording import mark as _

logger = logging.getLogger("vaihto.agreements")

FOLLOW = "agreements.follow-text"


class Done(StrEnum):
    """What came of bringing one copy in step."""

    MADE = "made"  # drafted and proposed
    TAKEN_IN = "taken-in"  # the partner's copy, which says what the text says
    CHANGED = "changed"
    NOTHING = "nothing"
    DEPARTS = "departs"  # a person changed it on purpose; a person decides
    ELSEWHERE = "elsewhere"  # another agreement of these years stands in the way; a person decides


def _require(actor: Actor, alliance: Alliance) -> None:
    places = actor.alliances(May.ALLIANCE_EDIT)
    if places is not None and alliance.pk not in places:
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))


def _locked(agreement: AllianceAgreement) -> AllianceAgreement:
    found = (
        AllianceAgreement.objects.select_for_update(of=("self",))
        .select_related("alliance")
        .get(pk=agreement.pk)
    )
    if found.closed_at:
        raise WrongState(
            "alliance-agreements.closed", sentence=_("This alliance agreement is closed.")
        )
    return found


def _open_text(agreement: AllianceAgreement) -> AllianceText | None:
    return agreement.texts.filter(adopted_at__isnull=True, dropped_at__isnull=True).first()


@transaction.atomic
def begin_alliance_agreement(
    *,
    actor: Actor,
    alliance: Alliance,
    name: str,
    members: Iterable[Institution],
    now: datetime,
    programme: str = Programme.ERASMUS,
) -> AllianceAgreement:
    """A new agreement over these members, with an empty draft of its first text."""
    _require(actor, alliance)
    name = name.strip()
    if not name:
        raise Invalid("alliance-agreements.no-name", field="name", sentence=_("Give it a name."))
    if AllianceAgreement.objects.filter(alliance=alliance, name=name).exists():
        raise Invalid(
            "alliance-agreements.name-taken",
            field="name",
            sentence=_("The alliance has an agreement of this name already."),
        )
    agreement = AllianceAgreement.objects.create(
        alliance=alliance, name=name, programme=programme, created_at=now
    )
    record(actor, "alliance-agreements.begin", agreement, at=now)
    set_members(actor=actor, agreement=agreement, members=members, now=now)
    AllianceText.objects.create(
        agreement=agreement, number=1, created_at=now, created_by=actor.label
    )
    return agreement


@transaction.atomic
def set_members(
    *,
    actor: Actor,
    agreement: AllianceAgreement,
    members: Iterable[Institution],
    now: datetime,
) -> None:
    """These members take part from today on, others no longer. Nothing of a bilateral agreement changes by it.

    Who joins later is bound once it consented to the text that counts.
    """
    agreement = _locked(agreement)
    _require(actor, agreement.alliance)
    today = _day(now)
    wanted = set(members)
    if len(wanted) < 2:
        raise Invalid(
            "alliance-agreements.too-few",
            field="members",
            sentence=_("An agreement needs two members at least."),
        )
    present = set(participants(agreement, on=today))
    allowed = set(agreement.alliance.members(on=today)) | present
    if strangers := wanted - allowed:
        raise Invalid(
            "alliance-agreements.no-member",
            field="members",
            sentence=_("%(institution)s is no member of the alliance."),
            institution=min(one.name for one in strangers),
        )
    for one in wanted - present:
        Participant.objects.update_or_create(
            agreement=agreement, institution=one, defaults={"since": today, "until": None}
        )
    for row in Participant.objects.filter(agreement=agreement, institution__in=present - wanted):
        # Who leaves on the day it joined never took part.
        if row.since >= today:
            row.delete()
        else:
            row.until = today - timedelta(days=1)
            row.save(update_fields=["until"])
    if wanted != present:
        record(
            actor,
            "alliance-agreements.members",
            agreement,
            at=now,
            changes={
                "members": [
                    sorted(one.hei_id for one in present),
                    sorted(one.hei_id for one in wanted),
                ]
            },
        )
        _adopt_when_agreed(agreement, actor=actor, now=now)


@transaction.atomic
def write_text(
    *,
    actor: Actor,
    agreement: AllianceAgreement,
    lines: Sequence[Line],
    now: datetime,
    note: str = "",
    seen: int | None = None,
) -> AllianceText:
    """Rewrites the draft, or begins the next text where none is talked about.

    `seen` is the number of the text the actor had before them. It may be incomplete until it is put to the members.
    """
    agreement = _locked(agreement)
    _require(actor, agreement.alliance)
    text = _open_text(agreement)
    if text is not None and text.put_at:
        raise WrongState(
            "alliance-agreements.before-members",
            sentence=_("Text %(number)s is before the members and does not change any more."),
            remedy=_("Take it back first, then write the next one."),
            number=text.number,
        )
    if text is None:
        last = agreement.texts.order_by("-number").first()
        if seen is not None and last is not None and last.number != seen:
            raise Stale("alliance-agreements.stale")
        text = AllianceText(
            agreement=agreement, number=last.number + 1 if last else 1, created_at=now
        )
    text.lines, text.note, text.created_by = stored_lines(lines), note.strip(), actor.label
    text.save()
    record(actor, "alliance-agreements.write", agreement, at=now, reason=note.strip())
    return text


def faults(lines: Sequence[Line], members: Sequence[Institution]) -> list[tuple[Any, ...]]:
    """What forbids putting these lines to the members: (code, place of the line, field, value)."""
    one, other = "one.invalid", "other.invalid"
    terms = Terms(tuple(replace(line.condition, sending=one, receiving=other) for line in lines))
    found: list[tuple[Any, ...]] = [
        (each.code, each.place, each.field, each.value)
        for each in check(terms, parties=frozenset({one, other}))
        if each.blocks
    ]
    for first, second in combinations(members, 2):
        if not terms_between(lines, first.hei_id, second.hei_id).conditions and lines:
            found.append(("nothing-between", None, "", f"{first.name}, {second.name}"))
    return found


@transaction.atomic
def put_text(*, actor: Actor, agreement: AllianceAgreement, now: datetime) -> AllianceText:
    """Lays the draft before the members; from now on it does not change. `NotReady` tells what is missing."""
    agreement = _locked(agreement)
    _require(actor, agreement.alliance)
    text = _open_text(agreement)
    if text is None:
        raise WrongState(
            "alliance-agreements.no-draft", sentence=_("There is no draft to put to the members.")
        )
    if text.put_at:
        return text
    found = faults(read_lines(text.lines), participants(agreement, on=_day(now)))
    if found:
        raise NotReady("agreements.not-ready", count=len(found), findings=found)
    text.put_at = now
    text.save(update_fields=["put_at"])
    record(
        actor, "alliance-agreements.put", agreement, at=now, changes={"text": [None, text.number]}
    )
    return text


@transaction.atomic
def drop_text(
    *, actor: Actor, agreement: AllianceAgreement, now: datetime, reason: str = ""
) -> None:
    """Takes the draft, or the text before the members, back. What was adopted before goes on counting."""
    agreement = _locked(agreement)
    _require(actor, agreement.alliance)
    text = _open_text(agreement)
    if text is None:
        raise WrongState(
            "alliance-agreements.no-draft", sentence=_("There is no draft to put to the members.")
        )
    text.dropped_at = now
    text.save(update_fields=["dropped_at"])
    record(
        actor,
        "alliance-agreements.drop",
        agreement,
        at=now,
        changes={"text": [text.number, None]},
        reason=reason.strip(),
    )


@transaction.atomic
def consent(
    *,
    actor: Actor,
    text: AllianceText,
    institution: Institution,
    now: datetime,
    note: str = "",
) -> Consent:
    """The text holds for this member: its copies are made, proposed and kept in step from the adoption on.

    Given by whoever has the mandate to approve agreements there. Where a member's people do not work on this
    installation, the secretariat writes down how and when they said so; `note` is then needed.
    """
    agreement = _locked(text.agreement)
    text = AllianceText.objects.select_related("agreement").get(pk=text.pk)
    if institution.hosted:
        actor.require(May.AGREEMENTS_APPROVE, institution.pk, None)
    else:
        _require(actor, agreement.alliance)
        if not note.strip():
            raise Invalid(
                "alliance-agreements.no-proof",
                field="note",
                sentence=_("Write how and when %(institution)s consented."),
                institution=institution.name,
            )
    if not text.is_before_members:
        raise WrongState(
            "alliance-agreements.not-put",
            sentence=_("This text is not before the members."),
            remedy=_("Read the present state of the agreement."),
        )
    if institution not in participants(agreement, on=_day(now)):
        raise WrongState(
            "alliance-agreements.no-part",
            sentence=_("%(institution)s takes no part in this agreement."),
            institution=institution.name,
        )
    given, is_new = Consent.objects.get_or_create(
        text=text,
        institution=institution,
        defaults={"at": now, "by": actor.label, "note": note.strip()},
    )
    if is_new:
        record(
            actor,
            "alliance-agreements.consent",
            agreement,
            at=now,
            institution_id=institution.pk,
            changes={"text": [None, text.number]},
            reason=note.strip(),
        )
        if text.adopted_at:
            start(kind=FOLLOW, actor=actor, subject_id=agreement.pk)
        else:
            _adopt_when_agreed(agreement, actor=actor, now=now)
    return given


def _adopt_when_agreed(agreement: AllianceAgreement, *, actor: Actor, now: datetime) -> None:
    text = _open_text(agreement)
    if text is None or not text.put_at:
        return
    consented = set(text.consents.values_list("institution", flat=True))
    if {one.pk for one in participants(agreement, on=_day(now))} - consented:
        return
    text.adopted_at = now
    text.save(update_fields=["adopted_at"])
    record(
        actor, "alliance-agreements.adopt", agreement, at=now, changes={"text": [None, text.number]}
    )
    start(kind=FOLLOW, actor=actor, subject_id=agreement.pk)


@transaction.atomic
def close_alliance_agreement(
    *, actor: Actor, agreement: AllianceAgreement, now: datetime, reason: str
) -> None:
    """Nothing follows the text any more. Bilateral agreements stay as they are and are ended one by one."""
    agreement = _locked(agreement)
    _require(actor, agreement.alliance)
    if text := _open_text(agreement):
        text.dropped_at = now
        text.save(update_fields=["dropped_at"])
    agreement.closed_at = now
    agreement.save(update_fields=["closed_at"])
    record(actor, "alliance-agreements.close", agreement, at=now, reason=reason.strip())


# The copies of the members ------------------------------------------------------------------------


@handles(FOLLOW)
def _follow(progress: Progress) -> dict[str, Any]:
    agreement = AllianceAgreement.objects.get(pk=int(progress.work.subject_id))
    return follow_text(agreement=agreement, now=timezone.now(), progress=progress)


def follow_text(
    *, agreement: AllianceAgreement, now: datetime, progress: Progress | None = None
) -> dict[str, Any]:
    """Brings the copies of all hosted members in step, one after the other; safe to run again.

    Answers how many came to which end, and under `refused` the pairs that could not be brought in step, with why.
    """
    whole = holding(agreement, on=_day(now))
    counts: dict[str, int] = {}
    refused: list[dict[str, str]] = []
    if whole.text is None:
        return {"counts": counts, "refused": refused}
    # The program acts; the mandate is the consents'.
    actor = Actor.system(f"{agreement.name}, {whole.text.number}")
    ours = [one for one in whole.bound if one.hosted]
    pairs = [(one, other) for one in ours for other in whole.bound if other != one]
    for done, (one, other) in enumerate(pairs, 1):
        try:
            came = bring_in_step(
                actor=actor, agreement=agreement, institution=one, partner=other, now=now
            )
        except Refusal as refusal:
            refused.append(
                {"institution": one.hei_id, "partner": other.hei_id, "why": str(refusal)}
            )
            logger.warning("copy not in step", extra={"alliance_agreement": agreement.pk})
        else:
            counts[came] = counts.get(came, 0) + 1
        if progress:
            progress.at(done, len(pairs))
    return {"counts": counts, "refused": refused}


@transaction.atomic
def bring_in_step(
    *,
    actor: Actor,
    agreement: AllianceAgreement,
    institution: Institution,
    partner: Institution,
    now: datetime,
) -> Done:
    """The copy of one member about another says what the text says, unless a person has to decide.

    A missing one is made and proposed, or taken in where the partner's says just that; one that says what an earlier
    text said is changed. One that departs is left alone, and so is a pair with another agreement of the same years.
    """
    agreement = _locked(agreement)
    whole = holding(agreement, on=_day(now))
    found = next(iter(bilaterals(whole, of=[institution], among=partner)), None)
    if found is None:
        raise WrongState(
            "alliance-agreements.not-bound",
            sentence=_("The text does not hold between these two members."),
        )
    match found.step:
        case Step.MISSING:
            return _make(actor, agreement, found, now)
        case Step.BEHIND if found.agreement:
            _change(actor, found.agreement, found.says, now)
            return Done.CHANGED
        case Step.DEPARTS:
            return Done.DEPARTS
        case Step.ELSEWHERE:
            return Done.ELSEWHERE
        case _:
            return Done.NOTHING


def _make(actor: Actor, whole: AllianceAgreement, found: Bilateral, now: datetime) -> Done:
    if found.offered:
        taken = take_in(actor=actor, received=found.offered, programme=whole.programme, now=now)
        taken.alliance_agreement = whole
        taken.save(update_fields=["alliance_agreement"])
        return Done.TAKEN_IN
    made = create(
        actor=actor,
        institution=found.institution,
        partner=found.partner,
        terms=found.says,
        programme=whole.programme,
        alliance_agreement=whole,
        now=now,
    )
    propose(actor=actor, agreement=made, now=now)
    return Done.MADE


def _change(
    actor: Actor, agreement: Agreement, says: Terms, now: datetime, seen: int | None = None
) -> Agreement:
    """The text's words, with the contacts that our conditions named before."""
    before = agreement.terms.grouped().conditions
    conditions = []
    for pair, said in zip(
        compare(says, agreement.terms).pairs, says.grouped().conditions, strict=False
    ):
        old = before[pair.theirs_at] if pair.theirs_at is not None else said
        conditions.append(
            replace(
                said,
                sending_contacts=old.sending_contacts,
                receiving_contacts=old.receiving_contacts,
            )
        )
    terms = replace(says, conditions=tuple(conditions))
    return edit(actor=actor, agreement=agreement, terms=terms, now=now, seen=seen)


@transaction.atomic
def take_text(
    *, actor: Actor, agreement: Agreement, now: datetime, seen: int | None = None
) -> Agreement:
    """Our copy gives its departures up and says what the alliance's text says now."""
    whole = _whole_of(agreement)
    found = bilaterals(
        holding(whole, on=_day(now)), of=[agreement.institution], among=agreement.partner
    )
    if not found:
        raise WrongState(
            "alliance-agreements.not-bound",
            sentence=_("The text does not hold between these two members."),
        )
    return _change(actor, agreement, found[0].says, now, seen)


def _whole_of(agreement: Agreement) -> AllianceAgreement:
    if agreement.alliance_agreement is None:
        raise WrongState(
            "alliance-agreements.follows-none",
            sentence=_("This agreement follows no text of an alliance."),
        )
    return agreement.alliance_agreement


@transaction.atomic
def bind(*, actor: Actor, agreement: Agreement, to: AllianceAgreement, now: datetime) -> Agreement:
    """An agreement that stood by itself follows the alliance's text from now on; what it says stays as it is."""
    # The text before the agreement, as everywhere here: two who lock in another order wait for each other for ever.
    whole = holding(_locked(to), on=_day(now))
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    require_alive(agreement)
    if not {agreement.institution, agreement.partner} <= set(whole.bound):
        raise WrongState(
            "alliance-agreements.not-bound",
            sentence=_("The text does not hold between these two members."),
        )
    if agreement.alliance_agreement_id == to.pk:
        return agreement
    agreement.alliance_agreement = to
    agreement.save(update_fields=["alliance_agreement"])
    note_down(actor, "bind", agreement, now, changes={"alliance_agreement": [None, to.name]})
    return agreement


@transaction.atomic
def release(*, actor: Actor, agreement: Agreement, now: datetime, reason: str) -> Agreement:
    """An agreement no longer follows the alliance's text; what it says stays as it is."""
    agreement = locked(agreement)
    require(actor, May.AGREEMENTS_EDIT, agreement)
    whole = _whole_of(agreement)
    if not reason.strip():
        raise Invalid(
            "alliance-agreements.reason-needed",
            field="reason",
            sentence=_("Say why; the alliance's secretariat reads it."),
        )
    agreement.alliance_agreement = None
    agreement.save(update_fields=["alliance_agreement"])
    note_down(
        actor,
        "release",
        agreement,
        now,
        reason=reason.strip(),
        changes={"alliance_agreement": [whole.name, None]},
    )
    return agreement


def _day(now: datetime) -> date:
    return timezone.localdate(now)

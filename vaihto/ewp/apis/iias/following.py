"""Following partners' copies and approvals: after a notification, on demand, and every night.

Fetching is idempotent: what came already changes nothing. A copy whose hash does not fit its bytes is kept for
diagnosis and never used. One agreement is asked for at a time, so that trouble with one is no trouble with another,
and no agreement spoils the hash of its neighbour. Source: EWP IIAs 7, reference 2.1, 3.6, 4.9, 5.1, 5.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from vaihto.agreements import actions
from vaihto.agreements.actions import SECOND_LOOK_AFTER
from vaihto.agreements.models import Agreement, Channel, ReceivedCopy
from vaihto.agreements.standing import State
from vaihto.channels.models import Channel as Way
from vaihto.channels.reaching import Look, carries_agreements
from vaihto.ewp import client, registry
from vaihto.ewp.apis.iias import APPROVAL, APPROVAL_CNR, IIA_CNR, IIAS
from vaihto.ewp.apis.iias.messages import (
    Iia,
    IiasApprovalResponse,
    IiasGetResponse,
    IiasIndexResponse,
)
from vaihto.ewp.client import Answer
from vaihto.ewp.notifications import outcome_of
from vaihto.ewp.outcomes import Outcome as Ending
from vaihto.ewp.protocol.iia_hash import agreement_hashes
from vaihto.ewp.protocol.types import IDENTIFIER
from vaihto.ewp.protocol.xml import MalformedXml
from vaihto.institutions.models import Institution
from vaihto.jobs import inbox, outbox
from vaihto.jobs.announcements import announce
from vaihto.jobs.delivery import Ended, Outcome, Slip
from vaihto.jobs.timetable import every
from vaihto.journal.actors import Actor, ActorKind


def partner_actor(hei_id: str) -> Actor:
    """A partner's system, as the journal names it."""
    return Actor(kind=ActorKind.PARTNER, label=hei_id)


def fetch_copy(
    *, institution: Institution, partner: Institution, iia_id: str, now: datetime, actor: Actor
) -> tuple[ReceivedCopy | None, Answer[IiasGetResponse]]:
    """Gets the partner's copy and takes note of it, good, bad or gone."""
    answer = client.call(
        institution=institution,
        partner=partner.hei_id,
        api=IIAS,
        endpoint="get-url",
        parameters=[("iia_id", iia_id)],
        actor=actor,
        now=now,
        read=IiasGetResponse.read,
    )
    if not answer.is_good or answer.message is None:
        _note_failure(institution, partner, iia_id, answer, now)
        return None, answer
    return _take(institution, partner, iia_id, answer, now), answer


def _note_failure(
    institution: Institution,
    partner: Institution,
    iia_id: str,
    answer: Answer[IiasGetResponse],
    now: datetime,
) -> None:
    ReceivedCopy.objects.filter(institution=institution, partner=partner, iia_id=iia_id).update(
        asked_at=now, failure=answer.outcome.code[:60]
    )


def _take(
    institution: Institution,
    partner: Institution,
    iia_id: str,
    answer: Answer[IiasGetResponse],
    now: datetime,
) -> ReceivedCopy | None:
    """Takes note of what the partner answered when it was asked for this one agreement.

    Only an empty answer says that there is none. Another agreement in its place is no such word, and neither is one
    that cannot be read.
    """
    who = partner_actor(partner.hei_id)
    message = answer.message or IiasGetResponse()
    if not message.iias and not message.unreadable:
        known = ReceivedCopy.objects.filter(
            institution=institution, partner=partner, iia_id=iia_id
        ).first()
        return actions.miss_copy(actor=who, received=known, now=now) if known else None
    found = [one for one in message.iias if one.copy.author.iia_id == iia_id]
    problems = _problems(found, message, iia_id, institution, partner)
    iia = found[0] if len(set(found)) == 1 else None
    received = actions.receive_copy(
        actor=who,
        institution=institution,
        partner=partner,
        iia_id=iia_id,
        document=answer.body,
        copy=iia.copy if iia else None,
        digest=_hash_of(answer.body, iia_id) if iia else "",
        published=iia.hash if iia else "",
        channel=Channel.EWP,
        now=now,
        problems=problems,
    )
    if received.failure:
        _report(received, answer, now)
    return received


def _report(received: ReceivedCopy, answer: Answer[IiasGetResponse], now: datetime) -> None:
    """The call went well and what it brought cannot be used: the network's Monitoring hears of that too."""
    last = received.revisions.order_by("-number").first()
    code, detail = last.problems[0] if last and last.problems else (received.failure, "")
    told = (
        Ending("wrong-hash", {"iia_id": received.iia_id})
        if code == "wrong-hash"
        else Ending("message-incomplete", {"detail": f"{code} {detail}".strip()})
    )
    announce(
        client.FAILED,
        institution_id=received.institution_id,
        partner=received.partner.hei_id,
        api=IIAS.element,
        endpoint="get-url",
        status=answer.status,
        message="",
        outcome=told,
        at=now,
    )


def _hash_of(document: bytes, iia_id: str) -> str:
    try:
        hashes = agreement_hashes(document, each_alone=True)
    except MalformedXml:
        return ""
    return next((one.hash for one in hashes if one.iia_id == iia_id), "")


def _problems(
    found: Sequence[Iia],
    message: IiasGetResponse,
    iia_id: str,
    institution: Institution,
    partner: Institution,
) -> tuple[tuple[str, str], ...]:
    """Why the copy cannot be used: it is not the one, what the schema needs is missing, it is between others."""
    if not found:
        told = [("incomplete", each) for one, each in message.unreadable if one in {iia_id, ""}]
        others = ", ".join(one.copy.author.iia_id or "—" for one in message.iias)[:200]
        return tuple(told[:10]) or (("other-agreement", others),)
    if len(set(found)) > 1:
        return (("said-twice", ""),)
    (first, *_again) = found
    problems = [("incomplete", each) for each in first.problems[:10]]
    author, other = first.copy.author, first.copy.other
    if author.hei_id != partner.hei_id:
        problems.append(("wrong-first-partner", author.hei_id))
    if other.hei_id != institution.hei_id:
        problems.append(("wrong-second-partner", other.hei_id))
    return tuple(problems)


def fetch_approval(
    *, agreement: Agreement, now: datetime, actor: Actor
) -> Answer[IiasApprovalResponse]:
    """Asks the partner which version of our copy it has approved, and keeps the answer as proof."""
    answer = client.call(
        institution=agreement.institution,
        partner=agreement.partner.hei_id,
        api=APPROVAL,
        parameters=[("iia_id", agreement.iia_id)],
        actor=actor,
        now=now,
        read=IiasApprovalResponse.read,
    )
    if answer.is_good and answer.message is not None and not answer.problems:
        given = next(
            (one for one in answer.message.approvals if one.iia_id == agreement.iia_id), None
        )
        with transaction.atomic():
            before = Agreement.objects.values_list("taken_id", flat=True).get(pk=agreement.pk)
            after = actions.receive_approval(
                actor=partner_actor(agreement.partner.hei_id),
                agreement=agreement,
                digest=given.hash if given else "",
                proof=answer.body,
                proof_type="application/xml",
                channel=Channel.EWP,
                now=now,
                file_id=given.pdf_file[:64] if given else "",
            )
            taken = after.taken
            if taken and taken.pk != before and taken.digest and not bytes(taken.document):
                # It approved what we never served; perhaps it has not seen our present copy.
                OverEwp().copy_changed(after)
    return answer


def refresh(*, agreement: Agreement, now: datetime, actor: Actor) -> list[Answer[Any]]:
    """The partner's copy and approval as they are this moment; for "refresh now" and before every approval."""
    answers: list[Answer[Any]] = []
    if agreement.partner_iia_id:
        _copy, answer = fetch_copy(
            institution=agreement.institution,
            partner=agreement.partner,
            iia_id=agreement.partner_iia_id,
            now=now,
            actor=actor,
        )
        answers.append(answer)
    if agreement.shared_at:
        answers.append(fetch_approval(agreement=agreement, now=now, actor=actor))
    return answers


class OverEwp:
    """Carries agreements over the network: word of a change goes out, the partner fetches when it likes."""

    def copy_changed(self, agreement: Agreement) -> None:
        """Word that our copy changed, by our id."""
        _tell(agreement, IIA_CNR.element, agreement.iia_id)

    def approval_changed(self, agreement: Agreement) -> None:
        """Word that our approval changed, by the partner's id of its copy."""
        if agreement.partner_iia_id:
            _tell(agreement, APPROVAL_CNR.element, agreement.partner_iia_id)

    def look(self, agreement: Agreement, *, actor: Actor, now: datetime) -> Look:
        """Copy and approval fetched now."""
        for answer in refresh(agreement=agreement, now=now, actor=actor):
            if not answer.is_good:
                facts = {name: str(value) for name, value in answer.outcome.facts.items()}
                return Look(fresh=False, code=answer.outcome.code, facts=facts)
        return Look(fresh=True)


def _tell(agreement: Agreement, api: str, object_id: str) -> None:
    outbox.notify(
        hei_id=agreement.institution.hei_id,
        partner=agreement.partner.hei_id,
        api=api,
        object_ids=[object_id],
        now=timezone.now(),
    )


def _reaches(_institution: Institution, partner: Institution) -> bool:
    """Does the catalogue say that the partner serves agreements in the version we speak?"""
    try:
        return bool(registry.entries(partner.hei_id, IIAS.element, major=IIAS.major))
    except registry.TooOld:
        return True  # word waits in the outbox until the catalogue can be trusted again


def register() -> None:
    """Agreements travel over EWP from now on."""
    carries_agreements(Way.EWP, OverEwp(), reaches=_reaches)


# --- After notifications --------------------------------------------------------------------------


def _sides(slip: Slip) -> tuple[Institution, Institution] | None:
    ours = Institution.objects.filter(hei_id=slip.hei_id, hosted=True).first()
    theirs = Institution.objects.filter(hei_id=slip.partner).first()
    if ours is None:
        return None
    return ours, theirs or meet(slip.partner)


def meet(hei_id: str) -> Institution:
    """A partner that this installation did not know: entered as the catalogue names it."""
    listed = registry.listed(hei_id)
    name = listed.names[0][1] if listed and listed.names else hei_id
    found, _new = Institution.objects.get_or_create(
        hei_id=hei_id, defaults={"name": name[:200], "country": "999"}
    )
    return found


@inbox.fetches("iia-cnr")
def _after_copy(slips: Sequence[Slip]) -> Outcome:
    """A partner said that its copy changed."""
    (slip,) = slips
    sides = _sides(slip)
    if sides is None:
        return Outcome(Ended.REFUSED, "not-hosted")
    if not IDENTIFIER.fits(slip.object_id):
        return Outcome(Ended.REFUSED, "no-identifier", "theirs")
    _copy, answer = fetch_copy(
        institution=sides[0],
        partner=sides[1],
        iia_id=slip.object_id,
        now=timezone.now(),
        actor=Actor.system(),
    )
    return outcome_of(answer)


@inbox.fetches("iia-approval-cnr")
def _after_approval(slips: Sequence[Slip]) -> Outcome:
    """A partner said that its approval of our copy changed; an id that is not ours is no error."""
    (slip,) = slips
    agreement = (
        Agreement.objects.select_related("institution", "partner")
        .filter(
            institution__hei_id=slip.hei_id,
            partner__hei_id=slip.partner,
            iia_id=slip.object_id,
            deleted_at__isnull=True,
        )
        .first()
    )
    if agreement is None:
        return Outcome(Ended.ARRIVED, "unknown-id")
    return outcome_of(fetch_approval(agreement=agreement, now=timezone.now(), actor=Actor.system()))


# --- Every night ----------------------------------------------------------------------------------


def _pairs(_now: datetime) -> Iterable[tuple[str, str]]:
    """Every hosted institution with every partner that it has an agreement or a proposal with."""
    known = set(
        Agreement.objects.filter(deleted_at__isnull=True).values_list(
            "institution__hei_id", "partner__hei_id"
        )
    )
    known |= set(ReceivedCopy.objects.values_list("institution__hei_id", "partner__hei_id"))
    return sorted(
        pair for pair in known if registry.entries(pair[1], IIAS.element, major=IIAS.major)
    )


@inbox.pulls("iias", pairs=_pairs)
def _catch_up(asked: inbox.Asked) -> Outcome:
    """What the partner changed since the last pull; with no moment everything, and what vanished is looked at."""
    institution = Institution.objects.get(hei_id=asked.hei_id)
    parameters = [("modified_since", asked.since.isoformat())] if asked.since else []
    now = timezone.now()
    answer = client.call(
        institution=institution,
        partner=asked.partner,
        api=IIAS,
        endpoint="index-url",
        parameters=parameters,
        actor=Actor.system(),
        now=now,
        read=IiasIndexResponse.read,
    )
    if not answer.is_good or answer.message is None:
        return outcome_of(answer)
    known = ReceivedCopy.objects.filter(
        institution=institution, partner__hei_id=asked.partner, gone_at__isnull=True
    )
    if asked.since is not None:
        # A partner that mends its system need not call the agreement changed.
        known = known.filter(~Q(failure="") | Q(missed_at__isnull=False))
    ids = {*answer.message.iia_ids, *known.values_list("iia_id", flat=True)}
    inbox.receive(
        hei_id=asked.hei_id, partner=asked.partner, api="iia-cnr", object_ids=ids, now=now
    )
    waiting = Agreement.objects.served().filter(
        institution=institution, partner__hei_id=asked.partner
    )
    if asked.since is not None:
        waiting = waiting.exclude(listed_state__in=[State.IN_FORCE, State.TERMINATED])
    inbox.receive(
        hei_id=asked.hei_id,
        partner=asked.partner,
        api="iia-approval-cnr",
        object_ids=waiting.values_list("iia_id", flat=True),
        now=now,
    )
    return Outcome(Ended.ARRIVED, "ok", server_time=now)


# --- A second look --------------------------------------------------------------------------------


@every("agreements.second-look", pause=timedelta(minutes=5))
def look_again(now: datetime) -> None:
    """Asks once more for copies that a first look did not find; what was in force is not given up by any look."""
    missed = ReceivedCopy.objects.filter(
        missed_at__lte=now - SECOND_LOOK_AFTER,
        asked_at__lte=now - SECOND_LOOK_AFTER,
        gone_at__isnull=True,
        agreement__mutual__isnull=True,
        institution__hosted=True,
        revisions__channel=Channel.EWP,
    ).distinct()
    for copy in missed.select_related("institution", "partner")[:500]:
        inbox.receive(
            hei_id=copy.institution.hei_id,
            partner=copy.partner.hei_id,
            api=IIA_CNR.element,
            object_ids=[copy.iia_id],
            now=now,
        )

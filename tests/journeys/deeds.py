"""What `agreeing.Office` does inside a node. Each deed is a function of its facts and answers plain values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tests.agreements.two import both_ways
from tests.journeys import delays
from vaihto.agreements import actions
from vaihto.agreements.models import Agreement, ReceivedCopy, ReceivedRevision, Revision, Side
from vaihto.agreements.serving import binding_terms, compared, standing
from vaihto.channels import reaching
from vaihto.ewp import registry
from vaihto.ewp.apis import APIS
from vaihto.ewp.apis.iias import IIAS, trials
from vaihto.ewp.apis.iias.following import fetch_copy, meet
from vaihto.ewp.apis.iias.messages import IiasIndexResponse
from vaihto.ewp.client import call
from vaihto.ewp.models import Exchange, Trial
from vaihto.ewp.protocol.iia_hash import agreement_hashes
from vaihto.institutions.models import Institution
from vaihto.jobs import outbox
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor
from vaihto.refusals import Refusal

WHO = Actor.system("Somebody at the office")


def _agreement(own: str, code: str) -> Agreement:
    return Agreement.objects.select_related("institution", "partner").get(
        institution__hei_id=own, code=code
    )


def _told(agreement: Agreement) -> dict[str, Any]:
    agreement.refresh_from_db()
    found = standing(agreement)
    bound = binding_terms(agreement)
    received = agreement.received_copy
    return {
        "state": found.state.value,
        "next": [part.value for part in found.next],
        "id": agreement.iia_id,
        "partner_id": agreement.partner_iia_id,
        "ours": found.ours,
        "theirs": found.theirs,
        "given": found.given,
        "received": found.received,
        "bound": sorted({c.people for c in bound.conditions}) if bound else None,
        "mutual": [agreement.mutual.ours.digest, agreement.mutual.theirs.digest]
        if agreement.mutual
        else [],
        "failure": received.failure if received else "",
        "obstacles": actions.obstacles(agreement),
    }


def know(facts: dict[str, Any]) -> int:
    """The newest catalogue."""
    registry.refresh(now=timezone.now(), at_once=True)
    return len(registry.entries(facts["partner"], IIAS.element, major=7))


def create(facts: dict[str, Any]) -> dict[str, Any]:
    """A draft, proposed at once."""
    own = Institution.objects.get(hei_id=facts["own"])
    made = actions.create(
        actor=WHO,
        institution=own,
        partner=meet(facts["partner"]),
        terms=both_ways(facts["own"], facts["partner"], people=facts.get("people", "2")),
        code=facts["code"],
        now=timezone.now(),
    )
    actions.propose(actor=WHO, agreement=made, now=timezone.now())
    return _told(made)


def see(facts: dict[str, Any]) -> dict[str, Any]:
    """How it stands."""
    return _told(_agreement(facts["own"], facts["code"]))


def proposals(facts: dict[str, Any]) -> list[str]:
    """Ids of the partner's proposals that nobody has answered."""
    found = ReceivedCopy.objects.filter(
        institution__hei_id=facts["own"],
        partner__hei_id=facts["partner"],
        agreement=None,
        gone_at=None,
    )
    return list(found.order_by("pk").values_list("iia_id", flat=True))


def take_in(facts: dict[str, Any]) -> dict[str, Any]:
    """The partner's proposal becomes an agreement of ours."""
    received = ReceivedCopy.objects.get(institution__hei_id=facts["own"], iia_id=facts["iia_id"])
    return _told(
        actions.take_in(actor=WHO, received=received, code=facts["code"], now=timezone.now())
    )


def index(facts: dict[str, Any]) -> list[str]:
    """The partner's index, as we get it."""
    answer = call(
        institution=Institution.objects.get(hei_id=facts["own"]),
        partner=facts["partner"],
        api=next(api for api in APIS if api.element == "iias"),
        endpoint="index-url",
        actor=WHO,
        now=timezone.now(),
        read=IiasIndexResponse.read,
    )
    assert answer.message is not None, str(answer.outcome)
    return list(answer.message.iia_ids)


def last_index(facts: dict[str, Any]) -> str:
    """The number of our last request for the partner's list."""
    asked = Exchange.objects.filter(
        direction=Exchange.Direction.OUT,
        institution__hei_id=facts["own"],
        partner=facts["partner"],
        endpoint="index-url",
    )
    return asked.latest("pk").request_id


def was_asked(facts: dict[str, Any]) -> bool:
    """Is a request of the partner's written down?"""
    return Exchange.objects.filter(
        direction=Exchange.Direction.IN, request_id=facts["request_id"]
    ).exists()


def get(facts: dict[str, Any]) -> dict[str, Any]:
    """The partner's copy fetched now."""
    received, answer = fetch_copy(
        institution=Institution.objects.get(hei_id=facts["own"]),
        partner=meet(facts["partner"]),
        iia_id=facts["iia_id"],
        now=timezone.now(),
        actor=WHO,
    )
    return {
        "outcome": answer.outcome.code,
        "signature": answer.signature,
        "good": bool(received and received.current and not received.failure),
        "digest": received.current.digest if received and received.current else "",
    }


def edit(facts: dict[str, Any]) -> dict[str, Any]:
    """Another number of people."""
    one = _agreement(facts["own"], facts["code"])
    terms = both_ways(one.institution.hei_id, one.partner.hei_id, people=facts["people"])
    return _told(actions.edit(actor=WHO, agreement=one, terms=terms, now=timezone.now()))


def differences(facts: dict[str, Any]) -> list[str]:
    """Fields in which the copies differ."""
    seen = compared(_agreement(facts["own"], facts["code"]))
    assert seen is not None
    return sorted({one.field for pair in seen.pairs for one in pair.differences})


def take_theirs(facts: dict[str, Any]) -> dict[str, Any]:
    """Our copy says what theirs says."""
    one = _agreement(facts["own"], facts["code"])
    received = one.received_copy
    assert received is not None
    assert received.current is not None
    return _told(
        actions.take_theirs(
            actor=WHO, agreement=one, digest=received.current.digest, now=timezone.now()
        )
    )


def look(facts: dict[str, Any]) -> dict[str, Any]:
    """The partner's side fetched now."""
    one = _agreement(facts["own"], facts["code"])
    seen = reaching.look(one, actor=WHO, now=timezone.now())
    return {**_told(one), "fresh": seen.fresh, "code": seen.code}


def approve(facts: dict[str, Any]) -> dict[str, Any]:
    """Looks, and approves what it saw."""
    one = _agreement(facts["own"], facts["code"])
    reaching.look(one, actor=WHO, now=timezone.now())
    received = one.received_copy
    assert received is not None
    assert received.current is not None
    actions.approve(
        actor=WHO,
        agreement=one,
        digest=received.current.digest,
        now=timezone.now(),
        mandate="rector",
    )
    return _told(one)


def withdraw(facts: dict[str, Any]) -> dict[str, Any]:
    """Looks, and takes our approval back where it has not become mutual."""
    one = _agreement(facts["own"], facts["code"])
    reaching.look(one, actor=WHO, now=timezone.now())
    return _told(actions.withdraw_approval(actor=WHO, agreement=one, now=timezone.now()))


def tell_again(facts: dict[str, Any]) -> int:
    """Word of everything goes out once more, in an order of its own."""
    one = _agreement(facts["own"], facts["code"])
    with transaction.atomic():
        reaching.approval_changed(one)
        reaching.copy_changed(one)
    return 1


def proven(facts: dict[str, Any]) -> bool:
    """Is every approval kept with bytes whose hash is the approved one, and did we see what we approved?"""
    one = _agreement(facts["own"], facts["code"])
    seen = ReceivedRevision.objects.filter(of__agreement=one, is_good=True)
    ours = one.approvals.filter(side=Side.OURS).exclude(digest="")
    return all(
        agreement_hashes(bytes(approval.document))[0].hash == approval.digest
        for approval in one.approvals.exclude(digest="")
    ) and {approval.digest for approval in ours} <= {revision.digest for revision in seen}


def simple(facts: dict[str, Any]) -> dict[str, Any]:
    """Revert, terminate or delete."""
    one = _agreement(facts["own"], facts["code"])
    getattr(actions, facts["verb"])(actor=WHO, agreement=one, now=timezone.now())
    return _told(one)


def spoil(facts: dict[str, Any]) -> int:
    """Our copy is served with a hash that does not fit, as a partner's faulty system does; the node tells of it."""
    one = _agreement(facts["own"], facts["code"])
    assert one.current is not None
    wrong = re.sub(rb"(<iia-hash>)[0-9a-f]{4}", rb"\g<1>0000", bytes(one.current.document), count=1)
    Revision.objects.filter(pk=one.current.pk).update(document=wrong)
    with transaction.atomic():
        reaching.copy_changed(one)
    return 1


def try_partner(facts: dict[str, Any]) -> int:
    """A guided trial begins."""
    return trials.start(
        actor=WHO,
        institution=Institution.objects.get(hei_id=facts["own"]),
        partner=facts["partner"],
        we_start=facts.get("we_start", True),
        now=timezone.now(),
    ).pk


def step(facts: dict[str, Any]) -> dict[str, Any]:
    """One deed of a trial that its page offers; then how the trial stands."""
    trial = Trial.objects.select_related("institution", "partner").get(pk=facts["trial"])
    if facts.get("act"):
        trials.act(actor=WHO, trial=trial, deed=facts["act"], now=timezone.now())
        trial.refresh_from_db()
    later = timedelta(minutes=facts.get("minutes_later", 0))
    steps = trials.standing(trial, now=timezone.now() + later)
    return {
        "codes": [one.code or one.state.value for one in steps],
        "states": [one.state.value for one in steps],
        "blame": [one.blame for one in steps],
        "exchanges": [len([e for e in one.evidence if e.exchange]) for one in steps],
        "agreements": [[one.code, one.iia_id] for one in trials.agreements_of(trial)],
    }


def end_trial(facts: dict[str, Any]) -> list[str]:
    """The report is kept, the test agreements are taken away; the states that the report tells."""
    trial = Trial.objects.select_related("institution", "partner").get(pk=facts["trial"])
    trials.end(actor=WHO, trial=trial, now=timezone.now())
    trial.refresh_from_db()
    trials.clean(actor=WHO, trial=trial, now=timezone.now())
    trial.refresh_from_db()
    return [one.state.value for one in trials.standing(trial, now=timezone.now())]


def end_open_trials(_facts: dict[str, Any]) -> int:
    """What a journey that failed left under way is no business of the next."""
    left = Trial.objects.filter(ended_at=None).select_related("institution", "partner")
    return len([trials.end(actor=WHO, trial=trial, now=timezone.now()) for trial in left])


def given_places(facts: dict[str, Any]) -> int:
    """Conditions of an agreement that count as places."""
    return _agreement(facts["own"], facts["code"]).places.filter(is_binding=True).count()


def work(_facts: dict[str, Any]) -> dict[str, Any]:
    """Sends and fetches what is due, as a worker does; how much it was, and why something was put off.

    What did not get through, as on a machine that is too busy to answer, is due again at once: nobody waits here
    for the pauses of a worker.
    """
    begun = timezone.now()
    arrived = sum(outbox.round_over(direction).arrived for direction in outbox.LANES)
    put_off = Notification.objects.filter(
        Q(tried_at__gte=begun) | Q(awaits_partner=True), state=Notification.State.WAITING
    )
    why = sorted(put_off.values_list("outcome", flat=True))
    put_off.update(due_at=timezone.now())
    return {"arrived": arrived, "put_off": why}


def lose(facts: dict[str, Any]) -> int:
    """Everything that waits to be sent is lost, as if the notice had never been written."""
    lost = Notification.objects.filter(hei_id=facts["own"], ended_at=None)
    return lost.delete()[0]


_DEEDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    each.__name__: each
    for each in (
        know, create, see, proposals, take_in, index, get, edit, differences, take_theirs, look,
        approve, simple, work, lose, withdraw, tell_again, proven, spoil, try_partner, step, end_trial,
        end_open_trials, given_places, last_index, was_asked, *delays.DEEDS,
    )
}  # fmt: skip


def do(facts: dict[str, Any]) -> Any:
    """Does one deed; a refusal is an answer too."""
    try:
        return _DEEDS[facts["do"]](facts)
    except Refusal as refusal:
        return {"refused": refusal.code, "sentence": str(refusal)}

"""Change notifications over EWP: how word goes out to partners, and how theirs is taken.

Every receiver works alike: a form with ids goes in, an empty element comes out. What differs from API to API is in
`FORMS`. Waiting, repeating and order are the outbox's and the inbox's (`vaihto.jobs`). Source: EWP architecture,
change notification receivers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from vaihto.ewp import client, registry
from vaihto.ewp.calls import Call
from vaihto.ewp.outcomes import Blame
from vaihto.ewp.protocol.api import EWP, Api
from vaihto.ewp.protocol.errors import BadParameter, Forbidden
from vaihto.ewp.protocol.xml import Builder
from vaihto.institutions.models import Institution
from vaihto.jobs import inbox, outbox
from vaihto.jobs.delivery import Ended, Outcome, Slip
from vaihto.journal.actors import Actor

HEAR = "vaihto.ewp.notifications:hear"
"""Where the endpoint of every receiver is: what its `Api` names."""


@dataclass(frozen=True)
class Form:
    """The parameters of a receiver.

    `ids` names the objects that changed; with `limit`, a `max-…` of the API, there may be several. `sender` names the
    institution that says so; without it the one whose key signed.
    """

    ids: str
    sender: str = ""
    limit: str = ""


_OUTGOING = Form("omobility_id", sender="sending_hei_id", limit="max-omobility-ids")
_INCOMING = Form("omobility_id", sender="receiving_hei_id", limit="max-omobility-ids")

FORMS: dict[str, Form] = {
    "iia-cnr": Form("iia_id"),  # of the sender's copy
    "iia-approval-cnr": Form("iia_id"),  # of the receiver's copy, which was approved
    "omobility-cnr": _OUTGOING,
    "omobility-la-cnr": _OUTGOING,
    "imobility-cnr": _INCOMING,
    "imobility-tor-cnr": _INCOMING,
}


# --- Going out ---------------------------------------------------------------------------------

_NOBODY_LISTENS = frozenset({"not-in-catalogue", "other-version", "endpoint-missing"})
_SILENT = frozenset(
    {
        "answer-cut-short",
        "certificate-expired",
        "certificate-not-yet-valid",
        "certificate-refused",
        "certificate-revoked",
        "certificate-unknown-issuer",
        "certificate-wrong-host",
        "connect-timeout",
        "connection-closed",
        "connection-refused",
        "name-server-silent",
        "no-such-host",
        "not-http",
        "partner-unavailable",
        "slow-down",
        "timeout",
        "tls-failed",
        "too-slow",
        "unreachable",
    }
)
"""With these nothing else will get through to the partner either."""


def outcome_of(answer: client.Answer[Any]) -> Outcome:
    """What a call's end means for whoever works off notifications; the fetchers of the inbox use it too."""
    found = answer.outcome
    if answer.is_good:
        return Outcome(Ended.ARRIVED, found.code)
    if found.code in _NOBODY_LISTENS:
        ended = Ended.NOBODY
    elif found.code in _SILENT:
        ended = Ended.SILENT
    else:
        ended = Ended.LATER if found.repeatable else Ended.REFUSED
    facts = {name: str(value) for name, value in found.facts.items()}
    return Outcome(ended, found.code, str(found.blame), facts)


_REMEMBERED_SECONDS = 60.0


class Carrier:
    """Brings word of one kind to partners, in the newest version that both speak."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self._apis = sorted(apis, key=lambda api: -api.major)
        self._form = FORMS[self._apis[0].element]
        self._institutions: dict[str, tuple[float, Institution]] = {}

    def _institution(self, hei_id: str) -> Institution | None:
        """Ours, if it is hosted; remembered for a minute."""
        at, known = self._institutions.get(hei_id, (0.0, None))
        if known is not None and time.monotonic() - at < _REMEMBERED_SECONDS:
            return known
        found = Institution.objects.filter(hei_id=hei_id, hosted=True).first()
        if found is not None:
            self._institutions[hei_id] = (time.monotonic(), found)
        return found

    def _listeners(self, partner: str) -> tuple[Api, list[registry.Entry]]:
        """Everybody who listens for the partner, in one version. Raises `registry.TooOld`."""
        now = timezone.now()
        for api in self._apis:
            found = registry.receivers(partner, api.element, major=api.major, now=now)
            if found:
                return api, found
        return self._apis[0], []

    def at_once(self, slip: Slip) -> int:
        """As many ids as every listener takes in one request; one where nothing is said."""
        if not self._form.limit:
            return 1
        try:
            _api, found = self._listeners(slip.partner)
        except registry.TooOld:
            return 1
        return min((entry.limit(self._form.limit) for entry in found), default=1)

    def deliver(self, slips: Sequence[Slip]) -> Outcome:
        """Tells every listener of the partner. It has arrived when it has arrived at all of them."""
        slip = slips[0]
        institution = self._institution(slip.hei_id)
        if institution is None:
            return Outcome(Ended.REFUSED, "not-hosted", Blame.OURS, {"institution": slip.hei_id})
        started, now = time.monotonic(), timezone.now()
        try:
            api, entries = self._listeners(slip.partner)
        except registry.TooOld:
            return Outcome(Ended.LATER, "catalogue-too-old", Blame.OURS)
        whom: Sequence[registry.Entry | None] = entries or [None]  # the call says what is missing
        outcomes = [
            outcome_of(
                client.call(
                    institution=institution,
                    partner=slip.partner,
                    api=api,
                    parameters=self._parameters(slips),
                    actor=Actor.system(),
                    now=now + timedelta(seconds=time.monotonic() - started),
                    entry=entry,
                    notification_id=slip.number,
                    report=entry is not None,  # nobody need listen
                )
            )
            for entry in whom
        ]
        return min(outcomes, key=lambda outcome: _WORST_FIRST.index(outcome.ended))

    def _parameters(self, slips: Sequence[Slip]) -> list[tuple[str, str]]:
        sender = [(self._form.sender, slips[0].hei_id)] if self._form.sender else []
        return [*sender, *((self._form.ids, slip.object_id) for slip in slips)]


# Told once more as long as one of them can still hear it.
_WORST_FIRST = (Ended.LATER, Ended.SILENT, Ended.FAULT, Ended.REFUSED, Ended.NOBODY, Ended.ARRIVED)


def register(apis: Iterable[Api]) -> None:
    """Word of every receiver among these APIs is carried over EWP from now on."""
    by_element: dict[str, list[Api]] = {}
    for api in apis:
        if api.notifies:
            by_element.setdefault(api.element, []).append(api)
    for element, versions in by_element.items():
        outbox.carries(element, Carrier(versions))


# --- Coming in ---------------------------------------------------------------------------------


def hear(call: Call) -> bytes:
    """Keeps a partner's word and answers; what changed is fetched afterwards.

    What the ids stand for does not matter here: an unknown one is a notification like any other.
    """
    form = FORMS[call.api.element]
    ids = call.many(form.ids, form.limit) if form.limit else (call.one(form.ids),)
    if not any(ids):
        raise BadParameter(form.ids, "it is required.")
    for notifier in _notifiers(call, form):
        inbox.receive(
            hei_id=call.institution.hei_id,
            partner=notifier,
            api=call.api.element,
            object_ids=ids,
            now=call.now,
        )
    return response(call.api)


def _notifiers(call: Call, form: Form) -> tuple[str, ...]:
    """Who says so. A key may speak for several institutions; then it may be any of them, and each is asked."""
    if not form.sender:
        if not call.callers:
            raise Forbidden("The key that signed this speaks for no institution.")
        return call.callers
    named = call.one(form.sender)
    if named not in call.callers:
        raise Forbidden(f"Parameter {form.sender}: the key that signed this does not speak for it.")
    return (named,)


def response(api: Api) -> bytes:
    """The empty answer of a receiver."""
    return Builder(
        f"{api.element}-response", f"{EWP}{api.repository}/tree/stable-v{api.major}"
    ).write()

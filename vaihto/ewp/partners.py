"""What partners publish about themselves: fetched once a day, kept as they said it, shown with its age.

What belongs here: institution data, units and factsheets of institutions that others host. What does not: the
institution as our own records know it; a partner's word never changes those. Start reading at `partner_copy`.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q
from lxml import etree

from vaihto.ewp import client, registry
from vaihto.ewp.apis.institutions import FACTSHEET, INSTITUTIONS, OUNITS
from vaihto.ewp.apis.institutions.messages import (
    FactsheetResponse,
    InstitutionsResponse,
    OunitsResponse,
)
from vaihto.ewp.client import Answer
from vaihto.ewp.models import HostApi, Key, PartnerCopy
from vaihto.ewp.outcomes import Outcome
from vaihto.ewp.protocol import xml
from vaihto.ewp.protocol.api import Api
from vaihto.ewp.protocol.types import Read
from vaihto.institutions.models import Institution
from vaihto.jobs import actions as jobs
from vaihto.jobs.models import Work
from vaihto.jobs.progress import Progress
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Invalid, Unknown
from vaihto.wording import mark as _

logger = logging.getLogger("vaihto.ewp")

APIS = (INSTITUTIONS, OUNITS, FACTSHEET)
FRESH = timedelta(days=1)
PAUSE_AFTER_FAILURE = timedelta(hours=3)
_AT_ONCE = 20  # partners in one round
_MOST_UNITS = 5_000  # more than any university has
_ROUND_SECONDS = 300  # a round of slow partners ends; the next one goes on
_READERS: dict[str, Callable[[bytes], Read[Any]]] = {
    INSTITUTIONS.element: InstitutionsResponse.read,
    OUNITS.element: OunitsResponse.read,
    FACTSHEET.element: FactsheetResponse.read,
}


class NotAPartner(Unknown):
    """There is nobody to ask."""

    sentence = _("%(partner)s publishes nothing about itself in the network's catalogue.")


class NobodyToAsk(Invalid):
    """A question is signed by one of our institutions."""

    sentence = _("No institution of this installation has a key with which it could ask.")
    remedy = _("Create one with `vaihto ewp keys`.")


class AskedAlready(Invalid):
    """Somebody pressed the button a moment ago."""

    sentence = _("%(partner)s is being asked already.")
    remedy = _("Wait until the answer is here.")


# --- Reading -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What a partner publishes in one API, as we know it.

    `message` is an `InstitutionsResponse`, `OunitsResponse` or `FactsheetResponse`; None while nothing was fetched
    yet. `fetched_at` is when the partner last confirmed it, `failure` how the last try ended when it failed.
    """

    hei_id: str
    api: str
    message: Any = None  # one of three kinds, by API
    problems: tuple[str, ...] = ()
    fetched_at: datetime | None = None
    changed_at: datetime | None = None
    asked_at: datetime | None = None
    failure: Outcome | None = None
    exchange_id: int | None = None

    def age(self, now: datetime) -> timedelta | None:
        """Since the partner last confirmed it."""
        return None if self.fetched_at is None else max(now - self.fetched_at, timedelta())

    def is_stale(self, now: datetime) -> bool:
        """Was it not confirmed for two days?"""
        return self.fetched_at is None or now - self.fetched_at > 2 * FRESH


def partner_copy(hei_id: str, api: Api) -> Told | None:
    """What the partner publishes, with its age; None when it was never asked."""
    row = PartnerCopy.objects.filter(hei_id=hei_id, api=api.element).first()
    return None if row is None else _told(row)


def partner_copies(hei_id: str) -> dict[str, Told]:
    """The same for every API by its element, one query."""
    return {row.api: _told(row) for row in PartnerCopy.objects.filter(hei_id=hei_id)}


def _told(row: PartnerCopy) -> Told:
    read: Read[Any] | None = None
    if row.document:
        read = _READERS[row.api](bytes(row.document))
    return Told(
        hei_id=row.hei_id,
        api=row.api,
        message=None if read is None else read.message,
        problems=() if read is None else read.problems,
        fetched_at=row.fetched_at,
        changed_at=row.changed_at,
        asked_at=row.asked_at,
        failure=Outcome(row.failure, row.failure_facts) if row.failure else None,
        exchange_id=row.exchange_id,
    )


# --- Asking ------------------------------------------------------------------------------------


def asker_for(hei_id: str) -> Institution | None:
    """The hosted institution in whose name the partner is asked: one of the same alliance where there is one."""
    hosted = Institution.objects.hosted().filter(
        ewp_keys__purpose=Key.Purpose.CLIENT, ewp_keys__withdrawn_at__isnull=True
    )
    allied = hosted.filter(memberships__alliance__memberships__institution__hei_id=hei_id)
    return allied.order_by("pk").first() or hosted.order_by("pk").first()


def refresh(
    *, hei_id: str, actor: Actor, now: datetime, institution: Institution | None = None
) -> dict[str, Outcome]:
    """Asks the partner for everything it publishes about itself; gives how each API ended, by element.

    APIs that the partner does not offer are left out. Units are asked for by the ids that the institution data
    names. Raises `NobodyToAsk`.
    """
    asker = institution or asker_for(hei_id)
    if asker is None:
        raise NobodyToAsk("ewp.nobody-to-ask")
    asking = _Asking(asker, hei_id, actor, now)
    offered = {entry.element for entry in registry.apis_of(hei_id)}
    return {api.element: asking.ask(api) for api in APIS if api.element in offered}


@dataclass
class _Asking:
    """One round of questions to one partner."""

    institution: Institution
    partner: str
    actor: Actor
    began: datetime
    _started: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> datetime:
        """The moment, also after slow answers."""
        return self.began + timedelta(seconds=time.monotonic() - self._started)

    def ask(self, api: Api) -> Outcome:
        row = PartnerCopy.objects.filter(hei_id=self.partner, api=api.element).first()
        if api is OUNITS:
            return self._ask_units(row)
        answer = client.call(
            institution=self.institution,
            partner=self.partner,
            api=api,
            parameters=[("hei_id", self.partner)],
            actor=Actor.system(),
            now=self.now,
            read=_READERS[api.element],
            etag=row.etag if row is not None and row.document else "",
        )
        self._keep(row, api, answer, answer.body, etag=answer.header("etag") or "")
        return answer.outcome

    def _ask_units(self, row: PartnerCopy | None) -> Outcome:
        ids = self._unit_ids()
        if (
            ids is None
        ):  # the institution data could not be had, so nobody knows which units there are
            return Outcome("units-unknown", {"partner": self.partner})
        answers = list(
            client.call_in_batches(
                institution=self.institution,
                partner=self.partner,
                api=OUNITS,
                name="ounit_id",
                values=ids,
                limit="max-ounit-ids",
                parameters=[("hei_id", self.partner)],
                actor=Actor.system(),
                now=self.now,
                read=OunitsResponse.read,
            )
        )
        last: Answer[Any] = answers[-1] if answers else Answer(Outcome("ok"))
        body = _joined([answer.body for answer in answers]) if last.is_good else b""
        self._keep(row, OUNITS, last, body)
        return last.outcome

    def _unit_ids(self) -> list[str] | None:
        told = partner_copy(self.partner, INSTITUTIONS)
        if told is None or told.message is None:
            return None
        own = [hei for hei in told.message.heis if hei.hei_id == self.partner]
        return list(dict.fromkeys(each for hei in own for each in hei.ounit_ids))[:_MOST_UNITS]

    def _keep(
        self,
        row: PartnerCopy | None,
        api: Api,
        answer: Answer[Any],
        body: bytes,
        *,
        etag: str = "",
    ) -> None:
        now = self.now
        digest = hashlib.sha256(body).hexdigest()
        copy = row or PartnerCopy(hei_id=self.partner, api=api.element, document=b"", digest="")
        copy.asked_at = now
        copy.exchange = answer.exchange
        copy.failure = "" if answer.is_good else answer.outcome.code
        facts = answer.outcome.facts
        copy.failure_facts = {} if answer.is_good else {n: str(v) for n, v in facts.items()}
        before = copy.digest
        if answer.outcome.code == "ok":
            copy.document, copy.digest = body, digest
            copy.etag = etag if len(etag) <= 200 else ""
            copy.changed_at = now if digest != before else copy.changed_at
        elif not answer.is_good:
            copy.etag = ""  # the next question is unconditional
        if answer.is_good:
            copy.fetched_at = now
        with transaction.atomic():
            copy.save()
            if copy.digest != before:
                record(
                    self.actor, "ewp.partner-told", copy, at=now, changes=_change(before, digest)
                )


def _change(before: str, after: str) -> Mapping[str, Any]:
    return {"digest": [before, after]}


def _joined(bodies: list[bytes]) -> bytes:
    """Several answers as one document: the children of all under the first root."""
    if not bodies:
        return OunitsResponse().write()
    if len(bodies) == 1:
        return bodies[0]
    first, *others = (xml.parse(body).node for body in bodies)
    for other in others:
        first.extend(list(other))
    return etree.tostring(first, xml_declaration=True, encoding="UTF-8")


# --- On a person's wish ------------------------------------------------------------------------

_KIND, _ROUND = "ewp.partner", "ewp.partners"


def ask_for_refresh(*, actor: Actor, hei_id: str) -> Work:
    """Has the partner asked now; the work tells how far it is. Raises `NotAPartner`, `AskedAlready`."""
    if not actor.is_operator:
        actor.require_any([May.INSTITUTIONS_EDIT, May.MOBILITIES_EDIT, May.ALLIANCE_EDIT])
    if not any(entry.element in _READERS for entry in registry.apis_of(hei_id)):
        raise NotAPartner("ewp.not-a-partner", partner=hei_id)
    if _open(_KIND).filter(subject_id=hei_id).exists():
        raise AskedAlready("ewp.asked-already", partner=hei_id)
    return jobs.start(kind=_KIND, actor=actor, subject_id=hei_id)


def _open(kind: str) -> Any:  # a query set of works
    return Work.objects.filter(kind=kind, state__in=[Work.State.WAITING, Work.State.RUNNING])


@jobs.handles(_KIND)
def _refresh_one(progress: Progress) -> dict[str, Any]:
    from django.utils import timezone  # noqa: PLC0415 - the edge: work begins now

    hei_id = progress.work.subject_id
    ended = refresh(hei_id=hei_id, actor=Actor.system(), now=timezone.now())
    return {api: outcome.code for api, outcome in ended.items()}


# --- Day by day --------------------------------------------------------------------------------


def due(*, now: datetime, most: int = _AT_ONCE) -> list[str]:
    """Partners to ask now, those first that waited longest: known here, hosted elsewhere, and in the catalogue."""
    known = Institution.objects.filter(hosted=False).values("hei_id")
    offering = (
        HostApi.objects.filter(
            hei_id__in=known,
            element__in=list(_READERS),
            host__catalogue__url=settings.CATALOGUE_URL,
        )
        .order_by()
        .values_list("hei_id", flat=True)
        .distinct()
    )
    asked = dict(
        PartnerCopy.objects.filter(hei_id__in=known)
        .order_by()
        .values_list("hei_id")
        .annotate(last=Max("asked_at"))
    )
    failed = set(
        PartnerCopy.objects.filter(~Q(failure=""), hei_id__in=known).values_list(
            "hei_id", flat=True
        )
    )
    waiting = [
        (asked.get(hei_id), hei_id)
        for hei_id in offering
        if hei_id not in asked
        or asked[hei_id] <= now - (PAUSE_AFTER_FAILURE if hei_id in failed else FRESH)
    ]
    waiting.sort(key=lambda each: (each[0] is not None, each[0] or now, each[1]))
    return [hei_id for _last, hei_id in waiting[:most]]


@every("ewp.partners", pause=timedelta(minutes=2))
def keep_fresh(now: datetime) -> None:
    """Starts a round if somebody is to be asked and no round is under way."""
    if settings.CATALOGUE_URL and not _open(_ROUND).exists() and due(now=now, most=1):
        jobs.start(kind=_ROUND, actor=Actor.system())


@jobs.handles(_ROUND)
def _refresh_due(progress: Progress) -> dict[str, Any]:
    from django.utils import timezone  # noqa: PLC0415 - the edge: work begins now

    partners = due(now=timezone.now())
    ends = time.monotonic() + _ROUND_SECONDS
    failed = 0
    for number, hei_id in enumerate(partners):
        if time.monotonic() > ends:
            partners = partners[:number]
            break
        progress.at(number, len(partners))
        ended = refresh(hei_id=hei_id, actor=Actor.system(), now=timezone.now())
        failed += any(not outcome.is_good for outcome in ended.values())
    progress.at(len(partners), len(partners))
    return {"partners": len(partners), "failed": failed}

"""Which failures are reported, how often, and by whom.

Each problem with a partner is told once an hour, by a task that is never repeated: reports are for people who look at
a list, and a report that gets lost comes again with the next failure. Source: ewp-specs-api-monitoring 0.2, and the
rules of the reference, section 4.6.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import datetime, time, timedelta

from django.db import transaction
from django.utils import timezone
from django_tasks import task

from vaihto.ewp import client, registry
from vaihto.ewp.apis.monitoring import MONITORING, NOT_REPORTED, SERVED_BY
from vaihto.ewp.apis.monitoring.messages import MonitoringResponse, Report, endpoint_name
from vaihto.ewp.models import ProblemReport
from vaihto.ewp.outcomes import Outcome
from vaihto.institutions.models import Institution
from vaihto.jobs.timetable import every
from vaihto.journal.actors import Actor

logger = logging.getLogger("vaihto.ewp")

PAUSE = timedelta(hours=1)
_NAMES = tuple(name for name, _value in Report("", "").parameters)
# What lies with us or our own network says nothing about the partner.
_OUR_OWN = frozenset(
    {
        "ca-file-unusable",
        "catalogue-too-old",
        "name-server-silent",
        "no-catalogue",
        "own-key-missing",
        "too-many-calls",
        "unreachable",
    }
)


def report_of(
    *,
    partner: str,
    api: str,
    endpoint: str,
    status: int | None,
    message: str,
    outcome: Outcome,
) -> Report | None:
    """The report about a failed call; None when it is not to be reported."""
    if api in NOT_REPORTED or partner == SERVED_BY:
        return None
    if outcome.is_good or outcome.code in _OUR_OWN:
        return None
    answered_error = status is not None and status >= 400
    return Report(
        server_hei_id=partner,
        api_name=api,
        endpoint_name=endpoint_name(endpoint),
        http_code=status,
        server_message=message if answered_error else "",
        client_message="" if answered_error else str(outcome),
    )


def hear(
    *,
    institution_id: int,
    partner: str,
    api: str,
    endpoint: str,
    status: int | None,
    message: str,
    outcome: Outcome,
    at: datetime,
) -> None:
    """Listens to `client.FAILED`: writes the report down and has it sent, unless it was sent within the hour."""
    report = report_of(
        partner=partner, api=api, endpoint=endpoint, status=status, message=message, outcome=outcome
    )
    if report is None or not _is_wanted(at):
        return
    found = _due(report, institution_id, at)
    if found is not None:
        transaction.on_commit(lambda: send.enqueue(found))


def _is_wanted(now: datetime) -> bool:
    """Does the network have a portal that takes reports?"""
    try:
        return any(
            entry.usable and entry.namespace == MONITORING.namespace
            for entry in registry.entries(SERVED_BY, MONITORING.element, now=now)
        )
    except registry.TooOld:
        return False


def _due(report: Report, institution_id: int, at: datetime) -> int | None:
    """The row to be sent; None when an equal one was within the hour. Of several processes one gets it."""
    fields = json.dumps(report.parameters, ensure_ascii=False).encode()
    digest = hashlib.sha256(fields).hexdigest()
    row, is_new = ProblemReport.objects.get_or_create(
        digest=digest,
        defaults={
            "institution_id": institution_id,
            "parameters": dict(report.parameters),
            "reported_at": at,
        },
    )
    if is_new:
        return row.pk
    again = ProblemReport.objects.filter(pk=row.pk, reported_at__lte=at - PAUSE)
    return row.pk if again.update(reported_at=at, institution_id=institution_id) else None


@task()
def send(report_id: int) -> None:
    """Sends one report, once; how it ended stands in the row."""
    row = ProblemReport.objects.select_related("institution").filter(pk=report_id).first()
    if row is not None:
        _send(row, institution=row.institution, now=timezone.now())


def _send(row: ProblemReport, *, institution: Institution, now: datetime) -> None:
    answer = client.call(
        institution=institution,
        partner=SERVED_BY,
        api=MONITORING,
        # The database may have put the names in another order.
        parameters=[(name, row.parameters[name]) for name in _NAMES],
        actor=Actor.system(),
        now=now,
        read=MonitoringResponse.read,
        report=False,
    )
    ProblemReport.objects.filter(pk=row.pk).update(outcome=answer.outcome.code)


@every("ewp.forget-reports", at=time(3, 50))
def forget_old(now: datetime) -> None:
    """Rows that no longer keep an equal report back."""
    ProblemReport.objects.filter(reported_at__lt=now - timedelta(days=30)).delete()

"""The doctor's examinations as background work: asked for on a page, of ourselves every morning; the last is kept.

What belongs here: asking, running, and reading the last result. What does not: the findings (`doctor.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from vaihto.ewp import doctor, registry
from vaihto.ewp.doctor import Finding, Level
from vaihto.jobs import actions as jobs
from vaihto.jobs.models import Work
from vaihto.jobs.progress import Progress
from vaihto.jobs.timetable import every
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Invalid, NotAllowed, Unknown
from vaihto.wording import mark as _

KIND = "ewp.examination"
OURSELVES = ""
_LONGEST_FACT = 500
_CERTIFICATES = frozenset(
    {"certificate-good", "certificate-soon", "own-certificate-good", "own-certificate-soon"}
)


class ExaminedAlready(Invalid):
    """Somebody pressed the button a moment ago."""

    sentence = _("This examination is under way already.")
    remedy = _("Wait until its findings are here.")


class NotInNetwork(Unknown):
    """There is nobody to examine."""

    sentence = _("%(partner)s is not in the network's catalogue.")


@dataclass(frozen=True)
class Examination:
    """What an examination found, and when."""

    work_id: int
    partner: str  # empty for ourselves
    at: datetime
    findings: tuple[Finding, ...]

    @property
    def gravest(self) -> Level:
        """The gravest level among the findings."""
        return doctor.gravest(self.findings)


def ask(*, actor: Actor, partner: str = OURSELVES) -> Work:
    """Has the partner examined, or this installation; the work tells how far it is.

    Operators may, and of a partner whoever keeps an institution here. Raises `NotInNetwork`, `ExaminedAlready`.
    """
    if not (actor.is_operator or actor.sees_everything):
        if not partner:
            raise NotAllowed("not-allowed")
        actor.require(May.INSTITUTIONS_EDIT)
    if partner and registry.listed(partner) is None and not registry.apis_of(partner):
        raise NotInNetwork("ewp.not-in-network", partner=partner)
    if under_way(partner) is not None:
        raise ExaminedAlready("ewp.examined-already")
    return jobs.start(kind=KIND, actor=actor, subject_id=partner)


def under_way(partner: str = OURSELVES) -> Work | None:
    """The examination that has not ended yet."""
    running = [Work.State.WAITING, Work.State.RUNNING]
    return Work.objects.filter(kind=KIND, subject_id=partner, state__in=running).first()


def last(partner: str = OURSELVES) -> Examination | None:
    """The newest examination that came to its end."""
    work = (
        Work.objects.filter(kind=KIND, subject_id=partner, state=Work.State.DONE)
        .order_by("-ended_at", "-pk")
        .first()
    )
    return None if work is None else _read(work)


@jobs.handles(KIND)
def _examine(progress: Progress) -> dict[str, Any]:
    made: list[Finding] = []

    def told(finding: Finding) -> None:
        made.append(finding)
        progress.at(len(made), None, finding.about[:100])

    doctor.examine(now=timezone.now(), partner=progress.work.subject_id, told=told)
    return {"findings": [_written(finding) for finding in made]}


def keep(*, partner: str, findings: Iterable[Finding], at: datetime) -> Work:
    """Writes down an examination that was made otherwise than as background work."""
    told = {"findings": [_written(finding) for finding in findings]}
    return Work.objects.create(
        kind=KIND,
        subject_id=partner,
        state=Work.State.DONE,
        started_at=at,
        ended_at=at,
        result=told,
    )


@every("ewp.examine", at=time(5, 20))
def examine_ourselves(now: datetime) -> None:
    """Every morning, so that a certificate that expires or a key that is not listed is told before it hurts."""
    if settings.CATALOGUE_URL and under_way() is None:
        jobs.start(kind=KIND, actor=Actor.system())


def _written(finding: Finding) -> dict[str, Any]:
    facts = {
        name: value if isinstance(value, int | None) else str(value)[:_LONGEST_FACT]
        for name, value in finding.facts.items()
    }
    return {
        "about": finding.about,
        "code": finding.code,
        "level": str(finding.level),
        "facts": facts,
    }


def _read(work: Work) -> Examination:
    findings = [
        Finding(one["about"], one["code"], Level(one["level"]), one["facts"])
        for one in work.result.get("findings", [])
    ]
    at = work.ended_at or work.created_at
    return Examination(work.pk, work.subject_id, at, tuple(findings))


# Certificates ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """Until when a TLS certificate is good, as last seen. `host` is empty for our own public address."""

    partner: str
    host: str
    until: datetime
    seen_at: datetime


def certificates(examinations: Iterable[Examination]) -> list[Certificate]:
    """The certificates that were seen, those first that expire first."""
    found: dict[tuple[str, str], Certificate] = {}
    for one in examinations:
        for finding in one.findings:
            days = finding.facts.get("days")
            if finding.code in _CERTIFICATES and isinstance(days, int):
                host = str(finding.facts.get("host") or "")
                seen = Certificate(one.partner, host, one.at + timedelta(days=days), one.at)
                found.setdefault((one.partner, host), seen)
    return sorted(found.values(), key=lambda each: (each.until, each.host))


def recent(*, since: datetime) -> list[Examination]:
    """The newest examination of everybody who was examined since, ourselves first."""
    works = Work.objects.filter(kind=KIND, state=Work.State.DONE, ended_at__gte=since)
    newest: dict[str, Work] = {}
    for work in works.order_by("subject_id", "-ended_at", "-pk"):
        newest.setdefault(work.subject_id, work)
    return [_read(work) for work in newest.values()]

"""What goes on with partners: last contacts, what waits, what fails, each as far as one may see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import NOON, Cast, account, institution, role
from vaihto.ewp import dealings, examining, exchanges
from vaihto.ewp.doctor import Finding, Level
from vaihto.ewp.models import Exchange
from vaihto.ewp.protocol.http import Request, Response
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Notification, Work
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.people.models import Role
from vaihto.refusals import NotAllowed

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()
VALE = "porto-vale.example"


def out(place: Institution, *, at: datetime = NOON, **more: Any) -> Exchange:
    facts: dict[str, Any] = {
        "partner": VALE,
        "api": "iias",
        "version": "7.0.0",
        "endpoint": "get-url",
        "url": "https://p.example/ewp",
        "request": Request("GET", "/ewp"),
        "answer": Response(200),
        "took_ms": 3,
        "signature": "verified",
        "outcome": "ok",
    }
    return exchanges.keep_outgoing(institution=place, at=at, **{**facts, **more})


def bad(place: Institution, **more: Any) -> Exchange:
    return out(place, **{"outcome": "timeout", "blame": "theirs", "answer": None, **more})


def incoming(place: Institution, *, at: datetime = NOON) -> None:
    exchanges.keep_incoming(
        institution=place,
        callers=(VALE,),
        api="iias",
        version="7.0.0",
        endpoint="index-url",
        request=Request("GET", "/ewp"),
        answer=Response(200),
        at=at,
        took_ms=3,
        signature="verified",
        outcome="ok",
        at_once=True,
    )


def waits(hei_id: str, *, partner: str = VALE, state: str = "waiting", **more: Any) -> Notification:
    facts: dict[str, Any] = {
        "direction": "out",
        "api": "iia-cnr",
        "object_id": f"{Notification.objects.count()}",
        "due_at": NOON,
        "first_at": NOON,
        "changed_at": NOON,
        "expires_at": NOON + timedelta(days=1),
    }
    return Notification.objects.create(
        hei_id=hei_id, partner=partner, state=state, **{**facts, **more}
    )


def test_the_last_contact_each_way_is_the_newest(cast: Cast) -> None:
    out(cast.sending, at=NOON - timedelta(days=2))
    newest = bad(cast.sending, at=NOON - timedelta(hours=1))
    incoming(cast.sending, at=NOON - timedelta(hours=5))
    found = dealings.of([VALE, "third.example"], actor=SYSTEM)
    one = found[VALE]
    assert one.we_asked is not None
    assert one.asked_us is not None
    assert (one.we_asked.exchange_id, one.we_asked.is_good) == (newest.pk, False)
    assert one.asked_us.at == NOON - timedelta(hours=5)
    assert one.is_failing
    assert found["third.example"].we_asked is None


def test_what_waits_and_what_is_set_aside_is_counted_apart(cast: Cast) -> None:
    waits("aalto-north.example", first_at=NOON - timedelta(hours=9))
    waits("aalto-north.example")
    waits("aalto-north.example", state="set-aside")
    waits("aalto-north.example", state="done", ended_at=NOON)
    one = dealings.of([VALE], actor=SYSTEM)[VALE]
    assert (one.waiting, one.set_aside) == (2, 1)
    assert one.waiting_since == NOON - timedelta(hours=9)


def test_an_office_sees_what_concerns_its_own_institution(cast: Cast) -> None:
    out(cast.sending)
    waits("aalto-north.example")
    mine = dealings.of([VALE], actor=cast.actor(cast.bruno))[VALE]
    others = dealings.of([VALE], actor=cast.actor(cast.dara))[VALE]
    nobody = dealings.of([VALE], actor=cast.actor(cast.secretary))[VALE]
    assert (mine.we_asked is not None, mine.waiting) == (True, 1)
    assert (others.we_asked, others.waiting) == (None, 0)
    assert (nobody.we_asked, nobody.waiting) == (None, 0)
    assert dealings.of([VALE], actor=cast.actor(cast.operator))[VALE].waiting == 1


def test_many_partners_cost_no_more_queries_than_one(cast: Cast) -> None:
    for number in range(12):
        institution(f"p{number}.example", hosted=False)
        out(cast.sending, partner=f"p{number}.example")
        waits("aalto-north.example", partner=f"p{number}.example")
    counts = []
    for hei_ids in (["p1.example"], [f"p{number}.example" for number in range(12)]):
        with CaptureQueriesContext(connection) as queries:
            dealings.of(hei_ids, actor=SYSTEM)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4


def test_what_failed_and_went_well_afterwards_does_not_fail(cast: Cast) -> None:
    bad(cast.sending, at=NOON - timedelta(hours=3))
    out(cast.sending, at=NOON - timedelta(hours=2))
    bad(cast.sending, api="factsheet", at=NOON - timedelta(hours=3))
    bad(cast.sending, api="factsheet", at=NOON - timedelta(hours=1))
    bad(cast.sending, api="file", at=NOON - timedelta(days=40))
    (found,) = dealings.failing(actor=SYSTEM, now=NOON)
    assert (found.newest.api, found.history.times) == ("factsheet", 2)
    assert found.history.since == NOON - timedelta(hours=3)
    assert dealings.failing(actor=cast.actor(cast.dara), now=NOON) == []
    assert dealings.failing(actor=SYSTEM, now=NOON, partner="third.example") == []


def test_who_opens_an_exchange_is_written_down(cast: Cast) -> None:
    manager = account("manager")
    role(manager, Role.Name.AGREEMENT_MANAGER, cast.sending)
    one = out(cast.sending)
    for who in (manager, cast.operator):
        exchanges.opened(actor=cast.actor(who), exchange=one, now=NOON)
    lines = Entry.objects.about(one)
    assert [line.verb for line in lines] == ["ewp.exchange-opened"] * 2
    assert {line.actor_label for line in lines} == {"Manager", "Operator"}
    assert {line.institution_id for line in lines} == {cast.sending.pk}
    for who in (cast.bruno, cast.dara, cast.secretary):
        with pytest.raises(NotAllowed):
            exchanges.opened(actor=cast.actor(who), exchange=one, now=NOON)
    stranger = Exchange.objects.get(pk=one.pk)
    stranger.institution_id = None
    with pytest.raises(NotAllowed):
        exchanges.opened(actor=cast.actor(manager), exchange=stranger, now=NOON)


# Examinations ----------------------------------------------------------------------------------


def examined(partner: str, *findings: Finding, at: datetime = NOON) -> Work:
    return examining.keep(partner=partner, findings=findings, at=at)


def soon(days: int, host: str = "") -> Finding:
    code = "certificate-soon" if host else "own-certificate-soon"
    return Finding("x", code, Level.WARNING, {"days": days, "host": host})


def test_the_last_examination_is_read_as_it_was_written(cast: Cast) -> None:
    examined(VALE, soon(3, "p.example"), at=NOON - timedelta(days=2))
    examined(VALE, soon(1, "p.example"), Finding("x", "echo-good", Level.GOOD), at=NOON)
    found = examining.last(VALE)
    assert found is not None
    assert [one.code for one in found.findings] == ["certificate-soon", "echo-good"]
    assert found.gravest is Level.WARNING
    assert examining.last() is None


def test_certificates_are_told_by_the_newest_examination_of_each(cast: Cast) -> None:
    examined(VALE, soon(3, "p.example"), at=NOON - timedelta(days=2))
    examined(VALE, soon(90, "p.example"), at=NOON)
    examined("", soon(5), at=NOON)
    examined("third.example", soon(1, "old.example"), at=NOON - timedelta(days=300))
    found = examining.certificates(examining.recent(since=NOON - timedelta(days=60)))
    assert [(one.partner, one.host, one.until - NOON) for one in found] == [
        ("", "", timedelta(days=5)),
        (VALE, "p.example", timedelta(days=90)),
    ]


def test_an_examination_runs_as_background_work_and_keeps_its_findings(cast: Cast) -> None:
    from vaihto.jobs.actions import run  # noqa: PLC0415 - only here

    work = examining.ask(actor=cast.actor(cast.operator))
    with pytest.raises(examining.ExaminedAlready):
        examining.ask(actor=cast.actor(cast.operator))
    run(work)
    found = examining.last()
    assert found is not None
    assert "database-good" in {one.code for one in found.findings}
    assert examining.under_way() is None
    with pytest.raises(NotAllowed):
        examining.ask(actor=cast.actor(cast.bruno))
    with pytest.raises(examining.NotInNetwork):
        examining.ask(actor=cast.actor(cast.operator), partner="nobody.example")

"""Which failures the network's portal hears of, how often, and what never goes there."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.cast import institution
from tests.ewp import partner as partners
from tests.ewp.partner import Opened, Partner, answers, in_catalogue
from vaihto.ewp import keys, registry
from vaihto.ewp.apis.monitoring import MONITORING, SERVED_BY, reporting
from vaihto.ewp.apis.monitoring.messages import MonitoringResponse
from vaihto.ewp.models import Exchange, ProblemReport
from vaihto.ewp.outcomes import TABLE, Outcome, of_status
from vaihto.ewp.protocol.http import Parameters
from vaihto.institutions.models import Institution

URL = "https://registry.example/catalogue-v1.xml"
NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
SLOW = Outcome("timeout", {"host": "vale.example"})


def report(**more: Any) -> Any:
    facts: dict[str, Any] = {
        "partner": "vale.example", "api": "iias", "endpoint": "get-url", "status": None, "message": "",
        "outcome": SLOW, **more,
    }  # fmt: skip
    return reporting.report_of(**facts)


def test_silence_is_told_in_our_words() -> None:
    assert report().parameters == (
        ("server_hei_id", "vale.example"),
        ("api_name", "iias"),
        ("endpoint_name", "get"),
        ("http_code", ""),
        ("server_message", ""),
        ("client_message", "vale.example took the request and did not answer in time."),
    )


def test_an_error_is_told_in_the_partners_words() -> None:
    outcome = of_status(500, host="vale.example", message="No paper.", key_is_young=False)

    told = dict(report(status=500, message="No paper.", outcome=outcome, endpoint="url").parameters)

    assert (told["endpoint_name"], told["http_code"]) == ("", "500")
    assert (told["server_message"], told["client_message"]) == ("No paper.", "")


def test_a_success_that_makes_no_sense_is_told_with_its_code() -> None:
    told = dict(
        report(status=200, outcome=Outcome("not-xml", {"detail": "Not well-formed."})).parameters
    )

    assert (told["http_code"], told["client_message"]) == (
        "200", "The answer is no XML document: Not well-formed.",
    )  # fmt: skip


@pytest.mark.parametrize("api", ["discovery", "echo", "monitoring", "registry"])
def test_nothing_is_told_about_the_network_itself(api: str) -> None:
    assert report(api=api) is None


def test_nothing_is_told_about_the_portal_nor_about_ourselves() -> None:
    assert report(partner=SERVED_BY) is None
    assert report(outcome=Outcome("own-key-missing")) is None
    assert report(outcome=Outcome("ok")) is None


def test_our_own_troubles_are_endings_that_exist() -> None:
    assert set(TABLE) >= reporting._OUR_OWN


@pytest.fixture
def home(db: None, settings: Any) -> Institution:
    settings.CATALOGUE_URL = URL
    keys.forget()
    registry.forget()
    made = institution("home.example")
    partners.own_key(made, since=dt.datetime.now(dt.UTC) - dt.timedelta(days=30))
    return made


@pytest.fixture
def portal(home: Institution, opened: Opened) -> Partner:
    server = opened(answers(MonitoringResponse().write()))
    in_catalogue(URL, hei_id=SERVED_BY, apis=[(MONITORING, {"url": f"{server.url}/monitoring"})])
    return server


def hear(home: Institution, *, at: dt.datetime = NOW, **more: Any) -> None:
    facts: dict[str, Any] = {
        "partner": "vale.example", "api": "iias", "endpoint": "get-url", "status": None, "message": "",
        "outcome": SLOW, **more,
    }  # fmt: skip
    reporting.hear(institution_id=home.pk, at=at, **facts)


def test_a_network_without_a_portal_hears_nothing(
    home: Institution, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as later:
        hear(home)

    assert (later, ProblemReport.objects.count()) == ([], 0)


def test_equal_problems_are_told_once_an_hour(
    home: Institution, portal: Partner, django_capture_on_commit_callbacks: Any
) -> None:
    def told(minutes: int, **more: Any) -> int:
        with django_capture_on_commit_callbacks() as later:
            hear(home, at=NOW + dt.timedelta(minutes=minutes), **more)
        return len(later)

    assert [told(0), told(1), told(59), told(60), told(61), told(119), told(120)] == [
        1,
        0,
        0,
        1,
        0,
        0,
        1,
    ]
    assert [told(121, api="iias-approval"), told(122, partner="other.example")] == [1, 1]


def test_a_report_goes_signed_to_the_portal_once_whatever_it_answers(
    home: Institution, portal: Partner
) -> None:
    hear(home)
    row = ProblemReport.objects.get()

    reporting.send.call(row.pk)

    [sent] = portal.received
    assert (sent.method, Parameters.read(sent.body).pairs) == ("POST", report().parameters)
    assert (sent.header("authorization") or "").startswith("Signature ")
    row.refresh_from_db()
    assert row.outcome == "ok"

    portal.script = answers(b"", status=500)
    reporting.send.call(row.pk)
    row.refresh_from_db()
    assert row.outcome == "partner-failed"
    # Failing to report is not reported.
    assert (ProblemReport.objects.count(), Exchange.objects.filter(api="monitoring").count()) == (
        1,
        2,
    )


def test_a_failed_call_leads_to_a_report(
    home: Institution, portal: Partner, opened: Opened, django_capture_on_commit_callbacks: Any
) -> None:
    from tests.ewp.test_client import API, things  # noqa: PLC0415 - its API is a good example
    from vaihto.ewp import client  # noqa: PLC0415 - with it
    from vaihto.journal.actors import Actor  # noqa: PLC0415 - with it

    server = opened(answers(b"", status=500))
    in_catalogue(URL, hei_id="vale.example", apis=[(API, {"url": f"{server.url}/"})])

    with django_capture_on_commit_callbacks() as later:
        client.call(
            institution=home, partner="vale.example", api=API, actor=Actor.system(),
            now=dt.datetime.now(dt.UTC), read=things,
        )  # fmt: skip

    assert (len(later), ProblemReport.objects.get().parameters["http_code"]) == (1, "500")


def test_old_reports_are_forgotten(home: Institution, portal: Partner) -> None:
    hear(home)
    reporting.forget_old(NOW + dt.timedelta(days=29))
    assert ProblemReport.objects.count() == 1

    reporting.forget_old(NOW + dt.timedelta(days=31))
    assert ProblemReport.objects.count() == 0

"""What machines ask: alive, ready, and figures to those who may read them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from vaihto.ewp.models import Catalogue
from vaihto.jobs import beat, outbox
from vaihto.jobs.models import Notification, Work

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker() -> Iterator[None]:
    beat.beat("here", now=timezone.now())
    yield
    beat.stop("here")


def test_alive_asks_nothing_of_the_database(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert client.get("/health").json() == {"alive": True}


def test_without_a_worker_it_is_not_ready(client: Client) -> None:
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()) == (
        503,
        {"ready": False, "database": True, "worker": False, "catalogue": None},
    )


def test_with_a_worker_it_is_ready(client: Client, worker: None) -> None:
    assert client.get("/ready").json()["ready"] is True


def test_it_says_how_old_the_catalogue_is_and_is_ready_without_one(
    client: Client, worker: None, settings: Settings
) -> None:
    settings.CATALOGUE_URL = "https://registry.network.example/catalogue-v1.xml"
    never = client.get("/ready").json()
    assert (never["ready"], never["catalogue"]) == (
        True,
        {"state": "never", "age_seconds": None, "failure": ""},
    )
    assert "vaihto_catalogue_age" not in client.get("/metrics").content.decode()
    now = timezone.now()
    Catalogue.objects.create(
        url=settings.CATALOGUE_URL,
        digest="0" * 64,
        confirmed_at=now - timedelta(minutes=9),
        expires_at=now + timedelta(minutes=6),
    )
    told = client.get("/ready").json()["catalogue"]
    assert told["state"] == "fresh"
    assert 540 <= told["age_seconds"] < 600
    figures = client.get("/metrics").content.decode().splitlines()
    (line,) = (line for line in figures if line.startswith("vaihto_catalogue_age_seconds "))
    assert 540 <= float(line.split()[1]) < 600


def test_without_its_database_it_is_alive_and_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError  # noqa: PLC0415

    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(connection, "cursor", away)
    assert client.get("/health").status_code == 200
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, False)


def test_answers_to_machines_are_never_kept(client: Client) -> None:
    assert [
        "no-store" in client.get(address).headers["Cache-Control"]
        for address in ("/health", "/ready", "/metrics")
    ] == [True, True, True]


def test_figures_are_for_this_machine_when_there_is_no_token(client: Client) -> None:
    Work.objects.create(kind="test", state=Work.State.FAILED)
    figures = client.get("/metrics").content.decode()
    assert 'vaihto_work{state="failed"} 1.0' in figures


@pytest.mark.parametrize(
    "way",
    [
        {"REMOTE_ADDR": "203.0.113.9"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"REMOTE_ADDR": ""},
    ],
)
def test_figures_do_not_exist_for_the_world(client: Client, way: dict[str, str]) -> None:
    assert client.get("/metrics", **way).status_code == 404  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "status"), [("Bearer the-token", 200), ("Bearer another", 404), (None, 404)]
)
def test_with_a_token_only_its_bearer_reads_figures(
    client: Client, settings: Settings, given: str | None, status: int
) -> None:
    settings.METRICS_TOKEN = "the-token"
    headers = {"Authorization": given} if given else {}
    assert client.get("/metrics", headers=headers).status_code == status


def test_figures_tell_what_waits_for_partners(client: Client) -> None:
    now = timezone.now()
    for object_id in ("a", "b"):
        outbox.notify(
            hei_id="us.example",
            partner="them.example",
            api="iia-cnr",
            object_ids=[object_id],
            now=now - timedelta(minutes=5),
        )
    Notification.objects.filter(object_id="b").update(state=Notification.State.SET_ASIDE)
    figures = client.get("/metrics").content.decode()
    assert 'vaihto_notifications{direction="out",state="waiting"} 1.0' in figures
    assert 'vaihto_notifications{direction="out",state="set-aside"} 1.0' in figures
    (line,) = (
        line for line in figures.splitlines() if line.startswith("vaihto_notifications_oldest_due")
    )
    assert 300 <= float(line.split()[1]) < 400


def test_a_broker_that_does_not_answer_is_not_ready(
    client: Client, worker: None, settings: Settings
) -> None:
    settings.TASKS = {"default": {**settings.TASKS["default"], "ENQUEUE_ON_COMMIT": True}}
    settings.RQ_QUEUES = {"default": {"URL": "redis://127.0.0.1:1/0?socket_connect_timeout=1"}}
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["queue"]) == (503, False)

"""Background work: it runs once, ends in words, and survives the death of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from tests.cast import NOON, Cast
from vaihto.jobs import actions, beat, timetable
from vaihto.jobs.actions import ask_again, resume_lost, run, run_work, start
from vaihto.jobs.models import Ran, Work
from vaihto.jobs.progress import Progress, seen
from vaihto.journal.actors import Actor
from vaihto.people.models import Person
from vaihto.refusals import Invalid


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch, db: None) -> str:
    """A kind of work that counts to three."""

    def count(progress: Progress) -> dict[str, Any]:
        progress.at(3, 3, "counting")
        return {"counted": 3}

    monkeypatch.setattr(actions, "_HANDLERS", {"test": count})
    return "test"


@pytest.fixture(autouse=True)
def _nobody_beats(db: None) -> Iterator[None]:
    yield
    beat.become("")
    for worker in beat.beats():
        beat.stop(worker)


def begin(kind: str) -> Work:
    return start(kind=kind, actor=Actor.system())


def test_work_is_written_down_with_its_task(kind: str) -> None:
    work = begin(kind)
    assert (work.state, work.has_ended) == (Work.State.WAITING, False)
    assert [task.args_kwargs["args"] for task in DBTaskResult.objects.all()] == [[work.pk]]


def test_work_runs_to_its_end_and_keeps_its_result(kind: str) -> None:
    work = begin(kind)
    run_work.call(work.pk)
    work.refresh_from_db()
    assert (work.state, work.result, work.percent, work.attempts) == (
        "done",
        {"counted": 3},
        100,
        1,
    )


def test_a_second_worker_with_the_same_task_does_nothing(kind: str) -> None:
    work = begin(kind)
    run_work.call(work.pk)
    run_work.call(work.pk)
    work.refresh_from_db()
    assert work.attempts == 1


def test_a_refusal_is_an_end_with_its_facts(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def refuse(_progress: Progress) -> dict[str, Any]:
        raise Invalid("test.refused", sentence="No %(thing)s.", remedy="Bring one.", thing="file")

    monkeypatch.setattr(actions, "_HANDLERS", {"test": refuse})
    work = run(begin(kind))
    assert (work.state, work.refusal["code"], work.refusal["facts"]) == (
        "refused",
        "test.refused",
        {"thing": "file"},
    )


def test_a_fault_marks_the_work_failed_and_is_raised(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(actions, "_HANDLERS", {"test": lambda _progress: 1 // 0})
    work = begin(kind)
    with pytest.raises(ZeroDivisionError):
        run(work)
    work.refresh_from_db()
    assert (work.state, work.ended_at is not None) == ("failed", True)


def test_nobody_starts_work_that_nobody_does(db: None) -> None:
    with pytest.raises(LookupError):
        start(kind="unheard of", actor=Actor.system())


def lost(kind: str, *, worker: str, attempts: int = 1) -> Work:
    """Work that `worker` left running an hour before noon."""
    work = begin(kind)
    Work.objects.filter(pk=work.pk).update(
        state=Work.State.RUNNING,
        worker=worker,
        attempts=attempts,
        started_at=NOON - timedelta(hours=1),
    )
    DBTaskResult.objects.all().delete()
    work.refresh_from_db()
    return work


def test_what_a_dead_worker_left_begins_again(kind: str) -> None:
    work = lost(kind, worker="dead")
    beat.beat("dead", now=NOON - timedelta(minutes=10))
    assert resume_lost(now=NOON) == 1
    work.refresh_from_db()
    assert (work.state, DBTaskResult.objects.count(), beat.beats()) == ("waiting", 1, {})


def test_what_a_living_worker_does_is_left_to_it(kind: str) -> None:
    lost(kind, worker="alive")
    beat.beat("alive", now=NOON - timedelta(seconds=20))
    assert resume_lost(now=NOON) == 0


def test_what_a_worker_nobody_knows_left_begins_again(kind: str) -> None:
    lost(kind, worker="forgotten")
    assert resume_lost(now=NOON) == 1


def test_what_a_command_does_is_lost_only_after_hours(kind: str) -> None:
    lost(kind, worker="")
    assert resume_lost(now=NOON) == 0
    assert resume_lost(now=NOON + timedelta(hours=6)) == 1


def test_work_whose_task_was_lost_is_asked_for_again_and_not_at_once(kind: str) -> None:
    work = begin(kind)
    Work.objects.filter(pk=work.pk).update(enqueued_at=NOON)
    DBTaskResult.objects.all().delete()
    assert ask_again(now=NOON + timedelta(minutes=4)) == 0
    assert ask_again(now=NOON + timedelta(minutes=5)) == 1
    assert ask_again(now=NOON + timedelta(minutes=6)) == 0
    assert DBTaskResult.objects.count() == 1
    run_work.call(work.pk)
    assert ask_again(now=NOON + timedelta(hours=1)) == 0


def test_a_broker_that_is_away_stops_no_change(
    kind: str,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.TASKS = {
        "default": {
            **settings.TASKS["default"],
            "BACKEND": "django_tasks_rq.RQBackend",
            "ENQUEUE_ON_COMMIT": True,
        }
    }
    settings.RQ_QUEUES = {"default": {"URL": "redis://127.0.0.1:1/0?socket_connect_timeout=1"}}
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django_rq"]
    settings.MIGRATION_MODULES = {"django_rq": None}
    with django_capture_on_commit_callbacks(execute=True):
        work = begin(kind)
    work.refresh_from_db()
    assert work.state == Work.State.WAITING


def test_work_that_ends_its_workers_is_given_up(kind: str) -> None:
    work = lost(kind, worker="dead", attempts=3)
    assert resume_lost(now=NOON) == 0
    work.refresh_from_db()
    assert (work.state, work.ended_at) == ("failed", NOON)


def test_who_is_alive_and_who_is_silent(db: None) -> None:
    beat.beat("quick", now=NOON - timedelta(seconds=60))
    beat.beat("slow", now=NOON - timedelta(seconds=61))
    assert (beat.alive(now=NOON), beat.silent(now=NOON)) == (["quick"], ["slow"])


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_while_the_transaction_of_the_work_is_open() -> None:
    work = Work.objects.create(kind="test")
    with transaction.atomic():
        Person.objects.create(family_name="Written but not committed")
        Progress(work).at(10, 40, "reading")
        seen_by_others = seen(Work.objects.get(pk=work.pk))
    assert (seen_by_others.percent, seen_by_others.step) == (25, "reading")


@pytest.mark.django_db(transaction=True)
def test_work_goes_on_when_its_own_transaction_holds_the_row_of_its_progress() -> None:
    work = Work.objects.create(kind="test")
    with transaction.atomic():
        work.step = "held"
        work.save()
        Progress(work).at(10, 40, "reading")  # a second connection would wait for this one for ever
        Person.objects.create(family_name="Still at work")
    assert Person.objects.filter(family_name="Still at work").exists()


def test_people_see_their_own_work_only(kind: str, cast: Cast) -> None:
    mine = start(kind=kind, actor=cast.actor(cast.bruno))
    visible = [
        list(Work.objects.visible_to(cast.actor(who)))
        for who in (cast.bruno, cast.chiara, cast.operator)
    ]
    assert visible == [[mine], [], [mine]]


HELSINKI = ZoneInfo("Europe/Helsinki")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, db: None) -> list[str]:
    """A timetable with one nightly entry that fails, one that works, and one every ten minutes."""
    names: list[str] = []

    def fail(_now: datetime) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr(timetable, "TIMETABLE", {})
    timetable.every("fails", at=time(3))(fail)
    timetable.every("nightly", at=time(3))(lambda _now: names.append("nightly"))
    timetable.every("often", pause=timedelta(minutes=10))(lambda _now: names.append("often"))
    return names


def at(hour: int, minute: int = 0, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=HELSINKI)


def test_timed_work_runs_once_a_day_and_a_failing_entry_stops_no_other(ran: list[str]) -> None:
    for now in (at(2, 59), at(3), at(3, 5), at(23), at(2, day=21), at(3, 1, day=21)):
        timetable.tick(now=now)
    assert ran.count("nightly") == 2


def test_timed_work_runs_every_so_often(ran: list[str]) -> None:
    for minute in (0, 5, 9, 10, 15, 20):
        timetable.tick(now=at(12, minute))
    assert ran.count("often") == 3


def test_of_two_workers_one_runs_it(ran: list[str]) -> None:
    timetable.tick(now=at(12))
    timetable.tick(now=at(12))
    assert (ran.count("often"), Ran.objects.filter(name="often").count()) == (1, 1)

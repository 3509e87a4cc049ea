"""The database is told when tables outgrow what it knows of them, before anybody reads what was written."""

from __future__ import annotations

import pytest
from django.db import connection, models

from tests.cast import NOON
from vaihto.jobs.growth import MANY, tell_of_growth
from vaihto.jobs.models import Beat

pytestmark = pytest.mark.django_db


@pytest.fixture
def _postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite plans by its indexes")


def believed_rows(model: type[models.Model]) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [model._meta.db_table])
        return float(cursor.fetchone()[0])


def add(number: int) -> None:
    Beat.objects.bulk_create(
        Beat(worker=f"{Beat.objects.count()}-{n}", at=NOON) for n in range(number)
    )


def believe_it_empty() -> None:
    """As after a long transaction that was rolled back: pages, and no row in them."""
    add(MANY)
    Beat.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_beat")
    assert believed_rows(Beat) == 0


@pytest.mark.usefixtures("_postgresql")
def test_a_table_believed_empty_is_counted_once_many_rows_were_written() -> None:
    believe_it_empty()
    add(2 * MANY)
    assert "jobs_beat" in tell_of_growth()
    assert believed_rows(Beat) == 2 * MANY
    assert "jobs_beat" not in tell_of_growth()


@pytest.mark.usefixtures("_postgresql")
def test_who_writes_on_is_counted_again_when_it_is_twice_as_much() -> None:
    add(MANY)
    tell_of_growth()
    for _again in range(3):
        add(MANY)
        tell_of_growth()
    assert believed_rows(Beat) >= 2 * MANY


@pytest.mark.usefixtures("_postgresql")
def test_a_few_rows_are_left_to_the_database_itself() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_beat")
    add(3)
    assert "jobs_beat" not in tell_of_growth()


def test_sqlite_is_told_nothing() -> None:
    if connection.vendor == "sqlite":
        add(2 * MANY)
        assert tell_of_growth() == []

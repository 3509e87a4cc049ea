"""The database is told when tables outgrow what it knows of them, before anybody reads what was written."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.cast import NOON
from vaihto.jobs.growth import MANY, tell_of_growth
from vaihto.jobs.models import Beat

pytestmark = pytest.mark.django_db


@pytest.fixture
def growing() -> str:
    """A table of this test alone: PostgreSQL counts up to a second's earlier transactions with this one."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite plans by its indexes")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE growing (number integer, word text) ON COMMIT DROP")
        cursor.execute("ANALYZE growing")
    return "growing"


def believed_rows(table: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table])
        return float(cursor.fetchone()[0])


def add(table: str, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} SELECT n, repeat('word', 20) FROM generate_series(1, %s) AS n",
            [number],
        )


def believe_it_empty(table: str) -> None:
    """As after a long transaction that was rolled back: pages, and no row in them."""
    add(table, MANY)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
        cursor.execute(f"ANALYZE {table}")
    assert believed_rows(table) == 0


def test_a_table_believed_empty_is_counted_once_many_rows_were_written(growing: str) -> None:
    believe_it_empty(growing)
    add(growing, 2 * MANY)
    assert growing in tell_of_growth()
    assert believed_rows(growing) == 2 * MANY
    assert growing not in tell_of_growth()


def test_who_writes_on_is_counted_again_when_it_is_twice_as_much(growing: str) -> None:
    add(growing, MANY)
    tell_of_growth()
    for _again in range(3):
        add(growing, MANY)
        tell_of_growth()
    assert believed_rows(growing) >= 2 * MANY


def test_a_few_rows_are_left_to_the_database_itself(growing: str) -> None:
    add(growing, 3)
    assert growing not in tell_of_growth()


def test_sqlite_is_told_nothing() -> None:
    if connection.vendor == "sqlite":
        Beat.objects.bulk_create(Beat(worker=str(n), at=NOON) for n in range(2 * MANY))
        assert tell_of_growth() == []

"""The journal can be added to and read, and nothing else, by whatever door."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

from tests.cast import NOON, Cast
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor
from vaihto.journal.models import AppendOnly, Entry


@pytest.fixture
def entry(cast: Cast) -> Entry:
    return record(Actor.system(), "mobility.changed", cast.mobility, at=NOON)


@pytest.mark.parametrize(
    "deed",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda _: Entry.objects.update(verb="x"),
        lambda _: Entry.objects.all().delete(),
        lambda entry: Entry.objects.bulk_update([entry], ["verb"]),
        lambda entry: Entry.objects.update_or_create(pk=entry.pk, defaults={"verb": "x"}),
    ],
)
def test_the_models_refuse_to_change_or_remove_an_entry(
    entry: Entry, deed: Callable[[Entry], object]
) -> None:
    with pytest.raises(AppendOnly):
        deed(entry)
    assert Entry.objects.get().verb == "mobility.changed"


@pytest.mark.parametrize(
    "statement", ["UPDATE journal_entry SET verb = 'x'", "DELETE FROM journal_entry"]
)
def test_the_database_refuses_what_goes_past_the_models(entry: Entry, statement: str) -> None:
    with pytest.raises(DatabaseError, match="only be added to"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)
    assert Entry.objects.get().verb == "mobility.changed"


def test_postgresql_refuses_to_empty_the_table(entry: Entry) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has TRUNCATE")
    with pytest.raises(DatabaseError, match="only be added to"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE journal_entry")
    assert Entry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_committing_test_leaves_an_empty_journal() -> None:
    """Twice in a row: the second run fails if the first could not be emptied after itself."""
    assert Entry.objects.count() == 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO journal_entry (at, actor_kind, actor_label, behalf_of, verb, subject_type,"
            " subject_id, subject_label, changes, reason, batch)"
            " VALUES ('2026-01-01 00:00:00', 'system', 'x', '', 'x', 'x', '1', '', '{}', '', '')"
        )


@pytest.mark.django_db(transaction=True)
def test_after_emptying_the_guard_stands_again() -> None:
    test_a_committing_test_leaves_an_empty_journal()
    with pytest.raises(DatabaseError, match="only be added to"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM journal_entry")

"""The tables are empty after a test that commits, also when a server beside it still writes."""

from __future__ import annotations

import threading
import time

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction

from tests.cast import institution
from vaihto.institutions.models import Institution


def _waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def _write_last(begun: threading.Event, ended: list[bool]) -> None:
    """Holds one table, and asks for all others when somebody who empties both waits for it."""
    try:
        with transaction.atomic():
            Institution.objects.select_for_update().get()
            begun.set()
            while not _waits_for_a_lock():
                time.sleep(0.02)
            with connection.cursor() as cursor:
                for name in connection.introspection.table_names():
                    cursor.execute(f'LOCK TABLE "{name}" IN ROW SHARE MODE')
    except OperationalError as error:
        assert "deadlock" in str(error)  # noqa: PT017 - either of the two may be ended
    finally:
        ended.append(True)
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer")
def test_a_writer_that_waits_crosswise_keeps_nothing_in_the_tables() -> None:
    institution("uni.example")
    begun, ended = threading.Event(), []
    writer = threading.Thread(target=_write_last, args=(begun, ended), daemon=True)
    writer.start()
    assert begun.wait(10)
    call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
    writer.join(20)
    assert ended
    assert not Institution.objects.exists()

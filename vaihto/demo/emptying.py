"""Emptying the database of a demo, tables and all, so that it can be built anew."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connection

from vaihto.demo.accounts import NotADemo


def empty() -> None:
    """Removes every table of the database. Refuses with `NotADemo` outside a demo.

    The journal cannot be deleted from, not even by the ORM; so the tables themselves go.
    """
    if not settings.DEMO:
        raise NotADemo("demo.not-a-demo")
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        connection.close()
        for suffix in ("", "-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)
        return
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")

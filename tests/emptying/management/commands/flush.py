"""Django's `flush`, which between committing tests may also empty the journal."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush
from django.db import connections

from vaihto.journal import guard


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            guard.remove(cursor, connection.vendor)
        try:
            super().handle(**options)
        finally:
            with connection.cursor() as cursor:
                guard.install(cursor, connection.vendor)

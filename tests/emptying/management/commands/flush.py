"""Django's `flush`, which between committing tests may also empty the journal."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError
from django.core.management.commands import flush
from django.db import connections

from vaihto.journal import guard

_ATTEMPTS = 5


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            guard.remove(cursor, connection.vendor)
        try:
            self._empty(**options)
        finally:
            with connection.cursor() as cursor:
                guard.install(cursor, connection.vendor)

    def _empty(self, **options: Any) -> None:
        """A server beside the test may write its last batch just now, and the two wait for each other crosswise.

        PostgreSQL then ends one of them; where that is ours, the tables are emptied once more.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                super().handle(**options)
            except CommandError as error:
                if "deadlock detected" not in str(error.__cause__) or attempt == _ATTEMPTS:
                    raise
            else:
                return

"""The database itself refuses to change or remove journal entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import migrations

from vaihto.journal import guard

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _install(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    with editor.connection.cursor() as cursor:
        guard.install(cursor, editor.connection.vendor)


def _remove(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    with editor.connection.cursor() as cursor:
        guard.remove(cursor, editor.connection.vendor)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("journal", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(_install, _remove)]

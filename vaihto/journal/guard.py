"""What makes the database itself refuse to change or remove a journal entry.

Installed by a migration. Whoever owns the database can remove it again, and then has done so knowingly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

_REFUSAL = "the journal can only be added to"

_INSTALL = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS journal_no_{deed.lower()} BEFORE {deed} ON journal_entry "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for deed in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        (
            "CREATE OR REPLACE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
        ),
        # For each statement, so that emptying the table and touching no row are refused as well.
        (
            "CREATE OR REPLACE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            "ON journal_entry FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only()"
        ),
    ],
}
_REMOVE = {
    "sqlite": [
        "DROP TRIGGER IF EXISTS journal_no_update",
        "DROP TRIGGER IF EXISTS journal_no_delete",
    ],
    "postgresql": [
        "DROP TRIGGER IF EXISTS journal_append_only ON journal_entry",
        "DROP FUNCTION IF EXISTS journal_append_only()",
    ],
}


def install(cursor: CursorWrapper, vendor: str) -> None:
    """From now on the database refuses UPDATE, DELETE (and TRUNCATE) on the journal."""
    for statement in _INSTALL[vendor]:
        cursor.execute(statement)


def remove(cursor: CursorWrapper, vendor: str) -> None:
    """Lets the journal be changed: to undo the migration, and to empty a test database."""
    for statement in _REMOVE[vendor]:
        cursor.execute(statement)

"""Telling the database how much has grown, so that its plans fit.

PostgreSQL plans a query by what it last counted, and counts again in the background, up to minutes after
a commit. Until then it may take a table with a hundred thousand new rows for an empty one, join it row by
row with others of that kind, and need hours for what takes a second. So who writes very much says so in the
same transaction, before the rows are read. SQLite plans by its indexes and needs nothing.
"""

from __future__ import annotations

from django.db import connection

MANY = 200  # rows; fewer cannot make a plan slow

# Tables to which this transaction added many rows and whose figures no longer fit: twice the rows or half
# as many pages again. So a transaction that writes on and on counts again ever more seldom. PostgreSQL adds
# what the same connection did within the second before, which costs at most one count too many.
_OUTGROWN = """
SELECT c.oid::regclass::text
FROM pg_stat_xact_user_tables x JOIN pg_class c ON c.oid = x.relid
WHERE x.n_tup_ins >= %s
  AND (
    2 * c.reltuples < x.n_tup_ins
    OR 2 * pg_relation_size(c.oid) > 3 * c.relpages::bigint * current_setting('block_size')::bigint
  )
ORDER BY 1
"""


def tell_of_growth() -> list[str]:
    """Has the database count anew the tables that outgrew what it knows; returns their names.

    Call it within the transaction that wrote. A table that somebody else is counting is left to them.
    """
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(_OUTGROWN, [MANY])
        tables = [name for (name,) in cursor.fetchall()]
        if tables:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {', '.join(tables)}")
    return tables

"""Making a large demo out of a small one: every record copied in the database, with keys of its own.

A million mobilities through the actions would take most of an hour, and the point of a large demo is to
measure something else. So a twentieth is built as always, and the rest are copies of those rows, made by the
database itself in a few statements per table. A copy of a person is another person, with the same name and other
identifiers; nothing refers across copies. Term enrolments are not copied, for the documents hold keys; of the
journal only the lines about mobilities are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models, transaction

from vaihto.journal.models import Entry, subject_type
from vaihto.mobilities.models import Mobility, Segment, Side, StaffVisit
from vaihto.people.models import (
    Employment,
    Person,
    Primacy,
    StudentRecord,
    StudyRight,
    StudyRightSpell,
    StudyRightState,
)
from vaihto.transcripts.models import Attainment

# Those that others refer to first.
COPIED: tuple[type[models.Model], ...] = (
    Person,
    StudentRecord,
    Employment,
    StudyRight,
    StudyRightState,
    StudyRightSpell,
    Primacy,
    Mobility,
    Segment,
    Side,
    StaffVisit,
    Attainment,
)
_NO = "0 = 1"
_KEYS = frozenset({"key", "student_key", "right_key"})


def multiply(copies: int, *, tell: Callable[[str], None] = lambda _sentence: None) -> None:
    """Adds copies of everybody until everything is there `copies` times; each copy is one transaction.

    The database must hold nothing but a freshly built demo. Judging the copies is left to the caller.
    """
    strides = {model: _highest(model) for model in COPIED}
    for number in range(1, copies):
        with transaction.atomic(), connection.cursor() as cursor:
            for model in COPIED:
                cursor.execute(_copy_of(model, number, strides))
            cursor.execute(_journal_of(number, strides[Mobility]))
        tell(f"{number + 1} of {copies} parts")
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [*COPIED, Entry]):
            cursor.execute(statement)
        cursor.execute("ANALYZE")


def _highest(model: type[models.Model]) -> int:
    found: int | None = model._base_manager.aggregate(last=models.Max("pk"))["last"]
    return found or 0


def _copy_of(model: type[models.Model], number: int, strides: dict[type[models.Model], int]) -> str:
    """The statement that copies all rows of the first part."""
    quote = connection.ops.quote_name
    columns, values = [], []
    for field in model._meta.concrete_fields:
        name = quote(str(field.column))
        columns.append(name)
        values.append(_value(field, name, number, strides, model))
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"  # noqa: S608 - our own names
        f" FROM {table} WHERE {key} <= {strides[model]}"
    )


def _value(
    field: models.Field[Any, Any],
    name: str,
    number: int,
    strides: dict[type[models.Model], int],
    model: type[models.Model],
) -> str:
    """What stands in a column of the copy."""
    if field.primary_key and not field.is_relation:
        return f"{name} + {number * strides[model]}"
    if field.is_relation:
        target = field.related_model
        stride = strides.get(target) if isinstance(target, type) else None
        return f"{name} + {number * stride}" if stride is not None else name
    if field.name in _KEYS:
        return f"CASE WHEN {name} = '' THEN '' ELSE {name} || '-{number}' END"
    if field.name == "learner_number":
        return f"REPLACE({name}, '1.2.246.562.24.000', '1.2.246.562.24.0{number:02d}')"
    if field.name == "email":
        return f"REPLACE({name}, '@', '.{number}@')"
    if field.name == "esis":
        text = f"REPLACE(CAST({name} AS text), '\"]', '-{number}\"]')"
        return f"CAST({text} AS jsonb)" if connection.vendor == "postgresql" else text
    return name


def _journal_of(number: int, stride: int) -> str:
    quote = connection.ops.quote_name
    columns, values = [], []
    for field in Entry._meta.concrete_fields:
        if field.primary_key:
            continue
        name = quote(str(field.column))
        columns.append(name)
        shifted = f"CAST(CAST({name} AS bigint) + {number * stride} AS text)"
        values.append(shifted if field.name == "subject_id" else name)
    subject = subject_type(Mobility)
    return (
        f"INSERT INTO {quote(Entry._meta.db_table)} ({', '.join(columns)})"  # noqa: S608 - our own names
        f" SELECT {', '.join(values)} FROM {quote(Entry._meta.db_table)}"
        f" WHERE CASE WHEN subject_type = '{subject}'"
        f" THEN CAST(subject_id AS bigint) <= {stride} ELSE {_NO} END"
    )


def left_out() -> list[str]:
    """Models that lead to a person and are not copied: for the test that notices a new one."""
    reached: set[type[models.Model]] = {Person}
    grown = True
    while grown:
        more = {
            model
            for model in apps.get_models()
            if model not in reached
            and any(field.related_model in reached for field in model._meta.concrete_fields)
        }
        reached |= more
        grown = bool(more)
    return sorted(model._meta.label for model in reached - set(COPIED))

"""The facts of a validation case (contract, kind `validation`) as the tables of a batch.

Only what the facts give becomes a table; all periods and rights are taken to be of one student.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any  # facts hold plain values

import polars as pl

from vaihto.rules import batches
from vaihto.rules.batches import Batch

NUMBER = " (number)"  # what a value that should have been text ends with
_PERSON = "-"
_AS_GIVEN = (
    "country_name", "planned_blended", "end_is_estimate", "adult_education", "change_reason",
    "agreement_linked", "erasmus_frame", "agreement_purpose", "partner_country",
)  # fmt: skip
_DIRECTIONS = {"1": "outgoing", "2": "incoming"}
_STRETCHES = ("states", "spells", "primary")


def batch_of(facts: Mapping[str, Any], *, today: date | None = None) -> Batch:
    """The tables that the facts give; what they do not give stays None.

    A granting institution of the rights stands for one the facts do not name.
    """
    periods, rights = _both(facts, "period"), _both(facts, "study_right")
    institution = code(facts.get("institution")) or _granting(rights)
    period_rows = [
        _period_row(entry, facts, institution, number) for number, entry in enumerate(periods)
    ]
    named = {row["right"] for row in period_rows} - {None}
    right_rows = [_right_row(entry, institution, number) for number, entry in enumerate(rights)]
    if len(right_rows) == len(named) == 1 and rights[0].get("key") is None:
        right_rows[0]["right"] = named.pop()  # the only right is the one the periods name
    tables: dict[str, pl.DataFrame | None] = {
        "periods": _table("periods", period_rows) if period_rows else None,
        "study_rights": _table("study_rights", right_rows)
        if facts.get("study_right") is not None or facts.get("study_rights") is not None
        else None,
    }
    for name in _STRETCHES:
        stretches = [
            _stretch_row(one, right_rows[number], name)
            for number, entry in enumerate(rights)
            for one in entry.get(name) or []
        ]
        present = any(entry.get(name) is not None for entry in rights)
        tables[name] = _table(name, stretches) if present else None
    parts = [
        {**part, **_days(part), "period": row["period"], "institution": institution}
        for row, entry in zip(period_rows, periods, strict=True)
        for part in entry.get("segments") or []
    ]
    tables["segments"] = _table("segments", parts) if parts else None
    return Batch(**tables, as_of=day(facts.get("as_of")) or today)


def _both(facts: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The single thing and the list of its kind, as one list."""
    one = facts.get(name)
    return [*([one] if one is not None else []), *(facts.get(f"{name}s") or [])]


def _granting(rights: list[Mapping[str, Any]]) -> str | None:
    granting = {right.get("institution") for right in rights} - {None}
    return granting.pop() if len(granting) == 1 else None


def _table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = batches.TABLES[name]
    return pl.DataFrame(
        [{key: row.get(key) for key in schema} for row in rows], schema=dict(schema), orient="row"
    )


def _period_row(
    entry: Mapping[str, Any], facts: Mapping[str, Any], institution: str | None, number: int
) -> dict[str, Any]:
    direction = code(entry.get("direction"))
    # Credits stand beside a single period; of several, each would have to carry its own.
    recorded = entry.get("credits", facts.get("credits") if "periods" not in facts else None)
    return {
        **{name: entry.get(name) for name in _AS_GIVEN},
        **{name: code(entry.get(name)) for name in ("country", "type", "programme", "level")},
        **_days(entry),
        "period": code(entry.get("key")) or f"#{number + 1}",
        "person": _PERSON,
        "institution": institution,
        "right": code(entry.get("study_right_key")),
        "direction": _DIRECTIONS.get(direction or "", direction),
        "classifications": [code(one) for one in entry.get("classifications") or []],
        "credits": None if recorded is None else float(recorded),
        "changed_on": day(entry.get("changed_on")),
    }


def _right_row(entry: Mapping[str, Any], institution: str | None, number: int) -> dict[str, Any]:
    return {
        **_days(entry),
        "person": _PERSON,
        "right": code(entry.get("key")) or f"#{number + 1}",
        "institution": code(entry.get("institution")) or institution,
        "type": code(entry.get("type")),
        "given_up_on": day(entry.get("given_up_on")),
    }


def _stretch_row(entry: Mapping[str, Any], right: Mapping[str, Any], table: str) -> dict[str, Any]:
    row: dict[str, Any] = {"person": right["person"], "right": right["right"], **_days(entry)}
    if table == "states":
        row["code"] = code(entry.get("code"))
    if table == "spells":
        row["classifications"] = [code(one) for one in entry.get("classifications") or []]
        row["funding_source"] = code(entry.get("funding_source"))
    return row


def _days(entry: Mapping[str, Any]) -> dict[str, date | None]:
    return {"start": day(entry.get("start")), "end": day(entry.get("end"))}


def day(value: object) -> date | None:
    """A day from a date or its ISO text; a moment is cut to its day."""
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(str(value)[:10])


def code(value: object) -> str | None:
    """A code is text; a bare number has lost its leading zeros and is in no list (Q08)."""
    if value is None or isinstance(value, str):
        return value
    return f"{value}{NUMBER}"

"""Credits: what of an attainment is sent, in which form, and in which column the ministry counts it.

Recording (V18, V19, V20, V26, V36, V50) decides the dates, the source and the classification; the
columns of the yearly credit count (S16, S32 to S36) are those of the rules themselves. Credits are
`Decimal` where they are added up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any  # facts hold plain values

import polars as pl

from vaihto.rules import checks, finland, given
from vaihto.rules.batches import ATTAINMENTS_TO_SEND, conform
from vaihto.rules.findings import Rule

_OF: dict[str, Rule] = {one.code: one for one in finland.RULES}
COLUMNS = {
    "own_credits": "S32",
    "recognised_from_abroad": "S33",
    "traineeship_abroad": "S34",
    "incoming_exchange": "S35",
}
INCOMING = ("incoming_exchange", "incoming_trainee")
INCOMING_CREDITS, DOMESTIC_TRAINEESHIP, TRAINEESHIP_ABROAD = "2", "7", "8"
SOURCE_ROLE = "3"


def record_attainments(attainments: pl.LazyFrame) -> pl.LazyFrame:
    """Attainments with `to_send` and the values that are sent.

    Adds `sent_completed`, `sent_recognised_on`, `sent_source`, `sent_classifications`. A traineeship is
    our own attainment (V36): it never has a recognition date or a source, whatever was written down.
    """
    traineeship = pl.col("traineeship").fill_null(value=False)
    abroad = pl.col("abroad").fill_null(value=False)
    before_studies = (pl.col("mobility_start") < pl.col("study_right_start")).fill_null(value=False)
    incoming = pl.col("student").is_in(INCOMING).fill_null(value=False)
    no_text = pl.lit(None, dtype=pl.String)
    classification = (
        pl.when(incoming)
        .then(pl.lit(INCOMING_CREDITS))
        .when(traineeship & ~abroad)
        .then(pl.lit(DOMESTIC_TRAINEESHIP))
        .when(traineeship & ~before_studies)  # A19: before studies it is left to the registrar
        .then(pl.lit(TRAINEESHIP_ABROAD))
        .otherwise(no_text)
    )
    trainee = _OF["V26"].finding
    return attainments.with_columns(
        to_send=_OF["V50"].finding.holds
        & pl.when(pl.col("student") == "incoming_trainee")
        .then(trainee.holds.fill_null(value=False))
        .otherwise(statement=True),
        sent_completed=_OF["V18"]
        .finding.column("_")
        .struct.field("used")
        .fill_null(pl.col("completed")),
        sent_recognised_on=pl.when(~traineeship).then(pl.col("recognised_on")),
        sent_source=pl.when(~traineeship).then(
            _OF["V20"].finding.column("_").struct.field("source").fill_null(pl.col("source_code"))
        ),
        sent_classifications=pl.when(classification.is_not_null())
        .then(pl.concat_list(classification))
        .otherwise(pl.lit([], dtype=pl.List(pl.String))),
    )


def count_attainments(attainments: pl.LazyFrame) -> pl.LazyFrame:
    """Attainments of `record_attainments` with one credit column each of the ministry's count.

    The credits where the column counts the attainment, nought where it does not, missing where that
    cannot be told. The asked year is the column `ask_year`.
    """
    as_sent = attainments.with_columns(
        completed=pl.col("sent_completed"),
        recognised_on=pl.col("sent_recognised_on"),
        source_code=pl.col("sent_source"),
        granted_by=pl.when(pl.col("traineeship").fill_null(value=False))
        .then(pl.lit("home"))
        .otherwise(pl.col("granted_by")),
    )
    return as_sent.with_columns(
        **{name: _credits(name, _OF[code]) for name, code in COLUMNS.items()}
    )


def _credits(name: str, one: Rule) -> pl.Expr:
    finding = one.finding
    applies = pl.lit(value=True) if finding.when is None else finding.when.fill_null(value=False)
    holds = finding.holds
    if name == "traineeship_abroad":
        holds = holds & pl.col("sent_classifications").list.contains(TRAINEESHIP_ABROAD)
    elif name == "incoming_exchange":
        # An incoming trainee has the same exchange right and the same classification.
        applies = pl.col("sent_classifications").list.contains(INCOMING_CREDITS)
    return (
        pl.when(~applies | ~pl.col("to_send") | ~holds)
        .then(pl.lit(0.0))
        .when(holds)
        .then(pl.col("ects"))
    )


def count(facts: Mapping[str, Any], *, language: str = "en") -> dict[str, Any]:
    """What the rules say of the attainments of one student: the contract's kind `credits`.

    Gives `virta` (one object per attainment to be sent), `virta_attainments`, `okm`, `validation`,
    `mobility_counted` and `mobility_reason`; both of the last are None without a mobility.
    """
    rows = [
        _row(facts, entry, number) for number, entry in enumerate(facts.get("attainments") or [])
    ]
    frame = pl.DataFrame(rows, schema=ATTAINMENTS_TO_SEND, orient="row")
    judged = count_attainments(record_attainments(conform(frame, ATTAINMENTS_TO_SEND))).collect()
    sent = judged.filter(pl.col("to_send"))
    counted, reason = mobility_verdict(facts)
    return {
        "virta": [_as_virta(row) for row in sent.iter_rows(named=True)],
        "virta_attainments": sent.height,
        "okm": {name: _total(judged[name]) for name in COLUMNS},
        "validation": checks.validate_attainments(
            frame.filter(judged["to_send"]),
            mobility_counted=counted is not False,
            language=language,
        ),
        "mobility_counted": counted,
        "mobility_reason": reason,
    }


def _row(facts: Mapping[str, Any], entry: Mapping[str, Any], number: int) -> dict[str, Any]:
    """An attainment with what its student and its mobility add to it.

    A flag left out is false (contract); one that is null is not known, and the stay answers for it.
    """
    mobility = facts.get("mobility") or {}
    student = facts.get("student")
    traineeship = entry.get("traineeship", False)
    if traineeship is None and student == "degree":
        traineeship = mobility.get("purpose") == "traineeship"  # V36 asks for the purpose
    abroad = entry.get("abroad", False)
    if abroad is None:
        abroad = bool(traineeship) and bool(mobility)
    ects = entry.get("ects")
    # Only of an incoming trainee the contract asks for the frame (V26); with others false says nothing.
    framed = entry.get("ects_based") if student == "incoming_trainee" else None
    return {
        "attainment": str(number),
        "person": "",
        "institution": facts.get("institution"),
        "student": student,
        "kind": None if entry.get("kind") is None else str(entry["kind"]),
        "ects": None if ects is None else float(ects),
        "granted_by": entry.get("granted_by"),
        "completed": given.day(entry.get("completed")),
        "recognised_on": given.day(entry.get("recognised_on")),
        "source_code": entry.get("source_code"),
        "traineeship": bool(traineeship),
        "abroad": bool(abroad),
        "ects_based": framed,
        "could_be_part_of_finnish_degree": entry.get("could_be_part_of_finnish_degree"),
        "mobility_start": given.day(mobility.get("start")),
        "mobility_end": given.day(mobility.get("end")),
        "mobility_purpose": mobility.get("purpose"),
        "fully_virtual": mobility.get("fully_virtual"),
        "study_right_start": given.day(facts.get("study_right_start")),
        "ask_year": facts.get("ask_year"),
    }


def _as_virta(row: Mapping[str, Any]) -> dict[str, Any]:
    source = row["sent_source"]
    return {
        "SuoritusPvm": _iso(row["sent_completed"]),
        "HyvaksilukuPvm": _iso(row["sent_recognised_on"]),
        "Myontaja": row["institution"],
        "source_organisation": {"Rooli": SOURCE_ROLE, "Koodi": source} if source else None,
        "Luokittelu": row["sent_classifications"],
    }


def mobility_verdict(facts: Mapping[str, Any]) -> tuple[bool | None, str | None]:
    """Whether the stay itself is a mobility of the student, and why not. Source: S15, S16, S18."""
    mobility = facts.get("mobility")
    if not mobility:
        return None, None
    if mobility.get("fully_virtual"):
        return False, "X_FULLY_VIRTUAL"
    start, right = given.day(mobility.get("start")), given.day(facts.get("study_right_start"))
    if start is not None and right is not None and start < right:
        return False, "X_BEFORE_STUDIES"
    return True, None


def _total(column: pl.Series) -> int | float | None:
    """The sum without a rounding error; None when one of the attainments cannot be told."""
    if column.null_count():
        return None
    total = sum((Decimal(str(one)) for one in column), Decimal(0))
    return int(total) if total == total.to_integral_value() else float(total)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()

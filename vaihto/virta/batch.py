"""VIRTA records as the batch that the checks before sending (Q02 to Q50) read.

Knows nothing but what stands in the records: parts of a stay, agreements and learning agreements are
not in a VIRTA file, so the checks that need them say nothing. Days that are no dates count as missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from vaihto.rules import batches, checks
from vaihto.rules.batches import Batch
from vaihto.rules.frames import KEY, Schema
from vaihto.virta.records import (
    KIND_OF,
    Liikkuvuusjakso,
    LukukausiIlmoittautuminen,
    Opintosuoritus,
    Opiskelija,
    Opiskeluoikeus,
    Record,
)

ROWS = 50_000
"""So many rows of a table are gathered as Python values before they become columns."""

DIRECTIONS = {"1": "outgoing", "2": "incoming"}
SOURCE, MERGED_GRANTOR = "3", "5"
ABROAD = frozenset({"UK", "UM"})
INCOMING_EXCHANGE, TRAINEESHIP_ABROAD = "2", "8"
TRAINEESHIPS = frozenset({"7", "8", "15"})
DEGREE = "1"
BIRTH_DATE_LENGTH = 7
"""`131052-` is a birth date; what is longer is a whole identity code."""

ELEMENTS: Mapping[str, str] = {
    "period": "Liikkuvuusjakso",
    "study_right": "Opiskeluoikeus",
    "state": "Opiskeluoikeus",
    "spell": "Opiskeluoikeus",
    "attainment": "Opintosuoritus",
    "student": "Opiskelija",
    "graduate": "Opiskelija",
    "enrolment": "LukukausiIlmoittautuminen",
}
"""The element of the record that a finding is about, by the kind the checks name."""

LEFT_TO_THE_SCHEMA = ("Q01", "Q08")


@dataclass
class Gathered:
    """Tables growing record by record."""

    tables: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    waiting: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seen: set[type[Record]] = field(default_factory=set)

    def add(self, record: Record, *, line: int = 0) -> None:
        """Take a record in. `line` is where it stands in its file, for those who look for it."""
        self.seen.add(type(record))
        for table, row in _ROWS[type(record)](record):
            row["line"] = line
            rows = self.waiting.setdefault(table, [])
            rows.append(row)
            if len(rows) >= ROWS:
                self._settle(table)

    def table(self, name: str) -> pl.DataFrame:
        """All rows of a table so far; it has a column `line` beside those of the checks."""
        if self.waiting.get(name):
            self._settle(name)
        parts = self.tables.get(name)
        return pl.concat(parts) if parts else pl.DataFrame(schema=_with_line(batches.TABLES[name]))

    def _settle(self, table: str) -> None:
        schema = _with_line(batches.TABLES[table])
        rows = self.waiting.pop(table)
        frame = pl.DataFrame(rows, schema=schema, orient="row", strict=False)
        self.tables.setdefault(table, []).append(frame)

    def batch(self, *, whole: bool, as_of: date | None) -> Batch:
        """The batch of everything gathered. In a `whole` one, a kind without records is empty, not ungiven."""
        given = {kind: whole or kind in self.seen for kind in KIND_OF}
        periods = self.table("periods") if given[Liikkuvuusjakso] else None
        rights = self.table("study_rights") if given[Opiskeluoikeus] else None
        attainments = self.table("attainments") if given[Opintosuoritus] else None
        if periods is not None and rights is not None:
            merged = rights.filter("merged_grantor")["right"]
            periods = periods.with_columns(merged_grantor=pl.col("right").is_in(merged.implode()))
        return Batch(
            periods=periods,
            students=self._students() if given[Opiskelija] else None,
            study_rights=rights,
            states=self.table("states") if rights is not None else None,
            spells=self.table("spells") if rights is not None else None,
            primary=self.table("primary") if rights is not None else None,
            attainments=attainments,
            degrees=self.table("degrees") if attainments is not None else None,
            enrolments=self.table("enrolments") if given[LukukausiIlmoittautuminen] else None,
            yearly=checks.yearly_counts(periods.lazy()) if periods is not None else None,
            as_of=as_of,
        )

    def _students(self) -> pl.DataFrame:
        """Students with the institution of their records, which their own records do not name."""
        students = self.table("students").drop("institution")
        at = [
            self.table(name).select("person", "institution")
            for name in ("periods", "study_rights", "attainments", "enrolments")
        ]
        known = (
            pl.concat(at)
            .filter(pl.col("institution").is_not_null())
            .unique()
            .sort("person", "institution")
        )
        most = known["institution"].mode().sort()
        return students.join(known, on="person", how="left", maintain_order="left").with_columns(
            pl.coalesce("institution", pl.lit(most.first(), dtype=KEY))
        )

    def lines(self) -> pl.DataFrame:
        """Where the records of the checks stand: columns `kind`, `key`, `line`, the first of each key."""
        keys = (
            ("period", "periods", "period"),
            ("study_right", "study_rights", "right"),
            ("attainment", "attainments", "attainment"),
            ("student", "students", "person"),
            ("enrolment", "enrolments", "person"),
        )
        tables = [
            self.table(table).select(kind=pl.lit(kind), key=pl.col(key), line=pl.col("line"))
            for kind, table, key in keys
        ]
        return pl.concat(tables).group_by("kind", "key").agg(pl.col("line").min())


def findings(gathered: Gathered, *, whole: bool, as_of: date | None) -> pl.DataFrame:
    """What the checks find: columns of `checks.CHECK_FINDINGS`, and `line`.

    What the schema says itself (a value that is missing or not in its list) is left to the schema.
    """
    found = checks.check_frames(gathered.batch(whole=whole, as_of=as_of))
    found = found.filter(~pl.col("check").is_in(LEFT_TO_THE_SCHEMA))
    if not found.height:
        return found.with_columns(line=pl.lit(0, dtype=pl.Int64))
    of_record = pl.col("kind").replace(
        {"graduate": "student", "state": "study_right", "spell": "study_right"}
    )
    lined = found.with_columns(of_record=of_record).join(
        gathered.lines().rename({"kind": "of_record"}),
        on=["of_record", "key"],
        how="left",
        maintain_order="left",
    )
    # A student with records of two institutions is a row of both, and told once.
    once = ["check", "kind", "person", "key", "compared"]
    told = lined.unique(once, keep="first", maintain_order=True)
    return told.drop("of_record").with_columns(pl.col("line").fill_null(0))


def gather(records: Iterable[Record]) -> Gathered:
    """All records, as tables."""
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    return gathered


# --- values ---------------------------------------------------------------------------------------


def day(text: str | None) -> date | None:
    """The date a text says, its time zone left aside; None when there is none."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None


def number(text: str | None) -> float | None:
    """The number a text says; None when there is none."""
    if text is None:
        return None
    try:
        return float(Decimal(text.strip()))
    except InvalidOperation:
        return None


def _with_line(schema: Schema) -> Schema:
    return {**schema, "line": pl.Int64()}


# --- rows -----------------------------------------------------------------------------------------

_Rows = Iterator[tuple[str, dict[str, Any]]]


def _period(record: Liikkuvuusjakso) -> _Rows:
    yield (
        "periods",
        {
            "period": record.avain,
            "person": record.opiskelijaAvain,
            "institution": record.Myontaja or None,
            "right": record.opiskeluoikeusAvain,
            "direction": DIRECTIONS.get(record.Suunta),
            "start": day(record.AlkuPvm),
            "end": day(record.LoppuPvm),
            "country": record.Maa or None,
            "type": record.Tyyppi,
            "programme": record.Liikkuvuusohjelma,
            "level": record.OpiskeluoikeusTyyppi,
            "classifications": list(record.Luokittelu),
        },
    )


def _student(record: Opiskelija) -> _Rows:
    code = (record.Henkilotunnus or "").strip()
    yield (
        "students",
        {
            "person": record.avain,
            "has_identity_code": len(code) > BIRTH_DATE_LENGTH,
            "learner_number": record.KansallinenOppijanumero or None,
            "gender": record.Sukupuoli,
            "citizenship": record.Kansalaisuus[0] if record.Kansalaisuus else None,
            "family_name": record.Sukunimi or None,
            "given_names": record.Etunimet or None,
        },
    )


def _right(record: Opiskeluoikeus) -> _Rows:
    of = {"person": record.opiskelijaAvain, "right": record.avain}
    yield (
        "study_rights",
        {
            **of,
            "institution": record.Myontaja or None,
            "type": record.Tyyppi or None,
            "start": day(record.AlkuPvm),
            "end": day(record.LoppuPvm),
            "merged_grantor": any(each.Rooli == MERGED_GRANTOR for each in record.Organisaatio),
        },
    )
    for state in record.Tila:
        yield (
            "states",
            {**of, "code": state.Koodi, "start": day(state.AlkuPvm), "end": day(state.LoppuPvm)},
        )
    for spell in record.Jakso:
        yield (
            "spells",
            {
                **of,
                "start": day(spell.AlkuPvm),
                "end": day(spell.LoppuPvm),
                "classifications": list(spell.Luokittelu),
                "funding_source": spell.Rahoituslahde,
            },
        )
    for primacy in record.Ensisijaisuus:
        yield "primary", {**of, "start": day(primacy.AlkuPvm), "end": day(primacy.LoppuPvm)}


def _attainment(record: Opintosuoritus) -> _Rows:
    source = next((each.Koodi for each in record.Organisaatio if each.Rooli == SOURCE), None)
    classes = frozenset(record.Luokittelu)
    completed = day(record.SuoritusPvm)
    yield (
        "attainments",
        {
            "attainment": record.avain,
            "person": record.opiskelijaAvain,
            "right": record.opiskeluoikeusAvain,
            "institution": record.Myontaja or None,
            "student": "incoming_exchange" if INCOMING_EXCHANGE in classes else "degree",
            "kind": record.Laji or None,
            "ects": number(record.Laajuus.Opintopiste),
            "granted_by": _granted_by(source, recognised=record.HyvaksilukuPvm is not None),
            "completed": completed,
            "recognised_on": day(record.HyvaksilukuPvm),
            "source_code": source,
            "traineeship": bool(classes & TRAINEESHIPS),
            "abroad": TRAINEESHIP_ABROAD in classes,
        },
    )
    if record.Laji == DEGREE:
        yield (
            "degrees",
            {
                "person": record.opiskelijaAvain,
                "right": record.opiskeluoikeusAvain,
                "date": completed,
            },
        )


def _granted_by(source: str | None, *, recognised: bool) -> str | None:
    if source in ABROAD:
        return "foreign_hei"
    if source is not None:
        return "finnish_hei"
    return None if recognised else "home"


def _enrolment(record: LukukausiIlmoittautuminen) -> _Rows:
    yield (
        "enrolments",
        {
            "person": record.opiskelijaAvain,
            "institution": record.Myontaja or None,
            "state": record.Tila or None,
            "start": day(record.AlkuPvm),
            "end": day(record.LoppuPvm),
        },
    )


_ROWS: Mapping[type[Record], Callable[[Any], _Rows]] = {
    Liikkuvuusjakso: _period,
    Opiskelija: _student,
    Opiskeluoikeus: _right,
    Opintosuoritus: _attainment,
    LukukausiIlmoittautuminen: _enrolment,
}

"""A rule, and what it found: which rows it holds for *and* the values it compared.

Declaring a rule:

    @rule("S07", on=frames.PERIOD)
    def long_period() -> Finding:
        limit = parameter("long_period_minimum").at(pl.col("start"))
        return Finding(pl.col("days") >= limit, days=pl.col("days"), limit=limit)

Its effect, title, sentences, source and validity stand under its code in the second document of
`<topic>.yaml`, in three languages; the topic is the module's name. `evaluate` adds one struct column
per rule to a frame: field `holds` (true, false, or missing = cannot be told) and one field per
compared value; the whole struct is missing where the rule does not apply (`when`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any  # compared values are plain values of any kind

import polars as pl

from vaihto.codes import country_name
from vaihto.rules import declarations
from vaihto.rules.declarations import Unreadable


class Effect(StrEnum):
    """What follows when the rule speaks."""

    BLOCK = "block"
    WARN = "warn"
    EXPLAIN = "explain"
    COUNT = "count"
    CLOCK = "clock"


class Finding:
    """The deciding expression, where it applies, and the compared expressions by name."""

    __slots__ = ("compared", "holds", "when")

    def __init__(self, holds: pl.Expr, when: pl.Expr | None = None, **compared: pl.Expr) -> None:
        self.holds = holds
        self.when = when
        self.compared = compared

    def column(self, name: str) -> pl.Expr:
        """The struct column of this finding."""
        fields = [self.holds.cast(pl.Boolean).alias("holds")]
        fields += [value.alias(key) for key, value in self.compared.items()]
        struct = pl.struct(fields)
        if self.when is not None:
            struct = pl.when(self.when).then(struct)
        return struct.alias(name)


@dataclass(frozen=True)
class Subject:
    """What one row is that a rule speaks of, and the columns such a row has."""

    name: str
    schema: Mapping[str, pl.DataType]

    def frame(self, rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
        """Rows with all columns of the subject; what a row does not name is missing."""
        given = list(rows)
        unknown = sorted({key for row in given for key in row} - set(self.schema))
        if unknown:
            raise KeyError(f"{self.name} has no column {', '.join(unknown)}")
        return pl.DataFrame(given, schema=dict(self.schema), orient="row")


@dataclass(frozen=True)
class Texts:
    """The declaration of a rule as people read it."""

    effect: Effect
    title: Mapping[str, str]
    holds: Mapping[str, str]
    fails: Mapping[str, str]
    source: str
    since: date | None
    until: date | None


@dataclass(frozen=True)
class Rule:
    """A rule by its code of the reference (V, S, Q, E, T)."""

    code: str
    topic: str
    subject: Subject
    logic: Callable[[], Finding]

    @cached_property
    def finding(self) -> Finding:
        """The expressions; made once."""
        return self.logic()

    @cached_property
    def texts(self) -> Texts:
        """Effect, title, sentences, source and validity from the topic's file."""
        return read_texts(self.topic, self.code)

    @property
    def effect(self) -> Effect:
        return self.texts.effect

    @property
    def source(self) -> str:
        return self.texts.source

    def title(self, language: str = "en") -> str:
        """The short name of the rule."""
        return self.texts.title.get(language) or self.texts.title["en"]

    def column(self) -> pl.Expr:
        """The struct column of the rule, named by its code."""
        return self.finding.column(self.code)

    def sentence(
        self, holds: bool | None, compared: Mapping[str, object], language: str = "en"
    ) -> str:
        """What was found, in the reader's language; says what is missing when it cannot be told."""
        if holds is None:
            words = declarations.words_of(self.topic)
            names = (
                ", ".join(_said(one, language, words) for one in missing(holds, compared)) or "?"
            )
            return CANNOT_BE_TOLD.get(language, CANNOT_BE_TOLD["en"]) % {
                "title": self.title(language), "names": names,
            }  # fmt: skip
        texts = self.texts.holds if holds else self.texts.fails
        text = _fitting(texts.get(language) or texts["en"], compared)
        words = declarations.words_of(self.topic)
        shown = {key: _shown(value, language, words) for key, value in compared.items()}
        for key in COUNTRIES & compared.keys():
            if isinstance(code := compared[key], str):
                shown[key] = country_name(code, language)
        return text % shown


CANNOT_BE_TOLD = {
    "en": "%(title)s: cannot be told, because this is not known: %(names)s.",
    "fi": "%(title)s: ei voida päätellä, koska tämä ei ole tiedossa: %(names)s.",
    "sv": "%(title)s: kan inte avgöras, eftersom detta inte är känt: %(names)s.",
}
YES_NO = {"en": ("yes", "no"), "fi": ("kyllä", "ei"), "sv": ("ja", "nej")}
NOT_KNOWN = {"en": "not known", "fi": "ei tiedossa", "sv": "okänt"}
NONE = {"en": "none", "fi": "ei mitään", "sv": "inget"}


_PART = re.compile(r"\[(not )?(\w+): ([^\[\]]*)\]")


def _fitting(text: str, compared: Mapping[str, object]) -> str:
    """A sentence of which `[name: …]` is said when the value is there (or true), `[not name: …]` else."""

    def said(part: re.Match[str]) -> str:
        value = compared.get(part[2])
        absent = value is None or value is False or value in ("", "–")
        return part[3] if absent == bool(part[1]) else ""

    return _close(_PART.sub(said, text)) if "[" in text else text


def every_part(text: str) -> str:
    """A sentence with all of its parts, for whoever reads the rule and not a finding."""
    return _close(_PART.sub(r"\3", text.replace("][", "] / [")))


def _close(text: str) -> str:
    return re.sub(r" {2,}", " ", text).strip()


COUNTRIES = frozenset(
    {
        "receiving",
        "sending",
        "residence",
        "home_country",
        "host_country",
        "country",
        "own_country",
        "granting_country",
        "completed_in",
    }
)
"""Compared values of these names are countries and are shown by name."""

Words = Mapping[str, Mapping[str, str]]


def _said(word: str, language: str, words: Words) -> str:
    said = words.get(word, {})
    return said.get(language) or said.get("en") or word


def _shown(value: object, language: str, words: Words) -> str:
    if value is None:
        return NOT_KNOWN.get(language, NOT_KNOWN["en"])
    if isinstance(value, bool):
        return YES_NO.get(language, YES_NO["en"])[0 if value else 1]
    if isinstance(value, date):
        return value.isoformat() if language != "fi" else f"{value.day}.{value.month}.{value.year}"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one, language, words) for one in value) or NONE.get(
            language, NONE["en"]
        )
    if isinstance(value, float):
        text = f"{value:g}"
        return text if language == "en" else text.replace(".", ",")
    return _said(str(value), language, words)


def rule(code: str, *, on: Subject) -> Callable[[Callable[[], Finding]], Rule]:
    """Declares the rule `code` about rows of `on`; the module's name is the topic."""

    def declare(logic: Callable[[], Finding]) -> Rule:
        return Rule(code, logic.__module__.rpartition(".")[2], on, logic)

    return declare


def evaluate(frame: pl.LazyFrame, rules: Iterable[Rule]) -> pl.LazyFrame:
    """The frame with one struct column per rule, named by the rule's code."""
    return frame.with_columns([one.column() for one in rules])


def missing(holds: bool | None, compared: Mapping[str, object]) -> list[str]:
    """Names of the compared values that are absent, when the rule cannot be told because of them."""
    return [name for name, value in compared.items() if value is None] if holds is None else []


def found(row: Mapping[str, Any], rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """The findings of one evaluated row: `{"rule", "holds", "compared"}`, rules that apply only."""
    lines = []
    for one in rules:
        values = row[one.code]
        if values is None:
            continue
        compared = dict(values)
        holds = compared.pop("holds")
        lines.append({"rule": one.code, "holds": holds, "compared": compared})
    return lines


def read_texts(topic: str, code: str) -> Texts:
    """The checked texts of a rule; the refusal names file and place.

    `holds` is the sentence when the rule holds, `fails` when it does not; both may name the compared
    values as `%(name)s` and say parts only for some of them (`_fitting`).
    """
    where = f"{topic}.yaml: {code}"
    entry = declarations.texts_of(topic).get(code) or {}
    declarations.require_keys(
        entry, where=where, required=("effect", "title", "holds", "fails", "source"),
        optional=("since", "until"),
    )  # fmt: skip
    if entry["effect"] not in list(Effect):
        raise Unreadable(f"{where}: unknown effect {entry['effect']!r}")
    sentences = {
        key: declarations.in_languages(entry[key], where=f"{where}: {key}")
        for key in ("title", "holds", "fails")
    }
    return Texts(
        effect=Effect(entry["effect"]),
        source=str(entry["source"]),
        since=entry.get("since"),
        until=entry.get("until"),
        **sentences,
    )

"""Our records as the tables that the rules read: some queries for many persons at once.

Whoever is judged is judged as a person with everything around: a rule may compare the periods of one
person, and a right or degree may be at another institution. Keys in the tables are the numbers of our
rows (`mobility` is the side, for a side is the mobility that one institution sees).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db.models import Q, QuerySet

from vaihto.institutions.models import Institution
from vaihto.mobilities.models import Kind, Segment, Side
from vaihto.people.models import Primacy, StudyRight, StudyRightSpell, StudyRightState
from vaihto.rules import frames
from vaihto.transcripts.models import Attainment

# Few enough for one statement on every database.
PERSONS_AT_ONCE = 500
# How many persons are judged in one stroke when everything is judged; bounds memory.
PERSONS_IN_A_PART = 4_000

NUMBER = pl.Int64()

SIDES: dict[str, pl.DataType] = {
    "side": NUMBER,
    "key": pl.String(),
    "institution_id": NUMBER,
    "direction": pl.String(),
    "right_id": NUMBER,
    "level": pl.String(),
    "home_degree_abroad": pl.Boolean(),
    "adult_education": pl.Boolean(),
    "nested_in": NUMBER,
    "send_anyway": pl.Boolean(),
    "mobility_id": NUMBER,
    "person": NUMBER,
    "kind": pl.String(),
    "purpose": pl.String(),
    "programme": pl.String(),
    "action": pl.String(),
    "call_year": pl.Int32(),
    "funding": pl.String(),
    "sending_id": NUMBER,
    "receiving_id": NUMBER,
    "sending_country": pl.String(),
    "receiving_country": pl.String(),
    "sending_home": pl.String(),
    "receiving_home": pl.String(),
    "part_of_degree": pl.Boolean(),
    "planned_blended": pl.Boolean(),
    "agreed_as_one_whole": pl.Boolean(),
    "change_reason": pl.String(),
    "end_is_estimate": pl.Boolean(),
    "planned_credits": pl.Float64(),
    "bip_id": pl.String(),
    "force_majeure": pl.Boolean(),
    "state": pl.String(),
    "first_day": pl.Date(),
    "last_day": pl.Date(),
    "right_type": pl.String(),
    "visit_group": pl.String(),
    "hours": pl.Float64(),
    "started_at": pl.Datetime("us", "UTC"),
    "ended_at": pl.Datetime("us", "UTC"),
    "teaching_hours": pl.Float64(),
    "content": pl.String(),
}
_SIDE_FIELDS = (
    "pk",
    "key",
    "institution_id",
    "direction",
    "right_id",
    "level",
    "home_degree_abroad",
    "adult_education",
    "nested_in_id",
    "send_anyway",
    "mobility_id",
    "mobility__person_id",
    "mobility__kind",
    "mobility__purpose",
    "mobility__programme",
    "mobility__action",
    "mobility__call_year",
    "mobility__funding",
    "mobility__sending_institution_id",
    "mobility__receiving_institution_id",
    "mobility__sending_country",
    "mobility__receiving_country",
    "mobility__sending_institution__country",
    "mobility__receiving_institution__country",
    "mobility__part_of_degree",
    "mobility__planned_blended",
    "mobility__agreed_as_one_whole",
    "mobility__change_reason",
    "mobility__end_is_estimate",
    "mobility__planned_credits",
    "mobility__bip_id",
    "mobility__force_majeure",
    "mobility__state",
    "mobility__start",
    "mobility__end",
    "right__type",
    "mobility__visit__employment__group",
    "mobility__visit__hours",
    "mobility__visit__started_at",
    "mobility__visit__ended_at",
    "mobility__visit__teaching_hours",
    "mobility__visit__content",
)

SEGMENTS: dict[str, pl.DataType] = {
    "mobility_id": NUMBER,
    "mode": pl.String(),
    "place": pl.String(),
    "country": pl.String(),
    "start": pl.Date(),
    "end": pl.Date(),
    "cancelled": pl.Boolean(),
}

ATTAINMENTS: dict[str, pl.DataType] = {
    "attainment": NUMBER,
    "person": NUMBER,
    "institution_id": NUMBER,
    "right": NUMBER,
    "mobility_id": NUMBER,
    "kind": pl.String(),
    "ects": pl.Float64(),
    "completed": pl.Date(),
    "recognised_on": pl.Date(),
    "granted_by": pl.String(),
    "source_code": pl.String(),
    "classifications": pl.List(pl.String()),
    "traineeship": pl.Boolean(),
    "granting_country": pl.String(),
    "completed_in_country": pl.String(),
    "right_type": pl.String(),
}


@dataclass(frozen=True)
class Persons:
    """Whose records: some persons by number, or a stretch of numbers with both ends included."""

    some: tuple[int, ...] = ()
    first: int = 0
    last: int = 0

    def of(self, path: str) -> Q:
        """The condition that the person at `path` is one of them."""
        if self.some:
            return Q(**{f"{path}__in": self.some})
        return Q(**{f"{path}__gte": self.first, f"{path}__lte": self.last})


@dataclass(frozen=True)
class Places:
    """What the rules want to know of institutions; read once for a whole run."""

    names: Mapping[int, str]  # number of the row -> national code, or hei_id where there is none
    sectors: Mapping[int, str]
    countries: Mapping[int, str]
    covid: Mapping[int, bool | None]
    double_degree: Mapping[int, bool | None]

    def is_finnish(self, institution_id: int) -> bool:
        """Do the national schemes concern this institution?"""
        return self.countries.get(institution_id) == "246"


def places() -> Places:
    """Institutions whose own records are kept here."""
    rows = list(
        Institution.objects.hosted().values_list(
            "pk", "national_code", "hei_id", "sector", "country", "choices"
        )
    )
    return Places(
        names={pk: code or hei for pk, code, hei, *_ in rows},
        sectors={row[0]: row[3] for row in rows},
        countries={row[0]: row[4] for row in rows},
        covid={row[0]: row[5].get("use_covid_exception") for row in rows},
        double_degree={row[0]: row[5].get("count_outgoing_double_degree") for row in rows},
    )


@dataclass(frozen=True)
class Columns:
    """What is known of some persons: the tables of the rules, and ours beside them."""

    sides: pl.DataFrame
    segments: pl.DataFrame  # with `side`; countries as the rules want them
    rules: frames.Frames
    right_keys: pl.DataFrame  # `right`, `right_key`
    attainments: pl.DataFrame


def partitions(*, size: int = PERSONS_IN_A_PART) -> list[Persons]:
    """All persons that have sides, cut into stretches of about `size` persons.

    Read to the end before anybody is judged: a query left open would keep the database from tidying up
    behind the writing.
    """
    numbers = (
        Side.objects.order_by("mobility__person_id")
        .values_list("mobility__person_id", flat=True)
        .distinct()
    )
    parts: list[Persons] = []
    first, count, last = 0, 0, 0
    for number in numbers.iterator(chunk_size=20_000):
        first = number if count == 0 else first
        count, last = count + 1, number
        if count == size:
            parts.append(Persons(first=first, last=last))
            count = 0
    if count:
        parts.append(Persons(first=first, last=last))
    return parts


def of_some(persons: Iterable[int]) -> Iterator[Persons]:
    """The persons in portions that one statement can name."""
    numbers = sorted(set(persons))
    for at in range(0, len(numbers), PERSONS_AT_ONCE):
        yield Persons(some=tuple(numbers[at : at + PERSONS_AT_ONCE]))


def read(persons: Persons, at: Places) -> Columns:
    """The records of these persons as columns; seven queries, however many persons."""
    sides = _table(
        Side.objects.filter(persons.of("mobility__person_id")).order_by(), _SIDE_FIELDS, SIDES
    ).with_columns(
        _said("level"),
        _said("action"),
        _said("funding"),
        _said("change_reason"),
        _said("bip_id"),
        pl.coalesce(_said("sending_country"), _said("sending_home")).alias("sending_country"),
        pl.coalesce(_said("receiving_country"), _said("receiving_home")).alias("receiving_country"),
    )
    segments = _segments(persons, sides)
    students = sides.filter(pl.col("kind") == Kind.STUDENT, ~pl.col("state").is_in(NOT_JUDGED))
    attainments = _attainments(persons, at)
    rights = _rights(persons, at)
    return Columns(
        sides=sides,
        segments=segments,
        rules=frames.Frames(
            mobilities=_mobilities(students, at),
            segments=segments.join(students.select("side"), on="side", how="semi").select(
                pl.col("side").alias("mobility"),
                "mode",
                "place",
                "country",
                "start",
                "end",
                "cancelled",
            ),
            **rights,
            degrees=attainments.filter(pl.col("kind") == DEGREE).select(
                "person",
                "right",
                pl.col("completed").alias("date"),
                "granting_country",
                "completed_in_country",
            ),
        ),
        right_keys=rights["study_rights"].select("right", right_key="key"),
        attainments=attainments,
    )


DEGREE = "1"
# A plan that nobody agreed to and a stay that was called off leave nothing to record.
NOT_JUDGED = ("planned", "cancelled")


def _mobilities(students: pl.DataFrame, at: Places) -> pl.DataFrame:
    incoming = pl.col("direction") == "incoming"
    return students.select(
        pl.col("side").alias("mobility"),
        "person",
        named(pl.col("institution_id"), at).alias("institution"),
        _looked_up(pl.col("institution_id"), at.sectors, pl.String()).alias("sector"),
        "direction",
        "purpose",
        "programme",
        "funding",
        "part_of_degree",
        "planned_blended",
        "agreed_as_one_whole",
        "change_reason",
        pl.col("right_id").alias("study_right_key"),
        "end_is_estimate",
        "adult_education",
        pl.col("nested_in").is_not_null().alias("nested_in_incoming"),
        pl.when(incoming).then("home_degree_abroad").alias("home_degree_right_abroad"),
        pl.when(incoming).then("level").alias("main_level_in_finland"),
        _looked_up(pl.col("institution_id"), at.covid, pl.Boolean()).alias("use_covid_exception"),
        _looked_up(pl.col("institution_id"), at.double_degree, pl.Boolean()).alias(
            "count_outgoing_double_degree"
        ),
    )


def _segments(persons: Persons, sides: pl.DataFrame) -> pl.DataFrame:
    """The parts of each side. An incoming side counts every part to the country of departure."""
    segments = _table(
        Segment.objects.filter(persons.of("mobility__person_id")).order_by(),
        ("mobility_id", "mode", "place", "country", "start", "end", "cancelled"),
        SEGMENTS,
    )
    there = sides.select("side", "mobility_id", "direction", "sending_country", "receiving_country")
    country = (
        pl.when(pl.col("direction") == "incoming")
        .then("sending_country")
        .when(pl.col("place") == "host")
        .then(pl.coalesce(_said("country"), "receiving_country"))
        .when(pl.col("place") == "home")
        .then(pl.coalesce(_said("country"), "sending_country"))
        .otherwise(_said("country"))
    )
    return segments.join(there, on="mobility_id", how="inner").select(
        "side", "mode", "place", country.alias("country"), "start", "end", "cancelled"
    )


def _rights(persons: Persons, at: Places) -> dict[str, pl.DataFrame]:
    person = "right__student__person_id"
    rights = _table(
        StudyRight.objects.filter(persons.of("student__person_id")).order_by(),
        ("student__person_id", "pk", "institution_id", "type", "start", "end", "key"),
        {
            "person": NUMBER,
            "right": NUMBER,
            "institution": NUMBER,
            "type": pl.String(),
            "start": pl.Date(),
            "end": pl.Date(),
            "key": pl.String(),
        },
    ).with_columns(named(pl.col("institution"), at))
    days = {"start": pl.Date(), "end": pl.Date()}
    keys = {"person": NUMBER, "right": NUMBER}
    states = _table(
        StudyRightState.objects.filter(persons.of(person)).order_by(),
        (person, "right_id", "code", "start", "end"),
        {**keys, "code": pl.String(), **days},
    )
    primary = _table(
        Primacy.objects.filter(persons.of(person)).order_by(),
        (person, "right_id", "start", "end"),
        {**keys, **days},
    )
    spells = _table(
        StudyRightSpell.objects.filter(persons.of(person)).order_by(),
        (person, "right_id", "start", "end", "classifications", "funding_source"),
        {
            **keys,
            **days,
            "classifications": pl.List(pl.String()),
            "funding_source": pl.String(),
        },
    ).with_columns(_said("funding_source"))
    return {"study_rights": rights, "states": states, "primary": primary, "spells": spells}


def _attainments(persons: Persons, at: Places) -> pl.DataFrame:
    """Degrees, and whatever was completed on a mobility."""
    wanted = Attainment.objects.filter(
        Q(kind=DEGREE) | Q(mobility__isnull=False), persons.of("student__person_id")
    )
    return attainment_table(wanted.order_by(), at)


def attainment_table(wanted: QuerySet[Attainment], at: Places) -> pl.DataFrame:
    """Attainments as a table. A degree without a country was granted where its institution is."""
    home = _looked_up(pl.col("institution_id"), at.countries, pl.String())
    return _table(
        wanted,
        (
            "pk",
            "student__person_id",
            "institution_id",
            "right_id",
            "mobility_id",
            "kind",
            "credits",
            "completed_on",
            "recognised_on",
            "granted_by",
            "source_code",
            "classifications",
            "is_traineeship",
            "granting_country",
            "completed_in_country",
            "right__type",
        ),
        ATTAINMENTS,
    ).with_columns(
        _said("source_code"),
        pl.coalesce(_said("granting_country"), home).alias("granting_country"),
        pl.coalesce(_said("completed_in_country"), _said("granting_country"), home).alias(
            "completed_in_country"
        ),
    )


def named(institution_id: pl.Expr, at: Places) -> pl.Expr:
    """How the rules call an institution: the national code, else a name of ours that is nobody's code."""
    return institution_id.replace_strict(
        dict(at.names) or {0: ""},
        default=pl.concat_str(pl.lit("#"), institution_id.cast(pl.String)),
        return_dtype=pl.String,
    )


def _looked_up(key: pl.Expr, values: Mapping[int, object], dtype: pl.DataType) -> pl.Expr:
    known = {one: value for one, value in values.items() if value is not None}
    if not known:
        return pl.lit(None, dtype=dtype)
    return key.replace_strict(known, default=None, return_dtype=dtype)


def _said(name: str) -> pl.Expr:
    """The column with empty text as missing."""
    return pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)


def _table(
    rows: QuerySet[Any], fields: Sequence[str], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """What a query finds, column by column."""
    found = list(rows.values_list(*fields))
    if not found:
        return pl.DataFrame(schema=dict(schema))
    return pl.DataFrame(
        [
            _series(name, values, dtype)
            for (name, dtype), values in zip(schema.items(), zip(*found, strict=True), strict=True)
        ]
    )


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    if isinstance(dtype, pl.Float64):  # decimals come as such
        values = [None if value is None else float(value) for value in values]
    if isinstance(dtype, pl.List):  # few different ones: each is made once
        different = {tuple(value): None for value in values}
        places_of = {value: place for place, value in enumerate(different)}
        made = pl.Series(name, [list(value) for value in different], dtype=dtype)
        return made.gather([places_of[tuple(value)] for value in values])
    return pl.Series(name, values, dtype=dtype)

"""The alliance's figures: from counted verdicts to tallies of persons and events.

Members are full members at any time in the year; *inside* means that the partner was one too. A person is
counted at the home institution, once, whatever the number of events (E74); incoming sides are somebody
else's outgoing ones and count nowhere. Two rates (E73): *yearly* takes the events that started in the year,
*studies* the year's graduates with an event no later than the year they graduated in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import Count, F, Q

from vaihto.classification.models import Fresh, Group, MobilityMode, Scheme, Stamp, Tally, Verdict
from vaihto.institutions.models import Alliance, Membership
from vaihto.mobilities.models import Direction
from vaihto.people.models import StudentRecord
from vaihto.transcripts.models import Attainment

MODES = {MobilityMode.PHYSICAL: 1, MobilityMode.BLENDED: 2, MobilityMode.VIRTUAL: 4}
# What a rate may be asked of, and whose verdicts it takes. Doctoral candidates are students too.
GROUPS: dict[str, tuple[Group, ...]] = {
    "students": (Group.STUDENTS, Group.DOCTORAL),
    "doctoral": (Group.DOCTORAL,),
    "staff": (Group.TEACHERS, Group.OTHER_STAFF),
    "teachers": (Group.TEACHERS,),
    "other_staff": (Group.OTHER_STAFF,),
}
STUDENT_GROUPS = ("students", "doctoral")
BREAKDOWNS = ("country", "programme", "level", "partner")
COHORT = "cohort"
DOCTORAL_RIGHTS = ("6", "7")

_KEY = ["institution", "person", "group", "mode", "partner"]
_EVENTS = {
    "institution": pl.Int64(),
    "person": pl.Int64(),
    "group": pl.String(),
    "mode": pl.String(),
    "partner": pl.Int64(),
    "country": pl.String(),
    "programme": pl.String(),
    "level": pl.String(),
    "events": pl.Int64(),
}
_FIGURES = {
    "institution": pl.Int64(),
    "group": pl.String(),
    "inside": pl.Boolean(),
    "modes": pl.Int32(),
    "by": pl.String(),
    "value": pl.String(),
    "persons": pl.Int64(),
    "events": pl.Int64(),
}


def members_of(alliance: Alliance, year: int) -> list[int]:
    """Numbers of the institutions that were full members on any day of the year."""
    return sorted(
        Membership.objects.filter(
            Q(until__isnull=True) | Q(until__gte=date(year, 1, 1)),
            alliance=alliance,
            kind=Membership.Kind.MEMBER,
            since__lte=date(year, 12, 31),
        )
        .values_list("institution_id", flat=True)
        .distinct()
    )


def figures(alliance: Alliance, rate: str, years: Iterable[int]) -> dict[int, pl.DataFrame]:
    """The tallies of each year: those kept where they are fresh, else counted now."""
    asked = sorted(set(years))
    fresh = set(
        Fresh.objects.filter(alliance=alliance, rate=rate, year__in=asked, stale=False).values_list(
            "year", flat=True
        )
    )
    kept: dict[int, list[tuple[Any, ...]]] = {year: [] for year in fresh}
    if fresh:
        for year, *row in Tally.objects.filter(
            alliance=alliance, rate=rate, year__in=fresh
        ).values_list("year", *_FIGURES):
            kept[year].append(tuple(row))
    return {
        year: (
            pl.DataFrame(kept[year], schema=_FIGURES, orient="row")
            if year in fresh
            else count(alliance, rate, year)
        )
        for year in asked
    }


def count(alliance: Alliance, rate: str, year: int) -> pl.DataFrame:
    """The tallies of one year, counted from the verdicts as they stand."""
    members = members_of(alliance, year)
    events = (
        _events_of_the_year(members, year)
        if rate == Tally.Rate.YEARLY
        else _events_of_graduates(members, year)
    )
    inside = events.filter(pl.col("partner").is_in(members))
    parts = []
    for group, taken in GROUPS.items():
        if rate == Tally.Rate.STUDIES and group not in STUDENT_GROUPS:
            continue
        for is_inside, scope in ((False, events), (True, inside)):
            chosen = scope.filter(pl.col("group").is_in([str(one) for one in taken]))
            for place in (["institution"], []):
                parts += [
                    one.with_columns(
                        group=pl.lit(group),
                        inside=pl.lit(is_inside),
                        **({} if place else {"institution": pl.lit(None, pl.Int64)}),
                    ).select(pl.col(name).cast(dtype) for name, dtype in _FIGURES.items())
                    for one in (_by_modes(chosen, place), *_broken_down(chosen, place))
                ]
    if rate == Tally.Rate.STUDIES:
        parts.append(_cohorts(members, year))
    return pl.concat(parts)


def _cohorts(members: Sequence[int], year: int) -> pl.DataFrame:
    """How many graduated at each institution: the base of the rate during studies."""
    graduates = graduates_of(members, year)
    sizes = [
        some.group_by("institution")
        .agg(persons=pl.len().cast(pl.Int64))
        .with_columns(group=pl.lit(group))
        for group, some in (("students", graduates), ("doctoral", graduates.filter("doctoral")))
    ]
    return (
        pl.concat(sizes)
        .with_columns(
            inside=pl.lit(value=False),
            modes=pl.lit(0),
            by=pl.lit(COHORT),
            value=pl.lit(""),
            events=pl.lit(0),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in _FIGURES.items())
    )


def _by_modes(events: pl.DataFrame, place: list[str]) -> pl.DataFrame:
    """Persons by the exact set of modes they took part in, and the events of each single mode."""
    bit = pl.col("mode").replace_strict(
        {str(mode): number for mode, number in MODES.items()}, return_dtype=pl.Int32
    )
    with_bit = events.with_columns(modes=bit)
    persons = (
        with_bit.unique([*place, "person", "modes"])
        .group_by([*place, "person"])
        .agg(pl.col("modes").sum())
        .group_by([*place, "modes"])
        .agg(persons=pl.len().cast(pl.Int64))
    )
    counted = with_bit.group_by([*place, "modes"]).agg(pl.col("events").sum())
    return (
        persons.join(counted, on=[*place, "modes"], how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col("persons", "events").fill_null(0), by=pl.lit(""), value=pl.lit(""))
        .sort([*place, "modes"])
    )


def _broken_down(events: pl.DataFrame, place: list[str]) -> list[pl.DataFrame]:
    with_text = events.with_columns(partner=pl.col("partner").cast(pl.String))
    return [
        with_text.group_by([*place, pl.col(name).fill_null("").alias("value")])
        .agg(persons=pl.col("person").n_unique().cast(pl.Int64), events=pl.col("events").sum())
        .with_columns(by=pl.lit(name), modes=pl.lit(0))
        .sort([*place, "value"])
        for name in BREAKDOWNS
    ]


def _counted(members: Sequence[int]) -> Any:
    return Verdict.objects.filter(
        scheme=Scheme.ALLIANCE,
        included=True,
        institution_id__in=members,
        direction=Direction.OUTGOING,
    ).order_by()


def _read(verdicts: Any) -> pl.DataFrame:
    rows = verdicts.values_list(
        "institution_id",
        "person_id",
        "group",
        "kind",
        "partner_id",
        "side__mobility__receiving_country",
        "side__mobility__programme",
        "side__right__type",
    ).annotate(events=Count("pk"))
    return pl.DataFrame(list(rows), schema=_EVENTS, orient="row")


def _events_of_the_year(members: Sequence[int], year: int) -> pl.DataFrame:
    return _read(_counted(members).filter(year=year))


def _events_of_graduates(members: Sequence[int], year: int) -> pl.DataFrame:
    """Events, up to the year, of those who graduated in it, at the institution of their degree."""
    graduates = graduates_of(members, year)
    if not graduates.height:
        return pl.DataFrame(schema=_EVENTS)
    degrees = Attainment.objects.filter(
        kind="1", completed_on__year=year, institution_id__in=members
    )
    events = _read(
        _counted(members).filter(year__lte=year, person_id__in=degrees.values("student__person_id"))
    )
    cohort = graduates.with_columns(
        cohort_group=pl.when("doctoral")
        .then(pl.lit(str(Group.DOCTORAL)))
        .otherwise(pl.lit(str(Group.STUDENTS)))
    ).select("institution", "person", "cohort_group")
    return (
        events.filter(pl.col("group").is_in([str(one) for one in GROUPS["students"]]))
        .join(cohort, on=["institution", "person"])
        .with_columns(group=pl.col("cohort_group"))
        .drop("cohort_group")
    )


def graduates_of(members: Sequence[int], year: int) -> pl.DataFrame:
    """Who graduated in the year, once per institution, with whether the highest degree is a doctoral one."""
    rows = (
        Attainment.objects.filter(kind="1", completed_on__year=year, institution_id__in=members)
        .order_by()
        .values_list("institution_id", "student__person_id", "right__type")
    )
    schema = {"institution": pl.Int64(), "person": pl.Int64(), "type": pl.String()}
    return (
        pl.DataFrame(list(rows), schema=schema, orient="row")
        .group_by("institution", "person")
        .agg(doctoral=pl.col("type").is_in(DOCTORAL_RIGHTS).fill_null(value=False).any())
    )


def mark_stale(institutions: Iterable[int], years: Iterable[int]) -> None:
    """Verdicts of these institutions on events of these years changed.

    What was computed of the institutions holds no more, nor do the figures of their alliances: of the
    years themselves, and of all who graduated later.
    """
    touched, changed = sorted(set(institutions)), sorted(set(years))
    _stamp(touched)
    if changed:
        _stale(touched, Q(rate=Tally.Rate.YEARLY, year__in=changed)
               | Q(rate=Tally.Rate.STUDIES, year__gte=changed[0]))  # fmt: skip


def mark_stale_of(persons: Sequence[int]) -> None:
    """Study rights, degrees or credits of these persons changed: their degrees make the cohorts."""
    institutions: set[int] = set()
    years: set[int] = set()
    for at in range(0, len(persons), 500):
        some = persons[at : at + 500]
        institutions.update(
            StudentRecord.objects.filter(person__in=some)
            .order_by()
            .values_list("institution_id", flat=True)
            .distinct()
        )
        years.update(
            day.year
            for day in Attainment.objects.filter(kind="1", student__person__in=some)
            .order_by()
            .values_list("completed_on", flat=True)
            if day is not None
        )
    _stamp(sorted(institutions))
    if years:
        _stale(sorted(institutions), Q(rate=Tally.Rate.STUDIES, year__in=years))


def mark_all_stale() -> None:
    """Every figure is to be counted anew."""
    Fresh.objects.filter(stale=False).update(stale=True)


def _stale(institutions: Sequence[int], which: Q) -> None:
    Fresh.objects.filter(
        which, alliance__memberships__institution__in=institutions, stale=False
    ).update(stale=True)


def _stamp(institutions: Sequence[int]) -> None:
    known = Stamp.objects.filter(pk__in=institutions).update(number=F("number") + 1)
    if known < len(institutions):
        Stamp.objects.bulk_create(
            [Stamp(institution_id=number, number=1) for number in institutions],
            ignore_conflicts=True,
        )


def refresh(*, now: datetime) -> int:
    """Counts anew whatever is stale or was never counted; returns how many years that were."""
    done = 0
    for alliance in Alliance.objects.all():
        years = _years_of(alliance)
        fresh = set(
            Fresh.objects.filter(alliance=alliance, stale=False).values_list("rate", "year")
        )
        for rate in Tally.Rate.values:
            for year in years:
                if (rate, year) not in fresh:
                    _keep(alliance, rate, year, now)
                    done += 1
    return done


def _years_of(alliance: Alliance) -> list[int]:
    members = Membership.objects.filter(alliance=alliance).values("institution_id")
    found = (
        Verdict.objects.filter(
            scheme=Scheme.ALLIANCE, year__isnull=False, institution_id__in=members
        )
        .order_by()
        .values_list("year", flat=True)
        .distinct()
    )
    return sorted({year for year in found if year is not None})


def _keep(alliance: Alliance, rate: str, year: int, now: datetime) -> None:
    mark, _created = Fresh.objects.get_or_create(alliance=alliance, rate=rate, year=year)
    with transaction.atomic():
        # Fresh before counting: a judging that commits meanwhile makes it stale again.
        Fresh.objects.filter(pk=mark.pk).update(stale=False, refreshed_at=now)
        counted = count(alliance, rate, year)
        Tally.objects.filter(alliance=alliance, rate=rate, year=year).delete()
        Tally.objects.bulk_create(
            (
                Tally(
                    alliance=alliance,
                    rate=rate,
                    year=year,
                    institution_id=row["institution"],
                    **{name: row[name] for name in _FIGURES if name != "institution"},
                )
                for row in counted.iter_rows(named=True)
            ),
            batch_size=2000,
        )

"""How fast mobilities are judged, against a scan of the same columns and against a plain loop.

Each measurement runs in a process of its own and reads Parquet, so that its memory is its own. The loop is
plain Python over the core only (periods, length, the OPH verdict) and is held to the same result. The bench
reports and never fails: aims stand beside the figures.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl

from vaihto.rules import judging
from vaihto.rules.findings import evaluate
from vaihto.rules.frames import TABLES, Frames

MOBILITIES_OF_A_PERSON = 8
LOOPED_AT_MOST = 100_000
"""The loop's rate does not change with the size: it is given so many mobilities."""
ROUNDS = 3
FIRST_DAY = date(2018, 1, 1)
COUNTRIES = ("056", "276", "380", "528", "620", "724", "752", "840")


@dataclass(frozen=True)
class Measured:
    """Seconds (the median of some rounds), and by how many MiB the process grew at its peak."""

    seconds: float
    grown_mib: float


def run(sizes: Sequence[int]) -> list[str]:
    """Lines of figures for so many mobilities each."""
    lines = [f"Judging, {os.cpu_count()} cores"]
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            lines += _of_size(size, Path(folder))
    return lines


def _of_size(size: int, folder: Path) -> list[str]:
    _measure(_write, folder, size, rounds=1)
    rules = _measure(_row_rules, folder, size)
    whole = _measure(_whole, folder, size)
    core = _measure(_core, folder, size)
    fewer = min(size, LOOPED_AT_MOST)
    loop = _measure(_loop, folder, fewer, rounds=1)
    rate, loop_rate = size / whole.seconds, fewer / loop.seconds
    lines = []
    if importlib.util.find_spec("duckdb") is None:
        lines.append("scan: left out, duckdb is not there")
    else:
        facts = _measure(_scan_facts, folder, size)
        tables = _measure(_scan_tables, folder, size)
        lines += [
            (
                f"row rules over {size:,} periods: {rules.seconds:.2f} s, "
                f"{rules.seconds / facts.seconds:.1f} times DuckDB's scan of the same columns "
                f"({facts.seconds:.2f} s; aim 3), grown by {rules.grown_mib:.0f} MiB"
            ),
            (
                f"the whole over {size:,} mobilities: {whole.seconds:.2f} s, {rate:,.0f}/s, "
                f"{whole.seconds / tables.seconds:.0f} times the scan ({tables.seconds:.2f} s; aim 30), "
                f"grown by {whole.grown_mib:.0f} MiB (aim 1,536)"
            ),
        ]
    lines += [
        (
            f"against a plain loop over the core ({loop_rate:,.0f}/s over {fewer:,}, same result): the whole "
            f"{rate / loop_rate:.1f} times (aim 30), the same core {size / core.seconds / loop_rate:.1f} times"
        ),
        _on_spark(folder, size, whole),
    ]
    return lines


# Does the work; answers with its seconds where not all of it is to be counted.
Work = Callable[[Path, int], float | None]


def _measure(work: Work, folder: Path, size: int, *, rounds: int = ROUNDS) -> Measured:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_timed, work, folder, size, rounds).result()


def _timed(work: Work, folder: Path, size: int, rounds: int) -> Measured:
    before = _peak_mib()
    seconds = []
    for _round in range(rounds):
        started = time.perf_counter()
        counted = work(folder, size)
        seconds.append(time.perf_counter() - started if counted is None else counted)
    return Measured(sorted(seconds)[rounds // 2], _peak_mib() - before)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- The records -------------------------------------------------------------------------------


def _pick(values: Sequence[Any], by: pl.Expr) -> pl.Expr:
    return by.replace_strict(dict(enumerate(values)))


def tables(size: int) -> Frames:
    """Invented records of every common kind, the same at every call."""
    number = pl.int_range(size, dtype=pl.Int64, eager=True).alias("mobility")
    n = pl.col("mobility")
    mix = (n * 2_654_435_761) % 1_000_003
    start = pl.lit(FIRST_DAY) + pl.duration(days=mix % 2500)
    mobilities = pl.DataFrame(number).select(
        "mobility",
        person=n // MOBILITIES_OF_A_PERSON,
        institution=pl.lit("02472"),
        sector=pl.lit("university"),
        direction=pl.when(mix % 10 < 7).then(pl.lit("outgoing")).otherwise(pl.lit("incoming")),
        purpose=_pick(("study", "study", "traineeship", "combined"), mix % 4),
        programme=_pick(("erasmus", "own_agreement", "free_mover", "nordic"), mix % 4),
        part_of_degree=pl.when(mix % 50 > 0).then(mix % 25 > 0),
        planned_blended=mix % 6 == 0,
        agreed_as_one_whole=mix % 12 == 0,
        study_right_key=pl.when(mix % 3 > 0).then(n // MOBILITIES_OF_A_PERSON),
        end_is_estimate=mix % 40 == 0,
        adult_education=pl.lit(value=False),
        nested_in_incoming=pl.lit(value=False),
        home_degree_right_abroad=pl.when(mix % 10 >= 7).then(pl.lit(value=True)),
        main_level_in_finland=pl.when(mix % 10 >= 7).then(pl.lit("2")),
    )
    days = _pick((5, 6, 30, 86, 87, 120, 150, 300), mix % 8)
    parts = pl.DataFrame(number).select(
        "mobility",
        mix=mix,
        country=_pick(COUNTRIES, mix % len(COUNTRIES)),
        start=start.cast(pl.Date),
        end=(start + pl.duration(days=days - 1)).cast(pl.Date),
    )
    physical = parts.filter(pl.col("mix") % 20 > 0).select(
        "mobility",
        mode=pl.lit("physical"),
        place=pl.lit("host"),
        country="country",
        start="start",
        end="end",
        cancelled=pl.lit(value=False),
    )
    virtual = parts.filter((pl.col("mix") % 6 == 0) | (pl.col("mix") % 20 == 0)).select(
        "mobility",
        mode=pl.lit("virtual"),
        place=pl.lit("home"),
        country="country",
        start=pl.col("end").dt.offset_by("1d"),
        end=pl.col("end").dt.offset_by("20d"),
        cancelled=pl.lit(value=False),
    )
    back = parts.filter((pl.col("mix") % 12 == 0) & (pl.col("mix") % 20 > 0)).select(
        "mobility",
        mode=pl.lit("physical"),
        place=pl.lit("host"),
        country="country",
        start=pl.col("end").dt.offset_by("21d"),
        end=pl.col("end").dt.offset_by("34d"),
        cancelled=pl.lit(value=False),
    )
    persons = pl.DataFrame(
        pl.int_range(-(-size // MOBILITIES_OF_A_PERSON), dtype=pl.Int64, eager=True).alias("person")
    )
    p = pl.col("person")
    began = (pl.lit(date(2017, 8, 1)) + pl.duration(days=(p * 7919) % 1500)).cast(pl.Date)
    rights = persons.select(
        "person",
        right=p,
        institution=pl.lit("02472"),
        type=_pick(("2", "4", "2", "7"), p % 4),
        start=began,
        end=pl.lit(None, pl.Date),
    )
    stretch = rights.select("person", "right", "start", "end")
    degrees = rights.filter(p % 2 == 0).select(
        "person",
        "right",
        date=pl.col("start").dt.offset_by("1400d"),
        granting_country=pl.lit("246"),
        completed_in_country=pl.lit("246"),
    )
    return Frames(
        mobilities=mobilities,
        segments=pl.concat([physical, virtual, back]),
        study_rights=rights,
        states=stretch.select("person", "right", pl.lit("1").alias("code"), "start", "end"),
        primary=stretch,
        spells=stretch.with_columns(
            classifications=pl.when(p % 30 == 0)
            .then(pl.lit(["7"]))
            .otherwise(pl.lit([], dtype=pl.List(pl.String))),
            funding_source=pl.lit("1"),
        ),
        degrees=degrees,
    )


def _write(folder: Path, size: int) -> None:
    made = tables(size)
    for name in TABLES:
        getattr(made, name).write_parquet(folder / f"{name}.parquet")
    first = True
    for part in judging.judge_partitions(made):
        facts = part.facts.filter(pl.col("number").is_not_null())
        facts.write_parquet(
            folder / f"facts-{0 if first else part.facts['m'][0]}-{id(part)}.parquet"
        )
        first = False


def _read(folder: Path) -> Frames:
    return Frames(**{name: pl.scan_parquet(folder / f"{name}.parquet") for name in TABLES})


# --- What is measured --------------------------------------------------------------------------


def _row_rules(folder: Path, _size: int) -> None:
    """Every rule about periods on every period: how often each holds, does not, cannot be told."""
    rules = judging.PERIOD_RULES
    counted = [
        getattr(pl.col(one.code).struct.field("holds"), how)().alias(f"{one.code} {how}")
        for one in rules
        for how in ("sum", "null_count")
    ]
    facts = pl.scan_parquet(folder / "facts-*.parquet")
    evaluate(facts, rules).select(counted).collect(engine="streaming")


def _whole(folder: Path, _size: int) -> None:
    """Periods built, both collections decided, all findings kept, everything written."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    for number, part in enumerate(judging.judge_partitions(_read(folder))):
        part.periods.write_parquet(out / f"periods-{number}.parquet", compression="lz4")
        part.verdicts.write_parquet(out / f"verdicts-{number}.parquet", compression="lz4")
        part.findings().write_parquet(out / f"findings-{number}.parquet", compression="lz4")
    shutil.rmtree(out)


def _core(folder: Path, _size: int) -> None:
    """What the loop does, by the rules."""
    for part in judging.judge_partitions(_read(folder), tk_year=None):
        part.verdicts.height  # noqa: B018 - made is enough


def _scan(files: Sequence[Path]) -> float:
    """DuckDB reads every column of the files and takes its greatest value; seconds without its start."""
    import duckdb  # noqa: PLC0415 - only where it is there

    with duckdb.connect() as connection:
        connection.execute(f"SET threads TO {os.cpu_count()}")
        questions = []
        for file in files:
            columns = connection.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()  # noqa: S608 - our own files
            taken = ", ".join(f'max("{name}")' for name, *_rest in columns)
            questions.append(f"SELECT count(*), {taken} FROM '{file}'")  # noqa: S608 - our own files
        started = time.perf_counter()
        for question in questions:
            connection.execute(question).fetchall()
        return time.perf_counter() - started


def _scan_facts(folder: Path, _size: int) -> float:
    return _scan([folder / "facts-*.parquet"])


def _scan_tables(folder: Path, _size: int) -> float:
    return _scan([folder / f"{name}.parquet" for name in TABLES])


# --- The plain loop ----------------------------------------------------------------------------


def _loop(folder: Path, size: int) -> float:
    """Record by record, then held to the result of the rules; seconds of the loop alone."""
    made = _first(_read(folder), size)
    started = time.perf_counter()
    looped = dict(loop(made))
    seconds = time.perf_counter() - started
    verdicts = judging.judge(made, tk_year=None).verdicts.filter(pl.col("number").is_not_null())
    by_rules = {
        (row[0], row[1]): row[2:]
        for row in verdicts.select("mobility", "number", "included", "kind", "reason").iter_rows()
    }
    if looped != by_rules:
        different = [key for key in by_rules if looped.get(key) != by_rules[key]][:5]
        raise AssertionError(f"the loop says otherwise of {different}")
    return seconds


def _first(whole: Frames, size: int) -> Frames:
    last = size // MOBILITIES_OF_A_PERSON
    parts = {
        name: getattr(whole, name).filter(pl.col("person") < last).collect()
        for name in TABLES
        if name != "segments"
    }
    segments = whole.segments.lazy().filter(pl.col("mobility") < last * MOBILITIES_OF_A_PERSON)
    return Frames(**parts, segments=segments.collect())


Verdict = tuple[bool | None, str | None, str | None]


def loop(made: Frames) -> Iterator[tuple[tuple[int, int], Verdict]]:
    """Periods, their length and the OPH verdict, one mobility at a time, as one would first write it."""
    parts: dict[int, list[Any]] = {}
    for part in made.segments.iter_rows(named=True):  # type: ignore[union-attr]
        if not part["cancelled"]:
            parts.setdefault(part["mobility"], []).append(part)
    rights: dict[int, list[Any]] = {}
    for right in made.study_rights.iter_rows(named=True):  # type: ignore[union-attr]
        rights.setdefault(right["person"], []).append(right)
    degrees: dict[int, list[date]] = {}
    for degree in made.degrees.iter_rows(named=True):  # type: ignore[union-attr]
        degrees.setdefault(degree["person"], []).append(degree["date"])
    for one in made.mobilities.iter_rows(named=True):  # type: ignore[union-attr]
        for number, (start, end) in enumerate(_periods(one, parts.get(one["mobility"], []))):
            yield (one["mobility"], number), _oph(one, start, end, rights, degrees)


def _periods(one: Any, parts: list[Any]) -> list[tuple[date, date]]:
    physical = sorted(
        (part["country"], part["start"], part["end"]) for part in parts if part["place"] == "host"
    )
    virtual = [(part["start"], part["end"]) for part in parts if part["place"] == "home"]
    found: list[list[Any]] = []
    for country, start, end in physical:
        if found and found[-1][0] == country:
            last = found[-1][2]
            between = any(first < start and final > last for first, final in virtual)
            if start <= last + timedelta(days=1) or (one["agreed_as_one_whole"] and between):
                found[-1][2] = max(last, end)
                continue
        found.append([country, start, end])
    return sorted((start, end) for _country, start, end in found)


def _oph(
    one: Any, start: date, end: date, rights: dict[int, list[Any]], degrees: dict[int, list[date]]
) -> Verdict:
    days = (end - start).days + 1
    incoming = one["direction"] == "incoming"
    mine = [
        right
        for right in rights.get(one["person"], [])
        if right["type"] in ("1", "2", "3", "4", "6", "7")
        and right["institution"] == one["institution"]
    ]
    graduated = sorted(degrees.get(one["person"], []))
    before = bisect_right(graduated, start - timedelta(days=1))
    if one["part_of_degree"] is False:
        return False, None, "X_NOT_PART_OF_STUDIES"
    if incoming:
        if any(right["start"] <= end and (right["end"] or end) >= start for right in mine):
            return False, None, "X_INCOMING_HAS_DEGREE_RIGHT"
    elif before:
        return False, None, "X_AFTER_GRADUATION"
    elif not any(right["start"] <= start <= (right["end"] or start) for right in mine):
        later = any(right["start"] > start for right in mine)
        return False, None, "X_BEFORE_STUDIES" if later else "X_NO_DEGREE_RIGHT"
    if days <= 5:
        return False, None, "X_TOO_SHORT_OPH"
    if one["part_of_degree"] is None:
        return None, None, None
    return True, f"{'long' if days >= 87 else 'short'}_{one['direction']}", None


# --- Spark -------------------------------------------------------------------------------------


def _on_spark(folder: Path, size: int, whole: Measured) -> str:
    lacking = [name for name in ("pyspark", "pyarrow") if importlib.util.find_spec(name) is None]
    if shutil.which("java") is None:
        lacking.append("java")
    if lacking:
        return f"on Spark: left out, {' and '.join(lacking)} not there"
    from bench import spark  # noqa: PLC0415 - only where it is there

    measured = _measure(spark.judge, folder, size, rounds=1)
    return (
        f"on Spark, local, {size:,} mobilities: {measured.seconds:.1f} s with its start, "
        f"{measured.seconds / whole.seconds:.1f} times one process, same result"
    )

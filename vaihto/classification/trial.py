"""Trying an edition of the rules: whose verdict would change, from what to what, by which rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from vaihto.classification import columns, outcome
from vaihto.classification.columns import Persons
from vaihto.classification.models import Period, Verdict
from vaihto.classification.ruleset import Ruleset
from vaihto.jobs.progress import Progress
from vaihto.mobilities.models import Side

# What makes a verdict another one; which rule speaks does not.
COMPARED = ("included", "kind", "year", "amount", "reason_code")
PERIOD_COMPARED = (
    "start", "end", "country", "type", "programme", "level", "classifications", "sent",
)  # fmt: skip
_STORED = {
    "side": pl.Int64(),
    "period": pl.Int64(),
    "scheme": pl.String(),
    "included": pl.Boolean(),
    "kind": pl.String(),
    "amount": pl.Float64(),
    "year": pl.Int32(),
    "reason_code": pl.String(),
    "rule": pl.String(),
}
_STORED_PERIODS = {
    "period": pl.Int64(),
    "side": pl.Int64(),
    "start": pl.Date(),
    "end": pl.Date(),
    "country": pl.String(),
    "type": pl.String(),
    "programme": pl.String(),
    "level": pl.String(),
    "classifications": pl.List(pl.String()),
    "sent": pl.Boolean(),
}


@dataclass(frozen=True)
class Change:
    """One verdict (or period, scheme "") that would be another; None where there is none."""

    side: int
    key: str
    institution: int
    scheme: str
    rule: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass
class Trial:
    """What a trial found. `changes` are the first ones; the counts are of all."""

    edition: str
    judged: int = 0
    changed: int = 0  # sides
    by_rule: Counter[str] = field(default_factory=Counter)
    by_scheme: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as kept on the edition."""
        return {
            "edition": self.edition,
            "judged": self.judged,
            "changed": self.changed,
            "by_rule": dict(self.by_rule.most_common()),
            "by_scheme": dict(self.by_scheme.most_common()),
            "changes": [asdict(change) for change in self.changes],
        }


def run(by: Ruleset, *, progress: Progress | None = None, most: int = 500) -> Trial:
    """Judges everybody by other rules and compares with what is stored; stores nothing."""
    found = Trial(edition=by.key)
    total = Side.objects.count() if progress else 0
    at = columns.places()
    for part in columns.partitions():
        records = columns.read(part, at)
        said = outcome.judge(records, at, by=by)
        found.judged += records.sides.height
        keys = {
            side: (key, place)
            for side, key, place in records.sides.select(
                "side", "key", "institution_id"
            ).iter_rows()
        }
        sides: set[int] = set()
        for side, scheme, rule, before, after in _differences(said, part):
            sides.add(side)
            found.by_rule[rule] += 1
            found.by_scheme[scheme] += 1
            if len(found.changes) < most:
                key, place = keys[side]
                found.changes.append(Change(side, key, place, scheme, rule, before, after))
        found.changed += len(sides)
        if progress:
            progress.at(min(found.judged, total), total)
    if progress:
        progress.at(total, total)
    return found


_Difference = tuple[int, str, str, dict[str, Any] | None, dict[str, Any] | None]


def _differences(said: outcome.Outcome, part: Persons) -> Iterator[_Difference]:
    stored = Verdict.objects.filter(part.of("side__mobility__person_id")).order_by()
    rows = stored.values_list(
        "side_id", "period_id", *[name for name in _STORED if name not in ("side", "period")]
    )
    before = pl.DataFrame(
        [
            tuple(float(value) if at == 5 and value is not None else value
                  for at, value in enumerate(row))
            for row in rows
        ],
        schema=_STORED,
        orient="row",
    )  # fmt: skip
    yield from _changed_verdicts(before, said.verdicts.select(list(_STORED)))
    kept = Period.objects.filter(part.of("side__mobility__person_id")).order_by()
    periods = pl.DataFrame(
        list(kept.values_list("pk", "side_id", *PERIOD_COMPARED)),
        schema=_STORED_PERIODS,
        orient="row",
    ).with_columns(classifications=outcome.as_json_list(pl.col("classifications")))
    new = said.periods.rename({"id": "period"}).select(periods.columns)
    joined = _side_by_side(periods, new, ["side", "period"], PERIOD_COMPARED)
    for row in joined.iter_rows(named=True):
        yield row["side"], "", "", *_both(row, PERIOD_COMPARED)


def _changed_verdicts(before: pl.DataFrame, after: pl.DataFrame) -> Iterator[_Difference]:
    # The ministry's credits stand in several lines of one side: kind and year name the line.
    line = (
        pl.when(pl.col("scheme") == "okm")
        .then(pl.concat_str("kind", pl.lit("/"), pl.col("year").cast(pl.String).fill_null("")))
        .otherwise(pl.lit(""))
    )
    joined = _side_by_side(
        before.with_columns(line=line),
        after.with_columns(line=line),
        ["side", "period", "scheme", "line"],
        (*COMPARED, "rule"),
    ).filter(
        pl.any_horizontal(
            pl.col(f"{name}_before").ne_missing(pl.col(f"{name}_after")) for name in COMPARED
        )
    )
    for row in joined.iter_rows(named=True):
        rule = row["rule_after"] or row["rule_before"] or ""
        yield row["side"], row["scheme"], rule, *_both(row, (*COMPARED, "rule"))


def _side_by_side(
    before: pl.DataFrame, after: pl.DataFrame, keys: list[str], names: tuple[str, ...]
) -> pl.DataFrame:
    """Lines that are not the same in both tables."""

    def suffixed(table: pl.DataFrame, suffix: str) -> pl.LazyFrame:
        return table.lazy().select(
            *keys,
            pl.lit(value=True).alias(f"is_{suffix}"),
            *[pl.col(name).alias(f"{name}_{suffix}") for name in names],
        )

    differs = pl.any_horizontal(
        pl.col(f"{name}_before").ne_missing(pl.col(f"{name}_after")) for name in names
    )
    return (
        suffixed(before, "before")
        .join(suffixed(after, "after"), on=keys, how="full", coalesce=True, nulls_equal=True)
        .filter(differs)
        .sort(keys, nulls_last=True)
        .collect()
    )


def _both(
    row: dict[str, Any], names: tuple[str, ...]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    def half(suffix: str) -> dict[str, Any] | None:
        if not row[f"is_{suffix}"]:
            return None
        return {name: _plain(row[f"{name}_{suffix}"]) for name in names}

    return half("before"), half("after")


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value

"""All programme rules over many mobilities: what holds, what does not, what cannot be told.

The rules stand by topic in `student.py`, `grants.py`, `staff.py` and `blended.py`; what a row is, in
`stays.py`. Hand in mobilities of the programme only: the rules of other programmes are not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from vaihto.rules import blended, grants, staff, stays, student
from vaihto.rules.batches import conform
from vaihto.rules.findings import Effect, Rule
from vaihto.rules.frames import FLAG, KEY, TEXT, Schema
from vaihto.rules.stays import ErasmusFrames

RULES_OF_STAYS: tuple[Rule, ...] = (*student.RULES, *grants.RULES, *staff.RULES)
PARTITION = 200_000

ERASMUS_FINDINGS: Schema = {
    "mobility": KEY,
    "rule": TEXT,
    "holds": FLAG,  # missing: cannot be told
    "effect": TEXT,  # block, warn, explain, count, clock
    "compared": TEXT,  # the compared values as a JSON object
}
BIP_FINDINGS: Schema = {
    "programme": KEY,
    "person": KEY,  # of a participant; missing for the programme itself
    **{name: kind for name, kind in ERASMUS_FINDINGS.items() if name != "mobility"},
}
ERASMUS_VERDICTS: Schema = {
    "mobility": KEY,
    "fits": FLAG,  # no rule that blocks fails; missing: one of them cannot be told
    "decided_by": TEXT,  # the first rule that blocks, else the first that cannot be told
    "warnings": pl.UInt32(),
}


def judge_erasmus(
    tables: ErasmusFrames, *, failing_only: bool = False, partition: int = PARTITION
) -> pl.DataFrame:
    """Findings of all programme rules: columns `ERASMUS_FINDINGS`, mobilities in the order given.

    `failing_only` leaves out what holds; what cannot be told stays. Taken `partition` mobilities at a
    time.
    """
    found = [pl.DataFrame(schema=ERASMUS_FINDINGS)]
    for part in _partitions(tables, partition):
        rows = stays.prepared(part).collect().with_row_index("row")
        lines = list(_lines(rows, RULES_OF_STAYS, ["row", "mobility"], failing_only=failing_only))
        # The rules come in their order, and a stable sort keeps it within each mobility.
        in_order = pl.concat(lines).sort("row", maintain_order=True)
        found.append(conform(in_order, ERASMUS_FINDINGS).collect())
    return pl.concat(found)


def verdicts(findings: pl.DataFrame) -> pl.DataFrame:
    """One row per mobility with findings: does the stay fit the rules of its money."""
    blocks = pl.col("effect") == Effect.BLOCK.value
    fails, open_ = ~pl.col("holds"), pl.col("holds").is_null()
    first = pl.col("rule").filter(blocks & fails).first()
    first_open = pl.col("rule").filter(blocks & open_).first()
    warned = ((pl.col("effect") == Effect.WARN.value) & fails.fill_null(value=False)).sum()
    found = findings.group_by("mobility", maintain_order=True).agg(
        fits=pl.when(first.is_not_null())
        .then(statement=False)
        .when(first_open.is_null())
        .then(statement=True),
        decided_by=pl.coalesce(first, first_open),
        warnings=warned,
    )
    return conform(found, ERASMUS_VERDICTS).collect()


def judge_bips(bips: blended.Bips, *, failing_only: bool = False) -> pl.DataFrame:
    """Findings about blended intensive programmes and their participants: `BIP_FINDINGS`."""
    programmes = blended.prepared_programmes(bips).collect()
    learners = blended.prepared_learners(bips).collect()
    of_programmes = [one for one in blended.RULES if one.subject.name == blended.BIP.name]
    of_learners = [one for one in blended.RULES if one.subject.name == blended.BIP_LEARNER.name]
    found = [pl.DataFrame(schema=BIP_FINDINGS)]
    for rows, rules, keys in (
        (programmes, of_programmes, ["programme"]),
        (learners, of_learners, ["programme", "person"]),
    ):
        found += [
            conform(lines, BIP_FINDINGS).collect()
            for lines in _lines(rows, rules, keys, failing_only=failing_only)
        ]
    return pl.concat(found)


def _partitions(tables: ErasmusFrames, size: int) -> Iterator[ErasmusFrames]:
    mobilities = tables.mobilities.lazy().collect()
    segments = tables.segments.lazy().collect()
    if mobilities.height <= size:
        yield ErasmusFrames(mobilities, segments)
        return
    for part in mobilities.iter_slices(size):
        theirs = segments.join(part.select("mobility"), on="mobility", how="semi")
        yield ErasmusFrames(part, theirs)


def _lines(
    rows: pl.DataFrame, rules: Iterable[Rule], keys: list[str], *, failing_only: bool
) -> Iterator[pl.DataFrame]:
    """Per rule the rows to which it applies, with what it found."""
    for one in rules:
        finding = one.finding
        holds = finding.holds.cast(pl.Boolean)
        wanted = pl.lit(value=True) if finding.when is None else finding.when
        if failing_only:
            wanted = wanted & ~holds.fill_null(value=False)
        yield rows.filter(wanted).select(
            *keys,
            rule=pl.lit(one.code),
            holds=holds,
            effect=_effect(one),
            compared=pl.struct(
                value.alias(name) for name, value in finding.compared.items()
            ).struct.json_encode(),
        )


def _effect(one: Rule) -> pl.Expr:
    """The effect; what blocks is a warning without money (E02) or with a reason given (E03)."""
    effect = pl.lit(one.effect.value)
    warn = pl.lit(Effect.WARN.value)
    if one.code == "E02":
        return pl.when(student.zero_grant).then(warn).otherwise(effect)
    if one.code == "E03":
        return pl.when(pl.col("override_reason").is_not_null()).then(warn).otherwise(effect)
    return effect

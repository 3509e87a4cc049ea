"""Freezing what a collection would hold, and telling what changed since (S51, Q41)."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from vaihto.classification import actions, queries
from vaihto.classification.models import Collection
from vaihto.institutions.models import Institution
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May

Line = Mapping[str, Any]


@dataclass(frozen=True)
class FieldChange:
    """One value that is another than when the collection was frozen."""

    key: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Comparison:
    """What changed since a collection was frozen: lines by key, and values field by field."""

    collection: Collection
    edition_now: str
    same: int
    new: tuple[Line, ...]
    gone: tuple[Line, ...]
    changed: tuple[FieldChange, ...]


@transaction.atomic
def freeze(
    *,
    actor: Actor,
    institution: Institution,
    extraction: str,
    year: int,
    note: str = "",
    now: datetime,
) -> Collection:
    """Keeps the counted lines of an extraction as they are at this moment, for good."""
    actor.require(May.VIRTA_EXPORT, institution.pk)
    lines = _lines(actor, institution, extraction, year)
    text = json.dumps(lines, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    kept = Collection.objects.create(
        institution=institution,
        extraction=extraction,
        year=year,
        frozen_at=now,
        frozen_by=actor.label,
        edition=actions.rules_in_force(now=now).key,
        note=note,
        count=len(lines),
        digest=hashlib.sha256(text).hexdigest(),
        rows=zlib.compress(text, 6),
    )
    record(
        actor,
        "collection.frozen",
        kept,
        at=now,
        institution_id=institution.pk,
        changes={"count": [None, len(lines)], "digest": [None, kept.digest]},
        reason=note,
    )
    return kept


def frozen_lines(collection: Collection) -> list[dict[str, Any]]:
    """The lines of a collection as they were frozen, with their key under `key`."""
    lines: list[dict[str, Any]] = json.loads(zlib.decompress(bytes(collection.rows)))
    return lines


def compare(*, actor: Actor, collection: Collection, now: datetime) -> Comparison:
    """The collection against what the same extraction would hold now."""
    before = {line["key"]: line for line in frozen_lines(collection)}
    today = {
        line["key"]: line
        for line in _lines(actor, collection.institution, collection.extraction, collection.year)
    }
    changes = [
        FieldChange(key, name, before[key].get(name), today[key].get(name))
        for key in before
        if key in today
        for name in sorted({*before[key], *today[key]})
        if before[key].get(name) != today[key].get(name)
    ]
    touched = {change.key for change in changes}
    return Comparison(
        collection=collection,
        edition_now=actions.rules_in_force(now=now).key,
        same=sum(1 for key in before if key in today and key not in touched),
        new=tuple(line for key, line in today.items() if key not in before),
        gone=tuple(line for key, line in before.items() if key not in today),
        changed=tuple(changes),
    )


def _lines(
    actor: Actor, institution: Institution, extraction: str, year: int
) -> list[dict[str, Any]]:
    return [
        {"key": row.key, **row.values}
        for row in queries.rows(
            actor=actor, institution=institution, extraction=extraction, year=year
        )
    ]

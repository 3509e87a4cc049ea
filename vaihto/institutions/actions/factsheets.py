"""The factsheet: one per institution, kept unfinished or complete."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from vaihto.institutions.actions.profiles import (
    compared,
    locked,
    overwrite,
    refuse_first,
    refuse_stale,
    written,
)
from vaihto.institutions.facts import FactsheetFacts
from vaihto.institutions.models import Factsheet, Institution
from vaihto.institutions.queries import factsheet_of
from vaihto.institutions.shapes import wrong_factsheet
from vaihto.journal.actors import Actor


@transaction.atomic
def edit_factsheet(
    *,
    actor: Actor,
    institution: Institution,
    facts: FactsheetFacts,
    now: datetime,
    expected: str | None = None,
    reason: str = "",
) -> Factsheet:
    """What the factsheet says. It may be unfinished; partners then see none (see `completeness.py`).

    `expected` is `facts.seen` of what the actor edited, of empty facts where there was no factsheet. Refuses
    with `Stale` or the first thing that is wrong.
    """
    institution = locked(actor, institution)
    factsheet = Factsheet.objects.filter(institution=institution).first()
    is_new = factsheet is None
    if factsheet is None:
        factsheet = Factsheet(institution=institution)
    stored = factsheet_of(factsheet)
    refuse_stale(stored, expected)
    refuse_first(wrong_factsheet(facts))
    changes = compared(stored, facts)
    if not changes and not is_new:
        return factsheet
    overwrite(factsheet, facts, changes)
    factsheet.changed_at = now
    factsheet.save()
    verb = "factsheet.created" if is_new else "factsheet.changed"
    written(actor, verb, factsheet, institution, "factsheet", changes, now, reason)
    return factsheet

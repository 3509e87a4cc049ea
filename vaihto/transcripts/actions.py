"""Changing attainments, in batches as files bring them. `plan_attainments` says what would happen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import announce
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Coming, Draft, Keep, Outcome, chunks, units_in_reach
from vaihto.people.actions import RECORDS_CHANGED
from vaihto.people.bringing.setting import Setting
from vaihto.transcripts.bringing import draft_attainments
from vaihto.transcripts.facts import AttainmentFacts


def plan_attainments(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[AttainmentFacts],
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    coming: Coming | None = None,
) -> list[Outcome]:
    """What `bring_attainments` would do with each fact, in order. Nothing is written."""
    reach = units_in_reach(actor, May.PEOPLE_EDIT, institution.pk)
    setting = Setting.of(institution, reach=reach, said=said, coming=coming)
    keys: dict[str, int] = {} if seen is None else seen
    return [
        outcome
        for piece in chunks(facts)
        for outcome in draft_attainments(piece, setting, None, keys, set())
    ]


def bring_attainments(
    *,
    actor: Actor,
    institution: Institution,
    facts: Sequence[AttainmentFacts],
    now: datetime,
    batch: str = "",
    said: Collection[str] | None = None,
    seen: dict[str, int] | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Attainments, degrees among them, found again by key; safe to run twice.

    Dates of completion and recognition are never copied over each other (V19). `said`, `seen` and `keep` as in
    `people.actions.bring_students`.
    """
    reach = units_in_reach(actor, May.PEOPLE_EDIT, institution.pk)
    setting = Setting.of(institution, reach=reach, said=said)
    keys: dict[str, int] = {} if seen is None else seen
    outcomes: list[Outcome] = []
    touched: set[int] = set()
    with transaction.atomic():
        for piece in chunks(facts):
            draft = Draft(actor, now, institution.pk, batch, keep=keep)
            outcomes += draft_attainments(piece, setting, draft, keys, touched)
            draft.write()
        if touched:
            announce(RECORDS_CHANGED, person_ids=sorted(touched))
    return outcomes

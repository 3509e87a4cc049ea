"""Changing attainments, in batches as files bring them. `plan_attainments` says what would happen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import announce
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Coming, Keep, Outcome
from vaihto.people.actions import RECORDS_CHANGED
from vaihto.people.bringing import pieces
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
    return pieces.plan(
        pieces.remembering(draft_attainments, set()),
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        said=said,
        seen=seen,
        coming=coming,
    )


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
    touched: set[int] = set()

    def tell() -> None:
        if touched:
            announce(RECORDS_CHANGED, person_ids=sorted(touched))

    return pieces.bring(
        pieces.remembering(draft_attainments, touched),
        may=May.PEOPLE_EDIT,
        actor=actor,
        institution=institution,
        facts=facts,
        now=now,
        batch=batch,
        said=said,
        seen=seen,
        keep=keep,
        finished=tell,
    )

"""A sequence of facts worked off in pieces: what would become of it, or what became of it, in one transaction.

Rooms that bring facts of one institution in batches (people, catalogue, mobilities, attainments) hand in how a piece is
drafted; what is the same in all of them stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import Coming, Draft, Keep, Outcome, chunks, units_in_reach
from vaihto.people.bringing.setting import Setting

_Facts = TypeVar("_Facts")

# A piece of facts with their places, where it is brought, the draft (None while planning), keys seen so far.
DraftOf = Callable[
    [Sequence[tuple[int, _Facts]], Setting, Draft | None, dict[Any, int]], list[Outcome]
]


def remembering(
    draft_of: Callable[..., list[Outcome]], touched: set[int]
) -> Callable[..., list[Outcome]]:
    """The draft function with the set that it adds touched persons to."""

    def drafted(
        piece: Sequence[tuple[int, Any]],
        setting: Setting,
        draft: Draft | None,
        seen: dict[Any, int],
    ) -> list[Outcome]:
        return draft_of(piece, setting, draft, seen, touched)

    return drafted


def plan(
    draft_of: DraftOf[_Facts],
    *,
    may: May,
    actor: Actor,
    institution: Institution,
    facts: Sequence[_Facts],
    said: Collection[str] | None,
    seen: dict[Any, int] | None,
    coming: Coming | None,
) -> list[Outcome]:
    """What `bring` would do with each fact, in order. Nothing is written."""
    reach = units_in_reach(actor, may, institution.pk)
    setting = Setting.of(institution, reach=reach, said=said, coming=coming)
    keys: dict[Any, int] = {} if seen is None else seen
    return [outcome for piece in chunks(facts) for outcome in draft_of(piece, setting, None, keys)]


def bring(
    draft_of: DraftOf[_Facts],
    *,
    may: May,
    actor: Actor,
    institution: Institution,
    facts: Sequence[_Facts],
    now: datetime,
    batch: str,
    said: Collection[str] | None,
    seen: dict[Any, int] | None,
    keep: Keep | None,
    written: Callable[[list[Outcome]], None] = lambda _settled: None,
    finished: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """What became of each fact, in order; all of it or nothing.

    `written` is told of each piece after it was written, `finished` once at the end; both in the same transaction.
    """
    reach = units_in_reach(actor, may, institution.pk)
    setting = Setting.of(institution, reach=reach, said=said)
    keys: dict[Any, int] = {} if seen is None else seen
    outcomes: list[Outcome] = []
    with transaction.atomic():
        for piece in chunks(facts):
            draft = Draft(actor, now, institution.pk, batch, keep=keep)
            settled = draft_of(piece, setting, draft, keys)
            draft.write()
            written(settled)
            outcomes += settled
        finished()
    return outcomes

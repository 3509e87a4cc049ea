"""How a lower room makes an upper one act without knowing it.

A room declares an `Announcement` as a constant in its `actions.py` and announces it in the transaction of
the change; an upper room says in its `apps.py` that it listens. Listeners run at once, in the same
transaction, so they only write rows or enqueue work, never call outward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Announcement:
    """Something that happened, by name, with the names of the facts that go with it."""

    name: str
    fields: tuple[str, ...]
    _listeners: list[Callable[..., None]] = field(default_factory=list, compare=False, repr=False)


def on(announcement: Announcement, listener: Callable[..., None]) -> None:
    """`listener` hears `announcement` from now on; saying it twice changes nothing."""
    if listener not in announcement._listeners:
        announcement._listeners.append(listener)


def announce(announcement: Announcement, **facts: Any) -> None:
    """Tells every listener. The facts must be exactly those that were declared."""
    if set(facts) != set(announcement.fields):
        raise TypeError(f"{announcement.name} carries {announcement.fields}, not {sorted(facts)}")
    for listener in announcement._listeners:
        listener(**facts)

"""The worklist "your turn": what waits for whom, since when, until when.

A page that can leave something waiting adds a source: `@source` over a function from an actor and a day to
`Waiting` lines. Each answers at most `LIMIT` lines and how many there are; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpResponse
from django.utils.translation import gettext as _

from vaihto.journal.actors import Actor
from vaihto.web import components
from vaihto.web.components import Figure, Tone
from vaihto.web.frame import Request, page

LIMIT = 10


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One thing that waits: what it is, where the decision is made, since when and until when."""

    title: str
    href: str
    about: str = ""
    since: date | None = None
    until: date | None = None
    tone: Tone = "plain"
    deed: str = ""  # the word on the button


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Things of one kind that wait. `total` counts all, `lines` are the first ones."""

    key: str
    title: str
    why: str
    lines: Sequence[Waiting]
    total: int
    capped: bool = False
    all_href: str = ""
    tone: Tone = "info"


Source = Callable[[Actor, date], Queue | None]
_SOURCES: list[Source] = []


def source(function: Source) -> Source:
    """Adds a source to the worklist; the order of adding is the order on the page."""
    if function not in _SOURCES:
        _SOURCES.append(function)
    return function


def queues(actor: Actor, today: date) -> list[Queue]:
    """Everything that waits for this actor, kind by kind; kinds with nothing waiting are left out."""
    found = (function(actor, today) for function in _SOURCES)
    return [queue for queue in found if queue is not None and queue.total]


def turn(request: Request) -> HttpResponse:
    """The first page after signing in."""
    waiting = queues(request.actor, request.today)
    figures = components.cards(
        [
            Figure(
                label=queue.title, value=queue.total, href=f"#queue-{queue.key}", tone=queue.tone
            )
            for queue in waiting
        ],
        label=_("What waits, kind by kind"),
    )
    return page(
        request, "web/turn.html", queues=waiting, figures=figures if len(waiting) > 1 else ""
    )

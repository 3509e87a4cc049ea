"""What the hosted institutions publish: what they tell of themselves, and their catalogues."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from vaihto.demo.alliance import House
from vaihto.demo.offers import teach
from vaihto.demo.telling import tell
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Outcome


def publish(
    house: House, institution: Institution, *, actor: Actor, today: date, now: datetime
) -> Iterator[tuple[str, list[Outcome]]]:
    """Writes all of it; gives what files could bring too, as kind and outcomes."""
    tell(house, institution, actor=actor, now=now)
    yield from teach(house, institution, actor=actor, today=today, now=now)

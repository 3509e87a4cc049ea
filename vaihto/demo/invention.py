"""The whole demo as a stream of lives: told persons first, then everybody else, in three sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from vaihto.demo import staff, students, visitors
from vaihto.demo.alliance import HOSTED
from vaihto.demo.gathering import Gathered
from vaihto.demo.luck import Luck, seeded
from vaihto.demo.stories import STORIES

# The day on which the ordinary demo stands still, so that it is the same whenever it is built.
TODAY = date(2026, 11, 21)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of an alliance: `people` multiplies the lives of every house.

    `stays` are weights of having 0, 1, 2, … stays abroad; `visits` is the mean per employee. Of what is
    invented, `copies` are made in the database. With `has_past`, the registrars have frozen, sent and corrected
    before.
    """

    name: str
    people: float
    stays: Sequence[float]
    visits: float
    copies: int = 1
    has_past: bool = False


BARE = Size(name="bare", people=0, stays=(1,), visits=0)  # institutions and what they publish
TINY = Size(name="tiny", people=0.04, stays=(50, 36, 12, 2), visits=0.9)
ORDINARY = Size(name="small", people=1.0, stays=(61.5, 30, 7, 1.5), visits=0.85, has_past=True)
LARGE = Size(
    name="large",
    people=1.163,
    stays=(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 1),
    visits=3.0,
    copies=20,
)
SIZES: dict[str, Size] = {size.name: size for size in (BARE, TINY, ORDINARY, LARGE)}


def people(size: Size, *, today: date = TODAY) -> Iterator[Gathered]:
    """All lives, one after another; each carries everything that belongs to it at every institution.

    Nothing is kept between lives, so a million need no more memory than one.
    """
    for story in STORIES:
        yield story.tell(today)
    for house in HOSTED:
        for number in range(1, round(house.degree_students * size.people) + 1):
            yield students.degree_student(
                house, number, _luck(house.hei_id, "student", number, size, today)
            )
        for number in range(1, round(house.visitors * size.people) + 1):
            yield visitors.visitor(
                house, number, _luck(house.hei_id, "visitor", number, size, today)
            )
        for number in range(1, round(house.employees * size.people) + 1):
            luck = _luck(house.hei_id, "employee", number, size, today)
            yield staff.employee(house, number, luck, size.visits)
        for number in range(1, round(house.employees * size.people * 0.25) + 1):
            yield staff.guest(house, number, _luck(house.hei_id, "guest", number, size, today))


def _luck(hei_id: str, role: str, number: int, size: Size, today: date) -> Luck:
    return Luck(
        chance=seeded(hei_id, role, number),
        today=today,
        stays=size.stays,
    )


def batches(size: Size, *, people_each: int, today: date = TODAY) -> Iterator[Gathered]:
    """The lives in heaps of so many, so that actions can take many at once."""
    heap, held = Gathered(), 0
    for life in people(size, today=today):
        heap.extend(life)
        held += 1
        if held >= people_each:
            yield heap
            heap, held = Gathered(), 0
    if held:
        yield heap

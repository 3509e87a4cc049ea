"""Shapes that a mobility can take: parts with days, modes and places, one function per shape.

A shape is given its luck, the year in which it is to begin, and the two countries. It knows nothing of the
student: who takes which shape is decided in `lives`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from vaihto.mobilities.facts import SegmentFacts

DAY = timedelta(days=1)

# First and last teaching day of autumn and spring, by rhythm; an end before the start lies in the next year.
_TERMS: dict[str, dict[str, tuple[tuple[int, int], tuple[int, int]]]] = {
    "finland": {"autumn": ((8, 29), (12, 17)), "spring": ((1, 8), (5, 24))},
    "south": {"autumn": ((9, 9), (1, 29)), "spring": ((2, 4), (6, 24))},
    "central": {"autumn": ((9, 15), (2, 3)), "spring": ((2, 12), (6, 27))},
    "germany": {"autumn": ((9, 30), (2, 11)), "spring": ((3, 24), (7, 18))},
    "world": {"autumn": ((8, 25), (12, 19)), "spring": ((1, 18), (5, 28))},
}


@dataclass(frozen=True, kw_only=True)
class Where:
    """The two ends of a journey."""

    home: str
    host: str
    rhythm: str


@dataclass(frozen=True, kw_only=True)
class Stay:
    """One mobility before anybody has taken it. `shape` is the name of the function that made it."""

    shape: str
    purpose: str
    segments: tuple[SegmentFacts, ...]
    part_of_degree: bool | None = True
    planned_blended: bool = False
    agreed_as_one_whole: bool = False
    change_reason: str = ""
    bip_id: str = ""
    planned_credits: Decimal | None = None
    cancelled: bool = False

    @property
    def start(self) -> date:
        """First day of all parts."""
        return min(part.start for part in self.segments if part.start)

    @property
    def end(self) -> date:
        """Last day of all parts."""
        return max(part.end for part in self.segments if part.end)

    @property
    def is_virtual(self) -> bool:
        """Is no part of it lived abroad?"""
        return all(part.place == "home" for part in self.segments)


Shape = Callable[[random.Random, int, Where], Stay]


def term(chance: random.Random, year: int, rhythm: str, season: str) -> tuple[date, date]:
    """First and last day of one student's term: the term's own days, give or take some."""
    (first_month, first_day), (last_month, last_day) = _TERMS[rhythm][season]
    start = date(year, first_month, first_day) + DAY * chance.randint(-5, 9)
    end = date(year + (last_month < first_month), last_month, last_day) + DAY * chance.randint(
        -14, 6
    )
    return start, end


def _season(chance: random.Random) -> str:
    return "autumn" if chance.random() < 0.62 else "spring"


def _there(where: Where, start: date, end: date, mode: str = "physical") -> SegmentFacts:
    return SegmentFacts(mode=mode, place="host", country=where.host, start=start, end=end)


def _from_home(where: Where, start: date, end: date, *, cancelled: bool = False) -> SegmentFacts:
    return SegmentFacts(
        mode="virtual",
        place="home",
        country=where.home,
        start=start,
        end=end,
        cancelled=cancelled,
    )


def semester(chance: random.Random, year: int, where: Where) -> Stay:
    """One term abroad."""
    start, end = term(chance, year, where.rhythm, _season(chance))
    return Stay(
        shape="semester",
        purpose="study",
        segments=(_there(where, start, end),),
        planned_credits=Decimal(chance.choice((20, 25, 27, 30, 30, 30))),
    )


def whole_year(chance: random.Random, year: int, where: Where) -> Stay:
    """From autumn to the end of spring."""
    start, _ = term(chance, year, where.rhythm, "autumn")
    _, end = term(chance, year + 1, where.rhythm, "spring")
    return Stay(
        shape="whole_year",
        purpose="study",
        segments=(_there(where, start, end),),
        planned_credits=Decimal(60),
    )


def over_a_year(chance: random.Random, year: int, where: Where) -> Stay:
    """More than twelve months without a break."""
    start, _ = term(chance, year, where.rhythm, "autumn")
    return Stay(
        shape="over_a_year",
        purpose="study",
        segments=(_there(where, start, start + DAY * chance.randint(372, 430)),),
        planned_credits=Decimal(70),
    )


def exactly(days: int, purpose: str = "study") -> Shape:
    """A stay of so many days, both ends counted: at a limit of the statistics."""

    def shape(chance: random.Random, year: int, where: Where) -> Stay:
        start = date(year, chance.choice((1, 2, 3, 9)), chance.randint(1, 24))
        return Stay(
            shape=f"exactly_{days}",
            purpose=purpose,
            segments=(_there(where, start, start + DAY * (days - 1)),),
            planned_credits=Decimal(3 if days < 10 else 20),
        )

    return shape


def short_study(chance: random.Random, year: int, where: Where) -> Stay:
    """A course week, a summer school, a study visit."""
    start = date(year, chance.choice((3, 4, 5, 6, 7, 8, 10, 11)), chance.randint(1, 26))
    return Stay(
        shape="short_study",
        purpose="study",
        segments=(
            _there(where, start, start + DAY * (chance.choice((3, 4, 7, 9, 12, 14, 21, 28)) - 1)),
        ),
        planned_credits=Decimal(chance.choice((2, 3, 4, 5))),
    )


def blended_week(chance: random.Random, year: int, where: Where) -> Stay:
    """A blended intensive programme: a week or two together, weeks online from home before or after."""
    monday = date(year, chance.choice((2, 3, 4, 5, 9, 10, 11)), chance.randint(1, 24))
    monday -= DAY * monday.weekday()
    days = chance.choice((5, 5, 5, 5, 6, 6, 10, 12, 14, 26))
    last = monday + DAY * (days - 1)
    there = _there(where, monday, last)
    online = DAY * 7 * chance.randint(2, 8)
    parts = (there, _from_home(where, last + DAY * 3, last + online))
    # Online weeks before, unless they would begin in the year before the first blended year.
    if chance.random() < 0.6 and (monday - online).year >= 2022:
        parts = (_from_home(where, monday - online, monday - DAY * 2), there)
    return Stay(
        shape="blended_week",
        purpose="study",
        segments=parts,
        planned_blended=True,
        agreed_as_one_whole=True,
        bip_id=f"{year}-1-DEMO-KA131-HED-{chance.randint(1, 60):04d}-1",
        planned_credits=Decimal(chance.choice((3, 3, 4, 5))),
    )


def blended_term(chance: random.Random, year: int, where: Where) -> Stay:
    """A term abroad that was planned with some online weeks from home first."""
    start, end = term(chance, year, where.rhythm, _season(chance))
    weeks = chance.randint(3, 6)
    return Stay(
        shape="blended_term",
        purpose="study",
        segments=(
            _from_home(where, start, start + DAY * (7 * weeks - 1)),
            _there(where, start + DAY * 7 * weeks, end),
        ),
        planned_blended=True,
        agreed_as_one_whole=True,
        planned_credits=Decimal(30),
    )


def blended_between(chance: random.Random, year: int, where: Where) -> Stay:
    """Two stays with online weeks at home between them; mostly one agreed whole, sometimes not."""
    start = date(year, chance.choice((1, 2, 3, 9)), chance.randint(2, 20))
    first = chance.choice((7, 10, 14))
    between = 7 * chance.randint(4, 10)
    second = chance.choice((7, 10, 14))
    home = start + DAY * first
    again = home + DAY * between
    return Stay(
        shape="blended_between",
        purpose="study",
        segments=(
            _there(where, start, home - DAY),
            _from_home(where, home, again - DAY),
            _there(where, again, again + DAY * (second - 1)),
        ),
        planned_blended=True,
        agreed_as_one_whole=chance.random() < 0.75,
        planned_credits=Decimal(chance.choice((10, 15))),
    )


def blended_cancelled(chance: random.Random, year: int, where: Where) -> Stay:
    """Planned as blended, but the virtual part was cancelled."""
    start, end = term(chance, year, where.rhythm, "spring")
    return Stay(
        shape="blended_cancelled",
        purpose="study",
        segments=(
            _from_home(where, start - DAY * 21, start - DAY * 2, cancelled=True),
            _there(where, start, end),
        ),
        planned_blended=True,
        agreed_as_one_whole=True,
        planned_credits=Decimal(27),
    )


def hybrid(chance: random.Random, year: int, where: Where) -> Stay:
    """Lives in the destination, some of the teaching is online."""
    start, end = term(chance, year, where.rhythm, _season(chance))
    half = start + (end - start) // 2
    return Stay(
        shape="hybrid",
        purpose="study",
        segments=(_there(where, start, half), _there(where, half + DAY, end, "virtual")),
        planned_credits=Decimal(30),
    )


def went_home(chance: random.Random, year: int, where: Where) -> Stay:
    """Went home early for a personal reason and finished online."""
    start, end = term(chance, year, where.rhythm, _season(chance))
    leaves = end - DAY * chance.randint(25, 50)
    return Stay(
        shape="went_home",
        purpose="study",
        segments=(_there(where, start, leaves), _from_home(where, leaves + DAY, end)),
        change_reason="personal",
        planned_credits=Decimal(30),
    )


def covid(chance: random.Random, year: int, where: Where) -> Stay:
    """Began abroad in 2020 or 2021 and was finished from home because of the pandemic."""
    if year == 2020:
        start, end = term(chance, year, where.rhythm, "spring")
        leaves = min(date(2020, 3, 14) + DAY * chance.randint(0, 12), end - DAY * 10)
        leaves = max(leaves, start + DAY * 5)
    else:
        start, end = term(chance, year, where.rhythm, _season(chance))
        leaves = start + DAY * chance.randint(20, 60)
    return Stay(
        shape="covid",
        purpose="study",
        segments=(_there(where, start, leaves), _from_home(where, leaves + DAY, end)),
        change_reason="covid",
        planned_credits=Decimal(30),
    )


def covid_remote(chance: random.Random, year: int, where: Where) -> Stay:
    """Should have gone in 2020 or 2021 and studied all of it from home."""
    start, end = term(chance, year, where.rhythm, "autumn")
    return Stay(
        shape="covid_remote",
        purpose="study",
        segments=(_from_home(where, start, end),),
        change_reason="covid",
        planned_credits=Decimal(20),
    )


def virtual_course(chance: random.Random, year: int, where: Where) -> Stay:
    """A partner's online course or joint online group work, done from home."""
    start = date(year, chance.choice((1, 2, 3, 9, 10)), chance.randint(3, 25))
    return Stay(
        shape="virtual_course",
        purpose="study",
        segments=(_from_home(where, start, start + DAY * (7 * chance.randint(4, 14) - 1)),),
        planned_credits=Decimal(chance.choice((2, 3, 5, 5))),
    )


def open_course(chance: random.Random, year: int, where: Where) -> Stay:
    """An open online course: nobody registers the student abroad, home confirms that it was done."""
    start = date(year, chance.randint(1, 12), chance.randint(1, 28))
    return Stay(
        shape="open_course",
        purpose="study",
        segments=(_from_home(where, start, start + DAY * chance.randint(10, 60)),),
        part_of_degree=chance.random() < 0.7,
        planned_credits=Decimal(chance.choice((1, 1, 2))),
    )


def traineeship(chance: random.Random, year: int, where: Where) -> Stay:
    """Work abroad that belongs to the degree, mostly over the summer."""
    month = chance.choice((1, 2, 5, 5, 5, 6, 6, 8, 9))
    start = date(year, month, chance.randint(1, 20))
    days = chance.choice((61, 75, 84, 90, 92, 100, 122, 153))
    return Stay(
        shape="traineeship",
        purpose="traineeship",
        segments=(_there(where, start, start + DAY * (days - 1 + chance.randint(0, 4))),),
        planned_credits=Decimal(chance.choice((10, 15, 20, 30))),
    )


def combined(chance: random.Random, year: int, where: Where) -> Stay:
    """Courses first, then a work placement under the same agreement."""
    start, end = term(chance, year, where.rhythm, "spring")
    courses = SegmentFacts(
        mode="physical", place="host", country=where.host, start=start, end=end, purpose="study"
    )
    work = SegmentFacts(
        mode="physical",
        place="host",
        country=where.host,
        start=end + DAY,
        end=end + DAY * chance.randint(50, 75),
        purpose="traineeship",
    )
    return Stay(
        shape="combined",
        purpose="combined",
        segments=(courses, work),
        agreed_as_one_whole=True,
        planned_credits=Decimal(45),
    )


def two_countries(chance: random.Random, year: int, where: Where) -> Stay:
    """One agreement, two countries: half the term in each."""
    start, end = term(chance, year, where.rhythm, "autumn")
    half = start + (end - start) // 2
    other = chance.choice(
        [land for land in ("250", "528", "276", "616") if land not in (where.host, where.home)]
    )
    return Stay(
        shape="two_countries",
        purpose="study",
        segments=(
            _there(where, start, half),
            SegmentFacts(mode="physical", place="host", country=other, start=half + DAY, end=end),
        ),
        agreed_as_one_whole=True,
        planned_credits=Decimal(30),
    )


def not_in_degree(chance: random.Random, year: int, where: Where) -> Stay:
    """A stay that is not part of the degree: a language course, a holiday school."""
    start = date(year, chance.choice((6, 7)), chance.randint(1, 25))
    return Stay(
        shape="not_in_degree",
        purpose="study",
        segments=(_there(where, start, start + DAY * chance.randint(9, 30)),),
        part_of_degree=False,
    )


def doctoral_visit(chance: random.Random, year: int, where: Where) -> Stay:
    """A doctoral candidate's stay with another research group: some weeks, or some months."""
    start = date(year, chance.randint(1, 11), chance.randint(1, 28))
    days = chance.choice((7, 12, 21, 28, 60, 92, 122, 180))
    return Stay(
        shape="doctoral_visit",
        purpose="study",
        segments=(_there(where, start, start + DAY * (days - 1)),),
        planned_credits=Decimal(5) if chance.random() < 0.4 else None,
    )


def double_degree_year(chance: random.Random, year: int, where: Where) -> Stay:
    """The year at the partner that also gives its degree."""
    return replace(whole_year(chance, year, where), shape="double_degree_year")


def weekend_course(chance: random.Random, within: tuple[date, date], where: Where) -> Stay:
    """A short trip from inside an incoming exchange to a third country, for the same studies."""
    first, last = within
    start = first + DAY * chance.randint(20, max(21, (last - first).days - 30))
    return Stay(
        shape="inner_trip",
        purpose="study",
        segments=(_there(where, start, start + DAY * (chance.choice((3, 7, 12, 14)) - 1)),),
        planned_credits=Decimal(3),
    )


OUTGOING: tuple[tuple[float, int, Shape], ...] = (
    # weight, first year in which it happens, shape
    (42.0, 1990, semester),
    (5.0, 1990, whole_year),
    (14.0, 1990, traineeship),
    (13.0, 2022, blended_week),
    (2.2, 2021, blended_term),
    (2.2, 2022, blended_between),
    (0.8, 2022, blended_cancelled),
    (2.0, 2021, hybrid),
    (5.0, 2020, virtual_course),
    (2.0, 2020, open_course),
    (5.0, 1990, short_study),
    (2.4, 1990, combined),
    (1.0, 1990, two_countries),
    (0.5, 1990, over_a_year),
    (1.0, 1990, not_in_degree),
    (0.9, 2020, went_home),
    (0.5, 1990, exactly(86)),
    (0.6, 1990, exactly(87)),
    (0.3, 1990, exactly(88)),
    (0.6, 1990, exactly(5)),
    (0.7, 1990, exactly(6)),
)
INCOMING: tuple[tuple[float, int, Shape], ...] = (
    (62.0, 1990, semester),
    (11.0, 1990, whole_year),
    (6.0, 1990, traineeship),
    (9.0, 2022, blended_week),
    (1.2, 2022, blended_term),
    (1.2, 2022, blended_between),
    (1.5, 2021, hybrid),
    (3.0, 2020, virtual_course),
    (2.5, 1990, short_study),
    (0.8, 1990, combined),
    (0.6, 1990, not_in_degree),
    (0.6, 2020, went_home),
    (0.4, 1990, exactly(86)),
    (0.5, 1990, exactly(87)),
    (0.4, 1990, exactly(6)),
    (0.3, 1990, exactly(5)),
)


def draw(
    chance: random.Random,
    table: tuple[tuple[float, int, Shape], ...],
    year: int,
    where: Where,
) -> Stay:
    """A stay that begins in `year` (its online weeks perhaps before), by the weights of the table."""
    if year in {2020, 2021} and chance.random() < 0.45:
        shape: Shape = covid if chance.random() < 0.8 else covid_remote
        return shape(chance, year, where)
    fitting = [(weight, shape) for weight, since, shape in table if year >= since]
    chosen = chance.choices([shape for _, shape in fitting], [weight for weight, _ in fitting])[0]
    return chosen(chance, year, where)

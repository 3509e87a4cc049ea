"""Employees of the hosted institutions, their visits abroad, and visitors who come to teach or learn."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from vaihto.demo import names
from vaihto.demo.alliance import ASSOCIATES, MEMBERS, OUTSIDE, House
from vaihto.demo.gathering import Gathered
from vaihto.demo.luck import DAY, Luck
from vaihto.mobilities.facts import VisitFacts
from vaihto.people.facts import EmploymentFacts

_TITLES = {
    "teaching": (
        "Professor",
        "University lecturer",
        "Senior researcher",
        "Principal lecturer",
        "Postdoctoral researcher",
    ),
    "other": (
        "International coordinator",
        "Planning officer",
        "Librarian",
        "IT specialist",
        "Study counsellor",
    ),
}
# content, purpose, weight, days to choose from
_KINDS: tuple[tuple[str, str, float, tuple[int, ...]], ...] = (
    ("teaching", "teaching", 42, (2, 3, 4, 5, 5, 5, 6, 8, 12)),
    ("training", "training", 16, (3, 4, 5, 5, 7)),
    ("job shadowing", "training", 8, (3, 5)),
    ("research", "research", 15, (5, 9, 14, 29, 30, 31, 62, 92)),
    ("expert work", "training", 7, (2, 3, 4)),
    ("conference", "training", 6, (2, 3, 4)),
    ("guest lecture", "teaching", 4, (1,)),
    ("other", "training", 2, (1, 2)),
)


def employee(house: House, number: int, luck: Luck, visits: float) -> Gathered:
    """One employee with on average so many visits."""
    chance = luck.chance
    life = Gathered()
    records = life.at(house.hei_id)
    group = "teaching" if luck.yes(0.58) else "other"
    given, family, gender = names.invent(
        chance, house.language if luck.yes(0.85) else chance.choice(names.LANGUAGES)
    )
    start = date(chance.randint(1998, 2024), chance.choice((1, 8)), 1)
    key = f"{house.register}E{number:05d}"
    employment = EmploymentFacts(
        key=key,
        family_name=family,
        given_names=given,
        gender=gender,
        email=names.address(given, family, number, house.domain),
        group=group,
        title=chance.choice(_TITLES[group]),
        unit=chance.choice(house.units)[0],
        start=start,
        end=None if luck.yes(0.93) else date(2025, 7, 31),
    )
    records.employments.append(employment)
    many = int(visits) + luck.yes(visits - int(visits))
    for place in range(1, many + 1):
        trip = _visit(luck, house, f"{house.register}-S{number:05d}-{place}", "outgoing", group)
        if trip.start < start or (employment.end and trip.end > employment.end):
            continue
        records.visits.append(_with(trip, employment_key=key, unit=employment.unit))
    return life


def guest(house: House, number: int, luck: Luck) -> Gathered:
    """A teacher or other employee of another institution who visits the house."""
    life = Gathered()
    trip = _visit(luck, house, f"{house.register}-G{number:05d}", "incoming", "teaching")
    home = next(one for one in (*MEMBERS, *ASSOCIATES, *OUTSIDE) if one.hei_id == trip.partner)
    given, family, _ = names.invent(luck.chance, home.language)
    life.at(house.hei_id).visits.append(
        _with(trip, family_name=family, given_names=given, unit=luck.chance.choice(house.units)[0])
    )
    return life


def _with(trip: VisitFacts, **changes: str) -> VisitFacts:
    return VisitFacts(
        **{**{name: getattr(trip, name) for name in trip.__dataclass_fields__}, **changes}
    )


def _visit(luck: Luck, house: House, key: str, direction: str, group: str) -> VisitFacts:
    chance = luck.chance
    kinds = [
        kind for kind in _KINDS if group == "teaching" or kind[0] not in {"teaching", "research"}
    ]
    content, purpose, _, lengths = chance.choices(kinds, [kind[2] for kind in kinds])[0]
    year = max(2020, luck.years(1)[0])
    month = chance.choices(range(1, 13), (3, 5, 8, 10, 11, 5, 1, 3, 8, 13, 12, 3))[0]
    start = date(year, month, chance.randint(1, 27))
    days = chance.choice(lengths)
    abroad = [one for one in (*MEMBERS, *ASSOCIATES, *OUTSIDE) if one.country != house.country]
    allies = [
        one for one in abroad if one in MEMBERS and (direction == "outgoing" or not one.hosted)
    ]
    strangers = [one for one in abroad if one not in MEMBERS]
    partner = chance.choice(allies if luck.yes(0.58) else strangers)
    virtual = purpose != "research" and luck.yes(0.14 if year >= 2021 else 0.5)
    hours, began, ended = None, None, None
    if virtual:
        hours = Decimal(chance.choice((4, 8, 8, 12, 16, 24)))
        days = chance.choice((1, 5, 12, 30))
    elif luck.yes(0.08):
        hours = Decimal(chance.choice((7, 8, 20, 23, 24, 25, 48, 49)))
        days = 1 + int(hours) // 24
    elif luck.yes(0.5):
        began = datetime(start.year, start.month, start.day, chance.randint(4, 12), 30, tzinfo=UTC)
        ended = began + timedelta(days=max(1, days - 1), hours=chance.randint(1, 7))
        days = (ended.date() - start).days + 1
    else:
        hours = Decimal(24 * days)
    end = start + DAY * (days - 1)
    taught = None
    if content == "teaching":
        taught = Decimal(chance.choice((4, 6, 8, 8, 8, 10, 12, 16)))
    erasmus = partner.country not in {"404", "704", "392", "410", "840", "124", "036", "152", "826"}
    funded = erasmus and luck.yes(0.7)
    return VisitFacts(
        key=key,
        direction=direction,
        purpose=purpose,
        programme="erasmus" if funded else "own_agreement",
        action=("KA131" if year >= 2022 else "KA103") if funded else "",
        call_year=year - 1 if funded else None,
        partner=partner.hei_id,
        content=content,
        start=start,
        end=end,
        started_at=began,
        ended_at=ended,
        hours=hours,
        teaching_hours=taught,
        virtual=virtual,
        state="done" if end < luck.today else "ongoing" if start <= luck.today else "agreed",
    )

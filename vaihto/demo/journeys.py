"""Where a stay leads, in which frame, and how far it has got today."""

from __future__ import annotations

import random
from dataclasses import replace

from vaihto.demo.alliance import (
    ASSOCIATES,
    ERASMUS_COUNTRIES,
    MEMBERS,
    NORDIC_COUNTRIES,
    OUTSIDE,
    House,
)
from vaihto.demo.luck import Luck
from vaihto.demo.stays import Stay

# Programme, action, call year, funding.
Frame = tuple[str, str, int | None, str]


def destination(luck: Luck, house: House, year: int) -> House:
    """Where a stay leads: the alliance takes a growing share."""
    chance = luck.chance
    alliance_share = min(0.56, max(0.2, 0.34 + 0.055 * (year - 2022)))
    drawn = chance.random()
    if drawn < alliance_share:
        return ally(chance, house)
    if drawn < alliance_share + 0.05 and year >= 2022:
        return chance.choice(ASSOCIATES)
    return chance.choice([other for other in OUTSIDE if other.country != house.country])


def ally(chance: random.Random, house: House) -> House:
    others = [other for other in MEMBERS if other.country != house.country]
    return chance.choices(others, [other.students for other in others])[0]


def origin(luck: Luck, house: House, year: int) -> House:
    chance = luck.chance
    alliance_share = min(0.6, max(0.2, 0.36 + 0.05 * (year - 2022)))
    drawn = chance.random()
    if drawn < alliance_share:
        known = [one for one in MEMBERS if not one.hosted and one.country != house.country]
        return chance.choices(known, [one.students for one in known])[0]
    if drawn < alliance_share + 0.06 and year >= 2022:
        return chance.choice(ASSOCIATES)
    return chance.choice([one for one in OUTSIDE if one.country != house.country])


def frame(luck: Luck, home: str, host: str, year: int, stay: Stay) -> Frame:
    """Programme, action, call year and funding of a stay."""
    chance = luck.chance
    call = year - 1 if luck.yes(0.6) else year
    action = "KA131" if call >= 2021 else "KA103"
    erasmus = ("erasmus", action, call, "Erasmus+ grant")
    own = ("own_agreement", "", None, "Scholarship of the institution")
    table: list[tuple[float, Frame]]
    if stay.bip_id:
        table = [(1, ("erasmus", "KA131", max(call, 2021), "Erasmus+ grant"))]
    elif stay.shape in {"virtual_course", "open_course"}:
        table = [(4, ("own_agreement", "", None, "")), (1, ("erasmus", action, call, ""))]
    elif host in ERASMUS_COUNTRIES and home in ERASMUS_COUNTRIES:
        table = [
            (79, erasmus),
            (6, ("erasmus", action, call, "")),
            (6, own),
            # The place comes from an agreement of the institution, the money from elsewhere (V14).
            (2, ("own_agreement", "", None, "Erasmus+ grant")),
            (4, ("free_mover", "", None, "")),
            (3, ("other_eu", "", None, "")),
        ]
        if host in NORDIC_COUNTRIES and home in NORDIC_COUNTRIES:
            table.append((100, ("nordic", "Nordplus", call, "Nordplus grant")))
    else:
        table = [
            (62, own),
            (16, ("other_international", "", None, "")),
            (15, ("free_mover", "", None, "")),
            (5, ("national", "", None, "")),
            (2, ("other", "", None, "")),
        ]
        if host in {"404", "704"}:
            table.append((90, ("erasmus", "KA171", call, "Erasmus+ grant")))
    return chance.choices([found for _, found in table], [weight for weight, _ in table])[0]


def moved_to(stay: Stay, land: str) -> Stay:
    """The same stay in another country."""
    return replace(
        stay,
        segments=tuple(
            replace(part, country=land) if part.place == "host" else part for part in stay.segments
        ),
    )


def state_of(luck: Luck, stay: Stay) -> tuple[str, bool]:
    """State of a stay today, and whether its end is still an estimate."""
    if stay.cancelled:
        return "cancelled", False
    if stay.start > luck.today:
        return ("agreed" if luck.yes(0.7) else "planned"), True
    if stay.end >= luck.today:
        return "ongoing", True
    if (luck.today - stay.end).days < 160 and luck.yes(0.1):
        return "ongoing", True  # nobody has confirmed when it ended
    return "done", False

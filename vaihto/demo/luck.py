"""What a life is dealt before it begins, and how often things happen in which year."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

SEED = "tuuli"


DAY = timedelta(days=1)


# How many mobilities begin in each year: few long ago, the pandemic, then growth.
YEARS: dict[int, float] = {
    2012: 1,
    2013: 2,
    2015: 3,
    2017: 5,
    2018: 6,
    2019: 8,
    2020: 55,
    2021: 70,
    2022: 430,
    2023: 520,
    2024: 610,
    2025: 700,
    2026: 560,
    2027: 45,
}


def seeded(*words: object) -> random.Random:
    """The luck that belongs to these words, the same at every run."""
    return random.Random(":".join([SEED, *map(str, words)]))  # noqa: S311 - invention, no secret


@dataclass(frozen=True, kw_only=True)
class Luck:
    """What a life is dealt before it begins."""

    chance: random.Random
    today: date
    stays: Sequence[float]  # weights of having 0, 1, 2, … stays

    def years(self, count: int) -> list[int]:
        """So many years in which stays begin, in order, none after next year."""
        known = {year: weight for year, weight in YEARS.items() if year <= self.today.year + 1}
        drawn = self.chance.choices(list(known), list(known.values()), k=count)
        return sorted(drawn)

    def yes(self, probability: float) -> bool:
        """Does it happen?"""
        return self.chance.random() < probability

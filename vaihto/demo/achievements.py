"""Degrees and credits: earned at home, brought back from abroad, earned here by visitors."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal

from vaihto.demo import programmes
from vaihto.demo.alliance import House
from vaihto.demo.luck import DAY, Luck
from vaihto.demo.rights import DOUBLE, JOINT, Right
from vaihto.demo.stays import Stay
from vaihto.mobilities.facts import MobilityFacts
from vaihto.transcripts.facts import AttainmentFacts

PASS_SCALE, FIVE_SCALE = "Hyvaksytty", "Viisiportainen"


def degree_attainment(house: House, student_key: str, right: Right, day: date) -> AttainmentFacts:
    """The degree itself (kind 1)."""
    classifications: tuple[str, ...] = ()
    if not right.aim_given_up:
        classifications = {JOINT: ("9",), DOUBLE: ("10",)}.get("".join(right.classifications), ())
    return AttainmentFacts(
        key=f"{right.key}-DEG",
        student_key=student_key,
        right_key=right.key,
        kind="1",
        names=dict(right.degree.names),
        credits=Decimal(right.degree.size),
        grade_scale=PASS_SCALE,
        grade="HYV",
        completed_on=day,
        classifications=classifications,
        education_code=right.degree.code,
        module=right.degree.module,
        language=right.degree.language if house.is_finnish else "",
        # A group whose education was bought did all of it at the customer's (S27).
        completed_in_country="702" if right.funding == "4" and right.start.year % 2 else "",
    )


def credits_from_abroad(
    luck: Luck, house: House, student_key: str, mobility: MobilityFacts, right_key: str, land: str
) -> list[AttainmentFacts]:
    """Credits granted by the partner and recognised at home, some with the slips that checks find."""
    chance = luck.chance
    ends = [part.end for part in mobility.segments if part.end]
    if mobility.state != "done" or not ends or luck.yes(0.06):
        return []
    last = max(ends)
    decided = last + DAY * chance.randint(18, 120)
    if decided > luck.today:
        return []
    whole = mobility.planned_credits or Decimal(0)
    if whole and luck.yes(0.3):
        whole = max(Decimal(1), whole - chance.choice((3, 5, 10)))
    if not whole:
        return []
    found = []
    for number, size in enumerate(shares(chance, whole)):
        english, finnish = chance.choice(programmes.COURSES)
        completed: date | None = last - DAY * chance.randint(0, 12)
        recognised: date | None = decided
        slip = chance.random() if house.is_finnish else 1.0
        if slip < 0.012:
            recognised = None
        elif slip < 0.02:
            recognised = last - DAY * 20
        elif slip < 0.03:
            completed = last + DAY * 95
            recognised = max(decided, completed)
        elif slip < 0.08:
            completed = None  # not on the transcript: the last day of the period stands in (V18)
        found.append(
            AttainmentFacts(
                key=f"{mobility.key}-A{number + 1}",
                student_key=student_key,
                right_key=right_key,
                mobility_key=mobility.key,
                kind="2",
                names={"en": english, "fi": finnish},
                credits=size,
                grade_scale=PASS_SCALE,
                grade="HYV",
                completed_on=completed,
                recognised_on=recognised,
                granted_by="foreign_hei",
                source_code="UK" if house.is_finnish else "",
                source_country=land,
                module=f"ABROAD-{chance.randint(100, 999)}",
                language="en" if house.is_finnish else "",
            )
        )
    return found


def traineeship_credits(
    luck: Luck, house: House, student_key: str, mobility: MobilityFacts, right_key: str
) -> list[AttainmentFacts]:
    """Credits of a traineeship abroad: given at home, classified 8, never recognised (V36)."""
    ends = [part.end for part in mobility.segments if part.end]
    if mobility.state != "done" or not ends or luck.yes(0.08):
        return []
    done = max(ends) + DAY * luck.chance.randint(4, 60)
    if done > luck.today:
        return []
    slip = luck.chance.random() if house.is_finnish else 1.0
    return [
        AttainmentFacts(
            key=f"{mobility.key}-A1",
            student_key=student_key,
            right_key=right_key,
            mobility_key=mobility.key,
            kind="2",
            names={"en": "Traineeship abroad", "fi": "Harjoittelu ulkomailla"},
            credits=mobility.planned_credits or Decimal(15),
            grade_scale=PASS_SCALE,
            grade="HYV",
            completed_on=done,
            recognised_on=done + DAY if slip < 0.02 else None,
            classifications=() if 0.02 <= slip < 0.06 else ("8",),
            module="TRAINEE",
            language="en" if house.is_finnish else "",
            is_traineeship=True,
        )
    ]


def visitor_credits(
    luck: Luck, house: House, student_key: str, right_key: str, mobility: MobilityFacts, stay: Stay
) -> list[AttainmentFacts]:
    """What an incoming student completed here (classification 2)."""
    chance = luck.chance
    if mobility.state != "done" or stay.purpose == "traineeship" or luck.yes(0.07):
        return []
    whole = stay.planned_credits or Decimal(0)
    if not whole:
        return []
    found = []
    for number, size in enumerate(shares(chance, whole)):
        english, finnish = chance.choice(programmes.COURSES)
        completed = stay.end - DAY * chance.randint(0, 25)
        found.append(
            AttainmentFacts(
                key=f"{mobility.key}-A{number + 1}",
                student_key=student_key,
                right_key=right_key,
                mobility_key=mobility.key,
                kind="2",
                names={"en": english, "fi": finnish},
                credits=size,
                grade_scale=FIVE_SCALE,
                grade=str(chance.choice((1, 2, 3, 3, 4, 4, 5))),
                completed_on=max(completed, stay.start),
                classifications=("2",),
                module=f"C-{chance.randint(100, 999)}",
                language="en" if house.is_finnish else "",
            )
        )
    return found


def shares(chance: random.Random, whole: Decimal) -> list[Decimal]:
    """`whole` credits in one to three parts."""
    if whole < 10:
        return [whole]
    first = Decimal(int(whole) * chance.choice((1, 2)) // 3)
    rest = whole - first
    if rest < 10 or chance.random() < 0.5:
        return [first, rest]
    second = rest // 2
    return [first, second, rest - second]


def own_credits(luck: Luck, student_key: str, right: Right, house: House) -> list[AttainmentFacts]:
    """A course or two done at home."""
    chance = luck.chance
    found = []
    last = min(right.left or luck.today, luck.today)
    span = (last - right.active_from).days
    for number in range(chance.choice((0, 1, 1, 2))):
        if span < 60:
            break
        english, finnish = chance.choice(programmes.COURSES)
        found.append(
            AttainmentFacts(
                key=f"{right.key}-C{number + 1}",
                student_key=student_key,
                right_key=right.key,
                kind="2",
                names={"en": english, "fi": finnish},
                credits=Decimal(chance.choice((3, 5, 5, 10))),
                grade_scale=FIVE_SCALE,
                grade=str(chance.randint(1, 5)),
                completed_on=right.active_from + DAY * chance.randint(40, span),
                module=f"C-{chance.randint(100, 999)}",
                language=right.degree.language if house.is_finnish else "",
            )
        )
    return found

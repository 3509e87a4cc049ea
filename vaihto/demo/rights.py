"""Study rights as they were lived, and as the facts of a register."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from vaihto.demo.alliance import House
from vaihto.demo.luck import DAY, Luck
from vaihto.demo.programmes import Degree
from vaihto.people.facts import (
    PrimacyFacts,
    SpellFacts,
    StateFacts,
    StudyRightFacts,
    TermEnrolmentFacts,
)

ACTIVE, OPTION, GRADUATED, GIVEN_UP = "1", "2", "3", "5"


JOINT, DOUBLE, ADULT = "6", "7", "3"


NAMESPACE = "urn:mace:funet.fi:virta/2015/09/01"


@dataclass(kw_only=True)
class Right:
    """A study right as it was lived; `left` is the last day of being active."""

    key: str
    degree: Degree
    type: str
    start: date
    option_until: date | None = None
    left: date | None = None
    how: str = ""
    classifications: tuple[str, ...] = ()
    aim_given_up: date | None = None
    funding: str = "1"
    primary: bool = True

    @property
    def active_from(self) -> date:
        """First day as a student of this right."""
        return self.option_until + DAY if self.option_until else self.start


def term_end(day: date) -> date:
    """Last day of the term of `day`."""
    return date(day.year, 7, 31) if day.month < 8 else date(day.year, 12, 31)


def graduation_day(luck: Luck, after: date) -> date:
    """One of the days on which degrees are given, on or after `after`."""
    chance = luck.chance
    for year in (after.year, after.year + 1):
        for month, day in ((1, 31), (3, 31), (5, 31), (6, 15), (8, 31), (10, 31), (12, 18)):
            given = date(year, month, day)
            if given >= after and chance.random() < 0.6:
                return given
    return date(after.year + 1, 12, 18)


def right_facts(
    luck: Luck, house: House, student_key: str, right: Right, *, slip: str = ""
) -> StudyRightFacts:
    """The right with its timeline. `slip` names a fault of the register to be found: gap, overlap, no-primacy."""
    states = []
    if right.option_until:
        states.append(StateFacts(code=OPTION, start=right.start, end=right.option_until))
    over = right.left if right.left is not None and right.left < luck.today else None
    end: date | None = None
    if over:
        end = term_end(over + DAY)
        since = over + (DAY * 12 if slip == "gap" else DAY)
        states.append(StateFacts(code=ACTIVE, start=right.active_from, end=over))
        states.append(StateFacts(code=right.how, start=min(since, end), end=None))
    elif not right.option_until or right.option_until < luck.today:
        states.append(StateFacts(code=ACTIVE, start=right.active_from))
    else:
        states[-1] = StateFacts(code=OPTION, start=right.start)
    if not over and right.degree.years:
        end = date(right.start.year + int(right.degree.years) + 4, 7, 31)
        end = end if end > luck.today else None
    spell = SpellFacts(
        start=right.start,
        module=right.degree.module,
        education_code=right.degree.code,
        municipality=house.municipality,
        language=right.degree.language if house.is_finnish else "",
        funding_source=right.funding,
        classifications=right.classifications,
        names=dict(right.degree.names),
    )
    spells: tuple[SpellFacts, ...] = (spell,)
    if right.aim_given_up:
        spells = (
            replace(spell, end=right.aim_given_up),
            replace(spell, start=right.aim_given_up + DAY, classifications=()),
        )
    elif slip == "overlap":
        turn = right.start + DAY * 200
        spells = (replace(spell, end=turn), replace(spell, start=turn - DAY * 20))
    started = not right.option_until or right.option_until < luck.today
    primacies: tuple[PrimacyFacts, ...] = ()
    if right.primary and started and slip != "no-primacy":
        primacies = (PrimacyFacts(start=right.active_from, end=over),)
    return StudyRightFacts(
        key=right.key,
        student_key=student_key,
        type=right.type,
        start=right.start,
        end=end,
        granted_by=house.national_code,
        states=tuple(states),
        spells=spells,
        primacies=primacies,
    )


def exchange_right(
    house: House, key: str, student_key: str, first: date, last: date, *, kind: str = "9"
) -> StudyRightFacts:
    """The right of an incoming exchange student (V27), with primacy over its whole length."""
    return StudyRightFacts(
        key=key,
        student_key=student_key,
        type=kind,
        start=first,
        end=last,
        granted_by=house.national_code,
        states=(StateFacts(code=ACTIVE, start=first, end=last),),
        spells=(
            SpellFacts(
                start=first,
                end=last,
                module="EXCHANGE",
                municipality=house.municipality,
                language="en" if house.is_finnish else "",
                funding_source="1",
                names={"en": "Exchange studies", "fi": "Vaihto-opinnot"},
            ),
        ),
        primacies=(PrimacyFacts(start=first, end=last),),
    )


def enrolments(
    luck: Luck, house: House, student_key: str, right: Right
) -> list[TermEnrolmentFacts]:
    """Term enrolments of the last terms, as documents of the national format."""
    found = []
    for year in range(luck.today.year - 2, luck.today.year + 1):
        for first, last in (
            (date(year, 1, 1), date(year, 7, 31)),
            (date(year, 8, 1), date(year, 12, 31)),
        ):
            over = right.left is not None and right.left < first
            if first > luck.today or last < right.active_from or over or year < 2025:
                continue
            state = luck.chance.choices(("1", "2", "3"), (93, 6, 1))[0]
            enrolled = first - DAY * luck.chance.randint(3, 60)
            found.append(enrolment(house, student_key, right.key, state, enrolled, first, last))
    return found


def enrolment(
    house: House,
    student_key: str,
    right_key: str,
    state: str,
    enrolled: date,
    first: date,
    last: date,
) -> TermEnrolmentFacts:
    """One term enrolment and its element in canonical XML."""
    document = (
        f'<LukukausiIlmoittautuminen xmlns="{NAMESPACE}" opiskelijaAvain="{student_key}"'
        f' opiskeluoikeusAvain="{right_key}">'
        f"<Myontaja>{house.national_code}</Myontaja><Tila>{state}</Tila>"
        f"<IlmoittautumisPvm>{enrolled}</IlmoittautumisPvm><AlkuPvm>{first}</AlkuPvm>"
        f"<LoppuPvm>{last}</LoppuPvm></LukukausiIlmoittautuminen>"
    )
    return TermEnrolmentFacts(
        student_key=student_key,
        right_key=right_key,
        start=first,
        end=last,
        state=state,
        document=document,
    )

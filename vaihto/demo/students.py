"""Students of a hosted institution: rights, stays abroad, credits and degrees, with real registers' slips.

Each life has its own luck, seeded by institution and number, so that lives can be told in any order, in
parts, or again, and are always the same. A stay between two hosted institutions is told by both.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from vaihto.demo import achievements, journeys, names, programmes, rights, stays, visitors
from vaihto.demo.alliance import ERASMUS_COUNTRIES, HOUSES, WORKPLACES, House
from vaihto.demo.gathering import Gathered
from vaihto.demo.luck import DAY, Luck
from vaihto.demo.programmes import Degree
from vaihto.demo.rights import ADULT, DOUBLE, GIVEN_UP, GRADUATED, JOINT, Right
from vaihto.demo.stays import Stay, Where
from vaihto.mobilities.facts import MobilityFacts, SegmentFacts
from vaihto.people.facts import StudentFacts


def _who(luck: Luck, house: House, number: int, key: str, born: int) -> StudentFacts:
    chance = luck.chance
    language = house.language
    if house.language == "fi" and luck.yes(0.07):
        language = "sv"
    citizenship = house.country
    if luck.yes(0.11):
        language = chance.choice(names.LANGUAGES)
        citizenship = chance.choice(("804", "356", "704", "643", "156", "566", "276", "724", "404"))
    given, family, gender = names.invent(chance, language)
    return StudentFacts(
        key=key,
        family_name=family,
        given_names=given,
        gender=gender,
        citizenships=(citizenship,),
        birth_date=date(born, chance.randint(1, 12), chance.randint(1, 28)),
        email=names.address(given, family, number, f"student.{house.domain}"),
        learner_number=visitors.learner_number(house, number) if house.is_finnish else "",
        esis=(visitors.esi(house, number),),
        mother_tongue=language if house.is_finnish and language in {"fi", "sv"} else "",
        residence=house.municipality if house.is_finnish and luck.yes(0.7) else "",
    )


_TWISTS: tuple[tuple[str, float], ...] = (
    ("", 93.0),
    ("after_graduation", 1.4),
    ("before_studies", 0.8),
    ("ended_right", 0.8),
    ("commissioned", 1.4),
    ("double", 1.6),
    ("joint", 1.0),
    ("open_only", 0.4),
)


Taken = list[tuple[Stay, House | None, tuple[str, str] | None]]


def degree_student(house: House, number: int, luck: Luck) -> Gathered:
    """One student of the house from the first day to today, with stays abroad and both ends of them."""
    chance, today = luck.chance, luck.today
    life = Gathered()
    count = chance.choices(range(len(luck.stays)), luck.stays)[0]
    years = luck.years(count)
    degree = _entrance(luck, house)
    twist = (
        chance.choices([name for name, _ in _TWISTS], [weight for _, weight in _TWISTS])[0]
        if years
        else ""
    )
    if twist in {"double", "joint"} and house.hei_id != "tuulisalmi.example":
        twist = ""
    if twist == "double":
        degree, years = programmes.BY_MODULE[house.hei_id, programmes.DOUBLE_PROGRAMME], years[:1]
    elif twist == "joint":
        degree = programmes.BY_MODULE[house.hei_id, programmes.JOINT_PROGRAMME]
        years = [min(max(2022, years[0]), today.year)] * 2
    elif twist:
        years = years[:1]
    start = _first_day(luck, degree, years, twist)
    key = f"{house.register}{number:06d}"
    person = replace(
        _who(
            luck, house, number, key, start.year - chance.choice((19, 19, 20, 20, 21, 23, 27, 34))
        ),
        unit=degree.unit,
        first_enrolled=start if luck.yes(0.4) else None,
    )
    taken = _stays(luck, house, degree, years, start, twist)
    held = _rights(luck, house, number, degree, start, taken, twist)
    records = life.at(house.hei_id)
    records.students.append(person)
    slip = _slip(luck, house) if taken else ""
    for right in held:
        records.rights.append(
            rights.right_facts(luck, house, key, right, slip=slip if right is held[0] else "")
        )
        if house.is_finnish:
            records.enrolments.extend(rights.enrolments(luck, house, key, right))
        records.attainments.extend(achievements.own_credits(luck, key, right, house))
        if right.how == GRADUATED and right.left and right.left <= today:
            records.attainments.append(
                achievements.degree_attainment(house, key, right, right.left)
            )
    for place, (stay, partner, workplace) in enumerate(taken, 1):
        _leave(luck, life, house, number, person, held, place, stay, partner, workplace, twist)
    return life


def _entrance(luck: Luck, house: House) -> Degree:
    table = programmes.ENTRANCE[house.hei_id]
    kind = luck.chance.choices(list(table), list(table.values()))[0]
    fitting = [degree for degree in programmes.DEGREES[house.hei_id] if degree.type == kind]
    return luck.chance.choice(fitting)


def _first_day(luck: Luck, degree: Degree, years: list[int], twist: str) -> date:
    """The first of August (sometimes January) that fits the first stay, or any recent year without one."""
    chance = luck.chance
    if twist == "before_studies":
        return date(years[0], 8, 1)
    if not years:
        year = chance.choices(range(2018, luck.today.year + 1), range(2, luck.today.year - 2015))[0]
        return date(year, 8, 1)
    if twist == "after_graduation":
        return date(years[0] - 4, 8, 1)
    gap = {"1": (1, 2, 2, 3), "2": (1, 2, 2, 3), "7": (1, 2, 3)}.get(degree.type, (1,))
    year = years[0] - chance.choice(gap)
    return (
        date(year, 1, 1) if degree.type in {"4", "3", "7"} and luck.yes(0.15) else date(year, 8, 1)
    )


def _stays(
    luck: Luck, house: House, degree: Degree, years: list[int], start: date, twist: str
) -> Taken:
    """The stays with the partner or workplace of each."""
    chance = luck.chance
    taken: Taken = []
    if twist == "joint":
        for hei_id, season in (("costaclara.example", "autumn"), ("javorec.example", "spring")):
            partner = HOUSES[hei_id]
            where = Where(home=house.country, host=partner.country, rhythm=partner.terms)
            year = years[0] + (season == "spring")
            first, last = stays.term(chance, year, where.rhythm, season)
            if taken and first <= taken[-1][0].end:
                first = taken[-1][0].end + DAY * 3
            part = SegmentFacts(
                mode="physical", place="host", country=where.host, start=first, end=last
            )
            taken.append(
                (
                    Stay(
                        shape="joint",
                        purpose="study",
                        segments=(part,),
                        planned_credits=Decimal(30),
                    ),
                    partner,
                    None,
                )
            )
        return taken
    for year in years:
        partner = (
            HOUSES["costaclara.example"]
            if twist == "double"
            else journeys.destination(luck, house, year)
        )
        where = Where(home=house.country, host=partner.country, rhythm=partner.terms)
        if twist == "double":
            stay = stays.double_degree_year(chance, year, where)
        elif twist == "after_graduation":
            stay = stays.traineeship(chance, year, where)
        elif twist == "before_studies":
            first = date(year, 3, chance.randint(1, 28))
            stay = replace(
                stays.traineeship(chance, year, where),
                segments=(
                    SegmentFacts(
                        mode="physical",
                        place="host",
                        country=where.host,
                        start=first,
                        end=first + DAY * chance.randint(70, 120),
                    ),
                ),
            )
        elif degree.type in {"6", "7"} and luck.yes(0.75):
            stay = stays.doctoral_visit(chance, year, where)
        else:
            stay = stays.draw(chance, stays.OUTGOING, year, where)
        if stay.bip_id and partner.country not in ERASMUS_COUNTRIES:
            partner = journeys.ally(chance, house)
            stay = journeys.moved_to(stay, partner.country)
        workplace = None
        if stay.purpose == "traineeship" and luck.yes(0.85):
            workplace = chance.choice([place for place in WORKPLACES if place[1] != house.country])
            stay = journeys.moved_to(stay, workplace[1])
        if luck.yes(0.02) and stay.shape == "semester":
            stay = replace(stay, cancelled=True)
        taken.append((stay, None if workplace else partner, workplace))
    return taken


def _rights(
    luck: Luck, house: House, number: int, degree: Degree, start: date, taken: Taken, twist: str
) -> list[Right]:
    """The rights of a student: one, or a bachelor's that leads to a master's."""
    chance, today = luck.chance, luck.today
    key = f"{house.register}{number:06d}-R"
    ends = [stay.end for stay, _, _ in taken]
    starts = [stay.start for stay, _, _ in taken]
    first = Right(key=f"{key}1", degree=degree, type=degree.type, start=start)
    if house.sector == "uas" and degree.type == "1" and luck.yes(0.2):
        first.classifications = (ADULT,)
    if twist == "commissioned":
        first.funding = "4"
    elif twist == "open_only":
        first.type = "13"
        return [first]
    elif twist == "ended_right":
        first.left, first.how = starts[0] - DAY * chance.randint(20, 200), GIVEN_UP
        first.left = max(first.left, start + DAY * 30)
        return [first]
    elif twist == "after_graduation":
        first.left, first.how = starts[0] - DAY * chance.randint(5, 45), GRADUATED
        return [first]
    elif twist in {"double", "joint"}:
        first.classifications = (DOUBLE,) if twist == "double" else (JOINT,)
        if twist == "double" and luck.yes(0.25) and ends[0] < today:
            first.aim_given_up = starts[0] + DAY * chance.randint(60, 120)
    nominal = start + DAY * int(365.25 * degree.years + chance.randint(-90, 420))
    if degree.leads_to and luck.yes(0.78) and not twist:
        leaving = rights.graduation_day(luck, nominal)
        later = programmes.BY_MODULE[house.hei_id, degree.leads_to]
        after = leaving + DAY * int(365.25 * later.years + chance.randint(-60, 400))
        last = rights.graduation_day(luck, max([after, *(end + DAY * 15 for end in ends)]))
        second = Right(
            key=f"{key}2", degree=later, type=later.type, start=start, option_until=leaving
        )
        second.left, second.how = last, GRADUATED
        first.left, first.how = leaving, GRADUATED
        return [first, second]
    if not taken and luck.yes(0.08):
        first.left, first.how = start + DAY * chance.randint(200, 900), GIVEN_UP
        return [first]
    slack = 15 if luck.yes(0.93) else -40  # now and then a stay goes on past graduation
    leaving = max([nominal, *(end + DAY * slack for end in ends)])
    first.left, first.how = rights.graduation_day(luck, leaving), GRADUATED
    return [first]


def _slip(luck: Luck, house: House) -> str:
    drawn = luck.chance.random()
    if not house.is_finnish:
        return ""
    return (
        "no-primacy"
        if drawn < 0.02
        else "gap"
        if drawn < 0.026
        else "overlap"
        if drawn < 0.03
        else ""
    )


def _leave(
    luck: Luck,
    life: Gathered,
    house: House,
    number: int,
    person: StudentFacts,
    held: list[Right],
    place: int,
    stay: Stay,
    partner: House | None,
    workplace: tuple[str, str] | None,
    twist: str,
) -> None:
    """Tells one stay: the mobility, its credits, and the other end where that is hosted too."""
    chance = luck.chance
    land = workplace[1] if workplace else partner.country if partner else ""
    right = next(
        (
            one
            for one in held
            if one.active_from <= stay.start and (one.left is None or stay.start <= one.left)
        ),
        held[-1],
    )
    state, estimate = journeys.state_of(luck, stay)
    programme, action, call, funding = journeys.frame(
        luck, house.country, land, stay.start.year, stay
    )
    right_key = right.key if luck.yes(0.85) else ""
    if house.is_finnish:
        slip = chance.random()
        if slip < 0.012:
            programme, action, call = "unknown", "", None
        elif slip < 0.016:
            right_key = f"{right.key}X"
    adult = ADULT in right.classifications
    mobility = MobilityFacts(
        key=f"{house.register}-{number:06d}-{place}",
        student_key=person.key,
        direction="outgoing",
        purpose=stay.purpose,
        programme=programme,
        action=action,
        call_year=call,
        funding=funding,
        partner=partner.hei_id if partner else "",
        partner_country="" if partner else land,
        host_organisation=workplace[0] if workplace else "",
        part_of_degree=stay.part_of_degree,
        planned_blended=stay.planned_blended,
        agreed_as_one_whole=stay.agreed_as_one_whole,
        change_reason=stay.change_reason,
        end_is_estimate=estimate,
        planned_credits=stay.planned_credits,
        bip_id=stay.bip_id,
        state=state,
        right_key=right_key,
        adult_education=adult if luck.yes(0.95) else not adult,
        unit=person.unit,
        segments=stay.segments,
    )
    records = life.at(house.hei_id)
    records.mobilities.append(mobility)
    if house.is_finnish and luck.yes(0.006):
        records.mobilities.append(replace(mobility, key=f"{mobility.key}-BIS", right_key=right.key))
    if stay.purpose == "traineeship":
        records.attainments.extend(
            achievements.traineeship_credits(luck, house, person.key, mobility, right.key)
        )
    elif stay.part_of_degree:
        records.attainments.extend(
            achievements.credits_from_abroad(luck, house, person.key, mobility, right.key, land)
        )
    if (
        partner
        and partner.hosted
        and stay.shape not in {"two_countries", "open_course"}
        and not stay.cancelled
        and not (stay.is_virtual and luck.yes(0.5))
    ):
        visitors.arrive(
            luck,
            life,
            partner,
            house,
            f"{house.register}{number:06d}",
            person,
            stay,
            mobility,
            right.degree.type,
            classifications=right.classifications if twist in {"double", "joint"} else (),
        )

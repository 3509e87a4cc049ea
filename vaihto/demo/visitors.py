"""Incoming students: those whose home is hosted too, and those from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from vaihto.demo import achievements, journeys, names, programmes, rights, stays
from vaihto.demo.alliance import ERASMUS_COUNTRIES, HOUSES, MEMBERS, House
from vaihto.demo.gathering import Gathered
from vaihto.demo.luck import DAY, Luck
from vaihto.demo.rights import DOUBLE, Right
from vaihto.demo.stays import Stay, Where
from vaihto.mobilities.facts import MobilityFacts
from vaihto.people.facts import StudentFacts


def learner_number(house: House, number: int) -> str:
    """A national learner number in the form of one, in a range that was never given to anybody."""
    place = sorted(HOUSES).index(house.hei_id)
    return f"1.2.246.562.24.000{place:02d}{number:06d}"


def esi(house: House, number: int) -> str:
    """A European Student Identifier, unique under the institution's invented domain."""
    return f"urn:schac:personalUniqueCode:int:esi:{house.hei_id}:{number:08d}"


def as_visitor(person: StudentFacts, key: str, unit: str) -> StudentFacts:
    """The same person as another institution's register knows them: fewer facts, another key."""
    return StudentFacts(
        key=key,
        family_name=person.family_name,
        given_names=person.given_names,
        gender=person.gender,
        citizenships=person.citizenships,
        birth_date=person.birth_date,
        email=person.email,
        learner_number=person.learner_number,
        esis=person.esis,
        unit=unit,
    )


def level_at(house: House, home_type: str) -> str:
    """Main level of studies at `house` of somebody whose degree at home is of this type (V12)."""
    if house.sector == "uas":
        return "3" if home_type in {"3", "4", "6", "7"} else "1"
    return {"1": "2", "2": "2", "3": "4", "4": "4", "6": "7", "7": "7"}[home_type]


def _known_in_finland(life: Gathered, home: House, person: StudentFacts, stem: str) -> StudentFacts:
    """Whoever studies in Finland gets a learner number, and the register at home writes it down too.

    By it the records at both ends are known to be about one person (V10).
    """
    numbered = replace(person, learner_number=learner_number(home, int(stem[1:])))
    students = life.at(home.hei_id).students
    students[:] = [numbered if known.key == person.key else known for known in students]
    return numbered


def arrive(
    luck: Luck,
    life: Gathered,
    house: House,
    home: House,
    stem: str,
    person: StudentFacts,
    stay: Stay,
    leaving: MobilityFacts,
    home_type: str,
    *,
    classifications: tuple[str, ...] = (),
) -> None:
    """The same stay as the receiving house tells it; the student's record there is made at the first stay."""
    records = life.at(house.hei_id)
    key = f"{house.register}V-{stem}"
    unit = luck.chance.choice(house.units)[0]
    if house.is_finnish and not person.learner_number:
        person = _known_in_finland(life, home, person, stem)
    if all(known.key != key for known in records.students):
        records.students.append(as_visitor(person, key, unit))
    number = 1 + sum(one.student_key == key for one in records.mobilities)
    right_key = f"{key}-R{number}"
    level = level_at(house, home_type)
    if classifications:
        right_key = f"{key}-D1"
        if all(known.key != right_key for known in records.rights):
            degree = next(one for one in programmes.DEGREES[house.hei_id] if one.type == "4")
            right = Right(
                key=right_key,
                degree=degree,
                type="4",
                start=stay.start - DAY * 10,
                classifications=classifications,
            )
            records.rights.append(rights.right_facts(luck, house, key, right))
    elif not stay.is_virtual:
        records.rights.append(
            rights.exchange_right(house, right_key, key, stay.start - DAY * 3, stay.end + DAY * 14)
        )
    else:
        right_key = ""
    mobility = replace(
        leaving,
        key=f"{house.register}-IN-{stem}-{number}",
        student_key=key,
        direction="incoming",
        partner=home.hei_id,
        partner_country="",
        right_key=right_key,
        level=level,
        home_degree_abroad=True,
        adult_education=False,
        unit=unit,
    )
    records.mobilities.append(mobility)
    records.attainments.extend(
        achievements.visitor_credits(luck, house, key, right_key, mobility, stay)
    )


_ARRIVALS: tuple[tuple[str, float], ...] = (
    ("", 88.0),
    ("missing_level", 2.4),
    ("double_degree", 2.0),
    ("degree_later", 1.2),
    ("no_home_degree", 1.4),
    ("home_degree_unknown", 0.8),
    ("inner_trip", 1.8),
    ("separate_right", 0.8),
    ("no_right", 1.0),
    ("nameless", 0.6),
)


def visitor(house: House, number: int, luck: Luck) -> Gathered:
    """One incoming student whose home keeps its register elsewhere."""
    chance = luck.chance
    life = Gathered()
    records = life.at(house.hei_id)
    year = luck.years(1)[0]
    twist = chance.choices([name for name, _ in _ARRIVALS], [weight for _, weight in _ARRIVALS])[0]
    home = journeys.origin(luck, house, year)
    where = Where(home=home.country, host=house.country, rhythm=house.terms)
    stay = stays.draw(chance, stays.INCOMING, year, where)
    if stay.bip_id and home.country not in ERASMUS_COUNTRIES:
        home = chance.choice(
            [other for other in MEMBERS if not other.hosted and other.country != "246"]
        )
        stay = replace(
            stay,
            segments=tuple(
                replace(part, country=home.country) if part.place == "home" else part
                for part in stay.segments
            ),
        )
    if twist in {"double_degree", "degree_later", "inner_trip"}:
        stay = stays.semester(chance, year, where)
    key = f"{house.register}V{number:06d}"
    given, family, gender = names.invent(chance, home.language)
    unit = chance.choice(house.units)[0]
    person = StudentFacts(
        key=key,
        family_name=family if twist != "nameless" else "",
        given_names=given,
        gender=gender if twist != "nameless" else "",
        citizenships=(
            home.country if luck.yes(0.9) else chance.choice(("804", "356", "076", "788")),
        ),
        birth_date=date(
            year - chance.choice((20, 21, 21, 22, 23, 25, 29)),
            chance.randint(1, 12),
            chance.randint(1, 28),
        ),
        email=names.address(given, family, number, home.domain),
        esis=(esi(home, int(f"{sorted(HOUSES).index(house.hei_id):02d}{number:06d}")),),
        unit=unit,
    )
    records.students.append(person)
    home_type = chance.choices(("2", "4", "7"), (64, 29, 7))[0]
    state, estimate = journeys.state_of(luck, stay)
    programme, action, call, funding = journeys.frame(
        luck, home.country, house.country, stay.start.year, stay
    )
    if house.is_finnish and luck.yes(0.01):
        programme, action, call = "unknown", "", None
    right_key = f"{key}-R1"
    first, last = stay.start - DAY * 3, stay.end + DAY * 14
    if twist == "double_degree":
        degree = next(one for one in programmes.DEGREES[house.hei_id] if one.type in {"4", "3"})
        right = Right(
            key=right_key, degree=degree, type=degree.type, start=first, classifications=(DOUBLE,)
        )
        records.rights.append(rights.right_facts(luck, house, key, right))
    elif twist in {"no_right", "no_home_degree"} or stay.is_virtual:
        right_key = ""
    else:
        kind = "18" if twist == "separate_right" else "9"
        records.rights.append(rights.exchange_right(house, right_key, key, first, last, kind=kind))
    if twist == "degree_later":
        degree = next(one for one in programmes.DEGREES[house.hei_id] if one.type in {"4", "3"})
        begins = date(last.year + 1, 8, 1)
        if begins < luck.today:
            later = Right(key=f"{key}-R2", degree=degree, type=degree.type, start=begins)
            records.rights.append(rights.right_facts(luck, house, key, later))
    mobility = MobilityFacts(
        key=f"{house.register}-IN-{number:06d}",
        student_key=key,
        direction="incoming",
        purpose=stay.purpose,
        programme=programme,
        action=action,
        call_year=call,
        funding=funding,
        partner=home.hei_id,
        part_of_degree=stay.part_of_degree,
        planned_blended=stay.planned_blended,
        agreed_as_one_whole=stay.agreed_as_one_whole,
        change_reason=stay.change_reason,
        end_is_estimate=estimate,
        planned_credits=stay.planned_credits,
        bip_id=stay.bip_id,
        state=state,
        right_key=right_key,
        level="" if twist == "missing_level" else level_at(house, home_type),
        home_degree_abroad={"no_home_degree": False, "home_degree_unknown": None}.get(twist, True),
        unit=unit,
        segments=stay.segments,
    )
    records.mobilities.append(mobility)
    records.attainments.extend(
        achievements.visitor_credits(luck, house, key, right_key, mobility, stay)
    )
    if twist == "inner_trip" and (stay.end - stay.start).days > 60:
        _inner_trip(luck, life, house, mobility, stay, right_key)
    return life


def _inner_trip(
    luck: Luck, life: Gathered, house: House, outer: MobilityFacts, stay: Stay, right_key: str
) -> None:
    partner = luck.chance.choice(
        [HOUSES["tammelaid.example"], HOUSES["granvik.example"], HOUSES["lindenwerder.example"]]
    )
    where = Where(home=house.country, host=partner.country, rhythm=partner.terms)
    trip = stays.weekend_course(luck.chance, (stay.start, stay.end), where)
    state, estimate = journeys.state_of(luck, trip)
    life.at(house.hei_id).mobilities.append(
        MobilityFacts(
            key=f"{outer.key}-TRIP",
            student_key=outer.student_key,
            direction="outgoing",
            purpose="study",
            programme="own_agreement",
            partner=partner.hei_id,
            part_of_degree=luck.yes(0.8),
            end_is_estimate=estimate,
            planned_credits=trip.planned_credits,
            state=state,
            right_key=right_key,
            level=outer.level,
            home_degree_abroad=True,
            nested_in=outer.key,
            unit=outer.unit,
            segments=trip.segments,
        )
    )

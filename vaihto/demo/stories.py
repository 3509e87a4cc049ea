"""Told persons: each shows one thing that the rules do. They are the same whatever the size of the demo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from vaihto.demo import achievements, names, programmes, rights, visitors
from vaihto.demo.alliance import HOUSES, House
from vaihto.demo.gathering import Gathered
from vaihto.demo.luck import DAY, Luck, seeded
from vaihto.demo.rights import Right
from vaihto.demo.stays import Stay
from vaihto.mobilities.facts import MobilityFacts, SegmentFacts, VisitFacts
from vaihto.people.facts import EmploymentFacts, StudentFacts
from vaihto.transcripts.facts import AttainmentFacts
from vaihto.wording import mark as _

TUULISALMI, HOPEARANTA = "tuulisalmi.example", "hopearanta.example"


@dataclass(frozen=True, kw_only=True)
class Story:
    """Who it is about, whose record to open, and what is to be seen there."""

    person: str
    institution: str
    key: str  # of the student record or the employment
    mobility: str  # key of the side to look at
    shows: str
    tell: Callable[[date], Gathered]


def _part(mode: str, place: str, land: str, first: date, last: date) -> SegmentFacts:
    return SegmentFacts(mode=mode, place=place, country=land, start=first, end=last)


def _there(land: str, first: date, last: date) -> SegmentFacts:
    return _part("physical", "host", land, first, last)


def _student(
    house: House, number: int, given: str, family: str, gender: str, born: date, unit: str
) -> StudentFacts:
    return StudentFacts(
        key=f"{house.register}{number:06d}",
        family_name=family,
        given_names=given,
        gender=gender,
        citizenships=(house.country,),
        birth_date=born,
        email=names.address(given, family, number, f"student.{house.domain}"),
        learner_number=visitors.learner_number(house, number) if house.is_finnish else "",
        esis=(visitors.esi(house, number),),
        mother_tongue="fi" if house.is_finnish else "",
        residence=house.municipality,
        unit=unit,
    )


def _luck(today: date, number: int) -> Luck:
    return Luck(chance=seeded("story", number), today=today, stays=(1.0,))


def _outgoing(
    today: date,
    number: int,
    house: str,
    name: tuple[str, str, str],
    born: date,
    module: str,
    began: date,
    stay: Stay,
    partner: str,
    *,
    graduated: date | None = None,
    classifications: tuple[str, ...] = (),
    given_up: date | None = None,
    programme: str = "erasmus",
    state: str = "done",
    estimate: bool = False,
    workplace: tuple[str, str] | None = None,
    earned: Decimal | None = None,
) -> Gathered:
    """A degree student with one stay abroad and, where the partner is hosted too, its other end."""
    home = HOUSES[house]
    luck = _luck(today, number)
    degree = programmes.BY_MODULE[house, module]
    given, family, gender = name
    person = _student(home, number, given, family, gender, born, degree.unit)
    right = Right(
        key=f"{person.key}-R1",
        degree=degree,
        type=degree.type,
        start=began,
        left=graduated,
        how=rights.GRADUATED if graduated else "",
        classifications=classifications,
        aim_given_up=given_up,
    )
    life = Gathered()
    records = life.at(house)
    records.students.append(person)
    records.rights.append(rights.right_facts(luck, home, person.key, right))
    records.enrolments.extend(rights.enrolments(luck, home, person.key, right))
    if graduated and graduated <= today:
        records.attainments.append(
            achievements.degree_attainment(home, person.key, right, graduated)
        )
    land = workplace[1] if workplace else HOUSES[partner].country
    erasmus = programme == "erasmus"
    mobility = MobilityFacts(
        key=f"{home.register}-{number:06d}-1",
        student_key=person.key,
        direction="outgoing",
        purpose=stay.purpose,
        programme=programme,
        action=("KA131" if stay.start.year > 2021 else "KA103") if erasmus else "",
        call_year=stay.start.year - 1 if erasmus else None,
        funding="Erasmus+ grant" if erasmus else "",
        partner="" if workplace else partner,
        partner_country=land if workplace else "",
        host_organisation=workplace[0] if workplace else "",
        part_of_degree=stay.part_of_degree,
        planned_blended=stay.planned_blended,
        agreed_as_one_whole=stay.agreed_as_one_whole,
        change_reason=stay.change_reason,
        end_is_estimate=estimate,
        planned_credits=stay.planned_credits,
        bip_id=stay.bip_id,
        state=state,
        right_key=right.key,
        adult_education=rights.ADULT in classifications,
        unit=person.unit,
        segments=stay.segments,
    )
    records.mobilities.append(mobility)
    if earned:
        traineeship = stay.purpose == "traineeship"
        records.attainments.append(
            AttainmentFacts(
                key=f"{mobility.key}-A1",
                student_key=person.key,
                right_key=right.key,
                mobility_key=mobility.key,
                names={"en": "Studies abroad", "fi": "Opinnot ulkomailla"},
                credits=earned,
                grade_scale=achievements.PASS_SCALE,
                grade="HYV",
                completed_on=stay.end,
                recognised_on=None if traineeship else stay.end + DAY * 40,
                granted_by="home" if traineeship else "foreign_hei",
                source_code="" if traineeship else "UK",
                source_country="" if traineeship else land,
                classifications=("8",) if traineeship else (),
                module="ABROAD-1",
                language="en",
                is_traineeship=traineeship,
            )
        )
    if not workplace and HOUSES[partner].hosted:
        visitors.arrive(
            luck, life, HOUSES[partner], home, person.key, person, stay, mobility, degree.type
        )
    return life


def _incoming(
    today: date,
    number: int,
    house: str,
    home: str,
    name: tuple[str, str, str],
    born: date,
    stay: Stay,
    *,
    level: str,
    exchange: bool = True,
    degree: tuple[str, date, tuple[str, ...]] | None = None,
    inner: MobilityFacts | None = None,
) -> Gathered:
    """An incoming student whose home is not hosted here."""
    here, there = HOUSES[house], HOUSES[home]
    luck = _luck(today, number)
    given, family, gender = name
    key = f"{here.register}V{number:06d}"
    unit = here.units[0][0]
    life = Gathered()
    records = life.at(house)
    records.students.append(
        StudentFacts(
            key=key,
            family_name=family,
            given_names=given,
            gender=gender,
            citizenships=(there.country,),
            birth_date=born,
            email=names.address(given, family, number, there.domain),
            esis=(visitors.esi(there, number),),
            unit=unit,
        )
    )
    right_key = f"{key}-R1"
    if exchange:
        records.rights.append(
            rights.exchange_right(here, right_key, key, stay.start - DAY * 3, stay.end + DAY * 14)
        )
    if degree:
        module, since, classifications = degree
        programme = programmes.BY_MODULE[house, module]
        right = Right(
            key=f"{key}-R2",
            degree=programme,
            type=programme.type,
            start=since,
            classifications=classifications,
        )
        records.rights.append(rights.right_facts(luck, here, key, right))
        right_key = right_key if exchange else right.key
    mobility = MobilityFacts(
        key=f"{here.register}-IN-{number:06d}",
        student_key=key,
        direction="incoming",
        purpose=stay.purpose,
        programme="erasmus",
        action="KA131",
        call_year=stay.start.year - 1,
        partner=home,
        part_of_degree=True,
        planned_credits=stay.planned_credits,
        state="done",
        right_key=right_key,
        level=level,
        home_degree_abroad=True,
        unit=unit,
        segments=stay.segments,
    )
    records.mobilities.append(mobility)
    if inner:
        records.mobilities.append(
            replace(inner, student_key=key, right_key=right_key, nested_in=mobility.key, unit=unit)
        )
    records.attainments.extend(
        achievements.visitor_credits(luck, here, key, right_key, mobility, stay)
    )
    return life


def _study(*parts: SegmentFacts, **more: object) -> Stay:
    return Stay(**{"shape": "story", "purpose": "study", "segments": parts, **more})  # type: ignore[arg-type]


def _aino(today: date) -> Gathered:
    stay = _study(_there("724", date(2025, 9, 8), date(2025, 12, 3)), planned_credits=Decimal(25))
    return _outgoing(
        today,
        900001,
        TUULISALMI,
        ("Aino", "Virtanen", "2"),
        date(2003, 4, 17),
        "SOC-ECO-B",
        date(2023, 8, 1),
        stay,
        "costaclara.example",
        earned=Decimal(25),
    )


def _eino(today: date) -> Gathered:
    stay = _study(_there("724", date(2025, 9, 8), date(2025, 12, 2)), planned_credits=Decimal(25))
    return _outgoing(
        today,
        900002,
        TUULISALMI,
        ("Eino", "Korhonen", "1"),
        date(2002, 11, 2),
        "SOC-ECO-B",
        date(2023, 8, 1),
        stay,
        "costaclara.example",
        earned=Decimal(25),
    )


def _helmi(today: date) -> Gathered:
    stay = _study(
        _part("virtual", "home", "246", date(2025, 2, 3), date(2025, 3, 21)),
        _there("380", date(2025, 3, 24), date(2025, 3, 28)),
        planned_blended=True,
        agreed_as_one_whole=True,
        bip_id="2024-1-DEMO-KA131-HED-0007-1",
        planned_credits=Decimal(3),
    )
    return _outgoing(
        today,
        900003,
        TUULISALMI,
        ("Helmi", "Laine", "2"),
        date(2002, 1, 30),
        "EDU-PED-B",
        date(2022, 8, 1),
        stay,
        "rivalta-nuova.example",
        graduated=date(2026, 5, 31),
        earned=Decimal(3),
    )


def _onni(today: date) -> Gathered:
    stay = _study(
        _there("276", date(2025, 1, 13), date(2025, 1, 26)),
        _part("virtual", "home", "246", date(2025, 1, 27), date(2025, 3, 30)),
        _there("276", date(2025, 3, 31), date(2025, 4, 13)),
        planned_blended=True,
        agreed_as_one_whole=True,
        planned_credits=Decimal(15),
    )
    return _outgoing(
        today,
        900004,
        TUULISALMI,
        ("Onni", "Niemi", "1"),
        date(2001, 7, 9),
        "TEC-ICT-B",
        date(2022, 8, 1),
        stay,
        "lindenwerder.example",
        earned=Decimal(15),
    )


def _venla(today: date) -> Gathered:
    stay = _study(_there("724", date(2024, 9, 9), date(2025, 6, 20)), planned_credits=Decimal(60))
    return _outgoing(
        today,
        900005,
        TUULISALMI,
        ("Venla", "Salmi", "2"),
        date(1999, 12, 5),
        "TEC-WIND",
        date(2023, 8, 1),
        stay,
        "costaclara.example",
        classifications=(rights.DOUBLE,),
        given_up=date(2025, 3, 14),
        earned=Decimal(52),
    )


def _leo(today: date) -> Gathered:
    stay = _study(
        _there("276", date(2020, 2, 17), date(2020, 3, 19)),
        _part("virtual", "home", "246", date(2020, 3, 20), date(2020, 7, 10)),
        change_reason="covid",
        planned_credits=Decimal(30),
    )
    return _outgoing(
        today,
        900006,
        TUULISALMI,
        ("Leo", "Mäkelä", "1"),
        date(1997, 3, 3),
        "SOC-POL-B",
        date(2017, 8, 1),
        stay,
        "lindenwerder.example",
        graduated=date(2021, 5, 31),
        earned=Decimal(28),
    )


def _sofia(today: date) -> Gathered:
    stay = _study(
        _there("276", date(2025, 6, 9), date(2025, 9, 5)),
        purpose="traineeship",
        planned_credits=Decimal(15),
    )
    return _outgoing(
        today,
        900007,
        TUULISALMI,
        ("Sofia", "Ahonen", "2"),
        date(2001, 9, 14),
        "HUM-LAN-B",
        date(2021, 8, 1),
        stay,
        "",
        graduated=date(2025, 5, 31),
        workplace=("Kleine Werft", "276"),
    )


def _elias(today: date) -> Gathered:
    stay = _study(_there("392", date(2024, 12, 2), date(2026, 1, 16)), planned_credits=Decimal(60))
    return _outgoing(
        today,
        900008,
        TUULISALMI,
        ("Elias", "Ranta", "1"),
        date(2000, 5, 21),
        "NAT-BIO-M",
        date(2023, 8, 1),
        stay,
        "aonuma.example",
        programme="own_agreement",
        earned=Decimal(55),
    )


def _riikka(today: date) -> Gathered:
    stay = _study(_there("036", date(2025, 2, 1), date(2025, 6, 30)))
    return _outgoing(
        today,
        900009,
        TUULISALMI,
        ("Riikka", "Vuori", "2"),
        date(1993, 10, 11),
        "DOC-NAT",
        date(2022, 8, 1),
        stay,
        "redgum.example",
        programme="own_agreement",
    )


def _vaino(today: date) -> Gathered:
    ended = today - DAY * 21
    stay = _study(_there("620", today - DAY * 80, ended), planned_credits=Decimal(20))
    return _outgoing(
        today,
        900010,
        TUULISALMI,
        ("Väinö", "Kallio", "1"),
        date(2003, 2, 26),
        "TEC-ENE-B",
        date(2023, 8, 1),
        stay,
        "montalvor.example",
        state="ongoing",
        estimate=True,
    )


def _iida(today: date) -> Gathered:
    stay = _study(
        _part("virtual", "home", "246", date(2026, 2, 2), date(2026, 4, 12)),
        planned_credits=Decimal(2),
    )
    return _outgoing(
        today,
        900011,
        TUULISALMI,
        ("Iida", "Peltola", "2"),
        date(2004, 8, 8),
        "HUM-HIS-B",
        date(2024, 8, 1),
        stay,
        "montalvor.example",
        programme="own_agreement",
        earned=Decimal(2),
    )


def _kerttu(today: date) -> Gathered:
    stay = _study(
        _there("276", date(2025, 9, 1), date(2025, 10, 19)),
        _there("528", date(2025, 10, 20), date(2025, 12, 14)),
        agreed_as_one_whole=True,
        planned_credits=Decimal(27),
    )
    return _outgoing(
        today,
        900012,
        HOPEARANTA,
        ("Kerttu", "Hiltunen", "2"),
        date(1989, 6, 1),
        "NUR",
        date(2023, 8, 1),
        stay,
        "lindenwerder.example",
        classifications=(rights.ADULT,),
        earned=Decimal(27),
    )


def _lucia(today: date) -> Gathered:
    stay = _study(_there("246", date(2024, 9, 2), date(2024, 12, 18)), planned_credits=Decimal(30))
    return _incoming(
        today,
        900013,
        TUULISALMI,
        "rivalta-nuova.example",
        ("Lucia", "Marino", "2"),
        date(2002, 3, 12),
        stay,
        level="2",
        degree=("SOC-ARC", date(2025, 8, 1), ()),
    )


def _tiago(today: date) -> Gathered:
    stay = _study(_there("246", date(2025, 9, 1), date(2026, 5, 29)), planned_credits=Decimal(60))
    return _incoming(
        today,
        900014,
        TUULISALMI,
        "montalvor.example",
        ("Tiago", "Ferreira", "1"),
        date(2001, 11, 23),
        stay,
        level="4",
        exchange=False,
        degree=("SOC-ARC", date(2025, 8, 1), (rights.JOINT,)),
    )


def _johanna(today: date) -> Gathered:
    stay = _study(_there("246", date(2025, 8, 25), date(2025, 12, 19)), planned_credits=Decimal(30))
    trip = MobilityFacts(
        key="T-IN-900015-TRIP",
        student_key="",
        direction="outgoing",
        purpose="study",
        programme="own_agreement",
        partner="tammelaid.example",
        part_of_degree=True,
        planned_credits=Decimal(3),
        state="done",
        level="2",
        home_degree_abroad=True,
        segments=(_there("233", date(2025, 10, 6), date(2025, 10, 19)),),
    )
    return _incoming(
        today,
        900015,
        TUULISALMI,
        "lindenwerder.example",
        ("Johanna", "Vogt", "2"),
        date(2003, 1, 19),
        stay,
        level="2",
        inner=trip,
    )


def _chiara(today: date) -> Gathered:
    stay = _study(_there("246", date(2026, 1, 12), date(2026, 5, 22)), planned_credits=Decimal(30))
    return _incoming(
        today,
        900016,
        TUULISALMI,
        "rivalta-nuova.example",
        ("Chiara", "Rossi", "2"),
        date(2003, 6, 30),
        stay,
        level="",
    )


def _visit(
    number: int, given: str, family: str, gender: str, content: str, hours: int, partner: str
) -> Gathered:
    house = HOUSES[HOPEARANTA]
    life = Gathered()
    records = life.at(HOPEARANTA)
    key = f"{house.register}E{number:05d}"
    records.employments.append(
        EmploymentFacts(
            key=key,
            family_name=family,
            given_names=given,
            gender=gender,
            email=names.address(given, family, number, house.domain),
            group="teaching",
            title="Principal lecturer",
            unit="HEA",
            start=date(2015, 8, 1),
        )
    )
    start = date(2025, 10, 14)
    records.visits.append(
        VisitFacts(
            key=f"{house.register}-S{number:05d}-1",
            employment_key=key,
            direction="outgoing",
            purpose="teaching" if content == "teaching" else "training",
            programme="erasmus",
            action="KA131",
            call_year=2024,
            partner=partner,
            content=content,
            start=start,
            end=start + DAY * (hours // 24),
            hours=Decimal(hours),
            teaching_hours=Decimal(8) if content == "teaching" else None,
            unit="HEA",
        )
    )
    return life


STORIES: tuple[Story, ...] = (
    Story(
        person="Aino Virtanen",
        institution=TUULISALMI,
        key="T900001",
        mobility="T-900001-1",
        shows=_("87 days in Costaclara: long by exactly one day, and marked as borderline."),
        tell=_aino,
    ),
    Story(
        person="Eino Korhonen",
        institution=TUULISALMI,
        key="T900002",
        mobility="T-900002-1",
        shows=_("The same term, but flew home a day earlier: 86 days, short."),
        tell=_eino,
    ),
    Story(
        person="Helmi Laine",
        institution=TUULISALMI,
        key="T900003",
        mobility="T-900003-1",
        shows=_(
            "A blended week with five days in Rivalta Nuova: too short for the yearly collection, "
            "counted among the graduates of 2026."
        ),
        tell=_helmi,
    ),
    Story(
        person="Onni Niemi",
        institution=TUULISALMI,
        key="T900004",
        mobility="T-900004-1",
        shows=_(
            "Two weeks there, nine online from home, two weeks there, agreed as one: 91 days, blended."
        ),
        tell=_onni,
    ),
    Story(
        person="Venla Salmi",
        institution=TUULISALMI,
        key="T900005",
        mobility="T-900005-1",
        shows=_("A double-degree year whose aim was given up: the right goes on in a new spell."),
        tell=_venla,
    ),
    Story(
        person="Leo Mäkelä",
        institution=TUULISALMI,
        key="T900006",
        mobility="T-900006-1",
        shows=_(
            "Sent home by the pandemic in March 2020: the distance weeks may be in the length."
        ),
        tell=_leo,
    ),
    Story(
        person="Sofia Ahonen",
        institution=TUULISALMI,
        key="T900007",
        mobility="T-900007-1",
        shows=_("A traineeship that began nine days after the degree: stored, not counted."),
        tell=_sofia,
    ),
    Story(
        person="Elias Ranta",
        institution=TUULISALMI,
        key="T900008",
        mobility="T-900008-1",
        shows=_("More than thirteen months in Aonuma: counted once, in the year it began."),
        tell=_elias,
    ),
    Story(
        person="Riikka Vuori",
        institution=TUULISALMI,
        key="T900009",
        mobility="T-900009-1",
        shows=_("A doctoral researcher: counted as a student, perhaps also in the staff data."),
        tell=_riikka,
    ),
    Story(
        person="Väinö Kallio",
        institution=TUULISALMI,
        key="T900010",
        mobility="T-900010-1",
        shows=_("The estimated end has passed and nobody has confirmed it: somebody's turn."),
        tell=_vaino,
    ),
    Story(
        person="Iida Peltola",
        institution=TUULISALMI,
        key="T900011",
        mobility="T-900011-1",
        shows=_(
            "An open online course and nothing else: the alliance counts it, no register does."
        ),
        tell=_iida,
    ),
    Story(
        person="Kerttu Hiltunen",
        institution=HOPEARANTA,
        key="H900012",
        mobility="H-900012-1",
        shows=_("One agreement, two countries: two periods, both marked as adult education."),
        tell=_kerttu,
    ),
    Story(
        person="Lucia Marino",
        institution=TUULISALMI,
        key="TV900013",
        mobility="T-IN-900013",
        shows=_(
            "Came for an exchange, returned for a whole degree: the exchange right stays as it was."
        ),
        tell=_lucia,
    ),
    Story(
        person="Tiago Ferreira",
        institution=TUULISALMI,
        key="TV900014",
        mobility="T-IN-900014",
        shows=_("Incoming in a joint degree, with a degree right here: not an exchange student."),
        tell=_tiago,
    ),
    Story(
        person="Johanna Vogt",
        institution=TUULISALMI,
        key="TV900015",
        mobility="T-IN-900015-TRIP",
        shows=_(
            "An exchange student who spent two study weeks in Tammelaiu from here: a stay inside a stay."
        ),
        tell=_johanna,
    ),
    Story(
        person="Chiara Rossi",
        institution=TUULISALMI,
        key="TV900016",
        mobility="T-IN-900016",
        shows=_(
            "The level of studies is missing: the period cannot be sent before it is filled in."
        ),
        tell=_chiara,
    ),
    Story(
        person="Ville Saarinen",
        institution=HOPEARANTA,
        key="HE90017",
        mobility="H-S90017-1",
        shows=_("A teaching visit of 25 hours: two days in the ministry's count."),
        tell=lambda today: _visit(
            90017, "Ville", "Saarinen", "1", "teaching", 25, "zlatnaluka.example"
        ),
    ),
    Story(
        person="Noora Tuominen",
        institution=HOPEARANTA,
        key="HE90018",
        mobility="H-S90018-1",
        shows=_("Three days at a conference and nothing else: not a visit."),
        tell=lambda today: _visit(
            90018, "Noora", "Tuominen", "2", "conference", 56, "beauval.example"
        ),
    ),
)

"""The invented alliance: members, associates and partners outside it, with all that is dated about them.

Every name is invented and every `hei_id` ends in `.example`, a domain that can belong to nobody. The two
hosted Finnish institutions borrow national codes of real ones, because the national schema accepts no
other; nothing else about them is taken from there (see docs/demo.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from uuid import NAMESPACE_DNS, uuid5

from vaihto.institutions.facts import HeadcountFacts, InstitutionFacts

ALLIANCE = "tuuli"
ALLIANCE_NAME = "TUULI European University Alliance"
FOUNDED = date(2020, 11, 1)


@dataclass(frozen=True, kw_only=True)
class House:
    """An institution as the demo imagines it.

    `language` chooses the names of its students, `terms` the rhythm of its year. `students` and `staff` are
    the headcounts of 2026; `growth` is the yearly change. Hosted houses have `register` prefixes for keys
    and say how many students, visitors and employees the ordinary demo gives them.
    """

    hei_id: str
    name: str
    names: tuple[tuple[str, str], ...] = ()
    country: str
    city: str
    language: str
    terms: str = "central"
    sector: str = "university"
    national_code: str = ""
    erasmus_code: str = ""
    students: int = 0
    staff: int = 0
    growth: float = 0.0
    units: tuple[tuple[str, str], ...] = ()
    municipality: str = ""
    # Where the registers meet: prefix of keys here, and how many lives the ordinary demo tells.
    register: str = ""
    degree_students: int = 0
    visitors: int = 0
    employees: int = 0

    @property
    def hosted(self) -> bool:
        """Does this installation keep its records?"""
        return bool(self.register)

    @property
    def is_finnish(self) -> bool:
        """Do the national rules of Finland concern its records?"""
        return self.country == "246"

    @property
    def domain(self) -> str:
        """The domain of its people's addresses."""
        return self.hei_id


MEMBERS: tuple[House, ...] = (
    House(
        hei_id="tuulisalmi.example",
        name="University of Tuulisalmi",
        names=(("fi", "Tuulisalmen yliopisto"), ("sv", "Tuulisalmi universitet")),
        country="246",
        city="Tuulisalmi",
        language="fi",
        terms="finland",
        national_code="10122",
        erasmus_code="SF TUULISA01",
        students=18_400,
        staff=1_350,
        growth=0.021,
        municipality="837",
        register="T",
        degree_students=1_500,
        visitors=420,
        employees=190,
        units=(
            ("HUM", "Faculty of Humanities"),
            ("NAT", "Faculty of Natural Sciences"),
            ("TEC", "Faculty of Engineering"),
            ("SOC", "Faculty of Social Sciences and Economics"),
            ("EDU", "Faculty of Education"),
            ("LAN", "Language Centre"),
        ),
    ),
    House(
        hei_id="hopearanta.example",
        name="Hopearanta University of Applied Sciences",
        names=(("fi", "Hopearannan ammattikorkeakoulu"), ("sv", "Hopearanta yrkeshögskola")),
        country="246",
        city="Hopearanta",
        language="fi",
        terms="finland",
        sector="uas",
        national_code="02472",
        erasmus_code="SF HOPEARA01",
        students=9_200,
        staff=520,
        growth=0.035,
        municipality="743",
        register="H",
        degree_students=1_000,
        visitors=300,
        employees=120,
        units=(
            ("BUS", "School of Business and Culture"),
            ("HEA", "School of Health Care and Social Work"),
            ("ENG", "School of Technology"),
            ("FOO", "School of Food and Agriculture"),
        ),
    ),
    House(
        hei_id="klarsund.example",
        name="Klarsund University of Applied Sciences",
        names=(("fi", "Klarsundin ammattikorkeakoulu"), ("sv", "Yrkeshögskolan Klarsund")),
        country="246",
        city="Klarsund",
        language="sv",
        terms="finland",
        sector="uas",
        erasmus_code="SF KLARSUN01",
        students=3_100,
        staff=210,
        growth=0.012,
    ),
    House(
        hei_id="costaclara.example",
        name="Universidad de Costaclara",
        names=(("en", "University of Costaclara"),),
        country="724",
        city="Costaclara",
        language="es",
        terms="south",
        erasmus_code="E  COSTACL01",
        students=21_500,
        staff=1_180,
        growth=0.008,
        register="C",
        degree_students=500,
        visitors=160,
        employees=70,
        units=(
            ("ECO", "Facultad de Economía"),
            ("MAR", "Facultad de Ciencias del Mar"),
            ("LET", "Facultad de Letras"),
        ),
    ),
    House(
        hei_id="javorec.example",
        name="Univerzita Javořec",
        names=(("en", "Javořec University"),),
        country="203",
        city="Javořec",
        language="cs",
        terms="central",
        erasmus_code="CZ JAVOREC01",
        students=10_800,
        staff=760,
        growth=-0.004,
        register="J",
        degree_students=450,
        visitors=130,
        employees=60,
        units=(
            ("LES", "Lesnická fakulta"),
            ("EKO", "Ekonomická fakulta"),
            ("INF", "Fakulta informatiky"),
        ),
    ),
    House(
        hei_id="rivalta-nuova.example",
        name="Università di Rivalta Nuova",
        names=(("en", "University of Rivalta Nuova"),),
        country="380",
        city="Rivalta Nuova",
        language="it",
        terms="south",
        erasmus_code="I  RIVALTA01",
        students=24_300,
        staff=1_240,
        growth=0.005,
    ),
    House(
        hei_id="lindenwerder.example",
        name="Hochschule Lindenwerder",
        names=(("en", "Lindenwerder University of Applied Sciences"),),
        country="276",
        city="Lindenwerder",
        language="de",
        terms="germany",
        erasmus_code="D  LINDENW01",
        students=11_600,
        staff=690,
        growth=0.003,
    ),
    House(
        hei_id="montalvor.example",
        name="Universidade de Montalvor",
        names=(("en", "University of Montalvor"),),
        country="620",
        city="Montalvor",
        language="pt",
        terms="south",
        erasmus_code="P  MONTALV01",
        students=13_700,
        staff=680,
        growth=0.017,
    ),
    House(
        hei_id="zlatnaluka.example",
        name="Sveučilište u Zlatnoj Luci",
        names=(("en", "University of Zlatna Luka"),),
        country="191",
        city="Zlatna Luka",
        language="hr",
        terms="central",
        erasmus_code="HR ZLATNAL01",
        students=7_400,
        staff=370,
        growth=-0.011,
    ),
)

ASSOCIATES: tuple[House, ...] = (
    House(
        hei_id="ziwani.example",
        name="Ziwani Lake University",
        country="404",
        city="Ziwani",
        language="sw",
        terms="world",
        students=8_900,
        staff=410,
        growth=0.06,
    ),
    House(
        hei_id="songxanh.example",
        name="Đại học Sông Xanh",
        names=(("en", "Song Xanh University"),),
        country="704",
        city="Sông Xanh",
        language="vi",
        terms="world",
        students=15_200,
        staff=830,
        growth=0.045,
    ),
)

OUTSIDE: tuple[House, ...] = (
    House(
        hei_id="beauval.example",
        name="Université de Beauval",
        country="250",
        city="Beauval",
        language="fr",
    ),
    House(
        hei_id="molenwijk.example",
        name="Hogeschool Molenwijk",
        country="528",
        city="Molenwijk",
        language="nl",
    ),
    House(
        hei_id="granvik.example",
        name="Högskolan i Granvik",
        country="752",
        city="Granvik",
        language="sv",
        terms="finland",
    ),
    House(
        hei_id="fjellhavn.example",
        name="Universitetet i Fjellhavn",
        country="578",
        city="Fjellhavn",
        language="no",
        terms="finland",
    ),
    House(
        hei_id="tammelaid.example",
        name="Tammelaiu Ülikool",
        country="233",
        city="Tammelaiu",
        language="et",
    ),
    House(
        hei_id="brzozow-nowy.example",
        name="Akademia w Nowym Brzozowie",
        country="616",
        city="Nowy Brzozów",
        language="pl",
    ),
    House(
        hei_id="sonnegg.example",
        name="Fachhochschule Sonnegg",
        country="040",
        city="Sonnegg",
        language="de",
    ),
    House(
        hei_id="heidebeek.example",
        name="Hogeschool Heidebeek",
        country="056",
        city="Heidebeek",
        language="nl",
    ),
    House(
        hei_id="ballyglen.example",
        name="Ballyglen Institute",
        country="372",
        city="Ballyglen",
        language="en",
    ),
    House(
        hei_id="windermoor.example",
        name="University of Windermoor",
        country="826",
        city="Windermoor",
        language="en",
    ),
    House(
        hei_id="aonuma.example",
        name="Aonuma University",
        country="392",
        city="Aonuma",
        language="ja",
        terms="world",
    ),
    House(
        hei_id="haebit.example",
        name="Haebit University",
        country="410",
        city="Haebit",
        language="ko",
        terms="world",
    ),
    House(
        hei_id="cedarfork.example",
        name="Cedar Fork State University",
        country="840",
        city="Cedar Fork",
        language="en",
        terms="world",
    ),
    House(
        hei_id="laclune.example",
        name="Université du Lac-Lune",
        country="124",
        city="Lac-Lune",
        language="fr",
        terms="world",
    ),
    House(
        hei_id="redgum.example",
        name="Redgum University",
        country="036",
        city="Redgum",
        language="en",
        terms="world",
    ),
    House(
        hei_id="valleandino.example",
        name="Universidad del Valle Andino",
        country="152",
        city="Valle Andino",
        language="es",
        terms="world",
    ),
)

HOSTED: tuple[House, ...] = tuple(house for house in MEMBERS if house.hosted)
HOUSES: dict[str, House] = {house.hei_id: house for house in (*MEMBERS, *ASSOCIATES, *OUTSIDE)}
ERASMUS_COUNTRIES = frozenset(
    {"246", "724", "203", "380", "276", "620", "191", "250", "528", "752", "578", "233", "616"}
    | {"040", "056", "372"}
)
NORDIC_COUNTRIES = frozenset({"246", "752", "578", "208", "352", "233", "428", "440"})

# Workplaces that take trainees, with the country of the workplace.
WORKPLACES: tuple[tuple[str, str], ...] = (
    ("Clínica Ribera Clara", "724"),
    ("Hafenkontor Lindenwerder", "276"),
    ("Kleine Werft", "276"),
    ("Zuivelfabriek De Vaart", "528"),
    ("Studio Lumière & Fils", "250"),
    ("Ballyglen Community Hospital", "372"),
    ("Skogsgården Granvik", "752"),
    ("Officina Rivalta", "380"),
    ("Quinta do Montalvor", "620"),
    ("Javořecké lesy", "203"),
    ("Aonuma Robotics", "392"),
    ("Cedar Fork Dairy", "840"),
    ("Ziwani Rural Clinic", "404"),
    ("Redgum Wildlife Centre", "036"),
)


def ounit_id(house: House, code: str) -> str:
    """The identifier of a unit, the same at every build."""
    return str(uuid5(NAMESPACE_DNS, f"{code}.{house.hei_id}"))


def institutions() -> tuple[InstitutionFacts, ...]:
    """All institutions with their memberships."""
    found = []
    for house in HOUSES.values():
        member = house in MEMBERS
        associate = house in ASSOCIATES
        found.append(
            InstitutionFacts(
                hei_id=house.hei_id,
                name=house.name,
                names=dict(house.names),
                country=house.country,
                city=house.city,
                sector=house.sector,
                national_code=house.national_code,
                erasmus_code=house.erasmus_code,
                website=f"https://www.{house.hei_id}/",
                alliance=ALLIANCE if member or associate else "",
                membership="member" if member else "associate" if associate else "",
                member_since=_since(house) if member or associate else None,
            )
        )
    return tuple(found)


def _since(house: House) -> date:
    """Eight founded the alliance; one member and the associates came later."""
    if house.hei_id == "zlatnaluka.example":
        return date(2023, 9, 1)
    return date(2024, 2, 1) if house in ASSOCIATES else FOUNDED


def headcounts(*, today: date) -> Iterator[HeadcountFacts]:
    """Students and staff of members and associates for every year from 2021 whose count day has passed.

    Over the nine members the counts of 2026 are 120,000 students and 7,000 staff.
    """
    for house in (*MEMBERS, *ASSOCIATES):
        for year in range(2021, today.year + 1):
            counted = date(year, 9, 20)
            if counted > today:
                continue
            ahead = (1 + house.growth) ** (year - 2026)
            students = round(house.students * ahead)
            staff = round(house.staff * (1 + house.growth / 2) ** (year - 2026))
            teachers = round(staff * (0.48 if house.sector == "uas" else 0.56))
            source = (
                "National statistics, count of 20 September"
                if house.is_finnish
                else "Institution's own register, count of 20 September"
            )
            for group, count in (
                ("students", students),
                ("doctoral", 0 if house.sector == "uas" else round(students * 0.043)),
                ("staff", staff),
                ("teachers", teachers),
                ("other_staff", staff - teachers),
            ):
                yield HeadcountFacts(
                    institution=house.hei_id,
                    year=year,
                    group=group,
                    count=count,
                    source=source,
                    as_of=counted,
                )


@dataclass(frozen=True, kw_only=True)
class Ability:
    """One answer of a survey round: what an institution can do over one interface."""

    institution: str
    process: str
    interface: str
    version: str
    state: str
    channel: str
    system: str
    since: date
    survey_round: str


ROUNDS: tuple[tuple[str, date], ...] = (
    ("Survey, spring 2025", date(2025, 4, 15)),
    ("Survey, autumn 2026", date(2026, 10, 5)),
)
_INTERFACES: tuple[tuple[str, str, str], ...] = (
    ("agreements", "iias", "7.0"),
    ("learning_agreements", "omobility-las", "1.1"),
    ("nominations", "omobilities", "3.0"),
    ("transcripts", "imobility-tors", "2.0"),
    ("staff_mobility", "staff", ""),
)
# State per interface in the two rounds: l live, t testing, n none, u not known.
_ANSWERS: dict[str, tuple[str, str, str]] = {
    "tuulisalmi.example": ("llntt", "lllln", "Vaihto"),
    "hopearanta.example": ("ltnnn", "lltnn", "Vaihto"),
    "klarsund.example": ("ttnnn", "llnnn", "Own development"),
    "costaclara.example": ("lltnn", "lllln", "Vaihto"),
    "javorec.example": ("ltnnn", "lltnn", "Vaihto"),
    "rivalta-nuova.example": ("llnnn", "llttn", "Bought system A"),
    "lindenwerder.example": ("ltnnn", "llnnn", "Bought system B"),
    "montalvor.example": ("llttn", "lllln", "Bought system A"),
    "zlatnaluka.example": ("unnnn", "tnnnn", "Spreadsheets"),
    "ziwani.example": ("nnnnn", "nnnnn", "Paper and e-mail"),
    "songxanh.example": ("nnnnn", "nnnnn", "Own development"),
}
_STATES = {"l": "live", "t": "testing", "n": "none", "u": "unknown"}


def abilities(*, today: date) -> Iterator[Ability]:
    """The answers of both survey rounds, as far as they lie in the past."""
    for hei_id, (first, second, system) in _ANSWERS.items():
        house = HOUSES[hei_id]
        for letters, (round_name, day) in zip((first, second), ROUNDS, strict=True):
            if day > today:
                continue
            for letter, (process, interface, version) in zip(letters, _INTERFACES, strict=True):
                state = _STATES[letter]
                yield Ability(
                    institution=hei_id,
                    process=process,
                    interface=interface,
                    version=version if state in {"live", "testing"} else "",
                    state=state,
                    channel=_channel(house, state),
                    system=system,
                    since=day,
                    survey_round=round_name,
                )


def _channel(house: House, state: str) -> str:
    if house.hosted:
        return "here"
    if state == "live":
        return "ewp"
    return "guest" if house in ASSOCIATES else "file"

"""Degree programmes of the hosted institutions: what a student's right is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Degree:
    """A programme: its study right type, size in credits, code of the national classification, usual length."""

    unit: str
    type: str
    module: str
    code: str
    names: tuple[tuple[str, str], ...]
    language: str
    size: int
    years: float
    # The programme in which a bachelor goes on with the same right to study.
    leads_to: str = ""


def _pair(unit: str, stem: str, codes: tuple[str, str], fi: str, en: str) -> tuple[Degree, Degree]:
    first, second = codes
    return (
        Degree(
            unit=unit,
            type="2",
            module=f"{stem}-B",
            code=first,
            names=(("en", f"Bachelor's Programme in {en}"), ("fi", f"{fi}, kandidaattiohjelma")),
            language="fi",
            size=180,
            years=3,
            leads_to=f"{stem}-M",
        ),
        Degree(
            unit=unit,
            type="4",
            module=f"{stem}-M",
            code=second,
            names=(("en", f"Master's Programme in {en}"), ("fi", f"{fi}, maisteriohjelma")),
            language="fi",
            size=120,
            years=2,
        ),
    )


_TUULISALMI: tuple[Degree, ...] = (
    *_pair(
        "HUM", "HUM-LAN", ("622199", "722999"), "Kielet ja kulttuurit", "Languages and Cultures"
    ),
    *_pair("HUM", "HUM-HIS", ("622299", "722999"), "Historia", "History"),
    *_pair("NAT", "NAT-BIO", ("642999", "742999"), "Biotieteet", "Biosciences"),
    *_pair("TEC", "TEC-ENE", ("655999", "751999"), "Energiatekniikka", "Energy Technology"),
    *_pair("TEC", "TEC-ICT", ("655999", "751999"), "Tietotekniikka", "Information Technology"),
    *_pair("SOC", "SOC-ECO", ("632299", "732299"), "Kauppatieteet", "Economics and Business"),
    *_pair("SOC", "SOC-POL", ("633199", "733199"), "Yhteiskuntatieteet", "Social Sciences"),
    *_pair("EDU", "EDU-PED", ("612999", "719999"), "Kasvatustieteet", "Education"),
    Degree(
        unit="TEC",
        type="4",
        module="TEC-WIND",
        code="759999",
        names=(
            ("en", "Master's Programme in Wind and Wave Energy"),
            ("fi", "Tuuli- ja aaltoenergian maisteriohjelma"),
        ),
        language="en",
        size=120,
        years=2,
    ),
    Degree(
        unit="SOC",
        type="4",
        module="SOC-ARC",
        code="739999",
        names=(
            ("en", "Master's Programme in Island and Coastal Societies"),
            ("fi", "Saaristojen ja rannikoiden maisteriohjelma"),
        ),
        language="en",
        size=120,
        years=2,
    ),
    Degree(
        unit="NAT",
        type="7",
        module="DOC-NAT",
        code="842999",
        names=(
            ("en", "Doctoral Programme in Natural Sciences"),
            ("fi", "Luonnontieteiden tohtoriohjelma"),
        ),
        language="en",
        size=40,
        years=4.5,
    ),
    Degree(
        unit="SOC",
        type="7",
        module="DOC-SOC",
        code="833999",
        names=(
            ("en", "Doctoral Programme in Social Sciences"),
            ("fi", "Yhteiskuntatieteiden tohtoriohjelma"),
        ),
        language="en",
        size=40,
        years=5,
    ),
    Degree(
        unit="HUM",
        type="6",
        module="LIC-HUM",
        code="822999",
        names=(("en", "Licentiate in Humanities"), ("fi", "Humanististen tieteiden lisensiaatti")),
        language="fi",
        size=30,
        years=3,
    ),
)

_HOPEARANTA: tuple[Degree, ...] = tuple(
    Degree(
        unit=unit,
        type=kind,
        module=module,
        code=code,
        names=(("en", english), ("fi", finnish)),
        language=language,
        size=size,
        years=years,
    )
    for unit, kind, module, code, english, finnish, language, size, years in (
        (
            "BUS",
            "1",
            "BBA",
            "631199",
            "Bachelor of Business Administration, International Business",
            "Tradenomi (AMK), kansainvälinen liiketoiminta",
            "en",
            210,
            3.5,
        ),
        (
            "BUS",
            "1",
            "CUL",
            "621999",
            "Bachelor of Culture and Arts",
            "Kulttuurialan ammattikorkeakoulututkinto",
            "fi",
            240,
            4.0,
        ),
        (
            "HEA",
            "1",
            "NUR",
            "671199",
            "Bachelor of Health Care, Nursing",
            "Terveysalan ammattikorkeakoulututkinto, hoitotyö",
            "fi",
            210,
            3.5,
        ),
        (
            "HEA",
            "1",
            "SOC",
            "671299",
            "Bachelor of Social Services",
            "Sosiaalialan ammattikorkeakoulututkinto",
            "fi",
            210,
            3.5,
        ),
        (
            "ENG",
            "1",
            "AUT",
            "651199",
            "Bachelor of Engineering, Automation",
            "Insinööri (AMK), automaatiotekniikka",
            "fi",
            240,
            4.0,
        ),
        (
            "ENG",
            "1",
            "CON",
            "651299",
            "Bachelor of Engineering, Construction",
            "Insinööri (AMK), rakennustekniikka",
            "fi",
            240,
            4.0,
        ),
        (
            "FOO",
            "1",
            "AGR",
            "661999",
            "Bachelor of Natural Resources, Agriculture",
            "Agrologi (AMK)",
            "fi",
            240,
            4.0,
        ),
        (
            "FOO",
            "3",
            "FOOD-M",
            "762299",
            "Master of Food Innovation",
            "Elintarvikealan ylempi ammattikorkeakoulututkinto",
            "en",
            60,
            2.0,
        ),
        (
            "BUS",
            "3",
            "LEAD-M",
            "731199",
            "Master of Business Administration, Leadership",
            "Johtamisen ylempi ammattikorkeakoulututkinto",
            "fi",
            90,
            2.0,
        ),
        (
            "HEA",
            "3",
            "DIGI-M",
            "771199",
            "Master of Digital Health",
            "Digitaalisen terveydenhuollon ylempi ammattikorkeakoulututkinto",
            "en",
            90,
            2.0,
        ),
    )
)


def _abroad(rows: tuple[tuple[str, str, str, str], ...], language: str) -> tuple[Degree, ...]:
    size = {"2": (180, 3.0), "4": (120, 2.0), "7": (240, 4.0)}
    return tuple(
        Degree(
            unit=unit,
            type=kind,
            module=module,
            code="",
            names=(("en", english),),
            language=language,
            size=size[kind][0],
            years=size[kind][1],
        )
        for unit, kind, module, english in rows
    )


DEGREES: dict[str, tuple[Degree, ...]] = {
    "tuulisalmi.example": _TUULISALMI,
    "hopearanta.example": _HOPEARANTA,
    "costaclara.example": _abroad(
        (
            ("ECO", "2", "G-ECO", "Degree in Economics"),
            ("ECO", "2", "G-ADE", "Degree in Business Administration"),
            ("MAR", "2", "G-MAR", "Degree in Marine Sciences"),
            ("LET", "2", "G-FIL", "Degree in Philology"),
            ("MAR", "4", "M-OCE", "Master in Oceanography"),
            ("ECO", "4", "M-TUR", "Master in Sustainable Tourism"),
            ("MAR", "7", "D-MAR", "Doctorate in Marine Sciences"),
        ),
        "es",
    ),
    "javorec.example": _abroad(
        (
            ("LES", "2", "B-LES", "Bachelor in Forestry"),
            ("EKO", "2", "B-EKO", "Bachelor in Economics"),
            ("INF", "2", "B-INF", "Bachelor in Informatics"),
            ("LES", "4", "N-LES", "Master in Forest Ecology"),
            ("INF", "4", "N-INF", "Master in Data Science"),
            ("LES", "7", "D-LES", "Doctorate in Forestry"),
        ),
        "cs",
    ),
}
BY_MODULE: dict[tuple[str, str], Degree] = {
    (house, degree.module): degree for house, degrees in DEGREES.items() for degree in degrees
}
# How likely a new student begins with each type of right.
ENTRANCE: dict[str, dict[str, float]] = {
    "tuulisalmi.example": {"2": 66, "4": 19, "7": 13, "6": 2},
    "hopearanta.example": {"1": 84, "3": 16},
    "costaclara.example": {"2": 62, "4": 25, "7": 13},
    "javorec.example": {"2": 58, "4": 29, "7": 13},
}
# A joint programme of three members: the same degree from all of them (classification 6).
JOINT_PROGRAMME = "SOC-ARC"
# A programme that leads to a second degree from Costaclara (classification 7).
DOUBLE_PROGRAMME = "TEC-WIND"

COURSES: tuple[tuple[str, str], ...] = (
    ("Ocean governance", "Merten hallinta"),
    ("Intercultural communication", "Kulttuurienvälinen viestintä"),
    ("Machine learning", "Koneoppiminen"),
    ("Renewable energy systems", "Uusiutuvat energiajärjestelmät"),
    ("Forest ecology", "Metsäekologia"),
    ("Spanish language and society", "Espanjan kieli ja yhteiskunta"),
    ("Tourism economics", "Matkailun taloustiede"),
    ("European history", "Euroopan historia"),
    ("Project management", "Projektinhallinta"),
    ("Statistics with data", "Tilastotiede aineistoilla"),
    ("Food chains and sustainability", "Ruokaketjut ja kestävyys"),
    ("Palliative care", "Palliatiivinen hoito"),
    ("Entrepreneurship", "Yrittäjyys"),
    ("Design thinking", "Muotoiluajattelu"),
    ("Automation and robotics", "Automaatio ja robotiikka"),
    ("Social policy in Europe", "Sosiaalipolitiikka Euroopassa"),
)

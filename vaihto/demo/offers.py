"""The invented catalogues of the members: what is in `catalogue.csv`, with texts, and taught again and again."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from vaihto.demo.alliance import House
from vaihto.demo.luck import seeded
from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.values import Link
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Outcome
from vaihto.offers.actions import bring_opportunities, bring_realisations
from vaihto.offers.facts import CreditFacts, OpportunityFacts, RealisationFacts
from vaihto.offers.models import ECTS, Kind

_LEVELS = {6: "Bachelor", 7: "Master", 8: "PhD"}
_HOURS_OF_A_CREDIT = {"finland": 27, "germany": 30}
_USUAL_HOURS = 25
# How many of a hundred entries the institution keeps to itself, and how many lack their field of study.
_HIDDEN, _WITHOUT_FIELD = 10, 7


@dataclass(frozen=True)
class Term:
    """One of the two terms of a year: its months and days, when it is taught, and what it is called."""

    start: tuple[int, int]
    end: tuple[int, int]
    first_lecture: tuple[int, int]
    last_lecture: tuple[int, int]
    names: tuple[tuple[str, str], ...]


# Month and day; months beyond 12 lie in the second year of an academic year.
TERMS: dict[str, tuple[Term, Term]] = {
    "finland": (
        Term((8, 1), (12, 31), (9, 1), (12, 11),
             (("en", "Autumn term"), ("fi", "Syyslukukausi"), ("sv", "Hösttermin"))),
        Term((13, 1), (19, 31), (13, 12), (17, 8),
             (("en", "Spring term"), ("fi", "Kevätlukukausi"), ("sv", "Vårtermin"))),
    ),
    "south": (
        Term((9, 8), (13, 31), (9, 15), (13, 23),
             (("en", "First semester"), ("es", "Primer semestre"), ("it", "Primo semestre"),
              ("pt", "Primeiro semestre"))),
        Term((14, 1), (19, 15), (14, 9), (18, 12),
             (("en", "Second semester"), ("es", "Segundo semestre"), ("it", "Secondo semestre"),
              ("pt", "Segundo semestre"))),
    ),
    "central": (
        Term((9, 15), (13, 31), (9, 22), (12, 19),
             (("en", "Winter semester"), ("cs", "Zimní semestr"), ("hr", "Zimski semestar"))),
        Term((14, 1), (18, 30), (14, 16), (17, 22),
             (("en", "Summer semester"), ("cs", "Letní semestr"), ("hr", "Ljetni semestar"))),
    ),
    "germany": (
        Term((10, 1), (15, 31), (10, 6), (14, 6),
             (("en", "Winter semester"), ("de", "Wintersemester"))),
        Term((16, 1), (21, 30), (16, 13), (19, 17),
             (("en", "Summer semester"), ("de", "Sommersemester"))),
    ),
}  # fmt: skip
# By language: the grading scheme, how it is read in English, its grades from best to worst.
_GRADES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "fi": ("0–5", "5 is the best grade, 1 the lowest pass, 0 a fail.", ("5", "4", "3", "2", "1", "0")),
    "sv": ("0–5", "5 is the best grade, 1 the lowest pass, 0 a fail.", ("5", "4", "3", "2", "1", "0")),
    "es": ("0–10", "10 is the best grade, 5 the lowest pass.", ("9–10", "7–9", "5–7", "0–5")),
    "cs": ("A–F", "A is the best grade, E the lowest pass, F a fail.", ("A", "B", "C", "D", "E", "F")),
    "it": ("18–30", "30 with honours is the best, 18 the lowest pass.", ("30L", "27–30", "23–26", "18–22", "fail")),
    "de": ("1,0–5,0", "1,0 is the best grade, 4,0 the lowest pass.", ("1", "2", "3", "4", "5")),
    "pt": ("0–20", "20 is the best grade, 10 the lowest pass.", ("18–20", "16–17", "14–15", "10–13", "0–9")),
    "hr": ("1–5", "5 is the best grade, 2 the lowest pass.", ("5", "4", "3", "2", "1")),
}  # fmt: skip
_WAYS = (
    ("Lectures and a project in mixed groups.", "Assessed by a report and its defence."),
    ("Seminars around texts that everybody reads beforehand.", "Assessed by two essays."),
    ("Lectures, exercises and a laboratory.", "Assessed by a written examination."),
    ("Half of it on site, half online.", "Assessed by weekly tasks and an oral examination."),
    ("Three intensive weeks with an excursion.", "Assessed by a portfolio."),
)
_IN_OWN_WORDS = {
    "fi": "Opetus sopii vaihto-opiskelijoille; osa tapaamisista järjestetään etänä.",
    "sv": "Undervisningen lämpar sig för utbytesstuderande; en del av träffarna ordnas på distans.",
    "es": "La asignatura está abierta a estudiantes de intercambio; parte de las sesiones son en línea.",
    "cs": "Předmět je otevřen studentům na výměnném pobytu; část setkání probíhá online.",
    "it": "L'insegnamento è aperto agli studenti in scambio; una parte degli incontri è a distanza.",
    "de": "Die Veranstaltung steht Austauschstudierenden offen; ein Teil findet online statt.",
    "pt": "A unidade curricular está aberta a estudantes de intercâmbio; parte das sessões é em linha.",
    "hr": "Kolegij je otvoren studentima na razmjeni; dio susreta održava se na daljinu.",
}


@dataclass(frozen=True)
class Entry:
    """A line of the file: codes are unique within a house, and a whole stands above its parts."""

    kind: Kind
    code: str
    part_of: str
    unit: str
    level: int
    field: str
    ects: Decimal
    language: str  # of instruction; empty for modules
    title_en: str
    title_own: str
    about: str


@cache
def entries() -> dict[str, tuple[Entry, ...]]:
    """The lines of each house, in their order."""
    found: dict[str, list[Entry]] = {}
    file = Path(__file__).with_name("catalogue.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            entry = Entry(
                kind=Kind(row["kind"]),
                code=row["code"],
                part_of=row["part_of"],
                unit=row["unit"],
                level=int(row["level"]),
                field=row["field"],
                ects=Decimal(row["ects"]),
                language=row["language"],
                title_en=row["title_en"],
                title_own=row["title_own"],
                about=row["about"],
            )
            found.setdefault(row["house"], []).append(entry)
    return {house: tuple(rows) for house, rows in found.items()}


def opportunities(house: House, units: frozenset[str]) -> Iterator[OpportunityFacts]:
    """The entries of a house with their texts; units that are not known here are left out."""
    for entry in entries().get(house.hei_id, ()):
        luck = seeded("offers", house.hei_id, entry.code)
        is_course = entry.kind in {Kind.COURSE, Kind.CLASS}
        hidden = is_course and luck.randrange(100) < _HIDDEN
        page = f"{'programmes' if entry.kind is Kind.PROGRAMME else 'courses'}/{entry.code.lower()}"
        yield OpportunityFacts(
            key=entry.code,
            kind=entry.kind,
            code=entry.code,
            titles={"en": entry.title_en, house.language: entry.title_own},
            descriptions=_descriptions(house, entry, luck) if entry.kind is not Kind.MODULE else {},
            unit=entry.unit if entry.unit in units else "",
            isced_code="" if is_course and luck.randrange(100) < _WITHOUT_FIELD else entry.field,
            eqf_level=entry.level,
            addresses=(
                Link(f"https://www.{house.hei_id}/en/{page}", "en"),
                Link(f"https://www.{house.hei_id}/{house.language}/{page}", house.language),
            ),
            part_of=(entry.part_of,) if entry.part_of else (),
            exposed=not hidden,
        )


def _descriptions(house: House, entry: Entry, luck: random.Random) -> dict[str, str]:
    if entry.kind is Kind.PROGRAMME:
        return {"en": f"A programme about {entry.about}."}
    teaching, assessment = luck.choice(_WAYS)
    return {
        "en": f"What it is about: {entry.about}.\n\n{teaching} {assessment}",
        house.language: _IN_OWN_WORDS[house.language],
    }


def realisations(house: House, today: date) -> Iterator[RealisationFacts]:
    """Courses one to three times between last academic year and the next; programmes every autumn."""
    first = today.year - (today.month < 8) - 1
    for entry in entries().get(house.hei_id, ()):
        luck = seeded("taught", house.hei_id, entry.code)
        if entry.kind is Kind.PROGRAMME:
            for year in (first, first + 1):
                yield _programme(house, entry, year)
        elif entry.kind is not Kind.MODULE:
            number = luck.randrange(2)  # most are taught in the same term every year
            count = luck.choices((1, 2, 3), (3, 5, 2))[0]
            years = sorted(luck.sample((first, first + 1, first + 2), count))
            for year in years:
                yield _course(house, entry, year, number, luck, today)


def _day(year: int, month_day: tuple[int, int]) -> date:
    """A day of the academic year that begins in `year`."""
    month, day = month_day
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, day)


def _programme(house: House, entry: Entry, year: int) -> RealisationFacts:
    autumn, spring = TERMS[house.terms]
    years = max(int(entry.ects / 60), 1)
    return RealisationFacts(
        opportunity=entry.code,
        key=f"{entry.code}-{year}",
        start=_day(year, autumn.first_lecture),
        end=_day(year + years - 1, spring.last_lecture),
        credits=(CreditFacts(scheme=ECTS, value=entry.ects, level=_LEVELS[entry.level]),),
        language=entry.language,
    )


def _course(
    house: House, entry: Entry, year: int, number: int, luck: random.Random, today: date
) -> RealisationFacts:
    term = TERMS[house.terms][number]
    start, end = _day(year, term.first_lecture), _day(year, term.last_lecture)
    label, explained, grades = _GRADES[house.language]
    return RealisationFacts(
        opportunity=entry.code,
        key=f"{entry.code}-{year}-{number + 1}",
        start=start,
        end=end,
        academic_year=f"{year}/{year + 1}",
        term_number=number + 1,
        term_count=2,
        term_names={
            language: f"{name} {_day(year, term.start).year}"
            for language, name in term.names
            if language in {"en", house.language}
        },
        term_start=_day(year, term.start),
        term_end=_day(year, term.end),
        grading_labels={"en": label},
        grading_descriptions={"en": explained},
        results=_results(grades, luck) if end < today else (),
        credits=(CreditFacts(scheme=ECTS, value=entry.ects, level=_LEVELS[entry.level]),),
        language=entry.language,
        engagement_hours=entry.ects * _HOURS_OF_A_CREDIT.get(house.terms, _USUAL_HOURS),
    )


def _results(grades: tuple[str, ...], luck: random.Random) -> tuple[tuple[str, int], ...]:
    """Most in the upper middle, a few at the ends."""
    size = luck.randrange(12, 60)
    weights = [1 + 4 * max(0.0, 1 - abs(at - len(grades) * 0.35) / 3) for at in range(len(grades))]
    total = sum(weights)
    return tuple(
        (grade, round(size * weight / total)) for grade, weight in zip(grades, weights, strict=True)
    )


def teach(
    house: House, institution: Institution, *, actor: Actor, today: date, now: datetime
) -> Iterator[tuple[str, list[Outcome]]]:
    """Brings the catalogue of a house and its realisations; gives the kinds and their outcomes."""
    units = frozenset(Unit.objects.filter(institution=institution).values_list("code", flat=True))
    yield (
        "catalogue entries",
        bring_opportunities(
            actor=actor,
            institution=institution,
            facts=list(opportunities(house, units)),
            now=now,
        ),
    )
    yield (
        "realisations",
        bring_realisations(
            actor=actor, institution=institution, facts=list(realisations(house, today)), now=now
        ),
    )

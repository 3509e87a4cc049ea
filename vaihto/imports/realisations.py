"""Realisations of courses and programmes: one line for each time something is taught."""

from __future__ import annotations

import re
from typing import Any

from vaihto.imports.cells import (
    choice_parser,
    parse_day,
    parse_decimal,
    parse_text,
    parse_whole,
)
from vaihto.imports.courses import parse_lines, texts_of
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.journal.actors import May
from vaihto.offers.actions import bring_realisations, plan_realisations
from vaihto.offers.facts import CreditFacts, RealisationFacts
from vaihto.offers.models import ECTS
from vaihto.offers.wrong import LEVELS
from vaihto.refusals import Invalid
from vaihto.wording import mark as _

_LEVELS = {
    **{level.casefold(): level for level in LEVELS},
    **dict.fromkeys(("kandidaatti", "kandidat"), "Bachelor"),
    **dict.fromkeys(("maisteri", "magister"), "Master"),
    **dict.fromkeys(("tohtori", "doktor"), "PhD"),
}
_RESULT = re.compile(r"(.+?)\s*[:=]\s*(\d{1,7})", re.ASCII)


def parse_results(text: str) -> tuple[tuple[str, int], ...]:
    """Grades with how many got each: `5: 12, 4: 30`."""
    found = []
    for part in re.split(r"[,;|]", parse_text(text)):
        if not part.strip():
            continue
        match = _RESULT.fullmatch(part.strip())
        if match is None:
            raise Invalid(
                "cell.not-results",
                sentence=_("“%(value)s” is not a grade with the number of those who got it."),
                remedy=_("Write the grades as 5: 12, 4: 30, 3: 18."),
                value=part.strip()[:60],
            )
        found.append((match[1], int(match[2])))
    return tuple(found)


def _facts(values: Values, _parts: list[Values]) -> RealisationFacts:
    credits_stated = []
    level = values.pop("credit_level", "")
    if "credits" in values:
        credits_stated.append(CreditFacts(scheme=ECTS, value=values.pop("credits"), level=level))
    scheme = values.pop("other_scheme", "")
    if "other_credits" in values:
        other = values.pop("other_credits")
        credits_stated.append(CreditFacts(scheme=scheme, value=other, level=level))
    more: dict[str, Any] = {
        "opportunity": values.pop("course_key"),
        "term_number": values.pop("term", None),
        "term_count": values.pop("terms_in_year", None),
        "term_names": texts_of(values, "term_name"),
        "grading_labels": texts_of(values, "grading_scheme"),
    }
    if "grading_description" in values:
        more["grading_descriptions"] = {"en": values.pop("grading_description")}
    return RealisationFacts(credits=tuple(credits_stated), **more, **values)


def _named(
    name: str, field: str, words: tuple[str, str], says: tuple[str, str, str], example: str
) -> tuple[Column, ...]:
    """Columns of one text in three languages."""
    languages = (
        ("en", "englanniksi", "engelska"),
        ("fi", "suomeksi", "finska"),
        ("sv", "ruotsiksi", "svenska"),
    )
    return tuple(
        Column(
            name=f"{name}_{code}",
            field=field,
            fi=f"{words[0]} {fi}",
            sv=f"{words[1]} på {sv}",
            says=told,
            examples=(example,) if code == "en" else (),
        )
        for (code, fi, sv), told in zip(languages, says, strict=True)
    )


KIND = TableKind(
    name="realisations",
    label=_("Realisations of courses"),
    explanation=_(
        "One line for each time a course, module or programme is taught. First and last day are both included."
    ),
    may=May.OFFERS_EDIT,
    columns=(
        Column(
            name="course_key",
            field="opportunity",
            fi="kurssin avain",
            sv="kursens nyckel",
            says=_("Key of the course (module, programme, class), brought before."),
            required=True,
            examples=("C-101", "C-101"),
        ),
        Column(
            name="key",
            fi="toteutuksen avain",
            sv="genomförandets nyckel",
            says=_("Key of the realisation in your register."),
            required=True,
            examples=("C-101-26A", "C-101-27S"),
        ),
        Column(
            name="start",
            fi="alkupäivä",
            sv="startdatum",
            says=_("First day."),
            parse=parse_day,
            required=True,
            examples=("2026-09-07", "11.1.2027"),
        ),
        Column(
            name="end",
            fi="loppupäivä",
            sv="slutdatum",
            says=_("Last day."),
            parse=parse_day,
            required=True,
            examples=("2026-12-18", "14.5.2027"),
        ),
        Column(
            name="academic_year",
            fi="lukuvuosi",
            sv="läsår",
            says=_("Academic year, as 2026/2027."),
            examples=("2026/2027", "2026/2027"),
        ),
        Column(
            name="term",
            field="term_number",
            fi="lukukausi",
            sv="termin",
            says=_("Which term of the year it is: 1 for the first."),
            parse=parse_whole,
            examples=("1", "2"),
        ),
        Column(
            name="terms_in_year",
            field="term_count",
            fi="lukukausia vuodessa",
            sv="terminer per år",
            says=_("How many such terms the year has."),
            parse=parse_whole,
            examples=("2", "2"),
        ),
        *_named(
            "term_name",
            "term_names",
            ("lukukauden nimi", "terminens namn"),
            (
                _("Name of the term in English."),
                _("Name of the term in Finnish."),
                _("Name of the term in Swedish."),
            ),
            "Autumn term 2026",
        ),
        Column(
            name="term_start",
            fi="lukukauden alku",
            sv="terminens start",
            says=_("First day of the term."),
            parse=parse_day,
            examples=("2026-08-01", ""),
        ),
        Column(
            name="term_end",
            fi="lukukauden loppu",
            sv="terminens slut",
            says=_("Last day of the term."),
            parse=parse_day,
            examples=("2026-12-31", ""),
        ),
        Column(
            name="credits",
            fi="opintopisteet",
            sv="studiepoäng",
            says=_("ECTS credits, with comma or point."),
            parse=parse_decimal,
            examples=("5", "7,5"),
        ),
        Column(
            name="credit_level",
            field="credits",
            fi="pisteiden taso",
            sv="poängens nivå",
            says=_("Level of the credits."),
            parse=choice_parser(_LEVELS),
            examples=("Master", ""),
            choices=LEVELS,
        ),
        Column(
            name="other_credits",
            field="credits",
            fi="muut pisteet",
            sv="andra poäng",
            says=_("Credits of another scheme, beside ECTS."),
            parse=parse_decimal,
        ),
        Column(
            name="other_scheme",
            field="credits",
            fi="muiden pisteiden järjestelmä",
            sv="andra poängens system",
            says=_("Name of that scheme."),
        ),
        Column(
            name="language",
            fi="opetuskieli",
            sv="undervisningsspråk",
            says=_("Code of the main language of instruction, as en or sv."),
            examples=("en", "fi"),
        ),
        Column(
            name="engagement_hours",
            fi="työtunnit",
            sv="arbetstimmar",
            says=_("Hours of work of a student, all told."),
            parse=parse_decimal,
            examples=("133", ""),
        ),
        *_named(
            "grading_scheme",
            "grading_labels",
            ("arvosana-asteikko", "vitsordsskala"),
            (
                _("Name of the grading scheme in English."),
                _("Name of the grading scheme in Finnish."),
                _("Name of the grading scheme in Swedish."),
            ),
            "0–5",
        ),
        Column(
            name="grading_description",
            field="grading_descriptions",
            fi="arvosana-asteikon kuvaus",
            sv="vitsordsskalans beskrivning",
            says=_("How the scheme is read, in English."),
            parse=parse_lines,
            examples=("5 is the best, 1 the lowest pass, 0 a fail.", ""),
        ),
        Column(
            name="results",
            fi="tulosjakauma",
            sv="resultatfördelning",
            says=_("Grades of earlier participants with their numbers."),
            parse=parse_results,
            examples=("5: 12, 4: 30, 3: 18", ""),
        ),
    ),
    build=_facts,
    plan=plan_realisations,
    bring=bring_realisations,
    key="",
)

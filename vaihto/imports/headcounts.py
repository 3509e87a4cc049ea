"""Headcounts, the denominators of participation: one line for each institution, year and group."""

from __future__ import annotations

from vaihto.imports.cells import choice_parser, parse_day, parse_whole
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.institutions.actions import bring_headcounts, plan_headcounts
from vaihto.institutions.facts import HeadcountFacts
from vaihto.institutions.models import Headcount
from vaihto.wording import mark as _

_GROUPS = {
    **{value: value for value in Headcount.Group.values},
    **dict.fromkeys(("opiskelijat", "studerande"), "students"),
    **dict.fromkeys(("tohtoriopiskelijat", "doktorander"), "doctoral"),
    **dict.fromkeys(("opettajat", "lärare"), "teachers"),
    **dict.fromkeys(("muu henkilöstö", "övrig personal"), "other_staff"),
    **dict.fromkeys(("henkilöstö", "personal"), "staff"),
}


def _facts(values: Values, _parts: list[Values]) -> HeadcountFacts:
    return HeadcountFacts(**values)


KIND = TableKind(
    name="headcounts",
    label=_("Headcounts"),
    explanation=_("How many students or staff an institution had in a year, with the source."),
    columns=(
        Column(
            name="institution",
            fi="korkeakoulu",
            sv="högskola",
            says=_("Domain name of the institution (hei_id)."),
            required=True,
            examples=("north.example", "north.example"),
        ),
        Column(
            name="year",
            fi="vuosi",
            sv="år",
            says=_("The year."),
            parse=parse_whole,
            required=True,
            examples=("2025", "2025"),
        ),
        Column(
            name="group",
            fi="ryhmä",
            sv="grupp",
            says=_("Who is counted."),
            parse=choice_parser(_GROUPS),
            required=True,
            examples=("students", "staff"),
            choices=tuple(Headcount.Group.values),
        ),
        Column(
            name="count",
            fi="lukumäärä",
            sv="antal",
            says=_("How many."),
            parse=parse_whole,
            required=True,
            examples=("15230", "2140"),
        ),
        Column(
            name="source",
            fi="lähde",
            sv="källa",
            says=_("Where the number comes from."),
            required=True,
            examples=("Annual report 2025", "Annual report 2025"),
        ),
        Column(
            name="as_of",
            fi="tilanne päivänä",
            sv="läget den",
            says=_("The day on which it was so."),
            parse=parse_day,
            required=True,
            examples=("2025-09-20", "31.12.2025"),
        ),
    ),
    build=_facts,
    plan=plan_headcounts,
    bring=bring_headcounts,
    key="",
    for_institution=False,
)

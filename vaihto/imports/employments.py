"""Employments with the persons who hold them: one line for each."""

from __future__ import annotations

from vaihto.imports.cells import choice_parser, parse_day
from vaihto.imports.persons import GENDERS, IDENTITY_CODE, LEARNER_NUMBER, UNIT
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.people.actions import bring_employments, plan_employments
from vaihto.people.facts import EmploymentFacts
from vaihto.wording import mark as _

_GROUPS = {
    **dict.fromkeys(("teaching", "opetus", "opetus ja tutkimus", "undervisning"), "teaching"),
    **dict.fromkeys(("other", "muu", "annan", "övrig"), "other"),
}


def _facts(values: Values, _parts: list[Values]) -> EmploymentFacts:
    return EmploymentFacts(**values)


KIND = TableKind(
    name="employments",
    label=_("Employments"),
    explanation=_("One line for each employment. Bring employments before staff visits."),
    columns=(
        Column(
            name="key",
            fi="palvelussuhteen avain",
            sv="anställningsnyckel",
            says=_("Key of the employment in your register."),
            required=True,
            examples=("E-501", "E-502"),
        ),
        Column(
            name="family_name",
            fi="sukunimi",
            sv="efternamn",
            says=_("Family name."),
            examples=("Esimerkki", "Exempel"),
        ),
        Column(
            name="given_names",
            fi="etunimet",
            sv="förnamn",
            says=_("All given names."),
            examples=("Olli", "Olga"),
        ),
        Column(
            name="gender",
            fi="sukupuoli",
            sv="kön",
            says=_("1 male, 2 female, 9 unknown."),
            parse=choice_parser(GENDERS),
            choices=("1", "2", "9"),
        ),
        Column(
            name="email",
            fi="sähköposti",
            sv="e-post",
            says=_("E-mail address."),
            examples=("olli@example.org", "olga@example.org"),
        ),
        Column(
            name=LEARNER_NUMBER.name,
            fi=LEARNER_NUMBER.fi,
            sv=LEARNER_NUMBER.sv,
            says=LEARNER_NUMBER.says,
        ),
        IDENTITY_CODE,
        Column(
            name="group",
            fi="henkilöstöryhmä",
            sv="personalgrupp",
            says=_("Teaching and research staff, or other staff."),
            parse=choice_parser(_GROUPS),
            required=True,
            examples=("teaching", "other"),
            choices=("teaching", "other"),
        ),
        Column(
            name="title",
            fi="nimike",
            sv="titel",
            says=_("Title of the post."),
            examples=("Lecturer", "Coordinator"),
        ),
        Column(
            name="start",
            fi="alkupäivä",
            sv="startdatum",
            says=_("First day of the employment."),
            parse=parse_day,
            required=True,
            examples=("2019-08-01", "1.1.2024"),
        ),
        Column(
            name="end",
            fi="loppupäivä",
            sv="slutdatum",
            says=_("Last day of the employment; empty while it goes on."),
            parse=parse_day,
            examples=("", "31.12.2026"),
        ),
        UNIT,
    ),
    build=_facts,
    plan=plan_employments,
    bring=bring_employments,
)

"""Attainments, degrees among them: one line for each."""

from __future__ import annotations

from vaihto.imports.cells import (
    choice_parser,
    parse_country,
    parse_day,
    parse_decimal,
    parse_list,
    parse_yes_no,
)
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.transcripts.actions import bring_attainments, plan_attainments
from vaihto.transcripts.facts import AttainmentFacts
from vaihto.wording import mark as _

_GRANTERS = {
    "home": "home",
    "foreign_hei": "foreign_hei",
    "foreign hei": "foreign_hei",
    "foreign_other": "foreign_other",
    "foreign other": "foreign_other",
    "finnish_hei": "finnish_hei",
    "finnish hei": "finnish_hei",
}


def _facts(values: Values, _parts: list[Values]) -> AttainmentFacts:
    names = {
        language: values.pop(f"name_{language}")
        for language in ("en", "fi", "sv")
        if f"name_{language}" in values
    }
    return AttainmentFacts(names=names, **values)


KIND = TableKind(
    name="attainments",
    label=_("Attainments and degrees"),
    explanation=_("One line for each course, recognised attainment or degree."),
    columns=(
        Column(
            name="key",
            fi="opintosuoritusavain",
            sv="prestationsnyckel",
            says=_("Key of the attainment in your register."),
            required=True,
            examples=("A-1", "A-2"),
        ),
        Column(
            name="student_key",
            fi="opiskelija-avain",
            sv="studentnyckel",
            says=_("Key of the student, brought before."),
            required=True,
            examples=("S-1001", "S-1002"),
        ),
        Column(
            name="right_key",
            fi="opiskeluoikeusavain",
            sv="studierättsnyckel",
            says=_("Key of the study right it belongs to."),
            examples=("R-1", "R-2"),
        ),
        Column(
            name="mobility_key",
            fi="liikkuvuusavain",
            sv="mobilitetsnyckel",
            says=_("Key of the mobility on which it was earned."),
        ),
        Column(
            name="kind",
            fi="laji",
            sv="art",
            says=_("1 degree, 2 other attainment, 3 not to be counted, 4 internal."),
            examples=("2", "1"),
            choices=("1", "2", "3", "4"),
        ),
        Column(
            name="name_en",
            field="names",
            fi="nimi englanniksi",
            sv="namn på engelska",
            says=_("Name in English."),
            examples=("Harbour logistics", "Master of Science"),
        ),
        Column(
            name="name_fi",
            field="names",
            fi="nimi suomeksi",
            sv="namn på finska",
            says=_("Name in Finnish."),
        ),
        Column(
            name="name_sv",
            field="names",
            fi="nimi ruotsiksi",
            sv="namn på svenska",
            says=_("Name in Swedish."),
        ),
        Column(
            name="credits",
            fi="opintopisteet",
            sv="studiepoäng",
            says=_("ECTS credits, with comma or point."),
            parse=parse_decimal,
            examples=("7,5", "120"),
        ),
        Column(
            name="grade_scale",
            fi="arvosana-asteikko",
            sv="vitsordsskala",
            says=_("Code of the scale of the grade."),
            examples=("HYV", ""),
        ),
        Column(
            name="grade",
            fi="arvosana",
            sv="vitsord",
            says=_("The grade on that scale."),
            examples=("HYV", ""),
        ),
        Column(
            name="completed_on",
            fi="suorituspäivä",
            sv="prestationsdag",
            says=_("Day of completion; of a degree, the day of graduation."),
            parse=parse_day,
            examples=("2024-12-15", "2025-05-31"),
        ),
        Column(
            name="recognised_on",
            fi="hyväksilukupäivä",
            sv="tillgodoräknad",
            says=_("Day of the decision to recognise it; never the day of completion copied."),
            parse=parse_day,
            examples=("2025-02-03", ""),
        ),
        Column(
            name="granted_by",
            fi="suorituksen myöntäjä",
            sv="beviljad av",
            says=_("Who granted it."),
            parse=choice_parser(_GRANTERS),
            examples=("foreign_hei", "home"),
            choices=("home", "foreign_hei", "foreign_other", "finnish_hei"),
        ),
        Column(
            name="source_code",
            fi="lähdeorganisaatio",
            sv="källorganisation",
            says=_("UK foreign institution, UM other foreign body, or a national code."),
            examples=("UK", ""),
        ),
        Column(
            name="source_country",
            fi="lähdemaa",
            sv="källland",
            says=_("Country where it was earned."),
            parse=parse_country,
            examples=("620", ""),
        ),
        Column(
            name="classifications",
            fi="luokittelu",
            sv="klassificering",
            says=_("National codes, parted by commas."),
            parse=parse_list,
            examples=("", "10"),
        ),
        Column(
            name="education_code",
            fi="koulutuskoodi",
            sv="utbildningskod",
            says=_("National education code, for degrees."),
            examples=("", "723101"),
        ),
        Column(
            name="module",
            fi="koulutusmoduulitunniste",
            sv="utbildningsmodul",
            says=_("Your code of the course or programme."),
            examples=("EXCH-1", "MSC"),
        ),
        Column(
            name="language",
            fi="kieli",
            sv="språk",
            says=_("Language in which it was completed."),
            examples=("en", "fi"),
        ),
        Column(
            name="is_traineeship",
            fi="harjoittelu",
            sv="praktik",
            says=_("Is it a traineeship?"),
            parse=parse_yes_no,
            choices=("yes", "no"),
        ),
        Column(
            name="granting_country",
            fi="tutkinnon myöntömaa",
            sv="beviljande land",
            says=_("For degrees: country in which it was granted, where it is another."),
            parse=parse_country,
        ),
        Column(
            name="completed_in_country",
            fi="tutkinnon suoritusmaa",
            sv="avläggande land",
            says=_("For degrees: country in which it was completed, where it is another."),
            parse=parse_country,
        ),
    ),
    build=_facts,
    plan=plan_attainments,
    bring=bring_attainments,
)

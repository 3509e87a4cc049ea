"""Persons as student records: one line for each."""

from __future__ import annotations

from vaihto.imports.cells import choice_parser, parse_countries, parse_day, parse_list
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.people.actions import bring_students, plan_students
from vaihto.people.facts import StudentFacts
from vaihto.wording import mark as _

GENDERS = {
    **dict.fromkeys(("1", "male", "man", "m", "mies"), "1"),
    **dict.fromkeys(("2", "female", "woman", "f", "nainen", "n", "kvinna", "k"), "2"),
    **dict.fromkeys(("9", "unknown", "tuntematon", "okänd"), "9"),
}
UNIT = Column(
    name="unit",
    fi="yksikkö",
    sv="enhet",
    says=_("Code of the faculty or department, as it is known here."),
)
IDENTITY_CODE = Column(
    name="identity_code",
    fi="henkilötunnus",
    sv="personbeteckning",
    says=_("Personal identity code. Kept encrypted; joins records of one person."),
    is_secret=True,
)
LEARNER_NUMBER = Column(
    name="learner_number",
    fi="oppijanumero",
    sv="studentnummer",
    says=_("National learner number. Joins records of one person at several institutions."),
    examples=("1.2.246.562.24.10000000011", "1.2.246.562.24.10000000012"),
)


def _facts(values: Values, _parts: list[Values]) -> StudentFacts:
    return StudentFacts(**values)


KIND = TableKind(
    name="persons",
    label=_("Persons"),
    explanation=_("One line for each student. Bring persons before anything that names them."),
    columns=(
        Column(
            name="key",
            fi="opiskelija-avain",
            sv="studentnyckel",
            says=_("Key of the student in your register. It stays the same from file to file."),
            required=True,
            examples=("S-1001", "S-1002"),
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
            examples=("Eeva Maria", "Elias"),
        ),
        Column(
            name="gender",
            fi="sukupuoli",
            sv="kön",
            says=_("1 male, 2 female, 9 unknown."),
            parse=choice_parser(GENDERS),
            examples=("2", "1"),
            choices=("1", "2", "9"),
        ),
        Column(
            name="citizenships",
            fi="kansalaisuus",
            sv="medborgarskap",
            says=_("Countries, as numeric codes or two letters; several parted by commas."),
            parse=parse_countries,
            examples=("246", "246, 752"),
        ),
        Column(
            name="birth_date",
            fi="syntymäaika",
            sv="födelsetid",
            says=_("Day of birth."),
            parse=parse_day,
            examples=("2002-04-17", "3.9.2001"),
        ),
        Column(
            name="email",
            fi="sähköposti",
            sv="e-post",
            says=_("E-mail address."),
            examples=("eeva@example.org", "elias@example.org"),
        ),
        LEARNER_NUMBER,
        IDENTITY_CODE,
        Column(
            name="esis",
            fi="esi",
            sv="esi-kod",
            says=_("European Student Identifiers, parted by blanks."),
            parse=parse_list,
        ),
        Column(
            name="mother_tongue",
            fi="äidinkieli",
            sv="modersmål",
            says=_("Language code, as fi or sv."),
            examples=("fi", "sv"),
        ),
        Column(
            name="residence",
            fi="asuinkunta",
            sv="boningskommun",
            says=_("Municipality of residence, three digits."),
            examples=("398", "091"),
        ),
        Column(
            name="first_enrolled",
            fi="kirjoihintulopäivä",
            sv="inskrivningsdag",
            says=_("First day as a degree student of the institution, where it cannot be derived."),
            parse=parse_day,
            examples=("2022-08-01", ""),
        ),
        UNIT,
    ),
    build=_facts,
    plan=plan_students,
    bring=bring_students,
)

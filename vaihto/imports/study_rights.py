"""Study rights with their timelines: one line for each state, spell or primacy of a right."""

from __future__ import annotations

from typing import Any

from vaihto.imports.cells import parse_day, parse_list, parse_national_code, parse_yes_no
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.people.actions import bring_study_rights, plan_study_rights
from vaihto.people.facts import PrimacyFacts, SpellFacts, StateFacts, StudyRightFacts
from vaihto.wording import mark as _

_SPELL = (
    "module",
    "education_code",
    "municipality",
    "language",
    "funding_source",
    "classifications",
    "qualifications",
)
_STATES = ("state", "state_start", "state_end")
_SPELLS = ("spell_start", "spell_end", "name_en", "name_fi", "name_sv", *_SPELL)
_PRIMACIES = ("is_primary", "primary_start", "primary_end")


def _days(right: Values, line: Values, part: str) -> dict[str, Any]:
    """First and last day of a part; where the first is not said, those of the right."""
    if f"{part}_start" in line:
        return {"start": line[f"{part}_start"], "end": line.get(f"{part}_end")}
    return {"start": right["start"], "end": line.get(f"{part}_end", right.get("end"))}


def _state(right: Values, line: Values) -> StateFacts | None:
    if not any(name in line for name in _STATES):
        return None
    return StateFacts(
        code=line.get("state", ""),
        **_days(right, line, "state"),
    )


def _spell(right: Values, line: Values) -> SpellFacts | None:
    if not any(name in line for name in _SPELLS):
        return None
    names = {
        language: line[f"name_{language}"]
        for language in ("en", "fi", "sv")
        if f"name_{language}" in line
    }
    return SpellFacts(
        **_days(right, line, "spell"),
        names=names,
        **{name: line[name] for name in _SPELL if name in line},
    )


def _primacy(right: Values, line: Values) -> PrimacyFacts | None:
    if not line.get("is_primary", "primary_start" in line or "primary_end" in line):
        return None
    return PrimacyFacts(
        **_days(right, line, "primary"),
    )


def _facts(values: Values, parts: list[Values]) -> StudyRightFacts:
    return StudyRightFacts(
        **values,
        states=tuple(state for line in parts if (state := _state(values, line))),
        spells=tuple(spell for line in parts if (spell := _spell(values, line))),
        primacies=tuple(primacy for line in parts if (primacy := _primacy(values, line))),
    )


KIND = TableKind(
    name="study_rights",
    label=_("Study rights"),
    explanation=_(
        "One line for a right whose state and facts never change. Where they change, one line for each state, "
        "spell or primacy, one below the other; the columns of the right itself are repeated or left empty."
    ),
    columns=(
        Column(
            name="key",
            fi="opiskeluoikeusavain",
            sv="studierättsnyckel",
            says=_("Key of the right in your register. It stays the same from file to file."),
            required=True,
            examples=("R-1", "R-2", "R-2"),
        ),
        Column(
            name="student_key",
            fi="opiskelija-avain",
            sv="studentnyckel",
            says=_("Key of the student, brought before."),
            required=True,
            examples=("S-1001", "S-1002", ""),
        ),
        Column(
            name="type",
            fi="opiskeluoikeuden tyyppi",
            sv="studierättens typ",
            says=_("National code of the type: one for the whole life of the right."),
            required=True,
            examples=("2", "4", ""),
        ),
        Column(
            name="start",
            fi="alkupäivä",
            sv="startdatum",
            says=_("First day of the right."),
            parse=parse_day,
            required=True,
            examples=("2022-08-01", "2023-08-01", ""),
        ),
        Column(
            name="end",
            fi="loppupäivä",
            sv="slutdatum",
            says=_("Last day of the right; empty while it goes on."),
            parse=parse_day,
        ),
        Column(
            name="granted_by",
            fi="myöntäjä",
            sv="beviljare",
            says=_("Five-digit code of the granting institution, where it is another."),
            parse=parse_national_code,
        ),
        Column(
            name="state",
            fi="tila",
            sv="status",
            says=_("National code of the state: 1 active, 3 graduated, and so on."),
            of_part=True,
            examples=("1", "1", "3"),
        ),
        Column(
            name="state_start",
            fi="tilan alkupäivä",
            sv="statusens startdatum",
            says=_("First day of the state; empty for the first day of the right."),
            parse=parse_day,
            of_part=True,
            examples=("", "2023-08-01", "2025-06-01"),
        ),
        Column(
            name="state_end",
            fi="tilan loppupäivä",
            sv="statusens slutdatum",
            says=_("Last day of the state."),
            parse=parse_day,
            of_part=True,
            examples=("", "2025-05-31", ""),
        ),
        Column(
            name="spell_start",
            fi="jakson alkupäivä",
            sv="periodens startdatum",
            says=_("First day on which the facts to the right hold; empty: of the right."),
            parse=parse_day,
            of_part=True,
        ),
        Column(
            name="spell_end",
            fi="jakson loppupäivä",
            sv="periodens slutdatum",
            says=_("Last day on which they hold."),
            parse=parse_day,
            of_part=True,
        ),
        Column(
            name="module",
            fi="koulutusmoduulitunniste",
            sv="utbildningsmodul",
            says=_("Your code of the programme."),
            of_part=True,
            examples=("BSC", "MSC", ""),
        ),
        Column(
            name="education_code",
            fi="koulutuskoodi",
            sv="utbildningskod",
            says=_("National education code."),
            of_part=True,
            examples=("623101", "723101", ""),
        ),
        Column(
            name="municipality",
            fi="koulutuskunta",
            sv="utbildningskommun",
            says=_("Municipality of the education, three digits."),
            of_part=True,
            examples=("398", "398", ""),
        ),
        Column(
            name="language",
            fi="koulutuskieli",
            sv="utbildningsspråk",
            says=_("Language of the education."),
            of_part=True,
            examples=("fi", "en", ""),
        ),
        Column(
            name="funding_source",
            fi="rahoituslähde",
            sv="finansieringskälla",
            says=_("National code of the funding; 4 is commissioned education."),
            of_part=True,
            examples=("1", "1", ""),
        ),
        Column(
            name="classifications",
            fi="luokittelu",
            sv="klassificering",
            says=_("Codes parted by commas: 6 joint degree, 7 double degree, 3 adult education."),
            parse=parse_list,
            of_part=True,
            examples=("", "7", ""),
        ),
        Column(
            name="qualifications",
            fi="pätevyydet",
            sv="behörigheter",
            says=_("Codes of qualifications, parted by commas."),
            parse=parse_list,
            of_part=True,
        ),
        Column(
            name="name_en",
            fi="nimi englanniksi",
            sv="namn på engelska",
            says=_("Name of the programme in English."),
            of_part=True,
        ),
        Column(
            name="name_fi",
            fi="nimi suomeksi",
            sv="namn på finska",
            says=_("Name of the programme in Finnish."),
            of_part=True,
        ),
        Column(
            name="name_sv",
            fi="nimi ruotsiksi",
            sv="namn på svenska",
            says=_("Name of the programme in Swedish."),
            of_part=True,
        ),
        Column(
            name="is_primary",
            fi="ensisijainen",
            sv="primär",
            says=_("Is this the student's primary right here?"),
            parse=parse_yes_no,
            of_part=True,
            examples=("yes", "yes", ""),
            choices=("yes", "no"),
        ),
        Column(
            name="primary_start",
            fi="ensisijaisuuden alkupäivä",
            sv="primär från",
            says=_("First day on which it is the primary one; empty: of the right."),
            parse=parse_day,
            of_part=True,
        ),
        Column(
            name="primary_end",
            fi="ensisijaisuuden loppupäivä",
            sv="primär till",
            says=_("Last day on which it is the primary one."),
            parse=parse_day,
            of_part=True,
        ),
    ),
    build=_facts,
    plan=plan_study_rights,
    bring=bring_study_rights,
    part_fields={"states": _STATES, "spells": _SPELLS, "primacies": _PRIMACIES},
)

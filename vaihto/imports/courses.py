"""Programmes, modules, courses and classes of a catalogue: one line for each."""

from __future__ import annotations

import re
from typing import Any

from vaihto.codes import ISCED_F
from vaihto.imports.cells import choice_parser, parse_text, parse_whole, parse_yes_no
from vaihto.imports.persons import UNIT
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.institutions.values import Link
from vaihto.journal.actors import May
from vaihto.offers.actions import bring_opportunities, plan_opportunities
from vaihto.offers.facts import OpportunityFacts
from vaihto.offers.models import Kind
from vaihto.wording import mark as _

_KINDS = {
    **{value: value for value in Kind.values},
    **dict.fromkeys(("ohjelma", "tutkinto-ohjelma", "degree programme", "utbildningsprogram"), "programme"),
    **dict.fromkeys(("moduuli", "opintokokonaisuus", "modul", "studiehelhet"), "module"),
    **dict.fromkeys(("kurssi", "opintojakso", "kurs", "studieavsnitt"), "course"),
    **dict.fromkeys(("ryhmä", "opetusryhmä", "klass", "grupp"), "class"),
}  # fmt: skip


def texts_of(values: Values, name: str) -> dict[str, str]:
    """Texts by language from `name_en`, `name_fi`, `name_sv` and `name_own`; the last is in `own_language`."""
    texts = {
        language: values.pop(f"{name}_{language}")
        for language in ("en", "fi", "sv")
        if f"{name}_{language}" in values
    }
    if f"{name}_own" in values:
        texts[values.get("own_language", "")] = values.pop(f"{name}_own")
    return texts


def parse_lines(text: str) -> str:
    """Text whose line breaks mean something."""
    return "\n".join(parse_text(line) for line in text.splitlines()).strip()


def parse_keys(text: str) -> tuple[str, ...]:
    """Several keys in one cell, parted by commas, semicolons or bars; a key may hold blanks."""
    parts = (parse_text(part.strip()) for part in re.split(r"[,;|]", text))
    return tuple(dict.fromkeys(part for part in parts if part))


def parse_field(text: str) -> str:
    """A code of ISCED-F, whose leading zero may have been lost."""
    text = parse_text(text)
    padded = f"0{text}"
    return padded if text.isdigit() and text not in ISCED_F and padded in ISCED_F else text


def _facts(values: Values, _parts: list[Values]) -> OpportunityFacts:
    titles, descriptions = texts_of(values, "title"), texts_of(values, "description")
    values.pop("own_language", "")
    language = values.pop("url_language", "")
    url = values.pop("url", "")
    more: dict[str, Any] = {"addresses": (Link(url, language),)} if url else {}
    return OpportunityFacts(titles=titles, descriptions=descriptions, **more, **values)


KIND = TableKind(
    name="courses",
    label=_("Programmes and courses"),
    explanation=_(
        "One line for each programme, module, course or class of the catalogue. What contains others stands above "
        "them. Partners and the public see what is exposed."
    ),
    may=May.OFFERS_EDIT,
    columns=(
        Column(
            name="key",
            fi="avain",
            sv="nyckel",
            says=_("Key in your register. It stays the same from file to file."),
            required=True,
            examples=("P-SEA", "C-101"),
        ),
        Column(
            name="kind",
            fi="laji",
            sv="slag",
            says=_("What it is; empty: a course. It never changes."),
            parse=choice_parser(_KINDS),
            examples=("programme", "course"),
            choices=tuple(Kind.values),
        ),
        Column(
            name="code",
            fi="tunnus",
            sv="kod",
            says=_("The code that people know it by."),
            examples=("SEA", "SEA101"),
        ),
        Column(
            name="title_en",
            field="titles",
            fi="nimi englanniksi",
            sv="namn på engelska",
            says=_("Title in English. Partners expect one."),
            examples=("Master's Programme in Coastal Seas", "Waves and tides"),
        ),
        Column(
            name="title_fi",
            field="titles",
            fi="nimi suomeksi",
            sv="namn på finska",
            says=_("Title in Finnish."),
            examples=("Rannikkomerien maisteriohjelma", "Aallot ja vuorovesi"),
        ),
        Column(
            name="title_sv",
            field="titles",
            fi="nimi ruotsiksi",
            sv="namn på svenska",
            says=_("Title in Swedish."),
        ),
        Column(
            name="title_own",
            field="titles",
            fi="nimi omalla kielellä",
            sv="namn på eget språk",
            says=_("Title in the language that own_language names."),
        ),
        Column(
            name="own_language",
            field="titles",
            fi="oma kieli",
            sv="eget språk",
            says=_("Code of the language of title_own and description_own, as es or pt-BR."),
        ),
        Column(
            name="description_en",
            field="descriptions",
            fi="kuvaus englanniksi",
            sv="beskrivning på engelska",
            says=_("Description in English; plain text, line breaks are kept."),
            parse=parse_lines,
            examples=("", "How wind makes waves, and how they are measured."),
        ),
        Column(
            name="description_fi",
            field="descriptions",
            fi="kuvaus suomeksi",
            sv="beskrivning på finska",
            says=_("Description in Finnish."),
            parse=parse_lines,
        ),
        Column(
            name="description_sv",
            field="descriptions",
            fi="kuvaus ruotsiksi",
            sv="beskrivning på svenska",
            says=_("Description in Swedish."),
            parse=parse_lines,
        ),
        Column(
            name="description_own",
            field="descriptions",
            fi="kuvaus omalla kielellä",
            sv="beskrivning på eget språk",
            says=_("Description in the language that own_language names."),
            parse=parse_lines,
        ),
        UNIT,
        Column(
            name="isced_code",
            fi="isced-koodi",
            sv="isced-kod",
            says=_("Field of study in ISCED-F 2013, four digits."),
            parse=parse_field,
            examples=("0521", "0532"),
        ),
        Column(
            name="subject_area",
            fi="oppiainekoodi",
            sv="ämneskod",
            says=_("Old Erasmus subject code, if partners still ask for it."),
        ),
        Column(
            name="eqf_level",
            fi="eqf-taso",
            sv="eqf-nivå",
            says=_(
                "Level of the European Qualifications Framework: 6 bachelor, 7 master, 8 doctorate."
            ),
            parse=parse_whole,
            examples=("7", "7"),
        ),
        Column(
            name="url",
            field="addresses",
            fi="verkko-osoite",
            sv="webbadress",
            says=_("Address of its page."),
            examples=("", "https://north.example/courses/sea101"),
        ),
        Column(
            name="url_language",
            field="addresses",
            fi="sivun kieli",
            sv="sidans språk",
            says=_("Language of that page; empty where the page chooses itself."),
            examples=("", "en"),
        ),
        Column(
            name="part_of",
            fi="sisältyy",
            sv="ingår i",
            says=_("Keys of what contains it, parted by commas."),
            parse=parse_keys,
            examples=("", "P-SEA"),
        ),
        Column(
            name="exposed",
            fi="julkinen",
            sv="offentlig",
            says=_("Do partners and the public see it? Empty for a new one: no."),
            parse=parse_yes_no,
            examples=("yes", "yes"),
            choices=("yes", "no"),
        ),
    ),
    build=_facts,
    plan=plan_opportunities,
    bring=bring_opportunities,
)

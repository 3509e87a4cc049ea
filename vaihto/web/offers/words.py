"""How entries of the catalogue are put into words: titles, fields, levels, credits, languages, years."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from vaihto.codes import ISCED_F, language_name
from vaihto.institutions.models import Institution
from vaihto.offers.models import ECTS, LearningOpportunity, Realisation, text_in
from vaihto.web.components import Tone
from vaihto.web.wording import shown

# Languages of instruction and of texts that a form offers; any other tag may come from a file.
LANGUAGES = (
    "bg", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu",
    "is", "it", "lb", "lt", "lv", "mk", "mt", "nb", "nl", "nn", "pl", "pt", "ro", "se", "sk", "sl", "sq", "sr",
    "sv", "tr", "uk",
)  # fmt: skip


def reader() -> str:
    """The language of the reader."""
    return get_language() or "en"


def name_of(one: Institution) -> str:
    """The institution's name as the reader knows it."""
    return str(one.names.get(reader()) or one.name)


def field_name(code: str) -> str:
    """The field of study in words."""
    return ISCED_F.name(code, reader())


def level_name(level: int | None) -> str:
    """An EQF level with what it usually is."""
    if level is None:
        return ""
    words = {5: _("short cycle"), 6: _("bachelor"), 7: _("master"), 8: _("doctorate")}
    word = words.get(level)
    return f"{level} · {word}" if word else str(level)


def credits_range(realisations: Sequence[Realisation]) -> str:
    """The ECTS credits of the realisations: one number, or the least and the most."""
    numbers = sorted({one.ects for one in realisations if one.ects is not None})
    if not numbers:
        return ""
    least, most = numbers[0], numbers[-1]
    return (
        credit_number(least) if least == most else f"{credit_number(least)}–{credit_number(most)}"
    )


def credit_number(value: Decimal) -> str:
    """A number of credits without needless decimals."""
    return shown(int(value) if value == value.to_integral_value() else value.normalize())


def credits_of(one: Realisation) -> str:
    """All credits of a realisation, ECTS first."""
    parts = []
    for credit in one.credit_list:
        scheme = "ECTS" if credit.scheme == ECTS else credit.scheme
        parts.append(f"{credit_number(credit.value)} {scheme}")
    return ", ".join(parts)


def languages_of(realisations: Iterable[Realisation]) -> str:
    """The languages of instruction, each once."""
    tags = dict.fromkeys(one.language for one in realisations if one.language)
    return ", ".join(language_name(tag, reader()) for tag in tags)


def language_choices(*more: str, empty: str = "–") -> list[tuple[str, str]]:
    """Languages to choose from by name, with those of the record whatever they are."""
    language = reader()
    tags = {*LANGUAGES, *(tag for tag in more if tag)}
    named = sorted((language_name(tag, language), tag) for tag in tags)
    return [("", empty), *((tag, name) for name, tag in named)]


def field_choices(*more: str, empty: str = "–") -> list[tuple[str, object]]:
    """The detailed fields of ISCED-F under their broad ones; wider codes of the record stay choosable."""
    language = reader()
    groups: dict[str, list[tuple[str, str]]] = {}
    for code in ISCED_F:
        if code.facts["level"] == "detailed" or code.code in more:
            word = f"{code.code} {code.name(language)}"
            groups.setdefault(code.code[:2], []).append((code.code, word))
    return [
        ("", empty),
        *((ISCED_F.name(broad, language), codes) for broad, codes in groups.items()),
    ]


def state_of(one: LearningOpportunity) -> tuple[str, Tone]:
    """Who sees the entry, in a word."""
    if one.withdrawn_at is not None:
        return _("Withdrawn"), "bad"
    return (_("Exposed"), "good") if one.exposed else (_("Not exposed"), "warn")


def academic_year_of(day: date) -> str:
    """The academic year of a day, from the first of August."""
    first = day.year if day.month >= 8 else day.year - 1
    return f"{first}/{first + 1}"


def text_and_language(texts: dict[str, str]) -> tuple[str, str]:
    """A text as the reader reads it and its language, empty where it is the reader's own."""
    text, tag = text_in(texts, reader())
    return text, "" if tag == reader() else tag

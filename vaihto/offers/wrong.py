"""What can be wrong with facts about the catalogue, whoever brings them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from vaihto.codes import ISCED_F
from vaihto.journal.bringing import (
    Lengths,
    missing,
    unknown_code,
    wrong_days,
    wrong_number,
)
from vaihto.offers.facts import OpportunityFacts, RealisationFacts
from vaihto.offers.models import Kind, LearningOpportunity, Realisation
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

LEVELS = ("Bachelor", "Master", "PhD")
_LENGTHS = Lengths(LearningOpportunity, Realisation, unit=60, opportunity=100)
_TITLE, _DESCRIPTION, _ADDRESS, _SCHEME = 300, 20_000, 500, 40
_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SUBJECT_AREA = re.compile(r"\d\d(\.\d)?", re.ASCII)
_YEAR = re.compile(r"(\d{4})/(\d{4})", re.ASCII)


def is_tag(text: str) -> bool:
    """Does it look like a language tag, as in `fi` or `pt-BR`?"""
    return len(text) <= 20 and _TAG.fullmatch(text) is not None


def _wrong_tag(field: str, tag: str) -> Invalid:
    return Invalid(
        "offer.language-form",
        sentence=_("“%(value)s” is not the code of a language."),
        remedy=_("Write it as en, fi, sv or pt-BR."),
        field=field,
        value=tag[:40],
    )


def _wrong_texts(field: str, texts: Mapping[str, str], limit: int) -> list[Refusal]:
    """Texts by language: tags that are none, texts that are too long or hold what is not text."""
    found: list[Refusal] = []
    for tag, text in texts.items():
        if not is_tag(tag):
            found.append(_wrong_tag(field, tag))
        if len(text) > limit:
            found.append(
                Invalid(
                    "fact.too-long",
                    sentence=_("This is %(length)s characters long; there is room for %(limit)s."),
                    remedy=_("Shorten it."),
                    field=field,
                    value=text[:40] + "…",
                    length=len(text),
                    limit=limit,
                )
            )
        found += _not_text(field, text)
    return found


def _not_text(field: str, text: str) -> list[Refusal]:
    if any((ord(letter) < 32 and letter not in "\t\n\r") for letter in text):
        return [
            Invalid(
                "fact.control-character",
                sentence=_("This holds a character that is not text."),
                remedy=_("Type the value anew."),
                field=field,
                value="".join(each if each.isprintable() else "�" for each in text)[:40],
            )
        ]
    return []


def wrong_opportunity(facts: OpportunityFacts) -> list[Refusal]:
    """What is wrong with an entry by itself."""
    found: list[Refusal] = list(_LENGTHS.wrong(facts))
    if facts.kind not in Kind.values:
        found.append(unknown_code("kind", facts.kind, expected=", ".join(Kind.values)))
    found += _wrong_texts("titles", facts.titles, _TITLE)
    found += _wrong_texts("descriptions", facts.descriptions, _DESCRIPTION)
    found += _not_text("code", facts.code)
    if facts.isced_code and facts.isced_code not in ISCED_F:
        found.append(
            Invalid(
                "offer.field-unknown",
                sentence=_("“%(value)s” is not a field of ISCED-F 2013."),
                remedy=_("Give the four digits of the field, as in 0613."),
                field="isced_code",
                value=facts.isced_code,
            )
        )
    if facts.subject_area and not _SUBJECT_AREA.fullmatch(facts.subject_area):
        found.append(
            Invalid(
                "offer.subject-area-form",
                sentence=_("“%(value)s” is not an Erasmus subject code."),
                remedy=_("Write it as 11.3, or leave it out: it is no longer needed."),
                field="subject_area",
                value=facts.subject_area,
            )
        )
    if facts.eqf_level is not None and not 1 <= facts.eqf_level <= 8:
        found.append(
            Invalid(
                "fact.out-of-range",
                sentence=_("%(value)s is not between %(low)s and %(high)s."),
                remedy=_("Correct the number."),
                field="eqf_level",
                value=facts.eqf_level,
                low=1,
                high=8,
            )
        )
    for link in facts.addresses:
        if not is_address(link.url):
            found.append(
                Invalid(
                    "offer.address-form",
                    sentence=_("“%(value)s” is not a web address."),
                    remedy=_("It begins with https://."),
                    field="addresses",
                    value=link.url[:80],
                )
            )
        if link.language and not is_tag(link.language):
            found.append(_wrong_tag("addresses", link.language))
    return found


def is_address(text: str) -> bool:
    """An absolute web address that a partner can open."""
    if len(text) > _ADDRESS or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def wrong_realisation(facts: RealisationFacts) -> list[Refusal]:
    """What is wrong with a realisation by itself."""
    found: list[Refusal] = list(_LENGTHS.wrong(facts))
    found += wrong_days(facts.start, facts.end)
    found += _wrong_term(facts)
    found += _wrong_texts("grading_labels", facts.grading_labels, _TITLE)
    found += _wrong_texts("grading_descriptions", facts.grading_descriptions, _DESCRIPTION)
    found += _wrong_texts("results_descriptions", facts.results_descriptions, _DESCRIPTION)
    found += wrong_number("engagement_hours", facts.engagement_hours, whole=6)
    if facts.language and not is_tag(facts.language):
        found.append(_wrong_tag("language", facts.language))
    named: set[tuple[str, str]] = set()
    for one in facts.credits:
        found += wrong_number("credits", one.value, whole=4)
        found += _not_text("credits", one.scheme)
        if not one.scheme or len(one.scheme) > _SCHEME:
            found.append(missing("credits"))
        if one.level and one.level not in LEVELS:
            found.append(unknown_code("credit_level", one.level, expected=", ".join(LEVELS)))
        if (one.scheme, one.level) in named:
            found.append(
                Invalid(
                    "offer.credits-twice",
                    sentence=_("Credits of the scheme “%(value)s” are stated twice."),
                    remedy=_("Keep one of the two."),
                    field="credits",
                    value=one.scheme,
                )
            )
        named.add((one.scheme, one.level))
    for category, count in facts.results:
        found += _not_text("results", category)
        if not category or len(category) > _SCHEME or not 0 <= count <= 1_000_000:
            found.append(
                Invalid(
                    "offer.result-form",
                    sentence=_("“%(value)s” is not a grade with the number of those who got it."),
                    remedy=_("Write the grades as 5: 12, 4: 30, 3: 18."),
                    field="results",
                    value=f"{category}: {count}"[:60],
                )
            )
    return found


def _wrong_term(facts: RealisationFacts) -> list[Refusal]:
    found: list[Refusal] = []
    if facts.academic_year:
        year = _YEAR.fullmatch(facts.academic_year)
        if year is None or int(year[2]) - int(year[1]) not in (0, 1):
            found.append(
                Invalid(
                    "offer.year-form",
                    sentence=_("“%(value)s” is not an academic year."),
                    remedy=_("Write it as 2026/2027; south of the equator 2026/2026."),
                    field="academic_year",
                    value=facts.academic_year,
                )
            )
    elif facts.term_number is not None or facts.term_names or facts.term_start or facts.term_end:
        found.append(missing("academic_year"))
    number, count = facts.term_number, facts.term_count
    if (number is None) != (count is None) or not 1 <= (number or 1) <= (count or 1) <= 9:
        found.append(
            Invalid(
                "offer.term-form",
                sentence=_("“%(value)s” is not a term of the year."),
                remedy=_("Write the first of two terms as 1/2; there are at most nine."),
                field="term_number",
                value=f"{number or ''}/{count or ''}",
            )
        )
    found += _wrong_texts("term_names", facts.term_names, _TITLE)
    found += wrong_days(
        facts.term_start, facts.term_end, start_field="term_start", end_field="term_end"
    )
    return found

"""Typed look-ups over the lists in `data/`.

Codes are strings and keep their leading zeros: `"056"` is Belgium, `"56"` is nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path

import yaml
from babel import Locale
from babel.core import UnknownLocaleError

DATA = Path(__file__).parent / "data"
FINLAND = "246"
UNKNOWN_COUNTRY = "999"


@dataclass(frozen=True)
class Code:
    """One row of a list: its code, its names where the list has them, and its other columns."""

    code: str
    names: Mapping[str, str]
    facts: Mapping[str, str]

    def name(self, language: str) -> str:
        """The name in `language`, else the English, else the code itself."""
        return self.names.get(language) or self.names.get("en") or self.code


@dataclass(frozen=True)
class CodeList:
    """A list by the name of its file; read once, when first asked."""

    file: str

    @cached_property
    def codes(self) -> dict[str, Code]:
        """All codes, in the order of the file."""
        rows: dict[str, Code] = {}
        with (DATA / f"{self.file}.csv").open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                names = {
                    language: row.get(f"name_{language}") or "" for language in ("en", "fi", "sv")
                }
                if not names["en"]:
                    names["en"] = row.get("text_en") or ""
                facts = {k: v for k, v in row.items() if not k.startswith(("name_", "text_"))}
                rows[row["code"]] = Code(row["code"], names, facts)
        return rows

    def __contains__(self, code: object) -> bool:
        return code in self.codes

    def __iter__(self) -> Iterator[Code]:
        return iter(self.codes.values())

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, code: str) -> Code:
        return self.codes[code]

    def get(self, code: str | None) -> Code | None:
        """The code, or None when the list does not have it."""
        return self.codes.get(code) if code else None

    def name(self, code: str | None, language: str = "en") -> str:
        """The name of `code`; an unknown code is shown as it is, nothing as the empty string."""
        if not code:
            return ""
        found = self.codes.get(code)
        return found.name(language) if found else code

    @property
    def source(self) -> Mapping[str, str | date]:
        """Source, day read and licence of the list."""
        sources = _sources()
        return sources.get(self.file, sources["default"])


@lru_cache(maxsize=1)
def _sources() -> dict[str, dict[str, str | date]]:
    found: dict[str, dict[str, str | date]] = yaml.safe_load(
        (DATA / "sources.yaml").read_text("utf-8")
    )
    return found


ATTAINMENT_CLASSIFICATION = CodeList("attainment_classification")
ATTAINMENT_KIND = CodeList("attainment_kind")
COUNTRY = CodeList("country")
FUNDING_SOURCE = CodeList("funding_source")
GENDER = CodeList("gender")
HEI = CodeList("institution")
ISCED_F = CodeList("isced_f")
MOBILITY_CLASSIFICATION = CodeList("mobility_classification")
MOBILITY_DIRECTION = CodeList("mobility_direction")
MOBILITY_PROGRAMME = CodeList("mobility_programme")
MOBILITY_TYPE = CodeList("mobility_type")
ORGANISATION_ROLE = CodeList("organisation_role")
ORGANISATION_SPECIAL = CodeList("organisation_special")
REASON = CodeList("reason_code")
STUDY_RIGHT_CLASSIFICATION = CodeList("study_right_classification")
STUDY_RIGHT_STATE = CodeList("study_right_state")
STUDY_RIGHT_TYPE = CodeList("study_right_type")
TERM_ENROLMENT_STATE = CodeList("term_enrolment_state")

LISTS: tuple[CodeList, ...] = (
    ATTAINMENT_CLASSIFICATION,
    ATTAINMENT_KIND,
    COUNTRY,
    FUNDING_SOURCE,
    GENDER,
    HEI,
    ISCED_F,
    MOBILITY_CLASSIFICATION,
    MOBILITY_DIRECTION,
    MOBILITY_PROGRAMME,
    MOBILITY_TYPE,
    ORGANISATION_ROLE,
    ORGANISATION_SPECIAL,
    REASON,
    STUDY_RIGHT_CLASSIFICATION,
    STUDY_RIGHT_STATE,
    STUDY_RIGHT_TYPE,
    TERM_ENROLMENT_STATE,
)


@lru_cache(maxsize=1)
def country_by_alpha2() -> dict[str, str]:
    """Numeric code by ISO 3166-1 alpha-2 code, for countries that exist today and the schema accepts."""
    return {
        code.facts["alpha2"]: code.code
        for code in COUNTRY
        if code.facts["alpha2"] and code.facts["accepted_by_schema"] == "yes"
    }


def country_name(code: str | None, language: str = "en") -> str:
    """The name of a country as people write it in `language`.

    The national list names former countries and special codes; for present ones Babel's names are the
    usual ones and exist in every language.
    """
    found = COUNTRY.get(code)
    if found is None:
        return code or ""
    alpha2 = found.facts["alpha2"]
    if alpha2:
        try:
            name = Locale.parse(language).territories.get(alpha2)
        except (UnknownLocaleError, ValueError):
            name = None
        if name:
            return str(name)
    return found.name(language)


def language_name(tag: str | None, language: str = "en") -> str:
    """The name of a language (a BCP 47 tag) as people write it in `language`; an unknown one as it is."""
    if not tag:
        return ""
    try:
        name = Locale.parse(tag, sep="-").get_display_name(language)
    except (UnknownLocaleError, ValueError):
        name = None
    return str(name) if name else tag

"""Reads the facts file: cases in JSON, checked field by field, each refusal with its path.

What a field is stands in the tables at the end, once. A field left out is missing (a flag among
`_OPTIONAL_FLAGS` is false); a field not named is refused. Dates stay ISO text until `day` makes them
days. Contract: facts-format.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any  # JSON holds any plain value until it has been checked

from vaihto import codes

Facts = dict[str, Any]
Check = Callable[[Any, str], Any]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_INSTITUTION = re.compile(r"[0-9]{5}\Z")
_FIRST_YEAR, _LAST_YEAR = 1900, 2200


class Unreadable(ValueError):
    """A value that cannot be read: where it stands, and what is wrong (a name of `SENTENCES`)."""

    def __init__(self, path: str, wrong: str, **values: object) -> None:
        self.path, self.wrong, self.values = path, wrong, values
        super().__init__(f"{path}: {self.message}")

    @property
    def message(self) -> str:
        """What is wrong, in English."""
        return self.said("en")

    def said(self, language: str) -> str:
        """What is wrong, in the reader's language."""
        return SENTENCES[self.wrong][language] % self.values


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "bytes": {
        "en": "not UTF-8 text (byte %(place)s)",
        "fi": "ei UTF-8-tekstiä (tavu %(place)s)",
        "sv": "inte UTF-8-text (byte %(place)s)",
    },
    "json": {
        "en": "not JSON: %(why)s (line %(line)s, column %(column)s)",
        "fi": "ei JSON-muotoa (rivi %(line)s, sarake %(column)s)",
        "sv": "inte JSON (rad %(line)s, kolumn %(column)s)",
    },
    "deep": {
        "en": "nested too deeply",
        "fi": "liian monta tasoa sisäkkäin",
        "sv": "för många nivåer i varandra",
    },
    "no_number": {
        "en": "not JSON: %(found)s is not a number of JSON",
        "fi": "ei JSON-muotoa: %(found)s ei ole JSON-luku",
        "sv": "inte JSON: %(found)s är inte ett tal i JSON",
    },
    "digits": {
        "en": "a number has too many digits",
        "fi": "luvussa on liikaa numeroita",
        "sv": "ett tal har för många siffror",
    },
    "cases": {
        "en": "a list of cases is expected",
        "fi": "tapausten luetteloa odotetaan",
        "sv": "en lista med fall väntas",
    },
    "text": {
        "en": "text is expected, found %(found)s",
        "fi": "tekstiä odotetaan, löytyi %(found)s",
        "sv": "text väntas, fann %(found)s",
    },
    "letter": {
        "en": "half of a character is not text",
        "fi": "puolikas merkki ei ole tekstiä",
        "sv": "ett halvt tecken är inte text",
    },
    "flag": {
        "en": "true or false is expected, found %(found)s",
        "fi": "arvoa true tai false odotetaan, löytyi %(found)s",
        "sv": "true eller false väntas, fann %(found)s",
    },
    "day": {
        "en": "a day as YYYY-MM-DD is expected, found %(found)s",
        "fi": "päivää muodossa VVVV-KK-PP odotetaan, löytyi %(found)s",
        "sv": "en dag som ÅÅÅÅ-MM-DD väntas, fann %(found)s",
    },
    "calendar": {
        "en": "%(found)s is not a day of the calendar",
        "fi": "%(found)s ei ole kalenterin päivä",
        "sv": "%(found)s är inte en dag i kalendern",
    },
    "number": {
        "en": "a number is expected, found %(found)s",
        "fi": "lukua odotetaan, löytyi %(found)s",
        "sv": "ett tal väntas, fann %(found)s",
    },
    "from_nought": {
        "en": "a number from 0 on is expected, found %(found)s",
        "fi": "lukua nollasta ylöspäin odotetaan, löytyi %(found)s",
        "sv": "ett tal från 0 uppåt väntas, fann %(found)s",
    },
    "whole": {
        "en": "a whole number is expected, found %(found)s",
        "fi": "kokonaislukua odotetaan, löytyi %(found)s",
        "sv": "ett heltal väntas, fann %(found)s",
    },
    "year": {
        "en": "a year from %(first)s to %(last)s is expected",
        "fi": "vuotta väliltä %(first)s–%(last)s odotetaan",
        "sv": "ett år från %(first)s till %(last)s väntas",
    },
    "institution": {
        "en": "a code of five digits is expected, found %(found)s",
        "fi": "viisinumeroista koodia odotetaan, löytyi %(found)s",
        "sv": "en kod med fem siffror väntas, fann %(found)s",
    },
    "among": {
        "en": "one of %(allowed)s is expected, found %(found)s",
        "fi": "jotakin näistä odotetaan: %(allowed)s; löytyi %(found)s",
        "sv": "något av dessa väntas: %(allowed)s; fann %(found)s",
    },
    "code": {
        "en": "%(found)s is not in the list %(file)s",
        "fi": "%(found)s ei ole koodistossa %(file)s",
        "sv": "%(found)s finns inte i listan %(file)s",
    },
    "needed": {"en": "is needed", "fi": "tarvitaan", "sv": "behövs"},
    "list": {
        "en": "a list is expected, found %(found)s",
        "fi": "luetteloa odotetaan, löytyi %(found)s",
        "sv": "en lista väntas, fann %(found)s",
    },
    "object": {
        "en": "an object is expected, found %(found)s",
        "fi": "objektia odotetaan, löytyi %(found)s",
        "sv": "ett objekt väntas, fann %(found)s",
    },
    "twice": {"en": "stands twice", "fi": "on kahteen kertaan", "sv": "står två gånger"},
    "field": {
        "en": "is not a field of this kind",
        "fi": "ei ole tämän lajin kenttä",
        "sv": "är inte ett fält av detta slag",
    },
    "years": {
        "en": "a day from %(first)s to %(last)s is expected",
        "fi": "päivää vuosilta %(first)s–%(last)s odotetaan",
        "sv": "en dag från %(first)s till %(last)s väntas",
    },
    "order": {
        "en": "%(last)s is before the start, %(first)s",
        "fi": "%(last)s on ennen alkua %(first)s",
        "sv": "%(last)s är före starten, %(first)s",
    },
    "countries": {
        "en": "stands beside granting_country or completed_in_country",
        "fi": "on kentän granting_country tai completed_in_country rinnalla",
        "sv": "står bredvid granting_country eller completed_in_country",
    },
}


@dataclass(frozen=True)
class Case:
    """One case as asked; `facts` are checked and have every field of their kind.

    `given` are the same facts as they came: there a field left out is absent, which is not the same as
    missing to a check of a batch.
    """

    id: Any
    kind: str
    facts: Facts
    given: Facts
    ask: Facts = field(default_factory=dict)


def cases_in(document: bytes) -> list[Any]:
    """The unread cases of a file. Raises `Unreadable` when it is no JSON list."""
    try:
        found = json.loads(
            document.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number
        )
    except UnicodeDecodeError as error:
        raise Unreadable("", "bytes", place=error.start) from error
    except json.JSONDecodeError as error:
        raise Unreadable(
            "", "json", why=error.msg, line=error.lineno, column=error.colno
        ) from error
    except RecursionError as error:
        raise Unreadable("", "deep") from error
    except Unreadable:
        raise
    except ValueError as error:  # the interpreter bounds the digits of a whole number
        raise Unreadable("", "digits") from error
    if not isinstance(found, list):
        raise Unreadable("", "cases")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as it stands; a repeated field is remembered so that reading the case refuses it."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        return _Repeated(found, twice)
    return found


class _Repeated(dict[str, Any]):
    """An object in which a field stands twice."""

    def __init__(self, found: dict[str, Any], name: str) -> None:
        super().__init__(found)
        self.name = name


def _no_number(name: str) -> float:
    raise Unreadable("", "no_number", found=name)


def read_case(entry: Any) -> Case:
    """The checked case. Raises `Unreadable` with the path of the first thing that is wrong."""
    if entry is None:
        raise Unreadable("", "object", found="null")
    case = _CASE(entry, "")
    facts = _FACTS[case["kind"]](case["facts"], "facts")
    return Case(entry.get("id"), case["kind"], facts, case["facts"], case["ask"] or {})


def day(text: str | None) -> date | None:
    """The day of a checked text."""
    return None if text is None else date.fromisoformat(text)


def plain(value: Any) -> Any:
    """A value as JSON has it: days as text, numbers without trailing zeros."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


# --- Kinds of value ----------------------------------------------------------------------------


def _said(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


def anything(value: Any, path: str) -> Any:
    return value


def text(value: Any, path: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Unreadable(path, "text", found=_said(value))
    if value is not None and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Unreadable(path, "letter")
    return value


def code_to_check(value: Any, path: str) -> Any:
    """A code as it came, right or wrong: text, or a number that has lost its leading zeros."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return number(value, path)
    return text(value, path)


def flag(value: Any, path: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise Unreadable(path, "flag", found=_said(value))
    return value


def iso_day(value: Any, path: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _DAY.match(value):
        raise Unreadable(path, "day", found=_said(value))
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise Unreadable(path, "calendar", found=value) from error
    return value


def number(value: Any, path: str) -> int | float | None:
    """A number from nought on."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unreadable(path, "number", found=_said(value))
    if not 0 <= value <= 10**9:
        raise Unreadable(path, "from_nought", found=_said(value))
    return value


def whole(value: Any, path: str) -> int | None:
    """A whole number from nought on."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise Unreadable(path, "whole", found=_said(value))
    found = number(value, path)
    return None if found is None else int(found)


def year(value: Any, path: str) -> int | None:
    found = whole(value, path)
    if found is not None and not _FIRST_YEAR <= found <= _LAST_YEAR:
        raise Unreadable(path, "year", first=_FIRST_YEAR, last=_LAST_YEAR)
    return found


def institution(value: Any, path: str) -> str | None:
    if value is not None and not (isinstance(value, str) and _INSTITUTION.match(value)):
        raise Unreadable(path, "institution", found=_said(value))
    found: str | None = value
    return found


def among(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any, path: str) -> str | None:
        if value is not None and value not in allowed:
            raise Unreadable(path, "among", allowed=", ".join(allowed), found=_said(value))
        found: str | None = value
        return found

    return check


def code_of(code_list: codes.CodeList) -> Check:
    """A code of a national list, as text with its leading zeros."""

    def check(value: Any, path: str) -> str | None:
        if value is not None and (not isinstance(value, str) or value not in code_list):
            raise Unreadable(path, "code", found=_said(value), file=code_list.file)
        found: str | None = value
        return found

    return check


def needed(check: Check) -> Check:
    """The value may not be missing."""

    def wanted(value: Any, path: str) -> Any:
        if value is None:
            raise Unreadable(path, "needed")
        return check(value, path)

    wanted.is_needed = True  # type: ignore[attr-defined]  # read by `record`
    return wanted


def list_of(check: Check) -> Check:
    """A list; one that is left out is missing."""

    def checked(value: Any, path: str) -> list[Any] | None:
        if value is None:
            return None
        if not isinstance(value, list):
            raise Unreadable(path, "list", found=_said(value))
        return [check(one, f"{path}[{place}]") for place, one in enumerate(value)]

    return checked


def record(
    fields: Mapping[str, Check], *, then: Callable[[Facts, str], None] | None = None
) -> Check:
    """An object with these fields and no other; all of them are in what is given back."""

    def checked(value: Any, path: str) -> Facts | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Unreadable(path, "object", found=_said(value))
        if isinstance(value, _Repeated):
            raise Unreadable(_below(path, value.name), "twice")
        for name in value:
            if name not in fields:
                raise Unreadable(_below(path, name), "field")
        found = {
            name: check(_given(value, name), _below(path, name)) for name, check in fields.items()
        }
        if then is not None:
            then(found, path)
        return found

    return checked


def _given(value: Mapping[str, Any], name: str) -> Any:
    if name not in value and name in _OPTIONAL_FLAGS:
        return False
    return value.get(name)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _in_order(found: Facts, path: str) -> None:
    first, last = day(found["start"]), day(found["end"])
    for name, one in (("start", first), ("end", last)):
        if one is not None and not _FIRST_YEAR <= one.year <= _LAST_YEAR:
            raise Unreadable(_below(path, name), "years", first=_FIRST_YEAR, last=_LAST_YEAR)
    if first is not None and last is not None and last < first:
        raise Unreadable(_below(path, "end"), "order", first=first, last=last)


def _country_of_degree(found: Facts, path: str) -> None:
    both = (found["granting_country"], found["completed_in_country"])
    if found["country"] is not None and any(one is not None for one in both):
        raise Unreadable(_below(path, "country"), "countries")


# --- The fields of the contract ----------------------------------------------------------------

_OPTIONAL_FLAGS = {
    "end_is_estimate",
    "adult_education",
    "nested_in_incoming",
    "planned_blended",
    "agreed_as_one_whole",
    "fully_virtual",
    "part_of_incoming_studies",
}
KINDS = ("mobility", "credits", "staff", "validation", "publishing")
_DIRECTION = among("outgoing", "incoming")

_STATE = record(
    {"code": needed(code_of(codes.STUDY_RIGHT_STATE)), "start": iso_day, "end": iso_day}
)
_PRIMARY = record({"start": iso_day, "end": iso_day})
_SPELL = record(
    {
        "start": iso_day,
        "end": iso_day,
        "classifications": list_of(needed(code_of(codes.STUDY_RIGHT_CLASSIFICATION))),
        "funding_source": code_of(codes.FUNDING_SOURCE),
    }
)
_RIGHT = record(
    {
        "key": text,
        "institution": needed(institution),
        "type": needed(code_of(codes.STUDY_RIGHT_TYPE)),
        "start": iso_day,
        "end": iso_day,
        "states": list_of(needed(_STATE)),
        "primary": list_of(needed(_PRIMARY)),
        "spells": list_of(needed(_SPELL)),
    }
)
_DEGREE = record(
    {
        "right": text,
        "date": iso_day,
        "country": code_of(codes.COUNTRY),
        "granting_country": code_of(codes.COUNTRY),
        "completed_in_country": code_of(codes.COUNTRY),
    },
    then=_country_of_degree,
)
_SEGMENT = record(
    {
        "mode": needed(among("physical", "virtual")),
        "place": needed(among("host", "home", "third")),
        "country": code_of(codes.COUNTRY),
        "start": iso_day,
        "end": iso_day,
    },
    then=_in_order,
)
_MOBILITY = record(
    {
        "key": text,
        "direction": needed(_DIRECTION),
        "purpose": among("study", "traineeship", "combined"),
        "programme": among(
            "erasmus",
            "other_eu",
            "nordic",
            "other_international",
            "national",
            "own_agreement",
            "free_mover",
            "other",
            "unknown",
        ),
        "funding": text,
        "part_of_degree": flag,
        "planned_blended": flag,
        "agreed_as_one_whole": flag,
        "change_reason": among("covid", "personal"),
        "study_right_key": text,
        "end_is_estimate": flag,
        "adult_education": flag,
        "nested_in_incoming": flag,
        "home_degree_right_abroad": flag,
        "main_level_in_finland": code_of(codes.STUDY_RIGHT_TYPE),
        "segments": needed(list_of(needed(_SEGMENT))),
    }
)
_TRIP = record(
    {
        "start": needed(iso_day),
        "end": needed(iso_day),
        "country": code_of(codes.COUNTRY),
        "part_of_incoming_studies": flag,
    },
    then=_in_order,
)
_ATTAINMENT = record(
    {
        "kind": code_of(codes.ATTAINMENT_KIND),
        "ects": number,
        "granted_by": among("home", "foreign_hei", "finnish_hei"),
        "completed": iso_day,
        "recognised_on": iso_day,
        "source_code": text,
        "traineeship": flag,
        "abroad": flag,
        "ects_based": flag,
        "could_be_part_of_finnish_degree": flag,
    }
)
# Codes of the kind `validation` are what is checked there, so any plain value is read.
_PERIOD_TO_CHECK = record(
    {
        "key": text,
        "institution": code_to_check,
        "study_right_key": text,
        "direction": code_to_check,
        "start": iso_day,
        "end": iso_day,
        "country": code_to_check,
        "country_name": text,
        "type": code_to_check,
        "programme": code_to_check,
        "level": code_to_check,
        "classifications": list_of(code_to_check),
        "purpose": text,
        "part_of_degree": flag,
        "planned_blended": flag,
        "agreed_as_one_whole": flag,
        "end_is_estimate": flag,
        "adult_education": flag,
        "change_reason": text,
        "segments": list_of(needed(_SEGMENT)),
    }
)
_STATE_TO_CHECK = record({"code": code_to_check, "start": iso_day, "end": iso_day})
_SPELL_TO_CHECK = record(
    {
        "start": iso_day,
        "end": iso_day,
        "classifications": list_of(code_to_check),
        "funding_source": code_to_check,
    }
)
_RIGHT_TO_CHECK = record(
    {
        "key": text,
        "institution": code_to_check,
        "type": code_to_check,
        "start": iso_day,
        "end": iso_day,
        "states": list_of(needed(_STATE_TO_CHECK)),
        "primary": list_of(needed(_PRIMARY)),
        "spells": list_of(needed(_SPELL_TO_CHECK)),
    }
)

_CASE = record(
    {
        "id": anything,
        "kind": needed(among(*KINDS)),
        "description": text,
        "facts": needed(anything),
        "ask": record({"oph_year": year, "tk_year": year}),
    }
)
_FACTS: dict[str, Check] = {
    "mobility": record(
        {
            "institution": needed(institution),
            "as_of": iso_day,
            "study_rights": list_of(needed(_RIGHT)),
            "degrees": list_of(needed(_DEGREE)),
            "mobilities": needed(list_of(needed(_MOBILITY))),
            "home_level": text,
            "inner_trip": _TRIP,
        }
    ),
    "credits": record(
        {
            "institution": institution,
            "student": needed(among("degree", "incoming_exchange", "incoming_trainee")),
            "ask_year": year,
            "mobility": record(
                {
                    "start": iso_day,
                    "end": iso_day,
                    "purpose": among("study", "traineeship", "combined"),
                    "fully_virtual": flag,
                }
            ),
            "study_right_start": iso_day,
            "attainments": needed(list_of(needed(_ATTAINMENT))),
        }
    ),
    "staff": record({"direction": _DIRECTION, "hours": number, "start": iso_day, "content": text}),
    "validation": record(
        {
            "period": _PERIOD_TO_CHECK,
            "periods": list_of(needed(_PERIOD_TO_CHECK)),
            "study_right": _RIGHT_TO_CHECK,
            "study_rights": list_of(needed(_RIGHT_TO_CHECK)),
            "credits": number,
            "institution": code_to_check,
            "as_of": iso_day,
        }
    ),
    "publishing": record({"counts": needed(list_of(needed(whole)))}),
}

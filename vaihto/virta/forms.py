"""What a single value of a VIRTA file may look like: dates, codes, sizes, switches, texts.

Each form can say what is wrong with a value (`fault`), given the code lists at hand. A list is at hand
either because the official schemas are there (then all of them are, and exactly), or because
`vaihto.codes` keeps it; a value of any other list is checked by its shape only.
Source: tyypit.xsd 1.06.3 and koodistot.xsd 1.06.100 of the national transfer schemas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache

from vaihto import codes
from vaihto.codes import CodeList

Lists = Mapping[str, frozenset[str]]
"""Codes by the name of their type in the schema, for example `MaatunnusKoodiTyyppi`."""

SHOWN_WHOLE = 10
"""A list of at most so many codes is shown whole in a message."""

_DAY = re.compile(r"(-?)(\d{4,})-(\d\d)-(\d\d)(Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)?", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_BLANKS = " \t\r\n"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a value: a code for `problems.SENTENCES`, and the facts of its sentence."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """Any text of at most `longest` characters; blanks count as they stand."""

    longest: int

    def fault(self, value: str, lists: Lists) -> Fault | None:
        if len(value) > self.longest:
            return Fault("value-long", {"longest": str(self.longest), "length": str(len(value))})
        return None


@dataclass(frozen=True)
class Identity:
    """A personal identity code, or the birth date and separator of one."""

    shape = re.compile(
        r"(0[1-9]|[12][0-9]|3[01])(0[1-9]|1[0-2])[0-9]{2}[+\-ABCDEFXYWVU]"
        r"((00[2-9]|[0-8][1-9][0-9]|[1-8][0-9][0-9])[0-9ABCDEFHJKLMNPRSTUVWXY])?"
    )

    def fault(self, value: str, lists: Lists) -> Fault | None:
        return None if self.shape.fullmatch(value) else Fault("value-identity")


@dataclass(frozen=True)
class Day:
    """A date, not before 1900-01-01; a time zone may follow.

    The standard allows blanks around a date and libxml2, by which files are judged, does not.
    """

    def fault(self, value: str, lists: Lists) -> Fault | None:
        parts = _DAY.fullmatch(value)
        if parts is None or (len(parts[2]) > 4 and parts[2].startswith("0")):
            return Fault("value-day", _day_hint(value.strip()))
        year = int(parts[2])
        try:
            # Years above 9999 are dates for the schema; 2000 has the longest February there is.
            date(2000 + year % 400, int(parts[3]), int(parts[4]))
        except ValueError:
            return Fault("value-day-impossible")
        # The first moment of 1900 in a zone east of Greenwich, or there, is before that without a zone.
        first = (year, parts[3], parts[4]) == (1900, "01", "01")
        if parts[1] or year < 1900 or (first and parts[5] and not parts[5].startswith("-")):
            return Fault("value-day-early")
        return None


def _day_hint(text: str) -> dict[str, str]:
    """The same day as it should be written, when it is written the Finnish way or with a time."""
    finnish = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text, re.ASCII)
    if finnish:
        text = f"{finnish[3]}-{int(finnish[2]):02}-{int(finnish[1]):02}"
    timed = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ].*", text, re.ASCII)
    if timed:
        text = timed[1]
    plain = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text, re.ASCII)
    if plain:
        text = f"{plain[1]}-{plain[2]}-{plain[3]}"
    try:
        date.fromisoformat(text)
    except ValueError:
        return {}
    return {"suggestion": text}


@dataclass(frozen=True)
class Size:
    """A decimal number of at most six decimals, with the ends `least` and `most` included."""

    least: str | None = None
    most: str | None = None

    def fault(self, value: str, lists: Lists) -> Fault | None:
        text = value.strip(_BLANKS)
        if not _DECIMAL.fullmatch(text):
            swapped = text.replace(",", ".")
            hint = {"suggestion": swapped} if _DECIMAL.fullmatch(swapped) else {}
            return Fault("value-number", hint)
        whole, _, fraction = text.lstrip("+-").partition(".")
        whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
        if len(fraction) > 6 or len(whole) + len(fraction) > 24:
            return Fault("value-number-digits")
        number = Decimal(text)
        if (self.least is not None and number < Decimal(self.least)) or (
            self.most is not None and number > Decimal(self.most)
        ):
            return Fault("value-number-range", {"least": str(self.least), "most": str(self.most)})
        return None


@dataclass(frozen=True)
class Whole:
    """A whole number from -32768 to 32767."""

    def fault(self, value: str, lists: Lists) -> Fault | None:
        text = value.strip(_BLANKS)
        if not _WHOLE.fullmatch(text) or not -32768 <= int(text[:12]) <= 32767:
            return Fault("value-whole")
        return None


@dataclass(frozen=True)
class Switch:
    """Yes or no."""

    def fault(self, value: str, lists: Lists) -> Fault | None:
        if value.strip(_BLANKS) in {"0", "1", "true", "false"}:
            return None
        return Fault("value-switch")


@dataclass(frozen=True)
class Listed:
    """A code of the list `type_name`. `known` is our own copy; `shape` holds where there is none."""

    type_name: str
    shape: str
    known: CodeList | None = None
    few: frozenset[str] = frozenset()
    example: str = ""

    def allowed(self, lists: Lists) -> frozenset[str] | None:
        """All codes of the list, or None when the list is not at hand."""
        if self.type_name in lists:
            return lists[self.type_name]
        if self.known is not None:
            return _accepted(self.known)
        return self.few or None

    def fault(self, value: str, lists: Lists) -> Fault | None:
        allowed = self.allowed(lists)
        if allowed is None:
            if re.fullmatch(self.shape, value, re.ASCII):
                return None
            return Fault("value-code-shape")
        if value in allowed:
            return None
        if self.known is not None and value in self.known:
            return Fault("value-code-unaccepted")
        return Fault("value-code", self._hint(value, allowed))

    def _hint(self, value: str, allowed: frozenset[str]) -> dict[str, str]:
        """The code that was probably meant and why it is written otherwise, else the whole short list."""
        text = value.strip()
        meant = codes.country_by_alpha2().get(text.upper(), "")
        if self.type_name == "MaatunnusKoodiTyyppi" and meant in allowed:
            return {"country": meant}
        if text in allowed:
            return {"without_blanks": text}
        for changed in (text.upper(), text.lower()):
            if changed in allowed:
                return {"other_case": changed}
        for changed in (text.zfill(3), text.zfill(5), text.lstrip("0")):
            if changed in allowed:
                return {"zeros": changed}
        if len(allowed) <= SHOWN_WHOLE:
            return {
                "allowed": ", ".join(sorted(allowed)),
                "list": self.known.file if self.known else "",
            }
        return {"example": self.example} if self.example else {}


@cache
def _accepted(known: CodeList) -> frozenset[str]:
    """The codes of our list that the schema takes; five countries of the national list it does not."""
    return frozenset(
        code.code for code in known if code.facts.get("accepted_by_schema", "yes") == "yes"
    )


Form = Text | Identity | Day | Size | Whole | Switch | Listed

KEY = Text(100)
MODULE = Text(200)
NAME = Text(200)
PUBLIC_REMARK = Text(4000)
GRADE = Text(20)
MONEY = Text(5)
IDENTITY = Identity()
DAY = Day()
CREDITS = Size()
SHARE = Size("0", "1")
TERMS = Whole()
SWITCH = Switch()


def _few(type_name: str, *values: str) -> Listed:
    return Listed(type_name, "|".join(map(re.escape, values)), few=frozenset(values))


COUNTRY = Listed("MaatunnusKoodiTyyppi", r"\d{3}", codes.COUNTRY)
GENDER = _few("SukupuoliKoodiTyyppi", "1", "2", "9")
LANGUAGE = Listed("KieliKoodiTyyppi", r"[a-z]{2}|\d\d", example="fi")
MUNICIPALITY = Listed("KuntaKoodiTyyppi", r"\d{3}")
ORGANISATION = Listed("OrganisaatioKoodiTyyppi", r"\d{5}|\d\d|[A-Za-z]{2,3}", example="01901")
ORGANISATION_ROLE = Listed("OrganisaatioRooliKoodiTyyppi", r"\d", codes.ORGANISATION_ROLE)
EDUCATION = Listed("KoulutuskoodiKoodiTyyppi", r"\d{6}")
FIELD = Listed("KoulutusalaKoodiTyyppi", r"\d{1,2}")
FIELD_EDITION = _few("KoulutusalaVersioKoodiTyyppi", "opmala", "opm95opa", "ohjausala")
SPECIALISATION = Listed("ErikoistumiskoulutusKoodiTyyppi", r"\d{3}")
QUALIFICATION = Listed("PatevyysKoodiTyyppi", r"[0-9a-z]{1,3}")
FUNDING_CASE = Listed("JotpaasianumeroKoodiTyyppi", r"[0-9A-Za-z/-]{6,30}", example="1/1061/2023")
RIGHT_STATE = Listed("OpiskeluoikeusTilaKoodiTyyppi", r"\d", codes.STUDY_RIGHT_STATE)
RIGHT_TYPE = Listed("OpiskeluoikeusTyyppiKoodiTyyppi", r"\d{1,2}", codes.STUDY_RIGHT_TYPE)
RIGHT_CLASSIFICATION = Listed(
    "OpiskeluoikeusLuokitteluKoodiTyyppi", r"\d", codes.STUDY_RIGHT_CLASSIFICATION
)
FUNDING_SOURCE = Listed("RahoituslahdeKoodiTyyppi", r"\d", codes.FUNDING_SOURCE)
TERM_STATE = Listed("LukukausiIlmoittautuminenTilaKoodiTyyppi", r"\d", codes.TERM_ENROLMENT_STATE)
FEE_STATE = _few("LukuvuosiMaksuTilaKoodiTyyppi", "0", "1")
ATTAINMENT_KIND = Listed("OpintosuoritusLajiKoodiTyyppi", r"\d", codes.ATTAINMENT_KIND)
ATTAINMENT_CLASSIFICATION = Listed(
    "OpintosuoritusLuokitteluKoodiTyyppi", r"\d{1,2}", codes.ATTAINMENT_CLASSIFICATION
)
TEACHING_PRACTICE = _few("OpetusharjoitteluTyyppiKoodiTyyppi", *"1234567")
GRADE_FIVE = _few("ArvosanaViisiportainenKoodiTyyppi", "HYV", *"12345")
GRADE_LANGUAGE = _few("ArvosanaToinenKotimainenKoodiTyyppi", "TT", "HT")
GRADE_PASSED = _few("ArvosanaHyvaksyttyKoodiTyyppi", "HYV")
GRADE_ARTWORK = _few("ArvosanaNaytetyoKoodiTyyppi", "HYV", "KH")
GRADE_THESIS = _few("ArvosanaTutkielmaKoodiTyyppi", *"IABNCMEL")
GRADE_NONE = _few("ArvosanaEiKaytossaKoodiTyyppi", "Arvosana ei kaytossa")
DIRECTION = Listed("LiikkuvuusSuuntaKoodiTyyppi", r"\d", codes.MOBILITY_DIRECTION)
MOBILITY_TYPE = Listed("LiikkuvuusTyyppiKoodiTyyppi", r"\d", codes.MOBILITY_TYPE)
PROGRAMME = Listed("LiikkuvuusohjelmaKoodiTyyppi", r"\d{3}", codes.MOBILITY_PROGRAMME)
MOBILITY_CLASSIFICATION = Listed(
    "LiikkuvuusLuokitteluKoodiTyyppi", r"[a-z]", codes.MOBILITY_CLASSIFICATION
)

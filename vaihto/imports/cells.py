"""What a cell may hold: text to typed value, or a refusal that names what is wrong.

The text is what a person typed or a spreadsheet kept: days as ISO or as in Finland, yes and no in three
languages, decimals with comma or point. Nothing here knows what the value will mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any  # a cell becomes a value of the type its column says

from vaihto.codes import COUNTRY, country_by_alpha2
from vaihto.refusals import Invalid
from vaihto.wording import mark as _

Parse = Callable[[str], Any]

_FINNISH_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00)?)?", re.ASCII)
_MOMENT = re.compile(
    r"(?P<day>\S+)[T ](?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?::\d{2})?(?P<zone>Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_NUMBER = re.compile(
    r"[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?|[+-]?\d+(?:[.,]\d+)?", re.ASCII
)
_YES = frozenset({"1", "true", "yes", "y", "kyllä", "k", "tosi", "ja", "sant", "x"})
_NO = frozenset({"0", "false", "no", "n", "ei", "epätosi", "nej", "falskt"})
# What spreadsheets would take for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_MEMORY = 20_000


def guarded(text: str) -> str:
    """A cell of ours that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def unguarded(text: str) -> str:
    """The cell as it was before it was guarded."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA_STARTS) else text


def _wrong(code: str, sentence: str, remedy: str, text: str, **facts: object) -> Invalid:
    return Invalid(code, sentence=sentence, remedy=remedy, value=text, **facts)


def parse_text(text: str) -> str:
    """Text without blanks around it. Raises for characters that are not text."""
    if text.isprintable():
        return text
    if "\n" in text or "\t" in text or "\r" in text:
        text = " ".join(text.split())
    text = text.replace("\u00a0", " ").replace("\u200b", "").replace("\ufeff", "").strip()
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise _wrong(
            "cell.control-character",
            _("This holds a character that is not text."),
            _("Type the value anew."),
            "".join(letter if letter.isprintable() else "�" for letter in text)[:60],
        )
    return text


def parse_day(text: str) -> date:
    """A day: 2025-09-01 or 1.9.2025."""
    if found := _ISO_DAY.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _FINNISH_DAY.fullmatch(text):
        day, month, year = map(int, found.groups())
    else:
        raise _wrong(
            "cell.not-a-day",
            _("“%(value)s” is not a day."),
            _("Write days as 2025-09-01 or 1.9.2025."),
            text[:60],
        )
    try:
        return date(year, month, day)
    except ValueError as error:
        raise _wrong(
            "cell.no-such-day",
            _("There is no day %(value)s."),
            _("Check the day and the month."),
            text[:60],
        ) from error


def moment_parser(zone: tzinfo) -> Parse:
    """Moments; without an offset they are local to `zone`."""

    def parse_moment(text: str) -> datetime:
        found = _MOMENT.fullmatch(text)
        if found is None:
            raise _wrong(
                "cell.not-a-moment",
                _("“%(value)s” is not a moment."),
                _("Write moments as 2025-09-01 14:30."),
                text[:60],
            )
        day = parse_day(found["day"])
        try:
            moment = datetime(  # noqa: DTZ001 - the zone is put on below
                day.year, day.month, day.day, int(found["hour"]), int(found["minute"])
            )
        except ValueError as error:
            raise _wrong(
                "cell.no-such-time",
                _("There is no time %(value)s."),
                _("Hours run from 0 to 23, minutes from 0 to 59."),
                text[:60],
            ) from error
        if not found["zone"]:
            return moment.replace(tzinfo=zone)
        offset = datetime.fromisoformat(f"2000-01-01T00:00{found['zone']}").tzinfo
        return moment.replace(tzinfo=offset).astimezone(UTC)

    return parse_moment


def parse_yes_no(text: str) -> bool:
    """Yes or no, in English, Finnish or Swedish."""
    lowered = text.casefold()
    if lowered in _YES:
        return True
    if lowered in _NO:
        return False
    raise _wrong(
        "cell.not-yes-or-no",
        _("“%(value)s” is neither yes nor no."),
        _("Write yes or no (kyllä, ei; ja, nej)."),
        text[:60],
    )


def parse_decimal(text: str) -> Decimal:
    """A number with comma or point; blanks may part the thousands."""
    if _NUMBER.fullmatch(text):
        try:
            return Decimal(re.sub(r"[ \u00a0\u202f]", "", text).replace(",", "."))
        except InvalidOperation:
            pass
    raise _wrong(
        "cell.not-a-number",
        _("“%(value)s” is not a number."),
        _("Write numbers as 7.5 or 7,5, without a unit."),
        text[:60],
    )


def parse_whole(text: str) -> int:
    """A whole number."""
    number = parse_decimal(text)
    if number != number.to_integral_value() or abs(number) > 10**12:
        raise _wrong(
            "cell.not-whole",
            _("“%(value)s” is not a whole number."),
            _("Write it without decimals."),
            text[:60],
        )
    return int(number)


def parse_country(text: str) -> str:
    """A country as numeric code (leading zeros may have been lost) or as two letters."""
    if text.isdigit() and text.isascii():
        return text.zfill(3)
    found = country_by_alpha2().get(text.upper()) if len(text) == 2 else None
    if found is None or found not in COUNTRY:
        raise _wrong(
            "cell.not-a-country",
            _("“%(value)s” is not a country code."),
            _("Give the numeric code (724) or two letters (ES)."),
            text[:60],
        )
    return found


def parse_national_code(text: str) -> str:
    """The five-digit code of an institution, whose leading zeros may have been lost."""
    return text.zfill(5) if text.isdigit() and text.isascii() else text


def parse_list(text: str) -> tuple[str, ...]:
    """Several values in one cell, parted by blanks, commas or semicolons."""
    return tuple(part for part in re.split(r"[\s,;|]+", text) if part)


def parse_countries(text: str) -> tuple[str, ...]:
    """Several countries in one cell."""
    return tuple(parse_country(part) for part in parse_list(text))


def choice_parser(words: Mapping[str, str]) -> Parse:
    """One of a few values, also by its names; `words` maps what may be typed, in small letters, to the value.

    A word that is not known goes on as it is: the room that knows the codes refuses it.
    """

    def parse_choice(text: str) -> str:
        return words.get(text.casefold(), text)

    return parse_choice


class Remembering(dict[str, Any]):
    """Values of texts seen before: days, codes and numbers repeat a thousandfold in a file.

    Looking up a text parses it when it is new; what is refused is refused again each time.
    """

    def __init__(self, parse: Parse) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> Any:
        value = self._parse(text)
        if len(self) < _MEMORY:
            self[text] = value
        return value

"""Erasmus institution codes: country part of exactly three characters, letters of the city, a number.

The country part is filled up with blanks on the right, and those inner blanks are what browsers and spreadsheets
lose: `E  MAREA98` becomes `E MAREA98`. The country letters are those of the issuing agency, not ISO codes.
"""

from __future__ import annotations

import re

_SHAPE = re.compile(r"(?:[A-Z]  |[A-Z]{2} |IRL|LUX)[A-Z](?:[A-Z-]*[A-Z])?[0-9]{2,3}")


def normal_erasmus_code(text: str) -> str:
    """The code in its normal form: upper case, country part of three characters. Nothing stays nothing."""
    plain = " ".join(text.upper().split())
    if plain.startswith(("IRL", "LUX")):
        return plain[:3] + plain[3:].strip()
    country, blank, rest = plain.partition(" ")
    return f"{country:<3}{rest}" if blank and len(country) < 3 else plain


def is_erasmus_code(text: str) -> bool:
    """Has it the form of a code, blanks included?"""
    return _SHAPE.fullmatch(text) is not None

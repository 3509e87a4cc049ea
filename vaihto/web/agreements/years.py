"""Academic years moved on, for the agreement of the next period."""

from __future__ import annotations

import re
from dataclasses import replace

from vaihto.agreements.terms import Terms


def shifted(terms: Terms, by: int) -> Terms:
    """The same terms with their academic years moved on; years that cannot be read stay."""
    return replace(
        terms,
        terminated=None,
        conditions=tuple(
            replace(
                one,
                first_year=shifted_year(one.first_year, by),
                last_year=shifted_year(one.last_year, by),
            )
            for one in terms.conditions
        ),
    )


def shifted_year(year: str, by: int) -> str:
    """`2026/2027` moved on by some years; a year of another shape stays as it is."""
    found = re.fullmatch(r"([0-9]{4})/([0-9]{4})", year)
    if found is None:
        return year
    return "/".join(f"{int(part) + by:04d}" for part in found.groups())

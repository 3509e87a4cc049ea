"""The report of a trial as a PDF (PDF/UA), for service desks and partners."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import typst

_TEMPLATE = Path(__file__).with_suffix(".typ")


def pdf(
    *,
    title: str,
    facts: Sequence[tuple[str, str]],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    day: date,
    author: str,
) -> bytes:
    """Facts, then the table of steps, in English."""
    said = json.dumps(
        {
            "title": title,
            "facts": [list(fact) for fact in facts],
            "header": list(header),
            "rows": [[_breakable(cell) for cell in row] for row in rows],
            "day": day.isoformat(),
            "author": author,
        },
        ensure_ascii=False,
    )
    made = typst.compile(
        _TEMPLATE, format="pdf", sys_inputs={"report": said}, pdf_standards=["ua-1"]
    )
    if not isinstance(made, bytes):
        raise TypeError("one document was expected")
    return made


def _breakable(cell: str) -> str:
    """Hashes and ids may be broken in a narrow column."""
    words = (
        "\N{ZERO WIDTH SPACE}".join(word[at : at + 8] for at in range(0, len(word), 8))
        if len(word) > 20
        else word
        for word in cell.split(" ")
    )
    return " ".join(words)

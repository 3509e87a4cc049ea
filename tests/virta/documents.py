"""Documents to test with: random ones from the declarations, and one that holds everything."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import find
from hypothesis import strategies as st
from lxml import etree

from vaihto.virta import forms
from vaihto.virta.forms import Form, Lists
from vaihto.virta.records import (
    KIND_BY_ELEMENT,
    KINDS,
    NAMESPACE,
    Liikkuvuusjakso,
    Opiskelija,
    Record,
    Shape,
)
from vaihto.virta.validation import Official, official
from vaihto.virta.writing import write_records, write_virta

PROJECT = Path(__file__).resolve().parent.parent.parent
SCHEMAS = PROJECT.parent / "shared" / "schemas"
OFFICIAL: Official | None = official(SCHEMAS) if SCHEMAS.is_dir() else None
WITHOUT_SCHEMAS = "the official schemas are not in ../shared/schemas"

# --- random records -------------------------------------------------------------------------------

_TEXT = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=["Cs", "Cc", "Cn", "Co"],
        include_characters="\t\n\r &<>\"'",
    ),
    max_size=40,
)
_DAYS = st.dates(min_value=date(1900, 1, 2), max_value=date(2099, 12, 31))
_BLANKS = st.sampled_from(["", "", "", " ", "\n ", "\t"])
_NUMBERS = st.decimals(0, 99999, places=2, allow_nan=False, allow_infinity=False)


def _dressed(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A value with blanks around it, which the schema collapses for dates, numbers and switches."""
    return st.tuples(_BLANKS, values, _BLANKS).map("".join)


def _of_shape(shape: str) -> st.SearchStrategy[str]:
    """Codes of a list that is not at hand."""
    return st.from_regex(re.compile(shape, re.ASCII), fullmatch=True)


def values(form: Form, lists: Lists) -> st.SearchStrategy[str]:
    """Texts that the schema accepts for a form, in all their spellings."""
    match form:
        case forms.Text(longest):
            return _TEXT.map(lambda text: text[:longest])
        case forms.Identity():
            return st.sampled_from(["010203A", "131052-308T", "010101-", "311299V", "150600+002A"])
        case forms.Day():
            zone = st.sampled_from(["", "", "", "Z", "+03:00"])
            day = st.tuples(_DAYS.map(str), zone).map("".join)
            return st.one_of(day, st.just("12024-02-29"))
        case forms.Size(least, _):
            number = (
                st.sampled_from(["0", "1", "0.50", ".25", "1.000000"])
                if least
                else _NUMBERS.map(str)
            )
            return _dressed(st.one_of(number, st.just("+0.5")))
        case forms.Whole():
            return _dressed(st.integers(-32768, 32767).map(str))
        case forms.Switch():
            return _dressed(st.sampled_from(["0", "1", "true", "false"]))
        case forms.Listed():
            allowed = form.allowed(lists)
            return st.sampled_from(sorted(allowed)) if allowed else _of_shape(form.shape)


def records(shape: Shape, lists: Lists) -> st.SearchStrategy[Any]:
    """Random valid values of a declared class."""
    chosen: dict[str, st.SearchStrategy[Any]] = {}
    for part in (*shape.attributes, *shape.children):
        inner = (
            records(part.content, lists)
            if isinstance(part.content, Shape)
            else values(part.content, lists)
        )
        if part.times.many:
            inner = st.lists(inner, min_size=1 if part.times.required else 0, max_size=2).map(tuple)
        elif not part.times.required:
            inner = st.none() | inner
        chosen[part.name] = inner
    if shape.text is not None:
        chosen["text"] = values(shape.text, lists)
    if not shape.choice:
        return st.builds(shape.record, **chosen)
    return st.one_of(
        [st.builds(shape.record, **{part.name: _present(part, lists)}) for part in shape.children]
    )


def _present(part: Any, lists: Lists) -> st.SearchStrategy[Any]:
    return (
        records(part.content, lists)
        if isinstance(part.content, Shape)
        else values(part.content, lists)
    )


def students(lists: Lists) -> st.SearchStrategy[list[Record]]:
    """One student with records of every kind, in the order of a nested document."""
    lists_of_kinds = [st.lists(records(kind.shape, lists), max_size=2) for kind in KINDS[1:]]
    student = records(KIND_BY_ELEMENT["Opiskelija"].shape, lists)
    return st.tuples(student, *lists_of_kinds).map(
        lambda drawn: [drawn[0], *(record for held in drawn[1:] for record in held)]
    )


# --- everything once ------------------------------------------------------------------------------


def _sample(form: Form, lists: Lists) -> str:
    match form:
        case forms.Text(longest):
            return "Ä & <b> “x”"[:longest] if longest > 20 else "12345"[:longest]
        case forms.Identity():
            return "131052-308T"
        case forms.Day():
            return "2024-02-29"
        case forms.Size(least, _):
            return "0.5" if least else "5.25"
        case forms.Whole():
            return "3"
        case forms.Switch():
            return "true"
        case forms.Listed():
            allowed = form.allowed(lists)
            return max(allowed) if allowed else find(_of_shape(form.shape), lambda _text: True)


def everything(shape: Shape, lists: Lists, *, scale: str = "Muu") -> Any:
    """A record in which every attribute and every element stands, repeated ones twice."""
    filled: dict[str, Any] = {}
    for part in (*shape.attributes, *shape.children):
        if shape.choice and part.name != scale:
            continue
        held = (
            everything(part.content, lists, scale=scale)
            if isinstance(part.content, Shape)
            else _sample(part.content, lists)
        )
        filled[part.name] = (held, held) if part.times.many else held
    if shape.text is not None:
        filled["text"] = _sample(shape.text, lists)
    return shape.record(**filled)


# --- documents ------------------------------------------------------------------------------------


def nested(held: Iterable[Record]) -> bytes:
    file = io.BytesIO()
    write_virta(file, held)
    return file.getvalue()


def separate(held: Iterable[Record], record: type[Record]) -> bytes:
    file = io.BytesIO()
    write_records(file, held, record=record)
    return file.getvalue()


def period(**changed: Any) -> Liikkuvuusjakso:
    given = {
        "avain": "M-1",
        "opiskelijaAvain": "S-1",
        "opiskeluoikeusAvain": "R-1",
        "Myontaja": "02472",
        "AlkuPvm": "2023-08-28",
        "LoppuPvm": "2023-12-20",
        "Suunta": "1",
        "Maa": "724",
        "Tyyppi": "1",
        "Liikkuvuusohjelma": "101",
    }
    return Liikkuvuusjakso(**{**given, **changed})


def student(key: str = "S-1", **changed: Any) -> Opiskelija:
    return Opiskelija(avain=key, **changed)


def canonical(document: bytes) -> list[str]:
    """The records of a document in canonical XML: no blanks between elements, no remarks, no prefixes."""
    root = etree.fromstring(document, etree.XMLParser(remove_comments=True, remove_pis=True))
    for element in root.iter():
        if len(element):
            element.text = None
        element.tail = None
    names = {f"{{{NAMESPACE}}}{name}" for name in KIND_BY_ELEMENT}
    return [
        etree.canonicalize(etree.tostring(element, encoding="unicode"), rewrite_prefixes=True)
        for element in root.iter()
        if element.tag in names
    ]

"""One record as a piece of text, and back: how a record is kept aside between reading and writing."""

from __future__ import annotations

import io
from typing import TypeVar, cast

from lxml import etree

from vaihto.virta.document import PARSER, read_record
from vaihto.virta.records import KIND_OF, NAMESPACE, Record
from vaihto.virta.writing import write_records

R = TypeVar("R", bound=Record)


def fragment_of(record: Record) -> str:
    """The record's element in canonical XML, so that equal records give equal text."""
    file = io.BytesIO()
    write_records(file, [record], record=type(record))
    element = etree.fromstring(file.getvalue(), etree.XMLParser(**PARSER))[0]  # type: ignore[arg-type]
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False).decode()


def record_of(fragment: str, record: type[R]) -> R:
    """The record that a fragment holds. Raises `ValueError` when it is one of another kind."""
    element = etree.fromstring(fragment.encode(), etree.XMLParser(**PARSER))  # type: ignore[arg-type]
    kind = KIND_OF[cast("type[Record]", record)]
    if element.tag != f"{{{NAMESPACE}}}{kind.element}":
        raise ValueError(f"{element.tag} is not a {kind.element}")
    return cast("R", read_record(element))

"""Writing VIRTA files of any size: the nested document and the five separate ones.

Records are written as they come, in the caller's order, one to a line; the same records give the same
bytes, and nothing is kept in memory. The namespace stands on the root only, a list that would be
empty is left out, and an end date of `2112-12-21` is never written. Whether what is written is right
is said by `validation`, not here.

The text is put together here and not by lxml's incremental writer, which alone takes longer than
reading and translating a record does. What that asks for is little and tested against lxml: the
escapes of `_text` and `_value`, and a look for characters that XML cannot carry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, BinaryIO

from vaihto.refusals import Invalid
from vaihto.virta.records import (
    KIND_OF,
    KINDS,
    NAMESPACE,
    NESTED,
    NO_END,
    Liikkuvuusjakso,
    LukukausiIlmoittautuminen,
    Marked,
    Opintosuoritus,
    Opiskelija,
    Opiskeluoikeus,
    Record,
    Rest,
    Shape,
    key_of,
)
from vaihto.wording import mark as _

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
WRITTEN_TOGETHER = 500
"""So many records go to the file at a time."""


def write_students(file: BinaryIO, records: Iterable[Opiskelija]) -> int:
    """Write an `Opiskelijat` file and say how many records it holds."""
    return write_records(file, records, record=Opiskelija)


def write_rights(file: BinaryIO, records: Iterable[Opiskeluoikeus]) -> int:
    """Write an `Opiskeluoikeudet` file and say how many records it holds."""
    return write_records(file, records, record=Opiskeluoikeus)


def write_enrolments(file: BinaryIO, records: Iterable[LukukausiIlmoittautuminen]) -> int:
    """Write a `LukukausiIlmoittautumiset` file and say how many records it holds."""
    return write_records(file, records, record=LukukausiIlmoittautuminen)


def write_attainments(file: BinaryIO, records: Iterable[Opintosuoritus]) -> int:
    """Write an `Opintosuoritukset` file and say how many records it holds."""
    return write_records(file, records, record=Opintosuoritus)


def write_periods(file: BinaryIO, records: Iterable[Liikkuvuusjakso]) -> int:
    """Write a `Liikkuvuusjaksot` file and say how many records it holds."""
    return write_records(file, records, record=Liikkuvuusjakso)


def write_records(file: BinaryIO, records: Iterable[Record], *, record: type[Record]) -> int:
    """Write the separate file of one kind of record; the kind is that of the class `record`.

    Raises `Invalid` when there is no record (the schema knows no empty file), or when a text holds a
    character that XML cannot carry; what was written so far is then of no use.
    """
    found = _not_empty(records)
    out = _Out(file, KIND_OF[record].container)
    count = 0
    for each in found:
        if type(each) is not record:
            raise TypeError(f"{type(each).__name__} in a file of {record.__name__}")
        out.add(_record_text(each) + "\n")
        count += 1
    out.close()
    return count


def write_virta(file: BinaryIO, records: Iterable[Record]) -> int:
    """Write the nested document and say how many records it holds.

    `records` come as `read_document` gives them: each student, then the rights, term enrolments,
    attainments and periods of that student, in this order. Raises `Invalid` as `write_records` does,
    and `TypeError` when the order is another.
    """
    found = _not_empty(records)
    out = _Out(file, NESTED)
    count = 0
    student: Record | None = next(found)
    while student is not None:
        if not isinstance(student, Opiskelija):
            raise TypeError(f"{type(student).__name__} {key_of(student)} stands too late")
        written, student = _write_student(out, student, found)
        count += written
    out.close()
    return count


def _write_student(
    out: _Out, student: Opiskelija, records: Iterator[Record]
) -> tuple[int, Record | None]:
    """Write a student and the student's records; how many that were, and what comes next."""
    count = 1
    out.add(_record_text(student).removesuffix(_STUDENT_END))
    following = next(records, None)
    for kind in KINDS[1:]:
        if type(following) is not kind.record:
            continue
        out.add(f"\n<{kind.container}>")
        while following is not None and type(following) is kind.record:
            out.add("\n" + _record_text(following))
            count += 1
            following = next(records, None)
        out.add(f"\n</{kind.container}>")
    out.add(("\n" if count > 1 else "") + _STUDENT_END + "\n")
    return count, following


_STUDENT_END = "</Opiskelija>"


def _not_empty(records: Iterable[Record]) -> Iterator[Record]:
    """The records, or a refusal before anything is written when there is none."""
    found = iter(records)
    first = next(found, None)
    if first is None:
        raise Invalid(
            "virta.no-records",
            sentence=_("There is no record to write, and VIRTA knows no empty file."),
            remedy=_("Choose an institution and years that have records."),
        )
    return chain((first,), found)


class _Out:
    """The file, written some hundred texts at a time."""

    def __init__(self, file: BinaryIO, root: str) -> None:
        self.file = file
        self.root = root
        self.waiting = [f'{DECLARATION}<{root} xmlns="{NAMESPACE}">\n']

    def add(self, text: str) -> None:
        self.waiting.append(text)
        if len(self.waiting) >= WRITTEN_TOGETHER:
            self._flush()

    def close(self) -> None:
        self.waiting.append(f"</{self.root}>\n")
        self._flush()

    def _flush(self) -> None:
        self.file.write("".join(self.waiting).encode())
        self.waiting.clear()


# --- one record -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slot:
    """A child as it is written."""

    name: str
    start: str
    end: str
    many: bool
    plan: _Plan | None
    is_end: bool


@dataclass(frozen=True)
class _Plan:
    """A shape, laid out for writing; the getters take all its values at once."""

    attributes: tuple[str, ...]
    slots: tuple[_Slot, ...]
    attribute_values: Callable[[Any], tuple[Any, ...]]
    child_values: Callable[[Any], tuple[Any, ...]]
    text: bool


@cache
def _plan(declared: Shape) -> _Plan:
    return _Plan(
        tuple(f' {part.name}="' for part in declared.attributes),
        tuple(
            _Slot(
                part.name,
                f"<{part.name}>",
                f"</{part.name}>",
                part.times.many,
                _plan(part.content) if isinstance(part.content, Shape) else None,
                part.name == "LoppuPvm",
            )
            for part in declared.children
        ),
        _getter(tuple(part.name for part in declared.attributes)),
        _getter(tuple(part.name for part in declared.children)),
        declared.text is not None,
    )


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda record: ()
    if len(names) == 1:
        only = attrgetter(names[0])
        return lambda record: (only(record),)
    return attrgetter(*names)


_PLANS: dict[type[Record], tuple[str, _Plan]] = {
    kind.record: (kind.element, _plan(kind.shape)) for kind in KINDS
}

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _record_text(record: Record) -> str:
    """A record in XML, on one line but for the line ends of its own texts."""
    name, plan = _PLANS[type(record)]
    parts: list[str] = []
    _add_element(parts, name, plan, record)
    text = "".join(parts)
    # What can be printed can be written; only a text with a line end or worse is looked through.
    if not text.isprintable() and _UNWRITABLE.search(text):
        raise Invalid(
            "virta.text",
            sentence=_("A text of %(element)s %(key)s holds a character that XML cannot carry."),
            remedy=_("Remove the invisible character from the record's texts."),
            element=name,
            key=key_of(record).encode("ascii", "replace").decode(),
        )
    return text


def _add_element(parts: list[str], name: str, plan: _Plan, value: Any) -> None:
    parts.append(f"<{name}")
    for start, held in zip(plan.attributes, plan.attribute_values(value), strict=True):
        if held is not None:
            parts += (start, _value(held), '"')
    if value.rest:
        _add_with_rest(parts, plan, value)
    else:
        parts.append(">")
        if plan.text:
            parts.append(_text(value.text))
        _add_children(parts, plan, value)
    parts.append(f"</{name}>")


def _add_children(parts: list[str], plan: _Plan, value: Any) -> None:
    for slot, held in zip(plan.slots, plan.child_values(value), strict=True):
        if type(held) is str and not slot.is_end:
            parts += (slot.start, _text(held), slot.end)
        elif held is not None:
            for each in held if slot.many else (held,):
                _add_child(parts, slot, each)


def _add_child(parts: list[str], slot: _Slot, value: Any) -> None:
    if slot.plan is not None:
        _add_element(parts, slot.name, slot.plan, value)
    elif slot.is_end and value.startswith(NO_END):
        return
    elif isinstance(value, Marked):
        parts += (f"<{slot.name}", _rest_attributes(value.rest), ">", _text(value), slot.end)
    else:
        parts += (slot.start, _text(value), slot.end)


def _text(text: str) -> str:
    """Text between tags. A bare carriage return would be read as a line end."""
    if "&" in text or "<" in text or ">" in text or "\r" in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = text.replace("\r", "&#13;")
    return text


def _value(text: str) -> str:
    """Text of an attribute. Bare line ends and tabulators would be read as blanks."""
    if text.isalnum():
        return text
    text = _text(text)
    return text.replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


# --- what is not declared -------------------------------------------------------------------------


def _add_with_rest(parts: list[str], plan: _Plan, value: Any) -> None:
    """The end of the opening tag and the children, with everything undeclared at its place."""
    parts += (_rest_attributes(value.rest), ">")
    if plan.text:
        parts.append(_text(value.text))
    waiting = sorted((kept for kept in value.rest if kept.place >= 0), key=_place, reverse=True)
    place = 0
    for slot, held in zip(plan.slots, plan.child_values(value), strict=True):
        if held is None:
            continue
        for each in held if slot.many else (held,):
            while waiting and waiting[-1].place <= place:
                parts.append(waiting.pop().content)
                place += 1
            _add_child(parts, slot, each)
            place += 1
    parts.extend(kept.content for kept in reversed(waiting))


def _place(kept: Rest) -> int:
    return kept.place


def _rest_attributes(rest: tuple[Rest, ...]) -> str:
    """Undeclared attributes, each with a prefix of its own for its namespace."""
    texts: list[str] = []
    for number, kept in enumerate(kept for kept in rest if kept.place < 0):
        namespace, _brace, local = kept.name.rpartition("}")
        namespace = namespace.removeprefix("{")
        for prefix, meaning in kept.prefixes:
            texts.append(f' xmlns:{prefix}="{_value(meaning)}"')
        if namespace == XML_NAMESPACE:
            local = f"xml:{local}"
        elif namespace:
            texts.append(f' xmlns:kept{number}="{_value(namespace)}"')
            local = f"kept{number}:{local}"
        texts.append(f' {local}="{_value(kept.content)}"')
    return "".join(dict.fromkeys(texts))


XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"

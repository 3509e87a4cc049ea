"""Writing VIRTA files of any size: the nested document and the five separate ones.

Records are written as they come, in the caller's order, one to a line; the same records give the same
bytes, and nothing is kept in memory. The namespace stands on the root only, a list that would be
empty is left out, and an end date of `2112-12-21` is never written. Whether what is written is right
is said by `validation`, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, BinaryIO

from lxml import etree

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

_File = Any  # lxml gives the type of its incremental writer no public name


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
    kind = KIND_OF[record]
    count = 0
    found = _not_empty(records)
    with etree.xmlfile(file, encoding="UTF-8") as out:
        out.write_declaration()
        with out.element(_qualified(kind.container), nsmap={None: NAMESPACE}):
            out.write("\n")
            for each in found:
                if type(each) is not record:
                    raise TypeError(f"{type(each).__name__} in a file of {record.__name__}")
                _write_record(out, each)
                out.write("\n")
                count += 1
    file.write(b"\n")
    return count


def write_virta(file: BinaryIO, records: Iterable[Record]) -> int:
    """Write the nested document and say how many records it holds.

    `records` come as `read_document` gives them: each student, then the rights, term enrolments,
    attainments and periods of that student, in this order. Raises `Invalid` as `write_records` does,
    and `TypeError` when the order is another.
    """
    count = 0
    found = _not_empty(records)
    with etree.xmlfile(file, encoding="UTF-8") as out:
        out.write_declaration()
        with out.element(_qualified(NESTED), nsmap={None: NAMESPACE}):
            out.write("\n")
            student: Record | None = next(found)
            while student is not None:
                if not isinstance(student, Opiskelija):
                    raise TypeError(f"{type(student).__name__} {key_of(student)} stands too late")
                written, student = _write_student(out, student, found)
                count += written
    file.write(b"\n")
    return count


def _write_student(
    out: _File, student: Opiskelija, records: Iterator[Record]
) -> tuple[int, Record | None]:
    """Write a student and the student's records; how many that were, and what comes next."""
    count = 1
    following: Record | None = None
    plan = _plan(KIND_OF[Opiskelija].shape)
    with _naming(student), out.element(_qualified("Opiskelija"), *_opening(plan, student)):
        _write_children(out, plan, student)
        following = next(records, None)
        for kind in KINDS[1:]:
            if type(following) is not kind.record:
                continue
            if count == 1:
                out.write("\n")
            with out.element(_qualified(kind.container)):
                while following is not None and type(following) is kind.record:
                    out.write("\n")
                    _write_record(out, following)
                    count += 1
                    following = next(records, None)
                out.write("\n")
            out.write("\n")
    out.write("\n")
    return count, following


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


def _qualified(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


# --- one record -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slot:
    """A child as it is written."""

    tag: str
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
    attributes = tuple(part.name for part in declared.attributes)
    return _Plan(
        attributes,
        tuple(
            _Slot(
                part.qualified,
                part.times.many,
                _plan(part.content) if isinstance(part.content, Shape) else None,
                part.name == "LoppuPvm",
            )
            for part in declared.children
        ),
        _getter(attributes),
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


@contextmanager
def _naming(record: Record) -> Iterator[None]:
    """Name the record whose text cannot be written in XML."""
    try:
        yield
    except ValueError as error:
        raise _unwritable(record) from error


def _unwritable(record: Record) -> Invalid:
    return Invalid(
        "virta.text",
        sentence=_("A text of %(element)s %(key)s holds a character that XML cannot carry."),
        remedy=_("Remove the invisible character from the record's texts."),
        element=type(record).__name__,
        key=key_of(record).encode("ascii", "replace").decode(),
    )


_PLANS: dict[type[Record], tuple[str, _Plan]] = {
    kind.record: (_qualified(kind.element), _plan(kind.shape)) for kind in KINDS
}


def _write_record(out: _File, record: Record) -> None:
    tag, plan = _PLANS[type(record)]
    try:
        _write_element(out, tag, plan, record)
    except ValueError as error:
        raise _unwritable(record) from error


def _write_element(out: _File, tag: str, plan: _Plan, value: Any) -> None:
    with out.element(tag, *_opening(plan, value)):
        _write_children(out, plan, value)


def _opening(plan: _Plan, value: Any) -> tuple[dict[str, str], dict[str | None, str] | None]:
    """The attributes of an element, and the prefixes that kept ones need."""
    attributes = {
        name: text
        for name, text in zip(plan.attributes, plan.attribute_values(value), strict=True)
        if text is not None
    }
    if not value.rest:
        return attributes, None
    return _with_rest(attributes, value.rest)


def _with_rest(
    attributes: dict[str, str], rest: tuple[Rest, ...]
) -> tuple[dict[str, str], dict[str | None, str] | None]:
    prefixes: dict[str | None, str] = {}
    for kept in rest:
        if kept.place < 0:
            attributes[kept.name] = kept.content
            prefixes.update(kept.prefixes)
    return attributes, prefixes or None


def _write_children(out: _File, plan: _Plan, value: Any) -> None:
    if plan.text:
        out.write(value.text)
    kept = _Kept(value.rest) if value.rest else None
    element = out.element
    write = out.write
    for slot, held in zip(plan.slots, plan.child_values(value), strict=True):
        if held is None:
            continue
        for each in held if slot.many else (held,):
            if kept is not None:
                kept.write_before(out)
            if slot.plan is not None:
                _write_element(out, slot.tag, slot.plan, each)
            elif type(each) is str:
                if slot.is_end and each.startswith(NO_END):
                    continue
                with element(slot.tag):
                    write(each)
            else:
                _write_marked(out, slot.tag, each)
    if kept is not None:
        kept.write_all(out)


def _write_marked(out: _File, tag: str, text: str) -> None:
    rest = text.rest if isinstance(text, Marked) else ()
    with out.element(tag, *_with_rest({}, rest)):
        out.write(str(text))


class _Kept:
    """The undeclared elements of one parent, given out at their places."""

    def __init__(self, rest: tuple[Rest, ...]) -> None:
        self.waiting = sorted(
            (kept for kept in rest if kept.place >= 0), key=lambda kept: kept.place
        )
        self.place = 0

    def write_before(self, out: _File) -> None:
        """Write what stood before the next declared child, and count that child."""
        while self.waiting and self.waiting[0].place <= self.place:
            out.write(_fragment(self.waiting.pop(0)))
            self.place += 1
        self.place += 1

    def write_all(self, out: _File) -> None:
        for kept in self.waiting:
            out.write(_fragment(kept))


def _fragment(kept: Rest) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(kept.content.encode(), parser)

"""Our own check of one record: order, number and names of elements, attributes, values.

With the code lists of the official schemas at hand it explains what the schema refuses; without the
schemas it is the check. Everything it knows comes from the declarations in `records` and `forms`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from vaihto.virta.document import line_of
from vaihto.virta.forms import Form, Lists
from vaihto.virta.problems import Problem, Step, problem
from vaihto.virta.records import (
    KIND_BY_CONTAINER,
    KIND_BY_ELEMENT,
    KINDS,
    NAMESPACE,
    NESTED,
    LukukausiIlmoittautuminen,
    Opiskelija,
    Part,
    Shape,
    Times,
    shape,
)

_BLANKS = " \t\r\n"
SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"


@dataclass(frozen=True)
class _Place:
    """Where in which record we are."""

    kind: str
    key: str
    steps: tuple[Step, ...]
    label: str
    lists: Lists

    def into(self, step: Step) -> _Place:
        return _Place(self.kind, self.key, (*self.steps, step), step.label, self.lists)

    def parent(self) -> dict[str, str]:
        """The facts of a sentence that names the element we are in."""
        name = "/".join(step.written for step in self.steps) or self.kind
        return {"parent": name, "parent_label": self.label}

    def problem(
        self,
        code: str,
        element: etree._Element,
        step: Step | None = None,
        *,
        value: str | None = None,
        facts: dict[str, str] | None = None,
    ) -> Problem:
        steps = (*self.steps, step) if step else self.steps
        return problem(
            code,
            kind=self.kind,
            key=self.key,
            line=line_of(element),
            steps=steps,
            value=value,
            facts={**self.parent(), **(facts or {})},
        )


def record_problems(element: etree._Element, *, root: str, lists: Lists) -> Iterator[Problem]:
    """What is wrong with a child of the outermost element, and with the records inside it."""
    name = _local(element)
    expected = "Opiskelija" if root == NESTED else KIND_BY_CONTAINER[root].element
    if name != expected or _namespace(element) != NAMESPACE:
        yield problem(
            "element-namespace" if name == expected else "element-unknown",
            line=line_of(element),
            steps=(Step(name),),
            facts={"parent": root, **_suggested(name, [expected])},
        )
        return
    kind = KIND_BY_ELEMENT[name]
    place = _Place(name, _key(element, kind.record), (), kind.label, lists)
    if root == NESTED:
        yield from _element(element, shape(Opiskelija), place, _STUDENT_LISTS)
        for container in element:
            if _is_container(container):
                yield from _held_records(container, lists)
    else:
        yield from _element(element, kind.shape, place, ())


def root_problems(root: etree._Element, *, empty: bool) -> Iterator[Problem]:
    """What is wrong with the outermost element itself."""
    name = _local(root)
    here = {"parent": name}
    line = line_of(root)
    for attribute in root.attrib:
        if not str(attribute).startswith(SCHEMA_INSTANCE):
            yield problem("attribute-unknown", line=line, steps=(Step(str(attribute)),), facts=here)
    for text in (root.text, *(child.tail for child in root)):
        if text and text.strip():
            yield problem("text-between", line=line, value=text.strip(), facts=here)
            break
    if empty:
        yield problem("list-empty", line=line, steps=(Step(name),), facts=here)


def _held_records(container: etree._Element, lists: Lists) -> Iterator[Problem]:
    """What is wrong with the records of one list of a student."""
    kind = KIND_BY_CONTAINER[_local(container)]
    for record in container:
        if _local(record) == kind.element and _namespace(record) == NAMESPACE:
            place = _Place(kind.element, _key(record, kind.record), (), kind.label, lists)
            yield from _element(record, kind.shape, place, ())


def _key(element: etree._Element, record: type) -> str:
    if record is LukukausiIlmoittautuminen:
        start = element.findtext(f"{{{NAMESPACE}}}AlkuPvm") or ""
        return f"{element.get('opiskelijaAvain') or ''} {start.strip()}".strip()
    return element.get("avain") or ""


_STUDENT_LISTS: tuple[Part, ...] = tuple(
    Part(kind.container, Shape(kind.record, (), (), None, False), Times.MAYBE, kind.label)
    for kind in KINDS[1:]
)
"""The lists that stand in a student of a nested document, after the student's own elements."""


def _is_container(element: etree._Element) -> bool:
    return _namespace(element) == NAMESPACE and any(
        part.name == _local(element) for part in _STUDENT_LISTS
    )


# --- elements -------------------------------------------------------------------------------------


def _element(
    element: etree._Element, declared: Shape, place: _Place, more: tuple[Part, ...]
) -> Iterator[Problem]:
    yield from _attributes(element, declared, place)
    if declared.text is not None:
        yield from _value(element, declared.text, place, required=True)
        return
    parts = (*declared.children, *more)
    if parts and not len(element) and (element.text or "").strip(_BLANKS):
        facts = {"first": parts[0].name}
        yield place.problem("text-alone", element, value=(element.text or "").strip(), facts=facts)
        return
    yield from _between(element, place)
    if declared.choice:
        yield from _choice(element, parts, place)
    else:
        yield from _order(element, parts, place)
    numbers: dict[str, int] = {}
    by_name = {part.name: part for part in parts}
    for child in element:
        part = by_name.get(_local(child))
        if part is None or _namespace(child) != NAMESPACE:
            continue
        numbers[part.name] = numbers.get(part.name, 0) + 1
        inside = place.into(
            Step(part.name, part.label, numbers[part.name] if part.times.many else 0)
        )
        if more and part in more:
            yield from _list(child, part, place)
        elif isinstance(part.content, Shape):
            yield from _element(child, part.content, inside, ())
        else:
            yield from _attributes(child, _NO_ATTRIBUTES, inside)
            yield from _value(child, part.content, inside, required=part.times.required)


_NO_ATTRIBUTES = Shape(object, (), (), None, False)


def _list(container: etree._Element, part: Part, place: _Place) -> Iterator[Problem]:
    """A list of a student: it has at least one record, and records of its kind only."""
    kind = KIND_BY_CONTAINER[part.name]
    inside = place.into(Step(part.name))
    yield from _attributes(container, _NO_ATTRIBUTES, inside)
    yield from _between(container, inside)
    if not len(container):
        yield place.problem("list-empty", container, Step(part.name))
    for child in container:
        if _namespace(child) != NAMESPACE and _local(child) == kind.element:
            yield inside.problem("element-namespace", child, Step(kind.element))
        elif _local(child) != kind.element:
            hint = _suggested(_local(child), [kind.element])
            yield inside.problem("element-unknown", child, Step(_local(child)), facts=hint)


def _order(element: etree._Element, parts: tuple[Part, ...], place: _Place) -> Iterator[Problem]:
    """Unknown, misplaced, repeated and missing children. One misplaced one is told, not its followers."""
    names = [part.name for part in parts]
    reached = -1
    seen: set[str] = set()
    told = False
    for child in element:
        name = _local(child)
        if name not in names:
            yield _unknown(child, names, place)
            continue
        part = parts[names.index(name)]
        step = Step(name, part.label)
        if _namespace(child) != NAMESPACE:
            yield place.problem("element-namespace", child, step)
            seen.add(name)
            continue
        index = names.index(name)
        if index < reached:
            if not told:
                yield place.problem("element-order", child, step, facts={"after": names[reached]})
                told = True
        elif name in seen and not part.times.many:
            yield place.problem("element-repeated", child, step)
        reached = max(reached, index)
        seen.add(name)
    for index, part in enumerate(parts):
        if part.times.required and part.name not in seen:
            before = [name for name in names[:index] if name in seen]
            facts = {"after": before[-1]} if before else {}
            yield place.problem(
                "element-missing", element, Step(part.name, part.label), facts=facts
            )


def _unknown(child: etree._Element, names: list[str], place: _Place) -> Problem:
    name = _local(child)
    kind = KIND_BY_ELEMENT.get(name)
    if kind is not None and kind.container in names:
        facts = {"list": kind.container}
        return place.problem("record-outside", child, Step(name, kind.label), facts=facts)
    return place.problem("element-unknown", child, Step(name), facts=_suggested(name, names))


def _choice(element: etree._Element, parts: tuple[Part, ...], place: _Place) -> Iterator[Problem]:
    """Exactly one of the children, and no other."""
    names = [part.name for part in parts]
    held = 0
    for child in element:
        if _local(child) not in names:
            yield _unknown(child, names, place)
        elif _namespace(child) != NAMESPACE:
            yield place.problem("element-namespace", child, Step(_local(child)))
        held += _local(child) in names
    if held != 1:
        code = "element-choice-many" if held else "element-choice-none"
        yield place.problem(code, element, facts={"allowed": ", ".join(names)})


def _between(element: etree._Element, place: _Place) -> Iterator[Problem]:
    for text in (element.text, *(child.tail for child in element)):
        if text and text.strip(_BLANKS):
            yield place.problem("text-between", element, value=text.strip())
            return


def _attributes(element: etree._Element, declared: Shape, place: _Place) -> Iterator[Problem]:
    parts = {part.name: part for part in declared.attributes}
    for name, value in _pairs(element):
        part = parts.get(name)
        if part is None:
            if not name.startswith(SCHEMA_INSTANCE):
                hint = _suggested(name, list(parts))
                yield place.problem("attribute-unknown", element, Step(name), facts=hint)
            continue
        step = Step(f"@{name}", part.label)
        if isinstance(part.content, Shape):
            continue
        yield from _fault(element, value, part.content, place.into(step), part.times.required)
    for name, part in parts.items():
        if part.times.required and element.get(name) is None:
            step = Step(f"@{name}", part.label)
            yield place.problem("attribute-missing", element, step, facts={"name": name})


def _value(
    element: etree._Element, form: Form, place: _Place, *, required: bool
) -> Iterator[Problem]:
    if len(element):
        yield place.problem("element-inside", element)
        return
    yield from _fault(element, element.text or "", form, place, required)


def _fault(
    element: etree._Element, value: str, form: Form, place: _Place, required: bool
) -> Iterator[Problem]:
    fault = form.fault(value, place.lists)
    if fault is None:
        return
    if not value.strip():
        yield place.problem("value-empty", element, facts={} if required else {"optional": ""})
        return
    yield place.problem(fault.code, element, value=value, facts=dict(fault.facts))


def _pairs(element: etree._Element) -> Iterator[tuple[str, str]]:
    for name, value in element.items():
        yield str(name), str(value)


def _suggested(name: str, names: list[str]) -> dict[str, str]:
    lowered = {known.lower(): known for known in names}
    plain = name.lower().replace("ä", "a").replace("ö", "o")
    if plain in lowered:
        return {"suggestion": lowered[plain]}
    near = difflib.get_close_matches(plain, list(lowered), n=1, cutoff=0.75)
    return {"suggestion": lowered[near[0]]} if near else {}


def _local(element: etree._Element) -> str:
    # A prefix that is declared nowhere stays in the name.
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def _namespace(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[0].lstrip("{")

"""The declarations say what the official schema says, element by element."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.virta.documents import OFFICIAL, WITHOUT_SCHEMAS
from vaihto.virta import forms
from vaihto.virta.records import KINDS, Shape, Times
from vaihto.virta.validation import _merged

pytestmark = pytest.mark.skipif(OFFICIAL is None, reason=WITHOUT_SCHEMAS)

XS = "{http://www.w3.org/2001/XMLSchema}"
TIMES = {
    ("1", "1"): Times.ONE,
    ("0", "1"): Times.MAYBE,
    ("0", "unbounded"): Times.ANY,
    ("1", "unbounded"): Times.SOME,
}


@pytest.fixture(scope="module")
def schema() -> dict[str, etree._Element]:
    merged = _merged(OFFICIAL.folder, fold=False)
    return {type_.get("name"): type_ for type_ in merged if type_.get("name")}


def test_every_element_and_attribute_of_the_schema_is_declared_in_its_order(schema):
    for kind in KINDS:
        declared = list(_declared(kind.shape))
        official = list(_official(schema[f"{kind.element}Tyyppi"], schema))
        assert declared == official, kind.element


def test_every_code_list_is_checked_by_the_list_of_the_schema(schema):
    used = {
        form.type_name
        for kind in KINDS
        for form in _forms(kind.shape)
        if isinstance(form, forms.Listed)
    }
    enumerated = set(OFFICIAL.lists)
    assert used - enumerated == {"SukupuoliKoodiTyyppi"}  # a pattern in the schema
    assert enumerated - used == set()


def test_our_own_code_lists_have_no_code_that_the_schema_lacks():
    for kind in KINDS:
        for form in _forms(kind.shape):
            if isinstance(form, forms.Listed) and form.type_name in OFFICIAL.lists:
                ours = form.allowed({}) or frozenset()
                assert ours <= OFFICIAL.lists[form.type_name], form.type_name


def test_a_list_that_is_not_at_hand_accepts_every_code_of_the_schema_by_its_shape():
    for kind in KINDS:
        for form in _forms(kind.shape):
            if isinstance(form, forms.Listed) and form.type_name in OFFICIAL.lists:
                refused = [c for c in OFFICIAL.lists[form.type_name] if form.fault(c, {})]
                assert refused == [], form.type_name


def _forms(shape: Shape):
    if shape.text is not None:
        yield shape.text
    for part in (*shape.attributes, *shape.children):
        if isinstance(part.content, Shape):
            yield from _forms(part.content)
        else:
            yield part.content


def _declared(shape: Shape, depth: int = 0):
    for part in sorted(shape.attributes, key=lambda part: part.name):
        yield depth, f"@{part.name}", part.times
    for part in shape.children:
        yield depth, part.name, Times.ONE if shape.choice else part.times
        if isinstance(part.content, Shape):
            yield from _declared(part.content, depth + 1)


def _official(type_: etree._Element, schema, depth: int = 0):
    attributes = sorted(_attributes(type_, schema), key=lambda a: a.get("name"))
    for attribute in attributes:
        required = attribute.get("use") == "required"
        yield depth, f"@{attribute.get('name')}", Times.ONE if required else Times.MAYBE
    for element in _elements(type_, schema):
        yield (
            depth,
            element.get("name"),
            TIMES[element.get("minOccurs", "1"), element.get("maxOccurs", "1")],
        )
        named = schema.get((element.get("type") or "").removeprefix("virta:"))
        inner = element.find(f"{XS}complexType") if element.get("type") is None else named
        if inner is not None and inner.tag == f"{XS}complexType":
            yield from _official(inner, schema, depth + 1)


def _extension(type_: etree._Element, schema):
    extension = next(type_.iter(f"{XS}extension"), None) if _has_content(type_) else None
    if extension is None:
        return None, None
    return extension, schema.get(extension.get("base", "").removeprefix("virta:"))


def _has_content(type_: etree._Element) -> bool:
    return any(child.tag in {f"{XS}complexContent", f"{XS}simpleContent"} for child in type_)


def _elements(type_: etree._Element, schema):
    extension, base = _extension(type_, schema)
    if base is not None:
        yield from _elements(base, schema)
    holder = extension if extension is not None else type_
    for group in holder:
        if group.tag in {f"{XS}sequence", f"{XS}choice"}:
            yield from group.findall(f"{XS}element")


def _attributes(type_: etree._Element, schema):
    extension, base = _extension(type_, schema)
    if base is not None:
        yield from _attributes(base, schema)
    holder = extension if extension is not None else type_
    yield from holder.findall(f"{XS}attribute")

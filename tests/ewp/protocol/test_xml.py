"""XML from strangers, and XML for strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from vaihto.ewp.protocol import xml

NS = "urn:example"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"x",
        b"<a",
        b"<a></b>",
        b"<a>&undefined;</a>",
        b"\x00",
        b"<!DOCTYPE a><a/>",
        b'<?xml version="1.0"?><!-- x --><?p?>\n<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<!DOCTYPE a><a/>".encode("utf-16"),
        ("<!--" + "x" * 9000 + "--><!DOCTYPE a><a/>").encode("utf-16"),
        "<a/>".encode("utf-32"),
        b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b"\xff\xfe",
        b"<a>" * 300 + b"</a>" * 300,
        b"<!-- x -->" * 20_000,
    ],
)
def test_what_is_no_plain_document_is_refused(document: bytes) -> None:
    with pytest.raises(xml.MalformedXml):
        xml.parse(document)


def test_a_document_beyond_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(xml.MalformedXml, match="at most 10"):
        xml.parse(b"<" + b"a" * 10, limit=10)


def test_the_words_of_a_document_type_inside_a_text_do_no_harm() -> None:
    assert xml.parse(b"<a><![CDATA[<!DOCTYPE html>]]></a>").value == "<!DOCTYPE html>"


def test_other_encodings_with_a_byte_order_mark_are_read() -> None:
    assert xml.parse("<a>é</a>".encode("utf-16")).value == "é"
    assert xml.parse(b"\xef\xbb\xbf<a>\xc3\xa9</a>").value == "é"


def test_comments_and_instructions_do_not_cut_a_text() -> None:
    assert xml.parse(b"<a>x<!-- c -->y<?p q?>z</a>").value == "xyz"


def test_elements_are_found_by_namespace_and_name_whatever_the_prefix() -> None:
    root = xml.parse(
        f'<p:a xmlns:p="{NS}" xmlns:q="urn:other"><q:b>no</q:b><p:b> yes </p:b></p:a>'.encode()
    )
    assert root.is_a("a", NS)
    assert root.text("b") == "yes"
    assert root.text("b", "urn:other") == "no"
    assert [child.namespace for child in root.children()] == ["urn:other", NS]


def test_what_is_missing_or_empty_is_named_by_its_path() -> None:
    root = xml.parse(b"<a><b><c/></b></a>")
    with pytest.raises(xml.MissingElement, match=r"^/a/b/d is missing\.$"):
        root.child("b").text("d")
    with pytest.raises(xml.MissingElement, match=r"^/a/b/c is empty\.$"):
        root.child("b").text("c")
    assert root.text_or("x", "otherwise") == "otherwise"
    assert root.texts("b") == ()


def test_texts_come_with_their_languages() -> None:
    root = xml.parse(b'<a><b xml:lang="fi">x</b><b>y</b><b xml:lang="sv"/></a>')
    assert root.in_languages("b") == (("fi", "x"), ("", "y"))


def test_the_builder_writes_one_line_in_the_given_namespaces() -> None:
    root = xml.Builder("r", NS, {"p": "urn:p"})
    root.add("a", "1 < 2 & 3", {"xml:lang": 'e"n'})
    root.add("p:b").add("c", True)
    root.add_if("d", None).add_if("d", "").add_if("e", 0)
    assert root.write() == (
        b'<?xml version="1.0" encoding="UTF-8"?><r xmlns="urn:example" xmlns:p="urn:p">'
        b'<a xml:lang="e&quot;n">1 &lt; 2 &amp; 3</a><p:b><c>true</c></p:b><e>0</e></r>'
    )


@pytest.mark.parametrize("name", ["", "a b", "a>", "1a", "a:b:c", "ä"])
def test_the_builder_refuses_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        xml.Builder(name)
    with pytest.raises(ValueError, match="is no name"):
        xml.Builder("a", attributes={name: "x"})


def _carried(text: str) -> str:
    """What becomes of a text on its way, by the set of characters of XML 1.0, section 2.2."""
    return "".join(
        letter
        if letter in "\t\n\r"
        or 0x20 <= ord(letter) <= 0xD7FF
        or 0xE000 <= ord(letter) <= 0xFFFD
        or ord(letter) >= 0x10000
        else "\ufffd"
        for letter in text
    )


@given(st.text(st.characters(codec=None, exclude_categories=())), st.text())
def test_every_text_arrives_as_it_was_written(text: str, attribute: str) -> None:
    root = xml.Builder("a", attributes={"b": attribute})
    root.add("c", text)
    node = etree.fromstring(root.write())
    assert (node.findtext("c") or "") == _carried(text)
    assert node.get("b") == _carried(attribute)

"""XML, read without trust and written without mistakes.

The only place that sets up a parser. Reading is tolerant: elements are found by namespace and name whatever the
prefixes, the order or the unknown neighbours. Writing is strict: text is escaped here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from lxml import etree

from vaihto.ewp.protocol.api import EWP

COMMON_TYPES = f"{EWP}ewp-specs-architecture/blob/stable-v1/common-types.xsd"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
LIMIT_BYTES = 20 * 1024 * 1024  # of a message; the catalogue has a limit of its own

# Encodings in which ASCII stands for itself, so that a document type can be seen before parsing, and UTF-16.
_ENCODINGS = frozenset({"UTF-8", "US-ASCII", "ASCII", "ISO-8859-1", "WINDOWS-1252", "UTF-16"})
_PROLOG_TYPE = re.compile(rb"(?>\s+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class MalformedXml(ValueError):
    """The bytes are no XML document we take: broken, too big, or with a document type."""


class MissingElement(MalformedXml):
    """The document is XML but lacks what it must have; the message names the path."""


def parse(document: bytes, *, limit: int = LIMIT_BYTES) -> Element:
    """The root of an untrusted document. Raises `MalformedXml`.

    No document type (and so no entities), no network, no more than `limit` bytes, no more than 256 levels.
    """
    if len(document) > limit:
        raise MalformedXml(f"The document has {len(document)} bytes, at most {limit} are taken.")
    _refuse_document_type(document)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedXml(f"Not well-formed: {_place(error)}") from error
    about = root.getroottree().docinfo
    if about.internalDTD is not None or about.externalDTD is not None:
        raise MalformedXml("A document type is not taken.")
    if (about.encoding or "UTF-8").upper() not in _ENCODINGS:
        raise MalformedXml("The encoding must be UTF-8.")
    return Element(root)


def _refuse_document_type(document: bytes) -> None:
    for mark, encoding in _MARKS.items():
        if document.startswith(mark):
            start = document[len(mark) :]
            if encoding != "utf-8":
                start = start[:4096].decode(encoding, "replace").encode()
            break
    else:
        start = document
    if _PROLOG_TYPE.match(start):
        raise MalformedXml("A document type is not taken.")


def _place(error: Exception) -> str:
    if isinstance(error, etree.XMLSyntaxError) and error.msg:
        return error.msg[:200]
    return "the bytes are no XML."


class Element:
    """An element that was read. Names without a namespace are looked for in the element's own."""

    __slots__ = ("_node",)

    def __init__(self, node: etree._Element) -> None:
        self._node = node

    @property
    def node(self) -> etree._Element:
        """The element of lxml, for validation against a schema."""
        return self._node

    @property
    def name(self) -> str:
        """The local name."""
        return etree.QName(self._node).localname

    @property
    def namespace(self) -> str:
        """The namespace, empty for none."""
        return etree.QName(self._node).namespace or ""

    @property
    def raw(self) -> str:
        """The text as it stands, blanks and line breaks kept; empty when there is none."""
        return self._node.text or ""

    @property
    def value(self) -> str:
        """The text without blanks around it."""
        return self.raw.strip()

    @property
    def language(self) -> str:
        """`xml:lang` of the element, empty when it says none."""
        return self._node.get(LANGUAGE) or ""

    def attribute(self, name: str) -> str | None:
        """An attribute without a namespace, None when absent."""
        return self._node.get(name)

    def is_a(self, name: str, namespace: str) -> bool:
        """Is this the element of that name in that namespace?"""
        return self._tag(name, namespace) == self._node.tag

    def children(self, name: str | None = None, namespace: str | None = None) -> list[Element]:
        """Child elements, all or those of one name, in order."""
        if name is None:
            return [Element(node) for node in self._node.iterchildren("*")]
        return [Element(node) for node in self._node.iterchildren(self._tag(name, namespace))]

    def find(self, name: str, namespace: str | None = None) -> Element | None:
        """The first child of that name, or None."""
        node = self._node.find(self._tag(name, namespace))
        return None if node is None else Element(node)

    def child(self, name: str, namespace: str | None = None) -> Element:
        """The first child of that name. Raises `MissingElement`."""
        found = self.find(name, namespace)
        if found is None:
            raise MissingElement(f"{self._path()}/{name} is missing.")
        return found

    def text(self, name: str, namespace: str | None = None) -> str:
        """The text of a child that must be there and not be blank. Raises `MissingElement`."""
        value = self.child(name, namespace).value
        if not value:
            raise MissingElement(f"{self._path()}/{name} is empty.")
        return value

    def text_or(self, name: str, otherwise: str = "", namespace: str | None = None) -> str:
        """The text of a child, or `otherwise` when it is absent or blank."""
        found = self.find(name, namespace)
        return (found.value if found is not None else "") or otherwise

    def texts(self, name: str, namespace: str | None = None) -> tuple[str, ...]:
        """The texts of all children of that name, blank ones left out."""
        values = (child.value for child in self.children(name, namespace))
        return tuple(value for value in values if value)

    def in_languages(self, name: str, namespace: str | None = None) -> tuple[tuple[str, str], ...]:
        """Pairs of language and text of all children of that name; the language is empty where none is said."""
        children = self.children(name, namespace)
        return tuple((child.language, child.value) for child in children if child.value)

    def _tag(self, name: str, namespace: str | None) -> str:
        wanted = self.namespace if namespace is None else namespace
        return f"{{{wanted}}}{name}" if wanted else name

    def _path(self) -> str:
        names = [etree.QName(node).localname for node in self._node.iterancestors()]
        return "/" + "/".join([*reversed(names), self.name])


# What XML 1.0 cannot carry at all, section 2.2; lone surrogates have no bytes in UTF-8.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAME = re.compile(r"(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*", re.ASCII)


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("\r", "&#13;")
    return _IMPOSSIBLE.sub("\ufffd", text)


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


class Builder:
    """An element to be written: `root = Builder("response", NS); root.add("hei-id", "x"); root.write()`.

    Names may carry one of the prefixes that the root was given. Characters that XML cannot carry become U+FFFD.
    """

    __slots__ = ("_children", "_name", "_start", "_text")

    def __init__(
        self,
        name: str,
        namespace: str | None = None,
        prefixes: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """The root, or (used by `add`) any element; `prefixes` are prefix and namespace."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an element.")
        start = [name]
        if namespace:
            start.append(f'xmlns="{_quoted(namespace)}"')
        for prefix, address in (prefixes or {}).items():
            start.append(f'xmlns:{prefix}="{_quoted(address)}"')
        for attribute, value in (attributes or {}).items():
            if not _NAME.fullmatch(attribute):
                raise ValueError(f"{attribute!r} is no name of an attribute.")
            start.append(f'{attribute}="{_quoted(value)}"')
        self._name = name
        self._start = " ".join(start)
        self._text = ""
        self._children: list[Builder] = []

    def add(
        self, name: str, text: object = None, attributes: Mapping[str, str] | None = None
    ) -> Builder:
        """A new last child, with its text when one is given; gives the child."""
        child = Builder(name, attributes=attributes)
        if text is not None:
            child._text = _escaped(_spelled(text))
        self._children.append(child)
        return child

    def add_if(self, name: str, text: object, attributes: Mapping[str, str] | None = None) -> Self:
        """The same unless the text is None or empty; gives the element itself."""
        if text is not None and text != "":
            self.add(name, text, attributes)
        return self

    def add_in_languages(self, name: str, texts: tuple[tuple[str, str], ...]) -> Self:
        """One child for each pair of language and text; an empty language writes no `xml:lang`."""
        for language, text in texts:
            self.add(name, text, {"xml:lang": language} if language else None)
        return self

    def put(self, child: Builder) -> Self:
        """A child that was built elsewhere."""
        self._children.append(child)
        return self

    @property
    def is_empty(self) -> bool:
        """Has it neither text nor children?"""
        return not self._text and not self._children

    def write(self) -> bytes:
        """The document: declaration, UTF-8, nothing between the elements."""
        parts = ['<?xml version="1.0" encoding="UTF-8"?>']
        self._write(parts)
        return "".join(parts).encode()

    def _write(self, parts: list[str]) -> None:
        if self.is_empty:
            parts.append(f"<{self._start}/>")
            return
        parts.append(f"<{self._start}>{self._text}")
        for child in self._children:
            child._write(parts)
        parts.append(f"</{self._name}>")


def _spelled(text: object) -> str:
    if isinstance(text, bool):
        return "true" if text else "false"
    return str(text)

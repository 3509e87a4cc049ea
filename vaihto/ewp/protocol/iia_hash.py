"""The hash of an agreement, version 7: what both partners approve.

Of a response to IIAs 7 get one long text is made and hashed: a mark if the agreement is terminated, the ids that the
partners gave it, every value of every condition with its path in the order of the document, and for each condition
its two academic years. It is no hash of XML: prefixes, blanks between elements, comments and CDATA do not matter;
the text inside an element does, to the byte.

Source: the official transformation for version 7 in ewp-specs-api-iias; it is XSLT 2.0, which lxml cannot run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from vaihto.ewp.protocol.xml import MalformedXml, parse

_TRUE = ("true", "1")
_CONTACTS = {"sending-contact", "receiving-contact"}
_YEARS = ("receiving-first-academic-year-id", "receiving-last-academic-year-id")
_LEGACY = {"not-yet-defined", "v6-value"}
_OTHER_VERSION = re.compile(r".*/ewp-specs-api-iias/.*/stable-v(?!7\b)(\d+).*")


@dataclass(frozen=True)
class AgreementHash:
    """An agreement of a response: the id that the first partner gave it, the text that is hashed, its SHA-256 in hex.

    `valid_for_approval` is false for what version 6 left without a definition or with a code of its own.
    """

    iia_id: str
    text: str
    hash: str
    valid_for_approval: bool


def agreement_hashes(document: bytes, *, each_alone: bool = False) -> tuple[AgreementHash, ...]:
    """Every agreement of a response, in order. Raises `MalformedXml`, also for another document.

    The official transformation looks for the marks of termination and of version 6 in the whole response, so that
    agreements in one response change each other's hash. `each_alone` hashes each as if it were the only one: what a
    server publishes and a client compares.
    """
    root = parse(document).node
    name = etree.QName(root)
    if name.localname != "iias-get-response":
        raise MalformedXml(f"The root is {name.localname}, not iias-get-response.")
    if other := _OTHER_VERSION.fullmatch(name.namespace or ""):
        raise MalformedXml(f"This is a response of version {other[1]}, not of version 7.")
    return tuple(_hashed(iia, iia if each_alone else root) for iia in root.iter("{*}iia"))


def _hashed(iia: etree._Element, whole: etree._Element) -> AgreementHash:
    partners = [_text_of(partner, "iia-id") for partner in iia.iterchildren("{*}partner")]
    pieces = [f"_iia-id_{number}={one}_" for number, one in enumerate(partners, 1)]
    conditions = whole.iter("{*}cooperation-conditions")
    if any(each.get("terminated-as-a-whole") in _TRUE for each in conditions):
        pieces.insert(0, "_@terminated-as-a-whole@_")
    for agreed in iia.iterchildren("{*}cooperation-conditions"):
        for condition in agreed.iterchildren("{*}*"):
            pieces.extend(_values(condition))
            pieces.extend(f"_{year}={_text_of(condition, year)}_" for year in _YEARS)
    text = "".join(pieces)
    return AgreementHash(
        iia_id=partners[0] if partners else "",
        text=text,
        hash=hashlib.sha256(text.encode()).hexdigest(),
        valid_for_approval=not any(_is_legacy(node) for node in whole.iter("{*}*")),
    )


def _values(condition: etree._Element) -> Iterator[str]:
    """The attributes and leaves below a condition, each with the last three names of its path."""
    for node in condition.iterdescendants("{*}*"):
        above = list(node.iterancestors())
        if (
            _name(node) in _YEARS
            or any(_name(one) in _CONTACTS for one in above)
            or any(one.get("not-yet-defined") in _TRUE for one in (node, *above))
        ):
            continue
        path = ".".join(_name(one) for one in (above[1], above[0], node))
        for attribute, value in node.attrib.items():
            if attribute not in _LEGACY:
                yield f"_@{path}.{etree.QName(attribute).localname}={value!s}@_"
        if not len(node):
            old_code = node.get("v6-value") if _name(node) == "isced-f-code" else None
            yield f"_{path}={old_code or _string(node)}_"


def _is_legacy(node: etree._Element) -> bool:
    return node.get("not-yet-defined") in _TRUE or bool(node.get("v6-value"))


def _name(node: etree._Element) -> str:
    return etree.QName(node).localname


def _string(node: etree._Element) -> str:
    return "".join(str(part) for part in node.itertext())


def _text_of(parent: etree._Element, name: str) -> str:
    found = parent.find(f"{{*}}{name}")
    return "" if found is None else _string(found)

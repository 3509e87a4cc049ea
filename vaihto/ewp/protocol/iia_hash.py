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
    marks = None if each_alone else _Marks.of(root)
    return tuple(_hashed(iia, marks or _Marks.of(iia)) for iia in root.iter("{*}iia"))


# Marks are looked for by the library below Python: a big agreement has thousands of elements.
_IS_ENDED = etree.XPath(
    "boolean(descendant-or-self::*[local-name()='cooperation-conditions']"
    "/@terminated-as-a-whole[.='true' or .='1'])"
)
_IS_LEGACY = etree.XPath(
    "boolean(descendant-or-self::*/@not-yet-defined[.='true' or .='1']"
    " | descendant-or-self::*/@v6-value[.!=''])"
)


@dataclass(frozen=True)
class _Marks:
    """What is said once for all that is hashed together."""

    is_ended: bool
    is_legacy: bool

    @classmethod
    def of(cls, whole: etree._Element) -> _Marks:
        return cls(bool(_IS_ENDED(whole)), bool(_IS_LEGACY(whole)))


def _hashed(iia: etree._Element, marks: _Marks) -> AgreementHash:
    partners = [_text_of(partner, "iia-id") for partner in iia.iterchildren("{*}partner")]
    pieces = ["_@terminated-as-a-whole@_"] if marks.is_ended else []
    pieces += [f"_iia-id_{number}={one}_" for number, one in enumerate(partners, 1)]
    for agreed in iia.iterchildren("{*}cooperation-conditions"):
        for condition in agreed.iterchildren("{*}*"):
            if not any(map(_is_passed_over, (condition, *condition.iterancestors()))):
                _values(condition, _local(agreed.tag), _local(condition.tag), pieces)
            pieces += [f"_{year}={_text_of(condition, year)}_" for year in _YEARS]
    text = "".join(pieces)
    return AgreementHash(
        iia_id=partners[0] if partners else "",
        text=text,
        hash=hashlib.sha256(text.encode()).hexdigest(),
        valid_for_approval=not marks.is_legacy,
    )


def _values(parent: etree._Element, above: str, name: str, pieces: list[str]) -> None:
    """The attributes and leaves below `parent`, each with the last three names of its path, in one walk.

    `name` is the parent's and `above` that of its parent.
    """
    for node in parent:
        if node.get("not-yet-defined") in _TRUE:
            continue  # with all that is below it
        own = _local(node.tag)
        path = f"{above}.{name}.{own}"
        if own not in _YEARS:
            for attribute, value in node.items():
                if attribute not in _LEGACY:
                    pieces.append(f"_@{path}.{_local(str(attribute))}={value!s}@_")
            if not len(node):
                old_code = node.get("v6-value") if own == "isced-f-code" else None
                pieces.append(f"_{path}={old_code or node.text or ''}_")
        if len(node) and own not in _CONTACTS:
            _values(node, name, own, pieces)


def _is_passed_over(node: etree._Element) -> bool:
    """Is nothing below this element hashed?"""
    return node.get("not-yet-defined") in _TRUE or _local(node.tag) in _CONTACTS


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _text_of(parent: etree._Element, name: str) -> str:
    found = parent.find(f"{{*}}{name}")
    return "" if found is None else "".join(str(part) for part in found.itertext())

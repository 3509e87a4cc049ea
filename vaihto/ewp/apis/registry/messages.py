"""The catalogue as a document: hosts with their APIs and keys, and the institutions of the network.

Source: ewp-specs-api-registry, catalogue.xsd, stable-v1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO

from lxml import etree

from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.xml import COMMON_TYPES, LANGUAGE, MalformedXml

REGISTRY = f"{EWP}ewp-specs-api-registry/tree/stable-v1"

# How a caller, or an answer, is recognised. Unknown methods are ignored. A method that is not said is TLS
# certificates, which nobody uses any more. Source: ewp-specs-sec-intro 2.0.2.
_METHODS = {
    f"{{{EWP}ewp-specs-sec-{repository}/tree/stable-v1}}{name}": name
    for repository, name in (
        ("cliauth-httpsig", "httpsig"),
        ("cliauth-none", "anonymous"),
        ("cliauth-tlscert", "tlscert"),
        ("srvauth-httpsig", "httpsig"),
        ("srvauth-tlscert", "tlscert"),
    )
}
_UNSAID: tuple[str, ...] = ("tlscert",)


@dataclass(frozen=True)
class ApiEntry:
    """One API in one version, as a host declares it.

    `urls` are pairs of element name and address, `limits` of `max-…` and number, `flags` whatever else the entry
    says in its own namespace, with its text.
    """

    namespace: str
    element: str
    version: str = ""
    urls: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    flags: tuple[tuple[str, str], ...] = ()
    client_auth: tuple[str, ...] = _UNSAID
    server_auth: tuple[str, ...] = _UNSAID
    emails: tuple[str, ...] = ()

    @classmethod
    def read(cls, node: etree._Element) -> ApiEntry:
        """A child of `apis-implemented`, of whatever API."""
        name = etree.QName(node)
        urls, limits, flags = [], [], []
        client, server = _UNSAID, _UNSAID
        for child in node.iterchildren("*"):
            part = etree.QName(child)
            text = (child.text or "").strip()
            if part.namespace != name.namespace:
                continue
            if part.localname == "http-security":
                client = _methods(child, "client-auth-methods")
                server = _methods(child, "server-auth-methods")
            elif part.localname == "url" or part.localname.endswith("-url"):
                urls.append((part.localname, text))
            elif part.localname.startswith("max-") and text.isdecimal() and len(text) < 10:
                limits.append((part.localname, int(text)))
            else:
                flags.append((part.localname, text))
        return cls(
            namespace=name.namespace or "",
            element=name.localname,
            version=(node.get("version") or "").strip(),
            urls=tuple(urls),
            limits=tuple(limits),
            flags=tuple(flags),
            client_auth=client,
            server_auth=server,
            emails=_texts(node, f"{{{COMMON_TYPES}}}admin-email"),
        )


def _methods(security: etree._Element, which: str) -> tuple[str, ...]:
    """Names of the known methods under `client-auth-methods` or `server-auth-methods`."""
    for child in security.iterchildren("*"):
        if etree.QName(child).localname == which:
            return tuple(
                _METHODS[str(method.tag)]
                for method in child.iterchildren("*")
                if method.tag in _METHODS
            )
    return _UNSAID


@dataclass(frozen=True)
class CatalogueHost:
    """One host element: what stands in one manifest.

    `number` is its place in the document, from 0. `digest` changes with anything said in it, or with whether its
    keys are at hand. Keys are fingerprints. `apis` is empty for a host that the reader knew already.
    """

    number: int
    digest: str
    provider: str = ""
    emails: tuple[str, ...] = ()
    hei_ids: tuple[str, ...] = ()
    client_keys: tuple[str, ...] = ()
    server_keys: tuple[str, ...] = ()
    apis: tuple[ApiEntry, ...] = ()
    known: bool = False


@dataclass(frozen=True)
class CatalogueHei:
    """An institution: `names` are pairs of language (empty when not said) and name, `other_ids` of type and value."""

    hei_id: str
    names: tuple[tuple[str, str], ...] = ()
    other_ids: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """A catalogue. `keys` are fingerprint and base64 of the public key on one line.

    `wrong_keys` are fingerprints under which another key stood, or none at all that can be read; nobody may use them.
    """

    hosts: tuple[CatalogueHost, ...] = ()
    institutions: tuple[CatalogueHei, ...] = ()
    keys: dict[str, str] = field(default_factory=dict)
    wrong_keys: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: bytes, *, known: Container[str] = ()) -> Catalogue:
        """The catalogue in the bytes; hosts whose digest is in `known` come without their APIs.

        Goes twice through the document, element by element, so that a large one needs little memory.
        Raises `MalformedXml`: not well-formed, with a document type, or no catalogue.
        """
        keys: dict[str, str] = {}
        wrong: list[str] = []
        institutions: list[CatalogueHei] = []
        for node in _parts(document, "host", "hei", "rsa-public-key"):
            name = etree.QName(node).localname
            if name == "hei":
                institutions.append(_read_hei(node))
            elif name == "rsa-public-key":
                _read_key(node, keys, wrong)
        hosts = tuple(
            _read_host(node, number, keys, known)
            for number, node in enumerate(_parts(document, "host"))
        )
        return cls(hosts, tuple(institutions), keys, tuple(wrong))


# Where each part stands: the same element deeper inside an API entry is nothing to us.
_PLACES = {
    "host": ("catalogue",),
    "hei": ("catalogue", "institutions"),
    "rsa-public-key": ("catalogue", "binaries"),
}


def _parts(document: bytes, *names: str) -> Iterator[etree._Element]:
    """Those elements of the catalogue, in order, each emptied after use."""
    tags = [f"{{{REGISTRY}}}{name}" for name in ("catalogue", *names)]
    # Its own parser, because the usual one holds the whole document at once.
    events = etree.iterparse(
        BytesIO(document),
        events=("start", "end"),
        tag=tags,
        no_network=True,
        resolve_entities=False,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )
    seen = False
    try:
        for event, node in events:
            parent = node.getparent()
            if event == "start":
                if not seen:
                    _require_catalogue(node)
                    seen = True
                continue
            name = etree.QName(node).localname
            if parent is None or not _stands_in(node, _PLACES.get(name, ())):
                continue
            yield node
            node.clear(keep_tail=False)
            while node.getprevious() is not None:
                del parent[0]
    except etree.XMLSyntaxError as error:
        raise MalformedXml(f"Not well-formed: {(error.msg or '')[:200]}") from error
    if not seen:
        raise MalformedXml("This is no catalogue.")


def _require_catalogue(node: etree._Element) -> None:
    about = node.getroottree().docinfo
    if about.internalDTD is not None or about.externalDTD is not None:
        raise MalformedXml("A document type is not taken.")
    if node.getparent() is not None or node.tag != f"{{{REGISTRY}}}catalogue":
        raise MalformedXml("This is no catalogue.")


def _stands_in(node: etree._Element, places: tuple[str, ...]) -> bool:
    above = [str(ancestor.tag) for ancestor in node.iterancestors()]
    return above == [f"{{{REGISTRY}}}{name}" for name in reversed(places)]


def _texts(node: etree._Element, tag: str) -> tuple[str, ...]:
    texts = ((child.text or "").strip() for child in node.iterchildren(tag))
    return tuple(text for text in texts if text)


def fingerprint(public: bytes) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, in lower-case hex: the `keyId` of signatures."""
    return hashlib.sha256(public).hexdigest()


def _read_key(node: etree._Element, keys: dict[str, str], wrong: list[str]) -> None:
    said = node.get("sha-256") or ""
    text = "".join((node.text or "").split())
    try:
        is_right = fingerprint(base64.b64decode(text, validate=True)) == said
    except (binascii.Error, ValueError):
        is_right = False
    if is_right:
        keys[said] = text
    else:
        wrong.append(said[:64])


def _read_hei(node: etree._Element) -> CatalogueHei:
    return CatalogueHei(
        hei_id=(node.get("id") or "").strip(),
        names=tuple(
            (child.get(LANGUAGE) or "", text)
            for child in node.iterchildren(f"{{{REGISTRY}}}name")
            if (text := (child.text or "").strip())
        ),
        other_ids=tuple(
            (child.get("type") or "", text)
            for child in node.iterchildren(f"{{{REGISTRY}}}other-id")
            if (text := (child.text or "").strip())
        ),
    )


def _read_host(
    node: etree._Element, number: int, keys: dict[str, str], known: Container[str]
) -> CatalogueHost:
    client = _key_ids(node, "client-credentials-in-use")
    server = _key_ids(node, "server-credentials-in-use")
    lacking = sorted({each for each in (*client, *server) if each not in keys})
    mixed = hashlib.sha256(
        etree.tostring(node, method="c14n", exclusive=True, with_comments=False, with_tail=False)
    )
    mixed.update("\n".join(lacking).encode())
    host = CatalogueHost(
        number=number,
        digest=mixed.hexdigest(),
        client_keys=tuple(each for each in client if each in keys),
        server_keys=tuple(each for each in server if each in keys),
    )
    if host.digest in known:
        return replace(host, known=True)
    covered = node.find(f"{{{REGISTRY}}}institutions-covered")
    apis = node.find(f"{{{REGISTRY}}}apis-implemented")
    heis = () if covered is None else _texts(covered, f"{{{REGISTRY}}}hei-id")
    return replace(
        host,
        provider=" ".join(_texts(node, f"{{{COMMON_TYPES}}}admin-provider")),
        emails=_texts(node, f"{{{COMMON_TYPES}}}admin-email"),
        hei_ids=tuple(dict.fromkeys(heis)),
        apis=() if apis is None else tuple(ApiEntry.read(each) for each in apis.iterchildren("*")),
    )


def _key_ids(node: etree._Element, credentials: str) -> tuple[str, ...]:
    found = node.find(f"{{{REGISTRY}}}{credentials}")
    if found is None:
        return ()
    ids = (
        child.get("sha-256") or "" for child in found.iterchildren(f"{{{REGISTRY}}}rsa-public-key")
    )
    return tuple(dict.fromkeys(each for each in ids if each))

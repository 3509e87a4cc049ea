"""The manifest: what one host tells the registry about itself. Also the entry of one API, wherever it stands.

Sources: ewp-specs-api-discovery 6.0.0, manifest.xsd; ewp-specs-sec-intro 2.0.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self

from lxml import etree

from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.types import (
    EMAIL,
    HEI_ID,
    HTTPS,
    Form,
    Notes,
    Read,
    Texts,
    Unwritable,
    put,
    put_each,
    put_if,
    put_other_ids,
    put_texts,
    root_of,
)
from vaihto.ewp.protocol.xml import COMMON_TYPES, Builder, Element

PATH = "manifest.xml"  # below the address of an institution, for good

MANIFEST = f"{EWP}ewp-specs-api-discovery/tree/stable-v6"
REGISTRY = f"{EWP}ewp-specs-api-registry/tree/stable-v1"
SECURITY = f"{EWP}ewp-specs-sec-intro/tree/stable-v2"

# Prefix and namespace of the methods we name, on either side.
_METHODS = {
    "client-auth-methods": {
        "httpsig": ("cli", f"{EWP}ewp-specs-sec-cliauth-httpsig/tree/stable-v1"),
        "anonymous": ("free", f"{EWP}ewp-specs-sec-cliauth-none/tree/stable-v1"),
    },
    "server-auth-methods": {
        "httpsig": ("srv", f"{EWP}ewp-specs-sec-srvauth-httpsig/tree/stable-v1"),
        "tlscert": ("tls", f"{EWP}ewp-specs-sec-srvauth-tlscert/tree/stable-v1"),
    },
}
_PREFIXES = {
    "ewp": COMMON_TYPES,
    "r": REGISTRY,
    "sec": SECURITY,
    **{prefix: space for methods in _METHODS.values() for prefix, space in methods.values()},
}
_VERSION = Form("three numbers such as 2.0.1", re.compile(r"[0-9]+\.[0-9]+\.[0-9]+"))
_BASE64 = Form("base64", re.compile(r"[A-Za-z0-9+/]{4,}={0,2}"))


@dataclass(frozen=True)
class Entry:
    """One API of a host. `parts` are its own elements and their texts in order, without `http-security`.

    The methods are None when the entry does not say them; unknown ones are left out when reading. `raw` is the
    element as it was read, by itself, for whoever copies entries of APIs that are not ours.
    """

    namespace: str
    element: str
    version: str
    parts: tuple[tuple[str, str], ...] = ()
    client_auth: tuple[str, ...] | None = None
    server_auth: tuple[str, ...] | None = None
    emails: tuple[str, ...] = ()
    notes: str = ""
    raw: bytes = field(default=b"", compare=False, repr=False)

    @classmethod
    def read(cls, element: Element) -> Self:
        """From a child of `apis-implemented`, or a document of its own."""
        security = element.find("http-security")
        own = [
            (child.name, child.value)
            for child in element.children()
            if child.namespace == element.namespace and child.name != "http-security"
        ]
        return cls(
            namespace=element.namespace,
            element=element.name,
            version=(element.attribute("version") or "").strip(),
            parts=tuple(own),
            client_auth=_methods(security, "client-auth-methods"),
            server_auth=_methods(security, "server-auth-methods"),
            emails=element.texts("admin-email", COMMON_TYPES),
            notes=element.text_or("admin-notes", "", COMMON_TYPES),
            raw=etree.tostring(element.node, method="c14n", exclusive=True, with_tail=False),
        )

    def put(self, parent: Builder) -> None:
        """As a child of `apis-implemented`. Raises `Unwritable`."""
        parent.put(self._built({}))

    def write(self) -> bytes:
        """As a document of its own. Raises `Unwritable`."""
        return self._built(_PREFIXES).write()

    def _built(self, prefixes: dict[str, str]) -> Builder:
        if not _VERSION.fits(self.version):
            raise Unwritable(f"The version of {self.element} must be {_VERSION.says}.")
        entry = Builder(self.element, self.namespace, prefixes, {"version": self.version})
        put_each(entry, "ewp:admin-email", self.emails, EMAIL)
        put_if(entry, "ewp:admin-notes", self.notes)
        if self.client_auth is not None or self.server_auth is not None:
            security = entry.add("http-security")
            _put_methods(security, "client-auth-methods", self.client_auth)
            _put_methods(security, "server-auth-methods", self.server_auth)
        for name, text in self.parts:
            if name == "url" or name.endswith("-url"):
                put(entry, name, text, HTTPS)
            else:
                entry.add(name, text)
        return entry


def _methods(security: Element | None, which: str) -> tuple[str, ...] | None:
    listed = None if security is None else security.find(which, SECURITY)
    if listed is None:
        return None
    known = {space: name for name, (_prefix, space) in _METHODS[which].items()}
    return tuple(
        method.name for method in listed.children() if known.get(method.namespace) == method.name
    )


def _put_methods(security: Builder, which: str, methods: tuple[str, ...] | None) -> None:
    if methods is None:
        return
    if not methods:
        raise Unwritable(f"{which} is empty.")
    listed = security.add(f"sec:{which}")
    for method in methods:
        prefix, _space = _METHODS[which][method]
        listed.add(f"{prefix}:{method}")


@dataclass(frozen=True)
class Covered:
    """The institution of a host. `other_ids` are pairs of type and value."""

    hei_id: str
    names: Texts
    other_ids: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, element: Element, notes: Notes) -> Self:
        """From a `hei` element."""
        hei_id = (element.attribute("id") or "").strip()
        if not hei_id:
            notes.add("hei/@id is missing.")
        others = [(one.attribute("type") or "", one.value) for one in element.children("other-id")]
        return cls(
            hei_id=hei_id,
            names=notes.texts(element, "name"),
            other_ids=tuple((kind, value) for kind, value in others if value),
        )

    def put(self, parent: Builder) -> None:
        """As a child of `institutions-covered`. Raises `Unwritable`."""
        if not HEI_ID.fits(self.hei_id):
            raise Unwritable(f"hei/@id must be {HEI_ID.says}.")
        hei = parent.add("r:hei", attributes={"id": self.hei_id})
        put_other_ids(hei, "r:other-id", self.other_ids)
        put_texts(hei, "r:name", self.names, at_least=1)


@dataclass(frozen=True)
class Manifest:
    """One host: whom to write to, its APIs, its institution and its public keys (base64 of the DER)."""

    emails: tuple[str, ...]
    provider: str
    notes: str = ""
    entries: tuple[Entry, ...] = ()
    covered: Covered | None = None
    client_keys: tuple[str, ...] = ()
    server_keys: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """From somebody's manifest. Raises `MalformedXml`, also for another version than 6."""
        notes = Notes()
        root = root_of(document, "manifest", MANIFEST)
        host = root.find("host")
        if host is None:
            notes.add("/manifest/host is missing.")
            return Read(cls((), ""), notes.problems)
        apis = host.find("apis-implemented", REGISTRY)
        institutions = host.find("institutions-covered")
        hei = None if institutions is None else institutions.find("hei", REGISTRY)
        emails = host.texts("admin-email", COMMON_TYPES)
        if not emails:
            notes.add("/manifest/host/admin-email is missing.")
        manifest = cls(
            emails=emails,
            provider=notes.text(host, "admin-provider", COMMON_TYPES),
            notes=host.text_or("admin-notes", "", COMMON_TYPES),
            entries=() if apis is None else tuple(Entry.read(one) for one in apis.children()),
            covered=None if hei is None else Covered.read(hei, notes),
            client_keys=_keys(host, "client-credentials-in-use"),
            server_keys=_keys(host, "server-credentials-in-use"),
        )
        return Read(manifest, notes.problems)

    def write(self) -> bytes:
        """The document. Raises `Unwritable`."""
        root = Builder("manifest", MANIFEST, _PREFIXES)
        host = root.add("host")
        put_each(host, "ewp:admin-email", self.emails, EMAIL, at_least=1)
        put(host, "ewp:admin-provider", self.provider)
        put_if(host, "ewp:admin-notes", self.notes)
        apis = host.add("r:apis-implemented")
        for entry in self.entries:
            entry.put(apis)
        if self.covered is not None:
            self.covered.put(host.add("institutions-covered"))
        _put_keys(host, "client-credentials-in-use", self.client_keys)
        _put_keys(host, "server-credentials-in-use", self.server_keys)
        return root.write()


def _keys(host: Element, credentials: str) -> tuple[str, ...]:
    listed = host.find(credentials)
    found = () if listed is None else listed.texts("rsa-public-key")
    return tuple("".join(key.split()) for key in found)


def _put_keys(host: Builder, credentials: str, keys: tuple[str, ...]) -> None:
    if keys:
        put_each(host.add(credentials), "rsa-public-key", keys, _BASE64)

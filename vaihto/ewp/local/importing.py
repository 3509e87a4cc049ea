"""What becomes of a manifest on its way into the catalogue: read, held against the schemas, and filtered.

The filters, their order and how grave each finding is follow the official registry, so that what passes here passes
there: also that an API whose address changes is left out once, because the catalogue still has the old address.
Everything here is a function from values to values. Source: reference of the network, section 4.4.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree

from vaihto.ewp.apis.discovery.messages import MANIFEST, REGISTRY, Entry, Manifest
from vaihto.ewp.local.sources import Source
from vaihto.ewp.protocol import xml
from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.schemas import Official

SHORTEST_KEY_BITS = 2048
_REGISTRY_ENTRY = f"{EWP}ewp-specs-api-registry/blob/"
# May be the same for many institutions, and are not held against the rules for addresses.
_SHARED = frozenset({"echo", "discovery"})
_ADDRESSES = frozenset({"url", "get-url", "index-url", "update-url", "stats-url"})


class Severity(StrEnum):
    """How an import went; the gravest finding decides."""

    OK = "OK"  # imported as it is
    WARNING = "WARNING"  # imported with changes, or with something to put right
    ERROR = "ERROR"  # parts of it, or all of it, not imported


_GRAVITY = list(Severity)


def gravest(notices: Iterable[Notice]) -> Severity:
    """The gravest severity among them, OK when there are none."""
    return max((notice.severity for notice in notices), key=_GRAVITY.index, default=Severity.OK)


@dataclass(frozen=True)
class Notice:
    """Something found in a manifest, in a sentence for whoever publishes it."""

    severity: Severity
    sentence: str


class NotImported(Exception):
    """The manifest cannot be taken at all; the last good version stays. Carries the notices."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)
        self.notices = tuple(Notice(Severity.ERROR, sentence) for sentence in sentences)


@dataclass(frozen=True)
class Imported:
    """What the catalogue takes from a source."""

    source: Source
    manifest: Manifest

    @property
    def hei_id(self) -> str:
        """The institution it covers, empty for none."""
        return self.manifest.covered.hei_id if self.manifest.covered else ""


@dataclass(frozen=True)
class Network:
    """What the catalogue holds while a manifest is being filtered: `own` is what the same source gave before."""

    others: Sequence[Imported] = ()
    own: Imported | None = None
    allow_private: bool = False

    def everybody(self) -> Iterator[Imported]:
        """All of it."""
        yield from self.others
        if self.own is not None:
            yield self.own


def import_manifest(
    document: bytes, source: Source, network: Network, *, official: Official | None
) -> tuple[Imported, tuple[Notice, ...]]:
    """What can be imported of the document, and what was found. Raises `NotImported`."""
    manifest, notices = read(document, official=official)
    found = list(notices)
    for step in _FILTERS:
        manifest, more = step(manifest, source, network)
        found.extend(more)
    return Imported(source, manifest), tuple(found)


# --- Reading -----------------------------------------------------------------------------------


def read(document: bytes, *, official: Official | None) -> tuple[Manifest, tuple[Notice, ...]]:
    """The manifest without the entries that the schemas refuse. Raises `NotImported`.

    Without the schemas, what every manifest and every entry must have is looked for all the same.
    """
    try:
        root = xml.parse(document, limit=5 * 1024 * 1024)
    except xml.MalformedXml as error:
        raise NotImported(f"This is no XML document that can be taken: {error}") from error
    if not root.is_a("manifest", MANIFEST):
        raise NotImported(
            f"The root element is {root.name!r} in the namespace {root.namespace!r}; "
            "only manifests of version 6 are imported."
        )
    found = Manifest.read(document)
    if official is None:
        problems = list(found.problems)
    else:
        problems = official.problems(_skeleton(root.node))
    if problems:
        raise NotImported("The manifest is not valid and is not imported.", *problems)
    entries, notices = _valid_entries(found.message.entries, root.node, official)
    return replace(found.message, entries=entries), notices


def _skeleton(manifest: etree._Element, entry: bytes = b"") -> etree._Element:
    """A copy of the manifest with this entry only, or with none."""
    copy = etree.fromstring(etree.tostring(manifest))
    for apis in copy.iter(f"{{{REGISTRY}}}apis-implemented"):
        for child in list(apis):
            apis.remove(child)
        if entry:
            apis.append(etree.fromstring(entry))
        break
    return copy


_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+", re.ASCII)


def _valid_entries(
    entries: Sequence[Entry], manifest: etree._Element, official: Official | None
) -> tuple[tuple[Entry, ...], tuple[Notice, ...]]:
    kept, notices = [], []
    for entry in entries:
        if official is not None:
            problems = official.problems(_skeleton(manifest, entry.raw))
        elif entry.namespace.startswith(EWP) and not _VERSION.fullmatch(entry.version):
            problems = [f"The version {entry.version!r} is not of the form 1.2.3."]
        else:
            problems = []
        if problems:
            notices.append(_warning(f"{_named(entry)} is not valid and is left out: {problems[0]}"))
        else:
            kept.append(entry)
    return tuple(kept), tuple(notices)


# --- Filters -----------------------------------------------------------------------------------

Filtered = tuple[Manifest, list[Notice]]


def _warning(sentence: str) -> Notice:
    return Notice(Severity.WARNING, sentence)


def _error(sentence: str) -> Notice:
    return Notice(Severity.ERROR, sentence)


def _named(entry: Entry) -> str:
    return f"The entry {entry.element} {entry.version}"


def _keep(
    manifest: Manifest, refuse: Callable[[Entry], Notice | None]
) -> tuple[Manifest, list[Notice]]:
    """The manifest without the entries that are refused, and why."""
    judged = [(entry, refuse(entry)) for entry in manifest.entries]
    kept = tuple(entry for entry, notice in judged if notice is None)
    return replace(manifest, entries=kept), [notice for _entry, notice in judged if notice]


def without_embedded(manifest: Manifest, _source: Source, _network: Network) -> Filtered:
    """Elements of catalogue or manifest inside an entry could mislead careless readers; they are taken out."""
    entries, notices = [], []
    for entry in manifest.entries:
        node = etree.fromstring(entry.raw)
        smuggled = [
            child
            for child in node.iterdescendants(f"{{{REGISTRY}}}*", f"{{{MANIFEST}}}*")
            if child.getparent() is not None
        ]
        for child in smuggled:
            parent = child.getparent()
            if parent is not None:
                parent.remove(child)
        if smuggled:
            notices.append(
                _warning(
                    f"{_named(entry)} contains elements of the catalogue or of a manifest; they are taken out."
                )
            )
            entry = Entry.read(xml.Element(node))
        entries.append(entry)
    return replace(manifest, entries=tuple(entries)), notices


def without_registry(manifest: Manifest, _source: Source, _network: Network) -> Filtered:
    """Only the registry announces the Registry API."""

    def refuse(entry: Entry) -> Notice | None:
        if entry.element == "registry" and entry.namespace.startswith(_REGISTRY_ENTRY):
            return _warning("Only the registry has an entry of the Registry API; it is left out.")
        return None

    return _keep(manifest, refuse)


def only_allowed_institution(manifest: Manifest, source: Source, _network: Network) -> Filtered:
    """A source speaks for the institutions it was registered for."""
    if manifest.covered is None or source.allows(manifest.covered.hei_id):
        return manifest, []
    return replace(manifest, covered=None), [
        _error(
            f"This source may not cover {manifest.covered.hei_id}: it does not match {source.heis!r}. "
            "The institution is left out."
        )
    ]


def only_sound_client_keys(manifest: Manifest, _source: Source, network: Network) -> Filtered:
    """A client key is long enough and belongs to one institution in the whole network."""
    hei_id = manifest.covered.hei_id if manifest.covered else ""
    covered: dict[str, set[str]] = {}
    for each in network.everybody():
        for key in each.manifest.client_keys:
            covered.setdefault(key, set()).update([each.hei_id] if each.hei_id else [])
    kept, notices = [], []
    for number, key in enumerate(manifest.client_keys, start=1):
        elsewhere = covered.get(key, set()) - {hei_id} if hei_id else set()
        if wrong := _weakness(key):
            notices.append(_error(f"Client key {number} {wrong} It is left out."))
        elif elsewhere:
            notices.append(
                _warning(
                    f"Client key {number} ({fingerprint(key)[:16]}…) already signs for "
                    f"{', '.join(sorted(elsewhere))}. It is left out."
                )
            )
        else:
            kept.append(key)
    return replace(manifest, client_keys=tuple(kept)), notices


def only_sound_server_keys(manifest: Manifest, _source: Source, _network: Network) -> Filtered:
    """A server key is long enough; institutions may share one."""
    kept, notices = [], []
    for number, key in enumerate(manifest.server_keys, start=1):
        if wrong := _weakness(key):
            notices.append(_error(f"Server key {number} {wrong} It is left out."))
        else:
            kept.append(key)
    return replace(manifest, server_keys=tuple(kept)), notices


def _weakness(key: str) -> str:
    """Why a key cannot be used, empty when it can."""
    try:
        public = load_der_public_key(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return "is no public key in DER form."
    if not isinstance(public, RSAPublicKey):
        return "is no RSA key."
    if public.key_size < SHORTEST_KEY_BITS:
        return f"has {public.key_size} bits, at least {SHORTEST_KEY_BITS} are asked for."
    return ""


def fingerprint(key: str) -> str:
    """SHA-256 of the key's DER form, in hex."""
    return hashlib.sha256(base64.b64decode(key)).hexdigest()


def once_per_institution(manifest: Manifest, _source: Source, network: Network) -> Filtered:
    """In one generation of an API an institution has one address.

    The catalogue as it stands decides, this source's own earlier entry included.
    """
    hei_id = manifest.covered.hei_id if manifest.covered else ""
    if not hei_id:
        return manifest, []
    known: dict[tuple[str, str], set[str]] = {}
    for each in network.everybody():
        if each.hei_id == hei_id:
            for entry in each.manifest.entries:
                known.setdefault(_api(entry), set()).add(address(entry))

    def refuse(entry: Entry) -> Notice | None:
        if entry.element in _SHARED or not entry.namespace.startswith(EWP):
            return None
        own = address(entry)
        if not own:
            return _error(f"{_named(entry)} has neither url nor get-url. It is left out.")
        other = known.get(_api(entry), set()) - {own}
        if other:
            return _error(
                f"{_named(entry)} is already in the catalogue for {hei_id} at {min(other)}. It is left out; "
                "where that is its own former address, it comes back the next time."
            )
        return None

    return _keep(manifest, refuse)


def _api(entry: Entry) -> tuple[str, str]:
    return entry.namespace, entry.element


def address(entry: Entry) -> str:
    """The address that stands for the entry: `url`, or `get-url`."""
    parts = dict(entry.parts)
    return parts.get("url") or parts.get("get-url", "")


def only_public_addresses(manifest: Manifest, _source: Source, network: Network) -> Filtered:
    """One address that is no public https address, and every API but echo and discovery is left out."""
    wrong = [
        text
        for entry in manifest.entries
        if entry.element not in _SHARED
        for name, text in entry.parts
        if name in _ADDRESSES and not is_usable(text, allow_private=network.allow_private)
    ]
    if not wrong:
        return manifest, []
    kept = tuple(entry for entry in manifest.entries if entry.element in _SHARED)
    notices = [_error(f"{text} is no public https address.") for text in wrong]
    notices.append(_error("So all APIs but echo and discovery are left out."))
    return replace(manifest, entries=kept), notices


_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_LAST_LABEL = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+", re.ASCII)
# Names that lead nowhere in the public network (RFC 2606, 6761, 6762, 7686, 8375 and custom).
_PRIVATE = frozenset(
    {"localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan"}
    | {"example", "invalid", "test", "onion", "alt", "arpa"}
)


def is_usable(url: str, *, allow_private: bool) -> bool:
    """Is this an https address with a public name or an IP address, without a fragment?"""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme != "https" or not host or "@" in parts.netloc or "#" in url or port == 0:
        return False
    if not url.isprintable() or re.search(r"[\s<>\"{}|\\^`]", url):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _is_usable_name(host.removesuffix("."), allow_private=allow_private)
    return True


def _is_usable_name(host: str, *, allow_private: bool) -> bool:
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(each) and len(each) < 64 for each in labels):
        return False
    if allow_private:
        return True
    return (
        len(labels) > 1
        and _LAST_LABEL.fullmatch(labels[-1]) is not None
        and labels[-1] not in _PRIVATE
    )


def once_in_the_network(manifest: Manifest, _source: Source, network: Network) -> Filtered:
    """No other host has this address for this API.

    Unless this institution has the API there already, and signs answers with every key that the other host does.
    """
    hei_id = manifest.covered.hei_id if manifest.covered else ""
    keys = set(manifest.server_keys)
    has_already = {
        (*_api(entry), address(entry))
        for each in network.everybody()
        if each.hei_id and each.hei_id == hei_id
        for entry in each.manifest.entries
    }

    def refuse(entry: Entry) -> Notice | None:
        if entry.element in _SHARED or not entry.namespace.startswith(EWP):
            return None
        own = (*_api(entry), address(entry))
        for other in network.others:
            if any((*_api(each), address(each)) == own for each in other.manifest.entries):
                if own in has_already and set(other.manifest.server_keys) <= keys:
                    continue
                whose = other.hei_id or other.source.url
                return _error(
                    f"{_named(entry)}: its address {address(entry)} belongs to {whose}. It is left out."
                )
        return None

    return _keep(manifest, refuse)


def names_its_own_address(manifest: Manifest, source: Source, _network: Network) -> Filtered:
    """The discovery entry says where the manifest is."""
    own = [
        text
        for entry in manifest.entries
        if entry.element == "discovery" and entry.namespace.startswith(EWP)
        for name, text in entry.parts
        if name == "url"
    ]
    if source.url in own:
        return manifest, []
    return manifest, [
        _warning(f"No discovery entry names the address of this manifest, {source.url}.")
    ]


_STABLE = re.compile(r".*/stable-v([0-9]+)(?:/|$)", re.ASCII)


def versions_fit_their_namespace(
    manifest: Manifest, _source: Source, _network: Network
) -> Filtered:
    """A version begins with the number of the namespace's generation; drafts 0.x live in the first."""
    notices = []
    for entry in manifest.entries:
        generation = _STABLE.match(entry.namespace)
        if not entry.namespace.startswith(EWP) or generation is None:
            continue
        allowed = (f"{generation[1]}.", *(("0.",) if generation[1] == "1" else ()))
        if not entry.version.startswith(allowed):
            notices.append(
                _warning(
                    f"{_named(entry)} stands in the namespace of generation {generation[1]}; "
                    f"its version should begin with {' or '.join(allowed)}"
                )
            )
    return manifest, notices


_FILTERS: tuple[Callable[[Manifest, Source, Network], Filtered], ...] = (
    without_embedded,
    only_allowed_institution,
    only_sound_client_keys,
    only_sound_server_keys,
    without_registry,
    once_per_institution,
    only_public_addresses,
    once_in_the_network,
    names_its_own_address,
    versions_fit_their_namespace,
)

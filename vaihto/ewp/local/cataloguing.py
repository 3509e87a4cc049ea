"""Writing what was imported: the catalogue that peers read, and the filtered manifest that is kept for a restart."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from vaihto.ewp.apis.discovery.messages import MANIFEST, REGISTRY, Manifest
from vaihto.ewp.local.importing import Imported, fingerprint
from vaihto.ewp.local.sources import Own
from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.xml import COMMON_TYPES, LANGUAGE

_ENTRY = f"{EWP}ewp-specs-api-registry/blob/stable-v1/manifest-entry.xsd"
_VERSION = "1.5.0"


def write_catalogue(own: Own, imported: Sequence[Imported]) -> bytes:
    """The catalogue of these hosts, the registry's own first. The same input gives the same bytes."""
    root = etree.Element(f"{{{REGISTRY}}}catalogue", nsmap={"r": REGISTRY, "ewp": COMMON_TYPES})
    keys: dict[str, str] = {}
    _put_self(root, own)
    for each in imported:
        _put_host(root, each.manifest, keys)
    _put_institutions(root, imported)
    binaries = etree.SubElement(root, _r("binaries"))
    for name in sorted(keys):
        _text(binaries, _r("rsa-public-key"), keys[name], {"sha-256": name})
    etree.cleanup_namespaces(root, keep_ns_prefixes=["ewp"])
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _r(name: str) -> str:
    return f"{{{REGISTRY}}}{name}"


def _text(
    parent: etree._Element, tag: str, text: str = "", attributes: dict[str, str] | None = None
) -> etree._Element:
    child = etree.SubElement(parent, tag, attributes or {})
    child.text = text or None
    return child


def _put_self(root: etree._Element, own: Own) -> None:
    host = etree.SubElement(root, _r("host"))
    for email in own.emails:
        _text(host, f"{{{COMMON_TYPES}}}admin-email", email)
    _text(host, f"{{{COMMON_TYPES}}}admin-provider", own.provider)
    apis = etree.SubElement(host, _r("apis-implemented"))
    entry = etree.SubElement(
        apis, f"{{{_ENTRY}}}registry", {"version": _VERSION}, nsmap={"entry": _ENTRY}
    )
    _text(entry, f"{{{_ENTRY}}}catalogue-url", own.catalogue_url)


def _put_host(root: etree._Element, manifest: Manifest, keys: dict[str, str]) -> None:
    host = etree.SubElement(root, _r("host"))
    _put_head(host, manifest)
    if manifest.covered is not None:
        covered = etree.SubElement(host, _r("institutions-covered"))
        _text(covered, _r("hei-id"), manifest.covered.hei_id)
    for side, used in (("client", manifest.client_keys), ("server", manifest.server_keys)):
        if used:
            credentials = etree.SubElement(host, _r(f"{side}-credentials-in-use"))
            for key in used:
                name = fingerprint(key)
                keys[name] = key
                _text(credentials, _r("rsa-public-key"), "", {"sha-256": name})


def _put_head(host: etree._Element, manifest: Manifest) -> None:
    """What is the same in manifest and catalogue."""
    for email in manifest.emails:
        _text(host, f"{{{COMMON_TYPES}}}admin-email", email)
    _text(host, f"{{{COMMON_TYPES}}}admin-provider", manifest.provider)
    if manifest.notes:
        _text(host, f"{{{COMMON_TYPES}}}admin-notes", manifest.notes)
    apis = etree.SubElement(host, _r("apis-implemented"))
    for entry in manifest.entries:
        apis.append(etree.fromstring(entry.raw))


def _put_institutions(root: etree._Element, imported: Sequence[Imported]) -> None:
    """Each institution once, with everything that any manifest says about it."""
    others: dict[str, list[tuple[str, str]]] = {}
    names: dict[str, list[tuple[str, str]]] = {}
    for each in imported:
        if each.manifest.covered is None:
            continue
        others.setdefault(each.hei_id, []).extend(each.manifest.covered.other_ids)
        names.setdefault(each.hei_id, []).extend(each.manifest.covered.names)
    listed = etree.SubElement(root, _r("institutions"))
    for hei_id in sorted(names):
        _put_hei(listed, hei_id, others[hei_id], names[hei_id])


def _put_hei(
    parent: etree._Element,
    hei_id: str,
    others: Sequence[tuple[str, str]],
    names: Sequence[tuple[str, str]],
) -> None:
    hei = etree.SubElement(parent, _r("hei"), {"id": hei_id})
    for kind, value in dict.fromkeys(others):
        _text(hei, _r("other-id"), value, {"type": kind})
    for language, name in dict.fromkeys(names):
        _text(hei, _r("name"), name, {LANGUAGE: language} if language else None)


def write_manifest(manifest: Manifest) -> bytes:
    """A manifest with its entries exactly as they were read, foreign ones included."""
    root = etree.Element(
        f"{{{MANIFEST}}}manifest", nsmap={"m": MANIFEST, "r": REGISTRY, "ewp": COMMON_TYPES}
    )
    host = etree.SubElement(root, f"{{{MANIFEST}}}host")
    _put_head(host, manifest)
    if manifest.covered is not None:
        covered = etree.SubElement(host, f"{{{MANIFEST}}}institutions-covered")
        one = manifest.covered
        _put_hei(covered, one.hei_id, one.other_ids, one.names)
    for side, used in (("client", manifest.client_keys), ("server", manifest.server_keys)):
        if used:
            credentials = etree.SubElement(host, f"{{{MANIFEST}}}{side}-credentials-in-use")
            for key in used:
                _text(credentials, f"{{{MANIFEST}}}rsa-public-key", key)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

"""What the official EWP schemas say about a document.

The published files are never part of this project; a folder with them is handed in, or comes from the setting
`VAIHTO_SCHEMAS`. Without it nothing here objects. Schemas are compiled once per process, without the network: an
address of the public repositories is answered from the folder by the rule of `_Resolver`.

Nothing of Django is imported before `check_outgoing` is called, so that commands about files alone can use the rest.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lxml import etree

from vaihto.refusals import Invalid
from vaihto.wording import mark as _

SHOWN = 20
"""So many problems of a document are told; the last line says how many more there are."""

_XS = "http://www.w3.org/2001/XMLSchema"
_REPOSITORIES = "https://github.com/erasmus-without-paper/"
# Their `apis-implemented` takes any content unless the schemas of all entries are known to the same schema.
_OF_MANY = re.compile(
    re.escape(_REPOSITORIES)
    + r"(ewp-specs-api-discovery/tree/stable-v\d+|ewp-specs-api-registry/tree/stable-v1)$"
)
_OF_ENTRIES = re.compile(r"ewp-specs-(api-(discovery|registry)|sec)-|/manifest-entry\.xsd$")
_PUBLIC = re.compile(
    r"https://raw\.githubusercontent\.com/[^/]+/(?P<name>[^/]+)/(stable-)?v(?P<major>\d+)(\.[\w.-]+)?/(?P<path>.+)"
)
_MISSED = re.compile(r".*?(?P<name>[^/]+)-v(?P<major>\d+)\.\d+\.[^/]+/(?P<path>.+)")
_NAMESPACE = re.compile(r"\{[^{}]*\}")


class SchemasUnusable(Invalid):
    """A folder of schemas that cannot be used."""

    sentence = _("The official schemas in %(folder)s cannot be used: %(detail)s.")
    remedy = _("Install them again with `vaihto schemas install`, or leave them out.")


class NotSchemaValid(Exception):
    """A document of ours that the official schema refuses: our mistake, so it is not sent."""


class Official:
    """The published schema files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = _files(folder)  # namespace -> file, the first of two
        self._compiled: dict[str, tuple[Any, threading.Lock]] = {}
        self._compiling = threading.Lock()

    def problems(self, document: bytes | etree._Element) -> list[str]:
        """What is wrong with a document, in plain words; nothing when it is valid."""
        if isinstance(document, bytes):
            try:
                root = etree.fromstring(document, _safe_parser())
            except etree.XMLSyntaxError as error:
                return [f"Not well-formed XML: {error}."]
        else:
            root = document
        namespace = etree.QName(root).namespace or ""
        if namespace not in self.files:
            return [
                f"No official schema is for the namespace {namespace!r} of the element {root.tag!r}."
            ]
        schema, lock = self._schema(namespace)
        with lock:  # a schema keeps the errors of its last document
            if schema.validate(root):
                return []
            found = list(schema.error_log)
        told = [f"Line {error.line}: {_plain(error.message)}" for error in found[:SHOWN]]
        if len(found) > SHOWN:
            told.append(f"And {len(found) - SHOWN} more.")
        return told

    def compile_file(self, file: Path) -> Any:  # a schema
        """One published file as a schema. Raises `SchemasUnusable`."""
        return self._compile(lambda parser: etree.parse(str(file), parser))

    def _schema(self, namespace: str) -> tuple[Any, threading.Lock]:
        key = "" if _OF_MANY.match(namespace) else namespace
        with self._compiling:
            if key not in self._compiled:
                schema = self.compile_file(self.files[key]) if key else self._compound()
                self._compiled[key] = (schema, threading.Lock())
            return self._compiled[key]

    def _compound(self) -> Any:  # a schema
        """One schema that knows the manifest, the catalogue, every entry and every security method."""
        driver = etree.Element(f"{{{_XS}}}schema", nsmap={"xs": _XS})
        for namespace, file in self.files.items():
            if _OF_ENTRIES.search(file.relative_to(self.folder).as_posix()):
                etree.SubElement(driver, f"{{{_XS}}}import").attrib.update(
                    {"namespace": namespace, "schemaLocation": file.as_uri()}
                )
        text = etree.tostring(driver)
        # Read as if it stood in the folder.
        address = (self.folder / "all-entries.xsd").as_uri()
        return self._compile(lambda parser: etree.fromstring(text, parser, base_url=address))

    def _compile(self, read: Any) -> Any:  # a function from parser to tree; a schema
        parser = _safe_parser()
        resolver = _Resolver(self.folder)
        parser.resolvers.add(resolver)
        try:
            return etree.XMLSchema(read(parser))
        except (etree.LxmlError, OSError, _NoSuchSchema) as error:
            detail = resolver.missed or str(error).partition("\n")[0]
            raise SchemasUnusable("ewp.schemas", folder=str(self.folder), detail=detail) from error


def problems(document: bytes, folder: Path | None) -> list[str] | None:
    """What is wrong with a document by the schemas below `folder`; None where there are none.

    Raises `SchemasUnusable` when the files are there and cannot be understood.
    """
    schemas = official(folder)
    return None if schemas is None else schemas.problems(document)


def official(folder: Path | None) -> Official | None:
    """The official schemas below `folder` (in `ewp/`, or right there); None when there are none."""
    if folder is None:
        return None
    for place in (folder / "ewp", folder):
        if next(place.glob("ewp-specs-*/"), None) is not None:
            return _official(place.resolve())
    return None


def check_outgoing(document: bytes) -> None:
    """Raises `NotSchemaValid` when the setting asks for it and a document about to be sent is not valid."""
    from django.conf import settings  # noqa: PLC0415 - commands about files start without Django

    if not settings.EWP_VALIDATE:
        return
    found = problems(document, settings.SCHEMAS)
    if found:
        raise NotSchemaValid("\n".join(found))


@lru_cache(maxsize=4)
def _official(folder: Path) -> Official:
    return Official(folder)


class _NoSuchSchema(Exception):
    pass


class _Resolver(etree.Resolver):
    """Answers an address of the public repositories from the folder, and any other not at all.

    The address names a repository, a major version (`stable-v2`, `v2`, `v2.1.1`) and a path; the answer is the one
    file `<repository>-v<major>.*/<path>`. The same holds for a relative path to a release that is not there. A
    relative path that exists is left to lxml. Source: the README beside the schemas.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missed = ""

    def resolve(  # type: ignore[override]  # the stubs know two of the three arguments
        self, system_url: str, _public_id: str, context: Any
    ) -> Any:
        """See `etree.Resolver`."""
        address = system_url
        local = address.removeprefix("file://")
        if address.startswith("http"):
            wanted = _PUBLIC.fullmatch(address)
        elif Path(local).is_file() or Path(unquote(local)).is_file():
            return None
        else:
            wanted = _MISSED.fullmatch(address)
        found = [] if wanted is None else self._matching(**wanted.groupdict())
        if len(found) != 1:
            self.missed = f"{address} is {'not' if not found else 'several times'} in the folder"
            raise _NoSuchSchema(self.missed)
        return self.resolve_filename(str(found[0]), context)  # type: ignore[attr-defined]  # unknown to them too

    def _matching(self, *, name: str, major: str, path: str) -> list[Path]:
        releases = self.folder.glob(f"{name}-v{major}.*")
        return [file for release in releases if (file := release / path).is_file()]


def _files(folder: Path) -> dict[str, Path]:
    """Target namespace -> file. Two files of one namespace: the first by name, which is the older release."""
    found: dict[str, Path] = {}
    for file, namespace in _namespaces(folder):
        found.setdefault(namespace, file)
    return found


def _namespaces(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(folder.rglob("*.xsd")):
        try:
            with file.open("rb") as published:
                events = etree.iterparse(published, events=("start",), no_network=True)
                _event, root = next(iter(events))
                namespace = root.get("targetNamespace")
        except (etree.XMLSyntaxError, OSError, StopIteration):
            namespace = None
        if not namespace:
            detail = f"{file.name} is not a schema"
            raise SchemasUnusable("ewp.schemas", folder=str(folder), detail=detail)
        yield file, namespace


def _safe_parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def _plain(message: str | None) -> str:
    """A message of the validator without the addresses of namespaces."""
    return _NAMESPACE.sub("", message or "").replace("  ", " ")

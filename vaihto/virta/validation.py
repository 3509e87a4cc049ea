"""Is a VIRTA file right? By the official schema where it is present, else by our own check.

The published schema takes 150 seconds for a million periods, nearly all of it libxml2 walking lists
of thousands of codes value by value. So the bulk is judged by the same schema with each long list
folded into one pattern, in memory: a pattern that branches letter by letter is followed in a few
steps. Records go through it in pieces of 5,000, so memory stays flat; where a piece fails, each of its
records is judged alone and the first thousand that are refused by the schema as published too;
`structure` says in words what is wrong.

No schema is kept in this project; a folder with the published files is handed in.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from lxml import etree

from vaihto.refusals import Invalid
from vaihto.virta.document import Opened, Source, Unreadable, events, line_of, opened
from vaihto.virta.problems import Problem, problem
from vaihto.virta.records import KIND_BY_CONTAINER, KIND_BY_ELEMENT, NAMESPACE, NESTED
from vaihto.virta.structure import record_problems, root_problems
from vaihto.wording import mark as _

PIECE_RECORDS = 5_000
FOLDED_FROM = 9
"""Lists of so many codes and more become a pattern."""

CONFIRMED = 1_000
"""So many refused records of a file are put before the published schema too; it has never differed."""

TOP = "Virta.xsd"
_XS = "{http://www.w3.org/2001/XMLSchema}"


# --- the official schema --------------------------------------------------------------------------


class SchemasUnusable(Invalid):
    """A folder of schemas that cannot be used."""

    sentence = _("The official schemas in %(folder)s cannot be used: %(detail)s.")
    remedy = _("Install them again with `vaihto schemas install`, or leave them out.")


@dataclass(frozen=True)
class Official:
    """The published schema files in one folder."""

    folder: Path

    @cached_property
    def published(self) -> Any:  # a schema
        """The schema exactly as published. It knows all six kinds of document."""
        return _compiled(self.folder, lambda: etree.XMLSchema(file=str(self.folder / TOP)))

    @cached_property
    def folded(self) -> Any:  # a schema
        """The same language with long lists folded; about 50 times as fast."""
        return _compiled(self.folder, lambda: etree.XMLSchema(_merged(self.folder, fold=True)))

    @cached_property
    def lists(self) -> Mapping[str, frozenset[str]]:
        """All code lists by the name of their type."""
        merged = _compiled(self.folder, lambda: _merged(self.folder, fold=False))
        found: dict[str, frozenset[str]] = {}
        for declared in merged.iter(f"{_XS}simpleType"):
            values = [value.get("value", "") for value in declared.iter(f"{_XS}enumeration")]
            if values and declared.get("name"):
                found[declared.get("name", "")] = frozenset(values)
        return found

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """The version that each file states, by the file's name without its ending."""
        return schema_version(self.folder)


def official(schemas: Path | None) -> Official | None:
    """The official schema below `schemas` (in `virta/`, or right there); None when there is none.

    Raises `SchemasUnusable` when the files are there and cannot be understood.
    """
    if schemas is None:
        return None
    for folder in (schemas / "virta", schemas):
        if (folder / TOP).is_file():
            return _official(folder.resolve())
    return None


@lru_cache(maxsize=4)
def _official(folder: Path) -> Official:
    found = Official(folder)
    _ = found.published
    return found


def schema_version(folder: Path) -> dict[str, str]:
    """The versions of the schema files in a folder, for example `{"Virta": "1.06.1", …}`."""
    return {
        path.stem: _compiled(folder, lambda path=path: etree.parse(str(path)))  # type: ignore[misc]  # bound early
        .getroot()
        .get("version", "")
        for path in sorted(folder.glob("*.xsd"))
    }


def _compiled(
    folder: Path, make: Callable[[], Any]
) -> Any:  # Any: a schema or a tree, as `make` says
    try:
        return make()
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError, OSError) as error:
        raise SchemasUnusable(
            "virta.schemas", folder=str(folder), detail=str(error).splitlines()[0]
        ) from error


def _merged(folder: Path, *, fold: bool) -> etree._Element:
    """All schema files as one, without their remarks, and with long lists folded when asked."""
    files: dict[str, etree._Element] = {}

    def load(name: str) -> None:
        if name in files:
            return
        root = etree.parse(str(folder / name)).getroot()
        files[name] = root
        for include in root.findall(f"{_XS}include"):
            load(include.get("schemaLocation", ""))

    load(TOP)
    top = files[TOP]
    merged = etree.Element(top.tag, _attributes(top), nsmap=_names(top))
    for root in files.values():
        merged.extend(root.findall(f"{_XS}simpleType"))
        merged.extend(root.findall(f"{_XS}complexType"))
        merged.extend(root.findall(f"{_XS}element"))
    if fold:
        for restriction in merged.iter(f"{_XS}restriction"):
            _fold(restriction)
    return merged


def _fold(restriction: etree._Element) -> None:
    listed = restriction.findall(f"{_XS}enumeration")
    if len(listed) < FOLDED_FROM:
        return
    for value in listed:
        restriction.remove(value)
    pattern = pattern_of(value.get("value", "") for value in listed)
    etree.SubElement(restriction, f"{_XS}pattern").set("value", pattern)


def pattern_of(values: Iterable[str]) -> str:
    """A schema pattern that accepts exactly these values, branching character by character."""
    tree: dict[str, Any] = {}
    for value in values:
        node = tree
        for character in value:
            node = node.setdefault(character, {})
        node[""] = True
    return _branch(tree)


def _branch(node: Mapping[str, Any]) -> str:
    branches = [
        _literal(character) + _branch(node[character]) for character in sorted(node) if character
    ]
    if not branches:
        return ""
    if "" in node:
        return f"({'|'.join(branches)})?"
    return branches[0] if len(branches) == 1 else f"({'|'.join(branches)})"


def _literal(character: str) -> str:
    return "\\" + character if character in r"\.-[](){}*+?|^$" else character


# --- a file ---------------------------------------------------------------------------------------


@dataclass
class Validation:
    """The problems of one file, one after the other, in the order of the file.

    Afterwards `counts` says how many records of each kind the file has, by the name of their element,
    and `cut_off` that it could not be read to its end.
    """

    source: Source
    by: Official | None
    root: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    cut_off: bool = False
    confirmed: int = 0

    def __iter__(self) -> Iterator[Problem]:
        try:
            file = opened(self.source)
        except Unreadable as refused:
            yield of_refusal(refused)
            return
        self.root = file.root
        told: set[tuple[str, str, str, int, str]] = set()
        try:
            for number, piece in enumerate(_pieces(file, self.counts)):
                found: dict[tuple[str, str, str, int, str], None] = {}
                for each in self._piece_problems(piece, first=number == 0):
                    found[each.identity] = None
                    if each.identity not in told:
                        yield each
                # Only a student with very many records is cut between pieces and met twice.
                told = set(found)
        except Unreadable as refused:
            self.cut_off = True
            yield of_refusal(refused)
        finally:
            file.close()

    def _piece_problems(self, piece: etree._Element, *, first: bool) -> Iterator[Problem]:
        by = self.by
        if by is not None and by.folded.validate(piece):
            return
        if first:
            yield from self._root_problems(piece)
        for element in list(piece):
            alone = etree.Element(piece.tag, nsmap=_names(piece))
            alone.append(element)
            element.tail = None
            yield from self._record_problems(alone)

    def _root_problems(self, piece: etree._Element) -> Iterator[Problem]:
        yield from root_problems(piece, empty=len(piece) == 0)

    def _record_problems(self, alone: etree._Element) -> Iterator[Problem]:
        by = self.by
        if by is None:
            yield from record_problems(alone[0], root=self.root, lists={})
            return
        if by.folded.validate(alone):
            return
        if self.confirmed < CONFIRMED:
            self.confirmed += 1
            if by.published.validate(alone):
                return
        explained = False
        for each in record_problems(alone[0], root=self.root, lists=by.lists):
            explained = True
            yield each
        if not explained:
            by.published.validate(alone)
            yield from _unexplained(alone[0], by.published.error_log)


def validate(source: Source, schemas: Path | None) -> Iterator[Problem]:
    """What is wrong with a file, by the official schema below `schemas`, else by our own check."""
    yield from Validation(source, official(schemas))


def of_refusal(refused: Unreadable) -> Problem:
    """The problem of a file that cannot be read, or not to its end."""
    line = refused.facts.get("line", 0)
    return Problem(
        refused.code,
        refused.sentence,
        refused.remedy,
        line=line if isinstance(line, int) else 0,
        facts={name: str(fact) for name, fact in refused.facts.items()},
    )


def _unexplained(element: etree._Element, log: Any) -> Iterator[Problem]:
    """The schema's own words, for what our check does not see; its names without the namespace."""
    name = str(element.tag).rpartition("}")[2]
    kind = name if name in KIND_BY_ELEMENT else ""
    for entry in log:
        detail = str(entry.message).replace(f"{{{NAMESPACE}}}", "")
        yield problem(
            "schema",
            kind=kind,
            key=element.get("avain") or "",
            line=entry.line or line_of(element),
            facts={"detail": detail},
        )
        return


# --- pieces ---------------------------------------------------------------------------------------


def _pieces(file: Opened, counts: Counter[str]) -> Iterator[etree._Element]:
    """The document as a row of small ones, each with the outermost element and some of its children.

    Together they hold every child of the document once; only the last records of a cut student are
    met again. The attributes and the first text of the outermost element go with the first piece.
    """
    nested = file.root == NESTED
    names = list(KIND_BY_ELEMENT) if nested else [KIND_BY_CONTAINER[file.root].element]
    first = piece = etree.Element(f"{{{NAMESPACE}}}{file.root}", file.attributes, nsmap=file.nsmap)
    gathered = 0
    in_student = 0
    for _event, element in events(file, [*names, file.root], starts=False):
        parent = element.getparent()
        if parent is None:
            if piece is first:
                piece.text = element.text
            piece.extend(list(element))
            continue  # and not break: something may stand after the end
        above = parent.getparent()
        if above is None:
            if piece is first and not gathered:
                piece.text = parent.text
            counts[_local(element)] += 1
            gathered += 1
            in_student = 0
            # The last child stays: the parser may still add to the text after it.
            while (earlier := parent[0]) is not element:
                piece.append(earlier)
            if gathered >= PIECE_RECORDS:
                yield piece
                piece = etree.Element(piece.tag, nsmap=file.nsmap)
                gathered = 0
        elif nested and above.getparent() is not None and _is_held(parent, element):
            counts[_local(element)] += 1
            gathered += 1
            in_student += 1
            if in_student >= PIECE_RECORDS:
                piece.append(_cut_student(above, parent, element))
                yield piece
                piece = etree.Element(piece.tag, nsmap=file.nsmap)
                gathered = in_student = 0
    if len(piece) or piece is first:
        yield piece


def _is_held(container: etree._Element, element: etree._Element) -> bool:
    kind = KIND_BY_CONTAINER.get(_local(container))
    return kind is not None and kind.element == _local(element)


def _cut_student(
    student: etree._Element, container: etree._Element, last: etree._Element
) -> etree._Element:
    """A student with the records read so far; of those only one for each list stays behind.

    What stays keeps the order and number of the lists right for the next cut.
    """
    part = etree.Element(student.tag, _plain(student))
    for child in student:
        if child is container:
            break
        part.append(copy.deepcopy(child))
        if _local(child) in KIND_BY_CONTAINER:
            for record in list(child)[1:]:
                child.remove(record)
    shell = etree.SubElement(part, container.tag, _plain(container))
    while container[0] is not last:
        shell.append(container[0])
    return part


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _plain(element: etree._Element) -> dict[str, str]:
    """The attributes without a namespace; the others are judged with the end of the student."""
    return {name: value for name, value in _attributes(element).items() if "{" not in name}


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.attrib.items()}


def _names(element: etree._Element) -> Any:  # Any: the stubs of lxml know no default namespace
    return element.nsmap

"""Reading a VIRTA file of any size: the nested `Virta` document and the five separate ones.

    document = read_document(path)
    for record in document: ...
    document.aside          # what stood between records and is not declared in `records`

Records come one by one in the order of the file, a student before the other records of the student,
so that memory stays flat. A file that cannot be read at all is refused with `Unreadable`, at the
start or in the middle. Nothing is looked up outside the file: document types, entities and external
references are refused, and texts and depths beyond libxml2's ordinary limits as well.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from lxml import etree

from vaihto.refusals import Refusal
from vaihto.virta.records import (
    KIND_BY_CONTAINER,
    KIND_BY_ELEMENT,
    NAMESPACE,
    NESTED,
    NO_END,
    ROOTS,
    Marked,
    Part,
    Record,
    Rest,
    Shape,
)
from vaihto.wording import mark as _

CHUNK_BYTES = 1 << 16
RECORD_BYTES = 16_000_000
"""No single record is so large: what goes on so long without one is not taken into memory."""
HEAD_BYTES = 1 << 20
"""The root element must begin within so many bytes: nothing but remarks may stand before it."""

Source = bytes | str | Path | BinaryIO
"""A document itself, the path of a file, or an open file (bytes, not text)."""


class Unreadable(Refusal):
    """A file of which not even the records can be told apart. `line` in the facts, 0 when unknown."""

    sentence = _("The file cannot be read.")


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


@dataclass
class _Replayed:
    """The bytes already taken from a stream, then the rest of the stream."""

    head: bytes
    stream: _Readable
    taken: int = 0
    since_record: int = 0

    def read(self, size: int = CHUNK_BYTES, /) -> bytes:
        """At most `size` bytes. Refuses to go on when no record has ended for a very long time."""
        if self.taken < len(self.head):
            piece = self.head[self.taken : self.taken + size]
            self.taken += len(piece)
        else:
            piece = self.stream.read(size)
        self.since_record += len(piece)
        if self.since_record > RECORD_BYTES:
            raise Unreadable(
                "virta.too-large",
                sentence=_(
                    "No record ends within 16 million characters; a file of records was expected."
                ),
                remedy=_("Check that this is a VIRTA file as the study register wrote it."),
                line=0,
            )
        return piece


@dataclass
class Opened:
    """A file whose root element has been seen; `stream` gives the whole of it from the beginning."""

    root: str
    attributes: Any  # names to values; the stubs of lxml mix in bytes
    nsmap: Any  # prefixes to namespaces; the stubs know no default namespace
    stream: _Replayed
    close: Callable[[], None]


# --- opening --------------------------------------------------------------------------------------

_OTHER_FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "gzip", _("This is a packed file (gzip), not XML.")),
    (b"PK\x03\x04", "zip", _("This is a packed file or a spreadsheet (zip, XLSX), not XML.")),
    (b"%PDF", "pdf", _("This is a PDF, not XML.")),
    (b"BZh", "bzip2", _("This is a packed file (bzip2), not XML.")),
    (b"\xfd7zXZ", "xz", _("This is a packed file (xz), not XML.")),
    (b"\xd0\xcf\x11\xe0", "office", _("This is an old spreadsheet or document, not XML.")),
)


def opened(source: Source) -> Opened:
    """The file, its root element seen. Raises `Unreadable` for anything that is no VIRTA document."""
    if isinstance(source, str):
        source = Path(source)
    if isinstance(source, Path):
        stream = _open(source)
        close = stream.close
    else:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        close = _nothing
    try:
        return _seen(stream, close)
    except BaseException:
        close()
        raise


def _nothing() -> None:
    """A file that somebody else opened is closed by them."""


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except IsADirectoryError as error:
        raise Unreadable(
            "virta.file-folder",
            sentence=_("This is a folder, not a file."),
            remedy=_("Name the XML file inside it."),
            line=0,
        ) from error
    except FileNotFoundError as error:
        raise Unreadable(
            "virta.file-missing",
            sentence=_("There is no such file."),
            remedy=_("Check the name and the folder."),
            line=0,
        ) from error
    except (OSError, ValueError) as error:
        raise Unreadable(
            "virta.file-closed",
            sentence=_("The file cannot be opened (%(detail)s)."),
            remedy=_("Ask whoever owns the file for permission to read it."),
            detail=getattr(error, "strerror", None) or str(error),
            line=0,
        ) from error


def _seen(stream: _Readable, close: Callable[[], None]) -> Opened:
    head = _read(stream, CHUNK_BYTES)
    _refuse_other_formats(head)
    parser = etree.XMLPullParser(events=("start",), **PARSER)  # type: ignore[arg-type]  # a dict of options
    fed = 0
    while True:
        try:
            parser.feed(head[fed:])
            if fed == len(head):
                parser.close()
        except etree.XMLSyntaxError as error:
            if b"<!DOCTYPE" in head.replace(b"\x00", b""):
                raise _document_type() from error
            raise unreadable(error) from error
        fed = len(head)
        for _event, found in parser.read_events():
            element: Any = found  # the stubs of lxml allow for other events than those asked for
            root = _root_name(element)
            _refuse_odd_names(element)
            return Opened(
                root,
                dict(element.attrib.items()),
                dict(element.nsmap),
                _Replayed(head, stream),
                close,
            )
        if len(head) > HEAD_BYTES:
            raise Unreadable(
                "virta.no-root",
                sentence=_("No XML element begins within the first million characters."),
                remedy=_("Bring a VIRTA file as the study register wrote it."),
                line=0,
            )
        head += _read(stream, CHUNK_BYTES)


def _read(stream: _Readable, size: int) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        raise Unreadable(
            "virta.file-broken",
            sentence=_("The file cannot be read to its end (%(detail)s)."),
            remedy=_("Copy the file again and check the disk."),
            detail=error.strerror or str(error),
            line=0,
        ) from error


def _refuse_other_formats(head: bytes) -> None:
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise Unreadable(
            "virta.file-empty",
            sentence=_("The file is empty."),
            remedy=_("Export it again from the study register."),
            line=0,
        )
    for mark, name, sentence in _OTHER_FORMATS:
        if head.startswith(mark):
            raise Unreadable(
                "virta.file-format",
                sentence=sentence,
                remedy=_("Unpack it, or export the records as XML, and check that file."),
                format=name,
                line=0,
            )
    if head.startswith(
        (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"<\x00\x00\x00", b"\x00\x00\x00<")
    ):
        raise Unreadable(
            "virta.encoding",
            sentence=_("The file is written in UTF-32, which is not read."),
            remedy=_('Save it as UTF-8, with encoding="UTF-8" in the first line.'),
            line=0,
        )
    if not _looks_like_xml(head):
        raise Unreadable(
            "virta.file-format",
            sentence=_("This is not an XML file."),
            remedy=_("Bring a VIRTA file as the study register wrote it: it begins with <."),
            format="",
            line=0,
        )


def _looks_like_xml(head: bytes) -> bool:
    """True when the first character is `<` in any of the encodings XML may have."""
    start = re.match(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?", head)
    rest = head[start.end() if start else 0 :]
    # UTF-16 puts zero bytes around it; EBCDIC begins with other bytes.
    return rest.lstrip(b"\x00 \t\r\n").startswith((b"<", b"\x4c\x6f\xa7\x94"))


def _refuse_odd_names(element: Any) -> None:
    """Names that a parser lets through and nothing else: they could not be given on."""
    try:
        etree.Element("any", dict(element.attrib.items()), nsmap=dict(element.nsmap))
    except ValueError as error:
        raise Unreadable(
            "virta.odd-name",
            sentence=_("The outermost element has a name or namespace that is not a proper one."),
            remedy=_('Begin the file with <%(root)s xmlns="%(namespace)s">.'),
            root=str(element.tag).rpartition("}")[2],
            namespace=NAMESPACE,
            line=line_of(element),
        ) from error


def _document_type() -> Unreadable:
    return Unreadable(
        "virta.document-type",
        sentence=_(
            "The file begins with a document type (DOCTYPE). Such files can pull in or blow up "
            "contents and are never read."
        ),
        remedy=_("Remove the line that begins with <!DOCTYPE and write out all texts in full."),
        line=1,
    )


def _root_name(element: etree._Element) -> str:
    document = element.getroottree().docinfo
    if document.internalDTD is not None or document.doctype:
        raise _document_type()
    # Not etree.QName: it refuses names that a parser lets through.
    namespace, _brace, local = str(element.tag).rpartition("}")
    namespace = namespace.removeprefix("{")
    if local not in ROOTS:
        raise Unreadable(
            "virta.root",
            sentence=_("The file is not a VIRTA document: its outermost element is %(root)s."),
            remedy=_("A VIRTA document begins with one of: %(roots)s."),
            root=local,
            roots=", ".join(ROOTS),
            line=line_of(element),
        )
    if namespace != NAMESPACE:
        raise Unreadable(
            "virta.namespace",
            sentence=_(
                "The outermost element %(root)s does not belong to VIRTA: its namespace is “%(found)s”."
            )
            if namespace
            else _(
                "The outermost element %(root)s has no namespace, so it is not a VIRTA document."
            ),
            remedy=_('Begin the file with <%(root)s xmlns="%(namespace)s">.'),
            root=local,
            found=namespace,
            namespace=NAMESPACE,
            line=line_of(element),
        )
    return local


PARSER = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
"""One set of options for every reading of a VIRTA file."""

_SYNTAX: tuple[tuple[frozenset[str], str, str, str], ...] = (
    (
        frozenset(
            {
                "ERR_DOCUMENT_EMPTY",
                "ERR_DOCUMENT_END",
                "ERR_TAG_NOT_FINISHED",
                "ERR_GT_REQUIRED",
                "ERR_LTSLASH_REQUIRED",
                "ERR_ATTRIBUTE_NOT_FINISHED",
                "ERR_CDATA_NOT_FINISHED",
                "ERR_COMMENT_NOT_FINISHED",
            }
        ),
        "virta.cut-off",
        _("The file ends or breaks off in the middle of an element."),
        _("It was probably not written or copied to its end: export it again."),
    ),
    (
        frozenset({"ERR_TAG_NAME_MISMATCH"}),
        "virta.tags",
        _("An element is opened and not closed, or closed by another name."),
        _("Look at the line and the lines before it: every <name> needs its </name>."),
    ),
    (
        frozenset(
            {
                "ERR_INVALID_ENCODING",
                "ERR_INVALID_CHAR",
                "ERR_UNSUPPORTED_ENCODING",
                "ERR_UNKNOWN_ENCODING",
                "I18N_CONV_FAILED",
                "I18N_EXCESS_HANDLER",
                "I18N_NO_HANDLER",
                "ERR_ENCODING_NAME",
            }
        ),
        "virta.encoding",
        _("The letters of the file are not in the encoding that its first line states."),
        _('Save it as UTF-8, with encoding="UTF-8" in the first line.'),
    ),
    (
        frozenset(
            {
                "ERR_UNDECLARED_ENTITY",
                "WAR_UNDECLARED_ENTITY",
                "ERR_ENTITY_LOOP",
                "ERR_UNPARSED_ENTITY",
                "ERR_ENTITYREF_SEMICOL_MISSING",
                "ERR_NAME_REQUIRED",
                "ERR_ENTITYREF_NO_NAME",
                "ERR_INTERNAL_ERROR_ENTITY",
                "ERR_RESOURCE_LIMIT_ENTITY",
            }
        ),
        "virta.entity",
        _("The file uses a name between & and ; that XML does not know, or a bare & in a text."),
        _("Write &amp; for the character &, and other characters as they are."),
    ),
    (
        frozenset({"ERR_RESOURCE_LIMIT"}),
        "virta.too-large",
        _("A single text or the depth of the elements is beyond every sensible size."),
        _("Bring a VIRTA file as the study register wrote it."),
    ),
    (
        frozenset({"NS_ERR_UNDEFINED_NAMESPACE", "NS_ERR_XML_NAMESPACE", "NS_ERR_QNAME"}),
        "virta.prefix",
        _("A name has a prefix that is declared nowhere."),
        _("Leave the prefix out, or declare it in the outermost element."),
    ),
    (
        frozenset({"ERR_ATTRIBUTE_REDEFINED", "NS_ERR_ATTRIBUTE_REDEFINED"}),
        "virta.attribute-twice",
        _("An element has the same attribute twice."),
        _("Keep one of the two."),
    ),
)


def unreadable(error: etree.XMLSyntaxError) -> Unreadable:
    """The parser's complaint in words of ours, with the line where it gave up."""
    log: Any = error.error_log  # the stubs of lxml do not know its last entry
    entry = log.last_error if log is not None else None
    name = entry.type_name if entry is not None else ""
    line = error.lineno or 0
    if entry is not None and name == "ERR_DOCUMENT_END" and "Extra content" in entry.message:
        return Unreadable(
            "virta.after-end",
            sentence=_("Something stands after the end of the document."),
            remedy=_("Remove it; two documents belong into two files."),
            line=line,
        )
    for names, code, sentence, remedy in _SYNTAX:
        if name in names:
            return Unreadable(code, sentence=sentence, remedy=remedy, line=line)
    return Unreadable(
        "virta.not-xml",
        sentence=_("From this line on the file is not correct XML."),
        remedy=_("Look at the line, or export the file again."),
        line=line,
        detail=name,
    )


# --- events ---------------------------------------------------------------------------------------


def events(
    file: Opened, names: Sequence[str], *, starts: bool
) -> Iterator[tuple[str, etree._Element]]:
    """Ends (and starts) of the elements called `names`, with the parser's refusals in our words."""
    context = etree.iterparse(
        file.stream,  # type: ignore[arg-type]  # anything with read() will do
        events=("start", "end") if starts else ("end",),
        tag=[f"{{{NAMESPACE}}}{name}" for name in names],
        **PARSER,  # type: ignore[arg-type]  # a dict of options
    )
    try:
        for event, element in context:
            file.stream.since_record = 0
            yield event, element
    except etree.XMLSyntaxError as error:
        raise unreadable(error) from error
    except OSError as error:
        raise Unreadable(
            "virta.file-broken",
            sentence=_("The file cannot be read to its end (%(detail)s)."),
            remedy=_("Copy the file again and check the disk."),
            detail=error.strerror or str(error),
            line=0,
        ) from error


# --- records --------------------------------------------------------------------------------------


@dataclass
class Document:
    """The records of one file, one after the other.

    `line` is the line on which the record given last begins. `aside` counts, by qualified name, the
    elements between records that are not declared: they are named here and not given as records.
    """

    file: Opened
    line: int = 0
    aside: Counter[str] = field(default_factory=Counter)

    @property
    def root(self) -> str:
        """The outermost element: `Virta`, or the name of one of the five lists."""
        return self.file.root

    def __iter__(self) -> Iterator[Record]:
        try:
            if self.root == NESTED:
                yield from self._nested()
            else:
                yield from self._separate()
        finally:
            self.file.close()

    def _separate(self) -> Iterator[Record]:
        kind = KIND_BY_CONTAINER[self.root]
        open_elements = 0
        element = None
        for event, element in events(self.file, [kind.element], starts=True):
            open_elements += 1 if event == "start" else -1
            if event == "end" and open_elements == 0:
                self._drop_before(element)
                self.line = line_of(element)
                yield read_record(element)
                _free(element)
        self._drop_last(element)

    def _nested(self) -> Iterator[Record]:
        names = [*KIND_BY_ELEMENT, *(name for name in KIND_BY_CONTAINER if name != "Opiskelijat")]
        path: list[etree._Element] = []
        given = None
        element = None
        for event, element in events(self.file, names, starts=True):
            if event == "start":
                path.append(element)
                if len(path) == 2 and given is not path[0] and _local(element) in KIND_BY_CONTAINER:
                    given = path[0]
                    yield self._student(given)
                continue
            path.pop()
            match len(path):
                case 0 if _local(element) == "Opiskelija":
                    if given is not element:
                        yield self._student(element)
                    self._drop_inside(element)
                    self._drop_before(element)
                    _free(element)
                    given = None
                case 2 if _is_held(path, element):
                    self._drop_before(element)
                    self.line = line_of(element)
                    yield read_record(element)
                    _free(element)
                case _:
                    pass
        self._drop_last(element)

    def _student(self, element: etree._Element) -> Record:
        self.line = line_of(element)
        return read_record(element, until=_CONTAINERS)

    def _drop_before(self, element: etree._Element) -> None:
        """Free what was read. Never the last sibling: the parser may still add to the text after it."""
        parent = element.getparent()
        while (earlier := element.getprevious()) is not None and parent is not None:
            self._name_aside(earlier)
            parent.remove(earlier)

    def _drop_inside(self, student: etree._Element) -> None:
        """Name what stood in a student after or between the lists."""
        containers = False
        for child in student:
            if child.tag in _CONTAINERS:
                containers = True
                for inner in child:
                    self._name_aside(inner)
            elif containers:
                self.aside[str(child.tag)] += 1

    def _drop_last(self, element: etree._Element | None) -> None:
        if element is not None:
            for later in element.itersiblings():
                self._name_aside(later)

    def _name_aside(self, element: etree._Element) -> None:
        if _local(element) not in KIND_BY_ELEMENT:
            self.aside[str(element.tag)] += 1


_CONTAINERS = frozenset(f"{{{NAMESPACE}}}{name}" for name in KIND_BY_CONTAINER)


def _free(element: Any) -> None:  # Any: the stubs of lxml do not know keep_tail
    """Forget what is inside. The text after it stays: the parser may still add to it."""
    element.clear(keep_tail=True)


def line_of(element: etree._Element) -> int:
    """The line on which an element begins; 0 when the parser does not know."""
    line = element.sourceline
    return line if isinstance(line, int) else 0


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _is_held(path: Sequence[etree._Element], element: etree._Element) -> bool:
    """True for a record in the list of its kind in a student."""
    kind = KIND_BY_CONTAINER.get(_local(path[1]))
    return (
        kind is not None
        and kind.element == _local(element)
        and _local(path[0]) == "Opiskelija"
        and element.getparent() is path[1]
    )


def read_document(source: Source) -> Document:
    """The records of a file, to be gone through once. Raises `Unreadable`, here or while reading."""
    return Document(opened(source))


# --- one record -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slot:
    """Where a child goes: the field, how it is read, whether it may repeat or says "no end"."""

    name: str
    plan: _Plan | None
    many: bool
    is_end: bool


@dataclass(frozen=True)
class _Plan:
    """A shape, laid out for reading. `required` says what a missing value is read as."""

    record: Callable[..., Record]
    attributes: frozenset[str]
    required: dict[str, _Plan | tuple[()] | None]
    many: tuple[str, ...]
    slots: dict[str, _Slot]
    text: bool


@cache
def _plan(declared: Shape) -> _Plan:
    required: dict[str, _Plan | tuple[()] | None] = {"text": None} if declared.text else {}
    for part in (*declared.attributes, *declared.children):
        if part.times.required:
            required[part.name] = () if part.times.many else _held(part)
    return _Plan(
        declared.record,
        frozenset(part.name for part in declared.attributes),
        required,
        tuple(part.name for part in declared.children if part.times.many),
        {
            part.qualified: _Slot(part.name, _held(part), part.times.many, part.name == "LoppuPvm")
            for part in declared.children
        },
        declared.text is not None,
    )


def _held(part: Part) -> _Plan | None:
    return _plan(part.content) if isinstance(part.content, Shape) else None


def read_record(element: etree._Element, *, until: frozenset[str] = frozenset()) -> Record:
    """The record that an element holds, without its children from the first of the names `until` on.

    An element that the declaration does not know, or that stands a second time where one is allowed,
    goes into `rest`.
    """
    kind = KIND_BY_ELEMENT[_local(element)]
    return _read_element(element, _plan(kind.shape), until)


def _read_element(
    element: etree._Element, plan: _Plan, until: frozenset[str] = frozenset()
) -> Record:
    values: dict[str, Any] = {}
    rest: list[Rest] = []
    for name, value in _pairs(element):
        if name in plan.attributes:
            values[name] = value
        else:
            rest.append(_undeclared(element, name, value))
    if plan.text:
        values["text"] = element.text or ""
    _read_children(element, plan, until, values, rest)
    for name in plan.many:
        if name in values:
            values[name] = tuple(values[name])
    if rest:
        values["rest"] = tuple(rest)
    for name in plan.required:
        if name not in values:
            _fill(values, plan)
            break
    return plan.record(**values)


def _read_children(
    element: etree._Element,
    plan: _Plan,
    until: frozenset[str],
    values: dict[str, Any],
    rest: list[Rest],
) -> None:
    for place, child in enumerate(element):
        slot = plan.slots.get(child.tag)
        if slot is None and child.tag in until:
            return
        if (
            slot is None
            or (not slot.many and slot.name in values)
            or (value := _read_value(child, slot)) is None
        ):
            rest.append(_kept(child, place))
        elif slot.many:
            values.setdefault(slot.name, []).append(value)
        elif value is not _NO_END_READ:
            values[slot.name] = value


_NO_END_READ = object()


def _read_value(child: etree._Element, slot: _Slot) -> object:
    """The value of a child; None when there are elements where only a value may be."""
    if slot.plan is not None:
        return _read_element(child, slot.plan)
    if len(child):
        return None
    text = child.text or ""
    if slot.is_end and text.strip().startswith(NO_END):
        return _NO_END_READ
    marks = _pairs(child)
    return _marked(child, text, marks) if marks else text


def _fill(values: dict[str, Any], plan: _Plan) -> None:
    """What a broken document lacks although it is required."""
    for name, held in plan.required.items():
        if name not in values:
            values[name] = "" if held is None else _empty(held) if isinstance(held, _Plan) else ()


def _pairs(element: Any) -> Sequence[tuple[str, str]]:  # Any: the stubs of lxml mix in bytes
    pairs: Sequence[tuple[str, str]] = element.items()
    return pairs


def _empty(plan: _Plan) -> Record:
    values: dict[str, Any] = {}
    _fill(values, plan)
    return plan.record(**values)


def _kept(element: etree._Element, place: int) -> Rest:
    content = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, with_tail=False
    ).decode()
    name = str(element.tag)
    if not name.startswith("{"):
        # Where it is written again, names without a prefix have the namespace of VIRTA.
        content = content.replace(f"<{name}", f'<{name} xmlns=""', 1)
    return Rest(name, content, place)


def _undeclared(element: etree._Element, name: str, value: str) -> Rest:
    """An attribute of another namespace; a prefix in its value (`xsi:type`) must keep its meaning."""
    prefix, colon, local = value.strip().partition(":")
    meaning = element.nsmap.get(prefix) if colon else None
    if meaning == NAMESPACE:
        # Written again, the namespace of the document is the one without a prefix.
        return Rest(name, local)
    return Rest(name, value, prefixes=((prefix, meaning),) if meaning else ())


def _marked(element: etree._Element, text: str, marks: Sequence[tuple[str, str]]) -> Marked:
    return Marked(text, tuple(_undeclared(element, name, value) for name, value in marks))

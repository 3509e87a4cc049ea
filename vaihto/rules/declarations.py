"""Reads `<topic>.yaml`: first document the dated parameters, second document the texts of the rules.

The texts are read only when somebody asks for a sentence, so that judging starts fast. Everything is
checked while reading: an unknown or repeated key names the file and the place.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any  # YAML holds any plain value until it has been checked

import yaml

ROOM = Path(__file__).parent
LANGUAGES = ("en", "fi", "sv")

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(ValueError):
    """A rules file that a person must mend; the message names the file and the place."""


class _Strict(_Loader):  # type: ignore[misc, valid-type]  # the fast loader exists where libyaml does
    """YAML in which a key may stand once; a repeated one would silently win otherwise."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _value in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise Unreadable(f"line {line}: the key {key!r} stands twice")
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def documents(path: Path) -> Iterator[Any]:
    """The YAML documents of a file one by one; what is not asked for is not parsed."""
    try:
        with path.open("rb") as stream:
            yield from yaml.load_all(stream, Loader=_Strict)  # a safe loader
    except (yaml.YAMLError, Unreadable) as error:
        raise Unreadable(f"{path.name}: {error}") from error


@lru_cache(maxsize=1)
def topics() -> tuple[str, ...]:
    """All topics that have a declaration file, in alphabetical order."""
    files = sorted(ROOM.glob("*.yaml"))
    return tuple(path.stem for path in files if not path.stem.endswith(".cases"))


@cache
def parameters_of(topic: str) -> dict[str, Any]:
    """The unchecked first document of a topic."""
    return next(documents(ROOM / f"{topic}.yaml"), None) or {}


@cache
def _documents_of(topic: str) -> tuple[Any, ...]:
    return tuple(documents(ROOM / f"{topic}.yaml"))


def texts_of(topic: str) -> dict[str, Any]:
    """The unchecked second document of a topic: rule code to its texts."""
    found = _documents_of(topic)
    if len(found) < 2:
        raise Unreadable(f"{topic}.yaml: the second document, with the texts, is absent")
    return found[1] or {}


@cache
def words_of(topic: str) -> dict[str, dict[str, str]]:
    """The third document of a topic, where it has one: how a code or field is said in each language."""
    found = _documents_of(topic)
    words = found[2] if len(found) > 2 else None
    return {
        word: in_languages(said, where=f"{topic}.yaml: {word}")
        for word, said in (words or {}).items()
    }


def require_keys(
    entry: Any, *, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    """Refuses an entry with an unknown key or without a required one."""
    if not isinstance(entry, dict):
        raise Unreadable(f"{where}: a mapping is expected")
    unknown = sorted(str(key) for key in entry if key not in required + optional)
    if unknown:
        raise Unreadable(f"{where}: unknown key {', '.join(unknown)}")
    absent = [key for key in required if key not in entry]
    if absent:
        raise Unreadable(f"{where}: key {', '.join(absent)} is absent")


def in_languages(text: Any, *, where: str) -> dict[str, str]:
    """A text in all three languages, none of them empty."""
    require_keys(text, where=where, required=LANGUAGES)
    empty = [language for language in LANGUAGES if not str(text[language] or "").strip()]
    if empty:
        raise Unreadable(f"{where}: no text in {', '.join(empty)}")
    return {language: str(text[language]).strip() for language in LANGUAGES}

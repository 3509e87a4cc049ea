"""Translatable sentences: collects them into `vaihto/locale`, compiles them, and says what is missing.

A developer's tool: `python -m vaihto.command.messages update|check|compile`. It needs no gettext on the
machine. Sentences come from Python (`_`, `mark`, gettext and its kin) and from templates.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from babel.messages import pofile
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).resolve().parent.parent
LOCALE = PACKAGE / "locale"
LANGUAGES = ("fi", "sv")
_COMMENT = "Translators:"
_KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "mark", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
_PLACEHOLDER = re.compile(r"%\((\w+)\)[a-z]|%[sd]")


def collect() -> Catalog:
    """Every sentence of the program with the places where it stands."""
    catalog = Catalog(project="Vaihto", version="", charset="utf-8")
    for file in sorted(PACKAGE.rglob("*")):
        where = file.relative_to(PACKAGE.parent).as_posix()
        if file.suffix == ".py" and "migrations" not in file.parts:
            text = file.read_text("utf-8")
        elif file.suffix in {".html", ".txt"} and "templates" in file.parts:
            # What is left of a template is read as if it were Python, where indentation has a meaning.
            lines = templatize(file.read_text("utf-8"), origin=where).splitlines()
            text = "\n".join(line.lstrip() for line in lines)
        else:
            continue
        for line, message, comments, context in extract(
            "python", io.BytesIO(text.encode()), _KEYWORDS, [_COMMENT], strip_comment_tags=True
        ):
            flags = ["python-format"] if _PLACEHOLDER.search(_first(message)) else []
            catalog.add(
                message,
                locations=[(where, line)],
                auto_comments=comments,
                context=context,
                flags=flags,
            )
    return catalog


def _first(message: str | Sequence[str]) -> str:
    return message if isinstance(message, str) else message[0]


def po_file(language: str) -> Path:
    """Where the translations of a language are kept."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """The translations of a language; empty where there are none yet."""
    file = po_file(language)
    if not file.exists():
        return Catalog(locale=language, project="Vaihto", charset="utf-8", fuzzy=False)
    with file.open("rb") as kept:
        return pofile.read_po(kept, locale=language)


def update() -> None:
    """Writes every sentence into the catalogue of every language; translations that fit stay."""
    collected = collect()
    for language in LANGUAGES:
        catalog = read(language)
        catalog.update(collected, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.fuzzy = False
        file = po_file(language)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as kept:
            pofile.write_po(
                kept, catalog, sort_by_file=True, width=100, omit_header=False, include_lineno=False
            )
        missing = sum(1 for message in catalog if message.id and not _is_translated(message))
        print(f"{language}: {len(catalog)} sentences, {missing} without translation")


def _is_translated(message: Message) -> bool:
    strings = message.string if isinstance(message.string, list | tuple) else [message.string]
    return all(strings) and not message.fuzzy


def _placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


def problems() -> Iterator[str]:
    """Sentences without a translation; translations that lack or invent a named value, or say everything twice."""
    collected = [message for message in collect() if message.id]
    for language in LANGUAGES:
        catalog = read(language)
        for message in collected:
            kept = catalog.get(message.id, message.context)
            if kept is None or not _is_translated(kept):
                yield f"{language}: not translated: {_first(message.id)!r} ({_place(message)})"
                continue
            source = [message.id] if isinstance(message.id, str) else list(message.id)
            strings = [kept.string] if isinstance(kept.string, str) else list(kept.string or ())
            allowed = set().union(*map(_placeholders, source))
            for string in strings:
                if not _placeholders(string) <= allowed or (
                    len(strings) == 1 and _placeholders(string) != allowed
                ):
                    yield f"{language}: other named values than the source: {_first(message.id)!r}"
                if _is_doubled(string) and not _is_doubled(_first(message.id)):
                    yield f"{language}: said twice: {_first(message.id)!r}"


def _is_doubled(text: str) -> bool:
    """Does the second half repeat the first?"""
    half = (len(text) + 1) // 2
    return len(text) > 1 and text[:half].strip() == text[half:].strip()


def _place(message: Message) -> str:
    return ", ".join(f"{file}:{line}" for file, line in message.locations[:1])


def compile_one(source: Path, target: Path) -> None:
    """Makes the form that the program reads."""
    with source.open("rb") as kept:
        catalog = pofile.read_po(kept)
    fresh = target.with_suffix(".new")
    with fresh.open("wb") as made:
        write_mo(made, catalog)
    fresh.replace(target)


def main(arguments: list[str]) -> int:
    """Does one of the three."""
    parser = argparse.ArgumentParser(prog="messages", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("update", help="collect")
    steps.add_parser("check", help="fail on what is missing")
    one = steps.add_parser("compile", help="one file, or all")
    one.add_argument("source", type=Path, nargs="?")
    one.add_argument("target", type=Path, nargs="?")
    chosen = parser.parse_args(arguments)
    if chosen.step == "update":
        update()
    elif chosen.step == "compile":
        files = [chosen.source] if chosen.source else [po_file(language) for language in LANGUAGES]
        for source in files:
            compile_one(source, chosen.target or source.with_suffix(".mo"))
    else:
        found = list(problems())
        for problem in found[:50]:
            print(problem)
        if len(found) > 50:
            print(f"… and {len(found) - 50} more")
        return 1 if found else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

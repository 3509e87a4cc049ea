"""Writes the reference pages from the code: `python -m vaihto.command.reference [--check]`.

A developer's tool; a test compares the committed pages with what this would write.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from vaihto import environment
from vaihto.command import TABLE, Command, main
from vaihto.command.framework import start_django
from vaihto.ewp.protocol.api import Api, Reading

FOLDER = environment.ROOT / "docs" / "reference"
_MADE = "<!-- Made from the code by `make docs`; change the code, not this page. -->\n"


def pages() -> dict[str, str]:
    """Name of the file -> its text."""
    made: dict[str, Callable[[], Iterator[str]]] = {
        "settings.md": _settings,
        "commands.md": _commands,
        "rules.md": _rules,
        "parameters.md": _parameters,
        "code-lists.md": _code_lists,
        "imports.md": _imports,
        "roles.md": _roles,
        "ewp.md": _ewp,
    }
    return {name: _MADE + "\n".join(lines()).rstrip() + "\n" for name, lines in made.items()}


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ").strip()


def _row(*cells: object) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield (
        "Settings come from the environment only. Each may also come from a file: add `_FILE` to its name, "
        "for instance `VAIHTO_SECRET_KEY_FILE=/run/secrets/key`. A value that cannot be understood, and a "
        "`VAIHTO_` name that is not in this table, stop the start. Nothing has to be set for a trial."
    )
    yield ""
    yield _row("Setting", "Without it", "What it does")
    yield _row("---", "---", "---")
    root = str(environment.ROOT)
    for setting in environment.TABLE:
        default = setting.default.replace(root, "the project folder")
        yield _row(
            f"`{setting.name}`",
            f"`{default}`" if default else "",
            setting.says + (" Secret." if setting.secret else ""),
        )


def _commands() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield (
        "`vaihto COMMAND --help` shows the same. Exit codes: 0 yes or done, 1 no or refused, 2 wrong use or a "
        "setting that cannot be understood."
    )
    yield ""
    for command in TABLE:
        yield f"- [`vaihto {command.words}`](#vaihto-{command.words.replace(' ', '-')}): {command.says}"
    for command in TABLE:
        yield ""
        yield f"## vaihto {command.words}"
        yield ""
        if command.bare and command.words != "demo":
            yield "Needs no database and no setting."
            yield ""
        yield "```"
        yield help_of(command).rstrip().replace(str(environment.ROOT), "…")
        yield "```"


def help_of(command: Command) -> str:
    """What `--help` prints, at a width of a hundred."""
    told = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
            main([*command.words.split(), "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return told.getvalue()


def _validity(since: object, until: object) -> str:
    if since is None and until is None:
        return ""
    return f"{since or ''}–{until or ''}"


def _rules() -> Iterator[str]:
    from vaihto.rules.catalogue import TOPICS, rules  # noqa: PLC0415 - slow import

    everything = rules()
    yield "# Rules"
    yield ""
    yield (
        f"{len(everything)} rules. *Effect*: block stops, warn warns, explain only tells, count decides whether "
        "something is counted, clock sets a deadline. Numbers that a law may change are in "
        "[parameters](parameters.md)."
    )
    for topic in TOPICS:
        of_topic = [rule for rule in everything if rule.topic == topic]
        if not of_topic:
            continue
        yield ""
        yield f"## {topic}"
        yield ""
        yield _row("Code", "Effect", "Rule", "Finnish", "Swedish", "Valid", "Source")
        yield _row(*["---"] * 7)
        for rule in of_topic:
            yield _row(
                rule.code,
                rule.effect,
                rule.title("en"),
                rule.title("fi"),
                rule.title("sv"),
                _validity(rule.texts.since, rule.texts.until),
                rule.source,
            )


def _parameters() -> Iterator[str]:
    from vaihto.rules.parameters import parameters  # noqa: PLC0415 - slow import

    yield "# Parameters of the rules"
    yield ""
    yield "Each value holds from its day on, that day included. *Open point*: our reading where sources are silent."
    yield ""
    yield _row("Parameter", "What", "Unit", "Values", "Source", "Open point")
    yield _row(*["---"] * 6)
    for name, one in sorted(parameters().items(), key=lambda item: (item[1].topic, item[0])):
        values = "; ".join(
            f"{value if not isinstance(value, dict) else ', '.join(f'{k}: {v}' for k, v in value.items())}"
            + (f" from {since}" if since.year > 1900 else "")
            for since, value in one.values
        )
        source = f"{one.source.title}, {one.source.section} (read {one.source.read})"
        yield _row(f"`{name}`", one.label["en"], one.unit, values, source, one.open_point or "")


def _code_lists() -> Iterator[str]:
    from vaihto.codes import lists  # noqa: PLC0415 - slow import

    yield "# Code lists"
    yield ""
    yield "Facts in our own selection, each with its source and the day it was read."
    for one in sorted(lists.LISTS, key=lambda each: each.file):
        source = one.source
        yield ""
        yield f"## {one.file}"
        yield ""
        yield f"{len(one)} codes. Source: {source['source']}; read {source['read']}."
        yield ""
        yield _row("Code", "English", "Finnish", "Swedish")
        yield _row(*["---"] * 4)
        for code in one:
            names = code.names
            yield _row(
                f"`{code.code}`", names.get("en", ""), names.get("fi", ""), names.get("sv", "")
            )


def _imports() -> Iterator[str]:
    from vaihto.imports.kinds import kinds  # noqa: PLC0415 - app ready

    yield "# Files that can be brought in"
    yield ""
    yield (
        "By page or by `vaihto import KIND FILE`. Any usual delimiter and encoding; a column may be called by any of "
        "its names, in any order. A template with examples is on the page *Bring files in*. Columns marked *part* "
        "describe a part of the record: further parts follow on lines of their own with the same key."
    )
    for kind in kinds().values():
        yield ""
        yield f"## {kind.name}"
        yield ""
        yield f"{kind.label}. {kind.explanation}"
        yield ""
        yield f"Endings: {', '.join(kind.endings)}."
        columns = getattr(kind, "columns", ())
        if not columns:
            continue
        yield ""
        yield _row("Column", "Finnish", "Swedish", "What stands there", "Needed", "Examples")
        yield _row(*["---"] * 6)
        for column in columns:
            needed = "yes" if column.required else ""
            yield _row(
                f"`{column.name}`" + (" (part)" if column.of_part else ""),
                column.fi,
                column.sv,
                column.says + (f" One of: {', '.join(column.choices)}." if column.choices else ""),
                needed,
                ", ".join(f"`{example}`" for example in dict.fromkeys(column.examples) if example),
            )


def _roles() -> Iterator[str]:
    from vaihto.journal.actors import May  # noqa: PLC0415 - slow import
    from vaihto.people.access import ALLOWS  # noqa: PLC0415 - app ready
    from vaihto.people.models import Role  # noqa: PLC0415 - app ready

    yield "# Roles"
    yield ""
    yield (
        "A role is held at one institution, or in one of its units with all below it; the secretariat serves an "
        "alliance. Both days of a role are included. What one may not see looks like what does not exist. "
        "Operators run the installation: they see the journal and background work, and no persons' data."
    )
    yield ""
    names = list(Role.Name)
    yield _row("May", *(name.label for name in names))
    yield _row("---", *["---"] * len(names))
    for may in May:
        yield _row(f"`{may}`", *("yes" if may in ALLOWS[name] else "" for name in names))


def _ewp() -> Iterator[str]:
    from vaihto.ewp.apis import APIS, monitoring  # noqa: PLC0415 - slow import
    from vaihto.ewp.manifest import CLIENT_AUTH, SERVER_AUTH  # noqa: PLC0415 - app ready

    yield "# EWP interfaces"
    yield ""
    yield (
        "What a hosted institution serves to the Erasmus Without Paper network, made from the same declarations as "
        "routes and manifests. An address begins with the public address of the installation, `/ewp/` and the SCHAC "
        "id of the institution. Requests are signed "
        f"(`{'`, `'.join(CLIENT_AUTH)}`), answers too where the caller asks for it (`{'`, `'.join(SERVER_AUTH)}`). "
        "Of a parameter that may be repeated, more values than the limit are refused with 400. The manifest of an "
        "institution, `vaihto ewp manifest HEI_ID`, is the list that partners see."
    )
    for api in APIS:
        yield ""
        yield f"## {api.element} {api.version}"
        yield ""
        yield api.says
        yield ""
        yield from _endpoints_of(api)
        said = [*(f"`{name}` {number}" for name, number in api.limits)]
        said += [f"`{name}` {text}" for name, text in api.flags]
        if said:
            yield ""
            yield f"In the manifest: {', '.join(said)}."
    yield ""
    yield "## Only called"
    yield ""
    yield _row("API", "Version", "What for")
    yield _row("---", "---", "---")
    yield _row(
        f"`{monitoring.MONITORING.element}`",
        monitoring.MONITORING.version,
        monitoring.MONITORING.says,
    )


def _endpoints_of(api: Api) -> Iterator[str]:
    yield _row("Element", "Address below the institution", "Methods", "Notes")
    yield _row(*["---"] * 4)
    for endpoint in api.endpoints:
        notes = [
            *(["a form"] if endpoint.reading is Reading.POST_FORM else []),
            *(["an XML document"] if endpoint.reading is Reading.POST_XML else []),
            *(["without a signature too"] if endpoint.anonymous else []),
            *(["personal data"] if endpoint.personal else []),
            *(["not answered yet"] if endpoint.answer is None else []),
        ]
        yield _row(
            f"`{endpoint.name}`",
            f"`{endpoint.path}`",
            ", ".join(endpoint.reading.methods),
            ", ".join(notes),
        )


def write_or_compare(arguments: list[str]) -> int:
    """Writes every page; with `--check` only says which ones are not up to date."""
    parser = argparse.ArgumentParser(prog="reference", description=__doc__)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    start_django()
    made = pages()
    stale = [name for name, text in made.items() if _committed(FOLDER / name) != text]
    if chosen.check:
        if stale:
            print(f"Not up to date: {', '.join(stale)}. `make docs` writes them anew.")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (FOLDER / name).write_text(text, "utf-8")
    print(f"{len(stale)} of {len(made)} pages changed.")
    return 0


def _committed(file: Path) -> str | None:
    return file.read_text("utf-8") if file.exists() else None


if __name__ == "__main__":
    sys.exit(write_or_compare(sys.argv[1:]))

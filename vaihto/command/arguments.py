"""How our commands read their arguments: with examples in the help, and JSON where a machine may read."""

from __future__ import annotations

import argparse
import json
from typing import Any

from vaihto.command import TABLE, Command


def parser_of(words: str) -> argparse.ArgumentParser:
    """A parser that knows the sentence and the examples of the table."""
    command = next(each for each in TABLE if each.words == words)
    return argparse.ArgumentParser(
        prog=f"vaihto {words}",
        description=command.says,
        epilog=examples_of(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def examples_of(command: Command) -> str:
    """The lines at the end of the help."""
    return "\n".join(["examples:", *(f"  {line}" for line in command.examples)])


def with_json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds `--json`."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    return parser


def print_json(answer: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(answer, indent=2, ensure_ascii=False, default=str))

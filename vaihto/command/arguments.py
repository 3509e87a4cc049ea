"""How our commands read their arguments: with examples in the help, and JSON where a machine may read."""

from __future__ import annotations

import argparse
import json
import ssl
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


def a_port(text: str) -> int:
    """A port of this machine; 0 takes any."""
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def check_papers(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Ends with wrong use where `--certificate` and `--key` cannot be served with."""
    if (chosen.certificate is None) != (chosen.key is None):
        parser.error("--certificate and --key belong together")
    if chosen.certificate is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:  # without a word for the key nobody is asked for one
        context.load_cert_chain(chosen.certificate, chosen.key, password="")
    except OSError as error:  # of which those of `ssl` are some
        parser.error(
            f"{chosen.certificate} and {chosen.key} are no certificate and key in PEM form that belong "
            f"together ({error.strerror})"
        )


def print_json(answer: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(answer, indent=2, ensure_ascii=False, default=str))

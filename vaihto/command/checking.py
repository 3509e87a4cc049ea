"""`vaihto check`: what is wrong, what is unsafe, and what to do about it."""

from __future__ import annotations

from django.core.checks import ERROR, WARNING, run_checks

from vaihto.command import DONE, REFUSED
from vaihto.command.arguments import parser_of, print_json, with_json
from vaihto.command.serving import unapplied_migrations

_WORDS = {10: "debug", 20: "note", 30: "warning", 40: "error", 50: "error"}


def check(arguments: list[str]) -> int:
    """Prints every finding. Fails on errors; with `--deploy` on warnings too."""
    parser = with_json(parser_of("check"))
    parser.add_argument("--deploy", action="store_true", help="also what is unsafe in production")
    chosen = parser.parse_args(arguments)
    every = run_checks(include_deployment_checks=chosen.deploy, databases=["default"])
    found = sorted(
        (message for message in every if not message.is_silenced()),
        key=lambda message: (-message.level, str(message.id)),
    )
    lacking = unapplied_migrations()
    worst = max([message.level for message in found], default=0)
    passed = worst < (WARNING if chosen.deploy else ERROR) and not lacking
    if chosen.json:
        print_json(
            {
                "passed": passed,
                "migrations": lacking,
                "findings": [
                    {
                        "id": message.id,
                        "level": _WORDS[message.level],
                        "says": message.msg,
                        "hint": message.hint,
                    }
                    for message in found
                ],
            }
        )
        return DONE if passed else REFUSED
    for message in found:
        print(f"{_WORDS[message.level]} {message.id}: {message.msg}")
        if message.hint:
            print(f"    {message.hint}")
    if lacking:
        print(f"error: the tables lack {len(lacking)} steps. Run `vaihto migrate`.")
    if not found and not lacking:
        print("Nothing to report.")
    return DONE if passed else REFUSED

"""Runs the commands that need Django, and makes sentences of what goes wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from vaihto import environment
from vaihto.command import DONE, REFUSED, WRONG_USE, Command
from vaihto.command.arguments import examples_of
from vaihto.refusals import Refusal


def start_django() -> None:
    """Reads the settings and loads the rooms. Raises `environment.Malformed`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vaihto.settings")
    import django  # noqa: PLC0415 - slow import

    django.setup()


def run_function(function: Callable[[], int]) -> int:
    """Runs a function of ours after Django has been started."""

    def run() -> int:
        start_django()
        return function()

    return _within_reason(run)


def run_management(command: Command, arguments: list[str]) -> int:
    """Runs a management command of some room under our name, with our examples in its help."""

    def run() -> int:
        start_django()
        from django.core.management import get_commands, load_command_class  # noqa: PLC0415 - app ready

        name, *words = command.management.split()
        known = get_commands()
        if name not in known:
            print(f"vaihto {command.words}: not part of this installation.", file=sys.stderr)
            return REFUSED
        app = known[name]
        loaded: Any = load_command_class(app, name) if isinstance(app, str) else app
        loaded.suppressed_base_arguments = {
            "--version",
            "--verbosity",
            "--settings",
            "--pythonpath",
            "--traceback",
            "--no-color",
            "--force-color",
            "--skip-checks",
        }
        loaded.requires_system_checks = []
        loaded.help = command.says
        loaded._called_from_command_line = True  # wrong use ends with 2
        form: dict[str, Any] = {"allow_abbrev": False}
        if command.examples:
            form["epilog"] = examples_of(command)
            form["formatter_class"] = argparse.RawDescriptionHelpFormatter
        parser = loaded.create_parser("vaihto", command.words, **form)
        options = vars(parser.parse_args([*words, *arguments]))
        given = options.pop("args", ())
        loaded.execute(*given, **options)
        return DONE

    return _within_reason(run)


def _within_reason(run: Callable[[], int]) -> int:
    """Runs; a refusal, a wrong setting or an absent table becomes a sentence and an exit code."""
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 - slow import
    from django.core.management.base import CommandError, SystemCheckError  # noqa: PLC0415 - slow import
    from django.db import DatabaseError  # noqa: PLC0415 - slow import

    try:
        return run()
    except environment.Malformed as error:
        return _told(str(error), WRONG_USE)
    except SystemCheckError as error:
        return _told(str(error), REFUSED)
    except CommandError as error:
        return _told(str(error), error.returncode)
    except Refusal as refusal:
        return _told(f"{refusal} {_filled(refusal)}".strip(), REFUSED)
    except ImproperlyConfigured as error:
        return _told(str(error), WRONG_USE)
    except DatabaseError as error:
        first = str(error).partition("\n")[0]
        hint = "Run `vaihto migrate` first." if _lacks_tables(first) else "Is the database there?"
        return _told(f"The database answered: {first}. {hint}", REFUSED)


def _filled(refusal: Refusal) -> str:
    try:
        return refusal.remedy % refusal.facts
    except (KeyError, TypeError, ValueError):
        return refusal.remedy


def _lacks_tables(message: str) -> bool:
    return "no such table" in message or "does not exist" in message


def _told(sentence: str, code: int) -> int:
    print(f"vaihto: {sentence}", file=sys.stderr)
    return code

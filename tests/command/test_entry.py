"""The command itself: what it lists, what it answers to wrong use, and what it starts without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vaihto.command import DONE, REFUSED, TABLE, WRONG_USE, Command, find, main

PROJECT = Path(__file__).resolve().parents[2]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`vaihto …` in a process of its own."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from vaihto.command import main; sys.exit(main())",
            *words,
        ],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def ended(words: list[str]) -> object:
    """The exit code, whether it is returned or raised."""
    try:
        return main(words)
    except SystemExit as end:
        return end.code


def test_without_a_command_it_lists_them_and_says_wrong_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == WRONG_USE
    told = capsys.readouterr().out
    assert [each.words for each in TABLE if f"  {each.words} " not in told] == []


def test_help_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == DONE


def test_a_mistyped_command_is_answered_with_the_near_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["migarte"]) == WRONG_USE
    assert "Did you mean `vaihto migrate`?" in capsys.readouterr().err


def test_wrong_options_of_a_management_command_are_wrong_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(["virta", "export"]) == WRONG_USE


def test_half_a_command_is_answered_with_the_whole_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["virta"]) == WRONG_USE
    assert "`vaihto virta check`" in capsys.readouterr().err


def test_two_words_go_before_one() -> None:
    command, rest = find(["virta", "check", "a.xml"])
    assert (command.words if command else None, rest) == ("virta check", ["a.xml"])


@pytest.mark.parametrize("command", TABLE, ids=lambda command: command.words)
def test_every_command_has_help_with_examples(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    code = ended([*command.words.split(), "--help"])
    told = capsys.readouterr().out
    assert code == DONE
    assert f"usage: vaihto {command.words}" in told
    assert "examples:\n" in told


@pytest.mark.parametrize(
    "words", [["judge"], ["virta", "check"], ["schemas", "install"], ["ewp", "hash"]]
)
def test_commands_about_files_need_no_setting_and_load_no_framework(words: list[str]) -> None:
    """Not even a setting that would stop every other command."""
    code = (
        "import sys, contextlib, io\n"
        "from vaihto.command import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        f"    main({[*words, '--help']!r})\n"
        "found = sorted(name for name in sys.modules if name in ('django', 'vaihto.settings'))\n"
        "print(found)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "VAIHTO_NONSENSE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (told.stdout.strip(), told.stderr) == ("[]", "")


def test_an_unknown_setting_is_wrong_use_and_named() -> None:
    told = run("check", VAIHTO_NONSENSE="1")
    assert (told.returncode, "VAIHTO_NONSENSE" in told.stderr) == (WRONG_USE, True)
    assert "Traceback" not in told.stderr


def test_a_database_without_tables_is_answered_with_what_to_do(tmp_path: Path) -> None:
    told = run("keys", "rotate", VAIHTO_DATA=str(tmp_path))
    assert (told.returncode, told.stderr) == (
        REFUSED,
        "vaihto: The database answered: no such table: people_person. Run `vaihto migrate` first.\n",
    )

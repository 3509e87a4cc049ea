"""The command itself: what it lists, what it answers to wrong use, and what it starts without."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from vaihto.command import DONE, REFUSED, TABLE, WRONG_USE, Command, find, main, processes
from vaihto.command.processes import refused_to_listen

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


def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    told = run("check", VAIHTO_DATA=str(in_the_way))
    assert (told.returncode, told.stderr) == (
        WRONG_USE,
        (
            f"vaihto: VAIHTO_DATA: the folder {in_the_way} cannot be used (Not a directory). "
            "Make it a folder that this user may write into.\n"
        ),
    )


def test_a_folder_of_the_database_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    url = f"sqlite:///{in_the_way}/vaihto.sqlite3"
    told = run("check", VAIHTO_DATA=str(tmp_path), VAIHTO_DATABASE_URL=url)
    assert (told.returncode, "VAIHTO_DATABASE_URL" in told.stderr) == (WRONG_USE, True)
    assert "Traceback" not in told.stderr


@pytest.mark.django_db
def test_the_server_says_where_it_cannot_write(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    settings.DATA = in_the_way
    settings.STATIC_ROOT = tmp_path / "static"
    assert main(["serve", "--port", "0"]) == REFUSED
    assert f"the folder {in_the_way} cannot be written" in capsys.readouterr().err


@pytest.mark.django_db
def test_a_word_that_is_no_parameter_of_a_call_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ewp", "call", "partner.example", "echo", "hello"]) == WRONG_USE
    assert "'hello' is no parameter; write name=value." in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "demo", "network", "registry"])
def test_a_port_is_a_number_that_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended([command, "--port", "99999"]) == WRONG_USE
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "demo", "registry"])
def test_papers_that_are_none_are_wrong_use(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = tmp_path / "paper"
    paper.write_text("no certificate")
    words = [command, "--certificate", str(paper), "--key", str(paper)]
    if command == "registry":
        words += ["--source", "https://a.example/manifest.xml"]
    assert ended(words) == WRONG_USE
    assert f"{paper} and {paper} are no certificate and key" in capsys.readouterr().err


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which somebody listens who would share it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_not_shared(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PATIENCE_SECONDS", 0)
    assert refused_to_listen("127.0.0.1", taken) == (
        f"127.0.0.1 port {taken} cannot be listened at (Address already in use). "
        "End what listens there, or choose another with --port."
    )


@pytest.mark.django_db
def test_the_server_does_not_start_where_another_listens(
    taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "PATIENCE_SECONDS", 0)
    assert main(["serve", "--port", str(taken)]) == REFUSED
    assert f"port {taken} cannot be listened at" in capsys.readouterr().err


def test_a_network_is_not_started_twice_in_one_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / ".box.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["network", "--folder", str(tmp_path / "box")]) == REFUSED
    assert "runs from" in capsys.readouterr().err
    assert not (tmp_path / "box").exists()


def test_a_folder_that_a_network_cannot_have_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "box"
    in_the_way.touch()
    assert main(["network", "--folder", str(in_the_way)]) == REFUSED
    assert f"{in_the_way}: File exists." in capsys.readouterr().err


@pytest.mark.django_db
def test_an_account_without_a_name_is_not_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["accounts", "add", " ", "--no-password"]) == WRONG_USE
    assert "needs a name" in capsys.readouterr().err

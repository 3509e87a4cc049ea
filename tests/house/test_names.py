"""Every module has a name that says what belongs there, and every room a text that says so."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "vaihto"
DRAWERS = {"utils", "util", "helpers", "common", "core", "base", "services", "managers", "misc"}
ROOMS = sorted(folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists())


def test_no_module_is_a_drawer() -> None:
    drawers = [
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if file.stem in DRAWERS or file.parent.name in DRAWERS
    ]
    assert drawers == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_belongs_there_and_where_to_start(room: str) -> None:
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8")))
    assert text is not None
    missing = [words for words in ("belong", "Start reading") if words not in text]
    assert missing == []


def test_nothing_catches_everything_in_silence() -> None:
    """`except Exception` stands only where the fault is raised again, or where an edge logs it with its trace."""
    allowed = {
        "jobs/actions.py",  # a worker, one piece of work
        "jobs/timetable.py",  # a worker, one entry of the timetable
        "jobs/delivery.py",  # a worker, one notification
        "ewp/server.py",  # the node, one request of a partner
        "ewp/local/running.py",  # the registry, one manifest
    }
    found = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not isinstance(node.body[-1], ast.Raise)
    }
    assert found <= allowed

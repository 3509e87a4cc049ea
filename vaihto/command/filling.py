"""The databases of the network in a box: filled by the demo once, copied from then on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vaihto import environment
from vaihto.command.processes import Child, end, program, start


class NotStarted(Exception):
    """A part of the network did not start; the text says which, and its last words."""


@dataclass(frozen=True)
class Plan:
    """One node: its name, and which members of the demo alliance it hosts.

    `public_url` is the address of a proxy in front that ends TLS; without one the node speaks TLS itself.
    """

    name: str
    hosts: tuple[str, ...]
    public_url: str = ""


def plain_environ() -> dict[str, str]:
    """The caller's environment without settings of an installation, but for where the schemas are."""
    kept = {"VAIHTO_SCHEMAS", "VAIHTO_LANGUAGE", "VAIHTO_TIME_ZONE"}
    return {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith("VAIHTO_") or name in kept) and name != "DJANGO_SETTINGS_MODULE"
    }


def fill(folder: Path, plans: Sequence[Plan], prepared: Path) -> None:
    """Gives every node that has no database one of the demo, built once and copied from then on."""
    lacking = [plan for plan in plans if not (folder / plan.name / "vaihto.sqlite3").exists()]
    made_of = mark()
    building = [
        (plan, _build(plan, prepared, made_of))
        for plan in lacking
        if not _ready(plan, prepared, made_of).is_dir()
    ]
    try:
        for plan, child in building:
            _built(plan, prepared, made_of, child)
    finally:
        end(child for _plan, child in building)
    for plan in lacking:
        shutil.copytree(_ready(plan, prepared, made_of), folder / plan.name, dirs_exist_ok=True)


# What decides how a filled database and the files beside it look.
_DECISIVE = (
    "*/migrations/*.py",
    "demo/**/*.py",
    "institutions/**/*.py",
    "offers/**/*.py",
    "agreements/**/*.py",
    "web/static/**/*.*",
)


def mark() -> str:
    """Changes with the tables, the demo and the static files, so that databases of an older state are not taken."""
    mixed = hashlib.sha256()
    package = Path(environment.__file__).parent
    for file in sorted(file for pattern in _DECISIVE for file in package.glob(pattern)):
        mixed.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes())
    return mixed.hexdigest()[:16]


def _place(plan: Plan) -> str:
    hosts = hashlib.sha256(" ".join(plan.hosts).encode()).hexdigest()[:8]
    return f"{plan.name}-{hosts}"


def _ready(plan: Plan, prepared: Path, made_of: str) -> Path:
    return prepared / f"{_place(plan)}-{made_of}"


def _half_built(plan: Plan, prepared: Path, made_of: str) -> Path:
    ready = _ready(plan, prepared, made_of)
    return ready.with_name(f"{ready.name}.{os.getpid()}")


def _build(plan: Plan, prepared: Path, made_of: str) -> Child:
    for old in prepared.glob("*-*-*"):  # of another state of the program
        if f"-{made_of}" not in old.name:
            shutil.rmtree(old, ignore_errors=True)
    prepared.mkdir(parents=True, exist_ok=True)
    command = [
        *(program("vaihto"), "demo", "--no-serve", "--size=bare"),
        *(f"--folder={_half_built(plan, prepared, made_of)}/demo", "--hosts", *plan.hosts),
    ]
    return start(command, environ=plain_environ(), log=prepared / f"{plan.name}.log")


def _built(plan: Plan, prepared: Path, made_of: str, child: Child) -> None:
    half = _half_built(plan, prepared, made_of)
    if child.wait() != 0:
        words = (prepared / f"{plan.name}.log").read_text("utf-8", "replace")[-2000:]
        raise NotStarted(f"The database of {plan.name} could not be built.\n{words}")
    (made,) = half.iterdir()
    with contextlib.suppress(OSError):  # somebody else was quicker
        made.rename(_ready(plan, prepared, made_of))
    shutil.rmtree(half, ignore_errors=True)

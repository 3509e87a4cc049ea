"""The rules that judge: those of the program, or those with parameters of an edition laid over them.

Rules hold their parameters as expressions made at import. Other parameters therefore need other modules:
a second copy of the rules, read from the same files under another package name, with the changed
parameters in place before any rule is built. The program's own rules stay untouched beside it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

import vaihto.rules
from vaihto.refusals import Invalid
from vaihto.rules import (
    credits,  # noqa: A004 - the field's word
    erasmus,
    findings,
    judging,
    participation,
    stays,
    visits,
)
from vaihto.rules.declarations import Unreadable, documents
from vaihto.rules.edition import edition
from vaihto.rules.parameters import parameters
from vaihto.wording import mark as _

_ROOM = Path(vaihto.rules.__file__).parent
_NAMES = ("judging", "credits", "visits", "participation", "findings", "erasmus", "stays")
_LOCK = Lock()


class UnreadableParameters(Invalid):
    """A parameter file that changes nothing we know, or says it wrongly."""

    sentence = _("The parameter file cannot be used: %(problem)s")
    remedy = _("Write it like the first part of a rule file: name, label, unit, source, values.")


@dataclass(frozen=True)
class Ruleset:
    """The modules that judge, and the edition they are."""

    key: str
    judging: Any
    credits: Any
    visits: Any
    participation: Any
    findings: Any
    erasmus: Any
    stays: Any


def _own_key() -> str:
    """The edition of the program: its rules, and how records become columns and answers verdicts."""
    digest = hashlib.sha256(edition().encode())
    for name in ("columns.py", "outcome.py"):
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()[:16]


OWN = Ruleset(_own_key(), judging, credits, visits, participation, findings, erasmus, stays)


def with_parameters(text: str) -> Ruleset:
    """The rules with the parameters of `text` (YAML) in place of those of the same names.

    No text gives the program's own rules. Refused with `UnreadableParameters` when the text is not a
    parameter file or names a parameter that no rule knows.
    """
    return _copy(text) if text.strip() else OWN


def key_of(text: str) -> str:
    """The edition of the rules with these parameters laid over them."""
    if not text.strip():
        return OWN.key
    return hashlib.sha256(f"{OWN.key}\n{_canonical(text)}".encode()).hexdigest()[:16]


def _canonical(text: str) -> str:
    return yaml.safe_dump(_read(text), sort_keys=True)


def _read(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UnreadableParameters("parameters.unreadable", problem=str(error)) from error
    if not isinstance(found, dict) or not found:
        raise UnreadableParameters("parameters.unreadable", problem="a mapping is expected")
    unknown = sorted(str(name) for name in found if name not in parameters())
    if unknown:
        raise UnreadableParameters(
            "parameters.unknown", problem=f"no rule knows {', '.join(unknown)}"
        )
    return found


@lru_cache(maxsize=4)
def _copy(text: str) -> Ruleset:
    changed = _read(text)
    key = key_of(text)
    package = f"vaihto_rules_{key}"
    with _LOCK:
        finder = _Copied(package)
        sys.meta_path.insert(0, finder)
        try:
            theirs = importlib.import_module(f"{package}.parameters")
            known = theirs.parameters()
            for name, entry in changed.items():
                topic = known[name].topic
                whole = {**_declared(topic, name), **(entry if isinstance(entry, dict) else {})}
                known[name] = theirs.read_parameter(topic, name, whole)
            modules = {name: importlib.import_module(f"{package}.{name}") for name in _NAMES}
        except (Unreadable, ValueError) as error:
            raise UnreadableParameters("parameters.unreadable", problem=str(error)) from error
        finally:
            sys.meta_path.remove(finder)
    return Ruleset(key, **modules)


def _declared(topic: str, name: str) -> dict[str, Any]:
    """The parameter as the program declares it; what the text leaves out stays so."""
    first = next(documents(_ROOM / f"{topic}.yaml"))
    entry: dict[str, Any] = first[name]
    return entry


class _Copied(importlib.abc.Loader):
    """Finds `vaihto_rules_….x` in the files of `vaihto.rules.x`, with imports led to the copy."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The place of a module of the copy; None for everything else."""
        if name != self.package and not name.startswith(f"{self.package}."):
            return None
        part = name[len(self.package) + 1 :]
        file = _ROOM / (f"{part}.py" if part else "__init__.py")
        if not file.is_file():
            return None
        spec = importlib.machinery.ModuleSpec(name, self, origin=str(file), is_package=not part)
        spec.has_location = True
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        """An ordinary module."""
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        """Runs the file with the copy's name in place of the room's."""
        file = Path(str(module.__spec__ and module.__spec__.origin))
        source = file.read_text("utf-8").replace("vaihto.rules", self.package)
        exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102 - our own files

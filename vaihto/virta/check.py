"""`vaihto virta check FILE…`: tells in plain words what is wrong in any VIRTA file.

Needs no database, no setting and no secret. Exit code 0 when every file is valid by the official
schema (without schemas: by our own check, and it says so), 1 when one is not, 2 for wrong use. What
can be read is also put before the checks before sending; their errors count with `--strict`. Separate
files of different kinds, named together, are checked as one batch.
"""

from __future__ import annotations

import argparse
import gettext
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol, TextIO

import polars as pl

from vaihto import environment
from vaihto.rules import checks
from vaihto.virta.batch import ELEMENTS, Gathered, findings
from vaihto.virta.document import read_document
from vaihto.virta.problems import Problem, Translate, shown, told
from vaihto.virta.records import KIND_BY_ELEMENT, NESTED
from vaihto.virta.validation import Official, SchemasUnusable, Validation, official
from vaihto.wording import mark as _

PROJECT = Path(__file__).resolve().parent.parent.parent
LOCALE = PROJECT / "vaihto" / "locale"
LANGUAGES = ("en", "fi", "sv")
PRINTED = 200
"""So many problems of a file are printed; all are counted, and `--json` gives all."""

_EXAMPLES = """examples:
  vaihto virta check Liikkuvuusjaksot.xml
  vaihto virta check --strict --language fi Virta.xml
  vaihto virta check Opiskelijat.xml Opiskeluoikeudet.xml Liikkuvuusjaksot.xml
  vaihto virta check --json *.xml > findings.json

exit code: 0 every file is valid, 1 a file is not, 2 wrong use
"""


def main(argv: Sequence[str] | None = None, *, today: date | None = None) -> int:
    """Check the files named in `argv` and say what was found, as of `today`."""
    try:
        chosen = _parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    out = _plain_output()
    try:
        schema = _schema(chosen.schemas)
    except SchemasUnusable as refused:
        translate = translator(chosen.language)
        sys.stderr.write(f"{translate(refused.sentence) % refused.facts}\n")
        sys.stderr.write(f"{translate(refused.remedy)}\n")
        return 2
    show = (_Json if chosen.json else _Plain)(out, schema, chosen.language)
    as_of = today or datetime.now(tz=UTC).date()
    try:
        right = _check([Path(name) for name in chosen.files], schema, show, as_of)
        out.flush()
    except BrokenPipeError:
        # The reader went away (`| head`): leave quietly, and keep Python from flushing again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if not right.valid or (chosen.strict and not right.without_errors):
        return 1
    return 0


@dataclass
class _Right:
    """What decides about the exit code."""

    valid: bool = True
    without_errors: bool = True


def _check(files: list[Path], schema: Official | None, show: Shown, as_of: date) -> _Right:
    """Put each file before the schema, then what can be read of them before the checks of sending."""
    right = _Right()
    show.begin()
    gathered: list[tuple[list[Path], Gathered, bool]] = []
    refused: set[Path] = set()
    wrong: set[tuple[str, str]] = set()
    together: Gathered | None = None
    roots: set[str] = set()
    for path in files:
        validation = Validation(path, schema)
        problems = _noting(validation, wrong)
        if show.file(path, validation, problems):
            right.valid = False
            refused.add(path)
        if not validation.root or validation.cut_off:
            continue
        # Separate files of different kinds are one batch; a second of the same kind begins another.
        if validation.root == NESTED or together is None or validation.root in roots:
            together = Gathered()
            gathered.append(([], together, validation.root == NESTED))
            roots = {NESTED} if validation.root == NESTED else set()
        roots.add(validation.root)
        gathered[-1][0].append(path)
        _gather(path, together)
        if validation.root == NESTED:
            together = None
    for paths, tables, whole in gathered:
        found = findings(tables, whole=whole, as_of=as_of)
        found = found.filter(~_about(found, wrong)) if wrong and found.height else found
        show.findings(paths, found, complete=refused.isdisjoint(paths))
        if "error" in found["severity"]:
            right.without_errors = False
    show.end()
    return right


def _noting(problems: Iterable[Problem], wrong: set[tuple[str, str]]) -> Iterator[Problem]:
    for each in problems:
        if each.kind:
            wrong.add((each.kind, each.key))
        yield each


def _gather(path: Path, tables: Gathered) -> None:
    document = read_document(path)
    for record in document:
        tables.add(record, line=document.line)


def _about(found: pl.DataFrame, wrong: set[tuple[str, str]]) -> pl.Series:
    """Findings about records that the schema refuses: what they hold cannot be relied on."""
    pairs = zip(found["kind"], found["key"], strict=True)
    return pl.Series(
        [(ELEMENTS.get(kind, ""), key) in wrong for kind, key in pairs], dtype=pl.Boolean
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vaihto virta check",
        description="Tells in plain words what is wrong in any VIRTA file.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a VIRTA file, nested or separate")
    parser.add_argument(
        "--strict", action="store_true", help="errors of the checks before sending count"
    )
    parser.add_argument("--json", action="store_true", help="everything, for a machine to read")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the findings")
    parser.add_argument("--schemas", metavar="FOLDER", help="the official schemas")
    return parser


def default_schemas() -> Path | None:
    """The folder of schemas, where the settings (none is needed) or the usual places have one."""
    return environment.schemas_folder()


def _schema(named: str | None) -> Official | None:
    if named is None:
        return official(default_schemas())
    found = official(Path(named).expanduser())
    if found is None:
        raise SchemasUnusable(
            "virta.schemas", folder=named, detail=_("there is no Virta.xsd, nor virta/Virta.xsd")
        )
    return found


def translator(language: str) -> Translate:
    """What turns our English sentences into `language`; they stay English where no words are kept."""
    found = gettext.translation("django", LOCALE, [language], fallback=True)
    return found.gettext


def _plain_output() -> TextIO:
    """Standard output, never failing on a letter that the terminal does not know."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout


# --- for people -----------------------------------------------------------------------------------


class Shown(Protocol):
    """A way of showing what was found."""

    def begin(self) -> None: ...
    def file(self, path: Path, validation: Validation, problems: Iterable[Problem]) -> bool: ...
    def findings(self, paths: list[Path], found: pl.DataFrame, *, complete: bool) -> None: ...
    def end(self) -> None: ...


@dataclass
class _Plain:
    """Sentences."""

    out: TextIO
    schema: Official | None
    language: str

    def __post_init__(self) -> None:
        self.translate = translator(self.language)

    def begin(self) -> None:
        """Nothing stands before the first file."""

    def end(self) -> None:
        """Nothing stands after the last file."""

    def file(self, path: Path, validation: Validation, problems: Iterable[Problem]) -> bool:
        """Tell what is wrong with a file; True when something is."""
        remaining = iter(problems)
        first = next(remaining, None)
        if first is None:
            said = self.translate(_valid(self.schema)) % {
                "version": _version(self.schema),
                "records": self._records(validation),
            }
            self._line(f"{path}: {said}")
            return False
        self._line(f"{path}: {self.translate(self._not_valid(validation))}")
        counted = 0
        for each in chain((first,), islice(remaining, PRINTED - 1)):
            counted += 1
            self._problem(each)
        more = sum(1 for _each in remaining)
        if more:
            self._line("  " + self.translate(_MORE) % {"more": more})
        self._line(
            "  "
            + self.translate(_("Problems: %(count)d. Records: %(records)s."))
            % {"count": counted + more, "records": self._records(validation)}
        )
        return True

    def findings(self, paths: list[Path], found: pl.DataFrame, *, complete: bool) -> None:
        """Tell what the checks before sending found in one batch."""
        names = ", ".join(map(str, paths))
        if not complete and found.height:
            self._line(f"{names}: {self.translate(_INCOMPLETE)}")
        if not found.height:
            self._line(f"{names}: {self.translate(_('the checks before sending found nothing.'))}")
            return
        counts = {severity: (found["severity"] == severity).sum() for severity in SEVERITIES}
        said = self.translate(
            _("checks before sending. Errors: %(error)d, warnings: %(warning)d, remarks: %(info)d.")
        )
        self._line(f"{names}: {said % counts}")
        ranked = found.with_columns(
            rank=pl.col("severity").replace_strict(
                list(SEVERITIES), [0, 1, 2], return_dtype=pl.Int8
            )
        ).sort("rank", "check", maintain_order=True)
        for row in ranked.head(PRINTED).iter_rows(named=True):
            self._finding(row)
        if found.height > PRINTED:
            self._line("  " + self.translate(_MORE) % {"more": found.height - PRINTED})

    def _finding(self, row: Mapping[str, Any]) -> None:
        severity = self.translate(SEVERITIES[row["severity"]])
        element, key = _record_of(row)
        heading = [f"{row['check']} {severity}"]
        if row["line"]:
            heading.append(self.translate(_("line %(line)d")) % {"line": row["line"]})
        if element:
            label = self.translate(KIND_BY_ELEMENT[element].label)
            heading.append(f"{label} {key} ({element})")
        self._line("  " + ", ".join(heading))
        self._line(f"    {checks.message(row['check'], row['compared'], language=self.language)}")

    def _not_valid(self, validation: Validation) -> str:
        if not validation.root:
            return _("cannot be read as a VIRTA file.")
        if self.schema is None:
            return _("not valid by Vaihto's own rules (the official schemas were not found).")
        return _("not valid by the official schema.")

    def _records(self, validation: Validation) -> str:
        counted = [
            f"{self.translate(kind.label)}: {validation.counts[name]}"
            for name, kind in KIND_BY_ELEMENT.items()
            if validation.counts[name]
        ]
        return ", ".join(counted) or self.translate(_("none"))

    def _problem(self, problem: Problem) -> None:
        words = told(problem, self.translate, language=self.language)
        where = self.translate(_("line %(line)d")) % {"line": problem.line} if problem.line else ""
        heading = ", ".join(part for part in (where, words.record) if part)
        if heading:
            self._line(f"  {heading}")
        self._line(f"    {words.sentence}")
        if words.remedy:
            self._line(f"    → {words.remedy}")

    def _line(self, text: str) -> None:
        self.out.write(text + "\n")


def _record_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """The element and key of the record that a finding is about; without a key it is the student."""
    if row["key"] is None and row["person"] is not None:
        return "Opiskelija", row["person"]
    return ELEMENTS.get(row["kind"], ""), row["key"] or ""


SEVERITIES = {"error": _("error"), "warning": _("warning"), "info": _("remark")}
_INCOMPLETE = _("what follows may change when the problems above are put right.")
_MORE = _("… and %(more)d more; --json gives all.")


def _valid(schema: Official | None) -> str:
    if schema is None:
        return _(
            "no fault found. Records: %(records)s. Checked by Vaihto's own rules only: the official schemas "
            "were not found. Name their folder with --schemas or VAIHTO_SCHEMAS."
        )
    return _("valid by the official schema (%(version)s). Records: %(records)s.")


def _version(schema: Official | None) -> str:
    if schema is None:
        return ""
    return ", ".join(f"{name} {schema.versions.get(name, '')}" for name in ("Virta", "koodistot"))


# --- for machines ---------------------------------------------------------------------------------


@dataclass
class _Json:
    """One JSON object: files with all their problems, batches with all their findings."""

    out: TextIO
    schema: Official | None
    language: str

    def __post_init__(self) -> None:
        self.translate = translator(self.language)
        self.files = self.batches = 0

    def begin(self) -> None:
        """Open the object and the list of files."""
        self.out.write('{"files": [')

    def file(self, path: Path, validation: Validation, problems: Iterable[Problem]) -> bool:
        """Write a file with all its problems, as they are found; True when there are any."""
        self.out.write(",\n" if self.files else "\n")
        self.files += 1
        self.out.write(f'{{"file": {json.dumps(str(path))}, "problems": [')
        count = 0
        for each in problems:
            self.out.write((",\n  " if count else "\n  ") + self._problem(each))
            count += 1
        summary = {
            "valid": count == 0,
            "judged_by": "official schema" if self.schema else "own check",
            "schema_versions": dict(self.schema.versions) if self.schema else {},
            "root": validation.root,
            "records": dict(validation.counts),
        }
        self.out.write("], " + json.dumps(summary)[1:])
        return count > 0

    def findings(self, paths: list[Path], found: pl.DataFrame, *, complete: bool) -> None:
        """Write what the checks found in one batch."""
        self.out.write(",\n" if self.batches else '\n], "checks": [\n')
        self.batches += 1
        named = json.dumps([str(path) for path in paths])
        self.out.write(f'{{"files": {named}, "complete": {json.dumps(complete)}, "findings": [')
        for number, row in enumerate(found.iter_rows(named=True)):
            self.out.write(",\n  " if number else "\n  ")
            self.out.write(json.dumps(self._finding(row), ensure_ascii=False))
        self.out.write("]}")

    def end(self) -> None:
        """Close what is open."""
        self.out.write("\n]}\n" if self.batches else '\n], "checks": []}\n')

    def _finding(self, row: Mapping[str, Any]) -> dict[str, Any]:
        element, key = _record_of(row)
        return {
            "check": row["check"],
            "severity": row["severity"],
            "record": element,
            "key": key,
            "line": row["line"],
            "says": checks.message(row["check"], row["compared"], language=self.language),
        }

    def _problem(self, problem: Problem) -> str:
        words = told(problem, self.translate, language=self.language)
        return json.dumps(
            {
                "code": problem.code,
                "record": problem.kind,
                "key": problem.key,
                "line": problem.line,
                "place": problem.path,
                "value": shown(problem) if problem.value is not None else None,
                "says": words.sentence,
                "do": words.remedy,
            },
            ensure_ascii=False,
        )

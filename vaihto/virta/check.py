"""`vaihto virta check FILE…`: tells in plain words what is wrong in any VIRTA file.

Needs no database, no setting and no secret. Exit code 0 when every file is valid by the official
schema (without schemas: by our own check, and it says so), 1 when one is not, 2 for wrong use.
"""

from __future__ import annotations

import argparse
import gettext
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from vaihto.virta.problems import Problem, Translate, shown, told
from vaihto.virta.records import KIND_BY_ELEMENT
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
  vaihto virta check --json *.xml > findings.json

exit code: 0 every file is valid, 1 a file is not, 2 wrong use
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Check the files named in `argv` and say what was found."""
    parser = _parser()
    try:
        chosen = parser.parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    out = _plain_output()
    translate = translator(chosen.language)
    try:
        schema = _schema(chosen.schemas)
    except SchemasUnusable as refused:
        sys.stderr.write(f"{translate(refused.sentence) % refused.facts}\n")
        sys.stderr.write(f"{translate(refused.remedy)}\n")
        return 2
    checked = [_Checked(Path(name), schema) for name in chosen.files]
    try:
        if chosen.json:
            right = _write_json(out, checked)
        else:
            right = [_write_plain(out, each, translate) for each in checked]
        out.flush()
    except BrokenPipeError:
        # The reader went away (`| head`): leave quietly, and keep Python from flushing again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0 if all(right) else 1


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
    """The folder of schemas: `VAIHTO_SCHEMAS`, else `../shared/schemas` beside the project if present."""
    named = os.environ.get("VAIHTO_SCHEMAS", "")
    if named:
        return Path(named).expanduser()
    beside = PROJECT.parent / "shared" / "schemas"
    return beside if beside.is_dir() else None


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


@dataclass
class _Checked:
    """One file with the judge it is put before."""

    path: Path
    schema: Official | None

    def validation(self) -> Validation:
        return Validation(self.path, self.schema)


# --- for people -----------------------------------------------------------------------------------


def _write_plain(out: TextIO, checked: _Checked, translate: Translate) -> bool:
    validation = checked.validation()
    problems = iter(validation)
    first = next(problems, None)
    counted = 0
    if first is not None:
        out.write(f"{checked.path}: {translate(_not_valid(checked.schema))}\n")
        for each in chain((first,), islice(problems, PRINTED - 1)):
            counted += 1
            _write_problem(out, each, translate)
        more = sum(1 for _each in problems)
        counted += more
        if more:
            out.write(
                "  "
                + translate(_("… and %(more)d more; --json gives all.")) % {"more": more}
                + "\n"
            )
        out.write(
            "  "
            + translate(_("Problems: %(count)d. Records: %(records)s."))
            % {"count": counted, "records": _records(validation, translate)}
            + "\n"
        )
        return False
    out.write(
        f"{checked.path}: "
        + translate(_valid(checked.schema))
        % {"version": _version(checked.schema), "records": _records(validation, translate)}
        + "\n"
    )
    return True


def _valid(schema: Official | None) -> str:
    if schema is None:
        return _(
            "no fault found (%(records)s). Checked by Vaihto's own rules only: the official schemas "
            "were not found. Name their folder with --schemas or VAIHTO_SCHEMAS."
        )
    return _("valid by the official schema %(version)s (%(records)s).")


def _not_valid(schema: Official | None) -> str:
    if schema is None:
        return _("not valid by Vaihto's own rules (the official schemas were not found).")
    return _("not valid by the official schema.")


def _version(schema: Official | None) -> str:
    if schema is None:
        return ""
    versions = schema.versions
    return f"{versions.get('Virta', '')} / {versions.get('koodistot', '')}"


def _records(validation: Validation, translate: Translate) -> str:
    counted = [
        f"{translate(kind.label)}: {validation.counts[name]}"
        for name, kind in KIND_BY_ELEMENT.items()
        if validation.counts[name]
    ]
    return ", ".join(counted) or translate(_("no records"))


def _write_problem(out: TextIO, problem: Problem, translate: Translate) -> None:
    words = told(problem, translate)
    where = translate(_("line %(line)d")) % {"line": problem.line} if problem.line else ""
    heading = ", ".join(part for part in (where, words.record) if part)
    if heading:
        out.write(f"  {heading}\n")
    out.write(f"    {words.sentence}\n")
    if words.remedy:
        out.write(f"    → {words.remedy}\n")


# --- for machines ---------------------------------------------------------------------------------


def _write_json(out: TextIO, checked: Iterable[_Checked]) -> list[bool]:
    """All problems of all files as one JSON object, written as they are found."""
    right: list[bool] = []
    out.write('{"files": [')
    for number, each in enumerate(checked):
        out.write(",\n" if number else "\n")
        validation = each.validation()
        out.write(f'{{"file": {json.dumps(str(each.path))}, "problems": [')
        count = 0
        for problem in _as_json(validation):
            out.write((",\n  " if count else "\n  ") + problem)
            count += 1
        summary = {
            "valid": count == 0,
            "judged_by": "official schema" if each.schema else "own check",
            "schema_versions": dict(each.schema.versions) if each.schema else {},
            "root": validation.root,
            "records": dict(validation.counts),
        }
        out.write("], " + json.dumps(summary)[1:])
        right.append(count == 0)
    out.write("\n]}\n")
    return right


def _as_json(problems: Iterable[Problem]) -> Iterator[str]:
    for problem in problems:
        words = told(problem, str)
        yield json.dumps(
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

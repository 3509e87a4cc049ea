"""`vaihto judge`: what the rules say of cases in a file, without a database.

The cases go through the very functions that judge stored records; mobilities of all cases are judged in
one table. Contract: facts-format. Knows no Django and no setting.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any  # facts and results hold plain values

from vaihto.rules import checks, publishing, visits
from vaihto.rules import credits as credit_rules
from vaihto.virta import explaining, facts, judged_mobilities
from vaihto.virta.facts import Case, Unreadable

DONE, REFUSED, WRONG_USE = 0, 1, 2
LANGUAGES = ("en", "fi", "sv")
Result = dict[str, Any]

_EXAMPLES = """examples:
  vaihto judge cases.json
  vaihto judge cases.json --explain --language fi
  vaihto judge - --year 2024 --as-of 2025-03-06 < cases.json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Judges a file of cases; 0 when every case could be read, 1 when not, 2 for wrong use."""
    options = _options().parse_args(argv)
    try:
        document = _document(options.file)
    except OSError as error:
        sys.stderr.write(f"{options.file}: {error.strerror or error}" + "\n")
        return WRONG_USE
    try:
        entries = facts.cases_in(document)
    except Unreadable as error:
        sys.stderr.write(f"{options.file}: {error.said(options.language)}" + "\n")
        return REFUSED
    cases = [_read(entry, options) for entry in entries]
    results = judged(cases, language=options.language)
    if options.explain:
        texts = explaining.explained(results, language=options.language)
        _print("\n\n".join(texts))
    else:
        _print(json.dumps(results, indent=1, ensure_ascii=True, allow_nan=False))
    return REFUSED if any("error" in result for result in results) else DONE


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vaihto judge",
        description="Judge cases of a facts file: what would be recorded and counted, and why.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="JSON list of cases, or - for standard input")
    parser.add_argument("--year", type=_year, help="ask every case for this year")
    parser.add_argument("--as-of", type=_day, metavar="DAY", help="ask on this day (YYYY-MM-DD)")
    parser.add_argument("--explain", action="store_true", help="print sentences instead of JSON")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the sentences")
    parser.add_argument("--json", action="store_true", help="print JSON (the default)")
    return parser


def _year(given: str) -> int:
    try:
        found = facts.year(int(given), "--year")
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{given} is not a year") from error
    return found or 0


def _day(given: str) -> str:
    try:
        return facts.iso_day(given, "--as-of") or ""
    except Unreadable as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _document(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _print(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", errors="backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


# --- Reading -----------------------------------------------------------------------------------


def _read(entry: Any, options: argparse.Namespace) -> Case | Result:
    """The case with what the command overrides, or the error that is its result."""
    try:
        case = facts.read_case(entry)
    except Unreadable as error:
        identity = entry.get("id") if isinstance(entry, dict) else None
        said = error.said(options.language)
        return {"id": identity, "error": {"path": error.path, "message": said}}
    changes = {"as_of": options.as_of, "ask_year": options.year}
    changes = {name: new for name, new in changes.items() if new and name in case.facts}
    ask = dict(case.ask)
    if options.year:
        asked = [name for name, value in ask.items() if value is not None]
        ask.update(dict.fromkeys(asked or ("oph_year", "tk_year"), options.year))
    return replace(case, facts=case.facts | changes, given=case.given | changes, ask=ask)


# --- Judging -----------------------------------------------------------------------------------


def judged(cases: Sequence[Case | Result], *, language: str = "en") -> list[Result]:
    """One result per case, in order; what was already an error stays."""
    mobility = [one for one in cases if isinstance(one, Case) and one.kind == "mobility"]
    by_place = judged_mobilities.results(mobility)
    results: list[Result] = []
    for one in cases:
        if not isinstance(one, Case):
            results.append(one)
        elif one.kind == "mobility":
            results.append({"id": one.id, **next(by_place)})
        else:
            results.append({"id": one.id, **facts.plain(_other(one, language))})
    return results


def _other(case: Case, language: str) -> Result:
    """Cases that are not mobilities."""
    match case.kind:
        case "credits":
            return credit_rules.count(case.given, language=language)
        case "staff":
            return visits.judge_visit(case.given, language=language)
        case "validation":
            return {"validation": checks.validate(case.given, language=language)}
        case "publishing":
            return {"shown": publishing.mask(case.given["counts"])}
    raise AssertionError(case.kind)  # the reader knows five kinds

"""`vaihto import`: brings a file in, or says what would happen."""

from __future__ import annotations

import json
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from vaihto.imports import actions, queries
from vaihto.imports.kinds import Kind, kinds
from vaihto.imports.models import Batch
from vaihto.imports.problems import told
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Verdict
from vaihto.refusals import Refusal

EXAMPLES = """examples:
  vaihto import persons students.csv --institution north.example --dry-run
  vaihto import mobilities spring.xlsx --institution north.example --good-lines
  vaihto import headcounts headcounts.csv --json

exit code: 0 brought in (or could be), 1 refused, 2 wrong use"""
_SHOWN = 50


class Command(BaseCommand):
    help = "Bring a file in: persons, mobilities, headcounts and other kinds."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            **({"epilog": EXAMPLES, "formatter_class": RawDescriptionHelpFormatter} | kwargs),
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted(kinds()), help="what the file holds")
        parser.add_argument("file", type=Path, help="CSV or XLSX (or XML, where the kind says so)")
        parser.add_argument(
            "--institution", default="", help="hei_id or five-digit code of a hosted institution"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen and stop")
        parser.add_argument(
            "--good-lines", action="store_true", help="bring in the good lines, leave the others"
        )
        parser.add_argument(
            "--refused", type=Path, help="write the refused lines to this file (.csv or .xlsx)"
        )
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        kind = kinds()[options["kind"]]
        institution = self._institution(kind, options["institution"])
        if not options["file"].is_file():
            self.stderr.write(f"There is no file {options['file']}.")
            sys.exit(2)
        mode = Batch.Mode.GOOD_LINES if options["good_lines"] else Batch.Mode.ALL_OR_NOTHING
        actor = Actor.system("command line")
        batch: Batch | None = None
        refusal: Refusal | None = None
        try:
            now = timezone.now()
            batch = actions.receive(
                actor=actor,
                institution=institution,
                kind=kind.name,
                file=options["file"],
                name=options["file"].name,
                now=now,
            )
            batch = actions.make_preview(actor=actor, batch=batch, now=now)
            if not options["dry_run"]:
                if batch.refused and mode == Batch.Mode.ALL_OR_NOTHING:
                    raise actions.LinesRefused("imports.lines-refused", count=batch.refused)
                batch = actions.carry_out(actor=actor, batch=batch, mode=mode, now=timezone.now())
        except Refusal as raised:
            refusal = raised
        refused = bool(refusal) or bool(batch and batch.refused and not options["good_lines"])
        self._tell(batch, refusal, as_json=options["json"], dry_run=options["dry_run"])
        if batch is not None and options["refused"] and batch.refused:
            shape = "xlsx" if options["refused"].suffix.lower() == ".xlsx" else "csv"
            options["refused"].write_bytes(queries.refused_bytes(batch, shape))
        if refused:
            sys.exit(1)

    def _institution(self, kind: Kind, name: str) -> Institution | None:
        if not kind.for_institution:
            return None
        hosted = Institution.objects.hosted()
        found = (
            hosted.filter(hei_id=name).first() or hosted.filter(national_code=name or "-").first()
        )
        if found is None:
            here = ", ".join(hosted.values_list("hei_id", flat=True)) or "none"
            self.stderr.write(
                f"Name a hosted institution with --institution (hosted here: {here})."
            )
            sys.exit(2)
        return found

    def _tell(
        self, batch: Batch | None, refusal: Refusal | None, *, as_json: bool, dry_run: bool
    ) -> None:
        fates = [] if batch is None else list(queries.all_fates(batch, str(Verdict.REFUSED)))
        problems = [problem for fate in fates for problem in fate.problems]
        if as_json:
            self.stdout.write(json.dumps(_answer(batch, refusal, problems), ensure_ascii=False))
            return
        if batch is not None and batch.described:
            self.stdout.write(
                f"{batch.name}: " + ", ".join(f"{k} {v!r}" for k, v in batch.described.items())
            )
        if batch is not None and batch.previewed_at is not None:
            counts = ", ".join(f"{count} {verdict}" for verdict, count in batch.counts().items())
            done = batch.state == Batch.State.DONE
            self.stdout.write(
                f"{'Brought in' if done else 'Would be' if dry_run else 'Found'}: {counts}"
            )
        for problem in problems[:_SHOWN]:
            value = f" “{problem.value}”" if problem.value else ""
            self.stdout.write(
                f"  line {problem.line}, {problem.column or 'line'}{value}: {problem.what} {problem.remedy}"
            )
        if len(problems) > _SHOWN:
            self.stdout.write(f"  … and {len(problems) - _SHOWN} more (--refused FILE writes all)")
        if refusal is not None:
            what, remedy = _words(refusal)
            self.stderr.write(f"{what} {remedy}".strip())


def _words(refusal: Refusal) -> tuple[str, str]:
    return told(
        {"sentence": refusal.sentence, "remedy": refusal.remedy, "facts": dict(refusal.facts)}
    )


def _answer(batch: Batch | None, refusal: Refusal | None, problems: list[Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "state": batch.state if batch else "refused",
        "batch": batch.pk if batch else None,
        "described": batch.described if batch else {},
        "counts": batch.counts() if batch else {},
        "refused": [
            {
                "line": problem.line,
                "column": problem.column,
                "value": problem.value,
                "code": problem.code,
                "what": problem.what,
                "remedy": problem.remedy,
            }
            for problem in problems
        ],
    }
    if refusal is not None:
        what, remedy = _words(refusal)
        answer["refusal"] = {"code": refusal.code, "what": what, "remedy": remedy}
    return answer

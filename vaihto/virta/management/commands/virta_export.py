"""`vaihto virta export`: makes the file for the warehouse and says what came of it."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.translation import gettext

from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.refusals import Refusal
from vaihto.virta import actions
from vaihto.virta.models import ExportRun, Form

EXAMPLES = """examples:
  vaihto virta export --institution north.example
  vaihto virta export --institution north.example --form Virta --output batch.xml
  vaihto virta export --institution north.example --json

exit code: 0 the file was made, 1 refused, 2 wrong use"""


class Command(BaseCommand):
    help = "Make the file of mobility periods (or another form) of one institution for VIRTA."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=EXAMPLES,
            formatter_class=RawDescriptionHelpFormatter,
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--institution", required=True, help="hei_id or five-digit code")
        parser.add_argument(
            "--form", choices=Form.values, default=Form.PERIODS, help="which document to make"
        )
        parser.add_argument(
            "--accept-loss",
            action="store_true",
            help="make the nested whole although the last one had records that this one lacks",
        )
        parser.add_argument("--output", type=Path, help="copy the file to this path as well")
        parser.add_argument("--json", action="store_true", help="print the run as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        institution = _institution(options["institution"])
        if institution is None:
            self.stderr.write(
                f"No hosted institution is called {options['institution']}. "
                "Hosted here: "
                + ", ".join(Institution.objects.hosted().values_list("hei_id", flat=True))
            )
            sys.exit(2)
        try:
            run = actions.export(
                actor=Actor.system("command line"),
                institution=institution,
                form=options["form"],
                accept_loss=options["accept_loss"],
                now=timezone.now(),
            )
        except Refusal as refusal:
            self._refused(refusal, as_json=options["json"])
            sys.exit(1)
        if options["output"]:
            shutil.copyfile(run.file, options["output"])
        self.stdout.write(
            json.dumps(_as_dict(run), ensure_ascii=False, indent=1)
            if options["json"]
            else _told(run)
        )

    def _refused(self, refusal: Refusal, *, as_json: bool) -> None:
        sentence = gettext(refusal.sentence) % refusal.facts
        if as_json:
            self.stdout.write(json.dumps({"refused": refusal.code, "sentence": sentence}))
            return
        self.stderr.write(sentence)
        if refusal.remedy:
            self.stderr.write(gettext(refusal.remedy))


def _institution(name: str) -> Institution | None:
    hosted = Institution.objects.hosted()
    return hosted.filter(hei_id=name).first() or hosted.filter(national_code=name).first()


def _as_dict(run: ExportRun) -> dict[str, Any]:
    return {
        "run": run.pk,
        "institution": run.institution.hei_id,
        "form": run.form,
        "file": str(run.file),
        "counts": run.counts,
        "left_out": run.left_out,
        "checks": run.checks,
        "valid": run.is_valid,
        "schema": run.schema_version,
        "digest": run.digest,
        "edition": run.edition,
        "difference": run.difference,
    }


def _told(run: ExportRun) -> str:
    valid = {
        True: f"valid by the official schema {run.schema_version}",
        False: "NOT valid by the official schema",
        None: "not checked by the official schema, which is absent",
    }[run.is_valid]
    lines = [
        f"{run.file}",
        f"{sum(run.counts.values())} records ({', '.join(f'{k} {v}' for k, v in run.counts.items())}), {valid}",
        f"left out because of errors: {run.left_out}",
        "since the last file: {new} new, {changed} changed, {gone} gone".format(**run.difference),
        f"sha256 {run.digest}",
    ]
    lines += [
        f"  {check}: {found['count']} {found['severity']}"
        for check, found in sorted(run.checks.items())
    ]
    return "\n".join(lines)

"""`vaihto classification run|preview|adopt`: judge everybody, try other rules, adopt them."""

from __future__ import annotations

import json
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.translation import gettext

from vaihto.classification import actions, ruleset, trial
from vaihto.jobs.actions import run as run_work
from vaihto.journal.actors import Actor
from vaihto.refusals import Refusal

EXAMPLES = """examples:
  vaihto classification run
  vaihto classification preview
  vaihto classification preview --parameters proposal.yaml --json
  vaihto classification adopt --parameters proposal.yaml --note "Board, 3 March"

A parameter file has the form of the first part of a rule file; what it leaves out stays:
  long_period_minimum:
    values:
      1900-01-01: 87
      2027-01-01: 90

exit code: 0 done, 1 refused, 2 wrong use"""


class Command(BaseCommand):
    help = "Judge every mobility by the rules, or see whose verdict other rules would change."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs.setdefault("epilog", EXAMPLES)
        kwargs.setdefault("formatter_class", RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("step", choices=("run", "preview", "adopt"))
        parser.add_argument(
            "--parameters", type=Path, help="YAML file with parameters to lay over the program's"
        )
        parser.add_argument("--note", default="", help="why, for the journal (adopt)")
        parser.add_argument(
            "--most", type=int, default=200, help="how many changes to list (preview)"
        )
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        text = ""
        if options["parameters"] is not None:
            if options["step"] == "run":
                self.stderr.write("Parameters are tried with preview and taken over with adopt.")
                sys.exit(2)
            try:
                text = options["parameters"].read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                self.stderr.write(f"{options['parameters']}: {error}")
                sys.exit(2)
        try:
            getattr(self, f"_{options['step']}")(text, options)
        except Refusal as refusal:
            self.stderr.write(gettext(refusal.sentence) % refusal.facts)
            if refusal.remedy:
                self.stderr.write(gettext(refusal.remedy))
            sys.exit(1)

    def _run(self, _text: str, options: dict[str, Any]) -> None:
        waiting = actions.edition_waiting()
        if waiting is not None:
            self.stderr.write(
                f"The rules changed since they were adopted (now {waiting}). "
                "See whose verdict would change with preview, then adopt."
            )
            sys.exit(1)
        done = actions.judge_waiting(now=timezone.now()) + actions.judge_all(now=timezone.now())
        self._tell(
            {"judged": done.judged, "changed": done.changed},
            f"{done.judged} sides judged, of {done.changed} something else is said now.",
            options,
        )

    def _preview(self, text: str, options: dict[str, Any]) -> None:
        found = trial.run(ruleset.with_parameters(text), most=options["most"])
        self._tell(found.as_json(), _told(found), options)

    def _adopt(self, text: str, options: dict[str, Any]) -> None:
        actor, now = Actor.system("command line"), timezone.now()
        edition = actions.propose(actor=actor, parameters=text, note=options["note"], now=now)
        work = actions.adopt(actor=actor, edition=edition, note=options["note"], now=now)
        work = run_work(work)
        self._tell(
            {"edition": edition.key, **work.result},
            f"Edition {edition.key} is in force; {work.result['judged']} sides judged, "
            f"of {work.result['changed']} something else is said now.",
            options,
        )

    def _tell(self, answer: dict[str, Any], text: str, options: dict[str, Any]) -> None:
        self.stdout.write(
            json.dumps(answer, ensure_ascii=False, indent=1) if options["json"] else text
        )


def _told(found: trial.Trial) -> str:
    lines = [
        f"Edition {found.edition}: {found.judged} sides judged, {found.changed} would change.",
        *(f"  {count:>8}  {rule or 'period'}" for rule, count in found.by_rule.most_common()),
    ]
    for change in found.changes:
        what = change.scheme or "period"
        lines.append(
            f"{change.key}: {what} by {change.rule or '-'}: "
            f"{_short(change.before)} -> {_short(change.after)}"
        )
    return "\n".join(lines)


def _short(verdict: dict[str, Any] | None) -> str:
    if verdict is None:
        return "nothing"
    if "included" not in verdict:
        return f"{verdict['start']}/{verdict['end']}"
    word = {True: "counted", False: "not counted", None: "cannot be told"}[verdict["included"]]
    why = verdict["kind"] or verdict["reason_code"]
    return f"{word} ({why}, {verdict['year']})" if why else f"{word} ({verdict['year']})"

"""`vaihto ewp doctor`: is the node well, and can it speak with a partner?"""

from __future__ import annotations

import sys
from typing import Any

from django.utils import timezone

from vaihto.command import DONE, REFUSED, WRONG_USE
from vaihto.command.arguments import parser_of, print_json, with_json
from vaihto.command.calling import quietly
from vaihto.ewp import outcomes
from vaihto.ewp.doctor import Finding, Level, examine, gravest
from vaihto.institutions.models import Institution

_MARKS = {Level.GOOD: "ok  ", Level.NOTE: "note", Level.WARNING: "warn", Level.BAD: "BAD "}


def doctor(arguments: list[str]) -> int:
    """Prints what is well and what is not; fails when something does not work."""
    parser = with_json(parser_of("ewp doctor"))
    parser.add_argument(
        "hei_id",
        nargs="?",
        metavar="HEI_ID",
        help="a partner, or one of the institutions hosted here; without it this installation",
    )
    parser.add_argument(
        "--as", dest="own", metavar="HEI_ID", help="the hosted institution that asks"
    )
    chosen = parser.parse_args(arguments)
    hosted = {each.hei_id: each for each in Institution.objects.hosted()}
    if chosen.own is not None and chosen.own not in hosted:
        print(f"vaihto ewp doctor: {chosen.own} is not hosted here.", file=sys.stderr)
        return WRONG_USE
    is_own = chosen.hei_id in hosted
    with quietly():
        findings = examine(
            now=timezone.now(),
            institution=hosted[chosen.hei_id] if is_own else hosted.get(chosen.own or ""),
            partner="" if is_own else chosen.hei_id or "",
            told=(lambda _finding: None) if chosen.json else _tell,
        )
    level = gravest(findings)
    if chosen.json:
        told = [_as_json(finding) for finding in findings]
        print_json({"level": level, "findings": told})
    else:
        print(_summary(findings))
    return REFUSED if level is Level.BAD else DONE


def _tell(finding: Finding) -> None:
    """At once: a silent partner takes a minute."""
    print(f"{_MARKS[finding.level]}  {finding.about}", flush=True)
    for text in _texts(finding):
        print(f"      {text}", flush=True)


def _texts(finding: Finding) -> list[str]:
    texts = [outcomes.filled(each, finding.facts) for each in (finding.sentence, finding.remedy)]
    return [text for text in texts if text]


def _summary(findings: list[Finding]) -> str:
    bad = sum(finding.level is Level.BAD for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    examined = "1 thing" if len(findings) == 1 else f"{len(findings)} things"
    if not bad and not warnings:
        return f"All is well: {examined} examined."
    return f"{examined} examined: {bad} bad, {warnings} to be watched."


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "about": finding.about,
        "code": finding.code,
        "level": finding.level,
        "sentence": outcomes.filled(finding.sentence, finding.facts),
        "remedy": outcomes.filled(finding.remedy, finding.facts),
        "facts": dict(finding.facts),
    }

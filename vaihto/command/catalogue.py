"""`vaihto ewp catalogue`: how old our copy of the registry's catalogue is, and asking for the newest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from vaihto.command import DONE, REFUSED
from vaihto.command.arguments import parser_of, print_json, with_json
from vaihto.ewp import outcomes, registry
from vaihto.ewp.refreshing import Refreshed

_AGAIN = "It is tried again by itself; the last good copy stays in use."
_STATES = {
    registry.State.UNSET: "No catalogue is set, so this installation is in no network. Set VAIHTO_CATALOGUE_URL.",
    registry.State.NEVER: "The catalogue has not been fetched yet.",
    registry.State.FRESH: "The copy is fresh.",
    registry.State.STALE: "The copy is past its expiry and still trusted.",
    registry.State.TOO_OLD: "The copy is too old to be trusted; partners are not recognised.",
}


def catalogue(arguments: list[str]) -> int:
    """Prints the state of our copy; with --refresh after asking the registry."""
    parser = with_json(parser_of("ewp catalogue"))
    parser.add_argument(
        "--refresh", action="store_true", help="ask the registry now, whatever the copy's age"
    )
    chosen = parser.parse_args(arguments)
    now = timezone.now()
    done = registry.refresh(now=now, at_once=True) if chosen.refresh else None
    found = registry.overview(now=timezone.now())
    if chosen.json:
        print_json(_as_json(found, done))
    else:
        print("\n".join(_told(found, done)))
    failed = done is not None and not done.has_answer
    return DONE if found.is_trusted and not failed else REFUSED


def _as_json(found: registry.Overview, done: Refreshed | None) -> dict[str, Any]:
    return {
        "url": found.url,
        "state": found.state,
        "trusted": found.is_trusted,
        "age_seconds": None if found.age is None else round(found.age.total_seconds()),
        "asked_at": _iso(found.asked_at),
        "confirmed_at": _iso(found.confirmed_at),
        "changed_at": _iso(found.changed_at),
        "expires_at": _iso(found.expires_at),
        "hosts": found.hosts,
        "institutions": found.institutions,
        "bytes": found.size,
        "sha256": found.digest,
        "failure": {"code": found.failure, **found.failure_facts} if found.failure else None,
        "refresh": None
        if done is None
        else {
            "outcome": done.outcome,
            "hosts_written": done.hosts_written,
            "hosts_removed": done.hosts_removed,
            "wrong_keys": list(done.wrong_keys),
        },
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _told(found: registry.Overview, done: Refreshed | None) -> list[str]:
    lines = [found.url] if found.url else []
    if done is not None and done.outcome == "changed":
        lines.append(
            f"A new edition: {done.hosts_written} hosts new or changed, {done.hosts_removed} gone or replaced."
        )
    if done is not None and done.outcome == "unchanged":
        lines.append("The registry has no newer edition.")
    lines.append(_STATES[found.state])
    if found.age is not None:
        lines.append(
            f"Confirmed {age(found.age)} ago; {found.institutions:,} institutions at {found.hosts:,} hosts, "
            f"{found.size / 1_000_000:.1f} MB."
        )
    if done is not None and done.wrong_keys:
        lines.append(f"Left out for a wrong fingerprint: {', '.join(done.wrong_keys)}")
    if found.failure:
        ending = outcomes.Outcome(found.failure, found.failure_facts)
        is_ours = ending.blame is outcomes.Blame.OURS
        remedy = outcomes.filled(ending.remedy, ending.facts) if is_ours else _AGAIN
        lines.append(f"The last try failed. {ending} {remedy}".strip())
    return lines


def age(passed: timedelta) -> str:
    """An age in its largest fitting unit."""
    seconds = round(passed.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return f"{seconds} seconds"

"""What the catalogue says an institution can do, kept with its day: live, testing, or no longer there.

Only institutions that this installation knows have a history; the catalogue itself answers for all others.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime

from django.utils import timezone

from vaihto.ewp.models import HostApi
from vaihto.institutions.models import Capability, Institution
from vaihto.journal.actions import entry, record_all
from vaihto.journal.actors import Actor

# Interface -> the process it serves, in the words of `Capability`. What only keeps the network running is left out.
PROCESSES: dict[str, str] = {
    "institutions": "institution_data",
    "organizational-units": "institution_data",
    "factsheet": "institution_data",
    "courses": "courses",
    "simple-course-replication": "courses",
    "file": "files",
    "iias": "agreements",
    "iia-cnr": "agreements",
    "iias-approval": "agreements",
    "iia-approval-cnr": "agreements",
    "omobilities": "nominations",
    "omobility-cnr": "nominations",
    "omobility-las": "learning_agreements",
    "omobility-la-cnr": "learning_agreements",
    "imobilities": "arrivals",
    "imobility-cnr": "arrivals",
    "imobility-tors": "transcripts",
    "imobility-tor-cnr": "transcripts",
}


def learn(*, catalogue_id: int, is_production: bool, now: datetime) -> int:
    """Writes down what changed for the institutions we know, with the day; returns how many lines.

    An API in the production network is live, in any other it is being tested. One that is gone gets a line that says
    none. Several versions at once count as the newest. A second change on one day overwrites the first.
    """
    known = dict(Institution.objects.values_list("hei_id", "pk"))
    today = timezone.localdate(now)
    state = Capability.State.LIVE if is_production else Capability.State.TESTING
    said = _listed(catalogue_id, known)
    newest = _newest()
    lines: list[Capability] = []
    for place, interface in sorted({*said, *newest}):
        version = said.get((place, interface))
        before = newest.get((place, interface))
        told = (state, version) if version is not None else (Capability.State.NONE, "")
        if before is not None and (before.state, before.version) == told:
            continue
        if before is None and version is None:
            continue
        lines.append(_line(place, interface, told, day=today, before=before))
    _write(lines, now=now)
    return len(lines)


def _listed(catalogue_id: int, known: dict[str, int]) -> dict[tuple[int, str], str]:
    """Institution and interface -> the highest version that any of its hosts states."""
    highest: dict[tuple[int, str], tuple[list[int], str]] = {}
    rows = HostApi.objects.filter(
        host__catalogue_id=catalogue_id, element__in=list(PROCESSES)
    ).values_list("hei_id", "element", "version")
    for hei_id, element, version in rows.iterator():
        if hei_id not in known:
            continue
        numbers = [int(part) for part in version.split(".") if part.isdecimal()]
        key = (known[hei_id], element)
        highest[key] = max(highest.get(key, ([], "")), (numbers, version[:20]))
    return {key: version for key, (_numbers, version) in highest.items()}


def _newest() -> dict[tuple[int, str], Capability]:
    found: dict[tuple[int, str], Capability] = {}
    rows = Capability.objects.filter(source=Capability.Source.CATALOGUE).order_by("since", "pk")
    for row in rows.iterator():
        found[row.institution_id, row.interface] = row
    return found


def _line(
    place: int,
    interface: str,
    told: tuple[str, str],
    *,
    day: date,
    before: Capability | None,
) -> Capability:
    line = before if before is not None and before.since == day else Capability(since=day)
    line.institution_id = place
    line.process = PROCESSES.get(interface, before.process if before else "other")
    line.interface = interface
    line.state, line.version = told
    line.channel = "" if line.state == Capability.State.NONE else "ewp"
    line.source = Capability.Source.CATALOGUE
    return line


def _write(lines: list[Capability], *, now: datetime) -> None:
    Capability.objects.bulk_create([line for line in lines if line.pk is None], batch_size=500)
    Capability.objects.bulk_update(
        [line for line in lines if line.pk is not None],
        ["process", "state", "version", "channel"],
        batch_size=500,
    )
    told: dict[int, dict[str, str]] = defaultdict(dict)
    for line in lines:
        told[line.institution_id][line.interface] = f"{line.state} {line.version}".strip()
    actor = Actor.system("Registry catalogue")
    record_all(
        entry(
            actor,
            "institution.capabilities-listed",
            place,
            at=now,
            institution_id=place.pk,
            changes={name: [None, state] for name, state in told[place.pk].items()},
        )
        for place in Institution.objects.filter(pk__in=list(told))
    )

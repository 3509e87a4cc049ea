"""How fast files are brought in, against reading the same file with the CSV library alone.

Each size runs in a process of its own with an empty database of its own (SQLite in a temporary folder), so that
its memory is its own. Seconds are those of the processor, which neighbours on the machine do not lengthen; writing
is also told by the clock. The bench reports and never fails: aims stand beside the figures.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FIRST = date(2018, 1, 8)
_PERSONS = (
    "key",
    "family_name",
    "given_names",
    "gender",
    "citizenships",
    "birth_date",
    "email",
    "learner_number",
    "identity_code",
    "mother_tongue",
    "residence",
    "first_enrolled",
)
_MOBILITIES = (
    "key",
    "student_key",
    "direction",
    "purpose",
    "programme",
    "call_year",
    "funding",
    "partner",
    "partner_country",
    "part_of_degree",
    "planned_blended",
    "state",
    "right_key",
    "planned_credits",
    "segment_mode",
    "segment_place",
    "segment_country",
    "segment_start",
    "segment_end",
)


def run(sizes: Sequence[int]) -> list[str]:
    """Lines of figures for files of so many lines each."""
    lines = [f"Files brought in, {os.cpu_count()} cores"]
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            lines += _of_size(size, Path(folder))
    return lines


def _of_size(size: int, folder: Path) -> list[str]:
    persons, mobilities = folder / "persons.csv", folder / "mobilities.csv"
    _write_persons(persons, size)
    _write_mobilities(mobilities, size)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VAIHTO_")},
        "VAIHTO_DATA": str(folder / "data"),
        "VAIHTO_LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "vaihto.settings",
    }
    lines = []
    for kind, file in (("persons", persons), ("mobilities", mobilities)):
        alone = _csv_alone(file)
        found = {}
        for step in ("preview", "confirm", "again"):
            answer = subprocess.run(
                [sys.executable, "-m", "bench.imports", step, kind, str(file)],
                cwd=ROOT,
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            found[step] = json.loads(answer.stdout.splitlines()[-1])
        lines += [
            (
                f"preview {size:,} {kind}: {found['preview']['seconds']:.1f} s, "
                f"{found['preview']['seconds'] / alone:.1f} times the CSV library alone ({alone:.2f} s; aim 20), "
                f"peak {found['preview']['peak_mib']:.0f} MiB (aim 500)"
            ),
            (
                f"confirm {size:,} {kind}: {found['confirm']['seconds']:.1f} s "
                f"({found['confirm']['wall']:.1f} s by the clock), "
                f"{size / found['confirm']['seconds']:,.0f}/s, peak {found['confirm']['peak_mib']:.0f} MiB"
            ),
            (
                f"preview {size:,} {kind} that are all here: {found['again']['seconds']:.1f} s, "
                f"{found['again']['seconds'] / alone:.1f} times, peak {found['again']['peak_mib']:.0f} MiB"
            ),
        ]
    return lines


def _csv_alone(file: Path) -> float:
    times = []
    for _round in range(3):
        started = time.process_time()
        with file.open(encoding="utf-8", newline="") as source:
            for _row in csv.DictReader(source, delimiter=";"):
                pass
        times.append(time.process_time() - started)
    return sorted(times)[1]


def _write_persons(file: Path, size: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, delimiter=";")
        writer.writerow(_PERSONS)
        for number in range(size):
            born = _FIRST - timedelta(days=7000 + number % 3000)
            writer.writerow(
                [
                    f"S-{number:08}",
                    f"Esimerkki{number % 5000}",
                    f"Elämä {number % 700}",
                    "129"[number % 3],
                    "246",
                    born.isoformat(),
                    f"person{number}@example.org",
                    f"1.2.246.562.24.{number:011}",
                    "",
                    ("fi", "sv", "en")[number % 3],
                    "091",
                    (_FIRST + timedelta(days=number % 2000)).isoformat(),
                ]
            )


def _write_mobilities(file: Path, size: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, delimiter=";")
        writer.writerow(_MOBILITIES)
        for number in range(size):
            start = _FIRST + timedelta(days=number % 2500)
            writer.writerow(
                [
                    f"M-{number:08}",
                    f"S-{number:08}",
                    ("outgoing", "incoming")[number % 2],
                    ("study", "traineeship", "study")[number % 3],
                    "erasmus",
                    str(start.year),
                    "Erasmus+ grant",
                    f"partner{number % 40}.example",
                    "",
                    "yes",
                    "no",
                    "done",
                    "",
                    "30",
                    "physical",
                    "host",
                    "",
                    start.isoformat(),
                    (start + timedelta(days=20 + number % 200)).isoformat(),
                ]
            )


def _step(step: str, kind: str, file: Path) -> dict[str, float]:
    """One step in this process, with the database that earlier steps have left."""
    import django  # noqa: PLC0415 - the environment is read now

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from vaihto.imports import actions  # noqa: PLC0415
    from vaihto.imports.models import Batch  # noqa: PLC0415
    from vaihto.institutions.models import Institution  # noqa: PLC0415
    from vaihto.journal.actors import Actor  # noqa: PLC0415

    if (
        step == "preview"
        and kind == "persons"
        and not Path(os.environ["VAIHTO_DATA"], "vaihto.sqlite3").exists()
    ):
        call_command("migrate", verbosity=0)
        Institution.objects.bulk_create(
            [
                Institution(hei_id="bench.example", name="Bench", country="246", hosted=True),
                *(
                    Institution(hei_id=f"partner{n}.example", name=f"Partner {n}", country="724")
                    for n in range(40)
                ),
            ]
        )
    actor, now = Actor.system("bench"), timezone.now()
    if step == "confirm":
        batch = Batch.objects.filter(kind=kind).earliest("pk")
        wall, started = time.perf_counter(), time.process_time()
        batch = actions.carry_out(actor=actor, batch=batch, mode="all_or_nothing", now=now)
    else:
        batch = actions.receive(
            actor=actor,
            institution=Institution.objects.get(hei_id="bench.example"),
            kind=kind,
            file=file,
            name=file.name,
            now=now,
        )
        wall, started = time.perf_counter(), time.process_time()
        batch = actions.make_preview(actor=actor, batch=batch, now=now)
    seconds, wall_seconds = time.process_time() - started, time.perf_counter() - wall
    expected = "unchanged" if step == "again" else "created"
    if batch.counts()[expected] != batch.lines:
        raise SystemExit(f"{step} {kind}: {batch.counts()} of {batch.lines}")
    return {"seconds": seconds, "wall": wall_seconds, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    _name, the_step, the_kind, the_file = sys.argv
    print(json.dumps(_step(the_step, the_kind, Path(the_file))))  # noqa: T201 - read by the other process

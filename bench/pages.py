"""Pages at alliance size: the same page with ever more data, and the memory of a web worker.

Each size is a demo of its own below `bench-data/`, built once and used again while the tables stay the same. A page
is asked for in process, by the registrar, with all middleware; the median of several requests, each status checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench-data"
REQUESTS = 9
MILLION = 1_000_000

PAGES = (
    ("your turn", "/"),
    ("list of mobilities", "/office/mobilities"),
    ("list, filtered and sorted", "/office/mobilities?direction=outgoing&year=2024&sort=-start"),
    ("list, counted by OPH", "/office/mobilities?counted=oph-yes"),
    ("one mobility", "@mobility"),
    ("search by name", "/search?q=Virtanen"),
    ("VIRTA runs", "/virta/"),
    ("rehearsal of a year", "/virta/rehearsal?year=2024"),
    ("participation of the alliance", "/alliance/tuuli/participation"),
)


def run(sizes: Sequence[int]) -> list[str]:
    """One line per page: its median at each size, and how it grew from the smallest to the largest."""
    figures = {size: _measured(size) for size in sizes}
    smallest, largest = min(sizes), max(sizes)
    lines = [f"pages: median of {REQUESTS} requests, {os.cpu_count()} cores"]
    for name, _address in PAGES:
        times = " · ".join(
            f"{size:,}: {figures[size]['pages'][name]:.0f} ms" for size in sorted(sizes)
        )
        growth = figures[largest]["pages"][name] / figures[smallest]["pages"][name]
        lines.append(f"  {name}: {times} · grew {growth:.1f}× (aim: less than 2×)")
    lines += [
        f"  a web worker after all pages at {size:,}: {figures[size]['peak']:.0f} MiB (aim: under 250 MiB)"
        for size in sorted(sizes)
    ]
    return lines


def _tables() -> str:
    """A digest of all migrations: a database of other tables is of no use any more."""
    files = sorted((ROOT / "vaihto").glob("*/migrations/0*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _measured(size: int) -> dict[str, Any]:
    folder = DATA / f"pages-{size}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VAIHTO_")},
        "VAIHTO_DATA": str(folder),
        "VAIHTO_DEMO": "yes",
        "VAIHTO_LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "vaihto.settings",
        "PYTHONPATH": str(ROOT),
    }
    mark, tables = folder / "built", _tables()
    if not mark.exists() or mark.read_text("utf-8") != tables:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(
            [sys.executable, "-m", "bench.pages", "build", str(size)],
            env=environment,
            check=True,
            cwd=ROOT,
            stdout=sys.stderr,
        )
        mark.write_text(tables, "utf-8")
    told = subprocess.run(
        [sys.executable, "-m", "bench.pages", "measure"],
        env=environment,
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    return json.loads(told.stdout.splitlines()[-1])  # type: ignore[no-any-return]  # written below


def _build(size: int) -> None:
    """A demo of about `size` mobilities in the data folder of this process."""
    import dataclasses  # noqa: PLC0415 - only in the child

    import django  # noqa: PLC0415 - only in the child

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - app ready

    from vaihto.demo import building  # noqa: PLC0415 - app ready
    from vaihto.demo.invention import LARGE  # noqa: PLC0415 - app ready

    call_command("migrate", interactive=False, verbosity=0)
    copies = max(1, round(LARGE.copies * size / MILLION))
    part = min(1.0, LARGE.copies * size / MILLION)
    building.build(size=dataclasses.replace(LARGE, copies=copies, people=LARGE.people * part))
    from vaihto.classification.participation import refresh  # noqa: PLC0415 - app ready
    from vaihto.demo.building import moment  # noqa: PLC0415 - app ready
    from vaihto.demo.invention import TODAY  # noqa: PLC0415 - app ready

    refresh(now=moment(TODAY))


def _measure() -> None:
    """The median of every page, as JSON, with the peak memory of this process."""
    import resource  # noqa: PLC0415 - only in the child

    import django  # noqa: PLC0415 - only in the child

    django.setup()
    from django.conf import settings  # noqa: PLC0415 - app ready
    from django.test import Client  # noqa: PLC0415 - app ready

    from vaihto.mobilities.models import Side  # noqa: PLC0415 - app ready
    from vaihto.people.models import Account  # noqa: PLC0415 - app ready

    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    settings.ALLOWED_HOSTS = ["testserver"]
    registrar = Account.objects.get(username="demo-registrar")
    client = Client()
    client.force_login(registrar, backend="django.contrib.auth.backends.ModelBackend")
    place = registrar.roles.get().institution
    middle = Side.objects.filter(institution=place).order_by("pk")[1000:1001].get()
    pages = {}
    for name, address in PAGES:
        url = address.replace("@mobility", f"/office/mobilities/{middle.mobility_id}")
        times = []
        for _each in range(REQUESTS + 1):
            began = time.perf_counter()
            response = client.get(url, follow=True)
            times.append(time.perf_counter() - began)
            if response.status_code != 200:
                raise SystemExit(f"{url} answered {response.status_code}")
        pages[name] = statistics.median(times[1:]) * 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"pages": pages, "peak": peak}))  # noqa: T201 - to the parent


if __name__ == "__main__":
    if sys.argv[1] == "build":
        _build(int(sys.argv[2]))
    else:
        _measure()

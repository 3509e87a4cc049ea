"""Agreements: hashing, comparing, what partners ask over EWP, and the list, with few and with ten thousand of them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from bench.serving import CATALOGUE, HEI, HOST, PARTNER, ROOT, Caller, environ_of, fill

SIZES = (100, 10_000)
CONDITIONS = (2, 20, 200)


def run(_sizes: Sequence[int]) -> list[str]:
    """Lines of figures, each size in a database of its own."""
    lines = [f"agreements: {os.cpu_count()} cores, SQLite, in process on one core"]
    for step in ("terms", *map(str, SIZES)):
        with tempfile.TemporaryDirectory(prefix="vaihto-bench-") as folder:
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith("VAIHTO_")},
                "VAIHTO_DATA": folder,
                "VAIHTO_LOG_LEVEL": "ERROR",
                "VAIHTO_CATALOGUE_URL": CATALOGUE,
                "VAIHTO_PUBLIC_URL": f"https://{HOST}",
                "VAIHTO_EWP_CALLS_PER_SECOND": "100000",
                "VAIHTO_DEBUG": "yes",  # style sheets need not be collected
                "DJANGO_SETTINGS_MODULE": "vaihto.settings",
            }  # fmt: skip
            answer = subprocess.run(
                [sys.executable, "-m", "bench.agreements", step],
                cwd=ROOT,
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            lines += json.loads(answer.stdout.splitlines()[-1])
    return lines


def _terms(count: int, *, people: str = "2") -> Any:
    from vaihto.agreements.terms import (  # noqa: PLC0415 - settings first
        Condition,
        Kind,
        LanguageSkill,
        SubjectArea,
        Terms,
    )

    return Terms(
        tuple(
            Condition(
                kind=Kind.STUDIES,
                sending=(HEI, PARTNER)[number % 2],
                receiving=(PARTNER, HEI)[number % 2],
                first_year="2026/2027",
                last_year="2028/2029",
                people=people,
                skills=(LanguageSkill("en", "B2"),),
                areas=(SubjectArea(f"{1000 + number:04d}"),),
                months="10",
                blended="false",
                levels=("6", "7"),
            )
            for number in range(count)
        )
    )


def _copy(count: int, iia_id: str = "1") -> Any:
    from vaihto.agreements.terms import Copy, Party  # noqa: PLC0415

    return Copy(Party(HEI, iia_id, f"B-{iia_id}"), Party(PARTNER), _terms(count))


def _median(deed: Callable[[], object], *, times: int) -> float:
    """Seconds of one deed, the median of so many."""
    found = []
    for _each in range(times):
        begun = time.perf_counter()
        deed()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def _of_terms() -> list[str]:
    from vaihto.agreements.comparison import compare  # noqa: PLC0415
    from vaihto.ewp.apis.iias.messages import hashed  # noqa: PLC0415
    from vaihto.ewp.protocol.iia_hash import agreement_hashes  # noqa: PLC0415

    lines = []
    for count in CONDITIONS:
        document, _digest = hashed(_copy(count))
        seconds = _median(lambda document=document: agreement_hashes(document), times=15)
        other = _terms(count, people="3")
        compared = _median(lambda count=count, other=other: compare(_terms(count), other), times=15)
        lines.append(
            f"  {count} conditions: {1 / seconds:,.0f} hashes/s, "
            f"comparing two that differ everywhere {compared * 1000:.1f} ms"
        )
    return lines


def _agreed(count: int) -> None:
    """So many served agreements, written at once."""
    from django.utils import timezone  # noqa: PLC0415

    from vaihto.agreements.models import Agreement, Place, Revision  # noqa: PLC0415
    from vaihto.agreements.terms import stored  # noqa: PLC0415
    from vaihto.ewp.apis.iias.messages import hashed  # noqa: PLC0415
    from vaihto.institutions.models import Institution  # noqa: PLC0415

    own = Institution.objects.get(hei_id=HEI)
    partner = Institution.objects.create(hei_id=PARTNER, name="Partner", country="056")
    now = timezone.now()
    rows = Agreement.objects.bulk_create(
        [
            Agreement(
                institution=own,
                partner=partner,
                iia_id=str(number),
                code=f"B-{number}",
                created_at=now - timedelta(minutes=number),
                shared_at=now,
                served_at=now,
                first_year=2026,
                last_year=2028,
                listed_state="proposed",
                listed_turn="partner",
                listed_next="take-up",
            )
            for number in range(count)
        ],
        batch_size=500,
    )
    copy = _copy(2)
    document, digest = hashed(copy)
    revisions = Revision.objects.bulk_create(
        [
            Revision(
                agreement=row, number=1, cause="created", stored=stored(copy), document=document,
                digest=digest, made_at=now, made_by="bench",
            )
            for row in rows
        ],
        batch_size=500,
    )  # fmt: skip
    for row, revision in zip(rows, revisions, strict=True):
        row.current = revision
    Agreement.objects.bulk_update(rows, ["current"], batch_size=500)
    Place.objects.bulk_create(
        [
            Place(
                agreement=row, number=0, is_binding=False, kind="studies", sending=own,
                receiving=partner, first=2026, last=2028, people=2, areas=",0613,", levels=",6,",
            )
            for row in rows
        ],
        batch_size=500,
    )  # fmt: skip


def _asked(count: int) -> list[str]:
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from vaihto.institutions.models import Institution  # noqa: PLC0415
    from vaihto.people.models import Account, Role  # noqa: PLC0415
    from vaihto.wsgi import application  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    caller = Caller()
    fill(caller)
    _agreed(count)
    account = Account.objects.create_user("bench", "nine lives of a quiet bench", name="Bench")
    Role.objects.create(
        account=account,
        name=Role.Name.AGREEMENT_MANAGER,
        institution=Institution.objects.get(hei_id=HEI),
    )
    client = Client(HTTP_HOST=HOST)
    client.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
    statuses: set[str] = set()

    def ask(path: str, query: str) -> None:
        environ = environ_of(caller.request(path, query))
        b"".join(
            application(environ, lambda status, _headers, _info=None: statuses.add(status[:3]))
        )

    def get(many: int) -> None:
        for number in range(many):
            ask("iias/v7/get", f"iia_id={number}")

    lines = []
    for many in (1, 10, 100):
        seconds = _median(lambda many=many: get(many), times=5)
        lines.append(
            f"  {count:,} agreements: get of {many}, one a request, {seconds * 1000:,.0f} ms"
        )
    index = _median(lambda: ask("iias/v7/index", ""), times=5)
    year = _median(lambda: ask("iias/v7/index", "receiving_academic_year_id=2027/2028"), times=5)

    def page() -> None:
        statuses.add(str(client.get("/agreements/", secure=True).status_code))

    shown = _median(page, times=5)
    lines.append(
        f"  {count:,} agreements: index {index * 1000:,.0f} ms, of one year {year * 1000:,.0f} ms, "
        f"list page {shown * 1000:,.0f} ms; answers {sorted(statuses)}"
    )
    return lines


def _main(step: str) -> None:
    import django  # noqa: PLC0415 - the settings are in the environment

    django.setup()
    lines = _of_terms() if step == "terms" else _asked(int(step))
    sys.stdout.write(json.dumps(lines) + "\n")


if __name__ == "__main__":
    _main(sys.argv[1])

"""Agreements: hashing, comparing, what partners ask over EWP, and the list, with few and with ten thousand of them.

Every figure is processor time of one process, the best of several, beside a floor that was measured in turn with it:
the least that anything in Python with the same libraries would take. On a machine with other work the ratio counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from bench.serving import CATALOGUE, HEI, HOST, PARTNER, ROOT, Caller, environ_of, fill

SIZES = (100, 10_000)
CONDITIONS = (2, 20, 200, 2000)
PARTNERS = 400  # of the list
LISTED, EMPTY = "listed.example", "empty.example"

Figures = dict[str, tuple[float, float]]  # name -> milliseconds, those of the floor


def run(_sizes: Sequence[int]) -> list[str]:
    """Lines of figures, each size in a database of its own."""
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    lines = [
        f"agreements: {os.cpu_count()} cores, SQLite, in process on one core, processor time; load {load}"
    ]
    terms = _measured("terms")
    lines += [_line(name, *figures) for name, figures in terms.items()]
    lines += [
        _growth(f"{what}, 200 to 2,000 conditions", terms, f"{what} of 200 conditions",
                f"{what} of 2,000 conditions")
        for what in ("hash", "comparison")
    ]  # fmt: skip
    sizes = {size: _measured(str(size)) for size in SIZES}
    lines += [
        _line(f"{name}, {size:,} agreements", *figures)
        for name in sizes[SIZES[0]]
        for size in SIZES
        for figures in [sizes[size][name]]
    ]
    few, many = (sizes[size] for size in SIZES)
    lines += [
        f"  growth from {SIZES[0]:,} to {SIZES[1]:,} agreements: "
        + ", ".join(f"{name} {many[name][0] / few[name][0]:.1f}×" for name in few)
    ]
    return lines


def _line(name: str, milliseconds: float, floor: float) -> str:
    return (
        f"  {name}: {milliseconds:,.2f} ms ({1000 / milliseconds:,.0f}/s) "
        f"beside a floor of {floor:,.2f} ms: {milliseconds / floor:.1f}×"
    )


def _growth(what: str, figures: Figures, small: str, large: str) -> str:
    return f"  growth of {what}: {figures[large][0] / figures[small][0]:.1f}×"


def _measured(step: str) -> Figures:
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
        found = json.loads(answer.stdout.splitlines()[-1])
        return {name: (milliseconds, floor) for name, (milliseconds, floor) in found.items()}


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


def _beside(
    deed: Callable[[], object], floor: Callable[[], object], *, times: int
) -> tuple[float, float]:
    """Milliseconds of processor for both, measured in turn; of each the best, which others disturb least."""
    best = [float("inf"), float("inf")]
    for _each in range(times):
        for place, one in enumerate((deed, floor)):
            begun = time.process_time()
            one()
            best[place] = min(best[place], time.process_time() - begun)
    return best[0] * 1000, best[1] * 1000


def _bare_hash(document: bytes) -> str:
    """Parsed, written in canonical form, hashed: what the hash of version 6 took."""
    from lxml import etree  # noqa: PLC0415

    whole = etree.tostring(etree.fromstring(document), method="c14n", exclusive=True)
    return hashlib.sha256(whole).hexdigest()


def _of_terms() -> Figures:
    from vaihto.agreements.comparison import compare  # noqa: PLC0415
    from vaihto.agreements.terms import stored  # noqa: PLC0415
    from vaihto.ewp.apis.iias.messages import hashed  # noqa: PLC0415
    from vaihto.ewp.protocol.iia_hash import agreement_hashes  # noqa: PLC0415

    hashes: Figures = {}
    comparisons: Figures = {}
    for count in CONDITIONS:
        times = 25 if count < 2000 else 5
        document, _digest = hashed(_copy(count))
        hashes[f"hash of {count:,} conditions"] = _beside(
            lambda document=document: agreement_hashes(document),  # type: ignore[misc]
            lambda document=document: _bare_hash(document),  # type: ignore[misc]
            times=times,
        )
        ours, theirs = _terms(count), _terms(count, people="3")
        # The floor: both written as JSON, which tells whether they differ and not where.
        comparisons[f"comparison of {count:,} conditions"] = _beside(
            lambda ours=ours, theirs=theirs: compare(ours, theirs),  # type: ignore[misc]
            lambda ours=ours, theirs=theirs: (  # type: ignore[misc]
                json.dumps(stored(ours)) == json.dumps(stored(theirs))
            ),
            times=times,
        )
    return hashes | comparisons


def _agreed(count: int, own: Any, partners: Sequence[Any]) -> None:
    """So many served agreements, spread over these partners, written at once."""
    from django.utils import timezone  # noqa: PLC0415

    from vaihto.agreements.models import Agreement, Place, Revision  # noqa: PLC0415
    from vaihto.agreements.terms import stored  # noqa: PLC0415
    from vaihto.ewp.apis.iias.messages import hashed  # noqa: PLC0415

    now = timezone.now()
    rows = Agreement.objects.bulk_create(
        [
            Agreement(
                institution=own,
                partner=partners[number % len(partners)],
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
                receiving=row.partner, first=2026, last=2028, people=2, areas=",0613,", levels=",6,",
            )
            for row in rows
        ],
        batch_size=500,
    )  # fmt: skip


def _account(name: str, hei_id: str) -> Any:
    """A browser of somebody who leads the agreements of an institution."""
    from django.test import Client  # noqa: PLC0415

    from vaihto.institutions.models import Institution  # noqa: PLC0415
    from vaihto.people.models import Account, Role  # noqa: PLC0415

    account = Account.objects.create_user(name, "nine lives of a quiet bench", name="Bench")
    place, _new = Institution.objects.get_or_create(
        hei_id=hei_id, defaults={"name": hei_id, "country": "246", "hosted": True}
    )
    Role.objects.create(account=account, name=Role.Name.AGREEMENT_MANAGER, institution=place)
    client = Client(HTTP_HOST=HOST)
    client.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _asked(count: int) -> Figures:
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from vaihto.institutions.models import Institution  # noqa: PLC0415
    from vaihto.wsgi import application  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    caller = Caller()
    fill(caller)
    partner = Institution.objects.create(hei_id=PARTNER, name="Partner", country="056")
    _agreed(count, Institution.objects.get(hei_id=HEI), [partner])
    listed, empty = _account("listed", LISTED), _account("empty", EMPTY)
    others = Institution.objects.bulk_create(
        Institution(hei_id=f"p{number}.example", name=f"Partner {number}", country="056")
        for number in range(min(PARTNERS, count))
    )
    _agreed(count, Institution.objects.get(hei_id=LISTED), others)
    statuses: set[str] = set()

    def ask(path: str, query: str) -> None:
        environ = environ_of(caller.request(path, query))
        b"".join(
            application(environ, lambda status, _headers, _info=None: statuses.add(status[:3]))
        )

    def get(many: int) -> None:
        for number in range(many):
            ask("iias/v7/get", f"iia_id={number}")

    def signatures(many: int) -> None:
        """The question's and the answer's; both are made in this process."""
        for _each in range(2 * many):
            caller.signer.sign(b"x" * 300)

    def ids() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT iia_id FROM agreements_agreement WHERE institution_id = 1")
            "".join(f"<iia-id>{row[0]}</iia-id>" for row in cursor.fetchall()).encode()
        signatures(1)

    def page(client: Any) -> None:
        statuses.add(str(client.get("/agreements/", secure=True).status_code))

    figures: Figures = {}
    for many in (1, 10, 100):
        figures[f"get of {many}, one a request"] = _beside(
            lambda many=many: get(many),  # type: ignore[misc]
            lambda many=many: signatures(many),  # type: ignore[misc]
            times=5,
        )
    figures["index"] = _beside(lambda: ask("iias/v7/index", ""), ids, times=5)
    figures["index of one year"] = _beside(
        lambda: ask("iias/v7/index", "receiving_academic_year_id=2027/2028"), ids, times=5
    )
    # The floor: the same page for an institution without agreements.
    figures["list page"] = _beside(lambda: page(listed), lambda: page(empty), times=9)
    if statuses != {"200"}:
        raise SystemExit(f"answers {sorted(statuses)}")
    return figures


def _main(step: str) -> None:
    import django  # noqa: PLC0415 - the settings are in the environment

    django.setup()
    figures = _of_terms() if step == "terms" else _asked(int(step))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    _main(sys.argv[1])

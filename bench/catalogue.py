"""What the registry's catalogue costs: taking it over, and asking it, in a network of 5,000 institutions.

Our own registry writes the document, each institution with twenty APIs and two keys. Taking over is measured in
seconds of the processor against the same parser reading the document and throwing it away; questions in microseconds,
the first time and from memory. A process and an empty SQLite database of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INSTITUTIONS = 5_000
ASKED = 2_000
_URL = "https://registry.bench.example/catalogue-v1.xml"
_APIS = (
    *("echo", "institutions", "organizational-units", "factsheet", "courses", "file"),
    *("simple-course-replication", "iias", "iia-cnr", "iias-approval", "iia-approval-cnr"),
    *("omobilities", "omobility-cnr", "omobility-las", "omobility-la-cnr", "imobilities"),
    *("imobility-cnr", "imobility-tors", "imobility-tor-cnr", "omobility-stats"),
)


def run(_sizes: Sequence[int]) -> list[str]:
    """Lines of figures; the number of institutions is fixed."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VAIHTO_")},
            "VAIHTO_DATA": folder,
            "VAIHTO_LOG_LEVEL": "ERROR",
            "VAIHTO_CATALOGUE_URL": _URL,
            "DJANGO_SETTINGS_MODULE": "vaihto.settings",
        }
        answer = subprocess.run(
            [sys.executable, "-m", "bench.catalogue"],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return [
        f"catalogue of {INSTITUTIONS:,} institutions, {found['apis']:,.0f} APIs, {found['mb']:.0f} MB",
        f"  the parser alone: {found['parser']:.1f} s",
        *(
            f"  {name}: {found[key]:.1f} s, {found[key] / found['parser']:.1f} times the parser"
            for name, key in (
                ("first taken over", "first"),
                ("a new edition, one host changed", "changed"),
            )
        ),
        *(
            f"  {name}: {found[f'{key} cold']:.0f} µs the first time, {found[f'{key} warm']:.1f} µs from memory"
            for name, key in (
                ("whose key", "key"),
                ("where is the API", "entry"),
                ("may this key sign the answer", "answer"),
            )
        ),
    ]


def _measure() -> dict[str, float]:
    import django  # noqa: PLC0415 - the environment is read now

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from lxml import etree  # noqa: PLC0415

    from vaihto.ewp import registry  # noqa: PLC0415
    from vaihto.ewp.models import HostApi  # noqa: PLC0415
    from vaihto.ewp.protocol.http import Response  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    now = datetime.now(UTC)
    document = _document(changed=False)
    changed = _document(changed=True)
    found = {"mb": len(document) / 1e6}
    found["parser"] = _seconds(
        lambda: [
            node.clear() for _event, node in etree.iterparse(BytesIO(document), events=("end",))
        ]
    )
    for name, body, moment in (
        ("first", document, now),
        ("changed", changed, now + timedelta(minutes=5)),
    ):

        def take(body: bytes = body, moment: datetime = moment) -> None:
            done = registry.refresh(
                now=moment,
                at_once=True,
                fetch=lambda _question, _limits: Response(200, (), body),
            )
            assert done.outcome == "changed", done  # noqa: S101 - what is measured must have happened

        found[name] = _seconds(take)
    found["apis"] = HostApi.objects.count()
    dice = random.Random(1)  # noqa: S311 - a choice of questions
    numbers = [dice.randrange(INSTITUTIONS) for _each in range(ASKED)]
    keys = [_fingerprint(f"client {number}") for number in numbers]
    places = [_entry(registry, number) for number in numbers]
    registry.forget()
    for name, ask in (
        ("key", lambda i: registry.client_key(keys[i], now=now)),
        ("entry", lambda i: registry.entries(f"uni{numbers[i]}.example", "omobility-las", now=now)),
        (
            "answer",
            lambda i: registry.may_sign_answer(
                places[i], _fingerprint(f"server {numbers[i] % 300}")
            ),
        ),
    ):
        for temper in ("cold", "warm"):
            found[f"{name} {temper}"] = (
                _seconds(lambda ask=ask: [ask(i) for i in range(ASKED)]) / ASKED * 1e6
            )
    return found


def _entry(registry: Any, number: int) -> Any:
    (entry,) = registry.entries(f"uni{number}.example", "institutions")
    return entry


def _seconds(what: Callable[[], object]) -> float:
    began = time.process_time()
    what()
    return time.process_time() - began


def _key(word: str) -> bytes:
    """As long as a real one; nobody verifies a signature with it."""
    return hashlib.sha512(word.encode()).digest() * 4 + word.encode().rjust(38)


def _fingerprint(word: str) -> str:
    return hashlib.sha256(_key(word)).hexdigest()


def _document(*, changed: bool) -> bytes:
    """The catalogue; `changed` gives one institution another version of an API."""
    from vaihto.ewp.apis.discovery.messages import Covered, Entry, Manifest  # noqa: PLC0415
    from vaihto.ewp.local.cataloguing import write_catalogue  # noqa: PLC0415
    from vaihto.ewp.local.importing import Imported  # noqa: PLC0415
    from vaihto.ewp.local.sources import Own, Source  # noqa: PLC0415
    from vaihto.ewp.protocol import xml  # noqa: PLC0415
    from vaihto.ewp.protocol.api import EWP  # noqa: PLC0415

    hosts = []
    for number in range(INSTITUTIONS):
        hei_id = f"uni{number}.example"
        at = f"https://node{number % 300}.example/ewp/{hei_id}"
        version = "1.0.1" if changed and number == 17 else "1.0.0"
        entries = [
            Entry(
                namespace=f"{EWP}ewp-specs-api-{element}/blob/stable-v1/manifest-entry.xsd",
                element=element,
                version=version,
                parts=(("url", f"{at}/{element}"), ("max-ids", "50")),
                client_auth=("httpsig",),
                server_auth=("httpsig", "tlscert"),
            )
            for element in _APIS
        ]
        manifest = Manifest(
            emails=(f"ewp@{hei_id}",),
            provider=f"Provider {number % 300}",
            entries=tuple(Entry.read(xml.parse(each.write())) for each in entries),
            covered=Covered(
                hei_id,
                (("en", f"University {number}"),),
                (("erasmus", f"XX CITY{number:05d}"), ("pic", f"{900_000_000 + number}")),
            ),
            client_keys=(base64.b64encode(_key(f"client {number}")).decode(),),
            server_keys=(base64.b64encode(_key(f"server {number % 300}")).decode(),),
        )
        hosts.append(Imported(Source(f"{at}/manifest.xml"), manifest))
    return write_catalogue(Own(_URL, "Bench"), hosts)


if __name__ == "__main__":
    print(json.dumps(_measure()))  # noqa: T201 - the answer to the process that asked

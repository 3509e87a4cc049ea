"""How many signed requests the node answers: in process beside raw RSA signing, and served with 1, 2 and 4 workers.

In process: one core, the whole way from the WSGI variables to the signed answer. Served: granian over loopback, the
load generator on the same cores, every request signed beforehand and sent once. The last lines put ten times as much
on the server as it can bear and look at memory and at how it refuses.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HEI, PARTNER, HOST = "bench.example", "partner.example", "127.0.0.1"
CATALOGUE = "https://registry.bench.example/catalogue-v1.xml"
COURSES = 1_000
IN_PROCESS, SERVED = 400, 1_500
FLOOD_SECONDS, FLOOD_CONNECTIONS = 8, 64


def run(_sizes: Sequence[int]) -> list[str]:
    """Lines of figures; the size of the data does not matter here but for the courses."""
    with tempfile.TemporaryDirectory(prefix="vaihto-bench-") as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VAIHTO_")},
            "VAIHTO_DATA": folder,
            "VAIHTO_LOG_LEVEL": "ERROR",
            "VAIHTO_CATALOGUE_URL": CATALOGUE,
            "VAIHTO_PUBLIC_URL": f"https://{HOST}",
            "VAIHTO_EWP_CALLS_PER_SECOND": "100000",
            "DJANGO_SETTINGS_MODULE": "vaihto.settings",
        }
        answer = subprocess.run(
            [sys.executable, "-m", "bench.serving", folder],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        lines: list[str] = json.loads(answer.stdout.splitlines()[-1])
        return lines


# --- In a process with a database of its own -----------------------------------------------------


class Caller:
    """A partner of the catalogue that signs requests."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

        from vaihto.ewp.protocol import httpsig  # noqa: PLC0415

        self.key = rsa.generate_private_key(65537, 2048)
        self.public = _public(self.key)
        self.signer = httpsig.Signer(httpsig.fingerprint(self.public), self.key)

    def request(self, path: str, query: str) -> Any:
        """A signed request that asks for a signed answer."""
        from datetime import UTC, datetime  # noqa: PLC0415

        from vaihto.ewp.protocol import httpsig  # noqa: PLC0415
        from vaihto.ewp.protocol.http import Request  # noqa: PLC0415

        asked = Request("GET", f"/ewp/{HEI}/{path}?{query}", (("Host", HOST),))
        return httpsig.sign_request(
            asked, signer=self.signer, now=datetime.now(UTC), request_id=str(uuid.uuid4())
        )


def _public(key: Any) -> str:
    import base64  # noqa: PLC0415

    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def fill(caller: Caller) -> list[str]:
    """A hosted institution with courses, its keys, and the partner in the catalogue; gives ids of courses."""
    from datetime import timedelta  # noqa: PLC0415

    from django.utils import timezone  # noqa: PLC0415

    from vaihto.ewp import keys  # noqa: PLC0415
    from vaihto.ewp.models import Catalogue, Host, HostKey  # noqa: PLC0415
    from vaihto.institutions.models import Institution  # noqa: PLC0415
    from vaihto.journal.actors import Actor  # noqa: PLC0415
    from vaihto.offers.actions import bring_opportunities  # noqa: PLC0415
    from vaihto.offers.facts import OpportunityFacts  # noqa: PLC0415
    from vaihto.offers.models import LearningOpportunity  # noqa: PLC0415

    now = timezone.now()
    own = Institution.objects.create(
        hei_id=HEI, name="Bench University", country="246", hosted=True
    )
    keys.ensure(institution=own, now=now)
    catalogue = Catalogue.objects.create(
        url=CATALOGUE,
        digest="0" * 64,
        asked_at=now,
        confirmed_at=now,
        expires_at=now + timedelta(days=1),
    )
    host = Host.objects.create(
        catalogue=catalogue, number=0, digest="0" * 64, provider="A provider", hei_ids=[PARTNER]
    )
    HostKey.objects.create(
        host=host,
        purpose=HostKey.Purpose.CLIENT,
        fingerprint=caller.signer.key_id,
        public=caller.public,
    )
    facts = [
        OpportunityFacts(
            key=f"C{number}", kind="course", code=f"C{number}", titles={"en": f"Course {number}"},
            isced_code="0613", eqf_level=6, exposed=True,
        )
        for number in range(COURSES)
    ]  # fmt: skip
    bring_opportunities(actor=Actor.system(), institution=own, facts=facts, now=now)
    return list(LearningOpportunity.objects.values_list("los_id", flat=True))


def _questions(los_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """What is asked, by name: paths and queries in turn."""
    return {
        "signed echo": [("echo/v2", "echo=a&echo=b")],
        "institutions": [("institutions/v2", f"hei_id={HEI}")],
        "one course": [("courses/v0.7", f"hei_id={HEI}&los_id={one}") for one in los_ids],
    }


def environ_of(request: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": HOST,
        "SERVER_PORT": "443",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
    }
    for name, value in request.headers:
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def _raw_signatures(caller: Caller) -> float:
    """Bare RSA-2048 signatures a second on one core."""
    text = b"x" * 300
    rates = []
    for _round in range(3):
        begun = time.perf_counter()
        for _each in range(300):
            caller.signer.sign(text)
        rates.append(300 / (time.perf_counter() - begun))
    return statistics.median(rates)


def _in_process(caller: Caller, questions: dict[str, list[tuple[str, str]]]) -> list[str]:
    from vaihto.wsgi import application  # noqa: PLC0415 - settings first

    lines = []
    for name, asked in questions.items():
        rates, statuses = [], Counter[str]()

        def start_response(
            status: str, _headers: object, _info: object = None, seen: Counter[str] = statuses
        ) -> None:
            seen[status[:3]] += 1

        for _round in range(3):
            limit = _raw_signatures(caller)
            ready = [
                environ_of(caller.request(*asked[number % len(asked)]))
                for number in range(IN_PROCESS)
            ]
            begun = time.perf_counter()
            for environ in ready:
                b"".join(application(environ, start_response))
            rates.append((IN_PROCESS / (time.perf_counter() - begun), limit))
        told = _median(rates)
        lines.append(f"  {name}, in process, one core: {told}; answers {dict(statuses)}")
    return lines


def _median(rates: Sequence[tuple[float, float]]) -> str:
    rate, limit = sorted(rates, key=lambda pair: pair[0] / pair[1])[len(rates) // 2]
    return f"{rate:,.0f}/s beside {limit:,.0f} bare signatures/s: {rate / limit:.0%}"


# --- Served ---------------------------------------------------------------------------------------


def _serve(workers: int, folder: Path) -> tuple[Any, int]:
    from vaihto.command.processes import answers, free_port, server_command, start  # noqa: PLC0415

    port = free_port(0)
    if port is None:
        raise SystemExit("no port is free")
    child = start(
        server_command(host=HOST, port=port, workers=workers),
        environ=dict(os.environ),
        log=folder / f"serve-{workers}.log",
    )
    if not answers(
        f"http://{HOST}:{port}/health", seconds=60, give_up=lambda: child.poll() is not None
    ):
        raise SystemExit((folder / f"serve-{workers}.log").read_text()[-2000:])
    return child, port


def _send(
    port: int, requests: Sequence[Any], connections: int
) -> tuple[float, list[float], Counter[str]]:
    """Sends every request once over so many connections: seconds in all, each one's time, what was answered."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for request in requests:
        waiting.put(request)
    times: list[float] = []
    seen: Counter[str] = Counter()
    guard = threading.Lock()

    def work() -> None:
        plug = http.client.HTTPConnection(HOST, port, timeout=30)
        while True:
            try:
                request = waiting.get_nowait()
            except queue.Empty:
                return
            begun = time.perf_counter()
            try:
                plug.putrequest(request.method, request.target, skip_host=True)
                for name, value in request.headers:
                    plug.putheader(name, value)
                plug.endheaders()
                answer = plug.getresponse()
                answer.read()
                told = str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                told = type(error).__name__
                plug.close()
            with guard:
                times.append(time.perf_counter() - begun)
                seen[told] += 1

    threads = [threading.Thread(target=work) for _each in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun, times, seen


def _memory_mib(child: Any) -> float:
    """Resident memory of the server and its workers."""
    pids = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(child.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    total = 0
    for pid in [str(child.pid), *pids]:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def _percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)] * 1000


def _served(caller: Caller, questions: dict[str, list[tuple[str, str]]], folder: Path) -> list[str]:
    from vaihto.command.processes import end  # noqa: PLC0415

    lines = []
    sustained = 0.0
    for workers in (1, 2, 4):
        child, port = _serve(workers, folder)
        try:
            for name, asked in questions.items():
                ready = [caller.request(*asked[n % len(asked)]) for n in range(SERVED)]
                seconds, times, seen = _send(port, ready, 8)
                rate = SERVED / seconds
                if workers == 2 and name == "signed echo":
                    sustained = rate
                lines.append(
                    f"  {name}, served by {workers}: {rate:,.0f}/s, p50 {_percentile(times, 0.5):.0f} ms, "
                    f"p99 {_percentile(times, 0.99):.0f} ms; answers {dict(seen)}"
                )
            if workers == 2:
                lines += _flooded(caller, questions["signed echo"], child, port, sustained)
        finally:
            end([child])
    return lines


def _flooded(
    caller: Caller, asked: Sequence[tuple[str, str]], child: Any, port: int, sustained: float
) -> list[str]:
    """As many connections as a tenfold load would keep open, all pressing at once."""
    before = _memory_mib(child)
    count = min(int(sustained * FLOOD_SECONDS), 8_000)
    ready = [caller.request(*asked[0]) for _each in range(count)]
    _seconds, times, seen = _send(port, ready, FLOOD_CONNECTIONS * 10)
    after = _memory_mib(child)
    told = (
        f"  ten times the connections it can bear ({FLOOD_CONNECTIONS * 10}), {count:,} requests "
        f"at once: answers {dict(seen)}, p99 {_percentile(times, 0.99):,.0f} ms, "
        f"memory {before:.0f} to {after:.0f} MiB"
    )
    return [told]


def _main(folder: Path) -> None:
    import django  # noqa: PLC0415 - the settings are in the environment

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    caller = Caller()
    questions = _questions(fill(caller))
    lines = [f"serving: signed requests, RSA-2048, {os.cpu_count()} cores, {COURSES:,} courses"]
    lines += _in_process(caller, questions)
    lines += _served(caller, questions, folder)
    sys.stdout.write(json.dumps(lines) + "\n")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))

"""How fast word goes out, with a partner that answers in a tenth of a second, against threads ÷ answer time.

The partner is a process of its own. The first line carries over bare HTTP: the outbox alone, claims, threads and
settling. The second carries over EWP: signed, verified, kept, through TLS. The third begins with much more waiting.
Each measurement has an empty SQLite database of its own, or the one that VAIHTO_BENCH_DATABASE_URL names.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ANSWER_SECONDS = 0.1
SENT = 3_200
ROUNDS = 3
HEI, PARTNER = "bench.example", "partner.example"


def run(sizes: Sequence[int]) -> Iterator[str]:
    """Lines of figures as they come; the backlog is as large as the largest size."""
    yield f"outbox: {SENT:,} notifications, a partner answering in 100 ms, {os.cpu_count()} cores"
    for name, step, waiting, rounds in (
        ("over bare HTTP", "bare", SENT, ROUNDS),
        ("over EWP, signed both ways through TLS", "ewp", SENT, ROUNDS),
        (f"over bare HTTP, {max(sizes):,} waiting", "bare", max(sizes), 1),
    ):
        found = [_measured(step, waiting) for _round in range(rounds)]
        rate = statistics.median(one["rate"] for one in found)
        limit = found[0]["threads"] / ANSWER_SECONDS
        # Signing, TLS and keeping the exchange fill one core before the threads are full; more workers carry more.
        aim = " (aim 90 %)" if step == "bare" else " (one process, one core)"
        yield (
            f"  {name}: {rate:.0f}/s of {limit:.0f}/s, {rate / limit:.0%}{aim} · written "
            f"{statistics.median(one['written'] for one in found):,.0f}/s · "
            f"{statistics.median(one['cpu'] for one in found):.1f} ms of processor each"
        )


def _measured(step: str, waiting: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VAIHTO_")},
            "VAIHTO_DATA": folder,
            "VAIHTO_LOG_LEVEL": "ERROR",
            "VAIHTO_ALLOW_PRIVATE_ADDRESSES": "yes",
            "VAIHTO_CATALOGUE_URL": "https://registry.bench.example/catalogue-v1.xml",
            "VAIHTO_CA_FILE": f"{folder}/authority.pem",
            "DJANGO_SETTINGS_MODULE": "vaihto.settings",
        }
        if named := os.environ.get("VAIHTO_BENCH_DATABASE_URL"):
            environment["VAIHTO_DATABASE_URL"] = named
        answer = subprocess.run(
            [sys.executable, "-m", "bench.outbox", step, str(waiting), folder],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
        return found


# --- The partner, in its own process ------------------------------------------------------------


def _partner(folder: str, secured: str) -> None:
    """Answers every request after a tenth of a second; signed, when it is asked over TLS."""
    answer = _plain_answer if not secured else _signed_answers(Path(folder))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                names = head.lower()
                at = names.find(b"content-length:")
                length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
                body = await reader.readexactly(length)
                begun = asyncio.get_running_loop().time()
                reply = answer(head, body)
                took = asyncio.get_running_loop().time() - begun
                await asyncio.sleep(max(0.0, ANSWER_SECONDS - took))
                writer.write(reply)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def main() -> None:
        context = None
        if secured:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            papers = Path(folder)
            context.load_cert_chain(papers / "server.pem", papers / "server-key.pem")
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, backlog=256)
        fresh = Path(folder) / "port.new"
        fresh.write_text(str(server.sockets[0].getsockname()[1]))
        fresh.rename(Path(folder) / "port")
        async with server:
            await server.serve_forever()

    asyncio.run(main())


def _plain_answer(_head: bytes, _body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _signed_answers(folder: Path) -> Callable[[bytes, bytes], bytes]:
    from datetime import UTC, datetime  # noqa: PLC0415 - only in this process

    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
    )

    from vaihto.ewp.protocol import httpsig  # noqa: PLC0415
    from vaihto.ewp.protocol.http import Request, Response  # noqa: PLC0415

    key: Any = load_pem_private_key((folder / "signer.pem").read_bytes(), None)
    signer = httpsig.Signer((folder / "signer.id").read_text(), key)

    def answer(head: bytes, body: bytes) -> bytes:
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = line.split(" ")
        pairs = (each.partition(": ") for each in lines if each)
        request = Request(method, target, tuple((name, value) for name, _sep, value in pairs), body)
        headers = (("Content-Type", "application/xml"), *httpsig.echoed(request))
        response = httpsig.sign_response(
            Response(200, headers, b"<ok/>"), signer=signer, now=datetime.now(UTC)
        )
        named = "".join(f"{name}: {value}\r\n" for name, value in response.headers)
        return f"HTTP/1.1 200 OK\r\n{named}Content-Length: 5\r\n\r\n<ok/>".encode("latin-1")

    return answer


# --- Measuring, in a process with a database of its own -----------------------------------------


class _Bare:
    """Posts an id over a connection that each thread keeps."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept = threading.local()

    def at_once(self, _slip: object) -> int:
        return 1

    def deliver(self, slips: Sequence[Any]) -> Any:
        from vaihto.jobs.delivery import Ended, Outcome  # noqa: PLC0415 - app ready

        if not hasattr(self._kept, "connection"):
            self._kept.connection = http.client.HTTPConnection("127.0.0.1", self._port)
        self._kept.connection.request("POST", "/", f"id={slips[0].object_id}")
        answer = self._kept.connection.getresponse()
        answer.read()
        return Outcome(Ended.ARRIVED if answer.status == 200 else Ended.REFUSED)


def _measure(step: str, waiting: int, folder: Path) -> dict[str, Any]:
    import django  # noqa: PLC0415 - the settings are in the environment

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import transaction  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from vaihto.jobs import outbox  # noqa: PLC0415
    from vaihto.jobs.delivery import Lane, Policy, Round  # noqa: PLC0415
    from vaihto.jobs.models import Notification  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    Notification.objects.all().delete()
    if step == "ewp":
        _join(folder)
    partner = subprocess.Popen(
        [sys.executable, "-m", "bench.outbox", "partner", str(folder), "tls" * (step == "ewp")]
    )
    try:
        while not (folder / "port").exists():
            time.sleep(0.05)
        port = int((folder / "port").read_text())
        carrier: Any = _Bare(port) if step == "bare" else _listed(port, folder)
        begun = time.perf_counter()
        now = timezone.now()
        for start in range(0, waiting, 1000):
            with transaction.atomic():
                outbox.notify(
                    hei_id=HEI,
                    partner=PARTNER,
                    api="iia-cnr",
                    object_ids=[
                        f"{number:07}" for number in range(start, min(start + 1000, waiting))
                    ],
                    now=now,
                )
        written = waiting / (time.perf_counter() - begun)
        policy = Policy(seconds=SENT / 320)
        lane = Lane(Notification.Direction.OUT, {"iia-cnr": carrier}, policy)
        begun, cpu = time.perf_counter(), time.process_time()
        done = Round(lane, clock=timezone.now).run()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        arrived = Notification.objects.filter(state="done").count()
        if done.later or done.set_aside or done.arrived != arrived:
            raise SystemExit(f"{done}, {arrived} arrived")
        return {
            "rate": arrived / seconds,
            "written": written,
            "threads": policy.threads,
            "cpu": 1000 * cpu / arrived,
        }
    finally:
        partner.kill()
        partner.wait()


def _join(folder: Path) -> None:
    """An institution with its key, and the partner's certificate and key for signing."""
    from django.utils import timezone  # noqa: PLC0415 - app ready

    from vaihto.ewp.local import authority  # noqa: PLC0415
    from vaihto.ewp.models import Key  # noqa: PLC0415
    from vaihto.institutions.models import Institution  # noqa: PLC0415

    authority.make(folder, now=timezone.now())
    home, _new = Institution.objects.get_or_create(
        hei_id=HEI, defaults={"name": "Bench", "country": "246", "hosted": True}
    )
    since = timezone.now() - timedelta(days=1)
    pem, public, fingerprint = _pair()
    Key.objects.create(
        institution=home,
        purpose=Key.Purpose.CLIENT,
        fingerprint=fingerprint,
        public=public,
        private=pem,
        created_at=since,
        signs_from=since,
    )
    pem, public, fingerprint = _pair()
    (folder / "signer.pem").write_text(pem)
    (folder / "signer.id").write_text(fingerprint)
    (folder / "signer.public").write_text(public)


def _pair() -> tuple[str, str, str]:
    """A private key in PEM, its public half in base64, its fingerprint."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only for one line
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    from vaihto.ewp.protocol import httpsig  # noqa: PLC0415

    key = rsa.generate_private_key(65537, 2048)
    public = base64.b64encode(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return pem, public, httpsig.fingerprint(public)


def _listed(port: int, folder: Path) -> Any:
    """The partner stands in the catalogue; gives the product's own carrier."""
    from django.conf import settings  # noqa: PLC0415 - app ready
    from django.utils import timezone  # noqa: PLC0415

    from vaihto.ewp.apis.iias import IIA_CNR  # noqa: PLC0415
    from vaihto.ewp.models import Catalogue, Host, HostApi, HostKey  # noqa: PLC0415
    from vaihto.ewp.notifications import Carrier  # noqa: PLC0415

    far = timezone.now() + timedelta(days=1)
    catalogue = Catalogue.objects.create(
        url=settings.CATALOGUE_URL, digest="0" * 64, expires_at=far, confirmed_at=far
    )
    host = Host.objects.create(
        catalogue=catalogue, number=0, digest="0" * 64, provider="A provider", hei_ids=[PARTNER]
    )
    HostApi.objects.create(
        host=host,
        hei_id=PARTNER,
        namespace=IIA_CNR.namespace,
        element=IIA_CNR.element,
        version=IIA_CNR.version,
        urls={"url": f"https://127.0.0.1:{port}/iia-cnr"},
        client_auth=["httpsig"],
        server_auth=["httpsig", "tlscert"],
    )
    HostKey.objects.create(
        host=host,
        purpose=HostKey.Purpose.SERVER,
        fingerprint=(folder / "signer.id").read_text(),
        public=(folder / "signer.public").read_text(),
    )
    return Carrier([IIA_CNR])


if __name__ == "__main__":
    if sys.argv[1] == "partner":
        _partner(*sys.argv[2:])
    else:
        print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))  # noqa: T201 - read by the other process

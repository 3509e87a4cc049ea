"""A partner that misbehaves as it is told: a real HTTPS server on the loopback, with a throw-away authority.

A script is a function from the request to what crosses the wire: bytes, or pieces of bytes with pauses of its own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import ipaddress
import itertools
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from vaihto.ewp.models import Catalogue, Host, HostApi, HostKey, Key
from vaihto.ewp.protocol import httpsig
from vaihto.ewp.protocol.api import Api
from vaihto.ewp.protocol.http import Request, Response
from vaihto.institutions.models import Institution

XML = (("Content-Type", "application/xml; charset=utf-8"),)
HELLO = Response(200, (("Content-Type", "text/plain"),), b"hello")
Script = Callable[[Request], bytes | Iterable[bytes]]


# --- Certificates ------------------------------------------------------------------------------


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Authority:
    """Issues certificates that those believe who have `file`."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def context(
        self,
        host: str = "127.0.0.1",
        *,
        valid_from: dt.timedelta = -dt.timedelta(days=1),
        valid_until: dt.timedelta = dt.timedelta(days=30),
    ) -> ssl.SSLContext:
        """What a server needs to show a certificate for `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        try:
            who: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            who = x509.DNSName(host)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(host))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + valid_from)
            .not_valid_after(now + valid_until)
            .add_extension(x509.SubjectAlternativeName([who]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".pem") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
                + certificate.public_bytes(serialization.Encoding.PEM)
            )
            file.flush()
            context.load_cert_chain(file.name)
        return context


def authority(folder: Path) -> Authority:
    """A new one, its certificate in `authority.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("Throw-away authority"))
        .issuer_name(_name("Throw-away authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=400))
        .not_valid_after(now + dt.timedelta(days=400))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Authority(key, certificate, folder)
    made.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return made


# --- Keys and signed answers -------------------------------------------------------------------


@functools.cache  # one that forgets would make another pair in the middle of a test
def signer(word: str) -> httpsig.Signer:
    """A key pair for a word, the same in the whole test run."""
    key = rsa.generate_private_key(65537, 2048)
    return httpsig.Signer(httpsig.fingerprint(public_of(key)), key)


def public_of(key: rsa.RSAPrivateKey) -> str:
    import base64  # noqa: PLC0415 - only here

    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def own_key(home: Institution, *, since: dt.datetime, word: str = "home") -> Key:
    """A client key of a hosted institution, without the wait for a new one."""
    pair = signer(word)
    pem = pair.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Key.objects.create(
        institution=home,
        purpose=Key.Purpose.CLIENT,
        fingerprint=pair.key_id,
        public=public_of(pair.private),
        private=pem.decode(),
        created_at=since,
        signs_from=since,
    )


def wire(response: Response, *, length: bool = True) -> bytes:
    """The bytes of an answer; the connection is closed after it."""
    phrase = HTTPStatus(response.status).phrase
    headers = [*response.headers, ("Connection", "close")]
    if length:
        headers.append(("Content-Length", str(len(response.body))))
    lines = [f"HTTP/1.1 {response.status} {phrase}", *(f"{name}: {text}" for name, text in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.body


def signed(
    request: Request, response: Response, *, by: str = "partner", now: dt.datetime
) -> Response:
    """An answer as a partner that knows the rules gives it."""
    whole = replace(response, headers=(*response.headers, *httpsig.echoed(request)))
    return httpsig.sign_response(whole, signer=signer(by), now=now)


def answers(
    body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = XML
) -> Script:
    """A script that signs `body` rightly."""

    def script(request: Request) -> bytes:
        now = dt.datetime.now(dt.UTC)
        return wire(signed(request, Response(status, headers, body), now=now))

    return script


# --- The server --------------------------------------------------------------------------------


@dataclass
class Partner:
    """Listens until it is closed; `received` are the requests as they came."""

    context: ssl.SSLContext | None
    script: Script = field(default=answers(b"<nothing/>"))
    received: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.1)
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(5)
        self._listening.close()

    @property
    def stopped(self) -> threading.Event:
        """For scripts that wait: ends their wait with the test."""
        return self._stopped

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                plug, _address = self._listening.accept()
            except TimeoutError:
                continue
            self.connections += 1
            threading.Thread(target=self._serve, args=(plug,), daemon=True).start()

    def _serve(self, plug: socket.socket) -> None:
        plug.settimeout(5)
        with plug, contextlib.suppress(OSError):
            if self.context is None:  # what a server says that expected no TLS
                plug.recv(4096)
                plug.sendall(wire(Response(400)))
                return
            plug = self.context.wrap_socket(plug, server_side=True)
            with plug:
                for request in _requests(plug):
                    self.received.append(request)
                    pieces = self.script(request)
                    for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                        plug.sendall(piece)
                    if self._stopped.is_set():
                        return


def _requests(plug: socket.socket) -> Iterator[Request]:
    """Requests of one connection, as the lines and bytes say."""
    stream = plug.makefile("rb")
    for _number in itertools.count():
        line = stream.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return
        method, target, _version = line.split(" ")
        headers = []
        while text := stream.readline().decode("latin-1").rstrip("\r\n"):
            name, _colon, value = text.partition(":")
            headers.append((name, value.strip()))
        request = Request(method, target, tuple(headers))
        length = int(request.header("content-length") or 0)
        yield replace(request, body=stream.read(length))


# --- In the catalogue --------------------------------------------------------------------------


def in_catalogue(
    url: str,
    *,
    hei_id: str,
    apis: Iterable[tuple[Api, dict[str, str]]],
    server_keys: Iterable[str] = ("partner",),
    client_auth: Iterable[str] = ("httpsig",),
    server_auth: Iterable[str] = ("httpsig", "tlscert"),
) -> Host:
    """A host in the catalogue of that address; `apis` are with the addresses of their endpoints."""
    far = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    catalogue, _new = Catalogue.objects.get_or_create(
        url=url, defaults={"digest": "0" * 64, "expires_at": far, "confirmed_at": far}
    )
    host = Host.objects.create(
        catalogue=catalogue,
        number=catalogue.hosts.count(),
        digest=f"{catalogue.hosts.count():064}",
        provider="A provider",
        hei_ids=[hei_id],
    )
    for api, urls in apis:
        HostApi.objects.create(
            host=host,
            hei_id=hei_id,
            namespace=api.namespace,
            element=api.element,
            version=api.version,
            urls=urls,
            limits=dict(api.limits),
            client_auth=list(client_auth),
            server_auth=list(server_auth),
        )
    for word in server_keys:
        HostKey.objects.create(
            host=host,
            purpose=HostKey.Purpose.SERVER,
            fingerprint=signer(word).key_id,
            public=public_of(signer(word).private),
        )
    return host


Opened = Callable[..., Partner]

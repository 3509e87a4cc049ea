"""Asking our node as a partner does: keys in the catalogue, signed requests to the byte, answers held to the rules.

`network` is the usual fixture: a hosted institution, a partner that the catalogue knows, and `ask`.
"""

from __future__ import annotations

import gzip
import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode, urlsplit

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from pytest_django.fixtures import Settings

from tests.cast import institution
from tests.conftest import PROJECT
from tests.ewp.partner import public_of, signer
from vaihto.ewp import schemas
from vaihto.ewp.models import Catalogue, Host, HostKey, Key
from vaihto.ewp.protocol import httpsig
from vaihto.ewp.protocol.dates import http_date
from vaihto.ewp.protocol.errors import ErrorResponse
from vaihto.ewp.protocol.http import Request, Response, by_name
from vaihto.institutions.models import Institution

CATALOGUE = "https://127.0.0.1:9/catalogue-v1.xml"  # nobody is there when it is asked again
PUBLIC_URL = "https://node.example:8443"
HEI = "uni.example"
PARTNER = "partner.example"
FORM = "application/x-www-form-urlencoded"

Send = Callable[[Request], Response]
Pairs = Iterable[tuple[str, str]]


def known(
    word: str, hei_ids: Sequence[str] = (PARTNER,), *, server: bool = False
) -> httpsig.Signer:
    """The key pair of this word, in the catalogue as somebody's key for requests, or for answers."""
    day = timedelta(days=1)
    now = datetime.now(UTC)
    catalogue, _new = Catalogue.objects.get_or_create(
        url=CATALOGUE,
        defaults={
            "digest": "0" * 64,
            "confirmed_at": now,
            "asked_at": now,
            "expires_at": now + day,
        },
    )
    number = catalogue.hosts.count()
    host = Host.objects.create(
        catalogue=catalogue,
        number=number,
        digest=f"{number:064}",
        provider="A provider",
        hei_ids=list(hei_ids),
    )
    pair = signer(word)
    HostKey.objects.create(
        host=host,
        purpose=HostKey.Purpose.SERVER if server else HostKey.Purpose.CLIENT,
        fingerprint=pair.key_id,
        public=public_of(pair.private),
    )
    return pair


# --- Sending -----------------------------------------------------------------------------------


def environ_of(request: Request) -> dict[str, Any]:
    """The WSGI variables that granian makes of a request."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if request.body and request.header("transfer-encoding") is None:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ


def call_app(request: Request, *, app: Any = None) -> Response:
    """The answer of the application that a server would run, or of another one."""
    if app is None:
        from vaihto.wsgi import application as app  # noqa: PLC0415 - app ready
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _info: Any = None) -> None:
        started.append((int(status[:3]), tuple(headers)))

    # A test's connection lives as long as its transaction, as with Django's own test client.
    for each in (request_started, request_finished):
        each.disconnect(close_old_connections)
    try:
        body = b"".join(app(environ_of(request), start_response))
    finally:
        for each in (request_started, request_finished):
            each.connect(close_old_connections)
    return Response(*started[0], body)


def call_server(request: Request, *, port: int) -> Response:
    """The answer of a server on this machine to exactly these bytes."""
    headers = list(request.headers)
    if request.body and request.header("content-length") is None:
        headers.append(("Content-Length", str(len(request.body))))
    elif request.body:  # a wrong length that was signed is not what a client really sends
        headers = [
            (name, str(len(request.body)) if name.lower() == "content-length" else value)
            for name, value in headers
        ]
    if "connection" not in by_name(tuple(headers)):
        headers.append(("Connection", "close"))
    lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers)]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plug:
        plug.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
        answer = http.client.HTTPResponse(plug, method=request.method)
        answer.begin()
        return Response(answer.status, tuple(answer.getheaders()), answer.read())


# --- Judging an answer as the official validator does -------------------------------------------


def judge(request: Request, response: Response, *, server_key: str | None = None) -> Response:
    """Holds any answer, right or wrong, to the rules of the network; gives it with its trusted headers, unpacked.

    Source: ewp-core.md, section 6, "General rules for every step".
    """
    assert response.header("set-cookie") is None
    assert response.status not in {301, 302, 303, 307, 308}
    if response.status == 401:
        assert response.header("www-authenticate") == 'Signature realm="EWP"'
        assert response.header("want-digest") == "SHA-256"
    # Repeated exactly when the request had it and a header can carry it.
    sent_id = request.header("x-request-id") or ""
    can_be_sent = sent_id.isascii() and sent_id.isprintable()
    assert response.header("x-request-id") == (sent_id if sent_id and can_be_sent else None)
    if not sent_id or not can_be_sent:
        kept = tuple(pair for pair in request.headers if pair[0].lower() != "x-request-id")
        request = replace(request, headers=kept)
    assert response.header("x-request-signature") == httpsig.request_signature(request)
    if httpsig.asks_signature(request):
        response = httpsig.verify_response(
            response, request=request, find_key=_server_key, now=datetime.now(UTC)
        )
    else:
        assert response.header("signature") is None
    coding = response.header("content-encoding")
    if coding is not None:
        assert (coding, "gzip" in (request.header("accept-encoding") or "")) == ("gzip", True)
        response = replace(response, body=gzip.decompress(response.body))
    if request.method == "HEAD":
        assert response.body == b""
    elif response.status >= 400:
        error = ErrorResponse.read(response.body)
        assert error is not None, response.body
        assert error.developer
        assert response.header("content-type") == "application/xml; charset=utf-8"
    if response.body and "xml" in (response.header("content-type") or ""):
        from django.conf import settings  # noqa: PLC0415 - app ready

        assert (schemas.problems(response.body, settings.SCHEMAS) or []) == []
    return response


def _server_key(fingerprint: str) -> str | None:
    return (
        Key.objects.published()
        .filter(purpose=Key.Purpose.SERVER, fingerprint=fingerprint)
        .values_list("public", flat=True)
        .first()
    )


# --- The usual situation ------------------------------------------------------------------------


@dataclass
class Network:
    """A node with one hosted institution, and a partner that asks it."""

    institution: Institution
    public_url: str
    send: Send = call_app
    caller: httpsig.Signer = field(default_factory=lambda: known("caller"))

    @property
    def host(self) -> str:
        """The value of `Host` that a correct client sends."""
        return urlsplit(self.public_url).netloc

    def target(self, path: str, query: str = "") -> str:
        """The request target of an endpoint: `target("echo/v2", "echo=a")`."""
        where = f"{urlsplit(self.public_url).path}/ewp/{self.institution.hei_id}/{path}"
        return f"{where}?{query}" if query else where

    def request(
        self,
        path: str,
        *,
        method: str = "GET",
        query: str = "",
        body: bytes = b"",
        content_type: str | None = "",
        headers: dict[str, str | None] | None = None,
        names: Sequence[str] | None = None,
        by: httpsig.Signer | None = None,
        wants_signature: bool = True,
    ) -> Request:
        """A signed request to an endpoint of the institution.

        `headers` adds or replaces headers before signing, None leaves one out. `names` are those that are signed;
        without them all, as the official validator does. The content type of a body is a form unless said.
        """
        kind = FORM if content_type == "" and (body or method == "POST") else content_type
        found: dict[str, str | None] = {
            "Host": self.host,
            "Date": http_date(datetime.now(UTC)),
            "Digest": httpsig.digest(body),
            "X-Request-Id": str(uuid.uuid4()),
            "Content-Type": kind or None,
            "Content-Length": str(len(body)) if body or method == "POST" else None,
            "Accept-Signature": "rsa-sha256" if wants_signature else None,
            "Want-Digest": "SHA-256" if wants_signature else None,
            **(headers or {}),
        }
        whole = tuple((name, value) for name, value in found.items() if value is not None)
        signed = names or (httpsig.TARGET, *(name.lower() for name, _value in whole))
        return httpsig.sign_as_is(
            Request(method, self.target(path, query), whole, body),
            signer=by or self.caller,
            names=signed,
        )

    def answer(self, request: Request) -> Response:
        """The judged answer to a request."""
        return judge(request, self.send(request))

    def ask(self, path: str, pairs: Pairs = (), *, method: str = "GET", **facts: Any) -> Response:
        """Asks with parameters, in the query or in the form, and gives the judged answer."""
        form = urlencode(list(pairs))
        if method == "GET":
            return self.answer(self.request(path, method=method, query=form, **facts))
        return self.answer(self.request(path, method=method, body=form.encode(), **facts))


@pytest.fixture
def network(db: None, settings: Settings) -> Network:
    """The node `node.example` hosts `uni.example`; `partner.example` is in its catalogue."""
    settings.PUBLIC_URL = PUBLIC_URL
    settings.CATALOGUE_URL = CATALOGUE
    return Network(institution(HEI), PUBLIC_URL)


def error_of(response: Response) -> str:
    """What an error answer says to developers."""
    found = ErrorResponse.read(response.body)
    assert found is not None
    return found.developer


# --- A server process ---------------------------------------------------------------------------


def database_url() -> str:
    """The address of the database that this test run uses, for a process beside it."""
    about = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{about['NAME']}"
    user = quote(about["USER"]) + (f":{quote(about['PASSWORD'])}" if about["PASSWORD"] else "")
    return f"postgres://{user}@{about['HOST']}:{about['PORT']}/{about['NAME']}"


@contextmanager
def serving(*, prefix: str = "", threads: int = 4, **environment: str) -> Iterator[str]:
    """The web server over the committed rows of this test; gives its public address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}{prefix}"
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("granian")),
            "--interface=wsgi",
            "--no-ws",
            "--host=127.0.0.1",
            f"--port={port}",
            "--workers=1",
            f"--blocking-threads={threads}",
            "--workers-kill-timeout=30s",
            "--log-level=warning",
            *([f"--url-path-prefix={prefix}"] if prefix else []),
            "vaihto.wsgi:application",
        ],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "tests.ewp.served",
            "VAIHTO_DATABASE_URL": database_url(),
            "SERVED_PUBLIC_URL": url,
            "SERVED_CATALOGUE_URL": CATALOGUE,
            **environment,
        },
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a group of its own, so that its workers end with it
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                assert process.poll() is None, "the server did not start"
                assert time.monotonic() < deadline, "the server does not listen"
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(45)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def over(url: str) -> Send:
    """Sends to the server at that address."""
    port = urlsplit(url).port
    assert port is not None
    return lambda request: call_server(request, port=port)

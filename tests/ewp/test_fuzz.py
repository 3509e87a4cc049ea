"""Nonsense from the network: over signature headers, forms and XML, always a well-formed answer, never a fault.

The short form runs kept seeds in `make test`; `make soak` runs for ten minutes from a new seed, which a failure
names. A case is made of its seed and number alone, so `CASE=seed:number` in a failure is all that is needed.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import pytest

import vaihto.ewp.apis
from tests.conftest import SHARED
from tests.ewp.network import HEI, PARTNER, Network, call_app, known
from tests.ewp.network import judge as hold_to_the_rules
from tests.ewp.partner import public_of, signer
from vaihto.ewp.apis import APIS
from vaihto.ewp.calls import Call
from vaihto.ewp.protocol import httpsig, xml
from vaihto.ewp.protocol.api import Api, Endpoint, Reading
from vaihto.ewp.protocol.dates import http_date
from vaihto.ewp.protocol.errors import ErrorResponse
from vaihto.ewp.protocol.http import Request, Response
from vaihto.ewp.server import Gate

KEPT_SEEDS = (1, 20261122)  # and whatever a soak has found
SHORT_CASES = 60  # for each seed and kind
SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
EXPECTED = {200, 304, 400, 401, 403, 404, 405, 409, 413, 415, 503}

NAMES = (
    "echo", "hei_id", "ounit_id", "ounit_code", "los_id", "los_code", "loi_before", "loi_after", "lois_at_date",
    "modified_since", "file_id", "iia_id", "receiving_academic_year_id", "partner_hei_id", "sending_hei_id", "x",
)  # fmt: skip
VALUES = (
    "", " ", "a", HEI, PARTNER, "2026-01-01", "2026-01-01T00:00:00Z", "2026-13-40T99:99:99+99:99", "2026/2027",
    "test/test", "9999-12-31T23:59:59-14:00", "0000-00-00", "é", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "<x>&amp;", "' OR 1=1 --", "%s%n", "../../etc/passwd", "a" * 3000, "\ufeff", "\u202e", "-1", "1e999", "NaN",
)  # fmt: skip


# --- Making nonsense ----------------------------------------------------------------------------


def letters(luck: random.Random, most: int = 40) -> str:
    """Characters that a server may hand on in a header."""
    return "".join(
        chr(luck.choice((luck.randint(32, 126), luck.randint(0, 255))))
        for _ in range(luck.randint(0, most))
    )


def spoilt(luck: random.Random, text: str) -> str:
    """The text with one thing wrong."""
    at = luck.randint(0, len(text))
    kind = luck.randint(0, 7)
    if kind == 0:
        return text[:at] + letters(luck, 3) + text[at:]
    if kind == 1:
        return text[:at] + text[at + luck.randint(1, 5) :]
    if kind == 2:
        return text[:at] + chr(luck.randint(0, 255)) + text[at + 1 :]
    if kind == 3:
        return text[:at]
    if kind == 4:
        return text + text
    if kind == 5:
        return text.swapcase().encode("latin-1", "replace").decode("latin-1")
    if kind == 6:
        return letters(luck)
    return text.replace(luck.choice(text or "x"), luck.choice(("", " ", '"', ",", "=")), 1)


def spoilt_bytes(luck: random.Random, content: bytes) -> bytes:
    return spoilt(luck, content.decode("latin-1")).encode("latin-1")


def form(luck: random.Random) -> str:
    """Parameters that somebody might send."""
    pairs = [
        (luck.choice(NAMES), luck.choice(VALUES))
        for _ in range(luck.choice((0, 1, 1, 2, 3, 12, 60)))
    ]
    text = urlencode(pairs)
    return spoilt(luck, text).encode("ascii", "replace").decode() if luck.random() < 0.3 else text


def document(luck: random.Random) -> bytes:
    """XML that somebody might send."""
    samples = sorted((SHARED / "testdata" / "ewp" / "samples").glob("*.xml"))
    made = ErrorResponse(luck.choice(VALUES), (("en", letters(luck)),)).write()
    content = luck.choice(samples).read_bytes() if samples and luck.random() < 0.7 else made
    for _ in range(luck.randint(0, 4)):
        content = spoilt_bytes(luck, content)
    if luck.random() < 0.2:
        opening = b"<!DOCTYPE a [<!ENTITY a '" + b"x" * 99 + b"'><!ENTITY b '&a;&a;&a;'>]>"
        content = opening + b"<a>&b;&b;</a>" + content
    if luck.random() < 0.1:
        content = b"<a>" * luck.randint(1, 5000) + content
    if luck.random() < 0.1:
        content = content.decode("utf-8", "replace").encode(
            luck.choice(("utf-16", "utf-32", "utf-7", "cp037")), "replace"
        )
    return content


# --- The cases ----------------------------------------------------------------------------------


def headers_case(node: Network, luck: random.Random) -> Request:
    """A request that was signed and then changed in one to three places."""
    method = luck.choice(("GET", "POST"))
    text = urlencode([("echo", luck.choice(VALUES))])
    request = node.request(
        luck.choice(("echo/v2", "institutions/v2", "trial")),
        method=method,
        query=text if method == "GET" else "",
        body=b"" if method == "GET" else text.encode(),
        wants_signature=luck.random() < 0.8,
    )
    for _ in range(luck.randint(1, 3)):
        request = changed(luck, request)
    return request


def changed(luck: random.Random, request: Request) -> Request:
    kind = luck.randint(0, 9)
    if kind == 0:
        return replace(
            request,
            method=luck.choice(("get", "PUT", "HEAD", "DELETE", "OPTIONS", "PROPFIND", "X" * 50)),
        )
    if kind == 1:
        path = luck.choice((
            request.path + "/", request.path[:-1], "/ewp//" + HEI, f"/ewp/{HEI}/", "/ewp", "/ewp/../x",
            "/ewp/" + quote(letters(luck), safe="/"), f"/ewp/{HEI}/" + quote(letters(luck), safe="/"),
        ))  # fmt: skip
        return replace(request, target=path + (f"?{request.query}" if request.query else ""))
    if kind == 2:
        return replace(request, target=f"{request.path}?{form(luck)}")
    if kind == 3:
        return replace(request, body=spoilt_bytes(luck, request.body))
    headers = list(request.headers)
    at = luck.randrange(len(headers)) if headers else 0
    if kind == 4 and headers:
        del headers[at]
    elif kind == 5:
        name = luck.choice((
            "Date", "Original-Date", "Digest", "X-Request-Id", "Authorization", "Accept-Signature", "Accept-Encoding",
            "Content-Type", "Content-Length", "Transfer-Encoding", "If-None-Match", "Host", "Signature", "Cookie",
        ))  # fmt: skip
        headers.append(
            (
                name,
                luck.choice(
                    (letters(luck), "gzip", "rsa-sha256", "*", "0", http_date(datetime.now(UTC)))
                ),
            )
        )
    elif headers:
        name, value = headers[at]
        headers[at] = (name, spoilt(luck, value))
    return replace(request, headers=tuple(headers))


def form_case(node: Network, luck: random.Random) -> Request:
    """A request that is rightly signed and asks nonsense."""
    endpoints = [each for api in APIS for each in api.endpoints if each.answer is not None]
    endpoint = luck.choice(endpoints)
    method = luck.choice(endpoint.reading.methods)
    text = form(luck)
    return node.request(
        endpoint.path,
        method=method,
        query=text if method == "GET" or luck.random() < 0.2 else "",
        body=text.encode() if method == "POST" else b"",
        headers={"Accept-Encoding": luck.choice((None, "gzip"))},
        by=luck.choice(
            (node.caller, known_once("several", ["b.example", PARTNER]), known_once("nobody", []))
        ),
    )


def document_case(node: Network, luck: random.Random) -> Request:
    """A rightly signed update with nonsense in it."""
    kind = luck.choice(
        ("text/xml", "application/xml", "text/xml; charset=iso-8859-1", None, letters(luck))
    )
    return node.request("trial", method="POST", body=document(luck), content_type=kind)


_known: dict[str, httpsig.Signer] = {}


def known_once(word: str, hei_ids: list[str]) -> httpsig.Signer:
    if word not in _known:
        _known[word] = known(word, hei_ids)
    return _known[word]


CASES: dict[str, Callable[[Network, random.Random], Request]] = {
    "headers": headers_case,
    "form": form_case,
    "document": document_case,
}


def update(call: Call) -> bytes:
    """Reads whatever came."""
    root = xml.parse(call.request.body)
    return ErrorResponse(f"{root.name} {len(root.children())}").write()


@pytest.fixture
def node(network: Network) -> Network:
    """The node with all its APIs and one that takes documents."""
    _known.clear()
    trial = Api(
        element="trial",
        repository="ewp-specs-api-trial",
        major=1,
        version="1.0.0",
        says="Reads a document.",
        endpoints=(Endpoint("update-url", "trial", Reading.POST_XML, update),),
    )
    network.send = partial(call_app, app=Gate([*APIS, trial]))
    return network


def check(node: Network, kind: str, seed: int, number: int) -> None:
    request = CASES[kind](node, random.Random(f"{kind}:{seed}:{number}"))  # noqa: S311 - repeatable
    answer = node.send(request)
    try:
        assert answer.status in EXPECTED
        hold_to_the_rules(as_received(request), answer)
    except Exception as error:
        error.add_note(f"CASE={kind}:{seed}:{number} {answer.status} {request}"[:2000])
        raise


def as_received(request: Request) -> Request:
    """The request with the headers that a server makes of it: repeated ones joined."""
    joined: dict[str, str] = {}
    for name, value in request.headers:
        key = name.title()
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return replace(request, headers=tuple(joined.items()))


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("seed", KEPT_SEEDS)
def test_nonsense_gets_a_well_formed_answer(node: Network, kind: str, seed: int) -> None:
    for number in range(SHORT_CASES):
        check(node, kind, seed, number)


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 120)
def test_ten_minutes_of_nonsense(node: Network) -> None:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
    end = time.monotonic() + SOAK_SECONDS
    number = 0
    while time.monotonic() < end:
        for kind in CASES:
            check(node, kind, seed, number)
        number += 1


# --- What partners send us ------------------------------------------------------------------------


def readers() -> list[tuple[str, Callable[[bytes], Any]]]:
    """Every message that is read from bytes."""
    found: list[tuple[str, Callable[[bytes], Any]]] = []
    for package in pkgutil.iter_modules(vaihto.ewp.apis.__path__):
        name = f"vaihto.ewp.apis.{package.name}.messages"
        if importlib.util.find_spec(name) is None:
            continue
        for label, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            read = getattr(kind, "read", None)
            if (
                kind.__module__ == name
                and read is not None
                and "document" in inspect.signature(read).parameters
            ):
                found.append((f"{package.name}.{label}", read))
    return found


@pytest.mark.parametrize("seed", KEPT_SEEDS)
def test_every_message_is_read_or_refused_as_malformed(seed: int) -> None:
    assert len(readers()) >= 8
    for number in range(SHORT_CASES):
        content = document(random.Random(f"message:{seed}:{number}"))  # noqa: S311 - repeatable
        for name, read in readers():
            try:
                read(content)
            except xml.MalformedXml:
                continue
            except Exception as error:
                error.add_note(f"{name} CASE=message:{seed}:{number}")
                raise


@pytest.mark.parametrize("seed", KEPT_SEEDS)
def test_a_spoilt_answer_is_refused_and_nothing_worse(seed: int) -> None:
    pair = signer("caller")
    now = datetime.now(UTC)
    request = httpsig.sign_request(
        Request("GET", "/ewp/x", (("Host", "p.example"),)),
        signer=pair,
        now=now,
        request_id="0e1f6d2c-7a66-4b50-9d3e-0f2a4f1c8b77",
    )
    good = httpsig.sign_response(
        Response(200, (("Content-Type", "text/xml"), *httpsig.echoed(request)), b"<a/>"),
        signer=pair,
        now=now,
    )
    keys = {pair.key_id: public_of(pair.private)}
    for number in range(10 * SHORT_CASES):
        luck = random.Random(f"answer:{seed}:{number}")  # noqa: S311 - repeatable
        headers = list(good.headers)
        at = luck.randrange(len(headers))
        name, value = headers[at]
        headers[at] = (name, spoilt(luck, value))
        answer = replace(good, headers=tuple(headers))
        try:
            httpsig.verify_response(answer, request=request, find_key=keys.get, now=now)
        except httpsig.AnswerRefused:
            continue
        # What still verifies says the same: the spoilt part was not covered or not significant.
        assert httpsig.signing_string(
            httpsig.read_parameters(answer.header("signature") or "").headers, answer.headers
        ) == httpsig.signing_string(
            httpsig.read_parameters(good.header("signature") or "").headers, good.headers
        )

"""The official validator's checklist for Echo, and thereby for the whole of trust and serving.

Numbered like section 6.1 of the network's reference. Every point runs against the application with exact bytes, and
once more against a server process that serves under a path.
"""

from __future__ import annotations

import hashlib
import uuid
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from tests.cast import institution
from tests.ewp.network import (
    CATALOGUE,
    HEI,
    PARTNER,
    PUBLIC_URL,
    Network,
    judge,
    known,
    over,
    serving,
)
from tests.ewp.partner import signer
from vaihto.ewp import keys, manifest
from vaihto.ewp.apis.echo import ECHO
from vaihto.ewp.apis.echo.messages import Echo
from vaihto.ewp.models import Key
from vaihto.ewp.protocol import httpsig
from vaihto.ewp.protocol.dates import http_date
from vaihto.ewp.protocol.http import Request, Response

PATH = "echo/v2"
ABA = (("echo", "a"), ("echo", "b"), ("echo", "a"))
SAID = Echo((PARTNER,), ("a", "b", "a"))
both = pytest.mark.parametrize("method", ["GET", "POST"])


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """One server process for all points; serves under a path."""
    with django_db_blocker.unblock(), serving(prefix="/node") as url:
        yield url


@pytest.fixture(
    params=[
        pytest.param("application", marks=pytest.mark.django_db),
        pytest.param("server", marks=[pytest.mark.django_db(transaction=True), pytest.mark.slow]),
    ]
)
def node(request: pytest.FixtureRequest, settings: Settings) -> Network:
    """Our node, in this process or in one of its own."""
    settings.CATALOGUE_URL = CATALOGUE
    if request.param == "application":
        settings.PUBLIC_URL = PUBLIC_URL
        return Network(institution(HEI), PUBLIC_URL)
    settings.PUBLIC_URL = request.getfixturevalue("server")
    return Network(institution(HEI), settings.PUBLIC_URL, over(settings.PUBLIC_URL))


def said(response: Response) -> tuple[int, Echo]:
    return response.status, Echo.read(response.body)


def same(node: Network, method: str, **facts: object) -> Response:
    """A request without parameters; the form is empty."""
    return node.answer(node.request(PATH, method=method, **facts))  # type: ignore[arg-type]


# Setup


def test_01_keys_are_published_before_they_are_needed(network: Network, settings: Settings) -> None:
    made = datetime.now(UTC) - timedelta(minutes=11)
    keys.ensure(institution=network.institution, now=made)
    manifest.document(institution=network.institution, now=datetime.now(UTC))
    assert {key.created_at for key in Key.objects.all()} == {made}


def test_02_the_address_is_https(network: Network) -> None:
    address = manifest.endpoint_url(HEI, ECHO.endpoints[0].path)
    assert address == f"{PUBLIC_URL}/ewp/{HEI}/{PATH}"
    assert address.startswith("https://")


def test_03_the_manifest_has_exactly_one_entry_of_this_version(network: Network) -> None:
    entries = [each for each in manifest.served_apis() if each.element == "echo"]
    assert [(each.namespace, each.version) for each in entries] == [
        ("https://github.com/erasmus-without-paper/ewp-specs-api-echo/blob/stable-v2/manifest-entry.xsd", "2.0.1")
    ]  # fmt: skip


def test_04_the_entry_names_its_security_methods_and_nobody_is_anonymous(network: Network) -> None:
    entry = manifest.entry_of(ECHO, HEI)
    assert (entry.client_auth, entry.server_auth) == (("httpsig",), ("httpsig", "tlscert"))


def test_05_the_version_is_a_published_release(network: Network) -> None:
    assert ECHO.version == "2.0.1"


# Combinations with A


@both
def test_06_an_unsigned_request_is_challenged(node: Network, method: str) -> None:
    request = node.request(PATH, method=method)
    unsigned = tuple(pair for pair in request.headers if pair[0] != "Authorization")
    assert node.answer(replace(request, headers=unsigned)).status == 401


# Combinations with H, POST


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_07_08_other_methods_are_refused(node: Network, method: str) -> None:
    answer = same(node, method)
    assert (answer.status, answer.header("allow")) == (405, "GET, POST")


def test_09_a_form_is_said_back_in_its_order(node: Network) -> None:
    assert said(node.ask(PATH, ABA, method="POST")) == (200, SAID)


def test_10_the_query_of_a_post_is_ignored(node: Network) -> None:
    request = node.request(PATH, method="POST", query="echo=c&echo=c", body=b"echo=a&echo=b&echo=a")
    assert said(node.answer(request)) == (200, SAID)


def test_11_an_answer_may_be_compressed(node: Network) -> None:
    text = "a long text " * 200
    headers = {"Accept-Encoding": "gzip"}
    answer = node.ask(PATH, [("echo", text)], method="POST", headers=headers)
    assert said(answer) == (200, Echo((PARTNER,), (text,)))
    assert answer.header("content-encoding") == "gzip"  # so it was signed
    assert said(node.ask(PATH, ABA, method="POST", headers=headers)) == (200, SAID)


# Combinations with H, GET


def test_12_a_query_is_said_back_in_its_order(node: Network) -> None:
    assert said(node.ask(PATH, ABA)) == (200, SAID)


# Combinations with H, both methods


@both
def test_13_an_unregistered_key_is_refused(node: Network, method: str) -> None:
    assert same(node, method, by=signer("stranger")).status == 403


@both
def test_14_a_signature_by_another_key_is_refused(node: Network, method: str) -> None:
    other = replace(signer("stranger"), key_id=node.caller.key_id)
    assert same(node, method, by=other).status == 400


@both
def test_15_a_listed_header_that_is_missing_is_refused(node: Network, method: str) -> None:
    request = node.request(PATH, method=method, headers={"X-Some-Header": "x"})
    without = tuple(pair for pair in request.headers if pair[0] != "X-Some-Header")
    assert node.answer(replace(request, headers=without)).status == 400


@both
def test_16_original_date_serves_as_date(node: Network, method: str) -> None:
    headers = {"Date": None, "Original-Date": http_date(datetime.now(UTC))}
    assert said(same(node, method, headers=headers)) == (200, Echo((PARTNER,)))


@both
@pytest.mark.parametrize("name", ["(request-target)", "host", "date", "digest", "x-request-id"])
def test_17_to_21_the_five_must_be_signed(node: Network, method: str, name: str) -> None:
    five = ("(request-target)", "host", "date", "digest", "x-request-id")
    names = [each for each in five if each != name]
    assert same(node, method, names=names).status == 400


@both
def test_22_the_order_of_signed_headers_is_free(node: Network, method: str) -> None:
    request = node.request(PATH, method=method)
    names = sorted(name.lower() for name, _value in request.headers if name != "Authorization")
    answer = same(node, method, names=[*names, httpsig.TARGET])
    assert said(answer) == (200, Echo((PARTNER,)))


@both
def test_23_an_unknown_signed_header_does_no_harm(node: Network, method: str) -> None:
    answer = same(node, method, headers={"Some-Custom-Header": "Value"})
    assert said(answer) == (200, Echo((PARTNER,)))


@both
def test_24_a_key_for_answers_may_not_ask(node: Network, method: str) -> None:
    server_key = known("server of partner", server=True)
    assert same(node, method, by=server_key).status == 403


@both
def test_25_an_old_original_date_is_refused_beside_a_right_date(node: Network, method: str) -> None:
    old = http_date(datetime.now(UTC) - timedelta(minutes=20))
    names = ("(request-target)", "host", "original-date", "digest", "x-request-id")
    answer = same(node, method, headers={"Original-Date": old}, names=names)
    assert answer.status == 400


@both
def test_26_a_request_id_is_a_canonical_uuid(node: Network, method: str) -> None:
    request_id = str(uuid.uuid4()).upper().replace("-", "")
    answer = same(node, method, headers={"X-Request-Id": request_id})
    assert (answer.status, answer.header("x-request-id")) == (400, request_id)


# Only POST


def test_27_a_replaced_body_is_refused(node: Network) -> None:
    request = node.request(PATH, method="POST", body=b"echo=a&echo=b&echo=a")
    assert node.answer(replace(request, body=b"echo=a&echo=b&echo=c&echo=d")).status == 400
    assert node.answer(replace(request, body=b"echo=a&echo=b&echo=b")).status == 400


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("SHA-256={256}, Unknown-Digest-Algorithm=SomeValue", 200),  # 28
        ("SHA={1}", 400),  # 29
        ("shA-256={256}", 200),  # 30
    ],
)
def test_28_to_30_digests_are_read_as_the_standard_says(
    node: Network, form: str, status: int
) -> None:
    body = b"echo=a"
    values = {
        "256": b64encode(hashlib.sha256(body).digest()).decode(),
        "1": b64encode(hashlib.sha1(body).digest()).decode(),  # noqa: S324 - the refused one
    }
    digest = form.replace("{256}", values["256"]).replace("{1}", values["1"])
    answer = node.answer(node.request(PATH, method="POST", body=body, headers={"Digest": digest}))
    assert answer.status == status


# Combinations with server auth H


@both
def test_31_an_unknown_algorithm_gives_an_unsigned_answer(node: Network, method: str) -> None:
    headers = {"Accept-Signature": "unknown-algorithm"}
    request = node.request(PATH, method=method, headers=headers)
    answer = node.send(request)
    assert (said(answer), answer.header("signature")) == ((200, Echo((PARTNER,))), None)
    judge(request, answer)


@both
def test_32_a_known_algorithm_among_others_gives_a_signed_answer(
    node: Network, method: str
) -> None:
    headers = {"Accept-Signature": "rsa-sha256, unknown-algorithm"}
    request = node.request(PATH, method=method, headers=headers)
    answer = node.send(request)
    assert answer.header("signature") is not None
    assert said(judge(request, answer)) == (200, Echo((PARTNER,)))


@both
def test_33_the_id_of_an_unsigned_request_is_repeated_and_signed(
    node: Network, method: str
) -> None:
    request = Request(
        method,
        node.target(PATH),
        (("Host", node.host), ("X-Request-Id", "some id"), ("Accept-Signature", "rsa-sha256")),
    )
    answer = node.answer(request)
    assert (answer.status, answer.header("x-request-id")) == (401, "some id")
    assert answer.header("x-request-signature") is None

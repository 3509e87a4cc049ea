"""The way in: what is refused, how, and that every answer is well-formed, signed when asked, and kept."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from tests.cast import institution
from tests.ewp.network import (
    CATALOGUE,
    HEI,
    PARTNER,
    Network,
    call_app,
    error_of,
    known,
    over,
    serving,
)
from tests.ewp.partner import signer
from vaihto.ewp import exchanges, server
from vaihto.ewp.bodies import Watcher
from vaihto.ewp.calls import Call
from vaihto.ewp.models import Catalogue, Exchange, Key
from vaihto.ewp.protocol import httpsig
from vaihto.ewp.protocol.api import Api, Endpoint, Keep, Reading
from vaihto.ewp.protocol.errors import ErrorResponse, Trouble
from vaihto.ewp.protocol.http import Parameters, Request, Response
from vaihto.ewp.protocol.xml import COMMON_TYPES, Builder
from vaihto.ewp.server import Gate
from vaihto.journal.actors import ActorKind
from vaihto.refusals import Invalid, NotAllowed, Stale, Unknown

GOOD = ErrorResponse("well-formed, and no error").write()  # any document with an official schema


class Trial:
    """An API whose endpoints do as they are told; `calls` are those that reached one."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.does: Callable[[Call], Response | bytes] = lambda _call: GOOD

    def answer(self, call: Call) -> Response | bytes:
        self.calls.append(call)
        return self.does(call)

    @property
    def gate(self) -> Gate:
        return Gate(
            [
                Api(
                    element="trial",
                    repository="ewp-specs-api-trial",
                    major=1,
                    version="1.0.0",
                    says="Does as it is told.",
                    endpoints=tuple(
                        Endpoint(name, name, reading, self.answer, keep, anonymous=name == "open")
                        for name, reading, keep in (
                            ("read", Reading.GET_AND_POST, Keep.SOON),
                            ("open", Reading.GET_AND_POST, Keep.SOON),
                            ("file", Reading.GET, Keep.SOON),
                            ("tell", Reading.POST_FORM, Keep.AT_ONCE),
                            ("update", Reading.POST_XML, Keep.AT_ONCE),
                        )
                    ),
                    limits=(("max-ids", 3),),
                )
            ]
        )


@pytest.fixture
def trial() -> Trial:
    return Trial()


@pytest.fixture
def node(network: Network, trial: Trial) -> Network:
    """Our node with the trial API only."""
    gate = trial.gate
    network.send = partial(call_app, app=gate)
    return network


# What reaches an endpoint


def test_an_endpoint_sees_the_callers_and_signed_headers_only(node: Network, trial: Trial) -> None:
    request = node.request("read", query="id=1")
    unsigned = ("X-Unsigned", "x")
    node.answer(replace(request, headers=(*request.headers, unsigned)))
    (call,) = trial.calls
    assert call.request.header("x-unsigned") is None
    assert call.request.header("host") == node.host
    assert (call.institution, call.callers) == (node.institution, (PARTNER,))
    assert (call.actor.kind, call.actor.label) == (ActorKind.PARTNER, PARTNER)
    assert (call.api.element, call.endpoint.name) == ("trial", "read")


def test_a_key_may_speak_for_several_institutions_or_none(node: Network, trial: Trial) -> None:
    several = known("several", ["b.example", "a.example", "b.example"])
    nobody = known("nobody", [])
    node.ask("read", by=several)
    node.ask("read", by=nobody)
    assert [call.callers for call in trial.calls] == [("b.example", "a.example"), ()]


def test_anybody_may_read_what_is_open_and_a_wrong_signature_is_refused_there_too(
    node: Network, trial: Trial
) -> None:
    request = Request(
        "GET", node.target("open", "a=1"), (("Host", "whatever"), ("If-None-Match", '"1"'))
    )
    assert node.answer(request).status == 200
    assert (trial.calls[0].callers, trial.calls[0].request.header("if-none-match")) == ((), '"1"')
    assert node.answer(node.request("open", by=signer("stranger"))).status == 403


def test_the_host_is_the_public_one_with_or_without_its_port(node: Network) -> None:
    for host in ("node.example:8443", "node.example", "NODE.example"):
        assert node.ask("read", headers={"Host": host}).status == 200
    for host in ("node.example:443", "other.example", "", None):
        assert node.ask("read", headers={"Host": host}).status == 400


def test_a_target_with_an_empty_query_verifies_though_no_server_tells_it(node: Network) -> None:
    request = node.request("read", query="x")
    target = node.target("read") + "?"
    names = httpsig.read_parameters((request.header("authorization") or "")[10:]).headers
    headers = tuple(pair for pair in request.headers if pair[0] != "Authorization")
    asked = httpsig.sign_as_is(
        replace(request, target=target, headers=headers), signer=node.caller, names=names
    )
    assert node.answer(asked).status == 200


# Parameters


def read_with(method: str, trial: Trial, *pairs: tuple[str, str], node: Network) -> Response:
    return node.ask("read", pairs, method=method)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_get_and_post_give_the_same_parameters(node: Network, trial: Trial, method: str) -> None:
    pairs = (("id", "a b"), ("id", "é"), ("id", ""), ("x", "+&="))
    assert node.ask("read", pairs, method=method).status == 200
    assert trial.calls[0].parameters == Parameters(pairs)


@pytest.mark.parametrize(
    ("read", "pairs", "says"),
    [
        (lambda c: c.one("id"), [], "Parameter id: it is required."),
        (lambda c: c.one("id"), [("id", "")], "Parameter id: it is required."),
        (lambda c: c.one("id"), [("Id", "x")], "Parameter id: it is required."),
        (
            lambda c: c.one("id"),
            [("id", "x"), ("id", "x")],
            "Parameter id: 2 values given, it is not repeatable.",
        ),
        (
            lambda c: c.moment("since"),
            [("since", "2026-01-01T00:00:00Z")] * 2,
            "Parameter since: 2 values given, it is not repeatable.",
        ),
        (
            lambda c: c.many("id", "max-ids"),
            [("id", "x")] * 4,
            "Parameter id: 4 values given, at most 3 accepted.",
        ),
        (lambda c: c.many("id", 1), [("id", "x")] * 2, "Parameter id: 2 values given, at most 1 accepted."),
        (lambda c: c.date("day"), [("day", "1.2.2026")], "Parameter day: it must be a date such as 2026-09-01."),
        (
            lambda c: c.moment("since"),
            [("since", "2026-01-01")],
            "Parameter since: it must be a date and time such as 2004-02-12T15:19:21+01:00.",
        ),
        (lambda c: c.moment("since"), [("since", "")], "Parameter since: it must be a date and time such as 2004-02-12T15:19:21+01:00."),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_named(
    node: Network, trial: Trial, read: Any, pairs: Any, says: str
) -> None:
    trial.does = lambda call: str(read(call)).encode()
    answer = node.ask("read", pairs)
    assert (answer.status, error_of(answer)) == (400, says)


def test_parameters_are_read_as_what_they_are(node: Network, trial: Trial) -> None:
    found: list[object] = []

    def does(call: Call) -> bytes:
        found.extend(
            [
                call.one("id"),
                call.one_or("none", "x"),
                call.many("ids", "max-ids"),
                call.date("day"),
                call.moment("since"),
                call.moment("never"),
                call.date("never"),
                call.many("never"),
            ]
        )
        return GOOD

    trial.does = does
    day = "id=7&ids=a&ids=a&ids=b&day=2026-02-03"
    for since in ("2026-01-01T02:00:00%2B02:00", "2026-01-01T02:00:00+02:00"):  # a plus not encoded
        assert node.answer(node.request("read", query=f"{day}&odd=1&since={since}")).status == 200
    assert found[:8] == [
        "7", "x", ("a", "a", "b"), datetime(2026, 2, 3).date(), datetime(2026, 1, 1, tzinfo=UTC),  # noqa: DTZ001
        None, None, (),
    ]  # fmt: skip
    assert found[12] == found[4]


@pytest.mark.parametrize(
    "form", [b"a=%", b"a=%4", b"a=%zz", b"a=%ff", b"\xe9=1", b"a=%00", b"&".join([b"a=1"] * 20_001)]
)
def test_a_broken_form_is_refused(node: Network, trial: Trial, form: bytes) -> None:
    answer = node.answer(node.request("read", method="POST", body=form))
    assert (answer.status, trial.calls) == (400, [])
    if form != b"\xe9=1" and len(form) < 1000:
        assert node.answer(node.request("read", query=form.decode())).status == 400


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("read", None, 200),
        ("read", "application/x-www-form-urlencoded;charset=UTF-8", 200),
        ("read", 'Application/X-WWW-Form-Urlencoded ; charset="utf-8"', 200),
        ("read", "application/x-www-form-urlencoded; charset=iso-8859-1", 415),
        ("read", "application/json", 415),
        ("read", "multipart/form-data; boundary=x", 415),
        ("read", "text/xml", 415),
        ("tell", "text/xml", 415),
        ("update", None, 200),
        ("update", "text/xml", 200),
        ("update", "application/xml; charset=utf-8", 200),
        ("update", "application/x-www-form-urlencoded", 415),
    ],
)
def test_the_content_type_is_the_one_of_the_endpoint(
    node: Network, path: str, kind: str | None, status: int
) -> None:
    request = node.request(path, method="POST", body=b"a=1", content_type=kind)
    assert node.answer(request).status == status


def test_a_packed_request_is_not_unpacked(node: Network) -> None:
    headers = {"Content-Encoding": "gzip"}
    assert node.ask("read", [("a", "1")], method="POST", headers=headers).status == 415


# Errors of every kind


@pytest.mark.parametrize(
    "target",
    ["/ewp", "/ewp/", "/ewp/uni.example", "/ewp/uni.example/", "/ewp/uni.example/read/", "/ewp/nobody.example/read",
     "/ewp/UNI.example/read", "/ewp/uni.example/x%00y", "/ewp/%C3%A9/read", "/ewp/%00/read", "/ewp/uni.example/static/x",
     "/ewp/" + "a" * 3000 + "/read"],
)  # fmt: skip
def test_an_unknown_address_is_a_signed_404_to_whoever_asks(node: Network, target: str) -> None:
    request = Request("GET", target, (("Accept-Signature", "rsa-sha256"), ("X-Request-Id", "1")))
    answer = node.answer(request)
    assert (answer.status, error_of(answer)) == (404, "There is no EWP endpoint at this address.")


@pytest.mark.parametrize("path", ["/ewp", "/ewp/x", "/ewp/uni.example/echo/v2"])
def test_django_itself_has_no_page_there(client: Client, db: None, path: str) -> None:
    institution(HEI)
    assert client.get(path, follow=False).status_code == 404


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("read", "PUT", "GET, POST"),
        ("read", "HEAD", "GET, POST"),
        ("read", "OPTIONS", "GET, POST"),
        ("read", "get", "GET, POST"),
        ("file", "POST", "GET"),
        ("tell", "GET", "POST"),
        ("update", "DELETE", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    node: Network, path: str, method: str, allow: str
) -> None:
    answer = node.ask(path, method=method)
    assert (answer.status, answer.header("allow")) == (405, allow)


@pytest.mark.parametrize(
    ("raised", "status", "says", "users"),
    [
        (NotAllowed("x"), 403, "Your role does not allow this.", ()),
        (Unknown("x"), 400, "There is no such record.", ()),
        (Invalid("x", sentence="No %(what)s.", what="way"), 400, "No way.", ()),
        (
            Stale("x"),
            409,
            "This was changed by somebody else after you opened it.",
            (("en", "This was changed by somebody else after you opened it."),),
        ),
        (Trouble(403, "Only for the portal.", code="x"), 403, "Only for the portal.", ()),
        (ZeroDivisionError("Aino"), 500, "Something went wrong here. It has been logged.", ()),
        (OperationalError("Aino"), 503, "The database here did not answer. Try again in a moment.", ()),
    ],
)  # fmt: skip
def test_what_an_endpoint_raises_becomes_a_signed_error(
    node: Network, trial: Trial, raised: Exception, status: int, says: str, users: Any
) -> None:
    def does(_call: Call) -> bytes:
        raise raised

    trial.does = does
    answer = node.ask("read")
    assert (answer.status, ErrorResponse.read(answer.body)) == (status, ErrorResponse(says, users))
    row = Exchange.objects.get()
    assert (row.status, row.blame) == (status, "theirs" if status < 500 else "ours")
    assert row.facts == {"says": says}


def test_a_fault_is_logged_without_what_it_says_of_people(
    node: Network, trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    trial.does = lambda call: int(call.one("name")).to_bytes()
    assert node.ask("read", [("name", "Aino Virtanen")]).status == 500
    (record,) = [each for each in caplog.records if each.message == "EWP request failed"]
    (written,) = [
        each.formatter.format(record)
        for each in logging.getLogger().handlers
        if isinstance(each.formatter, structlog.stdlib.ProcessorFormatter)
    ]
    assert '"kind": "builtins.ValueError"' in written
    assert "Aino" not in written


def test_a_document_that_the_official_schema_refuses_is_not_sent(
    node: Network, trial: Trial, schemas_folder: object
) -> None:
    trial.does = lambda _call: Builder("error-response", COMMON_TYPES).write()
    assert node.ask("read").status == 500


def test_a_catalogue_that_is_too_old_recognises_nobody(node: Network) -> None:
    old = datetime.now(UTC) - timedelta(days=6)
    Catalogue.objects.update(expires_at=old, confirmed_at=old, asked_at=datetime.now(UTC))
    answer = node.ask("read")
    assert (answer.status, answer.header("retry-after")) == (503, "600")


@pytest.fixture
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests come at one moment, however slow the machine is."""
    clock = SimpleNamespace(monotonic=lambda: 1_000.0, perf_counter=time.perf_counter)
    monkeypatch.setattr(server, "time", clock)


def test_a_caller_that_asks_too_fast_is_told_to_wait_and_others_are_not(
    node: Network, settings: Settings, standing_clock: None
) -> None:
    settings.EWP_CALLS_PER_SECOND = 1
    other = known("other", ["other.example"])
    answers = [node.ask("read") for _ in range(12)]
    assert [answer.status for answer in answers] == [200] * 10 + [503] * 2
    assert answers[-1].header("retry-after") == "5"
    assert node.ask("read", by=other).status == 200
    # The registry fetches manifests without a signature, whoever else is too fast.
    open_to_all = Request("GET", node.target("open"))
    assert {node.answer(open_to_all).status for _ in range(15)} == {200}


def test_an_update_is_done_once_also_when_it_is_sent_twice(node: Network, trial: Trial) -> None:
    request = node.request("update", method="POST", body=b"<a/>", content_type="text/xml")
    assert node.answer(request).status == 200
    again = node.answer(request)
    assert (again.status, len(trial.calls)) == (400, 1)
    read = node.request("read")
    assert [node.answer(read).status for _ in range(2)] == [200, 200]


# Answers


def test_a_missing_server_key_is_made_at_its_first_use(node: Network) -> None:
    assert Key.objects.count() == 0
    assert node.ask("read").status == 200
    assert sorted(Key.objects.values_list("purpose", flat=True)) == ["client", "server"]


def test_an_institution_with_a_key_of_its_own_signs_with_it(node: Network) -> None:
    from vaihto.ewp import keys  # noqa: PLC0415 - only here
    from vaihto.journal.actors import Actor  # noqa: PLC0415 - only here

    own = keys.create(
        actor=Actor.system(),
        institution=node.institution,
        purpose=Key.Purpose.SERVER,
        now=datetime.now(UTC),
    )
    answer = node.send(node.request("read"))
    assert f'keyId="{own.fingerprint}"' in (answer.header("signature") or "")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("GZIP ; q=1.0", True), ("gzip;q=0", False),
     ("gzip;q=0.000", False), ("identity", False), ("x-gzip", False), (None, False)],
)  # fmt: skip
def test_only_a_large_answer_to_a_signed_wish_is_packed(
    node: Network, trial: Trial, accepted: str | None, packed: bool
) -> None:
    trial.does = lambda _call: ErrorResponse("long " * 500).write()
    headers = {"Accept-Encoding": accepted}
    answer = node.send(node.request("read", headers=headers))
    assert answer.header("content-encoding") == ("gzip" if packed else None)
    request = node.request("read")
    wish = (*request.headers, ("Accept-Encoding", accepted or "gzip"))
    assert node.send(replace(request, headers=wish)).header("content-encoding") is None
    trial.does = lambda _call: GOOD
    assert node.send(node.request("read", headers=headers)).header("content-encoding") is None


def test_a_caller_that_has_it_already_gets_a_signed_304(node: Network, trial: Trial) -> None:
    def does(call: Call) -> Response:
        tag = (("ETag", '"7"'),)
        if call.is_known('"7"'):
            return Response(304, tag)
        return Response(200, (*tag, ("Content-Type", "application/pdf")), b"%PDF")

    trial.does = does
    assert node.ask("file").body == b"%PDF"
    for known_tag in ('"7"', 'W/"7"', '"1", "7"', "*"):
        answer = node.ask("file", headers={"If-None-Match": known_tag})
        assert (answer.status, answer.header("etag"), answer.body) == (304, '"7"', b"")
    assert node.ask("file", headers={"If-None-Match": '"8"'}).status == 200


# Bodies


class Stalled:
    """A stream that gives its bytes only when it is let, or after a while."""

    def __init__(self, content: bytes = b"", *, seconds: float = 60) -> None:
        self.content = content
        self.seconds = seconds
        self.go = threading.Event()

    def read(self, size: int = -1, /) -> bytes:
        self.go.wait(self.seconds)
        return self.content[:size]


class Broken:
    def read(self, size: int = -1, /) -> bytes:
        raise OSError("gone")


def coming(stream: Any, *, stated: str = "5", chunked: bool = False) -> dict[str, Any]:
    environ = {"wsgi.input": stream, "REMOTE_ADDR": "192.0.2.1", "SERVER_PORT": "1"}
    if stated:
        environ["CONTENT_LENGTH"] = stated
    if chunked:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    return environ


def refusal(watcher: Watcher, environ: dict[str, Any]) -> tuple[int, str]:
    with pytest.raises(Trouble) as caught:
        watcher.body(environ, limit=10)
    return caught.value.status, caught.value.code


def body(content: bytes) -> Stalled:
    return Stalled(content, seconds=0)


def test_a_body_is_read_to_its_length_or_its_end() -> None:
    watcher = Watcher(seconds=60)
    assert watcher.body(coming(body(b"12345678")), limit=10) == b"12345"
    assert watcher.body(coming(body(b"12345"), stated="", chunked=True), limit=5) == b"12345"
    for stated in ("", "0"):
        assert watcher.body(coming(Broken(), stated=stated), limit=10) == b""


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (coming(body(b"123")), (400, "malformed-body")),
        (coming(Broken()), (400, "malformed-body")),
        (coming(Broken(), stated="x"), (400, "malformed-body")),
        (coming(Broken(), stated="-1"), (400, "malformed-body")),
        (coming(Broken(), stated="٣"), (400, "malformed-body")),
        (coming(Broken(), stated="11"), (413, "too-big")),
        (coming(Broken(), stated="9" * 18), (413, "too-big")),
        (coming(body(b"1" * 11), stated="", chunked=True), (413, "too-big")),
    ],
)
def test_a_body_that_is_cut_short_or_too_big_is_refused(
    environ: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(Watcher(seconds=60), environ) == expected


def test_a_body_that_comes_too_slowly_is_refused() -> None:
    slow = coming(Stalled(b"12345", seconds=0.2))
    assert refusal(Watcher(seconds=0.1), slow) == (408, "too-slow")


def test_few_may_be_waited_for_at_a_time_and_the_next_is_told_to_come_again() -> None:
    watcher = Watcher(seconds=60, most=2)
    slow = [Stalled(b"12345"), Stalled(b"12345")]
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda s=each: got.append(watcher.body(coming(s), limit=10)))
        for each in slow
    ]
    for thread in threads:
        thread.start()
    while len(watcher._waits) < 2:
        threading.Event().wait(0.01)
    assert refusal(watcher, coming(body(b"12345"))) == (503, "busy")
    # A page may read all the same; it is only watched.
    assert watcher.watched(coming(body(b"12345"))).read(5) == b"12345"
    for each in slow:
        each.go.set()
    for thread in threads:
        thread.join(60)
    assert got == [b"12345", b"12345"]
    assert watcher.body(coming(body(b"12345")), limit=10) == b"12345"


def test_a_form_beyond_a_mebibyte_is_refused_and_a_document_may_be_larger(
    node: Network, trial: Trial
) -> None:
    large = b"a=" + b"x" * 1024 * 1024
    assert node.answer(node.request("read", method="POST", body=large)).status == 413
    request = node.request("update", method="POST", body=large, content_type="text/xml")
    assert node.answer(request).status == 200
    assert len(trial.calls) == 1


def test_the_body_of_a_stranger_is_not_even_read(node: Network) -> None:
    request = Request("POST", node.target("read"), (("Content-Length", "9" * 30),))
    assert node.answer(request).status == 401


# What is kept


def test_every_answered_request_is_kept_with_what_is_needed_to_find_it(node: Network) -> None:
    request = node.request("read", query="id=secret", headers={"X-Request-Id": str(uuid.uuid4())})
    answer = node.send(request)
    row = Exchange.objects.get()
    assert (row.direction, row.institution, row.partner) == ("in", node.institution, PARTNER)
    assert (row.api, row.version, row.endpoint, row.method) == ("trial", "1.0.0", "read", "GET")
    assert (row.url, row.request_id) == (f"/ewp/{HEI}/read", request.header("x-request-id"))
    assert (row.status, row.signature, row.outcome, row.blame) == (200, "verified", "ok", "")
    kept_request, kept_answer = exchanges.read(row)
    assert (kept_request.target, kept_request.body) == (request.target, b"")
    assert set(request.headers) == set(kept_request.headers)
    assert kept_answer is not None
    assert kept_answer.body == answer.body
    assert kept_answer.header("signature") == answer.header("signature")
    # What was kept still proves who asked.
    assert node.answer(kept_request).status == 200


def test_a_refused_signature_is_kept_with_its_code_and_nobody_as_its_sender(node: Network) -> None:
    node.ask("read", by=signer("stranger"))
    row = Exchange.objects.get()
    assert (row.partner, row.signature, row.outcome, row.blame) == (
        "", "unknown-key", "unknown-key", "theirs",
    )  # fmt: skip


def test_of_strangers_only_the_beginning_is_kept_and_not_all(
    node: Network, monkeypatch: pytest.MonkeyPatch, standing_clock: None
) -> None:
    monkeypatch.setattr(server, "_STRANGERS_PER_SECOND", 0.1)
    lost = exchanges.LOST.labels("strangers")._value.get()
    for _ in range(4):
        node.ask("read", [("a", "x" * 9000)], method="POST", by=signer("stranger"))
    row = Exchange.objects.get()
    assert (len(exchanges.read(row)[0].body), row.facts) == (
        4096,
        {"body_bytes": 9002, "says": row.facts["says"]},
    )
    assert exchanges.LOST.labels("strangers")._value.get() == lost + 3


def test_evidence_is_written_before_the_answer_leaves(
    node: Network, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EWP_KEEP_IN_BATCHES = True
    waiting: list[object] = []
    monkeypatch.setattr(exchanges._Buffer, "put", lambda _buffer, kept: waiting.append(kept))
    node.ask("tell", [("id", "1")], method="POST")
    assert (Exchange.objects.count(), waiting) == (1, [])
    node.ask("read")
    assert (Exchange.objects.count(), len(waiting)) == (1, 1)


def test_requests_are_logged_by_identifiers_only(
    node: Network, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="vaihto.ewp"):
        node.ask("read", [("name", "Aino")])
    (line,) = [record for record in caplog.records if record.message == "EWP request"]
    assert (line.partner, line.institution, line.status) == (PARTNER, HEI, 200)  # type: ignore[attr-defined]
    assert "Aino" not in str(line.__dict__)


# A server process


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_slow_and_chunked_bodies_over_a_server_process(settings: Settings) -> None:
    settings.CATALOGUE_URL = CATALOGUE
    with serving(threads=4, SERVED_BODY_SECONDS="5") as url:
        settings.PUBLIC_URL = url
        node = Network(institution(HEI), url, over(url))
        port = int(url.rpartition(":")[2])
        assert node.ask("echo/v2", [("echo", "a")], method="POST").status == 200

        chunked = node.request(
            "echo/v2", method="POST", body=b"echo=a", headers={"Content-Length": None}
        )
        lines = [f"{name}: {value}" for name, value in chunked.headers]
        head = "\r\n".join([f"POST {chunked.target} HTTP/1.1", *lines, "Transfer-Encoding: chunked",
                            "Connection: close", "", ""]).encode()  # fmt: skip
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plug:
            plug.sendall(head + b"3\r\nech\r\n3\r\no=a\r\n0\r\n\r\n")
            told = b"".join(iter(lambda: plug.recv(65536), b""))
        assert told.startswith(b"HTTP/1.1 200 ")

        # More clients than threads begin a body and never go on.
        stalled = node.request("echo/v2", method="POST", body=b"echo=a")
        lines = [f"{name}: {value}" for name, value in stalled.headers]
        head = "\r\n".join([f"POST {stalled.target} HTTP/1.1", *lines, "", ""]).encode()
        with contextlib.ExitStack() as plugs:
            held = [
                plugs.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
                for _ in range(6)
            ]
            for plug in held:
                plug.sendall(head + b"ec")
            # Who reads is served as ever, who posts is told to wait, for a short time.
            for _ in range(5):
                assert node.ask("echo/v2", [("echo", "b")]).status == 200
            assert node.ask("echo/v2", [("echo", "b")], method="POST").status == 503
            deadline = time.monotonic() + 60
            while node.ask("echo/v2", [("echo", "b")], method="POST").status == 503:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            # Nobody is left hanging: the first were hung up on, the others refused.
            assert sorted(plug.recv(12) for plug in held) == [b"", b"", *[b"HTTP/1.1 503"] * 4]

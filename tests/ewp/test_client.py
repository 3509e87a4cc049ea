"""Every way a call can end, against a real server that misbehaves as it is told."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tests.cast import account, institution
from tests.ewp import catalogues
from tests.ewp import partner as partners
from tests.ewp.partner import (
    XML,
    Authority,
    Opened,
    Partner,
    Script,
    answers,
    in_catalogue,
    signed,
    wire,
)
from vaihto.ewp import client, exchanges, keys, outcomes, registry
from vaihto.ewp.client import Answer
from vaihto.ewp.models import Catalogue, Exchange, Host, HostKey, Key
from vaihto.ewp.protocol import httpsig, xml
from vaihto.ewp.protocol.api import Api, Endpoint, Reading
from vaihto.ewp.protocol.errors import ErrorResponse
from vaihto.ewp.protocol.http import Parameters, Request, Response
from vaihto.ewp.protocol.types import Read
from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import Announcement
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.people.access import actor_of

URL = "https://127.0.0.1:9/catalogue-v1.xml"  # nobody listens there
NAMESPACE = "https://example.org/things/v1"
THINGS = b'<things xmlns="https://example.org/things/v1"><thing>one</thing></things>'
API = Api(
    element="things",
    repository="ewp-specs-api-things",
    major=1,
    version="1.2.0",
    says="Things for tests.",
    endpoints=(
        Endpoint("url", "things/v1"),
        Endpoint("stats-url", "things/v1/stats", Reading.GET),
        Endpoint("cnr-url", "things/v1/cnr", Reading.POST_FORM),
        Endpoint("update-url", "things/v1/update", Reading.POST_XML),
    ),
    limits=(("max-thing-ids", 3),),
)
VALE = "vale.example"


def things(document: bytes) -> Read[tuple[str, ...]]:
    """Reads a list of things, which must have one."""
    root = xml.parse(document)
    if not root.is_a("things", NAMESPACE):
        raise xml.MalformedXml("The root is not things.")
    root.child("thing")
    return Read(root.texts("thing"), ("/things/colour is missing.",) if root.find("gap") else ())


@dataclass
class World:
    """One hosted institution with a key, and one partner in the catalogue."""

    home: Institution
    partner: Partner
    host: Host

    def call(self, **more: Any) -> Answer[tuple[str, ...]]:
        facts: dict[str, Any] = {
            "institution": self.home,
            "partner": VALE,
            "api": API,
            "actor": Actor.system(),
            "now": dt.datetime.now(dt.UTC),
            "read": things,
            **more,
        }
        return client.call(**facts)

    def answer_to(self, script: Script | bytes, **more: Any) -> Answer[tuple[str, ...]]:
        self.partner.script = script if callable(script) else answers(script)
        return self.call(**more)


@pytest.fixture
def world(db: None, opened: Opened, settings: Any) -> World:
    settings.CATALOGUE_URL = URL
    keys.forget()
    registry.forget()
    home = institution("home.example")
    partners.own_key(home, since=dt.datetime.now(dt.UTC) - dt.timedelta(days=30))
    partner = opened()
    host = in_catalogue(
        URL,
        hei_id=VALE,
        apis=[(API, {each.name: f"{partner.url}/ewp/{each.path}" for each in API.endpoints})],
    )
    return World(home, partner, host)


def ended(answer: Answer[Any]) -> tuple[str, str, bool]:
    """Code, blame, whether it can be repeated; and the sentences are whole."""
    outcome = answer.outcome
    for sentence in (outcome.sentence, outcome.remedy):
        assert "…" not in outcomes.filled(sentence, outcome.facts)
    return outcome.code, str(outcome.blame), outcome.repeatable


# --- It goes well ------------------------------------------------------------------------------


def test_a_good_answer_is_read_and_kept_byte_for_byte(world: World) -> None:
    answer = world.answer_to(THINGS, parameters=[("thing_id", "a b+c"), ("thing_id", "ä")])

    assert (answer.outcome.code, answer.message, answer.signature) == ("ok", ("one",), "verified")
    [sent] = world.partner.received
    assert sent.target == "/ewp/things/v1?thing_id=a%20b%2Bc&thing_id=%C3%A4"
    kept = Exchange.objects.get()
    assert answer.exchange == kept
    assert exchanges.read(kept)[0] == sent
    received = exchanges.read(kept)[1]
    assert received is not None
    assert (received.status, received.body) == (200, THINGS)
    assert (kept.direction, kept.institution, kept.partner, kept.api, kept.version, kept.endpoint) == (
        "out", world.home, VALE, "things", "1.2.0", "url",
    )  # fmt: skip
    assert (kept.url, kept.status, kept.signature, kept.outcome, kept.blame) == (
        f"{world.partner.url}/ewp/things/v1", 200, "verified", "ok", "",
    )  # fmt: skip


def test_the_request_is_signed_by_the_acting_institution_and_a_server_would_take_it(
    world: World,
) -> None:
    world.answer_to(THINGS)

    [sent] = world.partner.received
    own = Key.objects.get()

    class Known:
        public = own.public
        hei_ids = (world.home.hei_id,)
        signs_requests = True

    verified = httpsig.verify_request(
        sent,
        find_key=lambda key_id: Known if key_id == own.fingerprint else None,
        hosts={f"127.0.0.1:{world.partner.port}"},
        now=dt.datetime.now(dt.UTC),
    )
    names = {name.lower() for name, _value in verified.request.headers}
    assert {"host", "accept-signature", "want-digest", "accept-encoding"} <= names
    assert sent.header("accept-signature") == "rsa-sha256"


def test_many_parameters_go_as_a_form_and_few_in_the_address(world: World) -> None:
    many = [("thing_id", f"{number:036}") for number in range(100)]

    world.answer_to(THINGS, parameters=many[:1])
    world.answer_to(THINGS, parameters=many)

    short, long = world.partner.received
    assert (short.method, long.method, long.query) == ("GET", "POST", "")
    assert long.header("content-type") == "application/x-www-form-urlencoded"
    assert Parameters.read(long.body).pairs == tuple(many)


@pytest.mark.parametrize(
    ("endpoint", "method", "more"),
    [
        ("stats-url", "GET", {}),
        ("cnr-url", "POST", {"parameters": [("thing_id", "1")]}),
        ("update-url", "POST", {"document": b"<update/>"}),
    ],
)
def test_the_method_is_the_one_of_the_endpoint(
    world: World, endpoint: str, method: str, more: dict[str, Any]
) -> None:
    assert world.answer_to(THINGS, endpoint=endpoint, **more).is_good

    [sent] = world.partner.received
    assert sent.method == method
    if endpoint == "update-url":
        assert (sent.body, sent.header("content-type")) == (b"<update/>", "application/xml")


def test_an_address_that_has_a_query_keeps_it(world: World) -> None:
    api = world.host.apis.get()
    api.urls = {"url": f"{world.partner.url}/ewp?tenant=7"}
    api.save()

    assert world.answer_to(THINGS, parameters=[("thing_id", "1")]).is_good
    assert world.partner.received[0].target == "/ewp?tenant=7&thing_id=1"


def test_a_packed_answer_is_unpacked_after_it_was_verified(world: World) -> None:
    packed = answers(gzip.compress(THINGS), headers=(*XML, ("Content-Encoding", "gzip")))

    assert world.answer_to(packed).message == ("one",)


def test_headers_that_nobody_signed_are_dropped(world: World) -> None:
    def script(request: Request) -> bytes:
        response = signed(request, Response(200, XML, THINGS), now=dt.datetime.now(dt.UTC))
        return wire(replace(response, headers=(*response.headers, ("X-Forged", "yes"))))

    answer = world.answer_to(script)

    assert (answer.is_good, answer.header("X-Forged"), answer.header("Content-Type")) == (
        True, None, "application/xml; charset=utf-8",
    )  # fmt: skip


def test_what_is_missing_in_a_message_is_noted_and_the_rest_is_taken(world: World) -> None:
    answer = world.answer_to(THINGS.replace(b"<thing>", b"<gap/><thing>"))

    assert (answer.message, answer.problems) == (("one",), ("/things/colour is missing.",))
    assert Exchange.objects.get().facts["problems"] == "/things/colour is missing."


def test_an_unchanged_document_is_told_by_its_tag(world: World) -> None:
    answer = world.answer_to(answers(b"", status=304, headers=()), etag='"7"')

    assert (answer.outcome.code, answer.is_good) == ("not-modified", True)
    [sent] = world.partner.received
    assert sent.header("if-none-match") == '"7"'
    assert "if-none-match" in (sent.header("authorization") or "")


def test_not_modified_that_nobody_asked_for_is_no_answer(world: World) -> None:
    assert world.answer_to(answers(b"", status=304, headers=())).outcome.code == "unexpected-status"


def test_a_person_who_calls_stands_in_the_journal_and_the_program_does_not(world: World) -> None:
    world.answer_to(THINGS)
    assert not Entry.objects.filter(verb="called a partner").exists()

    olli = account("olli", is_operator=True)
    world.answer_to(THINGS, actor=actor_of(olli, today=dt.date(2026, 11, 20)))

    assert Entry.objects.get(verb="called a partner").account_id == olli.pk


# --- Whom to call, and how ---------------------------------------------------------------------


def test_an_anonymous_entry_is_asked_without_a_signature(world: World) -> None:
    world.host.apis.update(client_auth=["anonymous"], server_auth=["tlscert"])

    answer = world.answer_to(lambda _request: wire(Response(200, XML, THINGS)))

    assert (answer.is_good, answer.signature) == (True, "unsigned")
    assert world.partner.received[0].header("authorization") is None
    assert world.partner.received[0].header("accept-signature") is None


def test_an_anonymous_question_can_have_a_signed_answer(world: World) -> None:
    world.host.apis.update(client_auth=["anonymous"])

    assert world.answer_to(THINGS).signature == "verified"


def test_the_number_of_another_request_is_noticed_without_signatures_too(world: World) -> None:
    world.host.apis.update(client_auth=["anonymous"], server_auth=["tlscert"])
    other = (*XML, ("X-Request-Id", "b1c0ffee-5a5a-4d4d-8f8f-0123456789ab"))

    answer = world.answer_to(lambda _request: wire(Response(200, other, THINGS)))

    assert answer.outcome.code == "other-request-id"


def test_of_several_hosts_the_usable_one_with_the_highest_version_is_called(
    world: World, opened: Opened
) -> None:
    newest, unusable = opened(answers(THINGS)), opened(answers(THINGS))
    for each, version, auth in ((newest, "1.10.0", "httpsig"), (unusable, "1.11.0", "tlscert")):
        in_catalogue(
            URL,
            hei_id=VALE,
            apis=[(replace(API, version=version), {"url": each.url})],
            client_auth=[auth],
        )

    answer = world.answer_to(THINGS)

    assert answer.entry is not None
    assert (answer.entry.stated_version, len(newest.received), unusable.received) == (
        "1.10.0",
        1,
        [],
    )


def test_batches_are_as_large_as_the_partner_announces(world: World) -> None:
    world.partner.script = answers(THINGS)

    found = list(
        client.call_in_batches(
            institution=world.home,
            partner=VALE,
            api=API,
            name="thing_id",
            values=[str(number) for number in range(7)],
            limit="max-thing-ids",
            parameters=[("hei_id", VALE)],
            actor=Actor.system(),
            now=dt.datetime.now(dt.UTC),
            read=things,
        )
    )

    asked = [Parameters.read(each.query) for each in world.partner.received]
    assert [each.all("thing_id") for each in asked] == [("0", "1", "2"), ("3", "4", "5"), ("6",)]
    assert {each.all("hei_id") for each in asked} == {(VALE,)}
    assert [answer.message for answer in found] == [("one",)] * 3


def test_batches_end_with_the_first_failure(world: World) -> None:
    world.partner.script = answers(b"", status=500)

    found = list(
        client.call_in_batches(
            institution=world.home, partner=VALE, api=API, name="thing_id", values=list("abcdefg"),
            limit="max-thing-ids", actor=Actor.system(), now=dt.datetime.now(dt.UTC), read=things,
        )
    )  # fmt: skip

    assert [answer.outcome.code for answer in found] == ["partner-failed"]


def test_before_anything_is_sent(world: World, settings: Any) -> None:
    nowhere = world.call(partner="nowhere.example")
    assert ended(nowhere) == ("not-in-catalogue", "theirs", True)
    assert nowhere.exchange is None

    assert ended(world.call(api=replace(API, major=2))) == ("other-version", "theirs", False)
    assert "1.2.0" in str(world.call(api=replace(API, major=2)).outcome)

    with_more = replace(API, endpoints=(*API.endpoints, Endpoint("get-url", "get")))
    assert ended(world.call(api=with_more, endpoint="get-url")) == (
        "endpoint-missing",
        "theirs",
        True,
    )

    assert ended(world.call(institution=institution("keyless.example"))) == (
        "own-key-missing",
        "ours",
        True,
    )

    world.host.apis.update(client_auth=["tlscert"])
    registry.forget()
    assert ended(world.call()) == ("security-unusable", "theirs", True)

    world.host.apis.update(client_auth=["httpsig"], urls={"url": "http://127.0.0.1/"})
    registry.forget()
    assert ended(world.call()) == ("address-unusable", "theirs", True)

    world.host.apis.update(urls={"url": "https://10.0.0.1/"})
    settings.ALLOW_PRIVATE_ADDRESSES = False
    registry.forget()
    assert ended(world.call()) == ("address-private", "theirs", True)
    assert Exchange.objects.get().answer == b""  # the request was made, and did not leave

    Catalogue.objects.update(expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=6))
    registry.forget()
    assert ended(world.call()) == ("catalogue-too-old", "ours", True)

    Catalogue.objects.all().delete()
    registry.forget()
    assert ended(world.call()) == ("no-catalogue", "ours", True)
    assert world.partner.received == []


# --- The wire breaks ---------------------------------------------------------------------------


def closing(*pieces: bytes) -> Script:
    def script(_request: Request) -> Iterator[bytes]:
        yield from pieces
        raise OSError

    return script


def test_nobody_there(world: World) -> None:
    world.partner.close()

    answer = world.call()

    assert ended(answer) == ("connection-refused", "theirs", True)
    assert str(world.partner.port) in str(answer.outcome)
    assert Exchange.objects.get().status is None


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        (closing(b""), ("connection-closed", "theirs", True)),
        (
            closing(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<thi"),
            ("answer-cut-short", "theirs", True),
        ),
        (closing(b"\x15\x03\x03 something else\r\n\r\n"), ("not-http", "theirs", True)),
    ],
)
def test_an_answer_that_breaks(
    world: World, script: Script, verdict: tuple[str, str, bool]
) -> None:
    assert ended(world.answer_to(script)) == verdict
    assert len(exchanges.read(Exchange.objects.get())[0].headers) > 5


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({"valid_until": -dt.timedelta(hours=1)}, ("certificate-expired", "theirs", True)),
        ({"host": "elsewhere.example"}, ("certificate-wrong-host", "theirs", True)),
    ],
)
def test_a_certificate_that_is_not_good(
    world: World, trusted: Authority, facts: dict[str, Any], verdict: tuple[str, str, bool]
) -> None:
    world.partner.context = trusted.context(**facts)

    assert (ended(world.call()), world.partner.received) == (verdict, [])


def test_silence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.transport.Limits, "read_seconds", 0.2)
    limits = client.transport.Limits
    monkeypatch.setattr(
        client.transport, "Limits", lambda **facts: limits(**{**facts, "read_seconds": 0.2})
    )

    def wait(_request: Request) -> Iterator[bytes]:
        world.partner.stopped.wait(60)
        yield b""

    assert ended(world.answer_to(wait)) == ("timeout", "theirs", True)


@pytest.mark.parametrize("packed", [False, True])
def test_a_huge_answer_or_bomb(world: World, settings: Any, packed: bool) -> None:
    settings.EWP_ANSWER_LIMIT_BYTES = 1024 * 1024
    body = b"<things>" + b" " * 20_000_000
    headers = (*XML, ("Content-Encoding", "gzip")) if packed else XML

    answer = world.answer_to(answers(gzip.compress(body) if packed else body, headers=headers))

    assert ended(answer) == ("answer-too-large", "theirs", False)
    assert "1 MB" in str(answer.outcome)
    assert (answer.body, Exchange.objects.get().answer_bytes < 200_000) == (b"", True)


@pytest.mark.parametrize(
    ("coding", "body", "verdict"),
    [
        ("br", THINGS, ("unknown-encoding", "theirs", False)),
        ("gzip", gzip.compress(THINGS, mtime=0)[:-9], ("broken-encoding", "theirs", True)),
    ],
    ids=["unknown coding", "cut short"],
)
def test_packing_that_cannot_be_undone(
    world: World, coding: str, body: bytes, verdict: tuple[str, str, bool]
) -> None:
    assert (
        ended(world.answer_to(answers(body, headers=(*XML, ("Content-Encoding", coding)))))
        == verdict
    )


# --- The partner refuses -----------------------------------------------------------------------


def refusal(status: int, message: str = "", *, sign: bool = True) -> Script:
    body = ErrorResponse(message).write() if message else b"<html>Oops</html>"
    body = b"" if status == 204 else body
    if sign:
        return answers(body, status=status)
    return lambda _request: wire(Response(status, XML, body))


@pytest.mark.parametrize(
    ("status", "message", "verdict"),
    [
        (301, "", ("redirect", "theirs", False)),
        (307, "", ("redirect", "theirs", False)),
        (204, "", ("unexpected-status", "theirs", False)),
        (400, "Parameter thing_id is missing.", ("bad-request", "ours", False)),
        (401, "The signature is wrong.", ("signature-refused", "ours", False)),
        (403, "Unknown key.", ("signature-refused", "ours", False)),
        (403, "You are no partner.", ("not-allowed", "ours", False)),
        (404, "", ("nothing-there", "theirs", False)),
        (405, "GET is not supported.", ("method-refused", "theirs", False)),
        (409, "Somebody changed it.", ("conflict", "ours", False)),
        (413, "", ("bad-request", "ours", False)),
        (429, "", ("slow-down", "ours", True)),
        (500, "", ("partner-failed", "theirs", True)),
        (502, "", ("partner-failed", "theirs", True)),
        (503, "Maintenance.", ("partner-unavailable", "theirs", True)),
    ],
)
@pytest.mark.parametrize("sign", [True, False])
def test_a_status_other_than_success(
    world: World, status: int, message: str, verdict: tuple[str, str, bool], sign: bool
) -> None:
    answer = world.answer_to(refusal(status, message, sign=sign))

    assert ended(answer) == verdict
    assert answer.outcome.facts["status"] == status
    assert message in str(answer.outcome) or status in {409, 405}
    assert answer.signature == ("verified" if sign else "unsigned")


def test_a_key_that_is_an_hour_old_may_not_be_known_yet(world: World) -> None:
    Key.objects.update(created_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))

    answer = world.answer_to(refusal(403, "Unknown key."))

    assert ended(answer) == ("key-not-known-yet", "ours", True)


def test_an_address_of_a_person_in_a_message_is_not_kept(world: World) -> None:
    answer = world.answer_to(refusal(400, "Ask jane.doe@vale.example about " + "x" * 5000))

    kept = Exchange.objects.get().facts["message"]
    assert ("jane" in kept, len(kept) <= 600, "Ask …@… about" in kept) == (False, True, True)
    assert "jane" not in str(answer.outcome)


# --- The answer is not proven ------------------------------------------------------------------


def changed(change: Callable[[Request, Response], Response]) -> Script:
    """A right answer, changed after it was signed."""

    def script(request: Request) -> bytes:
        response = signed(request, Response(200, XML, THINGS), now=dt.datetime.now(dt.UTC))
        return wire(change(request, response))

    return script


def resigned(
    change: Callable[[Request], Response], *, by: str = "partner", minutes: int = 0
) -> Script:
    """A wrong answer that is signed rightly."""

    def script(request: Request) -> bytes:
        moment = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
        return wire(httpsig.sign_response(change(request), signer=partners.signer(by), now=moment))

    return script


def _echoed(request: Request, **other: str) -> Response:
    named = {name.lower(): value for name, value in httpsig.echoed(request)}
    named |= {name.replace("_", "-"): value for name, value in other.items()}
    return Response(200, (*XML, *((name, value) for name, value in named.items() if value)), THINGS)


def _without(response: Response, name: str) -> Response:
    kept = tuple(pair for pair in response.headers if pair[0].lower() != name)
    return replace(response, headers=kept)


def _with(response: Response, name: str, value: str) -> Response:
    return replace(
        _without(response, name), headers=(*_without(response, name).headers, (name, value))
    )


def _other_algorithm(_request: Request, response: Response) -> Response:
    stated = response.header("signature") or ""
    return _with(response, "signature", stated.replace("rsa-sha256", "hs2019"))


UNPROVEN: list[tuple[str, Script, str]] = [
    ("no signature at all", lambda _request: wire(Response(200, XML, THINGS)), "unsigned"),
    ("signature left out", changed(lambda _q, a: _without(a, "signature")), "unsigned"),
    ("garbled parameters", changed(lambda _q, a: _with(a, "signature", "keyId=")), "malformed-signature"),
    ("another algorithm", changed(_other_algorithm), "wrong-algorithm"),
    ("request signature not repeated", resigned(lambda q: _echoed(q, x_request_signature="")), "not-covered"),
    ("request number not repeated", resigned(lambda q: _echoed(q, x_request_id="")), "other-request-id"),
    ("another request's signature", resigned(lambda q: _echoed(q, x_request_signature="QUJD")), "other-request"),
    ("a signed header left out", changed(lambda _q, a: _without(a, "content-type")), "absent-header"),
    ("a signed header changed", changed(lambda _q, a: _with(a, "content-type", "text/html")), "bad-signature"),
    ("the content changed", changed(lambda _q, a: replace(a, body=THINGS.replace(b"one", b"two"))), "bad-digest"),
    ("packed after signing", changed(lambda _q, a: replace(a, body=gzip.compress(a.body))), "bad-digest"),
    ("six minutes late", resigned(_echoed, minutes=-6), "clock"),
    ("six minutes early", resigned(_echoed, minutes=6), "clock"),
    ("a date nobody reads", changed(lambda _q, a: _with(a, "date", "today")), "bad-date"),
    ("a key nobody knows", resigned(_echoed, by="stranger"), "unknown-key"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "code"), [each[1:] for each in UNPROVEN], ids=[each[0] for each in UNPROVEN]
)
def test_an_answer_that_is_not_proven_is_not_used(world: World, script: Script, code: str) -> None:
    answer = world.answer_to(script)

    assert ended(answer)[:2] == (code, "theirs")
    assert (answer.message, answer.body, answer.signature) == (None, b"", code)
    assert Exchange.objects.get().outcome == code


def test_the_key_of_another_host_proves_nothing(world: World) -> None:
    other = in_catalogue(URL, hei_id="other.example", apis=[], server_keys=["other"])
    HostKey.objects.filter(host=other).update(purpose="client")
    other.keys.create(
        purpose="server",
        fingerprint=partners.signer("third").key_id,
        public=partners.public_of(partners.signer("third").private),
    )

    for word in ("other", "third"):
        answer = world.answer_to(resigned(_echoed, by=word))
        assert ended(answer) == ("key-of-another", "theirs", True)
        assert partners.signer(word).key_id in str(answer.outcome)


def test_a_key_that_was_changed_just_now_is_learnt_before_the_answer_is_thrown_away(
    world: World, opened: Opened, settings: Any
) -> None:
    newer = partners.signer("newer")
    said = catalogues.Said(
        heis=[VALE],
        apis=[catalogues.api("things", version="1.2.0", url=f"{world.partner.url}/ewp/things/v1")],
        server=["a word"],
    )
    document = catalogues.catalogue(
        said, binaries={newer.key_id: partners.public_of(newer.private)}
    )
    listed = f'<r:rsa-public-key sha-256="{catalogues.fingerprint("a word")}"/>'.encode()
    document = document.replace(
        listed, listed.replace(catalogues.fingerprint("a word").encode(), newer.key_id.encode())
    )
    registry_host = opened(lambda _request: wire(Response(200, XML, document)))
    Catalogue.objects.update(url=f"{registry_host.url}/catalogue-v1.xml")
    settings.CATALOGUE_URL = f"{registry_host.url}/catalogue-v1.xml"

    assert world.answer_to(resigned(_echoed, by="newer")).is_good
    assert ended(world.answer_to(resigned(_echoed)))[0] == "unknown-key"
    assert len(registry_host.received) == 1


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b"", ("not-xml", "theirs", True)),
        (b"<things", ("not-xml", "theirs", True)),
        (b"<!DOCTYPE t [<!ENTITY x 'y'>]><things/>", ("not-xml", "theirs", True)),
        (b"<html/>", ("other-document", "theirs", True)),
        (ErrorResponse("no").write(), ("other-document", "theirs", True)),
        (THINGS.replace(b"thing>", b"thong>"), ("message-incomplete", "theirs", True)),
    ],
)
def test_a_document_that_cannot_be_understood(
    world: World, body: bytes, verdict: tuple[str, str, bool]
) -> None:
    answer = world.answer_to(body)

    assert (ended(answer), answer.message) == (verdict, None)


# --- Any byte ----------------------------------------------------------------------------------


@pytest.fixture
def proven(world: World) -> tuple[World, Request, Response]:
    """A request that was sent, and the answer that is right for it."""
    assert world.answer_to(THINGS).is_good
    sent = world.partner.received[0]
    response = signed(sent, Response(200, XML, THINGS), now=dt.datetime.now(dt.UTC))
    return world, sent, response


def _refused(world: World, sent: Request, response: Response) -> bool:
    entry = registry.entries(VALE, "things")[0]
    try:
        httpsig.verify_response(
            response,
            request=sent,
            find_key=lambda fingerprint: registry.may_sign_answer(entry, fingerprint),
            now=dt.datetime.now(dt.UTC),
        )
    except httpsig.AnswerRefused:
        return True
    return False


@profile(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(place=st.integers(0), byte=st.integers(1, 255))
def test_an_answer_with_any_byte_changed_is_refused(
    proven: tuple[World, Request, Response], place: int, byte: int
) -> None:
    world, sent, response = proven
    body = bytearray(response.body)
    body[place % len(body)] ^= byte

    assert _refused(world, sent, replace(response, body=bytes(body)))


@profile(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    which=st.integers(0),
    place=st.integers(0),
    letter=st.characters(min_codepoint=33, max_codepoint=126),
)
def test_an_answer_with_any_letter_of_a_signed_header_changed_is_refused(
    proven: tuple[World, Request, Response], which: int, place: int, letter: str
) -> None:
    world, sent, response = proven
    named = [
        number for number, pair in enumerate(response.headers) if pair[0].lower() != "signature"
    ]
    number = named[which % len(named)]
    name, value = response.headers[number]
    place %= len(value)
    other = value[:place] + letter + value[place + 1 :]
    if other == value:
        return
    headers = list(response.headers)
    headers[number] = (name, other)

    assert _refused(world, sent, replace(response, headers=tuple(headers)))


def test_an_answer_with_any_signed_header_dropped_is_refused(
    proven: tuple[World, Request, Response],
) -> None:
    world, sent, response = proven

    names: Iterable[str] = {name.lower() for name, _value in response.headers}
    assert {name for name in names if not _refused(world, sent, _without(response, name))} == set()


# --- What is told ------------------------------------------------------------------------------


def test_a_failure_is_announced_once_unless_it_is_a_trial(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[dict[str, Any]] = []
    silent = Announcement(client.FAILED.name, client.FAILED.fields)
    silent._listeners.append(lambda **facts: heard.append(facts))
    monkeypatch.setattr(client, "FAILED", silent)

    world.answer_to(THINGS)
    world.answer_to(refusal(500, "Out of paper."), report=False)
    assert heard == []

    world.answer_to(refusal(500, "Out of paper."))

    [facts] = heard
    assert (facts["partner"], facts["status"], facts["message"], facts["outcome"].code) == (
        VALE, 500, "Out of paper.", "partner-failed",
    )  # fmt: skip


def test_the_log_names_no_parameter(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        world.answer_to(THINGS, parameters=[("thing_id", "leakable-7")])
        world.answer_to(refusal(400, "Not leakable-7."), parameters=[("thing_id", "leakable-7")])

    own = [record for record in caplog.records if record.name.startswith("vaihto")]
    assert [record.getMessage() for record in own] == ["partner called", "call to partner failed"]
    assert "leakable-7" not in "".join(str(vars(record)) for record in own)


def test_every_ending_has_a_sentence_whose_facts_are_plain_names() -> None:
    for ending in outcomes.TABLE.values():
        filled = outcomes.filled(ending.sentence, {})
        assert filled.strip()
        assert "%" not in filled
        assert outcomes.filled(ending.remedy, {}) == ending.remedy
        assert bool(ending.remedy) == (
            ending.blame != "" or ending.code not in {"ok", "not-modified"}
        )
        assert len(ending.code) <= 40

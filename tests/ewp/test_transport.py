"""Whom we connect to, and how a wire can break. No EWP in here."""

from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import socket
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.ewp.partner import Authority, Opened, Partner, authority, wire
from vaihto.ewp import transport
from vaihto.ewp.outcomes import TABLE
from vaihto.ewp.protocol.http import Request, Response
from vaihto.ewp.transport import Broken, Limits

PATIENT = Limits(connect_seconds=60, read_seconds=60, total_seconds=120, answer_bytes=64 * 1024)


def broken_by(partner: Partner, limits: Limits = PATIENT, url: str = "") -> Broken:
    with pytest.raises(Broken) as caught:
        transport.fetch(url or f"{partner.url}/", limits=limits)
    assert caught.value.code in TABLE
    return caught.value


# --- Addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "192.0.2.1",
        "198.18.0.1", "240.0.0.1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_inside_is_not_public(address: str) -> None:
    assert transport.is_public(ipaddress.ip_address(address)) is False


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "193.166.3.2", "2001:708::1", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert transport.is_public(ipaddress.ip_address(address)) is True


@pytest.mark.parametrize(
    "url",
    [
        "http://partner.example/", "ftp://partner.example/", "https:///x", "https://user@partner.example/",
        "https://user:word@partner.example/", "https://partner.example/#part", "https://partner.example:99999/",
        "https://partner .example/", "https://partner.example/a b", "https://partner.example/\r\nHost: x",
        "//partner.example/", "partner.example", "", "https://[::1/", "https://partner.example\\@inside/",
    ],
)  # fmt: skip
def test_only_a_plain_https_address_is_called(url: str) -> None:
    with pytest.raises(Broken) as caught:
        transport.place(url)

    assert caught.value.code == "address-unusable"


def test_credentials_of_an_address_are_not_repeated() -> None:
    with pytest.raises(Broken) as caught:
        transport.place("https://user:word@partner.example/")

    assert "word" not in str(caught.value.facts)


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://Partner.Example/ewp?x=1", "partner.example", "/ewp?x=1"),
        ("https://partner.example:443", "partner.example", "/"),
        ("https://partner.example.:8443/a%2Fb", "partner.example:8443", "/a%2Fb"),
        ("https://[2001:708::1]:8443/", "[2001:708::1]:8443", "/"),
        ("https://yliopisto-äö.example/ä", "xn--yliopisto--z5a0t.example", "/%C3%A4"),
    ],
)
def test_host_and_target_are_what_goes_out(url: str, host: str, target: str) -> None:
    place = transport.place(url)

    assert (place.host_header, place.target) == (host, target)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1"])
def test_a_private_address_is_refused_before_anything_is_sent(
    opened: Opened, settings: Any, host: str
) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    partner = opened()

    broken = broken_by(partner, url=f"https://{host}:{partner.port}/")

    assert (broken.code, partner.connections) == ("address-private", 0)


def test_a_name_that_leads_inside_even_with_one_of_its_addresses_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("193.166.3.2", 443)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: rows)

    with pytest.raises(Broken) as caught:
        transport.resolve("partner.example", 443, timeout=1, allow_private=False)

    assert (caught.value.code, caught.value.facts["address"]) == ("address-private", "10.0.0.7")


def test_the_name_is_looked_up_once_and_the_checked_address_is_called(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = opened()
    asked: list[str] = []

    def look_up(host: str, port: int, *_more: Any, **_named: Any) -> list[Any]:
        asked.extend([host] if host != "127.0.0.1" else [])
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    broken = broken_by(partner, url=f"https://partner.example:{partner.port}/")

    # The certificate is for the address, so the name does not fit: but the connection was made.
    assert (broken.code, asked, partner.connections) == (
        "certificate-wrong-host",
        ["partner.example"],
        1,
    )


def test_a_silent_name_server_does_not_hold_a_call_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: ended.wait(60))

    with pytest.raises(Broken) as caught:
        transport.resolve("partner.example", 443, timeout=0.05, allow_private=False)
    ended.set()

    assert caught.value.code == "name-server-silent"


def test_an_unknown_name_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_a: Any, **_k: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    with pytest.raises(Broken) as caught:
        transport.resolve("partner.example", 443, timeout=1, allow_private=False)

    assert caught.value.code == "no-such-host"


# --- Certificates ------------------------------------------------------------------------------


def test_an_answer_over_a_trusted_certificate_comes_with_its_expiry(opened: Opened) -> None:
    received = transport.fetch(f"{opened().url}/", limits=PATIENT)

    assert received.response.body == b"hello"
    assert received.certificate_until is not None
    assert received.certificate_until > dt.datetime.now(dt.UTC) + dt.timedelta(days=29)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"valid_until": -dt.timedelta(hours=1)}, "certificate-expired"),
        ({"valid_from": dt.timedelta(hours=1)}, "certificate-not-yet-valid"),
        ({"host": "elsewhere.example"}, "certificate-wrong-host"),
        ({"host": "127.0.0.2"}, "certificate-wrong-host"),
    ],
)
def test_a_wrong_certificate_is_named(
    opened: Opened, trusted: Authority, facts: dict[str, Any], code: str
) -> None:
    partner = opened(context=trusted.context(**facts))

    assert (broken_by(partner).code, partner.received) == (code, [])


def test_an_authority_nobody_knows_is_not_believed(opened: Opened, tmp_path: Path) -> None:
    assert (
        broken_by(opened(context=authority(tmp_path).context())).code
        == "certificate-unknown-issuer"
    )


def test_a_server_without_tls_is_not_spoken_to(opened: Opened) -> None:
    partner = opened(context=None)

    assert (broken_by(partner).code, partner.received) == ("tls-failed", [])


def test_a_file_of_authorities_that_is_no_such_file_is_told(
    opened: Opened, settings: Any, tmp_path: Path
) -> None:
    settings.CA_FILE = tmp_path / "nothing.pem"

    assert broken_by(opened()).code == "ca-file-unusable"

    settings.CA_FILE.write_text("not a certificate")

    assert broken_by(opened()).code == "ca-file-unusable"


# --- Time and size -----------------------------------------------------------------------------


def test_nobody_listening_is_a_refused_connection(opened: Opened) -> None:
    partner = opened()
    partner.close()

    assert broken_by(partner).code == "connection-refused"


def test_silence_ends_after_the_time_to_read(opened: Opened) -> None:
    partner = opened()
    silent: list[bool] = []

    def wait(_request: Request) -> Iterator[bytes]:
        silent.append(True)
        partner.stopped.wait(60)
        silent.clear()
        yield b""

    partner.script = wait

    assert broken_by(partner, replace(PATIENT, read_seconds=0.4)).code == "timeout"
    assert silent, "the partner has not answered yet"


def test_one_byte_at_a_time_ends_after_the_whole_time(opened: Opened) -> None:
    partner = opened()

    whole: list[bool] = []

    def drip(_request: Request) -> Iterator[bytes]:
        for byte in wire(Response(200, (), b"x" * 1000)):
            if partner.stopped.wait(0.05):
                return
            yield bytes([byte])
        whole.append(True)

    partner.script = drip

    assert broken_by(partner, replace(PATIENT, total_seconds=2)).code == "too-slow"
    assert not whole


def test_an_endless_answer_is_cut_at_the_limit(opened: Opened) -> None:
    def flood(_request: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        for _number in range(1000):
            yield b"x" * 16384

    broken = broken_by(opened(flood))

    assert broken.code == "answer-too-large"
    assert broken.part is not None
    assert len(broken.part.body) <= 64 * 1024


def test_an_answer_that_announces_too_much_is_not_read(opened: Opened) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"

    broken = broken_by(opened(lambda _request: head))

    assert (broken.code, broken.part and broken.part.body) == ("answer-too-large", b"")


def test_endless_headers_are_no_http(opened: Opened) -> None:
    def flood(_request: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        for number in range(10_000):
            yield f"X-{number}: {'x' * 100}\r\n".encode()

    assert broken_by(opened(flood)).code == "not-http"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", "connection-closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "connection-closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "answer-cut-short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "answer-cut-short"),
    ],
)
def test_a_broken_answer_is_named(opened: Opened, said: bytes, code: str) -> None:
    def close(_request: Request) -> Iterator[bytes]:
        yield said
        raise OSError

    assert broken_by(opened(close)).code == code


def test_a_redirect_is_not_followed(opened: Opened) -> None:
    other = opened()
    partner = opened(lambda _request: wire(Response(302, (("Location", f"{other.url}/"),))))

    assert transport.fetch(f"{partner.url}/").response.status == 302
    assert other.received == []


def _keeping_open(_request: Request) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_connection_is_used_again(opened: Opened) -> None:
    partner = opened(_keeping_open)

    bodies = [transport.fetch(f"{partner.url}/{number}").response.body for number in range(3)]

    assert (bodies, partner.connections) == ([b"ok"] * 3, 1)


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(opened: Opened) -> None:
    partner = opened(_keeping_open)
    transport.fetch(f"{partner.url}/1")

    def close_second(request: Request) -> bytes:
        if request.target == "/2" and partner.connections == 1:
            raise OSError
        return _keeping_open(request)

    partner.script = close_second

    assert transport.fetch(f"{partner.url}/2").response.body == b"ok"
    assert [request.target for request in partner.received] == ["/1", "/2", "/2"]


def test_a_new_connection_that_is_closed_is_not_tried_twice(opened: Opened) -> None:
    def close(_request: Request) -> bytes:
        raise OSError

    partner = opened(close)

    assert (broken_by(partner).code, len(partner.received)) == ("connection-closed", 1)


def test_many_threads_share_the_connections_and_each_gets_its_own_answer(opened: Opened) -> None:
    def repeat(request: Request) -> bytes:
        body = request.target.encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    partner = opened(repeat)
    targets = [f"/{number}" for number in range(200)]

    def ask(target: str) -> bytes:
        return transport.fetch(f"{partner.url}{target}").response.body

    with ThreadPoolExecutor(16) as threads:
        bodies = list(threads.map(ask, targets))

    assert bodies == [target.encode() for target in targets]
    # A new one is opened only where no idle one was back in time: far fewer than requests.
    assert partner.connections < len(targets) // 2


# --- Packed content ----------------------------------------------------------------------------


def packed(body: bytes, coding: str = "gzip") -> Response:
    return Response(200, (("Content-Encoding", coding),), body)


def test_gzip_is_unpacked_also_from_several_members() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two")

    assert transport.decoded(packed(body), limit=100) == b"one two"


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (packed(gzip.compress(b"x" * 50_000_000)), "answer-too-large"),
        (packed(gzip.compress(b"x" * 99_999) + gzip.compress(b"x" * 2)), "answer-too-large"),
        (packed(gzip.compress(b"") * 5_000), "broken-encoding"),
        (packed(gzip.compress(b"hello")[:-6]), "broken-encoding"),
        (packed(b"hello"), "broken-encoding"),
        (packed(zlib.compress(b"hello"), "deflate"), "unknown-encoding"),
        (packed(b"hello", "br"), "unknown-encoding"),
        (packed(gzip.compress(b"hello"), "gzip, gzip"), "unknown-encoding"),
    ],
)
def test_what_cannot_be_unpacked_within_bounds_is_refused(response: Response, code: str) -> None:
    with pytest.raises(Broken) as caught:
        transport.decoded(response, limit=100_000)

    assert caught.value.code == code

"""Signatures: the worked examples, every check with its status and code, and what a changed byte does."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.ewp.protocol.vectors import (
    ANSWER,
    ANSWER_STRING,
    GET,
    GET_STRING,
    HOST,
    KEY_ID,
    NOW,
    POST,
    POST_STRING,
    PUBLIC,
    SECOND,
)
from vaihto.ewp.protocol import httpsig
from vaihto.ewp.protocol.dates import http_date
from vaihto.ewp.protocol.http import Request, Response

REQUEST_ID = "0e1f6d2c-7a66-4b50-9d3e-0f2a4f1c8b77"
NAMES = (httpsig.TARGET, "host", "date", "digest", "x-request-id")


@dataclass(frozen=True)
class Known:
    public: str
    hei_ids: tuple[str, ...] = ("partner.example",)
    signs_requests: bool = True


@cache
def signer() -> httpsig.Signer:
    return signer_of(rsa.generate_private_key(65537, 2048))


def signer_of(private: rsa.RSAPrivateKey) -> httpsig.Signer:
    return httpsig.Signer(httpsig.fingerprint(public_of(private)), private)


def public_of(private: rsa.RSAPrivateKey) -> str:
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


def catalogue(key_id: str) -> Known | None:
    keys = {KEY_ID: PUBLIC, signer().key_id: public_of(signer().private)}
    return Known(keys[key_id]) if key_id in keys else None


def verify(request: Request, **facts: Any) -> httpsig.Verified:
    return httpsig.verify_request(
        request, **{"find_key": catalogue, "hosts": {HOST}, "now": NOW, **facts}
    )


def refused(request: Request, **facts: Any) -> tuple[int, str]:
    with pytest.raises(httpsig.SignatureRefused) as caught:
        verify(request, **facts)
    assert caught.value.body.developer
    return caught.value.status, caught.value.code


def put(message: Any, name: str, value: str | None) -> Any:
    """The message with another value of a header, or without the header."""
    headers = tuple(pair for pair in message.headers if pair[0].lower() != name.lower())
    return replace(message, headers=headers if value is None else (*headers, (name, value)))


def unsigned(**changes: str | None) -> Request:
    """A request that lacks nothing but its `Authorization`."""
    headers = {
        "Host": HOST,
        "Date": http_date(NOW),
        "Digest": httpsig.digest(b""),
        "X-Request-Id": REQUEST_ID,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return Request(
        "GET", "/ewp/x?a=%41", tuple((name, value) for name, value in headers.items() if value)
    )


def signed(request: Request, names: tuple[str, ...] = NAMES) -> Request:
    return httpsig.sign_as_is(request, signer=signer(), names=names)


# The worked examples


@pytest.mark.parametrize(
    ("message", "names", "text", "length"),
    [
        (GET, "(request-target) host date digest x-request-id", GET_STRING, 229),
        (
            POST,
            "(request-target) host content-type original-date digest x-request-id accept-signature want-digest",
            POST_STRING,
            316,
        ),
        (
            ANSWER,
            "content-type original-date digest x-request-id x-request-signature",
            ANSWER_STRING,
            567,
        ),
    ],
)
def test_the_signing_strings_of_the_examples(
    message: Any, names: str, text: bytes, length: int
) -> None:
    method, target = getattr(message, "method", ""), getattr(message, "target", "")
    made = httpsig.signing_string(names.split(), message.headers, method=method, target=target)
    assert (made, len(made)) == (text, length)


def test_the_key_id_is_the_hash_of_the_public_key_in_its_der_form() -> None:
    assert httpsig.fingerprint(PUBLIC) == KEY_ID


def test_the_signed_get_verifies_and_keeps_only_signed_headers() -> None:
    verified = verify(put(GET, "Accept-Encoding", "gzip"))
    assert (verified.key_id, verified.hei_ids) == (KEY_ID, ("partner.example",))
    assert verified.request_id == "7f3d2c1e-0b5a-4c8e-9a61-2d4f6e8b0c13"
    assert [name for name, _ in verified.request.headers] == [
        "Host", "Date", "Digest", "X-Request-Id", "Authorization"
    ]  # fmt: skip


def test_the_signed_post_verifies_and_loses_its_unsigned_length() -> None:
    verified = verify(POST)
    assert verified.request.header("content-length") is None
    assert verified.request.header("content-type") == "application/x-www-form-urlencoded"
    assert verified.request.body == POST.body


def test_the_signed_answer_verifies_and_keeps_only_signed_headers() -> None:
    answer = httpsig.verify_response(
        ANSWER, request=POST, find_key=lambda key_id: {KEY_ID: PUBLIC}.get(key_id), now=NOW
    )
    assert answer.header("content-length") is None
    assert answer.header("content-type") == "application/xml; charset=utf-8"
    assert answer.body == ANSWER.body


def test_a_changed_body_byte_is_a_wrong_digest() -> None:
    assert refused(replace(POST, body=POST.body[:-1] + b"z")) == (400, "bad-digest")


def test_another_host_is_a_wrong_signature() -> None:
    other = "other.example"
    assert refused(put(GET, "Host", other), hosts={other}) == (400, "bad-signature")


@pytest.mark.parametrize("seconds", [-301, 301])
def test_five_minutes_and_a_second_are_too_many(seconds: int) -> None:
    assert refused(GET, now=NOW + timedelta(seconds=seconds)) == (400, "clock")


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_are_borne(seconds: int) -> None:
    assert verify(GET, now=NOW + timedelta(seconds=seconds)).hei_ids == ("partner.example",)


def test_a_decoded_target_does_not_verify() -> None:
    request = signed(unsigned())
    assert verify(request).request.target == "/ewp/x?a=%41"
    assert refused(replace(request, target="/ewp/x?a=A")) == (400, "bad-signature")


# The checks in their order


@pytest.mark.parametrize(
    "authorization", [None, "", "Basic abc", "Bearer x", "Signatur keyId=x", "Signature-x y"]
)
def test_1_without_a_signature_there_is_a_challenge(authorization: str | None) -> None:
    with pytest.raises(httpsig.SignatureRefused) as caught:
        verify(put(GET, "Authorization", authorization))
    assert (caught.value.status, caught.value.code) == (401, "unsigned")
    assert caught.value.headers == (
        ("WWW-Authenticate", 'Signature realm="EWP"'),
        ("Want-Digest", "SHA-256"),
    )


def test_1_where_anybody_may_read_an_unsigned_request_passes_as_it_is() -> None:
    request = put(GET, "Authorization", None)
    verified = verify(request, anonymous=True)
    assert (verified.is_anonymous, verified.hei_ids, verified.request) == (True, (), request)


def test_1_where_anybody_may_read_a_wrong_signature_is_still_refused() -> None:
    assert refused(replace(POST, body=b"x"), anonymous=True) == (400, "bad-digest")
    assert refused(put(GET, "Authorization", "Basic x"), anonymous=True) == (401, "unsigned")


def test_the_scheme_word_is_compared_without_case() -> None:
    authorization = GET.header("authorization") or ""
    assert not verify(put(GET, "Authorization", "sIgNaTuRe" + authorization[9:])).is_anonymous


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "x",
        'keyId="a"',
        'keyId="a",algorithm="rsa-sha256"',
        'keyId="",algorithm="rsa-sha256",signature="x"',
        'keyId="a",algorithm="rsa-sha256",signature="x',
        'keyId="a",keyId="b",algorithm="rsa-sha256",signature="x"',
        'keyId="a";algorithm="rsa-sha256";signature="x"',
        'keyId="a" algorithm="rsa-sha256" signature="x"',
        'keyId="a",algorithm="rsa-sha256",signature="x",,',
        'keyId="a",algorithm="rsa-sha256",signature="x", Signature keyId="a"',
    ],
)
def test_2_parameters_that_cannot_be_understood(parameters: str) -> None:
    assert refused(put(GET, "Authorization", f"Signature {parameters}")) == (
        400,
        "malformed-signature",
    )


def test_2_order_blanks_and_unknown_parameters_do_not_matter() -> None:
    request = signed(unsigned())
    parameters = (request.header("authorization") or "").removeprefix("Signature ").split(",")
    written = 'created=1402170695, expires="x" , ' + " , ".join(reversed(parameters))
    assert not verify(put(request, "Authorization", f"Signature   {written}")).is_anonymous


@pytest.mark.parametrize("algorithm", ["hs2019", "rsa-sha1", "RSA-SHA256", "hmac-sha256"])
def test_3_another_algorithm(algorithm: str) -> None:
    changed = (GET.header("authorization") or "").replace("rsa-sha256", algorithm)
    assert refused(put(GET, "Authorization", changed)) == (400, "wrong-algorithm")


@pytest.mark.parametrize("name", NAMES)
def test_4_each_of_the_five_must_be_covered(name: str) -> None:
    names = tuple(each for each in NAMES if each != name)
    assert refused(signed(unsigned(), names)) == (400, "not-covered")


def test_4_without_the_list_of_headers_nothing_is_covered() -> None:
    authorization = signed(unsigned()).header("authorization") or ""
    without = authorization.replace(f'headers="{" ".join(NAMES)}",', "")
    assert refused(put(unsigned(), "Authorization", without)) == (400, "not-covered")


@pytest.mark.parametrize("host", ["other.example", "node.vaihto.example:444", None])
def test_5_a_host_we_are_not_reached_under(host: str | None) -> None:
    request = put(signed(unsigned()), "Host", host)
    assert refused(request) == (400, "wrong-host")


def test_5_hosts_are_compared_without_case() -> None:
    assert not verify(signed(unsigned(Host=HOST.upper()))).is_anonymous


def test_6_a_key_nobody_knows() -> None:
    assert refused(GET, find_key=lambda _: None) == (403, "unknown-key")


def test_6_a_key_that_signs_answers_only() -> None:
    assert refused(GET, find_key=lambda _: Known(PUBLIC, (), signs_requests=False)) == (
        403,
        "not-a-client-key",
    )


def test_6_a_key_that_covers_nobody_is_a_caller_all_the_same() -> None:
    assert verify(GET, find_key=lambda _: Known(PUBLIC, ())).hei_ids == ()


def test_6_the_fingerprint_may_be_written_large() -> None:
    changed = (GET.header("authorization") or "").replace(KEY_ID, KEY_ID.upper())
    assert verify(put(GET, "Authorization", changed)).key_id == KEY_ID


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Date": "yesterday"}, "bad-date"),
        ({"Date": http_date(NOW).replace("GMT", "CET")}, "bad-date"),
        ({"Date": http_date(NOW - timedelta(minutes=20))}, "clock"),
        ({"Original_Date": http_date(NOW - timedelta(minutes=20))}, "clock"),
        ({"Original_Date": "now"}, "bad-date"),
    ],
)
def test_7_each_date_that_is_there_is_checked_also_unsigned(
    changes: dict[str, str], code: str
) -> None:
    assert refused(signed(unsigned(**changes))) == (400, code)


@pytest.mark.parametrize(
    "request_id",
    [
        REQUEST_ID.upper(),
        REQUEST_ID.replace("-", ""),
        REQUEST_ID + "0",
        "x",
        "{" + REQUEST_ID + "}",
    ],
)
def test_8_the_request_id_is_a_canonical_uuid(request_id: str) -> None:
    assert refused(signed(unsigned(X_Request_Id=request_id))) == (400, "bad-request-id")


def test_9_a_header_that_is_listed_must_be_there() -> None:
    request = signed(unsigned(X_Other="y"), (*NAMES, "x-other"))
    assert verify(request).request.header("x-other") == "y"
    assert refused(put(request, "X-Other", None)) == (400, "absent-header")
    assert refused(
        put(
            GET,
            "Authorization",
            (GET.header("authorization") or "").replace("host", "host (created)"),
        )
    ) == (400, "absent-header")


def test_10_a_signature_by_another_key() -> None:
    other = signer_of(rsa.generate_private_key(65537, 2048))
    request = httpsig.sign_as_is(
        unsigned(), signer=replace(other, key_id=signer().key_id), names=NAMES
    )
    assert refused(request) == (400, "bad-signature")


@pytest.mark.parametrize("public", ["", "x", "MIIB", b64encode(b"no key").decode()])
def test_10_a_key_in_the_catalogue_that_is_none(public: str) -> None:
    assert refused(GET, find_key=lambda _: Known(public)) == (400, "bad-signature")


def test_10_base64_has_one_spelling_only() -> None:
    authorization = GET.header("authorization") or ""
    assert authorization.endswith('eQ=="')
    # The last four bits before the padding say nothing; a lenient reader takes them as it likes.
    assert refused(put(GET, "Authorization", authorization.replace('eQ=="', 'eR=="'))) == (
        400,
        "bad-signature",
    )
    for spelling in ('eQ="', 'eQ"', 'eQ== "', 'e-Q=="', 'ä=="'):
        changed = authorization.replace('eQ=="', spelling)
        assert refused(put(GET, "Authorization", changed)) == (400, "bad-signature")


def test_10_a_method_in_small_letters_is_not_what_was_signed() -> None:
    assert refused(replace(GET, method="gET")) == (400, "bad-signature")


def test_11_the_name_of_the_digest_may_be_written_as_one_likes() -> None:
    value = httpsig.digest(b"").partition("=")[2]
    for written in (f"sha-256={value}", f"shA-256={value}", f"SHA-256={value}, Foo=bar",
                    f"MD5=x==,SHA-256={value}"):  # fmt: skip
        assert not verify(signed(unsigned(Digest=written))).is_anonymous


@pytest.mark.parametrize(
    "value",
    [
        "SHA=" + b64encode(hashlib.sha1(b"").digest()).decode(),  # noqa: S324 - what others send
        "SHA-256",
        "SHA-256=",
        "SHA-256=" + hashlib.sha256(b"").hexdigest(),
        "SHA-512=x",
        httpsig.digest(b"other"),
        httpsig.digest(b"") + "," + httpsig.digest(b"other"),
    ],
)
def test_11_the_digest_must_contain_the_sha_256_of_the_body(value: str) -> None:
    assert refused(signed(unsigned(Digest=value))) == (400, "bad-digest")


def test_headers_of_one_name_are_joined_in_their_order() -> None:
    headers = (("X-A", " one "), ("x-b", ""), ("x-a", "\ttwo"))
    assert httpsig.signing_string(["x-a", "x-b"], headers) == b"x-a: one, two\nx-b: "


# Our own signatures


def test_what_we_sign_we_verify_with_everything_covered() -> None:
    request = httpsig.sign_request(
        Request(
            "POST",
            "/ewp/x",
            (("Host", HOST), ("Content-Type", "text/xml"), ("Accept", "x")),
            b"<a/>",
        ),
        signer=signer(),
        now=NOW,
        request_id=REQUEST_ID,
    )
    verified = verify(request)
    assert [name for name, _ in verified.request.headers] == [
        "Host", "Content-Type", "Original-Date", "Digest", "X-Request-Id", "Accept-Signature",
        "Want-Digest", "Authorization",
    ]  # fmt: skip
    assert httpsig.asks_signature(request)


def answer_to(request: Request, body: bytes = b"<a/>") -> Response:
    headers = (("Content-Type", "application/xml"), *httpsig.echoed(request), ("Server", "x"))
    return httpsig.sign_response(Response(200, headers, body), signer=signer(), now=NOW)


def check_answer(answer: Response, request: Request, **facts: Any) -> Response:
    known = {signer().key_id: public_of(signer().private)}
    return httpsig.verify_response(
        answer, request=request, **{"find_key": known.get, "now": NOW, **facts}
    )


def test_an_answer_of_ours_verifies_and_covers_what_a_client_acts_on() -> None:
    request = signed(unsigned())
    answer = check_answer(answer_to(request), request)
    assert [name for name, _ in answer.headers] == [
        "Content-Type", "X-Request-Id", "X-Request-Signature", "Original-Date", "Digest"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda a: put(a, "X-Request-Id", None), "other-request-id"),
        (lambda a: put(a, "X-Request-Id", "x"), "other-request-id"),
        (lambda a: put(a, "Signature", None), "unsigned"),
        (lambda a: put(a, "Signature", "x"), "malformed-signature"),
        (
            lambda a: put(a, "Signature", a.header("signature").replace("256", "1")),
            "wrong-algorithm",
        ),
        (
            lambda a: put(a, "Signature", a.header("signature").replace(" digest", "")),
            "not-covered",
        ),
        (
            lambda a: put(a, "Signature", a.header("signature").replace("original-", "x-")),
            "not-covered",
        ),
        (
            lambda a: put(
                a, "Signature", a.header("signature").replace(" x-request-signature", "")
            ),
            "not-covered",
        ),
        (lambda a: put(a, "X-Request-Signature", "x"), "other-request"),
        (lambda a: put(a, "X-Request-Signature", None), "other-request"),
        (lambda a: put(a, "Original-Date", "x"), "bad-date"),
        (lambda a: put(a, "Date", http_date(NOW - timedelta(hours=1))), "clock"),
        (lambda a: put(a, "Content-Type", None), "absent-header"),
        (lambda a: put(a, "Content-Type", "text/html"), "bad-signature"),
        (lambda a: replace(a, body=b"<b/>"), "bad-digest"),
    ],
)
def test_an_answer_that_was_changed_is_refused(
    change: Callable[[Response], Response], code: str
) -> None:
    request = signed(unsigned())
    with pytest.raises(httpsig.AnswerRefused) as caught:
        check_answer(change(answer_to(request)), request)
    assert caught.value.code == code


def test_an_answer_signed_by_a_key_of_another_host_is_refused() -> None:
    request = signed(unsigned())
    with pytest.raises(httpsig.AnswerRefused) as caught:
        check_answer(answer_to(request), request, find_key=lambda _: None)
    assert caught.value.code == "unknown-key"


def test_an_answer_may_cover_the_target_of_its_request() -> None:
    request = signed(unsigned())
    headers = (*httpsig.echoed(request), ("Date", http_date(NOW)), ("Digest", httpsig.digest(b"")))
    names = (httpsig.TARGET, "date", "digest", "x-request-id", "x-request-signature")
    text = httpsig.signing_string(names, headers, method="GET", target=request.target)
    parameters = httpsig.Parameters(signer().key_id, "rsa-sha256", names, signer().sign(text))
    answer = Response(200, (*headers, ("Signature", parameters.write())))
    assert check_answer(answer, request).status == 200


def test_answers_repeat_what_the_request_said_also_when_it_was_wrong() -> None:
    request = put(
        put(GET, "X-Request-Id", "Not A UUID"), "Authorization", 'Signature signature="x"'
    )
    assert httpsig.echoed(request) == (("X-Request-Id", "Not A UUID"), ("X-Request-Signature", "x"))
    assert httpsig.echoed(Request("GET", "/")) == ()
    assert httpsig.echoed(put(GET, "Authorization", None)) == (
        ("X-Request-Id", "7f3d2c1e-0b5a-4c8e-9a61-2d4f6e8b0c13"),
    )
    assert httpsig.echoed(Request("GET", "/", (("X-Request-Id", "a\x01b"),))) == ()
    assert httpsig.request_signature(POST) == SECOND


@pytest.mark.parametrize(
    ("value", "asks"),
    [
        ("rsa-sha256", True),
        ("RSA-SHA256", True),
        ("x, rsa-sha256", True),
        ("x", False),
        ("", False),
    ],
)
def test_a_signed_answer_is_asked_for_by_name(value: str, asks: bool) -> None:
    assert httpsig.asks_signature(Request("GET", "/", (("Accept-Signature", value),))) is asks


# Any single byte


def changed_byte(text: str, at: int, to: int) -> str:
    position = at % len(text)
    letter = chr(to)
    return (
        text[:position]
        + (letter if letter != text[position] else chr(to ^ 1))
        + text[position + 1 :]
    )


@st.composite
def tampered(draw: st.DrawFn, message: Any, start_line: bool) -> Any:
    """The message with one byte of its start line, a signed header or its body changed, or a header dropped."""
    signature = message.header("authorization") or message.header("signature")
    names = httpsig.read_parameters(signature.removeprefix("Signature ")).headers
    headers = [pair for pair in message.headers if pair[0].lower() in names]
    places = ["drop", *(["method", "target"] if start_line else []), *["value"] * 6, *["body"] * 2]
    place = draw(st.sampled_from(places))
    at, to = draw(st.integers(0, 5000)), draw(st.integers(0, 255))
    if place == "body":
        body = changed_byte(message.body.decode("latin-1"), at, to).encode("latin-1")
        return replace(message, body=body)
    if place == "method":
        return replace(message, method=changed_byte(message.method, at, to))
    if place == "target":
        return replace(message, target=changed_byte(message.target, at, to))
    name, value = draw(st.sampled_from(headers))
    return put(message, name, None if place == "drop" else changed_byte(value, at, to))


targets = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#")).map(
    "/{}".format
)
visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@st.composite
def sent(draw: st.DrawFn) -> Request:
    """Any request that a client might sign, with headers of its own among the signed ones."""
    names = draw(st.lists(st.sampled_from(["X-One", "X-Two", "Accept-Encoding"]), unique=True))
    own = tuple((name, draw(visible)) for name in names)
    request = Request(
        draw(st.sampled_from(["GET", "POST", "PUT"])),
        draw(targets),
        (
            ("Host", HOST),
            *own,
            ("Original-Date", http_date(NOW)),
            ("Digest", httpsig.digest(body := draw(st.binary(min_size=1, max_size=200)))),
            ("X-Request-Id", str(draw(st.uuids()))),
        ),
        body,
    )
    order = draw(
        st.permutations([httpsig.TARGET, *(name.lower() for name, _value in request.headers)])
    )
    return httpsig.sign_as_is(request, signer=signer(), names=order)


@given(
    sent().flatmap(lambda request: st.tuples(st.just(request), tampered(request, start_line=True)))
)
def test_what_was_signed_verifies_and_what_was_changed_afterwards_does_not(
    pair: tuple[Request, Request],
) -> None:
    request, changed = pair
    assert verify(request).hei_ids == ("partner.example",)
    assert refused(changed)[0] in {400, 401, 403}


@given(tampered(POST, start_line=True))
def test_any_changed_byte_or_dropped_header_of_a_signed_request_is_refused(
    request: Request,
) -> None:
    status, _code = refused(request)
    assert status in {400, 401, 403}


@given(tampered(ANSWER, start_line=False))
def test_any_changed_byte_or_dropped_header_of_a_signed_answer_is_refused(answer: Response) -> None:
    with pytest.raises(httpsig.AnswerRefused):
        httpsig.verify_response(answer, request=POST, find_key=lambda _: PUBLIC, now=NOW)


@given(st.text(), st.text(), st.binary(max_size=50))
def test_no_text_in_the_headers_ends_in_anything_but_a_refusal(
    authorization: str, request_id: str, body: bytes
) -> None:
    request = put(put(replace(POST, body=body), "X-Request-Id", request_id), "Authorization",
                  f"Signature {authorization}")  # fmt: skip
    assert refused(request)[0] == 400

"""HTTP Signatures as the network uses them, for requests and for answers.

Sources: draft-cavage-http-signatures-07; ewp-specs-sec-cliauth-httpsig and ewp-specs-sec-srvauth-httpsig, stable-v1.
Later drafts and RFC 9421 are something else. The steps stand in the order of the specifications.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from vaihto.ewp.protocol.dates import http_date, read_http_date
from vaihto.ewp.protocol.errors import Trouble
from vaihto.ewp.protocol.http import Headers, Request, Response, by_name

ALGORITHM = "rsa-sha256"
SKEW = timedelta(minutes=5)
TARGET = "(request-target)"
CHALLENGE: Headers = (("WWW-Authenticate", 'Signature realm="EWP"'), ("Want-Digest", "SHA-256"))

_MINIMUM = (TARGET, "host", "digest", "x-request-id")
# What a signed answer covers where it is sent: all that a client may act on. Never `date`, which proxies rewrite.
_ANSWER_COVERS = (
    "content-type", "content-encoding", "original-date", "digest", "x-request-id", "x-request-signature",
    "www-authenticate", "want-digest", "allow", "retry-after", "cache-control", "etag", "last-modified",
    "content-disposition",
)  # fmt: skip
_REQUEST_COVERS = (
    TARGET, "host", "date", "original-date", "digest", "x-request-id", "accept-signature", "want-digest",
    "content-type", "accept-encoding", "if-none-match", "if-modified-since",
)  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_PARAMETER = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^\s",]+))\s*(?:,|\Z)', re.ASCII)
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_BLANKS = " \t"


@dataclass(frozen=True)
class Signer:
    """A key pair of ours: `key_id` is the fingerprint of the public half."""

    key_id: str
    private: rsa.RSAPrivateKey

    def sign(self, text: bytes) -> str:
        """RSASSA-PKCS1-v1_5 with SHA-256, as base64 on one line."""
        return base64.b64encode(self.private.sign(text, PKCS1v15(), SHA256())).decode()


class CallerKey(Protocol):
    """What the catalogue knows of a key; `registry.client_key` gives it."""

    @property
    def public(self) -> str:
        """Base64 of the DER SubjectPublicKeyInfo."""

    @property
    def hei_ids(self) -> tuple[str, ...]:
        """The institutions it speaks for, perhaps none."""

    @property
    def signs_requests(self) -> bool:
        """Is it a client key anywhere, and not a server key only?"""


class SignatureRefused(Trouble):
    """A request is not what its sender signed. `code` says which check failed."""


class AnswerRefused(Exception):
    """An answer is not what the partner signed. `code` says which check failed, the text says it in words."""

    def __init__(self, code: str, says: str) -> None:
        super().__init__(says)
        self.code = code
        self.says = says


class _Malformed(ValueError):
    """Signature parameters that cannot be understood."""


class _Absent(ValueError):
    """A header that is listed as signed is not in the message."""


@dataclass(frozen=True)
class Parameters:
    """The parameters of a signature: of `Authorization` without its scheme word, or of `Signature`."""

    key_id: str
    algorithm: str
    headers: tuple[str, ...]
    signature: str

    def write(self) -> str:
        """In the spelling of the specification's examples."""
        return (
            f'keyId="{self.key_id}",algorithm="{self.algorithm}",'
            f'headers="{" ".join(self.headers)}",signature="{self.signature}"'
        )


@dataclass(frozen=True)
class Verified:
    """A request reduced to what its sender signed: other headers are absent from it.

    `key_id` is empty and `hei_ids` are none for an anonymous request, whose headers are all kept and prove nothing.
    """

    request: Request
    key_id: str = ""
    hei_ids: tuple[str, ...] = ()
    request_id: str = ""

    @property
    def is_anonymous(self) -> bool:
        """Did nobody sign it?"""
        return not self.key_id


# The signing string, draft section 2.3


def signing_string(
    names: Sequence[str], headers: Headers, *, method: str = "", target: str = ""
) -> bytes:
    """The bytes that are signed: one line for each name, LF between them, none at the end.

    Raises ValueError naming a header that is listed but absent.
    """
    values = by_name(headers)
    lines = []
    for name in names:
        if name == TARGET:
            if not method:
                raise _Absent(name)
            lines.append(f"{name}: {method.lower()} {target or '/'}")
            continue
        value = values.get(name)
        if value is None:
            raise _Absent(name)
        lines.append(f"{name}: {value}")
    return "\n".join(lines).encode("latin-1")


def digest(body: bytes) -> str:
    """The value of `Digest` for a body as transferred."""
    return f"SHA-256={base64.b64encode(hashlib.sha256(body).digest()).decode()}"


def _digest_problem(value: str | None, body: bytes) -> str:
    """What is wrong with a `Digest` header; empty when it holds. Source: RFC 3230, 4.3.2."""
    expected = digest(body).partition("=")[2]
    found = []
    for pair in (value or "").split(","):
        algorithm, equals, stated = pair.partition("=")
        if equals and algorithm.strip().lower() == "sha-256":
            found.append(stated.strip())
    if not found:
        return "Digest must contain SHA-256=…"
    if any(stated != expected for stated in found):
        return f"Digest does not match the body of {len(body)} bytes as received."
    return ""


def fingerprint(public: str) -> str:
    """The key id of a public key: SHA-256 of its DER SubjectPublicKeyInfo, given in base64."""
    return hashlib.sha256(base64.b64decode(public)).hexdigest()


# Parameters, draft section 2.1


def read_parameters(text: str) -> Parameters:
    """Raises ValueError with a sentence when they are no parameters of a signature."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            raise _Malformed('each parameter must be written name="value", with commas between')
        name = match[1]
        if name in found:
            raise _Malformed(f"{name} is given twice")
        found[name] = match[2] if match[2] is not None else match[3]
        position = match.end()
    if lacking := [name for name in ("keyId", "algorithm", "signature") if not found.get(name)]:
        raise _Malformed(f"{', '.join(lacking)} missing")
    return Parameters(
        # Fingerprints are hexadecimal; some write the letters large.
        key_id=found["keyId"].lower(),
        algorithm=found["algorithm"],
        headers=tuple(found.get("headers", "").lower().split()),
        signature=found["signature"],
    )


def _after_scheme(authorization: str | None) -> str | None:
    """What follows the scheme word `Signature`; None when there is another scheme or none."""
    scheme, _blank, rest = (authorization or "").strip(_BLANKS).partition(" ")
    return rest.strip(_BLANKS) if scheme.lower() == "signature" else None


def request_signature(request: Request) -> str | None:
    """The signature that an answer has to repeat, also when it is wrong; None when the request has none."""
    rest = _after_scheme(request.header("authorization"))
    found = re.search(r'(?:^|[\s,])signature\s*=\s*"([^"]*)"', rest or "")
    signature = found[1].strip(_BLANKS) if found else ""
    return signature if signature and _PRINTABLE.fullmatch(signature) else None


def asks_signature(request: Request) -> bool:
    """Does the request want a signed answer? Also an unsigned or failing one may ask."""
    wanted = request.header("accept-signature") or ""
    return ALGORITHM in {name.strip().lower() for name in wanted.split(",")}


# Requests: ewp-specs-sec-cliauth-httpsig, "Implementing a server"


def verify_request(
    request: Request,
    *,
    find_key: Callable[[str], CallerKey | None],
    hosts: Collection[str],
    now: datetime,
    anonymous: bool = False,
) -> Verified:
    """The request reduced to what its sender signed. Raises `SignatureRefused`.

    `hosts` are the values of `Host`, in lower case, under which we are reached. `anonymous` lets a request without
    any signature pass; one with a wrong signature is refused all the same. `find_key` gives what the catalogue
    knows of a fingerprint.
    """
    rest = _after_scheme(request.header("authorization"))
    if rest is None:
        if anonymous and request.header("authorization") is None:
            return Verified(request)
        raise SignatureRefused(
            401,
            "This request must be signed: Authorization with the scheme Signature is missing.",
            code="unsigned",
            headers=CHALLENGE,
        )
    try:
        signed = read_parameters(rest)
    except _Malformed as error:
        raise _refused(
            "malformed-signature", f"Authorization cannot be understood: {error}."
        ) from error
    if signed.algorithm != ALGORITHM:
        raise _refused("wrong-algorithm", f"The algorithm of the signature must be {ALGORITHM}.")
    _check_minimum(signed)
    host = request.header("host")
    if host is None or host.lower() not in hosts:
        raise _refused("wrong-host", f"Host must be {' or '.join(sorted(hosts))}.")
    key = find_key(signed.key_id)
    if key is None:
        raise _refused(
            "unknown-key",
            f"The catalogue does not contain the key {signed.key_id[:64]}.",
            status=403,
        )
    if not key.signs_requests:
        raise _refused(
            "not-a-client-key",
            f"The key {signed.key_id} is not among anybody's client credentials in the catalogue.",
            status=403,
        )
    if problem := _date_problem(request, now):
        raise _refused(*problem)
    request_id = request.header("x-request-id")
    if request_id is None or not is_request_id(request_id):
        raise _refused(
            "bad-request-id", "X-Request-Id must be a UUID in its canonical lower-case form."
        )
    try:
        text = signing_string(
            signed.headers, request.headers, method=request.method, target=request.target
        )
    except _Absent as error:
        raise _refused(
            "absent-header", f"The header {error} is listed as signed but is not in the request."
        ) from error
    # The signing string has the method in lower case whatever was sent.
    if request.method != request.method.upper() or not _holds(key.public, signed.signature, text):
        raise _refused(
            "bad-signature",
            "The signature does not match the request as it was received. "
            f"The signing string here has {len(text)} bytes, and its SHA-256 is "
            f"{hashlib.sha256(text).hexdigest()}.",
        )
    if problem_of_digest := _digest_problem(request.header("digest"), request.body):
        raise _refused("bad-digest", problem_of_digest)
    return Verified(_only(request, signed.headers), signed.key_id, tuple(key.hei_ids), request_id)


def _refused(code: str, developer: str, status: int = 400) -> SignatureRefused:
    return SignatureRefused(status, developer, code=code)


def _check_minimum(signed: Parameters) -> None:
    lacking = [name for name in _MINIMUM if name not in signed.headers]
    if not {"date", "original-date"} & set(signed.headers):
        lacking.append("date or original-date")
    if lacking:
        raise _refused("not-covered", f"The signature must also cover: {', '.join(lacking)}.")


def _date_problem(message: Request | Response, now: datetime) -> tuple[str, str] | None:
    """Code and sentence about the first of `Date` and `Original-Date` that is wrong."""
    for name in ("Date", "Original-Date"):
        value = message.header(name)
        if value is None:
            continue
        try:
            stated = read_http_date(value)
        except ValueError:
            return "bad-date", f"{name} must look like {http_date(now)}."
        if abs(now - stated) > SKEW:
            return (
                "clock",
                f"{name} differs from the time here, {http_date(now)}, by more than 5 minutes.",
            )
    return None


def is_request_id(text: str) -> bool:
    """Is this a canonical UUID in lower case?"""
    return _UUID.fullmatch(text) is not None


@lru_cache(maxsize=512)
def _public_key(public: str) -> rsa.RSAPublicKey | None:
    try:
        key = load_der_public_key(base64.b64decode(public))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None


def _holds(public: str, signature: str, text: bytes) -> bool:
    """Was `text` signed by the other half of `public`? Only the one spelling of base64 counts."""
    key = _public_key(public)
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if key is None or base64.b64encode(raw).decode() != signature:
        return False
    try:
        key.verify(raw, text, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _only(request: Request, names: Collection[str]) -> Request:
    kept = {name.lower() for name in names} | {"authorization"}
    return replace(
        request, headers=tuple(pair for pair in request.headers if pair[0].lower() in kept)
    )


def sign_request(
    request: Request,
    *,
    signer: Signer,
    now: datetime,
    request_id: str,
    wants_signature: bool = True,
) -> Request:
    """The request with everything that authenticates it; nothing may be changed afterwards.

    `request` brings method, target, body and its own headers, `Host` among them: the value that really goes out.
    `request_id` is a new, unpredictable UUID. Headers that are not for signing stay as they are, unsigned.
    """
    added: list[tuple[str, str]] = [
        ("Original-Date", http_date(now)),
        ("Digest", digest(request.body)),
        ("X-Request-Id", request_id),
    ]
    if wants_signature:
        added += [("Accept-Signature", ALGORITHM), ("Want-Digest", "SHA-256")]
    headers = (*request.headers, *added)
    present = {TARGET, *by_name(headers)}
    names = tuple(name for name in _REQUEST_COVERS if name in present)
    return sign_as_is(replace(request, headers=headers), signer=signer, names=names)


def sign_as_is(request: Request, *, signer: Signer, names: Sequence[str]) -> Request:
    """The request with `Authorization` over exactly these names and nothing else added."""
    text = signing_string(names, request.headers, method=request.method, target=request.target)
    signed = Parameters(signer.key_id, ALGORITHM, tuple(names), signer.sign(text))
    return replace(
        request, headers=(*request.headers, ("Authorization", f"Signature {signed.write()}"))
    )


# Answers: ewp-specs-sec-srvauth-httpsig


def echoed(request: Request) -> Headers:
    """What every answer repeats of its request, signed or not, right or wrong."""
    pairs = []
    request_id = request.header("x-request-id")
    if request_id and _PRINTABLE.fullmatch(request_id):
        pairs.append(("X-Request-Id", request_id))
    if signature := request_signature(request):
        pairs.append(("X-Request-Signature", signature))
    return tuple(pairs)


def sign_response(response: Response, *, signer: Signer, now: datetime) -> Response:
    """The answer with `Original-Date`, `Digest` and `Signature`; the last thing that happens to it.

    `response` already carries what `echoed` gives and its body in its final coding.
    """
    headers = (
        *response.headers,
        ("Original-Date", http_date(now)),
        ("Digest", digest(response.body)),
    )
    present = by_name(headers)
    names = tuple(name for name in _ANSWER_COVERS if present.get(name))
    signed = Parameters(
        signer.key_id, ALGORITHM, names, signer.sign(signing_string(names, headers))
    )
    return replace(response, headers=(*headers, ("Signature", signed.write())))


def verify_response(
    response: Response,
    *,
    request: Request,
    find_key: Callable[[str], str | None],
    now: datetime,
) -> Response:
    """The answer reduced to its signed headers. Raises `AnswerRefused`.

    `request` is the one that was sent. `find_key` gives the public key of a fingerprint if the very host whose entry
    was called lists it among its server credentials, else None.
    """
    request_id, answered_id = request.header("x-request-id"), response.header("x-request-id")
    text = response.header("signature")
    # An answer without either is simply unsigned.
    if answered_id != request_id and not (answered_id is None and text is None):
        raise AnswerRefused("other-request-id", "X-Request-Id is not the one of the request.")
    if text is None:
        raise AnswerRefused(
            "unsigned", "The answer carries no signature although one was asked for."
        )
    try:
        signed = read_parameters(text)
    except _Malformed as error:
        raise AnswerRefused(
            "malformed-signature", f"Signature cannot be understood: {error}."
        ) from error
    if signed.algorithm != ALGORITHM:
        raise AnswerRefused(
            "wrong-algorithm", f"The algorithm of the signature is not {ALGORITHM}."
        )
    _check_cover(signed, request)
    if response.header("x-request-signature") != request_signature(request):
        raise AnswerRefused(
            "other-request", "X-Request-Signature is not the signature of the request."
        )
    if problem := _date_problem(response, now):
        raise AnswerRefused(*problem)
    public = find_key(signed.key_id)
    if public is None:
        raise AnswerRefused(
            "unknown-key",
            f"The catalogue does not name {signed.key_id[:64]} as a server key of the host that was called.",
        )
    try:
        bytes_signed = signing_string(
            signed.headers, response.headers, method=request.method, target=request.target
        )
    except _Absent as error:
        raise AnswerRefused(
            "absent-header", f"The header {error} is listed as signed but is not in the answer."
        ) from error
    if not _holds(public, signed.signature, bytes_signed):
        raise AnswerRefused("bad-signature", "The signature does not match the answer.")
    if wrong := _digest_problem(response.header("digest"), response.body):
        raise AnswerRefused("bad-digest", wrong)
    kept = set(signed.headers)
    return replace(
        response, headers=tuple(pair for pair in response.headers if pair[0].lower() in kept)
    )


def _check_cover(signed: Parameters, request: Request) -> None:
    wanted = ["digest"]
    wanted += ["x-request-id"] if request.header("x-request-id") is not None else []
    wanted += ["x-request-signature"] if request_signature(request) is not None else []
    lacking = [name for name in wanted if name not in signed.headers]
    if not {"date", "original-date"} & set(signed.headers):
        lacking.append("date or original-date")
    if lacking:
        raise AnswerRefused("not-covered", f"The signature does not cover {', '.join(lacking)}.")

"""What a kept exchange or notification means: what happened, whose fault it is, what to do, what to do by the rules.

Outgoing calls have their sentences in `outcomes.py`; here are those about what partners asked us, about signatures, and
about notifications that never got as far as a call. English source texts with named facts, translated by whoever
shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vaihto.ewp.models import Exchange
from vaihto.ewp.outcomes import TABLE, filled
from vaihto.jobs.models import Notification
from vaihto.wording import mark as _

Blame = Exchange.Blame


@dataclass(frozen=True)
class Explained:
    """A sentence, what to do, and who can put it right."""

    sentence: str
    remedy: str = ""
    blame: str = Blame.NOBODY
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The English sentence with its facts."""
        return filled(self.sentence, self.facts)


_CALLER = _(
    "The caller has to correct its request. If it is a partner, send it the text for a ticket."
)
_CALLER_SIGNS = _(
    "The caller has to correct how it signs. If it is a partner, send it the text for a ticket."
)
_BY_ITSELF = _("The caller tries again by itself.")
_LOOK = _("An operator of this installation has to look at it.")
_NOTHING = ""

# What became of requests that partners sent us: code -> sentence, remedy. Codes of the server and the signature check.
ASKED: dict[str, tuple[str, str]] = {
    "ok": (_("We answered what was asked."), _NOTHING),
    "unsigned": (_("The request was not signed, so it was refused."), _CALLER_SIGNS),
    "malformed-signature": (_("The signature of the request could not be read."), _CALLER_SIGNS),
    "wrong-algorithm": (
        _("The request was signed by a method that the network does not use."),
        _CALLER_SIGNS,
    ),
    "not-covered": (_("The signature of the request left out what it has to cover."), _CALLER_SIGNS),
    "wrong-host": (
        _("The request named another host than ours."),
        _(
            "If partners are refused for this, the proxy in front changes Host, or VAIHTO_PUBLIC_URL is wrong."
        ),
    ),
    "unknown-key": (
        _("The request was signed with a key that the catalogue does not know."),
        _(
            "Perhaps the caller's manifest was not read yet. If it lasts, see that our copy of the catalogue is fresh."
        ),
    ),
    "not-a-client-key": (
        _("The request was signed with a key that its owner uses for answers only."),
        _CALLER_SIGNS,
    ),
    "bad-date": (_("The request was dated in a form that nobody can read."), _CALLER),
    "clock": (
        _("The clocks of caller and this installation differ by more than five minutes."),
        _("`vaihto ewp doctor` compares our clock with the registry's. If ours is right, tell the partner."),
    ),
    "bad-request-id": (_("The request had no proper number of its own."), _CALLER),
    "absent-header": (
        _("The signature of the request covers a header that did not arrive."),
        _("A proxy on the way may remove headers, perhaps our own. If ours is innocent, tell the partner."),
    ),
    "bad-signature": (
        _("The signature of the request is wrong: it was changed on its way, or signed wrongly."),
        _("If it happens with many partners, the proxy in front changes requests; else tell the partner."),
    ),
    "bad-digest": (_("The content of the request is not the one that was signed."), _CALLER_SIGNS),
    "no-endpoint": (_("Nothing is served at the address that was asked for."), _NOTHING),
    "wrong-method": (_("The caller used a method that this endpoint does not take."), _CALLER),
    "wrong-type": (_("The caller sent its parameters in a form that the network does not use."), _CALLER),
    "malformed-form": (_("The parameters of the request could not be read."), _CALLER),
    "malformed-body": (_("The body of the request could not be read."), _CALLER),
    "bad-parameter": (_("A parameter was missing, malformed, or given too often."), _CALLER),
    "too-big": (_("The body of the request was larger than we take."), _CALLER),
    "too-slow": (_("The body of the request did not arrive in time."), _BY_ITSELF),
    "too-many": (_("The caller asked more often than we serve one partner."), _BY_ITSELF),
    "busy": (_("We had no room for the request at that moment."), _BY_ITSELF),
    "repeated": (_("The same request came twice; the second was refused, the first counts."), _NOTHING),
    "forbidden": (_("The caller may not use this endpoint."), _NOTHING),
    "not-for-you": (_("The caller may not use this endpoint."), _NOTHING),
    "not-allowed": (_("The caller may not do this."), _NOTHING),
    "no-file": (_("There is no file of that id for this caller."), _NOTHING),
    "no-public-address": (
        _("This installation has no public https address, so it has no manifest."),
        _("Set VAIHTO_PUBLIC_URL to the address at which partners reach this installation."),
    ),
    "fault": (_("We failed to answer because of a fault of ours."), _LOOK),
    "database": (_("Our database did not answer."), _LOOK),
    "catalogue-too-old": (
        _("Our copy of the catalogue was so old that nobody could be recognised."),
        _("See with `vaihto ewp doctor` why the registry cannot be reached."),
    ),
}  # fmt: skip

_REFUSED = (_("We refused the request (status %(status)s, %(code)s)."), _CALLER)
_FAILED = (_("We could not answer the request (status %(status)s, %(code)s)."), _LOOK)
_ENDED = (_("It ended with “%(code)s”."), _NOTHING)


def of_exchange(exchange: Exchange) -> Explained:
    """What happened in an exchange, whoever asked."""
    facts = {**exchange.facts, "status": exchange.status, "code": exchange.outcome}
    if exchange.direction == Exchange.Direction.OUT and exchange.outcome in TABLE:
        ending = TABLE[exchange.outcome]
        return Explained(ending.sentence, ending.remedy, exchange.blame, facts)
    sentence, remedy = _ENDED
    if exchange.direction == Exchange.Direction.IN:
        status = exchange.status or 0
        usual = _FAILED if status >= 500 else _REFUSED if status >= 400 else ASKED["ok"]
        sentence, remedy = ASKED.get(exchange.outcome, usual)
    return Explained(sentence, remedy, exchange.blame, facts)


# Signatures ------------------------------------------------------------------------------------

_OF_REQUESTS: dict[str, str] = {
    "verified": _("The request was signed by the caller, and nothing was changed on its way."),
    "unsigned": _("The request was not signed."),
    "": _("The signature was not looked at, because the request was answered before."),
}
_OF_ANSWERS: dict[str, str] = {
    "verified": _("The answer was signed by the partner, and nothing was changed on its way."),
    "unsigned": _("The answer was not signed; only the protected connection speaks for it."),
    "": _("No answer came whose signature could be looked at."),
}


def of_signature(exchange: Exchange) -> Explained:
    """What the check of the other side's signature found."""
    is_ours = exchange.direction == Exchange.Direction.OUT
    known = _OF_ANSWERS if is_ours else _OF_REQUESTS
    code = exchange.signature
    facts = {**exchange.facts, "code": code}
    if code == "unsigned" and exchange.outcome == "unsigned" and is_ours:
        return Explained(TABLE["unsigned"].sentence, facts=facts)
    if code in known:
        return Explained(known[code], facts=facts)
    if is_ours and code in TABLE:
        return Explained(TABLE[code].sentence, facts=facts)
    if code in ASKED:
        return Explained(ASKED[code][0], facts=facts)
    return Explained(_ENDED[0], facts=facts)


# Notifications ---------------------------------------------------------------------------------

_CARRIED: dict[str, tuple[str, str]] = {
    "": (_("It has not been tried yet."), _("It is tried by itself as soon as a worker is free.")),
    "broke-down": (
        _("The worker ended while it was under way."),
        _("Look into the log of the worker; send it again when the cause is mended."),
    ),
    "fault": (
        _("It could not be done because of a fault of ours."),
        _("Look into the log of the worker; send it again when the cause is mended."),
    ),
    "no-carrier": (
        _("Nobody in this installation can do this yet."),
        _("It is dropped by itself after some days."),
    ),
    "not-hosted": (
        _("The institution it is about is not hosted here any more."),
        _("Let it rest."),
    ),
    "unknown-id": (_("The partner spoke of something that we do not know."), _NOTHING),
}


def of_notification(row: Notification) -> Explained:
    """How the last try of a notification ended."""
    facts = {**row.outcome_facts, "code": row.outcome}
    if row.outcome in _CARRIED:
        sentence, remedy = _CARRIED[row.outcome]
        return Explained(sentence, remedy, row.blame, facts)
    if row.outcome in TABLE:
        ending = TABLE[row.outcome]
        return Explained(ending.sentence, ending.remedy, row.blame, facts)
    return Explained(*_ENDED, row.blame, facts)


# What the specification says, for those who have to mend it. In our words, English: it goes into tickets.

_SIGNING_ANSWERS = (
    "ewp-specs-sec-srvauth-httpsig: asked by Accept-Signature: rsa-sha256, a server that declares httpsig signs its "
    "answer, errors too, covering digest, date or original-date, and x-request-id and x-request-signature where the "
    "request had them."
)
_DIGEST = (
    "RFC 3230 and ewp-specs-sec-srvauth-httpsig: Digest is the SHA-256 of the body as it is transferred, after any "
    "content coding; nothing behind the server may pack or change it afterwards."
)
_MANIFEST = "ewp-specs-api-discovery: addresses in the manifest answer; a changed manifest is read within minutes."
_TLS = (
    "ewp-specs-architecture: endpoints are served over TLS with a certificate that is valid for the host and leads to "
    "a public authority, with the whole chain sent."
)
_ERRORS = (
    "ewp-specs-architecture, error handling: status 5xx says that the server failed and the request may be repeated; "
    "its body is an error-response document."
)
_SIGNING_REQUESTS = (
    "ewp-specs-sec-cliauth-httpsig: a request is signed with rsa-sha256 by a key among the client credentials of the "
    "catalogue, covering (request-target), host, digest, x-request-id, and date or original-date."
)
_SCHEMA = "The answer must be valid against the schema of the API in the version that the manifest states."

REFERENCE: dict[str, str] = {
    **dict.fromkeys(
        ("malformed-signature", "not-covered", "wrong-algorithm", "other-request", "other-request-id"),
        _SIGNING_ANSWERS,
    ),
    "unsigned": _SIGNING_ANSWERS,
    "bad-digest": _DIGEST,
    "bad-signature": _SIGNING_ANSWERS,
    "absent-header": _SIGNING_ANSWERS,
    **dict.fromkeys(
        ("unknown-key", "key-of-another"),
        "ewp-specs-sec-srvauth-httpsig: the key that signs an answer stands among the server credentials of the very "
        "host whose entry was called.",
    ),
    **dict.fromkeys(
        ("clock", "bad-date"),
        "ewp-specs-sec-srvauth-httpsig: Date and Original-Date have the form of RFC 9110 and differ from the reader's "
        "clock by five minutes at most.",
    ),
    **dict.fromkeys(
        ("not-in-catalogue", "endpoint-missing", "address-unusable", "nothing-there"), _MANIFEST
    ),
    "security-unusable": "ewp-specs-sec-intro: the entry states httpsig among its client authentication methods.",
    "redirect": "ewp-specs-architecture: endpoints do not redirect; a signed request is for one address only.",
    "method-refused": "ewp-specs-architecture: reading endpoints take GET and POST with the same parameters.",
    **dict.fromkeys(
        ("partner-failed", "partner-unavailable", "unexpected-status", "timeout", "too-slow"), _ERRORS
    ),
    **dict.fromkeys(
        (
            "certificate-expired", "certificate-not-yet-valid", "certificate-wrong-host", "tls-failed",
            "certificate-unknown-issuer", "certificate-revoked", "certificate-refused",
        ),
        _TLS,
    ),
    **dict.fromkeys(("not-xml", "other-document", "message-incomplete"), _SCHEMA),
    **dict.fromkeys(
        ("unknown-encoding", "broken-encoding"),
        "ewp-specs-architecture: a content coding is used only if the request offered it by Accept-Encoding.",
    ),
}  # fmt: skip
REFERENCE_OF_REQUESTS: dict[str, str] = {
    **dict.fromkeys(
        (
            "unsigned", "malformed-signature", "wrong-algorithm", "not-covered", "wrong-host", "unknown-key",
            "not-a-client-key", "bad-request-id", "absent-header", "bad-signature",
        ),
        _SIGNING_REQUESTS,
    ),
    "bad-digest": _DIGEST.replace("srvauth", "cliauth"),
    **dict.fromkeys(
        ("clock", "bad-date"), REFERENCE["clock"].replace("srvauth", "cliauth")
    ),
    "wrong-method": "ewp-specs-architecture: reading endpoints take GET and POST, change notifications POST only.",
    **dict.fromkeys(
        ("wrong-type", "malformed-form"),
        "ewp-specs-architecture: parameters of POST requests are sent as application/x-www-form-urlencoded in UTF-8.",
    ),
    "bad-parameter": "The specification of the API names its parameters and how often each may be given.",
}  # fmt: skip
"""For requests of partners that we refused."""


def reference_of(exchange: Exchange) -> str:
    """What the specification says about what went wrong; empty where it says nothing that helps."""
    is_ours = exchange.direction == Exchange.Direction.OUT
    return (REFERENCE if is_ours else REFERENCE_OF_REQUESTS).get(exchange.outcome, "")

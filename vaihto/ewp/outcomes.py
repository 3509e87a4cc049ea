"""Every way an outgoing call can end: whose fault it is, whether trying again can help, and what to do.

One table. An exchange keeps the code and the facts; the sentence is made when somebody reads it, in the reader's
language. Facts hold no personal data: host names, codes, counts, and what a partner told our developers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vaihto.wording import mark as _


class Blame(StrEnum):
    """Who can put it right."""

    NOBODY = ""
    OURS = "ours"
    THEIRS = "theirs"
    NETWORK = "network"


@dataclass(frozen=True)
class Ending:
    """One line of the table. `repeatable`: may the same request succeed later, with nothing changed here?"""

    code: str
    blame: Blame
    repeatable: bool
    sentence: str  # English source with named facts
    remedy: str = ""


_OURS, _THEIRS, _NETWORK, _NOBODY = Blame.OURS, Blame.THEIRS, Blame.NETWORK, Blame.NOBODY
_TELL = _("Tell the partner's technical contact; until it is put right nothing can be read there.")
_WAIT = _(
    "It is tried again by itself. If it lasts for a day, tell the partner's technical contact."
)
_TICKET = _(
    "Send the partner's technical contact the text for a ticket; it names what their answer lacks."
)
_OPERATOR = _("An operator of this installation has to look at it.")

_TABLE: tuple[Ending, ...] = (
    # It went well.
    Ending("ok", _NOBODY, False, _("The partner answered.")),
    Ending("not-modified", _NOBODY, False, _("Nothing has changed since the last time.")),
    # Before anything was sent.
    Ending(
        "no-catalogue",
        _OURS,
        True,
        _("The registry's catalogue has not been fetched yet."),
        _("Check VAIHTO_CATALOGUE_URL and that a worker runs; `vaihto ewp doctor` tells more."),
    ),
    Ending(
        "not-in-catalogue",
        _THEIRS,
        True,
        _("The catalogue has no entry of %(partner)s for %(api)s."),
        _(
            "The partner does not offer this, or its entry is missing for the moment. Ask its technical contact."
        ),
    ),
    Ending(
        "other-version",
        _THEIRS,
        False,
        _("%(partner)s offers %(api)s only in version %(versions)s, which we do not speak."),
        _("Ask the partner when it moves to the current version."),
    ),
    Ending(
        "endpoint-missing",
        _THEIRS,
        True,
        _("The catalogue entry of %(partner)s for %(api)s has no address for %(endpoint)s."),
        _TELL,
    ),
    Ending(
        "security-unusable",
        _THEIRS,
        True,
        _("%(partner)s accepts no way of signing for %(api)s that can be used today: %(methods)s."),
        _(
            "The partner has to declare `httpsig` among the client authentication methods of its manifest."
        ),
    ),
    Ending(
        "own-key-missing",
        _OURS,
        True,
        _("%(institution)s has no key with which it could sign."),
        _("Create one with `vaihto ewp keys`, and wait until the registry has read the manifest."),
    ),
    Ending(
        "too-many-values",
        _OURS,
        False,
        _("More values were asked for at once than %(partner)s announces."),
        _OPERATOR,
    ),
    Ending(
        "address-unusable",
        _THEIRS,
        True,
        _("The address in the catalogue is not a plain https address: %(url)s."),
        _("The partner has to correct its manifest."),
    ),
    Ending(
        "address-private",
        _THEIRS,
        True,
        _(
            "%(host)s leads to %(address)s, an address inside a private network, and was not called."
        ),
        _(
            "The partner's name has to lead to a public address. In a closed network of your own set "
            "VAIHTO_ALLOW_PRIVATE_ADDRESSES."
        ),
    ),
    Ending(
        "ca-file-unusable",
        _OURS,
        True,
        _("The file of extra authorities, %(file)s, cannot be read or holds no certificate."),
        _("Correct VAIHTO_CA_FILE; the file holds certificates in PEM form."),
    ),
    Ending(
        "too-many-calls",
        _OURS,
        True,
        _("So many calls were under way that this one found no connection."),
        _("It is tried again by itself. Start fewer workers if it happens often."),
    ),
    Ending(
        "catalogue-too-old",
        _OURS,
        True,
        _("Our copy of the catalogue is so old that it is not trusted any more."),
        _("See with `vaihto ewp doctor` why the registry cannot be reached."),
    ),
    Ending(
        "units-unknown",
        _THEIRS,
        True,
        _(
            "Which units %(partner)s has is not known, because its institution data could not be read."
        ),
        _("They are asked for as soon as the institution data is here."),
    ),
    # On the way.
    Ending("no-such-host", _THEIRS, True, _("There is no host of the name %(host)s."), _WAIT),
    Ending(
        "name-server-silent",
        _NETWORK,
        True,
        _("No name server told where %(host)s is."),
        _(
            "It is tried again by itself. If no partner can be found, check the name servers of this machine."
        ),
    ),
    Ending(
        "connection-refused",
        _THEIRS,
        True,
        _(
            "%(host)s refuses connections at port %(port)s: no server runs there, or a wall is in front of it."
        ),
        _WAIT,
    ),
    Ending(
        "unreachable",
        _NETWORK,
        True,
        _("There is no way through the network to %(host)s."),
        _(
            "It is tried again by itself. If no partner can be reached, check the network of this machine."
        ),
    ),
    Ending(
        "connect-timeout",
        _NETWORK,
        True,
        _("%(host)s did not take up a connection in time."),
        _WAIT,
    ),
    Ending(
        "timeout", _THEIRS, True, _("%(host)s took the request and did not answer in time."), _WAIT
    ),
    Ending(
        "too-slow",
        _THEIRS,
        True,
        _("%(host)s answered so slowly that the whole took longer than we wait."),
        _WAIT,
    ),
    Ending(
        "connection-closed",
        _THEIRS,
        True,
        _("%(host)s closed the connection without an answer."),
        _WAIT,
    ),
    Ending(
        "answer-cut-short",
        _THEIRS,
        True,
        _("The answer of %(host)s broke off in the middle."),
        _WAIT,
    ),
    Ending(
        "not-http",
        _THEIRS,
        True,
        _("%(host)s answered something that is not HTTP."),
        _TELL,
    ),
    Ending(
        "certificate-expired",
        _THEIRS,
        True,
        _("The TLS certificate of %(host)s has expired."),
        _("The partner has to renew it. Nothing is sent until then."),
    ),
    Ending(
        "certificate-not-yet-valid",
        _THEIRS,
        True,
        _("The TLS certificate of %(host)s is not valid yet."),
        _("Check the clock of this machine; if it is right, tell the partner's technical contact."),
    ),
    Ending(
        "certificate-wrong-host",
        _THEIRS,
        True,
        _("The TLS certificate that %(host)s shows was issued for another name."),
        _TELL,
    ),
    Ending(
        "certificate-unknown-issuer",
        _THEIRS,
        True,
        _(
            "The TLS certificate of %(host)s is not issued by an authority we know, or the chain is incomplete."
        ),
        _(
            "The partner has to send the whole chain of a public authority. A private authority of a closed "
            "network is trusted through VAIHTO_CA_FILE."
        ),
    ),
    Ending(
        "certificate-revoked",
        _THEIRS,
        True,
        _("The TLS certificate of %(host)s was revoked."),
        _TELL,
    ),
    Ending(
        "certificate-refused",
        _THEIRS,
        True,
        _("The TLS certificate of %(host)s cannot be trusted: %(reason)s."),
        _TELL,
    ),
    Ending(
        "tls-failed",
        _THEIRS,
        True,
        _("No protected connection to %(host)s came about: %(reason)s."),
        _TELL,
    ),
    # An answer that cannot be used whatever it says.
    Ending(
        "answer-too-large",
        _THEIRS,
        False,
        _("The answer of %(host)s is larger than %(limit_mb)s MB and was not read."),
        _("Ask for less at once, or raise VAIHTO_EWP_ANSWER_LIMIT_MB if the size is meant."),
    ),
    Ending(
        "unknown-encoding",
        _THEIRS,
        False,
        _("The answer is packed in a way we did not offer: %(coding)s."),
        _TICKET,
    ),
    Ending("broken-encoding", _THEIRS, True, _("The packed answer cannot be unpacked."), _TICKET),
    Ending(
        "redirect",
        _THEIRS,
        False,
        _("%(host)s answered %(status)s and pointed elsewhere; a signed request never follows."),
        _("The partner has to put the final address into its manifest."),
    ),
    Ending(
        "unexpected-status",
        _THEIRS,
        False,
        _("%(host)s answered with status %(status)s, which has no meaning here."),
        _TICKET,
    ),
    # The partner refused.
    Ending(
        "bad-request",
        _OURS,
        False,
        _("The partner refused the request (%(status)s): %(message)s"),
        _(
            "Its message says what it missed. If our request was right, send its technical contact the ticket text."
        ),
    ),
    Ending(
        "signature-refused",
        _OURS,
        False,
        _("The partner does not accept our signature (%(status)s): %(message)s"),
        _(
            "Check with `vaihto ewp doctor` that the catalogue lists our key and that our clock is right."
        ),
    ),
    Ending(
        "key-not-known-yet",
        _OURS,
        True,
        _("The partner does not know our key yet (%(status)s): %(message)s"),
        _("A new key takes up to three hours to reach everybody. It is tried again by itself."),
    ),
    Ending(
        "not-allowed",
        _OURS,
        False,
        _("The partner knows us and does not let us read this (%(status)s): %(message)s"),
        _("Ask the partner whether we should be allowed."),
    ),
    Ending(
        "nothing-there",
        _THEIRS,
        False,
        _("The address in the catalogue leads to nothing at the partner (%(status)s): %(message)s"),
        _("The partner has to correct its manifest or its server."),
    ),
    Ending(
        "method-refused",
        _THEIRS,
        False,
        _(
            "The partner does not take the method that the network prescribes (%(status)s): %(message)s"
        ),
        _TICKET,
    ),
    Ending(
        "conflict",
        _OURS,
        False,
        _("The partner changed the same thing in the meantime: %(message)s"),
        _("Read the present state and decide again."),
    ),
    Ending(
        "slow-down",
        _OURS,
        True,
        _("The partner wants to be asked less often (%(status)s): %(message)s"),
        _("It is tried again later by itself."),
    ),
    Ending(
        "partner-failed",
        _THEIRS,
        True,
        _("The partner's system failed (%(status)s): %(message)s"),
        _WAIT,
    ),
    Ending(
        "partner-unavailable",
        _THEIRS,
        True,
        _("The partner's system is closed for the moment (%(status)s): %(message)s"),
        _WAIT,
    ),
    # The answer is not proven to be the partner's.
    Ending(
        "unsigned",
        _THEIRS,
        True,
        _(
            "The answer is not signed, although the partner's manifest promises it; it was not used."
        ),
        _TICKET,
    ),
    Ending(
        "malformed-signature",
        _THEIRS,
        True,
        _("The signature of the answer cannot be read: %(detail)s"),
        _TICKET,
    ),
    Ending(
        "not-covered",
        _THEIRS,
        True,
        _("The signature of the answer leaves out what it has to cover: %(detail)s"),
        _TICKET,
    ),
    Ending(
        "bad-signature",
        _THEIRS,
        True,
        _(
            "The signature of the answer is wrong: the answer was changed on its way, or signed wrongly."
        ),
        _TICKET,
    ),
    Ending(
        "bad-digest",
        _THEIRS,
        True,
        _("The content of the answer is not the one that was signed: %(detail)s"),
        _(
            "A proxy at the partner may pack or change content after it was signed. Send the ticket text."
        ),
    ),
    Ending(
        "other-request",
        _THEIRS,
        True,
        _("The answer belongs to another request than ours: %(detail)s"),
        _TICKET,
    ),
    Ending(
        "clock",
        _THEIRS,
        True,
        _("The clocks differ by more than five minutes: %(detail)s"),
        _(
            "`vaihto ewp doctor` compares our clock with the registry's. If ours is right, tell the partner."
        ),
    ),
    Ending(
        "unknown-key",
        _THEIRS,
        True,
        _("The answer is signed with a key that the catalogue does not know: %(key)s."),
        _("The partner may be changing its keys. It is tried again with the newest catalogue."),
    ),
    Ending(
        "wrong-algorithm",
        _THEIRS,
        False,
        _("The answer is signed by a method that the network does not use: %(detail)s"),
        _TICKET,
    ),
    Ending(
        "absent-header",
        _THEIRS,
        True,
        _("The signature of the answer covers something that did not arrive: %(detail)s"),
        _("A proxy on the way may remove headers. Send the ticket text."),
    ),
    Ending(
        "other-request-id",
        _THEIRS,
        True,
        _("The answer carries the number of another request than ours: %(detail)s"),
        _TICKET,
    ),
    Ending(
        "bad-date",
        _THEIRS,
        False,
        _("The answer is dated in a form that nobody can read: %(detail)s"),
        _TICKET,
    ),
    Ending(
        "key-of-another",
        _THEIRS,
        True,
        _("The answer is signed with a key of another host than the one we called: %(key)s."),
        _TICKET,
    ),
    # The answer is the partner's and cannot be understood.
    Ending("not-xml", _THEIRS, True, _("The answer is no XML document: %(detail)s"), _TICKET),
    Ending(
        "not-a-catalogue",
        _THEIRS,
        True,
        _("The registry answered something that is not a catalogue: %(reason)s"),
        _("Check VAIHTO_CATALOGUE_URL; the last good copy stays in use."),
    ),
    Ending(
        "other-document",
        _THEIRS,
        True,
        _("The answer is another document than was asked for: %(detail)s"),
        _TICKET,
    ),
    Ending(
        "no-identifier",
        _THEIRS,
        False,
        _(
            "What the partner named is no identifier of the network: 1 to 64 characters without blanks."
        ),
        _TICKET,
    ),
    Ending(
        "wrong-hash",
        _THEIRS,
        True,
        _("The hash published with agreement %(iia_id)s does not fit its content."),
        _TELL,
    ),
    Ending(
        "message-incomplete",
        _THEIRS,
        True,
        _("The answer lacks something that it must have: %(detail)s"),
        _TICKET,
    ),
)
TABLE: dict[str, Ending] = {ending.code: ending for ending in _TABLE}


@dataclass(frozen=True)
class Outcome:
    """How a call ended: a line of the table and the facts its sentence names."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def ending(self) -> Ending:
        """The line of the table; KeyError for a code that does not stand there."""
        return TABLE[self.code]

    @property
    def is_good(self) -> bool:
        """Did it go well?"""
        return self.code in {"ok", "not-modified"}

    @property
    def blame(self) -> Blame:
        """Who can put it right."""
        return self.ending.blame

    @property
    def repeatable(self) -> bool:
        """May the same request succeed later?"""
        return self.ending.repeatable

    @property
    def sentence(self) -> str:
        """English source text with named facts, to be translated by whoever shows it."""
        return self.ending.sentence

    @property
    def remedy(self) -> str:
        """What to do, English source text."""
        return self.ending.remedy

    def __str__(self) -> str:
        """The English sentence with its facts: for commands, tickets and Monitoring."""
        return filled(self.sentence, self.facts)


class _Said(dict[str, object]):
    """Facts that were not kept read as an ellipsis; a sentence never fails for one."""

    def __missing__(self, _key: str) -> str:
        return "…"


def filled(sentence: str, facts: Mapping[str, object]) -> str:
    """A sentence (translated or not) with its facts."""
    return sentence % _Said(facts)


_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_LONGEST = 600
_SPEECHLESS = "—"  # an error without an error response


def said_by_partner(message: str) -> str:
    """A partner's message for developers as it may be kept among the facts: short, without e-mail addresses."""
    plain = " ".join(_ADDRESS.sub("…@…", message[: 4 * _LONGEST]).split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


_BY_STATUS = {
    401: "signature-refused",
    404: "nothing-there",
    410: "nothing-there",
    405: "method-refused",
    409: "conflict",
    429: "slow-down",
    503: "partner-unavailable",
}
_ABOUT_KEYS = re.compile(
    r"\b(keyid|key|signature|credential|authenticat|unknown client)", re.IGNORECASE
)


def of_status(status: int, *, host: str, message: str, key_is_young: bool) -> Outcome:
    """What a status other than 200 and 304 means.

    `message` is the developer message of the error response, empty when there was none; `key_is_young` says that
    the network may not know our key yet, up to three hours after it was published.
    """
    said = said_by_partner(message)
    facts: dict[str, object] = {"host": host, "status": status, "message": said or _SPEECHLESS}
    facts |= {"said": said} if said else {}
    if 300 <= status < 400:
        return Outcome("redirect", facts)
    if status < 400 or status >= 600:
        return Outcome("unexpected-status", facts)
    if status in {401, 403} and key_is_young:
        return Outcome("key-not-known-yet", facts)
    if status == 403:
        about_keys = _ABOUT_KEYS.search(message) is not None
        return Outcome("signature-refused" if about_keys else "not-allowed", facts)
    fallback = "bad-request" if status < 500 else "partner-failed"
    return Outcome(_BY_STATUS.get(status, fallback), facts)

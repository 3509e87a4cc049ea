"""Catalogues made for tests: hosts with invented APIs and keys, written as a registry writes them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

EWP = "https://github.com/erasmus-without-paper/"
REGISTRY = f"{EWP}ewp-specs-api-registry/tree/stable-v1"
COMMON = f"{EWP}ewp-specs-architecture/blob/stable-v1/common-types.xsd"


def public(word: str) -> str:
    """What stands for a public key where nobody verifies a signature: base64 of some bytes."""
    return base64.b64encode(f"the public key of {word}, ".encode() * 8).decode()


def fingerprint(word: str) -> str:
    """The fingerprint of `public(word)`."""
    return hashlib.sha256(base64.b64decode(public(word))).hexdigest()


def api(
    element: str,
    *,
    repository: str = "",
    major: int = 1,
    version: str = "1.0.0",
    security: str | None = "<sec:client-auth-methods><cli:httpsig/></sec:client-auth-methods>"
    "<sec:server-auth-methods><srv:httpsig/><tls:tlscert/></sec:server-auth-methods>",
    **parts: str,
) -> str:
    """An API entry; `parts` are its own elements, `get_url` for get-url."""
    repository = repository or f"ewp-specs-api-{element}"
    own = "".join(
        f"<x:{name.replace('_', '-')}>{text}</x:{name.replace('_', '-')}>"
        for name, text in parts.items()
    )
    secured = "" if security is None else f"<x:http-security>{security}</x:http-security>"
    return (
        f'<x:{element} xmlns:x="{EWP}{repository}/blob/stable-v{major}/manifest-entry.xsd"'
        f' xmlns:sec="{EWP}ewp-specs-sec-intro/tree/stable-v2"'
        f' xmlns:cli="{EWP}ewp-specs-sec-cliauth-httpsig/tree/stable-v1"'
        f' xmlns:none="{EWP}ewp-specs-sec-cliauth-none/tree/stable-v1"'
        f' xmlns:srv="{EWP}ewp-specs-sec-srvauth-httpsig/tree/stable-v1"'
        f' xmlns:tls="{EWP}ewp-specs-sec-srvauth-tlscert/tree/stable-v1"'
        f' version="{version}">{secured}{own}</x:{element}>'
    )


@dataclass(frozen=True)
class Said:
    """A host of the catalogue; keys are words for `public`."""

    heis: Sequence[str] = ()
    apis: Sequence[str] = ()
    client: Sequence[str] = ()
    server: Sequence[str] = ()
    provider: str = "A provider"
    emails: Sequence[str] = ("ewp@provider.example",)
    other: dict[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    def write(self) -> str:
        return (
            "<r:host>"
            + "".join(f"<c:admin-email>{each}</c:admin-email>" for each in self.emails)
            + f"<c:admin-provider>{self.provider}</c:admin-provider>"
            + f"<r:apis-implemented>{''.join(self.apis)}</r:apis-implemented>"
            + "<r:institutions-covered>"
            + "".join(f"<r:hei-id>{each}</r:hei-id>" for each in self.heis)
            + "</r:institutions-covered>"
            + _credentials("client", self.client)
            + _credentials("server", self.server)
            + "</r:host>"
        )


def _credentials(side: str, words: Sequence[str]) -> str:
    keys = "".join(f'<r:rsa-public-key sha-256="{fingerprint(word)}"/>' for word in words)
    return f"<r:{side}-credentials-in-use>{keys}</r:{side}-credentials-in-use>"


def catalogue(*hosts: Said, binaries: dict[str, str] | None = None) -> bytes:
    """The document. `binaries` overrides the key under a fingerprint."""
    others = {hei: ids for host in hosts for hei, ids in host.other.items()}
    heis = dict.fromkeys(hei for host in hosts for hei in host.heis)
    words = dict.fromkeys(word for host in hosts for word in (*host.client, *host.server))
    keys = {fingerprint(word): public(word) for word in words} | (binaries or {})
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<r:catalogue xmlns:r="{REGISTRY}" xmlns:c="{COMMON}">'
        + "".join(host.write() for host in hosts)
        + "<r:institutions>"
        + "".join(
            f'<r:hei id="{hei}">'
            + "".join(
                f'<r:other-id type="{kind}">{value}</r:other-id>'
                for kind, value in others.get(hei, ())
            )
            + f'<r:name xml:lang="en">University of {hei}</r:name></r:hei>'
            for hei in heis
        )
        + "</r:institutions><r:binaries>"
        + "".join(
            f'<r:rsa-public-key sha-256="{each}">\n  {text[:64]}\n  {text[64:]}\n</r:rsa-public-key>'
            for each, text in keys.items()
        )
        + "</r:binaries></r:catalogue>"
    ).encode()

"""What an EWP API is, said once: routes, manifest entry, look-ups, limits and reference page follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

EWP = "https://github.com/erasmus-without-paper/"


class Reading(StrEnum):
    """Which methods an endpoint takes."""

    GET_AND_POST = "get and post"  # reading: the same parameters in the query or in the form
    GET = "get"  # files and statistics
    POST_FORM = "post form"  # change notifications
    POST_XML = "post xml"  # updates

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods in the order of the `Allow` header."""
        return {
            Reading.GET_AND_POST: ("GET", "POST"),
            Reading.GET: ("GET",),
            Reading.POST_FORM: ("POST",),
            Reading.POST_XML: ("POST",),
        }[self]


class Keep(StrEnum):
    """How an answered request is kept."""

    AT_ONCE = "at once"  # written before the answer leaves: it may be evidence later
    SOON = "soon"  # written in batches after the answer: readings that change nothing


@dataclass(frozen=True)
class Endpoint:
    """One address of an API.

    `name` is the element of the manifest entry: `url`, `get-url`, `index-url`, `stats-url`, `update-url`.
    `path` is what follows `/ewp/<hei_id>/`. `answer` is the function that answers, or better its place,
    `vaihto.ewp.apis.echo.endpoints:echo`, so that declarations stay free of the database; it is called with a
    `calls.Call` and gives a `protocol.http.Response` or the bytes of a message. A client-only API leaves it out.
    """

    name: str
    path: str
    reading: Reading = Reading.GET_AND_POST
    answer: Callable[[Any], Any] | str | None = None
    keep: Keep = Keep.SOON
    personal: bool = False  # its messages carry personal data
    anonymous: bool = False  # may be read without a signature


@dataclass(frozen=True)
class Api:
    """One API in one major version.

    `element` is the local name of its manifest entry; `repository` and `major` give the entry's namespace;
    `version` is the release we implement. `limits` are the elements `max-…` with their numbers; `flags` other
    elements of the entry with their text. `order` lists the entry's own elements after `http-security` as the
    schema wants them.
    """

    element: str
    repository: str
    major: int
    version: str
    says: str  # one sentence for the reference page
    endpoints: tuple[Endpoint, ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    flags: tuple[tuple[str, str], ...] = ()
    order: tuple[str, ...] = ()
    http_security: bool = True
    notifies: bool = (
        False  # a change notification receiver: its ids go to and from the outbox and inbox
    )

    @property
    def namespace(self) -> str:
        """The namespace of the manifest entry."""
        return f"{EWP}{self.repository}/blob/stable-v{self.major}/manifest-entry.xsd"

    @property
    def key(self) -> str:
        """Element and major version: `institutions-v2`, how commands and pages name it."""
        return f"{self.element}-v{self.major}"

    def limit(self, name: str) -> int:
        """The number under `max-…`. Raises KeyError for a limit that is not declared."""
        return dict(self.limits)[name]

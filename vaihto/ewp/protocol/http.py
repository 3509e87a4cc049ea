"""A request and an answer exactly as they crossed the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl

Headers = tuple[tuple[str, str], ...]


def by_name(headers: Headers) -> dict[str, str]:
    """Values by name in lower case; repeated lines joined by comma and blank.

    Source: draft-cavage-http-signatures-07, 2.3; the joined form is the one that is signed.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.lower(), value.strip(" \t")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def header(headers: Headers, name: str) -> str | None:
    """One value of `by_name`, None when absent."""
    return by_name(headers).get(name.lower())


@dataclass(frozen=True)
class Request:
    """A request as received or about to be sent.

    `target` is what stands on the request line: path and query, percent-encoding untouched.
    `body` are the bytes as transferred, before any content decoding.
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return by_name(self.headers)

    def header(self, name: str) -> str | None:
        """The value under `name`, whatever its case; repeated lines joined, None when absent."""
        return self._by_name.get(name.lower())

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query as sent, without the question mark."""
        return self.target.partition("?")[2]


@dataclass(frozen=True)
class Response:
    """An answer as sent or received."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return by_name(self.headers)

    def header(self, name: str) -> str | None:
        """The value under `name`, whatever its case; repeated lines joined, None when absent."""
        return self._by_name.get(name.lower())


_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


class MalformedForm(ValueError):
    """A form whose bytes are no UTF-8 or whose percent-encoding is broken."""


@dataclass(frozen=True)
class Parameters:
    """Form or query parameters in the order they came; a name may come several times."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, text: str | bytes) -> Parameters:
        """Parameters of a query or of a form body. Raises `MalformedForm`."""
        try:
            plain = text.decode("ascii") if isinstance(text, bytes) else text
            pairs = parse_qsl(plain, keep_blank_values=True, errors="strict", max_num_fields=20_000)
        except ValueError as error:
            raise MalformedForm(str(error)) from error
        if _BROKEN_ESCAPE.search(plain):
            raise MalformedForm("a percent sign without two hexadecimal digits")
        return cls(tuple(pairs))

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of `name`, in order."""
        return tuple(value for key, value in self.pairs if key == name)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _value in self.pairs)

"""Asking one reading endpoint in every combination of method and security, as the official validator does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.ewp.network import Network
from vaihto.ewp.protocol.http import Response

FAKE = "this-is-some-unknown-and-unexpected-id"
Pairs = Iterable[tuple[str, str]]

every_combination = pytest.mark.parametrize(
    ("method", "signed"), [("GET", True), ("POST", True), ("GET", False), ("POST", False)]
)
"""Requests are always signed; whether the answer is asked to be signed varies."""


class Asking:
    """Asks the endpoint at `path`; `read` gives what stands in a message, `always` is sent by `found`."""

    def __init__(
        self,
        network: Network,
        path: str,
        read: Callable[[bytes], Any],
        *,
        method: str,
        signed: bool,
        always: Pairs = (),
    ) -> None:
        self.network, self.path, self.read = network, path, read
        self.method, self.signed, self.always = method, signed, tuple(always)

    def answer(self, pairs: Pairs, **headers: str) -> Response:
        """The answer, judged: its signature, its schema, its error document."""
        return self.network.ask(
            self.path,
            pairs,
            method=self.method,
            wants_signature=self.signed,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    def status(self, *pairs: tuple[str, str]) -> int:
        """The status of the answer."""
        return self.answer(pairs).status

    def found(self, *pairs: tuple[str, str]) -> list[Any]:
        """What stands in an answer of status 200, in which nothing is missing or malformed."""
        answer = self.answer([*self.always, *pairs])
        assert answer.status == 200
        read = self.read(answer.body)
        assert read.problems == ()
        return list(next(iter(vars(read.message).values())))

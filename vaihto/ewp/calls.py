"""What an endpoint is handed: who asks whom for what, already verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - `Call.date` reads one
from datetime import datetime
from typing import TypeVar

from vaihto.ewp.protocol.api import Api, Endpoint
from vaihto.ewp.protocol.dates import read_day, read_moment
from vaihto.ewp.protocol.errors import BadParameter
from vaihto.ewp.protocol.http import Parameters, Request
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, ActorKind

Value = TypeVar("Value")


@dataclass(frozen=True)
class Call:
    """One request to one endpoint of one hosted institution.

    `callers` are the institutions in whose name the request was signed, each once: normally one, perhaps none or
    several. `request` carries only the headers that were signed. Every method that reads a parameter raises
    `BadParameter`, which becomes an answer with status 400.
    """

    institution: Institution
    callers: tuple[str, ...]
    request: Request
    parameters: Parameters
    now: datetime
    api: Api
    endpoint: Endpoint

    @property
    def actor(self) -> Actor:
        """The partner, as actions and the journal name it."""
        return Actor(kind=ActorKind.PARTNER, label=", ".join(self.callers))

    def one(self, name: str) -> str:
        """The value of a parameter that must be given once and not be empty."""
        value = self.one_or(name)
        if not value:
            raise BadParameter(name, "it is required.")
        return value

    def one_or(self, name: str, otherwise: str = "") -> str:
        """The value of a parameter that may be given once; `otherwise` when it is not given or empty."""
        values = self.parameters.all(name)
        if len(values) > 1:
            raise BadParameter(name, f"{len(values)} values given, it is not repeatable.")
        return (values[0] if values else "") or otherwise

    def many(self, name: str, limit: str | int | None = None) -> tuple[str, ...]:
        """All values of a repeatable parameter as they came, perhaps none.

        `limit` is the name of a `max-…` of the API, or a number. Every occurrence counts, also of the same value.
        Source: ewp-specs-architecture, "Limits on the number of ids".
        """
        values = self.parameters.all(name)
        most = self.api.limit(limit) if isinstance(limit, str) else limit
        if most is not None and len(values) > most:
            raise BadParameter(name, f"{len(values)} values given, at most {most} accepted.")
        return values

    def date(self, name: str) -> Date | None:
        """A day, `YYYY-MM-DD`; None when it is not given."""
        return self._read(name, read_day, "a date such as 2026-09-01")

    def moment(self, name: str) -> datetime | None:
        """A moment with its offset, in UTC; None when it is not given."""
        return self._read(name, read_moment, "a date and time such as 2004-02-12T15:19:21+01:00")

    def _read(self, name: str, read: Callable[[str], Value], shape: str) -> Value | None:
        if name not in self.parameters:
            return None
        try:
            return read(self.one_or(name))
        except ValueError as error:
            raise BadParameter(name, f"it must be {shape}.") from error

    def is_known(self, etag: str) -> bool:
        """Does the caller already have what this ETag (in its quotes) names? Then a 304 is enough."""
        known = (self.request.header("if-none-match") or "").split(",")
        return any(each.strip().removeprefix("W/") in {etag, "*"} for each in known)

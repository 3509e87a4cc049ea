"""A report to Monitoring 0.2 and its empty answer. Source: ewp-specs-api-monitoring 0.2.0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.types import Read, root_of
from vaihto.ewp.protocol.xml import Builder

NAMESPACE = f"{EWP}ewp-specs-api-monitoring/tree/stable-v1"


@dataclass(frozen=True)
class Report:
    """A call that failed. It is public: no personal data stands in any part of it."""

    server_hei_id: str  # whom we tried to reach
    api_name: str  # local name of the catalogue entry
    endpoint_name: str = ""  # get, index, stats, update; empty when the element is just `url`
    http_code: int | None = None  # None when no answer came
    server_message: str = ""  # text of the developer message of a 4xx or 5xx
    client_message: str = ""  # our own description; needed unless the answer was a 4xx or 5xx

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The form to send. What is not known is sent empty."""
        return (
            ("server_hei_id", self.server_hei_id),
            ("api_name", self.api_name),
            ("endpoint_name", self.endpoint_name),
            ("http_code", "" if self.http_code is None else str(self.http_code)),
            ("server_message", self.server_message),
            ("client_message", self.client_message),
        )


def endpoint_name(element: str) -> str:
    """How a report names an endpoint: the element of the entry without `-url`, nothing for `url` alone."""
    return "" if element == "url" else element.removesuffix("-url")


@dataclass(frozen=True)
class MonitoringResponse:
    """The report was taken; there is nothing more in it."""

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """From an answer. Raises `MalformedXml`."""
        root_of(document, "monitoring-response", NAMESPACE)
        return Read(cls())

    def write(self) -> bytes:
        """The document."""
        return Builder("monitoring-response", NAMESPACE).write()

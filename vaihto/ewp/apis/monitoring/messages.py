"""A report to the Statistics Portal, and its empty answer.

Source: ewp-specs-api-monitoring 0.2, README and response.xsd.
"""

from __future__ import annotations

from dataclasses import dataclass

from vaihto.ewp.protocol import xml
from vaihto.ewp.protocol.api import EWP

NAMESPACE = f"{EWP}ewp-specs-api-monitoring/tree/stable-v1"


@dataclass(frozen=True)
class Report:
    """One problem. No field holds personal data: reports are public.

    `endpoint_name` is the element of the entry without `-url`, empty for `url`. `http_code` is empty when no answer
    came. `server_message` is what the partner's error response told developers; `client_message` is ours, and is
    empty after a status of 400 or more.
    """

    server_hei_id: str
    api_name: str
    endpoint_name: str = ""
    http_code: str = ""
    server_message: str = ""
    client_message: str = ""

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Names and values of the form."""
        return (
            ("server_hei_id", self.server_hei_id),
            ("api_name", self.api_name),
            ("endpoint_name", self.endpoint_name),
            ("http_code", self.http_code),
            ("server_message", self.server_message),
            ("client_message", self.client_message),
        )


@dataclass(frozen=True)
class MonitoringResponse:
    """The report was taken."""

    @classmethod
    def read(cls, document: bytes) -> MonitoringResponse:
        """Raises `MalformedXml`."""
        root = xml.parse(document)
        if not root.is_a("monitoring-response", NAMESPACE):
            raise xml.MalformedXml("The document is no monitoring-response.")
        return cls()

    def write(self) -> bytes:
        """The document."""
        return xml.Builder("monitoring-response", NAMESPACE).write()

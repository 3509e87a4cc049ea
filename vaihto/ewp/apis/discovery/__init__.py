"""The manifest of an institution at its fixed address, which the registry reads: Discovery 6."""

from __future__ import annotations

from vaihto.ewp.apis.discovery.messages import PATH
from vaihto.ewp.protocol.api import Api, Endpoint, Reading

DISCOVERY = Api(
    element="discovery",
    repository="ewp-specs-api-discovery",
    major=6,
    version="6.0.0",
    says="The manifest: which APIs an institution offers where, and which keys it signs with. Read by the registry.",
    endpoints=(
        Endpoint(
            "url",
            PATH,
            Reading.GET,
            answer="vaihto.ewp.apis.discovery.endpoints:serve",
            anonymous=True,
        ),
    ),
    order=("url",),
    http_security=False,
)

APIS = (DISCOVERY,)

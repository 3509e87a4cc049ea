"""Telling the network's Statistics Portal that a partner could not be reached or understood; we only call it.

Source: ewp-specs-api-monitoring 0.2.
"""

from __future__ import annotations

from vaihto.ewp.protocol.api import Api, Endpoint, Reading

MONITORING = Api(
    element="monitoring",
    repository="ewp-specs-api-monitoring",
    major=1,
    version="0.2.0",
    says="Problems that we meet when we call partners are reported to the Statistics Portal.",
    endpoints=(Endpoint("url", "monitoring/v1", Reading.POST_FORM),),
    order=("url",),
)
APIS = (MONITORING,)

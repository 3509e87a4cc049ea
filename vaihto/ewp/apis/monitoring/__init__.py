"""Telling the network's Statistics Portal what went wrong in a call to a partner: Monitoring 0.2; we only call it."""

from __future__ import annotations

from vaihto.ewp.protocol.api import Api, Endpoint, Reading

# Version 0.2 in the namespace of version 1: drafts live there.
MONITORING = Api(
    element="monitoring",
    repository="ewp-specs-api-monitoring",
    major=1,
    version="0.2.0",
    says="Takes reports of calls that failed; we only report.",
    endpoints=(Endpoint("url", "monitoring/v1", Reading.POST_FORM),),
    order=("url",),
)

SERVED_BY = "stats.erasmuswithoutpaper.eu"

# Their troubles are nobody's business but their own.
NOT_REPORTED = frozenset({"discovery", "echo", "monitoring", "registry"})

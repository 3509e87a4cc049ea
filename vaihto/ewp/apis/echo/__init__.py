"""Saying back what was said: Echo 2, by which everybody tries the security of a connection."""

from __future__ import annotations

from vaihto.ewp.protocol.api import Api, Endpoint

ECHO = Api(
    element="echo",
    repository="ewp-specs-api-echo",
    major=2,
    version="2.0.1",
    says="Says back what it was told, and in whose name the caller signed.",
    endpoints=(Endpoint("url", "echo/v2", answer="vaihto.ewp.apis.echo.endpoints:echo"),),
    order=("url",),
)

APIS = (ECHO,)

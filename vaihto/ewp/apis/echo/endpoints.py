"""Answering Echo 2. Source: ewp-specs-api-echo, stable-v2."""

from __future__ import annotations

from vaihto.ewp.apis.echo.messages import Echo
from vaihto.ewp.calls import Call


def echo(call: Call) -> bytes:
    """Everything that was said, doubles and empty values too, and the institutions of the caller's key."""
    return Echo(call.callers, call.many("echo")).write()

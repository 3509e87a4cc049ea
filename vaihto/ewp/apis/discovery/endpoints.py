"""Who asks for a manifest gets it, signed or not."""

from __future__ import annotations

from typing import Any

from vaihto.ewp import manifest
from vaihto.ewp.protocol.errors import Trouble


def serve(call: Any) -> bytes:  # Any: the server knows the APIs, so they do not import it
    """The manifest of the institution whose address was called."""
    try:
        return manifest.document(institution=call.institution, now=call.now)
    except manifest.NoPublicAddress as refusal:
        raise Trouble(503, str(refusal), code="no-public-address") from refusal

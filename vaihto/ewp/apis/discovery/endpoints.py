"""Who asks for a manifest gets it, signed or not."""

from __future__ import annotations

from vaihto.ewp import manifest
from vaihto.ewp.calls import Call
from vaihto.ewp.protocol.errors import Trouble


def serve(call: Call) -> bytes:
    """The manifest of the institution whose address was called."""
    try:
        return manifest.document(institution=call.institution, now=call.now)
    except manifest.NoPublicAddress as refusal:
        raise Trouble(503, str(refusal), code="no-public-address") from refusal

"""One package per business object: its `Api` declarations, messages, mapping from records and endpoints.

The declarations of a package (its `__init__.py`) import nothing of Django; where an endpoint is answered they say as
`module:function`. `APIS` are those we serve, in the order of the manifest.
"""

from __future__ import annotations

from vaihto.ewp.apis import courses, discovery, echo, files, iias, institutions
from vaihto.ewp.protocol.api import Api

APIS: tuple[Api, ...] = (
    *discovery.APIS,
    *echo.APIS,
    *institutions.APIS,
    *courses.APIS,
    *files.APIS,
    *iias.APIS,
)

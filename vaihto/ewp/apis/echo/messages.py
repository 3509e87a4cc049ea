"""The answer of Echo 2. Source: ewp-specs-api-echo, stable-v2, response.xsd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.xml import Builder, MalformedXml, parse

NAMESPACE = f"{EWP}ewp-specs-api-echo/tree/stable-v2"


@dataclass(frozen=True)
class Echo:
    """In whose name the caller signed, each institution once, and what it said in its order."""

    hei_ids: tuple[str, ...] = ()
    echoes: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Self:
        """Raises `MalformedXml`. Blanks and empty texts are part of what was said."""
        root = parse(document)
        if not root.is_a("response", NAMESPACE):
            raise MalformedXml(f"The root is {root.name} in {root.namespace or 'no namespace'}.")
        return cls(root.texts("hei-id"), tuple(child.raw for child in root.children("echo")))

    def write(self) -> bytes:
        """The document."""
        root = Builder("response", NAMESPACE)
        for hei_id in self.hei_ids:
            root.add("hei-id", hei_id)
        for echo in self.echoes:
            root.add("echo", echo)
        return root.write()

"""Errors as the network words them: the `error-response` document and the status that goes with a refusal.

Source: ewp-specs-architecture, "Error handling" and common-types.xsd, stable-v1.
"""

from __future__ import annotations

from dataclasses import dataclass

from vaihto.ewp.protocol import xml
from vaihto.refusals import Invalid, NotAllowed, Refusal, Stale, Unknown


@dataclass(frozen=True)
class ErrorResponse:
    """The body of every answer with status 4xx or 5xx.

    `developer` is for the people who program the caller. `users` are pairs of language and text for the person at
    the caller who may have caused it; English is among them when there are any. Neither holds personal data:
    callers forward them to the public Monitoring page.
    """

    developer: str
    users: tuple[tuple[str, str], ...] = ()

    def write(self) -> bytes:
        """The document."""
        root = xml.Builder("error-response", xml.COMMON_TYPES)
        root.add("developer-message", self.developer)
        root.add_in_languages("user-message", self.users)
        return root.write()

    @classmethod
    def read(cls, document: bytes) -> ErrorResponse | None:
        """What a partner's error says; None when the bytes are no error response."""
        try:
            root = xml.parse(document, limit=1024 * 1024)
        except xml.MalformedXml:
            return None
        if not root.is_a("error-response", xml.COMMON_TYPES):
            return None
        return cls(root.text_or("developer-message"), root.in_languages("user-message"))


class Trouble(Exception):
    """Ends a request with an error answer: what an endpoint or the server raises.

    `headers` are those that the status asks for, such as `Allow`. `code` is stable and for our own lists.
    """

    def __init__(
        self,
        status: int,
        developer: str,
        *,
        code: str,
        users: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(developer)
        self.status = status
        self.code = code
        self.body = ErrorResponse(developer, users)
        self.headers = headers


class BadParameter(Trouble):
    """A parameter is missing, malformed, given too often, or too many."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(400, f"Parameter {name}: {problem}", code="bad-parameter")
        self.name = name


class Forbidden(Trouble):
    """The caller is recognised and not entitled to this endpoint at all."""

    def __init__(self, developer: str) -> None:
        super().__init__(403, developer, code="forbidden")


# The first line that fits decides. Unknown is 400 because only updates raise it: readings leave the unknown out.
# Source: ewp-specs-architecture, "Error handling"; update endpoints of omobilities and omobility-las.
_STATUS: tuple[tuple[type[Refusal], int], ...] = (
    (NotAllowed, 403),
    (Stale, 409),
    (Unknown, 400),
    (Invalid, 400),
    (Refusal, 400),
)


def status_of(refusal: Refusal) -> int:
    """The HTTP status that says the same as the refusal."""
    return next(status for kind, status in _STATUS if isinstance(refusal, kind))

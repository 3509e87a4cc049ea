"""How a copy becomes the bytes that are served and hashed, and who uses an agreement: answered by rooms above.

The terms know nothing of XML, yet what is approved are bytes. The room that speaks the network's language
registers its form here at start; there is one form for all partners, so that a partner may change its channel in
the middle of a negotiation and every proof stays comparable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from vaihto.agreements.terms import Copy

if TYPE_CHECKING:
    from vaihto.agreements.models import Agreement


class Form(Protocol):
    """Turns a copy into its document and back."""

    def write(self, copy: Copy) -> tuple[bytes, str]:
        """The document as it is served, and the hash published in it."""

    def read(self, document: bytes) -> Copy:
        """What a document of ours says. Raises ValueError when it is none."""


_FORM: list[Form] = []
_USES: list[Callable[[Agreement], int]] = []


def use_form(form: Form) -> None:
    """Every copy is written in this form from now on."""
    _FORM[:] = [form]


def form() -> Form:
    """The form in use. Raises LookupError when no room has registered one."""
    if not _FORM:
        raise LookupError("no room has said how agreements are written")
    return _FORM[0]


def count_use(counter: Callable[[Agreement], int]) -> None:
    """`counter` tells how many mobilities run or ran under an agreement."""
    if counter not in _USES:
        _USES.append(counter)


def uses(agreement: Agreement) -> int:
    """How many mobilities run or ran under this agreement, as far as any room knows."""
    return sum(counter(agreement) for counter in _USES)

"""How agreements become documents: the form in which every copy is served, hashed and kept, whoever the partner is."""

from __future__ import annotations

from vaihto.agreements.terms import Copy
from vaihto.ewp.apis.iias.messages import IiasGetResponse, hashed
from vaihto.ewp.protocol.types import Unwritable
from vaihto.ewp.protocol.xml import MalformedXml
from vaihto.refusals import Invalid
from vaihto.wording import mark as _


class Unservable(Invalid):
    """The copy lacks what every document in the network must have."""

    sentence = _("This agreement cannot be written as the network wants it: %(detail)s")


class IiaForm:
    """A copy as the answer to `get`, one agreement a document."""

    def write(self, copy: Copy) -> tuple[bytes, str]:
        """The document and its hash. Raises `Unservable`."""
        try:
            return hashed(copy)
        except Unwritable as error:
            raise Unservable("agreements.unservable", detail=str(error)) from error

    def read(self, document: bytes) -> Copy:
        """What the document says. Raises ValueError when it is no answer with one agreement."""
        try:
            read = IiasGetResponse.read(document)
        except MalformedXml as error:
            raise ValueError(str(error)) from error
        if len(read.message.iias) != 1:
            raise ValueError("the document does not hold exactly one agreement")
        return read.message.iias[0].copy

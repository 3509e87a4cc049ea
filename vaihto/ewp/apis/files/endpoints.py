"""Answering File 1: the bytes of a file, for those who were told its id."""

from __future__ import annotations

from django.utils.http import content_disposition_header

from vaihto.ewp import sharing
from vaihto.ewp.calls import Call
from vaihto.ewp.protocol.errors import Trouble
from vaihto.ewp.protocol.http import Response


def file(call: Call) -> Response:
    """The file. One that is not there and one that is not for the caller look exactly alike: 404.

    A file never changes under its id, so it may be kept for as long as the caller likes.
    """
    found = sharing.readable(
        institution=call.institution, file_id=call.one("file_id"), readers=call.callers
    )
    if found is None:
        raise Trouble(404, "There is no file of that id for you.", code="no-file")
    mark = f'"{found.digest}"'
    kept = (("ETag", mark), ("Cache-Control", "private, max-age=31536000, immutable"))
    if call.is_known(mark):
        return Response(304, kept)
    disposition = content_disposition_header(as_attachment=False, filename=found.name)
    return Response(
        200,
        (
            ("Content-Type", found.media_type),
            *([("Content-Disposition", disposition)] if disposition else []),
            *kept,
        ),
        sharing.content(found),
    )

"""Files that other messages mention by their id: File 1."""

from __future__ import annotations

from vaihto.ewp.protocol.api import Api, Endpoint, Reading

FILE = Api(
    element="file",
    repository="ewp-specs-api-file",
    major=1,
    version="1.0.0",
    says="A file that another message mentions, only for those who were given its id.",
    endpoints=(
        Endpoint(
            "url",
            "file/v1",
            Reading.GET,
            answer="vaihto.ewp.apis.files.endpoints:file",
            personal=True,
        ),
    ),
    order=("url",),
)

APIS = (FILE,)

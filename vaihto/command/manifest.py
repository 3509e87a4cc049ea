"""`vaihto ewp manifest`: the manifests of the hosted institutions, as documents.

Before there is a database it shows what they would look like: the institutions of the demo, with keys that are
thrown away.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import connection
from django.utils import timezone

from vaihto import environment
from vaihto.command import DONE, REFUSED
from vaihto.command.arguments import parser_of
from vaihto.demo.alliance import HOSTED
from vaihto.ewp import keys, manifest, schemas
from vaihto.institutions.models import Institution

_ELSEWHERE = "https://localhost"


def write(arguments: list[str]) -> int:
    """Prints one manifest, or writes all of them into a folder and prints their paths."""
    parser = parser_of("ewp manifest")
    parser.add_argument(
        "hei_id", nargs="?", metavar="HEI_ID", help="print the manifest of this one"
    )
    parser.add_argument("--all", action="store_true", help="of every hosted institution")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write into it, with --all")
    chosen = parser.parse_args(arguments)
    if chosen.all == bool(chosen.hei_id):
        parser.error("say either HEI_ID or --all")
    if chosen.all != (chosen.output is not None):
        parser.error("--all and --output FOLDER go together")
    public_url = settings.PUBLIC_URL if environment.is_set("VAIHTO_PUBLIC_URL") else _ELSEWHERE
    is_there = _has_tables()
    if not is_there:
        _tell("There is no database yet: the demo's institutions are shown, with throw-away keys.")
    make = _stored if is_there else _invented
    documents = make(chosen.hei_id, public_url)
    if chosen.all:
        return _write_all(documents, chosen.output)
    for _hei_id, document in documents:
        sys.stdout.buffer.write(document + b"\n")
        sys.stdout.buffer.flush()
        return _judged([document])
    _tell(f"{chosen.hei_id} is not hosted here.")
    return REFUSED


def _has_tables() -> bool:
    """Asking for tables would make the file of an SQLite database, so the file is looked for first."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3") and not Path(database["NAME"]).is_file():
        return False
    return Institution._meta.db_table in connection.introspection.table_names()


def _stored(hei_id: str | None, public_url: str) -> Iterator[tuple[str, bytes]]:
    now = timezone.now()
    for institution in Institution.objects.hosted().order_by("hei_id"):
        if hei_id in {None, institution.hei_id}:
            yield (
                institution.hei_id,
                manifest.document(institution=institution, now=now, public_url=public_url),
            )


def _invented(hei_id: str | None, public_url: str) -> Iterator[tuple[str, bytes]]:
    server_key = _throw_away_key()
    for house in sorted(HOSTED, key=lambda each: each.hei_id):
        if hei_id in {None, house.hei_id}:
            institution = Institution(
                hei_id=house.hei_id,
                name=house.name,
                names=dict(house.names),
                erasmus_code=house.erasmus_code,
            )
            made = manifest.manifest_of(
                institution,
                public_url=public_url,
                emails=settings.EWP_ADMIN_EMAILS or manifest.usual_emails(house.hei_id, public_url),
                client_keys=[_throw_away_key()],
                server_keys=[server_key],
            )
            yield house.hei_id, made.write()


def _throw_away_key() -> str:
    pair = rsa.generate_private_key(public_exponent=65537, key_size=keys.BITS).public_key()
    return b64encode(pair.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _write_all(documents: Iterator[tuple[str, bytes]], folder: Path) -> int:
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for hei_id, document in documents:
            path = folder / f"{quote(hei_id, safe='')}.xml"
            path.write_bytes(document)
            print(path, flush=True)
            written.append(document)
    except OSError as error:
        _tell(f"{error.filename}: {error.strerror}.")
        return REFUSED
    if not written:
        _tell("No institution is hosted here.")
        return REFUSED
    return _judged(written)


def _judged(documents: list[bytes]) -> int:
    """Done, unless the official schemas are here and object."""
    found = [
        problem
        for document in documents
        for problem in schemas.problems(document, settings.SCHEMAS) or []
    ]
    for problem in found:
        _tell(f"The official schema objects: {problem}")
    return REFUSED if found else DONE


def _tell(sentence: str) -> None:
    print(f"vaihto: {sentence}", file=sys.stderr)

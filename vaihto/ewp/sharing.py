"""Files that partners fetch by their id: kept sealed, never changed, read only by those who were told the id.

A changed file is a new file with a new id, and whoever mentions the id sends a change notification. Source:
ewp-specs-api-file 1.0.0. Start reading at `share_file`.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from vaihto.ewp.models import FileReader, SharedFile
from vaihto.institutions.models import Institution
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor
from vaihto.people.secrecy import seal, unseal
from vaihto.refusals import Invalid, NotAllowed
from vaihto.wording import mark as _

LIMIT_BYTES = 20 * 1024 * 1024
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_NO_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")


class TooBig(Invalid):
    """More bytes than partners are expected to take."""

    sentence = _("The file has %(size)s bytes; there is room for %(limit)s.")
    remedy = _("Share a smaller file.")


@transaction.atomic
def share_file(
    *,
    actor: Actor,
    institution: Institution,
    content: bytes,
    media_type: str,
    name: str,
    readers: Collection[str],
    now: datetime,
    reason: str = "",
) -> SharedFile:
    """Keeps a file for partners; `readers` are the hei_ids that are told its id, those that may fetch it.

    `media_type` as in application/pdf, `name` is what the file is called when it is saved. Whether the actor may
    send this to that partner is decided by the action that mentions the id; here the actor must have a role at
    the institution. Refuses with `NotAllowed`, `TooBig` or `Invalid`.
    """
    _require_role(actor, institution)
    if len(content) > LIMIT_BYTES:
        raise TooBig("file.too-big", size=len(content), limit=LIMIT_BYTES)
    if not _MEDIA_TYPE.fullmatch(media_type) or len(media_type) > 100:
        raise Invalid(
            "file.media-type",
            sentence=_("“%(value)s” is not a media type."),
            remedy=_("Write it as in application/pdf."),
            field="media_type",
            value=media_type,
        )
    file = SharedFile.objects.create(
        file_id=str(uuid.uuid4()),
        institution=institution,
        name=_NO_NAME.sub("-", name).strip()[:200],
        media_type=media_type,
        content=seal(content),
        size=len(content),
        digest=hashlib.sha256(content).hexdigest(),
        created_at=now,
    )
    _allow(file, readers, now)
    record(
        actor,
        "file.shared",
        file,
        at=now,
        institution_id=institution.pk,
        changes={"readers": [[], sorted(set(readers))], "size": [None, len(content)]},
        reason=reason,
    )
    return file


@transaction.atomic
def allow_reader(
    *, actor: Actor, file: SharedFile, hei_id: str, now: datetime, reason: str = ""
) -> None:
    """One more institution is told the id. Saying it twice changes nothing."""
    _require_role(actor, file.institution)
    if not _allow(file, [hei_id], now):
        return
    record(
        actor,
        "file.reader-allowed",
        file,
        at=now,
        institution_id=file.institution_id,
        changes={"readers": ["", hei_id]},
        reason=reason,
    )


def readable(
    *, institution: Institution, file_id: str, readers: Collection[str]
) -> SharedFile | None:
    """The file of this institution, if one of the readers was told its id. One query, its bytes left sealed."""
    return SharedFile.objects.filter(
        institution=institution,
        file_id=file_id,
        pk__in=FileReader.objects.filter(hei_id__in=list(readers)).values("file"),
    ).first()


def content(file: SharedFile) -> bytes:
    """The bytes as they were shared."""
    return unseal(bytes(file.content))


def _require_role(actor: Actor, institution: Institution) -> None:
    if not actor.sees_everything and all(
        grant.institution_id != institution.pk for grant in actor.grants
    ):
        raise NotAllowed("not-allowed", may="file.share")


def _allow(file: SharedFile, readers: Collection[str], now: datetime) -> bool:
    known = set(FileReader.objects.filter(file=file).values_list("hei_id", flat=True))
    new = sorted({hei_id for hei_id in readers if hei_id} - known)
    FileReader.objects.bulk_create(FileReader(file=file, hei_id=one, since=now) for one in new)
    return bool(new)

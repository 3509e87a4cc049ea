"""Files that belong to an agreement: the old paper one, a signed copy. Sealed at rest, kept as they came."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import transaction

from vaihto.agreements.models import Agreement, Attachment, Side
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, ActorKind, May
from vaihto.people.secrecy import seal, unseal
from vaihto.refusals import Invalid
from vaihto.wording import mark as _

MOST_BYTES = 10 * 1024 * 1024


class NotAPdf(Invalid):
    """Only PDF is kept: it shows the same everywhere, and holds no macros a reader would run."""

    sentence = _("“%(name)s” is not a PDF file.")
    remedy = _("Save the paper as PDF and choose that file.")


class TooLarge(Invalid):
    """More than a scanned agreement needs."""

    sentence = _("“%(name)s” is larger than %(most)s MB.")
    remedy = _("Scan it with a lower resolution.")


@transaction.atomic
def attach(
    *,
    actor: Actor,
    agreement: Agreement,
    name: str,
    content: bytes,
    now: datetime,
) -> Attachment:
    """Keeps a PDF with the agreement; the same file twice is kept once."""
    if actor.kind is not ActorKind.PARTNER:
        actor.require(May.AGREEMENTS_EDIT, agreement.institution_id, agreement.unit_id)
    clean = " ".join(name.replace("\\", "/").rpartition("/")[2].split())[-200:] or "agreement.pdf"
    if len(content) > MOST_BYTES:
        raise TooLarge(
            "agreements.file-too-large", field="file", name=clean, most=MOST_BYTES // 1024**2
        )
    if not content.startswith(b"%PDF-"):
        raise NotAPdf("agreements.not-a-pdf", field="file", name=clean)
    digest = hashlib.sha256(content).hexdigest()
    known = agreement.attachments.filter(digest=digest).first()
    if known is not None:
        return known
    kept = Attachment.objects.create(
        agreement=agreement,
        name=clean,
        media_type="application/pdf",
        content=seal(content),
        size=len(content),
        digest=digest,
        side=Side.PARTNER if actor.kind is ActorKind.PARTNER else Side.OURS,
        at=now,
        by=actor.label,
    )
    record(
        actor,
        "agreements.attach",
        agreement,
        at=now,
        institution_id=agreement.institution_id,
        changes={"file": ["", clean]},
    )
    return kept


def content_of(attachment: Attachment) -> bytes:
    """The file as it came."""
    return unseal(bytes(attachment.content))

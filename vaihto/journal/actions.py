"""Writing the journal: one line per record and change, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import models

from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry, subject_type


def entry(
    actor: Actor,
    verb: str,
    subject: models.Model,
    *,
    at: datetime,
    institution_id: int | None = None,
    changes: Mapping[str, Any] | None = None,
    reason: str = "",
    batch: str = "",
) -> Entry:
    """An unsaved entry, for those who write many at once with `record_all`."""
    return Entry(
        at=at,
        actor_kind=str(actor.kind),
        actor_label=actor.label,
        account_id=actor.account_id,
        behalf_of=actor.behalf_of,
        verb=verb,
        subject_type=subject_type(subject),
        subject_id=str(subject.pk),
        subject_label=str(subject)[:200],
        institution_id=institution_id,
        changes=dict(changes or {}),
        reason=reason,
        batch=batch,
    )


def record(
    actor: Actor,
    verb: str,
    subject: models.Model,
    *,
    at: datetime,
    institution_id: int | None = None,
    changes: Mapping[str, Any] | None = None,
    reason: str = "",
    batch: str = "",
) -> Entry:
    """Writes down that `actor` did `verb` to `subject`."""
    line = entry(
        actor,
        verb,
        subject,
        at=at,
        institution_id=institution_id,
        changes=changes,
        reason=reason,
        batch=batch,
    )
    line.save()
    return line


def record_all(entries: Iterable[Entry], *, batch_size: int = 2000) -> None:
    """Writes many lines at once; one line per record all the same."""
    Entry.objects.bulk_create(entries, batch_size=batch_size)

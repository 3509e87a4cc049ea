"""Writing protected fields anew with the newest key, so that an old one can be thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db import models, transaction
from django.db.models.functions import Cast

from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry, subject_type
from vaihto.people.secrecy import (
    EncryptedTextField,
    KeyMissing,
    SealedField,
    decrypt,
    encrypt,
    is_newest,
    seal,
    search_hash,
    unseal,
)

_BATCH = 500


@dataclass
class Rotated:
    """What happened to one protected field of one kind of record."""

    field: str  # people.person.identity_code
    renewed: int = 0
    already_new: int = 0
    unreadable: int = 0


def protected_fields() -> Iterator[tuple[type[models.Model], EncryptedTextField | SealedField]]:
    """Every field that is encrypted at rest."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField | SealedField):
                yield model, field


def rotate(*, actor: Actor, now: datetime) -> list[Rotated]:
    """Renews every protected field in batches, each its own transaction; running twice changes nothing.

    Unreadable values (their key is not at hand) are left as they are and counted.
    """
    return [
        _rotate_field(model, field, actor, now)
        if isinstance(field, EncryptedTextField)
        else _rotate_sealed(model, field, actor, now)
        for model, field in protected_fields()
    ]


def _rotate_field(
    model: type[models.Model], field: EncryptedTextField, actor: Actor, now: datetime
) -> Rotated:
    told = Rotated(f"{subject_type(model)}.{field.name}")
    last = 0
    while True:
        with transaction.atomic():
            # The cast reads what lies in the database instead of what it means.
            rows = list(
                model._default_manager.select_for_update()
                .filter(pk__gt=last)
                .exclude(**{field.name: ""})
                .order_by("pk")
                .annotate(lying=Cast(field.name, models.TextField()))
                .values_list("pk", "lying")[:_BATCH]
            )
            for pk, lying in rows:
                _renew(model, field, pk, lying, told)
        if not rows:
            break
        last = rows[-1][0]
    _write_down(model, told, actor, now)
    return told


def _rotate_sealed(
    model: type[models.Model], field: SealedField, actor: Actor, now: datetime
) -> Rotated:
    """The same for bytes, row by row: one of them may be as large as a file."""
    told = Rotated(f"{subject_type(model)}.{field.name}")
    rows = model._default_manager.order_by("pk")
    for pk in list(rows.values_list("pk", flat=True)):
        with transaction.atomic():
            row = rows.select_for_update().filter(pk=pk)
            sealed = bytes(row.values_list(field.name, flat=True).first() or b"")
            if not sealed:
                continue
            if is_newest(sealed):
                told.already_new += 1
                continue
            try:
                row.update(**{field.name: seal(unseal(sealed))})
            except KeyMissing:
                told.unreadable += 1
                continue
            told.renewed += 1
    _write_down(model, told, actor, now)
    return told


def _write_down(model: type[models.Model], told: Rotated, actor: Actor, now: datetime) -> None:
    if not told.renewed:
        return
    Entry(
        at=now,
        actor_kind=str(actor.kind),
        actor_label=actor.label,
        account_id=actor.account_id,
        verb="keys.rotated",
        subject_type=subject_type(model),
        subject_id="",
        subject_label=told.field.rpartition(".")[2],
        changes={"renewed": [0, told.renewed]},
    ).save()


def _renew(
    model: type[models.Model], field: EncryptedTextField, pk: int, lying: str, told: Rotated
) -> None:
    if is_newest(lying):
        told.already_new += 1
        return
    try:
        value = decrypt(lying)
    except KeyMissing:
        told.unreadable += 1
        return
    anew: dict[str, object] = {
        field.name: models.Value(encrypt(value), output_field=models.TextField())
    }
    if field.searched_by:
        anew[field.searched_by] = search_hash(value)
    model._default_manager.filter(pk=pk).update(**anew)
    told.renewed += 1

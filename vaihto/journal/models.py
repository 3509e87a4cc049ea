"""The entries, which can be written and read and nothing else."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self

from django.db import models
from django.db.models import Q

from vaihto.journal.actors import Actor, May
from vaihto.refusals import Refusal
from vaihto.wording import mark as _


class AppendOnly(Refusal):
    """Somebody tried to change or remove a journal entry."""

    sentence = _("The journal can only be added to.")


class EntryQuerySet(models.QuerySet["Entry"]):
    """Reads and adds; everything else is refused before it reaches the database."""

    def visible_to(self, actor: Actor) -> Self:
        """Entries about the institutions whose journal the actor may search."""
        if actor.sees_everything or actor.is_operator:
            return self
        places = actor.institutions(May.JOURNAL_READ) or frozenset()
        return self.filter(institution_id__in=places)

    def about(self, subject: models.Model) -> Self:
        """Entries about one record, newest first."""
        return self.filter(subject_type=subject_type(subject), subject_id=str(subject.pk))

    def update(self, **_values: Any) -> NoReturn:
        raise AppendOnly("journal.append-only")

    def delete(self) -> NoReturn:
        raise AppendOnly("journal.append-only")

    def bulk_update(self, *_args: Any, **_values: Any) -> NoReturn:
        raise AppendOnly("journal.append-only")

    def update_or_create(self, *_args: Any, **_values: Any) -> NoReturn:
        raise AppendOnly("journal.append-only")

    update.alters_data = delete.alters_data = True  # type: ignore[attr-defined]


def subject_type(subject: models.Model | type[models.Model]) -> str:
    """The stable name of a kind of record in the journal: `mobilities.mobility`."""
    return subject._meta.label_lower


class Entry(models.Model):
    """Who did what to which record, when, on whose behalf.

    `changes` maps field to [before, after] in a form for people; sensitive fields appear by name only.
    `batch` ties together what one import or one job did.
    """

    at = models.DateTimeField(db_index=True)
    actor_kind = models.CharField(max_length=10)
    actor_label = models.CharField(max_length=200)
    account_id = models.BigIntegerField(null=True, db_index=True)
    behalf_of = models.CharField(max_length=200, blank=True)
    verb = models.CharField(max_length=60, db_index=True)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=60)
    subject_label = models.CharField(max_length=200, blank=True)
    institution_id = models.BigIntegerField(null=True, db_index=True)
    changes = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    batch = models.CharField(max_length=60, blank=True, db_index=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        base_manager_name = "objects"
        indexes: ClassVar = [models.Index(fields=["subject_type", "subject_id", "at"])]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(verb="") & ~Q(subject_type=""), name="an_entry_says_what_happened"
            )
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb} {self.subject_type} {self.subject_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnly("journal.append-only")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise AppendOnly("journal.append-only")

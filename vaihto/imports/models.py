"""Batches: a brought file from its first reading to what became of it.

A million lines are not rows here: what would happen to each lies in a book beside the database (`books.py`), the
batch keeps the counts.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from vaihto.imports.kinds import names_by_right
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, actor: Actor) -> Self:
        """Batches of a kind that the actor may bring in at their institution, and the actor's own."""
        if actor.sees_everything:
            return self
        found = Q(account_id=actor.account_id) if actor.account_id else Q(pk__in=[])
        for right, names in names_by_right().items():
            places = actor.institutions(right) or frozenset()
            found |= Q(institution__in=places, kind__in=names)
        return self.filter(found)

    def confirmable(self) -> Self:
        """Batches that wait for somebody to confirm them: `Batch.is_confirmable`."""
        return self.filter(
            Q(created__gt=0) | Q(changed__gt=0),
            state=Batch.State.PREVIEWED,
            files_gone_at__isnull=True,
        )


class Batch(models.Model):
    """One file of one kind, brought by somebody for one institution (or for many, where the kind says so)."""

    class State(models.TextChoices):
        READ = "read", "Being read"
        PREVIEWED = "previewed", "Ready to confirm"
        CONFIRMING = "confirming", "Being brought in"
        DONE = "done", "Brought in"
        REFUSED = "refused", "Cannot be read"
        UNDOING = "undoing", "Being taken back"
        UNDONE = "undone", "Taken back"

    class Mode(models.TextChoices):
        ALL_OR_NOTHING = "all_or_nothing", "All or nothing"
        GOOD_LINES = "good_lines", "The good lines"

    kind = models.CharField(max_length=60)
    institution = models.ForeignKey(
        Institution, models.PROTECT, null=True, blank=True, related_name="batches"
    )
    account_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=255)  # of the file, as its bringer calls it
    digest = models.CharField(max_length=64, db_index=True)
    size = models.PositiveBigIntegerField()
    described = models.JSONField(default=dict, blank=True)  # encoding, delimiter, sheet
    notes = models.JSONField(default=list, blank=True)  # [sentence, facts]
    state = models.CharField(max_length=10, choices=State, default=State.READ, db_index=True)
    mode = models.CharField(max_length=14, choices=Mode, default=Mode.ALL_OR_NOTHING)
    lines = models.PositiveBigIntegerField(default=0)
    created = models.PositiveBigIntegerField(default=0)
    changed = models.PositiveBigIntegerField(default=0)
    unchanged = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    # Why the file cannot be read, or why confirming or taking back was refused: code, sentence, remedy, facts.
    refusal = models.JSONField(default=dict, blank=True)
    work_id = models.BigIntegerField(null=True)  # the background work that is under way or was last
    made_at = models.DateTimeField()
    previewed_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    files_gone_at = models.DateTimeField(null=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-made_at", "-pk"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.name

    @property
    def journal_name(self) -> str:
        """By which the lines of the journal know the batch."""
        return f"import:{self.pk}"

    @property
    def records(self) -> int:
        """How many records the file holds."""
        return self.created + self.changed + self.unchanged + self.refused

    @property
    def is_busy(self) -> bool:
        """Is work under way?"""
        return self.state in {self.State.READ, self.State.CONFIRMING, self.State.UNDOING}

    @property
    def is_confirmable(self) -> bool:
        """Would confirming do anything in some mode?"""
        return (
            self.state == self.State.PREVIEWED
            and self.files_gone_at is None
            and bool(self.created or self.changed)
        )

    @property
    def is_undoable(self) -> bool:
        """May one ask to take it back? Whether something touched its records since is found out then."""
        return (
            self.state == self.State.DONE
            and self.files_gone_at is None
            and bool(self.created or self.changed)
        )

    def counts(self) -> dict[str, Any]:
        """The four counts by verdict."""
        return {
            "created": self.created,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "refused": self.refused,
        }

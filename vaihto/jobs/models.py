"""Long work that people watch: what is done, what is left, how it ended."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models

from vaihto.journal.actors import Actor


class WorkQuerySet(models.QuerySet["Work"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own work, and everybody's for operators."""
        if actor.sees_everything or actor.is_operator:
            return self
        return self.filter(account_id=actor.account_id or 0)


class Work(models.Model):
    """A piece of background work. Survives the closing of every page; ends in done, failed or refused."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    kind = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=60, blank=True)
    account_id = models.BigIntegerField(null=True)
    institution_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING, db_index=True)
    total = models.PositiveBigIntegerField(null=True)
    done = models.PositiveBigIntegerField(default=0)
    step = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=64, blank=True)  # who runs it, where a worker does
    attempts = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    refusal = models.JSONField(default=dict, blank=True)  # code, sentence, facts
    result = models.JSONField(default=dict, blank=True)

    objects = WorkQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}: {self.state}"

    @property
    def percent(self) -> int | None:
        """Whole per cent done, None while the size is not known."""
        if not self.total:
            return None
        return min(100, int(self.done * 100 / self.total))

    @property
    def has_ended(self) -> bool:
        """Is nothing more to be expected?"""
        return self.state in {self.State.DONE, self.State.REFUSED, self.State.FAILED}


class Ran(models.Model):
    """When each piece of timed work ran last."""

    name = models.CharField(max_length=100, unique=True)
    last = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Beat(models.Model):
    """When each worker was last alive, where the database allows several writers (see `beat.py`)."""

    worker = models.CharField(max_length=64, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.worker

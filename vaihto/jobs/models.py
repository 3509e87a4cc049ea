"""What waits and what is under way: long work that people watch, and word to and from partners."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

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
    subject_id = models.CharField(max_length=120, blank=True)
    account_id = models.BigIntegerField(null=True)
    institution_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING, db_index=True)
    total = models.PositiveBigIntegerField(null=True)
    done = models.PositiveBigIntegerField(default=0)
    step = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(null=True)  # when a task was last asked for
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


class Bell(models.Model):
    """Whether a round of work was called for and has not begun; of many callers one enqueues it."""

    name = models.CharField(max_length=60, unique=True)
    rung_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, actor: Actor) -> Self:
        """Operators and the program itself; an office sees what concerns it by `between`."""
        return self if actor.sees_everything or actor.is_operator else self.none()

    def open(self) -> Self:
        """What has not ended: it waits, is on its way, or waits for the operator."""
        return self.filter(ended_at__isnull=True)

    def between(self, hei_ids: Iterable[str], partner: str = "") -> Self:
        """What goes between these institutions of ours and the partner, or all partners."""
        found = self.filter(hei_id__in=list(hei_ids))
        return found.filter(partner=partner) if partner else found


class Notification(models.Model):
    """Word to or from a partner that something changed. It carries ids only, and is fetched or sent later.

    An object has one open row for each API and partner: `changes` counts what was merged into it, and a row
    whose count grew while it was on its way is sent once more. So word of one object is never in two hands, and
    goes in order.
    """

    class Direction(models.TextChoices):
        OUT = "out", "To a partner"
        IN = "in", "From a partner"
        PULL = "pull", "Asked of a partner by ourselves"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        SET_ASIDE = "set-aside", "Set aside"  # repeating cannot help; a task for the operator
        EXPIRED = "expired", "Expired"
        DROPPED = "dropped", "Nobody listens"
        DISMISSED = "dismissed", "Dismissed"  # set aside, and an operator has said that it may rest

    class Blame(models.TextChoices):
        NOBODY = "", "Nobody"
        OURS = "ours", "Ours"
        THEIRS = "theirs", "The partner's"
        NETWORK = "network", "The network's"

    direction = models.CharField(max_length=4, choices=Direction)
    hei_id = models.CharField(max_length=120)  # our institution
    partner = models.CharField(max_length=120)
    api = models.CharField(max_length=60)  # element of the manifest entry: iia-cnr
    object_id = models.CharField(max_length=300, blank=True)  # empty in what is asked of a partner
    facts = models.JSONField(default=dict, blank=True)  # further parameters, the newest
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    changes = models.PositiveIntegerField(default=1)  # how many were merged; grows, never shrinks
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)  # that ended in an answer or in silence
    faults = models.PositiveSmallIntegerField(default=0)  # that broke down on our side
    apart = models.BooleanField(default=False)  # goes alone: together with others something failed
    claimed_until = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=64, blank=True)
    first_at = models.DateTimeField()
    changed_at = models.DateTimeField()  # the last change that was merged in
    expires_at = models.DateTimeField()
    awaits_partner = models.BooleanField(
        default=False
    )  # which was silent: due at once when it answers
    tried_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=60, blank=True)  # code of what happened last
    outcome_facts = models.JSONField(default=dict, blank=True)
    blame = models.CharField(max_length=7, choices=Blame, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-changed_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["direction", "hei_id", "partner", "api", "object_id"],
                condition=Q(ended_at__isnull=True),
                name="an_object_has_one_open_notification",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "set-aside"], ended_at__isnull=True)
                | Q(state__in=["done", "expired", "dropped", "dismissed"], ended_at__isnull=False),
                name="a_notification_is_open_or_has_ended",
            ),
            models.CheckConstraint(
                condition=Q(claimed_until__isnull=True, claimed_by="")
                | (Q(claimed_until__isnull=False, state="waiting") & ~Q(claimed_by="")),
                name="only_a_waiting_notification_is_claimed",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["direction", "due_at"],
                condition=Q(state="waiting"),
                name="notifications_due",
            ),
            models.Index(
                fields=["direction", "partner", "due_at"],
                condition=Q(state="waiting"),
                name="notifications_due_by_partner",
            ),
            models.Index(fields=["partner", "-changed_at"]),
            models.Index(fields=["state", "ended_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.api} {self.direction} {self.partner}"


class CaughtUp(models.Model):
    """Up to when we know what a partner changed: its own clock at the last pull that succeeded."""

    hei_id = models.CharField(max_length=120)
    partner = models.CharField(max_length=120)
    api = models.CharField(max_length=60)
    server_time = models.DateTimeField(null=True)  # None until a pull succeeded
    full_at = models.DateTimeField(null=True)  # our clock when everything was last asked for
    succeeded_at = models.DateTimeField(null=True)  # our clock

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hei_id", "partner", "api"], name="a_partner_is_caught_up_with_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.api} of {self.partner}"

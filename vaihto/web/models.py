"""What the pages keep for those who use them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from vaihto.people.models import Account


class KeptView(models.Model):
    """A list with its filters that somebody named, to come back to. `query` is what stands after the question mark."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="kept_views")
    page = models.CharField(max_length=60)  # name of the address
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=1000)
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "page", "name"], name="a_kept_view_has_a_name_of_its_own"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Reminder(models.Model):
    """How often somebody gets a letter about what waits for them, and when the next one is due."""

    class Rhythm(models.TextChoices):
        DAILY = "daily", "Every working day"
        WEEKLY = "weekly", "Every Monday"
        NEVER = "never", "Never"

    account = models.OneToOneField(Account, models.CASCADE, related_name="reminder")
    rhythm = models.CharField(max_length=10, choices=Rhythm, default=Rhythm.WEEKLY)
    due_at = models.DateTimeField(null=True, db_index=True)
    failure = models.CharField(max_length=60, blank=True)  # why the last letter did not go

    def __str__(self) -> str:
        return self.rhythm

"""What an office chose where the channel is not given by itself."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from vaihto.institutions.models import Institution


class Channel(models.TextChoices):
    """How a partner is reached."""

    EWP = "ewp", "EWP"
    HERE = "here", "Same installation"
    GUEST = "guest", "Link by e-mail"
    FILE = "file", "File"


class Process(models.TextChoices):
    """What is talked about; a partner may use another channel for each."""

    AGREEMENTS = "agreements", "Agreements"


class ChosenChannel(models.Model):
    """From a moment on, this institution reaches this partner so for this process; the newest choice counts."""

    institution = models.ForeignKey(Institution, models.CASCADE, related_name="chosen_channels")
    partner = models.ForeignKey(Institution, models.CASCADE, related_name="+")
    process = models.CharField(max_length=20, choices=Process)
    channel = models.CharField(max_length=5, choices=Channel)
    since = models.DateTimeField()
    by = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["-since", "-pk"]
        indexes: ClassVar = [models.Index(fields=["institution", "partner", "process"])]

    def __str__(self) -> str:
        return f"{self.institution} → {self.partner}: {self.channel}"

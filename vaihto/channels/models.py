"""What an office chose where the channel is not given by itself, links for guests, and files that came by hand."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import ClassVar, Self

from django.db import models

from vaihto.agreements.models import Agreement, Attachment
from vaihto.institutions.models import Institution
from vaihto.people.secrecy import SealedField


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


class GuestLinkQuerySet(models.QuerySet["GuestLink"]):
    def open_at(self, now: datetime) -> Self:
        """Those that still open."""
        return self.filter(withdrawn_at__isnull=True, expires_at__gt=now)

    def of_secret(self, secret: str) -> Self:
        """The link that this secret opens, if it is one of ours."""
        return self.filter(digest=digest_of(secret))


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class GuestLink(models.Model):
    """A partner's contact may talk with us about one agreement through a link that was sent to its address.

    Of the secret only `digest` is kept; `seed` makes it again together with the installation's key, for letters.
    `told` is what the guest was told or saw last, so that letters speak only of news.
    """

    institution = models.ForeignKey(Institution, models.CASCADE, related_name="guest_links")
    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="guest_links")
    purpose = models.CharField(max_length=20, choices=Process, default=Process.AGREEMENTS)
    address = models.EmailField()
    name = models.CharField(max_length=200)
    function = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=5)
    digest = models.CharField(max_length=64, unique=True)
    seed = models.CharField(max_length=64)
    may_pass_on = models.BooleanField(default=True)
    passed_on_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)
    expires_at = models.DateTimeField()
    renewed_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    told = models.JSONField(default=dict, blank=True)

    objects = GuestLinkQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.agreement}: {self.name}"

    def is_open(self, now: datetime) -> bool:
        """Does it still open?"""
        return self.withdrawn_at is None and self.expires_at > now


class Letter(models.Model):
    """A letter that is to go to the contact of a link. While it waits, further news join it.

    What it says is worked out when it is sent; `occasion` tells only why somebody is written to at all.
    """

    class Occasion(models.TextChoices):
        INVITED = "invited", "Invitation"
        NEWS = "news", "News"
        WITHDRAWN = "withdrawn", "Link withdrawn"

    link = models.ForeignKey(GuestLink, models.CASCADE, related_name="letters")
    occasion = models.CharField(max_length=9, choices=Occasion)
    due_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    failure = models.CharField(max_length=60, blank=True)  # code of the last try's failure
    ended_at = models.DateTimeField(null=True, blank=True)
    was_sent = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["due_at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["link"],
                condition=models.Q(ended_at__isnull=True),
                name="one_letter_waits_for_a_guest",
            )
        ]

    def __str__(self) -> str:
        return f"{self.link}: {self.occasion}"


class Knock(models.Model):
    """Tries at links that did not open, by where they came from; `whom` is a keyed hash, kept for an hour."""

    whom = models.CharField(max_length=64, unique=True)
    since = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.whom[:8]}: {self.count}"


class Landing(models.TextChoices):
    """As whose words a file comes in."""

    OURS = "ours", "Our drafts and our copies"
    PARTNER = "partner", "The partner's copies"


class AgreementFile(models.Model):
    """A spreadsheet with agreements that somebody brought: first looked at, then carried out. Sealed at rest."""

    institution = models.ForeignKey(Institution, models.CASCADE, related_name="+")
    landing = models.CharField(max_length=7, choices=Landing)
    name = models.CharField(max_length=200)
    content = SealedField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    account_id = models.BigIntegerField(null=True)
    done_at = models.DateTimeField(null=True, blank=True)
    outcome = models.JSONField(default=list, blank=True)  # what became of each agreement

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]

    def __str__(self) -> str:
        return self.name


class SignedPaper(models.Model):
    """A signed PDF that our office holds as the partner's approval; it counts once a second person has confirmed it."""

    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="signed_papers")
    attachment = models.ForeignKey(Attachment, models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)  # of our copy that was signed
    signed_by = models.CharField(max_length=200)
    mandate = models.CharField(max_length=200)
    signed_on = models.DateField()
    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    account_id = models.BigIntegerField(null=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=200, blank=True)
    confirmed = models.BooleanField(default=False)
    reason = models.CharField(max_length=500, blank=True)  # why it was not confirmed

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agreement"],
                condition=models.Q(settled_at__isnull=True),
                name="one_signed_paper_waits_for_an_agreement",
            )
        ]

    def __str__(self) -> str:
        return f"{self.agreement}: {self.signed_by}"

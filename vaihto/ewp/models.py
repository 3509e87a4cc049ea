"""What the node keeps: its keys, the catalogue it trusts, every exchange, and copies of what partners publish."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q

from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.people.secrecy import EncryptedTextField, SealedField


class KeyQuerySet(models.QuerySet["Key"]):
    def published(self) -> Self:
        """Those that stand in a manifest: the old and the new one side by side during a roll-over."""
        return self.filter(withdrawn_at__isnull=True)


class Key(models.Model):
    """An RSA key pair that signs requests of one institution, or answers of the installation.

    A client key belongs to exactly one institution, unique in the network. A server key without an institution
    is shared by all that have none of their own. Of the published keys of a purpose, the one with the latest
    `signs_from` that has come signs.
    """

    class Purpose(models.TextChoices):
        CLIENT = "client", "Signs requests"
        SERVER = "server", "Signs answers"

    institution = models.ForeignKey(
        Institution, models.PROTECT, null=True, blank=True, related_name="ewp_keys"
    )
    purpose = models.CharField(max_length=6, choices=Purpose)
    fingerprint = models.CharField(max_length=64, unique=True)  # SHA-256 of the public DER, hex
    public = models.TextField()  # base64 of the DER SubjectPublicKeyInfo, one line
    private = EncryptedTextField()  # PEM, PKCS 8
    created_at = models.DateTimeField()
    signs_from = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = KeyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["institution", "purpose", "created_at", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(purpose="server") | Q(institution__isnull=False),
                name="a_client_key_belongs_to_one_institution",
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} key {self.fingerprint[:16]}"


class Catalogue(models.Model):
    """The last good copy of the registry's catalogue, one row per address it was fetched from."""

    url = models.URLField(max_length=500, unique=True)
    document = models.BinaryField(default=bytes)  # as received
    digest = models.CharField(max_length=64, blank=True)
    size = models.PositiveIntegerField(default=0)  # of the document, bytes
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=60, blank=True)
    asked_at = models.DateTimeField(null=True)  # when we last tried
    confirmed_at = models.DateTimeField(null=True)  # when the registry last said this is the newest
    changed_at = models.DateTimeField(null=True)  # when a new document came
    expires_at = models.DateTimeField(null=True)
    failure = models.CharField(
        max_length=300, blank=True
    )  # why the last try failed, empty when it did not

    def __str__(self) -> str:
        return self.url


class Host(models.Model):
    """One manifest's worth of the catalogue: endpoints and keys that belong together."""

    catalogue = models.ForeignKey(Catalogue, models.CASCADE, related_name="hosts")
    number = models.PositiveIntegerField()  # place in the document
    digest = models.CharField(
        max_length=64
    )  # of this host element, so that an equal one is left alone
    provider = models.CharField(max_length=300, blank=True)
    emails = models.JSONField(default=list)
    hei_ids = models.JSONField(default=list)  # the institutions it covers, nearly always one

    class Meta:
        ordering: ClassVar = ["number"]

    def __str__(self) -> str:
        return f"{self.provider} {self.hei_ids}"


class HostApi(models.Model):
    """One API entry of a host for one institution it covers."""

    host = models.ForeignKey(Host, models.CASCADE, related_name="apis")
    hei_id = models.CharField(max_length=120, db_index=True)
    namespace = models.CharField(max_length=200)
    element = models.CharField(max_length=60)
    version = models.CharField(max_length=30)
    urls = models.JSONField(default=dict)  # element name -> address: {"get-url": "https://…"}
    limits = models.JSONField(default=dict)  # "max-…" -> number
    flags = models.JSONField(default=dict)  # other elements -> text
    client_auth = models.JSONField(default=list)  # method names: httpsig, anonymous, tlscert
    server_auth = models.JSONField(default=list)
    emails = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["hei_id", "element"])]

    def __str__(self) -> str:
        return f"{self.element} {self.version} of {self.hei_id}"


class HostKey(models.Model):
    """A public key that a host uses to sign requests or answers."""

    class Purpose(models.TextChoices):
        CLIENT = "client", "Signs requests"
        SERVER = "server", "Signs answers"

    host = models.ForeignKey(Host, models.CASCADE, related_name="keys")
    purpose = models.CharField(max_length=6, choices=Purpose)
    fingerprint = models.CharField(max_length=64, db_index=True)
    public = models.TextField()  # base64 of the DER SubjectPublicKeyInfo without whitespace

    def __str__(self) -> str:
        return f"{self.purpose} key {self.fingerprint[:16]}"


class ListedInstitution(models.Model):
    """An institution as the catalogue names it."""

    catalogue = models.ForeignKey(Catalogue, models.CASCADE, related_name="institutions")
    hei_id = models.CharField(max_length=120)
    names = models.JSONField(default=list)  # [language or "", name] in the order of the document
    other_ids = models.JSONField(default=list)  # [type, value]
    search = models.TextField(blank=True)  # names and ids in lower case
    erasmus_code = models.CharField(
        max_length=40, blank=True, db_index=True
    )  # case and blanks normalised

    class Meta:
        ordering: ClassVar = ["hei_id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["catalogue", "hei_id"], name="the_catalogue_names_an_institution_once"
            )
        ]

    def __str__(self) -> str:
        return self.hei_id


class ExchangeQuerySet(models.QuerySet["Exchange"]):
    def visible_to(self, actor: Actor) -> Self:
        """Operators see all; an agreement manager those of the own institution."""
        if actor.sees_everything or actor.is_operator:
            return self
        institutions = actor.institutions(May.INSTITUTIONS_EDIT)
        return self if institutions is None else self.filter(institution_id__in=institutions)

    def listed_to(self, actor: Actor) -> Self:
        """Whose columns, never whose bytes, one may see: operators all, an office those of its institution."""
        if actor.sees_everything or actor.is_operator:
            return self
        institutions = actor.institutions(May.AGREEMENTS_READ)
        return self if institutions is None else self.filter(institution_id__in=institutions)

    def beside(self, actor: Actor) -> Self:
        """The same where another condition finds the rows: a database without statistics must not begin here."""
        if actor.sees_everything or actor.is_operator:
            return self
        institutions = actor.institutions(May.AGREEMENTS_READ)
        if institutions is None:
            return self
        return self.alias(place=F("institution_id") + 0).filter(place__in=institutions)


class Exchange(models.Model):
    """One request and its answer, byte for byte, whoever asked.

    The bytes are sealed with the field keys; the columns beside them carry no personal data, so that they can be
    searched and shown in lists.
    """

    class Direction(models.TextChoices):
        IN = "in", "Asked by a partner"
        OUT = "out", "Asked by us"

    class Blame(models.TextChoices):
        NOBODY = "", "Nobody"
        OURS = "ours", "Ours"
        THEIRS = "theirs", "The partner's"
        NETWORK = "network", "The network's"

    direction = models.CharField(max_length=3, choices=Direction)
    institution = models.ForeignKey(
        Institution, models.SET_NULL, null=True, blank=True, related_name="+"
    )  # ours; None where no hosted institution was addressed
    partner = models.CharField(max_length=120, blank=True)  # hei_id, empty for strangers
    api = models.CharField(max_length=60, blank=True)  # element of the entry
    version = models.CharField(max_length=20, blank=True)
    endpoint = models.CharField(max_length=20, blank=True)  # url, get-url, index-url, …
    method = models.CharField(max_length=10)
    url = models.CharField(max_length=2000)  # without its query: ids may stand there
    request_id = models.CharField(max_length=100, blank=True, db_index=True)
    request = SealedField(default=bytes)  # sealed: request line, headers, body
    answer = SealedField(default=bytes)  # sealed: status line, headers, body; empty when none came
    request_bytes = models.PositiveIntegerField(default=0)
    answer_bytes = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True)  # None when no answer came
    at = models.DateTimeField(db_index=True)
    took_ms = models.PositiveIntegerField(default=0)
    signature = models.CharField(
        max_length=40, blank=True
    )  # verified, unsigned, or the code of the refusal
    outcome = models.CharField(max_length=60)  # code of what happened: ok, timeout, bad-digest, …
    blame = models.CharField(max_length=7, choices=Blame, blank=True)
    repeatable = models.BooleanField(default=False)  # could trying again help?
    facts = models.JSONField(default=dict, blank=True)  # what the sentence about the outcome names
    notification_id = models.BigIntegerField(
        null=True, blank=True
    )  # jobs.Notification that caused it

    objects = ExchangeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        indexes: ClassVar = [
            # The last contact with a partner each way is the first entry found.
            models.Index(fields=["partner", "direction", "-at"]),
            models.Index(fields=["institution", "-at"]),
            models.Index(fields=["-at"], condition=~Q(blame=""), name="exchanges_that_went_wrong"),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.partner} {self.api} {self.status}"


class PartnerCopy(models.Model):
    """What a partner publishes about itself, as last fetched: institution data, units or factsheet."""

    hei_id = models.CharField(max_length=120)
    api = models.CharField(max_length=60)  # institutions, organizational-units, factsheet
    document = models.BinaryField()  # the answer's body as received
    digest = models.CharField(max_length=64)
    fetched_at = models.DateTimeField(null=True)  # when the partner last confirmed it, None: never
    changed_at = models.DateTimeField(null=True)  # when its content last changed
    asked_at = models.DateTimeField()  # when we last tried
    etag = models.CharField(max_length=200, blank=True)  # as the partner named this content
    failure = models.CharField(
        max_length=60, blank=True
    )  # outcome code of the last try when it failed
    failure_facts = models.JSONField(default=dict, blank=True)  # what its sentence names
    exchange = models.ForeignKey(Exchange, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["hei_id", "api"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hei_id", "api"], name="one_copy_per_partner_and_api")
        ]

    def __str__(self) -> str:
        return f"{self.api} of {self.hei_id}"


class ProblemReport(models.Model):
    """A problem with a partner that the network's Statistics Portal was told about; equal ones once an hour."""

    digest = models.CharField(max_length=64, unique=True)  # of the parameters
    institution = models.ForeignKey(Institution, models.CASCADE, related_name="+")  # who told it
    parameters = models.JSONField()  # as reported, without personal data
    reported_at = models.DateTimeField(db_index=True)
    outcome = models.CharField(max_length=60, blank=True)  # how the last telling ended

    class Meta:
        ordering: ClassVar = ["-reported_at"]

    def __str__(self) -> str:
        return f"{self.parameters.get('api_name')} of {self.parameters.get('server_hei_id')}"


class SharedFile(models.Model):
    """An immutable file that partners fetch by its id, if that id was given to them."""

    file_id = models.CharField(max_length=64, unique=True)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="shared_files")
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=100)
    content = SealedField()
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)  # SHA-256 of the plain bytes, hex
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.file_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Writes it once. Raises TypeError for a file that is there: a change is a new file with a new id."""
        if not self._state.adding:
            raise TypeError("a shared file is never changed")
        super().save(*args, **kwargs)


class FileReader(models.Model):
    """An institution that was told the id of a file, and may fetch it."""

    file = models.ForeignKey(SharedFile, models.CASCADE, related_name="readers")
    hei_id = models.CharField(max_length=120)
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["file", "hei_id"], name="a_reader_is_named_once")
        ]

    def __str__(self) -> str:
        return f"{self.hei_id} may read {self.file_id}"


class TrialQuerySet(models.QuerySet["Trial"]):
    def visible_to(self, actor: Actor) -> Self:
        """Operators see all, an office those of its institution."""
        if actor.sees_everything or actor.is_operator:
            return self
        places = actor.institutions(May.AGREEMENTS_READ)
        return self if places is None else self.filter(institution_id__in=places)


class Trial(models.Model):
    """A test of agreements with a partner, in eighteen steps that follow from what happens (`apis/iias/steps.py`).

    `first` is brought from a draft to in force, `second` is only exchanged. `report` holds the steps as they stood
    when the trial ended, and never changes afterwards.
    """

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    partner = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    we_start = models.BooleanField()
    partner_was_told = models.BooleanField(default=False)  # somebody said so, in the real network
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=200)
    first = models.ForeignKey(
        "agreements.Agreement", models.PROTECT, null=True, blank=True, related_name="+"
    )
    second = models.ForeignKey(
        "agreements.Agreement", models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=200, blank=True)
    report = models.JSONField(default=list, blank=True)
    cleaned_at = models.DateTimeField(null=True, blank=True)

    objects = TrialQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-started_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "partner"],
                condition=Q(ended_at__isnull=True),
                name="one_trial_with_a_partner_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.institution.hei_id} – {self.partner.hei_id}, {self.started_at:%Y-%m-%d}"

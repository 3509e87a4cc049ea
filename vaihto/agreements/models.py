"""Agreements with both copies, every approval and every pair that was in force. Proofs are added, never changed."""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from vaihto.agreements.standing import Mutual, Next, Standing, State, Turn
from vaihto.agreements.terms import Copy, Terms, read_copy
from vaihto.institutions.models import Alliance, Institution, Unit
from vaihto.journal.actors import Actor, May
from vaihto.people.models import within_reach
from vaihto.people.secrecy import SealedField


def _new_id() -> str:
    return str(uuid.uuid4())


class Programme(models.TextChoices):
    """Under which rules the exchange runs."""

    ERASMUS = "erasmus", "Erasmus+ within Europe (KA131)"
    ERASMUS_WORLD = "erasmus-world", "Erasmus+ with other countries (KA171)"
    NORDPLUS = "nordplus", "Nordplus"
    SWISS = "swiss", "Swiss-European Mobility Programme"
    BILATERAL = "bilateral", "Bilateral, outside programmes"
    OTHER = "other", "Other"


class AllianceAgreementQuerySet(models.QuerySet["AllianceAgreement"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of alliances one reads for, and those in which one's own institution takes part."""
        alliances = actor.alliances(May.ALLIANCE_READ)
        if alliances is None:
            return self
        places = {grant.institution_id for grant in actor.reach(May.AGREEMENTS_READ)}
        taking_part = Participant.objects.filter(institution__in=places).values("agreement")
        return self.filter(Q(alliance__in=alliances) | Q(pk__in=taking_part))


class AllianceAgreement(models.Model):
    """One agreed text over many members; each pair of members has a bilateral agreement that follows it.

    A closed one is history: its bilateral agreements stay, and nothing keeps them in step any more.
    """

    alliance = models.ForeignKey(Alliance, models.PROTECT, related_name="agreements")
    name = models.CharField(max_length=200)
    programme = models.CharField(max_length=20, choices=Programme, default=Programme.ERASMUS)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = AllianceAgreementQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["alliance", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["alliance", "name"], name="an_alliance_names_each_agreement_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class AllianceText(models.Model):
    """A version of the text of an alliance agreement; the newest adopted one counts.

    `lines` are conditions without institutions (see `alliances.Line`). A draft may be rewritten; once it was put to
    the members it never changes, for that is what they consent to. It is adopted when all who take part consented.
    """

    agreement = models.ForeignKey(AllianceAgreement, models.CASCADE, related_name="texts")
    number = models.PositiveIntegerField()
    lines = models.JSONField(default=list)
    note = models.TextField(blank=True)  # what is new in it, and why
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)
    put_at = models.DateTimeField(null=True, blank=True)
    adopted_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["agreement", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agreement", "number"],
                name="a_version_of_an_alliance_text_is_numbered_once",
            ),
            models.UniqueConstraint(
                fields=["agreement"],
                condition=Q(adopted_at__isnull=True, dropped_at__isnull=True),
                name="one_text_at_a_time_is_talked_about",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agreement} {self.number}"

    @property
    def is_before_members(self) -> bool:
        """Was it put to the members, and is still theirs to consent to?"""
        return self.put_at is not None and self.dropped_at is None


class Participant(models.Model):
    """A member that takes part in an alliance agreement, both days included."""

    agreement = models.ForeignKey(AllianceAgreement, models.CASCADE, related_name="participants")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    since = models.DateField()
    until = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["agreement", "institution__name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agreement", "institution"], name="a_member_takes_part_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.institution} in {self.agreement}"


class Consent(models.Model):
    """A member's word that a text holds for it. For a member without a system the secretariat keeps its letter."""

    text = models.ForeignKey(AllianceText, models.CASCADE, related_name="consents")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    note = models.TextField(blank=True)  # how it was given, where not by its own signatory here

    class Meta:
        ordering: ClassVar = ["text", "at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["text", "institution"], name="a_member_consents_to_a_text_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.institution}: {self.text}"


class AgreementQuerySet(models.QuerySet["Agreement"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of institutions (and units) one may read; a partner institution sees what was shared with it."""
        if actor.sees_everything:
            return self
        grants = actor.reach(May.AGREEMENTS_READ)
        own = within_reach(grants, "institution", "unit")
        # Who keeps one unit reads what holds for the whole institution too; others see that anyway.
        parts = [grant.institution_id for grant in grants if grant.unit_ids is not None]
        if not parts:
            return self.filter(own)
        whole = Q(institution__in=parts, unit__isnull=True)
        return self.filter(own | whole)

    def served(self) -> Self:
        """Those that the partner may see."""
        return self.filter(shared_at__isnull=False, deleted_at__isnull=True)

    def whole(self) -> Self:
        """With both institutions and everything that its standing follows from."""
        return self.conversation().select_related("institution", "partner", "unit")

    def conversation(self) -> Self:
        """With both copies, the approvals and the pair in force."""
        return self.select_related(
            "current",
            "given",
            "taken",
            "mutual",
            "mutual__ours",
            "mutual__theirs",
            "mutual__given",
        ).prefetch_related(
            models.Prefetch("copies", ReceivedCopy.objects.select_related("current"))
        )

    def served_to(self, hei_ids: tuple[str, ...]) -> Self:
        """Those that a partner with these ids may see."""
        return self.served().filter(partner__hei_id__in=hei_ids)


class Agreement(models.Model):
    """One agreement of one hosted institution with one partner, whatever the channel.

    `iia_id` names our copy in the network and is never used for anything else, also after deletion. What is agreed
    stands in the copies; `current` and `received` point at what is served now, `given` and `taken` at the newest
    approvals, `mutual` at the pair in force. The columns from `listed_state` on are kept for lists by
    `serving.settle`; decisions never read them.
    """

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="agreements")
    partner = models.ForeignKey(Institution, models.PROTECT, related_name="agreements_as_partner")
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True, related_name="+")
    programme = models.CharField(max_length=20, choices=Programme, default=Programme.ERASMUS)
    iia_id = models.CharField(max_length=64, default=_new_id, editable=False)
    code = models.CharField(max_length=60)
    partner_iia_id = models.CharField(max_length=64, blank=True)
    partner_code = models.CharField(max_length=200, blank=True)
    partner_unit = models.CharField(max_length=64, blank=True)  # unit id the partner gave
    signing_contact = models.JSONField(null=True, blank=True)
    signing_date = models.DateField(null=True, blank=True)
    contacts = models.JSONField(default=list, blank=True)
    note = models.TextField(blank=True)  # for colleagues only
    is_trial = models.BooleanField(default=False)  # made to try the connection; gives no places
    alliance_agreement = models.ForeignKey(
        AllianceAgreement, models.PROTECT, null=True, blank=True, related_name="bilaterals"
    )
    created_at = models.DateTimeField()
    shared_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # When what a partner gets last changed; moves with mapping, contacts and termination too.
    served_at = models.DateTimeField(null=True, blank=True, db_index=True)
    current = models.ForeignKey("Revision", models.PROTECT, null=True, related_name="+")
    given = models.ForeignKey("Approval", models.PROTECT, null=True, related_name="+")
    taken = models.ForeignKey("Approval", models.PROTECT, null=True, related_name="+")
    mutual = models.ForeignKey("Pair", models.PROTECT, null=True, related_name="+")

    listed_state = models.CharField(max_length=20, default=State.DRAFT.value)
    listed_turn = models.CharField(max_length=8, default=Turn.OURS.value)
    listed_next = models.CharField(max_length=12, default=Next.SHARE.value)
    turn_since = models.DateTimeField(null=True, blank=True)
    turn_until = models.DateField(null=True, blank=True)
    first_year = models.PositiveSmallIntegerField(null=True, blank=True)
    last_year = models.PositiveSmallIntegerField(null=True, blank=True, db_index=True)
    listed_of = models.CharField(max_length=60, blank=True)  # what `places` were taken apart from

    objects = AgreementQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "iia_id"], name="an_agreement_id_is_never_used_again"
            ),
            models.UniqueConstraint(
                fields=["institution", "code"], name="an_agreement_code_is_unique_here"
            ),
            # Deleted ones keep the partner's id as history, so they stand outside.
            models.UniqueConstraint(
                fields=["institution", "partner", "partner_iia_id"],
                condition=~Q(partner_iia_id="") & Q(deleted_at__isnull=True),
                name="one_agreement_for_one_copy_of_the_partner",
            ),
            models.CheckConstraint(
                condition=~Q(institution=models.F("partner")),
                name="an_agreement_is_between_two",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "listed_state"], name="agreements_by_state"),
            models.Index(fields=["institution", "listed_turn"], name="agreements_by_turn"),
            models.Index(fields=["institution", "created_at"], name="agreements_by_age"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def terms(self) -> Terms:
        """What our copy says now."""
        return self.current.copy.terms if self.current else Terms()

    @property
    def received_copy(self) -> ReceivedCopy | None:
        """The partner's copy that is linked to this agreement; earlier ones that another took the place of are gone."""
        return next((one for one in self.copies.all() if one.gone_at is None), None)


class Revision(models.Model):
    """A version of our copy. Immutable: what was served once can always be shown.

    `document` are the very bytes that are served, `digest` the hash published with them.
    """

    class Cause(models.TextChoices):
        CREATED = "created", "Created"
        EDITED = "edited", "Edited"
        MAPPED = "mapped", "Partner's id entered or removed"
        TAKEN = "taken", "Partner's terms taken over"
        REVERTED = "reverted", "Back to what is in force"
        ENDED = "ended", "Marked as ended"
        CONTACTS = "contacts", "Contacts, codes or file"
        AGAIN = "again", "Proposed again unchanged"
        IN_FORCE = "in-force", "Came into force"

    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    cause = models.CharField(max_length=10, choices=Cause)
    stored = models.JSONField()  # terms.Copy
    document = models.BinaryField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=200)
    note = models.TextField(blank=True)  # what we wrote to the partner with it

    class Meta:
        ordering: ClassVar = ["agreement", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agreement", "number"], name="a_revision_is_numbered_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.agreement} {self.number}"

    @property
    def copy(self) -> Copy:
        """What it says."""
        return read_copy(self.stored)


class Channel(models.TextChoices):
    """How something reached us."""

    EWP = "ewp", "EWP"
    HERE = "here", "Same installation"
    GUEST = "guest", "Link"
    FILE = "file", "File"
    PAPER = "paper", "Paper"


class ReceivedCopy(models.Model):
    """A copy that a partner serves or sent us, linked to an agreement of ours or still a proposal."""

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="received_copies")
    partner = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    iia_id = models.CharField(max_length=64)  # the partner's
    agreement = models.ForeignKey(
        Agreement, models.PROTECT, null=True, blank=True, related_name="copies"
    )
    current = models.ForeignKey("ReceivedRevision", models.PROTECT, null=True, related_name="+")
    first_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, blank=True)  # when we last tried to get it
    confirmed_at = models.DateTimeField(null=True, blank=True)  # when it last came, changed or not
    failure = models.CharField(max_length=60, blank=True)  # code of the last try's failure
    ignored_at = models.DateTimeField(null=True, blank=True)
    missed_at = models.DateTimeField(null=True, blank=True)  # a first look found it gone
    gone_at = models.DateTimeField(null=True, blank=True)  # a second look confirmed it

    class Meta:
        ordering: ClassVar = ["-first_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "partner", "iia_id"], name="a_copy_of_a_partner_is_kept_once"
            ),
            models.UniqueConstraint(
                fields=["agreement"],
                condition=Q(agreement__isnull=False, gone_at__isnull=True),
                name="an_agreement_has_one_copy_of_the_partner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner}: {self.iia_id}"


class ReceivedRevision(models.Model):
    """A version of the partner's copy as it came. Immutable; a bad one is kept for diagnosis and never used.

    `digest` is the hash we computed, `published` the one it came with.
    """

    of = models.ForeignKey(ReceivedCopy, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    channel = models.CharField(max_length=5, choices=Channel)
    stored = models.JSONField(null=True)  # terms.Copy, None when it could not be read
    document = models.BinaryField()
    digest = models.CharField(max_length=64, blank=True)
    published = models.CharField(max_length=64, blank=True)
    is_good = models.BooleanField()
    problems = models.JSONField(default=list, blank=True)  # [code, facts]
    came_at = models.DateTimeField()
    note = models.TextField(blank=True)  # what the partner wrote with it

    class Meta:
        ordering: ClassVar = ["of", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["of", "number"], name="a_received_revision_is_numbered_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.of} {self.number}"

    @property
    def copy(self) -> Copy | None:
        """What it says."""
        return read_copy(self.stored) if self.stored else None


class Side(models.TextChoices):
    OURS = "ours", "We"
    PARTNER = "partner", "The partner"


class Approval(models.Model):
    """One statement of one side about the other's copy. The newest statement of a side counts.

    `digest` is the hash of the approved copy, empty when the statement is that nothing is approved. `document` are
    the bytes of the approved copy, `proof` what showed it: the raw answer of the partner's system, a signed file,
    the words a guest confirmed.
    """

    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="approvals")
    side = models.CharField(max_length=7, choices=Side)
    digest = models.CharField(max_length=64, blank=True)
    document = models.BinaryField(default=bytes)
    proof = models.BinaryField(default=bytes)
    proof_type = models.CharField(max_length=100, blank=True)  # media type
    channel = models.CharField(max_length=5, choices=Channel)
    withdraws = models.BooleanField(default=False)
    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    mandate = models.CharField(max_length=200, blank=True)  # in which capacity
    file_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar = ["agreement", "at", "pk"]

    def __str__(self) -> str:
        return f"{self.side} {self.digest[:12]}"


class Pair(models.Model):
    """Two copies that both sides had approved at one moment: what binds them until the next pair."""

    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="pairs")
    ours = models.ForeignKey(Revision, models.PROTECT, related_name="+")
    theirs = models.ForeignKey(ReceivedRevision, models.PROTECT, related_name="+")
    given = models.ForeignKey(Approval, models.PROTECT, related_name="+")
    taken = models.ForeignKey(Approval, models.PROTECT, related_name="+")
    terminates = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["agreement", "at", "pk"]

    def __str__(self) -> str:
        return f"{self.agreement} in force {self.at:%Y-%m-%d}"

    @property
    def hashes(self) -> Mutual:
        """For `Standing`."""
        return Mutual(self.ours.digest, self.theirs.digest, self.terminates)


class Place(models.Model):
    """One condition of what is in force (else of what we serve), taken apart so that places can be counted.

    `is_binding` tells which of the two. `first` and `last` are first numbers of academic years, both included;
    `areas` and `levels` are texts with commas around each code, to be searched for `,0613,`.
    """

    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="places")
    number = models.PositiveIntegerField()  # place in the copy
    is_binding = models.BooleanField()
    kind = models.CharField(max_length=12)
    sending = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    receiving = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    first = models.PositiveSmallIntegerField()
    last = models.PositiveSmallIntegerField()
    people = models.PositiveIntegerField(null=True)
    time = models.DecimalField(max_digits=10, decimal_places=2, null=True)  # months or days of all
    areas = models.TextField(blank=True)
    levels = models.TextField(blank=True)
    blended = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["agreement", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agreement", "number"], name="a_place_is_listed_once")
        ]

    def __str__(self) -> str:
        return f"{self.agreement} {self.number}"


class Remark(models.Model):
    """Something one side wrote about the agreement, for colleagues or for the partner too."""

    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="remarks")
    side = models.CharField(max_length=7, choices=Side)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()
    text = models.TextField()
    for_partner = models.BooleanField(default=False)
    condition = models.PositiveIntegerField(null=True, blank=True)  # about which one

    class Meta:
        ordering: ClassVar = ["at", "pk"]

    def __str__(self) -> str:
        return self.text[:60]


class Attachment(models.Model):
    """A file that belongs to an agreement: the old paper one, a signed copy. Sealed at rest."""

    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=100)
    content = SealedField()
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    side = models.CharField(max_length=7, choices=Side, default=Side.OURS)
    at = models.DateTimeField()
    by = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["at", "pk"]

    def __str__(self) -> str:
        return self.name


def standing_of(
    agreement: Agreement, *, equivalent: bool, approved_agree: bool, last_edit_ours: bool
) -> Standing:
    """The items from which the state of this agreement follows."""
    copy = agreement.received_copy
    theirs = copy.current if copy else None
    ours_said = agreement.current.copy if agreement.current else None
    theirs_said = theirs.copy if theirs else None
    return Standing(
        shared=agreement.shared_at is not None,
        ours=agreement.current.digest if agreement.current else "",
        theirs=theirs.digest if theirs else "",
        given=agreement.given.digest if agreement.given else "",
        received=agreement.taken.digest if agreement.taken else "",
        names_theirs=bool(ours_said and copy and ours_said.other.iia_id == copy.iia_id),
        names_ours=bool(theirs_said and theirs_said.other.iia_id == agreement.iia_id),
        mutual=agreement.mutual.hashes if agreement.mutual else None,
        deleted=agreement.deleted_at is not None,
        ours_terminates=bool(ours_said and ours_said.terms.is_terminated),
        theirs_terminates=bool(theirs_said and theirs_said.terms.is_terminated),
        equivalent=equivalent,
        approved_agree=approved_agree,
        last_edit_ours=last_edit_ours,
    )

"""The mobility, its segments, and its sides: the same mobility as each hosted institution sees it."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from vaihto.institutions.models import Institution, Unit
from vaihto.journal.actors import Actor, May
from vaihto.people.models import Employment, Person, StudentRecord, StudyRight, within_reach


class Kind(models.TextChoices):
    STUDENT = "student", "Student"
    STAFF = "staff", "Staff"


class Purpose(models.TextChoices):
    STUDY = "study", "Studies"
    TRAINEESHIP = "traineeship", "Traineeship"
    COMBINED = "combined", "Studies and traineeship"
    TEACHING = "teaching", "Teaching"
    TRAINING = "training", "Training"
    RESEARCH = "research", "Research"


class Programme(models.TextChoices):
    """The frame within which the mobility happens, not the money (V14)."""

    ERASMUS = "erasmus", "Erasmus+"
    OTHER_EU = "other_eu", "Other EU programme"
    NORDIC = "nordic", "Nordic Council of Ministers"
    OTHER_INTERNATIONAL = "other_international", "Other international programme"
    NATIONAL = "national", "National programme"
    OWN_AGREEMENT = "own_agreement", "Agreement of the institution"
    FREE_MOVER = "free_mover", "Free mover"
    OTHER = "other", "Other"
    UNKNOWN = "unknown", "Not known"


class ChangeReason(models.TextChoices):
    COVID = "covid", "COVID-19"
    PERSONAL = "personal", "Personal reasons"


class Mode(models.TextChoices):
    PHYSICAL = "physical", "Physical"
    VIRTUAL = "virtual", "Virtual"


class Place(models.TextChoices):
    HOST = "host", "Host country"
    HOME = "home", "Home country"
    THIRD = "third", "Third country"


class State(models.TextChoices):
    PLANNED = "planned", "Planned"
    AGREED = "agreed", "Agreed"
    ONGOING = "ongoing", "Under way"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


class Direction(models.TextChoices):
    """As seen by one institution."""

    OUTGOING = "outgoing", "Outgoing"
    INCOMING = "incoming", "Incoming"


class MobilityQuerySet(models.QuerySet["Mobility"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own, and those that have a side at an institution (and unit) one may read."""
        if actor.sees_everything:
            return self
        sides = Side.objects.filter(
            within_reach(actor.reach(May.MOBILITIES_READ), "institution", "unit"),
            mobility=OuterRef("pk"),
        )
        return self.filter(Q(person_id=actor.person_id or 0) | Exists(sides))


class Mobility(models.Model):
    """One mobility of one person, whatever its kind.

    Who sends and who receives is stated with the reason, because joint courses and degrees leave it open.
    """

    kind = models.CharField(max_length=8, choices=Kind)
    person = models.ForeignKey(Person, models.PROTECT, related_name="mobilities")
    purpose = models.CharField(max_length=12, choices=Purpose)
    programme = models.CharField(max_length=20, choices=Programme, default=Programme.UNKNOWN)
    action = models.CharField(max_length=20, blank=True)  # KA131, KA171, Nordplus, …
    call_year = models.PositiveSmallIntegerField(null=True, blank=True)
    funding = models.CharField(max_length=100, blank=True)
    sending_institution = models.ForeignKey(
        Institution,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="sent_mobilities",
        db_index=False,
    )
    receiving_institution = models.ForeignKey(
        Institution,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="received_mobilities",
        db_index=False,
    )
    sending_country = models.CharField(max_length=3, blank=True)
    receiving_country = models.CharField(max_length=3, blank=True)
    host_organisation = models.CharField(max_length=200, blank=True)  # a workplace, for instance
    roles_reason = models.CharField(max_length=200, blank=True)
    part_of_degree = models.BooleanField(null=True)
    planned_blended = models.BooleanField(default=False)
    agreed_as_one_whole = models.BooleanField(default=False)
    change_reason = models.CharField(max_length=10, choices=ChangeReason, blank=True)
    end_is_estimate = models.BooleanField(default=False)
    planned_credits = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    bip_id = models.CharField(max_length=60, blank=True)
    force_majeure = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.DONE, db_index=True)
    # First and last day over all segments that are not cancelled, kept for lists.
    start = models.DateField(null=True, db_index=True)
    end = models.DateField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects = MobilityQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-start", "pk"]
        verbose_name_plural = "mobilities"
        # Lists read along these: those of an institution by first day, and ends still to be confirmed.
        indexes: ClassVar = [
            models.Index(fields=["sending_institution", "start"], name="mobilities_sent"),
            models.Index(fields=["receiving_institution", "start"], name="mobilities_received"),
            models.Index(
                fields=["end"], condition=Q(end_is_estimate=True), name="mobilities_with_estimates"
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(start__isnull=True) | Q(end__isnull=True) | Q(end__gte=F("start")),
                name="a_mobility_ends_after_it_begins",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Segment(models.Model):
    """A dated part of a mobility; both days included.

    Virtual parts read from an old register may lack dates: they say that there was one, not when.
    """

    class Purpose(models.TextChoices):
        STUDY = "study", "Studies"
        TRAINEESHIP = "traineeship", "Traineeship"
        OTHER = "other", "Other"

    mobility = models.ForeignKey(Mobility, models.CASCADE, related_name="segments")
    mode = models.CharField(max_length=8, choices=Mode)
    place = models.CharField(max_length=5, choices=Place)
    country = models.CharField(max_length=3, blank=True)  # where the part is lived
    start = models.DateField(null=True, blank=True)
    end = models.DateField(null=True, blank=True)
    purpose = models.CharField(max_length=12, choices=Purpose, blank=True)
    cancelled = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["mobility", "start", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(start__isnull=True) | Q(end__gte=F("start")),
                name="a_segment_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(mode="virtual") | Q(start__isnull=False, end__isnull=False),
                name="a_physical_segment_has_dates",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mode} {self.start}–{self.end}"


class SideQuerySet(models.QuerySet["Side"]):
    def visible_to(self, actor: Actor) -> Self:
        """Sides of institutions (and units) one may read, and those of one's own mobilities."""
        if actor.sees_everything:
            return self
        return self.filter(
            within_reach(actor.reach(May.MOBILITIES_READ), "institution", "unit")
            | Q(mobility__person_id=actor.person_id or 0)
        )


class Side(models.Model):
    """A mobility as one hosted institution sees it: its direction, its key, its study right.

    `key` is the institution's stable key of the mobility; the first register period takes it over (V11).
    """

    mobility = models.ForeignKey(Mobility, models.PROTECT, related_name="sides")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="sides")
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True)
    direction = models.CharField(max_length=8, choices=Direction)
    key = models.CharField(max_length=100)
    student = models.ForeignKey(
        StudentRecord, models.PROTECT, null=True, blank=True, related_name="sides"
    )
    right = models.ForeignKey(
        StudyRight, models.PROTECT, null=True, blank=True, related_name="sides"
    )
    # Keys as they came, kept even when no such record is known, so that checks can name them.
    student_key = models.CharField(max_length=100, blank=True)
    right_key = models.CharField(max_length=100, blank=True)
    level = models.CharField(max_length=2, blank=True)  # main level at this institution, incoming
    home_degree_abroad = models.BooleanField(null=True)
    adult_education = models.BooleanField(default=False)
    nested_in = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="inner_trips"
    )
    send_anyway = models.BooleanField(
        default=False
    )  # periods that are not sent by default (V38, V39)
    kept_aside = models.JSONField(default=dict, blank=True)

    objects = SideQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["institution", "key"]
        indexes: ClassVar = [
            models.Index(
                fields=["institution"],
                condition=Q(direction="incoming", level=""),
                name="sides_without_a_level",
            )
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "key"], name="a_mobility_key_is_unique_in_its_institution"
            ),
            models.UniqueConstraint(
                fields=["mobility", "institution"], name="an_institution_sees_a_mobility_once"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class StaffVisit(models.Model):
    """What a staff mobility has besides: moments or hours, and what was done (S45–S49)."""

    class Content(models.TextChoices):
        TEACHING = "teaching", "Teaching"
        RESEARCH = "research", "Research"
        EXPERT_WORK = "expert work", "Expert work"
        TRAINING = "training", "Training"
        JOB_SHADOWING = "job shadowing", "Job shadowing"
        CONFERENCE = "conference", "Conference only"
        GUEST_LECTURE = "guest lecture", "Single guest lecture"
        OTHER = "other", "Other"

    mobility = models.OneToOneField(Mobility, models.CASCADE, related_name="visit")
    employment = models.ForeignKey(
        Employment, models.PROTECT, null=True, blank=True, related_name="visits"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    hours = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    teaching_hours = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    content = models.CharField(max_length=20, choices=Content)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(started_at__isnull=True)
                | Q(ended_at__isnull=True)
                | Q(ended_at__gt=F("started_at")),
                name="a_visit_ends_after_it_begins",
            )
        ]

    def __str__(self) -> str:
        return self.content

"""Institutions with their units, the alliances they belong to, and what is known about them when."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from vaihto.codes import FINLAND, country_name
from vaihto.journal.actors import Actor


class InstitutionQuerySet(models.QuerySet["Institution"]):
    def visible_to(self, actor: Actor) -> Self:
        """Institutions are public to those who signed in; a stranger sees members of alliances only."""
        if not actor.is_stranger:
            return self
        return self.filter(memberships__isnull=False).distinct()

    def hosted(self) -> Self:
        """Those whose own records this installation keeps."""
        return self.filter(hosted=True)


class Institution(models.Model):
    """A university, or another organisation that sends or receives."""

    class Sector(models.TextChoices):
        UNIVERSITY = "university", "University"
        UAS = "uas", "University of applied sciences"
        OTHER = "other", "Other organisation"

    hei_id = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=200)
    names = models.JSONField(default=dict, blank=True)  # language -> name
    country = models.CharField(max_length=3)  # numeric ISO code with leading zeros
    city = models.CharField(max_length=100, blank=True)
    sector = models.CharField(max_length=12, choices=Sector, default=Sector.UNIVERSITY)
    national_code = models.CharField(max_length=10, blank=True)  # the Finnish five-digit code
    erasmus_code = models.CharField(max_length=30, blank=True)
    pic = models.CharField(max_length=20, blank=True)
    oid = models.CharField(max_length=60, blank=True)
    ror = models.CharField(max_length=60, blank=True)
    website = models.URLField(blank=True)
    hosted = models.BooleanField(default=False)
    # What the institution has chosen where the rules leave a choice; parameter name -> value.
    choices = models.JSONField(default=dict, blank=True)
    # Declared by the registrar: this installation holds every record that goes to the warehouse.
    holds_everything = models.BooleanField(default=False)

    objects = InstitutionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["national_code"],
                condition=~Q(national_code=""),
                name="a_national_code_names_one_institution",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_finnish(self) -> bool:
        """Does the national export concern this institution?"""
        return self.country == FINLAND

    def country_name(self, language: str = "en") -> str:
        """The name of its country."""
        return country_name(self.country, language)


class Unit(models.Model):
    """A faculty, school or department; units form a tree."""

    institution = models.ForeignKey(Institution, models.CASCADE, related_name="units")
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="parts")
    code = models.CharField(max_length=60)
    name = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["institution", "code"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "code"], name="a_unit_code_is_unique_in_its_institution"
            )
        ]

    def __str__(self) -> str:
        return self.name


class AllianceQuerySet(models.QuerySet["Alliance"]):
    def visible_to(self, actor: Actor) -> Self:
        """Alliances and their figures about masked groups are public."""
        return self


class Alliance(models.Model):
    """Universities that act together, with common goals."""

    code = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    goal_students = models.DecimalField(max_digits=5, decimal_places=4, default=0.5)
    goal_staff = models.DecimalField(max_digits=5, decimal_places=4, default=0.5)

    objects = AllianceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def members(self, *, on: date) -> models.QuerySet[Institution]:
        """Full members on a day."""
        return Institution.objects.filter(
            Q(memberships__until__isnull=True) | Q(memberships__until__gte=on),
            memberships__alliance=self,
            memberships__kind=Membership.Kind.MEMBER,
            memberships__since__lte=on,
        ).distinct()


class Membership(models.Model):
    """An institution's time in an alliance; both days included."""

    class Kind(models.TextChoices):
        MEMBER = "member", "Member"
        ASSOCIATE = "associate", "Associate partner"

    alliance = models.ForeignKey(Alliance, models.CASCADE, related_name="memberships")
    institution = models.ForeignKey(Institution, models.CASCADE, related_name="memberships")
    kind = models.CharField(max_length=10, choices=Kind)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["alliance", "institution"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")),
                name="a_membership_ends_after_it_begins",
            ),
            models.UniqueConstraint(
                fields=["alliance", "institution", "since"], name="a_membership_begins_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.institution} in {self.alliance}"


class Headcount(models.Model):
    """How many students or staff an institution had in a year: the denominators, never constants."""

    class Group(models.TextChoices):
        STUDENTS = "students", "Students"
        DOCTORAL = "doctoral", "Doctoral candidates"
        TEACHERS = "teachers", "Teachers and researchers"
        OTHER_STAFF = "other_staff", "Other staff"
        STAFF = "staff", "All staff"

    institution = models.ForeignKey(Institution, models.CASCADE, related_name="headcounts")
    year = models.PositiveSmallIntegerField()
    group = models.CharField(max_length=12, choices=Group)
    count = models.PositiveIntegerField()
    source = models.CharField(max_length=200)
    as_of = models.DateField()

    class Meta:
        ordering: ClassVar = ["institution", "year", "group"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "year", "group"], name="one_headcount_per_year_and_group"
            )
        ]

    def __str__(self) -> str:
        return f"{self.institution} {self.year} {self.group}: {self.count}"


class Capability(models.Model):
    """What an institution can do over one interface in one process, since when, and how we know."""

    class State(models.TextChoices):
        LIVE = "live", "Live"
        TESTING = "testing", "Testing"
        NONE = "none", "None"
        UNKNOWN = "unknown", "Not known"

    class Source(models.TextChoices):
        CATALOGUE = "catalogue", "Registry catalogue"
        SURVEY = "survey", "Survey round"

    institution = models.ForeignKey(Institution, models.CASCADE, related_name="capabilities")
    process = models.CharField(max_length=40)  # agreements, nominations, learning_agreements, …
    interface = models.CharField(max_length=60)  # EWP API name or the name of the system
    version = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=10, choices=State)
    channel = models.CharField(max_length=10, blank=True)  # ewp, here, guest, file
    system = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=10, choices=Source)
    since = models.DateField()
    survey_round = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering: ClassVar = ["institution", "process", "interface", "-since"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "process", "interface", "source", "since"],
                name="a_capability_is_known_once_a_day",
            )
        ]

    def __str__(self) -> str:
        return f"{self.institution} {self.interface}: {self.state}"

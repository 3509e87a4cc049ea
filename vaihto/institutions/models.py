"""Institutions with their units, the alliances they belong to, and what is known about them when."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from vaihto.codes import FINLAND, country_name
from vaihto.institutions.columns import ValueField, ValuesField
from vaihto.institutions.values import (
    Accessibility,
    Address,
    Information,
    Link,
    MoreInformation,
    Phone,
    Requirement,
)
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
    # What partners are told beside the above.
    abbreviation = models.CharField(max_length=30, blank=True)
    previous_hei_ids = models.JSONField(default=list, blank=True)  # former SCHAC ids, all of them
    erasmus_charter = models.CharField(max_length=60, blank=True)
    street_address = ValueField(of=Address)  # of the main campus
    mailing_address = ValueField(of=Address)
    websites = ValuesField(of=Link)  # pages in a language, beside `website`
    logo_url = models.URLField(max_length=500, blank=True)
    factsheet_urls = ValuesField(of=Link)  # public pages or PDF files for incoming students
    catalogue_urls = ValuesField(of=Link)  # where courses are listed
    # The unit that stands for the whole institution; None where units are a flat list.
    root_unit = models.ForeignKey("Unit", models.SET_NULL, null=True, blank=True, related_name="+")
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
            ),
            models.CheckConstraint(
                condition=Q(logo_url="") | Q(logo_url__startswith="https://"),
                name="a_logo_is_fetched_over_https",
            ),
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

    @property
    def published_names(self) -> tuple[tuple[str, str], ...]:
        """Language (empty when not known) and name, English first: the same in manifest and Institutions API."""
        return in_order(self.names, self.name)

    @property
    def other_ids(self) -> tuple[tuple[str, str], ...]:
        """Type and value of every further identifier: the same in manifest and Institutions API."""
        return (
            *(("previous-schac", former) for former in self.previous_hei_ids),
            *(("pic", one) for one in [self.pic] if one),
            *(("erasmus", one) for one in [self.erasmus_code] if one),
            *(("erasmus-charter", one) for one in [self.erasmus_charter] if one),
            *(("oid", one) for one in [self.oid] if one),
            *(("ror", one) for one in [self.ror] if one),
        )


def in_order(names: dict[str, str], name: str = "") -> tuple[tuple[str, str], ...]:
    """Language and name, English first, then by language; `name` without a language where no language has it."""
    found = sorted(names.items(), key=lambda one: (one[0] != "en", one[0]))
    told = {text for _language, text in found}
    return (*found, *([("", name)] if name and name not in told else []))


def new_id() -> str:
    """An identifier that was never given before and says nothing."""
    return str(uuid.uuid4())


class Unit(models.Model):
    """A faculty, school or department; units of an institution form a tree or a flat list."""

    institution = models.ForeignKey(Institution, models.CASCADE, related_name="units")
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="parts")
    # Partners refer to the unit by it; never changes and is never given again.
    ounit_id = models.CharField(max_length=64, default=new_id, editable=False)
    code = models.CharField(max_length=60)
    name = models.CharField(max_length=200)
    names = models.JSONField(default=dict, blank=True)  # language -> name
    abbreviation = models.CharField(max_length=30, blank=True)
    exposed = models.BooleanField(default=False)  # told to partners
    street_address = ValueField(of=Address)
    mailing_address = ValueField(of=Address)
    websites = ValuesField(of=Link)
    logo_url = models.URLField(max_length=500, blank=True)
    factsheet_urls = ValuesField(of=Link)  # for this unit only

    class Meta:
        ordering: ClassVar = ["institution", "code"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "code"], name="a_unit_code_is_unique_in_its_institution"
            ),
            models.UniqueConstraint(
                fields=["institution", "ounit_id"], name="a_unit_id_is_unique_in_its_institution"
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")),
                name="a_unit_is_not_below_itself",
            ),
            models.CheckConstraint(
                condition=Q(logo_url="") | Q(logo_url__startswith="https://"),
                name="a_unit_logo_is_fetched_over_https",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def published_names(self) -> tuple[tuple[str, str], ...]:
        """Language (empty when not known) and name, English first."""
        return in_order(self.names, self.name)


class Contact(models.Model):
    """Whom partners write to about something: a person, an office or a role, of the institution or of a unit.

    A role with a role address is advised: it outlives the person and is no personal data.
    """

    class Purpose(models.TextChoices):
        COORDINATION = "coordination", "Institutional coordination"
        AGREEMENTS = "agreements", "Agreements"
        NOMINATIONS = "nominations", "Nominations"
        INCOMING = "incoming", "Incoming students"
        OUTGOING = "outgoing", "Outgoing students"
        LEARNING_AGREEMENTS = "learning_agreements", "Learning agreements"
        TRANSCRIPTS = "transcripts", "Transcripts"
        STAFF = "staff", "Staff mobility"
        COURSES = "courses", "Courses and joint offers"
        TECHNICAL = "technical", "Technical matters of the exchange of data"
        OTHER = "other", "Something else"

    class Gender(models.TextChoices):
        UNSAID = "", "Not said"
        NOT_KNOWN = "0", "Not known"
        MALE = "1", "Male"
        FEMALE = "2", "Female"
        NOT_APPLICABLE = "9", "Not applicable"

    institution = models.ForeignKey(Institution, models.CASCADE, related_name="contacts")
    unit = models.ForeignKey(Unit, models.CASCADE, null=True, blank=True, related_name="contacts")
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.OTHER)
    place = models.PositiveSmallIntegerField(default=0)  # order in which partners see them
    names = models.JSONField(default=dict)  # language or "" -> the name as it is shown
    given_names = models.CharField(max_length=200, blank=True)
    family_name = models.CharField(max_length=200, blank=True)
    gender = models.CharField(max_length=1, choices=Gender, blank=True)
    phones = ValuesField(of=Phone)
    faxes = ValuesField(of=Phone)
    emails = models.JSONField(default=list, blank=True)
    street_address = ValueField(of=Address)
    mailing_address = ValueField(of=Address)
    roles = models.JSONField(default=dict, blank=True)  # language or "" -> when to use this contact

    class Meta:
        ordering: ClassVar = ["institution", "place", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(gender__in=["", "0", "1", "2", "9"]),
                name="a_contact_has_a_known_gender_code_or_none",
            ),
        ]

    def __str__(self) -> str:
        return next((text for _language, text in self.published_names), f"#{self.pk}")

    @property
    def published_names(self) -> tuple[tuple[str, str], ...]:
        """Language and name, English first."""
        return in_order(self.names)

    @property
    def published_roles(self) -> tuple[tuple[str, str], ...]:
        """Language and description of the role, English first."""
        return in_order(self.roles)


def _a_day_of_the_year(field: str) -> Q:
    """Empty or MM-DD; there is no deadline on 29 February, it would come once in four years."""
    return Q(**{field: ""}) | (
        Q(**{f"{field}__gte": "01-01"}) & Q(**{f"{field}__lte": "12-31"}) & ~Q(**{field: "02-29"})
    )


class Factsheet(models.Model):
    """What partners tell their students about coming here: deadlines, where to ask, what is required.

    May be kept unfinished; partners see it only when it is complete (see `completeness.py`). Days are MM-DD: by
    the end of that day nominations or applications must have arrived, every year.
    """

    institution = models.OneToOneField(Institution, models.CASCADE, related_name="factsheet")
    nominations_autumn = models.CharField(max_length=5, blank=True)
    nominations_spring = models.CharField(max_length=5, blank=True)
    applications_autumn = models.CharField(max_length=5, blank=True)
    applications_spring = models.CharField(max_length=5, blank=True)
    application = ValueField(of=Information)
    housing = ValueField(of=Information)
    visa = ValueField(of=Information)
    insurance = ValueField(of=Information)
    requirements = ValuesField(of=Requirement)
    decision_weeks = models.PositiveSmallIntegerField(null=True, blank=True)  # five at most advised
    transcript_weeks = models.PositiveSmallIntegerField(
        null=True, blank=True
    )  # five at most advised
    accessibility = ValuesField(of=Accessibility)
    more = ValuesField(of=MoreInformation)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=_a_day_of_the_year("nominations_autumn")
                & _a_day_of_the_year("nominations_spring")
                & _a_day_of_the_year("applications_autumn")
                & _a_day_of_the_year("applications_spring"),
                name="a_deadline_is_a_day_of_every_year",
            ),
            models.CheckConstraint(
                condition=(Q(decision_weeks__isnull=True) | Q(decision_weeks__range=(1, 52)))
                & (Q(transcript_weeks__isnull=True) | Q(transcript_weeks__range=(1, 52))),
                name="a_limit_of_weeks_is_within_a_year",
            ),
        ]

    def __str__(self) -> str:
        return f"factsheet of {self.institution}"


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

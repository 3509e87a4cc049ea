"""Persons, their records at institutions, and the accounts and roles of those who work with them."""

from __future__ import annotations

import functools
import operator
from datetime import date
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from vaihto.institutions.models import Alliance, Institution, Unit
from vaihto.journal.actors import Actor, Grant, May
from vaihto.people.secrecy import EncryptedTextField, search_hashes


def within_reach(grants: tuple[Grant, ...], institution: str, unit: str) -> Q:
    """The condition that a row's institution (and unit) lie within the grants."""
    parts = [
        Q(**{f"{institution}_id": grant.institution_id})
        & (Q(**{f"{unit}_id__in": grant.unit_ids}) if grant.unit_ids is not None else Q())
        for grant in grants
    ]
    return functools.reduce(operator.or_, parts, Q(pk__in=[]))


class PersonQuerySet(models.QuerySet["Person"]):
    def visible_to(self, actor: Actor) -> Self:
        """Oneself, and the students and staff of institutions (and units) one may read."""
        if actor.sees_everything:
            return self
        grants = actor.reach(May.PEOPLE_READ)
        students = StudentRecord.objects.filter(
            within_reach(grants, "institution", "unit"), person=OuterRef("pk")
        )
        staff = Employment.objects.filter(
            within_reach(grants, "institution", "unit"), person=OuterRef("pk")
        )
        return self.filter(Q(pk=actor.person_id or 0) | Q(Exists(students)) | Q(Exists(staff)))

    def with_identity_code(self, code: str) -> Self:
        """Persons whose encrypted identity code is exactly this one."""
        return self.filter(identity_hash__in=search_hashes(code))


class Person(models.Model):
    """A human being, once, however many institutions keep records of them."""

    class Gender(models.TextChoices):
        MALE = "1", "Male"
        FEMALE = "2", "Female"
        UNKNOWN = "9", "Unknown"

    family_name = models.CharField(max_length=200, blank=True)
    given_names = models.CharField(max_length=200, blank=True)
    gender = models.CharField(max_length=1, choices=Gender, blank=True)
    citizenships = models.JSONField(default=list, blank=True)  # numeric country codes
    birth_date = models.DateField(null=True, blank=True)
    email = models.EmailField(blank=True)
    learner_number = models.CharField(max_length=200, blank=True, db_index=True)
    identity_code = EncryptedTextField(blank=True, searched_by="identity_hash")
    identity_hash = models.CharField(max_length=64, blank=True, db_index=True)
    # European Student Identifiers; one may be born in several scopes.
    esis = models.JSONField(default=list, blank=True)

    objects = PersonQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["family_name", "given_names", "pk"]
        indexes: ClassVar = [models.Index(fields=["family_name", "given_names"])]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["learner_number"],
                condition=~Q(learner_number=""),
                name="a_learner_number_names_one_person",
            )
        ]

    def __str__(self) -> str:
        return self.full_name or f"#{self.pk}"

    @property
    def full_name(self) -> str:
        """Given names and family name, as far as they are known."""
        return f"{self.given_names} {self.family_name}".strip()


class StudentRecordQuerySet(models.QuerySet["StudentRecord"]):
    def visible_to(self, actor: Actor) -> Self:
        """Records of institutions (and units) one may read, and one's own."""
        if actor.sees_everything:
            return self
        own = Q(person_id=actor.person_id) if actor.person_id else Q(pk__in=[])
        return self.filter(within_reach(actor.reach(May.PEOPLE_READ), "institution", "unit") | own)


class StudentRecord(models.Model):
    """A person as one institution's student register knows them, under the register's key.

    Records of one person at several institutions are never merged (V10).
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="student_records")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="student_records")
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True)
    key = models.CharField(max_length=100)
    mother_tongue = models.CharField(max_length=10, blank=True)
    residence = models.CharField(max_length=10, blank=True)  # municipality
    first_enrolled = models.DateField(null=True, blank=True)
    # What a brought document held that we do not model: name -> fragment, written out again as it came.
    kept_aside = models.JSONField(default=dict, blank=True)

    objects = StudentRecordQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["institution", "key"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "key"], name="a_student_key_is_unique_in_its_institution"
            )
        ]

    def __str__(self) -> str:
        return self.key


class StudyRight(models.Model):
    """The right to study at one institution; one type for its whole life (V46)."""

    student = models.ForeignKey(StudentRecord, models.PROTECT, related_name="study_rights")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="study_rights")
    key = models.CharField(max_length=100)
    type = models.CharField(max_length=3)  # codes.STUDY_RIGHT_TYPE
    start = models.DateField()
    end = models.DateField(null=True, blank=True)
    granted_by = models.CharField(
        max_length=10, blank=True
    )  # national code where not the institution's
    kept_aside = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["student", "start", "key"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "key"], name="a_study_right_key_is_unique_in_its_institution"
            ),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gte=F("start")),
                name="a_study_right_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class StudyRightState(models.Model):
    """A state spell of a right; together they cover the right without gaps or overlaps (Q22)."""

    right = models.ForeignKey(StudyRight, models.CASCADE, related_name="states")
    start = models.DateField()
    end = models.DateField(null=True, blank=True)
    code = models.CharField(max_length=2)  # codes.STUDY_RIGHT_STATE

    class Meta:
        ordering: ClassVar = ["right", "start"]

    def __str__(self) -> str:
        return f"{self.code} {self.start}–{self.end or ''}"


class StudyRightSpell(models.Model):
    """A stretch of a right with unchanged facts: education, funding, joint or double degree."""

    right = models.ForeignKey(StudyRight, models.CASCADE, related_name="spells")
    start = models.DateField()
    end = models.DateField(null=True, blank=True)
    module = models.CharField(max_length=200, blank=True)
    education_code = models.CharField(max_length=10, blank=True)
    municipality = models.CharField(max_length=10, blank=True)
    language = models.CharField(max_length=10, blank=True)
    funding_source = models.CharField(max_length=2, blank=True)
    classifications = models.JSONField(default=list, blank=True)
    names = models.JSONField(default=dict, blank=True)  # language -> name
    qualifications = models.JSONField(default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["right", "start"]

    def __str__(self) -> str:
        return f"{self.module} {self.start}–{self.end or ''}"


class Primacy(models.Model):
    """When a right is the student's primary one at the institution."""

    right = models.ForeignKey(StudyRight, models.CASCADE, related_name="primacies")
    start = models.DateField()
    end = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["right", "start"]
        verbose_name_plural = "primacies"

    def __str__(self) -> str:
        return f"{self.start}–{self.end or ''}"


class TermEnrolment(models.Model):
    """A term enrolment, kept as it came: we read its days and state and write the rest out again."""

    student = models.ForeignKey(StudentRecord, models.CASCADE, related_name="term_enrolments")
    right = models.ForeignKey(
        StudyRight, models.CASCADE, null=True, blank=True, related_name="term_enrolments"
    )
    start = models.DateField()
    end = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=2)
    document = models.TextField()  # the element in canonical XML
    digest = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["student", "start", "digest"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["student", "digest"], name="a_term_enrolment_is_kept_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.start} {self.state}"


class EmploymentQuerySet(models.QuerySet["Employment"]):
    def visible_to(self, actor: Actor) -> Self:
        """Employments at institutions (and units) one may read, and one's own."""
        if actor.sees_everything:
            return self
        own = Q(person_id=actor.person_id) if actor.person_id else Q(pk__in=[])
        return self.filter(within_reach(actor.reach(May.PEOPLE_READ), "institution", "unit") | own)


class Employment(models.Model):
    """A person as staff of one institution."""

    class Group(models.TextChoices):
        TEACHING = "teaching", "Teaching and research"
        OTHER = "other", "Other staff"

    person = models.ForeignKey(Person, models.PROTECT, related_name="employments")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="employments")
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True)
    key = models.CharField(max_length=100)
    group = models.CharField(max_length=10, choices=Group)
    title = models.CharField(max_length=200, blank=True)
    start = models.DateField()
    end = models.DateField(null=True, blank=True)

    objects = EmploymentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["institution", "key"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "key"], name="an_employment_key_is_unique_in_its_institution"
            ),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gte=F("start")),
                name="an_employment_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class AccountManager(BaseUserManager["Account"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> Account:
        """A local account; without a password it cannot sign in locally."""
        account = self.model(username=username, **fields)
        account.set_password(password)
        account.save(using=self._db)
        return account

    def get_by_natural_key(self, username: str | None) -> Account:
        return self.get(username=username)


class Account(AbstractBaseUser):
    """A login, which is not a person (F13). Roles hang on the account.

    A link to a person is made by an administrator or by a checked identifier, never by e-mail alone.
    """

    username = models.CharField(max_length=150, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    language = models.CharField(max_length=5, blank=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    person = models.ForeignKey(
        Person, models.PROTECT, null=True, blank=True, related_name="accounts"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar = ["name"]
    objects = AccountManager()

    class Meta:
        ordering: ClassVar = ["username"]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        """The name shown beside what the account did."""
        return self.name


class ExternalLogin(models.Model):
    """One identity at one provider through which an account may be entered (F13)."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="external_logins")
    provider = models.CharField(max_length=200)
    subject = models.CharField(max_length=255)
    home_organisation = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "subject"], name="a_subject_enters_one_account"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.subject}"


class Role(models.Model):
    """What an account is allowed to be, where, from when to when (T02)."""

    class Name(models.TextChoices):
        READER = "reader", "Reader"
        ENTRY = "entry", "Entry"
        COORDINATOR = "coordinator", "Coordinator"
        AGREEMENT_MANAGER = "agreement_manager", "Agreement manager"
        SIGNATORY = "signatory", "Signatory"
        REGISTRAR = "registrar", "Registrar"
        ADMINISTRATOR = "administrator", "Administrator"
        SECRETARIAT = "secretariat", "Secretariat"

    account = models.ForeignKey(Account, models.CASCADE, related_name="roles")
    name = models.CharField(max_length=20, choices=Name)
    institution = models.ForeignKey(
        Institution, models.CASCADE, null=True, blank=True, related_name="roles"
    )
    unit = models.ForeignKey(Unit, models.CASCADE, null=True, blank=True)
    alliance = models.ForeignKey(
        Alliance, models.CASCADE, null=True, blank=True, related_name="roles"
    )
    since = models.DateField(default=date(2000, 1, 1))
    until = models.DateField(null=True, blank=True)
    stand_in_for = models.ForeignKey(
        Account, models.CASCADE, null=True, blank=True, related_name="stand_ins"
    )

    class Meta:
        ordering: ClassVar = ["account", "institution", "name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(name="secretariat", alliance__isnull=False, institution__isnull=True)
                | (~Q(name="secretariat") & Q(institution__isnull=False, alliance__isnull=True)),
                name="a_role_is_at_an_institution_or_the_secretariat_of_an_alliance",
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")),
                name="a_role_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.name}"

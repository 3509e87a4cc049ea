"""Attainments: degrees, completions and recognised credits."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Mobility
from vaihto.people.models import StudentRecord, StudyRight, within_reach


class AttainmentQuerySet(models.QuerySet["Attainment"]):
    def visible_to(self, actor: Actor) -> Self:
        """Attainments at institutions (and units) whose students one may read, and one's own."""
        if actor.sees_everything:
            return self
        return self.filter(
            within_reach(actor.reach(May.PEOPLE_READ), "student__institution", "student__unit")
            | Q(student__person_id=actor.person_id or 0)
        )


class Attainment(models.Model):
    """Something completed. Completion and recognition are two dates and never copied over each other (V19)."""

    class GrantedBy(models.TextChoices):
        HOME = "home", "This institution"
        FOREIGN_HEI = "foreign_hei", "Foreign institution"
        FOREIGN_OTHER = "foreign_other", "Other foreign body"
        FINNISH_HEI = "finnish_hei", "Another Finnish institution"

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="attainments")
    student = models.ForeignKey(StudentRecord, models.PROTECT, related_name="attainments")
    right = models.ForeignKey(
        StudyRight, models.PROTECT, null=True, blank=True, related_name="attainments"
    )
    mobility = models.ForeignKey(
        Mobility, models.PROTECT, null=True, blank=True, related_name="attainments"
    )
    key = models.CharField(max_length=100)
    kind = models.CharField(max_length=2)  # codes.ATTAINMENT_KIND; 1 is a degree
    names = models.JSONField(default=dict, blank=True)  # language -> name
    credits = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    grade_scale = models.CharField(max_length=40, blank=True)
    grade = models.CharField(max_length=40, blank=True)
    completed_on = models.DateField(null=True, blank=True)
    recognised_on = models.DateField(null=True, blank=True)
    granted_by = models.CharField(max_length=14, choices=GrantedBy, default=GrantedBy.HOME)
    source_code = models.CharField(max_length=10, blank=True)  # role 3: UK, UM or a national code
    source_country = models.CharField(max_length=3, blank=True)
    classifications = models.JSONField(default=list, blank=True)
    education_code = models.CharField(max_length=10, blank=True)
    module = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=10, blank=True)
    is_traineeship = models.BooleanField(default=False)
    # For degrees: where granted and where completed, when these differ from the institution's country.
    granting_country = models.CharField(max_length=3, blank=True)
    completed_in_country = models.CharField(max_length=3, blank=True)
    kept_aside = models.JSONField(default=dict, blank=True)

    objects = AttainmentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["institution", "key"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "key"], name="an_attainment_key_is_unique_in_its_institution"
            )
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def is_degree(self) -> bool:
        """Does this attainment define a graduation (kind 1)?"""
        return self.kind == "1"

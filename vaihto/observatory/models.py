"""Goals: what an alliance wants to reach, from which day, by which definition."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from vaihto.institutions.models import Alliance
from vaihto.journal.actors import Actor


class GoalQuerySet(models.QuerySet["Goal"]):
    def visible_to(self, actor: Actor) -> Self:
        """Goals of an alliance are public, as its figures are."""
        return self


class Goal(models.Model):
    """A share to be reached, valid from a day until the next goal of the same group and mode.

    No mode means all modes together (E70, E71); a goal may be split by mode and group (E80).
    """

    class Group(models.TextChoices):
        STUDENTS = "students", "Students"
        DOCTORAL = "doctoral", "Doctoral candidates"
        STAFF = "staff", "All staff"
        TEACHERS = "teachers", "Teachers and researchers"
        OTHER_STAFF = "other_staff", "Other staff"

    class Mode(models.TextChoices):
        PHYSICAL = "physical", "Physical"
        BLENDED = "blended", "Blended"
        VIRTUAL = "virtual", "Virtual"

    alliance = models.ForeignKey(Alliance, models.CASCADE, related_name="goals")
    group = models.CharField(max_length=12, choices=Group)
    mode = models.CharField(max_length=8, choices=Mode, blank=True)
    since = models.DateField()
    share = models.DecimalField(max_digits=5, decimal_places=4)
    definition = models.CharField(max_length=60)  # name and version of what is counted
    source = models.CharField(max_length=200)  # the minutes or plan that decided it

    objects = GoalQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["alliance", "group", "mode", "-since"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["alliance", "group", "mode", "since"], name="one_goal_from_a_day"
            ),
            models.CheckConstraint(
                condition=Q(share__gt=0, share__lte=1), name="a_goal_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alliance} {self.group} {self.mode}: {self.share}"

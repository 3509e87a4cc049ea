"""Export runs: what was made for the warehouse, when, by whom, from which rules, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May


class Form(models.TextChoices):
    """Which file: one kind of record by itself, or the nested whole."""

    PERIODS = "Liikkuvuusjaksot", "Mobility periods"
    STUDENTS = "Opiskelijat", "Students"
    RIGHTS = "Opiskeluoikeudet", "Study rights"
    ENROLMENTS = "LukukausiIlmoittautumiset", "Term enrolments"
    ATTAINMENTS = "Opintosuoritukset", "Attainments"
    NESTED = "Virta", "Everything, nested by student"


class ExportRunQuerySet(models.QuerySet["ExportRun"]):
    def visible_to(self, actor: Actor) -> Self:
        """Runs of institutions whose exports one may read."""
        places = actor.institutions(May.VIRTA_READ)
        return self if places is None else self.filter(institution_id__in=places)

    def made(self) -> Self:
        """Runs that ended with a file."""
        return self.filter(state=ExportRun.State.MADE)


class ExportRun(models.Model):
    """One file made for one institution. Never changed afterwards but for the proof of its delivery."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        MADE = "made", "Made"
        REFUSED = "refused", "Refused"

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="export_runs")
    form = models.CharField(max_length=30, choices=Form)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    asked_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True)
    made_by = models.CharField(max_length=200)
    account_id = models.BigIntegerField(null=True)
    work_id = models.BigIntegerField(null=True)
    # The person saw what the last whole batch had and this one lacks, and said: make it all the same.
    loss_accepted = models.BooleanField(default=False)
    edition = models.CharField(max_length=64, blank=True)
    schema_version = models.CharField(max_length=40, blank=True)
    is_valid = models.BooleanField(null=True)  # None: the official schemas were absent
    counts = models.JSONField(default=dict)  # kind of record -> number written
    left_out = models.PositiveIntegerField(default=0)  # records kept out by an error
    checks = models.JSONField(default=dict)  # check -> {"severity": …, "count": …}
    digest = models.CharField(max_length=64, blank=True)  # SHA-256 of the file
    size = models.PositiveBigIntegerField(default=0)
    # Against the run before of the same form: {"new": n, "changed": n, "gone": n}
    difference = models.JSONField(default=dict)
    previous = models.ForeignKey("self", models.PROTECT, null=True, related_name="later_runs")
    refusal = models.JSONField(default=dict, blank=True)
    delivered_on = models.DateField(null=True, blank=True)
    delivery_proof = models.TextField(blank=True)
    delivery_by = models.CharField(max_length=200, blank=True)

    objects = ExportRunQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-asked_at", "-pk"]
        indexes: ClassVar = [models.Index(fields=["institution", "form", "state", "-asked_at"])]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(state="made") | ~Q(digest=""), name="a_made_run_has_a_digest"
            )
        ]

    def __str__(self) -> str:
        return f"{self.institution} {self.form} {self.asked_at:%Y-%m-%d}"

    @property
    def folder(self) -> Path:
        """Where the file of the run and its lists are kept."""
        return Path(settings.DATA) / "virta" / str(self.institution_id) / str(self.pk)

    @property
    def file(self) -> Path:
        """The document."""
        return self.folder / f"{self.form}.xml"

    @property
    def findings_file(self) -> Path:
        """What the checks found, one JSON object a line, errors first."""
        return self.folder / "findings.jsonl"

    @property
    def difference_file(self) -> Path:
        """What changed since the run before, one JSON object a line."""
        return self.folder / "difference.jsonl"

"""Judgements: what the rules made of each side of a mobility, with findings and the edition that said it."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models

from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Side
from vaihto.people.models import within_reach


class Scheme(models.TextChoices):
    """Who counts."""

    VIRTA = "virta", "VIRTA"
    OPH = "oph", "Finnish National Agency for Education"
    TK = "tk", "Statistics Finland"
    OKM = "okm", "Ministry of Education and Culture"
    ERASMUS = "erasmus", "Erasmus+"
    ALLIANCE = "alliance", "Alliance"


class MobilityMode(models.TextChoices):
    PHYSICAL = "physical", "Physical"
    BLENDED = "blended", "Blended"
    VIRTUAL = "virtual", "Virtual"


class Edition(models.Model):
    """One state of the rules and parameters, by the hash of their sources."""

    key = models.CharField(max_length=64, unique=True)
    adopted_at = models.DateTimeField()
    adopted_by = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-adopted_at"]

    def __str__(self) -> str:
        return self.key[:12]


class JudgementQuerySet(models.QuerySet["Judgement"]):
    def visible_to(self, actor: Actor) -> Self:
        """Judgements of sides one may see."""
        if actor.sees_everything:
            return self
        return self.filter(
            within_reach(actor.reach(May.MOBILITIES_READ), "side__institution", "side__unit")
            | models.Q(side__mobility__person_id=actor.person_id or 0)
        )


class Judgement(models.Model):
    """What the rules said of one side, whole: the notes, the findings, the mode, and when."""

    side = models.OneToOneField(Side, models.CASCADE, related_name="judgement")
    edition = models.CharField(max_length=64, db_index=True)
    judged_at = models.DateTimeField()
    mode = models.CharField(max_length=8, choices=MobilityMode, blank=True, db_index=True)
    # Why nothing may be recorded at all, where that is so.
    reason_code = models.CharField(max_length=40, blank=True)
    note_codes = models.JSONField(default=list)
    # [{"rule": "S07", "period": 0, "holds": true, "compared": {...}}, …]
    findings = models.JSONField(default=list)

    objects = JudgementQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.side_id} {self.edition[:12]}"


class PeriodQuerySet(models.QuerySet["Period"]):
    def visible_to(self, actor: Actor) -> Self:
        """Periods of sides one may see."""
        if actor.sees_everything:
            return self
        return self.filter(
            within_reach(actor.reach(May.MOBILITIES_READ), "institution", "side__unit")
            | models.Q(side__mobility__person_id=actor.person_id or 0)
        )


class Period(models.Model):
    """What is written into the register: built from segments by the rules; both days included.

    Keys are stable: a period keeps its key while it stays at its place among the periods of its side (V11).
    """

    side = models.ForeignKey(Side, models.CASCADE, related_name="periods")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="periods")
    index = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=110)
    start = models.DateField(db_index=True)
    end = models.DateField()
    days = models.PositiveIntegerField()
    direction = models.CharField(max_length=8)
    country = models.CharField(max_length=3, blank=True)
    type = models.CharField(max_length=2, blank=True)
    programme = models.CharField(max_length=3, blank=True)
    level = models.CharField(max_length=2, blank=True)
    classifications = models.JSONField(default=list)
    sent = models.BooleanField(default=True)  # goes into the next export

    objects = PeriodQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["institution", "key"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "key"], name="a_period_key_is_unique_in_its_institution"
            ),
            models.UniqueConstraint(fields=["side", "index"], name="a_side_numbers_its_periods"),
        ]

    def __str__(self) -> str:
        return self.key


class VerdictQuerySet(models.QuerySet["Verdict"]):
    def visible_to(self, actor: Actor) -> Self:
        """Verdicts on sides one may see."""
        if actor.sees_everything:
            return self
        return self.filter(
            within_reach(actor.reach(May.MOBILITIES_READ), "institution", "side__unit")
            | models.Q(side__mobility__person_id=actor.person_id or 0)
        )


class Verdict(models.Model):
    """Does it count, for whom, in which year, and which rule decided.

    `included` is None when it cannot be told; `missing` then names what is not known. `year` is the year in
    which the scheme counts it, or would: the start year for OPH, the graduation year for Statistics Finland.
    """

    side = models.ForeignKey(Side, models.CASCADE, related_name="verdicts")
    period = models.ForeignKey(Period, models.CASCADE, null=True, related_name="verdicts")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="verdicts")
    scheme = models.CharField(max_length=8, choices=Scheme)
    included = models.BooleanField(null=True)
    kind = models.CharField(max_length=20, blank=True)
    year = models.PositiveSmallIntegerField(null=True)
    reason_code = models.CharField(max_length=40, blank=True)
    rule = models.CharField(max_length=10, blank=True)
    missing = models.JSONField(default=list)

    objects = VerdictQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["side", "scheme", "pk"]
        indexes: ClassVar = [
            models.Index(fields=["institution", "scheme", "year", "included"]),
            models.Index(fields=["scheme", "year"]),
        ]

    def __str__(self) -> str:
        return f"{self.scheme} {self.included} {self.reason_code or self.kind}"

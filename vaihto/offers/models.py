"""The catalogue: learning opportunities, what they contain, and their realisations.

Identifiers follow the EWP Courses API (0.7): they are surrogates that never change and are never given to
another thing; their prefix states the kind, so a kind never changes either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self
from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from vaihto.codes import ISCED_F
from vaihto.institutions.columns import ValuesField
from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.values import Link
from vaihto.journal.actors import Actor

ECTS = "ects"


class Kind(models.TextChoices):
    """What a learning opportunity is, from the widest to the narrowest."""

    PROGRAMME = "programme", "Degree programme"
    MODULE = "module", "Module"
    COURSE = "course", "Course"
    CLASS = "class", "Class"

    @property
    def prefix(self) -> str:
        """How identifiers of this kind begin; those of realisations have an `I` behind it."""
        return {"programme": "DEP", "module": "MOD", "course": "CR", "class": "CLS"}[self.value]

    @property
    def width(self) -> int:
        """What contains something is at least as wide as that."""
        return ("class", "course", "module", "programme").index(self.value)


def new_los_id(kind: Kind) -> str:
    """An identifier for a new learning opportunity."""
    return f"{kind.prefix}/{uuid4()}"


def new_loi_id(kind: Kind) -> str:
    """An identifier for a new realisation of something of this kind."""
    return f"{kind.prefix}I/{uuid4()}"


def text_in(texts: Mapping[str, str], language: str) -> tuple[str, str]:
    """The text in a language, else the English, else the first there is; with the language it is in."""
    for wanted in (language, "en"):
        for tag, text in texts.items():
            if text and tag.partition("-")[0] == wanted:
                return text, tag
    return next(((text, tag) for tag, text in texts.items() if text), ("", ""))


def title_and_search(code: str, titles: Mapping[str, str]) -> tuple[str, str]:
    """By what an entry is sorted, and in what it is looked for."""
    return text_in(titles, "en")[0][:300], "\n".join([code, *titles.values()]).casefold()


def of_the_institution(actor: Actor, field: str) -> Q:
    """Records of an institution at which the actor has a role."""
    own = {grant.institution_id for grant in actor.grants if grant.institution_id is not None}
    return Q(**{f"{field}__in": own})


class LearningOpportunityQuerySet(models.QuerySet["LearningOpportunity"]):
    def published(self) -> Self:
        """What everybody may see: exposed and not withdrawn."""
        return self.filter(exposed=True, withdrawn_at__isnull=True)

    def visible_to(self, actor: Actor) -> Self:
        """What is published, also to strangers; the rest to those who have a role at the institution."""
        if actor.sees_everything:
            return self
        return self.filter(
            Q(exposed=True, withdrawn_at__isnull=True) | of_the_institution(actor, "institution")
        )


class LearningOpportunity(models.Model):
    """A programme, module, course or class as an entry of the catalogue.

    `key` is how the institution's own register names it, empty for what was entered here by hand. `titles` and
    `descriptions` map a language tag to the text. `title` and `search` are made of them, for sorting and finding.
    """

    institution = models.ForeignKey(
        Institution,
        models.PROTECT,
        related_name="learning_opportunities",
        db_index=False,  # the indexes below begin with it
    )
    unit = models.ForeignKey(
        Unit, models.PROTECT, null=True, blank=True, related_name="learning_opportunities"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    los_id = models.CharField(max_length=64, unique=True)
    key = models.CharField(max_length=100, blank=True)
    code = models.CharField(max_length=60, blank=True)
    titles = models.JSONField(default=dict)
    descriptions = models.JSONField(default=dict, blank=True)
    title = models.CharField(max_length=300)
    search = models.TextField()
    isced_code = models.CharField(max_length=4, blank=True)  # codes.ISCED_F
    subject_area = models.CharField(max_length=10, blank=True)  # old Erasmus subject code
    eqf_level = models.PositiveSmallIntegerField(null=True, blank=True)
    addresses = ValuesField(of=Link)
    parts = models.ManyToManyField(
        "self",
        through="Containment",
        through_fields=("whole", "part"),
        symmetrical=False,
        related_name="wholes",
    )
    exposed = models.BooleanField(default=False)
    # Of itself, of what it contains or of a realisation; partners ask what changed since an instant.
    modified_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = LearningOpportunityQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["title", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "key"],
                condition=~Q(key=""),
                name="a_catalogue_key_is_unique_in_its_institution",
            ),
            models.UniqueConstraint(
                fields=["institution", "code"],
                condition=~Q(code="") & Q(withdrawn_at__isnull=True),
                name="a_catalogue_code_is_unique_in_its_institution",
            ),
            models.CheckConstraint(
                condition=Q(eqf_level__isnull=True) | Q(eqf_level__range=(1, 8)),
                name="an_eqf_level_is_1_to_8",
            ),
            models.CheckConstraint(
                condition=Q(isced_code__in=["", *ISCED_F.codes]), name="a_field_is_of_isced_f"
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind=Kind.PROGRAMME, los_id__startswith="DEP/")
                    | Q(kind=Kind.MODULE, los_id__startswith="MOD/")
                    | Q(kind=Kind.COURSE, los_id__startswith="CR/")
                    | Q(kind=Kind.CLASS, los_id__startswith="CLS/")
                ),
                name="the_prefix_of_an_identifier_states_the_kind",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "modified_at"]),
            # Beside the constraint, whose condition SQLite does not see fulfilled by a list of codes.
            models.Index(fields=["institution", "code"]),
            models.Index(fields=["title", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}".strip()

    @property
    def is_published(self) -> bool:
        """Do partners and the public see it?"""
        return self.exposed and self.withdrawn_at is None

    def title_in(self, language: str) -> tuple[str, str]:
        """The title as somebody of that language reads it, and the language it is in."""
        return text_in(self.titles, language)


class Containment(models.Model):
    """One learning opportunity is part of another; nothing is part of itself, however far down."""

    whole = models.ForeignKey(LearningOpportunity, models.PROTECT, related_name="part_links")
    part = models.ForeignKey(LearningOpportunity, models.PROTECT, related_name="whole_links")

    class Meta:
        ordering: ClassVar = ["whole", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["whole", "part"], name="a_part_is_contained_once"),
            models.CheckConstraint(condition=~Q(whole=F("part")), name="nothing_contains_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.part} in {self.whole}"


@dataclass(frozen=True)
class Credit:
    """How many credits of a scheme; `level` is Bachelor, Master, PhD or empty."""

    scheme: str
    value: Decimal
    level: str = ""


class Realisation(models.Model):
    """A learning opportunity as taught from one day to another, both included.

    The academic term is stated as a year, as the `n`-th of `m` equal terms of it, with names by language and its
    own days. `credits` are [scheme, value, level], ECTS first; `results` are [category, count].
    """

    opportunity = models.ForeignKey(
        LearningOpportunity, models.PROTECT, related_name="realisations"
    )
    loi_id = models.CharField(max_length=64, unique=True)
    key = models.CharField(max_length=100, blank=True)
    start = models.DateField()
    end = models.DateField()
    academic_year = models.CharField(max_length=9, blank=True)  # 2026/2027
    term_number = models.PositiveSmallIntegerField(null=True, blank=True)
    term_count = models.PositiveSmallIntegerField(null=True, blank=True)
    term_names = models.JSONField(default=dict, blank=True)
    term_start = models.DateField(null=True, blank=True)
    term_end = models.DateField(null=True, blank=True)
    grading_labels = models.JSONField(default=dict, blank=True)
    grading_descriptions = models.JSONField(default=dict, blank=True)
    results = models.JSONField(default=list, blank=True)
    results_descriptions = models.JSONField(default=dict, blank=True)
    credits = models.JSONField(default=list, blank=True)
    language = models.CharField(max_length=20, blank=True)  # of instruction
    engagement_hours = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["start", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["opportunity", "key"],
                condition=~Q(key=""),
                name="a_realisation_key_is_unique_in_its_opportunity",
            ),
            models.CheckConstraint(
                condition=Q(end__gte=F("start")), name="a_realisation_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(term_start__isnull=True)
                | Q(term_end__isnull=True)
                | Q(term_end__gte=F("term_start")),
                name="a_term_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(term_number__isnull=True, term_count__isnull=True)
                | Q(term_number__gte=1, term_number__lte=F("term_count"), term_count__lte=9),
                name="a_term_is_one_of_at_most_nine",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["academic_year"]),
            models.Index(fields=["opportunity", "start"]),
        ]

    def __str__(self) -> str:
        return f"{self.start}–{self.end}"

    @property
    def credit_list(self) -> list[Credit]:
        """The credits, ECTS first."""
        return [Credit(scheme, Decimal(value), level) for scheme, value, level in self.credits]

    @property
    def ects(self) -> Decimal | None:
        """How many ECTS credits, where stated."""
        return next((one.value for one in self.credit_list if one.scheme == ECTS), None)

    @property
    def has_whole_term(self) -> bool:
        """Can the academic term be told to partners: its year, a name, its first and last day?"""
        return bool(
            self.academic_year
            and any(self.term_names.values())
            and self.term_start
            and self.term_end
        )

    @property
    def has_half_a_term(self) -> bool:
        """Is something of a term stated, but not enough to be told?"""
        return bool(self.academic_year) and not self.has_whole_term

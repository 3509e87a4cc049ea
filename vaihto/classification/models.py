"""Judgements: what the rules made of each side of a mobility, with findings and the edition that said it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models

from vaihto.institutions.models import Alliance, Institution
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Side
from vaihto.people.models import Person, StudyRight, within_reach

# Places for periods of one side in the number line of period ids (see `Period`).
PERIODS_OF_A_SIDE = 1000


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


class Group(models.TextChoices):
    """Which part of a university a moving person belongs to; what a rate is computed of."""

    STUDENTS = "students", "Students"
    DOCTORAL = "doctoral", "Doctoral candidates"
    TEACHERS = "teachers", "Teachers and researchers"
    OTHER_STAFF = "other_staff", "Other staff"


class EditionQuerySet(models.QuerySet["Edition"]):
    def visible_to(self, actor: Actor) -> Self:
        """Editions are the same for everybody who signed in; a stranger sees the adopted ones."""
        return self if not actor.is_stranger else self.filter(adopted_at__isnull=False)

    def adopted(self) -> Edition | None:
        """The edition in force: the one adopted last."""
        return self.filter(adopted_at__isnull=False).order_by("-adopted_at", "-pk").first()


class Edition(models.Model):
    """One state of the rules and parameters: the hash of their sources, and what is laid over them.

    An edition without `adopted_at` is a proposal: it can be tried, and judges nothing that is stored.
    """

    key = models.CharField(max_length=64, unique=True)
    # Parameters laid over those of the program, as the text of a parameter file.
    parameters = models.TextField(blank=True)
    proposed_at = models.DateTimeField(null=True)
    proposed_by = models.CharField(max_length=200, blank=True)
    adopted_at = models.DateTimeField(null=True)
    adopted_by = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True)
    # What trying it showed: {"judged": n, "changed": n, "by_rule": {…}, "changes": [first ones]}
    trial = models.JSONField(default=dict, blank=True)

    objects = EditionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-adopted_at", "-pk"]

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
    """What the rules said of one side, whole: the notes, the findings, the mode, and when.

    `digest` is of everything that was said; a judging that says the same again writes nothing, so
    `judged_at` is the moment from which it has been said.
    """

    side = models.OneToOneField(Side, models.CASCADE, primary_key=True, related_name="judgement")
    edition = models.CharField(max_length=64)
    judged_at = models.DateTimeField()
    digest = models.CharField(max_length=32)
    mode = models.CharField(max_length=8, choices=MobilityMode, blank=True)
    # Why nothing may be recorded at all, where that is so.
    reason_code = models.CharField(max_length=40, blank=True)
    note_codes = models.JSONField(default=list)
    # What the rules found, kept short: [{"period": 0, "rules": {"S07": {"holds": true, "days": 87, …}, …}}, …]
    kept = models.JSONField(default=list)

    objects = JudgementQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.side_id} {self.edition[:12]}"

    @property
    def findings(self) -> list[dict[str, Any]]:
        """One line per rule and period: `rule`, `period` (None: the mobility as a whole), `holds`, `compared`."""
        return [
            {
                "rule": rule,
                "period": one["period"],
                "holds": found["holds"],
                "compared": {name: value for name, value in found.items() if name != "holds"},
            }
            for one in self.kept
            for rule, found in one["rules"].items()
        ]


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
    So is `id`: the side's number times a thousand plus the place, which lets verdicts point to periods that
    are written in the same stroke.
    """

    id = models.BigIntegerField(primary_key=True)
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
    # The primary right for the period (4.3) with how it was chosen, and the right whose graduation it
    # belongs to (A16).
    right = models.ForeignKey(
        StudyRight, models.SET_NULL, null=True, blank=True, related_name="periods"
    )
    right_by = models.CharField(max_length=20, blank=True)
    belongs_to = models.ForeignKey(
        StudyRight, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
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
    `kind` is the scheme's own word: `long_outgoing` and its like for OPH, `long` or `short` for Statistics
    Finland, the column of the credit count or the length of a staff visit for the ministry, the mode for the
    alliance. `amount` is in credits or days, by kind. Person, group and partner stand here too, so that one
    grouped query answers a question about many.
    """

    side = models.ForeignKey(Side, models.CASCADE, related_name="verdicts")
    period = models.ForeignKey(Period, models.CASCADE, null=True, related_name="verdicts")
    institution = models.ForeignKey(
        Institution, models.PROTECT, related_name="verdicts", db_index=False
    )
    person = models.ForeignKey(Person, models.PROTECT, related_name="+", db_index=False)
    partner = models.ForeignKey(
        Institution, models.PROTECT, null=True, related_name="+", db_index=False
    )
    group = models.CharField(max_length=12, choices=Group, blank=True)
    direction = models.CharField(max_length=8)
    scheme = models.CharField(max_length=8, choices=Scheme)
    included = models.BooleanField(null=True)
    kind = models.CharField(max_length=30, blank=True)
    amount = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    year = models.PositiveSmallIntegerField(null=True)
    reason_code = models.CharField(max_length=40, blank=True)
    rule = models.CharField(max_length=10, blank=True)
    missing = models.JSONField(default=list)

    objects = VerdictQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["side", "scheme", "pk"]
        indexes: ClassVar = [
            # The side last: lines of a collection come in the order of sides without sorting.
            models.Index(fields=["institution", "scheme", "year", "side"]),
            models.Index(
                fields=["institution"],
                condition=models.Q(included__isnull=True),
                name="verdicts_not_told",
            ),
            models.Index(
                fields=["person", "institution", "year"],
                condition=models.Q(scheme="alliance", included=True),
                name="verdicts_of_participation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scheme} {self.included} {self.reason_code or self.kind}"


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, actor: Actor) -> Self:
        """Collections of institutions whose register one may read as a whole."""
        if actor.sees_everything:
            return self
        return self.filter(institution_id__in=actor.institutions(May.VIRTA_READ) or ())


class Collection(models.Model):
    """The rows of one extraction as they stood at one moment, frozen for good (S51).

    `rows` is compressed; `queries.frozen_rows` reads it.
    """

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="collections")
    extraction = models.CharField(max_length=20)  # queries.EXTRACTIONS
    year = models.PositiveSmallIntegerField()
    frozen_at = models.DateTimeField()
    frozen_by = models.CharField(max_length=200)
    edition = models.CharField(max_length=64)
    note = models.TextField(blank=True)
    count = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    rows = models.BinaryField()

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-frozen_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "extraction", "year", "frozen_at"],
                name="a_collection_is_frozen_once_a_moment",
            )
        ]

    def __str__(self) -> str:
        return f"{self.institution} {self.extraction} {self.year} {self.frozen_at:%Y-%m-%d}"


class Stamp(models.Model):
    """How often something else was said of an institution's records: what was computed under it still holds."""

    institution = models.OneToOneField(
        Institution, models.CASCADE, primary_key=True, related_name="+"
    )
    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.institution_id}: {self.number}"


class Waiting(models.Model):
    """A person whose records changed together with too many others to be judged at once."""

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True, related_name="+")

    def __str__(self) -> str:
        return str(self.person_id)


class Tally(models.Model):
    """How many persons took part, and how often: one line of an alliance's figures, kept so that pages are quick.

    Made from the verdicts by `participation.refresh`. `modes` says in which modes exactly these persons took
    part (1 physical, 2 blended, 4 virtual, and sums of these), so that persons are counted once whichever
    modes are put together; events stand with the single mode they belong to. `institution` is empty for the
    alliance as a whole; `by` and `value` break the events up by country, programme, level or
    partner, or tell the size of the cohort (`by` is then `cohort`).
    Nobody reads these lines while their `Fresh` row says that they are stale.
    """

    class Rate(models.TextChoices):
        YEARLY = "yearly", "Persons with an event that started in the year"
        STUDIES = "studies", "Graduates of the year with an event during their studies"

    alliance = models.ForeignKey(Alliance, models.CASCADE, related_name="tallies", db_index=False)
    rate = models.CharField(max_length=8, choices=Rate)
    year = models.PositiveSmallIntegerField()
    institution = models.ForeignKey(
        Institution, models.CASCADE, null=True, related_name="+", db_index=False
    )
    group = models.CharField(max_length=12)
    inside = models.BooleanField()  # with partners inside the alliance only
    modes = models.PositiveSmallIntegerField(default=0)
    by = models.CharField(max_length=10, blank=True)
    value = models.CharField(max_length=120, blank=True)
    persons = models.PositiveIntegerField()
    events = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "tallies"
        indexes: ClassVar = [models.Index(fields=["alliance", "rate", "year", "by"])]

    def __str__(self) -> str:
        return (
            f"{self.alliance_id} {self.rate} {self.year} {self.group} {self.value}: {self.persons}"
        )


class Fresh(models.Model):
    """Whether the tallies of an alliance, rate and year still say what the verdicts say."""

    alliance = models.ForeignKey(Alliance, models.CASCADE, related_name="+")
    rate = models.CharField(max_length=8, choices=Tally.Rate)
    year = models.PositiveSmallIntegerField()
    stale = models.BooleanField(default=True)
    refreshed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["alliance", "rate", "year"], name="a_tally_is_fresh_or_stale_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.alliance_id} {self.rate} {self.year}: {'stale' if self.stale else 'fresh'}"

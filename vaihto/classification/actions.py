"""Judging: when records change, every night, and when an edition of the rules is adopted.

A person is judged with everything around, in the transaction of the change; when very many change at once,
they are written down as waiting and judged by background work.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import polars as pl
from django.db import connection, transaction
from django.utils import timezone

from vaihto.classification import columns, outcome, participation, ruleset, storing, trial
from vaihto.classification.columns import Persons, Places
from vaihto.classification.models import Edition, Judgement, Waiting
from vaihto.classification.ruleset import Ruleset
from vaihto.jobs.actions import handles, start
from vaihto.jobs.growth import MANY, tell_of_growth
from vaihto.jobs.models import Work
from vaihto.jobs.progress import Progress
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Side
from vaihto.refusals import Invalid
from vaihto.wording import mark as _

logger = logging.getLogger("vaihto.classification")

# More persons than these are judged by background work.
AT_ONCE = 500
JUDGE_WAITING, JUDGE_ALL, TRY_EDITION = (
    "classification.judge",
    "classification.judge-all",
    "classification.try",
)


@dataclass(frozen=True)
class Run:
    """What one judging did: how many sides were judged, and of how many something else is said now."""

    judged: int
    changed: int

    def __add__(self, other: Run) -> Run:
        return Run(self.judged + other.judged, self.changed + other.changed)


# --- Judging -----------------------------------------------------------------------------------


def rules_in_force(*, now: datetime) -> Ruleset:
    """The program's rules with the parameters of the adopted edition.

    Where nothing was ever adopted, the program's own edition is, from now.
    """
    adopted = Edition.objects.adopted()
    if adopted is None:
        adopted, _created = Edition.objects.get_or_create(
            key=ruleset.OWN.key, defaults={"adopted_at": now, "adopted_by": "Vaihto"}
        )
    return ruleset.with_parameters(adopted.parameters)


def judge_sides(*, side_ids: Iterable[int], now: datetime) -> Run:
    """Judges these sides, and the other sides of the same persons, and stores what changed."""
    persons: set[int] = set()
    numbers = sorted(set(side_ids))
    for at in range(0, len(numbers), columns.PERSONS_AT_ONCE):
        persons.update(
            Side.objects.filter(pk__in=numbers[at : at + columns.PERSONS_AT_ONCE])
            .order_by()
            .values_list("mobility__person_id", flat=True)
        )
    return judge_persons(person_ids=persons, now=now)


def judge_persons(*, person_ids: Iterable[int], now: datetime) -> Run:
    """Judges all sides of these persons and stores what changed."""
    by, at = rules_in_force(now=now), columns.places()
    done = Run(0, 0)
    for some in columns.of_some(person_ids):
        done += _judge(some, at, by, now)
    return done


def judge_all(*, now: datetime, progress: Progress | None = None) -> Run:
    """Judges everybody, a partition at a time, each in a transaction of its own."""
    by, at = rules_in_force(now=now), columns.places()
    total = Side.objects.count() if progress else 0
    done = Run(0, 0)
    for part in columns.partitions():
        done += _judge(part, at, by, now)
        if progress:
            progress.at(min(done.judged, total), total)
    participation.mark_all_stale()  # by night also what no announcement told of is found
    participation.refresh(now=now)
    if progress:
        progress.at(total, total)
    return done


def judge_waiting(*, now: datetime, progress: Progress | None = None) -> Run:
    """Judges those who wait because very many changed at once; whoever is done waits no more."""
    by, at = rules_in_force(now=now), columns.places()
    total = Waiting.objects.count() if progress else 0
    done, persons = Run(0, 0), 0
    while some := tuple(
        Waiting.objects.order_by("pk").values_list("pk", flat=True)[: columns.PERSONS_AT_ONCE]
    ):
        with transaction.atomic():
            Waiting.objects.filter(pk__in=some).delete()
            done += _judge(Persons(some=some), at, by, now)
        persons += len(some)
        if progress:
            progress.at(min(persons, total), total)
    if progress:
        progress.at(total, total)
    return done


def _judge(persons: Persons, at: Places, by: Ruleset, now: datetime) -> Run:
    with transaction.atomic():
        if connection.features.has_select_for_update:
            # Two judgings of one person would write the same rows.
            list(
                Side.objects.select_for_update(of=("self",))
                .filter(persons.of("mobility__person_id"))
                .order_by("pk")
                .values_list("pk", flat=True)
            )
        records = columns.read(persons, at)
        if not records.sides.height:
            return Run(0, 0)
        said = outcome.judge(records, at, by=by)
        changed = storing.changed(said, persons)
        if changed.height:
            years = storing.years_of_events(said, changed)
            storing.write(said, changed, records.sides, edition=by.key, now=now)
            if changed.height >= MANY:
                tell_of_growth()
            touched = records.sides.filter(pl.col("side").is_in(changed["side"].implode()))
            participation.mark_stale(touched["institution_id"].unique(), years)
        Judgement.objects.filter(persons.of("side__mobility__person_id")).exclude(
            edition=by.key
        ).update(edition=by.key)
    return Run(records.sides.height, changed.height)


# --- When records change -----------------------------------------------------------------------


def sides_changed(*, side_ids: Sequence[int]) -> None:
    """Listens to `MOBILITIES_CHANGED`."""
    persons: set[int] = set()
    for at in range(0, len(side_ids), columns.PERSONS_AT_ONCE):
        persons.update(
            Side.objects.filter(pk__in=side_ids[at : at + columns.PERSONS_AT_ONCE])
            .order_by()
            .values_list("mobility__person_id", flat=True)
        )
    _judge_or_wait(persons)


def records_changed(*, person_ids: Sequence[int]) -> None:
    """Listens to `RECORDS_CHANGED`: study rights, degrees and credits decide too."""
    _judge_or_wait(set(person_ids))
    participation.mark_stale_of(person_ids)


def choices_changed(*, institution_id: int) -> None:
    """Listens to `CHOICES_CHANGED`: everybody of the institution may be judged otherwise."""
    persons = set(
        Side.objects.filter(institution=institution_id)
        .order_by()
        .values_list("mobility__person_id", flat=True)
        .distinct()
    )
    _judge_or_wait(persons)


def _judge_or_wait(persons: set[int]) -> None:
    now = timezone.now()  # an announcement carries no moment
    if len(persons) <= AT_ONCE:
        judge_persons(person_ids=persons, now=now)
        return
    Waiting.objects.bulk_create(
        [Waiting(person_id=number) for number in sorted(persons)],
        ignore_conflicts=True,
        batch_size=2000,
    )
    if not Work.objects.filter(kind=JUDGE_WAITING, state=Work.State.WAITING).exists():
        start(kind=JUDGE_WAITING, actor=Actor.system())


@handles(JUDGE_WAITING)
def _judge_waiting(progress: Progress) -> dict[str, Any]:
    done = judge_waiting(now=timezone.now(), progress=progress)
    return {"judged": done.judged, "changed": done.changed}


@handles(JUDGE_ALL)
def _judge_everybody(progress: Progress) -> dict[str, Any]:
    done = judge_all(now=timezone.now(), progress=progress)
    return {"judged": done.judged, "changed": done.changed}


@every("classification.nightly", at=time(2, 30))
def nightly(now: datetime) -> None:
    """Judges everybody, so that nothing stays as it was by a forgotten path.

    New rules that came with a new version of the program wait to be adopted and judge nobody by night.
    """
    if edition_waiting() is not None:
        logger.warning("new edition of the rules waits to be adopted")
        return
    done = judge_all(now=now)
    logger.info("judged", extra={"judged": done.judged, "changed": done.changed})


@every("classification.tallies", pause=timedelta(minutes=2))
def refresh_tallies(now: datetime) -> None:
    """Counts the alliances' figures anew where verdicts changed."""
    participation.refresh(now=now)


# --- Editions ----------------------------------------------------------------------------------


def edition_waiting() -> str | None:
    """The key of the program's rules where they are newer than what was adopted; else None."""
    adopted = Edition.objects.adopted()
    if adopted is None:
        return None
    running = ruleset.key_of(adopted.parameters)
    return running if running != adopted.key else None


@transaction.atomic
def propose(*, actor: Actor, parameters: str = "", note: str = "", now: datetime) -> Edition:
    """Writes down an edition to be tried: the program's rules, with these parameters laid over them.

    Refused with `UnreadableParameters` when the text cannot be used.
    """
    actor.require(May.RULES_ADOPT)
    key = ruleset.with_parameters(parameters).key
    edition, created = Edition.objects.get_or_create(
        key=key,
        defaults={
            "parameters": parameters,
            "note": note,
            "proposed_at": now,
            "proposed_by": actor.label,
        },
    )
    if created:
        record(actor, "edition.proposed", edition, at=now, reason=note)
    return edition


def try_edition(
    *, edition: Edition, progress: Progress | None = None, most: int = 500
) -> trial.Trial:
    """What adopting the edition would change, record by record; writes only the result on the edition."""
    found = trial.run(ruleset.with_parameters(edition.parameters), progress=progress, most=most)
    edition.trial = found.as_json()
    edition.save(update_fields=["trial"])
    return found


def start_trial(*, actor: Actor, edition: Edition) -> Work:
    """Tries the edition as background work; the result is then on the edition."""
    actor.require(May.RULES_ADOPT)
    return start(kind=TRY_EDITION, actor=actor, subject_id=edition.pk)


@handles(TRY_EDITION)
def _try(progress: Progress) -> dict[str, Any]:
    edition = Edition.objects.get(pk=int(progress.work.subject_id))
    found = try_edition(edition=edition, progress=progress)
    return {"judged": found.judged, "changed": found.changed}


@transaction.atomic
def adopt(*, actor: Actor, edition: Edition, note: str = "", now: datetime) -> Work:
    """The edition is in force from now; everybody is judged by it as background work."""
    actor.require(May.RULES_ADOPT)
    in_force = Edition.objects.adopted()
    if in_force is not None and in_force.pk == edition.pk:
        raise Invalid(
            "edition.in-force", sentence=_("This edition of the rules is in force already.")
        )
    if ruleset.key_of(edition.parameters) != edition.key:
        raise Invalid(
            "edition.of-other-rules",
            sentence=_("The program's rules changed since this edition was proposed."),
            remedy=_("Propose it again and look at what it would change now."),
        )
    edition.adopted_at, edition.adopted_by = now, actor.label
    edition.note = note or edition.note
    edition.save(update_fields=["adopted_at", "adopted_by", "note"])
    record(
        actor,
        "edition.adopted",
        edition,
        at=now,
        changes={"edition": [in_force.key if in_force else None, edition.key]},
        reason=note,
    )
    return start(kind=JUDGE_ALL, actor=actor, subject_id=edition.pk)

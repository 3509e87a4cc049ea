"""What every batch that is brought in has in common: outcomes, a draft of what to write, and taking it back.

A room that takes facts in batches makes a *draft*: it compares each fact with what is stored under the same
key and says for each what it would do. A plan ends there. Bringing writes the draft: the records, one journal
line for each that changed, and, for who wants to be able to take the batch back, an image of each row before.
This module knows rows and fields, never what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from operator import attrgetter, gt
from typing import Any, TypeVar

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from vaihto.journal.actions import entry, record_all
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

CHUNK = 2000
EARLIEST = date(1900, 1, 1)
LATEST = date(2100, 12, 31)
# What stands in a change of a field whose values nobody may read in the journal.
HIDDEN = [None, None]

T = TypeVar("T")


class Verdict(StrEnum):
    """What became, or would become, of one fact."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(slots=True)
class Outcome:
    """One fact's fate. `index` is its place in the sequence handed in; `changes` maps field to [before, after].

    `record` is the stored record (after bringing also the new one), None when refused or only planned.
    """

    index: int
    key: str
    verdict: Verdict
    changes: dict[str, list[Any]] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    record: models.Model | None = None


@dataclass
class Coming:
    """Keys of records that earlier parts of the same file would create, when the whole is only planned."""

    students: set[str] = field(default_factory=set)
    rights: set[str] = field(default_factory=set)
    mobilities: set[str] = field(default_factory=set)
    opportunities: dict[str, str] = field(default_factory=dict)  # key -> kind
    codes: dict[str, str] = field(default_factory=dict)  # code of an opportunity -> key


def refused(index: int, key: str, refusals: Iterable[Refusal]) -> Outcome:
    """The outcome of a fact that cannot be stored."""
    return Outcome(index, key, Verdict.REFUSED, {}, tuple(refusals))


def chunks(facts: Iterable[T], size: int = CHUNK) -> Iterator[list[tuple[int, T]]]:
    """The facts with their places, in pieces that one query can ask about."""
    numbered = enumerate(facts)
    while piece := list(islice(numbered, size)):
        yield piece


def units_in_reach(actor: Actor, may: May, institution_id: int) -> frozenset[int] | None:
    """The units within which the actor may do this there; None means the whole institution.

    Refuses with `NotAllowed` when nowhere.
    """
    actor.require(may, institution_id)
    if actor.sees_everything:
        return None
    units: set[int] = set()
    for grant in actor.reach(may):
        if grant.institution_id == institution_id:
            if grant.unit_ids is None:
                return None
            units |= grant.unit_ids
    return frozenset(units)


# --- What can be wrong with any fact -----------------------------------------------------------


def missing(field_name: str) -> Invalid:
    """A fact that must be stated is not."""
    return Invalid(
        "fact.missing",
        sentence=_("This is required and empty."),
        remedy=_("Fill it in."),
        field=field_name,
        value="",
    )


def unknown_code(field_name: str, value: object, *, expected: str) -> Invalid:
    """A code that its list does not have; `expected` names the list or its codes."""
    return Invalid(
        "fact.unknown-code",
        sentence=_("“%(value)s” is not a known code."),
        remedy=_("Use one of: %(expected)s."),
        field=field_name,
        value=value,
        expected=expected,
    )


def unknown_key(field_name: str, value: object) -> Invalid:
    """A reference to a record that is not here."""
    return Invalid(
        "fact.unknown-key",
        sentence=_("There is no record with the key “%(value)s” here."),
        remedy=_("Bring that record in first, or correct the key."),
        field=field_name,
        value=value,
    )


def not_in_reach(field_name: str, value: object) -> Invalid:
    """A record of a unit for which the actor's role does not hold."""
    return Invalid(
        "fact.unit-not-in-reach",
        sentence=_("Your role holds for your own unit only, and this record is not in it."),
        remedy=_("Name your unit, or ask the registrar to bring this record in."),
        field=field_name,
        value=value,
    )


def reversed_days(field_name: str, *, start: object, end: object) -> Invalid:
    """The last day is before the first."""
    return Invalid(
        "fact.dates-reversed",
        sentence=_("The last day %(end)s is before the first day %(start)s."),
        remedy=_("Check which of the two is wrong; both days are included."),
        field=field_name,
        value=end,
        start=start,
        end=end,
    )


def wrong_days(
    start: date | None, end: date | None, *, start_field: str = "start", end_field: str = "end"
) -> list[Refusal]:
    """Days that cannot be: outside 1900–2100, or the last before the first."""
    first = start or EARLIEST
    if EARLIEST <= first <= (end or first) <= LATEST:
        return []
    found: list[Refusal] = [
        Invalid(
            "fact.impossible-day",
            sentence=_("%(value)s is not between 1900 and 2100."),
            remedy=_("Check the year. Leave the cell empty if there is no such day."),
            field=name,
            value=day,
        )
        for name, day in ((start_field, start), (end_field, end))
        if day is not None and not EARLIEST <= day <= LATEST
    ]
    if start is not None and end is not None and end < start:
        found.append(reversed_days(end_field, start=start, end=end))
    return found


def wrong_number(
    field_name: str, value: Decimal | None, *, whole: int, decimals: int = 2
) -> list[Refusal]:
    """A number below zero, with more digits or more decimals than there is room for."""
    if value is None:
        return []
    if not value.is_finite() or value < 0 or value >= 10**whole or value != round(value, decimals):
        return [
            Invalid(
                "fact.impossible-number",
                sentence=_("“%(value)s” is not a number that can stand here."),
                remedy=_(
                    "Give a number of at least zero, below %(below)s, with at most %(decimals)s decimals."
                ),
                field=field_name,
                value=value,
                below=10**whole,
                decimals=decimals,
            )
        ]
    return []


class Lengths:
    """How long the texts of a kind of fact may be, as the columns of its models allow."""

    def __init__(self, *homes: type[models.Model], **others: int) -> None:
        self._limits = dict(others)
        for model in homes:
            for column in model._meta.concrete_fields:
                if isinstance(column, models.CharField) and column.max_length:
                    self._limits.setdefault(column.name, column.max_length)
        self._checked: dict[type, tuple[tuple[str, ...], tuple[int, ...], Any]] = {}

    def _of(self, kind: type) -> tuple[tuple[str, ...], tuple[int, ...], Any]:
        if kind not in self._checked:
            names = tuple(name for name, hint in kind.__annotations__.items() if hint == "str")
            limits = tuple(self._limits.get(name, 10_000) for name in names)
            self._checked[kind] = names, limits, attrgetter(*names)
        return self._checked[kind]

    def wrong(self, fact: object) -> list[Refusal]:
        """Texts that are too long, or hold a character no register can store."""
        names, limits, texts_of = self._of(type(fact))
        texts = texts_of(fact)
        if not any(map(gt, map(len, texts), limits)) and "\0" not in "".join(texts):
            return []
        found: list[Refusal] = []
        for name, limit, text in zip(names, limits, texts, strict=True):
            if len(text) > limit:
                found.append(
                    Invalid(
                        "fact.too-long",
                        sentence=_(
                            "This is %(length)s characters long; there is room for %(limit)s."
                        ),
                        remedy=_("Shorten it."),
                        field=name,
                        value=text[:40] + "…",
                        length=len(text),
                        limit=limit,
                    )
                )
            elif "\0" in text:
                found.append(
                    Invalid(
                        "fact.control-character",
                        sentence=_("This holds a character that is not text."),
                        remedy=_("Type the value anew."),
                        field=name,
                        value=text.replace("\0", "�")[:40],
                    )
                )
        return found


def repeated(key: str, *, first: int) -> Invalid:
    """The same key twice in what was brought."""
    return Invalid(
        "fact.repeated-key",
        sentence=_("The key “%(value)s” stands here twice."),
        remedy=_("Keep one of the two."),
        field="key",
        value=key,
        first=first,
    )


# --- Comparing ---------------------------------------------------------------------------------


def shown(value: Any) -> Any:
    """A value as the journal and a preview show it: what JSON can hold."""
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return format(value.normalize(), "f")
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(name): shown(part) for name, part in value.items()}
        case list() | tuple():
            return [shown(part) for part in value]
    return str(value)


def differences(
    fact: object, stored: models.Model, fields: Iterable[tuple[str, str]]
) -> dict[str, list[Any]]:
    """Where a fact and a stored record disagree, as field -> [before, after].

    `fields` pairs the name in the facts with the column.
    """
    found: dict[str, list[Any]] = {}
    for name, column in fields:
        after = getattr(fact, name)
        before = getattr(stored, column)
        if after != before and not (isinstance(after, tuple) and list(after) == before):
            found[name] = [shown(before), shown(after)]
    return found


# --- Writing -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Image:
    """One row as it was: `was` is None for a row that was not there; `gone` says that it was removed."""

    model: str
    pk: int
    was: dict[str, Any] | None
    gone: bool = False


Keep = Callable[[Sequence[Image]], None]


def _stored_form(record: models.Model, name: str, value: Any) -> Any:
    """A value as it lies in the database, so that what is encrypted there stays so in an image."""
    return shown(_column(type(record), name).get_prep_value(value))


def _column(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    for column in model._meta.concrete_fields:
        if name in (column.attname, column.name):
            return column
    raise FieldDoesNotExist(name)


def _from_stored(column: models.Field[Any, Any], value: Any) -> Any:
    if hasattr(column, "from_db_value") and not isinstance(column, models.JSONField):
        return column.from_db_value(value, None, None)
    return column.to_python(value)


@dataclass(slots=True)
class _Change:
    record: models.Model
    before: dict[str, Any] = field(default_factory=dict)


@dataclass
class Draft:
    """What is to be written: collected while comparing, written by `write` in one go.

    Rows that others refer to are created first, whatever the order in which they were handed in.
    """

    actor: Actor
    at: datetime
    institution_id: int | None
    batch: str = ""
    reason: str = ""
    keep: Keep | None = None
    _created: dict[type[models.Model], list[models.Model]] = field(default_factory=dict)
    _changed: dict[type[models.Model], dict[int, _Change]] = field(default_factory=dict)
    _removed: dict[type[models.Model], list[models.Model]] = field(default_factory=dict)
    _lines: list[tuple[str, models.Model, Mapping[str, Any], int | None]] = field(
        default_factory=list
    )

    def create(self, record: models.Model) -> None:
        """A new row."""
        self._created.setdefault(type(record), []).append(record)

    def change(self, record: models.Model, **values: Any) -> None:
        """New values of columns of a row (a reference may be to a row of this draft); a new row is simply set."""
        if record.pk is None:
            for name, value in values.items():
                setattr(record, name, value)
            return
        change = self._changed.setdefault(type(record), {}).setdefault(record.pk, _Change(record))
        for name, value in values.items():
            column = _column(type(record), name).attname
            change.before.setdefault(column, getattr(change.record, column))
            setattr(change.record, name, value)
            if change.record is not record:
                # Two objects of one row must not disagree.
                setattr(record, name, value)

    def remove(self, record: models.Model) -> None:
        """A row that goes."""
        self._removed.setdefault(type(record), []).append(record)

    def line(
        self,
        verb: str,
        subject: models.Model,
        changes: Mapping[str, Any] | None = None,
        *,
        institution_id: int | None = None,
    ) -> None:
        """A journal line about a record; its key may not be known before the record is written."""
        self._lines.append((verb, subject, changes or {}, institution_id))

    @property
    def is_empty(self) -> bool:
        """Is there nothing to write?"""
        return not (self._created or self._changed or self._removed or self._lines)

    def write(self) -> None:
        """Writes rows and journal lines; must run in a transaction."""
        images: list[Image] = []
        for model, records in self._removed.items():
            names = [column.attname for column in model._meta.concrete_fields]
            images.extend(
                Image(
                    model._meta.label_lower,
                    record.pk,
                    {name: _stored_form(record, name, getattr(record, name)) for name in names},
                    gone=True,
                )
                for record in records
            )
            for piece in chunks(records):
                model._base_manager.filter(pk__in=[record.pk for _at, record in piece]).delete()
        for model in _referred_first(self._created):
            records = self._created[model]
            model._base_manager.bulk_create(records, batch_size=CHUNK)
            images.extend(Image(model._meta.label_lower, record.pk, None) for record in records)
        for model, changes in self._changed.items():
            by_fields: dict[tuple[str, ...], list[_Change]] = {}
            for change in changes.values():
                by_fields.setdefault(tuple(sorted(change.before)), []).append(change)
            for changed, group in by_fields.items():
                _overwrite(model, [change.record for change in group], changed)
            images.extend(
                Image(
                    model._meta.label_lower,
                    pk,
                    {
                        name: _stored_form(change.record, name, value)
                        for name, value in change.before.items()
                    },
                )
                for pk, change in changes.items()
            )
        record_all(
            entry(
                self.actor,
                verb,
                subject,
                at=self.at,
                institution_id=self.institution_id if institution_id is None else institution_id,
                changes=changes,
                reason=self.reason,
                batch=self.batch,
            )
            for verb, subject, changes, institution_id in self._lines
        )
        if self.keep is not None and images:
            self.keep(images)


def _referred_first(kinds: Iterable[type[models.Model]]) -> list[type[models.Model]]:
    """The models in an order in which foreign keys lead backwards only."""
    waiting = list(kinds)
    ordered: list[type[models.Model]] = []
    while waiting:
        free = [
            model
            for model in waiting
            if not any(
                column.related_model in waiting and column.related_model is not model
                for column in model._meta.concrete_fields
            )
        ]
        ordered += free
        waiting = [model for model in waiting if model not in free]
    return ordered


def _overwrite(
    model: type[models.Model], records: Sequence[models.Model], names: Sequence[str]
) -> None:
    """New values of the named columns of stored rows."""
    columns = [_column(model, name).name for name in names]
    model._base_manager.bulk_update(records, columns, batch_size=200)


def put_back(images: Iterable[Image]) -> None:
    """Makes rows what they were. Hand the images in backwards, newest first; must run in a transaction.

    Raises Django's `ProtectedError` when something refers to a row that would go.
    """
    for (label, kind), group in _runs(images):
        model = apps.get_model(label)
        if kind == "created":
            model._base_manager.filter(pk__in=[image.pk for image in group]).delete()
            continue
        if kind == "gone":
            model._base_manager.bulk_create(
                model(
                    **{
                        name: _from_stored(_column(model, name), value)
                        for name, value in (image.was or {}).items()
                    }
                )
                for image in group
            )
            continue
        stored = model._base_manager.in_bulk([image.pk for image in group])
        by_fields: dict[tuple[str, ...], list[models.Model]] = {}
        for image in group:
            record = stored[image.pk]
            for name, value in (image.was or {}).items():
                setattr(record, name, _from_stored(_column(model, name), value))
            by_fields.setdefault(tuple(sorted(image.was or {})), []).append(record)
        for names, records in by_fields.items():
            if names:
                _overwrite(model, records, names)


def _runs(images: Iterable[Image]) -> Iterator[tuple[tuple[str, str], list[Image]]]:
    """Neighbouring images of the same model and kind together, in pieces one query can ask about."""
    group: list[Image] = []
    at: tuple[str, str] | None = None
    for image in images:
        kind = "created" if image.was is None else "gone" if image.gone else "changed"
        if at is not None and (at != (image.model, kind) or len(group) >= CHUNK):
            yield at, group
            group = []
        at = (image.model, kind)
        group.append(image)
    if at is not None and group:
        yield at, group

"""One resolved fact against what is stored: the difference, and the rows that would make it so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaihto.institutions.models import Institution
from vaihto.journal.bringing import Draft, Outcome, Verdict, repeated, shown
from vaihto.mobilities.bringing.parties import parties_of, partners_named, wrong_partner
from vaihto.mobilities.bringing.segments import (
    SegmentRow,
    StoredRow,
    by_days,
    extent,
    new_segment,
    segment_words,
    stored_rows,
)
from vaihto.mobilities.facts import MobilityFacts, VisitFacts
from vaihto.mobilities.models import Kind, Mobility, Side, StaffVisit
from vaihto.people.bringing.setting import Setting
from vaihto.people.models import Person
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

# Facts whose name differs from the column they end in.
_COLUMNS_OF = {
    "partner": ("sending_institution_id", "receiving_institution_id"),
    "partner_country": ("sending_country", "receiving_country"),
    "direction": ("direction",),
    "student_key": ("student_id", "student_key"),
    "right_key": ("right_id", "right_key"),
    "unit": ("unit_id",),
    "nested_in": ("nested_in_id",),
}


@dataclass(slots=True)
class Stated:
    """A fact resolved against what is known here: values of columns, ready to be compared."""

    key: str
    person: Person | None
    person_id: int | None
    mobility: dict[str, Any]
    side: dict[str, Any]
    segments: list[SegmentRow]
    names: dict[str, str]  # column -> field of the facts
    visit: dict[str, Any] | None = None


@dataclass
class Changed:
    """What a batch touched, for the announcement; and links that can be set only once all rows exist."""

    sides: list[Side] = field(default_factory=list)
    nested: list[tuple[Side, Side]] = field(default_factory=list)


def spoken_columns(setting: Setting, fields: Iterable[str]) -> dict[str, str]:
    """Column -> field of the facts, for the fields that are spoken of."""
    return {
        column: name
        for name in fields
        if setting.says(name)
        or (name in {"partner", "partner_country"} and _speaks_of_parties(setting))
        for column in _COLUMNS_OF.get(name, (name,))
    }


@dataclass
class Known:
    """What a piece of facts refers to, asked for once."""

    sides: dict[str, Side]
    segments: dict[int, list[StoredRow]]
    other_sides: dict[int, list[Side]]
    partners: dict[str, Institution]
    nested: dict[str, Side]
    outer: set[str]
    candidates: dict[int, list[Mobility]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def hei_id(self, institution_id: int | None, setting: Setting) -> str | None:
        """By which people know an institution; asked for when it is shown."""
        if institution_id is None:
            return None
        if not self.names:
            self.names = {each.pk: each.hei_id for each in self.partners.values()}
            self.names[setting.institution.pk] = setting.institution.hei_id
        if institution_id not in self.names:
            self.names[institution_id] = Institution.objects.get(pk=institution_id).hei_id
        return self.names[institution_id]


def known_of(
    piece: Sequence[tuple[int, MobilityFacts | VisitFacts]], setting: Setting, kind: Kind
) -> Known:
    wanted = {facts.key for _at, facts in piece}
    outer = {
        facts.nested_in
        for _at, facts in piece
        if isinstance(facts, MobilityFacts) and facts.nested_in
    }
    related = ["mobility", "nested_in"]
    if kind is Kind.STAFF:
        related += ["mobility__person", "mobility__visit"]
    sides = {
        side.key: side
        for side in Side.objects.filter(institution=setting.institution, key__in=wanted | outer)
        .select_related(*related)
        .order_by()
    }
    segments: dict[int, list[StoredRow]] = {}
    other_sides: dict[int, list[Side]] = {}
    if sides:
        ids = [side.mobility_id for side in sides.values()]
        segments = stored_rows(ids)
        for side in Side.objects.filter(mobility__in=ids).exclude(institution=setting.institution):
            other_sides.setdefault(side.mobility_id, []).append(side)
    partners = partners_named({facts.partner for _at, facts in piece if facts.partner})
    return Known(
        {key: side for key, side in sides.items() if key in wanted},
        segments,
        other_sides,
        partners,
        {key: side for key, side in sides.items() if key in outer},
        outer,
    )


def _speaks_of_parties(setting: Setting) -> bool:
    return setting.says("partner") or setting.says("partner_country")


def parties_stated(
    facts: MobilityFacts | VisitFacts, side: Side | None, known: Known, setting: Setting
) -> dict[str, Any]:
    """Who sends and who receives, as stated, or as stored where the file does not speak of it."""
    if side is not None and not _speaks_of_parties(setting):
        mobility = side.mobility
        return {
            "sending_institution_id": mobility.sending_institution_id,
            "receiving_institution_id": mobility.receiving_institution_id,
            "sending_country": mobility.sending_country,
            "receiving_country": mobility.receiving_country,
        }
    partner = known.partners.get(facts.partner) if facts.partner else None
    return parties_of(facts, partner, setting.institution)


def wrong_place(
    facts: MobilityFacts | VisitFacts,
    side: Side | None,
    known: Known,
    setting: Setting,
    seen: dict[str, int],
    at: int,
    kind: Kind,
) -> list[Refusal]:
    """What is wrong with partner, unit and key: whom the record is with, whose it is, and which."""
    wrong: list[Refusal] = []
    if side is None or _speaks_of_parties(setting):
        partner = known.partners.get(facts.partner) if facts.partner else None
        wrong += wrong_partner(facts, partner, setting.institution)
    wrong += setting.wrong_unit(
        facts.unit, stored_unit=side.unit_id if side else None, is_new=side is None
    )
    if facts.key in seen:
        wrong.append(repeated(facts.key, first=seen[facts.key]))
    seen.setdefault(facts.key, at)
    if side is not None and side.mobility.kind != kind:
        wrong.append(
            Invalid(
                "mobility.other-kind",
                sentence=_("The key “%(value)s” names a mobility of another kind."),
                remedy=_("Students and staff need keys of their own."),
                field="key",
                value=facts.key,
            )
        )
    return wrong


def _in_words(column: str, value: Any, known: Known, setting: Setting) -> Any:
    """A value of a column as people know it."""
    if column.endswith("_institution_id"):
        return known.hei_id(value, setting)
    return setting.code_of(value) if column == "unit_id" else shown(value)


def _column_changes(
    record: Mobility | Side,
    wanted: dict[str, Any],
    names: dict[str, str],
    known: Known,
    setting: Setting,
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Differences in words by field of the facts, and the new values of columns."""
    changes: dict[str, list[Any]] = {}
    values: dict[str, Any] = {}
    for column, after in wanted.items():
        name = names.get(column)
        if name is None:
            continue
        before = getattr(record, column)
        if before == after:
            continue
        if column in {"student_id", "right_id"}:
            # Shown by the key beside it; a right that became known is not a change of what was stated.
            if (
                column == "right_id"
                and names.get("right_key")
                and (wanted["right_key"] == getattr(record, "right_key", ""))
            ):
                continue
            values[column] = after
            continue
        values[column] = after
        changes[name] = [
            _in_words(column, before, known, setting),
            _in_words(column, after, known, setting),
        ]
    return changes, values


def settle(
    at: int,
    stated: Stated,
    side: Side | None,
    known: Known,
    setting: Setting,
    draft: Draft | None,
    changed: Changed,
    kind: Kind,
) -> tuple[Outcome, Side | None]:
    """Compares one resolved fact with its side and drafts the difference."""
    if side is None:
        return _state_anew(at, stated, known, setting, draft, changed, kind)
    mobility = side.mobility
    of_mobility, mobility_values = _column_changes(
        mobility, stated.mobility, stated.names, known, setting
    )
    of_side, side_values = _column_changes(side, stated.side, stated.names, known, setting)
    if stated.person_id is not None and stated.person_id != mobility.person_id:
        mobility_values["person_id"] = stated.person_id
    of_visit, visit_values = _visit_changes(stated, mobility, setting)
    new_parts = _segment_changes(stated, mobility, known, setting, of_mobility, mobility_values)
    changes = of_mobility | of_visit | of_side
    if not changes:
        return Outcome(at, stated.key, Verdict.UNCHANGED, record=side), side
    if draft is not None:
        old = known.segments.get(mobility.pk, [])
        others = known.other_sides.get(mobility.pk, [])
        if others and (mobility_values or new_parts):
            mobility = _part_from(mobility, [] if new_parts else old, mobility_values, side, draft)
        else:
            draft.change(mobility, **mobility_values, version=mobility.version + 1)
            changed.sides += others
            for pk, row in old if new_parts else ():
                draft.remove(new_segment(mobility, row, pk=pk))
        for row in stated.segments if new_parts else ():
            draft.create(new_segment(mobility, row))
        if side_values:
            draft.change(side, **side_values)
        if visit_values:
            draft.change(mobility.visit, **visit_values)
        draft.line("mobility.changed", mobility, changes)
        changed.sides.append(side)
    return Outcome(at, stated.key, Verdict.CHANGED, changes, record=side), side


def _segment_changes(
    stated: Stated,
    mobility: Mobility,
    known: Known,
    setting: Setting,
    changes: dict[str, list[Any]],
    values: dict[str, Any],
) -> bool:
    """Do the parts differ? Then adds to the changes in words, and the new first and last day to the values."""
    old = sorted((row for _pk, row in known.segments.get(mobility.pk, ())), key=by_days)
    if not setting.says("segments") or old == stated.segments:
        return False
    changes["segments"] = [
        [segment_words(row) for row in old],
        [segment_words(row) for row in stated.segments],
    ]
    start, end = extent(stated.segments)
    values |= {
        name: day
        for name, day in (("start", start), ("end", end))
        if day != getattr(mobility, name)
    }
    return True


def _visit_changes(
    stated: Stated, mobility: Mobility, setting: Setting
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """What differs in what a staff mobility has besides."""
    if stated.visit is None:
        return {}, {}
    visit = mobility.visit
    values = {
        name: value
        for name, value in stated.visit.items()
        if value != getattr(visit, name)
        and setting.says("employment_key" if name == "employment_id" else name)
    }
    return {
        name: [shown(getattr(visit, name)), shown(value)] for name, value in values.items()
    }, values


def _part_from(
    mobility: Mobility,
    kept: Sequence[StoredRow],
    values: dict[str, Any],
    side: Side,
    draft: Draft,
) -> Mobility:
    """A mobility of its own for a side whose institution now states something else than the other one."""
    own = Mobility(
        **{
            column.attname: getattr(mobility, column.attname)
            for column in Mobility._meta.concrete_fields
            if not column.primary_key
        }
        | values
        | {"version": 1}
    )
    draft.create(own)
    for _pk, row in kept:
        draft.create(new_segment(own, row))
    draft.line("mobility.side-parted", mobility, {"key": [side.key, None]})
    draft.change(side, mobility=own)
    return own


def _state_anew(
    at: int,
    stated: Stated,
    known: Known,
    setting: Setting,
    draft: Draft | None,
    changed: Changed,
    kind: Kind,
) -> tuple[Outcome, Side | None]:
    """A mobility the institution has not stated before: new, or the one its partner here has stated."""
    outcome = Outcome(at, stated.key, Verdict.CREATED)
    if draft is None:
        if stated.key not in known.outer:
            return outcome, None
        # Enough of a side for another fact of the same piece to be nested in it.
        return outcome, Side(
            institution=setting.institution, key=stated.key, direction=stated.side["direction"]
        )
    mobility = _same_mobility(stated, known, setting)
    if mobility is None:
        start, end = extent(stated.segments)
        mobility = Mobility(kind=kind, start=start, end=end, **stated.mobility)
        if stated.person is not None:
            mobility.person = stated.person
        elif stated.person_id is not None:
            mobility.person_id = stated.person_id
        draft.create(mobility)
        for row in stated.segments:
            draft.create(new_segment(mobility, row))
        if stated.visit is not None:
            draft.create(StaffVisit(mobility=mobility, **stated.visit))
        draft.line("mobility.created", mobility)
    else:
        draft.line("mobility.stated-by-partner", mobility, {"key": [None, stated.key]})
        known.candidates[mobility.person_id].remove(mobility)
    side = Side(mobility=mobility, institution=setting.institution, key=stated.key, **stated.side)
    draft.create(side)
    outcome.record = side
    changed.sides.append(side)
    return outcome, side


def _same_mobility(stated: Stated, known: Known, setting: Setting) -> Mobility | None:
    """The mobility that the partner has stated with exactly the same facts, where there is one."""
    if stated.person_id is None:
        return None
    for mobility in known.candidates.get(stated.person_id, ()):
        rows = sorted((row for _pk, row in known.segments.get(mobility.pk, ())), key=by_days)
        if rows != stated.segments:
            continue
        if all(
            getattr(mobility, column) == value
            for column, value in stated.mobility.items()
            if column in stated.names
            or column in {"sending_institution_id", "receiving_institution_id", "purpose"}
        ):
            return mobility
    return None

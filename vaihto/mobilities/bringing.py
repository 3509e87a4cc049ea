"""Comparing facts about mobilities with what is stored, and drafting what to write. `actions.py` is the door.

A fact about a mobility is what *one* institution states. Where both institutions are hosted here and state the
same, they share one mobility with two sides; as soon as one of them states something else, its side gets a
mobility of its own, so that nobody changes another institution's register.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q

from vaihto.codes import COUNTRY, STUDY_RIGHT_TYPE, UNKNOWN_COUNTRY, country_name
from vaihto.institutions.models import Institution
from vaihto.journal.bringing import (
    Draft,
    Lengths,
    Outcome,
    Verdict,
    missing,
    not_in_reach,
    refused,
    repeated,
    reversed_days,
    shown,
    unknown_code,
    unknown_key,
    wrong_days,
    wrong_number,
)
from vaihto.mobilities.facts import MobilityFacts, SegmentFacts, VisitFacts
from vaihto.mobilities.models import (
    ChangeReason,
    Direction,
    Kind,
    Mobility,
    Mode,
    Place,
    Programme,
    Purpose,
    Segment,
    Side,
    StaffVisit,
    State,
)
from vaihto.people.bringing import Setting, students_by_key, wrong_code
from vaihto.people.models import Employment, Person, StudentRecord, StudyRight
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

_LENGTHS = Lengths(
    Mobility,
    Side,
    StaffVisit,
    Person,
    partner=120,
    partner_country=3,
    nested_in=100,
    unit=60,
    employment_key=100,
)
STUDENT_PURPOSES = frozenset({Purpose.STUDY, Purpose.TRAINEESHIP, Purpose.COMBINED})
STAFF_PURPOSES = frozenset({Purpose.TEACHING, Purpose.TRAINING, Purpose.RESEARCH})
_FIRST_CALL, _LAST_CALL = 1987, 2100

# One segment as a value: mode, place, country, start, end, purpose, cancelled.
SegmentRow = tuple[str, str, str, date | None, date | None, str, bool]

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
    unit: str = ""
    nested_in: str = ""


@dataclass
class Changed:
    """What a batch touched, for the announcement; and links that can be set only once all rows exist."""

    sides: list[Side] = field(default_factory=list)
    nested: list[tuple[Side, Side]] = field(default_factory=list)


# --- Partners ----------------------------------------------------------------------------------


def _partners(names: Collection[str]) -> dict[str, Institution]:
    """Institutions by hei_id or Erasmus code."""
    found: dict[str, Institution] = {}
    if names:
        for institution in Institution.objects.filter(
            Q(hei_id__in=names) | Q(erasmus_code__in=names)
        ).order_by():
            found[institution.hei_id] = institution
            if institution.erasmus_code:
                found[institution.erasmus_code] = institution
    return found


def _wrong_partner(
    facts: MobilityFacts | VisitFacts, partner: Institution | None, institution: Institution
) -> list[Refusal]:
    found: list[Refusal] = []
    if facts.partner and partner is None:
        found.append(
            Invalid(
                "mobility.partner-unknown",
                sentence=_("No institution “%(value)s” is known here."),
                remedy=_(
                    "Bring the institution in first, or leave the partner empty and give its country."
                ),
                field="partner",
                value=facts.partner,
            )
        )
    if partner is not None and partner.pk == institution.pk:
        found.append(
            Invalid(
                "mobility.partner-is-oneself",
                sentence=_("The partner is the institution itself."),
                remedy=_("Name the other institution."),
                field="partner",
                value=facts.partner,
            )
        )
    if facts.partner_country and facts.partner_country not in COUNTRY:
        found.append(unknown_code("partner_country", facts.partner_country, expected="ISO 3166-1"))
    country = facts.partner_country or (partner.country if partner else "")
    if not country and not facts.partner:
        found.append(missing("partner_country"))
    elif country == institution.country:
        found.append(_own_country("partner_country", country))
    return found


def _own_country(field_name: str, country: str) -> Invalid:
    """International mobility leads to or from another country (V40, Q09)."""
    return Invalid(
        "mobility.own-country",
        sentence=_("%(country)s (%(value)s) is the institution's own country."),
        remedy=_("Outgoing: give the country of destination. Incoming: the country of departure."),
        field=field_name,
        value=country,
        country=country_name(country),
    )


# --- Segments ----------------------------------------------------------------------------------


def segment_rows(
    segments: Sequence[SegmentFacts], *, direction: str, own: str, other: str
) -> list[SegmentRow]:
    """The parts with the country each is lived in, in the order of their days.

    For an incoming student the host part lies in the institution's country; some registers write the country of
    departure there, which is taken as the same.
    """
    rows: list[SegmentRow] = []
    for part in segments:
        country = part.country
        if part.place == Place.HOST:
            if direction == Direction.INCOMING:
                country = own if country in {"", other} else country
            else:
                country = country or other
        elif part.place == Place.HOME and not country:
            country = own if direction == Direction.OUTGOING else other
        rows.append(
            (part.mode, part.place, country, part.start, part.end, part.purpose, part.cancelled)
        )
    return sorted(rows, key=_by_days)


def _by_days(row: SegmentRow) -> tuple[Any, ...]:
    mode, place, country, start, end, purpose, cancelled = row
    return (start or date.max, end or date.max, mode, place, country, purpose, cancelled)


def _stored_row(segment: Segment) -> SegmentRow:
    return (
        segment.mode,
        segment.place,
        segment.country,
        segment.start,
        segment.end,
        segment.purpose,
        segment.cancelled,
    )


def segment_words(row: SegmentRow) -> str:
    """A part in one line: days, mode, place, country."""
    mode, place, country, start, end, purpose, cancelled = row
    words = [f"{start or ''}–{end or ''}", mode, place, country, purpose]
    return " ".join(word for word in [*words, "cancelled" if cancelled else ""] if word)


def extent(rows: Iterable[SegmentRow]) -> tuple[date | None, date | None]:
    """First and last day over all parts that are not cancelled and have days."""
    starts = [row[3] for row in rows if row[3] is not None and not row[6]]
    ends = [row[4] for row in rows if row[4] is not None and not row[6]]
    return min(starts, default=None), max([*starts, *ends], default=None)


_SEGMENT_CODES: tuple[tuple[str, int, frozenset[str]], ...] = (
    ("mode", 0, frozenset(Mode.values)),
    ("place", 1, frozenset(Place.values)),
    ("purpose", 5, frozenset({*Segment.Purpose.values, ""})),
)


def _wrong_segments(
    rows: Sequence[SegmentRow], *, direction: str, own: str, state: str
) -> list[Refusal]:
    found: list[Refusal] = []
    if not rows:
        return [missing("segments")]
    for row in rows:
        mode, place, country, start, end, _purpose, cancelled = row
        for name, at, codes in _SEGMENT_CODES:
            if row[at] not in codes:
                found.append(
                    unknown_code(
                        f"segment_{name}", row[at], expected=", ".join(sorted(codes - {""}))
                    )
                )
        if country and country not in COUNTRY:
            found.append(unknown_code("segment_country", country, expected="ISO 3166-1"))
        if mode == Mode.PHYSICAL:
            if start is None:
                found.append(missing("segment_start"))
            if end is None:
                found.append(missing("segment_end"))
            if place == Place.THIRD and not country:
                found.append(missing("segment_country"))
            if (
                direction == Direction.OUTGOING
                and place == Place.HOST
                and country == own
                and not cancelled
            ):
                found.append(_own_country("segment_country", country))
        if direction == Direction.INCOMING and place == Place.HOST and country not in {own, ""}:
            found.append(
                Invalid(
                    "mobility.incoming-host-elsewhere",
                    sentence=_("The host part of an incoming stay lies in %(country)s (%(value)s)."),
                    remedy=_("Leave the country of the host part empty, or call the part “third”."),
                    field="segment_country",
                    value=country,
                    country=country_name(country),
                )
            )
        found += wrong_days(start, end, start_field="segment_start", end_field="segment_end")
    if state != State.CANCELLED and all(row[6] for row in rows):
        found.append(
            Invalid(
                "mobility.all-parts-cancelled",
                sentence=_("Every part is cancelled, but the mobility is not."),
                remedy=_("Set the state to cancelled, or keep a part."),
                field="segment_cancelled",
                value=state,
            )
        )
    return found


# --- Students ----------------------------------------------------------------------------------

_CHOICES: tuple[tuple[str, frozenset[str]], ...] = (
    ("direction", frozenset(Direction.values)),
    ("programme", frozenset(Programme.values)),
    ("state", frozenset(State.values)),
)


def _wrong_choices(
    facts: MobilityFacts | VisitFacts, purposes: frozenset[Purpose]
) -> list[Refusal]:
    found: list[Refusal] = [
        unknown_code(name, getattr(facts, name), expected=", ".join(sorted(codes)))
        for name, codes in _CHOICES
        if getattr(facts, name) not in codes
    ]
    if facts.purpose not in purposes:
        found.append(unknown_code("purpose", facts.purpose, expected=", ".join(sorted(purposes))))
    if facts.call_year is not None and not _FIRST_CALL <= facts.call_year <= _LAST_CALL:
        found.append(
            Invalid(
                "fact.out-of-range",
                sentence=_("%(value)s is not between %(low)s and %(high)s."),
                remedy=_("Correct the number."),
                field="call_year",
                value=facts.call_year,
                low=_FIRST_CALL,
                high=_LAST_CALL,
            )
        )
    return found


def _wrong_mobility(
    facts: MobilityFacts, partner: Institution | None, institution: Institution
) -> list[Refusal]:
    found: list[Refusal] = [
        missing(name) for name in ("key", "student_key") if not getattr(facts, name)
    ]
    found += _LENGTHS.wrong(facts)
    found += _wrong_choices(facts, STUDENT_PURPOSES)
    found += _wrong_partner(facts, partner, institution)
    if facts.change_reason and facts.change_reason not in ChangeReason.values:
        found.append(
            unknown_code(
                "change_reason", facts.change_reason, expected=", ".join(ChangeReason.values)
            )
        )
    found += wrong_code("level", facts.level, STUDY_RIGHT_TYPE)
    found += wrong_number("planned_credits", facts.planned_credits, whole=4)
    if facts.nested_in and (
        facts.direction != Direction.OUTGOING or facts.nested_in == facts.key
    ):
        found.append(
            Invalid(
                "mobility.nested-direction",
                sentence=_("Only an outgoing trip can be made from within an incoming stay."),
                remedy=_("Name an incoming mobility of the same student, or leave the cell empty."),
                field="nested_in",
                value=facts.nested_in,
            )
        )
    return found


_STUDENT_COLUMNS = (
    "purpose",
    "programme",
    "action",
    "call_year",
    "funding",
    "host_organisation",
    "part_of_degree",
    "planned_blended",
    "agreed_as_one_whole",
    "change_reason",
    "end_is_estimate",
    "planned_credits",
    "bip_id",
    "state",
)
_VISIT_COLUMNS = (
    "purpose",
    "programme",
    "action",
    "call_year",
    "host_organisation",
    "state",
)


def _parties(
    facts: MobilityFacts | VisitFacts, partner: Institution | None, institution: Institution
) -> dict[str, Any]:
    """Who sends and who receives, from which country to which."""
    other = facts.partner_country or (partner.country if partner else "") or UNKNOWN_COUNTRY
    partner_id = partner.pk if partner else None
    if facts.direction == Direction.OUTGOING:
        return {
            "sending_institution_id": institution.pk,
            "receiving_institution_id": partner_id,
            "sending_country": institution.country,
            "receiving_country": other,
        }
    return {
        "sending_institution_id": partner_id,
        "receiving_institution_id": institution.pk,
        "sending_country": other,
        "receiving_country": institution.country,
    }


def _spoken_columns(setting: Setting, fields: Iterable[str]) -> dict[str, str]:
    """Column -> field of the facts, for the fields that are spoken of."""
    return {
        column: name
        for name in fields
        if setting.says(name)
        for column in _COLUMNS_OF.get(name, (name,))
    }


@dataclass
class _Known:
    """What a piece of facts refers to, asked for once."""

    sides: dict[str, Side]
    segments: dict[int, list[Segment]]
    other_sides: dict[int, list[Side]]
    partners: dict[str, Institution]
    nested: dict[str, Side]
    outer: set[str]
    candidates: dict[int, list[Mobility]] = field(default_factory=dict)


def _known(
    piece: Sequence[tuple[int, MobilityFacts | VisitFacts]], setting: Setting, kind: Kind
) -> _Known:
    wanted = {facts.key for _at, facts in piece}
    outer = {
        facts.nested_in
        for _at, facts in piece
        if isinstance(facts, MobilityFacts) and facts.nested_in
    }
    related = ["mobility", "mobility__person", "nested_in", "unit"]
    if kind is Kind.STAFF:
        related += ["mobility__visit", "mobility__visit__employment"]
    sides = {
        side.key: side
        for side in Side.objects.filter(
            institution=setting.institution, key__in=wanted | outer
        )
        .select_related(*related)
        .order_by()
    }
    segments: dict[int, list[Segment]] = {}
    other_sides: dict[int, list[Side]] = {}
    if sides:
        ids = [side.mobility_id for side in sides.values()]
        for segment in Segment.objects.filter(mobility__in=ids).order_by("pk"):
            segments.setdefault(segment.mobility_id, []).append(segment)
        for side in Side.objects.filter(mobility__in=ids).exclude(
            institution=setting.institution
        ):
            other_sides.setdefault(side.mobility_id, []).append(side)
    partners = _partners({facts.partner for _at, facts in piece if facts.partner})
    return _Known(
        {key: side for key, side in sides.items() if key in wanted},
        segments,
        other_sides,
        partners,
        {key: side for key, side in sides.items() if key in outer},
        outer,
    )


def draft_mobilities(
    piece: Sequence[tuple[int, MobilityFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
    changed: Changed,
) -> list[Outcome]:
    """What becomes of each student mobility."""
    institution = setting.institution
    known = _known(piece, setting, Kind.STUDENT)
    students = students_by_key(institution, {facts.student_key for _at, facts in piece})
    rights = {
        right.key: right
        for right in StudyRight.objects.filter(
            institution=institution,
            key__in={facts.right_key for _at, facts in piece if facts.right_key},
        ).order_by()
    }
    names = _spoken_columns(
        setting,
        (
            *_STUDENT_COLUMNS,
            "partner",
            "partner_country",
            "direction",
            "student_key",
            "right_key",
            "level",
            "home_degree_abroad",
            "adult_education",
            "unit",
            "kept_aside",
        ),
    )
    _find_candidates(known, piece, students, setting)
    outcomes: list[Outcome] = []
    # Inner trips last: the incoming stay each is made from may stand below it.
    for at, facts in sorted(piece, key=lambda numbered: bool(numbered[1].nested_in)):
        side = known.sides.get(facts.key)
        student = students.get(facts.student_key)
        partner = known.partners.get(facts.partner) if facts.partner else None
        parties = _parties(facts, partner, institution)
        other = parties[
            "receiving_country" if facts.direction == Direction.OUTGOING else "sending_country"
        ]
        rows = segment_rows(
            facts.segments, direction=facts.direction, own=institution.country, other=other
        )
        wrong = _wrong_mobility(facts, partner, institution)
        if side is None or setting.says("segments"):
            wrong += _wrong_segments(
                rows, direction=facts.direction, own=institution.country, state=facts.state
            )
        if student is None and facts.student_key:
            wrong.append(unknown_key("student_key", facts.student_key))
        wrong += _wrong_place(facts.key, facts.unit, side, setting, seen, at, Kind.STUDENT)
        outer = known.nested.get(facts.nested_in) if facts.nested_in else None
        if facts.nested_in and outer is None:
            wrong.append(unknown_key("nested_in", facts.nested_in))
        elif outer is not None and outer.direction != Direction.INCOMING:
            wrong.append(unknown_code("nested_in", facts.nested_in, expected=Direction.INCOMING))
        if wrong or student is None:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        right = rights.get(facts.right_key)
        stated = Stated(
            facts.key,
            None,
            student.person_id,
            {name: getattr(facts, name) for name in _STUDENT_COLUMNS} | parties,
            {
                "direction": facts.direction,
                "student_id": student.pk,
                "student_key": facts.student_key,
                "right_id": right.pk if right and right.student_id == student.pk else None,
                "right_key": facts.right_key,
                "level": facts.level,
                "home_degree_abroad": facts.home_degree_abroad,
                "adult_education": facts.adult_education,
                "unit_id": setting.units.get(facts.unit),
                "kept_aside": dict(facts.kept_aside),
            },
            rows,
            names,
            unit=facts.unit,
            nested_in=facts.nested_in,
        )
        outcome, settled = _settle(at, stated, side, known, setting, draft, changed, Kind.STUDENT)
        outcomes.append(outcome)
        if settled is not None:
            if settled.direction == Direction.INCOMING:
                known.nested.setdefault(settled.key, settled)
            _nest(settled, outer, outcome, setting, draft, changed)
    return sorted(outcomes, key=lambda outcome: outcome.index)


def _nest(
    side: Side,
    outer: Side | None,
    outcome: Outcome,
    setting: Setting,
    draft: Draft | None,
    changed: Changed,
) -> None:
    """Links a trip to the incoming stay it is made from, once both rows exist (V21)."""
    if not setting.says("nested_in"):
        return
    before = side.nested_in
    if (before.key if before else "") == (outer.key if outer else ""):
        return
    if outcome.verdict is not Verdict.CREATED:
        outcome.changes["nested_in"] = [before.key if before else "", outer.key if outer else ""]
        outcome.verdict = Verdict.CHANGED
    if draft is None:
        return
    if outer is None:
        draft.change(side, nested_in_id=None)
    else:
        changed.nested.append((side, outer))
    if outcome.verdict is Verdict.CHANGED:
        draft.line(
            "mobility.changed", side.mobility, {"nested_in": outcome.changes["nested_in"]}
        )
        changed.sides.append(side)


def _wrong_place(
    key: str,
    unit: str,
    side: Side | None,
    setting: Setting,
    seen: dict[str, int],
    at: int,
    kind: Kind,
) -> list[Refusal]:
    """What is wrong with where the record lies: unit, repeated key, a key of another kind of mobility."""
    wrong = setting.wrong_unit(
        unit, stored_unit=side.unit_id if side else None, is_new=side is None
    )
    if key in seen:
        wrong.append(repeated(key, first=seen[key]))
    seen.setdefault(key, at)
    if side is not None and side.mobility.kind != kind:
        wrong.append(
            Invalid(
                "mobility.other-kind",
                sentence=_("The key “%(value)s” names a mobility of another kind."),
                remedy=_("Students and staff need keys of their own."),
                field="key",
                value=key,
            )
        )
    return wrong


def _find_candidates(
    known: _Known,
    piece: Sequence[tuple[int, MobilityFacts]],
    students: dict[str, StudentRecord],
    setting: Setting,
) -> None:
    """Mobilities that another institution here has stated and that a new fact may be about."""
    persons = {
        students[facts.student_key].person_id
        for _at, facts in piece
        if facts.student_key in students
        and facts.key not in known.sides
        and facts.partner in known.partners
        and known.partners[facts.partner].hosted
    }
    if not persons:
        return
    found = (
        Mobility.objects.filter(kind=Kind.STUDENT, person__in=persons)
        .exclude(sides__institution=setting.institution)
        .order_by("pk")
    )
    for mobility in found:
        known.candidates.setdefault(mobility.person_id, []).append(mobility)
    ids = [mobility.pk for group in known.candidates.values() for mobility in group]
    for segment in Segment.objects.filter(mobility__in=ids).order_by("pk"):
        known.segments.setdefault(segment.mobility_id, []).append(segment)


# --- What both kinds share ---------------------------------------------------------------------


def _in_words(
    column: str, value: Any, related: Any, setting: Setting
) -> Any:
    """A value of a column as people know it."""
    if column.endswith("_institution_id"):
        return related.hei_id if related is not None else None
    if column == "unit_id":
        return next((code for code, pk in setting.units.items() if pk == value), "")
    return shown(value)


def _column_changes(
    record: Mobility | Side,
    wanted: dict[str, Any],
    names: dict[str, str],
    known: _Known,
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
            if column == "right_id" and names.get("right_key") and (
                wanted["right_key"] == getattr(record, "right_key", "")
            ):
                continue
            values[column] = after
            continue
        values[column] = after
        before_related = after_related = None
        if column.endswith("_institution_id"):
            before_related = getattr(record, column.removesuffix("_id"))
            after_related = next((p for p in known.partners.values() if p.pk == after), None)
            if after == setting.institution.pk:
                after_related = setting.institution
        said_before = _in_words(column, before, before_related, setting)
        said_after = _in_words(column, after, after_related, setting)
        changes[name] = [said_before, said_after]
    return changes, values


def _settle(
    at: int,
    stated: Stated,
    side: Side | None,
    known: _Known,
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
    old = known.segments.get(mobility.pk, [])
    old_rows = sorted(map(_stored_row, old), key=_by_days)
    new_segments = False
    if setting.says("segments") and old_rows != stated.segments:
        new_segments = True
        of_mobility["segments"] = [
            [segment_words(row) for row in old_rows],
            [segment_words(row) for row in stated.segments],
        ]
        start, end = extent(stated.segments)
        mobility_values |= {
            name: day
            for name, day in (("start", start), ("end", end))
            if day != getattr(mobility, name)
        }
    if stated.person_id is not None and stated.person_id != mobility.person_id:
        mobility_values["person_id"] = stated.person_id
    visit_values: dict[str, Any] = {}
    visit = getattr(mobility, "visit", None) if kind is Kind.STAFF else None
    if stated.visit is not None and visit is not None:
        visit_values = {
            name: value
            for name, value in stated.visit.items()
            if value != getattr(visit, name)
            and setting.says("employment_key" if name == "employment_id" else name)
        }
        for name, value in visit_values.items():
            of_mobility[name] = [shown(getattr(visit, name)), shown(value)]
    changes = of_mobility | of_side
    if not changes:
        return Outcome(at, stated.key, Verdict.UNCHANGED, record=side), side
    if draft is not None:
        shared = known.other_sides.get(mobility.pk, [])
        if shared and (mobility_values or new_segments):
            mobility = _part_from(mobility, old, new_segments, mobility_values, side, draft)
            old = []
        else:
            draft.change(mobility, **mobility_values, version=mobility.version + 1)
        if new_segments:
            for segment in old:
                draft.remove(segment)
            for row in stated.segments:
                draft.create(_segment(mobility, row))
        if side_values:
            draft.change(side, **side_values)
        if visit_values and visit is not None:
            draft.change(visit, **visit_values)
        draft.line("mobility.changed", mobility, changes)
        changed.sides.append(side)
        if not shared or mobility is side.mobility:
            changed.sides += shared
    return Outcome(at, stated.key, Verdict.CHANGED, changes, record=side), side


def _part_from(
    mobility: Mobility,
    old: Sequence[Segment],
    new_segments: bool,
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
    if not new_segments:
        for segment in old:
            draft.create(_segment(own, _stored_row(segment)))
    draft.line("mobility.side-parted", mobility, {"key": [side.key, None]})
    draft.change(side, mobility=own)
    return own


def _state_anew(
    at: int,
    stated: Stated,
    known: _Known,
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
        else:
            mobility.person_id = stated.person_id
        draft.create(mobility)
        for row in stated.segments:
            draft.create(_segment(mobility, row))
        if stated.visit is not None:
            draft.create(StaffVisit(mobility=mobility, **stated.visit))
        draft.line("mobility.created", mobility)
    else:
        draft.line("mobility.stated-by-partner", mobility, {"key": [None, stated.key]})
        known.candidates[mobility.person_id].remove(mobility)
    side = Side(
        mobility=mobility, institution=setting.institution, key=stated.key, **stated.side
    )
    draft.create(side)
    outcome.record = side
    changed.sides.append(side)
    return outcome, side


def _same_mobility(stated: Stated, known: _Known, setting: Setting) -> Mobility | None:
    """The mobility that the partner has stated with exactly the same facts, where there is one."""
    if stated.person_id is None:
        return None
    for mobility in known.candidates.get(stated.person_id, ()):
        rows = sorted(map(_stored_row, known.segments.get(mobility.pk, ())), key=_by_days)
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


def _segment(mobility: Mobility, row: SegmentRow) -> Segment:
    mode, place, country, start, end, purpose, cancelled = row
    return Segment(
        mobility=mobility,
        mode=mode,
        place=place,
        country=country,
        start=start,
        end=end,
        purpose=purpose,
        cancelled=cancelled,
    )


# --- Staff -------------------------------------------------------------------------------------


def _wrong_visit(
    facts: VisitFacts, partner: Institution | None, institution: Institution
) -> list[Refusal]:
    found: list[Refusal] = [missing("key")] if not facts.key else []
    found += _LENGTHS.wrong(facts)
    found += _wrong_choices(facts, STAFF_PURPOSES)
    found += _wrong_partner(facts, partner, institution)
    if facts.content not in StaffVisit.Content.values:
        found.append(
            unknown_code("content", facts.content, expected=", ".join(StaffVisit.Content.values))
        )
    if not facts.employment_key and not facts.family_name:
        found.append(missing("employment_key" if facts.direction == "outgoing" else "family_name"))
    found += wrong_days(facts.start, facts.end)
    found += wrong_number("hours", facts.hours, whole=6)
    found += wrong_number("teaching_hours", facts.teaching_hours, whole=4)
    if facts.started_at and facts.ended_at and facts.ended_at <= facts.started_at:
        found.append(
            reversed_days(
                "ended_at", start=facts.started_at.isoformat(), end=facts.ended_at.isoformat()
            )
        )
    return found


def draft_visits(
    piece: Sequence[tuple[int, VisitFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
    changed: Changed,
) -> list[Outcome]:
    """What becomes of each staff visit and, for incoming visitors, the person named."""
    institution = setting.institution
    known = _known(piece, setting, Kind.STAFF)
    employments = {
        employment.key: employment
        for employment in Employment.objects.filter(
            institution=institution,
            key__in={facts.employment_key for _at, facts in piece if facts.employment_key},
        ).order_by()
    }
    names = _spoken_columns(
        setting, (*_VISIT_COLUMNS, "partner", "partner_country", "direction", "unit")
    )
    outcomes: list[Outcome] = []
    for at, facts in piece:
        side = known.sides.get(facts.key)
        partner = known.partners.get(facts.partner) if facts.partner else None
        employment = employments.get(facts.employment_key)
        wrong = _wrong_visit(facts, partner, institution)
        if facts.employment_key and employment is None:
            wrong.append(unknown_key("employment_key", facts.employment_key))
        wrong += _wrong_place(facts.key, facts.unit, side, setting, seen, at, Kind.STAFF)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        person: Person | None = None
        renamed: dict[str, Any] = {}
        if employment is None and side is None:
            person = Person(family_name=facts.family_name, given_names=facts.given_names)
            if draft is not None:
                draft.create(person)
                draft.line("person.created", person)
        elif employment is None and side is not None and facts.family_name:
            renamed = {
                name: getattr(facts, name)
                for name in ("family_name", "given_names")
                if getattr(facts, name) != getattr(side.mobility.person, name) and setting.says(name)
            }
        parties = _parties(facts, partner, institution)
        stated = Stated(
            facts.key,
            person,
            employment.person_id if employment else None,
            {name: getattr(facts, name) for name in _VISIT_COLUMNS} | parties,
            {"direction": facts.direction, "unit_id": setting.units.get(facts.unit)},
            [_visit_row(facts, parties)],
            names,
            visit={
                "employment_id": employment.pk if employment else None,
                "content": facts.content,
                "started_at": facts.started_at,
                "ended_at": facts.ended_at,
                "hours": facts.hours,
                "teaching_hours": facts.teaching_hours,
            },
            unit=facts.unit,
        )
        outcome, _side = _settle(at, stated, side, known, setting, draft, changed, Kind.STAFF)
        if renamed and side is not None:
            who = side.mobility.person
            in_words = {name: [getattr(who, name), value] for name, value in renamed.items()}
            outcome.changes |= in_words
            outcome.verdict = Verdict.CHANGED
            if draft is not None:
                draft.change(who, **renamed)
                draft.line("person.changed", who, in_words)
        outcomes.append(outcome)
    return outcomes


def _visit_row(facts: VisitFacts, parties: dict[str, Any]) -> SegmentRow:
    """The one part of a visit: at the host, or from home where it was virtual."""
    mode = Mode.VIRTUAL if facts.virtual else Mode.PHYSICAL
    place = Place.HOME if facts.virtual else Place.HOST
    country = parties["sending_country" if facts.virtual else "receiving_country"]
    return (mode.value, place.value, country, facts.start, facts.end, "", False)


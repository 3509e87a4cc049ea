"""The parts of a mobility as values: in which country each is lived, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from vaihto.codes import COUNTRY, country_name
from vaihto.journal.bringing import missing, unknown_code, wrong_days
from vaihto.mobilities.bringing.parties import own_country
from vaihto.mobilities.facts import SegmentFacts
from vaihto.mobilities.models import Direction, Mobility, Mode, Place, Segment, State
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

# One segment as a value: mode, place, country, start, end, purpose, cancelled.
SegmentRow = tuple[str, str, str, date | None, date | None, str, bool]
StoredRow = tuple[int, SegmentRow]


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
    return sorted(rows, key=by_days)


def by_days(row: SegmentRow) -> tuple[Any, ...]:
    mode, place, country, start, end, purpose, cancelled = row
    return (start or date.max, end or date.max, mode, place, country, purpose, cancelled)


def stored_rows(mobility_ids: Sequence[int]) -> dict[int, list[StoredRow]]:
    """Stored parts with their ids, by mobility: one question."""
    found: dict[int, list[StoredRow]] = {}
    rows = (
        Segment.objects.filter(mobility__in=mobility_ids)
        .order_by("pk")
        .values_list(
            "mobility_id", "pk", "mode", "place", "country", "start", "end", "purpose", "cancelled"
        )
    )
    for mobility_id, pk, mode, place, country, start, end, purpose, cancelled in rows:
        found.setdefault(mobility_id, []).append(
            (pk, (mode, place, country, start, end, purpose, cancelled))
        )
    return found


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


def wrong_segments(
    rows: Sequence[SegmentRow], *, direction: str, own: str, state: str
) -> list[Refusal]:
    """What cannot be true of the parts of one mobility."""
    if not rows:
        return [missing("segments")]
    found: list[Refusal] = []
    for row in rows:
        found += _wrong_row(row, direction=direction, own=own)
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


def _wrong_row(row: SegmentRow, *, direction: str, own: str) -> list[Refusal]:
    mode, place, country, start, end, _purpose, cancelled = row
    found: list[Refusal] = [
        unknown_code(f"segment_{name}", row[at], expected=", ".join(sorted(codes - {""})))
        if row[at]
        else missing(f"segment_{name}")
        for name, at, codes in _SEGMENT_CODES
        if row[at] not in codes
    ]
    if country and country not in COUNTRY:
        found.append(unknown_code("segment_country", country, expected="ISO 3166-1"))
    if mode == Mode.PHYSICAL:
        if start is None:
            found.append(missing("segment_start"))
        if end is None:
            found.append(missing("segment_end"))
        if place == Place.THIRD and not country:
            found.append(missing("segment_country"))
    if place == Place.HOST and not cancelled:
        found += _wrong_host(mode, country, direction=direction, own=own)
    if start is not None or end is not None:
        found += wrong_days(start, end, start_field="segment_start", end_field="segment_end")
    return found


def _wrong_host(mode: str, country: str, *, direction: str, own: str) -> list[Refusal]:
    """The host part lies abroad when one goes, and here when one comes."""
    if direction == Direction.OUTGOING and mode == Mode.PHYSICAL and country == own:
        return [own_country("segment_country", country)]
    if direction == Direction.INCOMING and country not in {own, ""}:
        return [
            Invalid(
                "mobility.incoming-host-elsewhere",
                sentence=_("The host part of an incoming stay lies in %(country)s (%(value)s)."),
                remedy=_("Leave the country of the host part empty, or call the part “third”."),
                field="segment_country",
                value=country,
                country=country_name(country),
            )
        ]
    return []


def new_segment(mobility: Mobility, row: SegmentRow, *, pk: int | None = None) -> Segment:
    """The row of a part; with the id of a stored one it stands for that."""
    mode, place, country, start, end, purpose, cancelled = row
    return Segment(
        pk=pk,
        mobility=mobility,
        mode=mode,
        place=place,
        country=country,
        start=start,
        end=end,
        purpose=purpose,
        cancelled=cancelled,
    )

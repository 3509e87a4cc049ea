"""The file one brings into the demo: 500 mobilities of the University of Tuulisalmi, 20 of them with something wrong.

The students are those of the ordinary demo who had not been abroad lately. Each wrong record has one fault, as typing,
copying and old lists make them; `FAULTS` says which record has which.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice, zip_longest
from pathlib import Path

from django.conf import settings

from vaihto.demo import invention, journeys, stays
from vaihto.demo.alliance import ERASMUS_COUNTRIES, HOUSES, WORKPLACES
from vaihto.demo.gathering import Records, gather
from vaihto.demo.luck import Luck, seeded
from vaihto.demo.stays import Where
from vaihto.demo.stories import TUULISALMI
from vaihto.imports.kinds import kind_named
from vaihto.imports.tables import Column, TableKind
from vaihto.mobilities.facts import MobilityFacts
from vaihto.people.facts import StudentFacts, StudyRightFacts

MOBILITIES = 500
_YEAR = 2026


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with the record at a place of the file, by the column in which it stands."""

    place: int
    what: str
    column: str
    value: str


FAULTS: tuple[Fault, ...] = (
    Fault(place=11, what="unknown country", column="partner_country", value="XQ"),
    Fault(place=37, what="last day before the first", column="segment_end", value="2025-12-01"),
    Fault(place=52, what="day that does not exist", column="segment_start", value="2026-02-30"),
    Fault(place=76, what="unknown programme", column="programme", value="erasmus++"),
    Fault(place=98, what="no student", column="student_key", value=""),
    Fault(place=123, what="student nobody knows", column="student_key", value="T999999"),
    Fault(place=151, what="key that was there before", column="key", value="T-26-0005"),
    Fault(place=177, what="number with two commas", column="planned_credits", value="27,5,0"),
    Fault(place=202, what="destination Finland", column="partner_country", value="246"),
    Fault(place=229, what="partner nobody knows", column="partner", value="nowhere.example"),
    Fault(place=254, what="direction that does not exist", column="direction", value="sideways"),
    Fault(place=281, what="purpose that does not exist", column="purpose", value="holiday"),
    Fault(place=303, what="no first day", column="segment_start", value=""),
    Fault(
        place=326,
        what="day with a year of five digits",
        column="segment_start",
        value="20226-01-12",
    ),
    Fault(place=352, what="misspelt mode", column="segment_mode", value="phisical"),
    Fault(place=379, what="neither yes nor no", column="planned_blended", value="perhaps"),
    Fault(place=401, what="credits below zero", column="planned_credits", value="-5"),
    Fault(place=428, what="unit that does not exist", column="unit", value="ZZZ"),
    Fault(place=455, what="level that does not exist", column="level", value="99"),
    Fault(place=483, what="call before there were any", column="call_year", value="1899"),
)


@lru_cache(maxsize=1)
def travellers() -> tuple[tuple[StudentFacts, StudyRightFacts], ...]:
    """The 500 students with the right each studies by, as the ordinary demo has them."""
    records = gather(
        life for life in invention.people(invention.ORDINARY) if life.at(TUULISALMI).students
    ).at(TUULISALMI)
    return tuple(islice(_free(records), MOBILITIES))


def mobilities() -> tuple[MobilityFacts, ...]:
    """The 500 mobilities as they should be: stays of 2026 of students who were not abroad lately."""
    return tuple(
        _stay(number, student, right) for number, (student, right) in enumerate(travellers(), 1)
    )


def _free(records: Records) -> Iterator[tuple[StudentFacts, StudyRightFacts]]:
    """Students who study all of 2026 and were not abroad lately, with the right they study by."""
    taken = {
        fact.student_key
        for fact in records.mobilities
        if any(part.end and part.end.year >= _YEAR - 1 for part in fact.segments)
    }
    rights: dict[str, StudyRightFacts] = {}
    for right in records.rights:
        if any(
            state.code == "1"
            and state.start <= date(_YEAR - 1, 12, 1)
            and (state.end is None or state.end.year > _YEAR)
            for state in right.states
        ) and right.type not in {"9", "13"}:
            rights.setdefault(right.student_key, right)
    for student in records.students:
        if student.key not in taken and student.key in rights:
            yield student, rights[student.key]


def _stay(number: int, student: StudentFacts, right: StudyRightFacts) -> MobilityFacts:
    chance = seeded("file", number)
    luck = Luck(chance=chance, today=invention.TODAY, stays=(1.0,))
    home = HOUSES[TUULISALMI]
    partner = journeys.destination(luck, home, _YEAR)
    where = Where(home=home.country, host=partner.country, rhythm=partner.terms)
    stay = stays.draw(chance, stays.OUTGOING, _YEAR, where)
    if stay.bip_id and partner.country not in ERASMUS_COUNTRIES:
        partner = journeys.ally(chance, home)
        stay = journeys.moved_to(stay, partner.country)
    workplace = None
    if stay.purpose == "traineeship":
        workplace = chance.choice([place for place in WORKPLACES if place[1] != home.country])
        stay = journeys.moved_to(stay, workplace[1])
    land = workplace[1] if workplace else partner.country
    programme, action, call, funding = journeys.frame(luck, home.country, land, _YEAR, stay)
    state, estimate = journeys.state_of(luck, stay)
    return MobilityFacts(
        key=f"T-26-{number:04d}",
        student_key=student.key,
        direction="outgoing",
        purpose=stay.purpose,
        programme=programme,
        action=action,
        call_year=call,
        funding=funding,
        partner="" if workplace else partner.hei_id,
        partner_country=land,
        host_organisation=workplace[0] if workplace else "",
        part_of_degree=stay.part_of_degree,
        planned_blended=stay.planned_blended,
        agreed_as_one_whole=stay.agreed_as_one_whole,
        change_reason=stay.change_reason,
        end_is_estimate=estimate,
        planned_credits=stay.planned_credits,
        bip_id=stay.bip_id,
        state=state,
        right_key=right.key,
        level=right.type,
        unit=student.unit,
        segments=stay.segments,
    )


def mobilities_csv(*, corrected: bool = False) -> bytes:
    """The file: semicolons, UTF-8 with a mark, one line for each part of a mobility.

    With `corrected` the same 500 without faults: what a registrar ends with.
    """
    columns = _columns("mobilities")
    faults = {} if corrected else {fault.place: fault for fault in FAULTS}
    lines = []
    for place, facts in enumerate(mobilities(), 1):
        fault = faults.get(place)
        for at, part in enumerate(facts.segments):
            line = {
                column.name: _cell(part, column.name.removeprefix("segment_"))
                if column.of_part
                else _cell(facts, column.fact)
                for column in columns
            }
            if fault and (at == 0 or not fault.column.startswith("segment_")):
                line[fault.column] = fault.value
            lines.append(line)
    return _table(columns, lines)


def persons_csv() -> bytes:
    """The 500 students, for an installation that does not know them yet."""
    columns = _columns("persons")
    return _table(
        columns,
        [{c.name: _cell(student, c.fact) for c in columns} for student, _right in travellers()],
    )


def study_rights_csv() -> bytes:
    """Their study rights, one line for each step of a timeline."""
    columns = _columns("study_rights")
    lines = []
    for _student, right in travellers():
        steps = zip_longest(right.states, right.spells, right.primacies)
        for state, spell, primacy in steps:
            line = {c.name: "" if c.of_part else _cell(right, c.fact) for c in columns}
            if state:
                line |= {
                    "state": state.code,
                    "state_start": _text(state.start),
                    "state_end": _text(state.end),
                }
            if spell:
                line |= {c.name: _cell(spell, c.name) for c in columns if hasattr(spell, c.name)}
                line |= {"spell_start": _text(spell.start), "spell_end": _text(spell.end)}
                line |= {"start": _text(right.start), "end": _text(right.end)}
                line |= {f"name_{language}": name for language, name in spell.names.items()}
            if primacy:
                line |= {
                    "is_primary": "yes",
                    "primary_start": _text(primacy.start),
                    "primary_end": _text(primacy.end),
                }
            lines.append(line)
    return _table(columns, lines)


def _columns(kind: str) -> Sequence[Column]:
    found = kind_named(kind)
    assert isinstance(found, TableKind)  # noqa: S101 - the demo brings tables only
    return found.columns


def _table(columns: Sequence[Column], lines: Sequence[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    writer.writerows([line.get(column.name, "") for column in columns] for line in lines)
    return text.getvalue().encode("utf-8-sig")


def _cell(holder: object, name: str) -> str:
    return _text(getattr(holder, name, None))


def _text(value: object) -> str:
    """A value as people type it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(map(str, value))
    return str(value)


def write_files() -> Path:
    """Puts the files where the pages of a demo offer them: folder `demo` in the data folder."""
    folder: Path = settings.DATA / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        (folder / name).write_bytes(make())
    return folder


FILES: dict[str, Callable[[], bytes]] = {
    "mobilities-500.csv": mobilities_csv,
    "persons-500.csv": persons_csv,
    "study-rights-500.csv": study_rights_csv,
}

"""Student records with the persons behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaihto.codes import COUNTRY
from vaihto.institutions.models import Institution
from vaihto.journal.bringing import (
    Draft,
    Outcome,
    Verdict,
    differences,
    refused,
    repeated,
    reversed_days,
    wrong_days,
)
from vaihto.people.bringing.persons import People, draft_person, match, naming, wrong_person
from vaihto.people.bringing.setting import Setting, wrong_code
from vaihto.people.facts import StudentFacts
from vaihto.people.models import Person, StudentRecord
from vaihto.refusals import Refusal

_FIELDS = (
    ("mother_tongue", "mother_tongue"),
    ("residence", "residence"),
    ("first_enrolled", "first_enrolled"),
    ("kept_aside", "kept_aside"),
)


def _wrong_student(facts: StudentFacts, institution: Institution) -> list[Refusal]:
    found = wrong_person(facts, institution)
    for country in facts.citizenships:
        found += wrong_code("citizenships", country, COUNTRY)
    found += wrong_days(facts.birth_date, None, start_field="birth_date")
    found += wrong_days(facts.first_enrolled, None, start_field="first_enrolled")
    if facts.birth_date and facts.first_enrolled and facts.first_enrolled < facts.birth_date:
        found.append(
            reversed_days("first_enrolled", start=facts.birth_date, end=facts.first_enrolled)
        )
    return found


def draft_students(
    piece: Sequence[tuple[int, StudentFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
) -> list[Outcome]:
    """What becomes of each student fact; written into `draft` where there is one."""
    stored = {
        record.key: record
        for record in StudentRecord.objects.filter(
            institution=setting.institution, key__in=[facts.key for _at, facts in piece]
        )
        .select_related("person")
        .order_by()
    }
    people = People.among((facts for _at, facts in piece), stored.values())
    outcomes: list[Outcome] = []
    for at, facts in piece:
        record = stored.get(facts.key)
        code_hash = naming(facts.identity_code)
        wrong = _wrong_student(facts, setting.institution)
        wrong += setting.wrong_unit(
            facts.unit, stored_unit=record.unit_id if record else None, is_new=record is None
        )
        if facts.key in seen:
            wrong.append(repeated(facts.key, first=seen[facts.key]))
        seen.setdefault(facts.key, at)
        person, conflict = match(
            people,
            number=facts.learner_number,
            code_hash=code_hash,
            known=record.person if record else None,
        )
        if conflict is not None:
            wrong.append(conflict)
        wrong += people.contradictions(person, facts)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        person, of_person = draft_person(facts, person, setting, draft)
        people.know(person, facts, code_hash=code_hash)
        if record is None:
            outcome = Outcome(at, facts.key, Verdict.CREATED, of_person)
            setting.coming.students.add(facts.key)
            if draft is not None and person is not None:
                outcome.record = _new_record(facts, person, setting, draft)
        else:
            changes = of_person | _record_changes(facts, record, setting, draft)
            verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
            outcome = Outcome(at, facts.key, verdict, changes, record=record)
        outcomes.append(outcome)
    return outcomes


def _new_record(
    facts: StudentFacts, person: Person, setting: Setting, draft: Draft
) -> StudentRecord:
    record = StudentRecord(
        person=person,
        institution=setting.institution,
        unit_id=setting.units.get(facts.unit),
        key=facts.key,
        mother_tongue=facts.mother_tongue,
        residence=facts.residence,
        first_enrolled=facts.first_enrolled,
        kept_aside=dict(facts.kept_aside),
    )
    draft.create(record)
    draft.line("student.created", record)
    return record


def _record_changes(
    facts: StudentFacts, record: StudentRecord, setting: Setting, draft: Draft | None
) -> dict[str, list[Any]]:
    changes = differences(facts, record, setting.spoken(_FIELDS))
    values = {name: getattr(facts, name) for name in changes}
    if setting.says("unit") and setting.units.get(facts.unit) != record.unit_id:
        changes["unit"] = [setting.code_of(record.unit_id), facts.unit]
        values["unit_id"] = setting.units.get(facts.unit)
    if draft is not None and values:
        draft.change(record, **values)
        draft.line("student.changed", record, changes)
    return changes

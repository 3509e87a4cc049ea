"""Employments with the persons who hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaihto.institutions.models import Institution
from vaihto.journal.bringing import (
    Draft,
    Outcome,
    Verdict,
    differences,
    refused,
    repeated,
    unknown_code,
    wrong_days,
)
from vaihto.people.bringing.persons import People, draft_person, match, naming, wrong_person
from vaihto.people.bringing.setting import Setting
from vaihto.people.facts import EmploymentFacts
from vaihto.people.models import Employment, Person
from vaihto.refusals import Refusal

_FIELDS = (("group", "group"), ("title", "title"), ("start", "start"), ("end", "end"))


def _wrong_employment(facts: EmploymentFacts, institution: Institution) -> list[Refusal]:
    found = wrong_person(facts, institution)
    if facts.group not in Employment.Group.values:
        found.append(
            unknown_code("group", facts.group, expected=", ".join(Employment.Group.values))
        )
    return found + wrong_days(facts.start, facts.end)


def draft_employments(
    piece: Sequence[tuple[int, EmploymentFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
) -> list[Outcome]:
    """What becomes of each employment and the person who holds it."""
    stored = {
        employment.key: employment
        for employment in Employment.objects.filter(
            institution=setting.institution, key__in=[facts.key for _at, facts in piece]
        )
        .select_related("person")
        .order_by()
    }
    people = People.among((facts for _at, facts in piece), stored.values())
    outcomes: list[Outcome] = []
    for at, facts in piece:
        employment = stored.get(facts.key)
        code_hash = naming(facts.identity_code)
        wrong = _wrong_employment(facts, setting.institution)
        wrong += setting.wrong_unit(
            facts.unit,
            stored_unit=employment.unit_id if employment else None,
            is_new=employment is None,
        )
        if facts.key in seen:
            wrong.append(repeated(facts.key, first=seen[facts.key]))
        seen.setdefault(facts.key, at)
        person, conflict = match(
            people,
            number=facts.learner_number,
            code_hash=code_hash,
            known=employment.person if employment else None,
        )
        if conflict is not None:
            wrong.append(conflict)
        wrong += people.contradictions(person, facts)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        person, of_person = draft_person(facts, person, setting, draft)
        people.know(person, facts, code_hash=code_hash)
        if employment is None:
            outcome = Outcome(at, facts.key, Verdict.CREATED, of_person)
            if draft is not None and person is not None:
                outcome.record = _new_employment(facts, person, setting, draft)
        else:
            changes = of_person | _employment_changes(facts, employment, setting, draft)
            verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
            outcome = Outcome(at, facts.key, verdict, changes, record=employment)
        outcomes.append(outcome)
    return outcomes


def _new_employment(
    facts: EmploymentFacts, person: Person, setting: Setting, draft: Draft
) -> Employment:
    employment = Employment(
        person=person,
        institution=setting.institution,
        unit_id=setting.units.get(facts.unit),
        key=facts.key,
        group=facts.group,
        title=facts.title,
        start=facts.start,
        end=facts.end,
    )
    draft.create(employment)
    draft.line("employment.created", employment)
    return employment


def _employment_changes(
    facts: EmploymentFacts, employment: Employment, setting: Setting, draft: Draft | None
) -> dict[str, list[Any]]:
    changes = differences(facts, employment, setting.spoken(_FIELDS))
    values = {name: getattr(facts, name) for name in changes}
    if setting.says("unit") and setting.units.get(facts.unit) != employment.unit_id:
        changes["unit"] = [setting.code_of(employment.unit_id), facts.unit]
        values["unit_id"] = setting.units.get(facts.unit)
    if draft is not None and values:
        draft.change(employment, **values)
        draft.line("employment.changed", employment, changes)
    return changes

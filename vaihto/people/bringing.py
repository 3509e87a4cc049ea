"""Comparing facts about persons with what is stored, and drafting what to write. `actions.py` is the door."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaihto.codes import (
    COUNTRY,
    FUNDING_SOURCE,
    GENDER,
    STUDY_RIGHT_CLASSIFICATION,
    STUDY_RIGHT_STATE,
    STUDY_RIGHT_TYPE,
    TERM_ENROLMENT_STATE,
    CodeList,
)
from vaihto.institutions.models import Institution, Unit
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import (
    HIDDEN,
    Draft,
    Lengths,
    Outcome,
    Verdict,
    differences,
    missing,
    not_in_reach,
    refused,
    repeated,
    reversed_days,
    unknown_code,
    unknown_key,
    wrong_days,
)
from vaihto.people.facts import (
    EmploymentFacts,
    PrimacyFacts,
    SpellFacts,
    StateFacts,
    StudentFacts,
    StudyRightFacts,
    TermEnrolmentFacts,
)
from vaihto.people.models import (
    Employment,
    Person,
    Primacy,
    StudentRecord,
    StudyRight,
    StudyRightSpell,
    StudyRightState,
    TermEnrolment,
)
from vaihto.people.secrecy import search_hash, search_hashes
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

_LENGTHS = Lengths(Person, StudentRecord, Employment, StudyRight, StudyRightSpell, unit=60, student_key=100)

# Form of the national identity code; without its tail it is a birth date and names nobody.
_IDENTITY_CODE = re.compile(r"\d{6}[-+A-FU-Y](\d{3}[0-9A-Y])?", re.ASCII)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

PERSON_FIELDS = ("family_name", "given_names", "gender", "birth_date", "email", "learner_number")
_RECORD_FIELDS = (
    ("mother_tongue", "mother_tongue"),
    ("residence", "residence"),
    ("first_enrolled", "first_enrolled"),
    ("kept_aside", "kept_aside"),
)


@dataclass
class Setting:
    """Where facts are brought: the institution, its units, what the actor reaches, what the file speaks of."""

    institution: Institution
    units: dict[str, int]
    reach: frozenset[int] | None
    said: Collection[str] | None

    @classmethod
    def of(
        cls,
        institution: Institution,
        *,
        reach: frozenset[int] | None,
        said: Collection[str] | None,
    ) -> Setting:
        """Asks for the units once for all facts."""
        units = dict(Unit.objects.filter(institution=institution).values_list("code", "pk"))
        return cls(institution, units, reach, said)

    def says(self, name: str) -> bool:
        """Does what is brought speak of this field at all?"""
        return self.said is None or name in self.said

    def spoken(self, fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Those of the fields that what is brought speaks of."""
        return tuple(pair for pair in fields if self.says(pair[0]))

    def wrong_unit(self, code: str, *, stored_unit: int | None, is_new: bool) -> list[Refusal]:
        """A unit that does not exist, or lies outside what the actor's role holds for."""
        if code and code not in self.units:
            return [unknown_code("unit", code, expected=", ".join(sorted(self.units)[:20]))]
        if self.reach is None:
            return []
        stated = self.units.get(code) if code else None
        wanted = stated if is_new or (code and self.says("unit")) else stored_unit
        if wanted not in self.reach or not (is_new or stored_unit in self.reach):
            return [not_in_reach("unit", code)]
        return []


def codes_of(codes: CodeList) -> str:
    """The codes of a short list, for people; of a long one, what it is called."""
    return ", ".join(codes.codes) if len(codes) <= 20 else codes.file.replace("_", " ")


def wrong_code(field_name: str, value: str, codes: CodeList) -> list[Refusal]:
    """A code that is stated and not in its list."""
    if value and value not in codes:
        return [unknown_code(field_name, value, expected=codes_of(codes))]
    return []


# --- Persons -----------------------------------------------------------------------------------


def identifies(identity_code: str) -> bool:
    """Is this a whole identity code? A birth date with its separator names many people."""
    return len(identity_code.strip()) > 7


def naming(identity_code: str) -> str:
    """The search hash of a code that names one person, else nothing."""
    return search_hash(identity_code) if identifies(identity_code) else ""


_Holder = StudentRecord | Employment


@dataclass
class People:
    """Persons known by an identifier, stored or about to be."""

    by_number: dict[str, Person] = field(default_factory=dict)
    by_hash: dict[str, Person] = field(default_factory=dict)

    @classmethod
    def among(
        cls, facts: Iterable[StudentFacts | EmploymentFacts], holders: Iterable[_Holder]
    ) -> People:
        """Those stored with an identifier of these facts: two questions.

        `holders` are records already known; they get the same object for the same person, so that two records
        of one person in a batch see each other's changes.
        """
        found = cls()
        numbers = set()
        newest: dict[str, str] = {}  # a value may have been hashed with an older key
        for fact in facts:
            if fact.learner_number:
                numbers.add(fact.learner_number)
            if identifies(fact.identity_code):
                hashes = search_hashes(fact.identity_code)
                newest |= dict.fromkeys(hashes, hashes[0])
        one: dict[int, Person] = {}
        if numbers:
            for person in Person.objects.filter(learner_number__in=numbers).order_by():
                found.by_number[person.learner_number] = one.setdefault(person.pk, person)
        if newest:
            for person in Person.objects.filter(identity_hash__in=newest).order_by("-pk"):
                found.by_hash[newest[person.identity_hash]] = one.setdefault(person.pk, person)
        for holder in holders:
            holder.person = one.setdefault(holder.person_id, holder.person)
        return found

    def know(self, person: Person, *, number: str, code_hash: str) -> None:
        """A person of this batch, to be found by what comes after."""
        if number:
            self.by_number.setdefault(number, person)
        if code_hash:
            self.by_hash.setdefault(code_hash, person)


def _belongs_to_another(field_name: str, *, number: str) -> Invalid:
    return Invalid(
        "person.identifiers-conflict",
        sentence=_("This identifier is recorded here for another person than the rest of the line says."),
        remedy=_(
            "Check the learner number and the identity code against the register; one of them is somebody else's."
        ),
        field=field_name,
        value=number,
    )


def match(
    people: People, *, number: str, code_hash: str, known: Person | None
) -> tuple[Person | None, Refusal | None]:
    """The person these identifiers name, or why they cannot be one person.

    `known` is the person the record is already about. Identifiers may correct that person's own, never name
    another one (V10: records are joined to a person by learner number or identity code only).
    """
    by_number = people.by_number.get(number) if number else None
    by_hash = people.by_hash.get(code_hash) if code_hash else None
    if known is not None:
        if by_number is not None and not _same(by_number, known):
            return None, _belongs_to_another("learner_number", number=number)
        if by_hash is not None and not _same(by_hash, known):
            return None, _belongs_to_another("identity_code", number="")
        return known, None
    if by_number is not None and by_hash is not None and not _same(by_number, by_hash):
        return None, _belongs_to_another("identity_code", number="")
    found = by_number or by_hash
    if found is None:
        return None, None
    if by_hash is None and code_hash and identifies(found.identity_code):
        return None, _belongs_to_another("learner_number", number=number)
    if number and found.learner_number and found.learner_number != number:
        return None, _belongs_to_another("learner_number", number=number)
    return found, None


def _same(one: Person, other: Person) -> bool:
    return one is other or (one.pk is not None and one.pk == other.pk)


def wrong_person(facts: StudentFacts | EmploymentFacts, institution: Institution) -> list[Refusal]:
    """What cannot be true of anybody."""
    found: list[Refusal] = []
    if not facts.key:
        found.append(missing("key"))
    found += _LENGTHS.wrong(facts)
    if facts.gender:
        found += wrong_code("gender", facts.gender, GENDER)
    if (
        facts.identity_code
        and institution.is_finnish
        and not _IDENTITY_CODE.fullmatch(facts.identity_code.strip().upper())
    ):
        found.append(
            Invalid(
                "person.identity-code-form",
                sentence=_("This does not have the form of a personal identity code."),
                remedy=_("It looks like 010203A123B; leave the cell empty where there is none."),
                field="identity_code",
                value="",
            )
        )
    if facts.email and not _MAIL.fullmatch(facts.email):
        found.append(
            Invalid(
                "person.email-form",
                sentence=_("“%(value)s” is not an e-mail address."),
                remedy=_("Correct it, or leave the cell empty."),
                field="email",
                value=facts.email,
            )
        )
    return found


def person_changes(
    facts: StudentFacts | EmploymentFacts,
    person: Person,
    setting: Setting,
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """What of the person would change: in words for people, and the values of columns.

    A person may be known at several institutions: what one of them leaves empty says nothing.
    """
    spoken = [name for name in PERSON_FIELDS if getattr(facts, name, None) and setting.says(name)]
    changes = differences(facts, person, [(name, name) for name in spoken])
    values = {name: getattr(facts, name) for name in changes}
    for name in ("citizenships", "esis"):
        stated = list(getattr(facts, name, ()))
        stored = getattr(person, name)
        if name == "esis":
            stated = stored + [esi for esi in stated if esi not in stored]
        if stated and stated != stored and setting.says(name):
            changes[name] = [list(stored), stated]
            values[name] = stated
    code = facts.identity_code.strip().upper()
    if code and setting.says("identity_code") and code != person.identity_code.strip().upper():
        changes["identity_code"] = list(HIDDEN)
        values["identity_code"] = code
        values["identity_hash"] = search_hash(code)
    return changes, values


def new_person(facts: StudentFacts | EmploymentFacts) -> Person:
    """A person as the facts know them."""
    return Person(
        family_name=facts.family_name,
        given_names=facts.given_names,
        gender=facts.gender,
        citizenships=list(getattr(facts, "citizenships", ())),
        birth_date=getattr(facts, "birth_date", None),
        email=facts.email,
        learner_number=facts.learner_number,
        identity_code=facts.identity_code.strip().upper(),
        esis=list(getattr(facts, "esis", ())),
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
    record_fields = setting.spoken(_RECORD_FIELDS)
    outcomes: list[Outcome] = []
    for at, facts in piece:
        record = stored.get(facts.key)
        naming_hash = naming(facts.identity_code)
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
            code_hash=naming_hash,
            known=record.person if record else None,
        )
        if conflict is not None:
            wrong.append(conflict)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        if record is not None and person is not None:
            outcomes.append(
                _changed_student(at, facts, record, person, record_fields, setting, draft)
            )
        else:
            outcome = Outcome(at, facts.key, Verdict.CREATED)
            outcomes.append(outcome)
            if person is None and (facts.learner_number or naming_hash or draft is not None):
                person = new_person(facts)
                if draft is not None:
                    draft.create(person)
                    draft.line("person.created", person)
            elif person is not None:
                changes, values = person_changes(facts, person, setting)
                outcome.changes = changes
                if draft is not None and values:
                    draft.change(person, **values)
                    draft.line("person.changed", person, changes)
            if draft is not None:
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
                outcome.record = record
        if person is not None:
            people.know(person, number=facts.learner_number, code_hash=naming_hash)
    return outcomes


def _changed_student(
    at: int,
    facts: StudentFacts,
    record: StudentRecord,
    person: Person,
    record_fields: Sequence[tuple[str, str]],
    setting: Setting,
    draft: Draft | None,
) -> Outcome:
    of_person, person_values = person_changes(facts, person, setting)
    of_record = differences(facts, record, record_fields)
    values = {name: getattr(facts, name) for name in of_record}
    if setting.says("unit") and setting.units.get(facts.unit) != record.unit_id:
        of_record["unit"] = [_code_of(setting, record.unit_id), facts.unit]
        values["unit_id"] = setting.units.get(facts.unit)
    if draft is not None:
        if person_values:
            draft.change(person, **person_values)
            draft.line("person.changed", person, of_person)
        if values:
            draft.change(record, **values)
            draft.line("student.changed", record, of_record)
    changes = of_person | of_record
    verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
    return Outcome(at, facts.key, verdict, changes, record=record)


def _code_of(setting: Setting, unit_id: int | None) -> str:
    return next((code for code, pk in setting.units.items() if pk == unit_id), "")


# --- Study rights ------------------------------------------------------------------------------


def _spell_row(spell: SpellFacts | StudyRightSpell) -> tuple[Any, ...]:
    return (
        spell.start,
        spell.end,
        spell.module,
        spell.education_code,
        spell.municipality,
        spell.language,
        spell.funding_source,
        tuple(spell.classifications),
        tuple(sorted(spell.names.items())),
        tuple(spell.qualifications),
    )


def _state_row(state: StateFacts | StudyRightState) -> tuple[Any, ...]:
    return (state.start, state.end, state.code)


def _primacy_row(primacy: PrimacyFacts | Primacy) -> tuple[Any, ...]:
    return (primacy.start, primacy.end)


def _days(row: tuple[Any, ...]) -> str:
    start, end, *rest = row
    words = " ".join(
        ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
        for value in rest
        if value
    )
    return f"{start}–{end or ''} {words}".strip()


_TIMELINES: tuple[tuple[str, type[Any], Callable[[Any], tuple[Any, ...]]], ...] = (
    ("states", StudyRightState, _state_row),
    ("spells", StudyRightSpell, _spell_row),
    ("primacies", Primacy, _primacy_row),
)
_RIGHT_FIELDS = (
    ("start", "start"),
    ("end", "end"),
    ("granted_by", "granted_by"),
    ("kept_aside", "kept_aside"),
)


def _wrong_right(facts: StudyRightFacts) -> list[Refusal]:
    found: list[Refusal] = [
        missing(name) for name in ("key", "student_key", "type") if not getattr(facts, name)
    ]
    found += _LENGTHS.wrong(facts)
    found += wrong_code("type", facts.type, STUDY_RIGHT_TYPE)
    found += wrong_days(facts.start, facts.end)
    for state in facts.states:
        found += wrong_code("states", state.code, STUDY_RIGHT_STATE)
        found += wrong_days(state.start, state.end, start_field="states", end_field="states")
    for spell in facts.spells:
        found += _LENGTHS.wrong(spell)
        found += wrong_code("funding_source", spell.funding_source, FUNDING_SOURCE)
        for code in spell.classifications:
            found += wrong_code("classifications", code, STUDY_RIGHT_CLASSIFICATION)
        found += wrong_days(spell.start, spell.end, start_field="spells", end_field="spells")
    for primacy in facts.primacies:
        found += wrong_days(
            primacy.start, primacy.end, start_field="primacies", end_field="primacies"
        )
    return found


def keeps_its_type(key: str, *, type: str, wanted: str) -> Invalid:
    """A study right has one type for its whole life (V46)."""
    return Invalid(
        "study-right.type-is-for-life",
        sentence=_("The right has type %(type)s, and a right keeps its type for its whole life."),
        remedy=_("Bring the new type as a new right with a key of its own."),
        field="type",
        value=wanted,
        type=type,
        key=key,
    )


def draft_study_rights(
    piece: Sequence[tuple[int, StudyRightFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[str, int],
    touched: set[int],
) -> list[Outcome]:
    """What becomes of each study right; persons whose rights change are added to `touched`."""
    stored = {
        right.key: right
        for right in StudyRight.objects.filter(
            institution=setting.institution, key__in=[facts.key for _at, facts in piece]
        )
        .select_related("student")
        .order_by()
    }
    students = students_by_key(setting.institution, {facts.student_key for _at, facts in piece})
    lines: dict[str, dict[int, list[Any]]] = {name: {} for name, _model, _row in _TIMELINES}
    if stored:
        ids = [right.pk for right in stored.values()]
        for name, model, _row in _TIMELINES:
            for part in model.objects.filter(right__in=ids).order_by("start", "pk"):
                lines[name].setdefault(part.right_id, []).append(part)
    fields = setting.spoken(_RIGHT_FIELDS)
    outcomes: list[Outcome] = []
    for at, facts in piece:
        right = stored.get(facts.key)
        student = students.get(facts.student_key)
        wrong = _wrong_right(facts)
        if student is None and facts.student_key:
            wrong.append(unknown_key("student_key", facts.student_key))
        if facts.key in seen:
            wrong.append(repeated(facts.key, first=seen[facts.key]))
        seen.setdefault(facts.key, at)
        if right is not None and right.type != facts.type and facts.type in STUDY_RIGHT_TYPE:
            wrong.append(keeps_its_type(facts.key, type=right.type, wanted=facts.type))
        for concerned in (student, right.student if right else None):
            if (
                concerned is not None
                and setting.reach is not None
                and concerned.unit_id not in setting.reach
            ):
                wrong.append(not_in_reach("student_key", facts.student_key))
                break
        if wrong or student is None:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        if right is None:
            outcome = Outcome(at, facts.key, Verdict.CREATED)
            if draft is not None:
                outcome.record = new_right(facts, student, setting.institution, draft)
                touched.add(student.person_id)
            outcomes.append(outcome)
            continue
        changes = differences(facts, right, fields)
        values = {name: getattr(facts, name) for name in changes}
        if student.pk != right.student_id:
            changes["student_key"] = [right.student.key, student.key]
            values["student_id"] = student.pk
        new_parts: list[Any] = []
        old_parts: list[Any] = []
        for name, model, row in _TIMELINES:
            if not setting.says(name):
                continue
            before = sorted(map(row, lines[name].get(right.pk, ())), key=repr)
            after = sorted(map(row, getattr(facts, name)), key=repr)
            if before != after:
                changes[name] = [[_days(part) for part in before], [_days(part) for part in after]]
                old_parts += lines[name].get(right.pk, ())
                new_parts += [(model, part) for part in getattr(facts, name)]
        if draft is not None and changes:
            touched |= {student.person_id, right.student.person_id}
            for part in old_parts:
                draft.remove(part)
            if values:
                draft.change(right, **values)
            for model, part in new_parts:
                draft.create(_part(model, part, right))
            draft.line("study-right.changed", right, changes)
        verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
        outcomes.append(Outcome(at, facts.key, verdict, changes, record=right))
    return outcomes


def students_by_key(institution: Institution, keys: Collection[str]) -> dict[str, StudentRecord]:
    """The institution's student records with these keys."""
    return {
        record.key: record
        for record in StudentRecord.objects.filter(institution=institution, key__in=keys).order_by()
    }


def new_right(
    facts: StudyRightFacts, student: StudentRecord, institution: Institution, draft: Draft
) -> StudyRight:
    """A right with its timelines, drafted."""
    right = StudyRight(
        student=student,
        institution=institution,
        key=facts.key,
        type=facts.type,
        start=facts.start,
        end=facts.end,
        granted_by=facts.granted_by,
        kept_aside=dict(facts.kept_aside),
    )
    draft.create(right)
    for name, model, _row in _TIMELINES:
        for part in getattr(facts, name):
            draft.create(_part(model, part, right))
    draft.line("study-right.created", right)
    return right


def _part(
    model: type[Any], part: StateFacts | SpellFacts | PrimacyFacts, right: StudyRight
) -> Any:
    match part:
        case StateFacts():
            return model(right=right, start=part.start, end=part.end, code=part.code)
        case PrimacyFacts():
            return model(right=right, start=part.start, end=part.end)
    return model(
        right=right,
        start=part.start,
        end=part.end,
        module=part.module,
        education_code=part.education_code,
        municipality=part.municipality,
        language=part.language,
        funding_source=part.funding_source,
        classifications=list(part.classifications),
        names=dict(part.names),
        qualifications=list(part.qualifications),
    )


# --- Term enrolments ---------------------------------------------------------------------------


def digest_of(document: str) -> str:
    """By which a term enrolment is found again."""
    return hashlib.sha256(document.encode()).hexdigest()


def draft_term_enrolments(
    piece: Sequence[tuple[int, TermEnrolmentFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[tuple[str, str], int],
) -> list[Outcome]:
    """What becomes of each term enrolment.

    One with the same student, right and first day but another document is the same enrolment, changed.
    """
    students = students_by_key(setting.institution, {facts.student_key for _at, facts in piece})
    rights = {
        right.key: right
        for right in StudyRight.objects.filter(
            institution=setting.institution,
            key__in={facts.right_key for _at, facts in piece if facts.right_key},
        ).order_by()
    }
    by_digest: dict[tuple[int, str], TermEnrolment] = {}
    by_day: dict[tuple[int, int | None, Any], list[TermEnrolment]] = {}
    for enrolment in TermEnrolment.objects.filter(
        student__in=[student.pk for student in students.values()]
    ).order_by("pk"):
        by_digest[enrolment.student_id, enrolment.digest] = enrolment
        by_day.setdefault(
            (enrolment.student_id, enrolment.right_id, enrolment.start), []
        ).append(enrolment)
    brought = {digest_of(facts.document) for _at, facts in piece}
    outcomes: list[Outcome] = []
    for at, facts in piece:
        student = students.get(facts.student_key)
        right = rights.get(facts.right_key)
        digest = digest_of(facts.document)
        key = f"{facts.student_key} {facts.start}"
        wrong = _LENGTHS.wrong(facts) if len(facts.document) < 10_000 else []
        wrong += wrong_code("state", facts.state, TERM_ENROLMENT_STATE)
        wrong += wrong_days(facts.start, facts.end)
        if student is None:
            wrong.append(unknown_key("student_key", facts.student_key))
        elif setting.reach is not None and student.unit_id not in setting.reach:
            wrong.append(not_in_reach("student_key", facts.student_key))
        if wrong or student is None:
            outcomes.append(refused(at, key, wrong))
            continue
        if (facts.student_key, digest) in seen or (student.pk, digest) in by_digest:
            seen.setdefault((facts.student_key, digest), at)
            outcomes.append(
                Outcome(at, key, Verdict.UNCHANGED, record=by_digest.get((student.pk, digest)))
            )
            continue
        seen[facts.student_key, digest] = at
        before = next(
            (
                enrolment
                for enrolment in by_day.get((student.pk, right.pk if right else None, facts.start), ())
                if enrolment.digest not in brought
            ),
            None,
        )
        if before is None:
            outcome = Outcome(at, key, Verdict.CREATED)
            if draft is not None:
                outcome.record = TermEnrolment(
                    student=student,
                    right=right,
                    start=facts.start,
                    end=facts.end,
                    state=facts.state,
                    document=facts.document,
                    digest=digest,
                )
                draft.create(outcome.record)
                draft.line("term-enrolment.created", outcome.record)
            outcomes.append(outcome)
            continue
        changes = differences(facts, before, (("end", "end"), ("state", "state")))
        changes["document"] = [before.digest[:12], digest[:12]]
        if draft is not None:
            draft.change(
                before, end=facts.end, state=facts.state, document=facts.document, digest=digest
            )
            draft.line("term-enrolment.changed", before, changes)
        brought.add(before.digest)
        outcomes.append(Outcome(at, key, Verdict.CHANGED, changes, record=before))
    return outcomes


# --- Employments -------------------------------------------------------------------------------

_EMPLOYMENT_FIELDS = (
    ("group", "group"),
    ("title", "title"),
    ("start", "start"),
    ("end", "end"),
)


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
    fields = setting.spoken(_EMPLOYMENT_FIELDS)
    outcomes: list[Outcome] = []
    for at, facts in piece:
        employment = stored.get(facts.key)
        naming_hash = naming(facts.identity_code)
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
            code_hash=naming_hash,
            known=employment.person if employment else None,
        )
        if conflict is not None:
            wrong.append(conflict)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        outcome = Outcome(at, facts.key, Verdict.CREATED, record=employment)
        outcomes.append(outcome)
        of_person: dict[str, list[Any]] = {}
        if person is None:
            person = new_person(facts)
            if draft is not None:
                draft.create(person)
                draft.line("person.created", person)
        else:
            of_person, person_values = person_changes(facts, person, setting)
            if draft is not None and person_values:
                draft.change(person, **person_values)
                draft.line("person.changed", person, of_person)
        people.know(person, number=facts.learner_number, code_hash=naming_hash)
        if employment is None:
            outcome.changes = of_person
            if draft is not None:
                outcome.record = employment = Employment(
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
            continue
        changes = differences(facts, employment, fields)
        values = {name: getattr(facts, name) for name in changes}
        if setting.says("unit") and setting.units.get(facts.unit) != employment.unit_id:
            changes["unit"] = [_code_of(setting, employment.unit_id), facts.unit]
            values["unit_id"] = setting.units.get(facts.unit)
        if draft is not None and values:
            draft.change(employment, **values)
            draft.line("employment.changed", employment, changes)
        outcome.changes = of_person | changes
        outcome.verdict = Verdict.CHANGED if outcome.changes else Verdict.UNCHANGED
    return outcomes

"""Who a fact is about: the person that identifiers name, and what would change of that person."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vaihto.codes import GENDER
from vaihto.institutions.models import Institution
from vaihto.journal.bringing import HIDDEN, Draft, Lengths, differences, missing, shown
from vaihto.people.bringing.setting import Setting, wrong_code
from vaihto.people.facts import EmploymentFacts, StudentFacts
from vaihto.people.models import Employment, Person, StudentRecord
from vaihto.people.secrecy import search_hash, search_hashes
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

_LENGTHS = Lengths(Person, StudentRecord, Employment, unit=60)
# Form of the national identity code; without its tail it is a birth date and names nobody.
_IDENTITY_CODE = re.compile(r"\d{6}[-+A-FU-Y](\d{3}[0-9A-Y])?", re.ASCII)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PERSON_FIELDS = ("family_name", "given_names", "gender", "birth_date", "email", "learner_number")


def identifies(identity_code: str) -> bool:
    """Is this a whole identity code? A birth date with its separator names many people."""
    return len(identity_code.strip()) > 7


def naming(identity_code: str) -> str:
    """The search hash of a code that names one person, else nothing."""
    return search_hash(identity_code) if identifies(identity_code) else ""


_Facts = StudentFacts | EmploymentFacts
_Holder = StudentRecord | Employment


@dataclass
class People:
    """Persons known by an identifier, stored or about to be."""

    by_number: dict[str, Person | _Facts] = field(default_factory=dict)
    by_hash: dict[str, Person | _Facts] = field(default_factory=dict)
    # What this batch has said of a person so far, by the identity of the object.
    _told: dict[int, _Facts] = field(default_factory=dict)

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

    def named(self, number: str, code_hash: str) -> tuple[Person | None, Person | None]:
        """Who has this learner number, and who has this identity code."""
        return (
            self._person(self.by_number, number) if number else None,
            self._person(self.by_hash, code_hash) if code_hash else None,
        )

    def _person(self, index: dict[str, Person | _Facts], key: str) -> Person | None:
        found = index.get(key)
        if found is None or isinstance(found, Person):
            return found
        # Told of earlier in the same plan: becomes somebody only when somebody asks.
        person = new_person(found)
        self._told[id(person)] = found
        for each in (self.by_number, self.by_hash):
            for name in (found.learner_number, naming(found.identity_code)):
                if each.get(name) is found:
                    each[name] = person
        return person

    def know(self, person: Person | None, facts: _Facts, *, code_hash: str) -> None:
        """What this batch says of a person, to be found by what comes after; a plan has no new persons."""
        if person is not None:
            self._told.setdefault(id(person), facts)
        if facts.learner_number:
            self.by_number.setdefault(facts.learner_number, person or facts)
        if code_hash:
            self.by_hash.setdefault(code_hash, person or facts)

    def contradictions(self, person: Person | None, facts: _Facts) -> list[Refusal]:
        """Where another line has said something else of the same person: both cannot stand."""
        earlier = self._told.get(id(person)) if person is not None else None
        if earlier is None:
            return []
        found: list[Refusal] = []
        for name in (*PERSON_FIELDS, "citizenships", "identity_code"):
            said, before = getattr(facts, name, None), getattr(earlier, name, None)
            if not said or not before or said == before:
                continue
            is_secret = name == "identity_code"
            if is_secret and (said.startswith(before) or before.startswith(said)):
                continue
            found.append(
                Invalid(
                    "person.told-differently",
                    sentence=_(
                        "Another line (key “%(other)s”) says “%(before)s” of the same person."
                    ),
                    remedy=_("Both lines are about one person: write the same in both."),
                    field=name,
                    value="" if is_secret else shown(said),
                    before="" if is_secret else shown(before),
                    other=earlier.key,
                )
            )
        return found


def _belongs_to_another(field_name: str, *, number: str) -> Invalid:
    return Invalid(
        "person.identifiers-conflict",
        sentence=_(
            "This identifier is recorded here for another person than the rest of the line says."
        ),
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
    by_number, by_hash = people.named(number, code_hash)
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
    stored_code = person.identity_code.strip().upper()
    # A birth date in place of a code says nothing new where the whole code is known.
    if code and setting.says("identity_code") and not stored_code.startswith(code):
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


def draft_person(
    facts: _Facts,
    person: Person | None,
    setting: Setting,
    draft: Draft | None,
) -> tuple[Person | None, dict[str, list[Any]]]:
    """The person of a fact, new or with what changes; None for a new one that is only planned."""
    if person is None:
        if draft is None:
            return None, {}
        person = new_person(facts)
        draft.create(person)
        draft.line("person.created", person)
        return person, {}
    changes, values = person_changes(facts, person, setting)
    if draft is not None and values:
        draft.change(person, **values)
        draft.line("person.changed", person, changes)
    return person, changes

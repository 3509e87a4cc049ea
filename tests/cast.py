"""The people who exist in every test that needs people.

*Aino* studies at the sending university, *Bruno* is registrar there, *Chiara* registrar at the
receiving one, *Dara* reads at a third member and must be kept out; the *secretariat* serves the
alliance of all three. Builders write models directly, so that a test of one room needs no other room's
actions. All names are invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Max

from vaihto.institutions.models import Alliance, Institution, Membership, Unit
from vaihto.journal.actors import Actor
from vaihto.mobilities.models import Direction, Kind, Mobility, Segment, Side
from vaihto.people.access import actor_of
from vaihto.people.models import (
    Account,
    Employment,
    Person,
    Primacy,
    Role,
    StudentRecord,
    StudyRight,
    StudyRightSpell,
    StudyRightState,
)
from vaihto.transcripts.models import Attainment

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PASSWORD = "nine lives of a quiet registrar"


def institution(hei_id: str, **facts: Any) -> Institution:
    """A hosted university in Finland unless said otherwise."""
    facts = {"name": hei_id, "country": "246", "city": "Lahti", "hosted": True, **facts}
    return Institution.objects.create(hei_id=hei_id, **facts)


def account(username: str, *, name: str = "", **facts: Any) -> Account:
    """A local account whose password is `PASSWORD`."""
    return Account.objects.create_user(
        username, PASSWORD, name=name or username.title(), email=f"{username}@example.org", **facts
    )


def role(holder: Account, name: Role.Name, place: Institution | Alliance, **facts: Any) -> Role:
    """A role at an institution, or in the secretariat of an alliance."""
    where = {"alliance": place} if isinstance(place, Alliance) else {"institution": place}
    return Role.objects.create(account=holder, name=name, **where, **facts)


def _next(model: Any) -> int:
    return (model.objects.aggregate(last=Max("pk"))["last"] or 0) + 1


def student(place: Institution, *, key: str = "", **facts: Any) -> StudentRecord:
    """A person with a student record at `place`."""
    number = _next(Person)
    person = Person.objects.create(
        **{
            "family_name": "Testinen",
            "given_names": f"Tuuli {number}",
            "birth_date": date(2002, 5, 1),
            "learner_number": f"1.2.246.562.24.{number:011d}",
            **facts,
        }
    )
    return StudentRecord.objects.create(
        person=person, institution=place, key=key or f"S{number}", first_enrolled=date(2022, 8, 1)
    )


def study_right(owner: StudentRecord, *, key: str = "", **facts: Any) -> StudyRight:
    """An active, primary right to a lower university degree, without end unless said otherwise."""
    facts = {"type": "2", "start": date(2022, 8, 1), "end": None, **facts}
    right = StudyRight.objects.create(
        student=owner,
        institution=owner.institution,
        key=key or f"R{_next(StudyRight)}",
        **facts,
    )
    days = {"right": right, "start": right.start, "end": right.end}
    StudyRightState.objects.create(code="1", **days)
    StudyRightSpell.objects.create(
        education_code="623101", municipality="398", language="fi", funding_source="1", **days
    )
    Primacy.objects.create(**days)
    return right


def mobility(
    *,
    person: Person,
    sending: Institution | None,
    receiving: Institution | None,
    start: date = date(2026, 1, 10),
    end: date = date(2026, 5, 31),
    **facts: Any,
) -> Mobility:
    """One physical stay of a student at `receiving`; sides are added with `side`."""
    facts = {
        "kind": Kind.STUDENT,
        "purpose": "study",
        "programme": "erasmus",
        "state": "done",
        **facts,
    }
    made = Mobility.objects.create(
        person=person,
        sending_institution=sending,
        receiving_institution=receiving,
        sending_country=sending.country if sending else "",
        receiving_country=receiving.country if receiving else "",
        start=start,
        end=end,
        **facts,
    )
    Segment.objects.create(
        mobility=made,
        mode="physical",
        place="host",
        country=made.receiving_country,
        start=start,
        end=end,
    )
    return made


def side(
    of: Mobility, place: Institution, direction: Direction, *, key: str = "", **facts: Any
) -> Side:
    """The mobility as `place` sees it."""
    record, right = facts.pop("student", None), facts.pop("right", None)
    return Side.objects.create(
        mobility=of,
        institution=place,
        direction=direction,
        key=key or f"M{_next(Side)}",
        student=record,
        right=right,
        student_key=record.key if record else "",
        right_key=right.key if right else "",
        **facts,
    )


@dataclass(frozen=True)
class Cast:
    """The people, their institutions, and one mobility of Aino's that two of the three know."""

    alliance: Alliance
    sending: Institution
    receiving: Institution
    third: Institution
    unit: Unit
    aino: Account
    bruno: Account
    chiara: Account
    dara: Account
    secretary: Account
    operator: Account
    student: StudentRecord
    right: StudyRight
    mobility: Mobility
    outgoing: Side
    incoming: Side
    attainment: Attainment
    employment: Employment

    def actor(self, holder: Account, *, today: date = TODAY) -> Actor:
        """What the account may see and do on a day."""
        return actor_of(holder, today=today)


def build_cast() -> Cast:
    """Everybody, with records that could leak to Dara if a door were open."""
    sending = institution(
        "aalto-north.example", name="University of Northlake", national_code="01903"
    )
    receiving = institution(
        "porto-vale.example", name="University of Vale", country="620", city="Vale"
    )
    third = institution(
        "third.example", name="University of Thirdtown", national_code="01904", city="Oulu"
    )
    alliance = Alliance.objects.create(code="test-alliance", name="Alliance of Tests")
    for member in (sending, receiving, third):
        Membership.objects.create(
            alliance=alliance, institution=member, kind="member", since=date(2020, 1, 1)
        )
    unit = Unit.objects.create(institution=sending, code="ENG", name="School of Engineering")

    record = student(
        sending,
        key="AINO-1",
        family_name="Virtanen-Leakable",
        given_names="Aino",
        email="aino.leakable@example.org",
        learner_number="1.2.246.562.24.10000000001",
        identity_code="010502A901K",
        esis=["urn:schac:personalUniqueCode:int:esi:aalto-north.example:AINO-1"],
    )
    right = study_right(record, key="AINO-R1")
    hosted_record = StudentRecord.objects.create(
        person=record.person, institution=receiving, key="AINO-AT-VALE"
    )
    stay = mobility(person=record.person, sending=sending, receiving=receiving)
    outgoing = side(stay, sending, Direction.OUTGOING, key="M-AINO", student=record, right=right)
    incoming = side(stay, receiving, Direction.INCOMING, key="M-VALE", student=hosted_record)
    attainment = Attainment.objects.create(
        institution=sending,
        student=record,
        right=right,
        mobility=stay,
        key="ATT-1",
        kind="2",
        names={"en": "Leakable course"},
        credits=5,
        completed_on=date(2026, 5, 30),
    )
    teacher = Person.objects.create(family_name="Opettaja-Leakable", given_names="Olli")
    employment = Employment.objects.create(
        person=teacher,
        institution=sending,
        key="E-1",
        group=Employment.Group.TEACHING,
        start=date(2019, 1, 1),
    )

    aino = account("aino", name="Aino Virtanen-Leakable", person=record.person)
    bruno, chiara, dara = account("bruno"), account("chiara"), account("dara")
    secretary = account("secretary")
    operator = account("operator", is_operator=True)
    role(bruno, Role.Name.REGISTRAR, sending)
    role(bruno, Role.Name.COORDINATOR, sending)
    role(chiara, Role.Name.REGISTRAR, receiving)
    role(chiara, Role.Name.COORDINATOR, receiving)
    role(dara, Role.Name.READER, third)
    role(secretary, Role.Name.SECRETARIAT, alliance)
    return Cast(
        alliance=alliance,
        sending=sending,
        receiving=receiving,
        third=third,
        unit=unit,
        aino=aino,
        bruno=bruno,
        chiara=chiara,
        dara=dara,
        secretary=secretary,
        operator=operator,
        student=record,
        right=right,
        mobility=stay,
        outgoing=outgoing,
        incoming=incoming,
        attainment=attainment,
        employment=employment,
    )

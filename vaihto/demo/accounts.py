"""Who can sign in to the demo: one account per role, all with the same well-known password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.contrib.auth.hashers import make_password

from vaihto.demo.alliance import ALLIANCE
from vaihto.demo.stories import HOPEARANTA, STORIES, TUULISALMI
from vaihto.institutions.models import Alliance, Institution, Unit
from vaihto.journal.actors import Actor
from vaihto.people.appointments import appoint, open_account
from vaihto.people.models import Account, Role, StudentRecord
from vaihto.refusals import Refusal
from vaihto.wording import mark as _

PASSWORD = "vaihto-demo"  # noqa: S105 - said aloud on the sign-in page of every demo


class NotADemo(Refusal):
    """Accounts with a password that everybody knows belong to a demo only."""

    sentence = _("This installation is not a demo, so no demo accounts are opened.")
    remedy = _("Set VAIHTO_DEMO=yes, and never where real people's data is kept.")


@dataclass(frozen=True, kw_only=True)
class Guest:
    """An account of the demo: how to sign in, and what one is there (docs/demo.md says what for)."""

    username: str
    name: str
    role: str = ""
    institution: str = ""
    unit: str = ""
    alliance: str = ""
    is_operator: bool = False
    story: str = ""  # the told person whose own account this is


GUESTS: tuple[Guest, ...] = (
    Guest(
        username="demo-registrar",
        name="Rauni Rekola",
        role=Role.Name.REGISTRAR,
        institution=TUULISALMI,
    ),
    Guest(
        username="demo-coordinator",
        name="Kaisa Koskela",
        role=Role.Name.COORDINATOR,
        institution=TUULISALMI,
        unit="TEC",
    ),
    Guest(
        username="demo-entry",
        name="Erkki Ek",
        role=Role.Name.ENTRY,
        institution=TUULISALMI,
    ),
    Guest(
        username="demo-reader",
        name="Riku Rantala",
        role=Role.Name.READER,
        institution=TUULISALMI,
    ),
    Guest(
        username="demo-agreements",
        name="Agneta Alm",
        role=Role.Name.AGREEMENT_MANAGER,
        institution=TUULISALMI,
    ),
    Guest(
        username="demo-signatory",
        name="Signe Salo",
        role=Role.Name.SIGNATORY,
        institution=TUULISALMI,
    ),
    Guest(
        username="demo-admin",
        name="Aleksi Aarnio",
        role=Role.Name.ADMINISTRATOR,
        institution=TUULISALMI,
    ),
    Guest(
        username="demo-other-registrar",
        name="Outi Oksanen",
        role=Role.Name.REGISTRAR,
        institution=HOPEARANTA,
    ),
    Guest(
        username="demo-secretariat",
        name="Saskia Sommer",
        role=Role.Name.SECRETARIAT,
        alliance=ALLIANCE,
    ),
    Guest(
        username="demo-student",
        name="Aino Virtanen",
        story="Aino Virtanen",
    ),
    Guest(
        username="demo-operator",
        name="Olli Operator",
        is_operator=True,
    ),
)

# Every hosted institution has somebody who keeps its agreements and has the mandate to approve them, so that one can be
# both sides of a conversation, on one installation or on two nodes of a network.
OFFICES: tuple[Guest, ...] = tuple(
    Guest(
        username=f"demo-{hei_id.partition('.')[0]}",
        name=name,
        role=Role.Name.AGREEMENT_MANAGER,
        institution=hei_id,
    )
    for hei_id, name in (
        (TUULISALMI, "Taru Tuisku"),
        (HOPEARANTA, "Heli Hopeavuo"),
        ("klarsund.example", "Karin Klarvik"),
        ("costaclara.example", "Carmen Costales"),
        ("javorec.example", "Jana Javorská"),
        ("rivalta-nuova.example", "Rita Rivaldi"),
        ("lindenwerder.example", "Lina Lindner"),
        ("montalvor.example", "Marta Montalvão"),
        ("zlatnaluka.example", "Zora Zlatić"),
    )
)


def open_demo_accounts(*, actor: Actor, now: datetime, hosts: Sequence[str] = ()) -> None:
    """Opens every account with its role. Refuses with `NotADemo` outside a demo.

    Where `hosts` are named, those whose institution is not among them work at the first instead, and every host has
    its office.
    """
    if not settings.DEMO:
        raise NotADemo("demo.not-a-demo")
    # One slow hash for all of them: the password is no secret.
    hashed = make_password(PASSWORD)
    guests = (*GUESTS, *(office for office in OFFICES if office.institution in hosts))
    for guest in guests:
        account = open_account(
            actor=actor,
            username=guest.username,
            name=guest.name,
            email=f"{guest.username}@demo.example",
            is_operator=guest.is_operator,
            now=now,
        )
        if guest.role:
            away = guest.institution and hosts and guest.institution not in hosts
            place = hosts[0] if away else guest.institution
            house = Institution.objects.filter(hei_id=place).first()
            approves = (Role.Name.SIGNATORY,) if guest in OFFICES else ()
            for role in (Role.Name(guest.role), *approves):
                appoint(
                    actor=actor,
                    account=account,
                    role=role,
                    institution=house,
                    unit=_unit(house, guest.unit) if guest.unit else None,
                    alliance=Alliance.objects.filter(code=guest.alliance).first(),
                    since=date(2024, 1, 1),
                    now=now,
                )
    Account.objects.filter(username__in=[guest.username for guest in guests]).update(
        password=hashed
    )


def _unit(house: Institution | None, code: str) -> Unit | None:
    """The unit of that code; where the house has none, its first."""
    units = Unit.objects.filter(institution=house).order_by("code")
    return units.filter(code=code).first() or units.first()


def link_demo_accounts() -> None:
    """Links the accounts of told persons to the persons, where these have been brought."""
    for guest in GUESTS:
        if not guest.story:
            continue
        story = next(one for one in STORIES if one.person == guest.story)
        record = StudentRecord.objects.filter(
            institution__hei_id=story.institution, key=story.key
        ).first()
        if record is not None:
            Account.objects.filter(username=guest.username).update(person=record.person_id)

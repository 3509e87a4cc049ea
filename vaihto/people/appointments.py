"""Accounts and the roles on them: opening, appointing, ending an appointment."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction

from vaihto.institutions.models import Alliance, Institution, Unit
from vaihto.journal import actions as journal
from vaihto.journal.actors import Actor, May
from vaihto.people.models import Account, Role
from vaihto.refusals import Invalid, NotAllowed, Refusal
from vaihto.wording import mark as _


def _require_operator(actor: Actor) -> None:
    if not (actor.is_operator or actor.sees_everything):
        raise NotAllowed("account.operators-only")


@transaction.atomic
def open_account(
    *,
    actor: Actor,
    username: str,
    name: str,
    email: str = "",
    password: str | None = None,
    is_operator: bool = False,
    now: datetime,
) -> Account:
    """A new account without roles; without a password nobody can sign in to it locally.

    Only operators open accounts. Refuses a username that is taken.
    """
    _require_operator(actor)
    if Account.objects.filter(username=username).exists():
        raise Invalid(
            "account.taken",
            sentence=_("There is already an account called %(username)s."),
            remedy=_("Choose another name, or give that account the role."),
            username=username,
        )
    account = Account.objects.create_user(
        username, password, name=name, email=email, is_operator=is_operator
    )
    changes = {"is_operator": [False, True]} if is_operator else {}
    journal.record(actor, "account.opened", account, at=now, changes=changes)
    return account


@transaction.atomic
def set_password(*, actor: Actor, account: Account, password: str, now: datetime) -> None:
    """An operator gives an account a new password. The journal says that it changed, never what it was."""
    _require_operator(actor)
    account.set_password(password)
    account.save(update_fields=["password"])
    journal.record(actor, "account.password", account, at=now, changes={"password": []})


@transaction.atomic
def appoint(
    *,
    actor: Actor,
    account: Account,
    role: Role.Name,
    institution: Institution | None = None,
    unit: Unit | None = None,
    alliance: Alliance | None = None,
    since: date,
    until: date | None = None,
    stand_in_for: Account | None = None,
    now: datetime,
) -> Role:
    """Gives an account a role at an institution (and unit), or in the secretariat of an alliance.

    Both days included. Operators appoint anywhere, administrators at their institution. The same
    appointment a second time returns the first.
    """
    _require_manager(actor, institution)
    if (role == Role.Name.SECRETARIAT) != (alliance is not None and institution is None):
        raise Invalid(
            "role.wrong-place",
            sentence=_(
                "The secretariat serves an alliance; every other role is held at an institution."
            ),
        )
    if unit is not None and (institution is None or unit.institution_id != institution.pk):
        raise Invalid("role.foreign-unit", sentence=_("This unit belongs to another institution."))
    if until is not None and until < since:
        raise Invalid(
            "role.dates-reversed", sentence=_("A role ends on or after the day it begins.")
        )
    held, is_new = Role.objects.get_or_create(
        account=account,
        name=role,
        institution=institution,
        unit=unit,
        alliance=alliance,
        since=since,
        until=until,
        stand_in_for=stand_in_for,
    )
    if is_new:
        journal.record(
            actor,
            "role.given",
            account,
            at=now,
            institution_id=institution.pk if institution else None,
            changes={"role": ["", str(role)]},
        )
    return held


@transaction.atomic
def end_appointment(*, actor: Actor, role: Role, last_day: date, now: datetime) -> None:
    """The role holds until `last_day`, that day included. A role that never began to hold is removed."""
    _require_manager(actor, role.institution)
    if role.until is not None and role.until <= last_day:
        return
    if actor.account_id == role.account_id and role.name == Role.Name.ADMINISTRATOR:
        raise Refusal(
            "role.own-administration",
            sentence=_("Nobody ends their own administration."),
            remedy=_("Ask another administrator or an operator."),
        )
    before = role.until
    if last_day < role.since:
        role.delete()
    else:
        role.until = last_day
        role.save(update_fields=["until"])
    journal.record(
        actor,
        "role.ended",
        role.account,
        at=now,
        institution_id=role.institution_id,
        changes={
            "role": [role.name, ""],
            "until": [before.isoformat() if before else "", last_day.isoformat()],
        },
    )


def _require_manager(actor: Actor, institution: Institution | None) -> None:
    if actor.is_operator or actor.sees_everything:
        return
    if institution is None:
        raise NotAllowed("role.operators-only")
    actor.require(May.ROLES_MANAGE, institution.pk)


def yesterday(today: date) -> date:
    """The last day of a role that is to hold no longer."""
    return today - timedelta(days=1)

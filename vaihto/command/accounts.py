"""`vaihto accounts add|password`: local accounts by an operator at the machine."""

from __future__ import annotations

import getpass
import sys
from datetime import date

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from vaihto.command import DONE, REFUSED
from vaihto.command.arguments import parser_of, print_json, with_json
from vaihto.institutions.models import Alliance, Institution
from vaihto.journal.actors import Actor
from vaihto.people import appointments
from vaihto.people.models import Account, Role


class _NoPassword(Exception):
    """The password is missing, differs the second time, or is too weak; the text says which."""


def _password(account: Account) -> str:
    """Asks twice at a terminal; takes one line from a pipe."""
    if sys.stdin.isatty():
        given = getpass.getpass("Password: ")
        if given != getpass.getpass("Again: "):
            raise _NoPassword("The two differ.")
    else:
        given = sys.stdin.readline().rstrip("\n")
    try:
        validate_password(given, account)
    except ValidationError as error:
        raise _NoPassword(" ".join(error.messages)) from error
    return given


def add(arguments: list[str]) -> int:
    """Adds an account, and a role where one is named. Adding a role to an account that is there is fine."""
    parser = with_json(parser_of("accounts add"))
    parser.add_argument("username")
    parser.add_argument("--name", default="", help="the name shown beside what the account does")
    parser.add_argument("--email", default="")
    parser.add_argument(
        "--operator", action="store_true", help="may see the journal and failed work"
    )
    parser.add_argument("--role", choices=[name.value for name in Role.Name])
    parser.add_argument("--at", default="", metavar="HEI_ID", help="institution of the role")
    parser.add_argument(
        "--alliance", default="", metavar="CODE", help="alliance of the secretariat"
    )
    parser.add_argument("--since", type=date.fromisoformat, help="first day of the role (today)")
    parser.add_argument("--until", type=date.fromisoformat, help="last day of the role, included")
    parser.add_argument(
        "--no-password", action="store_true", help="the account cannot sign in locally"
    )
    chosen = parser.parse_args(arguments)
    if not chosen.username.strip():
        parser.error("an account needs a name to sign in with")
    if chosen.role and bool(chosen.at) == bool(chosen.alliance):
        parser.error("a role needs either --at HEI_ID or --alliance CODE")
    place = _place(chosen.at, chosen.alliance)
    if chosen.role and place is None:
        return _no(
            f"There is no {'institution' if chosen.at else 'alliance'} with that identifier."
        )
    now, actor = timezone.now(), Actor.system("vaihto accounts")
    account = Account.objects.filter(username=chosen.username).first()
    is_new = account is None
    with transaction.atomic():
        if account is None:
            try:
                password = (
                    None if chosen.no_password else _password(Account(username=chosen.username))
                )
            except _NoPassword as error:
                return _no(str(error))
            account = appointments.open_account(
                actor=actor,
                username=chosen.username,
                name=chosen.name or chosen.username,
                email=chosen.email,
                password=password,
                is_operator=chosen.operator,
                now=now,
            )
        elif not chosen.role:
            return _no(f"There is already an account called {chosen.username}.")
        if chosen.role:
            appointments.appoint(
                actor=actor,
                account=account,
                role=Role.Name(chosen.role),
                institution=place if isinstance(place, Institution) else None,
                alliance=place if isinstance(place, Alliance) else None,
                since=chosen.since or timezone.localdate(),
                until=chosen.until,
                now=now,
            )
    if chosen.json:
        print_json({"username": account.username, "added": is_new, "role": chosen.role})
    else:
        role = f", {chosen.role} at {place}" if chosen.role else ""
        print(f"{account.username}{': added' if is_new else ''}{role}")
    return DONE


def _place(hei_id: str, code: str) -> Institution | Alliance | None:
    if hei_id:
        return Institution.objects.filter(hei_id=hei_id).first()
    return Alliance.objects.filter(code=code).first() if code else None


def password(arguments: list[str]) -> int:
    """Sets a new password."""
    parser = parser_of("accounts password")
    parser.add_argument("username")
    chosen = parser.parse_args(arguments)
    account = Account.objects.filter(username=chosen.username).first()
    if account is None:
        return _no(f"There is no account called {chosen.username}.")
    try:
        new = _password(account)
    except _NoPassword as error:
        return _no(str(error))
    appointments.set_password(
        actor=Actor.system("vaihto accounts"), account=account, password=new, now=timezone.now()
    )
    print(f"{account.username}: the password is changed.")
    return DONE


def _no(sentence: str) -> int:
    print(f"vaihto: {sentence}", file=sys.stderr)
    return REFUSED

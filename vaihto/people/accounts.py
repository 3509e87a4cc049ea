"""What people do with their own accounts."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from vaihto.journal import actions as journal
from vaihto.journal.actors import Actor
from vaihto.people.models import Account
from vaihto.refusals import NotAllowed


def _require_own(actor: Actor, account: Account) -> None:
    if actor.account_id != account.pk and not actor.sees_everything:
        raise NotAllowed("account.not-own")


@transaction.atomic
def choose_language(*, actor: Actor, account: Account, language: str, now: datetime) -> None:
    """Keeps the language in which the account is spoken to; choosing the same again does nothing."""
    _require_own(actor, account)
    if account.language == language:
        return
    before, account.language = account.language, language
    account.save(update_fields=["language"])
    journal.record(
        actor, "account.language", account, at=now, changes={"language": [before, language]}
    )


@transaction.atomic
def choose_password(*, actor: Actor, account: Account, password: str, now: datetime) -> None:
    """Sets a new password. The journal says that it changed, never what it was."""
    _require_own(actor, account)
    account.set_password(password)
    account.save(update_fields=["password"])
    journal.record(actor, "account.password", account, at=now, changes={"password": []})

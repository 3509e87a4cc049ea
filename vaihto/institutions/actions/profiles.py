"""What an institution tells its partners about itself; and what the other deeds of this room share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from django.db import models, transaction

from vaihto.codes.erasmus_code import normal_erasmus_code
from vaihto.institutions.actions.institutions import INSTITUTION_CHANGED
from vaihto.institutions.facts import (
    ContactFacts,
    FactsheetFacts,
    ProfileFacts,
    UnitFacts,
    seen,
)
from vaihto.institutions.models import Institution
from vaihto.institutions.queries import profile_of
from vaihto.institutions.shapes import wrong_profile
from vaihto.institutions.values import Value
from vaihto.jobs.announcements import announce
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import HIDDEN, shown
from vaihto.refusals import Refusal, Stale

_Facts = ProfileFacts | UnitFacts | ContactFacts | FactsheetFacts
# Facts about a person are named in the journal, never repeated there.
_PERSONAL = frozenset({"given_names", "family_name", "gender", "phones", "faxes", "emails"})


def locked(actor: Actor, institution: Institution) -> Institution:
    """The institution for changing it. Refuses with `NotAllowed`; must run in a transaction."""
    actor.require(May.INSTITUTIONS_EDIT, institution.pk)
    return Institution.objects.select_for_update().get(pk=institution.pk)


def refuse_first(found: Iterable[Refusal]) -> None:
    """Raises the first refusal, if there is one."""
    for refusal in found:
        raise refusal


def refuse_stale(stored: _Facts, expected: str | None) -> None:
    """Refuses with `Stale` when the stored facts are not those the actor saw; None asks for no check."""
    if expected is not None and seen(stored) != expected:
        raise Stale("institution.stale")


def plain(value: Any) -> Any:
    """A value as the journal keeps it."""
    if isinstance(value, Value):
        return value.stored()
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return shown(value)


def compared(before: _Facts, after: _Facts, *, personal: bool = False) -> dict[str, list[Any]]:
    """Field -> [before, after] for all that differs; facts of a person without values unless asked for."""
    found: dict[str, list[Any]] = {}
    for one in fields(after):
        was, now = getattr(before, one.name), getattr(after, one.name)
        if was != now:
            found[one.name] = (
                list(HIDDEN) if one.name in _PERSONAL and not personal else [plain(was), plain(now)]
            )
    return found


def overwrite(one: models.Model, facts: _Facts, names: Iterable[str]) -> None:
    """Sets the named columns from the facts; tuples of plain texts are stored as lists."""
    for name in names:
        value = getattr(facts, name)
        plain_list = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
        setattr(one, name, list(value) if plain_list and value else value)


def written(
    actor: Actor,
    verb: str,
    subject: models.Model,
    institution: Institution,
    what: str,
    changes: Mapping[str, Any],
    now: datetime,
    reason: str = "",
) -> None:
    """The journal line and the announcement of a change."""
    record(
        actor,
        verb,
        subject,
        at=now,
        institution_id=institution.pk,
        changes=changes,
        reason=reason,
    )
    announce(INSTITUTION_CHANGED, institution_id=institution.pk, what=what)


@transaction.atomic
def edit_profile(
    *,
    actor: Actor,
    institution: Institution,
    facts: ProfileFacts,
    now: datetime,
    expected: str | None = None,
    reason: str = "",
) -> Institution:
    """What the institution tells partners about itself. An equal state writes nothing.

    `expected` is `facts.seen` of what the actor edited. Refuses with `Stale` or the first thing that is wrong.
    """
    institution = locked(actor, institution)
    stored = profile_of(institution)
    refuse_stale(stored, expected)
    facts = replace(facts, erasmus_code=normal_erasmus_code(facts.erasmus_code))
    refuse_first(wrong_profile(facts))
    changes = compared(stored, facts)
    if not changes:
        return institution
    overwrite(institution, facts, changes)
    institution.save(update_fields=list(changes))
    written(actor, "institution.changed", institution, institution, "profile", changes, now, reason)
    return institution

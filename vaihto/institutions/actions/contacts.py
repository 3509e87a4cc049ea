"""Contacts: adding, editing, moving up and down, removing."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from vaihto.institutions.actions.profiles import (
    compared,
    locked,
    overwrite,
    refuse_first,
    refuse_stale,
    written,
)
from vaihto.institutions.facts import ContactFacts
from vaihto.institutions.models import Contact, Institution, Unit
from vaihto.institutions.queries import contact_of
from vaihto.institutions.shapes import wrong_contact
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import unknown_key


def _unit(institution: Institution, ounit_id: str) -> Unit | None:
    if not ounit_id:
        return None
    unit = Unit.objects.filter(institution=institution, ounit_id=ounit_id).first()
    if unit is None:
        raise unknown_key("unit", ounit_id)
    return unit


@transaction.atomic
def add_contact(
    *, actor: Actor, institution: Institution, facts: ContactFacts, now: datetime, reason: str = ""
) -> Contact:
    """A new contact, after those that are there. Refuses with the first thing that is wrong."""
    institution = locked(actor, institution)
    refuse_first(wrong_contact(facts))
    last = Contact.objects.filter(institution=institution).order_by("-place").first()
    contact = Contact(
        institution=institution,
        unit=_unit(institution, facts.unit),
        place=last.place + 1 if last else 1,
    )
    overwrite(contact, facts, [name for name in facts.__dataclass_fields__ if name != "unit"])
    contact.save(force_insert=True)
    written(actor, "contact.created", contact, institution, "contacts", {}, now, reason)
    return contact


@transaction.atomic
def edit_contact(
    *,
    actor: Actor,
    contact: Contact,
    facts: ContactFacts,
    now: datetime,
    expected: str | None = None,
    reason: str = "",
) -> Contact:
    """New facts of a contact. The journal names the changed fields; of a person's data it keeps no values."""
    institution = locked(actor, contact.institution)
    contact = Contact.objects.select_related("unit").get(pk=contact.pk)
    stored = contact_of(contact, unit=contact.unit.ounit_id if contact.unit else "")
    refuse_stale(stored, expected)
    refuse_first(wrong_contact(facts))
    changes = compared(stored, facts)
    if not changes:
        return contact
    contact.unit = _unit(institution, facts.unit)
    names = [name for name in changes if name != "unit"]
    overwrite(contact, facts, names)
    contact.save(update_fields=[*names, "unit"])
    written(actor, "contact.changed", contact, institution, "contacts", changes, now, reason)
    return contact


@transaction.atomic
def move_contact(
    *, actor: Actor, contact: Contact, up: bool, now: datetime, reason: str = ""
) -> None:
    """One place up or down in the order in which partners see the contacts. At the end nothing happens."""
    institution = locked(actor, contact.institution)
    order = list(Contact.objects.filter(institution=institution).order_by("place", "pk"))
    at = next(number for number, one in enumerate(order) if one.pk == contact.pk)
    to = at - 1 if up else at + 1
    if not 0 <= to < len(order):
        return
    order[at], order[to] = order[to], order[at]
    for place, one in enumerate(order, 1):
        if one.place != place:
            one.place = place
            one.save(update_fields=["place"])
    changes = {"place": [at + 1, to + 1]}
    written(actor, "contact.changed", contact, institution, "contacts", changes, now, reason)


@transaction.atomic
def remove_contact(*, actor: Actor, contact: Contact, now: datetime, reason: str = "") -> None:
    """A contact goes; the journal keeps what it was shown as only where it is a role."""
    institution = locked(actor, contact.institution)
    written(actor, "contact.removed", contact, institution, "contacts", {}, now, reason)
    contact.delete()

"""What institutions tell their partners, read in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from vaihto.institutions.facts import (
    ContactFacts,
    FactsheetFacts,
    ProfileFacts,
    Told,
    UnitFacts,
)
from vaihto.institutions.models import Contact, Factsheet, Institution, Unit

_F = TypeVar("_F", ProfileFacts, UnitFacts, ContactFacts, FactsheetFacts)


def _facts(kind: type[_F], record: object, **others: Any) -> _F:
    """Facts from the columns of the same names; lists become tuples."""
    values: dict[str, Any] = dict(others)
    for one in fields(kind):
        if one.name not in values:
            value = getattr(record, one.name)
            values[one.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def profile_of(institution: Institution) -> ProfileFacts:
    """What is stored of the institution itself. No query."""
    return _facts(ProfileFacts, institution)


def unit_of(unit: Unit, *, parent: str = "") -> UnitFacts:
    """What is stored of a unit. No query; `parent` is the ounit_id of the unit above."""
    return _facts(UnitFacts, unit, parent=parent)


def contact_of(contact: Contact, *, unit: str = "") -> ContactFacts:
    """What is stored of a contact. No query; `unit` is the ounit_id of its unit."""
    return _facts(ContactFacts, contact, unit=unit)


def factsheet_of(factsheet: Factsheet) -> FactsheetFacts:
    """What is stored of a factsheet. No query."""
    return _facts(FactsheetFacts, factsheet)


def told(institutions: Iterable[Institution]) -> list[Told]:
    """What each institution has to tell, in the order handed in. Three queries, however many."""
    asked = list(institutions)
    if not asked:
        return []
    keys = [one.pk for one in asked]
    units: dict[int, list[Unit]] = {pk: [] for pk in keys}
    for unit in Unit.objects.filter(institution__in=keys).order_by("code", "pk"):
        units[unit.institution_id].append(unit)
    ids = {unit.pk: unit.ounit_id for group in units.values() for unit in group}
    contacts: dict[int, list[Contact]] = {pk: [] for pk in keys}
    for contact in Contact.objects.filter(institution__in=keys).order_by("place", "pk"):
        contacts[contact.institution_id].append(contact)
    sheets = {
        sheet.institution_id: sheet for sheet in Factsheet.objects.filter(institution__in=keys)
    }
    return [
        Told(
            hei_id=one.hei_id,
            country=one.country,
            hosted=one.hosted,
            profile=profile_of(one),
            other_ids=one.other_ids,
            root=ids.get(one.root_unit_id or 0, ""),
            units=tuple(
                unit_of(unit, parent=ids.get(unit.parent_id or 0, "")) for unit in units[one.pk]
            ),
            contacts=tuple(
                contact_of(contact, unit=ids.get(contact.unit_id or 0, ""))
                for contact in contacts[one.pk]
            ),
            factsheet=factsheet_of(sheets[one.pk]) if one.pk in sheets else None,
        )
        for one in asked
    ]

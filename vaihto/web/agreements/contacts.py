"""Contacts that an agreement may name: those of our offices, those it names already, and those the partner told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from vaihto.agreements.models import Agreement
from vaihto.agreements.terms import Contact, Copy, read_party
from vaihto.institutions.models import Contact as OfficeContact
from vaihto.institutions.models import Institution

# More are not offered: each condition has a box for each of them.
_MOST = 40

Contacts = Mapping[str, Contact]


def contact_of(one: OfficeContact) -> Contact:
    """A contact of the institution as an agreement keeps it, so that it stays as it was told."""
    return Contact(
        names=one.published_names,
        given_names=(("", one.given_names),) if one.given_names else (),
        family_names=(("", one.family_name),) if one.family_name else (),
        gender=one.gender,
        phones=tuple(one.phones),
        faxes=tuple(one.faxes),
        emails=tuple(one.emails),
        street=one.street_address or None,
        mailing=one.mailing_address or None,
        roles=one.published_roles,
    )


def as_stored(contact: Contact) -> dict[str, Any]:
    """A contact as the record of an agreement keeps it."""
    stored: dict[str, Any] = json.loads(json.dumps(asdict(contact)))  # JSON has no tuples
    return stored


def read_contact(stored: Mapping[str, Any]) -> Contact:
    """A contact from what `as_stored` gave."""
    return read_party({"hei_id": "", "contacts": [stored]}).contacts[0]


def key_of(contact: Contact) -> str:
    """What stands for a contact in a form: the same for the same content."""
    text = json.dumps(as_stored(read_contact(as_stored(contact))), sort_keys=True)
    return sha256(text.encode()).hexdigest()[:12]


def in_words(contact: Contact) -> str:
    """A contact on one line."""
    return ", ".join(filter(None, (contact.name, *contact.emails)))


def _keyed(contacts: Iterable[Contact]) -> dict[str, Contact]:
    return {key_of(one): one for one in contacts if one.name}


def office_contacts(institution: Institution, *, most: int = _MOST) -> list[Contact]:
    """The contacts of a hosted institution, in its own order."""
    rows = OfficeContact.objects.filter(institution=institution).select_related("unit")
    return [contact_of(one) for one in rows[:most]]


def named_in(copy: Copy, hei_id: str) -> list[Contact]:
    """Whom a copy names for an institution: as a partner and in its conditions."""
    found = [
        each
        for party in (copy.author, copy.other)
        if party.hei_id == hei_id
        for each in (*([party.signing_contact] if party.signing_contact else []), *party.contacts)
    ]
    for condition in copy.terms.conditions:
        if condition.sending == hei_id:
            found += condition.sending_contacts
        if condition.receiving == hei_id:
            found += condition.receiving_contacts
    return found


def known_contacts(agreement: Agreement) -> tuple[Contacts, Contacts]:
    """Whom a condition may name, ours and the partner's, by the keys of forms."""
    ours = office_contacts(agreement.institution)
    theirs = office_contacts(agreement.partner) if agreement.partner.hosted else []
    received = agreement.received_copy
    copies = [
        one.copy for one in (agreement.current, received.current if received else None) if one
    ]
    for copy in filter(None, copies):
        ours += named_in(copy, agreement.institution.hei_id)
        theirs += named_in(copy, agreement.partner.hei_id)
    return _keyed(ours), _keyed(theirs)

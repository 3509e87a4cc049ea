"""From what an institution has to tell to the messages. No queries: what is told is handed in."""

from __future__ import annotations

from collections.abc import Iterable

from vaihto.codes import COUNTRY
from vaihto.ewp.apis.institutions import messages
from vaihto.ewp.protocol import types
from vaihto.ewp.protocol.types import HTTP, HTTPS, LANGUAGE_TAG, TEXT, Texts
from vaihto.institutions.completeness import exposed_parent, is_tree, of_factsheet
from vaihto.institutions.facts import ContactFacts, Told, UnitFacts
from vaihto.institutions.models import in_order
from vaihto.institutions.values import Address, Information, Link, Phone


def hei(told: Told) -> messages.Hei | None:
    """The institution; of one whose records we do not keep only identifiers and names. None without a name."""
    names = _names(told.profile.names, told.profile.name)
    if not names:
        return None
    other_ids = tuple(
        (kind, value) for kind, value in told.other_ids if TEXT.fits(kind) and TEXT.fits(value)
    )
    if not told.hosted:
        return messages.Hei(told.hei_id, names, other_ids)
    profile = told.profile
    return messages.Hei(
        hei_id=told.hei_id,
        names=names,
        other_ids=other_ids,
        abbreviation=profile.abbreviation.strip(),
        street_address=_address(profile.street_address),
        mailing_address=_address(profile.mailing_address),
        websites=_pages((Link(profile.website), *profile.websites)),
        logo_url=profile.logo_url if HTTPS.fits(profile.logo_url) else "",
        factsheet_urls=_pages(profile.factsheet_urls),
        catalogue_urls=_pages(profile.catalogue_urls),
        contacts=_contacts(told, ""),
        root_ounit_id=told.root if is_tree(told) else "",
        ounit_ids=tuple(unit.ounit_id for unit in told.units if _is_told(unit)),
    )


def ounits(told: Told) -> tuple[messages.Ounit, ...]:
    """The units that partners see: one tree under the root, or a flat list where they form none.

    Above a unit stands the nearest one that is told; those between are passed over.
    """
    known = {unit.ounit_id: unit for unit in told.units}
    tree = is_tree(told)
    return tuple(
        messages.Ounit(
            ounit_id=unit.ounit_id,
            code=unit.code,
            names=_names(unit.names, unit.name),
            abbreviation=unit.abbreviation.strip(),
            parent_ounit_id=exposed_parent(unit, known) if tree else "",
            street_address=_address(unit.street_address),
            mailing_address=_address(unit.mailing_address),
            websites=_pages(unit.websites),
            logo_url=unit.logo_url if HTTPS.fits(unit.logo_url) else "",
            factsheet_urls=_pages(unit.factsheet_urls),
            contacts=_contacts(told, unit.ounit_id),
        )
        for unit in told.units
        if _is_told(unit)
    )


def factsheet(told: Told) -> messages.Factsheet | None:
    """The factsheet, where there is a complete one."""
    sheet = told.factsheet
    if sheet is None or not of_factsheet(sheet).can_be_published:
        return None
    return messages.Factsheet(
        hei_id=told.hei_id,
        nominations_autumn=sheet.nominations_autumn,
        nominations_spring=sheet.nominations_spring,
        applications_autumn=sheet.applications_autumn,
        applications_spring=sheet.applications_spring,
        application=_information(sheet.application),
        housing=_information(sheet.housing),
        visa=_information(sheet.visa),
        insurance=_information(sheet.insurance),
        decision_weeks=sheet.decision_weeks,
        transcript_weeks=sheet.transcript_weeks,
        requirements=tuple(
            messages.Requirement(one.name, one.details, _pages(one.websites))
            for one in sheet.requirements
        ),
        accessibility=tuple(
            messages.Accessibility(
                one.type, one.name, _information(one.information), one.description
            )
            for one in sheet.accessibility
        ),
        more=tuple(
            messages.MoreInformation(one.type, _information(one.information)) for one in sheet.more
        ),
    )


def _is_told(unit: UnitFacts) -> bool:
    """Exposed, and with what the schema requires."""
    return unit.exposed and bool(unit.code.strip() and _names(unit.names, unit.name))


def _names(names: dict[str, str], name: str = "") -> Texts:
    return tuple(
        (language if LANGUAGE_TAG.fits(language) else "", text)
        for language, text in in_order(names, name)
        if TEXT.fits(text)
    )


def _pages(links: Iterable[Link]) -> Texts:
    """Each page once; what files brought and is no web address is left out."""
    found = ((link.language, link.url) for link in links if HTTP.fits(link.url))
    return tuple(dict.fromkeys(found))


def _address(address: Address) -> types.Address | None:
    if not address:
        return None
    country = COUNTRY.get(address.country)
    return types.Address(
        recipients=address.recipients,
        lines=address.lines,
        building_number=address.building_number,
        building_name=address.building_name,
        street=address.street,
        unit=address.unit,
        floor=address.floor,
        post_office_box=address.post_office_box,
        delivery_points=address.delivery_points,
        postal_code=address.postal_code,
        locality=address.locality,
        region=address.region,
        country=country.facts["alpha2"] if country is not None else "",
    )


def _phone(phone: Phone) -> types.Phone:
    return types.Phone(phone.e164, phone.ext, phone.other)


def _information(entry: Information) -> messages.Information:
    return messages.Information(entry.email, _phone(entry.phone), _pages(entry.websites))


def _contacts(told: Told, ounit_id: str) -> tuple[types.Contact, ...]:
    return tuple(_contact(one) for one in told.contacts_of(ounit_id) if _names(one.names))


def _contact(contact: ContactFacts) -> types.Contact:
    return types.Contact(
        names=_names(contact.names),
        given_names=(("", contact.given_names),) if contact.given_names.strip() else (),
        family_names=(("", contact.family_name),) if contact.family_name.strip() else (),
        gender=contact.gender,
        phones=tuple(_phone(one) for one in contact.phones),
        faxes=tuple(_phone(one) for one in contact.faxes),
        emails=contact.emails,
        street_address=_address(contact.street_address),
        mailing_address=_address(contact.mailing_address),
        roles=_names(contact.roles),
    )

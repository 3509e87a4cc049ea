"""Where the work on an institution's data starts: how complete each part is, and what partners see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from lxml import etree

from vaihto.codes import country_name
from vaihto.ewp.apis.institutions import mapping
from vaihto.ewp.apis.institutions.messages import (
    FactsheetResponse,
    InstitutionsResponse,
    OunitsResponse,
)
from vaihto.ewp.protocol import xml
from vaihto.institutions.completeness import (
    completeness,
    exposed_parent,
    is_tree,
    of_factsheet,
)
from vaihto.institutions.facts import ContactFacts, FactsheetFacts, Told
from vaihto.institutions.models import Contact, Institution, Unit, in_order
from vaihto.institutions.queries import told
from vaihto.institutions.values import Address, Information, Link
from vaihto.journal.actors import May
from vaihto.refusals import NotAllowed
from vaihto.web import components
from vaihto.web.components import Cell, Column, Fact, Row
from vaihto.web.frame import Request, page
from vaihto.web.institution.completing import own, panel
from vaihto.web.institution.pages import name_of, tabs, trail

MOST_LISTED = 200


def start(request: Request) -> HttpResponse:
    """The institutions one writes about; straight to the only one."""
    places = request.actor.institutions(May.INSTITUTIONS_EDIT)
    if places is not None and not places:
        raise NotAllowed("not-allowed", may=str(May.INSTITUTIONS_EDIT))
    found = (
        Institution.objects.hosted()
        if places is None
        else Institution.objects.filter(pk__in=places)
    )
    listed = list(found.order_by("name")[:MOST_LISTED])
    if len(listed) == 1:
        return HttpResponseRedirect(reverse("institution:overview", args=[listed[0].pk]))
    return page(
        request,
        "institution/start.html",
        heading=_("What partners see"),
        table=components.table(
            _("Institutions"),
            [
                Column(label=_("Institution")),
                Column(label=_("Institution data"), numeric=True),
                Column(label=_("Units"), numeric=True),
                Column(label=_("Factsheet"), numeric=True),
            ],
            [
                Row(
                    [
                        Cell(name_of(one), href=reverse("institution:overview", args=[one.pk])),
                        *(f"{part.percent} %" for part in completeness(all_told)),
                    ]
                )
                for one, all_told in zip(listed, told(listed), strict=True)
            ],
            hide_caption=True,
        ),
    )


def overview(request: Request, pk: int) -> HttpResponse:
    """How complete everything is, with links to what is missing."""
    one = own(request, pk)
    (all_told,) = told([one])
    units = list(Unit.objects.filter(institution=one).order_by("code"))
    contacts = list(Contact.objects.filter(institution=one).order_by("place", "pk"))
    return page(
        request,
        "institution/overview.html",
        heading=name_of(one),
        lead=one.hei_id,
        trail=trail(one)[:1],
        tabs=tabs(one, "overview"),
        one=one,
        panels=[
            panel(found, one, units=units, contacts=contacts) for found in completeness(all_told)
        ],
    )


# What partners see -----------------------------------------------------------------------------


def preview(request: Request, pk: int) -> HttpResponse:
    """Everything as partners read it, in the order in which it is sent."""
    one = own(request, pk)
    (all_told,) = told([one])
    return page(
        request,
        "institution/preview.html",
        heading=_("What partners see"),
        lead=name_of(one),
        trail=trail(one),
        tabs=tabs(one, "preview"),
        institution=_institution(all_told),
        contacts=[_contact(contact) for contact in all_told.contacts_of()],
        units=_units(all_told),
        factsheet=_factsheet(all_told.factsheet) if all_told.factsheet else None,
        has_factsheet=of_factsheet(all_told.factsheet).can_be_published,
        one=one,
        sent=_sent(all_told),
    )


def _sent(all_told: Told) -> list[tuple[str, str]]:
    """The messages as they go over the network, with their names."""
    hei, sheet = mapping.hei(all_told), mapping.factsheet(all_told)
    return [
        (
            _("Institution data"),
            _indented(InstitutionsResponse((hei,) if hei is not None else ()).write()),
        ),
        (_("Units"), _indented(OunitsResponse(mapping.ounits(all_told)).write())),
        (
            _("Factsheet"),
            _indented(FactsheetResponse((sheet,) if sheet is not None else ()).write()),
        ),
    ]


def _indented(document: bytes) -> str:
    root = xml.parse(document).node
    etree.indent(root, space="  ")
    return str(etree.tostring(root, encoding="unicode"))


def _lines(parts: Iterable[object]) -> SafeString:
    """One below the other."""
    return format_html_join(mark_safe("<br>"), "{}", ((part,) for part in parts if part))


def _links(links: Iterable[Link]) -> list[SafeString]:
    return [
        format_html(
            '<a href="{}" rel="noreferrer">{}</a>{}',
            link.url,
            link.url,
            f" ({link.language})" if link.language else "",
        )
        for link in links
    ]


def _named(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{text} ({language})" if language else text for language, text in pairs]


def _address(address: Address) -> str:
    street = " ".join(
        part
        for part in (address.street, address.building_number, address.unit, address.floor)
        if part
    )
    place = " ".join(part for part in (address.postal_code, address.locality) if part)
    parts = (
        *address.recipients,
        *address.lines,
        address.building_name,
        street,
        address.post_office_box,
        *address.delivery_points,
        place,
        address.region,
        country_name(address.country, get_language() or "en") if address.country else "",
    )
    return ", ".join(part for part in parts if part)


def _institution(all_told: Told) -> SafeString:
    profile = all_told.profile
    return components.facts(
        [
            Fact(_("Identifier"), all_told.hei_id),
            *(
                Fact(_id_word(kind), format_html('<span class="blanks">{}</span>', value))
                for kind, value in all_told.other_ids
            ),
            Fact(_("Names"), _lines(_named(in_order(profile.names, profile.name)))),
            Fact(_("Abbreviation"), profile.abbreviation),
            Fact(_("Street address"), _address(profile.street_address)),
            Fact(_("Mailing address"), _address(profile.mailing_address)),
            Fact(
                _("Website"),
                _lines(
                    _links(
                        [*([Link(profile.website)] if profile.website else []), *profile.websites]
                    )
                ),
            ),
            Fact(_("Logo"), profile.logo_url),
            Fact(_("Pages for incoming students"), _lines(_links(profile.factsheet_urls))),
            Fact(_("Course catalogue"), _lines(_links(profile.catalogue_urls))),
        ],
        wide=True,
    )


def _id_word(kind: str) -> str:
    return {
        "previous-schac": _("Former identifier"),
        "pic": "PIC",
        "erasmus": _("Erasmus code"),
        "erasmus-charter": _("Erasmus charter"),
        "oid": "OID",
        "ror": "ROR",
    }.get(kind, kind)


def _contact(contact: ContactFacts) -> SafeString:
    person = f"{contact.given_names} {contact.family_name}".strip()
    return components.facts(
        [
            Fact(_("Name"), _lines(_named(in_order(contact.names)))),
            *([Fact(_("Person"), person)] if person else []),
            Fact(_("E-mail"), _lines(contact.emails)),
            Fact(_("Telephone"), _lines(str(phone) for phone in contact.phones)),
            Fact(_("When to use this contact"), _lines(_named(in_order(contact.roles)))),
        ],
        wide=True,
    )


def _units(all_told: Told) -> SafeString:
    known = {unit.ounit_id: unit for unit in all_told.units}
    tree = is_tree(all_told)
    return components.table(
        _("Units"),
        [
            Column(label=_("Names")),
            Column(label=_("Code")),
            *([Column(label=_("Lies below"))] if tree else []),
            Column(label=_("Contacts"), numeric=True),
        ],
        [
            Row(
                [
                    "; ".join(_named(in_order(unit.names, unit.name))),
                    unit.code,
                    *(
                        [_above(unit.ounit_id, exposed_parent(unit, known), all_told)]
                        if tree
                        else []
                    ),
                    len(all_told.contacts_of(unit.ounit_id)),
                ]
            )
            for unit in sorted(all_told.units, key=lambda one: one.ounit_id != all_told.root)
            if unit.exposed
        ],
        hide_caption=True,
        empty_text=_("Partners see no unit."),
    )


def _above(ounit_id: str, parent: str, all_told: Told) -> str:
    if ounit_id == all_told.root:
        return _("stands for the whole institution")
    return next((unit.name for unit in all_told.units if unit.ounit_id == parent), "")


def _information(entry: Information, *before: str) -> SafeString:
    return _lines([*before, entry.email, str(entry.phone), *_links(entry.websites)])


def _factsheet(sheet: FactsheetFacts) -> SafeString:
    return components.facts(
        [
            Fact(_("Nominations for autumn until"), _day(sheet.nominations_autumn)),
            Fact(_("Applications for autumn until"), _day(sheet.applications_autumn)),
            Fact(_("Nominations for spring until"), _day(sheet.nominations_spring)),
            Fact(_("Applications for spring until"), _day(sheet.applications_spring)),
            Fact(_("Applications"), _information(sheet.application)),
            *(
                Fact(one.name, _lines([one.details, *_links(one.websites)]))
                for one in sheet.requirements
            ),
            Fact(_("Weeks until applications are decided"), sheet.decision_weeks),
            Fact(_("Weeks until transcripts are sent"), sheet.transcript_weeks),
            *(
                Fact(one.name, _information(one.information, one.description))
                for one in sheet.accessibility
            ),
            Fact(_("Housing"), _information(sheet.housing)),
            Fact(_("Visa and residence permit"), _information(sheet.visa)),
            Fact(_("Insurance"), _information(sheet.insurance)),
            *(Fact(one.type, _information(one.information)) for one in sheet.more),
        ],
        wide=True,
    )


def _day(text: str) -> str:
    """MM-DD as people write a day without a year."""
    if not text:
        return ""
    # Any year does that has the day.
    return str(date_format(date(2025, int(text[:2]), int(text[3:])), "MONTH_DAY_FORMAT"))

"""What a partner tells about itself, and what an examination found, as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import pycountry
from django.urls import reverse
from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from vaihto.codes import country_name
from vaihto.ewp.apis.institutions import FACTSHEET, INSTITUTIONS, OUNITS
from vaihto.ewp.apis.institutions.messages import (
    Factsheet,
    FactsheetResponse,
    Hei,
    Information,
    InstitutionsResponse,
    Ounit,
    OunitsResponse,
)
from vaihto.ewp.doctor import Finding, Level
from vaihto.ewp.examining import Examination
from vaihto.ewp.outcomes import filled
from vaihto.ewp.partners import Told
from vaihto.ewp.protocol.types import Address, Contact, Phone, Texts
from vaihto.web import components
from vaihto.web.components import Cell, Column, Fact, Row, Tone
from vaihto.web.frame import Request
from vaihto.web.network.pages import ago, api_word, lines

_MOST_UNITS = 300
_MOST_CONTACTS = 50


def section(
    api: str, told: Told | None, offered: Iterable[str], request: Request, hei_id: str
) -> dict[str, Any]:
    """One of the three things a partner tells: its title, how old it is, what is wrong, and the content."""
    made: dict[str, Any] = {"title": api_word(api), "key": api, "notes": [], "content": ""}
    if told is None or (told.message is None and told.failure is None):
        words = (
            _("It was not fetched yet.")
            if api in offered
            else _("The partner does not offer this in the catalogue.")
        )
        made["empty"] = words
        return made
    if told.failure is not None:
        href = reverse("network:exchange", args=[told.exchange_id]) if told.exchange_id else ""
        made["notes"].append(
            components.notice(
                " ".join(
                    filled(_(text), told.failure.facts)
                    for text in (told.failure.sentence, told.failure.remedy)
                    if text
                ),
                tone="bad",
                title=_("The last try, %(ago)s, failed") % {"ago": ago(told.asked_at, request.now)},
                links=[(_("Show the exchange"), href)] if href else (),
            )
        )
    if told.message is None:
        made["empty"] = _("It could not be fetched yet.")
        return made
    made["age"] = _("The partner last confirmed it %(ago)s.") % {
        "ago": ago(told.fetched_at, request.now)
    }
    if told.changed_at is not None:
        made["age"] += " " + _("Its content last changed %(ago)s.") % {
            "ago": ago(told.changed_at, request.now)
        }
    made["stale"] = told.is_stale(request.now)
    if told.problems:
        made["problems"] = list(told.problems[:10])
    made["content"] = _content(api, told.message, hei_id)
    return made


def _content(api: str, message: Any, hei_id: str) -> list[SafeString]:
    if api == INSTITUTIONS.element and isinstance(message, InstitutionsResponse):
        return [part for hei in message.heis if hei.hei_id == hei_id for part in _hei(hei)]
    if api == OUNITS.element and isinstance(message, OunitsResponse):
        return [_units(message.ounits)]
    if api == FACTSHEET.element and isinstance(message, FactsheetResponse):
        return [_factsheet(sheet) for sheet in message.factsheets if sheet.hei_id == hei_id]
    return []


def _named(texts: Texts) -> list[str]:
    return [f"{text} ({language})" if language else text for language, text in texts]


def _address(address: Address | None) -> str:
    if address is None:
        return ""
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
        _country(address.country),
    )
    return ", ".join(part for part in parts if part)


def _country(code: str) -> str:
    found = pycountry.countries.get(alpha_2=code.upper()) if code else None
    return country_name(found.numeric, get_language() or "en") if found else code


def _phone(phone: Phone) -> str:
    number = phone.e164 or phone.other
    return f"{number} ({phone.ext})" if phone.ext and number else number


def _hei(hei: Hei) -> list[SafeString]:
    facts = components.facts(
        [
            Fact(_("Names"), _named(hei.names)),
            Fact(_("Abbreviation"), hei.abbreviation),
            Fact(_("Other identifiers"), [f"{kind} {value}" for kind, value in hei.other_ids]),
            Fact(_("Street address"), _address(hei.street_address)),
            Fact(_("Mailing address"), _address(hei.mailing_address)),
            Fact(_("Website"), lines(_named(hei.websites))),
            Fact(_("Pages for incoming students"), lines(_named(hei.factsheet_urls))),
            Fact(_("Course catalogue"), lines(_named(hei.catalogue_urls))),
            Fact(_("Units"), components.number(len(hei.ounit_ids))),
        ],
        wide=True,
    )
    return [facts, _contacts(hei.contacts)] if hei.contacts else [facts]


def _contacts(contacts: Sequence[Contact]) -> SafeString:
    return components.table(
        _("Contacts"),
        [
            Column(label=_("Name")),
            Column(label=_("When to use this contact")),
            Column(label=_("E-mail")),
            Column(label=_("Telephone")),
        ],
        [
            Row(
                [
                    _first(one.names) or "–",
                    _first(one.roles),
                    Cell(lines(one.emails)),
                    Cell(lines(_phone(phone) for phone in one.phones)),
                ]
            )
            for one in contacts[:_MOST_CONTACTS]
        ],
    )


def _first(texts: Texts) -> str:
    """The text in the reader's language, else in English, else the first."""
    by_language = dict(reversed(texts))
    wanted = get_language() or "en"
    return (
        by_language.get(wanted)
        or by_language.get("en")
        or next((text for _language, text in texts), "")
    )


def _units(units: Sequence[Ounit]) -> SafeString:
    names = {unit.ounit_id: _first(unit.names) for unit in units}
    shown = units[:_MOST_UNITS]
    table = components.table(
        _("Units"),
        [
            Column(label=_("Name")),
            Column(label=_("Code")),
            Column(label=_("Lies below")),
            Column(label=_("Website")),
        ],
        [
            Row(
                [
                    Cell(_first(unit.names) or unit.ounit_id, note=unit.abbreviation),
                    unit.code,
                    names.get(unit.parent_ounit_id, unit.parent_ounit_id),
                    Cell(lines(dict.fromkeys(url for _language, url in unit.websites))),
                ]
            )
            for unit in shown
        ],
        hide_caption=True,
        empty_text=_("The partner names no units."),
    )
    if len(units) <= len(shown):
        return table
    return table + components.notice(
        _("These are the first %(shown)s of %(all)s.") % {"shown": len(shown), "all": len(units)},
        tone="plain",
    )


def _information(entry: Information, *before: str) -> SafeString:
    return lines((*before, entry.email, _phone(entry.phone), *_named(entry.websites)))


def _day(text: str) -> str:
    """MM-DD as people write a day without a year."""
    if not text:
        return ""
    month, _dash, day = text.partition("-")
    # Any leap year has every day.
    return str(formats.date_format(date(2024, int(month), int(day)), "MONTH_DAY_FORMAT"))


def _factsheet(sheet: Factsheet) -> SafeString:
    return components.facts(
        [
            Fact(_("Nominations for autumn until"), _day(sheet.nominations_autumn)),
            Fact(_("Nominations for spring until"), _day(sheet.nominations_spring)),
            Fact(_("Applications for autumn until"), _day(sheet.applications_autumn)),
            Fact(_("Applications for spring until"), _day(sheet.applications_spring)),
            Fact(_("Weeks until applications are decided"), sheet.decision_weeks),
            Fact(_("Weeks until transcripts are sent"), sheet.transcript_weeks),
            Fact(_("Applications"), _information(sheet.application)),
            *(
                Fact(one.name, lines((one.details, *_named(one.websites))))
                for one in sheet.requirements
            ),
            Fact(_("Housing"), _information(sheet.housing)),
            Fact(_("Visa and residence permit"), _information(sheet.visa)),
            Fact(_("Insurance"), _information(sheet.insurance)),
            *(
                Fact(one.name, _information(one.information, one.description))
                for one in sheet.accessibility
            ),
            *(Fact(one.type, _information(one.information)) for one in sheet.more),
        ],
        wide=True,
    )


# Findings --------------------------------------------------------------------------------------

_TONES: dict[Level, Tone] = {
    Level.GOOD: "good",
    Level.NOTE: "info",
    Level.WARNING: "warn",
    Level.BAD: "bad",
}


def level_word(level: Level) -> str:
    """How a finding weighs, in words."""
    return {
        Level.GOOD: _("good"),
        Level.NOTE: _("worth knowing"),
        Level.WARNING: _("may stop working"),
        Level.BAD: _("does not work"),
    }[level]


def finding_words(finding: Finding) -> tuple[str, str]:
    """Sentence and remedy in the reader's language."""
    return (
        filled(_(finding.sentence), finding.facts),
        filled(_(finding.remedy), finding.facts) if finding.remedy else "",
    )


def findings(found: Examination, request: Request) -> SafeString:
    """The findings of an examination, what does not work first."""
    order = list(Level)[::-1]
    ranked = sorted(found.findings, key=lambda one: order.index(one.level))
    return components.table(
        _("What was found"),
        [Column(label=_("What")), Column(label=_("How it is")), Column(label=_("What was found"))],
        [
            Row(
                [
                    one.about,
                    Cell(level_word(one.level), tone=_TONES[one.level]),
                    Cell(finding_words(one)[0], note=finding_words(one)[1]),
                ],
                tone="bad" if one.level is Level.BAD else None,
            )
            for one in ranked
        ],
        hide_caption=True,
        empty_text=_("Nothing was found."),
    )

"""Who sends and who receives, and the choices that every kind of mobility makes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q

from vaihto.codes import COUNTRY, UNKNOWN_COUNTRY, country_name
from vaihto.codes.erasmus_code import normal_erasmus_code
from vaihto.institutions.models import Institution
from vaihto.journal.bringing import missing, unknown_code
from vaihto.mobilities.facts import MobilityFacts, VisitFacts
from vaihto.mobilities.models import Direction, Programme, Purpose, State
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

_FIRST_CALL, _LAST_CALL = 1987, 2100


def partners_named(names: Collection[str]) -> dict[str, Institution]:
    """Institutions by hei_id or Erasmus code, whose blanks files and browsers like to lose."""
    found: dict[str, Institution] = {}
    if names:
        codes = {name: normal_erasmus_code(name) for name in names}
        for institution in Institution.objects.filter(
            Q(hei_id__in=names) | Q(erasmus_code__in=set(codes.values()) - {""})
        ).order_by():
            found[institution.hei_id] = institution
            if institution.erasmus_code:
                found[institution.erasmus_code] = institution
        found |= {name: found[code] for name, code in codes.items() if code in found}
    return found


def wrong_partner(
    facts: MobilityFacts | VisitFacts, partner: Institution | None, institution: Institution
) -> list[Refusal]:
    found: list[Refusal] = []
    if facts.partner and partner is None:
        found.append(
            Invalid(
                "mobility.partner-unknown",
                sentence=_("No institution “%(value)s” is known here."),
                remedy=_(
                    "Bring the institution in first, or leave the partner empty and give its country."
                ),
                field="partner",
                value=facts.partner,
            )
        )
    if partner is not None and partner.pk == institution.pk:
        found.append(
            Invalid(
                "mobility.partner-is-oneself",
                sentence=_("The partner is the institution itself."),
                remedy=_("Name the other institution."),
                field="partner",
                value=facts.partner,
            )
        )
    if facts.partner_country and facts.partner_country not in COUNTRY:
        found.append(unknown_code("partner_country", facts.partner_country, expected="ISO 3166-1"))
    country = facts.partner_country or (partner.country if partner else "")
    if not country and not facts.partner:
        found.append(missing("partner_country"))
    elif country == institution.country:
        found.append(own_country("partner_country", country))
    return found


def own_country(field_name: str, country: str) -> Invalid:
    """International mobility leads to or from another country (V40, Q09)."""
    return Invalid(
        "mobility.own-country",
        sentence=_("%(country)s (%(value)s) is the institution's own country."),
        remedy=_("Outgoing: give the country of destination. Incoming: the country of departure."),
        field=field_name,
        value=country,
        country=country_name(country),
    )


_CHOICES: tuple[tuple[str, frozenset[str]], ...] = (
    ("direction", frozenset(Direction.values)),
    ("programme", frozenset(Programme.values)),
    ("state", frozenset(State.values)),
)


def wrong_choices(facts: MobilityFacts | VisitFacts, purposes: frozenset[Purpose]) -> list[Refusal]:
    found: list[Refusal] = [
        unknown_code(name, getattr(facts, name), expected=", ".join(sorted(codes)))
        for name, codes in _CHOICES
        if getattr(facts, name) not in codes
    ]
    if facts.purpose not in purposes:
        found.append(unknown_code("purpose", facts.purpose, expected=", ".join(sorted(purposes))))
    if facts.call_year is not None and not _FIRST_CALL <= facts.call_year <= _LAST_CALL:
        found.append(
            Invalid(
                "fact.out-of-range",
                sentence=_("%(value)s is not between %(low)s and %(high)s."),
                remedy=_("Correct the number."),
                field="call_year",
                value=facts.call_year,
                low=_FIRST_CALL,
                high=_LAST_CALL,
            )
        )
    return found


def parties_of(
    facts: MobilityFacts | VisitFacts, partner: Institution | None, institution: Institution
) -> dict[str, Any]:
    """Who sends and who receives, from which country to which."""
    other = facts.partner_country or (partner.country if partner else "") or UNKNOWN_COUNTRY
    partner_id = partner.pk if partner else None
    if facts.direction == Direction.OUTGOING:
        return {
            "sending_institution_id": institution.pk,
            "receiving_institution_id": partner_id,
            "sending_country": institution.country,
            "receiving_country": other,
        }
    return {
        "sending_institution_id": partner_id,
        "receiving_institution_id": institution.pk,
        "sending_country": other,
        "receiving_country": institution.country,
    }

"""Institutions with their membership in an alliance: one line for each."""

from __future__ import annotations

from vaihto.imports.cells import choice_parser, parse_country, parse_day, parse_national_code
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.institutions.actions import bring_institutions, plan_institutions
from vaihto.institutions.facts import InstitutionFacts
from vaihto.institutions.models import Institution, Membership
from vaihto.wording import mark as _

_SECTORS = {
    **{value: value for value in Institution.Sector.values},
    **dict.fromkeys(("yliopisto", "universitet"), "university"),
    **dict.fromkeys(("ammattikorkeakoulu", "amk", "yrkeshögskola"), "uas"),
    **dict.fromkeys(("muu", "annan"), "other"),
}
_KINDS = {
    **{value: value for value in Membership.Kind.values},
    **dict.fromkeys(("jäsen", "medlem"), "member"),
    **dict.fromkeys(("liitännäisjäsen", "associerad"), "associate"),
}


def _facts(values: Values, _parts: list[Values]) -> InstitutionFacts:
    names = {
        language: values.pop(f"name_{language}")
        for language in ("en", "fi", "sv")
        if f"name_{language}" in values
    }
    return InstitutionFacts(names=names, **values)


KIND = TableKind(
    name="institutions",
    label=_("Institutions"),
    explanation=_("Partners and members. Whether one is hosted here is never set by a file."),
    columns=(
        Column(
            name="hei_id",
            fi="verkkotunnus",
            sv="domännamn",
            says=_("Domain name of the institution, in small letters."),
            required=True,
            examples=("porto-vale.example", "west.example"),
        ),
        Column(
            name="name",
            fi="nimi",
            sv="namn",
            says=_("Its own name."),
            required=True,
            examples=("Universidade do Vale", "University of West"),
        ),
        Column(
            name="name_en",
            field="names",
            fi="nimi englanniksi",
            sv="namn på engelska",
            says=_("Name in English."),
            examples=("University of Vale", ""),
        ),
        Column(
            name="name_fi",
            field="names",
            fi="nimi suomeksi",
            sv="namn på finska",
            says=_("Name in Finnish."),
        ),
        Column(
            name="name_sv",
            field="names",
            fi="nimi ruotsiksi",
            sv="namn på svenska",
            says=_("Name in Swedish."),
        ),
        Column(
            name="country",
            fi="maa",
            sv="land",
            says=_("Country, as numeric code or two letters."),
            parse=parse_country,
            required=True,
            examples=("620", "IE"),
        ),
        Column(name="city", fi="kaupunki", sv="stad", says=_("City."), examples=("Vale", "West")),
        Column(
            name="sector",
            fi="sektori",
            sv="sektor",
            says=_("University, university of applied sciences (uas) or other."),
            parse=choice_parser(_SECTORS),
            examples=("university", "uas"),
            choices=tuple(Institution.Sector.values),
        ),
        Column(
            name="national_code",
            fi="korkeakoulukoodi",
            sv="högskolekod",
            says=_("The Finnish five-digit code, for institutions in Finland."),
            parse=parse_national_code,
        ),
        Column(
            name="erasmus_code",
            fi="erasmus-koodi",
            sv="erasmuskod",
            says=_("Erasmus code with its blanks."),
            examples=("P VALE01", "IRL WEST01"),
        ),
        Column(name="pic", fi="pic-koodi", sv="pic-kod", says=_("PIC of the participant portal.")),
        Column(name="oid", fi="oid-tunnus", sv="oid-kod", says=_("Organisation identifier.")),
        Column(name="ror", fi="ror-tunnus", sv="ror-kod", says=_("ROR identifier.")),
        Column(
            name="website",
            fi="verkkosivu",
            sv="webbplats",
            says=_("Address of its website."),
            examples=("https://porto-vale.example", ""),
        ),
        Column(
            name="alliance",
            fi="allianssi",
            sv="allians",
            says=_("Code of the alliance it belongs to, as it is known here."),
        ),
        Column(
            name="membership",
            fi="jäsenyys",
            sv="medlemskap",
            says=_("Member or associate."),
            parse=choice_parser(_KINDS),
            choices=tuple(Membership.Kind.values),
        ),
        Column(
            name="member_since",
            fi="jäsen alkaen",
            sv="medlem från",
            says=_("First day of the membership."),
            parse=parse_day,
        ),
        Column(
            name="member_until",
            fi="jäsen asti",
            sv="medlem till",
            says=_("Last day of the membership; empty while it goes on."),
            parse=parse_day,
        ),
    ),
    build=_facts,
    plan=plan_institutions,
    bring=bring_institutions,
    key="hei_id",
    for_institution=False,
)

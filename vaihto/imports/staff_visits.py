"""Staff visits: one line for each."""

from __future__ import annotations

from django.utils import timezone

from vaihto.imports.cells import (
    choice_parser,
    moment_parser,
    parse_day,
    parse_decimal,
    parse_yes_no,
)
from vaihto.imports.mobilities import (
    CALL_YEAR,
    DIRECTIONS,
    PARTNER,
    PARTNER_COUNTRY,
    PROGRAMMES,
    STATES,
)
from vaihto.imports.persons import UNIT
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.mobilities.actions import bring_visits, plan_visits
from vaihto.mobilities.facts import VisitFacts
from vaihto.mobilities.models import Programme, StaffVisit, State
from vaihto.wording import mark as _

_PURPOSES = {
    **dict.fromkeys(("teaching", "opetus", "undervisning"), "teaching"),
    **dict.fromkeys(("training", "koulutus", "utbildning"), "training"),
    **dict.fromkeys(("research", "tutkimus", "forskning"), "research"),
}
_CONTENTS = {
    **{value: value for value in StaffVisit.Content.values},
    **{value.replace(" ", "_"): value for value in StaffVisit.Content.values},
    **dict.fromkeys(("opetus", "undervisning"), "teaching"),
    **dict.fromkeys(("tutkimus", "forskning"), "research"),
    **dict.fromkeys(("asiantuntijatyö", "expertarbete"), "expert work"),
}


def _facts(values: Values, _parts: list[Values]) -> VisitFacts:
    return VisitFacts(**values)


KIND = TableKind(
    name="staff_visits",
    label=_("Staff visits"),
    explanation=_(
        "One line for each visit. Hours, or the moments of beginning and end, say how long it lasted."
    ),
    columns=(
        Column(
            name="key",
            fi="vierailuavain",
            sv="besöksnyckel",
            says=_("Key of the visit in your register."),
            required=True,
            examples=("T-1", "T-2"),
        ),
        Column(
            name="employment_key",
            fi="palvelussuhteen avain",
            sv="anställningsnyckel",
            says=_("Outgoing: whose visit it is; the employment is brought before."),
            examples=("E-501", ""),
        ),
        Column(
            name="family_name",
            fi="sukunimi",
            sv="efternamn",
            says=_("Incoming: family name of the visitor."),
            examples=("", "Visitante"),
        ),
        Column(
            name="given_names",
            fi="etunimet",
            sv="förnamn",
            says=_("Incoming: given names of the visitor."),
            examples=("", "Vera"),
        ),
        Column(
            name="direction",
            fi="suunta",
            sv="riktning",
            says=_("Seen from your institution."),
            parse=choice_parser(DIRECTIONS),
            required=True,
            examples=("outgoing", "incoming"),
            choices=("outgoing", "incoming"),
        ),
        Column(
            name="purpose",
            fi="tarkoitus",
            sv="syfte",
            says=_("What the visit is for."),
            parse=choice_parser(_PURPOSES),
            examples=("teaching", "training"),
            choices=("teaching", "training", "research"),
        ),
        Column(
            name="content",
            fi="sisältö",
            sv="innehåll",
            says=_("What is mainly done; conferences and single guest lectures are not counted."),
            parse=choice_parser(_CONTENTS),
            required=True,
            examples=("teaching", "job shadowing"),
            choices=tuple(StaffVisit.Content.values),
        ),
        Column(
            name="programme",
            fi="liikkuvuusohjelma",
            sv="mobilitetsprogram",
            says=_("The frame of the mobility, not the money."),
            parse=choice_parser(PROGRAMMES),
            examples=("erasmus", "own_agreement"),
            choices=tuple(Programme.values),
        ),
        Column(
            name="action",
            fi="toiminto",
            sv="åtgärd",
            says=_("KA131, KA171, Nordplus and the like."),
            examples=("KA131", ""),
        ),
        CALL_YEAR,
        PARTNER,
        PARTNER_COUNTRY,
        Column(
            name="host_organisation",
            fi="vastaanottava organisaatio",
            sv="värdorganisation",
            says=_("Where it is no institution of higher education."),
        ),
        Column(
            name="start",
            fi="alkupäivä",
            sv="startdatum",
            says=_("First day at the host."),
            parse=parse_day,
            required=True,
            examples=("2025-03-03", "12.5.2025"),
        ),
        Column(
            name="end",
            fi="loppupäivä",
            sv="slutdatum",
            says=_("Last day at the host."),
            parse=parse_day,
            required=True,
            examples=("2025-03-07", "16.5.2025"),
        ),
        Column(
            name="started_at",
            fi="alkuhetki",
            sv="startmoment",
            says=_("Moment at which the visit began."),
            parse=moment_parser(timezone.get_default_timezone()),
            examples=("2025-03-03 09:00", ""),
        ),
        Column(
            name="ended_at",
            fi="loppuhetki",
            sv="slutmoment",
            says=_("Moment at which the visit ended."),
            parse=moment_parser(timezone.get_default_timezone()),
            examples=("2025-03-07 16:00", ""),
        ),
        Column(
            name="hours",
            fi="tunnit",
            sv="timmar",
            says=_("Hours of the whole visit, where the moments are not known."),
            parse=parse_decimal,
            examples=("", "40"),
        ),
        Column(
            name="teaching_hours",
            fi="opetustunnit",
            sv="undervisningstimmar",
            says=_("Hours taught."),
            parse=parse_decimal,
            examples=("8", ""),
        ),
        Column(
            name="virtual",
            fi="virtuaalinen",
            sv="virtuell",
            says=_("Was it done from home, over the network?"),
            parse=parse_yes_no,
            choices=("yes", "no"),
        ),
        Column(
            name="state",
            fi="tila",
            sv="status",
            says=_("How far it is; empty: done."),
            parse=choice_parser(STATES),
            choices=tuple(State.values),
        ),
        UNIT,
    ),
    build=_facts,
    plan=plan_visits,
    bring=bring_visits,
)

"""A survey round: one line for each institution and interface, as the members answered."""

from __future__ import annotations

from vaihto.imports.cells import choice_parser, parse_day
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.institutions.actions import bring_abilities, plan_abilities
from vaihto.institutions.facts import AbilityFacts
from vaihto.institutions.models import Capability
from vaihto.institutions.surveying import CHANNELS
from vaihto.wording import mark as _

_STATES = {
    **{value: value for value in Capability.State.values},
    **dict.fromkeys(("tuotannossa", "käytössä", "i drift", "i bruk"), "live"),
    **dict.fromkeys(("testissä", "testaus", "testas"), "testing"),
    **dict.fromkeys(("ei", "ei ole", "ingen", "nej", "no"), "none"),
    **dict.fromkeys(("ei tiedossa", "okänt", "?"), "unknown"),
}


def _facts(values: Values, _parts: list[Values]) -> AbilityFacts:
    return AbilityFacts(**values)


KIND = TableKind(
    name="survey",
    label=_("Survey round"),
    explanation=_("What an institution can do over one interface, as it answered in a survey."),
    columns=(
        Column(
            name="institution",
            fi="korkeakoulu",
            sv="högskola",
            says=_("Domain name of the institution (hei_id)."),
            required=True,
            examples=("north.example", "north.example"),
        ),
        Column(
            name="survey_round",
            fi="kyselykierros",
            sv="enkätomgång",
            says=_("The name of the round, the same on every line of it."),
            required=True,
            examples=("Survey, autumn 2026", "Survey, autumn 2026"),
        ),
        Column(
            name="since",
            fi="päivä",
            sv="dag",
            says=_("The day of the answer."),
            parse=parse_day,
            required=True,
            examples=("2026-10-05", "5.10.2026"),
        ),
        Column(
            name="interface",
            fi="rajapinta",
            sv="gränssnitt",
            says=_("The EWP interface, or another name for what was asked about."),
            required=True,
            examples=("iias", "omobility-las"),
        ),
        Column(
            name="state",
            fi="tila",
            sv="läge",
            says=_("How far it is."),
            parse=choice_parser(_STATES),
            required=True,
            examples=("live", "testing"),
            choices=tuple(Capability.State.values),
        ),
        Column(
            name="version",
            fi="versio",
            sv="version",
            says=_("The version of the interface."),
            examples=("7.0", "1.1"),
        ),
        Column(
            name="system",
            fi="järjestelmä",
            sv="system",
            says=_("The system in use."),
            examples=("Vaihto", ""),
        ),
        Column(
            name="channel",
            fi="kanava",
            sv="kanal",
            says=_("How partners are to be reached."),
            parse=choice_parser({value: value for value in CHANNELS}),
            examples=("ewp", ""),
            choices=CHANNELS,
        ),
        Column(
            name="process",
            fi="prosessi",
            sv="process",
            says=_("The process it serves; follows from the interface where it is one of EWP."),
            examples=("", ""),
        ),
    ),
    build=_facts,
    plan=plan_abilities,
    bring=bring_abilities,
    key="",
    for_institution=False,
)

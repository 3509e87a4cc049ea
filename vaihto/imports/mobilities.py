"""Student mobilities: one line for each segment."""

from __future__ import annotations

from vaihto.imports.cells import (
    choice_parser,
    parse_country,
    parse_day,
    parse_decimal,
    parse_whole,
    parse_yes_no,
)
from vaihto.imports.persons import UNIT
from vaihto.imports.tables import Column, TableKind, Values
from vaihto.mobilities.actions import bring_mobilities, plan_mobilities
from vaihto.mobilities.facts import MobilityFacts, SegmentFacts
from vaihto.mobilities.models import ChangeReason, Programme, Segment, State
from vaihto.wording import mark as _

DIRECTIONS = {
    **dict.fromkeys(("outgoing", "lähtevä", "utresande", "out"), "outgoing"),
    **dict.fromkeys(("incoming", "saapuva", "inresande", "in"), "incoming"),
}
PROGRAMMES = {
    **{value: value for value in Programme.values},
    **{value.replace("_", " "): value for value in Programme.values},
    "erasmus+": "erasmus",
    "vapaaliikkuja": "free_mover",
    "free mover": "free_mover",
}
STATES = {
    **{value: value for value in State.values},
    **dict.fromkeys(("suunniteltu", "planerad"), "planned"),
    **dict.fromkeys(("sovittu", "avtalad"), "agreed"),
    **dict.fromkeys(("käynnissä", "pågående"), "ongoing"),
    **dict.fromkeys(("päättynyt", "avslutad"), "done"),
    **dict.fromkeys(("peruttu", "inställd"), "cancelled"),
}
_PURPOSES = {
    **dict.fromkeys(("study", "studies", "opiskelu", "studier"), "study"),
    **dict.fromkeys(("traineeship", "harjoittelu", "praktik"), "traineeship"),
    **dict.fromkeys(("combined", "yhdistetty", "kombinerad"), "combined"),
}
_MODES = {
    **dict.fromkeys(("physical", "fyysinen", "fysisk"), "physical"),
    **dict.fromkeys(("virtual", "virtuaalinen", "virtuell"), "virtual"),
}
_PLACES = {
    **dict.fromkeys(("host", "kohde", "värd"), "host"),
    **dict.fromkeys(("home", "koti", "hem"), "home"),
    **dict.fromkeys(("third", "kolmas", "tredje"), "third"),
}
_SEGMENT = ("mode", "place", "country", "start", "end", "purpose", "cancelled")
_OPTIONAL = tuple((name, f"segment_{name}") for name in _SEGMENT[2:])
_UNKNOWN = frozenset({"unknown", "?", "ei tiedossa", "okänt"})


def parse_yes_no_unknown(text: str) -> bool | None:
    """Yes, no, or not known."""
    return None if text.casefold() in _UNKNOWN else parse_yes_no(text)


def _facts(values: Values, parts: list[Values]) -> MobilityFacts:
    segments = tuple(
        SegmentFacts(
            mode=part.get("segment_mode", ""),
            place=part.get("segment_place", ""),
            **{name: part[column] for name, column in _OPTIONAL if column in part},
        )
        for part in parts
    )
    return MobilityFacts(segments=segments, **values)


PARTNER = Column(
    name="partner",
    fi="kumppani",
    sv="partner",
    says=_("The other institution: its domain name (hei_id) or Erasmus code, as it is known here."),
)
PARTNER_COUNTRY = Column(
    name="partner_country",
    fi="kumppanin maa",
    sv="partnerns land",
    says=_(
        "Country of destination (outgoing) or of departure (incoming); empty: that of the partner."
    ),
    parse=parse_country,
    examples=("620", "616", ""),
)
CALL_YEAR = Column(
    name="call_year",
    fi="hakuvuosi",
    sv="utlysningsår",
    says=_("Year of the call of the programme."),
    parse=parse_whole,
)


KIND = TableKind(
    name="mobilities",
    label=_("Student mobilities"),
    explanation=_(
        "One line for each segment. A mobility with several segments takes several lines, one below the other, "
        "with the same key; its own columns are repeated or left empty. First and last day are both included."
    ),
    columns=(
        Column(
            name="key",
            fi="liikkuvuusavain",
            sv="mobilitetsnyckel",
            says=_("Key of the mobility in your register. It stays the same from file to file."),
            required=True,
            examples=("M-1", "M-2", "M-2"),
        ),
        Column(
            name="student_key",
            fi="opiskelija-avain",
            sv="studentnyckel",
            says=_("Key of the student, brought before."),
            required=True,
            examples=("S-1001", "S-1002", ""),
        ),
        Column(
            name="direction",
            fi="suunta",
            sv="riktning",
            says=_("Seen from your institution."),
            parse=choice_parser(DIRECTIONS),
            required=True,
            examples=("outgoing", "incoming", ""),
            choices=("outgoing", "incoming"),
        ),
        Column(
            name="purpose",
            fi="tarkoitus",
            sv="syfte",
            says=_("What the stay is for."),
            parse=choice_parser(_PURPOSES),
            required=True,
            examples=("study", "traineeship", ""),
            choices=("study", "traineeship", "combined"),
        ),
        Column(
            name="programme",
            fi="liikkuvuusohjelma",
            sv="mobilitetsprogram",
            says=_("The frame of the mobility, not the money."),
            parse=choice_parser(PROGRAMMES),
            examples=("erasmus", "own_agreement", ""),
            choices=tuple(Programme.values),
        ),
        Column(
            name="action",
            fi="toiminto",
            sv="åtgärd",
            says=_("KA131, KA171, Nordplus and the like."),
            examples=("KA131", "", ""),
        ),
        CALL_YEAR,
        Column(
            name="funding",
            fi="rahoitus",
            sv="finansiering",
            says=_("Free text; it never decides the programme."),
        ),
        PARTNER,
        PARTNER_COUNTRY,
        Column(
            name="host_organisation",
            fi="vastaanottava organisaatio",
            sv="värdorganisation",
            says=_("For instance the workplace of a trainee."),
            examples=("", "Harbour Ltd", ""),
        ),
        Column(
            name="part_of_degree",
            fi="osa tutkintoa",
            sv="del av examen",
            says=_("Does the stay belong to the degree studies? Yes, no or unknown; empty: yes."),
            parse=parse_yes_no_unknown,
            examples=("yes", "yes", ""),
            choices=("yes", "no", "unknown"),
        ),
        Column(
            name="planned_blended",
            fi="suunniteltu blended",
            sv="planerad blended",
            says=_("Was a virtual part planned and agreed beforehand?"),
            parse=parse_yes_no,
            examples=("no", "yes", ""),
            choices=("yes", "no"),
        ),
        Column(
            name="agreed_as_one_whole",
            fi="sovittu yhtenä kokonaisuutena",
            sv="avtalad som en helhet",
            says=_("Are parts with a virtual stretch between them one agreed whole?"),
            parse=parse_yes_no,
            choices=("yes", "no"),
        ),
        Column(
            name="change_reason",
            fi="muutoksen syy",
            sv="ändringsorsak",
            says=_("Why physical became virtual, where it did."),
            choices=tuple(ChangeReason.values),
        ),
        Column(
            name="end_is_estimate",
            fi="loppu on arvio",
            sv="slutet är en uppskattning",
            says=_("Is the last day an estimate, because the stay goes on?"),
            parse=parse_yes_no,
            choices=("yes", "no"),
        ),
        Column(
            name="planned_credits",
            fi="suunnitellut opintopisteet",
            sv="planerade studiepoäng",
            says=_("ECTS credits as planned."),
            parse=parse_decimal,
            examples=("30", "", ""),
        ),
        Column(
            name="bip_id",
            fi="bip-tunnus",
            sv="bip-kod",
            says=_("Identifier of the blended intensive programme."),
        ),
        Column(
            name="state",
            fi="tila",
            sv="status",
            says=_("How far it is; empty: done."),
            parse=choice_parser(STATES),
            examples=("done", "ongoing", ""),
            choices=tuple(State.values),
        ),
        Column(
            name="right_key",
            fi="opiskeluoikeusavain",
            sv="studierättsnyckel",
            says=_("Key of the study right it belongs to."),
            examples=("R-1", "", ""),
        ),
        Column(
            name="level",
            fi="taso",
            sv="nivå",
            says=_("Incoming: main level of the studies here, by the type of study right."),
            examples=("", "2", ""),
        ),
        Column(
            name="home_degree_abroad",
            fi="tutkinto-opiskelija kotikorkeakoulussa",
            sv="examensstuderande hemma",
            says=_("Incoming: has the student a degree right abroad? Yes, no or unknown."),
            parse=parse_yes_no_unknown,
            examples=("", "yes", ""),
            choices=("yes", "no", "unknown"),
        ),
        Column(
            name="adult_education",
            fi="aikuiskoulutus",
            sv="vuxenutbildning",
            says=_("Is the student in adult education?"),
            parse=parse_yes_no,
            choices=("yes", "no"),
        ),
        Column(
            name="nested_in",
            fi="tehty jakson aikana",
            sv="gjord under perioden",
            says=_("Key of the incoming mobility during which this trip was made."),
        ),
        UNIT,
        Column(
            name="segment_mode",
            fi="osan muoto",
            sv="delens form",
            says=_("Physical or virtual."),
            parse=choice_parser(_MODES),
            required=True,
            of_part=True,
            examples=("physical", "virtual", "physical"),
            choices=("physical", "virtual"),
        ),
        Column(
            name="segment_place",
            fi="osan paikka",
            sv="delens plats",
            says=_("Where the student is: at the host, at home, or in a third country."),
            parse=choice_parser(_PLACES),
            required=True,
            of_part=True,
            examples=("host", "home", "host"),
            choices=("host", "home", "third"),
        ),
        Column(
            name="segment_country",
            fi="osan maa",
            sv="delens land",
            says=_("Country in which the part is lived; empty: that of host or home."),
            parse=parse_country,
            of_part=True,
        ),
        Column(
            name="segment_start",
            fi="osan alkupäivä",
            sv="delens startdatum",
            says=_("First day of the part."),
            parse=parse_day,
            required=True,
            of_part=True,
            examples=("2024-09-01", "2024-09-02", "2024-10-01"),
        ),
        Column(
            name="segment_end",
            fi="osan loppupäivä",
            sv="delens slutdatum",
            says=_("Last day of the part."),
            parse=parse_day,
            required=True,
            of_part=True,
            examples=("2024-12-15", "2024-09-13", "2025-01-31"),
        ),
        Column(
            name="segment_purpose",
            fi="osan tarkoitus",
            sv="delens syfte",
            says=_("Where parts differ: study, traineeship or other."),
            parse=choice_parser({**_PURPOSES, "muu": "other", "annat": "other"}),
            of_part=True,
            choices=tuple(Segment.Purpose.values),
        ),
        Column(
            name="segment_cancelled",
            fi="osa peruttu",
            sv="delen inställd",
            says=_("Was this part cancelled?"),
            parse=parse_yes_no,
            of_part=True,
            choices=("yes", "no"),
        ),
    ),
    build=_facts,
    plan=plan_mobilities,
    bring=bring_mobilities,
    refers="nested_in",
    part_fields={"segments": tuple(f"segment_{name}" for name in _SEGMENT)},
)

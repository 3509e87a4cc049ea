"""The tables rules read and give: one row per thing, keys as columns, days with both ends included.

A table may be a `polars.DataFrame` or `LazyFrame`. A column of the schema that a table lacks counts as
missing in every row. Keys (`mobility`, `person`, `right`) may be text or whole numbers, the same kind
everywhere; the key of a study right is unique per person. Codes are the national ones, as text with
leading zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from vaihto.rules.findings import Subject

Schema = dict[str, pl.DataType]

KEY = pl.String()
DAY = pl.Date()
FLAG = pl.Boolean()
TEXT = pl.String()
WHOLE = pl.Int32()
CODES = pl.List(pl.String())

# --- What is handed in -------------------------------------------------------------------------

MOBILITIES: Schema = {
    "mobility": KEY,
    "person": KEY,
    "institution": TEXT,  # five digits: the Finnish institution whose record this is
    "sector": TEXT,  # university, uas
    "direction": TEXT,  # outgoing, incoming: seen from that institution
    "purpose": TEXT,  # study, traineeship, combined
    "programme": TEXT,  # erasmus, other_eu, nordic, … (parameter programme_code)
    "funding": TEXT,  # never decides anything (V14)
    "part_of_degree": FLAG,
    "planned_blended": FLAG,
    "agreed_as_one_whole": FLAG,
    "change_reason": TEXT,  # covid, personal
    "study_right_key": KEY,  # explicit link
    "end_is_estimate": FLAG,
    "as_of": DAY,  # the day on which the question is asked, where it is asked for a day
    "adult_education": FLAG,
    "nested_in_incoming": FLAG,
    "home_degree_right_abroad": FLAG,  # incoming only
    "main_level_in_finland": TEXT,  # incoming only: 1, 2, 3, 4, 6, 7
    # choices of the institution; missing means the default of the parameter of the same name
    "use_covid_exception": FLAG,
    "count_outgoing_double_degree": FLAG,
}

SEGMENTS: Schema = {
    "mobility": KEY,
    "mode": TEXT,  # physical, virtual
    "place": TEXT,  # host, home, third
    "country": TEXT,
    "start": DAY,
    "end": DAY,
    "cancelled": FLAG,
    # A virtual part known only to have been there (an old register says blended and no more) has no
    # days: it counts for the classification and never for dates.
}

STUDY_RIGHTS: Schema = {
    "person": KEY,
    "right": KEY,
    "institution": TEXT,
    "type": TEXT,
    "start": DAY,
    "end": DAY,
}
# A spell whose end is missing runs to the end of its right.
STATES: Schema = {"person": KEY, "right": KEY, "code": TEXT, "start": DAY, "end": DAY}
PRIMARY: Schema = {"person": KEY, "right": KEY, "start": DAY, "end": DAY}
SPELLS: Schema = {
    "person": KEY,
    "right": KEY,
    "start": DAY,
    "end": DAY,
    "classifications": CODES,
    "funding_source": TEXT,
}
DEGREES: Schema = {
    "person": KEY,
    "right": KEY,
    "date": DAY,
    "granting_country": TEXT,
    "completed_in_country": TEXT,
}
ATTAINMENTS: Schema = {
    "attainment": KEY,
    "person": KEY,
    "right": KEY,
    "institution": TEXT,
    "student": TEXT,  # degree, incoming_exchange, incoming_trainee
    "kind": TEXT,  # 1 degree, 2 other, 3 not to be counted, 4 internal
    "ects": pl.Float64(),
    "granted_by": TEXT,  # home, foreign_hei, finnish_hei
    "completed": DAY,
    "recognised_on": DAY,
    "source_code": TEXT,
    "traineeship": FLAG,
    "abroad": FLAG,
    "ects_based": FLAG,
    "could_be_part_of_finnish_degree": FLAG,
    "mobility_end": DAY,  # last day of the mobility the credits come from
    "mobility_start": DAY,
    "fully_virtual": FLAG,
    "study_right_start": DAY,
    "ask_year": WHOLE,
}


@dataclass(frozen=True)
class Frames:
    """All tables of one judging; those left out are empty."""

    mobilities: pl.DataFrame | pl.LazyFrame
    segments: pl.DataFrame | pl.LazyFrame
    study_rights: pl.DataFrame | pl.LazyFrame = field(default_factory=lambda: empty(STUDY_RIGHTS))
    states: pl.DataFrame | pl.LazyFrame = field(default_factory=lambda: empty(STATES))
    primary: pl.DataFrame | pl.LazyFrame = field(default_factory=lambda: empty(PRIMARY))
    spells: pl.DataFrame | pl.LazyFrame = field(default_factory=lambda: empty(SPELLS))
    degrees: pl.DataFrame | pl.LazyFrame = field(default_factory=lambda: empty(DEGREES))


TABLES: Mapping[str, Schema] = {
    "mobilities": MOBILITIES,
    "segments": SEGMENTS,
    "study_rights": STUDY_RIGHTS,
    "states": STATES,
    "primary": PRIMARY,
    "spells": SPELLS,
    "degrees": DEGREES,
}


def empty(schema: Schema) -> pl.DataFrame:
    """A table without rows."""
    return pl.DataFrame(schema=schema)


# --- What rules speak of -----------------------------------------------------------------------

PERIOD = Subject(
    "period",
    {
        **MOBILITIES,
        "number": WHOLE,  # 0, 1, …: periods of one mobility in date order
        "start": DAY,
        "end": DAY,
        "days": WHOLE,
        "country": TEXT,
        "type_code": TEXT,  # 1 exchange, 2 traineeship
        "programme_code": TEXT,
        "level": TEXT,  # incoming: main level here; outgoing: type of the linked right
        # from the parts
        "parts_start": DAY,  # first day of all parts, virtual ones included
        "parts_end": DAY,
        "countries": WHOLE,  # how many countries the physical parts of the mobility lie in
        "host_days": FLAG,  # is any part lived in the other country
        "virtual_from_home": FLAG,
        "virtual_elsewhere": FLAG,
        "virtual_outside": FLAG,  # virtual days before, after or between that are not in the length
        "virtual_between": FLAG,  # virtual days between two physical parts, in the length
        "hybrid": FLAG,  # online study while living in the other country
        "covid_used": FLAG,
        "joining_unknown": FLAG,  # whether parts are one agreed whole is missing, and would matter
        # from study rights and degrees of the person
        "right": KEY,  # the right chosen for the OPH attributes (4.3)
        "right_by": TEXT,  # primacy, link, exchange_right, active_right
        "right_type": TEXT,
        "right_start": DAY,
        "linked_type": TEXT,
        "joint_degree": FLAG,
        "double_degree": FLAG,
        "commissioned": FLAG,
        "adult_spell": FLAG,
        "active_degree_right": FLAG,  # of this institution, on the first day, not graduated before
        "degree_before": DAY,  # latest degree here dated before the first day
        "degree_right_later": DAY,  # earliest start after the first day of a degree right here
        "degree_right_in_common": FLAG,  # an active degree right here shares a day with the period
        "exchange_right_covers": FLAG,  # a type 9 right here has all days of the period
        "degree_of_right": DAY,  # degree dated from the right, first on or after the first day
        "belongs_to": KEY,  # the right whose graduation the period belongs to (A16)
        "belongs_to_start": DAY,
        "degree_date": DAY,  # the degree of the asked graduation year that decides
        "degree_right": KEY,
        "degree_right_start": DAY,
        "degree_here": FLAG,
        "degree_granting_country": TEXT,
        "degree_completed_in": TEXT,
        "periods_same_year": WHOLE,  # periods of the person here that start in the same year
        # what is asked
        "oph_year": WHOLE,
        "tk_year": WHOLE,
    },
)

RIGHT = Subject(
    "study right",
    {
        **STUDY_RIGHTS,
        "duty_institution": TEXT,
        "states_whole": FLAG,  # states cover the right without gap or overlap
        "spells_whole": FLAG,
        "primacy_overlaps": FLAG,
        "given_up_on": DAY,  # the day the double degree aim was given up
        "double_spell_end": DAY,  # last day of the spell classified 7
        "next_spell_start": DAY,
        "other_type": TEXT,  # the type the right is to be changed into
        "policy": TEXT,  # degree_right, exchange_right: how joint programmes are recorded here
        "classifications": CODES,
    },
)

GRADUATE = Subject(
    "graduate",
    {
        "person": KEY,
        "institution": TEXT,
        "degree_date": DAY,
        "periods": WHOLE,
        "long_periods": WHOLE,
        "credits_from_abroad": pl.Float64(),
        "level": TEXT,
    },
)

ATTAINMENT = Subject("attainment", ATTAINMENTS)

STAFF_VISIT = Subject(
    "staff visit",
    {
        "direction": TEXT,
        "hours": pl.Float64(),
        "start": DAY,
        "content": TEXT,
        "ask_year": WHOLE,
    },
)

YEARLY_COUNT = Subject(
    "number of periods by start year",
    {"institution": TEXT, "year": WHOLE, "periods": WHOLE, "periods_next_year": WHOLE},
)

TRANSFER = Subject(
    "transfer to the national warehouse",
    {
        "institution": TEXT,
        "last_transfer": DAY,
        "today": DAY,
        "extraction": DAY,
        "start": DAY,  # of a period, against the extraction
        "frozen_on": DAY,
        "changed_on": DAY,
    },
)

RECORD = Subject(
    "record in a batch",
    {
        "kind": TEXT,  # period, study_right, attainment, enrolment, student
        "sector": TEXT,
        "institution": TEXT,
        "key": KEY,
        "times": WHOLE,  # how often the key stands in the batch
        "previous_key": KEY,
        "in_source": FLAG,  # still there and not cancelled
        "in_batch": FLAG,
        "student_key": KEY,
        "student_known": FLAG,
        "learner_number": TEXT,
        "other_learner_number": TEXT,
        "other_institution": TEXT,
        "field": TEXT,  # name of a field somebody would send
    },
)

PUBLISHED = Subject(
    "published figure",
    {
        "count": WHOLE,
        "periods": WHOLE,
        "graduates": WHOLE,
        "graduates_with_period": WHOLE,
    },
)

# --- What is given back ------------------------------------------------------------------------

PERIODS: Schema = {
    "mobility": KEY,
    "number": WHOLE,
    "person": KEY,
    "institution": TEXT,
    "direction": TEXT,
    "start": DAY,
    "end": DAY,
    "days": WHOLE,
    "country": TEXT,
    "type_code": TEXT,
    "programme_code": TEXT,
    "level": TEXT,
    "classifications": CODES,
    "sent_by_default": FLAG,  # V38, V39; part of the studies
    "right": KEY,  # primary right for the period (4.3)
    "right_by": TEXT,
    "belongs_to": KEY,  # right whose graduation it belongs to (A16)
    "notes": CODES,
}

VERDICTS: Schema = {
    "mobility": KEY,
    "number": WHOLE,  # missing where nothing may be recorded
    "scheme": TEXT,  # oph, tk
    "year": WHOLE,  # the asked year, or the period's own
    "included": FLAG,  # missing: cannot be told
    "kind": TEXT,  # long_outgoing, … for oph; long, short for tk
    "counted_year": WHOLE,
    "reason": TEXT,  # X_… when not included
    "rule": TEXT,  # code of the rule that decided
    "missing": CODES,  # names of what is not known, when it cannot be told
}

"""Code lists: countries, institutions, programmes, types, classifications, academic years.

What belongs here: every list as data with source and day, and typed look-ups. What does not: a
translation between two lists (it lives in the adapter that speaks the foreign one), and anything that
knows Django. Start reading at `lists.py`.
"""

from vaihto.codes.lists import (
    ATTAINMENT_CLASSIFICATION,
    ATTAINMENT_KIND,
    COUNTRY,
    FINLAND,
    FUNDING_SOURCE,
    GENDER,
    HEI,
    ISCED_F,
    LISTS,
    MOBILITY_CLASSIFICATION,
    MOBILITY_DIRECTION,
    MOBILITY_PROGRAMME,
    MOBILITY_TYPE,
    ORGANISATION_ROLE,
    ORGANISATION_SPECIAL,
    REASON,
    STUDY_RIGHT_CLASSIFICATION,
    STUDY_RIGHT_STATE,
    STUDY_RIGHT_TYPE,
    TERM_ENROLMENT_STATE,
    UNKNOWN_COUNTRY,
    Code,
    CodeList,
    country_by_alpha2,
    country_name,
    language_name,
)

__all__ = [
    "ATTAINMENT_CLASSIFICATION",
    "ATTAINMENT_KIND",
    "COUNTRY",
    "FINLAND",
    "FUNDING_SOURCE",
    "GENDER",
    "HEI",
    "ISCED_F",
    "LISTS",
    "MOBILITY_CLASSIFICATION",
    "MOBILITY_DIRECTION",
    "MOBILITY_PROGRAMME",
    "MOBILITY_TYPE",
    "ORGANISATION_ROLE",
    "ORGANISATION_SPECIAL",
    "REASON",
    "STUDY_RIGHT_CLASSIFICATION",
    "STUDY_RIGHT_STATE",
    "STUDY_RIGHT_TYPE",
    "TERM_ENROLMENT_STATE",
    "UNKNOWN_COUNTRY",
    "Code",
    "CodeList",
    "country_by_alpha2",
    "country_name",
    "language_name",
]

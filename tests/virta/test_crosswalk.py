"""Between the records of VIRTA and our facts nothing is lost, and what we change is all that changes."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.virta.documents import everything, period, records
from vaihto.rules.finland import CODE_OF_PROGRAMME
from vaihto.virta import crosswalk
from vaihto.virta.fragments import fragment_of, record_of
from vaihto.virta.records import (
    Liikkuvuusjakso,
    LukukausiIlmoittautuminen,
    Opintosuoritus,
    Opiskelija,
    Opiskeluoikeus,
    Record,
    shape,
)

CODE = "02472"


def _through(record: Record) -> Record:
    """The record after it was read into facts and built again."""
    match record:
        case Opiskelija():
            return crosswalk.student_record(crosswalk.student_facts(record))
        case Opiskeluoikeus():
            return crosswalk.study_right_record(crosswalk.study_right_facts(record))
        case Opintosuoritus():
            facts = crosswalk.attainment_facts(record, institution_code=CODE)
            return crosswalk.attainment_record(facts, institution_code=CODE)
        case LukukausiIlmoittautuminen():
            document = crosswalk.term_enrolment_facts(record).document
            return record_of(document, LukukausiIlmoittautuminen)
        case Liikkuvuusjakso():
            return _period_through(record)
    raise AssertionError


def _period_through(record: Liikkuvuusjakso) -> Liikkuvuusjakso:
    """The period built from the facts as the rules build it where they keep what was brought."""
    facts = crosswalk.mobility_facts(record)
    physical = facts.segments[0]
    assert physical.start is not None
    assert physical.end is not None
    classes = ["a"] if facts.adult_education else []
    if facts.planned_blended:
        classes.append("b")
    return crosswalk.period_record(
        institution_code=record.Myontaja,
        key=facts.key,
        student_key=facts.student_key,
        right_key=facts.right_key,
        start=physical.start,
        end=physical.end,
        direction=facts.direction,
        country=facts.partner_country,
        type_code={"study": "1", "traineeship": "2", "": ""}[facts.purpose],
        programme_code=CODE_OF_PROGRAMME.get(facts.programme, ""),
        level=facts.level,
        classifications=tuple(classes),
        kept_aside=facts.kept_aside,
    )


def _canonical(record: Record) -> str:
    return fragment_of(record)


KINDS = (Opiskelija, Opiskeluoikeus, Opintosuoritus, LukukausiIlmoittautuminen, Liikkuvuusjakso)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_with_every_element_comes_out_as_it_went_in(kind: type[Record]) -> None:
    record = everything(shape(kind), {})

    assert _canonical(_through(record)) == _canonical(record)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    deadline=None,
)
@given(data=st.data())
def test_any_record_comes_out_as_it_went_in(kind: type[Record], data: Any) -> None:
    record = data.draw(records(shape(kind), {}))

    try:
        through = _through(record)
    except crosswalk.NoSuchDay as beyond:
        # The schema knows years of five digits; no calendar of ours does, and we say which day it is.
        named = str(beyond.facts["value"]).strip()
    else:
        assert _canonical(through) == _canonical(record)
        return
    assert len(named.split("-")[0]) > 4


def test_a_plain_record_needs_nothing_kept_aside() -> None:
    assert crosswalk.mobility_facts(period()).kept_aside == {}


def test_changing_a_fact_changes_that_element_and_leaves_what_we_do_not_model() -> None:
    record = everything(shape(Opintosuoritus), {})
    facts = crosswalk.attainment_facts(record, institution_code=CODE)

    changed = crosswalk.attainment_record(
        dataclasses.replace(facts, credits=Decimal("7.5")), institution_code=CODE
    )

    assert changed.Laajuus.Opintopiste == "7.5"
    assert changed.Sisaltyvyys == record.Sisaltyvyys
    assert changed.TKILaajuus == record.TKILaajuus
    assert changed.Arvosana == record.Arvosana


def test_a_spell_that_is_cut_in_two_keeps_its_national_identifier() -> None:
    record = everything(shape(Opiskeluoikeus), {})
    facts = crosswalk.study_right_facts(record)
    first = facts.spells[0]
    cut = date(2020, 1, 1)
    spells = (
        dataclasses.replace(first, start=date(2019, 8, 1), end=cut, classifications=("7",)),
        dataclasses.replace(first, start=date(2020, 1, 2), end=None, classifications=()),
    )
    kept = dataclasses.replace(
        record.Jakso[0],
        AlkuPvm="2019-08-01",
        LoppuPvm=None,
        valtakunnallinenKoulutusmoduulitunniste="N",
    )
    facts = dataclasses.replace(
        facts,
        spells=spells,
        kept_aside={"virta": fragment_of(dataclasses.replace(record, Jakso=(kept,)))},
    )

    changed = crosswalk.study_right_record(facts)

    assert [spell.Luokittelu for spell in changed.Jakso] == [("7",), ()]
    assert [spell.valtakunnallinenKoulutusmoduulitunniste for spell in changed.Jakso] == ["N", "N"]


def test_an_end_in_2112_is_no_end() -> None:
    assert crosswalk.day("2112-12-21") is None


def test_a_missing_completion_date_is_the_last_day_of_the_stay() -> None:
    record = everything(shape(Opintosuoritus), {})
    facts = dataclasses.replace(
        crosswalk.attainment_facts(record, institution_code=CODE), completed_on=None, kept_aside={}
    )

    built = crosswalk.attainment_record(
        facts, institution_code=CODE, missing_completion=date(2024, 1, 20)
    )

    assert built.SuoritusPvm == "2024-01-20"

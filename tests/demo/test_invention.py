"""The invented facts: the same at every run, of every kind, and possible."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from vaihto.demo import alliance, invention, programmes
from vaihto.demo.gathering import Gathered, digest, gather
from vaihto.demo.invention import LARGE, ORDINARY, TINY, TODAY, batches, people
from vaihto.demo.stories import STORIES
from vaihto.mobilities.facts import MobilityFacts


@pytest.fixture(scope="module")
def demo() -> Gathered:
    return gather(people(ORDINARY))


@pytest.fixture(scope="module")
def stays(demo: Gathered) -> list[MobilityFacts]:
    return [fact for records in demo.houses.values() for fact in records.mobilities]


def days_abroad(fact: MobilityFacts) -> int:
    return sum(
        (part.end - part.start).days + 1
        for part in fact.segments
        if part.place == "host" and part.start and part.end
    )


def test_two_inventions_are_the_same_to_the_last_fact(demo: Gathered) -> None:
    assert digest(gather(people(ORDINARY))) == digest(demo)


def test_another_day_invents_another_demo(demo: Gathered) -> None:
    later = gather(people(ORDINARY, today=TODAY + timedelta(days=30)))
    assert digest(later) != digest(demo)


def test_in_batches_the_same_lives_are_told() -> None:
    whole = gather(people(TINY))
    assert digest(gather(batches(TINY, people_each=7))) == digest(whole)


def test_the_alliance_has_nine_members_in_seven_countries_and_two_associates() -> None:
    facts = alliance.institutions()
    members = [fact for fact in facts if fact.membership == "member"]
    assert len(members) == 9
    assert len({fact.country for fact in members}) == 7
    assert sum(fact.membership == "associate" for fact in facts) == 2
    assert all(fact.hei_id.endswith(".example") for fact in facts)


def test_headcounts_of_the_members_add_up_to_the_size_of_the_alliance() -> None:
    members = {house.hei_id for house in alliance.MEMBERS}
    counts = [fact for fact in alliance.headcounts(today=TODAY) if fact.institution in members]
    of_2026 = Counter()
    for fact in counts:
        if fact.year == 2026:
            of_2026[fact.group] += fact.count
    assert of_2026["students"] == 120_000
    assert of_2026["staff"] == 7_000
    assert of_2026["teachers"] + of_2026["other_staff"] == 7_000
    assert {fact.year for fact in counts} == {2021, 2022, 2023, 2024, 2025, 2026}


def test_no_headcount_is_known_before_its_day() -> None:
    years = {fact.year for fact in alliance.headcounts(today=date(2026, 9, 19))}
    assert max(years) == 2025


def test_there_are_about_five_thousand_persons_and_three_thousand_mobilities(
    demo: Gathered,
) -> None:
    counts = demo.count()
    assert 4_600 <= counts["students"] <= 5_200
    assert 2_700 <= counts["mobilities"] <= 3_300
    assert 350 <= counts["visits"] <= 600


def test_mobilities_grow_from_2022_to_2025(stays: list[MobilityFacts]) -> None:
    years = Counter(min(p.start for p in fact.segments if p.start).year for fact in stays)
    assert years[2022] < years[2023] < years[2024] < years[2025]
    assert years[2020] > 20
    assert years[2021] > 20
    assert sum(number for year, number in years.items() if year < 2020) > 5


@pytest.mark.parametrize("days", [5, 6, 86, 87])
def test_some_stay_is_exactly_at_a_limit(stays: list[MobilityFacts], days: int) -> None:
    assert any(days_abroad(fact) == days for fact in stays)


def test_every_kind_of_mobility_occurs_in_both_directions_where_it_can(
    stays: list[MobilityFacts],
) -> None:
    def some(direction: str, holds: object) -> int:
        assert callable(holds)
        return sum(fact.direction == direction and bool(holds(fact)) for fact in stays)

    kinds = {
        "long": lambda fact: days_abroad(fact) >= 87,
        "short": lambda fact: 0 < days_abroad(fact) < 87,
        "virtual": lambda fact: days_abroad(fact) == 0,
        "blended": lambda fact: fact.planned_blended,
        "blended between": lambda fact: len(fact.segments) == 3,
        "hybrid": lambda fact: any(
            p.mode == "virtual" and p.place == "host" for p in fact.segments
        ),
        "traineeship": lambda fact: fact.purpose == "traineeship",
        "combined": lambda fact: fact.purpose == "combined",
        "not part of a degree": lambda fact: fact.part_of_degree is False,
        "pandemic": lambda fact: fact.change_reason == "covid",
        "went home": lambda fact: fact.change_reason == "personal",
        "estimated end passed": lambda fact: fact.end_is_estimate and fact.segments[-1].end < TODAY,
    }
    for name, holds in kinds.items():
        assert some("outgoing", holds), name
        assert some("incoming", holds), name
    assert some("outgoing", lambda fact: days_abroad(fact) > 366)
    assert some("outgoing", lambda fact: fact.nested_in)
    assert some("outgoing", lambda fact: fact.programme == "free_mover")
    assert some("outgoing", lambda fact: fact.programme == "unknown")
    assert some("incoming", lambda fact: not fact.level)
    assert some("incoming", lambda fact: fact.home_degree_abroad is False)
    assert some("incoming", lambda fact: fact.home_degree_abroad is None)


def test_rights_of_every_kind_occur(demo: Gathered) -> None:
    rights = [fact for records in demo.houses.values() for fact in records.rights]
    assert {right.type for right in rights} >= {"1", "2", "3", "4", "6", "7", "9", "13", "18"}
    spells = [spell for right in rights for spell in right.spells]
    classes = {code for spell in spells for code in spell.classifications}
    assert classes >= {"3", "6", "7"}
    assert "4" in {spell.funding_source for spell in spells}
    assert {state.code for right in rights for state in right.states} == {"1", "2", "3", "5"}
    assert any(not right.primacies for right in rights)


def test_no_day_is_reversed(demo: Gathered) -> None:
    for records in demo.houses.values():
        for fact in records.mobilities:
            assert all(p.start <= p.end for p in fact.segments if p.start and p.end), fact.key
        for right in records.rights:
            assert right.end is None or right.start <= right.end, right.key
            for part in (*right.states, *right.spells, *right.primacies):
                assert part.end is None or part.start <= part.end, right.key
        for visit in records.visits:
            assert visit.start <= visit.end, visit.key


def test_keys_are_unique_in_each_institution(demo: Gathered) -> None:
    for hei_id, records in demo.houses.items():
        for kind in ("students", "rights", "employments", "mobilities", "visits", "attainments"):
            keys = Counter(fact.key for fact in getattr(records, kind))
            assert keys.most_common(1)[0][1] == 1, (hei_id, kind, keys.most_common(1))


def test_nobody_has_an_identity_code(demo: Gathered) -> None:
    """A code with its tail could be a real person's."""
    for records in demo.houses.values():
        assert all(not fact.identity_code for fact in records.students)
        assert all(not fact.identity_code for fact in records.employments)


def test_told_persons_have_the_names_of_their_stories(demo: Gathered) -> None:
    for story in STORIES:
        records = demo.at(story.institution)
        holders = {
            fact.key: f"{fact.given_names} {fact.family_name}"
            for fact in (*records.students, *records.employments)
        }
        assert holders[story.key] == story.person
        told = {fact.key for fact in (*records.mobilities, *records.visits)}
        assert story.mobility in told, story.person


def test_every_programme_that_leads_on_leads_to_a_programme() -> None:
    for house, degrees in programmes.DEGREES.items():
        for degree in degrees:
            if degree.leads_to:
                assert (house, degree.leads_to) in programmes.BY_MODULE


def test_the_large_demo_has_the_persons_of_the_alliance_in_prospect() -> None:
    persons = LARGE.copies * sum(
        round(house.degree_students * LARGE.people)
        + round(house.visitors * LARGE.people)
        + round(house.employees * LARGE.people)
        + round(house.employees * LARGE.people * 0.25)
        for house in alliance.HOSTED
    )
    # Who goes from Spain to Czechia has no learner number and is a person at each end: a tenth more.
    assert 124_000 <= persons * 1.09 <= 130_000
    assert invention.SIZES["large"] is LARGE


def test_every_term_enrolment_is_valid_by_the_schema(demo: Gathered, virta_schemas: object) -> None:
    from lxml import etree  # noqa: PLC0415 - only with schemas

    schema = etree.XMLSchema(etree.parse(f"{virta_schemas}/LukukausiIlmoittautumiset.xsd"))
    facts = [fact for records in demo.houses.values() for fact in records.enrolments]
    assert len(facts) > 1_000
    inner = "".join(fact.document for fact in facts[::7])
    space = "urn:mace:funet.fi:virta/2015/09/01"
    whole = f'<LukukausiIlmoittautumiset xmlns="{space}">{inner}</LukukausiIlmoittautumiset>'
    document = etree.fromstring(whole.encode())
    assert schema.validate(document), schema.error_log.last_error
    first = etree.tostring(etree.fromstring(facts[0].document), method="c14n2").decode()
    assert first == facts[0].document

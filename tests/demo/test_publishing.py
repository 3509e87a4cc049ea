"""What the members of the demo publish, and partners that are added to read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vaihto.demo import offers
from vaihto.demo.accounts import NotADemo
from vaihto.demo.alliance import MEMBERS
from vaihto.demo.building import Built
from vaihto.demo.invention import TODAY
from vaihto.demo.partners import add_partners
from vaihto.institutions.completeness import completeness
from vaihto.institutions.models import Institution
from vaihto.institutions.queries import told
from vaihto.offers.models import LearningOpportunity, Realisation
from vaihto.refusals import Refusal

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _demo(db: None, settings: Any) -> None:
    settings.DEMO = True


def test_what_the_demo_publishes_lacks_nothing_partners_need(bare: Built) -> None:
    for one in told(Institution.objects.hosted()):
        for part in completeness(one):
            assert part.required == (), (one.hei_id, part)


def test_every_member_has_courses_to_be_seen_in_both_terms_and_some_to_itself(bare: Built) -> None:
    for house in MEMBERS:
        courses = LearningOpportunity.objects.filter(
            institution__hei_id=house.hei_id, kind="course"
        )
        assert courses.count() >= 24
        assert 18 <= courses.filter(exposed=True).count() < courses.count()
        terms = Realisation.objects.filter(opportunity__in=courses)
        assert set(terms.values_list("term_number", flat=True)) == {1, 2}
        times = [course.realisations.count() for course in courses]
        assert (min(times), max(times)) == (1, 3)
        assert len(set(terms.values_list("language", flat=True))) > 1


def test_the_catalogue_is_the_same_each_time() -> None:
    def told() -> list[object]:
        return [
            fact
            for house in MEMBERS
            for fact in (
                *offers.opportunities(house, frozenset()),
                *offers.realisations(house, TODAY),
            )
        ]

    assert told() == told()


def test_a_partner_is_added_once_to_a_demo_that_is_there(bare: Built) -> None:
    wanted = ["uw.edu.pl", "validator-hei01.developers.erasmuswithoutpaper.eu", "uw.edu.pl"]
    assert add_partners(wanted, now=NOW, is_demo=True) == wanted[:2]
    assert add_partners(wanted, now=NOW, is_demo=True) == []
    partner = Institution.objects.get(hei_id="uw.edu.pl")
    assert (partner.country, partner.hosted) == ("616", False)


def test_a_partner_whose_id_is_none_is_refused() -> None:
    with pytest.raises(Refusal, match="domain name"):
        add_partners(["no id"], now=NOW, is_demo=True)


def test_partners_are_invented_in_demos_only() -> None:
    with pytest.raises(NotADemo):
        add_partners(["uw.edu.pl"], now=NOW, is_demo=False)

"""What is missing or doubtful in what an institution tells: required by the schema, or expected by partners."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.institutions.telling import FACTSHEET, HEALTH, OFFICE, PROFILE, information
from vaihto.institutions.completeness import (
    Weight,
    completeness,
    exposed_parent,
    is_tree,
    of_factsheet,
    of_institution,
    of_units,
)
from vaihto.institutions.facts import FactsheetFacts, Told, UnitFacts
from vaihto.institutions.values import (
    Accessibility,
    Information,
    Link,
    MoreInformation,
    Requirement,
)

ROOT = UnitFacts(
    ounit_id="root", code="UN", name="University", names={"en": "University"}, exposed=True
)
PART = replace(HEALTH, ounit_id="health", parent="root")
WHOLE = Told(
    hei_id="aalto-north.example",
    country="246",
    hosted=True,
    profile=PROFILE,
    root="root",
    units=(ROOT, PART),
    contacts=(OFFICE,),
    factsheet=FACTSHEET,
)


def codes(found) -> list[str]:
    return [gap.code for gap in found.gaps]


def test_an_institution_that_tells_everything_is_wholly_complete() -> None:
    assert [(each.percent, codes(each)) for each in completeness(WHOLE)] == [(100, [])] * 3


def test_every_gap_has_a_sentence_that_can_be_filled_and_a_place() -> None:
    bare = Told(
        hei_id="x.example",
        country="246",
        hosted=True,
        profile=replace(PROFILE, name="", names={}, erasmus_code="X", pic="1"),
        units=(replace(PART, name="", names={}, parent=""),),
        contacts=(replace(OFFICE, emails=(), names={"fi": "Toimisto"}),),
        factsheet=replace(
            FACTSHEET,
            decision_weeks=9,
            transcript_weeks=None,
            requirements=(Requirement(),),
            accessibility=(Accessibility(),),
            more=(MoreInformation(),),
        ),
    )
    gaps = [gap for each in completeness(bare) for gap in each.gaps]
    assert len(gaps) >= 12
    for gap in gaps:
        assert gap.place.page
        assert "%" not in gap.sentence % gap.facts


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"names": {"fi": "Yliopisto"}}, "name-english"),
        ({"erasmus_code": ""}, "erasmus-code"),
        ({"erasmus_code": "SF  LUMILA97"}, "erasmus-code-form"),
        ({"pic": ""}, "pic"),
        ({"pic": "12345678"}, "pic-form"),
        ({"erasmus_charter": ""}, "charter"),
        ({"street_address": replace(PROFILE.street_address, locality="")}, "street-address"),
        ({"website": "", "websites": ()}, "website"),
        ({"factsheet_urls": (Link("https://a.example", "fi"),)}, "factsheet-page"),
        ({"factsheet_urls": ()}, "factsheet-page"),
        ({"catalogue_urls": ()}, "catalogue-page"),
        ({"logo_url": ""}, "logo"),
    ],
)
def test_what_partners_expect_of_an_institution(change, code: str) -> None:
    found = of_institution(replace(WHOLE, profile=replace(PROFILE, **change)))
    assert codes(found) == [code]
    assert found.can_be_published
    assert 0 < found.percent < 100


def test_an_institution_without_any_name_cannot_be_published() -> None:
    found = of_institution(replace(WHOLE, profile=replace(PROFILE, name="", names={})))
    assert not found.can_be_published
    assert [gap.code for gap in found.required] == ["name"]
    assert found.gaps[0].weight is Weight.REQUIRED


def test_contacts_need_an_address_and_an_english_name() -> None:
    assert codes(of_institution(replace(WHOLE, contacts=()))) == ["contact"]
    assert codes(of_institution(replace(WHOLE, contacts=(replace(OFFICE, unit="health"),)))) == [
        "contact"
    ]
    silent = replace(OFFICE, emails=())
    assert codes(of_institution(replace(WHOLE, contacts=(silent,)))) == [
        "contact-email",
        "contact-without-email",
    ]
    assert codes(of_institution(replace(WHOLE, contacts=(OFFICE, silent)))) == [
        "contact-without-email"
    ]
    finnish = replace(OFFICE, names={"fi": "Kansainväliset palvelut"})
    assert codes(of_institution(replace(WHOLE, contacts=(finnish,)))) == ["contact-english"]


def test_a_root_that_partners_do_not_see_is_doubtful() -> None:
    hidden = replace(WHOLE, units=(replace(ROOT, exposed=False), PART))
    assert codes(of_institution(hidden)) == ["root-exposed"]
    assert codes(of_units(hidden)) == ["tree"]
    assert not is_tree(hidden)


def test_units_form_one_tree_or_are_told_flat() -> None:
    assert is_tree(WHOLE)
    astray = replace(WHOLE, units=(ROOT, replace(PART, parent="")))
    assert not is_tree(astray)
    assert codes(of_units(astray)) == ["tree"]
    flat = replace(astray, root="")
    assert codes(of_units(flat)) == []


def test_between_units_that_partners_see_those_they_do_not_see_are_passed_over() -> None:
    middle = replace(PART, ounit_id="middle", code="M", exposed=False)
    leaf = replace(PART, ounit_id="leaf", code="L", parent="middle")
    told = replace(WHOLE, units=(ROOT, middle, leaf))
    assert exposed_parent(leaf, {unit.ounit_id: unit for unit in told.units}) == "root"
    assert is_tree(told)


def test_units_that_lie_below_each_other_do_not_hang_anything() -> None:
    one = replace(PART, ounit_id="a", parent="b", exposed=False)
    two = replace(PART, ounit_id="b", parent="a", exposed=False)
    assert exposed_parent(one, {"a": one, "b": two}) == ""


def test_what_partners_expect_of_units() -> None:
    assert codes(of_units(replace(WHOLE, units=()))) == ["unit"]
    assert codes(of_units(replace(WHOLE, units=(ROOT, replace(PART, names={}))))) == [
        "unit-english"
    ]
    nameless = of_units(replace(WHOLE, units=(ROOT, replace(PART, name="", names={}))))
    assert [gap.code for gap in nameless.required] == ["unit-name"]
    assert codes(of_units(replace(WHOLE, contacts=()))) == ["unit-contact", "unit-contact"]


def test_no_factsheet_lacks_everything_that_is_required() -> None:
    found = of_factsheet(None)
    assert len(found.required) == 4 + 4 * 3 + 2
    assert found.percent == 0
    assert of_factsheet(FactsheetFacts()).gaps == found.gaps


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"nominations_autumn": ""}, "nominations_autumn", "nominations_autumn"),
        ({"applications_spring": ""}, "applications_spring", "applications_spring"),
        (
            {"visa": Information("a@b.example", websites=(Link("https://a.example", "en"),))},
            "visa-phone",
            "visa-phone-e164",
        ),
        ({"visa": replace(information("visa"), email="")}, "visa-email", "visa-email"),
        (
            {"visa": replace(information("visa"), websites=())},
            "visa-websites",
            "visa-websites-0-url",
        ),
        ({"decision_weeks": None}, "decision_weeks", "decision_weeks"),
        ({"transcript_weeks": None}, "transcript_weeks", "transcript_weeks"),
        (
            {"requirements": (Requirement("CV", " "),)},
            "requirement-details",
            "requirements-0-details",
        ),
        (
            {"accessibility": (Accessibility("service", "", "", information("x")),)},
            "accessibility-entry",
            "accessibility-0-name",
        ),
        (
            {"more": (MoreInformation("Sauna", replace(information("x"), email="")),)},
            "more-entry",
            "more-0-information-email",
        ),
    ],
)
def test_what_the_schema_requires_of_a_factsheet(change, code: str, field: str) -> None:
    found = of_factsheet(replace(FACTSHEET, **change))
    assert [(gap.code, gap.place.field) for gap in found.required] == [(code, field)]
    assert not found.can_be_published


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"decision_weeks": 6}, "decision_weeks-long"),
        ({"transcript_weeks": 8}, "transcript_weeks-long"),
        ({"accessibility": ()}, "accessibility"),
        (
            {"visa": replace(information("visa"), websites=(Link("https://a.example", "fi"),))},
            "visa-english",
        ),
        ({"applications_autumn": "03-01"}, "applications_autumn-before-nominations"),
        ({"applications_spring": "09-30"}, "applications_spring-before-nominations"),
    ],
)
def test_what_is_doubtful_in_a_factsheet_does_not_keep_it_back(change, code: str) -> None:
    found = of_factsheet(replace(FACTSHEET, **change))
    assert codes(found) == [code]
    assert found.can_be_published


def test_applications_may_end_after_the_turn_of_the_year() -> None:
    over = replace(FACTSHEET, nominations_spring="12-01", applications_spring="01-15")
    assert codes(of_factsheet(over)) == []

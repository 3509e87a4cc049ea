"""The pages of the catalogue in a real browser: barriers, narrow windows, and work without scripts."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, PageAs, violations
from tests.cast import NOON, Cast, account, role
from vaihto.institutions.values import Link
from vaihto.offers import actions
from vaihto.offers.facts import OpportunityFacts
from vaihto.offers.models import LearningOpportunity, Realisation
from vaihto.people.models import Account, Role


@pytest.fixture
def keeper(people: Cast) -> Account:
    """Keeps the catalogue of the sending institution, in which there is a bit of everything."""
    holder = account("keeper")
    role(holder, Role.Name.ADMINISTRATOR, people.sending)
    facts = {"exposed": True, "isced_code": "0532", "eqf_level": 7, "unit": "ENG"}
    actions.bring_opportunities(
        actor=people.actor(holder),
        institution=people.sending,
        facts=[
            OpportunityFacts(key="P", kind="programme", code="SEA", titles={"en": "Seas"}, **facts),
            OpportunityFacts(
                key="C",
                code="SEA1",
                titles={"es": "Olas", "fi": "Aallot"},
                descriptions={"fi": "Aalloista.", "en": "About waves."},
                addresses=(Link("https://a-long-name.example/with/a/long/path/of/words", "en"),),
                part_of=("P",),
                **facts,
            ),
            OpportunityFacts(key="H", code="HID", titles={"en": "Hidden"}),
            OpportunityFacts(key="G", code="GONE", titles={"en": "Gone"}),
        ],
        now=NOON,
    )
    course = LearningOpportunity.objects.get(key="C")
    Realisation.objects.create(
        opportunity=course,
        loi_id="CRI/1",
        start=NOON.date(),
        end=NOON.date(),
        academic_year="2026/2027",
        grading_labels={"fi": "0–5"},
        results=[["5", 3]],
        credits=[["ects", "7.5", "Master"]],
        language="fi",
    )
    gone = LearningOpportunity.objects.get(key="G")
    actions.withdraw(actor=people.actor(holder), opportunity=gone, now=NOON)
    return holder


def addresses() -> list[str]:
    """Every page of the catalogue."""
    numbers = dict(LearningOpportunity.objects.values_list("key", "pk"))
    taught = Realisation.objects.get().pk
    return [
        *(reverse("offers:offer", args=[pk]) for pk in numbers.values()),
        *(
            reverse(f"offers:{name}", args=args)
            for name, args in (
                ("catalogue", []),
                ("new", []),
                ("edit", [numbers["C"]]),
                ("withdraw", [numbers["C"]]),
                ("parts", [numbers["P"]]),
                ("new-realisation", [numbers["C"]]),
                ("edit-realisation", [taught]),
                ("remove-realisation", [taught]),
            )
        ),
        "/offers/?q=nothing+at+all",
        "/offers/?state=gaps&pick=all&level=7",
        reverse("offers:parts", args=[numbers["P"]]) + "?q=hid",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_catalogue_has_a_barrier_or_breaks_the_policy(
    scheme: str, keeper: Account, page_as: PageAs
) -> None:
    page = page_as(keeper, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    found: list[str] = []
    for address in addresses():
        page.goto(address)
        found += violations(page)
    page.goto("/offers/new")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("This is required and empty.").first).to_be_visible()
    found += violations(page)
    assert found == []
    assert [line for line in said if "Failed to load resource" not in line] == []


def test_strangers_read_the_catalogue_without_barriers(keeper: Account, page_as: PageAs) -> None:
    page = page_as(None)
    page.goto("/sign-in")
    page.get_by_role("link", name="Courses").click()
    expect(page.get_by_role("link", name="Olas")).to_be_visible()
    found = violations(page)
    page.get_by_role("link", name="Olas").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Olas")
    assert [*found, *violations(page)] == []


def test_no_page_of_the_catalogue_is_wider_than_a_narrow_window(
    keeper: Account, page_as: PageAs
) -> None:
    page = page_as(keeper, viewport={"width": 320, "height": 700})
    wide = []
    for address in addresses():
        page.goto(address)
        if page.evaluate(WIDER_THAN_ITS_WINDOW):
            wide.append(address)
    assert wide == []


def test_a_course_is_entered_and_taught_without_scripts(keeper: Account, page_as: PageAs) -> None:
    page = page_as(keeper, java_script_enabled=False)
    page.goto("/offers/new")
    page.get_by_label("Code", exact=False).first.fill("NEW1")
    page.get_by_label("Title", exact=True).first.fill("Small boats")
    page.get_by_role("button", name="Add a language").click()
    expect(page.get_by_label("Title", exact=True).first).to_have_value("Small boats")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Small boats")
    page.get_by_role("link", name="Add a realisation").click()
    page.get_by_label("First day", exact=True).fill("2027-01-11")
    page.get_by_label("Last day", exact=True).fill("2027-05-14")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("table", name="When it is taught")).to_contain_text("11 Jan 2027")
    page.get_by_role("button", name="Show to partners").click()
    expect(page.get_by_role("button", name="Hide")).to_be_visible()
    assert LearningOpportunity.objects.get(code="NEW1").is_published

"""What only a browser can tell: contrast in light and dark, keyboard paths, 320 px, pages without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.cast import NOON, PASSWORD, Cast, account, role
from vaihto.classification.actions import judge_sides
from vaihto.mobilities.models import Mobility
from vaihto.people.models import Account, Role, StudyRightSpell

PageAs = Callable[..., Page]
WIDER_THAN_ITS_WINDOW = (
    "document.documentElement.scrollWidth > document.documentElement.clientWidth"
)
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """What axe finds on the page, a line each."""
    page.wait_for_load_state()  # of a page that a click has led to, only the beginning may be there
    found = Axe().run(page, options={"runOnly": STANDARD}).response["violations"]
    return [
        f"{page.url} {one['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.fixture
def world(people: Cast) -> Cast:
    """The cast with verdicts, a double degree, something that waits, and an administrator."""
    judge_sides(side_ids=[people.outgoing.pk, people.incoming.pk], now=NOON)
    StudyRightSpell.objects.filter(right=people.right).update(classifications=["7"])
    Mobility.objects.filter(pk=people.mobility.pk).update(end_is_estimate=True)
    admin = account("admin", is_operator=True, person=people.student.person)
    role(admin, Role.Name.ADMINISTRATOR, people.sending)
    return people


def addresses(world: Cast) -> list[str]:
    """Every page of the frame and the offices, with what the cast has."""
    side, right, person = world.outgoing.pk, world.right.pk, world.student.person_id
    return [
        reverse(name, args=args)
        for name, args in (
            ("web:turn", []),
            ("web:gallery", []),
            ("web:account", []),
            ("web:password", []),
            ("web:search", []),
            ("student:own", []),
            ("office:mobilities", []),
            ("office:mobility", [world.mobility.pk]),
            ("office:findings", [world.mobility.pk]),
            ("office:mobility-journal", [world.mobility.pk]),
            ("office:correct", [side]),
            ("office:cancel", [side]),
            ("office:purge", [side]),
            ("office:people", []),
            ("office:person", [person]),
            ("office:right", [right]),
            ("office:give-up", [right]),
            ("office:add-right", [world.student.pk]),
            ("office:institutions", []),
            ("office:institution", [world.sending.pk]),
            ("institution:overview", [world.sending.pk]),
            ("institution:profile", [world.sending.pk]),
            ("institution:units", [world.sending.pk]),
            ("institution:unit", [world.sending.pk, world.unit.pk]),
            ("institution:add-contact", [world.sending.pk]),
            ("institution:factsheet", [world.sending.pk]),
            ("institution:preview", [world.sending.pk]),
            ("operations:journal", []),
            ("operations:roles", []),
            ("operations:give-role", []),
            ("operations:work", []),
        )
    ] + ["/search?q=Virtanen", "/no/such/page", "/office/mobilities?year=abc&pick=all"]


@pytest.fixture
def admin(world: Cast) -> Account:
    return Account.objects.get(username="admin")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_barrier_breaks_the_policy_or_runs_over_the_edge(
    scheme: str, world: Cast, admin: Account, page_as: PageAs
) -> None:
    page = page_as(admin, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url} {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url} {error}"))
    found: list[str] = []
    for address in addresses(world):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address)
        found += violations(page)
        page.set_viewport_size({"width": 320, "height": 640})
        if page.evaluate(WIDER_THAN_ITS_WINDOW):
            found.append(f"{page.url} is wider than 320 px")
    assert found == []
    # The browser tells that an input cannot show what was typed into the address; the form says so too.
    expected = ("404 (Not Found)", "The specified value")
    assert [text for text in said if not any(known in text for known in expected)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_before_signing_in(scheme: str, world: Cast, page_as: PageAs) -> None:
    page = page_as(color_scheme=scheme)
    page.goto("/sign-in")
    found = violations(page)
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page.locator("main")).to_contain_text("No account fits this user name and password.")
    assert found + violations(page) == []


def test_the_keyboard_reaches_the_content_first_and_every_stop_is_seen(
    world: Cast, admin: Account, page_as: PageAs
) -> None:
    page = page_as(admin)
    page.goto("/office/mobilities")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _each in range(25):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return [document.activeElement.tagName, s.outlineStyle, parseFloat(s.outlineWidth)]; })()"
        )
        if style[0] == "BODY":
            break
        assert style[1:] == ["solid", 3], style


def test_after_a_refusal_the_summary_has_the_focus_and_leads_to_the_field(
    world: Cast, page_as: PageAs
) -> None:
    page = page_as(world.bruno)
    page.goto(reverse("office:correct", args=[world.outgoing.pk]))
    page.get_by_label("Partner optional").fill("nowhere.example")
    page.get_by_role("button", name="Save the correction").click()
    expect(page.locator("#error-summary")).to_be_focused()
    page.locator("#error-summary a").first.click()
    expect(page.get_by_label("Partner optional")).to_be_focused()


def test_the_enter_key_saves_and_does_not_add_a_row(world: Cast, page_as: PageAs) -> None:
    page = page_as(world.bruno)
    page.goto(reverse("office:correct", args=[world.outgoing.pk]))
    page.get_by_label("Funding").fill("By the key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The mobility was corrected.")


def test_everything_works_without_scripts(world: Cast, page_as: PageAs) -> None:
    page = page_as(java_script_enabled=False)
    page.goto("/office/mobilities")
    page.get_by_label("User name").fill("bruno")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/office/mobilities$"))
    page.get_by_label("State").select_option(label="Cancelled")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody")).to_contain_text("No mobility fits the filters.")
    page.get_by_role("link", name="Clear all").click()
    page.get_by_role("link", name="M-AINO").click()
    page.get_by_role("link", name="Correct", exact=True).click()
    expect(page.get_by_role("button", name="Save the correction")).to_be_visible()
    rows = page.locator(".segment-row").count()
    page.get_by_role("button", name="Add a row").click()
    expect(page.locator(".segment-row")).to_have_count(rows + 1)
    page.get_by_role("button", name="SV").click()
    expect(page.locator("html")).to_have_attribute("lang", "sv")


def test_the_menu_of_a_narrow_window_opens_and_closes_by_key(world: Cast, page_as: PageAs) -> None:
    page = page_as(world.bruno, viewport={"width": 360, "height": 640})
    page.goto("/")
    link = page.get_by_role("link", name="Mobilities", exact=True)
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").press("Enter")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()


def test_one_checkbox_selects_the_page(world: Cast, page_as: PageAs) -> None:
    page = page_as(world.bruno)
    page.goto("/office/mobilities")
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(page.get_by_role("checkbox", name="Select M-AINO")).to_be_checked()


def test_print_shows_the_content_and_not_the_menu(world: Cast, page_as: PageAs) -> None:
    page = page_as(world.bruno)
    page.goto(reverse("office:mobility", args=[world.mobility.pk]))
    page.emulate_media(media="print")
    expect(page.locator("#menu")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_htmx_keeps_to_the_policy(world: Cast, page_as: PageAs) -> None:
    page = page_as(world.bruno)
    page.goto("/")
    assert page.evaluate("htmx.config.includeIndicatorStyles") is False
    assert page.evaluate("htmx.config.allowEval") is False
    assert settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["script-src"] == ["'self'"]

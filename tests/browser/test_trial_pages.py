"""The pages of a test with a partner in a real browser: barriers, narrow windows, dark mode, and no scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import expect
from pytest_django.fixtures import Settings

from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, PageAs, violations
from tests.cast import Cast, account, institution, role
from tests.ewp.test_trials import URL, P, asked, begun, comes, do, known
from vaihto.ewp import registry
from vaihto.ewp.models import Trial
from vaihto.people.models import Account, Role


@pytest.fixture
def holder(people: Cast, settings: Settings) -> Iterator[Account]:
    """Somebody who edits and approves, where one test has ended and one is under way with something wrong."""
    known(URL, settings)
    institution(P, name="Partner University of a Rather Long Name", hosted=False)
    who = account("holder")
    for name in (Role.Name.AGREEMENT_MANAGER, Role.Name.SIGNATORY):
        role(who, name, people.sending)
    before = begun(people.sending)
    do(before, "create")
    Trial.objects.filter(pk=before.pk).update(ended_at=before.started_at, ended_by="Agnes")
    trial = begun(people.sending)
    do(trial, "create")
    assert trial.first is not None
    asked(trial, "iia-cnr", trial.first.iia_id, out=True)
    comes(trial, names=trial.first.iia_id, good=False)
    yield who
    registry.forget()


def addresses() -> list[str]:
    ended, under_way = Trial.objects.order_by("started_at")
    return [
        reverse("network:trials", args=[P]),
        reverse("network:trial", args=[under_way.pk]),
        reverse("network:trial", args=[ended.pk]),
        reverse("network:trial-end", args=[under_way.pk]),
        reverse("network:trial-clean", args=[ended.pk]),
        reverse("agreements:agreement", args=[under_way.first_id]),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_a_test_has_a_barrier_that_a_machine_can_find(
    holder: Account, page_as: PageAs, scheme: str
) -> None:
    page = page_as(holder, color_scheme=scheme)
    found = []
    for address in addresses():
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        found += violations(page)
    assert found == []


def test_no_page_of_a_test_scrolls_sideways_in_a_narrow_window(
    holder: Account, page_as: PageAs
) -> None:
    page = page_as(holder, viewport={"width": 320, "height": 640})
    wide = []
    for address in addresses():
        page.goto(address)
        if page.evaluate(WIDER_THAN_ITS_WINDOW):
            wide.append(address)
    assert wide == []


def test_a_test_is_begun_and_goes_on_without_scripts(
    people: Cast, holder: Account, page_as: PageAs
) -> None:
    Trial.objects.filter(ended_at=None).update(ended_at="2026-11-22T09:00:00Z")
    page = page_as(holder, java_script_enabled=False)
    page.goto(reverse("network:partner", args=[P]))
    page.get_by_role("link", name="Tests of agreements").click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Make it and send word").click()
    expect(page.get_by_text("word of it waits to be sent").first).to_be_visible()


def test_the_page_looks_again_by_itself_and_keeps_the_focus(
    holder: Account, page_as: PageAs
) -> None:
    trial = Trial.objects.get(ended_at=None)
    page = page_as(holder)
    page.goto(reverse("network:trial", args=[trial.pk]))
    page.locator("#look").focus()
    assert trial.first is not None
    comes(trial, names=trial.first.iia_id)
    expect(page.get_by_text("3 of 18 steps are done.")).to_be_visible(timeout=60_000)
    assert page.evaluate("document.activeElement.id") == "look"

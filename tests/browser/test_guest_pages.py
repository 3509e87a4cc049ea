"""The pages of guests and of the office for partners without EWP, in a real browser: barriers, a phone, no scripts."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from tests.agreements.two import both_ways
from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, PageAs, violations
from tests.cast import Cast, account, institution, role
from vaihto.agreements import actions
from vaihto.agreements.models import Agreement
from vaihto.channels import guest
from vaihto.channels.file import bring_signed
from vaihto.channels.models import GuestLink
from vaihto.journal.actors import Actor
from vaihto.people.models import Account, Role

pytestmark = pytest.mark.mail

OFFICE = Actor.system("Agnes Office")


@pytest.fixture
def link(people: Cast) -> GuestLink:
    """Pia's link to an agreement that her university would like otherwise."""
    partner = institution("nowhere.example", name="University of Nowhere", hosted=False)
    ours = people.sending.hei_id
    agreement = actions.create(
        actor=OFFICE, institution=people.sending, partner=partner, now=timezone.now(),
        terms=both_ways(ours, "nowhere.example", other_terms="Nominations by the first of April."),
    )  # fmt: skip
    actions.propose(actor=OFFICE, agreement=agreement, now=timezone.now())
    link = guest.invite(
        actor=OFFICE, agreement=agreement, address="pia@nowhere.example", name="Pia Partner",
        language="en", now=timezone.now(),
    )  # fmt: skip
    seen = Agreement.objects.get(pk=agreement.pk).current
    assert seen is not None
    guest.propose(
        link=link, terms=both_ways(ours, "nowhere.example", people="4"), seen=seen.digest,
        now=timezone.now(), note="Could it be four?",
    )  # fmt: skip
    mail.outbox.clear()
    return link


@pytest.fixture
def manager(people: Cast) -> Account:
    """Keeps agreements and may approve them."""
    holder = account("manager")
    for name in (Role.Name.AGREEMENT_MANAGER, Role.Name.SIGNATORY):
        role(holder, name, people.sending)
    return holder


NAMES = ("agreement", "propose", "approve", "sign", "pass-on", "take-back", "end")


@pytest.mark.parametrize(
    "window",
    [
        {"viewport": {"width": 320, "height": 720}, "java_script_enabled": True},
        {"viewport": {"width": 1200, "height": 800}, "color_scheme": "dark"},
    ],
    ids=["phone", "dark"],
)
def test_guests_meet_no_barrier_and_nothing_is_wider_than_a_phone(
    link: GuestLink, page_as: PageAs, window: dict[str, object]
) -> None:
    page = page_as(**window)
    secret = guest.secret_of(link)
    found: list[str] = []

    def look(name: str) -> None:
        found.extend(violations(page))
        if page.evaluate(WIDER_THAN_ITS_WINDOW):
            found.append(f"{name} is wider than its window")

    page.goto("/g/nothing")
    look("closed")
    page.goto(f"/g/{secret}")
    look("door")
    page.get_by_label("Your e-mail address").fill("eve@nowhere.example")
    page.get_by_role("button", name="Read the agreement").click()
    expect(page.locator("main")).to_contain_text("The link was sent to another address.")
    look("door-wrong")
    page.get_by_label("Your e-mail address").fill("pia@nowhere.example")
    page.get_by_role("button", name="Read the agreement").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("University of Nowhere")
    for name in NAMES:
        page.goto(f"/g/{secret}/{name}")
        look(name)
    assert found == []


def test_a_guest_approves_on_a_phone_without_scripts_in_swedish(
    link: GuestLink, page_as: PageAs
) -> None:
    page = page_as(java_script_enabled=False, viewport={"width": 320, "height": 720})
    page.goto(f"/g/{guest.secret_of(link)}?language=sv")
    page.locator("input[name=address]").fill("pia@nowhere.example")
    page.locator("button.main").click()
    page.locator(f'a[href$="/{guest.secret_of(link)}/approve"]').click()
    page.locator("input[name=function]").fill("Prorektor")
    page.locator("input[name=sure]").check()
    page.locator("button.main").click()
    expect(page).to_have_url(re.compile(r"/agreement$"))
    expect(page.locator("html")).to_have_attribute("lang", "sv")
    taken = Agreement.objects.get(pk=link.agreement_id).taken
    assert taken is not None
    assert taken.mandate == "Prorektor"


def test_the_office_meets_no_barrier(link: GuestLink, manager: Account, page_as: PageAs) -> None:
    agreement = Agreement.objects.get(pk=link.agreement_id)
    assert agreement.current is not None
    bring_signed(
        actor=OFFICE, agreement=agreement, name="signed.pdf", content=b"%PDF-1.7",
        signed_by="R. Rector", mandate="Rector", signed_on=timezone.localdate(),
        seen=agreement.current.digest, now=timezone.now(),
    )  # fmt: skip
    page = page_as(manager, viewport={"width": 320, "height": 720})
    found: list[str] = []
    addresses = [
        reverse(f"without-ewp:{name}", args=[agreement.pk])
        for name in ("links", "papers", "instead")
    ]
    for address in [*addresses, reverse("without-ewp:files")]:
        page.goto(address)
        found += violations(page)
        if page.evaluate(WIDER_THAN_ITS_WINDOW):
            found.append(f"{address} is wider than its window")
    assert found == []

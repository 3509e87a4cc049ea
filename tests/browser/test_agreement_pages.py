"""The pages about agreements in a real browser: barriers, narrow windows, the keyboard, no scripts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.agreements.two import both_ways, studies
from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, PageAs, violations
from tests.cast import NOON, Cast, account, institution, role
from vaihto.agreements import actions
from vaihto.agreements.models import Agreement, ReceivedCopy
from vaihto.agreements.terms import Kind, LanguageSkill, SubjectArea, Terms
from vaihto.institutions.models import Contact
from vaihto.journal.actors import Actor
from vaihto.people.models import Account, Role
from vaihto.web.agreements.contacts import as_stored, contact_of
from vaihto.web.agreements.handover import key_of_shown

US = Actor.system("Agnes")
# Where to put pictures of every page, for those who want to look at them.
PICTURES = os.environ.get("PICTURES_OF_PAGES", "")


def _approve(agreement: Agreement) -> None:
    fresh = Agreement.objects.get(pk=agreement.pk)
    received = fresh.received_copy
    assert received is not None
    assert received.current is not None
    actions.approve(
        actor=US, agreement=fresh, digest=received.current.digest, now=NOON, mandate="Rector"
    )


@pytest.fixture
def world(people: Cast) -> Cast:
    """Agreements in several states, proposals good and bad, partners in several countries."""
    north, vale = people.sending, people.receiving
    terms = both_ways(north.hei_id, vale.hei_id)
    many = Terms(
        (
            *terms.conditions,
            replace(
                studies(vale.hei_id, north.hei_id, kind=Kind.TEACHING, levels=(), blended=None),
                months=None,
                days="10",
                other_terms="Two lectures\nat least",
            ),
        )
    )
    ours = actions.create(
        actor=US, institution=north, partner=vale, terms=many, now=NOON, code="N-2026-1"
    )
    actions.propose(actor=US, agreement=ours, now=NOON)
    received = ReceivedCopy.objects.get(institution=vale)
    theirs = actions.take_in(actor=US, received=received, now=NOON, code="V-17")
    for one in (ours, theirs):
        _approve(one)
    changed = replace(
        many.conditions[0],
        people="5",
        areas=(SubjectArea("0611", "only databases"),),
        skills=(LanguageSkill("en", "C1"), LanguageSkill("fi", "B1", SubjectArea("0613"))),
        months="50.00",
    )
    conditions = (changed, many.conditions[2], replace(many.conditions[1], months="10.00"))
    actions.edit(
        actor=US,
        agreement=Agreement.objects.get(pk=theirs.pk),
        terms=Terms(conditions),
        now=NOON,
    )
    actions.create(
        actor=US, institution=north, partner=vale, terms=Terms(), now=NOON, code="N-empty"
    )
    proposed = actions.create(
        actor=US,
        institution=vale,
        partner=north,
        terms=both_ways(vale.hei_id, north.hei_id, people="4"),
        now=NOON,
    )
    actions.propose(actor=US, agreement=proposed, now=NOON)
    for number, country in enumerate(("724", "276", "276", "250", "392", "752", "233")):
        partner = institution(
            f"p{number}.example", name=f"University {number}", country=country, hosted=False
        )
        actions.create(
            actor=US,
            institution=north,
            partner=partner,
            terms=both_ways(north.hei_id, partner.hei_id, people=str(number + 1)),
            now=NOON,
        )
    waiting = actions.create(
        actor=US,
        institution=north,
        partner=institution("slow.example", name="Slow University", hosted=False),
        terms=both_ways(north.hei_id, "slow.example"),
        now=NOON,
        code="N-slow",
    )
    actions.propose(actor=US, agreement=waiting, now=NOON)
    for place, name in ((north, "Outgoing"), (vale, "Incoming")):
        Contact.objects.create(
            institution=place, names={"en": name}, emails=[f"{name}@example.org"], place=1
        )
    leaving = Contact.objects.get(institution=north)
    actions.edit_particulars(
        actor=US, agreement=waiting, now=NOON, contacts=[as_stored(contact_of(leaving))]
    )
    office = account("nora", name="Nora Northlake")
    role(office, Role.Name.AGREEMENT_MANAGER, north)
    role(office, Role.Name.SIGNATORY, north)
    return people


@pytest.fixture
def nora(world: Cast) -> Account:
    return Account.objects.get(username="nora")


def addresses() -> dict[str, str]:
    one = Agreement.objects.get(code="N-2026-1")
    empty = Agreement.objects.get(code="N-empty")
    received = ReceivedCopy.objects.get(agreement__isnull=True)
    at = "agreements:"
    pages = {
        name: reverse(at + name) for name in ("register", "map", "calendar", "places", "proposals")
    }
    about = ("agreement", "comparison", "edit", "particulars", "factsheets", "approve")
    pages |= {f"one-{name}": reverse(at + name, args=[one.pk]) for name in about}
    slow = Agreement.objects.get(code="N-slow")
    leaving = key_of_shown(contact_of(Contact.objects.get(institution=slow.institution_id)))
    partner = f"{reverse(at + 'new')}?partner={one.partner_id}&from={one.pk}"
    pages |= {
        "empty": reverse(at + "agreement", args=[empty.pk]),
        "empty-edit": reverse(at + "edit", args=[empty.pk]) + "?check=all",
        "chosen": reverse(at + "register") + "?turn=ours&pick=all",
        "new": reverse(at + "new") + "?q=university",
        "new-with": partner,
        "proposal": reverse(at + "proposal", args=[received.pk]) + f"?with={empty.pk}",
        "terminate": reverse(at + "deed", args=[one.pk, "terminate"]),
        "remind": reverse(at + "deed", args=[slow.pk, "remind"]),
        "revert": reverse(at + "deed", args=[one.pk, "revert"]),
        "bulk": reverse(at + "bulk") + f"?pick={one.pk}&people=7&show=yes",
        "handover": reverse(at + "handover") + f"?pick={slow.pk}&old={leaving}&new=nobody&show=yes",
        "turn": "/",
    }
    return pages


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_about_agreements_has_a_barrier_or_runs_over_the_edge(
    scheme: str, world: Cast, nora: Account, page_as: PageAs
) -> None:
    page = page_as(nora, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url} {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url} {error}"))
    found: list[str] = []
    for name, address in addresses().items():
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address)
        found += violations(page)
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}.png", full_page=True)
        page.set_viewport_size({"width": 320, "height": 640})
        if page.evaluate(WIDER_THAN_ITS_WINDOW):
            found.append(f"{page.url} is wider than 320 px")
        if PICTURES and scheme == "light":
            page.screenshot(path=Path(PICTURES) / f"{name}-320.png", full_page=True)
    assert found == []
    assert said == []


def test_an_agreement_is_written_and_proposed_without_scripts(
    world: Cast, nora: Account, page_as: PageAs
) -> None:
    page = page_as(nora, java_script_enabled=False)
    empty = Agreement.objects.get(code="N-empty")
    page.goto(reverse("agreements:edit", args=[empty.pk]))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("fieldset.condition")).to_have_count(2)
    first = page.locator("fieldset.condition").first
    first.get_by_label("First academic year").fill("2026/2027")
    first.get_by_label("Last academic year").fill("2027/2028")
    first.get_by_label("People per year").fill("2")
    first.get_by_label("Language", exact=True).select_option("en")
    page.get_by_role("button", name="Remove the condition 2").click()
    expect(page.locator("fieldset.condition")).to_have_count(1)
    page.get_by_role("button", name="The same in the other direction 1").click()
    expect(page.locator("fieldset.condition")).to_have_count(2)
    page.get_by_role("button", name="Save and propose").click()
    expect(page.get_by_role("status")).to_contain_text("proposed")
    empty.refresh_from_db()
    assert [c.sending for c in empty.terms.conditions] == [
        "aalto-north.example",
        "porto-vale.example",
    ]


def test_contacts_of_a_condition_are_chosen_with_the_keyboard(
    world: Cast, nora: Account, page_as: PageAs
) -> None:
    page = page_as(nora)
    empty = Agreement.objects.get(code="N-2026-1")
    page.goto(reverse("agreements:edit", args=[empty.pk]))
    first = page.locator("fieldset.condition").first
    first.locator("details.named summary").focus()
    page.keyboard.press("Enter")
    first.get_by_label("Outgoing, Outgoing@example.org").press("Space")
    first.get_by_label("First academic year").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Our copy was changed.")
    page.goto(reverse("agreements:agreement", args=[empty.pk]))
    expect(page.locator("#people ~ .sides, .sides").last).to_contain_text("Outgoing@example.org")
    empty.refresh_from_db()
    assert [one.name for one in empty.terms.conditions[0].sending_contacts] == ["Outgoing"]

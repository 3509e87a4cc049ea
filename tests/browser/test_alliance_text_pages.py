"""The pages about agreed texts in a real browser: barriers, narrow windows, and writing one without scripts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.agreements.two import studies
from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, PageAs, violations
from tests.cast import NOON, Cast, account, role
from vaihto.agreements import actions
from vaihto.agreements.alliances import Line
from vaihto.agreements.models import Agreement, AllianceAgreement
from vaihto.agreements.terms import Terms
from vaihto.journal.actors import Actor
from vaihto.people.models import Account, Role

US = Actor.system("Agnes")
CODE = "test-alliance"


@pytest.fixture
def whole(people: Cast) -> AllianceAgreement:
    """A text in force that one copy departs from, and the next one before the members."""
    members = [people.sending, people.receiving, people.third]
    made = actions.begin_alliance_agreement(
        actor=US, alliance=people.alliance, name="Open campus", members=members, now=NOON
    )
    for number, receivers in (("2", ()), ("5", (people.third.hei_id,))):
        line = Line(studies("", "", people=number, other_terms="Short\nstays"), receivers=receivers)
        actions.write_text(
            actor=US, agreement=made, lines=[line, Line(studies("", ""))], now=NOON, note="Why"
        )
        text = actions.put_text(actor=US, agreement=made, now=NOON)
        if number == "2":
            for one in members:
                actions.consent(actor=US, text=text, institution=one, now=NOON)
            actions.follow_text(agreement=made, now=NOON)
    one = Agreement.objects.get(institution=people.sending, partner=people.receiving)
    wish = Terms(tuple(replace(each, people="8") for each in one.terms.conditions[:1]))
    actions.edit(actor=US, agreement=one, terms=wish, now=NOON, note="Repairs")
    holder = account("nora", name="Nora Northlake")
    for name in (Role.Name.AGREEMENT_MANAGER, Role.Name.SIGNATORY):
        role(holder, name, people.sending)
    return made


def at(name: str, *more: object) -> str:
    return reverse(f"alliance:{name}", args=[CODE, *more])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (320, "light")])
@pytest.mark.parametrize("who", ["nora", "secretary"])
def test_no_page_about_agreed_texts_has_a_barrier(
    who: str, width: int, scheme: str, whole: AllianceAgreement, people: Cast, page_as: PageAs
) -> None:
    holder = people.secretary if who == "secretary" else Account.objects.get(username=who)
    page = page_as(holder, viewport={"width": width, "height": 800}, color_scheme=scheme)
    pair = (people.sending.pk, people.receiving.pk)
    pages = [at("agreements"), at("agreement", whole.pk), at("copy", whole.pk, *pair)]
    if who == "secretary":
        pages += [
            at("begin-agreement"),
            at("agreement-members", whole.pk),
            at("take-back", whole.pk),
        ]
    else:
        pages += [at("consent", whole.pk, people.sending.pk), reverse("web:turn")]
    for address in pages:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        assert violations(page) == [], address
        assert page.evaluate(WIDER_THAN_ITS_WINDOW) is False, address


def test_a_text_is_written_and_put_to_the_members_without_scripts(
    people: Cast, page_as: PageAs
) -> None:
    page = page_as(people.secretary, java_script_enabled=False)
    page.goto(at("begin-agreement"))
    page.get_by_label("Name", exact=True).fill("Staff weeks")
    page.get_by_role("button", name="Go on to the conditions").click()
    page.get_by_label("Kind of mobility").select_option("training")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Save and put to the members").click()
    expect(page.get_by_text("The academic year is missing.").first).to_be_visible()
    page.get_by_label("First academic year").fill("2026/2027")
    page.get_by_label("Last academic year").fill("2028/2029")
    page.get_by_label("People per year").fill("3")
    page.get_by_label("Days per year, all staff together").fill("15")
    page.get_by_role("button", name="Save and put to the members").click()
    expect(page.get_by_role("heading", name="Text 1 is before the members")).to_be_visible()
    (line,) = AllianceAgreement.objects.get().texts.get().lines
    assert (line["people"], line["days"], line["sending"]) == ("3", "15", "")

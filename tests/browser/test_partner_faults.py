"""A copy that breaks the rules, and a long spreadsheet under way: without barriers, wide and narrow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.agreements.two import both_ways
from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, PageAs, violations
from tests.cast import Cast, account, role
from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Channel
from vaihto.agreements.terms import Copy, Party
from vaihto.channels import spreadsheet
from vaihto.channels.models import Landing
from vaihto.imports import agreements
from vaihto.journal.actors import Actor
from vaihto.people.models import Account, Role

OFFICE = Actor.system("Agnes Office")


@pytest.fixture
def manager(people: Cast) -> Account:
    """Keeps agreements."""
    holder = account("manager")
    role(holder, Role.Name.AGREEMENT_MANAGER, people.sending)
    return holder


def _faulty_copy(people: Cast) -> str:
    ours, theirs = people.sending.hei_id, people.receiving.hei_id
    terms = both_ways(theirs, ours, first_year="2026-27", people="0")
    copy = Copy(Party(theirs, "P-1", "P/1"), Party(ours), terms)
    document, digest = form().write(copy)
    received = actions.receive_copy(
        actor=OFFICE, institution=people.sending, partner=people.receiving, iia_id="P-1",
        document=document, copy=copy, digest=digest, published=digest, channel=Channel.EWP,
        now=timezone.now(),
    )  # fmt: skip
    return reverse("agreements:proposal", args=[received.pk])


def _long_file(people: Cast, manager: Account) -> str:
    file = spreadsheet.bring(
        actor=people.actor(manager, today=timezone.localdate()), institution=people.sending,
        landing=Landing.OURS, name="agreements of many years.xlsx", content=b"x", digest="d" * 64,
        now=timezone.now(),
    )  # fmt: skip
    work = agreements.begin(actor=people.actor(manager, today=timezone.localdate()), file=file)
    work.total, work.done = 2500, 900
    work.save()
    return reverse("without-ewp:file", args=[file.pk])


@pytest.mark.parametrize("width", [320, 1280])
def test_both_pages_have_no_barriers_and_fit(
    people: Cast, manager: Account, page_as: PageAs, width: int
) -> None:
    page = page_as(manager, viewport={"width": width, "height": 900})
    for name, address in (
        ("faults", _faulty_copy(people)),
        ("waiting", _long_file(people, manager)),
    ):
        page.goto(address)
        assert violations(page) == []
        assert page.evaluate(WIDER_THAN_ITS_WINDOW) is False
        if shots := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=str(Path(shots) / f"{name}-{width}.png"), full_page=True)

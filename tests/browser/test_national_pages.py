"""The pages about files, VIRTA, rehearsals, rules and the alliance in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, PageAs, violations
from tests.cast import NOON, Cast, account, role
from vaihto.classification.actions import judge_sides, propose, try_edition
from vaihto.classification.collections import freeze
from vaihto.imports import actions as imports
from vaihto.imports.models import Batch
from vaihto.institutions.models import Headcount
from vaihto.journal.actors import Actor
from vaihto.mobilities.models import Mobility
from vaihto.people.models import Account, Role
from vaihto.virta import actions

SYSTEM = Actor.system("test")
FILE = (
    "key;student_key;direction;purpose;programme;partner_country;segment_mode;segment_place;"
    "segment_country;segment_start;segment_end\n"
    "M-NEW;AINO-1;outgoing;study;erasmus;724;physical;host;724;2025-09-01;2025-11-26\n"
    "M-BAD;AINO-1;outgoing;study;erasmus;XQ;physical;host;724;2025-09-01;2025-11-26\n"
)


@pytest.fixture
def world(people: Cast) -> Cast:
    """Verdicts, headcounts, a run, a frozen collection, a file with a wrong line, and an edition on trial."""
    Mobility.objects.filter(pk=people.mobility.pk).update(part_of_degree=True)
    judge_sides(side_ids=[people.outgoing.pk, people.incoming.pk], now=NOON)
    for place in (people.sending, people.receiving, people.third):
        for year in (2024, 2025, 2026):
            Headcount.objects.create(
                institution=place,
                year=year,
                group="students",
                count=1000,
                source="register",
                as_of=NOON.date(),
            )
    admin = account("admin", is_operator=True)
    role(admin, Role.Name.ADMINISTRATOR, people.sending)
    role(admin, Role.Name.SECRETARIAT, people.alliance)
    return people


@pytest.fixture
def addresses(world: Cast, tmp_path: Path) -> list[str]:
    """Every page of these audiences, with something on it."""
    run = actions.export(actor=SYSTEM, institution=world.sending, now=NOON)
    again = actions.export(actor=SYSTEM, institution=world.sending, now=NOON)
    kept = freeze(
        actor=SYSTEM,
        institution=world.sending,
        extraction="oph_long_outgoing",
        year=2026,
        now=NOON,
    )
    edition = propose(
        actor=SYSTEM,
        parameters="long_period_minimum:\n  values:\n    1900-01-01: 300\n",
        note="trial",
        now=NOON,
    )
    try_edition(edition=edition)
    batch = brought(world, tmp_path)
    return [
        reverse(name, args=args)
        for name, args in (
            ("imports:batches", []),
            ("imports:choose", []),
            ("imports:bring", ["mobilities"]),
            ("imports:bring", ["virta"]),
            ("imports:batch", [batch.pk]),
            ("virta:runs", []),
            ("virta:ask", []),
            ("virta:run", [run.pk]),
            ("virta:difference", [again.pk]),
            ("virta:collection", [kept.pk]),
            ("rules:list", []),
            ("rules:rule", ["S07"]),
            ("rules:rule", ["Q09"]),
            ("rules:rule", ["E08"]),
            ("rules:editions", []),
            ("rules:edition", [edition.pk]),
            ("alliance:alliance", ["test-alliance"]),
            ("alliance:goals", ["test-alliance"]),
        )
    ] + [
        "/virta/rehearsal?year=2026&collection=oph_long_outgoing",
        "/virta/rehearsal?year=2026&collection=tk&which=left-out",
        "/alliance/test-alliance/participation?year=2025&year=2026",
        "/alliance/test-alliance/participation?by=country&year=2026",
    ]


def brought(world: Cast, folder: Path) -> Batch:
    """A file with a good and a wrong line, read and not confirmed."""
    file = folder / "brought.csv"
    file.write_text(FILE, "utf-8")
    batch = imports.receive(
        actor=SYSTEM,
        institution=world.sending,
        kind="mobilities",
        file=file,
        name="brought.csv",
        now=NOON,
    )
    return imports.make_preview(actor=SYSTEM, batch=batch, now=NOON)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_barrier_or_runs_over_the_edge(
    scheme: str, addresses: list[str], page_as: PageAs
) -> None:
    page = page_as(Account.objects.get(username="admin"), color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url} {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url} {error}"))
    found: list[str] = []
    for address in addresses:
        page.set_viewport_size({"width": 1280, "height": 900})
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
        found += violations(page)
        page.set_viewport_size({"width": 320, "height": 640})
        if page.evaluate(WIDER_THAN_ITS_WINDOW):
            found.append(f"{page.url} is wider than 320 px")
    assert found == []
    assert said == []


def test_a_file_is_brought_without_scripts(world: Cast, page_as: PageAs, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(FILE, "utf-8")
    page = page_as(world.bruno, java_script_enabled=False)
    page.goto(reverse("imports:choose"))
    page.get_by_role("link", name="Student mobilities").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("mine.csv")
    # Nobody works in the background of this test; the page says what waits and can be asked again.
    expect(page.get_by_role("link", name="Look again")).to_be_visible()
    assert Batch.objects.get().state == Batch.State.READ


def test_a_finding_of_a_run_leads_to_the_mobility_by_keyboard(world: Cast, page_as: PageAs) -> None:
    Mobility.objects.filter(pk=world.mobility.pk).update(end_is_estimate=True)
    run = actions.export(actor=SYSTEM, institution=world.sending, now=NOON)
    page = page_as(world.bruno)
    page.goto(reverse("virta:run", args=[run.pk]))
    page.get_by_role("link", name="M-AINO").first.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("M-AINO")

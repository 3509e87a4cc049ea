"""The pages of a test with a partner: beginning, what is to do now, whose fault it is, and the report to take along."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.cast import Cast, account, institution, mobility, role, student
from tests.ewp.test_trials import URL, P, asked, begun, comes, known
from tests.web.conftest import AsSomebody
from tests.web.test_agreements import agreed
from tests.web.test_network import rows, text
from vaihto.ewp import registry
from vaihto.ewp.apis.iias import trials
from vaihto.ewp.models import Trial
from vaihto.ewp.refreshing import PRODUCTION
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.mobilities.queries import uses_of
from vaihto.people.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def us(cast: Cast, settings: Settings) -> Iterator[Institution]:
    known(URL, settings)
    institution(P, name="Partner University", hosted=False)
    yield cast.sending
    registry.forget()


@pytest.fixture
def manager(us: Institution, signed_in: AsSomebody) -> Client:
    """Edits agreements and approves none."""
    who = account("manager")
    role(who, Role.Name.AGREEMENT_MANAGER, us)
    return signed_in(who)


@pytest.fixture
def signatory(us: Institution, signed_in: AsSomebody) -> Client:
    """Approves agreements and edits none."""
    who = account("signatory")
    role(who, Role.Name.SIGNATORY, us)
    return signed_in(who)


def address(name: str, *args: Any) -> str:
    return reverse(f"network:{name}", args=args)


def begin(client: Client, us: Institution, **more: str) -> Any:
    form = {"institution": str(us.pk), "begins": "ours", **more}
    return client.post(address("trials", P), form)


def test_the_partners_page_leads_to_its_tests(us: Institution, manager: Client) -> None:
    page = manager.get(address("partner", P)).content.decode()
    assert address("trials", P) in page
    assert "No test was made yet." in text(manager.get(address("trials", P)))


def test_a_test_is_begun_and_its_first_step_offered(us: Institution, manager: Client) -> None:
    answer = begin(manager, us)
    trial = Trial.objects.get()
    assert answer["location"] == address("trial", trial.pk)
    page = manager.get(answer["location"])
    said = text(page)
    assert "0 of 18 steps are done." in said
    assert "A test agreement is made, and the partner is told (IIA CNR)." in said
    assert [row[1] for row in rows(page, "eighteen")] == ["waits for us", *["later"] * 17]
    manager.post(address("trial-act", trial.pk), {"deed": "create"})
    page = manager.get(address("trial", trial.pk))
    assert "It is done here; word of it waits to be sent." in text(page)
    assert "TEST-" in text(page)


def test_a_second_test_at_the_same_time_is_refused_in_words(
    us: Institution, manager: Client
) -> None:
    begin(manager, us)
    answer = begin(manager, us)
    assert answer.status_code == 400
    assert "A test with Partner University is under way already." in answer.content.decode()
    assert Trial.objects.count() == 1


def test_in_the_real_network_one_says_that_the_partner_knows(
    us: Institution, manager: Client, settings: Settings
) -> None:
    assert "The partner knows of this test" not in text(manager.get(address("trials", P)))
    known(PRODUCTION, settings)
    assert "The partner knows of this test" in text(manager.get(address("trials", P)))
    answer = begin(manager, us)
    assert answer.status_code == 400
    assert "Tell the partner first, and say here that you did." in answer.content.decode()
    assert begin(manager, us, told="on").status_code == 302


def test_readers_see_how_it_stands_and_press_nothing(us: Institution, bruno: Client) -> None:
    trial = begun(us)
    page = bruno.get(address("trial", trial.pk)).content.decode()
    assert "Only those who edit agreements here can do this." in page
    assert "<button id=" not in page
    assert "Begin a test" not in bruno.get(address("trials", P)).content.decode()
    assert bruno.post(address("trial-act", trial.pk), {"deed": "create"}).status_code == 403


def test_a_deed_that_is_not_due_any_more_is_refused_in_words(
    us: Institution, manager: Client
) -> None:
    trial = begun(us)
    answer = manager.post(address("trial-act", trial.pk), {"deed": "edit"}, follow=True)
    assert "the test stands otherwise than when the page was made" in answer.content.decode()


def _approvable(us: Institution) -> Trial:
    """A trial in which only the approvals and their checks are left."""
    trial = begun(us)

    def do(deed: str) -> None:
        trials.act(actor=Actor.system(), trial=trial, deed=deed, now=timezone.now())
        trial.refresh_from_db()

    do("create")
    assert trial.first is not None
    ours = trial.first.iia_id
    asked(trial, "iia-cnr", ours, out=True)
    asked(trial, "iias.get-url", ours, answer=bytes(trial.first.current.document))  # type: ignore[union-attr]
    comes(trial, names=ours)
    for people in ("2", "3"):
        do("edit")
        asked(trial, "iia-cnr", ours, out=True)
        comes(trial, names=ours, people=people)
    trial.first.refresh_from_db()
    asked(trial, "iias.get-url", ours, answer=bytes(trial.first.current.document))  # type: ignore[union-attr]
    do("take-theirs")
    asked(trial, "iia-cnr", ours, out=True)
    return trial


def test_those_with_the_mandate_are_led_to_where_they_read_what_they_approve(
    us: Institution, manager: Client, signatory: Client
) -> None:
    trial = _approvable(us)
    approve = reverse("agreements:approve", args=[trial.first_id])
    page = manager.get(address("trial", trial.pk)).content.decode()
    assert "Only those who may approve agreements here can do this." in page
    assert approve not in page
    assert approve in signatory.get(address("trial", trial.pk)).content.decode()
    agreement = signatory.get(reverse("agreements:agreement", args=[trial.first_id]))
    assert "it only tests the connection" in agreement.content.decode()
    assert address("trial", trial.pk) in agreement.content.decode()


def test_what_is_wrong_is_told_with_whose_fault_it_is_and_the_exchange(
    us: Institution, manager: Client
) -> None:
    trial = begun(us)
    trials.act(actor=Actor.system(), trial=trial, deed="create", now=timezone.now())
    trial.refresh_from_db()
    assert trial.first is not None
    asked(trial, "iia-cnr", trial.first.iia_id, out=True)
    comes(trial, names=trial.first.iia_id, good=False)
    page = manager.get(address("trial", trial.pk))
    (row,) = [row for row in rows(page, "eighteen") if row[0].startswith("8.")]
    assert row[1] == "failed"
    assert "exchange " in row[3]
    assert "The hash published with the copy does not fit its content" in row[4]
    assert "Whose fault: the partner's" in row[4]
    listed = rows(manager.get(address("trials", P)), "Tests so far")
    assert listed[0][3:] == ["something failed", "2 of 18"]


def test_the_report_goes_along_as_a_table_and_on_paper_in_english(
    us: Institution, manager: Client
) -> None:
    trial = begun(us)
    manager.post(address("trial-act", trial.pk), {"deed": "create"})
    manager.post(address("trial-end", trial.pk))
    manager.cookies["language"] = "fi"
    answer: Any = manager.get(address("trial-csv", trial.pk))
    lines = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert len(lines) == 19
    assert lines[0][0] == "Step"
    assert lines[1][1:4] == [
        "We make an agreement and send word of it",
        f"{us.hei_id} (A)",
        "waits for us",
    ]
    assert lines[2][2] == f"{P} (B)"
    paper = manager.get(address("trial-pdf", trial.pk))
    assert paper["content-type"] == "application/pdf"
    assert paper.content.startswith(b"%PDF")


def test_at_the_end_the_report_is_kept_and_the_test_agreements_go_away(
    us: Institution, manager: Client
) -> None:
    trial = begun(us)
    manager.post(address("trial-act", trial.pk), {"deed": "create"})
    assert "The eighteen steps are kept" in text(manager.get(address("trial-end", trial.pk)))
    manager.post(address("trial-end", trial.pk))
    page = manager.get(address("trial", trial.pk)).content.decode()
    assert 'value="look"' not in page
    assert address("trial-clean", trial.pk) in page
    manager.post(address("trial-clean", trial.pk))
    trial.refresh_from_db()
    assert trial.first is not None
    assert trial.first.deleted_at is not None
    assert (
        address("trial-clean", trial.pk)
        not in manager.get(address("trial", trial.pk)).content.decode()
    )


def test_nobody_is_under_a_test_so_it_can_always_be_ended(cast: Cast) -> None:
    """Real mobilities of the same pair and year are not the test's."""
    ours, _theirs = agreed(cast)
    mobility(
        person=student(cast.sending).person,
        sending=cast.sending,
        receiving=cast.receiving,
        start=date(2026, 9, 1),
        end=date(2026, 12, 20),
    )
    assert uses_of(ours) == 1
    ours.is_trial = True
    assert uses_of(ours) == 0

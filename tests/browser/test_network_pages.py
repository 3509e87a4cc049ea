"""The pages about the network in a real browser: barriers, narrow windows, and work without scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.fixtures import Settings

from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, PageAs, violations
from tests.cast import Cast, account, role
from tests.ewp.catalogues import Said, api, catalogue
from tests.ewp.test_dealings import bad, examined, out, soon, waits
from vaihto.ewp import registry
from vaihto.ewp.doctor import Finding, Level
from vaihto.ewp.models import Exchange, Key, PartnerCopy
from vaihto.ewp.protocol.http import Request, Response
from vaihto.ewp.refreshing import refresh
from vaihto.institutions import actions
from vaihto.institutions.facts import AbilityFacts
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor
from vaihto.people.models import Account, Role

VALE, OURS = "porto-vale.example", "aalto-north.example"


@pytest.fixture
def keeper(people: Cast, settings: Settings) -> Account:
    """An operator who keeps the sending institution, in a network in which there is a bit of everything."""
    settings.CATALOGUE_URL = "https://127.0.0.1:9/catalogue.xml"
    now = timezone.now()
    document = catalogue(
        Said(
            [VALE],
            [api("iias", major=7, version="7.0.0", get_url=f"https://{'long-' * 20}x.example/i")],
        ),
        Said(["other.example"], [api("institutions", major=2, url="https://o.example")]),
    )
    refresh(now=now, at_once=True, fetch=lambda _question, _limits: Response(200, (), document))
    registry.forget()
    holder = account("keeper", is_operator=True)
    role(holder, Role.Name.ADMINISTRATOR, people.sending)
    out(people.sending, at=now - timedelta(hours=3), answer=Response(200, (), b"<a><b>c</b></a>"))
    request = Request("POST", "/ewp/x", (("Host", "x" * 300),), b"iia_id=1")
    bad(people.sending, at=now - timedelta(hours=1), request=request, facts={"host": "x.example"})
    waits(OURS, outcome="timeout", outcome_facts={"host": "x.example"}, blame="theirs", attempts=2,
          due_at=now + timedelta(hours=2), first_at=now - timedelta(hours=2))  # fmt: skip
    waits(OURS, state="set-aside", outcome="bad-request", outcome_facts={"status": 400})
    examined(VALE, Finding("echo", "timeout", Level.BAD, {"host": "x.example"}), at=now)
    examined("", soon(3), at=now)
    PartnerCopy.objects.create(hei_id=VALE, api="institutions", document=b"", asked_at=now,
                               failure="timeout", failure_facts={"host": "x.example"})  # fmt: skip
    Key.objects.create(institution=people.sending, purpose="client", fingerprint="f" * 64,
                       created_at=now - timedelta(days=2), signs_from=now - timedelta(days=2))  # fmt: skip
    for name, state, days in (("Spring", "none", 300), ("Autumn", "live", 30)):
        fact = AbilityFacts(institution=OURS, survey_round=name, since=(now - timedelta(days=days)).date(),
                            interface="iias", state=state)  # fmt: skip
        actions.bring_abilities(actor=Actor.system(), facts=[fact], now=now)
    return holder


def addresses(people: Cast) -> list[str]:
    """Every page about the network."""
    newest, oldest = Exchange.objects.order_by("-at").values_list("pk", flat=True)
    aside = Notification.objects.get(state="set-aside").pk
    key = Key.objects.get().pk
    own = people.sending.pk
    return [
        *(
            reverse(f"network:{name}", args=[VALE])
            for name in (
                "partner", "partner-apis", "partner-told", "partner-examination", "partner-ticket",
            )
        ),
        *(
            reverse(f"network:{name}", args=args)
            for name, args in (
                ("partners", []),
                ("exchanges", []),
                ("exchange", [newest]),
                ("exchange-content", [newest]),
                ("exchange-content", [oldest]),
                ("notifications", []),
                ("notification", [aside]),
                ("dismiss", [aside]),
                ("matrix", ["test-alliance"]),
                ("rounds", ["test-alliance"]),
                ("difference", ["test-alliance"]),
                ("abilities", ["test-alliance", own]),
                ("answer", ["test-alliance", own]),
                ("node", []),
                ("manifest", [own]),
                ("create-key", []),
                ("withdraw-key", [key]),
            )
        ),
        reverse("network:roll-key", args=[str(own)]) + "?purpose=client",
        "/network/?q=nobody+at+all",
        "/network/exchanges?outcome=bad&since=2020-01-01",
        "/network/members/test-alliance?all=yes",
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_barrier_that_a_machine_can_find(
    people: Cast, keeper: Account, page_as: PageAs, scheme: str
) -> None:
    page = page_as(keeper, color_scheme=scheme)
    found = []
    for address in addresses(people):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        found += violations(page)
    assert found == []


def test_no_page_scrolls_sideways_in_a_narrow_window(
    people: Cast, keeper: Account, page_as: PageAs
) -> None:
    page = page_as(keeper, viewport={"width": 320, "height": 640})
    wide = []
    for address in addresses(people):
        page.goto(address)
        if page.evaluate(WIDER_THAN_ITS_WINDOW):
            wide.append(address)
    assert wide == []


def test_from_your_turn_to_a_notification_that_is_sent_again_without_scripts(
    people: Cast, keeper: Account, page_as: PageAs
) -> None:
    page = page_as(keeper, java_script_enabled=False)
    page.goto("/")
    page.get_by_role("link", name="Word of agreements with porto-vale.example").first.click()
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("It is tried now.")).to_be_visible()
    assert not Notification.objects.filter(state="set-aside").exists()

"""The pages that explain the network: what each role sees, what is hidden, and that their buttons work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.cast import NOON, Cast, account, institution, role
from tests.ewp.catalogues import Said, api, catalogue
from tests.ewp.test_dealings import bad, examined, out, soon, waits
from tests.web.conftest import AsSomebody
from vaihto.ewp import examining, keys, registry
from vaihto.ewp.doctor import Finding, Level
from vaihto.ewp.models import Catalogue, Exchange, Key, PartnerCopy
from vaihto.ewp.protocol.http import Request, Response
from vaihto.ewp.refreshing import refresh
from vaihto.institutions import actions
from vaihto.institutions.facts import AbilityFacts
from vaihto.institutions.models import Capability, Membership
from vaihto.jobs.models import Notification, Work
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.people.models import Role

pytestmark = pytest.mark.django_db

VALE = "porto-vale.example"
OURS = "aalto-north.example"
URL = "https://127.0.0.1:9/catalogue.xml"


@pytest.fixture
def listed(cast: Cast, settings: Settings) -> Iterator[Cast]:
    """The cast in a network: a member, somebody else we know, and sixty others in the catalogue."""
    settings.CATALOGUE_URL = URL
    institution("known.example", name="Known University", hosted=False)
    iias = api("iias", major=7, version="7.0.0", get_url="https://node.example/iias")
    data = api("institutions", major=2, version="2.2.0", url="https://node.example/i")
    hosts = [
        Said([VALE], [iias, data, api("echo", major=2)], provider="Node of Vale"),
        Said(["known.example"], [data], other={"known.example": [("erasmus", "XX KNOWN01")]}),
        *(Said([f"other{number:02}.example"], [iias]) for number in range(60)),
    ]
    document = catalogue(*hosts)
    done = refresh(
        now=timezone.now(),
        at_once=True,
        fetch=lambda _question, _limits: Response(200, (), document),
    )
    assert done.outcome == "changed"
    registry.forget()
    yield cast
    registry.forget()


@pytest.fixture
def manager(cast: Cast, signed_in: AsSomebody) -> Client:
    """The agreement manager of the sending institution."""
    who = account("manager")
    role(who, Role.Name.AGREEMENT_MANAGER, cast.sending)
    return signed_in(who)


@pytest.fixture
def operator(cast: Cast, signed_in: AsSomebody) -> Client:
    return signed_in(cast.operator)


@pytest.fixture
def dara(cast: Cast, signed_in: AsSomebody) -> Client:
    """Staff of a third institution, with no business between the other two."""
    return signed_in(cast.dara)


def address(name: str, *args: Any, **query: str) -> str:
    return reverse(f"network:{name}", args=args, query=query or None)


def text(answer: Any) -> str:
    from lxml import html  # noqa: PLC0415 - slow import

    assert answer.status_code == 200, answer.status_code
    main = html.fromstring(answer.content.decode()).xpath("//main")[0]
    return " ".join(main.text_content().split())


def rows(answer: Any, caption: str) -> list[list[str]]:
    """The cells of the table of that caption."""
    from lxml import html  # noqa: PLC0415 - slow import

    page = html.fromstring(answer.content.decode())
    (table,) = [one for one in page.xpath("//table") if caption in one.xpath("string(caption)")]
    return [
        [" ".join(cell.text_content().split()) for cell in row.xpath("th|td")]
        for row in table.xpath("tbody/tr")
    ]


# Partners --------------------------------------------------------------------------------------


def test_those_we_know_come_first_and_everybody_else_in_pages(listed: Cast, bruno: Client) -> None:
    answer = bruno.get(address("partners"))
    known = [row[0] for row in rows(answer, "that we know")]
    assert known[-1].startswith("Known University")  # members before
    assert any(name.startswith("University of Vale") for name in known[:3])
    others = rows(answer, "Everybody else")
    assert len(others) == 50
    assert others[0][0].startswith("University of other00.example")
    assert "Agreements 7.0.0" in others[0][2]
    assert "Rows 1 to 50 of 60" in text(answer)


@pytest.mark.parametrize("words", ["known univ", "KNOWN.ex", "xx known01"])
def test_a_partner_is_found_by_name_id_or_erasmus_code(
    listed: Cast, bruno: Client, words: str
) -> None:
    answer = bruno.get(address("partners", q=words))
    assert [row[0].split()[0] for row in rows(answer, "that we know")] == ["Known"]
    assert "Nobody else in the catalogue fits." in text(answer)


def test_partners_are_narrowed_by_what_they_offer(listed: Cast, bruno: Client) -> None:
    answer = bruno.get(address("partners", api="echo"))
    assert [row[0].split()[-1] for row in rows(answer, "that we know")] == [VALE]


def test_the_list_says_how_it_goes_as_far_as_one_may_know(
    listed: Cast, bruno: Client, dara: Client
) -> None:
    bad(listed.sending, at=timezone.now() - timedelta(hours=2))
    waits(OURS)
    waits(OURS, state="set-aside")

    def vale(client: Client) -> list[str]:
        found = rows(client.get(address("partners", q="vale")), "that we know")
        return found[0][3:]

    asked, asks, waiting, aside = vale(bruno)
    assert asked.endswith("ago failed")
    assert waiting.startswith("1 the oldest came")
    assert (asks, aside) == ("–", "1")
    assert vale(dara) == ["–", "–", "–", "–"]


def test_the_list_costs_the_same_with_one_partner_and_with_many(
    listed: Cast, bruno: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            bruno.get(address("partners"))
        return len(found)

    for partner in (VALE, "other01.example"):
        out(listed.sending, partner=partner)
        waits(OURS, partner=partner)
    one = queries()
    for partner in ("known.example", "third.example", "other02.example", "other03.example"):
        out(listed.sending, partner=partner)
        waits(OURS, partner=partner)
    assert queries() == one
    assert one < 30


def test_an_unknown_partner_is_not_there(listed: Cast, bruno: Client) -> None:
    for name in ("partner", "partner-apis", "partner-told", "partner-examination"):
        assert bruno.get(address(name, "nobody.example")).status_code == 404


def test_a_partner_says_what_fails_whose_fault_it_is_and_what_to_do(
    listed: Cast, bruno: Client, dara: Client
) -> None:
    bad(listed.sending, at=timezone.now(), facts={"host": "node.example"})
    page = text(bruno.get(address("partner", VALE)))
    assert "node.example took the request and did not answer in time." in page
    assert "It is tried again by itself." in page
    assert "the partner's" in page
    assert "ewp@provider.example" in page
    assert "did not answer in time" not in text(dara.get(address("partner", VALE)))


def test_what_a_partner_wrote_to_developers_is_for_those_who_may_read_contents(
    listed: Cast, bruno: Client, manager: Client
) -> None:
    facts = {"status": 400, "message": "Aino is unknown"}
    one = bad(listed.sending, at=timezone.now(), outcome="bad-request", blame="ours", facts=facts)
    row = waits(OURS, state="set-aside", outcome="bad-request", outcome_facts=facts)
    for where in (
        address("partner", VALE),
        address("exchanges"),
        address("exchange", one.pk),
        address("notifications", view="set-aside"),
        address("notification", row.pk),
    ):
        assert "Aino" not in text(bruno.get(where)).partition("Text for the partner")[0], where
    assert "Aino is unknown" in text(manager.get(address("exchange", one.pk)))
    assert "Aino is unknown" in text(manager.get(address("notification", row.pk)))


def test_entries_of_the_catalogue_are_shown_with_their_security(
    listed: Cast, bruno: Client
) -> None:
    answer = bruno.get(address("partner-apis", VALE))
    assert rows(answer, "Node of Vale")[1] == [
        "Agreements iias",
        "7.0.0",
        "signed answers are signed",
        "–",
        "get-url: https://node.example/iias",
    ]


def test_what_a_partner_tells_is_shown_with_its_age_and_the_last_failure(
    listed: Cast, bruno: Client
) -> None:
    now = timezone.now()
    PartnerCopy.objects.create(
        hei_id=VALE,
        api="institutions",
        document=_institution_document(),
        digest="d",
        fetched_at=now - timedelta(days=4),
        changed_at=now - timedelta(days=9),
        asked_at=now - timedelta(hours=1),
        failure="timeout",
        failure_facts={"host": "node.example"},
    )
    page = text(bruno.get(address("partner-told", VALE)))
    assert "The partner last confirmed it 4 days ago." in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "University of Vale (en)" in page
    assert "node.example took the request and did not answer in time." in page
    assert "old" in page
    assert "The partner does not offer this in the catalogue." in page  # no factsheet


def _institution_document() -> bytes:
    from vaihto.ewp.apis.institutions.messages import (  # noqa: PLC0415 - only here
        Hei,
        InstitutionsResponse,
    )

    return InstitutionsResponse((Hei(VALE, (("en", "University of Vale"),)),)).write()


def test_fetching_now_is_background_work(listed: Cast, bruno: Client, dara: Client) -> None:
    answer = bruno.post(address("partner-fetch", VALE))
    work = Work.objects.get(kind="ewp.partner")
    assert answer.headers["Location"] == reverse("web:work", args=[work.pk])
    assert f"Asking {VALE} for what it publishes" in text(bruno.get(answer.headers["Location"]))
    assert bruno.post(address("partner-fetch", VALE)).status_code == 400  # it is being asked
    assert dara.post(address("partner-fetch", VALE)).status_code == 403


def test_a_test_of_a_partner_is_background_work_and_its_findings_are_words(
    listed: Cast, manager: Client, bruno: Client
) -> None:
    answer = manager.post(address("partner-examine", VALE))
    assert answer.status_code == 302
    assert Work.objects.filter(kind=examining.KIND, subject_id=VALE).count() == 1
    assert bruno.post(address("partner-examine", VALE)).status_code == 403
    Work.objects.all().delete()
    examined(
        VALE,
        Finding(f"{VALE}: echo", "echo-good", Level.GOOD, {"hei_ids": OURS}),
        Finding(f"{VALE}: iias", "timeout", Level.BAD, {"host": "node.example"}),
    )
    found = rows(bruno.get(address("partner-examination", VALE)), "What was found")
    assert [row[1] for row in found] == ["does not work", "good"]
    assert "node.example took the request and did not answer in time." in found[0][2]
    assert f"A signed echo came back, signed and naming {OURS}." in found[1][2]


def test_a_ticket_is_there_when_something_fails(listed: Cast, bruno: Client) -> None:
    where = address("partner-ticket", VALE)
    assert "there is nothing to tell" in text(bruno.get(where))
    bad(
        listed.sending,
        at=timezone.now(),
        request=Request("GET", "/ewp?omobility_id=ESI-4711"),
        facts={"host": "node.example"},
    )
    page = text(bruno.get(where))
    assert "node.example took the request" in page
    assert "omobility_id" in page
    assert "ESI-4711" not in page
    assert "Send it to the technical contact: ewp@provider.example" in page


# Exchanges -------------------------------------------------------------------------------------


def test_the_log_is_searched(listed: Cast, bruno: Client) -> None:
    # What is rare is looked for in the last days only.
    noon = (timezone.localtime() - timedelta(days=1)).replace(hour=12)
    good = out(listed.sending, at=noon, request=Request("GET", "/e", (("X-Request-Id", "r-1"),)))
    failed = bad(
        listed.sending, at=noon - timedelta(days=2), api="factsheet", partner="known.example"
    )

    def found(**query: str) -> set[int]:
        answer = bruno.get(address("exchanges", **query))
        return {
            pk for pk in (good.pk, failed.pk) if address("exchange", pk) in answer.content.decode()
        }

    assert found() == {good.pk, failed.pk}
    for query, expected in (
        ({"partner": "Known Univ"}, failed),
        ({"partner": VALE}, good),
        ({"api": "factsheet"}, failed),
        ({"outcome": "bad"}, failed),
        ({"outcome": "theirs"}, failed),
        ({"outcome": "good"}, good),
        ({"status": "200"}, good),
        ({"since": f"{noon:%F}"}, good),
        ({"until": f"{noon - timedelta(days=1):%F}"}, failed),
        ({"request_id": "r-1"}, good),
        ({"direction": "out", "partner": "vale"}, good),
    ):
        assert found(**query) == {expected.pk}, query
    assert found(institution=OURS) == {good.pk, failed.pk}
    assert found(direction="in") == set()
    assert found(outcome="ours") == set()


def test_what_is_rare_is_looked_for_in_the_last_days_unless_a_day_is_named(
    listed: Cast, bruno: Client
) -> None:
    out(listed.sending, api="factsheet", at=timezone.now() - timedelta(days=90))
    said = "Only the last 30 days are looked through"
    page = text(bruno.get(address("exchanges", api="factsheet")))
    assert said in page
    assert "No exchange fits." in page
    page = text(bruno.get(address("exchanges", api="factsheet", since="2020-01-01")))
    assert said not in page
    assert "Rows 1 to 1 of 1" in page


def test_pages_of_one_partners_exchanges_go_through_both_directions(
    listed: Cast, bruno: Client
) -> None:
    for number in range(60):
        out(listed.sending, at=NOON - timedelta(minutes=number))
    answer = bruno.get(address("exchanges", partner=VALE))
    assert "Rows 1 to 50 of 60" in text(answer)
    from lxml import html  # noqa: PLC0415 - slow import

    (onward,) = html.fromstring(answer.content.decode()).xpath("//a[text()='Next']/@href")
    assert "Rows 51 to 60 of 60" in text(bruno.get(onward))


def test_the_log_costs_the_same_with_one_exchange_and_with_three(
    listed: Cast, bruno: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            bruno.get(address("exchanges"))
        return len(found)

    out(listed.sending)
    one = queries()
    out(listed.sending)
    bad(listed.sending)
    assert queries() == one


def content(cast: Cast) -> Exchange:
    """A question by form with an answer in XML."""
    return out(
        cast.sending,
        request=Request(
            "POST",
            "/ewp/x",
            (("Host", "node.example"), ("Content-Type", "application/x-www-form-urlencoded")),
            b"iia_id=Leakable",
        ),
        answer=Response(200, (("Content-Type", "text/xml"),), b"<a><b>Aino &amp; Olli</b></a>"),
    )


def test_the_content_is_for_few_and_each_opening_is_written_down(
    listed: Cast, manager: Client, operator: Client, bruno: Client
) -> None:
    one = content(listed)
    assert bruno.get(address("exchange", one.pk)).status_code == 200
    assert "Leakable" not in bruno.get(address("exchange", one.pk)).content.decode()
    assert bruno.get(address("exchange-content", one.pk)).status_code == 403
    assert Entry.objects.filter(verb="ewp.exchange-opened").count() == 0
    for client in (manager, operator):
        page = text(client.get(address("exchange-content", one.pk)))
        for words in (
            "POST /ewp/x",
            "node.example",
            "iia_id",
            "Leakable",
            "<b>Aino &amp; Olli</b>",
        ):
            assert words in page
    assert Entry.objects.filter(verb="ewp.exchange-opened").count() == 2


def test_the_bytes_are_taken_along_as_they_crossed_the_wire(
    listed: Cast, manager: Client, bruno: Client
) -> None:
    one = content(listed)
    for part, expected in (
        ("request", b"iia_id=Leakable"),
        ("answer", b"<a><b>Aino &amp; Olli</b></a>"),
    ):
        answer: Any = manager.get(address("exchange-raw", one.pk, part))
        assert answer.content == expected
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert bruno.get(address("exchange-raw", one.pk, part)).status_code == 403
    reasons = Entry.objects.filter(verb="ewp.exchange-opened").values_list("reason", flat=True)
    assert sorted(reasons) == ["answer", "request"]
    assert manager.get(address("exchange-raw", one.pk, "other")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00\xff\xfe", b"<broken", b"<!DOCTYPE x [<!ENTITY e 'x'>]><x>&e;</x>", b"x" * 300_000],
)
def test_whatever_stood_in_a_body_can_be_looked_at(
    listed: Cast, manager: Client, body: bytes
) -> None:
    one = out(listed.sending, answer=Response(200, (), body))
    assert manager.get(address("exchange-content", one.pk)).status_code == 200


def test_a_packed_answer_is_shown_unpacked(listed: Cast, manager: Client) -> None:
    import gzip  # noqa: PLC0415 - only here

    packed = Response(200, (("Content-Encoding", "gzip"),), gzip.compress(b"<a>plain</a>"))
    page = text(manager.get(address("exchange-content", out(listed.sending, answer=packed).pk)))
    assert "<a>plain</a>" in page
    assert "packed on its way" in page


# Notifications ---------------------------------------------------------------------------------


def test_sending_again_is_done_by_who_keeps_the_institution(
    listed: Cast, manager: Client, bruno: Client
) -> None:
    row = waits(OURS, state="set-aside", outcome="bad-request", due_at=NOON - timedelta(days=1))
    assert bruno.post(address("send-again", row.pk)).status_code == 403
    answer = manager.post(address("send-again", row.pk))
    assert answer.headers["Location"] == address("notification", row.pk)
    row.refresh_from_db()
    assert row.state == Notification.State.WAITING
    assert Entry.objects.about(row).get().verb == "sent again"


def test_what_has_ended_is_sent_anew_as_another(listed: Cast, operator: Client) -> None:
    row = waits(OURS, state="expired", ended_at=NOON)
    answer = operator.post(address("send-again", row.pk))
    fresh = Notification.objects.get(state="waiting")
    assert fresh.pk != row.pk
    assert answer.headers["Location"] == address("notification", fresh.pk)


def test_letting_rest_needs_a_reason(listed: Cast, manager: Client) -> None:
    row = waits(OURS, state="set-aside")
    assert manager.post(address("dismiss", row.pk), {"reason": ""}).status_code == 200
    row.refresh_from_db()
    assert row.state == "set-aside"
    assert (
        manager.post(address("dismiss", row.pk), {"reason": "Told by telephone"}).status_code == 302
    )
    row.refresh_from_db()
    assert row.state == "dismissed"
    assert Entry.objects.about(row).get().reason == "Told by telephone"
    assert manager.post(address("dismiss", row.pk), {"reason": "Again"}).status_code == 409


def test_all_that_waits_for_a_partner_is_tried_at_once(
    listed: Cast, manager: Client, dara: Client
) -> None:
    later = timezone.now() + timedelta(hours=5)
    mine = [waits(OURS, due_at=later), waits(OURS, due_at=later)]
    others = waits("third.example", due_at=later)
    away = waits(OURS, due_at=later, claimed_until=later, claimed_by="worker")
    assert dara.post(address("partner-send", VALE)).status_code == 403
    assert manager.post(address("partner-send", VALE)).status_code == 302
    for row in mine:
        row.refresh_from_db()
        assert row.due_at < later
    for row in (others, away):
        row.refresh_from_db()
        assert row.due_at == later


def test_notifications_are_seen_by_their_own_office_in_three_views(
    listed: Cast, bruno: Client, dara: Client
) -> None:
    waits(OURS, outcome="partner-failed", outcome_facts={"status": 502, "message": "x"})
    waits(OURS, state="set-aside")
    waits(OURS, state="done", ended_at=NOON)
    for view, state in (("", "waiting"), ("set-aside", "set aside"), ("ended", "arrived")):
        (row,) = rows(bruno.get(address("notifications", view=view)), "Notifications")
        assert row[4] == state
        assert rows(dara.get(address("notifications", view=view)), "Notifications") == [
            ["Nothing here."]
        ]


# Own node --------------------------------------------------------------------------------------


def test_keys_are_made_and_rolled_over_on_pages(listed: Cast, operator: Client) -> None:
    place = str(listed.sending.pk)
    form = {"place": place, "purpose": "client"}
    assert operator.post(address("create-key"), form).status_code == 302
    first = Key.objects.get()
    assert operator.post(address("create-key"), form).status_code == 400  # there is one
    wrong = operator.post(address("create-key"), {"place": "shared", "purpose": "client"})
    assert "belongs to exactly one institution" in text(wrong)
    where = address("roll-key", place, purpose="client")
    assert "published at once beside the old one" in text(operator.get(where))
    assert operator.post(where).status_code == 302
    assert operator.post(where).status_code == 400  # it is under way
    states = {
        row[2].replace(" ", ""): row[3] for row in rows(operator.get(address("node")), "Keys")
    }
    second = Key.objects.exclude(pk=first.pk).get()
    assert states == {first.fingerprint: "signs", second.fingerprint: "will sign"}
    assert operator.post(address("withdraw-key", second.pk), {"reason": ""}).status_code == 200
    gone = operator.post(address("withdraw-key", second.pk), {"reason": "Lost a backup"})
    assert gone.status_code == 302
    second.refresh_from_db()
    assert second.withdrawn_at is not None
    assert second.private == ""
    assert operator.get(address("withdraw-key", second.pk)).status_code == 404


def test_the_node_page_tells_what_the_registry_knows(listed: Cast, operator: Client) -> None:
    found = {
        row[0].split()[-1]: row[1:4] for row in rows(operator.get(address("node")), "hosted here")
    }
    assert found[VALE][0] == "yes"
    assert "iia-cnr" in found[VALE][2]  # announced and not listed
    assert found[OURS][0] == "no"


def test_a_registry_that_does_not_answer_is_said_and_nothing_is_lost(
    listed: Cast, operator: Client
) -> None:
    answer = operator.post(address("refresh-catalogue"), follow=True)
    assert "The registry could not be asked." in text(answer)
    assert Catalogue.objects.get().digest


def test_the_manifest_is_shown_or_why_there_is_none(
    listed: Cast, operator: Client, settings: Settings
) -> None:
    settings.PUBLIC_URL = "http://localhost"
    where = address("manifest", listed.sending.pk)
    assert "a manifest needs one with https" in text(operator.get(where))
    settings.PUBLIC_URL = "https://node.example"
    page = text(operator.get(where))
    assert f"https://node.example/ewp/{OURS}/echo/v2" in page


# Who can do what -------------------------------------------------------------------------------


def answered(cast: Cast, state: str, *, when: tuple[str, date], interface: str = "iias") -> None:
    fact = AbilityFacts(
        institution=OURS, survey_round=when[0], since=when[1], interface=interface, state=state
    )
    actions.bring_abilities(actor=Actor.system(), facts=[fact], now=NOON)


SPRING, AUTUMN = ("Spring", date(2025, 4, 15)), ("Autumn", date(2026, 10, 5))


def test_the_matrix_believes_the_catalogue_and_shows_the_survey_beside(
    listed: Cast, dara: Client
) -> None:
    answered(listed, "none", when=AUTUMN, interface="courses")
    answer = dara.get(address("matrix", "test-alliance"))
    found = {row[0]: row[1:] for row in rows(answer, "Interfaces by institution")}
    from lxml import html  # noqa: PLC0415 - slow import

    page = html.fromstring(answer.content.decode())
    heads = [" ".join(one.text_content().split()) for one in page.xpath("//thead//th")]
    agreements = heads.index("Agreements iias") - 1
    courses = heads.index("Courses courses") - 1
    assert found["University of Vale"][agreements].startswith("Testing 7.0.0, since")
    assert found["University of Vale"][agreements].endswith("catalogue")
    assert found["University of Northlake"][courses] == "None since 5 Oct 2026, Autumn"
    assert found["University of Northlake"][agreements] == "Not known"
    assert page.xpath("//table/caption") != []
    assert {one.get("scope") for one in page.xpath("//table//th")} == {"col", "row"}


def test_the_matrix_costs_the_same_with_one_member_and_with_three(
    listed: Cast, dara: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            dara.get(address("matrix", "test-alliance"))
        return len(found)

    answered(listed, "live", when=SPRING)
    Membership.objects.filter(institution=listed.receiving).delete()
    two = queries()
    for number in range(3):
        place = institution(f"more{number}.example", hosted=False)
        Membership.objects.create(
            alliance=listed.alliance, institution=place, kind="member", since=date(2020, 1, 1)
        )
    assert queries() == two


def test_a_round_is_entered_by_a_form_that_begins_with_the_last_answers(
    listed: Cast, signed_in: AsSomebody
) -> None:
    answered(listed, "testing", when=SPRING)
    secretary = signed_in(listed.secretary)
    where = address("answer", "test-alliance", listed.sending.pk)
    from lxml import html  # noqa: PLC0415 - slow import

    form = html.fromstring(secretary.get(where).content.decode()).forms
    (own,) = [one for one in form if one.xpath(".//input[@name='survey_round']")]
    sent = {name: value or "" for name, value in own.form_values()}
    assert sent["iias-state"] == "testing"
    sent |= {
        "survey_round": "Autumn",
        "since": "2026-10-05",
        "iias-state": "live",
        "iias-version": "7.0",
    }
    assert secretary.post(where, sent).status_code == 302
    row = Capability.objects.get(survey_round="Autumn")
    assert (row.interface, row.state, row.version) == ("iias", "live", "7.0")
    clash = secretary.post(where, sent | {"survey_round": "Winter"})
    assert "has an answer of the same day" in text(clash)
    found = rows(secretary.get(address("difference", "test-alliance")), "From Spring to Autumn")
    assert found == [
        ["University of Northlake", "Agreements iias", "forward", "Testing", "Live 7.0"]
    ]


def test_others_do_not_answer_for_an_institution(
    listed: Cast, manager: Client, bruno: Client, operator: Client
) -> None:
    own, others = listed.sending.pk, listed.receiving.pk
    assert manager.get(address("answer", "test-alliance", own)).status_code == 200
    assert manager.get(address("answer", "test-alliance", others)).status_code == 403
    for client in (bruno, operator):
        assert client.get(address("answer", "test-alliance", own)).status_code == 403


def test_rounds_and_their_difference_are_taken_along(listed: Cast, dara: Client) -> None:
    answered(listed, "live", when=SPRING)
    answered(listed, "none", when=AUTUMN)
    (newest, oldest) = rows(dara.get(address("rounds", "test-alliance")), "Survey rounds")
    assert (newest[0], oldest[0]) == ("Autumn", "Spring")
    lines = b"".join(dara.get(address("difference-csv", "test-alliance")).streaming_content)  # type: ignore[attr-defined]
    assert b"University of Northlake,aalto-north.example,iias,back,live,none" in lines
    known = b"".join(dara.get(address("matrix-csv", "test-alliance")).streaming_content)  # type: ignore[attr-defined]
    assert known.count(b"aalto-north.example,agreements,iias") == 2


def test_staff_outside_the_alliance_do_not_see_its_matrix(
    listed: Cast, signed_in: AsSomebody
) -> None:
    Membership.objects.filter(institution=listed.third).delete()
    dara = signed_in(listed.dara)
    assert dara.get(address("matrix", "test-alliance")).status_code == 403
    assert dara.get(address("matrix", "no-alliance")).status_code == 404


# Your turn -------------------------------------------------------------------------------------


def turn(client: Client) -> str:
    return text(client.get(reverse("web:turn")))


def test_what_is_set_aside_waits_for_operator_and_the_own_manager(
    listed: Cast, manager: Client, operator: Client, bruno: Client, signed_in: AsSomebody
) -> None:
    waits(
        OURS,
        state="set-aside",
        outcome="bad-request",
        outcome_facts={"status": 400, "message": "x"},
    )
    elsewhere = account("elsewhere")
    role(elsewhere, Role.Name.AGREEMENT_MANAGER, listed.third)
    assert "Notifications set aside 1" in turn(manager)
    assert "Notifications set aside 1" in turn(operator)
    assert "set aside" not in turn(bruno)
    assert "set aside" not in turn(signed_in(elsewhere))


def test_failing_partners_wait_for_operator_and_manager(
    listed: Cast, manager: Client, operator: Client, bruno: Client
) -> None:
    for hours in (1, 2):
        bad(listed.sending, at=timezone.now() - timedelta(hours=hours), facts={"host": "h"})
    for client in (manager, operator):
        assert "Partners with whom something fails 1" in turn(client)
    assert "University of Vale" in turn(manager)
    assert "something fails" not in turn(bruno)


def test_keys_the_catalogue_does_not_name_and_an_old_catalogue_wait_for_the_operator(
    listed: Cast, manager: Client, operator: Client
) -> None:
    assert "Our own node" not in turn(operator)
    now = timezone.now()
    keys.create(
        actor=Actor.system(),
        institution=listed.sending,
        purpose=Key.Purpose.CLIENT,
        now=now - timedelta(hours=2),
    )
    Catalogue.objects.update(expires_at=now - timedelta(days=9))
    told = turn(operator)
    assert "A key that signs requests is not in the catalogue" in told
    assert "The catalogue is too old, not used" in told
    assert "Our own node" not in turn(manager)


def test_a_certificate_that_expires_soon_waits_for_the_operator(
    listed: Cast, operator: Client
) -> None:
    examined("", soon(4), at=timezone.now())
    examined(VALE, soon(200, "node.example"), at=timezone.now())
    told = turn(operator)
    assert "The TLS certificate of our public address expires" in told
    assert "node.example" not in told

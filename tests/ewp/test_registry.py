"""What the node believes about the network, and how it learns it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import NOON, institution
from tests.ewp.catalogues import Said, api, catalogue, fingerprint, public
from vaihto.ewp import refreshing, registry, transport
from vaihto.ewp.apis.registry import messages
from vaihto.ewp.models import Catalogue, Host, HostApi, HostKey, ListedInstitution
from vaihto.ewp.protocol.http import Response
from vaihto.ewp.protocol.xml import MalformedXml
from vaihto.institutions.models import Capability
from vaihto.journal.models import Entry as JournalEntry

URL = "https://registry.network.example/catalogue-v1.xml"

ALPHA = Said(
    heis=["alpha.example"],
    apis=[
        api("echo", major=2, version="2.0.1", url="https://a.example/echo"),
        api("iias", major=6, version="6.3.0", get_url="https://a.example/6", max_iia_ids="7"),
        api("iias", major=7, version="7.0.0", get_url="https://a.example/7", max_iia_ids="9"),
    ],
    client=["alpha-client"],
    server=["alpha-server"],
    other={"alpha.example": [("erasmus", "XX  ALPHA01"), ("previous-schac", "old-alpha.example")]},
)
BETA = Said(
    heis=["beta.example"],
    apis=[api("echo", major=2, version="2.0.1", url="https://b.example/echo")],
    client=["beta-client"],
    server=["beta-server"],
    provider="Provider of Beta (Software)",
)


class Registry:
    """A registry in this process: gives what it was told to, and notes what it was asked."""

    def __init__(self, document: bytes = b"", **headers: str) -> None:
        self.document = document
        self.headers = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        self.status = 200
        self.away: str = ""
        self.asked: list[refreshing.Question] = []

    def __call__(self, question: refreshing.Question, limits: transport.Limits) -> Response:
        self.asked.append(question)
        if self.away:
            raise transport.Broken(self.away, host="registry.network.example")
        etag = dict(self.headers).get("etag")
        if etag and question.etag == etag:
            return Response(304, self.headers)
        return Response(self.status, self.headers, self.document if self.status == 200 else b"")


@pytest.fixture(autouse=True)
def _network(settings: Any, db: None) -> None:
    settings.CATALOGUE_URL = URL


def take(*hosts: Said, now: datetime = NOON, **more: Any) -> refreshing.Refreshed:
    """The registry publishes these hosts, and we take them over."""
    return registry.refresh(now=now, fetch=Registry(catalogue(*hosts, **more)), at_once=True)


# --- Keys --------------------------------------------------------------------------------------


def test_a_client_key_speaks_for_the_institutions_of_its_hosts() -> None:
    take(ALPHA, Said(heis=["gamma.example"], client=["alpha-client"]))
    found = registry.client_key(fingerprint("alpha-client"), now=NOON)
    assert found == registry.KnownKey(
        fingerprint("alpha-client"), public("alpha-client"), ("alpha.example", "gamma.example")
    )


def test_a_key_may_speak_for_nobody() -> None:
    take(Said(client=["lonely"]), ALPHA)
    found = registry.client_key(fingerprint("lonely"), now=NOON)
    assert found is not None
    assert found.hei_ids == ()
    assert found.signs_requests


def test_a_key_that_only_signs_answers_is_known_but_signs_no_request() -> None:
    take(ALPHA)
    found = registry.client_key(fingerprint("alpha-server"), now=NOON)
    assert found is not None
    assert not found.signs_requests
    assert found.hei_ids == ()


def test_a_key_that_no_host_lists_is_unknown_even_if_its_bytes_are_published() -> None:
    stray = {fingerprint("stray"): public("stray")}
    take(ALPHA, binaries=stray)
    assert registry.client_key(fingerprint("stray"), now=NOON, ask_again=False) is None


def test_a_key_under_a_wrong_fingerprint_is_nobodys() -> None:
    done = take(ALPHA, BETA, binaries={fingerprint("alpha-client"): public("mallory")})
    assert done.wrong_keys == (fingerprint("alpha-client"),)
    for word in ("alpha-client", "mallory"):
        assert registry.client_key(fingerprint(word), now=NOON, ask_again=False) is None
    assert registry.client_key(fingerprint("beta-client"), now=NOON) is not None


def test_only_the_host_of_an_entry_signs_its_answers() -> None:
    impostor = Said(heis=["alpha.example"], apis=ALPHA.apis, server=["impostor"])
    take(ALPHA, impostor)
    mine, other = sorted(registry.entries("alpha.example", "echo"), key=lambda one: one.host_id)
    assert registry.may_sign_answer(mine, fingerprint("alpha-server")) == public("alpha-server")
    assert registry.may_sign_answer(mine, fingerprint("impostor")) is None
    assert registry.may_sign_answer(mine, fingerprint("alpha-client")) is None
    assert registry.may_sign_answer(other, fingerprint("impostor")) == public("impostor")


# --- Entries -----------------------------------------------------------------------------------


def test_the_highest_version_comes_first_and_a_minimum_is_compared_by_numbers() -> None:
    take(
        Said(
            heis=["alpha.example"],
            apis=[
                api("file", version="1.9.0", url="https://a.example/9"),
                api("file", version="1.10.0", url="https://a.example/10"),
                api("file", version="first", url="https://a.example/word"),
            ],
        )
    )
    found = registry.entries("alpha.example", "file")
    assert [entry.stated_version for entry in found] == ["1.10.0", "1.9.0", "first"]
    least = registry.entries("alpha.example", "file", minimum="1.10")
    assert [entry.version for entry in least] == [(1, 10, 0)]


def test_every_host_of_the_institution_is_looked_at() -> None:
    second = Said(
        heis=["alpha.example"], apis=[api("courses", version="0.7.1", url="https://c.example")]
    )
    take(ALPHA, second)
    assert [e.urls for e in registry.entries("alpha.example", "courses")] == [
        {"url": "https://c.example"}
    ]
    assert {e.element for e in registry.apis_of("alpha.example")} == {"echo", "iias", "courses"}


def test_generations_of_an_api_are_kept_apart() -> None:
    take(ALPHA)
    six = registry.entries("alpha.example", "iias", major=6)
    assert [(e.urls, e.limit("max-iia-ids")) for e in six] == [
        ({"get-url": "https://a.example/6"}, 7)
    ]
    assert [e.major for e in registry.entries("alpha.example", "iias")] == [7, 6]
    assert six[0].limit("max-iia-codes") == 1


def test_an_entry_we_cannot_call_comes_last_and_says_so() -> None:
    secured = "<sec:client-auth-methods><none:anonymous/></sec:client-auth-methods>"
    take(
        Said(
            heis=["alpha.example"],
            apis=[
                api("file", version="3.0.0", security=None, url="https://a.example/silent"),
                api("file", version="2.0.0", security=secured, url="https://a.example/open"),
            ],
        )
    )
    found = registry.entries("alpha.example", "file")
    assert [(e.stated_version, e.usable) for e in found] == [("2.0.0", True), ("3.0.0", False)]
    assert found[0].client_auth == ("anonymous",)
    assert found[0].server_auth == ("tlscert",)  # what unsaid means
    assert found[1].client_auth == ("tlscert",)


def test_an_api_of_the_same_name_outside_the_networks_namespaces_is_another_api() -> None:
    foreign = api("echo", url="https://x.example").replace(
        "https://github.com/erasmus-without-paper/ewp-specs-api-echo", "https://github.com/else/x"
    )
    take(Said(heis=["alpha.example"], apis=[foreign]))
    assert registry.entries("alpha.example", "echo") == []


def test_ids_are_compared_with_their_case() -> None:
    take(ALPHA)
    assert registry.entries("Alpha.example", "echo") == []
    assert registry.listed("ALPHA.example") is None


def test_every_host_with_the_api_is_notified_once() -> None:
    cnr = [
        api("iia-cnr", major=2, version="2.0.3", url="https://a.example/2"),
        api("iia-cnr", major=3, version="3.0.0", url="https://a.example/3"),
    ]
    take(
        Said(heis=["alpha.example"], apis=cnr),
        Said(heis=["alpha.example"], apis=cnr[:1]),
        ALPHA,
    )
    assert [e.major for e in registry.receivers("alpha.example", "iia-cnr")] == [3, 2]
    assert len(registry.receivers("alpha.example", "iia-cnr", major=3)) == 1


def test_an_erasmus_code_is_found_whatever_its_blanks() -> None:
    take(ALPHA, BETA)
    assert registry.hei_by_erasmus_code("xx alpha01") == "alpha.example"
    assert registry.hei_by_erasmus_code("XXALPHA01") is None
    assert registry.hei_by_erasmus_code("") is None


def test_a_second_erasmus_code_of_an_institution_is_found_too() -> None:
    other = {"alpha.example": [("erasmus", "XX ALPHA01"), ("erasmus", "XX ALPHA02")]}
    take(Said(heis=["alpha.example"], other=other))
    assert registry.hei_by_erasmus_code("XX ALPHA02") == "alpha.example"


def test_an_institution_is_found_under_its_former_domain() -> None:
    take(ALPHA, BETA)
    assert registry.successor("old-alpha.example") == "alpha.example"
    assert registry.successor("beta.example") == "beta.example"
    assert registry.successor("lpha.example") is None


# --- Taking over by difference -----------------------------------------------------------------


def test_unchanged_hosts_are_left_alone() -> None:
    take(ALPHA, BETA)
    before = dict(Host.objects.values_list("provider", "pk"))
    gamma = Said(heis=["gamma.example"], provider="Gamma", client=["gamma-client"])
    done = take(gamma, ALPHA, now=NOON + timedelta(hours=1))
    assert (done.outcome, done.hosts_written, done.hosts_removed) == ("changed", 1, 1)
    assert Host.objects.get(provider="A provider").pk == before["A provider"]
    assert set(Host.objects.values_list("provider", flat=True)) == {"A provider", "Gamma"}
    assert registry.entries("beta.example", "echo") == []
    assert registry.client_key(fingerprint("beta-client"), now=NOON, ask_again=False) is None
    assert registry.listed("beta.example") is None


def test_two_equal_hosts_stay_two_and_one_of_them_can_go() -> None:
    take(ALPHA, ALPHA)
    assert Host.objects.count() == 2
    take(ALPHA, BETA)
    assert Host.objects.filter(provider="A provider").count() == 1


def test_an_unchanged_host_is_read_again_when_its_key_appears() -> None:
    lacking = {fingerprint("alpha-client"): "broken"}
    take(ALPHA, binaries=lacking)
    assert registry.client_key(fingerprint("alpha-client"), now=NOON, ask_again=False) is None
    take(ALPHA)
    assert registry.client_key(fingerprint("alpha-client"), now=NOON) is not None


def test_what_two_hosts_say_of_an_institution_is_put_together() -> None:
    document = catalogue(ALPHA).replace(
        b"</r:institutions>",
        b'<r:hei id="alpha.example"><r:other-id type="pic">123</r:other-id>'
        b"<r:name>Alfa</r:name></r:hei></r:institutions>",
    )
    registry.refresh(now=NOON, fetch=Registry(document))
    found = ListedInstitution.objects.get(hei_id="alpha.example")
    assert found.names == [["en", "University of alpha.example"], ["", "Alfa"]]
    assert found.other_ids[-1] == ["pic", "123"]


def test_catalogue_elements_inside_an_api_entry_are_nothing() -> None:
    smuggled = api("file", url="https://a.example").replace(
        "</x:file>",
        f'<r:host xmlns:r="{messages.REGISTRY}"><r:institutions-covered><r:hei-id>victim.example'
        "</r:hei-id></r:institutions-covered></r:host></x:file>",
    )
    take(Said(heis=["alpha.example"], apis=[smuggled]))
    assert Host.objects.count() == 1
    assert [e.urls for e in registry.entries("alpha.example", "file")] == [
        {"url": "https://a.example"}
    ]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<catalogue/>",
        catalogue(ALPHA)[:-40],
        catalogue(ALPHA).replace(
            b'encoding="UTF-8"?>',
            b'encoding="UTF-8"?><!DOCTYPE c [<!ENTITY a "b">]>',
        ),
    ],
    ids=["empty", "no namespace", "cut short", "document type"],
)
def test_what_is_no_catalogue_changes_nothing(document: bytes) -> None:
    take(ALPHA)
    done = registry.refresh(now=NOON + timedelta(hours=1), fetch=Registry(document))
    assert (done.outcome, done.failure) == ("failed", "not-a-catalogue")
    assert registry.client_key(fingerprint("alpha-client"), now=NOON) is not None
    with pytest.raises(MalformedXml):
        messages.Catalogue.read(document)


def test_entries_with_impossible_names_do_not_stop_the_others() -> None:
    take(
        Said(heis=["x" * 300, "alpha.example"], apis=[api("y" * 200), api("file", url="https://f")])
    )
    assert set(HostApi.objects.values_list("hei_id", "element")) == {("alpha.example", "file")}


# --- When the registry is asked ----------------------------------------------------------------


def test_the_next_question_is_conditional_and_304_confirms() -> None:
    answers = Registry(
        catalogue(ALPHA), etag='"one"', last_modified="Fri, 20 Nov 2026 11:00:00 GMT"
    )
    registry.refresh(now=NOON, fetch=answers)
    later = NOON + timedelta(minutes=20)
    assert registry.refresh(now=later, fetch=answers).outcome == "unchanged"
    assert dict(answers.asked[1].headers)["If-None-Match"] == '"one"'
    assert dict(answers.asked[1].headers)["If-Modified-Since"].startswith("Fri, 20 Nov")
    row = Catalogue.objects.get()
    assert (row.confirmed_at, row.changed_at) == (later, NOON)
    assert row.expires_at == later + timedelta(minutes=15)


def test_the_same_document_without_an_etag_is_no_change() -> None:
    take(ALPHA)
    with queries_made() as queries:
        assert take(ALPHA, now=NOON + timedelta(hours=1)).outcome == "unchanged"
    assert not [q for q in queries.captured_queries if "ewp_host" in q["sql"]]


def queries_made() -> CaptureQueriesContext:
    return CaptureQueriesContext(connection)


@pytest.mark.parametrize(
    ("headers", "minutes"),
    [
        ({}, 15),
        ({"Cache-Control": "max-age=300, must-revalidate"}, 5),
        ({"Cache-Control": "max-age=5"}, 1),
        ({"Cache-Control": "max-age=999999"}, 180),
        ({"Cache-Control": "no-cache"}, 1),
        # The registry's clock is an hour ahead: only the distance counts.
        (
            {
                "Date": "Fri, 20 Nov 2026 13:00:00 GMT",
                "Expires": "Fri, 20 Nov 2026 13:10:00 GMT",
            },
            10,
        ),
        ({"Expires": "0"}, 15),
    ],
)
def test_expiry_is_as_the_registry_says_within_bounds(
    headers: dict[str, str], minutes: int
) -> None:
    said = refreshing.expiry(tuple(headers.items()), now=NOON)
    assert said - NOON == timedelta(minutes=minutes)


def test_before_the_expiry_nobody_is_asked() -> None:
    answers = Registry(catalogue(ALPHA), cache_control="max-age=300")
    registry.refresh(now=NOON, fetch=answers)
    assert registry.refresh(now=NOON + timedelta(minutes=4), fetch=answers).outcome == "not-due"
    assert registry.refresh(now=NOON + timedelta(minutes=5), fetch=answers).outcome == "unchanged"
    assert len(answers.asked) == 2


def test_after_a_failure_three_minutes_pass_and_the_old_copy_answers() -> None:
    answers = Registry(catalogue(ALPHA))
    registry.refresh(now=NOON, fetch=answers)
    answers.away = "connection-refused"
    late = NOON + timedelta(minutes=16)
    assert registry.refresh(now=late, fetch=answers).failure == "connection-refused"
    assert registry.client_key(fingerprint("alpha-client"), now=late) is not None
    told = registry.overview(now=late)
    assert (told.state, told.failure, told.failure_facts["host"]) == (
        registry.State.STALE,
        "connection-refused",
        "registry.network.example",
    )
    assert registry.refresh(now=late + timedelta(seconds=170), fetch=answers).outcome == "not-due"
    answers.away = ""
    assert registry.refresh(now=late + timedelta(seconds=180), fetch=answers).has_answer
    assert registry.overview(now=late + timedelta(seconds=180)).failure == ""


@pytest.mark.parametrize("status", [301, 404, 500, 503])
def test_any_other_status_is_a_failure(status: int) -> None:
    answers = Registry(catalogue(ALPHA))
    answers.status = status
    done = registry.refresh(now=NOON, fetch=answers)
    assert (done.failure, done.facts) == ("unexpected-status", {"status": str(status)})
    assert registry.overview(now=NOON).state is registry.State.NEVER


def test_a_304_without_a_document_of_ours_is_a_failure() -> None:
    answers = Registry()
    answers.status = 304
    assert registry.refresh(now=NOON, fetch=answers).failure == "unexpected-status"


def test_an_unknown_key_asks_once_more_but_at_most_once_a_minute(monkeypatch: Any) -> None:
    answers = Registry(catalogue(ALPHA), cache_control="max-age=3600")
    registry.refresh(now=NOON, fetch=answers)
    answers.document = catalogue(ALPHA, BETA)
    real = refreshing.refresh
    monkeypatch.setattr(registry, "refresh", lambda **said: real(**{**said, "fetch": answers}))
    newcomer = fingerprint("beta-client")
    assert registry.client_key(newcomer, now=NOON + timedelta(seconds=30)) is None
    assert len(answers.asked) == 1
    found = registry.client_key(newcomer, now=NOON + timedelta(seconds=60))
    assert found is not None
    assert found.hei_ids == ("beta.example",)
    for second in range(61, 119):
        assert registry.client_key("0" * 64, now=NOON + timedelta(seconds=second)) is None
    assert len(answers.asked) == 2


def test_of_many_processes_one_asks() -> None:
    registry.refresh(now=NOON, fetch=Registry(catalogue(ALPHA)))
    row = Catalogue.objects.get()
    late = NOON + timedelta(hours=4)
    assert refreshing._claim(row, late, at_once=False)
    assert not refreshing._claim(row, late + timedelta(seconds=1), at_once=False)


def test_what_is_not_due_is_not_written() -> None:
    take(ALPHA)
    with queries_made() as queries:
        for second in range(1, 60):
            moment = NOON + timedelta(seconds=second)
            assert registry.client_key("0" * 64, now=moment) is None
            assert not refreshing.is_due(now=moment)
    assert [q["sql"] for q in queries.captured_queries if not q["sql"].startswith("SELECT")] == []


def test_an_expired_copy_is_due_when_the_pause_is_over() -> None:
    assert refreshing.is_due(now=NOON)
    take(ALPHA)
    assert not refreshing.is_due(now=NOON + timedelta(minutes=14))
    assert refreshing.is_due(now=NOON + timedelta(minutes=15))


def test_a_clock_that_was_put_back_does_not_stop_the_refresh() -> None:
    take(ALPHA, now=NOON + timedelta(days=30))
    Catalogue.objects.update(expires_at=NOON)
    assert registry.refresh(now=NOON, fetch=Registry(catalogue(BETA))).outcome == "changed"


def test_a_copy_five_days_past_its_expiry_is_not_trusted() -> None:
    take(ALPHA)
    expires = Catalogue.objects.get().expires_at
    assert expires is not None
    Catalogue.objects.update(
        asked_at=expires + timedelta(days=5)
    )  # the registry was asked just now
    key = fingerprint("alpha-client")
    assert registry.client_key(key, now=expires + timedelta(days=5)) is not None
    over = expires + timedelta(days=5, seconds=1)
    with pytest.raises(registry.TooOld):
        registry.client_key(key, now=over)
    with pytest.raises(registry.TooOld):
        registry.entries("alpha.example", "echo", now=over)
    assert registry.overview(now=over).state is registry.State.TOO_OLD


def test_without_an_address_nobody_is_known_and_nobody_asked(settings: Any) -> None:
    settings.CATALOGUE_URL = ""
    answers = Registry(catalogue(ALPHA))
    assert registry.refresh(now=NOON, fetch=answers).outcome == "unset"
    assert answers.asked == []
    assert registry.client_key(fingerprint("alpha-client"), now=NOON) is None
    assert registry.overview(now=NOON).state is registry.State.UNSET


def test_the_catalogue_of_another_network_does_not_count(settings: Any) -> None:
    take(ALPHA)
    settings.CATALOGUE_URL = "https://other.network.example/catalogue-v1.xml"
    take(BETA)
    assert registry.entries("alpha.example", "echo") == []
    assert registry.client_key(fingerprint("alpha-client"), now=NOON, ask_again=False) is None
    assert registry.listed("alpha.example") is None
    assert registry.listed("beta.example") is not None


# --- What a process remembers ------------------------------------------------------------------


def test_a_known_key_costs_no_query_and_a_new_edition_is_seen(settings: Any) -> None:
    settings.CATALOGUE_REMEMBERED_SECONDS = 60.0
    registry.forget()
    take(ALPHA)
    key = fingerprint("alpha-client")
    registry.client_key(key, now=NOON)
    with queries_made() as queries:
        assert registry.client_key(key, now=NOON) is not None
    assert len(queries) == 0
    take(BETA, now=NOON + timedelta(minutes=5))
    settings.CATALOGUE_REMEMBERED_SECONDS = 1e-9
    assert registry.client_key(key, now=NOON, ask_again=False) is None
    registry.forget()


def test_keys_nobody_has_do_not_fill_the_memory(settings: Any, monkeypatch: Any) -> None:
    settings.CATALOGUE_REMEMBERED_SECONDS = 60.0
    monkeypatch.setattr(registry, "_MOST_REMEMBERED", 10)
    registry.forget()
    take(ALPHA)
    for number in range(50):
        registry.client_key(f"{number:064x}", now=NOON, ask_again=False)
    assert registry._held is not None
    assert len(registry._held._keys) <= 10
    registry.forget()


# --- Capabilities ------------------------------------------------------------------------------


def abilities(hei_id: str) -> list[tuple[str, str, str, date]]:
    rows = Capability.objects.filter(institution__hei_id=hei_id, source="catalogue")
    return sorted(rows.values_list("interface", "state", "version", "since"))


def test_capabilities_of_known_institutions_follow_the_catalogue_with_their_days() -> None:
    institution("alpha.example")
    take(ALPHA, BETA)
    first = date(2026, 11, 20)
    assert abilities("alpha.example") == [("iias", "testing", "7.0.0", first)]
    less = Said(heis=["alpha.example"], apis=[api("file", url="https://a.example/file")])
    take(less, now=NOON + timedelta(days=3))
    second = date(2026, 11, 23)
    assert abilities("alpha.example") == [
        ("file", "testing", "1.0.0", second),
        ("iias", "none", "", second),
        ("iias", "testing", "7.0.0", first),
    ]
    assert not Capability.objects.filter(institution__hei_id="beta.example").exists()
    assert JournalEntry.objects.filter(verb="institution.capabilities-listed").count() == 2


def test_the_production_network_means_live_and_a_second_change_on_a_day_overwrites(
    settings: Any,
) -> None:
    settings.CATALOGUE_URL = refreshing.PRODUCTION
    institution("alpha.example")
    take(ALPHA)
    take(Said(heis=["alpha.example"], apis=ALPHA.apis[:2]), now=NOON + timedelta(hours=2))
    assert abilities("alpha.example") == [("iias", "live", "6.3.0", date(2026, 11, 20))]


def test_an_institution_that_became_known_later_gets_its_capabilities(db: None) -> None:
    take(ALPHA)
    institution("alpha.example")
    refreshing.learn_capabilities(NOON)
    refreshing.learn_capabilities(NOON + timedelta(days=1))
    assert len(abilities("alpha.example")) == 1


def test_rows_of_keys_carry_no_line_breaks() -> None:
    take(ALPHA)
    assert all("\n" not in text for text in HostKey.objects.values_list("public", flat=True))

"""What partners publish: fetched, kept as they said it, shown with its age."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.cast import Cast, institution
from tests.ewp import partner as partners_of_tests
from tests.ewp.partner import XML, Opened, Partner, in_catalogue, signed, wire
from vaihto.ewp import keys, partners, registry
from vaihto.ewp.apis.institutions import FACTSHEET, INSTITUTIONS, OUNITS
from vaihto.ewp.apis.institutions.messages import (
    FactsheetResponse,
    Hei,
    InstitutionsResponse,
    Ounit,
    OunitsResponse,
)
from vaihto.ewp.models import Exchange, Host, PartnerCopy
from vaihto.ewp.protocol.http import Parameters, Request, Response
from vaihto.institutions.models import Institution
from vaihto.jobs.actions import run
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.refusals import NotAllowed

URL = "https://registry.example/catalogue-v1.xml"
VALE = "vale.example"
SYSTEM = Actor.system()


@dataclass
class Vale:
    """A partner with three units, whose answers can be changed."""

    server: Partner
    units: list[str] = field(default_factory=lambda: ["u1", "u2", "u3"])
    etag: str = ""
    status: int = 200

    def __call__(self, request: Request) -> bytes:
        now = dt.datetime.now(dt.UTC)
        asked = Parameters.read(request.query or request.body)
        headers = (*XML, ("ETag", self.etag)) if self.etag else XML
        if self.status != 200:
            return wire(signed(request, Response(self.status, XML), now=now))
        if self.etag and request.header("if-none-match") == self.etag:
            return wire(signed(request, Response(304, (("ETag", self.etag),)), now=now))
        body = {
            "institutions": self._institutions,
            "ounits": lambda: self._ounits(asked.all("ounit_id")),
            "factsheet": FactsheetResponse().write,
        }[request.path.strip("/")]()
        return wire(signed(request, Response(200, headers, body), now=now))

    def _institutions(self) -> bytes:
        hei = Hei(hei_id=VALE, names=(("en", "University of Vale"),), ounit_ids=tuple(self.units))
        return InstitutionsResponse((hei,)).write()

    def _ounits(self, ids: tuple[str, ...]) -> bytes:
        found = [Ounit(each, each.upper(), (("en", f"Unit {each}"),)) for each in ids]
        return OunitsResponse(tuple(found)).write()

    def asked(self) -> list[str]:
        return [request.path.strip("/") for request in self.server.received]


@pytest.fixture
def home(db: None, settings: Any) -> Institution:
    settings.CATALOGUE_URL = URL
    keys.forget()
    registry.forget()
    made = institution("home.example")
    partners_of_tests.own_key(made, since=dt.datetime.now(dt.UTC) - dt.timedelta(days=30))
    return made


@pytest.fixture
def vale(home: Institution, opened: Opened) -> Vale:
    institution(VALE, hosted=False)
    server = opened()
    server.script = made = Vale(server)
    ounits = replace(OUNITS, limits=(("max-ounit-ids", 2), ("max-ounit-codes", 1)))
    in_catalogue(
        URL,
        hei_id=VALE,
        apis=[
            (INSTITUTIONS, {"url": f"{server.url}/institutions"}),
            (ounits, {"url": f"{server.url}/ounits"}),
            (FACTSHEET, {"url": f"{server.url}/factsheet"}),
        ],
    )
    return made


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_everything_a_partner_publishes_is_fetched_units_in_batches(vale: Vale) -> None:
    ended = partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())

    assert {api: outcome.code for api, outcome in ended.items()} == {
        "institutions": "ok", "organizational-units": "ok", "factsheet": "ok",
    }  # fmt: skip
    assert vale.asked() == ["institutions", "ounits", "ounits", "factsheet"]
    told = partners.partner_copies(VALE)
    assert told["institutions"].message.heis[0].names == (("en", "University of Vale"),)
    assert [unit.ounit_id for unit in told["organizational-units"].message.ounits] == [
        "u1",
        "u2",
        "u3",
    ]
    assert told["factsheet"].message == FactsheetResponse()
    assert all(each.failure is None and each.exchange_id for each in told.values())
    age = told["institutions"].age(now() + dt.timedelta(hours=5))
    assert age is not None
    assert dt.timedelta(hours=5) <= age < dt.timedelta(hours=5, minutes=1)


def test_a_partner_without_units_has_an_empty_list_of_them(vale: Vale) -> None:
    vale.units = []

    partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())

    told = partners.partner_copy(VALE, OUNITS)
    assert told is not None
    assert (told.message, vale.asked()) == (OunitsResponse(), ["institutions", "factsheet"])


def test_what_a_partner_does_not_offer_is_not_asked_for(vale: Vale) -> None:
    Host.objects.get().apis.exclude(element="factsheet").delete()

    assert list(partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())) == ["factsheet"]
    assert partners.partner_copy(VALE, INSTITUTIONS) is None


def test_a_change_stands_in_the_journal_and_no_change_does_not(vale: Vale) -> None:
    partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())
    before = PartnerCopy.objects.get(api="institutions").changed_at
    partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())

    assert Entry.objects.filter(verb="ewp.partner-told").count() == 3
    assert PartnerCopy.objects.get(api="institutions").changed_at == before

    vale.units = ["u9"]
    partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())

    assert Entry.objects.filter(verb="ewp.partner-told").count() == 5
    assert PartnerCopy.objects.get(api="institutions").changed_at > before


def test_content_that_has_a_tag_is_confirmed_without_being_sent_again(vale: Vale) -> None:
    vale.etag = '"1"'
    partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())
    first = PartnerCopy.objects.get(api="factsheet")

    ended = partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())

    second = PartnerCopy.objects.get(api="factsheet")
    assert ended["factsheet"].code == "not-modified"
    assert second.fetched_at > first.fetched_at
    assert (second.changed_at, bytes(second.document)) == (first.changed_at, bytes(first.document))
    assert Exchange.objects.filter(status=304).count() == 2


def test_a_failure_keeps_the_last_good_copy_and_says_what_happened(vale: Vale) -> None:
    vale.etag = '"1"'
    partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())
    before = partners.partner_copy(VALE, INSTITUTIONS)
    vale.status = 503

    partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())

    after = partners.partner_copy(VALE, INSTITUTIONS)
    assert before is not None
    assert after is not None
    assert (after.message, after.fetched_at) == (before.message, before.fetched_at)
    assert after.failure is not None
    assert (after.failure.code, "503" in str(after.failure)) == ("partner-unavailable", True)

    vale.status = 200
    partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())
    mended = partners.partner_copy(VALE, INSTITUTIONS)
    assert mended is not None
    assert mended.failure is None
    # After a failure the whole is asked for, in case the condition was what failed.
    assert vale.server.received[-1].header("if-none-match") is None


def test_units_of_a_partner_whose_institution_data_was_never_read_are_not_guessed(
    vale: Vale,
) -> None:
    vale.status = 500

    ended = partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())

    assert ended["organizational-units"].code == "units-unknown"
    told = partners.partner_copy(VALE, INSTITUTIONS)
    assert told is not None
    assert (told.message, told.fetched_at, told.is_stale(now())) == (None, None, True)


def test_an_ally_asks_an_ally(cast: Cast) -> None:
    stranger = institution("another.example")
    for each, word in ((stranger, "stranger"), (cast.third, "third")):
        partners_of_tests.own_key(each, since=now(), word=word)

    assert partners.asker_for(cast.receiving.hei_id) == cast.third
    assert partners.asker_for("nobody.example") in {cast.third, stranger}


def test_without_a_key_nobody_asks(db: None) -> None:
    institution("keyless.example")

    with pytest.raises(partners.NobodyToAsk):
        partners.refresh(hei_id=VALE, actor=SYSTEM, now=now())


def test_known_partners_in_the_catalogue_are_due_once_a_day_and_sooner_after_a_failure(
    vale: Vale,
) -> None:
    institution("silent.example", hosted=False)  # not in the catalogue
    in_catalogue(
        URL, hei_id="home.example", apis=[(INSTITUTIONS, {"url": "https://home.example/"})]
    )
    in_catalogue(
        URL, hei_id="unknown.example", apis=[(INSTITUTIONS, {"url": "https://x.example/"})]
    )
    moment = now()

    assert partners.due(now=moment) == [VALE]

    partners.refresh(hei_id=VALE, actor=SYSTEM, now=moment)
    assert partners.due(now=moment + dt.timedelta(hours=23)) == []
    assert partners.due(now=moment + dt.timedelta(hours=25)) == [VALE]

    vale.status = 500
    partners.refresh(hei_id=VALE, actor=SYSTEM, now=moment)
    assert partners.due(now=moment + dt.timedelta(hours=2)) == []
    assert partners.due(now=moment + dt.timedelta(hours=4)) == [VALE]


def test_the_timetable_starts_one_round_at_a_time(vale: Vale) -> None:
    partners.keep_fresh(now())
    partners.keep_fresh(now())

    work = run(Work.objects.get(kind="ewp.partners"))

    assert (work.state, work.result) == ("done", {"partners": 1, "failed": 0})
    partners.keep_fresh(now())
    assert Work.objects.filter(kind="ewp.partners").count() == 1


def test_a_person_can_have_a_partner_asked_now(vale: Vale, cast: Cast) -> None:
    bruno, dara = cast.actor(cast.bruno), cast.actor(cast.dara)
    with pytest.raises(NotAllowed):
        partners.ask_for_refresh(actor=dara, hei_id=VALE)
    with pytest.raises(partners.NotAPartner):
        partners.ask_for_refresh(actor=bruno, hei_id="nowhere.example")

    work = partners.ask_for_refresh(actor=bruno, hei_id=VALE)
    with pytest.raises(partners.AskedAlready):
        partners.ask_for_refresh(actor=bruno, hei_id=VALE)

    assert run(work).result == {
        "institutions": "ok",
        "organizational-units": "ok",
        "factsheet": "ok",
    }

"""The examination of the node and of a partner, and the two commands an operator uses."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.cast import institution
from tests.ewp import partner as partners
from tests.ewp.partner import (
    XML,
    Authority,
    Opened,
    Partner,
    in_catalogue,
    public_of,
    signed,
    signer,
    wire,
)
from vaihto.command.calling import call
from vaihto.command.doctor import doctor
from vaihto.ewp import doctor as examination
from vaihto.ewp import keys, manifest, outcomes, registry
from vaihto.ewp.apis.echo import ECHO
from vaihto.ewp.apis.echo.messages import Echo
from vaihto.ewp.apis.institutions import FACTSHEET, INSTITUTIONS, OUNITS
from vaihto.ewp.apis.institutions.messages import (
    FactsheetResponse,
    Hei,
    InstitutionsResponse,
    Ounit,
    OunitsResponse,
)
from vaihto.ewp.doctor import Level, examine
from vaihto.ewp.models import Catalogue, Exchange, Host, HostKey, Key, ListedInstitution
from vaihto.ewp.protocol.api import Api
from vaihto.ewp.protocol.errors import ErrorResponse
from vaihto.ewp.protocol.http import Parameters, Request, Response
from vaihto.institutions.models import Institution
from vaihto.jobs import beat

HOME, VALE = "home.example", "vale.example"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass
class Scripted:
    """A server that answers by the last part of the path, signed; `changed` are answers that differ."""

    caller: str
    hei_id: str
    by: str = "partner"
    changed: dict[str, Response] = field(default_factory=dict)
    manifest: bytes = b""

    def __call__(self, request: Request) -> bytes:
        asked = Parameters.read(request.query or request.body)
        name = next((p for p in request.path.split("/") if p and p in self.known), "")
        response = self.changed.get(name) or Response(200, XML, self.known[name](asked))
        if name == "manifest.xml":
            return wire(response)
        return wire(signed(request, response, by=self.by, now=now()))

    @property
    def known(self) -> dict[str, Any]:
        hei = Hei(self.hei_id, (("en", "A university"),), ounit_ids=("u1", "u2"))
        return {
            "echo": lambda asked: Echo((self.caller,), asked.all("echo")).write(),
            "institutions": lambda _asked: InstitutionsResponse((hei,)).write(),
            "ounits": lambda asked: OunitsResponse(
                tuple(Ounit(each, each, (("en", each),)) for each in asked.all("ounit_id"))
            ).write(),
            "factsheet": lambda _asked: FactsheetResponse().write(),
            "manifest.xml": lambda _asked: self.manifest,
            "": lambda _asked: b"",
        }


@pytest.fixture
def catalogue(db: None, settings: Any, opened: Opened) -> Partner:
    """The registry's address; its rows are written by hand."""
    server = opened(lambda _request: wire(Response(304, (("Date", _date(now())),))))
    settings.CATALOGUE_URL = f"{server.url}/catalogue-v1.xml"
    keys.forget()
    registry.forget()
    return server


def _date(moment: dt.datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def listed(settings: Any, hei_id: str, apis: list[tuple[Api, dict[str, str]]], **more: Any) -> Host:
    host = in_catalogue(settings.CATALOGUE_URL, hei_id=hei_id, apis=apis, **more)
    Catalogue.objects.update(confirmed_at=now(), expires_at=now() + dt.timedelta(hours=1))
    ListedInstitution.objects.create(catalogue=host.catalogue, hei_id=hei_id)
    return host


@dataclass
class Node:
    """Our own node as partners see it, in good health."""

    home: Institution
    server: Partner
    script: Scripted
    host: Host

    def examined(self) -> dict[str, Level]:
        return {f"{each.code}": each.level for each in examine(now=now(), institution=self.home)}


@pytest.fixture
def node(catalogue: Partner, opened: Opened, settings: Any) -> Iterator[Node]:
    server = opened()
    settings.PUBLIC_URL = server.url
    home = institution(HOME, name="University of Home", names={"en": "University of Home"})
    own = partners.own_key(home, since=now() - dt.timedelta(days=30))
    server_key = partners.own_key(home, since=now() - dt.timedelta(days=30), word="answers")
    Key.objects.filter(pk=server_key.pk).update(purpose="server", institution=None)
    script = Scripted(
        HOME, HOME, by="answers", manifest=manifest.document(institution=home, now=now())
    )
    server.script = script
    host = listed(
        settings,
        HOME,
        [
            (api, {each.name: manifest.endpoint_url(HOME, each.path) for each in api.endpoints})
            for api in manifest.served_apis()
        ],
        server_keys=["answers"],
    )
    HostKey.objects.create(
        host=host, purpose="client", fingerprint=own.fingerprint, public=own.public
    )
    beat.beat("tests", now=now())
    yield Node(home, server, script, host)
    beat.stop("tests")


@pytest.fixture
def vale(node: Node, opened: Opened, settings: Any) -> tuple[Partner, Scripted, Host]:
    institution(VALE, hosted=False)
    server = opened()
    server.script = script = Scripted(HOME, VALE)
    apis = [(api, {"url": f"{server.url}/{name}"}) for api, name in (
        (ECHO, "echo"), (INSTITUTIONS, "institutions"), (OUNITS, "ounits"), (FACTSHEET, "factsheet"),
    )]  # fmt: skip
    return server, script, listed(settings, VALE, apis)


def found(**more: Any) -> dict[tuple[str, str], Level]:
    return {
        (each.about, each.code): each.level for each in examine(now=now(), partner=VALE, **more)
    }


# --- Ourselves ---------------------------------------------------------------------------------


def test_a_healthy_node_is_well(node: Node) -> None:
    findings = examine(now=now())

    assert [(each.about, str(each)) for each in findings if each.level is not Level.GOOD] == []
    assert {each.code for each in findings} == {
        "database-good", "worker-good", "public-address-good", "catalogue-good", "registry-good", "clock-good",
        "keys-good", "answer-keys-good", "manifest-good", "own-certificate-good", "listed-good", "echo-good",
    }  # fmt: skip


def test_findings_are_told_as_they_are_made(node: Node) -> None:
    told: list[str] = []

    findings = examine(now=now(), told=lambda finding: told.append(finding.code))

    assert told == [each.code for each in findings]


def test_every_sentence_is_whole(node: Node, vale: Any) -> None:
    for finding in [*examine(now=now()), *examine(now=now(), partner=VALE)]:
        assert "…" not in str(finding)
        assert "%" not in str(finding)


def test_without_a_worker_nothing_is_sent(node: Node) -> None:
    beat.stop("tests")

    assert node.examined()["worker-away"] is Level.BAD


def test_the_clock_is_compared_with_the_registrys(node: Node, catalogue: Partner) -> None:
    def behind(seconds: int) -> dict[str, Level]:
        moment = now() - dt.timedelta(seconds=seconds)
        catalogue.script = lambda _request: wire(Response(304, (("Date", _date(moment)),)))
        return node.examined()

    assert behind(90)["clock-drifts"] is Level.WARNING
    assert behind(600)["clock-wrong"] is Level.BAD
    assert behind(-600)["clock-wrong"] is Level.BAD
    catalogue.script = lambda _request: wire(Response(304))
    assert node.examined()["clock-unknown"] is Level.NOTE


def test_a_registry_that_does_not_answer_is_told_with_what_to_do(
    node: Node, catalogue: Partner
) -> None:
    catalogue.close()

    finding = next(each for each in examine(now=now()) if each.about == "registry")

    assert (finding.code, finding.level) == ("connection-refused", Level.BAD)
    assert "VAIHTO_CATALOGUE_URL" in finding.remedy


def test_an_old_catalogue_is_told(node: Node) -> None:
    Catalogue.objects.update(expires_at=now() - dt.timedelta(days=1))
    registry.forget()
    assert node.examined()["catalogue-stale"] is Level.WARNING

    Catalogue.objects.update(expires_at=now() - dt.timedelta(days=6))
    registry.forget()
    assert node.examined()["catalogue-too-old"] is Level.BAD


def test_a_key_that_the_catalogue_does_not_know_is_told(node: Node) -> None:
    HostKey.objects.all().delete()
    registry.forget()

    examined = node.examined()

    assert (examined["key-unlisted"], examined["answer-key-unlisted"]) == (Level.BAD, Level.BAD)


def test_a_key_that_another_institution_has_too_is_told(node: Node, settings: Any) -> None:
    other = listed(settings, "other.example", [])
    own = HostKey.objects.get(purpose="client")
    HostKey.objects.create(
        host=other, purpose="client", fingerprint=own.fingerprint, public=own.public
    )

    finding = next(each for each in examine(now=now()) if each.code == "key-of-other")

    assert (finding.level, "other.example" in str(finding)) == (Level.BAD, True)


def test_a_node_without_keys_is_told_how_to_make_them(node: Node) -> None:
    Key.objects.update(withdrawn_at=now())
    keys.forget()

    examined = node.examined()

    assert (examined["keys-none"], examined["answer-keys-none"]) == (Level.BAD, Level.BAD)


def test_a_manifest_that_another_installation_answers_is_noticed(node: Node) -> None:
    node.script.manifest = node.script.manifest.replace(
        public_of(signer("home").private).encode(), public_of(signer("stranger").private).encode()
    )

    assert node.examined()["manifest-keys"] is Level.BAD


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Response(404), "manifest-status"),
        (Response(301, (("Location", "/elsewhere"),)), "manifest-status"),
        (Response(200, XML, b"<html/>"), "manifest-not-valid"),
    ],
)
def test_a_manifest_that_is_not_there(node: Node, response: Response, code: str) -> None:
    node.script.changed["manifest.xml"] = response

    assert node.examined()[code] is Level.BAD


def test_what_the_registry_will_say_is_said_before(node: Node) -> None:
    node.script.manifest = node.script.manifest.replace(b'version="2.0.1"', b'version="3.0.1"')

    assert node.examined()["manifest-notice"] is Level.WARNING


def test_an_expiring_certificate_is_told_early(node: Node, trusted: Authority) -> None:
    node.server.context = trusted.context(valid_until=dt.timedelta(days=10, hours=1))

    finding = next(each for each in examine(now=now()) if each.code == "own-certificate-soon")

    assert (finding.level, finding.facts["days"]) == (Level.WARNING, 10)


def test_a_node_that_is_not_reached_is_told_what_partners_see(node: Node) -> None:
    node.server.close()

    finding = next(each for each in examine(now=now()) if each.about == f"{HOME}: manifest")

    assert (finding.code, finding.level) == ("connection-refused", Level.BAD)
    assert "Partners cannot reach us" in finding.remedy


def test_an_api_that_the_registry_dropped_or_has_elsewhere_is_told(node: Node) -> None:
    node.host.apis.filter(element="institutions").delete()
    node.host.apis.filter(element="factsheet").update(urls={"url": "https://former.example/"})
    registry.forget()

    told = {each.code: each.facts for each in examine(now=now())}

    assert told["api-dropped"] == {"api": "institutions 2.2.0"}
    assert told["api-elsewhere"] == {"api": "factsheet 1.2.0", "url": "https://former.example/"}


def test_an_installation_outside_the_network_is_told_how_to_join(node: Node, settings: Any) -> None:
    node.host.delete()
    registry.forget()
    assert node.examined()["not-listed"] is Level.BAD

    settings.CATALOGUE_URL = ""
    registry.forget()
    assert node.examined()["catalogue-unset"] is Level.BAD

    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert node.examined()["public-address-plain"] is Level.BAD


def test_groups_of_apis_belong_together() -> None:
    def lacking(*offered: str) -> list[str]:
        return [str(each.facts["lacks"]) for each in examination._groups("x", set(offered))]

    whole = ("institutions", "organizational-units", "factsheet")
    assert lacking("discovery", "echo") == []
    assert lacking(*whole) == []
    assert lacking("factsheet") == ["institutions", "organizational-units"]
    assert lacking(*whole, "iias") == ["iia-approval-cnr, iia-cnr, iias-approval"]
    assert lacking(
        "institutions",
        "organizational-units",
        "iias",
        "iia-cnr",
        "iias-approval",
        "iia-approval-cnr",
    ) == ["factsheet"]
    assert lacking(*whole, "imobilities") == ["imobility-cnr, omobilities, omobility-cnr"]


# --- A partner ---------------------------------------------------------------------------------


def test_a_good_partner_is_good(vale: tuple[Partner, Scripted, Host], schemas_folder: Any) -> None:
    told = found()

    assert set(told.values()) == {Level.GOOD}
    assert (f"{VALE}: echo", "echo-good") in told
    assert {about for about, code in told if code == "answer-good"} == {
        f"{VALE}: institutions", f"{VALE}: organizational-units", f"{VALE}: factsheet",
    }  # fmt: skip
    assert [code for _about, code in told].count("certificate-good") == 1


def test_nothing_that_the_doctor_meets_is_reported(
    vale: tuple[Partner, Scripted, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaihto.ewp import client  # noqa: PLC0415 - only here

    heard: list[Any] = []
    monkeypatch.setattr(client, "announce", lambda *a, **k: heard.append(a))
    vale[1].changed = {"echo": Response(500), "institutions": Response(500)}

    assert found()[(f"{VALE}: echo", "partner-failed")] is Level.BAD
    assert heard == []


def test_an_echo_that_is_not_ours_is_noticed(vale: tuple[Partner, Scripted, Host]) -> None:
    vale[1].changed = {"echo": Response(200, XML, Echo((HOME,), ("else",)).write())}
    assert found()[(f"{VALE}: echo", "echo-wrong")] is Level.BAD

    vale[1].changed, vale[1].caller = {}, "other.example"
    assert found()[(f"{VALE}: echo", "echo-names")] is Level.BAD


def test_entries_that_cannot_be_called_are_told(vale: tuple[Partner, Scripted, Host]) -> None:
    _server, _script, host = vale
    host.apis.filter(element="echo").update(client_auth=["tlscert"])
    host.apis.filter(element="factsheet").update(server_auth=["tlscert"])
    host.apis.filter(element="organizational-units").update(
        namespace="https://github.com/erasmus-without-paper/ewp-specs-api-ounits/blob/stable-v9/manifest-entry.xsd"
    )
    registry.forget()

    told = found()

    assert told[(f"{VALE}: echo", "entry-unusable")] is Level.BAD
    assert told[(f"{VALE}: factsheet", "entry-unsigned")] is Level.NOTE
    assert told[(f"{VALE}: organizational-units", "entry-not-spoken")] is Level.NOTE


def test_a_message_with_gaps_is_used_and_told(vale: tuple[Partner, Scripted, Host]) -> None:
    gap = b'<institutions-response xmlns="%s"><hei><hei-id>vale.example</hei-id></hei></institutions-response>'
    from vaihto.ewp.apis.institutions.messages import INSTITUTIONS as SPACE  # noqa: PLC0415 - only here

    vale[1].changed = {"institutions": Response(200, XML, gap % SPACE.encode())}

    assert found()[(f"{VALE}: institutions", "answer-lacks")] is Level.WARNING


def test_servers_that_the_conversation_does_not_touch_are_looked_at(
    vale: tuple[Partner, Scripted, Host], opened: Opened, trusted: Authority
) -> None:
    other = opened(context=trusted.context(valid_until=-dt.timedelta(days=1)))
    listed_api = replace(
        ECHO, element="iias", repository="ewp-specs-api-iias", major=7, version="7.0.0"
    )
    in_catalogue(
        vale[2].catalogue.url, hei_id=VALE, apis=[(listed_api, {"get-url": f"{other.url}/get"})]
    )

    assert found()[(f"{VALE}: iias", "certificate-expired")] is Level.BAD


def test_whom_to_write_to_is_told(vale: tuple[Partner, Scripted, Host]) -> None:
    Host.objects.filter(pk=vale[2].pk).update(emails=["ewp@vale.example"])
    registry.forget()

    findings = examine(now=now(), partner=VALE)

    assert ("ewp@vale.example" in str(findings[0]), findings[0].level) == (True, Level.NOTE)


def test_a_partner_that_is_not_there_or_was_renamed(node: Node, settings: Any) -> None:
    assert found() == {(VALE, "partner-unknown"): Level.BAD}

    host = listed(settings, "new-vale.example", [])
    ListedInstitution.objects.filter(hei_id="new-vale.example").update(
        other_ids=[["previous-schac", VALE]], search=f"new-vale.example\n{VALE}"
    )
    registry.forget()
    assert found() == {(VALE, "partner-renamed"): Level.BAD}

    ListedInstitution.objects.create(catalogue=host.catalogue, hei_id=VALE)
    registry.forget()
    assert found() == {(VALE, "partner-offers-nothing"): Level.BAD}


# --- The commands ------------------------------------------------------------------------------


def test_the_doctor_prints_words_and_fails_when_something_is_bad(
    vale: tuple[Partner, Scripted, Host], capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor([]) == 0
    assert "All is well" in capsys.readouterr().out

    vale[1].changed = {"factsheet": Response(503, XML, ErrorResponse("Closed.").write())}
    assert doctor([VALE]) == 1
    printed = capsys.readouterr().out
    assert f"BAD   {VALE}: factsheet" in printed
    assert "closed for the moment (503): Closed." in printed
    assert "1 bad" in printed

    assert doctor([VALE, "--as", HOME, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["level"] == "bad"
    assert {"about", "code", "level", "sentence", "remedy", "facts"} == set(told["findings"][0])

    assert doctor([VALE, "--as", "stranger.example"]) == 2
    assert doctor([HOME, "--json"]) == 0
    abouts = {each["about"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert {about.partition(":")[0] for about in abouts if ":" in about} == {HOME}


def test_a_call_shows_what_came(
    vale: tuple[Partner, Scripted, Host], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([VALE, "echo", "echo=a", "echo=b=c"]) == 0

    printed = capsys.readouterr().out
    assert "status 200" in printed
    assert "proven to be the partner's" in printed
    assert "  <echo>b=c</echo>" in printed
    assert f"kept as exchange {Exchange.objects.get().pk}" in printed
    assert printed.rstrip().endswith("The partner answered.")


def test_a_call_can_be_raw_or_for_a_machine(
    vale: tuple[Partner, Scripted, Host], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert call([VALE, "echo-v2", "url", "echo=a", "--raw", "--method", "POST", "--as", HOME]) == 0
    assert capfdbinary.readouterr().out == Echo((HOME,), ("a",)).write()
    assert vale[0].received[-1].method == "POST"

    assert call([VALE, "institutions", f"hei_id={VALE}", "--json"]) == 0
    told = json.loads(capfdbinary.readouterr().out)
    assert (told["outcome"], told["status"], told["signature"]) == ("ok", 200, "verified")


def test_a_refused_call_says_whose_it_is(
    vale: tuple[Partner, Scripted, Host], capsys: pytest.CaptureFixture[str]
) -> None:
    vale[1].changed = {
        "institutions": Response(400, XML, ErrorResponse("hei_id is missing").write())
    }

    assert call([VALE, "institutions"]) == 1
    assert "The partner refused the request (400): hei_id is missing" in capsys.readouterr().out
    assert call([VALE, "factsheet", "--json", "--as", HOME]) == 0
    capsys.readouterr()
    assert call(["nowhere.example", "echo"]) == 1
    assert "has no entry of nowhere.example" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([VALE, "nothing"], "there is no API 'nothing'"),
        ([VALE, "echo", "url", "word"], "'word' is no parameter"),
        ([VALE, "echo", "index"], "'index' is no parameter"),
        ([VALE, "iias", "nothing"], "say which"),
        ([VALE, "echo", "--as", VALE], "is not hosted here"),
        ([VALE, "echo", "--body", "/nowhere/file.xml"], "cannot be read"),
    ],
)
def test_wrong_use_of_a_call(
    vale: tuple[Partner, Scripted, Host],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    assert call(arguments) == 2
    assert says in capsys.readouterr().err
    assert Exchange.objects.count() == 0


def test_an_api_that_we_never_declared_is_called_as_its_entry_shows(
    vale: tuple[Partner, Scripted, Host], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server, script, _host = vale
    script.changed = {"": Response(200, XML, b"<anything/>")}
    unknown = replace(
        ECHO,
        element="omobilities",
        repository="ewp-specs-api-omobilities",
        major=2,
        version="2.0.0",
    )
    urls = {"get-url": f"{server.url}/om/get", "index-url": f"{server.url}/om/index"}
    in_catalogue(settings.CATALOGUE_URL, hei_id=VALE, apis=[(unknown, urls)])
    registry.forget()

    assert call([VALE, "omobilities", "index", "sending_hei_id=x"]) == 0
    assert server.received[-1].target == "/om/index?sending_hei_id=x"
    assert call([VALE, "omobilities"]) == 2


def test_every_finding_has_its_words() -> None:
    for code, (sentence, remedy) in examination._SAYS.items():
        assert code not in outcomes.TABLE
        for text in (sentence, remedy):
            assert "%" not in outcomes.filled(text, {})

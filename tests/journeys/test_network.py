"""Nodes of a real network talk: as processes of their own, over TLS, with signed requests and answers."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from tests.conftest import SHARED
from tests.journeys.asking import Question, ask, echo
from vaihto.command.box import Network
from vaihto.ewp.apis.registry.messages import Catalogue
from vaihto.ewp.local import authority
from vaihto.ewp.schemas import official

pytestmark = pytest.mark.slow

NORTH, SOUTH, EAST = "tuulisalmi.example", "costaclara.example", "javorec.example"


def test_every_manifest_is_imported_and_the_catalogue_is_valid(network: Network) -> None:
    document = network.ask(network.catalogue_url).encode()
    read = Catalogue.read(document)
    covered = [hei_id for host in read.hosts for hei_id in host.hei_ids]
    assert covered == [hei_id for node in network.nodes for hei_id in node.plan.hosts]
    assert read.wrong_keys == ()
    for host in read.hosts[1:]:
        assert len(host.client_keys) == len(host.server_keys) == 1
        assert {"discovery", "echo"} <= {api.element for api in host.apis}
    for node in network.nodes:
        for hei_id in node.plan.hosts:
            network.reload(node.manifest_url(hei_id))  # another test may have had the node away
            page = network.ask(network.status_url(node.manifest_url(hei_id)))
            assert "OK: imported" in page, page
    schemas = official(SHARED / "schemas")
    if schemas is not None:
        assert schemas.problems(document) == []


def test_a_node_reads_everything_another_publishes(network: Network) -> None:
    to: list[Question] = [
        echo(NORTH, SOUTH, "a", "b", "ä"),
        echo("hopearanta.example", SOUTH, "x"),
        (NORTH, SOUTH, "institutions", "url", [("hei_id", SOUTH), ("hei_id", "nobody.example")]),
        (NORTH, SOUTH, "factsheet", "url", [("hei_id", SOUTH)]),
        (NORTH, SOUTH, "simple-course-replication", "url", [("hei_id", SOUTH)]),
    ]
    first, second, institutions, factsheet, replication = ask(network.node("north"), *to)
    for answer in (first, second, institutions, factsheet, replication):
        assert (answer["outcome"], answer["status"], answer["signature"]) == ("ok", 200, "verified")
    assert (
        "<hei-id>tuulisalmi.example</hei-id><echo>a</echo><echo>b</echo><echo>ä</echo>"
        in (first["body"])
    )
    assert "<hei-id>hopearanta.example</hei-id>" in second["body"]
    assert "nobody.example" not in institutions["body"]
    assert "incoming@costaclara.example" in factsheet["body"]
    units = _texts(institutions["body"], "ounit-id")
    courses = _texts(replication["body"], "los-id")
    assert len(units) == 4
    assert len(courses) > 16
    known, unknown = units[0], "unknown"
    asked_units, asked_courses = ask(
        network.node("east"),
        (
            EAST,
            SOUTH,
            "organizational-units",
            "url",
            [("hei_id", SOUTH), ("ounit_id", known), ("ounit_id", unknown)],
        ),
        (EAST, SOUTH, "courses", "url", [("hei_id", SOUTH), ("los_id", courses[-1])]),
    )
    assert _texts(asked_units["body"], "ounit-id") == [known]
    assert _texts(asked_courses["body"], "los-id") == [courses[-1]]


def _texts(document: str, name: str) -> list[str]:
    root = etree.fromstring(document.encode())
    return [node.text or "" for node in root.iter(f"{{*}}{name}")]


def test_two_institutions_of_one_node_have_keys_of_their_own(network: Network) -> None:
    north = network.node("north")
    own, other = ask(north, echo(NORTH, "hopearanta.example"), echo("hopearanta.example", NORTH))
    assert "<hei-id>tuulisalmi.example</hei-id>" in own["body"]
    assert "<hei-id>hopearanta.example</hei-id>" in other["body"]


def test_a_killed_node_is_missed_and_comes_back_with_everything(network: Network) -> None:
    south = network.node("south")
    before = _read(network, south.manifest_url(SOUTH))
    south.web.kill()
    (away,) = ask(network.node("north"), echo(NORTH, SOUTH))
    assert away["outcome"] == "connection-refused"
    assert away["status"] is None
    network.reload(south.manifest_url(SOUTH))  # the registry keeps its last good version
    assert f">{SOUTH}<" in network.ask(network.catalogue_url)
    south.web.start()
    assert south.is_up()
    assert _read(network, south.manifest_url(SOUTH)) == before  # keys and all
    (back,) = ask(network.node("north"), echo(NORTH, SOUTH, "again"))
    assert back["outcome"] == "ok"


def test_without_its_registry_the_network_goes_on(network: Network) -> None:
    ask(network.node("north"), ask_nothing := echo(NORTH, EAST))
    ask(network.node("east"), echo(EAST, NORTH))
    network.registry.kill()
    try:
        there, back = (
            ask(network.node("north"), ask_nothing)[0],  # the refresh fails, the copy answers
            ask(network.node("east"), echo(EAST, NORTH))[0],
        )
        assert (there["outcome"], back["outcome"]) == ("ok", "ok")
        told = json.loads(_read(network, f"{network.node('north').url}/ready"))
        assert told["catalogue"]["state"] == "fresh"
        assert told["catalogue"]["failure"] == "connection-refused"
    finally:
        network.registry.start()
        assert network.registry_is_up()
    # It is there with its catalogue before it has read a single manifest again.
    assert f">{NORTH}<" in network.ask(network.catalogue_url)


def test_a_stranger_without_a_signature_is_told_how(network: Network) -> None:
    status, headers, body = _refused(network, f"{network.node('east').url}/ewp/{EAST}/echo/v2")
    assert status == 401
    assert headers["www-authenticate"] == 'Signature realm="EWP"'
    assert "<error-response" in body


def test_a_node_with_another_authority_is_not_trusted(network: Network, tmp_path: Path) -> None:
    other = authority.make(tmp_path, now=datetime.now(UTC))
    context = ssl.create_default_context(cafile=other.authority)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(network.registry_url, timeout=10, context=context)


def _read(network: Network, url: str) -> str:
    try:
        return network.ask(url)
    except urllib.error.HTTPError as error:  # /ready says 503 where no worker runs
        return error.read().decode()


def _refused(network: Network, url: str) -> tuple[int, dict[str, str], str]:
    with pytest.raises(urllib.error.HTTPError) as refused:
        network.ask(url)
    error = refused.value
    headers = {name.lower(): value for name, value in error.headers.items()}
    return error.code, headers, error.read().decode()

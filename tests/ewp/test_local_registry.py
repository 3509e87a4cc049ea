"""The registry of our own: what it takes from a manifest, what it keeps, and how it answers."""

from __future__ import annotations

import base64
import functools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vaihto.ewp import transport
from vaihto.ewp.apis.discovery.messages import MANIFEST, REGISTRY, Covered, Entry, Manifest
from vaihto.ewp.apis.registry.messages import Catalogue
from vaihto.ewp.local.cataloguing import write_catalogue, write_manifest
from vaihto.ewp.local.importing import (
    Imported,
    Network,
    NotImported,
    Severity,
    fingerprint,
    gravest,
    import_manifest,
    is_usable,
)
from vaihto.ewp.local.pages import Application
from vaihto.ewp.local.running import LocalRegistry
from vaihto.ewp.local.sources import Malformed, Options, Own, Source, read_sources
from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.schemas import Official

URL = "https://node.alpha.eu/ewp/alpha.eu/manifest.xml"
OWN = Own("https://registry.alliance.eu/catalogue-v1.xml", "Alliance (Vaihto)", ("r@alliance.eu",))
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


@functools.lru_cache
def key(word: str, bits: int = 2048) -> str:
    """A real RSA key under a name, base64 of its DER."""
    public = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return base64.b64encode(
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


def entry(
    element: str, version: str, *parts: tuple[str, str], major: int = 0, repository: str = ""
) -> Entry:
    major = major or int(version.partition(".")[0])
    space = (
        f"{EWP}{repository or f'ewp-specs-api-{element}'}/blob/stable-v{major}/manifest-entry.xsd"
    )
    secured = element != "discovery"
    return Entry(
        namespace=space,
        element=element,
        version=version,
        parts=parts,
        client_auth=("httpsig",) if secured else None,
        server_auth=("httpsig", "tlscert") if secured else None,
    )


def factsheet(url: str = "https://node.alpha.eu/ewp/alpha.eu/factsheet", **more: Any) -> Entry:
    return entry("factsheet", "1.2.0", ("url", url), ("max-hei-ids", "5"), **more)


def file(url: str = "https://node.alpha.eu/ewp/alpha.eu/file") -> Entry:
    return entry("file", "1.0.0", ("url", url))


def echo(url: str = "https://node.alpha.eu/echo") -> Entry:
    return entry("echo", "2.0.1", ("url", url))


def discovery(url: str = URL) -> Entry:
    return entry("discovery", "6.0.0", ("url", url))


def manifest(*entries: Entry, **facts: Any) -> Manifest:
    """A manifest nobody can object to, unless told otherwise."""
    facts = {
        "emails": ("ewp@alpha.eu",),
        "provider": "Alpha (Software)",
        "covered": Covered("alpha.eu", (("en", "University of Alpha"),), (("pic", "123456789"),)),
        "client_keys": (key("alpha client"),),
        "server_keys": (key("alpha server"),),
        **facts,
    }
    return Manifest(entries=entries or (discovery(), echo(), factsheet()), **facts)


def given(said: Manifest, source: Source | None = None) -> Imported:
    """What the catalogue would hold of it."""
    return Imported(source or Source(URL), Manifest.read(said.write()).message)


def taken(
    said: Manifest | bytes,
    *,
    source: Source | None = None,
    network: Network | None = None,
    official: Official | None = None,
) -> tuple[Manifest, list[tuple[str, str]]]:
    document = said if isinstance(said, bytes) else said.write()
    imported, notices = import_manifest(
        document, source or Source(URL), network or Network(), official=official
    )
    return imported.manifest, [(str(one.severity), one.sentence) for one in notices]


def names(said: Manifest) -> list[str]:
    return [one.element for one in said.entries]


# --- What is taken -----------------------------------------------------------------------------


def test_a_sound_manifest_is_taken_without_a_word(ewp_schemas: Official) -> None:
    said, notices = taken(manifest(), official=ewp_schemas)
    assert notices == []
    assert names(said) == ["discovery", "echo", "factsheet"]


@pytest.mark.parametrize(
    "document",
    [
        b"no xml",
        b"<manifest/>",
        manifest().write().replace(b"tree/stable-v6", b"tree/stable-v5"),
        b'<!DOCTYPE x [<!ENTITY e "x">]>' + manifest().write().partition(b"?>")[2],
    ],
    ids=["text", "no namespace", "version 5", "document type"],
)
def test_what_is_no_manifest_of_version_6_is_not_taken(document: bytes) -> None:
    with pytest.raises(NotImported) as refused:
        taken(document)
    assert gravest(refused.value.notices) is Severity.ERROR


@pytest.mark.parametrize("with_schemas", [True, False])
def test_a_manifest_without_an_address_for_questions_is_not_taken(
    with_schemas: bool, request: pytest.FixtureRequest
) -> None:
    official = request.getfixturevalue("ewp_schemas") if with_schemas else None
    lacking = manifest().write().replace(b"<ewp:admin-email>ewp@alpha.eu</ewp:admin-email>", b"")
    with pytest.raises(NotImported):
        taken(lacking, official=official)


def test_an_entry_that_is_not_valid_is_left_out_alone(ewp_schemas: Official) -> None:
    broken = entry("factsheet", "1.2.0", ("url", "https://node.alpha.eu/f"))  # lacks max-hei-ids
    said, notices = taken(manifest(discovery(), echo(), broken), official=ewp_schemas)
    assert names(said) == ["discovery", "echo"]
    assert [severity for severity, _sentence in notices] == ["WARNING"]


def test_an_institution_the_source_may_not_cover_is_left_out() -> None:
    said, notices = taken(manifest(), source=Source(URL, r"beta\.eu|alpha\.e"))
    assert said.covered is None
    assert [severity for severity, _sentence in notices] == ["ERROR"]
    assert taken(manifest(), source=Source(URL, r"alpha\.eu"))[0].covered is not None


def test_short_and_strange_keys_are_left_out() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    strange = base64.b64encode(
        curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    keys = (key("short", 1024), key("alpha client"), strange, "QUJD")
    said, notices = taken(manifest(client_keys=keys, server_keys=keys))
    assert said.client_keys == said.server_keys == (key("alpha client"),)
    assert [severity for severity, _sentence in notices] == ["ERROR"] * 6


def test_a_client_key_of_another_institution_is_left_out_with_a_warning() -> None:
    beta = given(
        manifest(
            echo(),
            covered=Covered("beta.eu", (("en", "Beta"),)),
            client_keys=(key("alpha client"), key("beta client")),
        ),
        Source("https://node.beta.eu/m.xml"),
    )
    mine = manifest(client_keys=(key("alpha client"), key("alpha second")))
    said, notices = taken(mine, network=Network([beta]))
    assert said.client_keys == (key("alpha second"),)
    assert [severity for severity, _sentence in notices] == ["WARNING"]
    assert "beta.eu" in notices[0][1]


def test_a_server_key_may_be_shared() -> None:
    beta = given(manifest(echo(), covered=Covered("beta.eu", (("en", "Beta"),)), client_keys=()))
    said, notices = taken(manifest(), network=Network([beta]))
    assert said.server_keys == (key("alpha server"),)
    assert notices == []


def test_only_a_registry_announces_the_registry_api() -> None:
    own = entry("registry", "1.5.0", ("catalogue-url", "https://node.alpha.eu/catalogue"))
    said, notices = taken(manifest(discovery(), replace(own, client_auth=None, server_auth=None)))
    assert names(said) == ["discovery"]
    assert [severity for severity, _sentence in notices] == ["WARNING"]


def test_another_address_for_an_api_the_institution_has_is_left_out() -> None:
    other = given(
        manifest(factsheet("https://other.eu/f"), echo("https://other.eu/e"), client_keys=()),
        Source("https://other.eu/m.xml"),
    )
    said, notices = taken(manifest(), network=Network([other]))
    assert names(said) == ["discovery", "echo"]  # echo may be there twice
    assert [severity for severity, _sentence in notices] == ["ERROR"]
    assert "https://other.eu/f" in notices[0][1]


def test_an_api_whose_address_changes_is_away_once_and_comes_back() -> None:
    before = given(manifest())
    moved = manifest(discovery(), echo(), factsheet("https://new.alpha.eu/factsheet"))
    once, notices = taken(moved, network=Network(own=before))
    assert names(once) == ["discovery", "echo"]
    assert [severity for severity, _sentence in notices] == ["ERROR"]
    again, notices = taken(moved, network=Network(own=Imported(Source(URL), once)))
    assert names(again) == ["discovery", "echo", "factsheet"]
    assert notices == []


def test_two_generations_of_an_api_live_side_by_side() -> None:
    both = (
        factsheet(),
        factsheet("https://node.alpha.eu/2", major=2),
    )
    own = given(manifest(discovery(), both[0]))
    said, _notices = taken(manifest(discovery(), *both), network=Network(own=own))
    assert names(said) == ["discovery", "factsheet", "factsheet"]


def test_one_address_that_is_not_public_removes_all_but_echo_and_discovery() -> None:
    entries = (
        discovery(),
        echo("https://localhost:8443/echo"),
        factsheet(),
        file("https://intra/f"),
    )
    said, notices = taken(manifest(*entries))
    assert names(said) == ["discovery", "echo"]
    assert {severity for severity, _sentence in notices} == {"ERROR"}
    kept, _none = taken(manifest(*entries), network=Network(allow_private=True))
    assert names(kept) == ["discovery", "echo", "factsheet", "file"]


@pytest.mark.parametrize(
    ("url", "public", "private"),
    [
        ("https://node.alpha.eu/ewp", True, True),
        ("https://node.alpha.eu:8443/ewp?x=1", True, True),
        ("https://127.0.0.1:8443/ewp", True, True),
        ("https://[::1]:8443/ewp", True, True),
        ("https://xn--yliopist-k2a.xn--p1ai/", True, True),
        ("https://localhost:8443/ewp", False, True),
        ("https://node.internal/ewp", False, True),
        ("https://node.alpha.example/ewp", False, True),
        ("https://node/ewp", False, True),
        ("https://node.alpha.eu/ewp#here", False, False),
        ("http://node.alpha.eu/ewp", False, False),
        ("https://node..eu/", False, False),
        ("https://-node.eu/", False, False),
        ("https://node.alpha.eu:99999/", False, False),
        ("https://user@node.alpha.eu/", False, False),
        ("https://node.alpha.eu/a b", False, False),
        ("https:///ewp", False, False),
        ("", False, False),
    ],
)
def test_which_addresses_are_usable(url: str, public: bool, private: bool) -> None:
    assert is_usable(url, allow_private=False) is public
    assert is_usable(url, allow_private=True) is private


def test_an_address_of_another_host_is_left_out() -> None:
    beta = given(
        manifest(
            factsheet(),
            echo(),
            covered=Covered("beta.eu", (("en", "Beta"),)),
            client_keys=(),
            server_keys=(key("beta server"),),
        ),
        Source("https://beta.eu/m.xml"),
    )
    said, notices = taken(manifest(), network=Network([beta]))
    assert names(said) == ["discovery", "echo"]
    assert [severity for severity, _sentence in notices] == ["ERROR"]
    # Unless the institution has it there already, and can sign as the other host does.
    both = manifest(server_keys=(key("alpha server"), key("beta server")))
    allowed, notices = taken(both, network=Network([beta], own=given(manifest())))
    assert names(allowed) == ["discovery", "echo", "factsheet"]
    assert notices == []
    assert names(taken(both, network=Network([beta]))[0]) == ["discovery", "echo"]


def test_a_discovery_entry_that_names_another_address_is_worth_a_warning() -> None:
    said, notices = taken(manifest(discovery("https://node.alpha.eu/elsewhere.xml"), factsheet()))
    assert names(said) == ["discovery", "factsheet"]
    assert [severity for severity, _sentence in notices] == ["WARNING"]


def test_a_version_that_does_not_fit_its_namespace_is_worth_a_warning() -> None:
    fitting = entry("courses", "0.7.1", ("url", "https://node.alpha.eu/c"), major=1)
    strange = entry("iia-cnr", "2.0.0", ("url", "https://node.alpha.eu/i"), major=3)
    said, notices = taken(manifest(discovery(), fitting, strange))
    assert names(said) == ["discovery", "courses", "iia-cnr"]
    assert [severity for severity, _sentence in notices] == ["WARNING"]
    assert "iia-cnr" in notices[0][1]


def test_elements_of_a_catalogue_inside_an_entry_are_taken_out() -> None:
    smuggled = (
        manifest(discovery(), file())
        .write()
        .replace(
            b"</file>",
            f'<r:host xmlns:r="{REGISTRY}"><m:host xmlns:m="{MANIFEST}"/></r:host></file>'.encode(),
        )
    )
    assert smuggled.count(b"<r:host") == 1
    said, notices = taken(smuggled)
    assert names(said) == ["discovery", "file"]
    assert all(b"host" not in one.raw for one in said.entries)
    assert [severity for severity, _sentence in notices] == ["WARNING"]


# --- The catalogue that is made of it ----------------------------------------------------------


def test_the_catalogue_is_valid_and_says_what_the_manifests_said(ewp_schemas: Official) -> None:
    foreign = (
        '<x:own xmlns:x="https://else.eu/api" version="9"><x:url>https://else.eu</x:url></x:own>'
    )
    document = (
        manifest(discovery(), echo(), factsheet())
        .write()
        .replace(b"</r:apis-implemented>", f"{foreign}</r:apis-implemented>".encode())
    )
    alpha, _notices = import_manifest(document, Source(URL), Network(), official=ewp_schemas)
    beta = given(
        manifest(
            echo(),
            covered=Covered("alpha.eu", (("fi", "Alfan yliopisto"), ("en", "University of Alpha"))),
            client_keys=(),
        ),
        Source("https://beta.eu/m.xml"),
    )
    written = write_catalogue(OWN, [alpha, beta])
    assert ewp_schemas.problems(written) == []
    assert written == write_catalogue(OWN, [alpha, beta])
    read = Catalogue.read(written)
    assert read.wrong_keys == ()
    own, first, second = read.hosts
    assert [api.element for api in own.apis] == ["registry"]
    assert dict(own.apis[0].urls) == {"catalogue-url": OWN.catalogue_url}
    assert [api.element for api in first.apis] == ["discovery", "echo", "factsheet", "own"]
    assert first.apis[1].client_auth == ("httpsig",)
    assert dict(first.apis[2].limits) == {"max-hei-ids": 5}
    assert first.client_keys == (fingerprint(key("alpha client")),)
    assert first.server_keys == second.server_keys == (fingerprint(key("alpha server")),)
    (hei,) = read.institutions
    assert hei.names == (("en", "University of Alpha"), ("fi", "Alfan yliopisto"))
    assert hei.other_ids == (("pic", "123456789"),)


def test_a_registry_without_sources_serves_a_valid_catalogue(ewp_schemas: Official) -> None:
    assert ewp_schemas.problems(write_catalogue(OWN, [])) == []


def test_a_manifest_that_was_kept_is_the_same_when_read_again(ewp_schemas: Official) -> None:
    said, _notices = taken(manifest(notes="A note"))
    kept = write_manifest(said)
    assert ewp_schemas.problems(kept) == []
    assert Manifest.read(kept).message == said


# --- At work -----------------------------------------------------------------------------------


class Nodes:
    """Manifests by address; what is absent cannot be reached."""

    def __init__(self, **_none: str) -> None:
        self.manifests: dict[str, bytes] = {}
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.manifests:
            raise transport.Broken("connection-refused", host="node.alpha.eu", port=443)
        return self.manifests[url]


BETA_URL = "https://node.beta.eu/ewp/beta.eu/manifest.xml"


def beta_manifest() -> Manifest:
    return manifest(
        discovery(BETA_URL),
        factsheet("https://node.beta.eu/f"),
        covered=Covered("beta.eu", (("en", "Beta"),)),
        client_keys=(key("beta client"),),
        server_keys=(key("beta server"),),
    )


@pytest.fixture
def nodes() -> Nodes:
    found = Nodes()
    found.manifests = {URL: manifest().write(), BETA_URL: beta_manifest().write()}
    return found


Open = Callable[..., LocalRegistry]


@pytest.fixture
def opened(tmp_path: Path, nodes: Nodes) -> Open:
    """Opens the registry in one folder, as often as it is called."""
    clock = iter(START + timedelta(minutes=number) for number in range(1000))

    def open_it(*urls: str, **more: Any) -> LocalRegistry:
        sources = tuple(Source(url) for url in urls or (URL, BETA_URL))
        options = Options(folder=tmp_path, own=OWN, sources=sources, **more)
        return LocalRegistry(options, fetch=nodes, clock=lambda: next(clock))

    return open_it


def heis(registry: LocalRegistry) -> list[str]:
    edition = registry.edition()
    assert edition is not None
    return [one.hei_id for one in Catalogue.read(edition.document).institutions]


def test_a_round_reads_every_manifest(opened: Open) -> None:
    registry = opened()
    assert registry.edition() is None
    registry.reload_all()
    assert heis(registry) == ["alpha.eu", "beta.eu"]
    assert {one.severity for one in registry.statuses()} == {Severity.OK}


def test_the_last_good_version_stays_when_a_manifest_is_away_or_broken(
    opened: Open, nodes: Nodes
) -> None:
    registry = opened()
    registry.reload_all()
    before = registry.edition()
    del nodes.manifests[URL]
    nodes.manifests[BETA_URL] = b"<html>Maintenance</html>"
    registry.reload_all()
    assert registry.edition() == before
    told = [(one.severity, one.notices[0].sentence) for one in registry.statuses()]
    assert [severity for severity, _sentence in told] == [Severity.ERROR, Severity.ERROR]
    assert "refuses connections" in told[0][1]
    assert registry.statuses()[0].hei_id == "alpha.eu"


def test_a_restart_goes_on_where_it_stopped(opened: Open, nodes: Nodes) -> None:
    registry = opened()
    registry.reload_all()
    before, statuses = registry.edition(), registry.statuses()
    nodes.manifests.clear()
    again = opened()
    assert again.edition() == before
    assert again.statuses() == statuses
    again.reload_all()
    assert again.edition() == before


def test_a_source_that_leaves_the_list_leaves_the_catalogue(opened: Open, tmp_path: Path) -> None:
    opened().reload_all()
    fewer = opened(URL)
    assert heis(fewer) == ["alpha.eu"]
    assert len(list((tmp_path / "sources").iterdir())) == 2
    assert heis(opened()) == ["alpha.eu"]  # what it knew of the other is gone


def test_a_narrower_pattern_takes_the_institution_out_at_once(tmp_path: Path, nodes: Nodes) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"# the alliance\n{URL}\n{BETA_URL} beta[.]eu  # ours\n", "utf-8")
    options = Options(folder=tmp_path / "kept", own=OWN, sources_file=listed)
    registry = LocalRegistry(options, fetch=nodes)
    registry.reload_all()
    assert heis(registry) == ["alpha.eu", "beta.eu"]
    listed.write_text(f"{URL} gamma[.]eu\n{BETA_URL} beta[.]eu\n", "utf-8")
    registry.reload_all()
    assert heis(registry) == ["beta.eu"]
    listed.write_text("http://broken\n", "utf-8")
    registry.reload_all()  # a list that cannot be read changes nothing
    assert heis(registry) == ["beta.eu"]


def test_one_manifest_can_be_read_now(opened: Open, nodes: Nodes) -> None:
    registry = opened()
    registry.reload_all()
    nodes.asked.clear()
    nodes.manifests[URL] = manifest(discovery(), echo()).write()
    status = registry.reload(URL)
    assert status is not None
    assert status.severity is Severity.OK
    assert nodes.asked == [URL]
    edition = registry.edition()
    assert edition is not None
    assert b"ewp/alpha.eu/factsheet" not in edition.document
    assert registry.reload("https://stranger.eu/m.xml") is None


@pytest.mark.parametrize("before", ["away", "older"])
def test_what_a_round_asked_before_somebody_had_a_manifest_read_is_overtaken(
    opened: Open, nodes: Nodes, before: str
) -> None:
    registry = opened()
    newer = nodes.manifests.pop(URL)
    if before == "older":
        nodes.manifests[URL] = manifest(discovery(), echo()).write()
    asked = threading.Event()
    slow = iter([True])

    def fetch(url: str) -> bytes:
        if url == BETA_URL and next(slow, False):
            assert asked.wait(20)
            nodes.manifests[URL] = newer
            registry.reload(URL)
        try:
            return nodes(url)
        finally:
            if url == URL:
                asked.set()

    registry._fetch = fetch
    registry.reload_all()
    assert {one.severity for one in registry.statuses()} == {Severity.OK}
    edition = registry.edition()
    assert edition is not None
    assert b"ewp/alpha.eu/factsheet" in edition.document


def test_an_unchanged_catalogue_keeps_its_day(opened: Open) -> None:
    registry = opened()
    registry.reload_all()
    before = registry.edition()
    registry.reload_all()
    assert registry.edition() is before


@pytest.mark.parametrize(
    "line", ["http://plain.eu/m.xml", "https://a.eu/m.xml ( ", "https://a.eu/m.xml a b", "word"]
)
def test_a_list_of_sources_that_cannot_be_understood_is_refused(line: str) -> None:
    with pytest.raises(Malformed, match="line 2"):
        read_sources(["# first", line], place="list.txt, ")


# --- Answers -----------------------------------------------------------------------------------


def ask(
    registry: LocalRegistry, path: str, *, method: str = "GET", query: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    said: list[Any] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    body = b"".join(Application(registry)(environ, lambda *start: said.extend(start)))
    return int(said[0][:3]), {name.lower(): value for name, value in said[1]}, body


def test_before_the_first_round_there_is_no_catalogue(opened: Open) -> None:
    status, headers, body = ask(opened(), "/catalogue-v1.xml")
    assert status == 503
    assert headers["retry-after"] == "60"
    assert b"<error-response" in body


def test_the_catalogue_is_served_for_conditional_requests(opened: Open) -> None:
    registry = opened()
    registry.reload_all()
    status, headers, body = ask(registry, "/catalogue-v1.xml")
    assert status == 200
    assert headers["content-type"].startswith("application/xml")
    assert headers["cache-control"] == "max-age=300, must-revalidate"
    assert headers["last-modified"].endswith(" GMT")
    assert len(body) == int(headers["content-length"])
    etag, since = headers["etag"], headers["last-modified"]
    for conditional in (
        {"if_none_match": etag},
        {"if_none_match": f'"x", W/{etag}'},
        {"if_modified_since": since},
    ):
        assert ask(registry, "/catalogue-v1.xml", **conditional)[::2] == (304, b"")
    # The tag decides where both are said.
    assert (
        ask(registry, "/catalogue-v1.xml", if_none_match='"x"', if_modified_since=since)[0] == 200
    )
    assert ask(registry, "/catalogue-v1.xml", if_modified_since="yesterday")[0] == 200
    assert ask(registry, "/catalogue-v1.xml", method="HEAD")[::2] == (200, b"")


def test_the_status_page_tells_what_was_found(opened: Open, nodes: Nodes) -> None:
    nodes.manifests[URL] = (
        manifest(discovery(), file("https://intra")).write().replace(b"//intra", b"//&lt;b>intra")
    )
    registry = opened()
    registry.reload_all()
    quoted = URL.replace(":", "%3A").replace("/", "%2F")
    status, headers, body = ask(registry, "/status", query=f"url={quoted}")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert b"ERROR" in body
    assert b"https://&lt;b&gt;intra is no public https address" in body
    assert b"<b>" not in body
    index = ask(registry, "/")[2].decode()
    assert f"/status?url={quoted}" in index
    assert "ERROR: not imported, or not all of it" in index
    assert ask(registry, "/status", query="url=https://stranger.eu")[0] == 404


def test_reading_a_manifest_now_is_asked_for_by_post_only(opened: Open, nodes: Nodes) -> None:
    registry = opened()
    assert ask(registry, "/reload", query=f"url={URL}")[0] == 405
    assert nodes.asked == []
    assert ask(registry, "/reload", method="POST", query=f"url={URL}")[0] == 200
    assert nodes.asked == [URL]
    assert ask(registry, "/reload", method="POST", query="url=https://stranger.eu/m")[0] == 404
    assert heis(registry) == ["alpha.eu"]


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/health", 200)])
def test_other_paths(opened: Open, path: str, status: int) -> None:
    assert ask(opened(), path)[0] == status


def test_the_catalogue_can_only_be_read(opened: Open) -> None:
    status, headers, _body = ask(opened(), "/catalogue-v1.xml", method="DELETE")
    assert (status, headers["allow"]) == (405, "GET, HEAD")

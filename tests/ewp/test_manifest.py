"""The manifest says what is served, to the letter of the schemas, from records or before there are any."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from tests.cast import NOON, institution
from vaihto.command import DONE, REFUSED, WRONG_USE
from vaihto.command import manifest as command
from vaihto.demo.alliance import HOSTED
from vaihto.ewp import keys, manifest
from vaihto.ewp.apis import APIS, monitoring
from vaihto.ewp.apis.discovery import DISCOVERY, endpoints
from vaihto.ewp.apis.discovery.messages import Manifest
from vaihto.ewp.apis.institutions import OUNITS
from vaihto.ewp.models import Key
from vaihto.ewp.protocol.api import Api
from vaihto.ewp.protocol.errors import Trouble
from vaihto.ewp.protocol.http import Response
from vaihto.ewp.schemas import Official, official
from vaihto.ewp.server import Gate
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor

PROJECT = Path(__file__).resolve().parents[2]
PUBLIC = "https://node.example.org/vaihto"


@pytest.fixture
def uni(db: None, settings: Any) -> Institution:
    settings.PUBLIC_URL = PUBLIC
    return institution(
        "uni.example",
        name="University of Examples",
        names={"fi": "Esimerkkien yliopisto", "en": "University of Examples"},
        erasmus_code="SF EXAMPLE01",
        pic="999900001",
        previous_hei_ids=["college.example"],
    )


def read(document: bytes) -> Manifest:
    found = Manifest.read(document)
    assert found.problems == ()
    return found.message


def as_if_served(apis: tuple[Api, ...] = APIS) -> tuple[Api, ...]:
    return tuple(
        replace(api, endpoints=tuple(replace(one, answer="x:y") for one in api.endpoints))
        for api in apis
    )


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.key)
def test_every_declared_entry_is_valid_and_says_its_security(
    api: Api, ewp_schemas: Official
) -> None:
    entry = manifest.entry_of(api, "uni.example", public_url=PUBLIC)
    assert ewp_schemas.problems(entry.write()) == []
    assert {name for name, _text in entry.parts} == {
        *(endpoint.name for endpoint in api.endpoints),
        *(name for name, _number in api.limits),
        *(name for name, _text in api.flags),
    }
    if api is DISCOVERY:
        assert (entry.client_auth, entry.server_auth) == (None, None)
    else:
        assert entry.client_auth == ("httpsig",)
        assert entry.server_auth == ("httpsig", "tlscert")


def test_no_two_apis_share_an_address_or_an_element() -> None:
    paths = [endpoint.path for api in APIS for endpoint in api.endpoints]
    assert len(paths) == len(set(paths))
    assert len({api.key for api in APIS}) == len(APIS)


def test_addresses_limits_and_flags_follow_from_the_declaration() -> None:
    entry = manifest.entry_of(OUNITS, "uni.example", public_url=PUBLIC)
    assert entry.parts == (
        ("url", f"{PUBLIC}/ewp/uni.example/ounits/v2"),
        ("max-ounit-ids", "50"),
        ("max-ounit-codes", "50"),
    )


def test_an_api_stands_in_the_manifest_only_when_every_endpoint_answers() -> None:
    for api in manifest.served_apis():
        assert all(endpoint.answer for endpoint in api.endpoints)
    assert DISCOVERY in manifest.served_apis()
    assert monitoring.MONITORING not in manifest.served_apis()


def test_the_whole_manifest_is_valid(uni: Institution, ewp_schemas: Official) -> None:
    pair = command._throw_away_key(), command._throw_away_key()
    made = manifest.manifest_of(
        uni,
        public_url=PUBLIC,
        emails=["ewp@uni.example", "it@uni.example"],
        client_keys=pair,
        server_keys=pair[:1],
        served=as_if_served(),
    )
    document = made.write()
    assert ewp_schemas.problems(document) == []
    assert read(document) == made
    assert [entry.element for entry in made.entries] == [api.element for api in APIS]


def test_it_names_the_institution_as_the_institutions_api_does(uni: Institution) -> None:
    covered = read(manifest.document(institution=uni, now=NOON)).covered
    assert covered is not None
    assert (covered.hei_id, covered.names, covered.other_ids) == (
        "uni.example",
        uni.published_names,
        uni.other_ids,
    )
    assert ("previous-schac", "college.example") in covered.other_ids


def test_its_discovery_entry_is_its_own_address(uni: Institution) -> None:
    found = read(manifest.document(institution=uni, now=NOON))
    (discovery,) = [entry for entry in found.entries if entry.element == "discovery"]
    assert discovery.parts == (("url", f"{PUBLIC}/ewp/uni.example/manifest.xml"),)
    assert discovery.parts[0][1] == manifest.manifest_url("uni.example")


def test_keys_are_made_once_and_stand_side_by_side_while_they_change(uni: Institution) -> None:
    other = institution("other.example")
    before = read(manifest.document(institution=uni, now=NOON))
    assert read(manifest.document(institution=uni, now=NOON)) == before
    theirs = read(manifest.document(institution=other, now=NOON))
    assert theirs.server_keys == before.server_keys  # shared
    assert set(theirs.client_keys).isdisjoint(before.client_keys)  # never shared
    keys.roll(actor=Actor.system(), institution=uni, purpose=Key.Purpose.CLIENT, now=NOON)
    after = read(manifest.document(institution=uni, now=NOON))
    assert after.client_keys[: len(before.client_keys)] == before.client_keys
    assert len(after.client_keys) == 2
    later = NOON + keys.SPREADING + keys.FADING + timedelta(minutes=1)
    keys.withdraw_faded(later)
    assert read(manifest.document(institution=uni, now=later)).client_keys == after.client_keys[1:]


def test_who_answers_for_the_node_is_set_or_found(uni: Institution, settings: Any) -> None:
    found = read(manifest.document(institution=uni, now=NOON))
    assert found.emails == ("ewp@node.example.org",)
    assert found.provider == "University of Examples (Vaihto)"
    uni.contacts.create(
        purpose="technical", names={"en": "IT"}, emails=["it@uni.example", "it@uni.example", "@"]
    )
    uni.contacts.create(purpose="courses", names={"en": "Study"}, emails=["study@uni.example"])
    assert read(manifest.document(institution=uni, now=NOON)).emails == ("it@uni.example",)
    settings.EWP_ADMIN_EMAILS = ["ewp@alliance.example", "help@alliance.example"]
    settings.EWP_PROVIDER = "Example Alliance (Vaihto)"
    found = read(manifest.document(institution=uni, now=NOON))
    assert found.emails == ("ewp@alliance.example", "help@alliance.example")
    assert found.provider == "Example Alliance (Vaihto)"


def test_a_host_without_a_domain_is_no_address_for_letters() -> None:
    assert manifest.usual_emails("uni.example", "https://localhost:8443") == ("ewp@uni.example",)


def test_there_is_no_manifest_without_https(uni: Institution, settings: Any) -> None:
    settings.PUBLIC_URL = "http://node.example.org"
    with pytest.raises(manifest.NoPublicAddress) as refused:
        manifest.document(institution=uni, now=NOON)
    assert "http://node.example.org" in str(refused.value)
    with pytest.raises(Trouble) as answered:
        endpoints.serve(SimpleNamespace(institution=uni, now=NOON))
    assert answered.value.status == 503


def asked(path: str, method: str = "GET") -> Response:
    environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": method, "RAW_URI": path}
    setup_testing_defaults(environ)
    return Gate().answer(environ, now=NOON)


@pytest.mark.django_db(transaction=True)
def test_anybody_may_fetch_it_and_only_where_it_is(settings: Any) -> None:
    settings.PUBLIC_URL = PUBLIC
    institution("uni.example")
    institution("partner.example", hosted=False)
    found = asked("/ewp/uni.example/manifest.xml")
    assert (found.status, found.header("content-type")) == (
        200,
        "application/xml; charset=utf-8",
    )
    covered = read(found.body).covered
    assert covered is not None
    assert covered.hei_id == "uni.example"
    assert asked("/ewp/uni.example/manifest.xml", "POST").status == 405
    assert asked("/ewp/partner.example/manifest.xml").status == 404
    assert asked("/ewp/uni.example/manifest.xml/").status == 404


def test_a_strange_hei_id_stays_one_part_of_the_path() -> None:
    assert manifest.endpoint_url("a/b?c", "echo/v2", public_url=PUBLIC) == (
        f"{PUBLIC}/ewp/a%2Fb%3Fc/echo/v2"
    )


# --- the command ----------------------------------------------------------------------------------


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """`vaihto ewp manifest …` in a process of its own, in an empty folder, with nothing set but the data folder."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from vaihto.command import main; sys.exit(main())",
            "ewp",
            "manifest",
            *words,
        ],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "VAIHTO_DATA": str(folder / "data"),
            **environment,
        },
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_before_any_database_it_writes_those_of_the_demo(
    tmp_path: Path, schemas_folder: Path
) -> None:
    ended = run(tmp_path, "--all", "--output", "out/manifests")
    assert ended.returncode == DONE, ended.stderr
    names = ended.stdout.decode().splitlines()
    assert names == sorted(f"out/manifests/{house.hei_id}.xml" for house in HOSTED)
    judge = official(schemas_folder)
    assert judge is not None
    client_keys = set()
    for name in names:
        document = (tmp_path / name).read_bytes()
        assert judge.problems(document) == []
        found = read(document)
        assert found.covered is not None
        assert Path(name).name == f"{found.covered.hei_id}.xml"
        assert f"https://localhost/ewp/{found.covered.hei_id}/manifest.xml" in document.decode()
        client_keys.update(found.client_keys)
        assert len(found.server_keys) == 1
    assert len(client_keys) == len(names)
    assert not list((tmp_path / "data").glob("*.sqlite3*"))


@pytest.mark.slow
def test_one_goes_to_standard_output_at_the_address_that_is_set(tmp_path: Path) -> None:
    public = "https://ewp.alliance.example:8443/node"
    ended = run(tmp_path, HOSTED[0].hei_id, VAIHTO_PUBLIC_URL=public)
    assert ended.returncode == DONE, ended.stderr
    found = read(ended.stdout)
    assert found.emails == ("ewp@ewp.alliance.example",)
    assert f"{public}/ewp/{HOSTED[0].hei_id}/".encode() in ended.stdout


@pytest.mark.slow
def test_an_address_without_https_is_refused_in_words(tmp_path: Path) -> None:
    ended = run(tmp_path, "--all", "--output", "out", VAIHTO_PUBLIC_URL="http://node.example.org")
    assert ended.returncode == REFUSED
    assert b"http://node.example.org" in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert list(tmp_path.glob("out/*")) == []


def test_from_a_database_it_writes_the_hosted_ones_with_their_keys(
    uni: Institution, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    institution("partner.example", hosted=False)
    assert command.write(["--all", "--output", str(tmp_path)]) == DONE
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "uni.example.xml")]
    found = read((tmp_path / "uni.example.xml").read_bytes())
    stored = keys.published_keys(institution=uni, purpose=Key.Purpose.CLIENT)
    assert list(found.client_keys) == [key.public for key in stored]


def test_an_institution_that_is_not_hosted_is_refused(
    uni: Institution, capsys: pytest.CaptureFixture[str]
) -> None:
    institution("partner.example", hosted=False)
    assert command.write(["partner.example"]) == REFUSED
    assert "partner.example is not hosted here" in capsys.readouterr().err


def test_a_database_without_hosted_institutions_is_refused(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.write(["--all", "--output", str(tmp_path)]) == REFUSED
    assert "No institution is hosted here." in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(
    uni: Institution, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert command.write(["--all", "--output", str(tmp_path / "file" / "x")]) == REFUSED
    assert "file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [[], ["--all"], ["uni.example", "--all", "--output", "x"], ["uni.example", "--output", "x"]],
)
def test_half_a_wish_is_wrong_use(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.write(words)
    assert ended.value.code == WRONG_USE

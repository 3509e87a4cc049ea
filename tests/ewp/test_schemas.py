"""The official schemas compile offline and object in words that help."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from lxml import etree

from vaihto.ewp import schemas
from vaihto.ewp.schemas import NotSchemaValid, Official, SchemasUnusable, check_outgoing

ECHO = "https://github.com/erasmus-without-paper/ewp-specs-api-echo/tree/stable-v2"
MANIFEST = """
<manifest xmlns="https://github.com/erasmus-without-paper/ewp-specs-api-discovery/tree/stable-v6"
    xmlns:ewp="https://github.com/erasmus-without-paper/ewp-specs-architecture/blob/stable-v1/common-types.xsd"
    xmlns:r="https://github.com/erasmus-without-paper/ewp-specs-api-registry/tree/stable-v1"
    xmlns:sec="https://github.com/erasmus-without-paper/ewp-specs-sec-intro/tree/stable-v2"
    xmlns:cli="https://github.com/erasmus-without-paper/ewp-specs-sec-cliauth-httpsig/tree/stable-v1">
  <host>
    <ewp:admin-email>ewp@uni.example</ewp:admin-email>
    <ewp:admin-provider>Example</ewp:admin-provider>
    <r:apis-implemented>
      <echo xmlns="https://github.com/erasmus-without-paper/ewp-specs-api-echo/blob/stable-v2/manifest-entry.xsd"
          version="2.0.1">
        <http-security>
          <sec:client-auth-methods><cli:httpsig>{inside}</cli:httpsig></sec:client-auth-methods>
        </http-security>
        <url>{url}</url>
      </echo>
    </r:apis-implemented>
  </host>
</manifest>
"""


def test_every_published_file_compiles_without_the_network(ewp_schemas: Official) -> None:
    files = sorted(ewp_schemas.folder.rglob("*.xsd"))
    assert len(files) == 145
    for file in files:
        assert ewp_schemas.compile_file(file) is not None, file


def test_documents_are_looked_up_by_the_target_namespace_and_not_by_the_index(
    ewp_schemas: Official,
) -> None:
    assert len(ewp_schemas.files) == 142  # three namespaces stand in two files
    elmo = ewp_schemas.files["https://github.com/emrex-eu/elmo-schemas/tree/v2"]
    assert elmo.parent.name == "elmo-schemas-v2.1.1"
    iias = "https://github.com/erasmus-without-paper/ewp-specs-api-iias/blob/stable-v4/manifest-entry.xsd"
    assert ewp_schemas.files[iias].parent.name == "ewp-specs-api-iias-v4.0.0"


def test_the_shared_samples_are_valid(ewp_schemas: Official, samples: Path) -> None:
    documents = sorted(samples.rglob("*.xml"))
    assert len(documents) > 30
    for document in documents:
        assert ewp_schemas.problems(document.read_bytes()) == [], document.name


def test_a_problem_is_told_with_its_line_and_without_namespaces(ewp_schemas: Official) -> None:
    document = f"<response xmlns='{ECHO}'>\n<echo>x</echo>\n<hei-id>uni.example</hei-id></response>"
    (problem,) = ewp_schemas.problems(document.encode())
    assert (
        problem == "Line 3: Element 'hei-id': This element is not expected. Expected is ( echo )."
    )


def test_many_problems_are_counted_and_some_told(ewp_schemas: Official) -> None:
    document = f"<response xmlns='{ECHO}'>" + "<echo a='1'/>" * 50 + "</response>"
    found = ewp_schemas.problems(document.encode())
    assert len(found) == schemas.SHOWN + 1
    assert found[-1] == "And 30 more."


def test_broken_and_unknown_documents_are_problems_and_no_errors(ewp_schemas: Official) -> None:
    assert ewp_schemas.problems(b"<a")[0].startswith("Not well-formed XML")
    (unknown,) = ewp_schemas.problems(b"<a xmlns='urn:x'/>")
    assert "'urn:x'" in unknown


def test_each_entry_of_a_manifest_is_checked_inside(ewp_schemas: Official) -> None:
    right = MANIFEST.format(inside="", url="https://uni.example/echo")
    assert ewp_schemas.problems(right.encode()) == []
    wrong = MANIFEST.format(inside="<x/>", url="http://uni.example/echo")
    found = " ".join(ewp_schemas.problems(wrong.encode()))
    assert "'httpsig'" in found
    assert "'http://uni.example/echo'" in found


def test_nothing_is_said_without_schemas(tmp_path: Path) -> None:
    assert schemas.problems(b"<a/>", None) is None
    assert schemas.problems(b"<a/>", tmp_path) is None
    assert schemas.problems(b"<a/>", tmp_path / "nowhere") is None


@pytest.fixture
def copied(schemas_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "with a blank" / "100%25" / "ewp"
    shutil.copytree(schemas_folder / "ewp", folder)
    return folder


def test_the_folder_may_have_any_name(copied: Path) -> None:
    document = MANIFEST.format(inside="", url="https://uni.example/echo").encode()
    assert schemas.problems(document, copied.parent) == []
    assert schemas.problems(document, copied) == []


def test_a_missing_file_is_named_and_never_fetched(copied: Path) -> None:
    shutil.rmtree(copied / "ewp-specs-sec-intro-v2.0.2")
    document = MANIFEST.format(inside="", url="https://uni.example/echo").encode()
    with pytest.raises(SchemasUnusable) as refused:
        schemas.problems(document, copied)
    assert "ewp-specs-sec-intro/stable-v2/schema.xsd is not in the folder" in str(refused.value)


def test_two_releases_of_one_major_version_are_refused(copied: Path) -> None:
    shutil.copytree(copied / "ewp-specs-sec-intro-v2.0.2", copied / "ewp-specs-sec-intro-v2.1.0")
    document = MANIFEST.format(inside="", url="https://uni.example/echo").encode()
    with pytest.raises(SchemasUnusable, match="several times"):
        schemas.problems(document, copied)


def test_a_broken_schema_is_refused_with_its_name(copied: Path) -> None:
    (copied / "xml.xsd").write_text("<schema")
    with pytest.raises(SchemasUnusable, match=r"xml\.xsd"):
        schemas.problems(b"<a/>", copied)


def test_threads_do_not_mix_their_problems(ewp_schemas: Official) -> None:
    good = f"<response xmlns='{ECHO}'><echo/></response>".encode()
    bad = f"<response xmlns='{ECHO}'><other/></response>".encode()
    mixed: list[int] = []

    def judge(document: bytes, expected: int) -> None:
        counts = [len(ewp_schemas.problems(document)) for _turn in range(300)]
        mixed.extend(count for count in counts if count != expected)

    threads = [threading.Thread(target=judge, args=pair) for pair in [(good, 0), (bad, 1)] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert mixed == []


def test_an_invalid_document_is_not_sent_when_the_setting_asks(
    ewp_schemas: Official, settings: object
) -> None:
    assert settings.EWP_VALIDATE is True  # in every test
    settings.SCHEMAS = ewp_schemas.folder
    valid = etree.tostring(etree.Element(f"{{{ECHO}}}response"))
    invalid = etree.tostring(etree.Element(f"{{{ECHO}}}answer"))
    check_outgoing(valid)
    with pytest.raises(NotSchemaValid, match="answer"):
        check_outgoing(invalid)
    settings.EWP_VALIDATE = False
    check_outgoing(invalid)

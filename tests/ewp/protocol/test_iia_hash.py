"""The hash of agreements equals the official one, in every recorded case and beside the official transformation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.conftest import SHARED
from vaihto.ewp.protocol.iia_hash import agreement_hashes
from vaihto.ewp.protocol.xml import MalformedXml

IIAS = "https://github.com/erasmus-without-paper/ewp-specs-api-iias/blob/stable-v7/endpoints/get-response.xsd"
CASES = SHARED / "testdata" / "ewp" / "iia-hash"


def cases() -> list[Any]:
    if not CASES.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip("no ../shared beside the project"))]
    recorded = json.loads((CASES / "expected.json").read_text("utf-8"))["samples"]
    return [pytest.param(case, id=case["file"]) for case in recorded]


@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize("each_alone", [False, True], ids=["as it is", "each alone"])
def test_recorded_cases(case: dict[str, Any], each_alone: bool) -> None:
    found = agreement_hashes((CASES / case["file"]).read_bytes(), each_alone=each_alone)
    assert [
        {
            "iia_id": one.iia_id,
            "text_to_hash": one.text,
            "sha256": one.hash,
            "valid_for_approval": one.valid_for_approval,
        }
        for one in found
    ] == case["expected_each_alone" if each_alone else "expected"]


def response(*agreements: str, namespace: str = IIAS) -> bytes:
    inside = "".join(agreements)
    return f"<iias-get-response xmlns='{namespace}'>{inside}</iias-get-response>".encode()


def agreement(conditions: str, *, ids: tuple[str, ...] = ("A-1", "B-2"), flag: str = "") -> str:
    partners = "".join(f"<partner><iia-id>{one}</iia-id></partner>" for one in ids)
    return (
        f"<iia>{partners}<cooperation-conditions{flag}>{conditions}</cooperation-conditions></iia>"
    )


def text_of(conditions: str) -> str:
    (found,) = agreement_hashes(response(agreement(conditions)))
    return found.text.removeprefix("_iia-id_1=A-1__iia-id_2=B-2_")


def test_a_response_without_agreements_has_no_hashes() -> None:
    assert agreement_hashes(response()) == ()


def test_an_attribute_that_the_schema_does_not_know_is_hashed_with_its_path() -> None:
    assert text_of("<spec><a x='1' not-yet-defined='false' v6-value='2'><b/></a></spec>") == (
        "_@cooperation-conditions.spec.a.x=1@__spec.a.b="
        "__receiving-first-academic-year-id=__receiving-last-academic-year-id=_"
    )


def test_what_is_not_yet_defined_is_left_out_with_all_below_it() -> None:
    years = "_receiving-first-academic-year-id=__receiving-last-academic-year-id=_"
    assert text_of("<spec><a not-yet-defined='1'><b>x</b></a></spec>") == years
    assert text_of("<spec not-yet-defined='true'><b>x</b></spec>") == years


def test_contacts_are_left_out_and_years_come_last() -> None:
    assert text_of(
        "<spec><receiving-last-academic-year-id>2</receiving-last-academic-year-id>"
        "<sending-contact><email>a@b.c</email></sending-contact><blended>0</blended>"
        "<receiving-first-academic-year-id>1</receiving-first-academic-year-id></spec>"
    ) == (
        "_cooperation-conditions.spec.blended=0_"
        "_receiving-first-academic-year-id=1__receiving-last-academic-year-id=2_"
    )


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "Not well-formed"),
        (b"<iias-get-response>", "Not well-formed"),
        (b"<iias-index-response/>", "iias-index-response, not iias-get-response"),
        (response(namespace=IIAS.replace("v7", "v6")), "version 6, not of version 7"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><iias-get-response>&b;</iias-get-response>", "type"),
    ],
)
def test_another_document_is_refused_in_words(document: bytes, says: str) -> None:
    with pytest.raises(MalformedXml, match=says):
        agreement_hashes(document)


# --- beside the official transformation -----------------------------------------------------------

words = st.text("abc 0.1äß🙂<&>\"'\t\n\r\u0085\u2028", max_size=8)
flags = st.sampled_from([{}] * 6 + [{"not-yet-defined": "true"}, {"not-yet-defined": "0"}])
legacy = st.sampled_from([{}] * 4 + [{"v6-value": ""}, {"v6-value": "09"}, {"other": "x"}])


@st.composite
def leaves(draw: st.DrawFn) -> etree._Element:
    name = draw(
        st.sampled_from(
            [
                "isced-f-code",
                "eqf-level",
                "sending-hei-id",
                "receiving-first-academic-year-id",
                "receiving-last-academic-year-id",
            ]
        )
    )
    node = etree.Element(f"{{{IIAS}}}{name}", draw(flags) | draw(legacy))
    node.text = draw(words)
    if draw(st.integers(0, 9)) == 0:
        node.append(etree.Comment("x"))
        node[0].tail = draw(words)
    return node


@st.composite
def nested(draw: st.DrawFn) -> etree._Element:
    name = draw(st.sampled_from(["subject-area", "recommended-language-skill", "sending-contact"]))
    node = etree.Element(f"{{{IIAS}}}{name}", draw(flags))
    node.extend(draw(st.lists(leaves(), min_size=1, max_size=3)))
    if draw(st.booleans()):
        below = etree.SubElement(node, f"{{{IIAS}}}subject-area")
        below.append(draw(leaves()))
    return node


def _unrepeated_years(condition: etree._Element) -> None:
    """The schema has each year once; the transformation joins a repeated one."""
    for name in ("receiving-first-academic-year-id", "receiving-last-academic-year-id"):
        for again in condition.findall(f"{{{IIAS}}}{name}")[1:]:
            condition.remove(again)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    root = etree.Element(f"{{{IIAS}}}iias-get-response", nsmap={None: IIAS})
    for _turn in range(draw(st.integers(0, 3))):
        iia = etree.SubElement(root, f"{{{IIAS}}}iia")
        for _side in range(2):
            partner = etree.SubElement(iia, f"{{{IIAS}}}partner")
            if draw(st.booleans()):
                etree.SubElement(partner, f"{{{IIAS}}}iia-id").text = draw(words)
        agreed = etree.SubElement(iia, f"{{{IIAS}}}cooperation-conditions")
        flag = draw(st.sampled_from(["", "", "true", "1", "false"]))
        if flag:
            agreed.set("terminated-as-a-whole", flag)
        for _spec in range(draw(st.integers(0, 3))):
            condition = etree.SubElement(agreed, f"{{{IIAS}}}student-studies-mobility-spec")
            condition.extend(draw(st.lists(leaves() | nested(), max_size=5)))
            _unrepeated_years(condition)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


@given(responses())
@settings(max_examples=50)
def test_each_alone_equals_a_response_of_that_agreement_only(document: bytes) -> None:
    root = etree.fromstring(document)
    alone = []
    for iia in root:
        only = etree.Element(root.tag, nsmap=root.nsmap)
        only.append(etree.fromstring(etree.tostring(iia)))
        alone.extend(agreement_hashes(etree.tostring(only)))
    assert agreement_hashes(document, each_alone=True) == tuple(alone)


@pytest.fixture(scope="module")
def transformation(schemas_folder: Path) -> Any:
    """The official transformation, where somebody has put it beside the schemas."""
    file = schemas_folder / "ewp" / "iia-hash-v7.xsl"
    if not file.is_file():
        pytest.skip("the official transformation is not beside the schemas (ewp/iia-hash-v7.xsl)")
    saxonche = pytest.importorskip("saxonche")
    processor = saxonche.PySaxonProcessor(license=False)
    compiled = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(file))
    return processor, compiled


@pytest.mark.slow
def test_random_agreements_hash_as_the_official_transformation_says(transformation: Any) -> None:
    processor, compiled = transformation

    @given(responses())
    @settings(max_examples=300, deadline=None)
    def compare(document: bytes) -> None:
        node = processor.parse_xml(xml_text=document.decode())
        result = etree.fromstring(compiled.transform_to_string(xdm_node=node).encode())
        official = [one.findtext("{*}text-to-hash") or "" for one in result.iter("{*}iia")]
        assert [one.text for one in agreement_hashes(document)] == official

    compare()


# --- size -----------------------------------------------------------------------------------------


def _cpu_seconds(document: bytes) -> float:
    """What hashing costs this process, the best of three: others on the machine do not count."""
    found = []
    for _turn in range(3):
        begun = time.process_time()
        agreement_hashes(document)
        found.append(time.process_time() - begun)
    return min(found)


_CONDITION = (
    "<student-studies-mobility-spec><sending-hei-id>a.example</sending-hei-id>"
    + "<subject-area><isced-f-code>0613</isced-f-code></subject-area>" * 5
    + "</student-studies-mobility-spec>"
)


@pytest.mark.parametrize(
    "of_size",
    [
        pytest.param(lambda n: response(agreement(_CONDITION * n)), id="conditions"),
        pytest.param(lambda n: response(*[agreement(_CONDITION)] * n), id="agreements"),
    ],
)
def test_ten_times_as_much_takes_about_ten_times_as_long(of_size: Callable[[int], bytes]) -> None:
    assert _cpu_seconds(of_size(3000)) < 30 * _cpu_seconds(of_size(300))

"""Agreements on the wire: published examples read in and written out with equal content and hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.agreements.two import both_ways, studies
from vaihto.agreements.terms import Copy, Party, Terms, read_copy, stored
from vaihto.ewp.apis.iias.messages import (
    IiasApprovalResponse,
    IiasGetResponse,
    IiasIndexResponse,
    IiasStatsResponse,
    hashed,
    with_hash,
)
from vaihto.ewp.protocol.iia_hash import agreement_hashes
from vaihto.ewp.schemas import problems

EWP = Path(__file__).parents[4] / "shared" / "testdata" / "ewp"
SCHEMAS = Path(__file__).parents[4] / "shared" / "schemas"
GETS = [*sorted(EWP.glob("samples/iias-get*.xml")), *sorted(EWP.glob("iia-hash/*.xml"))]


def content(document: bytes) -> Any:
    """Names, attributes and texts of a document; blanks between elements do not matter."""

    def of(node: etree._Element) -> Any:
        kids = [of(one) for one in node if isinstance(one.tag, str)]
        return node.tag, sorted(node.attrib.items()), "" if kids else (node.text or ""), kids

    return of(etree.fromstring(document, etree.XMLParser(remove_comments=True)))


@pytest.mark.skipif(not GETS, reason="the published examples are not beside the project")
@pytest.mark.parametrize("file", GETS, ids=lambda file: file.stem)
def test_a_published_agreement_is_written_as_it_was_read(file: Path) -> None:
    document = file.read_bytes()
    read = IiasGetResponse.read(document)
    assert read.problems == ()
    assert content(read.message.write()) == content(document)
    expected = [one.hash for one in agreement_hashes(document, each_alone=True)]
    assert [with_hash(iia).hash for iia in read.message.iias] == expected
    for iia in read.message.iias:
        assert read_copy(stored(iia.copy)) == iia.copy, "nothing is lost in the database"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("iias-index", IiasIndexResponse),
        ("iias-index-empty", IiasIndexResponse),
        ("iias-stats", IiasStatsResponse),
        ("iias-approval", IiasApprovalResponse),
        ("iias-approval-by-partner", IiasApprovalResponse),
        ("iias-approval-empty", IiasApprovalResponse),
    ],
)
def test_the_other_published_answers_round_trip(name: str, kind: Any) -> None:
    file = EWP / "samples" / f"{name}.xml"
    if not file.exists():
        pytest.skip("the published examples are not beside the project")
    document = file.read_bytes()
    read = kind.read(document)
    assert read.problems == ()
    assert content(read.message.write()) == content(document)


def test_what_we_serve_is_valid_and_carries_the_hash_of_its_own_bytes() -> None:
    if not SCHEMAS.exists():
        pytest.skip("the official schemas are not beside the project")
    copy = Copy(
        Party("a.example", "1", "A-1"), Party("b.example", "2"), both_ways("a.example", "b.example")
    )
    document, digest = hashed(copy)
    assert problems(document, SCHEMAS) == []
    (found,) = agreement_hashes(document)
    assert (found.hash, found.iia_id) == (digest, "1")
    assert IiasGetResponse.read(document).message.iias[0].hash == digest


def test_the_hash_moves_with_spelling_and_ids_and_not_with_contacts() -> None:
    def of(**changed: Any) -> str:
        terms = Terms((studies("a.example", "b.example", **changed),))
        return hashed(Copy(Party("a.example", "1", "A-1"), Party("b.example"), terms))[1]

    assert of() != of(months="10.0")
    assert of() != of(blended="0")
    assert of() != of(other_terms="")
    assert of() == of(receiving_contacts=())


def test_an_answer_with_three_partners_is_read_without_that_agreement() -> None:
    document, _hash = hashed(
        Copy(Party("a.example", "1", "A"), Party("b.example"), both_ways("a.example", "b.example"))
    )
    broken = document.replace(b"<in-effect>", b"<partner><hei-id>c</hei-id></partner><in-effect>")
    read = IiasGetResponse.read(broken)
    assert read.message.iias == ()
    assert read.problems == ("An iia has 3 partners instead of two.",)

"""An agreement on paper: what is in force with both approvals, in the reader's language, readable by everybody."""

from __future__ import annotations

import re

from tests.agreements.two import Two, both_ways
from vaihto.agreements.paper import content, pdf
from vaihto.agreements.terms import SubjectArea


def test_the_paper_of_what_is_in_force_carries_both_approvals(two: Two) -> None:
    two.agree()
    agreement = two.a.look()
    said = content(agreement, of=agreement.mutual, language="en")
    assert said["notice"] == ""
    assert [one["institution"] for one in said["approvals"]] == ["a.example", "b.example"]
    assert agreement.mutual is not None
    hashes = {one["hash"].replace("\n", "") for one in said["approvals"]}
    assert hashes == {agreement.mutual.ours.digest, agreement.mutual.theirs.digest}
    assert len(said["groups"][0]["conditions"]) == 2
    document = pdf(agreement, of=agreement.mutual)
    assert document.startswith(b"%PDF-")
    made_on = f"{agreement.mutual.at:%Y%m%d}000000Z".encode()
    assert set(re.findall(rb"Date\(D:(\w+)\)", document)) == {made_on}, "not the moment of printing"
    assert document == pdf(agreement, of=agreement.mutual)


def test_a_proposal_says_that_it_binds_nobody_and_speaks_the_readers_language(two: Two) -> None:
    two.agree(both_ways("a.example", "b.example", areas=(SubjectArea("0613", "#eval(1)"),)))
    said = content(two.a.look(), of=None, language="sv")
    assert said["approvals"] == []
    assert said["language"] == "sv"
    assert "#eval(1)" in str(said["groups"])
    assert pdf(two.a.look(), language="fi").startswith(b"%PDF-")

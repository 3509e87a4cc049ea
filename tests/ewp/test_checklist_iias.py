"""The official validator's checklist for agreements, by its numbers in the reference, section 6.7 to 6.9.

Beside it what no validator tests: who may see what, statistics, approvals and both kinds of notification.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.agreements.two import US, Clock, both_ways
from tests.cast import institution
from tests.ewp.network import HEI, PARTNER, Network, error_of, known, network
from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, Channel
from vaihto.agreements.terms import Copy, Party
from vaihto.ewp.apis.iias.messages import (
    IiasApprovalResponse,
    IiasGetResponse,
    IiasIndexResponse,
    IiasStatsResponse,
    hashed,
)
from vaihto.ewp.protocol.iia_hash import agreement_hashes
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Notification

__all__ = ["network"]

FAKE = "this-is-some-unknown-and-unexpected-id"
GET, INDEX, STATS = "iias/v7/get", "iias/v7/index", "iias/v7/stats"
BOTH = pytest.mark.parametrize("method", ["GET", "POST"])


@pytest.fixture
def partner(db: None) -> Institution:
    return institution(PARTNER, hosted=False)


@pytest.fixture
def agreement(network: Network, partner: Institution) -> Agreement:
    """Served to the partner; conditions from 2026/2027 to 2028/2029."""
    made = actions.create(
        actor=US,
        institution=network.institution,
        partner=partner,
        terms=both_ways(HEI, PARTNER),
        now=Clock()(),
    )
    return actions.propose(actor=US, agreement=made, now=Clock()())


def _got(response: Any) -> IiasGetResponse:
    assert response.status == 200
    return IiasGetResponse.read(response.body).message


def _ids(network: Network, *pairs: tuple[str, str], method: str = "GET") -> tuple[str, ...]:
    response = network.ask(INDEX, pairs, method=method)
    assert response.status == 200
    return IiasIndexResponse.read(response.body).message.iia_ids


# --- 6.7 get --------------------------------------------------------------------------------------


@BOTH
def test_42_and_49_a_known_id_gives_that_agreement_with_the_hash_of_its_bytes(
    network: Network, agreement: Agreement, method: str
) -> None:
    response = network.ask(GET, [("iia_id", agreement.iia_id)], method=method)
    (iia,) = _got(response).iias
    assert iia.copy.author.iia_id == agreement.iia_id
    assert iia.copy.author.hei_id == HEI
    (computed,) = agreement_hashes(response.body)
    assert iia.hash == computed.hash


@BOTH
def test_43_an_unknown_id_gives_nothing(network: Network, method: str) -> None:
    assert _got(network.ask(GET, [("iia_id", FAKE)], method=method)).iias == ()


@BOTH
def test_45_and_48_no_id_is_refused(network: Network, method: str) -> None:
    assert network.ask(GET, method=method).status == 400
    assert network.ask(GET, [("iia_id_param", FAKE)], method=method).status == 400


@BOTH
def test_46_more_ids_than_announced_are_refused_known_or_not(
    network: Network, agreement: Agreement, method: str
) -> None:
    for value in (agreement.iia_id, FAKE):
        response = network.ask(GET, [("iia_id", value)] * 2, method=method)
        assert response.status == 400
        assert "at most 1" in error_of(response)


# --- 6.8 index ------------------------------------------------------------------------------------


@BOTH
def test_50_51_55_the_index_knows_academic_years(
    network: Network, agreement: Agreement, method: str
) -> None:
    year = "receiving_academic_year_id"
    assert _ids(network, method=method) == (agreement.iia_id,)
    assert _ids(network, (year, "2010/2011"), method=method) == ()
    assert _ids(network, (year, "1653/1654"), method=method) == ()
    assert _ids(network, (year, "2027/2028"), method=method) == (agreement.iia_id,)
    assert _ids(network, (year, "1653/1654"), (year, "2026/2027"), method=method) == (
        agreement.iia_id,
    )


@BOTH
def test_52_53_what_is_no_year_or_two_moments_is_refused(network: Network, method: str) -> None:
    assert (
        network.ask(INDEX, [("receiving_academic_year_id", "test/test")], method=method).status
        == 400
    )
    moment = ("modified_since", "2004-02-12T15:19:21+01:00")
    assert network.ask(INDEX, [moment, moment], method=method).status == 400


def test_54_56_what_changed_after_a_moment_is_listed(
    network: Network, agreement: Agreement
) -> None:
    assert _ids(network, ("modified_since", "2000-01-01T00:00:00Z")) == (agreement.iia_id,)
    assert _ids(network, ("modified_since", "2031-01-01T00:00:00Z")) == ()


# --- 6.9 notifications ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["iia-cnr/v3", "iia-approval-cnr/v2"])
def test_57_58_59_a_notification_is_kept_whatever_its_id(network: Network, path: str) -> None:
    assert network.ask(path, [("iia_id", "1")], method="POST").status == 200
    assert network.ask(path, method="POST").status == 400
    assert network.ask(path, [("iia_id", "1"), ("iia_id", "2")], method="POST").status == 400
    for method in ("GET", "PUT", "DELETE"):
        assert network.answer(network.request(path, method=method)).status == 405
    kept = Notification.objects.get()
    assert (kept.direction, kept.hei_id, kept.partner, kept.object_id) == ("in", HEI, PARTNER, "1")


# --- What no validator tests ----------------------------------------------------------------------


def test_a_stranger_cannot_tell_a_hidden_agreement_from_none(
    network: Network, agreement: Agreement
) -> None:
    stranger = known("stranger", ["stranger.example"])
    hidden = network.ask(GET, [("iia_id", agreement.iia_id)], by=stranger)
    assert _got(hidden).iias == ()
    assert hidden.body == network.ask(GET, [("iia_id", FAKE)], by=stranger).body
    index = network.ask(INDEX, by=stranger)
    assert IiasIndexResponse.read(index.body).message.iia_ids == ()


def test_a_draft_and_a_deleted_agreement_are_served_to_nobody(
    network: Network, partner: Institution
) -> None:
    clock = Clock()
    draft = actions.create(
        actor=US,
        institution=network.institution,
        partner=partner,
        terms=both_ways(HEI, PARTNER),
        now=clock(),
    )
    assert _ids(network) == ()
    actions.propose(actor=US, agreement=draft, now=clock())
    assert _ids(network) == (draft.iia_id,)
    actions.delete(actor=US, agreement=draft, now=clock())
    assert _ids(network) == ()
    assert _got(network.ask(GET, [("iia_id", draft.iia_id)])).iias == ()


def _map_and_approve(agreement: Agreement, partner: Institution, clock: Clock) -> str:
    """The partner makes its copy `P-1`, we approve it; gives its hash."""
    assert agreement.current is not None
    ours = form().read(bytes(agreement.current.document))
    theirs = Copy(author=Party(PARTNER, "P-1", "P/1"), other=ours.author, terms=ours.terms)
    document, digest = hashed(theirs)
    actions.receive_copy(
        actor=US,
        institution=agreement.institution,
        partner=partner,
        iia_id="P-1",
        document=document,
        copy=theirs,
        digest=digest,
        published=digest,
        channel=Channel.EWP,
        now=clock(),
    )
    agreement.refresh_from_db()
    actions.approve(actor=US, agreement=agreement, digest=digest, now=clock())
    return digest


@BOTH
def test_an_approval_is_told_by_the_callers_id_and_left_out_before(
    network: Network, agreement: Agreement, partner: Institution, method: str
) -> None:
    path, asked = "iias-approval/v2", [("iia_id", "P-1"), ("iia_id", FAKE)]
    response = network.ask(path, asked, method=method)
    assert IiasApprovalResponse.read(response.body).message.approvals == ()
    digest = _map_and_approve(agreement, partner, Clock())
    (given,) = IiasApprovalResponse.read(
        network.ask(path, asked, method=method).body
    ).message.approvals
    assert (given.iia_id, given.hash) == ("P-1", digest)
    # Our own id says nothing: ids are unique per institution only.
    ours = network.ask(path, [("iia_id", agreement.iia_id)], method=method)
    assert IiasApprovalResponse.read(ours.body).message.approvals == ()
    assert network.ask(path, method=method).status == 400
    assert network.ask(path, [("iia_id", "x")] * 51, method=method).status == 400


def test_statistics_are_for_the_portal_alone_and_count_both_sides(
    network: Network, agreement: Agreement, partner: Institution
) -> None:
    clock = Clock()
    assert network.ask(STATS).status == 403
    portal = known("portal", ["stats.erasmuswithoutpaper.eu"])

    def counts() -> tuple[int, ...]:
        read = IiasStatsResponse.read(network.ask(STATS, by=portal).body).message
        return read.fetchable, read.partner_only, read.ours_only, read.both

    assert counts() == (1, 0, 0, 0)
    _map_and_approve(agreement, partner, clock)
    assert counts() == (1, 0, 1, 0)
    agreement.refresh_from_db()
    actions.receive_approval(
        actor=US,
        agreement=agreement,
        digest=agreement.current.digest,  # type: ignore[union-attr]
        proof=b"<x/>",
        proof_type="application/xml",
        channel=Channel.EWP,
        now=clock(),
    )
    assert counts() == (1, 0, 0, 1)
    assert network.answer(network.request(STATS, method="POST", by=portal)).status == 405

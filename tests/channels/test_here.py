"""Two universities of one installation talk about an agreement without a wire."""

from __future__ import annotations

import pytest

from tests.agreements.two import US, Clock, both_ways
from tests.cast import institution
from vaihto.agreements import actions
from vaihto.agreements.models import Agreement, Pair, ReceivedCopy
from vaihto.agreements.serving import binding_terms, standing
from vaihto.agreements.standing import State
from vaihto.channels import reaching
from vaihto.channels.models import Channel

A, B = "a.example", "b.example"

pytestmark = pytest.mark.django_db


def _approve(agreement: Agreement, clock: Clock) -> None:
    agreement.refresh_from_db()
    received = agreement.received_copy
    assert received is not None
    assert received.current is not None
    actions.approve(actor=US, agreement=agreement, digest=received.current.digest, now=clock())


def test_from_proposal_to_in_force_without_a_wire() -> None:
    clock = Clock()
    a, b = institution(A), institution(B)
    assert reaching.channel_of(a, b) is Channel.HERE
    ours = actions.create(actor=US, institution=a, partner=b, terms=both_ways(A, B), now=clock())
    assert not ReceivedCopy.objects.exists(), "a draft stays a draft"
    actions.propose(actor=US, agreement=ours, now=clock())
    theirs = actions.take_in(actor=US, received=ReceivedCopy.objects.get(), now=clock())
    ours.refresh_from_db()
    assert ours.partner_iia_id == theirs.iia_id, "ids are exchanged by themselves"
    _approve(ours, clock)
    _approve(theirs, clock)
    for side in (ours, theirs):
        side.refresh_from_db()
        assert standing(side).state is State.IN_FORCE
        assert Pair.objects.filter(agreement=side).count() == 1
    assert binding_terms(ours) == binding_terms(theirs)


def test_a_deleted_proposal_is_gone_at_once() -> None:
    clock = Clock()
    a, b = institution(A), institution(B)
    ours = actions.create(actor=US, institution=a, partner=b, terms=both_ways(A, B), now=clock())
    actions.propose(actor=US, agreement=ours, now=clock())
    theirs = actions.take_in(actor=US, received=ReceivedCopy.objects.get(), now=clock())
    actions.delete(actor=US, agreement=ours, now=clock())
    theirs.refresh_from_db()
    assert theirs.partner_iia_id == ""
    assert standing(theirs).state is State.PROPOSED

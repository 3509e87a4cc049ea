"""A partner's copy that breaks the rules says so on its page, and offers nothing that would be refused."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from tests.agreements.two import NOON, US, both_ways
from tests.cast import Cast, account, role
from tests.web.conftest import AsSomebody
from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, Channel
from vaihto.agreements.terms import Copy, Party
from vaihto.people.models import Role


def test_a_copy_with_impossible_years_names_them_and_cannot_be_taken_in(
    cast: Cast, signed_in: AsSomebody
) -> None:
    manager = account("manager")
    role(manager, Role.Name.AGREEMENT_MANAGER, cast.sending)
    client: Client = signed_in(manager)
    ours, theirs = cast.sending.hei_id, cast.receiving.hei_id
    copy = Copy(
        Party(theirs, "P-1", "P/1"), Party(ours), both_ways(theirs, ours, first_year="2026-27")
    )
    document, digest = form().write(copy)
    received = actions.receive_copy(
        actor=US,
        institution=cast.sending,
        partner=cast.receiving,
        iia_id="P-1",
        document=document,
        copy=copy,
        digest=digest,
        published=digest,
        channel=Channel.EWP,
        now=NOON,
    )
    page = client.get(reverse("agreements:proposal", args=[received.pk])).content.decode()
    assert "This copy breaks the network's rules" in page
    assert "Condition 2: “2026-27” is no academic year." in page
    assert reverse("agreements:take-in", args=[received.pk]) not in page
    answer = client.post(
        reverse("agreements:take-in", args=[received.pk]), {"programme": "erasmus", "code": "X"}
    )
    assert answer.status_code == 400
    assert not Agreement.objects.exists()

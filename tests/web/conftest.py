"""Clients that have signed in as somebody of the cast, judged mobilities, and a day for the middleware."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import NOON, Cast
from vaihto.classification.actions import judge_sides
from vaihto.people.models import Account

AsSomebody = Callable[[Account], Client]


@pytest.fixture
def signed_in() -> AsSomebody:
    """A client of an account."""

    def client_of(account: Account) -> Client:
        client = Client()
        client.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return client_of


@pytest.fixture
def bruno(cast: Cast, signed_in: AsSomebody) -> Client:
    """The registrar of the sending institution."""
    return signed_in(cast.bruno)


@pytest.fixture
def judged(cast: Cast) -> Cast:
    """The cast with what the rules say of Aino's mobility."""
    judge_sides(side_ids=[cast.outgoing.pk, cast.incoming.pk], now=NOON)
    return cast

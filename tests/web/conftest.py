"""Clients that have signed in as somebody of the cast, judged mobilities, and a day for the middleware."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from django.test import Client

from tests.cast import NOON, Cast
from vaihto.classification.actions import judge_sides
from vaihto.people.models import Account
from vaihto.web.turn import _SOURCES, Source

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


@pytest.fixture
def only_sources() -> Iterator[list[Source]]:
    """The sources of the worklist, emptied for a test that brings its own."""
    import_module("vaihto.urls")  # whose pages add theirs; after the test they would be lost
    kept = _SOURCES[:]
    _SOURCES.clear()
    yield _SOURCES
    _SOURCES[:] = kept

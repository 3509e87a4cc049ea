"""A network of real processes, started once for all journeys that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vaihto.command.box import Network, running


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Three nodes and a registry over TLS, without workers. What a journey ends it starts again."""
    with running(tmp_path_factory.mktemp("network"), work=False) as whole:
        yield whole

"""Where the official schemas and the shared test data lie, and how two documents are compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.ewp.network import network  # noqa: F401 - a fixture
from tests.ewp.partner import HELLO, Authority, Opened, Partner, authority, wire
from vaihto.ewp.schemas import Official, official


@pytest.fixture(scope="session")
def schemas_folder() -> Path:
    """The folder that the setting `VAIHTO_SCHEMAS` would name."""
    folder = Path(os.environ.get("VAIHTO_SCHEMAS") or SHARED / "schemas")
    if not (folder / "ewp").is_dir():
        pytest.skip("no official schemas")
    return folder


@pytest.fixture(scope="session")
def ewp_schemas(schemas_folder: Path) -> Official:
    """The official EWP schemas."""
    found = official(schemas_folder)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def samples() -> Path:
    """Valid messages of every API, not ours."""
    folder = SHARED / "testdata" / "ewp" / "samples"
    if not folder.is_dir():
        pytest.skip("no ../shared beside the project")
    return folder


@pytest.fixture(scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A throw-away authority; see `closed_network`."""
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def closed_network(settings: Any, trusted: Authority) -> None:
    """Calls reach the loopback and believe the throw-away authority."""
    settings.CA_FILE = trusted.file
    settings.ALLOW_PRIVATE_ADDRESSES = True


@pytest.fixture
def opened(closed_network: None, trusted: Authority) -> Iterator[Opened]:
    """Opens partners that listen on the loopback, and closes them after the test."""
    partners: list[Partner] = []

    def open_one(script: Any = None, context: Any = "good") -> Partner:
        partner = Partner(trusted.context() if context == "good" else context)
        partner.script = script or (lambda _request: wire(HELLO))
        partners.append(partner)
        return partner

    yield open_one
    for partner in partners:
        partner.close()

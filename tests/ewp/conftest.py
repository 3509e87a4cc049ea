"""Where the official schemas and the shared test data lie, and how two documents are compared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import SHARED
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

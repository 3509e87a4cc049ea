"""What every test may rely on: no network, no unplanned mail, and the cast."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.cast import Cast, build_cast

PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared"


# An example during which the machine was busy with something else is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


class NetworkRefused(AssertionError):
    """A test tried to leave this machine."""


def _stay_home(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuses connections and look-ups that lead further than the loopback."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode()
    if not isinstance(host, str) or host in {"", "localhost", "0.0.0.0"}:  # noqa: S104
        return
    try:
        if ipaddress.ip_address(host.split("%")[0]).is_loopback:
            return
    except ValueError:
        pass
    raise NetworkRefused(f"a test may not call {host}")


sys.addaudithook(_stay_home)


@pytest.fixture(autouse=True)
def _usual_language() -> Iterator[None]:
    """A page that was asked for in another language leaves it behind in its thread; the next test begins anew."""
    yield
    from django.utils import translation  # noqa: PLC0415 - app ready

    translation.deactivate()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database; at the end PostgreSQL drops it also when a thread still holds a connection."""
    yield
    from django.db import connection  # noqa: PLC0415 - app ready

    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )


@pytest.fixture(autouse=True)
def _no_unplanned_mail(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    from django.core import mail  # noqa: PLC0415 - app ready

    if request.node.get_closest_marker("mail") is None:
        assert [letter.subject for letter in getattr(mail, "outbox", [])] == []


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of contracts, references and schemas beside the project, where there is one."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the project")
    return SHARED


@pytest.fixture(scope="session")
def virta_schemas() -> Path:
    """The folder with the official VIRTA schemas."""
    folder = Path(os.environ.get("VAIHTO_SCHEMAS") or SHARED / "schemas") / "virta"
    if not folder.is_dir():
        pytest.skip("no official schemas")
    return folder


@pytest.fixture
def cast(db: None) -> Cast:
    """Aino, Bruno, Chiara, Dara and the secretariat, with one mobility that could leak."""
    return build_cast()


@pytest.fixture
def committed_cast(transactional_db: None) -> Cast:
    """The cast for tests that commit: live servers, threads, commands in processes of their own."""
    return build_cast()

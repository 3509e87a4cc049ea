"""`vaihto check --deploy` names what is unsafe, and says nothing where nothing is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.cast import account
from vaihto.command import DONE, REFUSED, main
from vaihto.jobs import beat

pytestmark = pytest.mark.django_db
LONG = "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture
def production(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """An installation with nothing to complain about, but for the database that the tests run on."""
    tmp_path.chmod(0o750)
    (tmp_path / "schemas" / "virta").mkdir(parents=True)
    (tmp_path / "schemas" / "virta" / "Virta.xsd").touch()
    settings.DATA = tmp_path
    settings.SCHEMAS = tmp_path / "schemas"
    settings.PUBLIC_URL = "https://vaihto.example.org"
    settings.BEHIND_PROXY = True
    settings.ALLOWED_HOSTS = ["vaihto.example.org"]
    settings.SECRET_KEY = LONG
    settings.FIELD_KEYS = [LONG[::-1]]
    settings.LOCAL_ACCOUNTS = False
    settings.ENVIRONMENT = {
        **settings.ENVIRONMENT,
        "VAIHTO_SECRET_KEY": LONG,
        "VAIHTO_FIELD_KEYS": [LONG[::-1]],
        "VAIHTO_LOG_LEVEL": "INFO",
    }
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 1
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    account("olli", is_operator=True)
    beat.beat("here", now=timezone.now())
    yield settings
    beat.stop("here")


def found(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The exit code and the ids, without those about SQLite."""
    capsys.readouterr()
    code = main(["check", "--deploy", "--json"])
    told = json.loads(capsys.readouterr().out)
    ids = [each["id"] for each in told["findings"] if each["id"] != "vaihto.I109"]
    assert [
        each["id"] for each in told["findings"] if not each["hint"] and "vaihto" in each["id"]
    ] == []
    return code, ids


def test_a_sound_installation_gives_nothing_to_say(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(capsys)[1] == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEBUG", True, {"vaihto.E101", "security.W018"}),
        ("PUBLIC_URL", "http://vaihto.example.org", {"vaihto.E102"}),
        ("BEHIND_PROXY", False, {"vaihto.W103"}),
        ("ALLOWED_HOSTS", ["*"], {"vaihto.E104"}),
        ("SECRET_KEY", "short", {"vaihto.E107", "security.W009"}),
        ("FIELD_KEYS", ["x" * 40], {"vaihto.E107"}),
        ("FIELD_KEYS", [LONG, LONG[::-1]], {"vaihto.I108"}),
        ("DEMO", True, {"vaihto.E111"}),
        ("LOCAL_ACCOUNTS", True, {"vaihto.W112"}),
        ("SCHEMAS", None, {"vaihto.I001"}),
        ("SESSION_COOKIE_SECURE", False, {"security.W012"}),
    ],
)
def test_what_is_unsafe_is_named(
    name: str,
    value: object,
    expected: set[str],
    production: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    setattr(production, name, value)
    # Django's own check of http has been silenced for the address the tests run under.
    production.SILENCED_SYSTEM_CHECKS = ["security.W008", "security.W021"]
    assert set(found(capsys)[1]) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("VAIHTO_SECRET_KEY", "", ["vaihto.W105"]),
        ("VAIHTO_FIELD_KEYS", [], ["vaihto.W106"]),
        ("VAIHTO_LOG_LEVEL", "DEBUG", ["vaihto.W116"]),
        ("VAIHTO_ALLOW_PRIVATE_ADDRESSES", True, ["vaihto.W117"]),
    ],
)
def test_what_the_environment_leaves_open_is_named(
    name: str,
    value: object,
    expected: list[str],
    production: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    production.ENVIRONMENT = {**production.ENVIRONMENT, name: value}
    assert found(capsys) == (REFUSED, expected)


def test_a_folder_that_everybody_reads_is_named(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(production.DATA).chmod(0o755)
    assert found(capsys) == (REFUSED, ["vaihto.W118"])


def test_demo_accounts_without_the_demo_are_named(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    account("demo-registrar")
    assert found(capsys) == (REFUSED, ["vaihto.E119"])


def test_nobody_to_see_faults_and_nobody_to_work_are_named(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    beat.stop("here")
    assert found(capsys) == (REFUSED, ["vaihto.W115"])


def test_many_processes_on_one_file_are_named(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    from django.db import connection  # noqa: PLC0415

    production.WEB_WORKERS = 8
    expected = ["vaihto.E110"] if connection.vendor == "sqlite" else []
    assert found(capsys)[1] == expected


def test_without_deploy_only_what_is_broken_counts(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    production.DEBUG = True
    assert main(["check"]) == DONE
    assert "Nothing to report" in capsys.readouterr().out

"""Settings come from one table; what cannot be understood stops the start and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaihto import environment
from vaihto.environment import Malformed, database, read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VAIHTO_DEBUG", "perhaps"),
        ("VAIHTO_WORKERS", "two"),
        ("VAIHTO_PUBLIC_URL", "vaihto.example.org"),
        ("VAIHTO_PUBLIC_URL", "https://vaihto.example.org/?page=1"),
        ("VAIHTO_PUBLIC_URL", "https://vaihto.example.org:port"),
        ("VAIHTO_PUBLIC_URL", "https://vaihto.example.org:99999"),
        ("VAIHTO_PUBLIC_URL", "https://[::1"),
        ("VAIHTO_PUBLIC_URL", "https://vaihto example.org"),
        ("VAIHTO_PUBLIC_URL", "https://user:word@vaihto.example.org"),
        ("VAIHTO_CATALOGUE_URL", "registry.example.org"),
        ("VAIHTO_CATALOGUE_URL", "file:///etc/hosts"),
        ("VAIHTO_DATABASE_URL", "postgres://u:p@db.example:port/vaihto"),
        ("VAIHTO_DATABASE_URL", "postgres://u:p@db.example"),
        ("VAIHTO_MAIL_URL", "smtp://u:p@mail.example:port"),
        ("VAIHTO_TASKS", "redis://queue.example:port"),
        ("VAIHTO_DATA", ""),
        ("VAIHTO_WORKERS", "0"),
        ("VAIHTO_SENDING_THREADS", "0"),
        ("VAIHTO_NOTIFICATION_HOURS", "-1"),
        ("VAIHTO_NOTIFICATION_HOURS", "99999999999"),
        ("VAIHTO_EWP_KEEP_DAYS", "-1"),
        ("VAIHTO_EWP_ANSWER_LIMIT_MB", "0"),
        ("VAIHTO_EWP_CALLS_PER_SECOND", "-1"),
        ("VAIHTO_UPLOAD_LIMIT_MB", "0"),
        ("VAIHTO_XLSX_LIMIT_MB", "0"),
        ("VAIHTO_TASKS", "rabbit"),
        ("VAIHTO_LOG_LEVEL", "LOUD"),
        ("VAIHTO_LANGUAGE", "de"),
        ("VAIHTO_TIME_ZONE", "Finland"),
    ],
)
def test_a_malformed_value_stops_the_start_and_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(Malformed, match=name):
        read({name: value})


def test_an_unknown_setting_stops_the_start() -> None:
    with pytest.raises(Malformed, match="VAIHTO_DATABASE_ULR"):
        read({"VAIHTO_DATABASE_ULR": "x"})


def test_a_setting_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    assert read({"VAIHTO_SECRET_KEY_FILE": str(file)})["VAIHTO_SECRET_KEY"] == "from a file"


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="VAIHTO_SECRET_KEY_FILE"):
        read({"VAIHTO_SECRET_KEY_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00"])
def test_a_file_without_text_stops_the_start(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(Malformed, match="VAIHTO_FIELD_KEYS_FILE"):
        read({"VAIHTO_FIELD_KEYS_FILE": str(file)})


def test_a_password_that_breaks_the_address_is_not_shown() -> None:
    with pytest.raises(Malformed) as complaint:
        read({"VAIHTO_DATABASE_URL": "postgres://u:hunter/2@db.example/vaihto"})
    assert "%2F" in str(complaint.value)
    assert "hunter" not in str(complaint.value)


def test_a_complaint_about_a_secret_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    number = environment._whole(1, 9)
    secret = environment.Setting("VAIHTO_SECRET_KEY", number, "", "", secret=True)
    monkeypatch.setattr(environment, "TABLE", (secret,))
    with pytest.raises(Malformed) as complaint:
        read({"VAIHTO_SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(complaint.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("", "data/vaihto.sqlite3"),
        ("sqlite:///kept.sqlite3", "kept.sqlite3"),
        ("sqlite:////srv/vaihto/kept.sqlite3", "/srv/vaihto/kept.sqlite3"),
    ],
)
def test_sqlite_addresses(url: str, name: str) -> None:
    assert database(url, Path("data"))["NAME"] == name


def test_a_postgresql_address_with_a_password_in_it() -> None:
    told = database("postgres://u:p%40ss@db.example:5433/vaihto?sslmode=require", Path("data"))
    assert {key: told[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "NAME": "vaihto",
        "USER": "u",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }


def test_other_databases_are_refused() -> None:
    with pytest.raises(Malformed, match="mysql"):
        database("mysql://u@h/n", Path("data"))


def test_schemas_are_looked_for_where_they_usually_are(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    assert environment.schemas_folder({"VAIHTO_DATA": str(tmp_path)}) == tmp_path / "schemas"
    named = {"VAIHTO_DATA": str(tmp_path), "VAIHTO_SCHEMAS": str(tmp_path / "x")}
    assert environment.schemas_folder(named) == tmp_path / "x"

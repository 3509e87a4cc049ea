"""What an operator may set, as one table: name, type, default, sentence.

`settings.py` reads the values from here and nowhere else; the reference page is made from the table.
A malformed value or an unknown `VAIHTO_…` name stops the start and names the variable. Every setting
may also come from a file: `VAIHTO_SECRET_KEY_FILE=/run/secrets/key`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit
from zoneinfo import available_timezones

ROOT = Path(__file__).resolve().parent.parent


class Malformed(Exception):
    """A setting that cannot be understood; the text says which one and what is expected."""


def _text(value: str) -> str:
    return value


def _yes_no(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError("yes or no")


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        expected = f"a whole number from {least} to {most}"
        try:
            number = int(value)
        except ValueError as error:
            raise ValueError(expected) from error
        if not least <= number <= most:
            raise ValueError(expected)
        return number

    return read


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return value

    return read


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("the name of a time zone, such as Europe/Helsinki")
    return value


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.replace("\n", ",").split(",") if word.strip()]


def _folder(value: str) -> Path | None:
    return Path(value).expanduser() if value else None


def _data_folder(value: str) -> Path:
    if not value:
        raise ValueError("the name of a folder")
    return Path(value).expanduser()


def _parts(value: str) -> SplitResult | None:
    """The parts of an address, or none where it has a port that is none, or an open bracket."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _page(value: str) -> SplitResult | None:
    """The parts of an address that a browser can follow, or none."""
    parts = _parts(value)
    is_whole = parts is not None and parts.scheme in {"https", "http"} and parts.hostname
    return parts if is_whole and not any(sign.isspace() for sign in value) else None


def _public_url(value: str) -> str:
    parts = _page(value)
    if parts is None or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "an address such as https://vaihto.example.org or https://example.org/vaihto"
        )
    return value.rstrip("/")


def _catalogue_url(value: str) -> str:
    if value and _page(value) is None:
        raise ValueError("an address such as https://registry.example.org/catalogue-v1.xml")
    return value


def _database_url(value: str) -> str:
    parts = _parts(value)
    if parts is None and not value.startswith("sqlite"):
        raise ValueError(
            "an address such as postgres://user:password@host:5432/name; signs like / : @ # ? % in a "
            "password are written as %2F %3A %40 %23 %3F %25"
        )
    if parts and parts.scheme in {"postgres", "postgresql"} and not parts.path.strip("/"):
        raise ValueError("an address that ends with the name of the database")
    return value


def _tasks(value: str) -> str:
    parts = _parts(value)
    if value == "database" or (parts is not None and parts.scheme in {"redis", "rediss"}):
        return value
    raise ValueError("`database` or an address such as redis://host:6379/0")


def _mail_url(value: str) -> str:
    parts = _parts(value)
    is_server = parts is not None and parts.scheme in {"smtp", "smtps"} and parts.hostname
    if value and value != "file:" and not is_server:
        raise ValueError("`file:` or an address such as smtp://user:password@host:587")
    return value


@dataclass(frozen=True)
class Setting:
    """One line of the table. `default` is the text that would stand in the environment."""

    name: str
    read: Callable[[str], Any]
    default: str
    says: str
    secret: bool = False


TABLE: tuple[Setting, ...] = (
    Setting(
        "VAIHTO_DEBUG", _yes_no, "no", "Show faults in full in the browser. Never in production."
    ),
    Setting(
        "VAIHTO_SECRET_KEY",
        _text,
        "",
        "Signs sessions and links. Without it one is made at the first start and kept in the data folder.",
        secret=True,
    ),
    Setting(
        "VAIHTO_FIELD_KEYS",
        _words,
        "",
        "Keys that encrypt sensitive fields, newest first, comma between, each of 32 characters or more. "
        "`vaihto keys rotate` writes everything anew with the first.",
        secret=True,
    ),
    Setting(
        "VAIHTO_DATABASE_URL",
        _database_url,
        "",
        "sqlite:///path/to/file or postgres://user:password@host:port/name. "
        "Without it: var/vaihto.sqlite3 in the project folder.",
        secret=True,
    ),
    Setting(
        "VAIHTO_DATA",
        _data_folder,
        str(ROOT / "var"),
        "Folder for what is kept outside the database: brought files, exports, generated keys.",
    ),
    Setting(
        "VAIHTO_PUBLIC_URL",
        _public_url,
        "http://127.0.0.1:8000",
        "The address at which people and partners reach this installation; https in production.",
    ),
    Setting(
        "VAIHTO_ALLOWED_HOSTS",
        _words,
        "",
        "Host names that requests may carry, comma between; the host of the public address is always one.",
    ),
    Setting(
        "VAIHTO_BEHIND_PROXY",
        _yes_no,
        "no",
        "A proxy in front ends TLS and sets X-Forwarded-Proto and X-Forwarded-For; believe them.",
    ),
    Setting(
        "VAIHTO_SCHEMAS",
        _folder,
        "",
        "Folder with the official schemas in `ewp/` and `virta/`. Without it: `schemas` in the data folder, "
        "filled by `vaihto schemas install`, else ../shared/schemas beside the project.",
    ),
    Setting(
        "VAIHTO_TASKS",
        _tasks,
        "database",
        "Queue of the background work: `database`, or a redis:// address.",
        secret=True,
    ),
    Setting(
        "VAIHTO_SENDING_THREADS",
        _whole(1, 1_000),
        "32",
        "How many partners a worker talks to at the same time. Each may hold a database connection.",
    ),
    Setting(
        "VAIHTO_NOTIFICATION_HOURS",
        _whole(1, 8_760),
        "24",
        "How long a partner that does not answer is told of a change again and again, in hours.",
    ),
    Setting(
        "VAIHTO_CATALOGUE_URL",
        _catalogue_url,
        "",
        "Address of the registry catalogue of the network.",
    ),
    Setting("VAIHTO_CA_FILE", _folder, "", "Extra certificate authority for outgoing calls."),
    Setting(
        "VAIHTO_EWP_ADMIN_EMAILS",
        _words,
        "",
        "Addresses of roles, never of persons, where partners and the registry reach those who run this "
        "node; comma between. They stand in every manifest. Without it: those of the institution's technical "
        "contacts, else ewp@ and the host of the public address.",
    ),
    Setting(
        "VAIHTO_EWP_PROVIDER",
        _text,
        "",
        "Who provides this node, in English, as the registration portal knows the name, for example "
        "Example Alliance (Vaihto). Without it: the institution's own name and Vaihto.",
    ),
    Setting(
        "VAIHTO_EWP_VALIDATE",
        _yes_no,
        "no",
        "Hold every outgoing EWP document against the official schemas, and send none that they refuse.",
    ),
    Setting(
        "VAIHTO_EWP_ANSWER_LIMIT_MB",
        _whole(1, 10_000),
        "50",
        "Largest answer that is read from a partner, in MiB, also after it was unpacked.",
    ),
    Setting(
        "VAIHTO_EWP_KEEP_DAYS",
        _whole(1, 36_500),
        "365",
        "How many days the exchanges with partners are kept, byte for byte and encrypted.",
    ),
    Setting(
        "VAIHTO_EWP_CALLS_PER_SECOND",
        _whole(0, 1_000_000),
        "200",
        "How many EWP requests per second one partner may make at each web process, ten seconds' worth at "
        "once, before it is told to wait; 0 for as many as it likes.",
    ),
    Setting(
        "VAIHTO_ALLOW_PRIVATE_ADDRESSES",
        _yes_no,
        "no",
        "Allow outgoing calls to private addresses, for tests and closed networks.",
    ),
    Setting(
        "VAIHTO_MAIL_URL",
        _mail_url,
        "",
        "Where letters to guests and staff are handed in: smtp://user:password@host:587 (STARTTLS, except at port 25), "
        "smtps://…:465, or `file:` for files in the data folder. Without it: files in the demo, and else letters wait.",
        secret=True,
    ),
    Setting(
        "VAIHTO_MAIL_FROM",
        _text,
        "",
        "Sender of letters. Without it: no-reply@ and the host of the public address.",
    ),
    Setting(
        "VAIHTO_LOCAL_ACCOUNTS",
        _yes_no,
        "yes",
        "Let people sign in with accounts of this installation (demo, development, operators).",
    ),
    Setting(
        "VAIHTO_LANGUAGE",
        _one_of("en", "fi", "sv"),
        "en",
        "Language of a person who has not chosen: en, fi or sv.",
    ),
    Setting("VAIHTO_TIME_ZONE", _zone, "Europe/Helsinki", "Time zone in which moments are shown."),
    Setting("VAIHTO_WORKERS", _whole(1, 256), "2", "Web processes that `vaihto serve` starts."),
    Setting(
        "VAIHTO_UPLOAD_LIMIT_MB",
        _whole(1, 100_000),
        "300",
        "Largest file that may be brought in, in MiB.",
    ),
    Setting(
        "VAIHTO_XLSX_LIMIT_MB",
        _whole(1, 10_000),
        "20",
        "Largest spreadsheet in MiB; bigger data comes as CSV, which is read line by line.",
    ),
    Setting(
        "VAIHTO_LOG_LEVEL",
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "INFO",
        "DEBUG, INFO, WARNING or ERROR.",
    ),
    Setting(
        "VAIHTO_METRICS_TOKEN",
        _text,
        "",
        "Bearer token that /metrics asks for; without it only this machine itself may read them.",
        secret=True,
    ),
    Setting(
        "VAIHTO_DEMO",
        _yes_no,
        "no",
        "This installation shows the demo: sign-in page lists demo persons.",
    ),
)


def read(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """All settings by name. Raises `Malformed` for a value or a name that cannot be understood."""
    known = {setting.name for setting in TABLE}
    for name in environ:
        if (
            name.startswith("VAIHTO_")
            and name.removesuffix("_FILE") not in known
            and name not in known
        ):
            raise Malformed(f"{name} is not a setting of Vaihto. See docs/reference/settings.md.")
    return {setting.name: _value(setting, environ) for setting in TABLE}


def is_set(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Has the operator said something, or does the default hold?"""
    return name in environ or bool(environ.get(f"{name}_FILE"))


def _value(setting: Setting, environ: Mapping[str, str]) -> Any:
    text = environ.get(setting.name)
    file = environ.get(f"{setting.name}_FILE")
    if text is None and file:
        try:
            text = Path(file).read_text("utf-8").strip()
        except OSError as error:
            raise Malformed(
                f"{setting.name}_FILE: {file} cannot be read ({error.strerror})."
            ) from error
        except UnicodeDecodeError:
            raise Malformed(f"{setting.name}_FILE: {file} is not a file of text.") from None
        if not text:
            raise Malformed(f"{setting.name}_FILE: {file} is empty.")
    if text is None:
        text = setting.default
    try:
        return setting.read(text)
    except ValueError as error:
        told = "what stands there" if setting.secret else repr(text)
        raise Malformed(f"{setting.name} should be {error}, not {told}.") from error


def schemas_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of official schemas: as set, else in the data folder, else beside the project, else none.

    Reads nothing but these two settings, so that commands about files alone need no other.
    """
    by_name = {setting.name: setting for setting in TABLE}
    named: Path | None = _value(by_name["VAIHTO_SCHEMAS"], environ)
    if named is not None:
        return named
    data: Path = _value(by_name["VAIHTO_DATA"], environ)
    usual = (data / "schemas", ROOT.parent / "shared" / "schemas")
    return next((folder for folder in usual if folder.is_dir()), None)


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for what is kept outside the database."""
    found: Path = _value(next(each for each in TABLE if each.name == "VAIHTO_DATA"), environ)
    return found


def with_limits(broker: str) -> str:
    """The address of a Redis server with limits of waiting, in seconds, where it names none itself."""
    parts = urlsplit(broker)
    query = {"socket_connect_timeout": "1", "socket_timeout": "10", **dict(parse_qsl(parts.query))}
    return parts._replace(query=urlencode(query)).geturl()


def mail(url: str, data: Path) -> dict[str, Any]:
    """Django's settings for sending letters to `url`, or into files in `data` for `file:`."""
    if url in {"", "file:"}:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(data / "letters"),
        }
    parts = urlsplit(url)
    is_tls = parts.scheme == "smtps"
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "",
        "EMAIL_PORT": parts.port or (465 if is_tls else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": is_tls,
        "EMAIL_USE_TLS": not is_tls and parts.port != 25,
        "EMAIL_TIMEOUT": 20,
    }


def database(url: str, data: Path) -> dict[str, Any]:
    """Django's description of the database at `url`; SQLite in `data` when there is none."""
    parts = urlsplit(url)
    if not url or parts.scheme in {"sqlite", "sqlite3"}:
        # Three slashes and a name: beside where one stands; four: an absolute path.
        name = unquote(parts.path).removeprefix("/")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name or str(data / "vaihto.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;"
                ),
            },
        }
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.removeprefix("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": None,
            "OPTIONS": dict(parse_qsl(parts.query)),
        }
    raise Malformed(
        f"VAIHTO_DATABASE_URL begins with {parts.scheme}://; use sqlite:/// or postgres://."
    )

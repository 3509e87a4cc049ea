"""What is unsafe or missing in this installation, each with an id, a sentence and what to do.

`ALWAYS` runs at every start and in `vaihto check`; `BEFORE_DEPLOYMENT` only with `--deploy`.
"""

from __future__ import annotations

import importlib.util
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.utils import timezone

from vaihto.demo.accounts import GUESTS, OFFICES
from vaihto.jobs import beat
from vaihto.people.models import Account

Check = Callable[..., Sequence[checks.CheckMessage]]
_MANY_WORKERS = 4
_SHORT = 32


def _schemas(**_about: Any) -> list[checks.CheckMessage]:
    folder = settings.SCHEMAS
    if folder is not None and (folder / "virta" / "Virta.xsd").is_file():
        return []
    return [
        checks.Info(
            "The official VIRTA schemas are not here; files are checked by our structural rules only.",
            hint="Run `vaihto schemas install --help`, or name their folder with VAIHTO_SCHEMAS.",
            id="vaihto.I001",
        )
    ]


def _broker(**_about: Any) -> list[checks.CheckMessage]:
    named = settings.TASKS["default"]["BACKEND"]
    if importlib.util.find_spec(named.partition(".")[0]) is not None:
        return []
    return [
        checks.Error(
            "VAIHTO_TASKS names a broker, but the package that speaks with it is not installed.",
            hint="Install django-tasks-rq into the environment, or leave VAIHTO_TASKS at `database`.",
            id="vaihto.E002",
        )
    ]


def _debug(**_about: Any) -> list[checks.CheckMessage]:
    if not settings.DEBUG:
        return []
    return [
        checks.Error(
            "Faults are shown in full to whoever meets them: settings, paths and personal data.",
            hint="Remove VAIHTO_DEBUG.",
            id="vaihto.E101",
        )
    ]


def _public_address(**_about: Any) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if not settings.PUBLIC_URL.startswith("https://"):
        found.append(
            checks.Error(
                f"The public address {settings.PUBLIC_URL} is not https: passwords and personal data "
                "would travel openly, and cookies are not marked secure.",
                hint="Set VAIHTO_PUBLIC_URL to the https address at which people reach this installation.",
                id="vaihto.E102",
            )
        )
    elif not settings.BEHIND_PROXY:
        found.append(
            checks.Warning(
                "The address is https, but no proxy is declared that ends TLS; without a certificate "
                "`vaihto serve` speaks plain HTTP and would send every visitor in a circle.",
                hint="Put a proxy in front (deploy/nginx.conf) and set VAIHTO_BEHIND_PROXY=yes, or serve with "
                "--certificate and --key.",
                id="vaihto.W103",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            checks.Error(
                "Requests under any host name are answered, so that links in letters can be forged.",
                hint="List the real names in VAIHTO_ALLOWED_HOSTS; the public address is always allowed.",
                id="vaihto.E104",
            )
        )
    return found


def _keys(**_about: Any) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if not settings.ENVIRONMENT["VAIHTO_SECRET_KEY"]:
        found.append(
            checks.Warning(
                "The key that signs sessions was made by itself and lies in the data folder, "
                "beside what it protects and in its backups.",
                hint="Set VAIHTO_SECRET_KEY or VAIHTO_SECRET_KEY_FILE.",
                id="vaihto.W105",
            )
        )
    if not settings.ENVIRONMENT["VAIHTO_FIELD_KEYS"]:
        found.append(
            checks.Warning(
                "The key that encrypts identity codes was made by itself and lies in the data folder: "
                "whoever takes the folder reads the codes, and if it is lost they are lost.",
                hint="Set VAIHTO_FIELD_KEYS_FILE to a file kept elsewhere, with the present key last, "
                "and run `vaihto keys rotate`.",
                id="vaihto.W106",
            )
        )
    keys = [("VAIHTO_SECRET_KEY", settings.SECRET_KEY)]
    keys += [("VAIHTO_FIELD_KEYS", key) for key in settings.FIELD_KEYS]
    found.extend(
        checks.Error(
            f"A key in {name} can be guessed: it is short or made of few characters.",
            hint="Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
            id="vaihto.E107",
        )
        for name, key in keys
        if len(key) < _SHORT or len(set(key)) < 8
    )
    if len(settings.FIELD_KEYS) > 1:
        found.append(
            checks.Info(
                f"{len(settings.FIELD_KEYS)} field keys are at hand; the old ones still open old backups.",
                hint="Run `vaihto keys rotate`; when it has written everything anew, drop the old keys.",
                id="vaihto.I108",
            )
        )
    return found


def _database(**_about: Any) -> list[checks.CheckMessage]:
    if connection.vendor != "sqlite":
        return []
    found: list[checks.CheckMessage] = [
        checks.Info(
            "The database is SQLite: one writer at a time, one machine, no backup while it is written "
            "except by its own tool.",
            hint="Use PostgreSQL for an institution: VAIHTO_DATABASE_URL=postgres://…",
            id="vaihto.I109",
        )
    ]
    if settings.WEB_WORKERS > _MANY_WORKERS:
        found.append(
            checks.Error(
                f"{settings.WEB_WORKERS} web processes share one SQLite file; they will wait for each "
                "other and refuse work when it takes too long.",
                hint=f"Use PostgreSQL, or {_MANY_WORKERS} workers or fewer.",
                id="vaihto.E110",
            )
        )
    return found


def _accounts(**_about: Any) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if settings.DEMO:
        found.append(
            checks.Error(
                "This installation shows the demo: everybody can sign in as a demo person.",
                hint="Remove VAIHTO_DEMO, and begin with an empty database.",
                id="vaihto.E111",
            )
        )
    if settings.LOCAL_ACCOUNTS:
        found.append(
            checks.Warning(
                "People can sign in with passwords of this installation: no second factor, and nobody "
                "closes the account when they leave the university.",
                hint="Keep local accounts for operators only, or set VAIHTO_LOCAL_ACCOUNTS=no "
                "once another way in exists.",
                id="vaihto.W112",
            )
        )
    try:
        demo = [guest.username for guest in (*GUESTS, *OFFICES)]
        left = Account.objects.filter(username__in=demo, is_active=True).count()
        if left and not settings.DEMO:
            found.append(
                checks.Error(
                    f"{left} demo accounts are here, whose password everybody knows.",
                    hint="Begin with an empty database, or close them.",
                    id="vaihto.E119",
                )
            )
        if not Account.objects.filter(is_operator=True, is_active=True).exists():
            found.append(
                checks.Warning(
                    "Nobody is operator: the journal and failed work can be seen by nobody.",
                    hint="vaihto accounts add NAME --operator",
                    id="vaihto.W113",
                )
            )
    except DatabaseError:
        found.append(
            checks.Error(
                "The tables are not there, or the database does not answer.",
                hint="Run `vaihto migrate`.",
                id="vaihto.E114",
            )
        )
    return found


def _worker(**_about: Any) -> list[checks.CheckMessage]:
    try:
        working = beat.alive(now=timezone.now())
    except DatabaseError:
        return []
    if working:
        return []
    return [
        checks.Warning(
            "No worker was heard of within a minute: imports and exports would wait forever.",
            hint="Start `vaihto work` (deploy/vaihto-work.service).",
            id="vaihto.W115",
        )
    ]


def _other_settings(**_about: Any) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if settings.ENVIRONMENT["VAIHTO_LOG_LEVEL"] == "DEBUG":
        found.append(
            checks.Warning(
                "At this level libraries log the values of database queries.",
                hint="Set VAIHTO_LOG_LEVEL to INFO or WARNING.",
                id="vaihto.W116",
            )
        )
    if settings.ENVIRONMENT["VAIHTO_ALLOW_PRIVATE_ADDRESSES"]:
        found.append(
            checks.Warning(
                "Outgoing calls may go to private addresses, so a partner's wrong address could lead "
                "into your own network.",
                hint="Remove VAIHTO_ALLOW_PRIVATE_ADDRESSES outside closed networks.",
                id="vaihto.W117",
            )
        )
    folder = Path(settings.DATA)
    if folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH):
        found.append(
            checks.Warning(
                f"Every user of this machine can look into {folder}, where brought files and keys lie.",
                hint=f"chmod 750 {folder}",
                id="vaihto.W118",
            )
        )
    return found


ALWAYS: tuple[Check, ...] = (_schemas, _broker)
BEFORE_DEPLOYMENT: tuple[Check, ...] = (
    _debug,
    _public_address,
    _keys,
    _database,
    _accounts,
    _worker,
    _other_settings,
)

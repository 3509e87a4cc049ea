"""Serving the pages: prepares what the server needs, then becomes the server."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from vaihto.command import REFUSED
from vaihto.command.arguments import a_port, check_papers, parser_of
from vaihto.command.processes import refused_to_listen, server_command


def serve(arguments: list[str]) -> int:  # noqa: RET503 - the process is replaced
    """Replaces this process by the web server; returns only when it cannot start."""
    parser = parser_of("serve")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=a_port, default=8000, help="port to listen on (8000)")
    parser.add_argument(
        "--workers", type=int, default=settings.WEB_WORKERS, help="web processes (VAIHTO_WORKERS)"
    )
    parser.add_argument(
        "--certificate", type=Path, help="TLS certificate chain, PEM; without a proxy in front"
    )
    parser.add_argument("--key", type=Path, help="its private key, PEM (PKCS 8)")
    chosen = parser.parse_args(arguments)
    check_papers(parser, chosen)
    if lacking := unapplied_migrations():
        print(
            f"vaihto: the tables are not up to date ({len(lacking)} steps lack). "
            "Run `vaihto migrate` first.",
            file=sys.stderr,
        )
        return REFUSED
    if reason := refused_to_listen(chosen.host, chosen.port):
        print(f"vaihto: {reason}", file=sys.stderr)
        return REFUSED
    try:
        prepare()
    except OSError as error:
        print(
            f"vaihto: VAIHTO_DATA: the folder {settings.DATA} cannot be written ({error.strerror}). "
            "Make it a folder that this user may write into.",
            file=sys.stderr,
        )
        return REFUSED
    command = server_command(
        host=chosen.host,
        port=chosen.port,
        workers=chosen.workers,
        path=urlsplit(settings.PUBLIC_URL).path,
        certificate=chosen.certificate,
        key=chosen.key,
    )
    os.execv(command[0], command)  # noqa: S606 - becomes the server, no shell


def unapplied_migrations() -> list[str]:
    """Names of the migrations that the database still lacks."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def prepare() -> None:
    """Collects the static files and clears the counters of the last run."""
    call_command("collectstatic", interactive=False, verbosity=0)
    counters = Path(settings.DATA) / "metrics"
    shutil.rmtree(counters, ignore_errors=True)
    counters.mkdir(parents=True)
    # Read by the metrics library in the server's processes, which share their counters there.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counters)

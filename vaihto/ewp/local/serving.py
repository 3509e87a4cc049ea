"""The registry as a server: its application with its rounds in one process, TLS where a certificate is given."""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from granian.constants import Interfaces, SSLProtocols
from granian.log import LogLevels
from granian.server import Server

from vaihto.ewp.local.sources import Options

_THREADS = 8


@dataclass(frozen=True)
class Listening:
    """Where it listens; with certificate and key over TLS."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


def serve(options: Options, listening: Listening) -> None:
    """Serves until SIGTERM or SIGINT."""
    server = Server(
        "vaihto.ewp.local.serving",
        address=listening.host,
        port=listening.port,
        interface=Interfaces.WSGI,
        workers=1,  # the rounds and the folder have one owner
        blocking_threads=_THREADS,
        ssl_cert=listening.certificate,
        ssl_key=listening.key,
        ssl_protocol_min=SSLProtocols.tls12,
        log_level=LogLevels.warning,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
    )
    loader = functools.partial(application, options)
    server.serve(target_loader=loader, wrap_loader=False)


def application(options: Options) -> Any:
    """The application, in the process that serves, with its rounds already going."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vaihto.settings")
    django.setup()
    from vaihto.ewp.local.pages import Application  # noqa: PLC0415 - app ready
    from vaihto.ewp.local.running import LocalRegistry  # noqa: PLC0415 - app ready

    registry = LocalRegistry(options)
    threading.Thread(
        target=registry.run, args=(threading.Event(),), name="rounds", daemon=True
    ).start()
    return Application(registry)

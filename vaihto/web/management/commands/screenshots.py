"""Takes pictures of the main pages of the demo."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vaihto.refusals import Refusal
from vaihto.web.screenshots import PICTURES, take

_START_SECONDS = 300


class Command(BaseCommand):
    requires_system_checks = ()
    help = (
        "Takes pictures of the main pages of the demo, of one that runs or of one started for it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", type=Path, default=Path("docs/images"))
        parser.add_argument("--address", default="", help="a demo that runs; else one is started")
        parser.add_argument("--only", nargs="*", default=[], help="names of pictures")

    def handle(self, *_args: Any, **options: Any) -> None:
        wanted = tuple(
            one for one in PICTURES if not options["only"] or one.name in options["only"]
        )
        try:
            if options["address"]:
                take(
                    address=options["address"],
                    folder=options["output"],
                    pictures=wanted,
                    tell=self.stdout.write,
                )
                return
            with demo() as address:
                take(
                    address=address,
                    folder=options["output"],
                    pictures=wanted,
                    tell=self.stdout.write,
                )
        except Refusal as refusal:
            raise CommandError(f"{refusal} {refusal.remedy}") from refusal


@contextmanager
def demo() -> Iterator[str]:
    """A demo at a free port of this machine, ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("vaihto")
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen([str(program), "demo", "--port", str(port)]) as served:
        try:
            _wait(address, served)
            yield address
        finally:
            served.terminate()


def _wait(address: str, served: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if served.poll() is not None:
            raise CommandError("The demo did not start.")
        try:
            with urllib.request.urlopen(f"{address}/sign-in", timeout=5):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    raise CommandError(f"The demo did not answer within {_START_SECONDS} seconds.")

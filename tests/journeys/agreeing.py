"""Deeds on agreements at a node of the network: an office of its own beside the node's web server, on its database."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from vaihto.command.box import Node

# Runs inside a node: one deed a line comes in, one answer a line goes out.
_OFFICE = """
import json, sys
import django; django.setup()
from tests.journeys.deeds import do
for line in sys.stdin:
    print(json.dumps(do(json.loads(line))), flush=True)
"""


@dataclass
class Office:
    """Somebody who works at a node; `own` is their institution, `partner` the one they talk with."""

    own: str
    partner: str
    process: subprocess.Popen[str]
    into: IO[str]
    out: IO[str]

    def __call__(self, name: str, code: str = "", **facts: Any) -> Any:
        """What came of a deed."""
        deed = {"do": name, "own": self.own, "partner": self.partner, "code": code, **facts}
        self.into.write(json.dumps(deed) + "\n")
        self.into.flush()
        answer = self.out.readline()
        assert answer, f"the office of {self.own} ended during {name}"
        return json.loads(answer)


@contextmanager
def office(node: Node, *, own: str, partner: str) -> Iterator[Office]:
    """An office at this node, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OFFICE],
        env={**node.environ, "DJANGO_SETTINGS_MODULE": "vaihto.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Office(own, partner, process, process.stdin, process.stdout)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def work(*offices: Office) -> None:
    """Everything that is due at these nodes is sent and fetched, until nothing comes of it any more."""
    told: list[dict[str, Any]] = []
    for _round in range(12):
        told = [one("work") for one in offices]
        if not any(each["arrived"] or each["put_off"] for each in told):
            return
    raise AssertionError(
        f"the nodes go on telling each other the same, or do not get through: {told}"
    )


def ask_for_list(one: Office, other: Office) -> None:
    """`one` asks for the list of `other`, which its web server writes down a moment after the answer."""
    one("index")
    request_id = one("last_index")
    deadline = time.monotonic() + 60
    while not other("was_asked", request_id=request_id):
        assert time.monotonic() < deadline, "nobody wrote down that the list was asked for"
        time.sleep(0.05)

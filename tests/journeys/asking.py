"""Asking questions from inside a node of the network: its own process, keys and database."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from vaihto.command.box import Node

# Run inside a node: asks the questions on standard input, prints what came of each.
_ASK = """
import json, sys
import django; django.setup()
from django.utils import timezone
from vaihto.ewp import client, registry
from vaihto.ewp.apis import APIS
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor

asked = json.load(sys.stdin)
if asked["refresh"]:
    registry.refresh(now=timezone.now(), at_once=True)
told = []
for own, partner, element, endpoint, parameters in asked["questions"]:
    answer = client.call(
        institution=Institution.objects.get(hei_id=own), partner=partner,
        api=next(api for api in APIS if api.element == element), endpoint=endpoint,
        parameters=[tuple(pair) for pair in parameters],
        actor=Actor.system("a journey"), now=timezone.now(), report=False,
    )
    told.append({"outcome": answer.outcome.code, "sentence": str(answer.outcome), "status": answer.status,
                 "signature": answer.signature, "body": answer.body.decode()})
json.dump(told, sys.stdout)
"""

Question = tuple[str, str, str, str, list[tuple[str, str]]]


def ask(node: Node, *questions: Question, refresh: bool = True) -> list[dict[str, Any]]:
    """What the node's client made of each question."""
    asked = json.dumps({"questions": questions, "refresh": refresh})
    ended = subprocess.run(
        [sys.executable, "-c", _ASK],
        env={**node.environ, "DJANGO_SETTINGS_MODULE": "vaihto.settings"},
        input=asked,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    answers: list[dict[str, Any]] = json.loads(ended.stdout)
    return answers


def echo(own: str, partner: str, *words: str) -> Question:
    return own, partner, "echo", "url", [("echo", word) for word in words]

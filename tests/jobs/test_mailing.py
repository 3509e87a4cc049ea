"""Letters over the wire: a mail server of the test listens, and takes them or not."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from vaihto import environment
from vaihto.jobs import mailing

LETTER = mailing.Composed(
    "fi", "Sopimus Åbo – Zürich", "Hyvä Äiti,\nsinua odottavat: 3", "<p>Hyvä <b>Äiti</b></p>"
)


@dataclass
class Server:
    """What the mail server was told, and what it answers to some words."""

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    letters: list[EmailMessage] = field(default_factory=list)


def _handler(server: Server) -> type[socketserver.StreamRequestHandler]:
    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 mail.example")
            while line := self.rfile.readline().decode("ascii").strip():
                server.commands.append(line)
                word = line.split()[0].split(":")[0].upper()
                self._say(server.answers.get(word) or ("354 go on" if word == "DATA" else "250 ok"))
                if word == "QUIT":
                    return
                if word == "DATA" and word not in server.answers:
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    whole = b"".join(one.removeprefix(b".") for one in lines)
                    server.letters.append(email.message_from_bytes(whole, policy=default))  # type: ignore[arg-type]
                    self._say("250 taken")

        def _say(self, words: str) -> None:
            self.wfile.write(f"{words}\r\n".encode())

    return Conversation


@pytest.fixture
def server() -> Iterator[Server]:
    """A mail server on this machine."""
    told = Server()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(told)) as listening:
        told.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield told
        listening.shutdown()
        thread.join(10)


Post = Callable[..., str]


@pytest.fixture
def post(server: Server, tmp_path: Path) -> Post:
    """Sends the letter over that server; gives the code why it was not taken."""

    def sent(**changed: Any) -> str:
        # Without STARTTLS, as at port 25, which no test may bind.
        facts = environment.mail(f"smtp://127.0.0.1:{server.port}", tmp_path)
        backend = {**facts, "EMAIL_USE_TLS": False, **changed}
        with override_settings(DEFAULT_FROM_EMAIL="no-reply@vaihto.example", **backend):
            return mailing.post(LETTER, to="aino@partner.example")

    return sent


def test_a_letter_arrives_as_it_was_written(server: Server, post: Post) -> None:
    assert post() == ""
    (came,) = server.letters
    assert (came["Subject"], came["To"], came["From"]) == (
        "Sopimus Åbo – Zürich",
        "aino@partner.example",
        "no-reply@vaihto.example",
    )
    assert (came["Content-Language"], came["Auto-Submitted"]) == ("fi", "auto-generated")
    plain, html = came.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content().splitlines() == ["Hyvä Äiti,", "sinua odottavat: 3"]  # type: ignore[attr-defined]
    assert html.get_content().strip() == "<p>Hyvä <b>Äiti</b></p>"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("word", "answer", "code"),
    [
        ("MAIL", "451 try later", "smtp-451"),
        ("RCPT", "550 no such mailbox", "smtp-550"),
        ("DATA", "554 not here", "smtp-554"),
        ("EHLO", "421 closing", "smtp-421"),
    ],
)
def test_what_the_server_answers_is_told_by_its_number(
    server: Server, post: Post, word: str, answer: str, code: str
) -> None:
    server.answers = {word: answer, **({"HELO": answer} if word == "EHLO" else {})}
    assert post() == code
    assert server.letters == []


def test_a_server_that_is_not_there_is_told(server: Server, post: Post) -> None:
    assert post(EMAIL_PORT=1) == "smtp-ConnectionRefusedError"


def test_nothing_goes_in_the_clear_where_a_secret_way_was_asked_for(
    server: Server, post: Post
) -> None:
    facts = {"EMAIL_USE_TLS": True, "EMAIL_HOST_USER": "u", "EMAIL_HOST_PASSWORD": "secret"}
    assert post(**facts) == "smtp-SMTPNotSupportedError"
    assert server.letters == []
    assert {command.split()[0].upper() for command in server.commands} <= {"EHLO", "HELO", "QUIT"}

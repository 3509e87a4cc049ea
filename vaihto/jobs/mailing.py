"""Letters by e-mail: made from two templates, given to the mail server. Who writes to whom and when is said above."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string


@dataclass(frozen=True)
class Composed:
    """A letter ready to go, as plain text and as HTML, in one language."""

    language: str
    subject: str
    text: str
    html: str


def composed(template: str, context: Mapping[str, Any], *, subject: str, language: str) -> Composed:
    """A letter of `template`.txt and `template`.html, in the active language, which is told as `language`."""
    known = {**context, "language": language}
    text = render_to_string(f"{template}.txt", known)
    return Composed(
        language,
        " ".join(subject.split()),
        "\n".join(line.rstrip() for line in text.strip().splitlines()),
        render_to_string(f"{template}.html", known),
    )


def post(made: Composed, *, to: str) -> str:
    """Gives the letter to the mail server; answers with a code why it was not taken, empty when it was."""
    letter = EmailMultiAlternatives(
        subject=made.subject,
        body=made.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[to],
        headers={"Auto-Submitted": "auto-generated", "Content-Language": made.language},
    )
    letter.attach_alternative(made.html, "text/html")
    try:
        with get_connection() as server:  # which is closed also when it does not open
            server.send_messages([letter])
    except (smtplib.SMTPException, OSError) as error:
        return f"smtp-{_code(error)}"[:60]
    return ""


def _code(error: Exception) -> str:
    """The server's number, else what happened."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((number, _words),) = error.recipients.values()
        return str(number)
    return str(getattr(error, "smtp_code", "") or type(error).__name__)

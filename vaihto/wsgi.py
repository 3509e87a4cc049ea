"""The application object that a WSGI server runs: partners' machines by `/ewp/`, everybody else by Django."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vaihto.settings")

pages = get_wsgi_application()

from vaihto.ewp.bodies import Watcher  # noqa: E402 - once the rooms are loaded
from vaihto.ewp.server import PREFIX, Gate  # noqa: E402

gate = Gate()
# Pages take long uploads; a client that sends nothing for this long is gone.
watcher = Watcher(seconds=60)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers one request."""
    path = environ.get("PATH_INFO", "")
    if path.startswith(PREFIX) or path == PREFIX.rstrip("/"):
        return gate(environ, start_response)
    if environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ:
        environ["wsgi.input"] = watcher.watched(environ)
    return pages(environ, start_response)

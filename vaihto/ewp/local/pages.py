"""What the registry answers: the catalogue for programs, plain pages about its sources for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote

from vaihto.ewp.local.importing import Severity
from vaihto.ewp.local.running import Edition, LocalRegistry, Status
from vaihto.ewp.local.sources import CATALOGUE
from vaihto.ewp.protocol.errors import ErrorResponse

_FRESH_SECONDS = 300
_XML = ("Content-Type", "application/xml; charset=utf-8")
_HTML = ("Content-Type", "text/html; charset=utf-8")
_SAFE = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
_STATUS = {
    200: "200 OK",
    304: "304 Not Modified",
    400: "400 Bad Request",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    503: "503 Service Unavailable",
}

Headers = Sequence[tuple[str, str]]
Answer = tuple[int, Headers, bytes]
StartResponse = Callable[..., Any]


class Application:
    """The registry's WSGI application."""

    def __init__(self, registry: LocalRegistry, *, fresh_seconds: int = _FRESH_SECONDS) -> None:
        self._registry = registry
        self._fresh_seconds = fresh_seconds

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        status, headers, body = self._answer(environ)
        length = ("Content-Length", str(len(body)))
        start_response(_STATUS[status], [*headers, *([] if status == 304 else [length])])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        query = parse_qs(environ.get("QUERY_STRING", "")[:4000])
        url = query.get("url", [""])[0]
        known: dict[str, tuple[tuple[str, ...], Callable[[], Answer]]] = {
            CATALOGUE: (("GET", "HEAD"), lambda: self._catalogue(environ)),
            "/": (("GET", "HEAD"), self._index),
            "/status": (("GET", "HEAD"), lambda: self._status(url)),
            "/reload": (("POST",), lambda: self._reload(url)),
            "/health": (("GET", "HEAD"), self._health),
        }
        if path not in known:
            return _page(404, "Not found", f"<p>There is no page {_shown(path)}.</p>")
        methods, answer = known[path]
        if method not in methods:
            allowed = ("Allow", ", ".join(methods))
            status, headers, body = _page(
                405, "Not this way", f"<p>Only {allowed[1]} is answered here.</p>"
            )
            return status, [*headers, allowed], body
        return answer()

    def _catalogue(self, environ: dict[str, Any]) -> Answer:
        edition = self._registry.edition()
        if edition is None:
            error = ErrorResponse("The catalogue is not ready yet. Ask again in a minute.")
            return 503, [_XML, ("Retry-After", "60"), ("Cache-Control", "no-store")], error.write()
        now = datetime.now(UTC)
        about = [
            ("ETag", f'"{edition.etag}"'),
            ("Last-Modified", format_datetime(edition.since, usegmt=True)),
            ("Cache-Control", f"max-age={self._fresh_seconds}, must-revalidate"),
            ("Date", format_datetime(now, usegmt=True)),
        ]
        if _has_it(environ, edition):
            return 304, about, b""
        return 200, [_XML, *about], edition.document

    def _health(self) -> Answer:
        return 200, [("Content-Type", "application/json")], b'{"alive": true}'

    def _index(self) -> Answer:
        statuses = self._registry.statuses()
        rows = "".join(
            f'<tr><th scope="row"><a href="{_status_address(one.url)}">{escape(one.url)}</a></th>'
            f"<td>{escape(one.hei_id) or '—'}</td><td>{_severity(one)}</td>"
            f"<td>{len(one.notices)}</td><td>{_moment(one.asked_at)}</td></tr>"
            for one in statuses
        )
        edition = self._registry.edition()
        since = "It is not ready yet." if edition is None else f"Since {_moment(edition.since)}."
        return _page(
            200,
            "Registry",
            f'<p>The catalogue of this network: <a href="{CATALOGUE}">{CATALOGUE}</a>. {since}</p>'
            '<div class="wide" tabindex="0" role="region" aria-labelledby="sources"><table>'
            f'<caption id="sources">Sources of manifests: {len(statuses)}</caption><thead><tr>'
            '<th scope="col">Manifest</th><th scope="col">Institution</th><th scope="col">Status</th>'
            '<th scope="col">Notices</th><th scope="col">Last asked</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>",
        )

    def _status(self, url: str) -> Answer:
        status = self._registry.status(url)
        if status is None:
            return _unlisted(url)
        return self._told(status)

    def _reload(self, url: str) -> Answer:
        status = self._registry.reload(url)
        if status is None:
            return _unlisted(url)
        return self._told(status)

    def _told(self, status: Status) -> Answer:
        notices = "".join(
            f"<li><strong>{one.severity}</strong> {escape(one.sentence)}</li>"
            for one in status.notices
        )
        facts = (
            ("Status", _severity(status)),
            ("Institution", escape(status.hei_id) or "none imported"),
            (
                "May cover",
                f"<code>{escape(status.heis)}</code>" if status.heis else "any institution",
            ),
            ("Last asked", _moment(status.asked_at)),
            ("Last change imported", _moment(status.imported_at)),
        )
        listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
        return _page(
            200,
            "Status of a manifest",
            f'<p><a href="{escape(status.url)}">{escape(status.url)}</a></p><dl>{listed}</dl>'
            f"<h2>Notices</h2>{f'<ul>{notices}</ul>' if notices else '<p>None.</p>'}"
            f'<form method="post" action="/reload?url={quote(status.url, safe="")}">'
            '<button type="submit">Read the manifest now</button></form>'
            '<p><a href="/">All sources</a></p>',
        )


def _has_it(environ: dict[str, Any], edition: Edition) -> bool:
    """Has the asker this edition already? An `If-None-Match` decides where there is one (RFC 9110, 13.2.2)."""
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:
        given = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in given or f'"{edition.etag}"' in given
    try:
        since = parsedate_to_datetime(environ.get("HTTP_IF_MODIFIED_SINCE") or "")
    except ValueError:
        return False
    return since.tzinfo is not None and edition.since <= since


def _unlisted(url: str) -> Answer:
    return _page(
        404,
        "Not on the list",
        f"<p>{_shown(url)} is not among the sources of this registry. Give its address as it is on the list.</p>"
        '<p><a href="/">All sources</a></p>',
    )


def _shown(text: str) -> str:
    return f"<code>{escape(text[:300])}</code>"


def _status_address(url: str) -> str:
    return f"/status?url={quote(url, safe='')}"


_TOLD = {
    None: "not asked yet",
    Severity.OK: "OK: imported",
    Severity.WARNING: "WARNING: imported, with something to put right",
    Severity.ERROR: "ERROR: not imported, or not all of it",
}


def _severity(status: Status) -> str:
    return f'<span class="{str(status.severity or "none").lower()}">{_TOLD[status.severity]}</span>'


def _moment(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    utc = moment.astimezone(UTC)
    return f'<time datetime="{utc.isoformat()}">{utc:%Y-%m-%d %H:%M:%S} UTC</time>'


_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem;color:#1a1f24;"
    "background:#fff}table{border-collapse:collapse}th,td{text-align:left;vertical-align:top;"
    "padding:.4rem .8rem .4rem 0;border-bottom:1px solid #c5ccd3}caption{text-align:left;padding:.4rem 0}"
    ".wide{overflow-x:auto}a{color:#0b4f8a}th a,p a,li,dd,code{overflow-wrap:anywhere}dt{font-weight:600}"
    "dd{margin:0 0 .5rem}button{font:inherit;padding:.4rem 1rem;min-height:2.75rem}"
    ".ok{color:#17603a}.warning{color:#7a4a00}.error{color:#a11222;font-weight:600}"
    "@media(prefers-color-scheme:dark){body{color:#e6eaee;background:#14181c}a{color:#8cc2f2}"
    "th,td{border-color:#414a53}.ok{color:#7fd6a4}.warning{color:#f0c070}.error{color:#ff9aa5}}"
)


def _page(status: int, title: str, content: str) -> Answer:
    text = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} · Vaihto registry</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{content}</main></body></html>"
    )
    return status, [_HTML, *_SAFE], text.encode()

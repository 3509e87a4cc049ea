"""One log line and one count per request: what was asked for, how it ended, how long it took.

The pattern of the address is written, never its query: there people search for people.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from prometheus_client import Counter, Histogram

logger = logging.getLogger("vaihto.requests")

ANSWERED = Counter(
    "vaihto_requests_total", "Requests answered, by page and status.", ["page", "method", "status"]
)
SECONDS = Histogram(
    "vaihto_request_seconds",
    "Seconds to the first byte of the answer, by page.",
    ["page"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = {"GET", "HEAD", "POST", "OPTIONS"}


class RequestLogMiddleware:
    """The outermost middleware, so that it sees what every other one answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - began
        page = page_of(request)
        method = request.method if request.method in _METHODS else "other"
        ANSWERED.labels(page, method, response.status_code).inc()
        SECONDS.labels(page).observe(seconds)
        if not page.startswith("static"):
            account = getattr(request, "user", None)
            logger.info(
                "request",
                extra={
                    "page": page,
                    "method": method,
                    "status": response.status_code,
                    "milliseconds": round(seconds * 1000),
                    "account": getattr(account, "pk", None),
                },
            )
        return response


def address_of(request: HttpRequest) -> str:
    """Where the request comes from. Behind a proxy: what the proxy itself added, the last entry."""
    if settings.BEHIND_PROXY:
        added = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if added:
            return added
    return str(request.META.get("REMOTE_ADDR", ""))


def page_of(request: HttpRequest) -> str:
    """The name of the page or the pattern of its address; one word for whatever does not exist."""
    match = request.resolver_match
    if match is not None:
        return match.view_name or match.route
    return "static" if request.path_info.startswith("/static/") else "none"

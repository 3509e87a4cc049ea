"""The one search box."""

from __future__ import annotations

from django.http import HttpResponse

from vaihto.web.frame import Request, page


def search(request: Request) -> HttpResponse:
    """Persons, mobilities and institutions that fit what was typed."""
    asked = request.GET.get("q", "").strip()
    return page(request, "web/search.html", asked=asked)

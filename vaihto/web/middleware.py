"""Who asks, in which language, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from vaihto.journal.actors import Actor
from vaihto.people.access import actor_of
from vaihto.people.models import Account
from vaihto.refusals import Invalid, NotAllowed, Refusal, Unknown
from vaihto.web.wording import sentence_of

Answer = Callable[[HttpRequest], HttpResponseBase]


class ActorMiddleware:
    """Sets `request.actor`, the language of the account, and turns strangers away.

    A view is for those who signed in unless it says otherwise with Django's `login_not_required`.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.now = timezone.now()  # type: ignore[attr-defined]
        request.today = timezone.localdate(request.now)  # type: ignore[attr-defined]
        account = getattr(request, "user", None)
        if isinstance(account, Account) or getattr(account, "is_authenticated", False):
            request.actor = actor_of(account, today=request.today)  # type: ignore[attr-defined, arg-type]
            if account.language in dict(settings.LANGUAGES):  # type: ignore[union-attr]
                translation.activate(account.language)  # type: ignore[union-attr]
                request.LANGUAGE_CODE = translation.get_language()
        else:
            request.actor = Actor.stranger()  # type: ignore[attr-defined]
        response = self.get_response(request)
        if not request.actor.is_stranger and "Cache-Control" not in response.headers:  # type: ignore[attr-defined]
            response.headers["Cache-Control"] = "private, no-store"
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        """Sends a stranger to the sign-in page, and back afterwards."""
        if not request.actor.is_stranger or not getattr(view, "login_required", True):  # type: ignore[attr-defined]
            return None
        if request.htmx:  # type: ignore[attr-defined]
            response = HttpResponse(status=204)
            response.headers["HX-Refresh"] = "true"
            return response
        where = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
        return redirect_to_login(where)


class RefusalMiddleware:
    """Makes a page of a refusal: what, why, what to do. What may not be seen looks like what is not."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """The page of a refusal; everything else is a fault and goes on."""
        if not isinstance(exception, Refusal):
            return None
        if isinstance(exception, Unknown):
            return render(request, "404.html", status=404)
        status = {NotAllowed: 403, Invalid: 400}.get(_family(exception), 409)
        told = sentence_of(exception)
        template = "frame/refusal.html" if request.htmx else "web/refused.html"  # type: ignore[attr-defined]
        return render(
            request,
            template,
            {
                "heading": _("Not allowed") if status == 403 else _("This was not done"),
                "sentence": told.sentence,
                "remedy": told.remedy,
                "back": _own_page(request),
            },
            status=status,
        )


def _family(refusal: Refusal) -> type[Refusal]:
    return next((kind for kind in (NotAllowed, Invalid) if isinstance(refusal, kind)), Refusal)


def _own_page(request: HttpRequest) -> str:
    """Where the person came from, when that was a page of ours."""
    came_from = request.META.get("HTTP_REFERER", "")
    root = request.build_absolute_uri("/")
    return came_from if came_from.startswith(root) else ""

"""The door behind which guests read: who comes in, in which language, and what stands around every page.

The secret of the link stands in every address and comes from nothing a browser sends by itself, so another site can
neither make a guest's browser act nor needs a token to be kept from it; browsers send no `Origin` from pages without
referrer, which the usual check would refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from vaihto.channels import guest
from vaihto.channels.models import GuestLink
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of
from vaihto.web.operations.requests import address_of

View = Callable[..., HttpResponseBase]
_ENTERED = "guest-entered"
_LANGUAGE = "guest-language"


def _closed(request: Request, *, status: int = 404) -> HttpResponseBase:
    """One page for every link that does not open, whatever the reason."""
    answer = page(request, "guest/closed.html", status=status, heading=_("This link does not open"))
    return _guarded(answer)


def _guarded(answer: HttpResponseBase) -> HttpResponseBase:
    answer["Referrer-Policy"] = "no-referrer"
    answer["Cache-Control"] = "private, no-store"
    answer["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _language(request: Request, link: GuestLink | None) -> str:
    known = dict(settings.LANGUAGES)
    wanted = request.GET.get("language", "")
    if wanted in known:
        request.session[_LANGUAGE] = wanted
        return wanted
    chosen = request.session.get(_LANGUAGE, "")
    if chosen in known:
        return str(chosen)
    return link.language if link and link.language in known else translation.get_language() or "en"


def _opened(view: View) -> View:
    """Finds the link of the secret and the guest's language; what opens nothing looks alike."""

    @login_not_required
    @csrf_exempt
    @wraps(view)
    def answered(request: Request, secret: str, **facts: Any) -> HttpResponseBase:
        whence = address_of(request)
        if guest.knocks_too_much(whence, now=request.now):
            with translation.override(_language(request, None)):
                return _closed(request, status=429)
        link = guest.link_of(secret, now=request.now)
        if link is None:
            guest.knock(whence, now=request.now)
            with translation.override(_language(request, None)):
                return _closed(request)
        with translation.override(_language(request, link)):
            return _guarded(view(request, link, secret, **facts))

    return answered


def behind_the_door(view: View) -> View:
    """A page for guests that have come in: `view(request, link, secret)`. Others are led to the door first."""

    @wraps(view)
    def answered(request: Request, link: GuestLink, secret: str, **facts: Any) -> HttpResponseBase:
        if link.digest not in request.session.get(_ENTERED, []):
            return HttpResponseRedirect(reverse("guest:door", args=[secret]))
        guest.entered(link, now=request.now)
        return view(request, link, secret, **facts)

    return _opened(answered)


class DoorForm(forms.Form):
    """To whom the link was sent."""

    address = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        help_text=gettext_lazy("The address to which the link was sent."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@_opened
def door(request: Request, link: GuestLink, secret: str) -> HttpResponseBase:
    """Says what the link is for and who sent it, nothing else; opens for the address it was sent to."""
    inside = reverse("guest:agreement", args=[secret])
    if link.digest in request.session.get(_ENTERED, []):
        return HttpResponseRedirect(inside)
    form = DoorForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        tries = f"link {link.pk}"
        status = 400
        if guest.knocks_too_much(tries, now=request.now):
            form.add_error(None, _("There were too many tries. Wait a quarter of an hour."))
            status = 429
        elif form.is_valid() and guest.fits(link, form.cleaned_data["address"]):
            before = request.session.get(_ENTERED, [])
            request.session[_ENTERED] = [*before, link.digest][-20:]
            return HttpResponseRedirect(inside)
        elif form.is_valid():
            guest.knock(tries, now=request.now)
            guest.knock(address_of(request), now=request.now)
            form.add_error("address", _("The link was sent to another address."))
    return guest_page(
        request,
        "guest/door.html",
        status=status,
        heading=_("An agreement to read"),
        institution=name_of(link.institution),
        form=form,
    )


def guest_page(
    request: Request, template: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    """A page with the languages to choose from."""
    now = translation.get_language() or "en"
    languages = [
        (code, get_language_info(code)["name_local"], code == now)
        for code, _name in settings.LANGUAGES
    ]
    return page(request, template, status=status, languages=languages, **context)

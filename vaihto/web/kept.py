"""Filters of a list, kept under a name by whoever uses them; nobody else sees them."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.journal.actions import record
from vaihto.journal.actors import Actor
from vaihto.refusals import Invalid, NotAllowed
from vaihto.web.address import Address
from vaihto.web.frame import Request
from vaihto.web.models import KeptView
from vaihto.wording import mark

# Lists whose filters can be kept.
PAGES = frozenset({"agreements:register"})
MOST = 30
_PASSING = ("after", "before", "n", "page", "pick")


class TooMany(Invalid):
    """A list of names that nobody reads any more."""

    sentence = mark("You keep %(most)s views of this list already.")
    remedy = mark("Forget one that you no longer use.")


@transaction.atomic
def keep(*, actor: Actor, page: str, name: str, query: str, now: datetime) -> KeptView:
    """Keeps the filters under a name; the same name again replaces them. Raises `TooMany`."""
    if actor.account_id is None or page not in PAGES:
        raise NotAllowed("not-allowed")
    name = " ".join(name.split())[:80]
    if not name:
        raise Invalid("views.no-name", sentence=mark("Give the view a name."), field="name")
    own = KeptView.objects.filter(account=actor.account_id, page=page)
    if not own.filter(name=name).exists() and own.count() >= MOST:
        raise TooMany("views.too-many", most=MOST)
    view, _new = KeptView.objects.update_or_create(
        account_id=actor.account_id,
        page=page,
        name=name,
        defaults={"query": query[:1000], "made_at": now},
    )
    record(actor, "view.kept", view, at=now)
    return view


@transaction.atomic
def forget(*, actor: Actor, view: KeptView, now: datetime) -> None:
    """Forgets a view of one's own."""
    if view.account_id != actor.account_id:
        raise NotAllowed("not-allowed")
    record(actor, "view.forgotten", view, at=now)
    view.delete()


def kept_views(request: Request, page: str, address: Address) -> SafeString:
    """The names under which one kept this list, and a way to keep the present filters."""
    present = address.without(*_PASSING)
    path = reverse(page)
    query = str(present.at("")).removeprefix("?")
    views = [
        (view, f"{path}?{view.query}" if view.query else path, view.query == query)
        for view in KeptView.objects.filter(account=request.actor.account_id, page=page)
    ]
    return render_to_string(
        "components/kept.html", {"views": views, "page": page, "query": query}, request=request
    )


@require_POST
def keep_view(request: Request) -> HttpResponse:
    """Keeps what is shown."""
    page, query = request.POST.get("page", ""), request.POST.get("query", "")
    view = keep(
        actor=request.actor,
        page=page,
        name=request.POST.get("name", ""),
        query=query,
        now=request.now,
    )
    messages.success(request, _("The view “%(name)s” is kept for you.") % {"name": view.name})
    return HttpResponseRedirect(f"{reverse(page)}?{view.query}")


@require_POST
def forget_view(request: Request, pk: int) -> HttpResponse:
    """Forgets a kept view."""
    view = KeptView.objects.filter(pk=pk, account=request.actor.account_id).first()
    if view is None:
        return HttpResponseRedirect(reverse("web:turn"))
    back = reverse(view.page)
    forget(actor=request.actor, view=view, now=request.now)
    messages.success(request, _("The view is forgotten."))
    return HttpResponseRedirect(back)

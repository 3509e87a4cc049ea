"""What an entry contains: parts are found and picked, not typed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from vaihto.offers import actions
from vaihto.offers.models import Containment, Kind, LearningOpportunity
from vaihto.refusals import Unknown
from vaihto.web.address import Address
from vaihto.web.frame import Request, page
from vaihto.web.offers.offer import kept, trail
from vaihto.web.offers.words import text_and_language
from vaihto.web.wording import label

_MOST = 30


def parts(request: Request, pk: int) -> HttpResponse:
    """The parts, with a search for what may be added."""
    one = kept(request.actor, pk)
    if request.method == "POST":
        return _changed(request, one)
    asked = request.GET.get("q", "").strip()[:100]
    links = (
        Containment.objects.filter(whole=one, part__withdrawn_at__isnull=True)
        .select_related("part")
        .order_by("part__kind", "part__title", "part__pk")
    )
    present = [link.part for link in links]
    fitting = [kind.value for kind in Kind if kind.width <= Kind(one.kind).width]
    found = LearningOpportunity.objects.filter(
        institution=one.institution_id, withdrawn_at__isnull=True, kind__in=fitting
    ).exclude(pk__in=[one.pk, *(part.pk for part in present)])
    for word in asked.casefold().split():
        found = found.filter(search__contains=word)
    rows = list(found.order_by("title", "pk")[: _MOST + 1]) if asked else []
    return page(
        request,
        "offers/parts.html",
        heading=_("Parts of %(name)s") % {"name": one.code or one.title},
        trail=trail(one),
        one=one,
        present=[_line(part) for part in present],
        found=[_line(row) for row in rows[:_MOST]],
        has_more=len(rows) > _MOST,
        words=asked,
        here=str(Address.of(request)),
    )


def _line(one: LearningOpportunity) -> tuple[int, str, str, str]:
    """Number, title, language of the title, and what else tells it apart."""
    title, tag = text_and_language(one.titles)
    return (
        one.pk,
        title,
        tag,
        " · ".join(part for part in (one.code, label(Kind, one.kind)) if part),
    )


def _changed(request: Request, one: LearningOpportunity) -> HttpResponse:
    """Adds or removes the one part that was picked."""
    deed = "add" if "add" in request.POST else "remove"
    number = request.POST.get(deed, "")
    if not number:
        return HttpResponseRedirect(reverse("offers:parts", args=[one.pk]))
    part = (
        LearningOpportunity.objects.filter(institution=one.institution_id, pk=int(number)).first()
        if number.isdecimal() and len(number) < 19
        else None
    )
    if part is None:
        raise Unknown("offer.unknown")
    if deed == "add":
        actions.add_part(actor=request.actor, whole=one, part=part, now=request.now)
        messages.success(request, _("%(part)s is part of it now.") % {"part": str(part)})
    else:
        actions.remove_part(actor=request.actor, whole=one, part=part, now=request.now)
        messages.success(request, _("%(part)s is no longer part of it.") % {"part": str(part)})
    asked = request.GET.get("q", "")
    here = Address(reverse("offers:parts", args=[one.pk])).having(q=asked)
    return HttpResponseRedirect(str(here))

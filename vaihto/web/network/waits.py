"""Notifications: what waits, what is set aside, what has ended; trying again and letting rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from vaihto.ewp import dealings, explained
from vaihto.ewp.models import Exchange
from vaihto.institutions.models import Institution
from vaihto.jobs import outbox
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed, Unknown
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Fact, Row, Tab, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, page_of
from vaihto.web.network import log
from vaihto.web.network.pages import (
    APIS,
    ago,
    api_word,
    blame_badge,
    direction_word,
    moment,
    remedy,
    sees_log,
    sentence,
    tabs,
)

State = Notification.State
_STATES: dict[str, tuple[Any, Tone]] = {
    State.WAITING: (gettext_lazy("waiting"), "info"),
    State.DONE: (gettext_lazy("arrived"), "good"),
    State.SET_ASIDE: (gettext_lazy("set aside"), "bad"),
    State.EXPIRED: (gettext_lazy("expired"), "warn"),
    State.DROPPED: (gettext_lazy("nobody listens"), "plain"),
    State.DISMISSED: (gettext_lazy("left to rest"), "plain"),
}
_VIEWS = {
    "": (State.WAITING,),
    "set-aside": (State.SET_ASIDE,),
    "ended": (State.DONE, State.EXPIRED, State.DROPPED, State.DISMISSED),
}


class Filters(forms.Form):
    """What the notifications may be narrowed by."""

    partner = forms.CharField(label=gettext_lazy("Partner"), required=False, max_length=120)
    api = ChoiceField(label=gettext_lazy("About"), required=False)
    direction = ChoiceField(label=gettext_lazy("Direction"), required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="filter_%s")
        named = sorted((str(word), key) for key, word in APIS.items() if key != "staff")
        self.fields["api"].choices = [  # type: ignore[attr-defined]
            ("", _("Any")),
            *((key, f"{word} ({key})") for word, key in named),
        ]
        self.fields["direction"].choices = [  # type: ignore[attr-defined]
            ("", _("Any")),
            *((value, direction_word(value)) for value in Notification.Direction.values),
        ]


def notifications(request: Request) -> HttpResponse:
    """Word to and from partners: what waits, what is set aside, what has ended."""
    if not sees_log(request.actor):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_READ))
    form = Filters(request.GET)
    form.is_valid()
    address = Address.of(request)
    view = address.get("view") if address.get("view") in _VIEWS else ""
    found = dealings.notifications_of(request.actor).filter(state__in=_VIEWS[view])
    for name in ("partner", "api", "direction"):
        if form.cleaned_data.get(name):
            found = found.filter(**{name: form.cleaned_data[name].strip()})
    orders = (Order("due_at") if view == "" else Order("changed_at", descending=view == "ended"),)
    shown = page_of(found, orders, address)
    plain = address.without("after", "before", "n")
    return page(
        request,
        "network/notifications.html",
        heading=_("Notifications"),
        lead=_(
            "Word that something changed, to partners and from them. It carries numbers only; what changed is fetched."
        ),
        tabs=tabs(request.actor, "notifications"),
        views=components.tabs(
            [
                Tab(_("Waiting"), str(plain.having(view=None)), view == ""),
                Tab(_("Set aside"), str(plain.having(view="set-aside")), view == "set-aside"),
                Tab(_("Ended"), str(plain.having(view="ended")), view == "ended"),
            ],
            label=_("Which notifications"),
        ),
        filters=components.filters(form, address, keeps=("view",)),
        table=table(
            shown.rows,
            request,
            caption=_("Notifications"),
            paging=shown.paging,
            hide_caption=True,
        ),
    )


def table(
    rows: Sequence[Notification],
    request: Request,
    *,
    caption: str,
    with_partner: bool = True,
    paging: components.Paging | None = None,
    hide_caption: bool = False,
) -> SafeString:
    """Notifications with since when, the next try, whose fault and what to do."""
    return components.table(
        caption,
        [
            Column(label=_("About")),
            Column(label=_("Direction")),
            *([Column(label=_("Partner"))] if with_partner else []),
            Column(label=_("Our institution")),
            Column(label=_("State")),
            Column(label=_("Since")),
            Column(label=_("Next try")),
            Column(label=_("Whose fault")),
            Column(label=_("What happened, and what to do")),
        ],
        [_row(one, request, with_partner=with_partner) for one in rows],
        paging=paging,
        hide_caption=hide_caption,
        empty_text=_("Nothing here."),
    )


def _row(one: Notification, request: Request, *, with_partner: bool) -> Row:
    told = explained.of_notification(one)
    word, tone = _STATES[one.state]
    blame = blame_badge(one.blame)
    partner = (
        [Cell(one.partner, href=reverse("network:partner", args=[one.partner]))]
        if with_partner
        else []
    )
    return Row(
        [
            Cell(api_word(one.api), href=reverse("network:notification", args=[one.pk])),
            direction_word(one.direction),
            *partner,
            one.hei_id,
            Cell(str(word), tone=tone),
            Cell(ago(one.first_at, request.now), nowrap=True),
            _next_try(one, request),
            Cell(blame[0], tone=blame[1]) if one.blame else "–",
            Cell(sentence(told), note=remedy(told) if one.ended_at is None else ""),
        ],
        tone="bad" if one.state == State.SET_ASIDE else None,
    )


def _next_try(one: Notification, request: Request) -> Cell:
    if one.state != State.WAITING:
        return Cell("–")
    if one.claimed_until is not None and one.claimed_until > request.now:
        return Cell(_("under way"))
    if one.due_at <= request.now:
        return Cell(_("now"))
    tried = _("tried %(count)s times") % {"count": one.attempts} if one.attempts else ""
    return Cell(ago(one.due_at, request.now), note=tried, nowrap=True)


# One -------------------------------------------------------------------------------------------


def _seen(request: Request, pk: int) -> Notification:
    if not sees_log(request.actor):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_READ))
    one = dealings.notifications_of(request.actor).filter(pk=pk).first()
    if one is None:
        raise Unknown("notification.unknown")
    return one


def _place(one: Notification, actor: Actor) -> Institution | None:
    """The institution it is about, if the actor may do something about it there."""
    return dealings.kept_places_of(actor).filter(hei_id=one.hei_id).first()


def notification(request: Request, pk: int) -> HttpResponse:
    """One notification: what it is about, how it went, and what can be done."""
    one = _seen(request, pk)
    told = explained.of_notification(one)
    place = _place(one, request.actor)
    may_act = place is not None or request.actor.is_operator
    word, tone = _STATES[one.state]
    blame = blame_badge(one.blame)
    exchanges = list(
        Exchange.objects.beside(request.actor)
        .filter(
            partner=one.partner,
            direction=Exchange.Direction.OUT,
            at__gte=one.first_at,
            notification_id=one.pk,
        )
        .select_related("institution")
        .defer("request", "answer")[:10]
    )
    under_way = one.claimed_until is not None and one.claimed_until > request.now
    return page(
        request,
        "network/notification.html",
        heading=_("%(what)s with %(partner)s")
        % {"what": api_word(one.api), "partner": one.partner},
        trail=[(_("Notifications"), reverse("network:notifications"))],
        one=one,
        sentence=sentence(told, quoting=may_act),
        remedy=remedy(told) if one.ended_at is None else "",
        state=components.badge(str(word), tone),
        blame=components.badge(*blame) if one.blame else "",
        facts=components.facts(
            [
                Fact(_("Direction"), direction_word(one.direction)),
                Fact(_("Our institution"), one.hei_id),
                Fact(_("Partner"), one.partner, reverse("network:partner", args=[one.partner])),
                Fact(_("Interface"), one.api),
                *([Fact(_("Object"), one.object_id or _("everything"))] if may_act else []),
                Fact(_("Since"), one.first_at),
                Fact(_("Last change that is in it"), one.changed_at),
                Fact(_("Changes that are in it"), one.changes),
                Fact(_("Tried"), one.attempts),
                Fact(_("Last try"), one.tried_at or _("never")),
                *(
                    [
                        Fact(_("Next try"), moment(one.due_at)),
                        Fact(_("Tried at most until"), one.expires_at),
                    ]
                    if one.state == State.WAITING
                    else []
                ),
                *([Fact(_("Ended"), one.ended_at)] if one.ended_at else []),
            ],
            wide=True,
        ),
        exchanges=log.table(
            exchanges, request, caption=_("Exchanges that belong to it"), with_partner=False
        )
        if exchanges
        else "",
        can_send=may_act and not under_way,
        can_dismiss=may_act and one.state == State.SET_ASIDE,
    )


@require_POST
def send_again(request: Request, pk: int) -> HttpResponse:
    """Tries it again now."""
    one = _seen(request, pk)
    place = _place(one, request.actor)
    outbox.send_again(
        actor=request.actor,
        notification=one,
        now=request.now,
        institution_id=place.pk if place is not None else None,
    )
    messages.success(request, _("It is tried now."))
    return HttpResponseRedirect(reverse("network:notification", args=[_open(one).pk]))


def _open(one: Notification) -> Notification:
    """The open row of the same object: what has ended is sent anew as another row."""
    alike = Notification.objects.open().filter(
        direction=one.direction,
        hei_id=one.hei_id,
        partner=one.partner,
        api=one.api,
        object_id=one.object_id,
    )
    return alike.first() or one


class Rest(forms.Form):
    """Why something may rest."""

    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=500, help_text=gettext_lazy("Kept in the journal.")
    )


def dismiss(request: Request, pk: int) -> HttpResponse:
    """Lets what was set aside rest."""
    one = _seen(request, pk)
    place = _place(one, request.actor)
    if place is None and not request.actor.is_operator:
        raise NotAllowed("not-allowed", may=str(May.INSTITUTIONS_EDIT))
    back = reverse("network:notification", args=[pk])
    form = Rest(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        outbox.dismiss(
            actor=request.actor,
            notification=one,
            reason=form.cleaned_data["reason"],
            now=request.now,
            institution_id=place.pk if place is not None else None,
        )
        messages.success(request, _("It rests. The next change of the same object is told again."))
        return HttpResponseRedirect(back)
    return page(
        request,
        "web/confirm.html",
        heading=_("Let it rest"),
        trail=[(_("Notifications"), reverse("network:notifications"))],
        sentence=_("The partner is not told of this change."),
        consequences=[_("The next change of the same object is told again.")],
        form=form,
        deed=_("Let it rest"),
        back=back,
    )

"""The log of exchanges: what partners asked us and what we asked them, and how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.ewp import dealings, explained
from vaihto.ewp.models import Exchange, ExchangeQuerySet, ListedInstitution
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Row, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, page_of
from vaihto.web.network.pages import (
    APIS,
    api_word,
    blame_badge,
    fault_words,
    moment,
    sees_log,
    sentence,
    tabs,
    took,
)

_NEWEST_FIRST: Sequence[Order] = (Order("at", descending=True),)
# So far back is looked where no index helps, unless a day is named.
_LOOKED_BACK = timedelta(days=30)
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class Filters(forms.Form):
    """What the log may be narrowed by."""

    partner = forms.CharField(label=gettext_lazy("Partner"), required=False, max_length=120)
    institution = ChoiceField(label=gettext_lazy("Our institution"), required=False)
    api = ChoiceField(label=gettext_lazy("Interface"), required=False)
    direction = ChoiceField(label=gettext_lazy("Direction"), required=False)
    outcome = ChoiceField(label=gettext_lazy("How it went"), required=False)
    status = forms.IntegerField(
        label=gettext_lazy("Status"), required=False, min_value=100, max_value=599
    )
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=_DAY)
    until = forms.DateField(label=gettext_lazy("Until"), required=False, widget=_DAY)
    request_id = forms.CharField(
        label=gettext_lazy("Request id"), required=False, max_length=100, empty_value=""
    )

    def __init__(self, data: Any, *, actor: Actor) -> None:
        super().__init__(data, auto_id="filter_%s")
        places = dealings.places_of(actor).order_by("name").values_list("hei_id", "name")[:200]
        self._choose("institution", list(places))
        named = sorted((str(word), key) for key, word in APIS.items() if key != "staff")
        self._choose("api", [(key, f"{word} ({key})") for word, key in named])
        self._choose(
            "direction",
            [("in", _("The partner asked us")), ("out", _("We asked the partner"))],
        )
        self._choose(
            "outcome",
            [
                ("good", _("It went well")),
                ("bad", _("It went wrong")),
                ("ours", _("The fault was ours")),
                ("theirs", _("The fault was the partner's")),
                ("network", _("The fault was the network's")),
            ],
        )

    def _choose(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        self.fields[name].choices = [("", _("Any")), *choices]  # type: ignore[attr-defined]


def exchanges(request: Request) -> HttpResponse:
    """The log, newest first; operators see all of it, an office that of its institution."""
    if not sees_log(request.actor):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_READ))
    form = Filters(request.GET, actor=request.actor)
    form.is_valid()
    address = Address.of(request)
    chosen = form.cleaned_data
    is_short = _is_scan(chosen)
    if is_short:
        chosen = {**chosen, "since": request.today - _LOOKED_BACK}
    shown = page_of(
        _narrowed(request.actor, chosen).defer("request", "answer"),
        _NEWEST_FIRST,
        address,
        streams=[
            part.defer("request", "answer").select_related("institution")
            for part in _streams(request.actor, chosen)
        ],
    )
    return page(
        request,
        "network/exchanges.html",
        heading=_("Exchanges"),
        lead=_(
            "Every request between partners and us, with its answer. Kept for %(days)s days; lists show no personal "
            "data, and who opens the content of one is written down."
        )
        % {"days": settings.EWP_KEEP_DAYS},
        tabs=tabs(request.actor, "exchanges"),
        filters=components.filters(
            form, address, more=("status", "since", "until", "request_id"), keeps=()
        ),
        note=components.notice(
            _(
                "Only the last %(days)s days are looked through; name a first day to look further back."
            )
            % {"days": _LOOKED_BACK.days},
            tone="plain",
        )
        if is_short
        else "",
        table=table(
            shown.rows, request, caption=_("Exchanges"), paging=shown.paging, hide_caption=True
        ),
    )


def _is_scan(chosen: dict[str, Any]) -> bool:
    """Would rare rows be looked for among all that are kept?"""
    is_rare = chosen.get("api") or chosen.get("status")
    helps = ("partner", "request_id", "since")
    is_found = any(chosen.get(name) for name in helps) or chosen.get("outcome") not in {"", "good"}
    return bool(is_rare) and not is_found


def _narrowed(actor: Actor, chosen: dict[str, Any]) -> ExchangeQuerySet:
    finds = ("partner", "request_id")
    is_found = any(chosen.get(name) for name in finds) or chosen.get("outcome") not in {"", "good"}
    everything: ExchangeQuerySet = Exchange.objects.all()
    found = everything.beside(actor) if is_found else everything.listed_to(actor)
    if partner := " ".join((chosen.get("partner") or "").lower().split()):
        found = found.filter(partner__in=_partners_named(partner))
    for name, column in (
        ("api", "api"),
        ("direction", "direction"),
        ("status", "status"),
        ("request_id", "request_id"),
    ):
        if chosen.get(name):
            found = found.filter(**{column: chosen[name]})
    if chosen.get("institution"):
        found = found.filter(institution__hei_id=chosen["institution"])
    outcome = chosen.get("outcome")
    if outcome == "good":
        found = found.filter(blame="")
    elif outcome == "bad":
        found = found.filter(~Q(blame=""))
    elif outcome:
        # Said twice, so that the database uses its index of what went wrong.
        found = found.filter(~Q(blame=""), blame=outcome)
    if chosen.get("since"):
        found = found.filter(at__gte=_midnight(chosen["since"]))
    if chosen.get("until"):
        found = found.filter(at__lt=_midnight(chosen["until"]) + timedelta(days=1))
    return found


def _partners_named(text: str) -> list[str]:
    """The ids of partners that the text names, at most a hundred; the text itself where none is known."""
    known = Institution.objects.filter(Q(name__icontains=text) | Q(hei_id__contains=text))
    listed = ListedInstitution.objects.filter(
        catalogue__url=settings.CATALOGUE_URL, search__contains=text
    )
    found = {text}
    for rows in (known.order_by(), listed.order_by()):
        found.update(rows.values_list("hei_id", flat=True)[:100])
    return sorted(found)


def _streams(actor: Actor, chosen: dict[str, Any]) -> list[ExchangeQuerySet]:
    """Parts of which each is read in the order of time by an index: of one partner each direction."""
    found = _narrowed(actor, chosen)
    if chosen.get("partner") and not chosen.get("direction"):
        return [found.filter(direction=direction) for direction in Exchange.Direction.values]
    return [found]


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def table(
    rows: Sequence[Exchange],
    request: Request,
    *,
    caption: str,
    with_partner: bool = True,
    paging: components.Paging | None = None,
    hide_caption: bool = False,
) -> SafeString:
    """Exchanges without any of their content; each leads to its page."""
    return components.table(
        caption,
        [
            Column(label=_("When")),
            Column(label=_("Who asked")),
            *([Column(label=_("Partner"))] if with_partner else []),
            Column(label=_("Our institution")),
            Column(label=_("Interface")),
            Column(label=_("How it went")),
            Column(label=_("Status"), numeric=True),
            Column(label=_("Took"), numeric=True),
        ],
        [_row(one, with_partner=with_partner) for one in rows],
        paging=paging,
        hide_caption=hide_caption,
        empty_text=_("No exchange fits."),
    )


def outcome_of(one: Exchange) -> tuple[str, Tone]:
    """How it went in one or two words."""
    if not one.blame:
        return _("went well"), "good"
    return _("failed: %(fault)s") % {"fault": fault_words(one.blame)}, blame_badge(one.blame)[1]


def _row(one: Exchange, *, with_partner: bool) -> Row:
    told, tone = outcome_of(one)
    note = sentence(explained.of_exchange(one)) if one.blame else ""
    partner = (
        [Cell(one.partner, href=_partner_href(one.partner)) if one.partner else Cell(_("unknown"))]
        if with_partner
        else []
    )
    return Row(
        [
            Cell(
                moment(one.at),
                href=reverse("network:exchange", args=[one.pk]),
                nowrap=True,
            ),
            _("the partner") if one.direction == Exchange.Direction.IN else _("we"),
            *partner,
            one.institution.name if one.institution is not None else "",
            Cell(api_word(one.api) if one.api else "–", note=one.endpoint),
            Cell(components.badge(told, tone), note=note),
            "–" if one.status is None else str(one.status),
            took(one.took_ms),
        ],
        tone="bad" if one.blame else None,
    )


def _partner_href(hei_id: str) -> str:
    return reverse("network:partner", args=[hei_id])

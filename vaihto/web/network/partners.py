"""The partners: those we know first, then everybody in the network, with what goes on between us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.ewp import dealings, registry
from vaihto.ewp.dealings import Contact, Dealings
from vaihto.ewp.models import HostApi, ListedInstitution
from vaihto.ewp.refreshing import erasmus_code
from vaihto.institutions.models import Institution, Membership
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Row
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, page_of
from vaihto.web.network.pages import APIS, ago, api_word, require_works, tabs
from vaihto.web.wording import label

KNOWN_AT_ONCE = 25
# What is told of an institution in one line: the interfaces that carry something, not the word that it changed.
_TOLD = (
    "institutions", "factsheet", "courses", "iias", "omobilities", "omobility-las", "imobilities", "imobility-tors",
)  # fmt: skip


class Filters(forms.Form):
    """What the partners may be narrowed by."""

    q = forms.CharField(
        label=gettext_lazy("Name, Erasmus code or identifier"), required=False, max_length=100
    )
    api = ChoiceField(label=gettext_lazy("Offers"), required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="filter_%s")
        named = sorted((str(word), key) for key, word in APIS.items() if key != "staff")
        self.fields["api"].choices = [  # type: ignore[attr-defined]
            ("", _("Anything")),
            *((key, f"{word} ({key})") for word, key in named),
        ]


def partners(request: Request) -> HttpResponse:
    """The list, searchable; the first page begins with those we know."""
    require_works(request.actor)
    form = Filters(request.GET)
    form.is_valid()
    text = " ".join((form.cleaned_data.get("q") or "").split())
    api = form.cleaned_data.get("api") or ""
    address = Address.of(request)
    is_known_only = address.get("which") == "known"
    known = _known(text, api, request)
    first = is_known_only or not (address.get("after") or address.get("before"))
    return page(
        request,
        "network/partners.html",
        heading=_("Partners in the network"),
        lead=_("Who can be reached over Erasmus Without Paper, and how it goes."),
        tabs=tabs(request.actor, "partners"),
        filters=components.filters(form, address, keeps=("which",)),
        catalogue=_catalogue_note(request),
        known=_known_table(known, request, address, everything=is_known_only) if first else "",
        listed="" if is_known_only else _listed_table(text, api, request, address),
    )


def _known(text: str, api: str, request: Request) -> QuerySet[Institution]:
    found = Institution.objects.visible_to(request.actor)
    if text:
        found = found.filter(
            Q(name__icontains=text)
            | Q(names__icontains=text)
            | Q(hei_id__icontains=text)
            | Q(erasmus_code__icontains=erasmus_code(text))
            | Q(hei_id__in=_listed(text).order_by().values("hei_id"))
        )
    if api:
        found = found.filter(hei_id__in=_offering(api))
    return found


def _listed(text: str) -> QuerySet[ListedInstitution]:
    found = ListedInstitution.objects.filter(catalogue__url=settings.CATALOGUE_URL)
    return found.filter(search__contains=text.lower()) if text else found


def _offering(api: str) -> QuerySet[HostApi, Any]:
    rows = HostApi.objects.filter(element=api, host__catalogue__url=settings.CATALOGUE_URL)
    return rows.order_by().values("hei_id")


def _catalogue_note(request: Request) -> SafeString | str:
    copy = registry.overview(now=request.now)
    if copy.state is registry.State.UNSET:
        return components.notice(
            _("No catalogue is set, so this installation is in no network yet."), tone="warn"
        )
    if copy.state is registry.State.NEVER:
        return components.notice(_("The catalogue has not been fetched yet."), tone="warn")
    if copy.state is registry.State.TOO_OLD:
        return components.notice(
            _("The catalogue was last confirmed %(ago)s and is not trusted any more.")
            % {"ago": ago(copy.confirmed_at, request.now)},
            tone="bad",
        )
    return ""


def _columns() -> list[Column]:
    return [
        Column(label=_("Institution")),
        Column(label=_("Relation")),
        Column(label=_("Offers")),
        Column(label=_("We asked")),
        Column(label=_("It asked us")),
        Column(label=_("Waiting"), numeric=True),
        Column(label=_("Set aside"), numeric=True),
    ]


def _known_table(
    found: QuerySet[Institution], request: Request, address: Address, *, everything: bool
) -> SafeString:
    membership = Membership.objects.filter(
        Q(until__isnull=True) | Q(until__gte=request.today),
        institution=OuterRef("pk"),
        since__lte=request.today,
    )
    ranked = found.annotate(
        rank=Case(
            When(Exists(membership.filter(kind=Membership.Kind.MEMBER)), then=Value(0)),
            When(Exists(membership), then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        )
    ).order_by("rank", "name", "pk")
    paging = None
    if everything:
        shown = page_of(found, (Order("name"),), address)
        rows, paging = shown.rows, shown.paging
        more = False
    else:
        rows = list(ranked[: KNOWN_AT_ONCE + 1])
        more = len(rows) > KNOWN_AT_ONCE
        rows = rows[:KNOWN_AT_ONCE]
    if not everything:
        rows.sort(key=lambda one: (getattr(one, "rank", 0), _name(one).casefold()))
    kinds = _relations([one.pk for one in rows], request)
    told = [
        (
            one.hei_id,
            _name(one),
            one.erasmus_code,
            kinds.get(one.pk) or (_("hosted here") if one.hosted else _("known here")),
        )
        for one in rows
    ]
    table = components.table(
        _("Members and other institutions that we know"),
        _columns(),
        _rows(told, request),
        paging=paging,
        empty_text=_("None of the institutions that we know fits."),
    )
    link = (
        components.notice(
            _("These are the first %(count)s.") % {"count": KNOWN_AT_ONCE},
            tone="plain",
            links=[(_("Show all that we know"), str(address.having(which="known")))],
        )
        if more
        else SafeString("")
    )
    return table + link


def _name(one: Institution) -> str:
    return one.names.get(get_language() or "en") or one.name


def _relations(pks: Sequence[int], request: Request) -> dict[int, str]:
    rows = (
        Membership.objects.filter(
            Q(until__isnull=True) | Q(until__gte=request.today),
            institution__in=pks,
            since__lte=request.today,
        )
        .select_related("alliance")
        .order_by("-kind", "alliance__name")
    )
    return {row.institution_id: label(Membership.Kind, row.kind) for row in rows}


def _listed_table(text: str, api: str, request: Request, address: Address) -> SafeString:
    found = _listed(text).exclude(hei_id__in=Institution.objects.order_by().values("hei_id"))
    if api:
        found = found.filter(hei_id__in=_offering(api))
    shown = page_of(found, (Order("hei_id"),), address, counted_to=10_000)
    told = [(one.hei_id, name_of(one), one.erasmus_code, "") for one in shown.rows]
    return components.table(
        _("Everybody else in the network"),
        _columns(),
        _rows(told, request),
        paging=shown.paging,
        empty_text=_("Nobody else in the catalogue fits."),
    )


def name_of(listed: ListedInstitution) -> str:
    """The name in the reader's language, else in English, else the first that is said, else the id."""
    names = dict(reversed(listed.names))
    wanted = (get_language() or "en")[:2]
    return names.get(wanted) or names.get("en") or next(iter(names.values()), listed.hei_id)


def _rows(told: Sequence[tuple[str, str, str, str]], request: Request) -> list[Row]:
    """Rows of hei_id, name, Erasmus code and relation; the rest in a constant number of queries."""
    hei_ids = [hei_id for hei_id, *_rest in told]
    found = dealings.of(hei_ids, actor=request.actor)
    offered = _offered(hei_ids)
    return [
        Row(
            [
                Cell(
                    name,
                    href=reverse("network:partner", args=[hei_id]),
                    note=" · ".join(part for part in (hei_id, code) if part),
                ),
                relation,
                Cell(offered.get(hei_id) or _("nothing in the catalogue")),
                contact_cell(found[hei_id].we_asked, request),
                contact_cell(found[hei_id].asked_us, request),
                _waiting(found[hei_id], request),
                Cell(str(found[hei_id].set_aside), tone="bad") if found[hei_id].set_aside else "–",
            ],
            tone="bad" if found[hei_id].is_failing else None,
        )
        for hei_id, name, code, relation in told
    ]


def _offered(hei_ids: Sequence[str]) -> dict[str, str]:
    """Institution -> its main interfaces with the newest version of each. One query."""
    rows = HostApi.objects.filter(
        hei_id__in=hei_ids, element__in=_TOLD, host__catalogue__url=settings.CATALOGUE_URL
    ).values_list("hei_id", "element", "version")
    newest: dict[str, dict[str, tuple[tuple[int, ...], str]]] = {}
    for hei_id, element, version in rows:
        known = newest.setdefault(hei_id, {})
        told = (registry.version_of(version), version)
        known[element] = max(known.get(element, told), told)
    return {
        hei_id: ", ".join(
            f"{api_word(element)} {known[element][1]}".rstrip()
            for element in _TOLD
            if element in known
        )
        for hei_id, known in newest.items()
    }


def contact_cell(contact: Contact | None, request: Request) -> Cell:
    """When, and whether it went well; the word leads to the exchange."""
    if contact is None:
        return Cell("–")
    href = reverse("network:exchange", args=[contact.exchange_id])
    note = "" if contact.is_good else _("failed")
    return Cell(ago(contact.at, request.now), href=href, note=note, nowrap=True)


def _waiting(one: Dealings, request: Request) -> Cell:
    if not one.waiting:
        return Cell("–")
    since = ago(one.waiting_since, request.now)
    return Cell(components.number(one.waiting), note=_("the oldest came %(ago)s") % {"ago": since})

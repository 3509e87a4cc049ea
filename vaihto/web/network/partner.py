"""One partner: how it goes, what waits, what it offers, what it tells about itself, and a ticket when it goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.ewp import dealings, examining, explained, partners, registry
from vaihto.ewp.dealings import Contact, Dealings, Trouble
from vaihto.ewp.models import Exchange, ListedInstitution
from vaihto.ewp.registry import Entry
from vaihto.institutions.models import Institution
from vaihto.jobs import outbox
from vaihto.jobs.models import Notification, Work
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed, Unknown
from vaihto.web import components
from vaihto.web.components import Cell, Column, Fact, Figure, Row, Tab
from vaihto.web.frame import Request, page
from vaihto.web.network import log, telling, waits
from vaihto.web.network.pages import (
    ago,
    api_word,
    blame_badge,
    code_lines,
    keeps,
    remedy,
    require_works,
    sees_log,
    sentence,
)
from vaihto.web.network.partners import name_of
from vaihto.web.work import progress_of, shows

_EXCHANGES = 10
_NOTIFICATIONS = 25
_SENT_AT_ONCE = 200


@dataclass(frozen=True)
class Partner:
    """An institution as we know it, as the catalogue does, or both; `entries` are its APIs."""

    hei_id: str
    known: Institution | None
    listed: ListedInstitution | None
    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        """In the reader's language where we know it."""
        if self.known is not None:
            return self.known.names.get(get_language() or "en") or self.known.name
        return name_of(self.listed) if self.listed is not None else self.hei_id

    @property
    def emails(self) -> tuple[str, ...]:
        """Where its technical contact is reached, as the catalogue says."""
        return tuple(dict.fromkeys(email for entry in self.entries for email in entry.emails))


def seen(request: Request, hei_id: str) -> Partner:
    """The partner of that id, or the answer that there is none."""
    require_works(request.actor)
    known = Institution.objects.visible_to(request.actor).filter(hei_id=hei_id).first()
    listed = registry.listed(hei_id)
    entries = tuple(registry.apis_of(hei_id))
    if known is None and listed is None and not entries:
        raise Unknown("partner.unknown")
    return Partner(hei_id, known, listed, entries)


def frame(request: Request, one: Partner, current: str) -> dict[str, Any]:
    """Heading, trail and tabs of every page about the partner."""
    views = [
        ("partner", _("How it goes"), None, True),
        ("partner-apis", _("What it offers"), len(one.entries), True),
        ("partner-told", _("What it tells"), None, True),
        ("partner-examination", _("Test"), None, True),
        ("trials", _("Tests of agreements"), None, sees_log(request.actor)),
        ("partner-ticket", _("Ticket"), None, sees_log(request.actor)),
    ]
    code = one.known.erasmus_code if one.known else one.listed.erasmus_code if one.listed else ""
    return {
        "heading": one.name,
        "lead": " · ".join(part for part in (one.hei_id, code) if part),
        "trail": [(_("Partners in the network"), reverse("network:partners"))],
        "tabs": components.tabs(
            [
                Tab(word, _at(name, one), name == current, count)
                for name, word, count, is_seen in views
                if is_seen
            ],
            label=_("Pages about the partner"),
        ),
        "partner": one,
    }


def _at(name: str, one: Partner) -> str:
    return reverse(f"network:{name}", args=[one.hei_id])


# How it goes -----------------------------------------------------------------------------------


def partner(request: Request, hei_id: str) -> HttpResponse:
    """Last contacts, what fails and why, what waits, and the newest exchanges."""
    one = seen(request, hei_id)
    actor = request.actor
    how = dealings.of([hei_id], actor=actor)[hei_id]
    troubles = dealings.failing(actor=actor, now=request.now, partner=hei_id)
    waiting = list(
        dealings.notifications_of(actor)
        .open()
        .filter(partner=hei_id)
        .order_by("-state", "due_at", "pk")[: _NOTIFICATIONS + 1]
    )
    exchanges = _newest(hei_id, actor)
    return page(
        request,
        "network/partner.html",
        **frame(request, one, "partner"),
        is_listed=bool(one.entries),
        cards=components.cards(_figures(how, request), label=_("How it goes")),
        troubles=[_trouble(each, request) for each in troubles[:5]],
        ticket=_at("partner-ticket", one) if troubles else "",
        waiting=waits.table(
            waiting[:_NOTIFICATIONS],
            request,
            caption=_("What waits between us"),
            with_partner=False,
        )
        if waiting
        else "",
        all_waiting=f"{reverse('network:notifications')}?partner={hei_id}"
        if len(waiting) > _NOTIFICATIONS
        else "",
        can_send=bool(waiting) and keeps(actor),
        exchanges=log.table(
            exchanges, request, caption=_("The newest exchanges"), with_partner=False
        )
        if exchanges
        else "",
        all_exchanges=f"{reverse('network:exchanges')}?partner={hei_id}",
        about=_about(one),
    )


def _newest(hei_id: str, actor: Actor) -> list[Exchange]:
    """The newest exchanges; each direction is read in the order of its index."""
    found = [
        one
        for direction in Exchange.Direction.values
        for one in Exchange.objects.beside(actor)
        .filter(partner=hei_id, direction=direction)
        .select_related("institution")
        .defer("request", "answer")
        .order_by("-at", "-pk")[:_EXCHANGES]
    ]
    return sorted(found, key=lambda one: (one.at, one.pk), reverse=True)[:_EXCHANGES]


def _figures(how: Dealings, request: Request) -> list[Figure]:
    return [
        _contact(_("We asked it last"), how.we_asked, request),
        _contact(_("It asked us last"), how.asked_us, request),
        Figure(
            label=_("Waiting"),
            value=how.waiting,
            note=_("the oldest came %(ago)s") % {"ago": ago(how.waiting_since, request.now)}
            if how.waiting
            else "",
            tone="info" if how.waiting else "plain",
        ),
        Figure(
            label=_("Set aside"),
            value=how.set_aside,
            note=_("repeating does not help here") if how.set_aside else "",
            tone="bad" if how.set_aside else "plain",
        ),
    ]


def _contact(words: str, contact: Contact | None, request: Request) -> Figure:
    if contact is None:
        return Figure(label=words, value=_("never"))
    went = _("went well") if contact.is_good else _("failed")
    return Figure(
        label=words,
        value=ago(contact.at, request.now),
        note=f"{api_word(contact.api)}: {went}",
        href=reverse("network:exchange", args=[contact.exchange_id]),
        tone="plain" if contact.is_good else "bad",
    )


def _trouble(found: Trouble, request: Request) -> dict[str, Any]:
    told = explained.of_exchange(found.newest)
    word, tone = blame_badge(told.blame)
    times = found.history.times
    return {
        "title": api_word(found.newest.api),
        "sentence": sentence(told),
        "remedy": remedy(told),
        "blame": components.badge(word, tone),
        "when": ngettext("once, %(ago)s", "%(count)s times, last %(ago)s", times)
        % {"count": times, "ago": ago(found.newest.at, request.now)},
        "href": reverse("network:exchange", args=[found.newest.pk]),
    }


def _about(one: Partner) -> SafeString:
    names = list(one.listed.names) if one.listed is not None else []
    ids = list(one.listed.other_ids) if one.listed is not None else []
    providers = dict.fromkeys(entry.provider for entry in one.entries)
    return components.facts(
        [
            Fact(_("Identifier"), one.hei_id),
            Fact(_("Names in the catalogue"), [name for _language, name in names]),
            Fact(_("Other identifiers"), [f"{kind} {value}" for kind, value in ids]),
            Fact(_("Provided by"), [each for each in providers if each]),
            Fact(
                _("Technical contact"),
                ", ".join(one.emails),
                hint=_("as the catalogue names it"),
            ),
            *(
                [
                    Fact(
                        _("Our own record"),
                        one.known.name,
                        reverse("office:institution", args=[one.known.pk]),
                    )
                ]
                if one.known is not None
                else []
            ),
        ],
        wide=True,
    )


# What it offers --------------------------------------------------------------------------------


def apis(request: Request, hei_id: str) -> HttpResponse:
    """The entries of the catalogue, host by host."""
    one = seen(request, hei_id)
    hosts: dict[int, list[Entry]] = {}
    for entry in one.entries:
        hosts.setdefault(entry.host_id, []).append(entry)
    copy = registry.overview(now=request.now)
    return page(
        request,
        "network/apis.html",
        **frame(request, one, "partner-apis"),
        age=_("As the catalogue said %(ago)s.") % {"ago": ago(copy.confirmed_at, request.now)}
        if copy.confirmed_at
        else "",
        hosts=[_host(entries) for entries in hosts.values()],
    )


def _host(entries: Sequence[Entry]) -> dict[str, Any]:
    emails = dict.fromkeys(email for entry in entries for email in entry.emails)
    return {
        "title": entries[0].provider or _("A host without a name"),
        "emails": ", ".join(emails),
        "table": components.table(
            entries[0].provider or _("A host without a name"),
            [
                Column(label=_("Interface")),
                Column(label=_("Version")),
                Column(label=_("How it is called")),
                Column(label=_("Limits")),
                Column(label=_("Addresses")),
            ],
            [_entry(entry) for entry in entries],
            hide_caption=True,
        ),
    }


def _entry(entry: Entry) -> Row:
    word = api_word(entry.element)
    limits = [f"{name} {number}" for name, number in entry.limits.items()]
    flags = [f"{name} {text}".strip() for name, text in entry.flags.items()]
    return Row(
        [
            Cell(word, note=entry.element if word != entry.element else ""),
            Cell(entry.stated_version or _("not said"), nowrap=True),
            _security(entry),
            ", ".join((*limits, *flags)) or "–",
            Cell(_addresses(entry)),
        ]
    )


def _addresses(entry: Entry) -> SafeString:
    return code_lines([f"{name}: {url}" for name, url in entry.urls.items()] or [_("none")])


def _security(entry: Entry) -> Cell:
    note = (
        _("answers are signed") if "httpsig" in entry.server_auth else _("answers are not signed")
    )
    if entry.element == "discovery":
        return Cell(_("read by everybody"))
    if "httpsig" in entry.client_auth:
        return Cell(_("signed"), note=note)
    if "anonymous" in entry.client_auth:
        return Cell(_("without a signature"), note=note)
    methods = ", ".join(entry.client_auth) or _("nothing that is said")
    return Cell(_("cannot be called"), tone="warn", note=methods)


# What it tells ---------------------------------------------------------------------------------


def told(request: Request, hei_id: str) -> HttpResponse:
    """What the partner publishes about itself, as last fetched, with its age."""
    one = seen(request, hei_id)
    offered = {entry.element for entry in one.entries}
    copies = partners.partner_copies(hei_id)
    return page(
        request,
        "network/told.html",
        **frame(request, one, "partner-told"),
        sections=[
            telling.section(api.element, copies.get(api.element), offered, request, hei_id)
            for api in partners.APIS
        ],
        can_fetch=_may_fetch(request.actor) and bool(offered & {a.element for a in partners.APIS}),
    )


def _may_fetch(actor: Actor) -> bool:
    return actor.is_operator or any(
        actor.has(may) for may in (May.INSTITUTIONS_EDIT, May.MOBILITIES_EDIT, May.ALLIANCE_EDIT)
    )


@require_POST
def fetch(request: Request, hei_id: str) -> HttpResponse:
    """Has the partner asked now for what it publishes."""
    seen(request, hei_id)
    work = partners.ask_for_refresh(actor=request.actor, hei_id=hei_id)
    return HttpResponseRedirect(reverse("web:work", args=[work.pk]))


# Test ------------------------------------------------------------------------------------------


def examination(request: Request, hei_id: str) -> HttpResponse:
    """What the last test of the partner found, in words; and a button for another."""
    one = seen(request, hei_id)
    running = examining.under_way(hei_id)
    found = examining.last(hei_id)
    return page(
        request,
        "network/examination.html",
        **frame(request, one, "partner-examination"),
        action=_at("partner-examine", one),
        can_examine=keeps(request.actor) and running is None and bool(settings.CATALOGUE_URL),
        bar=components.progress(progress_of(running)) if running is not None else "",
        refresh=4 if running is not None else None,
        what=_(
            "Every entry of the catalogue is looked at, the partner is asked for an echo and for what it publishes, "
            "and the certificates of its servers are read. Nothing is changed there."
        ),
        findings=telling.findings(found, request) if found is not None else "",
        when=_("Tested %(ago)s.") % {"ago": ago(found.at, request.now)} if found else "",
    )


@require_POST
def examine(request: Request, hei_id: str) -> HttpResponse:
    """Starts a test of the partner."""
    seen(request, hei_id)
    if not keeps(request.actor):
        raise NotAllowed("not-allowed", may=str(May.INSTITUTIONS_EDIT))
    work = examining.ask(actor=request.actor, partner=hei_id)
    return HttpResponseRedirect(reverse("web:work", args=[work.pk]))


# Try now ---------------------------------------------------------------------------------------


@require_POST
def send_again(request: Request, hei_id: str) -> HttpResponse:
    """Everything that waits between us and the partner is tried now."""
    seen(request, hei_id)
    if not keeps(request.actor):
        raise NotAllowed("not-allowed", may=str(May.INSTITUTIONS_EDIT))
    places = dict(dealings.kept_places_of(request.actor).order_by().values_list("hei_id", "pk"))
    rows = (
        dealings.kept_notifications_of(request.actor)
        .filter(partner=hei_id, state=Notification.State.WAITING)
        .order_by("due_at", "pk")[:_SENT_AT_ONCE]
    )
    tried = 0
    for row in rows:
        try:
            outbox.send_again(
                actor=request.actor,
                notification=row,
                now=request.now,
                institution_id=places.get(row.hei_id),
            )
        except outbox.NotOpen:
            continue  # it is on its way this very moment
        tried += 1
    messages.success(
        request,
        ngettext("%(count)s is tried now.", "%(count)s are tried now.", tried) % {"count": tried},
    )
    return HttpResponseRedirect(reverse("network:partner", args=[hei_id]))


# Ticket ----------------------------------------------------------------------------------------


def ticket(request: Request, hei_id: str) -> HttpResponse:
    """A text for the partner's technical contact about all that goes wrong between us."""
    one = seen(request, hei_id)
    if not sees_log(request.actor):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_READ))
    found = dealings.ticket_of(hei_id, actor=request.actor, now=request.now)
    return page(
        request,
        "network/ticket.html",
        **frame(request, one, "partner-ticket"),
        ticket=found,
        lines=len(found.text.splitlines()) + 1 if found is not None else 0,
        emails=", ".join(one.emails),
    )


# Work ------------------------------------------------------------------------------------------


def _told_of(work: Work) -> tuple[str, str] | None:
    if not work.subject_id:
        return None
    return _("Show what it tells"), reverse("network:partner-told", args=[work.subject_id])


def _examined(work: Work) -> tuple[str, str] | None:
    if work.subject_id:
        href = reverse("network:partner-examination", args=[work.subject_id])
        return _("Show what was found"), href
    return _("Show what was found"), reverse("network:node")


shows(
    "ewp.partner",
    title=lambda work: _("Asking %(partner)s for what it publishes") % {"partner": work.subject_id},
    result=_told_of,
)
shows(
    examining.KIND,
    title=lambda work: (
        _("Testing %(partner)s") % {"partner": work.subject_id}
        if work.subject_id
        else _("Examining our own node")
    ),
    result=_examined,
)
shows(
    "ewp.partners",
    title=lambda _work: _("Asking partners for what they publish"),
    result=lambda _work: (_("Partners in the network"), reverse("network:partners")),
)

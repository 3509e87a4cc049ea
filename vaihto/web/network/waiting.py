"""What of the network waits for operators and agreement managers, on the page "your turn"."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from vaihto.ewp import dealings, examining, explained, outcomes, registry, standing
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor
from vaihto.web.network.node import catalogue_words, purpose_word
from vaihto.web.network.pages import api_word, fault_words, keeps, sentence
from vaihto.web.turn import LIMIT, Queue, Waiting, source

_CERTIFICATE_WITHIN = timedelta(days=21)
_EXAMINED_WITHIN = timedelta(days=60)


@source
def set_aside(actor: Actor, _today: date) -> Queue | None:
    """Notifications that repeating does not help."""
    if not keeps(actor):
        return None
    found = dealings.kept_notifications_of(actor).filter(state=Notification.State.SET_ASIDE)
    total = found.count()
    if not total:
        return None
    lines = [
        Waiting(
            title=_("%(what)s with %(partner)s")
            % {"what": api_word(row.api), "partner": row.partner},
            about=sentence(explained.of_notification(row)),
            href=reverse("network:notification", args=[row.pk]),
            since=timezone.localdate(row.tried_at or row.first_at),
            tone="bad",
            deed=_("Decide"),
        )
        for row in found.order_by("tried_at", "pk")[:LIMIT]
    ]
    return Queue(
        key="set-aside",
        title=_("Notifications set aside"),
        why=_("Repeating does not help: mend the cause and send them again, or let them rest."),
        lines=lines,
        total=total,
        all_href=f"{reverse('network:notifications')}?view=set-aside",
        tone="bad",
    )


@source
def failing_partners(actor: Actor, _today: date) -> Queue | None:
    """Partners whom we have not reached with something for a while."""
    if not keeps(actor):
        return None
    troubles: dict[str, dealings.Trouble] = {}
    for one in dealings.failing(actor=actor, now=timezone.now()):
        troubles.setdefault(one.newest.partner, one)
    if not troubles:
        return None
    names = _names(troubles)
    lines = [
        Waiting(
            title=names.get(hei_id, hei_id),
            about=_("%(what)s, %(fault)s: %(why)s")
            % {
                "what": api_word(one.newest.api),
                "fault": fault_words(one.newest.blame),
                "why": sentence(explained.of_exchange(one.newest)),
            },
            href=reverse("network:partner", args=[hei_id]),
            since=timezone.localdate(one.history.since or one.newest.at),
            tone="warn",
            deed=_("Look"),
        )
        for hei_id, one in list(troubles.items())[:LIMIT]
    ]
    return Queue(
        key="failing-partners",
        title=_("Partners with whom something fails"),
        why=_("It is tried again by itself where that can help; a text for a ticket is ready."),
        lines=lines,
        total=len(troubles),
        all_href=f"{reverse('network:exchanges')}?outcome=bad&direction=out",
        tone="warn",
    )


def _names(hei_ids: Iterable[str]) -> dict[str, str]:
    rows = Institution.objects.filter(hei_id__in=list(hei_ids)[:LIMIT])
    return dict(rows.values_list("hei_id", "name"))


@source
def own_node(actor: Actor, _today: date) -> Queue | None:
    """What an operator has to do about our own node: catalogue, keys, certificates."""
    if not actor.is_operator:
        return None
    lines = [*_catalogue(), *_keys(), *_certificates()]
    if not lines:
        return None
    return Queue(
        key="own-node",
        title=_("Our own node"),
        why=_(
            "What partners rely on: a fresh catalogue, keys that are listed, certificates that hold."
        ),
        lines=lines[:LIMIT],
        total=len(lines),
        all_href=reverse("network:node"),
        tone="warn",
    )


def _catalogue() -> list[Waiting]:
    copy = registry.overview(now=timezone.now())
    if copy.state in {registry.State.UNSET, registry.State.FRESH}:
        return []
    why = ""
    if copy.failure in outcomes.TABLE:
        why = outcomes.filled(_(outcomes.TABLE[copy.failure].sentence), copy.failure_facts)
    word, tone = catalogue_words(copy)
    return [
        Waiting(
            title=_("The catalogue is %(how)s") % {"how": word},
            about=why,
            href=reverse("network:node"),
            since=timezone.localdate(copy.confirmed_at) if copy.confirmed_at else None,
            tone=tone,
            deed=_("Look"),
        )
    ]


def _keys() -> list[Waiting]:
    now = timezone.now()
    return [
        Waiting(
            title=_("A key that signs %(what)s is not in the catalogue")
            % {"what": purpose_word(one.key.purpose)},
            about=_("of %(owner)s, %(key)s…")
            % {
                "owner": one.key.institution.name
                if one.key.institution is not None
                else _("all institutions here"),
                "key": one.key.fingerprint[:16],
            },
            href=reverse("network:node"),
            since=timezone.localdate(one.key.created_at),
            until=timezone.localdate(one.key.signs_from)
            if one.state is standing.State.COMING
            else None,
            tone="bad",
            deed=_("Look"),
        )
        for one in standing.keys_of_node(now=now)
        if one.is_late(now)
    ]


def _certificates() -> list[Waiting]:
    now = timezone.now()
    seen = examining.certificates(examining.recent(since=now - _EXAMINED_WITHIN))
    return [
        Waiting(
            title=_("The TLS certificate of %(host)s expires")
            % {"host": one.host or _("our public address")},
            about=one.partner,
            href=reverse("network:partner-examination", args=[one.partner])
            if one.partner
            else reverse("network:node"),
            since=timezone.localdate(one.seen_at),
            until=timezone.localdate(one.until),
            tone="bad" if not one.partner else "warn",
            deed=_("Look"),
        )
        for one in seen
        if one.until <= now + _CERTIFICATE_WITHIN
    ]

"""Which channel reaches this partner for this process now, and what each channel must be able to do.

The order of the answer: both here → here; what the office chose; EWP where the partner's entries allow it; a link.
A change of channel touches no agreement: copies, approvals and proofs stay, and the next word goes the new way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.db import transaction

from vaihto.agreements import actions
from vaihto.agreements.models import Agreement
from vaihto.agreements.serving import APPROVAL_CHANGED, COPY_CHANGED, standing
from vaihto.agreements.standing import Turn
from vaihto.channels.models import Channel, ChosenChannel, GuestLink, Process
from vaihto.institutions.models import Institution
from vaihto.jobs.announcements import on
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Refusal
from vaihto.wording import mark as _


@dataclass(frozen=True)
class Look:
    """What came of a fresh look at the partner's side; `code` and `facts` say why it failed."""

    fresh: bool
    code: str = "ok"
    facts: dict[str, str] = field(default_factory=dict)


class AgreementChannel(Protocol):
    """How agreements travel. The first two run in the transaction of the change and must only write rows."""

    def copy_changed(self, agreement: Agreement) -> None:
        """The partner shall learn that our copy changed."""

    def approval_changed(self, agreement: Agreement) -> None:
        """The partner shall learn that our approval of its copy changed."""

    def look(self, agreement: Agreement, *, actor: Actor, now: datetime) -> Look:
        """Brings the partner's copy and approval up to date, where the channel can; outside any transaction."""


class Unreachable(Refusal):
    """The chosen channel cannot be used with this partner."""

    sentence = _("%(partner)s cannot be reached over this channel.")
    remedy = _("Choose another channel for this partner.")


class NothingToRemind(Refusal):
    """The partner has nothing to do at the moment."""

    sentence = _("%(partner)s has nothing to do here, so it cannot be reminded.")


_CHANNELS: dict[Channel, AgreementChannel] = {}
_REACHES: dict[Channel, Callable[[Institution, Institution], bool]] = {}


def carries_agreements(
    channel: Channel,
    adapter: AgreementChannel,
    *,
    reaches: Callable[[Institution, Institution], bool],
) -> None:
    """Registers how a channel carries agreements, and whom it reaches: `reaches(ours, partner)`."""
    _CHANNELS[channel] = adapter
    _REACHES[channel] = reaches


def possible(institution: Institution, partner: Institution) -> list[Channel]:
    """Every channel that could reach the partner for agreements, the best first."""
    order = (Channel.HERE, Channel.EWP, Channel.GUEST, Channel.FILE)
    return [one for one in order if one in _REACHES and _REACHES[one](institution, partner)]


def channel_of(institution: Institution, partner: Institution) -> Channel:
    """The channel for agreements with this partner now."""
    return channels_of(institution, [partner])[partner.pk]


def channels_of(institution: Institution, partners: Collection[Institution]) -> dict[int, Channel]:
    """The same for many partners at once, by their keys."""
    rows = ChosenChannel.objects.filter(institution=institution, process=Process.AGREEMENTS)
    if len(partners) <= _ASKED_ONE_BY_ONE:
        rows = rows.filter(partner__in=[partner.pk for partner in partners])
    # The newest counts, so it is read last.
    chosen = dict(rows.reverse().values_list("partner_id", "channel"))
    return {one.pk: _best(possible(institution, one), chosen.get(one.pk)) for one in partners}


_ASKED_ONE_BY_ONE = 100  # beyond that all rows of the institution are read


def _best(usable: Sequence[Channel], chosen: str | None) -> Channel:
    if Channel.HERE in usable:
        return Channel.HERE
    if chosen and Channel(chosen) in usable:
        return Channel(chosen)
    return usable[0] if usable else Channel.FILE


def adapter_of(agreement: Agreement) -> AgreementChannel | None:
    """What carries this agreement now."""
    return _CHANNELS.get(channel_of(agreement.institution, agreement.partner))


@transaction.atomic
def choose(
    *,
    actor: Actor,
    institution: Institution,
    partner: Institution,
    channel: Channel,
    now: datetime,
) -> ChosenChannel:
    """The office reaches this partner so from now on. What is under way is told again the new way."""
    actor.require(May.AGREEMENTS_EDIT, institution.pk, None)
    if channel not in possible(institution, partner):
        raise Unreachable("channels.unreachable", partner=partner.name)
    chosen = ChosenChannel.objects.create(
        institution=institution,
        partner=partner,
        process=Process.AGREEMENTS,
        channel=channel,
        since=now,
        by=actor.label,
    )
    record(
        actor,
        "channels.choose",
        chosen,
        at=now,
        institution_id=institution.pk,
        changes={"channel": ["", channel.value]},
    )
    for agreement in Agreement.objects.served().filter(institution=institution, partner=partner):
        copy_changed(agreement)
        approval_changed(agreement)
    return chosen


def copy_changed(agreement: Agreement) -> None:
    """Tells the partner over its channel."""
    if adapter := adapter_of(agreement):
        adapter.copy_changed(agreement)


def approval_changed(agreement: Agreement) -> None:
    """Tells the partner over its channel."""
    if adapter := adapter_of(agreement):
        adapter.approval_changed(agreement)


def look(agreement: Agreement, *, actor: Actor, now: datetime) -> Look:
    """The partner's side as it is this moment, before a person decides anything on it."""
    adapter = adapter_of(agreement)
    found = adapter.look(agreement, actor=actor, now=now) if adapter else Look(fresh=True)
    if found.fresh:
        actions.heard(Agreement.objects.get(pk=agreement.pk))
    return found


@transaction.atomic
def remind(*, actor: Actor, agreement: Agreement, now: datetime, note: str = "") -> None:
    """Tells the partner once more that it is its turn: word over the network again, or a letter with the note.

    Refuses when it is not the partner's turn, and where nothing goes to the partner by itself.
    """
    actor.require(May.AGREEMENTS_EDIT, agreement.institution_id, agreement.unit_id)
    partner = agreement.partner.name
    if agreement.deleted_at or not agreement.shared_at or not _waits_for_partner(agreement):
        raise NothingToRemind("channels.not-their-turn", partner=partner)
    channel = channel_of(agreement.institution, agreement.partner)
    links = GuestLink.objects.filter(agreement=agreement).open_at(now)
    if channel is Channel.FILE or (channel is Channel.GUEST and not links.exists()):
        raise Unreachable(
            "channels.no-way-to-remind",
            sentence=_("Nothing goes to %(partner)s by itself."),
            remedy=_("Invite the partner by a link, or hand the file over again."),
            partner=partner,
        )
    if note.strip():
        actions.remark(actor=actor, agreement=agreement, text=note, now=now, for_partner=True)
    if channel is not Channel.GUEST:
        copy_changed(agreement)
        approval_changed(agreement)
    record(actor, "agreements.remind", agreement, at=now, institution_id=agreement.institution_id)


def _waits_for_partner(agreement: Agreement) -> bool:
    return standing(agreement).next[0] is Turn.PARTNER


def listen() -> None:
    """What agreements announce goes to partners over their channels."""
    on(COPY_CHANGED, copy_changed)
    on(APPROVAL_CHANGED, approval_changed)

"""What waits about agreed texts: consents of one's institution, copies that a person has to decide about."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext as _

from vaihto.agreements.alliances import Step, bilaterals, holding
from vaihto.agreements.models import AllianceAgreement, AllianceText
from vaihto.journal.actors import Actor, May
from vaihto.web.alliance.texts import address, own_places, step_word
from vaihto.web.offers.words import name_of
from vaihto.web.turn import LIMIT, Queue, Waiting, source


def _queue(key: str, title: str, why: str, lines: list[Waiting]) -> Queue:
    return Queue(
        key=key,
        title=title,
        why=why,
        lines=lines[:LIMIT],
        total=len(lines),
        capped=False,
        all_href="",
    )


@source
def to_consent(actor: Actor, today: date) -> Queue | None:
    """Texts before the members to which one's own institution has not consented."""
    if not actor.reach(May.AGREEMENTS_APPROVE):
        return None
    texts = AllianceText.objects.filter(
        agreement__in=AllianceAgreement.objects.visible_to(actor).filter(closed_at__isnull=True),
        put_at__isnull=False,
        dropped_at__isnull=True,
    ).select_related("agreement__alliance")
    lines = []
    for text in texts.order_by("put_at"):
        whole = holding(text.agreement, on=today)
        if text.adopted_at and text != whole.text:
            continue
        given = set(text.consents.values_list("institution", flat=True))
        lines += [
            Waiting(
                title=text.agreement.name,
                about=_("Text %(number)s, for %(institution)s")
                % {"number": text.number, "institution": name_of(one)},
                href=address(text.agreement, "consent", one.pk),
                since=text.put_at.date() if text.put_at else None,
                deed=_("Read and consent"),
            )
            for one in own_places(actor, May.AGREEMENTS_APPROVE, whole.taking_part)
            if one.pk not in given
        ]
    return _queue(
        "alliance-consent",
        _("Texts of alliances to consent to"),
        _("They count once every member has consented."),
        lines,
    )


@source
def to_decide(actor: Actor, today: date) -> Queue | None:
    """Copies that depart from the text, or stand beside it, and have to be decided by a person."""
    if not actor.reach(May.AGREEMENTS_EDIT):
        return None
    lines = []
    open_ones = AllianceAgreement.objects.visible_to(actor).filter(closed_at__isnull=True)
    for agreement in open_ones.select_related("alliance"):
        whole = holding(agreement, on=today)
        places = own_places(actor, May.AGREEMENTS_EDIT, whole.bound)
        lines += [
            Waiting(
                title=f"{name_of(one.institution)} – {name_of(one.partner)}",
                about=f"{agreement.name}: {step_word(one.step)}",
                href=address(agreement, "copy", one.institution.pk, one.partner.pk),
                deed=_("Decide"),
            )
            for one in bilaterals(whole, of=places)
            if one.step in {Step.DEPARTS, Step.ELSEWHERE}
        ]
    return _queue(
        "alliance-departures",
        _("Agreements beside the alliance's text"),
        _("They say something else than the text their alliance agreed on."),
        lines,
    )

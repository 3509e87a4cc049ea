"""What the registrars of the demo did before the day on which it stands still, so that pages have a past.

In March the long outgoing collection of the year before was frozen; in October a file was sent and its receipt
written down; since then a few stays were corrected. So there are differences to look at, and a transfer is due.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.utils import timezone

from vaihto.classification.collections import freeze
from vaihto.demo.stories import HOPEARANTA, TUULISALMI
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.mobilities.actions import cancel, correct
from vaihto.mobilities.facts import MobilityFacts, SegmentFacts
from vaihto.mobilities.models import Direction, Mode, Side, State
from vaihto.people.access import actor_of
from vaihto.people.models import Account
from vaihto.virta.actions import export, record_delivery

_CORRECTED = 8
_REASONS = (
    "The certificate of stay gives another last day.",
    "The student sent the boarding pass.",
    "The host confirmed the dates.",
)
_REGISTRARS = ((TUULISALMI, "demo-registrar"), (HOPEARANTA, "demo-other-registrar"))


def tell_history(*, today: date) -> None:
    """Freezes, sends and corrects, each on its own day before `today`."""
    for hei_id, username in _REGISTRARS:
        house = Institution.objects.get(hei_id=hei_id)
        actor = actor_of(Account.objects.get(username=username), today=today)
        freeze(
            actor=actor,
            institution=house,
            extraction="oph_long_outgoing",
            year=today.year - 1,
            note="State of the day of the extraction.",
            now=_at(date(today.year, 3, 5), 9),
        )
        sent = _at(today - timedelta(days=40), 8)
        made = export(actor=actor, institution=house, now=sent)
        record_delivery(
            actor=actor,
            run=made,
            delivered_on=sent.date(),
            proof=f"Receipt VR-{house.national_code}-{sent:%Y%m%d}",
            now=sent + timedelta(hours=3),
        )
        _correct_some(house, actor, today)


def _at(day: date, hour: int) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(hour, 20)))


def _correct_some(house: Institution, actor: Actor, today: date) -> None:
    """Moves the last day of some finished stays of last year, and cancels one that never began."""
    sides = (
        Side.objects.filter(
            institution=house,
            direction=Direction.OUTGOING,
            mobility__state=State.DONE,
            mobility__start__year=today.year - 1,
            mobility__planned_blended=False,
            periods__days__gte=60,
        )
        .exclude(key__contains="-900")  # told persons stay as they are told
        .select_related("mobility")
        .order_by("key")[:_CORRECTED]
    )
    for number, side in enumerate(sides):
        parts = list(side.mobility.segments.all())
        part = parts[0]
        if len(parts) != 1 or part.mode != Mode.PHYSICAL or part.end is None:
            continue
        last = part.end + timedelta(days=(-3, 5, 2)[number % 3])
        correct(
            actor=actor,
            side=side,
            facts=MobilityFacts(
                key=side.key,
                student_key=side.student_key,
                direction=side.direction,
                purpose=side.mobility.purpose,
                partner_country=side.mobility.receiving_country,
                segments=(
                    SegmentFacts(
                        mode=part.mode,
                        place=part.place,
                        country=part.country,
                        start=part.start,
                        end=last,
                        purpose=part.purpose,
                    ),
                ),
            ),
            said={"segments"},
            seen_version=side.mobility.version,
            now=_at(today - timedelta(days=30 - 3 * number), 13),
            reason=_REASONS[number % 3],
        )
    planned = (
        Side.objects.filter(institution=house, mobility__state=State.AGREED)
        .select_related("mobility")
        .order_by("key")
        .first()
    )
    if planned:
        cancel(
            actor=actor,
            side=planned,
            seen_version=planned.mobility.version,
            now=_at(today - timedelta(days=4), 10),
            reason="The student withdrew.",
        )

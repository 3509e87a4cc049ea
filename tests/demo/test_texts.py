"""The agreed text of the demo: one of everything that can be seen of such a text, and a deed left for the visitor."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.demo.test_network import EVENING, SYSTEM, found_institutions
from vaihto.agreements import actions
from vaihto.agreements.alliances import Step, bilaterals, holding
from vaihto.agreements.models import Agreement
from vaihto.agreements.standing import State
from vaihto.demo.invention import TODAY
from vaihto.demo.stories import TUULISALMI
from vaihto.demo.texts import agree_on_text
from vaihto.institutions.models import Alliance, Institution


@pytest.mark.django_db
def test_the_demo_shows_a_text_that_is_followed_departed_from_and_about_to_change() -> None:
    found_institutions()
    hosted = Institution.objects.hosted().count()
    whole = agree_on_text(
        Alliance.objects.get(), since=EVENING.replace(month=3), today=TODAY, actor=SYSTEM
    )
    now = holding(whole, on=TODAY)
    steps = Counter(one.step for one in bilaterals(now))
    assert steps == {Step.IN_STEP: hosted * 8 - 1, Step.DEPARTS: 1}
    states = Counter(
        Agreement.objects.filter(alliance_agreement=whole).values_list("listed_state", flat=True)
    )
    assert states[State.IN_FORCE.value] > states[State.PROPOSED.value] == hosted
    assert states[State.MODIFICATION.value] == 1
    assert Agreement.objects.filter(created_at__gt=EVENING).count() == 0

    second = whole.texts.get(adopted_at__isnull=True)
    (missing,) = set(now.taking_part) - {one.institution for one in second.consents.all()}
    assert missing.hei_id == TUULISALMI
    actions.consent(actor=SYSTEM, text=second, institution=missing, now=EVENING)
    counts = actions.follow_text(agreement=whole, now=EVENING)["counts"]
    assert counts == {"changed": hosted * 8 - 1, "departs": 1}

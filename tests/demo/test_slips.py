"""The checks before sending find the slips that the demo's registers were given, and no credits beside them."""

from __future__ import annotations

from collections import Counter

from vaihto.demo.building import Built
from vaihto.demo.invention import TODAY
from vaihto.institutions.models import Institution
from vaihto.transcripts.models import Attainment
from vaihto.virta.checking import check_institution


def test_the_level_missing_from_the_told_person_is_found(tiny: Built) -> None:
    house = Institution.objects.get(hei_id="tuulisalmi.example")
    found = {(line.check, line.key) for line in check_institution(house, today=TODAY).lines}
    assert ("Q12", "T-IN-900016") in found
    assert ("Q28", "T-900010-1") in found
    assert ("Q36", "T-900001-1") in found


def test_only_traineeships_without_their_classification_are_named(tiny: Built) -> None:
    named = Counter()
    for hei_id in ("tuulisalmi.example", "hopearanta.example"):
        house = Institution.objects.get(hei_id=hei_id)
        keys = [
            line.key for line in check_institution(house, today=TODAY).lines if line.check == "Q33"
        ]
        done = Attainment.objects.filter(institution=house, is_traineeship=True)
        unclassified = {one.key for one in done if "8" not in one.classifications}
        assert set(keys) == unclassified
        named["traineeships"] += done.count()
    assert named["traineeships"] > 0

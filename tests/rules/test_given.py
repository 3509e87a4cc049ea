"""Cases beside the rules that are whole facts of the contract: checks, credits, visits, publishing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vaihto.rules import checks, publishing, visits
from vaihto.rules import credits as credit_rules
from vaihto.rules.cases import Case, cases_of, differences


def codes(given: dict[str, Any]) -> list[str]:
    return [line["check"] for line in checks.validate(given)]


JUDGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "checks": codes,
    "credits": credit_rules.count,
    "visits": visits.judge_visit,
    "publishing": lambda given: publishing.mask(given["counts"]),
}
GIVEN = [case for topic in JUDGES for case in cases_of(topic) if case.given is not None]


@pytest.mark.parametrize("case", GIVEN, ids=lambda case: f"{case.topic}: {case.name}")
def test_the_facts_of_a_case_are_judged_as_it_says(case: Case) -> None:
    assert case.given is not None
    assert differences(case.expect, JUDGES[case.topic](case.given)) == []

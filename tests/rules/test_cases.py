"""Every case beside the rules is true, and every declaration is readable."""

from __future__ import annotations

import pytest

from vaihto.rules import catalogue
from vaihto.rules.cases import Case, cases_of, disagreements
from vaihto.rules.catalogue import TOPICS

ROW_CASES = [case for topic in TOPICS for case in cases_of(topic) if case.row is not None]


@pytest.mark.parametrize("case", ROW_CASES, ids=lambda case: f"{case.rule}: {case.name}")
def test_a_case_beside_the_rules_is_true(case: Case) -> None:
    assert case.rule is not None
    assert disagreements(case, catalogue.rule_of(case.rule)) == []

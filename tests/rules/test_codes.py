"""The rules and checks are those of the reference, each with texts, cases and reasons."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from vaihto.rules import catalogue, checks
from vaihto.rules.cases import cases_of
from vaihto.rules.findings import Rule, every_part

LISTS = Path(__file__).parents[3] / "shared" / "codelists" / "virta"
OURS = ("checks", "student", "grants", "blended", "staff", "restated")
RULES = [one for one in catalogue.rules() if one.topic in OURS]


def test_the_checks_and_their_severities_are_those_of_the_index() -> None:
    path = LISTS / "check_index.csv"
    if not path.exists():
        pytest.skip("the index of checks is not at hand")
    with path.open(encoding="utf-8", newline="") as lines:
        index = {row["check"]: row["severity"] for row in csv.DictReader(lines)}
    assert {one.code: checks.severity(one) for one in checks.RULES} == index


def test_the_programme_rules_are_those_asked_for() -> None:
    asked = [*range(1, 17), *range(20, 38), *range(90, 106)]
    codes = {one.code for one in catalogue.rules()}
    missing = [f"E{n:02}" for n in asked if f"E{n:02}" not in codes]
    assert missing == []


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.code)
def test_a_sentence_names_only_what_was_compared(one: Rule) -> None:
    values = dict.fromkeys(one.finding.compared, "x")
    for language in ("en", "fi", "sv"):
        for holds in (True, False):
            sentence = one.sentence(holds, values, language)
            assert "%(" not in sentence
            assert sentence.endswith((".", "%", "€."))
    for sentences in (one.texts.holds, one.texts.fails):
        named = {
            language: set(re.findall(r"%\((\w+)\)", text)) for language, text in sentences.items()
        }
        assert named["fi"] == named["en"]
        assert named["sv"] == named["en"]
        parts = [re.findall(r"\[((?:not )?(\w+)): ", text) for text in sentences.values()]
        assert parts[0] == parts[1] == parts[2]
        assert {name for _part, name in parts[0]} <= set(one.finding.compared)


@pytest.mark.parametrize("one", checks.RULES, ids=lambda one: one.code)
@pytest.mark.parametrize("value", [None, False, "x"])
def test_the_parts_of_a_sentence_make_a_whole_one_whatever_was_compared(
    one: Rule, value: object
) -> None:
    for language in ("en", "fi", "sv"):
        for sentence in (
            checks.message(one.code, dict.fromkeys(one.finding.compared, value), language=language),
            every_part(one.texts.fails[language]),
        ):
            assert sentence.endswith((".", "%"))
            assert not re.search(r"[\[\]]|  | [,;.:]", sentence)


@pytest.mark.parametrize("topic", OURS)
def test_every_rule_has_at_least_three_cases_with_both_answers_or_a_silence(topic: str) -> None:
    cases = [case for case in cases_of(topic) if case.rule is not None]
    counts = Counter(case.rule for case in cases)
    codes = [one.code for one in RULES if one.topic == topic]
    assert [code for code in codes if counts[code] < 3] == []
    for code in codes:
        answers = {
            None if case.expect is None else case.expect["holds"]
            for case in cases
            if case.rule == code
        }
        assert len(answers) > 1, code


def test_case_names_are_unique_within_a_rule() -> None:
    names = [(topic, case.rule, case.name) for topic in OURS for case in cases_of(topic)]
    assert [name for name, times in Counter(names).items() if times > 1] == []

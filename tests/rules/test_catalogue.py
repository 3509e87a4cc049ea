"""The catalogue is complete, and every rule can be said in every language."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from vaihto.rules import catalogue
from vaihto.rules.cases import cases_of
from vaihto.rules.declarations import LANGUAGES, texts_of
from vaihto.rules.findings import Rule, evaluate
from vaihto.rules.parameters import parameters

SHARED = Path(__file__).parents[3] / "shared" / "codelists" / "virta"
RULES = catalogue.rules()
PLACE = re.compile(r"%\((\w+)\)s")


def codes_in(file: str, column: str) -> set[str]:
    path = SHARED / file
    if not path.exists():
        pytest.skip(f"{file} of the reference is not beside the project")
    with path.open(encoding="utf-8", newline="") as lines:
        return {row[column] for row in csv.DictReader(lines)}


def declared(letters: str) -> set[str]:
    return {one.code for one in RULES if one.code[0] in letters and one.code[1:].isdigit()}


def test_every_recording_and_statistics_rule_of_the_reference_is_declared_and_no_other() -> None:
    assert declared("VS") == codes_in("rule_index.csv", "rule")


def test_rules_of_finland_stand_in_the_order_of_the_reference() -> None:
    finland = [one.code for one in RULES if one.code[0] in "VS"]
    assert finland == sorted(finland, key=lambda code: (code[0] != "V", code))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_has_source_and_sentences_that_name_only_what_it_compared(rule: Rule) -> None:
    texts = rule.texts
    assert texts.source
    compared = set(rule.finding.compared)
    for sentences in (texts.holds, texts.fails):
        places = {language: set(PLACE.findall(sentences[language])) for language in LANGUAGES}
        assert places["en"] <= compared
        assert places["fi"] == places["en"] == places["sv"]
    for language in LANGUAGES:
        sample = dict.fromkeys(compared, 1)
        assert "%(" not in rule.sentence(True, sample, language)
        assert "%(" not in rule.sentence(False, sample, language)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_works_on_the_columns_its_subject_declares(rule: Rule) -> None:
    frame = evaluate(rule.subject.frame([{}]).lazy(), [rule]).collect()
    assert rule.code in frame.columns


def test_no_text_stands_without_its_rule() -> None:
    for topic in catalogue.TOPICS:
        assert set(texts_of(topic)) == {one.code for one in RULES if one.topic == topic}


def test_all_parameters_can_be_read() -> None:
    assert parameters()["long_period_minimum"].topic == "finland"


@pytest.mark.parametrize(
    "rule", [one for one in RULES if one.topic == "finland"], ids=lambda rule: rule.code
)
def test_a_finnish_rule_has_at_least_three_cases(rule: Rule) -> None:
    found = [case for case in cases_of("finland") if case.rule == rule.code]
    assert len(found) >= 3

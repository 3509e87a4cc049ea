from __future__ import annotations

import pytest
from django.utils.translation import override

from tests.cast import Cast
from vaihto.classification.models import Judgement, Scheme, Verdict
from vaihto.web import explain


def test_a_finding_is_a_sentence_with_the_values_compared() -> None:
    finding = {"rule": "S07", "period": 0, "holds": True, "compared": {"days": 87, "limit": 87}}
    assert explain.sentence(finding) == "87 days is at least 87: long."
    with override("fi"):
        assert "87" in explain.sentence(finding)
        assert explain.sentence(finding) != "87 days is at least 87: long."


def test_a_country_is_named_and_a_day_is_written_as_people_write_it() -> None:
    finding = {
        "rule": "V40", "holds": True,
        "compared": {"direction": "outgoing", "country": "233", "own_country": "246"},
    }  # fmt: skip
    assert "Estonia" in explain.sentence(finding)


def test_the_choices_of_the_records_are_said_in_the_language_of_the_reader() -> None:
    with override("fi"):
        assert explain._said("direction", "outgoing") == "lähtevä"
        assert explain._said("frame", "erasmus") == "Erasmus+"
        assert explain._said("key", "outgoing") == "outgoing"


@pytest.mark.parametrize(
    "finding",
    [
        {"rule": "Z99", "holds": True, "compared": {}},
        {"rule": "Z99"},
    ],
)
def test_a_rule_that_the_catalogue_lacks_says_nothing(finding: dict[str, object]) -> None:
    assert explain.sentence(finding) == ""
    assert explain.rule_title("Z99") == "Z99"


def test_a_finding_that_lacks_a_value_falls_back_to_the_title() -> None:
    assert explain.sentence({"rule": "S07", "holds": True, "compared": {}}) == explain.rule_title(
        "S07"
    )


def test_every_stored_verdict_is_explained(judged: Cast) -> None:
    judgement = Judgement.objects.get(side=judged.outgoing)
    periods = {period.pk: period for period in judged.outgoing.periods.all()}
    verdicts = list(Verdict.objects.filter(side=judged.outgoing))
    answers = explain.answers(verdicts, judgement, periods)
    assert [one.scheme for one in answers][:3] == [Scheme.VIRTA, Scheme.OPH, Scheme.TK]
    assert [one.rule for one in answers if not (one.sentence or one.reason or one.title)] == []


def test_what_is_missing_is_named_in_words() -> None:
    assert explain.missing_word("home_degree_right_abroad") == (
        "whether the student has a degree right at a foreign home"
    )
    assert explain.missing_word("something_new") == "something_new"

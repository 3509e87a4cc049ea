"""The log keeps identifiers and places, never people."""

from __future__ import annotations

import json
import logging
from io import StringIO
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.db import IntegrityError

from vaihto import logs
from vaihto.refusals import Invalid


@pytest.fixture
def lines() -> Any:
    """Writes with the real formatter into memory; the answer reads the lines."""
    stream = StringIO()
    made = DictConfigurator(logs.configuration("DEBUG"))
    formatter = made.configure_formatter(made.config["formatters"]["lines"])
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    loggers = [logging.getLogger(name) for name in ("vaihto.test", "library.test")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for logger in loggers:
        logger.removeHandler(handler)
        logger.propagate = True


def test_a_line_is_one_event_with_facts_as_fields(lines: Any) -> None:
    logging.getLogger("vaihto.test").info("batch confirmed", extra={"batch": 7, "lines": 500})
    (line,) = lines()
    assert {key: line[key] for key in ("event", "level", "logger", "batch", "lines")} == {
        "event": "batch confirmed",
        "level": "info",
        "logger": "vaihto.test",
        "batch": 7,
        "lines": 500,
    }


@pytest.mark.parametrize(
    "fact",
    ["email", "given_names", "familyName", "Identity-Code", "username", "ip_address", "value"],
)
def test_facts_about_people_are_dropped_also_inside(fact: str, lines: Any) -> None:
    logging.getLogger("vaihto.test").info(
        "x", extra={fact: "Aino", "told": {fact: "Aino", "ok": 1}}
    )
    text = json.dumps(lines())
    assert "Aino" not in text
    assert '"ok": 1' in text


def test_an_object_is_named_by_its_kind(lines: Any) -> None:
    class Student:
        def __repr__(self) -> str:
            return "Aino"

    logging.getLogger("vaihto.test").info("x", extra={"subject": Student()})
    assert "Aino" not in json.dumps(lines())
    assert lines()[0]["subject"].endswith("Student>")


def test_of_a_library_only_the_pattern_is_kept(lines: Any) -> None:
    logging.getLogger("library.test").warning("sign-in of %s failed", "aino@example.org")
    assert lines()[0]["event"] == "sign-in of %s failed"


def test_of_a_fault_the_kind_and_place_are_kept_and_not_what_it_quotes(lines: Any) -> None:
    try:
        int("010502A901K")
    except ValueError:
        logging.getLogger("vaihto.test").exception("work failed")
    (line,) = lines()
    assert "010502A901K" not in json.dumps(line)
    assert line["fault"][0]["kind"] == "builtins.ValueError"
    assert line["fault"][0]["at"][-1].endswith(
        "test_of_a_fault_the_kind_and_place_are_kept_and_not_what_it_quotes"
    )


def test_of_a_database_fault_the_constraint_is_kept_and_the_row_is_not(lines: Any) -> None:
    try:
        raise IntegrityError(
            'duplicate key violates "a_learner_number"\nDETAIL: Key (learner_number)=(1.2.246) exists.'
        )
    except IntegrityError:
        logging.getLogger("vaihto.test").exception("work failed")
    says = lines()[0]["fault"][0]["says"]
    assert says == 'duplicate key violates "a_learner_number"'


def test_of_a_refusal_the_code_is_kept(lines: Any) -> None:
    try:
        raise Invalid("person.known", sentence="%(name)s is known.", name="Aino")
    except Invalid:
        logging.getLogger("vaihto.test").exception("refused")
    assert lines()[0]["fault"][0]["says"] == "person.known"


def test_causes_are_kept_too(lines: Any) -> None:
    try:
        try:
            int("Aino")
        except ValueError as error:
            raise KeyError("Aino") from error
    except KeyError:
        logging.getLogger("vaihto.test").exception("x")
    assert [one["kind"] for one in lines()[0]["fault"]] == [
        "builtins.KeyError",
        "builtins.ValueError",
    ]
    assert "Aino" not in json.dumps(lines())

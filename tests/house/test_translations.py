"""Everything people read exists in Finnish and Swedish."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

from vaihto.command import messages


def test_every_sentence_is_translated_and_keeps_its_named_values() -> None:
    assert list(messages.problems())[:20] == []


def test_the_labels_of_choices_are_collected() -> None:
    collected = {str(message.id) for message in messages.collect() if isinstance(message.id, str)}
    labels = {
        str(label)
        for model in apps.get_models()
        if model.__module__.startswith("vaihto.")
        for field in model._meta.get_fields()
        if isinstance(field, models.Field) and field.choices
        for _value, label in field.flatchoices
    }
    assert sorted(labels - collected) == []


@pytest.mark.parametrize(
    ("source", "translated", "complaint"),
    [
        ("%(count)s lines", "%(count)s riviä", False),
        ("%(count)s lines", "riviä", True),
        ("%(count)s lines", "%(määrä)s riviä", True),
        ("lines", "", True),
        ("No lines.", "Ei rivejä. Ei rivejä.", True),
        ("No lines.", "Ei rivejä.Ei rivejä.", True),
        ("now and now", "nytnyt", True),
        ("tick tick", "tik tik", False),
    ],
)
def test_what_counts_as_a_translation(
    source: str, translated: str, complaint: bool, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from babel.messages.catalog import Catalog  # noqa: PLC0415

    collected, kept = Catalog(), Catalog(locale="fi")
    collected.add(source, locations=[("a.py", 1)])
    kept.add(source, translated)
    monkeypatch.setattr(messages, "collect", lambda: collected)
    monkeypatch.setattr(messages, "read", lambda _language: kept)
    assert bool(list(messages.problems())) is complaint

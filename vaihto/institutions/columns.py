"""Columns that hold a value of `values.py`, or several, as JSON."""

from __future__ import annotations

from typing import Any

from django.db import models

from vaihto.institutions.values import Value, made_many


class ValueField(models.JSONField):
    """One value of a kind; an empty one when nothing is stored."""

    def __init__(self, *, of: type[Value], **options: Any) -> None:
        self.of = of
        super().__init__(**{"default": of, "blank": True, **options})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "of": self.of}

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return self.to_python(super().from_db_value(value, expression, connection))

    def to_python(self, value: Any) -> Any:
        return self.of.made(value) if isinstance(value, dict) else value

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(value.stored() if isinstance(value, Value) else value)

    def validate(self, value: Any, model_instance: Any) -> None:
        models.Field.validate(self, value, model_instance)


class ValuesField(models.JSONField):
    """Several values of a kind in their order, as a tuple."""

    def __init__(self, *, of: type[Value], **options: Any) -> None:
        self.of = of
        super().__init__(**{"default": tuple, "blank": True, **options})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "of": self.of}

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return self.to_python(super().from_db_value(value, expression, connection))

    def to_python(self, value: Any) -> Any:
        return made_many(self.of, value) if isinstance(value, list) else value

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, tuple):
            value = [one.stored() for one in value]
        return super().get_prep_value(value)

    def validate(self, value: Any, model_instance: Any) -> None:
        models.Field.validate(self, value, model_instance)

"""Form fields of ours: choices written without a template per option, because lists of countries are long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class Choice(forms.Select):
    """Django's select with the same markup, made in one go."""

    def render(
        self,
        name: str,
        value: Any,
        attrs: Mapping[str, Any] | None = None,
        renderer: Any = None,
    ) -> SafeString:
        """The element with its options and groups of options."""
        chosen = "" if value is None else str(value)
        full = self.build_attrs({**self.attrs, "name": name}, dict(attrs or {}))
        parts = [
            _group(key, word, chosen)
            if isinstance(word, list | tuple)
            else _options([(key, word)], chosen)
            for key, word in self.choices
        ]
        return format_html(
            "<select{}>{}</select>",
            flatatt(full),
            format_html_join("", "{}", ((p,) for p in parts)),
        )


def _group(label: Any, pairs: Iterable[tuple[Any, Any]], chosen: str) -> SafeString:
    return format_html('<optgroup label="{}">{}</optgroup>', label, _options(pairs, chosen))


def _options(pairs: Iterable[tuple[Any, Any]], chosen: str) -> SafeString:
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        (
            ("" if key is None else key, _SELECTED if _text(key) == chosen else "", word)
            for key, word in pairs
        ),
    )


def _text(key: Any) -> str:
    return "" if key is None else str(key)


_SELECTED = SafeString(" selected")


class ChoiceField(forms.ChoiceField):
    """One of several words."""

    widget = Choice

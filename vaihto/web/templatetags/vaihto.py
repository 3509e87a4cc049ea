"""Tags and filters of our templates: components by name, days, numbers, words."""

from __future__ import annotations

from datetime import date, datetime

from django import template
from django.forms import BaseForm, BaseFormSet, BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString

from vaihto.codes import country_name
from vaihto.web import components
from vaihto.web.wording import shown

register = template.Library()


@register.simple_tag
def badge(word: str, tone: components.Tone = "plain") -> SafeString:
    """A state as a word on a colour."""
    return components.badge(word, tone)


@register.simple_tag
def notice(text: str, tone: components.Tone = "info", title: str = "") -> SafeString:
    """A message that belongs to the page."""
    return components.notice(text, tone=tone, title=title)


@register.simple_tag
def field(bound: BoundField, short: bool = False) -> SafeString:
    """A field with label, hint and errors tied to it."""
    return components.field_of(bound, short=short)


@register.simple_tag
def error_summary(*forms: BaseForm | BaseFormSet[BaseForm] | None) -> SafeString:
    """All errors with links to their fields."""
    return components.error_summary(*forms)


@register.filter
def day(value: date | datetime | None) -> SafeString:
    """A day or moment in the reader's language, machine-readable too."""
    if value is None:
        return SafeString("–")
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), shown(value))


@register.filter
def grouped(value: object) -> str:
    """A number with its thousands apart; a year is not such a number."""
    return components.number(value)


@register.filter
def said(value: object) -> str:
    """Any plain value as people read it."""
    return shown(value)


@register.simple_tag(takes_context=True)
def country(context: template.Context, code: str) -> str:
    """The name of a country by its numeric code."""
    return country_name(code, context["frame"].language)

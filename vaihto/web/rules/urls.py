"""Addresses of the pages about rules."""

from __future__ import annotations

from django.urls import path

from vaihto.web.rules import rules

app_name = "rules"
urlpatterns = [
    path("", rules.rules, name="list"),
    path("<str:code>", rules.rule, name="rule"),
]

"""Addresses of the pages about rules."""

from __future__ import annotations

from django.urls import path

from vaihto.web.rules import editions, rules

app_name = "rules"
urlpatterns = [
    path("", rules.rules, name="list"),
    path("editions", editions.editions, name="editions"),
    path("editions/<int:pk>", editions.edition, name="edition"),
    path("editions/<int:pk>/adopt", editions.adopt, name="adopt"),
    path("<str:code>", rules.rule, name="rule"),
]

"""Addresses of the operators' and administrators' pages."""

from __future__ import annotations

from django.urls import path

from vaihto.web.operations import journal, roles, works

app_name = "operations"
urlpatterns = [
    path("journal", journal.journal, name="journal"),
    path("journal.csv", journal.as_csv, name="journal-csv"),
    path("roles", roles.roles, name="roles"),
    path("roles/give", roles.give, name="give-role"),
    path("roles/<int:pk>/end", roles.end, name="end-role"),
    path("work", works.works, name="work"),
]

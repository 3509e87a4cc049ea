"""Addresses of the pages about the national export and its rehearsal."""

from __future__ import annotations

from django.urls import path

from vaihto.web.virta import runs

app_name = "virta"
urlpatterns = [
    path("", runs.runs, name="runs"),
    path("new", runs.ask, name="ask"),
    path("runs/<int:pk>", runs.run, name="run"),
    path("runs/<int:pk>/file", runs.file, name="file"),
    path("runs/<int:pk>/findings.csv", runs.findings_csv, name="findings-csv"),
    path("runs/<int:pk>/difference", runs.difference, name="difference"),
    path("runs/<int:pk>/delivery", runs.delivery, name="delivery"),
]

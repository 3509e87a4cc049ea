"""Addresses of the pages about the national export and its rehearsal."""

from __future__ import annotations

from django.urls import path

from vaihto.web.virta import rehearsal, runs

app_name = "virta"
urlpatterns = [
    path("", runs.runs, name="runs"),
    path("new", runs.ask, name="ask"),
    path("runs/<int:pk>", runs.run, name="run"),
    path("runs/<int:pk>/file", runs.file, name="file"),
    path("runs/<int:pk>/findings.csv", runs.findings_csv, name="findings-csv"),
    path("runs/<int:pk>/difference", runs.difference, name="difference"),
    path("runs/<int:pk>/delivery", runs.delivery, name="delivery"),
    path("rehearsal", rehearsal.rehearsal, name="rehearsal"),
    path("rehearsal.csv", rehearsal.rehearsal_csv, name="rehearsal-csv"),
    path("rehearsal/totals.csv", rehearsal.totals_csv, name="totals-csv"),
    path("rehearsal/freeze", rehearsal.freeze, name="freeze"),
    path("collections/<int:pk>", rehearsal.collection, name="collection"),
]

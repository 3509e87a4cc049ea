"""Addresses of the pages about alliances; figures are public, their groups protected."""

from __future__ import annotations

from django.urls import path

from vaihto.web.alliance import figures, goals, overview

app_name = "alliance"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("<slug:code>", overview.alliance, name="alliance"),
    path("<slug:code>/participation", figures.participation, name="participation"),
    path("<slug:code>/participation.csv", figures.as_csv, name="participation-csv"),
    path("<slug:code>/participation.json", figures.as_json, name="participation-json"),
    path("<slug:code>/goals", goals.goals, name="goals"),
    path("goals/<int:pk>/withdraw", goals.withdraw, name="withdraw-goal"),
]

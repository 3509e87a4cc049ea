"""Addresses of the pages about alliances; figures are public, their groups protected; agreed texts are for members."""

from __future__ import annotations

from django.urls import path

from vaihto.web.alliance import (
    deciding,
    figures,
    following,
    goals,
    overview,
    texts,
    waiting,  # noqa: F401 - it adds its sources to the worklist
    writing,
)

app_name = "alliance"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("<slug:code>", overview.alliance, name="alliance"),
    path("<slug:code>/participation", figures.participation, name="participation"),
    path("<slug:code>/participation.csv", figures.as_csv, name="participation-csv"),
    path("<slug:code>/participation.json", figures.as_json, name="participation-json"),
    path("<slug:code>/goals", goals.goals, name="goals"),
    path("<slug:code>/agreements", texts.listed, name="agreements"),
    path("<slug:code>/agreements/new", deciding.begin, name="begin-agreement"),
    path("<slug:code>/agreements/<int:pk>", texts.agreement, name="agreement"),
    path("<slug:code>/agreements/<int:pk>/members", deciding.members, name="agreement-members"),
    path("<slug:code>/agreements/<int:pk>/text", writing.write, name="write-agreement"),
    path("<slug:code>/agreements/<int:pk>/put", deciding.put, name="put-agreement"),
    path("<slug:code>/agreements/<int:pk>/take-back", deciding.take_back, name="take-back"),
    path("<slug:code>/agreements/<int:pk>/close", deciding.close, name="close-agreement"),
    path("<slug:code>/agreements/<int:pk>/step", following.step, name="step-agreement"),
    path("<slug:code>/agreements/<int:pk>/consent/<int:member>", deciding.consent, name="consent"),
    path(
        "<slug:code>/agreements/<int:pk>/copies/<int:member>/<int:partner>",
        following.copy,
        name="copy",
    ),
    path("goals/<int:pk>/withdraw", goals.withdraw, name="withdraw-goal"),
]

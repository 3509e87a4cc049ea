"""Addresses of the offices' pages."""

from __future__ import annotations

from django.urls import path

from vaihto.web.office import (
    correcting,
    institutions,
    mobilities,
    mobility,
    people,
    rights,
    waiting,  # noqa: F401 - it adds its sources to the worklist
)

app_name = "office"
urlpatterns = [
    path("mobilities", mobilities.mobilities, name="mobilities"),
    path("mobilities.csv", mobilities.as_csv, name="mobilities-csv"),
    path("mobilities.xlsx", mobilities.as_xlsx, name="mobilities-xlsx"),
    path("mobilities/selected", mobilities.selected, name="mobilities-selected"),
    path("mobilities/<int:pk>", mobility.mobility, name="mobility"),
    path("mobilities/<int:pk>/findings", mobility.findings, name="findings"),
    path("mobilities/<int:pk>/journal", mobility.journal, name="mobility-journal"),
    path("sides/<int:pk>/correct", correcting.correct, name="correct"),
    path("sides/<int:pk>/confirm-end", correcting.confirm_end, name="confirm-end"),
    path("sides/<int:pk>/cancel", correcting.cancel, name="cancel"),
    path("sides/<int:pk>/send-anyway", correcting.send_anyway, name="send-anyway"),
    path("sides/<int:pk>/purge", correcting.purge, name="purge"),
    path("people", people.people, name="people"),
    path("people/<int:pk>", people.person, name="person"),
    path("rights/<int:pk>", rights.right, name="right"),
    path("rights/<int:pk>/give-up", rights.give_up, name="give-up"),
    path("students/<int:pk>/add-right", rights.add_right, name="add-right"),
    path("institutions", institutions.institutions, name="institutions"),
    path("institutions/<int:pk>", institutions.institution, name="institution"),
    path("institutions/<int:pk>/choose", institutions.choose, name="choose"),
    path("institutions/<int:pk>/declare", institutions.declare, name="declare"),
]

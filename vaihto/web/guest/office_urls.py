"""Addresses of the office for partners without EWP."""

from __future__ import annotations

from django.urls import path

from vaihto.web.guest import files, office

app_name = "without-ewp"
urlpatterns = [
    path("files", files.files, name="files"),
    path("files/agreements.xlsx", files.spreadsheet, name="spreadsheet"),
    path("files/<int:pk>", files.file, name="file"),
    path("<int:pk>/links", office.links, name="links"),
    path("<int:pk>/links/<int:link_pk>/<slug:deed>", office.change, name="change-link"),
    path("<int:pk>/paper", office.papers, name="papers"),
    path("<int:pk>/paper/<int:paper_pk>/<slug:deed>", office.settle, name="settle-paper"),
    path("<int:pk>/copy", office.instead, name="instead"),
]

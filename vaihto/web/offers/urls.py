"""Addresses of the catalogue."""

from __future__ import annotations

from django.urls import path

from vaihto.web.offers import catalogue, editing, offer, parts, realising

app_name = "offers"
urlpatterns = [
    path("", catalogue.catalogue, name="catalogue"),
    path("catalogue.csv", catalogue.as_csv, name="catalogue-csv"),
    path("selected", catalogue.selected, name="selected"),
    path("new", editing.new, name="new"),
    path("<int:pk>", offer.offer, name="offer"),
    path("<int:pk>/edit", editing.edit, name="edit"),
    path("<int:pk>/expose", offer.expose, name="expose"),
    path("<int:pk>/withdraw", offer.withdraw, name="withdraw"),
    path("<int:pk>/bring-back", offer.bring_back, name="bring-back"),
    path("<int:pk>/parts", parts.parts, name="parts"),
    path("<int:pk>/realisations/new", realising.new, name="new-realisation"),
    path("realisations/<int:pk>/edit", realising.edit, name="edit-realisation"),
    path("realisations/<int:pk>/remove", realising.remove, name="remove-realisation"),
]

"""Addresses of the pages about what an institution tells its partners."""

from __future__ import annotations

from django.urls import path

from vaihto.web.institution import (
    contacts,
    factsheet,
    overview,
    profile,
    units,
    waiting,  # noqa: F401 - it adds its source to the worklist
)

app_name = "institution"
urlpatterns = [
    path("", overview.start, name="start"),
    path("<int:pk>", overview.overview, name="overview"),
    path("<int:pk>/profile", profile.profile, name="profile"),
    path("<int:pk>/units", units.units, name="units"),
    path("<int:pk>/units/add", units.add_unit, name="add-unit"),
    path("<int:pk>/units/<int:unit_pk>", units.unit, name="unit"),
    path("<int:pk>/units/<int:unit_pk>/remove", units.remove_unit, name="remove-unit"),
    path("<int:pk>/contacts", contacts.contacts, name="contacts"),
    path("<int:pk>/contacts/add", contacts.add_contact, name="add-contact"),
    path("<int:pk>/contacts/<int:contact_pk>", contacts.contact, name="contact"),
    path(
        "<int:pk>/contacts/<int:contact_pk>/remove",
        contacts.remove_contact,
        name="remove-contact",
    ),
    path("<int:pk>/factsheet", factsheet.factsheet, name="factsheet"),
    path("<int:pk>/preview", overview.preview, name="preview"),
]

"""Addresses of the pages on which files are brought in."""

from __future__ import annotations

from django.urls import path

from vaihto.web.imports import batch, bringing

app_name = "imports"
urlpatterns = [
    path("", bringing.batches, name="batches"),
    path("new", bringing.choose, name="choose"),
    path("new/<slug:kind>", bringing.bring, name="bring"),
    path("new/<slug:kind>/template.<str:shape>", bringing.template, name="template"),
    path("examples/<str:name>", bringing.example, name="example"),
    path("<int:pk>", batch.batch, name="batch"),
    path("<int:pk>/confirm", batch.confirm, name="confirm"),
    path("<int:pk>/undo", batch.undo, name="undo"),
    path("<int:pk>/refused.<str:shape>", batch.refused, name="refused"),
]

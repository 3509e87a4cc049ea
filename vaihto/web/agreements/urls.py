"""Addresses of agreements."""

from __future__ import annotations

from django.urls import path

from vaihto.web.agreements import (
    agreement,
    bulk,
    comparing,
    deciding,
    editing,
    factsheets,
    handover,
    overviews,
    particulars,
    places,
    proposals,
    register,
    waiting,  # noqa: F401 - it adds its sources to the worklist
)

app_name = "agreements"
urlpatterns = [
    path("", register.register, name="register"),
    path("agreements.csv", register.as_csv, name="register-csv"),
    path("selected", register.selected, name="selected"),
    path("bulk", bulk.bulk, name="bulk"),
    path("bulk/contact", handover.handover, name="handover"),
    path("map", overviews.partner_map, name="map"),
    path("calendar", overviews.calendar, name="calendar"),
    path("places", places.places, name="places"),
    path("places.csv", places.as_csv, name="places-csv"),
    path("new", editing.new, name="new"),
    path("proposals", proposals.proposals, name="proposals"),
    path("proposals/<int:pk>", proposals.proposal, name="proposal"),
    path("proposals/<int:pk>/take-in", proposals.take_in, name="take-in"),
    path("proposals/<int:pk>/link", proposals.link, name="link"),
    path("proposals/<int:pk>/ignore", proposals.ignore, name="ignore"),
    path("<int:pk>", agreement.agreement, name="agreement"),
    path("<int:pk>/paper.pdf", agreement.paper, name="paper"),
    path("<int:pk>/proof/<int:approval>", agreement.proof, name="proof"),
    path("<int:pk>/edit", editing.edit, name="edit"),
    path("<int:pk>/particulars", particulars.particulars, name="particulars"),
    path("<int:pk>/papers", particulars.add_paper, name="add-paper"),
    path("<int:pk>/papers/<int:attachment>", particulars.attachment, name="attachment"),
    path("<int:pk>/factsheets", factsheets.factsheets, name="factsheets"),
    path("<int:pk>/comparison", comparing.comparison, name="comparison"),
    path("<int:pk>/take-theirs", comparing.take_theirs, name="take-theirs"),
    path("<int:pk>/approve", deciding.approve, name="approve"),
    path("<int:pk>/look", deciding.look, name="look"),
    path("<int:pk>/remark", deciding.remark, name="remark"),
    path("<int:pk>/channel", deciding.channel, name="channel"),
    path("<int:pk>/<slug:deed>", deciding.deed, name="deed"),
]

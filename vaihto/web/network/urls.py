"""Addresses of the pages about the network."""

from __future__ import annotations

from django.urls import path

from vaihto.web.network import (
    exchange,
    log,
    matrix,
    node,
    partner,
    partners,
    trials,
    waiting,  # noqa: F401 - it adds its sources to the worklist
    waits,
)

app_name = "network"
urlpatterns = [
    path("", partners.partners, name="partners"),
    path("partners/<str:hei_id>", partner.partner, name="partner"),
    path("partners/<str:hei_id>/interfaces", partner.apis, name="partner-apis"),
    path("partners/<str:hei_id>/told", partner.told, name="partner-told"),
    path("partners/<str:hei_id>/fetch", partner.fetch, name="partner-fetch"),
    path("partners/<str:hei_id>/test", partner.examination, name="partner-examination"),
    path("partners/<str:hei_id>/test/now", partner.examine, name="partner-examine"),
    path("partners/<str:hei_id>/send", partner.send_again, name="partner-send"),
    path("partners/<str:hei_id>/ticket", partner.ticket, name="partner-ticket"),
    path("partners/<str:hei_id>/agreements", trials.of_partner, name="trials"),
    path("trials/<int:pk>", trials.trial, name="trial"),
    path("trials/<int:pk>/do", trials.act, name="trial-act"),
    path("trials/<int:pk>/end", trials.end, name="trial-end"),
    path("trials/<int:pk>/away", trials.clean, name="trial-clean"),
    path("trials/<int:pk>.csv", trials.as_csv, name="trial-csv"),
    path("trials/<int:pk>.pdf", trials.as_pdf, name="trial-pdf"),
    path("exchanges", log.exchanges, name="exchanges"),
    path("exchanges/<int:pk>", exchange.exchange, name="exchange"),
    path("exchanges/<int:pk>/content", exchange.content, name="exchange-content"),
    path("exchanges/<int:pk>/<slug:part>.bin", exchange.raw, name="exchange-raw"),
    path("notifications", waits.notifications, name="notifications"),
    path("notifications/<int:pk>", waits.notification, name="notification"),
    path("notifications/<int:pk>/send", waits.send_again, name="send-again"),
    path("notifications/<int:pk>/rest", waits.dismiss, name="dismiss"),
    path("members", matrix.matrices, name="matrices"),
    path("members/<slug:code>", matrix.matrix, name="matrix"),
    path("members/<slug:code>.csv", matrix.as_csv, name="matrix-csv"),
    path("members/<slug:code>/rounds", matrix.rounds, name="rounds"),
    path("members/<slug:code>/difference", matrix.difference, name="difference"),
    path("members/<slug:code>/difference.csv", matrix.difference_csv, name="difference-csv"),
    path("members/<slug:code>/<int:pk>", matrix.abilities, name="abilities"),
    path("members/<slug:code>/<int:pk>/answer", matrix.answer, name="answer"),
    path("node", node.node, name="node"),
    path("node/examine", node.examine, name="examine-node"),
    path("node/catalogue", node.refresh_catalogue, name="refresh-catalogue"),
    path("node/manifests/<int:pk>", node.show_manifest, name="manifest"),
    path("node/keys/new", node.create_key, name="create-key"),
    path("node/keys/<str:place>/roll", node.roll_key, name="roll-key"),
    path("node/keys/<int:pk>/withdraw", node.withdraw_key, name="withdraw-key"),
]

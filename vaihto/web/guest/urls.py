"""Addresses of guests. The secret stands in each of them, and is all that opens them."""

from __future__ import annotations

from django.urls import path

from vaihto.web.guest import deciding, door, proposing, reading

app_name = "guest"
urlpatterns = [
    path("<str:secret>", door.door, name="door"),
    path("<str:secret>/agreement", reading.agreement, name="agreement"),
    path("<str:secret>/agreement.pdf", reading.paper, name="paper"),
    path("<str:secret>/comment", reading.comment, name="comment"),
    path("<str:secret>/propose", proposing.propose, name="propose"),
    path("<str:secret>/approve", deciding.approve, name="approve"),
    path("<str:secret>/sign", deciding.sign, name="sign"),
    path("<str:secret>/pass-on", deciding.pass_on, name="pass-on"),
    path("<str:secret>/<slug:deed>", deciding.deed, name="deed"),
]

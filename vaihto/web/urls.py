"""Every address of the pages, by audience. A new page is a line in its audience's `urls.py`."""

from __future__ import annotations

from django.urls import include, path

from vaihto.web import gallery, kept, search, turn, work
from vaihto.web.account import account, signing_in

_front = [
    path("", turn.turn, name="turn"),
    path("sign-in", signing_in.sign_in, name="sign-in"),
    path("sign-in/demo", signing_in.sign_in_as_demo, name="sign-in-as-demo"),
    path("sign-out", signing_in.sign_out, name="sign-out"),
    path("language", account.choose_language, name="language"),
    path("account", account.account, name="account"),
    path("account/password", account.password, name="password"),
    path("account/reminders", account.choose_reminders, name="choose-reminders"),
    path("search", search.search, name="search"),
    path("views/keep", kept.keep_view, name="keep-view"),
    path("views/<int:pk>/forget", kept.forget_view, name="forget-view"),
    path("work/<int:pk>", work.progress, name="work"),
    path("gallery", gallery.gallery, name="gallery"),
]

urlpatterns = [
    path("", include((_front, "web"))),
    path("own/", include("vaihto.web.student.urls")),
    path("office/", include("vaihto.web.office.urls")),
    path("agreements/", include("vaihto.web.agreements.urls")),
    path("g/", include("vaihto.web.guest.urls")),
    path("without-ewp/", include("vaihto.web.guest.office_urls")),
    path("institution/", include("vaihto.web.institution.urls")),
    path("offers/", include("vaihto.web.offers.urls")),
    path("imports/", include("vaihto.web.imports.urls")),
    path("virta/", include("vaihto.web.virta.urls")),
    path("rules/", include("vaihto.web.rules.urls")),
    path("alliance/", include("vaihto.web.alliance.urls")),
    path("network/", include("vaihto.web.network.urls")),
    path("operations/", include("vaihto.web.operations.urls")),
]

"""All addresses: what machines ask at the top, then the pages; static files apart."""

from django.urls import include, path

from vaihto.web.operations import health

urlpatterns = [
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
    path("", include("vaihto.web.urls")),
]

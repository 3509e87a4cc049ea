"""All addresses: the pages, static files apart."""

from django.urls import include, path

urlpatterns = [path("", include("vaihto.web.urls"))]

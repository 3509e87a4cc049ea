"""Addresses of the pages about oneself."""

from __future__ import annotations

from django.urls import path

from vaihto.web.student import own

app_name = "student"
urlpatterns = [path("", own.own, name="own")]

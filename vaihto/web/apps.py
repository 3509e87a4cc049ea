from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "vaihto.web"

from django.apps import AppConfig


class EwpConfig(AppConfig):
    name = "vaihto.ewp"

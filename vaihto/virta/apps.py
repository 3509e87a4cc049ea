from django.apps import AppConfig


class VirtaConfig(AppConfig):
    name = "vaihto.virta"

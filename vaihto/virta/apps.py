from django.apps import AppConfig


class VirtaConfig(AppConfig):
    name = "vaihto.virta"

    def ready(self) -> None:
        from vaihto.virta import actions  # noqa: F401, PLC0415 - app ready; says who does the work

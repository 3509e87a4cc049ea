from django.apps import AppConfig


class EwpConfig(AppConfig):
    name = "vaihto.ewp"

    def ready(self) -> None:
        """Timed work is known once its room is loaded."""
        from vaihto.ewp import refreshing, registry  # noqa: F401, PLC0415 - app ready

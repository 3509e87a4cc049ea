from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "vaihto.web"

    def ready(self) -> None:
        """Puts the letters about what waits on the timetable."""
        from vaihto.web import reminding  # noqa: F401, PLC0415 - app ready

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "vaihto.jobs"

    def ready(self) -> None:
        """Puts both ways of notifications on the timetable and before the workers."""
        from vaihto.jobs import inbox, outbox  # noqa: F401, PLC0415 - app ready

from django.apps import AppConfig


class ClassificationConfig(AppConfig):
    name = "vaihto.classification"

    def ready(self) -> None:
        from vaihto.classification import actions  # noqa: PLC0415 - app ready
        from vaihto.institutions.actions import CHOICES_CHANGED  # noqa: PLC0415 - app ready
        from vaihto.jobs.announcements import on  # noqa: PLC0415 - app ready
        from vaihto.mobilities.actions import MOBILITIES_CHANGED  # noqa: PLC0415 - app ready
        from vaihto.people.actions import RECORDS_CHANGED  # noqa: PLC0415 - app ready

        on(MOBILITIES_CHANGED, actions.sides_changed)
        on(RECORDS_CHANGED, actions.records_changed)
        on(CHOICES_CHANGED, actions.choices_changed)

from django.apps import AppConfig


class MobilitiesConfig(AppConfig):
    name = "vaihto.mobilities"

    def ready(self) -> None:
        from vaihto.agreements.forms import count_use  # noqa: PLC0415 - models exist only now
        from vaihto.jobs.announcements import on  # noqa: PLC0415
        from vaihto.mobilities.actions import link_rights  # noqa: PLC0415
        from vaihto.mobilities.queries import uses_of  # noqa: PLC0415
        from vaihto.people.actions import RECORDS_CHANGED  # noqa: PLC0415

        on(RECORDS_CHANGED, link_rights)
        count_use(uses_of)

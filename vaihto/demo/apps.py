from datetime import timedelta

from django.apps import AppConfig
from django.conf import settings

# What asks partners or the registry by the clock. Behind the invented catalogue there is nobody to ask.
_ASKING = (
    "ewp.catalogue",
    "ewp.capabilities",
    "ewp.partners",
    "ewp.examine",
    "notifications.catch-up",
)


class DemoConfig(AppConfig):
    name = "vaihto.demo"

    def ready(self) -> None:
        """The demo that has its own invented network asks nobody, and its catalogue stays fresh."""
        from vaihto.demo import CATALOGUE_URL  # noqa: PLC0415 - app ready

        if not settings.DEMO or settings.CATALOGUE_URL != CATALOGUE_URL:
            return
        from vaihto.demo.network import confirm  # noqa: PLC0415 - app ready
        from vaihto.jobs.outbox import LANES  # noqa: PLC0415 - app ready
        from vaihto.jobs.timetable import TIMETABLE, every  # noqa: PLC0415 - app ready

        for name in _ASKING:
            TIMETABLE.pop(name, None)
        LANES.clear()  # there is no wire: what waits for partners goes on waiting
        every("demo.catalogue", pause=timedelta(hours=1))(confirm)

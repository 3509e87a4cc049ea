from datetime import time

from django.apps import AppConfig
from django.core.checks import register


class CommandConfig(AppConfig):
    name = "vaihto.command"

    def ready(self) -> None:
        """Registers the checks of the installation and the timed work of the queue itself."""
        from vaihto.command import checks  # noqa: PLC0415 - app ready
        from vaihto.command.housekeeping import tidy  # noqa: PLC0415 - app ready
        from vaihto.jobs.timetable import every  # noqa: PLC0415 - app ready

        for check in checks.ALWAYS:
            register(check)
        for check in checks.BEFORE_DEPLOYMENT:
            register(check, deploy=True)
        every("command.tidy", at=time(4, 40))(tidy)

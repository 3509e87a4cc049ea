from django.apps import AppConfig


class EwpConfig(AppConfig):
    name = "vaihto.ewp"

    def ready(self) -> None:
        """Timed work is known once its room is loaded; agreements are written as the network writes them."""
        from vaihto.agreements.forms import use_form  # noqa: PLC0415 - app ready
        from vaihto.ewp import (  # noqa: PLC0415 - app ready
            client,
            examining,  # noqa: F401 - timed work
            notifications,
            partners,  # noqa: F401
            refreshing,  # noqa: F401
            registry,  # noqa: F401
        )
        from vaihto.ewp.apis import APIS  # noqa: PLC0415 - app ready
        from vaihto.ewp.apis.iias import following  # noqa: PLC0415 - app ready
        from vaihto.ewp.apis.iias.mapping import IiaForm  # noqa: PLC0415 - app ready
        from vaihto.ewp.apis.monitoring import reporting  # noqa: PLC0415 - app ready
        from vaihto.jobs.announcements import on  # noqa: PLC0415 - app ready

        use_form(IiaForm())
        on(client.FAILED, reporting.hear)
        following.register()
        notifications.register(APIS)

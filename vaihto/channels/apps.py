from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "vaihto.channels"

    def ready(self) -> None:
        """Listens to what agreements announce, and registers the channels that need no network of machines."""
        from vaihto.channels import here, reaching  # noqa: PLC0415 - app ready
        from vaihto.channels.models import Channel  # noqa: PLC0415 - app ready

        reaching.listen()
        reaching.carries_agreements(Channel.HERE, here.Here(), reaches=here.reaches)

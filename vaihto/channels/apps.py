from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "vaihto.channels"

    def ready(self) -> None:
        """Listens to what agreements announce, and registers the channels that need no network of machines."""
        from vaihto.agreements.serving import WRITTEN_TO_PARTNER  # noqa: PLC0415 - app ready
        from vaihto.channels import file, guest, here, reaching  # noqa: PLC0415 - app ready
        from vaihto.channels.models import Channel  # noqa: PLC0415 - app ready
        from vaihto.jobs.announcements import on  # noqa: PLC0415 - app ready

        reaching.listen()
        reaching.carries_agreements(Channel.HERE, here.Here(), reaches=here.reaches)
        reaching.carries_agreements(Channel.GUEST, guest.Guest(), reaches=guest.reaches)
        reaching.carries_agreements(Channel.FILE, file.File(), reaches=file.reaches)
        on(WRITTEN_TO_PARTNER, guest.written_to_partner)

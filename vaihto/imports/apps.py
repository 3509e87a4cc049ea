from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "vaihto.imports"

    def ready(self) -> None:
        # Names the functions that do background and timed work.
        import vaihto.imports.actions  # noqa: PLC0415 - models exist only now
        import vaihto.imports.agreements  # noqa: F401, PLC0415 - models exist only now

"""The address of a view with its state, so that every view can be bookmarked and sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest


@dataclass(frozen=True)
class Address:
    """A path and its parameters in order; a changed copy is one call away."""

    path: str
    params: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, request: HttpRequest) -> Address:
        """The address that was asked for; empty parameters are left out."""
        pairs = (
            (name, value)
            for name, values in request.GET.lists()
            for value in values
            if value and not name.startswith("_")
        )
        return cls(request.path, tuple(pairs))

    def __str__(self) -> str:
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path

    def without(self, *names: str) -> Address:
        """The same view with these parameters dropped."""
        return Address(self.path, tuple(pair for pair in self.params if pair[0] not in names))

    def having(self, **values: str | int | Iterable[str] | None) -> Address:
        """The same view with these parameters set; None or nothing drops one."""
        kept = self.without(*values).params
        added: list[tuple[str, str]] = []
        for name, value in values.items():
            if value is None or value == "":
                continue
            if isinstance(value, str | int):
                added.append((name, str(value)))
            else:
                added.extend((name, each) for each in value)
        return Address(self.path, (*kept, *added))

    def at(self, path: str) -> Address:
        """The same state at another path, for exports of what is shown."""
        return Address(path, self.params)

    def get(self, name: str) -> str:
        """The last value of a parameter, or nothing."""
        return next((value for key, value in reversed(self.params) if key == name), "")

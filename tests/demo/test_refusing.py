"""A demo is built for a demo only."""

from __future__ import annotations

from typing import Any

import pytest

from vaihto.demo import building
from vaihto.demo.accounts import NotADemo
from vaihto.demo.building import build
from vaihto.demo.invention import TINY
from vaihto.people.models import Account


@pytest.mark.django_db
def test_known_passwords_are_for_demos_only(settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(NotADemo):
        build(size=TINY)
    assert Account.objects.count() == 0
    assert not building.is_built()

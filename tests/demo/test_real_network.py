"""A demo that stands in a real network invents none; apart from the others, which share an invented one."""

from __future__ import annotations

from tests.demo.test_network import found_institutions
from vaihto.demo.invention import TODAY
from vaihto.demo.network import tell_of_network
from vaihto.ewp.models import Exchange, Key


def test_a_demo_in_a_real_network_tells_no_tales(db: None) -> None:
    found_institutions()
    tell_of_network(today=TODAY)
    assert not Key.objects.exists()
    assert not Exchange.objects.exists()

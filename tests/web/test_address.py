from __future__ import annotations

from django.test import RequestFactory

from vaihto.web.address import Address


def test_a_changed_copy_keeps_the_rest_of_the_state() -> None:
    address = Address.of(RequestFactory().get("/list?state=done&sort=start&state=planned"))
    assert str(address.having(sort="-start")) == "/list?state=done&state=planned&sort=-start"


def test_empty_parameters_and_none_are_left_out() -> None:
    address = Address.of(RequestFactory().get("/list?state=&year=2024"))
    assert str(address.having(year=None)) == "/list"


def test_values_are_quoted() -> None:
    assert str(Address("/list").having(partner="A&B ä")) == "/list?partner=A%26B+%C3%A4"

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agreements.two import PlainForm, Two
from vaihto.agreements import forms


@pytest.fixture(autouse=True)
def plain_form() -> Iterator[None]:
    before = list(forms._FORM)
    forms.use_form(PlainForm())
    yield
    forms._FORM[:] = before


@pytest.fixture
def two(db: None) -> Two:
    return Two.meet()

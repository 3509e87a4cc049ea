from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agreements.two import PlainForm, Two
from vaihto.agreements import forms, serving


@pytest.fixture(autouse=True)
def plain_form() -> Iterator[None]:
    before = list(forms._FORM)
    forms.use_form(PlainForm())
    yield
    forms._FORM[:] = before


@pytest.fixture
def no_channels() -> Iterator[None]:
    """The test itself is the wire."""
    spoken = (serving.COPY_CHANGED, serving.APPROVAL_CHANGED)
    before = [list(one._listeners) for one in spoken]
    for one in spoken:
        one._listeners.clear()
    yield
    for one, listeners in zip(spoken, before, strict=True):
        one._listeners[:] = listeners


@pytest.fixture
def two(db: None, no_channels: None) -> Two:
    return Two.meet()

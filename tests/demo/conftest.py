"""A tiny demo, built once for all tests of a module and taken back after them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import transaction
from django.test import override_settings

from vaihto.demo.building import Built, build
from vaihto.demo.invention import BARE, TINY, Size

PAST = replace(TINY, name="past", has_past=True)
THRICE = Size(name="thrice", people=TINY.people, stays=TINY.stays, visits=TINY.visits, copies=3)


NODE = ("javorec.example", "costaclara.example")


def _built(size: Size, hosts: tuple[str, ...] = ()) -> Iterator[Built]:
    with override_settings(DEMO=True), transaction.atomic():
        yield build(size=size, hosts=hosts)
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def _bare(django_db_setup: None, django_db_blocker: object) -> Iterator[Built]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield from _built(BARE)


@pytest.fixture(scope="module")
def _node(django_db_setup: None, django_db_blocker: object) -> Iterator[Built]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield from _built(BARE, NODE)


@pytest.fixture(scope="module")
def _tiny(django_db_setup: None, django_db_blocker: object) -> Iterator[Built]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield from _built(TINY)


@pytest.fixture(scope="module")
def _thrice(django_db_setup: None, django_db_blocker: object) -> Iterator[Built]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield from _built(THRICE)


@pytest.fixture(scope="module")
def _past(
    django_db_setup: None, django_db_blocker: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with override_settings(DATA=tmp_path_factory.mktemp("data")):
            yield from _built(PAST)


@pytest.fixture
def bare(_bare: Built, db: None) -> Built:
    """Institutions and what they publish and have agreed, nobody else."""
    return _bare


@pytest.fixture
def node(_node: Built, db: None) -> Built:
    """The same as one node of several, which hosts `NODE`."""
    return _node


@pytest.fixture
def past(_past: Built, db: None) -> Built:
    """The tiny demo with what its registrars did before."""
    return _past


@pytest.fixture
def tiny(_tiny: Built, db: None) -> Built:
    """The tiny demo; what a test changes in it is taken back after the test."""
    return _tiny


@pytest.fixture
def thrice(_thrice: Built, db: None) -> Built:
    """The tiny demo three times."""
    return _thrice

"""What must hold for every file: twice is once, and taking back is as if it had never been."""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager, suppress
from datetime import date, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.cast import NOON, Cast
from tests.imports.test_batches import everything
from vaihto.imports import actions
from vaihto.imports.models import Batch
from vaihto.imports.problems import told
from vaihto.journal.actors import Actor
from vaihto.people.models import (
    Primacy,
    StudyRight,
    StudyRightSpell,
    StudyRightState,
)
from vaihto.refusals import Refusal

pytestmark = pytest.mark.django_db

_QUICK = settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12
)
_KEYS = st.sampled_from(["K-1", "K-2", "K-3", "AINO-1", "=K", "ä"])
_DAYS = st.dates(date(2018, 1, 1), date(2026, 12, 31))


class _Undone(Exception):
    """Ends an example: nothing of it stays in the database."""


@contextmanager
def example():
    try:
        with transaction.atomic():
            yield
            raise _Undone
    except _Undone:
        pass


def table(header: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerows([header, *rows])
    return text.getvalue().encode()


def bring(cast: Cast, kind: str, content: bytes) -> Batch:
    actor = Actor.system()
    batch = actions.receive(
        actor=actor,
        institution=cast.sending,
        kind=kind,
        file=io.BytesIO(content),
        name="f",
        now=NOON,
    )
    planned = actions.make_preview(actor=actor, batch=batch, now=NOON).counts()
    done = actions.carry_out(actor=actor, batch=batch, mode="good_lines", now=NOON)
    assert done.counts() == planned
    return done


def rows_of_rights() -> list[list[str]]:
    return [
        sorted(map(str, model.objects.values_list()))
        for model in (StudyRight, StudyRightState, StudyRightSpell, Primacy)
    ]


def holds(cast: Cast, kind: str, first: bytes, second: bytes) -> None:
    """Brings two files; a second time each changes nothing; taking the second back leaves the first.

    A refused line may be refused for what a line below it puts right, so only files without one are held to it.
    """
    if not bring(cast, kind, first).refused:
        again = bring(cast, kind, first)
        assert (again.created, again.changed) == (0, 0)
    before = everything() + rows_of_rights()
    batch = bring(cast, kind, second)
    if not batch.refused:
        again = bring(cast, kind, second)
        assert again.unchanged == batch.created + batch.changed + batch.unchanged
    actions.take_back(actor=Actor.system(), batch=batch, now=NOON)
    assert everything() + rows_of_rights() == before


_PERSONS = st.lists(
    st.tuples(
        _KEYS,
        _TEXT,
        st.sampled_from(["1", "2", "9", "7", ""]),
        st.sampled_from(["", "L-1", "L-2", "L-3"]),
        st.sampled_from(["", "010203A123B", "010203A124C", "010203A"]),
        st.sampled_from(["", "ENG", "LAW"]),
    ).map(list),
    max_size=5,
    min_size=1,
)


@_QUICK
@given(first=_PERSONS, second=_PERSONS)
def test_persons_twice_are_once_and_taken_back_as_if_never(cast: Cast, first, second) -> None:
    header = ["key", "family_name", "gender", "learner_number", "identity_code", "unit"]
    with example():
        holds(cast, "persons", table(header, first), table(header, second))


@st.composite
def _mobility(draw) -> list[list[str]]:
    key = draw(st.sampled_from(["M-1", "M-2", "M-3", "M-AINO"]))
    start = draw(_DAYS)
    whole = [
        key,
        draw(st.sampled_from(["AINO-1", "AINO-1", "nobody"])),
        draw(st.sampled_from(["outgoing", "incoming"])),
        draw(st.sampled_from(["study", "traineeship", "combined"])),
        draw(st.sampled_from(["erasmus", "free_mover", "", "x"])),
        draw(st.sampled_from(["porto-vale.example", "third.example", ""])),
        draw(st.sampled_from(["724", "PT", "", "246"])),
        draw(st.sampled_from(["30", "7,5", ""])),
    ]
    lines = []
    for number in range(draw(st.integers(1, 3))):
        end = start + timedelta(days=draw(st.integers(-1, 120)))
        mode = draw(st.sampled_from(["physical", "virtual"]))
        place = draw(st.sampled_from(["host", "home", "third"]))
        part = [mode, place, start.isoformat(), end.isoformat()]
        lines.append((whole if number == 0 else [key, *[""] * 7]) + part)
        start = end + timedelta(days=1)
    return lines


_MOBILITIES = st.lists(_mobility(), min_size=1, max_size=3).map(
    lambda groups: [line for group in groups for line in group]
)


@_QUICK
@given(first=_MOBILITIES, second=_MOBILITIES)
def test_mobilities_twice_are_once_and_taken_back_as_if_never(cast: Cast, first, second) -> None:
    header = [
        "key",
        "student_key",
        "direction",
        "purpose",
        "programme",
        "partner",
        "partner_country",
        "planned_credits",
        "segment_mode",
        "segment_place",
        "segment_start",
        "segment_end",
    ]
    with example():
        holds(cast, "mobilities", table(header, first), table(header, second))


_RIGHTS = st.lists(
    st.tuples(
        st.sampled_from(["R-1", "R-2", "AINO-R1"]),
        st.sampled_from(["AINO-1", "nobody"]),
        st.sampled_from(["2", "4", "9"]),
        _DAYS.map(date.isoformat),
        st.sampled_from(["1", "3", ""]),
        st.sampled_from(["6", "7, 3", ""]),
        st.sampled_from(["yes", "no", ""]),
    ).map(list),
    min_size=1,
    max_size=4,
)


@_QUICK
@given(first=_RIGHTS, second=_RIGHTS)
def test_study_rights_twice_are_once_and_taken_back_as_if_never(cast: Cast, first, second) -> None:
    header = ["key", "student_key", "type", "start", "state", "classifications", "is_primary"]
    with example():
        holds(cast, "study_rights", table(header, first), table(header, second))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    content=st.binary(max_size=400) | _TEXT.map(str.encode),
    lead=st.sampled_from([b"", b"key;family_name\n", b"PK\x03\x04", b"\xff\xfe"]),
)
def test_no_content_whatever_is_more_than_refused(cast: Cast, content: bytes, lead: bytes) -> None:
    """Any bytes end in a preview or in a refusal with a sentence; never in a fault."""
    actor = Actor.system()
    with example():
        batch = actions.receive(
            actor=actor,
            institution=cast.sending,
            kind="persons",
            file=io.BytesIO(lead + content),
            name="f",
            now=NOON,
        )
        with suppress(Refusal):
            actions.make_preview(actor=actor, batch=batch, now=NOON)
        batch.refresh_from_db()
        assert batch.state in {"previewed", "refused"}
        assert "%(" not in "".join(told(batch.refusal))

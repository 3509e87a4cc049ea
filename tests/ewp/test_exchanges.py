"""What was asked and answered is kept byte for byte, sealed, and forgotten in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from tests.cast import NOON, institution
from tests.ewp.network import CATALOGUE, Network, over, serving
from vaihto.ewp import exchanges
from vaihto.ewp.models import Exchange, Key
from vaihto.ewp.protocol.http import Request, Response
from vaihto.journal.actors import Actor
from vaihto.people.rotation import rotate

REQUEST = Request(
    "POST", "/ewp/x?y=%41", (("Host", "a"), ("X-Request-Id", "id-1")), b"Aino=\x00\xff\r\n\r\nx"
)
ANSWER = Response(200, (("Content-Type", "text/xml"), ("X", "a: b")), b"<Aino/>")


def incoming(**facts: Any) -> Exchange | None:
    return exchanges.keep_incoming(
        **{
            "institution": None,
            "callers": ("p.example",),
            "api": "echo",
            "version": "2.0.1",
            "endpoint": "url",
            "request": REQUEST,
            "answer": ANSWER,
            "at": NOON,
            "took_ms": 3,
            "signature": "verified",
            "outcome": "ok",
            "at_once": True,
            **facts,
        }
    )


def outgoing(**facts: Any) -> Exchange:
    return exchanges.keep_outgoing(
        **{
            "institution": institution("uni.example"),
            "partner": "p.example",
            "api": "echo",
            "version": "2.0.1",
            "endpoint": "url",
            "url": "https://p.example/ewp?id=7",
            "request": REQUEST,
            "answer": None,
            "at": NOON,
            "took_ms": 3,
            "signature": "",
            "outcome": "timeout",
            **facts,
        }
    )


@pytest.mark.django_db
def test_an_exchange_is_read_byte_for_byte_and_lies_sealed() -> None:
    row = incoming()
    assert row is not None
    again = Exchange.objects.get(pk=row.pk)
    assert exchanges.read(again) == (REQUEST, ANSWER)
    assert b"Aino" not in bytes(again.request) + bytes(again.answer)
    assert (again.partner, again.status, again.request_id, again.url) == (
        "p.example", 200, "id-1", "/ewp/x",
    )  # fmt: skip


@pytest.mark.django_db
def test_a_call_without_an_answer_is_kept_without_its_query() -> None:
    row = outgoing()
    assert exchanges.read(row) == (REQUEST, None)
    assert (row.url, row.status, row.direction) == ("https://p.example/ewp", None, "out")


@pytest.mark.django_db
def test_a_caller_for_several_institutions_is_kept_with_all_of_them() -> None:
    row = incoming(callers=("b.example", "a.example"))
    assert row is not None
    assert (row.partner, row.facts) == ("b.example", {"callers": ["b.example", "a.example"]})


tokens = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1
)
values = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f\x85\xa0")
)


@pytest.mark.django_db
@effort(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
)
@given(st.lists(st.tuples(tokens, values)), st.binary(), st.integers(100, 599))
def test_whatever_crossed_the_wire_comes_back(
    headers: list[tuple[str, str]], body: bytes, status: int
) -> None:
    request = Request("GET", "/x", tuple(headers), body)
    answer = Response(status, tuple(headers), body)
    row = incoming(request=request, answer=answer)
    assert row is not None
    assert exchanges.read(row) == (request, answer)


@pytest.mark.django_db
def test_exchanges_are_forgotten_after_the_days_that_were_set(settings: Settings) -> None:
    settings.EWP_KEEP_DAYS = 30
    old, kept = incoming(at=NOON - timedelta(days=31)), incoming(at=NOON - timedelta(days=30))
    assert old is not None
    assert kept is not None
    exchanges.forget(NOON)
    assert list(Exchange.objects.all()) == [kept]


@pytest.mark.django_db(transaction=True)
def test_readings_are_written_by_the_buffer_and_nothing_is_lost(settings: Settings) -> None:
    settings.EWP_KEEP_IN_BATCHES = True
    for _ in range(450):
        assert incoming(at_once=False) is None
    exchanges.flush()
    assert Exchange.objects.count() == 450
    assert {exchanges.read(row) for row in Exchange.objects.all()[:3]} == {(REQUEST, ANSWER)}


@pytest.mark.django_db
def test_a_full_buffer_counts_what_it_loses_and_makes_nobody_wait() -> None:
    buffer = exchanges._Buffer()
    kept = exchanges._Unsealed(Exchange(), REQUEST, Response(200, (), b"x" * 20 * 1024 * 1024))
    before = exchanges.LOST.labels("buffer full")._value.get()
    for _ in range(5):
        buffer.put(kept)
    assert len(buffer.waiting) == 3
    assert exchanges.LOST.labels("buffer full")._value.get() - before == 2


@pytest.mark.django_db
def test_rotating_the_field_keys_covers_exchanges_and_private_keys(settings: Settings) -> None:
    from vaihto.ewp import keys  # noqa: PLC0415 - only here

    settings.FIELD_KEYS = ["old key old key old key old key"]
    row = incoming()
    assert row is not None
    place = institution("uni.example")
    keys.create(actor=Actor.system(), institution=place, purpose=Key.Purpose.CLIENT, now=NOON)
    settings.FIELD_KEYS = ["new key new key new key new key", *settings.FIELD_KEYS]
    told = {each.field: each.renewed for each in rotate(actor=Actor.system(), now=NOON)}
    assert (
        told["ewp.key.private"] == told["ewp.exchange.request"] == told["ewp.exchange.answer"] == 1
    )
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    keys.forget()
    assert exchanges.read(Exchange.objects.get()) == (REQUEST, ANSWER)
    assert keys.signing_key(institution=place, purpose=Key.Purpose.CLIENT, now=NOON) is not None
    again = {each.field: each.already_new for each in rotate(actor=Actor.system(), now=NOON)}
    assert again["ewp.exchange.request"] == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_stopped_writes_what_still_waits(settings: Settings) -> None:
    settings.CATALOGUE_URL = CATALOGUE
    with serving(SERVED_KEEP_IN_BATCHES="yes") as url:
        settings.PUBLIC_URL = url
        node = Network(institution("uni.example"), url, over(url))
        for _ in range(30):
            assert node.ask("echo/v2", [("echo", "a")]).status == 200
    assert Exchange.objects.filter(api="echo", status=200).count() == 30

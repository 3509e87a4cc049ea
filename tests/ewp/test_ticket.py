"""A ticket says what a partner needs to know to mend something, and nothing about a person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import NOON, Cast
from vaihto.ewp import dealings, exchanges, outcomes, ticket
from vaihto.ewp.explained import ASKED, REFERENCE, REFERENCE_OF_REQUESTS, of_exchange
from vaihto.ewp.models import Exchange
from vaihto.ewp.protocol.http import Request, Response
from vaihto.journal.actors import Actor

pytestmark = pytest.mark.django_db

KEY = "ab" * 32
SECRET = ("Meikäläinen", "aino@example.org", "ESI-4711", "1.2.246.562.24.10000000001")


def asked(cast: Cast, **more: Any) -> Exchange:
    """A question about Aino whose answer quotes everything it can."""
    body = "omobility_id=ESI-4711&sending_hei_id=aalto-north.example&who=Aino+Meik%C3%A4l%C3%A4inen"
    facts: dict[str, Any] = {
        "institution": cast.sending,
        "partner": "porto-vale.example",
        "api": "omobilities",
        "version": "3.0.0",
        "endpoint": "get-url",
        "url": "https://porto-vale.example/ewp/omobilities?omobility_id=ESI-4711",
        "request": Request(
            "POST",
            "/ewp/omobilities",
            (("Authorization", f'Signature keyId="{KEY}",signature="x"'),),
            body.encode(),
        ),
        "answer": Response(
            400, (("Content-Type", "text/xml"), ("Digest", "SHA-256=abc=")), b"<e>Meikalainen</e>"
        ),
        "at": NOON,
        "took_ms": 12,
        "signature": "verified",
        "outcome": "bad-request",
        "blame": "ours",
        "facts": {
            "status": 400,
            "message": outcomes.said_by_partner(
                "No ESI-4711 of Meikäläinen (aino@example.org) at aalto-north.example"
            ),
        },
    }
    return exchanges.keep_outgoing(**{**facts, **more})


def test_it_names_the_technical_facts(cast: Cast) -> None:
    text = str(ticket.of_exchange_with(asked(cast)))
    for fact in (
        "omobilities 3.0.0",
        "get-url",
        "2026-11-20 12:00:00",
        "POST https://porto-vale.example/ewp/omobilities",
        "status 400 after 12 ms",
        "aalto-north.example",
        f"key {KEY}",
        "SHA-256=abc=",
    ):
        assert fact in text
    assert "omobility_id, sending_hei_id, who" in text


def test_it_carries_no_value_of_a_parameter_and_no_address_of_mail(cast: Cast) -> None:
    text = str(ticket.of_exchange_with(asked(cast)))
    assert [secret for secret in SECRET if secret in text] == []
    assert "…@…" in text  # an address stood there
    assert ticket.STRUCK in text
    assert "aalto-north.example" in text.partition("What happened")[2].partition("Technical")[0]


def test_what_stood_in_a_document_is_struck_out_word_by_word(cast: Cast) -> None:
    document = "<la><name>Aino Meikäläinen</name><id>1.2.246.562.24.10000000001</id></la>".encode()
    found = asked(
        cast,
        request=Request("POST", "/ewp/las/update", (), document),
        facts={"status": 400, "message": "Student Meikäläinen, 1.2.246.562.24.10000000001, left"},
    )
    text = str(ticket.of_exchange_with(found))
    assert [secret for secret in SECRET if secret in text] == []


def test_where_nothing_can_be_unsealed_the_columns_are_told(cast: Cast, settings: Any) -> None:
    found = asked(cast)
    settings.FIELD_KEYS = ["another key"]
    text = str(ticket.of_exchange_with(found))
    assert "status 400 after 12 ms" in text
    assert "Digest" not in text


def test_it_says_how_often_and_when_it_last_went_well(cast: Cast) -> None:
    from datetime import timedelta  # noqa: PLC0415 - only here

    asked(cast, at=NOON - timedelta(days=3), outcome="ok", blame="", facts={})
    for hours in (30, 20, 0):
        newest = asked(cast, at=NOON - timedelta(hours=hours))
    text = str(dealings.ticket_about(newest, actor=Actor.system()))
    assert "3 times since 2026-11-19 06:00:00 UTC" in text
    assert "2026-11-17 12:00:00 UTC" in text


def test_several_troubles_with_a_partner_make_one_ticket(cast: Cast) -> None:
    asked(cast)
    asked(cast, api="iias", outcome="bad-digest", blame="theirs", facts={"detail": "x"})
    found = dealings.ticket_of("porto-vale.example", actor=Actor.system(), now=NOON)
    assert found is not None
    assert "2 problems" in found.subject
    assert found.text.count("Technical facts") == 2
    assert found.text.count("Hello,") == 1
    assert dealings.ticket_of("third.example", actor=Actor.system(), now=NOON) is None


def test_every_ending_of_a_call_has_words_and_every_reference_an_ending(cast: Cast) -> None:
    for code in outcomes.TABLE:
        found = Exchange(direction="out", outcome=code, facts={})
        assert "%(" not in str(of_exchange(found)), code
    assert set(REFERENCE) <= set(outcomes.TABLE)
    assert set(REFERENCE_OF_REQUESTS) <= set(ASKED)


@pytest.mark.parametrize(("status", "words"), [(409, "We refused"), (503, "We could not answer")])
def test_an_unknown_ending_of_a_request_is_told_by_its_status(status: int, words: str) -> None:
    found = Exchange(direction="in", outcome="mobility.odd", status=status)
    assert str(of_exchange(found)).startswith(words)

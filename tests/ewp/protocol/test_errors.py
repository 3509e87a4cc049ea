"""Errors as documents and as statuses."""

import pytest

from vaihto.ewp.protocol.errors import BadParameter, ErrorResponse, status_of
from vaihto.refusals import Invalid, NotAllowed, Refusal, Stale, Unknown


def test_an_error_response_is_read_as_it_was_written() -> None:
    error = ErrorResponse("first line\nsecond <line>", (("en", "No."), ("fi", "Ei.")))
    assert ErrorResponse.read(error.write()) == error


@pytest.mark.parametrize("body", [b"", b"<html/>", b"no", b"<error-response/>"])
def test_bytes_that_are_no_error_response_give_none(body: bytes) -> None:
    assert ErrorResponse.read(body) is None


def test_an_error_without_its_message_is_still_an_error() -> None:
    empty = ErrorResponse("").write()
    assert ErrorResponse.read(empty) == ErrorResponse("")


@pytest.mark.parametrize(
    ("kind", "status"),
    [(NotAllowed, 403), (Stale, 409), (Unknown, 400), (Invalid, 400), (Refusal, 400)],
)
def test_a_refusal_has_its_status(kind: type[Refusal], status: int) -> None:
    assert status_of(kind("code")) == status


def test_a_bad_parameter_names_the_parameter() -> None:
    error = BadParameter("hei_id", "missing.")
    assert (error.status, error.body.developer) == (400, "Parameter hei_id: missing.")
